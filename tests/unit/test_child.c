/*  A running command: its pipes, its lines, its end. The command's sources are
    in no library, so the one under test is compiled in here.                 */
#include "cli/child.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>

#include <cmocka.h>

#include "base/clock.h"

#define DEADLINE_MS 30000

typedef struct {
    covey_child_t *child;
    char lines[64]; /* each with a '|' behind it                              */
    size_t longest;
} run_t;

static void
s_on_test_line (void *arg, const char *text)
{
    run_t *run = arg;
    size_t used = strlen (run->lines);
    snprintf (run->lines + used, sizeof run->lines - used, "%.10s|", text);
    if (strlen (text) > run->longest)
        run->longest = strlen (text);
}

static void
s_begin (run_t *run, const char *script, const void *input, size_t size,
         size_t output_max)
{
    char shell[] = "sh", flag[] = "-c", *text = covey_str_dup (script);
    char *argv[] = {shell, flag, text, NULL};
    covey_errbuf_t err;
    memset (run, 0, sizeof *run);
    covey_child_spec_t spec = {.argv = argv,
                               .envp = environ,
                               .input = input,
                               .input_size = size,
                               .output_max = output_max,
                               .line = s_on_test_line,
                               .arg = run};
    assert_int_equal (covey_child_new (&spec, &run->child, &err), COVEY_OK);
    free (text);
}

static void
s_turn (run_t *run, int64_t until_ms)
{
    struct pollfd fds[3];
    size_t count = covey_child_pollfds (run->child, fds);
    (void)poll (fds, count, 5);
    covey_child_pump (run->child, covey_clock_mono_ms ());
    assert_true (covey_clock_mono_ms () < until_ms);
}

static void
s_finish (run_t *run)
{
    int64_t until_ms = covey_clock_mono_ms () + DEADLINE_MS;
    while (!covey_child_is_over (run->child))
        s_turn (run, until_ms);
}

static void
s_wait_line (run_t *run)
{
    int64_t until_ms = covey_clock_mono_ms () + DEADLINE_MS;
    while (!*run->lines)
        s_turn (run, until_ms);
}

static void
test_large_input_and_output_at_once (void **state)
{
    run_t run;
    size_t size = 1000000;
    char *input = malloc (size);
    (void)state;
    memset (input, 'x', size);
    s_begin (&run, "cat", input, size, size);
    s_finish (&run);
    assert_int_equal (covey_child_status (run.child), 0);
    assert_int_equal (covey_child_output (run.child)->size, size);
    assert_memory_equal (covey_child_output (run.child)->data, input, size);
    covey_child_destroy (&run.child);
    free (input);
}

static void
test_input_that_nobody_reads_is_no_failure (void **state)
{
    run_t run;
    size_t size = 1000000;
    char *input = calloc (1, size);
    (void)state;
    s_begin (&run, "true", input, size, 10);
    s_finish (&run);
    assert_int_equal (covey_child_status (run.child), 0);
    covey_child_destroy (&run.child);
    free (input);
}

static void
test_output_at_the_bound_and_one_past_it (void **state)
{
    run_t run;
    (void)state;
    s_begin (&run, "printf 1234", NULL, 0, 4);
    s_finish (&run);
    assert_false (covey_child_is_overflow (run.child));
    assert_int_equal (covey_child_output (run.child)->size, 4);
    covey_child_destroy (&run.child);

    s_begin (&run, "printf 12345; sleep 600", NULL, 0, 4);
    s_finish (&run);
    assert_true (covey_child_is_overflow (run.child));
    assert_int_equal (WTERMSIG (covey_child_status (run.child)), SIGKILL);
    covey_child_destroy (&run.child);
}

