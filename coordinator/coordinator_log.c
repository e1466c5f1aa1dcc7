/*  The log's life: recovery, group commit, log time.                         */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/coordinator_impl.h"
#include "proto/event.h"

/* ---- facts ------------------------------------------------------------------
 */

static void
s_publish_facts (covey_coordinator_t *self, uint64_t index)
{
    covey_effects_t *effects = &self->effects;
    for (size_t i = 0; i < effects->fact_count; i++) {
        covey_errbuf_t err;
        covey_log_quoted_t quoted;
        if (covey_postbox_put (&self->postbox, effects->facts[i], index, &err))
            covey_log_write (self->log, COVEY_LOG_ERROR, "coordinator",
                             "fact_not_told", "index=%llu type=%d reason=%s",
                             (unsigned long long)index,
                             covey_event_type (effects->facts[i]),
                             covey_log_quote (&quoted, err.text));
    }
}

/* ---- recovery
 * ------------------------------------------------------------------ */

static covey_err_t
s_replay_one (void *arg, uint64_t index, const void *data, size_t size,
              covey_errbuf_t *err)
{
    covey_coordinator_t *self = arg;
    Covey__Control__Command *command =
        (Covey__Control__Command *)covey_wire_unpack (
            &covey__control__command__descriptor, data, size);
    if (!command)
        return covey_fail (err, COVEY_CORRUPT,
                           "entry %llu of the control log is no command",
                           (unsigned long long)index);
    bool tell = index > covey_sololog_announced (self->replog);
    covey_state_apply (self->state, command, index,
                       tell ? &self->effects : NULL);
    if (tell)
        s_publish_facts (self, index);
    protobuf_c_message_free_unpacked (&command->base, NULL);
    return COVEY_OK;
}

covey_err_t
covey_coordinator_recover (covey_coordinator_t *self, covey_errbuf_t *err)
{
    covey_err_t code = covey_sololog_open (self->log_path, &self->replog, err);
    if (code)
        return code;
    covey_state_destroy (&self->state);
    self->state = covey_state_new (NULL);
    code = covey_sololog_replay (self->replog, s_replay_one, self, err);
    if (code) {
        covey_sololog_close (&self->replog);
        return code;
    }
    self->log_time_us = covey_state_now_us (self->state);
    self->log_time_mono_ms = self->now_ms;
    covey_log_write (
        self->log, COVEY_LOG_INFO, "coordinator", "recovered",
        "entries=%llu announced=%llu",
        (unsigned long long)covey_sololog_last (self->replog),
        (unsigned long long)covey_sololog_announced (self->replog));
    /* Leases ran out while nobody could report: they begin anew. */
    Covey__Control__Tick tick = COVEY__CONTROL__TICK__INIT;
    tick.has_resumed = tick.resumed = true;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_TICK;
    command.tick = &tick;
    covey_coordinator_stage (self, &command);
    covey_coordinator_flush (self);
    if (!self->replog)
        return covey_fail (err, COVEY_IO,
                           "%s: can be read but not written; check its "
                           "permissions and the space on the disk",
                           self->log_path);
    return COVEY_OK;
}

/*  A write failed. Whether it is on the disk only a fresh look tells, so the
    state is built anew from the log; until then commands are refused.        */
static void
s_break (covey_coordinator_t *self, const char *text)
{
    covey_log_quoted_t quoted;
    covey_log_write (self->log, COVEY_LOG_ERROR, "coordinator", "log_failed",
                     "reason=%s", covey_log_quote (&quoted, text));
    covey_sololog_close (&self->replog);
    self->reopen_ms = self->now_ms + COVEY_COORDINATOR_REOPEN_MS;
}

/* ---- time
 * ---------------------------------------------------------------------- */

/*  The wall clock, but never back, and never standing still either: when it
    was set back, log time goes on by the monotonic one.                      */
static int64_t
s_log_time (const covey_coordinator_t *self)
{
    if (self->now_us > self->log_time_us)
        return self->now_us;
    return self->log_time_us + (self->now_ms - self->log_time_mono_ms) * 1000;
}

/* ---- batches
 * -------------------------------------------------------------------- */

