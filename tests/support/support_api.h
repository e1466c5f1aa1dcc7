/*  support_api - what tests of the public API share: a log of what handlers
    saw, and checks that print covey_error () when they fail
*/
#ifndef SUPPORT_API_H_INCLUDED
#define SUPPORT_API_H_INCLUDED

#include "covey.h"

#define SUPPORT_WAIT_MS 10000 /* no test needs that long */

/*  Thread safe. Events are copies and live as long as the log.               */
typedef struct support_log support_log_t;
support_log_t *support_log_new (void);
void support_log_destroy (support_log_t **self_p);
/*  A covey_handler_fn that logs and returns OK; `arg` is the log.            */
covey_err_t support_log_handler (covey_agent_t *agent,
                                 const covey_event_t *event, void *arg);
/*  A covey_notice_fn.                                                        */
void support_log_notice (covey_agent_t *agent, const covey_notice_t *notice,
                         void *arg);
/*  True when there are `count` entries within the deadline.                  */
bool support_log_wait (support_log_t *self, size_t count, int timeout_ms);
size_t support_log_count (support_log_t *self);
void support_log_clear (support_log_t *self);
const covey_event_t *support_log_event (support_log_t *self, size_t index);
/*  Who saw it.                                                               */
const char *support_log_agent (support_log_t *self, size_t index);
/*  Notices: kind and text.                                                   */
covey_notice_kind_t support_log_kind (support_log_t *self, size_t index);
const char *support_log_text (support_log_t *self, size_t index);

/*  The content of a message or broadcast as text.                            */
const char *support_content (const covey_event_t *event);

/*  Milliseconds, for measuring.                                              */
int64_t support_now_ms (void);

/*  Fail with the call, its code and covey_error ().                          */
void support_expect (int rc, int expected, const char *call, const char *file,
                     int line);
#define expect_ok(call) \
    support_expect ((call), COVEY_OK, #call, __FILE__, __LINE__)
#define expect_code(call, code) \
    support_expect ((call), COVEY_##code, #call, __FILE__, __LINE__)

#endif
