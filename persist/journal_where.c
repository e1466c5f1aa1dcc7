/*  The SQL of a filter: fixed fragments in the text, values only as parameters.

    Which index serves a filter is decided here and said to SQLite (INDEXED
    BY), by how few rows a value of the field has as a rule: an id one, a
    correlation id a handful, a type the most. The others are checked per row.
 */
#include "persist/journal_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SQL_MAX (1u << 20)

static const char *const s_priorities[] = {"low", "normal", "high", "critical"};

const char *
covey_i_priority_name (int64_t priority, char text[24])
{
    if (priority >= 0 && priority <= COVEY_PRIORITY_CRITICAL)
        return s_priorities[priority];
    sqlite3_snprintf (24, text, "unknown:%lld", (long long)priority);
    return text;
}

static covey_err_t
s_priority_number (const char *name, int64_t *number_p, covey_errbuf_t *err)
{
    for (int i = 0; i <= COVEY_PRIORITY_CRITICAL; i++)
        if (strcmp (name, s_priorities[i]) == 0) {
            *number_p = i;
            return COVEY_OK;
        }
    return covey_fail (err, COVEY_INVALID,
                       "priority \"%.60s\" is none of low, normal, high, "
                       "critical",
                       name);
}

/* ---- the list of what is bound ------------------------------------------ */

void
covey_i_where_init (covey_i_where_t *self, int first_bind)
{
    memset (self, 0, sizeof *self);
    covey_buf_init (&self->sql, SQL_MAX);
    self->first_bind = first_bind;
}

void
covey_i_where_deinit (covey_i_where_t *self)
{
    covey_buf_deinit (&self->sql);
    free (self->binds);
    free (self->ids);
}

static covey_i_bind_t *
s_bind (covey_i_where_t *self)
{
    self->binds = covey_mem_room (self->binds, self->bind_count,
                                  &self->bind_capacity, sizeof *self->binds);
    covey_i_bind_t *bind = &self->binds[self->bind_count++];
    memset (bind, 0, sizeof *bind);
    return bind;
}

void
covey_i_where_number (covey_i_where_t *self, int64_t number)
{
    s_bind (self)->number = number;
}

static void
s_bind_text (covey_i_where_t *self, const char *text)
{
    covey_i_bind_t *bind = s_bind (self);
    bind->data = text;
    bind->size = strlen (text);
    bind->is_text = true;
}

/*  "?,?,…" for `count` values.                                              */
static void
s_marks (covey_i_where_t *self, size_t count)
{
    for (size_t i = 0; i < count; i++)
        covey_buf_puts (&self->sql, i ? ",?" : "?");
}

covey_err_t
covey_i_where_prepare (covey_i_where_t *self, covey_journal_t *journal,
                       sqlite3_stmt **out_p, covey_errbuf_t *err)
{
    assert (!self->sql.failed);
    int rc = sqlite3_prepare_v2 (journal->db, (const char *)self->sql.data,
                                 (int)self->sql.size, out_p, NULL);
    for (size_t i = 0; i < self->bind_count && rc == SQLITE_OK; i++) {
        const covey_i_bind_t *bind = &self->binds[i];
        int at = self->first_bind + (int)i;
        if (!bind->data)
            rc = sqlite3_bind_int64 (*out_p, at, bind->number);
        else if (bind->is_text)
            rc = sqlite3_bind_text (*out_p, at, bind->data, (int)bind->size,
                                    SQLITE_STATIC);
        else
            rc = sqlite3_bind_blob (*out_p, at, bind->data, (int)bind->size,
                                    SQLITE_TRANSIENT);
    }
    if (rc == SQLITE_OK)
        return COVEY_OK;
    covey_err_t code =
        covey_i_journal_fail (journal, rc, "querying journal", err);
    sqlite3_finalize (*out_p);
    *out_p = NULL;
    return code;
}

/* ---- conditions --------------------------------------------------------- */

static covey_err_t
s_check_list (const char *name, size_t count, covey_errbuf_t *err)
{
    if (count <= COVEY_LIST_MAX)
        return COVEY_OK;
    return covey_fail (err, COVEY_LIMIT, "%s has %zu entries, allowed are %d",
                       name, count, COVEY_LIST_MAX);
}

/*  `head` opens the condition, `tail` closes it behind the values.          */
static covey_err_t
s_texts (covey_i_where_t *self, const char *name, char *const *values,
         size_t count, const char *head, const char *tail, covey_errbuf_t *err)
{
    if (!count)
        return COVEY_OK;
    covey_err_t rc = s_check_list (name, count, err);
    if (rc != COVEY_OK)
        return rc;
    covey_buf_puts (&self->sql, head);
    s_marks (self, count);
    covey_buf_puts (&self->sql, tail);
    for (size_t i = 0; i < count; i++)
        s_bind_text (self, values[i]);
    return COVEY_OK;
}

covey_err_t
covey_i_where_types (covey_i_where_t *self, char *const *types, size_t count,
                     covey_errbuf_t *err)
{
    if (!count)
        return COVEY_OK;
    covey_err_t rc = s_check_list ("types", count, err);
    if (rc != COVEY_OK)
        return rc;
    covey_buf_puts (&self->sql, " AND e.type IN (");
    s_marks (self, count);
    covey_buf_puts (&self->sql, ")");
    for (size_t i = 0; i < count; i++) {
        int number = covey_event_type_number (types[i]);
        if (!number)
            return covey_fail (err, COVEY_INVALID,
                               "type \"%.100s\" does not exist; they read like "
                               "task:completed",
                               types[i]);
        covey_i_where_number (self, number);
    }
    return COVEY_OK;
}

