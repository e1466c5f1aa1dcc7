/*  Queries and statistics against a naive model of the same events.         */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/prng.h"
#include "persist/journal_i.h"
#include "tests/support/support_journal.h"

#define EVENTS 4000
#define BASE_US INT64_C (1700000000000000)
#define STEP_US INT64_C (1000000)
#define COUNT(a) (sizeof (a) / sizeof *(a))

static const uint8_t s_origin[16] = "origin----------";
static const int s_types[] = {COVEY_EVENT_MESSAGE_SENT,
                              COVEY_EVENT_TASK_STARTED, COVEY_EVENT_BROADCAST,
                              COVEY_EVENT_SYSTEM_INFO};
static const char *const s_agents[] = {"ant", "bee", "cow", "dog", "eel"};
static const char *const s_tags[] = {"red", "green", "blue"};
static const char *const s_correlations[] = {"c1", "c2", "c3",
                                             "c4", NULL, NULL};
static const char *const s_sessions[] = {"s1", "s2", NULL, NULL};
static const char *const s_words[] = {"needle", "hay \"quoted\"", "straw"};
static const char *const s_priorities[] = {"low", "normal", "high", "critical"};

typedef struct {
    support_event_t events[EVENTS + 1]; /* by offset                          */
    bool gone[EVENTS + 1], processed[EVENTS + 1];
    covey_journal_t *journal;
    covey_prng_t prng;
    covey_errbuf_t err;
} s_model_t;

static size_t
s_below (s_model_t *self, size_t bound)
{
    return (size_t)covey_prng_below (&self->prng, bound);
}

#define PICK(self, list) (list)[s_below (self, COUNT (list))]

static support_event_t
s_random_event (s_model_t *self, uint64_t number)
{
    support_event_t event = {.number = number,
                             .type = PICK (self, s_types),
                             .source = PICK (self, s_agents),
                             .correlation = PICK (self, s_correlations),
                             .session = PICK (self, s_sessions),
                             .priority =
                                 s_below (self, 4) ? 1 : (int)s_below (self, 4),
                             .text = PICK (self, s_words),
                             .ts = BASE_US + (int64_t)number * STEP_US};
    if (s_below (self, 50) == 0) /* a clock that is wrong by far */
        event.ts += (int64_t)s_below (self, EVENTS) * STEP_US - EVENTS / 2;
    for (size_t i = s_below (self, 4); i > 0; i--)
        event.targets[i - 1] = PICK (self, s_agents);
    for (size_t i = s_below (self, 3); i > 0; i--)
        event.tags[i - 1] = PICK (self, s_tags);
    if (s_below (self, 10) == 0)
        event.ttl_ms = 1000;
    return event;
}

static void
s_ok (s_model_t *self, covey_err_t rc)
{
    if (rc != COVEY_OK)
        fail_msg ("%s: %s", covey_err_name (rc), self->err.text);
}

static int
s_set_up (void **state)
{
    s_model_t *self = calloc (1, sizeof *self);
    uint64_t seed = getenv ("COVEY_SEED")
                        ? strtoull (getenv ("COVEY_SEED"), NULL, 10)
                        : covey_clock_seed ();
    print_message ("COVEY_SEED=%llu\n", (unsigned long long)seed);
    covey_prng_init (&self->prng, seed);
    s_ok (self, covey_journal_open (NULL, COVEY_JOURNAL_MEMORY, &self->journal,
                                    &self->err));
    s_ok (self, covey_journal_begin (self->journal, &self->err));
    for (uint64_t i = 1; i <= EVENTS; i++) {
        int64_t offset;
        self->events[i] = s_random_event (self, i);
        s_ok (self, support_append (self->journal, &self->events[i], s_origin,
                                    i, &offset, &self->err));
    }
    s_ok (self, covey_journal_commit (self->journal, &self->err));
    for (int i = 0; i < 100; i++) {
        size_t at = 1 + s_below (self, EVENTS);
        uint8_t id[16];
        support_event_id (at, id);
        s_ok (self, covey_journal_mark (self->journal, id, &self->err));
        self->processed[at] = true;
    }
    size_t count;
    int64_t old = BASE_US + EVENTS / 20 * STEP_US;
    s_ok (self, covey_journal_delete (self->journal, old, EVENTS - 100,
                                      SIZE_MAX, &count, &self->err));
    for (size_t i = 1; i <= EVENTS - 100; i++)
        self->gone[i] = self->events[i].ts < old;
    *state = self;
    return 0;
}

