/*  What callers see of roles; the leaders of swarms are among them.          */
#include <stdio.h>
#include <string.h>

#include "coordinator/view.h"
#include "proto/json.h"

typedef struct {
    Covey__Control__RoleView view;
    Covey__Control__RoleSeat seats[COVEY_ROLE_SEATS_MAX];
    Covey__Control__RoleSeat *list[COVEY_ROLE_SEATS_MAX];
} s_view_t;

static Covey__Control__RoleSeat *
s_add (s_view_t *to)
{
    Covey__Control__RoleSeat *seat = &to->seats[to->view.n_standbys];
    covey__control__role_seat__init (seat);
    to->list[to->view.n_standbys++] = seat;
    to->view.standbys = to->list;
    return seat;
}

static covey_err_t
s_role (const covey_state_t *state, const covey_role_entry_t *entry,
        covey_buf_t *to)
{
    s_view_t out;
    covey__control__role_view__init (&out.view);
    out.view.role = entry->name;
    out.view.node = entry->seats[0].node;
    out.view.name = entry->seats[0].label;
    out.view.has_epoch = true;
    out.view.epoch = entry->epoch;
    out.view.has_since = true;
    out.view.since = entry->since_us;
    out.view.has_lease_ends_at = true;
    out.view.lease_ends_at = entry->seats[0].ends_us;
    out.view.has_overdue = entry->seats[0].ends_us <= state->now_us;
    out.view.overdue = true;
    for (size_t i = 1; i < entry->count; i++) {
        Covey__Control__RoleSeat *seat = s_add (&out);
        seat->node = entry->seats[i].node;
        seat->name = entry->seats[i].label;
        seat->has_lease_ends_at = true;
        seat->lease_ends_at = entry->seats[i].ends_us;
    }
    return covey_json_write (&out.view.base, to);
}

/*  The leader, and who would be next: the longest-lived members.             */
static covey_err_t
s_swarm (const covey_swarm_t *swarm, covey_buf_t *to)
{
    s_view_t out;
    char role[COVEY_NAME_MAX + 16];
    const char *leader = covey_swarm_leader (swarm);
    covey__control__role_view__init (&out.view);
    (void)snprintf (role, sizeof role, "swarm:%s", covey_swarm_id (swarm));
    out.view.role = role;
    out.view.node = (char *)leader;
    out.view.has_epoch = true;
    out.view.epoch = covey_swarm_version (swarm);
    for (size_t i = 0; i < covey_swarm_member_count (swarm) &&
                       out.view.n_standbys < COVEY_ROLE_SEATS_MAX;
         i++) {
        const char *member = covey_swarm_member (swarm, i)->agent_id;
        if (!leader || strcmp (member, leader) != 0)
            s_add (&out)->node = (char *)member;
    }
    return covey_json_write (&out.view.base, to);
}

covey_err_t
covey_view_role (const covey_state_t *state, const char *name, covey_buf_t *to)
{
    const covey_role_entry_t *entry = covey_roles_find (&state->roles, name);
    if (entry)
        return s_role (state, entry, to);
    covey_buf_puts (to, "{\"role\":");
    covey_json_quote (to, name, strlen (name));
    covey_buf_putc (to, '}');
    return to->failed ? COVEY_LIMIT : COVEY_OK;
}

covey_err_t
covey_state_roles (const covey_state_t *self,
                   const Covey__Control__ListQuery *query, covey_buf_t *to,
                   covey_errbuf_t *err)
{
    (void)err;
    covey_view_list_t list;
    covey_err_t code = COVEY_OK;
    covey_view_list_begin (&list, "roles", query->has_limit ? query->limit : 0,
                           to);
    for (covey_role_entry_t *e = covey_tree_first (&self->roles.by_name);
         e && !code; e = covey_tree_next (&self->roles.by_name, e)) {
        if (!covey_view_list_has_room (&list))
            break;
        code = s_role (self, e, to);
    }
    for (covey_swarm_entry_t *e = covey_tree_first (&self->swarms); e && !code;
         e = covey_tree_next (&self->swarms, e)) {
        if (covey_swarm_is_disbanded (e->swarm))
            continue;
        if (!covey_view_list_has_room (&list))
            break;
        code = s_swarm (e->swarm, to);
    }
    return code ? code : covey_view_list_end (&list, NULL);
}
