/*  covey claim acquire | renew | release | check | list | show               */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/ask.h"
#include "cli/claim_run.h"
#include "cli/commands.h"
#include "cli/control.h"

#define CALL_TIMEOUT_MS 5000
#define RUN_TTL_MS 30000    /* renewed while a command runs                   */
#define ALONE_TTL_MS 600000 /* nobody renews it */

#define AS_OPTION                                                      \
    {                                                                  \
        .flag = "as", .env = "COVEY_AGENT_ID", .kind = COVEY_OPT_TEXT, \
        .min = 1, .max = COVEY_AGENT_ID_MAX, .value = "AGENT",         \
        .doc = "the holder; default: you, as user@host"                \
    }
#define NAME_OPTION                          \
    COVEY_ASK_LIST ("name", "names", "NAME", \
                    "a name: a port, a branch, anything")
#define LITERAL_OPTION                                                  \
    {                                                                   \
        .flag = "literal",                                              \
        .doc = "PATHs are file names: * ? [ \\ mean themselves in them" \
    }
#define SHARED_OPTION                               \
    {                                               \
        .flag = "shared", .key = "shared",          \
        .doc = "share it with others that share it" \
    }

/* ------------------------------------------------------------------------ */
/*  Who and what                                                              */

/*  --as, else user@host; of a command that it runs also the process, so that
    two of them keep each other off. False: told why.                         */
static bool
s_holder (covey_cli_t *cli, bool for_run, char *to, size_t size)
{
    const char *as = covey_cli_text (cli, "as");
    char host[65] = "localhost";
    if (as) {
        covey_str_copy (to, size, as);
    } else {
        const struct passwd *user = getpwuid (getuid ());
        (void)gethostname (host, sizeof host - 1);
        int n =
            user ? snprintf (to, size, "%.50s@%.64s", user->pw_name, host)
                 : snprintf (to, size, "%u@%.64s", (unsigned)getuid (), host);
        if (for_run && n > 0 && (size_t)n < size)
            (void)snprintf (to + n, size - (size_t)n, "/%d", (int)getpid ());
    }
    if (covey_str_is_agent_id (to, strlen (to)))
        return true;
    covey_cli_fail (cli, COVEY_EXIT_USAGE,
                    "--as: \"%.140s\": must be an agent id: 1 to %d bytes of "
                    "letters, digits and ._:@/-",
                    to, COVEY_AGENT_ID_MAX);
    return false;
}

/*  A file name as a pattern that matches nothing else.                       */
static char *
s_escape (const char *name)
{
    char *text = covey_mem_new (2 * strlen (name) + 1), *to = text;
    for (; *name; name++) {
        if (strchr ("*?[\\", *name))
            *to++ = '\\';
        *to++ = *name;
    }
    return text;
}

/*  The first `count` arguments as texts of ours.                             */
static char **
s_paths (covey_cli_t *cli, size_t count)
{
    bool is_literal = covey_cli_flag (cli, "literal");
    char **paths = covey_mem_new ((count + 1) * sizeof *paths);
    for (size_t i = 0; i < count; i++)
        paths[i] = is_literal ? s_escape (covey_cli_arg (cli, i))
                              : covey_str_dup (covey_cli_arg (cli, i));
    return paths;
}

static void
s_free_list (char **list)
{
    for (size_t i = 0; list[i]; i++)
        free (list[i]);
    free (list);
}

static bool
s_has_resources (covey_cli_t *cli)
{
    return covey_options_positional_count (cli->options) +
               covey_options_count (cli->options, "name") >
           0;
}

static int
s_fail_missing (covey_cli_t *cli)
{
    return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                           "PATH: is missing; usage: covey %s %s",
                           cli->command->name, cli->command->args);
}

