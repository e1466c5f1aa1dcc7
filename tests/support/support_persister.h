/*  support_persister - the node's side of a session with the persister, played
    by the test: hands over events, asks, and sees what comes back
*/
#ifndef SUPPORT_PERSISTER_H_INCLUDED
#define SUPPORT_PERSISTER_H_INCLUDED

#include "persist/persister_actor.h"
#include "proto/event.h"
#include "proto/frame.h"
#include "proto/store.pb-c.h"
#include "support_journal.h"

#define SUPPORT_WAIT_MS 10000

typedef struct support_fake support_fake_t;

/*  A ROUTER on a fresh inproc endpoint.                                     */
support_fake_t *support_fake_new (void);
void support_fake_destroy (support_fake_t **self_p);
const char *support_fake_endpoint (const support_fake_t *self);

/*  Start a persister while playing the node.                                */
covey_err_t support_fake_start (support_fake_t *self,
                                const covey_persister_config_t *config,
                                covey_persister_actor_t **actor_p,
                                covey_errbuf_t *err);

/*  One Journal frame with events number first..last, whose sequences they are.
    `make` fills in what the test wants; it may be NULL.                      */
void support_fake_journal (support_fake_t *self, const uint8_t origin[16],
                           uint64_t first, uint64_t last,
                           void (*make) (support_event_t *event));
/*  Any bytes as a frame, and one with raw items.                            */
void support_fake_send (support_fake_t *self, const void *data, size_t size);
void support_fake_journal_raw (support_fake_t *self, const uint8_t origin[16],
                               uint64_t first, const void *item, size_t size);

/*  The next acknowledgement; fails the test when none comes. Free with
    covey__wire__journal_ack__free_unpacked.                                  */
Covey__Wire__JournalAck *support_fake_ack (support_fake_t *self);
/*  Until everything up to `seq` is acknowledged.                            */
void support_fake_wait_acked (support_fake_t *self, uint64_t seq);

/*  Ask; then the response to it, which the caller destroys.                 */
void support_fake_ask (support_fake_t *self, const char *request_id,
                       const char *method, const char *params, int timeout_ms);
covey_event_t *support_fake_response (support_fake_t *self,
                                      const char *request_id);
/*  Both; the result as JSON, to be freed, or "CODE: message".               */
char *support_fake_call (support_fake_t *self, const char *method,
                         const char *params);
/*  mesh.events; free with covey__store__event_page__free_unpacked.          */
Covey__Store__EventPage *support_fake_events (support_fake_t *self,
                                              const char *params);
Covey__Store__EventPage *support_page (const covey_event_t *response);

#endif
