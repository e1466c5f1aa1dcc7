/*  Events that the node itself publishes: what happens to members, lost agents
    and lost broadcasts.                                                      */
#include "node/hub.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "proto/event.h"
#include "proto/json.h"

static covey_event_t *
s_make (covey_hub_t *self, int type)
{
    covey_event_t *event = covey_event_make (
        type, covey_idgen_next (&self->idgen, self->now_us), self->now_us);
    if (event && covey_event_set_source (event, self->source) != COVEY_OK)
        covey_event_destroy (&event);
    return event;
}

/*  `code` is what setting the fields came to.                               */
static void
s_publish (covey_hub_t *self, covey_event_t *event, covey_err_t code)
{
    if (!code)
        code = covey_hub_publish_event (self, &event);
    else
        covey_event_destroy (&event);
    if (code)
        covey_hub_drop (self, COVEY_DROP_PUBLISH_REFUSED);
}

/*  The one of several results that went wrong, if any.                      */
static covey_err_t
s_all (const covey_err_t *codes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (codes[i])
            return codes[i];
    return COVEY_OK;
}

#define S_ALL(codes) s_all ((codes), sizeof (codes) / sizeof (codes)[0])

static covey_err_t
s_fill_joined (covey_event_t *event, const covey_peer_t *peer)
{
    covey_err_t codes[] = {
        covey_event_set_str (event, "name", peer->name),
        covey_event_set_str (event, "endpoint", peer->endpoint),
        covey_event_set_str (event, "version", peer->version)};
    covey_err_t code = S_ALL (codes);
    for (size_t i = 0; i < peer->role_count && !code; i++)
        code = covey_event_add_str (event, "roles", peer->roles[i]);
    return code;
}

/*  Who accused it, how healthy that one was, and of which incarnation it was.
 */
static covey_err_t
s_fill_accusation (const covey_hub_t *self, covey_event_t *event,
                   const covey_peer_t *peer)
{
    char by[48], id[37];
    covey_id_text (covey_id_is_zero (peer->accuser) ? self->config.node_id.bytes
                                                    : peer->accuser,
                   id);
    snprintf (by, sizeof by, "node:%s", id);
    covey_err_t codes[] = {
        covey_event_set_str (event, "by", by),
        covey_event_set_int (event, "localHealth", peer->health),
        covey_event_set_int (event, "incarnation", peer->incarnation)};
    return S_ALL (codes);
}

static covey_err_t
s_fill (covey_hub_t *self, covey_event_t *event, const covey_peer_t *peer,
        covey_peer_change_t change, const char *reason)
{
    char id[37];
    covey_id_text (peer->id, id);
    covey_err_t codes[] = {
        covey_event_set_str (event, "nodeId", id),
        covey_event_set_int (event, "epoch", (int64_t)peer->epoch)};
    covey_err_t code = S_ALL (codes);
    if (code)
        return code;
    if (change == COVEY_PEER_JOINED)
        return s_fill_joined (event, peer);
    if (change == COVEY_PEER_DEPARTED)
        return covey_event_set_str (event, "reason", reason);
    code = s_fill_accusation (self, event, peer);
    if (!code && change == COVEY_PEER_BECAME_FAILED)
        code = covey_event_set_int (event, "lastSeen",
                                    covey_hub_wall_us (self, peer->heard_ms));
    if (!code && change == COVEY_PEER_BECAME_FAILED)
        code = covey_event_set_str (event, "reason", reason);
    return code;
}

/* ------------------------------------------------------------------------ */
/*  One node announces what all see                                          */

/*  Who was here when it joined; the others only learn of the past.          */
static bool
s_was_before (const uint8_t id[16], uint64_t epoch, const covey_peer_t *peer)
{
    if (epoch != peer->epoch)
        return epoch < peer->epoch;
    return memcmp (id, peer->id, 16) < 0;
}

/*  How many living ones are to announce it before us; SIZE_MAX: it is not
    ours to announce.                                                         */
