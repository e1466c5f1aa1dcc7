#include "node/lanes.h"

#include <assert.h>
#include <string.h>

#include "proto/event.h"

#define ITEM_OVERHEAD 64 /* what an item costs besides its bytes        */
#define CREDIT_MAX (16u << 20)

covey_lane_t
covey_lane_of (const covey_peek_t *event)
{
    switch (event->priority) {
        case COVEY_PRIORITY_LOW:
            return COVEY_LANE_LOW;
        case COVEY_PRIORITY_NORMAL:
            return COVEY_LANE_NORMAL;
        case COVEY_PRIORITY_HIGH:
            return COVEY_LANE_HIGH;
        default:
            return COVEY_LANE_CRITICAL;
    }
}

void
covey_lanes_init (covey_lanes_t *self, size_t events_max, size_t bytes_max)
{
    memset (self, 0, sizeof *self);
    self->events_max = events_max;
    self->bytes_max = bytes_max;
    for (int lane = 0; lane < COVEY_LANE_COUNT; lane++)
        covey_fifo_init (&self->queues[lane].items, sizeof (covey_lane_item_t));
}

/*  The first of a lane leaves; its parcel is the caller's.                  */
static covey_lane_item_t
s_pop (covey_lanes_t *self, covey_lane_t lane)
{
    covey_lane_queue_t *queue = &self->queues[lane];
    covey_lane_item_t item =
        *(covey_lane_item_t *)covey_fifo_at (&queue->items, 0);
    covey_fifo_pop (&queue->items);
    queue->bytes -= item.parcel->size;
    self->bytes -= item.parcel->size;
    self->count--;
    return item;
}

static void
s_count (covey_lanes_t *self, const covey_lane_item_t *item)
{
    self->queues[item->lane].bytes += item->parcel->size;
    self->bytes += item->parcel->size;
    self->count++;
}

static void
s_push (covey_lanes_t *self, const covey_lane_item_t *item)
{
    covey_fifo_t *items = &self->queues[item->lane].items;
    *(covey_lane_item_t *)covey_fifo_push (items) = *item;
    s_count (self, item);
}

void
covey_lanes_put_back (covey_lanes_t *self, const covey_lane_item_t *item)
{
    covey_fifo_t *items = &self->queues[item->lane].items;
    *(covey_lane_item_t *)covey_fifo_push_front (items) = *item;
    s_count (self, item);
}

void
covey_lanes_deinit (covey_lanes_t *self)
{
    for (int lane = 0; lane < COVEY_LANE_COUNT; lane++) {
        while (self->queues[lane].items.count) {
            covey_lane_item_t item = s_pop (self, (covey_lane_t)lane);
            covey_parcel_drop (&item.parcel);
        }
        covey_fifo_deinit (&self->queues[lane].items);
    }
}

static bool
s_fits (size_t count, size_t used, size_t events, size_t bytes,
        size_t events_max, size_t bytes_max)
{
    return count <= events_max && events <= events_max - count &&
           used <= bytes_max && bytes <= bytes_max - used;
}

bool
covey_lanes_have_room (const covey_lanes_t *self, covey_lane_t lane,
                       size_t events, size_t bytes)
{
    const covey_lane_queue_t *queue = &self->queues[lane];
    bool control = lane == COVEY_LANE_CONTROL;
    return self->count == 0 ||
           s_fits (self->count, self->bytes, events, bytes, self->events_max,
                   self->bytes_max) ||
           s_fits (queue->items.count, queue->bytes, events, bytes,
                   control ? COVEY_LANES_CONTROL_EVENTS
                           : self->events_max / COVEY_LANES_SHARE,
                   control ? COVEY_LANES_CONTROL_BYTES
                           : self->bytes_max / COVEY_LANES_SHARE);
}

void
covey_lanes_add (covey_lanes_t *self, covey_lane_t lane, uint8_t kind,
                 covey_parcel_t *parcel)
{
    const covey_lane_item_t item = {.parcel = covey_parcel_hold (parcel),
                                    .kind = kind,
                                    .lane = (uint8_t)lane};
    s_push (self, &item);
}

/* ------------------------------------------------------------------------ */
/*  Taking                                                                   */

/*  The first of a lane that may still go; NULL: none.                       */
static const covey_lane_item_t *
s_head (covey_lanes_t *self, covey_lane_t lane, int64_t now_ms)
{
    covey_fifo_t *items = &self->queues[lane].items;
    while (items->count) {
        const covey_lane_item_t *head = covey_fifo_at (items, 0);
        if (!covey_parcel_is_expired (head->parcel, now_ms))
            return head;
        covey_lane_item_t item = s_pop (self, lane);
        covey_parcel_drop (&item.parcel);
        self->expired++;
    }
    return NULL;
}

/*  The lane below `top` whose turn it is; `top`: all are empty.             */
static covey_lane_t
s_lower (covey_lanes_t *self, covey_lane_t top, int64_t now_ms)
{
    covey_lane_t lane = self->turn > top ? self->turn : top;
    for (covey_lane_t tries = top + 1; tries < COVEY_LANE_COUNT; tries++) {
        lane = lane + 1 < COVEY_LANE_COUNT ? lane + 1 : top + 1;
        if (s_head (self, lane, now_ms))
            return lane;
    }
    return top;
}

static size_t
s_cost (covey_lanes_t *self, covey_lane_t lane)
{
    const covey_lane_item_t *head =
        covey_fifo_at (&self->queues[lane].items, 0);
    return head->parcel->size + ITEM_OVERHEAD;
}

bool
covey_lanes_take (covey_lanes_t *self, int64_t now_ms, covey_lane_item_t *item)
{
    covey_lane_t top = COVEY_LANE_CONTROL;
    while (top < COVEY_LANE_COUNT && !s_head (self, top, now_ms))
        top++;
    if (top == COVEY_LANE_COUNT)
        return false;
    covey_lane_t lane = top;
    covey_lane_t lower = self->count == self->queues[top].items.count
                             ? top
                             : s_lower (self, top, now_ms);
    if (lower == top)
        self->credit = 0;
    else if (self->credit >= s_cost (self, lower)) {
        self->credit -= s_cost (self, lower);
        self->turn = lane = lower;
    } else if (self->credit < CREDIT_MAX)
        self->credit += s_cost (self, top) / (COVEY_LANES_SHARE - 1);
    *item = s_pop (self, lane);
    if (item->parcel && item->parcel->entered_ms && !item->was_sent)
        covey_delay_note (&self->delay, item->parcel->entered_ms, now_ms);
    return true;
}

void
covey_lanes_expire (covey_lanes_t *self, int64_t now_ms)
{
    for (int lane = 0; lane < COVEY_LANE_COUNT; lane++)
        (void)s_head (self, (covey_lane_t)lane, now_ms);
}

size_t
covey_lanes_take_back (covey_lanes_t *self, covey_lanes_take_fn *take,
                       void *arg)
{
    size_t taken = 0;
    for (int lane = 0; lane < COVEY_LANE_COUNT; lane++)
        /* Once around the ring: who stays is put behind the others. */
        for (size_t i = self->queues[lane].items.count; i > 0; i--) {
            covey_lane_item_t item = s_pop (self, (covey_lane_t)lane);
            if (take (arg, &item)) {
                covey_parcel_drop (&item.parcel);
                taken++;
            } else
                s_push (self, &item);
        }
    return taken;
}
