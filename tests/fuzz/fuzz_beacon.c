/*  Bytes as a beacon: what decodes must encode to the same bytes, and a beacon
    that hears it, over and over, stays within its limits.                    */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/beacon.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
s_require (bool good, const char *what)
{
    if (good)
        return;
    fprintf (stderr, "%s\n", what);
    abort ();
}

static void
s_try_codec (const uint8_t *data, size_t size)
{
    covey_beacon_word_t word;
    if (covey_beacon_decode (data, size, &word) != COVEY_OK)
        return;
    uint8_t again[COVEY_BEACON_SIZE_MAX];
    size_t written = covey_beacon_encode (&word, again);
    s_require (written <= size && memcmp (again, data, written) == 0,
               "a beacon that was read is written differently");
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    s_try_codec (data, size);
    covey_beacon_word_t own = {.epoch = 1, .port = 7400, .mesh = "covey"};
    covey_beacon_t *beacon = covey_beacon_new (&own, 1);
    uint64_t admitted = 0;
    for (int i = 0; i < 4; i++) {
        covey_beacon_word_t word;
        if (covey_beacon_receive (beacon, data, size, &word) == COVEY_OK)
            admitted += covey_beacon_admit (beacon, &word, i);
    }
    const covey_beacon_stats_t *stats = covey_beacon_stats (beacon);
    s_require (admitted <= 1, "one node was introduced twice at once");
    s_require (stats->received + stats->foreign + stats->malformed <= 4,
               "a datagram was counted twice");
    covey_beacon_destroy (&beacon);
    return 0;
}
