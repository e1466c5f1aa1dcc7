/*  Which steps there are, who may begin one, and what follows from its end.

    sequential    work 1, work 2, ... one at a time
    parallel      all work at once
    hierarchical  split by the leader; parts, one at a time per seat but the
                  leader's; merge by the leader
    consensus     all work at once; votes, when the results differ
    any           one work, of whoever the scheduler gives it to
    split         parts of the input, one at a time per seat                  */
#include "coordinator/team_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

covey_step_t *
covey_team_add_step (covey_team_t *self, covey_step_kind_t kind, int seat,
                     uint32_t number)
{
    self->steps = covey_mem_room (self->steps, self->step_count,
                                  &self->step_capacity, sizeof *self->steps);
    covey_step_t *step = &self->steps[self->step_count++];
    *step = (covey_step_t){.kind = kind, .seat = seat, .number = number};
    self->changed = true;
    return step;
}

/*  A step for each part that this is cut into; how many there are.          */
static size_t
s_add_parts (covey_team_t *self, const covey_blob_t *whole)
{
    covey_slice_t *parts = covey_mem_new (COVEY_TEAM_PARTS_MAX * sizeof *parts);
    size_t count = covey_team_parts (whole, parts);
    for (size_t i = 0; i < count; i++) {
        covey_step_t *part =
            covey_team_add_step (self, COVEY_STEP_PART, -1, (uint32_t)i + 1);
        covey_team_keep (&part->part, whole->content, parts[i].text,
                         parts[i].size);
    }
    free (parts);
    return count;
}

void
covey_team_plan (covey_team_t *self)
{
    switch (self->strategy) {
        case COVEY_TEAM_HIERARCHICAL:
            covey_team_add_step (self, COVEY_STEP_SPLIT, self->leader_seat, 1);
            break;
        case COVEY_TEAM_ANY:
            covey_team_add_step (self, COVEY_STEP_WORK, -1, 1);
            break;
        case COVEY_TEAM_SPLIT: /* each gets its own part of it alone */
            (void)s_add_parts (self, &self->input);
            covey_blob_deinit (&self->input);
            break;
        case COVEY_TEAM_SEQUENTIAL:
        case COVEY_TEAM_PARALLEL:
        case COVEY_TEAM_CONSENSUS:
            for (size_t i = 0; i < self->seat_count; i++)
                covey_team_add_step (self, COVEY_STEP_WORK, (int)i,
                                     (uint32_t)i + 1);
            break;
    }
}

size_t
covey_team_count_steps (const covey_team_t *self, covey_step_state_t state)
{
    size_t count = 0;
    for (size_t i = 0; i < self->step_count; i++)
        count += self->steps[i].state == state;
    return count;
}

bool
covey_team_is_over (const covey_team_t *self, covey_step_kind_t kind)
{
    for (size_t i = 0; i < self->step_count; i++)
        if (self->steps[i].kind == kind &&
            (self->steps[i].state == COVEY_STEP_WAITING ||
             self->steps[i].state == COVEY_STEP_RUNNING))
            return false;
    return true;
}

bool
covey_team_is_needed (const covey_team_t *self, int seat)
{
    for (size_t i = 0; i < self->step_count; i++)
        if (self->steps[i].seat == seat &&
            (self->steps[i].state == COVEY_STEP_WAITING ||
             self->steps[i].state == COVEY_STEP_RUNNING))
            return true;
    return self->stage == COVEY_TEAM_ACTIVE &&
           (self->strategy == COVEY_TEAM_HIERARCHICAL ||
            self->strategy == COVEY_TEAM_CONSENSUS ||
            (self->strategy == COVEY_TEAM_SPLIT &&
             covey_team_count_steps (self, COVEY_STEP_WAITING)));
}

/* ---- what may begin
 * ------------------------------------------------------------ */

static bool
s_is_working (const covey_team_t *self, int seat)
{
    for (size_t i = 0; i < self->step_count; i++)
        if (self->steps[i].seat == seat &&
            self->steps[i].state == COVEY_STEP_RUNNING)
            return true;
    return false;
}

/*  A seat for a part: the first one with an agent that has nothing to do.   */
static int
s_idle_seat (const covey_team_t *self)
{
    for (size_t i = 0; i < self->seat_count; i++)
        if (((int)i != self->leader_seat ||
             self->strategy == COVEY_TEAM_SPLIT) &&
            covey_team_is_held (self, i) && !s_is_working (self, (int)i))
            return (int)i;
    return -1;
}

