/*  Decisions of a swarm of 5 and of 50, by three coordinators with their logs
   on disk. Every member has to approve, so each ballot is needed; all are
   signed, and cast by agents on a node of their own. First one question after
   the other: the last ballot waits until the others are acknowledged, then the
   time runs until its voter, the proposer and every member know the decision.
   Then OPEN_MAX at a time. A put into the shared memory is what one commit
   takes.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/buf.h"
#include "bench/cluster.h"
#include "proto/json_scan.h"
#include "swarm/seal.h"

#define VOTERS_MAX 50
#define OPEN_MAX 256 /* questions at a time */
#define SWARM "jury"
#define WEIGHT 1000000

typedef struct vote vote_t;

typedef struct {
    int number;
    covey_agent_t *agent;
    covey_ballot_key_t key;
} voter_t;

/*  A question that is under way, by its number modulo OPEN_MAX.             */
typedef struct {
    long number;
    covey_event_t *held; /* the question of who votes last                   */
    int acked, heard;
    bool asked_last;
    int64_t last_ns; /* the last ballot was cast                             */
} turn_t;

typedef struct {
    bench_cluster_t cluster;
    int voters;
    voter_t voter[VOTERS_MAX];
    covey_agent_t *proposer;
    int epoll;
    bool one_by_one;
    turn_t turns[OPEN_MAX];
    long opened, decided, wanted, window;
    int64_t *answered, *decisions, *announced; /* samples                    */
    long answered_count, decision_count, announced_count;
} bench_votes_t;

static bench_votes_t s_bench;

static turn_t *
s_turn (const covey_event_t *event)
{
    const char *id = covey_event_str (event, "consensusId");
    long number = strtol (id + 2, NULL, 10);
    turn_t *turn = &s_bench.turns[number % OPEN_MAX];
    return *id == 'p' && turn->number == number ? turn : NULL;
}

/* ---- ballots ----------------------------------------------------------------
 */

static covey_err_t
s_on_ballot (covey_agent_t *agent, const covey_event_t *response, void *arg)
{
    turn_t *turn = arg;
    (void)agent;
    if (!covey_event_bool (response, "success"))
        bench_die ("ballot", "was refused");
    if (s_bench.one_by_one && turn->asked_last)
        s_bench.answered[s_bench.answered_count++] =
            bench_now_ns () - turn->last_ns;
    turn->acked++;
    return COVEY_OK;
}

static void
s_cast (const voter_t *self, const covey_event_t *question, turn_t *turn)
{
    char id[24];
    covey_seal_t seal;
    covey_buf_t params;
    snprintf (id, sizeof id, "v%02d", self->number);
    const covey_sealed_t sealed = {
        .hash = covey_event_str (question, "proposalHash"),
        .version = (uint64_t)covey_event_int (question, "electorateVersion"),
        .agent_id = id,
        .weight = WEIGHT,
        .vote = "approve",
        .serial = 1};
    turn->last_ns = bench_now_ns ();
    covey_seal_sign (&sealed, &self->key, &seal);
    covey_buf_init (&params, 4096);
    covey_buf_printf (&params,
                      "{\"consensusId\":\"%s\",\"vote\":\"approve\","
                      "\"publicKey\":\"",
                      covey_event_str (question, "consensusId"));
    covey_base64_write (seal.public_key, sizeof seal.public_key, &params);
    covey_buf_puts (&params, "\",\"signature\":\"");
    covey_base64_write (seal.signature, sizeof seal.signature, &params);
    covey_buf_puts (&params, "\"}");
    covey_buf_putc (&params, '\0');
    bench_check (covey_agent_ask (self->agent, "coordinator", "swarm.vote",
                                  (const char *)params.data, BENCH_WAIT_MS,
                                  s_on_ballot, turn),
                 "ballot");
    covey_buf_deinit (&params);
}

static covey_err_t
s_on_question (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    voter_t *self = arg;
    turn_t *turn = s_turn (event);
    (void)agent;
    if (covey_event_type (event) != COVEY_EVENT_SWARM_CONSENSUS_REQUEST ||
        !turn)
        return COVEY_OK;
    if (s_bench.one_by_one && self->number == 0)
        turn->held = covey_event_dup (event);
    else
        s_cast (self, event, turn);
    return COVEY_OK;
}

