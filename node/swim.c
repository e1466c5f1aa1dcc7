#include "node/swim_class.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#define DAY_MS 86400000

/*  Times and numbers of a local network: SWIM 5 and Lifeguard's table of
    parameters, with a suspicion of 3 instead of 5 log10 n probes, so that 1,000
    nodes know of a failure within 15 s (measured in tests/sim/test_swim.c).  */
void
covey_swim_config_init (covey_swim_config_t *config)
{
    memset (config, 0, sizeof *config);
    config->probe_ms = 1000;
    config->probe_timeout_ms = 500;
    config->indirect = 3;
    config->suspicion_mult = 3;
    config->suspicion_max_mult = 6;
    config->confirmations = 2;
    config->health_max = 7;
    config->gossip_ms = 200;
    config->gossip_peers = 3;
    config->gossip_mult = 4;
    config->gossip_failed_ms = 30000;
    config->sync_ms = 30000;
    config->reconnect_ms = 10000;
    config->leave_ms = 1000;
    config->failed_keep_ms = DAY_MS;
    config->left_keep_ms = DAY_MS;
    config->message_bytes = 4096;
    config->members_max = 4096;
    config->lifeguard = true;
}

static void
s_check_config (const covey_swim_config_t *config)
{
    assert (!covey_id_is_zero (config->id) && config->epoch > 0);
    assert (config->mesh && config->address && *config->address);
    assert (strlen (config->address) <= COVEY_SWIM_ADDRESS_MAX);
    assert (config->meta_size <= COVEY_SWIM_META_MAX);
    assert (config->probe_timeout_ms > 0);
    assert (config->probe_timeout_ms < config->probe_ms);
    assert (config->indirect >= 0 &&
            config->indirect <= COVEY_SWIM_INDIRECT_MAX);
    assert (config->suspicion_mult > 0 && config->suspicion_max_mult > 0);
    assert (config->confirmations >= 0 &&
            config->confirmations <= COVEY_SUSPICION_CONFIRM_MAX);
    assert (config->health_max >= 0 && config->health_max <= UINT8_MAX);
    assert (config->gossip_ms > 0 && config->gossip_mult > 0);
    assert (config->gossip_peers > 0 &&
            config->gossip_peers <= COVEY_SWIM_INDIRECT_MAX);
    assert (config->sync_ms > 0 && config->reconnect_ms > 0);
    assert (config->message_bytes >= 1400 && config->members_max > 0);
}

covey_swim_t *
covey_swim_new (const covey_swim_config_t *config,
                const covey_swim_callbacks_t *callbacks, uint64_t seed)
{
    s_check_config (config);
    covey_swim_t *self = covey_mem_new (sizeof *self);
    self->config = *config;
    self->config.mesh = covey_str_dup (config->mesh);
    self->callbacks = *callbacks;
    self->mesh = covey_str_hash (config->mesh, strlen (config->mesh));
    covey_prng_init (&self->prng, seed);
    covey_swim_table_init (&self->table);
    covey_swim_member_t *me = &self->me;
    memcpy (me->id, config->id, 16);
    me->epoch = config->epoch;
    me->incarnation = 1;
    me->hash = covey_str_hash (me->id, 16);
    me->address = covey_str_dup (config->address);
    if (config->meta_size)
        me->meta = covey_mem_dup (config->meta, config->meta_size);
    me->meta_size = config->meta_size;
    self->config.address = me->address;
    self->config.meta = me->meta;
    self->relay_due_ms = self->suspicion_due_ms = COVEY_SWIM_NEVER;
    self->gossip_due_ms = self->seed_due_ms = COVEY_SWIM_NEVER;
    self->leave_due_ms = COVEY_SWIM_NEVER;
    return self;
}

void
covey_swim_destroy (covey_swim_t **self_p)
{
    covey_swim_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    covey_swim_table_deinit (&self->table);
    for (size_t i = 0; i < self->seed_count; i++)
        free (self->seeds[i].address);
    char *mesh;
    memcpy (&mesh, &self->config.mesh, sizeof mesh);
    free (mesh);
    free (self->me.address);
    free (self->me.meta);
    free (self->suspects.items);
    free (self);
}

