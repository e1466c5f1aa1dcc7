/*  bench - what the benchmark programs share: clock, percentiles, output, and
    children in processes of their own

    Output    one line per figure, "name value unit", for bench/run to align
*/
#ifndef COVEY_BENCH_H_INCLUDED
#define COVEY_BENCH_H_INCLUDED

#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

/*  Nanoseconds, monotonic.                                                  */
int64_t bench_now_ns (void);
void bench_print (const char *name, double value, const char *unit);
/*  p50 and p99 of `count` samples in ns, as microseconds; sorts them.       */
void bench_print_percentiles (const char *name, int64_t *samples_ns,
                              size_t count);
/*  A number from the environment, for longer or shorter runs.               */
long bench_env (const char *name, long otherwise);
noreturn void bench_die (const char *what, const char *why);
/*  0, or the end of the process with the line that explains.                */
void bench_check (int rc, const char *what);

/*  A child process that runs `fn`, joined by two pipes; it dies with us.    */
typedef struct {
    int pid;
    int to_child, from_child;
} bench_child_t;
typedef void (bench_child_fn) (int in, int out, void *arg);
bench_child_t bench_fork (bench_child_fn *fn, void *arg);
/*  One line through a pipe, without its line feed; ends the process when the
    other side is gone.                                                       */
void bench_write_line (int fd, const char *line);
void bench_read_line (int fd, char *line, size_t size);
void bench_join (bench_child_t *child);

#endif
