/*  support_node - node actors and small agents in a test's own thread: each
    agent is a proto/session over a DEALER; pump moves them all
*/
#ifndef SUPPORT_NODE_H_INCLUDED
#define SUPPORT_NODE_H_INCLUDED

#include "node/node_actor.h"
#include "proto/event.h"
#include "proto/session.h"

#define SUPPORT_NODE_WAIT_MS 20000
#define SUPPORT_AGENTS_MAX 64

typedef struct support_agent support_agent_t;

struct support_agent {
    void *dealer;
    covey_session_t *session;
    char id[COVEY_AGENT_ID_MAX + 1];
    bool opened;
    bool closed;
    bool final;
    covey_err_t closed_code;
    bool mute;  /* sends nothing and reads nothing: a hung process            */
    bool hoard; /* does not acknowledge deliveries                            */
    size_t hoarded;
    /* what it saw                                                            */
    bool keep; /* keep events (else they are only counted)                    */
    covey_event_t **events;
    size_t event_count;
    size_t event_capacity;
    size_t events_seen;
    size_t handles_seen; /* handles of all events together                    */
    uint64_t accepted;   /* tickets                                           */
    uint64_t refused;
    covey_err_t refused_code;
    char refused_text[512];
    uint64_t stored;
    int64_t stored_offset;
    size_t subscribed;
    covey_err_t subscribed_code;
    size_t undelivered;
    covey_err_t undelivered_code;
    char undelivered_target[COVEY_AGENT_ID_MAX + 1];
    char undelivered_request[COVEY_NAME_MAX + 1];
    size_t heard; /* of its events, at their targets                          */
    char heard_agent[COVEY_AGENT_ID_MAX + 1];
    uint8_t heard_id[16];
    size_t gaps;
    uint64_t gap_events;
    uint64_t gap_first; /* of the first one, and from which node              */
    uint8_t gap_node[16];
    size_t frames; /* of services                                             */
    void (*on_frame) (support_agent_t *self, const covey_frame_t *frame);
    void (*on_event) (support_agent_t *self, const covey_peek_t *event);
    void *arg;
    /* support_persist: what is stored of each origin                         */
    struct {
        uint8_t origin[16];
        uint64_t seq;
    } stores[8];
    int64_t offset;
};

typedef struct {
    support_agent_t *agents[SUPPORT_AGENTS_MAX];
    size_t count;
} support_crowd_t;

/*  A node on loopback with short timers; `join` may be NULL.                */
covey_node_actor_t *support_node (const char *name, const char *join);
/*  The same with settings of the test's own.                                */
void support_node_config (covey_node_config_t *config, const char *name);
covey_node_actor_t *support_node_open (const covey_node_config_t *config);
void support_nodes_wait (covey_node_actor_t *node, size_t count);
void support_agents_wait (covey_node_actor_t *node, size_t count);

/*  `hello` may be NULL: an agent of type "worker". It is open when this
    returns.                                                                  */
support_agent_t *support_agent_at (support_crowd_t *crowd, const char *endpoint,
                                   const char *id,
                                   const Covey__Wire__Hello *hello);
support_agent_t *support_agent (support_crowd_t *crowd,
                                covey_node_actor_t *node, const char *id);
/*  Not waited for.                                                          */
support_agent_t *support_agent_dial (support_crowd_t *crowd,
                                     const char *endpoint, const char *id,
                                     const Covey__Wire__Hello *hello);
/*  A new connection with the same session.                                  */
void support_agent_redial (support_agent_t *self, const char *endpoint);
/*  Acknowledge what it hoarded, and from now on all.                        */
void support_agent_catch_up (support_agent_t *self);
/*  Without a word.                                                          */
void support_agent_kill (support_crowd_t *crowd, support_agent_t *agent);
/*  With BYE.                                                                */
void support_agent_bye (support_crowd_t *crowd, support_agent_t *agent);
void support_crowd_end (support_crowd_t *crowd);

/*  An on_frame that plays a persister: acknowledges what comes in sequence and
    says what it expects otherwise. `arg`, when there is one, is an int: so many
    frames are lost first. Events without `origin_seq` fail the test.         */
void support_persist (support_agent_t *self, const covey_frame_t *frame);
/*  Bytes that are no frame.                                                 */
void support_agent_send_raw (support_agent_t *self, const void *data,
                             size_t size);

/*  Once around all agents; waits at most `wait_ms` for something to come.   */
void support_pump (support_crowd_t *crowd, int wait_ms);
int64_t support_node_now_ms (void);
/*  Pump until the condition holds; fails the test after 20 s.               */
#define support_until(crowd, condition)                                       \
    do {                                                                      \
        int64_t support_end_ = support_node_now_ms () + SUPPORT_NODE_WAIT_MS; \
        while (!(condition)) {                                                \
            if (support_node_now_ms () > support_end_)                        \
                fail_msg ("%s: not within %d ms", #condition,                 \
                          SUPPORT_NODE_WAIT_MS);                              \
            support_pump (crowd, 5);                                          \
        }                                                                     \
    } while (0)
/*  Pump for that long, to see that something does not happen.               */
void support_pump_for (support_crowd_t *crowd, int duration_ms);

/*  Publish; the ticket. The event is destroyed.                             */
uint64_t support_agent_publish (support_agent_t *self, covey_event_t *event,
                                covey_level_t level, uint32_t wait_ms);
covey_event_t *support_message (const support_agent_t *from, const char *to,
                                const char *text);
covey_event_t *support_broadcast (const support_agent_t *from,
                                  const char *topic);
void support_agent_subscribe (support_agent_t *self, uint32_t handle, int type,
                              bool observe);
/*  Ask "node" and give the JSON of the answer, which the caller frees.      */
char *support_ask (support_crowd_t *crowd, support_agent_t *self,
                   const char *target, const char *method, const char *params);
/*  A number in a JSON text by its key; -1: not there.                       */
int64_t support_json_int (const char *json, const char *key);

#endif
