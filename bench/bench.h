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

/*  CPU time of a process so far, of all its threads, user and system.       */
double bench_cpu_us (int pid);
/*  Time, and CPU of this process and of some others, per event.             */
typedef struct {
    int pids[16];
    int count;
    double cpu_us;
    int64_t start_ns;
} bench_meter_t;
void bench_meter_start (bench_meter_t *self);
void bench_meter_add (bench_meter_t *self, int pid); /* before start          */
/*  "NAME rate UNIT/s" and "NAME.cpu us", per each of `events`.              */
void bench_meter_print (bench_meter_t *self, const char *name, double events,
                        const char *unit);
/*  What of a process is in memory.                                          */
double bench_rss_kb (int pid);
/*  This process and its children to come run on one core only; 0 lifts it.  */
void bench_pin (int on);
/*  A TCP port of loopback that was free a moment ago.                       */
int bench_free_port (void);
/*  Start a server, wait until it listens on `port`; it dies with us. False:
    it is not installed.                                                      */
int bench_server_start (const char *const *argv, int port, int *pid_p);
void bench_server_stop (int pid);

#endif
