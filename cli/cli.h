/*  cli - what the subcommands of `covey` share

    Role      the frame around a subcommand: its entry in the table, options,
              the connection to a node, messages, exit codes, output
    Table     each cmd_NAME.c defines covey_cli_command_t constants;
              commands.c lists them. Parsing, --help, man page, completion and
              docs/configuration.md come from there
    Failures  one line on stderr, "covey CMD: what: value: why; what to do",
              written by the function that returns the exit code
*/
#ifndef COVEY_CLI_H_INCLUDED
#define COVEY_CLI_H_INCLUDED

#include <stdio.h>

#include "base/options.h"

enum {
    COVEY_EXIT_OK = 0,
    COVEY_EXIT_FAILED = 1,      /* refused or failed                          */
    COVEY_EXIT_USAGE = 2,       /* usage or configuration                     */
    COVEY_EXIT_UNREACHABLE = 3, /* no node can be reached                     */
    COVEY_EXIT_TIMEOUT = 4,
    COVEY_EXIT_DENIED = 5,
    COVEY_EXIT_NOCONSENSUS = 6 /* a vote was decided without consensus       */
};

typedef struct covey_cli covey_cli_t;

/*  What a command needs beside its own options; --json, --quiet and --help are
    always there.                                                             */
enum {
    COVEY_CLI_NODE = 1,     /* talks to a node: --endpoint, --data, --timeout */
    COVEY_CLI_WATCH = 2,    /* shows what may change: --watch                 */
    COVEY_CLI_STREAM = 4,   /* runs until it is told to stop (SIGINT)         */
    COVEY_CLI_SETTINGS = 8, /* takes the node's settings as options           */
    COVEY_CLI_HIDDEN = 16,  /* not in the overview                            */
    COVEY_CLI_READ = 32,    /* asks the coordinator: --consistency            */
    COVEY_CLI_PAGE = 64,    /* for a part of a list: --limit, --after         */
    COVEY_CLI_BYTES = 128,  /* its second argument may be any bytes           */
    COVEY_CLI_LISTING =
        COVEY_CLI_NODE | COVEY_CLI_WATCH | COVEY_CLI_READ | COVEY_CLI_PAGE
};

struct covey_ask; /* cli/ask.h                                                */

typedef struct {
    const char *name;    /* "status", "task submit"                           */
    const char *args;    /* "AGENT TEXT|-", or ""                             */
    const char *summary; /* one line, lower case, no full stop                */
    const char *text;    /* what else help says: paragraphs, or NULL          */
    const covey_opt_t *options; /* its own, or NULL; one that has the name of
                                   a common option takes its place            */
    unsigned needs;             /* COVEY_CLI_...                              */
    size_t args_min, args_max;  /* positional arguments                       */
    int timeout_ms; /* of each call, where --timeout means something else; 0:
                       --timeout                                              */
    const struct covey_ask *ask; /* what it asks the coordinator, or NULL     */
    int (*run) (covey_cli_t *cli); /* returns the exit code                   */
} covey_cli_command_t;

/*  All commands, in the order of the overview; ends with NULL.              */
const covey_cli_command_t *const *covey_cli_commands (void);

struct covey_cli {
    const covey_cli_command_t *command;
    covey_opt_t *table; /* the command's options and the common ones    */
    covey_options_t *options;
    covey_agent_t *agent; /* connected by covey_cli_connect, or NULL      */
    covey_store_t *store; /* opened by covey_cli_open, or NULL            */
    bool json;            /* --json                                       */
    bool quiet;           /* --quiet                                      */
    bool colour;          /* stdout is a terminal that wants it           */
    int signal_fd;        /* STREAM and --watch; else -1                  */
    bool is_stopped;      /* a signal came, or the reader of stdout left  */
};

/* ------------------------------------------------------------------------ */
/*  Failures                                                                  */

/*  The line, and `exit_code` back.                                          */
int covey_cli_fail (covey_cli_t *cli, int exit_code, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));
/*  The same from a result of the API: covey_error () explains, `what` names
    the object or action.                                                     */
int covey_cli_fail_rc (covey_cli_t *cli, covey_err_t rc, const char *what);
/*  Exit code of a result; covey_error () tells what a REMOTE error is.      */
int covey_cli_exit_code (covey_err_t rc);
/*  A remark for people on stderr, unless --quiet.                           */
void covey_cli_note (covey_cli_t *cli, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

/* ------------------------------------------------------------------------ */
/*  Arguments                                                                 */

/*  Positional argument or NULL.                                             */
const char *covey_cli_arg (const covey_cli_t *cli, size_t index);
/*  Value of an option as text or NULL; as a number; as a flag.              */
const char *covey_cli_text (const covey_cli_t *cli, const char *option);
int covey_cli_int (const covey_cli_t *cli, const char *option);
bool covey_cli_flag (const covey_cli_t *cli, const char *option);
int covey_cli_timeout (const covey_cli_t *cli);

/*  An argument that is TEXT, @FILE where `at_file`, or "-" for stdin, read
    whole; at most `max` bytes. The caller frees `*data_p`, which has a NUL
    behind its `*size_p` bytes. Returns an exit code; it has told why.        */
int covey_cli_read (covey_cli_t *cli, const char *arg, bool at_file, size_t max,
                    char **data_p, size_t *size_p);
/*  One line of `file` without its line feed; 1: a line, 0: end, -1: it has more
    than COVEY_EVENT_MAX bytes or cannot be read (told, by the file's name).  */
int covey_cli_read_line (covey_cli_t *cli, FILE *file, const char *name,
                         char **line_p, size_t *size_p);
/*  Is it one JSON value? If not: the line with line and column, where `what`
    names the text.                                                           */
int covey_cli_check_json (covey_cli_t *cli, const char *what, const char *text,
                          size_t size);

/* ------------------------------------------------------------------------ */
/*  The node                                                                  */

/*  Connect as a client agent: --endpoint, else the node whose data folder is
    --data, else the default folder's. Returns an exit code; nobody there is
    3, told with what was tried.                                              */
int covey_cli_connect (covey_cli_t *cli);
/*  Connect an agent of the command's own instead; `endpoint` gets where it is
    attached, COVEY_CLI_ENDPOINT_MAX bytes.                                   */
#define COVEY_CLI_ENDPOINT_MAX 1200
int covey_cli_attach (covey_cli_t *cli, covey_agent_t *agent, char *endpoint);
/*  For commands that only read the store: connect, or, when --data is given
    and no node answers there, open its journal.                              */
int covey_cli_open (covey_cli_t *cli);
/*  Where `covey up` stores when it is not told; false: there is no HOME.    */
bool covey_cli_default_data (char *to, size_t size);

/*  A signal asked to end, or nobody reads stdout any more. Waits up to
    `timeout_ms` for either.                                                  */
bool covey_cli_is_stopped (covey_cli_t *cli, int timeout_ms);

/* ------------------------------------------------------------------------ */
/*  Output                                                                    */

/*  JSON text as one line.                                                   */
void covey_cli_put_json (covey_cli_t *cli, const char *json, size_t size);
/*  Text of others, on one line: control bytes become '?'.                   */
void covey_cli_put_text (covey_cli_t *cli, const char *text);
/*  Hand all output over now; false: nobody reads it any more.               */
bool covey_cli_flush (covey_cli_t *cli);

#endif
