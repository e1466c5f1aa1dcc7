/*  group - agents by type, capability, tag or swarm, for commands that talk */
#ifndef CLI_GROUP_H_INCLUDED
#define CLI_GROUP_H_INCLUDED

#include "cli/cli.h"
#include "cli/filter.h"

/*  The options --type, --cap, --tag and --swarm.                            */
#define COVEY_GROUP_OPTIONS                                               \
    COVEY_LIST_OPTION ("type", "TYPE", "one of the agents of this type"), \
        COVEY_LIST_OPTION ("cap", "CAPABILITY", "that can do this"),      \
        COVEY_LIST_OPTION ("tag", "TAG", "that have this tag"),           \
    {                                                                     \
        .flag = "swarm", .kind = COVEY_OPT_TEXT, .min = 1,                \
        .max = COVEY_NAME_MAX, .value = "SWARM",                          \
        .doc = "that are members of this swarm"                           \
    }

typedef struct {
    covey_scope_t scope;
    bool is_given; /* any of the options                                      */
    const char *types[COVEY_LIST_MAX];
    const char *capabilities[COVEY_LIST_MAX];
    const char *tags[COVEY_LIST_MAX];
} covey_cli_group_t;

/*  The texts belong to the options.                                         */
void covey_cli_group (const covey_cli_t *cli, covey_cli_group_t *group);
/*  covey request --all: each answer a line, the sums on standard error.     */
int covey_cli_gather (covey_cli_t *cli, const covey_scope_t *scope,
                      const char *method, const char *params);

#endif
