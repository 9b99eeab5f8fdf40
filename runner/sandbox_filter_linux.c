/*
 * The filter as a constant: see sandbox_filter.h. Classic BPF: jumps are relative and forward.
 */
#include "runner/sandbox_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif
#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425 /* the same everywhere; Linux 5.1 */
#endif

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#endif

#ifdef NATIVE

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define LOAD_ARG(n)  LOAD(args[n]) /* its low half: both machines are little-endian */
#define LOAD_ARG_HIGH(n)                                                                           \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]) + 4)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, (action))
#define REFUSE         RETURN(SECCOMP_RET_ERRNO | EPERM)
#define ALLOW          RETURN(SECCOMP_RET_ALLOW)
/* Goes on if equal, else skips so many. */
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skip))
#define REFUSE_CALL(number) UNLESS((number), 1), REFUSE

static const struct sock_filter filter[] = {
    LOAD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
    RETURN(SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
#if defined(__x86_64__)
    /* Numbers of the x32 ABI carry this bit. */
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
    RETURN(SECCOMP_RET_KILL_PROCESS),
#endif
    REFUSE_CALL(SYS_connect),
    REFUSE_CALL(SYS_bind),
    REFUSE_CALL(SYS_listen),
    REFUSE_CALL(SYS_accept),
    REFUSE_CALL(SYS_accept4),
    REFUSE_CALL(SYS_io_uring_setup),
    REFUSE_CALL(SYS_keyctl),
    REFUSE_CALL(SYS_add_key),
    REFUSE_CALL(SYS_request_key),
    UNLESS(SYS_sendto, 6),
    LOAD_ARG(4),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
    LOAD_ARG_HIGH(4),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
    ALLOW,
    REFUSE,
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair, 1, 0),
    ALLOW,
    LOAD_ARG(0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 4),
    LOAD_ARG(1),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xF), /* the type without its flags */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_STREAM, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_SEQPACKET, 1, 0),
    REFUSE,
    ALLOW,
};

const void *run_sandbox_filter(size_t *out_bytes)
{
    *out_bytes = sizeof(filter);
    return filter;
}

#else

const void *run_sandbox_filter(size_t *out_bytes)
{
    *out_bytes = 0;
    return NULL;
}

#endif
