#include "tests/support/sim_disk.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

typedef struct {
    covey_replog_snapshot_t head; /* borrows the two below                    */
    uint8_t *members;
    uint8_t *state;
} disk_snapshot_t;

/*  In a turn: small, so that much can happen meanwhile.                      */
#define SLICE_BYTES 256
#define SLICE_ENTRIES 2

typedef enum {
    OP_META,
    OP_APPEND,
    OP_TRUNCATE,
    OP_SLICE,
    OP_SNAPSHOT,
    OP_DROP
} op_kind_t;

typedef struct {
    op_kind_t kind;
    covey_replog_meta_t meta;
    sim_record_t record;
    uint64_t index; /* of truncate; first_kept of a snapshot or a drop        */
    disk_snapshot_t snapshot;
} disk_op_t;

struct sim_disk {
    sim_disk_watch_t watch;
    sim_disk_lie_t lie;
    covey_replog_meta_t meta;
    disk_snapshot_t snapshot;
    sim_record_t *records;
    size_t count, capacity;
    disk_op_t *ops;
    size_t op_count, op_capacity;
    uint64_t staged_last; /* what append has to follow                        */
    size_t prepared;      /* bytes of a snapshot that is not put              */
    size_t given_up;      /* of those                                         */
    bool held;            /* no slice but the first gets written              */
    bool broken; /* a commit failed: nothing more until it is opened          */
};

typedef struct {
    covey_replog_store_t base;
    sim_disk_t *disk;
} disk_store_t;

/* ---- memory -----------------------------------------------------------------
 */

static void
s_snapshot_deinit (disk_snapshot_t *snapshot)
{
    free (snapshot->members);
    free (snapshot->state);
    memset (snapshot, 0, sizeof *snapshot);
}

static disk_snapshot_t
s_snapshot_copy (const covey_replog_snapshot_t *from)
{
    disk_snapshot_t copy = {.head = *from};
    copy.head.members = copy.members =
        covey_mem_dup (from->members, from->members_size);
    copy.head.state = copy.state =
        covey_mem_dup (from->state, from->state_size);
    return copy;
}

static void
s_op_deinit (disk_op_t *op)
{
    free (op->record.data);
    s_snapshot_deinit (&op->snapshot);
}

static void
s_forget_staged (sim_disk_t *self)
{
    for (size_t i = 0; i < self->op_count; i++)
        s_op_deinit (&self->ops[i]);
    self->op_count = 0;
    self->staged_last = sim_disk_last (self);
}

static void
s_clear (sim_disk_t *self)
{
    s_forget_staged (self);
    for (size_t i = 0; i < self->count; i++)
        free (self->records[i].data);
    self->count = 0;
    s_snapshot_deinit (&self->snapshot);
    memset (&self->meta, 0, sizeof self->meta);
    self->staged_last = 0;
}

sim_disk_t *
sim_disk_new (const sim_disk_watch_t *watch)
{
    sim_disk_t *self = covey_mem_new (sizeof *self);
    self->watch = *watch;
    return self;
}

void
sim_disk_destroy (sim_disk_t **self_p)
{
    sim_disk_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    s_clear (self);
    free (self->records);
    free (self->ops);
    free (self);
}

void
sim_disk_wipe (sim_disk_t *self)
{
    s_clear (self);
}

void
sim_disk_hold (sim_disk_t *self, bool held)
{
    self->held = held;
}

void
sim_disk_set_lie (sim_disk_t *self, sim_disk_lie_t lie)
{
    self->lie = lie;
}

/* ---- getters ----------------------------------------------------------------
 */

const covey_replog_meta_t *
sim_disk_meta (const sim_disk_t *self)
{
    return &self->meta;
}

uint64_t
sim_disk_snapshot (const sim_disk_t *self)
{
    return self->snapshot.head.index;
}

uint64_t
sim_disk_last (const sim_disk_t *self)
{
    return self->count ? self->records[self->count - 1].index
                       : self->snapshot.head.index;
}

