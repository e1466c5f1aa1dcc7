/*  Saved: roles.                                                             */
#include <string.h>

#include "base/str.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"

static void
s_put (const covey_role_entry_t *entry, covey_saver_t *to)
{
    Covey__Snapshot__Role message = COVEY__SNAPSHOT__ROLE__INIT;
    Covey__Snapshot__RoleSeat seats[COVEY_ROLE_SEATS_MAX];
    Covey__Snapshot__RoleSeat *list[COVEY_ROLE_SEATS_MAX];
    Covey__Snapshot__Timer timer;
    for (size_t i = 0; i < entry->count; i++) {
        covey__snapshot__role_seat__init (&seats[i]);
        seats[i].node = entry->seats[i].node;
        seats[i].name = entry->seats[i].label;
        seats[i].ttl = entry->seats[i].ttl_ms;
        seats[i].ends = entry->seats[i].ends_us;
        list[i] = &seats[i];
    }
    message.name = entry->name;
    message.epoch = entry->epoch;
    message.since = entry->since_us;
    message.n_seats = entry->count;
    message.seats = list;
    message.timer = covey_save_timer (&entry->timer, &timer);
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_ROLE;
    record.role = &message;
    covey_saver_put (to, &record);
}

void
covey_state_save_roles (const covey_state_t *self, covey_saver_t *to)
{
    for (const covey_role_entry_t *e = covey_tree_first (&self->roles.by_name);
         e; e = covey_tree_next (&self->roles.by_name, e))
        s_put (e, to);
}

static bool
s_is_good (const covey_state_t *self, const Covey__Snapshot__Role *from)
{
    bool good = from->n_seats > 0 && from->n_seats <= COVEY_ROLE_SEATS_MAX &&
                from->epoch <= self->index + 1 && /* two in one command */
                covey_save_is_time (from->since) &&
                !covey_roles_find (&self->roles, from->name);
    for (size_t i = 0; i < from->n_seats && good; i++)
        good = covey_save_is_time (from->seats[i]->ends) &&
               from->seats[i]->ttl > 0 &&
               from->seats[i]->ttl <= COVEY_ROLE_TTL_MAX_MS &&
               covey_str_is_agent_id (from->seats[i]->node,
                                      strlen (from->seats[i]->node));
    return good;
}

covey_err_t
covey_state_load_role (covey_state_t *self,
                       const Covey__Snapshot__Record *record,
                       covey_errbuf_t *err)
{
    const Covey__Snapshot__Role *from = record->role;
    bool good = s_is_good (self, from);
    if (good) {
        covey_role_entry_t *entry = covey_roles_add (&self->roles, from->name);
        entry->epoch = from->epoch;
        entry->since_us = from->since;
        for (size_t i = 0; i < from->n_seats; i++)
            covey_role_sit (entry, from->seats[i]->node, from->seats[i]->name,
                            from->seats[i]->ttl, from->seats[i]->ends);
        good = !from->timer ||
               (from->timer->kind == COVEY_TIMER_ROLE &&
                covey_load_timer (&self->timers, &entry->timer, from->timer));
    }
    return good ? COVEY_OK
                : covey_fail (err, COVEY_CORRUPT,
                              "the snapshot is damaged: role %.140s",
                              from->name);
}
