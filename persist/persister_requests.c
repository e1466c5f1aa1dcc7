/*  What agents ask of the persister.                                        */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "persist/persister_i.h"
#include "proto/json.h"

#define JOBS_MAX 256 /* that wait to run in this thread */
#define DAY_US INT64_C (86400000000)

/* ---- answers ------------------------------------------------------------ */

/*  Consumes the response. A full session queue means that nobody takes our
    answers: the asker's timeout tells it.                                    */
static void
s_publish (covey_i_persister_t *self, covey_event_t *response)
{
    covey_buf_t packed;
    uint64_t ticket;
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    covey_err_t rc = response
                         ? covey_event_pack (response, &packed, &self->fail)
                         : COVEY_NOMEM;
    if (rc == COVEY_OK)
        rc = covey_session_publish (self->session, packed.data, packed.size,
                                    COVEY_LEVEL_ACCEPTED, 0, &ticket);
    if (rc != COVEY_OK)
        self->unanswered++;
    covey_buf_deinit (&packed);
    covey_event_destroy (&response);
}

static void
s_answer_error (covey_i_persister_t *self, const covey_event_t *request,
                covey_err_t code, const char *text)
{
    s_publish (self, covey_event_error (request, COVEY_SERVICE_PERSISTER,
                                        covey_err_name (code), text));
}

static void
s_answer_count (covey_i_persister_t *self, const covey_event_t *request,
                int64_t count)
{
    Covey__Store__CountResult result = COVEY__STORE__COUNT_RESULT__INIT;
    result.count = count;
    s_publish (self, covey_job_response (request, &result.base));
}

/* ---- queries: jobs ------------------------------------------------------ */

/*  Consumes the job: it is answered, and waits no more.                     */
static void
s_finish_job (covey_i_persister_t *self, covey_job_t *job)
{
    covey_follow_remove (self->follow, job->token);
    s_publish (self, covey_job_answer (job));
    covey_job_destroy (&job);
}

/*  Consumes the job.                                                        */
static void
s_start_job (covey_i_persister_t *self, covey_job_t *job)
{
    covey_err_t rc = COVEY_OK;
    if (self->reader)
        rc = covey_reader_actor_run (self->reader, &job);
    else if (self->job_count == JOBS_MAX)
        rc = COVEY_EAGAIN;
    else {
        self->jobs =
            covey_mem_room (self->jobs, self->job_count, &self->job_capacity,
                            sizeof (covey_job_t *));
        self->jobs[self->job_count++] = job;
    }
    if (rc == COVEY_OK)
        return;
    job->code = covey_fail (&job->err, rc,
                            "the persister has too many queries at once; try "
                            "again");
    s_finish_job (self, job);
}

static void
s_hold_job (covey_i_persister_t *self, covey_job_t *job)
{
    self->held = covey_mem_room (self->held, self->held_count,
                                 &self->held_capacity, sizeof (covey_job_t *));
    self->held[self->held_count++] = job;
}

static covey_job_t *
s_release_job (covey_i_persister_t *self, uint64_t token)
{
    size_t i = 0;
    while (self->held[i]->token != token) /* follow and held agree */
        i++;
    covey_job_t *job = self->held[i];
    self->held[i] = self->held[--self->held_count];
    return job;
}

/*  A run ended: answer, or wait for events.                                 */
static void
s_on_job_done (covey_i_persister_t *self, covey_job_t *job)
{
    if (!job->wait_ms || job->code != COVEY_OK || job->rows) {
        s_finish_job (self, job);
        return;
    }
    switch (covey_follow_rest (self->follow, job->token, self->now_ms)) {
        case COVEY_FOLLOW_OVER:
            s_finish_job (self, job);
            break;
        case COVEY_FOLLOW_AGAIN:
            covey_job_continue (job);
            s_start_job (self, job);
            break;
        case COVEY_FOLLOW_HELD:
            s_hold_job (self, job);
            break;
    }
}

static void
s_on_query (covey_i_persister_t *self, covey_job_kind_t kind,
            covey_event_t **request_p, ProtobufCMessage **params_p)
{
    covey_job_t *job = covey_job_new (kind, ++self->last_token, request_p,
                                      params_p, self->now_ms);
    if (job->wait_ms) {
        covey_err_t rc = covey_follow_add (
            self->follow, job->token,
            (const Covey__Store__EventQuery *)job->params, job->wait_ms);
        if (rc != COVEY_OK) {
            job->code = covey_fail (&job->err, COVEY_EAGAIN,
                                    "%d queries wait for events already; try "
                                    "again later",
                                    COVEY_FOLLOW_MAX);
            s_finish_job (self, job);
            return;
        }
    }
    s_start_job (self, job);
}

static void
s_run_jobs (covey_i_persister_t *self)
{
    covey_job_t *job;
    while (self->reader && (job = covey_reader_actor_take (self->reader)))
        s_on_job_done (self, job);
    if (self->job_count && !self->in_batch) { /* one, then the socket again */
        job = self->jobs[0];
        memmove (&self->jobs[0], &self->jobs[1],
                 --self->job_count * sizeof (covey_job_t *));
        covey_job_run (job, self->journal);
        s_on_job_done (self, job);
    }
}

