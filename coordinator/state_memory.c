/*  Commands about the shared memory: who may do what, and what is told of it.
    Rights, where a key has a value: its owner may everything; others may write
    at level write, and write, delete and share at level admin.               */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"
#include "proto/event.h"

typedef enum {
    MAY_WRITE,  /* its value                                                  */
    MAY_GOVERN, /* delete it, share it, change its level and history          */
    MAY_OWN     /* give it to another owner                                   */
} s_right_t;

/*  Who does it: the agent that is named, if the caller may speak for it.    */
static covey_err_t
s_actor (covey_state_t *self, const char *agent_id, const char **actor_p)
{
    *actor_p = agent_id ? agent_id : covey_state_caller (self);
    return agent_id ? covey_state_may_speak_for (self, agent_id) : COVEY_OK;
}

static covey_err_t
s_check_right (covey_state_t *self, const covey_memory_entry_t *entry,
               const char *actor, s_right_t right)
{
    static const char *const wishes[] = {
        "write it", "delete it, share it or change its level or history",
        "give it to another owner"};
    const covey_memory_version_t *v = entry->latest;
    bool may = strcmp (v->owner, actor) == 0 ||
               (right == MAY_WRITE && v->access >= COVEY_ACCESS_WRITE) ||
               (right == MAY_GOVERN && v->access == COVEY_ACCESS_ADMIN);
    if (may)
        return COVEY_OK;
    return covey_fail (self->err, COVEY_DENIED,
                       "key %.200s belongs to %s and has the level %s: %s may "
                       "not %s",
                       entry->key, v->owner, covey_access_name (v->access),
                       actor, wishes[right]);
}

/*  Compare-and-set: `entry` is NULL when the key has no value.              */
static covey_err_t
s_check_revision (covey_state_t *self, const char *key,
                  const covey_memory_entry_t *entry, bool has_expected,
                  uint64_t expected)
{
    uint64_t revision = entry ? entry->latest->revision : 0;
    if (!has_expected || expected == revision)
        return COVEY_OK;
    if (expected == 0)
        return covey_fail (self->err, COVEY_EXISTS,
                           "key %.200s has a value already, at revision %llu",
                           key, (unsigned long long)revision);
    if (!entry)
        return covey_fail (self->err, COVEY_CONFLICT,
                           "key %.200s has no value (revision 0), %llu was "
                           "expected: it was deleted or never stored",
                           key, (unsigned long long)expected);
    return covey_fail (self->err, COVEY_CONFLICT,
                       "key %.200s is at revision %llu, %llu was expected: get "
                       "it and try again",
                       key, (unsigned long long)revision,
                       (unsigned long long)expected);
}

static covey_err_t
s_no_key (covey_state_t *self, const char *key)
{
    return covey_fail (self->err, COVEY_NOTFOUND, "no key %.200s", key);
}

static void
s_show (covey_state_t *self, covey_show_t show,
        const covey_memory_version_t *version)
{
    /* The value of a counter is its digits, with a NUL behind them. */
    const char *sum = show == COVEY_SHOW_COUNTER ? version->data : NULL;
    snprintf (self->shown, sizeof self->shown, "%llu %s%s%.*s",
              (unsigned long long)version->revision, sum ? sum : "",
              sum ? " " : "", COVEY_NAME_MAX, version->entry->key);
    self->show = show;
    self->show_id = self->shown;
}

/* ---- writing ----------------------------------------------------------------
 */

/*  A write by the command at hand.                                          */
static covey_memory_write_t
s_write (const covey_state_t *self, const char *author)
{
    const Covey__Control__Command *command = self->command;
    covey_memory_write_t write = {.at_us = self->now_us, .author = author};
    if (!command)
        return write;
    write.correlation = command->correlation_id;
    if (command->has_causation_id && command->causation_id.len == 16)
        write.cause = command->causation_id.data;
    return write;
}

/*  What stays of a version when only some of it changes.                    */
static void
s_keep (covey_memory_write_t *write, const covey_memory_version_t *version)
{
    write->content = version->content;
    write->data = version->data;
    write->size = version->size;
    write->access = version->access;
    write->owner = version->owner;
    write->tags = version->tags.items;
    write->tag_count = version->tags.count;
    write->expires_us = version->expires_us;
}

/*  Store it when there is room, arm its end, tell.                          */
static covey_err_t
s_store (covey_state_t *self, const char *key,
         const covey_memory_write_t *write, covey_show_t show)
{
    covey_err_t code = covey_memory_check_room (
        &self->memory, key, write, &self->limits.memory, self->err);
    if (code)
        return code;
    covey_memory_version_t *v = covey_memory_write (&self->memory, key, write);
    covey_timer_t *timer = &v->entry->timer;
    if (v->expires_us)
        covey_timers_arm (&self->timers, timer, v->expires_us);
    else
        covey_timers_disarm (&self->timers, timer);
    covey_fact_stored (self, v);
    s_show (self, show, v);
    return COVEY_OK;
}

