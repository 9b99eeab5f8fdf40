/*
 * What can be wrong with the HTTP request that opens a connection: each error with the phrase for
 * people and the status that answers it. One list for the request parser, the host check and the
 * upgrade check, so that a caller needs one branch. Pure functions; any thread.
 */
#ifndef WIRE_HTTP_ERROR_H
#define WIRE_HTTP_ERROR_H

enum wire_http_error {
    WIRE_HTTP_OK = 0,
    /* The text of the head. */
    WIRE_HTTP_ERR_METHOD = -1,          /* not a token followed by one space */
    WIRE_HTTP_ERR_METHOD_SIZE = -2,     /* limit: the method */
    WIRE_HTTP_ERR_TARGET = -3,          /* not an absolute path with an optional query */
    WIRE_HTTP_ERR_TARGET_SIZE = -4,     /* limit: the target */
    WIRE_HTTP_ERR_VERSION_SYNTAX = -5,  /* not HTTP/digit.digit */
    WIRE_HTTP_ERR_VERSION = -6,         /* a version other than 1.1 */
    WIRE_HTTP_ERR_LINE_END = -7,        /* a line that does not end in CR LF */
    WIRE_HTTP_ERR_FIELD_NAME = -8,      /* not a token followed at once by a colon */
    WIRE_HTTP_ERR_FIELD_VALUE = -9,     /* a control character in a value */
    WIRE_HTTP_ERR_FOLDED = -10,         /* a header line that continues the one before */
    WIRE_HTTP_ERR_HEAD_SIZE = -11,      /* limit: the whole head */
    WIRE_HTTP_ERR_FIELD_COUNT = -12,    /* limit: header lines */
    WIRE_HTTP_ERR_HOST_MISSING = -13,   /* no Host */
    WIRE_HTTP_ERR_HOST_REPEATED = -14,  /* more than one Host */
    WIRE_HTTP_ERR_HOST_SYNTAX = -15,    /* Host is not a name or an address with a port */
    WIRE_HTTP_ERR_CONTENT_LENGTH = -16, /* Content-Length is not one number */
    WIRE_HTTP_ERR_BODY = -17,           /* the request announces a body */
    WIRE_HTTP_ERR_NO_MEMORY = -18,      /* the head came in pieces and could not be kept */
    /* The upgrade. */
    WIRE_HTTP_ERR_NOT_GET = -20,
    WIRE_HTTP_ERR_CONNECTION = -21,         /* Upgrade without Connection: upgrade */
    WIRE_HTTP_ERR_WEBSOCKET_VERSION = -22,  /* Sec-WebSocket-Version is missing or not 13 */
    WIRE_HTTP_ERR_WEBSOCKET_KEY = -23,      /* Sec-WebSocket-Key is not 16 bytes in base64 */
    WIRE_HTTP_ERR_FIELD_REPEATED = -24,     /* a header that may stand once stands twice */
    WIRE_HTTP_ERR_WEBSOCKET_PROTOCOL = -25, /* Sec-WebSocket-Protocol is not a list of tokens */
    /* Writing. */
    WIRE_HTTP_ERR_CAPACITY = -30, /* the buffer is too small for the response */
};

/* A short English phrase for an error; never NULL. */
const char *wire_http_error_text(int error);

/* The HTTP status that answers an error of the first two groups; 500 for anything else. */
int wire_http_error_status(int error);

#endif
