/*  agent_proposal - the handler that answers questions to a swarm

    Threads   the one that dispatches: it asks the handler, then casts what that
              said, without the lock
*/

#include "api/agent_i.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"

/*  Not longer than the question is open.                                    */
static int
s_timeout_ms (const covey_event_t *question)
{
    int64_t open_ms = covey_event_int (question, "timeout");
    return open_ms > 0 && open_ms < COVEY_AGENT_REQUEST_MS
               ? (int)open_ms
               : COVEY_AGENT_REQUEST_MS;
}

static bool
s_is_empty (const covey_ballot_draft_t *draft)
{
    return !draft->vote && !draft->option_count;
}

void
covey_i_agent_answer_proposal (covey_agent_t *self,
                               const covey_event_t *question)
{
    covey_proposal_fn *fn = self->on_proposal;
    void *arg = self->proposal_arg;
    covey_ballot_draft_t draft = {.vote = NULL};
    covey_errbuf_t text = {""};
    covey_err_t cast = COVEY_OK;
    covey_i_agent_unlock (self);
    covey_errbuf ()->text[0] = '\0';
    int64_t start_ns = covey_clock_mono_ns ();
    covey_err_t rc = fn (self, question, &draft, arg);
    int64_t end_ns = covey_clock_mono_ns ();
    if (!rc && !s_is_empty (&draft))
        cast = covey_i_vote_answer (self, question, &draft,
                                    s_timeout_ms (question));
    if (cast)
        text = *covey_errbuf ();
    covey_i_agent_lock (self);
    covey_meter_add (&self->meter, (uint64_t)(end_ns - start_ns),
                     end_ns / 1000000);
    if (rc)
        self->handler_errors++;
    if (cast)
        covey_i_agent_notice (self, COVEY_NOTICE_BALLOT, cast,
                              covey_event_id (question), text.text);
}

void
covey_agent_on_proposal (covey_agent_t *self, covey_proposal_fn *fn, void *arg)
{
    assert (self);
    covey_i_agent_lock (self);
    self->on_proposal = fn;
    self->proposal_arg = arg;
    covey_i_agent_unlock (self);
}
