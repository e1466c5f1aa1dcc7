/*  The journal's connection: which file, may we, is it ours, what do SQLite's
    results mean. Schema and migration are here too.                          */
#include "persist/journal_i.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#define BUSY_TIMEOUT_MS 5000
#define PROGRESS_STEPS 10000 /* virtual machine steps between two checks */

/*  Step N leads from format N to N + 1. Steps that were released never
    change; a new format appends its own.                                     */
static const char *const s_migrations[] = {
    "CREATE TABLE events ("
    "  offset INTEGER PRIMARY KEY,"
    "  id BLOB NOT NULL,"
    "  type INTEGER NOT NULL,"
    "  source TEXT NOT NULL,"
    "  ts INTEGER NOT NULL," /* us, as all times here */
    "  hlc INTEGER NOT NULL,"
    "  correlation TEXT,"
    "  session TEXT,"
    "  priority INTEGER NOT NULL,"
    "  expires INTEGER,"
    "  stored INTEGER NOT NULL,"
    "  processed INTEGER NOT NULL DEFAULT 0,"
    "  origin BLOB NOT NULL,"
    "  seq INTEGER NOT NULL,"
    "  event BLOB NOT NULL);"
    "CREATE UNIQUE INDEX events_id ON events (id);"
    /* carries what statistics count, so that they never touch the rows */
    "CREATE INDEX events_type ON events (type, offset, ts, priority, source);"
    "CREATE INDEX events_source ON events (source);"
    "CREATE INDEX events_correlation ON events (correlation)"
    "  WHERE correlation IS NOT NULL;"
    "CREATE INDEX events_session ON events (session)"
    "  WHERE session IS NOT NULL;"
    "CREATE INDEX events_priority ON events (priority) WHERE priority <> 1;"
    "CREATE TABLE targets (target TEXT NOT NULL, offset INTEGER NOT NULL,"
    "  PRIMARY KEY (target, offset)) WITHOUT ROWID;"
    "CREATE TABLE tags (tag TEXT NOT NULL, offset INTEGER NOT NULL,"
    "  PRIMARY KEY (tag, offset)) WITHOUT ROWID;"
    "CREATE TABLE origins (origin BLOB PRIMARY KEY, seq INTEGER NOT NULL)"
    "  WITHOUT ROWID;"
    "CREATE TABLE spans (span INTEGER PRIMARY KEY, last INTEGER NOT NULL,"
    "  count INTEGER NOT NULL, ts_min INTEGER NOT NULL,"
    "  ts_max INTEGER NOT NULL);"};

_Static_assert(sizeof s_migrations / sizeof *s_migrations ==
                   COVEY_I_JOURNAL_FORMAT,
               "one migration leads to each format");

const char *
covey_i_journal_name (const covey_journal_t *self)
{
    return self->path ? self->path : "(in memory)";
}

/* ---- what results mean -------------------------------------------------- */

typedef struct {
    int rc; /* primary result code                                            */
    covey_err_t code;
    const char *advice;
} s_meaning_t;

static const s_meaning_t s_meanings[] = {
    {SQLITE_FULL, COVEY_IO,
     "the disk is full: free some space, or lower the retention; storing goes "
     "on by itself then"},
    {SQLITE_IOERR, COVEY_IO,
     "the disk failed: look at the system's log; nothing is acknowledged that "
     "is not on it"},
    {SQLITE_CORRUPT, COVEY_CORRUPT,
     "the file is damaged: restore it from a copy, or move it away to start "
     "an empty journal"},
    {SQLITE_NOTADB, COVEY_CORRUPT,
     "it is not a journal: move it away, or name another data folder"},
    {SQLITE_BUSY, COVEY_BUSY,
     "another process holds it: stop the other node or wait for its command"},
    {SQLITE_LOCKED, COVEY_BUSY, "another connection holds it: try again"},
    {SQLITE_READONLY, COVEY_DENIED,
     "it cannot be written: check owner and rights of file and folder"},
    {SQLITE_CANTOPEN, COVEY_DENIED,
     "it cannot be opened: check owner and rights of file and folder"},
    {SQLITE_PERM, COVEY_DENIED, "check owner and rights of file and folder"},
    {SQLITE_AUTH, COVEY_DENIED, "check owner and rights of file and folder"},
    {SQLITE_NOMEM, COVEY_NOMEM, "memory is exhausted"},
};

