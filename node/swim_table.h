/*  swim_table - the members a node knows, by id, by probe order, at random

    Role      pure, embedded in covey_swim
    Memory    the table owns its members; a pointer is good until remove
    Cost      find, set, add and remove O(1); a round of probes reshuffles once
    Order     decided by the seed and the calls, never by hash values
*/
#ifndef COVEY_SWIM_TABLE_H_INCLUDED
#define COVEY_SWIM_TABLE_H_INCLUDED

#include "base/prng.h"
#include "node/swim_message.h"
#include "node/swim_suspicion.h"

typedef struct covey_swim_member covey_swim_member_t;

/*  Read by the shell, written by the core only.                             */
struct covey_swim_member {
    uint8_t id[16];
    uint64_t epoch;
    uint32_t incarnation;
    covey_swim_state_t state;
    int64_t since_ms; /* of the state                                         */
    char *address;    /* NULL: only heard that it failed or left              */
    uint8_t *meta;
    size_t meta_size;
    uint8_t accuser[16]; /* of the last suspicion or failure                  */
    uint8_t health;      /* of the accuser then                               */
    /* for swim, swim_table and swim_gossip only                              */
    uint8_t sends; /* of the update that is being gossiped                    */
    bool queued;
    bool doubted;   /* its next probe is a short one                          */
    uint32_t place; /* in `all`                                               */
    uint32_t seat;  /* in `live` or `failed`                                  */
    uint64_t hash;
    covey_suspicion_t *suspicion; /* while SUSPECTED                          */
    covey_swim_member_t *before, *after;
};

typedef struct {
    covey_swim_member_t **items;
    size_t count;
    size_t capacity;
} covey_swim_list_t;

typedef struct {
    uint64_t hash;
    covey_swim_member_t *member;
} covey_swim_slot_t;

typedef struct {
    covey_swim_list_t all;
    covey_swim_list_t live;   /* alive or suspected, in probe order           */
    covey_swim_list_t failed; /* not left                                     */
    size_t cursor;            /* live[0..cursor) had its probe in this round  */
    uint64_t digest;          /* of the live ones, whatever their order       */
    covey_swim_slot_t *slots;
    size_t slot_count; /* a power of two                                      */
} covey_swim_table_t;

void covey_swim_table_init (covey_swim_table_t *self);
void covey_swim_table_deinit (covey_swim_table_t *self);

covey_swim_member_t *covey_swim_table_find (const covey_swim_table_t *self,
                                            const uint8_t id[16]);
/*  These are about to be looked up: fetch what that needs into the cache, all
    at once instead of one after the other.                                   */
void covey_swim_table_warm (const covey_swim_table_t *self,
                            const covey_swim_update_t *updates, size_t count);
/*  A new one, LEFT at epoch 0 until it is set. The id must be new.          */
covey_swim_member_t *covey_swim_table_add (covey_swim_table_t *self,
                                           const uint8_t id[16]);
void covey_swim_table_remove (covey_swim_table_t *self,
                              covey_swim_member_t *member);
/*  The only way to change these; one that comes to life gets a random place
    in the present round (SWIM 4.3).                                          */
void covey_swim_table_set (covey_swim_table_t *self,
                           covey_swim_member_t *member, uint64_t epoch,
                           uint32_t incarnation, covey_swim_state_t state,
                           covey_prng_t *prng);

/*  Who is to be probed next; NULL when nobody lives.                        */
covey_swim_member_t *covey_swim_table_next (covey_swim_table_t *self,
                                            covey_prng_t *prng);
/*  Let this live one be the next.                                           */
void covey_swim_table_prefer (covey_swim_table_t *self,
                              covey_swim_member_t *member);
/*  Up to `want` different live ones but `except` (or NULL); returns how many.
 */
size_t covey_swim_table_sample (const covey_swim_table_t *self,
                                covey_prng_t *prng,
                                const covey_swim_member_t *except, size_t want,
                                covey_swim_member_t **picked);

/*  One summand of the digest.                                               */
uint64_t covey_swim_table_mix (uint64_t hash, uint64_t epoch,
                               uint32_t incarnation);

#endif
