/*  agent_claim - a claim as an object: it waits for its turn, renews itself,
    and knows by its own clock when it is lost

    Clock     all that counts is when a renewal that was answered well was
              sent: the coordinator cannot have ended the lease earlier than
              a ttl after that
    Threads   one for each claim that is held; it renews and calls back */

#include "api/agent_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/control.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "proto/json.h"

#define STACK_SIZE (512u << 10)
#define TTL_MS 30000
#define LOOK_MS 2000 /* also without an event, look this often */
#define TRY_MS 1000  /* for an answer, before it is asked again  */
#define RETRY_MS 200 /* between two tries to renew */
/*  Of the ttl: renewed after a third, lost a fifth before its end.           */
#define RENEW_PART 3
#define MARGIN_PART 5

static const int s_types[] = {COVEY_EVENT_CLAIM_GRANTED,
                              COVEY_EVENT_CLAIM_RELEASED,
                              COVEY_EVENT_CLAIM_EXPIRED};

struct covey_claim {
    covey_agent_t *agent;
    char id[37];
    char *holder; /* NULL: the agent                                          */
    uint64_t token;
    int ttl_ms;
    covey_claim_lost_fn *on_lost;
    void *arg;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t renewer;
    bool stops;
    bool lost;
    int64_t sent_ms; /* of the last renewal that was answered well            */
    covey_errbuf_t reason;
};

/* ------------------------------------------------------------------------ */
/*  The coordinator                                                           */

/*  The answer's state and token.                                             */
typedef struct {
    bool is_held, is_waiting;
    uint64_t token;
    covey_errbuf_t reason; /* why it ended                                    */
} s_answer_t;

static covey_err_t
s_read (const char *json, s_answer_t *answer)
{
    ProtobufCMessage *message;
    covey_err_t rc =
        covey_json_read (&covey__control__claim_view__descriptor, json,
                         strlen (json), &message, covey_errbuf ());
    if (rc)
        return rc;
    const Covey__Control__ClaimView *view =
        (const Covey__Control__ClaimView *)message;
    answer->is_held = view->state && strcmp (view->state, "held") == 0;
    answer->is_waiting = view->state && strcmp (view->state, "waiting") == 0;
    answer->token = view->fencing_token;
    covey_str_copy (answer->reason.text, sizeof answer->reason.text,
                    view->reason ? view->reason : "");
    protobuf_c_message_free_unpacked (message, NULL);
    return COVEY_OK;
}

static covey_err_t
s_ask (covey_agent_t *agent, const char *method, const ProtobufCMessage *params,
       int timeout_ms, s_answer_t *answer)
{
    char *json = NULL;
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR, .method = method};
    covey_err_t rc = covey_i_control (agent, &call, params, timeout_ms, &json);
    if (rc == COVEY_OK && answer)
        rc = s_read (json, answer);
    free (json);
    return rc;
}

static covey_err_t
s_renew (covey_agent_t *agent, const char *id, uint64_t token, int timeout_ms,
         s_answer_t *answer)
{
    Covey__Control__ClaimRenew renew = COVEY__CONTROL__CLAIM_RENEW__INIT;
    renew.claim_id = (char *)(uintptr_t)id;
    renew.has_fencing_token = token != 0;
    renew.fencing_token = token;
    return s_ask (agent, "mesh.claim.renew", &renew.base, timeout_ms, answer);
}

static covey_err_t
s_release (covey_agent_t *agent, const char *id, const char *holder,
           int timeout_ms)
{
    Covey__Control__ClaimRelease release = COVEY__CONTROL__CLAIM_RELEASE__INIT;
    release.claim_id = (char *)(uintptr_t)id;
    release.holder = (char *)(uintptr_t)holder;
    return s_ask (agent, "mesh.claim.release", &release.base, timeout_ms, NULL);
}

/* ------------------------------------------------------------------------ */
/*  The renewer                                                               */

/*  When it counts as lost; with the lock held.                               */
static int64_t
s_end_ms (const covey_claim_t *self)
{
    return self->sent_ms + self->ttl_ms - self->ttl_ms / MARGIN_PART;
}

/*  Sleep until `until_ms` or until it is to stop; with the lock held.        */
static void
s_sleep (covey_claim_t *self, int64_t until_ms)
{
    while (!self->stops && covey_clock_mono_ms () < until_ms) {
        int64_t left_ms = until_ms - covey_clock_mono_ms ();
        struct timespec ts;
        clock_gettime (CLOCK_MONOTONIC, &ts);
        int64_t ns = ts.tv_nsec + left_ms % 1000 * 1000000;
        ts.tv_sec += left_ms / 1000 + ns / 1000000000;
        ts.tv_nsec = ns % 1000000000;
        pthread_cond_timedwait (&self->changed, &self->lock, &ts);
    }
}

static bool
s_is_final (covey_err_t rc)
{
    return rc == COVEY_FENCED || rc == COVEY_NOTFOUND || rc == COVEY_DENIED;
}

