/*  The sockets of simulated nodes: what node_sockets.c does, over sim_net.  */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/sim_mesh.h"

#define RECONNECT_US (100 * SIM_MS)
#define TOPIC_MAX 17
#define ANSWERS_MAX 16

typedef enum { ROUTER, DEALER, PUB, SUB, LOCAL } sim_kind_t;

typedef struct {
    sim_kind_t kind;
    sim_mesh_node_t *node;
    /* a DEALER                                                               */
    size_t peer;
    uint8_t route[16];
    sim_mesh_message_t *answers[ANSWERS_MAX];
    size_t answer_count;
} sim_socket_t;

typedef struct {
    size_t size;
    uint8_t topic[TOPIC_MAX];
    int count;
} sim_topic_t;

static sim_mesh_t *s_mesh;

void
sim_sockets_use (sim_mesh_t *mesh)
{
    s_mesh = mesh;
}

/* ------------------------------------------------------------------------ */
/*  Making and sending                                                       */

static sim_socket_t *
s_socket (sim_mesh_node_t *node, sim_kind_t kind)
{
    sim_socket_t *self = covey_mem_new (sizeof *self);
    self->kind = kind;
    self->node = node;
    return self;
}

sim_mesh_message_t *
sim_sockets_message (sim_mesh_socket_t socket, const void *data, size_t size)
{
    sim_mesh_message_t *self = covey_mem_new (sizeof *self + size);
    self->socket = socket;
    self->size = size;
    memcpy (self->data, data, size);
    return self;
}

static bool
s_is_full (const sim_mesh_t *mesh)
{
    return !mesh->calm && mesh->config.full > 0 &&
           covey_prng_unit (&((sim_mesh_t *)mesh)->prng) < mesh->config.full;
}

static void
s_send (sim_mesh_node_t *from, size_t to, const sim_link_t *link,
        sim_mesh_message_t *message)
{
    sim_link_t calm = *link;
    calm.loss = calm.duplicate = calm.reorder = 0;
    sim_net_send_by (from->mesh->net, from->mesh->calm ? &calm : link,
                     from->index, to, message);
}

void
sim_sockets_open (sim_mesh_node_t *node)
{
    covey_hub_t *hub = node->hub;
    hub->router = s_socket (node, ROUTER);
    hub->pub = s_socket (node, PUB);
    hub->sub = s_socket (node, SUB);
    hub->local = s_socket (node, LOCAL);
    snprintf (hub->endpoint, sizeof hub->endpoint, "10.0.0.%zu:1", node->index);
    snprintf (hub->pub_endpoint, sizeof hub->pub_endpoint, "10.0.0.%zu:2",
              node->index);
}

void
covey_hub_close_socket (void **socket_p)
{
    sim_socket_t *self = *socket_p;
    *socket_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->answer_count; i++)
        free (self->answers[i]);
    free (self);
}

void
covey_hub_close_sockets (covey_hub_t *self)
{
    covey_hub_close_socket (&self->router);
    covey_hub_close_socket (&self->pub);
    covey_hub_close_socket (&self->sub);
    covey_hub_close_socket (&self->local);
}

/* ------------------------------------------------------------------------ */
/*  DEALER and ROUTER                                                        */

static size_t
s_node_at (const char *address)
{
    size_t index = SIM_MESH_NODES_MAX;
    if (sscanf (address, "10.0.0.%zu:", &index) != 1)
        return SIM_MESH_NODES_MAX;
    return index;
}

void *
covey_hub_dial (covey_hub_t *self, const char *address)
{
    size_t peer = s_node_at (address);
    if (peer >= s_mesh->config.nodes)
        return NULL;
    sim_socket_t *socket =
        s_socket (((sim_socket_t *)self->router)->node, DEALER);
    socket->peer = peer;
    socket->route[0] = 'C';
    socket->route[1] = (uint8_t)socket->node->index;
    for (size_t i = 2; i < sizeof socket->route; i++)
        socket->route[i] = (uint8_t)covey_prng_below (&self->prng, 256);
    return socket;
}

covey_err_t
covey_hub_send (void *socket, const void *data, size_t size)
{
    sim_socket_t *self = socket;
    const sim_mesh_t *mesh = self->node->mesh;
    if (!mesh->nodes[self->peer].hub || s_is_full (mesh))
        return COVEY_EAGAIN;
    sim_mesh_message_t *message =
        sim_sockets_message (SIM_MESH_TO_ROUTER, data, size);
    memcpy (message->route, self->route, sizeof message->route);
    s_send (self->node, self->peer, &mesh->config.peer, message);
    return COVEY_OK;
}