covey_err_t
covey_i_journal_fail (const covey_journal_t *self, int rc, const char *doing,
                      covey_errbuf_t *err)
{
    if (rc == SQLITE_INTERRUPT) {
        if (atomic_load (&self->interrupted))
            return covey_fail (err, COVEY_CANCELED, "%s was canceled", doing);
        return covey_fail (err, COVEY_TIMEOUT,
                           "%s ran past its deadline: narrow the filter or "
                           "the time range, or allow it more time",
                           doing);
    }
    const char *why = sqlite3_errstr (rc);
    for (size_t i = 0; i < sizeof s_meanings / sizeof *s_meanings; i++)
        if (s_meanings[i].rc == (rc & 0xff))
            return covey_fail (
                err, s_meanings[i].code, "%s %s: %s (SQLite %d); %s", doing,
                covey_i_journal_name (self), why, rc, s_meanings[i].advice);
    /* What is left is a statement that this version should not have made. */
    return covey_fail (err, COVEY_CORRUPT,
                       "%s %s: %s (SQLite %d); the file does not have the "
                       "expected tables: restore it from a copy",
                       doing, covey_i_journal_name (self),
                       self->db ? sqlite3_errmsg (self->db) : why, rc);
}

/* ---- checks before SQLite sees the file --------------------------------- */

const char *
covey_i_network_filesystem (long f_type)
{
    static const struct {
        unsigned long type;
        const char *name;
    } table[] = {
        {0x6969, "NFS"},      {0x517b, "SMB"},        {0xff534d42, "CIFS"},
        {0xfe534d42, "SMB2"}, {0x5346414f, "AFS"},    {0x6b414653, "AFS"},
        {0x73757245, "Coda"}, {0x564c, "NCP"},        {0x00c36400, "Ceph"},
        {0x47504653, "GPFS"}, {0x0bd00bd0, "Lustre"}, {0x01161970, "GFS2"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].type == ((unsigned long)f_type & 0xffffffff))
            return table[i].name;
    return NULL;
}

/*  Folder of the file into `folder`, which has room for the path.           */
static void
s_folder_of (const char *path, char *folder, size_t size)
{
    covey_str_copy (folder, size, path);
    char *slash = strrchr (folder, '/');
    if (slash == folder)
        slash[1] = '\0';
    else if (slash)
        *slash = '\0';
    else
        covey_str_copy (folder, size, ".");
}

static covey_err_t
s_check_folder (const covey_journal_t *self, covey_errbuf_t *err)
{
    char folder[4096];
    struct statfs fs;
    s_folder_of (self->path, folder, sizeof folder);
    if (statfs (folder, &fs) != 0)
        return covey_fail (err, errno == EACCES ? COVEY_DENIED : COVEY_NOTFOUND,
                           "folder %s of the journal: %s; create it or name "
                           "another data folder",
                           folder, strerror (errno));
    const char *network = covey_i_network_filesystem ((long)fs.f_type);
    if (network && self->mode == COVEY_JOURNAL_WRITE)
        return covey_fail (err, COVEY_IO,
                           "folder %s is on a network file system (%s), where "
                           "SQLite's log is not safe; name a data folder on a "
                           "local disk",
                           folder, network);
    return COVEY_OK;
}

