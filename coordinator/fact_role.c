/*  What is told of roles.                                                    */
#include <stdio.h>

#include "coordinator/fact_impl.h"
#include "proto/event.h"

void
covey_fact_role (covey_state_t *state, const covey_role_entry_t *role,
                 const char *before)
{
    covey_event_t *event = covey_fact_begin (
        state, COVEY_EVENT_SYSTEM_INFO, COVEY_SERVICE_COORDINATOR, role->name);
    if (!event)
        return;
    const covey_role_seat_t *holder = &role->seats[0];
    char text[2 * COVEY_NAME_MAX + 2 * COVEY_AGENT_ID_MAX + 80];
    (void)snprintf (text, sizeof text,
                    "role %s is held by %s now, under epoch %llu%s%s",
                    role->name, holder->label ? holder->label : holder->node,
                    (unsigned long long)role->epoch, before ? ", after " : "",
                    before ? before : "");
    char epoch[24];
    (void)snprintf (epoch, sizeof epoch, "%llu",
                    (unsigned long long)role->epoch);
    covey_fact_put_str (event, "component", "coordinator");
    covey_fact_put_str (event, "message", text);
    covey_fact_put_metadata (event, "role", role->name);
    covey_fact_put_metadata (event, "node", holder->node);
    covey_fact_put_metadata (event, "epoch", epoch);
}
