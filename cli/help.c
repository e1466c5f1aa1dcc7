#include "cli/help.h"

#include <stdlib.h>
#include <string.h>

#include "api/settings.h"
#include "base/str.h"

#define LINE_WIDTH 78
#define OPTION_WIDTH 27

enum {
    COMMON_LIMIT,
    COMMON_AFTER,
    COMMON_CONSISTENCY,
    COMMON_ENDPOINT,
    COMMON_DATA,
    COMMON_TIMEOUT,
    COMMON_WATCH,
    COMMON_JSON
};

static const covey_opt_t s_common[] = {
    [COMMON_LIMIT] = {.flag = "limit",
                      .key = "limit",
                      .letter = 'n',
                      .kind = COVEY_OPT_INT,
                      .def = "100",
                      .min = 1,
                      .max = 1000,
                      .value = "N",
                      .doc = "at most N"},
    [COMMON_AFTER] = {.flag = "after",
                      .key = "after",
                      .kind = COVEY_OPT_TEXT,
                      .min = 1,
                      .max = COVEY_NAME_MAX,
                      .value = "ID",
                      .doc = "go on after this one"},
    [COMMON_CONSISTENCY] = {.flag = "consistency",
                            .key = "consistency",
                            .kind = COVEY_OPT_CHOICE,
                            .choices = "stale|default|linearizable",
                            .value = "LEVEL",
                            .doc = "stale: any coordinator answers, also "
                                   "alone; linearizable: a majority says that "
                                   "who answers leads"},
    [COMMON_ENDPOINT] = {.flag = "endpoint",
                         .env = "COVEY_ENDPOINT",
                         .kind = COVEY_OPT_TEXT,
                         .min = 1,
                         .max = 512,
                         .value = "URL",
                         .doc = "node to talk to: ipc://PATH or "
                                "tcp://HOST:PORT"},
    [COMMON_DATA] = {.flag = "data",
                     .env = "COVEY_DATA",
                     .kind = COVEY_OPT_TEXT,
                     .min = 1,
                     .max = 1024,
                     .value = "DIR",
                     .doc = "data folder of the node to talk to"},
    [COMMON_TIMEOUT] = {.flag = "timeout",
                        .letter = 't',
                        .kind = COVEY_OPT_MS,
                        .def = "5s",
                        .min = 1,
                        .max = 86400000,
                        .value = "MS",
                        .doc = "give up after this time"},
    [COMMON_WATCH] = {.flag = "watch",
                      .letter = 'w',
                      .doc = "show it again whenever it changes"},
    [COMMON_JSON] = {.flag = "json",
                     .letter = 'j',
                     .doc = "one JSON object a line"},
    {.flag = "quiet", .letter = 'q', .doc = "no remarks, only results"},
    {.flag = "help", .letter = 'h', .doc = "show this and end"},
    {0}};

const covey_opt_t *
covey_help_common (void)
{
    return s_common;
}

static size_t
s_table_size (const covey_opt_t *table)
{
    size_t size = 0;
    while (table && (table[size].flag || table[size].key || table[size].env))
        size++;
    return size;
}

static bool
s_takes_common (const covey_cli_command_t *command, size_t index)
{
    static const unsigned needs[] = {[COMMON_LIMIT] = COVEY_CLI_PAGE,
                                     [COMMON_AFTER] = COVEY_CLI_PAGE,
                                     [COMMON_CONSISTENCY] = COVEY_CLI_READ,
                                     [COMMON_ENDPOINT] = COVEY_CLI_NODE,
                                     [COMMON_DATA] = COVEY_CLI_NODE,
                                     [COMMON_TIMEOUT] = COVEY_CLI_NODE,
                                     [COMMON_WATCH] = COVEY_CLI_WATCH};
    return index > COMMON_WATCH || (command->needs & needs[index]);
}

