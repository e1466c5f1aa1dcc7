/*  The journal's writer: order, once, gaps, rollback, and every way in which a
    file or a disk can be bad.                                                */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "persist/journal_i.h"
#include "tests/support/support_dir.h"
#include "tests/support/support_journal.h"

#define NOBODY 65534

static const uint8_t s_a[16] = "origin-a-------";
static const uint8_t s_b[16] = "origin-b-------";

typedef struct {
    char folder[SUPPORT_DIR_SIZE];
    char path[128];
    covey_journal_t *journal;
    covey_errbuf_t err;
} s_self_t;

static void
s_reopen (s_self_t *self, covey_journal_mode_t mode)
{
    covey_journal_close (&self->journal);
    covey_err_t rc =
        covey_journal_open (self->path, mode, &self->journal, &self->err);
    if (rc != COVEY_OK)
        fail_msg ("open: %s %s", covey_err_name (rc), self->err.text);
}

static int
s_set_up (void **state)
{
    s_self_t *self = calloc (1, sizeof *self);
    support_dir_make (self->folder);
    snprintf (self->path, sizeof self->path, "%s/journal.db", self->folder);
    s_reopen (self, COVEY_JOURNAL_WRITE);
    *state = self;
    return 0;
}

static int
s_tear_down (void **state)
{
    s_self_t *self = *state;
    covey_journal_close (&self->journal);
    support_dir_remove (self->folder);
    free (self);
    return 0;
}

static void
s_ok (s_self_t *self, covey_err_t rc)
{
    if (rc != COVEY_OK)
        fail_msg ("%s: %s", covey_err_name (rc), self->err.text);
}

static int64_t
s_append (s_self_t *self, uint64_t number, const uint8_t origin[16],
          uint64_t seq)
{
    support_event_t event = {.number = number};
    int64_t offset = 0;
    s_ok (self, support_append (self->journal, &event, origin, seq, &offset,
                                &self->err));
    return offset;
}

/*  Events number first..last of origin a, whose sequences they are too.     */
static void
s_store (s_self_t *self, uint64_t first, uint64_t last)
{
    s_ok (self, covey_journal_begin (self->journal, &self->err));
    for (uint64_t i = first; i <= last; i++)
        s_append (self, i, s_a, i);
    s_ok (self, covey_journal_commit (self->journal, &self->err));
}

typedef struct {
    int64_t offsets[4096];
    uint64_t numbers[4096];
    size_t count;
} s_rows_t;

static bool
s_on_row (void *arg, const Covey__Store__EventRow *row)
{
    s_rows_t *rows = arg;
    covey_peek_t peek;
    assert_int_equal (covey_peek (row->event.data, row->event.len, &peek),
                      COVEY_OK);
    rows->offsets[rows->count] = row->offset;
    memcpy (&rows->numbers[rows->count++], peek.id + 8, 8);
    return true;
}

static void
s_read_all (s_self_t *self, s_rows_t *rows)
{
    Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
    Covey__Store__EventPage page = COVEY__STORE__EVENT_PAGE__INIT;
    query.has_limit = 1;
    query.limit = 4096;
    rows->count = 0;
    s_ok (self, covey_journal_query (self->journal, &query, SIZE_MAX, s_on_row,
                                     rows, &page, &self->err));
    assert_false (page.more);
}

/*  Offsets 1..count, event number = offset.                                 */
static void
s_expect_rows (s_self_t *self, size_t count)
{
    s_rows_t *rows = calloc (1, sizeof *rows);
    s_read_all (self, rows);
    assert_int_equal (rows->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal (rows->offsets[i], i + 1);
        assert_int_equal (rows->numbers[i], i + 1);
    }
    free (rows);
    assert_int_equal (covey_journal_count (self->journal), count);
}

static void
s_expect_error (s_self_t *self, covey_err_t rc, covey_err_t code,
                const char *word)
{
    if (rc != code || !strstr (self->err.text, word))
        fail_msg ("wanted %s with \"%s\", got %s: %s", covey_err_name (code),
                  word, covey_err_name (rc), self->err.text);
}

/* ---- order, once, gaps -------------------------------------------------- */

