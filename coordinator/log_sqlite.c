/*  The log of a single coordinator: control.db, an SQLite file in WAL mode with
    synchronous FULL.

    entries   idx, bytes of the command, their FNV-1a hash
    meta      name, value: "announced"
    Pragmas   application_id says that the file is ours, user_version is the
              format                                                          */
#include "coordinator/sololog.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define APPLICATION_ID 0x43565943 /* "CVYC" */
#define ENTRY_MAX (COVEY_EVENT_MAX + 65536)

struct covey_sololog {
    sqlite3 *db;
    sqlite3_stmt *insert;
    sqlite3_stmt *set_meta;
    char *path;
    uint64_t last;   /* committed                                             */
    uint64_t staged; /* last appended                                         */
    uint64_t announced;
    bool announced_changed;
    bool open_transaction;
    bool broken;
};

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
        return "restore it from a backup, or move it away to begin anew";
    if (code == COVEY_BUSY)
        return "another process uses it: stop that one or choose another data "
               "folder";
    return "check the folder, its permissions and the space on the disk";
}

static covey_err_t
s_fail (const covey_sololog_t *self, int rc, const char *what,
        covey_errbuf_t *err)
{
    covey_err_t code = s_code (rc);
    return covey_fail (err, code, "%s: cannot %s: %s; %s", self->path, what,
                       self->db ? sqlite3_errmsg (self->db)
                                : sqlite3_errstr (rc),
                       s_advice (code));
}

static covey_err_t
s_exec (covey_sololog_t *self, const char *sql, const char *what,
        covey_errbuf_t *err)
{
    int rc = sqlite3_exec (self->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? COVEY_OK : s_fail (self, rc, what, err);
}

/*  The one number that a query gives.                                       */
static covey_err_t
s_number (covey_sololog_t *self, const char *sql, int64_t *value_p,
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

/* ---- open and close
 * ------------------------------------------------------------ */

static covey_err_t
s_create (covey_sololog_t *self, covey_errbuf_t *err)
{
    char sql[512];
    sqlite3_snprintf (
        sizeof sql, sql,
        "BEGIN IMMEDIATE;"
        "CREATE TABLE entries (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL, "
        "hash INTEGER NOT NULL);"
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) "
        "WITHOUT ROWID;"
        "INSERT INTO meta VALUES ('announced', 0);"
        "PRAGMA application_id = %d; PRAGMA user_version = %d;"
        "COMMIT",
        APPLICATION_ID, COVEY_SOLOLOG_FORMAT);
    return s_exec (self, sql, "create it", err);
}

static covey_err_t
s_check_format (covey_sololog_t *self, covey_errbuf_t *err)
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
    if (version != COVEY_SOLOLOG_FORMAT)
        return covey_fail (err, COVEY_VERSION,
                           "%s: has format %lld, this version knows format "
                           "%d; use the version of Covey that wrote it",
                           self->path, (long long)version,
                           COVEY_SOLOLOG_FORMAT);
    return COVEY_OK;
}

