/*  A fleet at work: coordinators, nodes, agents, each in a process of its own;
    short tasks, and agents that are killed on the way. Does every task have
    exactly one accepted result, and does the journal say the same?

    BENCH_FLEET_TASKS, _NODES, _COORDINATORS, _AGENTS, _KILLS change the size.
    Exit status 1: a task was lost, or has more than one result.              */

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "covey.h"

#define NODES_MAX 20
#define AGENTS_MAX 400
#define WINDOW 512 /* submissions without an answer */
#define WAIT_MS 60000
#define LEASE_MS 10000
#define NS_PER_S 1000000000

typedef struct {
    int number, coordinators;
    char dir[96];
    const char *join; /* NULL: begins the mesh                                */
} fleet_node_t;

typedef struct {
    int number;
    const char *session;
} fleet_agent_t;

typedef struct {
    long tasks, nodes, coordinators, agents, kills;
    char dir[64];
    bench_child_t node[NODES_MAX], agent[AGENTS_MAX];
    char endpoint[NODES_MAX][128], session[NODES_MAX][160];
    bool killed[AGENTS_MAX];
    long kills_done;
    unsigned draw;
} fleet_t;

/* ---- the processes
 * ------------------------------------------------------------- */

static void
s_wait_for_end (int in)
{
    char line[16];
    while (read (in, line, sizeof line) > 0) {
    }
}

static void
s_node (int in, int out, void *arg)
{
    const fleet_node_t *what = arg;
    char line[320], name[32];
    snprintf (name, sizeof name, "fleet-%d", what->number);
    covey_node_t *node = covey_node_new (name);
    bench_check (covey_node_set (node, "listen", "127.0.0.1:0"), "listen");
    bench_check (covey_node_set (node, "data", what->dir), "data");
    bench_check (covey_node_set (node, "roles",
                                 what->number == 0 ? "coordinator,persister"
                                 : what->number < what->coordinators
                                     ? "coordinator"
                                     : "none"),
                 "roles");
    if (what->join)
        bench_check (covey_node_set (node, "join", what->join), "join");
    bench_check (covey_node_start (node, WAIT_MS), "start");
    snprintf (line, sizeof line, "%s %s", covey_node_endpoint (node),
              covey_node_session_endpoint (node));
    bench_write_line (out, line);
    s_wait_for_end (in);
    covey_node_destroy (&node);
}

static covey_err_t
s_on_task (covey_agent_t *agent, const covey_event_t *assigned, void *arg)
{
    char result[64];
    int size = snprintf (result, sizeof result, "{\"by\":%d}",
                         ((const fleet_agent_t *)arg)->number);
    return covey_task_complete (agent, assigned, COVEY_CONTENT_JSON, result,
                                (size_t)size);
}

static void
s_agent (int in, int out, void *arg)
{
    const fleet_agent_t *what = arg;
    char id[32];
    snprintf (id, sizeof id, "worker-%d", what->number);
    covey_agent_t *agent = covey_agent_new (id, "worker");
    bench_check (covey_agent_set_task_slots (agent, 4), "slots");
    bench_check (covey_agent_set_grace (agent, 3000), "grace");
    covey_agent_on_task (agent, s_on_task, arg);
    bench_check (covey_agent_connect (agent, what->session, WAIT_MS),
                 "connect");
    bench_check (covey_agent_start (agent), "start");
    bench_write_line (out, "ready");
    s_wait_for_end (in);
    covey_agent_destroy (&agent);
}

static void
s_start (fleet_t *self)
{
    char line[320];
    for (int i = 0; i < self->nodes; i++) {
        fleet_node_t what = {.number = i,
                             .coordinators = (int)self->coordinators,
                             .join = i ? self->endpoint[0] : NULL};
        snprintf (what.dir, sizeof what.dir, "%s/%d", self->dir, i);
        self->node[i] = bench_fork (s_node, &what);
        bench_read_line (self->node[i].from_child, line, sizeof line);
        if (sscanf (line, "%127s %159s", self->endpoint[i], self->session[i]) !=
            2)
            bench_die ("node", line);
    }
    for (int i = 0; i < self->agents; i++) {
        fleet_agent_t what = {i, self->session[i % self->nodes]};
        self->agent[i] = bench_fork (s_agent, &what);
    }
    for (int i = 0; i < self->agents; i++)
        bench_read_line (self->agent[i].from_child, line, sizeof line);
}