static void
test_offsets_follow_the_order_of_appends (void **state)
{
    s_self_t *self = *state;
    s_ok (self, covey_journal_begin (self->journal, &self->err));
    assert_int_equal (s_append (self, 1, s_a, 1), 1);
    assert_int_equal (s_append (self, 2, s_b, 1), 2);
    assert_int_equal (s_append (self, 3, s_a, 2), 3);
    s_ok (self, covey_journal_commit (self->journal, &self->err));
    assert_int_equal (covey_journal_last_offset (self->journal), 3);
    assert_int_equal (covey_journal_last_seq (self->journal, s_a), 2);
    assert_int_equal (covey_journal_last_seq (self->journal, s_b), 1);
    s_expect_rows (self, 3);
}

static void
test_state_survives_reopening (void **state)
{
    s_self_t *self = *state;
    s_store (self, 1, 3000);
    s_reopen (self, COVEY_JOURNAL_WRITE);
    assert_int_equal (covey_journal_last_offset (self->journal), 3000);
    assert_int_equal (covey_journal_last_seq (self->journal, s_a), 3000);
    s_store (self, 3001, 3002);
    s_expect_rows (self, 3002);
}

static void
test_duplicate_gets_the_offset_it_had (void **state)
{
    s_self_t *self = *state;
    s_store (self, 1, 5);
    s_ok (self, covey_journal_begin (self->journal, &self->err));
    assert_int_equal (s_append (self, 4, s_a, 4), 4); /* sent again           */
    assert_int_equal (s_append (self, 2, s_b, 1), 2); /* over another node    */
    assert_int_equal (s_append (self, 6, s_a, 6), 6);
    assert_int_equal (s_append (self, 6, s_a, 6), 6); /* in the same batch    */
    s_ok (self, covey_journal_commit (self->journal, &self->err));
    assert_int_equal (covey_journal_last_seq (self->journal, s_b), 1);
    s_expect_rows (self, 6);
}

static void
test_gap_is_refused_and_leaves_the_batch (void **state)
{
    s_self_t *self = *state;
    support_event_t event = {.number = 9};
    int64_t offset = 77;
    covey_buf_t packed;
    covey_peek_t peek;
    bool duplicate = false;
    uint64_t expect = 0;
    s_store (self, 1, 2);
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    support_pack (&event, s_a, 5, &packed, &peek);
    s_ok (self, covey_journal_begin (self->journal, &self->err));
    covey_err_t rc =
        covey_journal_append (self->journal, &peek, s_a, 5, 0, &offset,
                              &duplicate, &expect, &self->err);
    s_expect_error (self, rc, COVEY_STATE, "3 to 4");
    assert_int_equal (expect, 3);
    assert_int_equal (offset, 77);
    rc = covey_journal_skip (self->journal, s_b, 2, &expect, &self->err);
    assert_int_equal (rc, COVEY_STATE);
    assert_int_equal (expect, 1);
    s_append (self, 3, s_a, 3);
    s_ok (self, covey_journal_commit (self->journal, &self->err));
    s_expect_rows (self, 3);
    covey_buf_deinit (&packed);
}

static void
test_resume_goes_on_behind_a_gap (void **state)
{
    s_self_t *self = *state;
    s_store (self, 1, 2);
    s_ok (self, covey_journal_begin (self->journal, &self->err));
    s_expect_error (self,
                    covey_journal_resume (self->journal, s_a, 2, &self->err),
                    COVEY_STATE, "2");
    s_ok (self, covey_journal_resume (self->journal, s_a, 8, &self->err));
    assert_int_equal (s_append (self, 3, s_a, 8), 3);
    s_ok (self, covey_journal_commit (self->journal, &self->err));
    s_reopen (self, COVEY_JOURNAL_WRITE);
    assert_int_equal (covey_journal_last_seq (self->journal, s_a), 8);
}

static void
test_skipped_events_count_for_the_sequence (void **state)
{
    s_self_t *self = *state;
    uint64_t expect;
    s_ok (self, covey_journal_begin (self->journal, &self->err));
    s_ok (self,
          covey_journal_skip (self->journal, s_a, 1, &expect, &self->err));
    assert_int_equal (s_append (self, 1, s_a, 2), 1);
    /* sent again: known by its sequence, but nowhere to be found */
    assert_int_equal (s_append (self, 99, s_a, 1), -1);
    s_ok (self, covey_journal_commit (self->journal, &self->err));
    s_reopen (self, COVEY_JOURNAL_WRITE);
    assert_int_equal (covey_journal_last_seq (self->journal, s_a), 2);
    s_expect_rows (self, 1);
}

