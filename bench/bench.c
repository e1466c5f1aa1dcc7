#include "bench/bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
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
    exit (1);
}

void
bench_check (int rc, const char *what)
{
    if (rc)
        bench_die (what, covey_error ());
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
        fn (down[0], up[1], arg);
        exit (0);
    }
    close (down[0]);
    close (up[1]);
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
    close (child->to_child);
    close (child->from_child);
    waitpid (child->pid, NULL, 0);
}
