/*  sim_replog_ledger - what a replicated log promised, from outside: all that
    any member of a simulated cluster stored, applied, answered and led

    Role      judge; it believes no member, and the first promise that is broken
              stays in `broken`
    Checks    an (index, term) is one entry everywhere; a term has one leader; a
              member's term and vote never go back; an index is one command with
              one outcome on all members; a request is executed once; an id of a
              fact is made at one place; the same state after the same index
*/
#ifndef SIM_REPLOG_LEDGER_H_INCLUDED
#define SIM_REPLOG_LEDGER_H_INCLUDED

#include "coordinator/effects.h"
#include "coordinator/replog_store.h"
#include "proto/control.pb-c.h"
#include "tests/support/sim_disk.h"

/*  What became of an index.                                                 */
typedef struct {
    uint64_t command; /* hash of its bytes; 0: none was applied there         */
    uint64_t outcome; /* hash of the answer and of all facts                  */
    uint64_t entry;   /* hash of what is stored there; 0: not seen            */
    uint64_t term;
    uint8_t kind;    /* of the entry                                          */
    uint64_t digest; /* of the state after it; 0: nobody looked               */
    uint8_t *bytes;  /* the command                                           */
    size_t size;
} sim_page_t;

typedef struct {
    uint64_t key[2];
    uint64_t value[2];
} sim_pair_t;

/*  (a, b) -> (c, d), none of them all zeros.                                */
typedef struct {
    sim_pair_t *pairs;
    size_t count;
    size_t room; /* a power of two                                            */
} sim_map_t;

/*  The values of a key; NULL after they were put there, because it is new.  */
const uint64_t *sim_map_put (sim_map_t *map, uint64_t a, uint64_t b, uint64_t c,
                             uint64_t d);
/*  NULL: it is not there.                                                   */
uint64_t *sim_map_find (sim_map_t *map, uint64_t a, uint64_t b);

typedef struct {
    sim_page_t *pages; /* by index                                            */
    size_t page_count, page_room;
    sim_map_t entries;  /* (index, term) -> hash                              */
    sim_map_t leaders;  /* term -> member                                     */
    sim_map_t facts;    /* id -> index, ordinal                               */
    sim_map_t lists;    /* entry that lists members -> what they are, hashed  */
    uint8_t list_kind;  /* of such entries                                    */
    sim_map_t requests; /* (client, request) -> answer, index                 */
    uint64_t committed; /* the highest index that anybody applied             */
    uint64_t fact_count;
    uint64_t command_count;
    char broken[256];
} sim_ledger_book_t;

void sim_book_init (sim_ledger_book_t *self);
void sim_book_deinit (sim_ledger_book_t *self);
void sim_book_break (sim_ledger_book_t *self, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

void sim_book_entry (sim_ledger_book_t *self, const sim_record_t *record);
void sim_book_meta (sim_ledger_book_t *self, const covey_replog_meta_t *before,
                    const covey_replog_meta_t *after);
/*  Somebody whose last such entry is `entry` counts with these members.     */
void sim_book_list (sim_ledger_book_t *self, uint64_t entry, uint64_t members);
void sim_book_leader (sim_ledger_book_t *self, uint64_t term,
                      uint64_t member_id);
/*  A member applied it. True: it is the first one.                          */
bool sim_book_apply (sim_ledger_book_t *self, uint64_t index, const void *data,
                     size_t size);
/*  And this came out. True: here and now it was executed for the first time
    (what is refused with EAGAIN may be again).                               */
bool sim_book_outcome (sim_ledger_book_t *self, uint64_t index,
                       const Covey__Control__Command *command,
                       const covey_effects_t *effects);
/*  A member that has applied up to `record` or beyond has this stored.      */
void sim_book_stored (sim_ledger_book_t *self, const sim_record_t *record);
/*  Its members are those of the last such entry that it covers.             */
void sim_book_snapshot (sim_ledger_book_t *self,
                        const covey_replog_snapshot_t *snapshot);
void sim_book_digest (sim_ledger_book_t *self, uint64_t index, uint64_t digest);
/*  Is there a command with `above` < index < `below`?                       */
bool sim_book_has_command (const sim_ledger_book_t *self, uint64_t above,
                           uint64_t below);
const sim_page_t *sim_book_page (const sim_ledger_book_t *self, uint64_t index);

#endif
