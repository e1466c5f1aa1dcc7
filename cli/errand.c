#include "cli/errand.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "api/held.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/errand_text.h"
#include "proto/event.h"

static void s_call (covey_errand_t *self, const char *method, char *params,
                    int64_t now_ms);

void
covey_errand_init (covey_errand_t *self, const covey_errand_setup_t *setup)
{
    memset (self, 0, sizeof *self);
    self->setup = setup;
}

static void
s_forget (covey_errand_t *self)
{
    covey_event_destroy (&self->event);
    covey_child_destroy (&self->child);
    for (size_t i = 0; i < self->note_count; i++)
        free (self->notes[i].text);
    free (self->last_note.text);
    free (self->last_line);
    free (self->details);
    free (self->params);
    covey_errand_init (self, self->setup);
}

void
covey_errand_deinit (covey_errand_t *self)
{
    s_forget (self);
}

bool
covey_errand_is (const covey_errand_t *self, const char *field, const char *id)
{
    return self->state != COVEY_ERRAND_FREE &&
           covey_event_has (self->event, field) &&
           strcmp (covey_event_str (self->event, field), id) == 0;
}

static bool
s_is_vote (const covey_errand_t *self)
{
    return covey_event_type (self->event) ==
           COVEY_EVENT_SWARM_CONSENSUS_REQUEST;
}

/* ------------------------------------------------------------------------ */
/*  Answers of the coordinator                                                */

/*  Codes after which the same report may still be taken.                    */
static bool
s_may_pass (const char *code)
{
    static const char *const passing[] = {"TIMEOUT", "NOCOORDINATOR", "NOAGENT",
                                          "EAGAIN",  "UNREACHABLE",   "CLOSED"};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if (strcmp (code, passing[i]) == 0)
            return true;
    return false;
}

/*  The lease as both ends of it stand in the coordinator's own clock.       */
static int64_t
s_lease_ms (const covey_event_t *answer)
{
    int64_t from = 0, until = 0;
    size_t size = 0;
    const char *text = covey_event_payload (answer, "result", NULL, &size);
    json_t *view = text ? json_loadb (text, size, 0, NULL) : NULL;
    const char *started =
        json_string_value (json_object_get (view, "startedAt"));
    const char *ends =
        json_string_value (json_object_get (view, "leaseEndsAt"));
    int64_t lease_ms = COVEY_ERRAND_LEASE_MS;
    if (started && ends && covey_str_parse_time (started, &from) &&
        covey_str_parse_time (ends, &until) && until - from >= 100000 &&
        until - from < COVEY_ERRAND_LEASE_MS * INT64_C (1000))
        lease_ms = (until - from) / 1000;
    json_decref (view);
    return lease_ms;
}

/*  Does the answer ask to stop? It is the task.                             */
static bool
s_is_stop_wanted (const covey_event_t *answer)
{
    size_t size = 0;
    const char *text = covey_event_payload (answer, "result", NULL, &size);
    json_t *view = text ? json_loadb (text, size, 0, NULL) : NULL;
    bool is_wanted = json_is_true (json_object_get (view, "cancelRequested")) ||
                     json_is_true (json_object_get (view, "pauseRequested"));
    json_decref (view);
    return is_wanted;
}

/*  Give an unfinished task back with what the command said of it.           */
static void
s_yield (covey_errand_t *self, int64_t now_ms)
{
    self->state = COVEY_ERRAND_REPORTING;
    s_call (self, "task.yield",
            covey_errand_yield_params (self->event, self->details), now_ms);
}

static void s_run_task (covey_errand_t *self, int64_t now_ms);

static covey_err_t
s_on_called (covey_agent_t *agent, const covey_event_t *answer, void *arg)
{
    covey_errand_t *self = arg;
    const char *asked = self->asked;
    int64_t now_ms = covey_clock_mono_ms ();
    (void)agent;
    self->asks--;
    self->asked = NULL;
    if (self->state == COVEY_ERRAND_DROPPED || asked != self->method)
        return COVEY_OK; /* another report waits by now: pump sends it      */
    if (!covey_event_bool (answer, "success")) {
        const char *code = covey_event_str (answer, "error.code");
        self->again_ms = now_ms + COVEY_ERRAND_AGAIN_MS;
        if (s_may_pass (code) && self->again_ms < self->until_ms) {
            self->repeated = true;
            return COVEY_OK;
        }
        if (s_is_vote (self) && self->repeated) /* it is signed as the first */
            covey_errand_say (self->event, "the ballot was sent again, and has "
                                           "perhaps counted before:");
        covey_errand_say (self->event,
                          covey_event_str (answer, "error.message"));
        covey_errand_drop (self, now_ms);
        return COVEY_OK;
    }
    free (self->params);
    self->params = NULL;
    self->method = NULL;
    if (self->state == COVEY_ERRAND_STARTING) {
        self->lease_ms = s_lease_ms (answer);
        if (s_is_stop_wanted (answer))
            s_yield (self, now_ms);
        else
            s_run_task (self, now_ms);
    } else
        covey_errand_drop (self, now_ms);
    return COVEY_OK;
}

