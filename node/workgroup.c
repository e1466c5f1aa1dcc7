/*  An event is in one state:

    SENT     its member has it        done -> TAKEN (a request) or forgotten
                                      failed, member lost -> DUE
    DUE      to be routed again       sent -> SENT; forget
    TAKEN    a request, acknowledged  answered, member lost -> forgotten
    any                               past its time -> forgotten              */
#include "node/workgroup.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/prng.h"
#include "base/str.h"
#include "base/table.h"
#include "proto/event.h"

#define PAUSE_MAX_MS 1000
#define TEXT_MAX 200 /* of who is meant, in messages */

struct covey_group {
    size_t refs;
    uint8_t *packed; /* the selector; also its key                            */
    size_t size;
    covey_slice_t swarm_id; /* empty: none                                    */
    char text[TEXT_MAX];
    int64_t blocked_ms; /* nobody took one at this time                       */
    const covey_directory_entry_t **agents;
    size_t count;
    size_t capacity;
    uint64_t revision; /* of the directory they are from                      */
    bool is_known;
};

typedef struct workgroup_event workgroup_event_t;

/*  An agent that has events of ours.                                        */
typedef struct {
    char *id;
    uint8_t session_id[16];
    uint8_t node_id[16];
    int64_t attached_us;
    size_t count;
    workgroup_event_t *first, *last;
} workgroup_member_t;

typedef enum { STATE_SENT, STATE_DUE, STATE_TAKEN } workgroup_state_t;

struct workgroup_event {
    covey_group_event_t event;
    uint8_t id[16];
    workgroup_state_t state;
    workgroup_member_t *member; /* NULL while DUE                             */
    workgroup_event_t *prev, *next; /* of the member, or of those due         */
    int64_t due_ms;
    int64_t give_up_ms;
};

struct covey_workgroups {
    covey_prng_t prng;
    covey_table_t groups;  /* packed selector -> group                        */
    covey_table_t members; /* agent id -> member                              */
    covey_table_t events;  /* event id -> event                               */
    size_t bytes;
    workgroup_event_t *due_first, *due_last;
};

/* ------------------------------------------------------------------------ */
/*  Groups                                                                   */

covey_group_t *
covey_group_hold (covey_group_t *self)
{
    assert (self->refs > 0);
    self->refs++;
    return self;
}

void
covey_group_drop (covey_group_t **self_p)
{
    covey_group_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    assert (self->refs > 0);
    if (--self->refs > 0)
        return;
    free (self->packed);
    free (self->agents);
    free (self);
}

static covey_err_t
s_check_list (const char *name, char *const *texts, size_t count,
              covey_errbuf_t *err)
{
    if (count > COVEY_LIST_MAX)
        return covey_fail (err, COVEY_INVALID,
                           "group: %s has %zu entries; the bound is %d", name,
                           count, COVEY_LIST_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen (texts[i]);
        if (size == 0 || size > COVEY_NAME_MAX)
            return covey_fail (err, COVEY_INVALID,
                               "group: %s has a text of %zu bytes; it must "
                               "have 1 to %d",
                               name, size, COVEY_NAME_MAX);
    }
    return COVEY_OK;
}

static covey_err_t
s_check_selector (const Covey__Wire__Group *selector, covey_errbuf_t *err)
{
    char *swarm_id[] = {selector->swarm_id};
    covey_err_t code =
        s_check_list ("types", selector->types, selector->n_types, err);
    if (!code)
        code = s_check_list ("capabilities", selector->capabilities,
                             selector->n_capabilities, err);
    if (!code)
        code = s_check_list ("tags", selector->tags, selector->n_tags, err);
    if (!code && selector->swarm_id)
        code = s_check_list ("swarm id", swarm_id, 1, err);
    return code;
}

static void
s_describe (covey_group_t *self, const char *what, char *const *texts,
            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen (self->text);
        (void)snprintf (self->text + size, sizeof self->text - size,
                        "%s%s \"%.60s\"", size ? ", " : "", what, texts[i]);
    }
}

