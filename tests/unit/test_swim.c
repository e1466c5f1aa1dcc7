/*  swim: one core, whose peers are played by the test                       */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "node/swim.h"

#define SENT_MAX 16384

static void
s_id (uint8_t id[16], unsigned number)
{
    memset (id, 0xab, 16);
    id[14] = (uint8_t)(number >> 8);
    id[15] = (uint8_t)number;
}

/* ---- one core ----------------------------------------------------------- */

typedef struct {
    covey_swim_kind_t kind;
    unsigned to;
    uint32_t seq;
    bool nack;
    bool want;
    size_t count;
    covey_swim_update_t updates[4]; /* the first; without their texts */
} sent_t;

typedef struct {
    covey_swim_t *swim;
    int64_t now_ms;
    sent_t sent[SENT_MAX];
    size_t sent_count;
    char changes[4096]; /* "2 joined; 2 suspected by 3 at 0; " */
    char refusal[400];
    int left;
} fixture_t;

static void
s_on_send (void *arg, const uint8_t *id, const char *address,
           const covey_swim_message_t *message)
{
    fixture_t *self = arg;
    assert_true (self->sent_count < SENT_MAX);
    sent_t *one = &self->sent[self->sent_count++];
    memset (one, 0, sizeof *one);
    one->kind = message->kind;
    one->to = id ? id[15] : (unsigned)strtoul (address + 1, NULL, 10);
    one->seq = message->seq;
    one->nack = message->nack;
    one->want = message->want;
    one->count = message->update_count;
    for (size_t i = 0; i < message->update_count && i < 4; i++)
        one->updates[i] = message->updates[i];
}

static void
s_on_changed (void *arg, const covey_swim_member_t *member,
              covey_swim_change_t change, const char *reason)
{
    static const char *const names[] = {"joined", "suspected", "failed",
                                        "recovered", "left"};
    (void)reason;
    fixture_t *self = arg;
    size_t used = strlen (self->changes);
    int more = snprintf (self->changes + used, sizeof self->changes - used,
                         "%d %s", member->id[15], names[change]);
    used += (size_t)more;
    if (change == COVEY_SWIM_BECAME_SUSPECTED ||
        change == COVEY_SWIM_BECAME_FAILED)
        snprintf (self->changes + used, sizeof self->changes - used,
                  " by %d at %d", member->accuser[15], member->health);
    used = strlen (self->changes);
    snprintf (self->changes + used, sizeof self->changes - used, "; ");
}

static void
s_on_refused (void *arg, const char *address, const char *text)
{
    fixture_t *self = arg;
    snprintf (self->refusal, sizeof self->refusal, "%s: %s", address, text);
}

static void
s_on_left (void *arg)
{
    fixture_t *self = arg;
    self->left++;
}

static void
s_step (fixture_t *self, covey_swim_event_t event)
{
    event.now_ms = self->now_ms;
    assert_int_equal (covey_swim_step (self->swim, &event), COVEY_OK);
}

/*  Node 1, in epoch 10; `config` changes what it wants, or is NULL.          */
static fixture_t *
s_new (void (*change) (covey_swim_config_t *config))
{
    fixture_t *self = calloc (1, sizeof *self);
    covey_swim_config_t config;
    covey_swim_config_init (&config);
    s_id (config.id, 1);
    config.epoch = 10;
    config.mesh = "m";
    config.address = "a1";
    if (change)
        change (&config);
    covey_swim_callbacks_t callbacks = {.arg = self,
                                        .send = s_on_send,
                                        .changed = s_on_changed,
                                        .refused = s_on_refused,
                                        .left = s_on_left};
    self->swim = covey_swim_new (&config, &callbacks, 1);
    self->now_ms = 1000;
    s_step (self, (covey_swim_event_t){.kind = COVEY_SWIM_TICK});
    return self;
}

static void
s_free (fixture_t *self)
{
    covey_swim_destroy (&self->swim);
    covey_swim_destroy (&self->swim);
    free (self);
}

static void
s_run_to (fixture_t *self, int64_t until_ms)
{
    while (covey_swim_next_ms (self->swim) <= until_ms) {
        self->now_ms = covey_swim_next_ms (self->swim);
        s_step (self, (covey_swim_event_t){.kind = COVEY_SWIM_TICK});
    }
    self->now_ms = until_ms;
}

