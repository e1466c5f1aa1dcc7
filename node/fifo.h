/*  fifo - a ring of equal items that grows; who pushes keeps the bound

    Role      pure container for the queues of node/
    Memory    init/deinit (embedded); a pointer to an item is valid until the
              next push
*/
#ifndef COVEY_FIFO_H_INCLUDED
#define COVEY_FIFO_H_INCLUDED

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *data;
    size_t item_size;
    size_t head;
    size_t count;
    size_t capacity; /* a power of two, or 0                                  */
} covey_fifo_t;

void covey_fifo_init (covey_fifo_t *self, size_t item_size);
/*  Items are forgotten, not freed.                                          */
void covey_fifo_deinit (covey_fifo_t *self);
/*  A zeroed item at the end.                                                */
void *covey_fifo_push (covey_fifo_t *self);
/*  The same at the front.                                                   */
void *covey_fifo_push_front (covey_fifo_t *self);
/*  Item `index` from the front; index < count.                              */
void *covey_fifo_at (const covey_fifo_t *self, size_t index);
/*  Drop the first; count > 0. What a burst took is given back when it is
    empty.                                                                    */
void covey_fifo_pop (covey_fifo_t *self);

#endif
