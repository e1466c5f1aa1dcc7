/*  requests - questions of local agents that wait for an answer

    Role      pure core: remembers who asked whom, so that the asker is told at
              once when the one that was asked is gone
    Memory    entries are copies
    Limits    COVEY_REQUESTS_MAX; beyond it the oldest is forgotten, and only
              the asker's own timeout is left
    Time      now_ms: monotonic milliseconds, supplied by the caller
*/
#ifndef COVEY_REQUESTS_H_INCLUDED
#define COVEY_REQUESTS_H_INCLUDED

#include "base/err.h"
#include "proto/peek.h"

#define COVEY_REQUESTS_MAX 65536

typedef struct {
    char *request_id;
    char *source; /* who asked                                                */
    char *target; /* who was asked                                            */
    uint8_t event_id[16];
    uint8_t session_id[16]; /* of the target                                  */
    int64_t until_ms;
} covey_request_t;

typedef struct covey_requests covey_requests_t;

covey_requests_t *covey_requests_new (void);
void covey_requests_destroy (covey_requests_t **self_p);

/*  `request` is a REQUEST event; it is forgotten at `until_ms`. One that has no
    id or repeats a known one changes nothing.                                */
void covey_requests_add (covey_requests_t *self, const covey_peek_t *request,
                         const uint8_t session_id[16], int64_t until_ms);
/*  `response` goes to `source`: its request is answered. True: it was known,
    `event_id` is the request's.                                              */
bool covey_requests_answered (covey_requests_t *self, const char *source,
                              const covey_peek_t *response,
                              uint8_t event_id[16]);
/*  Another one is asked instead, with the same request.                     */
void covey_requests_move (covey_requests_t *self, const covey_peek_t *request,
                          const char *target, const uint8_t session_id[16]);
size_t covey_requests_count (const covey_requests_t *self);
/*  Those that were dropped because there were too many: whoever asked is not
    told when the agent that was asked is lost.                               */
uint64_t covey_requests_forgotten (const covey_requests_t *self);

/*  May the asker be told that this request failed? False: it was told already.
    From then on the request is only remembered for this.                     */
bool covey_requests_tell (covey_requests_t *self, covey_slice_t source,
                          const char *request_id);

/*  Drop all that are over; `is_gone` is asked about each of the others whose
    asker was not told yet, and true counts as told.                          */
typedef bool (covey_requests_fn) (void *arg, const covey_request_t *request);
void covey_requests_sweep (covey_requests_t *self, int64_t now_ms,
                           covey_requests_fn *is_gone, void *arg);

#endif
