/*  claims by seed against a model that knows nothing of patterns, indexes and
    queues: it has a list of claims, a small world of things that patterns
    match, and looks at every pair every time.

    After each step: the same claims are held and wait; no two holders have the
    same thing, unless they share it; nobody waits for nothing; nobody waits for
    itself, over however many others; tokens only grow. Now and then the state
    is saved and goes on from what was saved.

    SEEDS=n and SEED=s in the environment run more, or one.                   */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_control.h"
#include "base/prng.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"

/*  What there is: a.c, b.c, d/a.c, d/b.h, d/e/f.c, port:1, port:2.           */
static const struct {
    const char *text;
    bool is_path, is_plain;
    unsigned things; /* a bit each                                            */
} s_world[] = {
    {"a.c", true, true, 1},      {"b.c", true, true, 2},
    {"*.c", true, false, 3},     {"a*", true, false, 1},
    {"d/**", true, false, 28},   {"**/*.c", true, false, 23},
    {"d/*.h", true, false, 8},   {"d/e/f.c", true, true, 16},
    {"**", true, false, 31},     {"port:1", false, true, 32},
    {"port:2", false, true, 64},
};
#define WORLD (sizeof s_world / sizeof *s_world)
#define HOLDERS 5
#define CLAIMS 2000
#define STEPS 300

typedef struct {
    int holder;
    bool shared;
    int state; /* covey_claim_state_t                                         */
    size_t resources[3];
    size_t count;
    uint64_t order; /* of its timer                                           */
    int64_t due_us, wait_end_us, ttl_us;
} s_claim_t;

typedef struct {
    support_control_t c;
    covey_prng_t prng;
    s_claim_t claims[CLAIMS]; /* in the order of asking; the id is the index  */
    size_t count;
    uint64_t armed;
    uint64_t token;
    size_t granted, waited, refused, cycles, expired;
} s_model_t;

static bool
s_is_live (const s_claim_t *claim)
{
    return claim->state == COVEY_CLAIM_HELD ||
           claim->state == COVEY_CLAIM_WAITING;
}

static bool
s_resources_meet (size_t a, size_t b)
{
    return (s_world[a].things & s_world[b].things) != 0;
}

/*  Does `claim` have resource r already, in another claim?                   */
static bool
s_has (const s_model_t *m, const s_claim_t *claim, size_t r)
{
    for (size_t i = 0; i < m->count; i++) {
        const s_claim_t *own = &m->claims[i];
        if (own == claim || own->holder != claim->holder ||
            own->state != COVEY_CLAIM_HELD || (own->shared && !claim->shared))
            continue;
        for (size_t k = 0; k < own->count; k++)
            if (own->resources[k] == r ||
                (s_world[r].is_plain &&
                 s_resources_meet (r, own->resources[k])))
                return true;
    }
    return false;
}

static bool
s_stands_before (const s_model_t *m, const s_claim_t *claim,
                 const s_claim_t *other, bool again)
{
    if (other->holder == claim->holder || !s_is_live (other) ||
        (claim->shared && other->shared) ||
        (other->state == COVEY_CLAIM_WAITING && other > claim))
        return false;
    for (size_t i = 0; i < claim->count; i++)
        for (size_t k = 0; k < other->count; k++)
            if (s_resources_meet (claim->resources[i], other->resources[k]) &&
                !(again && other->state == COVEY_CLAIM_WAITING &&
                  s_has (m, claim, claim->resources[i])))
                return true;
    return false;
}

static size_t
s_obstacles (const s_model_t *m, const s_claim_t *claim, bool again)
{
    size_t count = 0;
    for (size_t i = 0; i < m->count; i++)
        count += s_stands_before (m, claim, &m->claims[i], again);
    return count;
}

/*  Holders that a holder waits for, over others too: a matrix.               */
static bool
s_waits_for_itself (const s_model_t *m)
{
    bool waits[HOLDERS][HOLDERS] = {{false}};
    for (size_t i = 0; i < m->count; i++)
        for (size_t k = 0;
             k < m->count && m->claims[i].state == COVEY_CLAIM_WAITING; k++)
            if (s_stands_before (m, &m->claims[i], &m->claims[k], false))
                waits[m->claims[i].holder][m->claims[k].holder] = true;
    for (size_t via = 0; via < HOLDERS; via++)
        for (size_t i = 0; i < HOLDERS; i++)
            for (size_t k = 0; k < HOLDERS; k++)
                if (waits[i][via] && waits[via][k])
                    waits[i][k] = true;
    for (size_t i = 0; i < HOLDERS; i++)
        if (waits[i][i])
            return true;
    return false;
}

static void
s_arm (s_model_t *m, s_claim_t *claim)
{
    claim->order = ++m->armed;
    claim->due_us = m->c.now_us + claim->ttl_us;
    if (claim->state == COVEY_CLAIM_WAITING &&
        claim->due_us > claim->wait_end_us)
        claim->due_us = claim->wait_end_us;
}

