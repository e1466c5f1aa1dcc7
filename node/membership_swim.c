/*  The failure detector under the list: what it wants to send, what it decides
    of whom.                                                                  */
#include "node/membership_class.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

/* ------------------------------------------------------------------------ */
/*  What a node says of itself, as the detector carries it                    */

/*  Without what the detector says itself: where, and at which incarnation.   */
static size_t
s_pack_meta (const Covey__Wire__NodeInfo *info,
             uint8_t meta[COVEY_SWIM_META_MAX])
{
    Covey__Wire__NodeInfo rest = *info;
    rest.endpoint = NULL;
    rest.has_epoch = rest.has_incarnation = rest.has_state = false;
    rest.has_agents = false;
    size_t size = covey__wire__node_info__get_packed_size (&rest);
    if (size > COVEY_SWIM_META_MAX)
        return 0;
    return covey__wire__node_info__pack (&rest, meta);
}

/*  False: it cannot be read, the node stays without a name until its hello.  */
static bool
s_read_meta (covey_peer_t *peer, const covey_swim_member_t *member)
{
    Covey__Wire__NodeInfo *info = (Covey__Wire__NodeInfo *)covey_wire_unpack (
        &covey__wire__node_info__descriptor, member->meta, member->meta_size);
    Covey__Wire__NodeInfo nameless = COVEY__WIRE__NODE_INFO__INIT;
    Covey__Wire__NodeInfo said = info ? *info : nameless;
    said.node_id.data = (uint8_t *)member->id;
    said.node_id.len = 16;
    said.endpoint = member->address;
    said.epoch = member->epoch;
    covey_errbuf_t ignored;
    bool good = info && !covey_membership_check_info (&said, &ignored);
    if (!good) {
        nameless.node_id = said.node_id;
        nameless.endpoint = said.endpoint;
        nameless.epoch = said.epoch;
        said = nameless;
    }
    covey_membership_describe (peer, &said);
    if (info)
        protobuf_c_message_free_unpacked (&info->base, NULL);
    return good;
}

/* ------------------------------------------------------------------------ */
/*  What it tells us                                                         */

static void
s_send (void *arg, const uint8_t *id, const char *address,
        const covey_swim_message_t *message)
{
    covey_membership_t *self = arg;
    (void)address;
    covey_peer_t *peer = id ? covey_membership_find (self, id) : NULL;
    if (!peer || !peer->connected || !peer->introduced) {
        self->stats.swim_unsent++;
        return;
    }
    covey_buf_clear (&self->frame);
    if (covey_frame_begin (&self->frame, COVEY_FRAME_SWIM, NULL) ||
        covey_swim_message_write (message, &self->frame))
        return;
    covey_frame_close_header (&self->frame);
    self->stats.swim_bytes += self->frame.size;
    self->callbacks.swim (self->callbacks.arg, peer, message->kind,
                          &self->frame);
}

/*  It came to life: at once a connection and a hello.                        */
static void
s_court (covey_membership_t *self, covey_peer_t *peer,
         const covey_swim_member_t *member)
{
    if (peer->address && peer->endpoint &&
        strcmp (peer->endpoint, member->address) != 0) {
        covey_membership_disconnect (self, peer); /* it listens elsewhere now */
        free (peer->address);
        peer->address = NULL;
    }
    if (!peer->address)
        peer->address = covey_str_dup (member->address);
    peer->hello_ms = self->now_ms;
    peer->heard_ms = self->now_ms;
    covey_membership_connect (self, peer, self->now_ms);
}

static void
s_adopt (covey_membership_t *self, covey_peer_t *peer,
         const covey_swim_member_t *member, covey_swim_change_t change)
{
    switch (change) {
        case COVEY_SWIM_JOINED:
            peer->introduced = false;
            s_court (self, peer, member);
            if (!s_read_meta (peer, member))
                self->stats.swim_malformed++;
            break;
        case COVEY_SWIM_RECOVERED:
            /* its link was closed if it failed: only a hello opens it        */
            peer->reopen |= peer->state == COVEY_PEER_FAILED;
            s_court (self, peer, member);
            break;
        case COVEY_SWIM_BECAME_FAILED:
            peer->retry_ms = COVEY_MEMBERSHIP_RETRY_MS;
            peer->hello_ms = self->now_ms;
            break;
        case COVEY_SWIM_DEPARTED:
            covey_membership_disconnect (self, peer);
            peer->introduced = peer->reopen = false;
            break;
        case COVEY_SWIM_BECAME_SUSPECTED:
            break;
    }
}

