/*  agent_gather - one question to many: who is asked, and what comes back */

#include "api/agent_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "proto/gather.h"
#include "proto/json.h"
#include "proto/store.pb-c.h"

const char *
covey_gather_end_name (int end)
{
    static const char *const names[] = {
        [COVEY_GATHER_RUNS] = "runs",       [COVEY_GATHER_ALL] = "all",
        [COVEY_GATHER_MAXIMUM] = "maximum", [COVEY_GATHER_ERROR] = "error",
        [COVEY_GATHER_TIMEOUT] = "timeout", [COVEY_GATHER_STALLED] = "stalled",
        [COVEY_GATHER_STOPPED] = "stopped"};
    return end >= 0 && end <= COVEY_GATHER_STOPPED ? names[end] : "unknown";
}

/* ------------------------------------------------------------------------ */
/*  Whom                                                                      */

typedef struct {
    char **ids;
    size_t count;
    size_t capacity;
} gather_names_t;

static void
s_add_name (gather_names_t *names, const char *id)
{
    names->ids = covey_mem_room (names->ids, names->count, &names->capacity,
                                 sizeof *names->ids);
    names->ids[names->count++] = covey_str_dup (id);
}

static void
s_free_names (gather_names_t *names)
{
    for (size_t i = 0; i < names->count; i++)
        free (names->ids[i]);
    free (names->ids);
}

static char *
s_query_json (const Covey__Wire__Group *group, const char *after)
{
    Covey__Store__MemberQuery query = COVEY__STORE__MEMBER_QUERY__INIT;
    query.agent_types = group->types;
    query.n_agent_types = group->n_types;
    query.capabilities = group->capabilities;
    query.n_capabilities = group->n_capabilities;
    query.tags = group->tags;
    query.n_tags = group->n_tags;
    query.swarm_id = group->swarm_id;
    query.after = (char *)(uintptr_t)after; /* only read                      */
    covey_buf_t json;
    covey_buf_init (&json, COVEY_PAYLOAD_MAX);
    char *text = covey_json_write (&query.base, &json) == COVEY_OK
                     ? covey_buf_steal (&json)
                     : NULL;
    covey_buf_deinit (&json);
    return text;
}

/*  One page of members; `*more_p`: there are others.                         */
static covey_err_t
s_page (covey_agent_t *self, const Covey__Wire__Group *group, int64_t until_ms,
        gather_names_t *names, bool *more_p, covey_errbuf_t *err)
{
    char *params = s_query_json (
        group, names->count ? names->ids[names->count - 1] : NULL);
    if (!params)
        return covey_fail (err, COVEY_LIMIT, "the group is too large");
    covey_call_t call = {.target = COVEY_SERVICE_NODE,
                         .method = "mesh.members",
                         .params = params};
    int64_t left_ms = until_ms - covey_clock_mono_ms ();
    covey_event_t *response = NULL;
    covey_err_t rc = covey_i_agent_call (
        self, &call, left_ms > 0 ? (int)left_ms : 0, &response, err);
    free (params);
    if (rc)
        return rc;
    size_t size = 0;
    const char *json = covey_event_payload (response, "result", NULL, &size);
    ProtobufCMessage *message = NULL;
    rc = covey_json_read (&covey__store__member_list__descriptor,
                          size ? json : "{}", size ? size : 2, &message, err);
    covey_event_destroy (&response);
    if (rc)
        return rc;
    const Covey__Store__MemberList *list =
        (const Covey__Store__MemberList *)message;
    for (size_t i = 0; i < list->n_agents; i++)
        s_add_name (names, list->agents[i]);
    *more_p = list->more && list->n_agents > 0;
    protobuf_c_message_free_unpacked (message, NULL);
    return COVEY_OK;
}

static covey_err_t
s_find_members (covey_agent_t *self, const covey_scope_t *scope,
                int64_t until_ms, gather_names_t *names, covey_errbuf_t *err)
{
    static const covey_scope_t everybody = {0};
    Covey__Wire__Group *group = NULL;
    covey_err_t rc = covey_group_make (scope ? scope : &everybody, &group);
    if (rc)
        return covey_fail (err, rc, "%s", covey_error ());
    bool more = true;
    while (rc == COVEY_OK && more && names->count <= COVEY_GATHER_MAX)
        rc = s_page (self, group, until_ms, names, &more, err);
    protobuf_c_message_free_unpacked (&group->base, NULL);
    return rc;
}

