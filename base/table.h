/*  table - bytes to pointer, by open addressing

    Role      pure container for what is looked up by name or id
    Memory    init/deinit (embedded); keys are borrowed: they live in the value
              or elsewhere as long as the entry does
    Order     iteration follows slots: fine for counting and sending, never for
              decisions
*/
#ifndef COVEY_TABLE_H_INCLUDED
#define COVEY_TABLE_H_INCLUDED

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const void *key;
    size_t key_size;
    uint64_t hash;
    void *value; /* NULL: the slot is free                                    */
} covey_table_slot_t;

typedef struct {
    covey_table_slot_t *slots;
    size_t count;
    size_t capacity; /* a power of two, or 0                                  */
} covey_table_t;

void covey_table_init (covey_table_t *self);
void covey_table_deinit (covey_table_t *self);
/*  `value` is not NULL; an entry with this key is replaced and returned.    */
void *covey_table_put (covey_table_t *self, const void *key, size_t size,
                       void *value);
/*  NULL when there is none.                                                 */
void *covey_table_get (const covey_table_t *self, const void *key, size_t size);
void *covey_table_remove (covey_table_t *self, const void *key, size_t size);
/*  Values one after the other: start with `*cursor` 0; NULL at the end. The
    table must not change meanwhile.                                          */
void *covey_table_next (const covey_table_t *self, size_t *cursor);

#endif