static void
s_append (covey_coordinator_t *self, covey_coordinator_item_t *item)
{
    if (!self->replog) {
        item->code = covey_fail (
            &item->err, COVEY_NOCOORDINATOR,
            "the coordinator cannot write its log; see the node's log");
        return;
    }
    self->log_time_us = s_log_time (self);
    self->log_time_mono_ms = self->now_ms;
    item->command.log_time_us = self->log_time_us;
    size_t size = covey__control__command__get_packed_size (&item->command);
    uint8_t *bytes = covey_mem_new (size);
    covey__control__command__pack (&item->command, bytes);
    item->code = covey_sololog_append (self->replog, bytes, size, &item->index,
                                       &item->err);
    free (bytes);
    self->batch_bytes += size;
    if (item->code && item->code != COVEY_LIMIT)
        s_break (self, item->err.text);
}

/*  The new item is owned by the batch.                                      */
static covey_coordinator_item_t *
s_new_item (covey_coordinator_t *self)
{
    if (self->batch_count == COVEY_COORDINATOR_BATCH ||
        self->batch_bytes > COVEY_COORDINATOR_BATCH_BYTES)
        covey_coordinator_flush (self);
    covey_coordinator_item_t *item = &self->batch[self->batch_count++];
    memset (item, 0, sizeof *item);
    covey__control__command__init (&item->command);
    return item;
}

void
covey_coordinator_stage (covey_coordinator_t *self,
                         const Covey__Control__Command *command)
{
    if (!self->replog)
        return; /* a view is held and followed when the log is back */
    covey_coordinator_item_t *item = s_new_item (self);
    /* A copy of its own: what it borrows is gone at the commit. */
    Covey__Control__Command stamped = *command;
    stamped.log_time_us = 0;
    size_t size = covey__control__command__get_packed_size (&stamped);
    uint8_t *bytes = covey_mem_new (size);
    covey__control__command__pack (&stamped, bytes);
    Covey__Control__Command *copy =
        covey__control__command__unpack (NULL, size, bytes);
    free (bytes);
    if (!copy)
        abort ();
    item->command = *copy;
    item->params = &copy->base;
    s_append (self, item);
}

void
covey_coordinator_request (covey_coordinator_t *self, covey_event_t *request,
                           const covey_method_t *method,
                           ProtobufCMessage *params)
{
    covey_coordinator_item_t *item = s_new_item (self);
    item->request = request;
    item->method = method;
    item->params = params;
    if (!method->op)
        return;
    Covey__Control__Command *command = &item->command;
    command->client_id = (char *)covey_event_source (request);
    command->request_id = (char *)covey_event_str (request, "requestId");
    command->has_causation_id = true;
    command->causation_id.data = (uint8_t *)covey_event_id (request);
    command->causation_id.len = 16;
    command->correlation_id = (char *)covey_event_correlation_id (request);
    covey_method_fill (method, params, command);
    s_append (self, item);
}

static void
s_commit (covey_coordinator_t *self)
{
    covey_errbuf_t err;
    if (!self->replog)
        return;
    covey_sololog_set_announced (
        self->replog, covey_postbox_announced (
                          &self->postbox, covey_state_index (self->state)));
    self->announce_ms = self->now_ms + COVEY_COORDINATOR_ANNOUNCE_MS;
    if (covey_sololog_commit (self->replog, &err))
        s_break (self, err.text);
}

static void
s_carry_out (covey_coordinator_t *self, covey_coordinator_item_t *item)
{
    covey_effects_clear (&self->effects);
    if (item->index && !self->replog)
        item->code = covey_fail (
            &item->err, COVEY_NOCOORDINATOR,
            "the coordinator could not write its log, so it is not known "
            "whether this was done; ask again with the same request id");
    else if (item->index) {
        covey_state_apply (self->state, &item->command, item->index,
                           &self->effects);
        s_publish_facts (self, item->index);
    }
    if (item->request)
        covey_coordinator_answer (self, item);
}

void
covey_coordinator_flush (covey_coordinator_t *self)
{
    if (!self->batch_count)
        return;
    s_commit (self);
    for (size_t i = 0; i < self->batch_count; i++) {
        covey_coordinator_item_t *item = &self->batch[i];
        s_carry_out (self, item);
        covey_event_destroy (&item->request);
        if (item->params)
            protobuf_c_message_free_unpacked (item->params, NULL);
    }
    self->batch_count = 0;
    self->batch_bytes = 0;
}

