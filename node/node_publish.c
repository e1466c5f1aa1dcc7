/*  The way of an event into the mesh: check, room, number, route.

    A publish is judged as a whole before anything changes: either every queue
    that it needs has room, and it is accepted, or it is refused or waits. */
#include "node/hub.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "proto/event.h"

#define TARGET_FOR_MAX (1 + COVEY_AGENT_ID_MAX) /* before an EVENT_FOR */

/*  Where one target is.                                                     */
typedef struct {
    covey_slice_t id;
    covey_host_t *host;     /* here                                           */
    covey_hub_peer_t *peer; /* there                                          */
    bool self;              /* this node itself                               */
    const covey_directory_entry_t *entry; /* of an agent or service           */
} publish_route_t;

typedef struct {
    covey_hub_t *hub;
    covey_host_t *host; /* NULL: an event of the node itself                  */
    const uint8_t *data;
    size_t size;
    uint64_t seq;
    covey_level_t level;
    covey_peek_t view;
    bool journaled;
    publish_route_t one; /* nearly always there is one target                 */
    publish_route_t *routes;
    uint32_t route_count;
    covey_group_t *group; /* one of them gets it; NULL: the event has targets */
    bool heard; /* the sender wants to know when it came to a target */
    const Covey__Wire__Group *selector; /* of the group, until it is found    */
    covey_errbuf_t err;
    uint64_t *cause; /* the counter of what had no room                       */
} publish_t;

/* ------------------------------------------------------------------------ */
/*  Judging                                                                  */

static bool
s_is_reserved (covey_slice_t id)
{
    return covey_directory_is_service (id.text, id.size) ||
           covey_slice_equal (id, COVEY_SERVICE_NODE);
}

static bool
s_is_node_address (covey_slice_t id)
{
    return id.size == 5 + 36 && memcmp (id.text, "node:", 5) == 0;
}

static bool
s_is_persisted (const covey_node_config_t *config, int type)
{
    bool found = config->persist_all;
    for (size_t i = 0; !found && i < config->persist_type_count; i++)
        found = config->persist_types[i] == type;
    return found;
}

/*  Everything is kept but the mesh's own questions and answers, and the types
    that the operator does not want kept.                                     */
static bool
s_is_journaled (const covey_hub_t *hub, const covey_peek_t *view)
{
    if (!s_is_persisted (&hub->config, (int)view->type))
        return false;
    if (view->type == COVEY_EVENT_RESPONSE)
        return !s_is_reserved (view->source) &&
               !s_is_node_address (view->first_target);
    if (view->type != COVEY_EVENT_REQUEST)
        return true;
    return !(view->target_count == 1 &&
             (s_is_reserved (view->first_target) ||
              s_is_node_address (view->first_target)));
}

static bool
s_is_coordinator (const covey_host_t *host)
{
    return host &&
           strcmp (covey_host_service (host), COVEY_SERVICE_COORDINATOR) == 0;
}

static covey_err_t
s_check_source (publish_t *self)
{
    if (!self->host)
        return COVEY_OK;
    const char *own = covey_host_agent_id (self->host);
    if (covey_slice_equal (self->view.source, own) ||
        s_is_coordinator (self->host))
        return COVEY_OK;
    return covey_fail (
        &self->err, COVEY_DENIED,
        "source is \"%.*s\", an agent publishes only as itself "
        "(\"%s\")",
        (int)(self->view.source.size > 64 ? 64 : self->view.source.size),
        self->view.source.size ? self->view.source.text : "", own);
}

static covey_err_t
s_nobody (publish_t *self, covey_slice_t id)
{
    if (covey_slice_equal (id, COVEY_SERVICE_COORDINATOR))
        return covey_fail (&self->err, COVEY_NOCOORDINATOR,
                           "no node with the role coordinator can be reached");
    if (covey_slice_equal (id, COVEY_SERVICE_PERSISTER))
        return covey_fail (&self->err, COVEY_NOPERSISTER,
                           "no node with the role persister can be reached");
    return covey_fail (&self->err, COVEY_NOAGENT,
                       "no agent \"%.*s\" in this mesh (%zu nodes, %zu agents "
                       "known)",
                       (int)id.size, id.text, covey_hub_nodes (self->hub),
                       covey_directory_agents (self->hub->directory, NULL));
}

