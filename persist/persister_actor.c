/*  The persister's thread: one socket to the node, one loop.                */
#include "persist/persister_actor.h"

#include <assert.h>
#include <czmq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/prng.h"
#include "base/str.h"
#include "persist/persister_i.h"

#define FRAMES_PER_TURN 256 /* then everything else gets its turn */
#define REOPEN_MS 250
#define FRAMES_MAX 1000 /* that wait in the socket, each way */

struct covey_persister_actor {
    covey_persister_config_t config;
    char *endpoint, *data_dir;
    char *node_name;
    int *types;
    covey_journal_t *journal;
    covey_reader_actor_t *reader;
    zactor_t *actor;
};

void
covey_persister_config_init (covey_persister_config_t *self)
{
    memset (self, 0, sizeof *self);
    self->persist_all = true;
    self->retention_days = 30;
    self->batch_rows = 500;
    self->batch_ms = 5;
}

/* ---- session ------------------------------------------------------------ */

static void
s_on_send (void *arg, const covey_buf_t *frame)
{
    covey_i_persister_t *self = arg;
    /* A frame that cannot leave is lost; the node notices and sends again. */
    (void)zmq_send (self->dealer, frame->data, frame->size, ZMQ_DONTWAIT);
}

/*  The thread that waits in covey_persister_actor_new hears one message.    */
static void
s_tell (covey_i_persister_t *self, covey_err_t code, const char *text)
{
    char message[sizeof (covey_errbuf_t) + 16];
    if (self->told_open)
        return;
    self->told_open = true;
    int size = snprintf (message, sizeof message, "%d %s", (int)code, text);
    (void)zmq_send (self->pipe, message, (size_t)size, ZMQ_DONTWAIT);
}

/*  The mesh's events go where the rank is highest.                           */
static void
s_tell_rank (covey_i_persister_t *self)
{
    Covey__Wire__ServiceState state = COVEY__WIRE__SERVICE_STATE__INIT;
    state.rank = self->stands_by ? 0 : self->epoch;
    covey_session_send_frame (self->session, COVEY_FRAME_SERVICE_STATE,
                              &state.base);
}

/*  The coordinator decided: under which epoch this one stores; 0: another.   */
static void
s_on_role (covey_i_persister_t *self, uint64_t epoch, int64_t until_ms)
{
    bool stands_by = epoch == 0;
    self->until_ms = until_ms;
    if (self->epoch == epoch && self->stands_by == stands_by)
        return;
    self->epoch = epoch;
    self->stands_by = stands_by;
    covey_log_write (self->log, COVEY_LOG_INFO, "persister",
                     stands_by ? "stands_by" : "in_charge", "epoch=%llu",
                     (unsigned long long)epoch);
    s_tell_rank (self);
}

static void
s_on_opened (void *arg, const Covey__Wire__Welcome *welcome)
{
    covey_i_persister_t *self = arg;
    covey_log_write (self->log, COVEY_LOG_DEBUG, "persister", "session_open",
                     "node=%s", welcome->node_name);
    s_tell_rank (self);
    s_tell (self, COVEY_OK, "");
}

static void
s_on_closed (void *arg, covey_err_t code, const char *text, bool final)
{
    covey_i_persister_t *self = arg;
    covey_log_quoted_t quoted;
    /* A node that stops says CLOSED: nothing is wrong. */
    covey_log_level_t level = final                  ? COVEY_LOG_ERROR
                              : code == COVEY_CLOSED ? COVEY_LOG_INFO
                                                     : COVEY_LOG_WARN;
    covey_log_write (self->log, level, "persister", "session_closed",
                     "code=%s reason=%s", covey_err_name (code),
                     covey_log_quote (&quoted, text));
    self->is_final = final;
    self->open_ms = self->now_ms + REOPEN_MS;
    if (final)
        s_tell (self, code, text);
}

static void
s_on_event (void *arg, const void *data, size_t size, const uint32_t *handles,
            size_t handle_count)
{
    covey_i_persister_t *self = arg;
    (void)handles;
    (void)handle_count;
    covey_i_persister_on_event (self, data, size);
    covey_session_done (self->session);
}

static void
s_on_service (void *arg, const covey_frame_t *frame)
{
    if (frame->kind == COVEY_FRAME_JOURNAL)
        covey_i_persister_on_journal (arg, frame);
}

/*  Verdicts on answers: an asker that left needs none.                      */
static void
s_on_refused (void *arg, uint64_t ticket, covey_err_t code, const char *text)
{
    covey_i_persister_t *self = arg;
    (void)ticket;
    (void)code;
    (void)text;
    self->unanswered++;
}

static void
s_on_reached (void *arg, uint64_t ticket, covey_level_t level, int64_t offset)
{
    (void)arg;
    (void)ticket;
    (void)level;
    (void)offset;
}

