/*  session_table - all sessions of a node, by agent id and by where they are

    Role      pure core: judges a hello; knows who is superseded and who has
              been silent for too long
    Memory    hosts belong to the table
    Limits    sessions_max; the bounds of the contract for every text
    Time      now_ms: monotonic milliseconds, supplied by the caller
*/
#ifndef COVEY_SESSION_TABLE_H_INCLUDED
#define COVEY_SESSION_TABLE_H_INCLUDED

#include "node/host.h"

typedef struct {
    covey_host_config_t host;
    size_t sessions_max;
    const char *mesh; /* borrowed                                             */
    /* silence after which a session is gone, unless it asks for another; what
       it may ask for                                                         */
    int64_t grace_ms;
    int64_t grace_min_ms;
    int64_t grace_max_ms;
} covey_session_table_config_t;

typedef enum {
    COVEY_HELLO_NEW,      /* a new session                                    */
    COVEY_HELLO_BACK,     /* a known one, here again or asking again          */
    COVEY_HELLO_REPLACES, /* new; `old` had the agent id: end and remove it   */
    COVEY_HELLO_REFUSED
} covey_hello_verdict_t;

typedef struct {
    covey_hello_verdict_t verdict;
    covey_host_t *host;
    covey_host_t *old;
    covey_err_t code; /* REFUSED                                              */
    bool final;       /* REFUSED: trying again will not help                  */
    covey_errbuf_t err;
} covey_hello_result_t;

typedef struct covey_session_table covey_session_table_t;

covey_session_table_t *
covey_session_table_new (const covey_session_table_config_t *config);
void covey_session_table_destroy (covey_session_table_t **self_p);

/*  `trusted`: it comes from this process, so it may be a service.           */
void covey_session_table_hello (covey_session_table_t *self,
                                const Covey__Wire__Hello *hello,
                                const uint8_t *route, size_t route_size,
                                bool trusted, int64_t now_ms,
                                covey_hello_result_t *result);
covey_host_t *covey_session_table_by_route (const covey_session_table_t *self,
                                            const uint8_t *route, size_t size);
covey_host_t *covey_session_table_by_agent (const covey_session_table_t *self,
                                            const char *id, size_t size);
covey_host_t *covey_session_table_by_number (const covey_session_table_t *self,
                                             uint64_t number);
size_t covey_session_table_count (const covey_session_table_t *self);
/*  Host `index` of count; the order changes when one is removed.            */
covey_host_t *covey_session_table_at (const covey_session_table_t *self,
                                      size_t index);
/*  Forget and destroy it.                                                   */
void covey_session_table_remove (covey_session_table_t *self,
                                 covey_host_t **host_p);
/*  The node itself stood still for `ms`: that was no silence of theirs.     */
void covey_session_table_excuse (covey_session_table_t *self, int64_t ms,
                                 int64_t now_ms);
/*  One that has been silent beyond the grace time, or NULL.                 */
covey_host_t *covey_session_table_lost (const covey_session_table_t *self,
                                        int64_t now_ms);

#endif
