#include "node/hub.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <czmq.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

struct covey_node_actor {
    covey_hub_t *hub;
    zactor_t *actor;
};

/* ------------------------------------------------------------------------ */
/*  The thread                                                               */

static void
s_read_clock (covey_hub_t *self)
{
    self->now_ms = covey_clock_mono_ms ();
    self->now_us = covey_clock_wall_us ();
}

static void
s_on_command (covey_hub_t *self, void *socket, const uint8_t *route,
              size_t route_size, const uint8_t *data, size_t size)
{
    (void)socket;
    (void)route;
    (void)route_size;
    char command[32];
    (void)covey_slice_copy (
        (covey_slice_t){.text = (const char *)data, .size = size}, command,
        sizeof command); /* no command of ours is that long                   */
    int64_t timeout_ms = 0;
    if (strlen (command) > 5 &&
        !covey_str_to_int (command + 5, 0, INT32_MAX, &timeout_ms))
        timeout_ms = 0;
    if (strcmp (command, "$TERM") == 0)
        self->ended = true;
    else if (strncmp (command, "WANE ", 5) == 0)
        covey_hub_begin_drain (self, timeout_ms);
    else if (strncmp (command, "STOP ", 5) == 0) {
        self->stopping = true;
        self->stop_ms = self->now_ms + timeout_ms;
    }
}

/*  In this order: what confirms comes before what asks for more.            */
static void
s_watch (covey_hub_t *self)
{
    covey_hub_watch (self, zsock_resolve (self->pipe), false, s_on_command);
    covey_hub_watch (self, self->pub, false, covey_hub_on_interest);
    covey_hub_watch (self, self->router, true, covey_hub_on_peer);
    covey_hub_watch (self, self->sub, false, covey_hub_on_broadcast);
    covey_hub_watch (self, self->local, true, covey_hub_on_session);
    covey_hub_watch (self, self->sessions, true, covey_hub_on_session);
    if (self->beacon)
        covey_hub_watch_fd (self, self->beacon_fd, covey_hub_on_beacon);
}

static void
s_poll (covey_hub_t *self)
{
    covey_hub_sleep (self, covey_hub_wait_ms (self));
    s_read_clock (self);
    self->blocked = false;
    covey_hub_read_inputs (self);
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
    while (!self->ended) {
        char *command = zstr_recv (self->pipe);
        self->ended = !command || strcmp (command, "$TERM") == 0;
        zstr_free (&command);
    }
}

static void
s_run (zsock_t *pipe, void *arg)
{
    covey_hub_t *self = arg;
    self->pipe = pipe;
    (void)prctl (PR_SET_NAME, "covey-node"); /* for top and perf */
    s_read_clock (self);
    s_watch (self);
    zsock_signal (pipe, 0);
    while (!self->ended) {
        s_poll (self);
        covey_hub_tick (self);
        covey_hub_flush (self);
        covey_hub_tick_drain (self);
        if (self->stopping && !self->ended)
            s_finish (self);
    }
    pthread_mutex_lock (&self->shared.mutex);
    self->shared.ended = true;
    pthread_cond_broadcast (&self->shared.changed);
    pthread_mutex_unlock (&self->shared.mutex);
}

covey_err_t
covey_node_actor_new (const covey_node_config_t *config,
                      covey_node_actor_t **actor_p, covey_errbuf_t *err)
{
    covey_err_t code = covey_hub_check_config (config, err);
    if (code)
        return code;
    zsys_handler_set (NULL); /* signals belong to the program                 */
    zmq_ctx_set (zsys_init (), ZMQ_MAX_SOCKETS, (int)zsys_socket_limit ());
    covey_hub_t *hub =
        covey_hub_new (config, covey_clock_seed (), covey_clock_mono_ms (),
                       covey_clock_wall_us ());
    code = covey_hub_open_sockets (hub, err);
    if (code) {
        covey_hub_destroy (&hub);
        return code;
    }
    hub->leave_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (hub->leave_fd < 0) {
        covey_hub_destroy (&hub);
        return covey_fail (err, COVEY_LIMIT, "cannot make a descriptor: %s",
                           strerror (errno));
    }
    covey_hub_open_cores (hub);
    covey_hub_open_addressbook (hub);
    hub->config.known = NULL; /* copied; the caller's may go                  */
    covey_node_actor_t *self = covey_mem_new (sizeof *self);
    self->hub = hub;
    sigset_t all, before; /* no signal is handled in this thread              */
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    self->actor = zactor_new (s_run, hub);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    if (!self->actor) {
        close (hub->leave_fd);
        covey_hub_destroy (&hub);
        free (self);
        return covey_fail (err, COVEY_IO, "cannot start a thread");
    }
    *actor_p = self;
    return COVEY_OK;
}

/*  A command with a deadline, and how it went.                              */
static covey_err_t
s_command (const covey_node_actor_t *self, const char *name, int timeout_ms)
{
    if (timeout_ms < 0)
        timeout_ms = 0;
    if (zstr_sendf (self->actor, "%s %d", name, timeout_ms) != 0)
        return COVEY_STATE;
    zmq_pollitem_t item = {.socket = zsock_resolve (self->actor),
                           .events = ZMQ_POLLIN};
    /* The thread gives up in time by itself; this is for a thread that hangs.
     */
    if (zmq_poll (&item, 1, (long)timeout_ms + 2000) <= 0)
        return COVEY_TIMEOUT;
    return zsock_wait (self->actor) == 0 ? COVEY_OK : COVEY_TIMEOUT;
}

covey_err_t
covey_node_actor_drain (covey_node_actor_t *self, int timeout_ms,
                        size_t *unfinished_p)
{
    covey_err_t code = s_command (self, "WANE", timeout_ms);
    pthread_mutex_lock (&self->hub->shared.mutex);
    *unfinished_p = self->hub->shared.unfinished;
    pthread_mutex_unlock (&self->hub->shared.mutex);
    return code;
}

int
covey_node_actor_leave_fd (const covey_node_actor_t *self)
{
    return self->hub->leave_fd;
}

covey_err_t
covey_node_actor_stop (covey_node_actor_t *self, int timeout_ms)
{
    return s_command (self, "STOP", timeout_ms);
}

void
covey_node_actor_destroy (covey_node_actor_t **self_p)
{
    covey_node_actor_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    zactor_destroy (&self->actor);
    close (self->hub->leave_fd);
    covey_hub_destroy (&self->hub);
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
