/*  save - the state as bytes, and back: snapshots and digests

    Role      pure. Records of proto/snapshot.proto, each behind its length,
              between a head and an end that knows their number and sum. The
              same state gives the same bytes on every replica
    Reading   every length is looked at before it is used. CORRUPT: damaged,
              or not ours. VERSION: a newer version wrote something that is not
              known here; nothing is read over, because who does not know it
              would decide otherwise
    A part    more of the state is saved in four steps: a message and a case of
              Record in proto/snapshot.proto (numbers stay); save_NAME.c with
              covey_state_save_NAME (each thing as a record, in the order of
              its tree) and covey_state_load_NAME (one record into the state
              and its indexes; what it names must be there already, else
              CORRUPT); a line in the table of save.c behind what it refers to;
              operations in tests/support/support_random_ops.c, which shows if
              something was forgotten. Digests follow by themselves: they are
              the sum of these records. Enumerations are saved as numbers: new
              members go to their end
*/
#ifndef COVEY_SAVE_H_INCLUDED
#define COVEY_SAVE_H_INCLUDED

#include "coordinator/state.h"
#include "coordinator/task.h"
#include "proto/snapshot.pb-c.h"

/*  LIMIT: `to` is full.                                                     */
covey_err_t covey_state_save (const covey_state_t *self, covey_buf_t *to);
/*  `limits` as for covey_state_new. Untouched `*state_p` on errors.         */
covey_err_t covey_state_load (const void *data, size_t size,
                              const covey_state_limits_t *limits,
                              covey_state_t **state_p, covey_errbuf_t *err);

/* ---- for save*.c ------------------------------------------------------------
 */

typedef struct {
    covey_buf_t *to; /* NULL: only the sum is wanted                          */
    covey_buf_t scratch;
    uint64_t records;
    uint64_t sum; /* over the records' bytes, eight at a time                 */
} covey_saver_t;

void covey_saver_init (covey_saver_t *self, covey_buf_t *to);
void covey_saver_deinit (covey_saver_t *self);
void covey_saver_put (covey_saver_t *self,
                      const Covey__Snapshot__Record *record);
/*  The last record.                                                         */
void covey_saver_end (covey_saver_t *self);

typedef void (covey_save_fn) (const covey_state_t *self, covey_saver_t *to);
typedef covey_err_t (covey_load_fn) (covey_state_t *self,
                                     const Covey__Snapshot__Record *record,
                                     covey_errbuf_t *err);

covey_save_fn covey_state_save_limits, covey_state_save_clients,
    covey_state_save_workers, covey_state_save_tasks, covey_state_save_swarms,
    covey_state_save_votes, covey_state_save_memory, covey_state_save_claims,
    covey_state_save_roles, covey_state_save_coordinations;
covey_load_fn covey_state_load_limits, covey_state_load_client,
    covey_state_load_worker, covey_state_load_task, covey_state_load_swarm,
    covey_state_load_vote, covey_state_load_memory, covey_state_load_claim,
    covey_state_load_role, covey_state_load_coordination;
covey_save_fn covey_state_save_shares, covey_state_save_schedules;
covey_load_fn covey_state_load_share, covey_state_load_schedule;
covey_save_fn covey_state_save_ballot_keys;
covey_load_fn covey_state_load_ballot_key;

/*  An instant that can be added to without overflow.                        */
bool covey_save_is_time (int64_t time_us);
/*  Fill a record of an armed timer, or NULL; and the other way: false when it
    cannot be one.                                                            */
Covey__Snapshot__Timer *covey_save_timer (const covey_timer_t *timer,
                                          Covey__Snapshot__Timer *to);
bool covey_load_timer (covey_timers_t *timers, covey_timer_t *timer,
                       const Covey__Snapshot__Timer *from);
/*  NULL when the blob is not set.                                           */
Covey__Snapshot__Blob *covey_save_blob (const covey_blob_t *blob,
                                        Covey__Snapshot__Blob *to);
void covey_load_blob (covey_blob_t *blob, const Covey__Snapshot__Blob *from);

#endif