static int
s_tear_down (void **state)
{
    s_model_t *self = *state;
    covey_journal_close (&self->journal);
    free (self);
    return 0;
}

/* ---- the naive answer --------------------------------------------------- */

static bool
s_in (const char *value, char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (value && strcmp (value, list[i]) == 0)
            return true;
    return count == 0;
}

static bool
s_any_in (const char *const values[4], char *const *list, size_t count)
{
    for (size_t i = 0; i < 4 && values[i]; i++)
        if (s_in (values[i], list, count))
            return true;
    return count == 0;
}

static bool
s_matches (const s_model_t *self, size_t offset,
           const Covey__Store__EventQuery *query)
{
    const support_event_t *event = &self->events[offset];
    char id_text[37];
    uint8_t id[16];
    support_event_id (event->number, id);
    covey_id_text (id, id_text);
    for (size_t i = 0; i < query->n_tags; i++)
        if (!s_any_in (event->tags, &query->tags[i], 1))
            return false;
    return !self->gone[offset] &&
           s_in (covey_event_type_name (event->type), query->types,
                 query->n_types) &&
           s_in (event->source, query->sources, query->n_sources) &&
           s_any_in (event->targets, query->targets, query->n_targets) &&
           s_in (event->correlation, query->correlation_ids,
                 query->n_correlation_ids) &&
           s_in (event->session, query->session_ids, query->n_session_ids) &&
           s_in (s_priorities[event->priority], query->priorities,
                 query->n_priorities) &&
           s_in (id_text, query->ids, query->n_ids) &&
           (!query->has_since || event->ts >= query->since) &&
           (!query->has_until || event->ts < query->until) &&
           (!query->text || strstr (event->text, query->text)) &&
           (!query->has_after_offset ||
            (int64_t)offset > query->after_offset) &&
           (!query->has_before_offset ||
            (int64_t)offset < query->before_offset);
}

/* ---- random filters ----------------------------------------------------- */

typedef struct {
    Covey__Store__EventQuery query;
    char *lists[8][3];
    char ids[3][37];
} s_filter_t;

/*  1 to 3 entries of `words`, or none.                                      */
static size_t
s_random_list (s_model_t *self, char **list, const char *const *words,
               size_t count, size_t odds)
{
    if (s_below (self, odds))
        return 0;
    size_t n = 1 + s_below (self, 3);
    for (size_t i = 0; i < n; i++) {
        const char *word = words[s_below (self, count)];
        list[i] = (char *)(uintptr_t)(word ? word : "unheard of");
    }
    return n;
}

static void
s_random_filter (s_model_t *self, s_filter_t *filter)
{
    Covey__Store__EventQuery *query = &filter->query;
    const char *types[COUNT (s_types)];
    for (size_t i = 0; i < COUNT (s_types); i++)
        types[i] = covey_event_type_name (s_types[i]);
    covey__store__event_query__init (query);
#define LIST(field, n, words)        \
    query->field = filter->lists[n]; \
    query->n_##field =               \
        s_random_list (self, filter->lists[n], words, COUNT (words), 5)
    LIST (types, 0, types);
    LIST (sources, 1, s_agents);
    LIST (targets, 2, s_agents);
    LIST (correlation_ids, 3, s_correlations);
    LIST (session_ids, 4, s_sessions);
    LIST (tags, 5, s_tags);
    LIST (priorities, 6, s_priorities);
    if (s_below (self, 10) == 0) {
        query->ids = filter->lists[7];
        query->n_ids = 1 + s_below (self, 3);
        for (size_t i = 0; i < query->n_ids; i++) {
            uint8_t id[16];
            support_event_id (s_below (self, EVENTS + 10), id);
            covey_id_text (id, filter->ids[i]);
            filter->lists[7][i] = filter->ids[i];
        }
    }
    if (s_below (self, 3) == 0) {
        query->has_since = 1;
        query->since = BASE_US + (int64_t)s_below (self, EVENTS) * STEP_US;
    }
    if (s_below (self, 3) == 0) {
        query->has_until = 1;
        query->until = (query->has_since ? query->since : BASE_US) + 1 +
                       (int64_t)s_below (self, EVENTS / 2) * STEP_US;
    }
    if (s_below (self, 6) == 0)
        query->text = (char *)(uintptr_t)(s_below (self, 2) ? "eed" : "straw");
    if (s_below (self, 4) == 0) {
        query->has_after_offset = 1;
        query->after_offset = (int64_t)s_below (self, EVENTS + 50);
    }
    if (s_below (self, 4) == 0) {
        query->has_before_offset = 1;
        query->before_offset = (int64_t)s_below (self, EVENTS + 50);
    }
    query->has_newest_first = 1;
    query->newest_first = s_below (self, 2) != 0;
    query->has_limit = 1;
    query->limit = (uint32_t)(1 + s_below (self, s_below (self, 2) ? 60 : 900));
    query->has_skip = 1;
    query->skip = s_below (self, 3) ? 0 : (uint32_t)s_below (self, 50);
}

