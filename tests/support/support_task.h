/*  support_task - what tests of tasks share: a control plane for each test, and
    a boss who submits, asks and looks                                        */
#ifndef COVEY_SUPPORT_TASK_H_INCLUDED
#define COVEY_SUPPORT_TASK_H_INCLUDED

#include "support_control.h"

/*  Fixtures of cmocka: `*state` is a support_control_t.                     */
int support_task_setup (void **state);
int support_task_teardown (void **state);

/*  `more`: further members of the JSON, each with its comma before it.      */
void support_task_submit (support_control_t *c, const char *id,
                          const char *more);
/*  The last holder reports task.`verb` under the last token.                */
covey_err_t support_task_report (support_control_t *c, const char *verb,
                                 const char *task, const char *more);
/*  The boss calls task.`verb`.                                              */
covey_err_t support_task_ask (support_control_t *c, const char *verb,
                              const char *task, const char *more);
/*  The state that it must be in, and its error code ("": none).             */
void support_task_is (support_control_t *c, const char *task, const char *state,
                      const char *code);

#endif