/*  The arguments into params; --name is there already.                      */
static void
s_put_paths (covey_cli_t *cli, json_t *params)
{
    size_t count = covey_options_positional_count (cli->options);
    char **paths = s_paths (cli, count);
    json_t *list = json_array ();
    for (size_t i = 0; i < count; i++)
        json_array_append_new (list, json_string (paths[i]));
    json_object_set_new (params, "paths", list);
    s_free_list (paths);
}

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_acquire_options[] = {
    NAME_OPTION,
    SHARED_OPTION,
    COVEY_ASK_MS ("ttl", NULL, 1000, 86400000,
                  "it ends when it is not renewed for so long; default: 10m, "
                  "with a COMMAND, which renews it, 30s"),
    {.flag = "wait",
     .kind = COVEY_OPT_MS,
     .def = "0",
     .min = 0,
     .max = 86400000,
     .value = "MS",
     .doc = "for its turn; default: refused when not free"},
    AS_OPTION,
    COVEY_ASK_TEXT ("purpose", NULL, 0, COVEY_NAME_MAX, "TEXT",
                    "what for; others are told"),
    COVEY_ASK_NAME ("task", NULL, "TASK", "for this task"),
    LITERAL_OPTION,
    {0}};

/*  A claim that stays when this command ends.                                */
static int
s_acquire_alone (covey_cli_t *cli, const covey_claim_options_t *options)
{
    covey_claim_t *claim = NULL;
    char *result = NULL;
    covey_err_t rc = covey_claim_acquire (cli->agent, options,
                                          covey_cli_timeout (cli), &claim);
    if (rc)
        return covey_cli_fail_rc (cli, rc, NULL);
    const covey_control_t control = {
        .method = "mesh.claim.show",
        .params = json_pack ("{s:s}", "claimId", covey_claim_id (claim))};
    int exit_code = covey_control_ask (cli, &control, &result);
    covey_claim_leave (&claim);
    if (!exit_code)
        covey_listing_show (cli, &result);
    return exit_code;
}

/*  `argv` NULL: there is no command.                                         */
static int
s_acquire (covey_cli_t *cli, covey_claim_options_t *options, size_t paths,
           char **argv)
{
    int exit_code = covey_cli_connect (cli);
    if (exit_code)
        return exit_code;
    options->name_count = covey_options_count (cli->options, "name");
    const char **names =
        covey_mem_new ((options->name_count + 1) * sizeof *names);
    for (size_t i = 0; i < options->name_count; i++)
        names[i] = covey_options_item (cli->options, "name", i);
    char **list = s_paths (cli, paths);
    options->paths = (const char *const *)list;
    options->path_count = paths;
    options->names = names;
    const covey_claim_run_t run = {.argv = argv, .options = options};
    exit_code =
        argv ? covey_claim_run (cli, &run) : s_acquire_alone (cli, options);
    s_free_list (list);
    free (names);
    return exit_code;
}

static int
s_run_acquire (covey_cli_t *cli)
{
    size_t paths = covey_options_positional_before (cli->options);
    size_t words = covey_options_positional_count (cli->options) - paths;
    char holder[COVEY_AGENT_ID_MAX + 1];
    if (!s_holder (cli, words > 0, holder, sizeof holder))
        return COVEY_EXIT_USAGE;
    covey_claim_options_t options = {.shared = covey_cli_flag (cli, "shared"),
                                     .ttl_ms =
                                         words ? RUN_TTL_MS : ALONE_TTL_MS,
                                     .wait_ms = covey_cli_int (cli, "wait"),
                                     .purpose = covey_cli_text (cli, "purpose"),
                                     .task_id = covey_cli_text (cli, "task"),
                                     .holder = holder};
    if (covey_options_is_set (cli->options, "ttl"))
        options.ttl_ms = covey_cli_int (cli, "ttl");
    if (paths + covey_options_count (cli->options, "name") == 0)
        return s_fail_missing (cli);
    char **argv = covey_mem_new ((words + 1) * sizeof *argv);
    for (size_t i = 0; i < words; i++)
        argv[i] = covey_str_dup (covey_cli_arg (cli, paths + i));
    int exit_code = s_acquire (cli, &options, paths, words ? argv : NULL);
    s_free_list (argv);
    return exit_code;
}

