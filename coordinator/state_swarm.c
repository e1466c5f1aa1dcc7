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
    };
    covey_swarm_t *swarm = NULL;
    code = covey_swarm_new (&args, &swarm, self->err);
    free (members);
    if (code)
        return code;
    covey_swarm_entry_t *entry = covey_mem_new (sizeof *entry);
    entry->swarm = swarm;
    entry->seq = ++self->swarm_seq;
    covey_tree_insert (&self->swarms, entry);
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

void
covey_state_elect_leaders (covey_state_t *self, const char *agent_id, bool up)
{
    for (covey_swarm_entry_t *e = covey_tree_first (&self->swarms); e;
         e = covey_tree_next (&self->swarms, e)) {
        const char *leader = covey_swarm_leader (e->swarm);
        if (!leader || covey_swarm_is_disbanded (e->swarm))
            continue;
        if (strcmp (leader, agent_id) == 0)
            covey_swarm_set_leader_lost (e->swarm, !up);
        if (covey_swarm_is_leader_lost (e->swarm))
            s_elect (self, e->swarm, leader);
    }
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
    if (!code)
        code = covey_swarm_remove (entry->swarm, agent, self->err);
    if (code)
        return code;
    covey_fact_left (self, entry->swarm, agent, member->reason);
    if (!covey_swarm_leader (entry->swarm))
        s_elect (self, entry->swarm, agent);
    return COVEY_OK;
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
    covey_state_withdraw_all (self, covey_swarm_id (entry->swarm),
                              "the swarm was disbanded");
    entry->seq = ++self->swarm_seq;
    covey_tree_insert (&self->swarms_ended, entry);
    while (self->swarms_ended.count > self->limits.swarms_ended_max &&
           covey_tree_first (&self->swarms_ended) != entry)
        s_destroy (self, covey_tree_first (&self->swarms_ended));
    return COVEY_OK;
}
