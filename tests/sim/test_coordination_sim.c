/*  coordination sessions, and tasks of a swarm, by lot: agents accept, reject,
    leave, vanish and come back, steps fail, take too long or are done, somebody
    pauses and cancels; members of the swarm come and go.

    Checked: tasks of the swarm go to members alone; every session ends; exactly
   one completion; a result is what its strategy makes of what was reported; no
   agent has two seats; no step of an ended session lives; a replayed and a
   loaded state equal the one that was.

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

#define AGENTS 7
#define SESSIONS 4
#define TURNS 250
#define CALM_TURNS 4000

typedef struct {
    support_control_t c;
    covey_prng_t prng;
    uint64_t seed;
    uint64_t seen; /* the last entry whose facts were looked at               */
    int begun;
    int completions[SESSIONS];
    int parts[SESSIONS]; /* of the last split                                 */
} sim_t;

typedef struct {
    size_t succeeded, failed, replaced, votes;
} totals_t;

static uint64_t
s_below (sim_t *sim, uint64_t bound)
{
    return covey_prng_below (&sim->prng, bound);
}

static bool
s_chance (sim_t *sim, unsigned percent)
{
    return s_below (sim, 100) < percent;
}

#define CHECK(sim, condition, ...)                                \
    do {                                                          \
        if (!(condition)) {                                       \
            print_error (__VA_ARGS__);                            \
            fail_msg (" (%s), seed %llu, entry %llu", #condition, \
                      (unsigned long long)(sim)->seed,            \
                      (unsigned long long)(sim)->c.index);        \
        }                                                         \
    } while (0)

static const covey_team_t *
s_team (const sim_t *sim, int number)
{
    char id[16];
    snprintf (id, sizeof id, "s%d", number);
    const covey_coordination_entry_t *entry =
        covey_state_find_coordination (sim->c.state, id);
    return entry ? entry->team : NULL;
}

/* ---- what an outcome must be
 * ---------------------------------------------------- */

static int64_t
s_number (const covey_blob_t *blob)
{
    return blob->set ? strtoll (blob->data, NULL, 10) : 0;
}

static size_t
s_count (const char *text, const char *what)
{
    size_t count = 0;
    for (; (text = strstr (text, what)); text++)
        count++;
    return count;
}

/*  More than half of the voters chose what won.                             */
static void
s_check_vote (sim_t *sim, const covey_team_t *team)
{
    size_t voters = 0, done = 0, came_to_it = 0;
    for (size_t i = 0; i < team->step_count; i++) {
        const covey_step_t *step = &team->steps[i];
        voters += step->kind == COVEY_STEP_VOTE;
        done += step->kind == COVEY_STEP_VOTE && step->state == COVEY_STEP_DONE;
        came_to_it += step->kind == COVEY_STEP_WORK &&
                      step->state == COVEY_STEP_DONE &&
                      s_number (&step->result) == s_number (&team->result);
    }
    CHECK (sim, came_to_it > 0, "%s: nobody came to its result", team->id);
    if (voters && team->swarm) /* all members count, also who is gone */
        voters = team->invited_count;
    CHECK (sim, !voters || done * 2 > voters, "%s: %zu of %zu voted", team->id,
           done, voters);
}

/*  One entry for each part, in order; what came of it is its square.        */
static void
s_check_parts (sim_t *sim, const covey_team_t *team)
{
    const char *at = team->result.data;
    size_t results = 0;
    for (size_t i = 1; i <= team->step_count; i++) {
        char key[32];
        snprintf (key, sizeof key, "{\"number\":%zu,", i);
        at = strstr (at, key);
        CHECK (sim, at, "%s: no part %zu", team->id, i);
        const char *result = strstr (at, "\"result\":");
        const char *next = strchr (at + 1, '{');
        if (!result || (next && result > next))
            continue;
        results++;
        CHECK (sim, strtoull (result + 9, NULL, 10) == i * i,
               "%s: part %zu: %s", team->id, i, result);
    }
    CHECK (sim, results == covey_team_count_steps (team, COVEY_STEP_DONE),
           "%s: %zu results", team->id, results);
}

