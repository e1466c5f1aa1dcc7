#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "node/workgroup.h"
#include "proto/event.h"
#include "tests/support/support_parcel.h"

#define HERE 1
#define THERE 2

typedef struct {
    covey_directory_t *directory;
    covey_scopes_t *scopes;
    covey_workgroups_t *groups;
    covey_group_t *group; /* capability "resize"                              */
    covey_taker_t taker;  /* what every agent is ...                          */
    const char *other;    /* ... but this one, which is READY                 */
} fixture_t;

static int
s_setup (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    self->directory = covey_directory_new ();
    self->scopes = covey_scope_new ();
    self->groups = covey_workgroups_new (1);
    char *capabilities[] = {"resize"};
    Covey__Wire__Group selector = COVEY__WIRE__GROUP__INIT;
    selector.capabilities = capabilities;
    selector.n_capabilities = 1;
    assert_int_equal (
        covey_workgroups_group (self->groups, &selector, &self->group, NULL),
        COVEY_OK);
    *state = self;
    return 0;
}

static int
s_teardown (void **state)
{
    fixture_t *self = *state;
    covey_group_drop (&self->group);
    covey_workgroups_destroy (&self->groups);
    covey_scope_destroy (&self->scopes);
    covey_directory_destroy (&self->directory);
    free (self);
    return 0;
}

/*  An agent that can resize, on node HERE or THERE; `session` is its life.  */
static covey_directory_entry_t *
s_agent_of (fixture_t *self, const char *id, uint8_t node, uint8_t session)
{
    uint8_t node_id[16] = {node}, session_id[16] = {session};
    char *capabilities[] = {"rotate", "resize"};
    Covey__Wire__AgentInfo info = COVEY__WIRE__AGENT_INFO__INIT;
    info.agent_id = (char *)(uintptr_t)id;
    info.type = "resizer";
    info.capabilities = capabilities;
    info.n_capabilities = 2;
    info.has_node_id = info.has_session_id = true;
    info.node_id = (ProtobufCBinaryData){.data = node_id, .len = 16};
    info.session_id = (ProtobufCBinaryData){.data = session_id, .len = 16};
    info.available_capacity = 100;
    info.attached_us = session;
    covey_directory_entry_t *entry;
    assert_int_equal (covey_directory_put (self->directory, &info, &entry),
                      COVEY_OK);
    return entry;
}

static covey_directory_entry_t *
s_agent (fixture_t *self, const char *id, uint8_t node)
{
    return s_agent_of (self, id, node, (uint8_t)id[0]);
}

static covey_taker_t
s_taker (void *arg, const covey_directory_entry_t *agent)
{
    const fixture_t *self = arg;
    return self->other && strcmp (agent->id, self->other) == 0
               ? COVEY_TAKER_READY
               : self->taker;
}

static const uint8_t s_here[16] = {HERE};

static covey_err_t
s_try (fixture_t *self, const char *source, const uint8_t *except,
       const covey_directory_entry_t **member_p, covey_errbuf_t *err)
{
    covey_workgroup_choice_t choice = {
        .directory = self->directory,
        .scopes = self->scopes,
        .node_id = s_here,
        .source = {.text = source, .size = strlen (source)},
        .except = except,
        .taker = s_taker,
        .arg = self};
    return covey_workgroup_pick (self->groups, self->group, &choice, member_p,
                                 err);
}

static const covey_directory_entry_t *
s_pick (fixture_t *self)
{
    const covey_directory_entry_t *member = NULL;
    assert_int_equal (s_try (self, "boss", NULL, &member, NULL), COVEY_OK);
    return member;
}

static covey_event_t *
s_new_event (void)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_AGENT_IDLE);
    assert_int_equal (covey_event_set_str (event, "agentId", "boss"), COVEY_OK);
    return event;
}

