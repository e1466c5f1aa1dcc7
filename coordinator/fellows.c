#include "coordinator/fellows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "proto/event.h"

static int
s_compare (const void *a, const void *b)
{
    return memcmp (&((const covey_fellow_t *)a)->node_id,
                   &((const covey_fellow_t *)b)->node_id, sizeof (covey_id_t));
}

static int
s_key (const void *key, const void *item)
{
    return memcmp (key, &((const covey_fellow_t *)item)->node_id,
                   sizeof (covey_id_t));
}

void
covey_fellows_init (covey_fellows_t *self)
{
    memset (self, 0, sizeof *self);
    covey_tree_init (&self->tree, offsetof (covey_fellow_t, by_id), s_compare);
}

void
covey_fellows_deinit (covey_fellows_t *self)
{
    covey_fellow_t *fellow;
    while ((fellow = covey_tree_first (&self->tree))) {
        covey_tree_remove (&self->tree, fellow);
        free (fellow->name);
        free (fellow);
    }
}

/*  Made when it is new; NULL: there are too many.                           */
static covey_fellow_t *
s_get (covey_fellows_t *self, const void *node_id)
{
    covey_fellow_t *fellow = covey_tree_find (&self->tree, node_id, s_key);
    if (fellow || self->tree.count >= COVEY_FELLOWS_MAX)
        return fellow;
    fellow = covey_mem_new (sizeof *fellow);
    memcpy (&fellow->node_id, node_id, sizeof fellow->node_id);
    fellow->name = covey_str_dup ("");
    covey_tree_insert (&self->tree, fellow);
    return fellow;
}

void
covey_fellows_node (covey_fellows_t *self, const Covey__Wire__NodeInfo *info)
{
    if (info->node_id.len != sizeof (covey_id_t))
        return;
    covey_fellow_t *fellow = s_get (self, info->node_id.data);
    if (!fellow)
        return;
    if (info->name && strcmp (info->name, fellow->name) != 0) {
        free (fellow->name);
        fellow->name = covey_str_dup (info->name);
    }
    fellow->alive = info->state == COVEY__WIRE__NODE_STATE__NODE_ALIVE ||
                    info->state == COVEY__WIRE__NODE_STATE__NODE_SUSPECTED;
    if (!fellow->alive)
        fellow->rank = 0;
}

void
covey_fellows_service (covey_fellows_t *self,
                       const Covey__Wire__AgentInfo *info)
{
    if (!info->service ||
        strcmp (info->service, COVEY_SERVICE_COORDINATOR) != 0 ||
        info->node_id.len != sizeof (covey_id_t))
        return;
    covey_fellow_t *fellow = s_get (self, info->node_id.data);
    if (!fellow)
        return;
    fellow->serves = !(info->has_gone && info->gone);
    fellow->seen = fellow->serves;
    fellow->rank = fellow->serves ? info->rank : 0;
}

void
covey_fellows_begin (covey_fellows_t *self)
{
    self->filling = true;
    for (covey_fellow_t *fellow = covey_tree_first (&self->tree); fellow;
         fellow = covey_tree_next (&self->tree, fellow))
        fellow->seen = false;
}

void
covey_fellows_end (covey_fellows_t *self)
{
    if (!self->filling)
        return;
    self->filling = false;
    for (covey_fellow_t *fellow = covey_tree_first (&self->tree); fellow;
         fellow = covey_tree_next (&self->tree, fellow))
        if (!fellow->seen) {
            fellow->serves = false;
            fellow->rank = 0;
        }
}

