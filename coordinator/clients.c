#include "coordinator/clients.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static int
s_by_id (const void *a, const void *b)
{
    return strcmp (((const covey_client_t *)a)->id,
                   ((const covey_client_t *)b)->id);
}

static int
s_key_id (const void *key, const void *item)
{
    return strcmp (key, ((const covey_client_t *)item)->id);
}

static int
s_by_use (const void *a, const void *b)
{
    const covey_client_t *x = a, *y = b;
    if (x->used_us != y->used_us)
        return x->used_us < y->used_us ? -1 : 1;
    return strcmp (x->id, y->id);
}

void
covey_clients_init (covey_clients_t *self)
{
    covey_tree_init (&self->clients, offsetof (covey_client_t, by_id), s_by_id);
    covey_tree_init (&self->by_use, offsetof (covey_client_t, by_use),
                     s_by_use);
    self->answer_count = 0;
    self->forgotten_us = 0;
}

static void
s_verdict_deinit (covey_verdict_t *verdict)
{
    free (verdict->request_id);
    free (verdict->answer.id);
    free (verdict->answer.text);
}

static void
s_forget (covey_clients_t *self, covey_client_t *client)
{
    covey_tree_remove (&self->clients, client);
    covey_tree_remove (&self->by_use, client);
    self->answer_count -= client->count;
    if (client->used_us > self->forgotten_us)
        self->forgotten_us = client->used_us;
    for (size_t i = 0; i < client->count; i++)
        s_verdict_deinit (&client->verdicts[i]);
    free (client->verdicts);
    free (client->id);
    free (client);
}

void
covey_clients_deinit (covey_clients_t *self)
{
    covey_client_t *client;
    while ((client = covey_tree_first (&self->clients)))
        s_forget (self, client);
}

void
covey_clients_expire (covey_clients_t *self, int64_t now_us)
{
    covey_client_t *client;
    while ((client = covey_tree_first (&self->by_use)) &&
           client->used_us + COVEY_CLIENT_IDLE_US <= now_us)
        s_forget (self, client);
}

/*  False when the id does not tell its time.                                */
static bool
s_is_timed (const char *request_id, covey_id_t *id)
{
    return strlen (request_id) == 36 && request_id[14] == '7' &&
           covey_id_parse (request_id, id->bytes) == COVEY_OK;
}

static bool
s_is_above (const covey_id_t *id, const covey_id_t *other)
{
    return memcmp (id->bytes, other->bytes, sizeof id->bytes) > 0;
}

/*  Of who is not known: the last id of the millisecond in which one that was
    forgotten was heard.                                                      */
static covey_id_t
s_floor (const covey_clients_t *self)
{
    covey_id_t floor = {{0}};
    uint64_t ms = (uint64_t)self->forgotten_us / 1000;
    if (!ms)
        return floor;
    memset (floor.bytes, 0xff, sizeof floor.bytes);
    for (int i = 0; i < 6; i++)
        floor.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    return floor;
}

static const covey_answer_t *
s_search (const covey_client_t *client, const char *request_id)
{
    uint64_t hash = covey_str_hash (request_id, strlen (request_id));
    for (size_t i = 0; i < client->count; i++)
        if (client->verdicts[i].hash == hash &&
            strcmp (client->verdicts[i].request_id, request_id) == 0)
            return &client->verdicts[i].answer;
    return NULL;
}

covey_request_t
covey_clients_look (const covey_clients_t *self, const char *client_id,
                    const char *request_id, const covey_answer_t **answer_p)
{
    const covey_client_t *client =
        covey_tree_find (&self->clients, client_id, s_key_id);
    covey_id_t id;
    bool timed = s_is_timed (request_id, &id);
    if (client && timed && s_is_above (&id, &client->newest) &&
        s_is_above (&id, &client->floor))
        return COVEY_REQUEST_NEW;
    const covey_answer_t *answer =
        client ? s_search (client, request_id) : NULL;
    if (answer) {
        *answer_p = answer;
        return COVEY_REQUEST_ANSWERED;
    }
    covey_id_t floor = client ? client->floor : s_floor (self);
    return timed && !s_is_above (&id, &floor) ? COVEY_REQUEST_FORGOTTEN
                                              : COVEY_REQUEST_NEW;
}

static covey_client_t *
s_use (covey_clients_t *self, const char *client_id, int64_t now_us)
{
    covey_client_t *client =
        covey_tree_find (&self->clients, client_id, s_key_id);
    if (client)
        covey_tree_remove (&self->by_use, client);
    else {
        client = covey_mem_new (sizeof *client);
        client->id = covey_str_dup (client_id);
        client->floor = s_floor (self);
        covey_tree_insert (&self->clients, client);
    }
    client->used_us = now_us;
    covey_tree_insert (&self->by_use, client);
    return client;
}

/*  Drop the oldest one; what it was is below the floor from now on.         */
static covey_verdict_t *
s_reuse (covey_client_t *client)
{
    covey_verdict_t *verdict = &client->verdicts[client->oldest];
    covey_id_t id;
    if (s_is_timed (verdict->request_id, &id) &&
        s_is_above (&id, &client->floor))
        client->floor = id;
    client->oldest = (client->oldest + 1) % COVEY_CLIENT_WINDOW;
    s_verdict_deinit (verdict);
    return verdict;
}

void
covey_clients_keep (covey_clients_t *self, const char *client_id,
                    const char *request_id, const covey_answer_t *answer,
                    int64_t now_us)
{
    covey_client_t *client = s_use (self, client_id, now_us);
    covey_verdict_t *verdict;
    if (client->count == COVEY_CLIENT_WINDOW)
        verdict = s_reuse (client);
    else {
        client->verdicts =
            covey_mem_room (client->verdicts, client->count, &client->capacity,
                            sizeof *client->verdicts);
        verdict = &client->verdicts[client->count++];
        self->answer_count++;
    }
    verdict->hash = covey_str_hash (request_id, strlen (request_id));
    verdict->request_id = covey_str_dup (request_id);
    covey_id_t id;
    if (s_is_timed (request_id, &id) && s_is_above (&id, &client->newest))
        client->newest = id;
    verdict->answer =
        (covey_answer_t){answer->code, answer->show, covey_str_dup (answer->id),
                         covey_str_dup (answer->text)};
    while (self->clients.count > COVEY_CLIENTS_MAX ||
           (self->answer_count > COVEY_CLIENT_ANSWERS_MAX &&
            self->clients.count > 1))
        s_forget (self, covey_tree_first (&self->by_use));
}

void
covey_clients_set_floor (covey_clients_t *self, const char *client_id,
                         const uint8_t *floor)
{
    covey_client_t *client =
        covey_tree_find (&self->clients, client_id, s_key_id);
    if (client)
        memcpy (client->floor.bytes, floor, sizeof client->floor.bytes);
}
