#include "cli/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"

#define READ_SIZE 65536
#define READS_MAX                                               \
    16 /* per pump and pipe, so that one child starves no other \
        */

struct covey_child {
    pid_t pid;
    int in, out, err; /* our ends of the pipes, -1 when closed                */
    uint8_t *input;
    size_t input_size, input_sent;
    covey_buf_t output;
    covey_buf_t line;
    void (*on_line) (void *arg, const char *text);
    void *arg;
    int64_t kill_at_ms; /* SIGKILL is due; INT64_MAX: it is not               */
    bool ended;         /* the program, not yet its pipes                     */
    bool over, overflow;
    int status;
};

static void
s_close (int *fd)
{
    if (*fd >= 0)
        close (*fd);
    *fd = -1;
}

static covey_err_t
s_spawn_failed (int code, const char *name, covey_errbuf_t *err)
{
    covey_err_t result = code == ENOENT   ? COVEY_NOTFOUND
                         : code == EACCES ? COVEY_DENIED
                                          : COVEY_IO;
    return covey_fail (err, result, "cannot start \"%s\": %s", name,
                       strerror (code));
}

/*  posix_spawn with the three pipes in place of stdin, stdout and stderr, a
    process group of its own and the signal state of a fresh login.           */
static int
s_spawn (const covey_child_spec_t *spec, int in, int out, int err, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;

    sigemptyset (&none);
    sigfillset (&all);
    posix_spawn_file_actions_init (&actions);
    posix_spawn_file_actions_adddup2 (&actions, in, 0);
    posix_spawn_file_actions_adddup2 (&actions, out, 1);
    posix_spawn_file_actions_adddup2 (&actions, err, 2);
    posix_spawnattr_init (&attr);
    posix_spawnattr_setpgroup (&attr, 0);
    posix_spawnattr_setsigmask (&attr, &none);
    posix_spawnattr_setsigdefault (&attr, &all);
    posix_spawnattr_setflags (&attr, POSIX_SPAWN_SETPGROUP |
                                         POSIX_SPAWN_SETSIGMASK |
                                         POSIX_SPAWN_SETSIGDEF);
    int code = posix_spawnp (pid, spec->argv[0], &actions, &attr, spec->argv,
                             spec->envp);
    posix_spawnattr_destroy (&attr);
    posix_spawn_file_actions_destroy (&actions);
    return code;
}

/*  A pipe whose ends are closed in other children, `mine` never blocks, and
    neither end is one of 0, 1, 2, which dup2 would overwrite.                */
static int
s_pipe (int fds[2], int mine)
{
    if (pipe2 (fds, O_CLOEXEC) != 0)
        return errno;
    for (int i = 0; i < 2; i++) {
        if (fds[i] > 2)
            continue;
        int higher = fcntl (fds[i], F_DUPFD_CLOEXEC, 3);
        if (higher < 0)
            return errno;
        close (fds[i]);
        fds[i] = higher;
    }
    if (fcntl (fds[mine], F_SETFL, O_NONBLOCK) != 0)
        return errno;
    return 0;
}

covey_err_t
covey_child_new (const covey_child_spec_t *spec, covey_child_t **child_p,
                 covey_errbuf_t *err)
{
    assert (spec && spec->argv && spec->argv[0] && spec->envp);
    int in[2] = {-1, -1}, out[2] = {-1, -1}, errors[2] = {-1, -1};
    pid_t pid = 0;

    int code = s_pipe (in, 1);
    if (!code)
        code = s_pipe (out, 0);
    if (!code)
        code = s_pipe (errors, 0);
    if (!code)
        code = s_spawn (spec, in[0], out[1], errors[1], &pid);
    s_close (&in[0]);
    s_close (&out[1]);
    s_close (&errors[1]);
    if (code) {
        s_close (&in[1]);
        s_close (&out[0]);
        s_close (&errors[0]);
        return s_spawn_failed (code, spec->argv[0], err);
    }
    covey_child_t *self = calloc (1, sizeof *self);
    if (!self || !(self->input = malloc (spec->input_size + 1)))
        abort ();
    self->pid = pid;
    self->in = in[1];
    self->out = out[0];
    self->err = errors[0];
    if (spec->input_size)
        memcpy (self->input, spec->input, spec->input_size);
    self->input_size = spec->input_size;
    self->on_line = spec->line;
    self->arg = spec->arg;
    self->kill_at_ms = INT64_MAX;
    covey_buf_init (&self->output, spec->output_max);
    covey_buf_init (&self->line, COVEY_CHILD_LINE_MAX);
    *child_p = self;
    return COVEY_OK;
}

