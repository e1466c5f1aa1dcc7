/*  Who is asked, who takes part, and how it ends.                            */
#include "coordinator/team_impl.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

covey_team_t *
covey_team_new (const char *id)
{
    covey_team_t *self = covey_mem_new (sizeof *self);
    self->id = covey_str_dup (id);
    return self;
}

static void
s_free_steps (covey_team_t *self)
{
    for (size_t i = 0; i < self->step_count; i++) {
        covey_step_t *step = &self->steps[i];
        free (step->agent_id);
        free (step->error);
        covey_blob_deinit (&step->part);
        covey_blob_deinit (&step->result);
    }
    free (self->steps);
}

void
covey_team_destroy (covey_team_t **self_p)
{
    covey_team_t *self = *self_p;
    if (!self)
        return;
    s_free_steps (self);
    for (size_t i = 0; i < self->invited_count; i++) {
        free (self->invited[i].agent_id);
        free (self->invited[i].reason);
    }
    free (self->invited);
    free (self->seats);
    covey_texts_deinit (&self->required);
    covey_blob_deinit (&self->input);
    covey_blob_deinit (&self->result);
    free (self->reason);
    free (self->task_type);
    free (self->leader);
    free (self->agent_type);
    free (self->swarm);
    free (self->requester);
    free (self->objective);
    free (self->id);
    free (self);
    *self_p = NULL;
}

/* ---- who is in it
 * -------------------------------------------------------------- */

static int
s_find (const covey_team_t *self, const char *agent_id)
{
    for (size_t i = 0; i < self->invited_count; i++)
        if (strcmp (self->invited[i].agent_id, agent_id) == 0)
            return (int)i;
    return -1;
}

static int
s_seat_of (const covey_team_t *self, int invited)
{
    for (size_t i = 0; i < self->seat_count; i++)
        if (self->seats[i] == invited)
            return (int)i;
    return -1;
}

size_t
covey_team_count (const covey_team_t *self, covey_invited_state_t state)
{
    size_t count = 0;
    for (size_t i = 0; i < self->invited_count; i++)
        count += self->invited[i].state == state;
    return count;
}

const char *
covey_team_seat (const covey_team_t *self, size_t seat)
{
    int invited = self->seats[seat];
    return invited < 0 ? NULL : self->invited[invited].agent_id;
}

/*  Of those without a seat, who accepted first; -1: nobody.                 */
static int
s_first_accepted (const covey_team_t *self)
{
    int best = -1;
    for (size_t i = 0; i < self->invited_count; i++) {
        const covey_invited_t *one = &self->invited[i];
        if (one->state == COVEY_INVITED_ACCEPTED &&
            (best < 0 || one->order < self->invited[best].order))
            best = (int)i;
    }
    return best;
}

static void
s_set_state (covey_team_t *self, int invited, covey_invited_state_t state,
             const char *reason)
{
    self->invited[invited].state = state;
    covey_task_set (&self->invited[invited].reason, reason);
    self->changed = true;
}

/* ---- gathering --------------------------------------------------------------
 */

size_t
covey_team_wanted (const covey_team_t *self)
{
    if (self->stage != COVEY_TEAM_FORMING)
        return 0;
    size_t have = covey_team_count (self, COVEY_INVITED_ASKED) +
                  covey_team_count (self, COVEY_INVITED_ACCEPTED);
    size_t wanted = self->max_agents + COVEY_TEAM_RESERVE;
    size_t room = COVEY_TEAM_INVITED_MAX - self->invited_count;
    wanted = wanted > have ? wanted - have : 0;
    return wanted < room ? wanted : room;
}

bool
covey_team_may_invite (const covey_team_t *self, const char *agent_id)
{
    int invited = s_find (self, agent_id);
    return strcmp (agent_id, self->requester) != 0 &&
           (invited < 0 || self->invited[invited].state == COVEY_INVITED_GONE);
}

void
covey_team_invite (covey_team_t *self, const char *agent_id)
{
    int invited = s_find (self, agent_id);
    if (invited >= 0) {
        s_set_state (self, invited, COVEY_INVITED_ASKED, NULL);
        return;
    }
    self->invited =
        covey_mem_room (self->invited, self->invited_count,
                        &self->invited_capacity, sizeof *self->invited);
    self->invited[self->invited_count++] =
        (covey_invited_t){.agent_id = covey_str_dup (agent_id),
                          .state = COVEY_INVITED_ASKED,
                          .weight = COVEY_WEIGHT_ONE};
}

