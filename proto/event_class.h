/*  event_class - the inside of an event, for the files of proto/ only       */
#ifndef COVEY_EVENT_CLASS_H_INCLUDED
#define COVEY_EVENT_CLASS_H_INCLUDED

#include "proto/event.h"
#include "proto/event.pb-c.h"
#include "proto/wire.pb-c.h"

/*  Field numbers of Event that belong to the types.                         */
#define COVEY_EVENT_TYPE_FIRST 10
#define COVEY_EVENT_TYPE_LAST 499

#define COVEY_EVENT_SLOT 64

/*  Memory of an unpacked event beyond what lies behind its struct.          */
typedef struct covey_event_block {
    struct covey_event_block *next;
    char bytes[];
} covey_event_block_t;

struct covey_event {
    Covey__V1__Event *message;
    int64_t offset; /* in the journal; -1: not from there                     */
    char *slot;     /* COVEY_EVENT_SLOT bytes for names made up by getters    */
    bool is_slab;   /* `message` lies in one piece behind the struct and in
                       `blocks`: nothing in it may be freed, see
                       covey_event_own                                        */
    char *at, *end; /* what is left of that piece                             */
    covey_event_block_t *blocks;
    /* event_group.c: for the publish, not of the event                       */
    Covey__Wire__Group *group; /* NULL: none                                  */
    bool heard;
};

void covey_group_free (Covey__Wire__Group **group_p);
/*  A duplicate asks for the same.                                           */
covey_err_t covey_event_copy_wishes (covey_event_t *self,
                                     const covey_event_t *from);

/*  All parts of the message are of malloc.                                   */
void covey_event_free_message (Covey__V1__Event *message);

/*  Takes the message; NULL (and the message freed) without memory.          */
covey_event_t *covey_event_wrap (Covey__V1__Event *message);

/*  Gives each part of the message its own memory, if it has not. What getters
    returned before stays valid.                                              */
covey_err_t covey_event_own (covey_event_t *self);

/*  Before a change that needs `size` bytes in all: events are built in one
    piece while it has room, and get memory for each part (own) behind that.  */
covey_err_t covey_event_prepare (covey_event_t *self, size_t size);
/*  `size` bytes of the piece; NULL: it has no room, or there is none.        */
void *covey_event_take (covey_event_t *self, size_t size);
/*  A copy for the message, from the piece or from malloc, as its other parts;
    a NUL stands behind it. NULL without memory.                              */
char *covey_event_copy (covey_event_t *self, const void *data, size_t size);
/*  One more text for a list of a message of the event; NOMEM without memory. */
covey_err_t covey_event_append (covey_event_t *self, ProtobufCMessage *message,
                                const ProtobufCFieldDescriptor *field,
                                const char *text);

/*  The message of the type, NULL when the type is unknown.                  */
ProtobufCMessage *covey_event_data (const covey_event_t *self);

/*  "task:assigned", or "unknown:N" in `text`.                               */
const char *covey_event_type_text (int type, char text[COVEY_EVENT_SLOT]);

/*  An unknown type is an unknown field of the envelope, kept as its last one;
    its number, or 0.                                                         */
int covey_event_unknown_type (const Covey__V1__Event *message);

/*  Where a path to a data field leads.                                      */
typedef struct {
    const ProtobufCMessageDescriptor *descriptor; /* of what has the field    */
    const ProtobufCFieldDescriptor *field;
    ProtobufCMessage *message; /* has the field; NULL: an object on the way is
                                  absent                                      */
} covey_event_place_t;

/*  Find a data field by its path: "taskId", "error.code", "votes.0.agentId".
    With `create`, objects on the way are made. NOTFOUND names the nearest.   */
covey_err_t covey_event_find (const covey_event_t *self, const char *path,
                              bool create, covey_event_place_t *place,
                              covey_errbuf_t *err);

/*  A field of the envelope by its protobuf name; asserts that it is there.  */
const ProtobufCFieldDescriptor *covey_event_envelope (const char *name);

#endif
