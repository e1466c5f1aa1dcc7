/*  The shared memory: what every command must have answered, told and left.  */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/state.h"
#include "proto/event.h"
#include "tests/support/sim_replog_judge.h"

const char *
sim_key_name (size_t key)
{
    static const char *const names[SIM_KEYS] = {"m/a", "m/b", "c", "n/sum",
                                                "n/bound"};
    return names[key];
}

static sim_key_t *
s_key (sim_judge_t *self, const char *name)
{
    for (size_t i = 0; i < SIM_KEYS; i++)
        if (strcmp (sim_key_name (i), name) == 0)
            return &self->keys[i];
    sim_judge_break (self, "key %s is nobody's", name);
    return &self->keys[0];
}

static sim_version_t *
s_last (const sim_key_t *key)
{
    return key->count ? &key->versions[key->count - 1] : NULL;
}

static bool
s_is_alive (const sim_version_t *version, int64_t now_us)
{
    return version && version->is_there &&
           (!version->expires_us || version->expires_us > now_us);
}

static void
s_add (sim_key_t *key, const sim_version_t *version)
{
    key->versions = covey_mem_room (key->versions, key->count, &key->room,
                                    sizeof *key->versions);
    key->versions[key->count++] = *version;
}

void
sim_judge_deinit_memory (sim_judge_t *self)
{
    for (size_t i = 0; i < SIM_KEYS; i++)
        free (self->keys[i].versions);
}

uint64_t
sim_judge_revision (const sim_judge_t *self, size_t key)
{
    const sim_version_t *last = s_last (&self->keys[key]);
    return last && last->is_there ? last->revision : 0;
}

int64_t
sim_judge_value (const sim_judge_t *self, size_t key)
{
    const sim_version_t *last = s_last (&self->keys[key]);
    return last && last->is_there ? last->value : 0;
}

/* ---- what must have been answered -------------------------------------------
 */

static covey_err_t
s_foresee_revision (const sim_version_t *alive, bool has, uint64_t expected)
{
    uint64_t revision = alive ? alive->revision : 0;
    if (!has || expected == revision)
        return COVEY_OK;
    return expected ? COVEY_CONFLICT : COVEY_EXISTS;
}

static covey_err_t
s_foresee_put (const sim_judge_t *self, const sim_version_t *alive,
               sim_version_t *to)
{
    const Covey__Control__MemoryPut *put = self->command->memory_put;
    char digits[24] = "";
    memcpy (digits, put->value->data.data, put->value->data.len);
    to->value = strtoll (digits, NULL, 10);
    to->expires_us = put->has_ttl ? self->now_us + put->ttl * 1000 : 0;
    return s_foresee_revision (alive, put->has_expected_revision,
                               put->expected_revision);
}

static covey_err_t
s_foresee_incr (const sim_judge_t *self, const sim_version_t *alive,
                sim_version_t *to)
{
    const Covey__Control__MemoryIncr *incr = self->command->memory_incr;
    to->value = (alive ? alive->value : 0) + incr->by;
    bool fits = (!incr->has_min || to->value >= incr->min) &&
                (!incr->has_max || to->value <= incr->max);
    return fits ? COVEY_OK : COVEY_STATE;
}

static covey_err_t
s_foresee_delete (const sim_judge_t *self, const sim_version_t *alive,
                  sim_version_t *to)
{
    const Covey__Control__MemoryRef *ref = self->command->memory_delete;
    to->is_there = false;
    return alive ? s_foresee_revision (alive, ref->has_expected_revision,
                                       ref->expected_revision)
                 : COVEY_NOTFOUND;
}

/*  The answer names the revision, and of a counter the sum.                 */
static void
s_check_answer (sim_judge_t *self, sim_version_t *version, bool is_counter)
{
    char *rest;
    version->revision = strtoull (self->effects->show_id, &rest, 10);
    if (version->revision <= self->revision)
        sim_judge_break (self, "revision %" PRIu64 " after %" PRIu64,
                         version->revision, self->revision);
    self->revision = version->revision;
    self->sums.revisions++;
    int64_t sum = is_counter ? strtoll (rest, NULL, 10) : version->value;
    if (sum != version->value)
        sim_judge_break (self, "a counter is %" PRId64 ", not %" PRId64, sum,
                         version->value);
}

