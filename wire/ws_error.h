/*
 * What a WebSocket peer can do wrong, or what can fail here, with the close code and the phrase
 * that tell it so. Every error is final: the close frame is the last thing that the connection
 * sends. Pure functions; any thread.
 */
#ifndef WIRE_WS_ERROR_H
#define WIRE_WS_ERROR_H

#include <stdint.h>

/* Why a connection must end; wire_ws_error_code says with which close code. */
enum wire_ws_error {
    WIRE_WS_ERR_RSV = -1,                /* an extension bit is set */
    WIRE_WS_ERR_OPCODE = -2,             /* unknown opcode */
    WIRE_WS_ERR_CONTROL_FRAGMENTED = -3, /* a control frame in fragments */
    WIRE_WS_ERR_CONTROL_SIZE = -4,       /* a control frame of more than 125 bytes */
    WIRE_WS_ERR_NO_MESSAGE = -5,         /* a continuation of nothing */
    WIRE_WS_ERR_IN_MESSAGE = -6,         /* a new message inside another */
    WIRE_WS_ERR_UNMASKED = -7,           /* a frame without a mask */
    WIRE_WS_ERR_LENGTH_FORM = -8,        /* a length that is not in its shortest form */
    WIRE_WS_ERR_LENGTH_SIGN = -9,        /* a 64-bit length with its high bit set */
    WIRE_WS_ERR_TOO_BIG = -10,           /* limit: the message */
    WIRE_WS_ERR_TEXT = -11,              /* a text message is not UTF-8 */
    WIRE_WS_ERR_CLOSE_SIZE = -12,        /* a close frame with one byte */
    WIRE_WS_ERR_CLOSE_CODE = -13,        /* a close code that nobody may send */
    WIRE_WS_ERR_CLOSE_REASON = -14,      /* a close reason that is not UTF-8 */
    WIRE_WS_ERR_NO_MEMORY = -15,         /* the buffer could not grow */
};

/* The close code (enum wire_ws_close_code) that answers an error. */
uint32_t wire_ws_error_code(int error);

/* A short English phrase for an error, fit for a close frame's reason; never NULL. */
const char *wire_ws_error_text(int error);

#endif