/*  All others have been acknowledged: now the last one.                     */
static void
s_cast_last (turn_t *turn)
{
    if (!turn->held || turn->acked < s_bench.voters - 1)
        return;
    turn->asked_last = true;
    s_cast (&s_bench.voter[0], turn->held, turn);
    covey_event_destroy (&turn->held);
}

/* ---- questions, decisions ---------------------------------------------------
 */

static covey_err_t
s_on_proposed (covey_agent_t *agent, const covey_event_t *response, void *arg)
{
    (void)agent;
    (void)arg;
    if (!covey_event_bool (response, "success"))
        bench_die ("proposal", "was refused");
    return COVEY_OK;
}

static void
s_propose (void)
{
    char params[256];
    long number = s_bench.opened++;
    turn_t *turn = &s_bench.turns[number % OPEN_MAX];
    *turn = (turn_t){.number = number};
    snprintf (params, sizeof params,
              "{\"consensusId\":\"p-%ld\",\"swarmId\":\"" SWARM "\","
              "\"proposal\":{\"merge\":%ld},\"votingStrategy\":\"unanimous\"}",
              number, number);
    bench_check (covey_agent_ask (s_bench.proposer, "coordinator",
                                  "swarm.propose", params, BENCH_WAIT_MS,
                                  s_on_proposed, NULL),
                 "propose");
}

/*  A member hears the decision; so does the proposer, with a NULL `arg`.    */
static covey_err_t
s_on_decision (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    turn_t *turn = s_turn (event);
    (void)agent;
    if (!turn)
        return COVEY_OK;
    if (strcmp (covey_event_str (event, "outcome"), "accepted") != 0)
        bench_die ("decision", "is another one");
    int64_t took_ns = bench_now_ns () - turn->last_ns;
    if (arg)
        s_bench.announced[s_bench.announced_count++] = took_ns;
    else
        s_bench.decisions[s_bench.decision_count++] = took_ns;
    if (++turn->heard <= s_bench.voters)
        return COVEY_OK;
    turn->number = -1;
    s_bench.decided++;
    return COVEY_OK;
}

/* ---- a run ------------------------------------------------------------------
 */

static void
s_watch (covey_agent_t *agent, void *arg)
{
    static const int types[] = {COVEY_EVENT_SWARM_CONSENSUS_REACHED};
    const covey_filter_t filter = {.types = types, .type_count = 1};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = agent};
    bench_check (
        covey_agent_subscribe (agent, &filter, NULL, s_on_decision, arg, NULL),
        "subscribe");
    if (epoll_ctl (s_bench.epoll, EPOLL_CTL_ADD, covey_agent_fd (agent),
                   &event))
        bench_die ("votes", "no descriptor");
}

static void
s_hire (int voters)
{
    char json[VOTERS_MAX * 32 + 64], id[24];
    size_t used = (size_t)snprintf (json, sizeof json,
                                    "{\"swarmId\":\"" SWARM
                                    "\",\"objective\":\"o\",\"members\":[");
    s_bench.voters = voters;
    s_bench.epoll = epoll_create1 (EPOLL_CLOEXEC);
    for (int i = 0; i < voters; i++) {
        voter_t *self = &s_bench.voter[i];
        uint8_t seed[COVEY_SEED_SIZE] = {(uint8_t)(i + 1)};
        snprintf (id, sizeof id, "v%02d", i);
        used += (size_t)snprintf (json + used, sizeof json - used,
                                  "%s{\"agentId\":\"%s\"}", i ? "," : "", id);
        self->number = i;
        self->agent = covey_agent_new (id, "voter");
        covey_ballot_key_make (seed, &self->key);
        covey_agent_on_event (self->agent, s_on_question, self);
        bench_cluster_attach (&s_bench.cluster, self->agent);
        s_watch (self->agent, self);
    }
    snprintf (json + used, sizeof json - used, "]}");
    s_bench.proposer = bench_cluster_client (&s_bench.cluster, 0);
    bench_check (covey_swarm_form (s_bench.proposer, json, BENCH_WAIT_MS, NULL),
                 "form");
    s_watch (s_bench.proposer, NULL);
}

static void
s_dismiss (void)
{
    for (int i = 0; i < s_bench.voters; i++)
        covey_agent_destroy (&s_bench.voter[i].agent);
    covey_agent_destroy (&s_bench.proposer);
    close (s_bench.epoll);
}

