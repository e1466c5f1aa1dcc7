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

#include "bench/cluster.h"

#define CLIENTS 64
#define WORKERS 16
#define VALUE_SIZE 300
#define WARM_UP 20
#define WINDOW 256
#define DIRECT 1 /* the clients' sessions are with the leader's node */
#define OWN 2    /* ... with a node of their process                          */

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
                                  params, BENCH_WAIT_MS, s_on_put, self),
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
        int ready = epoll_wait (fd, events, CLIENTS, BENCH_WAIT_MS);
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
s_commits (const bench_cluster_t *cluster, int clients, long each)
{
    static coord_client_t all[CLIENTS];
    char name[48];
    bench_meter_t meter;
    for (int i = 0; i < clients; i++) {
        all[i] = (coord_client_t){.number = i};
        all[i].agent = bench_cluster_client (cluster, i);
        all[i].samples = calloc ((size_t)(each > WARM_UP ? each : WARM_UP),
                                 sizeof (int64_t));
    }
    s_put_all (all, clients, WARM_UP);
    bench_cluster_meter (cluster, &meter);
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
s_tasks (const bench_cluster_t *cluster, long count)
{
    covey_agent_t *workers[WORKERS],
        *client = bench_cluster_client (cluster, 0);
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
                                          BENCH_WAIT_MS),
                     "connect");
        bench_check (covey_agent_start (workers[i]), "start");
    }
    bench_cluster_meter (cluster, &meter);
    for (long i = 0; i < count; i++) {
        while (i - s_completed >= WINDOW)
            usleep (100);
        bench_check (covey_agent_ask (client, "coordinator", "task.submit",
                                      "{\"taskType\":\"short\"}", BENCH_WAIT_MS,
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
    for (int count = first; count <= BENCH_COORDINATORS; count += 2) {
        bench_cluster_t cluster;
        bench_cluster_start (&cluster, count);
        if (way != OWN) {
            s_commits (&cluster, 1, single);
            s_commits (&cluster, CLIENTS, many / CLIENTS);
        }
        if (way != DIRECT) {
            bench_cluster_start_own (&cluster);
            s_commits (&cluster, 1, single);
            s_commits (&cluster, CLIENTS, many / CLIENTS);
            covey_node_destroy (&cluster.own);
        }
        s_tasks (&cluster, tasks);
        bench_cluster_stop (&cluster);
    }
    return 0;
}