static void
s_stop (fleet_t *self)
{
    for (int i = 0; i < self->agents; i++)
        bench_join (&self->agent[i]);
    for (long i = self->nodes - 1; i >= 0; i--)
        bench_join (&self->node[i]);
}

/* ---- the coordinator
 * ----------------------------------------------------------- */

static covey_agent_t *
s_client (const fleet_t *self)
{
    covey_agent_t *client = covey_agent_new ("fleet-client", "client");
    bench_check (covey_agent_set_client (client, true), "client");
    bench_check (
        covey_agent_connect (client, self->session[self->nodes - 1], WAIT_MS),
        "connect");
    bench_check (covey_agent_start (client), "start");
    return client;
}

/*  A number of the coordinator's status.                                    */
static long
s_status (covey_agent_t *client, const char *name)
{
    char *json = NULL, key[64];
    if (covey_agent_request (client, "coordinator", "mesh.coordinator", NULL,
                             WAIT_MS, &json))
        return -1;
    snprintf (key, sizeof key, "\"%s\":", name);
    const char *at = strstr (json, key);
    long value = at ? strtol (at + strlen (key), NULL, 10) : 0;
    covey_free (json);
    return value;
}

static void
s_await (covey_agent_t *client, const char *name, long value, int timeout_s)
{
    int64_t until = bench_now_ns () + (int64_t)timeout_s * NS_PER_S;
    while (s_status (client, name) < value) {
        if (bench_now_ns () > until)
            bench_die (name, "is not reached in time");
        usleep (20000);
    }
}

static void
s_add_coordinators (fleet_t *self, covey_agent_t *client)
{
    for (int i = 1; i < self->coordinators; i++) {
        char params[64];
        snprintf (params, sizeof params, "{\"node\":\"fleet-%d\"}", i);
        bench_check (covey_agent_request (client, "coordinator",
                                          "mesh.coordinator.add", params,
                                          WAIT_MS, NULL),
                     "add a coordinator");
    }
}

/* ---- the work
 * ------------------------------------------------------------------ */

static atomic_long s_answered, s_again;

static covey_err_t s_on_answer (covey_agent_t *agent,
                                const covey_event_t *response, void *arg);

/*  The idempotency key makes a submission whose answer was lost safe to
    repeat.                                                                   */
static covey_err_t
s_submit (covey_agent_t *client, long number)
{
    char params[160];
    snprintf (params, sizeof params,
              "{\"taskId\":\"t%ld\",\"taskType\":\"short\",\"lease\":%d,"
              "\"idempotencyKey\":\"t%ld\",\"input\":{\"n\":%ld}}",
              number, LEASE_MS, number, number);
    return covey_agent_ask (client, "coordinator", "task.submit", params,
                            WAIT_MS, s_on_answer, (void *)(intptr_t)number);
}

static covey_err_t
s_on_answer (covey_agent_t *agent, const covey_event_t *response, void *arg)
{
    if (covey_event_bool (response, "success")) {
        s_answered++;
        return COVEY_OK;
    }
    s_again++;
    return s_submit (agent, (long)(intptr_t)arg);
}

static void
s_kill_one (fleet_t *self)
{
    long victim;
    do {
        self->draw = self->draw * 1103515245u + 12345u;
        victim = (long)(self->draw >> 8) % self->agents;
    } while (self->killed[victim]);
    self->killed[victim] = true;
    self->kills_done++;
    kill (self->agent[victim].pid, SIGKILL);
}

static void
s_work (fleet_t *self, covey_agent_t *client)
{
    int64_t start = bench_now_ns ();
    for (long i = 0; i < self->tasks; i++) {
        while (i - s_answered >= WINDOW)
            usleep (200);
        bench_check (s_submit (client, i), "submit");
        if (i * (self->kills + 1) / self->tasks > self->kills_done)
            s_kill_one (self);
    }
    s_await (client, "tasksEnded", self->tasks, 600);
    double seconds = (double)(bench_now_ns () - start) / NS_PER_S;
    bench_print ("fleet.tasks", (double)self->tasks / seconds, "tasks/s");
    bench_print ("fleet.killed", (double)self->kills_done, "agents");
    bench_print ("fleet.asked_again", (double)s_again, "submissions");
}

/* ---- the accounts
 * -------------------------------------------------------------- */

