#include "base/clock.h"

#include <sys/random.h>
#include <time.h>

int64_t
covey_clock_mono_ns (void)
{
    struct timespec ts;
    clock_gettime (CLOCK_BOOTTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t
covey_clock_mono_ms (void)
{
    return covey_clock_mono_ns () / 1000000;
}

int64_t
covey_clock_wall_us (void)
{
    struct timespec ts;
    clock_gettime (CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

uint64_t
covey_clock_seed (void)
{
    uint64_t seed;
    if (getrandom (&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint64_t)covey_clock_mono_ns () ^
               (uint64_t)covey_clock_wall_us () << 20;
    return seed;
}
