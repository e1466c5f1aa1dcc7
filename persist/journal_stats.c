/*  Counts over the journal. Without a time range they read the index on types,
    which carries what is counted; with one, the rows of the spans that can have
    such times.                                                               */
#include "persist/journal_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"

#define HOUR_US INT64_C (3600000000)
#define DAY_US (24 * HOUR_US)

typedef enum {
    GROUP_TYPE,
    GROUP_SOURCE,
    GROUP_TARGET,
    GROUP_PRIORITY,
    GROUP_HOUR,
    GROUP_DAY,
    GROUPS
} s_group_t;

static const struct {
    const char *name;
    const char *key;   /* expression over e (and t for targets)               */
    const char *order; /* of the result; c is the count                       */
} s_groups[GROUPS] = {
    [GROUP_TYPE] = {"type", "e.type", "c DESC, k"},
    [GROUP_SOURCE] = {"source", "e.source", "c DESC, k"},
    [GROUP_TARGET] = {"target", "t.target", "c DESC, k"},
    [GROUP_PRIORITY] = {"priority", "e.priority", "c DESC, k"},
    [GROUP_HOUR] = {"hour", "e.ts / 3600000000", "k"},
    [GROUP_DAY] = {"day", "e.ts / 86400000000", "k"},
};

static covey_err_t
s_find_group (const char *name, s_group_t *group_p, covey_errbuf_t *err)
{
    for (int i = 0; i < GROUPS; i++)
        if (!name || strcmp (name, s_groups[i].name) == 0) {
            *group_p = (s_group_t)i;
            return COVEY_OK;
        }
    return covey_fail (err, COVEY_INVALID,
                       "groupBy \"%.60s\" is none of type, source, target, "
                       "priority, hour, day",
                       name);
}

/* ---- what is counted ---------------------------------------------------- */

static covey_err_t
s_check (const Covey__Store__StatsQuery *query, covey_errbuf_t *err)
{
    if (query->has_since && query->has_until && query->since >= query->until)
        return covey_fail (err, COVEY_INVALID,
                           "since is not before until: no event can match");
    if (query->has_min_count && query->min_count < 0)
        return covey_fail (err, COVEY_INVALID,
                           "minCount %lld is out of range, allowed is 0 and up",
                           (long long)query->min_count);
    return COVEY_OK;
}

/*  FROM and WHERE. A time range alone reads rows by offset; types, or nothing,
    read the index on types.                                                  */
static covey_err_t
s_where (covey_i_where_t *where, const Covey__Store__StatsQuery *query,
         bool targets, covey_errbuf_t *err)
{
    bool by_time = (query->has_since || query->has_until) && !query->n_types;
    if (targets)
        covey_buf_puts (&where->sql,
                        " FROM targets t CROSS JOIN events e NOT INDEXED"
                        " ON e.offset = t.offset");
    else
        covey_buf_puts (&where->sql,
                        by_time ? " FROM events e NOT INDEXED"
                                : " FROM events e INDEXED BY events_type");
    covey_buf_puts (&where->sql, " WHERE e.offset >= ?1 AND e.offset <= ?2"
                                 " AND e.ts >= ?3 AND e.ts < ?4");
    return covey_i_where_types (where, query->types, query->n_types, err);
}

/*  First and last offset that can lie in the time range.                    */
static covey_err_t
s_bind_range (covey_journal_t *self, sqlite3_stmt *statement,
              const Covey__Store__StatsQuery *query, covey_errbuf_t *err)
{
    int64_t since = query->has_since ? query->since : INT64_MIN;
    int64_t until = query->has_until ? query->until : INT64_MAX;
    int64_t span[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        sqlite3_stmt *find = covey_i_journal_statement (
            self, i ? COVEY_I_SPAN_BEFORE : COVEY_I_SPAN_AFTER, err);
        if (!find)
            return COVEY_CORRUPT;
        sqlite3_bind_int64 (find, 1, i ? INT64_MAX : 0);
        sqlite3_bind_int64 (find, 2, since);
        sqlite3_bind_int64 (find, 3, until);
        int rc = sqlite3_step (find);
        span[i] = rc == SQLITE_ROW ? sqlite3_column_int64 (find, 0) : i - 2;
        sqlite3_reset (find);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            return covey_i_journal_fail (self, rc, "counting in journal", err);
    }
    /* none: spans -2 and -1, offsets below zero */
    sqlite3_bind_int64 (statement, 1, span[0] * (1 << COVEY_I_SPAN_SHIFT));
    sqlite3_bind_int64 (statement, 2,
                        (span[1] + 1) * (1 << COVEY_I_SPAN_SHIFT) - 1);
    sqlite3_bind_int64 (statement, 3, since);
    sqlite3_bind_int64 (statement, 4, until);
    return COVEY_OK;
}

