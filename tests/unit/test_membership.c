#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/membership.h"

/*  A small world of members whose hellos and swim frames the test carries.  */
#define WORLD_MAX 3

typedef struct {
    covey_membership_t *members;
    char address[32];
    bool up; /* its address answers                                  */
    char changes[512];
} node_t;

/*  A frame on its way.                                                      */
typedef struct {
    int from;
    char to[COVEY_MEMBERSHIP_ADDRESS_MAX];
    covey_buf_t frame;
} letter_t;

typedef struct {
    node_t nodes[WORLD_MAX];
    letter_t letters[256];
    size_t letter_count;
    int64_t now_ms;
    bool cut; /* nobody reaches anybody                                       */
} world_t;

/*  cmocka gives callbacks no world: the node knows it through its address.  */
typedef struct {
    world_t *world;
    int index;
} seat_t;

static node_t *
s_at (world_t *world, const char *address)
{
    for (int i = 0; i < WORLD_MAX; i++)
        if (world->nodes[i].up &&
            strcmp (world->nodes[i].address, address) == 0)
            return &world->nodes[i];
    return NULL;
}

static void
s_on_connect (void *arg, covey_peer_t *peer)
{
    (void)arg;
    assert_non_null (peer->address);
}

/*  A new letter, or NULL: nobody is reached there.                          */
static letter_t *
s_write (const seat_t *seat, const covey_peer_t *peer)
{
    world_t *world = seat->world;
    if (!s_at (world, peer->address) || world->cut)
        return NULL;
    assert_true (world->letter_count < 256);
    letter_t *letter = &world->letters[world->letter_count++];
    letter->from = seat->index;
    snprintf (letter->to, sizeof letter->to, "%s", peer->address);
    covey_buf_init (&letter->frame, COVEY_FRAME_MAX);
    return letter;
}

static void
s_on_swim (void *arg, covey_peer_t *peer, covey_swim_kind_t kind,
           const covey_buf_t *frame)
{
    (void)kind;
    letter_t *letter = s_write (arg, peer);
    if (letter)
        assert_int_equal (
            covey_buf_append (&letter->frame, frame->data, frame->size),
            COVEY_OK);
}

static bool
s_on_hello (void *arg, covey_peer_t *peer, bool reply)
{
    seat_t *seat = arg;
    world_t *world = seat->world;
    letter_t *letter = s_write (seat, peer);
    if (!letter)
        return false;
    assert_int_equal (
        covey_membership_write_hello (world->nodes[seat->index].members, peer,
                                      reply, 0, &letter->frame),
        COVEY_OK);
    return true;
}

/*  The sender's peer or contact at that address.                            */
static covey_peer_t *
s_behind (world_t *world, int index, const char *address)
{
    covey_membership_t *members = world->nodes[index].members;
    for (size_t i = 0; i < covey_membership_count (members); i++) {
        covey_peer_t *peer = covey_membership_at (members, i);
        if (peer->address && strcmp (peer->address, address) == 0)
            return peer;
    }
    return NULL;
}

static covey_peer_t *s_peer (world_t *world, int of, int other);

static void
s_deliver_swim (world_t *world, const letter_t *letter, node_t *to,
                const covey_frame_t *frame)
{
    if (!to)
        return;
    covey_peer_t *asked = s_behind (world, letter->from, letter->to);
    covey_peer_t *who = s_peer (world, (int)(to - world->nodes), letter->from);
    if (who) {
        (void)covey_membership_heard (to->members, who, world->now_ms);
        covey_swim_kind_t kind;
        assert_int_equal (covey_membership_swim (to->members, who, frame,
                                                 world->now_ms, &kind),
                          COVEY_OK);
    } else if (asked)
        covey_membership_refused (world->nodes[letter->from].members, asked,
                                  COVEY_NOTFOUND, world->now_ms);
}

