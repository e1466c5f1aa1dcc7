/*  A node without its thread: its cores made and freed, and what one pass of
   the loop does between the sockets. Time comes in through now_ms and now_us,
   so that a simulation can run it. */
#include "node/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "proto/event.h"

#define WAIT_MAX_MS 50 /* timers are looked at at least this often         */
#define WAIT_HELD_MS 5 /* while publishes wait for room                    */
#define ROLES_MAX 400  /* bytes of all roles: gossip carries them          */
#define CAST_MAX (COVEY_FRAME_MAX + COVEY_FRAME_BATCH)

/* ------------------------------------------------------------------------ */
/*  One pass                                                                 */

int
covey_hub_wait_ms (const covey_hub_t *self)
{
    if (self->blocked)
        return COVEY_HUB_RETRY_MS;
    int64_t next_ms = covey_membership_next_ms (self->membership);
    next_ms = self->links_ms < next_ms ? self->links_ms : next_ms;
    int64_t wait_ms = next_ms - self->now_ms;
    for (size_t i = 0; i < covey_session_table_count (self->table); i++)
        if (covey_host_held (covey_session_table_at (self->table, i)))
            wait_ms = wait_ms < WAIT_HELD_MS ? wait_ms : WAIT_HELD_MS;
    if (wait_ms > WAIT_MAX_MS)
        return WAIT_MAX_MS;
    return wait_ms < 0 ? 0 : (int)wait_ms;
}

void
covey_hub_tick (covey_hub_t *self)
{
    if (self->now_ms - self->tick_ms < COVEY_HUB_TICK_MS &&
        self->now_ms < covey_membership_next_ms (self->membership))
        return;
    int64_t late_ms = self->now_ms - self->tick_ms;
    self->tick_ms = self->now_ms;
    if (late_ms >= COVEY_HUB_STALL_MS) {
        /* Stopped, or the machine slept: what was silent was this node. */
        self->counters.stalls++;
        covey_session_table_excuse (self->table, late_ms, self->now_ms);
    }
    covey_hub_tick_beacon (self);
    covey_hub_tick_peers (self);
    covey_hub_tick_addressbook (self);
    covey_herald_tick (self->herald, self->now_ms);
    covey_hub_tick_sessions (self);
    covey_hub_tick_agents (self);
    covey_hub_tick_casts (self);
    covey_hub_tick_service (self);
    covey_hub_tick_requests (self);
    covey_hub_tick_groups (self);
}

/*  Once per pass, so that what came in together goes out together.          */
void
covey_hub_flush (covey_hub_t *self)
{
    covey_hub_retry_held (self);
    if (self->view_due)
        covey_hub_send_view (self);
    covey_hub_flush_outbox (self);
    covey_hub_answer_waiters (self);
    covey_hub_flush_casts (self);
    covey_hub_flush_sessions (self);
    covey_hub_flush_peers (self);
    covey_hub_share (self);
}

/* ------------------------------------------------------------------------ */
/*  Making and freeing                                                       */

void
covey_node_config_init (covey_node_config_t *self)
{
    *self = (covey_node_config_t){
        .name = "node",
        .mesh = "covey",
        .host = "127.0.0.1",
        .heartbeat_ms = 500,
        .probe_ms = 1000,
        .probe_timeout_ms = 500,
        .suspicion_mult = 3,
        .gossip_ms = 200,
        .sync_ms = 30000,
        .persist_all = true,
        .outbox_events_max = 262144,
        .outbox_bytes_max = 256u << 20,
        .link_events_max = 65536,
        .link_bytes_max = 64u << 20,
        .session_events_max = 65536,
        .session_bytes_max = 64u << 20,
        .sessions_max = 4096,
        .stall_ms = 30000,
        .grace_max_ms = 600000,
        .peers_max = 256,
        .replay_events_max = 65536,
        .replay_bytes_max = 64u << 20,
    };
}

