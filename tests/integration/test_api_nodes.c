/*  Nodes that start, stop, come back and disappear                           */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "tests/support/support_api.h"
#include "tests/support/support_dir.h"

static covey_node_t *
s_node (const char *name, const char *data, const char *join)
{
    covey_node_t *node = covey_node_new (name);
    assert_non_null (node);
    expect_ok (covey_node_set (node, "listen", "127.0.0.1:0"));
    expect_ok (covey_node_set (node, "mesh", "nodes-test"));
    expect_ok (covey_node_set (node, "heartbeat", "100"));
    expect_ok (covey_node_set (node, "probeInterval", "200"));
    expect_ok (covey_node_set (node, "probeTimeout", "100"));
    if (data)
        expect_ok (covey_node_set (node, "data", data));
    if (join)
        expect_ok (covey_node_set (node, "join", join));
    return node;
}

static covey_agent_t *
s_agent (const char *id, covey_node_t *node)
{
    covey_agent_t *agent = covey_agent_new (id, "worker");
    expect_ok (covey_agent_attach (agent, node, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_start (agent));
    return agent;
}

static covey_err_t
s_collect (covey_agent_t *self, const covey_event_t *event, void *arg)
{
    (void)self;
    (void)event;
    ++*(int *)arg;
    return COVEY_OK;
}

static void
node_with_a_folder_keeps_identity_and_events (void **state)
{
    (void)state;
    char folder[SUPPORT_DIR_SIZE], id[37];
    support_dir_make (folder);
    for (int round = 1; round <= 3; round++) {
        covey_node_t *node = s_node ("keeper", folder, NULL);
        expect_ok (covey_node_start (node, SUPPORT_WAIT_MS));
        if (round == 1)
            snprintf (id, sizeof id, "%s", covey_node_id (node));
        assert_string_equal (covey_node_id (node), id);
        covey_agent_t *agent = s_agent ("writer", node);
        covey_event_t *event = covey_event_new (COVEY_EVENT_SYSTEM_ALERT);
        expect_ok (covey_event_set_str (event, "component", "test"));
        expect_ok (covey_event_set_str (event, "message", "kept"));
        expect_ok (covey_agent_publish (agent, &event, COVEY_LEVEL_STORED,
                                        SUPPORT_WAIT_MS, NULL));
        int type = COVEY_EVENT_SYSTEM_ALERT, count = 0;
        covey_filter_t filter = {.types = &type, .type_count = 1};
        expect_ok (covey_agent_query (agent, &filter, SUPPORT_WAIT_MS,
                                      s_collect, &count));
        assert_int_equal (count, round);
        covey_agent_destroy (&agent);
        covey_node_destroy (&node);
    }
    struct stat info;
    assert_int_equal (stat (folder, &info), 0);
    support_dir_remove (folder);
}

static void
folder_serves_one_node_at_a_time (void **state)
{
    (void)state;
    char folder[SUPPORT_DIR_SIZE], pid[16];
    support_dir_make (folder);
    covey_node_t *first = s_node ("first", folder, NULL);
    covey_node_t *second = s_node ("second", folder, NULL);
    expect_ok (covey_node_start (first, SUPPORT_WAIT_MS));
    expect_code (covey_node_start (second, SUPPORT_WAIT_MS), BUSY);
    snprintf (pid, sizeof pid, "%ld", (long)getpid ());
    assert_non_null (strstr (covey_error (), pid));
    expect_ok (covey_node_stop (first, SUPPORT_WAIT_MS));
    expect_ok (covey_node_start (second, SUPPORT_WAIT_MS));
    covey_node_destroy (&first);
    covey_node_destroy (&second);
    support_dir_remove (folder);
}

static void
folder_that_cannot_be_used_is_named (void **state)
{
    (void)state;
    char folder[SUPPORT_DIR_SIZE], path[SUPPORT_DIR_SIZE + 16];
    support_dir_make (folder);
    snprintf (path, sizeof path, "%s/file", folder);
    int fd = open (path, O_WRONLY | O_CREAT, 0600);
    assert_true (fd >= 0);
    close (fd);
    covey_node_t *node = s_node ("lost", path, NULL);
    expect_code (covey_node_start (node, SUPPORT_WAIT_MS), IO);
    assert_non_null (strstr (covey_error (), path));
    covey_node_destroy (&node);
    support_dir_remove (folder);
}

static void
taken_port_is_named (void **state)
{
    (void)state;
    covey_node_t *first = s_node ("first", NULL, NULL);
    covey_node_t *second = s_node ("second", NULL, NULL);
    expect_ok (covey_node_start (first, SUPPORT_WAIT_MS));
    expect_ok (covey_node_set (second, "listen", covey_node_endpoint (first)));
    expect_code (covey_node_start (second, SUPPORT_WAIT_MS), IO);
    assert_non_null (strstr (covey_error (), covey_node_endpoint (first)));
    covey_node_destroy (&first);
    covey_node_destroy (&second);
}

static void
wrong_settings_are_named_and_leave_the_node_usable (void **state)
{
    (void)state;
    covey_node_t *node = s_node ("picky", NULL, NULL);
    expect_code (covey_node_set (node, "listn", "x"), INVALID);
    assert_non_null (strstr (covey_error (), "listen"));
    expect_code (covey_node_set (node, "heartbeat", "-1"), INVALID);
    expect_ok (covey_node_set (node, "listen", "127.0.0.1:70000"));
    expect_code (covey_node_start (node, SUPPORT_WAIT_MS), INVALID);
    expect_ok (covey_node_set (node, "listen", "127.0.0.1:0"));
    expect_ok (covey_node_start (node, SUPPORT_WAIT_MS));
    expect_code (covey_node_set (node, "listen", "127.0.0.1:0"), STATE);
    expect_code (covey_node_start (node, SUPPORT_WAIT_MS), STATE);
    covey_node_destroy (&node);
}

static void
join_without_anybody_there_times_out_and_goes_on (void **state)
{
    (void)state;
    covey_node_t *node = s_node ("lonely", NULL, "127.0.0.1:1");
    expect_code (covey_node_start (node, 200), TIMEOUT);
    assert_non_null (strstr (covey_error (), "127.0.0.1:1"));
    assert_true (*covey_node_endpoint (node) != '\0');
    covey_node_destroy (&node);
}

static void
nodes_leave_vanish_and_rejoin (void **state)
{
    (void)state;
    support_log_t *log = support_log_new ();
    covey_node_t *first = s_node ("first", NULL, NULL);
    expect_ok (covey_node_start (first, SUPPORT_WAIT_MS));
    covey_agent_t *ann = s_agent ("ann", first);
    covey_agent_on_message (ann, support_log_handler, log);
    for (int round = 0; round < 2; round++) {
        covey_node_t *second =
            s_node ("second", NULL, covey_node_endpoint (first));
        expect_ok (covey_node_start (second, SUPPORT_WAIT_MS));
        expect_ok (covey_node_wait_nodes (first, 2, SUPPORT_WAIT_MS));
        covey_agent_t *bob = s_agent ("bob", second);
        expect_ok (covey_node_wait_agents (first, 2, SUPPORT_WAIT_MS));
        expect_ok (covey_node_wait_agents (second, 2, SUPPORT_WAIT_MS));
        expect_ok (covey_agent_send (bob, "ann", COVEY_CONTENT_TEXT, "hi", 2,
                                     SUPPORT_WAIT_MS));
        assert_true (
            support_log_wait (log, (size_t)round + 1, SUPPORT_WAIT_MS));
        covey_agent_destroy (&bob);
        if (round == 0)
            expect_ok (covey_node_stop (second, SUPPORT_WAIT_MS));
        covey_node_destroy (&second);
        /* Once it left, its agents are unknown. */
        covey_err_t rc = COVEY_OK;
        int64_t until_ms = support_now_ms () + SUPPORT_WAIT_MS;
        while (rc == COVEY_OK && support_now_ms () < until_ms)
            rc = covey_agent_send (ann, "bob", COVEY_CONTENT_TEXT, "x", 1,
                                   SUPPORT_WAIT_MS);
        assert_int_equal (rc, COVEY_NOAGENT);
    }
    covey_agent_destroy (&ann);
    covey_node_destroy (&first);
    support_log_destroy (&log);
}

static void
agent_attaches_again_when_its_node_comes_back (void **state)
{
    (void)state;
    char folder[SUPPORT_DIR_SIZE];
    support_dir_make (folder);
    support_log_t *notices = support_log_new (), *log = support_log_new ();
    covey_node_t *node = s_node ("phoenix", folder, NULL);
    expect_ok (covey_node_start (node, SUPPORT_WAIT_MS));
    covey_agent_t *local = covey_agent_new ("local", "worker");
    covey_agent_t *remote = covey_agent_new ("remote", "worker");
    covey_agent_on_notice (remote, support_log_notice, notices);
    covey_agent_on_message (remote, support_log_handler, log);
    expect_ok (covey_agent_attach (local, node, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_connect (remote, covey_node_session_endpoint (node),
                                    SUPPORT_WAIT_MS));
    expect_ok (covey_agent_start (local));
    expect_ok (covey_agent_start (remote));
    expect_ok (covey_node_wait_agents (node, 2, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_send (local, "remote", COVEY_CONTENT_TEXT, "1", 1,
                                 SUPPORT_WAIT_MS));
    assert_true (support_log_wait (log, 1, SUPPORT_WAIT_MS));
    expect_ok (covey_node_stop (node, SUPPORT_WAIT_MS));
    assert_true (support_log_wait (notices, 1, SUPPORT_WAIT_MS));
    assert_int_equal (support_log_kind (notices, 0), COVEY_NOTICE_DETACHED);
    expect_ok (covey_node_start (node, SUPPORT_WAIT_MS));
    assert_true (support_log_wait (notices, 2, SUPPORT_WAIT_MS));
    assert_int_equal (support_log_kind (notices, 1), COVEY_NOTICE_ATTACHED);
    expect_ok (covey_node_wait_agents (node, 2, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_send (local, "remote", COVEY_CONTENT_TEXT, "2", 1,
                                 SUPPORT_WAIT_MS));
    assert_true (support_log_wait (log, 2, SUPPORT_WAIT_MS));
    covey_agent_destroy (&local);
    covey_agent_destroy (&remote);
    covey_node_destroy (&node);
    support_log_destroy (&notices);
    support_log_destroy (&log);
    support_dir_remove (folder);
}

static void
agent_without_node_is_told (void **state)
{
    (void)state;
    covey_agent_t *agent = covey_agent_new ("alone", "worker");
    covey_event_t *event = NULL;
    expect_code (covey_agent_start (agent), STATE);
    expect_code (covey_agent_recv (agent, 10, &event), STATE);
    expect_code (covey_agent_send (agent, "x", COVEY_CONTENT_TEXT, "x", 1, 10),
                 STATE);
    expect_code (covey_agent_connect (agent, "http://x", 10), INVALID);
    expect_code (covey_agent_connect (agent, "ipc:///nonexistent/x", 100),
                 UNREACHABLE);
    covey_agent_destroy (&agent);
    assert_null (covey_agent_new ("not an id", "worker"));
    assert_null (covey_agent_new ("id", ""));
}

/*  The lowest descriptor that is free becomes the limit: nothing can be opened.
 */
static void
agent_without_free_descriptors_is_told (void **state)
{
    (void)state;
    covey_node_t *node = s_node ("full", NULL, NULL);
    expect_ok (covey_node_start (node, SUPPORT_WAIT_MS));
    covey_agent_t *agent = covey_agent_new ("one", "worker");
    struct rlimit before, none;
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &before), 0);
    int lowest = dup (STDERR_FILENO);
    assert_true (lowest >= 0);
    close (lowest);
    none = before;
    none.rlim_cur = (rlim_t)lowest;
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &none), 0);
    covey_err_t code = covey_agent_attach (agent, node, 1000);
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &before), 0);
    assert_int_equal (code, COVEY_LIMIT);
    expect_ok (covey_agent_attach (agent, node, SUPPORT_WAIT_MS));
    covey_agent_destroy (&agent);
    covey_node_destroy (&node);
}

