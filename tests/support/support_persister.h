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

typedef struct support_node support_node_t;

/*  A ROUTER on a fresh inproc endpoint.                                     */
support_node_t *support_node_new (void);
void support_node_destroy (support_node_t **self_p);
const char *support_node_endpoint (const support_node_t *self);

/*  Start a persister while playing the node.                                */
covey_err_t support_node_start (support_node_t *self,
                                const covey_persister_config_t *config,
                                covey_persister_actor_t **actor_p,
                                covey_errbuf_t *err);

/*  One Journal frame with events number first..last, whose sequences they are.
    `make` fills in what the test wants; it may be NULL.                      */
void support_node_journal (support_node_t *self, const uint8_t origin[16],
                           uint64_t first, uint64_t last,
                           void (*make) (support_event_t *event));
/*  Any bytes as a frame, and one with raw items.                            */
void support_node_send (support_node_t *self, const void *data, size_t size);
void support_node_journal_raw (support_node_t *self, const uint8_t origin[16],
                               uint64_t first, const void *item, size_t size);

/*  The next acknowledgement; fails the test when none comes. Free with
    covey__wire__journal_ack__free_unpacked.                                  */
Covey__Wire__JournalAck *support_node_ack (support_node_t *self);
/*  Until everything up to `seq` is acknowledged.                            */
void support_node_wait_acked (support_node_t *self, uint64_t seq);

/*  Ask; then the response to it, which the caller destroys.                 */
void support_node_ask (support_node_t *self, const char *request_id,
                       const char *method, const char *params, int timeout_ms);
covey_event_t *support_node_response (support_node_t *self,
                                      const char *request_id);
/*  Both; the result as JSON, to be freed, or "CODE: message".               */
char *support_node_call (support_node_t *self, const char *method,
                         const char *params);
/*  mesh.events; free with covey__store__event_page__free_unpacked.          */
Covey__Store__EventPage *support_node_events (support_node_t *self,
                                              const char *params);
Covey__Store__EventPage *support_page (const covey_event_t *response);

#endif