static void
test_event_without_id_is_refused_and_leaves_the_batch (void **state)
{
    s_self_t *self = *state;
    covey_peek_t peek = {0};
    int64_t offset;
    bool duplicate;
    uint64_t expect;
    s_ok (self, covey_journal_begin (self->journal, &self->err));
    s_expect_error (self,
                    covey_journal_append (self->journal, &peek, s_a, 1, 0,
                                          &offset, &duplicate, &expect,
                                          &self->err),
                    COVEY_MALFORMED, "id");
    s_append (self, 1, s_a, 1);
    s_ok (self, covey_journal_commit (self->journal, &self->err));
    s_expect_rows (self, 1);
}

static void
test_rollback_leaves_no_hole (void **state)
{
    s_self_t *self = *state;
    s_store (self, 1, 10);
    s_ok (self, covey_journal_begin (self->journal, &self->err));
    for (uint64_t i = 11; i <= 2000; i++)
        s_append (self, i, s_a, i);
    s_append (self, 5000, s_b, 1);
    covey_journal_rollback (self->journal);
    assert_int_equal (covey_journal_last_offset (self->journal), 10);
    assert_int_equal (covey_journal_last_seq (self->journal, s_a), 10);
    assert_int_equal (covey_journal_last_seq (self->journal, s_b), 0);
    s_store (self, 11, 20);
    s_expect_rows (self, 20);
}

static void
test_memory_mode_stores_and_rolls_back (void **state)
{
    s_self_t *self = *state;
    s_reopen (self, COVEY_JOURNAL_MEMORY);
    s_store (self, 1, 10);
    s_ok (self, covey_journal_begin (self->journal, &self->err));
    s_append (self, 11, s_a, 11);
    covey_journal_rollback (self->journal);
    s_store (self, 11, 12);
    s_expect_rows (self, 12);
    assert_true (covey_journal_bytes (self->journal) > 4096);
}

static bool
s_on_ttl_row (void *arg, const Covey__Store__EventRow *row)
{
    (void)arg;
    assert_int_equal (row->has_expired, row->offset > 1);
    assert_int_equal (row->expired, row->offset == 2);
    return true;
}

static void
test_rows_say_whether_their_time_is_over (void **state)
{
    s_self_t *self = *state;
    int64_t now_us = covey_clock_wall_us (), offset;
    support_event_t events[] = {
        {.number = 1, .ts = now_us - 10000000},
        {.number = 2, .ts = now_us - 10000000, .ttl_ms = 1000},
        {.number = 3, .ts = now_us, .ttl_ms = UINT32_MAX}};
    Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
    Covey__Store__EventPage page = COVEY__STORE__EVENT_PAGE__INIT;
    s_ok (self, covey_journal_begin (self->journal, &self->err));
    for (uint64_t i = 0; i < 3; i++)
        s_ok (self, support_append (self->journal, &events[i], s_a, i + 1,
                                    &offset, &self->err));
    s_ok (self, covey_journal_commit (self->journal, &self->err));
    s_ok (self, covey_journal_query (self->journal, &query, SIZE_MAX,
                                     s_on_ttl_row, NULL, &page, &self->err));
}

/* ---- mark and delete ---------------------------------------------------- */

static void
test_mark_finds_or_says_that_it_did_not (void **state)
{
    s_self_t *self = *state;
    uint8_t id[16];
    s_store (self, 1, 3);
    support_event_id (2, id);
    s_ok (self, covey_journal_mark (self->journal, id, &self->err));
    support_event_id (4, id);
    s_expect_error (self, covey_journal_mark (self->journal, id, &self->err),
                    COVEY_NOTFOUND, "not in the journal");
}