static void
s_run_held (covey_i_persister_t *self)
{
    uint64_t token;
    covey_follow_next_t next;
    while ((next = covey_follow_next (self->follow, self->now_ms, &token)) !=
           COVEY_FOLLOW_HELD) {
        covey_job_t *job = s_release_job (self, token);
        if (next == COVEY_FOLLOW_OVER)
            s_finish_job (self, job);
        else {
            covey_job_continue (job);
            s_start_job (self, job);
        }
    }
}

/* ---- deletions ---------------------------------------------------------- */

static void
s_queue_expunge (covey_i_persister_t *self, covey_event_t **request_p,
                 int64_t older_than_us, bool archive)
{
    covey_i_expunge_t *expunge = &self->expunges[self->expunge_count++];
    expunge->request = request_p ? *request_p : NULL;
    expunge->older_than_us = older_than_us;
    expunge->archive = archive;
    if (request_p)
        *request_p = NULL;
}

static void
s_finish_expunge (covey_i_persister_t *self, covey_err_t code,
                  const covey_errbuf_t *err)
{
    covey_i_expunge_t *first = &self->expunges[0];
    int64_t count = covey_expunge_count (self->expunge);
    covey_log_quoted_t quoted;
    if (count || code != COVEY_OK)
        covey_log_write (
            self->log, code == COVEY_OK ? COVEY_LOG_INFO : COVEY_LOG_ERROR,
            "persister", "events_deleted", "count=%lld reason=%s",
            (long long)count,
            covey_log_quote (&quoted, code != COVEY_OK ? err->text
                                      : first->request ? "asked for"
                                                       : "retention"));
    if (first->request && code == COVEY_OK)
        s_answer_count (self, first->request, count);
    else if (first->request)
        s_answer_error (self, first->request, code, err->text);
    covey_event_destroy (&first->request);
    covey_expunge_destroy (&self->expunge);
    memmove (&self->expunges[0], &self->expunges[1],
             --self->expunge_count * sizeof *first);
}

static void
s_run_expunge (covey_i_persister_t *self)
{
    covey_errbuf_t err;
    bool done = false;
    if (!self->expunge_count || self->in_batch)
        return;
    const covey_i_expunge_t *first = &self->expunges[0];
    if (!self->expunge)
        self->expunge =
            covey_expunge_new (self->journal, first->older_than_us,
                               first->archive ? self->config.data_dir : NULL);
    covey_err_t rc =
        covey_expunge_step (self->expunge, self->journal, &done, &err);
    if (rc != COVEY_OK || done)
        s_finish_expunge (self, rc, &err);
}

static void
s_check_retention (covey_i_persister_t *self)
{
    if (self->now_ms < self->retention_ms)
        return;
    self->retention_ms = self->now_ms + COVEY_I_RETENTION_MS;
    if (self->config.retention_days > 0 &&
        self->expunge_count < COVEY_I_EXPUNGES_MAX)
        s_queue_expunge (self, NULL,
                         covey_clock_wall_us () -
                             self->config.retention_days * DAY_US,
                         false);
}

/* ---- methods ------------------------------------------------------------ */

/*  Each may take the request and the params; what it leaves is freed.       */
static void
s_on_events (covey_i_persister_t *self, covey_event_t **request_p,
             ProtobufCMessage **params_p)
{
    s_on_query (self, COVEY_JOB_EVENTS, request_p, params_p);
}

static void
s_on_stats (covey_i_persister_t *self, covey_event_t **request_p,
            ProtobufCMessage **params_p)
{
    s_on_query (self, COVEY_JOB_STATS, request_p, params_p);
}

static void
s_on_aggregates (covey_i_persister_t *self, covey_event_t **request_p,
                 ProtobufCMessage **params_p)
{
    s_on_query (self, COVEY_JOB_AGGREGATES, request_p, params_p);
}

static void
s_on_mark (covey_i_persister_t *self, covey_event_t **request_p,
           ProtobufCMessage **params_p)
{
    const Covey__Store__MarkQuery *query =
        (const Covey__Store__MarkQuery *)*params_p;
    covey_errbuf_t err;
    uint8_t id[16];
    covey_err_t rc;
    if (covey_id_parse (query->id, id) != COVEY_OK)
        rc = covey_fail (&err, COVEY_INVALID,
                         "id \"%.60s\" is not an event id; they read like "
                         "01890a5d-ac96-774b-bcce-b302099a8057",
                         query->id);
    else {
        covey_i_persister_store_tick (self, false); /* ends the batch */
        rc = covey_journal_mark (self->journal, id, &err);
    }
    if (rc == COVEY_OK)
        s_answer_count (self, *request_p, 1);
    else
        s_answer_error (self, *request_p, rc, err.text);
}

