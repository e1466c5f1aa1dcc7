/*  Journal frames in, batches, acknowledgements out.

    An event is acknowledged after the commit that has it, never before, and
    only by the persister that is in charge: one that is not, or cannot know it
    (its process stood still, say), refuses. When the disk fails, everything is
   refused until a commit succeeds again; nodes keep what they have and send it
   again.

    A node that is told to send again from a sequence it has no more (it was
    acknowledged by a journal that is gone) sends the same first sequence again.
    Then the events between are lost for this journal: that is counted and said,
    and storing goes on.                                                      */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "persist/persister_i.h"

static void
s_send_ack (covey_i_persister_t *self, Covey__Wire__JournalAck *ack,
            const uint8_t origin[16])
{
    ack->origin.data = (uint8_t *)(uintptr_t)origin;
    ack->origin.len = 16;
    covey_session_send_frame (self->session, COVEY_FRAME_JOURNAL_ACK,
                              &ack->base);
}

static void
s_refuse (covey_i_persister_t *self, const uint8_t origin[16], covey_err_t code,
          const char *text)
{
    Covey__Wire__JournalAck ack = COVEY__WIRE__JOURNAL_ACK__INIT;
    ack.seq = covey_journal_last_seq (self->journal, origin);
    ack.has_code = 1;
    ack.code = code;
    ack.text = (char *)(uintptr_t)text;
    s_send_ack (self, &ack, origin);
}

/* ---- in charge ---------------------------------------------------------- */

/*  Why nothing may be acknowledged now; NULL: it may be.                     */
static const char *
s_doubt (const covey_i_persister_t *self, covey_err_t *code_p)
{
    *code_p = self->stands_by ? COVEY_FENCED : COVEY_EAGAIN;
    if (self->stands_by)
        return "this persister stands by, another one is in charge";
    return self->now_ms >= self->until_ms ? "this persister does not know yet "
                                            "whether it is still in charge"
                                          : NULL;
}

/*  Nothing is said of what is stored: who is in charge will say that.        */
static void
s_fence (covey_i_persister_t *self, const uint8_t origin[16], covey_err_t code,
         const char *why)
{
    Covey__Wire__JournalAck ack = COVEY__WIRE__JOURNAL_ACK__INIT;
    ack.has_code = 1;
    ack.code = code;
    ack.text = (char *)(uintptr_t)why;
    s_send_ack (self, &ack, origin);
}

/* ---- the disk ----------------------------------------------------------- */

/*  The batch is lost: its events are refused, so that nodes send them again. */
static void
s_on_failure (covey_i_persister_t *self, covey_err_t code)
{
    covey_log_quoted_t quoted;
    if (!self->has_failed)
        covey_log_write (self->log, COVEY_LOG_ERROR, "persister",
                         "storing_stopped", "code=%s reason=%s",
                         covey_err_name (code),
                         covey_log_quote (&quoted, self->fail.text));
    self->has_failed = true;
    self->fail_code = code;
    self->retry_ms = self->now_ms + COVEY_I_RETRY_MS;
    self->in_batch = false;
    covey_batcher_clear (&self->batcher);
    covey_follow_lost (self->follow);
    for (size_t i = 0; i < self->acks.count; i++)
        s_refuse (self, self->acks.runs[i].origin, code, self->fail.text);
    covey_acks_clear (&self->acks);
}

static void
s_on_success (covey_i_persister_t *self)
{
    if (self->has_failed)
        covey_log_write (self->log, COVEY_LOG_INFO, "persister",
                         "storing_again", "offset=%" PRId64,
                         covey_journal_last_offset (self->journal));
    self->has_failed = false;
    self->commits++;
}

static covey_err_t
s_begin (covey_i_persister_t *self)
{
    if (self->in_batch)
        return COVEY_OK;
    covey_err_t rc = covey_journal_begin (self->journal, &self->fail);
    if (rc == COVEY_OK)
        self->in_batch = true;
    else
        s_on_failure (self, rc);
    return rc;
}

