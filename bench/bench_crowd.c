/*  A full mesh of many nodes in one process: how long they take to know each
    other, how long a broadcast takes to reach an agent on each, and what a node
    costs. The bar is 10 s for 100 nodes. Over TCP each ordered pair of nodes
    takes five descriptors, because both ends are here: 100 nodes need 50,000,
    more than many systems allow. So the crowd of the bar is inproc, and a
    smaller one shows what TCP takes.                                         */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/id.h"
#include "bench/bench.h"
#include "covey.h"
#include "node/node_actor.h"

#define BAR_NODES 100
#define BAR_S 10
#define TCP_NODES 40
#define ROUNDS 10 /* broadcasts; the best is printed */
#define WAIT_MS 60000
#define FDS_PER_PAIR 5  /* of nodes and direction: both ends are here  */
#define FDS_PER_NODE 16 /* besides, with an agent */

typedef struct {
    long sockets; /* of the kernel: tcp and local                            */
    long wakeups; /* eventfds: one per ZeroMQ socket, some per thread        */
    long files;   /* descriptors in all                                      */
    long threads;
    long rss_kb;
} s_usage_t;

static _Atomic long s_got;

static covey_err_t
s_on_broadcast (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    (void)event;
    (void)arg;
    s_got++;
    return COVEY_OK;
}

/* ------------------------------------------------------------------------ */
/*  What the process has                                                      */

