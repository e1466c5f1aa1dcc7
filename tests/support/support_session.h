/*  support_session - a session against a scripted node

    What the session sends and says is logged as one line each: "PUBLISH 1+3",
    "reached 1 accepted -1". Tests compare the log and start it afresh.
*/
#ifndef SUPPORT_SESSION_H_INCLUDED
#define SUPPORT_SESSION_H_INCLUDED

#include "proto/session.h"

#define SUPPORT_HEARTBEAT_MS 1000
#define SUPPORT_WINDOW 8 /* of publishes */
#define SUPPORT_LOG_MAX 65536

typedef struct {
    covey_session_t *session;
    char log[SUPPORT_LOG_MAX];
    size_t log_size;
    covey_buf_t last; /* the last frame sent                                  */
    int64_t now_ms;
    /* what callbacks do */
    bool publish_in_event;
    bool done_in_event;
    bool close_in_event;
    bool publish_in_opened;
    bool publish_in_reached;
} support_session_t;

/*  For cmocka: a new session, closed or open, in *state.                    */
int support_session_setup (void **state);
int support_session_setup_open (void **state);
int support_session_teardown (void **state);

void support_session_expect (support_session_t *self, const char *lines);
/*  Flush, and let the time pass after which an ack goes out by itself.      */
void support_session_flush_acks (support_session_t *self);
void support_session_publish (support_session_t *self, const char *text,
                              covey_level_t level, uint32_t wait_ms);

/*  A frame from the node; `items` end with NULL.                            */
covey_err_t support_session_give (support_session_t *self,
                                  covey_frame_kind_t kind, const void *header,
                                  const char *const *items);
Covey__Wire__Welcome support_session_welcome (void);
/*  publish_seq -1: the node does not know the session.                      */
void support_session_give_welcome (support_session_t *self, int publish_seq);
covey_err_t support_session_give_receipt (support_session_t *self,
                                          uint64_t accepted);
covey_err_t support_session_give_deliver (support_session_t *self,
                                          uint64_t first_seq,
                                          const char *const *items);
void support_session_end (support_session_t *self, covey_err_t code);
void support_session_reopen (support_session_t *self, int publish_seq);

#endif
