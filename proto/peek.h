/*  peek - the envelope of a packed event, without unpacking it

    Role      pure, allocates nothing; what nodes route by
    Memory    a view points into the packed bytes and lives as long as they do
    Limits    check () enforces every bound of the contract on the wire bytes,
              before anything is allocated for them
*/
#ifndef COVEY_PEEK_H_INCLUDED
#define COVEY_PEEK_H_INCLUDED

#include "base/err.h"

typedef struct {
    const char *text; /* not terminated                                       */
    size_t size;
} covey_slice_t;

typedef struct {
    const uint8_t *bytes; /* the whole event                                  */
    size_t size;
    int type;          /* oneof field number; 0 when there is none         */
    const uint8_t *id; /* [16]; NULL when absent                           */
    covey_slice_t source;
    uint32_t target_count;
    covey_slice_t first_target; /* the rest with covey_peek_target            */
    int64_t timestamp_us;
    uint64_t hlc;
    covey_slice_t correlation_id;
    covey_slice_t session_id;
    uint32_t priority;
    uint32_t ttl_ms;
    uint32_t tag_count;
    const uint8_t *origin; /* [16]; NULL when absent                          */
    uint64_t origin_seq;
    covey_slice_t data; /* the packed message of the type                     */
} covey_peek_t;

/*  Read the envelope. MALFORMED: not a protobuf message, or a field of the
    envelope with a wrong wire type or size. Last one wins for fields that come
    twice, as protobuf demands.                                               */
covey_err_t covey_peek (const void *data, size_t size, covey_peek_t *view);

/*  The repeated fields, index from 0; an empty slice past the end. O(size).  */
covey_slice_t covey_peek_target (const covey_peek_t *self, uint32_t index);
covey_slice_t covey_peek_tag (const covey_peek_t *self, uint32_t index);
bool covey_peek_has_target (const covey_peek_t *self, const char *agent_id);
bool covey_peek_has_tag (const covey_peek_t *self, const char *tag);
bool covey_slice_equal (covey_slice_t slice, const char *text);
/*  A terminated copy; false when it was cut.                                */
bool covey_slice_copy (covey_slice_t slice, char *to, size_t to_size);

/*  Every rule of the contract on packed bytes: wire types, required fields,
    UTF-8 and NUL, lengths, list counts, ranges, agent ids, JSON payloads.
    Unknown fields and unknown types pass (their size is bounded). The line in
    `err` names the field by its JSON path, the value or size, and the bound. */
covey_err_t covey_event_check (const void *data, size_t size,
                               covey_errbuf_t *err);

#endif
