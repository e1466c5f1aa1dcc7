#include "persist/job.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/json.h"

covey_job_t *
covey_job_new (covey_job_kind_t kind, uint64_t token, covey_event_t **request_p,
               ProtobufCMessage **params_p, int64_t now_ms)
{
    covey_job_t *self = covey_mem_new (sizeof *self);
    self->kind = kind;
    self->token = token;
    self->request = *request_p;
    self->params = *params_p;
    *request_p = NULL;
    *params_p = NULL;
    int64_t timeout_ms = covey_event_int (self->request, "timeout");
    if (timeout_ms <= 0 || timeout_ms > INT32_MAX)
        timeout_ms = COVEY_JOB_TIMEOUT_MS;
    self->deadline_ms = now_ms + timeout_ms;
    if (kind == COVEY_JOB_EVENTS) {
        const Covey__Store__EventQuery *query =
            (const Covey__Store__EventQuery *)self->params;
        int64_t wait_ms = query->wait_ms > COVEY_JOB_WAIT_MAX_MS
                              ? COVEY_JOB_WAIT_MAX_MS
                              : query->wait_ms;
        /* an empty answer that comes in time is worth more than a late one */
        if (wait_ms > timeout_ms / 10 * 9)
            wait_ms = timeout_ms / 10 * 9;
        if (wait_ms && !query->newest_first)
            self->wait_ms = now_ms + wait_ms;
    }
    covey_buf_init (&self->result, COVEY_PAYLOAD_MAX);
    return self;
}

void
covey_job_destroy (covey_job_t **self_p)
{
    covey_job_t *self = *self_p;
    if (!self)
        return;
    covey_event_destroy (&self->request);
    protobuf_c_message_free_unpacked (self->params, NULL);
    covey_buf_deinit (&self->result);
    free (self);
    *self_p = NULL;
}

/* ---- events ------------------------------------------------------------- */

typedef struct {
    const Covey__Store__EventQuery *query;
    Covey__Store__EventPage page;
    size_t capacity;
} s_collect_t;

/*  Cut the event to the part that was asked for.                            */
static void
s_take_part (Covey__Store__EventRow *row, uint64_t from)
{
    size_t size = row->event.len;
    size_t start = from < size ? (size_t)from : size;
    size_t length = size - start;
    if (length > COVEY_JOB_PART_BYTES)
        length = COVEY_JOB_PART_BYTES;
    row->has_event_size = 1;
    row->event_size = size;
    row->event.data += start;
    row->event.len = length;
}

static bool
s_on_row (void *arg, const Covey__Store__EventRow *row)
{
    s_collect_t *self = arg;
    bool is_large = row->event.len > COVEY_JOB_PART_BYTES;
    Covey__Store__EventRow *copy = covey_mem_new (sizeof *copy);
    *copy = *row;
    if (is_large)
        s_take_part (copy, self->query->part_from);
    copy->event.data = covey_mem_dup (copy->event.data, copy->event.len);
    self->page.rows =
        covey_mem_room (self->page.rows, self->page.n_rows, &self->capacity,
                        sizeof (Covey__Store__EventRow *));
    self->page.rows[self->page.n_rows++] = copy;
    return !is_large;
}

static covey_err_t
s_pack (const ProtobufCMessage *message, covey_buf_t *to, covey_errbuf_t *err)
{
    size_t size = protobuf_c_message_get_packed_size (message);
    uint8_t *room = covey_buf_extend (to, size);
    if (!room)
        return covey_fail (err, COVEY_LIMIT,
                           "the page has %zu bytes; ask for fewer rows", size);
    protobuf_c_message_pack (message, room);
    return COVEY_OK;
}

static void
s_run_events (covey_job_t *self, covey_journal_t *journal)
{
    s_collect_t collect = {.query =
                               (const Covey__Store__EventQuery *)self->params,
                           .page = COVEY__STORE__EVENT_PAGE__INIT};
    self->code =
        covey_journal_query (journal, collect.query, COVEY_JOB_PAGE_BYTES,
                             s_on_row, &collect, &collect.page, &self->err);
    self->rows = collect.page.n_rows;
    self->scanned = collect.page.scanned_offset;
    /* a slice that ended without rows is no reason to hold the answer */
    if (collect.page.more)
        self->rows += 1;
    if (self->code == COVEY_OK)
        self->code = s_pack (&collect.page.base, &self->result, &self->err);
    for (size_t i = 0; i < collect.page.n_rows; i++) {
        free (collect.page.rows[i]->event.data);
        free (collect.page.rows[i]);
    }
    free (collect.page.rows);
}

