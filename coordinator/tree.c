#include "coordinator/tree.h"

#include <assert.h>

void
covey_tree_init (covey_tree_t *self, size_t link_offset,
                 covey_tree_compare_fn *compare)
{
    *self = (covey_tree_t){.offset = link_offset, .compare = compare};
}

static void *
s_item (const covey_tree_t *self, const covey_link_t *link)
{
    return link ? (char *)link - self->offset : NULL;
}

static covey_link_t *
s_link (const covey_tree_t *self, const void *item)
{
    return (covey_link_t *)((char *)item + self->offset);
}

/*  splitmix64 of a counter: well spread, and never 0 for a link in a tree.  */
static uint64_t
s_rank (uint64_t n)
{
    uint64_t z = n * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) | 1;
}

static void
s_replace (covey_tree_t *self, covey_link_t *parent, covey_link_t *from,
           covey_link_t *to)
{
    if (!parent)
        self->root = to;
    else if (parent->left == from)
        parent->left = to;
    else
        parent->right = to;
    if (to)
        to->parent = parent;
}

/*  Lift a child over its parent.                                            */
static void
s_rotate_up (covey_tree_t *self, covey_link_t *child)
{
    covey_link_t *parent = child->parent;
    s_replace (self, parent->parent, parent, child);
    covey_link_t **give = parent->left == child ? &child->right : &child->left;
    covey_link_t **take =
        parent->left == child ? &parent->left : &parent->right;
    *take = *give;
    if (*take)
        (*take)->parent = parent;
    *give = parent;
    parent->parent = child;
}

bool
covey_tree_insert (covey_tree_t *self, void *item)
{
    covey_link_t *link = s_link (self, item);
    assert (link->rank == 0);
    covey_link_t *parent = NULL, **place = &self->root;
    while (*place) {
        parent = *place;
        int order = self->compare (item, s_item (self, parent));
        if (order == 0)
            return false;
        place = order < 0 ? &parent->left : &parent->right;
    }
    *link = (covey_link_t){.parent = parent, .rank = s_rank (++self->inserted)};
    *place = link;
    while (link->parent && link->parent->rank < link->rank)
        s_rotate_up (self, link);
    self->count++;
    return true;
}

void
covey_tree_remove (covey_tree_t *self, void *item)
{
    covey_link_t *link = s_link (self, item);
    assert (link->rank != 0);
    while (link->left && link->right)
        s_rotate_up (self, link->left->rank > link->right->rank ? link->left
                                                                : link->right);
    s_replace (self, link->parent, link, link->left ? link->left : link->right);
    *link = (covey_link_t){0};
    self->count--;
}

bool
covey_link_is_in (const covey_link_t *link)
{
    return link->rank != 0;
}

void *
covey_tree_first (const covey_tree_t *self)
{
    const covey_link_t *link = self->root;
    while (link && link->left)
        link = link->left;
    return s_item (self, link);
}

void *
covey_tree_next (const covey_tree_t *self, const void *item)
{
    const covey_link_t *link = s_link (self, item);
    if (link->right) {
        link = link->right;
        while (link->left)
            link = link->left;
        return s_item (self, link);
    }
    while (link->parent && link->parent->right == link)
        link = link->parent;
    return s_item (self, link->parent);
}

void *
covey_tree_find (const covey_tree_t *self, const void *key,
                 covey_tree_key_fn *by)
{
    const covey_link_t *link = self->root;
    while (link) {
        int order = by (key, s_item (self, link));
        if (order == 0)
            return s_item (self, link);
        link = order < 0 ? link->left : link->right;
    }
    return NULL;
}

void *
covey_tree_after (const covey_tree_t *self, const void *key,
                  covey_tree_key_fn *by)
{
    const covey_link_t *link = self->root, *found = NULL;
    while (link) {
        if (by (key, s_item (self, link)) < 0) {
            found = link;
            link = link->left;
        } else
            link = link->right;
    }
    return s_item (self, found);
}
