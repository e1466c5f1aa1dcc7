/*  Commands about swarms.                                                    */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

static int
s_by_id (const void *a, const void *b)
{
    return strcmp (covey_swarm_id (((const covey_swarm_entry_t *)a)->swarm),
                   covey_swarm_id (((const covey_swarm_entry_t *)b)->swarm));
}

static int
s_key_id (const void *key, const void *item)
{
    return strcmp (key,
                   covey_swarm_id (((const covey_swarm_entry_t *)item)->swarm));
}

static int
s_by_seq (const void *a, const void *b)
{
    const covey_swarm_entry_t *x = a, *y = b;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
s_vote_by_id (const void *a, const void *b)
{
    return strcmp (
        covey_proposal_args (((const covey_vote_entry_t *)a)->proposal)->id,
        covey_proposal_args (((const covey_vote_entry_t *)b)->proposal)->id);
}

static int
s_vote_by_seq (const void *a, const void *b)
{
    const covey_vote_entry_t *x = a, *y = b;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

void
covey_state_init_swarms (covey_state_t *self)
{
    covey_tree_init (&self->swarms, offsetof (covey_swarm_entry_t, by_id),
                     s_by_id);
    covey_tree_init (&self->swarms_ended,
                     offsetof (covey_swarm_entry_t, in_ended), s_by_seq);
    covey_tree_init (&self->votes, offsetof (covey_vote_entry_t, by_id),
                     s_vote_by_id);
    covey_tree_init (&self->votes_open, offsetof (covey_vote_entry_t, in_open),
                     s_vote_by_seq);
    covey_tree_init (&self->votes_decided,
                     offsetof (covey_vote_entry_t, in_decided), s_vote_by_seq);
}

static void
s_destroy (covey_state_t *self, covey_swarm_entry_t *entry)
{
    covey_tree_remove (&self->swarms, entry);
    if (covey_link_is_in (&entry->in_ended))
        covey_tree_remove (&self->swarms_ended, entry);
    covey_timers_disarm (&self->timers, &entry->timer);
    covey_swarm_destroy (&entry->swarm);
    free (entry);
}

void
covey_state_deinit_swarms (covey_state_t *self)
{
    covey_swarm_entry_t *entry;
    while ((entry = covey_tree_first (&self->swarms)))
        s_destroy (self, entry);
    covey_vote_entry_t *vote;
    while ((vote = covey_tree_first (&self->votes))) {
        covey_tree_remove (&self->votes, vote);
        covey_proposal_destroy (&vote->proposal);
        free (vote);
    }
}

covey_swarm_entry_t *
covey_state_add_swarm (covey_state_t *self, covey_swarm_t *swarm, uint64_t seq)
{
    covey_swarm_entry_t *entry = covey_mem_new (sizeof *entry);
    entry->swarm = swarm;
    entry->seq = seq;
    entry->timer.kind = COVEY_TIMER_MEMBER;
    entry->timer.owner = entry;
    covey_tree_insert (&self->swarms, entry);
    return entry;
}

bool
covey_state_is_member (const void *self, const char *swarm_id,
                       const char *agent_id)
{
    const covey_swarm_entry_t *entry = covey_state_find_swarm (self, swarm_id);
    return entry && !covey_swarm_is_disbanded (entry->swarm) &&
           covey_swarm_find (entry->swarm, agent_id);
}

covey_swarm_entry_t *
covey_state_find_swarm (const covey_state_t *self, const char *swarm_id)
{
    return covey_tree_find (&self->swarms, swarm_id, s_key_id);
}

static covey_err_t
s_find (covey_state_t *self, const char *swarm_id,
        covey_swarm_entry_t **entry_p)
{
    *entry_p = covey_state_find_swarm (self, swarm_id);
    if (!*entry_p)
        return covey_fail (self->err, COVEY_NOTFOUND, "no swarm %s", swarm_id);
    self->show = COVEY_SHOW_SWARM;
    self->show_id = covey_swarm_id ((*entry_p)->swarm);
    return COVEY_OK;
}

/*  Weights were checked at the door; one that is not given is 1.            */
static uint64_t
s_weight (protobuf_c_boolean has, double weight, uint64_t otherwise)
{
    uint64_t micro = otherwise;
    if (has && covey_weight_from (weight, &micro, NULL))
        return otherwise;
    return micro;
}

/* ---- form -------------------------------------------------------------------
 */

static covey_err_t
s_check_form (covey_state_t *self, const Covey__Control__SwarmForm *form)
{
    size_t active = self->swarms.count - self->swarms_ended.count;
    if (active >= self->limits.swarms_max)
        return covey_fail (
            self->err, COVEY_EAGAIN,
            "there are %zu swarms: disband some" COVEY_LIMIT_HINT ("swarms"),
            active, (unsigned long long)self->limits.swarms_max);
    covey_swarm_entry_t *known =
        form->swarm_id ? covey_state_find_swarm (self, form->swarm_id) : NULL;
    if (known)
        return covey_fail (self->err, COVEY_EXISTS, "swarm %s exists already%s",
                           form->swarm_id,
                           covey_swarm_is_disbanded (known->swarm)
                               ? " (disbanded): choose another id"
                               : "");
    return COVEY_OK;
}

covey_err_t
covey_state_on_form (covey_state_t *self, const Covey__Control__SwarmForm *form)
{
    covey_err_t code = s_check_form (self, form);
    if (code)
        return code;
    covey_swarm_member_t *members =
        covey_mem_new (form->n_members * sizeof *members);
    for (size_t i = 0; i < form->n_members; i++) {
        const Covey__Control__WeightedMember *member = form->members[i];
        covey_str_copy (members[i].agent_id, sizeof members[i].agent_id,
                        member->agent_id);
        members[i].weight =
            s_weight (member->has_weight, member->weight, COVEY_WEIGHT_ONE);
    }
    char made[37];
    covey_id_text (covey_state_make_id (self).bytes, made);
    covey_swarm_args_t args = {
        .id = form->swarm_id ? form->swarm_id : made,
        .objective = form->objective ? form->objective : "",
        .strategy = form->strategy
                        ? form->strategy
                        : covey_strategy_name (COVEY_STRATEGY_MAJORITY),
        .creator = covey_state_caller (self),
        .leader = form->leader,
        .members = members,
        .member_count = form->n_members,
        .tags = (const char *const *)form->tags,
        .tag_count = form->n_tags,
        .formed_us = self->now_us,
        .member_lease_us = (form->has_member_lease ? form->member_lease
                                                   : COVEY_SWARM_LEASE_MS) *
                           1000,
    };
    covey_swarm_t *swarm = NULL;
    code = covey_swarm_new (&args, &swarm, self->err);
    free (members);
    if (code)
        return code;
    (void)covey_state_add_swarm (self, swarm, ++self->swarm_seq);
    self->show = COVEY_SHOW_SWARM;
    self->show_id = covey_swarm_id (swarm);
    covey_fact_formed (self, swarm);
    return COVEY_OK;
}

/* ---- leaders
 * ------------------------------------------------------------------ */

static bool
s_is_up (const void *arg, const char *agent_id)
{
    return covey_registry_find_up (arg, agent_id) != NULL;
}

static void
s_elect (covey_state_t *self, covey_swarm_t *swarm, const char *before)
{
    char old[COVEY_AGENT_ID_MAX + 1];
    covey_str_copy (old, sizeof old, before);
    if (covey_swarm_elect (swarm, s_is_up, &self->registry))
        covey_fact_leads (self, swarm, old);
}

/*  A leader that goes is followed by another one; one that is back leads again
    only when nobody else does.                                               */
static void
s_note_leader (covey_state_t *self, covey_swarm_t *swarm, const char *agent_id,
               bool up)
{
    const char *leader = covey_swarm_leader (swarm);
    if (!leader)
        return;
    if (strcmp (leader, agent_id) == 0)
        covey_swarm_set_leader_lost (swarm, !up);
    if (covey_swarm_is_leader_lost (swarm))
        s_elect (self, swarm, leader);
}

/* ---- members that are lost
 * ----------------------------------------------------- */

static void
s_arm (covey_state_t *self, covey_swarm_entry_t *entry)
{
    int64_t due_us = covey_swarm_due_us (entry->swarm);
    if (due_us == INT64_MAX)
        covey_timers_disarm (&self->timers, &entry->timer);
    else
        covey_timers_arm (&self->timers, &entry->timer, due_us);
}

void
covey_state_note_member (covey_state_t *self, const char *agent_id, bool up)
{
    for (covey_swarm_entry_t *e = covey_tree_first (&self->swarms); e;
         e = covey_tree_next (&self->swarms, e)) {
        if (covey_swarm_is_disbanded (e->swarm))
            continue;
        if (covey_swarm_note_lost (e->swarm, agent_id, up ? 0 : self->now_us))
            s_arm (self, e);
        s_note_leader (self, e->swarm, agent_id, up);
    }
}

void
covey_state_renew_members (covey_state_t *self)
{
    for (covey_swarm_entry_t *e = covey_tree_first (&self->swarms); e;
         e = covey_tree_next (&self->swarms, e))
        if (covey_link_is_in (&e->timer.link)) {
            covey_swarm_renew (e->swarm, self->now_us);
            s_arm (self, e);
        }
}

/*  Out of the swarm, and of what it works on.                               */
static covey_err_t
s_remove (covey_state_t *self, covey_swarm_entry_t *entry, const char *agent_id,
          const char *reason)
{
    covey_swarm_t *swarm = entry->swarm;
    covey_errbuf_t text;
    covey_err_t code = covey_swarm_remove (swarm, agent_id, self->err);
    if (code)
        return code;
    covey_fact_left (self, swarm, agent_id, reason);
    if (!covey_swarm_leader (swarm))
        s_elect (self, swarm, agent_id);
    (void)covey_fail (&text, COVEY_CLOSED, "agent %s left swarm %.140s",
                      agent_id, covey_swarm_id (swarm));
    covey_state_leave_swarm_tasks (self, covey_swarm_id (swarm), agent_id,
                                   text.text);
    s_arm (self, entry);
    return COVEY_OK;
}

void
covey_state_member_due (covey_state_t *self, covey_timer_t *timer)
{
    covey_swarm_entry_t *entry = timer->owner;
    const covey_swarm_member_t *lost =
        covey_swarm_overdue (entry->swarm, self->now_us);
    char id[COVEY_AGENT_ID_MAX + 1];
    covey_errbuf_t reason;
    if (!lost)
        return;
    covey_str_copy (id, sizeof id, lost->agent_id);
    (void)covey_fail (
        &reason, COVEY_TIMEOUT, "lost: not back within %lld ms",
        (long long)(covey_swarm_member_lease_us (entry->swarm) / 1000));
    /* It is there, and the swarm is not disbanded. The timer is armed again
       when another one is lost, too. */
    (void)s_remove (self, entry, id, reason.text);
}

/* ---- join, leave, disband
 * ------------------------------------------------------ */

covey_err_t
covey_state_on_join (covey_state_t *self,
                     const Covey__Control__SwarmMember *member)
{
    covey_swarm_entry_t *entry;
    covey_err_t code = s_find (self, member->swarm_id, &entry);
    const char *agent =
        member->agent_id ? member->agent_id : covey_state_caller (self);
    if (!code)
        code = covey_state_may_speak_for (self, agent);
    if (code)
        return code;
    covey_swarm_join_t what;
    code = covey_swarm_add (entry->swarm, agent,
                            s_weight (member->has_weight, member->weight, 0),
                            self->now_us, &what, self->err);
    if (code || what == COVEY_SWARM_SAME)
        return code;
    covey_fact_joined (self, entry->swarm,
                       covey_swarm_find (entry->swarm, agent));
    covey_worker_t *worker = covey_registry_find_up (&self->registry, agent);
    if (worker) /* it can take tasks that it could not take before */
        covey_state_freed (self, worker);
    return COVEY_OK;
}

covey_err_t
covey_state_on_leave (covey_state_t *self,
                      const Covey__Control__SwarmMember *member)
{
    covey_swarm_entry_t *entry;
    covey_err_t code = s_find (self, member->swarm_id, &entry);
    const char *agent =
        member->agent_id ? member->agent_id : covey_state_caller (self);
    if (!code)
        code = covey_state_may_speak_for (self, agent);
    return code ? code : s_remove (self, entry, agent, member->reason);
}

covey_err_t
covey_state_on_disband (covey_state_t *self,
                        const Covey__Control__SwarmRef *ref)
{
    covey_swarm_entry_t *entry;
    covey_err_t code = s_find (self, ref->swarm_id, &entry);
    if (!code)
        code = covey_swarm_end (entry->swarm, self->now_us, self->err);
    if (code)
        return code;
    covey_errbuf_t reason;
    (void)covey_fail (&reason, COVEY_CLOSED, "disbanded by %s",
                      covey_state_caller (self));
    covey_fact_disbanded (self, entry->swarm,
                          ref->reason && *ref->reason ? ref->reason
                                                      : reason.text);
    covey_timers_disarm (&self->timers, &entry->timer);
    covey_state_withdraw_all (self, covey_swarm_id (entry->swarm),
                              "the swarm was disbanded");
    covey_state_end_swarm_tasks (self, covey_swarm_id (entry->swarm),
                                 "the swarm was disbanded");
    entry->seq = ++self->swarm_seq;
    covey_tree_insert (&self->swarms_ended, entry);
    while (self->swarms_ended.count > self->limits.swarms_ended_max &&
           covey_tree_first (&self->swarms_ended) != entry)
        s_destroy (self, covey_tree_first (&self->swarms_ended));
    return COVEY_OK;
}
