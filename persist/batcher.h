/*  batcher - when a group of events is committed

    Role      pure core: counts what is in the batch and says when it is due
    Why       one commit costs one fsync, for one event as for a thousand. While
              a commit runs, events wait in the socket and form the next batch
              by themselves; the time limit matters only when they never stop
              coming
    Time      now_ms: monotonic milliseconds, supplied by the caller
*/
#ifndef COVEY_BATCHER_H_INCLUDED
#define COVEY_BATCHER_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COVEY_BATCHER_ROWS_MAX 100000
#define COVEY_BATCHER_BYTES_MAX (8u << 20)

typedef struct {
    size_t rows_max;
    int64_t wait_ms;
    size_t rows, bytes; /* in the batch                                       */
    int64_t first_ms;   /* when its first event came                          */
} covey_batcher_t;

/*  Commit at rows_max (at least 1), or wait_ms (at least 0) after the first. */
void covey_batcher_init (covey_batcher_t *self, size_t rows_max,
                         int64_t wait_ms);
/*  An event of `size` bytes was put into the batch.                         */
void covey_batcher_add (covey_batcher_t *self, size_t size, int64_t now_ms);
/*  Nothing more fits: commit before the next one.                           */
bool covey_batcher_is_full (const covey_batcher_t *self);
/*  Commit now? `more` says that other events wait already.                  */
bool covey_batcher_is_due (const covey_batcher_t *self, bool more,
                           int64_t now_ms);
/*  When it gets due by time; INT64_MAX while it is empty.                   */
int64_t covey_batcher_next_ms (const covey_batcher_t *self);
/*  The batch was committed, or is lost.                                     */
void covey_batcher_clear (covey_batcher_t *self);

#endif