static void
test_lines_of_standard_error (void **state)
{
    run_t run;
    (void)state;
    s_begin (&run, "printf 'a\\n\\nb\\377c\\r\\nlast' >&2; exit 3", NULL, 0, 1);
    s_finish (&run);
    assert_string_equal (run.lines, "a||b?c|last|");
    assert_int_equal (WEXITSTATUS (covey_child_status (run.child)), 3);
    covey_child_destroy (&run.child);

    s_begin (&run, "printf '%10000s' x >&2", NULL, 0, 1);
    s_finish (&run);
    assert_int_equal (run.longest, COVEY_CHILD_LINE_MAX);
    covey_child_destroy (&run.child);
}

static void
test_stop_kills_who_ignores_sigterm (void **state)
{
    run_t run;
    (void)state;
    s_begin (&run, "trap '' TERM; echo up >&2; while :; do sleep 600; done",
             NULL, 0, 1);
    s_wait_line (&run);
    int64_t start_ms = covey_clock_mono_ms ();
    covey_child_stop (run.child, start_ms);
    s_finish (&run);
    assert_int_equal (WTERMSIG (covey_child_status (run.child)), SIGKILL);
    assert_true (covey_clock_mono_ms () - start_ms >= COVEY_CHILD_TERM_MS);
    covey_child_destroy (&run.child);
}

static void
test_stop_ends_the_whole_group (void **state)
{
    run_t run;
    (void)state;
    s_begin (&run, "sleep 600 & echo up >&2; wait", NULL, 0, 1);
    s_wait_line (&run);
    pid_t group = run.child->pid;
    covey_child_stop (run.child, covey_clock_mono_ms ());
    s_finish (&run);
    /* Orphans come to us: the one in the background must have ended, too.   */
    int status = 0;
    assert_true (waitpid (-group, &status, 0) > 0);
    assert_int_equal (WTERMSIG (status), SIGTERM);
    covey_child_destroy (&run.child);
}

static void
test_background_process_that_keeps_a_pipe_is_killed (void **state)
{
    run_t run;
    (void)state;
    int64_t start_ms = covey_clock_mono_ms ();
    s_begin (&run, "sleep 600 & exit 0", NULL, 0, 1);
    s_finish (&run);
    assert_int_equal (covey_child_status (run.child), 0);
    assert_true (covey_clock_mono_ms () - start_ms >= COVEY_CHILD_GRACE_MS);
    covey_child_destroy (&run.child);
}

static void
test_destroy_while_it_runs (void **state)
{
    run_t run;
    (void)state;
    s_begin (&run, "sleep 600", NULL, 0, 1);
    pid_t pid = run.child->pid;
    covey_child_destroy (&run.child);
    assert_int_equal (kill (pid, 0), -1);
    assert_null (run.child);
}

static void
test_program_that_is_not_there (void **state)
{
    char name[] = "covey-no-such-program";
    char *argv[] = {name, NULL};
    covey_child_spec_t spec = {.argv = argv, .envp = environ, .output_max = 1};
    covey_child_t *child = NULL;
    covey_errbuf_t err;
    (void)state;
    assert_int_equal (covey_child_new (&spec, &child, &err), COVEY_NOTFOUND);
    assert_non_null (strstr (err.text, name));
    assert_null (covey_child_which (name));
    assert_null (covey_child_which (""));
    assert_null (covey_child_which ("/etc"));
    char *found = covey_child_which ("sh");
    assert_non_null (found);
    free (found);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_large_input_and_output_at_once),
        cmocka_unit_test (test_input_that_nobody_reads_is_no_failure),
        cmocka_unit_test (test_output_at_the_bound_and_one_past_it),
        cmocka_unit_test (test_lines_of_standard_error),
        cmocka_unit_test (test_stop_kills_who_ignores_sigterm),
        cmocka_unit_test (test_stop_ends_the_whole_group),
        cmocka_unit_test (test_background_process_that_keeps_a_pipe_is_killed),
        cmocka_unit_test (test_destroy_while_it_runs),
        cmocka_unit_test (test_program_that_is_not_there),
    };
    signal (SIGPIPE, SIG_IGN);
    prctl (PR_SET_CHILD_SUBREAPER, 1);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