static void
test_delete_goes_in_steps_and_keeps_the_last_offset (void **state)
{
    s_self_t *self = *state;
    size_t count = 0, total = 0;
    s_ok (self, covey_journal_begin (self->journal, &self->err));
    for (uint64_t i = 1; i <= 3000; i++) {
        support_event_t event = {.number = i,
                                 .ts = (int64_t)i * 1000,
                                 .targets = {"x", "y"},
                                 .tags = {"t"}};
        int64_t offset;
        s_ok (self, support_append (self->journal, &event, s_a, i, &offset,
                                    &self->err));
    }
    s_ok (self, covey_journal_commit (self->journal, &self->err));
    s_ok (self, covey_journal_delete (self->journal, 2000001, 1500, 600, &count,
                                      &self->err));
    assert_int_equal (count, 600);
    do {
        total += count;
        s_ok (self, covey_journal_delete (self->journal, 2000001, 1500, 600,
                                          &count, &self->err));
    } while (count);
    assert_int_equal (total, 1500); /* up_to bounds it */
    s_ok (self, covey_journal_delete (self->journal, INT64_MAX, INT64_MAX,
                                      SIZE_MAX, &count, &self->err));
    assert_int_equal (count, 1500);
    assert_int_equal (covey_journal_count (self->journal), 0);
    int64_t left = -1;
    s_ok (self, covey_i_journal_number (self->journal,
                                        "SELECT (SELECT count (*) FROM targets)"
                                        " + (SELECT count (*) FROM tags)",
                                        -1, &left, &self->err));
    assert_int_equal (left, 0);
    s_reopen (self, COVEY_JOURNAL_WRITE);
    assert_int_equal (covey_journal_last_offset (self->journal), 3000);
    s_ok (self, covey_journal_begin (self->journal, &self->err));
    assert_int_equal (s_append (self, 3001, s_a, 3001), 3001);
    s_ok (self, covey_journal_commit (self->journal, &self->err));
    assert_int_equal (covey_journal_count (self->journal), 1);
}

/* ---- failing disks ------------------------------------------------------ */

static void
s_fail_and_recover (s_self_t *self, support_disk_t *disk, covey_err_t code,
                    const char *word)
{
    covey_err_t rc = covey_journal_begin (self->journal, &self->err);
    for (uint64_t i = 11; i <= 300 && rc == COVEY_OK; i++) {
        support_event_t event = {.number = i};
        int64_t offset;
        rc =
            support_append (self->journal, &event, s_a, i, &offset, &self->err);
    }
    if (rc == COVEY_OK)
        rc = covey_journal_commit (self->journal, &self->err);
    s_expect_error (self, rc, code, word);
    disk->sync_error = disk->write_error = 0;
    s_ok (self, covey_journal_begin (self->journal, &self->err));
    covey_journal_rollback (self->journal);
    /* what failed may be there or not, but memory and file agree */
    uint64_t last = covey_journal_last_seq (self->journal, s_a);
    assert_true (last == 10 || last == 300);
    assert_int_equal (covey_journal_last_offset (self->journal), last);
    s_store (self, 11, 300);
    s_expect_rows (self, 300);
}

static void
test_failed_disk_refuses_the_batch_and_recovers (void **state)
{
    static const struct {
        int sync_error, write_error;
        const char *word;
    } cases[] = {{SQLITE_IOERR_FSYNC, 0, "disk failed"},
                 {0, SQLITE_IOERR_WRITE, "disk failed"},
                 {0, SQLITE_FULL, "disk is full"}};
    s_self_t *self = *state;
    support_disk_t *disk = support_disk_install ();
    for (size_t i = 0; i < 3; i++) {
        covey_journal_close (&self->journal);
        unlink (self->path);
        s_reopen (self, COVEY_JOURNAL_WRITE);
        s_store (self, 1, 10);
        disk->sync_error = cases[i].sync_error;
        disk->write_error = cases[i].write_error;
        disk->passes = cases[i].write_error ? 3 : 0;
        s_fail_and_recover (self, disk, COVEY_IO, cases[i].word);
        assert_non_null (strstr (self->err.text, self->path));
    }
    covey_journal_close (&self->journal);
    support_disk_remove ();
}

static void
test_disk_that_stays_bad_is_reported_each_time (void **state)
{
    s_self_t *self = *state;
    support_disk_t *disk = support_disk_install ();
    s_reopen (self, COVEY_JOURNAL_WRITE);
    s_store (self, 1, 10);
    disk->write_error = SQLITE_FULL;
    for (int i = 0; i < 3; i++) {
        covey_err_t rc = covey_journal_begin (self->journal, &self->err);
        support_event_t event = {.number = 11};
        int64_t offset;
        if (rc == COVEY_OK)
            rc = support_append (self->journal, &event, s_a, 11, &offset,
                                 &self->err);
        if (rc == COVEY_OK)
            rc = covey_journal_commit (self->journal, &self->err);
        s_expect_error (self, rc, COVEY_IO, "full");
    }
    disk->write_error = 0;
    s_store (self, 11, 11);
    s_expect_rows (self, 11);
    covey_journal_close (&self->journal);
    support_disk_remove ();
}

