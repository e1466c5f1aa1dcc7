#include "tests/support/sim_mesh.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/event.h"

#define START_US INT64_C (1700000000000000) /* wall clock                  */
#define PASS_US 50    /* what comes in meanwhile goes out together          */
#define REOPEN_MS 250 /* as api/ does                                       */
#define LOOK_US (100 * SIM_MS)

/* ------------------------------------------------------------------------ */
/*  Trace                                                                    */

void
sim_mesh_note (sim_mesh_t *self, const char *what, uint64_t a, uint64_t b,
               uint64_t c)
{
    self->trace[self->trace_count++ % SIM_MESH_TRACE] =
        (sim_mesh_trace_t){.at_us = sim_net_now_us (self->net),
                           .what = what,
                           .a = a,
                           .b = b,
                           .c = c};
}

void
sim_mesh_print_trace (const sim_mesh_t *self)
{
    uint64_t from = self->trace_count > SIM_MESH_TRACE
                        ? self->trace_count - SIM_MESH_TRACE
                        : 0;
    for (uint64_t i = from; i < self->trace_count; i++) {
        const sim_mesh_trace_t *line = &self->trace[i % SIM_MESH_TRACE];
        printf ("  %10.6f %s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                (double)line->at_us / SIM_SECOND, line->what, line->a, line->b,
                line->c);
    }
    printf ("COVEY_SEED=%" PRIu64 " repeats it\n", self->seed);
    fflush (stdout);
}

/* ------------------------------------------------------------------------ */
/*  Nodes                                                                    */

static int64_t
s_ms (int64_t us)
{
    return SIM_MESH_START_MS + us / SIM_MS;
}

static void
s_set_clock (covey_hub_t *hub, int64_t us)
{
    hub->now_ms = s_ms (us);
    hub->now_us = START_US + us;
}

static void
s_start_node (sim_mesh_node_t *node)
{
    sim_mesh_t *mesh = node->mesh;
    int64_t us = sim_net_now_us (mesh->net);
    char name[16], addresses[SIM_MESH_NODES_MAX][32];
    const char *joins[SIM_MESH_NODES_MAX];
    covey_node_config_t config;
    covey_node_config_init (&config);
    snprintf (name, sizeof name, "n%zu", node->index);
    config.name = name;
    config.mesh = "sim";
    config.node_id.bytes[0] = 1;
    config.node_id.bytes[15] = (uint8_t)(node->index + 1);
    for (size_t i = 0; i < mesh->config.nodes; i++)
        if (i != node->index) {
            snprintf (addresses[i], sizeof addresses[i], "10.0.0.%zu:1", i);
            joins[config.join_count++] = addresses[i];
        }
    config.joins = joins;
    if (mesh->config.link_events)
        config.link_events_max = mesh->config.link_events;
    if (mesh->config.replay_events)
        config.replay_events_max = mesh->config.replay_events;
    uint64_t seed = covey_prng_next (&mesh->prng);
    node->lives++;
    node->cast_next = 1;
    node->hub = covey_hub_new (&config, seed, s_ms (us), START_US + us);
    sim_sockets_open (node);
    covey_hub_open_cores (node->hub);
    sim_net_set_timer (mesh->net, node->index, us);
}

/*  The numbers that broadcasts got.                                         */
static void
s_watch_casts (sim_mesh_node_t *node)
{
    const sim_mesh_watch_t *watch = &node->mesh->watch;
    uint32_t code = COVEY_TOPIC_CODE ('E', SIM_MESH_TYPE);
    uint64_t next = covey_replay_next (node->hub->replay, code);
    for (; node->cast_next < next; node->cast_next++) {
        const covey_parcel_t *parcel =
            covey_replay_get (node->hub->replay, code, node->cast_next);
        if (parcel && watch->cast)
            watch->cast (watch->arg, node->index, node->cast_next,
                         parcel->view.id);
    }
}

static void
s_step_node (sim_mesh_node_t *node, int64_t now_us)
{
    covey_hub_t *hub = node->hub;
    s_set_clock (hub, now_us);
    sim_sockets_reconnect (node);
    hub->blocked = false;
    covey_hub_tick (hub);
    covey_hub_flush (hub);
    s_watch_casts (node);
    int wait_ms = covey_hub_wait_ms (hub);
    sim_net_set_timer (node->mesh->net, node->index,
                       now_us + (wait_ms ? wait_ms : 1) * SIM_MS);
}