static size_t
s_turn (const covey_hub_t *self, const covey_peer_t *peer,
        covey_peer_change_t change)
{
    const uint8_t *own_id = self->config.node_id.bytes;
    bool joined = change == COVEY_PEER_JOINED;
    if (joined && !s_was_before (own_id, self->epoch, peer))
        return SIZE_MAX;
    uint64_t own = covey_herald_weight (own_id, peer->id);
    size_t turn = 0;
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        const covey_peer_t *other = covey_membership_at (self->membership, i);
        if (other != peer && other->state == COVEY_PEER_ALIVE &&
            (!joined || s_was_before (other->id, other->epoch, peer)))
            turn += covey_herald_weight (other->id, peer->id) < own;
    }
    return turn;
}

static void
s_announce (void *arg, covey_event_t **event_p)
{
    covey_hub_t *self = arg;
    if (covey_hub_publish_event (self, event_p))
        covey_hub_drop (self, COVEY_DROP_PUBLISH_REFUSED);
}

void
covey_hub_open_herald (covey_hub_t *self)
{
    self->herald = covey_herald_new (s_announce, self);
    for (int type = COVEY_EVENT_NODE_JOINED; type <= COVEY_EVENT_NODE_LEFT;
         type++)
        covey_hub_need_topic (self, 'E', type, true);
}

void
covey_hub_hear_herald (covey_hub_t *self, const covey_parcel_t *parcel)
{
    covey_fact_t fact = {.type = parcel->view.type};
    if (fact.type < COVEY_EVENT_NODE_JOINED ||
        fact.type > COVEY_EVENT_NODE_LEFT ||
        covey_id_equal (parcel->from, self->config.node_id.bytes))
        return;
    covey_event_t *event = NULL;
    if (covey_event_unpack (parcel->bytes, parcel->size, &event, NULL))
        return;
    fact.epoch = (uint64_t)covey_event_int (event, "epoch");
    if (fact.type != COVEY_EVENT_NODE_JOINED &&
        fact.type != COVEY_EVENT_NODE_LEFT)
        fact.incarnation = (uint32_t)covey_event_int (event, "incarnation");
    if (covey_id_parse (covey_event_str (event, "nodeId"), fact.id) == COVEY_OK)
        covey_herald_heard (self->herald, &fact);
    covey_event_destroy (&event);
}

void
covey_hub_announce_peer (covey_hub_t *self, const covey_peer_t *peer,
                         covey_peer_change_t change, const char *reason)
{
    static const struct {
        int type;
        covey_log_level_t level;
        const char *text;
    } kinds[] = {
        [COVEY_PEER_JOINED] = {COVEY_EVENT_NODE_JOINED, COVEY_LOG_INFO,
                               "node_joined"},
        [COVEY_PEER_BECAME_SUSPECTED] = {COVEY_EVENT_NODE_SUSPECTED,
                                         COVEY_LOG_WARN, "node_suspected"},
        [COVEY_PEER_BECAME_FAILED] = {COVEY_EVENT_NODE_FAILED, COVEY_LOG_WARN,
                                      "node_failed"},
        [COVEY_PEER_RECOVERED] = {COVEY_EVENT_NODE_RECOVERED, COVEY_LOG_INFO,
                                  "node_recovered"},
        [COVEY_PEER_DEPARTED] = {COVEY_EVENT_NODE_LEFT, COVEY_LOG_INFO,
                                 "node_left"},
    };
    covey_log_quoted_t name, why;
    char by[37] = "-";
    bool accused = change == COVEY_PEER_BECAME_SUSPECTED ||
                   change == COVEY_PEER_BECAME_FAILED;
    if (accused && !covey_id_is_zero (peer->accuser))
        covey_id_text (peer->accuser, by);
    covey_log_write (
        self->config.log, kinds[change].level, "node", kinds[change].text,
        "peer=%s endpoint=%s by=%s health=%d reason=%s",
        covey_log_quote (&name, peer->name), peer->endpoint, by,
        accused ? peer->health : 0, covey_log_quote (&why, reason));
    size_t turn = s_turn (self, peer, change);
    covey_event_t *event =
        turn == SIZE_MAX ? NULL : s_make (self, kinds[change].type);
    if (!event)
        return;
    if (s_fill (self, event, peer, change, reason)) {
        covey_event_destroy (&event);
        covey_hub_drop (self, COVEY_DROP_PUBLISH_REFUSED);
        return;
    }
    covey_fact_t fact = {.type = kinds[change].type, .epoch = peer->epoch};
    memcpy (fact.id, peer->id, 16);
    if (change != COVEY_PEER_JOINED && change != COVEY_PEER_DEPARTED)
        fact.incarnation = peer->incarnation;
    covey_herald_note (self->herald, &fact, &event, turn, self->now_ms);
}

