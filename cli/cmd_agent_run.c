/*  covey agent run                                                           */
#include <stdlib.h>
#include <string.h>

#include <stdio.h>

#include "api/ballot_key.h"
#include "api/datadir.h"
#include "base/buf.h"
#include "base/str.h"
#include "cli/commands.h"
#include "cli/worker.h"

/*  The positional arguments as execvp wants them.                           */
static char **
s_make_argv (const covey_cli_t *cli)
{
    size_t count = covey_options_positional_count (cli->options);
    char **argv = calloc (count + 1, sizeof *argv);
    if (!argv)
        abort ();
    for (size_t i = 0; i < count; i++)
        argv[i] = covey_str_dup (covey_cli_arg (cli, i));
    return argv;
}

static void
s_free_argv (char **argv)
{
    for (char **at = argv; *at; at++)
        free (*at);
    free (argv);
}

static covey_err_t
s_add_all (covey_cli_t *cli, covey_agent_t *agent, const char *option,
           covey_err_t (*add) (covey_agent_t *agent, const char *text))
{
    size_t count = covey_options_count (cli->options, option);
    for (size_t i = 0; i < count; i++) {
        covey_err_t rc =
            add (agent, covey_options_item (cli->options, option, i));
        if (rc)
            return rc;
    }
    return COVEY_OK;
}

/*  The agent as the options describe it, or NULL after saying why not.      */
static covey_agent_t *
s_make_agent (covey_cli_t *cli)
{
    covey_agent_t *agent = covey_agent_new (covey_cli_text (cli, "id"),
                                            covey_cli_text (cli, "type"));
    covey_err_t rc = agent ? COVEY_OK : COVEY_INVALID;
    const char *name = covey_cli_text (cli, "name");
    if (!rc && name)
        rc = covey_agent_set_name (agent, name);
    if (!rc)
        rc = s_add_all (cli, agent, "cap", covey_agent_add_capability);
    if (!rc)
        rc = s_add_all (cli, agent, "tag", covey_agent_add_tag);
    if (!rc)
        rc = covey_agent_set_task_slots (agent, covey_cli_int (cli, "slots"));
    if (!rc)
        rc = covey_agent_set_grace (agent, covey_cli_int (cli, "grace"));
    if (!rc)
        return agent;
    covey_cli_fail (cli, COVEY_EXIT_USAGE, "%s", covey_error ());
    covey_agent_destroy (&agent);
    return NULL;
}

/* ---- the key that signs its ballots -----------------------------------------
 */

/*  FOLDER/ballot-keys/ID.key; an id may have a slash.                       */
static covey_err_t
s_default_key_file (const char *folder, const char *id, char *path, size_t size,
                    covey_errbuf_t *err)
{
    covey_buf_t name;
    covey_buf_init (&name, size);
    for (; *id; id++)
        if (*id == '/')
            covey_buf_puts (&name, "%2F");
        else
            covey_buf_putc (&name, *id);
    covey_buf_putc (&name, '\0');
    int used = snprintf (path, size, "%s/ballot-keys", folder);
    covey_err_t code = used > 0 && (size_t)used < size
                           ? covey_datadir_make (path, err)
                           : COVEY_OK;
    used = snprintf (path, size, "%s/ballot-keys/%s.key", folder,
                     (const char *)name.data);
    if (!code && (used < 0 || (size_t)used >= size))
        code = covey_fail (err, COVEY_LIMIT, "the data folder's name is long");
    covey_buf_deinit (&name);
    return code;
}

/*  That of the node that it is attached to, where that can be seen.         */
static bool
s_data_folder (const char *endpoint, char *folder, size_t size)
{
    const char *end = strrchr (endpoint, '/');
    size_t length = end ? (size_t)(end - endpoint) : 0;
    if (strncmp (endpoint, "ipc://", 6) != 0 || length <= 6)
        return covey_cli_default_data (folder, size);
    return snprintf (folder, size, "%.*s", (int)length - 6, endpoint + 6) <
           (int)size;
}

