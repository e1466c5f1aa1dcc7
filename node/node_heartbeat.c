/*  Heartbeats between nodes. Beside the acknowledgement of the stream they
   carry what makes any divergence show, also one that nothing else would ever
   tell: the last numbers of broadcasts whose tail may be lost, and a digest of
   what is held of the other's agents. */
#include "node/hub.h"

#include <stdlib.h>

#include "base/mem.h"

#define TAILS_MAX 256 /* topics in one heartbeat                         */
#define TURN_MS 1000

/*  Topics that grew since the peer heard of them last.                      */
typedef struct {
    struct heartbeat_tail {
        uint32_t topic;
        uint64_t next;
        uint64_t total;
    } * tails;
    size_t count;
    size_t capacity;
} heartbeat_tails_t;

static void
s_list_tail (void *arg, uint32_t topic, uint64_t next, uint64_t total)
{
    heartbeat_tails_t *list = arg;
    list->tails = covey_mem_room (list->tails, list->count, &list->capacity,
                                  sizeof *list->tails);
    list->tails[list->count++] =
        (struct heartbeat_tail){.topic = topic, .next = next, .total = total};
}

static int
s_compare_totals (const void *a, const void *b)
{
    uint64_t left = ((const struct heartbeat_tail *)a)->total;
    uint64_t right = ((const struct heartbeat_tail *)b)->total;
    return left < right ? -1 : left > right;
}

/*  The oldest changes first; `casts` covers what is in the frame.           */
static void
s_send (covey_hub_peer_t *peer, Covey__Wire__Heartbeat *heartbeat,
        heartbeat_tails_t *list)
{
    covey_hub_t *self = peer->hub;
    uint32_t topics[TAILS_MAX];
    uint64_t next[TAILS_MAX];
    if (list->count > TAILS_MAX) {
        qsort (list->tails, list->count, sizeof *list->tails, s_compare_totals);
        list->count = TAILS_MAX;
        heartbeat->casts = list->tails[TAILS_MAX - 1].total;
    }
    for (size_t i = 0; i < list->count; i++) {
        topics[i] = list->tails[i].topic;
        next[i] = list->tails[i].next;
    }
    heartbeat->tail_topics = topics;
    heartbeat->tail_next = next;
    heartbeat->n_tail_topics = heartbeat->n_tail_next = list->count;
    covey_buf_clear (&self->frame);
    if (covey_frame_begin (&self->frame, COVEY_FRAME_HEARTBEAT,
                           &heartbeat->base) == COVEY_OK)
        /* The next one says the same. */
        (void)covey_hub_send (peer->dealer, self->frame.data, self->frame.size);
    heartbeat->tail_topics = NULL; /* they end here                          */
    heartbeat->tail_next = NULL;
    heartbeat->n_tail_topics = heartbeat->n_tail_next = 0;
}

static void
s_say (covey_hub_peer_t *peer)
{
    covey_hub_t *self = peer->hub;
    Covey__Wire__Heartbeat heartbeat = COVEY__WIRE__HEARTBEAT__INIT;
    covey_link_fill_heartbeat (peer->link, &heartbeat);
    heartbeat.has_casts = heartbeat.has_casts_seen = true;
    heartbeat.casts = covey_replay_total (self->replay);
    heartbeat.casts_seen = peer->casts;
    heartbeat.has_agents_version = heartbeat.has_agents_digest = true;
    heartbeat.agents_version = peer->agents_version;
    heartbeat.agents_digest =
        covey_directory_digest (self->directory, peer->peer->id);
    heartbeat_tails_t list = {0};
    covey_replay_grown (self->replay, peer->casts_seen, s_list_tail, &list);
    s_send (peer, &heartbeat, &list);
    free (list.tails);
}

/*  Nothing unconfirmed, nothing to confirm: then it is silent, but for its
    turn, so that a node's load does not grow with the mesh.                  */
void
covey_hub_tick_heartbeat (covey_hub_peer_t *peer)
{
    covey_hub_t *self = peer->hub;
    if (!peer->dealer || !peer->link || !covey_hub_is_member (peer) ||
        self->now_ms < peer->heartbeat_ms)
        return;
    if (!peer->owes_heartbeat && covey_link_count (peer->link) == 0 &&
        peer->casts_seen >= covey_replay_total (self->replay))
        return;
    peer->owes_heartbeat = false;
    peer->heartbeat_ms = self->now_ms + self->config.heartbeat_ms;
    s_say (peer);
}

void
covey_hub_turn_heartbeats (covey_hub_t *self)
{
    size_t count = covey_membership_count (self->membership);
    if (self->now_ms < self->heartbeat_ms || !count)
        return;
    self->heartbeat_ms = self->now_ms + TURN_MS;
    for (size_t i = 0; i < count; i++) {
        covey_hub_peer_t *peer =
            covey_membership_at (self->membership,
                                 self->heartbeat_turn++ % count)
                ->shell;
        if (!peer || !covey_hub_is_member (peer))
            continue;
        peer->owes_heartbeat = true;
        return;
    }
}

/*  What it says of its broadcasts.                                          */
static void
s_take_tails (covey_hub_peer_t *peer, const Covey__Wire__Heartbeat *heartbeat)
{
    if (!heartbeat->has_casts || !peer->intake ||
        heartbeat->epoch != peer->peer->epoch ||
        heartbeat->n_tail_topics != heartbeat->n_tail_next)
        return;
    for (size_t i = 0; i < heartbeat->n_tail_topics; i++)
        covey_hub_note_tail (peer, heartbeat->tail_topics[i],
                             heartbeat->tail_next[i]);
    if (heartbeat->casts > peer->casts) {
        peer->casts = heartbeat->casts;
        peer->owes_heartbeat = true;
    }
}

/*  What it says of our broadcasts and agents.                               */
static void
s_take_views (covey_hub_peer_t *peer, const Covey__Wire__Heartbeat *heartbeat)
{
    covey_hub_t *self = peer->hub;
    if (heartbeat->recv_epoch != self->epoch)
        return;
    if (heartbeat->casts_seen > peer->casts_seen)
        peer->casts_seen = heartbeat->casts_seen;
    if (!heartbeat->has_agents_version || !heartbeat->has_agents_digest ||
        peer->snapshot_due || peer->pieces.count)
        return;
    covey_audit_state_t theirs = {.version = heartbeat->agents_version,
                                  .digest = heartbeat->agents_digest};
    covey_audit_state_t ours = {
        .version = self->agents_version,
        .digest = covey_directory_digest (self->directory,
                                          self->config.node_id.bytes)};
    if (!covey_audit_judge (&peer->audit, &theirs, &ours, self->now_ms))
        return;
    peer->snapshot_due = true;
    self->counters.directory_repairs++;
    covey_log_write (self->config.log, COVEY_LOG_WARN, "node",
                     "directory_repaired", "peer=%s version=%llu has=%llu",
                     peer->peer->name, (unsigned long long)ours.version,
                     (unsigned long long)theirs.version);
}

void
covey_hub_on_heartbeat (covey_hub_peer_t *peer,
                        const Covey__Wire__Heartbeat *heartbeat)
{
    covey_link_receive_heartbeat (peer->link, heartbeat, peer->hub->now_ms);
    s_take_tails (peer, heartbeat);
    s_take_views (peer, heartbeat);
}
