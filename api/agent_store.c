/*  agent_store - questions to the persister                                  */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/agent_i.h"
#include "api/control.h"
#include "api/query.h"
#include "base/clock.h"
#include "proto/event.h"
#include "proto/json.h"

#define FOLLOW_WAIT_MAX_MS 30000 /* the persister waits no longer */
#define FOLLOW_GRACE_MS 1000     /* for its answer to come                    */

static covey_err_t
s_call (covey_agent_t *self, const char *method, const ProtobufCMessage *params,
        int timeout_ms, covey_event_t **response_p)
{
    covey_errbuf_t *err = covey_errbuf ();
    covey_buf_t json;
    covey_buf_init (&json, COVEY_PAYLOAD_MAX);
    covey_err_t rc = covey_json_write (params, &json);
    char *text = rc == COVEY_OK ? covey_buf_steal (&json) : NULL;
    covey_buf_deinit (&json);
    if (!text)
        return covey_fail (err, rc ? rc : COVEY_LIMIT,
                           "the filter of %s is too large or not UTF-8",
                           method);
    covey_call_t call = {
        .target = COVEY_SERVICE_PERSISTER, .method = method, .params = text};
    rc = covey_i_agent_call (self, &call, timeout_ms, response_p, err);
    free (text);
    return rc;
}

static void
s_free_page (Covey__Store__EventPage *page)
{
    protobuf_c_message_free_unpacked (&page->base, NULL);
}

static covey_err_t
s_fetch_answer (covey_agent_t *self, const Covey__Store__EventQuery *query,
                int timeout_ms, Covey__Store__EventPage **page_p)
{
    covey_event_t *response = NULL;
    covey_err_t rc =
        s_call (self, "mesh.events", &query->base, timeout_ms, &response);
    if (rc)
        return rc;
    size_t size = 0;
    const void *data = covey_event_payload (response, "result", NULL, &size);
    Covey__Store__EventPage *page =
        (Covey__Store__EventPage *)(void *)covey_wire_unpack (
            &covey__store__event_page__descriptor, data, size);
    covey_event_destroy (&response);
    if (!page)
        return covey_fail (covey_errbuf (), COVEY_MALFORMED,
                           "mesh.events: the persister's answer is damaged");
    *page_p = page;
    return COVEY_OK;
}

/*  An event that is too large for one answer comes alone and in parts: fetch
    the rest behind what is there. The whole is bounded by COVEY_EVENT_MAX.   */
static covey_err_t
s_fetch_rest (covey_agent_t *self, const Covey__Store__EventQuery *query,
              int timeout_ms, Covey__Store__EventRow *row)
{
    Covey__Store__EventQuery rest = *query;
    rest.has_after_offset = rest.has_limit = rest.has_part_from = 1;
    rest.after_offset = row->offset - 1;
    rest.limit = 1;
    rest.has_before_offset = rest.has_newest_first = 0;
    rest.has_skip = rest.has_wait_ms = 0;
    covey_err_t rc = COVEY_OK;
    if (row->event_size > COVEY_EVENT_MAX + COVEY_ORIGIN_SIZE_MAX)
        rc = COVEY_MALFORMED;
    while (!rc && row->event.len < row->event_size) {
        rest.part_from = row->event.len;
        Covey__Store__EventPage *page = NULL;
        rc = s_fetch_answer (self, &rest, timeout_ms, &page);
        if (rc || !page)
            return rc;
        ProtobufCBinaryData *part = page->n_rows ? &page->rows[0]->event : NULL;
        uint8_t *all = NULL;
        if (part && part->len && page->rows[0]->offset == row->offset &&
            part->len <= row->event_size - row->event.len)
            all = realloc (row->event.data, row->event.len + part->len);
        if (all) {
            memcpy (all + row->event.len, part->data, part->len);
            row->event.data = all;
            row->event.len += part->len;
        } else
            rc = COVEY_MALFORMED;
        s_free_page (page);
    }
    return rc ? covey_fail (covey_errbuf (), rc,
                            "mesh.events: the parts of event %lld do not fit",
                            (long long)row->offset)
              : COVEY_OK;
}

