/*  The thread: two sockets, one loop.

    pipe      from and to the owner (zactor): "OPEN" once the session is open,
              $TERM ends it
    dealer    the session with the local node, one frame per message */
#include "coordinator/coordinator_actor.h"

#include <czmq.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coordinator/coordinator_impl.h"
#include "proto/event.h"

#define FRAMES_PER_TURN                                                \
    256               /* then answers go out and timers get their turn \
                       */
#define REOPEN_MS 200 /* between two tries to open a session            */
#define DRAIN_MS 500  /* for the last answers, when it ends             */
#define YIELD_MS 2000 /* for another one to lead */
#define IDLE_MS 1000

typedef struct {
    covey_coordinator_t core;
    zsock_t *pipe;
    zsock_t *dealer;
    int64_t open_again_ms;
    bool told; /* "OPEN" was sent                                             */
    bool ends;
} s_actor_t;

struct covey_coordinator_actor {
    s_actor_t shell;
    zactor_t *thread;
};

/* ---- what the session wants
 * -------------------------------------------------- */

static void
s_on_send (void *arg, const covey_buf_t *frame)
{
    s_actor_t *self = arg;
    /* A full pipe drops the frame; silence then closes the session, and all
       that has no verdict goes out again. */
    (void)zmq_send (zsock_resolve (self->dealer), frame->data, frame->size,
                    ZMQ_DONTWAIT);
}

static void
s_on_opened (void *arg, const Covey__Wire__Welcome *welcome)
{
    (void)welcome;
    s_actor_t *self = arg;
    covey_log_write (self->core.log, COVEY_LOG_INFO, "coordinator",
                     "session_open", "endpoint=%s", self->core.endpoint);
    if (!self->told)
        zstr_send (self->pipe, "OPEN");
    self->told = true;
    covey_coordinator_tell_rank (&self->core);
}

static void
s_on_closed (void *arg, covey_err_t code, const char *text, bool final)
{
    s_actor_t *self = arg;
    covey_log_quoted_t quoted;
    /* A node that stops says CLOSED: nothing is wrong. */
    covey_log_write (self->core.log,
                     code == COVEY_CLOSED ? COVEY_LOG_INFO : COVEY_LOG_WARN,
                     "coordinator", "session_closed",
                     "code=%s final=%d reason=%s", covey_err_name (code), final,
                     covey_log_quote (&quoted, text ? text : ""));
    self->open_again_ms = self->core.now_ms + REOPEN_MS;
}

static void
s_on_event (void *arg, const void *data, size_t size, const uint32_t *handles,
            size_t handle_count)
{
    (void)handles;
    (void)handle_count;
    covey_coordinator_on_event (&((s_actor_t *)arg)->core, data, size);
}

static void
s_on_refused (void *arg, uint64_t ticket, covey_err_t code, const char *text)
{
    covey_coordinator_t *core = &((s_actor_t *)arg)->core;
    covey_log_quoted_t quoted;
    if (covey_postbox_verdict (&core->postbox, ticket, code, text,
                               core->now_ms))
        covey_log_write (core->log, COVEY_LOG_ERROR, "coordinator",
                         "fact_refused", "code=%s reason=%s",
                         covey_err_name (code),
                         covey_log_quote (&quoted, text ? text : ""));
}

static void
s_on_reached (void *arg, uint64_t ticket, covey_level_t level, int64_t offset)
{
    (void)offset;
    covey_coordinator_t *core = &((s_actor_t *)arg)->core;
    if (level == COVEY_LEVEL_ACCEPTED)
        (void)covey_postbox_verdict (&core->postbox, ticket, COVEY_OK, NULL,
                                     core->now_ms);
}

static void
s_on_service (void *arg, const covey_frame_t *frame)
{
    covey_coordinator_t *core = &((s_actor_t *)arg)->core;
    if (frame->kind == COVEY_FRAME_VIEW)
        covey_coordinator_on_view (core, frame);
    else if (frame->kind == COVEY_FRAME_CONTROL)
        covey_coordinator_on_control (core, frame);
}

/*  The node is about to leave: another one may as well lead now.            */
static void
s_on_draining (void *arg, uint32_t left_ms)
{
    (void)left_ms;
    covey_coordinator_yield (&((s_actor_t *)arg)->core, 0);
}

static void
s_on_subscribed (void *arg, uint32_t handle, covey_err_t code, const char *text)
{
    (void)arg;
    (void)handle;
    (void)code;
    (void)text;
}

static void
s_on_undelivered (void *arg, const Covey__Wire__Undelivered *notice)
{
    (void)arg;
    (void)notice; /* the registry hears of agents that are gone */
}

