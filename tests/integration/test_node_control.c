/*  What coordinators say to each other, and which of them is in charge: two
    nodes, coordinators played by the test.                                   */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "tests/support/support_node.h"

#define LARGE (1u << 20)

typedef struct {
    covey_node_actor_t *nodes[2];
    covey_id_t ids[2];
    support_crowd_t crowd;
} fixture_t;

/*  What a played coordinator got last.                                      */
typedef struct {
    size_t count;
    uint8_t from[16];
    uint8_t *data;
    size_t size;
    char request[COVEY_NAME_MAX + 1];
    char source[COVEY_AGENT_ID_MAX + 1];
} seen_t;

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    covey_node_config_t config;
    for (int i = 0; i < 2; i++) {
        support_node_config (&config, i ? "beta" : "alpha");
        const char *joins[] = {i ? covey_node_actor_endpoint (self->nodes[0])
                                 : ""};
        config.joins = joins;
        config.join_count = (size_t)i;
        self->ids[i] = config.node_id = covey_id_new ();
        self->nodes[i] = support_node_open (&config);
    }
    support_nodes_wait (self->nodes[0], 2);
    support_nodes_wait (self->nodes[1], 2);
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    support_crowd_end (&self->crowd);
    covey_node_actor_destroy (&self->nodes[0]);
    covey_node_actor_destroy (&self->nodes[1]);
    free (self);
    return 0;
}

static void
s_on_frame (support_agent_t *agent, const covey_frame_t *frame)
{
    if (frame->kind != COVEY_FRAME_CONTROL)
        return;
    seen_t *seen = agent->arg;
    Covey__Wire__Control *header = (Covey__Wire__Control *)covey_wire_unpack (
        &covey__wire__control__descriptor, frame->header, frame->header_size);
    assert_non_null (header);
    assert_int_equal (header->node_id.len, 16);
    memcpy (seen->from, header->node_id.data, 16);
    protobuf_c_message_free_unpacked (&header->base, NULL);
    covey_frame_t rest = *frame;
    const uint8_t *item;
    assert_int_equal (covey_frame_next (&rest, &item, &seen->size), COVEY_OK);
    free (seen->data);
    seen->data = malloc (seen->size + 1);
    memcpy (seen->data, item, seen->size);
    seen->count++;
}

static void
s_on_event (support_agent_t *agent, const covey_peek_t *view)
{
    seen_t *seen = agent->arg;
    covey_event_t *event = NULL;
    assert_int_equal (
        covey_event_unpack (view->bytes, view->size, &event, NULL), COVEY_OK);
    if (view->type == COVEY_EVENT_REQUEST &&
        strcmp (covey_event_str (event, "method"), "task.list") == 0)
        (void)covey_str_copy (seen->request, sizeof seen->request,
                              covey_event_str (event, "requestId"));
    covey_event_destroy (&event);
}

static support_agent_t *
s_coordinator (fixture_t *self, int node, seen_t *seen)
{
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.service = (char *)"coordinator";
    support_agent_t *agent = support_agent_at (
        &self->crowd, covey_node_actor_inproc (self->nodes[node]),
        "coordinator", &hello);
    agent->arg = seen;
    agent->on_frame = s_on_frame;
    agent->on_event = s_on_event;
    return agent;
}

static void
s_say (support_agent_t *agent, const covey_id_t *to, const void *data,
       size_t size)
{
    Covey__Wire__Control header = COVEY__WIRE__CONTROL__INIT;
    header.node_id.data = (uint8_t *)to->bytes;
    header.node_id.len = 16;
    covey_session_send_item (agent->session, COVEY_FRAME_CONTROL, &header.base,
                             data, size);
}

static void
s_rank (support_agent_t *agent, uint64_t rank)
{
    Covey__Wire__ServiceState state = COVEY__WIRE__SERVICE_STATE__INIT;
    state.rank = rank;
    covey_session_send_frame (agent->session, COVEY_FRAME_SERVICE_STATE,
                              &state.base);
}

static int64_t
s_count (fixture_t *self, support_agent_t *asker, const char *key)
{
    char *status =
        support_ask (&self->crowd, asker, "node", "mesh.status", NULL);
    int64_t value = support_json_int (status, key);
    free (status);
    return value;
}

static void
test_bytes_go_to_the_coordinator_of_a_node (void **state)
{
    fixture_t *self = *state;
    seen_t seen[2] = {0};
    support_agent_t *a = s_coordinator (self, 0, &seen[0]);
    support_agent_t *b = s_coordinator (self, 1, &seen[1]);
    uint8_t *large = malloc (LARGE);
    memset (large, 'x', LARGE);
    s_say (a, &self->ids[1], large, LARGE);
    support_until (&self->crowd, seen[1].count == 1);
    assert_int_equal (seen[1].size, LARGE);
    assert_memory_equal (seen[1].data, large, LARGE);
    assert_memory_equal (seen[1].from, self->ids[0].bytes, 16);
    s_say (b, &self->ids[0], "", 0);
    support_until (&self->crowd, seen[0].count == 1);
    assert_int_equal (seen[0].size, 0);
    assert_memory_equal (seen[0].from, self->ids[1].bytes, 16);
    support_agent_t *asker = support_agent (&self->crowd, self->nodes[0], "q");
    assert_int_equal (s_count (self, asker, "controlSent"), 1);
    assert_int_equal (s_count (self, asker, "controlReceived"), 1);
    free (large);
    free (seen[0].data);
    free (seen[1].data);
}

