#include "coordinator/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/limits.h"

/* ---- orders -----------------------------------------------------------------
 */

static int
s_by_revision (const void *a, const void *b)
{
    const covey_memory_version_t *x = a, *y = b;
    return x->revision < y->revision ? -1 : x->revision > y->revision;
}

static int
s_key_revision (const void *key, const void *item)
{
    uint64_t revision = *(const uint64_t *)key;
    const covey_memory_version_t *version = item;
    return revision < version->revision ? -1 : revision > version->revision;
}

static int
s_by_end (const void *a, const void *b)
{
    const covey_memory_entry_t *x = a, *y = b;
    return s_by_revision (x->latest, y->latest);
}

static int
s_by_tag (const void *a, const void *b)
{
    const covey_memory_label_t *x = a, *y = b;
    int order = strcmp (x->tag, y->tag);
    return order ? order : strcmp (x->entry->key, y->entry->key);
}

static int
s_by_name (const void *a, const void *b)
{
    return strcmp (((const covey_memory_space_t *)a)->name,
                   ((const covey_memory_space_t *)b)->name);
}

static int
s_key_name (const void *key, const void *item)
{
    return strcmp (key, ((const covey_memory_space_t *)item)->name);
}

/* ---- namespaces -------------------------------------------------------------
 */

static void
s_space_name (const char *key, char name[COVEY_NAME_MAX + 1])
{
    const char *slash = strchr (key, '/');
    size_t size = slash ? (size_t)(slash - key) : 0;
    if (size > COVEY_NAME_MAX)
        size = COVEY_NAME_MAX;
    memcpy (name, key, size);
    name[size] = '\0';
}

static covey_memory_space_t *
s_find_space (const covey_memory_t *self, const char *key)
{
    char name[COVEY_NAME_MAX + 1];
    s_space_name (key, name);
    return covey_tree_find (&self->spaces, name, s_key_name);
}

static covey_memory_space_t *
s_use_space (covey_memory_t *self, const char *key)
{
    covey_memory_space_t *space = s_find_space (self, key);
    if (space)
        return space;
    char name[COVEY_NAME_MAX + 1];
    s_space_name (key, name);
    space = covey_mem_new (sizeof *space);
    space->name = covey_str_dup (name);
    covey_tree_insert (&self->spaces, space);
    return space;
}

/* ---- versions ---------------------------------------------------------------
 */

static size_t
s_text_bytes (const char *text)
{
    return text ? strlen (text) : 0;
}

/*  What it will weigh; a tag that it names twice counts twice here.         */
static size_t
s_measure (const char *key, const covey_memory_write_t *write)
{
    size_t bytes = COVEY_MEMORY_OVERHEAD + strlen (key) + write->size +
                   s_text_bytes (write->owner) + s_text_bytes (write->author) +
                   s_text_bytes (write->correlation);
    for (size_t i = 0; i < write->tag_count; i++)
        bytes += strlen (write->tags[i]);
    return bytes;
}

static covey_memory_version_t *
s_new_version (const char *key, const covey_memory_write_t *write,
               uint64_t revision)
{
    covey_memory_version_t *v = covey_mem_new (sizeof *v);
    v->revision = revision;
    v->kind = write->kind;
    v->content = write->content;
    v->size = write->size;
    v->data = covey_mem_dup (write->data ? write->data : "", write->size);
    v->access = write->access;
    v->owner = covey_str_dup (write->owner);
    covey_texts_sort (&v->tags, write->tags, write->tag_count);
    v->expires_us = write->expires_us;
    v->at_us = write->at_us;
    v->author = covey_str_dup (write->author);
    v->correlation = covey_str_dup (write->correlation);
    v->has_cause = write->cause != NULL;
    if (write->cause)
        memcpy (v->cause, write->cause, sizeof v->cause);
    v->bytes = COVEY_MEMORY_OVERHEAD + strlen (key) + v->size +
               s_text_bytes (v->owner) + s_text_bytes (v->author) +
               s_text_bytes (v->correlation) + covey_texts_bytes (&v->tags);
    return v;
}

/*  Out of all indexes and totals, but not out of the list of its entry.     */
static void
s_free_version (covey_memory_t *self, covey_memory_version_t *v)
{
    covey_tree_remove (&self->versions, v);
    self->bytes -= v->bytes;
    v->entry->space->bytes -= v->bytes;
    v->entry->versions--;
    free (v->data);
    free (v->owner);
    free (v->author);
    free (v->correlation);
    covey_texts_deinit (&v->tags);
    covey_texts_deinit (&v->left);
    free (v);
}

