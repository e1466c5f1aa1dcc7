#include "coordinator/task.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/*  What may happen. Q A C S Z are queued, assigned, accepted, started, paused;
   D F X P are completed (done), failed, cancelled, parked; '=' stays, '-' is
    refused, '?' is for the retry policy: queued again, failed, or parked. What
    would be queued again and was asked to pause or to stop is paused or
    cancelled instead.

    Reports reach the table only when they come from the holder with its token,
    so the row of an ended task is about its last holder coming late.         */
static const char s_table[COVEY_TASK_STATES][COVEY_TASK_VERBS + 1] = {
    /* columns as in covey_task_verb_t: assign, accept, reject, start, progress,
       complete, fail, lose, expire, cancel, retry, yield, pause, resume */
    /* queued    */ "A-------FX--Z-",
    /* assigned  */ "-CQSSD??FX-Q==",
    /* accepted  */ "-=QSSD??FX-Q==",
    /* started   */ "---==D??FX-Q==",
    /* paused    */ "--------FX---Q",
    /* completed */ "--------------",
    /* failed    */ "----------Q---",
    /* cancelled */ "--------------",
    /* parked    */ "---------XQ---",
};
static const char s_letters[] = "QACSZDFXP";

covey_task_move_t
covey_task_move (covey_task_state_t state, covey_task_verb_t verb,
                 covey_task_state_t *next_p)
{
    char cell = s_table[state][verb];
    switch (cell) {
        case '-':
            return COVEY_TASK_REFUSE;
        case '=':
            return COVEY_TASK_KEEP;
        case '?':
            return COVEY_TASK_POLICY;
        default:
            *next_p =
                (covey_task_state_t)(strchr (s_letters, cell) - s_letters);
            return COVEY_TASK_GO;
    }
}

bool
covey_task_state_is_ended (covey_task_state_t state)
{
    return state >= COVEY_TASK_STATE_COMPLETED;
}

static const char *const s_dependency_policies[] = {"fail", "ignore", "wait"};
static const char *const s_parent_policies[] = {"cancel", "request", "abandon"};

static int
s_policy (const char *const *names, const char *name)
{
    for (int i = 0; name && i < 3; i++)
        if (strcmp (names[i], name) == 0)
            return i;
    return name ? -1 : 0;
}

int
covey_task_dependency_policy (const char *name)
{
    return s_policy (s_dependency_policies, name);
}

const char *
covey_task_dependency_policy_name (int policy)
{
    return s_dependency_policies[policy];
}

int
covey_task_parent_policy (const char *name)
{
    return s_policy (s_parent_policies, name);
}

const char *
covey_task_parent_policy_name (int policy)
{
    return s_parent_policies[policy];
}

static const char *const s_names[COVEY_TASK_STATES] = {
    "queued",    "assigned", "accepted",  "started", "paused",
    "completed", "failed",   "cancelled", "parked"};

const char *
covey_task_state_name (covey_task_state_t state)
{
    return s_names[state];
}

int
covey_task_state_number (const char *name)
{
    for (int i = 0; i < COVEY_TASK_STATES; i++)
        if (strcmp (s_names[i], name) == 0)
            return i;
    return -1;
}

void
covey_blob_set (covey_blob_t *self, int content, const void *data, size_t size)
{
    void *copy = covey_mem_dup (data, size);
    free (self->data);
    *self = (covey_blob_t){true, content, copy, size};
}

void
covey_blob_deinit (covey_blob_t *self)
{
    free (self->data);
    *self = (covey_blob_t){0};
}

static int
s_compare_edges (const void *a, const void *b)
{
    const covey_dependency_t *x = a, *y = b;
    return x->waiter->seq < y->waiter->seq ? -1
                                           : x->waiter->seq > y->waiter->seq;
}

