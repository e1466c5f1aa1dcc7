/*  Commands about claims: leases in log time, and who gets its turn.         */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/fact.h"
#include "coordinator/glob.h"
#include "coordinator/state_impl.h"
#include "proto/event.h"

static void
s_show (covey_state_t *self, const covey_claim_entry_t *entry)
{
    self->show = COVEY_SHOW_CLAIM;
    self->show_id = entry->id;
}

/*  The lease, or as long as one waits without being renewed.                 */
static void
s_arm (covey_state_t *self, covey_claim_entry_t *entry)
{
    int64_t due_us = self->now_us + entry->ttl_ms * 1000;
    if (entry->state == COVEY_CLAIM_WAITING && due_us > entry->wait_end_us)
        due_us = entry->wait_end_us;
    covey_timers_arm (&self->timers, &entry->timer, due_us);
}

static void
s_grant (covey_state_t *self, covey_claim_entry_t *entry, bool has_waited)
{
    covey_claims_hold (&self->claims, entry, ++self->token, self->now_us);
    s_arm (self, entry);
    covey_fact_claim_granted (self, entry, has_waited);
}

/*  Its fact was told. Those that waited for it get their turn, by age.       */
static void
s_end (covey_state_t *self, covey_claim_entry_t *entry,
       covey_claim_state_t state, const char *reason)
{
    covey_claim_entry_t **waiting;
    size_t count = covey_claims_waiting (&self->claims, entry, &waiting);
    size_t keep = self->limits.claims_ended_max;
    covey_timers_disarm (&self->timers, &entry->timer);
    covey_claims_end (&self->claims, entry, state, reason, self->now_us,
                      keep ? keep : 1);
    for (size_t i = 0; i < count; i++)
        if (covey_claims_obstacles (&self->claims, waiting[i], false, NULL) ==
            0)
            s_grant (self, waiting[i], true);
    free (waiting);
}

/*  Who has it: the oldest that holds it, else the oldest that waits.         */
static covey_err_t
s_fail_busy (const covey_claim_obstacle_t *list, size_t count,
             covey_errbuf_t *err)
{
    const covey_claim_obstacle_t *first = list;
    for (size_t i = count; i-- > 0;)
        if (list[i].claim->state == COVEY_CLAIM_HELD)
            first = &list[i];
    const covey_claim_entry_t *claim = first->claim;
    char until[40];
    covey_str_time (claim->timer.due_us, until);
    const char *purpose = claim->purpose ? claim->purpose : "";
    if (claim->state == COVEY_CLAIM_WAITING)
        return covey_fail (err, COVEY_BUSY,
                           "%.200s: %s waits for it and was earlier%s%.60s",
                           first->resource->text, claim->holder,
                           *purpose ? ": " : "", purpose);
    return covey_fail (
        err, COVEY_BUSY, "%.200s is held by %s%s until %s%s%.60s",
        first->resource->text, claim->holder, claim->shared ? " (shared)" : "",
        until, *purpose ? ": " : "", purpose);
}

/*  Why its turn did not come.                                                */
static void
s_say_waited (const covey_state_t *self, const covey_claim_entry_t *entry,
              covey_errbuf_t *reason)
{
    covey_claim_obstacle_t *list = NULL;
    covey_errbuf_t who = {.text = "others were earlier"};
    size_t count = covey_claims_obstacles (&self->claims, entry, false, &list);
    if (count)
        (void)s_fail_busy (list, count, &who);
    (void)covey_fail (reason, COVEY_TIMEOUT, "it waited for %lld ms: %.400s",
                      (long long)(entry->wait_end_us - entry->asked_us) / 1000,
                      who.text);
    free (list);
}

static void
s_release (covey_state_t *self, covey_claim_entry_t *entry, const char *by,
           const char *reason)
{
    covey_fact_claim_released (self, entry, by, reason);
    s_end (self, entry, COVEY_CLAIM_RELEASED, reason);
}