void
covey_team_enlist (covey_team_t *self, const char *agent_id, uint64_t weight)
{
    covey_team_invite (self, agent_id);
    covey_invited_t *member = &self->invited[self->invited_count - 1];
    member->state = COVEY_INVITED_ACCEPTED;
    member->order = ++self->accepted;
    member->weight = weight;
}

/*  The place of who answers; -1 with `*code_p`.                             */
static int
s_find_answering (const covey_team_t *self, const char *agent_id,
                  covey_err_t *code_p, covey_errbuf_t *err)
{
    int invited = s_find (self, agent_id);
    if (invited < 0)
        *code_p = covey_fail (err, COVEY_DENIED,
                              "agent %s was not asked to take part in %s",
                              agent_id, self->id);
    else if (self->stage == COVEY_TEAM_COMPLETED)
        *code_p =
            covey_fail (err, COVEY_STATE, "coordination %s is over", self->id);
    else
        return invited;
    return -1;
}

covey_err_t
covey_team_accept (covey_team_t *self, const char *agent_id,
                   covey_errbuf_t *err)
{
    covey_err_t code = COVEY_OK;
    int invited = s_find_answering (self, agent_id, &code, err);
    if (invited < 0)
        return code;
    if (s_seat_of (self, invited) >= 0)
        return COVEY_OK;
    switch (self->invited[invited].state) {
        case COVEY_INVITED_ACCEPTED:
            return COVEY_OK;
        case COVEY_INVITED_FAILED:
            return covey_fail (
                err, COVEY_STATE, "agent %s took part in %s and failed: %s",
                agent_id, self->id, self->invited[invited].reason);
        case COVEY_INVITED_ASKED:
        case COVEY_INVITED_SEATED:
        case COVEY_INVITED_REJECTED:
        case COVEY_INVITED_GONE:
            break;
    }
    s_set_state (self, invited, COVEY_INVITED_ACCEPTED, NULL);
    self->invited[invited].order = ++self->accepted;
    return COVEY_OK;
}

covey_err_t
covey_team_reject (covey_team_t *self, const char *agent_id, const char *reason,
                   covey_errbuf_t *err)
{
    covey_err_t code = COVEY_OK;
    int invited = s_find_answering (self, agent_id, &code, err);
    if (invited < 0)
        return code;
    if (self->invited[invited].state == COVEY_INVITED_SEATED)
        covey_team_unseat (self, s_seat_of (self, invited), reason);
    else if (self->invited[invited].state != COVEY_INVITED_FAILED)
        s_set_state (self, invited, COVEY_INVITED_REJECTED, reason);
    return COVEY_OK;
}

void
covey_team_lose (covey_team_t *self, const char *agent_id, const char *reason)
{
    int invited = s_find (self, agent_id);
    if (invited < 0 || self->stage == COVEY_TEAM_COMPLETED)
        return;
    switch (self->invited[invited].state) {
        case COVEY_INVITED_SEATED:
            covey_team_unseat (self, s_seat_of (self, invited), reason);
            break;
        case COVEY_INVITED_ASKED:
        case COVEY_INVITED_ACCEPTED:
            s_set_state (self, invited, COVEY_INVITED_GONE, reason);
            break;
        case COVEY_INVITED_REJECTED:
        case COVEY_INVITED_GONE:
        case COVEY_INVITED_FAILED:
            break;
    }
}

static bool
s_has_leader (const covey_team_t *self)
{
    if (!self->leader)
        return true;
    int invited = s_find (self, self->leader);
    return invited >= 0 &&
           self->invited[invited].state == COVEY_INVITED_ACCEPTED;
}

bool
covey_team_is_gathered (const covey_team_t *self, bool is_last, bool is_due)
{
    size_t accepted = covey_team_count (self, COVEY_INVITED_ACCEPTED);
    size_t asked = covey_team_count (self, COVEY_INVITED_ASKED);
    if (self->stage != COVEY_TEAM_FORMING || self->paused ||
        accepted < self->min_agents || !s_has_leader (self))
        return false;
    return accepted >= self->max_agents || is_due || (is_last && asked == 0);
}

