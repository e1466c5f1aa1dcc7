#include "node/swim_gossip.h"

#include <assert.h>
#include <string.h>

int
covey_swim_gossip_limit (int lambda, uint64_t members)
{
    int digits = 1; /* ceil (log10 (n + 1)) for n >= 1 */
    for (uint64_t power = 10; members >= power && digits < 19; power *= 10)
        digits++;
    int limit = lambda * digits;
    return limit > COVEY_GOSSIP_SENDS_MAX ? COVEY_GOSSIP_SENDS_MAX : limit;
}

static void
s_link_first (covey_swim_gossip_t *self, covey_swim_member_t *member)
{
    covey_swim_member_t *second = self->first[0];
    member->before = NULL;
    member->after = second;
    if (second)
        second->before = member;
    else
        self->last[0] = member;
    self->first[0] = member;
}

static void
s_link_last (covey_swim_gossip_t *self, covey_swim_member_t *member)
{
    covey_swim_member_t *other = self->last[member->sends];
    member->before = other;
    member->after = NULL;
    if (other)
        other->after = member;
    else
        self->first[member->sends] = member;
    self->last[member->sends] = member;
}

static void
s_unlink (covey_swim_gossip_t *self, covey_swim_member_t *member)
{
    if (member->before)
        member->before->after = member->after;
    else
        self->first[member->sends] = member->after;
    if (member->after)
        member->after->before = member->before;
    else
        self->last[member->sends] = member->before;
    member->before = member->after = NULL;
}

void
covey_swim_gossip_remove (covey_swim_gossip_t *self,
                          covey_swim_member_t *member)
{
    if (!member->queued)
        return;
    s_unlink (self, member);
    member->queued = false;
    self->count--;
}

void
covey_swim_gossip_put (covey_swim_gossip_t *self, covey_swim_member_t *member,
                       int sends)
{
    assert (sends >= 0 && sends < COVEY_GOSSIP_SENDS_MAX);
    covey_swim_gossip_remove (self, member);
    member->sends = (uint8_t)sends;
    member->queued = true;
    self->count++;
    if (sends == 0)
        s_link_first (self, member); /* the newest news first */
    else
        s_link_last (self, member);
}

void
covey_swim_gossip_claim (const covey_swim_member_t *member, bool full,
                         covey_swim_update_t *update)
{
    memset (update, 0, sizeof *update);
    memcpy (update->id, member->id, 16);
    update->epoch = member->epoch;
    update->incarnation = member->incarnation;
    update->state = member->state;
    if (member->state == COVEY_SWIM_SUSPECTED ||
        member->state == COVEY_SWIM_FAILED) {
        memcpy (update->accuser, member->accuser, 16);
        update->health = member->health;
    }
    if (!full && member->state != COVEY_SWIM_ALIVE)
        return;
    update->address = member->address;
    update->meta = member->meta;
    update->meta_size = member->meta_size;
}

static void
s_count_told (covey_swim_gossip_t *self, covey_swim_member_t *member, int limit)
{
    s_unlink (self, member);
    member->sends++;
    if (member->sends < limit) {
        s_link_last (self, member);
        return;
    }
    member->queued = false;
    self->count--;
}

size_t
covey_swim_gossip_pick (covey_swim_gossip_t *self, int limit, size_t bytes,
                        covey_swim_update_t *updates, size_t count, size_t max)
{
    assert (limit > 0 && limit <= COVEY_GOSSIP_SENDS_MAX);
    /* Counted afterwards, or a member would be picked twice. */
    covey_swim_member_t *told[COVEY_GOSSIP_PICK_MAX];
    size_t told_count = 0;
    bool full = count >= max;
    /* The group may have shrunk, and the limit with it. */
    for (int sends = limit; sends < COVEY_GOSSIP_SENDS_MAX; sends++)
        while (self->first[sends])
            covey_swim_gossip_remove (self, self->first[sends]);
    for (int sends = 0; sends < limit && !full; sends++)
        for (covey_swim_member_t *one = self->first[sends]; one && !full;
             one = one->after) {
            covey_swim_gossip_claim (one, false, &updates[count]);
            size_t size = covey_swim_update_size (&updates[count]);
            full = size > bytes;
            if (full)
                break;
            bytes -= size;
            told[told_count++] = one;
            full = ++count >= max || told_count == COVEY_GOSSIP_PICK_MAX;
        }
    for (size_t i = 0; i < told_count; i++)
        s_count_told (self, told[i], limit);
    return count;
}