static covey_err_t
s_find_names (covey_agent_t *self, const covey_gather_options_t *options,
              int64_t until_ms, gather_names_t *names, covey_errbuf_t *err)
{
    covey_err_t rc = COVEY_OK;
    if (options->agent_count > COVEY_GATHER_MAX)
        return covey_fail (err, COVEY_LIMIT, "%zu agents to ask; at most %d",
                           options->agent_count, COVEY_GATHER_MAX);
    for (size_t i = 0; i < options->agent_count; i++) {
        const char *id = options->agents[i];
        if (!id || !covey_str_is_agent_id (id, strlen (id)))
            return covey_fail (err, COVEY_INVALID,
                               "agents: \"%.40s\" is no agent id",
                               id ? id : "");
        s_add_name (names, id);
    }
    if (!options->agent_count)
        rc = s_find_members (self, options->group, until_ms, names, err);
    if (rc)
        return rc;
    if (names->count > COVEY_GATHER_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "more than %d agents would be asked",
                           COVEY_GATHER_MAX);
    if (!names->count)
        return covey_fail (err, COVEY_NOAGENT,
                           "there is no other agent that matches");
    return COVEY_OK;
}

/* ------------------------------------------------------------------------ */
/*  The gathering                                                             */

struct covey_gathering {
    covey_gathering_t *next; /* of the agent's                                */
    covey_agent_t *agent;
    covey_gather_t *core;
    covey_pending_t *asked; /* one for each                                   */
    bool *is_told;
    size_t count;
    gather_names_t names;
    covey_gather_fn *fn;
    void *arg;
    covey_err_t stopped; /* what `fn` said                                    */
};

/*  A report of the node: an event came to its target.                        */
void
covey_i_agent_heard (covey_agent_t *self, const uint8_t event_id[16])
{
    int64_t now_ms = covey_clock_mono_ms ();
    for (covey_gathering_t *g = self->gatherings; g; g = g->next)
        for (size_t i = 0; i < g->count; i++)
            if (memcmp (g->asked[i].event_id, event_id, 16) == 0) {
                covey_gather_heard (g->core, i, now_ms);
                covey_i_agent_wake (self);
                return;
            }
}

static void
s_ask_all (covey_gathering_t *self, const covey_call_t *question,
           int timeout_ms, int64_t until_ms)
{
    for (size_t i = 0; i < self->count; i++) {
        covey_pending_t *pending = &self->asked[i];
        covey_call_t call = *question;
        call.target = self->names.ids[i];
        pending->deadline_ms = until_ms;
        covey_errbuf_t err;
        covey_err_t rc = covey_i_agent_ask_for (self->agent, &call, timeout_ms,
                                                pending, &err);
        if (rc) {
            pending->is_done = true;
            pending->code = covey_fail (&pending->text, rc, "%s", err.text);
        }
    }
    covey_i_agent_flush (self->agent);
}

/*  Tell the caller of one, without the lock.                                 */
static void
s_tell (covey_gathering_t *self, size_t index)
{
    covey_pending_t *pending = &self->asked[index];
    covey_gather_answer_t answer = {.agent = self->names.ids[index],
                                    .code = pending->code,
                                    .error_code = "",
                                    .error_message = ""};
    covey_errbuf_t err;
    char *json = NULL;
    bool success =
        pending->answer && covey_event_bool (pending->answer, "success");
    if (success) {
        answer.code = covey_i_response_json (pending->answer, &json, &err);
        answer.result_json = json;
        if (answer.code) {
            answer.error_code = covey_err_name (answer.code);
            answer.error_message = err.text;
        }
    } else if (pending->answer) {
        answer.code = COVEY_REMOTE;
        answer.error_code = covey_event_str (pending->answer, "error.code");
        answer.error_message =
            covey_event_str (pending->answer, "error.message");
    } else {
        answer.error_code = covey_err_name (pending->code);
        answer.error_message = pending->text.text;
    }
    covey_err_t rc =
        self->fn ? self->fn (self->agent, &answer, self->arg) : COVEY_OK;
    covey_free (json);
    covey_event_destroy (&pending->answer);
    if (rc)
        self->stopped = rc;
}

/*  The next one with news, from the table into the core and to the caller.   */
static bool
s_take_one (covey_gathering_t *self)
{
    for (size_t i = 0; i < self->count; i++) {
        covey_pending_t *pending = &self->asked[i];
        if (!pending->is_done || self->is_told[i])
            continue;
        self->is_told[i] = true;
        int64_t now_ms = covey_clock_mono_ms ();
        if (pending->answer)
            covey_gather_answered (
                self->core, i, covey_event_bool (pending->answer, "success"),
                now_ms);
        else
            covey_gather_unreachable (self->core, i, now_ms);
        covey_i_agent_unlock (self->agent);
        s_tell (self, i);
        covey_i_agent_lock (self->agent);
        return true;
    }
    return false;
}

