#include "coordinator/clients.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

typedef struct {
    uint64_t hash;
    char *request_id;
    covey_answer_t answer;
} s_entry_t;

typedef struct {
    covey_link_t by_id;
    covey_link_t by_use;
    char *id;
    int64_t used_us;
    s_entry_t *entries; /* a ring once it is full                             */
    size_t count;
    size_t capacity;
    size_t oldest;
} s_client_t;

static int
s_by_id (const void *a, const void *b)
{
    return strcmp (((const s_client_t *)a)->id, ((const s_client_t *)b)->id);
}

static int
s_key_id (const void *key, const void *item)
{
    return strcmp (key, ((const s_client_t *)item)->id);
}

static int
s_by_use (const void *a, const void *b)
{
    const s_client_t *x = a, *y = b;
    if (x->used_us != y->used_us)
        return x->used_us < y->used_us ? -1 : 1;
    return strcmp (x->id, y->id);
}

void
covey_clients_init (covey_clients_t *self)
{
    covey_tree_init (&self->clients, offsetof (s_client_t, by_id), s_by_id);
    covey_tree_init (&self->by_use, offsetof (s_client_t, by_use), s_by_use);
    self->answer_count = 0;
}

static void
s_entry_deinit (s_entry_t *entry)
{
    free (entry->request_id);
    free (entry->answer.id);
    free (entry->answer.text);
}

static void
s_forget (covey_clients_t *self, s_client_t *client)
{
    covey_tree_remove (&self->clients, client);
    covey_tree_remove (&self->by_use, client);
    self->answer_count -= client->count;
    for (size_t i = 0; i < client->count; i++)
        s_entry_deinit (&client->entries[i]);
    free (client->entries);
    free (client->id);
    free (client);
}

void
covey_clients_deinit (covey_clients_t *self)
{
    s_client_t *client;
    while ((client = covey_tree_first (&self->clients)))
        s_forget (self, client);
}

void
covey_clients_expire (covey_clients_t *self, int64_t now_us)
{
    s_client_t *client;
    while ((client = covey_tree_first (&self->by_use)) &&
           client->used_us + COVEY_CLIENT_IDLE_US <= now_us)
        s_forget (self, client);
}

const covey_answer_t *
covey_clients_find (const covey_clients_t *self, const char *client_id,
                    const char *request_id)
{
    const s_client_t *client =
        covey_tree_find (&self->clients, client_id, s_key_id);
    if (!client)
        return NULL;
    uint64_t hash = covey_str_hash (request_id, strlen (request_id));
    for (size_t i = 0; i < client->count; i++)
        if (client->entries[i].hash == hash &&
            strcmp (client->entries[i].request_id, request_id) == 0)
            return &client->entries[i].answer;
    return NULL;
}

static s_client_t *
s_use (covey_clients_t *self, const char *client_id, int64_t now_us)
{
    s_client_t *client = covey_tree_find (&self->clients, client_id, s_key_id);
    if (client)
        covey_tree_remove (&self->by_use, client);
    else {
        client = covey_mem_new (sizeof *client);
        client->id = covey_str_dup (client_id);
        covey_tree_insert (&self->clients, client);
    }
    client->used_us = now_us;
    covey_tree_insert (&self->by_use, client);
    return client;
}

void
covey_clients_keep (covey_clients_t *self, const char *client_id,
                    const char *request_id, const covey_answer_t *answer,
                    int64_t now_us)
{
    s_client_t *client = s_use (self, client_id, now_us);
    s_entry_t *entry;
    if (client->count == COVEY_CLIENT_WINDOW) {
        entry = &client->entries[client->oldest];
        client->oldest = (client->oldest + 1) % COVEY_CLIENT_WINDOW;
        s_entry_deinit (entry);
    } else {
        client->entries =
            covey_mem_room (client->entries, client->count, &client->capacity,
                            sizeof *client->entries);
        entry = &client->entries[client->count++];
        self->answer_count++;
    }
    entry->hash = covey_str_hash (request_id, strlen (request_id));
    entry->request_id = covey_str_dup (request_id);
    entry->answer =
        (covey_answer_t){answer->code, answer->show, covey_str_dup (answer->id),
                         covey_str_dup (answer->text)};
    while (self->clients.count > COVEY_CLIENTS_MAX ||
           (self->answer_count > COVEY_CLIENT_ANSWERS_MAX &&
            self->clients.count > 1))
        s_forget (self, covey_tree_first (&self->by_use));
}

uint64_t
covey_clients_digest (const covey_clients_t *self)
{
    uint64_t digest = self->clients.count;
    for (const s_client_t *c = covey_tree_first (&self->clients); c;
         c = covey_tree_next (&self->clients, c)) {
        digest = digest * 31 + covey_str_hash (c->id, strlen (c->id));
        digest = digest * 31 + (uint64_t)c->used_us;
        for (size_t i = 0; i < c->count; i++)
            digest = digest * 31 + c->entries[(c->oldest + i) % c->count].hash +
                     (uint64_t)(unsigned)c->entries[i].answer.code;
    }
    return digest;
}
