#include "proto/gather.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

typedef enum {
    STATE_ASKED,
    STATE_HEARD,
    STATE_ANSWERED,
    STATE_FAILED,
    STATE_UNREACHABLE,
    STATE_COUNT
} gather_state_t;

struct covey_gather {
    covey_gather_rules_t rules;
    covey_gather_end_t end;
    int64_t until_ms;
    int64_t news_ms; /* the last                                              */
    size_t asked;
    size_t heard;
    size_t in_state[STATE_COUNT];
    uint8_t states[]; /* gather_state_t                                       */
};

covey_gather_t *
covey_gather_new (const covey_gather_rules_t *rules, size_t count,
                  int64_t now_ms)
{
    covey_gather_t *self = covey_mem_new (sizeof *self + count);
    self->rules = *rules;
    self->asked = self->in_state[STATE_ASKED] = count;
    self->until_ms = now_ms + rules->timeout_ms;
    self->news_ms = now_ms;
    return self;
}

void
covey_gather_destroy (covey_gather_t **self_p)
{
    free (*self_p);
    *self_p = NULL;
}

static void
s_become (covey_gather_t *self, size_t index, gather_state_t state,
          int64_t now_ms)
{
    assert (index < self->asked);
    gather_state_t before = (gather_state_t)self->states[index];
    if (before > STATE_HEARD || state <= before)
        return;
    self->in_state[before]--;
    self->in_state[state]++;
    self->states[index] = (uint8_t)state;
    self->heard += before == STATE_ASKED && state != STATE_UNREACHABLE;
    self->news_ms = now_ms;
}

void
covey_gather_heard (covey_gather_t *self, size_t index, int64_t now_ms)
{
    s_become (self, index, STATE_HEARD, now_ms);
}

void
covey_gather_answered (covey_gather_t *self, size_t index, bool success,
                       int64_t now_ms)
{
    s_become (self, index, success ? STATE_ANSWERED : STATE_FAILED, now_ms);
}

void
covey_gather_unreachable (covey_gather_t *self, size_t index, int64_t now_ms)
{
    s_become (self, index, STATE_UNREACHABLE, now_ms);
}

static covey_gather_end_t
s_judge (const covey_gather_t *self, int64_t now_ms)
{
    const size_t *in = self->in_state;
    if (self->rules.stop_on_error && in[STATE_FAILED] + in[STATE_UNREACHABLE])
        return COVEY_GATHER_ERROR;
    if (self->rules.max_answers &&
        in[STATE_ANSWERED] >= self->rules.max_answers)
        return COVEY_GATHER_MAXIMUM;
    if (in[STATE_ASKED] + in[STATE_HEARD] == 0)
        return COVEY_GATHER_ALL;
    if (now_ms >= self->until_ms)
        return COVEY_GATHER_TIMEOUT;
    if (self->rules.stall_ms && now_ms >= self->news_ms + self->rules.stall_ms)
        return COVEY_GATHER_STALLED;
    return COVEY_GATHER_RUNS;
}

covey_gather_end_t
covey_gather_end (covey_gather_t *self, int64_t now_ms)
{
    if (self->end == COVEY_GATHER_RUNS)
        self->end = s_judge (self, now_ms);
    return self->end;
}

int64_t
covey_gather_next_ms (const covey_gather_t *self)
{
    int64_t stall_ms = self->news_ms + self->rules.stall_ms;
    return self->rules.stall_ms && stall_ms < self->until_ms ? stall_ms
                                                             : self->until_ms;
}

void
covey_gather_result (const covey_gather_t *self, covey_gather_result_t *result)
{
    *result = (covey_gather_result_t){
        .asked = self->asked,
        .heard = self->heard,
        .answered = self->in_state[STATE_ANSWERED],
        .failed = self->in_state[STATE_FAILED],
        .unreachable = self->in_state[STATE_UNREACHABLE],
        .end = self->end};
}
