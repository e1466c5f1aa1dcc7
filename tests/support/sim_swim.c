#include "tests/support/sim_swim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define CODEC_SHARE 64     /* one message of so many travels as bytes */
#define WAKE_UP_US 2000000 /* after a pause, to find its feet */

static void
s_id_of (size_t index, uint8_t id[16])
{
    memset (id, 0xc0, 16);
    for (int i = 0; i < 8; i++)
        id[15 - i] = (uint8_t)((index + 1) >> (8 * i));
}

static size_t
s_index_of (const uint8_t id[16])
{
    size_t index = 0;
    for (int i = 8; i < 16; i++)
        index = index << 8 | id[i];
    return index - 1;
}

static void
s_address_of (size_t index, char address[32])
{
    snprintf (address, 32, "node-%zu", index);
}

/* ------------------------------------------------------------------------ */
/*  Messages: copied in one piece, now and then through the codec            */

static size_t
s_put (char *at, const void *data, size_t size)
{
    if (at && size)
        memcpy (at, data, size);
    return size;
}

/*  With `to`: fill it. Returns the size.                                    */
static size_t
s_flatten (const covey_swim_message_t *from, covey_swim_message_t *to)
{
    size_t count = from->update_count;
    size_t size = sizeof *from + count * sizeof from->updates[0];
    char *base = (char *)to;
    covey_swim_update_t *updates =
        to ? (covey_swim_update_t *)(void *)(base + sizeof *to) : NULL;
    if (to) {
        *to = *from;
        to->updates = updates;
        to->address = base + size;
    }
    size += s_put (base ? base + size : NULL, from->address,
                   strlen (from->address) + 1);
    if (from->text) {
        if (to)
            to->text = base + size;
        size += s_put (base ? base + size : NULL, from->text,
                       strlen (from->text) + 1);
    }
    for (size_t i = 0; i < count; i++) {
        const covey_swim_update_t *one = &from->updates[i];
        if (to)
            updates[i] = *one;
        if (one->address) {
            if (to)
                updates[i].address = base + size;
            size += s_put (base ? base + size : NULL, one->address,
                           strlen (one->address) + 1);
        }
        if (to)
            updates[i].meta = (uint8_t *)base + size;
        size += s_put (base ? base + size : NULL, one->meta, one->meta_size);
    }
    return size;
}

static covey_swim_message_t *
s_copy (sim_swim_t *self, const covey_swim_message_t *message)
{
    if (self->posted++ % CODEC_SHARE) {
        covey_swim_message_t *flat = covey_mem_new (s_flatten (message, NULL));
        s_flatten (message, flat);
        return flat;
    }
    covey_buf_t bytes;
    covey_buf_init (&bytes, 1u << 20);
    covey_err_t code = covey_swim_message_write (message, &bytes);
    assert (code == COVEY_OK);
    covey_swim_message_t *copy = covey_mem_new (sizeof *copy);
    code = covey_swim_message_read (copy, bytes.data, bytes.size);
    assert (code == COVEY_OK);
    covey_buf_deinit (&bytes);
    return copy;
}

static void
s_on_release (void *arg, void *message)
{
    (void)arg;
    covey_swim_message_deinit (message); /* frees nothing in a flat one */
    free (message);
}

/* ------------------------------------------------------------------------ */
/*  What the cores want                                                      */

static void
s_on_send (void *arg, const uint8_t *id, const char *address,
           const covey_swim_message_t *message)
{
    sim_swim_node_t *node = arg;
    size_t to = id ? s_index_of (id) : strtoul (address + 5, NULL, 10);
    assert (to < node->mesh->count);
    sim_net_send (node->mesh->net, node->index, to,
                  s_copy (node->mesh, message));
}

static void
s_count_accusation (sim_swim_node_t *node, sim_swim_node_t *subject,
                    bool failed, bool restarted)
{
    sim_swim_counts_t *counts = &node->mesh->counts;
    if (failed && restarted) {
        counts->restarted++;
        return;
    }
    if (failed && subject->leaving)
        counts->failed_leaving++;
    if (!subject->swim || subject->leaving)
        return;
    int64_t now_us = sim_net_now_us (node->mesh->net);
    bool suffers = now_us < subject->suffers_us;
    if (now_us < node->suffers_us)
        return;
    if (failed && suffers)
        counts->failed_paused++;
    else if (failed)
        counts->failed_healthy++;
    else if (suffers)
        counts->suspected_paused++;
    else
        counts->suspected_healthy++;
}