static void
test_full_tmpfs_refuses_and_goes_on_when_there_is_space (void **state)
{
    s_self_t *self = *state;
    char folder[128], path[192], ballast[192];
    snprintf (folder, sizeof folder, "%s/small", self->folder);
    assert_int_equal (mkdir (folder, 0700), 0);
    if (mount ("none", folder, "tmpfs", 0, "size=1m") != 0) {
        print_message ("skipped: no tmpfs can be mounted (%s)\n",
                       strerror (errno));
        skip ();
    }
    snprintf (path, sizeof path, "%s/journal.db", folder);
    snprintf (ballast, sizeof ballast, "%s/ballast", folder);
    int fd = open (ballast, O_CREAT | O_WRONLY, 0600);
    assert_int_equal (posix_fallocate (fd, 0, 500 * 1024), 0);
    close (fd);
    covey_journal_t *journal = NULL;
    s_ok (self,
          covey_journal_open (path, COVEY_JOURNAL_WRITE, &journal, &self->err));
    covey_err_t rc = COVEY_OK;
    uint64_t stored = 0;
    while (rc == COVEY_OK && stored < 10000) {
        rc = covey_journal_begin (journal, &self->err);
        for (uint64_t i = 1; i <= 50 && rc == COVEY_OK; i++) {
            support_event_t event = {.number = stored + i};
            int64_t offset;
            rc = support_append (journal, &event, s_a, stored + i, &offset,
                                 &self->err);
        }
        if (rc == COVEY_OK)
            rc = covey_journal_commit (journal, &self->err);
        if (rc == COVEY_OK)
            stored += 50;
    }
    s_expect_error (self, rc, COVEY_IO, "full");
    unlink (ballast);
    rc = covey_journal_begin (journal, &self->err);
    if (rc == COVEY_OK)
        covey_journal_rollback (journal);
    uint64_t last = covey_journal_last_seq (journal, s_a);
    int64_t offset = covey_journal_last_offset (journal);
    covey_journal_close (&journal);
    umount (folder);
    s_ok (self, rc);
    assert_true (stored > 0 && last == stored);
    assert_int_equal (offset, stored);
}

/* ---- bad files ---------------------------------------------------------- */

static void
s_expect_open_error (s_self_t *self, covey_journal_mode_t mode,
                     covey_err_t code, const char *word)
{
    covey_journal_t *journal = NULL;
    covey_err_t rc =
        covey_journal_open (self->path, mode, &journal, &self->err);
    assert_null (journal);
    s_expect_error (self, rc, code, word);
}

static void
test_missing_file_is_not_created_by_a_reader (void **state)
{
    s_self_t *self = *state;
    covey_journal_close (&self->journal);
    unlink (self->path);
    s_expect_open_error (self, COVEY_JOURNAL_READ, COVEY_NOTFOUND, self->path);
    assert_int_equal (access (self->path, F_OK), -1);
    snprintf (self->path, sizeof self->path, "%s/no/journal.db", self->folder);
    s_expect_open_error (self, COVEY_JOURNAL_WRITE, COVEY_NOTFOUND, "no");
}

static void
s_overwrite (const char *path, off_t at, const void *data, size_t size)
{
    int fd = open (path, O_WRONLY | O_CREAT, 0600);
    assert_true (fd >= 0);
    assert_int_equal (pwrite (fd, data, size, at), size);
    close (fd);
}

static void
test_foreign_files_are_refused_and_left_alone (void **state)
{
    s_self_t *self = *state;
    char text[8192];
    memset (text, 'x', sizeof text);
    covey_journal_close (&self->journal);
    unlink (self->path);
    s_overwrite (self->path, 0, text, sizeof text);
    s_expect_open_error (self, COVEY_JOURNAL_WRITE, COVEY_CORRUPT,
                         "not a journal");
    s_expect_open_error (self, COVEY_JOURNAL_READ, COVEY_CORRUPT, self->path);
    struct stat st;
    assert_int_equal (stat (self->path, &st), 0);
    assert_int_equal (st.st_size, sizeof text);

    unlink (self->path);
    sqlite3 *db;
    assert_int_equal (sqlite3_open (self->path, &db), SQLITE_OK);
    sqlite3_exec (db, "CREATE TABLE mine (x)", NULL, NULL, NULL);
    sqlite3_close (db);
    s_expect_open_error (self, COVEY_JOURNAL_WRITE, COVEY_CORRUPT,
                         "not a journal");
}

