/*  facts - what may not have been told yet

    Role      pure core. Every replica keeps the facts of its commands until a
              later command says that they are announced, so that who leads
              next can tell them; receivers drop what comes twice by its id
    Snapshot  they go along, in front of the state: a member that gets a
              snapshot instead of the entries can lead as well as any other
    Limits    COVEY_FACTS_MAX facts, COVEY_FACTS_BYTES of them: beyond that the
              oldest is dropped and counted. A leader that cannot tell stops
              making new ones long before
*/
#ifndef COVEY_FACTS_H_INCLUDED
#define COVEY_FACTS_H_INCLUDED

#include "base/buf.h"
#include "base/err.h"

#define COVEY_FACTS_MAX 262144
#define COVEY_FACTS_BYTES (128u << 20)

typedef struct covey_facts_entry covey_facts_entry_t;

typedef struct {
    covey_facts_entry_t *first;
    covey_facts_entry_t *last;
    size_t count;
    size_t bytes;
    uint64_t announced;
    uint64_t dropped;
} covey_facts_t;

void covey_facts_init (covey_facts_t *self);
void covey_facts_deinit (covey_facts_t *self);

/*  A fact of entry `index`, packed; the bytes are copied. Indexes never
    decrease.                                                                 */
void covey_facts_put (covey_facts_t *self, uint64_t index, const void *event,
                      size_t size);
/*  All facts of entries up to `index` are with the mesh.                    */
void covey_facts_announce (covey_facts_t *self, uint64_t index);
/*  Index of the oldest that is kept; 0: none is.                            */
uint64_t covey_facts_first (const covey_facts_t *self);
/*  In order.                                                                */
typedef void (covey_facts_fn) (void *arg, uint64_t index, const void *event,
                               size_t size);
void covey_facts_each (const covey_facts_t *self, covey_facts_fn *fn,
                       void *arg);

/*  As records of proto/snapshot.proto.                                      */
void covey_facts_save (const covey_facts_t *self, covey_buf_t *to);
/*  Replaces what is kept by the facts at the beginning of `data`; `*used_p`
    bytes of it are theirs. CORRUPT: nothing is changed.                      */
covey_err_t covey_facts_load (covey_facts_t *self, const void *data,
                              size_t size, size_t *used_p, covey_errbuf_t *err);

#endif
