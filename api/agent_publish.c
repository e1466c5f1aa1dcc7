/*  agent_publish - from an event to a ticket of the session, and its verdict */

#include "api/agent_i.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

#define POST_WAIT_MS 5000 /* how long the node may hold a post for room */

/* ------------------------------------------------------------------------ */
/*  Ids of what has no verdict yet, for notices                               */

static void
s_push_id (covey_agent_t *self, const uint8_t id[16])
{
    size_t count = (size_t)(self->ids_next - self->ids_first);
    if (count == self->ids_capacity) {
        size_t capacity = count ? count * 2 : 64;
        uint8_t (*ids)[16] = calloc (capacity, sizeof *ids);
        if (!ids)
            abort ();
        for (uint64_t t = self->ids_first; t < self->ids_next; t++)
            memcpy (ids[t & (capacity - 1)],
                    self->published[t & (self->ids_capacity - 1)], 16);
        free (self->published);
        self->published = ids;
        self->ids_capacity = capacity;
    }
    memcpy (self->published[self->ids_next & (self->ids_capacity - 1)], id, 16);
    self->ids_next++;
}

/*  Verdicts come in the order of tickets.                                    */
static const uint8_t *
s_pop_id (covey_agent_t *self, uint64_t ticket)
{
    if (ticket < self->ids_first || ticket >= self->ids_next)
        return NULL;
    self->ids_first = ticket + 1;
    return self->published[ticket & (self->ids_capacity - 1)];
}

/* ------------------------------------------------------------------------ */
/*  Verdicts                                                                  */

static covey_verdict_t *
s_find_verdict (const covey_agent_t *self, uint64_t ticket)
{
    covey_verdict_t *verdict = self->verdicts;
    while (verdict && verdict->ticket != ticket)
        verdict = verdict->next;
    return verdict;
}

void
covey_i_agent_refused (covey_agent_t *self, uint64_t ticket, covey_err_t code,
                       const char *text)
{
    const uint8_t *id = s_pop_id (self, ticket);
    covey_verdict_t *verdict = s_find_verdict (self, ticket);
    if (verdict) {
        verdict->code = covey_fail (&verdict->text, code, "%s", text);
        covey_i_agent_wake (self);
    } else if (!covey_i_agent_fail_request (self, NULL, ticket, code, text))
        covey_i_agent_notice (self, COVEY_NOTICE_REFUSED, code, id, text);
}

void
covey_i_agent_reached (covey_agent_t *self, uint64_t ticket,
                       covey_level_t level, int64_t offset)
{
    if (level == COVEY_LEVEL_ACCEPTED) {
        self->published_total++;
        (void)s_pop_id (self, ticket);
    }
    covey_verdict_t *verdict = s_find_verdict (self, ticket);
    if (verdict && level > verdict->reached) {
        verdict->reached = level;
        if (offset >= 0)
            verdict->offset = offset;
        if (level >= verdict->wanted)
            covey_i_agent_wake (self);
    }
    if (self->is_flushing)
        covey_i_agent_wake (self);
}

void
covey_i_agent_forget (covey_agent_t *self, covey_verdict_t *verdict)
{
    covey_verdict_t **at = &self->verdicts;
    while (*at && *at != verdict)
        at = &(*at)->next;
    if (*at)
        *at = verdict->next;
}

/* ------------------------------------------------------------------------ */
/*  Queueing                                                                  */

static covey_err_t
s_pack (covey_agent_t *self, covey_event_t *event, covey_buf_t *to,
        covey_errbuf_t *err)
{
    covey_err_t rc = covey_event_set_source (event, self->id);
    if (rc)
        return covey_fail (err, rc, "%s", covey_error ());
    if (covey_event_group (event) && covey_event_target_count (event))
        return covey_fail (err, COVEY_INVALID,
                           "an event for a group has no target of its own; "
                           "this one has %zu",
                           covey_event_target_count (event));
    covey_event_set_hlc (event,
                         covey_hlc_now (&self->hlc, covey_clock_wall_us ()));
    rc = covey_event_pack (event, to, err);
    if (rc == COVEY_OK)
        rc = covey_event_check (to->data, to->size, err);
    return rc;
}

/*  Into the session's queue, as soon as there is room in it. The node may hold
    it for room as long as its caller waits.                                  */