/*  An event that goes to `member`; its id is `*id`.                         */
static void
s_send_type (fixture_t *self, int type, const covey_directory_entry_t *member,
             uint8_t id[16])
{
    covey_event_t *event =
        type == COVEY_EVENT_REQUEST
            ? covey_event_request ("boss", NULL, "r", "m", NULL, 1000)
            : s_new_event ();
    assert_int_equal (covey_event_set_source (event, "boss"), COVEY_OK);
    memcpy (id, covey_event_id (event), 16);
    covey_parcel_t *parcel = support_parcel (event);
    covey_group_event_t sent = {.parcel = parcel,
                                .size = parcel->size,
                                .group = self->group,
                                .until_ms = INT64_MAX};
    covey_workgroup_sent (self->groups, &sent, member);
    covey_parcel_drop (&parcel);
}

static void
s_send (fixture_t *self, const covey_directory_entry_t *member, uint8_t id[16])
{
    s_send_type (self, COVEY_EVENT_AGENT_IDLE, member, id);
}

static bool
s_fail (fixture_t *self, const uint8_t id[16], const char *target,
        covey_err_t code, int64_t now_ms)
{
    covey_slice_t slice = {.text = target, .size = strlen (target)};
    return covey_workgroup_failed (self->groups, id, slice, code, "why",
                                   now_ms);
}

static void
s_done (fixture_t *self, const uint8_t id[16], const char *agent)
{
    covey_slice_t slice = {.text = agent, .size = strlen (agent)};
    covey_workgroup_done (self->groups, id, slice);
}

/* ------------------------------------------------------------------------ */

static void
test_only_those_that_match_are_chosen_and_never_the_sender (void **state)
{
    fixture_t *self = *state;
    const covey_directory_entry_t *member = NULL;
    covey_errbuf_t err;
    assert_int_equal (s_try (self, "boss", NULL, &member, &err), COVEY_NOAGENT);
    assert_string_equal (err.text, "no other agent with capability \"resize\" "
                                   "in this mesh (0 agents are known)");
    s_agent (self, "ann", HERE);
    assert_int_equal (s_try (self, "ann", NULL, &member, &err), COVEY_NOAGENT);
    assert_string_equal (s_pick (self)->id, "ann");
}

static void
test_a_change_of_the_directory_is_seen (void **state)
{
    fixture_t *self = *state;
    s_agent (self, "ann", HERE);
    assert_string_equal (s_pick (self)->id, "ann");
    assert_true (covey_directory_remove (self->directory, "ann", 3, s_here));
    s_agent (self, "bob", HERE);
    assert_string_equal (s_pick (self)->id, "bob");
}

static void
test_a_swarm_restricts_further (void **state)
{
    fixture_t *self = *state;
    s_agent (self, "ann", HERE);
    s_agent (self, "bob", HERE);
    Covey__Wire__Group selector = COVEY__WIRE__GROUP__INIT;
    selector.swarm_id = "s";
    covey_group_drop (&self->group);
    assert_int_equal (
        covey_workgroups_group (self->groups, &selector, &self->group, NULL),
        COVEY_OK);
    const covey_directory_entry_t *member = NULL;
    assert_int_equal (s_try (self, "boss", NULL, &member, NULL), COVEY_NOAGENT);
    Covey__Control__WeightedMember bob = COVEY__CONTROL__WEIGHTED_MEMBER__INIT;
    bob.agent_id = "bob";
    Covey__Control__WeightedMember *members[] = {&bob};
    Covey__Control__SwarmView swarm = COVEY__CONTROL__SWARM_VIEW__INIT;
    swarm.id = "s";
    swarm.members = members;
    swarm.n_members = 1;
    Covey__Control__SwarmView *swarms[] = {&swarm};
    Covey__Control__SwarmList list = COVEY__CONTROL__SWARM_LIST__INIT;
    list.swarms = swarms;
    list.n_swarms = 1;
    covey_scope_learn_list (self->scopes, &list);
    for (int i = 0; i < 20; i++)
        assert_string_equal (s_pick (self)->id, "bob");
}

static void
test_equals_are_chosen_by_lot (void **state)
{
    fixture_t *self = *state;
    s_agent (self, "ann", HERE);
    s_agent (self, "bob", HERE);
    s_agent (self, "cat", HERE);
    unsigned times[3] = {0};
    for (int i = 0; i < 3000; i++)
        times[s_pick (self)->id[0] - 'a']++;
    for (int i = 0; i < 3; i++)
        assert_in_range (times[i], 850, 1150);
}