/*  Append what is not there yet by name; a letter that is taken is left out. */
static size_t
s_add (covey_opt_t *table, size_t size, const covey_opt_t *opt)
{
    bool letter_taken = false;
    for (size_t i = 0; i < size; i++) {
        if (opt->flag && table[i].flag &&
            strcmp (opt->flag, table[i].flag) == 0)
            return size;
        letter_taken |= opt->letter && table[i].letter == opt->letter;
    }
    table[size] = *opt;
    if (letter_taken)
        table[size].letter = 0;
    return size + 1;
}

covey_opt_t *
covey_help_options (const covey_cli_command_t *command)
{
    const covey_opt_t *settings =
        command->needs & COVEY_CLI_SETTINGS ? covey_node_settings () : NULL;
    size_t own = s_table_size (command->options);
    size_t node = s_table_size (settings);
    size_t common = s_table_size (s_common);
    covey_opt_t *table = calloc (own + node + common + 1, sizeof *table);
    if (!table)
        abort ();
    size_t size = 0;
    for (size_t i = 0; i < own; i++)
        size = s_add (table, size, &command->options[i]);
    for (size_t i = 0; i < node; i++)
        size = s_add (table, size, &settings[i]);
    for (size_t i = 0; i < common; i++)
        if (s_takes_common (command, i))
            size = s_add (table, size, &s_common[i]);
    return table;
}

/* ------------------------------------------------------------------------ */
/*  Names                                                                     */

const covey_cli_command_t *
covey_help_find (const char *name)
{
    for (const covey_cli_command_t *const *p = covey_cli_commands (); *p; p++)
        if (strcmp ((*p)->name, name) == 0)
            return *p;
    return NULL;
}

static const char *
s_next_name (const void *arg, size_t i)
{
    (void)arg;
    const covey_cli_command_t *command = covey_cli_commands ()[i];
    return command ? command->name : NULL;
}

const char *
covey_help_nearest (const char *name)
{
    return covey_str_nearest (name, s_next_name, NULL);
}

static bool
s_is_in_group (const covey_cli_command_t *command, const char *group)
{
    size_t size = strlen (group);
    return strncmp (command->name, group, size) == 0 &&
           command->name[size] == ' ';
}

/* ------------------------------------------------------------------------ */
/*  Texts                                                                     */

static void
s_put_list (const char *group)
{
    for (const covey_cli_command_t *const *p = covey_cli_commands (); *p; p++)
        if (!((*p)->needs & COVEY_CLI_HIDDEN) &&
            (!group || s_is_in_group (*p, group)))
            printf ("  %-21s %s\n", (*p)->name, (*p)->summary);
}

void
covey_help_overview (void)
{
    puts ("Covey " COVEY_VERSION_TEXT ": a mesh for agents on many hosts.\n\n"
          "Usage: covey COMMAND [ARGUMENTS] [OPTIONS]\n");
    s_put_list (NULL);
    puts ("\ncovey help COMMAND explains one of them. To begin: covey up, or "
          "covey demo.");
}

void
covey_help_group (const char *group)
{
    printf ("Usage: covey %s COMMAND [ARGUMENTS] [OPTIONS]\n\n", group);
    s_put_list (group);
}

/*  "-n, --limit N" into `text`.                                             */
static void
s_option_names (const covey_opt_t *opt, char *text, size_t size)
{
    char letter[8] = "    ";
    if (opt->letter)
        snprintf (letter, sizeof letter, "-%c, ", opt->letter);
    snprintf (text, size, "%s--%s%s%s", letter, opt->flag,
              opt->kind == COVEY_OPT_FLAG ? "" : " ",
              opt->kind == COVEY_OPT_FLAG ? ""
              : opt->value                ? opt->value
                                          : "VALUE");
}

