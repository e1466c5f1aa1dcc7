/*  session - the agent's side of a session with its node, as a pure core

    Role      pure: speaks proto/frame.h to a node over any DEALER; the shell
              (api/agent.c, the coordinator's and the persister's actors) owns
              the socket, the clock and the thread
    Flow      publish window granted by the node, receive window granted here;
              all queues bounded
    Time      now_ms: monotonic milliseconds, supplied by the caller

    States    CLOSED --open--> OPENING --Welcome--> OPEN --Ended/silence-->
              CLOSED (the shell opens again with backoff; publishes without
              receipt are sent again, the node drops those it had)
*/
#ifndef COVEY_SESSION_H_INCLUDED
#define COVEY_SESSION_H_INCLUDED

#include "base/err.h"
#include "proto/frame.h"
#include "proto/peek.h"

#define COVEY_SESSION_WINDOW 1024 /* deliveries in flight to the agent     */
#define COVEY_SESSION_QUEUE_MAX \
    65536 /* publishes waiting for the window      */
#define COVEY_SESSION_QUEUE_BYTES_MAX (64u << 20)
#define COVEY_SESSION_HELLO_MS 250 /* a hello without answer is repeated    */
#define COVEY_SESSION_SUBSCRIPTIONS_MAX 1024
#define COVEY_SESSION_ACK_MS 20 /* for a publish to take the ack along      */
#define COVEY_SESSION_SILENCE 3 /* heartbeats missed until it is closed  */

typedef enum {
    COVEY_SESSION_CLOSED,
    COVEY_SESSION_OPENING,
    COVEY_SESSION_OPEN,
    COVEY_SESSION_FINAL /* refused or superseded for good                     */
} covey_session_state_t;

/*  What the shell is told. Pointers are valid during the callback only. A
    callback may publish, flush, subscribe, unsubscribe, be done, send_frame and
    close; it may not open, receive, tick or destroy. `send` calls nothing.
    subscribed, undelivered, heard, gap, draining and service may be NULL.    */
typedef struct {
    void *arg;
    /* one frame for the node; the session does not wait for the result: a
       shell that cannot send drops it, and silence closes the session        */
    void (*send) (void *arg, const covey_buf_t *frame);
    /* subscriptions were repeated already                                    */
    void (*opened) (void *arg, const Covey__Wire__Welcome *welcome);
    /* after it the shell opens again, unless `final`: then every publish
       without verdict was `refused` with CLOSED just before                  */
    void (*closed) (void *arg, covey_err_t code, const char *text, bool final);
    /* an event for this agent; `handles` are its subscriptions that matched,
       none when it came by target or scope, 0 as the last one when it came
       both ways                                                              */
    void (*event) (void *arg, const void *data, size_t size,
                   const uint32_t *handles, size_t handle_count);
    /* verdict on publish `ticket`: refused with a code, or a level reached; a
       higher level can come before ACCEPTED, which it includes               */
    void (*refused) (void *arg, uint64_t ticket, covey_err_t code,
                     const char *text);
    void (*reached) (void *arg, uint64_t ticket, covey_level_t level,
                     int64_t offset);
    void (*subscribed) (void *arg, uint32_t handle, covey_err_t code,
                        const char *text);
    void (*undelivered) (void *arg, const Covey__Wire__Undelivered *notice);
    /* these came to that agent; ids are 16 bytes                             */
    void (*heard) (void *arg, const Covey__Wire__Heard *heard);
    void (*gap) (void *arg, const Covey__Wire__Gap *gap);
    /* the node is about to leave, in `left_ms` at the latest                 */
    void (*draining) (void *arg, uint32_t left_ms);
    /* services only: Journal, JournalAck, View and Control frames, unparsed  */
    void (*service) (void *arg, const covey_frame_t *frame);
} covey_session_callbacks_t;

typedef struct covey_session covey_session_t;

/*  `hello` is borrowed and copied; its protocol range, session_id and
    receive_window are filled in. `session_id`: 16 random bytes.              */
