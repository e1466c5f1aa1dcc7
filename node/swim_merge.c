/*  What a claim about a member changes: the table in swim.h.                */
#include "node/swim_class.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

void
covey_swim_news (covey_swim_t *self, covey_swim_member_t *member,
                 int64_t now_ms)
{
    /* Who sent a full state tells the same to others: once is enough from us,
       whoever hears it from us as news tells it in full (not in the papers). */
    int limit = covey_swim_gossip_limit (self->config.gossip_mult,
                                         covey_swim_group (self));
    covey_swim_gossip_put (&self->gossip, member,
                           self->hearsay ? limit - 1 : 0);
    if (self->gossip_due_ms != COVEY_SWIM_NEVER)
        return;
    uint64_t period = (uint64_t)self->config.gossip_ms;
    int64_t due_ms = now_ms + (int64_t)covey_prng_below (&self->prng, period);
    int64_t soonest_ms = self->gossiped_ms + self->config.gossip_ms;
    self->gossip_due_ms = due_ms > soonest_ms ? due_ms : soonest_ms;
}

/* ------------------------------------------------------------------------ */
/*  Suspicion                                                                */

static void
s_wake_for (covey_swim_t *self, const covey_suspicion_t *suspicion)
{
    int64_t deadline_ms = covey_suspicion_deadline_ms (suspicion);
    if (deadline_ms < self->suspicion_due_ms)
        self->suspicion_due_ms = deadline_ms;
}

static void
s_begin_suspicion (covey_swim_t *self, covey_swim_member_t *member,
                   const uint8_t accuser[16], int64_t now_ms)
{
    const covey_swim_config_t *config = &self->config;
    uint64_t group = covey_swim_group (self);
    int64_t min_ms = covey_suspicion_min_ms (config->suspicion_mult, group,
                                             config->probe_ms);
    int64_t max_ms = min_ms * config->suspicion_max_mult;
    /* Too few to confirm: neither the accuser nor the suspect can. */
    int expected = config->confirmations;
    if (!config->lifeguard || group < (uint64_t)expected + 2)
        expected = 0;
    member->suspicion = covey_mem_new (sizeof *member->suspicion);
    covey_suspicion_init (member->suspicion, accuser, expected, min_ms, max_ms,
                          now_ms);
    covey_swim_list_t *suspects = &self->suspects;
    suspects->items =
        covey_mem_room (suspects->items, suspects->count, &suspects->capacity,
                        sizeof (covey_swim_member_t *));
    member->suspicion->place = (uint32_t)suspects->count;
    suspects->items[suspects->count++] = member;
    s_wake_for (self, member->suspicion);
}

static void
s_end_suspicion (covey_swim_t *self, covey_swim_member_t *member)
{
    if (!member->suspicion)
        return;
    covey_swim_list_t *suspects = &self->suspects;
    covey_swim_member_t *last = suspects->items[--suspects->count];
    last->suspicion->place = member->suspicion->place;
    suspects->items[last->suspicion->place] = last;
    free (member->suspicion);
    member->suspicion = NULL;
}

/* ------------------------------------------------------------------------ */
/*  Changes of state                                                         */

/*  To `state` at that incarnation; the news go round.                       */
static void
s_become (covey_swim_t *self, covey_swim_member_t *member,
          const covey_swim_update_t *update, covey_swim_state_t state,
          int64_t now_ms)
{
    if (state != COVEY_SWIM_SUSPECTED)
        s_end_suspicion (self, member);
    if (member->state != state || member->epoch != update->epoch)
        member->since_ms = now_ms;
    covey_swim_table_set (&self->table, member, update->epoch,
                          update->incarnation, state, &self->prng);
    memcpy (member->accuser, update->accuser, 16);
    member->health = update->health;
    self->strangers = 0;
    covey_swim_news (self, member, now_ms);
}

static void
s_tell (covey_swim_t *self, const covey_swim_member_t *member,
        covey_swim_change_t change, const char *reason)
{
    self->callbacks.changed (self->callbacks.arg, member, change, reason);
}

/*  Where it is and what it says of itself.                                  */
static void
s_describe (covey_swim_member_t *member, const covey_swim_update_t *update)
{
    if (!update->address)
        return;
    if (!member->address || strcmp (member->address, update->address) != 0) {
        free (member->address);
        member->address = covey_str_dup (update->address);
    }
    free (member->meta);
    member->meta = update->meta_size
                       ? covey_mem_dup (update->meta, update->meta_size)
                       : NULL;
    member->meta_size = update->meta_size;
}

