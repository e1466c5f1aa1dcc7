#include "cli/ask.h"

#include <stdlib.h>
#include <string.h>

#include "cli/control.h"

/* ------------------------------------------------------------------------ */
/*  Params                                                                    */

/*  The value of an option in JSON; NULL: there is nothing to say.           */
static json_t *
s_value (covey_cli_t *cli, const covey_opt_t *opt)
{
    const covey_options_t *options = cli->options;
    if (!covey_options_count (options, opt->flag))
        return NULL;
    if (opt->kind == COVEY_OPT_FLAG)
        return covey_options_flag (options, opt->flag) ? json_true () : NULL;
    if (opt->kind == COVEY_OPT_INT || opt->kind == COVEY_OPT_MS)
        return json_integer (covey_options_int (options, opt->flag));
    if (opt->kind != COVEY_OPT_LIST)
        return json_string (covey_options_text (options, opt->flag));
    json_t *list = json_array ();
    for (size_t i = 0; i < covey_options_count (options, opt->flag); i++)
        json_array_append_new (
            list, json_string (covey_options_item (options, opt->flag, i)));
    return list;
}

/*  "retry.attempts" goes into an object of its own.                         */
static void
s_set (json_t *params, const char *key, json_t *value)
{
    const char *dot = strchr (key, '.');
    if (!dot) {
        json_object_set_new (params, key, value);
        return;
    }
    char name[32];
    snprintf (name, sizeof name, "%.*s", (int)(dot - key), key);
    json_t *inner = json_object_get (params, name);
    if (!inner) {
        inner = json_object ();
        json_object_set_new (params, name, inner);
    }
    json_object_set_new (inner, dot + 1, value);
}

/*  With the arguments from `first` on.                                      */
static json_t *
s_params (covey_cli_t *cli, size_t first)
{
    json_t *params = json_object ();
    for (const covey_opt_t *opt = cli->table; opt->flag; opt++) {
        json_t *value = opt->key ? s_value (cli, opt) : NULL;
        if (value)
            s_set (params, opt->key, value);
    }
    const covey_ask_t *ask = cli->command->ask;
    for (size_t i = 0; i < COVEY_ASK_ARGS_MAX && ask->args[i]; i++)
        covey_control_set (params, ask->args[i],
                           covey_cli_arg (cli, first + i));
    if (ask->add)
        ask->add (cli, params);
    return params;
}

json_t *
covey_ask_params (covey_cli_t *cli)
{
    return s_params (cli, 0);
}

/* ------------------------------------------------------------------------ */
/*  Asking                                                                    */

/*  `what` is the argument that a failure names, or NULL.                    */
static int
s_ask (covey_cli_t *cli, json_t *params, const char *what, char **result_p)
{
    int exit_code = cli->agent ? COVEY_EXIT_OK : covey_cli_connect (cli);
    if (exit_code) {
        json_decref (params);
        return exit_code;
    }
    covey_err_t rc =
        covey_control_fetch (cli, cli->command->ask->method, params, result_p);
    return rc ? covey_cli_fail_rc (cli, rc, what) : COVEY_EXIT_OK;
}

int
covey_ask (covey_cli_t *cli, json_t *params, char **result_p)
{
    return s_ask (cli, params, covey_cli_arg (cli, 0), result_p);
}

/*  Its exit code; consumes the result.                                      */
static int
s_show (covey_cli_t *cli, char **result_p, bool was_waited_for)
{
    const covey_ask_t *ask = cli->command->ask;
    int exit_code = COVEY_EXIT_OK;
    if (ask->judge && (was_waited_for || ask->judges_all))
        exit_code = ask->judge (*result_p);
    if (ask->table && !cli->json)
        covey_listing_put (cli, ask->table, result_p);
    else
        covey_listing_show (cli, result_p);
    return exit_code;
}

int
covey_ask_with (covey_cli_t *cli, json_t *params)
{
    char *result = NULL;
    int exit_code = covey_ask (cli, params, &result);
    return exit_code ? exit_code : s_show (cli, &result, false);
}

static int
s_wait (covey_cli_t *cli, const char *id, int wait_ms)
{
    char *result = NULL;
    covey_err_t rc = cli->command->ask->wait (cli->agent, id, wait_ms, &result);
    return rc ? covey_cli_fail_rc (cli, rc, id) : s_show (cli, &result, true);
}

int
covey_ask_finish (covey_cli_t *cli, char **result_p, int wait_ms)
{
    if (!covey_cli_flag (cli, "wait"))
        return s_show (cli, result_p, false);
    char *id = covey_listing_text (*result_p, "id");
    covey_free (*result_p);
    *result_p = NULL;
    int exit_code = id ? s_wait (cli, id, wait_ms) : COVEY_EXIT_FAILED;
    free (id);
    return exit_code;
}

/* ------------------------------------------------------------------------ */
/*  Running                                                                   */

static covey_err_t
s_fetch (covey_cli_t *cli, char **json_p)
{
    return covey_control_fetch (cli, cli->command->ask->method,
                                covey_ask_params (cli), json_p);
}

static int
s_run_listing (covey_cli_t *cli)
{
    covey_listing_t listing = cli->command->ask->listing;
    listing.fetch = s_fetch;
    int exit_code = covey_cli_connect (cli);
    return exit_code ? exit_code : covey_listing_run (cli, &listing);
}

/*  How many arguments one question takes.                                   */
static size_t
s_stride (const covey_ask_t *ask)
{
    size_t count = 0;
    while (count < COVEY_ASK_ARGS_MAX && ask->args[count])
        count++;
    return count ? count : 1;
}

static int
s_run_one (covey_cli_t *cli, size_t first)
{
    const covey_ask_t *ask = cli->command->ask;
    const char *what = covey_cli_arg (cli, first);
    char *result = NULL;
    if (ask->wait && covey_cli_flag (cli, "wait"))
        return s_wait (cli, what, covey_cli_int (cli, "wait-timeout"));
    int exit_code = s_ask (cli, s_params (cli, first), what, &result);
    return exit_code ? exit_code : s_show (cli, &result, false);
}

int
covey_ask_run (covey_cli_t *cli)
{
    const covey_ask_t *ask = cli->command->ask;
    if (ask->listing.columns || ask->listing.print)
        return s_run_listing (cli);
    if (ask->wait && covey_cli_flag (cli, "wait") &&
        covey_options_is_set (cli->options, "consistency"))
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--consistency: \"%s\": does not go with "
                               "--wait, which asks the coordinator that leads",
                               covey_cli_text (cli, "consistency"));
    int exit_code = covey_cli_connect (cli);
    size_t count = covey_options_positional_count (cli->options), i = 0;
    do {
        if (!exit_code)
            exit_code = s_run_one (cli, i);
        i += s_stride (ask);
    } while (!exit_code && i < count);
    return exit_code;
}