static void
s_judge_command (sim_judge_t *self)
{
    const Covey__Control__Command *c = self->command;
    sim_version_t to = {.index = self->index, .is_there = true};
    covey_err_t foreseen = COVEY_OK;
    sim_key_t *key = NULL;
    const sim_version_t *alive = NULL;
    const char *name = NULL;
    if (c->op_case == COVEY__CONTROL__COMMAND__OP_MEMORY_PUT)
        name = c->memory_put->key;
    else if (c->op_case == COVEY__CONTROL__COMMAND__OP_MEMORY_INCR)
        name = c->memory_incr->key;
    else if (c->op_case == COVEY__CONTROL__COMMAND__OP_MEMORY_DELETE)
        name = c->memory_delete->key;
    if (!name || !self->is_new)
        return;
    key = s_key (self, name);
    if (s_is_alive (s_last (key), self->now_us))
        alive = s_last (key);
    if (c->op_case == COVEY__CONTROL__COMMAND__OP_MEMORY_PUT)
        foreseen = s_foresee_put (self, alive, &to);
    else if (c->op_case == COVEY__CONTROL__COMMAND__OP_MEMORY_INCR)
        foreseen = s_foresee_incr (self, alive, &to);
    else
        foreseen = s_foresee_delete (self, alive, &to);
    if (foreseen != self->effects->code) {
        sim_judge_break (self, "key %s: %s, and it must be %s", name,
                         covey_err_name (self->effects->code),
                         covey_err_name (foreseen));
        return;
    }
    self->sums.conflicts += foreseen == COVEY_CONFLICT;
    if (foreseen)
        return;
    s_check_answer (self, &to,
                    c->op_case == COVEY__CONTROL__COMMAND__OP_MEMORY_INCR);
    s_add (key, &to);
}

/* ---- what ends by itself ----------------------------------------------------
 */

static void
s_on_expired (sim_judge_t *self, const covey_event_t *fact)
{
    const char *name = covey_event_str (fact, "memoryKey");
    sim_version_t *last = s_last (s_key (self, name));
    if (!last || !last->is_there || !last->expires_us || last->is_over ||
        last->expires_us > self->now_us) {
        sim_judge_break (self, "key %s expires, and it should not", name);
        return;
    }
    last->is_over = true;
    self->sums.ends++;
    self->revision = (uint64_t)covey_event_int (fact, "revision");
}

/*  Ends come before the command: what it says is of after them.             */
static void
s_judge_ends (sim_judge_t *self)
{
    for (size_t i = 0; i < self->effects->fact_count; i++) {
        const covey_event_t *fact = self->effects->facts[i];
        if (covey_event_type (fact) == COVEY_EVENT_MEMORY_DELETED &&
            strcmp (covey_event_str (fact, "reason"), "expired") == 0)
            s_on_expired (self, fact);
    }
    for (size_t i = 0; i < SIM_KEYS; i++) {
        const sim_version_t *last = s_last (&self->keys[i]);
        if (last && last->is_there && !last->is_over &&
            !s_is_alive (last, self->now_us))
            sim_judge_break (self, "the value of key %s outlives its time",
                             sim_key_name (i));
    }
}

void
sim_judge_memory (sim_judge_t *self)
{
    s_judge_ends (self);
    s_judge_command (self);
}

/* ---- reads ------------------------------------------------------------------
 */

static int64_t
s_number (const char *json, const char *name)
{
    const char *at = json ? strstr (json, name) : NULL;
    return at ? strtoll (at + strlen (name), NULL, 10) : INT64_MIN;
}

void
sim_judge_read (sim_judge_t *self, size_t key, uint64_t index, int64_t now_us,
                covey_err_t code, const char *json)
{
    const sim_key_t *of = &self->keys[key];
    size_t count = of->count;
    self->sums.looks++;
    while (count && of->versions[count - 1].index > index)
        count--;
    const sim_version_t *then = count ? &of->versions[count - 1] : NULL;
    if (!s_is_alive (then, now_us)) {
        if (code != COVEY_NOTFOUND)
            sim_book_break (self->book,
                            "a read at %" PRIu64 " finds key %s, which has no "
                            "value",
                            index, sim_key_name (key));
        return;
    }
    if (code || (uint64_t)s_number (json, "\"revision\":") != then->revision ||
        s_number (json, "\"value\":") != then->value)
        sim_book_break (self->book,
                        "a read at %" PRIu64 " of key %s, which is %" PRId64
                        " at revision %" PRIu64 ", shows %s",
                        index, sim_key_name (key), then->value, then->revision,
                        code ? covey_err_name (code) : json);
}