static covey_err_t
s_commit (covey_i_persister_t *self)
{
    covey_err_t rc = covey_journal_commit (self->journal, &self->fail);
    if (rc != COVEY_OK) {
        s_on_failure (self, rc);
        return rc;
    }
    self->in_batch = false;
    s_on_success (self);
    covey_batcher_clear (&self->batcher);
    covey_follow_committed (self->follow);
    self->now_ms = covey_clock_mono_ms (); /* a commit may take its time      */
    covey_err_t code;
    const char *doubt = s_doubt (self, &code);
    for (size_t i = 0; i < self->acks.count; i++) {
        const covey_ack_t *run = &self->acks.runs[i];
        if (doubt) {
            s_fence (self, run->origin, code, doubt);
            continue;
        }
        Covey__Wire__JournalAck ack = COVEY__WIRE__JOURNAL_ACK__INIT;
        ack.seq = run->seq;
        ack.n_offsets = run->count;
        ack.offsets = run->offsets;
        s_send_ack (self, &ack, run->origin);
    }
    covey_acks_clear (&self->acks);
    return COVEY_OK;
}

/*  In memory there is no disk to be full: the oldest events go.             */
static void
s_make_room (covey_i_persister_t *self)
{
    size_t count = 0;
    if (self->config.data_dir || self->commits % 16 ||
        covey_journal_bytes (self->journal) < COVEY_I_MEMORY_MAX)
        return;
    if (covey_journal_delete (self->journal, INT64_MAX, INT64_MAX,
                              (size_t)16 * COVEY_EXPUNGE_STEP, &count,
                              &self->fail) == COVEY_OK)
        covey_log_write (self->log, COVEY_LOG_DEBUG, "persister", "memory_full",
                         "dropped=%zu", count);
}

void
covey_i_persister_store_tick (covey_i_persister_t *self, bool more)
{
    bool is_due = !self->batcher.rows || /* only a gap was passed */
                  covey_batcher_is_due (&self->batcher, more, self->now_ms);
    if (self->in_batch && is_due && s_commit (self) == COVEY_OK)
        s_make_room (self);
    /* An empty batch writes its span: enough to see whether the disk is back */
    if (self->has_failed && self->now_ms >= self->retry_ms &&
        s_begin (self) == COVEY_OK)
        (void)s_commit (self); /* a failure is noted there */
}

int64_t
covey_i_persister_store_next_ms (const covey_i_persister_t *self)
{
    if (self->has_failed && !self->in_batch)
        return self->retry_ms;
    return covey_batcher_next_ms (&self->batcher);
}

/* ---- gaps --------------------------------------------------------------- */

static covey_i_gap_t *
s_find_gap (covey_i_persister_t *self, const uint8_t origin[16])
{
    for (size_t i = 0; i < self->gap_count; i++)
        if (memcmp (self->gaps[i].origin, origin, 16) == 0)
            return &self->gaps[i];
    return NULL;
}

static void
s_forget_gap (covey_i_persister_t *self, const uint8_t origin[16])
{
    covey_i_gap_t *gap = s_find_gap (self, origin);
    if (gap)
        *gap = self->gaps[--self->gap_count];
}

static void
s_note_gap (covey_i_persister_t *self, const uint8_t origin[16],
            uint64_t expect, uint64_t first)
{
    covey_i_gap_t *gap = s_find_gap (self, origin);
    if (!gap) {
        if (self->gap_count == COVEY_I_GAPS_MAX) /* the oldest one goes */
            memmove (&self->gaps[0], &self->gaps[1],
                     --self->gap_count * sizeof *self->gaps);
        gap = &self->gaps[self->gap_count++];
        memcpy (gap->origin, origin, 16);
        gap->first = first;
    }
    gap->expect = expect;
    if (first < gap->first)
        gap->first = first;
}

/*  A frame that starts behind a gap. True: the origin has shown that it cannot
    fill it, and we go on behind.                                             */
static bool
s_pass_gap (covey_i_persister_t *self, const uint8_t origin[16], uint64_t first)
{
    uint64_t expect = covey_journal_last_seq (self->journal, origin) + 1;
    const covey_i_gap_t *gap = s_find_gap (self, origin);
    if (first <= expect || !gap || gap->expect != expect || first != gap->first)
        return false;
    if (s_begin (self) != COVEY_OK ||
        covey_journal_resume (self->journal, origin, first, &self->fail) !=
            COVEY_OK)
        return false;
    self->gaps_passed++;
    covey_log_write (self->log, COVEY_LOG_WARN, "persister", "events_lost",
                     "origin=%02x%02x%02x%02x first=%" PRIu64 " last=%" PRIu64,
                     origin[0], origin[1], origin[2], origin[3], expect,
                     first - 1);
    s_forget_gap (self, origin);
    return true;
}

/* ---- events ------------------------------------------------------------- */

