#include "base/prng.h"

#include <assert.h>

static uint64_t
s_rotl (uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void
covey_prng_init (covey_prng_t *self, uint64_t seed)
{
    /* splitmix64 spreads the seed, as the authors of xoshiro advise. */
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        self->s[i] = z ^ (z >> 31);
    }
}

uint64_t
covey_prng_next (covey_prng_t *self)
{
    uint64_t *s = self->s;
    uint64_t result = s_rotl (s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s_rotl (s[3], 45);
    return result;
}

uint64_t
covey_prng_below (covey_prng_t *self, uint64_t bound)
{
    assert (bound > 0);
    /* Rejects the uneven rest, so that every value is equally likely. */
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t value;
    do
        value = covey_prng_next (self);
    while (value >= limit);
    return value % bound;
}

double
covey_prng_unit (covey_prng_t *self)
{
    return (double)(covey_prng_next (self) >> 11) * 0x1.0p-53;
}