bool
covey_hub_can_send (void *socket)
{
    const sim_socket_t *self = socket;
    return self->node->mesh->nodes[self->peer].hub != NULL;
}

static covey_err_t
s_send_to_agent (sim_mesh_node_t *node, const uint8_t *route, const void *data,
                 size_t size)
{
    uint32_t connection;
    memcpy (&connection, route + 2, sizeof connection);
    sim_mesh_agent_t *agent = &node->mesh->agents[route[1]];
    if (agent->connection != connection)
        return COVEY_UNREACHABLE;
    if (s_is_full (node->mesh))
        return COVEY_EAGAIN;
    sim_mesh_message_t *message =
        sim_sockets_message (SIM_MESH_TO_AGENT, data, size);
    message->connection = connection;
    s_send (node, node->mesh->config.nodes + agent->index,
            &node->mesh->config.session, message);
    return COVEY_OK;
}

covey_err_t
covey_hub_send_to (covey_hub_t *hub, void *socket, const uint8_t *route,
                   size_t route_size, const void *data, size_t size)
{
    (void)hub;
    sim_socket_t *self = socket;
    sim_mesh_t *mesh = self->node->mesh;
    if (self->kind == LOCAL)
        return s_send_to_agent (self->node, route, data, size);
    assert (route_size == 16 && route[1] < mesh->config.nodes);
    if (!mesh->nodes[route[1]].hub)
        return COVEY_UNREACHABLE;
    sim_mesh_message_t *message =
        sim_sockets_message (SIM_MESH_TO_DEALER, data, size);
    memcpy (message->route, route, sizeof message->route);
    s_send (self->node, route[1], &mesh->config.peer, message);
    return COVEY_OK;
}

/*  A frame for one of the node's DEALERs, which reads it with its next tick. */
static void
s_to_dealer (covey_hub_t *hub, const sim_mesh_message_t *message)
{
    for (size_t i = 0; i < covey_membership_count (hub->membership); i++) {
        const covey_hub_peer_t *peer =
            covey_membership_at (hub->membership, i)->shell;
        sim_socket_t *dealer = peer ? peer->dealer : NULL;
        if (dealer && dealer->answer_count < ANSWERS_MAX &&
            memcmp (dealer->route, message->route, 16) == 0)
            dealer->answers[dealer->answer_count++] = sim_sockets_message (
                SIM_MESH_TO_DEALER, message->data, message->size);
    }
}

bool
covey_hub_receive (covey_hub_t *self, void *socket, bool routed,
                   covey_hub_message_fn *fn)
{
    sim_socket_t *dealer = socket;
    (void)routed;
    if (!dealer->answer_count)
        return false;
    sim_mesh_message_t *message = dealer->answers[0];
    memmove (&dealer->answers[0], &dealer->answers[1],
             --dealer->answer_count * sizeof dealer->answers[0]);
    fn (self, socket, NULL, 0, message->data, message->size);
    free (message);
    return true;
}

bool
covey_hub_drain (covey_hub_t *self, void *socket, bool routed,
                 covey_hub_message_fn *fn)
{
    while (covey_hub_receive (self, socket, routed, fn)) {
    }
    return false;
}

/* ------------------------------------------------------------------------ */
/*  PUB and SUB                                                              */

static sim_topic_t *
s_topic (covey_table_t *table, const uint8_t *topic, size_t size)
{
    sim_topic_t *one = covey_table_get (table, topic, size);
    if (!one) {
        one = covey_mem_new (sizeof *one);
        one->size = size;
        memcpy (one->topic, topic, size);
        covey_table_put (table, one->topic, size, one);
    }
    return one;
}

static void
s_clear (covey_table_t *table)
{
    size_t cursor = 0;
    void *value;
    while ((value = covey_table_next (table, &cursor)))
        free (value);
    covey_table_deinit (table);
    covey_table_init (table);
}

static bool
s_matches (const covey_table_t *table, const uint8_t *data, size_t size)
{
    for (size_t n = 1; n <= TOPIC_MAX && n <= size; n++) {
        const sim_topic_t *one = covey_table_get (table, data, n);
        if (one && one->count > 0)
            return true;
    }
    return false;
}

