#include "api/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "proto/event.h"
#include "proto/json.h"

#define RESULT_MAX (64u << 20)
#define TYPE_TEXT_SIZE 32

/*  Messages hold `char **` and only read them here.                          */
static char **
s_texts (const char *const *list)
{
    return (char **)(uintptr_t)list;
}

static void
s_free_texts (char **texts, size_t count)
{
    for (size_t i = 0; texts && i < count; i++)
        free (texts[i]);
    free (texts);
}

static char **
s_new_texts (size_t count)
{
    char **texts = calloc (count + 1, sizeof *texts);
    if (!texts)
        abort ();
    return texts;
}

/*  A type of a newer version has its number for a name.                      */
static char *
s_type_text (int type)
{
    const char *name = covey_event_type_name (type);
    char number[TYPE_TEXT_SIZE];
    snprintf (number, sizeof number, "unknown:%d", type);
    return covey_str_dup (name ? name : number);
}

static covey_err_t
s_check_list (const char *name, size_t count, covey_errbuf_t *err)
{
    if (count > COVEY_LIST_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "filter: %zu %s, at most %d are allowed", count,
                           name, COVEY_LIST_MAX);
    return COVEY_OK;
}

static covey_err_t
s_check (const covey_filter_t *filter, covey_errbuf_t *err)
{
    const struct {
        const char *name;
        size_t count;
    } lists[] = {{"types", filter->type_count},
                 {"sources", filter->source_count},
                 {"targets", filter->target_count},
                 {"correlation ids", filter->correlation_id_count},
                 {"session ids", filter->session_id_count},
                 {"tags", filter->tag_count},
                 {"priorities", filter->priority_count},
                 {"ids", filter->id_count}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        covey_err_t rc = s_check_list (lists[i].name, lists[i].count, err);
        if (rc)
            return rc;
    }
    if (filter->limit > COVEY_QUERY_LIMIT_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "filter: limit %zu, at most %d is allowed",
                           filter->limit, COVEY_QUERY_LIMIT_MAX);
    if (filter->skip > UINT32_MAX)
        return covey_fail (err, COVEY_LIMIT, "filter: skip %zu is too large",
                           filter->skip);
    return COVEY_OK;
}

static covey_err_t
s_make_texts (covey_query_t *self, const covey_filter_t *filter,
              covey_errbuf_t *err)
{
    static const char *const priorities[] = {"low", "normal", "high",
                                             "critical"};
    self->made_count[0] = filter->type_count;
    self->made[0] = s_new_texts (filter->type_count);
    for (size_t i = 0; i < filter->type_count; i++)
        self->made[0][i] = s_type_text (filter->types[i]);

    self->made_count[1] = filter->priority_count;
    self->made[1] = s_new_texts (filter->priority_count);
    for (size_t i = 0; i < filter->priority_count; i++) {
        int priority = (int)filter->priorities[i];
        if (priority < COVEY_PRIORITY_LOW || priority > COVEY_PRIORITY_CRITICAL)
            return covey_fail (err, COVEY_INVALID,
                               "filter: there is no priority %d", priority);
        self->made[1][i] = covey_str_dup (priorities[priority]);
    }

    self->made_count[2] = filter->id_count;
    self->made[2] = s_new_texts (filter->id_count);
    for (size_t i = 0; i < filter->id_count; i++) {
        char text[37];
        covey_id_text (filter->ids[i], text);
        self->made[2][i] = covey_str_dup (text);
    }
    return COVEY_OK;
}

