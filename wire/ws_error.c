/*
 * The table of close codes and phrases, in the order of enum wire_ws_error. A test checks that each
 * code may be sent and that each phrase fits a close frame.
 */
#include "wire/ws_error.h"

#include "wire/ws_frame.h"

#include <assert.h>

struct error_row {
    uint32_t code;
    const char *text;
};

/* By the error's number without its sign. */
static const struct error_row error_rows[] = {
    {WIRE_WS_CLOSE_NORMAL, "no error"},
    {WIRE_WS_CLOSE_PROTOCOL_ERROR, "reserved bits must be zero"},
    {WIRE_WS_CLOSE_PROTOCOL_ERROR, "unknown opcode"},
    {WIRE_WS_CLOSE_PROTOCOL_ERROR, "control frame in fragments"},
    {WIRE_WS_CLOSE_PROTOCOL_ERROR, "control frame too long"},
    {WIRE_WS_CLOSE_PROTOCOL_ERROR, "continuation without a message"},
    {WIRE_WS_CLOSE_PROTOCOL_ERROR, "new message inside another"},
    {WIRE_WS_CLOSE_PROTOCOL_ERROR, "frame is not masked"},
    {WIRE_WS_CLOSE_PROTOCOL_ERROR, "length is not in its shortest form"},
    {WIRE_WS_CLOSE_PROTOCOL_ERROR, "length out of range"},
    {WIRE_WS_CLOSE_TOO_BIG, "message too big"},
    {WIRE_WS_CLOSE_INVALID_DATA, "text is not UTF-8"},
    {WIRE_WS_CLOSE_PROTOCOL_ERROR, "close frame with half a code"},
    {WIRE_WS_CLOSE_PROTOCOL_ERROR, "close code is not valid"},
    {WIRE_WS_CLOSE_INVALID_DATA, "close reason is not UTF-8"},
    {WIRE_WS_CLOSE_INTERNAL_ERROR, "out of memory"},
};

static const struct error_row *find_row(int error)
{
    size_t count = sizeof error_rows / sizeof error_rows[0];
    assert(error <= 0 && (size_t)-error < count);
    return &error_rows[-error];
}

uint32_t wire_ws_error_code(int error)
{
    return find_row(error)->code;
}

const char *wire_ws_error_text(int error)
{
    return find_row(error)->text;
}
