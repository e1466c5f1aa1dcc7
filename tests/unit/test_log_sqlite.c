/*  log_sqlite: what is committed is there, what is not is not, and a file that
    is damaged or not ours is refused in one clear line                       */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "coordinator/sololog.h"

static char s_dir[64], s_path[96];

static int
s_set_up (void **state)
{
    (void)state;
    snprintf (s_dir, sizeof s_dir, "/tmp/covey-log-XXXXXX");
    if (!mkdtemp (s_dir))
        return -1;
    snprintf (s_path, sizeof s_path, "%s/control.db", s_dir);
    return 0;
}

static int
s_tear_down (void **state)
{
    (void)state;
    char path[128];
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf (path, sizeof path, "%s%s", s_path, ends[i]);
        unlink (path);
    }
    return rmdir (s_dir);
}

static covey_sololog_t *
s_open (const char *path)
{
    covey_sololog_t *log = NULL;
    covey_errbuf_t err;
    if (covey_sololog_open (path, &log, &err))
        fail_msg ("open: %s", err.text);
    return log;
}

static uint64_t
s_append (covey_sololog_t *log, const char *text)
{
    uint64_t index = 0;
    covey_errbuf_t err;
    assert_int_equal (
        covey_sololog_append (log, text, strlen (text), &index, &err),
        COVEY_OK);
    return index;
}

static void
s_commit (covey_sololog_t *log)
{
    covey_errbuf_t err;
    if (covey_sololog_commit (log, &err))
        fail_msg ("commit: %s", err.text);
}

typedef struct {
    uint64_t last;
    char all[1000];
} s_seen_t;

static covey_err_t
s_each (void *arg, uint64_t index, const void *data, size_t size,
        covey_errbuf_t *err)
{
    (void)err;
    s_seen_t *seen = arg;
    assert_true (index == seen->last + 1);
    seen->last = index;
    size_t used = strlen (seen->all);
    if (used + size < sizeof seen->all)
        memcpy (seen->all + used, data, size);
    return COVEY_OK;
}

static covey_err_t
s_replay (covey_sololog_t *log, s_seen_t *seen, covey_errbuf_t *err)
{
    memset (seen, 0, sizeof *seen);
    return covey_sololog_replay (log, s_each, seen, err);
}

static void
test_committed_commands_come_back_in_order (void **state)
{
    (void)state;
    s_seen_t seen;
    covey_errbuf_t err;
    covey_sololog_t *log = s_open (s_path);
    assert_int_equal (s_append (log, "a"), 1);
    assert_int_equal (s_append (log, "b"), 2);
    s_commit (log);
    assert_int_equal (s_append (log, "c"), 3);
    s_commit (log);
    covey_sololog_close (&log);
    log = s_open (s_path);
    assert_int_equal (covey_sololog_last (log), 3);
    assert_int_equal (s_replay (log, &seen, &err), COVEY_OK);
    assert_string_equal (seen.all, "abc");
    assert_int_equal (s_append (log, "d"), 4);
    s_commit (log);
    assert_int_equal (s_replay (log, &seen, &err), COVEY_OK);
    assert_string_equal (seen.all, "abcd");
    covey_sololog_close (&log);
}

static void
test_what_was_not_committed_is_gone (void **state)
{
    (void)state;
    s_seen_t seen;
    covey_errbuf_t err;
    covey_sololog_t *log = s_open (s_path);
    s_append (log, "a");
    s_commit (log);
    s_append (log, "b");
    covey_sololog_set_announced (log, 1);
    covey_sololog_close (&log);
    log = s_open (s_path);
    assert_int_equal (covey_sololog_last (log), 1);
    assert_int_equal (covey_sololog_announced (log), 0);
    assert_int_equal (s_replay (log, &seen, &err), COVEY_OK);
    assert_string_equal (seen.all, "a");
    assert_int_equal (s_append (log, "c"), 2);
    covey_sololog_close (&log);
}

static void
test_the_announced_index_is_kept_and_only_grows (void **state)
{
    (void)state;
    covey_sololog_t *log = s_open (s_path);
    s_append (log, "a");
    covey_sololog_set_announced (log, 7);
    s_commit (log);
    covey_sololog_set_announced (log, 3);
    s_commit (log);
    covey_sololog_close (&log);
    log = s_open (s_path);
    assert_int_equal (covey_sololog_announced (log), 7);
    covey_sololog_close (&log);
}

static void
test_a_log_in_memory_works_and_leaves_nothing (void **state)
{
    (void)state;
    s_seen_t seen;
    covey_errbuf_t err;
    covey_sololog_t *log = s_open (NULL);
    s_append (log, "a");
    s_commit (log);
    assert_int_equal (s_replay (log, &seen, &err), COVEY_OK);
    assert_string_equal (seen.all, "a");
    covey_sololog_close (&log);
    log = s_open (NULL);
    assert_int_equal (covey_sololog_last (log), 0);
    covey_sololog_close (&log);
}

static void
test_a_log_in_use_is_busy (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_sololog_t *log = s_open (s_path), *other = NULL;
    s_append (log, "a");
    s_commit (log);
    assert_int_equal (covey_sololog_open (s_path, &other, &err), COVEY_BUSY);
    assert_non_null (strstr (err.text, s_path));
    assert_null (other);
    covey_sololog_close (&log);
}

/* ---- damage
 * ---------------------------------------------------------------------- */