covey_session_t *covey_session_new (const Covey__Wire__Hello *hello,
                                    const uint8_t session_id[16],
                                    const covey_session_callbacks_t *callbacks);
void covey_session_destroy (covey_session_t **self_p);

void covey_session_open (covey_session_t *self, int64_t now_ms);
/*  Says goodbye; the shell knows, so `closed` is not called. What has no
    verdict waits for the next open.                                          */
void covey_session_close (covey_session_t *self, const char *reason);
covey_session_state_t covey_session_state (const covey_session_t *self);

/*  A frame from the node. MALFORMED frames are counted, not followed.       */
covey_err_t covey_session_receive (covey_session_t *self, const void *data,
                                   size_t size, int64_t now_ms);
uint64_t covey_session_malformed (const covey_session_t *self);
/*  Timers: hello again, ping, silence. Call at covey_session_next_ms.        */
void covey_session_tick (covey_session_t *self, int64_t now_ms);
int64_t covey_session_next_ms (const covey_session_t *self);

/*  Queue one packed event (copied). `*ticket_p` identifies it in callbacks:
    1, 2, 3 ... in order. EAGAIN: the queue is full. `level` beyond ACCEPTED
    asks for `reached` at that level too; `reached` with ACCEPTED comes for
    every publish. Frames leave with flush, which batches what waits, and when
    a receipt makes room in the window. LIMIT: larger than COVEY_EVENT_MAX;
    CLOSED: the session is FINAL.                                             */
covey_err_t covey_session_publish (covey_session_t *self, const void *event,
                                   size_t size, covey_level_t level,
                                   uint32_t wait_ms, uint64_t *ticket_p);
/*  The same with all that a publish can ask for; `group` is copied. The bytes
    are taken: `event` is empty when it is OK, and untouched otherwise.       */
typedef struct {
    covey_level_t level;
    uint32_t wait_ms;
    const Covey__Wire__Group
        *group; /* NULL: the event's own targets, or none */
    bool heard; /* `heard` is called when it came to a target                 */
} covey_session_wish_t;
covey_err_t covey_session_publish_as (covey_session_t *self, covey_buf_t *event,
                                      const covey_session_wish_t *wish,
                                      uint64_t *ticket_p);
/*  Nobody waits for the receipt of the publish queued last: the node may tell
    it with the next delivery, or some milliseconds later.                    */
void covey_session_be_patient (covey_session_t *self);
void covey_session_flush (covey_session_t *self, int64_t now_ms);
size_t covey_session_unsent (const covey_session_t *self);
size_t covey_session_unanswered (const covey_session_t *self);
/*  Is a receipt on its way that does not take its time?                      */
bool covey_session_expects_receipt (const covey_session_t *self);

/*  Active subscriptions are repeated by the session after it opens again; so
    `subscribed` can come more than once. One that the node refuses is dropped.
    `subscribe` is borrowed and copied. INVALID: handle 0; EXISTS: the handle is
    in use; LIMIT: too many, or too long.                                     */
covey_err_t covey_session_subscribe (covey_session_t *self,
                                     const Covey__Wire__Subscribe *subscribe);
void covey_session_unsubscribe (covey_session_t *self, uint32_t handle);
void covey_session_unsubscribe_all (covey_session_t *self);
void covey_session_flow (covey_session_t *self, bool paused);

/*  Within the callback `event`: how long it may still be handled; 0: for ever.
    The nodes on its way counted the time, so no clock is asked.              */
uint32_t covey_session_ttl_left (const covey_session_t *self);
/*  One delivered event is done with (handled or dropped). The ack goes out when
    half the window is used up, with the next publish, or by tick.            */
void covey_session_done (covey_session_t *self);

/*  Services: send a frame of their own (JournalAck, Control, ServiceState),
    without items or with one. Lost while the session is not open.            */
void covey_session_send_frame (covey_session_t *self, covey_frame_kind_t kind,
                               const ProtobufCMessage *header);
void covey_session_send_item (covey_session_t *self, covey_frame_kind_t kind,
                              const ProtobufCMessage *header, const void *item,
                              size_t size);

#endif
