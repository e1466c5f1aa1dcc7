/*  The store of the replicated log in control.db, an SQLite file.

    meta      one row: who we are, the log we belong to, our promises
    entries   idx of the first one in it, count, bytes: entries that were
              appended one behind the other (replog_rows.h)
    snapshot  one row: idx, term, the members in it and their index, sum
    pieces    the state in it, no, bytes, sum: those with the lowest numbers,
              as many as it takes; behind them is what was prepared of the next
              one, and never put when a crash came between
    Sums      over all that a row says, of each entry: SQLite has none        */
#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/replog_rows.h"
#include "coordinator/replog_sqlite_file.h"

/*  A piece is what a commit of entries may have to wait for.                 */
#define PIECE_BYTES ((size_t)1 << 20)
#define DROP_ENTRIES 4096 /* likewise */
/*  A row that is cut is written again; many pages do not make it cheaper.   */
#define ROW_BYTES ((size_t)1 << 16)

typedef enum {
    BEGIN,
    COMMIT,
    SET_META,
    PUT_ENTRIES,
    LAST_ENTRIES,
    CUT_TAIL,
    CUT_HEAD,
    PUT_SNAPSHOT,
    DROP_PIECES,
    DROP_LEFT,
    PUT_PIECE,
    STATEMENTS
} s_statement_t;

static const char *const s_sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [SET_META] = "INSERT OR REPLACE INTO meta VALUES (1, ?, ?, ?, ?, ?)",
    [PUT_ENTRIES] = "INSERT INTO entries VALUES (?, ?, ?)",
    [LAST_ENTRIES] =
        "SELECT * FROM entries WHERE idx < ? ORDER BY idx DESC LIMIT 1",
    [CUT_TAIL] = "DELETE FROM entries WHERE idx >= ?",
    [CUT_HEAD] = "DELETE FROM entries WHERE idx < ?",
    [PUT_SNAPSHOT] =
        "INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?, ?, ?, ?, ?)",
    [DROP_PIECES] = "DELETE FROM pieces WHERE no < ?",
    [DROP_LEFT] = "DELETE FROM pieces WHERE no >= ?",
    [PUT_PIECE] = "INSERT INTO pieces VALUES (?, ?, ?)",
};

typedef struct {
    covey_replog_store_t store;
    covey_replog_file_t file;
    sqlite3_stmt *statements[STATEMENTS];
    covey_buf_t row; /* entries that were appended, and are not written       */
    uint64_t row_first;
    uint64_t row_count;
    uint64_t first_piece; /* of the snapshot that is prepared                 */
    uint64_t next_piece;
    bool open_transaction;
    bool broken;
} s_store_t;

/* ---- sums -------------------------------------------------------------------
 */

static uint64_t
s_meta_sum (const covey_replog_meta_t *meta)
{
    uint64_t numbers[] = {meta->member_id, meta->term, meta->voted_for};
    return covey_replog_sum (numbers, 3, meta->cluster.bytes, 16);
}

static uint64_t
s_snapshot_sum (const covey_replog_snapshot_t *snapshot)
{
    uint64_t numbers[] = {snapshot->index, snapshot->term,
                          snapshot->members_index, snapshot->state_size};
    return covey_replog_sum (numbers, 4, snapshot->members,
                             snapshot->members_size);
}

/* ---- begin and end ---------------------------------------------------------
 */

static covey_err_t
s_prepare (s_store_t *self, covey_errbuf_t *err)
{
    for (size_t i = 0; i < STATEMENTS; i++) {
        int rc = sqlite3_prepare_v3 (self->file.db, s_sql[i], -1,
                                     SQLITE_PREPARE_PERSISTENT,
                                     &self->statements[i], NULL);
        if (rc != SQLITE_OK)
            return covey_replog_file_fail (&self->file, rc, "use it", err);
    }
    return COVEY_OK;
}

