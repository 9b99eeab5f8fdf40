/*
 * The loop over epoll. Level-triggered: a callback that takes less than there is comes again. A
 * source that wants nothing is taken out of epoll, because a hang-up is reported even to a source
 * that asked for no event.
 */
#include "tools/load/loop.h"

#include "tools/load/base.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

int load_loop_init(struct load_loop *loop)
{
    loop->batch_count = 0;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        return load_say("epoll_create1: %s", strerror(errno));
    return 0;
}

void load_loop_deinit(struct load_loop *loop)
{
    close(loop->epoll_fd);
    loop->epoll_fd = -1;
}

static int control(struct load_loop *loop, int operation, struct load_source *source)
{
    struct epoll_event event = {.data.ptr = source};

    if (source->wanted & LOAD_READABLE)
        event.events |= EPOLLIN;
    if (source->wanted & LOAD_WRITABLE)
        event.events |= EPOLLOUT;
    return epoll_ctl(loop->epoll_fd, operation, source->fd, &event);
}

int load_loop_add(struct load_loop *loop, struct load_source *source, unsigned wanted)
{
    assert(source->fd >= 0 && source->on_ready != NULL);
    source->wanted = wanted;
    if (wanted != 0 && control(loop, EPOLL_CTL_ADD, source) != 0)
        return load_say("epoll_ctl: %s", strerror(errno));
    return 0;
}

/* Events of this batch that were taken before a change must not reach the source any more. */
static void forget(struct load_loop *loop, const struct load_source *source)
{
    for (int i = 0; i < loop->batch_count; i++)
        if (loop->batch[i] == source)
            loop->batch[i] = NULL;
}

void load_loop_want(struct load_loop *loop, struct load_source *source, unsigned wanted)
{
    int operation = EPOLL_CTL_MOD;
    int result;

    if (source->fd < 0 || source->wanted == wanted)
        return;
    if (source->wanted == 0)
        operation = EPOLL_CTL_ADD;
    if (wanted == 0) {
        operation = EPOLL_CTL_DEL;
        forget(loop, source);
    }
    source->wanted = wanted;
    result = control(loop, operation, source);
    assert(result == 0);
    (void)result;
}

void load_loop_remove(struct load_loop *loop, struct load_source *source)
{
    if (source->fd < 0)
        return;
    load_loop_want(loop, source, 0);
    forget(loop, source);
    source->fd = -1;
}

int load_loop_take(struct load_loop *loop, struct load_source *source)
{
    int fd = source->fd;

    /* Closing the last descriptor of a file takes it out of epoll. */
    forget(loop, source);
    source->fd = -1;
    return fd;
}

static unsigned bits_of(uint32_t events)
{
    unsigned bits = 0;

    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        bits |= LOAD_READABLE;
    if (events & (EPOLLOUT | EPOLLERR))
        bits |= LOAD_WRITABLE;
    return bits;
}

int load_loop_run_once(struct load_loop *loop, int timeout_ms)
{
    struct epoll_event events[LOAD_LOOP_BATCH];
    int count = epoll_wait(loop->epoll_fd, events, LOAD_LOOP_BATCH, timeout_ms);

    if (count <= 0)
        return 0;
    loop->batch_count = count;
    for (int i = 0; i < count; i++)
        loop->batch[i] = events[i].data.ptr;
    for (int i = 0; i < count; i++) {
        struct load_source *source = loop->batch[i];

        if (source != NULL)
            source->on_ready(source->context, bits_of(events[i].events));
    }
    loop->batch_count = 0;
    return count;
}
