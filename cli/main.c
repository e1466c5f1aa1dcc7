/*  covey - the command: finds the subcommand, parses its options, runs it    */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/help.h"

#define WORDS_MAX 3 /* "task schedule add" */

/*  The words of the command line that name the command.                     */
typedef struct {
    const char *text[WORDS_MAX];
    int at[WORDS_MAX]; /* in argv                                             */
    int count;
} words_t;

/*  How many arguments an option in front of the command takes up.           */
static int
s_option_size (const char *arg)
{
    if (strchr (arg, '='))
        return 1;
    for (const covey_opt_t *opt = covey_help_common (); opt->flag; opt++) {
        bool is_it = strncmp (arg, "--", 2) == 0
                         ? strcmp (arg + 2, opt->flag) == 0
                         : opt->letter && arg[1] == opt->letter && !arg[2];
        if (is_it)
            return opt->kind == COVEY_OPT_FLAG ? 1 : 2;
    }
    return 1;
}

static void
s_find_words (int argc, char **argv, words_t *words)
{
    for (int i = 1; i < argc && words->count < WORDS_MAX;) {
        if (strcmp (argv[i], "--") == 0)
            return;
        if (argv[i][0] == '-' && argv[i][1]) {
            i += s_option_size (argv[i]);
            continue;
        }
        words->at[words->count] = i;
        words->text[words->count++] = argv[i++];
    }
}

static bool
s_is_group (const char *word)
{
    size_t size = strlen (word);
    for (const covey_cli_command_t *const *p = covey_cli_commands (); *p; p++)
        if (strncmp ((*p)->name, word, size) == 0 && (*p)->name[size] == ' ')
            return true;
    return false;
}

/*  The first `count` words with blanks between them, each cut to 40 bytes. */
static void
s_join_words (const words_t *words, int count, char *to, size_t size)
{
    size_t at = 0;
    *to = '\0';
    for (int i = 0; i < count && at < size; i++)
        at += (size_t)snprintf (to + at, size - at, "%s%.40s", i ? " " : "",
                                words->text[i]);
}

/*  How many words name the group that they are in: "task schedule".         */
static int
s_group_size (const words_t *words)
{
    char name[128];
    int count = words->count;
    for (; count > 0; count--) {
        s_join_words (words, count, name, sizeof name);
        if (s_is_group (name))
            break;
    }
    return count;
}

/*  The command that the words name; words->count is how many it took.       */
static const covey_cli_command_t *
s_find_command (words_t *words)
{
    for (int count = words->count; count > 0; count--) {
        char name[128];
        s_join_words (words, count, name, sizeof name);
        const covey_cli_command_t *command = covey_help_find (name);
        if (command) {
            words->count = count;
            return command;
        }
    }
    return NULL;
}

static int
s_unknown_command (const words_t *words)
{
    char name[128];
    int group = s_group_size (words);
    if (group == words->count) {
        s_join_words (words, group, name, sizeof name);
        fprintf (stderr, "covey %s: which one? covey help %s lists them\n",
                 name, name);
    } else {
        s_join_words (words, group + 1, name, sizeof name);
        const char *near = covey_help_nearest (name);
        fputs ("covey: ", stderr);
        for (const char *p = name; *p; p++)
            fputc ((unsigned char)*p < 0x20 ? '?' : *p, stderr);
        if (near)
            fprintf (stderr, ": unknown command; did you mean covey %s?\n",
                     near);
        else
            fputs (": unknown command; covey help lists all\n", stderr);
    }
    return COVEY_EXIT_USAGE;
}

static const char *
s_getenv (const char *name)
{
    return getenv (name);
}

/*  Everything but the words of the command.                                 */
static int
s_parse (covey_cli_t *self, int argc, char **argv, const words_t *words)
{
    char **rest = calloc ((size_t)argc + 1, sizeof *rest);
    if (!rest)
        abort ();
    int count = 0;
    for (int i = 1; i < argc; i++) {
        bool is_word = false;
        for (int w = 0; w < words->count; w++)
            is_word |= words->at[w] == i;
        if (!is_word)
            rest[count++] = argv[i];
    }
    covey_errbuf_t err = {""};
    covey_err_t rc =
        covey_options_parse_args (self->options, count, rest, &err);
    if (rc == COVEY_OK && !covey_cli_flag (self, "help"))
        rc = covey_options_parse_env (self->options, s_getenv, &err);
    free (rest);
    return rc ? covey_cli_fail (self, COVEY_EXIT_USAGE, "%s", err.text)
              : COVEY_EXIT_OK;
}

/*  Names and JSON for the mesh; what stands behind "--" is not for it.       */
static int
s_check_texts (covey_cli_t *self)
{
    size_t count = covey_options_positional_before (self->options);
    for (size_t i = 0; i < count; i++) {
        const char *arg = covey_cli_arg (self, i);
        if (i == 1 && (self->command->needs & COVEY_CLI_BYTES))
            continue;
        if (!covey_str_is_utf8 (arg, strlen (arg)))
            return covey_cli_fail (self, COVEY_EXIT_USAGE,
                                   "\"%.80s\": is not UTF-8 text; usage: "
                                   "covey %s %s",
                                   arg, self->command->name,
                                   self->command->args);
    }
    return COVEY_EXIT_OK;
}

