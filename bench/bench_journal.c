/*  Events stored per second by rows per commit, through the journal and, beside
    it, through bare SQLite: the same tables, indexes and durability, one
    prepared insert per row and nothing else. Lines of "name value unit".

        bench_journal [FOLDER]       default: a new one below $TMPDIR or /tmp */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "persist/journal.h"
#include "proto/event.h"

#define EVENTS 60000
#define EVENTS_SINGLE 4000 /* with one row per commit */
#define PAYLOAD 300
#define AGENTS 40

typedef struct {
    uint8_t *data;
    size_t size;
} s_packed_t;

static const uint8_t s_origin[16] = "origin----------";

static void
s_die (const char *what, const char *why)
{
    fprintf (stderr, "bench_journal: %s: %s\n", what, why);
    exit (1);
}

static covey_event_t *
s_make_event (size_t number)
{
    static const int types[] = {COVEY_EVENT_MESSAGE_SENT,
                                COVEY_EVENT_TASK_PROGRESS,
                                COVEY_EVENT_BROADCAST, COVEY_EVENT_SYSTEM_INFO};
    char text[PAYLOAD + 1], source[32], correlation[32];
    int type = types[number % 4];
    covey_event_t *event = covey_event_new (type);
    memset (text, 'x', PAYLOAD);
    text[PAYLOAD] = '\0';
    snprintf (source, sizeof source, "worker-%zu", number * 7 % AGENTS);
    snprintf (correlation, sizeof correlation, "task-%zu", number / 8);
    covey_err_t rc = covey_event_set_source (event, source);
    if (number % 2 == 0 && rc == COVEY_OK)
        rc = covey_event_set_correlation_id (event, correlation);
    if (type == COVEY_EVENT_MESSAGE_SENT && rc == COVEY_OK) {
        rc = covey_event_add_target (event, "worker-1");
        if (rc == COVEY_OK)
            rc = covey_event_set_str (event, "messageId", correlation);
    }
    if (type == COVEY_EVENT_TASK_PROGRESS && rc == COVEY_OK) {
        rc = covey_event_set_str (event, "taskId", correlation);
        if (rc == COVEY_OK)
            rc = covey_event_set_num (event, "progress", 50);
        if (rc == COVEY_OK)
            rc = covey_event_set_str (event, "status", text);
    } else if (type == COVEY_EVENT_SYSTEM_INFO && rc == COVEY_OK) {
        rc = covey_event_set_str (event, "component", "bench");
        if (rc == COVEY_OK)
            rc = covey_event_set_str (event, "message", text);
    } else if (rc == COVEY_OK)
        rc = covey_event_set_payload (event, "content", COVEY_CONTENT_TEXT,
                                      text, PAYLOAD);
    if (type == COVEY_EVENT_BROADCAST && rc == COVEY_OK)
        rc = covey_event_set_str (event, "topic", "bench");
    if (type == COVEY_EVENT_BROADCAST && rc == COVEY_OK)
        rc = covey_event_set_str (event, "scope", "global");
    if (type == COVEY_EVENT_MESSAGE_SENT && rc == COVEY_OK)
        rc = covey_event_set_str (event, "contentType", "text");
    if (rc != COVEY_OK)
        s_die ("event", covey_error ());
    return event;
}

static s_packed_t *
s_make_events (void)
{
    s_packed_t *events = calloc (EVENTS, sizeof *events);
    if (!events)
        abort ();
    size_t bytes = 0;
    for (size_t i = 0; i < EVENTS; i++) {
        covey_buf_t buf;
        covey_errbuf_t err;
        covey_event_t *event = s_make_event (i);
        covey_buf_init (&buf, COVEY_EVENT_MAX);
        if (covey_event_pack (event, &buf, &err) != COVEY_OK)
            s_die ("pack", err.text);
        if (covey_event_append_origin (&buf, s_origin, i + 1) != COVEY_OK)
            s_die ("pack", "origin");
        events[i].data = buf.data;
        events[i].size = buf.size;
        bytes += buf.size;
        covey_event_destroy (&event);
    }
    printf ("journal.event.size %zu bytes\n", bytes / EVENTS);
    return events;
}

