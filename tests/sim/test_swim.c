/*  swim: whole meshes of membership cores in virtual time, on a network that
    loses, delays, reorders and repeats, with nodes that pause and crash. The
    claims are those of the two papers, with our parameters.                  */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/sim_swim.h"

static const sim_link_t s_good = {.delay_us = 500, .jitter_us = 2000};
static const sim_link_t s_bad = {.delay_us = 500,
                                 .jitter_us = 5000,
                                 .loss = 0.05,
                                 .duplicate = 0.01,
                                 .reorder = 0.02,
                                 .reorder_us = 50000};

static double
s_seconds (int64_t us)
{
    return (double)us / SIM_SECOND;
}

static size_t
s_draw (sim_swim_t *mesh, size_t below)
{
    return (size_t)covey_prng_below (sim_net_prng (mesh->net), below);
}

/*  A mesh in which all know all.                                            */
static sim_swim_t *
s_mesh (size_t nodes, uint64_t seed, const sim_link_t *link)
{
    sim_swim_t *mesh = sim_swim_new (nodes, seed, link);
    sim_swim_start_all (mesh, SIM_SECOND);
    assert_true (sim_swim_run_until (mesh, sim_swim_is_complete,
                                     120 * (int64_t)SIM_SECOND) >= 0);
    sim_swim_forget_counts (mesh);
    return mesh;
}

/* ------------------------------------------------------------------------ */

static void
test_a_thousand_nodes_converge_and_notice_failures (void **state)
{
    (void)state;
    uint64_t seed = sim_seed ("1,000 nodes", 1);
    sim_swim_t *mesh = sim_swim_new (1000, seed, &s_bad);
    sim_swim_start_all (mesh, 5 * (int64_t)SIM_SECOND);
    int64_t took_us = sim_swim_run_until (mesh, sim_swim_is_complete,
                                          120 * (int64_t)SIM_SECOND);
    printf ("  5 %% loss: 1,000 nodes know each other %.2f s after the last "
            "start (starts spread over 5 s)\n",
            s_seconds (took_us));
    assert_true (took_us >= 0);
    sim_swim_forget_counts (mesh);

    enum { VICTIMS = 10 };
    int64_t worst_us = 0, sum_us = 0;
    size_t victims[VICTIMS];
    int64_t crashed_us[VICTIMS];
    for (size_t i = 0; i < VICTIMS; i++) {
        do
            victims[i] = s_draw (mesh, mesh->count);
        while (!mesh->nodes[victims[i]].swim);
        mesh->nodes[victims[i]].said_failed = 0;
        crashed_us[i] = sim_net_now_us (mesh->net);
        sim_swim_crash (mesh, victims[i]);
        sim_swim_run_for (mesh, SIM_SECOND);
    }
    sim_swim_run_for (mesh, 16 * (int64_t)SIM_SECOND);
    for (size_t i = 0; i < VICTIMS; i++) {
        const sim_swim_node_t *victim = &mesh->nodes[victims[i]];
        int64_t us = victim->said_us - crashed_us[i];
        sum_us += us;
        worst_us = us > worst_us ? us : worst_us;
        assert_true (victim->said_failed >= mesh->count - VICTIMS);
    }
    printf ("  a failed node is known to all after %.1f s on average, %.1f s "
            "at worst of %d\n",
            s_seconds (sum_us / VICTIMS), s_seconds (worst_us), VICTIMS);
    printf ("  false: %" PRIu64 " suspicions (all refuted), %" PRIu64
            " failures\n",
            mesh->counts.suspected_healthy, mesh->counts.failed_healthy);
    assert_true (worst_us <= 15 * (int64_t)SIM_SECOND);
    assert_int_equal (mesh->counts.failed_healthy, 0);
    assert_true (sim_swim_is_complete (mesh));
    sim_swim_destroy (&mesh);
}

/* ------------------------------------------------------------------------ */

typedef struct {
    double probes; /* pings, requests and their answers, per node and second  */
    double gossip; /* gossip and digests                                      */
    double states;
    double doubts; /* who lives was suspected: in the window, by all */
} rates_t;

static uint64_t
s_sum (const sim_swim_t *mesh, covey_swim_kind_t from, covey_swim_kind_t to)
{
    uint64_t sum = 0;
    for (int kind = (int)from; kind <= (int)to; kind++)
        sum += sim_swim_sent (mesh, (covey_swim_kind_t)kind);
    return sum;
}

