#include "support_random_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/method.h"
#include "proto/pb.h"

static Covey__Control__Command *
s_take (const Covey__Control__Command *command)
{
    Covey__Control__Command *copy =
        (Covey__Control__Command *)covey_pb_dup (&command->base);
    assert_non_null (copy);
    return copy;
}

static Covey__Control__Command *
s_request (support_random_t *self, const covey_state_t *state)
{
    char json[JSON_MAX], client[16], request[37], cause[16];
    snprintf (client, sizeof client, "c%d", (int)s_below (self, CLIENTS));
    const char *name = support_random_operation (self, state, json, client);
    const covey_method_t *method = NULL;
    ProtobufCMessage *params = NULL;
    covey_errbuf_t err = {""};
    if (covey_method_find (name, &method, &err) ||
        covey_method_params (method, json, strlen (json), &params, &err))
        fail_msg ("%s %s: %s", name, json, err.text);
    self->requests++;
    if (s_chance (self, 50))
        covey_id_text (covey_idgen_next (&self->ids, self->now_us).bytes,
                       request);
    else
        snprintf (request, sizeof request, "r%llu",
                  (unsigned long long)self->requests);
    memset (cause, (int)self->requests, sizeof cause);
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.client_id = client;
    command.request_id = request;
    command.has_causation_id = true;
    command.causation_id =
        (ProtobufCBinaryData){sizeof cause, (uint8_t *)cause};
    if (s_chance (self, 50))
        command.correlation_id = (char *)s_word (self);
    covey_method_fill (method, params, &command);
    Covey__Control__Command *made = s_take (&command);
    protobuf_c_message_free_unpacked (params, NULL);
    return made;
}

/*  Sessions come and go; a coordinator says that it resumed.                */
static Covey__Control__Command *
s_agent (support_random_t *self, const covey_state_t *state)
{
    char id[16];
    uint8_t session[16] = {0}, node[16] = {1};
    char *capabilities[2] = {(char *)s_word (self), (char *)s_word (self)};
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    Covey__Control__AgentUp up = COVEY__CONTROL__AGENT_UP__INIT;
    Covey__Control__AgentDown down = COVEY__CONTROL__AGENT_DOWN__INIT;
    Covey__Control__AgentLoad load = COVEY__CONTROL__AGENT_LOAD__INIT;
    snprintf (id, sizeof id, "a%d", (int)s_below (self, AGENTS));
    const uint8_t *known = covey_state_agent_session (state, id);
    if (known)
        memcpy (session, known, sizeof session);
    if (!known || s_chance (self, 20)) {
        self->sessions++;
        if (!known || s_chance (self, 80))
            memcpy (session, &self->sessions, sizeof self->sessions);
        command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_UP;
        command.agent_up = &up;
        up.agent_id = id;
        up.type = (char *)s_word (self);
        up.name = up.node_name = (char *)s_word (self);
        up.n_capabilities = up.n_tags = 1 + s_below (self, 2);
        up.capabilities = up.tags = capabilities;
        up.node_id = (ProtobufCBinaryData){sizeof node, node};
        up.session_id = (ProtobufCBinaryData){sizeof session, session};
        up.has_task_slots = true;
        up.task_slots = (uint32_t)s_below (self, 4);
    } else if (s_chance (self, 30)) {
        command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_DOWN;
        command.agent_down = &down;
        down.agent_id = id;
        down.session_id = (ProtobufCBinaryData){sizeof session, session};
        down.has_graceful = true;
        down.graceful = s_chance (self, 50);
        down.has_last_seen = s_chance (self, 50);
        down.last_seen = self->now_us;
    } else {
        static const char *const states[] = {"ready", "busy", "idle"};
        command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_LOAD;
        command.agent_load = &load;
        load.agent_id = id;
        load.session_id = (ProtobufCBinaryData){sizeof session, session};
        load.state = (char *)states[s_below (self, 3)];
        load.has_available_capacity = true;
        load.available_capacity = (uint32_t)s_below (self, 101);
    }
    return s_take (&command);
}

static Covey__Control__Command *
s_tick (support_random_t *self)
{
    Covey__Control__Tick tick = COVEY__CONTROL__TICK__INIT;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    tick.has_resumed = tick.resumed = s_chance (self, 10);
    command.op_case = COVEY__CONTROL__COMMAND__OP_TICK;
    command.tick = &tick;
    return s_take (&command);
}

/*  Mostly nothing passes, sometimes a lease, seldom a day.                  */
static void
s_pass (support_random_t *self)
{
    uint64_t lot = s_below (self, 1000);
    if (lot < 1)
        self->now_us += (int64_t)s_below (self, 90000000000);
    else if (lot < 100)
        self->now_us += (int64_t)s_below (self, 3000000);
    else if (lot < 800)
        self->now_us += (int64_t)s_below (self, 20000);
}

static void
s_remember (support_random_t *self, const Covey__Control__Command *command)
{
    size_t at = self->requests % SUPPORT_RANDOM_LOG;
    if (self->past[at])
        covey__control__command__free_unpacked (self->past[at], NULL);
    self->past[at] = s_take (command);
}

Covey__Control__Command *
support_random_command (support_random_t *self, const covey_state_t *state)
{
    Covey__Control__Command *command;
    s_pass (self);
    uint64_t lot = s_below (self, 100);
    const Covey__Control__Command *past =
        self->past[s_below (self, SUPPORT_RANDOM_LOG)];
    if (lot < 5 && past)
        command = s_take (past);
    else if (lot < 10)
        command = s_tick (self);
    else if (lot < 22)
        command = s_agent (self, state);
    else {
        command = s_request (self, state);
        s_remember (self, command);
    }
    /* a new leader's clock may be behind the last one's */
    command->log_time_us =
        self->now_us -
        (s_chance (self, 4) ? (int64_t)s_below (self, 5000000) : 0);
    return command;
}

void
support_random_init (support_random_t *self, uint64_t seed)
{
    memset (self, 0, sizeof *self);
    covey_prng_init (&self->prng, seed);
    covey_idgen_init (&self->ids, seed);
    self->now_us = 1700000000000000;
}

void
support_random_deinit (support_random_t *self)
{
    for (size_t i = 0; i < SUPPORT_RANDOM_LOG; i++)
        if (self->past[i])
            covey__control__command__free_unpacked (self->past[i], NULL);
}

void
support_random_limits (covey_state_limits_t *limits)
{
    covey_state_limits_init (limits);
    limits->tasks_max = 40;
    limits->task_bytes_max = 42 * 1024;
    limits->ended_bytes_max = 31 * 1024;
    limits->ended_max = 30;
    limits->parked_max = 5;
    limits->swarms_max = 6;
    limits->swarms_ended_max = 2;
    limits->votes_open_max = 6;
    limits->votes_decided_max = 5;
    limits->claims_max = 12;
    limits->claim_bytes_max = 200;
    limits->claims_ended_max = 4;
    limits->coordinations_max = 8;
    limits->coordinations_ended_max = 4;
    limits->memory = (covey_memory_limits_t){.entries_max = 20,
                                             .bytes_max = 24 * 1024,
                                             .space_entries_max = 6,
                                             .space_bytes_max = 8 * 1024,
                                             .ended_max = 5};
}