static int
s_check_arguments (covey_cli_t *self)
{
    const covey_cli_command_t *command = self->command;
    size_t count = covey_options_positional_count (self->options);
    if (count < command->args_min)
        return covey_cli_fail (self, COVEY_EXIT_USAGE,
                               "an argument is missing; usage: covey %s %s",
                               command->name, command->args);
    if (count > command->args_max)
        return covey_cli_fail (
            self, COVEY_EXIT_USAGE,
            "\"%.80s\": one argument too many%s; usage: covey %s%s%s",
            covey_cli_arg (self, command->args_max),
            command->args_max ? " (quote what belongs together)" : "",
            command->name, *command->args ? " " : "", command->args);
    return command->needs & COVEY_CLI_NODE ? s_check_texts (self)
                                           : COVEY_EXIT_OK;
}

/*  From here on SIGINT and SIGTERM are read, in every thread.               */
static void
s_catch_signals (covey_cli_t *self)
{
    sigset_t set;
    sigemptyset (&set);
    sigaddset (&set, SIGINT);
    sigaddset (&set, SIGTERM);
    sigaddset (&set, SIGHUP);
    sigprocmask (SIG_BLOCK, &set, NULL);
    self->signal_fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool
s_wants_colour (void)
{
    const char *no = getenv ("NO_COLOR"), *term = getenv ("TERM");
    return isatty (STDOUT_FILENO) && !(no && *no) && term &&
           strcmp (term, "dumb") != 0;
}

static int
s_run (covey_cli_t *self, int argc, char **argv, const words_t *words)
{
    int exit_code = s_parse (self, argc, argv, words);
    if (exit_code)
        return exit_code;
    if (covey_cli_flag (self, "help")) {
        covey_help_command (self->command);
        return COVEY_EXIT_OK;
    }
    self->json = covey_cli_flag (self, "json");
    self->quiet = covey_cli_flag (self, "quiet");
    self->colour = s_wants_colour ();
    exit_code = s_check_arguments (self);
    if (exit_code)
        return exit_code;
    unsigned needs = self->command->needs;
    if ((needs & COVEY_CLI_STREAM) ||
        ((needs & COVEY_CLI_WATCH) && covey_cli_flag (self, "watch")))
        s_catch_signals (self);
    return self->command->run (self);
}

/*  Also when an earlier write found out, and its errno is gone.              */
static bool
s_reader_left (void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    return errno == EPIPE ||
           (poll (&out, 1, 0) == 1 && (out.revents & POLLERR));
}

/*  What was printed reaches its reader, or that is a failure too. A reader
    that left is none.                                                        */
static int
s_finish (covey_cli_t *self, int exit_code)
{
    covey_agent_destroy (&self->agent);
    covey_store_destroy (&self->store);
    errno = 0;
    if (fflush (stdout) == 0 && !ferror (stdout))
        return exit_code;
    if (s_reader_left () || self->is_stopped || exit_code)
        return exit_code;
    return covey_cli_fail (self, COVEY_EXIT_FAILED,
                           "standard output: cannot be written: %s",
                           strerror (errno));
}

int
main (int argc, char **argv)
{
    signal (SIGPIPE, SIG_IGN);
    words_t words = {.count = 0};
    s_find_words (argc, argv, &words);
    if (words.count == 0) {
        if (argc > 1 && strcmp (argv[1], "--version") == 0)
            words = (words_t){{"version"}, {1}, 1};
        else if (argc == 1 || strcmp (argv[1], "--help") == 0 ||
                 strcmp (argv[1], "-h") == 0) {
            covey_help_overview ();
            return COVEY_EXIT_OK;
        } else {
            fprintf (stderr, "covey: no command; covey help lists all\n");
            return COVEY_EXIT_USAGE;
        }
    }
    covey_cli_t cli = {.signal_fd = -1};
    cli.command = s_find_command (&words);
    if (!cli.command) {
        if (s_group_size (&words) == words.count && argc > 2 &&
            (strcmp (argv[argc - 1], "--help") == 0 ||
             strcmp (argv[argc - 1], "-h") == 0)) {
            char name[128];
            s_join_words (&words, words.count, name, sizeof name);
            covey_help_group (name);
            return COVEY_EXIT_OK;
        }
        return s_unknown_command (&words);
    }
    cli.table = covey_help_options (cli.command);
    cli.options = covey_options_new (cli.table);
    int exit_code = s_finish (&cli, s_run (&cli, argc, argv, &words));
    covey_options_destroy (&cli.options);
    free (cli.table);
    if (cli.signal_fd >= 0)
        close (cli.signal_fd);
    return exit_code;
}
