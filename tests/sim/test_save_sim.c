/*  save, by lot: whatever happened, a state that was loaded from a snapshot
    goes on exactly as the one that was never interrupted. Same digests, same
    answers, same facts with the same ids, same views.                        */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_random.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"
#include "proto/json.h"

#define COMMANDS 700
#define SNAPSHOTS 6

typedef struct {
    uint64_t seed;
    covey_state_limits_t limits;
    Covey__Control__Command *log[COMMANDS];
    uint64_t effects[COMMANDS]; /* hash of what each did                      */
    uint64_t end;               /* digest                                     */
    covey_buf_t snapshots[SNAPSHOTS];
    size_t taken[SNAPSHOTS]; /* after so many commands                        */
    size_t facts, refusals;
} s_run_t;

static uint64_t
s_mix (uint64_t hash, const void *data, size_t size)
{
    return hash * 31 + covey_str_hash (data, size);
}

static uint64_t
s_hash_effects (const covey_effects_t *effects)
{
    uint64_t hash = (uint64_t)(effects->code * 7) + effects->show;
    hash = s_mix (hash, effects->show_id, strlen (effects->show_id));
    hash = s_mix (hash, effects->err.text, strlen (effects->err.text));
    for (size_t i = 0; i < effects->fact_count; i++) {
        uint8_t *packed;
        size_t size;
        assert_int_equal (
            covey_event_encode (effects->facts[i], &packed, &size), COVEY_OK);
        hash = s_mix (hash, packed, size);
        covey_free (packed);
    }
    return hash;
}

static void
s_add_newer_views (const covey_state_t *state,
                   const Covey__Control__ListQuery *list, covey_buf_t *text)
{
    Covey__Control__MemoryQuery entries = COVEY__CONTROL__MEMORY_QUERY__INIT;
    Covey__Control__MemoryFollow follow = COVEY__CONTROL__MEMORY_FOLLOW__INIT;
    Covey__Control__ClaimQuery claims = COVEY__CONTROL__CLAIM_QUERY__INIT;
    covey_errbuf_t err;
    follow.after = state->memory.floor;
    assert_int_equal (covey_state_schedules (state, list, text, &err),
                      COVEY_OK);
    assert_int_equal (covey_state_coordinations (state, list, text, &err),
                      COVEY_OK);
    assert_int_equal (covey_state_roles (state, list, text, &err), COVEY_OK);
    assert_int_equal (covey_state_claims (state, &claims, text, &err),
                      COVEY_OK);
    assert_int_equal (covey_state_memory_list (state, &entries, text, &err),
                      COVEY_OK);
    assert_int_equal (covey_state_memory_spaces (state, list, text, &err),
                      COVEY_OK);
    assert_int_equal (covey_state_memory_changes (state, &follow, text, &err),
                      COVEY_OK);
    assert_int_equal (covey_state_show_limits (state, text), COVEY_OK);
}

/*  All that can be seen from outside.                                       */
static uint64_t
s_hash_views (const covey_state_t *state)
{
    Covey__Control__ListQuery list = COVEY__CONTROL__LIST_QUERY__INIT;
    Covey__Control__CoordinatorStatus status =
        COVEY__CONTROL__COORDINATOR_STATUS__INIT;
    list.has_limit = true;
    list.limit = 1000;
    covey_buf_t text;
    covey_buf_init (&text, SIZE_MAX);
    for (const covey_task_t *t = covey_tree_first (&state->by_seq); t;
         t = covey_tree_next (&state->by_seq, t))
        assert_int_equal (covey_state_task (state, t->id, &text, NULL),
                          COVEY_OK);
    covey_state_status (state, &status);
    assert_int_equal (covey_json_write (&status.base, &text), COVEY_OK);
    assert_int_equal (covey_state_swarms (state, &list, &text, NULL), COVEY_OK);
    assert_int_equal (covey_state_votes (state, &list, &text, NULL), COVEY_OK);
    assert_int_equal (covey_state_agents (state, &list, &text, NULL), COVEY_OK);
    s_add_newer_views (state, &list, &text);
    uint64_t hash = s_mix (0, text.data, text.size);
    covey_buf_deinit (&text);
    return hash;
}

static void
s_take_snapshot (s_run_t *run, const covey_state_t *state, size_t i)
{
    covey_buf_t *to = &run->snapshots[i];
    covey_buf_clear (to);
    assert_int_equal (covey_state_save (state, to), COVEY_OK);
}