/*  "node:<uuid>": a node as such, for the answers of services to its own
    questions, and for requests to a node other than the caller's.            */
static covey_err_t
s_resolve_node (publish_t *self, publish_route_t *route)
{
    bool is_request =
        self->view.type == COVEY_EVENT_REQUEST && self->view.target_count == 1;
    bool is_answer = self->view.type == COVEY_EVENT_RESPONSE &&
                     covey_directory_is_service (self->view.source.text,
                                                 self->view.source.size);
    if (!is_request && !is_answer)
        return covey_fail (&self->err, COVEY_INVALID,
                           "target \"%.*s\" takes requests and answers of "
                           "services only",
                           (int)route->id.size, route->id.text);
    char text[37];
    uint8_t id[16];
    covey_slice_t uuid = {.text = route->id.text + 5, .size = 36};
    if (!covey_slice_copy (uuid, text, sizeof text) ||
        covey_id_parse (text, id) != COVEY_OK)
        return s_nobody (self, route->id);
    if (covey_id_equal (id, self->hub->config.node_id.bytes)) {
        route->self = true;
        return COVEY_OK;
    }
    route->peer = covey_hub_find_peer (self->hub, id);
    return route->peer && covey_hub_is_member (route->peer)
               ? COVEY_OK
               : s_nobody (self, route->id);
}

static covey_err_t
s_resolve (publish_t *self, covey_slice_t id, publish_route_t *route)
{
    covey_hub_t *hub = self->hub;
    *route = (publish_route_t){.id = id};
    if (covey_slice_equal (id, COVEY_SERVICE_NODE)) {
        route->self = true;
        if (self->view.type == COVEY_EVENT_REQUEST &&
            self->view.target_count == 1)
            return COVEY_OK;
        return covey_fail (&self->err, COVEY_INVALID,
                           "target \"node\" takes requests only");
    }
    if (s_is_node_address (id))
        return s_resolve_node (self, route);
    const covey_directory_entry_t *entry =
        covey_hub_find_target (hub, id.text, id.size);
    if (!entry)
        return s_nobody (self, id);
    route->entry = entry;
    if (covey_id_equal (entry->node_id, hub->config.node_id.bytes)) {
        route->host =
            covey_session_table_by_agent (hub->table, id.text, id.size);
        return route->host ? COVEY_OK : s_nobody (self, id);
    }
    route->peer = covey_hub_find_peer (hub, entry->node_id);
    return route->peer && route->peer->link ? COVEY_OK : s_nobody (self, id);
}

/*  Room for one more copy on a link that may have to take several.          */
static bool
s_take_room (publish_t *self, covey_hub_peer_t *peer)
{
    size_t size = self->size + COVEY_ORIGIN_SIZE_MAX + COVEY_TARGET_SIZE_MAX +
                  COVEY_TRACKED_SIZE_MAX;
    peer->copies++;
    return covey_link_has_room (peer->link, covey_lane_of (&self->view),
                                peer->copies, peer->copies * size);
}

static covey_err_t
s_check_route (publish_t *self, const publish_route_t *route)
{
    size_t size = self->size + COVEY_ORIGIN_SIZE_MAX;
    if (route->host && !covey_host_has_room (route->host, size)) {
        self->cause = &self->hub->counters.refused_agent;
        return covey_fail (&self->err, COVEY_EAGAIN,
                           "the queue of agent %s is full (%zu events)",
                           covey_host_agent_id (route->host),
                           covey_host_queued (route->host));
    }
    if (!route->peer)
        return COVEY_OK;
    if (covey_link_is_stopped (route->peer->link, route->id)) {
        self->cause = &self->hub->counters.refused_agent;
        return covey_fail (&self->err, COVEY_EAGAIN,
                           "the queue of agent %.*s on node %s is full",
                           (int)route->id.size, route->id.text,
                           route->peer->peer->name);
    }
    if (!s_take_room (self, route->peer)) {
        self->cause = &self->hub->counters.refused_link;
        return covey_fail (&self->err, COVEY_EAGAIN,
                           "the link to node %s is full: %zu events wait",
                           route->peer->peer->name,
                           covey_link_count (route->peer->link));
    }
    return COVEY_OK;
}