/* ---- the pages ---------------------------------------------------------- */

typedef struct {
    s_model_t *model;
    int64_t offsets[EVENTS];
    size_t count, end_at;
} s_result_t;

static bool
s_on_row (void *arg, const Covey__Store__EventRow *row)
{
    s_result_t *result = arg;
    const support_event_t *event = &result->model->events[row->offset];
    covey_peek_t peek;
    assert_int_equal (covey_peek (row->event.data, row->event.len, &peek),
                      COVEY_OK);
    assert_int_equal (peek.timestamp_us, event->ts);
    assert_int_equal (row->processed, result->model->processed[row->offset]);
    assert_int_equal (row->expired, event->ttl_ms == 1000);
    result->offsets[result->count++] = row->offset;
    return result->count != result->end_at;
}

static bool
s_on_offset (void *arg, const Covey__Store__EventRow *row)
{
    s_result_t *result = arg;
    result->offsets[result->count++] = row->offset;
    return true;
}

/*  Page by page to the end.                                                 */
static void
s_query_all (s_model_t *self, Covey__Store__EventQuery query, size_t bytes_max,
             s_result_t *result)
{
    Covey__Store__EventPage page = COVEY__STORE__EVENT_PAGE__INIT;
    result->model = self;
    result->count = 0;
    do {
        size_t before = result->count;
        result->end_at = result->count + 1 + s_below (self, 500);
        s_ok (self, covey_journal_query (self->journal, &query, bytes_max,
                                         s_on_row, result, &page, &self->err));
        assert_true (result->count - before <= query.limit);
        assert_true (page.has_next_offset && page.has_scanned_offset);
        if (query.newest_first) {
            assert_true (!query.has_before_offset ||
                         page.next_offset <= query.before_offset);
            query.has_before_offset = 1;
            query.before_offset = page.next_offset;
        } else {
            assert_true (!query.has_after_offset ||
                         page.next_offset >= query.after_offset);
            query.has_after_offset = 1;
            query.after_offset = page.next_offset;
        }
        query.skip = 0;
    } while (page.more);
}

static void
s_compare (s_model_t *self, const Covey__Store__EventQuery *query,
           const s_result_t *result)
{
    size_t skip = query->skip, at = 0;
    for (size_t i = 1; i <= EVENTS; i++) {
        size_t offset = query->newest_first ? EVENTS + 1 - i : i;
        if (!s_matches (self, offset, query))
            continue;
        if (skip) {
            skip--;
            continue;
        }
        if (at == result->count || result->offsets[at] != (int64_t)offset)
            fail_msg ("row %zu should be offset %zu, is %lld of %zu", at,
                      offset,
                      at < result->count ? (long long)result->offsets[at] : -1,
                      result->count);
        at++;
    }
    assert_int_equal (at, result->count);
}

static void
test_random_filters_find_what_the_model_finds (void **state)
{
    s_model_t *self = *state;
    s_result_t *result = calloc (1, sizeof *result);
    size_t found = 0;
    for (int i = 0; i < 150; i++) {
        s_filter_t filter;
        s_random_filter (self, &filter);
        s_query_all (self, filter.query, s_below (self, 4) ? 100000 : 300,
                     result);
        s_compare (self, &filter.query, result);
        found += result->count > 0;
    }
    assert_true (found > 20); /* narrower filters would prove little */
    free (result);
}

