#include "base/id.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"

#define COUNTER_BITS 26
#define COUNTER_MAX ((1u << COUNTER_BITS) - 1)

void
covey_idgen_init (covey_idgen_t *self, uint64_t seed)
{
    memset (self, 0, sizeof *self);
    covey_prng_init (&self->prng, seed);
}

covey_id_t
covey_idgen_next (covey_idgen_t *self, int64_t wall_us)
{
    uint64_t ms = wall_us > 0 ? (uint64_t)wall_us / 1000 : 0;
    uint64_t random = covey_prng_next (&self->prng);
    if (ms > self->last_ms) {
        self->last_ms = ms;
        /* Half the range is left for counting up within this ms. */
        self->counter = (uint32_t)(random >> 39) & (COUNTER_MAX >> 1);
    } else if (self->counter < COUNTER_MAX)
        self->counter++;
    else {
        self->last_ms++; /* 33 million in one ms: borrow from the next */
        self->counter = 0;
    }
    ms = self->last_ms;
    uint32_t c = self->counter;
    covey_id_t id;
    uint8_t *b = id.bytes;
    for (int i = 0; i < 6; i++)
        b[i] = (uint8_t)(ms >> (40 - 8 * i));
    b[6] = (uint8_t)(0x70 | (c >> 22));         /* version 7, counter 25..22 */
    b[7] = (uint8_t)(c >> 14);                  /* 21..14 */
    b[8] = (uint8_t)(0x80 | ((c >> 8) & 0x3f)); /* variant, 13..8 */
    b[9] = (uint8_t)c;                          /* 7..0 */
    for (int i = 0; i < 6; i++)
        b[10 + i] = (uint8_t)(random >> (8 * i));
    return id;
}

static struct {
    pthread_once_t once;
    pthread_mutex_t mutex;
    covey_idgen_t gen;
} s_ids = {.once = PTHREAD_ONCE_INIT, .mutex = PTHREAD_MUTEX_INITIALIZER};

static void
s_before_fork (void)
{
    pthread_mutex_lock (&s_ids.mutex);
}

static void
s_after_fork (void)
{
    pthread_mutex_unlock (&s_ids.mutex);
}

/*  A forked child must not go on as its parent.                             */
static void
s_in_child (void)
{
    covey_idgen_init (&s_ids.gen, covey_clock_seed ());
    pthread_mutex_unlock (&s_ids.mutex);
}

static void
s_seed (void)
{
    covey_idgen_init (&s_ids.gen, covey_clock_seed ());
    /* Asking getpid for each id would be a system call for each event. */
    (void)pthread_atfork (s_before_fork, s_after_fork, s_in_child);
}

covey_id_t
covey_id_new (void)
{
    pthread_once (&s_ids.once, s_seed);
    pthread_mutex_lock (&s_ids.mutex);
    covey_id_t id = covey_idgen_next (&s_ids.gen, covey_clock_wall_us ());
    pthread_mutex_unlock (&s_ids.mutex);
    return id;
}

uint64_t
covey_id_ms (const uint8_t id[16])
{
    uint64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id[i];
    return ms;
}

bool
covey_id_is_zero (const uint8_t id[16])
{
    uint8_t sum = 0;
    for (int i = 0; i < 16; i++)
        sum |= id[i];
    return sum == 0;
}

bool
covey_id_equal (const uint8_t a[16], const uint8_t b[16])
{
    return memcmp (a, b, 16) == 0;
}

void
covey_id_text (const uint8_t id[16], char text[37])
{
    static const char hex[] = "0123456789abcdef";
    char *p = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[id[i] >> 4];
        *p++ = hex[id[i] & 15];
    }
    *p = '\0';
}

static int
s_nibble (char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

covey_err_t
covey_id_parse (const char *text, uint8_t id[16])
{
    uint8_t bytes[16];
    const char *p = text ? text : "";
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
            return covey_fail (covey_errbuf (), COVEY_INVALID,
                               "id \"%.60s\" is not a UUID", text ? text : "");
        int high = s_nibble (p[0]), low = high < 0 ? -1 : s_nibble (p[1]);
        if (low < 0)
            return covey_fail (covey_errbuf (), COVEY_INVALID,
                               "id \"%.60s\" is not a UUID", text ? text : "");
        bytes[i] = (uint8_t)(high << 4 | low);
        p += 2;
    }
    if (*p)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "id \"%.60s\" is longer than a UUID", text);
    memcpy (id, bytes, 16);
    return COVEY_OK;
}
