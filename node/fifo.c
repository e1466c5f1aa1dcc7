#include "node/fifo.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIFO_SMALL 4
#define FIFO_KEEP 2048 /* bytes that are kept when it runs empty */

void
covey_fifo_init (covey_fifo_t *self, size_t item_size)
{
    assert (item_size > 0);
    memset (self, 0, sizeof *self);
    self->item_size = item_size;
}

void
covey_fifo_deinit (covey_fifo_t *self)
{
    free (self->data);
    memset (self, 0, sizeof *self);
}

static void
s_resize (covey_fifo_t *self, size_t capacity)
{
    assert (capacity >= self->count);
    uint8_t *data = covey_mem_new (capacity * self->item_size);
    for (size_t i = 0; i < self->count; i++)
        memcpy (data + i * self->item_size, covey_fifo_at (self, i),
                self->item_size);
    free (self->data);
    self->data = data;
    self->head = 0;
    self->capacity = capacity;
}

void *
covey_fifo_push (covey_fifo_t *self)
{
    if (self->count == self->capacity)
        s_resize (self, self->capacity ? self->capacity * 2 : FIFO_SMALL);
    self->count++;
    void *item = covey_fifo_at (self, self->count - 1);
    memset (item, 0, self->item_size);
    return item;
}

void *
covey_fifo_push_front (covey_fifo_t *self)
{
    if (self->count == self->capacity)
        s_resize (self, self->capacity ? self->capacity * 2 : FIFO_SMALL);
    self->head = (self->head - 1) & (self->capacity - 1);
    self->count++;
    void *item = covey_fifo_at (self, 0);
    memset (item, 0, self->item_size);
    return item;
}

void *
covey_fifo_at (const covey_fifo_t *self, size_t index)
{
    assert (index < self->count);
    size_t slot = (self->head + index) & (self->capacity - 1);
    return self->data + slot * self->item_size;
}

void
covey_fifo_pop (covey_fifo_t *self)
{
    assert (self->count > 0);
    self->head = (self->head + 1) & (self->capacity - 1);
    self->count--;
    if (!self->count && self->capacity * self->item_size > FIFO_KEEP) {
        free (self->data);
        self->data = NULL;
        self->head = self->capacity = 0;
    }
}
