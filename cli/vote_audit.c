#include "cli/vote_audit.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "proto/json_scan.h"
#include "swarm/digest.h"

/*  Reasons beyond are not repeated by the decision.                         */
#define REASONS_MAX (1u << 20)
#define FAULTS_MAX 100
#define SUMS_KEY "sums"

struct covey_vote_audit {
    covey_proposal_t *vote; /* NULL: no question yet                          */
    json_t *question;       /* the first one's data                           */
    json_t *casts;          /* data of ballots that count or counted, in order*/
    json_t *faults;
    json_t *sums;     /* of the lines                                         */
    json_t *had_sums; /* what the last line says they are, or NULL            */
    size_t line;
    covey_outcome_t outcome; /* as it was announced                           */
    size_t reasons;
};

covey_vote_audit_t *
covey_vote_audit_new (void)
{
    covey_vote_audit_t *self = covey_mem_new (sizeof *self);
    self->casts = json_array ();
    self->faults = json_array ();
    self->sums = json_array ();
    return self;
}

void
covey_vote_audit_destroy (covey_vote_audit_t **self_p)
{
    covey_vote_audit_t *self = *self_p;
    if (!self)
        return;
    covey_proposal_destroy (&self->vote);
    json_decref (self->question);
    json_decref (self->casts);
    json_decref (self->faults);
    json_decref (self->sums);
    json_decref (self->had_sums);
    free (self);
    *self_p = NULL;
}

static void s_fault_at (covey_vote_audit_t *self, size_t line, const char *fmt,
                        ...) __attribute__ ((format (printf, 3, 4)));

static void
s_fault_at (covey_vote_audit_t *self, size_t line, const char *fmt, ...)
{
    covey_errbuf_t text;
    va_list args;
    va_start (args, fmt);
    (void)covey_vfail (&text, COVEY_CORRUPT, fmt, args);
    va_end (args);
    if (json_array_size (self->faults) < FAULTS_MAX)
        json_array_append_new (self->faults,
                               json_pack ("{s:I, s:s}", "line",
                                          (json_int_t)line, "what", text.text));
}

#define FAULT(...) s_fault_at (self, self->line, __VA_ARGS__)

static const char *
s_text (const json_t *data, const char *key)
{
    const char *text = json_string_value (json_object_get (data, key));
    return text ? text : "";
}

static bool
s_is_same (const json_t *a, const json_t *b, const char *key)
{
    const json_t *x = json_object_get (a, key), *y = json_object_get (b, key);
    return x == y || (x && y && json_equal (x, y));
}

/* ---- the question -----------------------------------------------------------
 */

/*  The rule and who may vote, of an event's data.                           */
typedef struct {
    covey_rule_t rule;
    const char *options[COVEY_OPTIONS_MAX];
    covey_voter_t *voters;
    size_t voter_count;
} s_terms_t;

static covey_err_t
s_read_words (const json_t *rule, covey_rule_t *to, covey_errbuf_t *err)
{
    if (covey_part_parse (s_text (rule, "abstentions"), &to->abstentions) &&
        covey_part_parse (s_text (rule, "silence"), &to->silence) &&
        covey_tie_parse (s_text (rule, "tie"), &to->tie))
        return COVEY_OK;
    return covey_fail (err, COVEY_CORRUPT,
                       "its rule does not say what becomes of abstentions, "
                       "silence and ties");
}

