/*  memory - what agents share: keys, their values, and what became of them

    Role      pure core: the store behind the methods memory.*. Who may do what
              and what is told about it is in state_memory.c
    Revision  one number for the whole store; every change of a key gets the
              next one. It names a version, is the token of compare-and-set,
              and is where a watcher goes on
    Versions  an entry keeps its last ones. A deletion is a version without a
              value; it drops those before it and stays as a tombstone, so that
              watchers learn of it
    Floor     what is forgotten raises it: changes behind a revision can be told
              without a hole as long as that revision is not below the floor
    Memory    owns everything; totals are kept for the store and for each
              namespace (a key's part before the first '/', "" without one)
    Cost      find, write, first of a range: O(log n)
*/
#ifndef COVEY_MEMORY_H_INCLUDED
#define COVEY_MEMORY_H_INCLUDED

#include "base/err.h"
#include "base/table.h"
#include "coordinator/index.h"
#include "coordinator/texts.h"
#include "coordinator/timers.h"
#include "coordinator/tree.h"

#define COVEY_MEMORY_VALUE_MAX 65536    /* bytes, unless limits say otherwise */
#define COVEY_MEMORY_VALUE_LIMIT 131072 /* which they may up to here */
#define COVEY_MEMORY_TAGS_MAX 64
#define COVEY_MEMORY_HISTORY 8 /* versions of a key that are kept */
#define COVEY_MEMORY_HISTORY_MAX 64
#define COVEY_MEMORY_TTL_MAX_MS 315360000000 /* ten years */
/*  What a version weighs beside its texts and its value.                    */
#define COVEY_MEMORY_OVERHEAD 256

typedef enum {
    COVEY_ACCESS_READ,  /* everyone reads, the owner writes                   */
    COVEY_ACCESS_WRITE, /* everyone reads and writes                          */
    COVEY_ACCESS_ADMIN  /* everyone may also delete and share on              */
} covey_access_t;

typedef enum {
    COVEY_MEMORY_IS_STORED,
    COVEY_MEMORY_IS_DELETED,
    COVEY_MEMORY_IS_EXPIRED
} covey_memory_kind_t;

/*  The totals of one namespace.                                             */
typedef struct {
    covey_link_t link;
    char *name;
    size_t entries; /* that have a value                                      */
    size_t kept;    /* tombstones, too                                        */
    size_t bytes;
} covey_memory_space_t;

typedef struct covey_memory_entry covey_memory_entry_t;

typedef struct covey_memory_version {
    covey_link_t by_revision;
    covey_memory_entry_t *entry;
    struct covey_memory_version *older, *newer;
    uint64_t revision;
    uint64_t previous; /* of the version that it replaced; 0: none            */
    covey_memory_kind_t kind;
    int content; /* covey_content_t                                           */
    void *data;  /* with a NUL behind it                                      */
    size_t size;
    covey_access_t access;
    char *owner;
    covey_texts_t tags; /* sorted                                            */
    covey_texts_t left; /* that the version before had, and this one has not */
    int64_t expires_us; /* 0: never                                          */
    int64_t at_us;      /* when it was written                               */
    char *author;       /* who wrote it                                      */
    char *correlation;  /* of the request, or NULL                           */
    uint8_t cause[16];  /* event id of the request                           */
    bool has_cause;
    size_t bytes;
} covey_memory_version_t;

/*  One tag of an entry.                                                     */
typedef struct {
    covey_link_t link;
    const char *tag;
    covey_memory_entry_t *entry;
} covey_memory_label_t;

struct covey_memory_entry {
    covey_link_t in_ended; /* a tombstone                                     */
    covey_timer_t timer;   /* the end of its value; the caller arms it        */
    covey_memory_space_t *space;
    covey_memory_version_t *latest, *oldest;
    covey_memory_label_t *labels; /* one for each tag of the latest version   */
    uint32_t versions;
    uint32_t history; /* how many are kept                                    */
    int64_t created_us;
    char key[];
};

