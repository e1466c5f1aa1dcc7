#include "coordinator/share.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static int
s_by_key (const void *a, const void *b)
{
    const covey_share_t *x = a, *y = b;
    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    return strcmp (x->key, y->key);
}

static int
s_by_time (const void *a, const void *b)
{
    const covey_share_t *x = a, *y = b;
    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return strcmp (x->key, y->key);
}

/*  Before all of a priority.                                                */
static int
s_key_priority (const void *key, const void *item)
{
    const uint32_t *priority = key;
    return *priority <= ((const covey_share_t *)item)->priority ? -1 : 1;
}

void
covey_shares_init (covey_shares_t *self)
{
    *self = (covey_shares_t){0};
    covey_tree_init (&self->all, offsetof (covey_share_t, by_key), s_by_key);
    covey_tree_init (&self->idle, offsetof (covey_share_t, in_idle), s_by_time);
}

static void
s_forget (covey_shares_t *self, covey_share_t *share)
{
    assert (!share->flows);
    if (covey_link_is_in (&share->in_idle))
        covey_tree_remove (&self->idle, share);
    covey_tree_remove (&self->all, share);
    free (share->key);
    free (share);
}

void
covey_shares_deinit (covey_shares_t *self)
{
    covey_share_t *share;
    while ((share = covey_tree_first (&self->all)))
        s_forget (self, share);
}

/*  Idle ones that are not ahead any more.                                   */
static void
s_trim (covey_shares_t *self, uint32_t priority)
{
    covey_share_t *share;
    while (
        (share = covey_tree_after (&self->idle, &priority, s_key_priority)) &&
        share->priority == priority && share->time <= self->now[priority])
        s_forget (self, share);
}

static covey_share_t *
s_find (const covey_shares_t *self, uint32_t priority, const char *key)
{
    const covey_share_t wanted = {.priority = priority, .key = (char *)key};
    return covey_tree_find (&self->all, &wanted, s_by_key);
}

static covey_share_t *
s_new (covey_shares_t *self, uint32_t priority, const char *key, uint64_t time)
{
    covey_share_t *share = covey_mem_new (sizeof *share);
    share->priority = priority;
    share->key = covey_str_dup (key);
    share->time = time;
    covey_tree_insert (&self->all, share);
    return share;
}

covey_share_t *
covey_shares_enter (covey_shares_t *self, uint32_t priority, const char *key)
{
    covey_share_t *share = s_find (self, priority, key);
    if (!share)
        share = s_new (self, priority, key, self->now[priority]);
    if (covey_link_is_in (&share->in_idle))
        covey_tree_remove (&self->idle, share);
    if (share->ready == 0 && !share->kept && share->time < self->now[priority])
        share->time = self->now[priority];
    share->kept = false;
    share->ready++;
    self->ready[priority]++;
    return share;
}

void
covey_shares_leave (covey_shares_t *self, covey_share_t *share)
{
    uint32_t priority = share->priority;
    if (--self->ready[priority] == 0) {
        /* Nobody waits: what was served is settled. */
        self->now[priority] = UINT64_MAX;
        s_trim (self, priority);
        s_forget (self, share);
        self->now[priority] = 0;
        return;
    }
    if (--share->ready)
        return;
    if (share->time <= self->now[priority]) {
        s_forget (self, share);
        return;
    }
    covey_tree_insert (&self->idle, share);
    if (self->idle.count <= COVEY_SHARES_IDLE_MAX)
        return;
    const covey_share_t *first = covey_tree_first (&self->idle);
    priority = first->priority;
    self->now[priority] = first->time;
    s_trim (self, priority);
}

void
covey_shares_charge (covey_shares_t *self, covey_share_t *share,
                     uint32_t weight)
{
    uint32_t priority = share->priority;
    uint64_t start = share->time;
    if (start < self->now[priority])
        start = self->now[priority];
    share->time = start + COVEY_SHARE_COST / (weight ? weight : 1);
    self->now[priority] = start;
    s_trim (self, priority);
}

covey_share_t *
covey_shares_restore (covey_shares_t *self, uint32_t priority, const char *key,
                      uint64_t time, bool has_tasks)
{
    if (s_find (self, priority, key))
        return NULL;
    covey_share_t *share = s_new (self, priority, key, time);
    share->kept = has_tasks;
    if (!has_tasks)
        covey_tree_insert (&self->idle, share);
    return share;
}
