/*  Claims and roles: who has what, as everybody is told.                     */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "proto/event.h"
#include "tests/support/sim_replog_judge.h"

static sim_claim_t *
s_find (const sim_judge_t *self, const char *id)
{
    for (size_t i = 0; i < self->claim_count; i++)
        if (strcmp (self->claims[i].id, id) == 0)
            return &self->claims[i];
    return NULL;
}

uint64_t
sim_judge_claim_token (const sim_judge_t *self, const char *claim_id)
{
    const sim_claim_t *claim = s_find (self, claim_id);
    return claim && claim->held ? claim->token : 0;
}

/*  Two names, and a folder with two files: a pattern is both of them.       */
static unsigned
s_atoms (const Covey__Control__ClaimAcquire *acquire)
{
    unsigned atoms = 0;
    for (size_t i = 0; i < acquire->n_names; i++)
        atoms |= strcmp (acquire->names[i], "x") == 0 ? 1 : 2;
    for (size_t i = 0; i < acquire->n_paths; i++)
        atoms |= strcmp (acquire->paths[i], "d/*") == 0 ? 12 : 4;
    return atoms;
}

static bool
s_conflict (const sim_claim_t *a, const sim_claim_t *b)
{
    return a != b && (a->atoms & b->atoms) && !(a->shared && b->shared) &&
           strcmp (a->holder, b->holder) != 0;
}

/*  Due is the lease; of who waits also the end of waiting.                  */
static void
s_renew (const sim_judge_t *self, sim_claim_t *claim)
{
    claim->due_us = self->now_us + claim->ttl_us;
    if (!claim->held && claim->due_us > claim->wait_end_us)
        claim->due_us = claim->wait_end_us;
}

/*  It was asked for by the command at hand.                                 */
static sim_claim_t *
s_add (sim_judge_t *self, const char *id)
{
    const Covey__Control__ClaimAcquire *acquire = self->command->claim_acquire;
    if (!sim_judge_is_done (self, COVEY__CONTROL__COMMAND__OP_CLAIM_ACQUIRE)) {
        sim_judge_break (self, "nobody asks for claim %s", id);
        return NULL;
    }
    self->claims = covey_mem_room (self->claims, self->claim_count,
                                   &self->claim_room, sizeof *self->claims);
    sim_claim_t *claim = &self->claims[self->claim_count++];
    *claim = (sim_claim_t){.atoms = s_atoms (acquire),
                           .shared = acquire->has_shared && acquire->shared,
                           .ttl_us = acquire->ttl * 1000,
                           .wait_end_us = self->now_us + acquire->wait * 1000};
    covey_str_copy (claim->id, sizeof claim->id, id);
    covey_str_copy (claim->holder, sizeof claim->holder,
                    self->command->client_id);
    return claim;
}

static void
s_on_granted (sim_judge_t *self, const covey_event_t *fact, const char *id)
{
    sim_claim_t *claim = s_find (self, id);
    self->sums.turns += claim != NULL;
    self->sums.claims++;
    if (!claim)
        claim = s_add (self, id);
    if (!claim)
        return;
    for (size_t i = 0; i < self->claim_count; i++)
        if (self->claims[i].held && s_conflict (claim, &self->claims[i]))
            sim_judge_break (self, "claims %s of %s and %s of %s are held", id,
                             claim->holder, self->claims[i].id,
                             self->claims[i].holder);
    if (claim->held)
        sim_judge_break (self, "claim %s is granted twice", id);
    claim->held = true;
    claim->token = (uint64_t)covey_event_int (fact, "fencingToken");
    sim_judge_token (self, claim->token);
    s_renew (self, claim);
}

static void
s_on_waiting (sim_judge_t *self, const char *id)
{
    sim_claim_t *claim = s_find (self, id) ? NULL : s_add (self, id);
    if (!claim) {
        sim_judge_break (self, "claim %s waits twice", id);
        return;
    }
    s_renew (self, claim);
}

static void
s_on_end (sim_judge_t *self, const char *id, bool expired)
{
    sim_claim_t *claim = s_find (self, id);
    if (!claim) {
        sim_judge_break (self, "claim %s ends, and there is none", id);
        return;
    }
    if (expired && claim->due_us > self->now_us)
        sim_judge_break (self, "claim %s ends before its time", id);
    size_t at = (size_t)(claim - self->claims);
    memmove (claim, claim + 1,
             (--self->claim_count - at) * sizeof *self->claims);
}

static void
s_on_fact (sim_judge_t *self, const covey_event_t *fact)
{
    const char *id = covey_event_str (fact, "claimId");
    if (covey_event_target_count (fact))
        return; /* everybody is told, too */
    switch (covey_event_type (fact)) {
        case COVEY_EVENT_CLAIM_GRANTED:
            s_on_granted (self, fact, id);
            break;
        case COVEY_EVENT_CLAIM_WAITING:
            s_on_waiting (self, id);
            break;
        case COVEY_EVENT_CLAIM_RELEASED:
        case COVEY_EVENT_CLAIM_EXPIRED:
            s_on_end (self, id,
                      covey_event_type (fact) == COVEY_EVENT_CLAIM_EXPIRED);
            break;
        default:
            break;
    }
}

