#include "coordinator/claims.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/glob.h"

/*  Pairs that a search for cycles looks at.                                  */
#define SEARCH_MAX 100000
/*  Holders of a cycle that are named, beside the one who would close it.     */
#define CHAIN_MAX 3

/* ---- orders -----------------------------------------------------------------
 */

static int
s_by_id (const void *a, const void *b)
{
    return strcmp (((const covey_claim_entry_t *)a)->id,
                   ((const covey_claim_entry_t *)b)->id);
}

static int
s_key_id (const void *key, const void *item)
{
    return strcmp (key, ((const covey_claim_entry_t *)item)->id);
}

static int
s_by_seq (const void *a, const void *b)
{
    const covey_claim_entry_t *x = a, *y = b;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
s_by_holder (const void *a, const void *b)
{
    const covey_claim_entry_t *x = a, *y = b;
    int order = strcmp (x->holder, y->holder);
    return order ? order : s_by_seq (a, b);
}

/*  Before the first one of that holder.                                      */
static int
s_key_holder (const void *key, const void *item)
{
    int order = strcmp (key, ((const covey_claim_entry_t *)item)->holder);
    return order ? order : -1;
}

typedef struct {
    bool is_path;
    const char *text;
    size_t size;
} s_stem_t;

static int
s_compare_stems (const s_stem_t *x, const s_stem_t *y)
{
    if (x->is_path != y->is_path)
        return x->is_path ? -1 : 1;
    int order =
        memcmp (x->text, y->text, x->size < y->size ? x->size : y->size);
    if (order)
        return order;
    return x->size < y->size ? -1 : x->size > y->size;
}

static s_stem_t
s_stem (const covey_claim_resource_t *resource)
{
    return (s_stem_t){resource->is_path, resource->text, resource->stem};
}

static int
s_by_stem (const void *a, const void *b)
{
    const covey_claim_resource_t *x = a, *y = b;
    s_stem_t p = s_stem (x), q = s_stem (y);
    int order = s_compare_stems (&p, &q);
    if (order)
        return order;
    order = s_by_seq (x->claim, y->claim);
    /* of one claim: in the order of its list */
    return order ? order : x < y ? -1 : x > y;
}

/*  Before the first one with that stem.                                      */
static int
s_key_stem (const void *key, const void *item)
{
    s_stem_t stem = s_stem (item);
    int order = s_compare_stems (key, &stem);
    return order ? order : -1;
}

void
covey_claims_init (covey_claims_t *self)
{
    memset (self, 0, sizeof *self);
    covey_tree_init (&self->by_id, offsetof (covey_claim_entry_t, by_id),
                     s_by_id);
    covey_tree_init (&self->live, offsetof (covey_claim_entry_t, by_seq),
                     s_by_seq);
    covey_tree_init (&self->ended, offsetof (covey_claim_entry_t, by_seq),
                     s_by_seq);
    covey_tree_init (&self->holders, offsetof (covey_claim_entry_t, by_holder),
                     s_by_holder);
    covey_tree_init (&self->stems, offsetof (covey_claim_resource_t, by_stem),
                     s_by_stem);
}

/* ---- entries
 * ------------------------------------------------------------------ */

static void
s_add_resource (covey_claim_entry_t *self, bool is_path, const char *text)
{
    covey_claim_resource_t *resource = &self->resources[self->count++];
    resource->claim = self;
    resource->is_path = is_path;
    resource->text = covey_str_dup (text);
    resource->stem = is_path ? covey_glob_stem (text) : strlen (text);
    self->bytes += strlen (text);
}

covey_claim_entry_t *
covey_claim_entry_new (const char *id, const char *holder, bool shared,
                       char *const *paths, size_t path_count,
                       char *const *names, size_t name_count)
{
    covey_claim_entry_t *self = covey_mem_new (sizeof *self);
    self->id = covey_str_dup (id);
    self->holder = covey_str_dup (holder);
    self->shared = shared;
    self->ttl_ms = COVEY_CLAIM_TTL_MS;
    self->timer.owner = self;
    self->timer.kind = COVEY_TIMER_CLAIM;
    self->resources =
        covey_mem_new ((path_count + name_count) * sizeof *self->resources);
    for (size_t i = 0; i < path_count; i++)
        s_add_resource (self, true, paths[i]);
    for (size_t i = 0; i < name_count; i++)
        s_add_resource (self, false, names[i]);
    return self;
}

/*  What nobody needs to know of one that has ended.                          */
static void
s_strip (covey_claim_entry_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        free (self->resources[i].text);
    free (self->resources);
    free (self->purpose);
    free (self->task_id);
    self->resources = NULL;
    self->purpose = self->task_id = NULL;
    self->count = 0;
}

void
covey_claim_entry_destroy (covey_claim_entry_t **self_p)
{
    covey_claim_entry_t *self = *self_p;
    if (!self)
        return;
    s_strip (self);
    free (self->id);
    free (self->holder);
    free (self->reason);
    free (self);
    *self_p = NULL;
}

void
covey_claims_deinit (covey_claims_t *self)
{
    covey_claim_entry_t *entry;
    while ((entry = covey_tree_first (&self->by_id))) {
        covey_tree_remove (&self->by_id, entry);
        covey_claim_entry_destroy (&entry);
    }
}

const char *
covey_claim_state_name (covey_claim_state_t state)
{
    static const char *const names[] = {"waiting", "held", "released",
                                        "expired"};
    return names[state];
}

bool
covey_claim_is_live (const covey_claim_entry_t *self)
{
    return self->state == COVEY_CLAIM_WAITING ||
           self->state == COVEY_CLAIM_HELD;
}

covey_claim_entry_t *
covey_claims_find (const covey_claims_t *self, const char *id)
{
    return covey_tree_find (&self->by_id, id, s_key_id);
}

covey_claim_entry_t *
covey_claims_of (const covey_claims_t *self, const char *holder)
{
    covey_claim_entry_t *entry =
        covey_tree_after (&self->holders, holder, s_key_holder);
    return entry && strcmp (entry->holder, holder) == 0 ? entry : NULL;
}

covey_claim_entry_t *
covey_claims_of_next (const covey_claims_t *self,
                      const covey_claim_entry_t *entry)
{
    covey_claim_entry_t *next = covey_tree_next (&self->holders, entry);
    return next && strcmp (next->holder, entry->holder) == 0 ? next : NULL;
}

/*  Into the orders of those that live.                                       */
static void
s_enter (covey_claims_t *self, covey_claim_entry_t *entry)
{
    covey_tree_insert (&self->by_id, entry);
    covey_tree_insert (&self->live, entry);
    covey_tree_insert (&self->holders, entry);
    for (size_t i = 0; i < entry->count; i++)
        covey_tree_insert (&self->stems, &entry->resources[i]);
    self->bytes += entry->bytes;
    self->held_count += entry->state == COVEY_CLAIM_HELD;
}

void
covey_claims_add (covey_claims_t *self, covey_claim_entry_t *entry)
{
    entry->seq = ++self->seq;
    entry->state = COVEY_CLAIM_WAITING;
    s_enter (self, entry);
}

bool
covey_claims_restore (covey_claims_t *self, covey_claim_entry_t *entry)
{
    if (covey_claims_find (self, entry->id) ||
        covey_tree_find (&self->live, entry, s_by_seq) ||
        covey_tree_find (&self->ended, entry, s_by_seq))
        return false;
    if (covey_claim_is_live (entry))
        s_enter (self, entry);
    else {
        covey_tree_insert (&self->by_id, entry);
        covey_tree_insert (&self->ended, entry);
    }
    return true;
}

void
covey_claims_hold (covey_claims_t *self, covey_claim_entry_t *entry,
                   uint64_t token, int64_t now_us)
{
    entry->state = COVEY_CLAIM_HELD;
    entry->token = token;
    entry->held_us = now_us;
    self->held_count++;
}

void
covey_claims_end (covey_claims_t *self, covey_claim_entry_t *entry,
                  covey_claim_state_t state, const char *reason, int64_t now_us,
                  size_t keep)
{
    self->held_count -= entry->state == COVEY_CLAIM_HELD;
    self->bytes -= entry->bytes;
    for (size_t i = 0; i < entry->count; i++)
        covey_tree_remove (&self->stems, &entry->resources[i]);
    covey_tree_remove (&self->holders, entry);
    covey_tree_remove (&self->live, entry);
    s_strip (entry);
    entry->state = state;
    entry->reason = covey_str_dup (reason);
    entry->ended_us = now_us;
    entry->seq = ++self->seq;
    covey_tree_insert (&self->ended, entry);
    while (self->ended.count > keep) {
        covey_claim_entry_t *oldest = covey_tree_first (&self->ended);
        covey_tree_remove (&self->ended, oldest);
        covey_tree_remove (&self->by_id, oldest);
        covey_claim_entry_destroy (&oldest);
    }
}

/* ---- what meets what
 * ---------------------------------------------------------- */

/*  False: enough was seen.                                                   */
typedef bool (s_meet_fn) (void *arg, const covey_claim_resource_t *mine,
                          covey_claim_resource_t *other);

static bool
s_visit (const covey_claim_resource_t *mine, covey_claim_resource_t *other,
         s_meet_fn *fn, void *arg)
{
    if (mine->is_path && !covey_glob_overlap (mine->text, other->text))
        return true;
    return fn (arg, mine, other);
}

/*  Those with this stem; with `below`, those whose stem begins with it.      */
static bool
s_each_at (const covey_claims_t *self, const covey_claim_resource_t *mine,
           const s_stem_t *stem, bool below, s_meet_fn *fn, void *arg)
{
    covey_claim_resource_t *other =
        covey_tree_after (&self->stems, stem, s_key_stem);
    for (; other; other = covey_tree_next (&self->stems, other)) {
        s_stem_t found = s_stem (other);
        if (found.is_path != stem->is_path || found.size < stem->size ||
            (!below && found.size > stem->size) ||
            memcmp (found.text, stem->text, stem->size) != 0)
            return true;
        if (!s_visit (mine, other, fn, arg))
            return false;
    }
    return true;
}

static bool
s_each_meeting (const covey_claims_t *self, const covey_claim_resource_t *mine,
                s_meet_fn *fn, void *arg)
{
    s_stem_t stem = s_stem (mine);
    if (!mine->is_path)
        return s_each_at (self, mine, &stem, false, fn, arg);
    /* patterns in the folders above; all of them, when it begins anywhere */
    if (!mine->stem)
        return s_each_at (self, mine, &stem, true, fn, arg);
    for (stem.size = 0; stem.size <= mine->stem; stem.size++)
        if ((!stem.size || mine->text[stem.size] == '/' ||
             stem.size == mine->stem) &&
            !s_each_at (self, mine, &stem, false, fn, arg))
            return false;
    /* and those in the folder that it names */
    char below[COVEY_GLOB_MAX + 2];
    memcpy (below, mine->text, mine->stem);
    below[mine->stem] = '/';
    s_stem_t folder = {true, below, mine->stem + 1};
    return s_each_at (self, mine, &folder, true, fn, arg);
}

bool
covey_claims_meet (const covey_claim_entry_t *a, const covey_claim_entry_t *b)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t k = 0; k < b->count; k++) {
            const covey_claim_resource_t *x = &a->resources[i];
            const covey_claim_resource_t *y = &b->resources[k];
            if (x->is_path == y->is_path &&
                (x->is_path ? covey_glob_overlap (x->text, y->text)
                            : strcmp (x->text, y->text) == 0))
                return true;
        }
    return false;
}

