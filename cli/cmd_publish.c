/*  covey publish: JSON events, one a line; a receipt for each                */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/commands.h"
#include "cli/filter.h"

static const covey_opt_t s_options[] = {
    {.flag = "wait",
     .kind = COVEY_OPT_TEXT,
     .def = "accepted",
     .value = "LEVEL",
     .doc = "wait for accepted, outbox, stored, replicated or synced"},
    {0}};

typedef struct {
    covey_cli_t *cli;
    const char *name; /* of the input                                         */
    FILE *file;
    int level;
    size_t line; /* that is being read, from 1                           */
    size_t published;
} input_t;

static bool
s_is_blank (const char *line)
{
    return line[strspn (line, " \t\r")] == '\0';
}

/*  Takes "line 1, column N" out of a message, with what joins it to the rest:
    the one line of the event is a line of the input here. 0: it has none.    */
static int
s_take_column (char *text)
{
    static const char place[] = "line 1, column ";
    char *start = NULL, *p = text;
    while ((p = strstr (p, place)))
        start = p++;
    if (!start)
        return 0;
    char *end;
    long column = strtol (start + sizeof place - 1, &end, 10);
    bool in_parens = start > text && start[-1] == '(' && *end == ')';
    if (in_parens) {
        start--;
        end++;
    }
    if (start > text && start[-1] == ' ') {
        start--;
        end += *end == ':' && start > text && start[-1] == ':';
    } else if (end[0] == ':' && end[1] == ' ')
        end += 2;
    memmove (start, end, strlen (end) + 1);
    return (int)column;
}

/*  A line that cannot be published: covey_error () says why.                */
static int
s_fail_line (input_t *self, covey_err_t rc)
{
    char text[512], column[32] = "", done[64] = "nothing was published";
    covey_str_copy (text, sizeof text, covey_error ());
    int number = s_take_column (text);
    if (number)
        snprintf (column, sizeof column, ", column %d", number);
    if (rc == COVEY_TIMEOUT)
        snprintf (done, sizeof done, "it may be stored yet: covey events");
    else if (self->published)
        snprintf (done, sizeof done, "the %zu before it %s published",
                  self->published, self->published == 1 ? "is" : "are");
    return covey_cli_fail (self->cli, covey_cli_exit_code (rc),
                           "%.100s: line %zu%s: %.360s; %s", self->name,
                           self->line, column, text, done);
}

/*  The next event; NULL at the end or, with an exit code, at a bad line.    */
static covey_event_t *
s_next_event (input_t *self, int *exit_code_p)
{
    for (;;) {
        char *line = NULL;
        size_t size = 0;
        int found = covey_cli_read_line (self->cli, self->file, self->name,
                                         &line, &size);
        if (found <= 0) {
            *exit_code_p = found ? COVEY_EXIT_USAGE : COVEY_EXIT_OK;
            return NULL;
        }
        self->line++;
        if (strlen (line) == size && s_is_blank (line)) {
            free (line);
            continue;
        }
        covey_event_t *event = NULL;
        covey_err_t rc = covey_event_from_json (line, size, &event);
        free (line);
        if (rc == COVEY_OK && !*covey_event_source (event))
            rc = covey_event_set_source (event, "cli"); /* the agent sets it  */
        if (rc == COVEY_OK)
            rc = covey_event_validate (event);
        if (rc == COVEY_OK)
            return event;
        *exit_code_p = s_fail_line (self, rc);
        covey_event_destroy (&event);
        return NULL;
    }
}

/*  A file is read to its end before anything is published.                  */
static int
s_check_file (input_t *self)
{
    int exit_code = COVEY_EXIT_OK;
    covey_event_t *event;
    while ((event = s_next_event (self, &exit_code)))
        covey_event_destroy (&event);
    rewind (self->file);
    self->line = 0;
    return exit_code;
}

static void
s_put_receipt (covey_cli_t *cli, const covey_receipt_t *receipt)
{
    char id[37], offset[24] = "null";
    covey_id_text (receipt->id, id);
    if (receipt->offset >= 0)
        snprintf (offset, sizeof offset, "%lld", (long long)receipt->offset);
    if (cli->json)
        printf ("{\"id\":\"%s\",\"level\":\"%s\",\"offset\":%s}\n", id,
                covey_level_name ((int)receipt->level), offset);
    else if (!cli->quiet)
        printf ("%s  %s%s%s\n", id, covey_level_name ((int)receipt->level),
                receipt->offset >= 0 ? "  " : "",
                receipt->offset >= 0 ? offset : "");
}

static int
s_publish_all (input_t *self)
{
    int exit_code = COVEY_EXIT_OK;
    covey_event_t *event;
    while ((event = s_next_event (self, &exit_code))) {
        covey_receipt_t receipt = {0};
        covey_err_t rc = covey_agent_publish (
            self->cli->agent, &event, (covey_level_t)self->level,
            covey_cli_timeout (self->cli), &receipt);
        if (rc)
            return s_fail_line (self, rc);
        self->published++;
        s_put_receipt (self->cli, &receipt);
        if (!covey_cli_flush (self->cli))
            break;
    }
    return exit_code;
}

static int
s_run (covey_cli_t *cli)
{
    const char *path = covey_cli_arg (cli, 0);
    input_t input = {.cli = cli, .name = "standard input", .file = stdin};
    input.level = covey_cli_level (cli, covey_cli_text (cli, "wait"));
    if (input.level < 0)
        return COVEY_EXIT_USAGE;
    int exit_code = COVEY_EXIT_OK;
    bool is_file = path && strcmp (path, "-") != 0;
    if (is_file) {
        input.name = path;
        input.file = fopen (path, "re");
        if (!input.file)
            return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                                   "%.200s: cannot be opened: %s", path,
                                   strerror (errno));
        /* A pipe cannot be read twice: it is taken as standard input is. */
        if (fseek (input.file, 0, SEEK_CUR) == 0)
            exit_code = s_check_file (&input);
    }
    if (!exit_code)
        exit_code = covey_cli_connect (cli);
    if (!exit_code)
        exit_code = s_publish_all (&input);
    if (is_file)
        fclose (input.file);
    return exit_code;
}

const covey_cli_command_t covey_cmd_publish = {
    .name = "publish",
    .args = "[FILE|-]",
    .summary = "publish JSON events, one a line, with a receipt for each",
    .text =
        "  {\"type\":\"system:info\",\"data\":{\"component\":\"ci\","
        "\"message\":\"built\"}}\n\n"
        "A FILE is checked to its end first: when a line is wrong, nothing "
        "of it is\npublished. Standard input, and a FILE that is a pipe, is "
        "published line by line as\nit comes, up to the first wrong line. id, "
        "timestamp and priority "
        "get defaults; source is this\ncommand's session.",
    .options = s_options,
    .needs = COVEY_CLI_NODE,
    .args_max = 1,
    .run = s_run};
