/*  leader_election - a swarm elects its leader by a ranked vote, loses it, and
    is told who leads then                                                    */

#include <covey.h>
#include <stdio.h>
#include <string.h>

#define CREW 5
#define WAIT_MS 10000

/*  Each ranks three of the five: nobody is the first choice of a majority, and
    dan, whom nobody likes best but himself, is out first.                    */
static const char *const rankings[CREW][3] = {{"ann", "bob", "cid"},
                                              {"bob", "ann", "cid"},
                                              {"cid", "bob", "ann"},
                                              {"dan", "bob", "ann"},
                                              {"bob", "cid", "ann"}};
static const char *const crew[CREW] = {"ann", "bob", "cid", "dan", "eve"};

static covey_err_t
rank (covey_agent_t *agent, const covey_event_t *question,
      covey_ballot_draft_t *draft, void *arg)
{
    (void)agent;
    (void)question;
    draft->options = arg;
    draft->option_count = 3;
    return COVEY_OK;
}

/*  Who won; the recv of the agent that asked gets the announcement.         */
static covey_err_t
elect (covey_agent_t *clerk, char *leader, size_t size)
{
    char *vote = NULL;
    covey_err_t rc = covey_vote_propose (
        clerk,
        "{\"swarmId\":\"crew\",\"consensusId\":\"election\",\"proposal\":"
        "\"Who shall lead?\",\"rule\":{\"options\":[\"ann\",\"bob\",\"cid\","
        "\"dan\",\"eve\"],\"ranked\":true}}",
        WAIT_MS, NULL);
    if (!rc)
        rc = covey_vote_wait (clerk, "election", WAIT_MS, &vote);
    const char *won = vote ? strstr (vote, "\"option\":\"") : NULL;
    if (rc || !won)
        return rc ? rc : COVEY_STATE;
    snprintf (leader, size, "%.*s", (int)strcspn (won + 10, "\""), won + 10);
    covey_free (vote);
    return COVEY_OK;
}

static covey_err_t
form (covey_agent_t *clerk, const char *id, const char *leader)
{
    char json[400];
    snprintf (json, sizeof json,
              "{\"swarmId\":\"%s\",\"leader\":\"%s\",\"members\":["
              "{\"agentId\":\"ann\"},{\"agentId\":\"bob\"},"
              "{\"agentId\":\"cid\"},{\"agentId\":\"dan\"},"
              "{\"agentId\":\"eve\"}]}",
              id, leader);
    return covey_swarm_form (clerk, json, WAIT_MS, NULL);
}

/*  The leader goes; the clerk waits for the news of its successor.          */
static covey_err_t
lose (covey_agent_t *clerk, covey_agent_t *leader, char *next, size_t size)
{
    const char *swarm = "voyage";
    const int types[] = {COVEY_EVENT_SYSTEM_INFO};
    const covey_filter_t filter = {.types = types,
                                   .type_count = 1,
                                   .correlation_ids = &swarm,
                                   .correlation_id_count = 1};
    covey_event_t *news = NULL;
    covey_err_t rc =
        covey_agent_subscribe (clerk, &filter, NULL, NULL, NULL, NULL);
    if (!rc)
        rc = covey_agent_shutdown (leader, "overboard", WAIT_MS);
    if (!rc)
        rc = covey_agent_recv (clerk, WAIT_MS, &news);
    if (rc)
        return rc;
    snprintf (next, size, "%s", covey_event_metadata (news, "leader"));
    covey_event_destroy (&news);
    return COVEY_OK;
}

static covey_err_t
run (covey_testmesh_t *mesh)
{
    covey_agent_t *agents[CREW];
    covey_agent_t *clerk = covey_agent_new ("clerk", "client");
    char leader[130] = "", next[130] = "";
    for (size_t i = 0; i < CREW; i++) {
        agents[i] = covey_testmesh_agent (mesh, i % 3, crew[i], "sailor");
        if (agents[i])
            covey_agent_on_proposal (agents[i], rank, (void *)rankings[i]);
    }
    covey_err_t rc = covey_testmesh_start (mesh, WAIT_MS);
    if (!rc)
        rc = covey_agent_attach (clerk, covey_testmesh_node (mesh, 0), WAIT_MS);
    if (!rc)
        rc = form (clerk, "crew", "ann");
    if (!rc)
        rc = elect (clerk, leader, sizeof leader);
    if (!rc)
        rc = form (clerk, "voyage", leader);
    for (size_t i = 0; !rc && i < CREW; i++)
        if (strcmp (crew[i], leader) == 0)
            rc = lose (clerk, agents[i], next, sizeof next);
    if (!rc)
        printf ("%s was elected, and went; %s leads now\n", leader, next);
    covey_agent_destroy (&clerk);
    if (!rc && (strcmp (leader, "bob") != 0 || strcmp (next, "ann") != 0))
        rc = COVEY_STATE;
    return rc;
}

int
main (void)
{
    covey_testmesh_t *mesh = NULL;
    covey_err_t rc = covey_testmesh_new (3, WAIT_MS, &mesh);
    if (!rc)
        rc = run (mesh);
    if (rc)
        fprintf (stderr, "%s\n", covey_error ());
    covey_testmesh_destroy (&mesh);
    return rc ? 1 : 0;
}