static void
s_drop_oldest (covey_memory_t *self, covey_memory_entry_t *entry)
{
    covey_memory_version_t *v = entry->oldest;
    /* Whoever follows one of these tags would not learn that it is gone. */
    if (v->left.count && v->revision > self->tag_floor)
        self->tag_floor = v->revision;
    entry->oldest = v->newer;
    if (v->newer)
        v->newer->older = NULL;
    else
        entry->latest = NULL;
    s_free_version (self, v);
}

static void
s_append (covey_memory_t *self, covey_memory_entry_t *entry,
          covey_memory_version_t *v)
{
    v->entry = entry;
    v->older = entry->latest;
    if (entry->latest)
        entry->latest->newer = v;
    else
        entry->oldest = v;
    entry->latest = v;
    entry->versions++;
    self->bytes += v->bytes;
    entry->space->bytes += v->bytes;
    covey_tree_insert (&self->versions, v);
}

/*  Tags of the version before that this one does not have.                  */
static void
s_find_left (covey_memory_version_t *v)
{
    if (!v->older || !v->older->tags.count)
        return;
    const covey_texts_t *before = &v->older->tags;
    char **list = covey_mem_new (before->count * sizeof *list);
    size_t count = 0;
    for (size_t i = 0; i < before->count; i++)
        if (!covey_texts_has (&v->tags, before->items[i]))
            list[count++] = before->items[i];
    covey_texts_copy (&v->left, list, count);
    free (list);
}

/* ---- entries ----------------------------------------------------------------
 */

bool
covey_memory_is_live (const covey_memory_entry_t *entry)
{
    return entry->latest->kind == COVEY_MEMORY_IS_STORED;
}

covey_memory_entry_t *
covey_memory_find (const covey_memory_t *self, const char *key)
{
    covey_memory_entry_t *entry = covey_memory_find_any (self, key);
    return entry && covey_memory_is_live (entry) ? entry : NULL;
}

covey_memory_entry_t *
covey_memory_find_any (const covey_memory_t *self, const char *key)
{
    return covey_table_get (&self->by_key, key, strlen (key));
}

static covey_memory_entry_t *
s_new_entry (covey_memory_t *self, const char *key, int64_t at_us)
{
    size_t size = strlen (key) + 1;
    covey_memory_entry_t *entry = covey_mem_new (sizeof *entry + size);
    memcpy (entry->key, key, size);
    entry->history = COVEY_MEMORY_HISTORY;
    entry->created_us = at_us;
    entry->timer.kind = COVEY_TIMER_MEMORY;
    entry->timer.owner = entry;
    entry->space = s_use_space (self, key);
    entry->space->kept++;
    covey_table_put (&self->by_key, entry->key, strlen (entry->key), entry);
    return entry;
}

static void
s_free_entry (covey_memory_t *self, covey_memory_entry_t *entry)
{
    while (entry->oldest)
        s_drop_oldest (self, entry);
    covey_table_remove (&self->by_key, entry->key, strlen (entry->key));
    if (--entry->space->kept == 0) {
        covey_tree_remove (&self->spaces, entry->space);
        free (entry->space->name);
        free (entry->space);
    }
    free (entry->labels);
    free (entry);
}

static void
s_label (covey_memory_t *self, covey_memory_entry_t *entry)
{
    const covey_texts_t *tags = &entry->latest->tags;
    entry->labels = covey_mem_new (tags->count * sizeof *entry->labels);
    for (size_t i = 0; i < tags->count; i++) {
        entry->labels[i] =
            (covey_memory_label_t){.tag = tags->items[i], .entry = entry};
        covey_tree_insert (&self->labels, &entry->labels[i]);
    }
}

static void
s_unlabel (covey_memory_t *self, covey_memory_entry_t *entry)
{
    for (size_t i = 0; i < entry->latest->tags.count; i++)
        covey_tree_remove (&self->labels, &entry->labels[i]);
    free (entry->labels);
    entry->labels = NULL;
}

static void
s_index (covey_memory_t *self, covey_memory_entry_t *entry)
{
    if (!covey_memory_is_live (entry)) {
        covey_tree_insert (&self->ended, entry);
        return;
    }
    covey_index_insert (&self->entries, entry);
    entry->space->entries++;
    s_label (self, entry);
}

