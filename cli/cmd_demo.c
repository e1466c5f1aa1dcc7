/*  covey demo                                                                */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/commands.h"
#include "cli/demo.h"

#define SHOW_TERMINAL_MS 100
#define SHOW_LINES_MS 1000
#define DIR_MAX 80 /* a socket's path has at most 107 bytes */

/* ------------------------------------------------------------------------ */
/*  Progress                                                                  */

static void
s_clear_line (const covey_demo_t *self)
{
    if (self->is_terminal)
        fputs ("\r\033[K", stderr);
}

void
covey_demo_say (covey_demo_t *self, const char *fmt, ...)
{
    va_list args;
    if (self->cli->quiet)
        return;
    s_clear_line (self);
    fprintf (stderr, "%5.1f s  ",
             (double)(covey_clock_mono_ms () - self->started_ms) / 1000.0);
    va_start (args, fmt);
    vfprintf (stderr, fmt, args);
    va_end (args);
    fputc ('\n', stderr);
}

void
covey_demo_show (covey_demo_t *self)
{
    const covey_demo_tasks_t *tasks = &self->tasks;
    int64_t now_ms = covey_clock_mono_ms ();
    int64_t every_ms = self->is_terminal ? SHOW_TERMINAL_MS : SHOW_LINES_MS;
    if (self->cli->quiet || now_ms - self->shown_ms < every_ms)
        return;
    self->shown_ms = now_ms;
    s_clear_line (self);
    fprintf (stderr, "%5.1f s  %zu of %zu files counted, %zu of %zu merged",
             (double)(now_ms - self->started_ms) / 1000.0, tasks->counted,
             tasks->count_tasks, tasks->merged,
             tasks->count - tasks->count_tasks);
    const covey_demo_fault_t *fault = &self->fault;
    if (fault->done && tasks->counted < tasks->count_tasks &&
        tasks->counted + fault->held_count >= tasks->count_tasks)
        fprintf (stderr, "; what %s had waits for another agent",
                 self->mesh.nodes[fault->node].name);
    if (!self->is_terminal)
        fputc ('\n', stderr);
    fflush (stderr);
}

/* ------------------------------------------------------------------------ */
/*  Waiting                                                                   */

static void
s_read_signals (covey_demo_t *self)
{
    struct signalfd_siginfo info;
    while (read (self->signals, &info, sizeof info) == sizeof info)
        if (info.ssi_signo != SIGCHLD)
            self->interrupted = true;
}

covey_err_t
covey_demo_step (covey_demo_t *self, int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = self->signals, .events = POLLIN},
                            {.fd = -1, .events = POLLIN}};
    if (self->agent)
        fds[1].fd = covey_agent_fd (self->agent);
    if (timeout_ms)
        (void)poll (fds, 2, timeout_ms); /* both are looked at in any case  */
    s_read_signals (self);
    covey_err_t rc = covey_demo_mesh_reap (self);
    if (rc)
        return rc;
    if (self->interrupted)
        return covey_fail (&self->err, COVEY_CANCELED, "interrupted");
    if (covey_clock_mono_ms () > self->deadline_ms)
        return covey_fail (&self->err, COVEY_TIMEOUT,
                           "not done in the time that --timeout gives; see "
                           "the *.log files in %s",
                           self->dir);
    if (self->agent && covey_agent_dispatch (self->agent) != COVEY_OK)
        return covey_fail (&self->err, COVEY_STATE, "the submitting agent: %s",
                           covey_error ());
    return COVEY_OK;
}

/* ------------------------------------------------------------------------ */
/*  Before                                                                    */

/*  Our own source tree when we are inside of it, else the current folder.   */
static void
s_default_input (char *to, size_t size)
{
    char path[PATH_MAX], probe[PATH_MAX + 32];
    if (!getcwd (path, sizeof path)) {
        covey_str_copy (to, size, ".");
        return;
    }
    covey_str_copy (to, size, path);
    for (;;) {
        snprintf (probe, sizeof probe, "%s/include/covey.h", path);
        bool is_tree = access (probe, F_OK) == 0;
        snprintf (probe, sizeof probe, "%s/CMakeLists.txt", path);
        if (is_tree && access (probe, F_OK) == 0) {
            covey_str_copy (to, size, path);
            return;
        }
        char *slash = strrchr (path, '/');
        if (!slash || slash == path)
            return;
        *slash = '\0';
    }
}

