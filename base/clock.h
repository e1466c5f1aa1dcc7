/*  clock - the system's clocks and its random numbers, for shells only

    Cores get their time in the event; an actor reads the clock once per
    wake-up and passes it on (tools/check-purity watches this).
*/
#ifndef COVEY_CLOCK_H_INCLUDED
#define COVEY_CLOCK_H_INCLUDED

#include <stdint.h>

/*  Milliseconds since boot, suspended time included (CLOCK_BOOTTIME: a lease
    must not stretch while a laptop sleeps).                                  */
int64_t covey_clock_mono_ms (void);
/*  Nanoseconds, for measuring.                                              */
int64_t covey_clock_mono_ns (void);
/*  Microseconds since the epoch, UTC: for records, never for timeouts.      */
int64_t covey_clock_wall_us (void);
/*  64 bits from the kernel, to seed a prng.                                 */
uint64_t covey_clock_seed (void);

#endif
