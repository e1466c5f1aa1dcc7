/*  task_opts - what the commands that make tasks have in common

    Role      options that describe a task, and the params of them; waiting
              for the end of a task
*/
#ifndef COVEY_TASK_OPTS_H_INCLUDED
#define COVEY_TASK_OPTS_H_INCLUDED

#include <jansson.h>

#include "cli/cli.h"
#include "cli/filter.h"

#define COVEY_TASK_YEAR_MS INT64_C (31536000000)

#define COVEY_TASK_MS_OPTION(name, least, means)                 \
    {                                                            \
        .flag = (name), .kind = COVEY_OPT_MS, .min = (least),    \
        .max = COVEY_TASK_YEAR_MS, .value = "MS", .doc = (means) \
    }
#define COVEY_TASK_NAME_OPTION(name, what, means)              \
    {                                                          \
        .flag = (name), .kind = COVEY_OPT_TEXT, .min = 1,      \
        .max = COVEY_NAME_MAX, .value = (what), .doc = (means) \
    }

/*  What every task may have, also one of a schedule.                        */
#define COVEY_TASK_OPTIONS                                                   \
    COVEY_TASK_NAME_OPTION ("type", "TYPE",                                  \
                            "what kind of task it is (required)"),           \
        {.flag = "description",                                              \
         .kind = COVEY_OPT_TEXT,                                             \
         .max = COVEY_TEXT_MAX,                                              \
         .value = "TEXT",                                                    \
         .doc = "what is to be done, for people"},                           \
        COVEY_LIST_OPTION ("cap", "CAPABILITY",                              \
                           "the agent must be able to do this"),             \
        COVEY_TASK_NAME_OPTION ("agent-type", "TYPE",                        \
                                "the agent must be of this type"),           \
        {.flag = "input",                                                    \
         .letter = 'i',                                                      \
         .kind = COVEY_OPT_TEXT,                                             \
         .max = COVEY_PAYLOAD_MAX,                                           \
         .value = "JSON|@FILE|-",                                            \
         .doc = "what the agent gets to work on"},                           \
        {.flag = "priority",                                                 \
         .kind = COVEY_OPT_CHOICE,                                           \
         .def = "normal",                                                    \
         .choices = "low|normal|high|critical",                              \
         .value = "PRIORITY",                                                \
         .doc = "higher ones are assigned first"},                           \
        {.flag = "lease",                                                    \
         .kind = COVEY_OPT_MS,                                               \
         .min = 100,                                                         \
         .max = 86400000,                                                    \
         .value = "MS",                                                      \
         .doc = "given to another agent after this time without a report"},  \
        {.flag = "attempts",                                                 \
         .kind = COVEY_OPT_INT,                                              \
         .min = 0,                                                           \
         .max = 1000000,                                                     \
         .value = "N",                                                       \
         .doc = "attempts in all before it is parked; 0: no limit"},         \
        COVEY_TASK_MS_OPTION ("queue-timeout", 1,                            \
                              "failed when no agent has it by then"),        \
        COVEY_TASK_MS_OPTION ("run-timeout", 1, "limit of one attempt"),     \
        COVEY_TASK_MS_OPTION ("total-timeout", 1,                            \
                              "limit of all attempts together"),             \
        COVEY_TASK_MS_OPTION ("keep-result", 0,                              \
                              "kept after its end; default: a day"),         \
        COVEY_TASK_NAME_OPTION ("host", "NODE",                              \
                                "rather by an agent of this node, when one " \
                                "is free there"),                            \
        COVEY_TASK_NAME_OPTION ("share", "NAME",                             \
                                "whose share of the agents it counts "       \
                                "against; default: the submitter's"),        \
    {                                                                        \
        .flag = "weight", .kind = COVEY_OPT_INT, .min = 1, .max = 1000,      \
        .value = "N",                                                        \
        .doc = "how many turns that share has to one of others; default 1"   \
    }

#define COVEY_TASK_WAIT_OPTIONS                                               \
    {.flag = "wait",                                                          \
     .doc = "until it is completed, failed, cancelled or "                    \
            "parked; exit code 1 unless completed"},                          \
    {                                                                         \
        .flag = "wait-timeout", .kind = COVEY_OPT_MS, .def = "10m", .min = 1, \
        .max = 86400000, .value = "MS", .doc = "how long --wait waits"        \
    }

/*  COVEY_TASK_OPTIONS but the input, as params of a task.                   */
json_t *covey_task_opts_params (covey_cli_t *cli);

/*  An instant of a TIME option that was given, as RFC 3339. It must lie ahead,
    so that an age ("10m" ago) is not taken for a delay: an exit code.        */
int covey_task_opts_set_time (covey_cli_t *cli, json_t *params, const char *key,
                              const char *option);

/*  Wait for the end of a task and show it; FAILED unless it is completed.   */
int covey_task_opts_wait (covey_cli_t *cli, const char *id);

#endif
