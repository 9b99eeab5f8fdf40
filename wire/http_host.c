/*
 * Host: an address or a name, then perhaps a port. The grammars are those of RFC 3986, section
 * 3.2.2, without what no server of ours could mean.
 */
#include "wire/http_host.h"

#include "wire/http_grammar.h"

/* The longest DNS name as text. */
#define NAME_LIMIT ((size_t)253)

/* Reads decimal digits at the start of text: the number, and how many digits there were. */
static size_t read_number(struct wire_span text, size_t max_digits, uint32_t *out_number)
{
    uint32_t number = 0;
    size_t size = 0;
    while (size < text.size && size < max_digits && wire_http_is_digit(text.data[size])) {
        number = number * 10 + (uint32_t)(text.data[size++] - '0');
    }
    *out_number = number;
    return size;
}

static struct wire_span behind(struct wire_span text, size_t size)
{
    return wire_span_of(text.data + size, text.size - size);
}

static bool is_ipv4(struct wire_span text)
{
    for (int part = 0; part < 4; part++) {
        uint32_t number;
        if (part > 0) {
            if (text.size == 0 || text.data[0] != '.') {
                return false;
            }
            text = behind(text, 1);
        }
        size_t size = read_number(text, 3, &number);
        if (size == 0 || number > 255 || (size > 1 && text.data[0] == '0')) {
            return false;
        }
        text = behind(text, size);
    }
    return text.size == 0;
}

static size_t hex_digits(struct wire_span text)
{
    size_t size = 0;
    while (size < text.size && wire_http_is_hex(text.data[size])) {
        size++;
    }
    return size;
}

/* Eight groups of up to four hex digits; "::" once for missing ones; the last two may be IPv4. */
static bool is_ipv6(struct wire_span text)
{
    int groups = 0;
    bool has_gap = text.size >= 2 && text.data[0] == ':' && text.data[1] == ':';
    text = has_gap ? behind(text, 2) : text;
    while (text.size > 0 && groups < 8) {
        size_t size = hex_digits(text);
        if (size < text.size && text.data[size] == '.') {
            groups += 2;
            return is_ipv4(text) && (has_gap ? groups < 8 : groups == 8);
        }
        if (size == 0 || size > 4) {
            return false;
        }
        groups++;
        text = behind(text, size);
        if (text.size == 0) {
            break;
        }
        if (text.data[0] != ':' || text.size == 1) {
            return false;
        }
        bool is_gap = text.data[1] == ':';
        if (is_gap && has_gap) {
            return false;
        }
        has_gap = has_gap || is_gap;
        text = behind(text, is_gap ? 2 : 1);
    }
    return text.size == 0 && (has_gap ? groups < 8 : groups == 8);
}

/* The last label of a name, the dot that may end the name not counted. */
static struct wire_span last_label(struct wire_span name)
{
    if (name.size > 0 && name.data[name.size - 1] == '.') {
        name.size--;
    }
    size_t start = name.size;
    while (start > 0 && name.data[start - 1] != '.') {
        start--;
    }
    return behind(name, start);
}

static bool is_name(struct wire_span name)
{
    struct wire_span label = last_label(name);
    bool is_number = label.size > 0;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        if (!wire_http_is_alpha(c) && !wire_http_is_digit(c) && !wire_http_is_in(c, "-._")) {
            return false;
        }
    }
    for (size_t i = 0; i < label.size; i++) {
        is_number = is_number && wire_http_is_digit(label.data[i]);
    }
    return name.size > 0 && name.size <= NAME_LIMIT && name.data[0] != '.' && !is_number;
}

/* The number of bytes of the host itself, brackets included; value is not empty. */
static size_t host_size(struct wire_span value)
{
    bool is_bracketed = value.data[0] == '[';
    const uint8_t *end = memchr(value.data, is_bracketed ? ']' : ':', value.size);
    size_t size = end ? (size_t)(end - value.data) : value.size;
    return is_bracketed && end ? size + 1 : size;
}

static bool parse_name(struct wire_span text, struct wire_http_host *host)
{
    host->name = text;
    if (text.size >= 2 && text.data[0] == '[' && text.data[text.size - 1] == ']') {
        host->name = wire_span_of(text.data + 1, text.size - 2);
        host->kind = WIRE_HTTP_HOST_IPV6;
        return is_ipv6(host->name);
    }
    host->kind = is_ipv4(text) ? WIRE_HTTP_HOST_IPV4 : WIRE_HTTP_HOST_NAME;
    return host->kind == WIRE_HTTP_HOST_IPV4 || is_name(text);
}

int wire_http_host_parse(struct wire_span value, struct wire_http_host *out_host)
{
    struct wire_http_host host = {0};
    size_t size = value.size > 0 ? host_size(value) : 0;
    if (size == 0 || !parse_name(wire_span_of(value.data, size), &host)) {
        return WIRE_HTTP_ERR_HOST_SYNTAX;
    }
    struct wire_span port = behind(value, size);
    if (port.size > 0) {
        uint32_t number;
        size_t digits = read_number(behind(port, 1), 5, &number);
        if (port.data[0] != ':' || digits + 1 != port.size || number > UINT16_MAX) {
            return WIRE_HTTP_ERR_HOST_SYNTAX;
        }
        host.has_port = digits > 0; /* RFC 3986 allows a colon with nothing behind it */
        host.port = (uint16_t)number;
    }
    *out_host = host;
    return WIRE_HTTP_OK;
}

bool wire_http_host_is(const struct wire_http_host *host, const char *name)
{
    return wire_http_equal_nocase(host->name, name);
}