/*  A refused progress report says that the task is not ours any more; one
    that found nobody is followed by the next. One that was taken may ask to
    stop: the lease is kept until the command has ended.                      */
static covey_err_t
s_on_noted (covey_agent_t *agent, const covey_event_t *answer, void *arg)
{
    covey_errand_t *self = arg;
    (void)agent;
    self->asks--;
    self->noting = false;
    if (self->state != COVEY_ERRAND_RUNNING)
        return COVEY_OK;
    if (covey_event_bool (answer, "success")) {
        if (!self->stopping && self->child && s_is_stop_wanted (answer)) {
            self->stopping = true;
            covey_child_stop_within (self->child, covey_clock_mono_ms (),
                                     self->setup->stop_ms);
        }
        return COVEY_OK;
    }
    if (s_may_pass (covey_event_str (answer, "error.code")))
        return COVEY_OK;
    covey_errand_say (self->event, covey_event_str (answer, "error.message"));
    covey_errand_drop (self, covey_clock_mono_ms ());
    return COVEY_OK;
}

static covey_err_t
s_on_ignored (covey_agent_t *agent, const covey_event_t *answer, void *arg)
{
    covey_errand_t *self = arg;
    (void)agent;
    (void)answer;
    self->asks--;
    return COVEY_OK;
}

static covey_err_t
s_ask (covey_errand_t *self, const char *method, const char *params,
       covey_handler_fn *fn)
{
    covey_err_t rc =
        covey_agent_ask (self->setup->agent, COVEY_SERVICE_COORDINATOR, method,
                         params, COVEY_ERRAND_ASK_MS, fn, self);
    if (!rc)
        self->asks++;
    return rc;
}

/*  Send the report that must arrive, or say why it never will.              */
static void
s_call_now (covey_errand_t *self, int64_t now_ms)
{
    covey_err_t rc = s_ask (self, self->method, self->params, s_on_called);
    self->asked = rc ? NULL : self->method;
    if (!rc)
        return;
    self->again_ms = now_ms + COVEY_ERRAND_AGAIN_MS;
    if (s_may_pass (covey_err_name (rc)) && self->again_ms < self->until_ms)
        return;
    covey_errand_say (self->event, covey_error ());
    bool too_large =
        rc == COVEY_LIMIT && strcmp (self->method, "task.complete") == 0;
    if (too_large)
        s_call (self, "task.fail",
                covey_errand_fail_params (
                    self->event, "the result does not fit into an event",
                    "RESULT_TOO_LARGE", false),
                now_ms);
    else
        covey_errand_drop (self, now_ms);
}

static void
s_call (covey_errand_t *self, const char *method, char *params, int64_t now_ms)
{
    free (self->params);
    self->params = params;
    self->method = method;
    self->repeated = false;
    self->until_ms = now_ms + COVEY_ERRAND_REPORT_MS;
    self->again_ms = now_ms;
    if (!self->asked)
        s_call_now (self, now_ms);
}

/* ------------------------------------------------------------------------ */
/*  Progress and other lines of standard error                                */

static void
s_note (covey_errand_t *self, int percent, const char *text)
{
    if (self->note_count == COVEY_ERRAND_NOTES_MAX)
        free (self->notes[--self->note_count].text);
    self->notes[self->note_count++] = (covey_errand_note_t){
        .percent = percent, .text = covey_str_dup (*text ? text : "running")};
}

static void
s_on_line (void *arg, const char *text)
{
    covey_errand_t *self = arg;
    int percent = 0;
    const char *status = covey_errand_progress (text, &percent);
    const char *details = covey_errand_details (text);
    if (details && !s_is_vote (self)) {
        free (self->details);
        self->details = covey_str_dup (details);
        self->has_news = true;
        return;
    }
    if (status && !s_is_vote (self)) {
        s_note (self, percent, status);
        return;
    }
    covey_errand_say (self->event, text);
    if (*text) {
        free (self->last_line);
        self->last_line = covey_str_dup (text);
    }
}

