/*  covey vote propose | cast | withdraw | show | list                        */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "api/ballot_key.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/control.h"
#include "cli/vote_bars.h"
#include "proto/json_scan.h"
#include "swarm/rule.h"

#define CALL_TIMEOUT_MS 5000
#define WAIT_MARGIN_MS 5000
#define SHARE_MAX 40

/*  Exit code of a decided vote: the mesh agreed, or it did not.             */
static int
s_judge (const char *json)
{
    char *consensus = covey_listing_text (json, "consensus");
    char *state = covey_listing_text (json, "state");
    bool agreed = consensus && strcmp (consensus, "true") == 0;
    bool is_open = state && strcmp (state, "open") == 0;
    free (consensus);
    free (state);
    return agreed || is_open ? COVEY_EXIT_OK : COVEY_EXIT_NOCONSENSUS;
}

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_propose_options[] = {
    {.flag = "strategy",
     .key = "votingStrategy",
     .letter = 's',
     .kind = COVEY_OPT_CHOICE,
     .def = "majority",
     .choices = "majority|unanimous|weighted|quorum",
     .value = "STRATEGY",
     .doc = "what decides"},
    COVEY_ASK_TEXT ("threshold", "rule.threshold", 1, SHARE_MAX, "SHARE",
                    "who must approve: 2/3 or 60% is at least so much, '>1/2' "
                    "more than so much; default: >1/2, of options the most "
                    "votes"),
    {.flag = "quorum",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = SHARE_MAX,
     .value = "N|SHARE",
     .doc =
         "ballots needed: a number, or a share of all members (of all weight "
         "in a weighted vote)"},
    COVEY_ASK_CHOICE ("abstentions", "rule.abstentions", "counted|aside", "HOW",
                      "in the whole that the threshold is a share of, or not; "
                      "default: counted, with --strategy quorum aside"),
    COVEY_ASK_CHOICE ("silence", "rule.silence", "counted|aside", "HOW",
                      "the same for members that do not vote"),
    COVEY_ASK_LIST ("veto", "rule.vetoHolders", "AGENT",
                    "a member whose rejection ends the vote"),
    COVEY_ASK_CHOICE ("tie", "rule.tie", "reject|leader", "RULE",
                      "what a tie comes to: rejected (default), or what the "
                      "swarm's leader voted"),
    COVEY_ASK_LIST ("option", "rule.options", "NAME",
                    "one of 2 to 16 options, instead of approve or reject"),
    {.flag = "ranked",
     .key = "rule.ranked",
     .doc = "ballots rank the options: instant run-off"},
    {.flag = "no-change",
     .key = "rule.final",
     .doc = "a ballot cannot be changed"},
    {.flag = "timeout",
     .key = "timeout",
     .letter = 't',
     .kind = COVEY_OPT_MS,
     .def = "60s",
     .min = 1,
     .max = 86400000,
     .value = "MS",
     .doc = "how long ballots may be cast"},
    COVEY_ASK_NAME ("id", "consensusId", "ID",
                    "id of the vote; default: one is made up"),
    {.flag = "wait",
     .doc = "until it is decided; exit code 6 without consensus"},
    {0}};

/*  A number of ballots or a share.                                          */
static void
s_add_quorum (covey_cli_t *cli, json_t *params)
{
    int64_t size;
    const char *text = covey_cli_text (cli, "quorum");
    json_t *rule = json_object_get (params, "rule");
    if (!text)
        return;
    if (covey_str_to_int (text, 1, COVEY_LIST_MAX, &size))
        json_object_set_new (params, "quorumSize", json_integer (size));
    else if (rule)
        covey_control_set (rule, "quorumShare", text);
    else
        json_object_set_new (params, "rule",
                             json_pack ("{s:s}", "quorumShare", text));
}

static const covey_ask_t s_propose_ask = {.method = "swarm.propose",
                                          .args = {"swarmId"},
                                          .add = s_add_quorum,
                                          .wait = covey_vote_wait,
                                          .judge = s_judge,
                                          .judges_all = true};

/*  What the coordinator would refuse is said before it is asked.            */
static int
s_check_quorum (covey_cli_t *cli)
{
    int64_t size;
    covey_fraction_t share;
    const char *text = covey_cli_text (cli, "quorum");
    bool is_quorum = strcmp (covey_cli_text (cli, "strategy"), "quorum") == 0;
    if (is_quorum && !text)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--quorum: is missing; --strategy quorum needs "
                               "--quorum N");
    if (text && !covey_str_to_int (text, 1, COVEY_LIST_MAX, &size) &&
        covey_fraction_parse ("", text, &share, NULL))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--quorum: \"%s\": must be a number of ballots "
                               "from 1 to %d, or a share as 1/2 or 60%%",
                               text, COVEY_LIST_MAX);
    return COVEY_EXIT_OK;
}

