#include "node/finder.h"

#include <string.h>

static const char *const s_states[] = {"ready",   "busy", "idle",
                                       "stalled", "lost", "terminated"};

#define STATE_COUNT (sizeof s_states / sizeof s_states[0])

const char *
covey_finder_state_name (Covey__Wire__AgentState state)
{
    size_t index = (size_t)state;
    return index < STATE_COUNT ? s_states[index] : "unknown";
}

bool
covey_finder_is_state (const char *name)
{
    for (size_t i = 0; i < STATE_COUNT; i++)
        if (strcmp (s_states[i], name) == 0)
            return true;
    return false;
}

static bool
s_has (char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp (list[i], text) == 0)
            return true;
    return false;
}

static bool
s_has_all (char *const *list, size_t count, char *const *wanted,
           size_t wanted_count)
{
    for (size_t i = 0; i < wanted_count; i++)
        if (!s_has (list, count, wanted[i]))
            return false;
    return true;
}

bool
covey_finder_selects (const covey_finder_t *self,
                      const covey_directory_entry_t *entry)
{
    if (!self->all && (entry->client || *entry->service))
        return false;
    if (self->id && strcmp (self->id, entry->id) != 0)
        return false;
    if (self->type && strcmp (self->type, entry->type) != 0)
        return false;
    if (self->node_id && memcmp (self->node_id, entry->node_id, 16) != 0)
        return false;
    if (self->after && strcmp (entry->id, self->after) <= 0)
        return false;
    if (self->state_count && !s_has (self->states, self->state_count,
                                     covey_finder_state_name (entry->state)))
        return false;
    return s_has_all (entry->capabilities, entry->capability_count,
                      self->capabilities, self->capability_count) &&
           s_has_all (entry->tags, entry->tag_count, self->tags,
                      self->tag_count);
}
