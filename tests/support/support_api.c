#include "tests/support/support_api.h"

#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define LOG_MAX 100000

typedef struct {
    covey_event_t *event;
    char agent[COVEY_AGENT_ID_MAX + 1];
    covey_notice_kind_t kind;
    char text[512];
} entry_t;

struct support_log {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    entry_t **entries;
    size_t count;
};

support_log_t *
support_log_new (void)
{
    support_log_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->entries = calloc (LOG_MAX, sizeof *self->entries);
    assert_non_null (self->entries);
    pthread_mutex_init (&self->lock, NULL);
    pthread_cond_init (&self->changed, NULL);
    return self;
}

void
support_log_clear (support_log_t *self)
{
    pthread_mutex_lock (&self->lock);
    for (size_t i = 0; i < self->count; i++) {
        covey_event_destroy (&self->entries[i]->event);
        free (self->entries[i]);
    }
    self->count = 0;
    pthread_mutex_unlock (&self->lock);
}

void
support_log_destroy (support_log_t **self_p)
{
    support_log_t *self = *self_p;
    if (!self)
        return;
    support_log_clear (self);
    pthread_mutex_destroy (&self->lock);
    pthread_cond_destroy (&self->changed);
    free (self->entries);
    free (self);
    *self_p = NULL;
}

static entry_t *
s_new_entry (covey_agent_t *agent)
{
    entry_t *entry = calloc (1, sizeof *entry);
    if (!entry)
        abort ();
    snprintf (entry->agent, sizeof entry->agent, "%s", covey_agent_id (agent));
    return entry;
}

static void
s_push (support_log_t *self, entry_t *entry)
{
    pthread_mutex_lock (&self->lock);
    if (self->count == LOG_MAX)
        abort ();
    self->entries[self->count++] = entry;
    pthread_cond_broadcast (&self->changed);
    pthread_mutex_unlock (&self->lock);
}

covey_err_t
support_log_handler (covey_agent_t *agent, const covey_event_t *event,
                     void *arg)
{
    entry_t *entry = s_new_entry (agent);
    entry->event = covey_event_dup (event);
    s_push (arg, entry);
    return COVEY_OK;
}

void
support_log_notice (covey_agent_t *agent, const covey_notice_t *notice,
                    void *arg)
{
    entry_t *entry = s_new_entry (agent);
    entry->kind = notice->kind;
    snprintf (entry->text, sizeof entry->text, "%s", notice->text);
    s_push (arg, entry);
}

bool
support_log_wait (support_log_t *self, size_t count, int timeout_ms)
{
    struct timespec ts;
    clock_gettime (CLOCK_REALTIME, &ts);
    ts.tv_sec += timeout_ms / 1000;
    ts.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock (&self->lock);
    int rc = 0;
    while (self->count < count && rc == 0)
        rc = pthread_cond_timedwait (&self->changed, &self->lock, &ts);
    bool is_there = self->count >= count;
    pthread_mutex_unlock (&self->lock);
    return is_there;
}

size_t
support_log_count (support_log_t *self)
{
    pthread_mutex_lock (&self->lock);
    size_t count = self->count;
    pthread_mutex_unlock (&self->lock);
    return count;
}

static const entry_t *
s_at (support_log_t *self, size_t index)
{
    pthread_mutex_lock (&self->lock);
    const entry_t *entry = index < self->count ? self->entries[index] : NULL;
    pthread_mutex_unlock (&self->lock);
    assert_non_null (entry);
    return entry;
}

const covey_event_t *
support_log_event (support_log_t *self, size_t index)
{
    return s_at (self, index)->event;
}

const char *
support_log_agent (support_log_t *self, size_t index)
{
    return s_at (self, index)->agent;
}

covey_notice_kind_t
support_log_kind (support_log_t *self, size_t index)
{
    return s_at (self, index)->kind;
}

const char *
support_log_text (support_log_t *self, size_t index)
{
    return s_at (self, index)->text;
}

const char *
support_content (const covey_event_t *event)
{
    const char *text = covey_event_payload (event, "content", NULL, NULL);
    return text ? text : "";
}

int64_t
support_now_ms (void)
{
    struct timespec ts;
    clock_gettime (CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
support_expect (int rc, int expected, const char *call, const char *file,
                int line)
{
    if (rc == expected)
        return;
    print_error ("%s: %s instead of %s: %s\n", call, covey_err_name (rc),
                 covey_err_name (expected), covey_error ());
    _fail (file, line);
}
