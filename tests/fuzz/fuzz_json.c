/*
 * Fuzzes the JSON reader and writer. Whatever the bytes: the verdict is the same whether the
 * document is read or skipped; what is taken is written again as a document that reads to the same
 * events and, written once more, to the same bytes; scratch of the least size changes no verdict
 * but the limit of members.
 */
#include <stdlib.h>

#include "wire/json_reader.h"
#include "wire/json_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct input {
    struct wire_json_reader reader;
    struct wire_json_scratch scratch;
    uint32_t memory[WIRE_JSON_SCRATCH_BYTES(WIRE_JSON_MEMBERS_DEFAULT) / sizeof(uint32_t)];
};

static void start(struct input *input, struct wire_span document, size_t members)
{
    wire_json_scratch_init(&input->scratch, input->memory, WIRE_JSON_SCRATCH_BYTES(members),
                           document.size);
    wire_json_reader_init(&input->reader, document, &input->scratch, NULL);
}

static int read_all(struct input *input, struct wire_span document, size_t members)
{
    struct wire_json_token token;
    int event;
    start(input, document, members);
    do {
        event = wire_json_reader_next(&input->reader, &token);
    } while (event > WIRE_JSON_END);
    CHECK(event == WIRE_JSON_END || wire_json_reader_offset(&input->reader) <= document.size);
    return event;
}

/* The verdict when the first value is skipped. */
static int skip_all(struct input *input, struct wire_span document)
{
    struct wire_json_token token;
    start(input, document, WIRE_JSON_MEMBERS_DEFAULT);
    int result = wire_json_reader_next(&input->reader, &token);
    if (result > 0) {
        result = wire_json_reader_skip(&input->reader, &token);
    }
    return result < 0 ? result : wire_json_reader_next(&input->reader, &token);
}

static void write_string(struct wire_json_writer *writer, const struct wire_json_token *token,
                         uint8_t *buffer)
{
    struct wire_span text;
    CHECK(wire_json_token_string(token, buffer, token->text.size, &text) == 0);
    CHECK(wire_json_string_equal(token->text, token->text));
    if (token->event == WIRE_JSON_KEY) {
        wire_json_writer_key_span(writer, text);
    } else {
        wire_json_writer_string(writer, text);
    }
}

static void write_token(struct wire_json_writer *writer, const struct wire_json_token *token,
                        uint8_t *buffer)
{
    int64_t integer;
    switch (token->event) {
    case WIRE_JSON_OBJECT_BEGIN:
        wire_json_writer_begin_object(writer);
        break;
    case WIRE_JSON_OBJECT_END:
        wire_json_writer_end_object(writer);
        break;
    case WIRE_JSON_ARRAY_BEGIN:
        wire_json_writer_begin_array(writer);
        break;
    case WIRE_JSON_ARRAY_END:
        wire_json_writer_end_array(writer);
        break;
    case WIRE_JSON_KEY:
    case WIRE_JSON_STRING:
        write_string(writer, token, buffer);
        break;
    default:
        if (wire_json_token_int64(token, &integer) == 0) {
            wire_json_writer_int64(writer, integer);
        } else {
            wire_json_writer_raw(writer, token->text);
        }
        break;
    }
}

/* Writes a good document anew into out, of capacity bytes. */
static struct wire_span rewrite(struct input *input, struct wire_span document, uint8_t *out,
                                size_t capacity)
{
    struct wire_json_writer writer;
    struct wire_json_token token;
    struct wire_span json = {0};
    uint8_t *buffer = malloc(document.size);
    CHECK(buffer != NULL);
    start(input, document, WIRE_JSON_MEMBERS_DEFAULT);
    wire_json_writer_init(&writer, out, capacity);
    while (wire_json_reader_next(&input->reader, &token) > WIRE_JSON_END) {
        write_token(&writer, &token, buffer);
    }
    CHECK(wire_json_writer_finish(&writer, &json) == 0);
    free(buffer);
    return json;
}

/* Escapes grow a byte to six at most, so six times the document always is enough. */
static void check_rewritten(struct input *input, struct wire_span document)
{
    size_t capacity = document.size * 6;
    uint8_t *first_memory = malloc(capacity);
    uint8_t *second_memory = malloc(capacity);
    CHECK(first_memory && second_memory);
    struct wire_span first = rewrite(input, document, first_memory, capacity);
    CHECK(read_all(input, first, WIRE_JSON_MEMBERS_DEFAULT) == WIRE_JSON_END);
    struct wire_span second = rewrite(input, first, second_memory, capacity);
    CHECK(wire_span_equal(first, second));
    free(second_memory);
    free(first_memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_span document = wire_span_of(data, size);
    struct input *input = malloc(sizeof *input);
    CHECK(input != NULL);
    int verdict = read_all(input, document, WIRE_JSON_MEMBERS_DEFAULT);
    CHECK(skip_all(input, document) == verdict);
    int small = read_all(input, document, 3);
    CHECK(small == verdict || small == WIRE_JSON_ERR_MEMBERS);
    if (verdict == WIRE_JSON_END) {
        check_rewritten(input, document);
    }
    free(input);
    return 0;
}
