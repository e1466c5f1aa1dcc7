/*  A coordinator that is killed with many live tasks, and started again: how
    long until it answers, and what it takes of disk and memory. And the same
    node under commands without end: are disk and memory bounded?

    BENCH_TASKS: live tasks at the restart (100,000). BENCH_COMMANDS: commands
    through the node afterwards (200,000; the accounts of a million are in
    docs/performance.md). Of the commands half submit a task, half cancel it. */

#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/bench.h"
#include "covey.h"

#define WINDOW 512
#define WAIT_MS 60000
#define STEPS 10
#define ENDED 10000 /* tasks that are kept: so the memory soon stands still */

static void
s_node (int in, int out, void *arg)
{
    char line[16];
    covey_node_t *node = covey_node_new ("keeper");
    bench_check (covey_node_set (node, "listen", "127.0.0.1:0"), "listen");
    bench_check (covey_node_set (node, "data", arg), "data");
    bench_check (covey_node_set (node, "roles", "coordinator,persister"),
                 "roles");
    bench_check (covey_node_start (node, WAIT_MS), "start");
    bench_write_line (out, covey_node_session_endpoint (node));
    while (read (in, line, sizeof line) > 0) {
    }
    covey_node_destroy (&node);
}

typedef struct {
    bench_child_t node;
    covey_agent_t *agent;
    atomic_long open;   /* commands without an answer                         */
    atomic_long failed; /* refused                                            */
    char data[64];
} s_keeper_t;

static void
s_start (s_keeper_t *self)
{
    char session[512];
    self->node = bench_fork (s_node, self->data);
    bench_read_line (self->node.from_child, session, sizeof session);
    self->agent = covey_agent_new ("asker", "client");
    bench_check (covey_agent_set_client (self->agent, true), "client");
    bench_check (covey_agent_connect (self->agent, session, WAIT_MS),
                 "connect");
    bench_check (covey_agent_start (self->agent), "agent");
}

/*  As a crash does it.                                                      */
static void
s_kill (s_keeper_t *self)
{
    kill (self->node.pid, SIGKILL);
    covey_agent_destroy (&self->agent);
    bench_join (&self->node);
}

static covey_err_t
s_on_answer (covey_agent_t *agent, const covey_event_t *answer, void *arg)
{
    (void)agent;
    s_keeper_t *self = arg;
    if (!covey_event_bool (answer, "success") &&
        atomic_fetch_add (&self->failed, 1) == 0)
        fprintf (stderr, "%s: %s\n", covey_event_str (answer, "error.code"),
                 covey_event_str (answer, "error.message"));
    atomic_fetch_sub (&self->open, 1);
    return COVEY_OK;
}

static void
s_settle (s_keeper_t *self, long left)
{
    while (atomic_load (&self->open) > left)
        usleep (200);
}

static void
s_ask (s_keeper_t *self, const char *method, const char *params)
{
    s_settle (self, WINDOW - 1);
    atomic_fetch_add (&self->open, 1);
    bench_check (covey_agent_ask (self->agent, "coordinator", method, params,
                                  WAIT_MS, s_on_answer, self),
                 method);
}

static void
s_submit (s_keeper_t *self, const char *prefix, long number)
{
    char params[256];
    snprintf (params, sizeof params,
              "{\"taskId\":\"%s-%ld\",\"taskType\":\"resize-image\","
              "\"description\":\"one of many pictures that need a size\","
              "\"requiredCapabilities\":[\"resize\"],\"input\":{\"n\":%ld}}",
              prefix, number, number);
    s_ask (self, "task.submit", params);
}

static double
s_disk_mb (const char *dir)
{
    double bytes = 0;
    DIR *folder = opendir (dir);
    for (struct dirent *entry; folder && (entry = readdir (folder));) {
        char path[400];
        struct stat status;
        snprintf (path, sizeof path, "%s/%s", dir, entry->d_name);
        if (strncmp (entry->d_name, "control", 7) == 0 &&
            stat (path, &status) == 0)
            bytes += (double)status.st_size;
    }
    if (folder)
        closedir (folder);
    return bytes / 1e6;
}