static void
s_sql (const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal (sqlite3_open (s_path, &db), SQLITE_OK);
    assert_int_equal (sqlite3_exec (db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close (db);
}

static void
s_write_three (void)
{
    covey_sololog_t *log = s_open (s_path);
    s_append (log, "aaaa");
    s_append (log, "bbbb");
    s_append (log, "cccc");
    s_commit (log);
    covey_sololog_close (&log);
}

static void
s_expect_open (covey_err_t wanted, const char *words)
{
    covey_sololog_t *log = NULL;
    covey_errbuf_t err = {""};
    covey_err_t code = covey_sololog_open (s_path, &log, &err);
    if (code != wanted || !strstr (err.text, s_path) ||
        !strstr (err.text, words))
        fail_msg ("%s: \"%s\"", covey_err_name (code), err.text);
    assert_null (log);
}

static void
s_expect_replay (const char *words)
{
    s_seen_t seen;
    covey_errbuf_t err = {""};
    covey_sololog_t *log = s_open (s_path);
    assert_int_equal (s_replay (log, &seen, &err), COVEY_CORRUPT);
    if (!strstr (err.text, words))
        fail_msg ("\"%s\"", err.text);
    covey_sololog_close (&log);
}

static void
test_a_file_that_is_no_database_is_corrupt (void **state)
{
    (void)state;
    FILE *file = fopen (s_path, "w");
    for (int i = 0; i < 1000; i++)
        fputs ("this is a letter to my aunt\n", file);
    fclose (file);
    s_expect_open (COVEY_CORRUPT, "move it away");
}

static void
test_another_program_s_database_is_not_ours (void **state)
{
    (void)state;
    s_sql ("CREATE TABLE aunts (name TEXT)");
    s_expect_open (COVEY_CORRUPT, "not a control log");
}

static void
test_a_newer_format_is_refused_by_its_number (void **state)
{
    (void)state;
    s_write_three ();
    s_sql ("PRAGMA user_version = 99");
    s_expect_open (COVEY_VERSION, "99");
}

static void
test_a_changed_entry_is_found (void **state)
{
    (void)state;
    s_write_three ();
    s_sql ("UPDATE entries SET bytes = x'62626263' WHERE idx = 2");
    s_expect_replay ("entry 2 is damaged");
}

static void
test_a_missing_entry_is_found (void **state)
{
    (void)state;
    s_write_three ();
    s_sql ("DELETE FROM entries WHERE idx = 2");
    s_expect_replay ("entry 2 is missing");
}

static void
test_a_truncated_file_is_corrupt (void **state)
{
    (void)state;
    covey_sololog_t *log = s_open (s_path);
    char large[3000];
    memset (large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    for (int i = 0; i < 50; i++)
        s_append (log, large);
    s_commit (log);
    covey_sololog_close (&log);
    struct stat info;
    assert_int_equal (stat (s_path, &info), 0);
    assert_int_equal (truncate (s_path, info.st_size / 2), 0);
    covey_errbuf_t err = {""};
    s_seen_t seen;
    log = NULL;
    covey_err_t code = covey_sololog_open (s_path, &log, &err);
    if (!code) {
        seen.last = 0;
        code = covey_sololog_replay (log, s_each, &seen, &err);
    }
    assert_int_equal (code, COVEY_CORRUPT);
    assert_non_null (strstr (err.text, s_path));
    covey_sololog_close (&log);
}

static void
test_a_torn_tail_of_the_wal_loses_only_what_was_not_acknowledged (void **state)
{
    (void)state;
    s_seen_t seen;
    covey_errbuf_t err;
    covey_sololog_t *log = s_open (s_path);
    s_append (log, "a");
    s_commit (log);
    s_append (log, "b");
    s_commit (log);
    /* a copy of the files, as a crash would leave them, torn at the end */
    char command[800];
    snprintf (command, sizeof command,
              "cp %s %s.copy && cp %s-wal %s.copy-wal && truncate -s -100 "
              "%s.copy-wal",
              s_path, s_path, s_path, s_path, s_path);
    assert_int_equal (system (command), 0);
    covey_sololog_close (&log);
    snprintf (command, sizeof command, "%s.copy", s_path);
    log = s_open (command);
    assert_int_equal (s_replay (log, &seen, &err), COVEY_OK);
    assert_string_equal (seen.all, "a");
    covey_sololog_close (&log);
    unlink (command);
}

static void
test_a_folder_that_is_not_there_is_an_io_error (void **state)
{
    (void)state;
    covey_sololog_t *log = NULL;
    covey_errbuf_t err;
    assert_int_equal (
        covey_sololog_open ("/nonexistent/covey/control.db", &log, &err),
        COVEY_IO);
    assert_non_null (strstr (err.text, "/nonexistent/covey/control.db"));
}

int
main (void)
{
#define TEST(name) cmocka_unit_test_setup_teardown (name, s_set_up, s_tear_down)
    const struct CMUnitTest tests[] = {
        TEST (test_committed_commands_come_back_in_order),
        TEST (test_what_was_not_committed_is_gone),
        TEST (test_the_announced_index_is_kept_and_only_grows),
        TEST (test_a_log_in_memory_works_and_leaves_nothing),
        TEST (test_a_log_in_use_is_busy),
        TEST (test_a_file_that_is_no_database_is_corrupt),
        TEST (test_another_program_s_database_is_not_ours),
        TEST (test_a_newer_format_is_refused_by_its_number),
        TEST (test_a_changed_entry_is_found),
        TEST (test_a_missing_entry_is_found),
        TEST (test_a_truncated_file_is_corrupt),
        TEST (test_a_torn_tail_of_the_wal_loses_only_what_was_not_acknowledged),
        TEST (test_a_folder_that_is_not_there_is_an_io_error),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
