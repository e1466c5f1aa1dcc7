/*  How agents do: stalled or not, three clocks, and the answer to mesh.agents
 */
#include "node/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "node/finder.h"
#include "proto/json.h"

#define CLOCKS_TOLD_MS 5000 /* peers are told of clocks this often */
#define CLOCKS_MAX 256      /* in one item                                    */

/* ------------------------------------------------------------------------ */
/*  Looking at agents                                                        */

static bool
s_is_silent (const covey_hub_t *self, const covey_host_t *host)
{
    return self->now_ms - covey_host_heard_ms (host) >= COVEY_HUB_SILENT_MS;
}

static void
s_change_state (covey_hub_t *self, covey_host_t *host,
                covey_directory_entry_t *entry)
{
    const covey_host_clocks_t *clocks = covey_host_clocks (host);
    entry->state = clocks->state.is_stalled
                       ? COVEY__WIRE__AGENT_STATE__AGENT_STATE_STALLED
                       : clocks->said;
    entry->since_us = self->now_us;
    covey_directory_touch (self->directory, entry->node_id);
    covey_log_write (self->config.log, COVEY_LOG_WARN, "node", "agent_state",
                     "agent=%s state=%s", entry->id,
                     covey_finder_state_name (entry->state));
    Covey__Wire__AgentInfo info;
    covey_directory_info (entry, &info);
    covey_hub_tell_agent (self, &info);
    covey_hub_announce_agent_state (self, entry);
}

static void
s_look_at (covey_hub_t *self, covey_host_t *host)
{
    covey_directory_entry_t *entry = covey_hub_entry (self, host);
    if (!entry || *entry->service)
        return;
    covey_agent_state_t *state = &covey_host_clocks (host)->state;
    covey_agent_signs_t signs;
    covey_host_signs (host, &signs);
    bool silent = s_is_silent (self, host);
    signs.is_owing = signs.is_owing || entry->current_tasks > 0;
    signs.is_reachable = signs.is_reachable && !silent;
    bool changed = covey_agent_state_look (state, &signs, self->config.stall_ms,
                                           self->now_ms);
    entry->active_us = covey_hub_wall_us (self, state->active_ms);
    entry->silent_us =
        silent ? covey_hub_wall_us (self, covey_host_heard_ms (host)) : 0;
    if (changed && !entry->client &&
        entry->state != COVEY__WIRE__AGENT_STATE__AGENT_STATE_TERMINATED)
        s_change_state (self, host, entry);
}

/* ------------------------------------------------------------------------ */
/*  Telling peers                                                            */

/*  A clock that does not get through is told with the next change.          */
static void
s_send_clocks (covey_hub_t *self, Covey__Wire__AgentClock **list, size_t count)
{
    Covey__Wire__View view = COVEY__WIRE__VIEW__INIT;
    view.clocks = list;
    view.n_clocks = count;
    for (size_t i = 0; count && i < covey_membership_count (self->membership);
         i++) {
        covey_hub_peer_t *peer =
            covey_membership_at (self->membership, i)->shell;
        if (peer && peer->link && covey_hub_is_member (peer) &&
            !peer->snapshot_due)
            (void)covey_hub_push_raw (peer, COVEY_ITEM_DIRECTORY, &view.base);
    }
}

static void
s_tell_clocks (covey_hub_t *self)
{
    Covey__Wire__AgentClock clocks[CLOCKS_MAX];
    Covey__Wire__AgentClock *list[CLOCKS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < covey_session_table_count (self->table); i++) {
        covey_host_t *host = covey_session_table_at (self->table, i);
        const covey_directory_entry_t *entry = covey_hub_entry (self, host);
        covey_host_clocks_t *own = covey_host_clocks (host);
        if (!entry || *entry->service ||
            (own->told_active_ms == own->state.active_ms &&
             own->told_silent == (entry->silent_us > 0)))
            continue;
        own->told_active_ms = own->state.active_ms;
        own->told_silent = entry->silent_us > 0;
        covey__wire__agent_clock__init (&clocks[count]);
        clocks[count].agent_id = entry->id;
        clocks[count].has_last_active = clocks[count].has_silent_since = true;
        clocks[count].last_active = entry->active_us;
        clocks[count].silent_since = entry->silent_us;
        list[count] = &clocks[count];
        if (++count == CLOCKS_MAX) {
            s_send_clocks (self, list, count);
            count = 0;
        }
    }
    s_send_clocks (self, list, count);
}

