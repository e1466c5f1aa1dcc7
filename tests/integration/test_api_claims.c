/*  Claims through the C API: held, waited for, renewed, lost                 */

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "tests/support/support_api.h"

static covey_testmesh_t *mesh;
static covey_agent_t *ann, *bob;
static const char *const s_lock[] = {"lock"};

static int
s_setup (void **state)
{
    (void)state;
    expect_ok (covey_testmesh_new (2, SUPPORT_WAIT_MS, &mesh));
    ann = covey_testmesh_agent (mesh, 0, "ann", "worker");
    bob = covey_testmesh_agent (mesh, 1, "bob", "worker");
    assert_non_null (ann);
    assert_non_null (bob);
    expect_ok (covey_testmesh_start (mesh, SUPPORT_WAIT_MS));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    covey_testmesh_destroy (&mesh);
    return 0;
}

static void
test_one_holds_the_other_is_told_and_waits (void **state)
{
    (void)state;
    static const char *const paths[] = {"src/*.c"}, *const part[] = {"src/a.c"};
    covey_claim_options_t options = {
        .paths = paths, .path_count = 1, .purpose = "rename"};
    covey_claim_t *first = NULL, *second = NULL;
    expect_ok (covey_claim_acquire (ann, &options, SUPPORT_WAIT_MS, &first));
    assert_true (covey_claim_is_held (first));
    assert_in_range (covey_claim_left_ms (first), 1, 24000);

    covey_claim_options_t other = {.paths = part, .path_count = 1};
    assert_int_equal (
        covey_claim_acquire (bob, &other, SUPPORT_WAIT_MS, &second),
        COVEY_BUSY);
    assert_non_null (strstr (covey_error (), "src/*.c is held by ann until "));
    char *verdict = NULL;
    expect_ok (covey_claim_check (bob, "{\"paths\":[\"src/a.c\"]}",
                                  SUPPORT_WAIT_MS, &verdict));
    assert_non_null (strstr (verdict, "\"free\":false"));
    covey_free (verdict);
    other.wait_ms = 300;
    assert_int_equal (
        covey_claim_acquire (bob, &other, SUPPORT_WAIT_MS, &second),
        COVEY_TIMEOUT);
    uint64_t token = covey_claim_token (first);
    expect_ok (covey_claim_release (&first, SUPPORT_WAIT_MS));
    assert_null (first);
    expect_ok (covey_claim_acquire (bob, &other, SUPPORT_WAIT_MS, &second));
    assert_true (covey_claim_token (second) > token);
    expect_ok (covey_claim_release (&second, SUPPORT_WAIT_MS));
}

/*  ---- many at one lock
 * -------------------------------------------------------- */

#define TURNS 40
#define CROWD 4

static atomic_int inside, turns;
static atomic_bool broken;

static void *
s_member (void *arg)
{
    covey_claim_options_t options = {
        .names = s_lock, .name_count = 1, .wait_ms = 60000};
    for (int i = 0; i < TURNS / CROWD; i++) {
        covey_claim_t *claim = NULL;
        if (covey_claim_acquire (arg, &options, SUPPORT_WAIT_MS, &claim)) {
            atomic_store (&broken, true);
            return NULL;
        }
        if (atomic_fetch_add (&inside, 1) != 0)
            atomic_store (&broken, true);
        atomic_fetch_add (&turns, 1);
        atomic_fetch_sub (&inside, 1);
        if (covey_claim_release (&claim, SUPPORT_WAIT_MS))
            atomic_store (&broken, true);
    }
    return NULL;
}

static void
test_a_crowd_takes_turns (void **state)
{
    (void)state;
    pthread_t threads[CROWD];
    covey_agent_t *agents[CROWD];
    for (int i = 0; i < CROWD; i++) {
        char id[32];
        snprintf (id, sizeof id, "crowd-%d", i);
        agents[i] = covey_agent_new (id, "worker");
        expect_ok (covey_agent_attach (
            agents[i], covey_testmesh_node (mesh, (size_t)i % 2),
            SUPPORT_WAIT_MS));
        assert_int_equal (
            pthread_create (&threads[i], NULL, s_member, agents[i]), 0);
    }
    for (int i = 0; i < CROWD; i++) {
        pthread_join (threads[i], NULL);
        covey_agent_destroy (&agents[i]);
    }
    assert_false (atomic_load (&broken));
    assert_int_equal (atomic_load (&turns), TURNS);
}

