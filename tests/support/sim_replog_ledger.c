#include "tests/support/sim_replog_ledger.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "proto/event.h"

/* ---- maps -------------------------------------------------------------------
 */

static sim_pair_t *
s_slot (sim_map_t *map, uint64_t a, uint64_t b)
{
    size_t at =
        (size_t)((a * 0x9e3779b97f4a7c15u ^ b * 0xbf58476d1ce4e5b9u) >> 20) &
        (map->room - 1);
    while ((map->pairs[at].key[0] || map->pairs[at].key[1]) &&
           (map->pairs[at].key[0] != a || map->pairs[at].key[1] != b))
        at = (at + 1) & (map->room - 1);
    return &map->pairs[at];
}

static void
s_grow (sim_map_t *map)
{
    sim_map_t bigger = {.count = map->count,
                        .room = map->room ? map->room * 2 : 256};
    bigger.pairs = covey_mem_new (bigger.room * sizeof *bigger.pairs);
    for (size_t i = 0; i < map->room; i++)
        if (map->pairs[i].key[0] || map->pairs[i].key[1])
            *s_slot (&bigger, map->pairs[i].key[0], map->pairs[i].key[1]) =
                map->pairs[i];
    free (map->pairs);
    *map = bigger;
}

uint64_t *
sim_map_find (sim_map_t *map, uint64_t a, uint64_t b)
{
    if (!map->room)
        return NULL;
    sim_pair_t *pair = s_slot (map, a, b);
    return pair->key[0] || pair->key[1] ? pair->value : NULL;
}

const uint64_t *
sim_map_put (sim_map_t *map, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    if (map->count * 2 >= map->room)
        s_grow (map);
    sim_pair_t *pair = s_slot (map, a, b);
    if (pair->key[0] || pair->key[1])
        return pair->value;
    *pair = (sim_pair_t){{a, b}, {c, d}};
    map->count++;
    return NULL;
}

/* ------------------------------------------------------------------------ */

void
sim_book_init (sim_ledger_book_t *self)
{
    memset (self, 0, sizeof *self);
}

void
sim_book_deinit (sim_ledger_book_t *self)
{
    for (size_t i = 0; i < self->page_count; i++)
        free (self->pages[i].bytes);
    free (self->pages);
    free (self->entries.pairs);
    free (self->leaders.pairs);
    free (self->facts.pairs);
    free (self->lists.pairs);
    free (self->requests.pairs);
}

void
sim_book_break (sim_ledger_book_t *self, const char *fmt, ...)
{
    if (*self->broken)
        return;
    va_list args;
    va_start (args, fmt);
    vsnprintf (self->broken, sizeof self->broken, fmt, args);
    va_end (args);
}

static sim_page_t *
s_page (sim_ledger_book_t *self, uint64_t index)
{
    while (self->page_count <= index) {
        self->pages = covey_mem_room (self->pages, self->page_count,
                                      &self->page_room, sizeof *self->pages);
        self->pages[self->page_count++] = (sim_page_t){0};
    }
    return &self->pages[index];
}

const sim_page_t *
sim_book_page (const sim_ledger_book_t *self, uint64_t index)
{
    return index < self->page_count ? &self->pages[index] : NULL;
}

bool
sim_book_has_command (const sim_ledger_book_t *self, uint64_t above,
                      uint64_t below)
{
    for (uint64_t i = above + 1; i < below && i < self->page_count; i++)
        if (self->pages[i].command)
            return true;
    return false;
}

/* ---- what is stored ---------------------------------------------------------
 */

void
sim_book_entry (sim_ledger_book_t *self, const sim_record_t *record)
{
    if (record->index == 1)
        self->list_kind = record->kind;
    const uint64_t *known = sim_map_put (&self->entries, record->index,
                                         record->term, record->hash, 0);
    if (known && known[0] != record->hash)
        sim_book_break (self, "two entries at index %llu of term %llu",
                        (unsigned long long)record->index,
                        (unsigned long long)record->term);
}

