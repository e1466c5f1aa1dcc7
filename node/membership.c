#include "node/membership.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/prng.h"
#include "base/str.h"

#define SAY_AGAIN_MS 100 /* between hellos that somebody provokes */

/*  An address we were told to join.                                         */
typedef struct {
    char *address;
    bool is_self;
    bool answered;
    uint8_t id[16]; /* of the node that answered there                        */
} membership_seed_t;

struct covey_membership {
    covey_membership_config_t config;
    covey_membership_callbacks_t callbacks;
    covey_membership_stats_t stats;
    covey_prng_t prng;
    covey_peer_t **peers;
    size_t count;
    size_t capacity;
    membership_seed_t *seeds;
    int64_t tick_ms; /* the last one; 0: none yet                             */
};

covey_membership_t *
covey_membership_new (const covey_membership_config_t *config,
                      const covey_membership_callbacks_t *callbacks)
{
    assert (config->epoch > 0 && config->peers_max > 0);
    assert (config->heartbeat_ms > 0);
    covey_membership_t *self = covey_mem_new (sizeof *self);
    self->config = *config;
    self->callbacks = *callbacks;
    covey_prng_init (&self->prng, config->seed);
    self->seeds = covey_mem_new (config->join_count * sizeof *self->seeds);
    for (size_t i = 0; i < config->join_count; i++)
        self->seeds[i].address = covey_str_dup (config->joins[i]);
    return self;
}

static void
s_free_roles (covey_peer_t *peer)
{
    for (size_t i = 0; i < peer->role_count; i++)
        free (peer->roles[i]);
    free (peer->roles);
    peer->roles = NULL;
    peer->role_count = 0;
}

static void
s_free_peer (covey_peer_t *peer)
{
    s_free_roles (peer);
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

static void
s_connect (covey_membership_t *self, covey_peer_t *peer, int64_t now_ms)
{
    if (peer->connected || !peer->address)
        return;
    peer->connected = true;
    peer->retry_ms = COVEY_MEMBERSHIP_RETRY_MS;
    peer->knock_ms = COVEY_MEMBERSHIP_KNOCK_MS;
    peer->hello_ms = now_ms;
    self->callbacks.connect (self->callbacks.arg, peer);
}

static void
s_disconnect (covey_membership_t *self, covey_peer_t *peer)
{
    if (!peer->connected)
        return;
    peer->connected = false;
    self->callbacks.disconnect (self->callbacks.arg, peer);
}

static void
s_forget (covey_membership_t *self, covey_peer_t *peer)
{
    s_disconnect (self, peer);
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
        s_forget (self, self->peers[self->count - 1]);
    for (size_t i = 0; i < self->config.join_count; i++)
        free (self->seeds[i].address);
    free (self->seeds);
    free (self->peers);
    free (self);
}

/*  Room for one more: who left or failed longest ago, or is only hearsay,
    goes.                                                                     */
static bool
s_make_room (covey_membership_t *self)
{
    if (self->count < self->config.peers_max)
        return true;
    covey_peer_t *oldest = NULL;
    for (size_t i = 0; i < self->count; i++) {
        covey_peer_t *peer = self->peers[i];
        bool spare = peer->state == COVEY_PEER_LEFT ||
                     peer->state == COVEY_PEER_FAILED || peer->expires_ms;
        if (spare && (!oldest || peer->since_ms < oldest->since_ms))
            oldest = peer;
    }
    if (oldest)
        s_forget (self, oldest);
    return oldest != NULL;
}

static covey_peer_t *
s_add (covey_membership_t *self, const char *address, int64_t now_ms)
{
    if (!s_make_room (self))
        return NULL;
    covey_peer_t *peer = covey_mem_new (sizeof *peer);
    peer->address = covey_str_dup (address);
    peer->since_ms = now_ms;
    self->peers = covey_mem_room (self->peers, self->count, &self->capacity,
                                  sizeof (void *));
    self->peers[self->count++] = peer;
    return peer;
}

static bool
s_text_equal (const char *a, const char *b)
{
    return a && b && strcmp (a, b) == 0;
}

/*  Who is reached at that address; `known`: nodes or contacts.              */
static covey_peer_t *
s_at_address (const covey_membership_t *self, const char *address, bool known)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->peers[i]->known == known &&
            s_text_equal (self->peers[i]->address, address))
            return self->peers[i];
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

