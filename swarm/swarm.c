#include "swarm/swarm.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/*  State        add             remove          end
    active       member, v + 1   gone, v + 1     disbanded
    disbanded    STATE           STATE           STATE                        */

struct covey_swarm {
    char *id;
    char *objective;
    char *strategy;
    char *creator;
    char **tags;
    size_t tag_count;
    covey_swarm_member_t *members; /* the longest-lived first                 */
    size_t member_count;
    size_t member_capacity;
    char leader[COVEY_AGENT_ID_MAX + 1]; /* "" : none                         */
    bool leader_lost;
    int64_t formed_us;
    int64_t disbanded_us;
    int64_t member_lease_us; /* 0: lost members stay                          */
    bool disbanded;
    uint64_t version;
};

static int
s_index (const covey_swarm_t *self, const char *agent_id)
{
    for (size_t i = 0; i < self->member_count; i++)
        if (strcmp (self->members[i].agent_id, agent_id) == 0)
            return (int)i;
    return -1;
}

static int
s_compare_texts (const void *a, const void *b)
{
    return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static covey_err_t
s_check_members (const covey_swarm_args_t *args, covey_errbuf_t *err)
{
    if (args->member_count > COVEY_VOTERS_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "swarm %s would have %zu members, at most %d",
                           args->id, args->member_count, COVEY_VOTERS_MAX);
    const char *names[COVEY_VOTERS_MAX];
    size_t count = args->member_count;
    for (size_t i = 0; i < count; i++)
        names[i] = args->members[i].agent_id;
    qsort (names, count, sizeof *names, s_compare_texts);
    for (size_t i = 1; i < count; i++)
        if (strcmp (names[i - 1], names[i]) == 0)
            return covey_fail (err, COVEY_INVALID,
                               "member %s is named twice for swarm %s",
                               names[i], args->id);
    if (!args->leader || (count && bsearch (&args->leader, names, count,
                                            sizeof *names, s_compare_texts)))
        return COVEY_OK;
    return covey_fail (err, COVEY_INVALID,
                       "leader %s is not one of the members of swarm %s",
                       args->leader, args->id);
}

covey_err_t
covey_swarm_new (const covey_swarm_args_t *args, covey_swarm_t **swarm_p,
                 covey_errbuf_t *err)
{
    covey_err_t code = s_check_members (args, err);
    if (code)
        return code;
    covey_swarm_t *self = covey_mem_new (sizeof *self);
    self->id = covey_str_dup (args->id);
    self->objective = covey_str_dup (args->objective);
    self->strategy = covey_str_dup (args->strategy);
    self->creator = covey_str_dup (args->creator);
    self->tag_count = args->tag_count;
    self->tags = covey_mem_new (args->tag_count * sizeof *self->tags);
    for (size_t i = 0; i < args->tag_count; i++)
        self->tags[i] = covey_str_dup (args->tags[i]);
    self->member_count = args->member_count;
    self->member_capacity = args->member_count;
    self->members = covey_mem_dup (args->members,
                                   args->member_count * sizeof *self->members);
    for (size_t i = 0; i < self->member_count; i++)
        self->members[i].joined_us = args->formed_us;
    self->member_lease_us = args->member_lease_us;
    if (args->leader)
        covey_str_copy (self->leader, sizeof self->leader, args->leader);
    else if (self->member_count)
        covey_str_copy (self->leader, sizeof self->leader,
                        self->members[0].agent_id);
    self->formed_us = args->formed_us;
    self->version = 1;
    *swarm_p = self;
    return COVEY_OK;
}

void
covey_swarm_destroy (covey_swarm_t **self_p)
{
    covey_swarm_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->tag_count; i++)
        free (self->tags[i]);
    free (self->tags);
    free (self->members);
    free (self->creator);
    free (self->strategy);
    free (self->objective);
    free (self->id);
    free (self);
    *self_p = NULL;
}

