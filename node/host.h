/*  host - the node's side of one session with an agent or a service

    Role      pure core: verdicts on what the agent publishes, deliveries
              within the window it granted, notices; the shell owns the socket
    Promise   a publish gets exactly one verdict, in order; a delivery stays
              here until the agent acknowledged it, so that a session that
              comes back within the grace time misses nothing
    Limits    events_max and bytes_max of deliveries, and a reserve of the same
              size, at least COVEY_HOST_RESERVE_*, for what other nodes sent
              before they heard that it is full; COVEY_HOST_HELD_BYTES of
              publishes that wait for room; COVEY_HOST_FRAMES_MAX other
              frames; notices: node/notices.h
    Time      now_ms: monotonic milliseconds, supplied by the caller
*/
#ifndef COVEY_HOST_H_INCLUDED
#define COVEY_HOST_H_INCLUDED

#include "base/buf.h"
#include "node/agent_state.h"
#include "node/delay.h"
#include "node/notices.h"
#include "node/parcel.h"
#include "node/workgroup.h"
#include "proto/frame.h"

#define COVEY_HOST_WINDOW 4096 /* publishes without verdict             */
#define COVEY_HOST_RESERVE_EVENTS 8192u /* a link's window */
#define COVEY_HOST_RESERVE_BYTES (2u << 20)
#define COVEY_HOST_HELD_BYTES (16u << 20)
#define COVEY_HOST_FRAMES_MAX 65536
#define COVEY_HOST_FRAME_EVENTS 1024 /* in one Deliver frame */
#define COVEY_HOST_ROUTE_MAX 256     /* bytes of a ZeroMQ routing id + 1      */

typedef struct {
    size_t events_max;
    size_t bytes_max;
} covey_host_config_t;

/*  A publish that waits for room.                                           */
typedef struct {
    covey_parcel_t *parcel; /* as the agent sent it; NULL: there was no room
                               for it, refuse it when its turn comes          */
    uint64_t seq;
    covey_level_t level;
    int64_t since_ms;
    int64_t deadline_ms;
    covey_group_t *group; /* NULL: none                                       */
    bool heard;
    covey_err_t code; /* refuse it with this                                  */
} covey_host_held_t;

typedef struct {
    uint64_t delivered;
    uint64_t expired; /* past their ttl before they went out            */
    uint64_t full;    /* deliveries that found no room                  */
    uint64_t frames_dropped; /* that are no notices                       */
    covey_delay_t delay; /* of events, until the window let them out          */
} covey_host_stats_t;

/*  How large the mesh is in which a target was not found.                   */
typedef struct {
    size_t nodes;
    size_t agents;
} covey_host_known_t;

/*  What its node knows of how it does.                                      */
typedef struct {
    covey_agent_state_t state;
    Covey__Wire__AgentState said; /* by itself                                */
    int64_t told_active_ms;       /* as others know it                        */
    bool told_silent;
} covey_host_clocks_t;

typedef struct covey_host covey_host_t;

/*  `number` names the session within this node and never comes again;
    `grace_ms` is how long the agent may be silent.                           */
covey_host_t *covey_host_new (const covey_host_config_t *config,
                              const Covey__Wire__Hello *hello, uint64_t number,
                              int64_t grace_ms);
void covey_host_destroy (covey_host_t **self_p);

uint64_t covey_host_number (const covey_host_t *self);
const char *covey_host_agent_id (const covey_host_t *self);
const uint8_t *covey_host_session_id (const covey_host_t *self);
const char *covey_host_service (const covey_host_t *self); /* "": an agent    */
bool covey_host_is_client (const covey_host_t *self);
/*  While an event is matched: note that it is for this session, and by which
    of its subscriptions. Touch is true the first time since deliver.         */
bool covey_host_touch (covey_host_t *self);
void covey_host_add_match (covey_host_t *self, uint32_t handle);
size_t covey_host_matches (const covey_host_t *self);
void covey_host_untouch (covey_host_t *self);

/*  Where the agent is reached: a socket of the node and a routing id. Attach
    starts deliveries again after the last one acknowledged.                  */
void covey_host_attach (covey_host_t *self, const uint8_t *route,
                        size_t route_size, uint32_t window, int64_t now_ms);
void covey_host_detach (covey_host_t *self);
bool covey_host_is_attached (const covey_host_t *self);
bool covey_host_is_paused (const covey_host_t *self);
const uint8_t *covey_host_route (const covey_host_t *self, size_t *size_p);
void covey_host_heard (covey_host_t *self, int64_t now_ms);
int64_t covey_host_heard_ms (const covey_host_t *self);
int64_t covey_host_grace_ms (const covey_host_t *self);

/*  A session begins with publish `seq`, unless it began before: an agent whose
    last session was given up goes on with its numbers.                       */