static covey_err_t
s_fetch_page (covey_agent_t *self, const Covey__Store__EventQuery *query,
              int timeout_ms, Covey__Store__EventPage **page_p)
{
    Covey__Store__EventPage *page = NULL;
    covey_err_t rc = s_fetch_answer (self, query, timeout_ms, &page);
    for (size_t i = 0; !rc && page && i < page->n_rows; i++)
        if (page->rows[i]->has_event_size) {
            rc = s_fetch_rest (self, query, timeout_ms, page->rows[i]);
            if (rc)
                s_free_page (page);
        }
    if (!rc)
        *page_p = page;
    return rc;
}

/*  Call `fn` for each row.                                                   */
static covey_err_t
s_give_rows (covey_agent_t *self, const Covey__Store__EventPage *page,
             covey_handler_fn *fn, void *arg)
{
    covey_err_t rc = COVEY_OK;
    for (size_t i = 0; rc == COVEY_OK && i < page->n_rows; i++) {
        covey_event_t *event = NULL;
        rc = covey_query_event (page->rows[i], &event, covey_errbuf ());
        if (rc)
            break;
        rc = fn (self, event, arg);
        covey_event_destroy (&event);
    }
    return rc;
}

/*  What the next page has to ask for; false at the end.                      */
static bool
s_advance (Covey__Store__EventQuery *query, const Covey__Store__EventPage *page)
{
    if (!page->more || !page->has_next_offset || page->n_rows >= query->limit)
        return false;
    query->limit -= (uint32_t)page->n_rows;
    query->has_skip = false;
    if (query->newest_first) {
        query->has_before_offset = true;
        query->before_offset = page->next_offset;
    } else {
        query->has_after_offset = true;
        query->after_offset = page->next_offset;
    }
    return true;
}

static int
s_left (int64_t until_ms)
{
    int64_t left_ms = until_ms - covey_clock_mono_ms ();
    return left_ms > 0 ? (int)left_ms : 0;
}

covey_err_t
covey_agent_query (covey_agent_t *self, const covey_filter_t *filter,
                   int timeout_ms, covey_handler_fn *fn, void *arg)
{
    assert (self && fn);
    static const covey_filter_t everything = {0};
    int64_t until_ms = covey_i_deadline (timeout_ms);
    covey_query_t query;
    covey_err_t rc = covey_query_init (&query, filter ? filter : &everything,
                                       covey_errbuf ());
    if (rc)
        return rc;
    for (bool goes_on = true; rc == COVEY_OK && goes_on;) {
        Covey__Store__EventPage *page = NULL;
        rc = s_fetch_page (self, &query.message, s_left (until_ms), &page);
        if (rc || !page)
            break;
        rc = s_give_rows (self, page, fn, arg);
        goes_on = s_advance (&query.message, page);
        s_free_page (page);
    }
    covey_query_deinit (&query);
    return rc;
}

covey_err_t
covey_agent_follow (covey_agent_t *self, const covey_filter_t *filter,
                    int timeout_ms, covey_handler_fn *fn, void *arg,
                    int64_t *offset_p)
{
    assert (self && fn && offset_p);
    static const covey_filter_t everything = {0};
    int64_t until_ms = covey_i_deadline (timeout_ms);
    covey_query_t query;
    covey_err_t rc = covey_query_init (&query, filter ? filter : &everything,
                                       covey_errbuf ());
    if (rc)
        return rc;
    query.message.has_newest_first = query.message.newest_first = false;
    query.message.has_after_offset = true;
    query.message.has_wait_ms = true;
    size_t count = 0;
    int64_t offset = query.message.after_offset;
    while (count == 0) {
        int left_ms = s_left (until_ms);
        Covey__Store__EventPage *page = NULL;
        query.message.wait_ms =
            (uint32_t)(left_ms < FOLLOW_WAIT_MAX_MS ? left_ms
                                                    : FOLLOW_WAIT_MAX_MS);
        rc = s_fetch_page (self, &query.message, left_ms + FOLLOW_GRACE_MS,
                           &page);
        if (rc || !page)
            break;
        rc = s_give_rows (self, page, fn, arg);
        count = page->n_rows;
        /* Between the last row and the last look nothing matched. */
        if (!page->more && page->has_scanned_offset)
            offset = page->scanned_offset;
        else if (count)
            offset = page->rows[count - 1]->offset;
        query.message.after_offset = offset;
        s_free_page (page);
        if (rc || s_left (until_ms) == 0)
            break;
    }
    covey_query_deinit (&query);
    if (rc)
        return rc;
    *offset_p = offset;
    return count ? COVEY_OK
                 : covey_fail (covey_errbuf (), COVEY_TIMEOUT,
                               "no matching event was stored within %d ms",
                               timeout_ms);
}

