/*  held - the tasks that an agent has in work                                */
#ifndef COVEY_HELD_H_INCLUDED
#define COVEY_HELD_H_INCLUDED

#include "covey.h"

/*  For who reports on tasks by requests of its own: this one has ended, so
    draining does not wait for it any more. Any thread.                       */
void covey_i_task_is_over (covey_agent_t *agent, const char *task_id);

#endif
