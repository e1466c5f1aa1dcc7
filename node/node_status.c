#include "node/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "proto/json.h"

/* ------------------------------------------------------------------------ */
/*  JSON                                                                     */

static void
s_put_text (covey_buf_t *to, const char *key, const char *value)
{
    covey_buf_printf (to, "\"%s\":", key);
    covey_json_quote (to, value, strlen (value));
}

static void
s_put_list (covey_buf_t *to, const char *key, char *const *list, size_t count)
{
    covey_buf_printf (to, "\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        if (i)
            covey_buf_putc (to, ',');
        covey_json_quote (to, list[i], strlen (list[i]));
    }
    covey_buf_putc (to, ']');
}

static void
s_put_count (covey_buf_t *to, const char *key, uint64_t value)
{
    covey_buf_printf (to, ",\"%s\":%llu", key, (unsigned long long)value);
}

/* ------------------------------------------------------------------------ */
/*  mesh.status                                                              */

/*  Sums over all peers.                                                     */
typedef struct {
    covey_link_stats_t link;
    covey_intake_stats_t intake;
    size_t link_events;
    size_t link_bytes;
    size_t waiting[COVEY_LANE_COUNT];
    size_t stopped;
    size_t parked;
} status_sums_t;

static void
s_add_peer (status_sums_t *sums, const covey_hub_peer_t *peer)
{
    if (peer->link) {
        const covey_link_stats_t *stats = covey_link_stats (peer->link);
        sums->link.sent += stats->sent;
        sums->link.resent += stats->resent;
        sums->link.received += stats->received;
        sums->link.duplicates += stats->duplicates;
        sums->link.gaps += stats->gaps;
        sums->link.stale += stats->stale;
        sums->link_events += covey_link_count (peer->link);
        sums->link_bytes += covey_link_bytes (peer->link);
        sums->stopped += covey_link_stopped (peer->link);
        sums->parked += covey_link_parked (peer->link);
        for (int lane = 0; lane < COVEY_LANE_COUNT; lane++)
            sums->waiting[lane] +=
                covey_link_waiting (peer->link, (covey_lane_t)lane);
    }
    if (peer->intake) {
        const covey_intake_stats_t *stats = covey_intake_stats (peer->intake);
        sums->intake.gaps += stats->gaps;
        sums->intake.repaired += stats->repaired;
        sums->intake.lost += stats->lost;
        sums->intake.duplicates += stats->duplicates;
    }
}

static void
s_put_sessions (const covey_hub_t *self, covey_buf_t *to)
{
    size_t queued = 0, notices = 0;
    uint64_t delivered = self->counters.delivered;
    uint64_t resent = self->counters.notices_resent;
    size_t count = covey_session_table_count (self->table);
    for (size_t i = 0; i < count; i++) {
        const covey_host_t *host = covey_session_table_at (self->table, i);
        queued += covey_host_queued (host);
        delivered += covey_host_stats (host)->delivered;
        notices += covey_notices_count (covey_host_notices (host));
        resent += covey_host_notices (host)->resent;
    }
    s_put_count (to, "sessions", count);
    s_put_count (to, "sessionQueue", queued);
    s_put_count (to, "delivered", delivered);
    s_put_count (to, "noticesKept", notices);
    s_put_count (to, "noticesResent", resent);
}

static void
s_put_dropped (const covey_hub_t *self, covey_buf_t *to)
{
    static const char *const names[] = {
#define COVEY_X(name, text) text,
        COVEY_DROP_MAP (COVEY_X)
#undef COVEY_X
    };
    uint64_t drops[COVEY_DROP_COUNT];
    memcpy (drops, self->drops, sizeof drops);
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        const covey_hub_peer_t *peer =
            covey_membership_at (self->membership, i)->shell;
        if (peer && peer->link)
            drops[COVEY_DROP_EXPIRED] += covey_link_stats (peer->link)->expired;
    }
    for (size_t i = 0; i < covey_session_table_count (self->table); i++) {
        const covey_host_t *host = covey_session_table_at (self->table, i);
        const covey_host_stats_t *stats = covey_host_stats (host);
        drops[COVEY_DROP_EXPIRED] += stats->expired;
        drops[COVEY_DROP_NOTICE] +=
            stats->frames_dropped + covey_host_notices (host)->dropped;
    }
    covey_buf_puts (to, ",\"dropped\":{");
    for (size_t i = 0; i < COVEY_DROP_COUNT; i++)
        covey_buf_printf (to, "%s\"%s\":%llu", i ? "," : "", names[i],
                          (unsigned long long)drops[i]);
    covey_buf_putc (to, '}');
}

