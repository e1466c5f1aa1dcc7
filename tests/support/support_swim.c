#include "tests/support/support_swim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

void
support_swim_id (uint8_t id[16], unsigned number)
{
    memset (id, 0xab, 16);
    id[14] = (uint8_t)(number >> 8);
    id[15] = (uint8_t)number;
}

static void
s_on_send (void *arg, const uint8_t *id, const char *address,
           const covey_swim_message_t *message)
{
    support_swim_t *self = arg;
    assert_true (self->sent_count < SUPPORT_SWIM_SENT_MAX);
    support_swim_sent_t *one = &self->sent[self->sent_count++];
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
    support_swim_t *self = arg;
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
    support_swim_t *self = arg;
    snprintf (self->refusal, sizeof self->refusal, "%s: %s", address, text);
}

static void
s_on_left (void *arg)
{
    support_swim_t *self = arg;
    self->left++;
}

void
support_swim_step (support_swim_t *self, covey_swim_event_t event)
{
    event.now_ms = self->now_ms;
    assert_int_equal (covey_swim_step (self->swim, &event), COVEY_OK);
}

support_swim_t *
support_swim_new (void (*change) (covey_swim_config_t *config))
{
    support_swim_t *self = calloc (1, sizeof *self);
    covey_swim_config_t config;
    covey_swim_config_init (&config);
    support_swim_id (config.id, 1);
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
    support_swim_step (self, (covey_swim_event_t){.kind = COVEY_SWIM_TICK});
    return self;
}

void
support_swim_free (support_swim_t *self)
{
    covey_swim_destroy (&self->swim);
    covey_swim_destroy (&self->swim);
    free (self);
}

void
support_swim_run_to (support_swim_t *self, int64_t until_ms)
{
    while (covey_swim_next_ms (self->swim) <= until_ms) {
        self->now_ms = covey_swim_next_ms (self->swim);
        support_swim_step (self, (covey_swim_event_t){.kind = COVEY_SWIM_TICK});
    }
    self->now_ms = until_ms;
}

covey_swim_message_t
support_swim_message (covey_swim_kind_t kind, unsigned from)
{
    static const char *const addresses[] = {"a0", "a1", "a2", "a3", "a4",
                                            "a5", "a6", "a7", "a8", "a9"};
    covey_swim_message_t message = {.kind = kind,
                                    .mesh = covey_str_hash ("m", 1),
                                    .address = addresses[from]};
    support_swim_id (message.from, from);
    return message;
}

void
support_swim_hear (support_swim_t *self, const covey_swim_message_t *message)
{
    support_swim_step (self, (covey_swim_event_t){.kind = COVEY_SWIM_MESSAGE,
                                                  .message = message});
}

void
support_swim_claim (support_swim_t *self, unsigned about,
                    covey_swim_state_t state, uint64_t epoch,
                    uint32_t incarnation, unsigned accuser)
{
    char address[8];
    snprintf (address, sizeof address, "a%u", about);
    covey_swim_update_t update = {.epoch = epoch,
                                  .incarnation = incarnation,
                                  .state = state,
                                  .address = address};
    support_swim_id (update.id, about);
    if (accuser)
        support_swim_id (update.accuser, accuser);
    covey_swim_message_t message = support_swim_message (COVEY_SWIM_GOSSIP, 9);
    message.updates = &update;
    message.update_count = 1;
    support_swim_hear (self, &message);
}

void
support_swim_expect (support_swim_t *self, const char *changes)
{
    assert_string_equal (self->changes, changes);
    self->changes[0] = '\0';
}

const support_swim_sent_t *
support_swim_find_sent (const support_swim_t *self, covey_swim_kind_t kind)
{
    for (size_t i = self->sent_count; i-- > 0;)
        if (self->sent[i].kind == kind)
            return &self->sent[i];
    return NULL;
}

size_t
support_swim_count_sent (const support_swim_t *self, covey_swim_kind_t kind)
{
    size_t count = 0;
    for (size_t i = 0; i < self->sent_count; i++)
        count += self->sent[i].kind == kind;
    return count;
}

unsigned
support_swim_until_probe (support_swim_t *self)
{
    for (unsigned i = 2; i <= 6; i++)
        support_swim_claim (self, i, COVEY_SWIM_ALIVE, 1, 1, 0);
    self->changes[0] = '\0';
    while (!support_swim_find_sent (self, COVEY_SWIM_PING))
        support_swim_run_to (self, covey_swim_next_ms (self->swim));
    return support_swim_find_sent (self, COVEY_SWIM_PING)->to;
}