static covey_err_t
s_enqueue (covey_agent_t *self, covey_buf_t *packed, covey_session_wish_t *wish,
           int64_t until_ms, uint64_t *ticket_p, covey_errbuf_t *err)
{
    uint32_t hold_ms = until_ms ? wish->wait_ms : POST_WAIT_MS;
    for (;;) {
        covey_err_t rc = covey_i_agent_check (self, err);
        if (rc)
            return rc;
        int64_t left_ms = hold_ms ? hold_ms : until_ms - covey_clock_mono_ms ();
        wish->wait_ms = left_ms > 0 ? (uint32_t)left_ms : 0;
        rc = covey_session_publish_as (self->session, packed, wish, ticket_p);
        if (rc != COVEY_EAGAIN)
            return rc ? covey_fail (err, rc, "agent %s: %s", self->id,
                                    covey_err_text (rc))
                      : rc;
        covey_i_agent_pump (self);
        if (covey_clock_mono_ms () >= until_ms)
            return covey_fail (err, COVEY_EAGAIN,
                               "agent %s: %zu events wait for its node, more "
                               "do not fit; try again",
                               self->id,
                               covey_session_unanswered (self->session));
        covey_i_agent_wait (self, until_ms);
    }
}

covey_err_t
covey_i_agent_queue (covey_agent_t *self, covey_event_t **event_p,
                     covey_level_t level, int64_t until_ms, uint32_t hold_ms,
                     covey_verdict_t *verdict, uint64_t *ticket_p,
                     covey_errbuf_t *err)
{
    covey_event_t *event = *event_p;
    covey_buf_t packed;
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    covey_session_wish_t wish = {.level = level,
                                 .wait_ms = hold_ms,
                                 .group = covey_event_group (event),
                                 .heard = covey_event_heard (event)};
    covey_err_t rc = s_pack (self, event, &packed, err);
    if (rc == COVEY_OK)
        rc = s_enqueue (self, &packed, &wish, until_ms, ticket_p, err);
    if (rc == COVEY_OK) {
        s_push_id (self, covey_event_id (event));
        if (verdict) {
            memset (verdict, 0, sizeof *verdict);
            verdict->ticket = *ticket_p;
            verdict->wanted = level;
            verdict->offset = -1;
            verdict->next = self->verdicts;
            self->verdicts = verdict;
        }
    }
    covey_buf_deinit (&packed);
    covey_event_destroy (event_p);
    return rc;
}

/*  A lone post leaves at once. While the node still owes an answer, more of
    them share a frame: until that answer, a batch is full, or 2 ms passed. So
    do answers while more waits to be handled.                                */
static void
s_send_soon (covey_agent_t *self, bool patient)
{
    bool waits =
        covey_session_expects_receipt (self->session) ||
        (patient && self->inbox.count && covey_i_agent_is_dispatcher (self));
    if (!waits || covey_session_unsent (self->session) >= COVEY_AGENT_BATCH)
        covey_i_agent_flush (self);
    else if (!self->flush_ms) {
        self->flush_ms = covey_clock_mono_ms () + COVEY_AGENT_BATCH_MS;
        covey_i_agent_keep (self, self->flush_ms);
    }
}

covey_err_t
covey_i_agent_post (covey_agent_t *self, covey_event_t **event_p, bool patient,
                    int timeout_ms, covey_errbuf_t *err)
{
    uint64_t ticket;
    covey_i_agent_lock (self);
    covey_err_t rc =
        covey_i_agent_queue (self, event_p, COVEY_LEVEL_ACCEPTED,
                             timeout_ms > 0 ? covey_i_deadline (timeout_ms) : 0,
                             POST_WAIT_MS, NULL, &ticket, err);
    if (rc == COVEY_OK && self->session) {
        if (patient)
            covey_session_be_patient (self->session);
        s_send_soon (self, patient);
    }
    covey_i_agent_unlock (self);
    return rc;
}

/* ------------------------------------------------------------------------ */
/*  The public calls                                                          */