void
sim_book_stored (sim_ledger_book_t *self, const sim_record_t *record)
{
    sim_page_t *page = s_page (self, record->index);
    if (!page->entry) {
        page->entry = record->hash;
        page->term = record->term;
        page->kind = record->kind;
    } else if (page->entry != record->hash || page->term != record->term)
        sim_book_break (
            self, "index %llu is committed with term %llu and with term %llu",
            (unsigned long long)record->index, (unsigned long long)page->term,
            (unsigned long long)record->term);
}

void
sim_book_snapshot (sim_ledger_book_t *self,
                   const covey_replog_snapshot_t *snapshot)
{
    const sim_page_t *last = sim_book_page (self, snapshot->index);
    const sim_page_t *members = sim_book_page (self, snapshot->members_index);
    unsigned long long index = snapshot->index;
    if (last && last->entry && last->term != snapshot->term)
        sim_book_break (self, "a snapshot of %llu has another term", index);
    if (snapshot->members_index > snapshot->index)
        sim_book_break (self, "a snapshot of %llu has members of %llu", index,
                        (unsigned long long)snapshot->members_index);
    else if (members && members->entry &&
             members->entry !=
                 covey_str_hash (snapshot->members, snapshot->members_size) *
                         31 +
                     members->kind)
        sim_book_break (self, "a snapshot of %llu has other members", index);
    for (uint64_t i = snapshot->members_index + 1;
         members && members->entry && i <= snapshot->index; i++)
        if (sim_book_page (self, i) && sim_book_page (self, i)->entry &&
            sim_book_page (self, i)->kind == members->kind)
            sim_book_break (self, "a snapshot of %llu has the members of %llu",
                            index, (unsigned long long)snapshot->members_index);
}

void
sim_book_meta (sim_ledger_book_t *self, const covey_replog_meta_t *before,
               const covey_replog_meta_t *after)
{
    if (after->term < before->term)
        sim_book_break (self, "the term of a member goes back");
    else if (after->term == before->term && before->voted_for &&
             after->voted_for != before->voted_for)
        sim_book_break (self, "a second vote in term %llu",
                        (unsigned long long)after->term);
    if (before->member_id && after->member_id != before->member_id)
        sim_book_break (self, "a member changes its id");
    if (!covey_id_is_zero (before->cluster.bytes) &&
        !covey_id_equal (before->cluster.bytes, after->cluster.bytes))
        sim_book_break (self, "a member changes its log's name");
}

void
sim_book_list (sim_ledger_book_t *self, uint64_t entry, uint64_t members)
{
    const uint64_t *known = sim_map_put (&self->lists, entry, 1, members, 0);
    if (known && known[0] != members)
        sim_book_break (self, "a member counts with members that its log does "
                              "not say");
}

void
sim_book_leader (sim_ledger_book_t *self, uint64_t term, uint64_t member_id)
{
    const uint64_t *known = sim_map_put (&self->leaders, term, 1, member_id, 0);
    if (known && known[0] != member_id)
        sim_book_break (self, "two leaders in term %llu",
                        (unsigned long long)term);
}

/* ---- what is applied --------------------------------------------------------
 */

bool
sim_book_apply (sim_ledger_book_t *self, uint64_t index, const void *data,
                size_t size)
{
    uint64_t hash = covey_str_hash (data, size) | 1;
    sim_page_t *page = s_page (self, index);
    if (page->command) {
        if (page->command != hash)
            sim_book_break (self, "two commands at index %llu",
                            (unsigned long long)index);
        return false;
    }
    if (index < self->committed)
        sim_book_break (
            self, "index %llu gets a command after %llu was committed",
            (unsigned long long)index, (unsigned long long)self->committed);
    page->command = hash;
    page->bytes = covey_mem_dup (data, size);
    page->size = size;
    self->committed = index;
    self->command_count++;
    return true;
}

