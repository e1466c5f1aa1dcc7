/*  limits: replicated, saved, and named by who refuses                       */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_control.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"

static void
test_every_limit_has_a_name_a_default_and_a_place (void **state)
{
    (void)state;
    covey_state_limits_t limits, other;
    covey_state_limits_init (&limits);
    memset (&other, 0, sizeof other);
    Covey__Control__MeshLimits shown = COVEY__CONTROL__MESH_LIMITS__INIT;
    covey_limits_show (&limits, &shown);
    assert_int_equal (covey_limits_check (&shown, NULL), COVEY_OK);
    covey_limits_set (&other, &shown);
    assert_memory_equal (&limits, &other, sizeof limits);
    unsigned rows = 0;
#define X(name, place, type, scale, min, max) rows++;
    COVEY_LIMITS (X)
#undef X
    assert_int_equal (rows, covey__control__mesh_limits__descriptor.n_fields);
    /* a limit that no row knows would stay 0 */
    assert_int_equal (sizeof limits / sizeof (size_t), rows);
}

static void
test_limits_are_set_shown_and_saved (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    assert_int_equal (support_call (c, "op", "mesh.setLimits",
                                    "{\"tasks\":2,\"endedTaskAge\":5000}"),
                      COVEY_OK);
    assert_int_equal (support_reply_int (c, "tasks"), 2);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_SYSTEM_INFO), 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal (
            support_call (c, "op", "task.submit", "{\"taskType\":\"x\"}"),
            COVEY_OK);
    covey_buf_t bytes;
    covey_buf_init (&bytes, SIZE_MAX);
    assert_int_equal (covey_state_save (c->state, &bytes), COVEY_OK);
    covey_state_t *loaded = NULL;
    assert_int_equal (
        covey_state_load (bytes.data, bytes.size, NULL, &loaded, &c->err),
        COVEY_OK);
    assert_int_equal (loaded->limits.tasks_max, 2);
    assert_int_equal (loaded->limits.ended_us, 5000000);
    assert_int_equal (loaded->limits.swarms_max, 10000);
    covey_state_destroy (&loaded);
    covey_buf_deinit (&bytes);
    /* the third is one too many, until there is room for it */
    assert_int_equal (
        support_call (c, "op", "task.submit", "{\"taskType\":\"x\"}"),
        COVEY_EAGAIN);
    assert_non_null (strstr (c->err.text, "covey limits tasks="));
    assert_non_null (strstr (c->err.text, " is 2:"));
    assert_int_equal (support_call (c, "op", "mesh.setLimits", "{\"tasks\":3}"),
                      COVEY_OK);
    assert_int_equal (
        support_call (c, "op", "task.submit", "{\"taskType\":\"x\"}"),
        COVEY_OK);
    support_call (c, "op", "mesh.limits", "{}");
    assert_non_null (strstr ((char *)c->reply.data, "\"used\":{\"agents\":0,"
                                                    "\"tasks\":3,"));
    support_control_end (c);
}

static void
test_nonsense_and_agents_are_refused (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    assert_int_equal (
        support_call (c, "op", "mesh.setLimits", "{\"taskBytes\":0}"),
        COVEY_INVALID);
    assert_non_null (strstr (c->err.text, "taskBytes is 0, allowed are 1 to "));
    assert_int_equal (
        support_call (c, "op", "mesh.setLimits", "{\"taskByte\":1}"),
        COVEY_INVALID);
    support_agent_up (c, "a1", "worker", "", 1);
    assert_int_equal (support_call (c, "a1", "mesh.setLimits", "{\"tasks\":1}"),
                      COVEY_DENIED);
    support_control_end (c);
}

static void
test_more_agents_than_the_limit_are_not_registered (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    support_call (c, "op", "mesh.setLimits", "{\"agents\":2}");
    support_agent_up (c, "a1", "worker", "", 1);
    support_agent_up (c, "a2", "worker", "", 1);
    support_agent_up (c, "a3", "worker", "", 1);
    assert_int_equal (c->effects.code, COVEY_LIMIT);
    assert_non_null (strstr (c->effects.err.text, "covey limits agents="));
    assert_null (covey_state_agent_session (c->state, "a3"));
    /* who is up may begin another session */
    support_agent_up (c, "a2", "worker", "", 1);
    assert_int_equal (c->effects.code, COVEY_OK);
    support_agent_down (c, "a1");
    support_agent_up (c, "a3", "worker", "", 1);
    assert_int_equal (c->effects.code, COVEY_OK);
    support_control_end (c);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_every_limit_has_a_name_a_default_and_a_place),
        cmocka_unit_test (test_limits_are_set_shown_and_saved),
        cmocka_unit_test (test_nonsense_and_agents_are_refused),
        cmocka_unit_test (test_more_agents_than_the_limit_are_not_registered),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
