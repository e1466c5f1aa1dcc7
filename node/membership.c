#include "node/membership_class.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

covey_membership_t *
covey_membership_new (const covey_membership_config_t *config,
                      const covey_membership_callbacks_t *callbacks)
{
    assert (config->epoch > 0 && config->peers_max > 0);
    covey_membership_t *self = covey_mem_new (sizeof *self);
    self->config = *config;
    self->callbacks = *callbacks;
    covey_prng_init (&self->prng, config->seed);
    covey_buf_init (&self->frame, COVEY_FRAME_MAX);
    self->seeds = covey_mem_new (config->join_count * sizeof *self->seeds);
    for (size_t i = 0; i < config->join_count; i++)
        self->seeds[i].address = covey_str_dup (config->joins[i]);
    covey_membership_open_swim (self);
    return self;
}

static void
s_free_peer (covey_peer_t *peer)
{
    for (size_t i = 0; i < peer->role_count; i++)
        free (peer->roles[i]);
    free (peer->roles);
    free (peer->name);
    free (peer->endpoint);
    free (peer->pub_endpoint);
    free (peer->version);
    free (peer->address);
    free (peer->answers);
    free (peer);
}

/* ------------------------------------------------------------------------ */
/*  The list of peers                                                        */

void
covey_membership_connect (covey_membership_t *self, covey_peer_t *peer,
                          int64_t now_ms)
{
    if (peer->connected || !peer->address)
        return;
    peer->connected = true;
    peer->retry_ms = COVEY_MEMBERSHIP_RETRY_MS;
    peer->knock_ms = COVEY_MEMBERSHIP_KNOCK_MS;
    peer->hello_ms = now_ms;
    self->callbacks.connect (self->callbacks.arg, peer);
}

void
covey_membership_disconnect (covey_membership_t *self, covey_peer_t *peer)
{
    if (!peer->connected)
        return;
    peer->connected = false;
    self->callbacks.disconnect (self->callbacks.arg, peer);
}

void
covey_membership_forget (covey_membership_t *self, covey_peer_t *peer)
{
    covey_membership_disconnect (self, peer);
    self->callbacks.forgotten (self->callbacks.arg, peer);
    size_t index = 0;
    while (self->peers[index] != peer)
        index++;
    memmove (&self->peers[index], &self->peers[index + 1],
             (self->count - index - 1) * sizeof (covey_peer_t *));
    self->count--;
    s_free_peer (peer);
}

void
covey_membership_destroy (covey_membership_t **self_p)
{
    covey_membership_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    while (self->count)
        covey_membership_forget (self, self->peers[self->count - 1]);
    covey_swim_destroy (&self->swim);
    for (size_t i = 0; i < self->config.join_count; i++)
        free (self->seeds[i].address);
    free (self->seeds);
    free (self->peers);
    covey_buf_deinit (&self->frame);
    free (self);
}

covey_peer_t *
covey_membership_add (covey_membership_t *self, const char *address,
                      int64_t now_ms)
{
    covey_peer_t *peer = covey_mem_new (sizeof *peer);
    peer->address = covey_str_dup (address);
    peer->since_ms = now_ms;
    self->peers = covey_mem_room (self->peers, self->count, &self->capacity,
                                  sizeof (void *));
    self->peers[self->count++] = peer;
    return peer;
}

covey_peer_t *
covey_membership_at_address (const covey_membership_t *self,
                             const char *address, bool known)
{
    for (size_t i = 0; i < self->count && address; i++) {
        covey_peer_t *peer = self->peers[i];
        if (peer->known == known && peer->address &&
            strcmp (peer->address, address) == 0)
            return peer;
    }
    return NULL;
}

covey_peer_t *
covey_membership_find (const covey_membership_t *self, const uint8_t id[16])
{
    for (size_t i = 0; i < self->count; i++)
        if (self->peers[i]->known && covey_id_equal (self->peers[i]->id, id))
            return self->peers[i];
    return NULL;
}

size_t
covey_membership_count (const covey_membership_t *self)
{
    return self->count;
}

covey_peer_t *
covey_membership_at (const covey_membership_t *self, size_t index)
{
    assert (index < self->count);
    return self->peers[index];
}

size_t
covey_membership_in_state (const covey_membership_t *self,
                           covey_peer_state_t state)
{
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++)
        count += self->peers[i]->known && self->peers[i]->state == state;
    return count;
}

const covey_membership_stats_t *
covey_membership_stats (const covey_membership_t *self)
{
    return &self->stats;
}

const covey_swim_t *
covey_membership_core (const covey_membership_t *self)
{
    return self->swim;
}

/*  One more address to try; who answers there hears all we know.            */
static covey_peer_t *
s_contact (covey_membership_t *self, const char *address, int64_t now_ms)
{
    covey_peer_t *contact = covey_membership_add (self, address, now_ms);
    contact->exchange = true;
    covey_membership_connect (self, contact, now_ms);
    return contact;
}