static void
s_on_changed (void *arg, const covey_swim_member_t *member,
              covey_swim_change_t change, const char *reason)
{
    sim_swim_node_t *node = arg;
    sim_swim_t *mesh = node->mesh;
    sim_swim_node_t *subject = &mesh->nodes[s_index_of (member->id)];
    int64_t now_us = sim_net_now_us (mesh->net);
    uint64_t line[] = {mesh->transcript, (uint64_t)now_us, node->index,
                       subject->index,   member->epoch,    member->incarnation,
                       (uint64_t)change};
    mesh->transcript = covey_str_hash (line, sizeof line);
    bool failed = change == COVEY_SWIM_BECAME_FAILED;
    if (failed || change == COVEY_SWIM_BECAME_SUSPECTED)
        s_count_accusation (node, subject, failed,
                            strcmp (reason, "it was restarted") == 0);
    subject->said_failed += failed;
    subject->said_left += change == COVEY_SWIM_DEPARTED;
    subject->said_joined += change == COVEY_SWIM_JOINED;
    subject->said_us = now_us;
}

static void
s_on_refused (void *arg, const char *address, const char *text)
{
    (void)arg;
    (void)address;
    (void)text;
}

static void
s_on_left (void *arg)
{
    sim_swim_node_t *node = arg;
    node->left = true;
}

static void
s_step (sim_swim_node_t *node, covey_swim_event_t *event)
{
    sim_net_t *net = node->mesh->net;
    event->now_ms = sim_net_now_us (net) / SIM_MS;
    covey_swim_step (node->swim, event);
    if (node->left)
        sim_swim_crash (node->mesh, node->index);
    else
        sim_net_set_timer (net, node->index,
                           covey_swim_next_ms (node->swim) * SIM_MS);
}

static void
s_on_deliver (void *arg, size_t to, size_t from, const void *message,
              int64_t now_us)
{
    (void)from;
    (void)now_us;
    sim_swim_t *self = arg;
    covey_swim_event_t event = {.kind = COVEY_SWIM_MESSAGE, .message = message};
    s_step (&self->nodes[to], &event);
}

static void
s_on_timer (void *arg, size_t node, int64_t now_us)
{
    (void)now_us;
    sim_swim_t *self = arg;
    covey_swim_event_t event = {.kind = COVEY_SWIM_TICK};
    if (self->nodes[node].swim)
        s_step (&self->nodes[node], &event);
    else
        sim_swim_start (self, node, 0); /* a start that was put off */
}

/* ------------------------------------------------------------------------ */

sim_swim_t *
sim_swim_new (size_t nodes, uint64_t seed, const sim_link_t *link)
{
    sim_swim_t *self = covey_mem_new (sizeof *self);
    sim_callbacks_t callbacks = {.arg = self,
                                 .deliver = s_on_deliver,
                                 .timer = s_on_timer,
                                 .release = s_on_release};
    self->net = sim_net_new (nodes, seed, &callbacks);
    sim_net_set_link (self->net, link);
    self->seed = seed;
    self->count = nodes;
    self->nodes = covey_mem_new (nodes * sizeof *self->nodes);
    for (size_t i = 0; i < nodes; i++) {
        self->nodes[i].mesh = self;
        self->nodes[i].index = i;
    }
    covey_swim_config_init (&self->config);
    self->config.mesh = "sim";
    return self;
}

void
sim_swim_destroy (sim_swim_t **self_p)
{
    sim_swim_t *self = *self_p;
    *self_p = NULL;
    for (size_t i = 0; i < self->count; i++)
        covey_swim_destroy (&self->nodes[i].swim);
    sim_net_destroy (&self->net);
    free (self->nodes);
    free (self);
}

void
sim_swim_start (sim_swim_t *self, size_t node, size_t seed)
{
    sim_swim_node_t *one = &self->nodes[node];
    assert (!one->swim);
    covey_swim_callbacks_t callbacks = {.arg = one,
                                        .send = s_on_send,
                                        .changed = s_on_changed,
                                        .refused = s_on_refused,
                                        .left = s_on_left};
    char address[32], join[32];
    s_address_of (node, address);
    s_address_of (seed, join);
    covey_swim_config_t config = self->config;
    s_id_of (node, config.id);
    config.address = address;
    config.epoch = ++one->epoch;
    one->leaving = one->left = false;
    one->swim = covey_swim_new (&config, &callbacks,
                                self->seed + node * 1000 + one->epoch);
    sim_net_restart (self->net, node);
    covey_swim_event_t event = {.kind = COVEY_SWIM_JOIN, .address = join};
    s_step (one, &event);
}

void
sim_swim_start_all (sim_swim_t *self, int64_t within_us)
{
    sim_swim_start (self, 0, 0);
    covey_prng_t *prng = sim_net_prng (self->net);
    for (size_t i = 1; i < self->count; i++)
        sim_net_set_timer (
            self->net, i,
            (int64_t)covey_prng_below (prng, (uint64_t)within_us + 1));
    sim_swim_run_for (self, within_us);
}

