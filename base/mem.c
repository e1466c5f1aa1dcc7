#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void *
covey_mem_new (size_t size)
{
    void *memory = calloc (1, size ? size : 1);
    if (!memory)
        abort ();
    return memory;
}

void *
covey_mem_room (void *items, size_t count, size_t *capacity_p, size_t size)
{
    if (count < *capacity_p)
        return items;
    size_t capacity = *capacity_p ? *capacity_p * 2 : 8;
    void *grown = realloc (items, capacity * size);
    if (!grown)
        abort ();
    *capacity_p = capacity;
    return grown;
}

void *
covey_mem_dup (const void *data, size_t size)
{
    char *copy = covey_mem_new (size + 1);
    if (size)
        memcpy (copy, data, size);
    return copy;
}
