/*  covey memory put | get | incr | delete | share | list | history |
    namespaces                                                                */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/control.h"
#include "proto/control.pb-c.h"
#include "proto/json.h"

#define TTL_MAX 315360000000 /* ten years */

#define AS_OPTION                                                      \
    {                                                                  \
        .flag = "as", .key = "agentId", .env = "COVEY_AGENT_ID",       \
        .def = "operator", .kind = COVEY_OPT_TEXT, .min = 1,           \
        .max = COVEY_AGENT_ID_MAX, .value = "AGENT", .doc = "for whom" \
    }
#define LEVEL_OPTION(means)                                      \
    {                                                            \
        .flag = "level", .key = "accessLevel", .letter = 'l',    \
        .kind = COVEY_OPT_CHOICE, .choices = "read|write|admin", \
        .value = "LEVEL", .doc = (means)                         \
    }
#define REVISION_OPTION(member, means)                                   \
    {                                                                    \
        .flag = "revision", .key = (member), .letter = 'r',              \
        .kind = COVEY_OPT_INT, .min = 1, .max = INT64_MAX, .value = "N", \
        .doc = (means)                                                   \
    }
#define TTL_OPTION(means)                                            \
    {                                                                \
        .flag = "ttl", .key = "ttl", .kind = COVEY_OPT_MS, .min = 1, \
        .max = TTL_MAX, .value = "TIME", .doc = (means)              \
    }

/*  The agent of --as, or NULL, told why.                                    */
static const char *
s_actor (covey_cli_t *cli)
{
    const char *as = covey_cli_text (cli, "as");
    if (as && covey_str_is_agent_id (as, strlen (as)))
        return as;
    covey_cli_fail (cli, COVEY_EXIT_USAGE,
                    "--as: \"%.130s\": must be the id of an agent",
                    as ? as : "");
    return NULL;
}

/*  For commands that an agent is named for.                                 */
static int
s_run_as (covey_cli_t *cli)
{
    return s_actor (cli) ? covey_ask_run (cli) : COVEY_EXIT_USAGE;
}

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_put_options[] = {
    {.flag = "content",
     .letter = 'c',
     .kind = COVEY_OPT_CHOICE,
     .def = "auto",
     .choices = "auto|text|json|binary",
     .value = "KIND",
     .doc = "what the value is; auto: JSON if it is JSON, else text, else "
            "bytes"},
    {.flag = "create", .doc = "only if the key has no value"},
    REVISION_OPTION (NULL, "only if the key is at this revision"),
    LEVEL_OPTION ("what others may do; default: as it is, read for a new key"),
    TTL_OPTION ("how long it stays; default: for ever"),
    COVEY_ASK_LIST ("tag", NULL, "TAG", "a label"),
    COVEY_ASK_INT ("history", NULL, 1, 64,
                   "versions to keep; default: as it is, 8 for a new key"),
    AS_OPTION,
    {0}};

/*  COVEY_CONTENT_..., or -1, told why.                                      */
static int
s_content (covey_cli_t *cli, const char *data, size_t size)
{
    const char *kind = covey_cli_text (cli, "content");
    if (strcmp (kind, "binary") == 0)
        return COVEY_CONTENT_BINARY;
    if (strcmp (kind, "json") == 0)
        return covey_cli_check_json (cli, "the value", data, size)
                   ? -1
                   : COVEY_CONTENT_JSON;
    bool is_text = covey_str_is_utf8 (data, size);
    if (strcmp (kind, "auto") == 0)
        return covey_json_is_valid (data, size) ? COVEY_CONTENT_JSON
               : is_text                        ? COVEY_CONTENT_TEXT
                                                : COVEY_CONTENT_BINARY;
    if (is_text)
        return COVEY_CONTENT_TEXT;
    covey_cli_fail (cli, COVEY_EXIT_USAGE,
                    "--content: text: the value is not UTF-8; give --content "
                    "binary");
    return -1;
}

