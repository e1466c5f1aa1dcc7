#include "tests/support/sim_ledger.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

typedef struct {
    size_t node;
    uint64_t first;
    uint64_t last;
    int64_t at_us; /* numbers begin again when the node does                  */
} ledger_gap_t;

/*  What one agent saw.                                                      */
typedef struct {
    covey_fifo_t tickets; /* ticket - 1 -> letter, size_t                     */
    covey_fifo_t gaps;
    bool is_subscribed;
    int64_t lost_us; /* the last session that ended; -1: none                 */
    /* last letter from each sender at each priority, + 1                     */
    size_t last[SIM_MESH_AGENTS_MAX][4];
    uint64_t last_number[SIM_MESH_NODES_MAX];
    uint64_t last_life[SIM_MESH_NODES_MAX];
} ledger_agent_t;

struct sim_ledger {
    sim_mesh_t *mesh;
    covey_fifo_t letters;
    ledger_agent_t agents[SIM_MESH_AGENTS_MAX];
    char broken[256]; /* the first promise, as soon as it is                  */
};

sim_ledger_t *
sim_ledger_new (void)
{
    sim_ledger_t *self = covey_mem_new (sizeof *self);
    covey_fifo_init (&self->letters, sizeof (sim_letter_t));
    for (size_t i = 0; i < SIM_MESH_AGENTS_MAX; i++) {
        covey_fifo_init (&self->agents[i].tickets, sizeof (size_t));
        covey_fifo_init (&self->agents[i].gaps, sizeof (ledger_gap_t));
        self->agents[i].lost_us = -1;
    }
    return self;
}

void
sim_ledger_destroy (sim_ledger_t **self_p)
{
    sim_ledger_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    covey_fifo_deinit (&self->letters);
    for (size_t i = 0; i < SIM_MESH_AGENTS_MAX; i++) {
        covey_fifo_deinit (&self->agents[i].tickets);
        covey_fifo_deinit (&self->agents[i].gaps);
    }
    free (self);
}

void
sim_ledger_use (sim_ledger_t *self, sim_mesh_t *mesh)
{
    self->mesh = mesh;
}

/* ------------------------------------------------------------------------ */
/*  What happens                                                             */

static void
s_break (sim_ledger_t *self, const char *what, size_t letter, size_t agent)
{
    if (*self->broken)
        return;
    snprintf (self->broken, sizeof self->broken,
              "%s (event %zu, agent a%zu, at %.6f s)", what, letter, agent,
              (double)sim_net_now_us (self->mesh->net) / SIM_SECOND);
    sim_mesh_note (self->mesh, what, letter, agent, 0);
}

/*  Ids carry the letter's index, behind what makes them a UUIDv7.           */
static void
s_make_id (size_t index, uint8_t id[16])
{
    memset (id, 0, 16);
    id[0] = 1;
    id[6] = 0x70;
    id[8] = 0x80;
    for (unsigned i = 0; i < 4; i++)
        id[12 + i] = (uint8_t)(index >> (24 - 8 * i));
}

static sim_letter_t *
s_letter (const sim_ledger_t *self, const uint8_t id[16], size_t *index_p)
{
    size_t index = 0;
    uint8_t same[16];
    for (unsigned i = 0; i < 4; i++)
        index = index << 8 | id[12 + i];
    s_make_id (index, same);
    if (memcmp (same, id, 16) != 0 || index >= self->letters.count)
        return NULL; /* an event of a node                                    */
    *index_p = index;
    return covey_fifo_at (&self->letters, index);
}

static sim_letter_t *
s_by_ticket (const sim_ledger_t *self, size_t agent, uint64_t ticket,
             size_t *index_p)
{
    const ledger_agent_t *one = &self->agents[agent];
    if (agent >= self->mesh->config.agents || ticket > one->tickets.count)
        return NULL;
    *index_p = *(size_t *)covey_fifo_at (&one->tickets, (size_t)ticket - 1);
    return covey_fifo_at (&self->letters, *index_p);
}

