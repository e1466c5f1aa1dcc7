/*  proposal - one question put to a swarm, its ballots and its one decision

    Role      pure core: no I/O, no clock; time comes in as log time
    Frozen    the electorate (members and weights) is that of the opening; who
              joins or leaves later changes nothing
    Once      the decision is taken once and never changes; a later ballot is
              refused with STATE
    Memory    covey_proposal_new gives it to the caller
    Limits    COVEY_VOTERS_MAX voters; COVEY_BALLOTS_PER_VOTER_MAX ballots each
    Spec      docs/voting.md
*/
#ifndef COVEY_PROPOSAL_H_INCLUDED
#define COVEY_PROPOSAL_H_INCLUDED

#include "swarm/seal.h"
#include "swarm/tally.h"

#define COVEY_HASH_SIZE 32
#define COVEY_HASH_TEXT (2 * COVEY_HASH_SIZE + 1)

#define COVEY_BALLOTS_PER_VOTER_MAX 64
#define COVEY_VOTE_TIMEOUT_MS 60000          /* when none is asked for      */
#define COVEY_VOTE_TIMEOUT_MAX_MS 2592000000 /* 30 days                     */

typedef struct {
    uint32_t voter; /* index into the electorate                              */
    covey_stance_t stance;
    bool counts;   /* the voter's last one                                    */
    int64_t at_us; /* log time                                                */
    char *reason;  /* or NULL                                                 */
    char *cast_by; /* who cast it for the voter; NULL: the voter              */
    uint32_t serial;    /* which of the voter's ballots, from 1               */
    covey_seal_t *seal; /* or NULL: it is not signed                          */
} covey_ballot_t;

/*  What a proposal is made of; everything is copied.                        */
typedef struct {
    const char *id;
    const char *swarm_id;
    const char *proposer;
    int content; /* covey_content_t of `data`                                 */
    const void *data;
    size_t size;
    covey_rule_t rule;
    int64_t opened_us;
    int64_t deadline_us;
    const covey_voter_t *voters;
    size_t voter_count;
    uint64_t swarm_version; /* of the electorate                              */
} covey_proposal_args_t;

typedef struct covey_proposal covey_proposal_t;

/*  The rule is completed; what it refuses is refused (swarm/rule.h). STATE:
    nobody may vote.                                                          */
covey_err_t covey_proposal_new (const covey_proposal_args_t *args,
                                covey_proposal_t **proposal_p,
                                covey_errbuf_t *err);
void covey_proposal_destroy (covey_proposal_t **self_p);

typedef struct {
    const char *agent_id;
    covey_stance_t stance;
    const char *reason;  /* or NULL                                           */
    const char *cast_by; /* or NULL                                           */
    const char *hash;    /* of the question that it answers; NULL: unsaid     */
    uint64_t version;    /* of the electorate; 0: unsaid                      */
    const covey_seal_t *seal; /* or NULL                                      */
    const uint8_t *vouched; /* what somebody who can be trusted has found it to
                               sign (covey_proposal_vouch), or NULL           */
} covey_ballot_args_t;

/*  A ballot at log time `now_us`. DENIED: not a member of the electorate;
    STATE: decided, the deadline has passed, or ballots are final and it has
    one, or it names another question or electorate; LIMIT: changed too often;
    INVALID: no answer to the question. The line in `err` is the refusal's
    reason, and nothing changes.                                              */
covey_err_t covey_proposal_check (const covey_proposal_t *self,
                                  const covey_ballot_args_t *ballot,
                                  int64_t now_us, covey_errbuf_t *err);
/*  The same, and it counts.                                                 */
covey_err_t covey_proposal_cast (covey_proposal_t *self,
                                 const covey_ballot_args_t *ballot,
                                 int64_t now_us, covey_errbuf_t *err);
/*  The signature of a ballot that may be cast: DENIED when it is not that of
    the voter's next ballot, saying just this.                                */
covey_err_t covey_proposal_check_seal (const covey_proposal_t *self,
                                       const covey_ballot_args_t *ballot,
                                       covey_errbuf_t *err);
/*  The same beforehand: true when it is, as things are now. `vouched` says for
    what; where the ballot comes to be cast it is good for that and nothing
    else.                                                                     */
bool covey_proposal_vouch (const covey_proposal_t *self,
                           const covey_ballot_args_t *ballot,
                           uint8_t vouched[COVEY_SEALED_SIZE]);
/*  Of the ballots that count, those that are not signed.                    */
uint32_t covey_proposal_unsigned (const covey_proposal_t *self);
/*  Take the decision if it is due; true when it was taken by this call.     */
bool covey_proposal_step (covey_proposal_t *self, int64_t now_us);
/*  End it without a vote: STATE when it is decided.                         */
covey_err_t covey_proposal_withdraw (covey_proposal_t *self, const char *reason,
                                     int64_t now_us, covey_errbuf_t *err);

/*  It was decided before, as its saved state says. STATE when it is.        */
covey_err_t covey_proposal_settle (covey_proposal_t *self,
                                   const covey_decision_t *decision,
                                   int64_t decided_us);

bool covey_proposal_is_decided (const covey_proposal_t *self);
const covey_decision_t *covey_proposal_decision (const covey_proposal_t *self);
int64_t covey_proposal_decided_us (const covey_proposal_t *self);
const covey_count_t *covey_proposal_count (const covey_proposal_t *self);
/*  As it was opened, with its complete rule; voters are sorted by id.       */
const covey_proposal_args_t *covey_proposal_args (const covey_proposal_t *self);
size_t covey_proposal_ballot_count (const covey_proposal_t *self);
const covey_ballot_t *covey_proposal_ballot (const covey_proposal_t *self,
                                             size_t index);
/*  SHA-256 over what is asked, whom, and by which rule, laid out in
    docs/voting.md; in hexadecimal.                                           */
const char *covey_proposal_hash (const covey_proposal_t *self);
/*  Index of a voter, -1 for who has no vote; and has it a ballot?           */
int covey_proposal_voter (const covey_proposal_t *self, const char *agent_id);
bool covey_proposal_has_voted (const covey_proposal_t *self, size_t voter);
/*  The question came to a voter; who casts has heard it, too. What comes after
    the decision changes nothing.                                             */
void covey_proposal_hear (covey_proposal_t *self, size_t voter);
bool covey_proposal_has_heard (const covey_proposal_t *self, size_t voter);
uint32_t covey_proposal_heard_count (const covey_proposal_t *self);

#endif
