#include "cli/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/text.h"
#include "proto/json_scan.h"

/* ------------------------------------------------------------------------ */
/*  Names                                                                     */

static const char *
s_next_type (const void *arg, size_t i)
{
    static const char *const names[] = {
#define COVEY_X(number, name, wire) wire,
        COVEY_EVENT_MAP (COVEY_X)
#undef COVEY_X
            NULL};
    (void)arg;
    return names[i];
}

int
covey_cli_event_type (covey_cli_t *cli, const char *name)
{
    int type = covey_event_type_number (name);
    if (type)
        return type;
    const char *near = covey_str_nearest (name, s_next_type, NULL);
    if (near)
        covey_cli_fail (cli, COVEY_EXIT_USAGE,
                        "--type: \"%.80s\": unknown event type; did you mean "
                        "%s?",
                        name, near);
    else
        covey_cli_fail (cli, COVEY_EXIT_USAGE,
                        "--type: \"%.80s\": unknown event type; they are named "
                        "as task:completed (docs/events.md)",
                        name);
    return 0;
}

int
covey_cli_level (covey_cli_t *cli, const char *name)
{
    for (int level = COVEY_LEVEL_ACCEPTED; level <= COVEY_LEVEL_SYNCED; level++)
        if (strcmp (name, covey_level_name (level)) == 0)
            return level;
    covey_cli_fail (cli, COVEY_EXIT_USAGE,
                    "--wait: \"%.80s\": must be accepted, outbox, stored, "
                    "replicated or synced",
                    name);
    return -1;
}

/* ------------------------------------------------------------------------ */
/*  Filter                                                                    */

static bool
s_has_option (const covey_cli_t *cli, const char *name)
{
    for (const covey_opt_t *opt = cli->table; opt->flag || opt->key; opt++)
        if (opt->flag && strcmp (opt->flag, name) == 0)
            return true;
    return false;
}

static size_t
s_count (const covey_cli_t *cli, const char *name)
{
    return s_has_option (cli, name) ? covey_options_count (cli->options, name)
                                    : 0;
}

/*  The values of an option as a list that lives as long as the filter.      */
static const char *const *
s_list (covey_cli_filter_t *self, size_t slot, const covey_cli_t *cli,
        const char *name, size_t *count_p)
{
    size_t count = s_count (cli, name);
    const char **list = calloc (count + 1, sizeof *list);
    if (!list)
        abort ();
    for (size_t i = 0; i < count; i++)
        list[i] = covey_options_item (cli->options, name, i);
    self->lists[slot] = list;
    *count_p = count;
    return list;
}

static int
s_add_types (covey_cli_filter_t *self, covey_cli_t *cli)
{
    size_t count = s_count (cli, "type");
    for (size_t i = 0; i < count; i++) {
        self->types[i] = covey_cli_event_type (
            cli, covey_options_item (cli->options, "type", i));
        if (!self->types[i])
            return COVEY_EXIT_USAGE;
    }
    self->filter.types = self->types;
    self->filter.type_count = count;
    return COVEY_EXIT_OK;
}

static int
s_add_priorities (covey_cli_filter_t *self, covey_cli_t *cli)
{
    static const char *const names[] = {"low", "normal", "high", "critical"};
    size_t max = sizeof self->priorities / sizeof *self->priorities;
    size_t count = s_count (cli, "priority");
    for (size_t i = 0; i < count; i++) {
        const char *name = covey_options_item (cli->options, "priority", i);
        size_t found = 0;
        while (found < 4 && strcmp (names[found], name) != 0)
            found++;
        if (found == 4 || i == max)
            return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                                   "--priority: \"%.80s\": must be low, "
                                   "normal, high or critical",
                                   name);
        self->priorities[i] = (covey_priority_t)found;
    }
    self->filter.priorities = self->priorities;
    self->filter.priority_count = count;
    return COVEY_EXIT_OK;
}

static int
s_add_ids (covey_cli_filter_t *self, covey_cli_t *cli)
{
    size_t count = s_count (cli, "id");
    self->ids = calloc (count + 1, sizeof *self->ids);
    if (!self->ids)
        abort ();
    for (size_t i = 0; i < count; i++) {
        const char *text = covey_options_item (cli->options, "id", i);
        if (covey_id_parse (text, self->ids[i]))
            return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                                   "--id: \"%.80s\": must be an event id, as "
                                   "01890a5d-ac96-774b-bcce-b302099a8057",
                                   text);
    }
    self->filter.ids = (const uint8_t (*)[16])self->ids;
    self->filter.id_count = count;
    return COVEY_EXIT_OK;
}