static covey_group_t *
s_new_group (const Covey__Wire__Group *selector, uint8_t **packed_p,
             size_t size)
{
    char *own_swarm = selector->swarm_id;
    covey_group_t *self = covey_mem_new (sizeof *self);
    self->refs = 1;
    self->packed = *packed_p;
    *packed_p = NULL;
    self->size = size;
    /* The last occurrence of the field in the bytes that are ours. */
    if (selector->swarm_id) {
        self->swarm_id.size = strlen (selector->swarm_id);
        self->swarm_id.text =
            (const char *)self->packed + size - self->swarm_id.size;
    }
    s_describe (self, "type", selector->types, selector->n_types);
    s_describe (self, "capability", selector->capabilities,
                selector->n_capabilities);
    s_describe (self, "tag", selector->tags, selector->n_tags);
    s_describe (self, "swarm", &own_swarm, selector->swarm_id != NULL);
    return self;
}

/*  Groups that nobody uses make room.                                       */
static bool
s_evict_group (covey_workgroups_t *self)
{
    size_t cursor = 0;
    covey_group_t *group;
    while ((group = covey_table_next (&self->groups, &cursor)))
        if (group->refs == 1) {
            covey_table_remove (&self->groups, group->packed, group->size);
            covey_group_drop (&group);
            return true;
        }
    return false;
}

covey_err_t
covey_workgroups_group (covey_workgroups_t *self,
                        const Covey__Wire__Group *selector,
                        covey_group_t **group_p, covey_errbuf_t *err)
{
    covey_err_t code = s_check_selector (selector, err);
    if (code)
        return code;
    Covey__Wire__Group own = *selector; /* without fields of newer versions  */
    own.base.n_unknown_fields = 0;
    size_t size = protobuf_c_message_get_packed_size (&own.base);
    uint8_t *packed = covey_mem_new (size + 1);
    protobuf_c_message_pack (&own.base, packed);
    covey_group_t *group = covey_table_get (&self->groups, packed, size);
    if (!group && (self->groups.count < COVEY_WORKGROUP_GROUPS_MAX ||
                   s_evict_group (self))) {
        group = s_new_group (&own, &packed, size);
        covey_table_put (&self->groups, group->packed, size, group);
    }
    free (packed);
    if (!group)
        return covey_fail (err, COVEY_EAGAIN,
                           "events of %d different groups are on their way, "
                           "more are not allowed",
                           COVEY_WORKGROUP_GROUPS_MAX);
    *group_p = covey_group_hold (group);
    return COVEY_OK;
}

typedef struct {
    covey_group_t *group;
    covey_scope_query_t query;
    const covey_scopes_t *scopes;
} workgroup_collect_t;

static void
s_collect (void *arg, const covey_directory_entry_t *agent)
{
    workgroup_collect_t *collect = arg;
    covey_group_t *group = collect->group;
    if (!covey_scope_selects (collect->scopes, &collect->query, agent))
        return;
    group->agents = covey_mem_room (group->agents, group->count,
                                    &group->capacity, sizeof (void *));
    group->agents[group->count++] = agent;
}

/*  The fields of a selector are those of a broadcast's filter.              */
static void
s_know_agents (covey_group_t *group, const covey_workgroup_choice_t *choice)
{
    uint64_t revision = covey_directory_revision (choice->directory);
    if (group->is_known && group->revision == revision)
        return;
    workgroup_collect_t collect = {
        .group = group,
        .query = {.kind = COVEY_SCOPE_CUSTOM,
                  .filter = {.text = (const char *)group->packed,
                             .size = group->size}},
        .scopes = choice->scopes};
    group->count = 0;
    covey_directory_each (choice->directory, s_collect, &collect);
    group->revision = revision;
    group->is_known = true;
}

/* ------------------------------------------------------------------------ */
/*  The choice                                                               */

