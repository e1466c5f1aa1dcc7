/*  membership - the nodes of the mesh as this node sees them

    Role      pure core: introductions by hello, whom to connect, who came and
              went; node/swim says who lives. Tells the shell what to send and
              what changed
    Threads   one owner
    Limits    peers_max nodes, COVEY_MEMBERSHIP_HINTS_MAX addresses that were
              only heard of; the oldest that left or failed makes room
    Time      now_ms: monotonic milliseconds, supplied by the caller
    States    node/swim.h has the table of what makes a node joined, suspected,
              failed, recovered, left

    A hello introduces: it tells who speaks which protocol in which mesh, and
    opens the links. It is also a claim to live; whoever said it hears at once
    what is held against it and refutes. Nobody is suspected for want of a
   hello.

    A contact is an address without a known node behind it: one we were told to
    join, or one that we were hinted at. Seeds and failed nodes are tried for
    ever, with growing pauses and jitter. Who answers a contact exchanges all it
    knows with us, so one address is enough.
*/
#ifndef COVEY_MEMBERSHIP_H_INCLUDED
#define COVEY_MEMBERSHIP_H_INCLUDED

#include "base/buf.h"
#include "node/swim.h"
#include "proto/frame.h"

#define COVEY_MEMBERSHIP_RETRY_MS 100 /* first pause between hellos      */
#define COVEY_MEMBERSHIP_RETRY_MAX_MS 5000
#define COVEY_MEMBERSHIP_KNOCK_MS 5 /* first pause while unconnected   */
#define COVEY_MEMBERSHIP_KNOCK_MAX_MS 200
#define COVEY_MEMBERSHIP_ADDRESS_MAX 300  /* bytes of HOST:PORT              */
#define COVEY_MEMBERSHIP_HEARSAY_MS 60000 /* to reach who we were told of */
#define COVEY_MEMBERSHIP_HINTS_MAX 64     /* contacts while hints are taken  */
#define COVEY_MEMBERSHIP_LEFT_KEEP_MS 3600000 /* how long it is listed */

typedef enum {
    COVEY_PEER_CONTACT,
    COVEY_PEER_ALIVE,
    COVEY_PEER_SUSPECTED,
    COVEY_PEER_FAILED,
    COVEY_PEER_LEFT
} covey_peer_state_t;

/*  A node or a contact. Fields are read by the shell, written here only (but
    for `shell`).                                                             */
typedef struct {
    bool known; /* false: a contact, the fields up to epoch are empty         */
    uint8_t id[16];
    char *name;
    char *endpoint; /* HOST:PORT of its ROUTER, as it says                */
    char *pub_endpoint;
    char *version;
    char **roles;
    size_t role_count;
    uint64_t epoch;
    uint32_t incarnation; /* raised by it to refute, within its epoch       */
    covey_peer_state_t state;
    int64_t since_ms;    /* of the state                                      */
    int64_t heard_ms;    /* the last sign of life, to us                      */
    uint8_t accuser[16]; /* of the last suspicion or failure; zero: nobody    */
    int health;          /* of the accuser then, 0 is best                    */
    char *address;   /* where we connect to it                             */
    bool connected;  /* the shell holds a socket for it                    */
    bool introduced; /* it knows us, in our present incarnation            */
    bool was_introduced;
    bool owed;          /* it waits for a hello that did not go out           */
    bool reopen;        /* it failed, and did not say hello since             */
    bool exchange;      /* it shall hear all we know, once it knows us        */
    char *answers;      /* `via` of its last hello, or NULL                   */
    int64_t hello_ms;   /* when the next hello is due                         */
    int64_t retry_ms;   /* the present pause                                  */
    int64_t said_ms;    /* when the last hello went out                       */
    int64_t knock_ms;   /* pause while the socket is not connected            */
    int64_t told_ms;    /* when it last heard what is held against it         */
    int64_t expires_ms; /* contacts that are only a hint; else 0              */
    void *shell;
} covey_peer_t;

typedef enum {
    COVEY_PEER_JOINED,
    COVEY_PEER_BECAME_SUSPECTED,
    COVEY_PEER_BECAME_FAILED,
    COVEY_PEER_RECOVERED,
    COVEY_PEER_DEPARTED
} covey_peer_change_t;

typedef struct {
    void *arg;
    /* open or close the socket to peer->address                              */
    void (*connect) (void *arg, covey_peer_t *peer);
    void (*disconnect) (void *arg, covey_peer_t *peer);
    /* send one (see covey_membership_write_hello); `reply`: ask for one back;
       false: the socket is not connected yet, it is tried again soon         */
    bool (*hello) (void *arg, covey_peer_t *peer, bool reply);
    /* send that frame, or lose it: then it is as if the peer did not answer  */
    void (*swim) (void *arg, covey_peer_t *peer, covey_swim_kind_t kind,
                  const covey_buf_t *frame);
    void (*changed) (void *arg, covey_peer_t *peer, covey_peer_change_t change,
                     const char *reason);
    /* about to be freed; its socket was closed, if it had one                */
    void (*forgotten) (void *arg, covey_peer_t *peer);
} covey_membership_callbacks_t;

