/*  What is told of the mesh itself.                                          */
#include <stdio.h>

#include "coordinator/fact_impl.h"
#include "proto/event.h"

void
covey_fact_limits (covey_state_t *state)
{
    covey_event_t *event = covey_fact_begin (state, COVEY_EVENT_SYSTEM_INFO,
                                             COVEY_SERVICE_COORDINATOR, NULL);
    char text[COVEY_AGENT_ID_MAX + 40];
    if (!event)
        return;
    snprintf (text, sizeof text, "the mesh's limits were set by %s",
              covey_state_caller (state));
    covey_fact_put_str (event, "component", "coordinator");
    covey_fact_put_str (event, "message", text);
}