/*  The vocabulary has no word for stalled: busy, and why.                   */
void
covey_hub_announce_agent_state (covey_hub_t *self,
                                const covey_directory_entry_t *entry)
{
    static const int types[] = {COVEY_EVENT_AGENT_READY, COVEY_EVENT_AGENT_BUSY,
                                COVEY_EVENT_AGENT_IDLE, COVEY_EVENT_AGENT_BUSY};
    if (entry->state > COVEY__WIRE__AGENT_STATE__AGENT_STATE_STALLED)
        return;
    int type = types[entry->state];
    covey_event_t *event = s_make (self, type);
    if (!event)
        return;
    covey_err_t code = covey_event_set_str (event, "agentId", entry->id);
    if (!code && type == COVEY_EVENT_AGENT_READY)
        code = covey_event_set_int (event, "availableCapacity",
                                    entry->available_capacity);
    if (!code && type != COVEY_EVENT_AGENT_IDLE)
        code =
            covey_event_set_int (event, "currentTasks", entry->current_tasks);
    if (!code && type == COVEY_EVENT_AGENT_BUSY)
        code = covey_event_set_str (
            event, "reason",
            entry->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_STALLED
                ? "stalled: it has work and does nothing"
                : "it goes on");
    s_publish (self, event, code);
}

void
covey_hub_announce_lost_agent (covey_hub_t *self, const covey_host_t *host,
                               const char *reason)
{
    covey_log_write (self->config.log, COVEY_LOG_WARN, "node", "agent_lost",
                     "agent=%s", covey_host_agent_id (host));
    covey_event_t *event = s_make (self, COVEY_EVENT_AGENT_LOST);
    if (!event)
        return;
    covey_err_t codes[] = {
        covey_event_set_str (event, "agentId", covey_host_agent_id (host)),
        covey_event_set_str (event, "nodeId", self->id_text),
        covey_event_set_int (
            event, "lastSeen",
            covey_hub_wall_us (self, covey_host_heard_ms (host))),
        covey_event_set_str (event, "reason", reason)};
    s_publish (self, event, S_ALL (codes));
}

void
covey_hub_announce_gap (covey_hub_t *self, const covey_peer_t *peer,
                        uint32_t topic, uint64_t first, uint64_t last)
{
    char id[37], message[256], details[256];
    covey_id_text (peer->id, id);
    int type = (int)(topic & 0xffff);
    const char *name = covey_event_type_name (type);
    snprintf (message, sizeof message,
              "broadcasts %llu to %llu of type %s from node %s are lost",
              (unsigned long long)first, (unsigned long long)last,
              name ? name : "unknown", id);
    snprintf (details, sizeof details,
              "{\"node\":\"%s\",\"type\":\"%s\",\"copies\":%s,\"first\":%llu,"
              "\"last\":%llu}",
              id, name ? name : "unknown",
              topic >> 16 == 'T' ? "true" : "false", (unsigned long long)first,
              (unsigned long long)last);
    covey_log_quoted_t quoted;
    covey_log_write (self->config.log, COVEY_LOG_WARN, "node",
                     "broadcasts_lost", "reason=%s",
                     covey_log_quote (&quoted, message));
    covey_event_t *event = s_make (self, COVEY_EVENT_SYSTEM_WARNING);
    if (!event)
        return;
    covey_err_t codes[] = {covey_event_set_str (event, "component", "node"),
                           covey_event_set_str (event, "message", message),
                           covey_event_set_payload (event, "details",
                                                    COVEY_CONTENT_JSON, details,
                                                    strlen (details))};
    s_publish (self, event, S_ALL (codes));
}
