/*  Clients: each has a few requests under way, asks again under the same id
    until it has an answer, anywhere, and only then goes on.                  */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "tests/support/sim_replog_impl.h"

#define EPOCH_US 1700000000000000

int64_t
sim_replog_wall_us (const sim_member_t *member)
{
    return EPOCH_US + sim_replog_now_us (member->sim) + member->wall_us;
}

/* ---- commands ---------------------------------------------------------------
 */

static void
s_fill_agent_up (Covey__Control__AgentUp *up, sim_request_t *request,
                 uint8_t session[16])
{
    memset (session, 7, 16);
    up->agent_id = request->object;
    up->node_id = (ProtobufCBinaryData){16, session};
    up->session_id = (ProtobufCBinaryData){16, session};
    up->has_task_slots = true;
    up->task_slots = 2;
}

/*  Pack the request as the leader of now would.                             */
static size_t
s_pack (const sim_member_t *leader, sim_request_t *request, uint8_t *to,
        size_t room)
{
    char client[16], id[24];
    uint8_t session[16];
    Covey__Control__TaskSubmit submit = COVEY__CONTROL__TASK_SUBMIT__INIT;
    Covey__Control__TaskCancel task = COVEY__CONTROL__TASK_CANCEL__INIT;
    Covey__Control__SwarmForm form = COVEY__CONTROL__SWARM_FORM__INIT;
    Covey__Control__SwarmRef swarm = COVEY__CONTROL__SWARM_REF__INIT;
    Covey__Control__AgentUp up = COVEY__CONTROL__AGENT_UP__INIT;
    Covey__Control__AgentDown down = COVEY__CONTROL__AGENT_DOWN__INIT;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    snprintf (client, sizeof client, "c%zu", request->client);
    snprintf (id, sizeof id, "r%" PRIu64, request->number);
    command.client_id = client;
    command.request_id = id;
    command.log_time_us = sim_replog_wall_us (leader);
    if (command.log_time_us < covey_state_now_us (leader->state))
        command.log_time_us = covey_state_now_us (leader->state);
    switch (request->ask) {
        case SIM_ASK_SUBMIT:
            submit.task_type = (char *)"t";
            submit.has_lease = true;
            submit.lease = 1000 + (int64_t)(request->number % 3) * 1000;
            command.op_case = COVEY__CONTROL__COMMAND__OP_TASK_SUBMIT;
            command.task_submit = &submit;
            break;
        case SIM_ASK_CANCEL:
            task.task_id = request->object;
            command.op_case = COVEY__CONTROL__COMMAND__OP_TASK_CANCEL;
            command.task_cancel = &task;
            break;
        case SIM_ASK_FORM:
            form.objective = (char *)"o";
            command.op_case = COVEY__CONTROL__COMMAND__OP_SWARM_FORM;
            command.swarm_form = &form;
            break;
        case SIM_ASK_DISBAND:
            swarm.swarm_id = request->object;
            command.op_case = COVEY__CONTROL__COMMAND__OP_SWARM_DISBAND;
            command.swarm_disband = &swarm;
            break;
        case SIM_ASK_AGENT_UP:
            s_fill_agent_up (&up, request, session);
            command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_UP;
            command.agent_up = &up;
            break;
        case SIM_ASK_AGENT_DOWN:
        case SIM_ASK_KINDS:
            memset (session, 7, 16);
            down.agent_id = request->object;
            down.session_id = (ProtobufCBinaryData){16, session};
            command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_DOWN;
            command.agent_down = &down;
            break;
    }
    size_t size = covey__control__command__get_packed_size (&command);
    return size <= room ? covey__control__command__pack (&command, to) : 0;
}

/* ---- asking -----------------------------------------------------------------
 */

/*  Something that this client was given, to be ended by it; NULL: nothing.  */
static const sim_request_t *
s_given (const sim_replog_t *self, size_t client, sim_ask_t ask)
{
    for (size_t i = self->request_count; i-- > 0;) {
        const sim_request_t *one = &self->requests[i];
        if (one->client == client && one->ask == ask && one->known &&
            *one->object)
            return one;
    }
    return NULL;
}

void
sim_replog_ask (sim_replog_t *self, size_t client)
{
    static const sim_ask_t asks[] = {
        SIM_ASK_SUBMIT, SIM_ASK_SUBMIT,  SIM_ASK_CANCEL,   SIM_ASK_CANCEL,
        SIM_ASK_FORM,   SIM_ASK_DISBAND, SIM_ASK_AGENT_UP, SIM_ASK_AGENT_DOWN};
    sim_ask_t ask = asks[covey_prng_below (&self->prng, 8)];
    sim_request_t request = {.client = client,
                             .number = self->request_count + 1,
                             .ask = ask,
                             .made_us = sim_replog_now_us (self),
                             .try_us = sim_replog_now_us (self)};
    const sim_request_t *given = NULL;
    if (ask == SIM_ASK_CANCEL)
        given = s_given (self, client, SIM_ASK_SUBMIT);
    else if (ask == SIM_ASK_DISBAND)
        given = s_given (self, client, SIM_ASK_FORM);
    else if (ask == SIM_ASK_AGENT_UP || ask == SIM_ASK_AGENT_DOWN)
        snprintf (request.object, sizeof request.object, "a%" PRIu64,
                  covey_prng_below (&self->prng, 2));
    if (ask == SIM_ASK_CANCEL || ask == SIM_ASK_DISBAND) {
        if (given)
            covey_str_copy (request.object, sizeof request.object,
                            given->object);
        else
            request.ask = ask == SIM_ASK_CANCEL ? SIM_ASK_SUBMIT : SIM_ASK_FORM;
    }
    self->requests =
        covey_mem_room (self->requests, self->request_count,
                        &self->request_room, sizeof *self->requests);
    self->requests[self->request_count++] = request;
}