/*  Only who has it can renew it, and under its last token.                  */
static void
s_judge_renewal (sim_judge_t *self)
{
    const Covey__Control__ClaimRenew *renew = self->command->claim_renew;
    if (!sim_judge_is_done (self, COVEY__CONTROL__COMMAND__OP_CLAIM_RENEW))
        return;
    sim_claim_t *claim = s_find (self, renew->claim_id);
    if (!claim || (claim->held && renew->has_fencing_token &&
                   renew->fencing_token != claim->token)) {
        sim_judge_break (self, "claim %s is renewed under token %" PRIu64,
                         renew->claim_id, renew->fencing_token);
        return;
    }
    claim->ttl_us = renew->ttl * 1000;
    s_renew (self, claim);
}

static void
s_check_all (sim_judge_t *self)
{
    for (size_t i = 0; i < self->claim_count; i++) {
        const sim_claim_t *claim = &self->claims[i];
        if (claim->due_us <= self->now_us)
            sim_judge_break (self, "claim %s outlives its time", claim->id);
        bool is_free = !claim->held;
        for (size_t k = 0; k < self->claim_count && is_free; k++)
            is_free = !((self->claims[k].held || k < i) &&
                        s_conflict (claim, &self->claims[k]));
        if (is_free)
            sim_judge_break (self, "claim %s waits for nobody", claim->id);
    }
    if (self->claim_count > self->limits.claims_max)
        sim_judge_break (self, "%zu claims", self->claim_count);
}

static bool
s_resumes (const sim_judge_t *self)
{
    return self->command->op_case == COVEY__CONTROL__COMMAND__OP_TICK &&
           self->command->tick->resumed;
}

void
sim_judge_claims (sim_judge_t *self)
{
    if (s_resumes (self))
        for (size_t i = 0; i < self->claim_count; i++)
            s_renew (self, &self->claims[i]);
    for (size_t i = 0; i < self->effects->fact_count; i++)
        s_on_fact (self, self->effects->facts[i]);
    s_judge_renewal (self);
    s_check_all (self);
}

/* ---- roles ------------------------------------------------------------------
 */

static sim_seat_t *
s_seat (sim_judge_t *self, const char *node)
{
    for (size_t i = 0; i < SIM_SEATS; i++)
        if (!*self->seats[i].node || strcmp (self->seats[i].node, node) == 0) {
            covey_str_copy (self->seats[i].node, sizeof self->seats[i].node,
                            node);
            return &self->seats[i];
        }
    sim_judge_break (self, "node %s is nobody's", node);
    return &self->seats[0];
}

/*  Who had it has it no longer: its lease ended, or it gave it back.        */
static void
s_on_role (sim_judge_t *self, const covey_event_t *fact, bool released)
{
    const char *node = covey_event_metadata (fact, "node");
    uint64_t number = strtoull (covey_event_metadata (fact, "epoch"), NULL, 10);
    if (number <= self->role_epoch)
        sim_judge_break (self, "a role's epoch %" PRIu64 " after %" PRIu64,
                         number, self->role_epoch);
    self->role_epoch = number;
    self->sums.roles++;
    if (*self->role_holder && !released &&
        strcmp (self->role_holder, node) != 0 &&
        s_seat (self, self->role_holder)->ends_us > self->now_us)
        sim_judge_break (self,
                         "a role goes from %s to %s, whose time is not "
                         "over",
                         self->role_holder, node);
    covey_str_copy (self->role_holder, sizeof self->role_holder, node);
}

void
sim_judge_roles (sim_judge_t *self)
{
    const Covey__Control__Command *c = self->command;
    bool released =
        sim_judge_is_done (self, COVEY__CONTROL__COMMAND__OP_ROLE_RELEASE);
    for (size_t i = 0; s_resumes (self) && i < SIM_SEATS; i++)
        if (self->seats[i].ends_us)
            self->seats[i].ends_us = self->now_us + self->seats[i].ttl_us;
    for (size_t i = 0; i < self->effects->fact_count; i++) {
        const covey_event_t *fact = self->effects->facts[i];
        if (covey_event_type (fact) == COVEY_EVENT_SYSTEM_INFO &&
            *covey_event_metadata (fact, "role"))
            s_on_role (self, fact, released);
    }
    if (released)
        s_seat (self, c->role_release->node)->ends_us = 0;
    if (sim_judge_is_done (self, COVEY__CONTROL__COMMAND__OP_ROLE_CLAIM)) {
        sim_seat_t *seat = s_seat (self, c->role_claim->node);
        seat->ttl_us = c->role_claim->ttl * 1000;
        seat->ends_us = self->now_us + seat->ttl_us;
    }
}
