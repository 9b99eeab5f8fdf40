/*
 * A working directory as clients send it: a file: URI (RFC 8089) or a plain absolute path. Gives
 * the path in the form of the system that is named by a parameter, so that both forms can be
 * tested on either. Pure; any thread. Looks at no file system.
 */
#ifndef WIRE_MSG_PATH_H
#define WIRE_MSG_PATH_H

#include "wire/span.h"

enum wire_msg_path_style {
    WIRE_MSG_PATH_POSIX = 1,
    WIRE_MSG_PATH_WINDOWS = 2,
};

enum wire_msg_path_error {
    WIRE_MSG_PATH_ERR_RELATIVE = -1, /* neither a file: URI nor an absolute path */
    WIRE_MSG_PATH_ERR_HOST = -2,     /* a URI that names another host */
    WIRE_MSG_PATH_ERR_PERCENT = -3,  /* a percent sign without two hex digits */
    WIRE_MSG_PATH_ERR_ENCODED = -4,  /* an encoded NUL, or an encoded separator of paths */
    WIRE_MSG_PATH_ERR_SUFFIX = -5,   /* a query or fragment */
    WIRE_MSG_PATH_ERR_UTF8 = -6,     /* Windows: the decoded path is not UTF-8 */
    WIRE_MSG_PATH_ERR_CAPACITY = -7, /* the buffer is too small for a URI */
    WIRE_MSG_PATH_ERR_WINDOWS = -8,  /* POSIX: a drive or a share, or a URI of one */
};

/* A short English phrase for an error, to stand behind the member's name; never NULL. */
const char *wire_msg_path_error_text(int error);

/*
 * Turns text into a path, in place: the result is never longer. POSIX: "/x" as it is; file:///x,
 * file://localhost/x and file:/x decoded, to any bytes but NUL. Windows: "C:\x", "C:/x" and
 * "\\server\share" as they are; file:///C:/x decoded, with backslashes. What is clearly a path of
 * Windows is refused by POSIX as such. Returns the path's size or a negative enum
 * wire_msg_path_error, after which text is undefined.
 */
WIRE_MUST_CHECK ptrdiff_t wire_msg_path_decode(uint8_t *text, size_t size,
                                               enum wire_msg_path_style style);

/* What wire_msg_path_to_uri needs at most for a path of so many bytes. */
#define WIRE_MSG_PATH_URI_BYTES(size) (3 * (size) + sizeof "file:///")

/*
 * Writes path, absolute and in the form of style, as a file: URI with a NUL into out; what a URI
 * does not take is percent-encoded. Returns the URI's size, WIRE_MSG_PATH_ERR_RELATIVE (also for a
 * Windows share: it is on another host) or WIRE_MSG_PATH_ERR_CAPACITY.
 */
WIRE_MUST_CHECK ptrdiff_t wire_msg_path_to_uri(struct wire_span path,
                                               enum wire_msg_path_style style, char *out,
                                               size_t capacity);

#endif
