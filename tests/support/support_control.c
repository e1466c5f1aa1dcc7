#include "support_control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/save.h"
#include "proto/event.h"

void
support_control_init (support_control_t *self,
                      const covey_state_limits_t *limits)
{
    memset (self, 0, sizeof *self);
    if (limits)
        self->limits = *limits;
    else
        covey_state_limits_init (&self->limits);
    self->state = covey_state_new (&self->limits);
    self->now_us = 1700000000000000;
    covey_buf_init (&self->reply, 4 * COVEY_PAYLOAD_MAX);
    covey_effects_init (&self->effects);
}

void
support_control_deinit (support_control_t *self)
{
    covey_effects_deinit (&self->effects);
    covey_buf_deinit (&self->reply);
    covey_state_destroy (&self->state);
    for (size_t i = 0; i < self->log_count; i++)
        free (self->log[i]);
    free (self->log);
    free (self->log_sizes);
}

support_control_t *
support_control_new (const covey_state_limits_t *limits)
{
    support_control_t *self = covey_mem_new (sizeof *self);
    support_control_init (self, limits);
    return self;
}

void
support_check_saved (const support_control_t *self)
{
    covey_state_t *loaded = NULL;
    covey_errbuf_t err;
    covey_buf_t bytes;
    covey_buf_init (&bytes, SIZE_MAX);
    assert_int_equal (covey_state_save (self->state, &bytes), COVEY_OK);
    if (covey_state_load (bytes.data, bytes.size, &self->limits, &loaded, &err))
        fail_msg ("%s", err.text);
    assert_true (covey_state_digest (loaded) ==
                 covey_state_digest (self->state));
    assert_int_equal (covey_state_next_us (loaded),
                      covey_state_next_us (self->state));
    covey_state_destroy (&loaded);
    covey_buf_deinit (&bytes);
}

void
support_control_end (support_control_t *self)
{
    assert_true (support_replay (self) == covey_state_digest (self->state));
    support_check_saved (self);
    support_control_deinit (self);
    free (self);
}

void
support_apply (support_control_t *self, Covey__Control__Command *command)
{
    command->log_time_us = self->now_us;
    size_t size = covey__control__command__get_packed_size (command);
    uint8_t *bytes = covey_mem_new (size);
    covey__control__command__pack (command, bytes);
    self->log = covey_mem_room (self->log, self->log_count, &self->log_capacity,
                                sizeof *self->log);
    self->log_sizes =
        covey_mem_room (self->log_sizes, self->log_count, &self->sizes_capacity,
                        sizeof *self->log_sizes);
    self->log[self->log_count] = bytes;
    self->log_sizes[self->log_count++] = size;
    covey_state_apply (self->state, command, ++self->index, &self->effects);
    for (size_t i = 0; i < self->effects.fact_count; i++)
        if (covey_event_validate (self->effects.facts[i]))
            fail_msg ("fact %d: %s", covey_event_type (self->effects.facts[i]),
                      covey_error ());
}

static void
s_terminate (covey_buf_t *buf)
{
    covey_buf_putc (buf, '\0');
    assert_false (buf->failed);
}

covey_err_t
support_call_as (support_control_t *self, const char *client,
                 const char *request_id, const char *method_name,
                 const char *json)
{
    const covey_method_t *method = NULL;
    ProtobufCMessage *params = NULL;
    covey_buf_clear (&self->reply);
    self->err.text[0] = '\0';
    covey_err_t code = covey_method_find (method_name, &method, &self->err);
    if (!code)
        code = covey_method_params (method, json, strlen (json), &params,
                                    &self->err);
    if (code)
        return code;
    if (method->read)
        code = method->read (self->state, client, params, &self->reply,
                             &self->err);
    else {
        Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
        command.client_id = (char *)client;
        command.request_id = (char *)request_id;
        covey_method_fill (method, params, &command);
        support_apply (self, &command);
        code = self->effects.code;
        self->err = self->effects.err;
        assert_int_equal (covey_state_show (self->state, self->effects.show,
                                            self->effects.show_id,
                                            &self->reply),
                          COVEY_OK);
    }
    protobuf_c_message_free_unpacked (params, NULL);
    s_terminate (&self->reply);
    return code;
}

covey_err_t
support_call (support_control_t *self, const char *client, const char *method,
              const char *fmt, ...)
{
    char id[32];
    snprintf (id, sizeof id, "r%llu", (unsigned long long)++self->requests);
    covey_buf_t json;
    covey_buf_init (&json, 4 * COVEY_PAYLOAD_MAX);
    va_list args;
    va_start (args, fmt);
    va_list copy;
    va_copy (copy, args);
    int size = vsnprintf (NULL, 0, fmt, copy);
    va_end (copy);
    assert_true (size >= 0);
    char *text = covey_mem_new ((size_t)size + 1);
    vsnprintf (text, (size_t)size + 1, fmt, args);
    va_end (args);
    covey_buf_deinit (&json);
    covey_err_t code = support_call_as (self, client, id, method, text);
    free (text);
    return code;
}