static covey_err_t
s_check_room (publish_t *self)
{
    covey_hub_t *hub = self->hub;
    size_t size = self->size + COVEY_ORIGIN_SIZE_MAX;
    if (self->group &&
        !covey_workgroup_has_room (hub->groups, size + COVEY_TARGET_SIZE_MAX)) {
        self->cause = &hub->counters.refused_group;
        return covey_fail (&self->err, COVEY_EAGAIN,
                           "%zu events for groups are not acknowledged, more "
                           "are not allowed",
                           covey_workgroup_count (hub->groups));
    }
    if (self->journaled && !covey_outbox_has_room (hub->outbox, size)) {
        self->cause = &hub->counters.refused_outbox;
        return covey_fail (
            &self->err, COVEY_EAGAIN,
            "%s: the outbox of node %s is full, %zu events (%zu "
            "bytes) wait; %s",
            hub->has_persister ? "the persister is behind" : "no persister",
            hub->config.name, covey_outbox_count (hub->outbox),
            covey_outbox_bytes (hub->outbox),
            hub->has_persister ? "covey status shows what it lacks"
                               : "start a node with --roles persister");
    }
    for (uint32_t i = 0; i < self->route_count; i++)
        if (self->routes[i].peer)
            self->routes[i].peer->copies = 0;
    covey_err_t code = COVEY_OK;
    for (uint32_t i = 0; i < self->route_count && !code; i++)
        code = s_check_route (self, &self->routes[i]);
    return code;
}

/*  The member of the group that gets it is its target.                      */
static covey_err_t
s_judge_group (publish_t *self)
{
    const covey_directory_entry_t *member = NULL;
    self->cause = &self->hub->counters.refused_group;
    covey_err_t code = covey_hub_choose (self->hub, self->group, &self->view,
                                         NULL, &member, &self->err);
    if (!code)
        code = s_resolve (
            self,
            (covey_slice_t){.text = member->id, .size = strlen (member->id)},
            self->routes);
    return code ? code : s_check_room (self);
}

static covey_err_t
s_judge (publish_t *self)
{
    covey_err_t code;
    if (self->group)
        return s_judge_group (self);
    for (uint32_t i = 0; i < self->view.target_count; i++) {
        covey_slice_t id =
            i ? covey_peek_target (&self->view, i) : self->view.first_target;
        if ((code = s_resolve (self, id, &self->routes[i])))
            return code;
    }
    return s_check_room (self);
}

/* ------------------------------------------------------------------------ */
/*  Carrying out                                                             */

static void
s_note_state (publish_t *self)
{
    int type = self->view.type;
    if (!self->host || type < COVEY_EVENT_AGENT_READY ||
        type > COVEY_EVENT_AGENT_TERMINATED || *covey_host_service (self->host))
        return;
    covey_hub_note_agent_state (self->hub, self->host, &self->view);
}

/*  To a node that hosts only some of the targets: which one is meant.       */
static void
s_push_for (const publish_route_t *route, const covey_parcel_t *parcel)
{
    covey_buf_t body;
    covey_buf_init (&body,
                    COVEY_EVENT_MAX + COVEY_ORIGIN_SIZE_MAX + TARGET_FOR_MAX);
    covey_buf_putc (&body, (char)route->id.size);
    (void)covey_buf_append (&body, route->id.text, route->id.size);
    (void)covey_buf_append (&body, parcel->bytes, parcel->size);
    if (!body.failed) {
        covey_parcel_t *item = covey_parcel_new_raw (body.data, body.size);
        item->expires_ms = parcel->expires_ms;
        covey_link_add (route->peer->link, covey_lane_of (&parcel->view),
                        COVEY_ITEM_EVENT_FOR, item);
        covey_parcel_drop (&item);
    }
    covey_buf_deinit (&body);
}