/* ---- the journal -------------------------------------------------------- */

static void
s_append (covey_journal_t *journal, const s_packed_t *packed, size_t i)
{
    covey_peek_t peek;
    covey_errbuf_t err;
    int64_t offset;
    bool duplicate;
    uint64_t expect;
    if (covey_peek (packed->data, packed->size, &peek) != COVEY_OK ||
        covey_journal_append (journal, &peek, s_origin, i + 1,
                              covey_clock_wall_us (), &offset, &duplicate,
                              &expect, &err) != COVEY_OK)
        s_die ("append", err.text);
}

static double
s_run_journal (const char *path, const s_packed_t *events, size_t count,
               size_t batch, uint64_t *bytes_p)
{
    covey_journal_t *journal = NULL;
    covey_errbuf_t err;
    if (covey_journal_open (path, COVEY_JOURNAL_WRITE, &journal, &err))
        s_die ("open", err.text);
    int64_t start_ns = covey_clock_mono_ns ();
    for (size_t i = 0; i < count; i++) {
        if (i % batch == 0 && covey_journal_begin (journal, &err) != COVEY_OK)
            s_die ("begin", err.text);
        s_append (journal, &events[i], i);
        if (((i + 1) % batch == 0 || i + 1 == count) &&
            covey_journal_commit (journal, &err) != COVEY_OK)
            s_die ("commit", err.text);
    }
    double seconds = (double)(covey_clock_mono_ns () - start_ns) / 1e9;
    *bytes_p = covey_journal_bytes (journal);
    covey_journal_close (&journal);
    return seconds;
}

/* ---- bare SQLite -------------------------------------------------------- */

static void
s_check (sqlite3 *db, int rc, const char *what)
{
    if (rc != SQLITE_OK && rc != SQLITE_DONE)
        s_die (what, sqlite3_errmsg (db));
}

static void
s_exec (sqlite3 *db, const char *sql)
{
    s_check (db, sqlite3_exec (db, sql, NULL, NULL, NULL), sql);
}

static void
s_insert (sqlite3 *db, sqlite3_stmt *insert, sqlite3_stmt *target,
          const covey_peek_t *peek, size_t i)
{
    sqlite3_bind_int64 (insert, 1, (int64_t)i + 1);
    sqlite3_bind_blob (insert, 2, peek->id, 16, SQLITE_STATIC);
    sqlite3_bind_int (insert, 3, peek->type);
    sqlite3_bind_text (insert, 4, peek->source.text, (int)peek->source.size,
                       SQLITE_STATIC);
    sqlite3_bind_int64 (insert, 5, peek->timestamp_us);
    sqlite3_bind_int64 (insert, 6, (int64_t)peek->hlc);
    if (peek->correlation_id.size)
        sqlite3_bind_text (insert, 7, peek->correlation_id.text,
                           (int)peek->correlation_id.size, SQLITE_STATIC);
    else
        sqlite3_bind_null (insert, 7);
    sqlite3_bind_int64 (insert, 8, peek->priority);
    sqlite3_bind_int64 (insert, 9, peek->timestamp_us);
    sqlite3_bind_blob (insert, 10, s_origin, 16, SQLITE_STATIC);
    sqlite3_bind_int64 (insert, 11, (int64_t)i + 1);
    sqlite3_bind_blob (insert, 12, peek->bytes, (int)peek->size, SQLITE_STATIC);
    s_check (db, sqlite3_step (insert), "insert");
    sqlite3_reset (insert);
    if (!peek->target_count)
        return;
    sqlite3_bind_text (target, 1, peek->first_target.text,
                       (int)peek->first_target.size, SQLITE_STATIC);
    sqlite3_bind_int64 (target, 2, (int64_t)i + 1);
    s_check (db, sqlite3_step (target), "insert target");
    sqlite3_reset (target);
}

