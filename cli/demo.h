/*  demo - `covey demo`: a local mesh of real processes doing real work

    Role      shell: starts nodes and agents as child processes, submits one
              task per file, kills a node, lets the workers vote, checks all
              results and prints the report
    Threads   one: it dispatches the submitting agent's events itself
    Files     cmd_demo.c: options, order of events, waiting, cleaning up;
              demo_files.c: what is to be counted; demo_mesh.c: processes;
              demo_tasks.c: submission and results; demo_fault.c: the kill;
              demo_vote.c: the vote; demo_report.c, demo_json.c: what is said
              at the end; demo_scripts.c: what the workers run
    Limits    COVEY_DEMO_NODES_MAX nodes, COVEY_DEMO_AGENTS_MAX agents,
              COVEY_DEMO_FILES_MAX files
    Time      one deadline for all of it (--timeout)
*/
#ifndef COVEY_DEMO_H_INCLUDED
#define COVEY_DEMO_H_INCLUDED

#include <jansson.h>
#include <sys/types.h>

#include "base/buf.h"
#include "cli/cli.h"

#define COVEY_DEMO_NODES_MAX 16
#define COVEY_DEMO_AGENTS_MAX 64
#define COVEY_DEMO_FILES_MAX 10000
#define COVEY_DEMO_MERGE_MAX 500 /* files per merge task, a list has 1,024 */
#define COVEY_DEMO_SAMPLE "8"    /* files that each voter counts again        */
#define COVEY_DEMO_ASK_MS 10000  /* for an answer of the coordinator  */

typedef struct {
    uint64_t files, lines, words, bytes;
} covey_demo_counts_t;

typedef struct {
    char *path; /* below the root, bytes as they are                          */
    size_t group;
    covey_demo_counts_t counts; /* .files is 1 once counted                   */
    char sha256[65];
} covey_demo_file_t;

/*  Files with the same extension: [first, first + count) of the files.      */
typedef struct {
    char *extension; /* ".c"; "(none)"; "(other)" for what is not plain text  */
    size_t first, count;
    covey_demo_counts_t counts; /* as the merge tasks reported                */
} covey_demo_group_t;

typedef struct {
    char *root; /* absolute                                                   */
    covey_demo_file_t *items;
    size_t count;
    covey_demo_group_t *groups;
    size_t group_count;
} covey_demo_files_t;

typedef struct {
    pid_t pid; /* 0: not running                                              */
    char name[32];
    char data[256];     /* nodes: data folder                                 */
    char endpoint[256]; /* nodes: HOST:PORT for others to join                */
    char session[300]; /* nodes: "ipc://…", where agents attach              */
    size_t node;       /* agents: index of their node                        */
    int ready_fd;      /* nodes: until they serve                            */
    bool expected;     /* it is meant to end                                 */
} covey_demo_process_t;

typedef struct {
    covey_demo_process_t nodes[COVEY_DEMO_NODES_MAX];
    covey_demo_process_t agents[COVEY_DEMO_AGENTS_MAX];
    size_t node_count, agent_count;
    char **env; /* of all children                                            */
} covey_demo_mesh_t;

/*  One task: a file to count, or files whose counts are to be merged.       */
typedef struct {
    char id[37];
    bool is_merge;
    size_t first, count; /* of the files                                      */
    bool ended, has_result;
    char agent[COVEY_AGENT_ID_MAX + 1]; /* that completed it                  */
    uint32_t attempt;
    int64_t submitted_us, first_assigned_us, assigned_us, ended_us;
} covey_demo_task_t;

typedef struct {
    covey_demo_task_t *items; /* in the order of their ids                    */
    size_t count, count_tasks; /* the merge tasks follow the count tasks      */
    size_t asked, submitted, counted, merged;
    uint64_t failures; /* attempts that failed and were made again            */
    int64_t moved_ms;  /* when something was last heard of a task             */
} covey_demo_tasks_t;

/*  The node that is killed.                                                 */
typedef struct {
    size_t node; /* its index; 0: none can be killed (it decides and stores)  */
    pid_t pid;
    bool done;
    size_t after; /* files counted by then                    */
    size_t held[COVEY_DEMO_AGENTS_MAX]; /* tasks that its agents worked on    */
    size_t held_count;
    int64_t killed_us;
} covey_demo_fault_t;