static void
s_close (covey_replog_store_t **self_p)
{
    s_store_t *self = (s_store_t *)*self_p;
    if (!self)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize (self->statements[i]);
    if (self->open_transaction)
        sqlite3_exec (self->file.db, "ROLLBACK", NULL, NULL, NULL);
    covey_replog_file_close (&self->file);
    covey_buf_deinit (&self->row);
    free (self);
    *self_p = NULL;
}

/* ---- writing ----------------------------------------------------------------
 */

/*  Run what is bound.                                                       */
static covey_err_t
s_run (s_store_t *self, s_statement_t which, covey_errbuf_t *err)
{
    sqlite3_stmt *statement = self->statements[which];
    int rc = sqlite3_step (statement);
    sqlite3_reset (statement);
    sqlite3_clear_bindings (statement);
    if (rc == SQLITE_DONE)
        return COVEY_OK;
    self->broken = true;
    return covey_replog_file_fail (&self->file, rc, "write to it", err);
}

static covey_err_t
s_begin (s_store_t *self, covey_errbuf_t *err)
{
    if (self->broken)
        return covey_fail (err, COVEY_STATE,
                           "%s: takes no more since a write failed",
                           self->file.path);
    if (self->open_transaction)
        return COVEY_OK;
    covey_err_t code = s_run (self, BEGIN, err);
    self->open_transaction = code == COVEY_OK;
    return code;
}

static void
s_bind (s_store_t *self, s_statement_t which, int at, uint64_t value)
{
    sqlite3_bind_int64 (self->statements[which], at, (int64_t)value);
}

static uint64_t
s_column (sqlite3_stmt *query, int at)
{
    return (uint64_t)sqlite3_column_int64 (query, at);
}

/*  An empty blob is not NULL.                                               */
static void
s_bind_bytes (s_store_t *self, s_statement_t which, int at, const void *data,
              size_t size)
{
    sqlite3_bind_blob64 (self->statements[which], at, size ? data : "", size,
                         SQLITE_STATIC);
}

static covey_err_t
s_set_meta (covey_replog_store_t *store, const covey_replog_meta_t *meta,
            covey_errbuf_t *err)
{
    s_store_t *self = (s_store_t *)store;
    covey_err_t code = s_begin (self, err);
    if (code)
        return code;
    s_bind (self, SET_META, 1, meta->member_id);
    s_bind_bytes (self, SET_META, 2, meta->cluster.bytes, 16);
    s_bind (self, SET_META, 3, meta->term);
    s_bind (self, SET_META, 4, meta->voted_for);
    s_bind (self, SET_META, 5, s_meta_sum (meta));
    return s_run (self, SET_META, err);
}

/* ---- entries ----------------------------------------------------------------
 */

static covey_err_t
s_put_entries (s_store_t *self, uint64_t first, uint64_t count,
               const void *data, size_t size, covey_errbuf_t *err)
{
    s_bind (self, PUT_ENTRIES, 1, first);
    s_bind (self, PUT_ENTRIES, 2, count);
    s_bind_bytes (self, PUT_ENTRIES, 3, data, size);
    return s_run (self, PUT_ENTRIES, err);
}

/*  What was appended becomes a row.                                         */
static covey_err_t
s_put_row (s_store_t *self, covey_errbuf_t *err)
{
    if (!self->row_count)
        return COVEY_OK;
    covey_err_t code = s_begin (self, err);
    if (!code)
        code = s_put_entries (self, self->row_first, self->row_count,
                              self->row.data, self->row.size, err);
    covey_buf_clear (&self->row);
    self->row_count = 0;
    return code;
}

static covey_err_t
s_append (covey_replog_store_t *store, const covey_replog_entry_t *entry,
          covey_errbuf_t *err)
{
    s_store_t *self = (s_store_t *)store;
    covey_err_t code = s_begin (self, err);
    if (!code && self->row.size + entry->size > ROW_BYTES)
        code = s_put_row (self, err);
    if (code)
        return code;
    if (!self->row_count)
        self->row_first = entry->index;
    assert (entry->index == self->row_first + self->row_count);
    self->row_count++;
    covey_replog_row_add (&self->row, entry);
    return COVEY_OK;
}