typedef struct {
    covey_table_t by_key; /* all entries                                      */
    covey_index_t entries; /* that have a value, in the order of their keys   */
    covey_tree_t ended;  /* tombstones, the oldest first                     */
    covey_tree_t labels; /* by tag and key                                   */
    covey_tree_t versions; /* by revision                                     */
    covey_tree_t spaces;
    uint64_t revision;  /* the last one that was given                        */
    uint64_t floor;     /* see above                                          */
    uint64_t tag_floor; /* the same for who follows a tag                     */
    size_t bytes;
} covey_memory_t;

typedef struct {
    size_t entries_max, bytes_max;             /* of all                      */
    size_t space_entries_max, space_bytes_max; /* of a namespace              */
    size_t ended_max;                          /* tombstones that are kept    */
} covey_memory_limits_t;

/*  A version to be written; borrowed. `history` 0: as it is, or the default.*/
typedef struct {
    covey_memory_kind_t kind;
    int content;
    const void *data;
    size_t size;
    covey_access_t access;
    const char *owner;
    char *const *tags;
    size_t tag_count;
    uint32_t history;
    int64_t expires_us;
    int64_t at_us;
    const char *author;
    const char *correlation;
    const uint8_t *cause; /* 16 bytes or NULL                                 */
} covey_memory_write_t;

void covey_memory_init (covey_memory_t *self);
void covey_memory_deinit (covey_memory_t *self);

/*  The entry of a key that has a value; `any`: or a tombstone. Or NULL.     */
covey_memory_entry_t *covey_memory_find (const covey_memory_t *self,
                                         const char *key);
covey_memory_entry_t *covey_memory_find_any (const covey_memory_t *self,
                                             const char *key);
/*  Would the totals hold this write? LIMIT: the line names bound and value. */
covey_err_t covey_memory_check_room (const covey_memory_t *self,
                                     const char *key,
                                     const covey_memory_write_t *write,
                                     const covey_memory_limits_t *limits,
                                     covey_errbuf_t *err);
/*  A new version of a key. Of a tombstone the timer must be disarmed.       */
covey_memory_version_t *covey_memory_write (covey_memory_t *self,
                                            const char *key,
                                            const covey_memory_write_t *write);
/*  Forget the oldest tombstones.                                            */
void covey_memory_trim (covey_memory_t *self, size_t ended_max);

/*  A version as it was saved, behind all of its key that were put back before;
    NULL: it cannot be one. The first one of a key makes its entry.           */
covey_memory_version_t *
covey_memory_restore (covey_memory_t *self, const char *key,
                      const covey_memory_write_t *write, uint64_t revision,
                      uint64_t previous, char *const *left, size_t left_count);

/* ---- looking ----------------------------------------------------------------
 */

bool covey_memory_is_live (const covey_memory_entry_t *entry);
/*  The version that was the latest at a revision, as far as it is kept.     */
const covey_memory_version_t *
covey_memory_at (const covey_memory_entry_t *entry, uint64_t revision);
/*  Entries with a value whose keys begin with `prefix` (or NULL), with `tag`
    (or NULL), in the order of their keys: the first one behind the key `after`
    (NULL: the first); NULL: no more.                                         */
covey_memory_entry_t *covey_memory_after (const covey_memory_t *self,
                                          const char *prefix, const char *tag,
                                          const char *after);
covey_memory_entry_t *covey_memory_next (const covey_memory_t *self,
                                         const covey_memory_entry_t *entry,
                                         const char *prefix, const char *tag);
/*  The first kept version behind a revision, or NULL.                       */
const covey_memory_version_t *
covey_memory_change_after (const covey_memory_t *self, uint64_t revision);
/*  Does somebody who follows this prefix and this tag (or NULL) want it?    */
bool covey_memory_concerns (const covey_memory_version_t *version,
                            const char *prefix, const char *tag);
const char *covey_access_name (covey_access_t access);

#endif
