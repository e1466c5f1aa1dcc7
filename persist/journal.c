/*  The journal's writer: batches of events, and the spans that map time to
    offsets.

    Nothing here is remembered across a failure: what a batch changed in memory
    (offset, sequences, span) is read again from the file after any rollback. */
#include "persist/journal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "persist/journal_i.h"

static const char *const s_statements[COVEY_I_STATEMENTS] = {
    [COVEY_I_BEGIN] = "BEGIN IMMEDIATE",
    [COVEY_I_BEGIN_READ] = "BEGIN",
    [COVEY_I_COMMIT] = "COMMIT",
    [COVEY_I_INSERT] =
        "INSERT INTO events (offset, id, type, source, ts, hlc, correlation,"
        "  session, priority, expires, stored, origin, seq, event)"
        "  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        "  ON CONFLICT (id) DO NOTHING",
    [COVEY_I_INSERT_TARGET] = "INSERT OR IGNORE INTO targets VALUES (?1, ?2)",
    [COVEY_I_INSERT_TAG] = "INSERT OR IGNORE INTO tags VALUES (?1, ?2)",
    [COVEY_I_FIND_ID] = "SELECT offset FROM events WHERE id = ?1",
    [COVEY_I_PUT_ORIGIN] = "INSERT INTO origins VALUES (?1, ?2)"
                           "  ON CONFLICT (origin) DO UPDATE SET seq = ?2",
    [COVEY_I_PUT_SPAN] = "INSERT OR REPLACE INTO spans"
                         "  VALUES (?1, ?2, ?3, ?4, ?5)",
    [COVEY_I_DROP_SPAN] = "DELETE FROM spans WHERE span = ?1",
    [COVEY_I_GET_SPAN] = "SELECT span, last, count, ts_min, ts_max FROM spans"
                         "  WHERE span = ?1",
    [COVEY_I_OLD_SPAN] = "SELECT span FROM spans WHERE span >= ?1 AND"
                         "  span <= ?2 AND count > 0 AND ts_min < ?3"
                         "  ORDER BY span LIMIT 1",
    [COVEY_I_OLD_ROWS] = "SELECT offset, event FROM events NOT INDEXED"
                         "  WHERE offset >= ?1 AND offset <= ?2 AND ts < ?3"
                         "  ORDER BY offset LIMIT ?4",
    [COVEY_I_DELETE_ROW] = "DELETE FROM events WHERE offset = ?1",
    [COVEY_I_DELETE_TARGET] = "DELETE FROM targets WHERE target = ?1"
                              "  AND offset = ?2",
    [COVEY_I_DELETE_TAG] = "DELETE FROM tags WHERE tag = ?1 AND offset = ?2",
    [COVEY_I_MEASURE_SPAN] = "SELECT count (*), min (ts), max (ts)"
                             "  FROM events NOT INDEXED"
                             "  WHERE offset >= ?1 AND offset <= ?2",
    [COVEY_I_MARK] = "UPDATE events SET processed = 1 WHERE id = ?1",
    [COVEY_I_LAST_SPAN] = "SELECT span, last, count, ts_min, ts_max FROM spans"
                          "  ORDER BY span DESC LIMIT 1",
    [COVEY_I_SPAN_AFTER] = "SELECT span FROM spans WHERE span >= ?1 AND"
                           "  count > 0 AND ts_max >= ?2 AND ts_min < ?3"
                           "  ORDER BY span LIMIT 1",
    [COVEY_I_SPAN_BEFORE] = "SELECT span FROM spans WHERE span <= ?1 AND"
                            "  count > 0 AND ts_max >= ?2 AND ts_min < ?3"
                            "  ORDER BY span DESC LIMIT 1",
    [COVEY_I_COUNT] = "SELECT sum (count) FROM spans",
    [COVEY_I_PAGES] =
        "SELECT (page_count - freelist_count) * page_size FROM"
        "  pragma_page_count, pragma_freelist_count, pragma_page_size",
    [COVEY_I_FETCH] = "SELECT event, expires, processed FROM events"
                      "  WHERE offset = ?1",
};