/*  A row with entries on both sides of an index.                            */
typedef struct {
    uint64_t first, count; /* 0: there is none                                */
    uint8_t *data;
    size_t size;
    size_t at; /* of the entry with the index                                 */
} s_cut_t;

static covey_err_t
s_read_cut (s_store_t *self, uint64_t index, s_cut_t *cut, covey_errbuf_t *err)
{
    sqlite3_stmt *query = self->statements[LAST_ENTRIES];
    uint64_t first = s_column (query, 0), count = s_column (query, 1);
    if (first + count <= index)
        return COVEY_OK;
    covey_replog_entry_t entry;
    covey_replog_row_t row = {.data = sqlite3_column_blob (query, 2),
                              .size = (size_t)sqlite3_column_bytes (query, 2),
                              .index = first};
    while (row.index < index)
        if (!covey_replog_row_next (&row, &entry))
            return covey_replog_file_corrupt (&self->file, "entry", row.index,
                                              "damaged", err);
    *cut = (s_cut_t){first, count, covey_mem_dup (row.data, row.size), row.size,
                     row.at};
    return COVEY_OK;
}

static covey_err_t
s_find_cut (s_store_t *self, uint64_t index, s_cut_t *cut, covey_errbuf_t *err)
{
    *cut = (s_cut_t){0};
    covey_err_t code = s_put_row (self, err);
    if (code)
        return code;
    sqlite3_stmt *query = self->statements[LAST_ENTRIES];
    s_bind (self, LAST_ENTRIES, 1, index);
    int rc = sqlite3_step (query);
    if (rc == SQLITE_ROW)
        code = s_read_cut (self, index, cut, err);
    else if (rc != SQLITE_DONE)
        code = covey_replog_file_fail (&self->file, rc, "read it", err);
    sqlite3_reset (query);
    self->broken = self->broken || code;
    return code;
}

static covey_err_t
s_truncate (covey_replog_store_t *store, uint64_t index, covey_errbuf_t *err)
{
    s_store_t *self = (s_store_t *)store;
    s_cut_t cut;
    covey_err_t code = s_begin (self, err);
    if (!code)
        code = s_find_cut (self, index, &cut, err);
    if (code)
        return code;
    s_bind (self, CUT_TAIL, 1, cut.count ? cut.first : index);
    code = s_run (self, CUT_TAIL, err);
    if (!code && cut.count)
        code = s_put_entries (self, cut.first, index - cut.first, cut.data,
                              cut.at, err);
    free (cut.data);
    return code;
}

/*  All that are before.                                                     */
static covey_err_t
s_drop (s_store_t *self, uint64_t first_kept, covey_errbuf_t *err)
{
    s_cut_t cut;
    covey_err_t code = s_find_cut (self, first_kept, &cut, err);
    if (code)
        return code;
    s_bind (self, CUT_HEAD, 1, first_kept);
    code = s_run (self, CUT_HEAD, err);
    if (!code && cut.count)
        code =
            s_put_entries (self, first_kept, cut.first + cut.count - first_kept,
                           cut.data + cut.at, cut.size - cut.at, err);
    free (cut.data);
    return code;
}

static covey_err_t
s_drop_head (covey_replog_store_t *store, uint64_t first_kept, bool *more_p,
             covey_errbuf_t *err)
{
    s_store_t *self = (s_store_t *)store;
    int64_t first = 0;
    covey_err_t code = s_begin (self, err);
    if (!code)
        code = s_put_row (self, err);
    if (!code)
        code = covey_replog_file_number (
            &self->file, "SELECT min (idx) FROM entries", &first, err);
    if (code)
        return code;
    uint64_t until = (uint64_t)first + DROP_ENTRIES;
    *more_p = first && until < first_kept;
    return s_drop (self, *more_p ? until : first_kept, err);
}

/* ---- snapshots --------------------------------------------------------------
 */