void
sim_swim_start_acquainted (sim_swim_t *self)
{
    covey_swim_update_t *all = covey_mem_new (self->count * sizeof *all);
    char (*addresses)[32] = covey_mem_new (self->count * sizeof *addresses);
    for (size_t i = 0; i < self->count; i++) {
        sim_swim_start (self, i, i);
        s_id_of (i, all[i].id);
        s_address_of (i, addresses[i]);
        all[i].epoch = self->nodes[i].epoch;
        all[i].incarnation = 1;
        all[i].address = addresses[i];
    }
    for (size_t i = 0; i < self->count; i++)
        for (size_t at = 0; at < self->count; at += COVEY_SWIM_UPDATES_MAX) {
            covey_swim_message_t message = {
                .kind = COVEY_SWIM_STATE,
                .mesh = covey_str_hash ("sim", 3),
                .address = addresses[(i + 1) % self->count],
                .updates = &all[at],
                .update_count = self->count - at};
            if (message.update_count > COVEY_SWIM_UPDATES_MAX)
                message.update_count = COVEY_SWIM_UPDATES_MAX;
            memcpy (message.from, all[(i + 1) % self->count].id, 16);
            covey_swim_event_t event = {.kind = COVEY_SWIM_MESSAGE,
                                        .message = &message};
            s_step (&self->nodes[i], &event);
        }
    free (all);
    free (addresses);
}

void
sim_swim_crash (sim_swim_t *self, size_t node)
{
    sim_net_crash (self->net, node);
    covey_swim_destroy (&self->nodes[node].swim);
    self->nodes[node].suffers_us = 0;
}

void
sim_swim_leave (sim_swim_t *self, size_t node)
{
    self->nodes[node].leaving = true;
    covey_swim_event_t event = {.kind = COVEY_SWIM_LEAVE};
    s_step (&self->nodes[node], &event);
}

void
sim_swim_pause (sim_swim_t *self, size_t node, int64_t for_us)
{
    int64_t until_us = sim_net_now_us (self->net) + for_us;
    sim_net_pause (self->net, node, until_us);
    self->nodes[node].suffers_us = until_us + WAKE_UP_US;
}

void
sim_swim_run_for (sim_swim_t *self, int64_t us)
{
    sim_net_run (self->net, sim_net_now_us (self->net) + us);
}

static size_t
s_running (const sim_swim_t *self)
{
    size_t running = 0;
    for (size_t i = 0; i < self->count; i++)
        running += self->nodes[i].swim != NULL;
    return running;
}

bool
sim_swim_is_complete (const sim_swim_t *self)
{
    size_t running = s_running (self);
    for (size_t i = 0; i < self->count; i++) {
        const covey_swim_t *swim = self->nodes[i].swim;
        if (!swim)
            continue;
        if (covey_swim_live (swim) != running - 1)
            return false;
        /* As many as run, and none that does not. */
        for (size_t at = 0; at < covey_swim_count (swim); at++) {
            const covey_swim_member_t *member = covey_swim_at (swim, at);
            if (member->state <= COVEY_SWIM_SUSPECTED &&
                !self->nodes[s_index_of (member->id)].swim)
                return false;
        }
    }
    return true;
}

bool
sim_swim_is_equal (const sim_swim_t *self)
{
    const covey_swim_t *first = NULL;
    for (size_t i = 0; i < self->count; i++) {
        const covey_swim_t *swim = self->nodes[i].swim;
        if (!first)
            first = swim;
        if (swim && covey_swim_digest (swim) != covey_swim_digest (first))
            return false;
    }
    return sim_swim_is_complete (self);
}

int64_t
sim_swim_run_until (sim_swim_t *self, bool (*is) (const sim_swim_t *self),
                    int64_t at_most_us)
{
    int64_t start_us = sim_net_now_us (self->net);
    while (!is (self)) {
        if (sim_net_now_us (self->net) - start_us >= at_most_us)
            return -1;
        sim_swim_run_for (self, SIM_SECOND / 4);
    }
    return sim_net_now_us (self->net) - start_us;
}

void
sim_swim_forget_counts (sim_swim_t *self)
{
    memset (&self->counts, 0, sizeof self->counts);
    for (size_t i = 0; i < self->count; i++) {
        sim_swim_node_t *node = &self->nodes[i];
        node->said_failed = node->said_left = node->said_joined = 0;
        node->said_us = 0;
    }
}

uint64_t
sim_swim_sent (const sim_swim_t *self, covey_swim_kind_t kind)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < self->count; i++)
        if (self->nodes[i].swim)
            sum += covey_swim_stats (self->nodes[i].swim)->sent[kind];
    return sum;
}
