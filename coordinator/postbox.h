/*  postbox - facts and answers on their way to the node

    Role      pure: hands packed events to a session, remembers those without a
              verdict, tries again what was refused for want of room, and knows
              up to which log entry all facts are with the node
    Order     first in, first out; a refused one goes to the front again
    Split     a fact for several agents is refused when one of them is not
              there; it then goes to each of them alone
    Memory    owns the packed bytes until the verdict
    Limits    the caller stops making facts while has_backlog
*/
#ifndef COVEY_POSTBOX_H_INCLUDED
#define COVEY_POSTBOX_H_INCLUDED

#include "base/buf.h"
#include "coordinator/tree.h"
#include "proto/session.h"

#define COVEY_POSTBOX_WAIT_MS \
    5000 /* how long the node may hold one for room   */
#define COVEY_POSTBOX_RETRY_MS 50
#define COVEY_POSTBOX_BACKLOG 1024

typedef struct covey_postbox_entry covey_postbox_entry_t;

typedef struct {
    covey_postbox_entry_t *waiting; /* not with the session */
    covey_postbox_entry_t *waiting_last;
    size_t waiting_count;
    covey_postbox_entry_t *flying; /* without verdict, by ticket */
    covey_postbox_entry_t *flying_last;
    covey_tree_t facts; /* all of both, by log index                          */
    int64_t hold_ms;    /* nothing is handed over before that                 */
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
                            covey_err_t code, int64_t now_ms);
/*  A packed fact, which passed here before.                                 */
void covey_postbox_put_packed (covey_postbox_t *self, const void *event,
                               size_t size, uint64_t index);
/*  Another one tells the facts from now on: those that wait are dropped.    */
void covey_postbox_drop_facts (covey_postbox_t *self);
/*  The session is gone for good: everything waits for the next one.         */
void covey_postbox_recall (covey_postbox_t *self);

bool covey_postbox_has_backlog (const covey_postbox_t *self);
bool covey_postbox_is_empty (const covey_postbox_t *self);
/*  All facts of entries up to this one are with the node; `applied` is the
    last entry that made facts.                                               */
uint64_t covey_postbox_announced (const covey_postbox_t *self,
                                  uint64_t applied);

#endif
