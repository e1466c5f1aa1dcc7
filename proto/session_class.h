/*  session_class - the inside of proto/session.h, for its three files

    session.c          the states, and what the shell calls
    session_send.c     frames to the node
    session_receive.c  frames from the node
*/
#ifndef COVEY_SESSION_CLASS_H_INCLUDED
#define COVEY_SESSION_CLASS_H_INCLUDED

#include "proto/session.h"
#include "proto/session_queue.h"

typedef struct {
    uint32_t handle;
    covey_buf_t frame; /* SUBSCRIBE, ready to send                            */
} covey_session_sub_t;

struct covey_session {
    covey_session_callbacks_t callbacks;
    covey_session_state_t state;
    covey_buf_t hello; /* the frame                                           */
    covey_buf_t out;   /* any other frame, while it is sent                   */

    int64_t now_ms;   /* the last time we were told                           */
    int64_t hello_ms; /* the last HELLO                                       */
    int64_t ping_ms;  /* the last PING                                        */
    int64_t heard_ms; /* the last frame from the node                         */
    int64_t receipt_ms; /* the last receipt, while publishes are in flight    */
    int64_t heartbeat_ms;
    uint64_t ping_token;

    covey_session_queue_t queue;
    uint64_t sent;      /* last ticket sent since the session opened          */
    uint64_t sent_ever; /* last ticket ever sent                              */
    uint64_t urged;     /* last one sent whose receipt is waited for          */
    uint32_t publish_window;
    uint64_t instance; /* of the session at the node, as it said last         */

    uint64_t delivered; /* last delivery that arrived                         */
    uint32_t ttl_left;  /* ms, of the event that is being handed over         */
    uint64_t done;      /* last delivery that the shell is done with          */
    uint64_t acked;     /* last delivery acknowledged to the node             */
    int64_t ack_ms;     /* the ack leaves by then; 0: nothing to say          */
    uint64_t noticed;   /* last notice that arrived                           */
    uint64_t notice_acked; /* last notice acknowledged to the node            */
    uint64_t stale;        /* deliveries before the node lost the session, which
                              the shell still works on                           */

    covey_session_sub_t *subscriptions;
    size_t subscription_count;
    bool subscribed_ever;
    bool paused;
    uint64_t malformed;
};

/*  session_send.c: each puts one frame on the way, or as many as it says.   */
void covey_session_put (covey_session_t *self, const covey_buf_t *frame);
void covey_session_put_header (covey_session_t *self, covey_frame_kind_t kind,
                               const ProtobufCMessage *header);
void covey_session_put_item (covey_session_t *self, covey_frame_kind_t kind,
                             const ProtobufCMessage *header, const void *item,
                             size_t size);
void covey_session_put_hello (covey_session_t *self);
void covey_session_put_ping (covey_session_t *self);
void covey_session_put_ack (covey_session_t *self);
void covey_session_put_arrived (covey_session_t *self);
void covey_session_put_flow (covey_session_t *self);
void covey_session_put_unsubscribe (covey_session_t *self, uint32_t *handles,
                                    size_t count);
/*  The node forgets what is not subscribed to any more.                     */
void covey_session_put_unsubscribe_others (covey_session_t *self);
void covey_session_put_subscriptions (covey_session_t *self);
/*  All publishes that wait, as far as the window allows.                    */
void covey_session_put_waiting (covey_session_t *self);

/*  session_receive.c: MALFORMED when the frame is not followed.             */
covey_err_t covey_session_dispatch (covey_session_t *self,
                                    const covey_frame_t *frame);

/*  session.c: the session is over, for now or for good; tells the shell.    */
void covey_session_end (covey_session_t *self, covey_err_t code,
                        const char *text, bool final);
/*  The index of a subscription, or the count when there is none.            */
size_t covey_session_find (const covey_session_t *self, uint32_t handle);
void covey_session_drop (covey_session_t *self, size_t index);

#endif