static int
s_scan (covey_demo_t *self)
{
    char here[PATH_MAX];
    const char *input = covey_cli_text (self->cli, "input");
    if (!input) {
        s_default_input (here, sizeof here);
        input = here;
    }
    covey_errbuf_t err;
    covey_err_t rc = covey_demo_files_scan (&self->files, input, &err);
    return rc ? covey_cli_fail (self->cli, COVEY_EXIT_USAGE, "--input: %s",
                                err.text)
              : COVEY_EXIT_OK;
}

static int
s_make_dir (covey_demo_t *self)
{
    const char *base = getenv ("TMPDIR");
    if (!base || *base != '/' || strlen (base) > DIR_MAX - 20)
        base = "/tmp";
    snprintf (self->dir, sizeof self->dir, "%s/covey-demo.XXXXXX", base);
    if (!mkdtemp (self->dir))
        return covey_cli_fail (self->cli, COVEY_EXIT_FAILED,
                               "%s: cannot be made: %s; set TMPDIR to a "
                               "folder with room",
                               self->dir, strerror (errno));
    return COVEY_EXIT_OK;
}

static void
s_catch_signals (covey_demo_t *self)
{
    sigset_t set;
    sigemptyset (&set);
    sigaddset (&set, SIGCHLD);
    sigaddset (&set, SIGINT);
    sigaddset (&set, SIGTERM);
    sigaddset (&set, SIGHUP);
    pthread_sigmask (SIG_BLOCK, &set, NULL);
    self->signals = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (self->signals < 0)
        abort ();
}

/* ------------------------------------------------------------------------ */
/*  The work                                                                  */

static covey_err_t
s_work (covey_demo_t *self)
{
    covey_demo_mesh_t *mesh = &self->mesh;
    covey_demo_say (self, "%zu files below %s", self->files.count,
                    self->files.root);
    covey_err_t rc = covey_demo_scripts_write (self);
    if (!rc)
        rc = covey_demo_mesh_start (self);
    if (rc)
        return rc;
    covey_demo_say (self, "%zu nodes and %zu agents are ready, data in %s",
                    mesh->node_count, mesh->agent_count, self->dir);
    covey_demo_fault_init (self);
    rc = covey_demo_tasks_listen (self);
    if (!rc)
        rc = covey_demo_tasks_run (self);
    if (rc)
        return rc;
    covey_demo_say (self, "all %zu files counted, %zu tasks merged them",
                    self->tasks.count_tasks,
                    self->tasks.count - self->tasks.count_tasks);
    return covey_demo_vote_run (self);
}

static void
s_stop (covey_demo_t *self)
{
    covey_demo_mesh_stop_agents (self);
    if (self->agent)
        /* A submitter that could not say goodbye is found lost: no harm.    */
        (void)covey_agent_shutdown (self->agent, "the demo is over", 2000);
    covey_agent_destroy (&self->agent);
    covey_demo_mesh_stop_nodes (self);
}

static covey_err_t
s_read_events (covey_demo_t *self)
{
    covey_store_t *store = NULL;
    char *text = NULL;
    covey_filter_t filter = {.group_by = "type"};
    covey_err_t rc = covey_store_open (self->mesh.nodes[0].data, &store);
    if (!rc)
        rc = covey_store_stats (store, &filter, &text);
    if (rc)
        rc = covey_fail (&self->err, rc, "%s", covey_error ());
    covey_store_destroy (&store);
    if (text)
        self->events = json_loads (text, 0, NULL);
    covey_free (text);
    return rc;
}

/* ------------------------------------------------------------------------ */

static int
s_remove_one (const char *path, const struct stat *st, int flag,
              struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    (void)remove (path); /* what stays is in a temporary folder              */
    return 0;
}

static int
s_fail (covey_demo_t *self, covey_err_t rc)
{
    int exit_code =
        rc == COVEY_TIMEOUT ? COVEY_EXIT_TIMEOUT : COVEY_EXIT_FAILED;
    if (self->vote && json_is_false (json_object_get (self->vote, "consensus")))
        exit_code = COVEY_EXIT_NOCONSENSUS;
    s_clear_line (self);
    return covey_cli_fail (self->cli, exit_code, "%s (the data is kept in %s)",
                           self->err.text, self->dir);
}

