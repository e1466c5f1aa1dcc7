/*  id - 128-bit ids: UUIDv7 (RFC 9562, section 5.7) and their text

    Role      pure: the caller passes the time and the random source
    Order     ids of one generator strictly increase, also when the clock
              stands still or steps back (method 1: a counter in rand_a and
              the top of rand_b)
*/
#ifndef COVEY_ID_H_INCLUDED
#define COVEY_ID_H_INCLUDED

#include "base/err.h"
#include "base/prng.h"

typedef struct {
    uint8_t bytes[16];
} covey_id_t;

typedef struct {
    uint64_t last_ms; /* time of the last id                                  */
    uint32_t counter; /* 26 bits, starts at random within each ms             */
    covey_prng_t prng;
} covey_idgen_t;

void covey_idgen_init (covey_idgen_t *self, uint64_t seed);
covey_id_t covey_idgen_next (covey_idgen_t *self, int64_t wall_us);

/*  A fresh id from the system clock and getrandom, one sequence per process.
    Shells only; thread safe.                                                 */
covey_id_t covey_id_new (void);

/*  Milliseconds since the epoch inside a UUIDv7.                            */
uint64_t covey_id_ms (const uint8_t id[16]);
bool covey_id_is_zero (const uint8_t id[16]);
bool covey_id_equal (const uint8_t a[16], const uint8_t b[16]);

#endif