/*  Report the oldest note, or the last one again for the lease's sake.      */
static void
s_send_note (covey_errand_t *self, int64_t now_ms)
{
    if (self->note_count) {
        free (self->last_note.text);
        self->last_note = self->notes[0];
        self->note_count--;
        memmove (self->notes, self->notes + 1,
                 self->note_count * sizeof self->notes[0]);
    }
    const char *text = self->last_note.text ? self->last_note.text : "running";
    char *params = covey_errand_progress_params (
        self->event, self->last_note.percent, text, self->details);
    self->noting =
        s_ask (self, "task.progress", params, s_on_noted) == COVEY_OK;
    free (params);
    self->has_news = false;
    self->note_at_ms = now_ms + COVEY_ERRAND_NOTE_EVERY_MS;
    self->renew_at_ms = now_ms + self->lease_ms / 3;
}

/* ------------------------------------------------------------------------ */
/*  Begin and end                                                             */

static void
s_spawn (covey_errand_t *self, char *const *argv, const char *field,
         size_t output_max, int64_t now_ms)
{
    covey_errbuf_t err;
    size_t size = 0;
    const void *input = covey_event_payload (self->event, field, NULL, &size);
    char **envp = covey_errand_env (self->event, self->setup->agent,
                                    self->setup->endpoint);
    covey_child_spec_t spec = {.argv = argv,
                               .envp = envp,
                               .input = input,
                               .input_size = input ? size : 0,
                               .output_max = output_max,
                               .line = s_on_line,
                               .arg = self};
    covey_err_t rc = covey_child_new (&spec, &self->child, &err);
    covey_errand_env_free (envp);
    self->state = COVEY_ERRAND_RUNNING;
    if (!rc)
        return;
    covey_errand_say (self->event, err.text);
    if (s_is_vote (self)) {
        covey_errand_drop (self, now_ms);
        return;
    }
    self->state = COVEY_ERRAND_REPORTING;
    s_call (
        self, "task.fail",
        covey_errand_fail_params (self->event, err.text, "NOT_STARTED", true),
        now_ms);
}

static void
s_run_task (covey_errand_t *self, int64_t now_ms)
{
    self->renew_at_ms = now_ms + self->lease_ms / 3;
    s_spawn (self, self->setup->argv, "input", COVEY_PAYLOAD_MAX, now_ms);
}

void
covey_errand_begin_task (covey_errand_t *self, const covey_event_t *assigned,
                         int64_t now_ms)
{
    assert (self->state == COVEY_ERRAND_FREE);
    self->event = covey_event_dup (assigned);
    self->state = COVEY_ERRAND_STARTING;
    self->lease_ms = COVEY_ERRAND_LEASE_MS;
    /* Both leave at once and are answered in order: one round trip until the
       command may run. The second answer tells all that the first would.    */
    char *params = covey_errand_params (self->event);
    (void)s_ask (self, "task.accept", params, s_on_ignored);
    s_call (self, "task.start", params, now_ms);
}

void
covey_errand_begin_vote (covey_errand_t *self, const covey_event_t *request,
                         int64_t now_ms)
{
    assert (self->state == COVEY_ERRAND_FREE && self->setup->vote_command);
    self->event = covey_event_dup (request);
    self->vote_until_ms = now_ms + covey_event_int (request, "timeout");
    char shell[] = "/bin/sh", flag[] = "-c";
    char *command = covey_str_dup (self->setup->vote_command);
    char *argv[] = {shell, flag, command, NULL};
    s_spawn (self, argv, "proposal", COVEY_TEXT_MAX, now_ms);
    free (command);
}

static void
s_finish_task (covey_errand_t *self, int64_t now_ms)
{
    int status = covey_child_status (self->child);
    const covey_buf_t *output = covey_child_output (self->child);
    while (
        self->note_count) /* what was said before the end arrives before it */
        s_send_note (self, now_ms);
    self->state = COVEY_ERRAND_REPORTING;
    if (covey_child_is_overflow (self->child)) {
        s_call (self, "task.fail", covey_errand_fail_large (self->event),
                now_ms);
        return;
    }
    if (WIFEXITED (status) && WEXITSTATUS (status) == 0) {
        char *params = covey_errand_complete_params (self->event, output->data,
                                                     output->size);
        if (params)
            s_call (self, "task.complete", params, now_ms);
        else
            s_call (self, "task.fail", covey_errand_fail_large (self->event),
                    now_ms);
        return;
    }
    if (self->stopping) {
        s_yield (self, now_ms);
        return;
    }
    char code[32], text[64];
    covey_errand_exit_text (status, code, sizeof code, text, sizeof text);
    const char *error =
        WIFSIGNALED (status) || !self->last_line ? text : self->last_line;
    s_call (self, "task.fail",
            covey_errand_fail_params (self->event, error, code, true), now_ms);
}

