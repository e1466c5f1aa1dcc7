#include "coordinator/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "proto/frame.h"

static int
s_by_id (const void *a, const void *b)
{
    const covey_roster_entry_t *x = a, *y = b;
    return strcmp (x->info->agent_id, y->info->agent_id);
}

static int
s_id_key (const void *key, const void *item)
{
    const covey_roster_entry_t *entry = item;
    return strcmp (key, entry->info->agent_id);
}

static int
s_by_order (const void *a, const void *b)
{
    const covey_roster_entry_t *x = a, *y = b;
    return x->order < y->order ? -1 : x->order > y->order;
}

void
covey_roster_init (covey_roster_t *self)
{
    memset (self, 0, sizeof *self);
    covey_tree_init (&self->entries, offsetof (covey_roster_entry_t, by_id),
                     s_by_id);
    covey_tree_init (&self->due, offsetof (covey_roster_entry_t, in_due),
                     s_by_order);
}

void
covey_roster_drop (covey_roster_t *self, covey_roster_entry_t *entry)
{
    if (covey_link_is_in (&entry->in_due))
        covey_tree_remove (&self->due, entry);
    covey_tree_remove (&self->entries, entry);
    protobuf_c_message_free_unpacked (&entry->info->base, NULL);
    free (entry);
}

void
covey_roster_deinit (covey_roster_t *self)
{
    covey_roster_entry_t *entry;
    while ((entry = covey_tree_first (&self->entries)))
        covey_roster_drop (self, entry);
}

covey_roster_entry_t *
covey_roster_find (const covey_roster_t *self, const char *agent_id)
{
    return covey_tree_find (&self->entries, agent_id, s_id_key);
}

covey_roster_entry_t *
covey_roster_due (const covey_roster_t *self)
{
    return covey_tree_first (&self->due);
}

/* ---- what is said -----------------------------------------------------------
 */

bool
covey_roster_is_gone (const Covey__Wire__AgentInfo *info)
{
    return (info->has_gone && info->gone) ||
           (info->has_state &&
            (info->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_LOST ||
             info->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_TERMINATED));
}

bool
covey_roster_is_worker (const Covey__Wire__AgentInfo *info)
{
    return !(info->has_client && info->client) &&
           !(info->service && *info->service) && info->has_session_id &&
           info->session_id.len == 16 && info->has_node_id &&
           info->node_id.len == 16 &&
           covey_str_is_agent_id (info->agent_id, strlen (info->agent_id));
}

static Covey__Wire__AgentInfo *
s_copy (const Covey__Wire__AgentInfo *info)
{
    size_t size = covey__wire__agent_info__get_packed_size (info);
    uint8_t *bytes = covey_mem_new (size);
    covey__wire__agent_info__pack (info, bytes);
    Covey__Wire__AgentInfo *copy =
        covey__wire__agent_info__unpack (NULL, size, bytes);
    free (bytes);
    if (!copy)
        abort ();
    return copy;
}

static void
s_make_due (covey_roster_t *self, covey_roster_entry_t *entry)
{
    entry->step = COVEY_ROSTER_IS_UP;
    if (entry->flying) {
        entry->again = true;
        return;
    }
    if (covey_link_is_in (&entry->in_due))
        return;
    entry->order = ++self->made;
    covey_tree_insert (&self->due, entry);
}

void
covey_roster_put (covey_roster_t *self, const Covey__Wire__AgentInfo *info)
{
    bool gone = covey_roster_is_gone (info);
    covey_roster_entry_t *entry = covey_roster_find (self, info->agent_id);
    if (!gone && !covey_roster_is_worker (info))
        return;
    if (!entry) {
        if (!covey_str_is_agent_id (info->agent_id, strlen (info->agent_id)))
            return;
        entry = covey_mem_new (sizeof *entry);
        entry->info = s_copy (info);
        covey_tree_insert (&self->entries, entry);
    } else {
        /* The id stays, so its place in the tree does, too. */
        Covey__Wire__AgentInfo *before = entry->info;
        entry->info = s_copy (info);
        protobuf_c_message_free_unpacked (&before->base, NULL);
    }
    entry->gone = gone;
    entry->seen = true;
    s_make_due (self, entry);
}

void
covey_roster_begin (covey_roster_t *self)
{
    self->filling = true;
    for (covey_roster_entry_t *entry = covey_tree_first (&self->entries); entry;
         entry = covey_tree_next (&self->entries, entry))
        entry->seen = false;
}

void
covey_roster_end (covey_roster_t *self)
{
    if (!self->filling)
        return;
    self->filling = false;
    self->complete = true;
    for (covey_roster_entry_t *entry = covey_tree_first (&self->entries); entry;
         entry = covey_tree_next (&self->entries, entry)) {
        if (entry->seen || entry->gone)
            continue;
        entry->gone = true;
        entry->info->has_gone = entry->info->gone = true;
        s_make_due (self, entry);
    }
}

/* ---- what is done about it --------------------------------------------------
 */

void
covey_roster_review (covey_roster_t *self)
{
    for (covey_roster_entry_t *entry = covey_tree_first (&self->entries); entry;
         entry = covey_tree_next (&self->entries, entry)) {
        entry->flying = entry->again = false;
        s_make_due (self, entry);
    }
}

void
covey_roster_sent (covey_roster_t *self, covey_roster_entry_t *entry)
{
    if (covey_link_is_in (&entry->in_due))
        covey_tree_remove (&self->due, entry);
    entry->flying = true;
    entry->again = false;
}

void
covey_roster_pass (covey_roster_t *self, covey_roster_entry_t *entry)
{
    if (entry->step == COVEY_ROSTER_IS_UP && !entry->gone) {
        entry->step = COVEY_ROSTER_HAS_LOAD;
        return;
    }
    if (covey_link_is_in (&entry->in_due))
        covey_tree_remove (&self->due, entry);
}

void
covey_roster_settle (covey_roster_t *self, covey_roster_entry_t *entry)
{
    if (!entry->flying)
        return;
    covey_roster_step_t step = entry->step;
    bool again = entry->again;
    entry->flying = entry->again = false;
    if (!again && step == COVEY_ROSTER_HAS_LOAD)
        return;
    s_make_due (self, entry);
    /* It was said to be up; what the state made of that is its affair. */
    if (!again && !entry->gone)
        entry->step = COVEY_ROSTER_HAS_LOAD;
}