static void
s_deliver (world_t *world, letter_t *letter)
{
    covey_frame_t parsed;
    node_t *to = s_at (world, letter->to);
    assert_int_equal (
        covey_frame_parse (letter->frame.data, letter->frame.size, &parsed),
        COVEY_OK);
    if (parsed.kind == COVEY_FRAME_SWIM) {
        s_deliver_swim (world, letter, to, &parsed);
        covey_buf_deinit (&letter->frame);
        return;
    }
    Covey__Wire__PeerHello *hello =
        (Covey__Wire__PeerHello *)covey_wire_unpack (
            &covey__wire__peer_hello__descriptor, parsed.header,
            parsed.header_size);
    assert_non_null (hello);
    covey_peer_t *who = NULL;
    covey_errbuf_t err;
    covey_err_t code = COVEY_STATE;
    if (to)
        code = covey_membership_hello (to->members, hello, world->now_ms, &who,
                                       &err);
    covey_peer_t *asked = s_behind (world, letter->from, letter->to);
    if (code && code != COVEY_STATE && asked)
        covey_membership_refused (world->nodes[letter->from].members, asked,
                                  code, world->now_ms);
    protobuf_c_message_free_unpacked (&hello->base, NULL);
    covey_buf_deinit (&letter->frame);
}

static void
s_deliver_all (world_t *world)
{
    while (world->letter_count) {
        letter_t first = world->letters[0];
        memmove (&world->letters[0], &world->letters[1],
                 --world->letter_count * sizeof first);
        s_deliver (world, &first);
    }
}

static covey_peer_t *
s_peer (world_t *world, int of, int other)
{
    uint8_t id[16] = {(uint8_t)(other + 1)};
    return covey_membership_find (world->nodes[of].members, id);
}

static void
s_on_change (void *arg, covey_peer_t *peer, covey_peer_change_t change,
             const char *reason)
{
    static const char *const names[] = {"joined", "suspected", "failed",
                                        "recovered", "left"};
    seat_t *seat = arg;
    (void)reason;
    char *log = seat->world->nodes[seat->index].changes;
    size_t used = strlen (log);
    snprintf (log + used, sizeof seat->world->nodes[0].changes - used, "%s-%s ",
              peer->name, names[change]);
}

static void
s_ignore (void *arg, covey_peer_t *peer)
{
    (void)arg;
    (void)peer;
}

static seat_t s_seats[WORLD_MAX];

static void
s_open (world_t *world, int index, const char *join, uint64_t epoch,
        const char *mesh)
{
    static const char *const names[] = {"n0", "n1", "n2"};
    node_t *node = &world->nodes[index];
    covey_membership_destroy (&node->members);
    snprintf (node->address, sizeof node->address, "host%d:1", index);
    node->up = true;
    s_seats[index] = (seat_t){.world = world, .index = index};
    covey_membership_config_t config = {.mesh = mesh,
                                        .node_id = {(uint8_t)(index + 1)},
                                        .name = names[index],
                                        .endpoint = node->address,
                                        .pub_endpoint = "",
                                        .version = "1",
                                        .joins = &join,
                                        .join_count = join ? 1 : 0,
                                        .epoch = epoch,
                                        .seed = (uint64_t)index,
                                        .peers_max = 4};
    covey_swim_config_init (&config.swim);
    config.swim.probe_ms = 100;
    config.swim.probe_timeout_ms = 50;
    config.swim.suspicion_mult = 5;
    config.swim.gossip_ms = 20;
    config.swim.sync_ms = config.swim.reconnect_ms = 1000;
    covey_membership_callbacks_t callbacks = {.arg = &s_seats[index],
                                              .connect = s_on_connect,
                                              .disconnect = s_ignore,
                                              .hello = s_on_hello,
                                              .swim = s_on_swim,
                                              .changed = s_on_change,
                                              .forgotten = s_ignore};
    node->members = covey_membership_new (&config, &callbacks);
}

static int
s_setup (void **state)
{
    world_t *world = calloc (1, sizeof *world);
    world->now_ms = 1000;
    *state = world;
    return 0;
}

static int
s_teardown (void **state)
{
    world_t *world = *state;
    for (int i = 0; i < WORLD_MAX; i++)
        covey_membership_destroy (&world->nodes[i].members);
    for (size_t i = 0; i < world->letter_count; i++)
        covey_buf_deinit (&world->letters[i].frame);
    free (world);
    return 0;
}

