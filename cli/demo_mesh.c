/*  The demo's processes: `covey up` and `covey agent run`, as a user would
    start them, each in a process group of its own                            */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/demo.h"

#define ARGS_MAX 32
#define READY_FD 3
#define READY_MAX 4096
#define START_MS 20000
#define STOP_MS 10000

/*  Between fork and exec only what a signal handler might do, too.          */
static void
s_become (char *const *argv, char *const *envp, int log_fd, int ready_fd,
          pid_t parent)
{
    sigset_t none;
    int null_fd = open ("/dev/null", O_RDONLY);
    sigemptyset (&none);
    sigprocmask (SIG_SETMASK, &none, NULL);
    signal (SIGPIPE, SIG_DFL);
    setpgid (0, 0);
    /* Who starts the demo and kills it hard shall not find its mesh alive.  */
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (getppid () != parent || null_fd < 0 || dup2 (null_fd, 0) < 0 ||
        dup2 (log_fd, 1) < 0 || dup2 (log_fd, 2) < 0)
        _exit (127);
    if (ready_fd == READY_FD)
        fcntl (ready_fd, F_SETFD, 0);
    else if (ready_fd >= 0 && dup2 (ready_fd, READY_FD) < 0)
        _exit (127);
    execve ("/proc/self/exe", argv, envp);
    _exit (127);
}

static covey_err_t
s_start (covey_demo_t *self, covey_demo_process_t *process,
         const char *const args[ARGS_MAX], int ready_fd)
{
    char *argv[ARGS_MAX], log[sizeof self->dir + 64];
    for (size_t i = 0; i < ARGS_MAX; i++)
        argv[i] = covey_str_dup (args[i]);
    snprintf (log, sizeof log, "%s/%s.log", self->dir, process->name);
    int log_fd = open (log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    pid_t parent = getpid ();
    pid_t pid = log_fd < 0 ? -1 : fork ();
    if (pid == 0)
        s_become (argv, self->mesh.env, log_fd, ready_fd, parent);
    int code = errno;
    if (log_fd >= 0)
        close (log_fd);
    for (size_t i = 0; i < ARGS_MAX; i++)
        free (argv[i]);
    if (pid < 0)
        return covey_fail (&self->err, COVEY_IO, "%s: cannot be started: %s",
                           process->name, strerror (code));
    process->pid = pid;
    return COVEY_OK;
}

/*  What users have set for their own mesh must not leak into this one.      */
static void
s_make_env (covey_demo_t *self)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    self->mesh.env = calloc (count + 3, sizeof *self->mesh.env);
    if (!self->mesh.env)
        abort ();
    for (size_t i = 0; i < count; i++)
        if (strncmp (environ[i], "COVEY_", 6) != 0)
            self->mesh.env[kept++] = covey_str_dup (environ[i]);
    const char *const own[][2] = {{"COVEY_DEMO_DIR", self->dir},
                                  {"COVEY_DEMO_BIN", self->binary}};
    for (size_t i = 0; i < 2; i++) {
        covey_buf_t entry;
        covey_buf_init (&entry, 8192);
        covey_buf_printf (&entry, "%s=%s", own[i][0], own[i][1]);
        self->mesh.env[kept++] = covey_buf_steal (&entry);
        covey_buf_deinit (&entry);
    }
}

/* ------------------------------------------------------------------------ */
/*  Nodes                                                                     */

static covey_err_t
s_start_node (covey_demo_t *self, size_t index)
{
    covey_demo_process_t *node = &self->mesh.nodes[index];
    int ready[2];
    snprintf (node->name, sizeof node->name, "node-%zu", index + 1);
    snprintf (node->data, sizeof node->data, "%s/node-%zu", self->dir,
              index + 1);
    if (pipe2 (ready, O_CLOEXEC | O_NONBLOCK) != 0)
        return covey_fail (&self->err, COVEY_IO, "%s: no pipe: %s", node->name,
                           strerror (errno));
    const char *const args[ARGS_MAX] = {"covey",
                                        "up",
                                        "--name",
                                        node->name,
                                        "--mesh",
                                        "covey-demo",
                                        "--config",
                                        "/dev/null",
                                        "--listen",
                                        "127.0.0.1:0",
                                        "--data",
                                        node->data,
                                        "--ready-fd",
                                        "3",
                                        "--heartbeat",
                                        "250",
                                        "--probe-interval",
                                        "500",
                                        "--probe-timeout",
                                        "250",
                                        index ? "--join" : NULL,
                                        index ? self->mesh.nodes[0].endpoint
                                              : NULL};
    covey_err_t rc = s_start (self, node, args, ready[1]);
    close (ready[1]);
    node->ready_fd = ready[0];
    return rc;
}