static void
s_put_delay (covey_buf_t *to, const char *key, const covey_delay_t *delay)
{
    covey_buf_printf (to, "\"%s\":{\"count\":%llu", key,
                      (unsigned long long)delay->count);
    s_put_count (to, "sumMs", delay->sum_ms);
    s_put_count (to, "p50Ms", covey_delay_percentile_ms (delay, 50));
    s_put_count (to, "p99Ms", covey_delay_percentile_ms (delay, 99));
    s_put_count (to, "maxMs", delay->max_ms);
    covey_buf_puts (to, ",\"buckets\":[");
    for (int i = 0; i < COVEY_DELAY_BUCKETS; i++)
        covey_buf_printf (to, "%s%llu", i ? "," : "",
                          (unsigned long long)delay->buckets[i]);
    covey_buf_puts (to, "]}");
}

/*  How long things waited here, by kind of queue.                           */
static void
s_put_delays (const covey_hub_t *self, covey_buf_t *to)
{
    covey_delay_t link = self->link_delay, session = self->session_delay;
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        const covey_hub_peer_t *peer =
            covey_membership_at (self->membership, i)->shell;
        if (peer && peer->link)
            covey_delay_add (&link, covey_link_delay (peer->link));
    }
    for (size_t i = 0; i < covey_session_table_count (self->table); i++) {
        const covey_host_t *host = covey_session_table_at (self->table, i);
        covey_delay_add (&session, &covey_host_stats (host)->delay);
    }
    covey_buf_puts (to, ",\"queueTime\":{");
    s_put_delay (to, "held", &self->held_delay);
    covey_buf_putc (to, ',');
    s_put_delay (to, "link", &link);
    covey_buf_putc (to, ',');
    s_put_delay (to, "session", &session);
    covey_buf_putc (to, ',');
    s_put_delay (to, "outbox", &covey_outbox_stats (self->outbox)->delay);
    covey_buf_putc (to, '}');
}

/*  What waits on links, by lane, and who is held back.                      */
static void
s_put_lanes (const covey_hub_t *self, const status_sums_t *sums,
             covey_buf_t *to)
{
    static const char *const names[] = {
        [COVEY_LANE_CONTROL] = "linkWaitingControl",
        [COVEY_LANE_CRITICAL] = "linkWaitingCritical",
        [COVEY_LANE_HIGH] = "linkWaitingHigh",
        [COVEY_LANE_NORMAL] = "linkWaitingNormal",
        [COVEY_LANE_LOW] = "linkWaitingLow"};
    for (int lane = 0; lane < COVEY_LANE_COUNT; lane++)
        s_put_count (to, names[lane], sums->waiting[lane]);
    s_put_count (to, "linkParked", sums->parked);
    s_put_count (to, "agentsStopped", sums->stopped);
    s_put_count (to, "flowStops", self->counters.flow_stops);
    s_put_count (to, "flowGoes", self->counters.flow_goes);
    s_put_count (to, "eventDuplicates", self->counters.duplicates);
    s_put_count (to, "refusedLink", self->counters.refused_link);
    s_put_count (to, "refusedAgent", self->counters.refused_agent);
    s_put_count (to, "refusedOutbox", self->counters.refused_outbox);
}

static void
s_put_beacon (const covey_hub_t *self, covey_buf_t *to)
{
    static const covey_beacon_stats_t none;
    const covey_beacon_stats_t *stats =
        self->beacon ? covey_beacon_stats (self->beacon) : &none;
    s_put_count (to, "beaconsSent", stats->sent);
    s_put_count (to, "beaconsUnsent", stats->unsent);
    s_put_count (to, "beaconsReceived", stats->received);
    s_put_count (to, "beaconsForeign", stats->foreign);
    s_put_count (to, "beaconsMalformed", stats->malformed);
    s_put_count (to, "beaconsThrottled", stats->throttled);
}