static void
s_fill_put (covey_cli_t *cli, Covey__Control__MemoryPut *put, char **tags)
{
    static const char *const levels[] = {"read", "write", "admin"};
    const covey_options_t *options = cli->options;
    const char *level = covey_cli_text (cli, "level");
    put->key = (char *)(uintptr_t)covey_cli_arg (cli, 0);
    put->has_expected_revision = covey_cli_flag (cli, "create") ||
                                 covey_options_is_set (options, "revision");
    if (!covey_cli_flag (cli, "create") && put->has_expected_revision)
        put->expected_revision =
            (uint64_t)covey_options_int (options, "revision");
    put->has_access_level = level != NULL;
    for (int i = 0; level && i < 3; i++)
        if (strcmp (level, levels[i]) == 0)
            put->access_level = (Covey__V1__AccessLevel)i;
    put->has_ttl = covey_options_is_set (options, "ttl");
    if (put->has_ttl)
        put->ttl = covey_options_int (options, "ttl");
    put->has_history = covey_options_is_set (options, "history");
    if (put->has_history)
        put->history = (uint32_t)covey_options_int (options, "history");
    put->n_tags = covey_options_count (options, "tag");
    put->tags = tags;
    for (size_t i = 0; i < put->n_tags; i++)
        tags[i] = (char *)(uintptr_t)covey_options_item (options, "tag", i);
}

static int
s_put (covey_cli_t *cli, const char *actor, int content, const char *data,
       size_t size)
{
    char *tags[COVEY_LIST_MAX], *result = NULL;
    Covey__Control__MemoryPut put = COVEY__CONTROL__MEMORY_PUT__INIT;
    Covey__V1__Payload value = COVEY__V1__PAYLOAD__INIT;
    s_fill_put (cli, &put, tags);
    value.has_content_type = value.has_data = true;
    value.content_type = (Covey__V1__ContentType)content;
    value.data = (ProtobufCBinaryData){size, (uint8_t *)data};
    put.value = &value;
    put.agent_id = (char *)(uintptr_t)actor;
    covey_buf_t params;
    covey_buf_init (&params, (size_t)8 * COVEY_PAYLOAD_MAX);
    covey_err_t rc = covey_json_write (&put.base, &params);
    char *text = rc ? NULL : covey_buf_steal (&params);
    covey_buf_deinit (&params);
    if (!text)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "%.80s: the key is not UTF-8", put.key);
    rc = covey_control_call (cli, "memory.put", text, &result);
    free (text);
    if (rc)
        return covey_cli_fail_rc (cli, rc, put.key);
    covey_listing_show (cli, &result);
    return COVEY_EXIT_OK;
}

static int
s_run_put (covey_cli_t *cli)
{
    char *data = NULL;
    size_t size = 0;
    int content = 0;
    const char *actor = s_actor (cli);
    int exit_code = actor ? COVEY_EXIT_OK : COVEY_EXIT_USAGE;
    if (!exit_code && covey_cli_flag (cli, "create") &&
        covey_options_is_set (cli->options, "revision"))
        exit_code = covey_cli_fail (cli, COVEY_EXIT_USAGE,
                                    "--revision: \"%s\": does not go with "
                                    "--create; give one of them",
                                    covey_cli_text (cli, "revision"));
    if (!exit_code)
        exit_code = covey_cli_read (cli, covey_cli_arg (cli, 1), true,
                                    COVEY_PAYLOAD_MAX, &data, &size);
    if (!exit_code) {
        content = s_content (cli, data, size);
        exit_code = content < 0 ? COVEY_EXIT_USAGE : covey_cli_connect (cli);
    }
    if (!exit_code)
        exit_code = s_put (cli, actor, content, data, size);
    free (data);
    return exit_code;
}

const covey_cli_command_t covey_cmd_memory_put = {
    .name = "memory put",
    .args = "KEY VALUE|@FILE|-",
    .summary = "store a value that all agents can read",
    .text =
        "The part of KEY before the first / is its namespace. What is not "
        "given of tags and\ntime to live is not kept from before; level, "
        "owner and history are. A value has at\nmost 65,536 bytes. The exit "
        "code is 1 when --create or --revision do not hold, 5\nwhen the "
        "key's level does not allow it.",
    .options = s_put_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_BYTES,
    .args_min = 2,
    .args_max = 2,
    .run = s_run_put};

/* ------------------------------------------------------------------------ */

/*  The bytes of the value, and a line feed where they have none.            */
static int
s_put_value (covey_cli_t *cli, const char *json)
{
    ProtobufCMessage *message = NULL;
    covey_errbuf_t why;
    const char *text = json ? json : ""; /* refused below */
    if (covey_json_read (&covey__control__memory_view__descriptor, text,
                         strlen (text), &message, &why))
        return covey_cli_fail (cli, COVEY_EXIT_FAILED,
                               "the coordinator's answer: %s", why.text);
    const Covey__V1__Payload *value =
        ((Covey__Control__MemoryView *)message)->value;
    if (value) {
        const uint8_t *bytes = value->data.data;
        size_t size = bytes ? value->data.len : 0;
        if (size > 0)
            fwrite (bytes, 1, size, stdout);
        if (value->content_type != COVEY__V1__CONTENT_TYPE__BINARY &&
            (size == 0 || bytes[size - 1] != '\n'))
            putchar ('\n');
    }
    protobuf_c_message_free_unpacked (message, NULL);
    char *age = covey_listing_text (text, "age");
    if (age) /* not in what may go into a pipe */
        covey_cli_note (cli, "as of %s ms ago", age);
    free (age);
    return COVEY_EXIT_OK;
}

