/*  postbox - facts and answers on their way to the node

    Role      pure: hands packed events to a session, remembers those without a
              verdict, tries again what was refused for want of room, and knows
              up to which log entry all facts are with the node
    Order     facts in the order of the log; those that were refused come again
              in their place. Answers have a line of their own, which goes first
              and does not wait for facts: the node has no room for a fact when
              nobody stores it, but for answers it does
    Pace      after a refusal one fact at a time is tried, and twice as many
              after each that is taken
    Stuck     COVEY_POSTBOX_BACKLOG facts wait, and none was taken for
              COVEY_POSTBOX_STUCK_MS: the caller refuses what would make more
    Heard     of questions to a swarm the node reports whom they came to
    Split     a fact for several agents is refused when one of them is not
              there; it then goes to each of them alone
    Memory    owns the packed bytes until the verdict
    Limits    the caller stops making facts while has_backlog, and taking
              questions while has_answers
*/
#ifndef COVEY_POSTBOX_H_INCLUDED
#define COVEY_POSTBOX_H_INCLUDED

#include "base/buf.h"
#include "coordinator/tree.h"
#include "proto/session.h"

/*  How long the node may hold one for room: what is behind it waits as long. */
#define COVEY_POSTBOX_WAIT_MS 500
#define COVEY_POSTBOX_RETRY_MS 50
#define COVEY_POSTBOX_STUCK_MS 1000
#define COVEY_POSTBOX_BACKLOG 1024

typedef struct covey_postbox_entry covey_postbox_entry_t;

typedef struct {
    covey_postbox_entry_t *first;
    covey_postbox_entry_t *last;
    size_t count;
} covey_postbox_line_t;

typedef struct {
    covey_postbox_line_t answers; /* not with the session                     */
    covey_tree_t unsent;          /* facts that are not, by log index         */
    covey_postbox_line_t flying;  /* without verdict                          */
    covey_tree_t facts;           /* without verdict or unsent, by log index  */
    size_t flying_facts;
    size_t pace; /* so many of them may be                                    */
    int64_t answers_hold_ms; /* nothing is handed over before that            */
    int64_t facts_hold_ms;
    int64_t blocked_ms; /* since when facts are refused; 0: they are not      */
    covey_errbuf_t why; /* they are                                           */
    uint64_t made;
    uint64_t lost; /* refused for good                                        */
} covey_postbox_t;

void covey_postbox_init (covey_postbox_t *self);
void covey_postbox_deinit (covey_postbox_t *self);

/*  A fact of log entry `index`; 0: an answer. LIMIT, INVALID: the event breaks
    the contract, `err` says where; nothing is queued.                        */
covey_err_t covey_postbox_put (covey_postbox_t *self,
                               const covey_event_t *event, uint64_t index,
                               covey_errbuf_t *err);
/*  Hand over what the session takes.                                        */
void covey_postbox_pump (covey_postbox_t *self, covey_session_t *session,
                         int64_t now_ms);
/*  The verdict on a ticket; OK: the node has it. True: it was refused for
    good, `text` should be logged.                                            */
bool covey_postbox_verdict (covey_postbox_t *self, uint64_t ticket,
                            covey_err_t code, const char *text, int64_t now_ms);
/*  A packed fact, which passed here before.                                 */
void covey_postbox_put_packed (covey_postbox_t *self, const void *event,
                               size_t size, uint64_t index);
/*  Another one tells the facts from now on: those that wait are dropped.    */
void covey_postbox_drop_facts (covey_postbox_t *self);
/*  The session is gone for good: everything waits for the next one.         */
void covey_postbox_recall (covey_postbox_t *self);

bool covey_postbox_has_backlog (const covey_postbox_t *self);
bool covey_postbox_has_answers (const covey_postbox_t *self);
/*  `why` has what the node said.                                            */
bool covey_postbox_is_stuck (const covey_postbox_t *self, int64_t now_ms);
/*  When pump has something to hand over again; INT64_MAX: what waits, waits for
    the session.                                                              */
int64_t covey_postbox_next_ms (const covey_postbox_t *self);
bool covey_postbox_is_empty (const covey_postbox_t *self);
/*  All facts of entries up to this one are with the node; `applied` is the
    last entry that made facts.                                               */
uint64_t covey_postbox_announced (const covey_postbox_t *self,
                                  uint64_t applied);

#endif
