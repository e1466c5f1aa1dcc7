/*  agent_link - the agent's socket and session: attach, reconnect, goodbye   */

#include "api/agent_i.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/str.h"
#include "proto/frame.h"

/*  What may wait in a socket whose other end never answered: enough hellos to
    be heard once it is there, and no heap of them when it stays away.        */
#define UNHEARD_MAX 16
#define RECV_HWM 4096
#define FRAMES_PER_PUMP 256

/* ------------------------------------------------------------------------ */
/*  Socket                                                                    */

static void
s_close_socket (covey_agent_t *self)
{
    if (self->socket_fd >= 0)
        (void)epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, self->socket_fd, NULL);
    self->socket_fd = -1;
    void *socket = self->socket;
    self->socket = NULL;
    if (socket)
        zsys_close (socket, __FILE__, __LINE__);
}

static void
s_set_option (void *socket, int option, int value)
{
    int rc = zmq_setsockopt (socket, option, &value, sizeof value);
    assert (rc == 0); /* a fixed option of a fresh socket                     */
    (void)rc;
}

/*  A new DEALER for each incarnation of the connection, so that nothing of the
    last one is left in it. What is sent before the connection stands waits in
    the socket: the session's window bounds it.                               */
static covey_err_t
s_open_socket (covey_agent_t *self, covey_errbuf_t *err)
{
    self->socket = zsys_socket (ZMQ_DEALER, __FILE__, __LINE__);
    if (!self->socket)
        return covey_fail (err, COVEY_LIMIT,
                           "agent %s: no further socket can be opened: %s",
                           self->id, zmq_strerror (errno));
    s_set_option (self->socket, ZMQ_LINGER, COVEY_AGENT_LINGER_MS);
    s_set_option (self->socket, ZMQ_SNDHWM, 0);
    s_set_option (self->socket, ZMQ_RCVHWM, RECV_HWM);
    s_set_option (self->socket, ZMQ_IPV6, 1);
    s_set_option (self->socket, ZMQ_RECONNECT_IVL, COVEY_AGENT_BACKOFF_MIN_MS);
    s_set_option (self->socket, ZMQ_RECONNECT_IVL_MAX,
                  COVEY_AGENT_BACKOFF_MAX_MS);
    int64_t frame_max = COVEY_FRAME_MAX;
    (void)zmq_setsockopt (self->socket, ZMQ_MAXMSGSIZE, &frame_max,
                          sizeof frame_max);
    if (strncmp (self->endpoint, "tcp:", 4) == 0) {
        s_set_option (self->socket, ZMQ_HEARTBEAT_IVL, 1000);
        s_set_option (self->socket, ZMQ_HEARTBEAT_TIMEOUT, 3000);
        s_set_option (self->socket, ZMQ_HEARTBEAT_TTL, 3000);
    }
    size_t size = sizeof self->socket_fd;
    if (zmq_getsockopt (self->socket, ZMQ_FD, &self->socket_fd, &size) != 0 ||
        zmq_connect (self->socket, self->endpoint) != 0) {
        covey_err_t rc = covey_fail (
            err, COVEY_INVALID, "agent %s cannot connect to \"%s\": %s",
            self->id, self->endpoint, zmq_strerror (errno));
        s_close_socket (self);
        return rc;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = self->socket_fd};
    (void)epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, self->socket_fd, &event);
    self->is_heard = self->is_broken = false;
    self->unheard = 0;
    return COVEY_OK;
}

/*  An operation on the socket may have swallowed the wake-up of its file
    descriptor, which tells each arrival only once.                           */
static void
s_look_again (covey_agent_t *self)
{
    int events = 0;
    size_t size = sizeof events;
    if (zmq_getsockopt (self->socket, ZMQ_EVENTS, &events, &size) == 0 &&
        (events & ZMQ_POLLIN)) {
        self->has_arrived = true;
        covey_i_agent_wake (self);
    }
}

/* ------------------------------------------------------------------------ */
/*  Session callbacks                                                         */