static void
s_on_accepted (void *arg, size_t agent, uint64_t ticket)
{
    sim_ledger_t *self = arg;
    size_t index;
    sim_letter_t *letter = s_by_ticket (self, agent, ticket, &index);
    if (!letter)
        return;
    sim_mesh_note (self->mesh, "accepted: event, agent", index, agent, 0);
    if (letter->is_accepted || letter->is_refused)
        s_break (self, "a second verdict", index, agent);
    letter->is_accepted = true;
}

static void
s_on_refused (void *arg, size_t agent, uint64_t ticket, covey_err_t code)
{
    sim_ledger_t *self = arg;
    size_t index;
    sim_letter_t *letter = s_by_ticket (self, agent, ticket, &index);
    if (!letter)
        return;
    sim_mesh_note (self->mesh, "refused: event, agent, code", index, agent,
                   (uint64_t)-code);
    if (letter->is_accepted || letter->is_refused)
        s_break (self, "a second verdict", index, agent);
    letter->is_refused = true;
}

static void
s_on_stored (void *arg, size_t agent, uint64_t ticket)
{
    sim_ledger_t *self = arg;
    size_t index;
    uint8_t id[16];
    sim_letter_t *letter = s_by_ticket (self, agent, ticket, &index);
    if (!letter)
        return;
    letter->is_stored = true;
    s_make_id (index, id);
    if (!sim_store_has (self->mesh, id))
        s_break (self, "called stored, and is not", index, agent);
}

static void
s_take_cast (sim_ledger_t *self, sim_letter_t *letter, size_t index,
             size_t agent)
{
    ledger_agent_t *one = &self->agents[agent];
    if (letter->seen >> agent & 1)
        s_break (self, "a broadcast came twice", index, agent);
    letter->seen |= UINT64_C (1) << agent;
    if (!letter->is_cast)
        return; /* it was out of the ring before anybody looked               */
    uint64_t life = letter->cast_life;
    uint64_t *last = &one->last_number[letter->cast_node];
    if (one->last_life[letter->cast_node] == life && letter->number <= *last)
        s_break (self, "broadcasts out of order", index, agent);
    one->last_life[letter->cast_node] = life;
    *last = letter->number;
}

static void
s_on_delivered (void *arg, size_t agent, const covey_peek_t *event,
                bool subscribed)
{
    (void)subscribed;
    sim_ledger_t *self = arg;
    size_t index;
    sim_letter_t *letter = s_letter (self, event->id, &index);
    if (!letter)
        return;
    sim_mesh_note (self->mesh, "delivered: event, agent", index, agent, 0);
    if (letter->target == SIM_NOBODY) {
        s_take_cast (self, letter, index, agent);
        return;
    }
    if (letter->target != agent)
        s_break (self, "delivered to another", index, agent);
    if (letter->delivered++)
        s_break (self, "delivered twice", index, agent);
    size_t *last = &self->agents[agent].last[letter->sender][letter->priority];
    if (index + 1 <= *last)
        s_break (self, "out of order", index, agent);
    *last = index + 1;
}

static void
s_on_undelivered (void *arg, size_t agent,
                  const Covey__Wire__Undelivered *notice)
{
    sim_ledger_t *self = arg;
    size_t index;
    sim_letter_t *letter = s_letter (self, notice->event_id.data, &index);
    if (!letter)
        return;
    sim_mesh_note (self->mesh, "returned: event, agent, code", index, agent,
                   (uint64_t)-notice->code);
    if (letter->sender != agent)
        s_break (self, "returned to another", index, agent);
    letter->is_told = true;
    letter->is_denied = letter->is_denied || notice->code == COVEY_NOAGENT;
}

static void
s_on_gap (void *arg, size_t agent, const Covey__Wire__Gap *notice)
{
    sim_ledger_t *self = arg;
    if (notice->type != SIM_MESH_TYPE || agent >= self->mesh->config.agents)
        return;
    ledger_gap_t *gap = covey_fifo_push (&self->agents[agent].gaps);
    gap->node = (size_t)notice->node_id.data[15] - 1;
    gap->first = notice->first;
    gap->last = notice->last;
    gap->at_us = sim_net_now_us (self->mesh->net);
}

static void
s_on_subscribed (void *arg, size_t agent, covey_err_t code)
{
    sim_ledger_t *self = arg;
    self->agents[agent].is_subscribed = code == COVEY_OK;
}