static void
test_the_least_loaded_is_chosen (void **state)
{
    fixture_t *self = *state;
    covey_directory_entry_t *ann = s_agent (self, "ann", HERE);
    covey_directory_entry_t *bob = s_agent (self, "bob", HERE);
    uint8_t id[16];
    s_send (self, ann, id);
    assert_string_equal (s_pick (self)->id, "bob");
    bob->current_tasks = 2;
    assert_string_equal (s_pick (self)->id, "ann");
    s_done (self, id, "ann");
    bob->current_tasks = 0;
    bob->available_capacity = 50;
    assert_string_equal (s_pick (self)->id, "ann");
    ann->state = COVEY__WIRE__AGENT_STATE__AGENT_STATE_BUSY;
    assert_string_equal (s_pick (self)->id, "bob");
    ann->state = COVEY__WIRE__AGENT_STATE__AGENT_STATE_READY;
    ann->available_capacity = 0;
    assert_string_equal (s_pick (self)->id, "bob");
}

static void
test_here_comes_first_up_to_its_lead (void **state)
{
    fixture_t *self = *state;
    s_agent (self, "ann", HERE);
    s_agent (self, "bob", THERE);
    uint8_t id[16];
    for (int i = 0; i < COVEY_WORKGROUP_LEAD; i++) {
        const covey_directory_entry_t *member = s_pick (self);
        assert_string_equal (member->id, "ann");
        s_send (self, member, id);
    }
    s_send (self, s_pick (self), id);
    s_send (self, s_pick (self), id);
    assert_in_range (covey_workgroup_outstanding (self->groups, "bob"), 1, 2);
}

static void
test_who_cannot_take_it_is_passed_over (void **state)
{
    fixture_t *self = *state;
    const covey_directory_entry_t *member = NULL;
    covey_errbuf_t err;
    covey_directory_entry_t *ann = s_agent (self, "ann", HERE);
    s_agent (self, "bob", THERE);
    self->taker = COVEY_TAKER_LATER;
    self->other = "bob";
    assert_string_equal (s_pick (self)->id, "bob");
    self->other = NULL;
    assert_int_equal (s_try (self, "boss", NULL, &member, &err), COVEY_EAGAIN);
    self->taker = COVEY_TAKER_NOT;
    assert_int_equal (s_try (self, "boss", NULL, &member, &err), COVEY_NOAGENT);
    assert_non_null (strstr (err.text, "none of the 2 agents"));
    /* The one that just failed may be asked when it is somebody else. */
    self->other = "ann";
    assert_int_equal (s_try (self, "boss", ann->session_id, &member, &err),
                      COVEY_EAGAIN);
}

static void
test_an_event_is_kept_until_its_member_is_done (void **state)
{
    fixture_t *self = *state;
    covey_directory_entry_t *ann = s_agent (self, "ann", HERE);
    uint8_t id[16];
    bool given_up;
    s_send (self, ann, id);
    assert_true (covey_workgroup_is_open (self->groups, id));
    s_done (self, id, "bob"); /* somebody else says so */
    assert_int_equal (covey_workgroup_count (self->groups), 1);
    assert_null (covey_workgroup_due (self->groups, 0, &given_up));
    s_done (self, id, "ann");
    assert_int_equal (covey_workgroup_count (self->groups), 0);
    assert_false (s_fail (self, id, "ann", COVEY_NOAGENT, 0));
}

