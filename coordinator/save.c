/*  The frame around the parts: records, their sum, the order of kinds.       */
#include "coordinator/save.h"

#include "coordinator/state_impl.h"
#include "proto/cursor.h"
#include "proto/pb.h"

#define VARINT_MAX 10

/*  In the order of the snapshot: who names something comes behind it.        */
static const struct {
    Covey__Snapshot__Record__KindCase kind;
    covey_save_fn *save;
    covey_load_fn *load;
} s_parts[] = {
    {COVEY__SNAPSHOT__RECORD__KIND_LIMITS, covey_state_save_limits,
     covey_state_load_limits},
    {COVEY__SNAPSHOT__RECORD__KIND_CLIENT, covey_state_save_clients,
     covey_state_load_client},
    {COVEY__SNAPSHOT__RECORD__KIND_WORKER, covey_state_save_workers,
     covey_state_load_worker},
    {COVEY__SNAPSHOT__RECORD__KIND_SHARE, covey_state_save_shares,
     covey_state_load_share},
    {COVEY__SNAPSHOT__RECORD__KIND_TASK, covey_state_save_tasks,
     covey_state_load_task},
    {COVEY__SNAPSHOT__RECORD__KIND_SCHEDULE, covey_state_save_schedules,
     covey_state_load_schedule},
    {COVEY__SNAPSHOT__RECORD__KIND_SWARM, covey_state_save_swarms,
     covey_state_load_swarm},
    {COVEY__SNAPSHOT__RECORD__KIND_VOTE, covey_state_save_votes,
     covey_state_load_vote},
    {COVEY__SNAPSHOT__RECORD__KIND_BALLOT_KEY, covey_state_save_ballot_keys,
     covey_state_load_ballot_key},
    {COVEY__SNAPSHOT__RECORD__KIND_MEMORY, covey_state_save_memory,
     covey_state_load_memory},
    {COVEY__SNAPSHOT__RECORD__KIND_CLAIM, covey_state_save_claims,
     covey_state_load_claim},
    {COVEY__SNAPSHOT__RECORD__KIND_ROLE, covey_state_save_roles,
     covey_state_load_role},
    {COVEY__SNAPSHOT__RECORD__KIND_SESSION, covey_state_save_coordinations,
     covey_state_load_coordination},
};
#define PARTS (sizeof s_parts / sizeof *s_parts)

/* ---- writing ----------------------------------------------------------------
 */

static uint64_t
s_sum (uint64_t sum, const uint8_t *data, size_t size)
{
    sum = (sum ^ size) * 0x9e3779b97f4a7c15u;
    while (size) {
        size_t n = size < 8 ? size : 8;
        uint64_t word = 0;
        for (size_t i = 0; i < n; i++)
            word |= (uint64_t)data[i] << (8 * i);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
        sum ^= sum >> 32;
        data += n;
        size -= n;
    }
    return sum;
}

void
covey_saver_init (covey_saver_t *self, covey_buf_t *to)
{
    *self = (covey_saver_t){.to = to};
    covey_buf_init (&self->scratch, SIZE_MAX);
}

void
covey_saver_deinit (covey_saver_t *self)
{
    covey_buf_deinit (&self->scratch);
}

static size_t
s_varint (uint64_t value, uint8_t bytes[VARINT_MAX])
{
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    return n;
}

void
covey_saver_put (covey_saver_t *self, const Covey__Snapshot__Record *record)
{
    size_t size = covey__snapshot__record__get_packed_size (record);
    covey_buf_t *to = self->to ? self->to : &self->scratch;
    if (self->to) {
        uint8_t length[VARINT_MAX];
        (void)covey_buf_append (to, length, s_varint (size, length));
    } else
        covey_buf_clear (to);
    uint8_t *room = covey_buf_extend (to, size);
    if (!room)
        return; /* the buffer knows */
    covey__snapshot__record__pack (record, room);
    self->sum = s_sum (self->sum, room, size);
    self->records++;
}

void
covey_saver_end (covey_saver_t *self)
{
    Covey__Snapshot__End end = COVEY__SNAPSHOT__END__INIT;
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    end.records = self->records;
    end.sum = self->sum;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_END;
    record.end = &end;
    covey_saver_put (self, &record);
}

static void
s_save_head (const covey_state_t *self, covey_saver_t *to)
{
    Covey__Snapshot__Head head = COVEY__SNAPSHOT__HEAD__INIT;
    head.index = self->index;
    head.now = self->now_us;
    head.hlc = self->hlc.last;
    head.token = self->token;
    head.task_seq = self->task_seq;
    head.ended_seq = self->ended_seq;
    head.ended_total = self->ended_total;
    head.swarm_seq = self->swarm_seq;
    head.vote_seq = self->vote_seq;
    head.timers_armed = self->timers.armed;
    head.forgotten = self->clients.forgotten_us;
    head.memory_revision = self->memory.revision;
    head.memory_floor = self->memory.floor;
    head.memory_tag_floor = self->memory.tag_floor;
    head.claim_seq = self->claims.seq;
    head.has_coordination_seq = true;
    head.coordination_seq = self->coordination_seq;
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_HEAD;
    record.head = &head;
    covey_saver_put (to, &record);
}