covey_err_t
covey_i_journal_lock (covey_journal_t *self, covey_errbuf_t *err)
{
    char path[4096];
    covey_err_t rc = s_check_folder (self, err);
    if (rc != COVEY_OK)
        return rc;
    /* A file of its own: closing a descriptor of the database would drop the
       locks that SQLite holds in this process.                               */
    sqlite3_snprintf ((int)sizeof path, path, "%s.lock", self->path);
    self->lock_fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock_fd < 0)
        return covey_fail (
            err, errno == ENOSPC || errno == EIO ? COVEY_IO : COVEY_DENIED,
            "cannot create %s: %s; check owner, rights and space of the "
            "folder, or name another data folder",
            path, strerror (errno));
    if (flock (self->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return covey_fail (err, COVEY_BUSY,
                           "journal %s is in use by another node; stop that "
                           "one or name another data folder",
                           self->path);
    return COVEY_OK;
}

/* ---- connection --------------------------------------------------------- */

/*  Called by SQLite every PROGRESS_STEPS; true ends the statement.          */
static int
s_on_progress (void *arg)
{
    covey_journal_t *self = arg;
    if (atomic_load (&self->interrupted))
        return 1;
    return self->deadline_ms && covey_clock_mono_ms () > self->deadline_ms;
}

covey_err_t
covey_i_journal_number (covey_journal_t *self, const char *sql, int64_t missing,
                        int64_t *value_p, covey_errbuf_t *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2 (self->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step (statement);
    if (rc == SQLITE_ROW)
        *value_p = sqlite3_column_int64 (statement, 0);
    else if (rc == SQLITE_DONE)
        *value_p = missing;
    sqlite3_finalize (statement);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return COVEY_OK;
    return covey_i_journal_fail (self, rc, "reading journal", err);
}

static covey_err_t
s_exec (covey_journal_t *self, const char *sql, covey_errbuf_t *err)
{
    int rc = sqlite3_exec (self->db, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return covey_i_journal_fail (self, rc, "opening journal", err);
    return COVEY_OK;
}

/*  "file:PATH?…" with what has a meaning in URIs escaped.                   */
static char *
s_uri (const char *path, const char *parameters)
{
    covey_buf_t uri;
    covey_buf_init (&uri, 3 * strlen (path) + 64);
    covey_buf_puts (&uri, "file:");
    for (; *path; path++)
        if (strchr ("?#%", *path))
            covey_buf_printf (&uri, "%%%02X", (unsigned)*path);
        else
            covey_buf_putc (&uri, *path);
    covey_buf_puts (&uri, parameters);
    char *text = covey_buf_steal (&uri);
    covey_buf_deinit (&uri);
    return text;
}

static covey_err_t
s_open (covey_journal_t *self, bool immutable, covey_errbuf_t *err)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
    flags |= self->mode == COVEY_JOURNAL_READ
                 ? SQLITE_OPEN_READONLY
                 : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    char *uri = self->mode == COVEY_JOURNAL_MEMORY
                    ? covey_str_dup (":memory:")
                    : s_uri (self->path, immutable ? "?immutable=1" : "");
    if (!uri)
        return covey_fail (err, COVEY_NOMEM, "memory is exhausted");
    int rc = sqlite3_open_v2 (uri, &self->db, flags, NULL);
    free (uri);
    if (rc != SQLITE_OK) {
        covey_err_t code =
            covey_i_journal_fail (self, rc, "opening journal", err);
        sqlite3_close (self->db);
        self->db = NULL;
        return code;
    }
    sqlite3_extended_result_codes (self->db, 1);
    sqlite3_busy_timeout (self->db, BUSY_TIMEOUT_MS);
    sqlite3_progress_handler (self->db, PROGRESS_STEPS, s_on_progress, self);
    return COVEY_OK;
}

/*  Is it ours, and of a format that we know? `*version_p` 0: empty.         */
static covey_err_t
s_check_format (covey_journal_t *self, int64_t *version_p, covey_errbuf_t *err)
{
    int64_t application = 0, version = 0, tables = 0;
    covey_err_t rc = covey_i_journal_number (self, "PRAGMA application_id", 0,
                                             &application, err);
    if (rc == COVEY_OK)
        rc = covey_i_journal_number (self, "PRAGMA user_version", 0, &version,
                                     err);
    if (rc == COVEY_OK)
        rc = covey_i_journal_number (
            self, "SELECT count (*) FROM sqlite_schema", 0, &tables, err);
    if (rc != COVEY_OK)
        return rc;
    if (tables > 0 && application != COVEY_I_JOURNAL_APPLICATION)
        return covey_i_journal_fail (self, SQLITE_NOTADB, "opening journal",
                                     err);
    if (version > COVEY_I_JOURNAL_FORMAT)
        return covey_fail (err, COVEY_VERSION,
                           "journal %s has format %lld, this version (%s) "
                           "knows formats up to %d; use the version that "
                           "wrote it or a newer one",
                           self->path, (long long)version, COVEY_VERSION_TEXT,
                           COVEY_I_JOURNAL_FORMAT);
    *version_p = version;
    return COVEY_OK;
}

static covey_err_t
s_migrate (covey_journal_t *self, int64_t version, covey_errbuf_t *err)
{
    char pragma[96];
    while (version < COVEY_I_JOURNAL_FORMAT) {
        sqlite3_snprintf (
            (int)sizeof pragma, pragma,
            "PRAGMA application_id = %d; PRAGMA user_version = %d;",
            COVEY_I_JOURNAL_APPLICATION, (int)version + 1);
        covey_err_t rc = s_exec (self, "BEGIN IMMEDIATE", err);
        if (rc == COVEY_OK)
            rc = s_exec (self, s_migrations[version], err);
        if (rc == COVEY_OK)
            rc = s_exec (self, pragma, err);
        if (rc == COVEY_OK)
            rc = s_exec (self, "COMMIT", err);
        if (rc != COVEY_OK)
            return rc;
        version++;
    }
    return COVEY_OK;
}

/*  Durability is asked back: an SQLite built to ignore it would lose what was
    acknowledged.                                                             */
static covey_err_t
s_make_durable (covey_journal_t *self, covey_errbuf_t *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2 (self->db, "PRAGMA journal_mode = WAL", -1,
                                 &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step (statement);
    bool is_wal =
        rc == SQLITE_ROW &&
        !strcmp ((const char *)sqlite3_column_text (statement, 0), "wal");
    sqlite3_finalize (statement);
    if (rc != SQLITE_ROW)
        return covey_i_journal_fail (self, rc, "opening journal", err);
    int64_t synchronous = 0;
    covey_err_t code = s_exec (self,
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA wal_autocheckpoint = 10000;"
                               "PRAGMA journal_size_limit = 67108864",
                               err);
    if (code == COVEY_OK)
        code = covey_i_journal_number (self, "PRAGMA synchronous", 0,
                                       &synchronous, err);
    if (code == COVEY_OK && (!is_wal || synchronous < 2))
        return covey_fail (err, COVEY_IO,
                           "journal %s cannot be made durable: this SQLite "
                           "(%s) refuses %s; use a local disk and the "
                           "system's SQLite",
                           self->path, sqlite3_libversion (),
                           is_wal ? "synchronous = FULL" : "its log");
    return code;
}

static covey_err_t
s_connect_write (covey_journal_t *self, covey_errbuf_t *err)
{
    int64_t version = 0;
    covey_err_t rc = s_open (self, false, err);
    if (rc == COVEY_OK)
        rc = s_check_format (self, &version, err);
    if (rc == COVEY_OK && self->mode == COVEY_JOURNAL_WRITE)
        rc = s_make_durable (self, err);
    if (rc == COVEY_OK)
        rc = s_exec (self, "PRAGMA cache_size = -65536", err);
    if (rc == COVEY_OK)
        rc = s_migrate (self, version, err);
    return rc;
}

/*  Reading needs the -shm file, which a folder that we cannot write to may
    lack. When there is nothing in the log either, the file alone is all.    */
static bool
s_is_at_rest (const covey_journal_t *self)
{
    char path[4096];
    struct stat st;
    sqlite3_snprintf ((int)sizeof path, path, "%s-wal", self->path);
    return stat (path, &st) != 0 ? errno == ENOENT : st.st_size == 0;
}

static covey_err_t
s_connect_read (covey_journal_t *self, covey_errbuf_t *err)
{
    struct stat st;
    int64_t version = 0;
    if (stat (self->path, &st) != 0)
        return covey_fail (err, errno == EACCES ? COVEY_DENIED : COVEY_NOTFOUND,
                           "journal %s: %s; name the data folder of a node "
                           "that stores events",
                           self->path, strerror (errno));
    covey_err_t rc = s_open (self, false, err);
    if (rc == COVEY_OK)
        rc = s_check_format (self, &version, err);
    if (rc == COVEY_DENIED && access (self->path, R_OK) == 0 &&
        s_is_at_rest (self)) {
        covey_i_journal_disconnect (self);
        rc = s_open (self, true, err);
        if (rc == COVEY_OK)
            rc = s_check_format (self, &version, err);
    }
    if (rc == COVEY_OK)
        rc = s_exec (self, "PRAGMA cache_size = -16384", err);
    if (rc == COVEY_OK && version < COVEY_I_JOURNAL_FORMAT)
        rc = covey_fail (err, version ? COVEY_VERSION : COVEY_NOTFOUND,
                         "journal %s %s", self->path,
                         version ? "has an older format: start its node once, "
                                   "which converts it"
                                 : "is empty: its node has not stored "
                                   "anything yet");
    return rc;
}

covey_err_t
covey_i_journal_connect (covey_journal_t *self, covey_errbuf_t *err)
{
    assert (!self->db);
    covey_err_t rc = self->mode == COVEY_JOURNAL_READ
                         ? s_connect_read (self, err)
                         : s_connect_write (self, err);
    if (rc != COVEY_OK)
        covey_i_journal_disconnect (self);
    return rc;
}

void
covey_i_journal_disconnect (covey_journal_t *self)
{
    for (size_t i = 0; i < COVEY_I_STATEMENTS; i++) {
        sqlite3_finalize (self->statements[i]);
        self->statements[i] = NULL;
    }
    int rc = sqlite3_close (self->db);
    assert (rc == SQLITE_OK); /* else a statement was leaked */
    self->db = NULL;
}
