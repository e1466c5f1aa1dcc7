/*  Pages of stored events.

    A page looks at the journal in windows of offsets: the statement gives the
    offsets that match inside a window, in order; each row is then fetched by
    its offset. Windows grow while they give little. So whatever a filter needs
    to be sorted or skipped is bounded, and a page can end between two rows when
    it took long. With a time range, a window starts at the next span that can
    hold such times.                                                          */
#include "persist/journal_i.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "proto/event.h"

#define WINDOW_MIN 1024
#define WINDOW_MAX ((int64_t)1 << 40)
#define SCAN_WINDOW_MAX 65536 /* where an index does not lead to the rows */
#define SLICE_MS                                         \
    250 /* a page ends after this, unless rows are to be \
           skipped, which only one page can do          */

typedef struct {
    covey_journal_t *journal;
    const Covey__Store__EventQuery *query;
    size_t bytes_max;
    covey_journal_row_fn *row;
    void *arg;
    covey_errbuf_t *err;
    bool backward;
    int64_t low, high; /* offsets in (low, high] are still to be looked at    */
    int64_t window;    /* size of the next window                             */
    int64_t slice_end_ms;
    size_t limit, skip, rows, bytes;
    int64_t last; /* offset of the last row given                             */
    bool ended;   /* page is full, or time is up                              */
    covey_buf_t json; /* for text                                             */
} s_scan_t;

/* ---- text --------------------------------------------------------------- */

/*  Does the event's data, as JSON, contain the text?                        */
static bool
s_has_text (s_scan_t *self, const void *packed, size_t size)
{
    covey_event_t *event = NULL;
    if (covey_event_unpack (packed, size, &event, NULL) != COVEY_OK)
        return false;
    covey_buf_clear (&self->json);
    covey_err_t rc = covey_event_write_data_json (event, &self->json);
    covey_event_destroy (&event);
    const char *text = self->query->text;
    return rc == COVEY_OK && memmem (self->json.data, self->json.size, text,
                                     strlen (text)) != NULL;
}

/* ---- one row ------------------------------------------------------------ */

static void
s_give (s_scan_t *self, int64_t offset, sqlite3_stmt *fetch)
{
    Covey__Store__EventRow row = COVEY__STORE__EVENT_ROW__INIT;
    size_t size = (size_t)sqlite3_column_bytes (fetch, 0);
    if (self->rows == self->limit ||
        (self->rows && self->bytes + size > self->bytes_max)) {
        self->ended = true;
        return;
    }
    row.offset = offset;
    row.event.data = (uint8_t *)(uintptr_t)sqlite3_column_blob (fetch, 0);
    row.event.len = size;
    if (sqlite3_column_type (fetch, 1) != SQLITE_NULL) {
        row.has_expired = 1;
        row.expired = sqlite3_column_int64 (fetch, 1) < covey_clock_wall_us ();
    }
    row.has_processed = row.processed = sqlite3_column_int (fetch, 2) != 0;
    self->rows++;
    self->bytes += size;
    self->last = offset;
    if (!self->row (self->arg, &row))
        self->ended = true;
}

/*  Offset `offset` matches, but for the text. When the page has no room for it,
    the scan ends before it.                                                  */
static covey_err_t
s_on_offset (s_scan_t *self, int64_t offset)
{
    const char *text = self->query->text;
    if (self->skip && !text) {
        self->skip--;
        return COVEY_OK;
    }
    sqlite3_stmt *fetch =
        covey_i_journal_statement (self->journal, COVEY_I_FETCH, self->err);
    if (!fetch)
        return COVEY_CORRUPT;
    sqlite3_bind_int64 (fetch, 1, offset);
    int rc = sqlite3_step (fetch);
    if (rc == SQLITE_ROW) {
        if (!text || self->rows == self->limit ||
            s_has_text (self, sqlite3_column_blob (fetch, 0),
                        (size_t)sqlite3_column_bytes (fetch, 0))) {
            if (self->skip)
                self->skip--;
            else
                s_give (self, offset, fetch);
        }
    }
    sqlite3_reset (fetch);
    if (rc != SQLITE_ROW)
        return covey_i_journal_fail (self->journal,
                                     rc == SQLITE_DONE ? SQLITE_CORRUPT : rc,
                                     "querying journal", self->err);
    return COVEY_OK;
}

/* ---- windows ------------------------------------------------------------ */

/*  Everything on the near side of `offset`, and itself, was looked at.      */
static void
s_pass (s_scan_t *self, int64_t offset)
{
    if (self->backward)
        self->high = offset - 1;
    else
        self->low = offset;
}