/*  Prepared, bound and inside a snapshot, or nothing of it.                 */
static covey_err_t
s_start (covey_journal_t *self, covey_i_where_t *where,
         const Covey__Store__StatsQuery *query, sqlite3_stmt **statement_p,
         covey_errbuf_t *err)
{
    covey_err_t rc = covey_i_journal_begin_read (self, err);
    if (rc != COVEY_OK)
        return rc;
    rc = covey_i_where_prepare (where, self, statement_p, err);
    if (rc == COVEY_OK)
        rc = s_bind_range (self, *statement_p, query, err);
    if (rc != COVEY_OK) {
        sqlite3_finalize (*statement_p);
        covey_i_journal_end_read (self);
    }
    return rc;
}

static covey_err_t
s_finish (covey_journal_t *self, sqlite3_stmt *statement, int rc,
          covey_errbuf_t *err)
{
    sqlite3_finalize (statement);
    covey_i_journal_end_read (self);
    return rc == SQLITE_DONE || rc == SQLITE_ROW
               ? COVEY_OK
               : covey_i_journal_fail (self, rc, "counting in journal", err);
}

/* ---- stats -------------------------------------------------------------- */

static char *
s_column_text (sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text (statement, column);
    return covey_str_dup (text ? (const char *)text : "");
}

static char *
s_type_text (sqlite3_stmt *statement, int column)
{
    int type = sqlite3_column_int (statement, column);
    const char *name = covey_event_type_name (type);
    char text[32];
    sqlite3_snprintf ((int)sizeof text, text, "unknown:%d", type);
    return covey_str_dup (name ? name : text);
}

/*  "2026-11-23" of a day, or the time its hour begins.                      */
static char *
s_time_text (int64_t number, bool is_day)
{
    char text[40];
    covey_str_time (number * (is_day ? DAY_US : HOUR_US), text);
    if (is_day)
        text[10] = '\0';
    return covey_str_dup (text);
}

static Covey__Store__StatsRow *
s_stats_row (s_group_t group, sqlite3_stmt *statement)
{
    char text[24];
    int64_t key = sqlite3_column_int64 (statement, 0);
    Covey__Store__StatsRow *row = covey_mem_new (sizeof *row);
    covey__store__stats_row__init (row);
    row->count = sqlite3_column_int64 (statement, 1);
    switch (group) {
        case GROUP_TYPE:
            row->type = s_type_text (statement, 0);
            break;
        case GROUP_SOURCE:
            row->source = s_column_text (statement, 0);
            break;
        case GROUP_TARGET:
            row->target = s_column_text (statement, 0);
            break;
        case GROUP_PRIORITY:
            row->priority = covey_str_dup (covey_i_priority_name (key, text));
            break;
        case GROUP_HOUR:
            row->hour = s_time_text (key, false);
            break;
        case GROUP_DAY:
        case GROUPS:
            row->day = s_time_text (key, true);
            break;
    }
    return row;
}

