/*  errand - what one assigned task, or one vote, costs an agent run: a command
    and the reports about it

    Role      shell: runs the command (cli/child.h) and tells the coordinator;
              never blocks, its owner polls and pumps
    Threads   one: the one that dispatches the agent's events
    Reports   what must arrive (start, complete, fail, the ballot) is repeated
              until the coordinator answers; an answer that the task is another
              agent's now (FENCED), or over, ends the command
    Time      now_ms: monotonic milliseconds

    States    FREE --task--> STARTING --answer--> RUNNING --exit--> REPORTING
              FREE --vote--> RUNNING; from anywhere --drop--> DROPPED; then
              FREE again when no answer and no child is outstanding
*/
#ifndef COVEY_ERRAND_H_INCLUDED
#define COVEY_ERRAND_H_INCLUDED

#include "api/ballot_key.h"
#include "cli/child.h"

#define COVEY_ERRAND_NOTES_MAX 16 /* progress lines waiting to be reported */
#define COVEY_ERRAND_NOTE_EVERY_MS \
    50                               /* between two progress reports          */
#define COVEY_ERRAND_ASK_MS 5000     /* for the coordinator's answer          */
#define COVEY_ERRAND_AGAIN_MS 500    /* until a report is repeated            */
#define COVEY_ERRAND_REPORT_MS 60000 /* until a report is given up */
#define COVEY_ERRAND_LEASE_MS 30000  /* when the coordinator does not say  */
#define COVEY_ERRAND_REASON_MAX 1024 /* bytes of a ballot's reason */

/*  What all errands of one agent run share; borrowed by them. */
typedef struct {
    covey_agent_t *agent;
    const char *endpoint;     /* of the node, for COVEY_ENDPOINT              */
    char *const *argv;        /* the command for tasks                        */
    const char *vote_command; /* for /bin/sh -c, or NULL                      */
    const covey_ballot_key_t *ballot_key; /* NULL: ballots are not signed     */
    int stop_ms; /* from SIGTERM to SIGKILL when a task is to be paused or
                    cancelled                                                 */
    bool solo;   /* takes no part in coordination sessions                    */
} covey_errand_setup_t;

typedef enum {
    COVEY_ERRAND_FREE,
    COVEY_ERRAND_STARTING,
    COVEY_ERRAND_RUNNING,
    COVEY_ERRAND_REPORTING,
    COVEY_ERRAND_DROPPED
} covey_errand_state_t;

typedef struct {
    int percent;
    char *text;
} covey_errand_note_t;

typedef struct {
    const covey_errand_setup_t *setup;
    covey_errand_state_t state;
    covey_event_t *event; /* task:assigned or swarm:consensus:request         */
    covey_child_t *child;
    int asks; /* answers outstanding that name this errand           */

    const char *method; /* the report that must arrive, NULL: none          */
    char *params;
    const char *asked; /* the method whose answer is outstanding          */
    bool repeated; /* the report was sent before, and may have arrived        */
    int64_t again_ms, until_ms;

    covey_errand_note_t notes[COVEY_ERRAND_NOTES_MAX];
    size_t note_count;
    covey_errand_note_t last_note; /* repeated to renew the lease */
    bool noting;
    int64_t note_at_ms, renew_at_ms, lease_ms, vote_until_ms;
    bool stopping; /* asked to pause or cancel, and told its command          */
    bool has_news; /* in details: not reported yet                           */
    char *details; /* said by the command, for the next attempt               */
    char *last_line; /* of standard error, for a failure's text          */
} covey_errand_t;

void covey_errand_init (covey_errand_t *self,
                        const covey_errand_setup_t *setup);
void covey_errand_deinit (covey_errand_t *self);

/*  Begin; the errand must be free. The event is copied. */
void covey_errand_begin_task (covey_errand_t *self,
                              const covey_event_t *assigned, int64_t now_ms);
void covey_errand_begin_vote (covey_errand_t *self,
                              const covey_event_t *request, int64_t now_ms);

void covey_errand_pump (covey_errand_t *self, int64_t now_ms);
int64_t covey_errand_next_ms (const covey_errand_t *self);

/*  Forget it: the command is ended, nothing is reported.                    */
void covey_errand_drop (covey_errand_t *self, int64_t now_ms);
/*  Give a task back: the command is ended, the task fails retryable.        */
void covey_errand_hand_back (covey_errand_t *self, int64_t now_ms);

/*  Somebody wants the task paused or cancelled: report at once, so that the
    answer says so.                                                           */
void covey_errand_nudge (covey_errand_t *self, int64_t now_ms);

/*  Is it this task, or this vote?                                           */
bool covey_errand_is (const covey_errand_t *self, const char *field,
                      const char *id);

#endif
