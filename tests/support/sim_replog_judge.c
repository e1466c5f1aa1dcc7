#include "tests/support/sim_replog_judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

sim_judge_t *
sim_judge_new (sim_ledger_book_t *book, const covey_state_limits_t *limits)
{
    sim_judge_t *self = covey_mem_new (sizeof *self);
    self->book = book;
    self->limits = *limits;
    return self;
}

void
sim_judge_destroy (sim_judge_t **self_p)
{
    sim_judge_t *self = *self_p;
    if (!self)
        return;
    sim_judge_deinit_memory (self);
    free (self->claims);
    free (self->tasks);
    free (self->schedules);
    free (self->sessions.pairs);
    free (self->swarms);
    free (self->votes);
    free (self->counted.pairs);
    free (self);
    *self_p = NULL;
}

void
sim_judge_break (sim_judge_t *self, const char *fmt, ...)
{
    char text[200];
    va_list args;
    va_start (args, fmt);
    vsnprintf (text, sizeof text, fmt, args);
    va_end (args);
    sim_book_break (self->book, "index %" PRIu64 ": %s", self->index, text);
}

bool
sim_judge_is_done (const sim_judge_t *self, Covey__Control__Command__OpCase op)
{
    return self->is_new && self->command->op_case == op && !self->effects->code;
}

/*  Tokens of tasks and of claims come from one counter.                     */
void
sim_judge_token (sim_judge_t *self, uint64_t token)
{
    if (token <= self->token)
        sim_judge_break (self, "fencing token %" PRIu64 " after %" PRIu64,
                         token, self->token);
    self->token = token;
}

const sim_job_t *
sim_judge_job (const sim_judge_t *self, size_t back)
{
    return back < SIM_JOBS && back < self->job_count
               ? &self->jobs[(self->job_count - 1 - back) % SIM_JOBS]
               : NULL;
}

void
sim_judge_apply (sim_judge_t *self, uint64_t index,
                 const Covey__Control__Command *command,
                 const covey_effects_t *effects, int64_t now_us, bool is_new)
{
    self->index = index;
    self->command = command;
    self->effects = effects;
    self->now_us = now_us;
    self->is_new = is_new;
    sim_judge_memory (self);
    sim_judge_roles (self);
    sim_judge_claims (self);
    sim_judge_tasks (self);
    sim_judge_votes (self);
}
