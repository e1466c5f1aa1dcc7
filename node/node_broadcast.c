/*  Broadcasts: out over the XPUB socket, in over SUB, and what keeps them
    complete.

    The XPUB socket tells which topics peers subscribed to. A subscription to
    'Y' + token is a question: the answer, a sync mark on that topic, reaches
   the peer only after all its earlier subscriptions have taken effect here. */
#include "node/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#define HEARERS_MAX 4096
#define TOKEN_SIZE 16

/* ------------------------------------------------------------------------ */
/*  Topics                                                                   */

static const covey_hub_topic_t *
s_find_topic (const covey_hub_t *self, uint32_t code)
{
    return covey_table_get (&self->topics, &code, sizeof code);
}

static covey_hub_topic_t *
s_topic (covey_hub_t *self, uint32_t code)
{
    covey_hub_topic_t *topic =
        covey_table_get (&self->topics, &code, sizeof code);
    if (!topic) {
        topic = covey_mem_new (sizeof *topic);
        topic->code = code;
        covey_table_put (&self->topics, &topic->code, sizeof topic->code,
                         topic);
    }
    return topic;
}

static bool
s_is_wanted (const covey_hub_t *self, uint32_t code)
{
    bool all =
        code >> 16 == 'E' ? self->all_events_wanted : self->all_copies_wanted;
    const covey_hub_topic_t *topic = s_find_topic (self, code);
    return all || (topic && topic->wanted);
}

static bool
s_is_needed (const covey_hub_t *self, uint32_t code)
{
    const covey_hub_topic_t *one = s_find_topic (self, code);
    const covey_hub_topic_t *all = s_find_topic (self, code & 0xff0000u);
    return (one && one->needed > 0) || (all && all->needed > 0);
}

/*  Was it subscribed to when that round was confirmed?                      */
static bool
s_is_confirmed (const covey_hub_t *self, uint32_t code, uint32_t round)
{
    const covey_hub_topic_t *one = s_find_topic (self, code);
    const covey_hub_topic_t *all = s_find_topic (self, code & 0xff0000u);
    return (one && one->needed > 0 && one->since <= round) ||
           (all && all->needed > 0 && all->since <= round);
}

static void
s_write_topic (uint32_t code, uint8_t topic[COVEY_TOPIC_SIZE])
{
    covey_topic_event (topic, (char)(code >> 16), (int)(code & 0xffff));
}

void
covey_hub_close_casts (covey_hub_t *self)
{
    size_t cursor = 0;
    void *value;
    while ((value = covey_table_next (&self->topics, &cursor)))
        free (value);
    cursor = 0;
    while ((value = covey_table_next (&self->hearers, &cursor)))
        free (value);
    covey_table_deinit (&self->topics);
    covey_table_deinit (&self->hearers);
}

/* ------------------------------------------------------------------------ */
/*  Out                                                                      */

static void
s_send_cast (covey_hub_t *self, uint32_t code, uint64_t first,
             const covey_buf_t *items)
{
    Covey__Wire__BroadcastHeader header = COVEY__WIRE__BROADCAST_HEADER__INIT;
    header.node_id.data = self->config.node_id.bytes;
    header.node_id.len = 16;
    header.epoch = self->epoch;
    header.first = first;
    header.has_now_us = true;
    header.now_us = self->now_us;
    uint8_t topic[COVEY_TOPIC_SIZE];
    s_write_topic (code, topic);
    covey_buf_clear (&self->frame);
    if (covey_frame_begin (&self->frame, COVEY_FRAME_BROADCAST, &header.base) ==
        COVEY_OK)
        covey_hub_send_broadcast (self, topic, sizeof topic, &self->frame,
                                  items);
}

void
covey_hub_flush_casts (covey_hub_t *self)
{
    if (!self->cast.size)
        return;
    s_send_cast (self, self->cast_topic, self->cast_first, &self->cast);
    covey_buf_clear (&self->cast);
}

