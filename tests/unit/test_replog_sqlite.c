/*  replog_sqlite: what is committed is there, what is not is not, at whatever
    write the disk fails or the power goes; a file that is damaged or not ours
   is refused in one clear line */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "coordinator/replog_store.h"
#include "tests/support/support_dir.h"
#include "tests/support/support_vfs.h"

static char s_dir[SUPPORT_DIR_SIZE], s_path[96];

static int
s_set_up (void **state)
{
    (void)state;
    support_dir_make (s_dir);
    snprintf (s_path, sizeof s_path, "%s/control.db", s_dir);
    return 0;
}

static int
s_tear_down (void **state)
{
    (void)state;
    support_vfs_fail_after (0, SUPPORT_VFS_FINE);
    support_dir_remove (s_dir);
    return 0;
}

/* ---- helpers ----------------------------------------------------------------
 */

static covey_replog_store_t *
s_open (void)
{
    covey_replog_store_t *store = NULL;
    covey_errbuf_t err = {""};
    if (covey_replog_store_sqlite (s_path, &store, &err))
        fail_msg ("%s", err.text);
    return store;
}

static covey_err_t
s_append (covey_replog_store_t *store, uint64_t index, uint64_t term,
          const char *text)
{
    covey_errbuf_t err;
    covey_replog_entry_t entry = {.index = index,
                                  .term = term,
                                  .kind = 1,
                                  .data = text,
                                  .size = strlen (text)};
    return store->klass->append (store, &entry, &err);
}

/*  A slice of a snapshot; where it goes on.                                  */
static covey_err_t
s_prepare (covey_replog_store_t *store, uint64_t index, const void *state,
           size_t size, size_t *prepared_p)
{
    covey_errbuf_t err;
    covey_replog_snapshot_t snapshot = {.index = index,
                                        .state = state,
                                        .state_size = size,
                                        .prepared = *prepared_p};
    covey_err_t code = store->klass->prepare_snapshot (store, &snapshot, &err);
    *prepared_p = snapshot.prepared;
    return code;
}

/*  With the rest of it.                                                      */
static covey_err_t
s_put_rest (covey_replog_store_t *store, uint64_t index, const void *state,
            size_t size, size_t prepared, uint64_t first_kept)
{
    covey_errbuf_t err;
    covey_replog_snapshot_t snapshot = {.index = index,
                                        .term = 2,
                                        .members_index = 1,
                                        .members = "members",
                                        .members_size = 7,
                                        .state = state,
                                        .state_size = size,
                                        .prepared = prepared};
    return store->klass->put_snapshot (store, &snapshot, first_kept, &err);
}

static covey_err_t
s_put (covey_replog_store_t *store, uint64_t index, const void *state,
       size_t size, uint64_t first_kept)
{
    return s_put_rest (store, index, state, size, 0, first_kept);
}

static covey_err_t
s_set (covey_replog_store_t *store, uint64_t term, uint64_t vote)
{
    covey_errbuf_t err;
    covey_replog_meta_t meta = {
        .member_id = UINT64_MAX, .term = term, .voted_for = vote};
    memset (meta.cluster.bytes, 7, 16);
    return store->klass->set_meta (store, &meta, &err);
}

static covey_err_t
s_commit (covey_replog_store_t *store)
{
    covey_errbuf_t err;
    return store->klass->commit (store, &err);
}

static covey_err_t
s_on_meta (void *arg, const covey_replog_meta_t *meta, covey_errbuf_t *err)
{
    (void)err;
    covey_buf_printf (arg, "t%" PRIu64 "v%" PRIu64 " ", meta->term,
                      meta->voted_for);
    return COVEY_OK;
}

static covey_err_t
s_on_snapshot (void *arg, const covey_replog_snapshot_t *snapshot,
               covey_errbuf_t *err)
{
    (void)err;
    covey_buf_printf (arg, "[%" PRIu64 ".%" PRIu64 " %.*s %zu] ",
                      snapshot->index, snapshot->term,
                      (int)snapshot->members_size,
                      (const char *)snapshot->members, snapshot->state_size);
    return COVEY_OK;
}