void
covey_swarm_restore (covey_swarm_t *self, const covey_swarm_past_t *past)
{
    for (size_t i = 0; i < self->member_count; i++) {
        self->members[i].joined_us = past->joined_us[i];
        self->members[i].lost_us = past->lost_us[i];
    }
    covey_str_copy (self->leader, sizeof self->leader,
                    past->leader ? past->leader : "");
    self->leader_lost = past->leader_lost;
    self->disbanded = past->disbanded;
    self->disbanded_us = past->disbanded_us;
    self->version = past->version;
}

static covey_err_t
s_check_active (const covey_swarm_t *self, covey_errbuf_t *err)
{
    if (self->disbanded)
        return covey_fail (err, COVEY_STATE, "swarm %s is disbanded", self->id);
    return COVEY_OK;
}

covey_err_t
covey_swarm_add (covey_swarm_t *self, const char *agent_id, uint64_t weight,
                 int64_t now_us, covey_swarm_join_t *what_p,
                 covey_errbuf_t *err)
{
    covey_err_t code = s_check_active (self, err);
    if (code)
        return code;
    int index = s_index (self, agent_id);
    if (index >= 0) {
        covey_swarm_member_t *member = &self->members[index];
        if (weight == 0 || weight == member->weight) {
            *what_p = COVEY_SWARM_SAME;
            return COVEY_OK;
        }
        member->weight = weight;
        self->version++;
        *what_p = COVEY_SWARM_WEIGHED;
        return COVEY_OK;
    }
    if (self->member_count >= COVEY_VOTERS_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "swarm %s has %d members, more are not taken",
                           self->id, COVEY_VOTERS_MAX);
    self->members =
        covey_mem_room (self->members, self->member_count,
                        &self->member_capacity, sizeof *self->members);
    covey_swarm_member_t *member = &self->members[self->member_count++];
    memset (member, 0, sizeof *member);
    covey_str_copy (member->agent_id, sizeof member->agent_id, agent_id);
    member->weight = weight ? weight : COVEY_WEIGHT_ONE;
    member->joined_us = now_us;
    if (!*self->leader)
        covey_str_copy (self->leader, sizeof self->leader, agent_id);
    self->version++;
    *what_p = COVEY_SWARM_JOINED;
    return COVEY_OK;
}

covey_err_t
covey_swarm_remove (covey_swarm_t *self, const char *agent_id,
                    covey_errbuf_t *err)
{
    covey_err_t code = s_check_active (self, err);
    if (code)
        return code;
    int index = s_index (self, agent_id);
    if (index < 0)
        return covey_fail (err, COVEY_NOTFOUND,
                           "%s is not a member of swarm %s", agent_id,
                           self->id);
    size_t behind = self->member_count - (size_t)index - 1;
    memmove (&self->members[index], &self->members[index + 1],
             behind * sizeof *self->members);
    self->member_count--;
    self->version++;
    if (strcmp (self->leader, agent_id) == 0) {
        self->leader[0] = '\0';
        self->leader_lost = false;
    }
    return COVEY_OK;
}

covey_err_t
covey_swarm_end (covey_swarm_t *self, int64_t now_us, covey_errbuf_t *err)
{
    covey_err_t code = s_check_active (self, err);
    if (code)
        return code;
    self->disbanded = true;
    self->disbanded_us = now_us;
    return COVEY_OK;
}

bool
covey_swarm_note_lost (covey_swarm_t *self, const char *agent_id,
                       int64_t now_us)
{
    int index = s_index (self, agent_id);
    if (index >= 0)
        self->members[index].lost_us = now_us;
    return index >= 0;
}

void
covey_swarm_renew (covey_swarm_t *self, int64_t now_us)
{
    for (size_t i = 0; i < self->member_count; i++)
        if (self->members[i].lost_us)
            self->members[i].lost_us = now_us;
}

