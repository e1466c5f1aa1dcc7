#include "node/requests.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/table.h"
#include "node/fields.h"

#define KEY_MAX (COVEY_AGENT_ID_MAX + 1 + COVEY_NAME_MAX)

typedef struct requests_entry requests_entry_t;
struct requests_entry {
    covey_request_t request;
    bool is_told;
    requests_entry_t *prev, *next; /* by age                                  */
    size_t key_size;
    char key[]; /* source, line feed, request id                              */
};

struct covey_requests {
    covey_table_t table;
    requests_entry_t *first, *last;
    uint64_t forgotten;
};

covey_requests_t *
covey_requests_new (void)
{
    covey_requests_t *self = covey_mem_new (sizeof *self);
    covey_table_init (&self->table);
    return self;
}

static void
s_drop (covey_requests_t *self, requests_entry_t *entry)
{
    covey_table_remove (&self->table, entry->key, entry->key_size);
    if (entry->prev)
        entry->prev->next = entry->next;
    else
        self->first = entry->next;
    if (entry->next)
        entry->next->prev = entry->prev;
    else
        self->last = entry->prev;
    free (entry->request.request_id);
    free (entry->request.source);
    free (entry->request.target);
    free (entry);
}

void
covey_requests_destroy (covey_requests_t **self_p)
{
    covey_requests_t *self = *self_p;
    if (!self)
        return;
    while (self->first)
        s_drop (self, self->first);
    covey_table_deinit (&self->table);
    free (self);
    *self_p = NULL;
}

static size_t
s_write_key (char key[KEY_MAX], covey_slice_t source, covey_slice_t id)
{
    if (id.size == 0 || id.size > COVEY_NAME_MAX || source.size == 0 ||
        source.size > COVEY_AGENT_ID_MAX)
        return 0;
    memcpy (key, source.text, source.size);
    key[source.size] = '\n';
    memcpy (key + source.size + 1, id.text, id.size);
    return source.size + 1 + id.size;
}

/*  0: there is no usable id.                                                 */
static size_t
s_key (char key[KEY_MAX], covey_slice_t source, const covey_peek_t *event)
{
    return s_write_key (
        key, source, covey_field_bytes (event->data, COVEY_FIELD_REQUEST_ID));
}

static char *
s_dup (covey_slice_t slice)
{
    char *text = covey_mem_new (slice.size + 1);
    memcpy (text, slice.text, slice.size);
    return text;
}

void
covey_requests_add (covey_requests_t *self, const covey_peek_t *request,
                    const uint8_t session_id[16], int64_t until_ms)
{
    char key[KEY_MAX];
    size_t size = s_key (key, request->source, request);
    if (!size || !request->id)
        return;
    requests_entry_t *same = covey_table_get (&self->table, key, size);
    if (same && !same->is_told)
        return;
    if (same) /* asked again after it failed                                 */
        s_drop (self, same);
    if (self->table.count >= COVEY_REQUESTS_MAX) {
        s_drop (self, self->first);
        self->forgotten++;
    }
    requests_entry_t *entry = covey_mem_new (sizeof *entry + size);
    memcpy (entry->key, key, size);
    entry->key_size = size;
    entry->request.request_id =
        s_dup (covey_field_bytes (request->data, COVEY_FIELD_REQUEST_ID));
    entry->request.source = s_dup (request->source);
    entry->request.target = s_dup (request->first_target);
    memcpy (entry->request.event_id, request->id, 16);
    memcpy (entry->request.session_id, session_id, 16);
    entry->request.until_ms = until_ms;
    entry->prev = self->last;
    if (self->last)
        self->last->next = entry;
    else
        self->first = entry;
    self->last = entry;
    covey_table_put (&self->table, entry->key, size, entry);
}

bool
covey_requests_answered (covey_requests_t *self, const char *source,
                         const covey_peek_t *response, uint8_t event_id[16])
{
    char key[KEY_MAX];
    covey_slice_t asker = {.text = source, .size = strlen (source)};
    size_t size = self->first ? s_key (key, asker, response) : 0;
    requests_entry_t *entry =
        size ? covey_table_get (&self->table, key, size) : NULL;
    if (!entry)
        return false;
    memcpy (event_id, entry->request.event_id, 16);
    s_drop (self, entry);
    return true;
}

void
covey_requests_move (covey_requests_t *self, const covey_peek_t *request,
                     const char *target, const uint8_t session_id[16])
{
    char key[KEY_MAX];
    size_t size = s_key (key, request->source, request);
    requests_entry_t *entry =
        size ? covey_table_get (&self->table, key, size) : NULL;
    if (!entry)
        return;
    free (entry->request.target);
    entry->request.target = covey_str_dup (target);
    memcpy (entry->request.session_id, session_id, 16);
}

bool
covey_requests_tell (covey_requests_t *self, covey_slice_t source,
                     const char *request_id)
{
    char key[KEY_MAX];
    covey_slice_t id = {.text = request_id, .size = strlen (request_id)};
    size_t size = s_write_key (key, source, id);
    requests_entry_t *entry =
        size ? covey_table_get (&self->table, key, size) : NULL;
    if (!entry)
        return true; /* not one that we remember                              */
    bool is_new = !entry->is_told;
    entry->is_told = true;
    return is_new;
}

size_t
covey_requests_count (const covey_requests_t *self)
{
    return self->table.count;
}

uint64_t
covey_requests_forgotten (const covey_requests_t *self)
{
    return self->forgotten;
}

void
covey_requests_sweep (covey_requests_t *self, int64_t now_ms,
                      covey_requests_fn *is_gone, void *arg)
{
    for (requests_entry_t *entry = self->first, *next; entry; entry = next) {
        next = entry->next;
        if (now_ms >= entry->request.until_ms)
            s_drop (self, entry);
        else if (!entry->is_told)
            entry->is_told = is_gone (arg, &entry->request);
    }
}