static covey_swim_message_t
s_message (covey_swim_kind_t kind, unsigned from)
{
    static const char *const addresses[] = {"a0", "a1", "a2", "a3", "a4",
                                            "a5", "a6", "a7", "a8", "a9"};
    covey_swim_message_t message = {.kind = kind,
                                    .mesh = covey_str_hash ("m", 1),
                                    .address = addresses[from]};
    s_id (message.from, from);
    return message;
}

static void
s_hear (fixture_t *self, const covey_swim_message_t *message)
{
    s_step (self, (covey_swim_event_t){.kind = COVEY_SWIM_MESSAGE,
                                       .message = message});
}

/*  Node 9 says that of `about`; with epoch and incarnation.                 */
static void
s_claim (fixture_t *self, unsigned about, covey_swim_state_t state,
         uint64_t epoch, uint32_t incarnation, unsigned accuser)
{
    char address[8];
    snprintf (address, sizeof address, "a%u", about);
    covey_swim_update_t update = {.epoch = epoch,
                                  .incarnation = incarnation,
                                  .state = state,
                                  .address = address};
    s_id (update.id, about);
    if (accuser)
        s_id (update.accuser, accuser);
    covey_swim_message_t message = s_message (COVEY_SWIM_GOSSIP, 9);
    message.updates = &update;
    message.update_count = 1;
    s_hear (self, &message);
}

static void
s_expect (fixture_t *self, const char *changes)
{
    assert_string_equal (self->changes, changes);
    self->changes[0] = '\0';
}

static const sent_t *
s_find_sent (const fixture_t *self, covey_swim_kind_t kind)
{
    for (size_t i = self->sent_count; i-- > 0;)
        if (self->sent[i].kind == kind)
            return &self->sent[i];
    return NULL;
}

static size_t
s_count_sent (const fixture_t *self, covey_swim_kind_t kind)
{
    size_t count = 0;
    for (size_t i = 0; i < self->sent_count; i++)
        count += self->sent[i].kind == kind;
    return count;
}

/*  Every cell of the table in swim.h: from each state, each claim, older, equal
    and newer. "-": nothing is told.                                          */
static void
test_each_claim_in_each_state (void **state)
{
    (void)state;
    static const struct {
        covey_swim_state_t from; /* at incarnation 5 */
        covey_swim_state_t claim;
        const char *at[3]; /* incarnation 4, 5, 6 */
    } cells[] = {
        {COVEY_SWIM_ALIVE, COVEY_SWIM_ALIVE, {"", "", ""}},
        {COVEY_SWIM_ALIVE,
         COVEY_SWIM_SUSPECTED,
         {"", "2 suspected by 4 at 0; ", "2 suspected by 4 at 0; "}},
        {COVEY_SWIM_ALIVE,
         COVEY_SWIM_FAILED,
         {"", "2 failed by 4 at 0; ", "2 failed by 4 at 0; "}},
        {COVEY_SWIM_ALIVE,
         COVEY_SWIM_LEFT,
         {"2 left; ", "2 left; ", "2 left; "}},
        {COVEY_SWIM_SUSPECTED, COVEY_SWIM_ALIVE, {"", "", "2 recovered; "}},
        {COVEY_SWIM_SUSPECTED, COVEY_SWIM_SUSPECTED, {"", "", ""}},
        {COVEY_SWIM_SUSPECTED,
         COVEY_SWIM_FAILED,
         {"", "2 failed by 4 at 0; ", "2 failed by 4 at 0; "}},
        {COVEY_SWIM_SUSPECTED,
         COVEY_SWIM_LEFT,
         {"2 left; ", "2 left; ", "2 left; "}},
        {COVEY_SWIM_FAILED, COVEY_SWIM_ALIVE, {"", "", "2 recovered; "}},
        {COVEY_SWIM_FAILED, COVEY_SWIM_SUSPECTED, {"", "", ""}},
        {COVEY_SWIM_FAILED, COVEY_SWIM_FAILED, {"", "", ""}},
        {COVEY_SWIM_FAILED,
         COVEY_SWIM_LEFT,
         {"2 left; ", "2 left; ", "2 left; "}},
        {COVEY_SWIM_LEFT, COVEY_SWIM_ALIVE, {"", "", ""}},
        {COVEY_SWIM_LEFT, COVEY_SWIM_SUSPECTED, {"", "", ""}},
        {COVEY_SWIM_LEFT, COVEY_SWIM_FAILED, {"", "", ""}},
        {COVEY_SWIM_LEFT, COVEY_SWIM_LEFT, {"", "", ""}},
    };
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        for (uint32_t newer = 0; newer < 3; newer++) {
            fixture_t *self = s_new (NULL);
            s_claim (self, 2, COVEY_SWIM_ALIVE, 1, 5, 0);
            s_claim (self, 2, cells[i].from, 1, 5, 3);
            self->changes[0] = '\0';
            s_claim (self, 2, cells[i].claim, 1, 4 + newer, 4);
            s_expect (self, cells[i].at[newer]);
            /* a later life always counts, an older one never */
            const uint8_t *id = covey_swim_at (self->swim, 0)->id;
            bool lived =
                covey_swim_find (self->swim, id)->state <= COVEY_SWIM_SUSPECTED;
            s_claim (self, 2, COVEY_SWIM_ALIVE, 2, 1, 0);
            s_expect (self,
                      lived ? "2 failed by 0 at 0; 2 joined; " : "2 joined; ");
            s_claim (self, 2, COVEY_SWIM_FAILED, 1, 99, 4);
            s_expect (self, "");
            s_free (self);
        }
}

