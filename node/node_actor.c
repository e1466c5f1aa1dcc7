#include "node/hub.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <czmq.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "proto/event.h"

#define WAIT_MAX_MS 50 /* timers are looked at at least this often         */
#define WAIT_HELD_MS 5 /* while publishes wait for room                    */
#define CAST_MAX (COVEY_FRAME_MAX + COVEY_FRAME_BATCH)

struct covey_node_actor {
    covey_hub_t *hub;
    zactor_t *actor;
};

void
covey_node_config_init (covey_node_config_t *self)
{
    *self = (covey_node_config_t){
        .name = "node",
        .mesh = "covey",
        .host = "127.0.0.1",
        .heartbeat_ms = 500,
        .suspect_ms = 2000,
        .fail_ms = 5000,
        .outbox_events_max = 262144,
        .outbox_bytes_max = 256u << 20,
        .link_events_max = 65536,
        .link_bytes_max = 64u << 20,
        .session_events_max = 65536,
        .session_bytes_max = 64u << 20,
        .sessions_max = 4096,
        .peers_max = 256,
        .replay_events_max = 65536,
        .replay_bytes_max = 64u << 20,
    };
}

/* ------------------------------------------------------------------------ */
/*  The thread                                                               */

static void
s_read_clock (covey_hub_t *self)
{
    self->now_ms = covey_clock_mono_ms ();
    self->now_us = covey_clock_wall_us ();
}

static int
s_wait_ms (const covey_hub_t *self)
{
    if (self->busy)
        return 0;
    if (self->blocked)
        return COVEY_HUB_RETRY_MS;
    int64_t wait_ms =
        covey_membership_next_ms (self->membership) - self->now_ms;
    for (size_t i = 0; i < covey_session_table_count (self->table); i++)
        if (covey_host_held (covey_session_table_at (self->table, i)))
            wait_ms = wait_ms < WAIT_HELD_MS ? wait_ms : WAIT_HELD_MS;
    if (wait_ms > WAIT_MAX_MS)
        return WAIT_MAX_MS;
    return wait_ms < 0 ? 0 : (int)wait_ms;
}

static void
s_on_command (covey_hub_t *self)
{
    char *command = zstr_recv (self->pipe);
    if (!command)
        return;
    if (strcmp (command, "$TERM") == 0)
        self->ended = true;
    else if (strncmp (command, "STOP ", 5) == 0) {
        int64_t timeout_ms = 0;
        if (!covey_str_to_int (command + 5, 0, INT32_MAX, &timeout_ms))
            timeout_ms = 0;
        self->stopping = true;
        self->stop_ms = self->now_ms + timeout_ms;
    }
    zstr_free (&command);
}

static void
s_poll (covey_hub_t *self)
{
    enum { PIPE, LOCAL, SESSIONS, ROUTER, SUB, PUB, COUNT };
    zmq_pollitem_t items[COUNT] = {
        [PIPE] = {.socket = zsock_resolve (self->pipe), .events = ZMQ_POLLIN},
        [LOCAL] = {.socket = self->local, .events = ZMQ_POLLIN},
        [SESSIONS] = {.socket = self->sessions, .events = ZMQ_POLLIN},
        [ROUTER] = {.socket = self->router, .events = ZMQ_POLLIN},
        [SUB] = {.socket = self->sub, .events = ZMQ_POLLIN},
        [PUB] = {.socket = self->pub, .events = ZMQ_POLLIN},
    };
    if (!self->sessions) /* none: an item that never fires                    */
        items[SESSIONS].fd = -1;
    int wait_ms = s_wait_ms (self);
    int rc = zmq_poll (items, COUNT, wait_ms);
    s_read_clock (self);
    self->busy = self->blocked = false;
    if (rc < 0) {
        self->ended = errno == ETERM;
        return;
    }
    if (items[PIPE].revents & ZMQ_POLLIN)
        s_on_command (self);
    if (items[PUB].revents & ZMQ_POLLIN)
        self->busy |=
            covey_hub_drain (self, self->pub, false, covey_hub_on_interest);
    if (items[ROUTER].revents & ZMQ_POLLIN)
        self->busy |=
            covey_hub_drain (self, self->router, true, covey_hub_on_peer);
    if (items[SUB].revents & ZMQ_POLLIN)
        self->busy |=
            covey_hub_drain (self, self->sub, false, covey_hub_on_broadcast);
    if (items[LOCAL].revents & ZMQ_POLLIN)
        self->busy |=
            covey_hub_drain (self, self->local, true, covey_hub_on_session);
    if (self->sessions && (items[SESSIONS].revents & ZMQ_POLLIN))
        self->busy |=
            covey_hub_drain (self, self->sessions, true, covey_hub_on_session);
}

static void
s_tick (covey_hub_t *self)
{
    if (self->now_ms - self->tick_ms < COVEY_HUB_TICK_MS &&
        self->now_ms < covey_membership_next_ms (self->membership))
        return;
    self->tick_ms = self->now_ms;
    covey_hub_tick_peers (self);
    covey_hub_tick_sessions (self);
    covey_hub_tick_casts (self);
    covey_hub_tick_service (self);
    covey_hub_tick_requests (self);
}

