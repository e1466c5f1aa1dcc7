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

static int64_t
s_wall_us (const covey_hub_t *self, int64_t mono_ms)
{
    return self->now_us - (self->now_ms - mono_ms) * 1000;
}

static covey_err_t
s_fill_joined (covey_event_t *event, const covey_peer_t *peer, const char *id)
{
    covey_err_t codes[] = {
        covey_event_set_str (event, "nodeId", id),
        covey_event_set_str (event, "name", peer->name),
        covey_event_set_str (event, "endpoint", peer->endpoint),
        covey_event_set_str (event, "version", peer->version)};
    covey_err_t code = S_ALL (codes);
    for (size_t i = 0; i < peer->role_count && !code; i++)
        code = covey_event_add_str (event, "roles", peer->roles[i]);
    return code;
}

static covey_err_t
s_fill (covey_hub_t *self, covey_event_t *event, const covey_peer_t *peer,
        covey_peer_change_t change, const char *reason)
{
    char id[37];
    covey_id_text (peer->id, id);
    covey_err_t code = covey_event_set_str (event, "nodeId", id);
    if (code)
        return code;
    switch (change) {
        case COVEY_PEER_JOINED:
            return s_fill_joined (event, peer, id);
        case COVEY_PEER_BECAME_SUSPECTED: {
            covey_err_t codes[] = {
                covey_event_set_str (event, "by", self->id_text),
                covey_event_set_int (event, "localHealth", 0)};
            return S_ALL (codes);
        }
        case COVEY_PEER_BECAME_FAILED: {
            covey_err_t codes[] = {
                covey_event_set_str (event, "by", self->id_text),
                covey_event_set_int (event, "lastSeen",
                                     s_wall_us (self, peer->heard_ms))};
            return S_ALL (codes);
        }
        case COVEY_PEER_RECOVERED:
            return covey_event_set_int (event, "incarnation",
                                        (int64_t)peer->epoch);
        case COVEY_PEER_DEPARTED:
            return covey_event_set_str (event, "reason", reason);
    }
    return COVEY_INVALID;
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
    covey_log_write (self->config.log, kinds[change].level, "node",
                     kinds[change].text, "peer=%s endpoint=%s reason=%s",
                     covey_log_quote (&name, peer->name), peer->endpoint,
                     covey_log_quote (&why, reason));
    covey_event_t *event = s_make (self, kinds[change].type);
    if (event)
        s_publish (self, event, s_fill (self, event, peer, change, reason));
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
        covey_event_set_int (event, "lastSeen",
                             s_wall_us (self, covey_host_heard_ms (host))),
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
