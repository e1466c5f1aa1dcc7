/*  ask - commands that are one method of the coordinator, said by a table

    Role      options with a `key` ("agentType"; "retry.attempts" goes inside)
              and positional arguments become members of the params; the
              answer is shown as one object, or as a list with the columns that
              people see
    Use       an ask as .ask of covey_cli_command_t and covey_ask_run as its
              .run; a command that has more to check or to add calls the pieces
    Params    an object of jansson's, which is consumed
*/
#ifndef COVEY_CLI_ASK_H_INCLUDED
#define COVEY_CLI_ASK_H_INCLUDED

#include <jansson.h>

#include "cli/listing.h"

#define COVEY_ASK_ARGS_MAX 2

struct covey_ask {
    const char *method; /* "swarm.leave"                                      */
    /*  What its arguments are called in the params. A command that takes more
        arguments than names asks once for each.                              */
    const char *args[COVEY_ASK_ARGS_MAX];
    /*  What options and arguments alone do not say; or NULL.                */
    void (*add) (covey_cli_t *cli, json_t *params);
    covey_listing_t listing; /* all but `fetch`; zeros: one object            */
    const covey_listing_t *table; /* the part of one object that people see  */
    /*  --wait: wait for the end of what `id` names, and what its end means: an
        exit code.                                                            */
    covey_err_t (*wait) (covey_agent_t *agent, const char *id, int timeout_ms,
                         char **result_p);
    int (*judge) (const char *json);
    bool judges_all; /* also what was not waited for                          */
};
typedef struct covey_ask covey_ask_t;

/*  A listing: the member of the answer, its columns, "no tasks".            */
#define COVEY_ASK_TABLE(list, what, none)                    \
    {                                                        \
        .member = (list), .columns = (what), .empty = (none) \
    }

/*  The whole of a command that has an ask.                                  */
int covey_ask_run (covey_cli_t *cli);

/*  Options that were given or have a default, and arguments.                */
json_t *covey_ask_params (covey_cli_t *cli);
/*  Connect and ask. The caller frees the result. An exit code.              */
int covey_ask (covey_cli_t *cli, json_t *params, char **result_p);
/*  The same, and show the answer.                                           */
int covey_ask_with (covey_cli_t *cli, json_t *params);
/*  Show what an ask that begins something got; with --wait its end, for which
    it waits. Frees the result.                                               */
int covey_ask_finish (covey_cli_t *cli, char **result_p, int wait_ms);

/* ------------------------------------------------------------------------ */
/*  Options of many commands                                                  */

#define COVEY_ASK_TEXT(name, member, least, most, what, means)         \
    {                                                                  \
        .flag = (name), .key = (member), .kind = COVEY_OPT_TEXT,       \
        .min = (least), .max = (most), .value = (what), .doc = (means) \
    }
#define COVEY_ASK_NAME(name, member, what, means) \
    COVEY_ASK_TEXT (name, member, 1, COVEY_NAME_MAX, what, means)
#define COVEY_ASK_AGENT(name, member, means) \
    COVEY_ASK_TEXT (name, member, 1, COVEY_AGENT_ID_MAX, "AGENT", means)
#define COVEY_ASK_REASON \
    COVEY_ASK_TEXT ("reason", "reason", 0, COVEY_TEXT_MAX, "TEXT", "why")
#define COVEY_ASK_INT(name, member, least, most, means)             \
    {                                                               \
        .flag = (name), .key = (member), .kind = COVEY_OPT_INT,     \
        .min = (least), .max = (most), .value = "N", .doc = (means) \
    }
#define COVEY_ASK_MS(name, member, least, most, means)                         \
    {                                                                          \
        .flag = (name), .key = (member), .kind = COVEY_OPT_MS, .min = (least), \
        .max = (most), .value = "MS", .doc = (means)                           \
    }
#define COVEY_ASK_LIST(name, member, what, means)                \
    {                                                            \
        .flag = (name), .key = (member), .kind = COVEY_OPT_LIST, \
        .value = (what), .doc = (means)                          \
    }
#define COVEY_ASK_CHOICE(name, member, which, what, means)         \
    {                                                              \
        .flag = (name), .key = (member), .kind = COVEY_OPT_CHOICE, \
        .choices = (which), .value = (what), .doc = (means)        \
    }
#define COVEY_ASK_STATE(which) \
    COVEY_ASK_CHOICE ("state", "state", which, "STATE", "only in this state")
#define COVEY_ASK_WAIT(means)                                                 \
    {.flag = "wait", .doc = (means)},                                         \
    {                                                                         \
        .flag = "wait-timeout", .kind = COVEY_OPT_MS, .def = "10m", .min = 1, \
        .max = 86400000, .value = "MS", .doc = "how long --wait waits"        \
    }

#endif