static void
test_a_memory_of_the_gone_is_no_news_but_keeps_old_claims_out (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    s_claim (self, 2, COVEY_SWIM_LEFT, 1, 3, 0);
    s_claim (self, 3, COVEY_SWIM_FAILED, 1, 3, 4);
    s_claim (self, 2, COVEY_SWIM_ALIVE, 1, 9, 0);
    s_claim (self, 3, COVEY_SWIM_ALIVE, 1, 3, 0);
    s_expect (self, "");
    assert_int_equal (covey_swim_live (self->swim), 0);
    s_claim (self, 3, COVEY_SWIM_ALIVE, 1, 4, 0);
    s_expect (self, "3 recovered; ");
    s_free (self);
}

static void
test_we_refute_what_is_said_of_us (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    s_claim (self, 2, COVEY_SWIM_ALIVE, 1, 1, 0);
    s_claim (self, 1, COVEY_SWIM_SUSPECTED, 10, 1, 2);
    assert_int_equal (covey_swim_incarnation (self->swim), 2);
    assert_int_equal (covey_swim_health (self->swim), 1);
    s_claim (self, 1, COVEY_SWIM_FAILED, 10, 7, 2);
    assert_int_equal (covey_swim_incarnation (self->swim), 8);
    /* already refuted, an old life, a lie, and one that has no answer */
    s_claim (self, 1, COVEY_SWIM_SUSPECTED, 10, 7, 2);
    s_claim (self, 1, COVEY_SWIM_FAILED, 9, 50, 2);
    s_claim (self, 1, COVEY_SWIM_LEFT, 10, 50, 0);
    s_claim (self, 1, COVEY_SWIM_FAILED, 10, UINT32_MAX, 2);
    s_claim (self, 1, COVEY_SWIM_ALIVE, 11, 1, 0);
    assert_int_equal (covey_swim_incarnation (self->swim), 8);
    assert_int_equal (covey_swim_stats (self->swim)->refutations, 2);
    assert_int_equal (covey_swim_stats (self->swim)->invalid, 3);
    /* whoever pings us hears it */
    covey_swim_message_t ping = s_message (COVEY_SWIM_PING, 2);
    s_id (ping.target, 1);
    ping.seq = 77;
    s_hear (self, &ping);
    const sent_t *ack = s_find_sent (self, COVEY_SWIM_ACK);
    assert_int_equal (ack->seq, 77);
    assert_int_equal (ack->updates[0].incarnation, 8);
    s_expect (self, "2 joined; ");
    s_free (self);
}

/*  Members 2..6; returns the id of the one that is probed.                  */
static unsigned
s_until_probe (fixture_t *self)
{
    for (unsigned i = 2; i <= 6; i++)
        s_claim (self, i, COVEY_SWIM_ALIVE, 1, 1, 0);
    self->changes[0] = '\0';
    while (!s_find_sent (self, COVEY_SWIM_PING))
        s_run_to (self, covey_swim_next_ms (self->swim));
    return s_find_sent (self, COVEY_SWIM_PING)->to;
}

