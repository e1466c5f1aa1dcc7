/*  covey vote export, covey vote verify: a vote recounted from its events    */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/filter.h"
#include "cli/listing.h"
#include "cli/vote_audit.h"

#define PAGE_MAX 10000

/*  The stored events of one vote, in their order.                           */
typedef struct {
    covey_vote_audit_t *audit;
    bool shows;
    size_t seen;
    int64_t last;
} s_walk_t;

static covey_err_t
s_take (s_walk_t *walk, const covey_event_t *event)
{
    char *line = covey_event_to_json (event);
    if (!line)
        return COVEY_NOMEM;
    covey_vote_audit_line (walk->audit, line, strlen (line));
    if (walk->shows)
        puts (line);
    covey_free (line);
    walk->seen++;
    walk->last = covey_event_offset (event);
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
s_walk (covey_cli_t *cli, const char *id, s_walk_t *walk)
{
    static const int types[] = {COVEY_EVENT_SWARM_CONSENSUS_REQUEST,
                                COVEY_EVENT_SWARM_VOTE_CAST,
                                COVEY_EVENT_SWARM_CONSENSUS_REACHED};
    covey_filter_t filter = {.types = types,
                             .type_count = sizeof types / sizeof *types,
                             .correlation_ids = &id,
                             .correlation_id_count = 1,
                             .limit = PAGE_MAX};
    covey_err_t rc;
    size_t before;
    do {
        before = walk->seen;
        filter.after_offset = walk->last;
        rc =
            cli->store
                ? covey_store_query (cli->store, &filter, s_on_stored, walk)
                : covey_agent_query (cli->agent, &filter,
                                     covey_cli_timeout (cli), s_on_event, walk);
    } while (!rc && walk->seen - before == PAGE_MAX);
    return rc;
}

/*  Open the store and walk; an exit code.                                   */
static int
s_walk_store (covey_cli_t *cli, s_walk_t *walk)
{
    const char *id = covey_cli_arg (cli, 0);
    int exit_code = covey_cli_open (cli);
    if (exit_code)
        return exit_code;
    covey_err_t rc = s_walk (cli, id, walk);
    if (rc)
        return covey_cli_fail_rc (cli, rc, id);
    if (walk->seen == 0)
        return covey_cli_fail (cli, COVEY_EXIT_FAILED,
                               "%s: no event of such a vote is stored", id);
    return COVEY_EXIT_OK;
}

/* ------------------------------------------------------------------------ */

static int
s_run_export (covey_cli_t *cli)
{
    s_walk_t walk = {.audit = covey_vote_audit_new (), .shows = true};
    int exit_code = s_walk_store (cli, &walk);
    if (!exit_code) {
        char *sums = covey_vote_audit_sums (walk.audit);
        puts (sums);
        free (sums);
        if (!covey_cli_flush (cli))
            exit_code = COVEY_EXIT_FAILED;
    }
    covey_vote_audit_destroy (&walk.audit);
    return exit_code;
}

static const covey_opt_t s_export_options[] = {COVEY_JOURNAL_OPTION, {0}};

const covey_cli_command_t covey_cmd_vote_export = {
    .name = "vote export",
    .args = "VOTE",
    .summary = "write all that a vote can be recounted from",
    .text =
        "The question, every ballot and the decision as they are stored, one "
        "JSON object a line, and a line with their sums. covey vote verify "
        "--file checks it without a mesh.",
    .options = s_export_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .run = s_run_export};

/* ------------------------------------------------------------------------ */

static int
s_read_file (covey_cli_t *cli, const char *name, covey_vote_audit_t *audit)
{
    FILE *file = strcmp (name, "-") == 0 ? stdin : fopen (name, "rb");
    if (!file)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--file: \"%s\": cannot be opened", name);
    char *line = NULL;
    size_t size = 0;
    int found;
    while ((found = covey_cli_read_line (cli, file, name, &line, &size)) > 0) {
        covey_vote_audit_line (audit, line, size);
        free (line);
    }
    if (file != stdin)
        fclose (file);
    return found < 0 ? COVEY_EXIT_FAILED : COVEY_EXIT_OK;
}

/*  For people.                                                              */
static void
s_print (covey_cli_t *cli, const json_t *report)
{
    const json_t *faults = json_object_get (report, "faults");
    for (size_t i = 0; i < json_array_size (faults); i++) {
        const json_t *fault = json_array_get (faults, i);
        printf ("line %lld: ", (long long)json_integer_value (
                                   json_object_get (fault, "line")));
        covey_cli_put_text (
            cli, json_string_value (json_object_get (fault, "what")));
        putchar ('\n');
    }
    printf ("%s: %s, ",
            json_is_true (json_object_get (report, "verified"))
                ? "verified"
                : "not verified",
            json_string_value (json_object_get (report, "outcome")));
    printf (
        "%lld ballots, %lld of them count, %lld of these are not signed\n",
        (long long)json_integer_value (json_object_get (report, "ballots")),
        (long long)json_integer_value (json_object_get (report, "counted")),
        (long long)json_integer_value (json_object_get (report, "unsigned")));
}

static int
s_report (covey_cli_t *cli, covey_vote_audit_t *audit, bool wants_sums)
{
    json_t *report = covey_vote_audit_end (audit, wants_sums);
    bool verified = json_is_true (json_object_get (report, "verified"));
    if (cli->json) {
        char *text = json_dumps (report, JSON_COMPACT);
        covey_cli_put_json (cli, text, strlen (text));
        free (text);
    } else
        s_print (cli, report);
    json_decref (report);
    return verified ? COVEY_EXIT_OK : COVEY_EXIT_FAILED;
}

static int
s_run_verify (covey_cli_t *cli)
{
    const char *name = covey_cli_text (cli, "file");
    if (!name == !covey_cli_arg (cli, 0))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "the id of a vote is missing, or --file with an "
                               "export; one of them");
    s_walk_t walk = {.audit = covey_vote_audit_new ()};
    int exit_code =
        name ? s_read_file (cli, name, walk.audit) : s_walk_store (cli, &walk);
    if (!exit_code)
        exit_code = s_report (cli, walk.audit, name != NULL);
    covey_vote_audit_destroy (&walk.audit);
    return exit_code;
}

static const covey_opt_t s_verify_options[] = {
    COVEY_JOURNAL_OPTION,
    {.flag = "file",
     .letter = 'f',
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_TEXT_MAX,
     .value = "FILE",
     .doc = "what covey vote export wrote, or - for standard input; needs no "
            "mesh"},
    {0}};

const covey_cli_command_t covey_cmd_vote_verify = {
    .name = "vote verify",
    .args = "[VOTE]",
    .summary = "recount a vote from its stored events",
    .text =
        "Question, electorate, signatures, order, rule and outcome; each "
        "line that differs is named. With --data of a node that does not "
        "run its journal is read. The exit code is 1 when anything differs.",
    .options = s_verify_options,
    .needs = COVEY_CLI_NODE,
    .args_max = 1,
    .run = s_run_verify};