void
covey_team_begin (covey_team_t *self, int64_t now_us)
{
    size_t accepted = covey_team_count (self, COVEY_INVITED_ACCEPTED);
    size_t count = accepted < self->max_agents ? accepted : self->max_agents;
    assert (self->stage == COVEY_TEAM_FORMING &&
            (count > 0 || self->strategy == COVEY_TEAM_ANY));
    self->seats = covey_mem_new (count * sizeof *self->seats);
    if (self->leader) {
        int leader = s_find (self, self->leader);
        self->seats[self->seat_count++] = leader;
        self->invited[leader].state = COVEY_INVITED_SEATED;
    }
    while (self->seat_count < count) {
        int next = s_first_accepted (self);
        self->seats[self->seat_count++] = next;
        self->invited[next].state = COVEY_INVITED_SEATED;
    }
    self->stage = COVEY_TEAM_ACTIVE;
    self->started_us = now_us;
    self->changed = true;
    covey_team_plan (self);
}

void
covey_team_give_up (covey_team_t *self)
{
    size_t accepted = covey_team_count (self, COVEY_INVITED_ACCEPTED);
    if (accepted >= self->min_agents && !s_has_leader (self)) {
        covey_team_end (self, COVEY_TEAM_TOO_FEW,
                        "%s, who was to lead, did not accept", self->leader);
        return;
    }
    if (self->invited_count == 0) {
        covey_team_end (self, COVEY_TEAM_TOO_FEW,
                        "no agent is there that offers what is asked for; at "
                        "least %u are needed",
                        self->min_agents);
        return;
    }
    covey_team_end (self, COVEY_TEAM_TOO_FEW,
                    "%zu asked, %zu accepted, %zu rejected, %zu gone, %zu did "
                    "not answer; at least %u are needed",
                    self->invited_count, accepted,
                    covey_team_count (self, COVEY_INVITED_REJECTED),
                    covey_team_count (self, COVEY_INVITED_GONE),
                    covey_team_count (self, COVEY_INVITED_ASKED),
                    self->min_agents);
}

/* ---- seats ------------------------------------------------------------------
 */

bool
covey_team_is_held (const covey_team_t *self, size_t seat)
{
    int invited = self->seats[seat];
    return invited >= 0 && self->invited[invited].state == COVEY_INVITED_SEATED;
}

void
covey_team_unseat (covey_team_t *self, int seat, const char *reason)
{
    int before = self->seats[seat];
    if (!covey_team_is_needed (self, seat)) { /* it did its part */
        s_set_state (self, before, COVEY_INVITED_GONE, reason);
        return;
    }
    const char *agent_id = self->invited[before].agent_id;
    s_set_state (self, before, COVEY_INVITED_FAILED, reason);
    int next = s_first_accepted (self);
    if (next >= 0) {
        self->seats[seat] = next;
        self->invited[next].state = COVEY_INVITED_SEATED;
        self->replaced++;
        covey_team_give_back (self, seat, NULL);
        return;
    }
    self->seats[seat] = -1;
    size_t left = covey_team_count (self, COVEY_INVITED_SEATED);
    if (self->fail_fast)
        covey_team_end (self, COVEY_TEAM_FAILED,
                        "%s failed and nobody is in reserve: %.300s", agent_id,
                        reason);
    else if (left < self->min_agents)
        covey_team_end (self, COVEY_TEAM_FAILED,
                        "%s failed and nobody is in reserve: %zu are left, at "
                        "least %u are needed: %.300s",
                        agent_id, left, self->min_agents, reason);
    else
        covey_team_give_back (self, seat, reason);
}

/* ---- the whole --------------------------------------------------------------
 */

void
covey_team_pause (covey_team_t *self, bool paused)
{
    self->changed |= self->paused != paused;
    self->paused = paused;
}

covey_team_status_t
covey_team_status (const covey_team_t *self)
{
    return self->paused && self->stage != COVEY_TEAM_COMPLETED
               ? COVEY_TEAM_PAUSED
               : self->stage;
}

/*  What was worked on is not needed any more; what was chosen from is.      */
static void
s_complete (covey_team_t *self)
{
    self->stage = COVEY_TEAM_COMPLETED;
    self->changed = true;
    covey_blob_deinit (&self->input);
    for (size_t i = 0; i < self->step_count; i++) {
        covey_step_state_t state = self->steps[i].state;
        if (state == COVEY_STEP_WAITING || state == COVEY_STEP_RUNNING) {
            self->steps[i].state = COVEY_STEP_FAILED;
            if (!self->steps[i].error)
                covey_task_set (&self->steps[i].error, "the session ended");
        }
        covey_blob_deinit (&self->steps[i].part);
        if (self->strategy != COVEY_TEAM_CONSENSUS)
            covey_blob_deinit (&self->steps[i].result);
    }
}

