/*  replog_wire - what members of the replicated log say to each other

    Role      pure: bytes to a struct and back. Every length is checked before
              it is used; what does not fit exactly is MALFORMED
    Form      version, kind, log, from, to, node of from, term; then the fields
              of the kind, all little-endian
*/
#ifndef COVEY_REPLOG_WIRE_H_INCLUDED
#define COVEY_REPLOG_WIRE_H_INCLUDED

#include "base/buf.h"
#include "base/id.h"

#define COVEY_REPLOG_WIRE_VERSION 1
#define COVEY_REPLOG_WIRE_HEADER 58 /* bytes before the fields of a kind */
#define COVEY_REPLOG_WIRE_ENTRY 13  /* bytes before the data of an entry  */
#define COVEY_REPLOG_WIRE_MEMBERS_MAX 4096

typedef enum {
    COVEY_REPLOG_APPEND = 1, /* leader: entries, or that it still leads       */
    COVEY_REPLOG_APPENDED,
    COVEY_REPLOG_VOTE, /* candidate: vote for me; pre: would you              */
    COVEY_REPLOG_VOTED,
    COVEY_REPLOG_PIECE, /* leader: a piece of its snapshot                    */
    COVEY_REPLOG_PIECED,
    COVEY_REPLOG_ASK, /* leader: do I still lead                              */
    COVEY_REPLOG_ASKED
} covey_replog_kind_t;

typedef struct {
    covey_replog_kind_t kind;
    covey_id_t cluster;
    uint64_t from, to; /* members                                             */
    covey_id_t from_node;
    uint64_t term;

    uint64_t index; /* append: before the entries; vote: last of the candidate;
                       piece: of the snapshot; appended: where it ends        */
    uint64_t index_term;
    uint64_t commit;   /* append                                              */
    uint64_t rejected; /* appended: the index that did not fit; 0: it did     */
    bool pre;          /* vote, voted                                         */
    bool yes;          /* voted; pieced: it is there                          */
    uint64_t total;    /* piece: bytes of all                                 */
    uint64_t offset;   /* piece: of this one; pieced: of the next one         */
    uint64_t round;    /* ask, asked                                          */
    uint64_t members_index; /* piece                                          */
    const void *members;    /* piece: borrowed from the bytes                 */
    size_t members_size;
    uint32_t entry_count; /* append                                           */
    const uint8_t *data; /* append: the entries, checked; piece: its bytes    */
    size_t data_size;
} covey_replog_message_t;

typedef struct {
    uint64_t term;
    uint8_t kind;
    const uint8_t *data;
    size_t size;
} covey_replog_wire_entry_t;

/*  `to` is empty; the entries of an append follow by covey_replog_wire_entry.
 */
void covey_replog_wire_write (const covey_replog_message_t *message,
                              covey_buf_t *to);
void covey_replog_wire_entry (covey_buf_t *to,
                              const covey_replog_wire_entry_t *entry);
covey_err_t covey_replog_wire_read (const void *data, size_t size,
                                    covey_replog_message_t *message);
/*  The entry at `*at_p` of a message that was read; moves it on.             */
covey_replog_wire_entry_t
covey_replog_wire_next (const covey_replog_message_t *message, size_t *at_p);

#endif