/*  Each time is found, whatever span it is in, from both ends.              */
static void
test_every_instant_is_found (void **state)
{
    s_model_t *self = *state;
    s_result_t *result = calloc (1, sizeof *result);
    for (size_t i = 1; i <= EVENTS; i += 3) {
        Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
        query.has_since = query.has_until = query.has_limit = 1;
        query.since = self->events[i].ts;
        query.until = query.since + 1;
        query.limit = 100;
        query.newest_first = i % 2;
        s_query_all (self, query, SIZE_MAX, result);
        s_compare (self, &query, result);
    }
    free (result);
}

static void
test_page_says_where_it_looked (void **state)
{
    s_model_t *self = *state;
    Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
    Covey__Store__EventPage page = COVEY__STORE__EVENT_PAGE__INIT;
    s_result_t *result = calloc (1, sizeof *result);
    char *nobody[] = {(char *)(uintptr_t) "nobody"};
    result->model = self;
    query.sources = nobody;
    query.n_sources = 1;
    s_ok (self, covey_journal_query (self->journal, &query, 1000, s_on_row,
                                     result, &page, &self->err));
    assert_int_equal (result->count, 0);
    assert_false (page.more);
    assert_int_equal (page.scanned_offset, EVENTS);
    query.has_after_offset = 1;
    query.after_offset = EVENTS + 7;
    s_ok (self, covey_journal_query (self->journal, &query, 1000, s_on_row,
                                     result, &page, &self->err));
    assert_int_equal (page.scanned_offset, EVENTS + 7);
    free (result);
}

/*  More offsets than one window has, few that match.                        */
static void
test_rare_rows_are_found_far_apart (void **state)
{
    s_model_t *self = *state;
    covey_journal_t *journal = NULL;
    s_result_t *result = calloc (1, sizeof *result);
    s_ok (self, covey_journal_open (NULL, COVEY_JOURNAL_MEMORY, &journal,
                                    &self->err));
    s_ok (self, covey_journal_begin (journal, &self->err));
    for (uint64_t i = 1; i <= 100000; i++) {
        bool rare = i == 3 || i == 70000 || i == 99999;
        support_event_t event = {.number = i,
                                 .ts = BASE_US + (int64_t)i,
                                 .source = rare ? "rare" : "usual",
                                 .tags = {rare ? "rare" : NULL}};
        int64_t offset;
        s_ok (self, support_append (journal, &event, s_origin, i, &offset,
                                    &self->err));
    }
    s_ok (self, covey_journal_commit (journal, &self->err));
    for (int i = 0; i < 8; i++) {
        Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
        Covey__Store__EventPage page = COVEY__STORE__EVENT_PAGE__INIT;
        char *rare[] = {(char *)(uintptr_t) "rare"};
        query.sources = query.tags = rare;
        query.n_sources = i < 4;
        query.n_tags = i >= 4;
        query.newest_first = i & 1;
        query.has_since = (i & 2) != 0;
        query.since = BASE_US + 4;
        result->count = 0;
        s_ok (self, covey_journal_query (journal, &query, SIZE_MAX, s_on_offset,
                                         result, &page, &self->err));
        assert_int_equal (result->count, i & 2 ? 2 : 3);
        assert_int_equal (result->offsets[0], i & 1   ? 99999
                                              : i & 2 ? 70000
                                                      : 3);
        assert_false (page.more);
    }
    covey_journal_close (&journal);
    free (result);
}

static void
test_default_limit_is_one_hundred (void **state)
{
    s_model_t *self = *state;
    Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
    Covey__Store__EventPage page = COVEY__STORE__EVENT_PAGE__INIT;
    s_result_t *result = calloc (1, sizeof *result);
    result->model = self;
    s_ok (self, covey_journal_query (self->journal, &query, SIZE_MAX, s_on_row,
                                     result, &page, &self->err));
    assert_int_equal (result->count, COVEY_I_QUERY_LIMIT);
    assert_true (page.more);
    assert_int_equal (page.next_offset, result->offsets[result->count - 1]);
    free (result);
}

