/*  swim - who is in the mesh and who lives: SWIM with Lifeguard

    Role      pure core: probes members at random, has others probe before it
              suspects, lets suspects refute, gossips what changed
    Threads   one owner
    Memory    covey_swim_new gives it to the caller; members belong to it
    Limits    members_max members; COVEY_SWIM_SEEDS_MAX addresses to join;
              message_bytes of updates in one message; a STATE comes in parts
    Time      now_ms: monotonic milliseconds, supplied by the caller
    Identity  16-byte node id; a restart has the same id and a larger epoch
    Spec      SWIM: Das, Gupta, Motivala, DSN 2002. Lifeguard: Dadgar, Phillips,
              Currey, 2017. Where a rule is from neither, the code says so.

    The transport may lose, repeat and reorder messages. Everything comes in by
    covey_swim_step and goes out by callbacks; after each step the shell arms
    one timer for covey_swim_next_ms and steps with TICK then.

    State       Claim about it            -> state      Told
    unknown     alive                     -> alive      joined
    unknown     failed, left              -> the same   (a memory, not news)
    alive       suspected, inc >= ours    -> suspected  suspected
    suspected   alive, inc > ours         -> alive      recovered
    suspected   another accuser           -> suspected  (its time shrinks)
    suspected   its time is over          -> failed     failed
    alive, suspected: failed, inc >= ours -> failed     failed
    failed      alive, inc > ours         -> alive      recovered
    not left    left                      -> left       left
    left        anything in this epoch    -> left
    any         alive, later epoch        -> alive      (failed, if it lived,)
                                                        joined
*/
#ifndef COVEY_SWIM_H_INCLUDED
#define COVEY_SWIM_H_INCLUDED

#include "node/swim_message.h"
#include "node/swim_table.h"

#define COVEY_SWIM_SEEDS_MAX 64
#define COVEY_SWIM_SEED_MS 500 /* first pause between tries of a seed    */
#define COVEY_SWIM_SEED_MAX_MS 30000
#define COVEY_SWIM_HINT_TRIES 10 /* for an address that is only remembered */
#define COVEY_SWIM_INDIRECT_MAX 8
#define COVEY_SWIM_RELAYS_MAX 64 /* probes under way for others            */
#define COVEY_SWIM_STRANGERS_MAX                \
    3 /* pings with another digest until we ask \
       */
#define COVEY_SWIM_NEVER INT64_MAX

typedef struct {
    uint8_t id[16];
    uint64_t epoch;
    const char *mesh; /* texts are copied                                     */
    const char *address;
    const uint8_t *meta; /* what others are to know of us; copied             */
    size_t meta_size;
    int probe_ms;           /* one probe each                                 */
    int probe_timeout_ms;   /* then others are asked; < probe_ms              */
    int indirect;           /* how many others                                */
    int suspicion_mult;     /* min = mult * max (1, log10 n) * probe_ms       */
    int suspicion_max_mult; /* max = this * min                               */
    int confirmations;      /* that shrink the time from max to min           */
    int health_max;         /* of the local health score                      */
    int gossip_ms;
    int gossip_peers;
    int gossip_mult;      /* an update is told mult * ceil log10 (n + 1)    */
    int gossip_failed_ms; /* failed ones still hear what is said of them    */
    int sync_ms;          /* digest with a random member                    */
    int reconnect_ms;     /* digest with a random failed one                */
    int leave_ms;         /* stays up that long after LEAVE                 */
    int64_t failed_keep_ms;
    int64_t left_keep_ms;
    size_t message_bytes; /* of updates in one message; >= 1400             */
    size_t members_max;
    bool lifeguard; /* false: SWIM alone, for comparison                      */
} covey_swim_config_t;

/*  The defaults; id, epoch, mesh and address are the caller's to set.       */
void covey_swim_config_init (covey_swim_config_t *config);

