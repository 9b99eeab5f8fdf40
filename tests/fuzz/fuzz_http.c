/*
 * Fuzzes the HTTP request with all that looks at one. The first byte says how the rest is cut into
 * pieces; whatever the bytes, the pieces must give what the whole gives, and every span must lie
 * inside the head.
 */
#include <stdlib.h>

#include "wire/http_host.h"
#include "wire/http_response.h"
#include "wire/http_upgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
    if (!(condition)) {                                                                            \
        abort();                                                                                   \
    }

struct outcome {
    int result;
    size_t used;
    size_t offset;
    int verdict;
    uint64_t hash; /* of everything that the request gave */
};

static uint64_t hash_span(uint64_t hash, struct wire_span span)
{
    for (size_t i = 0; i < span.size; i++) {
        hash = (hash ^ span.data[i]) * UINT64_C(1099511628211);
    }
    return (hash ^ 0x100 ^ (span.data != NULL)) * UINT64_C(1099511628211);
}

static uint64_t look(const struct wire_http_request *request, int *verdict)
{
    struct wire_http_upgrade upgrade;
    struct wire_http_host host;
    struct wire_http_list list;
    struct wire_span name;
    struct wire_span value;
    uint64_t hash = hash_span(UINT64_C(14695981039346656037), wire_http_request_method(request));
    hash = hash_span(hash, wire_http_request_target(request));
    hash = hash_span(hash, wire_http_request_path(request));
    for (size_t i = 0; wire_http_request_field_at(request, i, &name, &value); i++) {
        CHECK(name.size > 0 && i < WIRE_HTTP_FIELDS_MAX);
        hash = hash_span(hash_span(hash, name), value);
    }
    wire_http_list_init(&list, request, "connection");
    while (wire_http_list_next(&list, &value)) {
        CHECK(value.size > 0 && !memchr(value.data, ',', value.size));
        hash = hash_span(hash, value);
    }
    *verdict = wire_http_upgrade_check(request, &upgrade);
    CHECK(upgrade.host.data != NULL);
    hash = hash_span(hash_span(hash, upgrade.origin), upgrade.key);
    CHECK(*verdict != WIRE_HTTP_WEBSOCKET || upgrade.key.size == 24);
    if (wire_http_bearer(upgrade.authorization, &value)) {
        hash = hash_span(hash, value);
    }
    if (wire_http_host_parse(upgrade.host, &host) == 0) {
        hash = hash_span(hash, host.name) + host.port;
    }
    return hash;
}

static struct outcome run(const uint8_t *data, size_t size, size_t step)
{
    struct outcome outcome = {0};
    struct wire_http_options options = {.head_limit_bytes = 2000};
    struct wire_http_request request;
    uint8_t *piece = NULL;
    wire_http_request_init(&request, &options);
    for (size_t at = 0; at < size && outcome.result == WIRE_HTTP_MORE; at += step) {
        size_t piece_size = step < size - at ? step : size - at;
        size_t used;
        free(piece);
        piece = malloc(piece_size);
        CHECK(piece != NULL);
        memcpy(piece, data + at, piece_size);
        outcome.result = wire_http_request_push(&request, wire_span_of(piece, piece_size), &used);
        CHECK(used <= piece_size && (outcome.result != WIRE_HTTP_MORE || used == piece_size));
        outcome.used += used;
    }
    outcome.offset = wire_http_request_offset(&request);
    CHECK(outcome.offset <= outcome.used);
    if (outcome.result == WIRE_HTTP_DONE) {
        outcome.hash = look(&request, &outcome.verdict);
    }
    wire_http_request_deinit(&request);
    free(piece);
    return outcome;
}

static void check_response(int error)
{
    uint8_t buffer[WIRE_HTTP_RESPONSE_HEAD_BYTES + 128];
    if (error < 0) {
        CHECK(wire_http_error_status(error) >= 400);
        CHECK(wire_http_response_write_error(error, buffer, sizeof buffer) > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    struct outcome whole = run(data + 1, size - 1, size);
    struct outcome pieces = run(data + 1, size - 1, (size_t)data[0] + 1);
    CHECK(whole.result == pieces.result && whole.used == pieces.used);
    CHECK(whole.offset == pieces.offset && whole.verdict == pieces.verdict);
    CHECK(whole.hash == pieces.hash);
    check_response(whole.result);
    check_response(whole.verdict);
    return 0;
}
