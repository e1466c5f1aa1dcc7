/*  Probes, direct and through others, and what they say of our own health.  */
#include "node/swim_class.h"

#include <assert.h>
#include <string.h>

#include "base/id.h"

void
covey_swim_feel (covey_swim_t *self, int change)
{
    if (!self->config.lifeguard)
        return;
    int health = self->health + change;
    health = health < 0 ? 0 : health;
    self->health =
        health > self->config.health_max ? self->config.health_max : health;
}

/*  Lifeguard, "Local Health Aware Probe": who may be slow asks more rarely and
    waits longer.                                                             */
static int64_t
s_stretch (const covey_swim_t *self, int time_ms)
{
    return (int64_t)time_ms * (self->health + 1);
}

static uint32_t
s_next_seq (covey_swim_t *self)
{
    if (++self->seq == 0)
        self->seq = 1;
    return self->seq;
}

/* ------------------------------------------------------------------------ */
/*  Our probe                                                                */

static void
s_ping (covey_swim_t *self, const covey_swim_member_t *member, uint32_t seq)
{
    covey_swim_message_t ping = {.kind = COVEY_SWIM_PING,
                                 .seq = seq,
                                 .digest = covey_swim_digest (self)};
    memcpy (ping.target, member->id, 16);
    covey_swim_send (self, member->id, member->address, &ping);
}

static void
s_start (covey_swim_t *self, int64_t now_ms)
{
    covey_swim_probe_t *probe = &self->probe;
    memset (probe, 0, sizeof *probe);
    self->probe_due_ms = now_ms + s_stretch (self, self->config.probe_ms);
    covey_swim_member_t *member =
        covey_swim_table_next (&self->table, &self->prng);
    if (!member || self->leaving)
        return;
    self->stats.probes++;
    probe->active = true;
    memcpy (probe->id, member->id, 16);
    probe->seq = s_next_seq (self);
    probe->direct_ms = now_ms + s_stretch (self, self->config.probe_timeout_ms);
    probe->end_ms = self->probe_due_ms;
    if (member->doubted) { /* the direct way is known to be broken            */
        probe->end_ms = self->probe_due_ms = probe->direct_ms;
        probe->direct_ms = now_ms;
        member->doubted = false;
    }
    s_ping (self, member, probe->seq);
}

static void
s_ask_others (covey_swim_t *self)
{
    covey_swim_probe_t *probe = &self->probe;
    const covey_swim_member_t *member =
        covey_swim_table_find (&self->table, probe->id);
    covey_swim_member_t *helpers[COVEY_SWIM_INDIRECT_MAX];
    probe->asked = true;
    if (!member || !member->address)
        return;
    /* Ask it once more, too: one lost message is no reason to suspect (in the
       place of the ping over a second transport that memberlist tries).      */
    s_ping (self, member, probe->seq);
    probe->helper_count =
        covey_swim_table_sample (&self->table, &self->prng, member,
                                 (size_t)self->config.indirect, helpers);
    if (probe->helper_count)
        self->stats.probes_indirect++;
    for (size_t i = 0; i < probe->helper_count; i++) {
        memcpy (probe->helpers[i], helpers[i]->id, 16);
        covey_swim_message_t request = {.kind = COVEY_SWIM_PING_REQ,
                                        .seq = probe->seq,
                                        .nack = self->config.lifeguard};
        memcpy (request.target, probe->id, 16);
        covey_swim_send (self, helpers[i]->id, helpers[i]->address, &request);
    }
}

/*  No ack came. Helpers that did not even say nack are a sign that the fault is
    on our side (Lifeguard, "Local Health Aware Probe").                      */
static void
s_give_up (covey_swim_t *self, int64_t now_ms)
{
    covey_swim_probe_t *probe = &self->probe;
    probe->active = false;
    covey_swim_member_t *member =
        covey_swim_table_find (&self->table, probe->id);
    if (!member || member->state > COVEY_SWIM_SUSPECTED)
        return; /* it left, or failed, meanwhile */
    self->stats.probes_failed++;
    int missing = 0;
    for (size_t i = 0; i < probe->helper_count; i++)
        missing += !probe->nacked[i];
    covey_swim_feel (self, probe->helper_count ? missing : 1);
    covey_swim_accuse (self, member, now_ms);
}

void
covey_swim_probe_tick (covey_swim_t *self, int64_t now_ms)
{
    covey_swim_probe_t *probe = &self->probe;
    if (probe->active && now_ms >= probe->end_ms)
        s_give_up (self, now_ms);
    if (probe->active && !probe->asked && now_ms >= probe->direct_ms)
        s_ask_others (self);
    if (now_ms >= self->probe_due_ms)
        s_start (self, now_ms);
}

int64_t
covey_swim_probe_next_ms (const covey_swim_t *self)
{
    const covey_swim_probe_t *probe = &self->probe;
    if (probe->active && !probe->asked && probe->direct_ms < probe->end_ms)
        return probe->direct_ms;
    return self->probe_due_ms;
}

