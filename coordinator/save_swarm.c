/*  Saved: swarms.                                                            */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"

static void
s_put (const covey_swarm_entry_t *entry, covey_saver_t *to)
{
    const covey_swarm_t *swarm = entry->swarm;
    Covey__Snapshot__Swarm message = COVEY__SNAPSHOT__SWARM__INIT;
    Covey__Snapshot__Timer timer;
    size_t count = covey_swarm_member_count (swarm);
    Covey__Snapshot__Member *members = covey_mem_new (count * sizeof *members);
    Covey__Snapshot__Member **list = covey_mem_new (count * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        const covey_swarm_member_t *member = covey_swarm_member (swarm, i);
        covey__snapshot__member__init (&members[i]);
        members[i].agent_id = (char *)member->agent_id;
        members[i].weight = member->weight;
        members[i].joined = member->joined_us;
        members[i].has_lost = member->lost_us != 0;
        members[i].lost = member->lost_us;
        list[i] = &members[i];
    }
    char **tags = covey_mem_new (covey_swarm_tag_count (swarm) * sizeof *tags);
    for (size_t i = 0; i < covey_swarm_tag_count (swarm); i++)
        tags[i] = (char *)covey_swarm_tag (swarm, i);
    message.id = (char *)covey_swarm_id (swarm);
    message.objective = (char *)covey_swarm_objective (swarm);
    message.strategy = (char *)covey_swarm_strategy (swarm);
    message.creator = (char *)covey_swarm_creator (swarm);
    message.leader = (char *)covey_swarm_leader (swarm);
    message.leader_lost = covey_swarm_is_leader_lost (swarm);
    message.n_members = count;
    message.members = list;
    message.n_tags = covey_swarm_tag_count (swarm);
    message.tags = tags;
    message.formed = covey_swarm_formed_us (swarm);
    message.has_disbanded = covey_swarm_is_disbanded (swarm);
    message.disbanded = covey_swarm_disbanded_us (swarm);
    message.version = covey_swarm_version (swarm);
    message.seq = entry->seq;
    message.has_member_lease = true;
    message.member_lease = covey_swarm_member_lease_us (swarm);
    message.timer = covey_save_timer (&entry->timer, &timer);
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_SWARM;
    record.swarm = &message;
    covey_saver_put (to, &record);
    free (tags);
    free (list);
    free (members);
}

void
covey_state_save_swarms (const covey_state_t *self, covey_saver_t *to)
{
    for (const covey_swarm_entry_t *e = covey_tree_first (&self->swarms); e;
         e = covey_tree_next (&self->swarms, e))
        s_put (e, to);
}

/*  The members, and apart from them when each joined and was lost; false when
   one cannot be a member. */
static bool
s_members (const Covey__Snapshot__Swarm *from, covey_swarm_member_t *members,
           int64_t *joined_us, int64_t *lost_us)
{
    for (size_t i = 0; i < from->n_members; i++) {
        const Covey__Snapshot__Member *member = from->members[i];
        if (!covey_str_is_agent_id (member->agent_id,
                                    strlen (member->agent_id)) ||
            member->weight == 0 || !covey_save_is_time (member->lost) ||
            member->weight > (uint64_t)COVEY_WEIGHT_MAX * COVEY_WEIGHT_ONE)
            return false;
        covey_str_copy (members[i].agent_id, sizeof members[i].agent_id,
                        member->agent_id);
        members[i].weight = member->weight;
        joined_us[i] = member->joined;
        lost_us[i] = member->lost;
    }
    return true;
}

static covey_swarm_t *
s_make (const Covey__Snapshot__Swarm *from)
{
    size_t count = from->n_members;
    covey_swarm_member_t *members = covey_mem_new (count * sizeof *members);
    int64_t *joined_us = covey_mem_new (count * sizeof *joined_us);
    int64_t *lost_us = covey_mem_new (count * sizeof *lost_us);
    covey_swarm_args_t args = {
        .id = from->id,
        .objective = from->objective,
        .strategy = from->strategy,
        .creator = from->creator,
        .leader = from->leader,
        .members = members,
        .member_count = count,
        .tags = (const char *const *)from->tags,
        .tag_count = from->n_tags,
        .formed_us = from->formed,
        .member_lease_us = from->member_lease,
    };
    const covey_swarm_past_t past = {
        .joined_us = joined_us,
        .lost_us = lost_us,
        .leader = from->leader,
        .leader_lost = from->leader && from->leader_lost,
        .disbanded = from->has_disbanded,
        .disbanded_us = from->has_disbanded ? from->disbanded : 0,
        .version = from->version,
    };
    covey_swarm_t *swarm = NULL;
    if (s_members (from, members, joined_us, lost_us) &&
        covey_swarm_new (&args, &swarm, NULL) == COVEY_OK)
        covey_swarm_restore (swarm, &past);
    free (lost_us);
    free (joined_us);
    free (members);
    return swarm;
}

covey_err_t
covey_state_load_swarm (covey_state_t *self,
                        const Covey__Snapshot__Record *record,
                        covey_errbuf_t *err)
{
    const Covey__Snapshot__Swarm *from = record->swarm;
    bool good =
        from->n_members <= COVEY_VOTERS_MAX && from->seq <= self->swarm_seq &&
        from->member_lease >= 0 &&
        from->member_lease <= COVEY_TASK_LEASE_MAX_MS * INT64_C (1000) &&
        !covey_state_find_swarm (self, from->id);
    covey_swarm_t *swarm = good ? s_make (from) : NULL;
    if (swarm) {
        covey_swarm_entry_t *entry =
            covey_state_add_swarm (self, swarm, from->seq);
        good = (!from->timer || (from->timer->kind == COVEY_TIMER_MEMBER &&
                                 covey_load_timer (&self->timers, &entry->timer,
                                                   from->timer))) &&
               (!covey_swarm_is_disbanded (swarm) ||
                covey_tree_insert (&self->swarms_ended, entry));
    }
    return swarm && good
               ? COVEY_OK
               : covey_fail (err, COVEY_CORRUPT,
                             "the snapshot is damaged: swarm %.140s", from->id);
}