static covey_err_t
s_on_entry (void *arg, const covey_replog_entry_t *entry, covey_errbuf_t *err)
{
    (void)err;
    covey_buf_printf (arg, "%" PRIu64 ".%" PRIu64 "%.*s ", entry->index,
                      entry->term, (int)entry->size, (const char *)entry->data);
    return COVEY_OK;
}

/*  All that is in it, as text.                                              */
static covey_err_t
s_text (covey_replog_store_t *store, char text[512], covey_errbuf_t *err)
{
    covey_buf_t all;
    covey_buf_init (&all, 511);
    covey_replog_reader_t reader = {.arg = &all,
                                    .meta = s_on_meta,
                                    .snapshot = s_on_snapshot,
                                    .entry = s_on_entry};
    covey_err_t code = store->klass->read (store, &reader, err);
    memcpy (text, all.data ? all.data : (uint8_t *)"", all.size);
    text[all.size] = '\0';
    covey_buf_deinit (&all);
    return code;
}

static void
s_expect_text (covey_replog_store_t *store, const char *expected)
{
    char text[512];
    covey_errbuf_t err = {""};
    if (s_text (store, text, &err))
        fail_msg ("%s", err.text);
    assert_string_equal (text, expected);
}

static void
s_close (covey_replog_store_t **store_p)
{
    (*store_p)->klass->close (store_p);
}

