#include "coordinator/replog_rows.h"

#include <assert.h>
#include <string.h>

/* ---- sums -------------------------------------------------------------------
 */

static uint64_t
s_read (const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

/*  Eight bytes; a compiler makes one load of it.                            */
static uint64_t
s_word (const uint8_t *from)
{
    return from[0] | (uint64_t)from[1] << 8 | (uint64_t)from[2] << 16 |
           (uint64_t)from[3] << 24 | (uint64_t)from[4] << 32 |
           (uint64_t)from[5] << 40 | (uint64_t)from[6] << 48 |
           (uint64_t)from[7] << 56;
}

/*  One multiplication for eight bytes. Each step can be undone, so that another
    word makes another sum; the number is that of splitmix64.                 */
static uint64_t
s_mix (uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * 0xbf58476d1ce4e5b9u;
    return sum ^ (sum >> 29);
}

uint64_t
covey_replog_sum (const uint64_t *numbers, size_t count, const void *data,
                  size_t size)
{
    const uint8_t *bytes = data;
    uint64_t sum = s_mix (count, size);
    for (size_t i = 0; i < count; i++)
        sum = s_mix (sum, numbers[i]);
    for (; size >= 8; bytes += 8, size -= 8)
        sum = s_mix (sum, s_word (bytes));
    if (size)
        sum = s_mix (sum, s_read (bytes, (unsigned)size));
    return s_mix (sum, 0);
}

static uint64_t
s_entry_sum (const covey_replog_entry_t *entry)
{
    uint64_t numbers[] = {entry->index, entry->term, entry->kind};
    return covey_replog_sum (numbers, 3, entry->data, entry->size);
}

/* ---- rows -------------------------------------------------------------------
 */

static uint8_t *
s_write (uint8_t *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *to++ = (uint8_t)(value >> (8 * i));
    return to;
}

void
covey_replog_row_add (covey_buf_t *row, const covey_replog_entry_t *entry)
{
    assert (entry->size <= UINT32_MAX);
    uint8_t *to = covey_buf_extend (row, COVEY_REPLOG_ROW_ENTRY + entry->size);
    assert (to);
    to = s_write (to, entry->term, 8);
    to = s_write (to, entry->kind, 1);
    to = s_write (to, entry->size, 4);
    to = s_write (to, s_entry_sum (entry), 8);
    if (entry->size)
        memcpy (to, entry->data, entry->size);
}

bool
covey_replog_row_next (covey_replog_row_t *row, covey_replog_entry_t *entry)
{
    const uint8_t *from = row->data + row->at;
    size_t left = row->size - row->at;
    if (left < COVEY_REPLOG_ROW_ENTRY)
        return false;
    *entry = (covey_replog_entry_t){.index = row->index,
                                    .term = s_read (from, 8),
                                    .kind = from[8],
                                    .data = from + COVEY_REPLOG_ROW_ENTRY,
                                    .size = (size_t)s_read (from + 9, 4)};
    if (entry->size > left - COVEY_REPLOG_ROW_ENTRY ||
        s_read (from + 13, 8) != s_entry_sum (entry))
        return false;
    row->at += COVEY_REPLOG_ROW_ENTRY + entry->size;
    row->index++;
    return true;
}
