/*  Whole meshes in virtual time: the node as it is, but for its sockets, with
    agents, on a network that loses, doubles, delays and reorders, with nodes
    that crash, pause and are cut off, connections that break and sockets that
    are full. After every run sim_ledger says which promise was broken.

    COVEY_SIM_RUNS says how many runs (default 10,000), COVEY_SEED plays one. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/str.h"
#include "tests/support/sim_ledger.h"

#define STEP_US (20 * SIM_MS)
#define RUNS 10000

typedef struct {
    sim_mesh_t *mesh;
    sim_ledger_t *ledger;
    covey_prng_t prng;
    bool crashes;
    bool sessions; /* connections of agents break                             */
    double rate;   /* faults per step                                         */
    int64_t back_us[SIM_MESH_NODES_MAX]; /* when a crashed node starts again  */
} run_t;

static int64_t
s_setting (const char *name, int64_t otherwise)
{
    const char *text = getenv (name);
    int64_t value;
    return text && covey_str_to_int (text, 0, INT64_MAX, &value) ? value
                                                                 : otherwise;
}

static uint64_t
s_draw (run_t *run, uint64_t below)
{
    return covey_prng_below (&run->prng, below);
}

static bool
s_chance (run_t *run, double share)
{
    return covey_prng_unit (&run->prng) < share;
}

static void
s_fail (run_t *run, const char *what)
{
    printf ("the last that happened:\n");
    sim_mesh_print_trace (run->mesh);
    fail_msg ("COVEY_SEED=%" PRIu64 ": %s", run->mesh->seed, what);
}

static void
s_open (run_t *run, const sim_mesh_config_t *config, uint64_t seed)
{
    sim_mesh_watch_t watch;
    run->ledger = sim_ledger_new ();
    sim_ledger_watch (run->ledger, &watch);
    run->mesh = sim_mesh_new (config, seed, &watch);
    sim_ledger_use (run->ledger, run->mesh);
    for (size_t i = 0; i < config->agents; i++)
        sim_mesh_subscribe (run->mesh, i);
    if (sim_mesh_run_until (run->mesh, sim_mesh_is_settled,
                            60 * (int64_t)SIM_SECOND) < 0)
        s_fail (run, "the mesh does not come together");
}

static void
s_close (run_t *run, sim_ledger_sums_t *sums)
{
    if (sums)
        sim_ledger_sum (run->ledger, sums);
    sim_mesh_destroy (&run->mesh);
    sim_ledger_destroy (&run->ledger);
}

/*  One of all that can go wrong.                                            */
static void
s_fault (run_t *run)
{
    sim_mesh_t *mesh = run->mesh;
    size_t node = (size_t)s_draw (run, mesh->config.nodes);
    size_t other = (size_t)s_draw (run, mesh->config.nodes);
    int64_t now_us = sim_net_now_us (mesh->net);
    switch (s_draw (run, 6)) {
        case 0:
            if (!run->crashes || !mesh->nodes[node].hub)
                return;
            sim_mesh_crash (mesh, node);
            run->back_us[node] =
                now_us + SIM_MS * (int64_t)s_draw (
                                      run, s_chance (run, 0.1) ? 7000 : 300);
            return;
        case 1:
            sim_mesh_pause (mesh, node, SIM_MS * (int64_t)s_draw (run, 400));
            return;
        case 2: /* one way */
            if (node != other)
                sim_mesh_cut (mesh, node, other, true);
            return;
        case 3: /* both */
            if (node == other)
                return;
            sim_mesh_cut (mesh, node, other, true);
            sim_mesh_cut (mesh, other, node, true);
            return;
        case 4:
            sim_mesh_cut (mesh, node, other, false);
            sim_mesh_cut (mesh, other, node, false);
            return;
        default:
            if (run->sessions)
                sim_mesh_reset (mesh, (size_t)s_draw (run, mesh->agent_count));
    }
}

static void
s_publish_some (run_t *run)
{
    const sim_mesh_config_t *config = &run->mesh->config;
    for (size_t i = 0; i < config->agents; i++) {
        if (!s_chance (run, 0.2))
            continue;
        size_t target = (size_t)s_draw (run, config->agents + 1);
        bool stored = config->persister && s_chance (run, 0.2);
        for (uint64_t n = 1 + s_draw (run, 4); n; n--)
            sim_ledger_publish (
                run->ledger, i, target == config->agents ? SIM_NOBODY : target,
                (covey_priority_t)s_draw (run, 4),
                stored ? COVEY_LEVEL_STORED : COVEY_LEVEL_ACCEPTED,
                s_chance (run, 0.5) ? 3000 : 0);
    }
}