static void
s_unindex (covey_memory_t *self, covey_memory_entry_t *entry)
{
    if (!covey_memory_is_live (entry)) {
        covey_tree_remove (&self->ended, entry);
        return;
    }
    covey_index_remove (&self->entries, entry);
    entry->space->entries--;
    s_unlabel (self, entry);
}

/* ---- the store --------------------------------------------------------------
 */

void
covey_memory_init (covey_memory_t *self)
{
    memset (self, 0, sizeof *self);
    covey_index_init (&self->entries, offsetof (covey_memory_entry_t, key));
    covey_tree_init (&self->ended, offsetof (covey_memory_entry_t, in_ended),
                     s_by_end);
    covey_tree_init (&self->labels, offsetof (covey_memory_label_t, link),
                     s_by_tag);
    covey_tree_init (&self->versions,
                     offsetof (covey_memory_version_t, by_revision),
                     s_by_revision);
    covey_tree_init (&self->spaces, offsetof (covey_memory_space_t, link),
                     s_by_name);
}

void
covey_memory_deinit (covey_memory_t *self)
{
    covey_memory_entry_t *entry;
    while ((entry = covey_index_first (&self->entries)) ||
           (entry = covey_tree_first (&self->ended))) {
        s_unindex (self, entry);
        s_free_entry (self, entry);
    }
    covey_table_deinit (&self->by_key);
}

/*  Bytes that leave with the versions that this write pushes out.           */
static size_t
s_freed (const covey_memory_entry_t *entry, uint32_t history)
{
    size_t freed = 0;
    uint32_t stay = entry->versions;
    for (const covey_memory_version_t *v = entry->oldest; v && stay >= history;
         v = v->newer, stay--)
        freed += v->bytes;
    return freed;
}

covey_err_t
covey_memory_check_room (const covey_memory_t *self, const char *key,
                         const covey_memory_write_t *write,
                         const covey_memory_limits_t *limits,
                         covey_errbuf_t *err)
{
    const covey_memory_entry_t *entry = covey_memory_find_any (self, key);
    const covey_memory_space_t *space = s_find_space (self, key);
    size_t more = entry && covey_memory_is_live (entry) ? 0 : 1;
    size_t before = space ? space->entries : 0;
    if (self->entries.count + more > limits->entries_max)
        return covey_fail (
            err, COVEY_LIMIT,
            "the shared memory has %zu keys: delete some, or give "
            "them a ttl" COVEY_LIMIT_HINT ("memoryEntries"),
            self->entries.count, (unsigned long long)limits->entries_max);
    if (before + more > limits->space_entries_max)
        return covey_fail (
            err, COVEY_LIMIT,
            "the namespace \"%.100s\" has %zu keys: delete some, "
            "or give them a ttl" COVEY_LIMIT_HINT ("namespaceEntries"),
            space ? space->name : "", before,
            (unsigned long long)limits->space_entries_max);
    uint32_t history = write->history ? write->history
                       : entry        ? entry->history
                                      : COVEY_MEMORY_HISTORY;
    size_t size = s_measure (key, write);
    size_t freed = entry ? s_freed (entry, history) : 0;
    if (self->bytes - freed + size > limits->bytes_max)
        return covey_fail (
            err, COVEY_LIMIT,
            "the shared memory has %zu bytes and this needs %zu "
            "more: delete values, or keep less history" COVEY_LIMIT_HINT (
                "memoryBytes"),
            self->bytes - freed, size, (unsigned long long)limits->bytes_max);
    size_t bytes = (space ? space->bytes : 0) - freed;
    if (bytes + size > limits->space_bytes_max)
        return covey_fail (err, COVEY_LIMIT,
                           "the namespace \"%.100s\" has %zu bytes and this "
                           "needs %zu more: delete values, or keep less "
                           "history" COVEY_LIMIT_HINT ("namespaceBytes"),
                           space ? space->name : "", bytes, size,
                           (unsigned long long)limits->space_bytes_max);
    return COVEY_OK;
}