static void
s_on_send (void *arg, const covey_buf_t *frame)
{
    covey_agent_t *self = arg;
    if (!self->socket || (!self->is_heard && self->unheard >= UNHEARD_MAX))
        return; /* silence closes the session                                 */
    self->unheard += !self->is_heard;
    self->has_sent = true;
    if (zmq_send (self->socket, frame->data, frame->size, ZMQ_DONTWAIT) < 0)
        self->is_broken = true;
}

static void
s_announce (covey_agent_t *self)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_AGENT_SPAWNED);
    if (!event)
        return;
    covey_err_t rc = covey_event_set_str (event, "agentId", self->id);
    if (rc == COVEY_OK)
        rc = covey_event_set_str (event, "agentType", self->type);
    if (rc == COVEY_OK)
        rc = covey_event_set_str (event, "agentName", self->name);
    for (size_t i = 0; rc == COVEY_OK && i < self->capability_count; i++)
        rc = covey_event_add_str (event, "capabilities", self->capabilities[i]);
    if (rc == COVEY_OK && self->parent)
        rc = covey_event_set_str (event, "parentId", self->parent);
    assert (rc == COVEY_OK); /* all was checked when it was set               */
    uint64_t ticket;
    rc = covey_i_agent_queue (self, &event, COVEY_LEVEL_ACCEPTED, 0, 0, NULL,
                              &ticket, NULL);
    self->is_announced = rc == COVEY_OK;
}

static void
s_on_opened (void *arg, const Covey__Wire__Welcome *welcome)
{
    covey_agent_t *self = arg;
    (void)welcome;
    self->reopen_ms = 0;
    self->backoff_ms = 0;
    self->node_drains = false; /* it says so again                           */
    if (self->was_open)
        covey_i_agent_notice (self, COVEY_NOTICE_ATTACHED, COVEY_OK, NULL,
                              "attached to the node again");
    self->was_open = true;
    if (!self->is_announced && !self->is_client)
        s_announce (self);
    covey_i_agent_wake (self);
}

static void
s_on_closed (void *arg, covey_err_t code, const char *text, bool final)
{
    covey_agent_t *self = arg;
    self->closed_code = code;
    (void)covey_fail (&self->closed_text, code, "%s", text);
    if (final) {
        self->is_final = true;
        self->reopen_ms = 0;
        covey_i_agent_fail_all (self, code, text);
        covey_i_agent_notice (self, COVEY_NOTICE_SUPERSEDED, code, NULL, text);
    } else {
        if (!self->reopen_ms && self->was_open)
            covey_i_agent_notice (self, COVEY_NOTICE_DETACHED, code, NULL,
                                  text);
        self->backoff_ms = self->backoff_ms ? self->backoff_ms * 2
                                            : COVEY_AGENT_BACKOFF_MIN_MS;
        if (self->backoff_ms > COVEY_AGENT_BACKOFF_MAX_MS)
            self->backoff_ms = COVEY_AGENT_BACKOFF_MAX_MS;
        self->reopen_ms = covey_clock_mono_ms () + self->backoff_ms;
        covey_i_agent_keep (self, self->reopen_ms);
    }
    covey_i_agent_wake (self);
}

static void
s_on_event (void *arg, const void *data, size_t size, const uint32_t *handles,
            size_t handle_count)
{
    covey_i_agent_on_event (arg, data, size, handles, handle_count);
}

static void
s_on_refused (void *arg, uint64_t ticket, covey_err_t code, const char *text)
{
    covey_i_agent_refused (arg, ticket, code, text);
}

static void
s_on_reached (void *arg, uint64_t ticket, covey_level_t level, int64_t offset)
{
    covey_i_agent_reached (arg, ticket, level, offset);
}

static void
s_on_subscribed (void *arg, uint32_t handle, covey_err_t code, const char *text)
{
    covey_agent_t *self = arg;
    covey_subscription_t *sub = covey_i_agent_subscription (self, handle);
    if (!sub)
        return;
    sub->is_answered = true;
    sub->is_live = code == COVEY_OK;
    sub->code = covey_fail (&sub->text, code, "%s", text ? text : "");
    covey_i_agent_wake (self);
}