static void
status_has_the_keys_that_scripts_rely_on (void **state)
{
    (void)state;
    static const char *const paths[][2] = {{"mesh", NULL},
                                           {"node", NULL},
                                           {"version", NULL},
                                           {"agents", NULL},
                                           {"dropped", NULL},
                                           {"nodes", "alive"},
                                           {"nodes", "suspected"},
                                           {"nodes", "failed"},
                                           {"nodes", "left"},
                                           {"coordinator", "leader"},
                                           {"coordinator", "term"},
                                           {"coordinator", "members"},
                                           {"coordinator", "quorum"},
                                           {"persister", "primary"},
                                           {"persister", "offset"},
                                           {"persister", "outbox"},
                                           {"supabase", "state"},
                                           {"supabase", "synced"},
                                           {"supabase", "pending"},
                                           {"supabase", "deadLetters"}};
    covey_testmesh_t *mesh = NULL;
    expect_ok (covey_testmesh_new (2, SUPPORT_WAIT_MS, &mesh));
    assert_non_null (covey_testmesh_agent (mesh, 0, "one", "worker"));
    expect_ok (covey_testmesh_start (mesh, SUPPORT_WAIT_MS));
    for (size_t n = 0; n < 2; n++) {
        char *text =
            covey_node_status (covey_testmesh_node (mesh, n), SUPPORT_WAIT_MS);
        assert_non_null (text);
        json_t *status = json_loads (text, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null (status);
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
            json_t *value = json_object_get (status, paths[i][0]);
            if (paths[i][1])
                value = json_object_get (value, paths[i][1]);
            if (!value)
                print_error ("%s.%s is missing in %s\n", paths[i][0],
                             paths[i][1] ? paths[i][1] : "", text);
            assert_non_null (value);
        }
        json_t *nodes = json_object_get (status, "nodes");
        assert_int_equal (json_integer_value (json_object_get (nodes, "alive")),
                          2);
        assert_int_equal (
            json_integer_value (json_object_get (status, "agents")), 1);
        json_decref (status);
        covey_free (text);
    }
    covey_testmesh_destroy (&mesh);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (node_with_a_folder_keeps_identity_and_events),
        cmocka_unit_test (folder_serves_one_node_at_a_time),
        cmocka_unit_test (folder_that_cannot_be_used_is_named),
        cmocka_unit_test (taken_port_is_named),
        cmocka_unit_test (wrong_settings_are_named_and_leave_the_node_usable),
        cmocka_unit_test (join_without_anybody_there_times_out_and_goes_on),
        cmocka_unit_test (nodes_leave_vanish_and_rejoin),
        cmocka_unit_test (agent_attaches_again_when_its_node_comes_back),
        cmocka_unit_test (agent_without_node_is_told),
        cmocka_unit_test (agent_without_free_descriptors_is_told),
        cmocka_unit_test (status_has_the_keys_that_scripts_rely_on),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
