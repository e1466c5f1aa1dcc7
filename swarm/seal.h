/*  seal - the signature of a ballot (Ed25519)

    Role      pure: keys come from a seed, and signing needs no random numbers
    Signed    the hash of the question, the electorate's version, who votes, its
              weight, what it says and why, and which of its ballots it is, so
              that an earlier one cannot come back: docs/voting.md
*/
#ifndef COVEY_SEAL_H_INCLUDED
#define COVEY_SEAL_H_INCLUDED

#include "base/err.h"

#define COVEY_SEED_SIZE 32
#define COVEY_PUBLIC_KEY_SIZE 32
#define COVEY_SECRET_KEY_SIZE 64
#define COVEY_SIGNATURE_SIZE 64

typedef struct {
    uint8_t public_key[COVEY_PUBLIC_KEY_SIZE];
    uint8_t signature[COVEY_SIGNATURE_SIZE];
} covey_seal_t;

/*  What is signed.                                                          */
typedef struct {
    const char *hash; /* of the question, in hexadecimal                      */
    uint64_t version; /* of the electorate                                    */
    const char *agent_id;
    uint64_t weight;  /* micro-units                                          */
    const char *vote; /* "approve", "reject", "abstain"                       */
    const char *const *options; /* that it names, the best first              */
    size_t option_count;
    const char *reason; /* or NULL                                            */
    uint32_t serial;    /* 1: the voter's first ballot, 2: its second, ...    */
} covey_sealed_t;

typedef struct {
    uint8_t public_key[COVEY_PUBLIC_KEY_SIZE];
    uint8_t secret_key[COVEY_SECRET_KEY_SIZE];
} covey_ballot_key_t;

void covey_ballot_key_make (const uint8_t seed[COVEY_SEED_SIZE],
                            covey_ballot_key_t *key);
/*  The key's memory holds nothing afterwards.                               */
void covey_ballot_key_wipe (covey_ballot_key_t *key);
#define COVEY_SEALED_SIZE 32
/*  What the signature signs: SHA-256 of all of it.                          */
void covey_seal_digest (const covey_sealed_t *sealed,
                        uint8_t digest[COVEY_SEALED_SIZE]);
void covey_seal_sign (const covey_sealed_t *sealed,
                      const covey_ballot_key_t *key, covey_seal_t *seal);
/*  By far the dearest thing to do with a ballot.                            */
bool covey_seal_is_good (const uint8_t digest[COVEY_SEALED_SIZE],
                         const covey_seal_t *seal);

#endif