/* ------------------------------------------------------------------------ */
/*  Hellos we send                                                           */

static bool
s_say_hello (covey_membership_t *self, covey_peer_t *peer, bool reply,
             int64_t now_ms)
{
    if (!peer->connected ||
        !self->callbacks.hello (self->callbacks.arg, peer, reply))
        return false;
    peer->said_ms = now_ms;
    peer->knock_ms = COVEY_MEMBERSHIP_KNOCK_MS;
    self->stats.hellos_sent++;
    return true;
}

static void
s_say_again (covey_membership_t *self, covey_peer_t *peer, int64_t now_ms)
{
    if (now_ms - peer->said_ms >= SAY_AGAIN_MS)
        (void)s_say_hello (self, peer, true, now_ms); /* its timer goes on  */
}

static void
s_fill_info (const covey_membership_t *self, const covey_peer_t *peer,
             Covey__Wire__NodeInfo *info)
{
    covey__wire__node_info__init (info);
    info->node_id.len = 16;
    info->has_epoch = true;
    if (peer) {
        info->node_id.data = (uint8_t *)peer->id;
        info->name = peer->name;
        info->endpoint = peer->endpoint;
        info->pub_endpoint = peer->pub_endpoint;
        info->version = peer->version;
        info->roles = peer->roles;
        info->n_roles = peer->role_count;
        info->epoch = peer->epoch;
        return;
    }
    const covey_membership_config_t *own = &self->config;
    info->node_id.data = (uint8_t *)own->node_id;
    info->name = (char *)own->name;
    info->endpoint = (char *)own->endpoint;
    info->pub_endpoint = (char *)own->pub_endpoint;
    info->version = (char *)own->version;
    info->roles = (char **)own->roles;
    info->n_roles = own->role_count;
    info->epoch = own->epoch;
}

covey_err_t
covey_membership_write_hello (covey_membership_t *self,
                              const covey_peer_t *peer, bool reply,
                              uint64_t recv_seq, covey_buf_t *to)
{
    Covey__Wire__NodeInfo own;
    s_fill_info (self, NULL, &own);
    Covey__Wire__NodeInfo known[COVEY_MEMBERSHIP_KNOWN_MAX];
    Covey__Wire__NodeInfo *known_list[COVEY_MEMBERSHIP_KNOWN_MAX];
    Covey__Wire__PeerHello hello = COVEY__WIRE__PEER_HELLO__INIT;
    hello.known = known_list;
    for (size_t i = 0;
         i < self->count && hello.n_known < COVEY_MEMBERSHIP_KNOWN_MAX; i++) {
        const covey_peer_t *other = self->peers[i];
        if (other == peer || (other->state != COVEY_PEER_ALIVE &&
                              other->state != COVEY_PEER_SUSPECTED))
            continue;
        s_fill_info (self, other, &known[hello.n_known]);
        known_list[hello.n_known] = &known[hello.n_known];
        hello.n_known++;
    }
    hello.protocol_min = hello.protocol_max = COVEY_PROTOCOL_VERSION;
    hello.mesh = (char *)self->config.mesh;
    hello.node = &own;
    hello.has_recv_epoch = hello.has_recv_seq = true;
    hello.recv_epoch = peer->epoch;
    hello.recv_seq = recv_seq;
    hello.has_reply = true;
    hello.reply = reply;
    hello.via = peer->address;
    hello.answers = peer->answers;
    return covey_frame_begin (to, COVEY_FRAME_PEER_HELLO, &hello.base);
}

/* ------------------------------------------------------------------------ */
/*  Changes of state                                                         */

static void
s_become (covey_membership_t *self, covey_peer_t *peer,
          covey_peer_state_t state, covey_peer_change_t change,
          const char *reason, int64_t now_ms)
{
    peer->state = state;
    peer->since_ms = now_ms;
    self->callbacks.changed (self->callbacks.arg, peer, change, reason);
}

static void
s_fail (covey_membership_t *self, covey_peer_t *peer, const char *reason,
        int64_t now_ms)
{
    peer->retry_ms = COVEY_MEMBERSHIP_RETRY_MS;
    peer->hello_ms = now_ms;
    s_become (self, peer, COVEY_PEER_FAILED, COVEY_PEER_BECAME_FAILED, reason,
              now_ms);
}

/* ------------------------------------------------------------------------ */
/*  Hellos we get                                                            */

