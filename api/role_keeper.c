/*  role_keeper - the thread: one claim after the other, until it is stopped */

#include "api/role_keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/control.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "proto/json.h"

#define STACK_SIZE (512u << 10)
#define ASK_MS 2000
#define RENEW_MS (COVEY_ROLE_KEEPER_TTL_MS / 3)
#define RETRY_MS 500
#define VAIN_MS (COVEY_ROLE_KEEPER_TTL_MS - RENEW_MS)
#define STILL_MS (2L * RENEW_MS) /* longer than any step: it stood still */
#define RELEASE_MS 500

struct covey_role_keeper {
    covey_role_keeper_config_t config;
    char *name, *endpoint;
    char node[37];
    covey_agent_t *agent;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool stops;
    bool has_news; /* the coordinator told something of the role              */

    /* the thread's own */
    bool is_connected;
    bool is_subscribed;
    uint64_t epoch; /* that this node holds; 0: none                          */
    int64_t until_ms;
    bool has_standbys;
    int64_t seen_ms; /* when the thread ran last                              */
    int64_t woke_ms; /* when it had stood still last                          */
    int64_t vain_ms; /* since when it asks in vain; 0: it does not            */
};

static covey_err_t
s_ask (covey_role_keeper_t *self, const char *method,
       const ProtobufCMessage *params, int timeout_ms, char **json_p)
{
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR, .method = method};
    return covey_i_control (self->agent, &call, params, timeout_ms, json_p);
}

static void
s_tell (covey_role_keeper_t *self, uint64_t epoch, int64_t until_ms)
{
    self->epoch = epoch;
    self->until_ms = until_ms;
    self->config.decided (self->config.arg, epoch, until_ms);
}

/*  A process that stood still knows nothing of what happened meanwhile, and
   what it waited for was over long ago. */
static int64_t
s_now_ms (covey_role_keeper_t *self)
{
    int64_t now_ms = covey_clock_mono_ms ();
    if (now_ms - self->seen_ms > STILL_MS) {
        self->woke_ms = now_ms;
        self->vain_ms = 0;
    }
    self->seen_ms = now_ms;
    return now_ms;
}

/* ---- claims ------------------------------------------------------------- */

/*  False: it is of nobody.                                                   */
static bool
s_take (covey_role_keeper_t *self, const char *json, int64_t until_ms)
{
    ProtobufCMessage *message;
    if (!json || covey_json_read (&covey__control__role_view__descriptor, json,
                                  strlen (json), &message, NULL))
        return false;
    const Covey__Control__RoleView *view =
        (const Covey__Control__RoleView *)message;
    bool has_holder = view->node != NULL;
    if (has_holder) {
        bool is_mine = strcmp (view->node, self->node) == 0;
        self->has_standbys = view->n_standbys > 0;
        s_tell (self, is_mine ? view->epoch : 0, until_ms);
    }
    protobuf_c_message_free_unpacked (message, NULL);
    return has_holder;
}

static void
s_in_vain (covey_role_keeper_t *self, int64_t asked_ms, int64_t now_ms)
{
    if (!self->vain_ms)
        self->vain_ms = asked_ms > self->woke_ms ? asked_ms : self->woke_ms;
    if (self->epoch && now_ms - self->vain_ms >= VAIN_MS)
        s_tell (self, self->epoch, now_ms + COVEY_ROLE_KEEPER_TTL_MS);
}

/*  Ask, which renews as well. False: nobody answered.                        */
static bool
s_claim (covey_role_keeper_t *self)
{
    Covey__Control__RoleClaim claim = COVEY__CONTROL__ROLE_CLAIM__INIT;
    claim.role = (char *)(uintptr_t)self->config.role;
    claim.node = self->node;
    claim.name = self->name;
    claim.has_ttl = true;
    claim.ttl = COVEY_ROLE_KEEPER_TTL_MS;
    char *json = NULL;
    int64_t asked_ms = s_now_ms (self);
    bool is_told = s_ask (self, "mesh.role.claim", &claim.base, ASK_MS,
                          &json) == COVEY_OK &&
                   s_take (self, json, asked_ms + COVEY_ROLE_KEEPER_TTL_MS);
    int64_t now_ms = s_now_ms (self);
    if (is_told)
        self->vain_ms = 0;
    else
        s_in_vain (self, asked_ms, now_ms);
    free (json);
    return is_told;
}

