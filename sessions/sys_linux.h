/*
 * The system calls of sessions/ on Linux as a table, so that a test can make the n-th one fail and
 * see that nothing is lost. A host without a table of its own uses sess_sys_default. Each member
 * has the meaning, the errors and the man page of the call that it is named after, errno included.
 *
 * What stands under "child" is called between clone and exec, in memory and thread-local storage
 * that belong to the suspended parent: no allocation, no lock, nothing that an instrumented C
 * library hooks. SESS_RAW keeps sanitizers out of such functions.
 */
#ifndef SESSIONS_SYS_LINUX_H
#define SESSIONS_SYS_LINUX_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#if defined(__clang__)
#define SESS_RAW __attribute__((noinline, disable_sanitizer_instrumentation))
#else
#define SESS_RAW                                                                                   \
    __attribute__((noinline, no_sanitize_address, no_sanitize_thread, no_sanitize_undefined,       \
                   no_stack_protector))
#endif

/* How to clone a child that shares our memory until it executes a program or ends. */
struct sess_clone {
    void (*run)(void *argument); /* in the child; must not return */
    void *argument;
    void *stack; /* of the child; free again when the call returns */
    size_t stack_bytes;
    bool share_files;  /* the child starts with our descriptors, not with a copy */
    bool plain;        /* do without clone3: signal handlers are not cleared */
    int cgroup_fd;     /* -1: none; needs clone3 */
    bool *out_cleared; /* for the child: whether it is free of our signal handlers */
};

struct sess_sys {
    int (*open)(const char *path, int flags);
    ssize_t (*read)(int fd, void *data, size_t size);
    ssize_t (*write)(int fd, const void *data, size_t size);
    int (*close)(int fd);
    int (*dup_from)(int fd, int least); /* fcntl(fd, F_DUPFD_CLOEXEC, least) */
    int (*dup_cloexec)(int fd, int at); /* dup3(fd, at, O_CLOEXEC) */
    int (*ioctl)(int fd, unsigned long request, void *argument);
    pid_t (*clone)(const struct sess_clone *clone, int *out_pidfd);
    int (*kill)(pid_t pid, int signal);
    int (*pidfd_open)(pid_t pid);
    int (*pidfd_send_signal)(int pidfd, int signal);
    int (*wait_pidfd)(int pidfd, siginfo_t *info, int options, struct rusage *usage);
    int (*mkdir)(const char *path, mode_t mode);
    int (*rmdir)(const char *path);

    /* child */
    int (*close_range)(unsigned first, unsigned last, unsigned flags);
    int (*default_signal)(int signal); /* sigaction(2) with SIG_DFL */
    int (*ignore_signal)(int signal);  /* with SIG_IGN */
    int (*setsid)(void);
    int (*set_death_signal)(int signal); /* prctl(PR_SET_PDEATHSIG) */
    pid_t (*getppid)(void);
    int (*child_dup_from)(int fd, int least); /* fcntl(fd, F_DUPFD, least) */
    int (*dup2)(int fd, int at);
    int (*child_close)(int fd);
    int (*child_ioctl)(int fd, unsigned long request, long argument);
    int (*chdir)(const char *path);
    int (*set_nofile)(const struct rlimit *limit); /* setrlimit(RLIMIT_NOFILE) */
    int (*empty_mask)(void);                       /* sigprocmask(SIG_SETMASK, none) */
    int (*execve)(const char *path, char *const argv[], char *const env[]);
    void (*exit)(int status); /* _exit(2) */
};

extern const struct sess_sys sess_sys_default;

/* clone_linux.c: the clone of the table. Returns the child's pid, or -1 with errno. */
pid_t sess_clone_start(const struct sess_clone *clone, int *out_pidfd);

#endif