static void
test_a_silent_member_is_asked_through_three_others_then_suspected (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    unsigned target = s_until_probe (self);
    int64_t start_ms = self->now_ms;
    s_run_to (self, start_ms + 499);
    assert_int_equal (s_count_sent (self, COVEY_SWIM_PING_REQ), 0);
    s_run_to (self, start_ms + 500);
    assert_int_equal (s_count_sent (self, COVEY_SWIM_PING_REQ), 3);
    assert_int_equal (s_count_sent (self, COVEY_SWIM_PING), 2);
    assert_true (s_find_sent (self, COVEY_SWIM_PING_REQ)->nack);
    /* two of three helpers say nack: one is missing, so our health is 1 */
    uint32_t seq = s_find_sent (self, COVEY_SWIM_PING)->seq;
    unsigned said = 0;
    for (size_t i = 0; i < self->sent_count && said < 2; i++) {
        if (self->sent[i].kind != COVEY_SWIM_PING_REQ)
            continue;
        covey_swim_message_t nack =
            s_message (COVEY_SWIM_NACK, self->sent[i].to);
        nack.seq = seq;
        s_hear (self, &nack);
        s_hear (self, &nack); /* counts once */
        said++;
    }
    s_run_to (self, start_ms + 999);
    s_expect (self, "");
    s_run_to (self, start_ms + 1000);
    char expected[40];
    snprintf (expected, sizeof expected, "%u suspected by 1 at 1; ", target);
    s_expect (self, expected);
    assert_int_equal (covey_swim_health (self->swim), 1);
    /* two others agree: 3 s after the accusation it counts as failed */
    s_claim (self, target, COVEY_SWIM_SUSPECTED, 1, 1, 7);
    s_claim (self, target, COVEY_SWIM_SUSPECTED, 1, 1, 8);
    s_expect (self, "");
    while (!self->changes[0] && self->now_ms < start_ms + 20000) {
        s_run_to (self, self->now_ms + 1);
        const sent_t *ping = s_find_sent (self, COVEY_SWIM_PING);
        covey_swim_message_t ack = s_message (COVEY_SWIM_ACK, ping->to);
        ack.seq = ping->seq;
        s_id (ack.target, ping->to);
        if (ping->to != target)
            s_hear (self, &ack);
    }
    assert_int_equal (self->now_ms, start_ms + 1000 + 3000);
    snprintf (expected, sizeof expected, "%u failed by 1 at", target);
    assert_memory_equal (self->changes, expected, strlen (expected));
    s_free (self);
}

static void
test_an_ack_even_through_others_ends_the_probe (void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        fixture_t *self = s_new (NULL);
        unsigned target = s_until_probe (self);
        int64_t start_ms = self->now_ms;
        s_run_to (self, start_ms + 700);
        uint8_t id[16];
        s_id (id, target);
        covey_swim_message_t ack =
            s_message (COVEY_SWIM_ACK, way == 0 ? target : 9);
        ack.seq = s_find_sent (self, COVEY_SWIM_PING)->seq;
        s_id (ack.target, target);
        if (way < 2)
            s_hear (self, &ack);
        else
            s_step (self,
                    (covey_swim_event_t){.kind = COVEY_SWIM_HEARD, .id = id});
        s_run_to (self, start_ms + 1100);
        s_expect (self, "");
        s_free (self);
    }
}

static void
test_a_probe_for_another_is_answered_with_ack_or_nack (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    s_claim (self, 2, COVEY_SWIM_ALIVE, 1, 1, 0);
    s_claim (self, 3, COVEY_SWIM_ALIVE, 1, 1, 0);
    covey_swim_message_t request = s_message (COVEY_SWIM_PING_REQ, 2);
    request.seq = 42;
    request.nack = true;
    s_id (request.target, 3);
    s_hear (self, &request);
    const sent_t *ping = s_find_sent (self, COVEY_SWIM_PING);
    assert_int_equal (ping->to, 3);
    covey_swim_message_t ack = s_message (COVEY_SWIM_ACK, 3);
    ack.seq = ping->seq;
    s_id (ack.target, 3);
    s_hear (self, &ack);
    assert_int_equal (s_find_sent (self, COVEY_SWIM_ACK)->to, 2);
    assert_int_equal (s_find_sent (self, COVEY_SWIM_ACK)->seq, 42);
    int64_t asked_ms = self->now_ms;
    s_hear (self, &request);
    s_run_to (self, asked_ms + 399);
    assert_null (s_find_sent (self, COVEY_SWIM_NACK));
    s_run_to (self, asked_ms + 400);
    assert_int_equal (s_find_sent (self, COVEY_SWIM_NACK)->to, 2);
    assert_int_equal (s_find_sent (self, COVEY_SWIM_NACK)->seq, 42);
    s_id (request.target, 8); /* never heard of */
    request.seq = 43;
    s_hear (self, &request);
    assert_int_equal (s_find_sent (self, COVEY_SWIM_NACK)->seq, 43);
    /* a flood of them takes the place of older ones, no more */
    s_id (request.target, 3);
    for (int i = 0; i < 3 * COVEY_SWIM_RELAYS_MAX; i++)
        s_hear (self, &request);
    size_t before = s_count_sent (self, COVEY_SWIM_NACK);
    s_run_to (self, self->now_ms + 450);
    assert_int_equal (s_count_sent (self, COVEY_SWIM_NACK) - before,
                      COVEY_SWIM_RELAYS_MAX);
    s_free (self);
}

