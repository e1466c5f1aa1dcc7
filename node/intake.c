#include "node/intake.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/fifo.h"
#include "base/mem.h"
#include "base/table.h"

typedef struct {
    uint32_t code;
    uint64_t next; /* expected                                                */
    uint64_t tail; /* the publisher said that this one comes next             */
    int64_t tail_ms;
} intake_topic_t;

/*  A frame held back: a copy of its items.                                  */
typedef struct {
    uint32_t topic;
    uint64_t first;
    size_t count;
    uint8_t *items;
    size_t items_size;
} intake_held_t;

struct covey_intake {
    covey_intake_callbacks_t callbacks;
    covey_intake_stats_t stats;
    uint64_t epoch;
    covey_table_t topics;
    int64_t tails_ms; /* when a tail is late; INT64_MAX: none is out          */
    bool waiting; /* for a repair of [gap_first, gap_last] of gap_topic       */
    uint32_t gap_topic;
    uint64_t gap_first;
    uint64_t gap_last;
    int64_t gap_since_ms;
    covey_fifo_t held; /* of intake_held_t; the first is what showed the gap  */
    size_t held_events;
    size_t held_bytes;
};

covey_intake_t *
covey_intake_new (const covey_intake_callbacks_t *callbacks)
{
    assert (callbacks->event && callbacks->request && callbacks->lost);
    covey_intake_t *self = covey_mem_new (sizeof *self);
    self->callbacks = *callbacks;
    self->tails_ms = INT64_MAX;
    covey_table_init (&self->topics);
    covey_fifo_init (&self->held, sizeof (intake_held_t));
    return self;
}

static void
s_pop_held (covey_intake_t *self)
{
    intake_held_t *held = covey_fifo_at (&self->held, 0);
    self->held_events -= held->count;
    self->held_bytes -= held->items_size;
    free (held->items);
    covey_fifo_pop (&self->held);
}

static void
s_forget (covey_intake_t *self)
{
    while (self->held.count)
        s_pop_held (self);
    size_t cursor = 0;
    intake_topic_t *topic;
    while ((topic = covey_table_next (&self->topics, &cursor)))
        free (topic);
    covey_table_deinit (&self->topics);
    self->waiting = false;
    self->tails_ms = INT64_MAX;
}

void
covey_intake_destroy (covey_intake_t **self_p)
{
    covey_intake_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    s_forget (self);
    covey_fifo_deinit (&self->held);
    free (self);
}

bool
covey_intake_epoch (covey_intake_t *self, uint64_t epoch)
{
    if (epoch < self->epoch)
        return false;
    if (epoch > self->epoch) {
        s_forget (self);
        self->epoch = epoch;
    }
    return true;
}

static intake_topic_t *
s_topic (const covey_intake_t *self, uint32_t code)
{
    return covey_table_get (&self->topics, &code, sizeof code);
}

static intake_topic_t *
s_add_topic (covey_intake_t *self, uint32_t code, uint64_t next)
{
    intake_topic_t *topic = covey_mem_new (sizeof *topic);
    topic->code = code;
    topic->next = next;
    covey_table_put (&self->topics, &topic->code, sizeof topic->code, topic);
    return topic;
}

void
covey_intake_baseline (covey_intake_t *self, uint32_t code, uint64_t next)
{
    if (!s_topic (self, code))
        s_add_topic (self, code, next);
}

void
covey_intake_unlisten (covey_intake_t *self, uint32_t code)
{
    free (covey_table_remove (&self->topics, &code, sizeof code));
}

/*  Pass on the items from `first` on that were not seen.                    */
static covey_err_t
s_pass (covey_intake_t *self, intake_topic_t *topic, uint64_t first,
        covey_frame_t frame)
{
    const uint8_t *item;
    size_t size;
    covey_err_t err;
    for (uint64_t seq = first;
         (err = covey_frame_next (&frame, &item, &size)) == COVEY_OK; seq++) {
        if (seq < topic->next) {
            self->stats.duplicates++;
            continue;
        }
        topic->next = seq + 1;
        self->callbacks.event (self->callbacks.arg, topic->code, seq, item,
                               size);
    }
    return err == COVEY_NOTFOUND ? COVEY_OK : err;
}

static void
s_lose (covey_intake_t *self, uint32_t topic, uint64_t first, uint64_t last)
{
    if (first > last)
        return;
    self->stats.lost += last - first + 1;
    self->callbacks.lost (self->callbacks.arg, topic, first, last);
}

static void
s_ask (covey_intake_t *self, const intake_topic_t *topic, uint64_t last,
       int64_t now_ms)
{
    self->waiting = true;
    self->gap_topic = topic->code;
    self->gap_first = topic->next;
    self->gap_last = last;
    self->gap_since_ms = now_ms;
    self->stats.gaps++;
    self->callbacks.request (self->callbacks.arg, topic->code, topic->next,
                             last);
}

/*  In sequence: passed on. Behind a gap: false, and the gap is asked for.   */
static bool
s_try (covey_intake_t *self, uint32_t code, uint64_t first,
       const covey_frame_t *frame, int64_t now_ms, covey_err_t *err_p)
{
    intake_topic_t *topic = s_topic (self, code);
    if (!topic)
        topic = s_add_topic (self, code, first);
    if (first > topic->next) {
        s_ask (self, topic, first - 1, now_ms);
        return false;
    }
    *err_p = s_pass (self, topic, first, *frame);
    return true;
}

/*  The gap is closed or given up: go on with what was held back.            */
static void
s_drain (covey_intake_t *self, int64_t now_ms)
{
    while (!self->waiting && self->held.count) {
        intake_held_t *held = covey_fifo_at (&self->held, 0);
        covey_frame_t frame = {.items = held->items,
                               .items_size = held->items_size};
        covey_err_t err = COVEY_OK; /* the items were read when they came     */
        if (s_try (self, held->topic, held->first, &frame, now_ms, &err))
            s_pop_held (self);
    }
}