static bool
s_is_kept (const covey_i_persister_t *self, int type)
{
    if (self->config.persist_all)
        return true;
    for (size_t i = 0; i < self->config.persist_type_count; i++)
        if (self->config.persist_types[i] == type)
            return true;
    return false;
}

/*  One event into the batch. STATE: a gap, `*expect_p` is what is missing.  */
static covey_err_t
s_store (covey_i_persister_t *self, const uint8_t origin[16], uint64_t seq,
         covey_slice_t item, uint64_t *expect_p)
{
    covey_peek_t event;
    int64_t offset = -1;
    bool duplicate = false;
    covey_err_t rc = covey_peek (item.text, item.size, &event);
    bool is_event = rc == COVEY_OK && event.id;
    if (is_event && s_is_kept (self, event.type))
        rc = covey_journal_append (self->journal, &event, origin, seq,
                                   covey_clock_wall_us (), &offset, &duplicate,
                                   expect_p, &self->fail);
    else
        rc = covey_journal_skip (self->journal, origin, seq, expect_p,
                                 &self->fail);
    if (rc != COVEY_OK)
        return rc;
    if (!is_event) {
        self->malformed++;
        covey_log_write (self->log, COVEY_LOG_WARN, "persister",
                         "event_malformed", "seq=%" PRIu64 " bytes=%zu", seq,
                         item.size);
    }
    if (duplicate)
        self->duplicates++;
    else if (offset >= 0)
        covey_follow_event (self->follow, &event);
    covey_acks_add (&self->acks, origin, seq, offset);
    covey_batcher_add (&self->batcher, item.size, self->now_ms);
    return COVEY_OK;
}

/*  Commit what is in the batch first: the answer names the last that is stored.
 */
static void
s_on_gap (covey_i_persister_t *self, const uint8_t origin[16], uint64_t expect,
          uint64_t first)
{
    Covey__Wire__JournalAck ack = COVEY__WIRE__JOURNAL_ACK__INIT;
    if (self->in_batch && s_commit (self) != COVEY_OK)
        return;
    s_note_gap (self, origin, expect, first);
    ack.seq = covey_journal_last_seq (self->journal, origin);
    ack.has_expect = 1;
    ack.expect = expect;
    s_send_ack (self, &ack, origin);
}

static void
s_store_all (covey_i_persister_t *self, const uint8_t origin[16],
             uint64_t first, covey_frame_t *items)
{
    const uint8_t *bytes;
    size_t size;
    uint64_t expect = 0;
    covey_err_t rc = COVEY_OK;
    bool passed = s_pass_gap (self, origin, first);
    for (uint64_t seq = first;
         rc == COVEY_OK && covey_frame_next (items, &bytes, &size) == COVEY_OK;
         seq++) {
        if (covey_batcher_is_full (&self->batcher))
            rc = s_commit (self);
        if (rc == COVEY_OK)
            rc = s_begin (self);
        if (rc != COVEY_OK) { /* the rest of this frame, too */
            s_refuse (self, origin, rc, self->fail.text);
            return;
        }
        covey_slice_t item = {(const char *)bytes, size};
        rc = s_store (self, origin, seq, item, &expect);
    }
    if (rc == COVEY_STATE)
        s_on_gap (self, origin, expect, first);
    else if (rc != COVEY_OK) {
        s_on_failure (self, rc);
        s_refuse (self, origin, rc, self->fail.text);
    } else if (!passed)
        s_forget_gap (self, origin);
}

void
covey_i_persister_on_journal (covey_i_persister_t *self,
                              const covey_frame_t *frame)
{
    covey_frame_t items = *frame;
    covey_err_t code;
    const char *doubt = s_doubt (self, &code);
    Covey__Wire__Journal *header = (Covey__Wire__Journal *)covey_wire_unpack (
        &covey__wire__journal__descriptor, frame->header, frame->header_size);
    if (!header || header->origin.len != 16 || header->first_seq == 0) {
        self->malformed++;
        covey_log_write (self->log, COVEY_LOG_WARN, "persister",
                         "frame_malformed", "bytes=%zu", frame->header_size);
    } else if (doubt)
        s_fence (self, header->origin.data, code, doubt);
    else if (self->has_failed && self->now_ms < self->retry_ms)
        s_refuse (self, header->origin.data, self->fail_code, self->fail.text);
    else
        s_store_all (self, header->origin.data, header->first_seq, &items);
    if (header)
        covey__wire__journal__free_unpacked (header, NULL);
}