static void
s_without_lifeguard (covey_swim_config_t *config)
{
    config->lifeguard = false;
}

static void
test_who_slept_doubts_itself_first (void **state)
{
    (void)state;
    for (int guarded = 0; guarded < 2; guarded++) {
        fixture_t *self = s_new (guarded ? NULL : s_without_lifeguard);
        s_until_probe (self);
        self->now_ms += 5000; /* the ack waits to be read */
        s_step (self, (covey_swim_event_t){.kind = COVEY_SWIM_TICK});
        assert_int_equal (self->changes[0] != '\0', !guarded);
        assert_int_equal (covey_swim_health (self->swim), guarded);
        assert_int_equal (covey_swim_stats (self->swim)->slept, guarded);
        s_free (self);
    }
}

static void
test_health_stretches_the_probes_within_its_bounds (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    for (uint32_t i = 1; i < 20; i++)
        s_claim (self, 1, COVEY_SWIM_SUSPECTED, 10, i, 2);
    assert_int_equal (covey_swim_health (self->swim), 7);
    s_until_probe (self);
    int64_t start_ms = self->now_ms;
    s_run_to (self, start_ms + 8 * 500 - 1);
    assert_int_equal (s_count_sent (self, COVEY_SWIM_PING_REQ), 0);
    s_run_to (self, start_ms + 8 * 500);
    assert_int_equal (s_count_sent (self, COVEY_SWIM_PING_REQ), 3);
    s_free (self);
}

static void
test_another_mesh_is_refused_with_a_reason (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    covey_swim_message_t sync = s_message (COVEY_SWIM_SYNC, 2);
    sync.mesh = 1;
    covey_swim_event_t event = {
        .kind = COVEY_SWIM_MESSAGE, .now_ms = self->now_ms, .message = &sync};
    assert_int_equal (covey_swim_step (self->swim, &event), COVEY_DENIED);
    assert_non_null (s_find_sent (self, COVEY_SWIM_REFUSE));
    assert_int_equal (covey_swim_stats (self->swim)->foreign, 1);
    /* and the other way round */
    s_step (self,
            (covey_swim_event_t){.kind = COVEY_SWIM_JOIN, .address = "a5"});
    s_run_to (self, self->now_ms);
    covey_swim_message_t refuse = s_message (COVEY_SWIM_REFUSE, 5);
    refuse.seq = s_find_sent (self, COVEY_SWIM_SYNC)->seq;
    refuse.mesh = 1;
    refuse.text = "no";
    s_hear (self, &refuse);
    assert_string_equal (self->refusal, "a5: no");
    s_free (self);
}

