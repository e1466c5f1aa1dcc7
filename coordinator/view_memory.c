/*  What callers see of the shared memory.                                    */
#include <stdlib.h>
#include <string.h>

#include "coordinator/view.h"
#include "proto/json.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 1000
/*  A page ends behind so many bytes: with one more value, every byte of it
    escaped, it still fits into an answer.                                    */
#define PAGE_BYTES (128u << 10)
/*  Versions that one question looks at.                                      */
#define SCAN_MAX 20000

/* ---- one version ------------------------------------------------------------
 */

typedef struct {
    bool with_value;
    const char *tag; /* that somebody follows, or NULL                        */
} s_look_t;

static void
s_fill_value (const covey_memory_version_t *v, Covey__V1__Payload *payload)
{
    covey__v1__payload__init (payload);
    payload->has_content_type = true;
    payload->content_type = (Covey__V1__ContentType)v->content;
    payload->has_data = true;
    payload->data.data = v->data;
    payload->data.len = v->size;
}

static void
s_fill (const covey_memory_version_t *v, Covey__Control__MemoryView *view)
{
    covey__control__memory_view__init (view);
    view->key = v->entry->key;
    view->has_revision = true;
    view->revision = v->revision;
    view->owner = v->owner;
    view->has_access_level = true;
    view->access_level = (Covey__V1__AccessLevel)v->access;
    view->author = v->author;
    view->correlation_id = v->correlation;
    view->has_causation_id = v->has_cause;
    view->causation_id =
        (ProtobufCBinaryData){sizeof v->cause, (uint8_t *)(uintptr_t)v->cause};
    view->has_written_at = true;
    view->written_at = v->at_us;
    view->has_previous = true;
    view->previous = v->previous;
    if (v->kind != COVEY_MEMORY_IS_STORED) {
        view->has_reason = true;
        view->reason = v->kind == COVEY_MEMORY_IS_EXPIRED
                           ? COVEY__V1__MEMORY_END__MEMORY_END_EXPIRED
                           : COVEY__V1__MEMORY_END__MEMORY_END_DELETED;
        return;
    }
    view->has_size = true;
    view->size = v->size;
    view->has_expires_at = v->expires_us != 0;
    view->expires_at = v->expires_us;
    view->tags = v->tags.items;
    view->n_tags = v->tags.count;
    view->has_created_at = true;
    view->created_at = v->entry->created_us;
    view->has_history = true;
    view->history = v->entry->history;
}

static covey_err_t
s_put (const covey_memory_version_t *v, const s_look_t *look, covey_buf_t *to)
{
    Covey__Control__MemoryView view;
    Covey__V1__Payload value;
    s_fill (v, &view);
    bool is_stored = v->kind == COVEY_MEMORY_IS_STORED;
    if (look->with_value && is_stored) {
        s_fill_value (v, &value);
        view.value = &value;
    }
    if (is_stored && look->tag && !covey_texts_has (&v->tags, look->tag))
        view.has_untagged = view.untagged = true;
    return covey_json_write (&view.base, to);
}

/*  A version that is not kept any more: what the answer itself knows. `sum` is
    that of a counter, or NULL.                                               */
static covey_err_t
s_put_superseded (const char *key, uint64_t revision, const char *sum,
                  size_t size, covey_buf_t *to)
{
    Covey__Control__MemoryView view = COVEY__CONTROL__MEMORY_VIEW__INIT;
    Covey__V1__Payload value = COVEY__V1__PAYLOAD__INIT;
    view.key = (char *)(uintptr_t)key;
    view.has_revision = true;
    view.revision = revision;
    view.has_superseded = view.superseded = true;
    if (sum) {
        value.has_content_type = value.has_data = true;
        value.content_type = COVEY__V1__CONTENT_TYPE__JSON;
        value.data = (ProtobufCBinaryData){size, (uint8_t *)(uintptr_t)sum};
        view.value = &value;
    }
    return covey_json_write (&view.base, to);
}

covey_err_t
covey_view_memory (const covey_state_t *state, covey_show_t show,
                   const char *id, covey_buf_t *to)
{
    char *key;
    uint64_t revision = strtoull (id, &key, 10);
    key += *key == ' ';
    const char *sum = show == COVEY_SHOW_COUNTER ? key : NULL;
    size_t size = sum ? strcspn (sum, " ") : 0;
    key += size + (sum && sum[size] ? 1 : 0);
    const covey_memory_entry_t *entry =
        covey_memory_find_any (&state->memory, key);
    const covey_memory_version_t *v =
        entry ? covey_memory_at (entry, revision) : NULL;
    if (!v || v->revision != revision)
        return s_put_superseded (key, revision, sum, size, to);
    return s_put (v, &(s_look_t){.with_value = show != COVEY_SHOW_MEMORY}, to);
}

