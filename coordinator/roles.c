#include "coordinator/roles.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static int
s_by_name (const void *a, const void *b)
{
    return strcmp (((const covey_role_entry_t *)a)->name,
                   ((const covey_role_entry_t *)b)->name);
}

static int
s_key_name (const void *key, const void *item)
{
    return strcmp (key, ((const covey_role_entry_t *)item)->name);
}

void
covey_roles_init (covey_roles_t *self)
{
    covey_tree_init (&self->by_name, offsetof (covey_role_entry_t, by_name),
                     s_by_name);
}

void
covey_roles_deinit (covey_roles_t *self)
{
    covey_role_entry_t *entry;
    while ((entry = covey_tree_first (&self->by_name)))
        covey_roles_remove (self, entry);
}

covey_role_entry_t *
covey_roles_find (const covey_roles_t *self, const char *name)
{
    return covey_tree_find (&self->by_name, name, s_key_name);
}

covey_role_entry_t *
covey_roles_add (covey_roles_t *self, const char *name)
{
    covey_role_entry_t *entry = covey_mem_new (sizeof *entry);
    entry->name = covey_str_dup (name);
    entry->timer.kind = COVEY_TIMER_ROLE;
    entry->timer.owner = entry;
    covey_tree_insert (&self->by_name, entry);
    return entry;
}

void
covey_roles_remove (covey_roles_t *self, covey_role_entry_t *entry)
{
    covey_tree_remove (&self->by_name, entry);
    while (entry->count)
        covey_role_rise (entry, entry->count - 1);
    free (entry->name);
    free (entry);
}

size_t
covey_role_seat (const covey_role_entry_t *self, const char *node)
{
    for (size_t i = 0; i < self->count; i++)
        if (strcmp (self->seats[i].node, node) == 0)
            return i;
    return SIZE_MAX;
}

void
covey_role_sit (covey_role_entry_t *self, const char *node, const char *label,
                int64_t ttl_ms, int64_t ends_us)
{
    covey_role_seat_t *seat = &self->seats[self->count++];
    seat->node = covey_str_dup (node);
    seat->label = label ? covey_str_dup (label) : NULL;
    seat->ttl_ms = ttl_ms;
    seat->ends_us = ends_us;
}

void
covey_role_rise (covey_role_entry_t *self, size_t seat)
{
    free (self->seats[seat].node);
    free (self->seats[seat].label);
    self->count--;
    memmove (&self->seats[seat], &self->seats[seat + 1],
             (self->count - seat) * sizeof *self->seats);
}

bool
covey_role_expire (covey_role_entry_t *self, int64_t now_us)
{
    for (size_t i = self->count; i-- > 1;)
        if (self->seats[i].ends_us <= now_us)
            covey_role_rise (self, i);
    if (self->count < 2 || self->seats[0].ends_us > now_us)
        return false;
    covey_role_rise (self, 0);
    return true;
}

int64_t
covey_role_next_us (const covey_role_entry_t *self)
{
    int64_t next_us = INT64_MAX;
    for (size_t i = self->count > 1 ? 0 : 1; i < self->count; i++)
        if (self->seats[i].ends_us < next_us)
            next_us = self->seats[i].ends_us;
    return next_us;
}