/* ------------------------------------------------------------------------ */
/*  Agents                                                                   */

static void
s_set_agent_timer (sim_mesh_agent_t *agent, int64_t at_us)
{
    sim_net_set_timer (agent->mesh->net,
                       agent->mesh->config.nodes + agent->index, at_us);
}

static void
s_on_send (void *arg, const covey_buf_t *frame)
{
    sim_mesh_agent_t *agent = arg;
    sim_mesh_t *mesh = agent->mesh;
    if (!mesh->nodes[agent->node].hub)
        return;
    sim_mesh_message_t *message =
        sim_sockets_message (SIM_MESH_TO_SESSION, frame->data, frame->size);
    message->route[0] = 'A';
    message->route[1] = (uint8_t)agent->index;
    memcpy (message->route + 2, &agent->connection, sizeof agent->connection);
    message->connection = agent->connection;
    sim_link_t link = mesh->config.session;
    if (mesh->calm)
        link.loss = 0;
    sim_net_send_by (mesh->net, &link, mesh->config.nodes + agent->index,
                     agent->node, message);
}

static void
s_on_opened (void *arg, const Covey__Wire__Welcome *welcome)
{
    sim_mesh_agent_t *agent = arg;
    agent->open_us = INT64_MAX;
    sim_mesh_note (agent->mesh, "session opens: agent, known", agent->index,
                   welcome->has_publish_seq ? 1 : 0, welcome->publish_seq);
    if (welcome->instance != agent->instance && agent->mesh->watch.session_lost)
        agent->mesh->watch.session_lost (agent->mesh->watch.arg, agent->index);
    agent->instance = welcome->instance;
}

static void
s_on_closed (void *arg, covey_err_t code, const char *text, bool final)
{
    (void)text;
    sim_mesh_agent_t *agent = arg;
    sim_mesh_note (agent->mesh, "session closes: agent, code, final",
                   agent->index, (uint64_t)-code, final);
    agent->open_us =
        sim_net_now_us (agent->mesh->net) + REOPEN_MS * (int64_t)SIM_MS;
}

static void
s_on_event (void *arg, const void *data, size_t size, const uint32_t *handles,
            size_t handle_count)
{
    sim_mesh_agent_t *agent = arg;
    sim_mesh_t *mesh = agent->mesh;
    covey_peek_t view;
    assert (covey_peek (data, size, &view) == COVEY_OK && view.id);
    if (agent->persister)
        sim_store_on_request (agent, data, size);
    else if (covey_seen_add (&agent->seen, view.id) && mesh->watch.delivered)
        mesh->watch.delivered (mesh->watch.arg, agent->index, &view,
                               handle_count > 0 && handles[0] > 0);
    covey_session_done (agent->session);
}

static void
s_on_refused (void *arg, uint64_t ticket, covey_err_t code, const char *text)
{
    (void)text;
    sim_mesh_agent_t *agent = arg;
    if (agent->mesh->watch.refused)
        agent->mesh->watch.refused (agent->mesh->watch.arg, agent->index,
                                    ticket, code);
}

static void
s_on_reached (void *arg, uint64_t ticket, covey_level_t level, int64_t offset)
{
    (void)offset;
    sim_mesh_agent_t *agent = arg;
    const sim_mesh_watch_t *watch = &agent->mesh->watch;
    if (level == COVEY_LEVEL_ACCEPTED && watch->accepted)
        watch->accepted (watch->arg, agent->index, ticket);
    else if (level == COVEY_LEVEL_STORED && watch->stored)
        watch->stored (watch->arg, agent->index, ticket);
}

static void
s_on_subscribed (void *arg, uint32_t handle, covey_err_t code, const char *text)
{
    (void)text;
    sim_mesh_agent_t *agent = arg;
    sim_mesh_note (agent->mesh, "subscribed: agent, handle, code", agent->index,
                   handle, (uint64_t)-code);
    if (agent->mesh->watch.subscribed)
        agent->mesh->watch.subscribed (agent->mesh->watch.arg, agent->index,
                                       code);
}

