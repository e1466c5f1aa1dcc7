/*  help - everything that is made from the command table: option tables, help
    texts, man pages, shell completion, docs/configuration.md
*/
#ifndef COVEY_HELP_H_INCLUDED
#define COVEY_HELP_H_INCLUDED

#include "cli/cli.h"

/*  The options that commands share, whichever of them a command takes.      */
const covey_opt_t *covey_help_common (void);
/*  The command's whole option table; the caller frees it.                   */
covey_opt_t *covey_help_options (const covey_cli_command_t *command);

/*  By its exact name, or NULL; and the nearest name, or NULL.               */
const covey_cli_command_t *covey_help_find (const char *name);
const char *covey_help_nearest (const char *name);

/*  On stdout.                                                               */
void covey_help_overview (void);
void covey_help_group (const char *group);
void covey_help_command (const covey_cli_command_t *command);
void covey_help_man (const covey_cli_command_t *command);
void covey_help_settings_markdown (void);
void covey_help_completion_bash (void);

#endif
