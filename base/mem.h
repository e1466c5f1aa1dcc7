/*  mem - memory that is there: zeroed, and an abort when there is none left

    Role      bounded structures of fixed shape; what a peer can make large has
              a limit that is checked before (base/buf.h)
*/
#ifndef COVEY_MEM_H_INCLUDED
#define COVEY_MEM_H_INCLUDED

#include <stddef.h>

/*  Zeroed; freed with free.                                                 */
void *covey_mem_new (size_t size);
/*  `items`, an array of `count` elements of `size` bytes, with room for one
    more: it moves and grows when `*capacity_p` is used up.                   */
void *covey_mem_room (void *items, size_t count, size_t *capacity_p,
                      size_t size);
/*  Copy of `size` bytes with a NUL behind them that is not counted.         */
void *covey_mem_dup (const void *data, size_t size);

#endif
