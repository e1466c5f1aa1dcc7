#include "node/membership_class.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#define SAY_AGAIN_MS 100 /* between hellos that somebody provokes */

static bool
s_text_equal (const char *a, const char *b)
{
    return a && b && strcmp (a, b) == 0;
}

/* ------------------------------------------------------------------------ */
/*  Hellos we send                                                           */

bool
covey_membership_say_hello (covey_membership_t *self, covey_peer_t *peer,
                            bool reply, int64_t now_ms)
{
    if (!peer->connected ||
        !self->callbacks.hello (self->callbacks.arg, peer, reply))
        return false;
    peer->said_ms = now_ms;
    peer->knock_ms = COVEY_MEMBERSHIP_KNOCK_MS;
    self->stats.hellos_sent++;
    return true;
}

void
covey_membership_say_again (covey_membership_t *self, covey_peer_t *peer,
                            int64_t now_ms)
{
    if (now_ms - peer->said_ms >= SAY_AGAIN_MS)
        (void)covey_membership_say_hello (self, peer, true,
                                          now_ms); /* its timer goes on */
}

void
covey_membership_own_info (const covey_membership_t *self,
                           Covey__Wire__NodeInfo *info)
{
    const covey_membership_config_t *own = &self->config;
    covey__wire__node_info__init (info);
    info->node_id.data = (uint8_t *)own->node_id;
    info->node_id.len = 16;
    info->name = (char *)own->name;
    info->endpoint = (char *)own->endpoint;
    info->pub_endpoint = (char *)own->pub_endpoint;
    info->version = (char *)own->version;
    info->roles = (char **)own->roles;
    info->n_roles = own->role_count;
    info->has_epoch = true;
    info->epoch = own->epoch;
}

