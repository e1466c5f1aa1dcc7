/*  The journal's two changes of stored events: marked as processed, deleted. */
#include <string.h>

#include "persist/journal_i.h"

covey_err_t
covey_journal_mark (covey_journal_t *self, const uint8_t id[16],
                    covey_errbuf_t *err)
{
    covey_err_t code = covey_journal_begin (self, err);
    if (code != COVEY_OK)
        return code;
    sqlite3_stmt *statement =
        covey_i_journal_statement (self, COVEY_I_MARK, err);
    if (!statement)
        return covey_i_journal_end_batch (self, SQLITE_ERROR, "writing journal",
                                          err);
    sqlite3_bind_blob (statement, 1, id, 16, SQLITE_STATIC);
    int rc = covey_i_journal_run (statement);
    if (rc != SQLITE_OK)
        return covey_i_journal_end_batch (self, rc, "writing journal", err);
    bool found = sqlite3_changes (self->db) == 1;
    code = covey_journal_commit (self, err);
    if (code == COVEY_OK && !found) {
        char text[37];
        covey_id_text (id, text);
        code = covey_fail (err, COVEY_NOTFOUND,
                           "event %s is not in the journal", text);
    }
    return code;
}

/*  One row of targets or tags.                                              */
static int
s_delete_name (covey_journal_t *self, covey_i_statement_t which,
               covey_slice_t name, int64_t offset)
{
    sqlite3_stmt *statement = covey_i_journal_statement (self, which, NULL);
    if (!statement)
        return SQLITE_ERROR;
    sqlite3_bind_text (statement, 1, name.text, (int)name.size, SQLITE_STATIC);
    sqlite3_bind_int64 (statement, 2, offset);
    return covey_i_journal_run (statement);
}

/*  The row of the current step of `rows`, with its targets and tags.        */
static int
s_delete_row (covey_journal_t *self, sqlite3_stmt *rows)
{
    covey_peek_t event;
    int64_t offset = sqlite3_column_int64 (rows, 0);
    int rc = SQLITE_OK;
    if (covey_peek (sqlite3_column_blob (rows, 1),
                    (size_t)sqlite3_column_bytes (rows, 1),
                    &event) == COVEY_OK) {
        for (uint32_t i = 0; i < event.target_count && rc == SQLITE_OK; i++)
            rc = s_delete_name (self, COVEY_I_DELETE_TARGET,
                                covey_peek_target (&event, i), offset);
        for (uint32_t i = 0; i < event.tag_count && rc == SQLITE_OK; i++)
            rc = s_delete_name (self, COVEY_I_DELETE_TAG,
                                covey_peek_tag (&event, i), offset);
    }
    sqlite3_stmt *statement =
        covey_i_journal_statement (self, COVEY_I_DELETE_ROW, NULL);
    if (!statement)
        return SQLITE_ERROR;
    sqlite3_bind_int64 (statement, 1, offset);
    return rc == SQLITE_OK ? covey_i_journal_run (statement) : rc;
}

/*  After deletions: count and times of a span anew. An empty one goes, but for
    the newest, which knows the last offset.                                  */
static int
s_measure_span (covey_journal_t *self, int64_t number)
{
    covey_i_span_t span;
    sqlite3_stmt *get =
        covey_i_journal_statement (self, COVEY_I_GET_SPAN, NULL);
    sqlite3_stmt *measure =
        covey_i_journal_statement (self, COVEY_I_MEASURE_SPAN, NULL);
    sqlite3_stmt *drop =
        covey_i_journal_statement (self, COVEY_I_DROP_SPAN, NULL);
    if (!get || !measure || !drop)
        return SQLITE_ERROR;
    sqlite3_bind_int64 (get, 1, number);
    if (covey_i_journal_load_span (self, get, &span, NULL) != COVEY_OK)
        return SQLITE_CORRUPT;
    sqlite3_bind_int64 (measure, 1, number << COVEY_I_SPAN_SHIFT);
    sqlite3_bind_int64 (measure, 2, ((number + 1) << COVEY_I_SPAN_SHIFT) - 1);
    int rc = sqlite3_step (measure);
    span.count = sqlite3_column_int64 (measure, 0);
    span.ts_min = sqlite3_column_int64 (measure, 1);
    span.ts_max = sqlite3_column_int64 (measure, 2);
    sqlite3_reset (measure);
    if (rc != SQLITE_ROW)
        return rc;
    if (number == self->span.span)
        self->span = span;
    if (!span.count && number != self->span.span) {
        sqlite3_bind_int64 (drop, 1, number);
        return covey_i_journal_run (drop);
    }
    if (covey_i_journal_put_span (self, &span, &rc, NULL) != COVEY_OK)
        return SQLITE_ERROR;
    return rc;
}

/*  Delete at most `limit` rows of one span.                                 */
static int
s_delete_in_span (covey_journal_t *self, int64_t number, int64_t older_than_us,
                  int64_t up_to, size_t limit, size_t *count_p)
{
    sqlite3_stmt *rows =
        covey_i_journal_statement (self, COVEY_I_OLD_ROWS, NULL);
    if (!rows)
        return SQLITE_ERROR;
    int64_t end = ((number + 1) << COVEY_I_SPAN_SHIFT) - 1;
    size_t before = *count_p;
    sqlite3_bind_int64 (rows, 1, number << COVEY_I_SPAN_SHIFT);
    sqlite3_bind_int64 (rows, 2, end < up_to ? end : up_to);
    sqlite3_bind_int64 (rows, 3, older_than_us);
    sqlite3_bind_int64 (rows, 4, (int64_t)limit);
    int rc;
    while ((rc = sqlite3_step (rows)) == SQLITE_ROW) {
        rc = s_delete_row (self, rows);
        if (rc != SQLITE_OK)
            break;
        ++*count_p;
    }
    sqlite3_reset (rows);
    if (rc == SQLITE_DONE)
        rc = SQLITE_OK;
    if (rc == SQLITE_OK && *count_p > before)
        rc = s_measure_span (self, number);
    return rc;
}

covey_err_t
covey_journal_delete (covey_journal_t *self, int64_t older_than_us,
                      int64_t up_to, size_t limit, size_t *count_p,
                      covey_errbuf_t *err)
{
    size_t count = 0;
    int64_t span = 0, last_span = up_to >> COVEY_I_SPAN_SHIFT;
    covey_err_t code = covey_journal_begin (self, err);
    int rc = SQLITE_OK;
    while (code == COVEY_OK && count < limit) {
        sqlite3_stmt *old =
            covey_i_journal_statement (self, COVEY_I_OLD_SPAN, err);
        if (!old)
            return covey_i_journal_end_batch (self, SQLITE_ERROR,
                                              "deleting from journal", err);
        sqlite3_bind_int64 (old, 1, span);
        sqlite3_bind_int64 (old, 2, last_span);
        sqlite3_bind_int64 (old, 3, older_than_us);
        rc = sqlite3_step (old);
        span = sqlite3_column_int64 (old, 0);
        sqlite3_reset (old);
        if (rc == SQLITE_ROW)
            rc = s_delete_in_span (self, span, older_than_us, up_to,
                                   limit - count, &count);
        if (rc == SQLITE_DONE)
            break;
        if (rc != SQLITE_OK)
            return covey_i_journal_end_batch (self, rc, "deleting from journal",
                                              err);
        span++;
    }
    if (code == COVEY_OK)
        code = covey_journal_commit (self, err);
    if (code == COVEY_OK)
        *count_p = count;
    return code;
}