static void
test_bad_filters_name_the_value (void **state)
{
    s_model_t *self = *state;
    char *bad[] = {(char *)(uintptr_t) "task:strated"};
    static const char *const words[] = {"task:strated", "task:strated",
                                        "task:strated", "10001",
                                        "since",        "entries"};
    char *many[COVEY_LIST_MAX + 1];
    for (size_t i = 0; i < COUNT (many); i++)
        many[i] = (char *)(uintptr_t) "x";
    for (int i = 0; i < 6; i++) {
        Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
        Covey__Store__EventPage page = COVEY__STORE__EVENT_PAGE__INIT;
        query.n_types = i == 0;
        query.n_priorities = i == 1;
        query.n_ids = i == 2;
        query.types = query.priorities = query.ids = bad;
        query.has_limit = 1;
        query.limit = i == 3 ? 10001 : 10000;
        query.has_since = query.has_until = i == 4;
        query.n_sources = i == 5 ? COUNT (many) : 0;
        query.sources = many;
        covey_err_t rc = covey_journal_query (
            self->journal, &query, 1000, s_on_row, NULL, &page, &self->err);
        assert_int_equal (rc, i == 5 ? COVEY_LIMIT : COVEY_INVALID);
        assert_non_null (strstr (self->err.text, words[i]));
    }
}

/* ---- indexes ------------------------------------------------------------ */

/*  The plan of a statement as text.                                         */
static void
s_explain (s_model_t *self, covey_i_where_t *where, char text[1024])
{
    covey_i_where_t explain;
    sqlite3_stmt *statement = NULL;
    covey_i_where_init (&explain, where->first_bind);
    covey_buf_puts (&explain.sql, "EXPLAIN QUERY PLAN ");
    assert_int_equal (
        covey_buf_append (&explain.sql, where->sql.data, where->sql.size),
        COVEY_OK);
    s_ok (self, covey_i_where_prepare (&explain, self->journal, &statement,
                                       &self->err));
    text[0] = '\0';
    size_t used = 0;
    while (sqlite3_step (statement) == SQLITE_ROW)
        used +=
            (size_t)snprintf (text + used, 1024 - used, "%s; ",
                              (const char *)sqlite3_column_text (statement, 3));
    sqlite3_finalize (statement);
    covey_i_where_deinit (&explain);
}

static void
test_main_filters_are_served_by_an_index (void **state)
{
    s_model_t *self = *state;
    char id[] = "01890a5d-ac96-774b-bcce-b302099a8057";
    char *one[] = {(char *)(uintptr_t) "ant"};
    char *type[] = {(char *)(uintptr_t) "task:started"};
    char *high[] = {(char *)(uintptr_t) "high"};
    char *ids[] = {id};
    static const struct {
        const char *name, *plan;
    } cases[] = {
        {"type", "USING COVERING INDEX events_type (type=? AND offset>?"},
        {"source", "events_source (source=? AND rowid>?"},
        {"target", "SEARCH targets USING PRIMARY KEY (target=? AND offset>?"},
        {"correlation", "events_correlation (correlation=? AND rowid>?"},
        {"session", "events_session (session=? AND rowid>?"},
        {"tag", "SEARCH tags USING PRIMARY KEY (tag=? AND offset>?"},
        {"priority", "events_priority (priority=? AND rowid>?"},
        {"id", "events_id (id=?"},
        {"time", "USING INTEGER PRIMARY KEY (rowid>? AND rowid<?"},
        {"type and time", "events_type (type=? AND offset>?"},
        {"nothing", "USING INTEGER PRIMARY KEY (rowid>? AND rowid<?"}};
    for (size_t i = 0; i < COUNT (cases); i++) {
        Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
        covey_i_where_t where;
        char plan[1024];
        query.types = type;
        query.sources = query.targets = query.correlation_ids = one;
        query.session_ids = query.tags = one;
        query.priorities = high;
        query.ids = ids;
        query.n_types = i == 0 || i == 9;
        query.n_sources = i == 1;
        query.n_targets = i == 2;
        query.n_correlation_ids = i == 3;
        query.n_session_ids = i == 4;
        query.n_tags = i == 5;
        query.n_priorities = i == 6;
        query.n_ids = i == 7;
        query.has_since = query.has_until = i == 8 || i == 9;
        covey_i_where_init (&where, 3);
        s_ok (self, covey_i_where_match (&where, &query, &self->err));
        s_explain (self, &where, plan);
        covey_i_where_deinit (&where);
        if (!strstr (plan, cases[i].plan) || strstr (plan, "SCAN e") ||
            strstr (plan, "TEMP B-TREE"))
            fail_msg ("%s: %s", cases[i].name, plan);
    }
}

/* ---- statistics --------------------------------------------------------- */