static int
s_check_rule (covey_cli_t *cli)
{
    covey_errbuf_t err;
    covey_threshold_t threshold;
    const char *text = covey_cli_text (cli, "threshold");
    size_t options = covey_options_count (cli->options, "option");
    if (text && covey_threshold_parse ("--threshold:", text, &threshold, &err))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE, "%s", err.text);
    if (options == 1 || options > COVEY_OPTIONS_MAX)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--option: a question has 2 to %d options, not "
                               "%zu",
                               COVEY_OPTIONS_MAX, options);
    if (covey_cli_flag (cli, "ranked") && options == 0)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--ranked: goes only with --option");
    return s_check_quorum (cli);
}

static int
s_propose (covey_cli_t *cli, const char *proposal)
{
    char *result = NULL;
    const covey_control_t control = {.method = "swarm.propose",
                                     .params = covey_ask_params (cli),
                                     .key = "proposal",
                                     .payload = proposal,
                                     .what = covey_cli_arg (cli, 0)};
    int exit_code = covey_control_ask (cli, &control, &result);
    return exit_code ? exit_code
                     : covey_ask_finish (cli, &result,
                                         covey_cli_int (cli, "timeout") +
                                             WAIT_MARGIN_MS);
}

static int
s_run_propose (covey_cli_t *cli)
{
    char *text = NULL;
    size_t size = 0;
    int exit_code = s_check_rule (cli);
    if (!exit_code)
        exit_code = covey_cli_read (cli, covey_cli_arg (cli, 1), true,
                                    COVEY_PAYLOAD_MAX, &text, &size);
    if (!exit_code)
        exit_code = covey_cli_check_json (cli, "the proposal", text, size);
    if (!exit_code)
        exit_code = covey_cli_connect (cli);
    if (!exit_code)
        exit_code = s_propose (cli, text);
    free (text);
    return exit_code;
}

const covey_cli_command_t covey_cmd_vote_propose = {
    .name = "vote propose",
    .args = "SWARM JSON|@FILE|-",
    .summary = "put a question to a swarm",
    .text = "majority: more than half of all members approve; unanimous: all "
            "do; weighted:\nmore than half of all weight approves; quorum: at "
            "least N ballots, and more\napprove than reject. --threshold, "
            "--quorum, --veto, --tie and the others change\nparts of it; with "
            "--option the most votes win. docs/voting.md states it exactly.",
    .options = s_propose_options,
    .needs = COVEY_CLI_NODE,
    .timeout_ms = CALL_TIMEOUT_MS,
    .args_min = 2,
    .args_max = 2,
    .ask = &s_propose_ask,
    .run = s_run_propose};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_cast_options[] = {
    {.flag = "as",
     .key = "agentId",
     .env = "COVEY_AGENT_ID",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_AGENT_ID_MAX,
     .value = "AGENT",
     .doc = "the member that votes"},
    COVEY_ASK_LIST ("option", "options", "NAME",
                    "an option of the question "
                    "instead of a word; several "
                    "are a ranking, the best "
                    "first"),
    COVEY_ASK_REASON,
    {.flag = "key",
     .env = "COVEY_BALLOT_KEY",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_TEXT_MAX,
     .value = "FILE",
     .doc = "sign with the key in this file, which is made when it is not "
            "there"},
    {0}};

static const covey_ask_t s_cast = {.method = "swarm.vote",
                                   .args = {"consensusId", "vote"}};

static int
s_check_vote (covey_cli_t *cli, const char *vote)
{
    static const char *const votes[] = {"approve", "reject", "abstain"};
    bool has_options = covey_options_is_set (cli->options, "option");
    if (vote && has_options)
        return covey_cli_fail (
            cli, COVEY_EXIT_USAGE,
            "\"%.80s\": a ballot that names an --option says "
            "nothing else",
            vote);
    if (!vote && !has_options)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "approve, reject or abstain is missing, or an "
                               "--option of the question");
    if (has_options)
        return COVEY_EXIT_OK;
    for (size_t i = 0; i < 3; i++)
        if (strcmp (vote, votes[i]) == 0)
            return COVEY_EXIT_OK;
    return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                           "\"%.80s\": must be approve, reject or abstain; an "
                           "option of the question is named by --option",
                           vote);
}

static void
s_set_base64 (json_t *params, const char *key, const uint8_t *data, size_t size)
{
    covey_buf_t text;
    covey_buf_init (&text, COVEY_TEXT_MAX);
    covey_base64_write (data, size, &text);
    json_object_set_new (params, key,
                         json_stringn ((const char *)text.data, text.size));
    covey_buf_deinit (&text);
}