/* ---- obstacles
 * ---------------------------------------------------------------- */

typedef struct {
    const covey_claims_t *table;
    const covey_claim_entry_t *entry;
    bool again;
    covey_claim_obstacle_t *list;
    size_t count, capacity;
} s_search_t;

typedef struct {
    const covey_claim_entry_t *entry;
    bool found;
} s_cover_t;

static bool
s_is_cover (void *arg, const covey_claim_resource_t *mine,
            covey_claim_resource_t *other)
{
    s_cover_t *cover = arg;
    const covey_claim_entry_t *own = other->claim;
    bool is_plain = mine->stem == strlen (mine->text);
    if (own->state == COVEY_CLAIM_HELD && own != cover->entry &&
        strcmp (own->holder, cover->entry->holder) == 0 &&
        (!own->shared || cover->entry->shared) &&
        (is_plain || strcmp (mine->text, other->text) == 0))
        cover->found = true;
    return !cover->found;
}

/*  Does its holder hold this already? (Told for certain of plain paths and of
    the same pattern.)                                                        */
static bool
s_has_already (const s_search_t *search, const covey_claim_resource_t *mine)
{
    s_cover_t cover = {search->entry, false};
    (void)s_each_meeting (search->table, mine, s_is_cover, &cover);
    return cover.found;
}