covey_err_t
covey_state_memory (const covey_state_t *self,
                    const Covey__Control__MemoryGet *get, covey_buf_t *to,
                    covey_errbuf_t *err)
{
    const covey_memory_entry_t *entry =
        covey_memory_find_any (&self->memory, get->key);
    const covey_memory_version_t *v = NULL;
    if (entry && get->has_revision) {
        v = covey_memory_at (entry, get->revision);
        if (!v || v->revision != get->revision)
            return covey_fail (err, COVEY_NOTFOUND,
                               "revision %llu of key %.200s is not kept: the "
                               "history has the last %u",
                               (unsigned long long)get->revision, get->key,
                               entry->history);
    } else if (entry && covey_memory_is_live (entry))
        v = entry->latest;
    if (!v)
        return covey_fail (err, COVEY_NOTFOUND, "no key %.200s", get->key);
    return s_put (v, &(s_look_t){.with_value = true}, to);
}

/* ---- lists ------------------------------------------------------------------
 */

/*  A list of views that grows to a page.                                    */
typedef struct {
    covey_buf_t *to;
    uint32_t limit;
    uint32_t count;
} s_page_t;

static void
s_page_begin (s_page_t *self, const char *name, uint32_t limit, covey_buf_t *to)
{
    *self = (s_page_t){.to = to, .limit = limit ? limit : LIMIT_DEFAULT};
    if (self->limit > LIMIT_MAX)
        self->limit = LIMIT_MAX;
    covey_buf_printf (to, "\"%s\":[", name);
}

static void
s_revision (uint64_t revision, covey_buf_t *to)
{
    covey_buf_printf (to, "{\"revision\":%llu,", (unsigned long long)revision);
}

static bool
s_page_is_full (const s_page_t *self)
{
    return self->count >= self->limit || self->to->size > PAGE_BYTES;
}

static covey_err_t
s_page_put (s_page_t *self, const covey_memory_version_t *v,
            const s_look_t *look)
{
    if (self->count++)
        covey_buf_putc (self->to, ',');
    return s_put (v, look, self->to);
}

static covey_err_t
s_page_end (s_page_t *self, const char *next)
{
    covey_buf_putc (self->to, ']');
    if (next) {
        covey_buf_puts (self->to, ",\"next\":");
        covey_json_quote (self->to, next, strlen (next));
    }
    covey_buf_putc (self->to, '}');
    return self->to->failed ? COVEY_LIMIT : COVEY_OK;
}

covey_err_t
covey_state_memory_history (const covey_state_t *self,
                            const Covey__Control__MemoryHistory *query,
                            covey_buf_t *to, covey_errbuf_t *err)
{
    const covey_memory_entry_t *entry =
        covey_memory_find_any (&self->memory, query->key);
    if (!entry)
        return covey_fail (err, COVEY_NOTFOUND, "no key %.200s", query->key);
    s_page_t page;
    s_revision (self->memory.revision, to);
    s_page_begin (&page, "entries", query->has_limit ? query->limit : 0, to);
    covey_err_t code = COVEY_OK;
    for (const covey_memory_version_t *v = entry->latest;
         v && !code && !s_page_is_full (&page); v = v->older)
        code = s_page_put (&page, v, &(s_look_t){.with_value = true});
    return code ? code : s_page_end (&page, NULL);
}

/*  The version that a list shows of an entry; NULL: it had no value then, or
    not the tag.                                                              */
static const covey_memory_version_t *
s_listed (const covey_memory_entry_t *entry,
          const Covey__Control__MemoryQuery *query)
{
    if (!query->has_at)
        return entry->latest;
    const covey_memory_version_t *v = covey_memory_at (entry, query->at);
    bool has = v && v->kind == COVEY_MEMORY_IS_STORED &&
               (!query->tag || covey_texts_has (&v->tags, query->tag));
    return has ? v : NULL;
}

