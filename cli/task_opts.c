#include "cli/task_opts.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/control.h"

static const covey_opt_t s_options[] = {COVEY_TASK_OPTIONS, {0}};

json_t *
covey_task_opts_take (json_t *params)
{
    json_t *task = json_object ();
    for (const covey_opt_t *opt = s_options; opt->flag; opt++) {
        char member[32] = "";
        if (opt->key) /* "retry" of "retry.attempts"                          */
            snprintf (member, sizeof member, "%.*s",
                      (int)strcspn (opt->key, "."), opt->key);
        json_t *value = json_object_get (params, member);
        if (value) {
            json_object_set (task, member, value);
            json_object_del (params, member);
        }
    }
    return task;
}

int
covey_task_opts_set_time (covey_cli_t *cli, json_t *params, const char *key,
                          const char *option)
{
    if (!covey_options_is_set (cli->options, option))
        return COVEY_EXIT_OK;
    int64_t now_us = covey_clock_wall_us ();
    int64_t at_us = covey_options_time (cli->options, option, now_us);
    if (at_us < now_us)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--%s: \"%.60s\" has passed; give a time to "
                               "come, such as 2030-01-31T08:00:00Z",
                               option, covey_cli_text (cli, option));
    char text[40];
    covey_str_time (at_us, text);
    covey_control_set (params, key, text);
    return COVEY_EXIT_OK;
}

int
covey_task_opts_judge (const char *json)
{
    char *state = covey_listing_text (json, "state");
    bool is_completed = state && strcmp (state, "completed") == 0;
    free (state);
    return is_completed ? COVEY_EXIT_OK : COVEY_EXIT_FAILED;
}
