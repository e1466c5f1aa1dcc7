/*  The store of the replicated log: control.db, an SQLite file in WAL mode with
    synchronous FULL, locked for one process.

    meta      one row: who we are, the log we belong to, our promises
    entries   idx, term, kind, bytes, hash
    snapshot  one row: idx, term, the members in it and their index, hash
    pieces    the state in it, no, bytes, hash: those with the lowest numbers,
              as many as it takes; behind them is what was prepared of the next
              one, and never put when a crash came between
    Hashes    FNV-1a over all columns of the row: SQLite has none
    Pragmas   application_id says that the file is ours, user_version is the
              format                                                          */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/replog_store.h"

#define APPLICATION_ID 0x43565943 /* "CVYC" */
#define FORMAT 2
/*  A piece is what a commit of entries may have to wait for.                 */
#define PIECE_BYTES ((size_t)1 << 20)
#define DROP_ENTRIES 4096 /* likewise */

typedef enum {
    BEGIN,
    COMMIT,
    SET_META,
    PUT_ENTRY,
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
    [PUT_ENTRY] = "INSERT INTO entries VALUES (?, ?, ?, ?, ?)",
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
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    char *path;
    uint64_t first_piece; /* of the snapshot that is prepared                 */
    uint64_t next_piece;
    bool open_transaction;
    bool broken;
} s_file_t;

/* ---- errors -----------------------------------------------------------------
 */

static covey_err_t
s_code (int rc)
{
    switch (rc & 0xff) {
        case SQLITE_NOTADB:
        case SQLITE_CORRUPT:
            return COVEY_CORRUPT;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return COVEY_BUSY;
        case SQLITE_NOMEM:
            return COVEY_NOMEM;
        default:
            return COVEY_IO;
    }
}

static const char *
s_advice (covey_err_t code)
{
    if (code == COVEY_CORRUPT)
        return "restore it from a backup, or move it away: a coordinator among "
               "others gets everything from them again";
    if (code == COVEY_BUSY)
        return "another process uses it: stop that one or choose another data "
               "folder";
    return "check the folder, its permissions and the space on the disk";
}

static covey_err_t
s_fail (const s_file_t *self, int rc, const char *what, covey_errbuf_t *err)
{
    covey_err_t code = s_code (rc);
    return covey_fail (err, code, "%s: cannot %s: %s; %s", self->path, what,
                       self->db ? sqlite3_errmsg (self->db)
                                : sqlite3_errstr (rc),
                       s_advice (code));
}

static covey_err_t
s_damaged (const s_file_t *self, covey_errbuf_t *err, const char *what,
           uint64_t index)
{
    return covey_fail (err, COVEY_CORRUPT, "%s: %s %" PRIu64 " is damaged; %s",
                       self->path, what, index, s_advice (COVEY_CORRUPT));
}