uint64_t
sim_disk_first (const sim_disk_t *self)
{
    return self->count ? self->records[0].index : self->snapshot.head.index + 1;
}

uint64_t
sim_disk_last_of (const sim_disk_t *self, uint8_t kind)
{
    const covey_replog_snapshot_t *head = &self->snapshot.head;
    for (size_t i = self->count;
         i-- > 0 && self->records[i].index > head->index;)
        if (self->records[i].kind == kind)
            return self->records[i].hash;
    return head->index
               ? covey_str_hash (head->members, head->members_size) * 31 + kind
               : 0;
}

size_t
sim_disk_prepared (const sim_disk_t *self)
{
    return self->prepared;
}

size_t
sim_disk_given_up (const sim_disk_t *self)
{
    return self->given_up;
}

const sim_record_t *
sim_disk_find (const sim_disk_t *self, uint64_t index)
{
    if (!self->count || index < self->records[0].index ||
        index > self->records[self->count - 1].index)
        return NULL;
    return &self->records[index - self->records[0].index];
}

/* ---- staging ----------------------------------------------------------------
 */

static sim_disk_t *
s_disk (covey_replog_store_t *store)
{
    return ((disk_store_t *)store)->disk;
}

static covey_err_t
s_misuse (sim_disk_t *self, const char *what, covey_errbuf_t *err)
{
    self->watch.misuse (self->watch.arg, what);
    return covey_fail (err, COVEY_CORRUPT, "simulated disk: %s", what);
}

static covey_err_t
s_stage (sim_disk_t *self, const disk_op_t *op, covey_errbuf_t *err)
{
    if (self->broken)
        return covey_fail (err, COVEY_IO, "simulated disk: has failed");
    self->ops = covey_mem_room (self->ops, self->op_count, &self->op_capacity,
                                sizeof *self->ops);
    self->ops[self->op_count++] = *op;
    return COVEY_OK;
}

static covey_err_t
s_set_meta (covey_replog_store_t *store, const covey_replog_meta_t *meta,
            covey_errbuf_t *err)
{
    disk_op_t op = {.kind = OP_META, .meta = *meta};
    return s_stage (s_disk (store), &op, err);
}

static covey_err_t
s_append (covey_replog_store_t *store, const covey_replog_entry_t *entry,
          covey_errbuf_t *err)
{
    sim_disk_t *self = s_disk (store);
    disk_op_t op = {.kind = OP_APPEND};
    if (entry->index != self->staged_last + 1)
        return s_misuse (self, "append leaves a gap or overlaps", err);
    op.record = (sim_record_t){
        .index = entry->index,
        .term = entry->term,
        .kind = entry->kind,
        .hash = covey_str_hash (entry->data, entry->size) * 31 + entry->kind,
        .size = entry->size};
    covey_err_t code = s_stage (self, &op, err);
    if (code)
        return code;
    self->ops[self->op_count - 1].record.data =
        covey_mem_dup (entry->data, entry->size);
    self->staged_last = entry->index;
    return COVEY_OK;
}

static covey_err_t
s_truncate (covey_replog_store_t *store, uint64_t index, covey_errbuf_t *err)
{
    sim_disk_t *self = s_disk (store);
    disk_op_t op = {.kind = OP_TRUNCATE, .index = index};
    covey_err_t code = s_stage (self, &op, err);
    if (!code && index <= self->staged_last)
        self->staged_last = index - 1;
    return code;
}

/*  One begins anew, or another one comes.                                    */
static void
s_give_up (sim_disk_t *self)
{
    self->given_up += self->prepared > 0;
    self->prepared = 0;
}

/*  Nothing of it is there before all of it is; it takes its time.            */
static covey_err_t
s_prepare_snapshot (covey_replog_store_t *store,
                    covey_replog_snapshot_t *snapshot, covey_errbuf_t *err)
{
    sim_disk_t *self = s_disk (store);
    disk_op_t op = {.kind = OP_SLICE};
    size_t rest = snapshot->state_size - snapshot->prepared;
    if (snapshot->prepared == 0)
        s_give_up (self);
    else if (self->held)
        rest = 0;
    snapshot->prepared += rest < SLICE_BYTES ? rest : SLICE_BYTES;
    self->prepared = snapshot->prepared;
    return s_stage (self, &op, err);
}