/*  The line is "ready HOST:PORT SESSION".                                   */
static covey_err_t
s_read_ready (covey_demo_t *self, covey_demo_process_t *node)
{
    char line[READY_MAX];
    size_t size = 0;
    int64_t until_ms = covey_clock_mono_ms () + START_MS;
    while (size < sizeof line && !memchr (line, '\n', size)) {
        ssize_t n = read (node->ready_fd, line + size, sizeof line - size);
        if (n > 0) {
            size += (size_t)n;
            continue;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR) ||
            covey_clock_mono_ms () > until_ms)
            return covey_fail (&self->err, COVEY_STATE,
                               "%s: did not start; see %s/%s.log", node->name,
                               self->dir, node->name);
        struct pollfd fds[2] = {{.fd = node->ready_fd, .events = POLLIN},
                                {.fd = self->signals, .events = POLLIN}};
        (void)poll (fds, 2, 100); /* read and step look at both              */
        covey_err_t rc = covey_demo_step (self, 0);
        if (rc)
            return rc;
    }
    close (node->ready_fd);
    node->ready_fd = -1;
    line[size - 1] = '\0'; /* the line feed                                  */
    if (sscanf (line, "ready %255s %299[^\n]", node->endpoint, node->session) !=
        2)
        return covey_fail (&self->err, COVEY_STATE,
                           "%s: its ready line is \"%.200s\"", node->name,
                           line);
    return COVEY_OK;
}

static covey_err_t
s_start_nodes (covey_demo_t *self)
{
    covey_err_t rc = s_start_node (self, 0);
    if (!rc)
        rc = s_read_ready (self, &self->mesh.nodes[0]);
    for (size_t i = 1; !rc && i < self->mesh.node_count; i++)
        rc = s_start_node (self, i);
    for (size_t i = 1; !rc && i < self->mesh.node_count; i++)
        rc = s_read_ready (self, &self->mesh.nodes[i]);
    return rc;
}

/* ------------------------------------------------------------------------ */
/*  Agents                                                                    */

static covey_err_t
s_start_agent (covey_demo_t *self, size_t index)
{
    covey_demo_process_t *agent = &self->mesh.agents[index];
    char script[sizeof self->dir + 32];
    agent->node = index % self->mesh.node_count;
    snprintf (agent->name, sizeof agent->name, "worker-%zu", index + 1);
    snprintf (script, sizeof script, "%s/worker.sh", self->dir);
    const char *const args[ARGS_MAX] = {"covey",
                                        "agent",
                                        "run",
                                        "--id",
                                        agent->name,
                                        "--type",
                                        "worker",
                                        "--cap",
                                        "count",
                                        "--cap",
                                        "merge",
                                        "--endpoint",
                                        self->mesh.nodes[agent->node].session,
                                        "--vote-command",
                                        "exec sh \"$COVEY_DEMO_DIR/vote.sh\"",
                                        "--",
                                        "sh",
                                        script};
    return s_start (self, agent, args, -1);
}

static covey_err_t
s_connect (covey_demo_t *self)
{
    self->agent = covey_agent_new ("demo", "submitter");
    covey_err_t rc =
        !self->agent
            ? COVEY_NOMEM
            : covey_agent_connect (self->agent, self->mesh.nodes[0].session,
                                   COVEY_DEMO_ASK_MS);
    return rc ? covey_fail (&self->err, rc, "the submitting agent: %s",
                            covey_error ())
              : COVEY_OK;
}

/*  Ask the registry until all workers are in it.                            */
static covey_err_t
s_wait_agents (covey_demo_t *self)
{
    int64_t until_ms = covey_clock_mono_ms () + START_MS;
    for (;;) {
        char *text = NULL;
        covey_err_t rc =
            covey_agent_request (self->agent, "coordinator", "mesh.registry",
                                 NULL, COVEY_DEMO_ASK_MS, &text);
        if (rc)
            return covey_fail (&self->err, rc, "mesh.registry: %s",
                               covey_error ());
        json_t *list = json_loads (text, 0, NULL);
        json_t *agents = json_object_get (list, "agents"), *agent;
        size_t i, count = 0;
        json_array_foreach (agents, i, agent)
        {
            const char *type =
                json_string_value (json_object_get (agent, "type"));
            const char *state =
                json_string_value (json_object_get (agent, "state"));
            count += type && state && strcmp (type, "worker") == 0 &&
                     strcmp (state, "ready") == 0;
        }
        json_decref (list);
        covey_free (text);
        if (count >= self->mesh.agent_count)
            return COVEY_OK;
        if (covey_clock_mono_ms () > until_ms)
            return covey_fail (&self->err, COVEY_TIMEOUT,
                               "only %zu of %zu agents are ready; see "
                               "%s/worker-*.log",
                               count, self->mesh.agent_count, self->dir);
        rc = covey_demo_step (self, 20);
        if (rc)
            return rc;
    }
}

