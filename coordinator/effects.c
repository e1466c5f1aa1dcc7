#include "coordinator/effects.h"

#include <stdlib.h>
#include <string.h>

void
covey_effects_init (covey_effects_t *self)
{
    memset (self, 0, sizeof *self);
}

void
covey_effects_clear (covey_effects_t *self)
{
    for (size_t i = 0; i < self->fact_count; i++)
        covey_event_destroy (&self->facts[i]);
    self->fact_count = 0;
    self->code = COVEY_OK;
    self->err.text[0] = '\0';
    self->show = COVEY_SHOW_NOTHING;
    self->show_id[0] = '\0';
}

void
covey_effects_deinit (covey_effects_t *self)
{
    covey_effects_clear (self);
    free (self->facts);
    covey_effects_init (self);
}
