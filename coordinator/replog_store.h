/*  replog_store - where a member keeps its log: what replog needs of a disk

    Role      the port below replog. replog_sqlite.c is the file; simulations
   have one in memory that forgets, in a crash, what was not committed Commit
   changes are staged and become durable together: after OK of `commit` all of
   them are on the disk, after a crash before it none of them. After an error
   nothing more is taken until it is opened again Order     as called;
   `truncate` and `append` of one batch may mix
*/
#ifndef COVEY_REPLOG_STORE_H_INCLUDED
#define COVEY_REPLOG_STORE_H_INCLUDED

#include "coordinator/replog.h"

typedef struct {
    uint64_t member_id; /* 0: the store is new                                */
    covey_id_t cluster; /* zeros: belongs to no log yet                       */
    uint64_t term;
    uint64_t voted_for; /* member; 0: nobody                                  */
} covey_replog_meta_t;

typedef struct {
    uint64_t index;
    uint64_t term;
    uint8_t kind; /* what the engine says: command, barrier, members          */
    const void *data;
    size_t size;
} covey_replog_entry_t;

typedef struct {
    uint64_t index; /* of the last entry in it; 0: there is none              */
    uint64_t term;
    uint64_t members_index; /* of the entry that made these members           */
    const void *members;    /* as the engine packs them                       */
    size_t members_size;
    const void *state;
    size_t state_size;
    size_t prepared; /* bytes of the state that the store has already         */
} covey_replog_snapshot_t;

/*  What is read; pointers live until the call returns. An error ends the
   reading and is its result. */
typedef struct {
    void *arg;
    covey_err_t (*meta) (void *arg, const covey_replog_meta_t *meta,
                         covey_errbuf_t *err);
    covey_err_t (*snapshot) (void *arg, const covey_replog_snapshot_t *snapshot,
                             covey_errbuf_t *err); /* not called without one */
    covey_err_t (*entry) (void *arg, const covey_replog_entry_t *entry,
                          covey_errbuf_t *err); /* in order                   */
} covey_replog_reader_t;

typedef struct {
    covey_err_t (*read) (covey_replog_store_t *self,
                         const covey_replog_reader_t *to, covey_errbuf_t *err);
    covey_err_t (*set_meta) (covey_replog_store_t *self,
                             const covey_replog_meta_t *meta,
                             covey_errbuf_t *err);
    covey_err_t (*append) (covey_replog_store_t *self,
                           const covey_replog_entry_t *entry,
                           covey_errbuf_t *err);
    /* all entries from `index` on                                            */
    covey_err_t (*truncate) (covey_replog_store_t *self, uint64_t index,
                             covey_errbuf_t *err);
    /* writes a slice of the state of a snapshot that will be put, from
       `prepared` on, and moves that on; the one before stays what it is. From 0
       it begins anew; what is not put is gone when it is read again          */
    covey_err_t (*prepare_snapshot) (covey_replog_store_t *self,
                                     covey_replog_snapshot_t *snapshot,
                                     covey_errbuf_t *err);
    /* with what is not prepared; replaces the one before, and drops all entries
       before `first_kept`; when that is beyond the last one, all of them */
    covey_err_t (*put_snapshot) (covey_replog_store_t *self,
                                 const covey_replog_snapshot_t *snapshot,
                                 uint64_t first_kept, covey_errbuf_t *err);
    /* some of the first entries, all before `first_kept`; `*more_p`: there are
       others                                                                 */
    covey_err_t (*drop_head) (covey_replog_store_t *self, uint64_t first_kept,
                              bool *more_p, covey_errbuf_t *err);
    /* the snapshot again, for a member that lags                             */
    covey_err_t (*get_snapshot) (covey_replog_store_t *self,
                                 const covey_replog_reader_t *to,
                                 covey_errbuf_t *err);
    covey_err_t (*commit) (covey_replog_store_t *self, covey_errbuf_t *err);
    uint64_t (*bytes) (covey_replog_store_t *self); /* on the disk            */
    void (*close) (covey_replog_store_t **self_p);
} covey_replog_store_class_t;

struct covey_replog_store {
    const covey_replog_store_class_t *klass;
};

/*  replog_sqlite.c: `path` of the file, created when absent; NULL: in memory.
   IO, BUSY, CORRUPT (not ours, or damaged), VERSION (a format we do not know)
    with the path and what to do.                                             */
covey_err_t covey_replog_store_sqlite (const char *path,
                                       covey_replog_store_t **store_p,
                                       covey_errbuf_t *err);

#endif