static uint64_t
s_mix (uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x9e3779b97f4a7c15u + (hash >> 29);
}

static uint64_t
s_answer (const covey_effects_t *effects)
{
    uint64_t hash = s_mix ((uint64_t)(unsigned)effects->code, effects->show);
    hash = s_mix (hash,
                  covey_str_hash (effects->show_id, strlen (effects->show_id)));
    return effects->code
               ? s_mix (hash, covey_str_hash (effects->err.text,
                                              strlen (effects->err.text)))
               : hash;
}

/*  A decision in full: it has to be the same to the last ballot.            */
static uint64_t
s_decision (const covey_event_t *fact)
{
    char *json = covey_event_to_json (fact);
    uint64_t hash = covey_str_hash (json, strlen (json));
    covey_free (json);
    return hash;
}

/*  The first time a request is executed, its answer is kept; after that it
    must come again, whatever happened in between. True: it is the first.     */
static bool
s_check_once (sim_ledger_book_t *self, uint64_t index,
              const Covey__Control__Command *command,
              const covey_effects_t *effects)
{
    if (!command->client_id || !command->request_id ||
        effects->code == COVEY_EAGAIN)
        return true;
    uint64_t client =
        covey_str_hash (command->client_id, strlen (command->client_id));
    uint64_t request =
        covey_str_hash (command->request_id, strlen (command->request_id));
    uint64_t answer = s_answer (effects);
    const uint64_t *known =
        sim_map_put (&self->requests, client, request, answer, index);
    if (known && known[0] != answer)
        sim_book_break (
            self, "request %s of %s is executed at index %llu and at %llu",
            command->request_id, command->client_id,
            (unsigned long long)known[1], (unsigned long long)index);
    return !known;
}

static void
s_check_facts (sim_ledger_book_t *self, uint64_t index,
               const covey_effects_t *effects)
{
    for (size_t i = 0; i < effects->fact_count; i++) {
        uint64_t id[2];
        memcpy (id, covey_event_id (effects->facts[i]), sizeof id);
        const uint64_t *known =
            sim_map_put (&self->facts, id[0], id[1], index, i + 1);
        if (known && (known[0] != index || known[1] != i + 1))
            sim_book_break (
                self, "fact %zu of index %llu has the id of fact %llu of %llu",
                i + 1, (unsigned long long)index, (unsigned long long)known[1],
                (unsigned long long)known[0]);
    }
}

static uint64_t
s_outcome (const covey_effects_t *effects)
{
    uint64_t hash = s_answer (effects);
    for (size_t i = 0; i < effects->fact_count; i++) {
        hash = s_mix (hash,
                      covey_str_hash (covey_event_id (effects->facts[i]), 16));
        hash = s_mix (hash, (uint64_t)covey_event_type (effects->facts[i]));
        if (covey_event_type (effects->facts[i]) ==
            COVEY_EVENT_SWARM_CONSENSUS_REACHED)
            hash = s_mix (hash, s_decision (effects->facts[i]));
    }
    return hash | 1;
}

bool
sim_book_outcome (sim_ledger_book_t *self, uint64_t index,
                  const Covey__Control__Command *command,
                  const covey_effects_t *effects)
{
    sim_page_t *page = s_page (self, index);
    uint64_t outcome = s_outcome (effects);
    s_check_facts (self, index, effects);
    if (!page->outcome) {
        page->outcome = outcome;
        self->fact_count += effects->fact_count;
        return s_check_once (self, index, command, effects);
    }
    if (page->outcome != outcome)
        sim_book_break (self, "index %llu has another outcome on a member",
                        (unsigned long long)index);
    return false;
}

void
sim_book_digest (sim_ledger_book_t *self, uint64_t index, uint64_t digest)
{
    sim_page_t *page = s_page (self, index);
    if (!page->digest)
        page->digest = digest;
    else if (page->digest != digest)
        sim_book_break (self, "after index %llu the states differ",
                        (unsigned long long)index);
}
