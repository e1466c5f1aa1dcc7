/*  How long an assignment takes with 1,000 agents, all at work, and 10,000
    tasks in the queue.

    assign.core   one command at the state machine that frees an agent, until
                  the next task is assigned to it: no disk, no network
    assign.whole  one more task that an idle agent of these can do, submitted to
                  a node, until TASK_ASSIGNED is in that agent's handler:
   client, node, log on disk, node, agent                              */

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/id.h"
#include "bench/bench.h"
#include "coordinator/state.h"
#include "covey.h"

#define AGENTS 1000
#define QUEUED 10000
#define START_US INT64_C (1790000000000000)
#define WAIT_MS 60000
#define WINDOW 512

/* ---- the core ---------------------------------------------------------------
 */

typedef struct {
    char task[40], agent[40];
    uint64_t token;
} assign_run_t;

typedef struct {
    covey_state_t *state;
    covey_idgen_t ids;
    covey_effects_t effects;
    uint64_t index;
    long submitted;
    assign_run_t running[AGENTS]; /* a ring                                   */
    size_t first, count;
} assign_core_t;

static void
s_apply (assign_core_t *self, Covey__Control__Command *command)
{
    command->log_time_us = START_US + (int64_t)++self->index * 20;
    covey_effects_clear (&self->effects);
    covey_state_apply (self->state, command, self->index, &self->effects);
    if (self->effects.code)
        bench_die ("command", self->effects.err.text);
}

static void
s_note (assign_core_t *self)
{
    for (size_t i = 0; i < self->effects.fact_count; i++) {
        const covey_event_t *fact = self->effects.facts[i];
        if (covey_event_type (fact) != COVEY_EVENT_TASK_ASSIGNED)
            continue;
        assign_run_t *run =
            &self->running[(self->first + self->count++) % AGENTS];
        snprintf (run->task, sizeof run->task, "%s",
                  covey_event_str (fact, "taskId"));
        snprintf (run->agent, sizeof run->agent, "%s",
                  covey_event_target (fact, 0));
        run->token = (uint64_t)covey_event_int (fact, "fencingToken");
    }
}

static void
s_agent_up (assign_core_t *self, int number)
{
    char id[32];
    uint8_t session[16] = {0};
    char *capabilities[] = {(char *)"resize"};
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    Covey__Control__AgentUp up = COVEY__CONTROL__AGENT_UP__INIT;
    snprintf (id, sizeof id, "agent-%d", number);
    memcpy (session, &number, sizeof number);
    up.agent_id = id;
    up.n_capabilities = 1;
    up.capabilities = capabilities;
    up.node_id = up.session_id = (ProtobufCBinaryData){16, session};
    command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_UP;
    command.agent_up = &up;
    s_apply (self, &command);
}

static void
s_submit (assign_core_t *self)
{
    char id[32], request[37], client[16];
    char *capabilities[] = {(char *)"resize"};
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    Covey__Control__TaskSubmit submit = COVEY__CONTROL__TASK_SUBMIT__INIT;
    long number = self->submitted++;
    snprintf (id, sizeof id, "task-%ld", number);
    snprintf (client, sizeof client, "client-%ld", number % 64);
    covey_id_text (covey_idgen_next (&self->ids, START_US).bytes, request);
    submit.task_id = id;
    submit.task_type = (char *)"resize-image";
    submit.has_priority = true;
    submit.priority = (Covey__V1__Priority)(1 + number % 3);
    submit.n_required_capabilities = 1;
    submit.required_capabilities = capabilities;
    command.client_id = client;
    command.request_id = request;
    command.op_case = COVEY__CONTROL__COMMAND__OP_TASK_SUBMIT;
    command.task_submit = &submit;
    s_apply (self, &command);
    s_note (self);
}

/*  The oldest task ends; its agent gets the next one.                       */
static int64_t
s_complete (assign_core_t *self)
{
    char request[37];
    assign_run_t run = self->running[self->first];
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    Covey__Control__TaskReport report = COVEY__CONTROL__TASK_REPORT__INIT;
    self->first = (self->first + 1) % AGENTS;
    self->count--;
    covey_id_text (covey_idgen_next (&self->ids, START_US).bytes, request);
    report.task_id = run.task;
    report.fencing_token = run.token;
    command.client_id = run.agent;
    command.request_id = request;
    command.op_case = COVEY__CONTROL__COMMAND__OP_TASK_COMPLETE;
    command.task_complete = &report;
    int64_t start_ns = bench_now_ns ();
    s_apply (self, &command);
    int64_t took_ns = bench_now_ns () - start_ns;
    s_note (self);
    if (self->count != AGENTS)
        bench_die ("assign", "an agent was freed and got no task");
    return took_ns;
}

static void
s_core (long count)
{
    static assign_core_t self;
    self.state = covey_state_new (NULL);
    covey_idgen_init (&self.ids, 1);
    covey_effects_init (&self.effects);
    for (int i = 0; i < AGENTS; i++)
        s_agent_up (&self, i);
    while (self.submitted < AGENTS + QUEUED)
        s_submit (&self);
    if (self.count != AGENTS)
        bench_die ("assign", "not every agent has a task");
    int64_t *samples = malloc ((size_t)count * sizeof *samples);
    for (long i = 0; i < count; i++) {
        samples[i] = s_complete (&self);
        s_submit (&self);
    }
    bench_print_percentiles ("assign.core", samples, (size_t)count);
    free (samples);
    covey_effects_deinit (&self.effects);
    covey_state_destroy (&self.state);
}

