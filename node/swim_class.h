/*  swim_class - the inside of swim, shared by its four files

    swim.c         life, timers, what a message asks for
    swim_seed.c    addresses to join
    swim_probe.c   probes, relayed probes, local health
    swim_merge.c   what a claim about a member changes
*/
#ifndef COVEY_SWIM_CLASS_H_INCLUDED
#define COVEY_SWIM_CLASS_H_INCLUDED

#include "node/swim.h"
#include "node/swim_gossip.h"

typedef struct {
    bool active;
    bool asked; /* others, too                                                */
    uint8_t id[16];
    uint32_t seq;
    int64_t direct_ms; /* without ack by then, ask others                     */
    int64_t end_ms;    /* without ack by then, suspect                        */
    size_t helper_count;
    uint8_t helpers[COVEY_SWIM_INDIRECT_MAX][16];
    bool nacked[COVEY_SWIM_INDIRECT_MAX];
} covey_swim_probe_t;

typedef struct {
    bool used;
    bool nack;
    uint32_t seq; /* of our ping                                              */
    uint32_t origin_seq;
    uint8_t origin[16];
    uint8_t target[16];
    int64_t end_ms;
} covey_swim_relay_t;

typedef struct {
    char *address;
    bool keep;
    bool is_self;
    bool answered;
    uint8_t id[16];
    uint32_t seq;
    int tries;
    int64_t pause_ms;
    int64_t due_ms;
} covey_swim_seed_t;

struct covey_swim {
    covey_swim_config_t config;
    covey_swim_callbacks_t callbacks;
    covey_swim_stats_t stats;
    covey_prng_t prng;
    uint64_t mesh; /* hash of its name                                        */
    covey_swim_table_t table;
    covey_swim_gossip_t gossip;
    covey_swim_member_t me; /* not in the table                               */
    int health;
    bool started;
    bool leaving;
    bool hearsay; /* what is being merged comes out of a full state           */
    uint32_t seq;
    int strangers; /* pings in a row of nodes that know something else        */
    covey_swim_probe_t probe;
    covey_swim_relay_t relays[COVEY_SWIM_RELAYS_MAX];
    size_t relay_at; /* the next to be used                                   */
    covey_swim_list_t suspects;
    covey_swim_seed_t seeds[COVEY_SWIM_SEEDS_MAX];
    size_t seed_count;
    /* timers; COVEY_SWIM_NEVER when off                                      */
    int64_t probe_due_ms;
    int64_t relay_due_ms;
    int64_t suspicion_due_ms;
    int64_t gossip_due_ms;
    int64_t gossiped_ms;
    int64_t sync_due_ms;
    int64_t reconnect_due_ms;
    int64_t seed_due_ms;
    int64_t leave_due_ms;
};

/* ---- swim.c ---- */

/*  Fill in the sender and send, with news and claims about the receiver when
    the kind carries them.                                                    */
void covey_swim_send (covey_swim_t *self, const uint8_t *id,
                      const char *address, covey_swim_message_t *message);
/*  Live ones and ourselves.                                                 */
uint64_t covey_swim_group (const covey_swim_t *self);
/*  "This is what I am, and a digest of what I know."                        */
void covey_swim_send_sync (covey_swim_t *self, const uint8_t *id,
                           const char *address, uint32_t seq);

/* ---- swim_seed.c ---- */

/*  A quarter more or less.                                                  */
int64_t covey_swim_jitter (covey_swim_t *self, int64_t pause_ms);
covey_err_t covey_swim_seed_add (covey_swim_t *self, const char *address,
                                 bool keep, int64_t now_ms);
void covey_swim_seed_tick (covey_swim_t *self, int64_t now_ms);
/*  The seed that this answers, or NULL; and who is behind it.               */
covey_swim_seed_t *covey_swim_seed_of (covey_swim_t *self,
                                       const covey_swim_message_t *message);
void covey_swim_seed_note (covey_swim_t *self,
                           const covey_swim_message_t *message);

/* ---- swim_probe.c ---- */

void covey_swim_probe_tick (covey_swim_t *self, int64_t now_ms);
void covey_swim_relay_tick (covey_swim_t *self, int64_t now_ms);
int64_t covey_swim_probe_next_ms (const covey_swim_t *self);
/*  By `change`, within 0 .. health_max; without Lifeguard it stays 0.       */
void covey_swim_feel (covey_swim_t *self, int change);
void covey_swim_on_ping (covey_swim_t *self,
                         const covey_swim_message_t *message);
void covey_swim_on_ping_req (covey_swim_t *self,
                             const covey_swim_message_t *message,
                             int64_t now_ms);
void covey_swim_on_ack (covey_swim_t *self,
                        const covey_swim_message_t *message);
void covey_swim_on_nack (covey_swim_t *self,
                         const covey_swim_message_t *message);
void covey_swim_on_heard (covey_swim_t *self, const uint8_t id[16]);
void covey_swim_on_doubt (covey_swim_t *self, const uint8_t id[16],
                          int64_t now_ms);
/*  A ping beside the round; its ack is of no consequence.                   */
void covey_swim_tell (covey_swim_t *self, const covey_swim_member_t *member);

/* ---- swim_merge.c ---- */

/*  `from`: who sent a full state, where failure is hearsay; NULL: gossip.   */
void covey_swim_merge (covey_swim_t *self, const covey_swim_update_t *update,
                       const uint8_t *from, int64_t now_ms);
void covey_swim_accuse (covey_swim_t *self, covey_swim_member_t *member,
                        int64_t now_ms);
/*  Suspects whose time is over.                                             */
void covey_swim_suspicion_tick (covey_swim_t *self, int64_t now_ms);
void covey_swim_forget (covey_swim_t *self, covey_swim_member_t *member);
/*  It is news: gossip it.                                                   */
void covey_swim_news (covey_swim_t *self, covey_swim_member_t *member,
                      int64_t now_ms);

#endif