static void
s_on_heard (void *arg, const Covey__Wire__Heard *heard)
{
    covey_coordinator_on_heard (&((s_actor_t *)arg)->core, heard);
}

static void
s_on_gap (void *arg, const Covey__Wire__Gap *gap)
{
    (void)arg;
    (void)gap; /* it subscribes to nothing */
}

static void
s_new_session (s_actor_t *self)
{
    covey_coordinator_t *core = &self->core;
    covey_session_destroy (&core->session);
    covey_postbox_recall (&core->postbox);
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.agent_id = COVEY_SERVICE_COORDINATOR;
    hello.agent_type = "service";
    hello.service = COVEY_SERVICE_COORDINATOR;
    hello.has_client = hello.client = true;
    covey_session_callbacks_t callbacks = {.arg = self,
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
                                           .service = s_on_service};
    core->session =
        covey_session_new (&hello, covey_id_new ().bytes, &callbacks);
    if (!core->session)
        abort ();
    covey_session_open (core->session, core->now_ms);
}

/* ---- the loop
 * ------------------------------------------------------------------ */

static void
s_keep_session (s_actor_t *self)
{
    covey_coordinator_t *core = &self->core;
    covey_session_state_t state = covey_session_state (core->session);
    if (core->now_ms < self->open_again_ms)
        return;
    if (state == COVEY_SESSION_FINAL)
        s_new_session (self);
    else if (state == COVEY_SESSION_CLOSED)
        covey_session_open (core->session, core->now_ms);
}

static void
s_read_clocks (covey_coordinator_t *core)
{
    core->now_ms = covey_clock_mono_ms ();
    core->now_us = covey_clock_wall_us ();
}

static long
s_timeout_ms (s_actor_t *self)
{
    covey_coordinator_t *core = &self->core;
    int64_t next_ms = core->now_ms + IDLE_MS;
    int64_t wishes[] = {
        covey_coordinator_next_ms (core),
        covey_session_next_ms (core->session),
        core->inbox_count ? core->now_ms + COVEY_POSTBOX_RETRY_MS : INT64_MAX,
    };
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
        if (wishes[i] < next_ms)
            next_ms = wishes[i];
    covey_session_state_t state = covey_session_state (core->session);
    if ((state == COVEY_SESSION_CLOSED || state == COVEY_SESSION_FINAL) &&
        self->open_again_ms < next_ms)
        next_ms = self->open_again_ms;
    return next_ms > core->now_ms ? (long)(next_ms - core->now_ms) : 0;
}

static void
s_on_pipe (s_actor_t *self)
{
    char *command = zstr_recv (self->pipe);
    if (!command || strcmp (command, "$TERM") == 0)
        self->ends = true;
    zstr_free (&command);
}

static void
s_on_dealer (s_actor_t *self)
{
    for (int i = 0; i < FRAMES_PER_TURN; i++) {
        zmq_msg_t part;
        zmq_msg_init (&part);
        int size =
            zmq_msg_recv (&part, zsock_resolve (self->dealer), ZMQ_DONTWAIT);
        /* what is not well-formed is counted by the session and dropped */
        if (size >= 0)
            (void)covey_session_receive (
                self->core.session, zmq_msg_data (&part), zmq_msg_size (&part),
                self->core.now_ms);
        zmq_msg_close (&part);
        if (size < 0)
            return;
    }
}

/*  What was read is carried out: serve, commit, tell.                        */
static void
s_turn (s_actor_t *self)
{
    covey_coordinator_t *core = &self->core;
    s_keep_session (self);
    covey_session_tick (core->session, core->now_ms);
    covey_coordinator_tick (core);
    covey_coordinator_serve (core);
    covey_coordinator_pump (core);
    covey_postbox_pump (&core->postbox, core->session, core->now_ms);
    covey_session_flush (core->session, core->now_ms);
}

static void
s_note_turn (covey_coordinator_t *core)
{
    int64_t turn_ms = covey_clock_mono_ms () - core->now_ms;
    if (turn_ms > core->counters.longest_turn_ms)
        core->counters.longest_turn_ms = turn_ms;
}

static void
s_wait (s_actor_t *self, long timeout_ms)
{
    zmq_pollitem_t items[] = {{zsock_resolve (self->dealer), 0, ZMQ_POLLIN, 0},
                              {zsock_resolve (self->pipe), 0, ZMQ_POLLIN, 0}};
    s_note_turn (&self->core);
    int rc = zmq_poll (items, self->ends ? 1 : 2, timeout_ms);
    s_read_clocks (&self->core);
    if (rc <= 0)
        return;
    if (items[1].revents & ZMQ_POLLIN)
        s_on_pipe (self);
    if (items[0].revents & ZMQ_POLLIN)
        s_on_dealer (self);
}