/*  The partial index on priorities holds all but normal, and SQLite wants to
    read that in the statement.                                               */
static bool
s_priorities_indexed (const Covey__Store__EventQuery *query)
{
    for (size_t i = 0; i < query->n_priorities; i++)
        if (strcmp (query->priorities[i],
                    s_priorities[COVEY_PRIORITY_NORMAL]) == 0)
            return false;
    return query->n_priorities > 0;
}

static covey_err_t
s_where_priorities (covey_i_where_t *self,
                    const Covey__Store__EventQuery *query, covey_errbuf_t *err)
{
    if (!query->n_priorities)
        return COVEY_OK;
    covey_err_t rc = s_check_list ("priorities", query->n_priorities, err);
    if (s_priorities_indexed (query))
        covey_buf_puts (&self->sql, " AND e.priority <> 1");
    covey_buf_puts (&self->sql, " AND e.priority IN (");
    s_marks (self, query->n_priorities);
    covey_buf_puts (&self->sql, ")");
    for (size_t i = 0; i < query->n_priorities && rc == COVEY_OK; i++) {
        int64_t number = 0;
        rc = s_priority_number (query->priorities[i], &number, err);
        covey_i_where_number (self, number);
    }
    return rc;
}

static covey_err_t
s_where_ids (covey_i_where_t *self, const Covey__Store__EventQuery *query,
             covey_errbuf_t *err)
{
    if (!query->n_ids)
        return COVEY_OK;
    covey_err_t rc = s_check_list ("ids", query->n_ids, err);
    if (rc != COVEY_OK)
        return rc;
    covey_buf_puts (&self->sql, " AND e.id IN (");
    s_marks (self, query->n_ids);
    covey_buf_puts (&self->sql, ")");
    self->ids = covey_mem_new (query->n_ids * 16);
    for (size_t i = 0; i < query->n_ids; i++) {
        uint8_t *id = self->ids + 16 * i;
        if (covey_id_parse (query->ids[i], id) != COVEY_OK)
            return covey_fail (err, COVEY_INVALID,
                               "id \"%.60s\" is not an event id; they read "
                               "like 01890a5d-ac96-774b-bcce-b302099a8057",
                               query->ids[i]);
        covey_i_bind_t *bind = s_bind (self);
        bind->data = id;
        bind->size = 16;
    }
    return COVEY_OK;
}

static void
s_where_times (covey_i_where_t *self, const Covey__Store__EventQuery *query)
{
    if (query->has_since) {
        covey_buf_puts (&self->sql, " AND e.ts >= ?");
        covey_i_where_number (self, query->since);
    }
    if (query->has_until) {
        covey_buf_puts (&self->sql, " AND e.ts < ?");
        covey_i_where_number (self, query->until);
    }
}

/*  Each tag is a condition of its own. The window's parameters are repeated,
    so that a tag of many rows is read for the window only.                   */
static covey_err_t
s_where_tags (covey_i_where_t *self, const Covey__Store__EventQuery *query,
              covey_errbuf_t *err)
{
    covey_err_t rc = s_check_list ("tags", query->n_tags, err);
    for (size_t i = 0; i < query->n_tags && rc == COVEY_OK; i++)
        rc = s_texts (self, "tags", &query->tags[i], 1,
                      " AND e.offset IN (SELECT offset FROM tags WHERE"
                      " tag IN (",
                      ") AND offset > ?1 AND offset <= ?2)", err);
    return rc;
}

covey_err_t
covey_i_where_query (covey_i_where_t *self,
                     const Covey__Store__EventQuery *query, covey_errbuf_t *err)
{
    covey_err_t rc = s_where_ids (self, query, err);
    if (rc == COVEY_OK)
        rc = s_texts (self, "correlationIds", query->correlation_ids,
                      query->n_correlation_ids, " AND e.correlation IN (", ")",
                      err);
    if (rc == COVEY_OK)
        rc = s_texts (self, "sessionIds", query->session_ids,
                      query->n_session_ids, " AND e.session IN (", ")", err);
    if (rc == COVEY_OK)
        rc = s_texts (self, "targets", query->targets, query->n_targets,
                      " AND e.offset IN (SELECT offset FROM targets WHERE"
                      " target IN (",
                      ") AND offset > ?1 AND offset <= ?2)", err);
    if (rc == COVEY_OK)
        rc = s_where_tags (self, query, err);
    if (rc == COVEY_OK)
        rc = s_texts (self, "sources", query->sources, query->n_sources,
                      " AND e.source IN (", ")", err);
    if (rc == COVEY_OK)
        rc = covey_i_where_types (self, query->types, query->n_types, err);
    if (rc == COVEY_OK)
        rc = s_where_priorities (self, query, err);
    if (rc == COVEY_OK)
        s_where_times (self, query);
    return rc;
}

const char *
covey_i_where_table (const Covey__Store__EventQuery *query)
{
    if (query->n_ids)
        return "events e INDEXED BY events_id";
    if (query->n_correlation_ids)
        return "events e INDEXED BY events_correlation";
    if (query->n_targets || query->n_tags)
        return "events e NOT INDEXED"; /* by offset, from the lists */
    if (query->n_session_ids)
        return "events e INDEXED BY events_session";
    if (query->n_sources)
        return "events e INDEXED BY events_source";
    if (query->n_types)
        return "events e INDEXED BY events_type";
    if (s_priorities_indexed (query))
        return "events e INDEXED BY events_priority";
    return "events e NOT INDEXED"; /* by offset, from the spans */
}