/* ---- statistics --------------------------------------------------------- */

static void
s_run_statistics (covey_job_t *self, covey_journal_t *journal)
{
    const Covey__Store__StatsQuery *query =
        (const Covey__Store__StatsQuery *)self->params;
    Covey__Store__StatsResult *stats = NULL;
    Covey__Store__AggregatesResult *aggregates = NULL;
    if (self->kind == COVEY_JOB_STATS)
        self->code = covey_journal_stats (journal, query, &stats, &self->err);
    else
        self->code =
            covey_journal_aggregates (journal, query, &aggregates, &self->err);
    if (self->code != COVEY_OK)
        return;
    ProtobufCMessage *result = stats ? &stats->base : &aggregates->base;
    self->code = covey_json_write (result, &self->result);
    if (self->code != COVEY_OK)
        covey_fail (&self->err, self->code,
                    "the result does not fit into one answer; narrow the "
                    "filter or raise minCount");
    protobuf_c_message_free_unpacked (result, NULL);
}

/* ------------------------------------------------------------------------ */

void
covey_job_run (covey_job_t *self, covey_journal_t *journal)
{
    covey_buf_clear (&self->result);
    self->rows = 0;
    self->code = COVEY_OK;
    covey_journal_set_deadline (journal, self->deadline_ms);
    switch (self->kind) {
        case COVEY_JOB_EVENTS:
            s_run_events (self, journal);
            break;
        case COVEY_JOB_STATS:
        case COVEY_JOB_AGGREGATES:
            s_run_statistics (self, journal);
            break;
    }
    covey_journal_set_deadline (journal, 0);
}

void
covey_job_continue (covey_job_t *self)
{
    assert (self->kind == COVEY_JOB_EVENTS);
    Covey__Store__EventQuery *query = (Covey__Store__EventQuery *)self->params;
    query->has_after_offset = 1;
    query->after_offset = self->scanned;
}

covey_event_t *
covey_job_answer (const covey_job_t *self)
{
    if (self->code != COVEY_OK)
        return covey_event_error (self->request, COVEY_SERVICE_PERSISTER,
                                  covey_err_name (self->code), self->err.text);
    return covey_event_response (
        self->request, COVEY_SERVICE_PERSISTER,
        self->kind == COVEY_JOB_EVENTS ? COVEY_CONTENT_BINARY
                                       : COVEY_CONTENT_JSON,
        self->result.data ? self->result.data : (const uint8_t *)"",
        self->result.size);
}

covey_err_t
covey_job_read_params (const covey_event_t *request,
                       const ProtobufCMessageDescriptor *descriptor,
                       ProtobufCMessage **params_p, covey_errbuf_t *err)
{
    covey_content_t content = COVEY_CONTENT_JSON;
    size_t size = 2;
    const char *json = covey_event_payload (request, "params", &content, &size);
    if (json && content != COVEY_CONTENT_JSON)
        return covey_fail (err, COVEY_INVALID, "params of %s are not JSON",
                           covey_event_str (request, "method"));
    return covey_json_read (descriptor, json ? json : "{}", size, params_p,
                            err);
}

covey_event_t *
covey_job_response (const covey_event_t *request,
                    const ProtobufCMessage *result)
{
    covey_buf_t json;
    covey_buf_init (&json, COVEY_PAYLOAD_MAX);
    covey_err_t rc = covey_json_write (result, &json);
    covey_event_t *response =
        rc == COVEY_OK
            ? covey_event_response (request, COVEY_SERVICE_PERSISTER,
                                    COVEY_CONTENT_JSON, json.data, json.size)
            : covey_event_error (request, COVEY_SERVICE_PERSISTER,
                                 covey_err_name (rc),
                                 "the result does not fit into one answer");
    covey_buf_deinit (&json);
    return response;
}