bool
covey_membership_wants (const covey_membership_t *self, const uint8_t id[16],
                        uint64_t epoch, const char *address)
{
    const covey_peer_t *peer = covey_membership_find (self, id);
    if (covey_membership_at_address (self, address, false) ||
        strcmp (address, self->config.endpoint) == 0)
        return false;
    bool moved = peer && peer->epoch == epoch &&
                 peer->state == COVEY_PEER_FAILED &&
                 (!peer->address || strcmp (peer->address, address) != 0);
    return !peer || peer->epoch < epoch || moved;
}

bool
covey_membership_hint (covey_membership_t *self, const char *address,
                       int64_t now_ms)
{
    const covey_peer_t *there =
        covey_membership_at_address (self, address, true);
    if ((there && there->connected) ||
        covey_membership_at_address (self, address, false) ||
        strcmp (address, self->config.endpoint) == 0)
        return true; /* it is tried already, or is there                      */
    size_t contacts = 0;
    for (size_t i = 0; i < self->count; i++)
        contacts += !self->peers[i]->known;
    if (contacts >= COVEY_MEMBERSHIP_HINTS_MAX ||
        self->count >= self->config.peers_max)
        return false;
    covey_peer_t *contact = s_contact (self, address, now_ms);
    contact->expires_ms = now_ms + COVEY_MEMBERSHIP_HEARSAY_MS;
    return true;
}

/* ------------------------------------------------------------------------ */
/*  Timers                                                                   */

static int64_t
s_jitter (covey_membership_t *self, int64_t pause_ms)
{
    uint64_t half = (uint64_t)pause_ms / 2;
    return pause_ms - (int64_t)(half / 2) +
           (int64_t)covey_prng_below (&self->prng, half + 1);
}

static bool
s_is_courted (const covey_peer_t *peer)
{
    return peer->connected &&
           (!peer->known || !peer->introduced || peer->owed || peer->reopen ||
            peer->state == COVEY_PEER_FAILED);
}

static void
s_court (covey_membership_t *self, covey_peer_t *peer, int64_t now_ms)
{
    if (!s_is_courted (peer) || now_ms < peer->hello_ms)
        return;
    if (!covey_membership_say_hello (self, peer, true, now_ms)) {
        /* All knocks of this length at the same time: one pass, not many. */
        peer->hello_ms = (now_ms / peer->knock_ms + 1) * peer->knock_ms;
        peer->knock_ms = peer->knock_ms * 2 > COVEY_MEMBERSHIP_KNOCK_MAX_MS
                             ? COVEY_MEMBERSHIP_KNOCK_MAX_MS
                             : peer->knock_ms * 2;
        return;
    }
    peer->owed = false;
    peer->hello_ms = now_ms + s_jitter (self, peer->retry_ms);
    peer->retry_ms = peer->retry_ms * 2 > COVEY_MEMBERSHIP_RETRY_MAX_MS
                         ? COVEY_MEMBERSHIP_RETRY_MAX_MS
                         : peer->retry_ms * 2;
}

/*  Contact the seeds behind which there is nobody right now.                */
static void
s_seek_seeds (covey_membership_t *self, int64_t now_ms)
{
    for (size_t i = 0; i < self->config.join_count; i++) {
        covey_membership_seed_t *seed = &self->seeds[i];
        if (seed->is_self ||
            covey_membership_at_address (self, seed->address, false))
            continue;
        const covey_peer_t *peer =
            seed->answered ? covey_membership_find (self, seed->id) : NULL;
        if ((peer && peer->connected) ||
            covey_membership_at_address (self, seed->address, true))
            continue;
        (void)s_contact (self, seed->address, now_ms);
    }
}

void
covey_membership_tick (covey_membership_t *self, int64_t now_ms)
{
    (void)covey_membership_step (
        self, &(covey_swim_event_t){.kind = COVEY_SWIM_TICK, .now_ms = now_ms});
    s_seek_seeds (self, now_ms);
    for (size_t i = 0; i < self->count; i++)
        s_court (self, self->peers[i], now_ms);
    for (size_t i = self->count; i-- > 0;) {
        covey_peer_t *peer = self->peers[i];
        if (peer->expires_ms && now_ms >= peer->expires_ms)
            covey_membership_forget (self, peer);
    }
}

int64_t
covey_membership_next_ms (const covey_membership_t *self)
{
    int64_t next_ms = covey_swim_next_ms (self->swim);
    for (size_t i = 0; i < self->count; i++) {
        const covey_peer_t *peer = self->peers[i];
        if (s_is_courted (peer) && peer->hello_ms < next_ms)
            next_ms = peer->hello_ms;
    }
    return next_ms;
}
