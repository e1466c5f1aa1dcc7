/*  task_opts - what the commands that make tasks have in common

    Role      options that describe a task; when it is to be; how it ended
*/
#ifndef COVEY_TASK_OPTS_H_INCLUDED
#define COVEY_TASK_OPTS_H_INCLUDED

#include "cli/ask.h"

#define COVEY_TASK_YEAR_MS INT64_C (31536000000)

/*  What every task may have, also one of a schedule.                        */
#define COVEY_TASK_OPTIONS                                                    \
    COVEY_ASK_NAME ("type", "taskType", "TYPE",                               \
                    "what kind of task it is; who gets it say --cap and "     \
                    "--agent-type (required)"),                               \
        COVEY_ASK_TEXT ("description", "description", 0, COVEY_TEXT_MAX,      \
                        "TEXT", "what is to be done, for people"),            \
        COVEY_ASK_LIST ("cap", "requiredCapabilities", "CAPABILITY",          \
                        "the agent must be able to do this"),                 \
        COVEY_ASK_NAME ("agent-type", "agentType", "TYPE",                    \
                        "the agent must be of this type"),                    \
        {.flag = "input",                                                     \
         .letter = 'i',                                                       \
         .kind = COVEY_OPT_TEXT,                                              \
         .max = COVEY_PAYLOAD_MAX,                                            \
         .value = "JSON|@FILE|-",                                             \
         .doc = "what the agent gets to work on"},                            \
        {.flag = "priority",                                                  \
         .key = "priority",                                                   \
         .kind = COVEY_OPT_CHOICE,                                            \
         .def = "normal",                                                     \
         .choices = "low|normal|high|critical",                               \
         .value = "PRIORITY",                                                 \
         .doc = "higher ones are assigned first"},                            \
        COVEY_ASK_MS ("lease", "lease", 100, 86400000,                        \
                      "given to another agent after this time without a "     \
                      "report"),                                              \
        COVEY_ASK_INT ("attempts", "retry.attempts", 0, 1000,                 \
                       "attempts in all before it is parked; 0: no limit"),   \
        COVEY_ASK_MS ("retry-delay", "retry.firstDelay", 0, 86400000,         \
                      "from the first failure to the next attempt; default "  \
                      "1s"),                                                  \
        COVEY_ASK_INT ("retry-multiplier", "retry.multiplier", 1, 100,        \
                       "the delay grows by it from attempt to attempt; "      \
                       "default 2"),                                          \
        COVEY_ASK_MS ("retry-max-delay", "retry.maxDelay", 0, 86400000,       \
                      "and no further than this; default 1m"),                \
        COVEY_ASK_LIST ("fatal", "retry.fatalCodes", "CODE",                  \
                        "not tried again when it fails with this code, of a " \
                        "command EXIT_ and its exit status"),                 \
        COVEY_ASK_MS ("queue-timeout", "queueTimeout", 1, COVEY_TASK_YEAR_MS, \
                      "failed when no agent has it by then"),                 \
        COVEY_ASK_MS ("run-timeout", "runTimeout", 1, COVEY_TASK_YEAR_MS,     \
                      "limit of one attempt"),                                \
        COVEY_ASK_MS ("total-timeout", "totalTimeout", 1, COVEY_TASK_YEAR_MS, \
                      "limit of all attempts together"),                      \
        COVEY_ASK_MS ("keep-result", "keepResult", 0, COVEY_TASK_YEAR_MS,     \
                      "kept after its end; default: a day"),                  \
        COVEY_ASK_NAME ("host", "preferredHost", "NODE",                      \
                        "rather by an agent of this node, when one is free "  \
                        "there"),                                             \
        COVEY_ASK_NAME ("share", "share", "NAME",                             \
                        "whose share of the agents it counts against; "       \
                        "default: the submitter's"),                          \
        COVEY_ASK_INT ("weight", "weight", 1, 1000,                           \
                       "how many turns that share has to one of others; "     \
                       "default 1")

#define COVEY_TASK_WAIT_OPTIONS                                            \
    COVEY_ASK_WAIT ("until it is completed, failed, cancelled or parked; " \
                    "exit code 1 unless completed")

/*  Moves what COVEY_TASK_OPTIONS put into the params of a schedule into an
    object of its own.                                                        */
json_t *covey_task_opts_take (json_t *params);

/*  An instant of a TIME option that was given, as RFC 3339. It must lie ahead,
    so that an age ("10m" ago) is not taken for a delay: an exit code.        */
int covey_task_opts_set_time (covey_cli_t *cli, json_t *params, const char *key,
                              const char *option);

/*  The exit code for a task that ended: FAILED unless it is completed.      */
int covey_task_opts_judge (const char *json);

#endif