static covey_err_t
s_put_snapshot (covey_replog_store_t *store,
                const covey_replog_snapshot_t *snapshot, uint64_t first_kept,
                covey_errbuf_t *err)
{
    sim_disk_t *self = s_disk (store);
    disk_op_t op = {.kind = OP_SNAPSHOT, .index = first_kept};
    if (snapshot->prepared == 0)
        s_give_up (self);
    if (first_kept > snapshot->index + 1 && first_kept <= self->staged_last)
        return s_misuse (self, "a gap behind the snapshot", err);
    covey_err_t code = s_stage (self, &op, err);
    if (code)
        return code;
    self->ops[self->op_count - 1].snapshot = s_snapshot_copy (snapshot);
    if (first_kept > self->staged_last)
        self->staged_last = snapshot->index;
    return COVEY_OK;
}

static covey_err_t
s_drop_head (covey_replog_store_t *store, uint64_t first_kept, bool *more_p,
             covey_errbuf_t *err)
{
    sim_disk_t *self = s_disk (store);
    uint64_t until = sim_disk_first (self) + SLICE_ENTRIES;
    *more_p = until < first_kept;
    disk_op_t op = {.kind = OP_DROP, .index = *more_p ? until : first_kept};
    return s_stage (self, &op, err);
}

/* ---- commit -----------------------------------------------------------------
 */

static void
s_cut (sim_disk_t *self, uint64_t index)
{
    while (self->count && self->records[self->count - 1].index >= index)
        free (self->records[--self->count].data);
}

static void
s_drop (sim_disk_t *self, uint64_t before)
{
    size_t n = 0;
    while (n < self->count && self->records[n].index < before)
        free (self->records[n++].data);
    self->count -= n;
    if (n && self->count)
        memmove (self->records, self->records + n,
                 self->count * sizeof *self->records);
}

static void
s_do_meta (sim_disk_t *self, const covey_replog_meta_t *meta)
{
    covey_replog_meta_t before = self->meta;
    self->meta = *meta;
    if (self->lie == SIM_DISK_FORGETS_VOTE)
        self->meta.voted_for = 0;
    if (self->lie == SIM_DISK_FORGETS_TERM && before.term) {
        self->meta.term = before.term;
        self->meta.voted_for = before.voted_for;
    }
    self->watch.meta (self->watch.arg, &before, meta);
}

/*  Terms in a log never go back, and it has none that its owner does not know.
 */
static void
s_check_terms (sim_disk_t *self)
{
    uint64_t term = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (self->records[i].index == self->snapshot.head.index + 1 &&
            term < self->snapshot.head.term)
            term = self->snapshot.head.term;
        if (self->records[i].term < term)
            self->watch.misuse (self->watch.arg, "terms go back in a log");
        term = self->records[i].term;
    }
    if (term > self->meta.term)
        self->watch.misuse (self->watch.arg, "a log knows more terms than its "
                                             "owner");
}

static void
s_do (sim_disk_t *self, disk_op_t *op)
{
    switch (op->kind) {
        case OP_META:
            s_do_meta (self, &op->meta);
            break;
        case OP_APPEND:
            self->records =
                covey_mem_room (self->records, self->count, &self->capacity,
                                sizeof *self->records);
            self->records[self->count++] = op->record;
            op->record.data = NULL;
            self->watch.entry (self->watch.arg,
                               &self->records[self->count - 1]);
            break;
        case OP_TRUNCATE:
            s_cut (self, op->index);
            break;
        case OP_SLICE:
            break;
        case OP_DROP:
            s_drop (self, op->index);
            break;
        case OP_SNAPSHOT:
            self->prepared = 0;
            s_snapshot_deinit (&self->snapshot);
            self->snapshot = op->snapshot;
            memset (&op->snapshot, 0, sizeof op->snapshot);
            self->watch.snapshot (self->watch.arg, &self->snapshot.head);
            s_drop (self, op->index);
            break;
    }
}