static void
s_add_to_cast (covey_hub_t *self, uint32_t code, uint64_t seq,
               const covey_parcel_t *parcel)
{
    /* One open frame, so that topics do not overtake each other. */
    if (self->cast.size && (self->cast_topic != code ||
                            self->cast.size + parcel->size > COVEY_FRAME_BATCH))
        covey_hub_flush_casts (self);
    if (!self->cast.size) {
        self->cast_topic = code;
        self->cast_first = seq;
    }
    uint8_t *room = covey_buf_extend (&self->cast, 4 + parcel->size);
    if (!room)
        return;
    for (unsigned i = 0; i < 4; i++)
        room[i] = (uint8_t)(parcel->size >> (8 * i));
    memcpy (room + 4, parcel->bytes, parcel->size);
}

void
covey_hub_cast (covey_hub_t *self, char class_byte, covey_parcel_t *parcel)
{
    if (parcel->view.type > 0xffff)
        return;
    uint32_t code = COVEY_TOPIC_CODE (class_byte, parcel->view.type);
    bool wanted = s_is_wanted (self, code);
    if (class_byte == 'T' && !wanted && !s_is_needed (self, code))
        return; /* copies for observers begin with the first observer         */
    uint64_t seq = covey_replay_push (self->replay, code, parcel);
    if (wanted)
        s_add_to_cast (self, code, seq, parcel);
    memcpy (parcel->from, self->config.node_id.bytes, 16);
    parcel->topic_seq = seq;
    if (class_byte != 'E')
        return;
    self->counters.broadcasts++;
    covey_hub_deliver_broadcast (self, parcel);
}

/* ------------------------------------------------------------------------ */
/*  What peers subscribe to                                                  */

/*  Tokens start with a hash of who asks.                                    */
static uint64_t
s_token_hash (const uint8_t node_id[16], uint64_t epoch)
{
    uint8_t both[24];
    memcpy (both, node_id, 16);
    for (unsigned i = 0; i < 8; i++)
        both[16 + i] = (uint8_t)(epoch >> (8 * i));
    return covey_str_hash (both, sizeof both);
}

static uint64_t
s_get_u64 (const uint8_t *from)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

static void
s_put_u64 (uint8_t *to, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static void
s_make_token (const covey_hub_t *self, uint8_t token[TOKEN_SIZE])
{
    s_put_u64 (token, s_token_hash (self->config.node_id.bytes, self->epoch));
    s_put_u64 (token + 8, self->round);
}

typedef struct {
    uint32_t *topics;
    uint64_t *next;
    size_t count;
    size_t topic_capacity;
    size_t next_capacity;
} broadcast_list_t;

static void
s_list_topic (void *arg, uint32_t topic, uint64_t next)
{
    broadcast_list_t *list = arg;
    list->topics = covey_mem_room (list->topics, list->count,
                                   &list->topic_capacity, sizeof *list->topics);
    list->next = covey_mem_room (list->next, list->count, &list->next_capacity,
                                 sizeof *list->next);
    list->topics[list->count] = topic;
    list->next[list->count++] = next;
}

static void
s_send_mark (covey_hub_t *self, const uint8_t token[TOKEN_SIZE])
{
    covey_hub_flush_casts (self);
    broadcast_list_t list = {0};
    covey_replay_topics (self->replay, s_list_topic, &list);
    Covey__Wire__SubSync mark = COVEY__WIRE__SUB_SYNC__INIT;
    mark.token.data = (uint8_t *)token;
    mark.token.len = TOKEN_SIZE;
    mark.has_node_id = mark.has_epoch = true;
    mark.node_id.data = self->config.node_id.bytes;
    mark.node_id.len = 16;
    mark.epoch = self->epoch;
    mark.topics = list.topics;
    mark.next = list.next;
    mark.n_topics = mark.n_next = list.count;
    uint8_t topic[COVEY_TOPIC_SYNC_SIZE] = {'Y'};
    memcpy (topic + 1, token, TOKEN_SIZE);
    covey_buf_clear (&self->frame);
    if (covey_frame_begin (&self->frame, COVEY_FRAME_SYNC_MARK, &mark.base) ==
        COVEY_OK)
        covey_hub_send_broadcast (self, topic, sizeof topic, &self->frame,
                                  NULL);
    free (list.topics);
    free (list.next);
}

/*  Incarnations that are gone, or never were.                                */
static void
s_forget_hearers (covey_hub_t *self)
{
    covey_table_t kept;
    covey_table_init (&kept);
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        const covey_peer_t *peer = covey_membership_at (self->membership, i);
        uint64_t hash = s_token_hash (peer->id, peer->epoch);
        uint64_t *known =
            covey_table_remove (&self->hearers, &hash, sizeof hash);
        if (known)
            covey_table_put (&kept, known, sizeof *known, known);
    }
    size_t cursor = 0;
    void *value;
    while ((value = covey_table_next (&self->hearers, &cursor)))
        free (value);
    covey_table_deinit (&self->hearers);
    self->hearers = kept;
}