static covey_err_t
s_exec (s_file_t *self, const char *sql, const char *what, covey_errbuf_t *err)
{
    int rc = sqlite3_exec (self->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? COVEY_OK : s_fail (self, rc, what, err);
}

/*  The one number that a query gives.                                       */
static covey_err_t
s_number (s_file_t *self, const char *sql, int64_t *value_p,
          covey_errbuf_t *err)
{
    sqlite3_stmt *query = NULL;
    int rc = sqlite3_prepare_v2 (self->db, sql, -1, &query, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step (query);
    *value_p = rc == SQLITE_ROW ? sqlite3_column_int64 (query, 0) : 0;
    sqlite3_finalize (query);
    return rc == SQLITE_ROW || rc == SQLITE_DONE
               ? COVEY_OK
               : s_fail (self, rc, "read it", err);
}

/* ---- hashes -----------------------------------------------------------------
 */

/*  Of the numbers of a row and its bytes.                                   */
static int64_t
s_hash (const uint64_t *numbers, size_t count, const void *data, size_t size)
{
    uint8_t raw[8 * 8];
    size_t at = 0;
    for (size_t i = 0; i <= count; i++) {
        uint64_t value = i < count ? numbers[i] : covey_str_hash (data, size);
        for (unsigned j = 0; j < 8; j++)
            raw[at++] = (uint8_t)(value >> (8 * j));
    }
    return (int64_t)covey_str_hash (raw, at);
}

static int64_t
s_meta_hash (const covey_replog_meta_t *meta)
{
    uint64_t numbers[] = {meta->member_id, meta->term, meta->voted_for};
    return s_hash (numbers, 3, meta->cluster.bytes, 16);
}

static int64_t
s_entry_hash (const covey_replog_entry_t *entry)
{
    uint64_t numbers[] = {entry->index, entry->term, entry->kind};
    return s_hash (numbers, 3, entry->data, entry->size);
}

static int64_t
s_snapshot_hash (const covey_replog_snapshot_t *snapshot)
{
    uint64_t numbers[] = {snapshot->index, snapshot->term,
                          snapshot->members_index, snapshot->state_size};
    return s_hash (numbers, 4, snapshot->members, snapshot->members_size);
}

/* ---- open and close ---------------------------------------------------------
 */

static covey_err_t
s_create (s_file_t *self, covey_errbuf_t *err)
{
    char sql[1024];
    sqlite3_snprintf (
        sizeof sql, sql,
        "BEGIN IMMEDIATE;"
        "CREATE TABLE meta (id INTEGER PRIMARY KEY, member INTEGER NOT NULL, "
        "cluster BLOB NOT NULL, term INTEGER NOT NULL, "
        "vote INTEGER NOT NULL, hash INTEGER NOT NULL);"
        "CREATE TABLE entries (idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, "
        "kind INTEGER NOT NULL, bytes BLOB NOT NULL, hash INTEGER NOT NULL);"
        "CREATE TABLE snapshot (id INTEGER PRIMARY KEY, idx INTEGER NOT NULL, "
        "term INTEGER NOT NULL, members_idx INTEGER NOT NULL, "
        "members BLOB NOT NULL, size INTEGER NOT NULL, hash INTEGER NOT NULL);"
        "CREATE TABLE pieces (no INTEGER PRIMARY KEY, bytes BLOB NOT NULL, "
        "hash INTEGER NOT NULL);"
        "PRAGMA application_id = %d; PRAGMA user_version = %d;"
        "COMMIT",
        APPLICATION_ID, FORMAT);
    return s_exec (self, sql, "create it", err);
}

static covey_err_t
s_check_format (s_file_t *self, covey_errbuf_t *err)
{
    int64_t application = 0, version = 0, tables = 0;
    covey_err_t code =
        s_number (self, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (!code)
        code = s_number (self, "PRAGMA application_id", &application, err);
    if (!code)
        code = s_number (self, "PRAGMA user_version", &version, err);
    if (code)
        return code;
    if (tables == 0 && application == 0 && version == 0)
        return s_create (self, err);
    if (application != APPLICATION_ID)
        return covey_fail (err, COVEY_CORRUPT,
                           "%s: is not a control log of Covey; move it away or "
                           "choose another data folder",
                           self->path);
    if (version == 1)
        return covey_fail (err, COVEY_VERSION,
                           "%s: was written by a version of Covey whose "
                           "coordinators had no replicas; move it away to "
                           "begin anew, or use that version",
                           self->path);
    if (version != FORMAT)
        return covey_fail (err, COVEY_VERSION,
                           "%s: has format %lld, this version knows format "
                           "%d; use the version of Covey that wrote it",
                           self->path, (long long)version, FORMAT);
    return COVEY_OK;
}

static covey_err_t
s_set_up (s_file_t *self, covey_errbuf_t *err)
{
    covey_err_t code = s_exec (self,
                               "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA journal_size_limit = 67108864;",
                               "set it up", err);
    int64_t synchronous = 0;
    if (!code)
        code = s_number (self, "PRAGMA synchronous", &synchronous, err);
    if (!code && synchronous != 2)
        code = covey_fail (err, COVEY_IO,
                           "%s: SQLite refuses synchronous FULL, so nothing "
                           "could be promised",
                           self->path);
    if (!code)
        code = s_check_format (self, err);
    for (size_t i = 0; i < STATEMENTS && !code; i++) {
        int rc = sqlite3_prepare_v3 (self->db, s_sql[i], -1,
                                     SQLITE_PREPARE_PERSISTENT,
                                     &self->statements[i], NULL);
        if (rc != SQLITE_OK)
            code = s_fail (self, rc, "use it", err);
    }
    return code;
}

static void
s_close (covey_replog_store_t **self_p)
{
    s_file_t *self = (s_file_t *)*self_p;
    if (!self)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize (self->statements[i]);
    if (self->open_transaction)
        sqlite3_exec (self->db, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close (self->db);
    free (self->path);
    free (self);
    *self_p = NULL;
}

/* ---- writing ----------------------------------------------------------------
 */

/*  Run what is bound.                                                       */
static covey_err_t
s_run (s_file_t *self, s_statement_t which, covey_errbuf_t *err)
{
    sqlite3_stmt *statement = self->statements[which];
    int rc = sqlite3_step (statement);
    sqlite3_reset (statement);
    sqlite3_clear_bindings (statement);
    if (rc == SQLITE_DONE)
        return COVEY_OK;
    self->broken = true;
    return s_fail (self, rc, "write to it", err);
}

static covey_err_t
s_begin (s_file_t *self, covey_errbuf_t *err)
{
    if (self->broken)
        return covey_fail (err, COVEY_STATE,
                           "%s: takes no more since a write failed",
                           self->path);
    if (self->open_transaction)
        return COVEY_OK;
    covey_err_t code = s_run (self, BEGIN, err);
    self->open_transaction = code == COVEY_OK;
    return code;
}

static void
s_bind (s_file_t *self, s_statement_t which, int at, uint64_t value)
{
    sqlite3_bind_int64 (self->statements[which], at, (int64_t)value);
}

/*  An empty blob is not NULL.                                               */
static void
s_bind_bytes (s_file_t *self, s_statement_t which, int at, const void *data,
              size_t size)
{
    sqlite3_bind_blob64 (self->statements[which], at, size ? data : "", size,
                         SQLITE_STATIC);
}

static covey_err_t
s_set_meta (covey_replog_store_t *store, const covey_replog_meta_t *meta,
            covey_errbuf_t *err)
{
    s_file_t *self = (s_file_t *)store;
    covey_err_t code = s_begin (self, err);
    if (code)
        return code;
    s_bind (self, SET_META, 1, meta->member_id);
    s_bind_bytes (self, SET_META, 2, meta->cluster.bytes, 16);
    s_bind (self, SET_META, 3, meta->term);
    s_bind (self, SET_META, 4, meta->voted_for);
    s_bind (self, SET_META, 5, (uint64_t)s_meta_hash (meta));
    return s_run (self, SET_META, err);
}

static covey_err_t
s_append (covey_replog_store_t *store, const covey_replog_entry_t *entry,
          covey_errbuf_t *err)
{
    s_file_t *self = (s_file_t *)store;
    covey_err_t code = s_begin (self, err);
    if (code)
        return code;
    s_bind (self, PUT_ENTRY, 1, entry->index);
    s_bind (self, PUT_ENTRY, 2, entry->term);
    s_bind (self, PUT_ENTRY, 3, entry->kind);
    s_bind_bytes (self, PUT_ENTRY, 4, entry->data, entry->size);
    s_bind (self, PUT_ENTRY, 5, (uint64_t)s_entry_hash (entry));
    return s_run (self, PUT_ENTRY, err);
}

static covey_err_t
s_truncate (covey_replog_store_t *store, uint64_t index, covey_errbuf_t *err)
{
    s_file_t *self = (s_file_t *)store;
    covey_err_t code = s_begin (self, err);
    if (code)
        return code;
    s_bind (self, CUT_TAIL, 1, index);
    return s_run (self, CUT_TAIL, err);
}

/*  Behind those that count.                                                  */
static covey_err_t
s_begin_pieces (s_file_t *self, covey_errbuf_t *err)
{
    int64_t behind = 0;
    covey_err_t code = s_number (
        self, "SELECT coalesce (max (no) + 1, 0) FROM pieces", &behind, err);
    self->first_piece = self->next_piece = (uint64_t)behind;
    return code;
}

static covey_err_t
s_put_piece (s_file_t *self, covey_replog_snapshot_t *snapshot,
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
    s_bind (self, PUT_PIECE, 3, (uint64_t)s_hash (numbers, 2, data, size));
    self->next_piece++;
    snapshot->prepared += size;
    return s_run (self, PUT_PIECE, err);
}

static covey_err_t
s_prepare_snapshot (covey_replog_store_t *store,
                    covey_replog_snapshot_t *snapshot, covey_errbuf_t *err)
{
    s_file_t *self = (s_file_t *)store;
    covey_err_t code = s_begin (self, err);
    if (!code && snapshot->prepared == 0)
        code = s_begin_pieces (self, err);
    if (!code && snapshot->prepared < snapshot->state_size)
        code = s_put_piece (self, snapshot, err);
    return code;
}

/*  All that is not there, and nothing but that.                              */
static covey_err_t
s_put_pieces (s_file_t *self, const covey_replog_snapshot_t *snapshot,
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
    s_file_t *self = (s_file_t *)store;
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
    s_bind (self, PUT_SNAPSHOT, 6, (uint64_t)s_snapshot_hash (snapshot));
    code = s_run (self, PUT_SNAPSHOT, err);
    if (code)
        return code;
    s_bind (self, CUT_HEAD, 1, first_kept);
    return s_run (self, CUT_HEAD, err);
}

static covey_err_t
s_drop_head (covey_replog_store_t *store, uint64_t first_kept, bool *more_p,
             covey_errbuf_t *err)
{
    s_file_t *self = (s_file_t *)store;
    int64_t first = 0;
    covey_err_t code = s_begin (self, err);
    if (!code)
        code = s_number (self, "SELECT min (idx) FROM entries", &first, err);
    if (code)
        return code;
    uint64_t until = (uint64_t)first + DROP_ENTRIES;
    *more_p = first && until < first_kept;
    s_bind (self, CUT_HEAD, 1, *more_p ? until : first_kept);
    return s_run (self, CUT_HEAD, err);
}

static covey_err_t
s_commit (covey_replog_store_t *store, covey_errbuf_t *err)
{
    s_file_t *self = (s_file_t *)store;
    if (self->broken)
        return s_begin (self, err);
    if (!self->open_transaction)
        return COVEY_OK;
    /* When it fails it may be on the disk all the same: only a fresh look
       tells. */
    covey_err_t code = s_run (self, COMMIT, err);
    if (!code)
        self->open_transaction = false;
    return code;
}

static uint64_t
s_bytes (covey_replog_store_t *store)
{
    s_file_t *self = (s_file_t *)store;
    int64_t pages = 0, size = 0;
    if (s_number (self, "PRAGMA page_count", &pages, NULL) ||
        s_number (self, "PRAGMA page_size", &size, NULL))
        return 0;
    return (uint64_t)(pages * size);
}

/* ---- reading ----------------------------------------------------------------
 */

static uint64_t
s_column (sqlite3_stmt *query, int at)
{
    return (uint64_t)sqlite3_column_int64 (query, at);
}

/*  One row of a query to `row`, which returns OK to go on.                  */
typedef covey_err_t (s_row_fn) (s_file_t *self, sqlite3_stmt *query, void *arg,
                                covey_errbuf_t *err);

static covey_err_t
s_each (s_file_t *self, const char *sql, s_row_fn *row, void *arg,
        covey_errbuf_t *err)
{
    sqlite3_stmt *query = NULL;
    covey_err_t code = COVEY_OK;
    int rc = sqlite3_prepare_v2 (self->db, sql, -1, &query, NULL);
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
        code = s_fail (self, rc, "read it", err);
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
s_meta_row (s_file_t *self, sqlite3_stmt *query, void *arg, covey_errbuf_t *err)
{
    covey_replog_meta_t *meta = &((s_reading_t *)arg)->meta;
    meta->member_id = s_column (query, 0);
    const void *cluster = sqlite3_column_blob (query, 1);
    if (!cluster || sqlite3_column_bytes (query, 1) != 16)
        return s_damaged (self, err, "row", 1);
    memcpy (meta->cluster.bytes, cluster, 16);
    meta->term = s_column (query, 2);
    meta->voted_for = s_column (query, 3);
    return sqlite3_column_int64 (query, 4) == s_meta_hash (meta)
               ? COVEY_OK
               : s_damaged (self, err, "row", 1);
}

static covey_err_t
s_piece_row (s_file_t *self, sqlite3_stmt *query, void *arg,
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
        s_hash (numbers, 2, data, size) != sqlite3_column_int64 (query, 2) ||
        covey_buf_append (&reading->state, data, size))
        return s_damaged (self, err, "the snapshot, piece", reading->pieces);
    reading->pieces++;
    reading->next_piece++;
    return COVEY_OK;
}

static covey_err_t
s_snapshot_row (s_file_t *self, sqlite3_stmt *query, void *arg,
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
    if (!snapshot->members ||
        sqlite3_column_int64 (query, 5) != s_snapshot_hash (snapshot))
        return s_damaged (self, err, "the snapshot at", snapshot->index);
    covey_buf_init (&reading->state, snapshot->state_size + 1);
    covey_err_t code =
        s_each (self, "SELECT no, bytes, hash FROM pieces ORDER BY no",
                s_piece_row, reading, err);
    snapshot->state = reading->state.data;
    if (!code && reading->state.size != snapshot->state_size)
        code = s_damaged (self, err, "the snapshot at", snapshot->index);
    if (!code)
        code = reading->to->snapshot (reading->to->arg, snapshot, err);
    covey_buf_deinit (&reading->state);
    return code;
}

static covey_err_t
s_entry_row (s_file_t *self, sqlite3_stmt *query, void *arg,
             covey_errbuf_t *err)
{
    s_reading_t *reading = arg;
    covey_replog_entry_t entry = {.index = s_column (query, 0),
                                  .term = s_column (query, 1),
                                  .kind = (uint8_t)s_column (query, 2)};
    entry.data = sqlite3_column_blob (query, 3);
    entry.size = (size_t)sqlite3_column_bytes (query, 3);
    if (reading->next && entry.index != reading->next)
        return covey_fail (err, COVEY_CORRUPT,
                           "%s: entry %" PRIu64 " is missing; %s", self->path,
                           reading->next, s_advice (COVEY_CORRUPT));
    reading->next = entry.index + 1;
    if (sqlite3_column_int64 (query, 4) != s_entry_hash (&entry))
        return s_damaged (self, err, "entry", entry.index);
    return reading->to->entry (reading->to->arg, &entry, err);
}

static covey_err_t
s_read_snapshot (s_file_t *self, s_reading_t *reading, covey_errbuf_t *err)
{
    return s_each (self,
                   "SELECT idx, term, members_idx, members, size, hash "
                   "FROM snapshot",
                   s_snapshot_row, reading, err);
}

static covey_err_t
s_get_snapshot (covey_replog_store_t *store, const covey_replog_reader_t *to,
                covey_errbuf_t *err)
{
    s_reading_t reading = {.to = to};
    return s_read_snapshot ((s_file_t *)store, &reading, err);
}

static covey_err_t
s_read (covey_replog_store_t *store, const covey_replog_reader_t *to,
        covey_errbuf_t *err)
{
    s_file_t *self = (s_file_t *)store;
    s_reading_t reading = {.to = to};
    covey_err_t code =
        s_each (self, "SELECT member, cluster, term, vote, hash FROM meta",
                s_meta_row, &reading, err);
    if (!code)
        code = to->meta (to->arg, &reading.meta, err);
    if (!code)
        code = s_read_snapshot (self, &reading, err);
    if (!code)
        code = s_each (self,
                       "SELECT idx, term, kind, bytes, hash FROM entries "
                       "ORDER BY idx",
                       s_entry_row, &reading, err);
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
    s_file_t *self = covey_mem_new (sizeof *self);
    self->store.klass = &klass;
    self->path = covey_str_dup (path ? path : ":memory:");
    int rc = sqlite3_open_v2 (
        self->path, &self->db,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    covey_err_t code = rc == SQLITE_OK ? s_set_up (self, err)
                                       : s_fail (self, rc, "open it", err);
    covey_replog_store_t *store = &self->store;
    if (code)
        s_close (&store);
    else
        *store_p = store;
    return code;
}
