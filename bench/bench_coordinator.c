/*  What must be decided once, by one coordinator and by three, with their logs
    on disk: values of 300 bytes put into shared memory by one client and by
    64, each waiting for its answer; and tasks from submission to the accepted
    result. Each node is a process. The clients are one more, as those of
    bench_etcd are: first with their sessions at the leader's node ("commits"),
    then with a node of their own, where what they say travels together
    ("own_commits").                                                          */

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/bench.h"
#include "covey.h"

#define COORDINATORS 3
#define CLIENTS 64
#define WORKERS 16
#define VALUE_SIZE 300
#define WARM_UP 20
#define WAIT_MS 20000
#define WINDOW 256
#define DIRECT 1 /* the clients' sessions are with the leader's node */
#define OWN 2    /* ... with a node of their process                          */

typedef struct {
    int number;
    char dir[96], join[128]; /* "": begins the mesh                           */
} coord_node_t;

typedef struct {
    char dir[64];
    int count;
    bench_child_t node[COORDINATORS];
    covey_node_t *own; /* of this process; NULL: agents go to the leader's    */
    char endpoint[COORDINATORS][128], session[COORDINATORS][160];
} coord_cluster_t;

/* ---- the coordinators -------------------------------------------------------
 */

static void
s_node (int in, int out, void *arg)
{
    const coord_node_t *what = arg;
    char line[320], name[32];
    snprintf (name, sizeof name, "c%d", what->number);
    covey_node_t *node = covey_node_new (name);
    bench_check (covey_node_set (node, "listen", "127.0.0.1:0"), "listen");
    bench_check (covey_node_set (node, "data", what->dir), "data");
    bench_check (
        covey_node_set (node, "roles",
                        what->number ? "coordinator" : "coordinator,persister"),
        "roles");
    bench_check (covey_node_set (node, "persist-all", "false"), "persist");
    if (*what->join)
        bench_check (covey_node_set (node, "join", what->join), "join");
    bench_check (covey_node_start (node, WAIT_MS), "start");
    snprintf (line, sizeof line, "%s %s", covey_node_endpoint (node),
              covey_node_session_endpoint (node));
    bench_write_line (out, line);
    while (read (in, line, sizeof line) > 0) {
    }
    covey_node_destroy (&node);
}

static covey_agent_t *
s_client (const coord_cluster_t *cluster, int number)
{
    char id[32];
    snprintf (id, sizeof id, "client-%d", number);
    covey_agent_t *client = covey_agent_new (id, "client");
    bench_check (covey_agent_set_client (client, true), "client");
    bench_check (
        cluster->own
            ? covey_agent_attach (client, cluster->own, WAIT_MS)
            : covey_agent_connect (client, cluster->session[0], WAIT_MS),
        "connect");
    return client;
}

static void
s_start (coord_cluster_t *self, int count)
{
    char line[320], params[64];
    memset (self, 0, sizeof *self);
    snprintf (self->dir, sizeof self->dir, "/tmp/covey-bench-XXXXXX");
    if (!mkdtemp (self->dir))
        bench_die (self->dir, "cannot be made");
    for (int i = 0; i < count; i++) {
        coord_node_t what = {.number = i};
        snprintf (what.dir, sizeof what.dir, "%s/%d", self->dir, i);
        if (i)
            snprintf (what.join, sizeof what.join, "%s", self->endpoint[0]);
        self->node[i] = bench_fork (s_node, &what);
        bench_read_line (self->node[i].from_child, line, sizeof line);
        if (sscanf (line, "%127s %159s", self->endpoint[i], self->session[i]) !=
            2)
            bench_die ("node", line);
        self->count++;
    }
    covey_agent_t *client = s_client (self, 0);
    for (int i = 1; i < count; i++) {
        snprintf (params, sizeof params, "{\"node\":\"c%d\"}", i);
        bench_check (covey_agent_request (client, "coordinator",
                                          "mesh.coordinator.add", params,
                                          WAIT_MS, NULL),
                     "add a coordinator");
    }
    covey_agent_destroy (&client);
}