static covey_err_t
s_run (covey_gathering_t *self, covey_errbuf_t *err)
{
    while (!self->stopped &&
           !covey_gather_end (self->core, covey_clock_mono_ms ())) {
        if (s_take_one (self))
            continue;
        covey_err_t rc = covey_i_agent_check (self->agent, err);
        if (rc)
            return rc;
        covey_i_agent_wait (self->agent, covey_gather_next_ms (self->core));
    }
    return COVEY_OK;
}

/*  What the caller is told of the whole.                                     */
static covey_err_t
s_conclude (covey_gathering_t *self, covey_gather_result_t *result,
            covey_errbuf_t *err)
{
    covey_gather_result (self->core, result);
    if (self->stopped) {
        result->end = COVEY_GATHER_STOPPED;
        return self->stopped; /* covey_error () is the function's own        */
    }
    covey_err_t rc = result->end == COVEY_GATHER_ERROR ? COVEY_REMOTE
                     : result->end == COVEY_GATHER_TIMEOUT ||
                             result->end == COVEY_GATHER_STALLED
                         ? COVEY_TIMEOUT
                         : COVEY_OK;
    if (rc)
        return covey_fail (err, rc,
                           "ended by %s: of %zu asked %zu heard it, %zu "
                           "answered, %zu failed, %zu were unreachable",
                           covey_gather_end_name ((int)result->end),
                           result->asked, result->heard, result->answered,
                           result->failed, result->unreachable);
    return COVEY_OK;
}

static covey_err_t
s_gather (covey_gathering_t *self, const covey_call_t *question, int timeout_ms,
          int64_t until_ms, covey_gather_result_t *result, covey_errbuf_t *err)
{
    covey_agent_t *agent = self->agent;
    self->asked = covey_mem_new (self->count * sizeof *self->asked);
    self->is_told = covey_mem_new (self->count * sizeof *self->is_told);
    covey_i_agent_lock (agent);
    self->next = agent->gatherings;
    agent->gatherings = self;
    s_ask_all (self, question, timeout_ms, until_ms);
    covey_err_t rc = s_run (self, err);
    for (size_t i = 0; i < self->count; i++)
        covey_i_agent_forget_request (agent, &self->asked[i]);
    covey_gathering_t **at = &agent->gatherings;
    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    covey_i_agent_unlock (agent);
    if (rc == COVEY_OK)
        rc = s_conclude (self, result, err);
    else
        covey_gather_result (self->core, result);
    for (size_t i = 0; i < self->count; i++)
        covey_event_destroy (&self->asked[i].answer);
    free (self->asked);
    free (self->is_told);
    return rc;
}

covey_err_t
covey_agent_gather (covey_agent_t *self, const covey_gather_options_t *options,
                    const char *method, const char *params_json,
                    covey_gather_fn *fn, void *arg,
                    covey_gather_result_t *result)
{
    assert (self && options);
    covey_errbuf_t *err = covey_errbuf ();
    covey_gather_result_t unused;
    int timeout_ms =
        options->timeout_ms > 0 ? options->timeout_ms : COVEY_AGENT_REQUEST_MS;
    int64_t until_ms = covey_i_deadline (timeout_ms);
    covey_gathering_t gathering = {.agent = self, .fn = fn, .arg = arg};
    covey_err_t rc =
        s_find_names (self, options, until_ms, &gathering.names, err);
    if (rc == COVEY_OK) {
        gathering.count = gathering.names.count;
        int64_t now_ms = covey_clock_mono_ms ();
        covey_gather_rules_t rules = {
            .timeout_ms = until_ms > now_ms ? until_ms - now_ms : 0,
            .stall_ms = options->stall_ms > 0 ? options->stall_ms : 0,
            .max_answers = options->max_answers,
            .stop_on_error = options->stop_on_error};
        gathering.core = covey_gather_new (&rules, gathering.count, now_ms);
        covey_call_t question = {
            .method = method, .params = params_json, .heard = true};
        rc = s_gather (&gathering, &question, timeout_ms, until_ms,
                       result ? result : &unused, err);
        covey_gather_destroy (&gathering.core);
    }
    s_free_names (&gathering.names);
    return rc;
}