static int
s_compare_children (const void *a, const void *b)
{
    const covey_task_t *x = a, *y = b;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

covey_task_t *
covey_task_new (const char *id, uint64_t seq)
{
    covey_task_t *self = covey_mem_new (sizeof *self);
    self->id = covey_str_dup (id);
    self->seq = seq;
    self->wake.owner = self;
    self->limit.owner = self;
    self->deadline.owner = self;
    self->keep_ms = -1;
    covey_tree_init (&self->dependants, offsetof (covey_dependency_t, link),
                     s_compare_edges);
    covey_tree_init (&self->children, offsetof (covey_task_t, in_parent),
                     s_compare_children);
    return self;
}

void
covey_task_destroy (covey_task_t **self_p)
{
    covey_task_t *self = *self_p;
    if (!self)
        return;
    assert (!self->lane && !self->worker && !self->dependants.count);
    for (size_t i = 0; i < self->dependency_count; i++)
        free (self->dependencies[i].id);
    free (self->dependencies);
    covey_texts_deinit (&self->required);
    covey_texts_deinit (&self->retry.fatal_codes);
    covey_blob_deinit (&self->input);
    covey_blob_deinit (&self->result);
    covey_blob_deinit (&self->details);
    free (self->wish);
    free (self->rejections);
    free (self->error_code);
    free (self->error);
    free (self->status);
    free (self->agent);
    free (self->agent_type);
    free (self->assignee);
    free (self->coordination);
    free (self->swarm);
    free (self->step);
    free (self->parent_id);
    free (self->schedule_id);
    free (self->host);
    free (self->share);
    free (self->correlation_id);
    free (self->submitter);
    free (self->key);
    free (self->description);
    free (self->type);
    free (self->id);
    free (self);
    *self_p = NULL;
}

void
covey_task_note_rejection (covey_task_t *self, uint64_t generation)
{
    assert (self->rejection_count < COVEY_TASK_REJECTIONS_MAX);
    if (!self->rejections) /* few tasks need any                              */
        self->rejections = covey_mem_new (COVEY_TASK_REJECTIONS_MAX *
                                          sizeof *self->rejections);
    self->rejections[self->rejection_count++] = generation;
}

bool
covey_task_was_rejected_by (const covey_task_t *self, uint64_t generation)
{
    for (uint32_t i = 0; i < self->rejection_count; i++)
        if (self->rejections[i] == generation)
            return true;
    return false;
}

bool
covey_task_is_fatal (const covey_task_t *self, const char *code)
{
    return code && covey_texts_has (&self->retry.fatal_codes, code);
}

bool
covey_task_may_retry (const covey_task_t *self, const char *code)
{
    if (covey_task_is_fatal (self, code))
        return false;
    return self->retry.attempts == 0 ||
           self->attempt - self->attempts_before < self->retry.attempts;
}

bool
covey_task_is_final (const covey_task_t *self, const char *code)
{
    return covey_task_is_fatal (self, code) ||
           (self->coordination && !covey_task_may_retry (self, code));
}

int64_t
covey_task_delay_ms (const covey_task_t *self)
{
    const covey_retry_t *retry = &self->retry;
    int64_t delay = retry->first_delay_ms;
    uint32_t failed = self->attempt - self->attempts_before;
    for (uint32_t i = 1; i < failed && delay < retry->max_delay_ms; i++) {
        int64_t next = delay * retry->multiplier / 1000;
        if (next == delay)
            break; /* a factor of 1, or a delay of nothing */
        delay = next;
    }
    if (delay > retry->max_delay_ms)
        delay = retry->max_delay_ms;
    uint64_t hash = covey_str_hash (self->id, strlen (self->id));
    hash = (hash ^ self->attempt) * 0x9e3779b97f4a7c15u;
    return delay - delay * (int64_t)(hash >> 32 & 0xff) / INT64_C (1280);
}

void
covey_task_set (char **text_p, const char *text)
{
    char *copy = covey_str_dup (text);
    free (*text_p);
    *text_p = copy;
}

static size_t
s_length (const char *text)
{
    return text ? strlen (text) : 0;
}

size_t
covey_task_measure (const covey_task_t *self)
{
    size_t bytes = COVEY_TASK_OVERHEAD + s_length (self->id) +
                   s_length (self->type) + s_length (self->description) +
                   s_length (self->key) + s_length (self->status) +
                   s_length (self->error) +
                   covey_texts_bytes (&self->required) + self->input.size +
                   self->result.size + self->details.size;
    for (size_t i = 0; i < self->dependency_count; i++)
        bytes += COVEY_TASK_EDGE_OVERHEAD + s_length (self->dependencies[i].id);
    return bytes;
}