static void
s_trouble (run_t *run, int64_t for_us)
{
    sim_mesh_t *mesh = run->mesh;
    int64_t until_us = sim_net_now_us (mesh->net) + for_us;
    while (sim_net_now_us (mesh->net) < until_us) {
        s_publish_some (run);
        if (s_chance (run, run->rate))
            s_fault (run);
        for (size_t i = 0; i < mesh->config.nodes; i++)
            if (!mesh->nodes[i].hub &&
                sim_net_now_us (mesh->net) >= run->back_us[i])
                sim_mesh_restart (mesh, i);
        sim_mesh_run_for (mesh, STEP_US);
    }
}

/*  After all that: it comes to rest, the directories agree, promises are kept.
 */
static void
s_judge (run_t *run)
{
    sim_mesh_t *mesh = run->mesh;
    sim_mesh_heal (mesh);
    for (int i = 0; i < 2; i++) {
        if (sim_mesh_run_until (mesh, sim_mesh_is_settled,
                                120 * (int64_t)SIM_SECOND) < 0) {
            sim_mesh_note_unrest (mesh);
            s_fail (run, "it does not come to rest");
        }
        sim_mesh_run_for (mesh, 1100 * SIM_MS); /* lost tails show            */
    }
    if (sim_mesh_run_until (mesh, sim_mesh_is_agreed,
                            30 * (int64_t)SIM_SECOND) < 0)
        s_fail (run, "the directories do not agree");
    const char *broken = sim_ledger_judge (run->ledger);
    if (broken)
        s_fail (run, broken);
}

static void
s_draw_config (run_t *run, sim_mesh_config_t *config)
{
    int64_t delay_us = SIM_MS * (int64_t)(1 + s_draw (run, 20)) / 2;
    bool rough = s_chance (run, 0.7);
    *config = (sim_mesh_config_t){
        .nodes = 2 + (size_t)s_draw (run, 2),
        .persister = s_chance (run, 0.3),
        .peer = {.delay_us = delay_us, .jitter_us = delay_us},
        .cast = {.delay_us = delay_us, .jitter_us = delay_us},
        .session = {.delay_us = 100, .jitter_us = 300},
        .full = s_chance (run, 0.3) ? 0.05 : 0,
        .link_events = s_chance (run, 0.3) ? 8 : 0,
        .replay_events = s_chance (run, 0.3) ? 8 : 0,
    };
    config->agents = config->nodes + (size_t)s_draw (run, 2);
    if (!rough)
        return;
    config->peer.loss = 0.2 * covey_prng_unit (&run->prng);
    config->peer.duplicate = 0.1 * covey_prng_unit (&run->prng);
    config->peer.reorder = 0.1 * covey_prng_unit (&run->prng);
    config->peer.reorder_us = 50 * SIM_MS;
    config->cast.loss = 0.1 * covey_prng_unit (&run->prng);
}

static void
s_run (uint64_t seed, bool crashes, bool sessions, sim_ledger_sums_t *sums)
{
    run_t run = {.crashes = crashes, .sessions = sessions, .rate = 0.04};
    sim_mesh_config_t config;
    covey_prng_init (&run.prng, seed);
    s_draw_config (&run, &config);
    s_open (&run, &config, seed);
    s_trouble (&run, SIM_SECOND);
    s_judge (&run);
    s_close (&run, sums);
}

/*  `share` of all runs; the same seeds for everybody.                       */
static void
s_run_all (const char *name, bool crashes, bool sessions, double share)
{
    sim_ledger_sums_t sums = {0};
    int64_t one = s_setting ("COVEY_SEED", 0);
    int64_t runs = s_setting ("COVEY_SIM_RUNS", RUNS);
    if (!one && runs < RUNS)
        printf ("COVEY_SIM_RUNS=%" PRId64 ": fewer than the usual %d runs\n",
                runs, RUNS);
    runs = (int64_t)((double)runs * share);
    clock_t start = clock ();
    for (int64_t seed = one ? one : 1; seed <= (one ? one : runs); seed++)
        s_run ((uint64_t)seed, crashes, sessions, &sums);
    printf ("%s: %" PRId64 " runs in %.1f s, %" PRIu64 " crashes\n  %" PRIu64
            " published: %" PRIu64 " accepted, %" PRIu64 " refused; %" PRIu64
            " delivered, %" PRIu64 " returned, %" PRIu64
            " died with a node\n  broadcasts to %" PRIu64
            " subscribers: %" PRIu64 " announced as lost, %" PRIu64
            " missed with a node or session\n",
            name, one ? 1 : runs, (double)(clock () - start) / CLOCKS_PER_SEC,
            sums.crashes, sums.published, sums.accepted, sums.refused,
            sums.delivered, sums.returned, sums.died, sums.broadcasts,
            sums.announced, sums.excused);
    assert_true (sums.delivered > 0);
}