covey_err_t
covey_i_agent_await (covey_agent_t *self, covey_verdict_t *verdict,
                     int64_t until_ms, int timeout_ms, covey_errbuf_t *err)
{
    for (;;) {
        if (verdict->code)
            return covey_fail (err, verdict->code, "%s", verdict->text.text);
        if (verdict->reached >= verdict->wanted)
            return COVEY_OK;
        covey_err_t rc = covey_i_agent_check (self, err);
        if (rc)
            return rc;
        if (covey_clock_mono_ms () >= until_ms)
            break;
        covey_i_agent_wait (self, until_ms);
    }
    if (!covey_i_agent_is_open (self))
        return covey_fail (err, COVEY_UNREACHABLE,
                           "agent %s: the node at %s did not answer within %d "
                           "ms; the event goes out when it comes back",
                           self->id, self->endpoint, timeout_ms);
    return covey_fail (err, COVEY_TIMEOUT,
                       "agent %s: level %s was not reached within %d ms, only "
                       "%s",
                       self->id, covey_level_name ((int)verdict->wanted),
                       timeout_ms, covey_level_name ((int)verdict->reached));
}

covey_err_t
covey_agent_publish (covey_agent_t *self, covey_event_t **event_p,
                     covey_level_t level, int timeout_ms,
                     covey_receipt_t *receipt)
{
    assert (self && event_p);
    covey_errbuf_t *err = covey_errbuf ();
    if (!*event_p)
        return covey_fail (err, COVEY_INVALID, "there is no event to publish");
    if (level < COVEY_LEVEL_ACCEPTED)
        level = COVEY_LEVEL_ACCEPTED;
    uint8_t id[16];
    memcpy (id, covey_event_id (*event_p), sizeof id);
    int64_t until_ms = covey_i_deadline (timeout_ms);
    uint64_t ticket;
    covey_verdict_t verdict;
    covey_i_agent_lock (self);
    covey_err_t rc = covey_i_agent_queue (self, event_p, level, until_ms, 0,
                                          &verdict, &ticket, err);
    if (rc == COVEY_OK) {
        covey_i_agent_flush (self);
        rc = covey_i_agent_await (self, &verdict, until_ms, timeout_ms, err);
        covey_i_agent_forget (self, &verdict);
    }
    covey_i_agent_unlock (self);
    if (rc == COVEY_OK && receipt) {
        receipt->level = verdict.reached;
        receipt->offset = verdict.offset;
        memcpy (receipt->id, id, sizeof id);
    }
    return rc;
}

covey_err_t
covey_agent_post (covey_agent_t *self, covey_event_t **event_p)
{
    assert (self && event_p);
    if (!*event_p)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "there is no event to post");
    return covey_i_agent_post (self, event_p, false, 0, covey_errbuf ());
}

covey_err_t
covey_agent_post_wait (covey_agent_t *self, covey_event_t **event_p,
                       int timeout_ms)
{
    assert (self && event_p);
    if (!*event_p)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "there is no event to post");
    return covey_i_agent_post (self, event_p, false, timeout_ms,
                               covey_errbuf ());
}

/*  The node stores in the order in which it accepts: once an event behind all
    posts is stored, they are.                                                */
static covey_err_t
s_publish_marker (covey_agent_t *self, covey_level_t level, int timeout_ms)
{
    covey_event_t *marker = covey_event_new (COVEY_EVENT_SYSTEM_INFO);
    if (!marker)
        return covey_fail (covey_errbuf (), COVEY_NOMEM, "out of memory");
    covey_err_t rc = covey_event_set_str (marker, "component", self->id);
    if (rc == COVEY_OK)
        rc = covey_event_set_str (marker, "message", "flush");
    if (rc == COVEY_OK)
        rc = covey_event_set_priority (marker, COVEY_PRIORITY_LOW);
    if (rc == COVEY_OK)
        rc = covey_agent_publish (self, &marker, level, timeout_ms, NULL);
    covey_event_destroy (&marker);
    return rc;
}

covey_err_t
covey_agent_flush (covey_agent_t *self, covey_level_t level, int timeout_ms)
{
    assert (self);
    if (level > COVEY_LEVEL_ACCEPTED)
        return s_publish_marker (self, level, timeout_ms);
    int64_t until_ms = covey_i_deadline (timeout_ms);
    covey_i_agent_lock (self);
    covey_i_agent_flush (self);
    uint64_t last = self->ids_next; /* later posts are not waited for         */
    covey_err_t rc = covey_i_agent_check (self, covey_errbuf ());
    self->is_flushing++;
    while (rc == COVEY_OK && self->ids_first < last) {
        if (covey_clock_mono_ms () >= until_ms)
            rc = covey_fail (covey_errbuf (), COVEY_TIMEOUT,
                             "agent %s: %zu posts have no receipt after %d ms",
                             self->id, (size_t)(last - self->ids_first),
                             timeout_ms);
        else {
            covey_i_agent_wait (self, until_ms);
            rc = covey_i_agent_check (self, covey_errbuf ());
        }
    }
    self->is_flushing--;
    covey_i_agent_unlock (self);
    return rc;
}