/*  How many subscribers want exactly this topic at that publisher.          */
static int
s_wanting (const sim_mesh_node_t *pub, const uint8_t *topic, size_t size)
{
    int count = 0;
    for (size_t i = 0; i < pub->mesh->config.nodes; i++) {
        const sim_mesh_hearing_t *hearing =
            &pub->mesh->nodes[i].hears[pub->index];
        const sim_topic_t *one =
            hearing->topics ? covey_table_get (hearing->topics, topic, size)
                            : NULL;
        count += one && one->count > 0;
    }
    return count;
}

/*  What XPUB shows: the first that wants a topic, and when the last is gone. */
static void
s_change (sim_mesh_node_t *pub, sim_mesh_hearing_t *hearing, bool on,
          const uint8_t *topic, size_t size)
{
    int before = s_wanting (pub, topic, size);
    sim_topic_t *one = s_topic (hearing->topics, topic, size);
    one->count += on ? 1 : -1;
    int after = s_wanting (pub, topic, size);
    if (!pub->hub || before == after || (before && after))
        return;
    uint8_t data[1 + TOPIC_MAX] = {on};
    memcpy (data + 1, topic, size);
    covey_hub_on_interest (pub->hub, pub->hub->pub, NULL, 0, data, size + 1);
}

/*  The publisher's side of a connection is gone.                            */
static void
s_drop_hearing (sim_mesh_node_t *pub, sim_mesh_hearing_t *hearing)
{
    hearing->seen = 0;
    if (!hearing->topics)
        return;
    covey_table_t gone = *hearing->topics;
    covey_table_init (hearing->topics);
    size_t cursor = 0;
    sim_topic_t *one;
    while ((one = covey_table_next (&gone, &cursor)))
        if (one->count > 0 && pub->hub &&
            !s_wanting (pub, one->topic, one->size)) {
            uint8_t data[1 + TOPIC_MAX] = {0};
            memcpy (data + 1, one->topic, one->size);
            covey_hub_on_interest (pub->hub, pub->hub->pub, NULL, 0, data,
                                   one->size + 1);
        }
    s_clear (&gone);
    covey_table_deinit (&gone);
}

static bool
s_is_reachable (const sim_mesh_node_t *node, size_t other)
{
    const sim_net_t *net = node->mesh->net;
    return node->mesh->nodes[other].hub &&
           !sim_net_is_cut (net, node->index, other) &&
           !sim_net_is_cut (net, other, node->index);
}

/*  A subscription on its way: reliable, or the connection breaks.           */
static void
s_tell (sim_mesh_node_t *node, size_t pub, bool on, const uint8_t *topic,
        size_t size)
{
    sim_mesh_hearing_t *hearing = &node->hears[pub];
    if (!hearing->up)
        return;
    if (!s_is_reachable (node, pub)) {
        hearing->up = false;
        hearing->retry_us = sim_net_now_us (node->mesh->net) + RECONNECT_US;
        return;
    }
    uint8_t data[1 + TOPIC_MAX] = {on};
    memcpy (data + 1, topic, size);
    sim_mesh_message_t *message =
        sim_sockets_message (SIM_MESH_TO_XPUB, data, size + 1);
    message->connection = hearing->generation;
    sim_link_t link = node->mesh->config.cast;
    link.loss = 0;
    s_send (node, pub, &link, message);
}

static void
s_connect (sim_mesh_node_t *node, size_t pub)
{
    sim_mesh_hearing_t *hearing = &node->hears[pub];
    hearing->retry_us = sim_net_now_us (node->mesh->net) + RECONNECT_US;
    if (!s_is_reachable (node, pub))
        return;
    hearing->up = true;
    hearing->generation++;
    size_t cursor = 0;
    const sim_topic_t *one;
    while ((one = covey_table_next (&node->interests, &cursor)))
        if (one->count > 0)
            s_tell (node, pub, true, one->topic, one->size);
}

void
sim_sockets_reconnect (sim_mesh_node_t *node)
{
    int64_t now_us = sim_net_now_us (node->mesh->net);
    for (size_t i = 0; i < node->mesh->config.nodes; i++) {
        sim_mesh_hearing_t *hearing = &node->hears[i];
        if (hearing->up && !s_is_reachable (node, i))
            hearing->up = false;
        if (hearing->wanted && !hearing->up && now_us >= hearing->retry_us)
            s_connect (node, i);
    }
}

void
sim_sockets_break (sim_mesh_node_t *node)
{
    s_clear (&node->interests);
    for (size_t i = 0; i < node->mesh->config.nodes; i++) {
        sim_mesh_node_t *other = &node->mesh->nodes[i];
        node->hears[i].wanted = node->hears[i].up = false;
        s_drop_hearing (other, &node->hears[i]);
        other->hears[node->index].up = false;
        s_drop_hearing (node, &other->hears[node->index]);
    }
}