/*  Once per pass, so that what came in together goes out together.          */
static void
s_flush (covey_hub_t *self)
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

/*  Draining has come to its end, one way or the other.                      */
static void
s_finish (covey_hub_t *self)
{
    bool drained = covey_hub_is_drained (self);
    if (!drained && self->now_ms < self->stop_ms)
        return;
    covey_hub_end_sessions (self);
    covey_hub_say_goodbye (self, "stopped");
    zsock_signal (self->pipe, drained ? 0 : 1);
    while (!self->ended)
        s_on_command (self);
}

static void
s_run (zsock_t *pipe, void *arg)
{
    covey_hub_t *self = arg;
    self->pipe = pipe;
    s_read_clock (self);
    zsock_signal (pipe, 0);
    while (!self->ended) {
        s_poll (self);
        s_tick (self);
        s_flush (self);
        if (self->stopping && !self->ended)
            s_finish (self);
    }
    pthread_mutex_lock (&self->shared.mutex);
    self->shared.ended = true;
    pthread_cond_broadcast (&self->shared.changed);
    pthread_mutex_unlock (&self->shared.mutex);
}

/* ------------------------------------------------------------------------ */
/*  Making and freeing                                                       */

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
    to->advertise = covey_str_dup (from->advertise);
    to->sessions = s_dup_texts (from->sessions, from->session_count);
    to->joins = s_dup_texts (from->joins, from->join_count);
    to->roles = s_dup_texts (from->roles, from->role_count);
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
}

static void
s_open_cores (covey_hub_t *self)
{
    const covey_node_config_t *config = &self->config;
    covey_session_table_config_t table = {
        .host = {.events_max = config->session_events_max,
                 .bytes_max = config->session_bytes_max},
        .sessions_max = config->sessions_max,
        .mesh = config->mesh,
        .grace_ms = COVEY_HUB_GRACE_MS};
    covey_outbox_callbacks_t callbacks = {.arg = self,
                                          .stored = covey_hub_stored};
    self->directory = covey_directory_new ();
    self->table = covey_session_table_new (&table);
    self->outbox = covey_outbox_new (config->outbox_events_max,
                                     config->outbox_bytes_max, &callbacks);
    self->replay =
        covey_replay_new (config->replay_events_max, config->replay_bytes_max);
    self->scopes = covey_scope_new ();
    self->requests = covey_requests_new ();
    self->subscriptions = covey_subscriptions_new (covey_hub_need_topic, self);
    covey_hub_open_membership (self);
    /* What agents get without subscribing, and what the node itself learns. */
    const int types[] = {COVEY_EVENT_BROADCAST, COVEY_EVENT_SWARM_FORMED,
                         COVEY_EVENT_SWARM_JOINED, COVEY_EVENT_SWARM_LEFT,
                         COVEY_EVENT_SWARM_DISBANDED};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        covey_hub_need_topic (self, 'E', types[i], true);
}