/*  A leader lets another one lead: what it took has an outcome then, and is
    answered.                                                                 */
static void
s_step_down (s_actor_t *self)
{
    covey_coordinator_t *core = &self->core;
    int64_t until_ms = core->now_ms + YIELD_MS;
    covey_coordinator_yield (core, 0);
    while (core->yields && core->now_ms < until_ms) {
        covey_coordinator_pump (core);
        covey_session_flush (core->session, core->now_ms);
        if (core->yields)
            s_wait (self, COVEY_POSTBOX_RETRY_MS);
    }
}

/*  The last answers and facts get a moment to reach the node; what does not
    is told again after the next start, or by the next leader.                */
static void
s_drain (s_actor_t *self)
{
    covey_coordinator_t *core = &self->core;
    int64_t until_ms = core->now_ms + DRAIN_MS;
    while (covey_session_state (core->session) == COVEY_SESSION_OPEN &&
           !covey_postbox_is_empty (&core->postbox) &&
           core->now_ms < until_ms) {
        covey_postbox_pump (&core->postbox, core->session, core->now_ms);
        covey_session_flush (core->session, core->now_ms);
        s_wait (self, COVEY_POSTBOX_RETRY_MS);
    }
    covey_session_close (core->session, "the coordinator stops");
    covey_session_flush (core->session, core->now_ms);
}

static void
s_run (zsock_t *pipe, void *args)
{
    s_actor_t *self = args;
    self->pipe = pipe;
    self->dealer = zsock_new (ZMQ_DEALER);
    if (!self->dealer)
        abort ();
    zsock_set_linger (self->dealer, 1000);
    zsock_set_sndhwm (self->dealer, 10000);
    zsock_set_rcvhwm (self->dealer, 10000);
    zsock_set_immediate (self->dealer, 0); /* inproc: the node may come later */
    int rc = zsock_connect (self->dealer, "%s", self->core.endpoint);
    zsock_signal (pipe, rc == 0 ? 0 : 1);
    s_read_clocks (&self->core);
    s_new_session (self);
    while (!self->ends) {
        s_turn (self);
        s_wait (self, s_timeout_ms (self));
    }
    s_turn (self);
    s_step_down (self);
    s_drain (self);
    zsock_destroy (&self->dealer);
}

/* ---- the owner's side
 * ------------------------------------------------------------ */

static covey_err_t
s_await_session (covey_coordinator_actor_t *self, int timeout_ms,
                 covey_errbuf_t *err)
{
    zsock_set_rcvtimeo (self->thread, timeout_ms);
    char *word = zstr_recv (self->thread);
    zsock_set_rcvtimeo (self->thread, -1); /* destroy waits for the thread */
    bool open = word && strcmp (word, "OPEN") == 0;
    zstr_free (&word);
    if (open)
        return COVEY_OK;
    return covey_fail (err, COVEY_TIMEOUT,
                       "the coordinator got no session with its node at %s "
                       "within %d ms",
                       self->shell.core.endpoint, timeout_ms);
}

covey_err_t
covey_coordinator_actor_new (const covey_coordinator_config_t *config,
                             int timeout_ms,
                             covey_coordinator_actor_t **actor_p,
                             covey_errbuf_t *err)
{
    covey_coordinator_actor_t *self = covey_mem_new (sizeof *self);
    covey_coordinator_init (&self->shell.core, config);
    covey_err_t code = covey_coordinator_open (&self->shell.core, err);
    if (!code) {
        self->thread = zactor_new (s_run, &self->shell);
        code = self->thread
                   ? s_await_session (self, timeout_ms, err)
                   : covey_fail (err, COVEY_NOMEM, "cannot start a thread");
    }
    if (code)
        covey_coordinator_actor_destroy (&self);
    else
        *actor_p = self;
    return code;
}

void
covey_coordinator_actor_destroy (covey_coordinator_actor_t **self_p)
{
    covey_coordinator_actor_t *self = *self_p;
    if (!self)
        return;
    zactor_destroy (&self->thread);
    covey_coordinator_deinit (&self->shell.core);
    free (self);
    *self_p = NULL;
}

bool
covey_coordinator_decides (const char *name)
{
    const covey_method_t *method;
    return covey_method_find (name, &method, NULL) == COVEY_OK && method->op;
}
