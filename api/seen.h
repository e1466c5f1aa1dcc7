/*  seen - the ids of the last events, to notice one that comes again

    Role      pure; a ring of the last COVEY_SEEN_MAX ids with a hash index
    Memory    embedded, no allocation
*/
#ifndef COVEY_SEEN_H_INCLUDED
#define COVEY_SEEN_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COVEY_SEEN_MAX 1024
#define COVEY_SEEN_SLOTS 4096 /* a power of two, mostly empty */

typedef struct {
    uint8_t ids[COVEY_SEEN_MAX][16];
    uint16_t slots[COVEY_SEEN_SLOTS]; /* index into ids + 1; 0 = empty        */
    size_t count, next;
} covey_seen_t;

void covey_seen_init (covey_seen_t *self);
/*  Note an id. False: it is among the last ones already.                     */
bool covey_seen_add (covey_seen_t *self, const uint8_t id[16]);

#endif
