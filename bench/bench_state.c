/*  The control plane's state with many live tasks: what a task takes of memory
    and of a snapshot, how long a snapshot takes to be written and to be read,
    and how fast commands are applied without disk and network.               */

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "bench/bench.h"
#include "coordinator/save.h"

#define AGENTS 1000
#define START_US INT64_C (1790000000000000)

static covey_idgen_t s_ids;

/*  A task like many: some words, an input of 100 bytes; every tenth waits for
    the one before it.                                                        */
static void
s_submit (covey_state_t *state, long number, uint64_t index)
{
    char id[32], before[32], request[37], client[16], input[100];
    char *capabilities[] = {(char *)"resize"}, *dependencies[] = {before};
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    Covey__Control__TaskSubmit submit = COVEY__CONTROL__TASK_SUBMIT__INIT;
    Covey__V1__Payload payload = COVEY__V1__PAYLOAD__INIT;
    snprintf (id, sizeof id, "task-%ld", number);
    snprintf (before, sizeof before, "task-%ld", number - 1);
    snprintf (client, sizeof client, "client-%ld", number % 64);
    command.log_time_us = START_US + (int64_t)index * 20;
    covey_id_text (covey_idgen_next (&s_ids, command.log_time_us).bytes,
                   request);
    memset (input, 'x', sizeof input);
    payload.has_data = true;
    payload.data = (ProtobufCBinaryData){sizeof input, (uint8_t *)input};
    submit.task_id = id;
    submit.task_type = (char *)"resize-image";
    submit.description = (char *)"one of many pictures that need a size";
    submit.n_required_capabilities = 1;
    submit.required_capabilities = capabilities;
    submit.input = &payload;
    if (number % 10 == 9) {
        submit.n_dependencies = 1;
        submit.dependencies = dependencies;
    }
    command.client_id = client;
    command.request_id = request;
    command.op_case = COVEY__CONTROL__COMMAND__OP_TASK_SUBMIT;
    command.task_submit = &submit;
    covey_state_apply (state, &command, index, NULL);
}

static void
s_agent (covey_state_t *state, int number, uint64_t index)
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
    command.log_time_us = START_US;
    command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_UP;
    command.agent_up = &up;
    covey_state_apply (state, &command, index, NULL);
}

/*  Time, and CPU: other work on the machine does not count there.            */
static void
s_print_since (const char *name, int64_t start_ns, double start_cpu_us)
{
    char cpu[64];
    bench_print (name, (double)(bench_now_ns () - start_ns) / 1e6, "ms");
    snprintf (cpu, sizeof cpu, "%s.cpu", name);
    bench_print (cpu, (bench_cpu_us (getpid ()) - start_cpu_us) / 1e3, "ms");
}

int
main (void)
{
    long tasks = bench_env ("BENCH_TASKS", 100000);
    uint64_t index = 0;
    covey_errbuf_t err = {""};
    covey_state_limits_t limits;
    covey_state_limits_init (&limits);
    limits.tasks_max = (size_t)tasks;
    covey_idgen_init (&s_ids, 1);
    covey_state_t *state = covey_state_new (&limits), *loaded = NULL;
    for (int i = 0; i < AGENTS; i++)
        s_agent (state, i, ++index);
    size_t before = mallinfo2 ().uordblks;
    double cpu_us = bench_cpu_us (getpid ());
    int64_t start_ns = bench_now_ns ();
    for (long i = 0; i < tasks; i++)
        s_submit (state, i, ++index);
    s_print_since ("state.submit", start_ns, cpu_us);
    bench_print ("state.memory_per_task",
                 (double)(mallinfo2 ().uordblks - before) / (double)tasks,
                 "bytes");
    covey_buf_t bytes;
    covey_buf_init (&bytes, SIZE_MAX);
    start_ns = bench_now_ns ();
    cpu_us = bench_cpu_us (getpid ());
    bench_check (covey_state_save (state, &bytes), "save");
    s_print_since ("state.save", start_ns, cpu_us);
    bench_print ("state.saved_per_task", (double)bytes.size / (double)tasks,
                 "bytes");
    start_ns = bench_now_ns ();
    cpu_us = bench_cpu_us (getpid ());
    if (covey_state_load (bytes.data, bytes.size, &limits, &loaded, &err))
        bench_die ("load", err.text);
    s_print_since ("state.load", start_ns, cpu_us);
    if (covey_state_digest (state) != covey_state_digest (loaded))
        bench_die ("load", "another state");
    start_ns = bench_now_ns ();
    cpu_us = bench_cpu_us (getpid ());
    covey_state_destroy (&loaded);
    s_print_since ("state.destroy", start_ns, cpu_us);
    covey_state_destroy (&state);
    covey_buf_deinit (&bytes);
    return 0;
}