size_t
sim_replog_open_requests (const sim_replog_t *self, size_t client)
{
    size_t count = 0;
    for (size_t i = self->first_open; i < self->request_count; i++)
        count += self->requests[i].client == client && !self->requests[i].known;
    return count;
}

/*  Hand bytes to the log of a member. The ticket's number, or 0.            */
static uint64_t
s_submit (sim_member_t *member, const uint8_t *bytes, size_t size,
          size_t request, covey_err_t *code_p)
{
    sim_replog_t *self = member->sim;
    covey_errbuf_t err;
    uint64_t number;
    sim_ticket_t *ticket =
        sim_replog_ticket (self, SIM_TICKET_SUBMIT, member->place, &number);
    ticket->request = request;
    ticket->hash = covey_str_hash (bytes, size);
    *code_p = covey_replog_submit (member->log, bytes, size, number, &err);
    if (*code_p) {
        self->ticket_count--;
        return 0;
    }
    sim_member_want_pump (member);
    return number;
}

void
sim_replog_try (sim_replog_t *self, size_t number, size_t place)
{
    uint8_t bytes[512];
    sim_request_t *request = &self->requests[number];
    size_t *believed = &self->believed[request->client];
    int64_t now_us = sim_replog_now_us (self);
    if (place == SIM_REPLOG_NOBODY)
        place = *believed;
    sim_member_t *member = &self->members[place];
    covey_err_t code = COVEY_UNREACHABLE;
    if (sim_replog_is_up (self, place)) {
        size_t size = s_pack (member, request, bytes, sizeof bytes);
        s_submit (member, bytes, size, number, &code);
        request = &self->requests[number];
    }
    /* no answer yet: again later, somewhere else perhaps */
    request->try_us = now_us + 20 * SIM_MS +
                      (int64_t)covey_prng_below (
                          &self->prng, code ? 100 * SIM_MS : 2 * SIM_SECOND);
    const covey_id_t *leader = code == COVEY_NOCOORDINATOR && member->log
                                   ? covey_replog_leader (member->log)
                                   : NULL;
    if (leader && covey_prng_below (&self->prng, 4))
        *believed = sim_place_of (leader);
    else if (code != COVEY_EAGAIN)
        *believed = (size_t)covey_prng_below (&self->prng, self->config.places);
}

void
sim_replog_try_all (sim_replog_t *self)
{
    int64_t now_us = sim_replog_now_us (self);
    while (self->first_open < self->request_count &&
           self->requests[self->first_open].known)
        self->first_open++;
    for (size_t i = self->first_open; i < self->request_count; i++)
        if (!self->requests[i].known && self->requests[i].try_us <= now_us)
            sim_replog_try (self, i, SIM_REPLOG_NOBODY);
}

/* ---- answers ----------------------------------------------------------------
 */

void
sim_replog_answered (sim_replog_t *self, sim_member_t *member,
                     const sim_ticket_t *ticket, uint64_t index)
{
    if (ticket->request == SIZE_MAX) {
        member->tick = 0;
        return;
    }
    sim_request_t *request = &self->requests[ticket->request];
    self->sums.acknowledged += !request->index;
    self->sums.repeated += request->index != 0;
    request->index = index;
    self->believed[request->client] = member->place;
    if (request->known ||
        (self->deaf > 0 && covey_prng_unit (&self->prng) < self->deaf))
        return;
    request->known = true;
    if (request->ask == SIM_ASK_SUBMIT || request->ask == SIM_ASK_FORM)
        covey_str_copy (request->object, sizeof request->object,
                        member->effects.show_id);
}

/* ---- time -------------------------------------------------------------------
 */

void
sim_replog_tick (sim_replog_t *self, sim_member_t *member)
{
    uint8_t bytes[64];
    covey_err_t code;
    if (!member->leads || member->tick ||
        !sim_replog_is_up (self, member->place) ||
        covey_state_next_us (member->state) > sim_replog_wall_us (member))
        return;
    Covey__Control__Tick tick = COVEY__CONTROL__TICK__INIT;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_TICK;
    command.tick = &tick;
    command.log_time_us = sim_replog_wall_us (member);
    size_t size = covey__control__command__pack (&command, bytes);
    uint64_t number = s_submit (member, bytes, size, SIZE_MAX, &code);
    if (member->log && number && !self->tickets[number - 1].ended)
        member->tick = number;
}
