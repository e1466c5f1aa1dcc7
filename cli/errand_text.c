#include "cli/errand_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/errand.h"
#include "proto/json.h"
#include "proto/json_scan.h"

#define PARAMS_MAX (8u << 20) /* escapes let a text grow sixfold */

const char *
covey_errand_progress (const char *line, int *percent_p)
{
    size_t digits = strspn (line, "0123456789");
    if (digits < 1 || digits > 3 || line[digits] != '%')
        return NULL;
    int percent = (int)strtol (line, NULL, 10);
    if (percent > 100)
        return NULL;
    *percent_p = percent;
    line += digits + 1;
    return line + strspn (line, " \t");
}

const char *
covey_errand_details (const char *line)
{
    static const char word[] = "%details";
    size_t size = sizeof word - 1;
    if (strncmp (line, word, size) != 0 ||
        (line[size] != ' ' && line[size] != '\t'))
        return NULL;
    line += size;
    return line + strspn (line, " \t");
}

/* ------------------------------------------------------------------------ */
/*  Environment                                                               */

typedef struct {
    const char *name;
    const char *value;
} s_variable_t;

#define VARIABLES_MAX 16
#define DETAILS_MAX 65536 /* half of what Linux takes for one */

static bool
s_is_named (const char *entry, const s_variable_t *variables, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen (variables[i].name);
        if (strncmp (entry, variables[i].name, size) == 0 && entry[size] == '=')
            return true;
    }
    return false;
}

static char **
s_env_with (const s_variable_t *variables, size_t count)
{
    size_t inherited = 0, at = 0;
    while (environ[inherited])
        inherited++;
    char **env = calloc (inherited + count + 1, sizeof *env);
    if (!env)
        abort ();
    for (size_t i = 0; i < inherited; i++)
        if (!s_is_named (environ[i], variables, count))
            env[at++] = covey_str_dup (environ[i]);
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen (variables[i].name) + strlen (variables[i].value);
        env[at] = malloc (size + 2);
        if (!env[at])
            abort ();
        snprintf (env[at++], size + 2, "%s=%s", variables[i].name,
                  variables[i].value);
    }
    return env;
}

/*  What an earlier attempt left, or "": also when it is binary, or too large
    for a variable. The caller frees it.                                      */
static char *
s_details (const covey_event_t *event)
{
    size_t size = 0;
    const char *text = covey_event_payload (event, "details", NULL, &size);
    if (!text || memchr (text, '\0', size) || !covey_str_is_utf8 (text, size))
        size = 0;
    if (size > DETAILS_MAX) {
        covey_errand_say (event, "the details of the attempt before are too "
                                 "large for COVEY_TASK_DETAILS");
        size = 0;
    }
    char *copy = strndup (size ? text : "", size);
    if (!copy)
        abort ();
    return copy;
}

/*  The options of a question, one a line; "": it has none.                  */
static char *
s_options (const covey_event_t *request)
{
    covey_buf_t lines;
    covey_buf_init (&lines, PARAMS_MAX);
    for (size_t i = 0; i < covey_event_count (request, "rule.options"); i++) {
        covey_buf_puts (&lines, i ? "\n" : "");
        covey_buf_puts (&lines,
                        covey_event_str_at (request, "rule.options", i));
    }
    char *text = covey_buf_steal (&lines);
    covey_buf_deinit (&lines);
    return text ? text : covey_str_dup ("");
}