static covey_err_t
s_read_rule (const json_t *data, s_terms_t *terms, covey_errbuf_t *err)
{
    const json_t *rule = json_object_get (data, "rule");
    const json_t *options = json_object_get (rule, "options");
    const char *strategy = s_text (data, "votingStrategy");
    covey_rule_t *to = &terms->rule;
    while (strcmp (covey_strategy_name (to->strategy), strategy) != 0)
        if (to->strategy++ == COVEY_STRATEGY_QUORUM)
            return covey_fail (err, COVEY_CORRUPT, "no strategy \"%.40s\"",
                               strategy);
    to->quorum_size =
        (uint32_t)json_integer_value (json_object_get (data, "quorumSize"));
    to->final = json_is_true (json_object_get (rule, "final"));
    to->ranked = json_is_true (json_object_get (rule, "ranked"));
    to->options = terms->options;
    for (size_t i = 0; i < json_array_size (options) && i < COVEY_OPTIONS_MAX;
         i++) {
        const char *name = json_string_value (json_array_get (options, i));
        terms->options[to->option_count++] = name ? name : "";
    }
    covey_err_t code = s_read_words (rule, to, err);
    if (!code && *s_text (rule, "threshold"))
        code = covey_threshold_parse ("threshold", s_text (rule, "threshold"),
                                      &to->threshold, err);
    if (!code && *s_text (rule, "quorumShare"))
        code =
            covey_fraction_parse ("quorumShare", s_text (rule, "quorumShare"),
                                  &to->quorum_share, err);
    return code;
}

static bool
s_is_in (const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size (list); i++) {
        const char *item = json_string_value (json_array_get (list, i));
        if (item && strcmp (item, text) == 0)
            return true;
    }
    return false;
}

static covey_err_t
s_read_voters (const json_t *data, s_terms_t *terms, covey_errbuf_t *err)
{
    const json_t *list = json_object_get (data, "electorate");
    const json_t *holders =
        json_object_get (json_object_get (data, "rule"), "vetoHolders");
    terms->voter_count = json_array_size (list);
    if (terms->voter_count > COVEY_VOTERS_MAX)
        return covey_fail (err, COVEY_CORRUPT, "the electorate is too large");
    terms->voters = covey_mem_new (terms->voter_count * sizeof *terms->voters);
    for (size_t i = 0; i < terms->voter_count; i++) {
        const json_t *member = json_array_get (list, i);
        covey_voter_t *voter = &terms->voters[i];
        covey_str_copy (voter->agent_id, sizeof voter->agent_id,
                        s_text (member, "agentId"));
        covey_err_t code = covey_weight_from (
            json_number_value (json_object_get (member, "weight")),
            &voter->weight, err);
        if (code)
            return code;
        voter->veto = s_is_in (holders, voter->agent_id);
        voter->leads = strcmp (s_text (data, "leader"), voter->agent_id) == 0;
    }
    return COVEY_OK;
}

static void
s_open (covey_vote_audit_t *self, const covey_event_t *event, json_t *data)
{
    covey_errbuf_t err;
    s_terms_t terms = {.voter_count = 0};
    covey_content_t content = COVEY_CONTENT_TEXT;
    size_t size = 0;
    const void *proposal =
        covey_event_payload (event, "proposal", &content, &size);
    covey_err_t code = s_read_rule (data, &terms, &err);
    if (!code)
        code = s_read_voters (data, &terms, &err);
    const covey_proposal_args_t args = {
        .id = s_text (data, "consensusId"),
        .swarm_id = s_text (data, "swarmId"),
        .proposer = covey_event_source (event),
        .content = (int)content,
        .data = proposal,
        .size = size,
        .rule = terms.rule,
        .deadline_us = covey_event_int (event, "deadline"),
        .voters = terms.voters,
        .voter_count = terms.voter_count,
        .swarm_version = (uint64_t)covey_event_int (event, "electorateVersion"),
    };
    if (!code)
        code = covey_proposal_new (&args, &self->vote, &err);
    free (terms.voters);
    if (code) {
        FAULT ("the question is none: %s", err.text);
        return;
    }
    self->question = json_incref (data);
    if (strcmp (covey_proposal_hash (self->vote),
                s_text (data, "proposalHash")) != 0)
        FAULT ("the question is not the one that was asked: its hash is %s, "
               "not %.70s",
               covey_proposal_hash (self->vote), s_text (data, "proposalHash"));
}

static void
s_ask (covey_vote_audit_t *self, const covey_event_t *event, json_t *data)
{
    static const char *const keys[] = {
        "consensusId", "swarmId",  "proposal",          "votingStrategy",
        "quorumSize",  "rule",     "electorateVersion", "electorate",
        "leader",      "deadline", "proposalHash"};
    if (!self->vote) {
        s_open (self, event, data);
        return;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!s_is_same (self->question, data, keys[i]))
            FAULT ("the question was asked again with another %s", keys[i]);
}

