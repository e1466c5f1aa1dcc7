/*  mesh_test - how to test agents: two nodes and ten agents in one process   */

#include <covey.h>
#include <stdatomic.h>
#include <stdio.h>

#define AGENTS 10

static covey_err_t
on_broadcast (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    (void)event;
    atomic_fetch_add ((atomic_int *)arg, 1);
    return COVEY_OK;
}

static covey_err_t
on_request (covey_agent_t *agent, const covey_event_t *request, void *arg)
{
    (void)arg;
    return covey_agent_respond (agent, request, COVEY_CONTENT_TEXT, "here", 4);
}

int
main (void)
{
    covey_testmesh_t *mesh = NULL;
    covey_agent_t *agents[AGENTS];
    atomic_int heard = 0;
    covey_err_t rc = covey_testmesh_new (2, 5000, &mesh);
    for (size_t i = 0; rc == COVEY_OK && i < AGENTS; i++) {
        char id[16];
        snprintf (id, sizeof id, "agent-%zu", i);
        agents[i] = covey_testmesh_agent (mesh, i % 2, id, "worker");
        if (!agents[i])
            rc = COVEY_STATE;
        else {
            covey_agent_on_broadcast (agents[i], on_broadcast, &heard);
            covey_agent_on_request (agents[i], on_request, NULL);
        }
    }
    if (rc == COVEY_OK)
        rc = covey_testmesh_start (mesh, 5000);
    if (rc == COVEY_OK)
        rc = covey_agent_broadcast (agents[0], "greeting", COVEY_CONTENT_TEXT,
                                    "hello", 5, NULL, 1000);
    for (int i = 1; rc == COVEY_OK && i < AGENTS; i++)
        rc = covey_agent_request (agents[0], covey_agent_id (agents[i]), "roll",
                                  NULL, 1000, NULL);
    if (rc)
        fprintf (stderr, "%s\n", covey_error ());
    else
        printf ("%d agents answered, %d heard the broadcast\n", AGENTS - 1,
                atomic_load (&heard));
    covey_testmesh_destroy (&mesh);
    return rc ? 1 : 0;
}