static void
s_on_undelivered (void *arg, const Covey__Wire__Undelivered *notice)
{
    sim_mesh_agent_t *agent = arg;
    if (agent->mesh->watch.undelivered)
        agent->mesh->watch.undelivered (agent->mesh->watch.arg, agent->index,
                                        notice);
}

static void
s_on_gap (void *arg, const Covey__Wire__Gap *gap)
{
    sim_mesh_agent_t *agent = arg;
    sim_mesh_note (agent->mesh, "gap: agent, first, last", agent->index,
                   gap->first, gap->last);
    if (agent->mesh->watch.gap)
        agent->mesh->watch.gap (agent->mesh->watch.arg, agent->index, gap);
}

static void
s_on_service (void *arg, const covey_frame_t *frame)
{
    sim_mesh_agent_t *agent = arg;
    if (agent->persister)
        sim_store_on_frame (agent, frame);
}

static void
s_start_agent (sim_mesh_t *mesh, size_t index, bool persister)
{
    sim_mesh_agent_t *agent = &mesh->agents[index];
    agent->mesh = mesh;
    agent->index = index;
    agent->node = persister ? 0 : index % mesh->config.nodes;
    agent->persister = persister;
    agent->connection = 1;
    covey_seen_init (&agent->seen);
    snprintf (agent->id, sizeof agent->id, "a%zu", index);
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    if (persister) {
        snprintf (agent->id, sizeof agent->id, "%s", COVEY_SERVICE_PERSISTER);
        hello.service = agent->id;
        sim_store_open (agent);
    }
    hello.agent_id = agent->id;
    uint8_t session_id[16] = {0x5e, (uint8_t)index, 1};
    covey_session_callbacks_t callbacks = {.arg = agent,
                                           .send = s_on_send,
                                           .opened = s_on_opened,
                                           .closed = s_on_closed,
                                           .event = s_on_event,
                                           .refused = s_on_refused,
                                           .reached = s_on_reached,
                                           .subscribed = s_on_subscribed,
                                           .undelivered = s_on_undelivered,
                                           .gap = s_on_gap,
                                           .service = s_on_service};
    agent->session = covey_session_new (&hello, session_id, &callbacks);
    agent->open_us = 0;
    s_set_agent_timer (agent, 0);
}

static void
s_step_agent (sim_mesh_agent_t *agent, int64_t now_us)
{
    int64_t now_ms = s_ms (now_us);
    if (covey_session_state (agent->session) == COVEY_SESSION_CLOSED &&
        now_us >= agent->open_us)
        covey_session_open (agent->session, now_ms);
    covey_session_tick (agent->session, now_ms);
    covey_session_flush (agent->session, now_ms);
    int64_t next_ms = covey_session_next_ms (agent->session);
    int64_t next_us = next_ms == INT64_MAX
                          ? INT64_MAX
                          : (next_ms - SIM_MESH_START_MS) * SIM_MS;
    if (covey_session_state (agent->session) == COVEY_SESSION_CLOSED)
        next_us = agent->open_us;
    if (next_us != INT64_MAX && next_us <= now_us)
        next_us = now_us + SIM_MS;
    s_set_agent_timer (agent, next_us);
}

/* ------------------------------------------------------------------------ */
/*  The net                                                                  */

static void
s_on_deliver (void *arg, size_t to, size_t from, const void *data,
              int64_t now_us)
{
    sim_mesh_t *self = arg;
    const sim_mesh_message_t *message = data;
    if (to < self->config.nodes) {
        sim_mesh_node_t *node = &self->nodes[to];
        s_set_clock (node->hub, now_us);
        if (message->socket == SIM_MESH_TO_SESSION &&
            self->agents[message->route[1]].connection != message->connection)
            return;
        sim_sockets_deliver (node, from, message);
        s_watch_casts (node);
        sim_net_set_timer (self->net, to, now_us + PASS_US);
        return;
    }
    sim_mesh_agent_t *agent = &self->agents[to - self->config.nodes];
    if (message->connection != agent->connection)
        return;
    (void)covey_session_receive (agent->session, message->data, message->size,
                                 s_ms (now_us));
    s_set_agent_timer (agent, now_us + PASS_US);
}

static void
s_on_timer (void *arg, size_t index, int64_t now_us)
{
    sim_mesh_t *self = arg;
    if (index < self->config.nodes)
        s_step_node (&self->nodes[index], now_us);
    else
        s_step_agent (&self->agents[index - self->config.nodes], now_us);
}