static void
s_finish_vote (covey_errand_t *self, int64_t now_ms)
{
    static const char *const votes[] = {"approve", "reject", "abstain"};
    int status = covey_child_status (self->child);
    if (!WIFEXITED (status) || WEXITSTATUS (status) > 2) {
        char code[32], text[64];
        covey_errand_exit_text (status, code, sizeof code, text, sizeof text);
        covey_errand_say (self->event, "the vote command failed, no ballot:");
        covey_errand_say (self->event,
                          self->last_line ? self->last_line : text);
        covey_errand_drop (self, now_ms);
        return;
    }
    const covey_buf_t *output = covey_child_output (self->child);
    const covey_errand_setup_t *setup = self->setup;
    self->state = COVEY_ERRAND_REPORTING;
    char *params = covey_errand_ballot_params (
        self->event, votes[WEXITSTATUS (status)], output->data, output->size);
    if (setup->ballot_key && params) {
        char *sealed =
            covey_i_question_sign (self->event, setup->ballot_key,
                                   covey_agent_id (setup->agent), params);
        free (params);
        params = sealed;
    }
    s_call (self, "swarm.vote", params, now_ms);
}

void
covey_errand_drop (covey_errand_t *self, int64_t now_ms)
{
    if (self->state == COVEY_ERRAND_FREE)
        return;
    self->state = COVEY_ERRAND_DROPPED;
    self->method = NULL;
    if (self->child)
        covey_child_stop (self->child, now_ms);
}

void
covey_errand_nudge (covey_errand_t *self, int64_t now_ms)
{
    if (self->state == COVEY_ERRAND_RUNNING && !self->stopping)
        self->renew_at_ms = now_ms;
}

void
covey_errand_hand_back (covey_errand_t *self, int64_t now_ms)
{
    if (self->state == COVEY_ERRAND_FREE ||
        self->state == COVEY_ERRAND_DROPPED ||
        self->state == COVEY_ERRAND_REPORTING)
        return;
    if (s_is_vote (self)) {
        covey_errand_drop (self, now_ms);
        return;
    }
    if (self->child)
        covey_child_stop (self->child, now_ms);
    self->state = COVEY_ERRAND_REPORTING;
    s_call (self, "task.fail",
            covey_errand_fail_params (self->event, "the agent shuts down",
                                      "SHUTDOWN", true),
            now_ms);
}

/* ------------------------------------------------------------------------ */

static void
s_pump_child (covey_errand_t *self, int64_t now_ms)
{
    covey_child_pump (self->child, now_ms);
    if (!covey_child_is_over (self->child)) {
        if (s_is_vote (self) && now_ms >= self->vote_until_ms)
            covey_errand_drop (self, now_ms);
        return;
    }
    if (self->state == COVEY_ERRAND_RUNNING) {
        if (s_is_vote (self))
            s_finish_vote (self, now_ms);
        else
            s_finish_task (self, now_ms);
    }
    covey_child_destroy (&self->child);
}

void
covey_errand_pump (covey_errand_t *self, int64_t now_ms)
{
    if (self->state == COVEY_ERRAND_FREE)
        return;
    if (self->child)
        s_pump_child (self, now_ms);
    if (self->state == COVEY_ERRAND_RUNNING && !s_is_vote (self) &&
        !self->noting &&
        (((self->note_count || self->has_news) && now_ms >= self->note_at_ms) ||
         now_ms >= self->renew_at_ms))
        s_send_note (self, now_ms);
    if (self->method && !self->asked && now_ms >= self->again_ms)
        s_call_now (self, now_ms);
    if (self->state == COVEY_ERRAND_DROPPED && !self->asks && !self->child) {
        if (!s_is_vote (self))
            covey_i_task_is_over (self->setup->agent,
                                  covey_event_str (self->event, "taskId"));
        s_forget (self);
    }
}

static int64_t
s_earlier (int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t
covey_errand_next_ms (const covey_errand_t *self)
{
    int64_t next = INT64_MAX;
    if (self->state == COVEY_ERRAND_FREE)
        return next;
    if (self->child)
        next = covey_child_next_ms (self->child);
    if (self->state == COVEY_ERRAND_RUNNING && s_is_vote (self))
        next = s_earlier (next, self->vote_until_ms);
    else if (self->state == COVEY_ERRAND_RUNNING && !self->noting)
        next = s_earlier (next, self->note_count || self->has_news
                                    ? self->note_at_ms
                                    : self->renew_at_ms);
    if (self->method && !self->asked)
        next = s_earlier (next, self->again_ms);
    return next;
}
