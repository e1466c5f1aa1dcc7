#include "cli/group.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static size_t
s_list (const covey_cli_t *cli, const char *option, const char **texts)
{
    size_t count = covey_options_count (cli->options, option);
    if (count > COVEY_LIST_MAX)
        count = COVEY_LIST_MAX;
    for (size_t i = 0; i < count; i++)
        texts[i] = covey_options_item (cli->options, option, i);
    return count;
}

void
covey_cli_group (const covey_cli_t *cli, covey_cli_group_t *group)
{
    group->scope = (covey_scope_t){
        .agent_types = group->types,
        .agent_type_count = s_list (cli, "type", group->types),
        .capabilities = group->capabilities,
        .capability_count = s_list (cli, "cap", group->capabilities),
        .tags = group->tags,
        .tag_count = s_list (cli, "tag", group->tags),
        .swarm_id = covey_cli_text (cli, "swarm")};
    group->is_given = group->scope.agent_type_count ||
                      group->scope.capability_count || group->scope.tag_count ||
                      group->scope.swarm_id;
}

/*  {"agent":…,"result":…} or {"agent":…,"error":{"code":…,"message":…}}     */
static covey_err_t
s_on_answer (covey_agent_t *agent, const covey_gather_answer_t *answer,
             void *arg)
{
    (void)agent;
    (void)arg;
    json_t *line = json_pack ("{s:s}", "agent", answer->agent);
    if (answer->code == COVEY_OK)
        json_object_set_new (
            line, "result",
            json_loads (answer->result_json, JSON_DECODE_ANY, NULL));
    else
        json_object_set_new (line, "error",
                             json_pack ("{s:s, s:s}", "code",
                                        answer->error_code, "message",
                                        answer->error_message));
    char *text = json_dumps (line, JSON_COMPACT);
    puts (text ? text : "{}");
    (void)fflush (stdout);
    free (text);
    json_decref (line);
    return COVEY_OK;
}

static void
s_put_sums (const covey_cli_t *cli, const covey_gather_result_t *result)
{
    static const char *const plain =
        "%zu asked, %zu heard, %zu answered, %zu failed, %zu unreachable: %s\n";
    static const char *const json =
        "{\"asked\":%zu,\"heard\":%zu,\"answered\":%zu,\"failed\":%zu,"
        "\"unreachable\":%zu,\"end\":\"%s\"}\n";
    const char *end = covey_gather_end_name ((int)result->end);
    if (cli->json)
        fprintf (stderr, json, result->asked, result->heard, result->answered,
                 result->failed, result->unreachable, end);
    else if (!cli->quiet)
        fprintf (stderr, plain, result->asked, result->heard, result->answered,
                 result->failed, result->unreachable, end);
}

int
covey_cli_gather (covey_cli_t *cli, const covey_scope_t *scope,
                  const char *method, const char *params)
{
    covey_gather_options_t options = {
        .group = scope,
        .timeout_ms = covey_cli_timeout (cli),
        .stall_ms = covey_cli_int (cli, "stall"),
        .max_answers = (size_t)covey_cli_int (cli, "max"),
        .stop_on_error = covey_options_flag (cli->options, "first-error")};
    covey_gather_result_t result = {0};
    covey_err_t rc = covey_agent_gather (cli->agent, &options, method, params,
                                         s_on_answer, NULL, &result);
    if (!result.asked)
        return covey_cli_fail_rc (cli, rc, method);
    s_put_sums (cli, &result);
    if (rc == COVEY_TIMEOUT)
        return COVEY_EXIT_TIMEOUT;
    return rc ? COVEY_EXIT_FAILED : COVEY_EXIT_OK;
}