/* ---- ballots ----------------------------------------------------------------
 */

static bool
s_bytes (const json_t *data, const char *key, uint8_t *to, size_t size)
{
    const char *text = s_text (data, key);
    covey_buf_t bytes;
    covey_buf_init (&bytes, COVEY_TEXT_MAX);
    bool good =
        covey_base64_read (text, strlen (text), &bytes) && bytes.size == size;
    if (good)
        memcpy (to, bytes.data, size);
    covey_buf_deinit (&bytes);
    return good;
}

static covey_err_t
s_stance (const covey_vote_audit_t *self, const json_t *data,
          covey_stance_t *stance, covey_errbuf_t *err)
{
    const json_t *options = json_object_get (data, "options");
    const covey_rule_t *rule = &covey_proposal_args (self->vote)->rule;
    memset (stance, 0, sizeof *stance);
    while (stance->vote < COVEY_VOTE_ABSTAIN &&
           strcmp (covey_vote_name ((covey_vote_t)stance->vote),
                   s_text (data, "vote")) != 0)
        stance->vote++;
    for (size_t i = 0; i < json_array_size (options); i++) {
        const char *name = json_string_value (json_array_get (options, i));
        int option = name ? covey_rule_option (rule, name) : -1;
        if (option < 0 || stance->ranked == COVEY_OPTIONS_MAX)
            return covey_fail (err, COVEY_INVALID,
                               "it names \"%.80s\", which is no option",
                               name ? name : "");
        stance->options[stance->ranked++] = (uint8_t)option;
    }
    return COVEY_OK;
}

/*  All signed ballots of a voter are signed by one key.                     */
static void
s_check_key (covey_vote_audit_t *self, const json_t *data)
{
    for (size_t i = 0; i < json_array_size (self->casts); i++) {
        const json_t *earlier = json_array_get (self->casts, i);
        if (s_is_same (earlier, data, "agentId") &&
            json_object_get (earlier, "publicKey") &&
            !s_is_same (earlier, data, "publicKey"))
            FAULT (
                "the ballot of %s is not signed by the key of its ballot %zu",
                s_text (data, "agentId"), i + 1);
    }
}

/*  A ballot that was counted: would it be again?                            */
static void
s_count (covey_vote_audit_t *self, const covey_event_t *event, json_t *data)
{
    covey_errbuf_t err;
    covey_seal_t seal;
    const char *reason = s_text (data, "reason");
    int64_t at_us = covey_event_int (event, "castAt");
    covey_ballot_args_t args = {
        .agent_id = s_text (data, "agentId"),
        .reason = json_object_get (data, "reason") ? reason : NULL,
        .hash = s_text (data, "proposalHash"),
        .version = (uint64_t)covey_event_int (event, "electorateVersion"),
    };
    bool is_signed = json_object_get (data, "signature") != NULL;
    covey_err_t code = s_stance (self, data, &args.stance, &err);
    if (is_signed &&
        s_bytes (data, "signature", seal.signature, sizeof seal.signature) &&
        s_bytes (data, "publicKey", seal.public_key, sizeof seal.public_key))
        args.seal = &seal;
    if (!code)
        code = covey_proposal_check (self->vote, &args, at_us, &err);
    if (!code)
        code = covey_proposal_check_seal (self->vote, &args, &err);
    if (!code && is_signed && !args.seal)
        code = covey_fail (&err, COVEY_CORRUPT, "its signature is none");
    if (code) {
        FAULT ("a ballot was counted that does not count: %s", err.text);
        return;
    }
    s_check_key (self, data);
    (void)covey_proposal_cast (self->vote, &args, at_us, NULL);
    json_array_append (self->casts, data);
    size_t number = covey_proposal_ballot_count (self->vote);
    const covey_ballot_t *ballot =
        covey_proposal_ballot (self->vote, number - 1);
    uint64_t weight = 0;
    (void)covey_weight_from (covey_event_num (event, "weight"), &weight, NULL);
    const covey_voter_t *voter =
        &covey_proposal_args (self->vote)->voters[ballot->voter];
    if (weight != voter->weight)
        FAULT ("the ballot of %s has another weight than in the electorate",
               voter->agent_id);
    if (covey_event_int (event, "number") != (int64_t)number)
        FAULT ("the ballot of %s is number %zu of the vote, not %lld",
               voter->agent_id, number,
               (long long)covey_event_int (event, "number"));
    if (covey_event_int (event, "serial") != ballot->serial)
        FAULT ("the ballot of %s is its number %u, not %lld", voter->agent_id,
               ballot->serial, (long long)covey_event_int (event, "serial"));
    (void)covey_proposal_step (self->vote, at_us);
}