covey_err_t
covey_membership_write_hello (covey_membership_t *self,
                              const covey_peer_t *peer, bool reply,
                              uint64_t recv_seq, covey_buf_t *to)
{
    Covey__Wire__NodeInfo own;
    covey_membership_own_info (self, &own);
    own.has_incarnation = true;
    own.incarnation = covey_swim_incarnation (self->swim);
    Covey__Wire__PeerHello hello = COVEY__WIRE__PEER_HELLO__INIT;
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
covey_err_t
covey_membership_check_info (const Covey__Wire__NodeInfo *info,
                             covey_errbuf_t *err)
{
    if (info->node_id.len != 16 || !info->epoch || !info->endpoint ||
        !*info->endpoint || info->n_roles > COVEY_LIST_MAX)
        return covey_fail (err, COVEY_MALFORMED,
                           "hello without node id, epoch or endpoint");
    covey_err_t code = s_check_text ("name", info->name, COVEY_NAME_MAX, err);
    if (!code)
        code = s_check_text ("endpoint", info->endpoint,
                             COVEY_MEMBERSHIP_ADDRESS_MAX, err);
    if (!code)
        code = s_check_text ("endpoint", info->pub_endpoint,
                             COVEY_MEMBERSHIP_ADDRESS_MAX, err);
    if (!code)
        code = s_check_text ("version", info->version, COVEY_NAME_MAX, err);
    for (size_t i = 0; i < info->n_roles && !code; i++)
        code = s_check_text ("role", info->roles[i], COVEY_NAME_MAX, err);
    return code;
}

static covey_err_t
s_check_hello (const covey_membership_t *self,
               const Covey__Wire__PeerHello *hello, covey_errbuf_t *err)
{
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
    return covey_membership_check_info (hello->node, err);
}

/*  Our own hello came back: that address is ours.                           */
static void
s_met_self (covey_membership_t *self, const char *via)
{
    covey_peer_t *contact = covey_membership_at_address (self, via, false);
    if (contact)
        covey_membership_forget (self, contact);
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

void
covey_membership_describe (covey_peer_t *peer,
                           const Covey__Wire__NodeInfo *info)
{
    memcpy (peer->id, info->node_id.data, 16);
    s_replace_text (&peer->name, info->name);
    s_replace_text (&peer->endpoint, info->endpoint);
    s_replace_text (&peer->pub_endpoint, info->pub_endpoint);
    s_replace_text (&peer->version, info->version);
    for (size_t i = 0; i < peer->role_count; i++)
        free (peer->roles[i]);
    free (peer->roles);
    peer->roles = covey_mem_new (info->n_roles * sizeof *peer->roles);
    peer->role_count = info->n_roles;
    for (size_t i = 0; i < info->n_roles; i++)
        peer->roles[i] = covey_str_dup (info->roles[i]);
    peer->epoch = info->epoch;
    peer->known = true;
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
        covey_membership_disconnect (self, other);
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
    covey_peer_t *contact =
        covey_membership_at_address (self, hello->answers, false);
    if (!contact)
        contact = covey_membership_at_address (self, info->endpoint, false);
    if (!peer) {
        peer = contact ? contact
                       : covey_membership_add (self, info->endpoint, now_ms);
        peer->expires_ms = 0;
        covey_membership_describe (peer, info);
    } else if (contact) {
        peer->exchange = true;
        if (!peer->connected)
            s_replace_text (&peer->address, contact->address);
        covey_membership_forget (self, contact);
    }
    return peer;
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

/*  The peer is who it says; answer, so that it knows us before data comes, and
    let it hear what is held against it.                                      */
static void
s_welcome (covey_membership_t *self, covey_peer_t *peer,
           const Covey__Wire__PeerHello *hello, bool restarted, int64_t now_ms)
{
    free (peer->answers);
    peer->answers = covey_str_dup (hello->via);
    peer->heard_ms = now_ms;
    bool knows_us = hello->recv_epoch == self->config.epoch;
    if (knows_us && peer->was_introduced && (restarted || !peer->introduced))
        self->stats.reconnects++;
    peer->introduced = knows_us;
    peer->was_introduced |= knows_us;
    peer->reopen = false;
    if (!peer->address)
        peer->address = covey_str_dup (peer->endpoint);
    covey_membership_connect (self, peer, now_ms);
    bool said = true;
    if (hello->reply || !knows_us)
        said = covey_membership_say_hello (self, peer, !knows_us, now_ms);
    peer->owed = !said;
    peer->retry_ms = COVEY_MEMBERSHIP_RETRY_MS;
    peer->hello_ms = now_ms + (said ? COVEY_MEMBERSHIP_RETRY_MS : 0);
    if (!knows_us)
        return;
    if (peer->exchange)
        covey_membership_poke (self, COVEY_SWIM_EXCHANGE, peer, now_ms);
    peer->exchange = false;
    if (peer->state != COVEY_PEER_ALIVE)
        covey_membership_poke (self, COVEY_SWIM_TELL, peer, now_ms);
}

/*  Is it of this mesh, of our version, and not us?                          */
static covey_err_t
s_admit (covey_membership_t *self, const Covey__Wire__PeerHello *hello,
         covey_errbuf_t *err)
{
    covey_err_t code = s_check_hello (self, hello, err);
    if (code)
        return code;
    const Covey__Wire__NodeInfo *info = hello->node;
    if (covey_id_equal (info->node_id.data, self->config.node_id)) {
        if (info->epoch != self->config.epoch)
            return covey_fail (err, COVEY_EXISTS,
                               "another node at %s has this node's id: is its "
                               "data folder a copy?",
                               info->endpoint);
        s_met_self (self, hello->via);
        return COVEY_STATE;
    }
    const covey_swim_member_t *known =
        covey_swim_find (self->swim, info->node_id.data);
    if (known &&
        (info->epoch < known->epoch ||
         (info->epoch == known->epoch && known->state == COVEY_SWIM_LEFT)))
        return covey_fail (err, COVEY_STATE, "hello of an old incarnation");
    return COVEY_OK;
}

/*  Find or make its place in the list and say so to the detector.           */
static covey_err_t
s_meet (covey_membership_t *self, const Covey__Wire__PeerHello *hello,
        int64_t now_ms, covey_errbuf_t *err)
{
    const Covey__Wire__NodeInfo *info = hello->node;
    const uint8_t *id = info->node_id.data;
    covey_peer_t *peer = s_identify (self, hello, now_ms);
    bool restarted = peer->was_introduced && info->epoch > peer->epoch;
    covey_err_t code =
        covey_membership_claim (self, info, COVEY_SWIM_ALIVE, now_ms);
    const covey_swim_member_t *member = covey_swim_find (self->swim, id);
    peer = covey_membership_find (self, id);
    if (code || !member) {
        if (peer && !member)
            covey_membership_forget (self, peer);
        if (code)
            return covey_fail (err, code, "hello that says too much");
        return covey_fail (err, COVEY_LIMIT,
                           "this node knows %zu others, which is its limit "
                           "(nodes-max)",
                           covey_swim_count (self->swim));
    }
    if (peer->state == COVEY_PEER_CONTACT) /* one that failed before we met   */
        peer->state = COVEY_PEER_FAILED;
    s_evict_address (self, peer, hello->answers);
    s_evict_address (self, peer, info->endpoint);
    s_welcome (self, peer, hello, restarted, now_ms);
    return COVEY_OK;
}

covey_err_t
covey_membership_hello (covey_membership_t *self,
                        const Covey__Wire__PeerHello *hello, int64_t now_ms,
                        covey_peer_t **peer_p, covey_errbuf_t *err)
{
    covey_err_t code = s_admit (self, hello, err);
    if (!code)
        code = s_meet (self, hello, now_ms, err);
    if (code) {
        self->stats.refused += code != COVEY_STATE;
        return code;
    }
    self->stats.hellos_received++;
    s_note_seed (self, hello->answers, hello->node->node_id.data);
    *peer_p = covey_membership_find (self, hello->node->node_id.data);
    return COVEY_OK;
}

bool
covey_membership_heard (covey_membership_t *self, covey_peer_t *peer,
                        int64_t now_ms)
{
    peer->heard_ms = now_ms;
    if (peer->state == COVEY_PEER_FAILED)
        covey_membership_say_again (self, peer, now_ms);
    if (peer->state != COVEY_PEER_ALIVE && peer->state != COVEY_PEER_SUSPECTED)
        return false;
    covey_membership_poke (self, COVEY_SWIM_HEARD, peer, now_ms);
    if (peer->state == COVEY_PEER_SUSPECTED &&
        now_ms - peer->told_ms >= SAY_AGAIN_MS) {
        peer->told_ms = now_ms; /* it lives: it shall refute                  */
        covey_membership_poke (self, COVEY_SWIM_TELL, peer, now_ms);
    }
    return true;
}

void
covey_membership_goodbye (covey_membership_t *self, covey_peer_t *peer,
                          const char *reason, int64_t now_ms)
{
    if (!peer->known || peer->state == COVEY_PEER_LEFT)
        return;
    Covey__Wire__NodeInfo info = COVEY__WIRE__NODE_INFO__INIT;
    info.node_id.data = peer->id;
    info.node_id.len = 16;
    info.epoch = peer->epoch;
    self->reason = reason;
    (void)covey_membership_claim (self, &info, COVEY_SWIM_LEFT, now_ms);
    self->reason = NULL;
}

void
covey_membership_refused (covey_membership_t *self, covey_peer_t *peer,
                          covey_err_t code, int64_t now_ms)
{
    if (code == COVEY_NOTFOUND) {
        peer->introduced = false;
        peer->retry_ms = COVEY_MEMBERSHIP_RETRY_MS;
        peer->hello_ms = now_ms + COVEY_MEMBERSHIP_RETRY_MS;
        covey_membership_say_again (self, peer, now_ms);
        return;
    }
    self->stats.refused_by_peers++;
    peer->retry_ms = COVEY_MEMBERSHIP_RETRY_MAX_MS;
    peer->hello_ms = now_ms + COVEY_MEMBERSHIP_RETRY_MAX_MS;
}
