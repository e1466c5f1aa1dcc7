/*  sim_disk - a member's disk in virtual time: replog_store.h in memory, with a
    commit point

    Role      what was not committed is gone when the machine stops. A test says
              how a commit to come ends: nothing is on the disk, everything is,
              and whether the process survives that
    Threads   one owner
    Memory    the disk outlives the stores that are opened on it, one at a time
*/
#ifndef SIM_DISK_H_INCLUDED
#define SIM_DISK_H_INCLUDED

#include "coordinator/replog_store.h"

typedef struct {
    uint64_t index;
    uint64_t term;
    uint64_t hash; /* of the data, times 31, plus the kind */
    uint8_t kind;
    uint8_t *data;
    size_t size;
} sim_record_t;

/*  How a commit ends.                                                       */
typedef enum {
    SIM_DISK_FINE,
    SIM_DISK_NOTHING,   /* an error, and nothing of it is on the disk         */
    SIM_DISK_EVERYTHING /* an error, and all of it is                         */
} sim_disk_end_t;

/*  What a disk can do wrong beyond that: planted faults of tests.           */
typedef enum {
    SIM_DISK_HONEST,
    SIM_DISK_FORGETS_VOTE, /* a vote is not written                           */
    SIM_DISK_FORGETS_TERM, /* a term is not written                           */
    SIM_DISK_FORGETS_LAST  /* the last entry of a batch comes one commit late */
} sim_disk_lie_t;

typedef struct sim_disk sim_disk_t;

typedef struct {
    void *arg;
    /* A commit is about to happen: how does it end?                          */
    sim_disk_end_t (*commit) (void *arg);
    /* Something is on the disk now.                                          */
    void (*entry) (void *arg, const sim_record_t *record);
    void (*meta) (void *arg, const covey_replog_meta_t *before,
                  const covey_replog_meta_t *after);
    void (*snapshot) (void *arg, const covey_replog_snapshot_t *snapshot);
    /* A promise of replog_store.h was broken by its user.                    */
    void (*misuse) (void *arg, const char *what);
} sim_disk_watch_t;

sim_disk_t *sim_disk_new (const sim_disk_watch_t *watch);
void sim_disk_destroy (sim_disk_t **self_p);
/*  A new disk in its place.                                                 */
void sim_disk_wipe (sim_disk_t *self);
void sim_disk_set_lie (sim_disk_t *self, sim_disk_lie_t lie);
/*  A snapshot that is being written makes no progress for a while.           */
void sim_disk_hold (sim_disk_t *self, bool held);
/*  What was staged before is gone. The store before is closed.              */
covey_replog_store_t *sim_disk_open (sim_disk_t *self);

const covey_replog_meta_t *sim_disk_meta (const sim_disk_t *self);
/*  On the disk: NULL when it is not, or is within the snapshot.             */
const sim_record_t *sim_disk_find (const sim_disk_t *self, uint64_t index);
/*  The hash of the last entry of a kind, or, when there is none, what it would
    be for the members of the snapshot; 0: neither.                           */
uint64_t sim_disk_last_of (const sim_disk_t *self, uint8_t kind);
uint64_t sim_disk_last (const sim_disk_t *self);
uint64_t sim_disk_first (const sim_disk_t *self);
uint64_t sim_disk_snapshot (const sim_disk_t *self); /* its index, 0: none    */
/*  Bytes of a snapshot that is being written, and how often one was not written
    to its end.                                                               */
size_t sim_disk_prepared (const sim_disk_t *self);
size_t sim_disk_given_up (const sim_disk_t *self);

#endif