void
covey_team_succeed (covey_team_t *self, const covey_blob_t *result)
{
    assert (self->stage != COVEY_TEAM_COMPLETED);
    covey_blob_set (&self->result, result->content, result->data, result->size);
    self->success = true;
    s_complete (self);
}

void
covey_team_end (covey_team_t *self, const char *code, const char *fmt, ...)
{
    if (self->stage == COVEY_TEAM_COMPLETED)
        return;
    covey_errbuf_t text;
    va_list args;
    va_start (args, fmt);
    (void)covey_vfail (&text, COVEY_STATE, fmt, args);
    va_end (args);
    covey_task_set (&self->reason, text.text);
    self->code = code;
    s_complete (self);
}

const char *
covey_team_code (const char *text)
{
    static const char *const codes[] = {
        COVEY_TEAM_TOO_FEW,      COVEY_TEAM_FAILED,    COVEY_TEAM_NO_RESULT,
        COVEY_TEAM_NO_CONSENSUS, COVEY_TEAM_TOO_LARGE, COVEY_TEAM_TIMEOUT,
        COVEY_TEAM_CANCELLED};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp (codes[i], text) == 0)
            return codes[i];
    return NULL;
}

/*  A vote that nobody needs and parts that are not known yet count as if they
    were there: progress never goes back.                                     */
uint32_t
covey_team_progress (const covey_team_t *self)
{
    if (self->stage == COVEY_TEAM_COMPLETED)
        return 100;
    if (self->stage == COVEY_TEAM_FORMING)
        return 0;
    size_t over = covey_team_count_steps (self, COVEY_STEP_DONE) +
                  covey_team_count_steps (self, COVEY_STEP_FAILED);
    size_t all = self->step_count;
    if (self->strategy == COVEY_TEAM_CONSENSUS)
        all = 2 * self->seat_count;
    else if (self->strategy == COVEY_TEAM_HIERARCHICAL)
        all = self->step_count == 1                  ? COVEY_TEAM_PARTS_MAX
              : self->stage == COVEY_TEAM_COMPLETING ? self->step_count
                                                     : self->step_count + 1;
    return (uint32_t)(over * 100 / all);
}

static size_t
s_length (const char *text)
{
    return text ? strlen (text) : 0;
}

size_t
covey_team_measure (const covey_team_t *self)
{
    size_t bytes = COVEY_TEAM_OVERHEAD + s_length (self->id) +
                   s_length (self->objective) + self->input.size +
                   self->result.size + covey_texts_bytes (&self->required) +
                   self->invited_count * COVEY_TEAM_INVITED_OVERHEAD +
                   self->step_count * COVEY_TEAM_STEP_OVERHEAD;
    for (size_t i = 0; i < self->step_count; i++)
        bytes += self->steps[i].part.size + self->steps[i].result.size;
    return bytes;
}

/* ---- names ------------------------------------------------------------------
 */

const char *
covey_team_strategy_name (covey_team_strategy_t strategy)
{
    static const char *const names[] = {
        "sequential", "parallel", "hierarchical", "consensus", "any", "split"};
    return names[strategy];
}

const char *
covey_team_mode_name (const covey_team_t *self)
{
    if (!self->swarm)
        return NULL;
    if (self->strategy == COVEY_TEAM_PARALLEL)
        return "all";
    return self->strategy == COVEY_TEAM_CONSENSUS
               ? "vote"
               : covey_team_strategy_name (self->strategy);
}

const char *
covey_team_status_name (covey_team_status_t status)
{
    static const char *const names[] = {"forming", "active", "paused",
                                        "completing", "completed"};
    return names[status];
}

const char *
covey_invited_state_name (covey_invited_state_t state)
{
    static const char *const names[] = {"asked",    "accepted", "participates",
                                        "rejected", "gone",     "failed"};
    return names[state];
}

const char *
covey_step_kind_name (covey_step_kind_t kind)
{
    static const char *const names[] = {"work", "split", "part", "merge",
                                        "vote"};
    return names[kind];
}

const char *
covey_step_state_name (covey_step_state_t state)
{
    static const char *const names[] = {"waiting", "running", "done", "failed"};
    return names[state];
}