static void
s_note_hearer (covey_hub_t *self, uint64_t hash)
{
    if (covey_table_get (&self->hearers, &hash, sizeof hash))
        return;
    if (self->hearers.count >= HEARERS_MAX)
        s_forget_hearers (self);
    if (self->hearers.count >= HEARERS_MAX)
        return;
    uint64_t *kept = covey_mem_new (sizeof *kept);
    *kept = hash;
    covey_table_put (&self->hearers, kept, sizeof *kept, kept);
}

bool
covey_hub_is_heard_by (const covey_hub_t *self, const covey_peer_t *peer)
{
    uint64_t hash = s_token_hash (peer->id, peer->epoch);
    return covey_table_get (&self->hearers, &hash, sizeof hash) != NULL;
}

void
covey_hub_on_interest (covey_hub_t *self, void *socket, const uint8_t *route,
                       size_t route_size, const uint8_t *data, size_t size)
{
    (void)socket;
    (void)route;
    (void)route_size;
    if (size < 2 || data[0] != 1)
        return; /* an end of interest: numbers go on, nothing to do           */
    if (data[1] == 'Y' && size == 1 + COVEY_TOPIC_SYNC_SIZE) {
        s_note_hearer (self, s_get_u64 (data + 2));
        s_send_mark (self, data + 2);
    } else if (size == 2) {
        self->all_events_wanted = self->all_events_wanted || data[1] == 'E';
        self->all_copies_wanted = self->all_copies_wanted || data[1] == 'T';
    } else if ((data[1] == 'E' || data[1] == 'T') &&
               size == 1 + COVEY_TOPIC_SIZE)
        s_topic (self, COVEY_TOPIC_CODE (data[1], data[2] << 8 | data[3]))
            ->wanted = true;
}

/* ------------------------------------------------------------------------ */
/*  What we subscribe to                                                     */

/*  Numbers of topics that we stop to hear must not be taken for gaps later. */
static void
s_unlisten (covey_hub_t *self, uint32_t code)
{
    bool all = (code & 0xffff) == 0;
    size_t cursor = 0;
    const covey_hub_topic_t *topic;
    while ((topic = covey_table_next (&self->topics, &cursor))) {
        if (topic->code != code && !(all && topic->code >> 16 == code >> 16))
            continue;
        for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
            covey_hub_peer_t *peer =
                covey_membership_at (self->membership, i)->shell;
            if (peer && peer->intake && !s_is_needed (self, topic->code))
                covey_intake_unlisten (peer->intake, topic->code);
        }
    }
}

void
covey_hub_need_topic (void *arg, char class_byte, int type, bool needed)
{
    covey_hub_t *self = arg;
    uint32_t code = COVEY_TOPIC_CODE (class_byte, type);
    uint8_t topic[COVEY_TOPIC_SIZE];
    s_write_topic (code, topic);
    covey_hub_subscribe (self, topic, type ? sizeof topic : 1, needed);
    covey_hub_topic_t *one = s_topic (self, code);
    one->needed += needed ? 1 : -1;
    if (needed && one->needed == 1)
        one->since = self->round + 1;
    if (needed)
        self->round_due = true;
    else
        s_unlisten (self, code);
}