/*  " (default 5s; COVEY_X; a|b)" into `text`, or nothing.                   */
static void
s_option_remarks (const covey_opt_t *opt, char *text, size_t size)
{
    const char *choices = opt->kind == COVEY_OPT_CHOICE ? opt->choices : NULL;
    const char *def = opt->def && *opt->def ? opt->def : NULL;
    const char *many = opt->kind == COVEY_OPT_LIST ? "repeatable" : NULL;
    const char *sep = "";
    int n = 0;
    text[0] = '\0';
    const struct {
        const char *name, *value;
    } parts[] = {{"", choices}, {"", many}, {"default ", def}, {"", opt->env}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!parts[i].value || (size_t)n >= size)
            continue;
        n += snprintf (text + n, size - (size_t)n, "%s%s%s", *sep ? sep : " (",
                       parts[i].name, parts[i].value);
        sep = "; ";
    }
    if (*sep && (size_t)n < size)
        snprintf (text + n, size - (size_t)n, ")");
}

/*  Words up to LINE_WIDTH columns, with `indent` columns before further lines;
    the first one has `used` columns already.                                 */
static void
s_put_words (const char *text, size_t size, size_t indent, size_t used)
{
    const char *end = text + size;
    bool is_first = true;
    while (text < end) {
        text += strspn (text, " \n");
        if (text >= end)
            break;
        size_t word = strcspn (text, " \n");
        if (text + word > end)
            word = (size_t)(end - text);
        if (!is_first && used + 1 + word > LINE_WIDTH) {
            printf ("\n%*s", (int)indent, "");
            used = indent;
        } else if (!is_first) {
            putchar (' ');
            used++;
        }
        fwrite (text, 1, word, stdout);
        used += word;
        text += word;
        is_first = false;
    }
    putchar ('\n');
}

/*  Paragraphs, separated by an empty line; one that starts with a blank is an
    example and stays as it is.                                               */
static void
s_put_paragraphs (const char *text)
{
    while (*text) {
        const char *end = strstr (text, "\n\n");
        size_t size = end ? (size_t)(end - text) : strlen (text);
        putchar ('\n');
        if (*text == ' ')
            printf ("%.*s\n", (int)size, text);
        else
            s_put_words (text, size, 0, 0);
        text += size + (end ? 2 : 0);
    }
}

static void
s_put_option (const covey_opt_t *opt)
{
    char names[80], remarks[256], text[512];
    s_option_names (opt, names, sizeof names);
    s_option_remarks (opt, remarks, sizeof remarks);
    snprintf (text, sizeof text, "%s%s", opt->doc, remarks);
    if (strlen (names) > OPTION_WIDTH)
        printf ("  %s\n%*s", names, OPTION_WIDTH + 3, "");
    else
        printf ("  %-*s ", OPTION_WIDTH, names);
    s_put_words (text, strlen (text), OPTION_WIDTH + 3, OPTION_WIDTH + 3);
}

/*  Most take their options anywhere; where something else must stand last, the
    arguments say so themselves.                                              */
static const char *
s_options_word (const covey_cli_command_t *command)
{
    return strstr (command->args, "[OPTIONS]") ? "" : " [OPTIONS]";
}

void
covey_help_command (const covey_cli_command_t *command)
{
    printf ("covey %s: %s\n\nUsage: covey %s%s%s%s\n", command->name,
            command->summary, command->name, *command->args ? " " : "",
            command->args, s_options_word (command));
    if (command->text)
        s_put_paragraphs (command->text);
    puts ("\nOptions:");
    covey_opt_t *table = covey_help_options (command);
    for (const covey_opt_t *opt = table; opt->flag || opt->key; opt++)
        if (opt->flag)
            s_put_option (opt);
    free (table);
}

/* ------------------------------------------------------------------------ */
/*  Man page                                                                  */

/*  Text for roff: no line starts with a control character, backslashes and
    dashes stand for themselves.                                              */
static void
s_put_roff (const char *text)
{
    bool at_start = true;
    for (const char *p = text; *p; p++) {
        if (at_start && (*p == '.' || *p == '\''))
            fputs ("\\&", stdout);
        if (*p == '\\')
            fputs ("\\e", stdout);
        else if (*p == '-')
            fputs ("\\-", stdout);
        else
            putchar (*p);
        at_start = *p == '\n';
    }
}

