/*  session_queue - the events a session holds until the node's verdict

    Role      pure; a ring of events, addressed by ticket
    Limits    COVEY_SESSION_QUEUE_MAX events, COVEY_SESSION_QUEUE_BYTES_MAX
              bytes, in flight and waiting together
*/
#ifndef COVEY_SESSION_QUEUE_H_INCLUDED
#define COVEY_SESSION_QUEUE_H_INCLUDED

#include "proto/session.h"

typedef struct {
    uint8_t *bytes; /* the event, then its group                              */
    uint32_t size;
    uint32_t wait_ms;
    bool patient; /* nobody waits for its receipt                             */
    covey_level_t level;
    bool has_group; /* an empty one means any agent                           */
    uint32_t group_size;
    bool heard;
    size_t refusal; /* scratch of a receipt: index + 1 of its refusal         */
} covey_session_entry_t;

typedef struct {
    covey_session_entry_t *ring;
    size_t capacity; /* 0 or a power of two                                   */
    size_t bytes;
    uint64_t first; /* oldest ticket without verdict                          */
    uint64_t next;  /* ticket of the next push                                */
} covey_session_queue_t;

void covey_session_queue_init (covey_session_queue_t *self);
void covey_session_queue_deinit (covey_session_queue_t *self);

/*  Takes the event's bytes, so that `event` is empty when it is OK, and copies
    the group. EAGAIN when the queue is full.                                 */
covey_err_t covey_session_queue_push (covey_session_queue_t *self,
                                      covey_buf_t *event,
                                      const covey_session_wish_t *wish);
/*  first <= ticket < next; valid until the next push or pop.                */
covey_session_entry_t *
covey_session_queue_at (const covey_session_queue_t *self, uint64_t ticket);
/*  Forget the oldest.                                                       */
void covey_session_queue_pop (covey_session_queue_t *self);

#endif
