/*  ballot_key - the file with the key by which an agent signs its ballots, and
    signing with it

    Role      shell: reads the file, or makes it (0600) with a seed from the
              kernel; asks the coordinator what there is to sign
    File      the seed, 64 hexadecimal digits and a line feed
*/
#ifndef COVEY_BALLOT_KEY_H_INCLUDED
#define COVEY_BALLOT_KEY_H_INCLUDED

#include "covey.h"
#include "swarm/seal.h"

/*  IO: it cannot be read or made. DENIED: others may read it. CORRUPT: it holds
    no key.                                                                   */
covey_err_t covey_ballot_key_open (const char *path, covey_ballot_key_t *key,
                                   covey_errbuf_t *err);

/*  Sign the next ballot of `sealed->agent_id` in a vote. Who, what and why are
    the caller's; the rest is filled in from the vote as it stands.           */
covey_err_t covey_i_vote_seal (covey_agent_t *agent,
                               const covey_ballot_key_t *key,
                               const char *consensus_id, covey_sealed_t *sealed,
                               int timeout_ms, covey_seal_t *seal);

/*  Sign the first ballot of an agent in a vote as its question was told: nobody
    has to be asked. Who, what and why are the caller's.                      */
void covey_i_question_seal (const covey_event_t *question,
                            const covey_ballot_key_t *key,
                            covey_sealed_t *sealed, covey_seal_t *seal);
/*  The same with a ballot as JSON, as swarm.vote takes it. Text for free; NULL
    when `params` is no ballot.                                               */
char *covey_i_question_sign (const covey_event_t *question,
                             const covey_ballot_key_t *key,
                             const char *agent_id, const char *params);

#endif