typedef struct {
    bool is_busy;
    uint64_t load;
    uint32_t capacity;
} workgroup_rank_t;

static workgroup_rank_t
s_rank (const covey_workgroups_t *self, const covey_workgroup_choice_t *choice,
        const covey_directory_entry_t *agent)
{
    const workgroup_member_t *member =
        covey_table_get (&self->members, agent->id, strlen (agent->id));
    bool is_here = memcmp (agent->node_id, choice->node_id, 16) == 0;
    return (workgroup_rank_t){
        .is_busy = agent->available_capacity == 0 ||
                   agent->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_BUSY,
        .load = (uint64_t)(member ? member->count : 0) + agent->current_tasks +
                (is_here ? 0 : COVEY_WORKGROUP_LEAD),
        .capacity = agent->available_capacity};
}

/*  Below 0: a is better.                                                    */
static int
s_compare (const workgroup_rank_t *a, const workgroup_rank_t *b)
{
    if (a->is_busy != b->is_busy)
        return a->is_busy ? 1 : -1;
    if (a->load != b->load)
        return a->load < b->load ? -1 : 1;
    if (a->capacity != b->capacity)
        return a->capacity > b->capacity ? -1 : 1;
    return 0;
}

/*  Why nobody was chosen.                                                   */
static covey_err_t
s_nobody (const covey_group_t *group, const covey_workgroup_choice_t *choice,
          size_t members, size_t later, covey_errbuf_t *err)
{
    const char *with = *group->text ? " with " : "";
    if (later)
        return covey_fail (err, COVEY_EAGAIN,
                           "none of the %zu agents%s%s can take it now: they "
                           "are full, paused, stalled or away",
                           members, with, group->text);
    if (members)
        return covey_fail (err, COVEY_NOAGENT,
                           "none of the %zu agents%s%s takes work any more",
                           members, with, group->text);
    return covey_fail (err, COVEY_NOAGENT,
                       "no other agent%s%s in this mesh (%zu agents are known)",
                       with, group->text,
                       covey_directory_agents (choice->directory, NULL));
}

static bool
s_is_member (const covey_group_t *group, const covey_workgroup_choice_t *choice,
             const covey_directory_entry_t *agent)
{
    if (covey_slice_equal (choice->source, agent->id))
        return false;
    return !group->swarm_id.size ||
           covey_scope_is_member (choice->scopes, group->swarm_id, agent->id);
}

covey_err_t
covey_workgroup_pick (covey_workgroups_t *self, covey_group_t *group,
                      const covey_workgroup_choice_t *choice,
                      const covey_directory_entry_t **member_p,
                      covey_errbuf_t *err)
{
    const covey_directory_entry_t *best = NULL;
    workgroup_rank_t best_rank = {0};
    size_t members = 0, later = 0, equals = 0;
    s_know_agents (group, choice);
    for (size_t i = 0; i < group->count; i++) {
        const covey_directory_entry_t *agent = group->agents[i];
        if (!s_is_member (group, choice, agent))
            continue;
        members++;
        covey_taker_t taker = choice->taker (choice->arg, agent);
        if (taker == COVEY_TAKER_READY && choice->except &&
            memcmp (choice->except, agent->session_id, 16) == 0)
            taker = COVEY_TAKER_LATER;
        later += taker == COVEY_TAKER_LATER;
        if (taker != COVEY_TAKER_READY)
            continue;
        workgroup_rank_t rank = s_rank (self, choice, agent);
        int order = best ? s_compare (&rank, &best_rank) : -1;
        equals = order == 0 ? equals + 1 : order < 0 ? 1 : equals;
        if (order < 0 ||
            (order == 0 && covey_prng_below (&self->prng, equals) == 0)) {
            best = agent;
            best_rank = rank;
        }
    }
    if (!best)
        return s_nobody (group, choice, members, later, err);
    *member_p = best;
    return COVEY_OK;
}