char **
covey_errand_env (const covey_event_t *event, const covey_agent_t *agent,
                  const char *endpoint)
{
    char attempt[24], token[24];
    s_variable_t all[VARIABLES_MAX] = {
        {"COVEY_AGENT_ID", covey_agent_id (agent)},
        {"COVEY_AGENT_TYPE", covey_agent_type (agent)},
        {"COVEY_ENDPOINT", endpoint}};
    size_t count = 3;

    if (covey_event_type (event) == COVEY_EVENT_SWARM_CONSENSUS_REQUEST) {
        char *options = s_options (event);
        const s_variable_t own[] = {
            {"COVEY_CONSENSUS_ID", covey_event_str (event, "consensusId")},
            {"COVEY_SWARM_ID", covey_event_str (event, "swarmId")},
            {"COVEY_OPTIONS", options}};
        memcpy (all + count, own, sizeof own);
        char **env = s_env_with (all, count + sizeof own / sizeof own[0]);
        free (options);
        return env;
    }
    const char *priority = covey_event_str (event, "priority");
    snprintf (attempt, sizeof attempt, "%" PRId64,
              covey_event_int (event, "attempt"));
    snprintf (token, sizeof token, "%" PRIu64,
              (uint64_t)covey_event_int (event, "fencingToken"));
    char *details = s_details (event);
    const s_variable_t own[] = {
        {"COVEY_TASK_DETAILS", details},
        {"COVEY_TASK_ID", covey_event_str (event, "taskId")},
        {"COVEY_TASK_TYPE", covey_event_str (event, "taskType")},
        {"COVEY_TASK_DESCRIPTION", covey_event_str (event, "description")},
        {"COVEY_TASK_PRIORITY", *priority ? priority : "normal"},
        {"COVEY_TASK_ATTEMPT", attempt},
        {"COVEY_TASK_FENCING_TOKEN", token},
        {"COVEY_TASK_CORRELATION_ID", covey_event_correlation_id (event)}};
    memcpy (all + count, own, sizeof own);
    count += sizeof own / sizeof own[0];
    const char *session = covey_event_metadata (event, "coordinationId");
    if (*session) {
        const s_variable_t step[] = {
            {"COVEY_COORDINATION_ID", session},
            {"COVEY_STEP", covey_event_metadata (event, "step")}};
        memcpy (all + count, step, sizeof step);
        count += sizeof step / sizeof step[0];
    }
    char **env = s_env_with (all, count);
    free (details);
    return env;
}

void
covey_errand_env_free (char **env)
{
    for (char **at = env; *at; at++)
        free (*at);
    free (env);
}

/* ------------------------------------------------------------------------ */
/*  Report parameters                                                         */

static void
s_quote (covey_buf_t *to, const char *text)
{
    covey_json_quote (to, text, strlen (text));
}

static void
s_begin (covey_buf_t *to, const covey_event_t *assigned)
{
    covey_buf_init (to, PARAMS_MAX);
    covey_buf_puts (to, "{\"taskId\":");
    s_quote (to, covey_event_str (assigned, "taskId"));
    covey_buf_printf (to, ",\"fencingToken\":%" PRIu64,
                      (uint64_t)covey_event_int (assigned, "fencingToken"));
}

static char *
s_end (covey_buf_t *to)
{
    covey_buf_putc (to, '}');
    char *text = covey_buf_steal (to);
    covey_buf_deinit (to);
    return text;
}

char *
covey_errand_params (const covey_event_t *assigned)
{
    covey_buf_t to;
    s_begin (&to, assigned);
    return s_end (&to);
}

static void
s_put_details (covey_buf_t *to, const char *details)
{
    if (!details)
        return;
    bool is_json = covey_json_is_valid (details, strlen (details));
    covey_buf_printf (to, ",\"details\":{\"contentType\":\"%s\",\"data\":",
                      is_json ? "json" : "text");
    if (is_json)
        covey_buf_puts (to, details);
    else
        s_quote (to, details);
    covey_buf_putc (to, '}');
}

char *
covey_errand_yield_params (const covey_event_t *assigned, const char *details)
{
    covey_buf_t to;
    s_begin (&to, assigned);
    covey_buf_puts (&to, ",\"reason\":\"it was asked to stop\"");
    s_put_details (&to, details);
    return s_end (&to);
}

char *
covey_errand_progress_params (const covey_event_t *assigned, int percent,
                              const char *status, const char *details)
{
    covey_buf_t to;
    s_begin (&to, assigned);
    covey_buf_printf (&to, ",\"progress\":%d,\"status\":", percent);
    s_quote (&to, status);
    s_put_details (&to, details);
    return s_end (&to);
}

char *
covey_errand_fail_params (const covey_event_t *assigned, const char *error,
                          const char *code, bool retryable)
{
    covey_buf_t to;
    s_begin (&to, assigned);
    covey_buf_puts (&to, ",\"error\":");
    s_quote (&to, error);
    covey_buf_puts (&to, ",\"errorCode\":");
    s_quote (&to, code);
    covey_buf_printf (&to, ",\"retryable\":%s", retryable ? "true" : "false");
    return s_end (&to);
}

char *
covey_errand_reject_params (const covey_event_t *assigned, const char *reason)
{
    covey_buf_t to;
    s_begin (&to, assigned);
    covey_buf_puts (&to, ",\"reason\":");
    s_quote (&to, reason);
    return s_end (&to);
}

