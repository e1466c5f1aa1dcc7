/*  replog_load - the store as libraft wants it: members, snapshot, entries

    libraft trusts what it loads, so everything is checked before: an entry that
    is missing, of no known kind, a list of members that does not fit.        */
#include <assert.h>
#include <string.h>

#include "coordinator/replog_impl.h"

/*  The store as libraft wants it.                                           */
typedef struct {
    covey_replog_t *self;
    struct raft_snapshot *snapshot;
    struct raft_entry *entries;
    size_t count, capacity;
    uint64_t start; /* index of the first entry                               */
} s_load_t;

static covey_err_t
s_load_meta (void *arg, const covey_replog_meta_t *meta, covey_errbuf_t *err)
{
    (void)err;
    ((s_load_t *)arg)->self->meta = *meta;
    return COVEY_OK;
}

/*  libraft gets a byte for the state, it stays in `saved` for fsm.restore.  */
struct raft_snapshot *
covey_replog_new_snapshot (const covey_replog_snapshot_t *from,
                           covey_errbuf_t *err)
{
    struct raft_snapshot *snapshot = raft_calloc (1, sizeof *snapshot);
    snapshot->index = from->index;
    snapshot->term = from->term;
    snapshot->configuration_index = from->members_index;
    snapshot->bufs = raft_calloc (1, sizeof *snapshot->bufs);
    snapshot->bufs[0].base = raft_calloc (1, 8);
    snapshot->bufs[0].len = 8;
    snapshot->n_bufs = 1;
    if (!covey_replog_unpack_members (from->members, from->members_size,
                                      &snapshot->configuration))
        return snapshot;
    covey_fail (err, COVEY_CORRUPT, "the members of a snapshot are damaged");
    raft_free (snapshot->bufs[0].base);
    raft_free (snapshot->bufs);
    raft_free (snapshot);
    return NULL;
}

static covey_err_t
s_load_snapshot (void *arg, const covey_replog_snapshot_t *from,
                 covey_errbuf_t *err)
{
    s_load_t *load = arg;
    covey_replog_t *self = load->self;
    load->snapshot = covey_replog_new_snapshot (from, err);
    if (!load->snapshot)
        return COVEY_CORRUPT;
    self->snapshot_index = from->index;
    self->snapshot_size = from->state_size;
    self->stored = from->index;
    load->start = from->index + 1;
    covey_replog_push_list (self, from->members_index, from->members,
                            from->members_size);
    if (from->index <= self->applied && !COVEY_FAULT (APPLY_TWICE))
        return COVEY_OK;
    covey_buf_clear (&self->saved);
    return covey_buf_append (&self->saved, from->state, from->state_size);
}

static covey_err_t
s_load_entry (void *arg, const covey_replog_entry_t *entry, covey_errbuf_t *err)
{
    s_load_t *load = arg;
    covey_replog_t *self = load->self;
    struct raft_configuration members;
    if (load->count == 0) {
        if (entry->index == 0 || entry->index > self->snapshot_index + 1)
            return covey_fail (err, COVEY_CORRUPT,
                               "entries before %llu are missing",
                               (unsigned long long)entry->index);
        load->start = entry->index;
    } else if (entry->index != load->start + load->count)
        return covey_fail (err, COVEY_CORRUPT, "entry %llu is missing",
                           (unsigned long long)load->start + load->count);
    if (entry->kind < RAFT_COMMAND || entry->kind > RAFT_CHANGE ||
        entry->term == 0 || entry->size == 0)
        return covey_fail (err, COVEY_CORRUPT, "entry %llu is of no known kind",
                           (unsigned long long)entry->index);
    if (entry->kind == RAFT_CHANGE) {
        if (covey_replog_unpack_members (entry->data, entry->size, &members))
            return covey_fail (err, COVEY_CORRUPT,
                               "the members in entry %llu are damaged",
                               (unsigned long long)entry->index);
        raft_configuration_close (&members);
        if (entry->index > self->snapshot_index)
            covey_replog_push_list (self, entry->index, entry->data,
                                    entry->size);
    } else if (entry->index == 1)
        return covey_fail (err, COVEY_CORRUPT,
                           "the log does not begin with its members");
    if (load->count == load->capacity) {
        load->capacity = load->capacity ? 2 * load->capacity : 256;
        load->entries = raft_realloc (load->entries,
                                      load->capacity * sizeof *load->entries);
        assert (load->entries);
    }
    struct raft_entry *to = &load->entries[load->count++];
    *to = (struct raft_entry){.term = entry->term, .type = entry->kind};
    to->buf.base = raft_malloc (entry->size);
    to->buf.len = entry->size;
    assert (to->buf.base);
    memcpy (to->buf.base, entry->data, entry->size);
    self->stored = entry->index;
    return COVEY_OK;
}

/*  G9: 0.15 makes the only voter leader without a new term, so that two
    leaderships, before and after a crash, write different entries under the
    same index and term.                                                      */
static covey_err_t
s_sole_term (covey_replog_t *self, covey_errbuf_t *err)
{
    const covey_replog_list_t *list = covey_replog_list_at (self, self->stored);
    struct raft_configuration members;
    if (!list || COVEY_FAULT (NO_G9_TERM) ||
        covey_replog_unpack_members (list->data, list->size, &members))
        return COVEY_OK;
    bool sole = covey_replog_is_sole (self, &members);
    raft_configuration_close (&members);
    if (!sole)
        return COVEY_OK;
    self->meta.term++;
    self->meta.voted_for = self->meta.member_id;
    covey_err_t code =
        self->store->klass->set_meta (self->store, &self->meta, err);
    return code ? code : self->store->klass->commit (self->store, err);
}

static void
s_forget_load (s_load_t *load)
{
    for (size_t i = 0; i < load->count; i++)
        raft_free (load->entries[i].buf.base);
    raft_free (load->entries);
    if (!load->snapshot)
        return;
    raft_configuration_close (&load->snapshot->configuration);
    raft_free (load->snapshot->bufs[0].base);
    raft_free (load->snapshot->bufs);
    raft_free (load->snapshot);
}

int
covey_replog_load (struct raft_io *io, raft_term *term, raft_id *voted_for,
                   struct raft_snapshot **snapshot_p, raft_index *start_p,
                   struct raft_entry *entries[], size_t *count_p)
{
    covey_replog_t *self = io->impl;
    s_load_t load = {.self = self, .start = 1};
    covey_replog_reader_t reader = {.arg = &load,
                                    .meta = s_load_meta,
                                    .snapshot = s_load_snapshot,
                                    .entry = s_load_entry};
    self->snapshot_index = self->snapshot_size = self->stored = 0;
    covey_replog_drop_lists (self);
    covey_err_t code =
        self->store->klass->read (self->store, &reader, &self->load_err);
    if (!code && self->stored < self->snapshot_index)
        code = covey_fail (&self->load_err, COVEY_CORRUPT,
                           "the log ends before its snapshot");
    if (!code)
        code = s_sole_term (self, &self->load_err);
    if (code) {
        s_forget_load (&load);
        covey_replog_break (self, code, self->load_err.text);
        return code == COVEY_CORRUPT ? RAFT_CORRUPT : RAFT_IOERR;
    }
    *term = self->meta.term;
    *voted_for = self->meta.voted_for;
    *snapshot_p = load.snapshot;
    *start_p = load.start;
    *entries = load.entries;
    *count_p = load.count;
    return 0;
}