static void
s_on_session_lost (void *arg, size_t agent)
{
    sim_ledger_t *self = arg;
    if (agent >= self->mesh->config.agents)
        return;
    self->agents[agent].is_subscribed = false;
    self->agents[agent].lost_us = sim_net_now_us (self->mesh->net);
}

/*  Nothing of that publisher can be missed there from now on.               */
static bool
s_is_expected (const sim_ledger_t *self, size_t node, size_t agent)
{
    const sim_mesh_t *mesh = self->mesh;
    const sim_mesh_agent_t *one = &mesh->agents[agent];
    const covey_hub_t *hub = mesh->nodes[one->node].hub;
    if (!self->agents[agent].is_subscribed || !hub ||
        !covey_session_table_by_agent (hub->table, one->id, strlen (one->id)))
        return false;
    if (one->node == node)
        return true;
    const covey_hub_t *pub = mesh->nodes[node].hub;
    const covey_hub_peer_t *peer =
        covey_hub_find_peer (hub, pub->config.node_id.bytes);
    return peer && peer->peer->state == COVEY_PEER_ALIVE &&
           peer->peer->epoch == pub->epoch && peer->synced &&
           peer->synced == hub->round && !hub->round_due;
}

static void
s_on_cast (void *arg, size_t node, uint64_t number, const uint8_t id[16])
{
    sim_ledger_t *self = arg;
    size_t index;
    sim_letter_t *letter = s_letter (self, id, &index);
    if (!letter)
        return;
    sim_mesh_note (self->mesh, "cast: event, node, number", index, node,
                   number);
    letter->is_cast = true;
    letter->cast_node = node;
    letter->cast_life = self->mesh->nodes[node].lives;
    letter->number = number;
    letter->cast_us = sim_net_now_us (self->mesh->net);
    letter->expected = 0;
    for (size_t i = 0; i < self->mesh->config.agents; i++)
        if (s_is_expected (self, node, i))
            letter->expected |= UINT64_C (1) << i;
}

void
sim_ledger_watch (sim_ledger_t *self, sim_mesh_watch_t *watch)
{
    *watch = (sim_mesh_watch_t){.arg = self,
                                .accepted = s_on_accepted,
                                .refused = s_on_refused,
                                .stored = s_on_stored,
                                .delivered = s_on_delivered,
                                .undelivered = s_on_undelivered,
                                .gap = s_on_gap,
                                .subscribed = s_on_subscribed,
                                .session_lost = s_on_session_lost,
                                .cast = s_on_cast};
}

void
sim_ledger_publish (sim_ledger_t *self, size_t sender, size_t target,
                    covey_priority_t priority, covey_level_t level,
                    uint32_t wait_ms)
{
    uint8_t id[16];
    size_t index = self->letters.count;
    s_make_id (index, id);
    uint64_t ticket = sim_mesh_publish (
        self->mesh, sender,
        target == SIM_NOBODY ? NULL : self->mesh->agents[target].id, id,
        priority, level, wait_ms);
    if (!ticket)
        return;
    assert (ticket == self->agents[sender].tickets.count + 1);
    *(size_t *)covey_fifo_push (&self->agents[sender].tickets) = index;
    sim_letter_t *letter = covey_fifo_push (&self->letters);
    letter->sender = sender;
    letter->target = target;
    letter->priority = priority;
    letter->ticket = ticket;
    letter->published_us = sim_net_now_us (self->mesh->net);
    letter->wants_stored = level >= COVEY_LEVEL_STORED;
}

/* ------------------------------------------------------------------------ */
/*  Judging                                                                  */

static bool
s_crashed_since (const sim_ledger_t *self, size_t node, int64_t us)
{
    const sim_mesh_node_t *one = &self->mesh->nodes[node];
    return one->crash_count && one->crashes_us[one->crash_count - 1] >= us;
}

static bool
s_node_crashed (const sim_ledger_t *self, const sim_letter_t *letter)
{
    const sim_mesh_agent_t *agents = self->mesh->agents;
    return s_crashed_since (self, agents[letter->sender].node,
                            letter->published_us) ||
           s_crashed_since (self, agents[letter->target].node,
                            letter->published_us);
}