covey_memory_version_t *
covey_memory_write (covey_memory_t *self, const char *key,
                    const covey_memory_write_t *write)
{
    covey_memory_entry_t *entry = covey_memory_find_any (self, key);
    /* A value for another one: its place among the keys stays. */
    bool stays = entry && covey_memory_is_live (entry) &&
                 write->kind == COVEY_MEMORY_IS_STORED;
    if (stays)
        s_unlabel (self, entry);
    else if (entry)
        s_unindex (self, entry);
    else
        entry = s_new_entry (self, key, write->at_us);
    if (write->history)
        entry->history = write->history;
    if (entry->latest && !covey_memory_is_live (entry))
        entry->created_us = write->at_us;
    covey_memory_version_t *v = s_new_version (key, write, ++self->revision);
    v->previous = entry->latest ? entry->latest->revision : 0;
    s_append (self, entry, v);
    s_find_left (v);
    uint32_t keep = v->kind == COVEY_MEMORY_IS_STORED ? entry->history : 1;
    while (entry->versions > keep)
        s_drop_oldest (self, entry);
    if (stays)
        s_label (self, entry);
    else
        s_index (self, entry);
    return v;
}

void
covey_memory_trim (covey_memory_t *self, size_t ended_max)
{
    while (self->ended.count > ended_max) {
        covey_memory_entry_t *entry = covey_tree_first (&self->ended);
        uint64_t revision = entry->latest->revision;
        if (revision > self->floor)
            self->floor = revision;
        s_unindex (self, entry);
        s_free_entry (self, entry);
    }
}

covey_memory_version_t *
covey_memory_restore (covey_memory_t *self, const char *key,
                      const covey_memory_write_t *write, uint64_t revision,
                      uint64_t previous, char *const *left, size_t left_count)
{
    covey_memory_entry_t *entry = covey_memory_find_any (self, key);
    if (previous >= revision ||
        (entry && entry->latest->revision != previous) ||
        covey_tree_find (&self->versions, &revision, s_key_revision))
        return NULL;
    if (entry)
        s_unindex (self, entry);
    else
        entry = s_new_entry (self, key, write->at_us);
    if (write->history)
        entry->history = write->history;
    covey_memory_version_t *v = s_new_version (key, write, revision);
    v->previous = previous;
    covey_texts_sort (&v->left, left, left_count);
    s_append (self, entry, v);
    s_index (self, entry);
    return v;
}

/* ---- looking ----------------------------------------------------------------
 */

const covey_memory_version_t *
covey_memory_at (const covey_memory_entry_t *entry, uint64_t revision)
{
    const covey_memory_version_t *v = entry->latest;
    while (v && v->revision > revision)
        v = v->older;
    return v;
}

static bool
s_begins (const char *key, const char *prefix)
{
    return !prefix || strncmp (key, prefix, strlen (prefix)) == 0;
}

typedef struct {
    const char *tag;
    const char *key;
    bool from; /* the key itself is wanted, too                               */
} s_place_t;

static int
s_key_label (const void *key, const void *item)
{
    const s_place_t *place = key;
    const covey_memory_label_t *label = item;
    int order = strcmp (place->tag, label->tag);
    if (!order)
        order = strcmp (place->key, label->entry->key);
    return order == 0 && place->from ? -1 : order;
}

covey_memory_entry_t *
covey_memory_after (const covey_memory_t *self, const char *prefix,
                    const char *tag, const char *after)
{
    prefix = prefix ? prefix : "";
    /* Behind a key before the prefix is: from the prefix on. */
    bool from = !after || strcmp (after, prefix) < 0;
    const char *key = from ? prefix : after;
    covey_memory_entry_t *entry;
    if (tag) {
        const s_place_t place = {tag, key, from};
        const covey_memory_label_t *label =
            covey_tree_after (&self->labels, &place, s_key_label);
        entry = label && strcmp (label->tag, tag) == 0 ? label->entry : NULL;
    } else
        entry = from ? covey_index_from (&self->entries, key)
                     : covey_index_after (&self->entries, key);
    return entry && s_begins (entry->key, prefix) ? entry : NULL;
}

covey_memory_entry_t *
covey_memory_next (const covey_memory_t *self,
                   const covey_memory_entry_t *entry, const char *prefix,
                   const char *tag)
{
    return covey_memory_after (self, prefix, tag, entry->key);
}

const covey_memory_version_t *
covey_memory_change_after (const covey_memory_t *self, uint64_t revision)
{
    return covey_tree_after (&self->versions, &revision, s_key_revision);
}

bool
covey_memory_concerns (const covey_memory_version_t *version,
                       const char *prefix, const char *tag)
{
    return s_begins (version->entry->key, prefix) &&
           (!tag || covey_texts_has (&version->tags, tag) ||
            covey_texts_has (&version->left, tag));
}

const char *
covey_access_name (covey_access_t access)
{
    static const char *const names[] = {"read", "write", "admin"};
    return names[access];
}