size_t
covey_workgroup_each (covey_group_t *group,
                      const covey_workgroup_choice_t *choice,
                      covey_directory_fn *fn, void *arg)
{
    size_t count = 0;
    s_know_agents (group, choice);
    for (size_t i = 0; i < group->count; i++)
        if (s_is_member (group, choice, group->agents[i])) {
            fn (arg, group->agents[i]);
            count++;
        }
    return count;
}

/* ------------------------------------------------------------------------ */
/*  Lists                                                                    */

static void
s_append (workgroup_event_t **first, workgroup_event_t **last,
          workgroup_event_t *entry)
{
    entry->prev = *last;
    entry->next = NULL;
    if (*last)
        (*last)->next = entry;
    else
        *first = entry;
    *last = entry;
}

static void
s_unlink (workgroup_event_t **first, workgroup_event_t **last,
          workgroup_event_t *entry)
{
    if (entry->prev)
        entry->prev->next = entry->next;
    else
        *first = entry->next;
    if (entry->next)
        entry->next->prev = entry->prev;
    else
        *last = entry->prev;
}

static void
s_free_member (workgroup_member_t *member)
{
    free (member->id);
    free (member);
}

/*  Out of the list that it is in.                                           */
static void
s_leave (covey_workgroups_t *self, workgroup_event_t *entry)
{
    workgroup_member_t *member = entry->member;
    if (!member) {
        s_unlink (&self->due_first, &self->due_last, entry);
        return;
    }
    s_unlink (&member->first, &member->last, entry);
    entry->member = NULL;
    if (--member->count > 0)
        return;
    covey_table_remove (&self->members, member->id, strlen (member->id));
    s_free_member (member);
}

static workgroup_member_t *
s_have_member (covey_workgroups_t *self, const covey_directory_entry_t *agent)
{
    workgroup_member_t *member =
        covey_table_get (&self->members, agent->id, strlen (agent->id));
    if (member)
        return member;
    member = covey_mem_new (sizeof *member);
    member->id = covey_str_dup (agent->id);
    memcpy (member->session_id, agent->session_id, 16);
    memcpy (member->node_id, agent->node_id, 16);
    member->attached_us = agent->attached_us;
    covey_table_put (&self->members, member->id, strlen (member->id), member);
    return member;
}

/* ------------------------------------------------------------------------ */
/*  Events                                                                   */

covey_workgroups_t *
covey_workgroups_new (uint64_t seed)
{
    covey_workgroups_t *self = covey_mem_new (sizeof *self);
    covey_prng_init (&self->prng, seed);
    covey_table_init (&self->groups);
    covey_table_init (&self->members);
    covey_table_init (&self->events);
    return self;
}

static workgroup_event_t *
s_find (const covey_workgroups_t *self, const uint8_t id[16])
{
    return covey_table_get (&self->events, id, 16);
}

static void
s_forget (covey_workgroups_t *self, workgroup_event_t *entry)
{
    s_leave (self, entry);
    covey_table_remove (&self->events, entry->id, sizeof entry->id);
    self->bytes -= entry->event.parcel->size;
    covey_parcel_drop (&entry->event.parcel);
    covey_group_drop (&entry->event.group);
    free (entry->event.text);
    free (entry);
}

void
covey_workgroups_destroy (covey_workgroups_t **self_p)
{
    covey_workgroups_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    size_t cursor = 0;
    workgroup_member_t *member;
    while (self->due_first)
        s_forget (self, self->due_first);
    while ((member = covey_table_next (&self->members, &cursor))) {
        /* The member goes with its last event. */
        for (size_t left = member->count; left > 0; left--)
            /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
            s_forget (self, member->first);
        cursor = 0;
    }
    cursor = 0;
    covey_group_t *group;
    while ((group = covey_table_next (&self->groups, &cursor)))
        covey_group_drop (&group);
    covey_table_deinit (&self->groups);
    covey_table_deinit (&self->members);
    covey_table_deinit (&self->events);
    free (self);
}