/*  Does the event count, and under which key? A key per target.             */
static bool
s_key (const s_model_t *self, size_t offset,
       const Covey__Store__StatsQuery *query, size_t target, char key[64])
{
    const support_event_t *event = &self->events[offset];
    const char *by = query->group_by;
    if (self->gone[offset] ||
        !s_in (covey_event_type_name (event->type), query->types,
               query->n_types) ||
        (query->has_since && event->ts < query->since) ||
        (query->has_until && event->ts >= query->until))
        return false;
    char when[40];
    time_t seconds = (time_t)(event->ts / 1000000);
    struct tm tm;
    gmtime_r (&seconds, &tm);
    strftime (when, sizeof when, "%Y-%m-%dT%H:00:00.000Z", &tm);
    if (strcmp (by, "day") == 0)
        when[10] = '\0';
    const char *value =
        strcmp (by, "type") == 0       ? covey_event_type_name (event->type)
        : strcmp (by, "source") == 0   ? event->source
        : strcmp (by, "priority") == 0 ? s_priorities[event->priority]
        : strcmp (by, "target") == 0
            ? (target < 4 ? event->targets[target] : NULL)
            : when;
    if (!value)
        return false;
    for (size_t i = 0; i < target; i++) /* twice the same target is one */
        if (event->targets[i] && strcmp (event->targets[i], value) == 0)
            return false;
    snprintf (key, 64, "%s", value);
    return true;
}

static int64_t
s_count_key (const s_model_t *self, const Covey__Store__StatsQuery *query,
             const char *key)
{
    bool by_target = strcmp (query->group_by, "target") == 0;
    int64_t count = 0;
    char own[64];
    for (size_t i = 1; i <= EVENTS; i++)
        for (size_t t = 0; t < (by_target ? 4 : 1); t++)
            if (s_key (self, i, query, t, own) &&
                (!key || strcmp (own, key) == 0))
                count++;
    return count;
}

static const char *
s_row_key (const Covey__Store__StatsRow *row)
{
    const char *keys[] = {row->type,     row->source, row->target,
                          row->priority, row->hour,   row->day};
    const char *found = NULL;
    for (size_t i = 0; i < COUNT (keys); i++)
        if (keys[i]) {
            assert_null (found);
            found = keys[i];
        }
    assert_non_null (found);
    return found;
}

static void
test_stats_count_what_the_model_counts (void **state)
{
    s_model_t *self = *state;
    static const char *const groups[] = {"type",     "source", "target",
                                         "priority", "hour",   "day"};
    char *types[] = {(char *)(uintptr_t) "task:started",
                     (char *)(uintptr_t) "broadcast"};
    for (int i = 0; i < 48; i++) {
        Covey__Store__StatsQuery query = COVEY__STORE__STATS_QUERY__INIT;
        Covey__Store__StatsResult *result = NULL;
        query.group_by = (char *)(uintptr_t)groups[i % 6];
        query.types = types;
        query.n_types = i / 6 & 1 ? 2 : 0;
        query.has_since = i / 12 & 1;
        query.has_until = i / 24 & 1;
        query.since = BASE_US + EVENTS / 3 * STEP_US;
        query.until = BASE_US + EVENTS / 2 * STEP_US;
        s_ok (self,
              covey_journal_stats (self->journal, &query, &result, &self->err));
        int64_t total = 0;
        for (size_t r = 0; r < result->n_rows; r++) {
            const Covey__Store__StatsRow *row = result->rows[r];
            assert_int_equal (row->count,
                              s_count_key (self, &query, s_row_key (row)));
            assert_true (i % 6 >= 4 || r == 0 ||
                         row->count <= result->rows[r - 1]->count);
            total += row->count;
        }
        assert_int_equal (total, s_count_key (self, &query, NULL));
        assert_true (total > 0);
        covey__store__stats_result__free_unpacked (result, NULL);
    }
}

static void
test_stats_leave_out_what_is_rare (void **state)
{
    s_model_t *self = *state;
    Covey__Store__StatsQuery query = COVEY__STORE__STATS_QUERY__INIT;
    Covey__Store__StatsResult *all = NULL, *some = NULL;
    query.group_by = (char *)(uintptr_t) "source";
    s_ok (self, covey_journal_stats (self->journal, &query, &all, &self->err));
    query.has_min_count = 1;
    query.min_count = all->rows[1]->count;
    s_ok (self, covey_journal_stats (self->journal, &query, &some, &self->err));
    assert_true (some->n_rows >= 2 && some->n_rows < all->n_rows);
    assert_true (some->rows[some->n_rows - 1]->count >= query.min_count);
    covey__store__stats_result__free_unpacked (all, NULL);
    covey__store__stats_result__free_unpacked (some, NULL);
}

