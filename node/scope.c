#include "node/scope.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/table.h"
#include "node/fields.h"

typedef struct {
    char *id;
    covey_table_t members; /* agent id -> itself, as a string of ours         */
} scope_swarm_t;

struct covey_scopes {
    covey_table_t swarms;
};

covey_scopes_t *
covey_scope_new (void)
{
    covey_scopes_t *self = covey_mem_new (sizeof *self);
    covey_table_init (&self->swarms);
    return self;
}

static void
s_clear_members (scope_swarm_t *swarm)
{
    size_t cursor = 0;
    char *member;
    while ((member = covey_table_next (&swarm->members, &cursor)))
        free (member);
    covey_table_deinit (&swarm->members);
}

static void
s_free_swarm (scope_swarm_t *swarm)
{
    s_clear_members (swarm);
    free (swarm->id);
    free (swarm);
}

void
covey_scope_destroy (covey_scopes_t **self_p)
{
    covey_scopes_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    size_t cursor = 0;
    scope_swarm_t *swarm;
    while ((swarm = covey_table_next (&self->swarms, &cursor)))
        s_free_swarm (swarm);
    covey_table_deinit (&self->swarms);
    free (self);
}

static scope_swarm_t *
s_swarm (const covey_scopes_t *self, covey_slice_t id)
{
    return covey_table_get (&self->swarms, id.text, id.size);
}

/*  NULL: there are too many.                                                */
static scope_swarm_t *
s_have_swarm (covey_scopes_t *self, covey_slice_t id)
{
    scope_swarm_t *swarm = s_swarm (self, id);
    if (swarm || !id.size || self->swarms.count >= COVEY_SCOPE_SWARMS_MAX)
        return swarm;
    swarm = covey_mem_new (sizeof *swarm);
    swarm->id = covey_mem_dup (id.text, id.size);
    covey_table_init (&swarm->members);
    covey_table_put (&self->swarms, swarm->id, id.size, swarm);
    return swarm;
}

static void
s_forget_swarm (covey_scopes_t *self, covey_slice_t id)
{
    scope_swarm_t *swarm = covey_table_remove (&self->swarms, id.text, id.size);
    if (swarm)
        s_free_swarm (swarm);
}

static void
s_add_member (scope_swarm_t *swarm, covey_slice_t id)
{
    if (!id.size || covey_table_get (&swarm->members, id.text, id.size))
        return;
    char *copy = covey_mem_dup (id.text, id.size);
    covey_table_put (&swarm->members, copy, id.size, copy);
}

bool
covey_scope_learn (covey_scopes_t *self, const covey_peek_t *event)
{
    if (event->type < COVEY_EVENT_SWARM_FORMED ||
        event->type > COVEY_EVENT_SWARM_DISBANDED)
        return false;
    covey_slice_t id = covey_field_bytes (event->data, COVEY_FIELD_SWARM_ID);
    if (event->type == COVEY_EVENT_SWARM_DISBANDED) {
        s_forget_swarm (self, id);
        return true;
    }
    scope_swarm_t *swarm = s_have_swarm (self, id);
    if (!swarm)
        return true;
    covey_slice_t agent =
        covey_field_bytes (event->data, COVEY_FIELD_SWARM_AGENT);
    if (event->type == COVEY_EVENT_SWARM_LEFT)
        free (covey_table_remove (&swarm->members, agent.text, agent.size));
    else if (event->type == COVEY_EVENT_SWARM_JOINED)
        s_add_member (swarm, agent);
    else {
        s_clear_members (swarm);
        size_t cursor = 0;
        while (covey_field_each (event->data, COVEY_FIELD_SWARM_MEMBERS,
                                 &cursor, &agent))
            s_add_member (swarm, agent);
    }
    return true;
}

static covey_slice_t
s_slice (const char *text)
{
    return (covey_slice_t){.text = text, .size = strlen (text)};
}