static void
s_alive (covey_swim_t *self, covey_swim_member_t *member,
         const covey_swim_update_t *update, int64_t now_ms)
{
    if (member->state == COVEY_SWIM_LEFT ||
        update->incarnation <= member->incarnation)
        return;
    bool was_alive = member->state == COVEY_SWIM_ALIVE;
    if (!was_alive && !member->address && !update->address)
        return;
    s_describe (member, update);
    s_become (self, member, update, COVEY_SWIM_ALIVE, now_ms);
    if (!was_alive)
        s_tell (self, member, COVEY_SWIM_RECOVERED, "it refuted");
}

static void
s_suspect (covey_swim_t *self, covey_swim_member_t *member,
           const covey_swim_update_t *update, int64_t now_ms)
{
    if (member->state == COVEY_SWIM_LEFT) {
        /* The accuser missed that it left: tell again (not in the papers). */
        if (!member->queued)
            covey_swim_news (self, member, now_ms);
        return;
    }
    if (member->state == COVEY_SWIM_FAILED ||
        update->incarnation < member->incarnation)
        return;
    if (member->state == COVEY_SWIM_SUSPECTED) {
        bool counts =
            covey_suspicion_confirm (member->suspicion, update->accuser);
        if (counts)
            s_wake_for (self, member->suspicion);
        if (counts || update->incarnation > member->incarnation)
            s_become (self, member, update, COVEY_SWIM_SUSPECTED, now_ms);
        return;
    }
    s_become (self, member, update, COVEY_SWIM_SUSPECTED, now_ms);
    s_begin_suspicion (self, member, update->accuser, now_ms);
    s_tell (self, member, COVEY_SWIM_BECAME_SUSPECTED,
            "it did not answer a probe");
}

static void
s_fail (covey_swim_t *self, covey_swim_member_t *member,
        const covey_swim_update_t *update, int64_t now_ms)
{
    if (member->state >= COVEY_SWIM_FAILED ||
        update->incarnation < member->incarnation)
        return;
    s_become (self, member, update, COVEY_SWIM_FAILED, now_ms);
    s_tell (self, member, COVEY_SWIM_BECAME_FAILED, "it did not refute");
}

static void
s_leave (covey_swim_t *self, covey_swim_member_t *member,
         const covey_swim_update_t *update, int64_t now_ms)
{
    if (member->state == COVEY_SWIM_LEFT)
        return;
    s_become (self, member, update, COVEY_SWIM_LEFT, now_ms);
    s_tell (self, member, COVEY_SWIM_DEPARTED, "it left");
}

/*  Room for one more: who left or failed longest ago goes.                  */
static bool
s_make_room (covey_swim_t *self)
{
    if (self->table.all.count < self->config.members_max)
        return true;
    covey_swim_member_t *oldest = NULL;
    for (size_t i = 0; i < self->table.all.count; i++) {
        covey_swim_member_t *one = self->table.all.items[i];
        if (one->state >= COVEY_SWIM_FAILED &&
            (!oldest || one->since_ms < oldest->since_ms))
            oldest = one;
    }
    if (oldest)
        covey_swim_forget (self, oldest);
    else
        self->stats.refused++;
    return oldest != NULL;
}

/*  A member we did not know, or an incarnation after the one we knew. Who
    failed or left before we met it is remembered, so that older claims do not
    bring it to life, but that is no news.                                    */
static void
s_meet (covey_swim_t *self, covey_swim_member_t *member,
        const covey_swim_update_t *update, int64_t now_ms)
{
    bool lives = update->state <= COVEY_SWIM_SUSPECTED;
    if (lives && !update->address)
        return; /* a claim that can be followed will come */
    if (!member && !s_make_room (self))
        return;
    if (!member)
        member = covey_swim_table_add (&self->table, update->id);
    else if (member->state <= COVEY_SWIM_SUSPECTED && lives) {
        covey_swim_update_t end = *update;
        end.epoch = member->epoch;
        end.incarnation = member->incarnation;
        memset (end.accuser, 0, 16);
        s_become (self, member, &end, COVEY_SWIM_FAILED, now_ms);
        s_tell (self, member, COVEY_SWIM_BECAME_FAILED, "it was restarted");
    }
    bool was_live = member->state <= COVEY_SWIM_SUSPECTED;
    s_describe (member, update);
    s_become (self, member, update, lives ? COVEY_SWIM_ALIVE : update->state,
              now_ms);
    if (lives)
        s_tell (self, member, COVEY_SWIM_JOINED, "");
    else if (was_live && update->state == COVEY_SWIM_FAILED)
        s_tell (self, member, COVEY_SWIM_BECAME_FAILED, "it was restarted");
    else if (was_live)
        s_tell (self, member, COVEY_SWIM_DEPARTED, "it left");
    if (update->state == COVEY_SWIM_SUSPECTED)
        s_suspect (self, member, update, now_ms);
}

