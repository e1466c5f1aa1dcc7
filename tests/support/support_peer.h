/*  support_peer - a node made by hand, for what no real one would do: other
    versions, holes in its broadcasts, silence, floods. It lives in the test's
    own thread; pump moves it.
*/
#ifndef SUPPORT_PEER_H_INCLUDED
#define SUPPORT_PEER_H_INCLUDED

#include "base/id.h"
#include "node/node_actor.h"
#include "proto/frame.h"

typedef struct support_peer support_peer_t;

struct support_peer {
    void *router; /* what it listens on                                       */
    void *pub;
    void *dealer; /* to the node                                              */
    covey_id_t id;
    uint64_t epoch;
    const char *mesh; /* "test"                                               */
    const char *name; /* "byhand"                                             */
    uint32_t protocol_min, protocol_max;
    char endpoint[64], pub_endpoint[64];
    bool mute; /* answers no probes: it will count as failed                 */
    bool unsure; /* confirms no subscriptions                                 */
    bool hoard; /* takes and acknowledges nothing of the stream               */
    /* what it saw                                                            */
    size_t seen[256]; /* frames by kind                                       */
    size_t rounds;    /* of subscriptions that it was to confirm              */
    uint64_t node_epoch;
    uint64_t received; /* items of the node's stream, in order                */
    size_t items[256]; /* of them, by kind                                    */
    int32_t refused_code;
    char refused_text[256];
    uint64_t next_item; /* of its own stream                                  */
    uint64_t casts;     /* its broadcasts                                     */
};

/*  It listens; nobody knows of it yet.                                      */
support_peer_t *support_peer_new (const covey_node_actor_t *node);
void support_peer_destroy (support_peer_t **self_p);

/*  A hello to the node, which asks for one.                                 */
void support_peer_hello (support_peer_t *self);
/*  Any frame, `body` as its one item unless NULL.                           */
void support_peer_send (support_peer_t *self, covey_frame_kind_t kind,
                        const ProtobufCMessage *header, const void *body,
                        size_t size);
/*  One item of its reliable stream.                                         */
void support_peer_item (support_peer_t *self, uint8_t kind,
                        const ProtobufCMessage *body);
/*  Broadcast `data` (a packed event of `type`) under number `seq`.          */
void support_peer_cast (support_peer_t *self, int type, uint64_t seq,
                        const void *data, size_t size);
/*  Read what there is, answer probes and acknowledge; at most `wait_ms` for
    something to come.                                                        */
void support_peer_pump (support_peer_t *self, int wait_ms);
#define support_peer_until(peer, condition)                                   \
    do {                                                                      \
        int64_t support_end_ = support_node_now_ms () + SUPPORT_NODE_WAIT_MS; \
        while (!(condition)) {                                                \
            if (support_node_now_ms () > support_end_)                        \
                fail_msg ("%s: not within %d ms", #condition,                 \
                          SUPPORT_NODE_WAIT_MS);                              \
            support_peer_pump (peer, 5);                                      \
        }                                                                     \
    } while (0)

#endif
