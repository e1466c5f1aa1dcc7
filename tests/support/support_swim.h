/*  support_swim - one swim core, whose peers are played by the test          */
#ifndef SUPPORT_SWIM_H_INCLUDED
#define SUPPORT_SWIM_H_INCLUDED

#include "node/swim.h"

#define SUPPORT_SWIM_SENT_MAX 16384

typedef struct {
    covey_swim_kind_t kind;
    unsigned to;
    uint32_t seq;
    bool nack;
    bool want;
    size_t count;
    covey_swim_update_t updates[4]; /* the first; without their texts */
} support_swim_sent_t;

typedef struct {
    covey_swim_t *swim;
    int64_t now_ms;
    support_swim_sent_t sent[SUPPORT_SWIM_SENT_MAX];
    size_t sent_count;
    char changes[4096]; /* "2 joined; 2 suspected by 3 at 0; " */
    char refusal[400];
    int left;
} support_swim_t;

void support_swim_id (uint8_t id[16], unsigned number);
void support_swim_step (support_swim_t *self, covey_swim_event_t event);
/*  Node 1, in epoch 10; `config` changes what it wants, or is NULL.          */
support_swim_t *support_swim_new (void (*change) (covey_swim_config_t *config));
void support_swim_free (support_swim_t *self);
void support_swim_run_to (support_swim_t *self, int64_t until_ms);
covey_swim_message_t support_swim_message (covey_swim_kind_t kind,
                                           unsigned from);
void support_swim_hear (support_swim_t *self,
                        const covey_swim_message_t *message);
/*  Node 9 says that of `about`; with epoch and incarnation.                 */
void support_swim_claim (support_swim_t *self, unsigned about,
                         covey_swim_state_t state, uint64_t epoch,
                         uint32_t incarnation, unsigned accuser);
void support_swim_expect (support_swim_t *self, const char *changes);
const support_swim_sent_t *support_swim_find_sent (const support_swim_t *self,
                                                   covey_swim_kind_t kind);
size_t support_swim_count_sent (const support_swim_t *self,
                                covey_swim_kind_t kind);
/*  Members 2..6; returns the id of the one that is probed.                  */
unsigned support_swim_until_probe (support_swim_t *self);

#endif