const covey_cli_command_t covey_cmd_claim_acquire = {
    .name = "claim acquire",
    .args = "PATH... [-- COMMAND...]",
    .summary = "claim files, ports, branches or other things for yourself",
    .text =
        "PATH is a path from the place that all share (the root of the "
        "repository), or a pattern: * ? [a-z] within a part, ** for any number "
        "of parts, dir/ for all that is in it. All of it is claimed, or "
        "nothing: who has it is said, and the exit code is 1.\n\n"
        "With COMMAND, it is run while the claim is held and renewed, and its "
        "exit code is the command's. When the claim is lost, because it cannot "
        "be renewed or was taken away, the command is stopped before anybody "
        "else can have it: SIGTERM, then SIGKILL after a tenth of --ttl. It "
        "gets COVEY_CLAIM_ID and COVEY_CLAIM_FENCING_TOKEN.\n\n"
        "Without COMMAND the claim stays until it is released or --ttl is "
        "over.",
    .options = s_acquire_options,
    .needs = COVEY_CLI_NODE,
    .timeout_ms = CALL_TIMEOUT_MS,
    .args_max = 4096,
    .run = s_run_acquire};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_renew_options[] = {
    COVEY_ASK_MS ("ttl", "ttl", 1000, 86400000, "from now on"), {0}};

static const covey_ask_t s_renew = {.method = "mesh.claim.renew",
                                    .args = {"claimId"}};

const covey_cli_command_t covey_cmd_claim_renew = {
    .name = "claim renew",
    .args = "CLAIM",
    .summary = "begin a claim's lease anew",
    .options = s_renew_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_renew,
    .run = covey_ask_run};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_release_options[] = {
    COVEY_ASK_NAME ("id", "claimId", "CLAIM", "this claim, whatever it is on"),
    NAME_OPTION,
    AS_OPTION,
    LITERAL_OPTION,
    {.flag = "force",
     .key = "force",
     .doc = "somebody else's; the holder is told --reason"},
    COVEY_ASK_TEXT ("reason", "reason", 1, COVEY_TEXT_MAX, "TEXT", "why"),
    {0}};

static const covey_ask_t s_release = {.method = "mesh.claim.release",
                                      .add = s_put_paths};

static int
s_run_release (covey_cli_t *cli)
{
    char holder[COVEY_AGENT_ID_MAX + 1];
    const char *id = covey_cli_text (cli, "id");
    if (!s_holder (cli, false, holder, sizeof holder))
        return COVEY_EXIT_USAGE;
    if (covey_cli_flag (cli, "force") && !covey_cli_text (cli, "reason"))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--force: needs --reason TEXT, which the holder "
                               "is told");
    if (!id && !s_has_resources (cli))
        return s_fail_missing (cli);
    if (id && s_has_resources (cli))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--id: \"%s\": does not go with PATH or --name; "
                               "give one of them",
                               id);
    json_t *params = covey_ask_params (cli);
    covey_control_set (params, "holder", holder);
    return covey_ask_with (cli, params);
}

const covey_cli_command_t covey_cmd_claim_release = {
    .name = "claim release",
    .args = "PATH...",
    .summary = "give claims back",
    .text = "Releases the holder's claims that are on nothing else than PATHs "
            "and --name NAMEs, or the one with --id.",
    .options = s_release_options,
    .needs = COVEY_CLI_NODE,
    .args_max = COVEY_LIST_MAX,
    .ask = &s_release,
    .run = s_run_release};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_check_options[] = {
    NAME_OPTION, AS_OPTION, SHARED_OPTION, LITERAL_OPTION, {0}};

static const covey_ask_t s_check = {.method = "mesh.claim.check",
                                    .add = s_put_paths};

/*  "src/a.c is held by ann until ...: purpose"                               */
static int
s_tell_held (covey_cli_t *cli, const char *result)
{
    json_t *verdict = json_loads (result, 0, NULL), *other;
    size_t i;
    int exit_code = COVEY_EXIT_OK;
    json_array_foreach (json_object_get (verdict, "others"), i, other)
    {
        const char *resource = "?", *holder = "?", *until = NULL;
        const char *purpose = "";
        (void)json_unpack (other, "{s:s, s:s, s?:s, s?:s}", "resource",
                           &resource, "holder", &holder, "until", &until,
                           "purpose", &purpose);
        if (until && !exit_code)
            exit_code = covey_cli_fail (
                cli, COVEY_EXIT_FAILED, "%.200s is held by %s until %s%s%.100s",
                resource, holder, until, *purpose ? ": " : "", purpose);
    }
    json_decref (verdict);
    return exit_code ? exit_code
                     : covey_cli_fail (cli, COVEY_EXIT_FAILED, "it is held");
}