static covey_err_t
s_check_text (const char *what, const char *text, size_t max,
              covey_errbuf_t *err)
{
    if (text &&
        (strlen (text) > max || !covey_str_is_utf8 (text, strlen (text))))
        return covey_fail (err, COVEY_MALFORMED,
                           "hello with a %s that is too long or not UTF-8",
                           what);
    return COVEY_OK;
}

static covey_err_t
s_check_hello (const covey_membership_t *self,
               const Covey__Wire__PeerHello *hello, covey_errbuf_t *err)
{
    const Covey__Wire__NodeInfo *node = hello->node;
    if (hello->protocol_min > COVEY_PROTOCOL_VERSION ||
        hello->protocol_max < COVEY_PROTOCOL_VERSION)
        return covey_fail (err, COVEY_VERSION,
                           "node speaks protocol %u to %u, this one %d: update "
                           "the older one",
                           hello->protocol_min, hello->protocol_max,
                           COVEY_PROTOCOL_VERSION);
    if (strcmp (hello->mesh, self->config.mesh) != 0)
        return covey_fail (err, COVEY_DENIED,
                           "node of mesh \"%.64s\" cannot join mesh \"%.64s\"",
                           hello->mesh, self->config.mesh);
    if (node->node_id.len != 16 || !node->epoch || !node->endpoint ||
        node->n_roles > COVEY_LIST_MAX)
        return covey_fail (err, COVEY_MALFORMED,
                           "hello without node id, epoch or endpoint");
    covey_err_t code = s_check_text ("name", node->name, COVEY_NAME_MAX, err);
    if (!code)
        code = s_check_text ("endpoint", node->endpoint,
                             COVEY_MEMBERSHIP_ADDRESS_MAX, err);
    if (!code)
        code = s_check_text ("endpoint", node->pub_endpoint,
                             COVEY_MEMBERSHIP_ADDRESS_MAX, err);
    if (!code)
        code = s_check_text ("version", node->version, COVEY_NAME_MAX, err);
    for (size_t i = 0; i < node->n_roles && !code; i++)
        code = s_check_text ("role", node->roles[i], COVEY_NAME_MAX, err);
    return code;
}

/*  Our own hello came back: that address is ours.                           */
static void
s_met_self (covey_membership_t *self, const char *via)
{
    covey_peer_t *contact = s_at_address (self, via, false);
    if (contact)
        s_forget (self, contact);
    for (size_t i = 0; i < self->config.join_count; i++)
        if (s_text_equal (self->seeds[i].address, via))
            self->seeds[i].is_self = true;
}

static void
s_replace_text (char **text_p, const char *with)
{
    free (*text_p);
    *text_p = covey_str_dup (with ? with : "");
}

static void
s_copy_info (covey_peer_t *peer, const Covey__Wire__NodeInfo *info)
{
    memcpy (peer->id, info->node_id.data, 16);
    s_replace_text (&peer->name, info->name);
    s_replace_text (&peer->endpoint, info->endpoint);
    s_replace_text (&peer->pub_endpoint, info->pub_endpoint);
    s_replace_text (&peer->version, info->version);
    s_free_roles (peer);
    peer->roles = covey_mem_new (info->n_roles * sizeof *peer->roles);
    peer->role_count = info->n_roles;
    for (size_t i = 0; i < info->n_roles; i++)
        peer->roles[i] = covey_str_dup (info->roles[i]);
    peer->epoch = info->epoch;
    peer->known = true;
    peer->expires_ms = 0;
}

/*  An address has one node behind it: who was there before is there no more. */
static void
s_evict_address (covey_membership_t *self, const covey_peer_t *peer,
                 const char *address)
{
    for (size_t i = 0; i < self->count; i++) {
        covey_peer_t *other = self->peers[i];
        if (other == peer || !other->known ||
            !s_text_equal (other->address, address))
            continue;
        s_disconnect (self, other);
        free (other->address);
        other->address = NULL;
    }
}