static void
s_changed (void *arg, const covey_swim_member_t *member,
           covey_swim_change_t change, const char *reason)
{
    static const covey_peer_state_t states[] = {
        [COVEY_SWIM_ALIVE] = COVEY_PEER_ALIVE,
        [COVEY_SWIM_SUSPECTED] = COVEY_PEER_SUSPECTED,
        [COVEY_SWIM_FAILED] = COVEY_PEER_FAILED,
        [COVEY_SWIM_LEFT] = COVEY_PEER_LEFT};
    covey_membership_t *self = arg;
    covey_peer_t *peer = covey_membership_find (self, member->id);
    if (!peer && change != COVEY_SWIM_JOINED && change != COVEY_SWIM_RECOVERED)
        return;
    if (!peer) {
        peer = covey_membership_add (self, member->address, self->now_ms);
        (void)s_read_meta (peer, member);
    }
    self->stats.suspicions += change == COVEY_SWIM_BECAME_SUSPECTED;
    self->stats.failures += change == COVEY_SWIM_BECAME_FAILED;
    self->stats.false_alarms += change == COVEY_SWIM_RECOVERED;
    s_adopt (self, peer, member, change);
    peer->incarnation = member->incarnation;
    if (member->state == COVEY_SWIM_SUSPECTED ||
        member->state == COVEY_SWIM_FAILED) {
        memcpy (peer->accuser, member->accuser, 16);
        peer->health = member->health;
    }
    peer->state = states[member->state];
    peer->since_ms = self->now_ms;
    if (change == COVEY_SWIM_DEPARTED && self->reason)
        reason = self->reason;
    self->callbacks.changed (self->callbacks.arg, peer,
                             (covey_peer_change_t)change, reason);
}

static void
s_forgotten (void *arg, const uint8_t id[16])
{
    covey_membership_t *self = arg;
    covey_peer_t *peer = covey_membership_find (self, id);
    if (peer)
        covey_membership_forget (self, peer);
}

/*  Seeds are ours to seek, and leaving is said by a goodbye.                 */
static void
s_refused (void *arg, const char *address, const char *text)
{
    (void)arg;
    (void)address;
    (void)text;
}

static void
s_left (void *arg)
{
    (void)arg;
}

void
covey_membership_open_swim (covey_membership_t *self)
{
    uint8_t meta[COVEY_SWIM_META_MAX];
    Covey__Wire__NodeInfo own;
    covey_membership_own_info (self, &own);
    covey_swim_config_t config = self->config.swim;
    memcpy (config.id, self->config.node_id, 16);
    config.epoch = self->config.epoch;
    config.mesh = self->config.mesh;
    config.address = self->config.endpoint;
    config.meta = meta;
    config.meta_size = s_pack_meta (&own, meta);
    config.members_max = self->config.peers_max;
    config.failed_keep_ms = INT64_MAX; /* tried for ever                      */
    config.left_keep_ms = COVEY_MEMBERSHIP_LEFT_KEEP_MS;
    assert (config.meta_size > 0);
    covey_swim_callbacks_t callbacks = {.arg = self,
                                        .send = s_send,
                                        .changed = s_changed,
                                        .forgotten = s_forgotten,
                                        .refused = s_refused,
                                        .left = s_left};
    self->swim = covey_swim_new (&config, &callbacks, self->config.seed);
}

/* ------------------------------------------------------------------------ */
/*  What we tell it                                                          */

covey_err_t
covey_membership_step (covey_membership_t *self,
                       const covey_swim_event_t *event)
{
    self->now_ms = event->now_ms;
    return covey_swim_step (self->swim, event);
}

void
covey_membership_poke (covey_membership_t *self, covey_swim_event_kind_t kind,
                       const covey_peer_t *peer, int64_t now_ms)
{
    (void)covey_membership_step (
        self,
        &(covey_swim_event_t){.kind = kind, .now_ms = now_ms, .id = peer->id});
}

covey_err_t
covey_membership_claim (covey_membership_t *self,
                        const Covey__Wire__NodeInfo *info,
                        covey_swim_state_t state, int64_t now_ms)
{
    uint8_t meta[COVEY_SWIM_META_MAX];
    covey_swim_update_t claim = {
        .epoch = info->epoch, .incarnation = info->incarnation, .state = state};
    memcpy (claim.id, info->node_id.data, 16);
    if (state == COVEY_SWIM_ALIVE) {
        claim.address = info->endpoint;
        claim.meta = meta;
        claim.meta_size = s_pack_meta (info, meta);
        if (!claim.meta_size)
            return COVEY_MALFORMED;
    }
    return covey_membership_step (
        self, &(covey_swim_event_t){
                  .kind = COVEY_SWIM_CLAIM, .now_ms = now_ms, .claim = &claim});
}

covey_err_t
covey_membership_swim (covey_membership_t *self, covey_peer_t *peer,
                       const covey_frame_t *frame, int64_t now_ms,
                       covey_swim_kind_t *kind_p)
{
    covey_swim_message_t message;
    covey_err_t code =
        covey_swim_message_read (&message, frame->header, frame->header_size);
    if (!code && !covey_id_equal (message.from, peer->id)) {
        covey_swim_message_deinit (&message);
        code = COVEY_MALFORMED;
    }
    if (code) {
        self->stats.swim_malformed++;
        return code;
    }
    *kind_p = message.kind;
    code = covey_membership_step (
        self, &(covey_swim_event_t){.kind = COVEY_SWIM_MESSAGE,
                                    .now_ms = now_ms,
                                    .message = &message});
    covey_swim_message_deinit (&message);
    return code;
}

void
covey_membership_doubt (covey_membership_t *self, covey_peer_t *peer,
                        int64_t now_ms)
{
    covey_membership_poke (self, COVEY_SWIM_DOUBT, peer, now_ms);
}

void
covey_membership_leave (covey_membership_t *self, int64_t now_ms)
{
    (void)covey_membership_step (
        self,
        &(covey_swim_event_t){.kind = COVEY_SWIM_LEAVE, .now_ms = now_ms});
}
