#include "coordinator/timers.h"

static int
s_compare (const void *a, const void *b)
{
    const covey_timer_t *x = a, *y = b;
    if (x->due_us != y->due_us)
        return x->due_us < y->due_us ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

void
covey_timers_init (covey_timers_t *self)
{
    covey_tree_init (&self->tree, offsetof (covey_timer_t, link), s_compare);
    self->armed = 0;
}

void
covey_timers_arm (covey_timers_t *self, covey_timer_t *timer, int64_t due_us)
{
    covey_timers_disarm (self, timer);
    timer->due_us = due_us;
    timer->order = ++self->armed;
    covey_tree_insert (&self->tree, timer);
}

void
covey_timers_disarm (covey_timers_t *self, covey_timer_t *timer)
{
    if (covey_link_is_in (&timer->link))
        covey_tree_remove (&self->tree, timer);
}

covey_timer_t *
covey_timers_take (covey_timers_t *self, int64_t now_us)
{
    covey_timer_t *timer = covey_tree_first (&self->tree);
    if (!timer || timer->due_us > now_us)
        return NULL;
    covey_tree_remove (&self->tree, timer);
    return timer;
}

int64_t
covey_timers_next_us (const covey_timers_t *self)
{
    const covey_timer_t *timer = covey_tree_first (&self->tree);
    return timer ? timer->due_us : INT64_MAX;
}
