/*  The operations of the control plane, by lot: a function that makes params,
    and a row in the table at the end.                                        */
#include "support_random_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/state_impl.h"

/*  One of the last ids of a kind, seldom one that never was.                */
static uint64_t
s_recent (support_random_t *self, uint64_t made)
{
    uint64_t window = made < 40 ? made : 40;
    return s_chance (self, 3) || !window ? made + 7
                                         : made - s_below (self, window);
}

/*  JSON in pieces: `{` and members; s_close ends it.                        */
typedef struct {
    char *text;
    size_t size;
} s_json_t;

static void s_add (s_json_t *to, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

static void
s_add (s_json_t *to, const char *fmt, ...)
{
    va_list args;
    to->size += (size_t)snprintf (to->text + to->size, JSON_MAX - to->size,
                                  "%s", to->size ? "," : "{");
    va_start (args, fmt);
    to->size +=
        (size_t)vsnprintf (to->text + to->size, JSON_MAX - to->size, fmt, args);
    va_end (args);
    assert_true (to->size < JSON_MAX - 2);
}

/* ---- tasks
 * ------------------------------------------------------------------ */

static void
s_submit_more (support_random_t *self, s_json_t *to)
{
    static const char *const limits[] = {"queueTimeout", "runTimeout",
                                         "totalTimeout", "keepResult"};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (s_chance (self, 15))
            s_add (to, "\"%s\":%llu", limits[i],
                   (unsigned long long)(1 + s_below (self, 6000)));
    if (s_chance (self, 15))
        s_add (to, "\"delay\":%llu", (unsigned long long)s_below (self, 3000));
    if (s_chance (self, 30))
        s_add (to, "\"share\":\"%s\",\"weight\":%llu", s_word (self),
               (unsigned long long)(1 + s_below (self, 5)));
    if (s_chance (self, 15))
        s_add (to, "\"preferredHost\":\"%s\"", s_word (self));
    s_add (to, "\"dependencyPolicy\":\"%s\"",
           s_chance (self, 60) ? "wait" : "ignore");
    if (s_chance (self, 15))
        s_add (to, "\"parent\":\"t%d\"", (int)s_recent (self, self->tasks));
}

static void
s_submit (support_random_t *self, const covey_state_t *state, s_json_t *to,
          char client[16])
{
    (void)state;
    (void)client;
    if (s_chance (self, 80))
        s_add (to, "\"taskId\":\"t%llu\"",
               s_chance (self, 95)
                   ? (unsigned long long)++self->tasks
                   : (unsigned long long)s_recent (self, self->tasks));
    s_add (to, "\"taskType\":\"%s\"", s_word (self));
    if (s_chance (self, 30))
        s_add (to, "\"description\":\"about %s\"", s_word (self));
    if (s_chance (self, 40))
        s_add (to, "\"priority\":\"%s\"",
               s_chance (self, 50) ? "low" : "critical");
    if (s_chance (self, 30))
        s_add (to, "\"requiredCapabilities\":[\"%s\",\"%s\"]", s_word (self),
               s_word (self));
    if (s_chance (self, 15))
        s_add (to, "\"agentType\":\"%s\"", s_word (self));
    if (s_chance (self, 15))
        s_add (
            to, "\"deadline\":%lld",
            (long long)(self->now_us + 1 + (int64_t)s_below (self, 9000000)));
    if (s_chance (self, 35))
        s_add (to, "\"dependencies\":[\"t%llu\",\"t%llu\"]",
               (unsigned long long)s_recent (self, self->tasks),
               (unsigned long long)s_recent (self, self->tasks));
    if (s_chance (self, 60))
        s_add (to,
               "\"retry\":{\"attempts\":%llu,\"firstDelay\":%llu,"
               "\"multiplier\":1.5,\"fatalCodes\":[\"%s\"]}",
               (unsigned long long)s_below (self, 4),
               (unsigned long long)s_below (self, 2000), s_word (self));
    if (s_chance (self, 30))
        s_add (to, "\"input\":{\"contentType\":\"text\",\"data\":\"hi\"}");
    if (s_chance (self, 70))
        s_add (to, "\"lease\":%llu",
               (unsigned long long)(100 + s_below (self, 4000)));
    if (s_chance (self, 10))
        s_add (to, "\"idempotencyKey\":\"k%llu\"",
               (unsigned long long)s_below (self, 20));
    s_submit_more (self, to);
}

/*  Two to four that wait for each other or for older ones, seldom in a circle.
 */
static void
s_batch (support_random_t *self, const covey_state_t *state, s_json_t *to,
         char client[16])
{
    char tasks[1000] = "";
    size_t used = 0, count = 2 + s_below (self, 3);
    uint64_t first = self->tasks + 1;
    (void)state;
    (void)client;
    for (size_t i = 0; i < count; i++) {
        self->tasks++;
        uint64_t on = s_chance (self, 50) ? first + s_below (self, i ? i : 1)
                                          : s_recent (self, first);
        if (s_chance (self, 4))
            on = first + s_below (self, count);
        used += (size_t)snprintf (
            tasks + used, sizeof tasks - used,
            "%s{\"taskId\":\"t%llu\",\"taskType\":\"%s\","
            "\"dependencies\":[\"t%llu\"],\"dependencyPolicy\":\"%s\"}",
            i ? "," : "", (unsigned long long)self->tasks, s_word (self),
            (unsigned long long)(on == self->tasks && !s_chance (self, 4)
                                     ? s_recent (self, first)
                                     : on),
            s_chance (self, 60) ? "wait" : "ignore");
    }
    s_add (to, "\"tasks\":[%s]", tasks);
    if (s_chance (self, 20))
        s_add (to, "\"idempotencyKey\":\"k%llu\"",
               (unsigned long long)s_below (self, 20));
}

static void
s_schedule (support_random_t *self, const covey_state_t *state, s_json_t *to,
            char client[16])
{
    static const char *const overlaps[] = {"skip", "bufferOne", "bufferAll",
                                           "cancelOther", "allowAll"};
    (void)state;
    (void)client;
    if (s_chance (self, 95))
        s_add (to, "\"scheduleId\":\"p%llu\"",
               (unsigned long long)++self->schedules);
    s_add (to, "\"task\":{\"taskType\":\"%s\",\"lease\":500}", s_word (self));
    if (s_chance (self, 30))
        s_add (to, "\"cron\":\"*/%d * * * * *\"", 1 + (int)s_below (self, 9));
    else
        s_add (to, "\"every\":%llu",
               (unsigned long long)(100 + s_below (self, 3000)));
    s_add (to, "\"overlap\":\"%s\"", overlaps[s_below (self, 5)]);
    s_add (to, "\"times\":%llu", (unsigned long long)(1 + s_below (self, 8)));
    if (s_chance (self, 30))
        s_add (to, "\"catchUp\":%llu",
               (unsigned long long)s_below (self, 100000));
    if (s_chance (self, 30))
        s_add (
            to, "\"endsAt\":%lld",
            (long long)(self->now_us + 1 + (int64_t)s_below (self, 20000000)));
}

static void
s_schedule_ref (support_random_t *self, const covey_state_t *state,
                s_json_t *to, char client[16])
{
    (void)state;
    (void)client;
    s_add (to, "\"scheduleId\":\"p%llu\"",
           (unsigned long long)s_recent (self, self->schedules));
}

/*  A task that somebody holds, or NULL.                                     */
static const covey_task_t *
s_held (support_random_t *self, const covey_state_t *state)
{
    char id[16];
    snprintf (id, sizeof id, "a%d", (int)s_below (self, AGENTS));
    const covey_worker_t *worker =
        covey_registry_find_up (&state->registry, id);
    return worker ? covey_tree_first (&worker->held) : NULL;
}

/*  Task and token; `*client` becomes the holder, mostly.                    */
static void
s_report (support_random_t *self, const covey_state_t *state, s_json_t *to,
          char client[16])
{
    const covey_task_t *task = s_held (self, state);
    if (!task) {
        s_add (to, "\"taskId\":\"t%llu\"",
               (unsigned long long)s_recent (self, self->tasks));
        s_add (to, "\"fencingToken\":%llu",
               (unsigned long long)s_below (self, 50));
        return;
    }
    s_add (to, "\"taskId\":\"%s\"", task->id);
    s_add (to, "\"fencingToken\":%llu",
           (unsigned long long)task->token - (s_chance (self, 5) ? 1 : 0));
    if (s_chance (self, 95))
        snprintf (client, 16, "%s", task->agent);
}

static void
s_progress (support_random_t *self, const covey_state_t *state, s_json_t *to,
            char client[16])
{
    s_report (self, state, to, client);
    if (s_chance (self, 50))
        s_add (to, "\"progress\":%d.5", (int)s_below (self, 99));
    if (s_chance (self, 50))
        s_add (to, "\"status\":\"at %s\"", s_word (self));
    if (s_chance (self, 40))
        s_add (to, "\"details\":{\"at\":%llu}",
               (unsigned long long)s_below (self, 99));
}

static void
s_complete (support_random_t *self, const covey_state_t *state, s_json_t *to,
            char client[16])
{
    s_report (self, state, to, client);
    if (s_chance (self, 30))
        s_add (to, "\"result\":[1,2,%d]", (int)s_below (self, 3));
    else if (s_chance (self, 50))
        s_add (to, "\"result\":{\"contentType\":\"binary\",\"data\":\"b2s=\"}");
}

static void
s_fail (support_random_t *self, const covey_state_t *state, s_json_t *to,
        char client[16])
{
    s_report (self, state, to, client);
    if (s_chance (self, 70))
        s_add (to, "\"error\":\"%s broke\"", s_word (self));
    if (s_chance (self, 30))
        s_add (to, "\"errorCode\":\"%s\"", s_word (self));
    if (s_chance (self, 10))
        s_add (to, "\"retryable\":false");
}

static void
s_task_ref (support_random_t *self, const covey_state_t *state, s_json_t *to,
            char client[16])
{
    (void)state;
    (void)client;
    s_add (to, "\"taskId\":\"t%llu\"",
           (unsigned long long)s_recent (self, self->tasks));
    if (s_chance (self, 30))
        s_add (to, "\"reason\":\"%s\"", s_word (self));
}

static void
s_grace (support_random_t *self, const covey_state_t *state, s_json_t *to,
         char client[16])
{
    s_task_ref (self, state, to, client);
    s_add (to, "\"grace\":%llu", (unsigned long long)s_below (self, 2000));
}

/* ---- swarms and votes
 * ------------------------------------------------------- */

static void
s_form (support_random_t *self, const covey_state_t *state, s_json_t *to,
        char client[16])
{
    (void)state;
    (void)client;
    char members[1024] = "";
    size_t used = 0;
    for (int i = 0; i < AGENTS; i++)
        if (s_chance (self, 50))
            used += (size_t)snprintf (
                members + used, sizeof members - used,
                "%s{\"agentId\":\"a%d\",\"weight\":%d.25}", used ? "," : "", i,
                1 + (int)s_below (self, 9));
    if (s_chance (self, 95))
        s_add (to, "\"swarmId\":\"s%llu\"", (unsigned long long)++self->swarms);
    s_add (to, "\"objective\":\"%s\"", s_word (self));
    s_add (to, "\"members\":[%s]", members);
    s_add (to, "\"tags\":[\"%s\"]", s_word (self));
    if (s_chance (self, 50))
        s_add (to, "\"strategy\":\"%s\"",
               s_chance (self, 50) ? "unanimous" : "weighted");
}

static void
s_member (support_random_t *self, const covey_state_t *state, s_json_t *to,
          char client[16])
{
    (void)state;
    (void)client;
    s_add (to, "\"swarmId\":\"s%llu\"",
           (unsigned long long)s_recent (self, self->swarms));
    s_add (to, "\"agentId\":\"a%d\"", (int)s_below (self, AGENTS));
}

static void
s_join (support_random_t *self, const covey_state_t *state, s_json_t *to,
        char client[16])
{
    s_member (self, state, to, client);
    if (s_chance (self, 50))
        s_add (to, "\"weight\":%d.5", 1 + (int)s_below (self, 9));
}

static void
s_swarm_ref (support_random_t *self, const covey_state_t *state, s_json_t *to,
             char client[16])
{
    (void)state;
    (void)client;
    s_add (to, "\"swarmId\":\"s%llu\"",
           (unsigned long long)s_recent (self, self->swarms));
}

/*  A part of a rule that fits more often than not.                          */
static void
s_rule (support_random_t *self, s_json_t *to)
{
    static const char *const parts[] = {
        "\"threshold\":\"2/3\"",
        "\"threshold\":\">1/3\",\"silence\":\"aside\"",
        "\"quorumShare\":\"1/2\",\"abstentions\":\"aside\"",
        "\"tie\":\"leader\"",
        "\"final\":true",
        "\"vetoHolders\":[\"a1\"]",
        "\"options\":[\"red\",\"blue\"]",
        "\"options\":[\"red\",\"blue\",\"grey\"],\"ranked\":true",
        "\"ranked\":true"};
    s_add (to, "\"rule\":{%s}",
           parts[s_below (self, sizeof parts / sizeof *parts)]);
}

static void
s_propose (support_random_t *self, const covey_state_t *state, s_json_t *to,
           char client[16])
{
    static const char *const strategies[] = {"majority", "unanimous",
                                             "weighted", "quorum"};
    s_swarm_ref (self, state, to, client);
    if (s_chance (self, 95))
        s_add (to, "\"consensusId\":\"v%llu\"",
               (unsigned long long)++self->votes);
    s_add (to, "\"proposal\":{\"contentType\":\"text\",\"data\":\"yes\"}");
    uint64_t strategy = s_below (self, 5);
    if (strategy < 4)
        s_add (to, "\"votingStrategy\":\"%s\"", strategies[strategy]);
    if (strategy == 3 && s_chance (self, 70))
        s_add (to, "\"quorumSize\":%d", 1 + (int)s_below (self, 3));
    if (s_chance (self, 60))
        s_rule (self, to);
    s_add (to, "\"timeout\":%llu",
           (unsigned long long)(1 + s_below (self, 5000)));
}

static void
s_ballot (support_random_t *self, const covey_state_t *state, s_json_t *to,
          char client[16])
{
    static const char *const votes[] = {"approve", "reject", "abstain"};
    (void)state;
    int agent = (int)s_below (self, AGENTS);
    s_add (to, "\"consensusId\":\"v%llu\"",
           (unsigned long long)s_recent (self, self->votes));
    if (s_chance (self, 25))
        s_add (to, "\"options\":[%s]",
               s_chance (self, 60) ? "\"blue\"" : "\"red\",\"blue\"");
    else
        s_add (to, "\"vote\":\"%s\"", votes[s_below (self, 3)]);
    if (s_chance (self, 40))
        s_add (to, "\"reason\":\"%s\"", s_word (self));
    if (s_chance (self, 70))
        snprintf (client, 16, "a%d", agent);
    else
        s_add (to, "\"agentId\":\"a%d\"", agent);
}

static void
s_withdraw (support_random_t *self, const covey_state_t *state, s_json_t *to,
            char client[16])
{
    (void)state;
    (void)client;
    s_add (to, "\"consensusId\":\"v%llu\"",
           (unsigned long long)s_recent (self, self->votes));
}

/* ---- shared memory
 * ---------------------------------------------------------- */

/*  A key that is often there; `*client` is mostly its owner.                */
static void
s_key (support_random_t *self, const covey_state_t *state, s_json_t *to,
       char client[16])
{
    char key[32];
    snprintf (key, sizeof key, "%s%sk%d", s_word (self),
              s_chance (self, 70) ? "/" : "", (int)s_below (self, 6));
    s_add (to, "\"key\":\"%s\"", key);
    snprintf (client, 16, "a%d", (int)s_below (self, AGENTS));
    const covey_memory_entry_t *entry = covey_memory_find (&state->memory, key);
    if (!entry)
        return;
    if (s_chance (self, 60))
        snprintf (client, 16, "%s", entry->latest->owner);
}

static void
s_level (support_random_t *self, s_json_t *to)
{
    static const char *const levels[] = {"read", "write", "admin"};
    if (s_chance (self, 40))
        s_add (to, "\"accessLevel\":\"%s\"", levels[s_below (self, 3)]);
}

static void
s_expected (support_random_t *self, const covey_state_t *state, s_json_t *to)
{
    if (s_chance (self, 20))
        s_add (to, "\"expectedRevision\":%llu",
               (unsigned long long)s_below (self, state->memory.revision + 1));
}

static void
s_put (support_random_t *self, const covey_state_t *state, s_json_t *to,
       char client[16])
{
    s_key (self, state, to, client);
    s_level (self, to);
    s_expected (self, state, to);
    if (s_chance (self, 30))
        s_add (to, "\"value\":%lld", (long long)s_below (self, 1000));
    else
        s_add (to, "\"value\":\"%s\"", s_word (self));
    if (s_chance (self, 50))
        s_add (to, "\"tags\":[\"%s\",\"%s\"]", s_word (self), s_word (self));
    if (s_chance (self, 40))
        s_add (to, "\"ttl\":%llu",
               (unsigned long long)(1 + s_below (self, 5000)));
    if (s_chance (self, 20))
        s_add (to, "\"history\":%llu",
               (unsigned long long)(1 + s_below (self, 5)));
}

static void
s_incr (support_random_t *self, const covey_state_t *state, s_json_t *to,
        char client[16])
{
    s_key (self, state, to, client);
    s_add (to, "\"by\":%lld", (long long)s_below (self, 20) - 10);
    if (s_chance (self, 30))
        s_add (to, "\"min\":-5,\"max\":5");
    if (s_chance (self, 20))
        s_add (to, "\"ttl\":%llu",
               (unsigned long long)(1 + s_below (self, 5000)));
}

static void
s_share (support_random_t *self, const covey_state_t *state, s_json_t *to,
         char client[16])
{
    s_key (self, state, to, client);
    s_level (self, to);
    if (s_chance (self, 30))
        s_add (to, "\"targets\":[\"a%d\"]", (int)s_below (self, AGENTS));
    if (s_chance (self, 30))
        s_add (to, "\"owner\":\"a%d\"", (int)s_below (self, AGENTS));
}

static void
s_delete (support_random_t *self, const covey_state_t *state, s_json_t *to,
          char client[16])
{
    s_key (self, state, to, client);
    s_expected (self, state, to);
}

/* ---- claims
 * ----------------------------------------------------------------- */

static const char *
s_path (support_random_t *self)
{
    static const char *const paths[] = {"a.c",   "b.c",    "*.c",  "d/",
                                        "d/a.c", "**/*.h", "d/e/*"};
    return paths[s_below (self, sizeof paths / sizeof *paths)];
}

static void
s_acquire (support_random_t *self, const covey_state_t *state, s_json_t *to,
           char client[16])
{
    (void)state;
    if (s_chance (self, 80))
        snprintf (client, 16, "a%d", (int)s_below (self, AGENTS));
    if (s_chance (self, 80))
        s_add (to, "\"claimId\":\"l%llu\"",
               s_chance (self, 95)
                   ? (unsigned long long)++self->claims
                   : (unsigned long long)s_recent (self, self->claims));
    if (s_chance (self, 70))
        s_add (to, "\"paths\":[\"%s\",\"%s\"]", s_path (self), s_path (self));
    s_add (to, "\"names\":[\"%s\"]", s_word (self));
    if (s_chance (self, 50))
        s_add (to, "\"shared\":true");
    if (s_chance (self, 70))
        s_add (to, "\"wait\":%llu", (unsigned long long)s_below (self, 5000));
    if (s_chance (self, 80))
        s_add (to, "\"ttl\":%llu",
               (unsigned long long)(1000 + s_below (self, 2000)));
    if (s_chance (self, 30))
        s_add (to, "\"purpose\":\"%s\",\"taskId\":\"t1\"", s_word (self));
}

/*  Mostly one that lives, by its holder.                                    */
static void
s_claim (support_random_t *self, const covey_state_t *state, s_json_t *to,
         char client[16])
{
    const covey_claim_entry_t *entry = covey_tree_first (&state->claims.live);
    for (uint64_t i = s_below (self, 5); entry && i > 0; i--)
        entry = covey_tree_next (&state->claims.live, entry);
    if (!entry || s_chance (self, 10)) {
        s_add (to, "\"claimId\":\"l%llu\"",
               (unsigned long long)s_recent (self, self->claims));
        return;
    }
    s_add (to, "\"claimId\":\"%s\"", entry->id);
    s_add (to, "\"fencingToken\":%llu",
           (unsigned long long)entry->token + (s_chance (self, 10) ? 1 : 0));
    if (s_chance (self, 95))
        snprintf (client, 16, "%s", entry->holder);
}

static void
s_release (support_random_t *self, const covey_state_t *state, s_json_t *to,
           char client[16])
{
    if (s_chance (self, 70)) {
        s_claim (self, state, to, client);
        return;
    }
    snprintf (client, 16, "a%d", (int)s_below (self, AGENTS));
    s_add (to, "\"names\":[\"%s\",\"%s\"]", s_word (self), s_word (self));
    s_add (to, "\"paths\":[\"%s\",\"%s\"]", s_path (self), s_path (self));
    if (s_chance (self, 20))
        s_add (to, "\"force\":true,\"reason\":\"%s\"", s_word (self));
}

/* ---- coordination sessions
 * --------------------------------------------------- */

static void
s_coordinate (support_random_t *self, const covey_state_t *state, s_json_t *to,
              char client[16])
{
    static const char *const more[] = {
        "\"strategy\":\"sequential\",\"input\":{\"seed\":7}",
        "\"strategy\":\"parallel\",\"requiredCapabilities\":[\"alpha\"]",
        "\"strategy\":\"hierarchical\",\"onFailure\":\"fail\"",
        "\"strategy\":\"hierarchical\",\"leader\":\"a1\"",
        "\"strategy\":\"consensus\"",
        "\"strategy\":\"consensus\",\"votingStrategy\":\"quorum\""};
    (void)state;
    (void)client;
    int min = 2 + (int)s_below (self, 2);
    s_add (to, "\"coordinationId\":\"j%llu\",\"objective\":\"%s\"",
           (unsigned long long)++self->coordinations, s_word (self));
    s_add (to, "%s", more[s_below (self, sizeof more / sizeof *more)]);
    s_add (to, "\"minAgents\":%d,\"maxAgents\":%d", min,
           min + (int)s_below (self, 2));
    s_add (to, "\"gatherTimeout\":%llu,\"timeout\":%llu",
           (unsigned long long)(1 + s_below (self, 3000)),
           (unsigned long long)(1 + s_below (self, 60000)));
}

static void
s_coordination_ref (support_random_t *self, const covey_state_t *state,
                    s_json_t *to, char client[16])
{
    (void)state;
    (void)client;
    s_add (to, "\"coordinationId\":\"j%llu\"",
           (unsigned long long)s_recent (self, self->coordinations));
}

/*  From one that was asked, and mostly has not answered.                    */
static void
s_answer (support_random_t *self, const covey_state_t *state, s_json_t *to,
          char client[16])
{
    const covey_tree_t *open = &state->coordinations_open;
    const covey_coordination_entry_t *entry = covey_tree_first (open);
    for (uint64_t skip = s_below (self, open->count + 1); entry && skip; skip--)
        entry = covey_tree_next (open, entry);
    if (!entry) {
        s_coordination_ref (self, state, to, client);
        return;
    }
    const covey_team_t *team = entry->team;
    s_add (to, "\"coordinationId\":\"%s\"", team->id);
    for (size_t i = 0; i < team->invited_count; i++)
        if (i == 0 || team->invited[i].state == COVEY_INVITED_ASKED)
            snprintf (client, 16, "%s", team->invited[i].agent_id);
}

/* ---- the mesh
 * --------------------------------------------------------------- */

static void
s_limits (support_random_t *self, const covey_state_t *state, s_json_t *to,
          char client[16])
{
    (void)state;
    (void)client;
    if (s_chance (self, 50))
        s_add (to, "\"tasks\":%d", 20 + (int)s_below (self, 40));
    if (s_chance (self, 50))
        s_add (to, "\"endedTaskAge\":%d", 1000 + (int)s_below (self, 90000000));
    s_add (to, "\"agents\":%d", 4 + (int)s_below (self, 8));
}

/* ---- roles
 * ------------------------------------------------------------------ */

static void
s_role (support_random_t *self, const covey_state_t *state, s_json_t *to,
        char client[16])
{
    (void)state;
    (void)client;
    s_add (to, "\"role\":\"%s\"", s_word (self));
    s_add (to, "\"node\":\"n%d\"", (int)s_below (self, 4));
}

static void
s_take_role (support_random_t *self, const covey_state_t *state, s_json_t *to,
             char client[16])
{
    s_role (self, state, to, client);
    if (s_chance (self, 50))
        s_add (to, "\"name\":\"%s\"", s_word (self));
    if (s_chance (self, 80))
        s_add (to, "\"ttl\":%llu",
               (unsigned long long)(1000 + s_below (self, 3000)));
}

/* ---- the table
 * ------------------------------------------------------------- */

/*  What callers ask. `client` may be changed to who would ask that.         */
static const struct {
    unsigned weight;
    const char *method;
    void (*params) (support_random_t *self, const covey_state_t *state,
                    s_json_t *to, char client[16]);
} s_methods[] = {
    /* clang-format off */
    {30, "task.submit", s_submit}, {6, "task.accept", s_report},
    {3, "task.reject", s_report}, {6, "task.start", s_report},
    {8, "task.progress", s_progress}, {16, "task.complete", s_complete},
    {8, "task.fail", s_fail}, {3, "task.cancel", s_task_ref},
    {3, "task.retry", s_task_ref}, {3, "swarm.form", s_form},
    {3, "swarm.join", s_join}, {3, "swarm.leave", s_member},
    {1, "swarm.disband", s_swarm_ref}, {5, "swarm.propose", s_propose},
    {12, "swarm.vote", s_ballot}, {1, "swarm.withdraw", s_withdraw},
    {16, "memory.put", s_put}, {5, "memory.incr", s_incr},
    {5, "memory.delete", s_delete}, {3, "memory.share", s_share},
    {1, "memory.retrieve", s_key}, {14, "mesh.claim.acquire", s_acquire},
    {5, "mesh.claim.renew", s_claim}, {6, "mesh.claim.release", s_release}, {6, "mesh.role.claim", s_take_role},
    {1, "mesh.role.release", s_role},
    {5, "mesh.coordinate", s_coordinate}, {20, "mesh.coordination.accept", s_answer},
    {2, "mesh.coordination.reject", s_answer}, {1, "mesh.coordination.cancel", s_coordination_ref},
    {1, "mesh.coordination.pause", s_coordination_ref}, {2, "mesh.coordination.resume", s_coordination_ref},
    {4, "task.yield", s_report}, {4, "task.pause", s_task_ref},
    {4, "task.resume", s_task_ref}, {3, "task.cancel", s_grace},
    {4, "task.batch", s_batch}, {3, "task.schedule.add", s_schedule},
    {1, "task.schedule.pause", s_schedule_ref}, {1, "task.schedule.resume", s_schedule_ref},
    {1, "task.schedule.delete", s_schedule_ref},
    {1, "mesh.setLimits", s_limits},
    /* clang-format on */
};

static size_t
s_draw (support_random_t *self)
{
    uint64_t total = 0;
    for (size_t i = 0; i < sizeof s_methods / sizeof *s_methods; i++)
        total += s_methods[i].weight;
    uint64_t lot = s_below (self, total);
    size_t i = 0;
    while (lot >= s_methods[i].weight)
        lot -= s_methods[i++].weight;
    return i;
}

const char *
support_random_operation (support_random_t *self, const covey_state_t *state,
                          char json[JSON_MAX], char client[16])
{
    s_json_t to = {json, 0};
    size_t drawn = s_draw (self);
    s_methods[drawn].params (self, state, &to, client);
    snprintf (json + to.size, JSON_MAX - to.size, "}");
    return s_methods[drawn].method;
}
