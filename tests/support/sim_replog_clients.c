/*  Clients: each has a few requests under way, asks again under the same id
    until it has an answer, anywhere, and only then goes on.                  */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "tests/support/sim_replog_impl.h"

int64_t
sim_replog_wall_us (const sim_member_t *member)
{
    return SIM_EPOCH_US + sim_replog_now_us (member->sim) + member->wall_us;
}

/* ---- asking -----------------------------------------------------------------
 */

sim_request_t *
sim_replog_request (sim_replog_t *self, size_t client)
{
    self->requests =
        covey_mem_room (self->requests, self->request_count,
                        &self->request_room, sizeof *self->requests);
    sim_request_t *request = &self->requests[self->request_count++];
    *request = (sim_request_t){.client = client,
                               .number = self->request_count,
                               .made_us = sim_replog_now_us (self),
                               .try_us = sim_replog_now_us (self)};
    snprintf (request->caller, sizeof request->caller, "c%zu", client);
    snprintf (request->id, sizeof request->id, "r%" PRIu64, request->number);
    return request;
}

void
sim_replog_ask (sim_replog_t *self, size_t client)
{
    sim_load_make (self, sim_replog_request (self, client));
}

/*  As the leader of now would pack it.                                      */
static size_t
s_pack (const sim_member_t *leader, const sim_request_t *request, uint8_t *to,
        size_t room)
{
    int64_t log_us = covey_state_now_us (leader->state);
    int64_t wall_us = sim_replog_wall_us (leader);
    uint8_t vouched[COVEY_SEALED_SIZE] = {0};
    Covey__Control__Command command = *request->command;
    command.log_time_us = wall_us > log_us ? wall_us : log_us;
    command.has_vouched = covey_state_vouch (leader->state, &command, vouched);
    command.has_vouched |= leader->sim->slips.slip == SIM_SLIP_VOUCH;
    command.vouched = (ProtobufCBinaryData){sizeof vouched, vouched};
    size_t size = covey__control__command__get_packed_size (&command);
    return size <= room ? covey__control__command__pack (&command, to) : 0;
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
    uint8_t bytes[1024];
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
    request->code = member->effects.code;
    self->believed[request->client] = member->place;
    if (request->known ||
        (self->deaf > 0 && covey_prng_unit (&self->prng) < self->deaf))
        return;
    request->known = true;
    if (!*request->object && !member->effects.code)
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
        (!member->resumes &&
         covey_state_next_us (member->state) > sim_replog_wall_us (member)))
        return;
    Covey__Control__Tick tick = COVEY__CONTROL__TICK__INIT;
    tick.has_resumed = tick.resumed = member->resumes;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_TICK;
    command.tick = &tick;
    command.log_time_us = sim_replog_wall_us (member);
    size_t size = covey__control__command__pack (&command, bytes);
    uint64_t number = s_submit (member, bytes, size, SIZE_MAX, &code);
    member->resumes = code && member->resumes;
    if (member->log && number && !self->tickets[number - 1].ended)
        member->tick = number;
}

/* ---- at the end -------------------------------------------------------------
 */

void
sim_replog_check_sum (sim_replog_t *self)
{
    int64_t sum = 0, shown = sim_judge_value (self->judge, SIM_REGISTERS);
    for (size_t i = 0; i < self->request_count; i++)
        if (self->requests[i].index && !self->requests[i].code)
            sum += self->requests[i].amount;
    if (sum != shown)
        sim_book_break (&self->book,
                        "%" PRId64 " was acknowledged in all, and the counter "
                        "is %" PRId64,
                        sum, shown);
}

void
sim_replog_check_ballots (sim_replog_t *self)
{
    for (size_t i = 0; i < self->request_count; i++) {
        const sim_request_t *request = &self->requests[i];
        if (request->ask == SIM_ASK_BALLOT && request->index &&
            !request->code &&
            !sim_judge_has_ballot (self->judge, request->caller, request->id))
            sim_book_break (&self->book,
                            "ballot %s of %s was acknowledged and not counted",
                            request->id, request->caller);
    }
}
