/*  What participants read and write: the input of a step, lists of results, the
    parts of a split.                                                         */
#include "coordinator/team_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/json.h"

covey_slice_t
covey_team_trim (const covey_blob_t *blob)
{
    const char *text = blob->data;
    size_t size = blob->size;
    if (blob->content == COVEY_CONTENT_BINARY)
        return (covey_slice_t){text, size};
    return covey_json_trim (text, size);
}

bool
covey_team_is_json (const covey_blob_t *blob)
{
    return blob->content == COVEY_CONTENT_JSON &&
           covey_json_is_valid (blob->data, blob->size);
}

void
covey_team_keep (covey_blob_t *to, int content, const void *data, size_t size)
{
    covey_blob_set (to, content, data, size);
    covey_slice_t value = covey_team_trim (to);
    if (!covey_team_is_json (to) || !covey_json_is_string (value))
        return;
    size_t text_size = 0;
    char *text = covey_json_text (value, &text_size);
    if (!text)
        abort ();
    covey_blob_set (to, COVEY_CONTENT_TEXT, text, text_size);
    free (text);
}

void
covey_team_payload (const covey_blob_t *blob, Covey__V1__Payload *payload)
{
    covey__v1__payload__init (payload);
    payload->has_content_type = true;
    payload->content_type = (Covey__V1__ContentType)blob->content;
    payload->has_data = true;
    payload->data.data = blob->data;
    payload->data.len = blob->size;
}

/* ---- parts ------------------------------------------------------------------
 */

static size_t
s_elements (covey_slice_t list, covey_slice_t *slices)
{
    covey_slice_t value, rest = list;
    size_t count = 0;
    while (covey_json_next (&rest, NULL, &value)) {
        if (count == COVEY_TEAM_PARTS_MAX)
            return 0;
        slices[count++] = value;
    }
    return count;
}

static size_t
s_lines (covey_slice_t text, covey_slice_t *slices)
{
    size_t count = 0;
    for (const char *at = text.text, *end = at + text.size; at < end;) {
        const char *feed = memchr (at, '\n', (size_t)(end - at));
        size_t size = (size_t)((feed ? feed : end) - at);
        covey_slice_t line = covey_json_trim (at, size);
        if (line.size && count == COVEY_TEAM_PARTS_MAX)
            return 0;
        if (line.size)
            slices[count++] = line;
        at += size + 1;
    }
    return count;
}

size_t
covey_team_parts (const covey_blob_t *split, covey_slice_t *slices)
{
    covey_slice_t value = covey_team_trim (split);
    if (split->content == COVEY_CONTENT_TEXT)
        return s_lines (value, slices);
    if (!covey_team_is_json (split))
        return 0;
    if (*value.text == '{')
        value = covey_json_get (value, "parts");
    return value.size && *value.text == '[' ? s_elements (value, slices) : 0;
}

/* ---- results ----------------------------------------------------------------
 */

typedef struct {
    Covey__Control__CoordinationResult items[COVEY_TEAM_PARTS_MAX];
    Covey__Control__CoordinationResult *list[COVEY_TEAM_PARTS_MAX];
    Covey__V1__Payload payloads[COVEY_TEAM_PARTS_MAX];
    char *agents[COVEY_TEAM_AGENTS_MAX];
    size_t count;
} s_results_t;

static bool
s_is_null (const covey_blob_t *blob)
{
    covey_slice_t value = covey_team_trim (blob);
    return blob->content == COVEY_CONTENT_JSON && value.size == 4 &&
           memcmp (value.text, "null", 4) == 0;
}

static Covey__Control__CoordinationResult *
s_add (s_results_t *results, const covey_step_t *step)
{
    size_t at = results->count++;
    Covey__Control__CoordinationResult *item = &results->items[at];
    covey__control__coordination_result__init (item);
    item->agent_id = step->agent_id;
    if (step->state == COVEY_STEP_DONE && !s_is_null (&step->result)) {
        covey_team_payload (&step->result, &results->payloads[at]);
        item->result = &results->payloads[at];
    } else if (step->state != COVEY_STEP_DONE)
        item->error = step->error;
    results->list[at] = item;
    return item;
}

