/*  expunge - delete events older than a time, in steps between two batches;
    when asked, after they were written to a file

    Role      shell: owns the file <data>/archive/events-TIME.jsonl, one event
              as JSON a line. A step's lines are synced before its rows go
    Threads   that of the journal
*/
#ifndef COVEY_EXPUNGE_H_INCLUDED
#define COVEY_EXPUNGE_H_INCLUDED

#include "persist/journal.h"

#define COVEY_EXPUNGE_STEP 500 /* rows at a time */

typedef struct covey_expunge covey_expunge_t;

/*  Events with timestamp < older_than_us, up to the last one that is there now.
    `data_dir`: where to archive, NULL: delete only.                          */
covey_expunge_t *covey_expunge_new (const covey_journal_t *journal,
                                    int64_t older_than_us,
                                    const char *data_dir);
void covey_expunge_destroy (covey_expunge_t **self_p);

/*  One step, outside a batch. `*done_p`: nothing is left to do. An error ends
    it; what was deleted until then is counted, and all of it is in the file. */
covey_err_t covey_expunge_step (covey_expunge_t *self, covey_journal_t *journal,
                                bool *done_p, covey_errbuf_t *err);
int64_t covey_expunge_count (const covey_expunge_t *self);

#endif
