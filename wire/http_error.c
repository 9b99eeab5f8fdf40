/*
 * The one table of phrases and statuses for what can be wrong with a request. Rows are searched: it
 * is read once in the life of a connection that is refused.
 */
#include "wire/http_error.h"

#include <stddef.h>

struct error_row {
    int error;
    int status;
    const char *text;
};

static const struct error_row rows[] = {
    {WIRE_HTTP_OK, 200, "no error"},
    {WIRE_HTTP_ERR_METHOD, 400, "malformed method"},
    {WIRE_HTTP_ERR_METHOD_SIZE, 501, "unknown method"},
    {WIRE_HTTP_ERR_TARGET, 400, "malformed request target"},
    {WIRE_HTTP_ERR_TARGET_SIZE, 414, "request target too long"},
    {WIRE_HTTP_ERR_VERSION_SYNTAX, 400, "malformed HTTP version"},
    {WIRE_HTTP_ERR_VERSION, 505, "only HTTP/1.1 is spoken here"},
    {WIRE_HTTP_ERR_LINE_END, 400, "line does not end in CR LF"},
    {WIRE_HTTP_ERR_FIELD_NAME, 400, "malformed header name"},
    {WIRE_HTTP_ERR_FIELD_VALUE, 400, "control character in a header value"},
    {WIRE_HTTP_ERR_FOLDED, 400, "folded header line"},
    {WIRE_HTTP_ERR_HEAD_SIZE, 431, "request head too large"},
    {WIRE_HTTP_ERR_FIELD_COUNT, 431, "too many header lines"},
    {WIRE_HTTP_ERR_HOST_MISSING, 400, "Host is missing"},
    {WIRE_HTTP_ERR_HOST_REPEATED, 400, "Host stands more than once"},
    {WIRE_HTTP_ERR_HOST_SYNTAX, 400, "malformed Host"},
    {WIRE_HTTP_ERR_CONTENT_LENGTH, 400, "malformed Content-Length"},
    {WIRE_HTTP_ERR_BODY, 413, "a request body is not accepted"},
    {WIRE_HTTP_ERR_NO_MEMORY, 503, "out of memory"},
    {WIRE_HTTP_ERR_NOT_GET, 405, "only GET is accepted"},
    {WIRE_HTTP_ERR_CONNECTION, 400, "Connection does not list upgrade"},
    {WIRE_HTTP_ERR_WEBSOCKET_VERSION, 426, "Sec-WebSocket-Version must be 13"},
    {WIRE_HTTP_ERR_WEBSOCKET_KEY, 400, "Sec-WebSocket-Key must be 16 bytes in base64"},
    {WIRE_HTTP_ERR_FIELD_REPEATED, 400, "a header stands more than once"},
    {WIRE_HTTP_ERR_WEBSOCKET_PROTOCOL, 400, "malformed Sec-WebSocket-Protocol"},
    {WIRE_HTTP_ERR_CAPACITY, 500, "response does not fit its buffer"},
};

static const struct error_row *find_row(int error)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].error == error) {
            return &rows[i];
        }
    }
    return NULL;
}

const char *wire_http_error_text(int error)
{
    const struct error_row *row = find_row(error);
    return row ? row->text : "unknown error";
}

int wire_http_error_status(int error)
{
    const struct error_row *row = find_row(error);
    return row ? row->status : 500;
}
