/*  covey events, covey subscribe: what happened, and what happens            */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/commands.h"
#include "cli/filter.h"

#define PAGE_MAX 10000

/*  What a page of a query needs to know.                                    */
typedef struct {
    covey_cli_t *cli;
    covey_filter_t *filter;
    int64_t last;   /* offset of the last event shown; 0: none                */
    size_t seen;    /* events of this page                                    */
    size_t shown;   /* events in all                                          */
    size_t limit;   /* of them; 0: no limit                                   */
    bool is_silent; /* look, do not show                                      */
} query_t;

static covey_err_t
s_take (query_t *self, const covey_event_t *event)
{
    int64_t offset = covey_event_offset (event);
    self->seen++;
    /*  Pages of a journal that grows overlap when the newest come first.    */
    if (self->filter->newest_first && self->last && offset >= self->last)
        return COVEY_OK;
    if (self->limit && self->shown == self->limit)
        return COVEY_CANCELED;
    self->last = offset;
    self->shown++;
    if (!self->is_silent)
        covey_cli_put_event (self->cli, event);
    return COVEY_OK;
}

static covey_err_t
s_on_event (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    return s_take (arg, event);
}

static covey_err_t
s_on_stored (const covey_event_t *event, void *arg)
{
    return s_take (arg, event);
}

static covey_err_t
s_query_page (query_t *self)
{
    self->seen = 0;
    if (self->cli->store)
        return covey_store_query (self->cli->store, self->filter, s_on_stored,
                                  self);
    return covey_agent_query (self->cli->agent, self->filter,
                              covey_cli_timeout (self->cli), s_on_event, self);
}

/*  Everything that matches, page after page, up to the limit.               */
static covey_err_t
s_query_all (query_t *self)
{
    covey_filter_t *filter = self->filter;
    for (;;) {
        filter->limit = self->limit && self->limit - self->shown < PAGE_MAX
                            ? self->limit - self->shown
                            : PAGE_MAX;
        covey_err_t rc = s_query_page (self);
        bool is_full = self->limit && self->shown >= self->limit;
        if (rc == COVEY_CANCELED && is_full)
            rc = COVEY_OK;
        if (rc || is_full || self->seen < filter->limit ||
            !covey_cli_flush (self->cli))
            return rc;
        if (filter->newest_first)
            filter->skip += self->seen;
        else
            filter->after_offset = self->last;
    }
}

/*  The offset before the newest `limit` events that match, so that they can be
    shown oldest first without keeping them.                                  */
static covey_err_t
s_find_start (covey_cli_t *cli, covey_filter_t *filter, size_t limit)
{
    query_t probe = {.cli = cli, .filter = filter, .is_silent = true};
    filter->newest_first = true;
    filter->skip = limit - 1;
    filter->limit = 1;
    covey_err_t rc = s_query_page (&probe);
    if (probe.last > 0 && probe.last - 1 > filter->after_offset)
        filter->after_offset = probe.last - 1;
    filter->newest_first = false;
    filter->skip = 0;
    return rc;
}

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_events_options[] = {
    COVEY_FILTER_OPTIONS,
    COVEY_SINCE_OPTION,
    {.flag = "limit",
     .letter = 'n',
     .kind = COVEY_OPT_INT,
     .def = "100",
     .min = 0,
     .max = 1000000000,
     .value = "N",
     .doc = "the newest N that match; 0: all"},
    {.flag = "after",
     .kind = COVEY_OPT_INT,
     .min = 0,
     .max = INT64_MAX,
     .value = "OFFSET",
     .doc = "only behind this offset, the first N of them"},
    {.flag = "newest-first", .doc = "the newest at the top"},
    COVEY_JOURNAL_OPTION,
    {.flag = "timeout",
     .letter = 't',
     .kind = COVEY_OPT_MS,
     .def = "30s",
     .min = 1,
     .max = 86400000,
     .value = "MS",
     .doc = "give up after this time"},
    {0}};

