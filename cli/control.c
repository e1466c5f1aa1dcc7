#include "cli/control.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/json.h"
#include "proto/json_scan.h"

char *
covey_control_params (const covey_control_t *control)
{
    char *text = json_dumps (control->params, JSON_COMPACT);
    if (!text)
        abort ();
    if (!control->payload)
        return text;
    size_t size = strlen (text);
    text[size - 1] = '\0'; /* the closing brace                               */
    covey_buf_t buf;
    covey_buf_init (&buf, size + strlen (control->payload) + 128);
    covey_buf_printf (&buf,
                      "%s%s\"%s\":{\"contentType\":\"%s\",\"data\":", text,
                      size > 2 ? "," : "", control->key,
                      control->content ? control->content : "json");
    covey_buf_puts (&buf, control->payload);
    covey_buf_puts (&buf, "}}");
    free (text);
    return covey_buf_steal (&buf);
}

covey_err_t
covey_control_call (covey_cli_t *cli, const char *method, const char *params,
                    char **result_p)
{
    return covey_agent_request (cli->agent, "coordinator", method, params,
                                covey_cli_timeout (cli), result_p);
}

covey_err_t
covey_control_fetch (covey_cli_t *cli, const char *method, json_t *params,
                     char **result_p)
{
    char *text = json_dumps (params, JSON_COMPACT);
    json_decref (params);
    if (!text)
        abort ();
    covey_err_t rc = covey_control_call (cli, method, text, result_p);
    free (text);
    return rc;
}

int
covey_control_ask (covey_cli_t *cli, const covey_control_t *control,
                   char **result_p)
{
    char *params = covey_control_params (control);
    json_decref (control->params);
    covey_err_t rc =
        covey_control_call (cli, control->method, params, result_p);
    free (params);
    return rc ? covey_cli_fail_rc (cli, rc, control->what) : COVEY_EXIT_OK;
}

void
covey_control_set (json_t *params, const char *key, const char *text)
{
    if (text)
        json_object_set_new (params, key, json_string (text));
}

static int
s_check_input (covey_cli_t *cli, const char *arg, char **text_p, size_t size,
               const char **content_p)
{
    bool from_file = *arg == '@' || strcmp (arg, "-") == 0;
    if (!from_file)
        return covey_cli_check_json (cli, "--input", *text_p, size);
    if (covey_json_is_valid (*text_p, size))
        return COVEY_EXIT_OK;
    covey_buf_t buf;
    covey_buf_init (&buf, 6 * COVEY_PAYLOAD_MAX + 100);
    if (covey_str_is_utf8 (*text_p, size)) {
        *content_p = "text";
        covey_json_quote (&buf, *text_p, size);
    } else {
        *content_p = "binary";
        covey_buf_putc (&buf, '"');
        covey_base64_write (*text_p, size, &buf);
        covey_buf_putc (&buf, '"');
    }
    free (*text_p);
    *text_p = covey_buf_steal (&buf);
    covey_buf_deinit (&buf);
    return *text_p ? COVEY_EXIT_OK
                   : covey_cli_fail (cli, COVEY_EXIT_FAILED,
                                     "--input: out of memory");
}

int
covey_control_read_input (covey_cli_t *cli, const char *arg, char **text_p,
                          const char **content_p)
{
    size_t size = 0;
    int exit_code =
        covey_cli_read (cli, arg, true, COVEY_PAYLOAD_MAX, text_p, &size);
    return exit_code ? exit_code
                     : s_check_input (cli, arg, text_p, size, content_p);
}

json_t *
covey_control_member (covey_cli_t *cli, const char *option, const char *text)
{
    const char *colon = strrchr (text, ':');
    size_t size = strlen (text);
    double weight = 1;
    if (colon && colon[1] &&
        strspn (colon + 1, "0123456789.") == strlen (colon + 1)) {
        char *end;
        weight = strtod (colon + 1, &end);
        size = (size_t)(colon - text);
        if (*end || !isfinite (weight) || weight <= 0) {
            covey_cli_fail (cli, COVEY_EXIT_USAGE,
                            "%s: \"%.150s\": the weight must be a number above "
                            "0: AGENT:WEIGHT",
                            option, text);
            return NULL;
        }
    }
    if (!covey_str_is_agent_id (text, size)) {
        covey_cli_fail (cli, COVEY_EXIT_USAGE,
                        "%s: \"%.150s\": must be AGENT or AGENT:WEIGHT; an "
                        "agent id has 1 to %d bytes of letters, digits and "
                        "._:@/-",
                        option, text, COVEY_AGENT_ID_MAX);
        return NULL;
    }
    return json_pack ("{s:s%, s:f}", "agentId", text, size, "weight", weight);
}