static void
s_on_undelivered (void *arg, const Covey__Wire__Undelivered *notice)
{
    covey_agent_t *self = arg;
    covey_err_t code = (covey_err_t)notice->code;
    if (notice->request_id) {
        /* One that is over already was answered, or failed before. */
        (void)covey_i_agent_fail_request (self, notice->request_id, 0, code,
                                          notice->text);
        return;
    }
    covey_i_agent_notice (self, COVEY_NOTICE_UNDELIVERED, code,
                          notice->event_id.len == 16 ? notice->event_id.data
                                                     : NULL,
                          notice->text);
}

static void
s_on_heard (void *arg, const Covey__Wire__Heard *heard)
{
    for (size_t i = 0; i < heard->n_event_ids; i++)
        covey_i_agent_heard (arg, heard->event_ids[i].data);
}

static void
s_on_gap (void *arg, const Covey__Wire__Gap *gap)
{
    covey_agent_t *self = arg;
    uint64_t lost = gap->last >= gap->first ? gap->last - gap->first + 1 : 0;
    char node[37] = "?", text[160];
    if (gap->node_id.len == 16)
        covey_id_text (gap->node_id.data, node);
    const char *type = covey_event_type_name ((int)gap->type);
    snprintf (text, sizeof text,
              "%" PRIu64
              " broadcasts of type %s from node %s were lost: %" PRIu64
              " to %" PRIu64,
              lost, type ? type : "?", node, gap->first, gap->last);
    self->dropped_gap += lost;
    covey_i_agent_notice (self, COVEY_NOTICE_GAP, COVEY_LIMIT, NULL, text);
}

static void
s_on_draining (void *arg, uint32_t left_ms)
{
    covey_agent_t *self = arg;
    self->node_drains = true;
    covey_i_agent_tell_tasks (self);
    char text[128];
    snprintf (
        text, sizeof text,
        "the node is draining: it takes no new agents and leaves in %" PRIu32
        " ms at the latest",
        left_ms);
    covey_i_agent_notice (self, COVEY_NOTICE_DRAINING, COVEY_CLOSED, NULL,
                          text);
}

static void
s_on_service (void *arg, const covey_frame_t *frame)
{
    /* Only services get these frames, and an agent is none. */
    (void)arg;
    (void)frame;
}

/* ------------------------------------------------------------------------ */
/*  Pumping                                                                   */