static void
test_what_has_no_way_is_counted (void **state)
{
    fixture_t *self = *state;
    seen_t seen = {0};
    support_agent_t *a = s_coordinator (self, 0, &seen);
    support_agent_t *asker = support_agent (&self->crowd, self->nodes[1], "q");
    covey_id_t nobody = covey_id_new ();
    s_say (a, &nobody, "x", 1);
    s_say (a, &self->ids[0], "x", 1);
    s_say (a, &self->ids[1], "x", 1); /* there is no coordinator              */
    while (s_count (self, asker, "control") != 1)
        support_pump (&self->crowd, 5);
    support_agent_t *here = support_agent (&self->crowd, self->nodes[0], "h");
    assert_int_equal (s_count (self, here, "control"), 2);
    assert_int_equal (s_count (self, here, "controlSent"), 1);
}

/*  Not even an agent of the same process, nor a persister.                  */
static void
test_only_services_may_send_these_frames (void **state)
{
    fixture_t *self = *state;
    seen_t seen = {0};
    support_agent_t *b = s_coordinator (self, 1, &seen);
    support_agent_t *agent = support_agent (&self->crowd, self->nodes[0], "a");
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.service = (char *)"persister";
    support_agent_t *persister = support_agent_at (
        &self->crowd, covey_node_actor_inproc (self->nodes[0]), "persister",
        &hello);
    s_say (agent, &self->ids[1], "x", 1);
    s_rank (agent, 7);
    s_say (persister, &self->ids[1], "x", 1);
    while (s_count (self, agent, "malformedFrame") != 3)
        support_pump (&self->crowd, 5);
    assert_int_equal (seen.count, 0);
    (void)b;
}

static void
s_ask (support_agent_t *asker, const char *id)
{
    covey_event_t *request = covey_event_request (asker->id, "coordinator", id,
                                                  "task.list", "{}", 60000);
    assert_non_null (request);
    support_agent_publish (asker, request, COVEY_LEVEL_ACCEPTED, 0);
}

/*  Asks until the coordinator behind `seen` gets the question: ranks travel. */
static void
s_ask_until (fixture_t *self, support_agent_t *asker, const char *prefix,
             seen_t *seen)
{
    int64_t end_ms = support_node_now_ms () + SUPPORT_NODE_WAIT_MS;
    for (int i = 0;; i++) {
        char id[64];
        snprintf (id, sizeof id, "%s-%d", prefix, i);
        s_ask (asker, id);
        support_until (&self->crowd, asker->accepted + asker->refused > 0);
        for (int turn = 0; turn < 20; turn++) {
            support_pump (&self->crowd, 5);
            if (strncmp (seen->request, prefix, strlen (prefix)) == 0)
                return;
        }
        assert_true (support_node_now_ms () < end_ms);
    }
}

static void
test_requests_go_to_the_highest_rank (void **state)
{
    fixture_t *self = *state;
    seen_t seen[2] = {0};
    support_agent_t *services[2];
    for (int i = 0; i < 2; i++)
        services[i] = s_coordinator (self, i, &seen[i]);
    support_agent_t *askers[2] = {
        support_agent (&self->crowd, self->nodes[0], "a"),
        support_agent (&self->crowd, self->nodes[1], "b")};
    for (uint64_t rank = 1; rank < 5; rank++) {
        int leader = (int)rank % 2;
        char prefix[32];
        s_rank (services[leader], rank);
        for (int i = 0; i < 2; i++) {
            snprintf (prefix, sizeof prefix, "r%d-%d", (int)rank, i);
            s_ask_until (self, askers[i], prefix, &seen[leader]);
        }
    }
    /* Who led last stands down: the one before has a rank still. */
    s_rank (services[0], 0);
    for (int i = 0; i < 2; i++)
        s_ask_until (self, askers[i], i ? "down-b" : "down-a", &seen[1]);
}

static void
test_who_asked_is_told_when_another_one_leads (void **state)
{
    fixture_t *self = *state;
    seen_t seen[2] = {0};
    support_agent_t *services[2];
    for (int i = 0; i < 2; i++)
        services[i] = s_coordinator (self, i, &seen[i]);
    support_agent_t *asker = support_agent (&self->crowd, self->nodes[0], "a");
    s_rank (services[0], 1);
    s_ask_until (self, asker, "first", &seen[0]);
    size_t before = asker->undelivered;
    s_rank (services[1], 2);
    support_until (&self->crowd, asker->undelivered > before);
    assert_int_equal (asker->undelivered_code, COVEY_NOCOORDINATOR);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_bytes_go_to_the_coordinator_of_a_node),
        CASE (test_what_has_no_way_is_counted),
        CASE (test_only_services_may_send_these_frames),
        CASE (test_requests_go_to_the_highest_rank),
        CASE (test_who_asked_is_told_when_another_one_leads),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