covey_err_t
covey_demo_mesh_start (covey_demo_t *self)
{
    for (size_t i = 0; i < COVEY_DEMO_NODES_MAX; i++)
        self->mesh.nodes[i].ready_fd = -1;
    s_make_env (self);
    covey_err_t rc = s_start_nodes (self);
    for (size_t i = 0; !rc && i < self->mesh.agent_count; i++)
        rc = s_start_agent (self, i);
    if (!rc)
        rc = s_connect (self);
    if (!rc)
        rc = s_wait_agents (self);
    return rc;
}

/* ------------------------------------------------------------------------ */
/*  The end                                                                   */

static covey_demo_process_t *
s_find (covey_demo_t *self, pid_t pid)
{
    for (size_t i = 0; i < self->mesh.node_count; i++)
        if (self->mesh.nodes[i].pid == pid)
            return &self->mesh.nodes[i];
    for (size_t i = 0; i < self->mesh.agent_count; i++)
        if (self->mesh.agents[i].pid == pid)
            return &self->mesh.agents[i];
    return NULL;
}

covey_err_t
covey_demo_mesh_reap (covey_demo_t *self)
{
    covey_err_t rc = COVEY_OK;
    int status = 0;
    pid_t pid;
    while ((pid = waitpid (-1, &status, WNOHANG)) > 0) {
        covey_demo_process_t *process = s_find (self, pid);
        if (!process)
            continue;
        process->pid = 0;
        if (process->expected) {
            self->unwell += status != 0 && pid != self->fault.pid;
            continue;
        }
        rc = covey_fail (
            &self->err, COVEY_STATE, "%s: ended with %s %d; see %s/%s.log",
            process->name, WIFSIGNALED (status) ? "signal" : "exit status",
            WIFSIGNALED (status) ? WTERMSIG (status) : WEXITSTATUS (status),
            self->dir, process->name);
    }
    return rc;
}

static size_t
s_running (const covey_demo_process_t *processes, size_t count)
{
    size_t running = 0;
    for (size_t i = 0; i < count; i++)
        running += processes[i].pid != 0;
    return running;
}

/*  SIGTERM to all, SIGKILL to who is still there at the deadline.           */
static void
s_stop (covey_demo_t *self, covey_demo_process_t *processes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        processes[i].expected = true;
        if (processes[i].pid)
            kill (processes[i].pid, SIGTERM);
    }
    int64_t until_ms = covey_clock_mono_ms () + STOP_MS;
    while (s_running (processes, count) && covey_clock_mono_ms () < until_ms) {
        struct pollfd fd = {.fd = self->signals, .events = POLLIN};
        (void)poll (&fd, 1, 100);
        (void)covey_demo_step (self, 0); /* why we stop is known already     */
    }
    for (size_t i = 0; i < count; i++) {
        if (!processes[i].pid)
            continue;
        self->unwell++;
        kill (-processes[i].pid, SIGKILL);
        while (waitpid (processes[i].pid, NULL, 0) < 0 && errno == EINTR)
            ;
        processes[i].pid = 0;
    }
}

void
covey_demo_mesh_stop_agents (covey_demo_t *self)
{
    s_stop (self, self->mesh.agents, self->mesh.agent_count);
}

/*  The first node stores what the others still have to say: it goes last.   */
void
covey_demo_mesh_stop_nodes (covey_demo_t *self)
{
    if (self->mesh.node_count > 1)
        s_stop (self, self->mesh.nodes + 1, self->mesh.node_count - 1);
    s_stop (self, self->mesh.nodes, self->mesh.node_count ? 1 : 0);
}

void
covey_demo_mesh_deinit (covey_demo_t *self)
{
    for (size_t i = 0; i < self->mesh.node_count; i++)
        if (self->mesh.nodes[i].ready_fd >= 0)
            close (self->mesh.nodes[i].ready_fd);
    for (char **at = self->mesh.env; at && *at; at++)
        free (*at);
    free (self->mesh.env);
    self->mesh.env = NULL;
}
