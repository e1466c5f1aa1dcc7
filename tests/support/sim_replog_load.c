/*  What clients ask for: a kind by lot, and its command. A request is the same
    bytes whenever it is tried again, but for the time.                       */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/schedule.h"
#include "proto/pb.h"
#include "tests/support/sim_replog_impl.h"

static uint64_t
s_below (sim_replog_t *sim, uint64_t bound)
{
    return covey_prng_below (&sim->prng, bound);
}

const sim_request_t *
sim_load_given (sim_replog_t *sim, size_t client, sim_ask_t ask)
{
    size_t skip = (size_t)s_below (sim, 3);
    const sim_request_t *found = NULL;
    for (size_t i = sim->request_count; i-- > 0;) {
        const sim_request_t *one = &sim->requests[i];
        if (one->client != client || one->ask != ask || !one->known ||
            !*one->object)
            continue;
        found = one;
        if (!skip--)
            break;
    }
    return found;
}

void
sim_load_keep (sim_request_t *request, const Covey__Control__Command *command)
{
    request->command = (Covey__Control__Command *)covey_pb_dup (&command->base);
}

/* ---- tasks ------------------------------------------------------------------
 */

static void
s_fill_submit (sim_replog_t *sim, Covey__Control__TaskSubmit *submit,
               Covey__V1__RetryPolicy *retry)
{
    covey__control__task_submit__init (submit);
    covey__v1__retry_policy__init (retry);
    submit->task_type = (char *)"t";
    submit->has_lease = true;
    submit->lease = 1000 + (int64_t)s_below (sim, 3) * 1000;
    submit->has_priority = true;
    submit->priority = (Covey__V1__Priority)s_below (sim, 4);
    retry->has_attempts = retry->has_first_delay = true;
    retry->attempts = 1 + (uint32_t)s_below (sim, 3);
    retry->first_delay = (int64_t)s_below (sim, 300);
    submit->retry = retry;
}

static bool
s_make_submit (sim_replog_t *sim, sim_request_t *request)
{
    Covey__Control__TaskSubmit submit;
    Covey__V1__RetryPolicy retry;
    s_fill_submit (sim, &submit, &retry);
    submit.has_total_timeout = s_below (sim, 4) == 0;
    submit.total_timeout = 1 + (int64_t)s_below (sim, 4000);
    SIM_KEEP (request, TASK_SUBMIT, task_submit, &submit);
    return true;
}

/*  Three in a chain, the first one last.                                    */
static bool
s_make_batch (sim_replog_t *sim, sim_request_t *request)
{
    Covey__Control__TaskBatch batch = COVEY__CONTROL__TASK_BATCH__INIT;
    Covey__Control__TaskSubmit submits[3], *list[3];
    Covey__V1__RetryPolicy retry;
    char ids[3][32], *names[3];
    for (size_t i = 0; i < 3; i++) {
        list[i] = &submits[i];
        names[i] = ids[i];
        snprintf (ids[i], sizeof ids[i], "%s-%zu", request->id, i);
        s_fill_submit (sim, &submits[i], &retry);
        submits[i].task_id = ids[i];
    }
    submits[0].n_dependencies = submits[1].n_dependencies = 1;
    submits[0].dependencies = &names[1];
    submits[1].dependencies = &names[2];
    batch.n_tasks = 3;
    batch.tasks = list;
    SIM_KEEP (request, TASK_BATCH, task_batch, &batch);
    return true;
}

/*  Of a task that it has: cancelled, paused, resumed, tried again.          */
static bool
s_make_order (sim_replog_t *sim, sim_request_t *request)
{
    const sim_request_t *given =
        sim_load_given (sim, request->client, SIM_ASK_SUBMIT);
    Covey__Control__TaskCancel cancel = COVEY__CONTROL__TASK_CANCEL__INIT;
    Covey__Control__TaskRef ref = COVEY__CONTROL__TASK_REF__INIT;
    if (!given)
        return false;
    cancel.task_id = ref.task_id = (char *)(uintptr_t)given->object;
    cancel.has_grace = s_below (sim, 2) == 0;
    cancel.grace = (int64_t)s_below (sim, 2000);
    switch (s_below (sim, 5)) {
        case 0:
            SIM_KEEP (request, TASK_PAUSE, task_pause, &ref);
            break;
        case 1:
            SIM_KEEP (request, TASK_RESUME, task_resume, &ref);
            break;
        case 2:
            SIM_KEEP (request, TASK_RETRY, task_retry, &ref);
            break;
        default:
            SIM_KEEP (request, TASK_CANCEL, task_cancel, &cancel);
    }
    return true;
}

