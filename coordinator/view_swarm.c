/*  What callers see of swarms.                                               */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/view.h"
#include "proto/json.h"

/* ---- members
 * ------------------------------------------------------------------ */

covey_view_members_t
covey_view_members_new (size_t count)
{
    covey_view_members_t members = {
        .items = covey_mem_new (count * sizeof *members.items),
        .list = covey_mem_new (count * sizeof (void *)),
    };
    return members;
}

void
covey_view_members_set (covey_view_members_t *members, size_t i,
                        const char *agent_id, uint64_t weight)
{
    Covey__Control__WeightedMember *item = &members->items[i];
    covey__control__weighted_member__init (item);
    item->agent_id = (char *)agent_id;
    item->has_weight = true;
    item->weight = covey_weight_to (weight);
    members->list[i] = item;
}

void
covey_view_members_free (covey_view_members_t *members)
{
    free (members->items);
    free (members->list);
}

/* ---- swarms
 * ------------------------------------------------------------------- */

covey_err_t
covey_view_swarm (const covey_swarm_t *swarm, covey_buf_t *to)
{
    Covey__Control__SwarmView view;
    covey__control__swarm_view__init (&view);
    view.id = (char *)covey_swarm_id (swarm);
    view.objective = (char *)covey_swarm_objective (swarm);
    view.leader = (char *)covey_swarm_leader (swarm);
    view.state = covey_swarm_is_disbanded (swarm) ? "disbanded" : "active";
    view.strategy = (char *)covey_swarm_strategy (swarm);
    view.has_formed_at = true;
    view.formed_at = covey_swarm_formed_us (swarm);
    view.has_member_lease = true;
    view.member_lease = covey_swarm_member_lease_us (swarm) / 1000;
    view.has_version = true;
    view.version = covey_swarm_version (swarm);
    size_t tags = covey_swarm_tag_count (swarm);
    view.tags = covey_mem_new (tags * sizeof *view.tags);
    for (size_t i = 0; i < tags; i++)
        view.tags[view.n_tags++] = (char *)covey_swarm_tag (swarm, i);
    size_t count = covey_swarm_member_count (swarm);
    covey_view_members_t members = covey_view_members_new (count);
    for (size_t i = 0; i < count; i++) {
        const covey_swarm_member_t *member = covey_swarm_member (swarm, i);
        covey_view_members_set (&members, i, member->agent_id, member->weight);
    }
    view.n_members = count;
    view.members = members.list;
    covey_err_t code = covey_json_write (&view.base, to);
    covey_view_members_free (&members);
    free (view.tags);
    return code;
}

covey_err_t
covey_state_swarm (const covey_state_t *self, const char *swarm_id,
                   covey_buf_t *to, covey_errbuf_t *err)
{
    const covey_swarm_entry_t *entry = covey_state_find_swarm (self, swarm_id);
    if (!entry)
        return covey_fail (err, COVEY_NOTFOUND, "no swarm %s", swarm_id);
    return covey_view_swarm (entry->swarm, to);
}

static int
s_key_swarm (const void *key, const void *item)
{
    return strcmp (key,
                   covey_swarm_id (((const covey_swarm_entry_t *)item)->swarm));
}

covey_err_t
covey_view_check_state (const char *state, const char *one, const char *other,
                        covey_errbuf_t *err)
{
    if (!state || strcmp (state, one) == 0 || strcmp (state, other) == 0)
        return COVEY_OK;
    return covey_fail (err, COVEY_INVALID, "state \"%s\" is neither %s nor %s",
                       state, one, other);
}

covey_err_t
covey_state_swarms (const covey_state_t *self,
                    const Covey__Control__ListQuery *query, covey_buf_t *to,
                    covey_errbuf_t *err)
{
    covey_err_t code =
        covey_view_check_state (query->state, "active", "disbanded", err);
    if (code)
        return code;
    covey_view_list_t list;
    covey_view_list_begin (&list, "swarms", query->has_limit ? query->limit : 0,
                           to);
    const covey_tree_t *swarms = &self->swarms;
    covey_swarm_entry_t *entry =
        query->after ? covey_tree_after (swarms, query->after, s_key_swarm)
                     : covey_tree_first (swarms);
    const char *last = NULL;
    for (; entry && !code; entry = covey_tree_next (swarms, entry)) {
        bool disbanded = covey_swarm_is_disbanded (entry->swarm);
        if (query->state &&
            disbanded != (strcmp (query->state, "disbanded") == 0))
            continue;
        if (!covey_view_list_has_room (&list))
            break;
        last = covey_swarm_id (entry->swarm);
        code = covey_view_swarm (entry->swarm, to);
    }
    return code ? code : covey_view_list_end (&list, last);
}