int
covey_team_next (covey_team_t *self)
{
    if (self->paused || (self->stage != COVEY_TEAM_ACTIVE &&
                         self->stage != COVEY_TEAM_COMPLETING))
        return -1;
    if (self->strategy == COVEY_TEAM_SEQUENTIAL &&
        covey_team_count_steps (self, COVEY_STEP_RUNNING))
        return -1;
    for (size_t i = 0; i < self->step_count; i++) {
        covey_step_t *step = &self->steps[i];
        if (step->state != COVEY_STEP_WAITING)
            continue;
        if (step->kind == COVEY_STEP_PART)
            step->seat = s_idle_seat (self);
        if (step->seat < 0)
            return self->strategy == COVEY_TEAM_ANY ? (int)i : -1;
        covey_task_set (&step->agent_id,
                        covey_team_seat (self, (size_t)step->seat));
        return (int)i;
    }
    return -1;
}

void
covey_team_run (covey_team_t *self, size_t step, const char *task_id)
{
    assert (self->steps[step].state == COVEY_STEP_WAITING);
    self->steps[step].state = COVEY_STEP_RUNNING;
    covey_str_copy (self->steps[step].task_id, sizeof self->steps[step].task_id,
                    task_id);
    self->changed = true;
}

/* ---- what ends
 * ----------------------------------------------------------------- */

/*  Sequential: only the last result is needed.                              */
static void
s_forget_before (covey_team_t *self, size_t step)
{
    for (size_t i = 0; i < step; i++) {
        self->result_bytes -= self->steps[i].result.size;
        covey_blob_deinit (&self->steps[i].result);
    }
}

static void
s_on_split (covey_team_t *self, size_t step)
{
    /* Adding steps moves them: what the parts are cut from must stay. */
    covey_blob_t split = self->steps[step].result;
    self->steps[step].result = (covey_blob_t){0};
    self->result_bytes -= split.size;
    size_t count = s_add_parts (self, &split);
    covey_blob_deinit (&split);
    if (count)
        return;
    self->steps[step].state = COVEY_STEP_RUNNING;
    covey_team_failed (self, step,
                       "its split is no list of 1 to 256 parts (JSON list, or "
                       "one part a line)");
}

void
covey_team_done (covey_team_t *self, size_t step, const covey_blob_t *result)
{
    covey_step_t *done = &self->steps[step];
    assert (done->state == COVEY_STEP_RUNNING);
    done->state = COVEY_STEP_DONE;
    self->changed = true;
    covey_team_keep (&done->result, result->content, result->data,
                     result->size);
    self->result_bytes += done->result.size;
    if (self->strategy == COVEY_TEAM_SEQUENTIAL)
        s_forget_before (self, step);
    if (self->result_bytes > COVEY_PAYLOAD_MAX) {
        covey_team_end (self, COVEY_TEAM_TOO_LARGE,
                        "the results have %zu bytes, together they may have %d",
                        self->result_bytes, COVEY_PAYLOAD_MAX);
        return;
    }
    covey_blob_deinit (&done->part);
    if (done->kind == COVEY_STEP_SPLIT)
        s_on_split (self, step);
    else
        covey_team_advance (self);
}

void
covey_team_failed (covey_team_t *self, size_t step, const char *error)
{
    covey_step_t *failed = &self->steps[step];
    assert (failed->state == COVEY_STEP_RUNNING && failed->seat >= 0);
    covey_task_set (&failed->error, error);
    covey_team_unseat (self, failed->seat, error);
}

void
covey_team_botched (covey_team_t *self, size_t step, const char *error)
{
    covey_step_t *failed = &self->steps[step];
    assert (failed->state == COVEY_STEP_RUNNING);
    covey_task_set (&failed->error, error);
    covey_blob_deinit (&failed->part);
    failed->state = COVEY_STEP_FAILED;
    self->changed = true;
    if (self->fail_fast || self->strategy == COVEY_TEAM_ANY)
        covey_team_end (self, COVEY_TEAM_FAILED, "%s failed: %.300s",
                        failed->agent_id ? failed->agent_id : "every attempt",
                        error);
    else
        covey_team_advance (self);
}

/*  Its steps begin anew with whoever has the seat now; when it is empty
    (`reason` says why), each kind of step has its own way.                   */
static void
s_give_back_step (covey_team_t *self, covey_step_t *step, const char *reason)
{
    self->changed = true;
    step->state = COVEY_STEP_WAITING;
    if (!reason)
        return;
    covey_task_set (&step->error, reason);
    switch (step->kind) {
        case COVEY_STEP_WORK:
        case COVEY_STEP_VOTE:
            step->state = COVEY_STEP_FAILED;
            break;
        case COVEY_STEP_PART:
            step->seat = -1;
            break;
        case COVEY_STEP_SPLIT:
        case COVEY_STEP_MERGE:
            step->seat = self->leader_seat;
            break;
    }
}

void
covey_team_give_back (covey_team_t *self, int seat, const char *reason)
{
    if (reason && seat == self->leader_seat)
        for (size_t i = self->seat_count; i > 0; i--)
            if (covey_team_is_held (self, i - 1))
                self->leader_seat = (int)i - 1;
    for (size_t i = 0; i < self->step_count; i++) {
        covey_step_t *step = &self->steps[i];
        if (step->seat == seat && (step->state == COVEY_STEP_WAITING ||
                                   step->state == COVEY_STEP_RUNNING))
            s_give_back_step (self, step, reason);
    }
    covey_team_advance (self);
}

