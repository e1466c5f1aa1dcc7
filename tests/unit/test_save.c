/*  save: a state comes back from its bytes as it was, and from nothing else  */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_control.h"
#include "coordinator/save.h"

/*  A little of everything: tasks in all states, agents up and down, swarms,
    votes open and decided, refusals that are kept.                           */
#define DO(...) assert_int_equal (support_call (__VA_ARGS__), COVEY_OK)

static void
s_fill (support_control_t *c)
{
    support_control_init (c, NULL);
    support_agent_up (c, "a1", "worker", "ocr resize", 2);
    support_agent_up (c, "a2", "worker", "ocr", 1);
    support_agent_up (c, "gone", "clerk", "", 1);
    support_agent_down (c, "gone");
    DO (c, "c1", "task.submit",
        "{\"taskId\":\"t1\",\"taskType\":\"x\",\"input\":{"
        "\"contentType\":\"text\",\"data\":\"hello\"}}");
    DO (c, "c1", "task.submit",
        "{\"taskId\":\"t2\",\"taskType\":\"x\",\"dependencies\":["
        "\"t1\"],\"idempotencyKey\":\"k\",\"deadline\":"
        "1800000000000000}");
    DO (c, "c1", "task.submit",
        "{\"taskId\":\"t3\",\"taskType\":\"x\",\"agentType\":"
        "\"nobody\",\"retry\":{\"fatalCodes\":[\"F\"]}}");
    DO (c, "c2", "task.submit", "{\"taskId\":\"t4\",\"taskType\":\"x\"}");
    DO (c, "a2", "task.fail",
        "{\"taskId\":\"t4\",\"fencingToken\":2,\"error\":\"no\"}");
    assert_int_equal (support_call (c, "c2", "task.submit",
                                    "{\"taskId\":\"t4\",\"taskType\":\"x\"}"),
                      COVEY_EXISTS);
    DO (c, "c2", "task.submit", "{\"taskId\":\"t5\",\"taskType\":\"x\"}");
    DO (c, "c2", "task.cancel", "{\"taskId\":\"t5\"}");
    DO (c, "c2", "swarm.form",
        "{\"swarmId\":\"s1\",\"members\":[{\"agentId\":\"a1\"},{"
        "\"agentId\":\"a2\",\"weight\":2.5}],\"tags\":[\"z\"]}");
    DO (c, "c2", "swarm.form", "{\"swarmId\":\"s2\"}");
    DO (c, "c2", "swarm.disband", "{\"swarmId\":\"s2\"}");
    for (int i = 1; i <= 2; i++)
        DO (c, "a1", "swarm.propose",
            "{\"consensusId\":\"v%d\",\"swarmId\":\"s1\","
            "\"proposal\":{\"contentType\":\"text\",\"data\":\"x\"}}",
            i);
    DO (c, "a1", "swarm.vote",
        "{\"consensusId\":\"v1\",\"vote\":\"approve\","
        "\"reason\":\"why not\"}");
    DO (c, "a2", "swarm.vote", "{\"consensusId\":\"v1\",\"vote\":\"approve\"}");
    DO (c, "a2", "swarm.vote", "{\"consensusId\":\"v2\",\"vote\":\"approve\"}");
}

static void
s_save (const covey_state_t *state, covey_buf_t *to)
{
    covey_buf_init (to, SIZE_MAX);
    assert_int_equal (covey_state_save (state, to), COVEY_OK);
}

static void
test_comes_back_as_it_was (void **state)
{
    (void)state;
    support_control_t c;
    covey_errbuf_t err = {""};
    s_fill (&c);
    covey_buf_t bytes, again;
    s_save (c.state, &bytes);
    covey_state_t *loaded = NULL;
    covey_err_t code =
        covey_state_load (bytes.data, bytes.size, NULL, &loaded, &err);
    if (code)
        fail_msg ("%s: %s", covey_err_name (code), err.text);
    assert_true (covey_state_digest (loaded) == covey_state_digest (c.state));
    assert_true (covey_state_index (loaded) == c.index);
    assert_true (covey_state_next_us (loaded) == covey_state_next_us (c.state));
    s_save (loaded, &again);
    assert_int_equal (again.size, bytes.size);
    assert_memory_equal (again.data, bytes.data, bytes.size);
    covey_buf_deinit (&again);
    covey_buf_deinit (&bytes);
    covey_state_destroy (&loaded);
    support_control_deinit (&c);
}

