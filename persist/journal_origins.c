/*  The last sequence of every origin, in memory and in the table: what makes
    loss visible. All are loaded; one takes some 50 bytes, and each start of a
    node makes one.                                                           */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "persist/journal_i.h"

void
covey_i_origins_forget (covey_journal_t *self)
{
    for (size_t i = 0; i < self->origin_count; i++)
        free (self->origins[i]);
    self->origin_count = 0;
    self->dirty = NULL;
}

/*  Index of `origin`, or of where it belongs.                               */
static size_t
s_origin_index (const covey_journal_t *self, const uint8_t origin[16],
                bool *found_p)
{
    size_t low = 0, high = self->origin_count;
    *found_p = false;
    while (low < high && !*found_p) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp (self->origins[middle]->origin, origin, 16);
        if (order == 0)
            *found_p = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return high;
}

covey_i_origin_t *
covey_i_origin (covey_journal_t *self, const uint8_t origin[16])
{
    bool found;
    size_t at = s_origin_index (self, origin, &found);
    if (found)
        return self->origins[at];
    covey_i_origin_t *entry = covey_mem_new (sizeof *entry);
    self->origins =
        covey_mem_room (self->origins, self->origin_count,
                        &self->origin_capacity, sizeof (covey_i_origin_t *));
    memcpy (entry->origin, origin, 16);
    memmove (&self->origins[at + 1], &self->origins[at],
             (self->origin_count - at) * sizeof (covey_i_origin_t *));
    self->origins[at] = entry;
    self->origin_count++;
    return entry;
}

void
covey_i_origin_set (covey_journal_t *self, covey_i_origin_t *entry,
                    uint64_t seq)
{
    entry->seq = seq;
    if (!entry->dirty) {
        entry->dirty = true;
        entry->next = self->dirty;
        self->dirty = entry;
    }
}

uint64_t
covey_journal_last_seq (const covey_journal_t *self, const uint8_t origin[16])
{
    bool found;
    size_t at = s_origin_index (self, origin, &found);
    return found ? self->origins[at]->seq : 0;
}

covey_err_t
covey_i_origins_load (covey_journal_t *self, covey_errbuf_t *err)
{
    sqlite3_stmt *statement = NULL;
    covey_i_origins_forget (self);
    int rc = sqlite3_prepare_v2 (self->db,
                                 "SELECT origin, seq FROM origins"
                                 "  WHERE length (origin) = 16",
                                 -1, &statement, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step (statement)) == SQLITE_ROW) {
        covey_i_origin_t *entry =
            covey_i_origin (self, sqlite3_column_blob (statement, 0));
        entry->seq = (uint64_t)sqlite3_column_int64 (statement, 1);
        rc = SQLITE_OK;
    }
    sqlite3_finalize (statement);
    if (rc != SQLITE_DONE)
        return covey_i_journal_fail (self, rc, "reading journal", err);
    return COVEY_OK;
}

covey_err_t
covey_i_origin_check (const covey_i_origin_t *entry, uint64_t seq,
                      uint64_t *expect_p, covey_errbuf_t *err)
{
    if (seq <= entry->seq + 1)
        return COVEY_OK;
    *expect_p = entry->seq + 1;
    return covey_fail (err, COVEY_STATE,
                       "events %llu to %llu of this origin are missing; send "
                       "again from %llu",
                       (unsigned long long)entry->seq + 1,
                       (unsigned long long)seq - 1,
                       (unsigned long long)entry->seq + 1);
}

/* ---- the batch ---------------------------------------------------------- */

int
covey_i_origins_save (covey_journal_t *self, covey_errbuf_t *err)
{
    int rc = SQLITE_OK;
    for (covey_i_origin_t *o = self->dirty; o && rc == SQLITE_OK; o = o->next) {
        sqlite3_stmt *statement =
            covey_i_journal_statement (self, COVEY_I_PUT_ORIGIN, err);
        if (!statement)
            return SQLITE_ERROR;
        sqlite3_bind_blob (statement, 1, o->origin, 16, SQLITE_STATIC);
        sqlite3_bind_int64 (statement, 2, (int64_t)o->seq);
        rc = covey_i_journal_run (statement);
    }
    return rc;
}

void
covey_i_origins_saved (covey_journal_t *self)
{
    for (covey_i_origin_t *o = self->dirty; o; o = o->next)
        o->dirty = false;
    self->dirty = NULL;
}