void
covey_hub_sync (covey_hub_t *self)
{
    uint8_t topic[COVEY_TOPIC_SYNC_SIZE] = {'Y'};
    if (self->round) {
        s_make_token (self, topic + 1);
        covey_hub_subscribe (self, topic, sizeof topic, false);
    }
    self->round++;
    self->round_due = false;
    self->round_ms = self->now_ms;
    self->counters.syncs++;
    s_make_token (self, topic + 1);
    covey_hub_subscribe (self, topic, sizeof topic, true);
}

bool
covey_hub_is_synced (const covey_hub_t *self, uint32_t round)
{
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        const covey_peer_t *peer = covey_membership_at (self->membership, i);
        const covey_hub_peer_t *shell = peer->shell;
        if (peer->state == COVEY_PEER_ALIVE && shell && shell->synced < round)
            return false;
    }
    return true;
}

/*  The agent subscribed again under the same handle while this one waited: the
    later one answers for both.                                               */
static bool
s_is_repeated (const covey_hub_t *self, const covey_hub_waiter_t *waiter)
{
    for (size_t i = 1; i < self->waiters.count; i++) {
        const covey_hub_waiter_t *later = covey_fifo_at (&self->waiters, i);
        if (later->session == waiter->session &&
            later->handle == waiter->handle)
            return true;
    }
    return false;
}

/*  Of the first waiter.                                                     */
static void
s_answer (covey_hub_t *self, const covey_hub_waiter_t *waiter, bool in_time)
{
    covey_host_t *host =
        covey_session_table_by_number (self->table, waiter->session);
    if (!host || (!in_time && s_is_repeated (self, waiter)))
        return;
    Covey__Wire__Subscribed answer = COVEY__WIRE__SUBSCRIBED__INIT;
    answer.handle = waiter->handle;
    if (!in_time) {
        covey_subscriptions_remove (self->subscriptions, host, waiter->handle);
        answer.has_code = true;
        answer.code = COVEY_TIMEOUT;
        answer.text = "not every node confirmed the subscription in time";
    }
    covey_host_notice (host, COVEY_FRAME_SUBSCRIBED, &answer.base);
}

void
covey_hub_answer_waiters (covey_hub_t *self)
{
    if (self->round_due)
        covey_hub_sync (self);
    while (self->waiters.count) {
        const covey_hub_waiter_t *waiter = covey_fifo_at (&self->waiters, 0);
        bool in_time = covey_hub_is_synced (self, waiter->round);
        if (!in_time && self->now_ms < waiter->deadline_ms)
            break;
        s_answer (self, waiter, in_time);
        covey_fifo_pop (&self->waiters);
    }
}

void
covey_hub_tick_casts (covey_hub_t *self)
{
    if (covey_hub_is_synced (self, self->round))
        self->round_retry_ms = COVEY_HUB_SYNC_RETRY_MS;
    else if (self->now_ms - self->round_ms >= self->round_retry_ms) {
        self->round_retry_ms *= 2;
        if (self->round_retry_ms > COVEY_HUB_SYNC_RETRY_MAX_MS)
            self->round_retry_ms = COVEY_HUB_SYNC_RETRY_MAX_MS;
        covey_hub_sync (self);
    }
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        covey_hub_peer_t *peer =
            covey_membership_at (self->membership, i)->shell;
        if (peer && peer->intake)
            covey_intake_tick (peer->intake, self->now_ms);
    }
}

/* ------------------------------------------------------------------------ */
/*  In                                                                       */

/*  A topic that the peer's mark did not list had no number yet: it begins at 1,
    and so the loss of its first broadcasts shows.                            */
static void
s_begin_topic (covey_hub_peer_t *peer, uint32_t code, uint64_t epoch)
{
    if (epoch == peer->heard_epoch &&
        s_is_confirmed (peer->hub, code, peer->heard))
        covey_intake_baseline (peer->intake, code, 1);
}

/*  A mark comes behind all broadcasts before it, so what it says comes next is
    as good as a broadcast of that number; and when a connection was lost, it
    comes again.                                                              */
