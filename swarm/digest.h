/*  digest - the hash that binds a ballot to its question

    Role      pure. What is hashed is laid out in docs/voting.md, so that
   anybody can compute it from the stored events
*/
#ifndef COVEY_DIGEST_H_INCLUDED
#define COVEY_DIGEST_H_INCLUDED

#include "swarm/proposal.h"

/*  The rule is complete, and the voters are sorted by id.                   */
void covey_proposal_digest (const covey_proposal_args_t *args,
                            char hash[COVEY_HASH_TEXT]);

#endif