static void
test_damaged_file_is_refused_and_never_emptied (void **state)
{
    s_self_t *self = *state;
    struct stat before, after;
    char garbage[4096];
    memset (garbage, 0xa5, sizeof garbage);
    s_store (self, 1, 3000);
    covey_journal_close (&self->journal);
    assert_int_equal (stat (self->path, &before), 0);
    for (off_t page = 1; page < 12; page++)
        s_overwrite (self->path, page * 4096, garbage, sizeof garbage);
    s_expect_open_error (self, COVEY_JOURNAL_WRITE, COVEY_CORRUPT, "damaged");
    assert_int_equal (stat (self->path, &after), 0);
    assert_int_equal (before.st_size, after.st_size);
}

static void
test_truncated_file_is_refused (void **state)
{
    s_self_t *self = *state;
    s_store (self, 1, 3000);
    covey_journal_close (&self->journal);
    assert_int_equal (truncate (self->path, 30000), 0);
    s_expect_open_error (self, COVEY_JOURNAL_WRITE, COVEY_CORRUPT, "damaged");
}

static void
test_newer_format_is_refused (void **state)
{
    s_self_t *self = *state;
    s_ok (self,
          covey_i_journal_number (self->journal, "PRAGMA user_version = 9", 0,
                                  &(int64_t){0}, &self->err));
    covey_journal_close (&self->journal);
    s_expect_open_error (self, COVEY_JOURNAL_WRITE, COVEY_VERSION, "format 9");
    s_expect_open_error (self, COVEY_JOURNAL_READ, COVEY_VERSION, "format 9");
}

static void
test_empty_file_has_nothing_to_read (void **state)
{
    s_self_t *self = *state;
    covey_journal_close (&self->journal);
    unlink (self->path);
    s_overwrite (self->path, 0, "", 0);
    s_expect_open_error (self, COVEY_JOURNAL_READ, COVEY_NOTFOUND, "empty");
}

static void
test_second_writer_is_refused (void **state)
{
    s_self_t *self = *state;
    s_expect_open_error (self, COVEY_JOURNAL_WRITE, COVEY_BUSY, "another node");
}