static bool
s_is_in_the_way (const covey_claim_entry_t *entry,
                 const covey_claim_entry_t *other)
{
    return other != entry && strcmp (other->holder, entry->holder) != 0 &&
           !(other->shared && entry->shared) &&
           (other->state == COVEY_CLAIM_HELD || !entry->seq ||
            other->seq < entry->seq);
}

static bool
s_collect (void *arg, const covey_claim_resource_t *mine,
           covey_claim_resource_t *other)
{
    s_search_t *search = arg;
    covey_claim_entry_t *claim = other->claim;
    if (!s_is_in_the_way (search->entry, claim) ||
        (search->again && claim->state == COVEY_CLAIM_WAITING &&
         s_has_already (search, mine)))
        return true;
    search->list = covey_mem_room (search->list, search->count,
                                   &search->capacity, sizeof *search->list);
    search->list[search->count++] = (covey_claim_obstacle_t){claim, other};
    return true;
}

static int
s_by_age (const void *a, const void *b)
{
    const covey_claim_obstacle_t *x = a, *y = b;
    int order = s_by_seq (x->claim, y->claim);
    return order                       ? order
           : x->resource < y->resource ? -1
                                       : x->resource > y->resource;
}

static void
s_sort (s_search_t *search)
{
    size_t kept = 0;
    if (search->count)
        qsort (search->list, search->count, sizeof *search->list, s_by_age);
    for (size_t i = 0; i < search->count; i++)
        if (!kept || search->list[kept - 1].claim != search->list[i].claim)
            search->list[kept++] = search->list[i];
    search->count = kept;
}