static void
test_what_fails_is_due_and_goes_to_another (void **state)
{
    fixture_t *self = *state;
    covey_directory_entry_t *ann = s_agent (self, "ann", HERE);
    covey_directory_entry_t *bob = s_agent (self, "bob", HERE);
    uint8_t id[16];
    bool given_up;
    s_send (self, ann, id);
    assert_true (s_fail (self, id, "ann", COVEY_NOAGENT, 5));
    assert_true (covey_workgroup_is_due (self->groups, id));
    assert_int_equal (covey_workgroup_outstanding (self->groups, "ann"), 0);
    const covey_group_event_t *due =
        covey_workgroup_due (self->groups, 5, &given_up);
    assert_non_null (due);
    assert_false (given_up);
    assert_int_equal (due->code, COVEY_NOAGENT);
    assert_memory_equal (due->except, ann->session_id, 16);
    covey_workgroup_sent (self->groups, due, bob);
    assert_null (covey_workgroup_due (self->groups, 5, &given_up));
    /* What the first one says now does not matter. */
    assert_true (s_fail (self, id, "ann", COVEY_NOAGENT, 6));
    s_done (self, id, "ann");
    assert_int_equal (covey_workgroup_outstanding (self->groups, "bob"), 1);
    s_done (self, id, "bob");
    assert_int_equal (covey_workgroup_count (self->groups), 0);
}

static void
test_a_full_queue_pauses_and_tries_end (void **state)
{
    fixture_t *self = *state;
    covey_directory_entry_t *ann = s_agent (self, "ann", HERE);
    uint8_t id[16];
    bool given_up = false;
    int64_t now_ms = 1;
    s_send (self, ann, id);
    for (int try = 1; try < COVEY_WORKGROUP_TRIES; try++) {
        assert_true (s_fail (self, id, "ann", COVEY_EAGAIN, now_ms));
        assert_null (covey_workgroup_due (self->groups, now_ms, &given_up));
        now_ms += 1000;
        const covey_group_event_t *due =
            covey_workgroup_due (self->groups, now_ms, &given_up);
        assert_non_null (due);
        assert_false (given_up);
        covey_workgroup_sent (self->groups, due, ann);
    }
    assert_true (s_fail (self, id, "ann", COVEY_EAGAIN, now_ms));
    assert_non_null (covey_workgroup_due (self->groups, now_ms, &given_up));
    assert_true (given_up);
    covey_workgroup_forget (self->groups, id);
    assert_int_equal (covey_workgroup_count (self->groups), 0);
}

static void
test_nobody_takes_it_for_too_long (void **state)
{
    fixture_t *self = *state;
    covey_directory_entry_t *ann = s_agent (self, "ann", HERE);
    uint8_t one[16], two[16];
    bool given_up;
    s_send (self, ann, one);
    s_send (self, ann, two);
    assert_true (s_fail (self, one, "ann", COVEY_NOAGENT, 100));
    assert_true (s_fail (self, two, "ann", COVEY_NOAGENT, 100));
    assert_non_null (covey_workgroup_due (self->groups, 100, &given_up));
    covey_workgroup_later (self->groups, one, 100);
    assert_null (covey_workgroup_due (self->groups, 100, &given_up));
    assert_non_null (covey_workgroup_due (self->groups, 120, &given_up));
    assert_false (given_up);
    assert_non_null (covey_workgroup_due (
        self->groups, 100 + COVEY_WORKGROUP_WAIT_MS, &given_up));
    assert_true (given_up);
}

static void
s_count_lost (void *arg, const uint8_t node_id[16])
{
    int *lost = arg;
    assert_int_equal (node_id[0], THERE);
    (*lost)++;
}

static void
test_events_of_lost_sessions_are_due_in_order (void **state)
{
    fixture_t *self = *state;
    uint8_t ids[4][16], kept[16];
    bool given_up;
    int lost = 0;
    covey_directory_entry_t *ann = s_agent_of (self, "ann", THERE, 1);
    covey_directory_entry_t *bob = s_agent (self, "bob", THERE);
    for (int i = 0; i < 4; i++)
        s_send (self, ann, ids[i]);
    s_send (self, bob, kept);
    covey_workgroup_sweep (self->groups, self->directory, 1, s_count_lost,
                           &lost);
    assert_int_equal (lost, 0);
    s_agent_of (self, "ann", THERE, 2); /* she came back, knowing nothing     */
    covey_workgroup_sweep (self->groups, self->directory, 1, s_count_lost,
                           &lost);
    assert_int_equal (lost, 1);
    for (int i = 0; i < 4; i++) {
        const covey_group_event_t *due =
            covey_workgroup_due (self->groups, 1, &given_up);
        assert_memory_equal (due->parcel->view.id, ids[i], 16);
        covey_workgroup_sent (self->groups, due, bob);
    }
    assert_null (covey_workgroup_due (self->groups, 1, &given_up));
    assert_int_equal (covey_workgroup_outstanding (self->groups, "bob"), 5);
}

