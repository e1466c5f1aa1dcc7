/*  state: the shared memory, from commands to facts                          */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_control.h"
#include "coordinator/save.h"

static support_control_t *
s_new (const covey_state_limits_t *limits)
{
    support_control_t *c = support_control_new (limits);
    support_agent_up (c, "ann", "writer", "", 1);
    support_agent_up (c, "bob", "writer", "", 1);
    return c;
}

/*  Call and check that what is told is well-formed.                         */
#define S_CALL(c, who, method, code, ...)                                     \
    do {                                                                      \
        covey_err_t code_ = support_call ((c), (who), (method), __VA_ARGS__); \
        if (code_ != COVEY_##code)                                            \
            fail_msg ("%s: %d %s", (method), code_, (c)->err.text);           \
    } while (0)

static void
test_what_is_put_can_be_got_by_all_and_is_told (void **state)
{
    (void)state;
    support_control_t *c = s_new (NULL);
    S_CALL (c, "ann", "memory.put", OK,
            "{\"key\":\"plans/step1\",\"value\":{\"do\":[1,2]},"
            "\"tags\":[\"plan\",\"draft\",\"plan\"]}");
    assert_int_equal (support_reply_int (c, "revision"), 1);
    assert_string_equal (support_reply (c, "value"), "");
    const covey_event_t *fact = support_fact (c, COVEY_EVENT_MEMORY_STORED, 0);
    assert_string_equal (covey_event_source (fact), "ann");
    assert_string_equal (covey_event_str (fact, "memoryKey"), "plans/step1");
    assert_int_equal (covey_event_int (fact, "revision"), 1);
    assert_int_equal (covey_event_int (fact, "size"), 12);
    assert_string_equal (covey_event_str (fact, "accessLevel"), "read");
    assert_int_equal (covey_event_tag_count (fact), 2);
    S_CALL (c, "bob", "memory.get", OK, "{\"key\":\"plans/step1\"}");
    assert_non_null (
        strstr ((char *)c->reply.data, "\"value\":{\"do\":[1,2]}"));
    assert_string_equal (support_reply (c, "owner"), "ann");
    assert_string_equal (support_reply (c, "author"), "ann");
    assert_non_null (
        strstr ((char *)c->reply.data, "\"tags\":[\"draft\",\"plan\"]"));
    S_CALL (c, "bob", "memory.get", NOTFOUND, "{\"key\":\"plans\"}");
    S_CALL (c, "bob", "memory.get", NOTFOUND,
            "{\"key\":\"plans/step1\",\"revision\":7}");
    support_control_end (c);
}

static void
test_create_and_compare_and_set_name_the_revision (void **state)
{
    (void)state;
    support_control_t *c = s_new (NULL);
    S_CALL (c, "ann", "memory.put", OK,
            "{\"key\":\"k\",\"value\":1,\"expectedRevision\":0,"
            "\"accessLevel\":\"write\"}");
    S_CALL (c, "bob", "memory.put", EXISTS,
            "{\"key\":\"k\",\"value\":2,\"expectedRevision\":0}");
    assert_non_null (strstr (c->err.text, "revision 1"));
    S_CALL (c, "bob", "memory.put", OK,
            "{\"key\":\"k\",\"value\":2,\"expectedRevision\":1}");
    S_CALL (c, "ann", "memory.put", CONFLICT,
            "{\"key\":\"k\",\"value\":3,\"expectedRevision\":1}");
    assert_non_null (strstr (c->err.text, "is at revision 2, 1 was expected"));
    assert_int_equal (c->effects.fact_count, 0);
    S_CALL (c, "ann", "memory.delete", CONFLICT,
            "{\"key\":\"k\",\"expectedRevision\":1}");
    S_CALL (c, "ann", "memory.delete", OK,
            "{\"key\":\"k\",\"expectedRevision\":2}");
    S_CALL (c, "ann", "memory.put", CONFLICT,
            "{\"key\":\"k\",\"value\":3,\"expectedRevision\":3}");
    S_CALL (c, "bob", "memory.put", OK,
            "{\"key\":\"k\",\"value\":3,\"expectedRevision\":0}");
    assert_string_equal (support_reply (c, "owner"), "bob");
    assert_int_equal (support_reply_int (c, "previous"), 3);
    support_control_end (c);
}

static void
test_levels_say_who_may_do_what (void **state)
{
    (void)state;
    static const struct {
        const char *level;
        covey_err_t write, govern;
    } cases[] = {{"read", COVEY_DENIED, COVEY_DENIED},
                 {"write", COVEY_OK, COVEY_DENIED},
                 {"admin", COVEY_OK, COVEY_OK}};
    for (size_t i = 0; i < 3; i++) {
        support_control_t *c = s_new (NULL);
        S_CALL (c, "ann", "memory.put", OK,
                "{\"key\":\"k\",\"value\":1,\"accessLevel\":\"%s\"}",
                cases[i].level);
        S_CALL (c, "bob", "memory.get", OK, "{\"key\":\"k\"}");
        assert_int_equal (support_call (c, "bob", "memory.put",
                                        "{\"key\":\"k\",\"value\":2}"),
                          cases[i].write);
        assert_int_equal (
            support_call (c, "bob", "memory.incr", "{\"key\":\"k\"}"),
            cases[i].write);
        /* more than a value */
        const char *other = i == 0 ? "write" : "read";
        assert_int_equal (
            support_call (c, "bob", "memory.put",
                          "{\"key\":\"k\",\"value\":2,\"history\":3}"),
            cases[i].govern);
        assert_int_equal (
            support_call (c, "bob", "memory.share", "{\"key\":\"k\"}"),
            cases[i].govern);
        S_CALL (c, "bob", "memory.share", DENIED,
                "{\"key\":\"k\",\"owner\":\"bob\"}");
        assert_non_null (strstr (c->err.text, "belongs to ann"));
        assert_int_equal (support_call (c, "bob", "memory.share",
                                        "{\"key\":\"k\",\"accessLevel\":"
                                        "\"%s\"}",
                                        other),
                          cases[i].govern);
        S_CALL (c, "ann", "memory.share", OK,
                "{\"key\":\"k\",\"accessLevel\":\"%s\"}", cases[i].level);
        assert_int_equal (
            support_call (c, "bob", "memory.delete", "{\"key\":\"k\"}"),
            cases[i].govern);
        support_control_end (c);
    }
}

static void
test_an_agent_acts_as_itself_and_a_person_as_anybody (void **state)
{
    (void)state;
    support_control_t *c = s_new (NULL);
    S_CALL (c, "bob", "memory.put", DENIED,
            "{\"key\":\"k\",\"value\":1,\"agentId\":\"ann\"}");
    S_CALL (c, "cli-1", "memory.put", OK,
            "{\"key\":\"k\",\"value\":1,\"agentId\":\"ann\"}");
    assert_string_equal (
        covey_event_source (support_fact (c, COVEY_EVENT_MEMORY_STORED, 0)),
        "ann");
    S_CALL (c, "cli-1", "memory.put", DENIED, "{\"key\":\"k\",\"value\":2}");
    S_CALL (c, "ann", "memory.put", OK, "{\"key\":\"k\",\"value\":2}");
    /* the owner gives it away */
    S_CALL (c, "ann", "memory.share", OK, "{\"key\":\"k\",\"owner\":\"bob\"}");
    S_CALL (c, "ann", "memory.put", DENIED, "{\"key\":\"k\",\"value\":3}");
    S_CALL (c, "bob", "memory.put", OK, "{\"key\":\"k\",\"value\":3}");
    support_control_end (c);
}

static void
test_a_put_says_what_the_entry_is_and_a_count_changes_only_the_value (
    void **state)
{
    (void)state;
    support_control_t *c = s_new (NULL);
    S_CALL (c, "ann", "memory.put", OK,
            "{\"key\":\"n\",\"value\":41,\"ttl\":60000,\"tags\":[\"x\"],"
            "\"accessLevel\":\"write\",\"history\":3}");
    S_CALL (c, "bob", "memory.incr", OK, "{\"key\":\"n\"}");
    assert_int_equal (support_reply_int (c, "value"), 42);
    assert_string_equal (support_reply (c, "owner"), "ann");
    assert_string_equal (support_reply (c, "author"), "bob");
    assert_string_not_equal (support_reply (c, "expiresAt"), "");
    assert_string_equal (support_reply (c, "accessLevel"), "write");
    assert_non_null (strstr ((char *)c->reply.data, "\"tags\":[\"x\"]"));
    S_CALL (c, "bob", "memory.put", OK, "{\"key\":\"n\",\"value\":7}");
    assert_string_equal (support_reply (c, "expiresAt"), "");
    assert_string_equal (support_reply (c, "accessLevel"), "write");
    assert_int_equal (support_reply_int (c, "history"), 3);
    assert_null (strstr ((char *)c->reply.data, "\"x\""));
    support_control_end (c);
}

static void
test_counters_have_bounds_and_do_not_wrap (void **state)
{
    (void)state;
    support_control_t *c = s_new (NULL);
    S_CALL (c, "ann", "memory.incr", OK, "{\"key\":\"n\",\"by\":-3}");
    assert_int_equal (support_reply_int (c, "value"), -3);
    assert_string_equal (support_reply (c, "accessLevel"), "write");
    S_CALL (c, "bob", "memory.incr", STATE,
            "{\"key\":\"n\",\"by\":5,\"max\":1}");
    assert_non_null (strstr (c->err.text, "above the maximum of 1"));
    S_CALL (c, "bob", "memory.incr", STATE,
            "{\"key\":\"n\",\"by\":-5,\"min\":-7}");
    S_CALL (c, "bob", "memory.incr", OK,
            "{\"key\":\"n\",\"by\":4,\"min\":1,\"max\":1}");
    S_CALL (c, "bob", "memory.incr", STATE,
            "{\"key\":\"n\",\"by\":\"9223372036854775807\"}");
    assert_non_null (strstr (c->err.text, "64 bits"));
    S_CALL (c, "bob", "memory.incr", OK,
            "{\"key\":\"n\",\"by\":\"9223372036854775806\"}");
    assert_string_equal (support_reply (c, "value"), "9223372036854775807");
    S_CALL (c, "ann", "memory.put", OK, "{\"key\":\"t\",\"value\":\"12x\"}");
    S_CALL (c, "ann", "memory.incr", STATE, "{\"key\":\"t\"}");
    S_CALL (c, "ann", "memory.put", OK, "{\"key\":\"t\",\"value\":1.5}");
    S_CALL (c, "ann", "memory.incr", STATE, "{\"key\":\"t\"}");
    S_CALL (c, "ann", "memory.put", OK, "{\"key\":\"t\",\"value\":\"12\"}");
    S_CALL (c, "ann", "memory.incr", OK, "{\"key\":\"t\"}");
    assert_string_equal (support_reply (c, "value"), "13");
    support_control_end (c);
}

static void
test_a_value_ends_with_its_time_to_live_and_that_is_told (void **state)
{
    (void)state;
    support_control_t *c = s_new (NULL);
    S_CALL (c, "ann", "memory.put", OK,
            "{\"key\":\"k\",\"value\":1,\"ttl\":1000,\"tags\":[\"x\"]}");
    S_CALL (c, "ann", "memory.put", OK,
            "{\"key\":\"l\",\"value\":1,\"ttl\":1000}");
    support_check_saved (c);
    S_CALL (c, "ann", "memory.put", OK, "{\"key\":\"l\",\"value\":2}");
    assert_int_equal (covey_state_next_us (c->state), c->now_us + 1000000);
    support_tick (c, 999);
    assert_int_equal (c->effects.fact_count, 0);
    support_tick (c, 1);
    assert_int_equal (c->effects.fact_count, 1);
    const covey_event_t *fact = support_fact (c, COVEY_EVENT_MEMORY_DELETED, 0);
    assert_string_equal (covey_event_str (fact, "memoryKey"), "k");
    assert_string_equal (covey_event_str (fact, "reason"), "expired");
    assert_int_equal (covey_event_int (fact, "revision"), 4);
    assert_string_equal (covey_event_source (fact), "coordinator");
    assert_string_equal (covey_event_tag (fact, 0), "x");
    S_CALL (c, "bob", "memory.get", NOTFOUND, "{\"key\":\"k\"}");
    S_CALL (c, "bob", "memory.get", OK, "{\"key\":\"l\"}");
    assert_int_equal (covey_state_next_us (c->state), INT64_MAX);
    /* nothing of it is left but that it is gone */
    S_CALL (c, "bob", "memory.history", OK, "{\"key\":\"k\"}");
    assert_string_equal (support_reply (c, "reason"), "expired");
    assert_null (strstr ((char *)c->reply.data, "\"value\""));
    support_control_end (c);
}

static void
test_sharing_hands_the_value_to_those_who_are_named (void **state)
{
    (void)state;
    support_control_t *c = s_new (NULL);
    S_CALL (c, "ann", "memory.put", OK,
            "{\"key\":\"k\",\"value\":{\"a\":1},\"tags\":[\"x\"]}");
    S_CALL (c, "ann", "memory.share", OK,
            "{\"key\":\"k\",\"targets\":[\"bob\"]}");
    assert_int_equal (c->effects.fact_count, 1); /* no change of the entry   */
    const covey_event_t *fact = support_fact (c, COVEY_EVENT_MEMORY_SHARED, 0);
    assert_string_equal (covey_event_target (fact, 0), "bob");
    assert_memory_equal (covey_event_payload (fact, "value", NULL, NULL),
                         "{\"a\":1}", 7);
    assert_int_equal (covey_event_int (fact, "revision"), 1);
    S_CALL (c, "ann", "memory.share", OK,
            "{\"key\":\"k\",\"accessLevel\":\"admin\"}");
    assert_int_equal (support_fact_count (c, COVEY_EVENT_MEMORY_STORED), 1);
    fact = support_fact (c, COVEY_EVENT_MEMORY_SHARED, 0);
    assert_int_equal (covey_event_target_count (fact), 0);
    assert_int_equal (covey_event_int (fact, "revision"), 2);
    assert_string_equal (covey_event_str (fact, "accessLevel"), "admin");
    S_CALL (c, "bob", "memory.share", NOAGENT,
            "{\"key\":\"k\",\"targets\":[\"bob\",\"eve\"]}");
    assert_int_equal (c->effects.fact_count, 0);
    S_CALL (c, "bob", "memory.retrieve", OK, "{\"key\":\"k\"}");
    fact = support_fact (c, COVEY_EVENT_MEMORY_RETRIEVED, 0);
    assert_string_equal (covey_event_str (fact, "agentId"), "bob");
    assert_non_null (strstr ((char *)c->reply.data, "\"value\":{\"a\":1}"));
    S_CALL (c, "bob", "memory.retrieve", NOTFOUND, "{\"key\":\"j\"}");
    support_control_end (c);
}

static void
test_an_answer_that_is_repeated_is_about_its_own_version (void **state)
{
    (void)state;
    support_control_t *c = s_new (NULL);
    const char *put = "{\"key\":\"k\",\"value\":1,\"history\":2,"
                      "\"accessLevel\":\"write\"}";
    assert_int_equal (support_call_as (c, "ann", "r-1", "memory.put", put), 0);
    S_CALL (c, "bob", "memory.put", OK, "{\"key\":\"k\",\"value\":2}");
    assert_int_equal (support_call_as (c, "ann", "r-1", "memory.put", put), 0);
    assert_int_equal (support_reply_int (c, "revision"), 1);
    assert_string_equal (support_reply (c, "author"), "ann");
    S_CALL (c, "bob", "memory.put", OK, "{\"key\":\"k\",\"value\":3}");
    assert_int_equal (support_call_as (c, "ann", "r-1", "memory.put", put), 0);
    assert_int_equal (support_reply_int (c, "revision"), 1);
    assert_string_equal (support_reply (c, "superseded"), "true");
    S_CALL (c, "bob", "memory.get", OK, "{\"key\":\"k\"}");
    assert_int_equal (support_reply_int (c, "revision"), 3);
    /* a count that is asked for again has its own sum */
    const char *incr = "{\"key\":\"n\",\"by\":5}";
    assert_int_equal (support_call_as (c, "ann", "r-2", "memory.incr", incr),
                      0);
    for (int i = 0; i < COVEY_MEMORY_HISTORY; i++)
        S_CALL (c, "bob", "memory.incr", OK, "{\"key\":\"n\"}");
    assert_int_equal (support_call_as (c, "ann", "r-2", "memory.incr", incr),
                      0);
    assert_int_equal (support_reply_int (c, "value"), 5);
    assert_string_equal (support_reply (c, "superseded"), "true");
    support_control_end (c);
}

static void
test_lists_go_by_prefix_and_tag_and_as_it_was (void **state)
{
    (void)state;
    support_control_t *c = s_new (NULL);
    for (int i = 0; i < 25; i++)
        S_CALL (c, "ann", "memory.put", OK,
                "{\"key\":\"a/%02d\",\"value\":%d,\"tags\":[\"%s\"]}", i, i,
                i % 2 ? "odd" : "even");
    S_CALL (c, "ann", "memory.put", OK, "{\"key\":\"b/1\",\"value\":0}");
    S_CALL (c, "ann", "memory.list", OK, "{\"prefix\":\"a/\",\"limit\":10}");
    assert_string_equal (support_reply (c, "next"), "a/09");
    assert_int_equal (support_reply_int (c, "revision"), 26);
    S_CALL (c, "ann", "memory.list", OK,
            "{\"prefix\":\"a/\",\"limit\":10,\"after\":\"a/19\"}");
    assert_string_equal (support_reply (c, "next"), "");
    assert_non_null (strstr ((char *)c->reply.data, "a/24"));
    assert_null (strstr ((char *)c->reply.data, "b/1"));
    S_CALL (c, "ann", "memory.list", OK, "{\"tag\":\"odd\",\"values\":true}");
    assert_string_equal (support_reply (c, "key"), "a/01");
    assert_null (strstr ((char *)c->reply.data, "a/02"));
    /* between two pages the world goes on */
    S_CALL (c, "ann", "memory.put", OK, "{\"key\":\"a/20\",\"value\":99}");
    S_CALL (c, "ann", "memory.put", OK, "{\"key\":\"a/30\",\"value\":99}");
    S_CALL (c, "ann", "memory.list", OK,
            "{\"prefix\":\"a/\",\"after\":\"a/19\",\"at\":26,\"values\":true}");
    assert_non_null (strstr ((char *)c->reply.data, "\"value\":20"));
    assert_null (strstr ((char *)c->reply.data, "a/30"));
    S_CALL (c, "ann", "memory.namespaces", OK, "{}");
    assert_string_equal (support_reply (c, "name"), "a");
    support_control_end (c);
}

static void
test_followers_get_each_change_once_or_are_told_to_begin_anew (void **state)
{
    (void)state;
    covey_state_limits_t limits;
    covey_state_limits_init (&limits);
    limits.memory.ended_max = 2;
    support_control_t *c = s_new (&limits);
    S_CALL (c, "ann", "memory.changes", OK, "{\"after\":0}");
    assert_int_equal (support_reply_int (c, "revision"), 0);
    S_CALL (c, "ann", "memory.put", OK,
            "{\"key\":\"a\",\"value\":1,\"tags\":[\"x\"]}");
    S_CALL (c, "ann", "memory.put", OK, "{\"key\":\"b\",\"value\":1}");
    S_CALL (c, "ann", "memory.put", OK, "{\"key\":\"a\",\"value\":2}");
    S_CALL (c, "ann", "memory.changes", OK,
            "{\"after\":1,\"prefix\":\"a\",\"values\":true}");
    assert_non_null (strstr ((char *)c->reply.data, "\"previous\":1"));
    assert_int_equal (support_reply_int (c, "value"), 2);
    assert_non_null (
        strstr ((char *)c->reply.data, "],\"revision\":3,\"more\":false}"));
    S_CALL (c, "ann", "memory.changes", OK, "{\"after\":1,\"tag\":\"x\"}");
    assert_string_equal (support_reply (c, "untagged"), "true");
    S_CALL (c, "ann", "memory.changes", OK, "{\"after\":0,\"limit\":1}");
    assert_non_null (
        strstr ((char *)c->reply.data, "],\"revision\":1,\"more\":true}"));
    S_CALL (c, "ann", "memory.changes", OK, "{\"after\":0,\"prefix\":\"z\"}");
    assert_int_equal (support_reply_int (c, "revision"), 3);
    for (int i = 0; i < 3; i++) {
        S_CALL (c, "ann", "memory.put", OK, "{\"key\":\"c%d\",\"value\":1}", i);
        S_CALL (c, "ann", "memory.delete", OK, "{\"key\":\"c%d\"}", i);
    }
    S_CALL (c, "ann", "memory.changes", LIMIT, "{\"after\":4}");
    assert_non_null (strstr (c->err.text, "behind 5"));
    S_CALL (c, "ann", "memory.changes", OK, "{\"after\":5}");
    assert_int_equal (support_reply_int (c, "revision"), 7);
    S_CALL (c, "ann", "memory.changes", LIMIT, "{\"after\":10}");
    support_control_end (c);
}

/*  The largest values, every byte of them escaped, come page by page.       */
static void
test_a_page_fits_into_an_answer_whatever_the_values_are (void **state)
{
    (void)state;
    covey_state_limits_t limits;
    covey_state_limits_init (&limits);
    limits.memory_value_max = COVEY_MEMORY_VALUE_LIMIT;
    support_control_t *c = s_new (&limits);
    size_t size = 6 * COVEY_MEMORY_VALUE_LIMIT;
    char *text = calloc (1, size + 1), after[32] = "";
    assert_non_null (text);
    for (size_t i = 0; i < size; i += 6)
        memcpy (text + i, "\\u0001", 6);
    for (int i = 0; i < 3; i++)
        S_CALL (c, "ann", "memory.put", OK,
                "{\"key\":\"k%d\",\"value\":\"%s\"}", i, text);
    free (text);
    for (int i = 0; i < 3; i++) {
        S_CALL (c, "ann", "memory.list", OK,
                "{\"values\":true,\"after\":\"%s\"}", after);
        assert_true (c->reply.size <= COVEY_PAYLOAD_MAX);
        snprintf (after, sizeof after, "k%d", i);
        assert_string_equal (support_reply (c, "next"), i < 2 ? after : "");
        S_CALL (c, "ann", "memory.changes", OK,
                "{\"values\":true,\"after\":%d}", i);
        assert_true (c->reply.size <= COVEY_PAYLOAD_MAX);
        assert_int_equal (support_reply_int (c, "revision"), i + 1);
    }
    support_control_end (c);
}

static void
test_wrong_params_are_refused_with_the_field_and_the_bound (void **state)
{
    (void)state;
    support_control_t *c = s_new (NULL);
    char *big = calloc (1, COVEY_MEMORY_VALUE_MAX + 200);
    assert_non_null (big);
    S_CALL (c, "ann", "memory.put", INVALID, "{\"key\":\"\",\"value\":1}");
    S_CALL (c, "ann", "memory.put", INVALID, "{\"value\":1}");
    S_CALL (c, "ann", "memory.put", INVALID, "{\"key\":\"k\"}");
    S_CALL (c, "ann", "memory.put", INVALID,
            "{\"key\":\"k\",\"value\":1,\"ttl\":0}");
    S_CALL (c, "ann", "memory.put", INVALID,
            "{\"key\":\"k\",\"value\":1,\"history\":65}");
    S_CALL (c, "ann", "memory.put", INVALID,
            "{\"key\":\"k\",\"value\":1,\"accessLevel\":\"root\"}");
    S_CALL (c, "ann", "memory.put", INVALID,
            "{\"key\":\"k\",\"value\":1,\"expected\":1}");
    S_CALL (c, "ann", "memory.incr", INVALID,
            "{\"key\":\"k\",\"min\":2,\"max\":1}");
    memset (big, 'k', COVEY_NAME_MAX + 1);
    S_CALL (c, "ann", "memory.get", LIMIT, "{\"key\":\"%s\"}", big);
    memset (big, 'v', COVEY_MEMORY_VALUE_MAX + 1);
    S_CALL (c, "ann", "memory.put", LIMIT, "{\"key\":\"k\",\"value\":\"%s\"}",
            big);
    assert_non_null (strstr (c->err.text, "value has 65537 bytes"));
    big[COVEY_MEMORY_VALUE_MAX] = '\0';
    S_CALL (c, "ann", "memory.put", OK, "{\"key\":\"k\",\"value\":\"%s\"}",
            big);
    free (big);
    support_control_end (c);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_what_is_put_can_be_got_by_all_and_is_told),
        cmocka_unit_test (test_create_and_compare_and_set_name_the_revision),
        cmocka_unit_test (test_levels_say_who_may_do_what),
        cmocka_unit_test (test_an_agent_acts_as_itself_and_a_person_as_anybody),
        cmocka_unit_test (
            test_a_put_says_what_the_entry_is_and_a_count_changes_only_the_value),
        cmocka_unit_test (test_counters_have_bounds_and_do_not_wrap),
        cmocka_unit_test (
            test_a_value_ends_with_its_time_to_live_and_that_is_told),
        cmocka_unit_test (test_sharing_hands_the_value_to_those_who_are_named),
        cmocka_unit_test (
            test_an_answer_that_is_repeated_is_about_its_own_version),
        cmocka_unit_test (test_lists_go_by_prefix_and_tag_and_as_it_was),
        cmocka_unit_test (
            test_followers_get_each_change_once_or_are_told_to_begin_anew),
        cmocka_unit_test (
            test_a_page_fits_into_an_answer_whatever_the_values_are),
        cmocka_unit_test (
            test_wrong_params_are_refused_with_the_field_and_the_bound),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