typedef struct {
    unsigned char *submitted, *completed;
    long tasks, strange, ended_otherwise;
    int64_t offset;
    size_t seen;
} fleet_books_t;

static covey_err_t
s_on_stored (const covey_event_t *event, void *arg)
{
    fleet_books_t *books = arg;
    const char *id = covey_event_str (event, "taskId");
    long number = id && *id == 't' ? strtol (id + 1, NULL, 10) : -1;
    books->offset = covey_event_offset (event);
    books->seen++;
    if (number < 0 || number >= books->tasks)
        books->strange++;
    else if (covey_event_type (event) == COVEY_EVENT_TASK_COMPLETED)
        books->completed[number]++;
    else if (covey_event_type (event) == COVEY_EVENT_TASK_SUBMITTED)
        books->submitted[number]++;
    else
        books->ended_otherwise++;
    return COVEY_OK;
}

static void
s_read_journal (const fleet_t *self, fleet_books_t *books)
{
    static const int types[] = {
        COVEY_EVENT_TASK_SUBMITTED, COVEY_EVENT_TASK_COMPLETED,
        COVEY_EVENT_TASK_CANCELLED, COVEY_EVENT_TASK_PARKED};
    char dir[96];
    covey_store_t *store;
    snprintf (dir, sizeof dir, "%s/0", self->dir);
    bench_check (covey_store_open (dir, &store), "journal");
    do {
        covey_filter_t filter = {.types = types,
                                 .type_count = 4,
                                 .after_offset = books->offset,
                                 .limit = 10000};
        books->seen = 0;
        bench_check (covey_store_query (store, &filter, s_on_stored, books),
                     "query");
    } while (books->seen);
    covey_store_destroy (&store);
}

/*  How many tasks have not exactly one submission and one result.           */
static long
s_unbalanced (const fleet_books_t *books)
{
    long wrong = books->strange + books->ended_otherwise;
    for (long i = 0; i < books->tasks; i++)
        wrong += books->submitted[i] != 1 || books->completed[i] != 1;
    return wrong;
}

/*  The journal may still be at work: more comes, but nothing goes.          */
static int
s_audit (const fleet_t *self)
{
    fleet_books_t books = {.tasks = self->tasks,
                           .submitted = calloc ((size_t)self->tasks, 1),
                           .completed = calloc ((size_t)self->tasks, 1)};
    int64_t until = bench_now_ns () + (int64_t)60 * NS_PER_S;
    do {
        s_read_journal (self, &books);
        if (s_unbalanced (&books) == 0)
            break;
        usleep (100000);
    } while (bench_now_ns () < until);
    long wrong = s_unbalanced (&books), results = 0;
    for (long i = 0; i < self->tasks; i++)
        results += books.completed[i];
    bench_print ("fleet.results_in_journal", (double)results, "results");
    bench_print ("fleet.wrong", (double)wrong, "tasks");
    free (books.submitted);
    free (books.completed);
    return wrong ? 1 : 0;
}

int
main (void)
{
    fleet_t self = {.tasks = bench_env ("BENCH_FLEET_TASKS", 100000),
                    .nodes = bench_env ("BENCH_FLEET_NODES", 10),
                    .coordinators = bench_env ("BENCH_FLEET_COORDINATORS", 3),
                    .agents = bench_env ("BENCH_FLEET_AGENTS", 100),
                    .kills = bench_env ("BENCH_FLEET_KILLS", 20),
                    .dir = "/tmp/covey-fleet-XXXXXX",
                    .draw = (unsigned)bench_env ("COVEY_SEED", 1)};
    char command[128];
    if (self.nodes < self.coordinators || self.nodes > NODES_MAX ||
        self.agents > AGENTS_MAX || self.kills >= self.agents)
        bench_die ("fleet", "sizes do not fit");
    if (!mkdtemp (self.dir))
        bench_die (self.dir, "cannot be made");
    s_start (&self);
    covey_agent_t *client = s_client (&self);
    s_add_coordinators (&self, client);
    s_await (client, "agents", self.agents, 60);
    s_work (&self, client);
    int code = s_audit (&self);
    covey_agent_destroy (&client);
    s_stop (&self);
    snprintf (command, sizeof command, "rm -rf %s", self.dir);
    if (system (command))
        bench_die (self.dir, "cannot be removed");
    return code;
}