static void
test_aggregates_show_first_last_and_sources (void **state)
{
    s_model_t *self = *state;
    Covey__Store__StatsQuery query = COVEY__STORE__STATS_QUERY__INIT;
    Covey__Store__AggregatesResult *result = NULL;
    s_ok (self, covey_journal_aggregates (self->journal, &query, &result,
                                          &self->err));
    assert_int_equal (result->n_rows, COUNT (s_types));
    for (size_t r = 0; r < result->n_rows; r++) {
        const Covey__Store__AggregateRow *row = result->rows[r];
        int64_t count = 0, first = INT64_MAX, last = 0;
        for (size_t i = 1; i <= EVENTS; i++)
            if (!self->gone[i] &&
                covey_event_type_number (row->type) == self->events[i].type) {
                int64_t ts = self->events[i].ts;
                count++;
                first = ts < first ? ts : first;
                last = ts > last ? ts : last;
            }
        assert_int_equal (row->count, count);
        assert_int_equal (row->first_seen, first);
        assert_int_equal (row->last_seen, last);
        assert_int_equal (row->sources, COUNT (s_agents));
        assert_true (row->has_rate && row->rate > 0.1 && row->rate < 1);
        assert_true (r == 0 || count <= result->rows[r - 1]->count);
    }
    int64_t second = result->rows[1]->count;
    covey__store__aggregates_result__free_unpacked (result, NULL);
    query.has_min_count = 1;
    query.min_count = second + 1;
    s_ok (self, covey_journal_aggregates (self->journal, &query, &result,
                                          &self->err));
    assert_true (result->n_rows <= 1);
    covey__store__aggregates_result__free_unpacked (result, NULL);
}

static void
test_bad_statistics_name_the_value (void **state)
{
    s_model_t *self = *state;
    Covey__Store__StatsQuery query = COVEY__STORE__STATS_QUERY__INIT;
    Covey__Store__StatsResult *result = NULL;
    query.group_by = (char *)(uintptr_t) "colour";
    assert_int_equal (
        covey_journal_stats (self->journal, &query, &result, &self->err),
        COVEY_INVALID);
    assert_non_null (strstr (self->err.text, "colour"));
    query.group_by = NULL;
    query.has_since = query.has_until = 1;
    assert_int_equal (
        covey_journal_stats (self->journal, &query, &result, &self->err),
        COVEY_INVALID);
    assert_null (result);
}

static void
test_deadline_and_interrupt_end_a_count (void **state)
{
    s_model_t *self = *state;
    Covey__Store__StatsQuery query = COVEY__STORE__STATS_QUERY__INIT;
    Covey__Store__StatsResult *result = NULL;
    covey_journal_set_deadline (self->journal, 1);
    assert_int_equal (
        covey_journal_stats (self->journal, &query, &result, &self->err),
        COVEY_TIMEOUT);
    covey_journal_set_deadline (self->journal, 0);
    s_ok (self,
          covey_journal_stats (self->journal, &query, &result, &self->err));
    covey__store__stats_result__free_unpacked (result, NULL);
    result = NULL;
    covey_journal_interrupt (self->journal);
    assert_int_equal (
        covey_journal_stats (self->journal, &query, &result, &self->err),
        COVEY_CANCELED);
}

int
main (void)
{
    /* one model for all; the last test leaves its journal interrupted */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_random_filters_find_what_the_model_finds),
        cmocka_unit_test (test_every_instant_is_found),
        cmocka_unit_test (test_page_says_where_it_looked),
        cmocka_unit_test (test_rare_rows_are_found_far_apart),
        cmocka_unit_test (test_default_limit_is_one_hundred),
        cmocka_unit_test (test_bad_filters_name_the_value),
        cmocka_unit_test (test_main_filters_are_served_by_an_index),
        cmocka_unit_test (test_stats_count_what_the_model_counts),
        cmocka_unit_test (test_stats_leave_out_what_is_rare),
        cmocka_unit_test (test_aggregates_show_first_last_and_sources),
        cmocka_unit_test (test_bad_statistics_name_the_value),
        cmocka_unit_test (test_deadline_and_interrupt_end_a_count),
    };
    return cmocka_run_group_tests (tests, s_set_up, s_tear_down);
}
