/*  journal_i - what the files of the journal share; nobody else includes it
    (tests do, to break things)

    Tables    events   one row per event, in order of offset; the packed event
                       is the last column, so that scans skip it
              targets, tags   (name, offset), only for events that have any
              origins  last sequence per origin
              spans    per 1,024 offsets: rows, first and last timestamp. Time
                       ranges become offset ranges through it, so that time
                       costs the writer no index
*/
#ifndef COVEY_JOURNAL_I_H_INCLUDED
#define COVEY_JOURNAL_I_H_INCLUDED

#include <sqlite3.h>
#include <stdatomic.h>

#include "persist/journal.h"

#define COVEY_I_JOURNAL_FORMAT 1
#define COVEY_I_JOURNAL_APPLICATION 0x436f7665 /* "Cove" */
#define COVEY_I_SPAN_SHIFT 10                  /* offset >> 10 = its span     */
#define COVEY_I_QUERY_LIMIT 100
#define COVEY_I_QUERY_LIMIT_MAX 10000
#define COVEY_I_STATS_ROWS_MAX 10000

/*  Statements that are prepared once per connection; texts in journal.c.    */
typedef enum {
    COVEY_I_BEGIN,
    COVEY_I_BEGIN_READ,
    COVEY_I_COMMIT,
    COVEY_I_INSERT,
    COVEY_I_INSERT_TARGET,
    COVEY_I_INSERT_TAG,
    COVEY_I_FIND_ID,
    COVEY_I_PUT_ORIGIN,
    COVEY_I_PUT_SPAN,
    COVEY_I_DROP_SPAN,
    COVEY_I_GET_SPAN,
    COVEY_I_OLD_SPAN,
    COVEY_I_OLD_ROWS,
    COVEY_I_DELETE_ROW,
    COVEY_I_DELETE_TARGET,
    COVEY_I_DELETE_TAG,
    COVEY_I_MEASURE_SPAN,
    COVEY_I_MARK,
    COVEY_I_LAST_SPAN,
    COVEY_I_SPAN_AFTER,
    COVEY_I_SPAN_BEFORE,
    COVEY_I_COUNT,
    COVEY_I_PAGES,
    COVEY_I_FETCH,
    COVEY_I_STATEMENTS
} covey_i_statement_t;

typedef struct covey_i_origin covey_i_origin_t;
struct covey_i_origin {
    uint8_t origin[16];
    uint64_t seq;           /* last one, this batch included                  */
    covey_i_origin_t *next; /* of those the batch changed                     */
    bool dirty;
};

typedef struct {
    int64_t span;
    int64_t last; /* largest offset that was ever in it                       */
    int64_t count;
    int64_t ts_min, ts_max;
} covey_i_span_t;

struct covey_journal {
    char *path;
    covey_journal_mode_t mode;
    int lock_fd; /* of PATH.lock while open for writing, or -1               */
    sqlite3 *db; /* NULL after a failure, until the next begin               */
    sqlite3_stmt *statements[COVEY_I_STATEMENTS];
    bool in_batch;
    int64_t last_offset; /* this batch included                               */
    covey_i_span_t span; /* the newest                                        */
    covey_i_origin_t **origins; /* sorted by id                               */
    size_t origin_count, origin_capacity;
    covey_i_origin_t *dirty;
    int64_t deadline_ms;
    atomic_bool interrupted;
};

/*  journal_file.c: the connection.                                          */
covey_err_t covey_i_journal_connect (covey_journal_t *self,
                                     covey_errbuf_t *err);
void covey_i_journal_disconnect (covey_journal_t *self);
covey_err_t covey_i_journal_lock (covey_journal_t *self, covey_errbuf_t *err);
const char *covey_i_journal_name (const covey_journal_t *self);
/*  Name of a file system that SQLite's WAL must not live on, by the f_type of
    statfs; NULL for all others.                                              */
const char *covey_i_network_filesystem (long f_type);
/*  What an SQLite result means for a caller, with what to do about it.      */
covey_err_t covey_i_journal_fail (const covey_journal_t *self, int rc,
                                  const char *doing, covey_errbuf_t *err);