static bool
s_time_is_up (const s_scan_t *self)
{
    return !self->skip && covey_clock_mono_ms () >= self->slice_end_ms;
}

/*  With a time range: move on to the next span that can have it.            */
static covey_err_t
s_skip_spans (s_scan_t *self)
{
    const Covey__Store__EventQuery *query = self->query;
    if (!query->has_since && !query->has_until)
        return COVEY_OK;
    sqlite3_stmt *statement = covey_i_journal_statement (
        self->journal,
        self->backward ? COVEY_I_SPAN_BEFORE : COVEY_I_SPAN_AFTER, self->err);
    if (!statement)
        return COVEY_CORRUPT;
    int64_t near = self->backward ? self->high : self->low + 1;
    sqlite3_bind_int64 (statement, 1, near >> COVEY_I_SPAN_SHIFT);
    sqlite3_bind_int64 (statement, 2,
                        query->has_since ? query->since : INT64_MIN);
    sqlite3_bind_int64 (statement, 3,
                        query->has_until ? query->until : INT64_MAX);
    int rc = sqlite3_step (statement);
    int64_t first = sqlite3_column_int64 (statement, 0) << COVEY_I_SPAN_SHIFT;
    int64_t last = first + (1 << COVEY_I_SPAN_SHIFT) - 1;
    sqlite3_reset (statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return covey_i_journal_fail (self->journal, rc, "querying journal",
                                     self->err);
    if (rc == SQLITE_DONE) /* none: all that is left is passed */
        first = INT64_MAX, last = INT64_MIN;
    if (self->backward && last < self->high)
        self->high = last < self->low ? self->low : last;
    if (!self->backward && first - 1 > self->low)
        self->low = first - 1 > self->high ? self->high : first - 1;
    return COVEY_OK;
}

/*  The rows of (low, high] that match, in order.                            */
static covey_err_t
s_scan_window (s_scan_t *self, sqlite3_stmt *match, int64_t low, int64_t high)
{
    covey_err_t code = COVEY_OK;
    sqlite3_reset (match);
    sqlite3_bind_int64 (match, 1, low);
    sqlite3_bind_int64 (match, 2, high);
    int rc, count = 0;
    while ((rc = sqlite3_step (match)) == SQLITE_ROW) {
        int64_t offset = sqlite3_column_int64 (match, 0);
        code = s_on_offset (self, offset);
        if (code != COVEY_OK)
            break;
        if (self->ended) {
            if (self->rows && self->last == offset)
                s_pass (self, offset); /* the receiver had enough */
            break;
        }
        s_pass (self, offset);
        if (++count % 64 == 0 && s_time_is_up (self)) {
            self->ended = true;
            break;
        }
    }
    sqlite3_reset (match);
    if (code != COVEY_OK)
        return code;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return covey_i_journal_fail (self->journal, rc, "querying journal",
                                     self->err);
    if (rc == SQLITE_DONE)
        s_pass (self, self->backward ? low + 1 : high);
    return COVEY_OK;
}

static bool
s_is_led_by_index (const Covey__Store__EventQuery *query)
{
    return !query->has_since && !query->has_until && !query->text &&
           (!strstr (covey_i_where_table (query), "NOT INDEXED") ||
            query->n_targets || query->n_tags);
}

static covey_err_t
s_scan (s_scan_t *self, sqlite3_stmt *match)
{
    covey_err_t rc = COVEY_OK;
    int64_t max =
        s_is_led_by_index (self->query) ? WINDOW_MAX : SCAN_WINDOW_MAX;
    self->window = self->query->n_ids ? max : WINDOW_MIN;
    while (rc == COVEY_OK && !self->ended && self->low < self->high) {
        rc = s_skip_spans (self);
        if (rc != COVEY_OK || self->low >= self->high)
            break;
        int64_t size = self->high - self->low;
        if (size > self->window)
            size = self->window;
        int64_t low = self->backward ? self->high - size : self->low;
        rc = s_scan_window (self, match, low, low + size);
        if (self->window < max)
            self->window *= 2;
        if (s_time_is_up (self))
            self->ended = true;
    }
    return rc;
}

/* ---- the page ----------------------------------------------------------- */

covey_err_t
covey_i_where_match (covey_i_where_t *self,
                     const Covey__Store__EventQuery *query, covey_errbuf_t *err)
{
    covey_buf_puts (&self->sql, "SELECT e.offset FROM ");
    covey_buf_puts (&self->sql, covey_i_where_table (query));
    covey_buf_puts (&self->sql, " WHERE e.offset > ?1 AND e.offset <= ?2");
    covey_err_t rc = covey_i_where_query (self, query, err);
    covey_buf_puts (&self->sql, query->newest_first ? " ORDER BY e.offset DESC"
                                                    : " ORDER BY e.offset");
    return rc;
}

static covey_err_t
s_prepare (s_scan_t *self, sqlite3_stmt **match_p)
{
    covey_i_where_t where;
    covey_i_where_init (&where, 3);
    covey_err_t rc = covey_i_where_match (&where, self->query, self->err);
    if (rc == COVEY_OK)
        rc = covey_i_where_prepare (&where, self->journal, match_p, self->err);
    covey_i_where_deinit (&where); /* texts are the query's, ids were copied */
    return rc;
}

static covey_err_t
s_check (const Covey__Store__EventQuery *query, covey_errbuf_t *err)
{
    if (query->has_limit && query->limit > COVEY_I_QUERY_LIMIT_MAX)
        return covey_fail (err, COVEY_INVALID,
                           "limit %u is out of range, allowed are 1 to %d; "
                           "page with nextOffset",
                           query->limit, COVEY_I_QUERY_LIMIT_MAX);
    if (query->has_since && query->has_until && query->since >= query->until)
        return covey_fail (err, COVEY_INVALID,
                           "since is not before until: no event can match");
    if (query->text && strlen (query->text) > COVEY_TEXT_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "text has %zu bytes, allowed are %d",
                           strlen (query->text), COVEY_TEXT_MAX);
    return COVEY_OK;
}

static void
s_fill_page (const s_scan_t *self, Covey__Store__EventPage *page)
{
    bool more = self->ended;
    int64_t scanned = self->backward ? self->high + 1 : self->low;
    page->has_more = 1;
    page->more = more;
    page->has_scanned_offset = 1;
    page->scanned_offset = scanned;
    /* Going on behind the last row would look again at what gave nothing. */
    page->has_next_offset = 1;
    page->next_offset = scanned;
}

/*  Range of offsets that the query asks for, within what there is.          */
static void
s_set_range (s_scan_t *self, int64_t last)
{
    const Covey__Store__EventQuery *query = self->query;
    self->low = query->has_after_offset ? query->after_offset : 0;
    self->high = last;
    if (self->low < 0)
        self->low = 0;
    if (query->has_before_offset && query->before_offset <= last)
        self->high = query->before_offset > 0 ? query->before_offset - 1 : 0;
}

static covey_err_t
s_run (s_scan_t *self, Covey__Store__EventPage *page)
{
    sqlite3_stmt *match = NULL;
    covey_i_span_t span;
    sqlite3_stmt *last =
        covey_i_journal_statement (self->journal, COVEY_I_LAST_SPAN, self->err);
    if (!last)
        return COVEY_CORRUPT;
    covey_err_t rc =
        covey_i_journal_load_span (self->journal, last, &span, self->err);
    if (rc == COVEY_OK)
        rc = s_prepare (self, &match);
    if (rc == COVEY_OK) {
        s_set_range (self, span.last);
        rc = s_scan (self, match);
    }
    sqlite3_finalize (match);
    if (rc == COVEY_OK)
        s_fill_page (self, page);
    return rc;
}

covey_err_t
covey_journal_query (covey_journal_t *self,
                     const Covey__Store__EventQuery *query, size_t bytes_max,
                     covey_journal_row_fn *row, void *arg,
                     Covey__Store__EventPage *page, covey_errbuf_t *err)
{
    assert (!self->in_batch);
    covey_err_t rc = s_check (query, err);
    if (rc != COVEY_OK)
        return rc;
    rc = covey_i_journal_begin_read (self, err);
    if (rc != COVEY_OK)
        return rc;
    s_scan_t scan = {.journal = self,
                     .query = query,
                     .bytes_max = bytes_max,
                     .row = row,
                     .arg = arg,
                     .err = err,
                     .backward = query->newest_first,
                     .slice_end_ms = covey_clock_mono_ms () + SLICE_MS,
                     .limit = query->has_limit && query->limit
                                  ? query->limit
                                  : COVEY_I_QUERY_LIMIT,
                     .skip = query->skip};
    covey_buf_init (&scan.json, (size_t)4 * COVEY_EVENT_MAX);
    rc = s_run (&scan, page);
    covey_buf_deinit (&scan.json);
    covey_i_journal_end_read (self);
    return rc;
}