static void
s_check_result (sim_t *sim, const covey_team_t *team, int number)
{
    size_t done = covey_team_count_steps (team, COVEY_STEP_DONE);
    int64_t wanted = 0;
    switch (team->strategy) {
        case COVEY_TEAM_SEQUENTIAL: /* each adds one to the result before it  */
            CHECK (sim, s_number (&team->result) == (int64_t)done,
                   "%s: %lld after %zu steps", team->id,
                   (long long)s_number (&team->result), done);
            break;
        case COVEY_TEAM_PARALLEL:
            CHECK (sim,
                   s_count (team->result.data, "\"result\"") == done &&
                       s_count (team->result.data, "\"agentId\"") ==
                           team->seat_count,
                   "%s: %s", team->id, (char *)team->result.data);
            break;
        case COVEY_TEAM_HIERARCHICAL: /* the sum of the parts' squares */
            for (int i = 1; i <= sim->parts[number]; i++)
                wanted += (int64_t)i * i;
            CHECK (sim, s_number (&team->result) == wanted,
                   "%s: %lld, not %lld", team->id,
                   (long long)s_number (&team->result), (long long)wanted);
            break;
        case COVEY_TEAM_CONSENSUS:
            s_check_vote (sim, team);
            break;
        case COVEY_TEAM_ANY:
            CHECK (sim, s_number (&team->result) == 1, "%s: %lld", team->id,
                   (long long)s_number (&team->result));
            break;
        case COVEY_TEAM_SPLIT:
            s_check_parts (sim, team);
            break;
    }
}

static void
s_check_team (sim_t *sim, const covey_team_t *team, int number)
{
    for (size_t i = 0; i < team->seat_count; i++)
        for (size_t k = 0; k < i && team->seats[i] >= 0; k++)
            CHECK (sim, team->seats[i] != team->seats[k],
                   "%s: one agent in two seats", team->id);
    if (team->stage != COVEY_TEAM_COMPLETED)
        return;
    for (size_t i = 0; i < team->step_count; i++) {
        const covey_task_t *task =
            covey_state_find_task (sim->c.state, team->steps[i].task_id);
        CHECK (sim, !task || covey_task_state_is_ended (task->state),
               "%s: step %zu lives", team->id, i);
    }
    CHECK (sim, team->success == (team->code == NULL), "%s: code %s", team->id,
           team->code ? team->code : "none");
    size_t taking_part = 0;
    for (size_t i = 0; i < team->seat_count; i++)
        taking_part += team->seats[i] >= 0;
    CHECK (sim, !team->success || taking_part >= team->min_agents,
           "%s: success of %zu", team->id, taking_part);
    if (team->success)
        s_check_result (sim, team, number);
}

/*  To somebody who is a member: it cannot have left within the command.     */
static void
s_check_assigned (sim_t *sim, const covey_event_t *fact)
{
    if (covey_event_type (fact) != COVEY_EVENT_SWARM_TASK_ASSIGNED)
        return;
    const char *agent = covey_event_str_at (fact, "assignees", 0);
    CHECK (sim, covey_state_is_member (sim->c.state, "crew", agent),
           "%s is no member", agent);
}

static void
s_observe (sim_t *sim)
{
    if (sim->seen == sim->c.index)
        return;
    sim->seen = sim->c.index;
    for (size_t i = 0; i < sim->c.effects.fact_count; i++) {
        const covey_event_t *fact = sim->c.effects.facts[i];
        CHECK (sim, covey_event_validate (fact) == COVEY_OK, "%s",
               covey_error ());
        s_check_assigned (sim, fact);
        if (covey_event_type (fact) != COVEY_EVENT_COORDINATION_COMPLETE)
            continue;
        const char *id = covey_event_str (fact, "coordinationId");
        int number = (int)strtol (id + 1, NULL, 10);
        sim->completions[number]++;
        s_check_team (sim, s_team (sim, number), number);
    }
    for (int i = 0; i < sim->begun; i++)
        if (s_team (sim, i)->stage != COVEY_TEAM_COMPLETED)
            s_check_team (sim, s_team (sim, i), i);
}

/* ---- what happens
 * -------------------------------------------------------------- */

