/*  Saved: claims.                                                            */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/glob.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"

static void
s_put (const covey_claim_entry_t *entry, covey_saver_t *to)
{
    Covey__Snapshot__Claim message = COVEY__SNAPSHOT__CLAIM__INIT;
    Covey__Snapshot__Timer timer;
    char **texts = covey_mem_new (2 * entry->count * sizeof *texts);
    message.paths = texts;
    message.names = texts + entry->count;
    for (size_t i = 0; i < entry->count; i++)
        if (entry->resources[i].is_path)
            message.paths[message.n_paths++] = entry->resources[i].text;
        else
            message.names[message.n_names++] = entry->resources[i].text;
    message.id = entry->id;
    message.holder = entry->holder;
    message.shared = entry->shared;
    message.state = entry->state;
    message.seq = entry->seq;
    message.token = entry->token;
    message.ttl = entry->ttl_ms;
    message.asked = entry->asked_us;
    message.held = entry->held_us;
    message.wait_end = entry->wait_end_us;
    message.ended = entry->ended_us;
    message.purpose = entry->purpose;
    message.task_id = entry->task_id;
    message.reason = entry->reason;
    message.timer = covey_save_timer (&entry->timer, &timer);
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_CLAIM;
    record.claim = &message;
    covey_saver_put (to, &record);
    free (texts);
}

void
covey_state_save_claims (const covey_state_t *self, covey_saver_t *to)
{
    for (const covey_claim_entry_t *e = covey_tree_first (&self->claims.by_id);
         e; e = covey_tree_next (&self->claims.by_id, e))
        s_put (e, to);
}

static bool
s_is_good (const covey_state_t *self, const Covey__Snapshot__Claim *from)
{
    bool live =
        from->state == COVEY_CLAIM_WAITING || from->state == COVEY_CLAIM_HELD;
    size_t count = from->n_paths + from->n_names;
    bool good =
        from->state <= COVEY_CLAIM_EXPIRED &&
        count <= COVEY_CLAIM_RESOURCES_MAX && live == (count > 0) &&
        from->seq > 0 && from->seq <= self->claims.seq && from->ttl >= 0 &&
        from->ttl <= COVEY_CLAIM_TTL_MAX_MS &&
        covey_save_is_time (from->asked) && covey_save_is_time (from->held) &&
        covey_save_is_time (from->wait_end) &&
        covey_save_is_time (from->ended) && live == (from->timer != NULL);
    /* A pattern reads as itself. */
    char glob[COVEY_GLOB_MAX + 1];
    for (size_t i = 0; i < from->n_paths && good; i++)
        good = !covey_glob_read (from->paths[i], glob, NULL) &&
               strcmp (glob, from->paths[i]) == 0;
    return good;
}

static char *
s_dup (const char *text)
{
    return text ? covey_str_dup (text) : NULL;
}

covey_err_t
covey_state_load_claim (covey_state_t *self,
                        const Covey__Snapshot__Record *record,
                        covey_errbuf_t *err)
{
    const Covey__Snapshot__Claim *from = record->claim;
    covey_claim_entry_t *entry = NULL;
    bool good = s_is_good (self, from);
    if (good) {
        entry = covey_claim_entry_new (from->id, from->holder, from->shared,
                                       from->paths, from->n_paths, from->names,
                                       from->n_names);
        entry->state = (covey_claim_state_t)from->state;
        entry->seq = from->seq;
        entry->token = from->token;
        entry->ttl_ms = from->ttl;
        entry->asked_us = from->asked;
        entry->held_us = from->held;
        entry->wait_end_us = from->wait_end;
        entry->ended_us = from->ended;
        entry->purpose = s_dup (from->purpose);
        entry->task_id = s_dup (from->task_id);
        entry->reason = s_dup (from->reason);
        good = covey_claims_restore (&self->claims, entry);
        if (!good)
            covey_claim_entry_destroy (&entry);
    }
    if (good && from->timer)
        good = from->timer->kind == COVEY_TIMER_CLAIM &&
               covey_load_timer (&self->timers, &entry->timer, from->timer);
    return good
               ? COVEY_OK
               : covey_fail (err, COVEY_CORRUPT,
                             "the snapshot is damaged: claim %.140s", from->id);
}
