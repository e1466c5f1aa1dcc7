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
};

static covey_err_t
s_ask (covey_role_keeper_t *self, const char *method,
       const ProtobufCMessage *params, int timeout_ms, char **json_p)
{
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR, .method = method};
    return covey_i_control (self->agent, &call, params, timeout_ms, json_p);
}

static void
s_take (covey_role_keeper_t *self, const char *json)
{
    ProtobufCMessage *message;
    if (covey_json_read (&covey__control__role_view__descriptor, json,
                         strlen (json), &message, NULL))
        return;
    const Covey__Control__RoleView *view =
        (const Covey__Control__RoleView *)message;
    bool is_mine = view->node && strcmp (view->node, self->node) == 0;
    if (view->node)
        self->config.decided (self->config.arg, is_mine ? view->epoch : 0);
    protobuf_c_message_free_unpacked (message, NULL);
}

/*  Ask, which renews as well. Nothing is known without an answer.            */
static void
s_claim (covey_role_keeper_t *self)
{
    Covey__Control__RoleClaim claim = COVEY__CONTROL__ROLE_CLAIM__INIT;
    claim.role = (char *)(uintptr_t)self->config.role;
    claim.node = self->node;
    claim.name = self->name;
    claim.has_ttl = true;
    claim.ttl = COVEY_ROLE_KEEPER_TTL_MS;
    char *json = NULL;
    if (s_ask (self, "mesh.role.claim", &claim.base, ASK_MS, &json) == COVEY_OK)
        s_take (self, json);
    free (json);
}

static void
s_release (covey_role_keeper_t *self)
{
    Covey__Control__RoleRelease release = COVEY__CONTROL__ROLE_RELEASE__INIT;
    release.role = (char *)(uintptr_t)self->config.role;
    release.node = self->node;
    /* if it is not heard, the lease ends */
    (void)s_ask (self, "mesh.role.release", &release.base, RELEASE_MS, NULL);
}

/*  With the lock held.                                                       */
static void
s_sleep (covey_role_keeper_t *self)
{
    struct timespec ts;
    clock_gettime (CLOCK_MONOTONIC, &ts);
    ts.tv_sec += RENEW_MS / 1000;
    ts.tv_nsec += RENEW_MS % 1000 * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    while (!self->stops &&
           pthread_cond_timedwait (&self->changed, &self->lock, &ts) == 0)
        ;
}

static void *
s_run (void *arg)
{
    covey_role_keeper_t *self = arg;
    bool is_connected = false;
    pthread_mutex_lock (&self->lock);
    while (!self->stops) {
        pthread_mutex_unlock (&self->lock);
        if (!is_connected)
            is_connected = covey_agent_connect (self->agent, self->endpoint,
                                                ASK_MS) == COVEY_OK;
        if (is_connected)
            s_claim (self);
        pthread_mutex_lock (&self->lock);
        s_sleep (self);
    }
    pthread_mutex_unlock (&self->lock);
    if (is_connected)
        s_release (self);
    return NULL;
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
    covey_agent_destroy (&self->agent);
    pthread_cond_destroy (&self->changed);
    pthread_mutex_destroy (&self->lock);
    free (self->name);
    free (self->endpoint);
    free (self);
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
    covey_agent_destroy (&self->agent);
    pthread_cond_destroy (&self->changed);
    pthread_mutex_destroy (&self->lock);
    free (self->name);
    free (self->endpoint);
    free (self);
}
