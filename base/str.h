/*  str - checks and small helpers for text                                  */
#ifndef COVEY_STR_H_INCLUDED
#define COVEY_STR_H_INCLUDED

#include "base/err.h"

/*  Copy with truncation, always terminated; true when all of it fitted.     */
bool covey_str_copy (char *to, size_t to_size, const char *from);
/*  malloc'ed copy; NULL stays NULL. Aborts when memory is exhausted.        */
char *covey_str_dup (const char *text);
/*  Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms) without
    NUL.                                                                      */
bool covey_str_is_utf8 (const void *data, size_t size);
/*  1..COVEY_AGENT_ID_MAX bytes of [A-Za-z0-9._:@/-].                        */
bool covey_str_is_agent_id (const char *text, size_t size);
/*  Edits (insert, delete, replace, swap of neighbours) from a to b, as far as
    `max`; max + 1 when there are more.                                       */
size_t covey_str_distance (const char *a, const char *b, size_t max);
/*  The candidate nearest to `word` within two edits (one for words of up to
    three bytes), or NULL. `next (arg, i)` gives candidate i, NULL at the end.*/
const char *covey_str_nearest (const char *word,
                               const char *(*next) (const void *arg, size_t i),
                               const void *arg);
/*  Whole decimal number within [min, max]; nothing before or behind it.     */
bool covey_str_to_int (const char *text, int64_t min, int64_t max,
                       int64_t *value_p);
/*  RFC 3339 in UTC with microseconds when there are any, else milliseconds:
    "2026-11-23T12:00:00.000Z". And back, with any offset.                    */
void covey_str_time (int64_t wall_us, char text[40]);
bool covey_str_parse_time (const char *text, int64_t *wall_us_p);
/*  64-bit FNV-1a, for hash tables (never for security).                     */
uint64_t covey_str_hash (const void *data, size_t size);

#endif
