#include "node/departed.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "node/fifo.h"

/*  In the order of their going. An id that came back, or went again later, has
    no entry, or one with another time: it is passed over.                    */
typedef struct {
    char *id;
    int64_t since_us;
} departed_turn_t;

struct covey_departed {
    covey_directory_t *entries;
    covey_fifo_t turns;
};

covey_departed_t *
covey_departed_new (void)
{
    covey_departed_t *self = covey_mem_new (sizeof *self);
    self->entries = covey_directory_new ();
    covey_fifo_init (&self->turns, sizeof (departed_turn_t));
    return self;
}

static void
s_pop (covey_departed_t *self)
{
    departed_turn_t *turn = covey_fifo_at (&self->turns, 0);
    const covey_directory_entry_t *entry =
        covey_directory_find (self->entries, turn->id, strlen (turn->id));
    if (entry && entry->since_us == turn->since_us)
        covey_departed_forget (self, turn->id);
    free (turn->id);
    covey_fifo_pop (&self->turns);
}

void
covey_departed_destroy (covey_departed_t **self_p)
{
    covey_departed_t *self = *self_p;
    if (!self)
        return;
    while (self->turns.count)
        s_pop (self);
    covey_fifo_deinit (&self->turns);
    covey_directory_destroy (&self->entries);
    free (self);
    *self_p = NULL;
}

void
covey_departed_note (covey_departed_t *self, const Covey__Wire__AgentInfo *info,
                     bool lost, int64_t now_us)
{
    if (info->client || (info->service && *info->service))
        return;
    Covey__Wire__AgentInfo gone = *info;
    gone.has_gone = false;
    gone.has_state = gone.has_since = true;
    gone.state = lost ? COVEY__WIRE__AGENT_STATE__AGENT_STATE_LOST
                      : COVEY__WIRE__AGENT_STATE__AGENT_STATE_TERMINATED;
    gone.since = now_us;
    covey_departed_forget (self, info->agent_id);
    if (covey_directory_put (self->entries, &gone, NULL) != COVEY_OK)
        return; /* no usable id: nobody could ask for it                      */
    *(departed_turn_t *)covey_fifo_push (&self->turns) =
        (departed_turn_t){covey_str_dup (info->agent_id), now_us};
    while (self->turns.count > COVEY_DEPARTED_MAX)
        s_pop (self);
}

void
covey_departed_forget (covey_departed_t *self, const char *id)
{
    const covey_directory_entry_t *entry =
        covey_directory_find (self->entries, id, strlen (id));
    if (!entry)
        return;
    uint8_t node_id[16];
    memcpy (node_id, entry->node_id, 16);
    covey_directory_remove (self->entries, id, strlen (id), node_id);
}

void
covey_departed_tick (covey_departed_t *self, int64_t now_us)
{
    while (self->turns.count) {
        const departed_turn_t *turn = covey_fifo_at (&self->turns, 0);
        if (now_us - turn->since_us < COVEY_DEPARTED_US)
            return;
        s_pop (self);
    }
}

size_t
covey_departed_count (const covey_departed_t *self)
{
    return covey_directory_agents (self->entries, NULL);
}

void
covey_departed_each (const covey_departed_t *self, covey_directory_fn *fn,
                     void *arg)
{
    covey_directory_each (self->entries, fn, arg);
}