static void
s_on_release (void *arg, void *message)
{
    (void)arg;
    free (message);
}

sim_mesh_t *
sim_mesh_new (const sim_mesh_config_t *config, uint64_t seed,
              const sim_mesh_watch_t *watch)
{
    assert (config->nodes <= SIM_MESH_NODES_MAX);
    assert (config->agents <= SIM_MESH_AGENTS_MAX);
    sim_mesh_t *self = covey_mem_new (sizeof *self);
    self->config = *config;
    self->config.cast.ordered = self->config.session.ordered = true;
    if (watch)
        self->watch = *watch;
    self->seed = seed;
    self->agent_count = config->agents + config->persister;
    sim_callbacks_t callbacks = {.arg = self,
                                 .deliver = s_on_deliver,
                                 .timer = s_on_timer,
                                 .release = s_on_release};
    covey_prng_init (&self->prng, seed);
    self->net = sim_net_new (config->nodes + self->agent_count,
                             covey_prng_next (&self->prng), &callbacks);
    sim_sockets_use (self);
    for (size_t i = 0; i < config->nodes; i++) {
        self->nodes[i].mesh = self;
        self->nodes[i].index = i;
        covey_table_init (&self->nodes[i].interests);
    }
    for (size_t i = 0; i < config->nodes; i++)
        s_start_node (&self->nodes[i]);
    for (size_t i = 0; i < self->agent_count; i++)
        s_start_agent (self, i, i == config->agents);
    return self;
}

void
sim_mesh_destroy (sim_mesh_t **self_p)
{
    sim_mesh_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->config.nodes; i++)
        if (self->nodes[i].hub)
            covey_hub_destroy (&self->nodes[i].hub);
    for (size_t i = 0; i < self->config.nodes; i++)
        sim_sockets_break (&self->nodes[i]);
    for (size_t i = 0; i < self->config.nodes; i++) {
        for (size_t k = 0; k < self->config.nodes; k++) {
            if (self->nodes[i].hears[k].topics)
                covey_table_deinit (self->nodes[i].hears[k].topics);
            free (self->nodes[i].hears[k].topics);
        }
        covey_table_deinit (&self->nodes[i].interests);
    }
    for (size_t i = 0; i < self->agent_count; i++) {
        sim_store_close (&self->agents[i]);
        covey_session_destroy (&self->agents[i].session);
    }
    sim_net_destroy (&self->net);
    sim_sockets_use (NULL);
    free (self);
}

void
sim_mesh_run_for (sim_mesh_t *self, int64_t us)
{
    sim_net_run (self->net, sim_net_now_us (self->net) + us);
}

int64_t
sim_mesh_run_until (sim_mesh_t *self, bool (*is_so) (sim_mesh_t *),
                    int64_t timeout_us)
{
    int64_t start_us = sim_net_now_us (self->net);
    while (!is_so (self)) {
        if (sim_net_now_us (self->net) - start_us >= timeout_us)
            return -1;
        sim_mesh_run_for (self, LOOK_US);
    }
    return sim_net_now_us (self->net) - start_us;
}

/* ------------------------------------------------------------------------ */
/*  Faults                                                                   */

void
sim_mesh_crash (sim_mesh_t *self, size_t index)
{
    sim_mesh_node_t *node = &self->nodes[index];
    if (!node->hub || node->crash_count == SIM_MESH_CRASHES_MAX)
        return;
    sim_mesh_note (self, "crash: node, life", index, node->lives, 0);
    node->crashes_us[node->crash_count++] = sim_net_now_us (self->net);
    sim_net_crash (self->net, index);
    covey_hub_destroy (&node->hub);
    sim_sockets_break (node);
    for (size_t i = 0; i < self->agent_count; i++)
        if (self->agents[i].node == index)
            self->agents[i].connection++;
}

void
sim_mesh_restart (sim_mesh_t *self, size_t index)
{
    if (self->nodes[index].hub)
        return;
    sim_mesh_note (self, "restart: node", index, 0, 0);
    sim_net_restart (self->net, index);
    s_start_node (&self->nodes[index]);
}