static void
s_save (const covey_state_t *self, covey_saver_t *to)
{
    s_save_head (self, to);
    for (size_t i = 0; i < PARTS; i++)
        s_parts[i].save (self, to);
}

covey_err_t
covey_state_save (const covey_state_t *self, covey_buf_t *to)
{
    covey_saver_t saver;
    covey_saver_init (&saver, to);
    s_save (self, &saver);
    covey_saver_end (&saver);
    covey_saver_deinit (&saver);
    return to->failed ? COVEY_LIMIT : COVEY_OK;
}

uint64_t
covey_state_digest (const covey_state_t *self)
{
    covey_saver_t saver;
    covey_saver_init (&saver, NULL);
    s_save (self, &saver);
    covey_saver_deinit (&saver);
    return saver.sum;
}

/* ---- reading ----------------------------------------------------------------
 */

/*  The number of a field that this version does not know, anywhere inside; 0:
    all are known.                                                            */
static uint32_t
s_unknown (const ProtobufCMessage *message)
{
    if (message->n_unknown_fields)
        return message->unknown_fields[0].tag;
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    uint32_t tag = 0;
    for (unsigned i = 0; i < descriptor->n_fields && !tag; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        for (size_t k = 0; k < covey_pb_count (message, field) && !tag; k++)
            tag = s_unknown (*(ProtobufCMessage *const *)covey_pb_element (
                message, field, k));
    }
    return tag;
}

static covey_err_t
s_unpack (covey_cursor_t bytes, Covey__Snapshot__Record **record_p,
          covey_errbuf_t *err)
{
    Covey__Snapshot__Record *record = covey__snapshot__record__unpack (
        NULL, (size_t)(bytes.end - bytes.at), bytes.at);
    if (!record)
        return covey_fail (err, COVEY_CORRUPT,
                           "the snapshot is damaged: a record of %zu bytes is "
                           "none",
                           (size_t)(bytes.end - bytes.at));
    uint32_t tag = s_unknown (&record->base);
    if (tag || record->kind_case == COVEY__SNAPSHOT__RECORD__KIND__NOT_SET) {
        covey_err_t code =
            tag ? covey_fail (err, COVEY_VERSION,
                              "the snapshot was written by a newer version: "
                              "field %u of %s is not known here; update this "
                              "node",
                              tag,
                              record->kind_case ? "a record"
                                                : "covey.snapshot.Record")
                : covey_fail (err, COVEY_CORRUPT,
                              "the snapshot is damaged: an empty record");
        covey__snapshot__record__free_unpacked (record, NULL);
        return code;
    }
    *record_p = record;
    return COVEY_OK;
}

/*  The next record's bytes.                                                 */
static bool
s_next (covey_cursor_t *from, covey_cursor_t *record)
{
    uint64_t size;
    if (!covey_cursor_varint (from, &size) ||
        size > (uint64_t)(from->end - from->at))
        return false;
    *record = covey_cursor_of (from->at, (size_t)size);
    from->at += size;
    return true;
}

/*  Whole and undamaged? Before anything is believed.                        */
static covey_err_t
s_check_whole (covey_cursor_t from, uint64_t *records_p, covey_errbuf_t *err)
{
    covey_cursor_t bytes = {NULL, NULL};
    uint64_t records = 0, sum = 0;
    while (from.at < from.end) {
        if (!s_next (&from, &bytes))
            return covey_fail (err, COVEY_CORRUPT,
                               "the snapshot is damaged: record %llu is longer "
                               "than what is left",
                               (unsigned long long)records + 1);
        if (from.at == from.end)
            break;
        sum = s_sum (sum, bytes.at, (size_t)(bytes.end - bytes.at));
        records++;
    }
    Covey__Snapshot__Record *record = NULL;
    covey_err_t code = s_unpack (bytes, &record, err);
    if (code)
        return code;
    assert (record);
    bool good = record->kind_case == COVEY__SNAPSHOT__RECORD__KIND_END &&
                record->end->records == records && record->end->sum == sum;
    covey__snapshot__record__free_unpacked (record, NULL);
    if (!good)
        return covey_fail (err, COVEY_CORRUPT,
                           "the snapshot is damaged or cut off: its %llu "
                           "records do not fit its end",
                           (unsigned long long)records);
    *records_p = records;
    return COVEY_OK;
}

