/*  prng - seeded random numbers (xoshiro256**, Blackman and Vigna 2018)

    Role      the only source of randomness in cores; never for secrets
    Memory    embedded; copying it copies its future
*/
#ifndef COVEY_PRNG_H_INCLUDED
#define COVEY_PRNG_H_INCLUDED

#include <stdint.h>

typedef struct {
    uint64_t s[4];
} covey_prng_t;

/*  Any seed is good; the same seed gives the same numbers.                  */
void covey_prng_init (covey_prng_t *self, uint64_t seed);
uint64_t covey_prng_next (covey_prng_t *self);
/*  Uniform in [0, bound); bound > 0.                                        */
uint64_t covey_prng_below (covey_prng_t *self, uint64_t bound);
/*  Uniform in [0, 1).                                                       */
double covey_prng_unit (covey_prng_t *self);

#endif