uint64_t
covey_swim_group (const covey_swim_t *self)
{
    return self->table.live.count + 1;
}

uint64_t
covey_swim_digest (const covey_swim_t *self)
{
    const covey_swim_member_t *me = &self->me;
    if (self->leaving)
        return self->table.digest;
    return self->table.digest +
           covey_swim_table_mix (me->hash, me->epoch, me->incarnation);
}

/* ------------------------------------------------------------------------ */
/*  Sending                                                                  */

static bool
s_carries_news (covey_swim_kind_t kind)
{
    return kind <= COVEY_SWIM_GOSSIP;
}

/*  Whoever we talk to hears first what is said of it, so that it can refute at
    once (Lifeguard, "Buddy System"); the failed one always.                  */
static size_t
s_warn (const covey_swim_t *self, const uint8_t *id,
        covey_swim_update_t *updates)
{
    const covey_swim_member_t *member =
        id ? covey_swim_table_find (&self->table, id) : NULL;
    if (!member ||
        (member->state != COVEY_SWIM_FAILED &&
         (member->state != COVEY_SWIM_SUSPECTED || !self->config.lifeguard)))
        return 0;
    covey_swim_gossip_claim (member, false, &updates[0]);
    return 1;
}

void
covey_swim_send (covey_swim_t *self, const uint8_t *id, const char *address,
                 covey_swim_message_t *message)
{
    covey_swim_update_t updates[COVEY_GOSSIP_PICK_MAX + 1];
    if (s_carries_news (message->kind)) {
        size_t count = s_warn (self, id, updates);
        if (self->gossip.count) {
            int limit = covey_swim_gossip_limit (self->config.gossip_mult,
                                                 covey_swim_group (self));
            count = covey_swim_gossip_pick (&self->gossip, limit,
                                            self->config.message_bytes, updates,
                                            count, COVEY_GOSSIP_PICK_MAX + 1);
        }
        message->updates = updates;
        message->update_count = count;
    }
    message->mesh = self->mesh;
    memcpy (message->from, self->me.id, 16);
    message->address = self->me.address;
    self->stats.sent[message->kind]++;
    self->stats.updates_sent += message->update_count;
    self->callbacks.send (self->callbacks.arg, id, address, message);
}

void
covey_swim_send_sync (covey_swim_t *self, const uint8_t *id,
                      const char *address, uint32_t seq)
{
    covey_swim_update_t update;
    covey_swim_gossip_claim (&self->me, true, &update);
    covey_swim_message_t sync = {.kind = COVEY_SWIM_SYNC,
                                 .seq = seq,
                                 .digest = covey_swim_digest (self),
                                 .updates = &update,
                                 .update_count = 1};
    covey_swim_send (self, id, address, &sync);
}

/*  All we know, in parts that can be merged one by one.                     */
static void
s_send_state (covey_swim_t *self, const covey_swim_message_t *to, bool want)
{
    covey_swim_update_t updates[COVEY_SWIM_UPDATES_MAX];
    const covey_swim_list_t *all = &self->table.all;
    size_t at = 0;
    covey_swim_gossip_claim (&self->me, true, &updates[0]);
    size_t count = 1;
    do {
        while (count < COVEY_SWIM_UPDATES_MAX && at < all->count)
            covey_swim_gossip_claim (all->items[at++], true, &updates[count++]);
        covey_swim_message_t state = {.kind = COVEY_SWIM_STATE,
                                      .seq = to->seq,
                                      .want = want && at == all->count,
                                      .updates = updates,
                                      .update_count = count};
        covey_swim_send (self, to->from, to->address, &state);
        count = 0;
    } while (at < all->count);
}

/* ------------------------------------------------------------------------ */
/*  Timers                                                                   */