static covey_err_t
s_load_head (covey_state_t *self, const Covey__Snapshot__Record *record,
             covey_errbuf_t *err)
{
    const Covey__Snapshot__Head *head = record->head;
    if (record->kind_case != COVEY__SNAPSHOT__RECORD__KIND_HEAD ||
        !covey_save_is_time (head->now) ||
        !covey_save_is_time (head->forgotten))
        return covey_fail (err, COVEY_CORRUPT,
                           "the snapshot is damaged: it has no head");
    self->index = head->index;
    self->now_us = head->now;
    self->hlc.last = head->hlc;
    self->token = head->token;
    self->task_seq = head->task_seq;
    self->ended_seq = head->ended_seq;
    self->ended_total = head->ended_total;
    self->swarm_seq = head->swarm_seq;
    self->vote_seq = head->vote_seq;
    self->timers.armed = head->timers_armed;
    self->clients.forgotten_us = head->forgotten;
    self->memory.revision = head->memory_revision;
    self->memory.floor = head->memory_floor;
    self->memory.tag_floor = head->memory_tag_floor;
    self->claims.seq = head->claim_seq;
    self->coordination_seq = head->coordination_seq;
    return COVEY_OK;
}

/*  `*part_p` is where the table stands: kinds do not come back.             */
static covey_err_t
s_load_record (covey_state_t *self, const Covey__Snapshot__Record *record,
               size_t *part_p, covey_errbuf_t *err)
{
    for (size_t i = *part_p; i < PARTS; i++)
        if (s_parts[i].kind == record->kind_case) {
            *part_p = i;
            return s_parts[i].load (self, record, err);
        }
    return covey_fail (err, COVEY_CORRUPT,
                       "the snapshot is damaged: a record of kind %d is out of "
                       "place",
                       (int)record->kind_case);
}

static covey_err_t
s_load (covey_state_t *self, covey_cursor_t from, uint64_t records,
        covey_errbuf_t *err)
{
    covey_err_t code = COVEY_OK;
    size_t part = 0;
    if (records == 0)
        return covey_fail (err, COVEY_CORRUPT,
                           "the snapshot is damaged: it has no head");
    for (uint64_t i = 0; i < records && !code; i++) {
        covey_cursor_t bytes;
        Covey__Snapshot__Record *record = NULL;
        (void)s_next (&from, &bytes); /* it was there before */
        code = s_unpack (bytes, &record, err);
        if (code)
            return code;
        code = i ? s_load_record (self, record, &part, err)
                 : s_load_head (self, record, err);
        covey__snapshot__record__free_unpacked (record, NULL);
    }
    return code;
}

covey_err_t
covey_state_load (const void *data, size_t size,
                  const covey_state_limits_t *limits, covey_state_t **state_p,
                  covey_errbuf_t *err)
{
    covey_cursor_t from = covey_cursor_of (data, size);
    uint64_t records = 0;
    covey_err_t code = s_check_whole (from, &records, err);
    if (code)
        return code;
    covey_state_t *self = covey_state_new (limits);
    code = s_load (self, from, records, err);
    if (code) {
        covey_state_destroy (&self);
        return code;
    }
    *state_p = self;
    return COVEY_OK;
}

/* ---- for the parts ----------------------------------------------------------
 */

bool
covey_save_is_time (int64_t time_us)
{
    return time_us >= 0 && time_us <= INT64_MAX / 2;
}

Covey__Snapshot__Timer *
covey_save_timer (const covey_timer_t *timer, Covey__Snapshot__Timer *to)
{
    if (!covey_link_is_in (&timer->link))
        return NULL;
    covey__snapshot__timer__init (to);
    to->due = timer->due_us;
    to->order = timer->order;
    to->kind = timer->kind;
    return to;
}

bool
covey_load_timer (covey_timers_t *timers, covey_timer_t *timer,
                  const Covey__Snapshot__Timer *from)
{
    if (!covey_save_is_time (from->due) || from->order > timers->armed)
        return false;
    timer->due_us = from->due;
    timer->order = from->order;
    timer->kind = (covey_timer_kind_t)from->kind;
    return covey_tree_insert (&timers->tree, timer);
}

Covey__Snapshot__Blob *
covey_save_blob (const covey_blob_t *blob, Covey__Snapshot__Blob *to)
{
    if (!blob->set)
        return NULL;
    covey__snapshot__blob__init (to);
    to->content = (uint32_t)blob->content;
    to->data = (ProtobufCBinaryData){blob->size, blob->data};
    return to;
}

void
covey_load_blob (covey_blob_t *blob, const Covey__Snapshot__Blob *from)
{
    if (from)
        covey_blob_set (blob, (int)from->content, from->data.data,
                        from->data.len);
}