/*  Behind those that count.                                                  */
static covey_err_t
s_begin_pieces (s_store_t *self, covey_errbuf_t *err)
{
    int64_t behind = 0;
    covey_err_t code = covey_replog_file_number (
        &self->file, "SELECT coalesce (max (no) + 1, 0) FROM pieces", &behind,
        err);
    self->first_piece = self->next_piece = (uint64_t)behind;
    return code;
}

static covey_err_t
s_put_piece (s_store_t *self, covey_replog_snapshot_t *snapshot,
             covey_errbuf_t *err)
{
    const uint8_t *data = (const uint8_t *)snapshot->state + snapshot->prepared;
    size_t size = snapshot->state_size - snapshot->prepared;
    if (size > PIECE_BYTES)
        size = PIECE_BYTES;
    uint64_t numbers[] = {snapshot->index,
                          self->next_piece - self->first_piece};
    s_bind (self, PUT_PIECE, 1, self->next_piece);
    s_bind_bytes (self, PUT_PIECE, 2, data, size);
    s_bind (self, PUT_PIECE, 3, covey_replog_sum (numbers, 2, data, size));
    self->next_piece++;
    snapshot->prepared += size;
    return s_run (self, PUT_PIECE, err);
}

static covey_err_t
s_prepare_snapshot (covey_replog_store_t *store,
                    covey_replog_snapshot_t *snapshot, covey_errbuf_t *err)
{
    s_store_t *self = (s_store_t *)store;
    covey_err_t code = s_begin (self, err);
    if (!code && snapshot->prepared == 0)
        code = s_begin_pieces (self, err);
    if (!code && snapshot->prepared < snapshot->state_size)
        code = s_put_piece (self, snapshot, err);
    return code;
}

/*  All that is not there, and nothing but that.                              */
static covey_err_t
s_put_pieces (s_store_t *self, const covey_replog_snapshot_t *snapshot,
              covey_errbuf_t *err)
{
    covey_replog_snapshot_t rest = *snapshot;
    covey_err_t code = rest.prepared ? COVEY_OK : s_begin_pieces (self, err);
    while (!code && rest.prepared < rest.state_size)
        code = s_put_piece (self, &rest, err);
    if (code)
        return code;
    s_bind (self, DROP_PIECES, 1, self->first_piece);
    return s_run (self, DROP_PIECES, err);
}

static covey_err_t
s_put_snapshot (covey_replog_store_t *store,
                const covey_replog_snapshot_t *snapshot, uint64_t first_kept,
                covey_errbuf_t *err)
{
    s_store_t *self = (s_store_t *)store;
    covey_err_t code = s_begin (self, err);
    if (!code)
        code = s_put_pieces (self, snapshot, err);
    if (code)
        return code;
    s_bind (self, PUT_SNAPSHOT, 1, snapshot->index);
    s_bind (self, PUT_SNAPSHOT, 2, snapshot->term);
    s_bind (self, PUT_SNAPSHOT, 3, snapshot->members_index);
    s_bind_bytes (self, PUT_SNAPSHOT, 4, snapshot->members,
                  snapshot->members_size);
    s_bind (self, PUT_SNAPSHOT, 5, snapshot->state_size);
    s_bind (self, PUT_SNAPSHOT, 6, s_snapshot_sum (snapshot));
    code = s_run (self, PUT_SNAPSHOT, err);
    return code ? code : s_drop (self, first_kept, err);
}

static covey_err_t
s_commit (covey_replog_store_t *store, covey_errbuf_t *err)
{
    s_store_t *self = (s_store_t *)store;
    if (self->broken)
        return s_begin (self, err);
    if (!self->open_transaction)
        return COVEY_OK;
    covey_err_t code = s_put_row (self, err);
    /* When it fails it may be on the disk all the same: only a fresh look
       tells. */
    if (!code)
        code = s_run (self, COMMIT, err);
    if (!code)
        self->open_transaction = false;
    return code;
}

static uint64_t
s_bytes (covey_replog_store_t *store)
{
    return covey_replog_file_bytes (&((s_store_t *)store)->file);
}

/* ---- reading ----------------------------------------------------------------
 */