static void
s_take_mark (covey_hub_peer_t *peer, const Covey__Wire__SubSync *mark,
             uint32_t round)
{
    covey_hub_t *self = peer->hub;
    const covey_frame_t nothing = {0};
    for (size_t i = 0; i < mark->n_topics; i++) {
        uint32_t code = mark->topics[i];
        if (!s_is_confirmed (self, code, round))
            continue;
        s_begin_topic (peer, code, mark->epoch);
        covey_intake_baseline (peer->intake, code, mark->next[i]);
        if (covey_intake_receive (peer->intake, code, mark->next[i], &nothing,
                                  self->now_ms) != COVEY_OK)
            covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
    }
    if (peer->heard_epoch != mark->epoch)
        peer->heard = 0;
    peer->heard_epoch = mark->epoch;
    if (round > peer->heard)
        peer->heard = round;
    if (round > peer->synced)
        peer->synced = round;
}

static void
s_on_mark (covey_hub_t *self, const covey_frame_t *frame)
{
    Covey__Wire__SubSync *mark = (Covey__Wire__SubSync *)covey_wire_unpack (
        &covey__wire__sub_sync__descriptor, frame->header, frame->header_size);
    uint8_t own[TOKEN_SIZE];
    s_make_token (self, own);
    if (mark && mark->node_id.len == 16 && mark->token.len == TOKEN_SIZE &&
        mark->n_topics == mark->n_next &&
        memcmp (mark->token.data, own, 8) == 0) {
        covey_hub_peer_t *peer = covey_hub_find_peer (self, mark->node_id.data);
        uint64_t round = s_get_u64 (mark->token.data + 8);
        if (peer && peer->intake && mark->epoch == peer->peer->epoch &&
            round <= self->round &&
            covey_intake_epoch (peer->intake, mark->epoch))
            s_take_mark (peer, mark, (uint32_t)round);
    }
    if (mark)
        protobuf_c_message_free_unpacked (&mark->base, NULL);
}

void
covey_hub_note_tail (covey_hub_peer_t *peer, uint32_t code, uint64_t next)
{
    if (!s_is_needed (peer->hub, code) ||
        !covey_intake_epoch (peer->intake, peer->peer->epoch))
        return;
    s_begin_topic (peer, code, peer->peer->epoch);
    covey_intake_tail (peer->intake, code, next, peer->hub->now_ms);
}

static void
s_take_cast (covey_hub_peer_t *peer, uint32_t code,
             const Covey__Wire__BroadcastHeader *header,
             const covey_frame_t *frame)
{
    covey_hub_t *self = peer->hub;
    if (!covey_intake_epoch (peer->intake, header->epoch) ||
        !s_is_needed (self, code))
        return;
    s_begin_topic (peer, code, header->epoch);
    if (covey_intake_receive (peer->intake, code, header->first, frame,
                              self->now_ms) != COVEY_OK)
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
}

static void
s_on_cast (covey_hub_t *self, uint32_t code, const covey_frame_t *frame)
{
    Covey__Wire__BroadcastHeader *header =
        (Covey__Wire__BroadcastHeader *)covey_wire_unpack (
            &covey__wire__broadcast_header__descriptor, frame->header,
            frame->header_size);
    if (!header || header->node_id.len != 16) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
    } else {
        covey_hub_peer_t *peer =
            covey_hub_find_peer (self, header->node_id.data);
        if (peer && header->has_now_us)
            covey_skew_hear (&peer->skew, header->now_us, self->now_ms);
        if (!peer || !peer->intake ||
            !(covey_hub_is_member (peer) || peer->last_ms))
            covey_hub_drop (self, COVEY_DROP_STRANGER_FRAME);
        else
            s_take_cast (peer, code, header, frame);
    }
    if (header)
        protobuf_c_message_free_unpacked (&header->base, NULL);
}