void covey_host_begin (covey_host_t *self, uint64_t seq);
/*  A publish arrived. OK: judge it; EXISTS: it was here before; STATE: one
    before it is missing. One that comes before begin begins.                 */
covey_err_t covey_host_offer (covey_host_t *self, uint64_t seq);
/*  The verdict on the next one; `known` may be NULL.                        */
void covey_host_accept (covey_host_t *self, uint64_t seq);
void covey_host_refuse (covey_host_t *self, uint64_t seq, covey_err_t code,
                        const char *text, const covey_host_known_t *known);
/*  The publishes of one frame, whose sender does not wait for the receipt: it
    leaves with the next deliveries, or after hurry.                          */
void covey_host_begin_frame (covey_host_t *self, bool patient);
void covey_host_hurry (covey_host_t *self);
void covey_host_stored (covey_host_t *self, uint64_t seq, covey_level_t level,
                        int64_t offset);
/*  The last one that has its verdict; and the refusals that the agent may not
    have seen, for a welcome. They point into the host.                       */
uint64_t covey_host_verdict_seq (const covey_host_t *self);
size_t covey_host_refusals (const covey_host_t *self, Covey__Wire__Refusal *to,
                            size_t max);
/*  Keep one for later (parcel and group are held; no parcel: only its turn is).
    EAGAIN: too many bytes wait already. LIMIT: the agent ignores its window. */
covey_err_t covey_host_hold (covey_host_t *self,
                             const covey_host_held_t *publish);
/*  The first that waits, or NULL; and drop it.                              */
const covey_host_held_t *covey_host_held (const covey_host_t *self);
void covey_host_unhold (covey_host_t *self);

/*  Is there room for an event of `size` bytes? Whoever can wait asks first.  */
bool covey_host_has_room (const covey_host_t *self, size_t size);
/*  Queue a delivery with the matches noted so far, which are forgotten. It may
    use the reserve for what was on its way already. EAGAIN: full.            */
covey_err_t covey_host_deliver (covey_host_t *self, covey_parcel_t *parcel);
/*  What is to be reported of the one that was just queued.                  */
void covey_host_track (covey_host_t *self, uint8_t track);
/*  Did the queue pass its upper mark, or come down to its lower one, since the
    last call? Is it stopped, so that other nodes should send no more?        */
bool covey_host_turned (covey_host_t *self);
bool covey_host_is_stopped (const covey_host_t *self);
/*  What the agent is told, kept until it acknowledged that: an event of its
    did not arrive; one broadcast found no room here, told as a range.        */
void covey_host_undelivered (covey_host_t *self,
                             const Covey__Wire__Undelivered *notice);
void covey_host_gap (covey_host_t *self, const uint8_t node_id[16],
                     uint32_t type, uint64_t first, uint64_t last);
/*  Any other frame.                                                         */
void covey_host_notice (covey_host_t *self, covey_frame_kind_t kind,
                        const ProtobufCMessage *header);
/*  LIMIT: acknowledges what was never sent.                                 */
covey_err_t covey_host_ack (covey_host_t *self, uint64_t seq);
covey_err_t covey_host_ack_notices (covey_host_t *self, uint64_t number);
/*  Deliveries up to this number came to the agent. LIMIT: as ack.           */
covey_err_t covey_host_arrive (covey_host_t *self, uint64_t seq);
/*  What ack and arrive have to say of tracked deliveries, in order; the caller
    drops the parcel. False: nothing more.                                    */
typedef struct {
    covey_parcel_t *parcel;
    covey_track_t what;
} covey_host_report_t;
bool covey_host_next_report (covey_host_t *self, covey_host_report_t *report);
void covey_host_flow (covey_host_t *self, bool paused);
size_t covey_host_queued (const covey_host_t *self);
/*  Signs of an agent that does something.                                   */
void covey_host_signs (const covey_host_t *self, covey_agent_signs_t *signs);
covey_host_clocks_t *covey_host_clocks (covey_host_t *self);

/*  Send what there is. `send`: OK, EAGAIN (later) or UNREACHABLE (nobody has
    that routing id any more: the session is then detached). True: something
    is left that the socket did not take.                                     */
typedef covey_err_t (covey_host_send_fn) (void *arg, covey_host_t *host,
                                          const covey_buf_t *frame);
bool covey_host_flush (covey_host_t *self, covey_buf_t *scratch,
                       covey_host_send_fn *send, void *arg, int64_t now_ms);

/*  Before it is destroyed: everything that was not acknowledged.            */
typedef void (covey_host_parcel_fn) (void *arg, covey_parcel_t *parcel);
void covey_host_return (covey_host_t *self, covey_host_parcel_fn *fn,
                        void *arg);

const covey_host_stats_t *covey_host_stats (const covey_host_t *self);
const covey_notices_t *covey_host_notices (const covey_host_t *self);

#endif
