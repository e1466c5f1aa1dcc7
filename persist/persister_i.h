/*  persister_i - the persister's thread, for its three files

    persister_actor.c     thread, socket, session, loop
    persister_store.c     Journal frames in, batches, acknowledgements out
    persister_requests.c  what agents ask: queries, marks, deletions, status
*/
#ifndef COVEY_PERSISTER_I_H_INCLUDED
#define COVEY_PERSISTER_I_H_INCLUDED

#include "persist/acks.h"
#include "persist/batcher.h"
#include "persist/expunge.h"
#include "persist/follow.h"
#include "persist/persister_actor.h"
#include "persist/reader_actor.h"
#include "proto/session.h"

#define COVEY_I_RETRY_MS 1000 /* after the disk failed                   */
#define COVEY_I_RETENTION_MS 3600000
#define COVEY_I_GAPS_MAX 64     /* origins whose gap is remembered         */
#define COVEY_I_EXPUNGES_MAX 16 /* deletions that wait                     */
/*  Without a data folder the oldest events make room for new ones.          */
#define COVEY_I_MEMORY_MAX (256u << 20)

/*  An origin that was told to send again from `expect`.                     */
typedef struct {
    uint8_t origin[16];
    uint64_t expect;
    uint64_t first; /* the smallest it sent since                             */
} covey_i_gap_t;

/*  A deletion that was asked for; `request` is NULL for the retention.      */
typedef struct {
    covey_event_t *request;
    int64_t older_than_us;
    bool archive;
} covey_i_expunge_t;

typedef struct {
    covey_persister_config_t config; /* texts are the owner's                 */
    covey_log_t *log;
    covey_journal_t *journal;
    void *dealer; /* sockets, as ZeroMQ knows them: to the node               */
    void *pipe;   /* of the actor                                             */
    covey_session_t *session;
    bool told_open; /* the thread that started us knows                       */
    bool is_final;
    int64_t now_ms;
    int64_t open_ms; /* when to open the session again                        */
    uint64_t epoch;  /* of the role; 0: not designated                        */
    bool stands_by;  /* another one was designated                            */
    int64_t until_ms; /* from then on it is not known who is in charge        */

    /* persister_store.c */
    covey_batcher_t batcher;
    covey_acks_t acks;
    bool in_batch;
    bool has_failed; /* the last attempt to store                             */
    covey_err_t fail_code;
    covey_errbuf_t fail;
    int64_t retry_ms;
    covey_i_gap_t gaps[COVEY_I_GAPS_MAX];
    size_t gap_count;
    uint64_t commits, duplicates, gaps_passed, malformed;

    /* persister_requests.c */
    covey_reader_actor_t *reader; /* NULL: in memory, jobs run here           */
    covey_job_t **jobs;           /* that wait to run here                    */
    size_t job_count, job_capacity;
    covey_job_t **held; /* that wait for events                               */
    size_t held_count, held_capacity;
    covey_follow_t *follow;
    uint64_t last_token;
    covey_expunge_t *expunge; /* that runs, for expunges[0]                   */
    covey_i_expunge_t expunges[COVEY_I_EXPUNGES_MAX];
    size_t expunge_count;
    int64_t retention_ms; /* next look                                        */
    uint64_t unanswered;
} covey_i_persister_t;

/*  A Journal frame of the node.                                             */
void covey_i_persister_on_journal (covey_i_persister_t *self,
                                   const covey_frame_t *frame);
/*  Commit when due; `more` says that frames wait. Probe a failed disk.      */
void covey_i_persister_store_tick (covey_i_persister_t *self, bool more);
int64_t covey_i_persister_store_next_ms (const covey_i_persister_t *self);

/*  An event for "persister".                                                */
void covey_i_persister_on_event (covey_i_persister_t *self, const void *data,
                                 size_t size);
/*  Finished and held queries, one step of a deletion; outside a batch.      */
void covey_i_persister_requests_tick (covey_i_persister_t *self);
int64_t covey_i_persister_requests_next_ms (const covey_i_persister_t *self);
void covey_i_persister_requests_deinit (covey_i_persister_t *self);

#endif
