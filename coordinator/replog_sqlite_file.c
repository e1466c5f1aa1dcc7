#include "coordinator/replog_sqlite_file.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/str.h"

#define APPLICATION_ID 0x43565943 /* "CVYC" */
#define FORMAT 3

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

covey_err_t
covey_replog_file_fail (const covey_replog_file_t *self, int rc,
                        const char *what, covey_errbuf_t *err)
{
    covey_err_t code = s_code (rc);
    return covey_fail (err, code, "%s: cannot %s: %s; %s", self->path, what,
                       self->db ? sqlite3_errmsg (self->db)
                                : sqlite3_errstr (rc),
                       s_advice (code));
}

covey_err_t
covey_replog_file_corrupt (const covey_replog_file_t *self, const char *what,
                           uint64_t number, const char *how,
                           covey_errbuf_t *err)
{
    return covey_fail (err, COVEY_CORRUPT, "%s: %s %" PRIu64 " is %s; %s",
                       self->path, what, number, how, s_advice (COVEY_CORRUPT));
}

/* ---- open and close ---------------------------------------------------------
 */

static covey_err_t
s_exec (covey_replog_file_t *self, const char *sql, const char *what,
        covey_errbuf_t *err)
{
    int rc = sqlite3_exec (self->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? COVEY_OK
                           : covey_replog_file_fail (self, rc, what, err);
}

covey_err_t
covey_replog_file_number (covey_replog_file_t *self, const char *sql,
                          int64_t *value_p, covey_errbuf_t *err)
{
    sqlite3_stmt *query = NULL;
    int rc = sqlite3_prepare_v2 (self->db, sql, -1, &query, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step (query);
    *value_p = rc == SQLITE_ROW ? sqlite3_column_int64 (query, 0) : 0;
    sqlite3_finalize (query);
    return rc == SQLITE_ROW || rc == SQLITE_DONE
               ? COVEY_OK
               : covey_replog_file_fail (self, rc, "read it", err);
}

static covey_err_t
s_create (covey_replog_file_t *self, covey_errbuf_t *err)
{
    char sql[1024];
    sqlite3_snprintf (
        sizeof sql, sql,
        "BEGIN IMMEDIATE;"
        "CREATE TABLE meta (id INTEGER PRIMARY KEY, member INTEGER NOT NULL, "
        "cluster BLOB NOT NULL, term INTEGER NOT NULL, "
        "vote INTEGER NOT NULL, sum INTEGER NOT NULL);"
        "CREATE TABLE entries (idx INTEGER PRIMARY KEY, "
        "count INTEGER NOT NULL, bytes BLOB NOT NULL);"
        "CREATE TABLE snapshot (id INTEGER PRIMARY KEY, idx INTEGER NOT NULL, "
        "term INTEGER NOT NULL, members_idx INTEGER NOT NULL, "
        "members BLOB NOT NULL, size INTEGER NOT NULL, sum INTEGER NOT NULL);"
        "CREATE TABLE pieces (no INTEGER PRIMARY KEY, bytes BLOB NOT NULL, "
        "sum INTEGER NOT NULL);"
        "PRAGMA application_id = %d; PRAGMA user_version = %d;"
        "COMMIT",
        APPLICATION_ID, FORMAT);
    return s_exec (self, sql, "create it", err);
}

static covey_err_t
s_check_format (covey_replog_file_t *self, covey_errbuf_t *err)
{
    int64_t application = 0, version = 0, tables = 0;
    covey_err_t code = covey_replog_file_number (
        self, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (!code)
        code = covey_replog_file_number (self, "PRAGMA application_id",
                                         &application, err);
    if (!code)
        code = covey_replog_file_number (self, "PRAGMA user_version", &version,
                                         err);
    if (code)
        return code;
    if (tables == 0 && application == 0 && version == 0)
        return s_create (self, err);
    if (application != APPLICATION_ID)
        return covey_fail (err, COVEY_CORRUPT,
                           "%s: is not a control log of Covey; move it away or "
                           "choose another data folder",
                           self->path);
    static const char *const before[FORMAT] = {
        [1] = "had no replicas", [2] = "kept each entry of the log alone"};
    if (version > 0 && version < FORMAT)
        return covey_fail (err, COVEY_VERSION,
                           "%s: was written by a version of Covey whose "
                           "coordinators %s; move it away to begin anew, or "
                           "use that version",
                           self->path, before[version]);
    if (version != FORMAT)
        return covey_fail (err, COVEY_VERSION,
                           "%s: has format %lld, this version knows format "
                           "%d; use the version of Covey that wrote it",
                           self->path, (long long)version, FORMAT);
    return COVEY_OK;
}

/*  What a log drops is old, not secret: no build of SQLite needs to write zeros
    over it, through the WAL, which doubles what is written.                  */
static covey_err_t
s_set_up (covey_replog_file_t *self, covey_errbuf_t *err)
{
    covey_err_t code = s_exec (self,
                               "PRAGMA locking_mode = EXCLUSIVE;"
                               "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA secure_delete = OFF;"
                               "PRAGMA journal_size_limit = 67108864;",
                               "set it up", err);
    int64_t synchronous = 0;
    if (!code)
        code = covey_replog_file_number (self, "PRAGMA synchronous",
                                         &synchronous, err);
    if (!code && synchronous != 2)
        code = covey_fail (err, COVEY_IO,
                           "%s: SQLite refuses synchronous FULL, so nothing "
                           "could be promised",
                           self->path);
    return code ? code : s_check_format (self, err);
}

covey_err_t
covey_replog_file_open (covey_replog_file_t *self, const char *path,
                        covey_errbuf_t *err)
{
    self->path = covey_str_dup (path ? path : ":memory:");
    int rc = sqlite3_open_v2 (
        self->path, &self->db,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    return rc == SQLITE_OK ? s_set_up (self, err)
                           : covey_replog_file_fail (self, rc, "open it", err);
}

void
covey_replog_file_close (covey_replog_file_t *self)
{
    sqlite3_close (self->db);
    free (self->path);
}

uint64_t
covey_replog_file_bytes (covey_replog_file_t *self)
{
    int64_t pages = 0, size = 0;
    if (covey_replog_file_number (self, "PRAGMA page_count", &pages, NULL) ||
        covey_replog_file_number (self, "PRAGMA page_size", &size, NULL))
        return 0;
    return (uint64_t)(pages * size);
}
