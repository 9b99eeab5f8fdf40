/*
 * Header lines by name, and the walk over list headers. Both search line by line, for heads have a
 * few lines and are asked a few times.
 */
#include "wire/http_fields.h"

#include "wire/http_grammar.h"

struct wire_span wire_http_request_field(const struct wire_http_request *request, const char *name,
                                         size_t *out_count)
{
    struct wire_span found = {0};
    struct wire_span field_name;
    struct wire_span value;
    size_t count = 0;
    for (size_t i = 0; wire_http_request_field_at(request, i, &field_name, &value); i++) {
        if (wire_http_equal_nocase(field_name, name) && count++ == 0) {
            found = value;
        }
    }
    if (out_count) {
        *out_count = count;
    }
    return found;
}

void wire_http_list_init(struct wire_http_list *list, const struct wire_http_request *request,
                         const char *name)
{
    memset(list, 0, sizeof *list);
    list->request = request;
    list->name = name;
}

/* Moves on to the next line of the header. */
static bool next_line(struct wire_http_list *list)
{
    struct wire_span name;
    struct wire_span value;
    while (wire_http_request_field_at(list->request, list->next_field, &name, &value)) {
        list->next_field++;
        if (wire_http_equal_nocase(name, list->name)) {
            list->rest = value;
            return true;
        }
    }
    return false;
}

bool wire_http_list_next(struct wire_http_list *list, struct wire_span *out_element)
{
    while (list->rest.size > 0 || next_line(list)) {
        if (list->rest.size == 0) {
            continue;
        }
        const uint8_t *comma = memchr(list->rest.data, ',', list->rest.size);
        size_t size = comma ? (size_t)(comma - list->rest.data) : list->rest.size;
        size_t step = comma ? size + 1 : size;
        struct wire_span element = wire_http_trim(wire_span_of(list->rest.data, size));
        list->rest.data += step;
        list->rest.size -= step;
        if (element.size > 0) {
            *out_element = element;
            return true;
        }
    }
    return false;
}