static void
s_stop (coord_cluster_t *self)
{
    char command[128];
    while (self->count)
        bench_join (&self->node[--self->count]);
    snprintf (command, sizeof command, "rm -rf %s", self->dir);
    if (system (command))
        bench_die (self->dir, "cannot be removed");
}

/*  A process with many agents has a node of its own: what they say travels
    together.                                                                 */
static void
s_start_own (coord_cluster_t *self)
{
    self->own = covey_node_new ("clients");
    bench_check (covey_node_set (self->own, "listen", "127.0.0.1:0"), "listen");
    bench_check (covey_node_set (self->own, "roles", "none"), "roles");
    bench_check (covey_node_set (self->own, "join", self->endpoint[0]), "join");
    bench_check (covey_node_start (self->own, WAIT_MS), "start");
}

static void
s_meter (const coord_cluster_t *cluster, bench_meter_t *meter)
{
    memset (meter, 0, sizeof *meter);
    for (int i = 0; i < cluster->count; i++)
        bench_meter_add (meter, cluster->node[i].pid);
    bench_meter_start (meter);
}

/* ---- commits ----------------------------------------------------------------
 */

/*  A client has one put under way at a time. One thread serves them all, as an
    event loop of a program with many sessions would.                         */
typedef struct {
    int number;
    covey_agent_t *agent;
    long count, done;
    int64_t started;
    int64_t *samples;
} coord_client_t;

static covey_err_t s_on_put (covey_agent_t *agent,
                             const covey_event_t *response, void *arg);

static void
s_put (coord_client_t *self)
{
    char params[VALUE_SIZE + 128], value[VALUE_SIZE + 1];
    memset (value, 'x', VALUE_SIZE);
    value[VALUE_SIZE] = '\0';
    snprintf (params, sizeof params,
              "{\"key\":\"bench/%03d/%08ld\",\"value\":\"%s\"}", self->number,
              self->done, value);
    self->started = bench_now_ns ();
    bench_check (covey_agent_ask (self->agent, "coordinator", "memory.put",
                                  params, WAIT_MS, s_on_put, self),
                 "put");
}

static covey_err_t
s_on_put (covey_agent_t *agent, const covey_event_t *response, void *arg)
{
    (void)agent;
    coord_client_t *self = arg;
    if (!covey_event_bool (response, "success"))
        bench_die ("put", "was refused");
    self->samples[self->done++] = bench_now_ns () - self->started;
    if (self->done < self->count)
        s_put (self);
    return COVEY_OK;
}

static void
s_put_all (coord_client_t *clients, int count, long each)
{
    struct epoll_event events[CLIENTS];
    int open = count, fd = epoll_create1 (EPOLL_CLOEXEC);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
        clients[i].done = 0;
        clients[i].count = each;
        if (epoll_ctl (fd, EPOLL_CTL_ADD, covey_agent_fd (clients[i].agent),
                       &event))
            bench_die ("put", "no descriptor");
        s_put (&clients[i]);
    }
    while (open > 0) {
        int ready = epoll_wait (fd, events, CLIENTS, WAIT_MS);
        if (ready <= 0)
            bench_die ("put", "no answer in time");
        for (int i = 0; i < ready; i++) {
            coord_client_t *client = events[i].data.ptr;
            bool ended = client->done == each;
            bench_check (covey_agent_dispatch (client->agent), "dispatch");
            open -= !ended && client->done == each;
        }
    }
    close (fd);
}