/* ------------------------------------------------------------------------ */
/*  Statistics                                                                */

/*  A result message in JSON, unpacked.                                       */
static covey_err_t
s_result (const covey_event_t *response,
          const ProtobufCMessageDescriptor *descriptor,
          ProtobufCMessage **result_p)
{
    covey_content_t content;
    size_t size = 0;
    const void *data =
        covey_event_payload (response, "result", &content, &size);
    return covey_json_read (descriptor, data ? data : "{}", data ? size : 2,
                            result_p, covey_errbuf ());
}

covey_err_t
covey_agent_store_stats (covey_agent_t *self, const covey_filter_t *filter,
                         int timeout_ms, char **result_p)
{
    assert (self && filter && result_p);
    covey_stats_query_t query;
    covey_event_t *response = NULL;
    covey_err_t rc = covey_stats_query_init (&query, filter, covey_errbuf ());
    if (rc)
        return rc;
    rc =
        s_call (self, "mesh.stats", &query.message.base, timeout_ms, &response);
    covey_stats_query_deinit (&query);
    if (rc)
        return rc;
    ProtobufCMessage *result = NULL;
    rc = s_result (response, &covey__store__stats_result__descriptor, &result);
    covey_event_destroy (&response);
    if (rc)
        return rc;
    const Covey__Store__StatsResult *stats =
        (const Covey__Store__StatsResult *)(void *)result;
    rc = covey_query_rows_json ((const ProtobufCMessage *const *)stats->rows,
                                stats->n_rows, result_p, covey_errbuf ());
    protobuf_c_message_free_unpacked (result, NULL);
    return rc;
}

covey_err_t
covey_agent_store_aggregates (covey_agent_t *self, const covey_filter_t *filter,
                              int timeout_ms, char **result_p)
{
    assert (self && filter && result_p);
    covey_stats_query_t query;
    covey_event_t *response = NULL;
    covey_err_t rc = covey_stats_query_init (&query, filter, covey_errbuf ());
    if (rc)
        return rc;
    rc = s_call (self, "mesh.aggregates", &query.message.base, timeout_ms,
                 &response);
    covey_stats_query_deinit (&query);
    if (rc)
        return rc;
    ProtobufCMessage *result = NULL;
    rc = s_result (response, &covey__store__aggregates_result__descriptor,
                   &result);
    covey_event_destroy (&response);
    if (rc)
        return rc;
    const Covey__Store__AggregatesResult *aggregates =
        (const Covey__Store__AggregatesResult *)(void *)result;
    rc = covey_query_rows_json (
        (const ProtobufCMessage *const *)aggregates->rows, aggregates->n_rows,
        result_p, covey_errbuf ());
    protobuf_c_message_free_unpacked (result, NULL);
    return rc;
}

/* ------------------------------------------------------------------------ */
/*  Marking and deleting                                                      */

covey_err_t
covey_agent_store_mark (covey_agent_t *self, const uint8_t id[16],
                        int timeout_ms)
{
    assert (self && id);
    char text[37];
    covey_id_text (id, text);
    Covey__Store__MarkQuery mark = COVEY__STORE__MARK_QUERY__INIT;
    mark.id = text;
    covey_event_t *response = NULL;
    covey_err_t rc =
        s_call (self, "mesh.mark", &mark.base, timeout_ms, &response);
    if (rc == COVEY_OK)
        covey_event_destroy (&response);
    return rc;
}

covey_err_t
covey_agent_store_delete (covey_agent_t *self, int64_t older_than_us,
                          bool archive, int timeout_ms, int64_t *count_p)
{
    assert (self);
    Covey__Store__DeleteQuery query = COVEY__STORE__DELETE_QUERY__INIT;
    query.older_than = older_than_us;
    query.has_archive = true;
    query.archive = archive;
    covey_event_t *response = NULL;
    covey_err_t rc =
        s_call (self, "mesh.delete", &query.base, timeout_ms, &response);
    if (rc)
        return rc;
    ProtobufCMessage *result = NULL;
    rc = s_result (response, &covey__store__count_result__descriptor, &result);
    covey_event_destroy (&response);
    if (rc)
        return rc;
    if (count_p)
        *count_p = ((const Covey__Store__CountResult *)(void *)result)->count;
    protobuf_c_message_free_unpacked (result, NULL);
    return COVEY_OK;
}