static void
s_put_roff_name (const char *prefix, const char *name, const char *separator)
{
    fputs (prefix, stdout);
    for (const char *p = name; *p; p++)
        fputs (*p == ' ' ? separator : (char[]){*p, 0}, stdout);
}

void
covey_help_man (const covey_cli_command_t *command)
{
    s_put_roff_name (".TH COVEY-", command->name, "-");
    puts (" 1 \"\" \"Covey " COVEY_VERSION_TEXT "\" \"Covey\"\n.SH NAME");
    s_put_roff_name ("covey\\-", command->name, "\\-");
    fputs (" \\- ", stdout);
    s_put_roff (command->summary);
    printf ("\n.SH SYNOPSIS\n.B covey %s\n", command->name);
    s_put_roff (command->args);
    puts (*s_options_word (command) ? "\n[OPTIONS]" : "");
    if (command->text) {
        puts (".SH DESCRIPTION");
        s_put_roff (command->text);
        putchar ('\n');
    }
    puts (".SH OPTIONS");
    covey_opt_t *table = covey_help_options (command);
    for (const covey_opt_t *opt = table; opt->flag || opt->key; opt++) {
        if (!opt->flag)
            continue;
        char names[80], remarks[256];
        s_option_names (opt, names, sizeof names);
        s_option_remarks (opt, remarks, sizeof remarks);
        fputs (".TP\n.B ", stdout);
        s_put_roff (names + strspn (names, " "));
        putchar ('\n');
        s_put_roff (opt->doc);
        s_put_roff (remarks);
        putchar ('\n');
    }
    free (table);
    puts (".SH EXIT STATUS\n0 done, 1 refused or failed, 2 usage or "
          "configuration, 3 no node can be reached, 4 timeout, 5 denied, 6 a "
          "vote without consensus.");
}

/* ------------------------------------------------------------------------ */
/*  Settings as Markdown, completion                                          */

static const char *
s_kind_text (covey_opt_kind_t kind)
{
    switch (kind) {
        case COVEY_OPT_FLAG:
            return "true or false";
        case COVEY_OPT_INT:
            return "number";
        case COVEY_OPT_SIZE:
            return "bytes (k, m, g)";
        case COVEY_OPT_MS:
            return "duration (ms, s, m, h, d)";
        case COVEY_OPT_TEXT:
            return "text";
        case COVEY_OPT_LIST:
            return "list";
        case COVEY_OPT_CHOICE:
            return "one of";
        case COVEY_OPT_TIME:
            break;
    }
    return "time";
}

/*  A cell of a Markdown table: '|' would end it.                            */
static void
s_put_cell (const char *before, const char *text, const char *after)
{
    fputs (before, stdout);
    for (const char *p = text; *p; p++)
        fputs (*p == '|' ? "\\|" : (char[]){*p, 0}, stdout);
    fputs (after, stdout);
}

static void
s_put_setting (const covey_opt_t *opt)
{
    s_put_cell ("| ", opt->key ? "`" : "", "");
    s_put_cell ("", opt->key ? opt->key : "-", opt->key ? "` | " : " | ");
    s_put_cell (opt->flag ? "`--" : "", opt->flag ? opt->flag : "-",
                opt->flag ? "` | " : " | ");
    s_put_cell (opt->env ? "`" : "", opt->env ? opt->env : "-",
                opt->env ? "` | " : " | ");
    s_put_cell ("", s_kind_text (opt->kind), "");
    if (opt->kind == COVEY_OPT_CHOICE)
        s_put_cell (" ", opt->choices, "");
    bool is_number = opt->kind == COVEY_OPT_INT ||
                     opt->kind == COVEY_OPT_SIZE || opt->kind == COVEY_OPT_MS;
    if (is_number && (opt->min || opt->max))
        printf (", %lld to %lld%s", (long long)opt->min, (long long)opt->max,
                opt->kind == COVEY_OPT_MS ? " ms" : "");
    s_put_cell (" | ", opt->def && *opt->def ? opt->def : "-", " | ");
    s_put_cell ("", opt->doc, opt->secret ? " (secret) |\n" : " |\n");
}