void
covey_child_destroy (covey_child_t **self_p)
{
    covey_child_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    if (!self->over) {
        kill (-self->pid, SIGKILL);
        while (waitpid (self->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    s_close (&self->in);
    s_close (&self->out);
    s_close (&self->err);
    covey_buf_deinit (&self->output);
    covey_buf_deinit (&self->line);
    free (self->input);
    free (self);
}

size_t
covey_child_pollfds (const covey_child_t *self, struct pollfd fds[3])
{
    size_t count = 0;
    if (self->in >= 0)
        fds[count++] = (struct pollfd){.fd = self->in, .events = POLLOUT};
    if (self->out >= 0)
        fds[count++] = (struct pollfd){.fd = self->out, .events = POLLIN};
    if (self->err >= 0)
        fds[count++] = (struct pollfd){.fd = self->err, .events = POLLIN};
    return count;
}

/* ------------------------------------------------------------------------ */
/*  The pipes                                                                 */

static void
s_feed (covey_child_t *self)
{
    while (self->in >= 0 && self->input_sent < self->input_size) {
        ssize_t n = write (self->in, self->input + self->input_sent,
                           self->input_size - self->input_sent);
        if (n > 0)
            self->input_sent += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            return;
        else if (n < 0 && errno != EINTR)
            s_close (&self->in); /* it does not read: its right             */
    }
    s_close (&self->in);
}

static void
s_emit_line (covey_child_t *self)
{
    covey_buf_t *line = &self->line;
    while (line->size && line->data[line->size - 1] == '\r')
        line->size--;
    if (!covey_str_is_utf8 (line->data, line->size))
        for (size_t i = 0; i < line->size; i++)
            if (line->data[i] >= 0x80 || line->data[i] == 0)
                line->data[i] = '?';
    line->data[line->size] = 0; /* a buffer keeps one spare byte            */
    if (self->on_line)
        self->on_line (self->arg, (const char *)line->data);
    covey_buf_clear (line);
}

static void
s_split (covey_child_t *self, const uint8_t *data, size_t size)
{
    while (size) {
        const uint8_t *feed = memchr (data, '\n', size);
        size_t part = feed ? (size_t)(feed - data) : size;
        size_t room = COVEY_CHILD_LINE_MAX - self->line.size;
        bool split = part > room;
        if (split)
            part = room;
        if (covey_buf_append (&self->line, data, part) != COVEY_OK)
            abort ();
        size_t used = feed && !split ? part + 1 : part;
        data += used;
        size -= used;
        if (split || feed)
            s_emit_line (self);
    }
}

static void
s_take_output (covey_child_t *self, const uint8_t *data, size_t size)
{
    if (self->overflow)
        return;
    if (covey_buf_append (&self->output, data, size) == COVEY_OK)
        return;
    self->overflow = true;
    kill (-self->pid, SIGKILL);
}

/*  Read what is there; close at the end of file.                            */
static void
s_drain (covey_child_t *self, int *fd,
         void (*take) (covey_child_t *self, const uint8_t *data, size_t size))
{
    uint8_t data[READ_SIZE];
    for (int i = 0; *fd >= 0 && i < READS_MAX; i++) {
        ssize_t n = read (*fd, data, sizeof data);
        if (n > 0)
            take (self, data, (size_t)n);
        else if (n < 0 && errno == EAGAIN)
            return;
        else if (n == 0 || errno != EINTR)
            s_close (fd);
    }
}

void
covey_child_pump (covey_child_t *self, int64_t now_ms)
{
    if (self->over)
        return;
    s_feed (self);
    s_drain (self, &self->out, s_take_output);
    bool had_errors = self->err >= 0;
    s_drain (self, &self->err, s_split);
    if (had_errors && self->err < 0 && self->line.size)
        s_emit_line (self);

    /* WNOWAIT keeps the pid, and so the group's number, ours until the end. */
    siginfo_t info = {.si_pid = 0};
    if (!self->ended &&
        waitid (P_PID, (id_t)self->pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
            0 &&
        info.si_pid == self->pid) {
        self->ended = true;
        s_close (&self->in);
        if (self->kill_at_ms > now_ms + COVEY_CHILD_GRACE_MS)
            self->kill_at_ms = now_ms + COVEY_CHILD_GRACE_MS;
    }
    if (now_ms >= self->kill_at_ms) {
        kill (-self->pid, SIGKILL);
        self->kill_at_ms = INT64_MAX;
        if (self->ended) { /* who left the group may keep the pipes, not us  */
            s_close (&self->out);
            s_close (&self->err);
        }
    }
    if (self->ended && self->out < 0 && self->err < 0) {
        while (waitpid (self->pid, &self->status, 0) < 0 && errno == EINTR)
            ;
        self->over = true;
        self->kill_at_ms = INT64_MAX;
    }
}

int64_t
covey_child_next_ms (const covey_child_t *self)
{
    return self->kill_at_ms;
}

void
covey_child_stop (covey_child_t *self, int64_t now_ms)
{
    covey_child_stop_within (self, now_ms, COVEY_CHILD_TERM_MS);
}

void
covey_child_stop_within (covey_child_t *self, int64_t now_ms, int grace_ms)
{
    if (self->over)
        return;
    if (self->kill_at_ms == INT64_MAX)
        kill (-self->pid, SIGTERM);
    if (now_ms + grace_ms < self->kill_at_ms)
        self->kill_at_ms = now_ms + grace_ms;
}

bool
covey_child_is_over (const covey_child_t *self)
{
    return self->over;
}

int
covey_child_status (const covey_child_t *self)
{
    return self->status;
}

bool
covey_child_is_overflow (const covey_child_t *self)
{
    return self->overflow;
}

const covey_buf_t *
covey_child_output (const covey_child_t *self)
{
    return &self->output;
}

/* ------------------------------------------------------------------------ */

static bool
s_is_program (const char *path)
{
    struct stat st;
    return stat (path, &st) == 0 && S_ISREG (st.st_mode) &&
           access (path, X_OK) == 0;
}

char *
covey_child_which (const char *name)
{
    if (!*name)
        return NULL;
    if (strchr (name, '/'))
        return s_is_program (name) ? covey_str_dup (name) : NULL;
    const char *at = getenv ("PATH");
    if (!at)
        at = "/usr/local/bin:/usr/bin:/bin";
    for (;;) {
        size_t size = strcspn (at, ":");
        covey_buf_t path;
        covey_buf_init (&path, PATH_MAX);
        covey_buf_printf (&path, "%.*s/%s", size ? (int)size : 1,
                          size ? at : ".", name);
        char *text = covey_buf_steal (&path);
        covey_buf_deinit (&path);
        if (text && s_is_program (text))
            return text;
        free (text);
        if (!at[size])
            return NULL;
        at += size + 1;
    }
}