static void
s_gossip_tick (covey_swim_t *self, int64_t now_ms)
{
    if (now_ms < self->gossip_due_ms)
        return;
    self->gossiped_ms = now_ms;
    covey_swim_member_t *peers[COVEY_SWIM_INDIRECT_MAX];
    size_t count =
        covey_swim_table_sample (&self->table, &self->prng, NULL,
                                 (size_t)self->config.gossip_peers, peers);
    /* One who failed just now has its share, so that it can refute. */
    const covey_swim_list_t *failed = &self->table.failed;
    uint64_t draw =
        covey_prng_below (&self->prng, covey_swim_group (self) + failed->count);
    if (draw < failed->count && count > 0) {
        covey_swim_member_t *one = failed->items[draw];
        if (one->address &&
            now_ms - one->since_ms < self->config.gossip_failed_ms)
            peers[0] = one;
    }
    for (size_t i = 0; i < count && self->gossip.count; i++) {
        covey_swim_message_t gossip = {.kind = COVEY_SWIM_GOSSIP};
        covey_swim_send (self, peers[i]->id, peers[i]->address, &gossip);
    }
    self->gossip_due_ms =
        self->gossip.count ? now_ms + self->config.gossip_ms : COVEY_SWIM_NEVER;
}

static void
s_reap (covey_swim_t *self, int64_t now_ms)
{
    for (size_t i = self->table.all.count; i-- > 0;) {
        covey_swim_member_t *one = self->table.all.items[i];
        int64_t age_ms = now_ms - one->since_ms;
        if ((one->state == COVEY_SWIM_FAILED &&
             age_ms >= self->config.failed_keep_ms) ||
            (one->state == COVEY_SWIM_LEFT &&
             age_ms >= self->config.left_keep_ms))
            covey_swim_forget (self, one);
    }
}

static void
s_sync_tick (covey_swim_t *self, int64_t now_ms)
{
    if (now_ms >= self->sync_due_ms) {
        self->sync_due_ms =
            now_ms + covey_swim_jitter (self, self->config.sync_ms);
        s_reap (self, now_ms);
        covey_swim_member_t *peer;
        if (!self->leaving &&
            covey_swim_table_sample (&self->table, &self->prng, NULL, 1, &peer))
            covey_swim_send_sync (self, peer->id, peer->address, 0);
    }
    if (now_ms >= self->reconnect_due_ms) {
        self->reconnect_due_ms =
            now_ms + covey_swim_jitter (self, self->config.reconnect_ms);
        const covey_swim_list_t *failed = &self->table.failed;
        if (failed->count == 0 || self->leaving)
            return;
        const covey_swim_member_t *one =
            failed->items[covey_prng_below (&self->prng, failed->count)];
        if (one->address)
            covey_swim_send_sync (self, one->id, one->address, 0);
    }
}

static void
s_leave_tick (covey_swim_t *self, int64_t now_ms)
{
    if (now_ms < self->leave_due_ms)
        return;
    self->leave_due_ms = COVEY_SWIM_NEVER;
    self->callbacks.left (self->callbacks.arg);
}

static void
s_tick (covey_swim_t *self, int64_t now_ms)
{
    covey_swim_suspicion_tick (self, now_ms);
    covey_swim_probe_tick (self, now_ms);
    covey_swim_relay_tick (self, now_ms);
    s_gossip_tick (self, now_ms);
    s_sync_tick (self, now_ms);
    covey_swim_seed_tick (self, now_ms);
    s_leave_tick (self, now_ms);
}

int64_t
covey_swim_next_ms (const covey_swim_t *self)
{
    const int64_t due_ms[] = {self->relay_due_ms,     self->suspicion_due_ms,
                              self->gossip_due_ms,    self->sync_due_ms,
                              self->reconnect_due_ms, self->seed_due_ms,
                              self->leave_due_ms};
    int64_t next_ms = covey_swim_probe_next_ms (self);
    for (size_t i = 0; i < sizeof due_ms / sizeof due_ms[0]; i++)
        if (due_ms[i] < next_ms)
            next_ms = due_ms[i];
    return next_ms;
}

/*  The first step starts the timers, each somewhere in its period: nodes that
    start together shall not probe together.                                  */
static void
s_start_timers (covey_swim_t *self, int64_t now_ms)
{
    const covey_swim_config_t *config = &self->config;
    self->started = true;
    self->me.since_ms = now_ms;
    self->gossiped_ms = now_ms - config->gossip_ms;
    self->probe_due_ms = now_ms + (int64_t)covey_prng_below (
                                      &self->prng, (uint64_t)config->probe_ms);
    self->sync_due_ms = now_ms + (int64_t)covey_prng_below (
                                     &self->prng, (uint64_t)config->sync_ms);
    self->reconnect_due_ms =
        now_ms + covey_swim_jitter (self, config->reconnect_ms);
}