static void
s_count_files (s_usage_t *usage)
{
    DIR *dir = opendir ("/proc/self/fd");
    if (!dir)
        bench_die ("/proc/self/fd", "cannot be read");
    for (const struct dirent *entry; (entry = readdir (dir));) {
        char path[300], to[64];
        snprintf (path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        ssize_t size = readlink (path, to, sizeof to - 1);
        if (size < 0)
            continue;
        to[size] = '\0';
        usage->files++;
        usage->sockets += strncmp (to, "socket:", 7) == 0;
        usage->wakeups += strstr (to, "eventfd") != NULL;
    }
    closedir (dir);
}

static s_usage_t
s_usage (void)
{
    s_usage_t usage = {0};
    char line[200];
    FILE *file = fopen ("/proc/self/status", "re");
    while (file && fgets (line, sizeof line, file)) {
        if (strncmp (line, "Threads:", 8) == 0)
            usage.threads = strtol (line + 8, NULL, 10);
        else if (strncmp (line, "VmRSS:", 6) == 0)
            usage.rss_kb = strtol (line + 6, NULL, 10);
    }
    if (file)
        fclose (file);
    s_count_files (&usage);
    return usage;
}

static void
s_print_usage (const char *how, const s_usage_t *before, long nodes)
{
    s_usage_t now = s_usage ();
    const struct {
        const char *name;
        long value;
        const char *unit;
    } rows[] = {{"sockets", now.sockets - before->sockets, "kernel sockets"},
                {"wakeups", now.wakeups - before->wakeups, "eventfds"},
                {"files", now.files - before->files, "descriptors"},
                {"threads", now.threads - before->threads, "threads"},
                {"rss", now.rss_kb - before->rss_kb, "KB"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[64];
        snprintf (name, sizeof name, "crowd.%s.%s_per_node", how, rows[i].name);
        bench_print (name, (double)rows[i].value / (double)nodes, rows[i].unit);
    }
}

/*  As many nodes as there may be descriptors for.                           */
static long
s_affordable (long nodes)
{
    struct rlimit limit;
    bench_check (getrlimit (RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    bench_check (setrlimit (RLIMIT_NOFILE, &limit), "setrlimit");
    long fits = nodes;
    while (fits > 2 && (rlim_t)(fits * fits * FDS_PER_PAIR +
                                fits * FDS_PER_NODE) > limit.rlim_max)
        fits--;
    if (fits < nodes)
        fprintf (stderr,
                 "crowd: over tcp %ld nodes instead of %ld: a process may "
                 "have %ld descriptors (ulimit -Hn)\n",
                 fits, nodes, (long)limit.rlim_max);
    return fits;
}

/* ------------------------------------------------------------------------ */

typedef struct {
    const char *how; /* "tcp", "inproc"                                       */
    long count;
    covey_node_actor_t **nodes;
    covey_agent_t **agents;
} s_crowd_t;

static double
s_seconds_since (int64_t start_ns)
{
    return (double)(bench_now_ns () - start_ns) / 1e9;
}

static void
s_print (const s_crowd_t *crowd, const char *what, double value,
         const char *unit)
{
    char name[64];
    snprintf (name, sizeof name, "crowd.%s.%s", crowd->how, what);
    bench_print (name, value, unit);
}

static covey_node_actor_t *
s_node (const s_crowd_t *crowd, const char *join)
{
    covey_node_config_t config;
    covey_node_actor_t *node = NULL;
    covey_errbuf_t err;
    covey_node_config_init (&config);
    config.node_id = covey_id_new ();
    config.mesh = "crowd";
    config.joins = &join;
    config.join_count = join ? 1 : 0;
    config.inproc = strcmp (crowd->how, "inproc") == 0;
    if (covey_node_actor_new (&config, &node, &err))
        bench_die ("a node does not start", err.text);
    return node;
}

static double
s_join (s_crowd_t *crowd)
{
    covey_errbuf_t err;
    int64_t start_ns = bench_now_ns ();
    for (long i = 0; i < crowd->count; i++)
        crowd->nodes[i] = s_node (
            crowd, i ? covey_node_actor_endpoint (crowd->nodes[0]) : NULL);
    for (long i = 0; i < crowd->count; i++)
        if (covey_node_actor_wait_nodes (crowd->nodes[i], (size_t)crowd->count,
                                         WAIT_MS, &err))
            bench_die ("nodes do not find each other", err.text);
    return s_seconds_since (start_ns);
}

static void
s_attach (s_crowd_t *crowd)
{
    covey_errbuf_t err;
    for (long i = 0; i < crowd->count; i++) {
        char id[32];
        snprintf (id, sizeof id, "a%ld", i);
        covey_agent_t *agent = covey_agent_new (id, "listener");
        if (!agent)
            bench_die ("agent", covey_error ());
        covey_agent_on_broadcast (agent, s_on_broadcast, NULL);
        bench_check (
            covey_agent_connect (
                agent, covey_node_actor_inproc (crowd->nodes[i]), WAIT_MS),
            "attach");
        bench_check (covey_agent_start (agent), "start");
        crowd->agents[i] = agent;
    }
    for (long i = 0; i < crowd->count; i++)
        if (covey_node_actor_wait_agents (crowd->nodes[i], (size_t)crowd->count,
                                          WAIT_MS, &err))
            bench_die ("agents are not known everywhere", err.text);
}

/*  From the first agent to all others; seconds until the last one has it.    */
static double
s_broadcast (const s_crowd_t *crowd)
{
    long before = s_got;
    int64_t start_ns = bench_now_ns ();
    bench_check (covey_agent_broadcast (crowd->agents[0], "news",
                                        COVEY_CONTENT_TEXT, "x", 1, NULL,
                                        WAIT_MS),
                 "broadcast");
    while (s_got - before < crowd->count - 1) {
        if (s_seconds_since (start_ns) > WAIT_MS / 1e3)
            bench_die ("a broadcast", "did not reach everybody");
        usleep (100);
    }
    return s_seconds_since (start_ns);
}

/*  In a process of its own, for clean figures; writes the seconds to join.   */
static void
s_measure (int in, int out, void *arg)
{
    (void)in;
    s_crowd_t *crowd = arg;
    size_t count = (size_t)crowd->count;
    crowd->nodes = calloc (count, sizeof (void *));
    crowd->agents = calloc (count, sizeof (void *));
    if (!crowd->nodes || !crowd->agents)
        bench_die ("memory", "is exhausted");
    s_usage_t before = s_usage ();
    double joined_s = s_join (crowd);
    s_print (crowd, "nodes", (double)count, "nodes");
    s_print (crowd, "joined", joined_s, "s");
    s_print_usage (crowd->how, &before, crowd->count);
    s_attach (crowd);
    double best_s = s_broadcast (crowd);
    for (int i = 0; i < ROUNDS; i++) {
        double took_s = s_broadcast (crowd);
        best_s = took_s < best_s ? took_s : best_s;
    }
    s_print (crowd, "broadcast_to_all", 1e3 * best_s, "ms");
    char line[32];
    snprintf (line, sizeof line, "%.1f", joined_s);
    bench_write_line (out, line);
    for (size_t i = 0; i < count; i++)
        covey_agent_destroy (&crowd->agents[i]);
    for (size_t i = 0; i < count; i++)
        covey_node_actor_destroy (&crowd->nodes[i]);
    free (crowd->agents);
    free (crowd->nodes);
}

static void
s_run (const char *how, long count)
{
    s_crowd_t crowd = {.how = how, .count = count};
    bench_child_t child = bench_fork (s_measure, &crowd);
    char line[32];
    bench_read_line (child.from_child, line, sizeof line);
    bench_join (&child);
    if (count >= BAR_NODES && strtod (line, NULL) >= BAR_S)
        fprintf (stderr, "crowd: %ld nodes took %s s to join: the bar is %d\n",
                 count, line, BAR_S);
}

int
main (void)
{
    s_run ("inproc", bench_env ("BENCH_NODES", BAR_NODES));
    s_run ("tcp", s_affordable (bench_env ("BENCH_NODES_TCP", TCP_NODES)));
    return 0;
}