static void
test_lock_of_a_foreign_process_is_busy (void **state)
{
    s_self_t *self = *state;
    sqlite3 *db;
    assert_int_equal (sqlite3_open (self->path, &db), SQLITE_OK);
    assert_int_equal (sqlite3_exec (db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                      SQLITE_OK);
    sqlite3_busy_timeout (self->journal->db, 10);
    s_expect_error (self, covey_journal_begin (self->journal, &self->err),
                    COVEY_BUSY, "another process");
    sqlite3_close (db);
    s_store (self, 1, 2);
    s_expect_rows (self, 2);
}

static void
test_network_file_systems_are_known (void **state)
{
    (void)state;
    assert_string_equal (covey_i_network_filesystem (0x6969), "NFS");
    assert_string_equal (covey_i_network_filesystem ((long)(int)0xff534d42),
                         "CIFS");
    assert_null (covey_i_network_filesystem (0xef53));     /* ext4 */
    assert_null (covey_i_network_filesystem (0x01021994)); /* tmpfs */
}

/* ---- readers ------------------------------------------------------------ */

static void
test_reader_works_beside_the_writer (void **state)
{
    s_self_t *self = *state;
    s_self_t reader = *self;
    reader.journal = NULL;
    s_store (self, 1, 10);
    s_reopen (&reader, COVEY_JOURNAL_READ);
    s_expect_rows (&reader, 10);
    s_store (self, 11, 20);
    s_expect_rows (&reader, 20);
    covey_journal_close (&reader.journal);
}

/*  Run `check` as a user who owns nothing here; its result is the exit code. */
static int
s_as_nobody (s_self_t *self, int (*check) (s_self_t *self))
{
    pid_t pid = fork ();
    if (pid == 0) {
        if (getuid () == 0 && setuid (NOBODY) != 0)
            _exit (99);
        _exit (check (self));
    }
    int status = 0;
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_true (WIFEXITED (status));
    return WEXITSTATUS (status);
}

static int
s_read_ten (s_self_t *self)
{
    s_rows_t *rows = calloc (1, sizeof *rows);
    self->journal = NULL;
    if (covey_journal_open (self->path, COVEY_JOURNAL_READ, &self->journal,
                            &self->err) != COVEY_OK)
        return 1;
    s_read_all (self, rows);
    int result = rows->count == 10 ? 0 : 2;
    covey_journal_close (&self->journal);
    free (rows);
    return result;
}

static void
test_stopped_journal_in_a_read_only_folder_can_be_read (void **state)
{
    s_self_t *self = *state;
    s_store (self, 1, 10);
    covey_journal_close (&self->journal);
    chmod (self->path, 0444);
    chmod (self->folder, 0555);
    assert_int_equal (s_as_nobody (self, s_read_ten), 0);
    chmod (self->folder, 0755);
}

static void
test_other_user_reads_beside_the_writer (void **state)
{
    s_self_t *self = *state;
    s_store (self, 1, 10);
    chmod (self->folder, 0555);
    assert_int_equal (s_as_nobody (self, s_read_ten), 0);
    chmod (self->folder, 0755);
}

static int
s_write_is_denied (s_self_t *self)
{
    covey_err_t rc = covey_journal_open (self->path, COVEY_JOURNAL_WRITE,
                                         &self->journal, &self->err);
    return rc == COVEY_DENIED && strstr (self->err.text, self->folder) ? 0 : 1;
}

static int
s_read_is_denied (s_self_t *self)
{
    covey_err_t rc = covey_journal_open (self->path, COVEY_JOURNAL_READ,
                                         &self->journal, &self->err);
    return rc == COVEY_DENIED && strstr (self->err.text, self->path) ? 0 : 1;
}

static void
test_rights_that_are_missing_are_denied (void **state)
{
    s_self_t *self = *state;
    s_store (self, 1, 10);
    covey_journal_close (&self->journal);
    chmod (self->folder, 0555);
    assert_int_equal (s_as_nobody (self, s_write_is_denied), 0);
    chmod (self->path, 0600);
    assert_int_equal (s_as_nobody (self, s_read_is_denied), 0);
    chmod (self->folder, 0000);
    assert_int_equal (s_as_nobody (self, s_write_is_denied), 0);
    assert_int_equal (s_as_nobody (self, s_read_is_denied), 0);
    chmod (self->folder, 0755);
}

int
main (void)
{
#define COVEY_TEST(name) \
    cmocka_unit_test_setup_teardown (name, s_set_up, s_tear_down)
    const struct CMUnitTest tests[] = {
        COVEY_TEST (test_offsets_follow_the_order_of_appends),
        COVEY_TEST (test_state_survives_reopening),
        COVEY_TEST (test_duplicate_gets_the_offset_it_had),
        COVEY_TEST (test_gap_is_refused_and_leaves_the_batch),
        COVEY_TEST (test_resume_goes_on_behind_a_gap),
        COVEY_TEST (test_skipped_events_count_for_the_sequence),
        COVEY_TEST (test_event_without_id_is_refused_and_leaves_the_batch),
        COVEY_TEST (test_rollback_leaves_no_hole),
        COVEY_TEST (test_memory_mode_stores_and_rolls_back),
        COVEY_TEST (test_rows_say_whether_their_time_is_over),
        COVEY_TEST (test_mark_finds_or_says_that_it_did_not),
        COVEY_TEST (test_delete_goes_in_steps_and_keeps_the_last_offset),
        COVEY_TEST (test_failed_disk_refuses_the_batch_and_recovers),
        COVEY_TEST (test_disk_that_stays_bad_is_reported_each_time),
        COVEY_TEST (test_full_tmpfs_refuses_and_goes_on_when_there_is_space),
        COVEY_TEST (test_missing_file_is_not_created_by_a_reader),
        COVEY_TEST (test_foreign_files_are_refused_and_left_alone),
        COVEY_TEST (test_damaged_file_is_refused_and_never_emptied),
        COVEY_TEST (test_truncated_file_is_refused),
        COVEY_TEST (test_newer_format_is_refused),
        COVEY_TEST (test_empty_file_has_nothing_to_read),
        COVEY_TEST (test_second_writer_is_refused),
        COVEY_TEST (test_lock_of_a_foreign_process_is_busy),
        COVEY_TEST (test_network_file_systems_are_known),
        COVEY_TEST (test_reader_works_beside_the_writer),
        COVEY_TEST (test_stopped_journal_in_a_read_only_folder_can_be_read),
        COVEY_TEST (test_other_user_reads_beside_the_writer),
        COVEY_TEST (test_rights_that_are_missing_are_denied),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