/*  One number from a statement without parameters; `missing` when no row.   */
covey_err_t covey_i_journal_number (covey_journal_t *self, const char *sql,
                                    int64_t missing, int64_t *value_p,
                                    covey_errbuf_t *err);

/*  journal.c: the statement, ready to be bound; NULL and `err` when it cannot
    be prepared. Step for statements that give no row, reset included.        */
sqlite3_stmt *covey_i_journal_statement (covey_journal_t *self,
                                         covey_i_statement_t which,
                                         covey_errbuf_t *err);
int covey_i_journal_run (sqlite3_stmt *statement);
/*  The batch failed with `rc`: reopen, re-read, and say it in `err`.        */
covey_err_t covey_i_journal_end_batch (covey_journal_t *self, int rc,
                                       const char *doing, covey_errbuf_t *err);
/*  A snapshot for a query: no commit shows in the middle of it.             */
covey_err_t covey_i_journal_begin_read (covey_journal_t *self,
                                        covey_errbuf_t *err);
void covey_i_journal_end_read (covey_journal_t *self);
/*  A span from the row that `statement` gives (zeros when none), and into the
    file.                                                                     */
covey_err_t covey_i_journal_load_span (covey_journal_t *self,
                                       sqlite3_stmt *statement,
                                       covey_i_span_t *span,
                                       covey_errbuf_t *err);
covey_err_t covey_i_journal_put_span (covey_journal_t *self,
                                      const covey_i_span_t *span, int *rc_p,
                                      covey_errbuf_t *err);

/*  journal_origins.c: the sequences. check: STATE when `seq` leaves a gap.  */
covey_err_t covey_i_origins_load (covey_journal_t *self, covey_errbuf_t *err);
void covey_i_origins_forget (covey_journal_t *self);
covey_i_origin_t *covey_i_origin (covey_journal_t *self,
                                  const uint8_t origin[16]);
covey_err_t covey_i_origin_check (const covey_i_origin_t *entry, uint64_t seq,
                                  uint64_t *expect_p, covey_errbuf_t *err);
void covey_i_origin_set (covey_journal_t *self, covey_i_origin_t *entry,
                         uint64_t seq);
/*  Write what the batch changed (an SQLite result); it was committed.       */
int covey_i_origins_save (covey_journal_t *self, covey_errbuf_t *err);
void covey_i_origins_saved (covey_journal_t *self);

/*  journal_where.c: SQL text from fixed fragments, and what is bound to it.  */
typedef struct {
    const void *data; /* text or blob, or NULL: number                        */
    size_t size;
    bool is_text;
    int64_t number;
} covey_i_bind_t;

typedef struct {
    covey_buf_t sql;
    covey_i_bind_t *binds; /* from parameter first_bind on                    */
    size_t bind_count, bind_capacity;
    int first_bind;
    uint8_t *ids; /* of the query, parsed                                     */
} covey_i_where_t;

void covey_i_where_init (covey_i_where_t *self, int first_bind);
void covey_i_where_deinit (covey_i_where_t *self);
void covey_i_where_number (covey_i_where_t *self, int64_t number);
/*  The table with the index that serves `query`, "events e INDEXED BY …", and
    the conditions, each with AND in front.                                   */
const char *covey_i_where_table (const Covey__Store__EventQuery *query);
covey_err_t covey_i_where_query (covey_i_where_t *self,
                                 const Covey__Store__EventQuery *query,
                                 covey_errbuf_t *err);
/*  Offsets that match within (?1, ?2], in order; first_bind is 3.           */
covey_err_t covey_i_where_match (covey_i_where_t *self,
                                 const Covey__Store__EventQuery *query,
                                 covey_errbuf_t *err);
covey_err_t covey_i_where_types (covey_i_where_t *self, char *const *types,
                                 size_t count, covey_errbuf_t *err);
/*  Prepare and bind all but the parameters below first_bind. `*out_p` is the
    caller's to finalize.                                                     */
covey_err_t covey_i_where_prepare (covey_i_where_t *self,
                                   covey_journal_t *journal,
                                   sqlite3_stmt **out_p, covey_errbuf_t *err);

/*  "low", ... of an event's priority; "unknown:N" is made in `text`.        */
const char *covey_i_priority_name (int64_t priority, char text[24]);

#endif
