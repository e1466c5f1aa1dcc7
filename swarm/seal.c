#include "swarm/seal.h"

#include <string.h>

#include "swarm/digest.h"

#define DOMAIN_TAG "covey.ballot.1"

_Static_assert(COVEY_SEED_SIZE == crypto_sign_SEEDBYTES, "seed");
_Static_assert(COVEY_PUBLIC_KEY_SIZE == crypto_sign_PUBLICKEYBYTES, "public");
_Static_assert(COVEY_SECRET_KEY_SIZE == crypto_sign_SECRETKEYBYTES, "secret");
_Static_assert(COVEY_SIGNATURE_SIZE == crypto_sign_BYTES, "signature");
_Static_assert(COVEY_SEALED_SIZE == COVEY_HASH_SIZE, "one SHA-256");

void
covey_seal_digest (const covey_sealed_t *sealed,
                   uint8_t digest_bytes[COVEY_SEALED_SIZE])
{
    covey_digest_t digest;
    covey_digest_init (&digest);
    covey_digest_put_text (&digest, DOMAIN_TAG);
    covey_digest_put_text (&digest, sealed->hash);
    covey_digest_put_number (&digest, sealed->version);
    covey_digest_put_text (&digest, sealed->agent_id);
    covey_digest_put_number (&digest, sealed->weight);
    covey_digest_put_text (&digest, sealed->vote);
    covey_digest_put_number (&digest, sealed->option_count);
    for (size_t i = 0; i < sealed->option_count; i++)
        covey_digest_put_text (&digest, sealed->options[i]);
    covey_digest_put_text (&digest, sealed->reason ? sealed->reason : "");
    covey_digest_put_number (&digest, sealed->serial);
    covey_digest_end (&digest, digest_bytes);
}

void
covey_ballot_key_make (const uint8_t seed[COVEY_SEED_SIZE],
                       covey_ballot_key_t *key)
{
    crypto_sign_seed_keypair (key->public_key, key->secret_key, seed);
}

void
covey_ballot_key_wipe (covey_ballot_key_t *key)
{
    sodium_memzero (key, sizeof *key);
}

void
covey_seal_sign (const covey_sealed_t *sealed, const covey_ballot_key_t *key,
                 covey_seal_t *seal)
{
    uint8_t bytes[COVEY_SEALED_SIZE];
    covey_seal_digest (sealed, bytes);
    crypto_sign_detached (seal->signature, NULL, bytes, sizeof bytes,
                          key->secret_key);
    memcpy (seal->public_key, key->public_key, sizeof seal->public_key);
}

bool
covey_seal_is_good (const uint8_t digest[COVEY_SEALED_SIZE],
                    const covey_seal_t *seal)
{
    return crypto_sign_verify_detached (seal->signature, digest,
                                        COVEY_SEALED_SIZE,
                                        seal->public_key) == 0;
}