/*  One row of a query to `row`, which returns OK to go on.                  */
typedef covey_err_t (s_row_fn) (s_store_t *self, sqlite3_stmt *query, void *arg,
                                covey_errbuf_t *err);

static covey_err_t
s_each (s_store_t *self, const char *sql, s_row_fn *row, void *arg,
        covey_errbuf_t *err)
{
    sqlite3_stmt *query = NULL;
    covey_err_t code = COVEY_OK;
    int rc = sqlite3_prepare_v2 (self->file.db, sql, -1, &query, NULL);
    while (rc == SQLITE_OK && !code) {
        int step = sqlite3_step (query);
        if (step == SQLITE_DONE)
            break;
        if (step == SQLITE_ROW)
            code = row (self, query, arg, err);
        else
            rc = step;
    }
    if (rc != SQLITE_OK)
        code = covey_replog_file_fail (&self->file, rc, "read it", err);
    sqlite3_finalize (query);
    return code;
}

typedef struct {
    const covey_replog_reader_t *to;
    covey_replog_meta_t meta;
    covey_replog_snapshot_t snapshot;
    covey_buf_t state;
    uint64_t pieces;
    uint64_t next_piece;
    uint64_t next; /* entry; 0: any                                           */
} s_reading_t;

static covey_err_t
s_meta_row (s_store_t *self, sqlite3_stmt *query, void *arg,
            covey_errbuf_t *err)
{
    covey_replog_meta_t *meta = &((s_reading_t *)arg)->meta;
    meta->member_id = s_column (query, 0);
    const void *cluster = sqlite3_column_blob (query, 1);
    if (!cluster || sqlite3_column_bytes (query, 1) != 16)
        return covey_replog_file_corrupt (&self->file, "row", 1, "damaged",
                                          err);
    memcpy (meta->cluster.bytes, cluster, 16);
    meta->term = s_column (query, 2);
    meta->voted_for = s_column (query, 3);
    return s_column (query, 4) == s_meta_sum (meta)
               ? COVEY_OK
               : covey_replog_file_corrupt (&self->file, "row", 1, "damaged",
                                            err);
}

static covey_err_t
s_piece_row (s_store_t *self, sqlite3_stmt *query, void *arg,
             covey_errbuf_t *err)
{
    s_reading_t *reading = arg;
    if (reading->state.size >= reading->snapshot.state_size)
        return COVEY_OK; /* of one that was not put */
    if (!reading->pieces)
        reading->next_piece = s_column (query, 0);
    const void *data = sqlite3_column_blob (query, 1);
    size_t size = (size_t)sqlite3_column_bytes (query, 1);
    uint64_t numbers[] = {reading->snapshot.index, reading->pieces};
    if (s_column (query, 0) != reading->next_piece ||
        covey_replog_sum (numbers, 2, data, size) != s_column (query, 2) ||
        covey_buf_append (&reading->state, data, size))
        return covey_replog_file_corrupt (&self->file, "the snapshot, piece",
                                          reading->pieces, "damaged", err);
    reading->pieces++;
    reading->next_piece++;
    return COVEY_OK;
}

static covey_err_t
s_snapshot_row (s_store_t *self, sqlite3_stmt *query, void *arg,
                covey_errbuf_t *err)
{
    s_reading_t *reading = arg;
    covey_replog_snapshot_t *snapshot = &reading->snapshot;
    snapshot->index = s_column (query, 0);
    snapshot->term = s_column (query, 1);
    snapshot->members_index = s_column (query, 2);
    snapshot->members = sqlite3_column_blob (query, 3);
    snapshot->members_size = (size_t)sqlite3_column_bytes (query, 3);
    snapshot->state_size = (size_t)s_column (query, 4);
    if (!snapshot->members || s_column (query, 5) != s_snapshot_sum (snapshot))
        return covey_replog_file_corrupt (&self->file, "the snapshot at",
                                          snapshot->index, "damaged", err);
    covey_buf_init (&reading->state, snapshot->state_size + 1);
    covey_err_t code =
        s_each (self, "SELECT no, bytes, sum FROM pieces ORDER BY no",
                s_piece_row, reading, err);
    snapshot->state = reading->state.data;
    if (!code && reading->state.size != snapshot->state_size)
        code = covey_replog_file_corrupt (&self->file, "the snapshot at",
                                          snapshot->index, "damaged", err);
    if (!code)
        code = reading->to->snapshot (reading->to->arg, snapshot, err);
    covey_buf_deinit (&reading->state);
    return code;
}

