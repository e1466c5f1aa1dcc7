#include "tests/support/support_replog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"

static uint64_t s_ticket = 0;

/* ---- callbacks --------------------------------------------------------------
 */

static void
s_note (support_replog_member_t *member, char what)
{
    if (member->order_size + 1 < sizeof member->order)
        member->order[member->order_size++] = what;
    member->order[member->order_size] = '\0';
}

static void
s_send (void *arg, const covey_id_t *node_id, const void *data, size_t size)
{
    support_replog_member_t *member = arg;
    support_replog_t *net = member->net;
    s_note (member, 's');
    net->sent++;
    for (int i = 0; i < net->count; i++)
        if (covey_id_equal (node_id->bytes, net->members[i].node_id.bytes) &&
            !net->cut[member->i][i]) {
            assert_true (net->mail_count < SUPPORT_REPLOG_MAIL);
            net->mail[net->mail_count++] =
                (support_replog_mail_t){.from = member->i,
                                        .to = i,
                                        .data = covey_mem_dup (data, size),
                                        .size = size};
        }
}

static void
s_apply (void *arg, uint64_t index, const void *data, size_t size,
         uint64_t ticket)
{
    support_replog_member_t *member = arg;
    s_note (member, 'a');
    assert_true (index > member->last_applied);
    member->last_applied = index;
    covey_buf_append (&member->state, data, size);
    covey_buf_putc (&member->state, '\n');
    if (ticket && ticket < SUPPORT_REPLOG_DONE) {
        assert_false (member->ends[ticket].ended);
        member->ends[ticket].ended = member->ends[ticket].applied = true;
        member->ends[ticket].index = index;
    }
}

static void
s_waits (void *arg)
{
    s_note (arg, 'w');
}

static void
s_done (void *arg, uint64_t ticket, covey_err_t code, const char *text)
{
    support_replog_member_t *member = arg;
    assert_non_null (text);
    if (ticket >= SUPPORT_REPLOG_DONE)
        return;
    assert_false (member->ends[ticket].ended);
    member->ends[ticket].ended = true;
    member->ends[ticket].code = code;
}

static void
s_save (void *arg, covey_buf_t *to)
{
    support_replog_member_t *member = arg;
    covey_buf_append (to, &member->last_applied, sizeof member->last_applied);
    covey_buf_append (to, member->state.data, member->state.size);
}

static covey_err_t
s_load (void *arg, uint64_t index, const void *data, size_t size,
        covey_errbuf_t *err)
{
    support_replog_member_t *member = arg;
    uint64_t last;
    if (size < sizeof last)
        return covey_fail (err, COVEY_CORRUPT, "no snapshot of a test");
    memcpy (&last, data, sizeof last);
    assert_true (last <= index);
    member->last_applied = last;
    member->loads++;
    covey_buf_clear (&member->state);
    return covey_buf_append (&member->state,
                             (const uint8_t *)data + sizeof last,
                             size - sizeof last);
}

static void
s_leads (void *arg, bool leads)
{
    support_replog_member_t *member = arg;
    assert_true (member->leads != leads);
    member->leads = leads;
}

/* ---- members ----------------------------------------------------------------
 */

support_replog_t *
support_replog_new (int count)
{
    support_replog_t *self = covey_mem_new (sizeof *self);
    support_dir_make (self->dir);
    self->now_ms = 1000;
    self->count = count;
    for (int i = 0; i < count; i++) {
        support_replog_member_t *member = &self->members[i];
        member->net = self;
        member->i = i;
        memset (member->node_id.bytes, 'a' + i, 16);
        char path[sizeof member->path];
        snprintf (path, sizeof path, "%s/%d.db", self->dir, i);
        covey_str_copy (member->path, sizeof member->path, path);
        covey_buf_init (&member->state, SIZE_MAX);
        member->config = (covey_replog_config_t){.node_id = member->node_id,
                                                 .seed = 100u + (unsigned)i,
                                                 .found = i == 0,
                                                 .election_ms = 300,
                                                 .heartbeat_ms = 50};
    }
    return self;
}

void
support_replog_destroy (support_replog_t **self_p)
{
    support_replog_t *self = *self_p;
    for (int i = 0; i < self->count; i++) {
        support_replog_close (self, i);
        covey_buf_deinit (&self->members[i].state);
    }
    for (size_t i = 0; i < self->mail_count; i++)
        free (self->mail[i].data);
    support_dir_remove (self->dir);
    free (self);
    *self_p = NULL;
}

void
support_replog_open (support_replog_t *self, int i)
{
    support_replog_member_t *member = &self->members[i];
    covey_errbuf_t err = {""};
    covey_replog_callbacks_t callbacks = {.arg = member,
                                          .send = s_send,
                                          .apply = s_apply,
                                          .waits = s_waits,
                                          .done = s_done,
                                          .save = s_save,
                                          .load = s_load,
                                          .leads = s_leads};
    covey_buf_clear (&member->state);
    member->last_applied = 0;
    member->leads = false;
    if (covey_replog_store_sqlite (member->path, &member->store, &err))
        fail_msg ("%s", err.text);
    if (covey_replog_open (&member->config, &callbacks, member->store,
                           self->now_ms, &member->log, &err))
        fail_msg ("%s", err.text);
}

