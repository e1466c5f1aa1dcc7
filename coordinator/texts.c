#include "coordinator/texts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static int
s_compare (const void *a, const void *b)
{
    return strcmp (*(char *const *)a, *(char *const *)b);
}

void
covey_texts_copy (covey_texts_t *self, char *const *items, size_t count)
{
    self->count = count;
    self->items = covey_mem_new (count * sizeof *self->items);
    for (size_t i = 0; i < count; i++)
        self->items[i] = covey_str_dup (items[i]);
}

void
covey_texts_sort (covey_texts_t *self, char *const *items, size_t count)
{
    covey_texts_copy (self, items, count);
    if (count < 2)
        return;
    qsort (self->items, count, sizeof *self->items, s_compare);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (strcmp (self->items[i], self->items[kept - 1]) == 0)
            free (self->items[i]);
        else
            self->items[kept++] = self->items[i];
    }
    self->count = kept;
}

void
covey_texts_deinit (covey_texts_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        free (self->items[i]);
    free (self->items);
    *self = (covey_texts_t){NULL, 0};
}

bool
covey_texts_has (const covey_texts_t *self, const char *text)
{
    for (size_t i = 0; i < self->count; i++)
        if (strcmp (self->items[i], text) == 0)
            return true;
    return false;
}

bool
covey_texts_within (const covey_texts_t *part, const covey_texts_t *whole)
{
    size_t j = 0;
    for (size_t i = 0; i < part->count; i++, j++) {
        while (j < whole->count && strcmp (whole->items[j], part->items[i]) < 0)
            j++;
        if (j == whole->count || strcmp (whole->items[j], part->items[i]) != 0)
            return false;
    }
    return true;
}

int
covey_texts_compare (const covey_texts_t *a, const covey_texts_t *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        int order = strcmp (a->items[i], b->items[i]);
        if (order)
            return order;
    }
    return a->count < b->count ? -1 : a->count > b->count;
}

size_t
covey_texts_bytes (const covey_texts_t *self)
{
    size_t bytes = 0;
    for (size_t i = 0; i < self->count; i++)
        bytes += strlen (self->items[i]);
    return bytes;
}