/*  To a target, or to one of a group.                                       */
static covey_err_t
s_send (covey_agent_t *self, const char *target, const covey_scope_t *group,
        covey_content_t content, const void *data, size_t size, int timeout_ms)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_MESSAGE_SENT);
    if (!event)
        return covey_fail (covey_errbuf (), COVEY_NOMEM, "out of memory");
    static const char *const names[] = {"text", "json", "binary", "command"};
    char id[37];
    covey_id_text (covey_event_id (event), id);
    covey_err_t rc = group ? covey_event_set_group (event, group)
                           : covey_event_add_target (event, target);
    if (rc == COVEY_OK)
        rc = covey_event_set_str (event, "messageId", id);
    if (rc == COVEY_OK)
        rc = covey_event_set_payload (event, "content", content, data, size);
    if (rc == COVEY_OK)
        rc = covey_event_set_str (event, "contentType", names[content]);
    if (rc == COVEY_OK)
        rc = covey_agent_publish (self, &event, COVEY_LEVEL_ACCEPTED,
                                  timeout_ms, NULL);
    covey_event_destroy (&event);
    return rc;
}

covey_err_t
covey_agent_send (covey_agent_t *self, const char *target,
                  covey_content_t content, const void *data, size_t size,
                  int timeout_ms)
{
    assert (self);
    return s_send (self, target, NULL, content, data, size, timeout_ms);
}

covey_err_t
covey_agent_send_group (covey_agent_t *self, const covey_scope_t *group,
                        covey_content_t content, const void *data, size_t size,
                        int timeout_ms)
{
    assert (self && group);
    return s_send (self, NULL, group, content, data, size, timeout_ms);
}

static covey_err_t
s_add_all (covey_event_t *event, const char *field, const char *const *texts,
           size_t count)
{
    covey_err_t rc = COVEY_OK;
    for (size_t i = 0; rc == COVEY_OK && i < count; i++)
        rc = covey_event_add_str (event, field, texts[i]);
    return rc;
}

static covey_err_t
s_set_scope (covey_event_t *event, const covey_scope_t *scope)
{
    bool is_filtered =
        scope->agent_type_count || scope->capability_count || scope->tag_count;
    const char *name = scope->swarm_id                               ? "swarm"
                       : !is_filtered                                ? "global"
                       : scope->capability_count || scope->tag_count ? "custom"
                                                                     : "type";
    covey_err_t rc = covey_event_set_str (event, "scope", name);
    if (rc == COVEY_OK && scope->swarm_id)
        rc = covey_event_set_str (event, "swarmId", scope->swarm_id);
    if (rc == COVEY_OK)
        rc = s_add_all (event, "filter.agentTypes", scope->agent_types,
                        scope->agent_type_count);
    if (rc == COVEY_OK)
        rc = s_add_all (event, "filter.capabilities", scope->capabilities,
                        scope->capability_count);
    if (rc == COVEY_OK)
        rc = s_add_all (event, "filter.tags", scope->tags, scope->tag_count);
    return rc;
}

covey_err_t
covey_agent_broadcast (covey_agent_t *self, const char *topic,
                       covey_content_t content, const void *data, size_t size,
                       const covey_scope_t *scope, int timeout_ms)
{
    assert (self);
    static const covey_scope_t global = {0};
    covey_event_t *event = covey_event_new (COVEY_EVENT_BROADCAST);
    if (!event)
        return covey_fail (covey_errbuf (), COVEY_NOMEM, "out of memory");
    covey_err_t rc = covey_event_set_str (event, "topic", topic);
    if (rc == COVEY_OK)
        rc = covey_event_set_payload (event, "content", content, data, size);
    if (rc == COVEY_OK)
        rc = s_set_scope (event, scope ? scope : &global);
    if (rc == COVEY_OK)
        rc = covey_agent_publish (self, &event, COVEY_LEVEL_ACCEPTED,
                                  timeout_ms, NULL);
    covey_event_destroy (&event);
    return rc;
}