/*  Sixteen bytes that are the same for the same number.                     */
static void
s_bytes (uint64_t number, uint8_t bytes[16])
{
    memset (bytes, 7, 16);
    memcpy (bytes, &number, sizeof number);
}

void
support_agent_up (support_control_t *self, const char *agent_id,
                  const char *type, const char *capabilities, uint32_t slots)
{
    char words[256], *list[16], *rest = NULL;
    uint8_t session[16], node[16];
    s_bytes (++self->sessions, session);
    s_bytes (1, node);
    Covey__Control__AgentUp up = COVEY__CONTROL__AGENT_UP__INIT;
    covey_str_copy (words, sizeof words, capabilities);
    up.capabilities = list;
    for (char *word = strtok_r (words, " ", &rest); word;
         word = strtok_r (NULL, " ", &rest))
        list[up.n_capabilities++] = word;
    up.agent_id = (char *)agent_id;
    up.type = (char *)type;
    up.node_id = (ProtobufCBinaryData){16, node};
    up.session_id = (ProtobufCBinaryData){16, session};
    up.has_task_slots = true;
    up.task_slots = slots;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_UP;
    command.agent_up = &up;
    support_apply (self, &command);
}

void
support_agent_down (support_control_t *self, const char *agent_id)
{
    support_agent_down_as (self, agent_id, false);
}

void
support_agent_down_as (support_control_t *self, const char *agent_id,
                       bool graceful)
{
    const uint8_t *session = covey_state_agent_session (self->state, agent_id);
    assert_non_null (session);
    uint8_t copy[16];
    memcpy (copy, session, sizeof copy);
    Covey__Control__AgentDown down = COVEY__CONTROL__AGENT_DOWN__INIT;
    down.agent_id = (char *)agent_id;
    down.session_id = (ProtobufCBinaryData){16, copy};
    down.has_graceful = true;
    down.graceful = graceful;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_DOWN;
    command.agent_down = &down;
    support_apply (self, &command);
}

void
support_agent_load (support_control_t *self, const char *agent_id,
                    const char *state, int capacity)
{
    const uint8_t *session = covey_state_agent_session (self->state, agent_id);
    assert_non_null (session);
    uint8_t copy[16];
    memcpy (copy, session, sizeof copy);
    Covey__Control__AgentLoad load = COVEY__CONTROL__AGENT_LOAD__INIT;
    load.agent_id = (char *)agent_id;
    load.session_id = (ProtobufCBinaryData){16, copy};
    load.state = (char *)state;
    load.has_available_capacity = capacity >= 0;
    load.available_capacity = (uint32_t)(capacity >= 0 ? capacity : 0);
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_LOAD;
    command.agent_load = &load;
    support_apply (self, &command);
}

void
support_tick (support_control_t *self, int64_t later_ms)
{
    self->now_us += later_ms * 1000;
    Covey__Control__Tick tick = COVEY__CONTROL__TICK__INIT;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_TICK;
    command.tick = &tick;
    support_apply (self, &command);
}

const char *
support_reply (support_control_t *self, const char *key)
{
    static char value[4096];
    char pattern[64];
    snprintf (pattern, sizeof pattern, "\"%s\":", key);
    const char *at = self->reply.data
                         ? strstr ((const char *)self->reply.data, pattern)
                         : NULL;
    value[0] = '\0';
    if (!at)
        return value;
    at += strlen (pattern);
    size_t size = *at == '"' ? strcspn (at + 1, "\"") : strcspn (at, ",}]");
    at += *at == '"';
    if (size >= sizeof value)
        size = sizeof value - 1;
    memcpy (value, at, size);
    value[size] = '\0';
    return value;
}

int64_t
support_reply_int (support_control_t *self, const char *key)
{
    return strtoll (support_reply (self, key), NULL, 10);
}

const covey_event_t *
support_fact (const support_control_t *self, int type, size_t n)
{
    for (size_t i = 0; i < self->effects.fact_count; i++)
        if (covey_event_type (self->effects.facts[i]) == type && n-- == 0)
            return self->effects.facts[i];
    return NULL;
}

size_t
support_fact_count (const support_control_t *self, int type)
{
    size_t count = 0;
    while (support_fact (self, type, count))
        count++;
    return count;
}

uint64_t
support_replay (const support_control_t *self)
{
    covey_state_t *state = covey_state_new (&self->limits);
    for (size_t i = 0; i < self->log_count; i++) {
        Covey__Control__Command *command = covey__control__command__unpack (
            NULL, self->log_sizes[i], self->log[i]);
        assert_non_null (command);
        covey_state_apply (state, command, i + 1, NULL);
        covey__control__command__free_unpacked (command, NULL);
    }
    uint64_t digest = covey_state_digest (state);
    covey_state_destroy (&state);
    return digest;
}
