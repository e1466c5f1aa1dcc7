/*  What a errand's command sees, and what its output becomes. The command's
    sources are in no library, so the one under test is compiled in here.     */
#include "cli/errand_text.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static covey_event_t *
s_assigned (void)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_TASK_ASSIGNED);
    assert_int_equal (covey_event_set_str (event, "taskId", "t\"1"), COVEY_OK);
    assert_int_equal (covey_event_set_int (event, "fencingToken", 7), COVEY_OK);
    return event;
}

static void
test_progress_lines (void **state)
{
    static const struct {
        const char *line;
        int percent;
        const char *text; /* NULL: no progress                               */
    } cases[] = {{"0% begin", 0, "begin"},   {"100%", 100, ""},
                 {"7%\t half ", 7, "half "}, {"050%x", 50, "x"},
                 {"101% more", 0, NULL},     {"1000% more", 0, NULL},
                 {"% none", 0, NULL},        {" 5% indented", 0, NULL},
                 {"5 % apart", 0, NULL},     {"-5% less", 0, NULL},
                 {"5.5% broken", 0, NULL},   {"", 0, NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int percent = 0;
        const char *text = covey_errand_progress (cases[i].line, &percent);
        if (!cases[i].text) {
            assert_null (text);
            continue;
        }
        assert_string_equal (text, cases[i].text);
        assert_int_equal (percent, cases[i].percent);
    }
}

static void
test_details_are_json_or_text (void **state)
{
    (void)state;
    assert_string_equal (covey_errand_details ("%details \t{\"n\":1}"),
                         "{\"n\":1}");
    assert_string_equal (covey_errand_details ("%details "), "");
    assert_null (covey_errand_details ("%details"));
    assert_null (covey_errand_details ("%detailsx"));
    assert_null (covey_errand_details ("details x"));
    covey_event_t *event = s_assigned ();
    char *json = covey_errand_yield_params (event, "{\"n\":1}");
    char *text = covey_errand_progress_params (event, 5, "s", "half");
    char *none = covey_errand_yield_params (event, NULL);
    assert_non_null (strstr (json,
                             ",\"details\":{\"contentType\":\"json\",\"data\":"
                             "{\"n\":1}}}"));
    assert_non_null (strstr (text,
                             ",\"details\":{\"contentType\":\"text\",\"data\":"
                             "\"half\"}}"));
    assert_null (strstr (none, "details"));
    free (json);
    free (text);
    free (none);
    covey_event_destroy (&event);
}

static void
s_check_result (const void *output, size_t size, const char *result)
{
    covey_event_t *event = s_assigned ();
    char *params = covey_errand_complete_params (event, output, size);
    char wanted[256];
    snprintf (wanted, sizeof wanted,
              "{\"taskId\":\"t\\\"1\",\"fencingToken\":7,\"result\":%s}",
              result);
    assert_string_equal (params, wanted);
    free (params);
    covey_event_destroy (&event);
}

static void
test_a_result_is_json_text_or_binary (void **state)
{
    (void)state;
    s_check_result ("{\"a\":1}\n", 8,
                    "{\"contentType\":\"json\",\"data\":{\"a\":1}\n}");
    s_check_result ("12", 2, "{\"contentType\":\"json\",\"data\":12}");
    s_check_result ("{\"a\":", 5, "\"{\\\"a\\\":\"");
    s_check_result ("hello\n", 6, "\"hello\\n\"");
    s_check_result (NULL, 0, "\"\"");
    s_check_result ("\xff", 1,
                    "{\"contentType\":\"binary\",\"data\":\"/w==\"}");
    s_check_result ("\0\1", 2,
                    "{\"contentType\":\"binary\",\"data\":\"AAE=\"}");
    s_check_result ("\xff\0\1", 3,
                    "{\"contentType\":\"binary\",\"data\":\"/wAB\"}");
}

static void
test_a_result_must_fit_into_a_payload (void **state)
{
    (void)state;
    covey_event_t *event = s_assigned ();
    char *output = malloc (COVEY_PAYLOAD_MAX);
    memset (output, 'x', COVEY_PAYLOAD_MAX);
    assert_null (
        covey_errand_complete_params (event, output, COVEY_PAYLOAD_MAX));
    char *params =
        covey_errand_complete_params (event, output, COVEY_PAYLOAD_MAX - 100);
    assert_non_null (params);
    free (params);
    memset (output, 1, COVEY_PAYLOAD_MAX); /* each becomes \u0001            */
    assert_null (
        covey_errand_complete_params (event, output, COVEY_PAYLOAD_MAX / 2));
    free (output);
    covey_event_destroy (&event);
}

static void
test_a_ballot_has_the_first_line_as_reason (void **state)
{
    static const struct {
        const char *output, *wanted;
    } cases[] = {{"yes\nno\n", "{\"consensusId\":\"c\",\"vote\":\"approve\","
                               "\"reason\":\"yes\"}"},
                 {"cut\xff here", "{\"consensusId\":\"c\",\"vote\":\"approve\","
                                  "\"reason\":\"cut\"}"},
                 {"", "{\"consensusId\":\"c\",\"vote\":\"approve\"}"},
                 {"\n", "{\"consensusId\":\"c\",\"vote\":\"approve\"}"}};
    (void)state;
    covey_event_t *event =
        covey_event_new (COVEY_EVENT_SWARM_CONSENSUS_REQUEST);
    assert_int_equal (covey_event_set_str (event, "consensusId", "c"),
                      COVEY_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *params = covey_errand_ballot_params (
            event, "approve", cases[i].output, strlen (cases[i].output));
        assert_string_equal (params, cases[i].wanted);
        free (params);
    }
    /* where the question has options, each line names one */
    assert_int_equal (covey_event_set_json (event, "rule",
                                            "{\"options\":[\"red\",\"blue\"]}"),
                      COVEY_OK);
    char *params =
        covey_errand_ballot_params (event, "approve", "blue\n\nred", 9);
    assert_string_equal (params, "{\"consensusId\":\"c\",\"vote\":\"approve\","
                                 "\"options\":[\"blue\",\"red\"]}");
    free (params);
    params = covey_errand_ballot_params (event, "abstain", "why\n", 4);
    assert_string_equal (params, "{\"consensusId\":\"c\",\"vote\":\"abstain\","
                                 "\"reason\":\"why\"}");
    free (params);
    covey_agent_t *agent = covey_agent_new ("a1", "worker");
    char **env = covey_errand_env (event, agent, "ipc:///x");
    size_t found = 0;
    for (char **at = env; *at; at++)
        found += strcmp (*at, "COVEY_OPTIONS=red\nblue") == 0;
    assert_int_equal (found, 1);
    covey_errand_env_free (env);
    covey_agent_destroy (&agent);
    covey_event_destroy (&event);
}

static void
test_environment_replaces_what_is_inherited (void **state)
{
    (void)state;
    covey_event_t *event = s_assigned ();
    covey_agent_t *agent = covey_agent_new ("a1", "worker");
    setenv ("COVEY_TASK_ID", "old", 1);
    setenv ("COVEY_TASK_ID_NOT", "mine", 1);
    char **env = covey_errand_env (event, agent, "ipc:///x");
    size_t ids = 0, others = 0, priorities = 0;
    for (char **at = env; *at; at++) {
        if (strncmp (*at, "COVEY_TASK_ID=", 14) == 0) {
            assert_string_equal (*at, "COVEY_TASK_ID=t\"1");
            ids++;
        }
        others += strcmp (*at, "COVEY_TASK_ID_NOT=mine") == 0;
        priorities += strcmp (*at, "COVEY_TASK_PRIORITY=normal") == 0;
    }
    assert_int_equal (ids, 1);
    assert_int_equal (others, 1);
    assert_int_equal (priorities, 1);
    covey_errand_env_free (env);
    covey_agent_destroy (&agent);
    covey_event_destroy (&event);
}

static void
test_how_a_program_ended (void **state)
{
    char code[32], text[64];
    (void)state;
    covey_errand_exit_text (3 << 8, code, sizeof code, text, sizeof text);
    assert_string_equal (code, "EXIT_3");
    assert_string_equal (text, "exit status 3");
    covey_errand_exit_text (9, code, sizeof code, text, sizeof text);
    assert_string_equal (code, "SIGKILL");
    assert_string_equal (text, "ended by SIGKILL");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_progress_lines),
        cmocka_unit_test (test_details_are_json_or_text),
        cmocka_unit_test (test_a_result_is_json_text_or_binary),
        cmocka_unit_test (test_a_result_must_fit_into_a_payload),
        cmocka_unit_test (test_a_ballot_has_the_first_line_as_reason),
        cmocka_unit_test (test_environment_replaces_what_is_inherited),
        cmocka_unit_test (test_how_a_program_ended),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