static void
s_run (world_t *world, int64_t duration_ms)
{
    int64_t end_ms = world->now_ms + duration_ms;
    for (; world->now_ms < end_ms; world->now_ms += 10) {
        for (int i = 0; i < WORLD_MAX; i++)
            if (world->nodes[i].up)
                covey_membership_tick (world->nodes[i].members, world->now_ms);
        s_deliver_all (world);
    }
}

static void
s_expect (world_t *world, int index, const char *changes)
{
    assert_string_equal (world->nodes[index].changes, changes);
    world->nodes[index].changes[0] = '\0';
}

static void
test_one_address_is_enough (void **state)
{
    world_t *world = *state;
    s_open (world, 0, NULL, 5, "m");
    s_open (world, 1, "host0:1", 5, "m");
    s_run (world, 100);
    s_open (world, 2, "host0:1", 5, "m");
    s_run (world, 1000);
    s_expect (world, 0, "n1-joined n2-joined ");
    s_expect (world, 1, "n0-joined n2-joined ");
    s_expect (world, 2, "n0-joined n1-joined ");
    assert_int_equal (
        covey_membership_in_state (world->nodes[0].members, COVEY_PEER_ALIVE),
        2);
    assert_true (s_peer (world, 0, 1)->introduced);
}

static void
test_join_is_retried_for_ever (void **state)
{
    world_t *world = *state;
    s_open (world, 1, "host0:1", 5, "m");
    s_run (world, 600000);
    s_open (world, 0, NULL, 5, "m");
    s_run (world, 2 * COVEY_MEMBERSHIP_RETRY_MAX_MS);
    s_expect (world, 1, "n0-joined ");
}

static void
test_other_spelling_of_an_address_is_the_same_node (void **state)
{
    world_t *world = *state;
    s_open (world, 0, NULL, 5, "m");
    s_open (world, 1, "host0:1", 5, "m");
    snprintf (world->nodes[2].address, sizeof world->nodes[2].address, "x");
    s_run (world, 500);
    assert_int_equal (covey_membership_count (world->nodes[1].members), 1);
    assert_int_equal (covey_membership_count (world->nodes[0].members), 1);
}

static void
test_silence_is_suspected_then_failed_then_healed (void **state)
{
    world_t *world = *state;
    s_open (world, 0, NULL, 5, "m");
    s_open (world, 1, "host0:1", 5, "m");
    s_run (world, 500);
    s_expect (world, 0, "n1-joined ");
    world->cut = true;
    s_run (world, 400);
    world->cut = false;
    s_run (world, 200);
    s_expect (world, 0, "n1-suspected n1-recovered ");
    world->cut = true;
    s_run (world, 20000);
    s_expect (world, 0, "n1-suspected n1-failed ");
    world->cut = false;
    s_run (world, 2 * COVEY_MEMBERSHIP_RETRY_MAX_MS);
    s_expect (world, 0, "n1-recovered ");
    assert_int_equal (s_peer (world, 1, 0)->state, COVEY_PEER_ALIVE);
}

static void
test_restart_is_a_failure_and_a_join (void **state)
{
    world_t *world = *state;
    s_open (world, 0, NULL, 5, "m");
    s_open (world, 1, "host0:1", 5, "m");
    s_run (world, 500);
    s_expect (world, 0, "n1-joined ");
    s_open (world, 1, "host0:1", 6, "m");
    s_run (world, 500);
    s_expect (world, 0, "n1-failed n1-joined ");
    assert_int_equal (s_peer (world, 0, 1)->epoch, 6);
}

static void
test_goodbye_differs_from_failing (void **state)
{
    world_t *world = *state;
    s_open (world, 0, NULL, 5, "m");
    s_open (world, 1, "host0:1", 5, "m");
    s_run (world, 500);
    world->nodes[1].up = false;
    covey_membership_goodbye (world->nodes[0].members, s_peer (world, 0, 1),
                              "done", world->now_ms);
    s_run (world, 5000);
    s_expect (world, 0, "n1-joined n1-left ");
    assert_false (s_peer (world, 0, 1)->connected);
    s_open (world, 1, "host0:1", 7, "m");
    s_run (world, 500);
    s_expect (world, 0, "n1-joined ");
}

