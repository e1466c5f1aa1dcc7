/*  claim_run - a command that runs as long as a claim is held

    Role      shell: starts it on our own standard input and output, hands on
              signals, and ends it when the claim is lost: SIGTERM at once,
              SIGKILL after half of the margin that is left then, so before the
              lease ends at the coordinator
    Ends with us  when this process is killed, the kernel kills the command
*/
#ifndef COVEY_CLAIM_RUN_H_INCLUDED
#define COVEY_CLAIM_RUN_H_INCLUDED

#include "cli/cli.h"

typedef struct {
    char **argv; /* NULL-terminated                                           */
    const covey_claim_options_t *options; /* on_lost and arg are ours         */
} covey_claim_run_t;

/*  Acquire, run, release. The command's exit code, 128 and more after a signal;
    COVEY_EXIT_FAILED when the claim was lost, told why.                      */
int covey_claim_run (covey_cli_t *cli, const covey_claim_run_t *run);

#endif
