/*  child - one running command: its process group, its three pipes, its end

    Role      shell: starts a program without a shell of its own, feeds its
              standard input, collects its standard output, hands on its
              standard error line by line; never blocks
    Threads   one owner, which polls covey_child_pollfds and calls pump; it
              keeps SIGCHLD blocked and wakes up for it (signalfd)
    Memory    new gives it to the caller; destroy kills what still runs
    Limits    output: spec.output_max bytes, more ends the command; a line of
              standard error: COVEY_CHILD_LINE_MAX bytes, longer ones are split
    Time      now_ms: monotonic milliseconds

    The end   over = the program has ended and its pipes are closed. Who keeps
              a pipe open after the program's end (a forgotten background
              process of its group) is killed after COVEY_CHILD_GRACE_MS.
*/
#ifndef COVEY_CHILD_H_INCLUDED
#define COVEY_CHILD_H_INCLUDED

#include <poll.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

#define COVEY_CHILD_LINE_MAX 4096
#define COVEY_CHILD_GRACE_MS 1000
#define COVEY_CHILD_TERM_MS 2000 /* from SIGTERM to SIGKILL */

typedef struct {
    char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH       */
    char *const *envp; /* NULL-terminated                                     */
    const void *input; /* standard input, copied; then end of file            */
    size_t input_size;
    size_t output_max;
    /*  One line of standard error, without its line feed, valid UTF-8 (what is
        not becomes '?'); valid for the call.                                 */
    void (*line) (void *arg, const char *text);
    void *arg;
} covey_child_spec_t;

typedef struct covey_child covey_child_t;

/*  NOTFOUND, DENIED, IO: the program cannot be started, and why.            */
covey_err_t covey_child_new (const covey_child_spec_t *spec,
                             covey_child_t **child_p, covey_errbuf_t *err);
void covey_child_destroy (covey_child_t **self_p);

/*  Fill at most three entries with what to wait for; how many.              */
size_t covey_child_pollfds (const covey_child_t *self, struct pollfd fds[3]);
/*  Move bytes as far as they go now, notice the end, signal what is due.    */
void covey_child_pump (covey_child_t *self, int64_t now_ms);
/*  When to pump again at the latest; INT64_MAX: only when a descriptor or
    SIGCHLD says so.                                                          */
int64_t covey_child_next_ms (const covey_child_t *self);

/*  SIGTERM to the process group now, SIGKILL after COVEY_CHILD_TERM_MS.     */
void covey_child_stop (covey_child_t *self, int64_t now_ms);
/*  The same with another time; the shortest that was asked for counts.      */
void covey_child_stop_within (covey_child_t *self, int64_t now_ms,
                              int grace_ms);

bool covey_child_is_over (const covey_child_t *self);
/*  Once over: as waitpid reported it.                                       */
int covey_child_status (const covey_child_t *self);
/*  It wrote more than output_max and was ended for it.                      */
bool covey_child_is_overflow (const covey_child_t *self);
const covey_buf_t *covey_child_output (const covey_child_t *self);

/*  Full path of `name` as execvp would find it, or NULL; the caller frees.  */
char *covey_child_which (const char *name);

#endif
