#include "coordinator/caretaker.h"

#include <string.h>

void
covey_caretaker_init (covey_caretaker_t *self)
{
    memset (self, 0, sizeof *self);
}

static bool
s_is_there (const covey_caretaker_view_t *view,
            const covey_caretaker_member_t *member)
{
    return member->is_self || member->silent_ms < view->alive_ms;
}

static bool
s_is_lost (const covey_caretaker_view_t *view,
           const covey_caretaker_member_t *member)
{
    return view->replace_ms > 0 && !member->is_self &&
           member->silent_ms >= view->replace_ms;
}

size_t
covey_caretaker_voters (const covey_caretaker_view_t *view)
{
    size_t count = 0;
    for (size_t i = 0; i < view->member_count; i++)
        count += view->members[i].role == COVEY_REPLOG_VOTER;
    return count;
}

static const covey_caretaker_member_t *
s_find (const covey_caretaker_view_t *view, uint64_t member_id)
{
    for (size_t i = 0; i < view->member_count; i++)
        if (view->members[i].member_id == member_id)
            return &view->members[i];
    return NULL;
}

covey_err_t
covey_caretaker_may_remove (const covey_caretaker_view_t *view,
                            uint64_t member_id, covey_errbuf_t *err)
{
    const covey_caretaker_member_t *leaves = s_find (view, member_id);
    if (!leaves)
        return covey_fail (err, COVEY_NOTFOUND, "it is no member of the log");
    if (leaves->role != COVEY_REPLOG_VOTER)
        return COVEY_OK;
    size_t voters = covey_caretaker_voters (view) - 1, there = 0;
    if (!voters)
        return covey_fail (err, COVEY_STATE,
                           "it is the only voter; add another one first");
    for (size_t i = 0; i < view->member_count; i++) {
        const covey_caretaker_member_t *member = &view->members[i];
        there += member != leaves && member->role == COVEY_REPLOG_VOTER &&
                 s_is_there (view, member);
    }
    if (there >= voters / 2 + 1)
        return COVEY_OK;
    return covey_fail (err, COVEY_STATE,
                       "%zu of the %zu voters that would stay answer, and %zu "
                       "are needed; bring one back, or add one, first",
                       there, voters, voters / 2 + 1);
}

static bool
s_say (covey_caretaker_step_t *step, covey_caretaker_act_t act,
       uint64_t member_id, const covey_id_t *node_id, const char *why)
{
    *step = (covey_caretaker_step_t){
        .act = act, .member_id = member_id, .node_id = *node_id, .why = why};
    return true;
}

/* ---- the rules --------------------------------------------------------------
 */

static bool
s_promote (const covey_caretaker_view_t *view, covey_caretaker_step_t *step)
{
    for (size_t i = 0; i < view->member_count; i++) {
        const covey_caretaker_member_t *member = &view->members[i];
        if (member->role == COVEY_REPLOG_SPARE && s_is_there (view, member) &&
            member->match + COVEY_CARETAKER_CAUGHT_UP >= view->last_index)
            return s_say (step, COVEY_CARETAKER_PROMOTE, member->member_id,
                          &member->node_id, "it has caught up");
    }
    return false;
}

static const covey_caretaker_spare_t *
s_spare_on (const covey_caretaker_view_t *view, const covey_id_t *node_id)
{
    for (size_t i = 0; i < view->spare_count; i++)
        if (covey_id_equal (view->spares[i].node_id.bytes, node_id->bytes))
            return &view->spares[i];
    return NULL;
}

static bool
s_is_member_on (const covey_caretaker_view_t *view, const covey_id_t *node_id)
{
    for (size_t i = 0; i < view->member_count; i++)
        if (covey_id_equal (view->members[i].node_id.bytes, node_id->bytes))
            return true;
    return false;
}

/*  The second half of a replacement: the one before is out.                 */
static bool
s_follow_up (covey_caretaker_t *self, const covey_caretaker_view_t *view,
             covey_caretaker_step_t *step)
{
    if (!self->has_successor || s_is_member_on (view, &self->successor.node_id))
        return false;
    self->has_successor = false;
    const covey_caretaker_spare_t *spare =
        s_spare_on (view, &self->successor.node_id);
    return spare && s_say (step, COVEY_CARETAKER_ADD, spare->member_id,
                           &spare->node_id, "in place of the one before it");
}

static bool
s_succeed (covey_caretaker_t *self, const covey_caretaker_view_t *view,
           covey_caretaker_step_t *step)
{
    for (size_t i = 0; i < view->member_count; i++) {
        const covey_caretaker_member_t *member = &view->members[i];
        const covey_caretaker_spare_t *spare =
            member->is_self ? NULL : s_spare_on (view, &member->node_id);
        if (!spare || spare->member_id == member->member_id ||
            covey_caretaker_may_remove (view, member->member_id, NULL))
            continue;
        self->has_successor = true;
        self->successor = *spare;
        return s_say (step, COVEY_CARETAKER_REMOVE, member->member_id,
                      &member->node_id, "its node came back without its log");
    }
    return false;
}

static bool
s_add (const covey_caretaker_view_t *view, covey_caretaker_step_t *step)
{
    for (size_t i = 0; i < view->spare_count; i++)
        if (!s_is_member_on (view, &view->spares[i].node_id))
            return s_say (step, COVEY_CARETAKER_ADD, view->spares[i].member_id,
                          &view->spares[i].node_id,
                          "a voter has been silent for too long");
    return false;
}

static bool
s_replace (const covey_caretaker_view_t *view, covey_caretaker_step_t *step)
{
    size_t voters = covey_caretaker_voters (view);
    bool learns = voters < view->member_count;
    for (size_t i = 0; i < view->member_count; i++) {
        const covey_caretaker_member_t *member = &view->members[i];
        if (!s_is_lost (view, member))
            continue;
        bool is_voter = member->role == COVEY_REPLOG_VOTER;
        if (is_voter && voters % 2) {
            if (!learns && view->member_count < COVEY_REPLOG_MEMBERS_MAX)
                return s_add (view, step);
        } else if (!covey_caretaker_may_remove (view, member->member_id, NULL))
            return s_say (step, COVEY_CARETAKER_REMOVE, member->member_id,
                          &member->node_id, "it has been silent for too long");
    }
    return false;
}

void
covey_caretaker_next (covey_caretaker_t *self,
                      const covey_caretaker_view_t *view,
                      covey_caretaker_step_t *step)
{
    *step = (covey_caretaker_step_t){.act = COVEY_CARETAKER_REST};
    if (s_promote (view, step) || s_follow_up (self, view, step) ||
        s_succeed (self, view, step))
        return;
    (void)s_replace (view, step);
}