static const covey_swarm_member_t *
s_longest_lost (const covey_swarm_t *self)
{
    const covey_swarm_member_t *longest = NULL;
    if (self->disbanded || !self->member_lease_us)
        return NULL;
    for (size_t i = 0; i < self->member_count; i++)
        if (self->members[i].lost_us &&
            (!longest || self->members[i].lost_us < longest->lost_us))
            longest = &self->members[i];
    return longest;
}

int64_t
covey_swarm_due_us (const covey_swarm_t *self)
{
    const covey_swarm_member_t *longest = s_longest_lost (self);
    return longest ? longest->lost_us + self->member_lease_us : INT64_MAX;
}

const covey_swarm_member_t *
covey_swarm_overdue (const covey_swarm_t *self, int64_t now_us)
{
    return covey_swarm_due_us (self) <= now_us ? s_longest_lost (self) : NULL;
}

void
covey_swarm_set_leader_lost (covey_swarm_t *self, bool lost)
{
    self->leader_lost = lost && *self->leader;
}

bool
covey_swarm_is_leader_lost (const covey_swarm_t *self)
{
    return self->leader_lost;
}

bool
covey_swarm_elect (covey_swarm_t *self, covey_swarm_is_up_fn *is_up,
                   const void *arg)
{
    if (*self->leader && !self->leader_lost)
        return false;
    const char *next = NULL;
    for (size_t i = 0; i < self->member_count && !next; i++)
        if (is_up (arg, self->members[i].agent_id))
            next = self->members[i].agent_id;
    /* A seat that is empty goes to somebody; one whose holder is only out of
       sight waits for somebody who is there. */
    if (!next && !*self->leader && self->member_count)
        next = self->members[0].agent_id;
    if (!next)
        return false;
    self->leader_lost = false;
    if (strcmp (next, self->leader) == 0)
        return false;
    covey_str_copy (self->leader, sizeof self->leader, next);
    return true;
}

const char *
covey_swarm_id (const covey_swarm_t *self)
{
    return self->id;
}

const char *
covey_swarm_objective (const covey_swarm_t *self)
{
    return self->objective;
}

const char *
covey_swarm_strategy (const covey_swarm_t *self)
{
    return self->strategy;
}

covey_strategy_t
covey_swarm_voting (const covey_swarm_t *self)
{
    for (int i = 0; i <= COVEY_STRATEGY_QUORUM; i++)
        if (strcmp (covey_strategy_name ((covey_strategy_t)i),
                    self->strategy) == 0)
            return (covey_strategy_t)i;
    return COVEY_STRATEGY_MAJORITY;
}

const char *
covey_swarm_creator (const covey_swarm_t *self)
{
    return self->creator;
}

const char *
covey_swarm_leader (const covey_swarm_t *self)
{
    return *self->leader ? self->leader : NULL;
}

int64_t
covey_swarm_formed_us (const covey_swarm_t *self)
{
    return self->formed_us;
}

int64_t
covey_swarm_disbanded_us (const covey_swarm_t *self)
{
    return self->disbanded_us;
}

int64_t
covey_swarm_member_lease_us (const covey_swarm_t *self)
{
    return self->member_lease_us;
}

bool
covey_swarm_is_disbanded (const covey_swarm_t *self)
{
    return self->disbanded;
}

uint64_t
covey_swarm_version (const covey_swarm_t *self)
{
    return self->version;
}

size_t
covey_swarm_tag_count (const covey_swarm_t *self)
{
    return self->tag_count;
}

const char *
covey_swarm_tag (const covey_swarm_t *self, size_t index)
{
    assert (index < self->tag_count);
    return self->tags[index];
}

size_t
covey_swarm_member_count (const covey_swarm_t *self)
{
    return self->member_count;
}

const covey_swarm_member_t *
covey_swarm_member (const covey_swarm_t *self, size_t index)
{
    assert (index < self->member_count);
    return &self->members[index];
}

const covey_swarm_member_t *
covey_swarm_find (const covey_swarm_t *self, const char *agent_id)
{
    int index = s_index (self, agent_id);
    return index < 0 ? NULL : &self->members[index];
}