static covey_session_t *
s_new_session (covey_i_persister_t *self)
{
    const covey_session_callbacks_t callbacks = {.arg = self,
                                                 .send = s_on_send,
                                                 .opened = s_on_opened,
                                                 .closed = s_on_closed,
                                                 .event = s_on_event,
                                                 .refused = s_on_refused,
                                                 .reached = s_on_reached,
                                                 .service = s_on_service};
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    char name[] = COVEY_SERVICE_PERSISTER;
    covey_id_t id = covey_id_new ();
    hello.agent_id = hello.agent_type = hello.agent_name = name;
    hello.service = name;
    hello.has_client = hello.client = 1;
    return covey_session_new (&hello, id.bytes, &callbacks);
}

/* ---- the loop ----------------------------------------------------------- */

/*  Take what has arrived. Batches that are due are committed on the way.    */
static void
s_receive (covey_i_persister_t *self)
{
    bool more = true;
    for (int i = 0; i < FRAMES_PER_TURN && more; i++) {
        zmq_msg_t frame;
        zmq_msg_init (&frame);
        more = zmq_msg_recv (&frame, self->dealer, ZMQ_DONTWAIT) >= 0;
        if (more) /* malformed frames are counted by the session */
            (void)covey_session_receive (self->session, zmq_msg_data (&frame),
                                         zmq_msg_size (&frame), self->now_ms);
        zmq_msg_close (&frame);
        self->now_ms = covey_clock_mono_ms ();
        covey_i_persister_store_tick (self, more);
    }
}

static void
s_tick (covey_i_persister_t *self)
{
    covey_i_persister_store_tick (self, false);
    covey_i_persister_requests_tick (self);
    covey_session_tick (self->session, self->now_ms);
    if (covey_session_state (self->session) == COVEY_SESSION_CLOSED &&
        self->now_ms >= self->open_ms)
        covey_session_open (self->session, self->now_ms);
    covey_session_flush (self->session, self->now_ms);
}

static long
s_timeout (const covey_i_persister_t *self)
{
    int64_t next[] = {covey_i_persister_store_next_ms (self),
                      covey_i_persister_requests_next_ms (self),
                      covey_session_next_ms (self->session),
                      covey_session_state (self->session) ==
                              COVEY_SESSION_CLOSED
                          ? self->open_ms
                          : INT64_MAX};
    int64_t first = self->now_ms + 60000;
    for (size_t i = 0; i < sizeof next / sizeof *next; i++)
        if (next[i] < first)
            first = next[i];
    return first > self->now_ms ? (long)(first - self->now_ms) : 0;
}

/*  "ROLE epoch until", or $TERM: false.                                      */
static bool
s_on_pipe (covey_i_persister_t *self)
{
    char text[64];
    int size = zmq_recv (self->pipe, text, sizeof text - 1, ZMQ_DONTWAIT);
    if (size < 0)
        return true;
    text[size < (int)sizeof text ? size : (int)sizeof text - 1] = '\0';
    if (strncmp (text, "ROLE ", 5) != 0)
        return false;
    char *rest;
    uint64_t epoch = strtoull (text + 5, &rest, 10);
    s_on_role (self, epoch, strtoll (rest, NULL, 10));
    return true;
}

static void
s_loop (covey_i_persister_t *self)
{
    zmq_pollitem_t items[3] = {{.socket = self->pipe, .events = ZMQ_POLLIN},
                               {.socket = self->dealer, .events = ZMQ_POLLIN}};
    int count = 2;
    if (self->reader)
        items[count++] =
            (zmq_pollitem_t){.socket = covey_reader_actor_socket (self->reader),
                             .events = ZMQ_POLLIN};
    for (;;) {
        int rc = zmq_poll (items, count, s_timeout (self));
        if (rc < 0 && zmq_errno () != EINTR)
            break; /* the context ends */
        if (rc > 0 && items[0].revents && !s_on_pipe (self))
            break; /* $TERM */
        self->now_ms = covey_clock_mono_ms ();
        if (rc > 0 && items[1].revents)
            s_receive (self);
        s_tick (self);
    }
}

static zsock_t *
s_new_dealer (const char *endpoint)
{
    zsock_t *dealer = zsock_new (ZMQ_DEALER);
    if (!dealer)
        return NULL;
    zsock_set_linger (dealer, 100); /* for the goodbye */
    zsock_set_immediate (dealer, 1);
    zsock_set_sndhwm (dealer, FRAMES_MAX);
    zsock_set_rcvhwm (dealer, FRAMES_MAX);
    if (zsock_connect (dealer, "%s", endpoint) != 0)
        zsock_destroy (&dealer);
    return dealer;
}

static void
s_deinit (covey_i_persister_t *self)
{
    covey_i_persister_requests_deinit (self);
    covey_follow_destroy (&self->follow);
    covey_acks_deinit (&self->acks);
    covey_session_destroy (&self->session);
}

