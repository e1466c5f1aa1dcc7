/*  store - the journal in a data folder, read only                           */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "api/query.h"
#include "persist/journal.h"

#define PATH_SIZE 4096
#define PAGE_BYTES_MAX (64u << 20)

struct covey_store {
    covey_journal_t *journal;
};

covey_err_t
covey_store_open (const char *data_dir, covey_store_t **store_p)
{
    assert (store_p);
    char path[PATH_SIZE];
    if (!data_dir || !*data_dir)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "the data folder of a node is needed");
    int size = snprintf (path, sizeof path, "%s/journal.db", data_dir);
    if (size < 0 || (size_t)size >= sizeof path)
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "data folder \"%.80s...\": the path is too long",
                           data_dir);
    covey_journal_t *journal;
    covey_err_t rc = covey_journal_open (path, COVEY_JOURNAL_READ, &journal,
                                         covey_errbuf ());
    if (rc)
        return rc;
    covey_store_t *self = calloc (1, sizeof *self);
    if (!self)
        abort ();
    self->journal = journal;
    *store_p = self;
    return COVEY_OK;
}

void
covey_store_destroy (covey_store_t **self_p)
{
    assert (self_p);
    if (!*self_p)
        return;
    covey_journal_close (&(*self_p)->journal);
    free (*self_p);
    *self_p = NULL;
}

typedef struct {
    covey_event_fn *fn;
    void *arg;
    covey_err_t rc;
    uint32_t rows;
} give_t;

static bool
s_give (void *arg, const Covey__Store__EventRow *row)
{
    give_t *give = arg;
    covey_event_t *event;
    give->rc = covey_query_event (row, &event, covey_errbuf ());
    if (give->rc)
        return false;
    give->rc = give->fn (event, give->arg);
    covey_event_destroy (&event);
    give->rows++;
    return give->rc == COVEY_OK;
}

covey_err_t
covey_store_query (covey_store_t *self, const covey_filter_t *filter,
                   covey_event_fn *fn, void *arg)
{
    assert (self && fn);
    static const covey_filter_t everything = {0};
    covey_query_t query;
    covey_err_t rc = covey_query_init (&query, filter ? filter : &everything,
                                       covey_errbuf ());
    if (rc)
        return rc;
    Covey__Store__EventQuery *message = &query.message;
    for (bool goes_on = true; rc == COVEY_OK && goes_on;) {
        Covey__Store__EventPage page = COVEY__STORE__EVENT_PAGE__INIT;
        give_t give = {.fn = fn, .arg = arg};
        rc = covey_journal_query (self->journal, message, PAGE_BYTES_MAX,
                                  s_give, &give, &page, covey_errbuf ());
        if (rc == COVEY_OK)
            rc = give.rc;
        goes_on =
            page.more && page.has_next_offset && give.rows < message->limit;
        message->limit -= give.rows;
        message->has_skip = false;
        message->has_before_offset = message->newest_first;
        message->has_after_offset = !message->newest_first;
        message->before_offset = message->after_offset = page.next_offset;
    }
    covey_query_deinit (&query);
    return rc;
}

covey_err_t
covey_store_stats (covey_store_t *self, const covey_filter_t *filter,
                   char **result_p)
{
    assert (self && filter && result_p);
    covey_stats_query_t query;
    covey_err_t rc = covey_stats_query_init (&query, filter, covey_errbuf ());
    if (rc)
        return rc;
    Covey__Store__StatsResult *result;
    rc = covey_journal_stats (self->journal, &query.message, &result,
                              covey_errbuf ());
    covey_stats_query_deinit (&query);
    if (rc)
        return rc;
    rc = covey_query_rows_json ((const ProtobufCMessage *const *)result->rows,
                                result->n_rows, result_p, covey_errbuf ());
    protobuf_c_message_free_unpacked (&result->base, NULL);
    return rc;
}

covey_err_t
covey_store_aggregates (covey_store_t *self, const covey_filter_t *filter,
                        char **result_p)
{
    assert (self && filter && result_p);
    covey_stats_query_t query;
    covey_err_t rc = covey_stats_query_init (&query, filter, covey_errbuf ());
    if (rc)
        return rc;
    Covey__Store__AggregatesResult *result;
    rc = covey_journal_aggregates (self->journal, &query.message, &result,
                                   covey_errbuf ());
    covey_stats_query_deinit (&query);
    if (rc)
        return rc;
    rc = covey_query_rows_json ((const ProtobufCMessage *const *)result->rows,
                                result->n_rows, result_p, covey_errbuf ());
    protobuf_c_message_free_unpacked (&result->base, NULL);
    return rc;
}
