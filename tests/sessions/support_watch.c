/*
 * Watches that a test's thread waits for: see support_watch.h.
 */
#include "support_watch.h"

static void on_answer(struct sess_request *request)
{
    struct sup_waiter *waiter = request->context;
    atomic_fetch_add(&waiter->answers, 1);
    (void)pthread_mutex_lock(&waiter->ask.lock);
    waiter->ask.request.result = request->result;
    waiter->ask.answered = true;
    (void)pthread_cond_broadcast(&waiter->ask.changed);
    (void)pthread_mutex_unlock(&waiter->ask.lock);
}

void sup_watch_begin(struct sup_waiter *waiter)
{
    sup_ask_begin(&waiter->ask, SESS_REQUEST_VIEW);
    sess_watch_init(&waiter->watch, on_answer, waiter);
    atomic_init(&waiter->answers, 0);
}

void sup_watch_begin_match(struct sup_waiter *waiter, const char *match)
{
    sup_watch_begin(waiter);
    waiter->watch.match = match;
    waiter->watch.match_bytes = (uint32_t)strlen(match);
}

void sup_watch_post(struct sup_waiter *waiter, struct sup_tap *tap)
{
    sess_request_post(&waiter->watch.request, tap->session);
}

/* Waits for the answer and returns its result. */
int sup_watch_end(struct sup_waiter *waiter)
{
    int result = sup_ask_wait(&waiter->ask);
    assert_int_equal(atomic_load(&waiter->answers), 1);
    sup_ask_end(&waiter->ask);
    return result;
}

enum sess_watch_reason sup_watch_reason(struct sup_waiter *waiter)
{
    assert_int_equal(sup_watch_end(waiter), 0);
    return waiter->watch.reason;
}

enum sess_watch_reason sup_watch_look(struct sup_waiter *waiter, struct sup_tap *tap)
{
    waiter->watch.timeout_ms = 0;
    sup_watch_post(waiter, tap);
    return sup_watch_reason(waiter);
}

struct sup_tap *sup_start_echo(struct sup_world *world)
{
    static const char *const argv[] = {CHILD("echo"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    struct sup_tap *tap = sup_start(world, &spec);
    sup_wait_started(tap);
    return tap;
}

/* Lets it say something and waits until it was heard. */
void sup_say(struct sup_world *world, struct sup_tap *tap, const char *text)
{
    size_t before = sup_size(tap, SESS_STDOUT);
    assert_int_equal(sup_write(world, tap, text, strlen(text)), 0);
    sup_wait_bytes(tap, SESS_STDOUT, before + strlen(text));
}

void sup_end_echo(struct sup_tap *tap)
{
    assert_int_equal(sup_close_stdin(tap), 0);
    sup_free(tap);
}