static void
test_a_request_is_load_until_its_answer (void **state)
{
    fixture_t *self = *state;
    covey_directory_entry_t *ann = s_agent (self, "ann", HERE);
    uint8_t id[16];
    s_send_type (self, COVEY_EVENT_REQUEST, ann, id);
    s_done (self, id, "ann");
    assert_int_equal (covey_workgroup_outstanding (self->groups, "ann"), 1);
    /* It may have been carried out: nobody else is asked. */
    assert_false (covey_workgroup_is_open (self->groups, id));
    assert_false (s_fail (self, id, "ann", COVEY_NOAGENT, 1));
    covey_workgroup_answered (self->groups, id);
    assert_int_equal (covey_workgroup_count (self->groups), 0);
    s_send_type (self, COVEY_EVENT_REQUEST, ann, id);
    s_done (self, id, "ann");
    covey_directory_remove (self->directory, "ann", 3, s_here);
    covey_workgroup_sweep (self->groups, self->directory, 1, NULL, NULL);
    assert_int_equal (covey_workgroup_count (self->groups), 0);
}

static void
test_what_is_past_its_time_is_forgotten (void **state)
{
    fixture_t *self = *state;
    covey_directory_entry_t *ann = s_agent (self, "ann", HERE);
    for (int i = 0; i < 3; i++) {
        covey_parcel_t *parcel = support_parcel (s_new_event ());
        covey_group_event_t sent = {.parcel = parcel,
                                    .size = parcel->size,
                                    .group = self->group,
                                    .until_ms = 10 * (i + 1)};
        covey_workgroup_sent (self->groups, &sent, ann);
        if (i == 0)
            assert_true (
                s_fail (self, parcel->view.id, "ann", COVEY_NOAGENT, 1));
        covey_parcel_drop (&parcel);
    }
    assert_int_equal (covey_workgroup_expire (self->groups, 9), 0);
    /* Of two that are over, one was on its way to nobody. */
    assert_int_equal (covey_workgroup_expire (self->groups, 20), 1);
    assert_int_equal (covey_workgroup_count (self->groups), 1);
}

static void
test_bounds_are_kept (void **state)
{
    fixture_t *self = *state;
    covey_directory_entry_t *ann = s_agent (self, "ann", HERE);
    uint8_t id[16];
    assert_false (
        covey_workgroup_has_room (self->groups, COVEY_WORKGROUP_BYTES_MAX + 1));
    for (int i = 0; i < COVEY_WORKGROUP_EVENTS_MAX; i++) {
        assert_true (covey_workgroup_has_room (self->groups, 100));
        s_send (self, ann, id);
    }
    assert_false (covey_workgroup_has_room (self->groups, 100));
    covey_workgroup_forget (self->groups, id);
    assert_true (covey_workgroup_has_room (self->groups, 100));
}

