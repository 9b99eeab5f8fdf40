/* Raising the limit on descriptors, in a child of the test's own. */
#include "runner/rlimit.h"
#include "tests/runner/support_process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* In a child: the limit of the test itself stays as it is. */
static void test_rlimit_raises_the_soft_limit_and_remembers(void **state)
{
    (void)state;
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit limit;
        struct run_rlimit raised;
        if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
            _exit(1);
        limit.rlim_cur = 64;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || run_rlimit_raise(&raised) != 0)
            _exit(2);
        if (raised.original_soft != 64 || raised.original_hard != limit.rlim_max ||
            raised.soft != limit.rlim_max)
            _exit(3);
        if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != raised.soft)
            _exit(4);
        _exit(0);
    }
    assert_true(support_wait_child(pid, &status));
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rlimit_raises_the_soft_limit_and_remembers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