typedef struct {
    const char *mesh; /* borrowed, like all texts here                        */
    uint8_t node_id[16];
    const char *name;
    const char *endpoint;
    const char *pub_endpoint;
    const char *version;
    const char *const *roles;
    size_t role_count;
    const char *const *joins;
    size_t join_count;
    uint64_t epoch;
    uint64_t seed; /* of the jitter                                           */
    size_t peers_max;
    covey_swim_config_t swim; /* times and numbers; the rest is filled in     */
} covey_membership_config_t;

typedef struct {
    uint64_t hellos_sent;
    uint64_t hellos_received;
    uint64_t refused; /* hellos of others that were refused                   */
    uint64_t reconnects; /* introductions after the first                     */
    uint64_t refused_by_peers;
    uint64_t suspicions; /* that we heard of, or had                        */
    uint64_t failures;
    uint64_t false_alarms; /* suspected or failed ones that lived             */
    uint64_t swim_bytes; /* of the swim frames that were sent                 */
    uint64_t swim_unsent; /* there was no way to the receiver                 */
    uint64_t swim_malformed;
} covey_membership_stats_t;

typedef struct covey_membership covey_membership_t;

covey_membership_t *
covey_membership_new (const covey_membership_config_t *config,
                      const covey_membership_callbacks_t *callbacks);
/*  Every peer is disconnected and forgotten first.                          */
void covey_membership_destroy (covey_membership_t **self_p);

/*  Timers: contacts, retries, probes, gossip.                               */
void covey_membership_tick (covey_membership_t *self, int64_t now_ms);
int64_t covey_membership_next_ms (const covey_membership_t *self);

/*  A hello arrived. OK: `*peer_p` is who it is. Otherwise refuse it with the
    code and `err`: DENIED another mesh, VERSION no common protocol, EXISTS
    another node with our id, LIMIT too many peers, STATE an old incarnation
    (to be ignored), MALFORMED.                                               */
covey_err_t covey_membership_hello (covey_membership_t *self,
                                    const Covey__Wire__PeerHello *hello,
                                    int64_t now_ms, covey_peer_t **peer_p,
                                    covey_errbuf_t *err);
/*  Something else arrived from it. False: it is not a member, it gets a hello
    and its frame is not to be followed.                                      */
bool covey_membership_heard (covey_membership_t *self, covey_peer_t *peer,
                             int64_t now_ms);
/*  A swim frame of it, also of one that failed. MALFORMED: dropped. `*kind_p`
    is what it was.                                                           */
covey_err_t covey_membership_swim (covey_membership_t *self, covey_peer_t *peer,
                                   const covey_frame_t *frame, int64_t now_ms,
                                   covey_swim_kind_t *kind_p);
/*  Our connection to it broke: does it still live?                          */
void covey_membership_doubt (covey_membership_t *self, covey_peer_t *peer,
                             int64_t now_ms);
/*  We leave: nothing that is said of us is refuted any more.                */
void covey_membership_leave (covey_membership_t *self, int64_t now_ms);
void covey_membership_goodbye (covey_membership_t *self, covey_peer_t *peer,
                               const char *reason, int64_t now_ms);
/*  The node at the other end of our socket refused our hello. NOTFOUND means
    that it does not know us yet: we introduce ourselves. Else slow down.     */
void covey_membership_refused (covey_membership_t *self, covey_peer_t *peer,
                               covey_err_t code, int64_t now_ms);

/*  Somebody said, without a hello, that a node lives at that address: would it
    be news? Then an introduction may be tried, for COVEY_MEMBERSHIP_HEARSAY_MS.
    False: there are too many contacts already; nobody has to make room.      */
bool covey_membership_wants (const covey_membership_t *self,
                             const uint8_t id[16], uint64_t epoch,
                             const char *address);
bool covey_membership_hint (covey_membership_t *self, const char *address,
                            int64_t now_ms);

/*  The frame of a hello to `peer`, into an empty buffer; `recv_seq` is what
    arrived of its stream.                                                    */
covey_err_t covey_membership_write_hello (covey_membership_t *self,
                                          const covey_peer_t *peer, bool reply,
                                          uint64_t recv_seq, covey_buf_t *to);

covey_peer_t *covey_membership_find (const covey_membership_t *self,
                                     const uint8_t id[16]);
size_t covey_membership_count (const covey_membership_t *self);
covey_peer_t *covey_membership_at (const covey_membership_t *self,
                                   size_t index);
/*  Known peers in that state.                                               */
size_t covey_membership_in_state (const covey_membership_t *self,
                                  covey_peer_state_t state);
const covey_membership_stats_t *
covey_membership_stats (const covey_membership_t *self);
/*  To read its numbers.                                                     */
const covey_swim_t *covey_membership_core (const covey_membership_t *self);

#endif
