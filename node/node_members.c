/*  mesh.members: who is in a group, for those who ask them all.              */
#include "node/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/event.h"
#include "proto/json.h"
#include "proto/store.pb-c.h"

#define PAGE 1000 /* ids in one answer */

typedef struct {
    char **ids; /* of the directory                                           */
    size_t count;
    size_t capacity;
    const char *after; /* NULL: from the start                                */
} members_list_t;

static void
s_collect (void *arg, const covey_directory_entry_t *agent)
{
    members_list_t *list = arg;
    if (list->after && strcmp (agent->id, list->after) <= 0)
        return;
    list->ids = covey_mem_room (list->ids, list->count, &list->capacity,
                                sizeof *list->ids);
    list->ids[list->count++] = agent->id;
}

static int
s_compare (const void *a, const void *b)
{
    return strcmp (*(char *const *)a, *(char *const *)b);
}

static covey_err_t
s_list (covey_hub_t *self, const Covey__Store__MemberQuery *query,
        const char *source, covey_buf_t *to, covey_errbuf_t *err)
{
    Covey__Wire__Group selector = COVEY__WIRE__GROUP__INIT;
    selector.types = query->agent_types;
    selector.n_types = query->n_agent_types;
    selector.capabilities = query->capabilities;
    selector.n_capabilities = query->n_capabilities;
    selector.tags = query->tags;
    selector.n_tags = query->n_tags;
    selector.swarm_id = query->swarm_id;
    covey_group_t *group;
    covey_err_t code =
        covey_workgroups_group (self->groups, &selector, &group, err);
    if (code)
        return code;
    covey_workgroup_choice_t choice = {
        .directory = self->directory,
        .scopes = self->scopes,
        .node_id = self->config.node_id.bytes,
        .source = {.text = source, .size = strlen (source)}};
    members_list_t list = {.after = query->after};
    (void)covey_workgroup_each (group, &choice, s_collect, &list);
    if (list.count)
        qsort (list.ids, list.count, sizeof *list.ids, s_compare);
    Covey__Store__MemberList answer = COVEY__STORE__MEMBER_LIST__INIT;
    answer.agents = list.ids;
    answer.n_agents = list.count < PAGE ? list.count : PAGE;
    answer.has_more = answer.more = list.count > PAGE;
    code = covey_json_write (&answer.base, to);
    covey_group_drop (&group);
    free (list.ids);
    return code;
}

covey_err_t
covey_hub_write_members (covey_hub_t *self, const covey_event_t *request,
                         covey_buf_t *to, covey_errbuf_t *err)
{
    covey_content_t content;
    size_t size = 0;
    const char *params =
        covey_event_payload (request, "params", &content, &size);
    ProtobufCMessage *message;
    covey_err_t code =
        covey_json_read (&covey__store__member_query__descriptor,
                         size ? params : "{}", size ? size : 2, &message, err);
    if (code)
        return code;
    code = s_list (self, (const Covey__Store__MemberQuery *)message,
                   covey_event_source (request), to, err);
    protobuf_c_message_free_unpacked (message, NULL);
    return code;
}
