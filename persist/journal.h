/*  journal - every event of the mesh in one SQLite file

    Role      shell: the only file that knows SQLite here (journal*.c). WAL,
              synchronous FULL, one writer; readers open their own connection
    Order     the offset is the order of commit, from 1, without gaps
    Once      the event id is unique: a duplicate gets the offset it had
    Loss      per origin the sequence must continue: a batch that leaves a gap
              is refused and says from where it is expected again
*/
#ifndef COVEY_JOURNAL_H_INCLUDED
#define COVEY_JOURNAL_H_INCLUDED

#include "base/buf.h"
#include "base/err.h"
#include "proto/peek.h"
#include "proto/store.pb-c.h"

typedef struct covey_journal covey_journal_t;

typedef enum {
    COVEY_JOURNAL_WRITE, /* create when absent, migrate, recover            */
    COVEY_JOURNAL_READ,  /* also beside a running writer                    */
    COVEY_JOURNAL_MEMORY /* nothing on disk                                 */
} covey_journal_mode_t;

/*  `path` of the file (ignored for MEMORY). NOTFOUND, IO, CORRUPT, BUSY with
    the path, why, and what to do.                                            */
covey_err_t covey_journal_open (const char *path, covey_journal_mode_t mode,
                                covey_journal_t **journal_p,
                                covey_errbuf_t *err);
void covey_journal_close (covey_journal_t **self_p);

/*  One transaction: begin, append…, commit. STATE and MALFORMED leave the batch
    as it was; any other error ends it: nothing of it counts, and the next begin
    reopens the file and re-reads what it has.
    append: packed event with origin; `*offset_p` is its offset, also for a
    duplicate (`*duplicate_p`), -1 for one that was seen but is not kept.
    STATE: `seq` leaves a gap, `*expect_p` is the one that is missing.
    MALFORMED: the event has no id.                                           */
covey_err_t covey_journal_begin (covey_journal_t *self, covey_errbuf_t *err);
covey_err_t covey_journal_append (covey_journal_t *self,
                                  const covey_peek_t *event,
                                  const uint8_t origin[16], uint64_t seq,
                                  int64_t now_us, int64_t *offset_p,
                                  bool *duplicate_p, uint64_t *expect_p,
                                  covey_errbuf_t *err);
/*  An event that is not to be kept (persist_types): only its sequence counts.
 */
covey_err_t covey_journal_skip (covey_journal_t *self, const uint8_t origin[16],
                                uint64_t seq, uint64_t *expect_p,
                                covey_errbuf_t *err);
/*  Inside a batch: go on after a gap that its origin cannot fill any more;
    the next sequence of `origin` is `seq`.                                   */
covey_err_t covey_journal_resume (covey_journal_t *self,
                                  const uint8_t origin[16], uint64_t seq,
                                  covey_errbuf_t *err);
covey_err_t covey_journal_commit (covey_journal_t *self, covey_errbuf_t *err);
void covey_journal_rollback (covey_journal_t *self);

int64_t covey_journal_last_offset (const covey_journal_t *self);
uint64_t covey_journal_last_seq (const covey_journal_t *self,
                                 const uint8_t origin[16]);
uint64_t covey_journal_bytes (covey_journal_t *self);
uint64_t covey_journal_count (covey_journal_t *self);

/*  Rows in order; `*page` is filled (next_offset, more, scanned_offset) and
    `row` is called per row; it returns false to end early. A page ends at the
    limit, at bytes_max (but has one row at least) or when it took long; `more`
    then says that there may be more, from next_offset on. INVALID: a filter
    that cannot match, with its value.                                        */
typedef bool (covey_journal_row_fn) (void *arg,
                                     const Covey__Store__EventRow *row);
covey_err_t covey_journal_query (covey_journal_t *self,
                                 const Covey__Store__EventQuery *query,
                                 size_t bytes_max, covey_journal_row_fn *row,
                                 void *arg, Covey__Store__EventPage *page,
                                 covey_errbuf_t *err);
/*  Results are the caller's: protobuf_c_message_free_unpacked.              */
covey_err_t covey_journal_stats (covey_journal_t *self,
                                 const Covey__Store__StatsQuery *query,
                                 Covey__Store__StatsResult **result_p,
                                 covey_errbuf_t *err);
covey_err_t covey_journal_aggregates (covey_journal_t *self,
                                      const Covey__Store__StatsQuery *query,
                                      Covey__Store__AggregatesResult **result_p,
                                      covey_errbuf_t *err);
covey_err_t covey_journal_mark (covey_journal_t *self, const uint8_t id[16],
                                covey_errbuf_t *err);
/*  Delete at most `limit` rows with timestamp < older_than_us and offset <=
    up_to, in order; `*count_p` says how many. Callers repeat, so that writers
    are not stalled.                                                          */
covey_err_t covey_journal_delete (covey_journal_t *self, int64_t older_than_us,
                                  int64_t up_to, size_t limit, size_t *count_p,
                                  covey_errbuf_t *err);

/*  Queries and statistics that run past `deadline_ms` (covey_clock_mono_ms)
    end with TIMEOUT; 0: never. interrupt ends the running one (CANCELED), from
    any thread, and those to come.                                            */
void covey_journal_set_deadline (covey_journal_t *self, int64_t deadline_ms);
void covey_journal_interrupt (covey_journal_t *self);

#endif
