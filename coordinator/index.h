/*  index - items in the order of the strings that they carry (a B+tree)

    Role      pure; beside tree.h for tens of thousands of keys, where each step
              from item to item waits for memory
    Key       a string inside the item, at the same place in each; the order is
              that of strcmp. It stays as it is while the item is in
    Memory    items are the caller's; without items the index has no memory, so
              there is nothing to end
    Cost      insert, remove, from, after, next: O(log n), and next to no key is
              looked at (see index.c)
*/
#ifndef COVEY_INDEX_H_INCLUDED
#define COVEY_INDEX_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    struct covey_index_node *root;
    size_t count;
    size_t offset; /* of the key inside an item                               */
} covey_index_t;

void covey_index_init (covey_index_t *self, size_t key_offset);
/*  False, and nothing happens, when the key is there.                       */
bool covey_index_insert (covey_index_t *self, void *item);
/*  The item must be in this index.                                          */
void covey_index_remove (covey_index_t *self, const void *item);

/*  NULL: there is none.                                                     */
void *covey_index_first (const covey_index_t *self);
void *covey_index_next (const covey_index_t *self, const void *item);
/*  The first item from a key on, or behind it.                              */
void *covey_index_from (const covey_index_t *self, const char *key);
void *covey_index_after (const covey_index_t *self, const char *key);

#endif
