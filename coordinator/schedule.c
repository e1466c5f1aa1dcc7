#include "coordinator/schedule.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/task.h"

static const char *const s_overlaps[COVEY_OVERLAPS] = {
    "skip", "bufferOne", "bufferAll", "cancelOther", "allowAll"};

int
covey_overlap_number (const char *name)
{
    for (int i = 0; name && i < COVEY_OVERLAPS; i++)
        if (strcmp (s_overlaps[i], name) == 0)
            return i;
    return name ? -1 : COVEY_OVERLAP_SKIP;
}

const char *
covey_overlap_name (covey_overlap_t overlap)
{
    return s_overlaps[overlap];
}

static int
s_by_seq (const void *a, const void *b)
{
    const covey_task_t *x = a, *y = b;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

covey_schedule_t *
covey_schedule_new (const char *id, const Covey__Control__TaskSubmit *task)
{
    covey_schedule_t *self = covey_mem_new (sizeof *self);
    self->id = covey_str_dup (id);
    self->bytes = covey__control__task_submit__get_packed_size (task);
    uint8_t *packed = covey_mem_new (self->bytes);
    covey__control__task_submit__pack (task, packed);
    self->task =
        covey__control__task_submit__unpack (NULL, self->bytes, packed);
    free (packed);
    if (!self->task)
        abort ();
    self->timer.kind = COVEY_TIMER_SCHEDULE;
    self->timer.owner = self;
    self->next_us = self->ends_us = INT64_MAX;
    covey_tree_init (&self->live, offsetof (covey_task_t, in_schedule),
                     s_by_seq);
    return self;
}

void
covey_schedule_destroy (covey_schedule_t **self_p)
{
    covey_schedule_t *self = *self_p;
    if (!self)
        return;
    assert (!self->live.count);
    covey__control__task_submit__free_unpacked (self->task, NULL);
    free (self->cron_text);
    free (self->submitter);
    free (self->id);
    free (self);
    *self_p = NULL;
}

int64_t
covey_schedule_after (const covey_schedule_t *self, int64_t after_us)
{
    int64_t next_us;
    if (self->times &&
        self->runs + self->buffered_count + self->skipped + self->refused >=
            self->times)
        return INT64_MAX;
    if (self->cron_text) {
        if (after_us < self->starts_us)
            after_us = self->starts_us - 1;
        next_us = covey_cron_next_us (&self->cron, after_us);
    } else if (after_us < self->starts_us)
        next_us = self->starts_us;
    else {
        int64_t every_us = self->every_ms * 1000;
        int64_t passed = (after_us - self->starts_us) / every_us;
        next_us = self->starts_us + (passed + 1) * every_us;
    }
    return next_us > self->ends_us ? INT64_MAX : next_us;
}