/*  What an agent says of something that it was told lately.                 */
static bool
s_make_report (sim_replog_t *sim, sim_request_t *request)
{
    const sim_job_t *job =
        sim_judge_job (sim->judge, (size_t)s_below (sim, SIM_JOBS / 2));
    Covey__Control__TaskReport report = COVEY__CONTROL__TASK_REPORT__INIT;
    Covey__Control__CoordinationRef ref =
        COVEY__CONTROL__COORDINATION_REF__INIT;
    if (!job)
        return false;
    covey_str_copy (request->caller, sizeof request->caller, job->agent);
    report.task_id = ref.coordination_id = (char *)(uintptr_t)job->id;
    report.fencing_token = job->token;
    if (!job->token) {
        SIM_KEEP (request, COORDINATION_ACCEPT, coordination_accept, &ref);
        return true;
    }
    switch (s_below (sim, 10)) {
        case 0:
            SIM_KEEP (request, TASK_ACCEPT, task_accept, &report);
            break;
        case 1:
            SIM_KEEP (request, TASK_START, task_start, &report);
            break;
        case 2:
            SIM_KEEP (request, TASK_PROGRESS, task_progress, &report);
            break;
        case 3:
            SIM_KEEP (request, TASK_FAIL, task_fail, &report);
            break;
        case 4:
            SIM_KEEP (request, TASK_YIELD, task_yield, &report);
            break;
        case 5:
            SIM_KEEP (request, TASK_REJECT, task_reject, &report);
            break;
        default:
            SIM_KEEP (request, TASK_COMPLETE, task_complete, &report);
    }
    return true;
}

static bool
s_make_schedule (sim_replog_t *sim, sim_request_t *request)
{
    Covey__Control__ScheduleAdd add = COVEY__CONTROL__SCHEDULE_ADD__INIT;
    Covey__Control__TaskSubmit submit;
    Covey__V1__RetryPolicy retry;
    s_fill_submit (sim, &submit, &retry);
    covey_str_copy (request->object, sizeof request->object, request->id);
    add.schedule_id = request->id;
    add.task = &submit;
    add.overlap = (char *)(uintptr_t)covey_overlap_name (
        (covey_overlap_t)s_below (sim, COVEY_OVERLAP_ALLOW_ALL));
    add.has_every = add.has_times = true;
    add.every = 1000 + (int64_t)s_below (sim, 2000);
    add.times = 1 + s_below (sim, 4);
    SIM_KEEP (request, SCHEDULE_ADD, schedule_add, &add);
    return true;
}

static bool
s_make_schedule_order (sim_replog_t *sim, sim_request_t *request)
{
    const sim_request_t *given =
        sim_load_given (sim, request->client, SIM_ASK_SCHEDULE);
    Covey__Control__ScheduleRef ref = COVEY__CONTROL__SCHEDULE_REF__INIT;
    if (!given)
        return false;
    ref.schedule_id = (char *)(uintptr_t)given->object;
    switch (s_below (sim, 3)) {
        case 0:
            SIM_KEEP (request, SCHEDULE_PAUSE, schedule_pause, &ref);
            break;
        case 1:
            SIM_KEEP (request, SCHEDULE_RESUME, schedule_resume, &ref);
            break;
        default:
            SIM_KEEP (request, SCHEDULE_DELETE, schedule_delete, &ref);
    }
    return true;
}

/* ---- agents, swarms, sessions -----------------------------------------------
 */

static bool
s_make_agent (sim_replog_t *sim, sim_request_t *request)
{
    uint8_t session[16];
    Covey__Control__AgentUp up = COVEY__CONTROL__AGENT_UP__INIT;
    Covey__Control__AgentDown down = COVEY__CONTROL__AGENT_DOWN__INIT;
    memset (session, 7, sizeof session);
    snprintf (request->object, sizeof request->object, "a%" PRIu64,
              s_below (sim, 2));
    up.agent_id = down.agent_id = request->object;
    up.node_id = up.session_id = down.session_id =
        (ProtobufCBinaryData){sizeof session, session};
    up.has_task_slots = true;
    up.task_slots = 2;
    if (s_below (sim, 4))
        SIM_KEEP (request, AGENT_UP, agent_up, &up);
    else
        SIM_KEEP (request, AGENT_DOWN, agent_down, &down);
    return true;
}