sqlite3_stmt *
covey_i_journal_statement (covey_journal_t *self, covey_i_statement_t which,
                           covey_errbuf_t *err)
{
    sqlite3_stmt **statement_p = &self->statements[which];
    if (!*statement_p) {
        int rc =
            sqlite3_prepare_v3 (self->db, s_statements[which], -1,
                                SQLITE_PREPARE_PERSISTENT, statement_p, NULL);
        if (rc != SQLITE_OK) {
            (void)covey_i_journal_fail (self, rc, "preparing for journal",
                                        err); /* NULL says it too */
            return NULL;
        }
    }
    sqlite3_reset (*statement_p);
    return *statement_p;
}

int
covey_i_journal_run (sqlite3_stmt *statement)
{
    int rc = sqlite3_step (statement);
    int reset = sqlite3_reset (statement);
    return rc == SQLITE_DONE ? SQLITE_OK : reset;
}

/* ---- what the file says ------------------------------------------------- */

covey_err_t
covey_i_journal_load_span (covey_journal_t *self, sqlite3_stmt *statement,
                           covey_i_span_t *span, covey_errbuf_t *err)
{
    int rc = sqlite3_step (statement);
    memset (span, 0, sizeof *span);
    if (rc == SQLITE_ROW) {
        span->span = sqlite3_column_int64 (statement, 0);
        span->last = sqlite3_column_int64 (statement, 1);
        span->count = sqlite3_column_int64 (statement, 2);
        span->ts_min = sqlite3_column_int64 (statement, 3);
        span->ts_max = sqlite3_column_int64 (statement, 4);
    }
    sqlite3_reset (statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return covey_i_journal_fail (self, rc, "reading journal", err);
    return COVEY_OK;
}

static covey_err_t
s_load (covey_journal_t *self, covey_errbuf_t *err)
{
    int64_t last = 0;
    sqlite3_stmt *statement =
        covey_i_journal_statement (self, COVEY_I_LAST_SPAN, err);
    if (!statement)
        return COVEY_CORRUPT;
    covey_err_t rc =
        covey_i_journal_load_span (self, statement, &self->span, err);
    if (rc == COVEY_OK)
        rc = covey_i_journal_number (self, "SELECT max (offset) FROM events", 0,
                                     &last, err);
    if (rc != COVEY_OK)
        return rc;
    /* A writer beside a reader may commit between the two; the other way
       round means that the tables do not belong together.                    */
    if (last > self->span.last && self->mode != COVEY_JOURNAL_READ)
        return covey_i_journal_fail (self, SQLITE_CORRUPT, "reading journal",
                                     err);
    self->last_offset = self->span.last;
    return self->mode == COVEY_JOURNAL_READ ? COVEY_OK
                                            : covey_i_origins_load (self, err);
}

/* ---- open and close ----------------------------------------------------- */

covey_err_t
covey_journal_open (const char *path, covey_journal_mode_t mode,
                    covey_journal_t **journal_p, covey_errbuf_t *err)
{
    assert (mode == COVEY_JOURNAL_MEMORY || path);
    covey_journal_t *self = covey_mem_new (sizeof *self);
    self->mode = mode;
    self->lock_fd = -1;
    atomic_init (&self->interrupted, false);
    covey_err_t rc = COVEY_OK;
    if (mode != COVEY_JOURNAL_MEMORY) {
        self->path = covey_str_dup (path);
        if (strlen (path) > 3900)
            rc = covey_fail (err, COVEY_LIMIT,
                             "the path of the journal has %zu bytes, allowed "
                             "are 3900",
                             strlen (path));
    }
    if (rc == COVEY_OK && mode == COVEY_JOURNAL_WRITE)
        rc = covey_i_journal_lock (self, err);
    if (rc == COVEY_OK)
        rc = covey_i_journal_connect (self, err);
    if (rc == COVEY_OK)
        rc = s_load (self, err);
    if (rc != COVEY_OK)
        covey_journal_close (&self);
    else
        *journal_p = self;
    return rc;
}

void
covey_journal_close (covey_journal_t **self_p)
{
    covey_journal_t *self = *self_p;
    if (!self)
        return;
    covey_i_journal_disconnect (self);
    if (self->lock_fd >= 0)
        close (self->lock_fd);
    covey_i_origins_forget (self);
    free (self->origins);
    free (self->path);
    free (self);
    *self_p = NULL;
}

/* ---- batches ------------------------------------------------------------ */

/*  The batch is gone. A file is opened anew, because after a failed fsync only
    the file knows what is in it; memory is rolled back.                      */
covey_err_t
covey_i_journal_end_batch (covey_journal_t *self, int rc, const char *doing,
                           covey_errbuf_t *err)
{
    covey_err_t code = covey_i_journal_fail (self, rc, doing, err);
    self->in_batch = false;
    if (self->mode == COVEY_JOURNAL_MEMORY) {
        covey_journal_rollback (self);
        return code;
    }
    covey_i_journal_disconnect (self);
    if (covey_i_journal_connect (self, NULL) == COVEY_OK &&
        s_load (self, NULL) != COVEY_OK)
        covey_i_journal_disconnect (self);
    return code;
}

void
covey_journal_rollback (covey_journal_t *self)
{
    self->in_batch = false;
    if (!self->db)
        return;
    /* No transaction to roll back is fine: SQLite ended it by itself. */
    (void)sqlite3_exec (self->db, "ROLLBACK", NULL, NULL, NULL);
    if (s_load (self, NULL) != COVEY_OK && self->mode != COVEY_JOURNAL_MEMORY)
        covey_i_journal_disconnect (self);
}

covey_err_t
covey_journal_begin (covey_journal_t *self, covey_errbuf_t *err)
{
    assert (!self->in_batch && self->mode != COVEY_JOURNAL_READ);
    self->deadline_ms = 0; /* it is for queries */
    if (!self->db) {
        covey_err_t rc = covey_i_journal_connect (self, err);
        if (rc == COVEY_OK)
            rc = s_load (self, err);
        if (rc != COVEY_OK) {
            if (self->db)
                covey_i_journal_disconnect (self);
            return rc;
        }
    }
    sqlite3_stmt *statement =
        covey_i_journal_statement (self, COVEY_I_BEGIN, err);
    if (!statement)
        return COVEY_CORRUPT;
    int rc = covey_i_journal_run (statement);
    if (rc != SQLITE_OK)
        return covey_i_journal_end_batch (self, rc, "writing journal", err);
    self->in_batch = true;
    return COVEY_OK;
}

static void
s_bind_slice (sqlite3_stmt *statement, int at, covey_slice_t slice)
{
    if (slice.size)
        sqlite3_bind_text (statement, at, slice.text, (int)slice.size,
                           SQLITE_STATIC);
    else
        sqlite3_bind_null (statement, at);
}

static int
s_insert_names (covey_journal_t *self, const covey_peek_t *event,
                int64_t offset, covey_errbuf_t *err)
{
    sqlite3_stmt *statement;
    int rc = SQLITE_OK;
    for (uint32_t i = 0; i < event->target_count && rc == SQLITE_OK; i++) {
        statement =
            covey_i_journal_statement (self, COVEY_I_INSERT_TARGET, err);
        if (!statement)
            return SQLITE_ERROR;
        covey_slice_t target =
            i ? covey_peek_target (event, i) : event->first_target;
        sqlite3_bind_text (statement, 1, target.text, (int)target.size,
                           SQLITE_STATIC);
        sqlite3_bind_int64 (statement, 2, offset);
        rc = covey_i_journal_run (statement);
    }
    for (uint32_t i = 0; i < event->tag_count && rc == SQLITE_OK; i++) {
        statement = covey_i_journal_statement (self, COVEY_I_INSERT_TAG, err);
        if (!statement)
            return SQLITE_ERROR;
        covey_slice_t tag = covey_peek_tag (event, i);
        sqlite3_bind_text (statement, 1, tag.text, (int)tag.size,
                           SQLITE_STATIC);
        sqlite3_bind_int64 (statement, 2, offset);
        rc = covey_i_journal_run (statement);
    }
    return rc;
}

/*  When the event stops to be of use, or 0.                                 */
static int64_t
s_expiry (const covey_peek_t *event)
{
    int64_t ttl_us = (int64_t)event->ttl_ms * 1000;
    if (!ttl_us || event->timestamp_us > INT64_MAX - ttl_us)
        return 0;
    return event->timestamp_us + ttl_us;
}

static int
s_insert (covey_journal_t *self, sqlite3_stmt *statement,
          const covey_peek_t *event, covey_i_origin_t *entry, uint64_t seq,
          int64_t now_us)
{
    int64_t expires = s_expiry (event);
    sqlite3_bind_int64 (statement, 1, self->last_offset + 1);
    sqlite3_bind_blob (statement, 2, event->id, 16, SQLITE_STATIC);
    sqlite3_bind_int (statement, 3, event->type);
    sqlite3_bind_text (statement, 4,
                       event->source.size ? event->source.text : "",
                       (int)event->source.size, SQLITE_STATIC);
    sqlite3_bind_int64 (statement, 5, event->timestamp_us);
    sqlite3_bind_int64 (statement, 6, (int64_t)event->hlc);
    s_bind_slice (statement, 7, event->correlation_id);
    s_bind_slice (statement, 8, event->session_id);
    sqlite3_bind_int64 (statement, 9, event->priority);
    if (expires)
        sqlite3_bind_int64 (statement, 10, expires);
    else
        sqlite3_bind_null (statement, 10);
    sqlite3_bind_int64 (statement, 11, now_us);
    sqlite3_bind_blob (statement, 12, entry->origin, 16, SQLITE_STATIC);
    sqlite3_bind_int64 (statement, 13, (int64_t)seq);
    sqlite3_bind_blob (statement, 14, event->bytes, (int)event->size,
                       SQLITE_STATIC);
    return covey_i_journal_run (statement);
}

static int
s_find_id (covey_journal_t *self, const uint8_t id[16], int64_t *offset_p)
{
    sqlite3_stmt *statement =
        covey_i_journal_statement (self, COVEY_I_FIND_ID, NULL);
    if (!statement)
        return SQLITE_ERROR;
    sqlite3_bind_blob (statement, 1, id, 16, SQLITE_STATIC);
    int rc = sqlite3_step (statement);
    *offset_p = rc == SQLITE_ROW ? sqlite3_column_int64 (statement, 0) : -1;
    sqlite3_reset (statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/*  Note a row at `self->last_offset` in its span, which is the newest one. A
    span that is full goes to the file with the batch.                        */
covey_err_t
covey_i_journal_put_span (covey_journal_t *self, const covey_i_span_t *span,
                          int *rc_p, covey_errbuf_t *err)
{
    sqlite3_stmt *statement =
        covey_i_journal_statement (self, COVEY_I_PUT_SPAN, err);
    if (!statement)
        return COVEY_CORRUPT;
    sqlite3_bind_int64 (statement, 1, span->span);
    sqlite3_bind_int64 (statement, 2, span->last);
    sqlite3_bind_int64 (statement, 3, span->count);
    sqlite3_bind_int64 (statement, 4, span->ts_min);
    sqlite3_bind_int64 (statement, 5, span->ts_max);
    *rc_p = covey_i_journal_run (statement);
    return COVEY_OK;
}

static int
s_note_in_span (covey_journal_t *self, int64_t timestamp_us)
{
    covey_i_span_t *span = &self->span;
    int64_t number = self->last_offset >> COVEY_I_SPAN_SHIFT;
    int rc = SQLITE_OK;
    if (number != span->span) {
        if (span->last &&
            covey_i_journal_put_span (self, span, &rc, NULL) != COVEY_OK)
            return SQLITE_ERROR;
        memset (span, 0, sizeof *span);
        span->span = number;
    }
    if (!span->count || timestamp_us < span->ts_min)
        span->ts_min = timestamp_us;
    if (!span->count || timestamp_us > span->ts_max)
        span->ts_max = timestamp_us;
    span->count++;
    span->last = self->last_offset;
    return rc;
}

covey_err_t
covey_journal_append (covey_journal_t *self, const covey_peek_t *event,
                      const uint8_t origin[16], uint64_t seq, int64_t now_us,
                      int64_t *offset_p, bool *duplicate_p, uint64_t *expect_p,
                      covey_errbuf_t *err)
{
    assert (self->in_batch);
    if (!event->id)
        return covey_fail (err, COVEY_MALFORMED, "the event has no id");
    covey_i_origin_t *entry = covey_i_origin (self, origin);
    covey_err_t code = covey_i_origin_check (entry, seq, expect_p, err);
    if (code != COVEY_OK)
        return code;
    sqlite3_stmt *insert =
        covey_i_journal_statement (self, COVEY_I_INSERT, err);
    int64_t offset = self->last_offset + 1;
    int rc = insert ? SQLITE_OK : SQLITE_ERROR;
    bool is_new = false;
    if (rc == SQLITE_OK && seq > entry->seq) {
        rc = s_insert (self, insert, event, entry, seq, now_us);
        is_new = rc == SQLITE_OK && sqlite3_changes (self->db) == 1;
    }
    if (rc == SQLITE_OK && is_new) {
        self->last_offset = offset;
        rc = s_insert_names (self, event, offset, err);
        if (rc == SQLITE_OK)
            rc = s_note_in_span (self, event->timestamp_us);
    } else if (rc == SQLITE_OK)
        rc = s_find_id (self, event->id, &offset);
    if (rc != SQLITE_OK)
        return covey_i_journal_end_batch (self, rc, "writing journal", err);
    if (seq > entry->seq)
        covey_i_origin_set (self, entry, seq);
    *offset_p = offset;
    *duplicate_p = !is_new;
    return COVEY_OK;
}

covey_err_t
covey_journal_skip (covey_journal_t *self, const uint8_t origin[16],
                    uint64_t seq, uint64_t *expect_p, covey_errbuf_t *err)
{
    assert (self->in_batch);
    covey_i_origin_t *entry = covey_i_origin (self, origin);
    covey_err_t code = covey_i_origin_check (entry, seq, expect_p, err);
    if (code == COVEY_OK && seq > entry->seq)
        covey_i_origin_set (self, entry, seq);
    return code;
}

covey_err_t
covey_journal_resume (covey_journal_t *self, const uint8_t origin[16],
                      uint64_t seq, covey_errbuf_t *err)
{
    assert (self->in_batch && seq > 0);
    covey_i_origin_t *entry = covey_i_origin (self, origin);
    if (seq <= entry->seq)
        return covey_fail (err, COVEY_STATE,
                           "sequence %llu of this origin is stored already",
                           (unsigned long long)seq);
    covey_i_origin_set (self, entry, seq - 1);
    return COVEY_OK;
}

covey_err_t
covey_journal_commit (covey_journal_t *self, covey_errbuf_t *err)
{
    assert (self->in_batch);
    int rc = SQLITE_OK;
    if (self->span.last &&
        covey_i_journal_put_span (self, &self->span, &rc, err) != COVEY_OK)
        rc = SQLITE_ERROR;
    if (rc == SQLITE_OK)
        rc = covey_i_origins_save (self, err);
    sqlite3_stmt *commit =
        covey_i_journal_statement (self, COVEY_I_COMMIT, err);
    if (!commit)
        rc = SQLITE_ERROR;
    if (rc == SQLITE_OK)
        rc = covey_i_journal_run (commit);
    if (rc != SQLITE_OK)
        return covey_i_journal_end_batch (self, rc, "writing journal", err);
    covey_i_origins_saved (self);
    self->in_batch = false;
    return COVEY_OK;
}

/* ---- snapshots for queries ---------------------------------------------- */

covey_err_t
covey_i_journal_begin_read (covey_journal_t *self, covey_errbuf_t *err)
{
    if (!self->db) {
        covey_err_t code = covey_i_journal_connect (self, err);
        if (code != COVEY_OK)
            return code;
    }
    sqlite3_stmt *statement =
        covey_i_journal_statement (self, COVEY_I_BEGIN_READ, err);
    if (!statement)
        return COVEY_CORRUPT;
    int rc = covey_i_journal_run (statement);
    return rc == SQLITE_OK
               ? COVEY_OK
               : covey_i_journal_fail (self, rc, "querying journal", err);
}

void
covey_i_journal_end_read (covey_journal_t *self)
{
    /* Nothing was written: it cannot matter how this ends. */
    (void)sqlite3_exec (self->db, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- numbers ------------------------------------------------------------ */

int64_t
covey_journal_last_offset (const covey_journal_t *self)
{
    return self->last_offset;
}

static uint64_t
s_number (covey_journal_t *self, covey_i_statement_t which)
{
    sqlite3_stmt *statement =
        self->db ? covey_i_journal_statement (self, which, NULL) : NULL;
    if (!statement || sqlite3_step (statement) != SQLITE_ROW)
        return 0;
    uint64_t number = (uint64_t)sqlite3_column_int64 (statement, 0);
    sqlite3_reset (statement);
    return number;
}

uint64_t
covey_journal_bytes (covey_journal_t *self)
{
    return s_number (self, COVEY_I_PAGES);
}

uint64_t
covey_journal_count (covey_journal_t *self)
{
    return s_number (self, COVEY_I_COUNT);
}

void
covey_journal_set_deadline (covey_journal_t *self, int64_t deadline_ms)
{
    self->deadline_ms = deadline_ms;
}

void
covey_journal_interrupt (covey_journal_t *self)
{
    atomic_store (&self->interrupted, true);
}