/*  The value, or with --json all that is known of it. Frees the result.      */
static int
s_print (covey_cli_t *cli, char **result_p)
{
    int exit_code = COVEY_EXIT_OK;
    if (cli->json)
        covey_listing_show (cli, result_p);
    else
        exit_code = s_put_value (cli, *result_p);
    covey_free (*result_p);
    return exit_code;
}

static const covey_opt_t s_get_options[] = {
    REVISION_OPTION ("revision", "an earlier version"),
    {.flag = "announce",
     .doc = "tell everybody that it was read (memory:retrieved)"},
    {.flag = "as",
     .env = "COVEY_AGENT_ID",
     .def = "operator",
     .kind = COVEY_OPT_TEXT,
     .min = 1,
     .max = COVEY_AGENT_ID_MAX,
     .value = "AGENT",
     .doc = "who announces"},
    {0}};

static const covey_ask_t s_get = {.method = "memory.get", .args = {"key"}};

/*  memory.retrieve: a command, told to all.                                 */
static int
s_announce (covey_cli_t *cli, char **result_p)
{
    static const char *const others[] = {"revision", "consistency"};
    const char *actor = s_actor (cli);
    if (!actor)
        return COVEY_EXIT_USAGE;
    for (size_t i = 0; i < 2; i++)
        if (covey_options_is_set (cli->options, others[i]))
            return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                                   "--%s: \"%s\": does not go with --announce",
                                   others[i], covey_cli_text (cli, others[i]));
    int exit_code = covey_cli_connect (cli);
    if (exit_code)
        return exit_code;
    const char *key = covey_cli_arg (cli, 0);
    const covey_control_t control = {
        .method = "memory.retrieve",
        .params = json_pack ("{s:s, s:s}", "key", key, "agentId", actor),
        .what = key};
    return covey_control_ask (cli, &control, result_p);
}

static int
s_run_get (covey_cli_t *cli)
{
    char *result = NULL;
    int exit_code = covey_cli_flag (cli, "announce")
                        ? s_announce (cli, &result)
                        : covey_ask (cli, covey_ask_params (cli), &result);
    return exit_code ? exit_code : s_print (cli, &result);
}

const covey_cli_command_t covey_cmd_memory_get = {
    .name = "memory get",
    .args = "KEY",
    .summary = "print the value of a key",
    .text = "Prints the value and nothing else; --json prints what is known of "
            "it, too.",
    .options = s_get_options,
    .needs = COVEY_CLI_NODE | COVEY_CLI_READ,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_get,
    .run = s_run_get};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_incr_options[] = {
    {.flag = "by",
     .key = "by",
     .kind = COVEY_OPT_INT,
     .def = "1",
     .min = INT64_MIN,
     .max = INT64_MAX,
     .value = "N",
     .doc = "how much to add"},
    COVEY_ASK_INT ("min", "min", INT64_MIN, INT64_MAX, "refuse a sum below"),
    COVEY_ASK_INT ("max", "max", INT64_MIN, INT64_MAX, "refuse a sum above"),
    LEVEL_OPTION ("of a new counter; default: write"),
    TTL_OPTION ("how long it stays from now on; default: as it is"),
    COVEY_ASK_LIST ("tag", "tags", "TAG", "a label of a new counter"),
    AS_OPTION,
    {0}};

static const covey_ask_t s_incr = {.method = "memory.incr", .args = {"key"}};

static int
s_run_incr (covey_cli_t *cli)
{
    char *result = NULL;
    int exit_code = COVEY_EXIT_USAGE;
    if (s_actor (cli))
        exit_code = covey_ask (cli, covey_ask_params (cli), &result);
    return exit_code ? exit_code : s_print (cli, &result);
}

const covey_cli_command_t covey_cmd_memory_incr = {
    .name = "memory incr",
    .args = "KEY",
    .summary = "count: add to a whole number in one step, print the sum",
    .text = "A key without a value counts from 0. Beyond --min, --max or 64 "
            "bits it is refused\nand nothing changes: exit code 1.",
    .options = s_incr_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_incr,
    .run = s_run_incr};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_delete_options[] = {
    REVISION_OPTION ("expectedRevision", "only if the key is at this revision"),
    AS_OPTION,
    {0}};

