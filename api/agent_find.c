/*  agent_find - looks agents up in the directory of the agent's own node, page
    by page, without the coordinator                                          */

#include "api/find.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "proto/json.h"
#include "proto/store.pb-c.h"

#define PAGE_ROWS 500
#define PARAMS_MAX COVEY_PAYLOAD_MAX
#define JSON_MAX (64u << 20)

typedef struct {
    covey_agent_t *agent;
    const covey_agent_query_t *query;
    int64_t until_ms;
    char after[COVEY_AGENT_ID_MAX + 1]; /* the last id of the page before     */
    size_t left;                        /* rows that are still wanted         */
    char *json;                         /* of this page: an array             */
    Covey__Store__AgentList *list;      /* the same, read                     */
} find_t;

static char *
s_params (const find_t *self, uint32_t limit)
{
    const covey_agent_query_t *from = self->query;
    Covey__Store__AgentQuery query = COVEY__STORE__AGENT_QUERY__INIT;
    char *states[] = {(char *)from->state};
    query.id = (char *)from->id;
    query.type = (char *)from->type;
    query.capabilities = (char **)from->capabilities;
    query.n_capabilities = from->capability_count;
    query.tags = (char **)from->tags;
    query.n_tags = from->tag_count;
    query.states = states;
    query.n_states = from->state ? 1 : 0;
    query.node = (char *)from->node;
    query.has_limit = true;
    query.limit = limit;
    query.after = *self->after ? (char *)self->after : NULL;
    covey_buf_t json;
    covey_buf_init (&json, PARAMS_MAX);
    char *text = NULL;
    if (covey_json_write (&query.base, &json) == COVEY_OK)
        text = covey_buf_steal (&json);
    covey_buf_deinit (&json);
    return text;
}

static void
s_drop_page (find_t *self)
{
    if (self->list)
        protobuf_c_message_free_unpacked (&self->list->base, NULL);
    free (self->json);
    self->list = NULL;
    self->json = NULL;
}

static covey_err_t
s_read_page (find_t *self)
{
    covey_buf_t object;
    covey_buf_init (&object, JSON_MAX);
    covey_buf_puts (&object, "{\"agents\":");
    covey_buf_puts (&object, self->json);
    covey_buf_putc (&object, '}');
    ProtobufCMessage *message = NULL;
    covey_err_t rc =
        object.failed
            ? covey_fail (covey_errbuf (), COVEY_NOMEM, "out of memory")
            : covey_json_read (&covey__store__agent_list__descriptor,
                               (const char *)object.data, object.size, &message,
                               covey_errbuf ());
    covey_buf_deinit (&object);
    if (!rc)
        self->list = (Covey__Store__AgentList *)message;
    return rc;
}

/*  The next page. NOTFOUND: there was none left.                             */
static covey_err_t
s_next_page (find_t *self)
{
    bool first = !self->list;
    uint32_t asked = self->left < PAGE_ROWS ? (uint32_t)self->left : PAGE_ROWS;
    if (!first && (self->list->n_agents < PAGE_ROWS || !asked))
        return COVEY_NOTFOUND;
    s_drop_page (self);
    char *params = s_params (self, asked);
    if (!params)
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "the filter is larger than %d bytes", PARAMS_MAX);
    int64_t left_ms = self->until_ms - covey_clock_mono_ms ();
    covey_err_t rc =
        covey_agent_request (self->agent, "node", "mesh.agents", params,
                             left_ms > 1 ? (int)left_ms : 1, &self->json);
    free (params);
    if (!rc)
        rc = s_read_page (self);
    if (rc)
        return rc;
    assert (self->list); /* a page was read                                  */
    size_t count = self->list->n_agents;
    self->left -= count < self->left ? count : self->left;
    if (count)
        covey_str_copy (self->after, sizeof self->after,
                        self->list->agents[count - 1]->id);
    return COVEY_OK;
}

static void
s_begin (find_t *self, covey_agent_t *agent, const covey_agent_query_t *query,
         int timeout_ms)
{
    static const covey_agent_query_t everybody = {0};
    *self = (find_t){.agent = agent,
                     .query = query ? query : &everybody,
                     .until_ms = covey_clock_mono_ms () +
                                 (timeout_ms > 0 ? timeout_ms : 0),
                     .left = query && query->limit ? query->limit : SIZE_MAX};
}

static covey_err_t
s_give_rows (const find_t *self, covey_agent_info_fn *fn, void *arg)
{
    covey_err_t rc = COVEY_OK;
    for (size_t i = 0; i < self->list->n_agents && !rc; i++) {
        const Covey__Store__AgentRow *row = self->list->agents[i];
        covey_agent_info_t info = {
            .id = row->id,
            .type = row->type ? row->type : "",
            .name = row->name ? row->name : "",
            .state = row->state ? row->state : "unknown",
            .since_us = row->since,
            .node_id = row->node ? row->node : "",
            .capabilities = (const char *const *)row->capabilities,
            .capability_count = row->n_capabilities,
            .tags = (const char *const *)row->tags,
            .tag_count = row->n_tags,
            .task_slots = row->task_slots,
            .available_capacity = row->available_capacity,
            .current_tasks = row->current_tasks,
            .node_heard_us = row->node_heard,
            .session_heard_us = row->session_heard,
            .lease_end_us = row->lease_end,
            .active_us = row->last_active,
        };
        rc = fn (self->agent, &info, arg);
    }
    return rc;
}

covey_err_t
covey_agent_find (covey_agent_t *self, const covey_agent_query_t *query,
                  int timeout_ms, covey_agent_info_fn *fn, void *arg)
{
    assert (self && fn);
    find_t find;
    s_begin (&find, self, query, timeout_ms);
    covey_err_t rc;
    while (!(rc = s_next_page (&find)) && !(rc = s_give_rows (&find, fn, arg)))
        ;
    bool ended = rc == COVEY_NOTFOUND && find.list;
    s_drop_page (&find);
    return ended ? COVEY_OK : rc;
}

covey_err_t
covey_i_find_json (covey_agent_t *self, const covey_agent_query_t *query,
                   int timeout_ms, char **json_p)
{
    find_t find;
    s_begin (&find, self, query, timeout_ms);
    covey_buf_t all;
    covey_buf_init (&all, JSON_MAX);
    covey_buf_putc (&all, '[');
    covey_err_t rc;
    while (!(rc = s_next_page (&find))) {
        assert (find.list);
        if (!find.list->n_agents)
            continue;
        if (all.size > 1)
            covey_buf_putc (&all, ',');
        /* The node writes an array without white space around it. */
        (void)covey_buf_append (&all, find.json + 1, strlen (find.json) - 2);
    }
    covey_buf_putc (&all, ']');
    bool ended = rc == COVEY_NOTFOUND && find.list;
    s_drop_page (&find);
    char *text = ended ? covey_buf_steal (&all) : NULL;
    covey_buf_deinit (&all);
    if (!ended)
        return rc;
    if (!text)
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "the list of agents is larger than %u bytes: narrow "
                           "it down",
                           JSON_MAX);
    *json_p = text;
    return COVEY_OK;
}