static rates_t
s_measure (sim_swim_t *mesh, int seconds)
{
    uint64_t probes = s_sum (mesh, COVEY_SWIM_PING, COVEY_SWIM_NACK);
    uint64_t gossip = s_sum (mesh, COVEY_SWIM_GOSSIP, COVEY_SWIM_SYNC);
    uint64_t states = sim_swim_sent (mesh, COVEY_SWIM_STATE);
    sim_swim_forget_counts (mesh);
    sim_swim_run_for (mesh, seconds * (int64_t)SIM_SECOND);
    double per = (double)mesh->count * seconds;
    return (rates_t){
        (double)(s_sum (mesh, COVEY_SWIM_PING, COVEY_SWIM_NACK) - probes) / per,
        (double)(s_sum (mesh, COVEY_SWIM_GOSSIP, COVEY_SWIM_SYNC) - gossip) /
            per,
        (double)(sim_swim_sent (mesh, COVEY_SWIM_STATE) - states) / per,
        (double)mesh->counts.suspected_healthy / (double)mesh->count};
}

static void
s_assert_near (double value, double expected)
{
    if (value < expected * 0.8 || value > expected * 1.2)
        fail_msg ("%.3f is not within 20 %% of %.3f", value, expected);
}

/*  With losses somebody is suspected now and then, and that and its refutation
    go round: the more nodes, the more often, and in a window it is luck. So
   what must be constant there is all that a node sends. */
static double
s_all (const rates_t *rates)
{
    return rates->probes + rates->gossip + rates->states;
}

static void
test_the_load_of_a_node_does_not_depend_on_the_number_of_nodes (void **state)
{
    (void)state;
    uint64_t seed = sim_seed ("load", 2);
    static const size_t sizes[] = {10, 100, 1000};
    rates_t calm[3], lossy[3];
    for (int i = 0; i < 3; i++) {
        sim_swim_t *mesh = sim_swim_new (sizes[i], seed, &s_good);
        sim_swim_start_acquainted (mesh);
        assert_true (sim_swim_is_equal (mesh));
        sim_swim_run_for (mesh, 15 * (int64_t)SIM_SECOND); /* old news end */
        calm[i] = s_measure (mesh, 60);
        sim_net_set_link (mesh->net, &s_bad);
        sim_swim_run_for (mesh, 10 * (int64_t)SIM_SECOND);
        lossy[i] = s_measure (mesh, 60);
        printf (
            "  %4zu nodes, messages per node and second: calm probes %.2f, "
            "gossip %.3f, states %.3f; 5 %% loss: probes %.2f, gossip %.2f, "
            "states %.3f, false suspicions %.0f\n",
            sizes[i], calm[i].probes, calm[i].gossip, calm[i].states,
            lossy[i].probes, lossy[i].gossip, lossy[i].states, lossy[i].doubts);
        sim_swim_destroy (&mesh);
        s_assert_near (calm[i].probes, calm[0].probes);
        s_assert_near (calm[i].gossip, calm[0].gossip);
        s_assert_near (lossy[i].probes, lossy[0].probes);
        s_assert_near (s_all (&calm[i]), s_all (&calm[0]));
        s_assert_near (s_all (&lossy[i]), s_all (&lossy[0]));
    }
}

/* ------------------------------------------------------------------------ */

/*  What some nodes suffer from, again and again, as on a busy host: they stand
    still for `pause`, run for a moment of up to `run`. Lifeguard's experiment.
 */
typedef struct {
    const char *name;
    size_t nodes, victims;
    int pause_min_ms, pause_max_ms;
    int run_max_ms;
} suffering_t;

static sim_swim_counts_t
s_suffer (const suffering_t *what, uint64_t seed, bool lifeguard)
{
    static const sim_link_t wide = {.delay_us = 20000, .jitter_us = 60000};
    sim_swim_t *mesh = sim_swim_new (what->nodes, seed, &wide);
    mesh->config.lifeguard = lifeguard;
    sim_swim_start_acquainted (mesh);
    sim_swim_run_for (mesh, 20 * (int64_t)SIM_SECOND);
    sim_swim_forget_counts (mesh);
    covey_prng_t prng; /* the same pauses in both runs */
    covey_prng_init (&prng, seed);
    int64_t *next_us = calloc (what->victims, sizeof *next_us);
    for (int step = 0; step < 300 * 20; step++) {
        int64_t now_us = sim_net_now_us (mesh->net);
        for (size_t node = 0; node < what->victims; node++) {
            if (now_us < next_us[node])
                continue;
            int64_t pause_ms =
                what->pause_min_ms +
                (int64_t)covey_prng_below (
                    &prng, (uint64_t)(what->pause_max_ms - what->pause_min_ms));
            int64_t run_ms =
                (int64_t)covey_prng_below (&prng, (uint64_t)what->run_max_ms);
            sim_swim_pause (mesh, node, pause_ms * SIM_MS);
            next_us[node] = now_us + (pause_ms + run_ms) * SIM_MS;
        }
        sim_swim_run_for (mesh, SIM_SECOND / 20);
    }
    free (next_us);
    sim_swim_counts_t counts = mesh->counts;
    sim_swim_destroy (&mesh);
    return counts;
}