static covey_err_t
s_show_events (covey_cli_t *cli, covey_filter_t *filter)
{
    size_t limit = (size_t)covey_options_int (cli->options, "limit");
    bool has_after = covey_options_is_set (cli->options, "after");
    filter->newest_first = covey_cli_flag (cli, "newest-first");
    if (has_after)
        filter->after_offset = covey_options_int (cli->options, "after");
    if (limit && !has_after && !filter->newest_first) {
        covey_err_t rc = s_find_start (cli, filter, limit);
        if (rc)
            return rc;
    }
    query_t query = {.cli = cli, .filter = filter, .limit = limit};
    covey_err_t rc = s_query_all (&query);
    if (rc == COVEY_OK && query.shown == 0 && !cli->json)
        covey_cli_note (cli, "no event matches");
    return rc;
}

static int
s_run_events (covey_cli_t *cli)
{
    covey_cli_filter_t *filter = calloc (1, sizeof *filter);
    if (!filter)
        abort ();
    int exit_code = covey_cli_filter_init (filter, cli);
    if (!exit_code)
        exit_code = covey_cli_open (cli);
    if (!exit_code) {
        covey_err_t rc = s_show_events (cli, &filter->filter);
        if (rc)
            exit_code = covey_cli_fail_rc (cli, rc, "");
    }
    covey_cli_filter_deinit (filter);
    free (filter);
    return exit_code;
}

const covey_cli_command_t covey_cmd_events = {
    .name = "events",
    .args = "",
    .summary = "show stored events",
    .text = "Options of one kind widen the choice (--type a --type b: either), "
            "options of\ndifferent kinds narrow it. With --data DIR the "
            "journal in that folder is read\nwhen no node runs there, also "
            "after the whole mesh has stopped.",
    .options = s_events_options,
    .needs = COVEY_CLI_NODE,
    .run = s_run_events};

/* ------------------------------------------------------------------------ */
/*  Subscribe: follow the journal                                             */

#define FOLLOW_MS 500
#define RETRY_MS 500

static const covey_opt_t s_subscribe_options[] = {
    COVEY_FILTER_OPTIONS,
    {.flag = "from",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "OFFSET|TIME|ID",
     .doc = "start with this event, at this time, or so long ago (10m); "
            "default: with the next event"},
    {.flag = "limit",
     .letter = 'n',
     .kind = COVEY_OPT_INT,
     .def = "0",
     .min = 0,
     .max = 1000000000,
     .value = "N",
     .doc = "end after N events; 0: go on"},
    {.flag = "timeout",
     .letter = 't',
     .kind = COVEY_OPT_MS,
     .min = 1,
     .max = 86400000,
     .value = "MS",
     .doc = "end after this time, with exit code 4 when --limit was not "
            "reached"},
    {0}};

#define CALL_TIMEOUT_MS 5000

/*  The newest offset of the journal, or of one event.                       */
static covey_err_t
s_find_offset (covey_cli_t *cli, const uint8_t (*id)[16], int64_t *offset_p)
{
    covey_filter_t filter = {.newest_first = true, .limit = 1};
    filter.ids = id;
    filter.id_count = id ? 1 : 0;
    query_t query = {.cli = cli, .filter = &filter, .is_silent = true};
    covey_err_t rc = covey_agent_query (
        cli->agent, &filter, covey_cli_timeout (cli), s_on_event, &query);
    *offset_p = query.last;
    return rc;
}

/*  Where to start, from --from. TIME is a filter of its own.                */
static int
s_find_from (covey_cli_t *cli, covey_filter_t *filter)
{
    const char *from = covey_cli_text (cli, "from");
    int64_t offset;
    uint8_t id[1][16];
    if (from && covey_str_to_int (from, 0, INT64_MAX, &offset)) {
        filter->after_offset = offset > 0 ? offset - 1 : 0;
        return COVEY_EXIT_OK;
    }
    if (from && covey_id_parse (from, id[0]) == COVEY_OK) {
        covey_err_t rc =
            s_find_offset (cli, (const uint8_t (*)[16])id, &offset);
        if (rc == COVEY_OK && offset == 0)
            return covey_cli_fail (cli, COVEY_EXIT_FAILED,
                                   "--from: \"%s\": no such event is stored",
                                   from);
        filter->after_offset = offset - 1;
        return rc ? covey_cli_fail_rc (cli, rc, "--from") : COVEY_EXIT_OK;
    }
    if (from) {
        static const covey_opt_t table[] = {
            {.flag = "from", .kind = COVEY_OPT_TIME}, {0}};
        covey_options_t *time = covey_options_new (table);
        covey_err_t rc =
            covey_options_set (time, "from", from, COVEY_FROM_FLAG, NULL);
        if (rc == COVEY_OK)
            filter->since_us =
                covey_options_time (time, "from", covey_clock_wall_us ());
        covey_options_destroy (&time);
        return rc ? covey_cli_fail (cli, COVEY_EXIT_USAGE,
                                    "--from: \"%.80s\": must be an offset, an "
                                    "event id, a time "
                                    "(2026-11-23T12:00:00Z) or an age (10m, "
                                    "2h, 7d)",
                                    from)
                  : COVEY_EXIT_OK;
    }
    covey_err_t rc = s_find_offset (cli, NULL, &filter->after_offset);
    return rc ? covey_cli_fail_rc (cli, rc, "") : COVEY_EXIT_OK;
}