static void
s_end (covey_state_t *self, covey_memory_entry_t *entry,
       covey_memory_kind_t kind, const char *author)
{
    covey_memory_write_t write = s_write (self, author);
    assert (entry);
    write.kind = kind;
    write.access = entry->latest->access;
    write.owner = entry->latest->owner;
    covey_timers_disarm (&self->timers, &entry->timer);
    covey_memory_version_t *v =
        covey_memory_write (&self->memory, entry->key, &write);
    covey_fact_deleted (self, v->entry->key, v);
    if (self->command)
        s_show (self, COVEY_SHOW_MEMORY, v);
    covey_memory_trim (&self->memory, self->limits.memory.ended_max);
}

void
covey_state_memory_due (covey_state_t *self, covey_timer_t *timer)
{
    s_end (self, timer->owner, COVEY_MEMORY_IS_EXPIRED,
           COVEY_SERVICE_COORDINATOR);
}

static covey_err_t
s_on_put (covey_state_t *self, const Covey__Control__MemoryPut *put)
{
    const covey_memory_entry_t *entry =
        covey_memory_find (&self->memory, put->key);
    const char *actor;
    covey_err_t code = s_actor (self, put->agent_id, &actor);
    if (!code && entry)
        code = s_check_right (self, entry, actor, MAY_WRITE);
    covey_access_t access = entry ? entry->latest->access : COVEY_ACCESS_READ;
    bool governs =
        (put->has_access_level &&
         (covey_access_t)put->access_level != access) ||
        (put->has_history && entry && put->history != entry->history);
    if (!code && entry && governs)
        code = s_check_right (self, entry, actor, MAY_GOVERN);
    if (!code)
        code =
            s_check_revision (self, put->key, entry, put->has_expected_revision,
                              put->expected_revision);
    if (!code && put->value->data.len > self->limits.memory_value_max)
        code = covey_fail (self->err, COVEY_LIMIT,
                           "value has %zu bytes: store parts, or a "
                           "reference" COVEY_LIMIT_HINT ("memoryValueBytes"),
                           put->value->data.len,
                           (unsigned long long)self->limits.memory_value_max);
    if (code)
        return code;
    covey_memory_write_t write = s_write (self, actor);
    write.content =
        put->value->has_content_type ? (int)put->value->content_type : 0;
    write.data = put->value->data.data;
    write.size = put->value->data.len;
    write.access =
        put->has_access_level ? (covey_access_t)put->access_level : access;
    write.owner = entry ? entry->latest->owner : actor;
    write.tags = put->tags;
    write.tag_count = put->n_tags;
    write.history = put->has_history ? put->history : 0;
    write.expires_us = put->has_ttl ? self->now_us + put->ttl * 1000 : 0;
    return s_store (self, put->key, &write, COVEY_SHOW_MEMORY);
}

static covey_err_t
s_on_delete (covey_state_t *self, const Covey__Control__MemoryRef *ref)
{
    covey_memory_entry_t *entry = covey_memory_find (&self->memory, ref->key);
    const char *actor;
    covey_err_t code = s_actor (self, ref->agent_id, &actor);
    if (!code && entry)
        code = s_check_right (self, entry, actor, MAY_GOVERN);
    if (!code && !entry)
        code = s_no_key (self, ref->key);
    if (!code)
        code =
            s_check_revision (self, ref->key, entry, ref->has_expected_revision,
                              ref->expected_revision);
    if (!code)
        s_end (self, entry, COVEY_MEMORY_IS_DELETED, actor);
    return code;
}

/* ---- counters ---------------------------------------------------------------
 */

/*  The sum, or why there is none.                                           */
static covey_err_t
s_add (covey_state_t *self, const Covey__Control__MemoryIncr *incr,
       const covey_memory_version_t *version, int64_t *sum_p)
{
    int64_t by = incr->has_by ? incr->by : 1, value = 0, sum;
    if (version &&
        (version->content > COVEY_CONTENT_JSON ||
         strlen (version->data) != version->size ||
         !covey_str_to_int (version->data, INT64_MIN, INT64_MAX, &value)))
        return covey_fail (self->err, COVEY_STATE,
                           "the value of key %.200s is no whole number of 64 "
                           "bits: it cannot be counted on",
                           incr->key);
    if (__builtin_add_overflow (value, by, &sum))
        return covey_fail (self->err, COVEY_STATE,
                           "key %.200s is %lld: %lld more does not fit in 64 "
                           "bits",
                           incr->key, (long long)value, (long long)by);
    if (incr->has_min && sum < incr->min)
        return covey_fail (self->err, COVEY_STATE,
                           "key %.200s is %lld: %lld more is below the minimum "
                           "of %lld",
                           incr->key, (long long)value, (long long)by,
                           (long long)incr->min);
    if (incr->has_max && sum > incr->max)
        return covey_fail (self->err, COVEY_STATE,
                           "key %.200s is %lld: %lld more is above the maximum "
                           "of %lld",
                           incr->key, (long long)value, (long long)by,
                           (long long)incr->max);
    *sum_p = sum;
    return COVEY_OK;
}

