/*  replog_rows - entries of the log as a disk has them, several in one row

    Role      pure: how entries are packed, and how damage is noticed
    Row       entries with consecutive indexes, one behind the other, each as
              term (8 bytes), kind (1), size (4), sum (8) and its bytes; numbers
              begin with their lowest byte
    Sums      64 bits over all of an entry, its index too
*/
#ifndef COVEY_REPLOG_ROWS_H_INCLUDED
#define COVEY_REPLOG_ROWS_H_INCLUDED

#include "coordinator/replog_store.h"

#define COVEY_REPLOG_ROW_ENTRY 21 /* bytes beside those of the entry */

/*  Of numbers and bytes. What differs in one of the numbers, or in up to eight
    bytes that begin at a multiple of eight, never has the same; else one in
   2^64 has. Not against who wants it to be the same. */
uint64_t covey_replog_sum (const uint64_t *numbers, size_t count,
                           const void *data, size_t size);

void covey_replog_row_add (covey_buf_t *row, const covey_replog_entry_t *entry);

/*  Reads a row: begin with `at` 0 and the index of its first entry.         */
typedef struct {
    const uint8_t *data;
    size_t size;
    size_t at;      /* of the next entry                                      */
    uint64_t index; /* likewise                                               */
} covey_replog_row_t;

/*  The next entry, which points into the row; false: it is damaged.         */
bool covey_replog_row_next (covey_replog_row_t *row,
                            covey_replog_entry_t *entry);

#endif
