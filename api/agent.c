/*  agent - identity, threads and waiting; see agent_i.h for how they meet    */

#include "api/agent_i.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "api/ballot_key.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define GRACE_MS 5000
#define GRACE_MAX_MS 86400000

/* ------------------------------------------------------------------------ */
/*  Identity                                                                  */

static void
s_init_sync (covey_agent_t *self)
{
    pthread_condattr_t attr;
    pthread_condattr_init (&attr);
    pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
    pthread_mutex_init (&self->lock, NULL);
    pthread_cond_init (&self->changed, &attr);
    pthread_cond_init (&self->keep, &attr);
    pthread_condattr_destroy (&attr);
}

static bool
s_open_fds (covey_agent_t *self)
{
    self->kick_fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
    self->ready_fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
    self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
    if (self->kick_fd < 0 || self->ready_fd < 0 || self->epoll_fd < 0)
        return false;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = self->ready_fd};
    return epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, self->ready_fd, &event) ==
           0;
}

static covey_err_t
s_check_name (const char *what, const char *name)
{
    size_t size = name ? strlen (name) : 0;
    if (size == 0 || size > COVEY_NAME_MAX || !covey_str_is_utf8 (name, size))
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "%s \"%.40s\" (%zu bytes) must be 1 to %d bytes of "
                           "UTF-8",
                           what, name ? name : "", size, COVEY_NAME_MAX);
    return COVEY_OK;
}

static covey_err_t
s_check_id (const char *what, const char *id)
{
    size_t size = id ? strlen (id) : 0;
    if (!covey_str_is_agent_id (id ? id : "", size))
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "%s \"%.40s\" (%zu bytes) must be 1 to %d of "
                           "A-Z a-z 0-9 . _ : @ / -",
                           what, id ? id : "", size, COVEY_AGENT_ID_MAX);
    return COVEY_OK;
}

covey_agent_t *
covey_agent_new (const char *id, const char *type)
{
    if (s_check_id ("agent id", id) || s_check_name ("agent type", type))
        return NULL;
    covey_i_runtime_init ();
    covey_agent_t *self = calloc (1, sizeof *self);
    if (!self)
        abort ();
    s_init_sync (self);
    self->socket_fd = -1;
    if (!s_open_fds (self)) {
        (void)covey_fail (covey_errbuf (), COVEY_LIMIT,
                          "agent %s: no file descriptor is free: %s; raise "
                          "ulimit -n",
                          id, strerror (errno));
        covey_agent_destroy (&self);
        return NULL;
    }
    self->id = covey_str_dup (id);
    self->type = covey_str_dup (type);
    covey_buf_t name;
    covey_buf_init (&name, COVEY_NAME_MAX + COVEY_AGENT_ID_MAX + 1);
    covey_buf_printf (&name, "%s-%s", type, id);
    self->name = covey_buf_steal (&name);
    if (!self->name)
        abort ();
    /* A long type leaves no room for the id behind it. */
    if (strlen (self->name) > COVEY_NAME_MAX) {
        free (self->name);
        self->name = covey_str_dup (id);
    }
    self->task_slots = 1;
    self->grace_ms = GRACE_MS;
    self->next_handle = COVEY_AGENT_SWARM_HANDLE + 1;
    self->ids_first = self->ids_next = 1;
    covey_hlc_init (&self->hlc, COVEY_HLC_MAX_SKEW_MS);
    covey_seen_init (&self->seen);
    covey_meter_init (&self->meter);
    return self;
}

static void
s_stop_keeper (covey_agent_t *self)
{
    covey_i_agent_lock (self);
    bool runs = self->keeper_runs;
    self->keeper_stops = true;
    pthread_cond_signal (&self->keep);
    covey_i_agent_unlock (self);
    if (runs)
        pthread_join (self->keeper, NULL);
    self->keeper_runs = false;
}

static void
s_free_texts (char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free (texts[i]);
    free (texts);
}

void
covey_agent_destroy (covey_agent_t **self_p)
{
    assert (self_p);
    covey_agent_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    (void)covey_agent_stop (self, INT_MAX); /* waits for a running handler   */
    s_stop_keeper (self);
    covey_i_agent_lock (self);
    covey_i_agent_close (self, "agent destroyed");
    covey_i_agent_fail_all (self, COVEY_CLOSED, "the agent was destroyed");
    covey_i_agent_unlock (self);
    covey_entry_clear (&self->inbox);
    covey_entry_clear (&self->recv);
    for (size_t i = 0; i < self->subscription_count; i++)
        covey_i_subscription_destroy (&self->subscriptions[i]);
    free (self->subscriptions);
    covey_i_agent_forget_history (self);
    s_free_texts (self->capabilities, self->capability_count);
    s_free_texts (self->tags, self->tag_count);
    free (self->published);
    for (size_t i = 0; i < self->task_count; i++)
        free (self->tasks[i]);
    free (self->tasks);
    free (self->id);
    free (self->type);
    free (self->name);
    free (self->parent);
    if (self->ballot_key)
        covey_ballot_key_wipe (self->ballot_key);
    free (self->ballot_key);
    if (self->kick_fd >= 0)
        close (self->kick_fd);
    if (self->ready_fd >= 0)
        close (self->ready_fd);
    if (self->epoll_fd >= 0)
        close (self->epoll_fd);
    pthread_cond_destroy (&self->changed);
    pthread_cond_destroy (&self->keep);
    pthread_mutex_destroy (&self->lock);
    free (self);
}

