/*
 * The WebSocket handshake's rules (RFC 6455, section 4.2.1), one check per header. Headers that may
 * stand once are looked at first: two would let two readers see two things.
 */
#include "wire/http_upgrade.h"

#include "wire/base64.h"
#include "wire/http_grammar.h"

#include <assert.h>

/* The nonce of Sec-WebSocket-Key, and its text. */
#define NONCE_BYTES    ((size_t)16)
#define KEY_TEXT_BYTES ((size_t)24)

/* Whether a list header has the element word (without case). */
static bool list_names(const struct wire_http_request *request, const char *header,
                       const char *word)
{
    struct wire_http_list list;
    struct wire_span element;
    wire_http_list_init(&list, request, header);
    while (wire_http_list_next(&list, &element)) {
        if (wire_http_equal_nocase(element, word)) {
            return true;
        }
    }
    return false;
}

/* A header that may stand once at most: two would let two readers see two things. */
static struct wire_span single(const struct wire_http_request *request, const char *name,
                               int *error)
{
    size_t count;
    struct wire_span value = wire_http_request_field(request, name, &count);
    if (count > 1 && *error == WIRE_HTTP_OK) {
        *error = WIRE_HTTP_ERR_FIELD_REPEATED;
    }
    return value;
}

static bool is_good_key(struct wire_span key)
{
    uint8_t nonce[NONCE_BYTES];
    return key.size == KEY_TEXT_BYTES &&
           wire_base64_decode(wire_base64_best(), key, nonce, sizeof nonce, NULL) ==
               (ptrdiff_t)NONCE_BYTES;
}

static bool offers_are_tokens(const struct wire_http_request *request)
{
    struct wire_http_list list;
    struct wire_span element;
    wire_http_list_init(&list, request, "sec-websocket-protocol");
    while (wire_http_list_next(&list, &element)) {
        if (!wire_http_all_token(element)) {
            return false;
        }
    }
    return true;
}

static int check_websocket(const struct wire_http_request *request,
                           struct wire_http_upgrade *upgrade)
{
    int error = WIRE_HTTP_OK;
    struct wire_span version = single(request, "sec-websocket-version", &error);
    upgrade->key = single(request, "sec-websocket-key", &error);
    if (error) {
        return error;
    }
    if (!list_names(request, "connection", "upgrade")) {
        return WIRE_HTTP_ERR_CONNECTION;
    }
    if (!wire_http_equal_nocase(version, "13")) {
        return WIRE_HTTP_ERR_WEBSOCKET_VERSION;
    }
    if (!is_good_key(upgrade->key)) {
        return WIRE_HTTP_ERR_WEBSOCKET_KEY;
    }
    return offers_are_tokens(request) ? WIRE_HTTP_WEBSOCKET : WIRE_HTTP_ERR_WEBSOCKET_PROTOCOL;
}

int wire_http_upgrade_check(const struct wire_http_request *request,
                            struct wire_http_upgrade *out_upgrade)
{
    int error = WIRE_HTTP_OK;
    memset(out_upgrade, 0, sizeof *out_upgrade);
    out_upgrade->host = single(request, "host", &error);
    out_upgrade->origin = single(request, "origin", &error);
    out_upgrade->authorization = single(request, "authorization", &error);
    if (!wire_span_equal(wire_http_request_method(request), wire_span_text("GET"))) {
        return WIRE_HTTP_ERR_NOT_GET;
    }
    if (error) {
        return error;
    }
    return list_names(request, "upgrade", "websocket") ? check_websocket(request, out_upgrade)
                                                       : WIRE_HTTP_PLAIN;
}

bool wire_http_upgrade_offers(const struct wire_http_request *request, const char *subprotocol)
{
    struct wire_http_list list;
    struct wire_span element;
    wire_http_list_init(&list, request, "sec-websocket-protocol");
    while (wire_http_list_next(&list, &element)) {
        if (wire_span_equal(element, wire_span_text(subprotocol))) {
            return true;
        }
    }
    return false;
}

bool wire_http_bearer(struct wire_span authorization, struct wire_span *out_token)
{
    static const size_t scheme_bytes = sizeof "Bearer" - 1;
    if (authorization.size <= scheme_bytes || authorization.data[scheme_bytes] != ' ' ||
        !wire_http_equal_nocase(wire_span_of(authorization.data, scheme_bytes), "Bearer")) {
        return false;
    }
    *out_token = wire_http_trim(
        wire_span_of(authorization.data + scheme_bytes, authorization.size - scheme_bytes));
    return out_token->size > 0 && !memchr(out_token->data, ' ', out_token->size);
}

void wire_http_accept(struct wire_span key, wire_http_sha1 sha1,
                      char out_accept[WIRE_HTTP_ACCEPT_BYTES])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, section 1.3 */
    uint8_t text[KEY_TEXT_BYTES + sizeof guid - 1];
    uint8_t digest[20];
    assert(key.size == KEY_TEXT_BYTES);
    memcpy(text, key.data, KEY_TEXT_BYTES);
    memcpy(text + KEY_TEXT_BYTES, guid, sizeof guid - 1);
    sha1(text, sizeof text, digest);
    size_t size = wire_base64_encode(wire_base64_best(), wire_span_of(digest, sizeof digest),
                                     (uint8_t *)out_accept);
    assert(size == WIRE_HTTP_ACCEPT_BYTES);
    (void)size;
}
