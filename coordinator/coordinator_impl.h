/*  coordinator_impl - inside the coordinator's shell: coordinator_*.c only

    One thread owns all of it. Requests and what the node says of agents become
    items; a batch of items is staged in the log, committed once, and then
    applied one by one.                                                       */
#ifndef COVEY_COORDINATOR_IMPL_H_INCLUDED
#define COVEY_COORDINATOR_IMPL_H_INCLUDED

#include "coordinator/coordinator_actor.h"
#include "coordinator/method.h"
#include "coordinator/postbox.h"
#include "coordinator/sololog.h"
#include "coordinator/state.h"

#define COVEY_COORDINATOR_BATCH 256
#define COVEY_COORDINATOR_BATCH_BYTES (8u << 20)
#define COVEY_COORDINATOR_REOPEN_MS 1000
#define COVEY_COORDINATOR_ANNOUNCE_MS 1000
#define COVEY_COORDINATOR_HELD_MAX 10000
#define COVEY_COORDINATOR_HELD_BYTES_MAX (16u << 20)

typedef struct {
    covey_event_t *request; /* NULL: our own command                          */
    const covey_method_t *method;
    ProtobufCMessage *params; /* owned                                        */
    Covey__Control__Command command;
    uint64_t index; /* in the log; 0: a question                              */
    covey_err_t code; /* refused before it got there                          */
    covey_errbuf_t err;
} covey_coordinator_item_t;

typedef struct {
    covey_id_t node_id;
    char *node_name;
    char *endpoint;
    char *log_path; /* NULL: in memory                                        */
    covey_log_t *log;

    covey_sololog_t *replog; /* NULL: broken, reopened at reopen_ms */
    covey_state_t *state;
    int64_t reopen_ms;
    covey_session_t *session;
    covey_postbox_t postbox;
    covey_effects_t effects;

    covey_event_t *inbox[COVEY_SESSION_WINDOW]; /* a ring                     */
    size_t inbox_first;
    size_t inbox_count;
    covey_coordinator_item_t *batch; /* [COVEY_COORDINATOR_BATCH]             */
    size_t batch_count;
    size_t batch_bytes;

    covey_frame_t *held; /* views that came while the log was broken          */
    size_t held_count;
    size_t held_capacity;
    size_t held_bytes;
    bool held_too_many;
    char **seen; /* agents of a full view that has not ended yet              */
    size_t seen_count;
    size_t seen_capacity;
    bool view_is_full;

    int64_t log_time_us; /* last stamp                                        */
    int64_t log_time_mono_ms;
    int64_t now_ms; /* of this wake-up, monotonic                             */
    int64_t now_us; /* wall                                                   */
    int64_t announce_ms; /* when the announced index is written at the latest */
} covey_coordinator_t;

/*  coordinator_log.c: the log's life, batches, time.
    recover: open, replay, tell again what was not announced.                 */
covey_err_t covey_coordinator_recover (covey_coordinator_t *self,
                                       covey_errbuf_t *err);
/*  Stage a command that nobody asked for.                                   */
void covey_coordinator_stage (covey_coordinator_t *self,
                              const Covey__Control__Command *command);
/*  Stage a request, or line up a question; `request` and `params` are taken. */
void covey_coordinator_request (covey_coordinator_t *self,
                                covey_event_t *request,
                                const covey_method_t *method,
                                ProtobufCMessage *params);
/*  Commit what is staged and carry it out.                                  */
void covey_coordinator_flush (covey_coordinator_t *self);
/*  Timers: due work, a broken log, the announced index.                     */
void covey_coordinator_tick (covey_coordinator_t *self);
int64_t covey_coordinator_next_ms (const covey_coordinator_t *self);

/*  coordinator_requests.c */
void covey_coordinator_on_event (covey_coordinator_t *self, const void *data,
                                 size_t size);
/*  Take requests from the inbox as long as there is room.                   */
void covey_coordinator_serve (covey_coordinator_t *self);
void covey_coordinator_answer (covey_coordinator_t *self,
                               covey_coordinator_item_t *item);
void covey_coordinator_refuse (covey_coordinator_t *self,
                               const covey_event_t *request, covey_err_t code,
                               const char *text);

/*  coordinator_view.c */
void covey_coordinator_on_view (covey_coordinator_t *self,
                                const covey_frame_t *frame);
/*  What was said while the log was broken.                                  */
void covey_coordinator_follow_held (covey_coordinator_t *self);

void covey_coordinator_init (covey_coordinator_t *self,
                             const covey_coordinator_config_t *config);
void covey_coordinator_deinit (covey_coordinator_t *self);

#endif