/*  Identity is told to the node once, when the session opens.                */
static covey_err_t
s_check_fresh (covey_agent_t *self, const char *what)
{
    covey_i_agent_lock (self);
    bool is_attached = self->endpoint != NULL;
    covey_i_agent_unlock (self);
    if (is_attached)
        return covey_fail (covey_errbuf (), COVEY_STATE,
                           "%s of agent %s: it is attached already; set it "
                           "before attach",
                           what, self->id);
    return COVEY_OK;
}

covey_err_t
covey_agent_set_name (covey_agent_t *self, const char *name)
{
    assert (self);
    covey_err_t rc = s_check_fresh (self, "name");
    if (rc == COVEY_OK)
        rc = s_check_name ("agent name", name);
    if (rc == COVEY_OK) {
        free (self->name);
        self->name = covey_str_dup (name);
    }
    return rc;
}

covey_err_t
covey_agent_set_parent (covey_agent_t *self, const char *agent_id)
{
    assert (self);
    covey_err_t rc = s_check_fresh (self, "parent");
    if (rc == COVEY_OK)
        rc = s_check_id ("parent id", agent_id);
    if (rc == COVEY_OK) {
        free (self->parent);
        self->parent = covey_str_dup (agent_id);
    }
    return rc;
}

static covey_err_t
s_add_text (covey_agent_t *self, const char *what, const char *text,
            char ***texts_p, size_t *count_p)
{
    covey_err_t rc = s_check_fresh (self, what);
    if (rc == COVEY_OK)
        rc = s_check_name (what, text);
    if (rc)
        return rc;
    if (*count_p == COVEY_LIST_MAX)
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "%s \"%.40s\" of agent %s is one more than the %d "
                           "that are allowed",
                           what, text, self->id, COVEY_LIST_MAX);
    char **texts = realloc (*texts_p, (*count_p + 1) * sizeof *texts);
    if (!texts)
        abort ();
    texts[(*count_p)++] = covey_str_dup (text);
    *texts_p = texts;
    return COVEY_OK;
}

covey_err_t
covey_agent_add_capability (covey_agent_t *self, const char *capability)
{
    assert (self);
    return s_add_text (self, "capability", capability, &self->capabilities,
                       &self->capability_count);
}

covey_err_t
covey_agent_add_tag (covey_agent_t *self, const char *tag)
{
    assert (self);
    return s_add_text (self, "tag", tag, &self->tags, &self->tag_count);
}

covey_err_t
covey_agent_set_task_slots (covey_agent_t *self, int slots)
{
    assert (self);
    covey_err_t rc = s_check_fresh (self, "task slots");
    if (rc)
        return rc;
    if (slots < 0 || slots > 1000)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "%d task slots of agent %s: must be 0 to 1,000",
                           slots, self->id);
    self->task_slots = slots;
    return COVEY_OK;
}

covey_err_t
covey_agent_set_grace (covey_agent_t *self, int grace_ms)
{
    assert (self);
    covey_err_t rc = s_check_fresh (self, "grace time");
    if (rc)
        return rc;
    if (grace_ms < 0 || grace_ms > GRACE_MAX_MS)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "a grace time of %d ms for agent %s: must be 0 to "
                           "%d",
                           grace_ms, self->id, GRACE_MAX_MS);
    self->grace_ms = grace_ms;
    return COVEY_OK;
}

covey_err_t
covey_agent_set_client (covey_agent_t *self, bool is_client)
{
    assert (self);
    covey_err_t rc = s_check_fresh (self, "client");
    if (rc == COVEY_OK)
        self->is_client = is_client;
    return rc;
}

covey_err_t
covey_agent_set_ballot_key (covey_agent_t *self, const char *path)
{
    assert (self);
    covey_ballot_key_t key;
    covey_err_t rc = s_check_fresh (self, "ballot key");
    if (rc == COVEY_OK && (!path || !*path))
        rc = covey_fail (covey_errbuf (), COVEY_INVALID,
                         "the ballot key has no file name");
    if (rc == COVEY_OK)
        rc = covey_ballot_key_open (path, &key, covey_errbuf ());
    if (rc != COVEY_OK)
        return rc;
    if (!self->ballot_key)
        self->ballot_key = covey_mem_new (sizeof key);
    *self->ballot_key = key;
    covey_ballot_key_wipe (&key);
    return COVEY_OK;
}

const char *
covey_agent_id (const covey_agent_t *self)
{
    assert (self);
    return self->id;
}

const char *
covey_agent_type (const covey_agent_t *self)
{
    assert (self);
    return self->type;
}

const char *
covey_agent_name (const covey_agent_t *self)
{
    assert (self);
    return self->name;
}

int
covey_agent_fd (const covey_agent_t *self)
{
    assert (self);
    return self->epoll_fd;
}