/*  Events for one of a group, and what was reported of tracked ones.        */
static void
s_put_groups (const covey_hub_t *self, covey_buf_t *to)
{
    s_put_count (to, "grouped", self->counters.grouped);
    s_put_count (to, "redelivered", self->counters.redelivered);
    s_put_count (to, "groupOutstanding", covey_workgroup_count (self->groups));
    s_put_count (to, "refusedGroup", self->counters.refused_group);
    s_put_count (to, "heard", self->counters.heard);
    s_put_count (to, "controlSent", self->counters.control_sent);
    s_put_count (to, "controlReceived", self->counters.control_received);
}

/*  How members are found, and found dead.                                   */
static void
s_put_swim (const covey_hub_t *self, covey_buf_t *to)
{
    const covey_swim_t *core = covey_membership_core (self->membership);
    const covey_swim_stats_t *swim = covey_swim_stats (core);
    const covey_membership_stats_t *mesh =
        covey_membership_stats (self->membership);
    const covey_herald_stats_t *herald = covey_herald_stats (self->herald);
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {
        {"hellosSent", mesh->hellos_sent},
        {"hellosReceived", mesh->hellos_received},
        {"hellosRefused", mesh->refused},
        {"hellosRefusedByPeers", mesh->refused_by_peers},
        {"reconnects", mesh->reconnects},
        {"probes", swim->probes},
        {"probesIndirect", swim->probes_indirect},
        {"probesFailed", swim->probes_failed},
        {"probeAcks", swim->received[COVEY_SWIM_ACK]},
        {"probeNacks", swim->received[COVEY_SWIM_NACK]},
        {"suspicions", mesh->suspicions},
        {"failures", mesh->failures},
        {"falseAlarms", mesh->false_alarms},
        {"refutations", swim->refutations},
        {"gossipMessages", swim->sent[COVEY_SWIM_GOSSIP]},
        {"gossipUpdates", swim->updates_sent},
        {"stateExchanges", swim->sent[COVEY_SWIM_STATE]},
        {"swimBytes", mesh->swim_bytes},
        {"swimUnsent", mesh->swim_unsent},
        {"swimMalformed", mesh->swim_malformed},
        {"swimForeign", swim->foreign},
        {"swimInvalid", swim->invalid},
        {"membersRefused", swim->refused},
        {"lateTicks", swim->slept},
        {"localHealth", (uint64_t)covey_swim_health (core)},
        {"incarnation", covey_swim_incarnation (core)},
        {"nodeEvents", herald->announced},
        {"nodeEventsSpared", herald->spared},
        {"nodeEventsHeld", covey_herald_held (self->herald)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        s_put_count (to, rows[i].key, rows[i].value);
}

static void
s_put_counters (const covey_hub_t *self, covey_buf_t *to)
{
    status_sums_t sums = {0};
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        const covey_hub_peer_t *peer =
            covey_membership_at (self->membership, i)->shell;
        if (peer)
            s_add_peer (&sums, peer);
    }
    const covey_hub_counters_t *own = &self->counters;
    const covey_outbox_stats_t *outbox = covey_outbox_stats (self->outbox);
    covey_buf_printf (to, ",\"counters\":{\"published\":%llu",
                      (unsigned long long)own->published);
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {
        {"broadcasts", own->broadcasts},
        {"targeted", own->targeted},
        {"undelivered", own->undelivered},
        {"held", own->held},
        {"requestsServed", own->requests_served},
        {"requestsForgotten", covey_requests_forgotten (self->requests)},
        {"sessionsOpened", own->sessions_opened},
        {"sessionsResumed", own->sessions_resumed},
        {"sessionsLost", own->sessions_lost},
        {"sessionsSuperseded", own->sessions_superseded},
        {"subscriptions", covey_subscriptions_count (self->subscriptions)},
        {"subscriptionRounds", own->syncs},
        {"stalls", own->stalls},
        {"repairsServed", own->repairs_served},
        {"repairsStored", own->repairs_stored},
        {"directoryRepairs", own->directory_repairs},
        {"replayEvents", covey_replay_count (self->replay)},
        {"replayBytes", covey_replay_bytes (self->replay)},
        {"outboxBytes", covey_outbox_bytes (self->outbox)},
        {"outboxAcked", outbox->acked},
        {"outboxResent", outbox->resent},
        {"outboxRewinds", outbox->rewinds},
        {"outboxRefusals", outbox->refusals},
        {"linkEvents", sums.link_events},
        {"linkBytes", sums.link_bytes},
        {"linkSent", sums.link.sent},
        {"linkResent", sums.link.resent},
        {"linkReceived", sums.link.received},
        {"linkDuplicates", sums.link.duplicates},
        {"linkGaps", sums.link.gaps},
        {"linkStale", sums.link.stale},
        {"broadcastGaps", sums.intake.gaps},
        {"broadcastRepaired", sums.intake.repaired},
        {"broadcastLost", sums.intake.lost},
        {"broadcastDuplicates", sums.intake.duplicates},
        {"clockRefused", self->hlc.refused},
        {"agentsDeparted", covey_departed_count (self->departed)},
        {"swarms", covey_scope_swarms (self->scopes)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        s_put_count (to, rows[i].key, rows[i].value);
    s_put_swim (self, to);
    s_put_beacon (self, to);
    s_put_lanes (self, &sums, to);
    s_put_groups (self, to);
    s_put_sessions (self, to);
    covey_buf_putc (to, '}');
}

size_t
covey_hub_nodes (const covey_hub_t *self)
{
    return 1 + covey_membership_in_state (self->membership, COVEY_PEER_ALIVE);
}

void
covey_hub_write_status (const covey_hub_t *self, covey_buf_t *to)
{
    const covey_membership_t *members = self->membership;
    covey_buf_putc (to, '{');
    s_put_text (to, "mesh", self->config.mesh);
    covey_buf_puts (to, ",\"node\":{");
    s_put_text (to, "id", self->id_text);
    covey_buf_putc (to, ',');
    s_put_text (to, "name", self->config.name);
    covey_buf_puts (to, "},");
    s_put_text (to, "version", COVEY_VERSION_TEXT);
    covey_buf_putc (to, ',');
    s_put_text (to, "endpoint", self->endpoint);
    covey_buf_printf (
        to, ",\"nodes\":{\"alive\":%zu,\"suspected\":%zu,\"failed\":%zu",
        covey_hub_nodes (self),
        covey_membership_in_state (members, COVEY_PEER_SUSPECTED),
        covey_membership_in_state (members, COVEY_PEER_FAILED));
    s_put_count (to, "left",
                 covey_membership_in_state (members, COVEY_PEER_LEFT));
    covey_buf_putc (to, '}');
    s_put_count (to, "agents", covey_directory_agents (self->directory, NULL));
    s_put_count (to, "outbox", covey_outbox_count (self->outbox));
    s_put_dropped (self, to);
    s_put_counters (self, to);
    s_put_delays (self, to);
    covey_buf_putc (to, '}');
}

/* ------------------------------------------------------------------------ */
/*  mesh.nodes                                                               */

typedef struct {
    const uint8_t *id;
    const char *name;
    const char *endpoint;
    const char *version;
    const char *state;
    char *const *roles;
    size_t role_count;
    const covey_peer_t *peer; /* NULL: this node                              */
} status_node_t;

/*  What the failure detector knows of it.                                   */
static void
s_put_health (const covey_hub_t *self, const status_node_t *node,
              covey_buf_t *to)
{
    const covey_swim_t *core = covey_membership_core (self->membership);
    const covey_peer_t *peer = node->peer;
    if (!peer) {
        s_put_count (to, "epoch", self->epoch);
        s_put_count (to, "incarnation", covey_swim_incarnation (core));
        s_put_count (to, "localHealth", (uint64_t)covey_swim_health (core));
        return;
    }
    const covey_swim_member_t *member = covey_swim_find (core, peer->id);
    const covey_hub_peer_t *shell = peer->shell;
    char text[40];
    s_put_count (to, "epoch", peer->epoch);
    s_put_count (to, "incarnation", member ? member->incarnation : 0);
    covey_str_time (self->now_us - (self->now_ms - peer->since_ms) * 1000,
                    text);
    covey_buf_putc (to, ',');
    s_put_text (to, "since", text);
    covey_str_time (self->now_us - (self->now_ms - peer->heard_ms) * 1000,
                    text);
    covey_buf_putc (to, ',');
    s_put_text (to, "lastSeen", text);
    if (shell && shell->rtt_us)
        covey_buf_printf (to, ",\"rtt\":%.3f", (double)shell->rtt_us / 1000);
    if ((peer->state != COVEY_PEER_SUSPECTED &&
         peer->state != COVEY_PEER_FAILED) ||
        covey_id_is_zero (peer->accuser))
        return;
    covey_id_text (peer->accuser, text);
    covey_buf_putc (to, ',');
    s_put_text (to, "accuser", text);
    s_put_count (to, "accuserHealth", (uint64_t)peer->health);
}

static void
s_put_node (const covey_hub_t *self, const status_node_t *node, covey_buf_t *to)
{
    char id[37];
    covey_id_text (node->id, id);
    covey_buf_putc (to, '{');
    s_put_text (to, "id", id);
    covey_buf_putc (to, ',');
    s_put_text (to, "name", node->name);
    covey_buf_putc (to, ',');
    s_put_text (to, "endpoint", node->endpoint);
    covey_buf_putc (to, ',');
    s_put_text (to, "state", node->state);
    covey_buf_putc (to, ',');
    s_put_list (to, "roles", node->roles, node->role_count);
    covey_buf_putc (to, ',');
    s_put_text (to, "version", node->version);
    s_put_count (to, "agents",
                 covey_directory_agents (self->directory, node->id));
    s_put_health (self, node, to);
    covey_buf_putc (to, '}');
}

void
covey_hub_write_nodes (const covey_hub_t *self, covey_buf_t *to)
{
    static const char *const states[] = {[COVEY_PEER_CONTACT] = "failed",
                                         [COVEY_PEER_ALIVE] = "alive",
                                         [COVEY_PEER_SUSPECTED] = "suspected",
                                         [COVEY_PEER_FAILED] = "failed",
                                         [COVEY_PEER_LEFT] = "left"};
    status_node_t own = {.id = self->config.node_id.bytes,
                         .name = self->config.name,
                         .endpoint = self->endpoint,
                         .version = COVEY_VERSION_TEXT,
                         .state = "alive",
                         .roles = (char *const *)self->config.roles,
                         .role_count = self->config.role_count};
    covey_buf_putc (to, '[');
    s_put_node (self, &own, to);
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        const covey_peer_t *peer = covey_membership_at (self->membership, i);
        if (!peer->known)
            continue;
        status_node_t node = {.id = peer->id,
                              .name = peer->name,
                              .endpoint = peer->endpoint,
                              .version = peer->version,
                              .state = states[peer->state],
                              .roles = peer->roles,
                              .role_count = peer->role_count,
                              .peer = peer};
        covey_buf_putc (to, ',');
        s_put_node (self, &node, to);
    }
    covey_buf_putc (to, ']');
}

/* ------------------------------------------------------------------------ */

void
covey_hub_share (covey_hub_t *self)
{
    size_t nodes = 1;
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        const covey_peer_t *peer = covey_membership_at (self->membership, i);
        const covey_hub_peer_t *shell = peer->shell;
        nodes += peer->state == COVEY_PEER_ALIVE && shell &&
                 shell->synced > 0 && covey_hub_is_heard_by (self, peer);
    }
    size_t agents = covey_directory_agents (self->directory, NULL);
    if (nodes == self->shared.nodes && agents == self->shared.agents)
        return;
    pthread_mutex_lock (&self->shared.mutex);
    self->shared.nodes = nodes;
    self->shared.agents = agents;
    pthread_cond_broadcast (&self->shared.changed);
    pthread_mutex_unlock (&self->shared.mutex);
}
