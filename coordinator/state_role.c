/*  Commands about roles: leases in log time, and who takes over.             */
#include <string.h>

#include "base/str.h"
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

static void
s_arm (covey_state_t *self, covey_role_entry_t *entry)
{
    int64_t next_us = covey_role_next_us (entry);
    if (next_us == INT64_MAX)
        covey_timers_disarm (&self->timers, &entry->timer);
    else
        covey_timers_arm (&self->timers, &entry->timer, next_us);
}

/*  The first seat is a new holder's. Epochs grow with the log, so that they do
    even when nobody had the role for a while; one command may bring two: a
    lease that ended, and who follows gives up.                               */
static void
s_designate (covey_state_t *self, covey_role_entry_t *entry, const char *before)
{
    entry->epoch = self->index > entry->epoch ? self->index : entry->epoch + 1;
    entry->since_us = self->now_us;
    covey_fact_role (self, entry, before);
}

static void
s_expire (covey_state_t *self, covey_role_entry_t *entry)
{
    char before[COVEY_AGENT_ID_MAX + 1];
    covey_str_copy (before, sizeof before, entry->seats[0].node);
    if (covey_role_expire (entry, self->now_us))
        s_designate (self, entry, before);
    s_arm (self, entry);
}

void
covey_state_role_due (covey_state_t *self, covey_timer_t *timer)
{
    s_expire (self, timer->owner);
}

void
covey_state_renew_roles (covey_state_t *self)
{
    for (covey_role_entry_t *e = covey_tree_first (&self->roles.by_name); e;
         e = covey_tree_next (&self->roles.by_name, e)) {
        for (size_t i = 0; i < e->count; i++)
            e->seats[i].ends_us = self->now_us + e->seats[i].ttl_ms * 1000;
        s_arm (self, e);
    }
}

bool
covey_state_is_role_overdue (const covey_state_t *self, const char *role,
                             int64_t now_us)
{
    const covey_role_entry_t *entry = covey_roles_find (&self->roles, role);
    return entry && entry->seats[0].ends_us <= now_us;
}

static void
s_show (covey_state_t *self, const covey_role_entry_t *entry)
{
    self->show = COVEY_SHOW_ROLE;
    self->show_id = entry->name;
}

covey_err_t
covey_state_on_role_claim (covey_state_t *self,
                           const Covey__Control__RoleClaim *claim)
{
    covey_err_t code = covey_state_may_speak_for (self, claim->node);
    covey_role_entry_t *entry = covey_roles_find (&self->roles, claim->role);
    if (code)
        return code;
    if (!entry && self->roles.by_name.count >= COVEY_ROLES_MAX)
        return covey_fail (self->err, COVEY_EAGAIN,
                           "there are %d roles, more are not taken",
                           COVEY_ROLES_MAX);
    size_t seat = entry ? covey_role_seat (entry, claim->node) : SIZE_MAX;
    if (entry && seat == SIZE_MAX && entry->count == COVEY_ROLE_SEATS_MAX)
        return covey_fail (self->err, COVEY_EAGAIN,
                           "%d nodes hold role %s or stand by, more are not "
                           "taken",
                           COVEY_ROLE_SEATS_MAX, entry->name);
    int64_t ttl_ms = claim->has_ttl ? claim->ttl : COVEY_ROLE_TTL_MS;
    int64_t ends_us = self->now_us + ttl_ms * 1000;
    bool is_new = !entry;
    if (is_new)
        entry = covey_roles_add (&self->roles, claim->role);
    if (seat == SIZE_MAX)
        covey_role_sit (entry, claim->node, claim->name, ttl_ms, ends_us);
    else {
        entry->seats[seat].ttl_ms = ttl_ms;
        entry->seats[seat].ends_us = ends_us;
    }
    if (is_new)
        s_designate (self, entry, NULL);
    s_expire (self, entry); /* a holder that is overdue goes now */
    s_show (self, entry);
    return COVEY_OK;
}

covey_err_t
covey_state_on_role_release (covey_state_t *self,
                             const Covey__Control__RoleRelease *release)
{
    covey_err_t code = covey_state_may_speak_for (self, release->node);
    covey_role_entry_t *entry = covey_roles_find (&self->roles, release->role);
    size_t seat = entry ? covey_role_seat (entry, release->node) : SIZE_MAX;
    if (code)
        return code;
    if (seat == SIZE_MAX)
        return covey_fail (self->err, COVEY_NOTFOUND,
                           "%s neither holds role %s nor stands by for it",
                           release->node, release->role);
    covey_role_rise (entry, seat);
    if (!entry->count) {
        covey_timers_disarm (&self->timers, &entry->timer);
        covey_roles_remove (&self->roles, entry);
        return COVEY_OK;
    }
    if (seat == 0)
        s_designate (self, entry, release->node);
    s_arm (self, entry);
    s_show (self, entry);
    return COVEY_OK;
}