/*  The file is made when it is not there.                                   */
static int
s_open_key (covey_cli_t *cli, const char *endpoint, covey_ballot_key_t *key)
{
    char path[4096], folder[1100];
    covey_errbuf_t err;
    covey_err_t code = COVEY_OK;
    const char *file = covey_cli_text (cli, "ballot-key");
    if (!file && !s_data_folder (endpoint, folder, sizeof folder))
        code = covey_fail (&err, COVEY_INVALID, "no folder for its ballot key");
    if (!file && !code)
        code = s_default_key_file (folder, covey_cli_text (cli, "id"), path,
                                   sizeof path, &err);
    if (!code)
        code = covey_ballot_key_open (file ? file : path, key, &err);
    return code ? covey_cli_fail (cli, COVEY_EXIT_FAILED,
                                  "%s; --ballot-key FILE is another one, "
                                  "--unsigned votes without",
                                  err.text)
                : COVEY_EXIT_OK;
}

static int
s_work (covey_cli_t *cli, covey_agent_t *agent, char **argv)
{
    char endpoint[COVEY_CLI_ENDPOINT_MAX];
    covey_ballot_key_t key;
    bool has_key = covey_cli_text (cli, "vote-command") &&
                   !covey_cli_flag (cli, "unsigned");
    covey_errand_setup_t setup = {.agent = agent,
                                  .endpoint = endpoint,
                                  .argv = argv,
                                  .vote_command =
                                      covey_cli_text (cli, "vote-command"),
                                  .ballot_key = has_key ? &key : NULL,
                                  .stop_ms = covey_cli_int (cli, "stop-grace"),
                                  .solo = covey_cli_flag (cli, "solo")};
    covey_errbuf_t err;
    covey_worker_t *worker =
        covey_worker_new (&setup, covey_cli_int (cli, "slots"));
    int exit_code = covey_cli_attach (cli, agent, endpoint);
    if (!exit_code && has_key)
        exit_code = s_open_key (cli, endpoint, &key);
    if (!exit_code) {
        covey_cli_note (cli, "%s is ready at %s", covey_agent_id (agent),
                        endpoint);
        if (covey_worker_run (worker, &err) != COVEY_OK)
            exit_code = covey_cli_fail (cli, COVEY_EXIT_FAILED, "%s", err.text);
        /* When the node is gone, too, there is nobody to tell.              */
        (void)covey_agent_shutdown (agent, "ended by a signal", 1000);
    }
    covey_agent_destroy (&agent);
    covey_worker_destroy (&worker);
    covey_ballot_key_wipe (&key);
    return exit_code;
}

static int
s_run (covey_cli_t *cli)
{
    if (!covey_cli_text (cli, "id") || !covey_cli_text (cli, "type"))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--id and --type are missing; usage: covey %s "
                               "%s",
                               cli->command->name, cli->command->args);
    char *program = covey_child_which (covey_cli_arg (cli, 0));
    if (!program)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "%.200s: no such program in PATH; what stands "
                               "behind -- is run for each task",
                               covey_cli_arg (cli, 0));
    free (program);
    covey_worker_block_signals ();
    covey_agent_t *agent = s_make_agent (cli);
    if (!agent)
        return COVEY_EXIT_USAGE;
    char **argv = s_make_argv (cli);
    int exit_code = s_work (cli, agent, argv);
    s_free_argv (argv);
    return exit_code;
}

