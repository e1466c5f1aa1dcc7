/*  How an event is addressed besides its targets: what its publisher asks the
    node for. None of it is part of the event's bytes or JSON.                */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "proto/event_class.h"

void
covey_group_free (Covey__Wire__Group **group_p)
{
    Covey__Wire__Group *group = *group_p;
    *group_p = NULL;
    if (group)
        protobuf_c_message_free_unpacked (&group->base, NULL);
}

static covey_err_t
s_check_text (const char *name, const char *text)
{
    size_t size = text ? strlen (text) : 0;
    if (size == 0 || size > COVEY_NAME_MAX)
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "group: %s has %zu bytes; it must have 1 to %d",
                           name, size, COVEY_NAME_MAX);
    if (!covey_str_is_utf8 (text, size))
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "group: %s is not UTF-8", name);
    return COVEY_OK;
}

static covey_err_t
s_copy_list (const char *name, const char *const *texts, size_t count,
             char ***list_p, size_t *count_p)
{
    if (count > COVEY_LIST_MAX)
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "group: %zu times %s; the bound is %d", count, name,
                           COVEY_LIST_MAX);
    if (count)
        *list_p = covey_mem_new (count * sizeof **list_p);
    for (size_t i = 0; i < count; i++) {
        covey_err_t rc = s_check_text (name, texts[i]);
        if (rc)
            return rc;
        (*list_p)[(*count_p)++] = covey_str_dup (texts[i]);
    }
    return COVEY_OK;
}

covey_err_t
covey_group_make (const covey_scope_t *scope, Covey__Wire__Group **group_p)
{
    Covey__Wire__Group *group = covey_mem_new (sizeof *group);
    covey__wire__group__init (group);
    covey_err_t rc =
        s_copy_list ("type", scope->agent_types, scope->agent_type_count,
                     &group->types, &group->n_types);
    if (rc == COVEY_OK)
        rc = s_copy_list ("capability", scope->capabilities,
                          scope->capability_count, &group->capabilities,
                          &group->n_capabilities);
    if (rc == COVEY_OK)
        rc = s_copy_list ("tag", scope->tags, scope->tag_count, &group->tags,
                          &group->n_tags);
    if (rc == COVEY_OK && scope->swarm_id &&
        (rc = s_check_text ("swarm id", scope->swarm_id)) == COVEY_OK)
        group->swarm_id = covey_str_dup (scope->swarm_id);
    if (rc)
        covey_group_free (&group);
    *group_p = group;
    return rc;
}

covey_err_t
covey_event_set_group (covey_event_t *self, const covey_scope_t *group)
{
    Covey__Wire__Group *made = NULL;
    covey_err_t rc = group ? covey_group_make (group, &made) : COVEY_OK;
    if (rc)
        return rc;
    covey_group_free (&self->group);
    self->group = made;
    return COVEY_OK;
}

const Covey__Wire__Group *
covey_event_group (const covey_event_t *self)
{
    return self->group;
}

void
covey_event_set_heard (covey_event_t *self, bool heard)
{
    self->heard = heard;
}

bool
covey_event_heard (const covey_event_t *self)
{
    return self->heard;
}

/*  For copies of an event.                                                  */
covey_err_t
covey_event_copy_wishes (covey_event_t *self, const covey_event_t *from)
{
    self->heard = from->heard;
    covey_group_free (&self->group);
    if (!from->group)
        return COVEY_OK;
    const Covey__Wire__Group *group = from->group;
    covey_scope_t scope = {.agent_types = (const char *const *)group->types,
                           .agent_type_count = group->n_types,
                           .capabilities =
                               (const char *const *)group->capabilities,
                           .capability_count = group->n_capabilities,
                           .tags = (const char *const *)group->tags,
                           .tag_count = group->n_tags,
                           .swarm_id = group->swarm_id};
    return covey_group_make (&scope, &self->group);
}