void
covey_help_settings_markdown (void)
{
    puts (
        "# Configuration\n\n"
        "<!-- Made by `covey help --markdown`; do not edit. -->\n\n"
        "A node takes its settings from, the first that is set wins: the "
        "option of `covey up`\n"
        "(or `covey_node_set`), the environment variable, the file, the "
        "default. The file is\n"
        "`--config FILE`, else `$XDG_CONFIG_HOME/covey/covey.conf` (usually "
        "`~/.config/covey/covey.conf`),\n"
        "else `/etc/covey/covey.conf`. It has `key = value` lines; `#` starts "
        "a comment, a value may be in\n"
        "double quotes, a list is repeated or separated by commas.\n"
        "`covey up --check` shows what is in force and where each value came "
        "from.\n\n"
        "| key | option | environment | value | default | meaning |\n"
        "|---|---|---|---|---|---|");
    for (const covey_opt_t *opt = covey_node_settings ();
         opt->flag || opt->key || opt->env; opt++)
        s_put_setting (opt);
    puts ("\n## Commands\n\n"
          "Commands that talk to a node take these from the environment:\n\n"
          "| option | environment | meaning |\n|---|---|---|");
    for (const covey_opt_t *opt = s_common; opt->flag; opt++)
        if (opt->env)
            printf ("| `--%s` | `%s` | %s |\n", opt->flag, opt->env, opt->doc);
    puts ("| - | `NO_COLOR` | no colours, whatever its value |");
}

/*  Is it the first command with this first word?                            */
static bool
s_is_first_of_word (const covey_cli_command_t *command)
{
    size_t size = strcspn (command->name, " ") + 1;
    for (const covey_cli_command_t *const *p = covey_cli_commands ();
         *p != command; p++)
        if (strncmp ((*p)->name, command->name, size - 1) == 0 &&
            strcspn ((*p)->name, " ") + 1 == size)
            return false;
    return true;
}

/*  bash: what may follow a command, and the options of each.                */
static void
s_put_completion_tables (void)
{
    for (const covey_cli_command_t *const *p = covey_cli_commands (); *p; p++) {
        const char *name = (*p)->name;
        size_t word = strcspn (name, " ");
        if (s_is_first_of_word (*p))
            printf ("    commands[covey]+=\"%.*s \"\n", (int)word, name);
        while (name[word]) { /* "task": "schedule"; "task schedule": "add"  */
            size_t next = word + 1 + strcspn (name + word + 1, " ");
            printf ("    commands[\"covey %.*s\"]+=\"%.*s \"\n", (int)word,
                    name, (int)(next - word - 1), name + word + 1);
            word = next;
        }
        printf ("    options[\"covey %s\"]=\"", name);
        covey_opt_t *table = covey_help_options (*p);
        for (const covey_opt_t *opt = table; opt->flag || opt->key; opt++)
            if (opt->flag)
                printf ("--%s ", opt->flag);
        free (table);
        puts ("\"");
    }
}

void
covey_help_completion_bash (void)
{
    puts ("# bash completion of covey: source <(covey help --completion bash)\n"
          "_covey () {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} name=covey next i\n"
          "    local -A options commands");
    s_put_completion_tables ();
    puts ("    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        next=\"$name ${COMP_WORDS[i]}\"\n"
          "        [[ ${options[$next]+x}${commands[$next]+x} ]] && "
          "name=$next\n"
          "    done\n"
          "    [[ $name == \"covey help\" ]] && "
          "commands[$name]=${commands[covey]}\n"
          "    COMPREPLY=($(compgen -W \"${commands[$name]} "
          "${options[$name]}\" -- \"$word\"))\n"
          "    [[ ${#COMPREPLY[@]} -gt 0 || $word == -* ]] || "
          "COMPREPLY=($(compgen -f -- \"$word\"))\n"
          "}\n"
          "complete -F _covey covey");
}
