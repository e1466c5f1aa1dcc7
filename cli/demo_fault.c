/*  The demo's accident: one node is killed while its agents are at work      */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/demo.h"

/*  The last node that has agents, but neither the first, which decides and
    stores, nor one whose agents are all there are.                           */
void
covey_demo_fault_init (covey_demo_t *self)
{
    const covey_demo_mesh_t *mesh = &self->mesh;
    size_t spread = mesh->agent_count < mesh->node_count ? mesh->agent_count
                                                         : mesh->node_count;
    self->fault.node = spread > 1 ? spread - 1 : 0;
}

/*  Which tasks the coordinator believes the agent to work on.               */
static covey_err_t
s_held_by (covey_demo_t *self, const char *agent, const char *state)
{
    char *text = NULL;
    json_t *query = json_pack ("{s:s,s:s,s:s}", "agent", agent, "state", state,
                               "taskType", "count");
    char *params = json_dumps (query, JSON_COMPACT);
    json_decref (query);
    covey_err_t rc =
        covey_agent_request (self->agent, "coordinator", "task.list", params,
                             COVEY_DEMO_ASK_MS, &text);
    free (params);
    if (rc)
        return covey_fail (&self->err, rc, "task.list: %s", covey_error ());
    json_t *list = json_loads (text, 0, NULL), *view;
    covey_free (text);
    size_t i;
    json_array_foreach (json_object_get (list, "tasks"), i, view)
    {
        const char *id = json_string_value (json_object_get (view, "id"));
        for (size_t t = 0; id && t < self->tasks.count_tasks; t++)
            if (strcmp (self->tasks.items[t].id, id) == 0 &&
                self->fault.held_count < COVEY_DEMO_AGENTS_MAX)
                self->fault.held[self->fault.held_count++] = t;
    }
    json_decref (list);
    return COVEY_OK;
}

static covey_err_t
s_held (covey_demo_t *self)
{
    static const char *const states[] = {"assigned", "accepted", "started"};
    covey_err_t rc = COVEY_OK;
    self->fault.held_count = 0;
    for (size_t i = 0; i < self->mesh.agent_count; i++)
        for (size_t s = 0; s < sizeof states / sizeof states[0]; s++)
            if (!rc && self->mesh.agents[i].node == self->fault.node)
                rc = s_held_by (self, self->mesh.agents[i].name, states[s]);
    return rc;
}

/*  A node that stands still reports nothing: what the coordinator says its
    agents hold while it stands is what dies with it. Looked at twice, so that
    reports which were under way have arrived.                                */
covey_err_t
covey_demo_fault_step (covey_demo_t *self)
{
    covey_demo_fault_t *fault = &self->fault;
    size_t counted = self->tasks.counted;
    if (!fault->node || fault->done || counted < fault->after ||
        counted * 3 < self->files.count)
        return COVEY_OK;
    covey_demo_process_t *node = &self->mesh.nodes[fault->node];
    kill (node->pid, SIGSTOP);
    covey_err_t rc = s_held (self);
    if (!rc && fault->held_count)
        rc = s_held (self);
    if (rc)
        return rc;
    if (!fault->held_count && self->tasks.counted < self->files.count) {
        kill (node->pid, SIGCONT);
        fault->after = counted + 1; /* again when the next file is counted   */
        return COVEY_OK;
    }
    fault->done = true;
    fault->after = counted;
    fault->pid = node->pid;
    fault->killed_us = covey_clock_wall_us ();
    node->expected = true;
    kill (node->pid, SIGKILL);
    covey_demo_say (self,
                    "killed %s (pid %d) after %zu of %zu files; its agents "
                    "worked on %zu",
                    node->name, (int)fault->pid, counted, self->files.count,
                    fault->held_count);
    return COVEY_OK;
}