void
covey_hub_tick_agents (covey_hub_t *self)
{
    if (self->now_ms - self->clock_ms < COVEY_HUB_CLOCK_MS)
        return;
    self->clock_ms = self->now_ms;
    covey_departed_tick (self->departed, self->now_us);
    for (size_t i = 0; i < covey_session_table_count (self->table); i++)
        s_look_at (self, covey_session_table_at (self->table, i));
    if (self->now_ms - self->clock_told_ms < CLOCKS_TOLD_MS)
        return;
    self->clock_told_ms = self->now_ms;
    s_tell_clocks (self);
}

void
covey_hub_take_clocks (covey_hub_peer_t *peer, const Covey__Wire__View *view)
{
    for (size_t i = 0; i < view->n_clocks; i++)
        covey_directory_set_clock (peer->hub->directory, view->clocks[i],
                                   peer->peer->id);
}

/* ------------------------------------------------------------------------ */
/*  mesh.agents                                                              */

typedef struct {
    covey_finder_t finder;
    uint8_t node_id[16];
    const covey_directory_entry_t **entries;
    size_t count;
    size_t capacity;
} agents_list_t;

static void
s_collect (void *arg, const covey_directory_entry_t *entry)
{
    agents_list_t *list = arg;
    if (!covey_finder_selects (&list->finder, entry))
        return;
    list->entries = covey_mem_room (list->entries, list->count, &list->capacity,
                                    sizeof (void *));
    list->entries[list->count++] = entry;
}

static int
s_compare (const void *a, const void *b)
{
    const covey_directory_entry_t *x =
        *(const covey_directory_entry_t *const *)a;
    const covey_directory_entry_t *y =
        *(const covey_directory_entry_t *const *)b;
    int order = strcmp (x->id, y->id);
    return order ? order : memcmp (x->node_id, y->node_id, 16);
}

/*  A node by id or by name.                                                 */
static bool
s_find_node (const covey_hub_t *self, const char *text, uint8_t node_id[16])
{
    if (covey_id_parse (text, node_id) == COVEY_OK)
        return true;
    const uint8_t *found = NULL;
    if (strcmp (text, self->config.name) == 0)
        found = self->config.node_id.bytes;
    for (size_t i = 0; !found && i < covey_membership_count (self->membership);
         i++) {
        const covey_peer_t *peer = covey_membership_at (self->membership, i);
        if (peer->known && strcmp (text, peer->name) == 0)
            found = peer->id;
    }
    if (found)
        memcpy (node_id, found, 16);
    return found != NULL;
}

static covey_err_t
s_read_query (const covey_hub_t *self, const Covey__Store__AgentQuery *query,
              agents_list_t *list, covey_errbuf_t *err)
{
    list->finder = (covey_finder_t){.all = query->all,
                                    .id = query->id,
                                    .type = query->type,
                                    .capabilities = query->capabilities,
                                    .capability_count = query->n_capabilities,
                                    .tags = query->tags,
                                    .tag_count = query->n_tags,
                                    .states = query->states,
                                    .state_count = query->n_states,
                                    .after = query->after};
    for (size_t i = 0; i < query->n_states; i++)
        if (!covey_finder_is_state (query->states[i]))
            return covey_fail (err, COVEY_INVALID,
                               "there is no agent state \"%.64s\"; they are "
                               "ready, busy, idle, stalled, lost, terminated",
                               query->states[i]);
    if (!query->node)
        return COVEY_OK;
    if (!s_find_node (self, query->node, list->node_id))
        return covey_fail (err, COVEY_NOTFOUND,
                           "no node \"%.64s\" in this mesh; covey nodes lists "
                           "names and ids",
                           query->node);
    list->finder.node_id = list->node_id;
    return COVEY_OK;
}