/*  Which peer object is it? A contact may turn out to be a known node.      */
static covey_peer_t *
s_identify (covey_membership_t *self, const Covey__Wire__PeerHello *hello,
            int64_t now_ms)
{
    const Covey__Wire__NodeInfo *info = hello->node;
    covey_peer_t *peer = covey_membership_find (self, info->node_id.data);
    covey_peer_t *contact = NULL;
    if (hello->answers)
        contact = s_at_address (self, hello->answers, false);
    if (!contact)
        contact = s_at_address (self, info->endpoint, false);
    if (!peer && contact)
        return contact;
    if (!peer)
        return s_add (self, info->endpoint, now_ms);
    if (contact) {
        if (!peer->connected)
            s_replace_text (&peer->address, contact->address);
        s_forget (self, contact);
    }
    return peer;
}

/*  A restarted node may listen elsewhere.                                   */
static void
s_follow_address (covey_membership_t *self, covey_peer_t *peer,
                  const Covey__Wire__PeerHello *hello)
{
    const char *endpoint = hello->node->endpoint;
    if (!peer->address)
        peer->address = covey_str_dup (endpoint);
    if (strcmp (peer->endpoint, endpoint) == 0 ||
        s_text_equal (hello->answers, peer->address))
        return;
    s_disconnect (self, peer);
    s_replace_text (&peer->address, endpoint);
}

static void
s_note_seed (covey_membership_t *self, const char *answers,
             const uint8_t id[16])
{
    for (size_t i = 0; i < self->config.join_count; i++)
        if (s_text_equal (self->seeds[i].address, answers)) {
            self->seeds[i].answered = true;
            memcpy (self->seeds[i].id, id, 16);
        }
}

/*  Somebody told us of it: try it for a while.                              */
static bool
s_try_hearsay (covey_membership_t *self, const char *address, int64_t now_ms)
{
    covey_peer_t *contact = s_add (self, address, now_ms);
    if (!contact)
        return false;
    contact->expires_ms = now_ms + COVEY_MEMBERSHIP_HEARSAY_MS;
    s_connect (self, contact, now_ms);
    return true;
}

bool
covey_membership_wants (const covey_membership_t *self, const uint8_t id[16],
                        uint64_t epoch, const char *address)
{
    const covey_peer_t *peer = covey_membership_find (self, id);
    if (s_at_address (self, address, false) ||
        strcmp (address, self->config.endpoint) == 0)
        return false;
    bool moved = peer && peer->epoch == epoch &&
                 peer->state == COVEY_PEER_FAILED &&
                 !s_text_equal (peer->address, address);
    return !peer || peer->epoch < epoch || moved;
}

bool
covey_membership_hint (covey_membership_t *self, const char *address,
                       int64_t now_ms)
{
    size_t contacts = 0;
    for (size_t i = 0; i < self->count; i++)
        contacts += !self->peers[i]->known;
    return contacts < COVEY_MEMBERSHIP_HINTS_MAX &&
           self->count < self->config.peers_max &&
           s_try_hearsay (self, address, now_ms);
}

/*  Nodes that the sender knows and we do not.                               */
static void
s_hear_of (covey_membership_t *self, const Covey__Wire__PeerHello *hello,
           int64_t now_ms)
{
    covey_errbuf_t ignored;
    for (size_t i = 0; i < hello->n_known; i++) {
        const Covey__Wire__NodeInfo *info = hello->known[i];
        if (info->node_id.len != 16 || !info->endpoint || !*info->endpoint ||
            s_check_text ("endpoint", info->endpoint,
                          COVEY_MEMBERSHIP_ADDRESS_MAX, &ignored) ||
            covey_id_equal (info->node_id.data, self->config.node_id))
            continue;
        const covey_peer_t *known =
            covey_membership_find (self, info->node_id.data);
        if (known &&
            (known->state != COVEY_PEER_LEFT || known->epoch >= info->epoch))
            continue;
        if (s_at_address (self, info->endpoint, false) ||
            strcmp (info->endpoint, self->config.endpoint) == 0)
            continue;
        if (!s_try_hearsay (self, info->endpoint, now_ms))
            return;
    }
}