static covey_err_t
s_entries_row (s_store_t *self, sqlite3_stmt *query, void *arg,
               covey_errbuf_t *err)
{
    s_reading_t *reading = arg;
    covey_replog_row_t row = {.data = sqlite3_column_blob (query, 2),
                              .size = (size_t)sqlite3_column_bytes (query, 2),
                              .index = s_column (query, 0)};
    uint64_t behind = row.index + s_column (query, 1);
    if (reading->next && row.index != reading->next)
        return covey_replog_file_corrupt (&self->file, "entry", reading->next,
                                          "missing", err);
    covey_err_t code = COVEY_OK;
    while (!code && row.at < row.size) {
        covey_replog_entry_t entry;
        if (!covey_replog_row_next (&row, &entry))
            return covey_replog_file_corrupt (&self->file, "entry", row.index,
                                              "damaged", err);
        code = reading->to->entry (reading->to->arg, &entry, err);
    }
    reading->next = row.index;
    if (!code && row.index != behind)
        code = covey_replog_file_corrupt (&self->file, "entry", row.index,
                                          "damaged", err);
    return code;
}

static covey_err_t
s_read_snapshot (s_store_t *self, s_reading_t *reading, covey_errbuf_t *err)
{
    return s_each (self,
                   "SELECT idx, term, members_idx, members, size, sum "
                   "FROM snapshot",
                   s_snapshot_row, reading, err);
}

static covey_err_t
s_get_snapshot (covey_replog_store_t *store, const covey_replog_reader_t *to,
                covey_errbuf_t *err)
{
    s_reading_t reading = {.to = to};
    return s_read_snapshot ((s_store_t *)store, &reading, err);
}

static covey_err_t
s_read (covey_replog_store_t *store, const covey_replog_reader_t *to,
        covey_errbuf_t *err)
{
    s_store_t *self = (s_store_t *)store;
    s_reading_t reading = {.to = to};
    covey_err_t code = s_put_row (self, err);
    if (!code)
        code =
            s_each (self, "SELECT member, cluster, term, vote, sum FROM meta",
                    s_meta_row, &reading, err);
    if (!code)
        code = to->meta (to->arg, &reading.meta, err);
    if (!code)
        code = s_read_snapshot (self, &reading, err);
    if (!code)
        code =
            s_each (self, "SELECT idx, count, bytes FROM entries ORDER BY idx",
                    s_entries_row, &reading, err);
    if (code)
        return code;
    s_bind (self, DROP_LEFT, 1, reading.next_piece);
    return s_run (self, DROP_LEFT, err);
}

covey_err_t
covey_replog_store_sqlite (const char *path, covey_replog_store_t **store_p,
                           covey_errbuf_t *err)
{
    static const covey_replog_store_class_t klass = {
        .read = s_read,
        .set_meta = s_set_meta,
        .append = s_append,
        .truncate = s_truncate,
        .prepare_snapshot = s_prepare_snapshot,
        .put_snapshot = s_put_snapshot,
        .drop_head = s_drop_head,
        .get_snapshot = s_get_snapshot,
        .commit = s_commit,
        .bytes = s_bytes,
        .close = s_close,
    };
    s_store_t *self = covey_mem_new (sizeof *self);
    self->store.klass = &klass;
    covey_buf_init (&self->row, SIZE_MAX);
    covey_err_t code = covey_replog_file_open (&self->file, path, err);
    if (!code)
        code = s_prepare (self, err);
    covey_replog_store_t *store = &self->store;
    if (code)
        s_close (&store);
    else
        *store_p = store;
    return code;
}