char *
covey_errand_coordination_params (const covey_event_t *request,
                                  const char *reason)
{
    covey_buf_t to;
    covey_buf_init (&to, PARAMS_MAX);
    covey_buf_puts (&to, "{\"coordinationId\":");
    s_quote (&to, covey_event_str (request, "coordinationId"));
    if (reason) {
        covey_buf_puts (&to, ",\"reason\":");
        s_quote (&to, reason);
    }
    return s_end (&to);
}

char *
covey_errand_fail_large (const covey_event_t *assigned)
{
    char text[96];
    snprintf (text, sizeof text,
              "the result is larger than a payload may be (%d bytes)",
              COVEY_PAYLOAD_MAX);
    return covey_errand_fail_params (assigned, text, "RESULT_TOO_LARGE", false);
}

char *
covey_errand_complete_params (const covey_event_t *assigned, const void *output,
                              size_t size)
{
    covey_buf_t to;
    s_begin (&to, assigned);
    covey_buf_puts (&to, ",\"result\":");
    if (covey_json_is_valid (output, size)) {
        covey_buf_puts (&to, "{\"contentType\":\"json\",\"data\":");
        (void)covey_buf_append (&to, output, size); /* see `failed` */
        covey_buf_putc (&to, '}');
    } else if (covey_str_is_utf8 (output, size)) {
        covey_json_quote (&to, output, size);
    } else {
        covey_buf_puts (&to, "{\"contentType\":\"binary\",\"data\":\"");
        covey_base64_write (output, size, &to);
        covey_buf_puts (&to, "\"}");
    }
    if (to.size >= COVEY_PAYLOAD_MAX)
        to.failed = true;
    return s_end (&to);
}

/*  Each line names an option, the best first.                               */
static void
s_put_options (covey_buf_t *to, const char *output, size_t size)
{
    const char *end = output + size;
    bool first = true;
    covey_buf_puts (to, ",\"options\":[");
    while (output < end) {
        const char *feed = memchr (output, '\n', (size_t)(end - output));
        size_t length = (size_t)((feed ? feed : end) - output);
        if (length && covey_str_is_utf8 (output, length)) {
            covey_buf_puts (to, first ? "" : ",");
            covey_json_quote (to, output, length);
            first = false;
        }
        output += length + 1;
    }
    covey_buf_putc (to, ']');
}

char *
covey_errand_ballot_params (const covey_event_t *request, const char *vote,
                            const void *output, size_t size)
{
    covey_buf_t to;
    size_t whole = size;
    const char *reason = output;
    const char *feed = size ? memchr (reason, '\n', size) : NULL;
    if (feed)
        size = (size_t)(feed - reason);
    if (size > COVEY_ERRAND_REASON_MAX)
        size = COVEY_ERRAND_REASON_MAX;
    while (size && !covey_str_is_utf8 (reason, size))
        size--; /* up to the first byte that is not text */
    covey_buf_init (&to, PARAMS_MAX);
    covey_buf_puts (&to, "{\"consensusId\":");
    s_quote (&to, covey_event_str (request, "consensusId"));
    covey_buf_printf (&to, ",\"vote\":\"%s\"", vote);
    if (strcmp (vote, "approve") == 0 &&
        covey_event_count (request, "rule.options")) {
        s_put_options (&to, output, whole);
    } else if (size) {
        covey_buf_puts (&to, ",\"reason\":");
        covey_json_quote (&to, reason, size);
    }
    return s_end (&to);
}

/* ------------------------------------------------------------------------ */

void
covey_errand_exit_text (int status, char *code, size_t code_size, char *text,
                        size_t text_size)
{
    if (!WIFSIGNALED (status)) {
        snprintf (code, code_size, "EXIT_%d", WEXITSTATUS (status));
        snprintf (text, text_size, "exit status %d", WEXITSTATUS (status));
        return;
    }
    const char *name = sigabbrev_np (WTERMSIG (status));
    if (name)
        snprintf (code, code_size, "SIG%s", name);
    else
        snprintf (code, code_size, "SIGNAL_%d", WTERMSIG (status));
    snprintf (text, text_size, "ended by %s", code);
}

void
covey_errand_say (const covey_event_t *event, const char *line)
{
    const char *id =
        covey_event_type (event) == COVEY_EVENT_SWARM_CONSENSUS_REQUEST
            ? covey_event_str (event, "consensusId")
            : covey_event_str (event, "taskId");
    fprintf (stderr, "%s: %s\n", id, line);
}