void
support_replog_close (support_replog_t *self, int i)
{
    support_replog_member_t *member = &self->members[i];
    covey_replog_close (&member->log);
    if (member->store)
        member->store->klass->close (&member->store);
}

void
support_replog_settle (support_replog_t *self)
{
    for (bool busy = true; busy;) {
        busy = false;
        for (int i = 0; i < self->count; i++) {
            support_replog_member_t *member = &self->members[i];
            covey_errbuf_t err = {""};
            if (!member->log)
                continue;
            member->pump_code =
                covey_replog_pump (member->log, self->now_ms, &err);
            if (member->pump_code)
                fail_msg ("member %d: %s", i, err.text);
        }
        for (; self->mail_count > 0 && !self->hold; busy = true) {
            support_replog_mail_t mail = self->mail[0];
            support_replog_member_t *to = &self->members[mail.to];
            memmove (self->mail, self->mail + 1,
                     --self->mail_count * sizeof *self->mail);
            if (to->log)
                covey_replog_receive (to->log, self->now_ms, mail.data,
                                      mail.size);
            free (mail.data);
        }
    }
}

void
support_replog_run (support_replog_t *self, int64_t ms)
{
    for (int64_t until = self->now_ms + ms; self->now_ms < until;) {
        self->now_ms += 10;
        support_replog_settle (self);
    }
}

int
support_replog_leader (support_replog_t *self)
{
    for (int64_t until = self->now_ms + 20000; self->now_ms < until;) {
        support_replog_run (self, 10);
        for (int i = 0; i < self->count; i++)
            if (self->members[i].log &&
                covey_replog_is_leader (self->members[i].log))
                return i;
    }
    fail_msg ("nobody leads");
    return -1;
}

void
support_replog_command (support_replog_t *self, const char *text)
{
    covey_errbuf_t err = {""};
    support_replog_member_t *leader =
        &self->members[support_replog_leader (self)];
    uint64_t ticket = ++s_ticket;
    if (covey_replog_submit (leader->log, text, strlen (text), ticket, &err))
        fail_msg ("%s", err.text);
    for (int64_t until = self->now_ms + 20000;
         !leader->ends[ticket].ended && self->now_ms < until;)
        support_replog_run (self, 10);
    assert_true (leader->ends[ticket].applied);
}

void
support_replog_level (support_replog_t *self)
{
    const support_replog_member_t *leader =
        &self->members[support_replog_leader (self)];
    for (int64_t until = self->now_ms + 20000; self->now_ms < until;) {
        bool level = true;
        for (int i = 0; i < self->count; i++)
            if (self->members[i].log)
                level = level &&
                        self->members[i].last_applied == leader->last_applied;
        if (level)
            break;
        support_replog_run (self, 10);
    }
    for (int i = 0; i < self->count; i++) {
        const covey_buf_t *state = &self->members[i].state;
        if (!self->members[i].log)
            continue;
        assert_int_equal (state->size, leader->state.size);
        assert_memory_equal (state->data, leader->state.data, state->size);
    }
}

static covey_err_t
s_end_of (support_replog_t *self, const support_replog_member_t *leader,
          uint64_t ticket)
{
    for (int64_t until = self->now_ms + 20000;
         !leader->ends[ticket].ended && self->now_ms < until;)
        support_replog_run (self, 10);
    assert_true (leader->ends[ticket].ended);
    return leader->ends[ticket].code;
}

covey_err_t
support_replog_add (support_replog_t *self, int i)
{
    covey_errbuf_t err = {""};
    const support_replog_member_t *leader =
        &self->members[support_replog_leader (self)];
    uint64_t ticket = ++s_ticket;
    covey_err_t code = covey_replog_add (
        leader->log, covey_replog_member_id (self->members[i].log),
        &self->members[i].node_id, ticket, &err);
    return code ? code : s_end_of (self, leader, ticket);
}

covey_err_t
support_replog_change (support_replog_t *self, support_replog_change_fn *change,
                       int i)
{
    covey_errbuf_t err = {""};
    const support_replog_member_t *leader =
        &self->members[support_replog_leader (self)];
    uint64_t ticket = ++s_ticket;
    covey_err_t code =
        change (leader->log, covey_replog_member_id (self->members[i].log),
                ticket, &err);
    return code ? code : s_end_of (self, leader, ticket);
}

void
support_replog_grow (support_replog_t *self)
{
    for (int i = 1; i < self->count; i++) {
        covey_err_t code = support_replog_add (self, i);
        assert_int_equal (code, COVEY_OK);
        for (int tries = 0; tries < 100; tries++) {
            code = support_replog_change (self, covey_replog_promote, i);
            if (code != COVEY_EAGAIN)
                break;
        }
        assert_int_equal (code, COVEY_OK);
    }
}