void
covey_hub_subscribe (covey_hub_t *self, const uint8_t *topic, size_t size,
                     bool on)
{
    sim_mesh_node_t *node = ((sim_socket_t *)self->sub)->node;
    sim_topic_t *one = s_topic (&node->interests, topic, size);
    one->count += on ? 1 : -1;
    assert (one->count >= 0);
    if (one->count == (on ? 1 : 0))
        for (size_t i = 0; i < node->mesh->config.nodes; i++)
            s_tell (node, i, on, topic, size);
    if (one->count == 0)
        free (covey_table_remove (&node->interests, topic, size));
}

covey_err_t
covey_hub_hear (covey_hub_t *self, const char *address)
{
    sim_mesh_node_t *node = ((sim_socket_t *)self->sub)->node;
    size_t pub = s_node_at (address);
    if (pub >= node->mesh->config.nodes)
        return COVEY_IO;
    node->hears[pub].wanted = true;
    s_connect (node, pub);
    return COVEY_OK;
}

void
covey_hub_unhear (covey_hub_t *self, const char *address)
{
    sim_mesh_node_t *node = ((sim_socket_t *)self->sub)->node;
    size_t pub = s_node_at (address);
    if (pub >= node->mesh->config.nodes)
        return;
    node->hears[pub].wanted = node->hears[pub].up = false;
    s_drop_hearing (&node->mesh->nodes[pub], &node->hears[pub]);
}

void
covey_hub_send_broadcast (covey_hub_t *self, const uint8_t *topic,
                          size_t topic_size, const covey_buf_t *frame,
                          const covey_buf_t *items)
{
    sim_mesh_node_t *node = ((sim_socket_t *)self->pub)->node;
    size_t size = topic_size + frame->size + (items ? items->size : 0);
    for (size_t i = 0; i < node->mesh->config.nodes; i++) {
        const sim_mesh_hearing_t *hearing =
            &node->mesh->nodes[i].hears[node->index];
        if (!hearing->seen || !s_matches (hearing->topics, topic, topic_size))
            continue;
        sim_mesh_message_t *message = covey_mem_new (sizeof *message + size);
        message->socket = SIM_MESH_TO_SUB;
        message->connection = hearing->seen;
        message->size = size;
        memcpy (message->data, topic, topic_size);
        memcpy (message->data + topic_size, frame->data, frame->size);
        if (items && items->size)
            memcpy (message->data + topic_size + frame->size, items->data,
                    items->size);
        s_send (node, i, &node->mesh->config.cast, message);
    }
}

/* ------------------------------------------------------------------------ */
/*  What arrives                                                             */

static void
s_on_subscription (sim_mesh_node_t *pub, size_t sub,
                   const sim_mesh_message_t *message)
{
    sim_mesh_hearing_t *hearing = &pub->mesh->nodes[sub].hears[pub->index];
    if (message->connection != hearing->generation || !hearing->up)
        return;
    if (!hearing->topics) {
        hearing->topics = covey_mem_new (sizeof *hearing->topics);
        covey_table_init (hearing->topics);
    }
    if (hearing->seen != message->connection)
        s_drop_hearing (pub, hearing);
    hearing->seen = message->connection;
    s_change (pub, hearing, message->data[0], message->data + 1,
              message->size - 1);
}

void
sim_sockets_deliver (sim_mesh_node_t *node, size_t from,
                     const sim_mesh_message_t *message)
{
    covey_hub_t *hub = node->hub;
    const sim_mesh_hearing_t *hearing;
    switch (message->socket) {
        case SIM_MESH_TO_ROUTER:
            covey_hub_on_peer (hub, hub->router, message->route, 16,
                               message->data, message->size);
            break;
        case SIM_MESH_TO_DEALER:
            s_to_dealer (hub, message);
            break;
        case SIM_MESH_TO_XPUB:
            s_on_subscription (node, from, message);
            break;
        case SIM_MESH_TO_SUB:
            hearing = &node->hears[from];
            if (hearing->up && hearing->generation == message->connection &&
                s_matches (&node->interests, message->data, message->size))
                covey_hub_on_broadcast (hub, hub->sub, NULL, 0, message->data,
                                        message->size);
            break;
        case SIM_MESH_TO_SESSION:
        case SIM_MESH_TO_AGENT:
            covey_hub_on_session (hub, hub->local, message->route, 6,
                                  message->data, message->size);
    }
}