static void
test_groups_make_room_when_nobody_uses_them (void **state)
{
    fixture_t *self = *state;
    static covey_group_t *used[COVEY_WORKGROUP_GROUPS_MAX];
    covey_errbuf_t err;
    char type[16];
    char *types[] = {type};
    Covey__Wire__Group selector = COVEY__WIRE__GROUP__INIT;
    selector.types = types;
    selector.n_types = 1;
    covey_group_t *group;
    for (int i = 0; i < 3 * COVEY_WORKGROUP_GROUPS_MAX; i++) {
        snprintf (type, sizeof type, "t%d", i);
        assert_int_equal (
            covey_workgroups_group (self->groups, &selector, &group, &err),
            COVEY_OK);
        covey_group_drop (&group);
    }
    for (int i = 1; i < COVEY_WORKGROUP_GROUPS_MAX; i++) {
        snprintf (type, sizeof type, "u%d", i);
        assert_int_equal (
            covey_workgroups_group (self->groups, &selector, &used[i], &err),
            COVEY_OK);
    }
    snprintf (type, sizeof type, "v");
    assert_int_equal (
        covey_workgroups_group (self->groups, &selector, &group, &err),
        COVEY_EAGAIN);
    for (int i = 1; i < COVEY_WORKGROUP_GROUPS_MAX; i++)
        covey_group_drop (&used[i]);
    char longest[COVEY_NAME_MAX + 2];
    memset (longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    types[0] = longest;
    assert_int_equal (
        covey_workgroups_group (self->groups, &selector, &group, &err),
        COVEY_INVALID);
    assert_non_null (strstr (err.text, "257"));
}

/*  Whatever happens, an event is at one member, due, or gone for a reason.  */
static void
test_nothing_gets_lost_in_many_random_lives (void **state)
{
    fixture_t *self = *state;
    covey_prng_t prng;
    covey_prng_init (&prng, 7);
    enum { EVENTS = 200, AGENTS = 5 };
    static const char *const names[AGENTS] = {"ann", "bob", "cat", "dan",
                                              "eve"};
    static uint8_t ids[EVENTS][16];
    static const char *at[EVENTS]; /* NULL: done */
    uint8_t life = 10;
    for (int a = 0; a < AGENTS; a++)
        s_agent_of (self, names[a], HERE, life++);
    for (int i = 0; i < EVENTS; i++) {
        const covey_directory_entry_t *member = s_pick (self);
        s_send (self, member, ids[i]);
        for (int a = 0; a < AGENTS; a++)
            if (strcmp (names[a], member->id) == 0)
                at[i] = names[a];
    }
    size_t done = 0;
    for (int64_t now_ms = 1; done < EVENTS && now_ms < 100000; now_ms++) {
        size_t i = covey_prng_below (&prng, EVENTS);
        uint64_t what = covey_prng_below (&prng, 10);
        if (what == 0)
            s_agent_of (self, names[covey_prng_below (&prng, AGENTS)], HERE,
                        life++ % 200);
        covey_workgroup_sweep (self->groups, self->directory, now_ms, NULL,
                               NULL);
        bool given_up;
        const covey_group_event_t *due =
            covey_workgroup_due (self->groups, now_ms, &given_up);
        if (due && !given_up) {
            const covey_directory_entry_t *member = s_pick (self);
            for (int k = 0; k < EVENTS; k++)
                if (memcmp (ids[k], due->parcel->view.id, 16) == 0)
                    for (int a = 0; a < AGENTS; a++)
                        if (strcmp (names[a], member->id) == 0)
                            at[k] = names[a];
            covey_workgroup_sent (self->groups, due, member);
        } else if (due) {
            for (int k = 0; k < EVENTS; k++)
                if (memcmp (ids[k], due->parcel->view.id, 16) == 0)
                    at[k] = NULL;
            covey_workgroup_forget (self->groups, due->parcel->view.id);
            done++;
        } else if (at[i] && covey_workgroup_is_open (self->groups, ids[i])) {
            s_done (self, ids[i], at[i]);
            at[i] = NULL;
            done++;
        }
        assert_int_equal (covey_workgroup_count (self->groups), EVENTS - done);
    }
    assert_int_equal (done, EVENTS);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
        T (test_only_those_that_match_are_chosen_and_never_the_sender),
        T (test_a_change_of_the_directory_is_seen),
        T (test_a_swarm_restricts_further),
        T (test_equals_are_chosen_by_lot),
        T (test_the_least_loaded_is_chosen),
        T (test_here_comes_first_up_to_its_lead),
        T (test_who_cannot_take_it_is_passed_over),
        T (test_an_event_is_kept_until_its_member_is_done),
        T (test_what_fails_is_due_and_goes_to_another),
        T (test_a_full_queue_pauses_and_tries_end),
        T (test_nobody_takes_it_for_too_long),
        T (test_events_of_lost_sessions_are_due_in_order),
        T (test_a_request_is_load_until_its_answer),
        T (test_what_is_past_its_time_is_forgotten),
        T (test_bounds_are_kept),
        T (test_groups_make_room_when_nobody_uses_them),
        T (test_nothing_gets_lost_in_many_random_lives),
#undef T
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
