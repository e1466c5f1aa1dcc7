/*  The persister on real nodes: publishes with level `stored` of agents on its
    own and on another node, queries across the mesh, and a persister that goes
    away and comes back.                                                      */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "persist/persister_actor.h"
#include "tests/support/support_dir.h"
#include "tests/support/support_node.h"

#define MESSAGES 500

typedef struct {
    char folder[SUPPORT_DIR_SIZE];
    covey_node_actor_t *nodes[2];
    covey_persister_config_t config;
    covey_persister_actor_t *persister;
    support_crowd_t crowd;
    support_agent_t *near, *far; /* on the persister's node, on the other     */
} s_self_t;

static void
s_start_persister (s_self_t *self)
{
    covey_errbuf_t err;
    if (covey_persister_actor_new (&self->config, SUPPORT_NODE_WAIT_MS,
                                   &self->persister, &err) != COVEY_OK)
        fail_msg ("persister: %s", err.text);
}

static int
s_set_up (void **state)
{
    s_self_t *self = calloc (1, sizeof *self);
    support_dir_make (self->folder);
    self->nodes[0] = support_node ("alpha", NULL);
    self->nodes[1] =
        support_node ("beta", covey_node_actor_endpoint (self->nodes[0]));
    support_nodes_wait (self->nodes[0], 2);
    support_nodes_wait (self->nodes[1], 2);
    covey_persister_config_init (&self->config);
    self->config.node_id = covey_id_new ();
    self->config.endpoint = covey_node_actor_inproc (self->nodes[0]);
    self->config.data_dir = self->folder;
    s_start_persister (self);
    self->near = support_agent (&self->crowd, self->nodes[0], "near");
    self->far = support_agent (&self->crowd, self->nodes[1], "far");
    *state = self;
    return 0;
}

static int
s_tear_down (void **state)
{
    s_self_t *self = *state;
    support_crowd_end (&self->crowd);
    covey_persister_actor_destroy (&self->persister);
    for (int i = 0; i < 2; i++)
        covey_node_actor_destroy (&self->nodes[i]);
    support_dir_remove (self->folder);
    free (self);
    return 0;
}

static void
s_publish (s_self_t *self, support_agent_t *from, int count)
{
    (void)self;
    for (int i = 0; i < count; i++) {
        covey_event_t *event = covey_event_new (COVEY_EVENT_SYSTEM_INFO);
        char text[COVEY_NAME_MAX];
        snprintf (text, sizeof text, "%s %d", from->id, i);
        assert_int_equal (covey_event_set_source (event, from->id), COVEY_OK);
        assert_int_equal (covey_event_set_str (event, "component", "test"),
                          COVEY_OK);
        assert_int_equal (covey_event_set_str (event, "message", text),
                          COVEY_OK);
        support_agent_publish (from, event, COVEY_LEVEL_STORED, 0);
    }
}

/*  How many system:info events of `source` the persister counts.            */
static int64_t
s_count (s_self_t *self, support_agent_t *asker, const char *source)
{
    char *json = support_ask (&self->crowd, asker, "persister", "mesh.stats",
                              "{\"groupBy\":\"source\","
                              "\"types\":[\"system:info\"]}");
    char key[64];
    snprintf (key, sizeof key, "\"source\":\"%s\"", source);
    const char *row = strstr (json, key);
    int64_t count = row ? support_json_int (row, "count") : 0;
    free (json);
    return count;
}

static void
test_events_of_all_nodes_are_stored_and_found (void **state)
{
    s_self_t *self = *state;
    s_publish (self, self->near, MESSAGES);
    s_publish (self, self->far, MESSAGES);
    support_until (&self->crowd, self->near->stored >= MESSAGES);
    support_until (&self->crowd, self->far->stored >= MESSAGES);
    assert_true (self->far->stored_offset > 0);
    assert_int_equal (s_count (self, self->near, "near"), MESSAGES);
    assert_int_equal (s_count (self, self->far, "far"), MESSAGES);
    char *json = support_ask (&self->crowd, self->far, "persister",
                              "mesh.persister", NULL);
    assert_true (support_json_int (json, "offset") >= 2 * MESSAGES);
    assert_int_equal (support_json_int (json, "gaps"), 0);
    free (json);
}

static void
test_events_wait_for_a_persister_that_comes_back (void **state)
{
    s_self_t *self = *state;
    s_publish (self, self->far, MESSAGES);
    support_until (&self->crowd, self->far->stored >= 1);
    covey_persister_actor_destroy (&self->persister);
    s_publish (self, self->far, MESSAGES);
    support_until (&self->crowd, self->far->accepted >= 2 * MESSAGES);
    s_start_persister (self);
    support_until (&self->crowd, self->far->stored >= 2 * MESSAGES);
    assert_int_equal (s_count (self, self->far, "far"), 2 * MESSAGES);
}

static void
test_persister_that_lost_its_journal_goes_on (void **state)
{
    s_self_t *self = *state;
    self->config.data_dir = NULL; /* in memory: gone with the persister */
    covey_persister_actor_destroy (&self->persister);
    s_start_persister (self);
    s_publish (self, self->far, 10);
    support_until (&self->crowd, self->far->stored >= 10);
    covey_persister_actor_destroy (&self->persister);
    s_start_persister (self);
    s_publish (self, self->far, 10);
    support_until (&self->crowd, self->far->stored >= 20);
    assert_int_equal (s_count (self, self->far, "far"), 10);
    char *json = support_ask (&self->crowd, self->near, "persister",
                              "mesh.persister", NULL);
    assert_true (support_json_int (json, "gaps") >= 1);
    free (json);
}

int
main (void)
{
#define COVEY_TEST(name) \
    cmocka_unit_test_setup_teardown (name, s_set_up, s_tear_down)
    const struct CMUnitTest tests[] = {
        COVEY_TEST (test_events_of_all_nodes_are_stored_and_found),
        COVEY_TEST (test_events_wait_for_a_persister_that_comes_back),
        COVEY_TEST (test_persister_that_lost_its_journal_goes_on),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
