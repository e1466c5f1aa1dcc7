#include "bench/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "covey.h"

int64_t
bench_now_ns (void)
{
    struct timespec ts;
    clock_gettime (CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void
bench_print (const char *name, double value, const char *unit)
{
    printf ("%s %.*f %s\n", name, value < 100 ? 2 : 0, value, unit);
    fflush (stdout);
}

static int
s_compare (const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void
bench_print_percentiles (const char *name, int64_t *samples_ns, size_t count)
{
    char line[100];
    qsort (samples_ns, count, sizeof *samples_ns, s_compare);
    snprintf (line, sizeof line, "%s.p50", name);
    bench_print (line, (double)samples_ns[count / 2] / 1000, "us");
    snprintf (line, sizeof line, "%s.p99", name);
    bench_print (line, (double)samples_ns[count * 99 / 100] / 1000, "us");
}

long
bench_env (const char *name, long otherwise)
{
    const char *text = getenv (name);
    return text ? strtol (text, NULL, 10) : otherwise;
}

noreturn void
bench_die (const char *what, const char *why)
{
    fprintf (stderr, "bench: %s: %s\n", what, why);
    _exit (1); /* threads may be at work: no handlers of exit */
}

void
bench_check (int rc, const char *what)
{
    if (rc)
        bench_die (what, covey_error ());
}

/*  This process's ends of the pipes. A later child must not keep them open, or
    the end of a pipe would never be seen.                                    */
#define PIPES_MAX 512
static int s_ends[PIPES_MAX];

static void
s_note_end (int fd)
{
    for (size_t i = 0; i < PIPES_MAX; i++)
        if (s_ends[i] == 0) {
            s_ends[i] = fd;
            return;
        }
    bench_die ("fork", "too many children");
}

static void
s_close_end (int fd)
{
    for (size_t i = 0; i < PIPES_MAX; i++)
        if (s_ends[i] == fd)
            s_ends[i] = 0;
    close (fd);
}

bench_child_t
bench_fork (bench_child_fn *fn, void *arg)
{
    int down[2], up[2];
    if (pipe (down) || pipe (up))
        bench_die ("pipe", "failed");
    fflush (stdout);
    pid_t pid = fork ();
    if (pid < 0)
        bench_die ("fork", "failed");
    if (pid == 0) {
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        close (down[1]);
        close (up[0]);
        for (size_t i = 0; i < PIPES_MAX; i++)
            if (s_ends[i])
                close (s_ends[i]);
        fn (down[0], up[1], arg);
        exit (0);
    }
    close (down[0]);
    close (up[1]);
    s_note_end (down[1]);
    s_note_end (up[0]);
    return (bench_child_t){pid, down[1], up[0]};
}

void
bench_write_line (int fd, const char *line)
{
    char text[512];
    int size = snprintf (text, sizeof text, "%s\n", line);
    if (write (fd, text, (size_t)size) != size)
        bench_die ("pipe", "the other process is gone");
}

void
bench_read_line (int fd, char *line, size_t size)
{
    size_t used = 0;
    while (used + 1 < size) {
        if (read (fd, line + used, 1) != 1)
            bench_die ("pipe", "the other process is gone");
        if (line[used] == '\n')
            break;
        used++;
    }
    line[used] = '\0';
}

void
bench_join (bench_child_t *child)
{
    s_close_end (child->to_child);
    s_close_end (child->from_child);
    waitpid (child->pid, NULL, 0);
}

double
bench_cpu_us (int pid)
{
    clockid_t clock;
    struct timespec ts;
    if (clock_getcpuclockid (pid, &clock) || clock_gettime (clock, &ts))
        bench_die ("cpu time", "the process is gone");
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

void
bench_meter_add (bench_meter_t *self, int pid)
{
    if (self->count == (int)(sizeof self->pids / sizeof *self->pids))
        bench_die ("meter", "too many processes");
    self->pids[self->count++] = pid;
}

static double
s_meter_cpu (const bench_meter_t *self)
{
    double sum = bench_cpu_us (getpid ());
    for (int i = 0; i < self->count; i++)
        sum += bench_cpu_us (self->pids[i]);
    return sum;
}

void
bench_meter_start (bench_meter_t *self)
{
    self->cpu_us = s_meter_cpu (self);
    self->start_ns = bench_now_ns ();
}

void
bench_meter_print (bench_meter_t *self, const char *name, double events,
                   const char *unit)
{
    double seconds = (double)(bench_now_ns () - self->start_ns) / 1e9;
    double cpu = s_meter_cpu (self) - self->cpu_us;
    char line[100];
    bench_print (name, events / seconds, unit);
    snprintf (line, sizeof line, "%s.cpu", name);
    bench_print (line, cpu / events, "us");
}

double
bench_rss_kb (int pid)
{
    char path[64], line[256];
    snprintf (path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen (path, "r");
    long kb = 0;
    while (file && fgets (line, sizeof line, file))
        if (sscanf (line, "VmRSS: %ld", &kb) == 1)
            break;
    if (file)
        fclose (file);
    return (double)kb;
}

void
bench_pin (int on)
{
    cpu_set_t set;
    CPU_ZERO (&set);
    for (size_t i = 0; i < (on ? 1 : CPU_SETSIZE); i++)
        CPU_SET (i, &set);
    if (sched_setaffinity (0, sizeof set, &set))
        bench_die ("sched_setaffinity", strerror (errno));
}

static struct sockaddr_in
s_loopback (int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons ((uint16_t)port)};
    to.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    return to;
}

int
bench_free_port (void)
{
    struct sockaddr_in to = s_loopback (0);
    socklen_t size = sizeof to;
    int fd = socket (AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind (fd, (struct sockaddr *)&to, size) ||
        getsockname (fd, (struct sockaddr *)&to, &size))
        bench_die ("port", strerror (errno));
    close (fd);
    return ntohs (to.sin_port);
}

static int
s_listens (int port)
{
    struct sockaddr_in to = s_loopback (port);
    int fd = socket (AF_INET, SOCK_STREAM, 0);
    int ok = fd >= 0 && connect (fd, (struct sockaddr *)&to, sizeof to) == 0;
    close (fd);
    return ok;
}

int
bench_server_start (const char *const *argv, int port, int *pid_p)
{
    fflush (stdout);
    pid_t pid = fork ();
    if (pid < 0)
        bench_die ("fork", "failed");
    if (pid == 0) {
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        if (!freopen ("/dev/null", "w", stdout) ||
            !freopen ("/dev/null", "w", stderr))
            _exit (127);
        execvp (argv[0], (char *const *)(uintptr_t)argv);
        _exit (127);
    }
    for (int tries = 0; tries < 5000; tries++) {
        if (waitpid (pid, NULL, WNOHANG) == pid)
            return 0;
        if (s_listens (port)) {
            *pid_p = pid;
            return 1;
        }
        usleep (2000);
    }
    bench_die (argv[0], "does not listen after 10 s");
}

void
bench_server_stop (int pid)
{
    kill (pid, SIGTERM);
    waitpid (pid, NULL, 0);
}
