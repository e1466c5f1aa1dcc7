#include "node/detector.h"

void
covey_detector_heard (covey_detector_t *self, int64_t now_ms)
{
    self->heard_ms = now_ms;
}

void
covey_detector_forgive (covey_detector_t *self, int64_t slept_ms)
{
    self->heard_ms += slept_ms;
}

covey_detector_verdict_t
covey_detector_judge (const covey_detector_t *self,
                      const covey_detector_config_t *config, int64_t now_ms)
{
    int64_t silence_ms = now_ms - self->heard_ms;
    if (silence_ms >= config->fail_ms)
        return COVEY_DETECTOR_FAILED;
    if (silence_ms >= config->suspect_ms)
        return COVEY_DETECTOR_SUSPICIOUS;
    return COVEY_DETECTOR_FINE;
}