/*  One try; false: it is lost. Leaves the lock while it asks.                */
static bool
s_try (covey_claim_t *self)
{
    int64_t sent_ms = covey_clock_mono_ms ();
    int64_t left_ms = s_end_ms (self) - sent_ms;
    if (left_ms <= 0) {
        (void)covey_fail (&self->reason, COVEY_TIMEOUT,
                          "claim %s could not be renewed in time%s%.300s",
                          self->id, *self->reason.text ? ": " : "",
                          self->reason.text);
        return false;
    }
    pthread_mutex_unlock (&self->lock);
    s_answer_t answer = {.is_held = false};
    covey_err_t rc =
        s_renew (self->agent, self->id, self->token, (int)left_ms, &answer);
    covey_errbuf_t why = *covey_errbuf ();
    pthread_mutex_lock (&self->lock);
    if (rc == COVEY_OK) {
        self->sent_ms = sent_ms;
        self->reason.text[0] = '\0';
        return true;
    }
    self->reason = why;
    if (!s_is_final (rc))
        s_sleep (self, covey_clock_mono_ms () + RETRY_MS);
    return !s_is_final (rc);
}

static void *
s_renewer (void *arg)
{
    covey_claim_t *self = arg;
    pthread_mutex_lock (&self->lock);
    while (!self->stops && !self->lost) {
        int64_t due_ms = self->sent_ms + self->ttl_ms / RENEW_PART;
        if (covey_clock_mono_ms () < due_ms)
            s_sleep (self, due_ms);
        else
            self->lost = !s_try (self);
    }
    bool tell = self->lost && !self->stops && self->on_lost;
    pthread_mutex_unlock (&self->lock);
    if (tell)
        self->on_lost (self, self->reason.text, self->arg);
    return NULL;
}

/* ------------------------------------------------------------------------ */
/*  Acquiring                                                                 */

static void
s_fill (const covey_claim_options_t *options, const char *id,
        Covey__Control__ClaimAcquire *params)
{
    covey__control__claim_acquire__init (params);
    params->claim_id = (char *)(uintptr_t)id;
    params->n_paths = options->path_count;
    params->paths = (char **)(uintptr_t)options->paths;
    params->n_names = options->name_count;
    params->names = (char **)(uintptr_t)options->names;
    params->has_shared = true;
    params->shared = options->shared;
    params->has_ttl = true;
    params->ttl = options->ttl_ms ? options->ttl_ms : TTL_MS;
    params->has_wait = true;
    params->wait = options->wait_ms;
    params->purpose = (char *)(uintptr_t)options->purpose;
    params->task_id = (char *)(uintptr_t)options->task_id;
    params->holder = (char *)(uintptr_t)options->holder;
}

/*  It waits: look at each event and every LOOK_MS, by renewing, which keeps its
    place. `*sent_ms_p` is when the renewal was sent that found it held.      */
static covey_err_t
s_await_turn (covey_agent_t *agent, const char *id, int64_t until_ms,
              int64_t *sent_ms_p, s_answer_t *answer)
{
    uint32_t handle, hits = 0;
    const covey_watched_t watched = {.id = id};
    covey_err_t rc = covey_i_agent_watch (
        agent, s_types, sizeof s_types / sizeof *s_types, &watched,
        COVEY_AGENT_REPORT_MS, &handle, covey_errbuf ());
    if (rc)
        return rc;
    while (rc == COVEY_OK && !answer->is_held) {
        *sent_ms_p = covey_clock_mono_ms ();
        int64_t left_ms = until_ms - *sent_ms_p;
        if (left_ms <= 0)
            rc = covey_fail (covey_errbuf (), COVEY_TIMEOUT,
                             "claim %s: its turn did not come", id);
        else
            rc = s_renew (agent, id, 0,
                          left_ms < TRY_MS ? (int)left_ms : TRY_MS, answer);
        if (left_ms > 0 && (rc == COVEY_TIMEOUT || rc == COVEY_UNREACHABLE ||
                            rc == COVEY_NOCOORDINATOR))
            rc = COVEY_OK; /* asked again, until its time is over */
        if (rc == COVEY_OK && !answer->is_held)
            (void)covey_i_await_hit (agent, handle, &hits,
                                     covey_clock_mono_ms () + LOOK_MS);
    }
    covey_errbuf_t kept = *covey_errbuf ();
    (void)covey_agent_unsubscribe (agent, handle); /* it may be gone         */
    *covey_errbuf () = kept;
    return rc;
}

static covey_err_t
s_start (covey_claim_t *self)
{
    pthread_condattr_t attr;
    pthread_condattr_init (&attr);
    pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
    pthread_cond_init (&self->changed, &attr);
    pthread_condattr_destroy (&attr);
    pthread_mutex_init (&self->lock, NULL);
    if (covey_i_thread_start (&self->renewer, STACK_SIZE, s_renewer, self))
        return COVEY_OK;
    pthread_cond_destroy (&self->changed);
    pthread_mutex_destroy (&self->lock);
    return covey_fail (covey_errbuf (), COVEY_LIMIT,
                       "claim %s: no further thread can be started", self->id);
}