static void
test_lifeguard_accuses_fewer_paused_and_healthy_nodes (void **state)
{
    (void)state;
    static const suffering_t kinds[] = {
        {"4 of 16 pause for 2 to 7 s", 16, 4, 2000, 7000, 10000},
        {"12 of 100 pause for 0.5 to 10 s", 100, 12, 500, 10000, 8000},
        {"10 of 50 run for 50 ms at a time", 50, 10, 300, 1500, 50}};
    uint64_t seed = sim_seed ("pauses", 3);
    uint64_t paused[2] = {0, 0}, healthy[2] = {0, 0};
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++)
        for (int guarded = 0; guarded < 2; guarded++) {
            sim_swim_counts_t counts = s_suffer (&kinds[kind], seed, guarded);
            printf ("  %s, %s Lifeguard: paused nodes suspected %" PRIu64
                    ", called failed %" PRIu64
                    "; healthy nodes suspected %" PRIu64
                    ", called failed %" PRIu64 "\n",
                    kinds[kind].name, guarded ? "with" : "without",
                    counts.suspected_paused, counts.failed_paused,
                    counts.suspected_healthy, counts.failed_healthy);
            paused[guarded] += counts.failed_paused;
            healthy[guarded] +=
                counts.suspected_healthy + counts.failed_healthy;
        }
    assert_true (paused[1] < paused[0]);
    assert_true (healthy[1] < healthy[0]);
}

/* ------------------------------------------------------------------------ */

static bool
s_is_split (const sim_swim_t *mesh)
{
    size_t half = mesh->count / 2;
    for (size_t i = 0; i < mesh->count; i++)
        if (covey_swim_live (mesh->nodes[i].swim) !=
            (i < half ? half : mesh->count - half) - 1)
            return false;
    return true;
}

static void
test_a_partition_of_a_minute_heals (void **state)
{
    (void)state;
    uint64_t seed = sim_seed ("partition", 4);
    sim_swim_t *mesh = s_mesh (200, seed, &s_good);
    sim_net_split (mesh->net, 100, true);
    sim_swim_run_for (mesh, 60 * (int64_t)SIM_SECOND);
    assert_true (s_is_split (mesh));
    sim_swim_forget_counts (mesh);
    sim_net_split (mesh->net, 100, false);
    int64_t took_us =
        sim_swim_run_until (mesh, sim_swim_is_equal, 120 * (int64_t)SIM_SECOND);
    printf ("  2 x 100 nodes, apart for 60 s: one mesh again after %.2f s, "
            "%" PRIu64 " false failures meanwhile\n",
            s_seconds (took_us), mesh->counts.failed_healthy);
    assert_true (took_us >= 0);
    assert_int_equal (mesh->counts.failed_healthy, 0);
    /* and it stays one */
    sim_swim_run_for (mesh, 60 * (int64_t)SIM_SECOND);
    assert_true (sim_swim_is_equal (mesh));
    sim_swim_destroy (&mesh);
}

/*  Node 0 was the seed of the others; it alone is cut off until nobody even
    remembers it. Only the seed's address is left to try.                     */
static void
test_seeds_are_tried_for_ever (void **state)
{
    (void)state;
    uint64_t seed = sim_seed ("seeds", 5);
    sim_swim_t *mesh = sim_swim_new (10, seed, &s_good);
    mesh->config.failed_keep_ms = 30000;
    sim_swim_start_all (mesh, SIM_SECOND);
    sim_swim_run_for (mesh, 10 * (int64_t)SIM_SECOND);
    assert_true (sim_swim_is_equal (mesh));
    sim_net_split (mesh->net, 1, true);
    sim_swim_run_for (mesh, 600 * (int64_t)SIM_SECOND);
    assert_int_equal (covey_swim_count (mesh->nodes[0].swim), 0);
    assert_int_equal (covey_swim_count (mesh->nodes[9].swim), 8);
    sim_net_split (mesh->net, 1, false);
    int64_t took_us =
        sim_swim_run_until (mesh, sim_swim_is_equal, 60 * (int64_t)SIM_SECOND);
    printf ("  apart for 10 min and forgotten: joined again after %.2f s\n",
            s_seconds (took_us));
    assert_true (took_us >= 0);
    sim_swim_destroy (&mesh);
}