/*  `path` has the journal's tables, empty.                                  */
static double
s_run_bare (const char *path, const s_packed_t *events, size_t count,
            size_t batch)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *insert = NULL, *target = NULL;
    s_check (db, sqlite3_open (path, &db), "open");
    s_exec (db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                "PRAGMA cache_size = -65536;"
                "PRAGMA wal_autocheckpoint = 10000");
    s_check (db,
             sqlite3_prepare_v2 (
                 db,
                 "INSERT INTO events (offset, id, type, source, ts, hlc,"
                 " correlation, priority, stored, origin, seq, event)"
                 " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                 -1, &insert, NULL),
             "prepare");
    s_check (db,
             sqlite3_prepare_v2 (db, "INSERT INTO targets VALUES (?, ?)", -1,
                                 &target, NULL),
             "prepare");
    int64_t start_ns = covey_clock_mono_ns ();
    for (size_t i = 0; i < count; i++) {
        covey_peek_t peek;
        if (i % batch == 0)
            s_exec (db, "BEGIN IMMEDIATE");
        if (covey_peek (events[i].data, events[i].size, &peek) != COVEY_OK)
            s_die ("peek", "malformed");
        s_insert (db, insert, target, &peek, i);
        if ((i + 1) % batch == 0 || i + 1 == count)
            s_exec (db, "COMMIT");
    }
    double seconds = (double)(covey_clock_mono_ns () - start_ns) / 1e9;
    sqlite3_finalize (insert);
    sqlite3_finalize (target);
    sqlite3_close (db);
    return seconds;
}

/* ------------------------------------------------------------------------ */

/*  A journal without events; what was there is removed.                     */
static void
s_make_empty (const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    char name[4200];
    for (size_t i = 0; i < 4; i++) {
        snprintf (name, sizeof name, "%s%s", path, suffixes[i]);
        unlink (name);
    }
    covey_journal_t *journal = NULL;
    covey_errbuf_t err;
    if (covey_journal_open (path, COVEY_JOURNAL_WRITE, &journal, &err))
        s_die ("open", err.text);
    covey_journal_close (&journal);
}

int
main (int argc, char **argv)
{
    static const size_t batches[] = {1, 10, 100, 500, 1000};
    const char *base = getenv ("TMPDIR") ? getenv ("TMPDIR") : "/tmp";
    char folder[3000], path[3100];
    snprintf (folder, sizeof folder, "%.2900s/covey-bench-XXXXXX", base);
    if (argc > 1)
        snprintf (folder, sizeof folder, "%.2900s", argv[1]);
    else if (!mkdtemp (folder))
        s_die (folder, "cannot be created");
    snprintf (path, sizeof path, "%s/journal.db", folder);
    s_packed_t *events = s_make_events ();
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        size_t count = batches[i] == 1 ? EVENTS_SINGLE : EVENTS;
        uint64_t bytes = 0;
        s_make_empty (path);
        double seconds =
            s_run_journal (path, events, count, batches[i], &bytes);
        printf ("journal.stored.batch%zu %.0f events/s\n", batches[i],
                (double)count / seconds);
        s_make_empty (path);
        seconds = s_run_bare (path, events, count, batches[i]);
        printf ("sqlite.stored.batch%zu %.0f events/s\n", batches[i],
                (double)count / seconds);
        if (i == 4)
            printf ("journal.stored.size %.0f bytes/event\n",
                    (double)bytes / (double)count);
        fflush (stdout);
    }
    s_make_empty (path);
    for (size_t i = 0; i < EVENTS; i++)
        free (events[i].data);
    free (events);
    unlink (path);
    snprintf (path, sizeof path, "%s/journal.db.lock", folder);
    unlink (path);
    if (argc <= 1)
        rmdir (folder);
    return 0;
}