/* ---- what follows
 * -------------------------------------------------------------- */

static const covey_step_t *
s_last_done (const covey_team_t *self)
{
    for (size_t i = self->step_count; i > 0; i--)
        if (self->steps[i - 1].state == COVEY_STEP_DONE)
            return &self->steps[i - 1];
    return NULL;
}

static void
s_finish_with (covey_team_t *self, const covey_step_t *step)
{
    if (step)
        covey_team_succeed (self, &step->result);
    else
        covey_team_end (self, COVEY_TEAM_NO_RESULT,
                        "no participant came to a result");
}

/*  All at once: the outcome is the list of what came.                       */
static void
s_finish_with_list (covey_team_t *self, covey_step_kind_t kind)
{
    if (!s_last_done (self)) {
        s_finish_with (self, NULL);
        return;
    }
    covey_buf_t json;
    covey_buf_init (&json, COVEY_PAYLOAD_MAX);
    covey_err_t code = covey_team_list (self, kind, &json);
    covey_blob_t list = {
        .content = COVEY_CONTENT_JSON, .data = json.data, .size = json.size};
    if (code)
        covey_team_end (self, COVEY_TEAM_TOO_LARGE,
                        "the list of all results has more than %d bytes",
                        COVEY_PAYLOAD_MAX);
    else
        covey_team_succeed (self, &list);
    covey_buf_deinit (&json);
}

static void
s_advance_hierarchical (covey_team_t *self)
{
    if (self->stage == COVEY_TEAM_COMPLETING) {
        if (covey_team_is_over (self, COVEY_STEP_MERGE))
            s_finish_with (self, s_last_done (self));
        return;
    }
    if (self->step_count > 1 && covey_team_is_over (self, COVEY_STEP_PART)) {
        self->stage = COVEY_TEAM_COMPLETING;
        covey_team_add_step (self, COVEY_STEP_MERGE, self->leader_seat, 1);
    }
}

static void
s_advance_consensus (covey_team_t *self)
{
    covey_choice_t choices[COVEY_TEAM_AGENTS_MAX];
    if (self->stage == COVEY_TEAM_COMPLETING) {
        if (covey_team_is_over (self, COVEY_STEP_VOTE))
            covey_team_tally (self);
        return;
    }
    if (!covey_team_is_over (self, COVEY_STEP_WORK))
        return;
    size_t count = covey_team_choices (self, choices);
    if (count < 2) {
        s_finish_with (self, count ? choices[0].step : NULL);
        return;
    }
    self->stage = COVEY_TEAM_COMPLETING;
    for (size_t i = 0; i < self->seat_count; i++)
        if (covey_team_is_held (self, i))
            covey_team_add_step (self, COVEY_STEP_VOTE, (int)i,
                                 (uint32_t)i + 1);
    if (covey_team_is_over (self, COVEY_STEP_VOTE)) /* nobody is left to vote */
        covey_team_tally (self);
}

/*  Parts that nobody is left for have failed.                               */
static void
s_advance_split (covey_team_t *self)
{
    bool held = false;
    for (size_t i = 0; i < self->seat_count; i++)
        held = held || covey_team_is_held (self, i);
    for (size_t i = 0; i < self->step_count && !held; i++)
        if (self->steps[i].state == COVEY_STEP_WAITING) {
            self->steps[i].state = COVEY_STEP_FAILED;
            if (!self->steps[i].error)
                covey_task_set (&self->steps[i].error, "no member is left");
        }
    if (covey_team_is_over (self, COVEY_STEP_PART))
        s_finish_with_list (self, COVEY_STEP_PART);
}

void
covey_team_advance (covey_team_t *self)
{
    if (self->stage == COVEY_TEAM_COMPLETED)
        return;
    switch (self->strategy) {
        case COVEY_TEAM_SEQUENTIAL:
            if (covey_team_is_over (self, COVEY_STEP_WORK))
                s_finish_with (self, s_last_done (self));
            break;
        case COVEY_TEAM_PARALLEL:
            if (covey_team_is_over (self, COVEY_STEP_WORK))
                s_finish_with_list (self, COVEY_STEP_WORK);
            break;
        case COVEY_TEAM_HIERARCHICAL:
            s_advance_hierarchical (self);
            break;
        case COVEY_TEAM_CONSENSUS:
            s_advance_consensus (self);
            break;
        case COVEY_TEAM_ANY:
            if (covey_team_is_over (self, COVEY_STEP_WORK))
                s_finish_with (self, s_last_done (self));
            break;
        case COVEY_TEAM_SPLIT:
            s_advance_split (self);
            break;
    }
}
