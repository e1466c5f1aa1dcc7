/*  membership_class - the inside of membership, shared by its three files

    membership.c        the list of peers, contacts, timers
    membership_hello.c  introductions: what a hello may say and what it changes
    membership_swim.c   the failure detector's view becomes that of the list
*/
#ifndef COVEY_MEMBERSHIP_CLASS_H_INCLUDED
#define COVEY_MEMBERSHIP_CLASS_H_INCLUDED

#include "base/prng.h"
#include "node/membership.h"

/*  An address we were told to join.                                         */
typedef struct {
    char *address;
    bool is_self;
    bool answered;
    uint8_t id[16]; /* of the node that answered there                        */
} covey_membership_seed_t;

struct covey_membership {
    covey_membership_config_t config;
    covey_membership_callbacks_t callbacks;
    covey_membership_stats_t stats;
    covey_prng_t prng;
    covey_swim_t *swim;
    covey_peer_t **peers;
    size_t count;
    size_t capacity;
    covey_membership_seed_t *seeds;
    int64_t now_ms;     /* of the step under way                              */
    const char *reason; /* of the goodbye under way, or NULL                  */
    covey_buf_t frame;  /* scratch                                            */
};

/* ---- membership.c ---- */

covey_peer_t *covey_membership_add (covey_membership_t *self,
                                    const char *address, int64_t now_ms);
void covey_membership_forget (covey_membership_t *self, covey_peer_t *peer);
void covey_membership_connect (covey_membership_t *self, covey_peer_t *peer,
                               int64_t now_ms);
void covey_membership_disconnect (covey_membership_t *self, covey_peer_t *peer);
/*  Who is reached at that address; `known`: nodes or contacts.              */
covey_peer_t *covey_membership_at_address (const covey_membership_t *self,
                                           const char *address, bool known);

/* ---- membership_hello.c ---- */

bool covey_membership_say_hello (covey_membership_t *self, covey_peer_t *peer,
                                 bool reply, int64_t now_ms);
void covey_membership_say_again (covey_membership_t *self, covey_peer_t *peer,
                                 int64_t now_ms);
/*  What a node says of itself.                                              */
void covey_membership_describe (covey_peer_t *peer,
                                const Covey__Wire__NodeInfo *info);
/*  What may be followed of it; `err` says what not.                         */
covey_err_t covey_membership_check_info (const Covey__Wire__NodeInfo *info,
                                         covey_errbuf_t *err);
void covey_membership_own_info (const covey_membership_t *self,
                                Covey__Wire__NodeInfo *info);

/* ---- membership_swim.c ---- */

void covey_membership_open_swim (covey_membership_t *self);
covey_err_t covey_membership_step (covey_membership_t *self,
                                   const covey_swim_event_t *event);
/*  A claim that a node made of itself. MALFORMED: it says too much.         */
covey_err_t covey_membership_claim (covey_membership_t *self,
                                    const Covey__Wire__NodeInfo *info,
                                    covey_swim_state_t state, int64_t now_ms);
/*  For events that only name a member.                                      */
void covey_membership_poke (covey_membership_t *self,
                            covey_swim_event_kind_t kind,
                            const covey_peer_t *peer, int64_t now_ms);

#endif