static void
test_seed_that_comes_back_is_found (void **state)
{
    world_t *world = *state;
    s_open (world, 0, NULL, 5, "m");
    s_open (world, 1, "host0:1", 5, "m");
    s_run (world, 500);
    world->nodes[0].up = false;
    s_run (world, 3000);
    s_open (world, 0, NULL, 9, "m");
    s_run (world, 2 * COVEY_MEMBERSHIP_RETRY_MAX_MS);
    s_expect (world, 0, "n1-joined n1-joined ");
    s_expect (world, 1, "n0-joined n0-suspected n0-failed n0-joined ");
}

static void
test_foreign_mesh_is_refused (void **state)
{
    world_t *world = *state;
    s_open (world, 0, NULL, 5, "m");
    s_open (world, 1, "host0:1", 5, "other");
    s_run (world, 60000);
    s_expect (world, 0, "");
    s_expect (world, 1, "");
    uint64_t refused =
        covey_membership_stats (world->nodes[0].members)->refused;
    assert_true (refused > 0 && refused < 30); /* it slows down               */
}

static void
test_own_address_is_noticed (void **state)
{
    world_t *world = *state;
    s_open (world, 0, "host0:1", 5, "m");
    s_run (world, 1000);
    assert_int_equal (covey_membership_count (world->nodes[0].members), 0);
}

static void
test_own_sleep_fails_nobody (void **state)
{
    world_t *world = *state;
    s_open (world, 0, NULL, 5, "m");
    s_open (world, 1, "host0:1", 5, "m");
    s_run (world, 500);
    world->now_ms += 60000; /* both slept                                     */
    s_run (world, 500);
    s_expect (world, 0, "n1-joined ");
    s_expect (world, 1, "n0-joined ");
}

static Covey__Wire__PeerHello
s_stranger (Covey__Wire__NodeInfo *info, uint8_t *id)
{
    covey__wire__node_info__init (info);
    info->node_id.data = id;
    info->node_id.len = 16;
    info->name = (char *)"stranger";
    info->endpoint = (char *)"far:1";
    info->has_epoch = true;
    info->epoch = 5;
    Covey__Wire__PeerHello hello = COVEY__WIRE__PEER_HELLO__INIT;
    hello.protocol_min = hello.protocol_max = COVEY_PROTOCOL_VERSION;
    hello.mesh = (char *)"m";
    hello.node = info;
    return hello;
}

static void
test_bad_hellos_are_refused_with_a_reason (void **state)
{
    world_t *world = *state;
    s_open (world, 0, NULL, 5, "m");
    covey_membership_t *members = world->nodes[0].members;
    uint8_t id[16] = {77};
    Covey__Wire__NodeInfo info;
    covey_peer_t *peer;
    covey_errbuf_t err;
    Covey__Wire__PeerHello hello = s_stranger (&info, id);
    hello.protocol_min = hello.protocol_max = 2;
    assert_int_equal (
        covey_membership_hello (members, &hello, 1000, &peer, &err),
        COVEY_VERSION);
    assert_non_null (strstr (err.text, "2"));
    hello = s_stranger (&info, id);
    info.epoch = 0;
    assert_int_equal (
        covey_membership_hello (members, &hello, 1000, &peer, &err),
        COVEY_MALFORMED);
    id[0] = 1; /* our own id, another incarnation                             */
    hello = s_stranger (&info, id);
    info.epoch = 6;
    assert_int_equal (
        covey_membership_hello (members, &hello, 1000, &peer, &err),
        COVEY_EXISTS);
    id[0] = 77;
    hello = s_stranger (&info, id);
    assert_int_equal (
        covey_membership_hello (members, &hello, 1000, &peer, &err), COVEY_OK);
    info.epoch = 4;
    assert_int_equal (
        covey_membership_hello (members, &hello, 1000, &peer, &err),
        COVEY_STATE);
    for (uint8_t i = 0; i < 3; i++) {
        uint8_t other[16] = {(uint8_t)(100 + i)};
        char endpoint[16];
        snprintf (endpoint, sizeof endpoint, "far%d:1", i);
        hello = s_stranger (&info, other);
        info.endpoint = endpoint;
        assert_int_equal (
            covey_membership_hello (members, &hello, 1000, &peer, &err),
            COVEY_OK);
    }
    uint8_t last[16] = {200};
    hello = s_stranger (&info, last);
    info.endpoint = (char *)"far9:1";
    assert_int_equal (
        covey_membership_hello (members, &hello, 1000, &peer, &err),
        COVEY_LIMIT);
    /* Who failed makes room, or a mesh in which nodes crash fills up. */
    s_run (world, 20000);
    assert_int_equal (
        covey_membership_hello (members, &hello, world->now_ms, &peer, &err),
        COVEY_OK);
    assert_int_equal (covey_membership_count (members), 4);
}