/*  ---- lost
 * -------------------------------------------------------------------- */

typedef struct {
    sem_t lost;
    char reason[400];
} s_loss_t;

static void
s_on_lost (covey_claim_t *claim, const char *reason, void *arg)
{
    s_loss_t *loss = arg;
    assert_false (covey_claim_is_held (claim));
    snprintf (loss->reason, sizeof loss->reason, "%s", reason);
    sem_post (&loss->lost);
}

static void
s_await_loss (s_loss_t *loss)
{
    struct timespec until;
    clock_gettime (CLOCK_REALTIME, &until);
    until.tv_sec += SUPPORT_WAIT_MS / 1000;
    assert_int_equal (sem_timedwait (&loss->lost, &until), 0);
}

static void
test_a_claim_renews_itself_and_its_loss_is_told (void **state)
{
    (void)state;
    s_loss_t loss = {.reason = ""};
    sem_init (&loss.lost, 0, 0);
    covey_claim_options_t options = {.names = s_lock,
                                     .name_count = 1,
                                     .ttl_ms = 1000,
                                     .on_lost = s_on_lost,
                                     .arg = &loss};
    covey_claim_t *claim = NULL, *second = NULL;
    expect_ok (covey_claim_acquire (ann, &options, SUPPORT_WAIT_MS, &claim));
    /* held far longer than its ttl: others wait that long in vain */
    covey_claim_options_t other = {
        .names = s_lock, .name_count = 1, .wait_ms = 3000};
    assert_int_equal (
        covey_claim_acquire (bob, &other, SUPPORT_WAIT_MS, &second),
        COVEY_TIMEOUT);
    assert_true (covey_claim_is_held (claim));
    assert_int_equal (sem_trywait (&loss.lost), -1);
    /* a person takes it away */
    covey_agent_t *person = covey_agent_new ("person", "cli");
    expect_ok (covey_agent_set_client (person, true));
    expect_ok (covey_agent_attach (person, covey_testmesh_node (mesh, 0),
                                   SUPPORT_WAIT_MS));
    expect_ok (covey_agent_request (
        person, "coordinator", "mesh.claim.release",
        "{\"names\":[\"lock\"],\"force\":true,\"reason\":\"enough\"}",
        SUPPORT_WAIT_MS, NULL));
    covey_agent_destroy (&person);
    s_await_loss (&loss);
    assert_non_null (strstr (loss.reason, "enough"));
    assert_int_equal (covey_claim_release (&claim, SUPPORT_WAIT_MS),
                      COVEY_FENCED);
}

/*  Last: the node with the coordinator goes.                                 */
static void
test_without_a_coordinator_it_is_lost_in_time (void **state)
{
    (void)state;
    s_loss_t loss = {.reason = ""};
    sem_init (&loss.lost, 0, 0);
    covey_claim_options_t options = {.names = s_lock,
                                     .name_count = 1,
                                     .ttl_ms = 2000,
                                     .on_lost = s_on_lost,
                                     .arg = &loss};
    covey_claim_t *claim = NULL;
    expect_ok (covey_claim_acquire (bob, &options, SUPPORT_WAIT_MS, &claim));
    assert_int_equal (covey_node_stop (covey_testmesh_node (mesh, 0), 5000),
                      COVEY_OK);
    s_await_loss (&loss);
    assert_non_null (strstr (loss.reason, "could not be renewed in time"));
    assert_int_equal (covey_claim_left_ms (claim), 0);
    assert_int_equal (covey_claim_release (&claim, 100), COVEY_FENCED);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_one_holds_the_other_is_told_and_waits),
        cmocka_unit_test (test_a_crowd_takes_turns),
        cmocka_unit_test (test_a_claim_renews_itself_and_its_loss_is_told),
        cmocka_unit_test (test_without_a_coordinator_it_is_lost_in_time),
    };
    return cmocka_run_group_tests_name ("api_claims", tests, s_setup,
                                        s_teardown);
}