bool
covey_workgroup_has_room (const covey_workgroups_t *self, size_t size)
{
    return self->events.count < COVEY_WORKGROUP_EVENTS_MAX &&
           size <= COVEY_WORKGROUP_BYTES_MAX - self->bytes;
}

void
covey_workgroup_sent (covey_workgroups_t *self,
                      const covey_group_event_t *event,
                      const covey_directory_entry_t *agent)
{
    assert (event->parcel->view.id);
    workgroup_event_t *entry = s_find (self, event->parcel->view.id);
    if (!entry) {
        entry = covey_mem_new (sizeof *entry);
        memcpy (entry->id, event->parcel->view.id, sizeof entry->id);
        entry->event = *event;
        entry->event.parcel = covey_parcel_hold (event->parcel);
        entry->event.group = covey_group_hold (event->group);
        entry->event.text = NULL;
        covey_table_put (&self->events, entry->id, sizeof entry->id, entry);
    } else {
        covey_parcel_t *before = entry->event.parcel;
        s_leave (self, entry);
        self->bytes -= before->size;
        entry->event.parcel = covey_parcel_hold (event->parcel);
        covey_parcel_drop (&before);
    }
    self->bytes += entry->event.parcel->size;
    entry->event.tries++;
    entry->state = STATE_SENT;
    entry->member = s_have_member (self, agent);
    entry->member->count++;
    s_append (&entry->member->first, &entry->member->last, entry);
}

static void
s_set_due (covey_workgroups_t *self, workgroup_event_t *entry, covey_err_t code,
           const char *text, int64_t now_ms)
{
    assert (entry->member);
    memcpy (entry->event.except, entry->member->session_id, 16);
    s_leave (self, entry);
    s_append (&self->due_first, &self->due_last, entry);
    free (entry->event.text);
    entry->event.text = covey_str_dup (text);
    entry->event.code = code;
    entry->state = STATE_DUE;
    entry->due_ms = now_ms;
    if (!entry->give_up_ms)
        entry->give_up_ms = now_ms + COVEY_WORKGROUP_WAIT_MS;
    if (code != COVEY_EAGAIN)
        return;
    unsigned doublings = entry->event.tries > 1 ? entry->event.tries - 1u : 0;
    int64_t pause_ms = (int64_t)COVEY_WORKGROUP_PAUSE_MS << doublings;
    entry->due_ms += pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS;
}

static bool
s_is_request (const workgroup_event_t *entry)
{
    return entry->event.parcel->view.type == COVEY_EVENT_REQUEST;
}

void
covey_workgroup_done (covey_workgroups_t *self, const uint8_t id[16],
                      covey_slice_t agent_id)
{
    workgroup_event_t *entry = s_find (self, id);
    if (!entry || entry->state != STATE_SENT ||
        !covey_slice_equal (agent_id, entry->member->id))
        return; /* of a member before, which got it in the end                */
    if (s_is_request (entry))
        entry->state = STATE_TAKEN;
    else
        s_forget (self, entry);
}

void
covey_workgroup_answered (covey_workgroups_t *self, const uint8_t id[16])
{
    covey_workgroup_forget (self, id);
}

bool
covey_workgroup_failed (covey_workgroups_t *self, const uint8_t id[16],
                        covey_slice_t target, covey_err_t code,
                        const char *text, int64_t now_ms)
{
    workgroup_event_t *entry = id ? s_find (self, id) : NULL;
    if (!entry || entry->state == STATE_TAKEN)
        return false;
    if (entry->state == STATE_SENT &&
        covey_slice_equal (target, entry->member->id))
        s_set_due (self, entry, code, text, now_ms);
    return true;
}

bool
covey_workgroup_is_open (const covey_workgroups_t *self, const uint8_t id[16])
{
    const workgroup_event_t *entry = s_find (self, id);
    return entry && entry->state != STATE_TAKEN;
}

bool
covey_workgroup_is_due (const covey_workgroups_t *self, const uint8_t id[16])
{
    const workgroup_event_t *entry = s_find (self, id);
    return entry && entry->state == STATE_DUE;
}

