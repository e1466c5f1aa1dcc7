/*  notices - what a session is told besides events, until it has heard it

    Role      pure core: numbers what was stored, what came back and what was
              lost, and keeps it until the agent acknowledged it, so that a
              connection that breaks takes nothing along
    Memory    init/deinit (embedded); frames are copies
    Limits    COVEY_NOTICES_MAX numbered ones, COVEY_NOTICES_GAPS_MAX ranges
              that may still grow; what finds no room is counted
*/
#ifndef COVEY_NOTICES_H_INCLUDED
#define COVEY_NOTICES_H_INCLUDED

#include "base/buf.h"
#include "node/fifo.h"
#include "proto/frame.h"

#define COVEY_NOTICES_MAX 65536
#define COVEY_NOTICES_GAPS_MAX 1024

/*  Either a whole frame, or that a publish was stored: several of those share
    a frame.                                                                  */
typedef struct {
    uint8_t *frame; /* NULL: stored                                           */
    size_t size;
    uint64_t publish_seq;
    covey_level_t level;
    int64_t offset;
} covey_notice_entry_t;

typedef struct {
    covey_fifo_t entries; /* covey_notice_entry_t, numbered from `first`      */
    covey_fifo_t gaps;    /* not numbered yet: neighbours become one          */
    uint64_t first;
    size_t sent;  /* of entries, on this connection                           */
    bool is_kept; /* the agent acknowledges; else what was sent is forgotten  */
    uint64_t dropped;
    uint64_t resent;
} covey_notices_t;

void covey_notices_init (covey_notices_t *self, bool is_kept);
void covey_notices_deinit (covey_notices_t *self);

void covey_notices_add_stored (covey_notices_t *self, uint64_t publish_seq,
                               covey_level_t level, int64_t offset);
void covey_notices_add_undelivered (covey_notices_t *self,
                                    const Covey__Wire__Undelivered *notice);
/*  Broadcasts [first, last] of a node's `type` are lost.                    */
void covey_notices_add_gap (covey_notices_t *self, const uint8_t node_id[16],
                            uint32_t type, uint64_t first, uint64_t last);

/*  The next one to send and its number, or NULL. Gaps get theirs now.       */
const covey_notice_entry_t *covey_notices_next (covey_notices_t *self,
                                                uint64_t *number_p);
/*  The `index`-th behind the next one, or NULL.                             */
const covey_notice_entry_t *covey_notices_peek (const covey_notices_t *self,
                                                size_t index);
/*  The next `count` ones went out.                                          */
void covey_notices_mark_sent (covey_notices_t *self, size_t count);
/*  All up to `number` have arrived. LIMIT: that many there never were.      */
covey_err_t covey_notices_ack (covey_notices_t *self, uint64_t number);
/*  Another connection: what was not acknowledged goes out again.            */
void covey_notices_rewind (covey_notices_t *self);
/*  How many are kept, and how many of them were not sent.                   */
size_t covey_notices_count (const covey_notices_t *self);
size_t covey_notices_unsent (const covey_notices_t *self);

#endif