static void
s_run (zsock_t *pipe, void *arg)
{
    covey_persister_actor_t *owner = arg;
    covey_i_persister_t self;
    memset (&self, 0, sizeof self);
    self.config = owner->config;
    self.log = owner->config.log;
    self.journal = owner->journal;
    self.reader = owner->reader;
    self.pipe = zsock_resolve (pipe);
    self.now_ms = covey_clock_mono_ms ();
    self.until_ms = INT64_MAX;
    covey_batcher_init (&self.batcher, (size_t)self.config.batch_rows,
                        self.config.batch_ms);
    covey_acks_init (&self.acks);
    self.follow = covey_follow_new ();
    self.session = s_new_session (&self);
    zsock_t *dealer = s_new_dealer (self.config.endpoint);
    zsock_signal (pipe, 0);
    if (dealer) {
        self.dealer = zsock_resolve (dealer);
        covey_session_open (self.session, self.now_ms);
        s_loop (&self);
        covey_i_persister_store_tick (&self, false);
        covey_session_close (self.session, "the persister stops");
    } else {
        s_tell (&self, COVEY_IO, "no socket to the node");
        zsock_wait (pipe);
    }
    s_deinit (&self);
    zsock_destroy (&dealer);
}

/* ---- start and stop ----------------------------------------------------- */

static covey_err_t
s_open_journal (covey_persister_actor_t *self, covey_errbuf_t *err)
{
    char path[4096];
    if (!self->data_dir)
        return covey_journal_open (NULL, COVEY_JOURNAL_MEMORY, &self->journal,
                                   err);
    snprintf (path, sizeof path, "%.4000s/journal.db", self->data_dir);
    covey_err_t rc =
        covey_journal_open (path, COVEY_JOURNAL_WRITE, &self->journal, err);
    if (rc == COVEY_OK)
        rc = covey_reader_actor_new (path, &self->reader, err);
    return rc;
}

/*  "CODE text" from the thread, when its session is open or refused.        */
static covey_err_t
s_wait_open (covey_persister_actor_t *self, int timeout_ms, covey_errbuf_t *err)
{
    char message[sizeof (covey_errbuf_t) + 16];
    void *pipe = zsock_resolve (self->actor);
    zmq_pollitem_t item = {.socket = pipe, .events = ZMQ_POLLIN};
    int64_t end_ms = covey_clock_mono_ms () + timeout_ms;
    int64_t left_ms = timeout_ms;
    int rc;
    do {
        rc = zmq_poll (&item, 1, left_ms > 0 ? (long)left_ms : 0);
        left_ms = end_ms - covey_clock_mono_ms ();
    } while (rc < 0 && zmq_errno () == EINTR && left_ms > 0);
    int size = rc > 0
                   ? zmq_recv (pipe, message, sizeof message - 1, ZMQ_DONTWAIT)
                   : -1;
    if (size < 0)
        return covey_fail (err, COVEY_TIMEOUT,
                           "the node at %s did not answer the persister "
                           "within %d ms; is it running?",
                           self->config.endpoint, timeout_ms);
    message[size < (int)sizeof message ? size : (int)sizeof message - 1] = 0;
    char *text = NULL;
    long code = strtol (message, &text, 10);
    if (code == COVEY_OK)
        return COVEY_OK;
    return covey_fail (err, (covey_err_t)code,
                       "the node at %s refused the persister:%s",
                       self->config.endpoint, text);
}

covey_err_t
covey_persister_actor_new (const covey_persister_config_t *config,
                           int timeout_ms, covey_persister_actor_t **actor_p,
                           covey_errbuf_t *err)
{
    assert (config->endpoint && config->batch_ms >= 0);
    assert (config->batch_rows > 0 &&
            config->batch_rows <= COVEY_BATCHER_ROWS_MAX);
    covey_persister_actor_t *self = covey_mem_new (sizeof *self);
    self->config = *config;
    self->config.endpoint = self->endpoint = covey_str_dup (config->endpoint);
    self->config.data_dir = self->data_dir = covey_str_dup (config->data_dir);
    self->config.node_name = self->node_name =
        covey_str_dup (config->node_name);
    if (config->persist_type_count)
        self->types =
            covey_mem_dup (config->persist_types,
                           config->persist_type_count * sizeof *self->types);
    self->config.persist_types = self->types;
    covey_err_t rc = s_open_journal (self, err);
    if (rc == COVEY_OK) {
        self->actor = zactor_new (s_run, self);
        rc = self->actor
                 ? s_wait_open (self, timeout_ms, err)
                 : covey_fail (err, COVEY_NOMEM, "no thread for the persister");
    }
    if (rc != COVEY_OK)
        covey_persister_actor_destroy (&self);
    else
        *actor_p = self;
    return rc;
}

void
covey_persister_actor_set_role (covey_persister_actor_t *self, uint64_t epoch,
                                int64_t until_ms)
{
    char text[64];
    int size = snprintf (text, sizeof text, "ROLE %llu %lld",
                         (unsigned long long)epoch, (long long)until_ms);
    /* a pipe that is full is told the next time */
    (void)zmq_send (zsock_resolve (self->actor), text, (size_t)size,
                    ZMQ_DONTWAIT);
}

void
covey_persister_actor_destroy (covey_persister_actor_t **self_p)
{
    covey_persister_actor_t *self = *self_p;
    if (!self)
        return;
    zactor_destroy (&self->actor);
    covey_reader_actor_destroy (&self->reader);
    covey_journal_close (&self->journal);
    free (self->endpoint);
    free (self->data_dir);
    free (self->node_name);
    free (self->types);
    free (self);
    *self_p = NULL;
}
