/*  Who heard the question of a vote: the node reports it of those that this one
    told, and the log keeps it, so that every coordinator knows it.

    While a command about it flies the next reports gather: there is one at a
    time, however many voters there are.                                      */
#include "coordinator/coordinator_impl.h"
#include "proto/event.h"

void
covey_coordinator_ask (covey_coordinator_t *self, const covey_event_t *fact)
{
    if (covey_event_type (fact) == COVEY_EVENT_SWARM_CONSENSUS_REQUEST)
        covey_hearings_ask (&self->hearings, covey_event_id (fact),
                            covey_event_str (fact, "consensusId"));
}

void
covey_coordinator_on_heard (covey_coordinator_t *self,
                            const Covey__Wire__Heard *heard)
{
    for (size_t i = 0; i < heard->n_event_ids && self->leads; i++) {
        const char *vote =
            covey_hearings_vote (&self->hearings, heard->event_ids[i].data);
        if (vote &&
            covey_state_is_hearing_news (self->state, vote, heard->agent_id))
            covey_hearings_add (&self->hearings, vote, heard->agent_id);
    }
}

/*  What a ballot told meanwhile, or a decision made idle, is left out.       */
static size_t
s_collect (const covey_coordinator_t *self, size_t count,
           Covey__Control__Hearing *items, Covey__Control__Hearing **list)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const covey_hearing_t *one = &self->hearings.waiting[i];
        if (!covey_state_is_hearing_news (self->state, one->consensus_id,
                                          one->agent_id))
            continue;
        list[used] = &items[used];
        covey__control__hearing__init (list[used]);
        items[used].consensus_id = one->consensus_id;
        items[used].agent_id = one->agent_id;
        used++;
    }
    return used;
}

void
covey_coordinator_record_heard (covey_coordinator_t *self)
{
    covey_errbuf_t err;
    Covey__Control__Hearing items[COVEY_HEARINGS_BATCH];
    Covey__Control__Hearing *list[COVEY_HEARINGS_BATCH];
    Covey__Control__VoteHeard heard = COVEY__CONTROL__VOTE_HEARD__INIT;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    size_t count = self->hearings.count;
    if (!count || self->hearings_ticket)
        return;
    if (count > COVEY_HEARINGS_BATCH)
        count = COVEY_HEARINGS_BATCH;
    heard.hearings = list;
    heard.n_hearings = s_collect (self, count, items, list);
    command.op_case = COVEY__CONTROL__COMMAND__OP_VOTE_HEARD;
    command.vote_heard = &heard;
    if (heard.n_hearings) {
        covey_coordinator_item_t *item =
            covey_coordinator_item_new (self, COVEY_ITEM_OF_HEARINGS);
        if (covey_coordinator_submit (self, item, &command, &err)) {
            covey_coordinator_item_destroy (&item);
            return; /* there is no room, or it leads no more: they wait       */
        }
        self->hearings_ticket = item->ticket;
    }
    covey_hearings_drop (&self->hearings, count);
}
