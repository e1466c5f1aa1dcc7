/*  Items: what flies under a ticket, what stands in a line.                  */
#include <stdlib.h>

#include "base/mem.h"
#include "coordinator/coordinator_impl.h"
#include "proto/event.h"

static int
s_ticket_key (const void *key, const void *item)
{
    uint64_t ticket = *(const uint64_t *)key;
    const covey_coordinator_item_t *one = item;
    return ticket < one->ticket ? -1 : ticket > one->ticket;
}

covey_coordinator_item_t *
covey_coordinator_item_new (covey_coordinator_t *self,
                            covey_coordinator_kind_t kind)
{
    covey_coordinator_item_t *item = covey_mem_new (sizeof *item);
    item->kind = kind;
    item->ticket = ++self->tickets;
    return item;
}

void
covey_coordinator_item_destroy (covey_coordinator_item_t **item_p)
{
    covey_coordinator_item_t *item = *item_p;
    *item_p = NULL;
    if (!item)
        return;
    covey_event_destroy (&item->request);
    if (item->params)
        protobuf_c_message_free_unpacked (item->params, NULL);
    free (item);
}

void
covey_coordinator_fly (covey_coordinator_t *self,
                       covey_coordinator_item_t *item)
{
    (void)covey_tree_insert (&self->flying, item);
}

covey_coordinator_item_t *
covey_coordinator_land (covey_coordinator_t *self, uint64_t ticket)
{
    covey_coordinator_item_t *item =
        covey_tree_find (&self->flying, &ticket, s_ticket_key);
    if (item)
        covey_tree_remove (&self->flying, item);
    return item;
}

void
covey_line_push (covey_coordinator_line_t *self, covey_coordinator_item_t *item)
{
    item->next = NULL;
    if (self->last)
        self->last->next = item;
    else
        self->first = item;
    self->last = item;
    self->count++;
}

covey_coordinator_item_t *
covey_line_pop (covey_coordinator_line_t *self)
{
    covey_coordinator_item_t *item = self->first;
    if (!item)
        return NULL;
    self->first = item->next;
    if (!self->first)
        self->last = NULL;
    self->count--;
    item->next = NULL;
    return item;
}