static covey_err_t
s_set_up (covey_sololog_t *self, covey_errbuf_t *err)
{
    covey_err_t code = s_exec (self,
                               "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;",
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
    int64_t last = 0, announced = 0;
    if (!code)
        code = s_number (self, "SELECT max(idx) FROM entries", &last, err);
    if (!code)
        code =
            s_number (self, "SELECT value FROM meta WHERE name = 'announced'",
                      &announced, err);
    if (code)
        return code;
    self->last = self->staged = (uint64_t)last;
    self->announced = (uint64_t)announced;
    int rc = sqlite3_prepare_v2 (
        self->db, "INSERT INTO entries (idx, bytes, hash) VALUES (?, ?, ?)", -1,
        &self->insert, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2 (
            self->db, "UPDATE meta SET value = ? WHERE name = 'announced'", -1,
            &self->set_meta, NULL);
    return rc == SQLITE_OK ? COVEY_OK : s_fail (self, rc, "use it", err);
}

covey_err_t
covey_sololog_open (const char *path, covey_sololog_t **log_p,
                    covey_errbuf_t *err)
{
    covey_sololog_t *self = covey_mem_new (sizeof *self);
    self->path = covey_str_dup (path ? path : ":memory:");
    int rc = sqlite3_open_v2 (
        self->path, &self->db,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    covey_err_t code = rc == SQLITE_OK ? s_set_up (self, err)
                                       : s_fail (self, rc, "open it", err);
    if (code)
        covey_sololog_close (&self);
    else
        *log_p = self;
    return code;
}

void
covey_sololog_close (covey_sololog_t **self_p)
{
    covey_sololog_t *self = *self_p;
    if (!self)
        return;
    sqlite3_finalize (self->insert);
    sqlite3_finalize (self->set_meta);
    if (self->open_transaction)
        sqlite3_exec (self->db, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close (self->db);
    free (self->path);
    free (self);
    *self_p = NULL;
}

/* ---- writing
 * --------------------------------------------------------------------- */

static covey_err_t
s_begin (covey_sololog_t *self, covey_errbuf_t *err)
{
    if (self->broken)
        return covey_fail (err, COVEY_STATE,
                           "%s: takes no more since a write failed",
                           self->path);
    if (self->open_transaction)
        return COVEY_OK;
    covey_err_t code = s_exec (self, "BEGIN IMMEDIATE", "write to it", err);
    self->open_transaction = code == COVEY_OK;
    self->broken = code != COVEY_OK;
    return code;
}

covey_err_t
covey_sololog_append (covey_sololog_t *self, const void *data, size_t size,
                      uint64_t *index_p, covey_errbuf_t *err)
{
    if (size > ENTRY_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "a command has %zu bytes, at most %d are allowed",
                           size, ENTRY_MAX);
    covey_err_t code = s_begin (self, err);
    if (code)
        return code;
    sqlite3_bind_int64 (self->insert, 1, (int64_t)(self->staged + 1));
    sqlite3_bind_blob64 (self->insert, 2, data, size, SQLITE_STATIC);
    sqlite3_bind_int64 (self->insert, 3, (int64_t)covey_str_hash (data, size));
    int rc = sqlite3_step (self->insert);
    sqlite3_reset (self->insert);
    sqlite3_clear_bindings (self->insert);
    if (rc != SQLITE_DONE) {
        self->broken = true;
        return s_fail (self, rc, "write to it", err);
    }
    *index_p = ++self->staged;
    return COVEY_OK;
}

covey_err_t
covey_sololog_commit (covey_sololog_t *self, covey_errbuf_t *err)
{
    if (!self->open_transaction && !self->announced_changed)
        return COVEY_OK;
    covey_err_t code = s_begin (self, err);
    if (code)
        return code;
    int rc = SQLITE_DONE;
    if (self->announced_changed) {
        sqlite3_bind_int64 (self->set_meta, 1, (int64_t)self->announced);
        rc = sqlite3_step (self->set_meta);
        sqlite3_reset (self->set_meta);
    }
    if (rc == SQLITE_DONE)
        rc = sqlite3_exec (self->db, "COMMIT", NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        /* It may be on the disk all the same: only a fresh look tells. */
        self->broken = true;
        return s_fail (self, rc, "commit to it", err);
    }
    self->open_transaction = false;
    self->announced_changed = false;
    self->last = self->staged;
    return COVEY_OK;
}

/* ---- reading
 * --------------------------------------------------------------------- */

static covey_err_t
s_entry (covey_sololog_t *self, sqlite3_stmt *query, uint64_t expect,
         covey_sololog_each_fn *each, void *arg, covey_errbuf_t *err)
{
    uint64_t index = (uint64_t)sqlite3_column_int64 (query, 0);
    const void *data = sqlite3_column_blob (query, 1);
    size_t size = (size_t)sqlite3_column_bytes (query, 1);
    uint64_t hash = (uint64_t)sqlite3_column_int64 (query, 2);
    if (index != expect)
        return covey_fail (err, COVEY_CORRUPT,
                           "%s: entry %" PRIu64 " is missing; %s", self->path,
                           expect, s_advice (COVEY_CORRUPT));
    if (!data || covey_str_hash (data, size) != hash)
        return covey_fail (err, COVEY_CORRUPT,
                           "%s: entry %" PRIu64 " is damaged; %s", self->path,
                           index, s_advice (COVEY_CORRUPT));
    return each (arg, index, data, size, err);
}

covey_err_t
covey_sololog_replay (covey_sololog_t *self, covey_sololog_each_fn *each,
                      void *arg, covey_errbuf_t *err)
{
    sqlite3_stmt *query = NULL;
    int rc = sqlite3_prepare_v2 (
        self->db, "SELECT idx, bytes, hash FROM entries ORDER BY idx", -1,
        &query, NULL);
    covey_err_t code = COVEY_OK;
    for (uint64_t expect = 1; rc == SQLITE_OK && !code; expect++) {
        int step = sqlite3_step (query);
        if (step == SQLITE_DONE)
            break;
        if (step == SQLITE_ROW)
            code = s_entry (self, query, expect, each, arg, err);
        else
            rc = step;
    }
    if (rc != SQLITE_OK)
        code = s_fail (self, rc, "read it", err);
    sqlite3_finalize (query);
    return code;
}

uint64_t
covey_sololog_last (const covey_sololog_t *self)
{
    return self->last;
}

uint64_t
covey_sololog_announced (const covey_sololog_t *self)
{
    return self->announced;
}

void
covey_sololog_set_announced (covey_sololog_t *self, uint64_t index)
{
    if (index <= self->announced)
        return;
    self->announced = index;
    self->announced_changed = true;
}