static void
test_seeds_are_retried_with_growing_pauses_hints_given_up (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    s_step (self,
            (covey_swim_event_t){.kind = COVEY_SWIM_HINT, .address = "a6"});
    s_run_to (self, 3600 * 1000);
    assert_int_equal (s_count_sent (self, COVEY_SWIM_SYNC),
                      COVEY_SWIM_HINT_TRIES);
    self->sent_count = 0;
    s_step (self,
            (covey_swim_event_t){.kind = COVEY_SWIM_JOIN, .address = "a5"});
    s_run_to (self, self->now_ms + 3600 * 1000);
    assert_in_range (s_count_sent (self, COVEY_SWIM_SYNC), 100, 170);
    /* its answer brings the members, and peace */
    covey_swim_update_t update = {.epoch = 1, .incarnation = 1, .address = "x"};
    s_id (update.id, 5);
    covey_swim_message_t reply = s_message (COVEY_SWIM_STATE, 5);
    reply.seq = s_find_sent (self, COVEY_SWIM_SYNC)->seq;
    reply.want = true;
    reply.updates = &update;
    reply.update_count = 1;
    s_hear (self, &reply);
    s_expect (self, "5 joined; ");
    assert_int_equal (s_find_sent (self, COVEY_SWIM_STATE)->to, 5);
    char address[COVEY_SWIM_ADDRESS_MAX + 2];
    memset (address, 'a', sizeof address);
    address[COVEY_SWIM_ADDRESS_MAX + 1] = '\0';
    covey_swim_event_t event = {
        .kind = COVEY_SWIM_JOIN, .now_ms = self->now_ms, .address = address};
    assert_int_equal (covey_swim_step (self->swim, &event), COVEY_INVALID);
    event.address = address + 240;
    for (int i = 0; i < COVEY_SWIM_SEEDS_MAX - 1; i++) {
        assert_int_equal (covey_swim_step (self->swim, &event), COVEY_OK);
        event.address++;
        if (!*event.address)
            break;
    }
    s_free (self);
}

static void
s_with_room_for_four (covey_swim_config_t *config)
{
    config->members_max = 4;
}

static void
test_the_table_is_bounded_and_the_gone_make_room (void **state)
{
    (void)state;
    fixture_t *self = s_new (s_with_room_for_four);
    for (unsigned i = 2; i <= 6; i++)
        s_claim (self, i, COVEY_SWIM_ALIVE, 1, 1, 0);
    s_expect (self, "2 joined; 3 joined; 4 joined; 5 joined; ");
    assert_int_equal (covey_swim_stats (self->swim)->refused, 1);
    s_claim (self, 3, COVEY_SWIM_LEFT, 1, 1, 0);
    s_claim (self, 6, COVEY_SWIM_ALIVE, 1, 1, 0);
    s_expect (self, "3 left; 6 joined; ");
    assert_int_equal (covey_swim_count (self->swim), 4);
    s_free (self);
}

static void
test_hearsay_of_failure_is_only_doubt (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    s_claim (self, 2, COVEY_SWIM_ALIVE, 1, 1, 0);
    covey_swim_update_t update = {
        .epoch = 1, .incarnation = 1, .state = COVEY_SWIM_FAILED};
    s_id (update.id, 2);
    covey_swim_message_t full = s_message (COVEY_SWIM_STATE, 9);
    full.updates = &update;
    full.update_count = 1;
    s_hear (self, &full);
    s_expect (self, "2 joined; 2 suspected by 9 at 0; ");
    /* the buddy system: what we send it begins with that */
    covey_swim_message_t ping = s_message (COVEY_SWIM_PING, 2);
    s_id (ping.target, 1);
    s_hear (self, &ping);
    const sent_t *ack = s_find_sent (self, COVEY_SWIM_ACK);
    assert_int_equal (ack->updates[0].id[15], 2);
    assert_int_equal (ack->updates[0].state, COVEY_SWIM_SUSPECTED);
    s_free (self);
}

/*  Node `from` asks `times` times whether we live; our last answer.         */
static const sent_t *
s_pinged_by (fixture_t *self, unsigned from, int times)
{
    covey_swim_message_t ping = s_message (COVEY_SWIM_PING, from);
    s_id (ping.target, 1);
    ping.digest = covey_swim_digest (self->swim);
    for (int i = 0; i < times; i++)
        s_hear (self, &ping);
    return s_find_sent (self, COVEY_SWIM_ACK);
}

static void
test_a_suspect_is_always_told_and_new_accusers_are_news (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    for (unsigned i = 2; i <= 5; i++)
        s_claim (self, i, COVEY_SWIM_ALIVE, 1, 1, 0);
    s_claim (self, 2, COVEY_SWIM_SUSPECTED, 1, 1, 3);
    assert_int_equal (s_pinged_by (self, 5, 30)->count, 0); /* all is told */
    assert_int_equal (s_pinged_by (self, 2, 30)->count, 1);
    s_claim (self, 2, COVEY_SWIM_SUSPECTED, 1, 1, 3); /* again: no news */
    assert_int_equal (s_pinged_by (self, 5, 1)->count, 0);
    s_claim (self, 2, COVEY_SWIM_SUSPECTED, 1, 1, 4);
    const sent_t *ack = s_pinged_by (self, 5, 1);
    assert_int_equal (ack->count, 1);
    assert_int_equal (ack->updates[0].accuser[15], 4);
    s_free (self);
}