/*  False: it was refused, there is nobody to do it.                         */
static bool
s_begin_task (sim_t *sim)
{
    static const char *const modes[] = {"all", "any", "split", "vote"};
    const char *mode = modes[s_below (sim, 4)];
    const char *policy = s_chance (sim, 20) ? "fail" : "continue";
    char more[100] = "";
    if (strcmp (mode, "split") == 0)
        snprintf (more, sizeof more, ",\"input\":%s",
                  s_chance (sim, 50) ? "[1,2]" : "[1,2,3,4,5,6,7,8,9]");
    if (strcmp (mode, "any") != 0)
        snprintf (more + strlen (more), sizeof more - strlen (more),
                  ",\"onFailure\":\"%s\"", policy);
    covey_err_t code = support_call (
        &sim->c, "boss", "swarm.task",
        "{\"swarmId\":\"crew\",\"taskId\":\"s%d\",\"objective\":\"x\","
        "\"mode\":\"%s\",\"stepTimeout\":6000,\"lease\":4000,"
        "\"attempts\":%d,\"timeout\":%d%s}",
        sim->begun, mode, 1 + (int)s_below (sim, 2),
        20000 + (int)s_below (sim, 200000), more);
    CHECK (sim,
           code == COVEY_OK || code == COVEY_STATE || code == COVEY_NOAGENT,
           "%s", sim->c.err.text);
    sim->begun += code == COVEY_OK;
    s_observe (sim);
    return code == COVEY_OK;
}

/*  One joins or leaves.                                                     */
static void
s_change_crew (sim_t *sim, const char *agent)
{
    (void)support_call (&sim->c, "boss",
                        s_chance (sim, 60) ? "swarm.join" : "swarm.leave",
                        "{\"swarmId\":\"crew\",\"agentId\":\"%s\"}", agent);
    s_observe (sim);
}

static void
s_begin (sim_t *sim)
{
    if (s_chance (sim, 50) && s_begin_task (sim))
        return;
    static const char *const strategies[] = {"sequential", "parallel",
                                             "hierarchical", "consensus"};
    uint64_t strategy = s_below (sim, 4);
    int min = 1 + (strategy == 2) + (int)s_below (sim, 3);
    CHECK (
        sim,
        support_call (
            &sim->c, "boss", "mesh.coordinate",
            "{\"coordinationId\":\"s%d\",\"objective\":\"x\",\"strategy\":"
            "\"%s\",\"minAgents\":%d,\"maxAgents\":%d,\"onFailure\":\"%s\","
            "\"gatherTimeout\":8000,\"stepTimeout\":6000,\"lease\":4000,"
            "\"attempts\":%d,\"timeout\":%d}",
            sim->begun, strategies[strategy], min, min + (int)s_below (sim, 3),
            s_chance (sim, 20) ? "fail" : "continue", 1 + (int)s_below (sim, 2),
            20000 + (int)s_below (sim, 200000)) == COVEY_OK,
        "%s", sim->c.err.text);
    sim->begun++;
    s_observe (sim);
}

static void
s_answer (sim_t *sim, bool calm)
{
    int number = (int)s_below (sim, (uint64_t)sim->begun);
    const covey_team_t *team = s_team (sim, number);
    if (team->stage == COVEY_TEAM_COMPLETED || !team->invited_count)
        return;
    const covey_invited_t *one =
        &team->invited[s_below (sim, team->invited_count)];
    bool asked = one->state == COVEY_INVITED_ASKED;
    if (!covey_registry_find_up (&sim->c.state->registry, one->agent_id) ||
        (!asked && (calm || !s_chance (sim, 10))))
        return;
    char agent[COVEY_AGENT_ID_MAX + 1];
    snprintf (agent, sizeof agent, "%s", one->agent_id);
    (void)support_call (&sim->c, agent,
                        !calm && s_chance (sim, 15)
                            ? "mesh.coordination.reject"
                            : "mesh.coordination.accept",
                        "{\"coordinationId\":\"s%d\"}", number);
    s_observe (sim);
}

