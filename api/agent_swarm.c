/*  agent_swarm - swarms and votes, as requests to the coordinator            */

#include <assert.h>
#include <math.h>
#include <string.h>

#include "api/agent_i.h"
#include "api/ballot_key.h"
#include "api/control.h"
#include "base/clock.h"
#include "base/str.h"
#include "proto/json.h"
#include "swarm/digest.h"

static const int s_ends[] = {COVEY_EVENT_SWARM_CONSENSUS_REACHED};
static const char *const s_end_states[] = {"decided", NULL};

static covey_err_t
s_control (covey_agent_t *self, const char *method,
           const ProtobufCMessage *params, int timeout_ms, char **result_p)
{
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR, .method = method};
    return covey_i_control (self, &call, params, timeout_ms, result_p);
}

/*  What the caller is told stays.                                           */
static void
s_unsubscribe (covey_agent_t *self, uint32_t handle)
{
    covey_errbuf_t kept = *covey_errbuf ();
    (void)covey_agent_unsubscribe (self, handle); /* it may be gone          */
    *covey_errbuf () = kept;
}

/*  Messages hold `char *` and only read it here.                             */
static char *
s_text (const char *text)
{
    return (char *)(uintptr_t)(text ? text : "");
}

covey_err_t
covey_swarm_form (covey_agent_t *self, const char *swarm_json, int timeout_ms,
                  char **result_p)
{
    assert (self);
    return covey_i_control_json (self, "swarm.form",
                                 &covey__control__swarm_form__descriptor,
                                 swarm_json, timeout_ms, result_p);
}

covey_err_t
covey_swarm_join (covey_agent_t *self, const char *swarm_id, double weight,
                  int timeout_ms)
{
    assert (self);
    if (!isfinite (weight) || weight <= 0)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "weight %g in swarm %.200s must be above 0", weight,
                           swarm_id ? swarm_id : "");
    Covey__Control__SwarmMember member = COVEY__CONTROL__SWARM_MEMBER__INIT;
    member.swarm_id = s_text (swarm_id);
    member.has_weight = true;
    member.weight = weight;
    return s_control (self, "swarm.join", &member.base, timeout_ms, NULL);
}

covey_err_t
covey_swarm_leave (covey_agent_t *self, const char *swarm_id, int timeout_ms)
{
    assert (self);
    Covey__Control__SwarmMember member = COVEY__CONTROL__SWARM_MEMBER__INIT;
    member.swarm_id = s_text (swarm_id);
    return s_control (self, "swarm.leave", &member.base, timeout_ms, NULL);
}

covey_err_t
covey_swarm_disband (covey_agent_t *self, const char *swarm_id,
                     const char *reason, int timeout_ms)
{
    assert (self);
    Covey__Control__SwarmRef ref = COVEY__CONTROL__SWARM_REF__INIT;
    ref.swarm_id = s_text (swarm_id);
    ref.reason = reason ? s_text (reason) : NULL;
    return s_control (self, "swarm.disband", &ref.base, timeout_ms, NULL);
}

covey_err_t
covey_swarm_task (covey_agent_t *self, const char *task_json, int timeout_ms,
                  char **result_p)
{
    assert (self);
    return covey_i_control_json (self, "swarm.task",
                                 &covey__control__swarm_task__descriptor,
                                 task_json, timeout_ms, result_p);
}

covey_err_t
covey_vote_propose (covey_agent_t *self, const char *proposal_json,
                    int timeout_ms, char **result_p)
{
    assert (self);
    return covey_i_control_json (self, "swarm.propose",
                                 &covey__control__propose__descriptor,
                                 proposal_json, timeout_ms, result_p);
}

covey_err_t
covey_vote_propose_then (covey_agent_t *self, const char *proposal_json,
                         covey_handler_fn *fn, void *arg, int timeout_ms,
                         char **result_p)
{
    assert (self && fn);
    ProtobufCMessage *message = NULL;
    covey_errbuf_t why;
    const char *json = proposal_json ? proposal_json : "{}";
    covey_err_t rc = covey_json_read (&covey__control__propose__descriptor,
                                      json, strlen (json), &message, &why);
    if (rc)
        return covey_fail (covey_errbuf (), rc, "swarm.propose: %s", why.text);
    Covey__Control__Propose *propose = (Covey__Control__Propose *)message;
    char made[37];
    covey_id_text (covey_id_new ().bytes, made);
    if (!propose->consensus_id)
        propose->consensus_id = covey_str_dup (made);
    /* Subscribed before it is asked: the decision cannot fall between; and
       held back until it is known that there was no error. */
    int64_t until_ms = covey_i_deadline (timeout_ms);
    uint32_t handle = 0;
    rc = covey_i_agent_subscribe_once (
        self, COVEY_EVENT_SWARM_CONSENSUS_REACHED, propose->consensus_id, fn,
        arg, timeout_ms, &handle, covey_errbuf ());
    if (!rc) {
        int64_t left_ms = until_ms - covey_clock_mono_ms ();
        rc = s_control (self, "swarm.propose", message,
                        left_ms > 1 ? (int)left_ms : 1, result_p);
        if (!rc)
            covey_i_agent_release (self, handle);
        else
            s_unsubscribe (self, handle);
    }
    protobuf_c_message_free_unpacked (message, NULL);
    return rc;
}

/* ------------------------------------------------------------------------ */
/*  Ballots                                                                   */

static covey_err_t
s_send_signed (covey_agent_t *self, Covey__Control__Ballot *ballot,
               covey_seal_t *seal, int timeout_ms)
{
    ballot->has_signature = ballot->has_public_key = true;
    ballot->signature =
        (ProtobufCBinaryData){sizeof seal->signature, seal->signature};
    ballot->public_key =
        (ProtobufCBinaryData){sizeof seal->public_key, seal->public_key};
    return s_control (self, "swarm.vote", &ballot->base, timeout_ms, NULL);
}