void
covey_state_claim_due (covey_state_t *self, covey_timer_t *timer)
{
    covey_claim_entry_t *entry = timer->owner;
    covey_errbuf_t reason;
    if (entry->state == COVEY_CLAIM_HELD)
        (void)covey_fail (&reason, COVEY_TIMEOUT,
                          "it was not renewed within %lld ms",
                          (long long)entry->ttl_ms);
    else if (self->now_us >= entry->wait_end_us)
        s_say_waited (self, entry, &reason);
    else
        (void)covey_fail (&reason, COVEY_TIMEOUT,
                          "while it waited it was not renewed within %lld ms",
                          (long long)entry->ttl_ms);
    covey_fact_claim_expired (self, entry, reason.text);
    s_end (self, entry, COVEY_CLAIM_EXPIRED, reason.text);
}

void
covey_state_renew_claims (covey_state_t *self)
{
    for (covey_claim_entry_t *e = covey_tree_first (&self->claims.live); e;
         e = covey_tree_next (&self->claims.live, e))
        s_arm (self, e);
}

void
covey_state_drop_claims (covey_state_t *self, const char *agent_id,
                         bool graceful)
{
    covey_claim_entry_t *entry = covey_claims_of (&self->claims, agent_id);
    while (entry) {
        covey_claim_entry_t *next = covey_claims_of_next (&self->claims, entry);
        if (graceful || entry->state == COVEY_CLAIM_WAITING)
            s_release (self, entry, COVEY_SERVICE_COORDINATOR,
                       "its holder's session ended");
        entry = next;
    }
}

/* ---- acquire
 * ------------------------------------------------------------------ */

covey_claim_entry_t *
covey_state_make_claim (const char *id, const char *holder, bool shared,
                        char *const *paths, size_t path_count,
                        char *const *names, size_t name_count)
{
    char **globs = covey_mem_new (path_count * sizeof *globs);
    for (size_t i = 0; i < path_count; i++) {
        char glob[COVEY_GLOB_MAX + 1] = "";
        (void)covey_glob_read (paths[i], glob, NULL); /* passed the check */
        globs[i] = covey_str_dup (glob);
    }
    covey_claim_entry_t *entry = covey_claim_entry_new (
        id, holder, shared, globs, path_count, names, name_count);
    for (size_t i = 0; i < path_count; i++)
        free (globs[i]);
    free (globs);
    return entry;
}

static char *
s_dup (const char *text)
{
    return text && *text ? covey_str_dup (text) : NULL;
}

static covey_claim_entry_t *
s_make (covey_state_t *self, const Covey__Control__ClaimAcquire *acquire,
        const char *holder)
{
    char made[37];
    covey_id_text (covey_state_make_id (self).bytes, made);
    covey_claim_entry_t *entry = covey_state_make_claim (
        acquire->claim_id ? acquire->claim_id : made, holder,
        acquire->has_shared && acquire->shared, acquire->paths,
        acquire->n_paths, acquire->names, acquire->n_names);
    entry->purpose = s_dup (acquire->purpose);
    entry->task_id = s_dup (acquire->task_id);
    if (acquire->has_ttl)
        entry->ttl_ms = acquire->ttl;
    entry->asked_us = self->now_us;
    entry->wait_end_us =
        self->now_us + (acquire->has_wait ? acquire->wait : 0) * 1000;
    return entry;
}

static covey_err_t
s_check_room (covey_state_t *self, const char *holder)
{
    const covey_claims_t *claims = &self->claims;
    const covey_state_limits_t *limits = &self->limits;
    if (claims->live.count >= limits->claims_max)
        return covey_fail (
            self->err, COVEY_EAGAIN,
            "there are %zu claims: release some" COVEY_LIMIT_HINT ("claims"),
            claims->live.count, (unsigned long long)limits->claims_max);
    if (claims->bytes >= limits->claim_bytes_max)
        return covey_fail (
            self->err, COVEY_EAGAIN,
            "claims have %zu bytes: release some" COVEY_LIMIT_HINT (
                "claimBytes"),
            claims->bytes, (unsigned long long)limits->claim_bytes_max);
    size_t count = 0;
    for (covey_claim_entry_t *e = covey_claims_of (claims, holder); e;
         e = covey_claims_of_next (claims, e))
        count++;
    if (count >= COVEY_CLAIM_PER_HOLDER_MAX)
        return covey_fail (self->err, COVEY_EAGAIN,
                           "%s has %zu claims, more are not taken; release "
                           "some, or name several things in one",
                           holder, count);
    return COVEY_OK;
}