/*  Not in the papers, whose transport has no connections.                   */
void
covey_swim_on_doubt (covey_swim_t *self, const uint8_t id[16], int64_t now_ms)
{
    covey_swim_member_t *member = covey_swim_table_find (&self->table, id);
    if (!member || member->state > COVEY_SWIM_SUSPECTED || self->leaving)
        return;
    covey_swim_table_prefer (&self->table, member);
    member->doubted = true;
    if (!self->probe.active)
        s_start (self, now_ms);
}

void
covey_swim_tell (covey_swim_t *self, const covey_swim_member_t *member)
{
    s_ping (self, member, s_next_seq (self));
}

static void
s_succeed (covey_swim_t *self)
{
    self->probe.active = false;
    covey_swim_feel (self, -1);
}

void
covey_swim_on_heard (covey_swim_t *self, const uint8_t id[16])
{
    if (self->probe.active && covey_id_equal (self->probe.id, id))
        s_succeed (self);
}

void
covey_swim_on_nack (covey_swim_t *self, const covey_swim_message_t *message)
{
    covey_swim_probe_t *probe = &self->probe;
    if (!probe->active || message->seq != probe->seq)
        return;
    for (size_t i = 0; i < probe->helper_count; i++)
        if (covey_id_equal (probe->helpers[i], message->from))
            probe->nacked[i] = true;
}

/* ------------------------------------------------------------------------ */
/*  Probes of others                                                         */

void
covey_swim_on_ping (covey_swim_t *self, const covey_swim_message_t *message)
{
    /* An address may have a new owner: only the one who was asked lives. */
    if (!covey_id_equal (message->target, self->me.id))
        return;
    covey_swim_message_t ack = {.kind = COVEY_SWIM_ACK, .seq = message->seq};
    memcpy (ack.target, self->me.id, 16);
    covey_swim_send (self, message->from, message->address, &ack);
    /* Gossip reaches everybody with high probability only: whoever missed
       something sees it, when all is quiet, from the digests of those who ping
       it. Not in the papers, where the next exchange would find out.         */
    self->strangers =
        message->digest == covey_swim_digest (self) ? 0 : self->strangers + 1;
    if (self->strangers < COVEY_SWIM_STRANGERS_MAX)
        return;
    self->strangers = 0;
    covey_swim_send_sync (self, message->from, message->address, 0);
}

static void
s_answer (covey_swim_t *self, const covey_swim_relay_t *relay,
          covey_swim_kind_t kind)
{
    const covey_swim_member_t *origin =
        covey_swim_table_find (&self->table, relay->origin);
    if (!origin || !origin->address)
        return;
    covey_swim_message_t answer = {.kind = kind, .seq = relay->origin_seq};
    memcpy (answer.target, relay->target, 16);
    covey_swim_send (self, origin->id, origin->address, &answer);
}

/*  The answer to the origin is due before its own probe ends, hence 80 % of the
    timeout. The oldest probe for others gives way when there are too many.   */
void
covey_swim_on_ping_req (covey_swim_t *self, const covey_swim_message_t *message,
                        int64_t now_ms)
{
    const covey_swim_member_t *target =
        covey_swim_table_find (&self->table, message->target);
    covey_swim_relay_t relay = {
        .used = true, .nack = message->nack, .origin_seq = message->seq};
    memcpy (relay.origin, message->from, 16);
    memcpy (relay.target, message->target, 16);
    if (!target || !target->address) {
        if (relay.nack)
            s_answer (self, &relay, COVEY_SWIM_NACK);
        return;
    }
    relay.seq = s_next_seq (self);
    relay.end_ms = now_ms + (int64_t)self->config.probe_timeout_ms * 4 / 5;
    self->relays[self->relay_at] = relay;
    self->relay_at = (self->relay_at + 1) % COVEY_SWIM_RELAYS_MAX;
    if (relay.end_ms < self->relay_due_ms)
        self->relay_due_ms = relay.end_ms;
    s_ping (self, target, relay.seq);
}

void
covey_swim_on_ack (covey_swim_t *self, const covey_swim_message_t *message)
{
    covey_swim_probe_t *probe = &self->probe;
    if (probe->active && message->seq == probe->seq &&
        covey_id_equal (message->target, probe->id)) {
        s_succeed (self);
        return;
    }
    for (size_t i = 0; i < COVEY_SWIM_RELAYS_MAX; i++) {
        covey_swim_relay_t *relay = &self->relays[i];
        if (!relay->used || relay->seq != message->seq ||
            !covey_id_equal (relay->target, message->target))
            continue;
        relay->used = false;
        s_answer (self, relay, COVEY_SWIM_ACK);
        return;
    }
}

void
covey_swim_relay_tick (covey_swim_t *self, int64_t now_ms)
{
    if (now_ms < self->relay_due_ms)
        return;
    self->relay_due_ms = COVEY_SWIM_NEVER;
    for (size_t i = 0; i < COVEY_SWIM_RELAYS_MAX; i++) {
        covey_swim_relay_t *relay = &self->relays[i];
        if (!relay->used)
            continue;
        if (now_ms >= relay->end_ms) {
            relay->used = false;
            if (relay->nack)
                s_answer (self, relay, COVEY_SWIM_NACK);
        } else if (relay->end_ms < self->relay_due_ms)
            self->relay_due_ms = relay->end_ms;
    }
}