static int
s_run_check (covey_cli_t *cli)
{
    char holder[COVEY_AGENT_ID_MAX + 1];
    char *result = NULL;
    if (!s_holder (cli, false, holder, sizeof holder))
        return COVEY_EXIT_USAGE;
    if (!s_has_resources (cli))
        return s_fail_missing (cli);
    json_t *params = covey_ask_params (cli);
    covey_control_set (params, "holder", holder);
    int exit_code = covey_ask (cli, params, &result);
    if (exit_code) /* 1 says that somebody has it, nothing else */
        return exit_code == COVEY_EXIT_FAILED ? COVEY_EXIT_UNREACHABLE
                                              : exit_code;
    char *free_text = covey_listing_text (result, "free");
    bool is_free = free_text && strcmp (free_text, "true") == 0;
    free (free_text);
    if (!is_free)
        exit_code = s_tell_held (cli, result);
    if (cli->json)
        covey_listing_show (cli, &result);
    covey_free (result);
    return exit_code;
}

const covey_cli_command_t covey_cmd_claim_check = {
    .name = "claim check",
    .args = "PATH...",
    .summary = "tell by the exit code whether something is claimed by others",
    .text = "For hooks: silent and 0 when all of it is free or held by --as; "
            "one line and 1 when somebody else holds some of it; 3 or 4 when "
            "nobody can tell: no node answers, no coordinator leads.",
    .options = s_check_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_READ,
    .args_max = COVEY_LIST_MAX,
    .ask = &s_check,
    .run = s_run_check};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_list_options[] = {
    COVEY_ASK_CHOICE ("state", "state", "waiting|held|released|expired",
                      "STATE",
                      "only in this state; default: held and waiting ones"),
    COVEY_ASK_AGENT ("as", "holder", "only of this holder"),
    NAME_OPTION,
    LITERAL_OPTION,
    {0}};

static const covey_column_t s_columns[] = {
    {"ID", "id", COVEY_CELL_TEXT},
    {"STATE", "state", COVEY_CELL_STATE},
    {"HOLDER", "holder", COVEY_CELL_TEXT},
    {"SHARED", "shared", COVEY_CELL_TEXT},
    {"PATHS", "paths", COVEY_CELL_TEXT},
    {"NAMES", "names", COVEY_CELL_TEXT},
    {"UNTIL", "leaseEndsAt", COVEY_CELL_TIME},
    {"TASK", "taskId", COVEY_CELL_TEXT},
    {"PURPOSE", "purpose", COVEY_CELL_TEXT},
    {0}};

static const covey_ask_t s_list = {
    .method = "mesh.claim.list",
    .listing = COVEY_ASK_TABLE ("claims", s_columns, "no claims"),
    .add = s_put_paths};

const covey_cli_command_t covey_cmd_claim_list = {
    .name = "claim list",
    .args = "[PATH...]",
    .summary = "list claims, or those that meet PATHs",
    .options = s_list_options,
    .needs = COVEY_CLI_LISTING,
    .args_max = COVEY_LIST_MAX,
    .ask = &s_list,
    .run = covey_ask_run};

const covey_cli_command_t covey_cmd_claims = {
    .name = "claims",
    .args = "[PATH...]",
    .summary = "list claims (short for covey claim list)",
    .options = s_list_options,
    .needs = COVEY_CLI_LISTING,
    .args_max = COVEY_LIST_MAX,
    .ask = &s_list,
    .run = covey_ask_run};

static const covey_ask_t s_show = {.method = "mesh.claim.show",
                                   .args = {"claimId"}};

const covey_cli_command_t covey_cmd_claim_show = {
    .name = "claim show",
    .args = "CLAIM",
    .summary = "show a claim: state, holder, lease, what it waits for",
    .needs = COVEY_CLI_NODE | COVEY_CLI_READ,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_show,
    .run = covey_ask_run};