typedef struct {
    covey_cli_t *cli;
    const char *binary; /* our own, for the children and for people           */
    char dir[200];      /* the temporary folder                               */
    covey_agent_t *agent;
    int signals; /* signalfd: SIGCHLD, SIGINT, SIGTERM                        */
    int64_t started_ms, deadline_ms;
    bool interrupted;
    bool clean;       /* remove the folder at the end                         */
    bool is_terminal; /* stderr                                               */
    int64_t shown_ms; /* last progress line                                   */
    covey_demo_files_t files;
    covey_demo_mesh_t mesh;
    covey_demo_tasks_t tasks;
    covey_demo_fault_t fault;
    json_t *vote;   /* as covey_vote_show gave it                             */
    json_t *events; /* rows of covey_store_stats                              */
    int64_t elapsed_ms;
    size_t unwell; /* children that failed at their end, or did not end       */
    covey_errbuf_t err;
} covey_demo_t;

/* ------------------------------------------------------------------------ */
/*  cmd_demo.c                                                                */

/*  Wait for the agent, a signal or a child, at most timeout_ms; dispatch.
    CANCELED: a signal; TIMEOUT: the deadline; STATE: a child ended that should
    not have.                                                                 */
covey_err_t covey_demo_step (covey_demo_t *self, int timeout_ms);
/*  One phase line, or the counters in place while they change.              */
void covey_demo_say (covey_demo_t *self, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));
void covey_demo_show (covey_demo_t *self);

/*  demo_files.c                                                             */

/*  Every regular file below `root`, sorted by extension and path; folders
    named .git anywhere and "build" at the top are passed over.               */
covey_err_t covey_demo_files_scan (covey_demo_files_t *self, const char *root,
                                   covey_errbuf_t *err);
void covey_demo_files_deinit (covey_demo_files_t *self);
void covey_demo_counts_add (covey_demo_counts_t *to,
                            const covey_demo_counts_t *counts);

/*  demo_mesh.c                                                              */

covey_err_t covey_demo_mesh_start (covey_demo_t *self);
/*  Which child ended: reap all that did; STATE for one that was needed.     */
covey_err_t covey_demo_mesh_reap (covey_demo_t *self);
void covey_demo_mesh_stop_agents (covey_demo_t *self);
void covey_demo_mesh_stop_nodes (covey_demo_t *self);
void covey_demo_mesh_deinit (covey_demo_t *self);

/*  demo_tasks.c                                                             */

covey_err_t covey_demo_tasks_listen (covey_demo_t *self);
/*  Submit everything, wait until all is completed, read the results.        */
covey_err_t covey_demo_tasks_run (covey_demo_t *self);
void covey_demo_tasks_deinit (covey_demo_t *self);

/*  demo_fault.c: chooses the victim; kills it when it is time.              */
void covey_demo_fault_init (covey_demo_t *self);
covey_err_t covey_demo_fault_step (covey_demo_t *self);

/*  demo_vote.c                                                              */
covey_err_t covey_demo_vote_run (covey_demo_t *self);

/*  demo_report.c, demo_json.c                                               */
covey_err_t covey_demo_check (covey_demo_t *self);
void covey_demo_report (covey_demo_t *self);
void covey_demo_report_json (covey_demo_t *self);
/*  Percentile of what `value` gives for each count task; in ms.             */
double covey_demo_latency (const covey_demo_t *self, int percent,
                           int64_t (*value) (const covey_demo_task_t *task));
int64_t covey_demo_queue_us (const covey_demo_task_t *task);
int64_t covey_demo_work_us (const covey_demo_task_t *task);
int64_t covey_demo_whole_us (const covey_demo_task_t *task);
size_t covey_demo_reassigned (const covey_demo_t *self);
covey_demo_counts_t covey_demo_totals (const covey_demo_t *self);

/*  demo_scripts.c: worker.sh and vote.sh into the demo's folder.            */
covey_err_t covey_demo_scripts_write (covey_demo_t *self);

#endif