static int
s_run_in_dir (covey_demo_t *self)
{
    s_catch_signals (self);
    covey_err_t rc = s_work (self);
    self->elapsed_ms = covey_clock_mono_ms () - self->started_ms;
    covey_errbuf_t why = self->err; /* not what goes wrong while it stops    */
    self->deadline_ms = INT64_MAX;
    s_stop (self);
    if (rc)
        self->err = why;
    else
        rc = s_read_events (self);
    if (!rc)
        rc = covey_demo_check (self);
    if (rc)
        return s_fail (self, rc);
    s_clear_line (self);
    if (self->cli->json)
        covey_demo_report_json (self);
    else
        covey_demo_report (self);
    if (self->clean)
        (void)nftw (self->dir, s_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return COVEY_EXIT_OK;
}

static int
s_run (covey_cli_t *cli)
{
    char binary[PATH_MAX] = "";
    ssize_t size = readlink ("/proc/self/exe", binary, sizeof binary - 1);
    covey_demo_t *self = calloc (1, sizeof *self);
    if (!self)
        abort ();
    self->cli = cli;
    self->binary = size > 0 ? binary : "covey";
    self->signals = -1;
    self->clean =
        covey_cli_flag (cli, "clean") || !covey_cli_flag (cli, "keep");
    self->is_terminal = isatty (STDERR_FILENO) == 1;
    self->started_ms = covey_clock_mono_ms ();
    self->deadline_ms = self->started_ms + covey_cli_int (cli, "timeout");
    self->mesh.node_count = (size_t)covey_cli_int (cli, "nodes");
    self->mesh.agent_count = (size_t)covey_cli_int (cli, "agents");
    int exit_code = s_scan (self);
    if (!exit_code)
        exit_code = s_make_dir (self);
    if (!exit_code)
        exit_code = s_run_in_dir (self);
    json_decref (self->vote);
    json_decref (self->events);
    covey_demo_tasks_deinit (self);
    covey_demo_mesh_deinit (self);
    covey_demo_files_deinit (&self->files);
    if (self->signals >= 0)
        close (self->signals);
    free (self);
    return exit_code;
}

static const covey_opt_t s_options[] = {
    {.flag = "nodes",
     .kind = COVEY_OPT_INT,
     .def = "3",
     .min = 1,
     .max = COVEY_DEMO_NODES_MAX,
     .value = "N",
     .doc = "node processes to start; one of them is killed if there are two"},
    {.flag = "agents",
     .kind = COVEY_OPT_INT,
     .def = "6",
     .min = 1,
     .max = COVEY_DEMO_AGENTS_MAX,
     .value = "N",
     .doc = "worker agents, spread over the nodes"},
    {.flag = "input",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = 4096,
     .value = "DIR",
     .doc = "folder whose files are counted; default: Covey's source tree when "
            "inside of it, else the current folder"},
    {.flag = "clean",
     .kind = COVEY_OPT_FLAG,
     .doc = "remove the data folder at the end when all went well"},
    {.flag = "keep",
     .kind = COVEY_OPT_FLAG,
     .def = "true",
     .doc = "keep the data folder, to look further; --no-keep is --clean"},
    {.flag = "timeout",
     .kind = COVEY_OPT_MS,
     .def = "120s",
     .min = 1000,
     .max = 3600000,
     .value = "MS",
     .doc = "for the whole demo"},
    {.flag = NULL}};

const covey_cli_command_t covey_cmd_demo = {
    .name = "demo",
    .args = "",
    .summary = "a local mesh of real processes doing real work",
    .text =
        "Starts node processes on loopback and worker agents (covey agent run "
        "with plain sh, wc and sha256sum), has every file of a folder counted "
        "by one task and the counts merged by tasks that depend on those, "
        "kills one node with SIGKILL on the way, and lets the workers vote on "
        "the report after each has counted a sample again. Folders named .git "
        "and the top folder's build are passed over.\n\n"
        "Exit status 0 means: no task was lost, all sums agree, the vote "
        "accepted the report and every process ended.",
    .options = s_options,
    .run = s_run};
