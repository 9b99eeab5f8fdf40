/*
 * The end of the bytes decides, so the last three are kept, and where the last line ended. UTF-8
 * synchronises itself: a first byte is never part of another sequence, so that looking back to the
 * last one is the same as reading from the start.
 */
#include "wire/msg_align.h"

#include "wire/utf8.h"

/* What is searched at once for a line feed, backwards, as C has no memrchr. */
#define SEARCH_BYTES 256

void wire_msg_align_init(struct wire_msg_align *align, enum wire_msg_align_mode mode)
{
    *align = (struct wire_msg_align){.mode = mode};
}

/* The size of what ends with the last line feed in bytes; 0 if there is none. */
static size_t lines_size(struct wire_span bytes)
{
    size_t end = bytes.size;
    while (end > 0) {
        size_t start = end > SEARCH_BYTES ? end - SEARCH_BYTES : 0;
        if (memchr(bytes.data + start, '\n', end - start)) {
            while (bytes.data[end - 1] != '\n') {
                end--;
            }
            return end;
        }
        end = start;
    }
    return 0;
}

static void keep_last(struct wire_msg_align *align, struct wire_span bytes)
{
    size_t room = sizeof align->last;
    if (bytes.size >= room) {
        memcpy(align->last, bytes.data + bytes.size - room, room);
        align->last_size = (uint8_t)room;
        return;
    }
    size_t kept = room - bytes.size < align->last_size ? room - bytes.size : align->last_size;
    memmove(align->last, align->last + align->last_size - kept, kept);
    memcpy(align->last + kept, bytes.data, bytes.size);
    align->last_size = (uint8_t)(kept + bytes.size);
}

void wire_msg_align_push(struct wire_msg_align *align, struct wire_span bytes)
{
    if (bytes.size == 0) {
        return;
    }
    if (align->mode == WIRE_MSG_ALIGN_LINES) {
        size_t size = lines_size(bytes);
        if (size > 0) {
            align->lines_bytes = align->size_bytes + size;
        }
    } else {
        keep_last(align, bytes);
    }
    align->size_bytes += bytes.size;
}

/* The size of the sequence that is cut off at the end; 0 if there is none. */
static size_t cut_off_size(const struct wire_msg_align *align)
{
    for (size_t size = 1; size <= align->last_size; size++) {
        const uint8_t *start = align->last + align->last_size - size;
        bool is_continuation = (*start & 0xC0) == 0x80;
        if (!is_continuation) {
            return wire_utf8_step(start, size) == 0 ? size : 0;
        }
    }
    return 0;
}

uint64_t wire_msg_align_bytes(const struct wire_msg_align *align)
{
    switch (align->mode) {
    case WIRE_MSG_ALIGN_UTF8:
        return align->size_bytes - cut_off_size(align);
    case WIRE_MSG_ALIGN_LINES:
        return align->lines_bytes == 0 && align->size_bytes > WIRE_MSG_ALIGN_LINE_MAX
                   ? align->size_bytes
                   : align->lines_bytes;
    case WIRE_MSG_ALIGN_NONE:
        break;
    }
    return align->size_bytes;
}
