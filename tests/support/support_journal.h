/*  support_journal - packed events, and a disk that fails on demand, for the
    tests of the store
*/
#ifndef SUPPORT_JOURNAL_H_INCLUDED
#define SUPPORT_JOURNAL_H_INCLUDED

#include "persist/journal.h"

/*  What a test cares about; the rest is made up. Lists end with NULL.       */
typedef struct {
    uint64_t number; /* makes the id                                          */
    int type;        /* MESSAGE_SENT, TASK_STARTED, BROADCAST, SYSTEM_INFO    */
    const char *source;
    const char *targets[4];
    const char *tags[4];
    const char *correlation, *session;
    int priority; /* 0 is low                                                 */
    int64_t ts;
    uint32_t ttl_ms;
    const char *text; /* goes into the data                                   */
} support_event_t;

void support_event_id (uint64_t number, uint8_t id[16]);
/*  Appends the packed event to an empty `to` and peeks it.                  */
void support_pack (const support_event_t *event, const uint8_t origin[16],
                   uint64_t seq, covey_buf_t *to, covey_peek_t *peek);
/*  Packed and appended to the batch.                                        */
covey_err_t support_append (covey_journal_t *journal,
                            const support_event_t *event,
                            const uint8_t origin[16], uint64_t seq,
                            int64_t *offset_p, covey_errbuf_t *err);

/*  From install to remove, SQLite's writes and syncs of files named
    journal.db* end with these errors, after `passes` that went well.         */
typedef struct {
    int sync_error;  /* SQLITE_IOERR_FSYNC, ... or 0                          */
    int write_error; /* SQLITE_FULL, SQLITE_IOERR_WRITE, ... or 0             */
    int passes;
    int64_t slow_until_ms; /* syncs do not end before; monotonic              */
} support_disk_t;

support_disk_t *support_disk_install (void);
void support_disk_remove (void);

#endif