static void
s_shift (int64_t *time_ms, int64_t by_ms)
{
    if (*time_ms != COVEY_SWIM_NEVER)
        *time_ms += by_ms;
}

/*  We slept: what should have arrived meanwhile still waits to be read. Move
    our deadlines by the time we missed instead of accusing others. In the
    spirit of Lifeguard, but not in the paper, whose nodes cannot tell.       */
static void
s_forgive (covey_swim_t *self, int64_t slept_ms)
{
    int64_t *times[] = {&self->probe.direct_ms,  &self->probe.end_ms,
                        &self->probe_due_ms,     &self->relay_due_ms,
                        &self->suspicion_due_ms, &self->gossip_due_ms,
                        &self->sync_due_ms,      &self->reconnect_due_ms,
                        &self->seed_due_ms,      &self->leave_due_ms};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        s_shift (times[i], slept_ms);
    for (size_t i = 0; i < COVEY_SWIM_RELAYS_MAX; i++)
        self->relays[i].end_ms += slept_ms;
    for (size_t i = 0; i < self->suspects.count; i++)
        self->suspects.items[i]->suspicion->start_ms += slept_ms;
    for (size_t i = 0; i < self->seed_count; i++)
        self->seeds[i].due_ms += slept_ms;
    self->stats.slept++;
    covey_swim_feel (self, 1);
}

/* ------------------------------------------------------------------------ */
/*  Messages                                                                 */

static void
s_refuse (covey_swim_t *self, const covey_swim_message_t *message)
{
    char text[COVEY_SWIM_TEXT_MAX];
    snprintf (text, sizeof text, "this node belongs to the mesh \"%.200s\"",
              self->config.mesh);
    covey_swim_message_t refusal = {
        .kind = COVEY_SWIM_REFUSE, .seq = message->seq, .text = text};
    covey_swim_send (self, NULL, message->address, &refusal);
}

static void
s_on_refuse (covey_swim_t *self, const covey_swim_message_t *message)
{
    covey_swim_seed_t *seed = covey_swim_seed_of (self, message);
    if (!seed)
        return;
    seed->pause_ms = COVEY_SWIM_SEED_MAX_MS;
    self->callbacks.refused (self->callbacks.arg, seed->address,
                             message->text ? message->text : "");
}

static void
s_on_sync (covey_swim_t *self, const covey_swim_message_t *message)
{
    if (message->digest != covey_swim_digest (self)) {
        s_send_state (self, message, true);
        return;
    }
    covey_swim_message_t ack = {.kind = COVEY_SWIM_ACK, .seq = message->seq};
    memcpy (ack.target, self->me.id, 16);
    covey_swim_send (self, message->from, message->address, &ack);
}

static void
s_dispatch (covey_swim_t *self, const covey_swim_message_t *message,
            int64_t now_ms)
{
    switch (message->kind) {
        case COVEY_SWIM_PING:
            covey_swim_on_ping (self, message);
            break;
        case COVEY_SWIM_ACK:
            covey_swim_seed_note (self, message);
            covey_swim_on_ack (self, message);
            break;
        case COVEY_SWIM_PING_REQ:
            covey_swim_on_ping_req (self, message, now_ms);
            break;
        case COVEY_SWIM_NACK:
            covey_swim_on_nack (self, message);
            break;
        case COVEY_SWIM_GOSSIP:
        case COVEY_SWIM_REFUSE:
            break;
        case COVEY_SWIM_SYNC:
            s_on_sync (self, message);
            break;
        case COVEY_SWIM_STATE:
            covey_swim_seed_note (self, message);
            if (message->want)
                s_send_state (self, message, false);
            break;
    }
}

