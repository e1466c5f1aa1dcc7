/*  texts - a list of texts that is ours: capabilities, tags, error codes */
#ifndef COVEY_TEXTS_H_INCLUDED
#define COVEY_TEXTS_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char **items;
    size_t count;
} covey_texts_t;

/*  A copy, in order; a sorted copy without doubles.                         */
void covey_texts_copy (covey_texts_t *self, char *const *items, size_t count);
void covey_texts_sort (covey_texts_t *self, char *const *items, size_t count);
void covey_texts_deinit (covey_texts_t *self);
bool covey_texts_has (const covey_texts_t *self, const char *text);
/*  Both sorted: is every text of `part` in `whole`?                         */
bool covey_texts_within (const covey_texts_t *part, const covey_texts_t *whole);
/*  Order of two sorted lists, text by text.                                 */
int covey_texts_compare (const covey_texts_t *a, const covey_texts_t *b);
/*  Bytes of all texts.                                                      */
size_t covey_texts_bytes (const covey_texts_t *self);

#endif