/*  The entry is the table's, unless it is refused.                           */
static covey_err_t
s_acquire (covey_state_t *self, covey_claim_entry_t *entry)
{
    covey_claim_obstacle_t *list = NULL;
    size_t count = covey_claims_obstacles (&self->claims, entry, true, &list);
    covey_err_t code = COVEY_OK;
    if (count && entry->wait_end_us == self->now_us)
        code = s_fail_busy (list, count, self->err);
    else if (count)
        code = covey_claims_may_wait (&self->claims, entry, self->err);
    if (!code) {
        covey_claims_add (&self->claims, entry);
        s_show (self, entry);
    }
    if (!code && count) {
        s_arm (self, entry);
        covey_fact_claim_waiting (self, entry, list, count);
    } else if (!code)
        s_grant (self, entry, false);
    free (list);
    return code;
}

covey_err_t
covey_state_on_acquire (covey_state_t *self,
                        const Covey__Control__ClaimAcquire *acquire)
{
    const char *holder =
        acquire->holder ? acquire->holder : covey_state_caller (self);
    covey_err_t code = covey_state_may_speak_for (self, holder);
    if (!code)
        code = s_check_room (self, holder);
    if (!code && acquire->claim_id &&
        covey_claims_find (&self->claims, acquire->claim_id))
        code = covey_fail (self->err, COVEY_EXISTS,
                           "claim %s exists already: choose another id",
                           acquire->claim_id);
    if (code)
        return code;
    covey_claim_entry_t *entry = s_make (self, acquire, holder);
    code = s_acquire (self, entry);
    if (code)
        covey_claim_entry_destroy (&entry);
    return code;
}

/* ---- renew, release
 * ------------------------------------------------------------ */

static covey_err_t
s_find (covey_state_t *self, const char *claim_id,
        covey_claim_entry_t **entry_p)
{
    *entry_p = covey_claims_find (&self->claims, claim_id);
    return *entry_p ? COVEY_OK
                    : covey_fail (self->err, COVEY_NOTFOUND, "no claim %s",
                                  claim_id);
}

static covey_err_t
s_check_token (covey_state_t *self, const covey_claim_entry_t *entry,
               protobuf_c_boolean has, uint64_t token)
{
    if (!has || token == entry->token || entry->state == COVEY_CLAIM_WAITING)
        return COVEY_OK;
    return covey_fail (
        self->err, COVEY_FENCED, "claim %s is held under token %llu, not %llu",
        entry->id, (unsigned long long)entry->token, (unsigned long long)token);
}

covey_err_t
covey_state_on_renew (covey_state_t *self,
                      const Covey__Control__ClaimRenew *renew)
{
    covey_claim_entry_t *entry;
    covey_err_t code = s_find (self, renew->claim_id, &entry);
    if (!code)
        code = covey_state_may_speak_for (self, entry->holder);
    if (!code && !covey_claim_is_live (entry))
        code = covey_fail (
            self->err, COVEY_FENCED, "claim %s has ended: %.400s%s", entry->id,
            entry->reason, entry->token ? "; stop what it was for" : "");
    if (!code)
        code = s_check_token (self, entry, renew->has_fencing_token,
                              renew->fencing_token);
    if (code)
        return code;
    if (renew->has_ttl)
        entry->ttl_ms = renew->ttl;
    s_arm (self, entry);
    s_show (self, entry);
    return COVEY_OK;
}