/*  What the step's rule makes of its input.                                 */
static int64_t
s_work (sim_t *sim, const covey_task_t *task)
{
    const char *input = task->input.data;
    const char *previous = strstr (input, "\"previous\":");
    const char *part = strstr (input, "\"part\":");
    int64_t sum = 0;
    if (strcmp (task->step, "part") == 0) {
        int64_t value = part ? strtoll (part + 7, NULL, 10) : 0;
        return value * value;
    }
    if (strcmp (task->step, "merge") == 0) {
        for (const char *at = input; (at = strstr (at, "\"result\":")); at++)
            sum += strtoll (at + 9, NULL, 10);
        return sum;
    }
    if (strcmp (task->step, "vote") == 0)
        return (int64_t)s_below (sim, 4);
    if (strstr (input, "\"strategy\":\"consensus\""))
        return 100 + (int64_t)s_below (sim, 3);
    return previous ? strtoll (previous + 11, NULL, 10) + 1 : 1;
}

static void
s_do_step (sim_t *sim, const char *agent, bool calm)
{
    const covey_worker_t *worker =
        covey_registry_find_up (&sim->c.state->registry, agent);
    const covey_task_t *task = worker ? covey_tree_first (&worker->held) : NULL;
    if (!task)
        return;
    char report[300];
    int number = (int)strtol (task->coordination + 1, NULL, 10);
    int size = snprintf (report, sizeof report,
                         "{\"taskId\":\"%s\",\"fencingToken\":%llu", task->id,
                         (unsigned long long)task->token);
    const char *method = "task.complete";
    if (!calm && s_chance (sim, 15)) {
        method = s_chance (sim, 80) ? "task.fail" : "task.reject";
        snprintf (report + size, sizeof report - (size_t)size, "}");
    } else if (strcmp (task->step, "split") == 0) {
        static const char *const lists[] = {"[1]", "[1,2]", "[1,2,3]",
                                            "[1,2,3,4,5]"};
        uint64_t i = s_below (sim, 4);
        sim->parts[number] = i == 3 ? 5 : (int)i + 1;
        snprintf (report + size, sizeof report - (size_t)size,
                  ",\"result\":%s}", lists[i]);
    } else
        snprintf (report + size, sizeof report - (size_t)size,
                  ",\"result\":%lld}", (long long)s_work (sim, task));
    CHECK (sim, support_call (&sim->c, agent, method, "%s", report) == COVEY_OK,
           "%s %s: %s", method, report, sim->c.err.text);
    s_observe (sim);
}

static void
s_flip (sim_t *sim, const char *agent, bool calm)
{
    if (!covey_registry_find_up (&sim->c.state->registry, agent))
        support_agent_up (&sim->c, agent, "worker", "",
                          1 + (uint32_t)s_below (sim, 2));
    else if (!calm)
        support_agent_down (&sim->c, agent);
    s_observe (sim);
}

static void
s_step_in (sim_t *sim)
{
    static const char *const verbs[] = {"pause", "resume", "resume", "cancel"};
    uint64_t verb = s_below (sim, s_chance (sim, 10) ? 4 : 3);
    char method[64];
    snprintf (method, sizeof method, "mesh.coordination.%s", verbs[verb]);
    (void)support_call (&sim->c, "boss", method, "{\"coordinationId\":\"s%d\"}",
                        (int)s_below (sim, (uint64_t)sim->begun));
    s_observe (sim);
}

static void
s_check_loaded (sim_t *sim)
{
    covey_buf_t bytes;
    covey_errbuf_t err = {""};
    covey_state_t *loaded = NULL;
    covey_buf_init (&bytes, SIZE_MAX);
    CHECK (sim, covey_state_save (sim->c.state, &bytes) == COVEY_OK, "full");
    CHECK (sim,
           covey_state_load (bytes.data, bytes.size, &sim->c.limits, &loaded,
                             &err) == COVEY_OK,
           "%s", err.text);
    CHECK (sim,
           covey_state_digest (loaded) == covey_state_digest (sim->c.state),
           "another state was loaded");
    covey_buf_deinit (&bytes);
    /* and goes on from there */
    covey_state_destroy (&sim->c.state);
    sim->c.state = loaded;
}

