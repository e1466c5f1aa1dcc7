/*  filter - the options that choose events, and how events are shown

    Use       a command puts COVEY_FILTER_OPTIONS into its table, then asks for
              the covey_filter_t
*/
#ifndef COVEY_CLI_FILTER_H_INCLUDED
#define COVEY_CLI_FILTER_H_INCLUDED

#include "cli/cli.h"

#define COVEY_LIST_OPTION(name, what, means)                     \
    {                                                            \
        .flag = (name), .kind = COVEY_OPT_LIST, .value = (what), \
        .doc = (means)                                           \
    }

/*  For commands that read what was stored.                                  */
#define COVEY_JOURNAL_OPTION                                                  \
    {                                                                         \
        .flag = "journal", .kind = COVEY_OPT_TEXT, .max = 1000,               \
        .value = "DIR",                                                       \
        .doc = "read the journal in this folder itself, whoever runs there: " \
               "a persister that is not in charge any more has what it "      \
               "stored"                                                       \
    }

#define COVEY_FILTER_OPTIONS                                                 \
    COVEY_LIST_OPTION ("type", "TYPE", "only this type, as task:completed"), \
        COVEY_LIST_OPTION ("source", "AGENT", "only from this agent"),       \
        COVEY_LIST_OPTION ("target", "AGENT", "only to this agent"),         \
        COVEY_LIST_OPTION ("correlation", "ID",                              \
                           "only with this "                                 \
                           "correlation id"),                                \
        COVEY_LIST_OPTION ("session", "ID", "only of this session"),         \
        COVEY_LIST_OPTION ("priority", "PRIORITY",                           \
                           "only low, normal, high or critical"),            \
        COVEY_LIST_OPTION ("tag", "TAG",                                     \
                           "only with this tag; all that are "               \
                           "given must be there"),                           \
        COVEY_LIST_OPTION ("id", "ID", "only the event with this id"),       \
        {.flag = "text",                                                     \
         .kind = COVEY_OPT_TEXT,                                             \
         .min = 1,                                                           \
         .max = 4096,                                                        \
         .value = "TEXT",                                                    \
         .doc = "only with this text in their data"},                        \
    {                                                                        \
        .flag = "until", .kind = COVEY_OPT_TIME, .value = "TIME",            \
        .doc = "only from before this time"                                  \
    }

#define COVEY_SINCE_OPTION                                                    \
    {                                                                         \
        .flag = "since", .kind = COVEY_OPT_TIME, .value = "TIME",             \
        .doc =                                                                \
            "only from this time on: 2026-11-23T12:00:00Z, a day, or an age " \
            "(10m, 2h, 7d)"                                                   \
    }

/*  A filter and the lists that it borrows.                                  */
typedef struct {
    covey_filter_t filter;
    int types[COVEY_LIST_MAX];
    covey_priority_t priorities[8];
    uint8_t (*ids)[16];
    const char **lists[5]; /* sources, targets, correlations, sessions, tags  */
} covey_cli_filter_t;

/*  From the options; an exit code, told why. `deinit` also after a failure.
    Options that the command's table does not have count as not given.        */
int covey_cli_filter_init (covey_cli_filter_t *self, covey_cli_t *cli);
void covey_cli_filter_deinit (covey_cli_filter_t *self);

/*  Number of a type name; 0 after a message with the nearest name.          */
int covey_cli_event_type (covey_cli_t *cli, const char *name);
/*  COVEY_LEVEL_..., or -1 after a message.                                  */
int covey_cli_level (covey_cli_t *cli, const char *name);

/*  One event on stdout: its JSON with the offset, or a line for people.     */
void covey_cli_put_event (covey_cli_t *cli, const covey_event_t *event);

#endif