static bool
s_make_form (sim_replog_t *sim, sim_request_t *request)
{
    Covey__Control__SwarmForm form = COVEY__CONTROL__SWARM_FORM__INIT;
    Covey__Control__WeightedMember members[2], *list[2];
    static char *const ids[] = {(char *)"a0", (char *)"a1"};
    form.objective = (char *)"o";
    form.n_members = 2;
    form.members = list;
    form.has_member_lease = true;
    form.member_lease = 500 + (int64_t)s_below (sim, 3000);
    for (size_t i = 0; i < 2; i++) {
        list[i] = &members[i];
        covey__control__weighted_member__init (list[i]);
        members[i].agent_id = ids[i];
    }
    SIM_KEEP (request, SWARM_FORM, swarm_form, &form);
    return true;
}

static bool
s_make_disband (sim_replog_t *sim, sim_request_t *request)
{
    const sim_request_t *given =
        sim_load_given (sim, request->client, SIM_ASK_FORM);
    Covey__Control__SwarmRef ref = COVEY__CONTROL__SWARM_REF__INIT;
    if (!given)
        return false;
    ref.swarm_id = (char *)(uintptr_t)given->object;
    SIM_KEEP (request, SWARM_DISBAND, swarm_disband, &ref);
    return true;
}

static bool
s_make_swarm_task (sim_replog_t *sim, sim_request_t *request)
{
    const sim_request_t *given =
        sim_load_given (sim, request->client, SIM_ASK_FORM);
    Covey__Control__SwarmTask ask = COVEY__CONTROL__SWARM_TASK__INIT;
    Covey__V1__Payload input = COVEY__V1__PAYLOAD__INIT;
    if (!given)
        return false;
    input.has_content_type = input.has_data = true;
    input.content_type = COVEY__V1__CONTENT_TYPE__JSON;
    input.data = (ProtobufCBinaryData){7, (uint8_t *)"[1,2,3]"};
    ask.swarm_id = (char *)(uintptr_t)given->object;
    ask.objective = (char *)"o";
    ask.input = &input;
    ask.has_mode = ask.has_timeout = ask.has_lease = true;
    ask.mode = (Covey__Control__SwarmMode)s_below (sim, 4);
    ask.timeout = 1000 + (int64_t)s_below (sim, 9000);
    ask.lease = 2000;
    SIM_KEEP (request, SWARM_TASK, swarm_task, &ask);
    return true;
}

static bool
s_make_session (sim_replog_t *sim, sim_request_t *request)
{
    Covey__Control__Coordinate ask = COVEY__CONTROL__COORDINATE__INIT;
    ask.objective = (char *)"o";
    ask.has_min_agents = ask.has_max_agents = ask.has_strategy = true;
    ask.min_agents = 1;
    ask.max_agents = 2;
    ask.strategy = s_below (sim, 2)
                       ? COVEY__V1__COORDINATION_STRATEGY__SEQUENTIAL
                       : COVEY__V1__COORDINATION_STRATEGY__PARALLEL;
    ask.has_gather_timeout = ask.has_timeout = ask.has_lease = true;
    ask.gather_timeout = 500 + (int64_t)s_below (sim, 2000);
    ask.timeout = 1000 + (int64_t)s_below (sim, 9000);
    ask.lease = 2000;
    SIM_KEEP (request, COORDINATE, coordinate, &ask);
    return true;
}

static bool
s_make_session_order (sim_replog_t *sim, sim_request_t *request)
{
    const sim_request_t *given =
        sim_load_given (sim, request->client, SIM_ASK_SESSION);
    Covey__Control__CoordinationRef ref =
        COVEY__CONTROL__COORDINATION_REF__INIT;
    if (!given)
        return false;
    ref.coordination_id = (char *)(uintptr_t)given->object;
    switch (s_below (sim, 3)) {
        case 0:
            SIM_KEEP (request, COORDINATION_PAUSE, coordination_pause, &ref);
            break;
        case 1:
            SIM_KEEP (request, COORDINATION_RESUME, coordination_resume, &ref);
            break;
        default:
            SIM_KEEP (request, COORDINATION_CANCEL, coordination_cancel, &ref);
    }
    return true;
}

/* ---- shared memory ----------------------------------------------------------
 */

