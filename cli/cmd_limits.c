/*  covey limits: how much of everything the mesh takes, and is used of it    */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/commands.h"
#include "cli/control.h"
#include "cli/listing.h"

/*  NAME=VALUE of each argument; NULL, told which is none. The coordinator knows
    the names.                                                                */
static json_t *
s_params (covey_cli_t *cli)
{
    json_t *params = json_object ();
    for (size_t i = 0; covey_cli_arg (cli, i); i++) {
        const char *text = covey_cli_arg (cli, i);
        const char *equals = strchr (text, '=');
        char name[64];
        int64_t value;
        if (!equals || equals == text ||
            (size_t)(equals - text) >= sizeof name ||
            !covey_str_to_int (equals + 1, 0, INT64_MAX, &value)) {
            covey_cli_fail (cli, COVEY_EXIT_USAGE,
                            "\"%.80s\" is not NAME=NUMBER, as tasks=200000",
                            text);
            json_decref (params);
            return NULL;
        }
        memcpy (name, text, (size_t)(equals - text));
        name[equals - text] = '\0';
        json_object_set_new (params, name, json_integer (value));
    }
    return params;
}

static covey_err_t
s_fetch (covey_cli_t *cli, char **json_p)
{
    json_t *params = s_params (cli);
    if (!params) /* it was looked at before */
        return COVEY_INVALID;
    if (json_object_size (params))
        return covey_control_fetch (cli, "mesh.setLimits", params, json_p);
    covey_control_set (params, "consistency",
                       covey_cli_text (cli, "consistency"));
    return covey_control_fetch (cli, "mesh.limits", params, json_p);
}

static void
s_print (covey_cli_t *cli, const char *json)
{
    (void)cli;
    const char *name;
    json_t *value, *view = json_loads (json, 0, NULL);
    const json_t *used = json_object_get (view, "used");
    printf ("%-24s %15s %15s\n", "NAME", "LIMIT", "USED");
    json_object_foreach (json_object_get (view, "limits"), name, value)
    {
        const json_t *count = json_object_get (used, name);
        char text[24] = "-";
        if (count)
            snprintf (text, sizeof text, "%" JSON_INTEGER_FORMAT,
                      json_integer_value (count));
        printf ("%-24s %15" JSON_INTEGER_FORMAT " %15s\n", name,
                json_integer_value (value), text);
    }
    json_decref (view);
}

static int
s_run (covey_cli_t *cli)
{
    static const covey_listing_t listing = {.fetch = s_fetch, .print = s_print};
    json_t *params = s_params (cli);
    if (!params)
        return COVEY_EXIT_USAGE;
    bool sets = json_object_size (params) > 0;
    json_decref (params);
    if (sets && covey_options_is_set (cli->options, "consistency"))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--consistency: \"%s\": is for reading limits, "
                               "not for setting them",
                               covey_cli_text (cli, "consistency"));
    int exit_code = covey_cli_connect (cli);
    return exit_code ? exit_code : covey_listing_run (cli, &listing);
}

const covey_cli_command_t covey_cmd_limits = {
    .name = "limits",
    .args = "[NAME=NUMBER...]",
    .summary = "show or set how much the mesh takes",
    .text =
        "A limit is the same for all coordinators of a mesh and is kept with "
        "its state. One below what there is refuses more until there is "
        "less; of what is kept after its end the oldest go at once. Agents "
        "cannot set limits.",
    .needs = COVEY_CLI_NODE | COVEY_CLI_READ,
    .args_max = 32,
    .run = s_run};
