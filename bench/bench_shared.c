/*  The shared memory: its state alone, then writes and reads of agents through
    a node with its log on disk, by one and by 64 at a time, and how long a
    change takes to a watcher.                                                */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/mesh.h"
#include "coordinator/memory.h"

#define CLIENTS 64
#define VALUE 200
#define WAIT_MS 60000

/* ---- the state alone --------------------------------------------------------
 */

static void
s_key (char key[32], long i, long keys)
{
    snprintf (key, 32, "bench/%06ld", i * 7919 % keys);
}

static void
s_state (long keys)
{
    covey_memory_t memory;
    char value[VALUE], key[32];
    memset (value, 'x', sizeof value);
    char *const tags[] = {"even", "odd"};
    covey_memory_init (&memory);
    int64_t start = bench_now_ns ();
    for (long i = 0; i < 4 * keys; i++) {
        covey_memory_write_t write = {.owner = "ann",
                                      .author = "ann",
                                      .data = value,
                                      .size = sizeof value,
                                      .tags = &tags[i % 2],
                                      .tag_count = 1};
        s_key (key, i, keys);
        covey_memory_write (&memory, key, &write);
    }
    bench_print ("shared.state_writes",
                 (double)keys * 4e9 / (double)(bench_now_ns () - start),
                 "writes/s");
    size_t found = 0;
    start = bench_now_ns ();
    for (long i = 0; i < 4 * keys; i++) {
        s_key (key, i, keys);
        found += covey_memory_find (&memory, key) != NULL;
    }
    bench_print ("shared.state_reads",
                 (double)found * 1e9 / (double)(bench_now_ns () - start),
                 "reads/s");
    /* a page of ten out of all, by prefix and tag */
    start = bench_now_ns ();
    long pages = 100000, seen = 0;
    for (long i = 0; i < pages; i++) {
        snprintf (key, sizeof key, "bench/%05ld", i * 31 % (keys / 10));
        const covey_memory_entry_t *entry =
            covey_memory_after (&memory, key, i % 2 ? "odd" : "even", NULL);
        for (; entry; seen++)
            entry =
                covey_memory_next (&memory, entry, key, i % 2 ? "odd" : "even");
    }
    bench_print ("shared.state_list_10",
                 (double)(bench_now_ns () - start) / 1e3 / (double)pages, "us");
    if (found != (size_t)(4 * keys) || !seen)
        bench_die ("shared", "keys are missing");
    covey_memory_deinit (&memory);
}

/* ---- through a node ---------------------------------------------------------
 */

typedef struct {
    covey_agent_t *agent;
    int number;
    long count;
    bool reads;
    int64_t *samples_ns; /* or NULL                                           */
} s_client_t;

static void *
s_run (void *arg)
{
    s_client_t *client = arg;
    char value[VALUE], key[32];
    memset (value, 'x', sizeof value);
    for (long i = 0; i < client->count; i++) {
        covey_memory_value_t *got = NULL;
        snprintf (key, sizeof key, "bench/%d/%ld", client->number, i % 100);
        int64_t start = bench_now_ns ();
        if (client->reads)
            bench_check (
                covey_memory_get (client->agent, key, NULL, WAIT_MS, &got),
                "get");
        else
            bench_check (covey_memory_put (client->agent, key,
                                           COVEY_CONTENT_TEXT, value,
                                           sizeof value, NULL, WAIT_MS, NULL),
                         "put");
        if (client->samples_ns)
            client->samples_ns[i] = bench_now_ns () - start;
        covey_memory_value_destroy (&got);
    }
    return NULL;
}

static void
s_one (covey_agent_t *agent, const char *name, long count, bool reads)
{
    int64_t *samples = calloc ((size_t)count, sizeof *samples);
    if (!samples)
        bench_die (name, "out of memory");
    s_client_t client = {
        .agent = agent, .count = count, .reads = reads, .samples_ns = samples};
    s_run (&client);
    bench_print_percentiles (name, samples, (size_t)count);
    free (samples);
}

static void
s_many (covey_agent_t *const *agents, const char *name, const char *unit,
        long count, bool reads)
{
    pthread_t threads[CLIENTS];
    s_client_t clients[CLIENTS];
    int64_t start = bench_now_ns ();
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (s_client_t){.agent = agents[i],
                                  .number = i,
                                  .count = count / CLIENTS,
                                  .reads = reads};
        if (pthread_create (&threads[i], NULL, s_run, &clients[i]))
            bench_die (name, "no thread");
    }
    for (int i = 0; i < CLIENTS; i++)
        pthread_join (threads[i], NULL);
    bench_print (name,
                 (double)(count / CLIENTS * CLIENTS) * 1e9 /
                     (double)(bench_now_ns () - start),
                 unit);
}

/*  From the put's beginning until the watcher has it.                       */
static void
s_watch (covey_agent_t *writer, covey_agent_t *reader, long count)
{
    covey_memory_watch_t *watch = NULL;
    const covey_memory_change_t *change = NULL;
    const covey_memory_query_t query = {.prefix = "watched/"};
    int64_t *samples = calloc ((size_t)count, sizeof *samples);
    if (!samples)
        bench_die ("watch", "out of memory");
    bench_check (covey_memory_watch_new (reader, &query, WAIT_MS, &watch),
                 "watch");
    bench_check (covey_memory_watch_next (watch, WAIT_MS, &change), "synced");
    for (long i = 0; i < count; i++) {
        int64_t start = bench_now_ns ();
        bench_check (covey_memory_put (writer, "watched/key",
                                       COVEY_CONTENT_TEXT, "x", 1, NULL,
                                       WAIT_MS, NULL),
                     "put");
        bench_check (covey_memory_watch_next (watch, WAIT_MS, &change), "next");
        samples[i] = bench_now_ns () - start;
    }
    bench_print_percentiles ("shared.watch", samples, (size_t)count);
    covey_memory_watch_destroy (&watch);
    free (samples);
}

int
main (void)
{
    long count = bench_env ("BENCH_SHARED", 64000);
    char data[] = "/tmp/covey-bench-XXXXXX", command[128];
    s_state (bench_env ("BENCH_SHARED_KEYS", 100000));
    if (!mkdtemp (data))
        bench_die (data, "cannot be made");
    covey_node_t *node = bench_node ("near", NULL, data, true);
    covey_agent_t *agents[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        char id[16];
        snprintf (id, sizeof id, "client-%d", i);
        agents[i] = covey_agent_new (id, "bench");
        bench_check (covey_agent_attach (agents[i], node, WAIT_MS), "attach");
    }
    s_one (agents[0], "shared.put_one", count / 32, false);
    s_many (agents, "shared.put_64", "writes/s", count, false);
    s_one (agents[0], "shared.get_one", count / 8, true);
    s_many (agents, "shared.get_64", "reads/s", count, true);
    s_watch (agents[0], agents[1], count / 64);
    for (int i = 0; i < CLIENTS; i++)
        covey_agent_destroy (&agents[i]);
    covey_node_destroy (&node);
    snprintf (command, sizeof command, "rm -rf %s", data);
    if (system (command))
        bench_die (data, "cannot be removed");
    return 0;
}
