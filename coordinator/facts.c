#include "coordinator/facts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/save.h"
#include "proto/frame.h"

struct covey_facts_entry {
    covey_facts_entry_t *next;
    uint64_t index;
    size_t size;
    uint8_t event[];
};

void
covey_facts_init (covey_facts_t *self)
{
    memset (self, 0, sizeof *self);
}

static void
s_pop (covey_facts_t *self)
{
    covey_facts_entry_t *entry = self->first;
    self->first = entry->next;
    if (!self->first)
        self->last = NULL;
    self->count--;
    self->bytes -= entry->size;
    free (entry);
}

void
covey_facts_deinit (covey_facts_t *self)
{
    while (self->first)
        s_pop (self);
}

void
covey_facts_put (covey_facts_t *self, uint64_t index, const void *event,
                 size_t size)
{
    covey_facts_entry_t *entry = covey_mem_new (sizeof *entry + size);
    entry->index = index;
    entry->size = size;
    memcpy (entry->event, event, size);
    if (self->last)
        self->last->next = entry;
    else
        self->first = entry;
    self->last = entry;
    self->count++;
    self->bytes += size;
    while (self->count > COVEY_FACTS_MAX || self->bytes > COVEY_FACTS_BYTES) {
        self->dropped++;
        s_pop (self);
    }
}

void
covey_facts_announce (covey_facts_t *self, uint64_t index)
{
    if (index > self->announced)
        self->announced = index;
    while (self->first && self->first->index <= self->announced)
        s_pop (self);
}

uint64_t
covey_facts_first (const covey_facts_t *self)
{
    return self->first ? self->first->index : 0;
}

void
covey_facts_each (const covey_facts_t *self, covey_facts_fn *fn, void *arg)
{
    for (const covey_facts_entry_t *entry = self->first; entry;
         entry = entry->next)
        fn (arg, entry->index, entry->event, entry->size);
}

/* ---- snapshots --------------------------------------------------------------
 */

void
covey_facts_save (const covey_facts_t *self, covey_buf_t *to)
{
    covey_saver_t saver;
    covey_saver_init (&saver, to);
    for (covey_facts_entry_t *entry = self->first; entry; entry = entry->next) {
        Covey__Snapshot__Fact fact = COVEY__SNAPSHOT__FACT__INIT;
        fact.index = entry->index;
        fact.event.data = entry->event;
        fact.event.len = entry->size;
        Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
        record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_FACT;
        record.fact = &fact;
        covey_saver_put (&saver, &record);
    }
    covey_saver_deinit (&saver);
}

/*  The bytes of the next record; false: they end before it does.            */
static bool
s_next (const uint8_t **at_p, const uint8_t *end, const uint8_t **record_p,
        size_t *size_p)
{
    uint64_t size = 0;
    const uint8_t *at = *at_p;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        if (at == end)
            return false;
        size |= (uint64_t)(*at & 0x7f) << shift;
        if (!(*at++ & 0x80)) {
            if (size > (size_t)(end - at))
                return false;
            *record_p = at;
            *size_p = (size_t)size;
            *at_p = at + size;
            return true;
        }
    }
    return false;
}

/*  A record whose only field is the fact: it begins with that tag.          */
static bool
s_is_fact (const uint8_t *record, size_t size)
{
    return size > 1 &&
           record[0] == (COVEY__SNAPSHOT__RECORD__KIND_FACT << 3 | 2);
}

covey_err_t
covey_facts_load (covey_facts_t *self, const void *data, size_t size,
                  size_t *used_p, covey_errbuf_t *err)
{
    covey_facts_t fresh;
    covey_facts_init (&fresh);
    const uint8_t *at = data, *end = at + size, *bytes;
    size_t used = 0, length;
    uint64_t last = 0;
    while (s_next (&at, end, &bytes, &length) && s_is_fact (bytes, length)) {
        Covey__Snapshot__Record *record =
            (Covey__Snapshot__Record *)covey_wire_unpack (
                &covey__snapshot__record__descriptor, bytes, length);
        bool good = record &&
                    record->kind_case == COVEY__SNAPSHOT__RECORD__KIND_FACT &&
                    record->fact->index > 0 && record->fact->index >= last;
        if (good)
            last = record->fact->index;
        if (good)
            covey_facts_put (&fresh, record->fact->index,
                             record->fact->event.data, record->fact->event.len);
        if (record)
            protobuf_c_message_free_unpacked (&record->base, NULL);
        if (!good) {
            covey_facts_deinit (&fresh);
            return covey_fail (err, COVEY_CORRUPT,
                               "the snapshot is damaged: a fact at byte %zu "
                               "cannot be read",
                               used);
        }
        used = (size_t)(at - (const uint8_t *)data);
    }
    fresh.dropped = self->dropped;
    covey_facts_deinit (self);
    *self = fresh;
    *used_p = used;
    return COVEY_OK;
}