static void
s_end (s_model_t *m, s_claim_t *ended, int state)
{
    ended->state = state;
    for (size_t i = 0; i < m->count; i++) {
        s_claim_t *claim = &m->claims[i];
        if (claim->state == COVEY_CLAIM_WAITING &&
            s_obstacles (m, claim, false) == 0) {
            claim->state = COVEY_CLAIM_HELD;
            m->granted++;
            s_arm (m, claim);
        }
    }
}

/*  What falls due by now. All that is due at once is taken by age of arming. */
static void
s_expire (s_model_t *m)
{
    for (;;) {
        s_claim_t *first = NULL;
        for (size_t i = 0; i < m->count; i++) {
            s_claim_t *claim = &m->claims[i];
            if (s_is_live (claim) && claim->due_us <= m->c.now_us &&
                (!first || claim->due_us < first->due_us ||
                 (claim->due_us == first->due_us &&
                  claim->order < first->order)))
                first = claim;
        }
        if (!first)
            return;
        m->expired++;
        s_end (m, first, COVEY_CLAIM_EXPIRED);
    }
}

/* ---- the same, asked of both
 * ---------------------------------------------------- */

static void
s_acquire (s_model_t *m)
{
    s_claim_t *claim = &m->claims[m->count];
    *claim = (s_claim_t){.holder = (int)covey_prng_below (&m->prng, HOLDERS),
                         .shared = covey_prng_below (&m->prng, 3) == 0,
                         .state = COVEY_CLAIM_WAITING,
                         .count = 1 + covey_prng_below (&m->prng, 3)};
    covey_buf_t lists;
    covey_buf_init (&lists, 400);
    for (size_t i = 0; i < claim->count; i++)
        claim->resources[i] = covey_prng_below (&m->prng, WORLD);
    for (int path = 1; path >= 0; path--) {
        covey_buf_puts (&lists, path ? "\"paths\":[" : "],\"names\":[");
        const char *comma = "";
        for (size_t i = 0; i < claim->count; i++)
            if (s_world[claim->resources[i]].is_path == (bool)path) {
                covey_buf_printf (&lists, "%s\"%s\"", comma,
                                  s_world[claim->resources[i]].text);
                comma = ",";
            }
    }
    char *json = covey_buf_steal (&lists);
    covey_buf_deinit (&lists);
    int wait = covey_prng_below (&m->prng, 3)
                   ? (int)covey_prng_below (&m->prng, 20000)
                   : 0;
    int ttl = 1000 + (int)covey_prng_below (&m->prng, 9000);
    char holder[8];
    snprintf (holder, sizeof holder, "h%d", claim->holder);
    covey_err_t code = support_call (
        &m->c, holder, "mesh.claim.acquire",
        "{\"claimId\":\"c%zu\",%s],\"shared\":%s,\"wait\":%d,\"ttl\":%d}",
        m->count, json, claim->shared ? "true" : "false", wait, ttl);
    free (json);
    claim->ttl_us = ttl * 1000;
    s_expire (m);
    claim->wait_end_us = m->c.now_us + wait * 1000;
    m->count++;
    covey_err_t expected = COVEY_OK;
    if (!s_obstacles (m, claim, true)) {
        claim->state = COVEY_CLAIM_HELD;
        m->granted++;
    } else if (!wait)
        expected = COVEY_BUSY;
    else if (s_waits_for_itself (m))
        expected = COVEY_STATE;
    else
        m->waited++;
    if (code != expected)
        fail_msg ("claim c%zu: %s (%s), not %s", m->count - 1,
                  covey_err_name (code), m->c.err.text,
                  covey_err_name (expected));
    m->refused += expected == COVEY_BUSY;
    m->cycles += expected == COVEY_STATE;
    if (expected)
        m->count--;
    else
        s_arm (m, claim);
}

static void
s_renew_or_release (s_model_t *m, bool renew)
{
    covey_effects_clear (&m->c.effects);
    if (!m->count)
        return;
    size_t i = covey_prng_below (&m->prng, m->count);
    s_claim_t *claim = &m->claims[i];
    char holder[8];
    snprintf (holder, sizeof holder, "h%d", claim->holder);
    covey_err_t code = support_call (
        &m->c, holder, renew ? "mesh.claim.renew" : "mesh.claim.release",
        "{\"claimId\":\"c%zu\"}", i);
    s_expire (m);
    covey_err_t expected = s_is_live (claim) ? COVEY_OK
                           : renew           ? COVEY_FENCED
                                             : COVEY_STATE;
    assert_int_equal (code, expected);
    if (expected)
        return;
    if (renew)
        s_arm (m, claim);
    else
        s_end (m, claim, COVEY_CLAIM_RELEASED);
}

/*  An agent says goodbye, or is lost.                                        */
static void
s_leave (s_model_t *m)
{
    int holder = (int)covey_prng_below (&m->prng, HOLDERS);
    bool graceful = covey_prng_below (&m->prng, 2);
    char id[32];
    snprintf (id, sizeof id, "h%d", holder);
    support_agent_down_as (&m->c, id, graceful);
    s_expire (m);
    for (size_t i = 0; i < m->count; i++)
        if (m->claims[i].holder == holder && s_is_live (&m->claims[i]) &&
            (graceful || m->claims[i].state == COVEY_CLAIM_WAITING))
            s_end (m, &m->claims[i], COVEY_CLAIM_RELEASED);
    support_agent_up (&m->c, id, "t", "", 1);
}