/*  May this caller release what `entry`'s holder has?                        */
static covey_err_t
s_may_release (covey_state_t *self, const covey_claim_entry_t *entry,
               const Covey__Control__ClaimRelease *release)
{
    const char *who =
        release->holder ? release->holder : covey_state_caller (self);
    bool force = release->has_force && release->force;
    if (strcmp (entry->holder, who) != 0 && !force)
        return covey_fail (self->err, COVEY_DENIED,
                           "claim %s is %s's, not %s's; an operator may "
                           "release it with force and a reason",
                           entry->id, entry->holder, who);
    covey_err_t code = covey_state_may_speak_for (self, entry->holder);
    if (code)
        return code;
    return s_check_token (self, entry, release->has_fencing_token,
                          release->fencing_token);
}

static void
s_release_now (covey_state_t *self, covey_claim_entry_t *entry,
               const Covey__Control__ClaimRelease *release)
{
    bool force = release->has_force && release->force;
    const char *by = force ? covey_state_caller (self) : entry->holder;
    s_release (self, entry, by,
               release->reason && *release->reason ? release->reason
                                                   : "its holder released it");
    s_show (self, entry);
}

static covey_err_t
s_release_id (covey_state_t *self, const Covey__Control__ClaimRelease *release)
{
    covey_claim_entry_t *entry;
    covey_err_t code = s_find (self, release->claim_id, &entry);
    if (!code && !covey_claim_is_live (entry))
        code = covey_fail (self->err, COVEY_STATE,
                           "claim %s has ended already: %.300s", entry->id,
                           entry->reason);
    if (!code)
        code = s_may_release (self, entry, release);
    if (!code)
        s_release_now (self, entry, release);
    return code;
}

/*  How many of a claim's resources are among those of `named`.               */
static size_t
s_count_named (const covey_claim_entry_t *entry,
               const covey_claim_entry_t *named)
{
    size_t count = 0;
    for (size_t i = 0; i < entry->count; i++)
        for (size_t k = 0; k < named->count; k++)
            if (entry->resources[i].is_path == named->resources[k].is_path &&
                strcmp (entry->resources[i].text, named->resources[k].text) ==
                    0) {
                count++;
                break;
            }
    return count;
}

/*  Those of the holder, or with force of anybody, on nothing but what is
    named.                                                                    */
static covey_err_t
s_release_named (covey_state_t *self,
                 const Covey__Control__ClaimRelease *release)
{
    bool force = release->has_force && release->force;
    const char *who =
        release->holder ? release->holder : covey_state_caller (self);
    covey_claim_entry_t *named = covey_state_make_claim (
        "", who, false, release->paths, release->n_paths, release->names,
        release->n_names);
    covey_claim_entry_t *next, *partly = NULL;
    covey_err_t code = COVEY_OK;
    size_t count = 0;
    covey_claim_entry_t *e = force ? covey_tree_first (&self->claims.live)
                                   : covey_claims_of (&self->claims, who);
    for (; e; e = next) {
        next = force ? covey_tree_next (&self->claims.live, e)
                     : covey_claims_of_next (&self->claims, e);
        size_t met = s_count_named (e, named);
        if (met && met < e->count)
            partly = e;
        if (!met || met < e->count)
            continue;
        code = s_may_release (self, e, release);
        if (code)
            break;
        s_release_now (self, e, release);
        count++;
    }
    if (!code && !count && partly)
        code = covey_fail (self->err, COVEY_STATE,
                           "claim %s is on more than that; release it by its "
                           "id",
                           partly->id);
    else if (!code && !count)
        code = covey_fail (self->err, COVEY_NOTFOUND, "%s has no claim on %s",
                           force ? "nobody" : who, named->resources[0].text);
    covey_claim_entry_destroy (&named);
    return code;
}

covey_err_t
covey_state_on_release (covey_state_t *self,
                        const Covey__Control__ClaimRelease *release)
{
    return release->claim_id ? s_release_id (self, release)
                             : s_release_named (self, release);
}