static void
s_play (s_run_t *run)
{
    support_random_t random;
    covey_effects_t effects;
    covey_state_t *state = covey_state_new (&run->limits);
    support_random_init (&random, run->seed);
    covey_effects_init (&effects);
    for (size_t i = 0; i < SNAPSHOTS; i++)
        run->taken[i] = covey_prng_below (&random.prng, COMMANDS);
    for (size_t i = 0; i < COMMANDS; i++) {
        for (size_t k = 0; k < SNAPSHOTS; k++)
            if (run->taken[k] == i)
                s_take_snapshot (run, state, k);
        run->log[i] = support_random_command (&random, state);
        covey_state_apply (state, run->log[i], i + 1, &effects);
        run->effects[i] = s_hash_effects (&effects);
        run->facts += effects.fact_count;
        run->refusals += effects.code != COVEY_OK;
    }
    run->end = covey_state_digest (state) + s_hash_views (state);
    covey_effects_deinit (&effects);
    support_random_deinit (&random);
    covey_state_destroy (&state);
}

static void
s_go_on (const s_run_t *run, size_t k)
{
    covey_errbuf_t err = {""};
    covey_state_t *state = NULL;
    const covey_buf_t *from = &run->snapshots[k];
    covey_err_t code =
        covey_state_load (from->data, from->size, &run->limits, &state, &err);
    if (code)
        fail_msg ("seed %llu: after %zu commands: %s: %s",
                  (unsigned long long)run->seed, run->taken[k],
                  covey_err_name (code), err.text);
    covey_buf_t again;
    covey_buf_init (&again, SIZE_MAX);
    assert_int_equal (covey_state_save (state, &again), COVEY_OK);
    if (again.size != from->size ||
        memcmp (again.data, from->data, again.size) != 0)
        fail_msg ("seed %llu: saved after %zu commands and loaded it is saved "
                  "otherwise",
                  (unsigned long long)run->seed, run->taken[k]);
    covey_buf_deinit (&again);
    covey_effects_t effects;
    covey_effects_init (&effects);
    for (size_t i = run->taken[k]; i < COMMANDS; i++) {
        covey_state_apply (state, run->log[i], i + 1, &effects);
        if (s_hash_effects (&effects) != run->effects[i])
            fail_msg ("seed %llu: loaded after %zu commands, command %zu (%d) "
                      "does something else: %s %s",
                      (unsigned long long)run->seed, run->taken[k], i + 1,
                      (int)run->log[i]->op_case, covey_err_name (effects.code),
                      effects.err.text);
    }
    if (covey_state_digest (state) + s_hash_views (state) != run->end)
        fail_msg ("seed %llu: loaded after %zu commands it ends otherwise",
                  (unsigned long long)run->seed, run->taken[k]);
    covey_effects_deinit (&effects);
    covey_state_destroy (&state);
}

static void
test_a_loaded_state_goes_on_as_if_nothing_had_been (void **state)
{
    (void)state;
    const char *one = getenv ("COVEY_SEED"), *many = getenv ("COVEY_SIM_RUNS");
    uint64_t first = one ? strtoull (one, NULL, 10) : 1;
    uint64_t count = one ? 1 : many ? strtoull (many, NULL, 10) : 150;
    size_t facts = 0, refusals = 0;
    s_run_t *run = covey_mem_new (sizeof *run);
    support_random_limits (&run->limits);
    for (size_t k = 0; k < SNAPSHOTS; k++)
        covey_buf_init (&run->snapshots[k], SIZE_MAX);
    for (uint64_t seed = first; seed < first + count; seed++) {
        run->seed = seed;
        run->facts = run->refusals = 0;
        s_play (run);
        for (size_t k = 0; k < SNAPSHOTS; k++)
            s_go_on (run, k);
        for (size_t i = 0; i < COMMANDS; i++)
            covey__control__command__free_unpacked (run->log[i], NULL);
        facts += run->facts;
        refusals += run->refusals;
    }
    print_message ("%llu seeds of %d commands: %zu facts, %zu refusals, %d "
                   "snapshots each\n",
                   (unsigned long long)count, COMMANDS, facts, refusals,
                   SNAPSHOTS);
    /* or it would show nothing */
    assert_true (facts > count * COMMANDS / 3);
    assert_true (refusals > count * COMMANDS / 20);
    for (size_t k = 0; k < SNAPSHOTS; k++)
        covey_buf_deinit (&run->snapshots[k]);
    free (run);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_a_loaded_state_goes_on_as_if_nothing_had_been),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