int
covey_cli_filter_init (covey_cli_filter_t *self, covey_cli_t *cli)
{
    memset (self, 0, sizeof *self);
    covey_filter_t *filter = &self->filter;
    filter->sources = s_list (self, 0, cli, "source", &filter->source_count);
    filter->targets = s_list (self, 1, cli, "target", &filter->target_count);
    filter->correlation_ids =
        s_list (self, 2, cli, "correlation", &filter->correlation_id_count);
    filter->session_ids =
        s_list (self, 3, cli, "session", &filter->session_id_count);
    filter->tags = s_list (self, 4, cli, "tag", &filter->tag_count);
    int exit_code = s_add_types (self, cli);
    if (!exit_code)
        exit_code = s_add_priorities (self, cli);
    if (!exit_code)
        exit_code = s_add_ids (self, cli);
    if (exit_code)
        return exit_code;
    int64_t now_us = covey_clock_wall_us ();
    if (s_has_option (cli, "text"))
        filter->text = covey_cli_text (cli, "text");
    if (s_has_option (cli, "until"))
        filter->until_us = covey_options_time (cli->options, "until", now_us);
    if (s_has_option (cli, "since"))
        filter->since_us = covey_options_time (cli->options, "since", now_us);
    if (filter->until_us && filter->since_us >= filter->until_us)
        return covey_cli_fail (cli, COVEY_EXIT_USAGE,
                               "--until: \"%.80s\": is not after --since "
                               "(\"%.80s\"): nothing can match",
                               covey_cli_text (cli, "until"),
                               covey_cli_text (cli, "since"));
    return COVEY_EXIT_OK;
}

void
covey_cli_filter_deinit (covey_cli_filter_t *self)
{
    for (size_t i = 0; i < sizeof self->lists / sizeof *self->lists; i++)
        free (self->lists[i]);
    free (self->ids);
}

/* ------------------------------------------------------------------------ */
/*  Events                                                                    */

/*  An event that is not stored yet has no offset, but the key stays.        */
static void
s_put_event_json (covey_cli_t *cli, const char *json, int64_t offset)
{
    size_t size = strlen (json);
    if (offset >= 0)
        covey_cli_put_json (cli, json, size);
    else
        printf ("%.*s,\"offset\":null}\n", (int)size - 1, json);
}

/*  The data of an event in the words of its JSON, without braces.           */
static void
s_put_data (covey_cli_t *cli, const char *json, size_t columns)
{
    covey_slice_t data =
        covey_json_get (covey_json_trim (json, strlen (json)), "data");
    char *text = strndup (data.size ? data.text : "", data.size);
    if (!text)
        abort ();
    if (columns && covey_text_width (text) > columns)
        text[covey_text_fit (text, columns)] = '\0';
    covey_cli_put_text (cli, text);
    free (text);
}

void
covey_cli_put_event (covey_cli_t *cli, const covey_event_t *event)
{
    char *json = covey_event_to_json (event);
    if (!json)
        return;
    if (cli->json) {
        s_put_event_json (cli, json, covey_event_offset (event));
        covey_free (json);
        return;
    }
    char when[40], offset[24] = "-", line[600];
    covey_text_time (covey_clock_wall_us (), covey_event_timestamp_us (event),
                     when);
    if (covey_event_offset (event) >= 0)
        snprintf (offset, sizeof offset, "%lld",
                  (long long)covey_event_offset (event));
    const char *name = covey_event_type_name (covey_event_type (event));
    int n = snprintf (line, sizeof line, "%7s  %s  %-22s  %s", offset, when,
                      name ? name : "unknown", covey_event_source (event));
    size_t targets = covey_event_target_count (event);
    if (targets == 1)
        snprintf (line + n, sizeof line - (size_t)n, " > %s",
                  covey_event_target (event, 0));
    else if (targets)
        snprintf (line + n, sizeof line - (size_t)n, " > %s and %zu more",
                  covey_event_target (event, 0), targets - 1);
    covey_cli_put_text (cli, line);
    fputs ("  ", stdout);
    size_t terminal = covey_text_terminal_width ();
    size_t used = covey_text_width (line) + 2;
    s_put_data (cli, json, terminal > used + 10 ? terminal - used : 0);
    putchar ('\n');
    covey_free (json);
}