static void
s_commits (const coord_cluster_t *cluster, int clients, long each)
{
    static coord_client_t all[CLIENTS];
    char name[48];
    bench_meter_t meter;
    for (int i = 0; i < clients; i++) {
        all[i] = (coord_client_t){.number = i};
        all[i].agent = s_client (cluster, i);
        all[i].samples = calloc ((size_t)each, sizeof *all[i].samples);
    }
    s_put_all (all, clients, WARM_UP);
    s_meter (cluster, &meter);
    s_put_all (all, clients, each);
    snprintf (name, sizeof name, "coordinator_%d.%scommits_c%d", cluster->count,
              cluster->own ? "own_" : "", clients);
    bench_meter_print (&meter, name, (double)clients * (double)each,
                       "commits/s");
    int64_t *samples =
        malloc ((size_t)clients * (size_t)each * sizeof *samples);
    for (int i = 0; i < clients; i++) {
        memcpy (samples + (long)i * each, all[i].samples,
                (size_t)each * sizeof *samples);
        free (all[i].samples);
        covey_agent_destroy (&all[i].agent);
    }
    bench_print_percentiles (name, samples, (size_t)clients * (size_t)each);
    free (samples);
}

/* ---- tasks ------------------------------------------------------------------
 */

static atomic_long s_submitted, s_completed;

static covey_err_t
s_on_task (covey_agent_t *agent, const covey_event_t *assigned, void *arg)
{
    (void)arg;
    covey_err_t code =
        covey_task_complete (agent, assigned, COVEY_CONTENT_JSON, "1", 1);
    s_completed += code == COVEY_OK;
    return code;
}

static covey_err_t
s_on_submitted (covey_agent_t *agent, const covey_event_t *response, void *arg)
{
    (void)agent;
    (void)arg;
    if (!covey_event_bool (response, "success"))
        bench_die ("task", "was refused");
    s_submitted++;
    return COVEY_OK;
}

static void
s_tasks (const coord_cluster_t *cluster, long count)
{
    covey_agent_t *workers[WORKERS], *client = s_client (cluster, 0);
    char name[48];
    bench_meter_t meter;
    bench_check (covey_agent_start (client), "start");
    s_submitted = s_completed = 0;
    for (int i = 0; i < WORKERS; i++) {
        snprintf (name, sizeof name, "worker-%d", i);
        workers[i] = covey_agent_new (name, "worker");
        bench_check (covey_agent_set_task_slots (workers[i], 4), "slots");
        covey_agent_on_task (workers[i], s_on_task, NULL);
        bench_check (covey_agent_connect (workers[i],
                                          cluster->session[i % cluster->count],
                                          WAIT_MS),
                     "connect");
        bench_check (covey_agent_start (workers[i]), "start");
    }
    s_meter (cluster, &meter);
    for (long i = 0; i < count; i++) {
        while (i - s_completed >= WINDOW)
            usleep (100);
        bench_check (covey_agent_ask (client, "coordinator", "task.submit",
                                      "{\"taskType\":\"short\"}", WAIT_MS,
                                      s_on_submitted, NULL),
                     "submit");
    }
    while (s_completed < count)
        usleep (100);
    snprintf (name, sizeof name, "coordinator_%d.tasks", cluster->count);
    bench_meter_print (&meter, name, (double)count, "tasks/s");
    for (int i = 0; i < WORKERS; i++)
        covey_agent_destroy (&workers[i]);
    covey_agent_destroy (&client);
}

int
main (void)
{
    long single = bench_env ("BENCH_COMMITS", 3000);
    long many = bench_env ("BENCH_COMMITS_MANY", 40000);
    long tasks = bench_env ("BENCH_TASKS", 20000);
    long way = bench_env ("BENCH_WAY", 0); /* one of them, for profiles       */
    int first = (int)bench_env ("BENCH_COORDINATORS", 1);
    for (int count = first; count <= COORDINATORS; count += 2) {
        coord_cluster_t cluster;
        s_start (&cluster, count);
        if (way != OWN) {
            s_commits (&cluster, 1, single);
            s_commits (&cluster, CLIENTS, many / CLIENTS);
        }
        if (way != DIRECT) {
            s_start_own (&cluster);
            s_commits (&cluster, 1, single);
            s_commits (&cluster, CLIENTS, many / CLIENTS);
            covey_node_destroy (&cluster.own);
        }
        s_tasks (&cluster, tasks);
        s_stop (&cluster);
    }
    return 0;
}
