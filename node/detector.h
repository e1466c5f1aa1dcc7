/*  detector - says of a peer, from its silence, whether it lives

    Role      pure core, embedded in each member; the only place that knows how
              failure is detected. A detector that probes (and asks others to
              probe) replaces this file and its three calls
    Time      now_ms: monotonic milliseconds, supplied by the caller
*/
#ifndef COVEY_DETECTOR_H_INCLUDED
#define COVEY_DETECTOR_H_INCLUDED

#include <stdint.h>

typedef struct {
    int suspect_ms; /* silence until suspected                                */
    int fail_ms;    /* silence until failed                                   */
} covey_detector_config_t;

typedef enum {
    COVEY_DETECTOR_FINE,
    COVEY_DETECTOR_SUSPICIOUS,
    COVEY_DETECTOR_FAILED
} covey_detector_verdict_t;

typedef struct {
    int64_t heard_ms;
} covey_detector_t;

void covey_detector_heard (covey_detector_t *self, int64_t now_ms);
/*  We slept ourselves for that long: doubt us before the peer.              */
void covey_detector_forgive (covey_detector_t *self, int64_t slept_ms);
covey_detector_verdict_t
covey_detector_judge (const covey_detector_t *self,
                      const covey_detector_config_t *config, int64_t now_ms);

#endif
