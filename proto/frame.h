/*  frame - what travels in one ZeroMQ message part

        kind u8 | version u8 | header size u32 LE | header | item...
        item = size u32 LE | bytes

    Role      pure codec; headers are the messages of proto/wire.proto
    Memory    a parsed frame points into the bytes it was parsed from
*/
#ifndef COVEY_FRAME_H_INCLUDED
#define COVEY_FRAME_H_INCLUDED

#include <protobuf-c/protobuf-c.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/wire.pb-c.h"

#define COVEY_PROTOCOL_VERSION 1
#define COVEY_FRAME_PREFIX 6 /* bytes before the header */
/*  One frame holds at most one event of the largest size plus its share of
    other waiting events; this bounds MAXMSGSIZE of every socket.             */
#define COVEY_FRAME_MAX (COVEY_EVENT_MAX + 1048576)
/*  A sender stops adding waiting items to a frame at this size.             */
#define COVEY_FRAME_BATCH 131072

typedef enum {
    /* agent or service -> node */
    COVEY_FRAME_HELLO = 0x01,
    COVEY_FRAME_PUBLISH = 0x02,
    COVEY_FRAME_SUBSCRIBE = 0x03,
    COVEY_FRAME_UNSUBSCRIBE = 0x04,
    COVEY_FRAME_DELIVER_ACK = 0x05,
    COVEY_FRAME_PING = 0x06,
    COVEY_FRAME_BYE = 0x07,
    COVEY_FRAME_FLOW = 0x08,
    /* node -> agent or service */
    COVEY_FRAME_WELCOME = 0x11,
    COVEY_FRAME_REFUSED = 0x12,
    COVEY_FRAME_RECEIPT = 0x13,
    COVEY_FRAME_SUBSCRIBED = 0x14,
    COVEY_FRAME_DELIVER = 0x15,
    COVEY_FRAME_PONG = 0x16, /* header Ping, the token of the ping            */
    COVEY_FRAME_ENDED = 0x17,
    COVEY_FRAME_UNDELIVERED = 0x18,
    COVEY_FRAME_GAP = 0x19,
    COVEY_FRAME_HEARD = 0x1a,
    COVEY_FRAME_DRAINING = 0x1b,
    /* node <-> node, DEALER -> ROUTER */
    COVEY_FRAME_PEER_HELLO = 0x21,
    COVEY_FRAME_HEARTBEAT = 0x22,
    COVEY_FRAME_GOODBYE = 0x23,
    COVEY_FRAME_DATA = 0x24,
    COVEY_FRAME_DATA_ACK = 0x25,
    COVEY_FRAME_PEER_REFUSE = 0x27,
    COVEY_FRAME_SWIM = 0x28, /* header covey.swim.Message                     */
    COVEY_FRAME_PEER_CONTROL = 0x29, /* no header; one item: from coordinator to
                                        coordinator                           */
    /* PUB -> SUB, topic in front */
    COVEY_FRAME_BROADCAST = 0x31,
    COVEY_FRAME_SYNC_MARK = 0x32, /* header SubSync                           */
    /* node <-> service */
    COVEY_FRAME_JOURNAL = 0x41,
    COVEY_FRAME_JOURNAL_ACK = 0x42,
    COVEY_FRAME_VIEW = 0x43,
    COVEY_FRAME_CONTROL = 0x44,
    COVEY_FRAME_SERVICE_STATE = 0x45
} covey_frame_kind_t;

/*  First byte of an item on the reliable stream between nodes.              */
typedef enum {
    COVEY_ITEM_EVENT = 0x01,       /* a packed event for agents over there    */
    COVEY_ITEM_UNDELIVERED = 0x02, /* size of a source u8, source, Undelivered:
                                      for the agent that published            */
    COVEY_ITEM_DIRECTORY = 0x03,   /* View: agents that the sender hosts      */
    COVEY_ITEM_JOURNAL = 0x04, /* Journal header size u32 LE, header, items */
    COVEY_ITEM_JOURNAL_ACK = 0x05, /* JournalAck                              */
    COVEY_ITEM_REPAIR_REQUEST = 0x06,
    COVEY_ITEM_REPAIR = 0x07,
    COVEY_ITEM_EVENT_FOR = 0x08,  /* size of a target u8, target, packed event:
                                     for that one of its several targets       */
    COVEY_ITEM_AGENT_FLOW = 0x09, /* AgentFlow                                */
    COVEY_ITEM_EVENT_TRACKED =
        0x0a,               /* marks u8 (covey_track_t), then as 0x08 */
    COVEY_ITEM_HEARD = 0x0b /* size of a source u8, source, Heard: for the agent
                               that published                                 */
} covey_item_kind_t;

/*  What the node that accepted an event wants to know of it. Bits.          */
typedef enum {
    COVEY_TRACK_HEARD = 1, /* that it came to its target                      */
    COVEY_TRACK_DONE = 2,  /* that the target is done with it                 */
    COVEY_TRACK_COORDINATOR = 4 /* the coordinator told it in the name of its
                                   source, and is who wants to know           */
} covey_track_t;

typedef struct {
    uint8_t kind;
    const uint8_t *header; /* packed                                          */
    size_t header_size;
    const uint8_t *items; /* what is left to read                             */
    size_t items_size;
} covey_frame_t;

/*  MALFORMED: shorter than it says; VERSION: not our protocol version.      */
covey_err_t covey_frame_parse (const void *data, size_t size,
                               covey_frame_t *frame);
/*  The next item; NOTFOUND at the end, MALFORMED when it runs past it.      */
covey_err_t covey_frame_next (covey_frame_t *frame, const uint8_t **item_p,
                              size_t *size_p);

/*  Write a frame into an empty buffer: begin, then add items. `header` may be
    NULL.                                                                     */
covey_err_t covey_frame_begin (covey_buf_t *to, covey_frame_kind_t kind,
                               const ProtobufCMessage *header);
covey_err_t covey_frame_add (covey_buf_t *to, const void *item, size_t size);
/*  After begin with NULL: what was appended since is the header.            */
void covey_frame_close_header (covey_buf_t *to);

/*  Unpack a header with an allocator that refuses to hand out more than a few
    times the wire size (a hostile peer cannot amplify). NULL: malformed, or a
    string that is not UTF-8. Free with protobuf_c_message_free_unpacked
    (message, NULL).                                                          */
ProtobufCMessage *
covey_wire_unpack (const ProtobufCMessageDescriptor *descriptor,
                   const void *data, size_t size);

/*  Topics of broadcasts: 'E' + type (u16 BE) for events without target, 'T' +
    type for copies of targeted ones for observers, 'Y' for sync marks followed
    by the 16 bytes of the token.                                             */
#define COVEY_TOPIC_SIZE 3
#define COVEY_TOPIC_SYNC_SIZE 17
void covey_topic_event (uint8_t topic[COVEY_TOPIC_SIZE], char class_byte,
                        int type);

#endif