static void
test_one_way_cuts_between_two_accuse_nobody (void **state)
{
    (void)state;
    uint64_t seed = sim_seed ("one way", 6);
    sim_swim_t *mesh = s_mesh (20, seed, &s_good);
    for (size_t i = 0; i < 10; i++)
        sim_net_cut (mesh->net, i, i + 10, true);
    sim_swim_run_for (mesh, 120 * (int64_t)SIM_SECOND);
    assert_int_equal (mesh->counts.failed_healthy, 0);
    assert_true (sim_swim_is_complete (mesh));
    sim_swim_destroy (&mesh);
}

/*  It hears all and nobody hears it: that is as good as dead, and it does not
    take anybody with it.                                                     */
static void
test_a_mute_node_fails_alone (void **state)
{
    (void)state;
    uint64_t seed = sim_seed ("mute", 7);
    sim_swim_t *mesh = s_mesh (20, seed, &s_good);
    for (size_t i = 1; i < 20; i++)
        sim_net_cut (mesh->net, 0, i, true);
    sim_swim_run_for (mesh, 30 * (int64_t)SIM_SECOND);
    for (size_t i = 1; i < 20; i++)
        assert_int_equal (covey_swim_live (mesh->nodes[i].swim), 18);
    for (size_t i = 1; i < 20; i++)
        sim_net_cut (mesh->net, 0, i, false);
    assert_true (sim_swim_run_until (mesh, sim_swim_is_equal,
                                     60 * (int64_t)SIM_SECOND) >= 0);
    sim_swim_destroy (&mesh);
}

/* ------------------------------------------------------------------------ */

static void
test_leaving_is_never_shown_as_failing (void **state)
{
    (void)state;
    uint64_t seed = sim_seed ("leaving", 8);
    sim_swim_t *mesh = s_mesh (100, seed, &s_bad);
    int64_t left_us[30], worst_us = 0;
    for (size_t i = 0; i < 30; i++) {
        left_us[i] = sim_net_now_us (mesh->net);
        sim_swim_leave (mesh, i * 3);
        sim_swim_run_for (mesh, 5 * (int64_t)SIM_SECOND);
        assert_null (mesh->nodes[i * 3].swim); /* it is gone */
    }
    sim_swim_run_for (mesh, 60 * (int64_t)SIM_SECOND);
    for (size_t i = 0; i < 30; i++) {
        const sim_swim_node_t *node = &mesh->nodes[i * 3];
        assert_true (node->said_left >= 70); /* by all who stayed */
        int64_t us = node->said_us - left_us[i];
        worst_us = us > worst_us ? us : worst_us;
    }
    printf ("  5 %% loss: all know of a leave after %.2f s at worst of 30\n",
            s_seconds (worst_us));
    assert_int_equal (mesh->counts.failed_leaving, 0);
    assert_true (sim_swim_is_complete (mesh));
    sim_swim_destroy (&mesh);
}

static void
test_a_restart_is_a_failure_and_a_join_in_a_later_epoch (void **state)
{
    (void)state;
    uint64_t seed = sim_seed ("restart", 9);
    sim_swim_t *mesh = s_mesh (50, seed, &s_bad);
    /* at once, before anybody noticed */
    sim_swim_crash (mesh, 7);
    sim_swim_start (mesh, 7, 0);
    sim_swim_run_for (mesh, 10 * (int64_t)SIM_SECOND);
    assert_int_equal (mesh->nodes[7].said_joined, 49);
    assert_int_equal (mesh->counts.restarted, 49);
    assert_int_equal (mesh->counts.failed_healthy, 0);
    /* after all held it for failed */
    sim_swim_crash (mesh, 7);
    sim_swim_run_for (mesh, 20 * (int64_t)SIM_SECOND);
    assert_true (sim_swim_is_complete (mesh));
    sim_swim_start (mesh, 7, 0);
    sim_swim_run_for (mesh, 10 * (int64_t)SIM_SECOND);
    /* after it left */
    sim_swim_leave (mesh, 7);
    sim_swim_run_for (mesh, 10 * (int64_t)SIM_SECOND);
    sim_swim_start (mesh, 7, 0);
    sim_swim_run_for (mesh, 20 * (int64_t)SIM_SECOND);
    assert_int_equal (mesh->nodes[7].said_joined, 3 * 49);
    assert_int_equal (mesh->counts.restarted, 49);
    assert_int_equal (mesh->counts.failed_leaving, 0);
    for (size_t i = 0; i < 50; i++) {
        if (i == 7)
            continue;
        const covey_swim_t *swim = mesh->nodes[i].swim;
        for (size_t at = 0; at < covey_swim_count (swim); at++) {
            const covey_swim_member_t *member = covey_swim_at (swim, at);
            bool is_seventh = member->id[15] == 8;
            assert_int_equal (member->epoch, is_seventh ? 4 : 1);
        }
    }
    sim_swim_destroy (&mesh);
}