/*  `count` questions more, so many at a time.                               */
static void
s_decide (long count, long window)
{
    struct epoll_event events[VOTERS_MAX + 1];
    long end = s_bench.decided + count;
    s_bench.answered_count = s_bench.decision_count = 0;
    s_bench.announced_count = 0;
    while (s_bench.decided < end) {
        while (s_bench.opened < end &&
               s_bench.opened - s_bench.decided < window &&
               s_bench.turns[s_bench.opened % OPEN_MAX].number == -1)
            s_propose ();
        int ready =
            epoll_wait (s_bench.epoll, events, VOTERS_MAX + 1, BENCH_WAIT_MS);
        if (ready <= 0)
            bench_die ("votes", "no decision in time");
        for (int i = 0; i < ready; i++)
            bench_check (covey_agent_dispatch (events[i].data.ptr), "dispatch");
        for (int i = 0; s_bench.one_by_one && i < OPEN_MAX; i++)
            s_cast_last (&s_bench.turns[i]);
    }
}

static void
s_measure (int voters, long single, long many)
{
    char name[48];
    bench_meter_t meter;
    for (int i = 0; i < OPEN_MAX; i++)
        s_bench.turns[i].number = -1;
    s_bench.opened = s_bench.decided = 0;
    bench_cluster_start (&s_bench.cluster, BENCH_COORDINATORS);
    bench_cluster_start_own (&s_bench.cluster);
    s_hire (voters);
    s_decide (10, 1);
    s_bench.one_by_one = true;
    s_decide (single, 1);
    s_bench.one_by_one = false;
    snprintf (name, sizeof name, "votes_%d.answered", voters);
    bench_print_percentiles (name, s_bench.answered,
                             (size_t)s_bench.answered_count);
    snprintf (name, sizeof name, "votes_%d.decided", voters);
    bench_print_percentiles (name, s_bench.decisions,
                             (size_t)s_bench.decision_count);
    snprintf (name, sizeof name, "votes_%d.announced", voters);
    bench_print_percentiles (name, s_bench.announced,
                             (size_t)s_bench.announced_count);
    s_decide (many / 10, OPEN_MAX);
    bench_cluster_meter (&s_bench.cluster, &meter);
    s_decide (many, OPEN_MAX);
    snprintf (name, sizeof name, "votes_%d.decisions", voters);
    bench_meter_print (&meter, name, (double)many, "decisions/s");
    s_dismiss ();
    covey_node_destroy (&s_bench.cluster.own);
    bench_cluster_stop (&s_bench.cluster);
}

/* ---- one commit -------------------------------------------------------------
 */

static void
s_commit (long count)
{
    char params[128];
    int64_t *samples = calloc ((size_t)count, sizeof *samples);
    bench_cluster_start (&s_bench.cluster, BENCH_COORDINATORS);
    bench_cluster_start_own (&s_bench.cluster);
    covey_agent_t *client = bench_cluster_client (&s_bench.cluster, 0);
    for (long i = 0; i < count; i++) {
        snprintf (params, sizeof params,
                  "{\"key\":\"bench/%ld\",\"value\":\"x\"}", i);
        int64_t start = bench_now_ns ();
        bench_check (covey_agent_request (client, "coordinator", "memory.put",
                                          params, BENCH_WAIT_MS, NULL),
                     "put");
        samples[i] = bench_now_ns () - start;
    }
    bench_print_percentiles ("votes.commit", samples, (size_t)count);
    free (samples);
    covey_agent_destroy (&client);
    covey_node_destroy (&s_bench.cluster.own);
    bench_cluster_stop (&s_bench.cluster);
}

int
main (void)
{
    long single = bench_env ("BENCH_VOTES", 300);
    long few = bench_env ("BENCH_VOTES_5", 4000);
    long many = bench_env ("BENCH_VOTES_50", 500);
    size_t room = (size_t)(single > few ? single : few) + (size_t)many;
    s_bench.answered = calloc (room, sizeof *s_bench.answered);
    s_bench.decisions = calloc (room, sizeof *s_bench.decisions);
    s_bench.announced = calloc (room * VOTERS_MAX, sizeof *s_bench.announced);
    s_commit (single * 5);
    s_measure (5, single, few);
    s_measure (50, single, many);
    free (s_bench.answered);
    free (s_bench.decisions);
    free (s_bench.announced);
    return 0;
}
