/*  What the node says: of agents, which the leader turns into commands, and of
    nodes. A follower keeps it for the day it leads.                          */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/coordinator_impl.h"

/*  True: a command about it is under way.                                   */
static bool
s_submit (covey_coordinator_t *self, covey_roster_entry_t *entry,
          Covey__Control__Command *command)
{
    covey_errbuf_t err;
    covey_coordinator_item_t *item =
        covey_coordinator_item_new (self, COVEY_ITEM_OF_AGENT);
    item->agent = entry;
    if (covey_coordinator_submit (self, item, command, &err)) {
        covey_coordinator_item_destroy (&item);
        return false;
    }
    covey_roster_sent (&self->roster, entry);
    return true;
}

static bool
s_take_down (covey_coordinator_t *self, covey_roster_entry_t *entry)
{
    const Covey__Wire__AgentInfo *info = entry->info;
    const uint8_t *known =
        covey_state_agent_session (self->state, info->agent_id);
    bool named = info->has_session_id && info->session_id.len == 16;
    /* The end of a session that was replaced changes nothing. */
    if (!known || (named && memcmp (known, info->session_id.data, 16) != 0)) {
        covey_roster_drop (&self->roster, entry);
        return true;
    }
    Covey__Control__AgentDown down = COVEY__CONTROL__AGENT_DOWN__INIT;
    down.agent_id = info->agent_id;
    down.session_id.data = (uint8_t *)known;
    down.session_id.len = 16;
    down.reason = info->reason;
    down.has_graceful = true;
    down.graceful = info->has_graceful && info->graceful;
    down.has_last_seen = info->has_last_seen;
    down.last_seen = info->last_seen;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_DOWN;
    command.agent_down = &down;
    return s_submit (self, entry, &command);
}

static bool
s_bring_up (covey_coordinator_t *self, covey_roster_entry_t *entry)
{
    const Covey__Wire__AgentInfo *info = entry->info;
    Covey__Control__AgentUp up = COVEY__CONTROL__AGENT_UP__INIT;
    up.agent_id = info->agent_id;
    up.type = info->type;
    up.name = info->name;
    up.n_capabilities = info->n_capabilities;
    up.capabilities = info->capabilities;
    up.n_tags = info->n_tags;
    up.tags = info->tags;
    up.node_id = info->node_id;
    const covey_fellow_t *node = covey_fellows_find (
        &self->fellows, (const covey_id_t *)info->node_id.data);
    if (node && *node->name)
        up.node_name = node->name;
    up.session_id = info->session_id;
    up.has_task_slots = info->has_task_slots;
    up.task_slots = info->task_slots;
    if (covey_state_has_agent (self->state, &up)) {
        covey_roster_pass (&self->roster, entry);
        return true;
    }
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_UP;
    command.agent_up = &up;
    return s_submit (self, entry, &command);
}

static bool
s_load (covey_coordinator_t *self, covey_roster_entry_t *entry)
{
    const Covey__Wire__AgentInfo *info = entry->info;
    Covey__Control__AgentLoad load = COVEY__CONTROL__AGENT_LOAD__INIT;
    load.agent_id = info->agent_id;
    load.session_id = info->session_id;
    load.state = "ready";
    if (info->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_IDLE)
        load.state = "idle";
    if (info->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_BUSY ||
        info->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_STALLED)
        load.state = "busy";
    load.has_available_capacity = info->has_available_capacity;
    load.available_capacity = info->available_capacity;
    load.has_current_tasks = info->has_current_tasks;
    load.current_tasks = info->current_tasks;
    if (covey_state_has_load (self->state, &load)) {
        covey_roster_pass (&self->roster, entry);
        return true;
    }
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_LOAD;
    command.agent_load = &load;
    return s_submit (self, entry, &command);
}

/*  Agents that went while nobody listened: up in the state, and nobody sees
    them.                                                                     */
static void
s_miss (covey_coordinator_t *self)
{
    size_t count = 0, capacity = 0;
    char **missing = NULL;
    for (const char *id = covey_state_agent_after (self->state, NULL); id;
         id = covey_state_agent_after (self->state, id))
        if (!covey_roster_find (&self->roster, id)) {
            missing =
                covey_mem_room (missing, count, &capacity, sizeof *missing);
            missing[count++] = covey_str_dup (id);
        }
    for (size_t i = 0; i < count; i++) {
        Covey__Wire__AgentInfo info = COVEY__WIRE__AGENT_INFO__INIT;
        info.agent_id = missing[i];
        info.has_gone = info.gone = true;
        info.reason = (char *)"it was gone when the coordinator came back";
        covey_roster_put (&self->roster, &info);
        free (missing[i]);
    }
    free (missing);
}

void
covey_coordinator_follow (covey_coordinator_t *self)
{
    if (self->missing_ms && self->now_ms >= self->missing_ms &&
        self->roster.complete) {
        self->missing_ms = 0;
        s_miss (self);
    }
    covey_roster_entry_t *entry;
    bool goes = true;
    while (goes && !covey_postbox_has_backlog (&self->postbox) &&
           (entry = covey_roster_due (&self->roster)))
        goes = entry->gone                         ? s_take_down (self, entry)
               : entry->step == COVEY_ROSTER_IS_UP ? s_bring_up (self, entry)
                                                   : s_load (self, entry);
}

void
covey_coordinator_forget_gone (covey_coordinator_t *self)
{
    covey_roster_entry_t *next,
        *entry = covey_tree_first (&self->roster.entries);
    for (; entry; entry = next) {
        next = covey_tree_next (&self->roster.entries, entry);
        if (entry->gone && !entry->flying &&
            !covey_state_agent_session (self->state, entry->info->agent_id))
            covey_roster_drop (&self->roster, entry);
    }
}

void
covey_coordinator_on_view (covey_coordinator_t *self,
                           const covey_frame_t *frame)
{
    Covey__Wire__View *view = (Covey__Wire__View *)covey_wire_unpack (
        &covey__wire__view__descriptor, frame->header, frame->header_size);
    if (!view)
        return;
    if (view->has_full && view->full) {
        covey_roster_begin (&self->roster);
        covey_fellows_begin (&self->fellows);
    }
    for (size_t i = 0; i < view->n_nodes; i++)
        covey_fellows_node (&self->fellows, view->nodes[i]);
    for (size_t i = 0; i < view->n_agents; i++) {
        covey_fellows_service (&self->fellows, view->agents[i]);
        covey_roster_put (&self->roster, view->agents[i]);
    }
    if (!(view->has_more && view->more)) {
        covey_roster_end (&self->roster);
        covey_fellows_end (&self->fellows);
    }
    protobuf_c_message_free_unpacked (&view->base, NULL);
}