static void
s_fill (Covey__Store__EventQuery *message, const covey_filter_t *filter)
{
    message->sources = s_texts (filter->sources);
    message->n_sources = filter->source_count;
    message->targets = s_texts (filter->targets);
    message->n_targets = filter->target_count;
    message->correlation_ids = s_texts (filter->correlation_ids);
    message->n_correlation_ids = filter->correlation_id_count;
    message->session_ids = s_texts (filter->session_ids);
    message->n_session_ids = filter->session_id_count;
    message->tags = s_texts (filter->tags);
    message->n_tags = filter->tag_count;
    message->has_since = filter->since_us != 0;
    message->since = filter->since_us;
    message->has_until = filter->until_us != 0;
    message->until = filter->until_us;
    message->text = (char *)(uintptr_t)filter->text;
    message->has_after_offset = filter->after_offset != 0;
    message->after_offset = filter->after_offset;
    message->has_skip = filter->skip != 0;
    message->skip = (uint32_t)filter->skip;
    message->has_newest_first = filter->newest_first;
    message->newest_first = filter->newest_first;
    message->has_limit = true;
    message->limit =
        filter->limit ? (uint32_t)filter->limit : COVEY_QUERY_LIMIT_DEFAULT;
}

covey_err_t
covey_query_init (covey_query_t *self, const covey_filter_t *filter,
                  covey_errbuf_t *err)
{
    memset (self, 0, sizeof *self);
    covey__store__event_query__init (&self->message);
    covey_err_t rc = s_check (filter, err);
    if (rc == COVEY_OK)
        rc = s_make_texts (self, filter, err);
    if (rc) {
        covey_query_deinit (self);
        return rc;
    }
    s_fill (&self->message, filter);
    self->message.types = self->made[0];
    self->message.n_types = self->made_count[0];
    self->message.priorities = self->made[1];
    self->message.n_priorities = self->made_count[1];
    self->message.ids = self->made[2];
    self->message.n_ids = self->made_count[2];
    return COVEY_OK;
}

void
covey_query_deinit (covey_query_t *self)
{
    for (int i = 0; i < 3; i++)
        s_free_texts (self->made[i], self->made_count[i]);
    memset (self, 0, sizeof *self);
}

covey_err_t
covey_stats_query_init (covey_stats_query_t *self, const covey_filter_t *filter,
                        covey_errbuf_t *err)
{
    memset (self, 0, sizeof *self);
    covey__store__stats_query__init (&self->message);
    covey_err_t rc = s_check (filter, err);
    if (rc)
        return rc;
    self->made_count = filter->type_count;
    self->made = s_new_texts (filter->type_count);
    for (size_t i = 0; i < filter->type_count; i++)
        self->made[i] = s_type_text (filter->types[i]);
    Covey__Store__StatsQuery *message = &self->message;
    message->types = self->made;
    message->n_types = self->made_count;
    message->group_by = (char *)(uintptr_t)filter->group_by;
    message->has_since = filter->since_us != 0;
    message->since = filter->since_us;
    message->has_until = filter->until_us != 0;
    message->until = filter->until_us;
    message->has_min_count = filter->min_count != 0;
    message->min_count = filter->min_count;
    return COVEY_OK;
}

void
covey_stats_query_deinit (covey_stats_query_t *self)
{
    s_free_texts (self->made, self->made_count);
    memset (self, 0, sizeof *self);
}

covey_err_t
covey_query_event (const Covey__Store__EventRow *row, covey_event_t **event_p,
                   covey_errbuf_t *err)
{
    covey_event_t *event;
    covey_err_t rc =
        covey_event_unpack (row->event.data, row->event.len, &event, err);
    if (rc)
        return rc;
    covey_event_set_offset (event, row->offset);
    *event_p = event;
    return COVEY_OK;
}

covey_err_t
covey_query_rows_json (const ProtobufCMessage *const *rows, size_t count,
                       char **result_p, covey_errbuf_t *err)
{
    covey_buf_t json;
    covey_buf_init (&json, RESULT_MAX);
    covey_err_t rc = COVEY_OK;
    covey_buf_putc (&json, '[');
    for (size_t i = 0; rc == COVEY_OK && i < count; i++) {
        if (i)
            covey_buf_putc (&json, ',');
        rc = covey_json_write (rows[i], &json);
    }
    covey_buf_putc (&json, ']');
    char *text = rc ? NULL : covey_buf_steal (&json);
    covey_buf_deinit (&json);
    if (!text)
        return covey_fail (err, rc ? rc : COVEY_LIMIT,
                           "the result is too large");
    *result_p = text;
    return COVEY_OK;
}
