/* The text of a refusal: what was wrong and what to do next, for the person who started the
 * program. Functions of this folder that refuse something a person asked for fill one of these
 * beside their error code. It holds no state and belongs to its caller; any thread may use its
 * own. The text is cut at the end of the array, never overrun.
 */
#ifndef RUN_OPTIONS_WHY_H
#define RUN_OPTIONS_WHY_H

#if defined(__GNUC__)
#define RUN_PRINTF(text_at, first) __attribute__((format(printf, text_at, first)))
#define RUN_MUST_CHECK             __attribute__((warn_unused_result))
#else
#define RUN_PRINTF(text_at, first)
#define RUN_MUST_CHECK
#endif

/* Room for a path or URL given on the command line and a sentence around it. */
#define RUN_WHY_BYTES 640

struct run_why {
    char text[RUN_WHY_BYTES];
};

/* Writes the text printf made of FORMAT into OUT_WHY, cut to its size, and returns CODE, so that
 * a caller can refuse in one statement. OUT_WHY may be NULL: nothing is written then. Any thread.
 */
int run_why_set(struct run_why *out_why, int code, const char *format, ...) RUN_PRINTF(3, 4);

#endif