/*  The claim is not wanted any more, or nobody knows whether it is held.     */
static covey_err_t
s_give_back (covey_agent_t *agent, const char *id,
             const covey_claim_options_t *options, covey_err_t rc)
{
    covey_errbuf_t kept = *covey_errbuf ();
    /* if that does not arrive, the lease ends it */
    (void)s_release (agent, id, options->holder, TRY_MS);
    *covey_errbuf () = kept;
    return rc;
}

covey_err_t
covey_claim_acquire (covey_agent_t *agent, const covey_claim_options_t *options,
                     int timeout_ms, covey_claim_t **claim_p)
{
    assert (agent && options && claim_p);
    char id[37];
    covey_id_t made = covey_id_new ();
    covey_id_text (made.bytes, id);
    Covey__Control__ClaimAcquire params;
    s_fill (options, id, &params);
    int64_t sent_ms = covey_clock_mono_ms ();
    int64_t until_ms = sent_ms + timeout_ms + options->wait_ms;
    s_answer_t answer = {.is_held = false};
    covey_err_t rc =
        s_ask (agent, "mesh.claim.acquire", &params.base, timeout_ms, &answer);
    if (rc == COVEY_OK && !answer.is_held)
        rc = s_await_turn (agent, id, until_ms, &sent_ms, &answer);
    if (rc == COVEY_TIMEOUT || rc == COVEY_UNREACHABLE)
        return s_give_back (agent, id, options, rc);
    if (rc == COVEY_FENCED) /* it waited in vain: the coordinator says so */
        return covey_fail (covey_errbuf (), COVEY_TIMEOUT, "%s",
                           covey_error ());
    if (rc)
        return rc;
    covey_claim_t *self = covey_mem_new (sizeof *self);
    self->agent = agent;
    covey_str_copy (self->id, sizeof self->id, id);
    self->token = answer.token;
    self->ttl_ms = (int)params.ttl;
    self->on_lost = options->on_lost;
    self->arg = options->arg;
    self->sent_ms = sent_ms;
    self->holder = options->holder ? covey_str_dup (options->holder) : NULL;
    rc = s_start (self);
    if (rc) {
        free (self->holder);
        free (self);
        return s_give_back (agent, id, options, rc);
    }
    *claim_p = self;
    return COVEY_OK;
}

/*  It renews no more.                                                        */
static void
s_stop (covey_claim_t *self)
{
    assert (!pthread_equal (self->renewer, pthread_self ()));
    pthread_mutex_lock (&self->lock);
    self->stops = true;
    pthread_cond_broadcast (&self->changed);
    pthread_mutex_unlock (&self->lock);
    pthread_join (self->renewer, NULL);
}

static void
s_destroy (covey_claim_t *self)
{
    pthread_cond_destroy (&self->changed);
    pthread_mutex_destroy (&self->lock);
    free (self->holder);
    free (self);
}

covey_err_t
covey_claim_release (covey_claim_t **self_p, int timeout_ms)
{
    covey_claim_t *self = *self_p;
    if (!self)
        return COVEY_OK;
    *self_p = NULL;
    s_stop (self);
    covey_err_t rc = self->lost ? covey_fail (covey_errbuf (), COVEY_FENCED,
                                              "%s", self->reason.text)
                                : s_release (self->agent, self->id,
                                             self->holder, timeout_ms);
    s_destroy (self);
    return rc;
}

void
covey_claim_leave (covey_claim_t **self_p)
{
    covey_claim_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    s_stop (self);
    s_destroy (self);
}

/* ------------------------------------------------------------------------ */

const char *
covey_claim_id (const covey_claim_t *self)
{
    return self->id;
}

uint64_t
covey_claim_token (const covey_claim_t *self)
{
    return self->token;
}

int
covey_claim_left_ms (covey_claim_t *self)
{
    pthread_mutex_lock (&self->lock);
    int64_t left_ms = s_end_ms (self) - covey_clock_mono_ms ();
    bool is_over = self->lost || left_ms <= 0;
    pthread_mutex_unlock (&self->lock);
    return is_over ? 0 : (int)left_ms;
}

bool
covey_claim_is_held (covey_claim_t *self)
{
    return covey_claim_left_ms (self) > 0;
}

covey_err_t
covey_claim_check (covey_agent_t *agent, const char *check_json, int timeout_ms,
                   char **result_p)
{
    assert (agent);
    return covey_i_control_json (agent, "mesh.claim.check",
                                 &covey__control__claim_check__descriptor,
                                 check_json, timeout_ms, result_p);
}

covey_err_t
covey_claim_list (covey_agent_t *agent, const char *query_json, int timeout_ms,
                  char **result_p)
{
    assert (agent);
    return covey_i_control_json (agent, "mesh.claim.list",
                                 &covey__control__claim_query__descriptor,
                                 query_json, timeout_ms, result_p);
}
