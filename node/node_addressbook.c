/*  Addresses that this node remembers: tried while it is alone, and written
    down when it meets others.                                                */
#include "node/hub.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "node/addressbook_actor.h"

#define WRITE_MS 2000 /* at most so often                                  */

/*  Who lives comes first, then who is known, then who was known before.     */
static void
s_collect (const covey_hub_t *self, covey_addressbook_t *book)
{
    covey_addressbook_init (book, self->config.mesh, self->known.roles);
    for (int living = 1; living >= 0; living--)
        for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
            const covey_peer_t *peer =
                covey_membership_at (self->membership, i);
            if (peer->known && (peer->state == COVEY_PEER_ALIVE) == living)
                covey_addressbook_add (book, peer->endpoint);
        }
    const covey_addressbook_t *before = &self->known;
    for (size_t i = 0; i < before->count; i++)
        covey_addressbook_add (book, before->addresses[i]);
}

static void
s_write (covey_hub_t *self)
{
    covey_addressbook_t book;
    s_collect (self, &book);
    covey_buf_t text;
    covey_buf_init (&text, COVEY_ADDRESSBOOK_BYTES_MAX);
    covey_addressbook_write (&book, &text);
    uint64_t hash =
        covey_str_hash (text.size ? (const char *)text.data : "", text.size);
    if (book.count && !text.failed && hash != self->book_hash) {
        self->book_hash = hash;
        self->known = book;
        covey_addressbook_actor_save (self->book, &text);
    }
    covey_buf_deinit (&text);
}

static void
s_try (covey_hub_t *self)
{
    const covey_addressbook_t *book = &self->known;
    for (size_t i = 0; i < book->count; i++)
        (void)covey_membership_hint (self->membership, book->addresses[i],
                                     self->now_ms);
}

void
covey_hub_tick_addressbook (covey_hub_t *self)
{
    bool alone =
        covey_swim_live (covey_membership_core (self->membership)) == 0;
    if (alone && self->now_ms >= self->known_ms && !self->stopping) {
        self->known_ms = self->now_ms + COVEY_MEMBERSHIP_HEARSAY_MS;
        s_try (self);
    }
    if (!self->book || self->now_ms < self->book_ms)
        return;
    self->book_ms = self->now_ms + WRITE_MS;
    s_write (self);
}

void
covey_hub_open_addressbook (covey_hub_t *self)
{
    if (self->config.known)
        self->known = *self->config.known;
    char roles[sizeof self->known.roles] = "";
    for (size_t i = 0; i < self->config.role_count; i++) {
        size_t used = strlen (roles);
        snprintf (roles + used, sizeof roles - used, "%s%s", i ? "," : "",
                  self->config.roles[i]);
    }
    covey_str_copy (self->known.roles, sizeof self->known.roles, roles);
    if (self->config.known_path)
        self->book = covey_addressbook_actor_new (self->config.known_path,
                                                  self->config.log);
}

void
covey_hub_close_addressbook (covey_hub_t *self)
{
    if (self->book && self->membership)
        s_write (self);
    covey_addressbook_actor_destroy (&self->book);
}