/*  The ballot as the command line has it, with its signature.               */
static int
s_cast_signed (covey_cli_t *cli)
{
    covey_errbuf_t err;
    covey_ballot_key_t key;
    covey_seal_t seal;
    const char *options[COVEY_OPTIONS_MAX];
    const char *vote = covey_cli_arg (cli, 1);
    covey_sealed_t sealed = {.agent_id = covey_cli_text (cli, "as"),
                             .vote = vote ? vote : "approve",
                             .options = options,
                             .reason = covey_cli_text (cli, "reason")};
    size_t count = covey_options_count (cli->options, "option");
    for (;
         sealed.option_count < count && sealed.option_count < COVEY_OPTIONS_MAX;
         sealed.option_count++)
        options[sealed.option_count] =
            covey_options_item (cli->options, "option", sealed.option_count);
    if (covey_ballot_key_open (covey_cli_text (cli, "key"), &key, &err))
        return covey_cli_fail (cli, COVEY_EXIT_FAILED, "--key: %s", err.text);
    int exit_code = covey_cli_connect (cli);
    covey_err_t rc = COVEY_OK;
    if (!exit_code)
        rc = covey_i_vote_seal (cli->agent, &key, covey_cli_arg (cli, 0),
                                &sealed, covey_cli_timeout (cli), &seal);
    covey_ballot_key_wipe (&key);
    if (exit_code || rc)
        return exit_code ? exit_code
                         : covey_cli_fail_rc (cli, rc, covey_cli_arg (cli, 0));
    json_t *params = covey_ask_params (cli);
    s_set_base64 (params, "signature", seal.signature, sizeof seal.signature);
    s_set_base64 (params, "publicKey", seal.public_key, sizeof seal.public_key);
    return covey_ask_with (cli, params);
}

static int
s_run_cast (covey_cli_t *cli)
{
    const char *as = covey_cli_text (cli, "as");
    int exit_code = s_check_vote (cli, covey_cli_arg (cli, 1));
    if (exit_code)
        return exit_code;
    if (!as || !covey_str_is_agent_id (as, strlen (as)))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--as: \"%.130s\": must be the id of the agent "
                               "that votes",
                               as ? as : "");
    return covey_cli_text (cli, "key") ? s_cast_signed (cli)
                                       : covey_ask_run (cli);
}

const covey_cli_command_t covey_cmd_vote_cast = {
    .name = "vote cast",
    .args = "VOTE [approve|reject|abstain]",
    .summary = "cast a ballot; the last one before the decision counts",
    .options = s_cast_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 2,
    .ask = &s_cast,
    .run = s_run_cast};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_withdraw_options[] = {COVEY_ASK_REASON, {0}};

static const covey_ask_t s_withdraw = {.method = "swarm.withdraw",
                                       .args = {"consensusId"}};

const covey_cli_command_t covey_cmd_vote_withdraw = {
    .name = "vote withdraw",
    .args = "VOTE",
    .summary = "take back a question that is not decided",
    .options = s_withdraw_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_withdraw,
    .run = covey_ask_run};

static const covey_opt_t s_show_options[] = {
    COVEY_ASK_WAIT ("until it is decided"), {0}};

static const covey_listing_t s_bars = {.print = covey_vote_bars};

static const covey_ask_t s_show = {.method = "swarm.proposal",
                                   .args = {"consensusId"},
                                   .table = &s_bars,
                                   .wait = covey_vote_wait,
                                   .judge = s_judge,
                                   .judges_all = true};

const covey_cli_command_t covey_cmd_vote_show = {
    .name = "vote show",
    .args = "VOTE",
    .summary = "show a vote: turnout, ballots, outcome",
    .text = "The exit code is 6 when the vote was decided without consensus.",
    .options = s_show_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_READ,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_show,
    .run = covey_ask_run};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_list_options[] = {COVEY_ASK_STATE ("open|decided"),
                                             {0}};

static const covey_column_t s_columns[] = {
    {"ID", "id", COVEY_CELL_TEXT},
    {"SWARM", "swarm", COVEY_CELL_TEXT},
    {"STRATEGY", "strategy", COVEY_CELL_TEXT},
    {"STATE", "state", COVEY_CELL_STATE},
    {"OUTCOME", "outcome", COVEY_CELL_STATE},
    {"CAST", "turnout.cast", COVEY_CELL_NUMBER},
    {"OF", "turnout.voters", COVEY_CELL_NUMBER},
    {"OPENED", "openedAt", COVEY_CELL_AGE},
    {"PROPOSAL", "proposal", COVEY_CELL_TEXT},
    {0}};

static const covey_ask_t s_list = {
    .method = "swarm.proposals",
    .listing = COVEY_ASK_TABLE ("votes", s_columns, "no votes")};

const covey_cli_command_t covey_cmd_vote_list = {.name = "vote list",
                                                 .args = "",
                                                 .summary = "list votes",
                                                 .options = s_list_options,
                                                 .needs = COVEY_CLI_LISTING,
                                                 .ask = &s_list,
                                                 .run = covey_ask_run};

const covey_cli_command_t covey_cmd_votes = {
    .name = "votes",
    .args = "",
    .summary = "list votes (short for covey vote list)",
    .options = s_list_options,
    .needs = COVEY_CLI_LISTING,
    .ask = &s_list,
    .run = covey_ask_run};