size_t
covey_claims_obstacles (const covey_claims_t *self,
                        const covey_claim_entry_t *entry, bool again,
                        covey_claim_obstacle_t **list_p)
{
    s_search_t search = {.table = self, .entry = entry, .again = again};
    for (size_t i = 0; i < entry->count; i++)
        (void)s_each_meeting (self, &entry->resources[i], s_collect, &search);
    s_sort (&search);
    if (list_p)
        *list_p = search.list;
    else
        free (search.list);
    return search.count;
}

static bool
s_collect_waiting (void *arg, const covey_claim_resource_t *mine,
                   covey_claim_resource_t *other)
{
    (void)mine;
    s_search_t *search = arg;
    if (other->claim->state != COVEY_CLAIM_WAITING ||
        other->claim == search->entry)
        return true;
    search->list = covey_mem_room (search->list, search->count,
                                   &search->capacity, sizeof *search->list);
    search->list[search->count++] =
        (covey_claim_obstacle_t){other->claim, other};
    return true;
}

size_t
covey_claims_waiting (const covey_claims_t *self,
                      const covey_claim_entry_t *entry,
                      covey_claim_entry_t ***list_p)
{
    s_search_t search = {.table = self, .entry = entry};
    for (size_t i = 0; i < entry->count; i++)
        (void)s_each_meeting (self, &entry->resources[i], s_collect_waiting,
                              &search);
    s_sort (&search);
    covey_claim_entry_t **list = covey_mem_new (search.count * sizeof *list);
    for (size_t i = 0; i < search.count; i++)
        list[i] = search.list[i].claim;
    free (search.list);
    *list_p = list;
    return search.count;
}

/* ---- cycles
 * ------------------------------------------------------------------- */

/*  A holder is reached once; its first claim remembers how: `before` is the
    first claim of who waits for it, `on` the resource that is waited for.    */