/*  The first `count` of what was staged.                                    */
static void
s_harden (sim_disk_t *self, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        s_do (self, &self->ops[i]);
        s_op_deinit (&self->ops[i]);
    }
    self->op_count -= count;
    if (count)
        memmove (self->ops, self->ops + count,
                 self->op_count * sizeof *self->ops);
}

static covey_err_t
s_commit (covey_replog_store_t *store, covey_errbuf_t *err)
{
    sim_disk_t *self = s_disk (store);
    if (self->broken)
        return covey_fail (err, COVEY_IO, "simulated disk: has failed");
    if (!self->op_count)
        return COVEY_OK;
    sim_disk_end_t end = self->watch.commit (self->watch.arg);
    size_t all = self->op_count;
    if (end == SIM_DISK_NOTHING)
        all = 0;
    else if (self->lie == SIM_DISK_FORGETS_LAST &&
             self->ops[all - 1].kind == OP_APPEND)
        all--;
    s_harden (self, all);
    s_check_terms (self);
    if (end == SIM_DISK_FINE)
        return COVEY_OK;
    s_forget_staged (self);
    self->broken = true;
    return covey_fail (err, COVEY_IO, "simulated disk: no space left");
}

/* ---- reading ----------------------------------------------------------------
 */

static covey_err_t
s_read (covey_replog_store_t *store, const covey_replog_reader_t *to,
        covey_errbuf_t *err)
{
    sim_disk_t *self = s_disk (store);
    covey_err_t code = to->meta (to->arg, &self->meta, err);
    if (!code && self->snapshot.head.index)
        code = to->snapshot (to->arg, &self->snapshot.head, err);
    for (size_t i = 0; !code && i < self->count; i++) {
        const sim_record_t *record = &self->records[i];
        covey_replog_entry_t entry = {record->index, record->term, record->kind,
                                      record->data, record->size};
        code = to->entry (to->arg, &entry, err);
    }
    return code;
}

static covey_err_t
s_get_snapshot (covey_replog_store_t *store, const covey_replog_reader_t *to,
                covey_errbuf_t *err)
{
    sim_disk_t *self = s_disk (store);
    const disk_snapshot_t *latest = &self->snapshot;
    for (size_t i = 0; i < self->op_count; i++)
        if (self->ops[i].kind == OP_SNAPSHOT)
            latest = &self->ops[i].snapshot;
    return latest->head.index ? to->snapshot (to->arg, &latest->head, err)
                              : COVEY_OK;
}

static uint64_t
s_bytes (covey_replog_store_t *store)
{
    sim_disk_t *self = s_disk (store);
    uint64_t sum = self->snapshot.head.state_size;
    for (size_t i = 0; i < self->count; i++)
        sum += self->records[i].size;
    return sum;
}

static void
s_close (covey_replog_store_t **store_p)
{
    disk_store_t *store = (disk_store_t *)*store_p;
    *store_p = NULL;
    if (!store)
        return;
    s_forget_staged (store->disk);
    free (store);
}

covey_replog_store_t *
sim_disk_open (sim_disk_t *self)
{
    static const covey_replog_store_class_t klass = {s_read,
                                                     s_set_meta,
                                                     s_append,
                                                     s_truncate,
                                                     s_prepare_snapshot,
                                                     s_put_snapshot,
                                                     s_drop_head,
                                                     s_get_snapshot,
                                                     s_commit,
                                                     s_bytes,
                                                     s_close};
    disk_store_t *store = covey_mem_new (sizeof *store);
    store->base.klass = &klass;
    store->disk = self;
    self->broken = false;
    s_give_up (self);
    s_forget_staged (self);
    return &store->base;
}
