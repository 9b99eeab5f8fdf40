/* Reading and writing of option values (options_value.h). Numbers are unsigned decimals; one that
 * does not fit 64 bits, also after its unit is applied, is refused rather than wrapped.
 */
#include "runner/options_value.h"

#include <inttypes.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit duration_units[] = {
    {"ms", 1},
    {"s", 1000},
    {"m", 60 * 1000},
    {"h", 60 * 60 * 1000},
};

static const struct unit size_units[] = {
    {"", 1},
    {"KiB", 1024},
    {"MiB", 1024 * 1024},
    {"GiB", 1024 * 1024 * 1024},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Reads the digits TEXT begins with. Returns how many, 0 if there are none or too many. */
static size_t read_number(const char *text, uint64_t *out_value)
{
    uint64_t value = 0;
    size_t used = 0;
    for (; text[used] >= '0' && text[used] <= '9'; used++) {
        unsigned digit = (unsigned)(text[used] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return 0;
        value = value * 10 + digit;
    }
    *out_value = value;
    return used;
}

static const struct unit *find_unit(const struct unit *units, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    }
    return NULL;
}

const char *run_value_duration(const char *text, uint64_t *out_ms)
{
    static const char hint[] = "is not a duration; write one like 200ms, 5s, 2m or 1h";
    uint64_t value;
    size_t used = read_number(text, &value);
    if (used == 0)
        return hint;
    if (text[used] == '\0' && value != 0)
        return "lacks a unit; write a duration like 200ms, 5s, 2m or 1h";
    const char *name = text[used] == '\0' ? "ms" : text + used;
    const struct unit *unit = find_unit(duration_units, COUNT_OF(duration_units), name);
    if (!unit)
        return hint;
    if (value > UINT64_MAX / unit->factor)
        return "is too long a time";
    *out_ms = value * unit->factor;
    return NULL;
}

const char *run_value_size(const char *text, uint64_t *out_bytes)
{
    static const char hint[] = "is not a size; write one like 65536, 64KiB, 1MiB or 2GiB";
    uint64_t value;
    size_t used = read_number(text, &value);
    if (used == 0)
        return hint;
    const struct unit *unit = find_unit(size_units, COUNT_OF(size_units), text + used);
    if (!unit)
        return hint;
    if (value > UINT64_MAX / unit->factor)
        return "is too large a size";
    *out_bytes = value * unit->factor;
    return NULL;
}

const char *run_value_count(const char *text, uint64_t *out_count)
{
    uint64_t value;
    size_t used = read_number(text, &value);
    if (used == 0 || text[used] != '\0')
        return "is not a number; write a plain decimal number";
    *out_count = value;
    return NULL;
}

const char *run_value_level(const char *text, enum run_log_level *out_level)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(names[i], text) == 0) {
            *out_level = (enum run_log_level)i;
            return NULL;
        }
    }
    return "is not a level; write error, warn, info or debug";
}

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

const char *run_value_sha256(const char *text, uint8_t out_digest[RUN_SHA256_BYTES])
{
    static const char hint[] =
        "is not a SHA-256 digest; write 64 hexadecimal digits, as from `printf %s TOKEN | "
        "sha256sum`";
    uint8_t digest[RUN_SHA256_BYTES];
    if (strlen(text) != 2 * sizeof digest)
        return hint;
    for (size_t i = 0; i < sizeof digest; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return hint;
        digest[i] = (uint8_t)(high * 16 + low);
    }
    memcpy(out_digest, digest, sizeof digest);
    return NULL;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

const char *run_value_host_name(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length > RUN_HOST_NAME_MAX)
        return "is not a host name; write 1 to 253 characters";
    for (size_t i = 0; i < length; i++) {
        if (!is_name_byte(text[i]))
            return "is not a host name; write the name alone, without scheme, port or path";
    }
    return NULL;
}

const char *run_value_format(uint64_t value, enum run_value_unit unit,
                             char out_text[RUN_VALUE_BYTES])
{
    const struct unit *units = unit == RUN_UNIT_MS ? duration_units : size_units;
    size_t at = unit == RUN_UNIT_NONE || value == 0 ? 0 : COUNT_OF(size_units) - 1;
    while (at > 0 && value % units[at].factor != 0)
        at--;
    const char *name = value == 0 ? "" : units[at].name;
    (void)snprintf(out_text, RUN_VALUE_BYTES, "%" PRIu64 "%s", value / units[at].factor, name);
    return out_text;
}
