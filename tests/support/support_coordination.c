#include "support_coordination.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/save.h"
#include "coordinator/state_impl.h"

support_control_t *
support_team_new (int agents)
{
    support_control_t *c = calloc (1, sizeof *c);
    assert_non_null (c);
    support_control_init (c, NULL);
    for (int i = 1; i <= agents; i++) {
        char id[16];
        snprintf (id, sizeof id, "a%d", i);
        support_agent_up (c, id, "worker", "think", 1);
    }
    return c;
}

/*  All facts of the last command keep the contract.                         */
static void
s_check_facts (const support_control_t *c)
{
    for (size_t i = 0; i < c->effects.fact_count; i++)
        if (covey_event_validate (c->effects.facts[i]))
            fail_msg ("fact %d: %s", covey_event_type (c->effects.facts[i]),
                      covey_error ());
}

/*  The state comes back from its bytes as it was.                           */
static void
s_check_saved (const support_control_t *c)
{
    covey_buf_t bytes;
    covey_errbuf_t err = {""};
    covey_state_t *loaded = NULL;
    covey_buf_init (&bytes, SIZE_MAX);
    assert_int_equal (covey_state_save (c->state, &bytes), COVEY_OK);
    if (covey_state_load (bytes.data, bytes.size, &c->limits, &loaded, &err))
        fail_msg ("%s", err.text);
    assert_true (covey_state_digest (loaded) == covey_state_digest (c->state));
    assert_int_equal (loaded->coordination_bytes, c->state->coordination_bytes);
    assert_int_equal (loaded->coordination_ended_bytes,
                      c->state->coordination_ended_bytes);
    covey_state_destroy (&loaded);
    covey_buf_deinit (&bytes);
}

void
support_team_check (const support_control_t *c)
{
    s_check_facts (c);
    s_check_saved (c);
}

void
support_team_end (support_control_t *c)
{
    support_team_check (c);
    assert_true (covey_state_digest (c->state) == support_replay (c));
    support_control_deinit (c);
    free (c);
}

void
support_team_coordinate (support_control_t *c, const char *strategy, int min,
                         int max, const char *more)
{
    assert_int_equal (
        support_call (c, "boss", "mesh.coordinate",
                      "{\"coordinationId\":\"c1\",\"objective\":\"think\","
                      "\"requiredCapabilities\":[\"think\"],\"strategy\":"
                      "\"%s\",\"minAgents\":%d,\"maxAgents\":%d%s}",
                      strategy, min, max, more),
        COVEY_OK);
    support_team_check (c);
}

covey_err_t
support_team_answer (support_control_t *c, const char *agent, const char *verb)
{
    char method[64];
    snprintf (method, sizeof method, "mesh.coordination.%s", verb);
    covey_err_t code =
        support_call (c, agent, method, "{\"coordinationId\":\"c1\"}");
    support_team_check (c);
    return code;
}

void
support_team_accept (support_control_t *c, const char *agent)
{
    assert_int_equal (support_team_answer (c, agent, "accept"), COVEY_OK);
}

/*  What an agent holds, or NULL.                                            */
const covey_task_t *
support_team_held (const support_control_t *c, const char *agent)
{
    const covey_worker_t *worker =
        covey_registry_find_up (&c->state->registry, agent);
    return worker ? covey_tree_first (&worker->held) : NULL;
}

const char *
support_team_step (const support_control_t *c, const char *agent)
{
    const covey_task_t *task = support_team_held (c, agent);
    return task ? task->step : "";
}

bool
support_team_input_has (const support_control_t *c, const char *agent,
                        const char *text)
{
    const covey_task_t *task = support_team_held (c, agent);
    assert_non_null (task);
    if (strstr (task->input.data, text))
        return true;
    print_message ("%s\n", (char *)task->input.data);
    return false;
}

void
support_team_report (support_control_t *c, const char *agent, const char *verb,
                     const char *more)
{
    const covey_task_t *task = support_team_held (c, agent);
    char method[32];
    assert_non_null (task);
    snprintf (method, sizeof method, "task.%s", verb);
    assert_int_equal (
        support_call (c, agent, method,
                      "{\"taskId\":\"%s\",\"fencingToken\":%llu%s}", task->id,
                      (unsigned long long)task->token, more),
        COVEY_OK);
    support_team_check (c);
}

void
support_team_done (support_control_t *c, const char *agent, const char *result)
{
    char more[512];
    snprintf (more, sizeof more, ",\"result\":%s", result);
    support_team_report (c, agent, "complete", more);
}

/*  Its command fails for good.                                              */
void
support_team_fails (support_control_t *c, const char *agent)
{
    support_team_report (c, agent, "fail",
                         ",\"error\":\"broke\",\"retryable\":false");
}

static const char *
s_show (support_control_t *c)
{
    assert_int_equal (support_call (c, "boss", "mesh.coordination.show",
                                    "{\"coordinationId\":\"c1\"}"),
                      COVEY_OK);
    return (const char *)c->reply.data;
}

void
support_team_shows (support_control_t *c, const char *text)
{
    const char *shown = s_show (c);
    if (!strstr (shown, text))
        fail_msg ("%s is not in %s", text, shown);
}

/*  The last command completed it; exactly one fact says so.                 */
const covey_event_t *
support_team_completed (const support_control_t *c, bool success)
{
    assert_int_equal (support_fact_count (c, COVEY_EVENT_COORDINATION_COMPLETE),
                      1);
    const covey_event_t *fact =
        support_fact (c, COVEY_EVENT_COORDINATION_COMPLETE, 0);
    assert_int_equal (covey_event_bool (fact, "success"), success);
    return fact;
}

void
support_team_result_is (const support_control_t *c, const char *text)
{
    const covey_event_t *fact = support_team_completed (c, true);
    assert_string_equal (covey_event_payload (fact, "result", NULL, NULL),
                         text);
}

void
support_team_failed_with (support_control_t *c, const char *code,
                          const char *reason)
{
    const covey_event_t *fact = support_team_completed (c, false);
    assert_string_equal (covey_event_metadata (fact, "code"), code);
    if (!strstr (covey_event_metadata (fact, "reason"), reason))
        fail_msg ("%s is not in \"%s\"", reason,
                  covey_event_metadata (fact, "reason"));
}