static const char *const *
s_dup_texts (const char *const *from, size_t count)
{
    char **copy = covey_mem_new (count * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = covey_str_dup (from[i]);
    return (const char *const *)copy;
}

static void
s_free_texts (const char *const *texts, size_t count)
{
    for (size_t i = 0; texts && i < count; i++)
        free ((char *)texts[i]);
    free ((char **)texts);
}

static void
s_copy_config (covey_node_config_t *to, const covey_node_config_t *from)
{
    *to = *from;
    to->name = covey_str_dup (from->name);
    to->mesh = covey_str_dup (from->mesh);
    to->host = covey_str_dup (from->host);
    to->known_path = covey_str_dup (from->known_path);
    to->advertise = covey_str_dup (from->advertise);
    to->sessions = s_dup_texts (from->sessions, from->session_count);
    to->joins = s_dup_texts (from->joins, from->join_count);
    to->roles = s_dup_texts (from->roles, from->role_count);
    to->persist_types = NULL;
    if (from->persist_type_count)
        to->persist_types = covey_mem_dup (
            from->persist_types, from->persist_type_count * sizeof (int));
    to->interfaces = NULL;
    if (from->interface_count)
        to->interfaces = covey_mem_dup (
            from->interfaces, from->interface_count * sizeof *from->interfaces);
}

static void
s_free_config (covey_node_config_t *self)
{
    free ((char *)self->name);
    free ((char *)self->mesh);
    free ((char *)self->host);
    free ((char *)self->advertise);
    s_free_texts (self->sessions, self->session_count);
    s_free_texts (self->joins, self->join_count);
    s_free_texts (self->roles, self->role_count);
    free ((int *)self->persist_types);
    free ((covey_interface_t *)self->interfaces);
    free ((char *)self->known_path);
}

void
covey_hub_open_cores (covey_hub_t *self)
{
    const covey_node_config_t *config = &self->config;
    covey_session_table_config_t table = {
        .host = {.events_max = config->session_events_max,
                 .bytes_max = config->session_bytes_max},
        .sessions_max = config->sessions_max,
        .mesh = config->mesh,
        .grace_ms = COVEY_HUB_GRACE_MS < config->grace_max_ms
                        ? COVEY_HUB_GRACE_MS
                        : config->grace_max_ms,
        .grace_min_ms = COVEY_HUB_GRACE_MIN_MS,
        .grace_max_ms = config->grace_max_ms};
    covey_outbox_callbacks_t callbacks = {.arg = self,
                                          .stored = covey_hub_stored};
    self->directory = covey_directory_new ();
    self->departed = covey_departed_new ();
    self->table = covey_session_table_new (&table);
    self->outbox = covey_outbox_new (config->outbox_events_max,
                                     config->outbox_bytes_max, &callbacks);
    self->replay =
        covey_replay_new (config->replay_events_max, config->replay_bytes_max);
    self->scopes = covey_scope_new ();
    self->requests = covey_requests_new ();
    self->recent = covey_recent_new ();
    self->doubts = covey_recent_new ();
    self->groups = covey_workgroups_new (covey_prng_next (&self->prng));
    self->subscriptions = covey_subscriptions_new (covey_hub_need_topic, self);
    covey_hub_open_membership (self);
    /* What agents get without subscribing, and what the node itself learns. */
    const int types[] = {COVEY_EVENT_BROADCAST, COVEY_EVENT_SWARM_FORMED,
                         COVEY_EVENT_SWARM_JOINED, COVEY_EVENT_SWARM_LEFT,
                         COVEY_EVENT_SWARM_DISBANDED};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        covey_hub_need_topic (self, 'E', types[i], true);
    covey_hub_open_herald (self);
}

covey_hub_t *
covey_hub_new (const covey_node_config_t *config, uint64_t seed, int64_t now_ms,
               int64_t now_us)
{
    covey_hub_t *self = covey_mem_new (sizeof *self);
    s_copy_config (&self->config, config);
    self->now_ms = now_ms;
    self->tick_ms = now_ms;
    self->now_us = now_us;
    self->epoch = (uint64_t)self->now_us / 1000;
    covey_id_text (config->node_id.bytes, self->id_text);
    snprintf (self->source, sizeof self->source, "node:%s", self->id_text);
    self->list_ms = INT64_MAX;
    covey_prng_init (&self->prng, seed);
    covey_idgen_init (&self->idgen, covey_prng_next (&self->prng));
    covey_id_t incarnation = covey_idgen_next (&self->idgen, now_us);
    memcpy (self->incarnation, incarnation.bytes, 16);
    covey_hlc_init (&self->hlc, COVEY_HLC_MAX_SKEW_MS);
    covey_table_init (&self->routes);
    covey_table_init (&self->topics);
    covey_table_init (&self->hearers);
    covey_fifo_init (&self->waiters, sizeof (covey_hub_waiter_t));
    covey_buf_init (&self->frame, CAST_MAX);
    covey_buf_init (&self->tail, COVEY_ORIGIN_SIZE_MAX + COVEY_TARGET_SIZE_MAX);
    covey_buf_init (&self->cast, CAST_MAX);
    pthread_mutex_init (&self->shared.mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init (&attributes);
    pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
    pthread_cond_init (&self->shared.changed, &attributes);
    pthread_condattr_destroy (&attributes);
    self->shared.nodes = 1;
    self->poll_fd = -1;
    self->leave_fd = -1;
    return self;
}

void
covey_hub_destroy (covey_hub_t **self_p)
{
    covey_hub_t *self = *self_p;
    *self_p = NULL;
    covey_hub_close_addressbook (self);
    covey_event_destroy (&self->drain_asked);
    covey_membership_destroy (&self->membership);
    covey_subscriptions_destroy (&self->subscriptions);
    covey_session_table_destroy (&self->table);
    covey_directory_destroy (&self->directory);
    covey_departed_destroy (&self->departed);
    covey_outbox_destroy (&self->outbox);
    covey_replay_destroy (&self->replay);
    covey_scope_destroy (&self->scopes);
    covey_requests_destroy (&self->requests);
    covey_recent_destroy (&self->recent);
    covey_recent_destroy (&self->doubts);
    covey_workgroups_destroy (&self->groups);
    covey_herald_destroy (&self->herald);
    covey_hub_close_sockets (self);
    covey_hub_close_casts (self);
    covey_table_deinit (&self->routes);
    covey_fifo_deinit (&self->waiters);
    covey_buf_deinit (&self->frame);
    covey_buf_deinit (&self->tail);
    covey_buf_deinit (&self->cast);
    free (self->touched);
    pthread_cond_destroy (&self->shared.changed);
    pthread_mutex_destroy (&self->shared.mutex);
    s_free_config (&self->config);
    free (self);
}

covey_err_t
covey_hub_check_config (const covey_node_config_t *config, covey_errbuf_t *err)
{
    if (!config->name || !config->mesh || !config->host)
        return covey_fail (err, COVEY_INVALID,
                           "a node needs a name, a mesh and a host");
    if (config->heartbeat_ms <= 0 || config->probe_timeout_ms <= 0 ||
        config->probe_ms <= config->probe_timeout_ms ||
        config->suspicion_mult <= 0 || config->gossip_ms <= 0 ||
        config->sync_ms <= 0)
        return covey_fail (err, COVEY_INVALID,
                           "the times of a node must be above 0, and its probe "
                           "timeout of %d ms below its probe interval of %d ms",
                           config->probe_timeout_ms, config->probe_ms);
    size_t roles = 0;
    for (size_t i = 0; i < config->role_count; i++)
        roles += strlen (config->roles[i]) + 3;
    if (roles > ROLES_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "the roles of a node take %zu bytes, at most %d are "
                           "possible: choose fewer or shorter ones",
                           roles, ROLES_MAX);
    if (!config->outbox_events_max || !config->outbox_bytes_max ||
        !config->link_events_max || !config->link_bytes_max ||
        !config->session_events_max || !config->session_bytes_max ||
        !config->sessions_max || !config->peers_max ||
        !config->replay_events_max || !config->replay_bytes_max)
        return covey_fail (err, COVEY_INVALID,
                           "the limits of a node must be above 0");
    return COVEY_OK;
}