typedef struct {
    covey_claims_t *table;
    const covey_claim_entry_t *entry;
    covey_claim_entry_t **queue;
    size_t first, count, capacity;
    size_t steps;
    covey_claim_entry_t *last; /* waits for the holder of `entry`             */
    const covey_claim_resource_t *last_on;
} s_cycle_t;

/*  Everybody that `entry` waits for, asked for by the holder of `before`.    */
static void
s_reach (s_cycle_t *cycle, const covey_claim_entry_t *entry,
         covey_claim_entry_t *before)
{
    covey_claim_obstacle_t *list;
    size_t count = covey_claims_obstacles (cycle->table, entry, false, &list);
    cycle->steps += count + 1;
    for (size_t i = 0; i < count && !cycle->last; i++) {
        const char *holder = list[i].claim->holder;
        if (before && strcmp (holder, cycle->entry->holder) == 0) {
            cycle->last = before;
            cycle->last_on = list[i].resource;
            break;
        }
        covey_claim_entry_t *first = covey_claims_of (cycle->table, holder);
        if (first->seen == cycle->table->searches)
            continue;
        first->seen = cycle->table->searches;
        first->before = before;
        first->on = list[i].resource;
        cycle->queue = covey_mem_room (cycle->queue, cycle->count,
                                       &cycle->capacity, sizeof (void *));
        cycle->queue[cycle->count++] = first;
    }
    free (list);
}

/*  "ann would wait for bob (src/a.c), who waits for ann (src/b.c)"           */
static covey_err_t
s_name_cycle (const s_cycle_t *cycle, covey_errbuf_t *err)
{
    const covey_claim_entry_t *chain[CHAIN_MAX];
    size_t count = 0, total = 0;
    for (const covey_claim_entry_t *at = cycle->last; at; at = at->before)
        if (total++ < CHAIN_MAX)
            chain[count++] = at;
    char text[sizeof err->text];
    int size = snprintf (text, sizeof text, "%.60s would wait for",
                         cycle->entry->holder);
    if (total > count && size > 0 && (size_t)size < sizeof text)
        size += snprintf (text + size, sizeof text - (size_t)size,
                          " %zu others and then for", total - count);
    for (size_t i = count; i-- > 0 && size > 0 && (size_t)size < sizeof text;)
        size += snprintf (text + size, sizeof text - (size_t)size,
                          " %.40s (%.40s), who waits for", chain[i]->holder,
                          chain[i]->on->text);
    return covey_fail (err, COVEY_STATE,
                       "%s %.60s (%.40s): release something first", text,
                       cycle->entry->holder, cycle->last_on->text);
}

covey_err_t
covey_claims_may_wait (covey_claims_t *self, const covey_claim_entry_t *entry,
                       covey_errbuf_t *err)
{
    size_t ahead = covey_claims_obstacles (self, entry, false, NULL);
    if (ahead > COVEY_CLAIM_QUEUE_MAX)
        return covey_fail (err, COVEY_EAGAIN,
                           "%zu claims are before this one, more than %d do "
                           "not wait; try again later",
                           ahead, COVEY_CLAIM_QUEUE_MAX);
    if (!covey_claims_of (self, entry->holder))
        return COVEY_OK; /* nobody waits for who has nothing */
    s_cycle_t cycle = {.table = self, .entry = entry};
    self->searches++;
    s_reach (&cycle, entry, NULL);
    while (cycle.first < cycle.count && !cycle.last &&
           cycle.steps < SEARCH_MAX) {
        covey_claim_entry_t *first = cycle.queue[cycle.first++];
        for (covey_claim_entry_t *e = first; e && !cycle.last;
             e = covey_claims_of_next (self, e))
            if (e->state == COVEY_CLAIM_WAITING)
                s_reach (&cycle, e, first);
    }
    covey_err_t code = COVEY_OK;
    if (cycle.last)
        code = s_name_cycle (&cycle, err);
    else if (cycle.first < cycle.count)
        code = covey_fail (err, COVEY_EAGAIN,
                           "too many claims wait for each other to tell "
                           "whether this one would wait for itself");
    free (cycle.queue);
    return code;
}