static void
s_put_text (covey_buf_t *to, const char *key, const char *value)
{
    covey_buf_printf (to, ",\"%s\":", key);
    covey_json_quote (to, value, strlen (value));
}

static void
s_put_time (covey_buf_t *to, const char *key, int64_t wall_us)
{
    char text[40];
    covey_str_time (wall_us, text);
    s_put_text (to, key, text);
}

static void
s_put_list (covey_buf_t *to, const char *key, char *const *list, size_t count)
{
    covey_buf_printf (to, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        if (i)
            covey_buf_putc (to, ',');
        covey_json_quote (to, list[i], strlen (list[i]));
    }
    covey_buf_putc (to, ']');
}

static void
s_put_count (covey_buf_t *to, const char *key, uint32_t value)
{
    covey_buf_printf (to, ",\"%s\":%u", key, value);
}

/*  The node's heartbeat, the session's lease, the agent's own activity. A node
    that lives vouches for its sessions unless it says that one is silent.    */
static void
s_put_clocks (const covey_hub_t *self, const covey_directory_entry_t *entry,
              covey_buf_t *to)
{
    int64_t node_us = self->now_us;
    if (!covey_id_equal (entry->node_id, self->config.node_id.bytes)) {
        const covey_hub_peer_t *peer =
            covey_hub_find_peer (self, entry->node_id);
        node_us = peer ? covey_hub_wall_us (self, peer->peer->heard_ms) : 0;
    }
    int64_t heard_us = entry->silent_us ? entry->silent_us : node_us;
    s_put_time (to, "nodeHeard", node_us);
    s_put_time (to, "sessionHeard", heard_us);
    s_put_time (to, "leaseEnd", heard_us + (int64_t)entry->grace_ms * 1000);
    s_put_time (to, "lastActive", entry->active_us);
}

static void
s_put_agent (const covey_hub_t *self, const covey_directory_entry_t *entry,
             covey_buf_t *to)
{
    char node[37];
    covey_id_text (entry->node_id, node);
    covey_buf_puts (to, "{\"id\":");
    covey_json_quote (to, entry->id, strlen (entry->id));
    s_put_text (to, "type", entry->type);
    s_put_text (to, "name", entry->name);
    s_put_text (to, "state", covey_finder_state_name (entry->state));
    s_put_time (to, "since", entry->since_us);
    s_put_text (to, "node", node);
    s_put_list (to, "capabilities", entry->capabilities,
                entry->capability_count);
    s_put_list (to, "tags", entry->tags, entry->tag_count);
    s_put_count (to, "taskSlots", entry->task_slots);
    s_put_count (to, "availableCapacity", entry->available_capacity);
    s_put_count (to, "currentTasks", entry->current_tasks);
    s_put_clocks (self, entry, to);
    if (entry->client)
        covey_buf_puts (to, ",\"client\":true");
    if (*entry->service)
        covey_buf_puts (to, ",\"service\":true");
    covey_buf_putc (to, '}');
}

covey_err_t
covey_hub_write_agents (const covey_hub_t *self,
                        const Covey__Store__AgentQuery *query, covey_buf_t *to,
                        covey_errbuf_t *err)
{
    agents_list_t list = {0};
    covey_err_t code = s_read_query (self, query, &list, err);
    if (code)
        return code;
    covey_directory_each (self->directory, s_collect, &list);
    if (query->n_states) /* who asks for lost ones names that state           */
        covey_departed_each (self->departed, s_collect, &list);
    if (list.count)
        qsort (list.entries, list.count, sizeof (void *), s_compare);
    if (query->limit && list.count > query->limit)
        list.count = query->limit;
    covey_buf_putc (to, '[');
    for (size_t i = 0; i < list.count; i++) {
        if (i)
            covey_buf_putc (to, ',');
        s_put_agent (self, list.entries[i], to);
    }
    covey_buf_putc (to, ']');
    free (list.entries);
    return COVEY_OK;
}
