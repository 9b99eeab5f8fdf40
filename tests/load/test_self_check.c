/*
 * The checker notices every damage: execport-load self-check, which spoils the bytes of its own
 * bare server in each way. Needs no other server.
 */
#include "tests/load/support.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { LIMIT_S = 240 }; /* as CTest has it, too: a multiple of the release's */
#else
enum { LIMIT_S = 100 };
#endif

static void test_self_check_notices_every_damage(void **state)
{
    static const char *const argv[] = {LOAD_PATH, "--self-check", NULL};
    struct ran_program program = run_program(argv, LIMIT_S);

    (void)state;
    assert_exit_code(&program, 0);
    assert_says(&program, "82 of 82 cases: every damage was noticed");
    free_program(&program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_self_check_notices_every_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