static void
s_cast (covey_vote_audit_t *self, const covey_event_t *event, json_t *data)
{
    if (!self->vote) {
        FAULT ("a ballot comes before its question");
        return;
    }
    if (strcmp (s_text (data, "consensusId"),
                covey_proposal_args (self->vote)->id) != 0 ||
        !s_is_same (self->question, data, "swarmId"))
        FAULT ("a ballot of another vote");
    bool accepted = covey_event_bool (event, "accepted");
    if (accepted == (json_object_get (data, "refusal") != NULL))
        FAULT ("the ballot of %s is %s", s_text (data, "agentId"),
               accepted ? "counted, and has a refusal"
                        : "refused without a reason");
    if (accepted)
        s_count (self, event, data);
}

/* ---- the decision -----------------------------------------------------------
 */

/*  A ballot as the decision repeats it.                                     */
static void
s_compare_ballot (covey_vote_audit_t *self, size_t number, const json_t *told)
{
    static const char *const keys[] = {"agentId",   "vote",     "weight",
                                       "options",   "number",   "serial",
                                       "signature", "publicKey"};
    const json_t *cast = json_array_get (self->casts, number);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!s_is_same (cast, told, keys[i]))
            FAULT ("the decision has another %s in ballot %zu, of %s", keys[i],
                   number + 1, s_text (cast, "agentId"));
    size_t size = strlen (s_text (cast, "reason"));
    bool is_told = json_object_get (told, "reason") != NULL;
    bool fits = size && self->reasons + size <= REASONS_MAX;
    self->reasons += fits ? size : 0;
    if (is_told != fits || (is_told && !s_is_same (cast, told, "reason")))
        FAULT ("the decision has another reason in ballot %zu, of %s",
               number + 1, s_text (cast, "agentId"));
}

static void
s_compare_ballots (covey_vote_audit_t *self, const json_t *data)
{
    const json_t *votes = json_object_get (data, "votes");
    size_t at = 0;
    for (size_t i = 0; i < covey_proposal_ballot_count (self->vote); i++)
        if (covey_proposal_ballot (self->vote, i)->counts)
            s_compare_ballot (self, i, json_array_get (votes, at++));
    if (json_array_size (votes) != at)
        FAULT ("the decision has %zu ballots, %zu count",
               json_array_size (votes), at);
}

