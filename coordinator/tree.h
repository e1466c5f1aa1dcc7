/*  tree - an ordered index over structs that carry its link (a treap)

    Role      pure; the one container of the control plane: every index is
              ordered by something that is stated, so nothing is ever decided
              by the order of a hash table or of pointers
    Memory    embedded links; the tree owns nothing
    Cost      insert, remove, find: O(log n) expected; first: O(log n)
    Treap     Seidel and Aragon 1996; the ranks come from a counter through a
              mixer, so that the same operations give the same shape
*/
#ifndef COVEY_TREE_H_INCLUDED
#define COVEY_TREE_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct covey_link {
    struct covey_link *left;
    struct covey_link *right;
    struct covey_link *parent;
    uint64_t rank; /* 0: in no tree                                           */
} covey_link_t;

/*  Order of two items, as memcmp says it. For find and from, `key` is what
    the caller passed.                                                        */
typedef int (covey_tree_compare_fn) (const void *a, const void *b);
typedef int (covey_tree_key_fn) (const void *key, const void *item);

typedef struct {
    covey_link_t *root;
    size_t count;
    size_t offset; /* of the link inside an item                              */
    covey_tree_compare_fn *compare;
    uint64_t inserted;
} covey_tree_t;

void covey_tree_init (covey_tree_t *self, size_t link_offset,
                      covey_tree_compare_fn *compare);
/*  False, and nothing happens, when an equal item is there.                 */
bool covey_tree_insert (covey_tree_t *self, void *item);
/*  The item must be in this tree.                                           */
void covey_tree_remove (covey_tree_t *self, void *item);
bool covey_link_is_in (const covey_link_t *link);

/*  NULL: there is none.                                                     */
void *covey_tree_first (const covey_tree_t *self);
void *covey_tree_next (const covey_tree_t *self, const void *item);
/*  The item that equals the key; the first item behind the key.             */
void *covey_tree_find (const covey_tree_t *self, const void *key,
                       covey_tree_key_fn *by);
void *covey_tree_after (const covey_tree_t *self, const void *key,
                        covey_tree_key_fn *by);

#endif