static void
s_route_targets (publish_t *self, covey_parcel_t *parcel)
{
    covey_hub_t *hub = self->hub;
    uint32_t count = self->route_count;
    if (self->view.type == COVEY_EVENT_REQUEST && self->host && count == 1 &&
        self->routes[0].entry)
        covey_hub_note_request (hub, &parcel->view, self->routes[0].entry);
    for (uint32_t i = 0; i < count; i++) {
        const publish_route_t *route = &self->routes[i];
        if (route->host)
            covey_hub_deliver (hub, route->host, parcel);
        else if (route->peer && parcel->track)
            covey_hub_push_tracked (route->peer, parcel, route->id);
        else if (route->peer && count == 1)
            covey_link_add (route->peer->link, covey_lane_of (&parcel->view),
                            COVEY_ITEM_EVENT, parcel);
        else if (route->peer)
            s_push_for (route, parcel);
        else if (self->view.type == COVEY_EVENT_REQUEST)
            covey_hub_serve (hub, parcel);
        else if (self->view.type == COVEY_EVENT_RESPONSE)
            covey_hub_on_response (hub, parcel);
    }
    hub->counters.targeted++;
    if (!self->journaled)
        return;
    covey_hub_cast (hub, 'T', parcel); /* gives it the number that gaps name  */
    covey_hub_deliver_observed (hub, parcel);
}

/*  The event and what the node writes behind it.                            */
static covey_err_t
s_new_parcel (publish_t *self, covey_parcel_t **parcel_p)
{
    covey_hub_t *hub = self->hub;
    covey_err_t code = COVEY_OK;
    covey_buf_clear (&hub->tail);
    if (self->group)
        code =
            covey_event_append_target (&hub->tail, self->routes[0].entry->id);
    if (!code && self->journaled)
        code = covey_event_append_origin (&hub->tail, hub->incarnation,
                                          covey_outbox_next_seq (hub->outbox));
    if (code)
        return covey_fail (&self->err, COVEY_NOMEM, "out of memory");
    *parcel_p = covey_parcel_new (self->data, self->size, hub->tail.data,
                                  hub->tail.size);
    if (!*parcel_p)
        return covey_fail (&self->err, COVEY_MALFORMED, "not an event");
    (*parcel_p)->track = (uint8_t)((self->group ? COVEY_TRACK_DONE : 0) |
                                   (self->heard ? COVEY_TRACK_HEARD : 0));
    if (self->heard && s_is_coordinator (self->host))
        (*parcel_p)->track |= COVEY_TRACK_COORDINATOR;
    return COVEY_OK;
}

static covey_err_t
s_carry_out (publish_t *self)
{
    covey_hub_t *hub = self->hub;
    covey_parcel_t *parcel = NULL;
    covey_err_t made = s_new_parcel (self, &parcel);
    if (made)
        return made;
    assert (parcel);
    if (self->journaled) {
        covey_outbox_wish_t wish = {0};
        if (self->host && self->level >= COVEY_LEVEL_OUTBOX)
            wish =
                (covey_outbox_wish_t){.session = covey_host_number (self->host),
                                      .publish_seq = self->seq,
                                      .level = self->level};
        covey_err_t code = covey_outbox_push (hub->outbox, parcel, &wish);
        assert (code == COVEY_OK);
        (void)code;
    }
    hub->counters.published++;
    covey_parcel_start_clock (parcel, hub->now_us, hub->now_ms);
    if (covey_parcel_is_expired (parcel, hub->now_ms))
        covey_hub_drop (hub, COVEY_DROP_EXPIRED);
    else if (self->route_count) {
        if (self->group)
            covey_hub_keep_group_event (hub, self->group, parcel, self->size,
                                        self->routes[0].entry);
        s_route_targets (self, parcel);
    } else
        covey_hub_cast (hub, 'E', parcel);
    s_note_state (self); /* last: it takes room on links, too                */
    covey_parcel_drop (&parcel);
    return COVEY_OK;
}

