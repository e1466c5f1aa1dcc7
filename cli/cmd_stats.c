/*  covey stats, covey aggregates: counts over stored events                  */
#include <ctype.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/filter.h"
#include "cli/listing.h"

/*  The filter options that the store counts by.                             */
#define RANGE_OPTIONS                                                        \
    COVEY_LIST_OPTION ("type", "TYPE", "only this type, as task:completed"), \
        COVEY_SINCE_OPTION, COVEY_JOURNAL_OPTION,                            \
    {                                                                        \
        .flag = "until", .kind = COVEY_OPT_TIME, .value = "TIME",            \
        .doc = "only from before this time"                                  \
    }

static const covey_opt_t s_stats_options[] = {
    {.flag = "group-by",
     .letter = 'g',
     .kind = COVEY_OPT_CHOICE,
     .def = "type",
     .choices = "type|source|target|priority|hour|day",
     .value = "KEY",
     .doc = "what to count by"},
    RANGE_OPTIONS,
    {0}};

static const covey_opt_t s_aggregates_options[] = {
    {.flag = "min-count",
     .kind = COVEY_OPT_INT,
     .def = "0",
     .min = 0,
     .max = INT64_MAX,
     .value = "N",
     .doc = "only types with at least N events"},
    RANGE_OPTIONS,
    {0}};

/*  The filter is made for each fetch: --since 10m moves on with --watch.    */
static covey_err_t
s_fetch (covey_cli_t *cli, bool is_stats, char **json_p)
{
    covey_cli_filter_t *own = calloc (1, sizeof *own);
    if (!own)
        abort ();
    covey_filter_t *filter = &own->filter;
    covey_err_t rc = COVEY_INVALID;
    if (covey_cli_filter_init (own, cli) == COVEY_EXIT_OK) {
        int timeout_ms = covey_cli_timeout (cli);
        if (is_stats)
            filter->group_by = covey_cli_text (cli, "group-by");
        else
            filter->min_count = covey_options_int (cli->options, "min-count");
        if (cli->store)
            rc = is_stats ? covey_store_stats (cli->store, filter, json_p)
                          : covey_store_aggregates (cli->store, filter, json_p);
        else
            rc = is_stats ? covey_agent_store_stats (cli->agent, filter,
                                                     timeout_ms, json_p)
                          : covey_agent_store_aggregates (cli->agent, filter,
                                                          timeout_ms, json_p);
    }
    covey_cli_filter_deinit (own);
    free (own);
    return rc;
}

static covey_err_t
s_fetch_stats (covey_cli_t *cli, char **json_p)
{
    return s_fetch (cli, true, json_p);
}

static covey_err_t
s_fetch_aggregates (covey_cli_t *cli, char **json_p)
{
    return s_fetch (cli, false, json_p);
}

/*  Options are wrong or right whether a node answers or not.                */
static int
s_open (covey_cli_t *cli)
{
    covey_cli_filter_t *own = calloc (1, sizeof *own);
    if (!own)
        abort ();
    int exit_code = covey_cli_filter_init (own, cli);
    covey_cli_filter_deinit (own);
    free (own);
    return exit_code ? exit_code : covey_cli_open (cli);
}

static int
s_run_stats (covey_cli_t *cli)
{
    const covey_column_t columns[] = {{"COUNT", "count", COVEY_CELL_NUMBER},
                                      {covey_cli_text (cli, "group-by"),
                                       covey_cli_text (cli, "group-by"),
                                       COVEY_CELL_TEXT},
                                      {0}};
    const covey_listing_t listing = {
        .fetch = s_fetch_stats, .columns = columns, .empty = "no events"};
    int exit_code = s_open (cli);
    return exit_code ? exit_code : covey_listing_run (cli, &listing);
}

static int
s_run_aggregates (covey_cli_t *cli)
{
    static const covey_column_t columns[] = {
        {"COUNT", "count", COVEY_CELL_NUMBER},
        {"TYPE", "type", COVEY_CELL_TEXT},
        {"SOURCES", "sources", COVEY_CELL_NUMBER},
        {"RATE/S", "rate", COVEY_CELL_NUMBER},
        {"FIRST", "firstSeen", COVEY_CELL_TIME},
        {"LAST", "lastSeen", COVEY_CELL_TIME},
        {0}};
    static const covey_listing_t listing = {
        .fetch = s_fetch_aggregates, .columns = columns, .empty = "no events"};
    int exit_code = s_open (cli);
    return exit_code ? exit_code : covey_listing_run (cli, &listing);
}

const covey_cli_command_t covey_cmd_stats = {
    .name = "stats",
    .args = "",
    .summary = "count stored events by type, source, target, priority or time",
    .options = s_stats_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH,
    .run = s_run_stats};

const covey_cli_command_t covey_cmd_aggregates = {
    .name = "aggregates",
    .args = "",
    .summary = "per event type: count, first and last seen, sources, rate",
    .options = s_aggregates_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH,
    .run = s_run_aggregates};