/* ------------------------------------------------------------------------ */

/*  Everything at once, then quiet: the mesh must be whole again.            */
static uint64_t
s_storm (uint64_t seed)
{
    sim_swim_t *mesh = s_mesh (30, seed, &s_bad);
    for (int round = 0; round < 40; round++) {
        size_t node = 1 + s_draw (mesh, 29);
        bool runs = mesh->nodes[node].swim != NULL;
        size_t what = s_draw (mesh, 6);
        if (!runs)
            sim_swim_start (mesh, node, 0);
        else if (what == 0)
            sim_swim_crash (mesh, node);
        else if (what == 1 && !mesh->nodes[node].leaving)
            sim_swim_leave (mesh, node);
        else if (what == 2)
            sim_swim_pause (mesh, node, (int64_t)s_draw (mesh, 8 * SIM_SECOND));
        else if (what == 3)
            sim_net_cut (mesh->net, node, s_draw (mesh, 30), true);
        else if (what == 4)
            sim_net_split (mesh->net, 1 + s_draw (mesh, 29), s_draw (mesh, 2));
        sim_swim_run_for (mesh, (int64_t)s_draw (mesh, 3 * SIM_SECOND));
    }
    for (size_t size = 1; size < 30; size++)
        sim_net_split (mesh->net, size, false);
    sim_net_set_link (mesh->net, &s_good);
    int64_t took_us =
        sim_swim_run_until (mesh, sim_swim_is_equal, 180 * (int64_t)SIM_SECOND);
    if (took_us < 0)
        fail_msg ("seed %" PRIu64 ": not whole 180 s after the storm", seed);
    uint64_t transcript = mesh->transcript;
    sim_swim_destroy (&mesh);
    return transcript;
}

static void
test_after_any_storm_the_mesh_is_whole (void **state)
{
    (void)state;
    uint64_t seed = sim_seed ("storms", 100);
    size_t runs = getenv ("COVEY_SEED") ? 1 : 40;
    for (size_t i = 0; i < runs; i++)
        s_storm (seed + i);
}

static void
test_the_same_seed_gives_the_same_history (void **state)
{
    (void)state;
    uint64_t seed = sim_seed ("replay", 11);
    uint64_t first = s_storm (seed);
    assert_true (s_storm (seed) == first);
    assert_true (s_storm (seed + 1) != first);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_a_thousand_nodes_converge_and_notice_failures),
        cmocka_unit_test (
            test_the_load_of_a_node_does_not_depend_on_the_number_of_nodes),
        cmocka_unit_test (
            test_lifeguard_accuses_fewer_paused_and_healthy_nodes),
        cmocka_unit_test (test_a_partition_of_a_minute_heals),
        cmocka_unit_test (test_seeds_are_tried_for_ever),
        cmocka_unit_test (test_one_way_cuts_between_two_accuse_nobody),
        cmocka_unit_test (test_a_mute_node_fails_alone),
        cmocka_unit_test (test_leaving_is_never_shown_as_failing),
        cmocka_unit_test (
            test_a_restart_is_a_failure_and_a_join_in_a_later_epoch),
        cmocka_unit_test (test_after_any_storm_the_mesh_is_whole),
        cmocka_unit_test (test_the_same_seed_gives_the_same_history),
    };
    /* a part of them, by a pattern: COVEY_TEST="*partition*" */
    cmocka_set_test_filter (getenv ("COVEY_TEST"));
    return cmocka_run_group_tests (tests, NULL, NULL);
}