void
sim_mesh_pause (sim_mesh_t *self, size_t node, int64_t for_us)
{
    sim_mesh_note (self, "pause: node, us", node, (uint64_t)for_us, 0);
    sim_net_pause (self->net, node, sim_net_now_us (self->net) + for_us);
}

void
sim_mesh_cut (sim_mesh_t *self, size_t from, size_t to, bool cut)
{
    sim_mesh_note (self, cut ? "cut: from, to" : "mend: from, to", from, to, 0);
    sim_net_cut (self->net, from, to, cut);
}

void
sim_mesh_reset (sim_mesh_t *self, size_t agent)
{
    sim_mesh_note (self, "reset: agent", agent, 0, 0);
    self->agents[agent].connection++;
}

void
sim_mesh_heal (sim_mesh_t *self)
{
    sim_mesh_note (self, "calm", 0, 0, 0);
    self->calm = true;
    for (size_t a = 0; a < self->config.nodes; a++)
        for (size_t b = 0; b < self->config.nodes; b++)
            sim_net_cut (self->net, a, b, false);
    for (size_t i = 0; i < self->config.nodes; i++)
        sim_mesh_restart (self, i);
}

/* ------------------------------------------------------------------------ */
/*  Agents act                                                               */

uint64_t
sim_mesh_publish (sim_mesh_t *self, size_t index, const char *target,
                  const uint8_t id[16], covey_priority_t priority,
                  covey_level_t level, uint32_t wait_ms)
{
    sim_mesh_agent_t *agent = &self->agents[index];
    covey_id_t event_id;
    memcpy (event_id.bytes, id, 16);
    covey_event_t *event = covey_event_make (
        SIM_MESH_TYPE, event_id, START_US + sim_net_now_us (self->net));
    covey_buf_t packed;
    covey_errbuf_t err;
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    covey_err_t code = covey_event_set_source (event, agent->id);
    if (!code && target)
        code = covey_event_add_target (event, target);
    if (!code)
        code = covey_event_set_priority (event, priority);
    if (!code)
        code = covey_event_set_str (event, "messageId", "m");
    if (!code)
        code = covey_event_set_payload (event, "content", COVEY_CONTENT_TEXT,
                                        "x", 1);
    if (!code)
        code = covey_event_pack (event, &packed, &err);
    assert (code == COVEY_OK);
    uint64_t ticket = 0;
    if (covey_session_publish (agent->session, packed.data, packed.size, level,
                               wait_ms, &ticket) != COVEY_OK)
        ticket = 0;
    covey_buf_deinit (&packed);
    covey_event_destroy (&event);
    s_set_agent_timer (agent, sim_net_now_us (self->net));
    return ticket;
}

void
sim_mesh_subscribe (sim_mesh_t *self, size_t agent)
{
    uint32_t types[] = {SIM_MESH_TYPE};
    Covey__Wire__Subscribe subscribe = COVEY__WIRE__SUBSCRIBE__INIT;
    subscribe.handle = 1;
    subscribe.types = types;
    subscribe.n_types = 1;
    (void)covey_session_subscribe (self->agents[agent].session, &subscribe);
}

/* ------------------------------------------------------------------------ */
/*  How things are                                                           */

bool
sim_mesh_is_complete (sim_mesh_t *self)
{
    for (size_t i = 0; i < self->config.nodes; i++) {
        const covey_hub_t *hub = self->nodes[i].hub;
        if (!hub ||
            covey_membership_in_state (hub->membership, COVEY_PEER_ALIVE) !=
                self->config.nodes - 1)
            return false;
        if (!covey_hub_is_synced (hub, hub->round))
            return false;
    }
    for (size_t i = 0; i < self->agent_count; i++)
        if (covey_session_state (self->agents[i].session) != COVEY_SESSION_OPEN)
            return false;
    return true;
}

static bool
s_is_quiet (const covey_hub_t *hub)
{
    for (size_t i = 0; i < covey_membership_count (hub->membership); i++) {
        const covey_peer_t *peer = covey_membership_at (hub->membership, i);
        const covey_hub_peer_t *shell = peer->shell;
        if (!shell || peer->state != COVEY_PEER_ALIVE)
            continue;
        if (!shell->link || covey_link_count (shell->link) ||
            shell->snapshot_due)
            return false;
        if (shell->intake && covey_intake_next_ms (shell->intake) != INT64_MAX)
            return false;
    }
    for (size_t i = 0; i < covey_session_table_count (hub->table); i++) {
        const covey_host_t *host = covey_session_table_at (hub->table, i);
        if (covey_host_queued (host) || covey_host_held (host))
            return false;
    }
    return !hub->has_persister || !covey_outbox_count (hub->outbox);
}

