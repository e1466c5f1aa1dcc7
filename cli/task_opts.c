#include "cli/task_opts.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/control.h"
#include "cli/listing.h"

json_t *
covey_task_opts_params (covey_cli_t *cli)
{
    json_t *params = json_object ();
    covey_control_set (params, "taskType", covey_cli_text (cli, "type"));
    covey_control_set (params, "description",
                       covey_cli_text (cli, "description"));
    covey_control_set (params, "priority", covey_cli_text (cli, "priority"));
    covey_control_set (params, "agentType", covey_cli_text (cli, "agent-type"));
    covey_control_set_list (cli, params, "requiredCapabilities", "cap");
    covey_control_set_int (cli, params, "lease", "lease");
    covey_control_set_int (cli, params, "queueTimeout", "queue-timeout");
    covey_control_set_int (cli, params, "runTimeout", "run-timeout");
    covey_control_set_int (cli, params, "totalTimeout", "total-timeout");
    covey_control_set_int (cli, params, "keepResult", "keep-result");
    covey_control_set (params, "preferredHost", covey_cli_text (cli, "host"));
    covey_control_set (params, "share", covey_cli_text (cli, "share"));
    covey_control_set_int (cli, params, "weight", "weight");
    if (covey_options_is_set (cli->options, "attempts"))
        json_object_set_new (
            params, "retry",
            json_pack ("{s:i}", "attempts", covey_cli_int (cli, "attempts")));
    return params;
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
covey_task_opts_wait (covey_cli_t *cli, const char *id)
{
    char *result = NULL;
    covey_err_t rc = covey_task_wait (
        cli->agent, id, covey_cli_int (cli, "wait-timeout"), &result);
    if (rc)
        return covey_cli_fail_rc (cli, rc, id);
    char *state = covey_listing_text (result, "state");
    bool is_completed = state && strcmp (state, "completed") == 0;
    free (state);
    covey_listing_show (cli, &result);
    return is_completed ? COVEY_EXIT_OK : COVEY_EXIT_FAILED;
}