void
covey_scope_learn_list (covey_scopes_t *self,
                        const Covey__Control__SwarmList *list)
{
    for (size_t i = 0; i < list->n_swarms; i++) {
        const Covey__Control__SwarmView *view = list->swarms[i];
        if (view->state && strcmp (view->state, "active") != 0) {
            s_forget_swarm (self, s_slice (view->id));
            continue;
        }
        scope_swarm_t *swarm = s_have_swarm (self, s_slice (view->id));
        if (!swarm)
            continue;
        s_clear_members (swarm);
        for (size_t m = 0; m < view->n_members; m++)
            s_add_member (swarm, s_slice (view->members[m]->agent_id));
    }
}

bool
covey_scope_is_member (const covey_scopes_t *self, covey_slice_t swarm_id,
                       const char *agent_id)
{
    const scope_swarm_t *swarm = s_swarm (self, swarm_id);
    return swarm &&
           covey_table_get (&swarm->members, agent_id, strlen (agent_id));
}

size_t
covey_scope_swarms (const covey_scopes_t *self)
{
    return self->swarms.count;
}

void
covey_scope_read (const covey_peek_t *event, covey_scope_query_t *query)
{
    assert (event->type == COVEY_EVENT_BROADCAST);
    memset (query, 0, sizeof *query);
    query->source = event->source;
    query->swarm_id =
        covey_field_bytes (event->data, COVEY_FIELD_BROADCAST_SWARM);
    query->filter =
        covey_field_bytes (event->data, COVEY_FIELD_BROADCAST_FILTER);
    /* Scope of event.proto: the values are ours. */
    switch (covey_field_number (event->data, COVEY_FIELD_BROADCAST_SCOPE, 0)) {
        case 0:
            query->kind = COVEY_SCOPE_GLOBAL;
            break;
        case 1:
            query->kind = COVEY_SCOPE_SWARM;
            break;
        case 2:
            query->kind = COVEY_SCOPE_TYPE;
            break;
        case 3:
            query->kind = COVEY_SCOPE_CUSTOM;
            break;
        default:
            break;
    }
}

/*  Does the agent's type match one of the filter's? True without a filter.  */
static bool
s_type_matches (const covey_scope_query_t *query, const char *type,
                bool when_empty)
{
    size_t cursor = 0;
    covey_slice_t wanted;
    bool any = false;
    while (covey_field_each (query->filter, COVEY_FIELD_FILTER_TYPES, &cursor,
                             &wanted)) {
        if (covey_slice_equal (wanted, type))
            return true;
        any = true;
    }
    return !any && when_empty;
}

/*  Has the agent all of the filter's texts?                                 */
static bool
s_has_all (const covey_scope_query_t *query, uint32_t field, char *const *texts,
           size_t text_count)
{
    size_t cursor = 0;
    covey_slice_t wanted;
    while (covey_field_each (query->filter, field, &cursor, &wanted)) {
        bool found = false;
        for (size_t t = 0; t < text_count && !found; t++)
            found = covey_slice_equal (wanted, texts[t]);
        if (!found)
            return false;
    }
    return true;
}

bool
covey_scope_selects (const covey_scopes_t *self,
                     const covey_scope_query_t *query,
                     const covey_directory_entry_t *agent)
{
    if (agent->client || *agent->service ||
        covey_slice_equal (query->source, agent->id))
        return false;
    switch (query->kind) {
        case COVEY_SCOPE_NOBODY:
            return false;
        case COVEY_SCOPE_GLOBAL:
            return true;
        case COVEY_SCOPE_SWARM:
            return covey_scope_is_member (self, query->swarm_id, agent->id);
        case COVEY_SCOPE_TYPE:
            return s_type_matches (query, agent->type, false);
        case COVEY_SCOPE_CUSTOM:
            return s_type_matches (query, agent->type, true) &&
                   s_has_all (query, COVEY_FIELD_FILTER_CAPABILITIES,
                              agent->capabilities, agent->capability_count) &&
                   s_has_all (query, COVEY_FIELD_FILTER_TAGS, agent->tags,
                              agent->tag_count);
    }
    return false;
}