static covey_err_t
s_publish (publish_t *self)
{
    /* Published again, by an agent that missed the receipt. */
    if (self->group &&
        covey_workgroup_is_open (self->hub->groups, self->view.id))
        return COVEY_OK;
    self->journaled = s_is_journaled (self->hub, &self->view);
    self->routes = &self->one;
    self->route_count = self->group ? 1 : self->view.target_count;
    if (self->view.target_count > 1)
        self->routes =
            covey_mem_new (self->view.target_count * sizeof *self->routes);
    covey_err_t code = s_judge (self);
    if (!code)
        code = s_carry_out (self);
    if (self->routes != &self->one)
        free (self->routes);
    return code;
}

/*  Nothing promises a level that nobody keeps: a standby persister and the sync
    to Supabase do not exist; and some types may not be kept at all.          */
static covey_err_t
s_check_level (publish_t *self)
{
    if (self->level <= COVEY_LEVEL_ACCEPTED ||
        (self->level <= COVEY_LEVEL_STORED &&
         s_is_persisted (&self->hub->config, (int)self->view.type)))
        return COVEY_OK;
    if (self->level <= COVEY_LEVEL_STORED)
        return covey_fail (&self->err, COVEY_INVALID,
                           "level %s: this node does not store %s "
                           "(persist-all is off); add the type to "
                           "persist-types, or publish at level accepted",
                           covey_level_name ((int)self->level),
                           covey_event_type_name ((int)self->view.type));
    return covey_fail (&self->err, COVEY_INVALID,
                       "level %s: nobody in this mesh can promise it; the "
                       "highest is stored",
                       covey_level_name ((int)self->level));
}

/*  Once, when the event arrives; what waits for room is not checked again.  */
static covey_err_t
s_check (publish_t *self)
{
    covey_err_t code = covey_event_check (self->data, self->size, &self->err);
    if (!code && covey_peek (self->data, self->size, &self->view) != COVEY_OK)
        code = covey_fail (&self->err, COVEY_MALFORMED, "not an event");
    if (!code)
        code = s_check_source (self);
    if (!code)
        code = s_check_level (self);
    if (!code && self->group && self->view.target_count)
        code = covey_fail (&self->err, COVEY_INVALID,
                           "an event for a group has no target of its own; "
                           "this one has %u",
                           (unsigned)self->view.target_count);
    if (!code && self->group && !self->view.id)
        code = covey_fail (&self->err, COVEY_INVALID,
                           "an event for a group needs an id");
    if (!code && self->hub->stopping)
        code = covey_fail (&self->err, COVEY_CLOSED, "the node is stopping");
    return code;
}

/* ------------------------------------------------------------------------ */
/*  From sessions                                                            */

static void
s_refuse (publish_t *self, covey_err_t code)
{
    covey_hub_drop (self->hub, COVEY_DROP_PUBLISH_REFUSED);
    if (code == COVEY_EAGAIN && self->cause)
        ++*self->cause;
    const covey_host_known_t known = {
        .nodes = covey_hub_nodes (self->hub),
        .agents = covey_directory_agents (self->hub->directory, NULL)};
    covey_host_refuse (self->host, self->seq, code, self->err.text,
                       code == COVEY_NOAGENT ? &known : NULL);
}

/*  Behind those that wait, so that verdicts come in order; `code_then`: it is
    refused when its turn comes. LIMIT: the agent does not keep to its window.
 */
static covey_err_t
s_queue (publish_t *self, uint32_t wait_ms, covey_err_t code_then)
{
    covey_host_held_t publish = {
        .parcel = covey_parcel_new_raw (self->data, self->size),
        .seq = self->seq,
        .level = self->level,
        .since_ms = self->hub->now_ms,
        .deadline_ms = self->hub->now_ms + (int64_t)wait_ms,
        .group = self->group,
        .heard = self->heard,
        .code = code_then};
    covey_err_t code = covey_host_hold (self->host, &publish);
    covey_parcel_drop (&publish.parcel);
    if (code == COVEY_EAGAIN)
        code = covey_host_hold (self->host, &publish);
    self->hub->counters.held++;
    return code;
}

