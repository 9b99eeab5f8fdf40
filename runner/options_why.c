/* Fills the text of a refusal (options_why.h). What does not fit is cut. Any thread, as long as the
 * text is its own.
 */
#include "runner/options_why.h"

#include <stdarg.h>
#include <stdio.h>

int run_why_set(struct run_why *out_why, int code, const char *format, ...)
{
    if (out_why) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(out_why->text, sizeof out_why->text, format, args);
        va_end(args);
    }
    return code;
}
