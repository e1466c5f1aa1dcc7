/*  beacon - how nodes of a LAN find each other without an address

    Role      pure core: the datagram, when to send the next one, and which of
              the ones that came are worth an introduction
    Threads   one owner
    Limits    a datagram has COVEY_BEACON_SIZE_MAX bytes at most; made-up
              senders get COVEY_BEACON_BURST introductions, then
              COVEY_BEACON_PER_S each second, and a node one per
              COVEY_BEACON_AGAIN_MS
    Time      now_ms: monotonic milliseconds, supplied by the caller

    A beacon says who is there and on which port; the address is where the
    datagram came from, so that nobody can point at somebody else. It is a hint
    and nothing more: the hello decides who becomes a member.
*/
#ifndef COVEY_BEACON_H_INCLUDED
#define COVEY_BEACON_H_INCLUDED

#include "base/err.h"

#define COVEY_BEACON_HEAD 33 /* bytes up to the name of the mesh */
#define COVEY_BEACON_SIZE_MAX 512
#define COVEY_BEACON_FIRST_MS 1000 /* pause after the first; it grows up to */
#define COVEY_BEACON_STEADY_MS 10000
#define COVEY_BEACON_BURST 16
#define COVEY_BEACON_PER_S 4
#define COVEY_BEACON_AGAIN_MS 5000
#define COVEY_BEACON_RECENT_MAX 64 /* nodes remembered for that             */

/*  What a datagram says.                                                    */
typedef struct {
    uint8_t node_id[16];
    uint64_t epoch;
    int port; /* of the ROUTER                                                */
    char mesh[COVEY_NAME_MAX + 1];
} covey_beacon_word_t;

/*  Bytes written.                                                           */
size_t covey_beacon_encode (const covey_beacon_word_t *word,
                            uint8_t to[COVEY_BEACON_SIZE_MAX]);
/*  MALFORMED, or VERSION of a later format; `*word` is written on OK only.  */
covey_err_t covey_beacon_decode (const uint8_t *data, size_t size,
                                 covey_beacon_word_t *word);

typedef struct {
    uint64_t sent;
    uint64_t unsent;   /* the network took none                              */
    uint64_t received; /* of this mesh, own ones not counted                 */
    uint64_t foreign;  /* of another mesh or a later version                 */
    uint64_t malformed;
    uint64_t throttled; /* introductions that the limits refused              */
} covey_beacon_stats_t;

typedef struct covey_beacon covey_beacon_t;

/*  `own` is copied; `seed` is that of the jitter.                           */
covey_beacon_t *covey_beacon_new (const covey_beacon_word_t *own,
                                  uint64_t seed);
void covey_beacon_destroy (covey_beacon_t **self_p);

/*  Is it time to send what covey_beacon_write gives? Then the next one is
    planned. `covey_beacon_sent` tells how it went.                           */
bool covey_beacon_is_due (covey_beacon_t *self, int64_t now_ms);
size_t covey_beacon_write (const covey_beacon_t *self,
                           uint8_t to[COVEY_BEACON_SIZE_MAX]);
void covey_beacon_sent (covey_beacon_t *self, bool good);

/*  A datagram came. OK: a node of this mesh. Else it was counted and is to be
    ignored: MALFORMED, VERSION, DENIED another mesh, STATE it is our own.    */
covey_err_t covey_beacon_receive (covey_beacon_t *self, const uint8_t *data,
                                  size_t size, covey_beacon_word_t *word);
/*  May that node, which membership does not know, be introduced now?        */
bool covey_beacon_admit (covey_beacon_t *self, const covey_beacon_word_t *word,
                         int64_t now_ms);
/*  It was admitted, and there was no room for it: count it.                 */
void covey_beacon_refused (covey_beacon_t *self);

const covey_beacon_stats_t *covey_beacon_stats (const covey_beacon_t *self);

#endif