/*  All that a member has.                                                   */
static void
s_lose_member (covey_workgroups_t *self, workgroup_member_t *member,
               int64_t now_ms)
{
    char text[COVEY_AGENT_ID_MAX + 80];
    snprintf (text, sizeof text, "agent %s is gone before it was done with it",
              member->id);
    /* The member goes with its last event. */
    for (size_t left = member->count; left > 0; left--) {
        workgroup_event_t *entry = member->first;
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        if (entry->state == STATE_TAKEN)
            s_forget (self, entry);
        else
            s_set_due (self, entry, COVEY_NOAGENT, text, now_ms);
    }
}

static bool
s_is_lost (const workgroup_member_t *member, const covey_directory_t *directory)
{
    const covey_directory_entry_t *agent =
        covey_directory_find (directory, member->id, strlen (member->id));
    return !agent || agent->attached_us != member->attached_us ||
           memcmp (agent->session_id, member->session_id, 16) != 0 ||
           memcmp (agent->node_id, member->node_id, 16) != 0;
}

void
covey_workgroup_sweep (covey_workgroups_t *self,
                       const covey_directory_t *directory, int64_t now_ms,
                       covey_workgroup_lost_fn *lost, void *arg)
{
    size_t count = 0, cursor = 0;
    workgroup_member_t **gone =
        covey_mem_new ((self->members.count + 1) * sizeof *gone);
    workgroup_member_t *member;
    while ((member = covey_table_next (&self->members, &cursor)))
        if (s_is_lost (member, directory))
            gone[count++] = member;
    for (size_t i = 0; i < count; i++) {
        uint8_t node_id[16];
        memcpy (node_id, gone[i]->node_id, sizeof node_id);
        s_lose_member (self, gone[i], now_ms);
        if (lost)
            lost (arg, node_id);
    }
    free (gone);
}

const covey_group_event_t *
covey_workgroup_due (covey_workgroups_t *self, int64_t now_ms, bool *given_up)
{
    for (workgroup_event_t *entry = self->due_first; entry;
         entry = entry->next) {
        *given_up = now_ms >= entry->give_up_ms ||
                    entry->event.tries >= COVEY_WORKGROUP_TRIES;
        if (*given_up || (now_ms >= entry->due_ms &&
                          entry->event.group->blocked_ms < now_ms))
            return &entry->event;
    }
    return NULL;
}

void
covey_workgroup_later (covey_workgroups_t *self, const uint8_t id[16],
                       int64_t now_ms)
{
    workgroup_event_t *entry = s_find (self, id);
    if (entry)
        entry->event.group->blocked_ms = now_ms;
}

void
covey_workgroup_forget (covey_workgroups_t *self, const uint8_t id[16])
{
    workgroup_event_t *entry = s_find (self, id);
    if (entry)
        s_forget (self, entry);
}

size_t
covey_workgroup_expire (covey_workgroups_t *self, int64_t now_ms)
{
    /* Removing moves slots: collect first. */
    workgroup_event_t **over =
        covey_mem_new ((self->events.count + 1) * sizeof *over);
    size_t count = 0, cursor = 0;
    workgroup_event_t *entry;
    while ((entry = covey_table_next (&self->events, &cursor)))
        if (now_ms >= entry->event.until_ms)
            over[count++] = entry;
    size_t unsent = 0;
    for (size_t i = 0; i < count; i++) {
        unsent += over[i]->state == STATE_DUE;
        s_forget (self, over[i]);
    }
    free (over);
    return unsent;
}

size_t
covey_workgroup_count (const covey_workgroups_t *self)
{
    return self->events.count;
}

size_t
covey_workgroup_outstanding (const covey_workgroups_t *self,
                             const char *agent_id)
{
    const workgroup_member_t *member =
        covey_table_get (&self->members, agent_id, strlen (agent_id));
    return member ? member->count : 0;
}