/* ---- timers
 * --------------------------------------------------------------------- */

static bool
s_must_announce (const covey_coordinator_t *self)
{
    return self->replog &&
           covey_postbox_announced (&self->postbox,
                                    covey_state_index (self->state)) >
               covey_sololog_announced (self->replog);
}

void
covey_coordinator_tick (covey_coordinator_t *self)
{
    covey_errbuf_t err;
    covey_log_quoted_t quoted;
    if (!self->replog && self->now_ms >= self->reopen_ms) {
        self->reopen_ms = self->now_ms + COVEY_COORDINATOR_REOPEN_MS;
        if (covey_coordinator_recover (self, &err)) {
            covey_log_write (self->log, COVEY_LOG_ERROR, "coordinator",
                             "log_unusable", "reason=%s",
                             covey_log_quote (&quoted, err.text));
            return;
        }
        covey_coordinator_follow_held (self);
    }
    if (!self->replog || covey_postbox_has_backlog (&self->postbox))
        return;
    if (covey_state_next_us (self->state) <= s_log_time (self)) {
        Covey__Control__Tick tick = COVEY__CONTROL__TICK__INIT;
        Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
        command.op_case = COVEY__CONTROL__COMMAND__OP_TICK;
        command.tick = &tick;
        covey_coordinator_stage (self, &command);
    } else if (self->now_ms >= self->announce_ms && !self->batch_count &&
               s_must_announce (self))
        s_commit (self);
}

int64_t
covey_coordinator_next_ms (const covey_coordinator_t *self)
{
    if (!self->replog)
        return self->reopen_ms;
    int64_t next_ms = INT64_MAX;
    int64_t due_us = covey_state_next_us (self->state);
    if (covey_postbox_has_backlog (&self->postbox))
        next_ms = self->now_ms + COVEY_POSTBOX_RETRY_MS;
    else if (due_us != INT64_MAX) {
        int64_t left_us = due_us - s_log_time (self);
        next_ms = self->now_ms + (left_us > 0 ? (left_us + 999) / 1000 : 0);
    }
    if (!covey_postbox_is_empty (&self->postbox) &&
        self->postbox.hold_ms > self->now_ms && self->postbox.hold_ms < next_ms)
        next_ms = self->postbox.hold_ms;
    if (s_must_announce (self) && self->announce_ms < next_ms)
        next_ms = self->announce_ms;
    return next_ms;
}

/* ---- life
 * ------------------------------------------------------------------------ */

void
covey_coordinator_init (covey_coordinator_t *self,
                        const covey_coordinator_config_t *config)
{
    memset (self, 0, sizeof *self);
    self->node_id = config->node_id;
    self->node_name =
        covey_str_dup (config->node_name ? config->node_name : "");
    self->endpoint = covey_str_dup (config->endpoint);
    self->log = config->log;
    if (config->data_dir) {
        covey_buf_t path;
        covey_buf_init (&path, 8192);
        covey_buf_printf (&path, "%s/control.db", config->data_dir);
        self->log_path = covey_buf_steal (&path);
        covey_buf_deinit (&path);
    }
    self->batch = covey_mem_new (COVEY_COORDINATOR_BATCH * sizeof *self->batch);
    covey_postbox_init (&self->postbox);
    covey_effects_init (&self->effects);
    self->now_ms = covey_clock_mono_ms ();
    self->now_us = covey_clock_wall_us ();
}

void
covey_coordinator_deinit (covey_coordinator_t *self)
{
    covey_coordinator_flush (self);
    if (self->replog)
        s_commit (self);
    covey_sololog_close (&self->replog);
    for (; self->inbox_count; self->inbox_count--) {
        covey_event_destroy (&self->inbox[self->inbox_first]);
        self->inbox_first = (self->inbox_first + 1) % COVEY_SESSION_WINDOW;
    }
    covey_session_destroy (&self->session);
    covey_postbox_deinit (&self->postbox);
    covey_effects_deinit (&self->effects);
    covey_state_destroy (&self->state);
    for (size_t i = 0; i < self->held_count; i++)
        free ((void *)self->held[i].header);
    free (self->held);
    for (size_t i = 0; i < self->seen_count; i++)
        free (self->seen[i]);
    free (self->seen);
    free (self->batch);
    free (self->log_path);
    free (self->endpoint);
    free (self->node_name);
}
