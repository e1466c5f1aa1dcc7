/*  swim_message - what the membership core says and hears, and its bytes

    Role      pure codec over proto/swim.proto
    Memory    a message borrows all it points to: when sent, for the callback
              only; when read, from the packed form kept in `owner` until deinit
    Limits    COVEY_SWIM_UPDATES_MAX updates, COVEY_SWIM_ADDRESS_MAX bytes of
              address, COVEY_SWIM_META_MAX of meta
*/
#ifndef COVEY_SWIM_MESSAGE_H_INCLUDED
#define COVEY_SWIM_MESSAGE_H_INCLUDED

#include "base/buf.h"

#define COVEY_SWIM_UPDATES_MAX 256 /* in one message */
#define COVEY_SWIM_ADDRESS_MAX 300
#define COVEY_SWIM_META_MAX 1024
#define COVEY_SWIM_TEXT_MAX 300

typedef enum {
    COVEY_SWIM_PING = 1,
    COVEY_SWIM_ACK,
    COVEY_SWIM_PING_REQ,
    COVEY_SWIM_NACK,
    COVEY_SWIM_GOSSIP,
    COVEY_SWIM_SYNC,
    COVEY_SWIM_STATE,
    COVEY_SWIM_REFUSE
} covey_swim_kind_t;

typedef enum {
    COVEY_SWIM_ALIVE,
    COVEY_SWIM_SUSPECTED,
    COVEY_SWIM_FAILED,
    COVEY_SWIM_LEFT
} covey_swim_state_t;

/*  A claim about one member.                                                */
typedef struct {
    uint8_t id[16];
    uint8_t accuser[16]; /* zero: nobody                                      */
    uint64_t epoch;
    uint32_t incarnation;
    uint8_t health; /* of the accuser                                         */
    covey_swim_state_t state;
    const char *address; /* NULL: not said                                    */
    const uint8_t *meta;
    size_t meta_size;
} covey_swim_update_t;

typedef struct {
    covey_swim_kind_t kind;
    uint32_t seq;
    uint64_t mesh;
    uint8_t from[16];
    uint8_t target[16]; /* zero: none                                         */
    uint64_t digest;
    bool want;
    bool nack;
    const char *address; /* of the sender                                     */
    const char *text;    /* NULL: none                                        */
    const covey_swim_update_t *updates;
    size_t update_count;
    void *owner; /* what a message that was read keeps alive                  */
} covey_swim_message_t;

/*  Appends the bytes; LIMIT when the buffer is full.                        */
covey_err_t covey_swim_message_write (const covey_swim_message_t *message,
                                      covey_buf_t *to);
/*  MALFORMED: not a message, or past a limit; nothing is to be freed then.  */
covey_err_t covey_swim_message_read (covey_swim_message_t *message,
                                     const void *data, size_t size);
/*  For messages that were read.                                             */
void covey_swim_message_deinit (covey_swim_message_t *message);
/*  Upper bound of the bytes of one update in a message.                     */
size_t covey_swim_update_size (const covey_swim_update_t *update);

#endif