static void
test_stranger_who_does_not_know_us_gets_a_hello (void **state)
{
    world_t *world = *state;
    s_open (world, 0, NULL, 5, "m");
    s_open (world, 1, "host0:1", 5, "m");
    s_run (world, 500);
    /* It forgot us without a new address or silence. */
    s_open (world, 0, NULL, 8, "m");
    covey_membership_refused (world->nodes[1].members, s_peer (world, 1, 0),
                              COVEY_NOTFOUND, world->now_ms);
    s_run (world, 300);
    s_expect (world, 1, "n0-joined n0-failed n0-joined ");
}

static void
test_hints_are_tried_within_limits (void **state)
{
    world_t *world = *state;
    uint8_t n1[16] = {2};
    s_open (world, 0, NULL, 1, "m");
    s_open (world, 1, NULL, 5, "m");
    covey_membership_t *first = world->nodes[0].members;
    assert_false (covey_membership_wants (first, n1, 5, "host0:1")); /* own   */
    assert_true (covey_membership_wants (first, n1, 5, "host1:1"));
    assert_true (covey_membership_hint (first, "host1:1", world->now_ms));
    assert_false (covey_membership_wants (first, n1, 5, "host1:1"));
    s_run (world, 1000);
    assert_non_null (s_peer (world, 0, 1));
    assert_int_equal (s_peer (world, 0, 1)->state, COVEY_PEER_ALIVE);
    assert_false (covey_membership_wants (first, n1, 5, "other:1"));
    assert_true (covey_membership_wants (first, n1, 6, "other:1"));
    world->cut = true;
    s_run (world, 3000);
    assert_int_equal (s_peer (world, 0, 1)->state, COVEY_PEER_FAILED);
    assert_false (covey_membership_wants (first, n1, 5, "host1:1"));
    assert_true (covey_membership_wants (first, n1, 5, "other:1")); /* moved  */
    /* Nobody makes room for a hint, not even who failed. */
    assert_true (covey_membership_hint (first, "a:1", world->now_ms));
    assert_true (covey_membership_hint (first, "b:1", world->now_ms));
    assert_true (covey_membership_hint (first, "c:1", world->now_ms));
    assert_false (covey_membership_hint (first, "d:1", world->now_ms));
    assert_non_null (s_peer (world, 0, 1));
    s_run (world, COVEY_MEMBERSHIP_HEARSAY_MS + 1000);
    assert_int_equal (covey_membership_count (first), 1);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_one_address_is_enough),
        CASE (test_join_is_retried_for_ever),
        CASE (test_other_spelling_of_an_address_is_the_same_node),
        CASE (test_silence_is_suspected_then_failed_then_healed),
        CASE (test_restart_is_a_failure_and_a_join),
        CASE (test_goodbye_differs_from_failing),
        CASE (test_seed_that_comes_back_is_found),
        CASE (test_foreign_mesh_is_refused),
        CASE (test_own_address_is_noticed),
        CASE (test_own_sleep_fails_nobody),
        CASE (test_bad_hellos_are_refused_with_a_reason),
        CASE (test_stranger_who_does_not_know_us_gets_a_hello),
        CASE (test_hints_are_tried_within_limits),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