static const covey_ask_t s_delete = {.method = "memory.delete",
                                     .args = {"key"}};

const covey_cli_command_t covey_cmd_memory_delete = {
    .name = "memory delete",
    .args = "KEY",
    .summary = "delete a key with its history",
    .options = s_delete_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_delete,
    .run = s_run_as};

static const covey_opt_t s_share_options[] = {
    COVEY_ASK_LIST ("to", "targets", "AGENT",
                    "an agent that gets the value; default: all who "
                    "subscribed to memory:shared"),
    LEVEL_OPTION ("what others may do from now on"),
    COVEY_ASK_AGENT ("owner", "owner", "who owns it from now on"),
    REVISION_OPTION ("expectedRevision", "only if the key is at this revision"),
    AS_OPTION,
    {0}};

static const covey_ask_t s_share = {.method = "memory.share", .args = {"key"}};

const covey_cli_command_t covey_cmd_memory_share = {
    .name = "memory share",
    .args = "KEY",
    .summary = "hand a value to agents, change its level or owner",
    .options = s_share_options,
    .needs = COVEY_CLI_NODE,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_share,
    .run = s_run_as};

/* ------------------------------------------------------------------------ */

static const covey_opt_t s_list_options[] = {
    COVEY_ASK_NAME ("tag", "tag", "TAG", "only with this tag"),
    {.flag = "values", .key = "values", .doc = "with the values"},
    {0}};

static const covey_column_t s_columns[] = {
    {"KEY", "key", COVEY_CELL_TEXT},
    {"REVISION", "revision", COVEY_CELL_NUMBER},
    {"SIZE", "size", COVEY_CELL_NUMBER},
    {"LEVEL", "accessLevel", COVEY_CELL_TEXT},
    {"OWNER", "owner", COVEY_CELL_TEXT},
    {"WRITTEN", "writtenAt", COVEY_CELL_AGE},
    {"TAGS", "tags", COVEY_CELL_TEXT},
    {"VALUE", "value", COVEY_CELL_TEXT},
    {0}};

static const covey_ask_t s_list = {
    .method = "memory.list",
    .args = {"prefix"},
    .listing = COVEY_ASK_TABLE ("entries", s_columns, "no keys")};

const covey_cli_command_t covey_cmd_memory_list = {.name = "memory list",
                                                   .args = "[PREFIX]",
                                                   .summary = "list keys",
                                                   .options = s_list_options,
                                                   .needs = COVEY_CLI_LISTING,
                                                   .args_max = 1,
                                                   .ask = &s_list,
                                                   .run = covey_ask_run};

static const covey_column_t s_version_columns[] = {
    {"REVISION", "revision", COVEY_CELL_NUMBER},
    {"WRITTEN", "writtenAt", COVEY_CELL_TIME},
    {"AUTHOR", "author", COVEY_CELL_TEXT},
    {"GONE", "reason", COVEY_CELL_TEXT},
    {"SIZE", "size", COVEY_CELL_NUMBER},
    {"VALUE", "value", COVEY_CELL_TEXT},
    {0}};

static const covey_ask_t s_history = {
    .method = "memory.history",
    .args = {"key"},
    .listing = COVEY_ASK_TABLE ("entries", s_version_columns, "no versions")};

const covey_cli_command_t covey_cmd_memory_history = {
    .name = "memory history",
    .args = "KEY",
    .summary = "show the versions of a key that are kept, the newest first",
    .needs = COVEY_CLI_NODE | COVEY_CLI_WATCH | COVEY_CLI_READ,
    .args_min = 1,
    .args_max = 1,
    .ask = &s_history,
    .run = covey_ask_run};

static const covey_column_t s_space_columns[] = {
    {"NAMESPACE", "name", COVEY_CELL_TEXT},
    {"KEYS", "entries", COVEY_CELL_NUMBER},
    {"BYTES", "bytes", COVEY_CELL_NUMBER},
    {0}};

static const covey_ask_t s_spaces = {
    .method = "memory.namespaces",
    .listing = COVEY_ASK_TABLE ("namespaces", s_space_columns, "no keys")};

const covey_cli_command_t covey_cmd_memory_namespaces = {
    .name = "memory namespaces",
    .args = "",
    .summary = "show namespaces and what is in them",
    .needs = COVEY_CLI_LISTING,
    .ask = &s_spaces,
    .run = covey_ask_run};