static covey_err_t
s_on_message (covey_swim_t *self, const covey_swim_message_t *message,
              int64_t now_ms)
{
    self->stats.received[message->kind]++;
    if (message->kind == COVEY_SWIM_REFUSE) {
        s_on_refuse (self, message);
        return COVEY_OK;
    }
    if (message->mesh != self->mesh) {
        self->stats.foreign++;
        if (message->kind == COVEY_SWIM_SYNC)
            s_refuse (self, message);
        return COVEY_DENIED;
    }
    if (covey_id_equal (message->from, self->me.id)) {
        covey_swim_seed_t *seed = covey_swim_seed_of (self, message);
        if (seed)
            seed->is_self = true; /* that address is ours */
        return COVEY_OK;
    }
    /* A full state may be old news; gossip is fresh. */
    const uint8_t *from =
        message->kind == COVEY_SWIM_STATE ? message->from : NULL;
    covey_swim_table_warm (&self->table, message->updates,
                           message->update_count);
    for (size_t i = 0; i < message->update_count; i++)
        covey_swim_merge (self, &message->updates[i], from, now_ms);
    s_dispatch (self, message, now_ms);
    return COVEY_OK;
}

static covey_err_t
s_leave (covey_swim_t *self, int64_t now_ms)
{
    if (self->leaving)
        return COVEY_STATE;
    self->leaving = true;
    self->me.state = COVEY_SWIM_LEFT;
    self->me.since_ms = now_ms;
    self->probe.active = false;
    covey_swim_news (self, &self->me, now_ms);
    bool alone = self->table.live.count == 0;
    self->leave_due_ms = now_ms + (alone ? 0 : self->config.leave_ms);
    return COVEY_OK;
}

/*  For events about one member.                                             */
static covey_err_t
s_on_member (covey_swim_t *self, const covey_swim_event_t *event)
{
    const covey_swim_member_t *member =
        covey_swim_table_find (&self->table, event->id);
    if (!member || !member->address || self->leaving)
        return COVEY_NOTFOUND;
    if (event->kind == COVEY_SWIM_TELL)
        covey_swim_tell (self, member);
    else
        covey_swim_send_sync (self, member->id, member->address, 0);
    return COVEY_OK;
}

covey_err_t
covey_swim_step (covey_swim_t *self, const covey_swim_event_t *event)
{
    int64_t now_ms = event->now_ms;
    if (!self->started)
        s_start_timers (self, now_ms);
    int64_t slept_ms = now_ms - covey_swim_next_ms (self);
    if (self->config.lifeguard && slept_ms > self->config.probe_timeout_ms / 2)
        s_forgive (self, slept_ms);
    switch (event->kind) {
        case COVEY_SWIM_TICK:
            s_tick (self, now_ms);
            return COVEY_OK;
        case COVEY_SWIM_MESSAGE:
            return s_on_message (self, event->message, now_ms);
        case COVEY_SWIM_JOIN:
            return covey_swim_seed_add (self, event->address, true, now_ms);
        case COVEY_SWIM_HINT:
            return covey_swim_seed_add (self, event->address, false, now_ms);
        case COVEY_SWIM_LEAVE:
            return s_leave (self, now_ms);
        case COVEY_SWIM_HEARD:
            covey_swim_on_heard (self, event->id);
            return COVEY_OK;
        case COVEY_SWIM_DOUBT:
            covey_swim_on_doubt (self, event->id, now_ms);
            return COVEY_OK;
        case COVEY_SWIM_CLAIM:
            covey_swim_merge (self, event->claim, NULL, now_ms);
            return COVEY_OK;
        case COVEY_SWIM_TELL:
        case COVEY_SWIM_EXCHANGE:
            return s_on_member (self, event);
    }
    return COVEY_INVALID;
}

/* ------------------------------------------------------------------------ */

const covey_swim_member_t *
covey_swim_find (const covey_swim_t *self, const uint8_t id[16])
{
    return covey_swim_table_find (&self->table, id);
}

size_t
covey_swim_count (const covey_swim_t *self)
{
    return self->table.all.count;
}

const covey_swim_member_t *
covey_swim_at (const covey_swim_t *self, size_t index)
{
    return self->table.all.items[index];
}

size_t
covey_swim_live (const covey_swim_t *self)
{
    return self->table.live.count;
}

uint32_t
covey_swim_incarnation (const covey_swim_t *self)
{
    return self->me.incarnation;
}

int
covey_swim_health (const covey_swim_t *self)
{
    return self->health;
}

const covey_swim_stats_t *
covey_swim_stats (const covey_swim_t *self)
{
    return &self->stats;
}
