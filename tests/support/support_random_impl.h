/*  support_random_impl - what support_random*.c share: dice, and how many
    callers there are                                                         */
#ifndef COVEY_SUPPORT_RANDOM_IMPL_H_INCLUDED
#define COVEY_SUPPORT_RANDOM_IMPL_H_INCLUDED

#include "support_random.h"

#define AGENTS 8
#define CLIENTS 5
#define JSON_MAX 4096

static inline uint64_t
s_below (support_random_t *self, uint64_t n)
{
    return covey_prng_below (&self->prng, n);
}

static inline bool
s_chance (support_random_t *self, uint64_t percent)
{
    return s_below (self, 100) < percent;
}

static inline const char *
s_word (support_random_t *self)
{
    static const char *const s_words[] = {"alpha", "beta", "gamma", "delta"};
    return s_words[s_below (self, sizeof s_words / sizeof *s_words)];
}

/*  One of the operations: its method, its params as JSON, and who asks, which
    is as it was or an agent that would ask that.                             */
const char *support_random_operation (support_random_t *self,
                                      const covey_state_t *state,
                                      char json[JSON_MAX], char client[16]);

#endif
