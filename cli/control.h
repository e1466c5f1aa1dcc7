/*  control - asking the coordinator: params as JSON, the answer as JSON

    Params    an object of jansson's, which is consumed; a value that comes
              from the user as JSON text is put in as it is (numbers keep all
              their digits)
*/
#ifndef COVEY_CONTROL_H_INCLUDED
#define COVEY_CONTROL_H_INCLUDED

#include <jansson.h>

#include "cli/cli.h"

typedef struct {
    const char *method; /* "task.submit"                                      */
    json_t *params;     /* consumed                                           */
    const char *key;    /* member that gets `payload`, or NULL                */
    const char *content; /* of the payload: NULL is "json"                   */
    const char *payload; /* JSON text                                         */
    const char *what; /* what a failure names, or NULL                      */
} covey_control_t;

/*  {"a":1} and a payload give {"a":1,"key":{"contentType":"json","data":…}}:
    wrapped, a text stays JSON and is not taken for plain text. The params are
    not consumed; the caller frees the text.                                  */
char *covey_control_params (const covey_control_t *control);

/*  Ask with params as text. A coordinator that is not there yet is waited for
    as long as --timeout says.                                                */
covey_err_t covey_control_call (covey_cli_t *cli, const char *method,
                                const char *params, char **result_p);
/*  The same with an object, which is consumed.                              */
covey_err_t covey_control_fetch (covey_cli_t *cli, const char *method,
                                 json_t *params, char **result_p);
/*  Ask; an exit code, told why. The caller frees `*result_p`.               */
int covey_control_ask (covey_cli_t *cli, const covey_control_t *control,
                       char **result_p);

/*  Set `key` from an option or argument, nothing when it is NULL.           */
void covey_control_set (json_t *params, const char *key, const char *text);
/*  The value of an --input option, which the caller frees. What stands on the
    command line must be JSON, so that a forgotten quote is noticed. A file or a
    pipe may hold anything: what is not JSON goes as text, what is not even text
    as binary; `*content_p` says which, and stays as it is for JSON.          */
int covey_control_read_input (covey_cli_t *cli, const char *arg, char **text_p,
                              const char **content_p);
/*  "AGENT:WEIGHT" or "AGENT" as {"agentId":…,"weight":…}, or NULL, told why. */
json_t *covey_control_member (covey_cli_t *cli, const char *option,
                              const char *text);

#endif