static s_results_t *
s_collect (const covey_team_t *self, covey_step_kind_t kind)
{
    s_results_t *results = covey_mem_new (sizeof *results);
    for (size_t i = 0; i < self->step_count; i++) {
        const covey_step_t *step = &self->steps[i];
        if (step->kind != kind)
            continue;
        Covey__Control__CoordinationResult *item = s_add (results, step);
        if (kind == COVEY_STEP_PART) {
            item->has_number = true;
            item->number = step->number;
        }
    }
    return results;
}

static s_results_t *
s_collect_choices (const covey_team_t *self)
{
    s_results_t *results = covey_mem_new (sizeof *results);
    covey_choice_t choices[COVEY_TEAM_AGENTS_MAX];
    size_t count = covey_team_choices (self, choices), used = 0;
    for (size_t i = 0; i < count; i++) {
        Covey__Control__CoordinationResult *item =
            s_add (results, choices[i].step);
        item->agent_id = NULL;
        item->has_number = true;
        item->number = (uint32_t)i + 1;
        item->n_agents = choices[i].author_count;
        item->agents = results->agents + used;
        for (uint32_t n = 0; n < choices[i].author_count; n++)
            results->agents[used++] = choices[i].authors[n]->agent_id;
    }
    return results;
}

covey_err_t
covey_team_list (const covey_team_t *self, covey_step_kind_t kind,
                 covey_buf_t *to)
{
    s_results_t *results = s_collect (self, kind);
    covey_buf_putc (to, '[');
    covey_err_t code = COVEY_OK;
    for (size_t i = 0; i < results->count && !code; i++) {
        if (i)
            covey_buf_putc (to, ',');
        code = covey_json_write (&results->items[i].base, to);
    }
    covey_buf_putc (to, ']');
    free (results);
    return code ? code : to->failed ? COVEY_LIMIT : COVEY_OK;
}

/* ---- the input of a step
 * ------------------------------------------------------- */

static const covey_step_t *
s_previous (const covey_team_t *self, const covey_step_t *step)
{
    const covey_step_t *last = NULL;
    for (size_t i = 0; i < self->step_count; i++)
        if (self->steps[i].state == COVEY_STEP_DONE &&
            self->steps[i].number < step->number)
            last = &self->steps[i];
    return last;
}

static size_t
s_count_kind (const covey_team_t *self, covey_step_kind_t kind)
{
    size_t count = 0;
    for (size_t i = 0; i < self->step_count; i++)
        count += self->steps[i].kind == kind;
    return count;
}

covey_err_t
covey_team_input (const covey_team_t *self, size_t index, covey_buf_t *to)
{
    const covey_step_t *step = &self->steps[index], *previous = NULL;
    Covey__Control__CoordinationStep input =
        COVEY__CONTROL__COORDINATION_STEP__INIT;
    Covey__V1__Payload own, before, part;
    char *participants[COVEY_TEAM_AGENTS_MAX];
    s_results_t *results = NULL;
    input.coordination_id = self->id;
    input.step = (char *)covey_step_kind_name (step->kind);
    input.strategy = (char *)covey_team_strategy_name (self->strategy);
    input.objective = self->objective;
    input.swarm = self->swarm;
    input.has_number = input.has_count = true;
    input.number = step->number;
    input.count = (uint32_t)s_count_kind (self, step->kind);
    input.participants = participants;
    for (size_t i = 0; i < self->seat_count; i++)
        if (self->seats[i] >= 0)
            participants[input.n_participants++] =
                (char *)covey_team_seat (self, i);
    if (self->input.set) {
        covey_team_payload (&self->input, &own);
        input.input = &own;
    }
    if (self->strategy == COVEY_TEAM_SEQUENTIAL)
        previous = s_previous (self, step);
    if (previous) {
        covey_team_payload (&previous->result, &before);
        input.previous = &before;
    }
    if (step->kind == COVEY_STEP_PART) {
        covey_team_payload (&step->part, &part);
        input.part = &part;
    }
    if (step->kind == COVEY_STEP_MERGE)
        results = s_collect (self, COVEY_STEP_PART);
    else if (step->kind == COVEY_STEP_VOTE)
        results = s_collect_choices (self);
    if (results) {
        input.n_results = results->count;
        input.results = results->list;
    }
    covey_err_t code = covey_json_write (&input.base, to);
    free (results);
    return code ? code : to->failed ? COVEY_LIMIT : COVEY_OK;
}
