/*  A B+tree whose nodes say most about their keys without them:

        node     prefix   what all of its keys begin with, as a length
                 heads    of each key the eight bytes behind that, as a number
                 items    in a leaf the items; above it the first item below
                          each child
                 children above the leaves

    Two keys with the same prefix compare as their heads do ("poor man's
    normalized keys", Graefe and Larson 2001; Graefe, "Modern B-Tree
    Techniques", 2011); only where these are equal, and the keys go on, the keys
    themselves are read. A node is cut where its neighbours differ the most
    (Bayer and Unterauer, "Prefix B-trees", 1977), so that what begins with the
    same words stays together and has a long prefix.

    Full nodes are cut on the way down. A node that has become small is joined
    with a neighbour when one node has room for both, else it stays until it is
    empty.                                                                    */
#include "coordinator/index.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SLOTS 32
#define SMALL (SLOTS / 4)
#define JOINED (SLOTS * 3 / 4) /* leaves room for some */

typedef struct covey_index_node {
    unsigned count;
    bool is_leaf;
    size_t prefix;
    uint64_t heads[SLOTS];
    void *items[SLOTS];
    struct covey_index_node *children[]; /* SLOTS of them, or none            */
} s_node_t;

void
covey_index_init (covey_index_t *self, size_t key_offset)
{
    *self = (covey_index_t){.offset = key_offset};
}

/* ---- keys -------------------------------------------------------------------
 */

static const char *
s_key (const covey_index_t *self, const void *item)
{
    return (const char *)item + self->offset;
}

/*  The next eight bytes, and zeros behind the end.                          */
static uint64_t
s_head (const char *key)
{
    uint64_t head = 0;
    for (int i = 0; i < 8; i++) {
        head = head << 8 | (uint8_t)*key;
        key += *key != '\0';
    }
    return head;
}

static size_t
s_shared (const char *a, const char *b)
{
    size_t size = 0;
    while (a[size] && a[size] == b[size])
        size++;
    return size;
}

static int
s_compare (const covey_index_t *self, const s_node_t *node, unsigned at,
           const char *key, uint64_t head)
{
    if (head != node->heads[at])
        return head < node->heads[at] ? -1 : 1;
    if ((head & 0xff) == 0)
        return 0; /* both have ended */
    size_t behind = node->prefix + sizeof head;
    return strcmp (key + behind, s_key (self, node->items[at]) + behind);
}