static const covey_opt_t s_options[] = {
    {.flag = "id",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_AGENT_ID_MAX,
     .value = "ID",
     .doc = "the agent's id; another session with it is superseded"},
    {.flag = "type",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "TYPE",
     .doc = "the agent's type"},
    {.flag = "name",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_NAME_MAX,
     .value = "NAME",
     .doc = "the agent's name; default: TYPE-ID"},
    {.flag = "cap",
     .kind = COVEY_OPT_LIST,
     .max = COVEY_NAME_MAX,
     .value = "CAP",
     .doc = "a capability it has"},
    {.flag = "tag",
     .kind = COVEY_OPT_LIST,
     .max = COVEY_NAME_MAX,
     .value = "TAG",
     .doc = "a tag it has"},
    {.flag = "slots",
     .kind = COVEY_OPT_INT,
     .def = "1",
     .min = 1,
     .max = COVEY_WORKER_SLOTS_MAX,
     .value = "N",
     .doc = "tasks that it works on at once"},
    {.flag = "grace",
     .kind = COVEY_OPT_MS,
     .def = "5s",
     .min = 0,
     .max = 86400000,
     .value = "MS",
     .doc = "how long its node keeps what is for it when it is silent"},
    {.flag = "stop-grace",
     .kind = COVEY_OPT_MS,
     .def = "10s",
     .min = 0,
     .max = 86400000,
     .value = "MS",
     .doc = "from SIGTERM to SIGKILL when a task is to be paused, or cancelled "
            "with a grace"},
    {.flag = "vote-command",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = 4096,
     .value = "COMMAND",
     .doc = "sh command that decides its ballots: the proposal comes on stdin; "
            "exit 0 approves, 1 rejects, 2 abstains; the first line of stdout "
            "is the reason. Where COVEY_OPTIONS has the options of the "
            "question, one a line, the lines of stdout name what it is for, "
            "the best first"},
    {.flag = "ballot-key",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = 4000,
     .value = "FILE",
     .doc = "the key that signs its ballots; it is made when it is not there. "
            "Default: ballot-keys/ID.key in the node's data folder"},
    {.flag = "unsigned", .doc = "do not sign ballots"},
    {.flag = "solo", .doc = "take no part in coordination sessions"},
    {.flag = NULL}};

const covey_cli_command_t covey_cmd_agent_run = {
    .name = "agent run",
    .args = "--id ID --type TYPE [OPTIONS] -- COMMAND...",
    .summary = "make any program an agent that works on tasks",
    .text =
        "Runs COMMAND, without a shell, once for each task. The task's input "
        "comes on its standard input, its fields in the variables "
        "COVEY_TASK_ID, COVEY_TASK_TYPE, COVEY_TASK_DESCRIPTION, "
        "COVEY_TASK_PRIORITY, COVEY_TASK_ATTEMPT, COVEY_TASK_FENCING_TOKEN, "
        "COVEY_TASK_CORRELATION_ID; COVEY_AGENT_ID, COVEY_AGENT_TYPE and "
        "COVEY_ENDPOINT are the agent and its node. What it writes on "
        "standard output is the result: JSON if it parses as JSON, else text "
        "if it is UTF-8, else binary. A line \"NN% text\" on standard error "
        "reports progress, other lines of it are passed through. Exit status "
        "0 completes the task, any other fails it with the last line of "
        "standard error as its error; it may be tried again. Steps of "
        "coordination sessions are tasks, too, unless --solo is given: see "
        "covey help coordinate.\n\n"
        "A task that somebody pauses, or cancels with a grace, gets SIGTERM, "
        "and SIGKILL after --stop-grace. Exit status 0 completes it even so; "
        "with any other it is given back. A line \"%details TEXT\" on standard "
        "error says how far it is; the next attempt, of whatever agent, finds "
        "the last TEXT in COVEY_TASK_DETAILS, which is empty otherwise.\n\n"
        "Ballots of --vote-command are signed. The mesh knows the agent by the "
        "key "
        "of its first signed ballot and takes no other from then on: an agent "
        "that moves takes its file along.\n\n"
        "A task that is cancelled, or given to another agent, ends its "
        "command: SIGTERM to its process group, SIGKILL two seconds later. "
        "SIGTERM or SIGINT ends the agent within five seconds; tasks that are "
        "not done by then are handed back.",
    .options = s_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 4096,
    .run = s_run};