covey_err_t
covey_fellows_heard (covey_fellows_t *self, const covey_id_t *node_id,
                     const Covey__Control__Presence *presence, int64_t now_us,
                     int64_t now_ms)
{
    if (!presence->member_id ||
        (presence->has_cluster && presence->cluster.len != 16))
        return COVEY_INVALID;
    covey_fellow_t *fellow = s_get (self, node_id);
    if (!fellow)
        return COVEY_OK; /* nobody is added from that many */
    fellow->heard_ms = now_ms;
    fellow->member_id = presence->member_id;
    fellow->has_cluster = presence->has_cluster;
    if (presence->has_cluster)
        memcpy (&fellow->cluster, presence->cluster.data,
                sizeof fellow->cluster);
    fellow->skew_us = presence->has_now_us ? presence->now_us - now_us : 0;
    fellow->leads = presence->has_leads && presence->leads;
    fellow->fresh = presence->has_fresh && presence->fresh;
    if (presence->log) {
        fellow->log = *presence->log; /* numbers                              */
        fellow->log.base.n_unknown_fields = 0;
        fellow->log.base.unknown_fields = NULL;
    }
    return COVEY_OK;
}

const covey_fellow_t *
covey_fellows_find (const covey_fellows_t *self, const covey_id_t *node_id)
{
    return covey_tree_find (&self->tree, node_id, s_key);
}

const covey_fellow_t *
covey_fellows_next (const covey_fellows_t *self, const covey_fellow_t *fellow)
{
    return fellow ? covey_tree_next (&self->tree, fellow)
                  : covey_tree_first (&self->tree);
}

typedef struct {
    const char **names;
    size_t count;
} fellows_names_t;

static const char *
s_name_at (const void *arg, size_t i)
{
    const fellows_names_t *names = arg;
    return i < names->count ? names->names[i] : NULL;
}

static covey_err_t
s_unknown (const covey_fellows_t *self, const char *text, covey_errbuf_t *err)
{
    fellows_names_t names = {
        .names = covey_mem_new ((self->tree.count + 1) * sizeof (char *))};
    const covey_fellow_t *fellow = NULL;
    while ((fellow = covey_fellows_next (self, fellow)))
        names.names[names.count++] = fellow->name;
    const char *nearest = covey_str_nearest (text, s_name_at, &names);
    covey_err_t code = covey_fail (
        err, COVEY_NOTFOUND, "no node \"%.100s\" is known here%s%.100s%s", text,
        nearest ? "; did you mean \"" : "", nearest ? nearest : "",
        nearest ? "\"?" : "");
    free (names.names);
    return code;
}

covey_err_t
covey_fellows_resolve (const covey_fellows_t *self, const char *text,
                       const covey_fellow_t **fellow_p, covey_errbuf_t *err)
{
    const covey_fellow_t *fellow = NULL, *found = NULL;
    bool twice = false;
    while ((fellow = covey_fellows_next (self, fellow))) {
        char id[37];
        covey_id_text (fellow->node_id.bytes, id);
        if (strcmp (id, text) == 0) {
            *fellow_p = fellow;
            return COVEY_OK;
        }
        if (strcmp (fellow->name, text) != 0)
            continue;
        /* Of an earlier node with this name only its id is left. */
        if (found && found->alive && fellow->alive)
            twice = true;
        if (!found || !found->alive)
            found = fellow;
    }
    if (!found)
        return s_unknown (self, text, err);
    if (twice)
        return covey_fail (err, COVEY_INVALID,
                           "several nodes are called \"%.100s\": name one by "
                           "its id (covey nodes)",
                           text);
    *fellow_p = found;
    return COVEY_OK;
}

const covey_fellow_t *
covey_fellows_in_charge (const covey_fellows_t *self)
{
    const covey_fellow_t *best = NULL, *fellow = NULL;
    while ((fellow = covey_fellows_next (self, fellow)))
        if (fellow->alive && fellow->serves &&
            (!best || fellow->rank > best->rank))
            best = fellow;
    return best;
}

const char *
covey_fellows_name (const covey_fellows_t *self, const covey_id_t *node_id,
                    char id_text[37])
{
    const covey_fellow_t *fellow = covey_fellows_find (self, node_id);
    if (fellow && *fellow->name)
        return fellow->name;
    covey_id_text (node_id->bytes, id_text);
    return id_text;
}