static void
s_compare_numbers (covey_vote_audit_t *self, const covey_event_t *event)
{
    const covey_count_t *count = covey_proposal_count (self->vote);
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {{"voters", covey_count_voters (count)},
                   {"cast", covey_count_cast (count)},
                   {"unsignedBallots", covey_proposal_unsigned (self->vote)},
                   {"decidedAt", covey_proposal_decided_us (self->vote)}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (covey_event_int (event, numbers[i].key) != numbers[i].value)
            FAULT ("the decision has another %s", numbers[i].key);
}

/*  Each a member, in their order, and nobody missing who has cast a ballot.  */
static void
s_compare_heard (covey_vote_audit_t *self, const json_t *data)
{
    const json_t *heard = json_object_get (data, "heard");
    const covey_proposal_args_t *args = covey_proposal_args (self->vote);
    size_t at = 0;
    for (size_t i = 0; i < args->voter_count; i++) {
        const char *id = args->voters[i].agent_id;
        const char *next = json_string_value (json_array_get (heard, at));
        if (next && strcmp (next, id) == 0)
            at++;
        else if (covey_proposal_has_voted (self->vote, i))
            FAULT ("the decision says that %s did not hear the question, and "
                   "it has a ballot",
                   id);
    }
    if (at != json_array_size (heard))
        FAULT ("the decision says that \"%.140s\" heard the question, which is "
               "no member, or in the wrong place",
               json_is_string (json_array_get (heard, at))
                   ? json_string_value (json_array_get (heard, at))
                   : "");
}

/*  What it was decided to do: the proposal itself, or why not.              */
static void
s_compare_decision (covey_vote_audit_t *self, const json_t *data)
{
    const covey_decision_t *decision = covey_proposal_decision (self->vote);
    json_t *want =
        decision->outcome == COVEY_OUTCOME_ACCEPTED
            ? json_incref (json_object_get (self->question, "proposal"))
            : json_pack ("{s:s, s:s}", "outcome",
                         covey_outcome_name (decision->outcome), "reason",
                         decision->reason);
    const json_t *told = json_object_get (data, "decision");
    if (!told || !want || !json_equal (told, want))
        FAULT ("the decision is not what the outcome makes it");
    json_decref (want);
}

static void
s_compare_outcome (covey_vote_audit_t *self, const covey_event_t *event,
                   const json_t *data)
{
    const covey_decision_t *decision = covey_proposal_decision (self->vote);
    const covey_rule_t *rule = &covey_proposal_args (self->vote)->rule;
    const char *outcome = covey_outcome_name (decision->outcome);
    const char *option =
        decision->winner < 0 ? "" : rule->options[decision->winner];
    const char *again = covey_event_metadata (event, "outcome");
    const char *why = covey_event_metadata (event, "reason");
    if (strcmp (s_text (data, "outcome"), outcome) != 0)
        FAULT ("the outcome is %s, not %.40s: %s", outcome,
               s_text (data, "outcome"), decision->reason);
    if (strcmp (s_text (data, "reason"), decision->reason) != 0)
        FAULT ("the decision has another reason: %s", decision->reason);
    if (!again || strcmp (again, outcome) != 0 || !why ||
        strcmp (why, decision->reason) != 0)
        FAULT ("the decision's metadata tell another outcome or reason");
    if (strcmp (s_text (data, "option"), option) != 0)
        FAULT ("the decision has another option than \"%s\"", option);
    if (covey_event_bool (event, "consensus") !=
        (decision->outcome == COVEY_OUTCOME_ACCEPTED))
        FAULT ("consensus does not fit the outcome %s", outcome);
}

static void
s_decide (covey_vote_audit_t *self, const covey_event_t *event, json_t *data)
{
    if (!self->vote) {
        FAULT ("a decision comes before its question");
        return;
    }
    if (self->outcome != COVEY_OUTCOME_OPEN) {
        FAULT ("the vote is decided a second time");
        return;
    }
    int64_t at_us = covey_event_int (event, "decidedAt");
    bool withdrawn = strcmp (s_text (data, "outcome"), "withdrawn") == 0;
    if (!covey_proposal_is_decided (self->vote) && withdrawn)
        (void)covey_proposal_withdraw (self->vote, s_text (data, "reason"),
                                       at_us, NULL);
    (void)covey_proposal_step (self->vote, at_us);
    if (!covey_proposal_is_decided (self->vote)) {
        FAULT ("the vote was decided while the outcome could still change");
        return;
    }
    self->outcome = covey_proposal_decision (self->vote)->outcome;
    static const char *const keys[] = {"consensusId", "swarmId", "proposalHash",
                                       "electorateVersion"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!s_is_same (self->question, data, keys[i]))
            FAULT ("the decision has another %s than the question", keys[i]);
    s_compare_outcome (self, event, data);
    s_compare_numbers (self, event);
    s_compare_heard (self, data);
    s_compare_decision (self, data);
    s_compare_ballots (self, data);
}

/* ---- lines ------------------------------------------------------------------
 */

static void
s_event (covey_vote_audit_t *self, const char *line, size_t size,
         const json_t *object)
{
    covey_event_t *event = NULL;
    json_t *data = json_object_get (object, "data");
    if (covey_event_from_json (line, size, &event) ||
        covey_event_validate (event)) {
        FAULT ("no event: %s", covey_error ());
        covey_event_destroy (&event);
        return;
    }
    switch (covey_event_type (event)) {
        case COVEY_EVENT_SWARM_CONSENSUS_REQUEST:
            s_ask (self, event, data);
            break;
        case COVEY_EVENT_SWARM_VOTE_CAST:
            s_cast (self, event, data);
            break;
        case COVEY_EVENT_SWARM_CONSENSUS_REACHED:
            s_decide (self, event, data);
            break;
        default:
            FAULT ("an event of type %s is no part of a vote",
                   covey_event_type_name (covey_event_type (event)));
    }
    covey_event_destroy (&event);
}

void
covey_vote_audit_line (covey_vote_audit_t *self, const char *line, size_t size)
{
    json_error_t where;
    self->line++;
    json_t *object = json_loadb (line, size, JSON_REJECT_DUPLICATES, &where);
    json_t *sums = json_object_get (object, SUMS_KEY);
    if (self->had_sums)
        FAULT ("a line behind the sums");
    if (sums) {
        self->had_sums = json_incref (sums);
        char *want = covey_vote_audit_sums (self);
        for (size_t i = 0; i < json_array_size (self->sums); i++)
            if (!json_equal (json_array_get (self->sums, i),
                             json_array_get (sums, i)))
                s_fault_at (self, i + 1,
                            "the line is not what was exported: "
                            "its sum differs");
        if (json_array_size (sums) != json_array_size (self->sums))
            FAULT ("sums of %zu lines, but there are %zu",
                   json_array_size (sums), json_array_size (self->sums));
        else if (strlen (want) != size || memcmp (want, line, size) != 0)
            FAULT ("the line of sums is not what was exported");
        free (want);
    } else {
        char sum[COVEY_HASH_TEXT];
        covey_digest_of (line, size, sum);
        json_array_append_new (self->sums, json_string (sum));
        if (object)
            s_event (self, line, size, object);
        else
            FAULT ("no JSON: %s", where.text);
    }
    json_decref (object);
}

char *
covey_vote_audit_sums (const covey_vote_audit_t *self)
{
    json_t *line = json_pack ("{s:s, s:O}", "export", "covey.vote.1", SUMS_KEY,
                              self->sums);
    char *text = json_dumps (line, JSON_COMPACT);
    json_decref (line);
    return text;
}

json_t *
covey_vote_audit_end (covey_vote_audit_t *self, bool wants_sums)
{
    self->line++;
    if (wants_sums && !self->had_sums)
        FAULT ("the sums of the lines are missing: the file is cut off");
    if (!self->vote)
        FAULT ("there is no question: nothing to recount");
    else if (covey_proposal_is_decided (self->vote) &&
             self->outcome == COVEY_OUTCOME_OPEN)
        FAULT (
            "the decision is missing: the vote is %s",
            covey_outcome_name (covey_proposal_decision (self->vote)->outcome));
    size_t ballots = json_array_size (self->casts);
    const covey_proposal_t *vote = self->vote;
    return json_pack (
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:O}", "id",
        vote ? covey_proposal_args (vote)->id : "", "outcome",
        covey_outcome_name (self->outcome), "reason",
        vote ? covey_proposal_decision (vote)->reason : "", "ballots",
        (json_int_t)ballots, "counted",
        (json_int_t)(vote ? covey_count_cast (covey_proposal_count (vote)) : 0),
        "unsigned", (json_int_t)(vote ? covey_proposal_unsigned (vote) : 0),
        "lines", (json_int_t)(self->line - 1), "verified",
        json_array_size (self->faults) == 0, "faults", self->faults);
}