static void
s_print (const s_keeper_t *self, const char *when)
{
    char name[64];
    snprintf (name, sizeof name, "restart.%s.disk", when);
    bench_print (name, s_disk_mb (self->data), "MB");
    snprintf (name, sizeof name, "restart.%s.memory", when);
    bench_print (name, bench_rss_kb (self->node.pid) / 1024, "MB");
}

/*  The longest that the coordinator's thread was busy at once.               */
static void
s_print_turn (const s_keeper_t *self, const char *when)
{
    char name[64];
    char *json = NULL;
    bench_check (covey_agent_request (self->agent, "coordinator",
                                      "mesh.coordinator", "{}", WAIT_MS, &json),
                 "mesh.coordinator");
    const char *found = json ? strstr (json, "\"longestTurn\":") : NULL;
    snprintf (name, sizeof name, "restart.%s.longest_turn", when);
    bench_print (name, found ? strtod (found + 14, NULL) : 0, "ms");
    free (json);
}

/*  Until the coordinator answers what only the whole state can.             */
static void
s_wait_for_state (s_keeper_t *self, long tasks)
{
    char params[64];
    snprintf (params, sizeof params, "{\"taskId\":\"live-%ld\"}", tasks - 1);
    covey_err_t rc;
    while ((rc = covey_agent_request (self->agent, "coordinator", "task.show",
                                      params, WAIT_MS, NULL)) ==
               COVEY_NOCOORDINATOR ||
           rc == COVEY_NOAGENT)
        usleep (1000);
    bench_check (rc, "task.show");
}

static void
s_endless (s_keeper_t *self, long commands)
{
    int64_t start_ns = bench_now_ns ();
    for (int step = 1; step <= STEPS; step++) {
        char params[64], when[32];
        for (long i = 0; i < commands / STEPS / 2; i++) {
            long number = (step - 1) * (commands / STEPS / 2) + i;
            s_submit (self, "short", number);
            snprintf (params, sizeof params, "{\"taskId\":\"short-%ld\"}",
                      number);
            s_ask (self, "task.cancel", params);
        }
        s_settle (self, 0);
        snprintf (when, sizeof when, "after_%ldk",
                  commands / STEPS * step / 1000);
        s_print (self, when);
    }
    bench_print ("restart.commands",
                 (double)commands * 1e9 / (double)(bench_now_ns () - start_ns),
                 "commands/s");
}

int
main (void)
{
    long tasks = bench_env ("BENCH_TASKS", 100000);
    long commands = bench_env ("BENCH_COMMANDS", 200000);
    s_keeper_t self = {.data = "/tmp/covey-bench-XXXXXX"};
    char command[96];
    if (!mkdtemp (self.data))
        bench_die (self.data, "cannot be made");
    s_start (&self);
    snprintf (command, sizeof command, "{\"tasks\":%ld,\"endedTasks\":%d}",
              tasks + WINDOW, ENDED);
    bench_check (covey_agent_limits (self.agent, command, WAIT_MS, NULL),
                 "limits");
    int64_t start_ns = bench_now_ns ();
    for (long i = 0; i < tasks; i++)
        s_submit (&self, "live", i);
    s_settle (&self, 0);
    bench_print ("restart.submit",
                 (double)tasks * 1e9 / (double)(bench_now_ns () - start_ns),
                 "tasks/s");
    s_print (&self, "before");
    s_print_turn (&self, "before");
    s_kill (&self);
    start_ns = bench_now_ns ();
    s_start (&self);
    s_wait_for_state (&self, tasks);
    bench_print ("restart.time", (double)(bench_now_ns () - start_ns) / 1e6,
                 "ms");
    bench_print ("restart.cpu", bench_cpu_us (self.node.pid) / 1e3, "ms");
    s_print (&self, "with_live_tasks");
    s_endless (&self, commands);
    s_print_turn (&self, "after");
    /* told, not lost: a snapshot on a busy machine can outlast a session */
    bench_print ("restart.refused", (double)atomic_load (&self.failed),
                 "commands");
    s_kill (&self);
    snprintf (command, sizeof command, "rm -rf %s", self.data);
    if (system (command))
        bench_die (self.data, "cannot be removed");
    return 0;
}