static const char *
s_judge_targeted (const sim_ledger_t *self, const sim_letter_t *letter)
{
    bool crashed = s_node_crashed (self, letter);
    bool ended = self->agents[letter->target].lost_us >= letter->published_us;
    if (!letter->is_accepted && !letter->is_refused)
        return "no verdict";
    if (letter->is_refused && letter->delivered && !crashed)
        return "refused, and delivered";
    if (letter->is_refused)
        return NULL;
    bool forgot = self->agents[letter->sender].lost_us >= letter->published_us;
    if (letter->wants_stored && !letter->is_stored && !crashed && !forgot)
        return "never stored";
    if (!letter->delivered && !letter->is_told && !crashed)
        return "accepted, and lost without a word";
    if (letter->delivered && letter->is_told && !crashed && !ended)
        return "delivered, and returned";
    /* What a crash makes uncertain is told as uncertain. */
    if (letter->delivered && letter->is_denied && !ended && !forgot &&
        !s_crashed_since (self, self->mesh->agents[letter->sender].node,
                          letter->published_us))
        return "delivered, and said not to be";
    return NULL;
}

static bool
s_is_announced (const ledger_agent_t *agent, const sim_letter_t *letter)
{
    for (size_t i = 0; i < agent->gaps.count; i++) {
        const ledger_gap_t *gap = covey_fifo_at (&agent->gaps, i);
        if (gap->node == letter->cast_node && gap->at_us >= letter->cast_us &&
            gap->first <= letter->number && letter->number <= gap->last)
            return true;
    }
    return false;
}

static bool
s_is_excused (const sim_ledger_t *self, const sim_letter_t *letter,
              size_t agent)
{
    return s_crashed_since (self, letter->cast_node, letter->cast_us) ||
           s_crashed_since (self, self->mesh->agents[agent].node,
                            letter->cast_us) ||
           self->agents[agent].lost_us >= letter->cast_us;
}

static const char *
s_judge_broadcast (const sim_ledger_t *self, const sim_letter_t *letter,
                   size_t *agent_p)
{
    if (!letter->is_accepted && !letter->is_refused)
        return "no verdict";
    for (size_t i = 0; i < self->mesh->config.agents; i++) {
        bool seen = letter->seen >> i & 1;
        *agent_p = i;
        if (!(letter->expected >> i & 1) || s_is_excused (self, letter, i))
            continue;
        bool announced = s_is_announced (&self->agents[i], letter);
        if (!seen && !announced)
            return "a broadcast was lost without a word";
        if (seen && announced)
            return "a broadcast was announced as lost, and delivered";
    }
    return NULL;
}

const char *
sim_ledger_judge (sim_ledger_t *self)
{
    for (size_t i = 0; i < self->letters.count && !*self->broken; i++) {
        const sim_letter_t *letter = covey_fifo_at (&self->letters, i);
        size_t agent = letter->target;
        const char *what = letter->target == SIM_NOBODY
                               ? s_judge_broadcast (self, letter, &agent)
                               : s_judge_targeted (self, letter);
        if (what)
            s_break (self, what, i, agent);
    }
    return *self->broken ? self->broken : NULL;
}

void
sim_ledger_sum (const sim_ledger_t *self, sim_ledger_sums_t *sums)
{
    for (size_t i = 0; i < self->mesh->config.nodes; i++)
        sums->crashes += self->mesh->nodes[i].crash_count;
    for (size_t i = 0; i < self->letters.count; i++) {
        const sim_letter_t *letter = covey_fifo_at (&self->letters, i);
        sums->published++;
        sums->accepted += letter->is_accepted;
        sums->refused += letter->is_refused;
        if (letter->target != SIM_NOBODY) {
            sums->delivered += letter->delivered;
            sums->returned += letter->is_accepted && letter->is_told;
            sums->died +=
                letter->is_accepted && !letter->is_told && !letter->delivered;
            continue;
        }
        for (size_t k = 0; k < self->mesh->config.agents; k++) {
            if (!(letter->expected >> k & 1))
                continue;
            sums->broadcasts++;
            if (letter->seen >> k & 1)
                sums->delivered++;
            else if (s_is_announced (&self->agents[k], letter))
                sums->announced++;
            else
                sums->excused++;
        }
    }
}