/*  `question` says what there is to sign, unless this is not the agent's first
    ballot; without it the coordinator is asked.                              */
static covey_err_t
s_cast (covey_agent_t *self, Covey__Control__Ballot *ballot, const char *vote,
        const covey_event_t *question, int timeout_ms)
{
    covey_seal_t seal;
    covey_sealed_t sealed = {.agent_id = self->id,
                             .vote = vote,
                             .options = (const char *const *)ballot->options,
                             .option_count = ballot->n_options,
                             .reason = ballot->reason};
    if (!self->ballot_key)
        return s_control (self, "swarm.vote", &ballot->base, timeout_ms, NULL);
    covey_err_t rc = COVEY_DENIED;
    if (question) {
        covey_i_question_seal (question, self->ballot_key, &sealed, &seal);
        rc = s_send_signed (self, ballot, &seal, timeout_ms);
    }
    if (rc != COVEY_DENIED)
        return rc;
    rc = covey_i_vote_seal (self, self->ballot_key, ballot->consensus_id,
                            &sealed, timeout_ms, &seal);
    return rc ? rc : s_send_signed (self, ballot, &seal, timeout_ms);
}

static covey_err_t
s_cast_vote (covey_agent_t *self, Covey__Control__Ballot *ballot,
             const char *vote, const covey_event_t *question, int timeout_ms)
{
    static const char *const names[] = {"approve", "reject", "abstain"};
    for (int i = 0; vote && i < 3; i++)
        if (strcmp (vote, names[i]) == 0) {
            ballot->has_vote = true;
            ballot->vote = (Covey__V1__Vote)i;
        }
    if (!ballot->has_vote)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "vote \"%.80s\" must be approve, reject or abstain",
                           vote ? vote : "");
    return s_cast (self, ballot, vote, question, timeout_ms);
}

static covey_err_t
s_cast_options (covey_agent_t *self, Covey__Control__Ballot *ballot,
                const char *const *options, size_t count,
                const covey_event_t *question, int timeout_ms)
{
    ballot->options = (char **)(uintptr_t)options;
    ballot->n_options = count;
    if (!options || count == 0)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "no option is named for %.80s",
                           ballot->consensus_id);
    for (size_t i = 0; i < count; i++)
        if (!options[i])
            return covey_fail (covey_errbuf (), COVEY_INVALID,
                               "option %zu of %zu is NULL", i + 1, count);
    return s_cast (self, ballot, "approve", question, timeout_ms);
}

covey_err_t
covey_vote_cast (covey_agent_t *self, const char *consensus_id,
                 const char *vote, const char *reason, int timeout_ms)
{
    assert (self);
    Covey__Control__Ballot ballot = COVEY__CONTROL__BALLOT__INIT;
    ballot.consensus_id = s_text (consensus_id);
    ballot.reason = reason ? s_text (reason) : NULL;
    return s_cast_vote (self, &ballot, vote, NULL, timeout_ms);
}

covey_err_t
covey_vote_choose (covey_agent_t *self, const char *consensus_id,
                   const char *const *options, size_t count, const char *reason,
                   int timeout_ms)
{
    assert (self);
    Covey__Control__Ballot ballot = COVEY__CONTROL__BALLOT__INIT;
    ballot.consensus_id = s_text (consensus_id);
    ballot.reason = reason ? s_text (reason) : NULL;
    return s_cast_options (self, &ballot, options, count, NULL, timeout_ms);
}

covey_err_t
covey_i_vote_answer (covey_agent_t *self, const covey_event_t *question,
                     const covey_ballot_draft_t *draft, int timeout_ms)
{
    Covey__Control__Ballot ballot = COVEY__CONTROL__BALLOT__INIT;
    const char *hash = covey_event_str (question, "proposalHash");
    ballot.consensus_id = s_text (covey_event_str (question, "consensusId"));
    ballot.reason = draft->reason ? s_text (draft->reason) : NULL;
    ballot.proposal_hash = *hash ? s_text (hash) : NULL;
    ballot.electorate_version =
        (uint64_t)covey_event_int (question, "electorateVersion");
    ballot.has_electorate_version = ballot.electorate_version > 0;
    if (draft->option_count && draft->vote)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "a ballot that names options says nothing else, not "
                           "\"%.80s\"",
                           draft->vote);
    return draft->option_count
               ? s_cast_options (self, &ballot, draft->options,
                                 draft->option_count, question, timeout_ms)
               : s_cast_vote (self, &ballot, draft->vote, question, timeout_ms);
}

covey_err_t
covey_vote_show (covey_agent_t *self, const char *consensus_id, int timeout_ms,
                 char **result_p)
{
    assert (self);
    Covey__Control__ProposalRef ref = COVEY__CONTROL__PROPOSAL_REF__INIT;
    ref.consensus_id = s_text (consensus_id);
    return s_control (self, "swarm.proposal", &ref.base, timeout_ms, result_p);
}

covey_err_t
covey_vote_wait (covey_agent_t *self, const char *consensus_id, int timeout_ms,
                 char **result_p)
{
    assert (self);
    covey_await_t await = {.what = "proposal",
                           .id = consensus_id ? consensus_id : "",
                           .show = covey_vote_show,
                           .types = s_ends,
                           .type_count = sizeof s_ends / sizeof *s_ends,
                           .descriptor = &covey__control__vote_view__descriptor,
                           .states = s_end_states};
    return covey_i_await_state (self, &await, timeout_ms, result_p);
}

void
covey_sha256 (const void *data, size_t size, char text[65])
{
    covey_digest_of (data, size, text);
}
