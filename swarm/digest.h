/*  digest - hashes over parts, and that of a question, which binds ballots to
   it

    Role      pure. What is hashed is laid out in
   docs/voting.md, so that anybody can compute it from the stored events
*/
#ifndef COVEY_DIGEST_H_INCLUDED
#define COVEY_DIGEST_H_INCLUDED

#include <sodium.h>

#include "swarm/proposal.h"

/*  Parts, each behind its length: 8 bytes with the highest first, so that no
    two lists of parts come out alike. Numbers are decimal texts.             */
typedef struct {
    crypto_hash_sha256_state state;
} covey_digest_t;

void covey_digest_init (covey_digest_t *self);
void covey_digest_put (covey_digest_t *self, const void *data, size_t size);
void covey_digest_put_text (covey_digest_t *self, const char *text);
void covey_digest_put_number (covey_digest_t *self, uint64_t number);
void covey_digest_end (covey_digest_t *self, uint8_t bytes[COVEY_HASH_SIZE]);

/*  SHA-256 of the bytes alone, in hexadecimal.                              */
void covey_digest_of (const void *data, size_t size,
                      char hash[COVEY_HASH_TEXT]);
/*  The rule is complete, and the voters are sorted by id.                   */
void covey_proposal_digest (const covey_proposal_args_t *args,
                            char hash[COVEY_HASH_TEXT]);

#endif