/*  The peer is who it says; what does that change?                          */
static void
s_welcome (covey_membership_t *self, covey_peer_t *peer,
           const Covey__Wire__PeerHello *hello, int64_t now_ms)
{
    bool was_known = peer->known;
    bool restarted = was_known && hello->node->epoch > peer->epoch;
    if (restarted && (peer->state == COVEY_PEER_ALIVE ||
                      peer->state == COVEY_PEER_SUSPECTED))
        s_fail (self, peer, "it was restarted", now_ms);
    if (was_known)
        s_follow_address (self, peer, hello);
    bool was_failed = peer->state == COVEY_PEER_FAILED;
    bool joined = !was_known || restarted || peer->state == COVEY_PEER_LEFT;
    bool changed = joined || peer->state != COVEY_PEER_ALIVE;
    s_copy_info (peer, hello->node);
    free (peer->answers);
    peer->answers = covey_str_dup (hello->via);
    covey_detector_heard (&peer->detector, now_ms);
    peer->heartbeat_ms = now_ms;
    bool knows_us = hello->recv_epoch == self->config.epoch;
    if (knows_us && was_known && (restarted || !peer->introduced))
        self->stats.reconnects++;
    peer->introduced = knows_us;
    peer->state = COVEY_PEER_ALIVE;
    s_connect (self, peer, now_ms);
    /* Answer first, so that it knows us before data comes. */
    bool said = true;
    if (hello->reply || !knows_us || was_failed)
        said = s_say_hello (self, peer, !knows_us || was_failed, now_ms);
    peer->owed = !said;
    peer->retry_ms = COVEY_MEMBERSHIP_RETRY_MS;
    peer->hello_ms = now_ms + (said ? COVEY_MEMBERSHIP_RETRY_MS : 0);
    if (changed)
        s_become (self, peer, COVEY_PEER_ALIVE,
                  joined ? COVEY_PEER_JOINED : COVEY_PEER_RECOVERED, "",
                  now_ms);
}

covey_err_t
covey_membership_hello (covey_membership_t *self,
                        const Covey__Wire__PeerHello *hello, int64_t now_ms,
                        covey_peer_t **peer_p, covey_errbuf_t *err)
{
    covey_err_t code = s_check_hello (self, hello, err);
    const Covey__Wire__NodeInfo *info = hello->node;
    if (!code && covey_id_equal (info->node_id.data, self->config.node_id)) {
        if (info->epoch == self->config.epoch) {
            s_met_self (self, hello->via);
            return COVEY_STATE;
        }
        code = covey_fail (err, COVEY_EXISTS,
                           "another node at %s has this node's id: is its data "
                           "folder a copy?",
                           info->endpoint);
    }
    if (code) {
        self->stats.refused++;
        return code;
    }
    const covey_peer_t *known =
        covey_membership_find (self, info->node_id.data);
    if (known &&
        (info->epoch < known->epoch ||
         (info->epoch == known->epoch && known->state == COVEY_PEER_LEFT)))
        return covey_fail (err, COVEY_STATE, "hello of an old incarnation");
    covey_peer_t *peer = s_identify (self, hello, now_ms);
    if (!peer) {
        self->stats.refused++;
        return covey_fail (err, COVEY_LIMIT,
                           "this node knows %zu others, which is its limit "
                           "(peers.max)",
                           self->count);
    }
    self->stats.hellos_received++;
    s_note_seed (self, hello->answers, info->node_id.data);
    s_evict_address (self, peer, hello->answers);
    s_evict_address (self, peer, info->endpoint);
    s_welcome (self, peer, hello, now_ms);
    s_hear_of (self, hello, now_ms);
    *peer_p = covey_membership_find (self, info->node_id.data);
    return COVEY_OK;
}

bool
covey_membership_heard (covey_membership_t *self, covey_peer_t *peer,
                        int64_t now_ms)
{
    if (peer->state == COVEY_PEER_FAILED)
        s_say_again (self, peer, now_ms);
    if (peer->state != COVEY_PEER_ALIVE && peer->state != COVEY_PEER_SUSPECTED)
        return false;
    covey_detector_heard (&peer->detector, now_ms);
    if (peer->state == COVEY_PEER_SUSPECTED)
        s_become (self, peer, COVEY_PEER_ALIVE, COVEY_PEER_RECOVERED, "",
                  now_ms);
    return true;
}

void
covey_membership_goodbye (covey_membership_t *self, covey_peer_t *peer,
                          const char *reason, int64_t now_ms)
{
    if (!peer->known || peer->state == COVEY_PEER_LEFT)
        return;
    s_become (self, peer, COVEY_PEER_LEFT, COVEY_PEER_DEPARTED, reason, now_ms);
    s_disconnect (self, peer);
    peer->introduced = false;
}