/*  Sometimes only where there is nothing yet, or as it was seen last.       */
static bool
s_make_put (sim_replog_t *sim, sim_request_t *request)
{
    size_t key = (size_t)s_below (sim, SIM_REGISTERS);
    Covey__Control__MemoryPut put = COVEY__CONTROL__MEMORY_PUT__INIT;
    Covey__V1__Payload value = COVEY__V1__PAYLOAD__INIT;
    char digits[24];
    int size = snprintf (digits, sizeof digits, "%" PRIu64, request->number);
    value.has_content_type = value.has_data = true;
    value.content_type = COVEY__V1__CONTENT_TYPE__JSON;
    value.data = (ProtobufCBinaryData){(size_t)size, (uint8_t *)digits};
    put.key = (char *)(uintptr_t)sim_key_name (key);
    put.value = &value;
    put.has_access_level = true;
    put.access_level = COVEY__V1__ACCESS_LEVEL__ADMIN;
    put.has_expected_revision = s_below (sim, 2) == 0;
    if (s_below (sim, 2))
        put.expected_revision = sim_judge_revision (sim->judge, key);
    put.has_ttl = s_below (sim, 3) == 0;
    put.ttl = 1 + (int64_t)s_below (sim, 3000);
    SIM_KEEP (request, MEMORY_PUT, memory_put, &put);
    return true;
}

static bool
s_make_delete (sim_replog_t *sim, sim_request_t *request)
{
    size_t key = (size_t)s_below (sim, SIM_REGISTERS);
    Covey__Control__MemoryRef ref = COVEY__CONTROL__MEMORY_REF__INIT;
    ref.key = (char *)(uintptr_t)sim_key_name (key);
    ref.has_expected_revision = s_below (sim, 2) == 0;
    ref.expected_revision = sim_judge_revision (sim->judge, key);
    SIM_KEEP (request, MEMORY_DELETE, memory_delete, &ref);
    return true;
}

static bool
s_make_count (sim_replog_t *sim, sim_request_t *request)
{
    Covey__Control__MemoryIncr incr = COVEY__CONTROL__MEMORY_INCR__INIT;
    bool is_bound = s_below (sim, 3) == 0;
    incr.key = (char *)(uintptr_t)sim_key_name (is_bound ? SIM_KEYS - 1
                                                         : SIM_REGISTERS);
    incr.has_by = true;
    incr.by = (int64_t)s_below (sim, 20) - 8;
    incr.has_min = incr.has_max = is_bound;
    incr.min = -10;
    incr.max = 10;
    request->amount = is_bound ? 0 : incr.by;
    SIM_KEEP (request, MEMORY_INCR, memory_incr, &incr);
    return true;
}

/* ---- claims, roles ----------------------------------------------------------
 */

static bool
s_make_acquire (sim_replog_t *sim, sim_request_t *request)
{
    static char *const names[] = {(char *)"x", (char *)"y"};
    static char *const paths[] = {(char *)"d/*", (char *)"d/a"};
    Covey__Control__ClaimAcquire acquire = COVEY__CONTROL__CLAIM_ACQUIRE__INIT;
    uint64_t lot = s_below (sim, 3);
    acquire.n_names = lot > 0;
    acquire.names = (char **)(uintptr_t)&names[s_below (sim, 2)];
    acquire.n_paths = lot < 2;
    acquire.paths = (char **)(uintptr_t)&paths[s_below (sim, 2)];
    acquire.has_shared = true;
    acquire.shared = s_below (sim, 3) == 0;
    acquire.has_ttl = acquire.has_wait = true;
    acquire.ttl = 1000 + (int64_t)s_below (sim, 2000);
    acquire.wait = s_below (sim, 3) ? (int64_t)s_below (sim, 5000) : 0;
    SIM_KEEP (request, CLAIM_ACQUIRE, claim_acquire, &acquire);
    return true;
}