static void
test_failed_members_are_called_now_and_then (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    s_claim (self, 2, COVEY_SWIM_ALIVE, 1, 1, 0);
    s_claim (self, 2, COVEY_SWIM_FAILED, 1, 1, 3);
    s_run_to (self, self->now_ms + 60000);
    assert_in_range (s_count_sent (self, COVEY_SWIM_SYNC), 4, 8);
    s_run_to (self, self->now_ms + 24 * 3600 * 1000);
    assert_int_equal (covey_swim_count (self->swim), 0); /* forgotten */
    s_free (self);
}

static void
test_different_digests_in_pings_lead_to_an_exchange (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    s_claim (self, 2, COVEY_SWIM_ALIVE, 1, 1, 0);
    covey_swim_message_t ping = s_message (COVEY_SWIM_PING, 2);
    s_id (ping.target, 1);
    for (int i = 0; i < 10; i++) {
        ping.digest = i % 3 == 2 ? covey_swim_digest (self->swim) : 1;
        s_hear (self, &ping);
    }
    assert_null (s_find_sent (self, COVEY_SWIM_SYNC));
    ping.digest = 1;
    for (int i = 0; i < COVEY_SWIM_STRANGERS_MAX; i++)
        s_hear (self, &ping);
    assert_int_equal (s_find_sent (self, COVEY_SWIM_SYNC)->to, 2);
    s_free (self);
}

static void
test_a_large_state_comes_in_parts (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    for (unsigned i = 0; i < 600; i++) {
        covey_swim_update_t update = {
            .epoch = 1, .incarnation = 1, .address = "a"};
        s_id (update.id, 1000 + i);
        covey_swim_message_t message = s_message (COVEY_SWIM_GOSSIP, 9);
        message.updates = &update;
        message.update_count = 1;
        s_hear (self, &message);
    }
    covey_swim_message_t sync = s_message (COVEY_SWIM_SYNC, 9);
    s_hear (self, &sync);
    size_t total = 0, wants = 0;
    for (size_t i = 0; i < self->sent_count; i++) {
        if (self->sent[i].kind != COVEY_SWIM_STATE)
            continue;
        total += self->sent[i].count;
        wants += self->sent[i].want;
        assert_true (self->sent[i].count <= COVEY_SWIM_UPDATES_MAX);
    }
    assert_int_equal (total, 601); /* and ourselves */
    assert_int_equal (wants, 1);
    sync.digest = covey_swim_digest (self->swim);
    self->sent_count = 0;
    s_hear (self, &sync);
    assert_null (s_find_sent (self, COVEY_SWIM_STATE));
    assert_non_null (s_find_sent (self, COVEY_SWIM_ACK));
    s_free (self);
}

static void
test_who_leaves_says_so_and_stays_a_moment (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    s_claim (self, 2, COVEY_SWIM_ALIVE, 1, 1, 0);
    int64_t start_ms = self->now_ms;
    s_step (self, (covey_swim_event_t){.kind = COVEY_SWIM_LEAVE});
    s_run_to (self, start_ms + 999);
    assert_int_equal (self->left, 0);
    const sent_t *gossip = s_find_sent (self, COVEY_SWIM_GOSSIP);
    assert_int_equal (gossip->updates[0].id[15], 1);
    assert_int_equal (gossip->updates[0].state, COVEY_SWIM_LEFT);
    s_run_to (self, start_ms + 1000);
    assert_int_equal (self->left, 1);
    covey_swim_event_t event = {.kind = COVEY_SWIM_LEAVE,
                                .now_ms = self->now_ms};
    assert_int_equal (covey_swim_step (self->swim, &event), COVEY_STATE);
    assert_int_equal (s_count_sent (self, COVEY_SWIM_PING), 0);
    s_free (self);
}

static void
test_a_doubted_member_is_probed_next (void **state)
{
    (void)state;
    for (unsigned doubted = 2; doubted <= 6; doubted++) {
        fixture_t *self = s_new (NULL);
        for (unsigned i = 2; i <= 6; i++)
            s_claim (self, i, COVEY_SWIM_ALIVE, 1, 1, 0);
        uint8_t id[16];
        s_id (id, doubted);
        s_step (self, (covey_swim_event_t){.kind = COVEY_SWIM_DOUBT, .id = id});
        assert_int_equal (s_until_probe (self), doubted);
        s_free (self);
    }
}

