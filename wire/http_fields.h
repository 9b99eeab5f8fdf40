/*
 * Questions about the header lines of a request that is done: one by its name, and the elements of
 * a list header. Names are compared without case. What they give are spans of the request and live
 * as long as it does (http_request.h). Any thread, as long as nobody pushes.
 */
#ifndef WIRE_HTTP_FIELDS_H
#define WIRE_HTTP_FIELDS_H

#include "wire/http_request.h"

/*
 * The value of the first header line called name (compared without case), without white space
 * around it; NULL and 0 if there is none, whereas an empty value has data. *out_count, which may be
 * NULL, is how many lines have that name.
 */
struct wire_span wire_http_request_field(const struct wire_http_request *request, const char *name,
                                         size_t *out_count);

/* The elements of a header that is a list of tokens, over all its lines. Begin with zeroes. */
struct wire_http_list {
    const struct wire_http_request *request;
    const char *name;
    struct wire_span rest; /* of the line being read */
    size_t next_field;
};

/* Begins a walk over the list header called name, a string that outlives the walk. */
void wire_http_list_init(struct wire_http_list *list, const struct wire_http_request *request,
                         const char *name);

/* The next element, trimmed; empty ones are skipped. False behind the last. */
bool wire_http_list_next(struct wire_http_list *list, struct wire_span *out_element);

#endif