static void
s_refused (const void *data, size_t size, covey_err_t expected)
{
    covey_errbuf_t err = {""};
    covey_state_t *loaded = NULL;
    /* in memory of just this size, so that a sanitizer sees one byte too far */
    void *copy = malloc (size ? size : 1);
    assert_non_null (copy);
    if (size)
        memcpy (copy, data, size);
    assert_int_equal (covey_state_load (copy, size, NULL, &loaded, &err),
                      expected);
    assert_null (loaded);
    assert_non_null (strstr (err.text, "snapshot"));
    free (copy);
}

static void
test_damage_is_seen_wherever_it_is (void **state)
{
    (void)state;
    support_control_t c;
    s_fill (&c);
    covey_buf_t bytes;
    s_save (c.state, &bytes);
    s_refused (bytes.data, 0, COVEY_CORRUPT);
    for (size_t i = 1; i < bytes.size; i += 1 + i / 64)
        s_refused (bytes.data, i, COVEY_CORRUPT);
    for (size_t i = 0; i < bytes.size; i++) {
        covey_errbuf_t err;
        covey_state_t *loaded = NULL;
        bytes.data[i] ^= 0x10;
        assert_int_not_equal (
            covey_state_load (bytes.data, bytes.size, NULL, &loaded, &err),
            COVEY_OK);
        assert_null (loaded);
        bytes.data[i] ^= 0x10;
    }
    covey_buf_deinit (&bytes);
    support_control_deinit (&c);
}

/*  Head, one more record, end; the sum is right.                            */
static void
s_with (const void *more, size_t size, covey_buf_t *to)
{
    Covey__Snapshot__Head head = COVEY__SNAPSHOT__HEAD__INIT;
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_HEAD;
    record.head = &head;
    covey_saver_t saver;
    covey_buf_init (to, SIZE_MAX);
    covey_saver_init (&saver, to);
    covey_saver_put (&saver, &record);
    Covey__Snapshot__Record *made =
        covey__snapshot__record__unpack (NULL, size, more);
    assert_non_null (made);
    covey_saver_put (&saver, made); /* protobuf keeps what it does not know */
    covey__snapshot__record__free_unpacked (made, NULL);
    covey_saver_end (&saver);
    covey_saver_deinit (&saver);
}

static void
test_what_a_newer_version_wrote_is_not_read_over (void **state)
{
    (void)state;
    static const uint8_t kind[] = {0xda, 0x0f, 0x00}; /* kind 251      */
    static const uint8_t client[] = {0x12, 0x0a, 0x0a, 0x01, 'c', 0x10, 0x01,
                                     0x22, 0x00, 0xda, 0x0f, 0x00}; /* 251   */
    static const uint8_t nothing[] = {0x12, 0x07, 0x0a, 0x01, 'c',
                                      0x10, 0x01, 0x22, 0x00};
    covey_buf_t bytes;
    s_with (kind, sizeof kind, &bytes);
    s_refused (bytes.data, bytes.size, COVEY_VERSION);
    covey_buf_deinit (&bytes);
    s_with (client, sizeof client, &bytes);
    s_refused (bytes.data, bytes.size, COVEY_VERSION);
    covey_buf_deinit (&bytes);
    s_with (nothing, sizeof nothing, &bytes); /* a client without answers */
    s_refused (bytes.data, bytes.size, COVEY_CORRUPT);
    covey_buf_deinit (&bytes);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_comes_back_as_it_was),
        cmocka_unit_test (test_damage_is_seen_wherever_it_is),
        cmocka_unit_test (test_what_a_newer_version_wrote_is_not_read_over),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
