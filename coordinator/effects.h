/*  effects - what one command did: an answer for its caller, and facts for
    everybody

    Role      data; the state machine writes it, the shell carries it out
    Facts     events with ids made from the position in the log: told again
              after a restart they are duplicates, not news
*/
#ifndef COVEY_EFFECTS_H_INCLUDED
#define COVEY_EFFECTS_H_INCLUDED

#include "base/err.h"
#include "coordinator/clients.h"

typedef struct {
    covey_err_t code;
    covey_errbuf_t err; /* one line when code is not OK         */
    covey_show_t show;  /* what the answer shows                */
    char show_id[COVEY_SHOW_ID_MAX + 1]; /* and of which object              */
    covey_event_t **facts; /* in order                             */
    size_t fact_count;
    size_t fact_capacity;
} covey_effects_t;

void covey_effects_init (covey_effects_t *self);
/*  Forget what is in it; destroys the facts.                                */
void covey_effects_clear (covey_effects_t *self);
void covey_effects_deinit (covey_effects_t *self);

#endif