void
covey_hub_on_broadcast (covey_hub_t *self, void *socket, const uint8_t *route,
                        size_t route_size, const uint8_t *data, size_t size)
{
    (void)socket;
    (void)route;
    (void)route_size;
    size_t topic_size =
        size && data[0] == 'Y' ? COVEY_TOPIC_SYNC_SIZE : COVEY_TOPIC_SIZE;
    covey_frame_t frame;
    if (size < topic_size ||
        covey_frame_parse (data + topic_size, size - topic_size, &frame) !=
            COVEY_OK)
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
    else if (frame.kind == COVEY_FRAME_SYNC_MARK)
        s_on_mark (self, &frame);
    else if (frame.kind == COVEY_FRAME_BROADCAST)
        s_on_cast (self, COVEY_TOPIC_CODE (data[0], data[1] << 8 | data[2]),
                   &frame);
}

/* ------------------------------------------------------------------------ */
/*  What an intake tells                                                     */

static void
s_on_event (void *arg, uint32_t topic, uint64_t seq, const uint8_t *bytes,
            size_t size)
{
    covey_hub_peer_t *peer = arg;
    covey_hub_t *self = peer->hub;
    covey_parcel_t *parcel = covey_parcel_new (bytes, size, NULL, 0);
    if (!parcel || parcel->view.type != (int)(topic & 0xffff)) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        covey_parcel_drop (&parcel);
        return;
    }
    memcpy (parcel->from, peer->peer->id, 16);
    parcel->topic_seq = seq;
    (void)covey_hlc_receive (&self->hlc, parcel->view.hlc, self->now_us);
    covey_hub_start_clock (peer, parcel);
    if (topic >> 16 == 'E')
        covey_hub_deliver_broadcast (self, parcel);
    else
        covey_hub_deliver_observed (self, parcel);
    covey_parcel_drop (&parcel);
}

static void
s_on_request (void *arg, uint32_t topic, uint64_t first, uint64_t last)
{
    covey_hub_peer_t *peer = arg;
    Covey__Wire__RepairRequest request = COVEY__WIRE__REPAIR_REQUEST__INIT;
    request.topic = topic;
    request.first = first;
    request.last = last;
    if (!peer->link || covey_hub_push_raw (peer, COVEY_ITEM_REPAIR_REQUEST,
                                           &request.base) != COVEY_OK)
        covey_hub_drop (peer->hub, COVEY_DROP_LINK_FULL);
}

typedef struct {
    covey_hub_peer_t *peer;
    uint32_t type;
    uint64_t first;
    uint64_t last;
} broadcast_gap_t;

static void
s_tell_gap (void *arg, void *owner, uint32_t handle)
{
    (void)handle;
    const broadcast_gap_t *gap = arg;
    covey_host_gap (owner, gap->peer->peer->id, gap->type, gap->first,
                    gap->last);
}

static void
s_on_lost (void *arg, uint32_t topic, uint64_t first, uint64_t last)
{
    covey_hub_peer_t *peer = arg;
    covey_hub_t *self = peer->hub;
    self->drops[COVEY_DROP_BROADCAST_LOST] += last - first + 1;
    broadcast_gap_t gap = {
        .peer = peer, .type = topic & 0xffff, .first = first, .last = last};
    covey_subscriptions_interested (self->subscriptions, (int)gap.type,
                                    topic >> 16 == 'T', s_tell_gap, &gap);
    for (size_t i = 0; topic == COVEY_TOPIC_CODE ('E', COVEY_EVENT_BROADCAST) &&
                       i < covey_session_table_count (self->table);
         i++) {
        covey_host_t *host = covey_session_table_at (self->table, i);
        if (!covey_host_is_client (host) && !*covey_host_service (host))
            s_tell_gap (&gap, host, 0);
    }
    covey_hub_announce_gap (self, peer->peer, topic, first, last);
}

covey_intake_t *
covey_hub_new_intake (covey_hub_peer_t *peer)
{
    covey_intake_callbacks_t callbacks = {.arg = peer,
                                          .event = s_on_event,
                                          .request = s_on_request,
                                          .lost = s_on_lost};
    return covey_intake_new (&callbacks);
}
