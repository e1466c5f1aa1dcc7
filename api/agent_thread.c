/*  agent_thread - who waits, who wakes whom, and the two threads of an agent */

#include "api/agent_i.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define KEEPER_STACK_SIZE (512u << 10)
#define WAIT_MAX_MS 3600000 /* so that a far deadline fits an int */

void
covey_i_agent_lock (covey_agent_t *self)
{
    pthread_mutex_lock (&self->lock);
}

void
covey_i_agent_unlock (covey_agent_t *self)
{
    pthread_mutex_unlock (&self->lock);
}

bool
covey_i_agent_is_dispatcher (const covey_agent_t *self)
{
    return self->is_started &&
           pthread_equal (self->dispatcher, pthread_self ());
}

static void
s_signal_fd (int fd)
{
    uint64_t one = 1;
    if (write (fd, &one, sizeof one) < 0)
        return; /* EAGAIN: it is readable already                             */
}

static void
s_clear_fd (int fd)
{
    uint64_t count;
    if (read (fd, &count, sizeof count) < 0)
        return; /* EAGAIN: it was not readable                                */
}

/*  CLOCK_MONOTONIC time of a deadline of ours (which counts suspended time). */
static struct timespec
s_timespec (int64_t until_ms)
{
    int64_t left_ms = until_ms - covey_clock_mono_ms ();
    if (left_ms < 0)
        left_ms = 0;
    if (left_ms > WAIT_MAX_MS)
        left_ms = WAIT_MAX_MS;
    struct timespec ts;
    clock_gettime (CLOCK_MONOTONIC, &ts);
    int64_t ns = ts.tv_nsec + left_ms % 1000 * 1000000;
    ts.tv_sec += left_ms / 1000 + ns / 1000000000;
    ts.tv_nsec = ns % 1000000000;
    return ts;
}

static void
s_kick (covey_agent_t *self)
{
    if (self->is_led && !self->is_kicked) {
        self->is_kicked = true;
        s_signal_fd (self->kick_fd);
    }
}

void
covey_i_agent_wake (covey_agent_t *self)
{
    pthread_cond_broadcast (&self->changed);
    s_kick (self);
    if (!self->is_started && !self->is_ready) {
        self->is_ready = true;
        s_signal_fd (self->ready_fd);
    }
}

void
covey_i_agent_wait (covey_agent_t *self, int64_t until_ms)
{
    if (self->is_led) {
        struct timespec ts = s_timespec (until_ms);
        pthread_cond_timedwait (&self->changed, &self->lock, &ts);
        return;
    }
    int64_t left_ms = until_ms - covey_clock_mono_ms ();
    if (left_ms < 0)
        left_ms = 0;
    if (left_ms > WAIT_MAX_MS)
        left_ms = WAIT_MAX_MS;
    struct pollfd fds[] = {{.fd = self->kick_fd, .events = POLLIN},
                           {.fd = self->socket_fd, .events = POLLIN}};
    if (self->has_arrived) {
        covey_i_agent_pump (self);
        return;
    }
    self->is_led = true;
    covey_i_agent_unlock (self);
    (void)poll (fds, 2, (int)left_ms); /* the caller looks for itself       */
    covey_i_agent_lock (self);
    self->is_led = false;
    if (self->is_kicked) {
        self->is_kicked = false;
        s_clear_fd (self->kick_fd);
    }
    covey_i_agent_pump (self);
    /* The next one may lead now. A signal could meet one who leaves, or stop,
       which never leads. */
    pthread_cond_broadcast (&self->changed);
}

/* ------------------------------------------------------------------------ */
/*  The keeper                                                                */

static int64_t
s_keeper_next_ms (const covey_agent_t *self)
{
    int64_t next_ms = self->pumped_ms + COVEY_AGENT_KEEP_MS;
    if (self->session && covey_session_next_ms (self->session) < next_ms)
        next_ms = covey_session_next_ms (self->session);
    if (self->reopen_ms && self->reopen_ms < next_ms)
        next_ms = self->reopen_ms;
    if (self->pending_ms && self->pending_ms < next_ms)
        next_ms = self->pending_ms;
    if (self->flush_ms && self->flush_ms < next_ms)
        next_ms = self->flush_ms;
    return next_ms;
}

static void *
s_keeper (void *arg)
{
    covey_agent_t *self = arg;
    (void)prctl (PR_SET_NAME, "covey-keeper"); /* for top and perf */
    covey_i_agent_lock (self);
    while (!self->keeper_stops) {
        int64_t now_ms = covey_clock_mono_ms ();
        if (s_keeper_next_ms (self) <= now_ms) {
            covey_i_agent_pump (self);
            self->pumped_ms = now_ms; /* also when there is no session */
        }
        self->keep_ms = s_keeper_next_ms (self);
        /* Of a busy agent each next event takes the ack along: nobody wakes
           this thread for them, it looks from time to time. */
        if (self->is_busy && self->keep_ms > now_ms + COVEY_AGENT_BUSY_MS)
            self->keep_ms = now_ms + COVEY_AGENT_BUSY_MS;
        self->is_busy = false;
        if (self->keep_ms <= now_ms)
            self->keep_ms = now_ms + 1;
        struct timespec ts = s_timespec (self->keep_ms);
        pthread_cond_timedwait (&self->keep, &self->lock, &ts);
    }
    covey_i_agent_unlock (self);
    return NULL;
}

void
covey_i_agent_keep (covey_agent_t *self, int64_t at_ms)
{
    if (self->keeper_stops)
        return;
    if (!self->keeper_runs) {
        self->keep_ms = 0;
        self->keeper_runs = covey_i_thread_start (
            &self->keeper, KEEPER_STACK_SIZE, s_keeper, self);
    } else if (at_ms < self->keep_ms) {
        self->keep_ms = at_ms;
        pthread_cond_signal (&self->keep);
    }
}

