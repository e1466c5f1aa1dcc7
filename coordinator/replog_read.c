/*  replog_read - linearizable reads: does a majority still follow?

    A question gets the number of the next round; every voter is asked, and
    answers when the asker's term is still its own: then nobody was elected
    after it before this moment. With a majority, ourselves included, what is
    applied here is at least what was acknowledged before the question came,
    because we acknowledge only what we have applied, and we read only once an
    entry of our own term is applied (Ongaro's dissertation, 6.4).            */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/replog_impl.h"

covey_err_t
covey_replog_read (covey_replog_t *self, uint64_t ticket, covey_errbuf_t *err)
{
    if (!covey_replog_is_leader (self) &&
        !(COVEY_FAULT (READ_BEFORE_OWN) && covey_replog_leads (self)))
        return covey_fail (err, COVEY_NOCOORDINATOR,
                           "this coordinator does not lead");
    if (self->question_count >= self->config.queue_max)
        return covey_fail (err, COVEY_EAGAIN,
                           "%zu reads wait for an answer; ask again later",
                           self->question_count);
    self->questions =
        covey_mem_room (self->questions, self->question_count,
                        &self->question_capacity, sizeof *self->questions);
    self->questions[self->question_count++] = (covey_replog_question_t){
        .ticket = ticket, .until_ms = self->now_ms + self->config.election_ms};
    return COVEY_OK;
}

static void
s_end (covey_replog_t *self, size_t count, covey_err_t code, const char *text)
{
    covey_replog_apply_due (self); /* an answer tells of all of it            */
    for (size_t i = 0; i < count; i++)
        self->callbacks.done (self->callbacks.arg, self->questions[i].ticket,
                              code, text);
    self->question_count -= count;
    if (count > 0)
        memmove (self->questions, self->questions + count,
                 self->question_count * sizeof *self->questions);
}

void
covey_replog_end_questions (covey_replog_t *self, const char *text)
{
    s_end (self, self->question_count, COVEY_NOCOORDINATOR, text);
}

/*  The last round that a majority of the voters has confirmed.              */
static uint64_t
s_confirmed (covey_replog_t *self)
{
    const struct raft_configuration *members = &self->raft.configuration;
    uint64_t best = 0;
    if (COVEY_FAULT (READ_NO_QUORUM))
        return self->round;
    for (unsigned candidate = 0; candidate < members->n; candidate++) {
        const covey_replog_peer_t *one =
            covey_replog_peer (self, members->servers[candidate].id);
        bool me = members->servers[candidate].id == self->meta.member_id;
        uint64_t round = me ? self->round : one ? one->round : 0;
        unsigned voters = 0, have = 0;
        for (unsigned i = 0; i < members->n; i++) {
            if (members->servers[i].role != RAFT_VOTER)
                continue;
            voters++;
            const covey_replog_peer_t *peer =
                covey_replog_peer (self, members->servers[i].id);
            have += members->servers[i].id == self->meta.member_id ||
                    (peer && peer->round >= round);
        }
        if (have > voters / 2 && round > best)
            best = round;
    }
    return best;
}

static void
s_confirm (covey_replog_t *self)
{
    uint64_t round = s_confirmed (self);
    size_t count = 0;
    while (count < self->question_count && self->questions[count].round != 0 &&
           self->questions[count].round <= round)
        count++;
    s_end (self, count, COVEY_OK, "");
}

/*  Ask for what is new, again for what was lost, and give up what is late.   */
void
covey_replog_ask (covey_replog_t *self)
{
    const struct raft_configuration *members = &self->raft.configuration;
    size_t late = 0;
    while (late < self->question_count &&
           self->questions[late].until_ms <= self->now_ms)
        late++;
    s_end (self, late, COVEY_NOCOORDINATOR,
           "no majority of the coordinators answered; ask again");
    if (self->question_count == 0)
        return;
    bool fresh = self->questions[self->question_count - 1].round == 0;
    if (!fresh && self->now_ms - self->round_ms < self->config.heartbeat_ms)
        return;
    if (fresh)
        self->round++;
    for (size_t i = 0; i < self->question_count; i++)
        if (self->questions[i].round == 0)
            self->questions[i].round = self->round;
    self->round_ms = self->now_ms;
    for (unsigned i = 0; i < members->n; i++) {
        covey_id_t node_id;
        const struct raft_server *server = &members->servers[i];
        if (server->role != RAFT_VOTER || server->id == self->meta.member_id ||
            !covey_replog_parse_address (server->address, &node_id))
            continue;
        covey_replog_message_t message =
            covey_replog_header (self, COVEY_REPLOG_ASK, server->id);
        message.round = self->round;
        covey_replog_send (self, &node_id, &message);
    }
    s_confirm (self);
    covey_replog_settle (self);
}

void
covey_replog_on_ask (covey_replog_t *self,
                     const covey_replog_message_t *message)
{
    if (message->term != self->raft.current_term &&
        !COVEY_FAULT (READ_ANY_TERM))
        return;
    covey_replog_message_t answer =
        covey_replog_header (self, COVEY_REPLOG_ASKED, message->from);
    answer.term = message->term;
    answer.round = message->round;
    covey_replog_send (self, &message->from_node, &answer);
}

void
covey_replog_on_asked (covey_replog_t *self,
                       const covey_replog_message_t *message)
{
    covey_replog_peer_t *peer = covey_replog_peer (self, message->from);
    if (!peer || message->term != self->raft.current_term ||
        !covey_replog_leads (self) || message->round > self->round)
        return;
    if (message->round > peer->round)
        peer->round = message->round;
    if (COVEY_FAULT (READ_OLD_ROUND))
        peer->round = self->round;
    s_confirm (self);
}
