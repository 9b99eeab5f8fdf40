/* Reading and writing of IP addresses (listen_ip.h). An IPv6 address is read as at most eight
 * groups with at most one gap `::`; a last group with a dot is read as IPv4 and counts as two.
 */
#include "runner/listen_ip.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define V6_GROUPS 8
#define NO_GAP    (-1)

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decimal without sign and without leading zero; returns the digits used or 0. */
static size_t read_decimal(const char *text, size_t length, unsigned max, unsigned *out_value)
{
    unsigned value = 0;
    size_t used = 0;
    while (used < length && text[used] >= '0' && text[used] <= '9') {
        value = value * 10 + (unsigned)(text[used] - '0');
        if (value > max || (used > 0 && text[0] == '0'))
            return 0;
        used++;
    }
    *out_value = value;
    return used;
}

int run_ip_parse_v4(const char *text, size_t length, struct run_ip *out_ip)
{
    struct run_ip ip = {.family = RUN_IP_V4};
    size_t at = 0;
    for (int i = 0; i < 4; i++) {
        unsigned value;
        if (i > 0 && (at >= length || text[at++] != '.'))
            return -1;
        size_t used = read_decimal(text + at, length - at, 255, &value);
        if (used == 0)
            return -1;
        ip.bytes[i] = (uint8_t)value;
        at += used;
    }
    if (at != length)
        return -1;
    *out_ip = ip;
    return 0;
}

/* What has been read of an IPv6 address: groups in order, and before which of them the gap was. */
struct v6_reader {
    const char *text;
    size_t length;
    size_t at;
    uint8_t bytes[16];
    int groups;
    int gap;
};

static size_t hex_run(const struct v6_reader *r, unsigned *out_value)
{
    unsigned value = 0;
    size_t used = 0;
    while (r->at + used < r->length && used < 5) {
        int digit = hex_digit(r->text[r->at + used]);
        if (digit < 0)
            break;
        value = value * 16 + (unsigned)digit;
        used++;
    }
    *out_value = value;
    return used;
}

static int read_v4_tail(struct v6_reader *r)
{
    struct run_ip v4;
    if (r->groups > V6_GROUPS - 2)
        return -1;
    if (run_ip_parse_v4(r->text + r->at, r->length - r->at, &v4) != 0)
        return -1;
    memcpy(r->bytes + 2 * r->groups, v4.bytes, 4);
    r->groups += 2;
    r->at = r->length;
    return 0;
}

static int read_group(struct v6_reader *r)
{
    unsigned value;
    size_t used = hex_run(r, &value);
    if (r->at + used < r->length && r->text[r->at + used] == '.')
        return read_v4_tail(r);
    if (used == 0 || used > 4 || r->groups == V6_GROUPS)
        return -1;
    r->bytes[2 * r->groups] = (uint8_t)(value >> 8);
    r->bytes[2 * r->groups + 1] = (uint8_t)value;
    r->groups++;
    r->at += used;
    return 0;
}

/* Takes `:` or `::` before the next group. Returns 1 if a group must follow, 0 if it may. */
static int read_colons(struct v6_reader *r)
{
    if (r->text[r->at] != ':')
        return -1;
    bool gap = r->at + 1 < r->length && r->text[r->at + 1] == ':';
    if (!gap) {
        r->at++;
        return r->groups == 0 ? -1 : 1;
    }
    if (r->gap != NO_GAP)
        return -1;
    r->gap = r->groups;
    r->at += 2;
    return 0;
}

static int read_v6_groups(struct v6_reader *r)
{
    while (r->at < r->length) {
        int must = 1;
        if (r->groups > 0 || r->text[r->at] == ':')
            must = read_colons(r);
        if (must < 0 || (must == 0 && r->at == r->length))
            return must;
        if (read_group(r) != 0)
            return -1;
    }
    return 0;
}

int run_ip_parse_v6(const char *text, size_t length, struct run_ip *out_ip)
{
    struct v6_reader r = {.text = text, .length = length, .gap = NO_GAP};
    if (read_v6_groups(&r) != 0)
        return -1;
    if (r.gap == NO_GAP ? r.groups != V6_GROUPS : r.groups >= V6_GROUPS)
        return -1;
    struct run_ip ip = {.family = RUN_IP_V6};
    size_t before = r.gap == NO_GAP ? 16 : 2 * (size_t)r.gap;
    size_t after = 2 * (size_t)r.groups - (r.gap == NO_GAP ? 16 : before);
    memcpy(ip.bytes, r.bytes, before);
    memcpy(ip.bytes + 16 - after, r.bytes + before, after);
    *out_ip = ip;
    return 0;
}

int run_ip_parse_port(const char *text, size_t length, uint16_t *out_port)
{
    unsigned value = 0;
    if (length == 0 || length > 5)
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (value > 65535)
        return -1;
    *out_port = (uint16_t)value;
    return 0;
}

bool run_ip_is_loopback(const struct run_ip *ip)
{
    static const uint8_t v6_loopback[16] = {[15] = 1};
    if (ip->family == RUN_IP_V4)
        return ip->bytes[0] == 127;
    if (memcmp(ip->bytes, mapped_prefix, sizeof mapped_prefix) == 0)
        return ip->bytes[12] == 127;
    return memcmp(ip->bytes, v6_loopback, sizeof v6_loopback) == 0;
}

static size_t format_v4(const uint8_t *bytes, const char *prefix, char *out_text)
{
    int length = snprintf(out_text, RUN_IP_TEXT_BYTES, "%s%u.%u.%u.%u", prefix, bytes[0], bytes[1],
                          bytes[2], bytes[3]);
    assert(length > 0 && length < RUN_IP_TEXT_BYTES);
    return (size_t)length;
}

static unsigned group_of(const struct run_ip *ip, int index)
{
    return (unsigned)ip->bytes[2 * index] << 8 | ip->bytes[2 * index + 1];
}

/* The first of the longest runs of zero groups; a single zero group is no run (RFC 5952, 4.2.2). */
static int longest_zero_run(const struct run_ip *ip, int *out_length)
{
    int best = V6_GROUPS;
    int best_length = 1;
    for (int i = 0; i < V6_GROUPS; i++) {
        int length = 0;
        while (i + length < V6_GROUPS && group_of(ip, i + length) == 0)
            length++;
        if (length > best_length) {
            best = i;
            best_length = length;
        }
    }
    *out_length = best_length;
    return best;
}

size_t run_ip_format(const struct run_ip *ip, char out_text[RUN_IP_TEXT_BYTES])
{
    if (ip->family == RUN_IP_V4)
        return format_v4(ip->bytes, "", out_text);
    if (memcmp(ip->bytes, mapped_prefix, sizeof mapped_prefix) == 0)
        return format_v4(ip->bytes + 12, "::ffff:", out_text);
    int zero_length;
    int zero_at = longest_zero_run(ip, &zero_length);
    size_t used = 0;
    for (int i = 0; i < V6_GROUPS; i++) {
        if (i == zero_at) {
            used += (size_t)snprintf(out_text + used, RUN_IP_TEXT_BYTES - used, "::");
            i += zero_length - 1;
            continue;
        }
        const char *colon = i == 0 || out_text[used - 1] == ':' ? "" : ":";
        used += (size_t)snprintf(out_text + used, RUN_IP_TEXT_BYTES - used, "%s%x", colon,
                                 group_of(ip, i));
    }
    assert(used < RUN_IP_TEXT_BYTES);
    return used;
}
