#include "node/beacon.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/prng.h"
#include "base/str.h"

#define VERSION 1
#define TOKEN_MS (1000 / COVEY_BEACON_PER_S)

static const uint8_t s_magic[4] = {'C', 'V', 'Y', 'B'};

/*  A node that was introduced lately.                                       */
typedef struct {
    uint8_t node_id[16];
    uint64_t epoch;
    int64_t at_ms;
} beacon_recent_t;

struct covey_beacon {
    covey_beacon_word_t own;
    covey_beacon_stats_t stats;
    covey_prng_t prng;
    int64_t due_ms; /* 0: at once                                             */
    int64_t pause_ms;
    int tokens;
    int64_t token_ms; /* when the last one was added                          */
    beacon_recent_t recent[COVEY_BEACON_RECENT_MAX];
    size_t recent_count;
};

/* ------------------------------------------------------------------------ */
/*  The datagram: magic, version, port, epoch, node id, size of mesh, mesh;
    numbers are little endian, as in frames; what follows is for later versions
    of the same number.                                                       */

static uint8_t *
s_put (uint8_t *to, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *to++ = (uint8_t)(value >> (8 * i));
    return to;
}

static uint64_t
s_get (const uint8_t *from, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;)
        value = value << 8 | from[i];
    return value;
}

size_t
covey_beacon_encode (const covey_beacon_word_t *word,
                     uint8_t to[COVEY_BEACON_SIZE_MAX])
{
    size_t mesh_size = strlen (word->mesh);
    assert (mesh_size <= COVEY_NAME_MAX);
    uint8_t *at = to;
    memcpy (at, s_magic, sizeof s_magic);
    at = s_put (at + sizeof s_magic, VERSION, 1);
    at = s_put (at, (uint64_t)word->port, 2);
    at = s_put (at, word->epoch, 8);
    memcpy (at, word->node_id, 16);
    at = s_put (at + 16, mesh_size, 2);
    memcpy (at, word->mesh, mesh_size);
    return (size_t)(at - to) + mesh_size;
}

covey_err_t
covey_beacon_decode (const uint8_t *data, size_t size,
                     covey_beacon_word_t *word)
{
    if (size < COVEY_BEACON_HEAD || size > COVEY_BEACON_SIZE_MAX ||
        memcmp (data, s_magic, sizeof s_magic) != 0)
        return COVEY_MALFORMED;
    if (data[4] != VERSION)
        return data[4] > VERSION ? COVEY_VERSION : COVEY_MALFORMED;
    int port = (int)s_get (data + 5, 2);
    uint64_t epoch = s_get (data + 7, 8);
    size_t mesh_size = (size_t)s_get (data + 31, 2);
    const uint8_t *mesh = data + COVEY_BEACON_HEAD;
    if (!port || !epoch || !mesh_size || mesh_size > COVEY_NAME_MAX ||
        mesh_size > size - COVEY_BEACON_HEAD ||
        !covey_str_is_utf8 (mesh, mesh_size))
        return COVEY_MALFORMED;
    word->port = port;
    word->epoch = epoch;
    memcpy (word->node_id, data + 15, 16);
    memcpy (word->mesh, mesh, mesh_size);
    word->mesh[mesh_size] = '\0';
    return COVEY_OK;
}

/* ------------------------------------------------------------------------ */

covey_beacon_t *
covey_beacon_new (const covey_beacon_word_t *own, uint64_t seed)
{
    assert (own->port > 0 && own->epoch > 0 && *own->mesh);
    covey_beacon_t *self = covey_mem_new (sizeof *self);
    self->own = *own;
    self->pause_ms = COVEY_BEACON_FIRST_MS;
    self->tokens = COVEY_BEACON_BURST;
    covey_prng_init (&self->prng, seed);
    return self;
}

void
covey_beacon_destroy (covey_beacon_t **self_p)
{
    free (*self_p);
    *self_p = NULL;
}

/*  Pauses grow and vary by a quarter, so that nodes that were started together
    do not go on speaking together.                                           */
