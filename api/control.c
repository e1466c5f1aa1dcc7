#include "api/control.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "proto/json.h"

#define PARAMS_MAX ((size_t)4 * COVEY_PAYLOAD_MAX)
#define LOOK_MS 2000 /* also without an event, look at the state this often */

static covey_err_t
s_finish (const covey_event_t *response, char **result_p, covey_errbuf_t *err)
{
    return result_p ? covey_i_response_json (response, result_p, err)
                    : COVEY_OK;
}

static bool s_is_text (const ProtobufCMessage *message);

/*  One value of a field.                                                    */
static bool
s_is_text_value (const ProtobufCFieldDescriptor *field, const void *value)
{
    const char *text;
    const ProtobufCMessage *inner;
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        memcpy (&text, value, sizeof text);
        return !text || covey_str_is_utf8 (text, strlen (text));
    }
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return true;
    memcpy (&inner, value, sizeof inner);
    return !inner || s_is_text (inner);
}

/*  Are all names and texts UTF-8? As JSON they would become other ones.     */
static bool
s_is_text (const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    bool good = true;
    for (unsigned i = 0; i < descriptor->n_fields && good; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        const char *member = (const char *)message + field->offset;
        if (field->type != PROTOBUF_C_TYPE_STRING &&
            field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            good = s_is_text_value (field, member);
            continue;
        }
        size_t count;
        const void *const *list;
        memcpy (&count, (const char *)message + field->quantifier_offset,
                sizeof count);
        memcpy (&list, member, sizeof list);
        for (size_t k = 0; k < count && good; k++)
            good = s_is_text_value (field, &list[k]);
    }
    return good;
}

covey_err_t
covey_i_control (covey_agent_t *self, const covey_call_t *call,
                 const ProtobufCMessage *params, int timeout_ms,
                 char **result_p)
{
    covey_errbuf_t *err = covey_errbuf ();
    if (!s_is_text (params))
        return covey_fail (err, COVEY_INVALID,
                           "params of %s: a name or text is not UTF-8",
                           call->method);
    covey_buf_t json;
    covey_buf_init (&json, PARAMS_MAX);
    covey_err_t rc = covey_json_write (params, &json);
    char *text = rc == COVEY_OK ? covey_buf_steal (&json) : NULL;
    covey_buf_deinit (&json);
    if (!text)
        return covey_fail (err, rc ? rc : COVEY_LIMIT,
                           "params of %s do not fit in %zu bytes", call->method,
                           PARAMS_MAX);
    covey_call_t full = *call;
    full.params = text;
    covey_event_t *response;
    rc = covey_i_agent_call (self, &full, timeout_ms, &response, err);
    free (text);
    if (rc)
        return rc;
    rc = s_finish (response, result_p, err);
    covey_event_destroy (&response);
    return rc;
}

covey_err_t
covey_i_control_json (covey_agent_t *self, const char *method,
                      const ProtobufCMessageDescriptor *descriptor,
                      const char *json, int timeout_ms, char **result_p)
{
    ProtobufCMessage *params;
    const char *text = json ? json : "{}";
    covey_errbuf_t why;
    covey_err_t rc =
        covey_json_read (descriptor, text, strlen (text), &params, &why);
    if (rc)
        return covey_fail (covey_errbuf (), rc, "%s: %s", method, why.text);
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR, .method = method};
    rc = covey_i_control (self, &call, params, timeout_ms, result_p);
    protobuf_c_message_free_unpacked (params, NULL);
    return rc;
}

/*  The `state` field of a view in JSON.                                      */
static bool
s_has_ended (const covey_await_t *await, const char *json)
{
    ProtobufCMessage *view;
    if (covey_json_read (await->descriptor, json, strlen (json), &view, NULL))
        return false;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name (await->descriptor,
                                                         "state");
    assert (field && field->type == PROTOBUF_C_TYPE_STRING);
    const char *state;
    memcpy (&state, (const char *)view + field->offset, sizeof state);
    bool has_ended = false;
    for (size_t i = 0; state && await->states[i]; i++)
        has_ended = has_ended || strcmp (state, await->states[i]) == 0;
    protobuf_c_message_free_unpacked (view, NULL);
    return has_ended;
}

static int
s_left (int64_t until_ms)
{
    int64_t left_ms = until_ms - covey_clock_mono_ms ();
    return left_ms > 0 ? (int)left_ms : 0;
}

bool
covey_i_await_hit (covey_agent_t *self, uint32_t handle, uint32_t *hits,
                   int64_t until_ms)
{
    bool is_hit;
    covey_i_agent_lock (self);
    for (;;) {
        const covey_subscription_t *sub =
            covey_i_agent_subscription (self, handle);
        is_hit = !sub || sub->watch_hits != *hits;
        if (sub)
            *hits = sub->watch_hits;
        if (is_hit || covey_clock_mono_ms () >= until_ms)
            break;
        covey_i_agent_wait (self, until_ms);
    }
    covey_i_agent_unlock (self);
    return is_hit;
}

covey_err_t
covey_i_await_state (covey_agent_t *self, const covey_await_t *await,
                     int timeout_ms, char **result_p)
{
    int64_t until_ms = covey_i_deadline (timeout_ms);
    uint32_t handle, hits = 0;
    /* Subscribed before the first look: its end cannot fall between. */
    const covey_watched_t watched = {.id = await->id};
    covey_err_t rc =
        covey_i_agent_watch (self, await->types, await->type_count, &watched,
                             timeout_ms, &handle, covey_errbuf ());
    if (rc)
        return rc;
    for (;;) {
        char *json;
        rc = await->show (self, await->id, s_left (until_ms), &json);
        if (rc)
            break;
        bool has_ended = s_has_ended (await, json);
        if (has_ended && result_p)
            *result_p = json;
        else
            free (json);
        if (has_ended)
            break;
        if (s_left (until_ms) == 0) {
            rc = covey_fail (covey_errbuf (), COVEY_TIMEOUT,
                             "%s %.200s did not end within %d ms", await->what,
                             await->id, timeout_ms);
            break;
        }
        int64_t look_ms = covey_clock_mono_ms () + LOOK_MS;
        covey_i_await_hit (self, handle, &hits,
                           look_ms < until_ms ? look_ms : until_ms);
    }
    covey_i_agent_lock (self);
    bool is_attached = covey_i_agent_subscription (self, handle) != NULL;
    covey_i_agent_unlock (self);
    if (is_attached) {
        covey_errbuf_t kept = *covey_errbuf ();
        (void)covey_agent_unsubscribe (self, handle); /* it may be gone      */
        *covey_errbuf () = kept;
    }
    return rc;
}