static bool
s_make_claim_order (sim_replog_t *sim, sim_request_t *request)
{
    const sim_request_t *given =
        sim_load_given (sim, request->client, SIM_ASK_ACQUIRE);
    Covey__Control__ClaimRenew renew = COVEY__CONTROL__CLAIM_RENEW__INIT;
    Covey__Control__ClaimRelease release = COVEY__CONTROL__CLAIM_RELEASE__INIT;
    if (!given)
        return false;
    renew.claim_id = release.claim_id = (char *)(uintptr_t)given->object;
    renew.fencing_token = release.fencing_token =
        sim_judge_claim_token (sim->judge, given->object);
    renew.has_fencing_token = release.has_fencing_token =
        renew.fencing_token != 0;
    renew.has_ttl = true;
    renew.ttl = 1000 + (int64_t)s_below (sim, 2000);
    if (s_below (sim, 2))
        SIM_KEEP (request, CLAIM_RENEW, claim_renew, &renew);
    else
        SIM_KEEP (request, CLAIM_RELEASE, claim_release, &release);
    return true;
}

static bool
s_make_role (sim_replog_t *sim, sim_request_t *request)
{
    Covey__Control__RoleClaim claim = COVEY__CONTROL__ROLE_CLAIM__INIT;
    Covey__Control__RoleRelease release = COVEY__CONTROL__ROLE_RELEASE__INIT;
    claim.role = release.role = (char *)"r";
    claim.node = release.node = request->caller;
    claim.has_ttl = true;
    claim.ttl = 1000 + (int64_t)s_below (sim, 2000);
    if (s_below (sim, 4))
        SIM_KEEP (request, ROLE_CLAIM, role_claim, &claim);
    else
        SIM_KEEP (request, ROLE_RELEASE, role_release, &release);
    return true;
}

/* ---- by lot -----------------------------------------------------------------
 */

static const struct {
    sim_ask_t ask;
    unsigned weight;
    unsigned voting; /* its weight where clients do little but vote           */
    bool (*make) (sim_replog_t *sim, sim_request_t *request);
} s_kinds[] = {
    {SIM_ASK_SUBMIT, 5, 1, s_make_submit},
    {SIM_ASK_BATCH, 1, 0, s_make_batch},
    {SIM_ASK_ORDER, 5, 0, s_make_order},
    {SIM_ASK_REPORT, 12, 2, s_make_report},
    {SIM_ASK_SCHEDULE, 1, 0, s_make_schedule},
    {SIM_ASK_ORDER, 1, 0, s_make_schedule_order},
    {SIM_ASK_AGENT, 5, 0, s_make_agent},
    {SIM_ASK_FORM, 2, 0, s_make_form},
    {SIM_ASK_ORDER, 1, 0, s_make_disband},
    {SIM_ASK_SESSION, 1, 0, s_make_session},
    {SIM_ASK_SESSION, 2, 0, s_make_swarm_task},
    {SIM_ASK_ORDER, 1, 0, s_make_session_order},
    {SIM_ASK_MEMORY, 6, 0, s_make_put},
    {SIM_ASK_MEMORY, 1, 0, s_make_delete},
    {SIM_ASK_COUNT, 5, 1, s_make_count},
    {SIM_ASK_ACQUIRE, 5, 0, s_make_acquire},
    {SIM_ASK_ORDER, 4, 0, s_make_claim_order},
    {SIM_ASK_ORDER, 3, 0, s_make_role},
    {SIM_ASK_FORM, 1, 2, sim_load_swarm},
    {SIM_ASK_ORDER, 0, 1, s_make_disband},
    {SIM_ASK_ORDER, 1, 4, sim_load_member},
    {SIM_ASK_AGENT, 0, 3, sim_load_voter},
    {SIM_ASK_PROPOSE, 2, 16, sim_load_propose},
    {SIM_ASK_BALLOT, 6, 60, sim_load_ballot},
    {SIM_ASK_ORDER, 0, 1, sim_load_withdraw},
    {SIM_ASK_ORDER, 1, 6, sim_load_heard},
};
#define KINDS (sizeof s_kinds / sizeof *s_kinds)

static unsigned
s_weight (const sim_replog_t *sim, size_t kind)
{
    return sim->votes ? s_kinds[kind].voting : s_kinds[kind].weight;
}

void
sim_load_make (sim_replog_t *sim, sim_request_t *request)
{
    unsigned total = 0;
    size_t i = 0;
    for (size_t k = 0; k < KINDS; k++)
        total += s_weight (sim, k);
    uint64_t lot = s_below (sim, total);
    while (lot >= s_weight (sim, i))
        lot -= s_weight (sim, i++);
    request->ask = s_kinds[i].ask;
    if (s_kinds[i].make (sim, request))
        return;
    request->ask = SIM_ASK_SUBMIT; /* there is nothing of that kind yet */
    (void)s_make_submit (sim, request);
}
