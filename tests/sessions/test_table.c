/*
 * The table of sessions by id, with sessions that are nothing but an id.
 */
#include "sessions/session_struct.h"
#include "sessions/table.h"
#include "support.h"

static struct sess_session *make(const char *id, size_t size)
{
    struct sess_session *session = calloc(1, sizeof(*session) + size + 1);
    assert_non_null(session);
    session->id_size_bytes = (uint32_t)size;
    memcpy(session->id, id, size);
    return session;
}

static void add(struct sess_table *table, struct sess_session *session)
{
    struct sess_shortage shortage;
    assert_int_equal(sess_table_reserve(table, session->id, session->id_size_bytes, &shortage), 0);
    sess_table_add(table, session);
}

static void test_table_finds_what_was_added(void **state)
{
    (void)state;
    enum { SESSIONS = 5000 };
    static struct sess_session *sessions[SESSIONS];
    struct sess_table table;
    char id[32];
    sess_table_init(&table, 0, 42, NULL);
    assert_null(table.buckets);
    assert_null(sess_table_find(&table, "1", 1));
    for (int i = 0; i < SESSIONS; i++) {
        int size = snprintf(id, sizeof(id), "session-%d", i);
        sessions[i] = make(id, (size_t)size);
        add(&table, sessions[i]);
    }
    assert_int_equal(table.count, SESSIONS);
    for (int i = 0; i < SESSIONS; i++) {
        int size = snprintf(id, sizeof(id), "session-%d", i);
        assert_ptr_equal(sess_table_find(&table, id, (size_t)size), sessions[i]);
    }
    for (int i = 0; i < SESSIONS; i += 2) {
        sess_table_remove(&table, sessions[i]);
        free(sessions[i]);
    }
    for (int i = 0; i < SESSIONS; i++) {
        int size = snprintf(id, sizeof(id), "session-%d", i);
        struct sess_session *found = sess_table_find(&table, id, (size_t)size);
        assert_ptr_equal(found, i % 2 == 0 ? NULL : sessions[i]);
    }
    for (int i = 1; i < SESSIONS; i += 2) {
        sess_table_remove(&table, sessions[i]);
        free(sessions[i]);
    }
    sess_table_deinit(&table);
}

static void test_table_ids_are_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        size_t size;
    } ids[] = {{"", 0},     {"\0", 1},       {"a", 1},         {"a\0", 2},
               {"a\0b", 3}, {"12345678", 8}, {"123456789", 9}, {"12345678\0", 9}};
    enum { IDS = sizeof(ids) / sizeof(ids[0]) };
    struct sess_session *sessions[IDS];
    struct sess_shortage shortage;
    struct sess_table table;
    sess_table_init(&table, 0, 7, NULL);
    for (size_t i = 0; i < IDS; i++) {
        sessions[i] = make(ids[i].id, ids[i].size);
        add(&table, sessions[i]);
    }
    for (size_t i = 0; i < IDS; i++) {
        assert_ptr_equal(sess_table_find(&table, ids[i].id, ids[i].size), sessions[i]);
        assert_int_equal(sess_table_reserve(&table, ids[i].id, ids[i].size, &shortage),
                         SESS_E_EXISTS);
    }
    for (size_t i = 0; i < IDS; i++) {
        sess_table_remove(&table, sessions[i]);
        free(sessions[i]);
    }
    sess_table_deinit(&table);
}

static void test_table_has_a_limit(void **state)
{
    (void)state;
    struct sess_session *one = make("one", 3), *two = make("two", 3);
    struct sess_shortage shortage = {0};
    struct sess_table table;
    sess_table_init(&table, 2, 7, NULL);
    add(&table, one);
    add(&table, two);
    assert_int_equal(sess_table_reserve(&table, "3", 1, &shortage), SESS_E_NO_CAPACITY);
    assert_string_equal(shortage.resource, "sessions of this connection");
    assert_int_equal(shortage.need, 1);
    sess_table_remove(&table, one);
    assert_int_equal(sess_table_reserve(&table, "3", 1, &shortage), 0);
    sess_table_remove(&table, two);
    sess_table_deinit(&table);
    free(one);
    free(two);
}

/* Each once; the one that was given last may be taken out on the way. */
static void test_table_can_be_walked(void **state)
{
    (void)state;
    enum { SESSIONS = 300 };
    struct sess_table table;
    struct sess_session *removed[SESSIONS], *cursor = NULL, *session;
    unsigned seen = 0, left = 0;
    char id[32];
    sess_table_init(&table, 0, 1, NULL);
    assert_null(sess_table_next(&table, &cursor));
    for (int i = 0; i < SESSIONS; i++)
        add(&table, make(id, (size_t)snprintf(id, sizeof(id), "%d", i)));
    while ((session = sess_table_next(&table, &cursor)) != NULL) {
        assert_int_equal(session->state, 0); /* used as a mark below */
        session->state = SESS_GONE;
        if (seen % 3 == 0)
            sess_table_remove(&table, session);
        removed[seen++] = session;
    }
    assert_int_equal(seen, SESSIONS);
    cursor = NULL;
    while (sess_table_next(&table, &cursor) != NULL)
        left++;
    assert_int_equal(left, SESSIONS - SESSIONS / 3);
    for (unsigned i = 0; i < SESSIONS; i++) {
        if (i % 3 != 0)
            sess_table_remove(&table, removed[i]);
        free(removed[i]);
    }
    sess_table_deinit(&table);
}

static void *no_memory(void *context, void *block, size_t size_bytes)
{
    bool *fails = context;
    return *fails && size_bytes > 0 ? NULL : sess_memory_libc.resize(NULL, block, size_bytes);
}

/* Without memory an empty table refuses, one in use only gets slower. */
static void test_table_without_memory(void **state)
{
    (void)state;
    enum { SESSIONS = 100 };
    bool fails = true;
    const struct sess_memory memory = {no_memory, &fails};
    struct sess_session *sessions[SESSIONS];
    struct sess_shortage shortage = {0};
    struct sess_table table;
    char id[32];
    sess_table_init(&table, 0, 1, &memory);
    assert_int_equal(sess_table_reserve(&table, "1", 1, &shortage), SESS_E_NO_CAPACITY);
    assert_string_equal(shortage.resource, "memory");
    for (int i = 0; i < SESSIONS; i++) {
        sessions[i] = make(id, (size_t)snprintf(id, sizeof(id), "%d", i));
        fails = i > 0;
        add(&table, sessions[i]);
    }
    for (int i = 0; i < SESSIONS; i++) {
        int size = snprintf(id, sizeof(id), "%d", i);
        assert_ptr_equal(sess_table_find(&table, id, (size_t)size), sessions[i]);
        sess_table_remove(&table, sessions[i]);
        free(sessions[i]);
    }
    sess_table_deinit(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_finds_what_was_added),
        cmocka_unit_test(test_table_ids_are_bytes),
        cmocka_unit_test(test_table_has_a_limit),
        cmocka_unit_test(test_table_can_be_walked),
        cmocka_unit_test(test_table_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