static void
test_nothing_is_lost_while_nodes_live (void **state)
{
    (void)state;
    s_run_all ("without crashes", false, false, 0.25);
}

static void
test_connections_of_agents_break (void **state)
{
    (void)state;
    s_run_all ("with broken connections", false, true, 0.25);
}

static void
test_nothing_comes_twice_when_nodes_restart (void **state)
{
    (void)state;
    s_run_all ("with restarts", true, true, 1);
}

/* ------------------------------------------------------------------------ */

/*  Rings of eight, and a third of all broadcasts lost on the way: the outbox
   and the journal have the rest. */
static void
test_the_journal_repairs_what_left_the_ring (void **state)
{
    (void)state;
    sim_ledger_sums_t sums = {0};
    uint64_t stored = 0;
    enum { MESHES = 100 };
    for (uint64_t seed = 1; seed <= MESHES; seed++) {
        run_t run = {0};
        sim_mesh_config_t config = {
            .nodes = 3,
            .agents = 3,
            .persister = true,
            .replay_events = 8,
            .peer = {.delay_us = 2000, .jitter_us = 2000},
            .cast = {.delay_us = 2000, .jitter_us = 2000, .loss = 0.33},
            .session = {.delay_us = 100}};
        covey_prng_init (&run.prng, seed);
        s_open (&run, &config, seed);
        s_trouble (&run, 2 * SIM_SECOND);
        s_judge (&run);
        for (size_t i = 0; i < config.nodes; i++)
            stored += run.mesh->nodes[i].hub->counters.repairs_stored;
        s_close (&run, &sums);
    }
    printf ("ring of 8, 33 %% lost: %" PRIu64 " broadcasts to subscribers, "
            "%" PRIu64 " of them repaired from outbox or journal, %" PRIu64
            " announced as lost\n",
            sums.broadcasts, stored, sums.announced);
    assert_int_equal (sums.announced, 0);
    assert_true (stored > 0);
}

static void
test_directories_agree_after_a_partition (void **state)
{
    (void)state;
    run_t run = {0};
    int64_t worst_us = 0;
    enum { MESHES = 20, NODES = 8, AGENTS = 24 };
    for (uint64_t seed = 1; seed <= MESHES; seed++) {
        sim_mesh_config_t config = {
            .nodes = NODES,
            .agents = AGENTS,
            .peer = {.delay_us = 2000, .jitter_us = 5000, .loss = 0.02},
            .cast = {.delay_us = 2000, .jitter_us = 5000},
            .session = {.delay_us = 100}};
        covey_prng_init (&run.prng, seed);
        s_open (&run, &config, seed);
        for (size_t a = 0; a < NODES / 2; a++)
            for (size_t b = NODES / 2; b < NODES; b++) {
                sim_mesh_cut (run.mesh, a, b, true);
                sim_mesh_cut (run.mesh, b, a, true);
            }
        /* What changes on one side only                                      */
        sim_mesh_run_for (run.mesh, 30 * (int64_t)SIM_SECOND);
        sim_mesh_crash (run.mesh, seed % NODES);
        sim_mesh_run_for (run.mesh, SIM_SECOND);
        sim_mesh_restart (run.mesh, seed % NODES);
        sim_mesh_run_for (run.mesh, 29 * (int64_t)SIM_SECOND);
        assert_false (sim_mesh_is_agreed (run.mesh));
        sim_mesh_heal (run.mesh);
        int64_t took_us = sim_mesh_run_until (run.mesh, sim_mesh_is_agreed,
                                              60 * (int64_t)SIM_SECOND);
        if (took_us < 0)
            s_fail (&run, "the directories do not agree");
        worst_us = took_us > worst_us ? took_us : worst_us;
        s_close (&run, NULL);
    }
    printf ("a partition of 60 s, %d nodes, %d agents: all directories are "
            "equal %.1f s after it at the latest (%d seeds)\n",
            NODES, AGENTS, (double)worst_us / SIM_SECOND, MESHES);
}