bool
covey_beacon_is_due (covey_beacon_t *self, int64_t now_ms)
{
    if (now_ms < self->due_ms)
        return false;
    uint64_t half = (uint64_t)self->pause_ms / 2;
    self->due_ms = now_ms + self->pause_ms - (int64_t)(half / 2) +
                   (int64_t)covey_prng_below (&self->prng, half + 1);
    self->pause_ms += self->pause_ms / 2;
    if (self->pause_ms > COVEY_BEACON_STEADY_MS)
        self->pause_ms = COVEY_BEACON_STEADY_MS;
    return true;
}

size_t
covey_beacon_write (const covey_beacon_t *self,
                    uint8_t to[COVEY_BEACON_SIZE_MAX])
{
    return covey_beacon_encode (&self->own, to);
}

void
covey_beacon_sent (covey_beacon_t *self, bool good)
{
    if (good)
        self->stats.sent++;
    else
        self->stats.unsent++;
}

covey_err_t
covey_beacon_receive (covey_beacon_t *self, const uint8_t *data, size_t size,
                      covey_beacon_word_t *word)
{
    covey_beacon_word_t got;
    covey_err_t code = covey_beacon_decode (data, size, &got);
    if (!code && strcmp (got.mesh, self->own.mesh) != 0)
        code = COVEY_DENIED;
    if (code) {
        if (code == COVEY_MALFORMED)
            self->stats.malformed++;
        else
            self->stats.foreign++;
        return code;
    }
    if (memcmp (got.node_id, self->own.node_id, 16) == 0)
        return COVEY_STATE;
    self->stats.received++;
    *word = got;
    return COVEY_OK;
}

/* ------------------------------------------------------------------------ */
/*  Limits                                                                   */

static bool
s_take_token (covey_beacon_t *self, int64_t now_ms)
{
    int64_t earned = (now_ms - self->token_ms) / TOKEN_MS;
    if (earned > 0) {
        self->token_ms += earned * TOKEN_MS;
        self->tokens = earned > COVEY_BEACON_BURST - self->tokens
                           ? COVEY_BEACON_BURST
                           : self->tokens + (int)earned;
    }
    if (!self->tokens)
        return false;
    self->tokens--;
    return true;
}

/*  Its entry, or NULL.                                                      */
static beacon_recent_t *
s_find_recent (covey_beacon_t *self, const covey_beacon_word_t *word)
{
    for (size_t i = 0; i < self->recent_count; i++)
        if (memcmp (self->recent[i].node_id, word->node_id, 16) == 0)
            return &self->recent[i];
    return NULL;
}

/*  A free entry, or the oldest.                                             */
static beacon_recent_t *
s_new_recent (covey_beacon_t *self)
{
    if (self->recent_count < COVEY_BEACON_RECENT_MAX)
        return &self->recent[self->recent_count++];
    beacon_recent_t *oldest = self->recent;
    for (size_t i = 1; i < self->recent_count; i++)
        if (self->recent[i].at_ms < oldest->at_ms)
            oldest = &self->recent[i];
    return oldest;
}

bool
covey_beacon_admit (covey_beacon_t *self, const covey_beacon_word_t *word,
                    int64_t now_ms)
{
    beacon_recent_t *recent = s_find_recent (self, word);
    bool fresh = recent && recent->epoch == word->epoch &&
                 now_ms - recent->at_ms < COVEY_BEACON_AGAIN_MS;
    if (fresh || !s_take_token (self, now_ms)) {
        self->stats.throttled++;
        return false;
    }
    if (!recent)
        recent = s_new_recent (self);
    memcpy (recent->node_id, word->node_id, 16);
    recent->epoch = word->epoch;
    recent->at_ms = now_ms;
    return true;
}

void
covey_beacon_refused (covey_beacon_t *self)
{
    self->stats.throttled++;
}

const covey_beacon_stats_t *
covey_beacon_stats (const covey_beacon_t *self)
{
    return &self->stats;
}