/*  The node or the persister is away: that passes.                          */
static bool
s_may_pass (covey_err_t rc)
{
    return rc == COVEY_UNREACHABLE || rc == COVEY_NOPERSISTER ||
           rc == COVEY_NOAGENT || rc == COVEY_EAGAIN || rc == COVEY_IO;
}

static int
s_follow (covey_cli_t *cli, covey_filter_t *filter)
{
    query_t query = {.cli = cli, .filter = filter};
    query.limit = (size_t)covey_options_int (cli->options, "limit");
    int64_t timeout_ms = covey_options_int (cli->options, "timeout");
    int64_t end_ms =
        timeout_ms ? covey_clock_mono_ms () + timeout_ms : INT64_MAX;
    bool is_away = false;
    while (!covey_cli_is_stopped (cli, 0)) {
        int64_t rest_ms = end_ms - covey_clock_mono_ms ();
        if (rest_ms <= 0)
            return query.limit
                       ? covey_cli_fail (cli, COVEY_EXIT_TIMEOUT,
                                         "--timeout: %s: only %zu of %zu "
                                         "events came",
                                         covey_cli_text (cli, "timeout"),
                                         query.shown, query.limit)
                       : COVEY_EXIT_OK;
        filter->limit = query.limit ? query.limit - query.shown : 1000;
        filter->limit = filter->limit > 1000 ? 1000 : filter->limit;
        covey_err_t rc = covey_agent_follow (
            cli->agent, filter, rest_ms < FOLLOW_MS ? (int)rest_ms : FOLLOW_MS,
            s_on_event, &query, &filter->after_offset);
        covey_cli_flush (cli);
        if (query.limit && query.shown >= query.limit)
            return COVEY_EXIT_OK;
        if (s_may_pass (rc)) {
            if (!is_away)
                covey_cli_note (cli, "waiting: %s", covey_error ());
            covey_cli_is_stopped (cli, RETRY_MS);
        } else if (rc && rc != COVEY_TIMEOUT)
            return covey_cli_fail_rc (cli, rc, "");
        is_away = s_may_pass (rc);
    }
    return COVEY_EXIT_OK;
}

static int
s_run_subscribe (covey_cli_t *cli)
{
    covey_cli_filter_t *filter = calloc (1, sizeof *filter);
    if (!filter)
        abort ();
    int exit_code = covey_cli_filter_init (filter, cli);
    if (!exit_code)
        exit_code = covey_cli_connect (cli);
    if (!exit_code)
        exit_code = s_find_from (cli, &filter->filter);
    if (!exit_code)
        exit_code = s_follow (cli, &filter->filter);
    covey_cli_filter_deinit (filter);
    free (filter);
    return exit_code;
}

const covey_cli_command_t covey_cmd_subscribe = {
    .name = "subscribe",
    .args = "",
    .summary = "show events as they are stored, from any point in the past on",
    .text = "Every event comes once and in the order of the journal, also when "
            "the node was\naway in between. Options of one kind widen the "
            "choice, options of different\nkinds narrow it.",
    .options = s_subscribe_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_STREAM,
    .timeout_ms = CALL_TIMEOUT_MS,
    .run = s_run_subscribe};
