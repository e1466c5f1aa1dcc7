/*  covey help, covey version                                                 */
#include <string.h>

#include "base/buf.h"
#include "cli/commands.h"
#include "cli/help.h"

static const covey_opt_t s_help_options[] = {
    {.flag = "man", .doc = "as a man page: covey help --man up | man -l -"},
    {.flag = "markdown", .doc = "the settings as docs/configuration.md"},
    {.flag = "completion",
     .kind = COVEY_OPT_CHOICE,
     .choices = "bash",
     .value = "SHELL",
     .doc = "completion for a shell: source <(covey help --completion bash)"},
    {0}};

/*  "task", "submit" -> "task submit".                                       */
static void
s_join_name (const covey_cli_t *cli, char *to, size_t size)
{
    const char *first = covey_cli_arg (cli, 0);
    const char *second = covey_cli_arg (cli, 1);
    const char *third = second ? covey_cli_arg (cli, 2) : NULL;
    snprintf (to, size, "%.40s%s%.40s%s%.40s", first, second ? " " : "",
              second ? second : "", third ? " " : "", third ? third : "");
}

static bool
s_is_group (const char *name)
{
    size_t size = strlen (name);
    for (const covey_cli_command_t *const *p = covey_cli_commands (); *p; p++)
        if (strncmp ((*p)->name, name, size) == 0 && (*p)->name[size] == ' ')
            return true;
    return false;
}

static int
s_run_help (covey_cli_t *cli)
{
    char name[128];
    if (covey_cli_text (cli, "completion")) {
        covey_help_completion_bash ();
        return COVEY_EXIT_OK;
    }
    if (covey_cli_flag (cli, "markdown")) {
        covey_help_settings_markdown ();
        return COVEY_EXIT_OK;
    }
    if (!covey_cli_arg (cli, 0)) {
        covey_help_overview ();
        return COVEY_EXIT_OK;
    }
    s_join_name (cli, name, sizeof name);
    const covey_cli_command_t *command = covey_help_find (name);
    if (command) {
        if (covey_cli_flag (cli, "man"))
            covey_help_man (command);
        else
            covey_help_command (command);
        return COVEY_EXIT_OK;
    }
    if (s_is_group (name)) {
        covey_help_group (name);
        return COVEY_EXIT_OK;
    }
    const char *near = covey_help_nearest (name);
    return covey_cli_fail (cli, COVEY_EXIT_USAGE, "%s: unknown command; %s%s%s",
                           name,
                           near ? "did you mean " : "covey help lists all",
                           near ? near : "", near ? "?" : "");
}

static int
s_run_version (covey_cli_t *cli)
{
    if (cli->json)
        printf ("{\"version\":\"%s\"}\n", covey_version ());
    else
        printf ("covey %s\n", covey_version ());
    return COVEY_EXIT_OK;
}

const covey_cli_command_t covey_cmd_help = {.name = "help",
                                            .args = "[COMMAND]",
                                            .summary = "explain a command",
                                            .options = s_help_options,
                                            .args_max = 3,
                                            .run = s_run_help};

const covey_cli_command_t covey_cmd_version = {.name = "version",
                                               .args = "",
                                               .summary = "print the version",
                                               .run = s_run_version};
