/*  replog_sqlite_file - control.db itself: made, opened, or refused in one line

    Role      below replog_sqlite.c, which knows what its rows mean
    File      SQLite in WAL mode with synchronous FULL, locked for one process;
              application_id says that the file is ours, user_version is the
              format
*/
#ifndef COVEY_REPLOG_SQLITE_FILE_H_INCLUDED
#define COVEY_REPLOG_SQLITE_FILE_H_INCLUDED

#include <sqlite3.h>

#include "coordinator/replog_store.h"

typedef struct {
    sqlite3 *db;
    char *path;
} covey_replog_file_t;

/*  See covey_replog_store_sqlite. It is closed after an error, too.         */
covey_err_t covey_replog_file_open (covey_replog_file_t *self, const char *path,
                                    covey_errbuf_t *err);
void covey_replog_file_close (covey_replog_file_t *self);
uint64_t covey_replog_file_bytes (covey_replog_file_t *self);
/*  The one number that a query gives.                                       */
covey_err_t covey_replog_file_number (covey_replog_file_t *self,
                                      const char *sql, int64_t *value_p,
                                      covey_errbuf_t *err);

/*  One line for what SQLite says; for what was read and cannot be ("entry 5 is
    damaged").                                                                */
covey_err_t covey_replog_file_fail (const covey_replog_file_t *self, int rc,
                                    const char *what, covey_errbuf_t *err);
covey_err_t covey_replog_file_corrupt (const covey_replog_file_t *self,
                                       const char *what, uint64_t number,
                                       const char *how, covey_errbuf_t *err);

#endif