/* ------------------------------------------------------------------------ */
/*  The dispatching thread                                                    */

static void *
s_dispatcher (void *arg)
{
    covey_agent_t *self = arg;
    (void)prctl (PR_SET_NAME, "covey-agent");
    covey_i_agent_lock (self);
    while (!self->is_stopping) {
        covey_i_agent_pump (self);
        if (self->inbox.count && !self->is_paused)
            covey_i_agent_dispatch (self, COVEY_AGENT_DISPATCH_MAX, false);
        else
            covey_i_agent_wait (self, INT64_MAX / 2);
    }
    self->dispatcher_ended = true;
    pthread_cond_broadcast (&self->changed);
    covey_i_agent_unlock (self);
    return NULL;
}

covey_err_t
covey_agent_start (covey_agent_t *self)
{
    assert (self);
    covey_err_t rc = COVEY_OK;
    covey_i_agent_lock (self);
    if (self->is_started)
        rc = covey_fail (covey_errbuf (), COVEY_STATE, "agent %s runs already",
                         self->id);
    else if (!self->endpoint)
        rc = covey_fail (covey_errbuf (), COVEY_STATE,
                         "agent %s is not attached; attach or connect first",
                         self->id);
    else {
        self->is_stopping = self->dispatcher_ended = false;
        self->is_started =
            covey_i_thread_start (&self->dispatcher, 0, s_dispatcher, self);
        if (!self->is_started)
            rc = covey_fail (covey_errbuf (), COVEY_LIMIT,
                             "agent %s: no further thread can be started",
                             self->id);
    }
    covey_i_agent_unlock (self);
    return rc;
}

covey_err_t
covey_agent_stop (covey_agent_t *self, int timeout_ms)
{
    assert (self);
    int64_t until_ms = covey_i_deadline (timeout_ms);
    covey_i_agent_lock (self);
    if (!self->is_started) {
        covey_i_agent_unlock (self);
        return COVEY_OK;
    }
    self->is_stopping = true;
    covey_i_agent_wake (self);
    if (covey_i_agent_is_dispatcher (self)) {
        /* From a handler: the thread ends behind it, destroy joins it. */
        covey_i_agent_unlock (self);
        return COVEY_OK;
    }
    while (!self->dispatcher_ended && covey_clock_mono_ms () < until_ms) {
        struct timespec ts = s_timespec (until_ms);
        pthread_cond_timedwait (&self->changed, &self->lock, &ts);
    }
    if (!self->dispatcher_ended) {
        covey_i_agent_unlock (self);
        return covey_fail (covey_errbuf (), COVEY_TIMEOUT,
                           "agent %s: a handler still runs after %d ms; call "
                           "stop again",
                           self->id, timeout_ms);
    }
    covey_i_agent_unlock (self);
    pthread_join (self->dispatcher, NULL);
    covey_i_agent_lock (self);
    self->is_started = false;
    if (self->inbox.count)
        covey_i_agent_wake (self); /* for a loop that takes over              */
    covey_i_agent_unlock (self);
    return COVEY_OK;
}

/* ------------------------------------------------------------------------ */
/*  The caller's own loop, and recv                                           */

covey_err_t
covey_agent_dispatch (covey_agent_t *self)
{
    assert (self);
    covey_i_agent_lock (self);
    covey_err_t rc = COVEY_OK;
    if (self->is_started)
        rc = covey_fail (covey_errbuf (), COVEY_STATE,
                         "agent %s dispatches in its own thread", self->id);
    else if (!self->endpoint && !self->inbox.count)
        rc = covey_i_agent_check (self, covey_errbuf ());
    else {
        if (self->is_ready)
            s_clear_fd (self->ready_fd);
        /* What comes meanwhile is seen here: no need to tell the loop. */
        self->is_ready = true;
        covey_i_agent_pump (self);
        covey_i_agent_dispatch (self, COVEY_AGENT_DISPATCH_MAX, false);
        self->is_ready = false;
        if ((self->inbox.count && !self->is_paused) || self->has_arrived)
            covey_i_agent_wake (self);
        if (self->is_final && !self->inbox.count)
            rc = covey_i_agent_check (self, covey_errbuf ());
    }
    covey_i_agent_unlock (self);
    return rc;
}

covey_err_t
covey_agent_recv (covey_agent_t *self, int timeout_ms, covey_event_t **event_p)
{
    assert (self && event_p);
    int64_t until_ms = covey_i_deadline (timeout_ms);
    covey_err_t rc = COVEY_OK;
    covey_i_agent_lock (self);
    self->is_receiving = true;
    for (;;) {
        if (!self->recv.count &&
            (!self->is_started || covey_i_agent_is_dispatcher (self))) {
            covey_i_agent_pump (self);
            covey_i_agent_dispatch (self, SIZE_MAX, true);
        }
        covey_entry_t *entry = covey_entry_pop (&self->recv);
        if (entry) {
            *event_p = entry->answer;
            entry->answer = NULL;
            covey_entry_destroy (&entry);
            break;
        }
        rc = covey_i_agent_check (self, covey_errbuf ());
        if (rc)
            break;
        if (covey_clock_mono_ms () >= until_ms) {
            rc = covey_fail (covey_errbuf (), COVEY_TIMEOUT,
                             "no event for agent %s within %d ms", self->id,
                             timeout_ms);
            break;
        }
        covey_i_agent_wait (self, until_ms);
    }
    covey_i_agent_unlock (self);
    return rc;
}