static void
test_a_broken_connection_is_judged_in_half_the_time (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    uint8_t id[16];
    s_id (id, 4);
    for (unsigned i = 2; i <= 6; i++)
        s_claim (self, i, COVEY_SWIM_ALIVE, 1, 1, 0);
    self->changes[0] = '\0';
    int64_t start_ms = self->now_ms;
    s_step (self, (covey_swim_event_t){.kind = COVEY_SWIM_DOUBT, .id = id});
    assert_int_equal (s_find_sent (self, COVEY_SWIM_PING)->to, 4);
    s_run_to (self, start_ms); /* others are asked in the same moment         */
    assert_int_equal (s_count_sent (self, COVEY_SWIM_PING_REQ), 3);
    s_run_to (self, start_ms + 499);
    s_expect (self, "");
    s_run_to (self, start_ms + 500);
    assert_memory_equal (self->changes, "4 suspected by 1", 16);
    s_free (self);
}

static void
test_what_a_node_says_of_itself_is_followed (void **state)
{
    (void)state;
    fixture_t *self = s_new (NULL);
    covey_swim_update_t claim = {.epoch = 5, .incarnation = 1, .address = "a4"};
    covey_swim_event_t said = {.kind = COVEY_SWIM_CLAIM, .claim = &claim};
    covey_swim_event_t tell = {.kind = COVEY_SWIM_TELL, .id = claim.id};
    s_id (claim.id, 4);
    s_step (self, said);
    s_expect (self, "4 joined; ");
    s_claim (self, 4, COVEY_SWIM_FAILED, 5, 1, 9);
    self->changes[0] = '\0';
    s_step (self, said); /* no refutation: it did not hear of it yet          */
    s_expect (self, "");
    s_step (self, tell);
    const sent_t *ping = s_find_sent (self, COVEY_SWIM_PING);
    assert_int_equal (ping->to, 4);
    assert_int_equal (ping->updates[0].state, COVEY_SWIM_FAILED);
    claim.incarnation = 2;
    s_step (self, said);
    s_expect (self, "4 recovered; ");
    s_step (self,
            (covey_swim_event_t){.kind = COVEY_SWIM_EXCHANGE, .id = claim.id});
    assert_int_equal (s_find_sent (self, COVEY_SWIM_SYNC)->to, 4);
    claim.state = COVEY_SWIM_LEFT;
    s_step (self, said);
    s_expect (self, "4 left; ");
    s_free (self);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_each_claim_in_each_state),
        cmocka_unit_test (
            test_a_memory_of_the_gone_is_no_news_but_keeps_old_claims_out),
        cmocka_unit_test (test_we_refute_what_is_said_of_us),
        cmocka_unit_test (
            test_a_silent_member_is_asked_through_three_others_then_suspected),
        cmocka_unit_test (test_an_ack_even_through_others_ends_the_probe),
        cmocka_unit_test (
            test_a_probe_for_another_is_answered_with_ack_or_nack),
        cmocka_unit_test (test_who_slept_doubts_itself_first),
        cmocka_unit_test (test_health_stretches_the_probes_within_its_bounds),
        cmocka_unit_test (test_another_mesh_is_refused_with_a_reason),
        cmocka_unit_test (
            test_seeds_are_retried_with_growing_pauses_hints_given_up),
        cmocka_unit_test (test_the_table_is_bounded_and_the_gone_make_room),
        cmocka_unit_test (test_hearsay_of_failure_is_only_doubt),
        cmocka_unit_test (
            test_a_suspect_is_always_told_and_new_accusers_are_news),
        cmocka_unit_test (test_failed_members_are_called_now_and_then),
        cmocka_unit_test (test_different_digests_in_pings_lead_to_an_exchange),
        cmocka_unit_test (test_a_large_state_comes_in_parts),
        cmocka_unit_test (test_who_leaves_says_so_and_stays_a_moment),
        cmocka_unit_test (test_a_doubted_member_is_probed_next),
        cmocka_unit_test (test_a_broken_connection_is_judged_in_half_the_time),
        cmocka_unit_test (test_what_a_node_says_of_itself_is_followed),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