static void
s_take_frames (covey_agent_t *self, int64_t now_ms)
{
    self->has_arrived = false;
    for (int i = 0; i < FRAMES_PER_PUMP && self->socket; i++) {
        zmq_msg_t msg;
        zmq_msg_init (&msg);
        if (zmq_msg_recv (&msg, self->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close (&msg);
            return;
        }
        self->is_heard = true;
        self->wall_us = covey_clock_wall_us (); /* once for all its events    */
        /* The session counts what is malformed. */
        (void)covey_session_receive (self->session, zmq_msg_data (&msg),
                                     zmq_msg_size (&msg), now_ms);
        zmq_msg_close (&msg);
    }
    if (self->socket)
        s_look_again (self); /* there may be more than one pass takes         */
}

static void
s_reopen (covey_agent_t *self, int64_t now_ms)
{
    self->reopen_ms = 0;
    /* A connection to an inproc endpoint that nobody binds cannot be closed
       before the process ends; it waits for its node as well as a new one. */
    if (self->is_heard || self->is_broken ||
        strncmp (self->endpoint, "inproc:", 7) != 0) {
        s_close_socket (self);
        if (s_open_socket (self, &self->closed_text)) {
            s_on_closed (self, COVEY_LIMIT, self->closed_text.text, false);
            return;
        }
    }
    if (covey_session_state (self->session) == COVEY_SESSION_CLOSED)
        covey_session_open (self->session, now_ms);
    covey_i_agent_wake (self); /* the leader polls the old socket             */
}

/*  With no bound on what it queues, a socket refuses to send only when its
    inproc peer is gone: it never comes back on this one.                     */
static void
s_mend (covey_agent_t *self, int64_t now_ms)
{
    if (!self->is_broken || self->reopen_ms || self->is_final)
        return;
    if (covey_session_state (self->session) == COVEY_SESSION_OPEN) {
        covey_session_close (self->session, "the connection broke");
        s_on_closed (self, COVEY_UNREACHABLE, "the node is gone", false);
    } else {
        self->reopen_ms = now_ms + COVEY_AGENT_BACKOFF_MIN_MS;
        covey_i_agent_keep (self, self->reopen_ms);
    }
}

void
covey_i_agent_pump (covey_agent_t *self)
{
    if (!self->session)
        return;
    int64_t now_ms = self->pumped_ms = covey_clock_mono_ms ();
    s_take_frames (self, now_ms);
    if (self->reopen_ms && now_ms >= self->reopen_ms)
        s_reopen (self, now_ms);
    if (covey_session_next_ms (self->session) <= now_ms)
        covey_session_tick (self->session, now_ms);
    covey_i_agent_expire (self, now_ms);
    covey_i_agent_flush (self);
    s_mend (self, now_ms);
}

void
covey_i_agent_flush (covey_agent_t *self)
{
    self->flush_ms = 0;
    if (!self->session || !self->socket)
        return;
    int64_t now_ms = covey_clock_mono_ms ();
    covey_session_flush (self->session, now_ms);
    if (self->keeper_runs) { /* it sends the ack that nothing takes along */
        int64_t next_ms = covey_session_next_ms (self->session);
        bool soon = next_ms <= now_ms + COVEY_SESSION_ACK_MS;
        self->is_busy = self->is_busy || soon;
        if (!soon || self->keep_ms > now_ms + COVEY_AGENT_BUSY_MS)
            covey_i_agent_keep (self, next_ms);
    }
    if (self->has_sent) {
        self->has_sent = false;
        s_look_again (self);
    }
}

bool
covey_i_agent_is_open (const covey_agent_t *self)
{
    return self->session &&
           covey_session_state (self->session) == COVEY_SESSION_OPEN;
}

covey_err_t
covey_i_agent_check (const covey_agent_t *self, covey_errbuf_t *err)
{
    if (!self->endpoint)
        return covey_fail (err, COVEY_STATE,
                           "agent %s is not attached; attach or connect first",
                           self->id);
    if (self->is_final)
        return covey_fail (err, self->closed_code, "agent %s: %s", self->id,
                           self->closed_text.text);
    return COVEY_OK;
}

/* ------------------------------------------------------------------------ */
/*  Attach                                                                    */

static covey_session_t *
s_new_session (covey_agent_t *self)
{
    static const covey_session_callbacks_t callbacks = {
        .send = s_on_send,
        .opened = s_on_opened,
        .closed = s_on_closed,
        .event = s_on_event,
        .refused = s_on_refused,
        .reached = s_on_reached,
        .subscribed = s_on_subscribed,
        .undelivered = s_on_undelivered,
        .heard = s_on_heard,
        .gap = s_on_gap,
        .draining = s_on_draining,
        .service = s_on_service,
    };
    covey_session_callbacks_t mine = callbacks;
    mine.arg = self;
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.agent_id = self->id;
    hello.agent_type = self->type;
    hello.agent_name = self->name;
    hello.capabilities = self->capabilities;
    hello.n_capabilities = self->capability_count;
    hello.tags = self->tags;
    hello.n_tags = self->tag_count;
    hello.parent_id = self->parent;
    hello.has_task_slots = true;
    hello.task_slots = (uint32_t)self->task_slots;
    hello.has_grace_ms = true;
    hello.grace_ms = (uint32_t)self->grace_ms;
    hello.has_client = true;
    hello.client = self->is_client;
    covey_id_t session_id;
    for (size_t i = 0; i < sizeof session_id; i += 8) {
        uint64_t random = covey_clock_seed ();
        memcpy (session_id.bytes + i, &random, 8);
    }
    return covey_session_new (&hello, session_id.bytes, &mine);
}

/*  The first hello was not answered in time.                                 */
static covey_err_t
s_give_up (covey_agent_t *self, int timeout_ms, covey_errbuf_t *err)
{
    covey_err_t rc;
    if (self->closed_code != COVEY_OK && self->closed_code != COVEY_TIMEOUT)
        rc = covey_fail (err, self->closed_code, "agent %s at %s: %s", self->id,
                         self->endpoint, self->closed_text.text);
    else
        rc = covey_fail (err, COVEY_UNREACHABLE,
                         "agent %s: no node answered at %s within %d ms; is "
                         "one running there?",
                         self->id, self->endpoint, timeout_ms);
    covey_i_agent_close (self, "gave up");
    return rc;
}

covey_err_t
covey_i_agent_open (covey_agent_t *self, const char *endpoint, int timeout_ms,
                    covey_errbuf_t *err)
{
    int64_t until_ms = covey_i_deadline (timeout_ms);
    if (self->endpoint)
        return covey_fail (err, COVEY_STATE,
                           "agent %s is attached to %s already; shut it down "
                           "first",
                           self->id, self->endpoint);
    self->endpoint = covey_str_dup (endpoint);
    self->closed_code = COVEY_OK;
    self->is_final = self->was_open = self->is_announced = false;
    self->backoff_ms = self->reopen_ms = 0;
    self->ids_first = self->ids_next = 1;
    covey_err_t rc = s_open_socket (self, err);
    if (rc) {
        free (self->endpoint);
        self->endpoint = NULL;
        return rc;
    }
    self->session = s_new_session (self);
    self->generation++;
    if (self->on_swarm.fn)
        covey_i_agent_subscribe_swarm (self);
    covey_session_open (self->session, covey_clock_mono_ms ());
    covey_i_agent_keep (self, 0);
    covey_i_agent_pump (self);
    while (!covey_i_agent_is_open (self) && !self->is_final &&
           covey_clock_mono_ms () < until_ms) {
        covey_i_agent_wait (self, until_ms);
        if (!self->endpoint)
            return covey_fail (err, COVEY_CANCELED,
                               "agent %s was shut down while it attached",
                               self->id);
    }
    if (covey_i_agent_is_open (self))
        return COVEY_OK;
    return s_give_up (self, timeout_ms, err);
}

void
covey_i_agent_close (covey_agent_t *self, const char *reason)
{
    if (self->session) {
        covey_i_agent_flush (self); /* posts that still wait for others      */
        covey_session_close (self->session, reason);
        covey_session_destroy (&self->session);
    }
    s_close_socket (self);
    for (size_t i = 0; i < self->subscription_count; i++)
        covey_i_subscription_destroy (&self->subscriptions[i]);
    self->subscription_count = 0;
    self->reopen_ms = self->flush_ms = 0;
    self->is_announced = self->was_open = false;
    free (self->endpoint);
    self->endpoint = NULL;
    covey_i_agent_wake (self);
}

covey_err_t
covey_agent_connect (covey_agent_t *self, const char *endpoint, int timeout_ms)
{
    assert (self);
    if (!endpoint || (strncmp (endpoint, "ipc://", 6) != 0 &&
                      strncmp (endpoint, "tcp://", 6) != 0 &&
                      strncmp (endpoint, "inproc://", 9) != 0))
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "endpoint \"%.200s\" must be ipc://PATH or "
                           "tcp://HOST:PORT",
                           endpoint ? endpoint : "");
    covey_i_agent_lock (self);
    covey_err_t rc =
        covey_i_agent_open (self, endpoint, timeout_ms, covey_errbuf ());
    covey_i_agent_unlock (self);
    return rc;
}