void
covey_membership_refused (covey_membership_t *self, covey_peer_t *peer,
                          covey_err_t code, int64_t now_ms)
{
    if (code == COVEY_NOTFOUND) {
        peer->introduced = false;
        peer->retry_ms = COVEY_MEMBERSHIP_RETRY_MS;
        peer->hello_ms = now_ms + COVEY_MEMBERSHIP_RETRY_MS;
        s_say_again (self, peer, now_ms);
        return;
    }
    peer->retry_ms = COVEY_MEMBERSHIP_RETRY_MAX_MS;
    peer->hello_ms = now_ms + COVEY_MEMBERSHIP_RETRY_MAX_MS;
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
    return peer->connected && (!peer->known || !peer->introduced ||
                               peer->owed || peer->state == COVEY_PEER_FAILED);
}

static void
s_court (covey_membership_t *self, covey_peer_t *peer, int64_t now_ms)
{
    if (!s_is_courted (peer) || now_ms < peer->hello_ms)
        return;
    if (!s_say_hello (self, peer, true, now_ms)) {
        peer->hello_ms = now_ms + s_jitter (self, peer->knock_ms);
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
        membership_seed_t *seed = &self->seeds[i];
        if (seed->is_self || s_at_address (self, seed->address, false))
            continue;
        const covey_peer_t *peer =
            seed->answered ? covey_membership_find (self, seed->id) : NULL;
        if ((peer && peer->connected) ||
            s_at_address (self, seed->address, true))
            continue;
        covey_peer_t *contact = s_add (self, seed->address, now_ms);
        if (contact)
            s_connect (self, contact, now_ms);
    }
}

static void
s_judge (covey_membership_t *self, covey_peer_t *peer, int64_t now_ms)
{
    covey_detector_verdict_t verdict =
        covey_detector_judge (&peer->detector, &self->config.detector, now_ms);
    if (verdict == COVEY_DETECTOR_FAILED)
        s_fail (self, peer, "it was silent", now_ms);
    else if (verdict == COVEY_DETECTOR_SUSPICIOUS &&
             peer->state == COVEY_PEER_ALIVE)
        s_become (self, peer, COVEY_PEER_SUSPECTED, COVEY_PEER_BECAME_SUSPECTED,
                  "it is silent", now_ms);
}

static void
s_tick_peer (covey_membership_t *self, covey_peer_t *peer, int64_t now_ms)
{
    s_court (self, peer, now_ms);
    if (peer->state != COVEY_PEER_ALIVE && peer->state != COVEY_PEER_SUSPECTED)
        return;
    if (now_ms >= peer->heartbeat_ms) {
        self->callbacks.heartbeat (self->callbacks.arg, peer);
        peer->heartbeat_ms = now_ms + self->config.heartbeat_ms;
    }
    s_judge (self, peer, now_ms);
}

void
covey_membership_tick (covey_membership_t *self, int64_t now_ms)
{
    int64_t slept_ms = self->tick_ms ? now_ms - self->tick_ms : 0;
    self->tick_ms = now_ms;
    s_seek_seeds (self, now_ms);
    for (size_t i = 0; i < self->count; i++) {
        covey_peer_t *peer = self->peers[i];
        if (slept_ms > 2 * (int64_t)self->config.heartbeat_ms)
            covey_detector_forgive (&peer->detector,
                                    slept_ms - self->config.heartbeat_ms);
        s_tick_peer (self, peer, now_ms);
    }
    for (size_t i = self->count; i-- > 0;) {
        covey_peer_t *peer = self->peers[i];
        bool stale_contact =
            !peer->known && peer->expires_ms && now_ms >= peer->expires_ms;
        bool long_gone =
            peer->state == COVEY_PEER_LEFT &&
            now_ms - peer->since_ms >= COVEY_MEMBERSHIP_LEFT_KEEP_MS;
        if (stale_contact || long_gone)
            s_forget (self, peer);
    }
}

int64_t
covey_membership_next_ms (const covey_membership_t *self)
{
    int64_t next_ms = self->tick_ms + self->config.heartbeat_ms;
    for (size_t i = 0; i < self->count; i++) {
        const covey_peer_t *peer = self->peers[i];
        if (s_is_courted (peer) && peer->hello_ms < next_ms)
            next_ms = peer->hello_ms;
        if ((peer->state == COVEY_PEER_ALIVE ||
             peer->state == COVEY_PEER_SUSPECTED) &&
            peer->heartbeat_ms < next_ms)
            next_ms = peer->heartbeat_ms;
    }
    return next_ms;
}