/* ---- the whole way ----------------------------------------------------------
 */

static void
s_node (int in, int out, void *arg)
{
    char line[160];
    covey_node_t *node = covey_node_new ("assign");
    bench_check (covey_node_set (node, "listen", "127.0.0.1:0"), "listen");
    bench_check (covey_node_set (node, "data", arg), "data");
    bench_check (covey_node_start (node, WAIT_MS), "start");
    bench_write_line (out, covey_node_session_endpoint (node));
    while (read (in, line, sizeof line) > 0) {
    }
    covey_node_destroy (&node);
}

static covey_agent_t *
s_agent (const char *id, const char *type, const char *endpoint)
{
    covey_agent_t *agent = covey_agent_new (id, type);
    bench_check (covey_agent_connect (agent, endpoint, WAIT_MS), "connect");
    return agent;
}

static atomic_long s_answers, s_refusals;

static covey_err_t
s_on_answer (covey_agent_t *agent, const covey_event_t *response, void *arg)
{
    (void)agent;
    (void)arg;
    s_refusals += !covey_event_bool (response, "success");
    s_answers++;
    return COVEY_OK;
}

/*  Agents that each hold a task, and tasks that wait for them.              */
static void
s_fill (covey_agent_t *client)
{
    const long count = AGENTS - 1 + QUEUED;
    for (long i = 0; i < count; i++) {
        while (i - s_answers >= WINDOW)
            usleep (100);
        bench_check (
            covey_agent_ask (client, "coordinator", "task.submit",
                             "{\"taskType\":\"long\",\"agentType\":\"slow\","
                             "\"lease\":3600000}",
                             WAIT_MS, s_on_answer, NULL),
            "submit");
    }
    while (s_answers < count)
        usleep (100);
    if (s_refusals)
        bench_die ("submit", "was refused");
}

static atomic_llong s_got_ns;

static covey_err_t
s_on_task (covey_agent_t *agent, const covey_event_t *assigned, void *arg)
{
    (void)arg;
    int64_t got_ns = bench_now_ns ();
    covey_err_t code =
        covey_task_complete (agent, assigned, COVEY_CONTENT_JSON, "1", 1);
    s_got_ns = got_ns;
    return code;
}

static void
s_whole (const char *endpoint, long count)
{
    static covey_agent_t *slow[AGENTS];
    char id[32];
    for (int i = 0; i < AGENTS - 1; i++) {
        snprintf (id, sizeof id, "slow-%d", i);
        slow[i] = s_agent (id, "slow", endpoint);
    }
    covey_agent_t *client = covey_agent_new ("client", "client");
    bench_check (covey_agent_set_client (client, true), "client");
    bench_check (covey_agent_connect (client, endpoint, WAIT_MS), "connect");
    bench_check (covey_agent_start (client), "start");
    s_fill (client);
    covey_agent_t *quick = covey_agent_new ("quick", "quick");
    covey_agent_on_task (quick, s_on_task, NULL);
    bench_check (covey_agent_connect (quick, endpoint, WAIT_MS), "connect");
    bench_check (covey_agent_start (quick), "start");
    int64_t *samples = malloc ((size_t)count * sizeof *samples);
    for (long i = 0; i < count; i++) {
        s_got_ns = 0;
        int64_t start_ns = bench_now_ns ();
        bench_check (
            covey_agent_ask (client, "coordinator", "task.submit",
                             "{\"taskType\":\"short\",\"agentType\":\"quick\"}",
                             WAIT_MS, s_on_answer, NULL),
            "submit");
        while (!s_got_ns)
            usleep (20);
        samples[i] = s_got_ns - start_ns;
    }
    bench_print_percentiles ("assign.whole", samples, (size_t)count);
    free (samples);
    covey_agent_destroy (&quick);
    covey_agent_destroy (&client);
    for (int i = 0; i < AGENTS - 1; i++)
        covey_agent_destroy (&slow[i]);
}

int
main (void)
{
    s_core (bench_env ("BENCH_ASSIGNMENTS", 100000));
    char dir[] = "/tmp/covey-bench-XXXXXX", endpoint[160], command[96];
    struct rlimit limit;
    bench_check (getrlimit (RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max; /* eight descriptors per agent           */
    bench_check (setrlimit (RLIMIT_NOFILE, &limit), "setrlimit");
    if (!mkdtemp (dir))
        bench_die (dir, "cannot be made");
    bench_child_t node = bench_fork (s_node, dir);
    bench_read_line (node.from_child, endpoint, sizeof endpoint);
    s_whole (endpoint, bench_env ("BENCH_SUBMISSIONS", 2000));
    bench_join (&node);
    snprintf (command, sizeof command, "rm -rf %s", dir);
    if (system (command))
        bench_die (dir, "cannot be removed");
    return 0;
}
