/*  Signatures of ballots: whose key is whose, and which are taken.

    An agent's key is the one of its first signed ballot; from then on nothing
    else counts as its signature, and a ballot without one is refused.        */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/state_impl.h"

static int
s_by_agent (const void *a, const void *b)
{
    return strcmp (((const covey_key_entry_t *)a)->agent_id,
                   ((const covey_key_entry_t *)b)->agent_id);
}

static int
s_key_agent (const void *key, const void *item)
{
    return strcmp (key, ((const covey_key_entry_t *)item)->agent_id);
}

void
covey_state_init_ballot_keys (covey_state_t *self)
{
    covey_tree_init (&self->ballot_keys, offsetof (covey_key_entry_t, by_agent),
                     s_by_agent);
}

void
covey_state_deinit_ballot_keys (covey_state_t *self)
{
    covey_key_entry_t *entry;
    while ((entry = covey_tree_first (&self->ballot_keys))) {
        covey_tree_remove (&self->ballot_keys, entry);
        free (entry);
    }
}

const covey_key_entry_t *
covey_state_find_ballot_key (const covey_state_t *self, const char *agent_id)
{
    return covey_tree_find (&self->ballot_keys, agent_id, s_key_agent);
}

void
covey_state_add_ballot_key (covey_state_t *self, const char *agent_id,
                            const uint8_t *public_key)
{
    covey_key_entry_t *entry = covey_mem_new (sizeof *entry);
    covey_str_copy (entry->agent_id, sizeof entry->agent_id, agent_id);
    memcpy (entry->public_key, public_key, sizeof entry->public_key);
    covey_tree_insert (&self->ballot_keys, entry);
}

static covey_err_t
s_check_unsigned (covey_state_t *self, const char *agent_id)
{
    if (!self->limits.unsigned_ballots)
        return covey_fail (self->err, COVEY_DENIED,
                           "the ballot of %s is not signed, and the mesh takes "
                           "only signed ones (covey limits unsignedBallots=1 "
                           "allows others)",
                           agent_id);
    if (covey_state_find_ballot_key (self, agent_id))
        return covey_fail (self->err, COVEY_DENIED,
                           "the ballot of %s is not signed, but %s has a key "
                           "and signs its ballots",
                           agent_id, agent_id);
    return COVEY_OK;
}

covey_err_t
covey_state_check_seal (covey_state_t *self, const covey_proposal_t *vote,
                        const covey_ballot_args_t *args)
{
    const char *agent_id = args->agent_id;
    if (!args->seal)
        return s_check_unsigned (self, agent_id);
    const covey_key_entry_t *known =
        covey_state_find_ballot_key (self, agent_id);
    if (known && memcmp (known->public_key, args->seal->public_key,
                         sizeof known->public_key) != 0)
        return covey_fail (self->err, COVEY_DENIED,
                           "the ballot of %s is signed by another key than its "
                           "first one",
                           agent_id);
    if (!known && self->ballot_keys.count >= self->limits.ballot_keys_max)
        return covey_fail (
            self->err, COVEY_LIMIT,
            "%zu agents have a key" COVEY_LIMIT_HINT ("ballotKeys"),
            self->ballot_keys.count,
            (unsigned long long)self->limits.ballot_keys_max);
    return covey_proposal_check_seal (vote, args, self->err);
}