/*  A counter that is new may be counted on by everybody, unless it says
    otherwise; an old one keeps all but its value.                            */
static covey_err_t
s_on_incr (covey_state_t *self, const Covey__Control__MemoryIncr *incr)
{
    const covey_memory_entry_t *entry =
        covey_memory_find (&self->memory, incr->key);
    const char *actor;
    int64_t sum = 0;
    covey_err_t code = s_actor (self, incr->agent_id, &actor);
    if (!code && entry)
        code = s_check_right (self, entry, actor, MAY_WRITE);
    if (!code)
        code = s_add (self, incr, entry ? entry->latest : NULL, &sum);
    if (code)
        return code;
    char digits[24];
    covey_memory_write_t write = s_write (self, actor);
    if (entry)
        s_keep (&write, entry->latest);
    else {
        write.content = COVEY_CONTENT_JSON;
        write.access = incr->has_access_level
                           ? (covey_access_t)incr->access_level
                           : COVEY_ACCESS_WRITE;
        write.owner = actor;
        write.tags = incr->tags;
        write.tag_count = incr->n_tags;
    }
    if (incr->has_ttl)
        write.expires_us = self->now_us + incr->ttl * 1000;
    write.size =
        (size_t)snprintf (digits, sizeof digits, "%lld", (long long)sum);
    write.data = digits;
    return s_store (self, incr->key, &write, COVEY_SHOW_COUNTER);
}

/* ---- sharing and reading ----------------------------------------------------
 */

static covey_err_t
s_check_targets (covey_state_t *self, const Covey__Control__MemoryShare *share)
{
    for (size_t i = 0; i < share->n_targets; i++)
        if (!covey_registry_find_up (&self->registry, share->targets[i]))
            return covey_fail (self->err, COVEY_NOAGENT,
                               "no agent %s is there to share key %.200s with",
                               share->targets[i], share->key);
    return COVEY_OK;
}

static covey_err_t
s_check_share (covey_state_t *self, const Covey__Control__MemoryShare *share,
               const covey_memory_entry_t *entry, const char *actor)
{
    if (!entry)
        return s_no_key (self, share->key);
    bool gives =
        share->owner && strcmp (share->owner, entry->latest->owner) != 0;
    covey_err_t code =
        s_check_right (self, entry, actor, gives ? MAY_OWN : MAY_GOVERN);
    if (!code)
        code = s_check_revision (self, share->key, entry,
                                 share->has_expected_revision,
                                 share->expected_revision);
    return code ? code : s_check_targets (self, share);
}

/*  Another level or owner is a change, which watchers get; the value as such
    goes to those who are named, or who listen.                               */
static covey_err_t
s_on_share (covey_state_t *self, const Covey__Control__MemoryShare *share)
{
    const covey_memory_entry_t *entry =
        covey_memory_find (&self->memory, share->key);
    const char *actor;
    covey_err_t code = s_actor (self, share->agent_id, &actor);
    if (!code)
        code = s_check_share (self, share, entry, actor);
    if (code)
        return code;
    covey_memory_write_t write = s_write (self, actor);
    s_keep (&write, entry->latest);
    if (share->has_access_level)
        write.access = (covey_access_t)share->access_level;
    if (share->owner)
        write.owner = share->owner;
    if (write.access != entry->latest->access ||
        strcmp (write.owner, entry->latest->owner) != 0)
        code = s_store (self, share->key, &write, COVEY_SHOW_MEMORY);
    if (code)
        return code;
    covey_fact_shared (self, entry->latest, actor, share->targets,
                       share->n_targets);
    s_show (self, COVEY_SHOW_MEMORY, entry->latest);
    return COVEY_OK;
}

static covey_err_t
s_on_retrieve (covey_state_t *self, const Covey__Control__MemoryRef *ref)
{
    const covey_memory_entry_t *entry =
        covey_memory_find (&self->memory, ref->key);
    const char *actor;
    covey_err_t code = s_actor (self, ref->agent_id, &actor);
    if (!code && !entry)
        code = s_no_key (self, ref->key);
    if (code)
        return code;
    assert (entry);
    covey_fact_retrieved (self, entry->latest, actor);
    s_show (self, COVEY_SHOW_MEMORY_VALUE, entry->latest);
    return COVEY_OK;
}

covey_err_t
covey_state_on_memory (covey_state_t *self, const Covey__Control__Command *c)
{
    switch ((int)c->op_case) {
        case COVEY__CONTROL__COMMAND__OP_MEMORY_PUT:
            return s_on_put (self, c->memory_put);
        case COVEY__CONTROL__COMMAND__OP_MEMORY_DELETE:
            return s_on_delete (self, c->memory_delete);
        case COVEY__CONTROL__COMMAND__OP_MEMORY_INCR:
            return s_on_incr (self, c->memory_incr);
        case COVEY__CONTROL__COMMAND__OP_MEMORY_SHARE:
            return s_on_share (self, c->memory_share);
        default:
            return s_on_retrieve (self, c->memory_retrieve);
    }
}