bool
sim_mesh_is_settled (sim_mesh_t *self)
{
    if (!sim_mesh_is_complete (self))
        return false;
    for (size_t i = 0; i < self->config.nodes; i++)
        if (!s_is_quiet (self->nodes[i].hub))
            return false;
    for (size_t i = 0; i < self->agent_count; i++)
        if (covey_session_unanswered (self->agents[i].session))
            return false;
    return true;
}

void
sim_mesh_note_unrest (sim_mesh_t *self)
{
    for (size_t i = 0; i < self->config.nodes; i++) {
        const covey_hub_t *hub = self->nodes[i].hub;
        sim_mesh_note (
            self, "rest: node, alive, synced", i,
            covey_membership_in_state (hub->membership, COVEY_PEER_ALIVE),
            covey_hub_is_synced (hub, hub->round));
        sim_mesh_note (self, "rest: node, persister, outbox", i,
                       hub->has_persister, covey_outbox_count (hub->outbox));
        for (size_t k = 0; k < covey_membership_count (hub->membership); k++) {
            const covey_hub_peer_t *peer =
                covey_membership_at (hub->membership, k)->shell;
            if (!peer || !peer->link)
                continue;
            sim_mesh_note (self, "rest: node, peer state, link", i,
                           (uint64_t)peer->peer->state,
                           covey_link_count (peer->link));
            if (peer->intake)
                sim_mesh_note (self, "rest: node, intake due ms", i,
                               (uint64_t)covey_intake_next_ms (peer->intake),
                               0);
        }
        for (size_t k = 0; k < covey_session_table_count (hub->table); k++) {
            const covey_host_t *host = covey_session_table_at (hub->table, k);
            sim_mesh_note (self, "rest: node, queued, held", i,
                           covey_host_queued (host),
                           covey_host_held (host) != NULL);
        }
    }
    for (size_t i = 0; i < self->agent_count; i++)
        sim_mesh_note (self, "rest: agent, state, unanswered", i,
                       (uint64_t)covey_session_state (self->agents[i].session),
                       covey_session_unanswered (self->agents[i].session));
}

typedef struct {
    sim_mesh_t *mesh;
    const covey_directory_t *other;
    size_t node;
    size_t count;
    bool differs;
} sim_compare_t;

static void
s_compare (void *arg, const covey_directory_entry_t *entry)
{
    sim_compare_t *compare = arg;
    const covey_directory_entry_t *other =
        *entry->service ? covey_directory_service_on (
                              compare->other, entry->service, entry->node_id)
                        : covey_directory_find (compare->other, entry->id,
                                                strlen (entry->id));
    compare->count++;
    if (other && memcmp (other->node_id, entry->node_id, 16) == 0 &&
        memcmp (other->session_id, entry->session_id, 16) == 0 &&
        other->attached_us == entry->attached_us &&
        other->state == entry->state && other->since_us == entry->since_us)
        return;
    compare->differs = true;
    sim_mesh_note (compare->mesh,
                   other ? "directories differ: node, last of id"
                         : "entry is missing: node, last of id",
                   compare->node, (uint64_t)entry->id[strlen (entry->id) - 1],
                   0);
}

bool
sim_mesh_is_agreed (sim_mesh_t *self)
{
    size_t counts[SIM_MESH_NODES_MAX];
    for (size_t a = 0; a < self->config.nodes; a++)
        for (size_t b = 0; b < self->config.nodes; b++) {
            if (!self->nodes[a].hub || !self->nodes[b].hub)
                return false;
            sim_compare_t compare = {.mesh = self,
                                     .node = b,
                                     .other = self->nodes[b].hub->directory};
            covey_directory_each (self->nodes[a].hub->directory, s_compare,
                                  &compare);
            counts[a] = compare.count;
            if (compare.differs)
                return false;
        }
    for (size_t a = 0; a < self->config.nodes; a++)
        if (counts[a] != self->agent_count)
            return false;
    return true;
}