/*  Saved and read again, it goes on as before.                               */
static void
s_swap (s_model_t *m)
{
    covey_buf_t saved;
    covey_errbuf_t err = {""};
    covey_state_t *loaded = NULL;
    covey_buf_init (&saved, SIZE_MAX);
    assert_int_equal (covey_state_save (m->c.state, &saved), COVEY_OK);
    if (covey_state_load (saved.data, saved.size, NULL, &loaded, &err))
        fail_msg ("%s", err.text);
    assert_true (covey_state_digest (loaded) ==
                 covey_state_digest (m->c.state));
    covey_state_destroy (&m->c.state);
    m->c.state = loaded;
    covey_buf_deinit (&saved);
    covey_effects_clear (&m->c.effects); /* of the command before */
}

static void
s_check (s_model_t *m)
{
    for (size_t i = 0; i < m->count; i++) {
        const s_claim_t *claim = &m->claims[i];
        char id[32];
        snprintf (id, sizeof id, "c%zu", i);
        const covey_claim_entry_t *entry =
            covey_claims_find (&m->c.state->claims, id);
        assert_non_null (entry);
        if ((int)entry->state != claim->state)
            fail_msg (
                "%s is %s, not %s", id, covey_claim_state_name (entry->state),
                covey_claim_state_name ((covey_claim_state_t)claim->state));
        if (!s_is_live (claim))
            continue;
        assert_true (entry->timer.due_us == claim->due_us);
        if (claim->state == COVEY_CLAIM_WAITING)
            assert_true (s_obstacles (m, claim, false) > 0);
        for (size_t k = 0; k < i && claim->state == COVEY_CLAIM_HELD; k++)
            assert_false (m->claims[k].state == COVEY_CLAIM_HELD &&
                          s_stands_before (m, claim, &m->claims[k], false));
    }
    assert_false (s_waits_for_itself (m));
    for (size_t i = 0;
         i < support_fact_count (&m->c, COVEY_EVENT_CLAIM_GRANTED); i++) {
        const covey_event_t *fact =
            support_fact (&m->c, COVEY_EVENT_CLAIM_GRANTED, i);
        uint64_t token = (uint64_t)covey_event_int (fact, "fencingToken");
        if (covey_event_target_count (fact))
            assert_true (token == m->token); /* told once more */
        else
            assert_true (token > m->token);
        m->token = token;
    }
    for (size_t i = 0; i < m->c.effects.fact_count; i++)
        assert_int_equal (covey_event_validate (m->c.effects.facts[i]),
                          COVEY_OK);
}

static void
s_run (uint64_t seed, s_model_t *total)
{
    s_model_t *m = calloc (1, sizeof *m);
    assert_non_null (m);
    covey_state_limits_t limits;
    covey_state_limits_init (&limits);
    limits.claims_ended_max = 2 * CLAIMS;
    support_control_init (&m->c, &limits);
    covey_prng_init (&m->prng, seed);
    for (int i = 0; i < HOLDERS; i++) {
        char id[32];
        snprintf (id, sizeof id, "h%d", i);
        support_agent_up (&m->c, id, "t", "", 1);
    }
    for (int i = 0; i < STEPS; i++) {
        uint64_t what = covey_prng_below (&m->prng, 100);
        if (what < 45)
            s_acquire (m);
        else if (what < 85)
            s_renew_or_release (m, what < 60);
        else if (what < 97) {
            support_tick (&m->c, (int64_t)covey_prng_below (&m->prng, 4000));
            s_expire (m);
        } else if (what < 99)
            s_leave (m);
        else
            s_swap (m);
        s_check (m);
    }
    total->granted += m->granted;
    total->waited += m->waited;
    total->refused += m->refused;
    total->cycles += m->cycles;
    total->expired += m->expired;
    assert_true (covey_state_digest (m->c.state) == support_replay (&m->c));
    support_control_deinit (&m->c);
    free (m);
}

static void
test_claims_are_what_the_model_says (void **state)
{
    (void)state;
    const char *one = getenv ("SEED"), *runs = getenv ("SEEDS");
    uint64_t first = one ? strtoull (one, NULL, 10) : 1;
    uint64_t count = one ? 1 : runs ? strtoull (runs, NULL, 10) : 60;
    static s_model_t total;
    for (uint64_t seed = first; seed < first + count; seed++) {
        fprintf (stderr, "\rseed %llu ", (unsigned long long)seed);
        s_run (seed, &total);
    }
    print_message ("granted %zu, waited %zu, refused %zu, cycles %zu, expired "
                   "%zu\n",
                   total.granted, total.waited, total.refused, total.cycles,
                   total.expired);
    assert_true (one || (total.cycles && total.waited && total.expired));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_claims_are_what_the_model_says),
    };
    return cmocka_run_group_tests_name ("claims_model", tests, NULL, NULL);
}