static void
s_abandon (covey_intake_t *self, int64_t now_ms)
{
    intake_topic_t *topic = s_topic (self, self->gap_topic);
    self->waiting = false;
    s_lose (self, self->gap_topic, self->gap_first, self->gap_last);
    if (topic && topic->next <= self->gap_last)
        topic->next = self->gap_last + 1;
    s_drain (self, now_ms);
}

static void
s_hold (covey_intake_t *self, uint32_t topic, uint64_t first,
        const covey_frame_t *frame, size_t count)
{
    intake_held_t *held = covey_fifo_push (&self->held);
    held->topic = topic;
    held->first = first;
    held->count = count ? count : 1; /* an empty one takes room too          */
    held->items_size = frame->items_size;
    held->items = covey_mem_new (frame->items_size * 1);
    if (frame->items_size)
        memcpy (held->items, frame->items, frame->items_size);
    self->held_events += held->count;
    self->held_bytes += frame->items_size;
}

covey_err_t
covey_intake_receive (covey_intake_t *self, uint32_t topic, uint64_t first,
                      const covey_frame_t *frame, int64_t now_ms)
{
    covey_err_t err = COVEY_OK;
    if (first == 0)
        return COVEY_MALFORMED;
    if (!self->waiting && s_try (self, topic, first, frame, now_ms, &err))
        return err;
    size_t count = 0;
    covey_frame_t items = *frame;
    const uint8_t *item;
    size_t size;
    while ((err = covey_frame_next (&items, &item, &size)) == COVEY_OK)
        count++;
    if (err != COVEY_NOTFOUND)
        return err;
    s_hold (self, topic, first, frame, count);
    while (self->waiting && (self->held_events > COVEY_INTAKE_HELD_EVENTS ||
                             self->held_bytes > COVEY_INTAKE_HELD_BYTES))
        s_abandon (self, now_ms);
    return COVEY_OK;
}

void
covey_intake_repair (covey_intake_t *self, const Covey__Wire__Repair *repair,
                     int64_t now_ms)
{
    if (!self->waiting || repair->topic != self->gap_topic ||
        repair->first != self->gap_first || repair->last != self->gap_last)
        return;
    bool some = repair->have_first >= self->gap_first &&
                repair->have_last <= self->gap_last &&
                repair->have_first <= repair->have_last &&
                repair->have_last - repair->have_first + 1 == repair->n_events;
    intake_topic_t *topic = s_topic (self, self->gap_topic);
    if (!some || !topic) {
        s_abandon (self, now_ms);
        return;
    }
    s_lose (self, self->gap_topic, self->gap_first, repair->have_first - 1);
    for (size_t i = 0; i < repair->n_events; i++) {
        uint64_t seq = repair->have_first + i;
        topic->next = seq + 1;
        self->stats.repaired++;
        self->callbacks.event (self->callbacks.arg, topic->code, seq,
                               repair->events[i].data, repair->events[i].len);
    }
    self->gap_first = repair->have_last + 1;
    self->gap_since_ms = now_ms;
    if (self->gap_first <= self->gap_last) {
        /* The answer was cut to a bearable size: the rest. */
        self->callbacks.request (self->callbacks.arg, self->gap_topic,
                                 self->gap_first, self->gap_last);
        return;
    }
    self->waiting = false;
    s_drain (self, now_ms);
}

void
covey_intake_tail (covey_intake_t *self, uint32_t code, uint64_t next,
                   int64_t now_ms)
{
    intake_topic_t *topic = s_topic (self, code);
    /* Without a topic the subscription is not confirmed: its mark says where
       it begins. */
    if (!topic || next <= topic->next || next <= topic->tail)
        return;
    topic->tail = next;
    topic->tail_ms = now_ms;
    if (self->tails_ms > now_ms + COVEY_INTAKE_TAIL_MS)
        self->tails_ms = now_ms + COVEY_INTAKE_TAIL_MS;
}

/*  Ask for one tail that is late; the others come with the next tick.       */
static void
s_check_tails (covey_intake_t *self, int64_t now_ms)
{
    intake_topic_t *late = NULL, *topic;
    size_t cursor = 0;
    self->tails_ms = INT64_MAX;
    while ((topic = covey_table_next (&self->topics, &cursor))) {
        int64_t due_ms = topic->tail_ms + COVEY_INTAKE_TAIL_MS;
        if (topic->next >= topic->tail)
            continue;
        if (now_ms >= due_ms && (!late || topic->code < late->code))
            late = topic;
        self->tails_ms = self->tails_ms < due_ms ? self->tails_ms : due_ms;
    }
    if (late)
        s_ask (self, late, late->tail - 1, now_ms);
}

void
covey_intake_tick (covey_intake_t *self, int64_t now_ms)
{
    if (self->waiting && now_ms - self->gap_since_ms >= COVEY_INTAKE_WAIT_MS)
        s_abandon (self, now_ms);
    if (!self->waiting && now_ms >= self->tails_ms)
        s_check_tails (self, now_ms);
}

void
covey_intake_give_up (covey_intake_t *self, int64_t now_ms)
{
    while (self->waiting)
        s_abandon (self, now_ms);
}

int64_t
covey_intake_next_ms (const covey_intake_t *self)
{
    return self->waiting ? self->gap_since_ms + COVEY_INTAKE_WAIT_MS
                         : self->tails_ms;
}

const covey_intake_stats_t *
covey_intake_stats (const covey_intake_t *self)
{
    return &self->stats;
}
