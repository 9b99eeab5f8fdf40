/* Signal dispositions, mask and signalfd on Linux (signals.h). A blocked signal is kept pending and
 * read from the signalfd, which the engine polls like a pipe. Faults are never blocked: a blocked
 * one would end the process without the report of a debugger or sanitizer. Job control and
 * SIGQUIT keep their meaning at a terminal, so they are not blocked either.
 */
#include "runner/signals.h"

#include <assert.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

_Static_assert(sizeof(struct signalfd_siginfo) == RUN_SIGNAL_RECORD_BYTES, "signalfd(2)");

static void fill_blocked(sigset_t *out_set)
{
    static const int open_signals[] = {SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGABRT, SIGTRAP,
                                       SIGSYS,  SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT};
    sigfillset(out_set);
    for (size_t i = 0; i < sizeof open_signals / sizeof *open_signals; i++)
        sigdelset(out_set, open_signals[i]);
}

void run_signals_init(bool *out_hangup_ignored)
{
    struct sigaction hangup;
    sigset_t blocked;
    int result = sigaction(SIGHUP, NULL, &hangup);
    assert(result == 0);
    (void)result;
    *out_hangup_ignored = hangup.sa_handler == SIG_IGN;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL);
    fill_blocked(&blocked);
    result = sigprocmask(SIG_SETMASK, &blocked, NULL);
    assert(result == 0);
}

int run_signals_open(bool with_hangup)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    if (with_hangup)
        sigaddset(&wanted, SIGHUP);
    return signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
}

int run_signals_decode(const void *bytes, struct run_signal *out_signal)
{
    struct signalfd_siginfo info;
    struct run_signal decoded = {.kind = RUN_SIGNAL_TERMINATE};
    memcpy(&info, bytes, sizeof info);
    switch (info.ssi_signo) {
    case SIGTERM:
        break;
    case SIGINT:
        decoded.kind = RUN_SIGNAL_INTERRUPT;
        break;
    case SIGHUP:
        decoded.kind = RUN_SIGNAL_HANGUP;
        break;
    default:
        return -1;
    }
    decoded.sender_pid = info.ssi_code == SI_USER ? (int64_t)info.ssi_pid : 0;
    *out_signal = decoded;
    return 0;
}
