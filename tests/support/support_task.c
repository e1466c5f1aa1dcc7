#include "support_task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

int
support_task_setup (void **state)
{
    *state = support_control_new (NULL);
    return 0;
}

int
support_task_teardown (void **state)
{
    support_control_end (*state);
    return 0;
}

void
support_task_submit (support_control_t *c, const char *id, const char *more)
{
    covey_err_t code =
        support_call (c, "boss", "task.submit",
                      "{\"taskId\":\"%s\",\"taskType\":\"x\"%s}", id, more);
    if (code)
        fail_msg ("%s: %s", id, c->err.text);
}

covey_err_t
support_task_report (support_control_t *c, const char *verb, const char *task,
                     const char *more)
{
    char method[40], agent[64];
    support_call (c, "boss", "task.show", "{\"taskId\":\"%s\"}", task);
    snprintf (agent, sizeof agent, "%s", support_reply (c, "agent"));
    long long token = support_reply_int (c, "fencingToken");
    snprintf (method, sizeof method, "task.%s", verb);
    return support_call (c, agent, method,
                         "{\"taskId\":\"%s\",\"fencingToken\":%lld%s}", task,
                         token, more);
}

covey_err_t
support_task_ask (support_control_t *c, const char *verb, const char *task,
                  const char *more)
{
    char method[40];
    snprintf (method, sizeof method, "task.%s", verb);
    return support_call (c, "boss", method, "{\"taskId\":\"%s\"%s}", task,
                         more);
}

void
support_task_is (support_control_t *c, const char *task, const char *state,
                 const char *code)
{
    assert_int_equal (support_task_ask (c, "show", task, ""), COVEY_OK);
    assert_string_equal (support_reply (c, "state"), state);
    assert_string_equal (support_reply (c, "errorCode"), code);
}