static covey_hub_t *
s_new_hub (const covey_node_config_t *config)
{
    covey_hub_t *self = covey_mem_new (sizeof *self);
    s_copy_config (&self->config, config);
    s_read_clock (self);
    covey_id_t incarnation = covey_id_new ();
    memcpy (self->incarnation, incarnation.bytes, 16);
    self->epoch = (uint64_t)self->now_us / 1000;
    covey_id_text (config->node_id.bytes, self->id_text);
    snprintf (self->source, sizeof self->source, "node:%s", self->id_text);
    self->list_ms = INT64_MAX;
    covey_prng_init (&self->prng, covey_clock_seed ());
    covey_idgen_init (&self->idgen, covey_clock_seed ());
    covey_hlc_init (&self->hlc, COVEY_HLC_MAX_SKEW_MS);
    covey_table_init (&self->routes);
    covey_table_init (&self->topics);
    covey_table_init (&self->hearers);
    covey_fifo_init (&self->waiters, sizeof (covey_hub_waiter_t));
    covey_buf_init (&self->frame, CAST_MAX);
    covey_buf_init (&self->tail, COVEY_ORIGIN_SIZE_MAX);
    covey_buf_init (&self->cast, CAST_MAX);
    pthread_mutex_init (&self->shared.mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init (&attributes);
    pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
    pthread_cond_init (&self->shared.changed, &attributes);
    pthread_condattr_destroy (&attributes);
    self->shared.nodes = 1;
    return self;
}

static void
s_free_hub (covey_hub_t **self_p)
{
    covey_hub_t *self = *self_p;
    *self_p = NULL;
    covey_membership_destroy (&self->membership);
    covey_subscriptions_destroy (&self->subscriptions);
    covey_session_table_destroy (&self->table);
    covey_directory_destroy (&self->directory);
    covey_outbox_destroy (&self->outbox);
    covey_replay_destroy (&self->replay);
    covey_scope_destroy (&self->scopes);
    covey_requests_destroy (&self->requests);
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

static covey_err_t
s_check_config (const covey_node_config_t *config, covey_errbuf_t *err)
{
    if (!config->name || !config->mesh || !config->host)
        return covey_fail (err, COVEY_INVALID,
                           "a node needs a name, a mesh and a host");
    if (config->heartbeat_ms <= 0 ||
        config->suspect_ms < config->heartbeat_ms ||
        config->fail_ms < config->suspect_ms)
        return covey_fail (err, COVEY_INVALID,
                           "heartbeat %d ms, suspicion %d ms and failure %d ms "
                           "must be in this order, and above 0",
                           config->heartbeat_ms, config->suspect_ms,
                           config->fail_ms);
    if (!config->outbox_events_max || !config->outbox_bytes_max ||
        !config->link_events_max || !config->link_bytes_max ||
        !config->session_events_max || !config->session_bytes_max ||
        !config->sessions_max || !config->peers_max ||
        !config->replay_events_max || !config->replay_bytes_max)
        return covey_fail (err, COVEY_INVALID,
                           "the limits of a node must be above 0");
    return COVEY_OK;
}

covey_err_t
covey_node_actor_new (const covey_node_config_t *config,
                      covey_node_actor_t **actor_p, covey_errbuf_t *err)
{
    covey_err_t code = s_check_config (config, err);
    if (code)
        return code;
    zsys_handler_set (NULL); /* signals belong to the program                 */
    zsys_init ();
    covey_hub_t *hub = s_new_hub (config);
    code = covey_hub_open_sockets (hub, err);
    if (code) {
        s_free_hub (&hub);
        return code;
    }
    s_open_cores (hub);
    covey_node_actor_t *self = covey_mem_new (sizeof *self);
    self->hub = hub;
    sigset_t all, before; /* no signal is handled in this thread              */
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    self->actor = zactor_new (s_run, hub);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    if (!self->actor) {
        s_free_hub (&hub);
        free (self);
        return covey_fail (err, COVEY_IO, "cannot start a thread");
    }
    *actor_p = self;
    return COVEY_OK;
}

covey_err_t
covey_node_actor_stop (covey_node_actor_t *self, int timeout_ms)
{
    if (timeout_ms < 0)
        timeout_ms = 0;
    if (zstr_sendf (self->actor, "STOP %d", timeout_ms) != 0)
        return COVEY_STATE;
    zmq_pollitem_t item = {.socket = zsock_resolve (self->actor),
                           .events = ZMQ_POLLIN};
    /* The thread gives up in time by itself; this is for a thread that hangs.
     */
    if (zmq_poll (&item, 1, (long)timeout_ms + 2000) <= 0)
        return COVEY_TIMEOUT;
    return zsock_wait (self->actor) == 0 ? COVEY_OK : COVEY_TIMEOUT;
}

void
covey_node_actor_destroy (covey_node_actor_t **self_p)
{
    covey_node_actor_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    zactor_destroy (&self->actor);
    s_free_hub (&self->hub);
    free (self);
}

const char *
covey_node_actor_endpoint (const covey_node_actor_t *self)
{
    return self->hub->endpoint;
}

const char *
covey_node_actor_inproc (const covey_node_actor_t *self)
{
    return self->hub->inproc;
}

const char *
covey_node_actor_session (const covey_node_actor_t *self)
{
    return self->hub->session_endpoint;
}

/* ------------------------------------------------------------------------ */
/*  Waiting, from any thread                                                 */

static covey_err_t
s_wait_for (covey_hub_t *hub, const size_t *counter, size_t count,
            int timeout_ms, size_t *last_p)
{
    struct timespec until;
    clock_gettime (CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int rc = 0;
    pthread_mutex_lock (&hub->shared.mutex);
    while (*counter < count && !hub->shared.ended && rc == 0)
        rc = pthread_cond_timedwait (&hub->shared.changed, &hub->shared.mutex,
                                     &until);
    *last_p = *counter;
    bool ended = hub->shared.ended;
    pthread_mutex_unlock (&hub->shared.mutex);
    if (*last_p >= count)
        return COVEY_OK;
    return ended ? COVEY_CLOSED : COVEY_TIMEOUT;
}

covey_err_t
covey_node_actor_wait_nodes (covey_node_actor_t *self, size_t count,
                             int timeout_ms, covey_errbuf_t *err)
{
    size_t last;
    covey_err_t code = s_wait_for (self->hub, &self->hub->shared.nodes, count,
                                   timeout_ms, &last);
    if (code)
        return covey_fail (err, code,
                           "%zu of %zu nodes are alive and reachable both ways "
                           "after %d ms",
                           last, count, timeout_ms);
    return COVEY_OK;
}

covey_err_t
covey_node_actor_wait_agents (covey_node_actor_t *self, size_t count,
                              int timeout_ms, covey_errbuf_t *err)
{
    size_t last;
    covey_err_t code = s_wait_for (self->hub, &self->hub->shared.agents, count,
                                   timeout_ms, &last);
    if (code)
        return covey_fail (err, code,
                           "%zu of %zu agents can be reached after %d ms", last,
                           count, timeout_ms);
    return COVEY_OK;
}