covey_err_t
covey_state_memory_list (const covey_state_t *self,
                         const Covey__Control__MemoryQuery *query,
                         covey_buf_t *to, covey_errbuf_t *err)
{
    (void)err;
    const covey_memory_t *memory = &self->memory;
    const s_look_t look = {.with_value = query->has_values && query->values};
    s_page_t page;
    s_revision (query->has_at ? query->at : memory->revision, to);
    s_page_begin (&page, "entries", query->has_limit ? query->limit : 0, to);
    covey_err_t code = COVEY_OK;
    size_t seen = 0;
    const char *last = NULL;
    const covey_memory_entry_t *entry =
        covey_memory_after (memory, query->prefix, query->tag, query->after);
    while (entry && !code && !s_page_is_full (&page) && seen++ < SCAN_MAX) {
        const covey_memory_version_t *v = s_listed (entry, query);
        if (v)
            code = s_page_put (&page, v, &look);
        last = entry->key;
        entry = covey_memory_next (memory, entry, query->prefix, query->tag);
    }
    return code ? code : s_page_end (&page, entry ? last : NULL);
}

covey_err_t
covey_state_memory_changes (const covey_state_t *self,
                            const Covey__Control__MemoryFollow *follow,
                            covey_buf_t *to, covey_errbuf_t *err)
{
    const covey_memory_t *memory = &self->memory;
    uint64_t floor = memory->floor;
    if (follow->tag && memory->tag_floor > floor)
        floor = memory->tag_floor;
    if (follow->after < floor)
        return covey_fail (err, COVEY_LIMIT,
                           "changes behind revision %llu are not all kept, "
                           "only those behind %llu: list, and go on from there",
                           (unsigned long long)follow->after,
                           (unsigned long long)floor);
    if (follow->after > memory->revision)
        return covey_fail (err, COVEY_LIMIT,
                           "revision %llu has not been given, the last one is "
                           "%llu: list, and go on from there",
                           (unsigned long long)follow->after,
                           (unsigned long long)memory->revision);
    const s_look_t look = {.with_value = follow->has_values && follow->values,
                           .tag = follow->tag};
    s_page_t page;
    covey_buf_putc (to, '{');
    s_page_begin (&page, "changes", follow->has_limit ? follow->limit : 0, to);
    covey_err_t code = COVEY_OK;
    size_t seen = 0;
    uint64_t last = follow->after;
    const covey_memory_version_t *v = covey_memory_change_after (memory, last);
    for (; v && !code && !s_page_is_full (&page) && seen < SCAN_MAX; seen++) {
        if (covey_memory_concerns (v, follow->prefix, follow->tag))
            code = s_page_put (&page, v, &look);
        last = v->revision;
        v = covey_memory_change_after (memory, last);
    }
    if (code)
        return code;
    /* Nothing is behind the last one: go on from where the store is. */
    if (!v && memory->revision > last)
        last = memory->revision;
    covey_buf_printf (to, "],\"revision\":%llu,\"more\":%s}",
                      (unsigned long long)last, v ? "true" : "false");
    return to->failed ? COVEY_LIMIT : COVEY_OK;
}

static int
s_key_space (const void *key, const void *item)
{
    return strcmp (key, ((const covey_memory_space_t *)item)->name);
}

covey_err_t
covey_state_memory_spaces (const covey_state_t *self,
                           const Covey__Control__ListQuery *query,
                           covey_buf_t *to, covey_errbuf_t *err)
{
    (void)err;
    const covey_tree_t *spaces = &self->memory.spaces;
    s_revision (self->memory.revision, to);
    covey_buf_printf (to, "\"entries\":%zu,\"bytes\":%zu,",
                      self->memory.entries.count, self->memory.bytes);
    s_page_t page;
    s_page_begin (&page, "namespaces", query->has_limit ? query->limit : 0, to);
    const char *last = NULL;
    const covey_memory_space_t *space =
        query->after ? covey_tree_after (spaces, query->after, s_key_space)
                     : covey_tree_first (spaces);
    while (space && !s_page_is_full (&page)) {
        covey_buf_puts (to, page.count++ ? ",{\"name\":" : "{\"name\":");
        covey_json_quote (to, space->name, strlen (space->name));
        covey_buf_printf (to, ",\"entries\":%zu,\"bytes\":%zu}", space->entries,
                          space->bytes);
        last = space->name;
        space = covey_tree_next (spaces, space);
    }
    return s_page_end (&page, space ? last : NULL);
}