/*  How many keys of the node are before this one, and is the next one it?   */
static unsigned
s_before (const covey_index_t *self, const s_node_t *node, const char *key,
          bool *found_p)
{
    *found_p = false;
    int order = strncmp (key, s_key (self, node->items[0]), node->prefix);
    if (order != 0)
        return order < 0 ? 0 : node->count;
    uint64_t head = s_head (key + node->prefix);
    unsigned low = 0, high = node->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        order = s_compare (self, node, middle, key, head);
        if (order == 0) {
            *found_p = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/*  The child that has the key, or where it belongs.                         */
static unsigned
s_child (const covey_index_t *self, const s_node_t *node, const char *key)
{
    bool found;
    unsigned before = s_before (self, node, key, &found);
    if (found || before == 0)
        return before;
    return before - 1;
}

/* ---- nodes ------------------------------------------------------------------
 */

static s_node_t *
s_new_node (bool is_leaf)
{
    s_node_t *node = covey_mem_new (
        sizeof *node + (is_leaf ? 0 : SLOTS * sizeof *node->children));
    node->is_leaf = is_leaf;
    return node;
}

/*  The longest prefix: that of its first and its last key.                  */
static void
s_measure (const covey_index_t *self, s_node_t *node)
{
    node->prefix = s_shared (s_key (self, node->items[0]),
                             s_key (self, node->items[node->count - 1]));
    for (unsigned i = 0; i < node->count; i++)
        node->heads[i] = s_head (s_key (self, node->items[i]) + node->prefix);
}

/*  `count` slots of a node to another one.                                  */
static void
s_move (s_node_t *to, unsigned to_at, const s_node_t *from, unsigned at,
        unsigned count)
{
    memmove (&to->heads[to_at], &from->heads[at], count * sizeof *to->heads);
    memmove (&to->items[to_at], &from->items[at], count * sizeof *to->items);
    if (!to->is_leaf)
        memmove (&to->children[to_at], &from->children[at],
                 count * sizeof (s_node_t *));
}

/*  Another item in a slot: it may not begin as the others do.               */
static void
s_set (const covey_index_t *self, s_node_t *node, unsigned at, void *item)
{
    node->items[at] = item;
    const char *key = s_key (self, item);
    const void *other = node->items[at ? 0 : node->count - 1];
    if (node->count == 1 || s_shared (key, s_key (self, other)) < node->prefix)
        s_measure (self, node);
    else
        node->heads[at] = s_head (key + node->prefix);
}

static void
s_put (const covey_index_t *self, s_node_t *node, unsigned at, void *item)
{
    assert (node->count < SLOTS);
    s_move (node, at + 1, node, at, node->count - at);
    node->count++;
    s_set (self, node, at, item);
}

static void
s_take (s_node_t *node, unsigned at)
{
    node->count--;
    s_move (node, at, node, at + 1, node->count - at);
}

/* ---- insert -----------------------------------------------------------------
 */

/*  Where the keys on both sides differ the most.                            */
static unsigned
s_cut (const s_node_t *node)
{
    unsigned cut = SLOTS / 2;
    for (unsigned i = SMALL + 1; i < SLOTS - SMALL; i++)
        if ((node->heads[i - 1] ^ node->heads[i]) >
            (node->heads[cut - 1] ^ node->heads[cut]))
            cut = i;
    return cut;
}

/*  A child that is full becomes two.                                        */
static void
s_split (const covey_index_t *self, s_node_t *node, unsigned at)
{
    s_node_t *left = node->children[at];
    s_node_t *right = s_new_node (left->is_leaf);
    unsigned cut = s_cut (left);
    right->count = left->count - cut;
    s_move (right, 0, left, cut, right->count);
    left->count = cut;
    s_measure (self, left);
    s_measure (self, right);
    s_put (self, node, at + 1, right->items[0]);
    node->children[at + 1] = right;
}

static void
s_grow (covey_index_t *self)
{
    s_node_t *root = s_new_node (false);
    s_put (self, root, 0, self->root->items[0]);
    root->children[0] = self->root;
    self->root = root;
}

bool
covey_index_insert (covey_index_t *self, void *item)
{
    const char *key = s_key (self, item);
    if (!self->root)
        self->root = s_new_node (true);
    else if (self->root->count == SLOTS)
        s_grow (self);
    s_node_t *node = self->root;
    while (!node->is_leaf) {
        unsigned at = s_child (self, node, key);
        if (node->children[at]->count == SLOTS) {
            s_split (self, node, at);
            at = s_child (self, node, key);
        }
        node = node->children[at];
    }
    bool found = false;
    unsigned at = node->count ? s_before (self, node, key, &found) : 0;
    if (found)
        return false;
    s_put (self, node, at, item);
    self->count++;
    if (at == 0) /* the first one of all */
        for (node = self->root; !node->is_leaf; node = node->children[0])
            s_set (self, node, 0, item);
    return true;
}

/* ---- remove -----------------------------------------------------------------
 */

/*  A child takes what its right neighbour has, if it can.                   */
static bool
s_join (const covey_index_t *self, s_node_t *node, unsigned at)
{
    if (at + 1 >= node->count)
        return false;
    s_node_t *left = node->children[at], *right = node->children[at + 1];
    if (left->count + right->count > JOINED)
        return false;
    s_move (left, left->count, right, 0, right->count);
    left->count += right->count;
    s_measure (self, left);
    free (right);
    s_take (node, at + 1);
    return true;
}

/*  As deep as the tree is.                                                  */
static void
s_remove (const covey_index_t *self, s_node_t *node, const void *item)
{
    const char *key = s_key (self, item);
    if (node->is_leaf) {
        bool found;
        unsigned at = s_before (self, node, key, &found);
        assert (found && node->items[at] == item);
        s_take (node, at);
        return;
    }
    unsigned at = s_child (self, node, key);
    s_node_t *child = node->children[at];
    s_remove (self, child, item);
    if (child->count == 0) {
        free (child);
        s_take (node, at);
        return;
    }
    if (node->items[at] == item)
        s_set (self, node, at, child->items[0]);
    if (child->count <= SMALL && !s_join (self, node, at) && at > 0)
        s_join (self, node, at - 1);
}

void
covey_index_remove (covey_index_t *self, const void *item)
{
    assert (self->root);
    s_remove (self, self->root, item);
    self->count--;
    while (self->root && (self->root->count == 0 ||
                          (self->root->count == 1 && !self->root->is_leaf))) {
        s_node_t *root = self->root;
        self->root = root->count ? root->children[0] : NULL;
        free (root);
    }
}

/* ---- looking ----------------------------------------------------------------
 */

static void *
s_search (const covey_index_t *self, const char *key, bool with_key)
{
    const s_node_t *node = self->root;
    void *behind = NULL; /* what follows the node */
    if (!node)
        return NULL;
    while (!node->is_leaf) {
        unsigned at = s_child (self, node, key);
        if (at + 1 < node->count)
            behind = node->items[at + 1];
        node = node->children[at];
    }
    bool found;
    unsigned at = s_before (self, node, key, &found);
    if (found && !with_key)
        at++;
    return at < node->count ? node->items[at] : behind;
}

void *
covey_index_from (const covey_index_t *self, const char *key)
{
    return s_search (self, key, true);
}

void *
covey_index_after (const covey_index_t *self, const char *key)
{
    return s_search (self, key, false);
}

void *
covey_index_first (const covey_index_t *self)
{
    return self->root ? self->root->items[0] : NULL;
}

void *
covey_index_next (const covey_index_t *self, const void *item)
{
    return covey_index_after (self, s_key (self, item));
}