static covey_err_t
s_take (publish_t *self, uint32_t wait_ms)
{
    covey_err_t group_code = COVEY_OK;
    if (self->selector && !self->group) /* once per frame, when it is good    */
        group_code = covey_workgroups_group (self->hub->groups, self->selector,
                                             &self->group, &self->err);
    if (covey_host_held (self->host))
        return s_queue (self, wait_ms, group_code);
    covey_err_t code = group_code ? group_code : s_check (self);
    if (!code)
        code = s_publish (self);
    if (code == COVEY_EAGAIN && wait_ms && !group_code)
        return s_queue (self, wait_ms, COVEY_OK);
    if (code)
        s_refuse (self, code);
    else
        covey_host_accept (self->host, self->seq);
    return COVEY_OK;
}

void
covey_hub_publish_frame (covey_hub_t *self, covey_host_t *host,
                         const covey_frame_t *frame,
                         const Covey__Wire__Publish *header)
{
    covey_frame_t items = *frame;
    publish_t publish = {.hub = self,
                         .host = host,
                         .seq = header->first_seq,
                         .level = (covey_level_t)header->level,
                         .selector = header->group,
                         .heard = header->heard};
    covey_err_t code;
    /* The first frame of a session may have been lost on the way. */
    if (header->has_oldest && header->oldest <= header->first_seq)
        covey_host_begin (host, header->oldest);
    covey_host_begin_frame (host, header->patient);
    for (; (code = covey_frame_next (&items, &publish.data, &publish.size)) ==
           COVEY_OK;
         publish.seq++) {
        covey_err_t offer = covey_host_offer (host, publish.seq);
        if (offer == COVEY_EXISTS)
            continue;
        if (offer || s_take (&publish, header->wait_ms) != COVEY_OK) {
            covey_group_drop (&publish.group);
            covey_hub_end_session (self, host, COVEY_CLOSED,
                                   offer == COVEY_STATE
                                       ? "publishes were lost on the way"
                                       : "the publish window was overrun",
                                   false);
            return;
        }
    }
    covey_group_drop (&publish.group);
    if (code != COVEY_NOTFOUND)
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
}

static bool
s_retry_one (covey_hub_t *self, covey_host_t *host)
{
    const covey_host_held_t *held = covey_host_held (host);
    publish_t publish = {.hub = self,
                         .host = host,
                         .seq = held->seq,
                         .level = held->level,
                         .group = held->group,
                         .heard = held->heard};
    covey_err_t code;
    if (held->code)
        code = covey_fail (&publish.err, held->code,
                           "its group cannot be used: too many are, or a text "
                           "or list of it is beyond its bound");
    else if (held->parcel) {
        publish.data = held->parcel->bytes;
        publish.size = held->parcel->size;
        code = s_check (&publish);
        if (!code)
            code = s_publish (&publish);
    } else
        code = covey_fail (&publish.err, COVEY_EAGAIN,
                           "too much of this agent waits for room");
    if (code == COVEY_EAGAIN && held->parcel && !held->code &&
        self->now_ms < held->deadline_ms)
        return false;
    if (code)
        s_refuse (&publish, code);
    else
        covey_host_accept (host, publish.seq);
    covey_delay_note (&self->held_delay, held->since_ms, self->now_ms);
    covey_host_unhold (host);
    return true;
}

void
covey_hub_retry_held (covey_hub_t *self)
{
    for (size_t i = 0; i < covey_session_table_count (self->table); i++) {
        covey_host_t *host = covey_session_table_at (self->table, i);
        while (covey_host_held (host) && s_retry_one (self, host)) {
        }
    }
}

/* ------------------------------------------------------------------------ */
/*  From this node                                                           */

covey_err_t
covey_hub_publish_event (covey_hub_t *self, covey_event_t **event_p)
{
    covey_buf_t packed;
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    publish_t publish = {.hub = self};
    covey_event_set_hlc (*event_p, covey_hlc_now (&self->hlc, self->now_us));
    covey_err_t code = covey_event_pack (*event_p, &packed, &publish.err);
    covey_event_destroy (event_p);
    publish.data = packed.data;
    publish.size = packed.size;
    if (!code)
        code = covey_peek (packed.data, packed.size, &publish.view);
    if (!code)
        code = s_publish (&publish);
    covey_buf_deinit (&packed);
    return code;
}