static void
s_on_delete (covey_i_persister_t *self, covey_event_t **request_p,
             ProtobufCMessage **params_p)
{
    const Covey__Store__DeleteQuery *query =
        (const Covey__Store__DeleteQuery *)*params_p;
    if (query->archive && !self->config.data_dir)
        s_answer_error (self, *request_p, COVEY_STATE,
                        "this persister has no data folder to archive to; "
                        "start its node with one");
    else if (self->expunge_count == COVEY_I_EXPUNGES_MAX)
        s_answer_error (self, *request_p, COVEY_EAGAIN,
                        "too many deletions wait already; try again later");
    else
        s_queue_expunge (self, request_p, query->older_than, query->archive);
}

static void
s_on_status (covey_i_persister_t *self, covey_event_t **request_p,
             ProtobufCMessage **params_p)
{
    Covey__Store__PersisterStatus status = COVEY__STORE__PERSISTER_STATUS__INIT;
    char id[37];
    (void)params_p;
    covey_id_text (self->config.node_id.bytes, id);
    status.primary =
        self->config.node_name ? (char *)self->config.node_name : id;
    status.has_offset = status.has_events = status.has_bytes = 1;
    status.has_commits = status.has_duplicates = status.has_gaps = 1;
    status.offset = covey_journal_last_offset (self->journal);
    status.events = covey_journal_count (self->journal);
    status.bytes = covey_journal_bytes (self->journal);
    status.commits = self->commits;
    status.duplicates = self->duplicates;
    status.gaps = self->gaps_passed;
    status.has_epoch = 1;
    status.epoch = self->epoch;
    status.error = self->has_failed ? self->fail.text : NULL;
    s_publish (self, covey_job_response (*request_p, &status.base));
}

static const struct {
    const char *method;
    const ProtobufCMessageDescriptor *params;
    void (*handle) (covey_i_persister_t *self, covey_event_t **request_p,
                    ProtobufCMessage **params_p);
} s_methods[] = {
    {"mesh.events", &covey__store__event_query__descriptor, s_on_events},
    {"mesh.stats", &covey__store__stats_query__descriptor, s_on_stats},
    {"mesh.aggregates", &covey__store__stats_query__descriptor,
     s_on_aggregates},
    {"mesh.mark", &covey__store__mark_query__descriptor, s_on_mark},
    {"mesh.delete", &covey__store__delete_query__descriptor, s_on_delete},
    {"mesh.persister", &covey__store__empty__descriptor, s_on_status},
};

static void
s_dispatch (covey_i_persister_t *self, covey_event_t **request_p)
{
    const char *method = covey_event_str (*request_p, "method");
    size_t i = 0, count = sizeof s_methods / sizeof *s_methods;
    ProtobufCMessage *params = NULL;
    covey_errbuf_t err;
    while (i < count && strcmp (s_methods[i].method, method) != 0)
        i++;
    if (i == count) {
        covey_fail (&err, COVEY_NOTFOUND,
                    "the persister has no method \"%.100s\"; it has "
                    "mesh.events, mesh.stats, mesh.aggregates, mesh.mark, "
                    "mesh.delete and mesh.persister",
                    method);
        s_answer_error (self, *request_p, COVEY_NOTFOUND, err.text);
        return;
    }
    covey_err_t rc =
        covey_job_read_params (*request_p, s_methods[i].params, &params, &err);
    if (rc != COVEY_OK) {
        s_answer_error (self, *request_p, rc, err.text);
        return;
    }
    s_methods[i].handle (self, request_p, &params);
    if (params)
        protobuf_c_message_free_unpacked (params, NULL);
}

void
covey_i_persister_on_event (covey_i_persister_t *self, const void *data,
                            size_t size)
{
    covey_event_t *event = NULL;
    if (covey_event_unpack (data, size, &event, NULL) != COVEY_OK) {
        self->malformed++;
        return;
    }
    if (covey_event_type (event) == COVEY_EVENT_REQUEST)
        s_dispatch (self, &event);
    covey_event_destroy (&event);
}

/* ------------------------------------------------------------------------ */

void
covey_i_persister_requests_tick (covey_i_persister_t *self)
{
    s_run_jobs (self);
    s_run_held (self);
    s_check_retention (self);
    s_run_expunge (self);
}

int64_t
covey_i_persister_requests_next_ms (const covey_i_persister_t *self)
{
    if (self->job_count || self->expunge_count)
        return self->now_ms;
    int64_t next = covey_follow_next_ms (self->follow);
    return next < self->retention_ms ? next : self->retention_ms;
}

void
covey_i_persister_requests_deinit (covey_i_persister_t *self)
{
    for (size_t i = 0; i < self->job_count; i++)
        covey_job_destroy (&self->jobs[i]);
    for (size_t i = 0; i < self->held_count; i++)
        covey_job_destroy (&self->held[i]);
    for (size_t i = 0; i < self->expunge_count; i++)
        covey_event_destroy (&self->expunges[i].request);
    covey_expunge_destroy (&self->expunge);
    free (self->jobs);
    free (self->held);
}