/*  Whatever it was that a delta did not do.                                  */
static void
test_directory_that_went_wrong_is_repaired (void **state)
{
    (void)state;
    run_t run = {0};
    sim_mesh_config_t config = {.nodes = 4,
                                .agents = 12,
                                .peer = {.delay_us = 1000},
                                .cast = {.delay_us = 1000},
                                .session = {.delay_us = 100}};
    s_open (&run, &config, 1);
    covey_hub_t *hub = run.mesh->nodes[2].hub;
    const uint8_t *host = run.mesh->nodes[1].hub->config.node_id.bytes;
    assert_true (covey_directory_remove (hub->directory, "a1", 2, host));
    covey_directory_entry_t *entry =
        covey_directory_find (hub->directory, "a5", 2);
    entry->state = COVEY__WIRE__AGENT_STATE__AGENT_STATE_BUSY;
    covey_directory_touch (hub->directory, host);
    assert_false (sim_mesh_is_agreed (run.mesh));
    int64_t took_us = sim_mesh_run_until (run.mesh, sim_mesh_is_agreed,
                                          30 * (int64_t)SIM_SECOND);
    if (took_us < 0)
        s_fail (&run, "the directories do not agree");
    printf ("a directory with two faults is whole again after %.1f s\n",
            (double)took_us / SIM_SECOND);
    uint64_t repairs = run.mesh->nodes[1].hub->counters.directory_repairs;
    sim_mesh_run_for (run.mesh, 60 * (int64_t)SIM_SECOND);
    assert_int_equal (repairs, 1);
    for (size_t i = 0; i < config.nodes; i++)
        assert_int_equal (run.mesh->nodes[i].hub->counters.directory_repairs,
                          i == 1);
    s_close (&run, NULL);
}

/*  Far more than one item of the stream may hold.                            */
static void
test_full_view_of_many_agents_comes_in_pieces (void **state)
{
    (void)state;
    enum { AGENTS = 3000, TAGS = 10, TAG = 250 };
    run_t run = {0};
    sim_mesh_config_t config = {.nodes = 2,
                                .agents = 2,
                                .peer = {.delay_us = 1000, .loss = 0.02},
                                .cast = {.delay_us = 1000},
                                .session = {.delay_us = 100}};
    s_open (&run, &config, 1);
    covey_hub_t *hub = run.mesh->nodes[0].hub;
    char tag[TAG + 1], id[32], *tags[TAGS];
    memset (tag, 't', TAG);
    tag[TAG] = '\0';
    for (size_t i = 0; i < TAGS; i++)
        tags[i] = tag;
    for (size_t i = 0; i < AGENTS; i++) {
        Covey__Wire__AgentInfo info = COVEY__WIRE__AGENT_INFO__INIT;
        snprintf (id, sizeof id, "many-%zu", i);
        info.agent_id = id;
        info.tags = tags;
        info.n_tags = TAGS;
        info.has_node_id = true;
        info.node_id.data = hub->config.node_id.bytes;
        info.node_id.len = 16;
        assert_int_equal (covey_directory_put (hub->directory, &info, NULL),
                          COVEY_OK);
    }
    /* A node that comes anew gets them all.                                  */
    sim_mesh_crash (run.mesh, 1);
    sim_mesh_restart (run.mesh, 1);
    if (sim_mesh_run_until (run.mesh, sim_mesh_is_settled,
                            60 * (int64_t)SIM_SECOND) < 0)
        s_fail (&run, "the view does not arrive");
    covey_hub_t *other = run.mesh->nodes[1].hub;
    assert_int_equal (
        covey_directory_agents (other->directory, hub->config.node_id.bytes),
        AGENTS + 1);
    assert_true (
        covey_directory_digest (other->directory, hub->config.node_id.bytes) ==
        covey_directory_digest (hub->directory, hub->config.node_id.bytes));
    s_close (&run, NULL);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_nothing_is_lost_while_nodes_live),
        cmocka_unit_test (test_connections_of_agents_break),
        cmocka_unit_test (test_nothing_comes_twice_when_nodes_restart),
        cmocka_unit_test (test_the_journal_repairs_what_left_the_ring),
        cmocka_unit_test (test_directories_agree_after_a_partition),
        cmocka_unit_test (test_directory_that_went_wrong_is_repaired),
        cmocka_unit_test (test_full_view_of_many_agents_comes_in_pieces),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