covey_err_t
covey_journal_stats (covey_journal_t *self,
                     const Covey__Store__StatsQuery *query,
                     Covey__Store__StatsResult **result_p, covey_errbuf_t *err)
{
    s_group_t group = GROUP_TYPE;
    covey_i_where_t where;
    sqlite3_stmt *statement = NULL;
    covey_err_t code = s_check (query, err);
    if (code == COVEY_OK)
        code = s_find_group (query->group_by, &group, err);
    if (code != COVEY_OK)
        return code;
    covey_i_where_init (&where, 5);
    covey_buf_printf (&where.sql, "SELECT %s AS k, count (*) AS c",
                      s_groups[group].key);
    code = s_where (&where, query, group == GROUP_TARGET, err);
    covey_buf_printf (&where.sql,
                      " GROUP BY k HAVING c >= ? ORDER BY %s LIMIT ?",
                      s_groups[group].order);
    covey_i_where_number (&where, query->min_count);
    covey_i_where_number (&where, COVEY_I_STATS_ROWS_MAX);
    if (code == COVEY_OK)
        code = s_start (self, &where, query, &statement, err);
    covey_i_where_deinit (&where);
    if (code != COVEY_OK)
        return code;

    Covey__Store__StatsResult *result = covey_mem_new (sizeof *result);
    size_t capacity = 0;
    int rc;
    covey__store__stats_result__init (result);
    while ((rc = sqlite3_step (statement)) == SQLITE_ROW) {
        result->rows = covey_mem_room (result->rows, result->n_rows, &capacity,
                                       sizeof (Covey__Store__StatsRow *));
        result->rows[result->n_rows++] = s_stats_row (group, statement);
    }
    code = s_finish (self, statement, rc, err);
    if (code == COVEY_OK)
        *result_p = result;
    else
        covey__store__stats_result__free_unpacked (result, NULL);
    return code;
}

/* ---- aggregates --------------------------------------------------------- */

static Covey__Store__AggregateRow *
s_aggregate_row (sqlite3_stmt *statement)
{
    Covey__Store__AggregateRow *row = covey_mem_new (sizeof *row);
    covey__store__aggregate_row__init (row);
    row->type = s_type_text (statement, 0);
    row->count = sqlite3_column_int64 (statement, 1);
    row->first_seen = sqlite3_column_int64 (statement, 2);
    row->last_seen = sqlite3_column_int64 (statement, 3);
    row->sources = sqlite3_column_int64 (statement, 4);
    if (row->last_seen > row->first_seen) {
        row->has_rate = 1;
        row->rate = (double)(row->count - 1) * 1e6 /
                    ((double)row->last_seen - (double)row->first_seen);
    }
    return row;
}

covey_err_t
covey_journal_aggregates (covey_journal_t *self,
                          const Covey__Store__StatsQuery *query,
                          Covey__Store__AggregatesResult **result_p,
                          covey_errbuf_t *err)
{
    covey_i_where_t where;
    sqlite3_stmt *statement = NULL;
    covey_err_t code = s_check (query, err);
    if (code != COVEY_OK)
        return code;
    covey_i_where_init (&where, 5);
    covey_buf_puts (&where.sql, "SELECT e.type AS k, count (*) AS c,"
                                " min (e.ts), max (e.ts),"
                                " count (DISTINCT e.source)");
    code = s_where (&where, query, false, err);
    covey_buf_puts (&where.sql, " GROUP BY k HAVING c >= ?"
                                " ORDER BY c DESC, k LIMIT ?");
    covey_i_where_number (&where, query->min_count);
    covey_i_where_number (&where, COVEY_I_STATS_ROWS_MAX);
    if (code == COVEY_OK)
        code = s_start (self, &where, query, &statement, err);
    covey_i_where_deinit (&where);
    if (code != COVEY_OK)
        return code;

    Covey__Store__AggregatesResult *result = covey_mem_new (sizeof *result);
    size_t capacity = 0;
    int rc;
    covey__store__aggregates_result__init (result);
    while ((rc = sqlite3_step (statement)) == SQLITE_ROW) {
        result->rows = covey_mem_room (result->rows, result->n_rows, &capacity,
                                       sizeof (Covey__Store__AggregateRow *));
        result->rows[result->n_rows++] = s_aggregate_row (statement);
    }
    code = s_finish (self, statement, rc, err);
    if (code == COVEY_OK)
        *result_p = result;
    else
        covey__store__aggregates_result__free_unpacked (result, NULL);
    return code;
}