/*  Somebody says something of us (SWIM 4.2): only we raise our incarnation. */
static void
s_about_me (covey_swim_t *self, const covey_swim_update_t *update,
            int64_t now_ms)
{
    covey_swim_member_t *me = &self->me;
    if (self->leaving)
        return;
    if (update->epoch > me->epoch) {
        self->stats.invalid++; /* a copy of our data folder is running */
        return;
    }
    bool accused = update->state != COVEY_SWIM_ALIVE;
    if (update->epoch < me->epoch || update->incarnation < me->incarnation) {
        /* Refuted, but the sender does not know: it shall have it again.     */
        self->hearsay = true;
        if (!me->queued)
            covey_swim_news (self, me, now_ms);
        return;
    }
    if (!accused && update->incarnation == me->incarnation)
        return;
    if (update->state == COVEY_SWIM_LEFT) {
        self->stats.invalid++; /* only we say that */
        return;
    }
    me->incarnation = update->incarnation + 1;
    covey_swim_news (self, me, now_ms);
    if (!accused)
        return;
    self->stats.refutations++;
    covey_swim_feel (self, 1); /* Lifeguard: we were too slow to answer */
}

static void
s_merge (covey_swim_t *self, const covey_swim_update_t *update,
         const uint8_t *from, int64_t now_ms)
{
    if (update->incarnation == UINT32_MAX) { /* it could not be refuted */
        self->stats.invalid++;
        return;
    }
    if (covey_id_equal (update->id, self->me.id)) {
        s_about_me (self, update, now_ms);
        return;
    }
    self->hearsay = from != NULL;
    covey_swim_member_t *member =
        covey_swim_table_find (&self->table, update->id);
    if (!member || update->epoch > member->epoch) {
        s_meet (self, member, update, now_ms);
        return;
    }
    if (update->epoch < member->epoch)
        return;
    switch (update->state) {
        case COVEY_SWIM_ALIVE:
            s_alive (self, member, update, now_ms);
            break;
        case COVEY_SWIM_SUSPECTED:
            s_suspect (self, member, update, now_ms);
            break;
        case COVEY_SWIM_FAILED:
            if (!from) {
                s_fail (self, member, update, now_ms);
                break;
            }
            /* After a partition both halves hold the other for failed: whoever
               lives shall have the time to say so (memberlist does the same).*/
            self->hearsay = false;
            covey_swim_update_t doubt = *update;
            memcpy (doubt.accuser, from, 16);
            s_suspect (self, member, &doubt, now_ms);
            break;
        case COVEY_SWIM_LEFT:
            s_leave (self, member, update, now_ms);
            break;
    }
}

void
covey_swim_merge (covey_swim_t *self, const covey_swim_update_t *update,
                  const uint8_t *from, int64_t now_ms)
{
    s_merge (self, update, from, now_ms);
    self->hearsay = false;
}

void
covey_swim_accuse (covey_swim_t *self, covey_swim_member_t *member,
                   int64_t now_ms)
{
    assert (member->state <= COVEY_SWIM_SUSPECTED);
    covey_swim_update_t update = {.epoch = member->epoch,
                                  .incarnation = member->incarnation,
                                  .health = (uint8_t)self->health,
                                  .state = COVEY_SWIM_SUSPECTED};
    memcpy (update.accuser, self->me.id, 16);
    s_suspect (self, member, &update, now_ms);
}

void
covey_swim_suspicion_tick (covey_swim_t *self, int64_t now_ms)
{
    if (now_ms < self->suspicion_due_ms)
        return;
    self->suspicion_due_ms = COVEY_SWIM_NEVER;
    for (size_t i = self->suspects.count; i-- > 0;) {
        covey_swim_member_t *member = self->suspects.items[i];
        if (covey_suspicion_deadline_ms (member->suspicion) > now_ms) {
            s_wake_for (self, member->suspicion);
            continue;
        }
        covey_swim_update_t update = {.epoch = member->epoch,
                                      .incarnation = member->incarnation,
                                      .health = member->health,
                                      .state = COVEY_SWIM_FAILED};
        memcpy (update.accuser, member->suspicion->accusers[0], 16);
        s_fail (self, member, &update, now_ms);
    }
}

void
covey_swim_forget (covey_swim_t *self, covey_swim_member_t *member)
{
    s_end_suspicion (self, member);
    covey_swim_gossip_remove (&self->gossip, member);
    if (self->callbacks.forgotten)
        self->callbacks.forgotten (self->callbacks.arg, member->id);
    covey_swim_table_remove (&self->table, member);
}