/*  Where another one takes over, nothing is acknowledged from here on.       */
static void
s_release (covey_role_keeper_t *self)
{
    Covey__Control__RoleRelease release = COVEY__CONTROL__ROLE_RELEASE__INIT;
    release.role = (char *)(uintptr_t)self->config.role;
    release.node = self->node;
    uint64_t epoch = self->epoch;
    int64_t until_ms = self->until_ms;
    bool hands_over = epoch && self->has_standbys;
    char *json = NULL;
    if (hands_over)
        s_tell (self, epoch, covey_clock_mono_ms ());
    if (s_ask (self, "mesh.role.release", &release.base, RELEASE_MS, &json) ==
        COVEY_OK) {
        if (!s_take (self, json, 0) && epoch)
            s_tell (self, epoch, INT64_MAX); /* nobody follows */
    } else if (hands_over)
        s_tell (self, epoch, until_ms); /* the lease ends by itself */
    free (json);
}

/* ---- the thread --------------------------------------------------------- */

static covey_err_t
s_on_news (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    covey_role_keeper_t *self = arg;
    (void)agent;
    (void)event;
    pthread_mutex_lock (&self->lock);
    self->has_news = true;
    pthread_cond_signal (&self->changed);
    pthread_mutex_unlock (&self->lock);
    return COVEY_OK;
}

/*  What is told of the role. Without it changes are seen a little later.     */
static bool
s_subscribe (covey_role_keeper_t *self)
{
    int types[] = {COVEY_EVENT_SYSTEM_INFO};
    const char *sources[] = {COVEY_SERVICE_COORDINATOR};
    const char *roles[] = {self->config.role};
    covey_filter_t filter = {.types = types,
                             .type_count = 1,
                             .sources = sources,
                             .source_count = 1,
                             .correlation_ids = roles,
                             .correlation_id_count = 1};
    const covey_subscribe_options_t options = {.timeout_ms = ASK_MS};
    uint32_t handle;
    return covey_agent_subscribe (self->agent, &filter, &options, s_on_news,
                                  self, &handle) == COVEY_OK;
}

/*  With the lock held.                                                       */
static void
s_sleep (covey_role_keeper_t *self, int ms)
{
    struct timespec ts;
    clock_gettime (CLOCK_MONOTONIC, &ts);
    ts.tv_sec += ms / 1000;
    ts.tv_nsec += ms % 1000 * 1000000L;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    while (!self->stops && !self->has_news &&
           pthread_cond_timedwait (&self->changed, &self->lock, &ts) == 0)
        ;
    self->has_news = false;
}

static bool
s_turn (covey_role_keeper_t *self)
{
    if (!self->is_connected)
        self->is_connected = covey_agent_connect (self->agent, self->endpoint,
                                                  ASK_MS) == COVEY_OK &&
                             covey_agent_start (self->agent) == COVEY_OK;
    if (self->is_connected && !self->is_subscribed)
        self->is_subscribed = s_subscribe (self);
    return self->is_connected && s_claim (self);
}

static void *
s_run (void *arg)
{
    covey_role_keeper_t *self = arg;
    self->seen_ms = covey_clock_mono_ms ();
    pthread_mutex_lock (&self->lock);
    while (!self->stops) {
        pthread_mutex_unlock (&self->lock);
        bool is_told = s_turn (self);
        pthread_mutex_lock (&self->lock);
        s_sleep (self, is_told ? RENEW_MS : RETRY_MS);
    }
    pthread_mutex_unlock (&self->lock);
    if (self->is_connected)
        s_release (self);
    return NULL;
}

/* ---- its life ----------------------------------------------------------- */

static void
s_free (covey_role_keeper_t *self)
{
    covey_agent_destroy (&self->agent);
    pthread_cond_destroy (&self->changed);
    pthread_mutex_destroy (&self->lock);
    free (self->name);
    free (self->endpoint);
    free (self);
}

covey_role_keeper_t *
covey_role_keeper_new (const covey_role_keeper_config_t *config)
{
    covey_role_keeper_t *self = covey_mem_new (sizeof *self);
    char id[COVEY_AGENT_ID_MAX + 1];
    self->config = *config;
    self->name = covey_str_dup (config->name);
    self->endpoint = covey_str_dup (config->endpoint);
    covey_id_text (config->node_id.bytes, self->node);
    (void)snprintf (id, sizeof id, "role:%.20s:%s", config->role, self->node);
    self->agent = covey_agent_new (id, "role");
    pthread_condattr_t attr;
    pthread_condattr_init (&attr);
    pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
    pthread_cond_init (&self->changed, &attr);
    pthread_condattr_destroy (&attr);
    pthread_mutex_init (&self->lock, NULL);
    if (self->agent && covey_agent_set_client (self->agent, true) == COVEY_OK &&
        covey_i_thread_start (&self->thread, STACK_SIZE, s_run, self))
        return self;
    s_free (self);
    return NULL;
}

void
covey_role_keeper_destroy (covey_role_keeper_t **self_p)
{
    covey_role_keeper_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    pthread_mutex_lock (&self->lock);
    self->stops = true;
    pthread_cond_signal (&self->changed);
    pthread_mutex_unlock (&self->lock);
    pthread_join (self->thread, NULL);
    s_free (self);
}