static void
s_sql (const char *sql)
{
    sqlite3 *db;
    assert_int_equal (sqlite3_open (s_path, &db), SQLITE_OK);
    assert_int_equal (sqlite3_exec (db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close (db);
}

static void
s_expect_open (covey_err_t expected, const char *words)
{
    covey_replog_store_t *store = NULL;
    covey_errbuf_t err = {""};
    assert_int_equal (covey_replog_store_sqlite (s_path, &store, &err),
                      expected);
    assert_null (store);
    if (!strstr (err.text, words) || !strstr (err.text, s_path))
        fail_msg ("\"%s\"", err.text);
}

/*  A file with all kinds of rows.                                           */
static void
s_write_some (void)
{
    covey_replog_store_t *store = s_open ();
    char large[100];
    memset (large, 's', sizeof large);
    s_set (store, 3, 9);
    for (uint64_t i = 1; i <= 6; i++)
        s_append (store, i, 2, "abc");
    s_put (store, 4, large, sizeof large, 3);
    assert_int_equal (s_commit (store), COVEY_OK);
    s_close (&store);
}

static void
s_expect_damage (const char *sql, const char *words)
{
    char text[512];
    covey_errbuf_t err = {""};
    s_write_some ();
    s_sql (sql);
    covey_replog_store_t *store = s_open ();
    assert_int_equal (s_text (store, text, &err), COVEY_CORRUPT);
    if (!strstr (err.text, words))
        fail_msg ("\"%s\"", err.text);
    s_close (&store);
    unlink (s_path);
}

/* ---- tests ------------------------------------------------------------------
 */

static void
test_what_is_committed_comes_back (void **state)
{
    (void)state;
    s_write_some ();
    covey_replog_store_t *store = s_open ();
    s_expect_text (store,
                   "t3v9 [4.2 members 100] 3.2abc 4.2abc 5.2abc 6.2abc ");
    assert_int_equal (s_append (store, 7, 3, "lost"), COVEY_OK);
    s_close (&store);
    store = s_open ();
    covey_errbuf_t err;
    assert_int_equal (store->klass->truncate (store, 5, &err), COVEY_OK);
    s_append (store, 5, 4, "new");
    assert_int_equal (s_commit (store), COVEY_OK);
    assert_true (store->klass->bytes (store) > 4096);
    s_close (&store);
    store = s_open ();
    s_expect_text (store, "t3v9 [4.2 members 100] 3.2abc 4.2abc 5.4new ");
    s_put (store, 20, "", 0, 21);
    s_commit (store);
    s_expect_text (store, "t3v9 [20.2 members 0] ");
    s_close (&store);
}

static covey_err_t
s_compare (void *arg, const covey_replog_snapshot_t *snapshot,
           covey_errbuf_t *err)
{
    (void)err;
    const covey_replog_snapshot_t *expected = arg;
    assert_int_equal (snapshot->state_size, expected->state_size);
    assert_memory_equal (snapshot->state, expected->state,
                         expected->state_size);
    return COVEY_OK;
}

static void
s_expect_state (covey_replog_store_t *store, const void *state, size_t size)
{
    covey_replog_snapshot_t expected = {.state = state, .state_size = size};
    covey_replog_reader_t reader = {.arg = &expected, .snapshot = s_compare};
    covey_errbuf_t err;
    assert_int_equal (store->klass->get_snapshot (store, &reader, &err),
                      COVEY_OK);
}

static uint8_t *
s_new_state (size_t size, uint32_t factor)
{
    uint8_t *bytes = malloc (size);
    assert_non_null (bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * factor >> 13);
    return bytes;
}

static void
test_a_large_snapshot_goes_in_pieces (void **state)
{
    (void)state;
    size_t size = (9u << 20) + 17;
    uint8_t *bytes = s_new_state (size, 2654435761u);
    covey_replog_store_t *store = s_open ();
    assert_int_equal (s_put (store, 4, bytes, size, 5), COVEY_OK);
    assert_int_equal (s_commit (store), COVEY_OK);
    s_expect_state (store, bytes, size);
    s_close (&store);
    free (bytes);
}

static int64_t
s_pieces (void)
{
    sqlite3 *db;
    sqlite3_stmt *query;
    assert_int_equal (sqlite3_open (s_path, &db), SQLITE_OK);
    assert_int_equal (sqlite3_prepare_v2 (db, "SELECT count(*) FROM pieces", -1,
                                          &query, NULL),
                      SQLITE_OK);
    assert_int_equal (sqlite3_step (query), SQLITE_ROW);
    int64_t count = sqlite3_column_int64 (query, 0);
    sqlite3_finalize (query);
    sqlite3_close (db);
    return count;
}

/*  The one before counts until the last slice of the next one is there, also
    when there is a crash in between, and what is left of that goes.          */
static void
test_a_snapshot_in_slices_counts_when_it_is_whole (void **state)
{
    (void)state;
    size_t size = (3u << 20) + 5, prepared = 0;
    char text[512];
    covey_errbuf_t err = {""};
    uint8_t *first = s_new_state (size, 2654435761u);
    uint8_t *second = s_new_state (size, 40503u);
    covey_replog_store_t *store = s_open ();
    assert_int_equal (s_put (store, 4, first, size, 5), COVEY_OK);
    assert_int_equal (s_commit (store), COVEY_OK);
    for (int crash = 0; crash < 2; crash++) {
        prepared = 0;
        while (prepared < size - 5) {
            assert_int_equal (s_prepare (store, 9, second, size, &prepared),
                              COVEY_OK);
            assert_int_equal (s_commit (store), COVEY_OK);
            s_expect_state (store, first, size);
        }
        if (crash)
            continue;
        s_close (&store);
        assert_int_equal (s_pieces (), 4 + 3);
        store = s_open ();
        assert_int_equal (s_text (store, text, &err), COVEY_OK);
        s_close (&store);
        assert_int_equal (s_pieces (), 4);
        store = s_open ();
    }
    assert_int_equal (s_put_rest (store, 9, second, size, prepared, 10),
                      COVEY_OK);
    s_expect_state (store, second, size);
    assert_int_equal (s_commit (store), COVEY_OK);
    s_close (&store);
    assert_int_equal (s_pieces (), 4);
    store = s_open ();
    s_expect_state (store, second, size);
    /* another one comes in between; an empty one */
    prepared = 0;
    s_prepare (store, 11, first, size, &prepared);
    s_commit (store);
    s_put (store, 20, "", 0, 21);
    s_commit (store);
    s_expect_text (store, "t0v0 [20.2 members 0] ");
    s_close (&store);
    assert_int_equal (s_pieces (), 0);
    free (first);
    free (second);
}

static void
test_entries_before_a_snapshot_go_in_slices (void **state)
{
    (void)state;
    covey_errbuf_t err;
    bool more = true;
    int turns = 0;
    covey_replog_store_t *store = s_open ();
    for (uint64_t i = 1; i <= 10000; i++)
        assert_int_equal (s_append (store, i, 1, "x"), COVEY_OK);
    s_put (store, 9999, "s", 1, 1);
    s_commit (store);
    for (; more; turns++) {
        assert_int_equal (store->klass->drop_head (store, 9999, &more, &err),
                          COVEY_OK);
        s_commit (store);
    }
    assert_true (turns > 1);
    s_expect_text (store, "t0v0 [9999.2 members 1] 9999.1x 10000.1x ");
    assert_int_equal (store->klass->drop_head (store, 9999, &more, &err),
                      COVEY_OK);
    assert_false (more);
    s_expect_text (store, "t0v0 [9999.2 members 1] 9999.1x 10000.1x ");
    s_close (&store);
}

static void
test_a_store_in_memory_leaves_nothing (void **state)
{
    (void)state;
    covey_replog_store_t *store = NULL;
    covey_errbuf_t err;
    assert_int_equal (covey_replog_store_sqlite (NULL, &store, &err), COVEY_OK);
    s_expect_text (store, "t0v0 ");
    s_append (store, 1, 1, "a");
    assert_int_equal (s_commit (store), COVEY_OK);
    s_expect_text (store, "t0v0 1.1a ");
    s_close (&store);
}

static void
test_a_file_in_use_is_busy (void **state)
{
    (void)state;
    covey_replog_store_t *store = s_open ();
    s_append (store, 1, 1, "a");
    s_commit (store);
    s_expect_open (COVEY_BUSY, "another process");
    s_close (&store);
}

static void
test_what_is_not_ours_is_refused (void **state)
{
    (void)state;
    FILE *file = fopen (s_path, "w");
    for (int i = 0; i < 1000; i++)
        fputs ("this is a letter to my aunt\n", file);
    fclose (file);
    s_expect_open (COVEY_CORRUPT, "move it away");
    unlink (s_path);
    s_sql ("CREATE TABLE aunts (name TEXT)");
    s_expect_open (COVEY_CORRUPT, "not a control log");
    unlink (s_path);
    s_write_some ();
    s_sql ("PRAGMA user_version = 99");
    s_expect_open (COVEY_VERSION, "99");
    s_sql ("PRAGMA user_version = 1");
    s_expect_open (COVEY_VERSION, "had no replicas; move it away");
    s_sql ("PRAGMA user_version = 2");
    s_expect_open (COVEY_VERSION, "each entry of the log alone; move it away");
    snprintf (s_path, sizeof s_path, "%s/none/control.db", s_dir);
    s_expect_open (COVEY_IO, "check the folder");
}

static void
test_each_damage_is_found (void **state)
{
    (void)state;
    s_expect_damage ("UPDATE entries SET idx = 2", "entry 2 is damaged");
    s_expect_damage ("UPDATE entries SET count = 5", "entry 7 is damaged");
    s_expect_damage ("UPDATE entries SET count = 1", "entry 7 is damaged");
    s_expect_damage ("UPDATE entries SET bytes = x'616264'",
                     "entry 3 is damaged");
    s_expect_damage ("UPDATE entries SET bytes = x''", "entry 3 is damaged");
    s_expect_damage ("UPDATE meta SET vote = 8", "damaged");
    s_expect_damage ("UPDATE meta SET cluster = x'00'", "damaged");
    s_expect_damage ("UPDATE snapshot SET idx = 5", "snapshot");
    s_expect_damage ("UPDATE snapshot SET members = x'00'", "snapshot");
    s_expect_damage ("UPDATE pieces SET bytes = x'00'", "snapshot, piece 0");
    s_expect_damage ("DELETE FROM pieces", "snapshot");
}

static void
test_each_byte_of_an_entry_counts (void **state)
{
    (void)state;
    char text[512];
    sqlite3 *db;
    sqlite3_blob *blob;
    s_write_some (); /* entries 3 to 6 in one row, each of 21 + 3 bytes */
    for (int at = 24; at < 48; at++) {
        covey_errbuf_t err = {""};
        uint8_t byte;
        for (int turn = 0; turn < 2; turn++) {
            assert_int_equal (sqlite3_open (s_path, &db), SQLITE_OK);
            assert_int_equal (
                sqlite3_blob_open (db, "main", "entries", "bytes", 3, 1, &blob),
                SQLITE_OK);
            assert_int_equal (sqlite3_blob_read (blob, &byte, 1, at),
                              SQLITE_OK);
            byte ^= (uint8_t)(1 << at % 8);
            assert_int_equal (sqlite3_blob_write (blob, &byte, 1, at),
                              SQLITE_OK);
            sqlite3_blob_close (blob);
            sqlite3_close (db);
            covey_replog_store_t *store = s_open ();
            covey_err_t code = s_text (store, text, &err);
            s_close (&store);
            assert_int_equal (code, turn == 0 ? COVEY_CORRUPT : COVEY_OK);
        }
        if (!strstr (err.text, "entry 4 is damaged"))
            fail_msg ("byte %d: \"%s\"", at, err.text);
    }
}

static void
test_a_row_that_is_gone_is_missed (void **state)
{
    (void)state;
    char text[512];
    covey_errbuf_t err = {""};
    covey_replog_store_t *store = s_open ();
    for (uint64_t i = 1; i <= 6; i++) {
        s_append (store, i, 1, "abc");
        if (i % 2 == 0)
            assert_int_equal (s_commit (store), COVEY_OK);
    }
    s_close (&store);
    s_sql ("DELETE FROM entries WHERE idx = 3");
    store = s_open ();
    assert_int_equal (s_text (store, text, &err), COVEY_CORRUPT);
    assert_non_null (strstr (err.text, "entry 3 is missing"));
    s_close (&store);
}

static void
test_a_truncated_file_is_corrupt (void **state)
{
    (void)state;
    covey_replog_store_t *store = s_open ();
    char large[3000], text[512];
    memset (large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    for (uint64_t i = 1; i <= 50; i++)
        s_append (store, i, 1, large);
    s_commit (store);
    s_close (&store);
    struct stat info;
    assert_int_equal (stat (s_path, &info), 0);
    assert_int_equal (truncate (s_path, info.st_size / 2), 0);
    covey_errbuf_t err = {""};
    covey_err_t code = covey_replog_store_sqlite (s_path, &store, &err);
    if (!code) {
        code = s_text (store, text, &err);
        s_close (&store);
    }
    assert_int_equal (code, COVEY_CORRUPT);
    assert_non_null (strstr (err.text, s_path));
}

/* ---- at any step ------------------------------------------------------------
 */

#define BATCHES 8

/*  Writes one batch after the other; the number of those that were promised. */
static int
s_write_batches (covey_replog_store_t *store)
{
    char state[9000];
    covey_errbuf_t err;
    memset (state, 's', sizeof state);
    covey_err_t code = s_set (store, 1, 1);
    code = code ? code : s_append (store, 1, 1, "a");
    if (code || s_commit (store))
        return 0;
    code = s_append (store, 2, 1, "b");
    code = code ? code : s_append (store, 3, 1, "c");
    if (code || s_commit (store))
        return 1;
    code = store->klass->truncate (store, 3, &err);
    code = code ? code : s_append (store, 3, 2, "d");
    code = code ? code : s_set (store, 2, 0);
    if (code || s_commit (store))
        return 2;
    code = s_put (store, 2, state, sizeof state, 2);
    if (code || s_commit (store))
        return 3;
    if (s_set (store, 3, 5) || s_commit (store))
        return 4;
    size_t prepared = 0;
    code = s_prepare (store, 9, state, 10, &prepared);
    if (code || s_commit (store))
        return 5;
    code = s_put_rest (store, 9, state, 10, prepared, 1);
    if (code || s_commit (store))
        return 6;
    bool more;
    code = store->klass->drop_head (store, 10, &more, &err);
    if (code || s_commit (store))
        return 7;
    return BATCHES;
}

static const char *const s_after[BATCHES + 1] = {
    "t0v0 ",
    "t1v1 1.1a ",
    "t1v1 1.1a 2.1b 3.1c ",
    "t2v0 1.1a 2.1b 3.2d ",
    "t2v0 [2.2 members 9000] 2.1b 3.2d ",
    "t3v5 [2.2 members 9000] 2.1b 3.2d ",
    "t3v5 [2.2 members 9000] 2.1b 3.2d ",
    "t3v5 [9.2 members 10] 2.1b 3.2d ",
    "t3v5 [9.2 members 10] ",
};

/*  What was promised is there, and else nothing but the whole next batch.    */
static void
s_expect_promises (int promised, int step)
{
    char text[512];
    covey_errbuf_t err = {""};
    covey_replog_store_t *store = s_open ();
    if (s_text (store, text, &err))
        fail_msg ("step %d: %s", step, err.text);
    if (strcmp (text, s_after[promised]) != 0 &&
        (promised == BATCHES || strcmp (text, s_after[promised + 1]) != 0))
        fail_msg ("step %d: \"%s\" after %d", step, text, promised);
    s_close (&store);
}

static void
s_remove_files (void)
{
    static const char *const ends[] = {"", "-wal", ".durable", "-wal.durable"};
    char path[200];
    for (size_t i = 0; i < 4; i++) {
        snprintf (path, sizeof path, "%s%s", s_path, ends[i]);
        unlink (path);
    }
}

/*  `then`: what happens after the failure. Returns whether all steps were
    taken.                                                                    */
static bool
s_run_to (int step, support_vfs_t how, bool power)
{
    covey_replog_store_t *store = NULL;
    covey_errbuf_t err = {""};
    s_remove_files ();
    support_vfs_fail_after (0, SUPPORT_VFS_FINE);
    store = s_open ();
    s_close (&store);
    store = s_open ();
    support_vfs_fail_after (step, how);
    int promised = s_write_batches (store);
    bool all = promised == BATCHES;
    if (!all) /* it says no from there on, also when the disk is well again */
        assert_int_not_equal (s_append (store, 90, 9, "x"), COVEY_OK);
    s_close (&store);
    support_vfs_fail_after (0, SUPPORT_VFS_FINE);
    if (power)
        support_vfs_lose_power (s_path);
    s_expect_promises (promised, step);
    (void)err;
    return all;
}

static void
s_run_all (support_vfs_t how, bool power)
{
    int step = 1;
    while (!s_run_to (step, how, power))
        step++;
    assert_true (step > 10); /* there were steps to fail at */
}

static void
test_a_disk_that_fails_at_any_write_breaks_no_promise (void **state)
{
    (void)state;
    support_vfs_install ();
    s_run_all (SUPPORT_VFS_IO, false);
}

static void
test_a_disk_that_is_full_at_any_write_breaks_no_promise (void **state)
{
    (void)state;
    support_vfs_install ();
    s_run_all (SUPPORT_VFS_FULL, false);
}

static void
test_a_loss_of_power_at_any_write_breaks_no_promise (void **state)
{
    (void)state;
    support_vfs_install ();
    s_run_all (SUPPORT_VFS_IO, true);
}

int
main (void)
{
#define TEST(name) cmocka_unit_test_setup_teardown (name, s_set_up, s_tear_down)
    const struct CMUnitTest tests[] = {
        TEST (test_what_is_committed_comes_back),
        TEST (test_a_large_snapshot_goes_in_pieces),
        TEST (test_a_snapshot_in_slices_counts_when_it_is_whole),
        TEST (test_entries_before_a_snapshot_go_in_slices),
        TEST (test_a_store_in_memory_leaves_nothing),
        TEST (test_a_file_in_use_is_busy),
        TEST (test_what_is_not_ours_is_refused),
        TEST (test_each_damage_is_found),
        TEST (test_each_byte_of_an_entry_counts),
        TEST (test_a_row_that_is_gone_is_missed),
        TEST (test_a_truncated_file_is_corrupt),
        TEST (test_a_disk_that_fails_at_any_write_breaks_no_promise),
        TEST (test_a_disk_that_is_full_at_any_write_breaks_no_promise),
        TEST (test_a_loss_of_power_at_any_write_breaks_no_promise),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