typedef enum {
    COVEY_SWIM_TICK,    /* next_ms has come (earlier does no harm)            */
    COVEY_SWIM_MESSAGE, /* message                                            */
    COVEY_SWIM_JOIN,    /* address: tried for ever, whenever nobody is there  */
    COVEY_SWIM_HINT,    /* address: remembered from before, tried some times  */
    COVEY_SWIM_LEAVE,
    COVEY_SWIM_HEARD,   /* id: something else came from it; over a connection
                           that is as good as an ack                          */
    COVEY_SWIM_DOUBT,   /* id: its connection broke; probe it at once, and ask
                           others at once, too                                */
    COVEY_SWIM_CLAIM,   /* claim: what a node said of itself at a handshake, or
                           when it took leave                                 */
    COVEY_SWIM_TELL,    /* id: let it hear what is held against it            */
    COVEY_SWIM_EXCHANGE /* id: tell each other all that is known            */
} covey_swim_event_kind_t;

typedef struct {
    covey_swim_event_kind_t kind;
    int64_t now_ms; /* never decreases                                        */
    const covey_swim_message_t *message;
    const char *address;
    const uint8_t *id; /* 16 bytes                                            */
    const covey_swim_update_t *claim;
} covey_swim_event_t;

typedef enum {
    COVEY_SWIM_JOINED,
    COVEY_SWIM_BECAME_SUSPECTED,
    COVEY_SWIM_BECAME_FAILED,
    COVEY_SWIM_RECOVERED,
    COVEY_SWIM_DEPARTED
} covey_swim_change_t;

/*  What the shell is told. It may not call the core from inside.            */
typedef struct {
    void *arg;
    /* `id` is NULL when only the address is known; all is borrowed           */
    void (*send) (void *arg, const uint8_t *id, const char *address,
                  const covey_swim_message_t *message);
    /* member->accuser and ->health say who accused it, and how healthy the
       accuser was (0 is best); `reason` is one line                          */
    void (*changed) (void *arg, const covey_swim_member_t *member,
                     covey_swim_change_t change, const char *reason);
    /* there is no such member any more; may be NULL                          */
    void (*forgotten) (void *arg, const uint8_t id[16]);
    /* a seed answered that we cannot join; it is tried again, slowly         */
    void (*refused) (void *arg, const char *address, const char *text);
    /* after LEAVE: the news had its time to spread                           */
    void (*left) (void *arg);
} covey_swim_callbacks_t;

typedef struct {
    uint64_t sent[COVEY_SWIM_REFUSE + 1]; /* by kind                          */
    uint64_t received[COVEY_SWIM_REFUSE + 1];
    uint64_t updates_sent;
    uint64_t probes;
    uint64_t probes_failed;
    uint64_t probes_indirect; /* that needed the help of others               */
    uint64_t refutations;     /* of claims about us                           */
    uint64_t slept;           /* ticks that came late                         */
    uint64_t foreign;         /* messages of another mesh                     */
    uint64_t invalid;         /* claims that nobody may make                  */
    uint64_t refused;         /* members beyond members_max                   */
} covey_swim_stats_t;

typedef struct covey_swim covey_swim_t;

covey_swim_t *covey_swim_new (const covey_swim_config_t *config,
                              const covey_swim_callbacks_t *callbacks,
                              uint64_t seed);
void covey_swim_destroy (covey_swim_t **self_p);

/*  DENIED: a message of another mesh; LIMIT: too many seeds; INVALID: an
    address that is too long; STATE: left already; NOTFOUND: no such member.
   Nothing changed then.      */
covey_err_t covey_swim_step (covey_swim_t *self,
                             const covey_swim_event_t *event);
int64_t covey_swim_next_ms (const covey_swim_t *self);

/*  Members but ourselves. `at`: in no special order, changed by any step.   */
const covey_swim_member_t *covey_swim_find (const covey_swim_t *self,
                                            const uint8_t id[16]);
size_t covey_swim_count (const covey_swim_t *self);
const covey_swim_member_t *covey_swim_at (const covey_swim_t *self,
                                          size_t index);
size_t covey_swim_live (const covey_swim_t *self); /* alive or suspected      */
/*  Equal digests: the same live members, at the same epochs and incarnations.
 */
uint64_t covey_swim_digest (const covey_swim_t *self);
uint32_t covey_swim_incarnation (const covey_swim_t *self);
int covey_swim_health (const covey_swim_t *self); /* 0 is best                */
const covey_swim_stats_t *covey_swim_stats (const covey_swim_t *self);

#endif