static void
s_turn (sim_t *sim, bool calm)
{
    char agent[16];
    snprintf (agent, sizeof agent, "a%d", (int)s_below (sim, AGENTS));
    uint64_t lot = s_below (sim, 100);
    if (sim->begun < SESSIONS && lot < 5)
        s_begin (sim);
    else if (lot < 35)
        s_answer (sim, calm);
    else if (lot < 70)
        s_do_step (sim, agent, calm);
    else if (lot < 78)
        s_flip (sim, agent, calm);
    else if (lot < 80 && !calm)
        s_step_in (sim);
    else if (lot < 81)
        s_check_loaded (sim);
    else if (lot < 84)
        s_change_crew (sim, agent);
    else {
        support_tick (&sim->c, (int64_t)s_below (sim, 400));
        s_observe (sim);
    }
}

static bool
s_all_ended (const sim_t *sim)
{
    for (int i = 0; i < sim->begun; i++)
        if (s_team (sim, i)->stage != COVEY_TEAM_COMPLETED)
            return false;
    return sim->begun == SESSIONS;
}

static void
s_run (uint64_t seed, totals_t *totals)
{
    sim_t *sim = calloc (1, sizeof *sim);
    assert_non_null (sim);
    sim->seed = seed;
    covey_prng_init (&sim->prng, seed);
    support_control_init (&sim->c, NULL);
    for (int i = 0; i < AGENTS; i++) {
        char id[16];
        snprintf (id, sizeof id, "a%d", i);
        if (s_chance (sim, 70))
            s_flip (sim, id, false);
    }
    CHECK (sim,
           support_call (&sim->c, "boss", "swarm.form",
                         "{\"swarmId\":\"crew\",\"memberLease\":3000,"
                         "\"members\":[{\"agentId\":\"a0\"},{\"agentId\":"
                         "\"a1\",\"weight\":2},{\"agentId\":\"a2\"}]}") ==
               COVEY_OK,
           "%s", sim->c.err.text);
    s_begin (sim);
    for (int i = 0; i < TURNS; i++)
        s_turn (sim, false);
    for (int i = 0; i < sim->begun; i++) /* nobody is there to do it later */
        (void)support_call (&sim->c, "boss", "mesh.coordination.resume",
                            "{\"coordinationId\":\"s%d\"}", i);
    for (int i = 0; i < CALM_TURNS && !s_all_ended (sim); i++)
        s_turn (sim, true);
    for (int i = 0; i < SESSIONS; i++) {
        const covey_team_t *team = s_team (sim, i);
        CHECK (sim, team && team->stage == COVEY_TEAM_COMPLETED,
               "s%d did not end", i);
        CHECK (sim, sim->completions[i] == 1, "s%d completed %d times", i,
               sim->completions[i]);
        totals->succeeded += team->success;
        totals->failed += !team->success;
        totals->replaced += team->replaced;
        for (size_t k = 0; k < team->step_count; k++)
            totals->votes += team->steps[k].kind == COVEY_STEP_VOTE &&
                             team->steps[k].state == COVEY_STEP_DONE;
    }
    CHECK (sim, covey_state_digest (sim->c.state) == support_replay (&sim->c),
           "the replayed state differs");
    support_control_deinit (&sim->c);
    free (sim);
}

static void
test_every_session_ends_once_and_by_its_rule (void **state)
{
    (void)state;
    const char *one = getenv ("SEED"), *many = getenv ("SEEDS");
    uint64_t first = one ? strtoull (one, NULL, 10) : 1;
    uint64_t count = one ? 1 : many ? strtoull (many, NULL, 10) : 400;
    totals_t totals = {0};
    for (uint64_t seed = first; seed < first + count; seed++)
        s_run (seed, &totals);
    print_message ("%llu seeds of %d sessions: %zu with success, %zu without, "
                   "%zu replaced participants, %zu votes\n",
                   (unsigned long long)count, SESSIONS, totals.succeeded,
                   totals.failed, totals.replaced, totals.votes);
    if (!one) { /* both did happen, or the run shows nothing */
        assert_true (totals.succeeded > count / 4);
        assert_true (totals.failed > count / 4);
        assert_true (totals.replaced > count / 8);
        assert_true (totals.votes > count / 8);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_every_session_ends_once_and_by_its_rule),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
