#include "node/stops.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/frame.h"

typedef struct {
    char *id;
    size_t id_size;
    covey_fifo_t parked;
    bool overflown; /* there was no room to park, so all goes on its way      */
} stop_t;

void
covey_stops_init (covey_stops_t *self, size_t events_max, size_t bytes_max)
{
    memset (self, 0, sizeof *self);
    self->events_max = events_max;
    self->bytes_max = bytes_max;
    covey_table_init (&self->agents);
}

static covey_lane_item_t
s_take (covey_stops_t *self, covey_fifo_t *parked, size_t index)
{
    covey_lane_item_t item =
        *(covey_lane_item_t *)covey_fifo_at (parked, index);
    self->count--;
    self->bytes -= item.parcel->size;
    return item;
}

static void
s_free_stop (stop_t *stop)
{
    covey_fifo_deinit (&stop->parked);
    free (stop->id);
    free (stop);
}

void
covey_stops_deinit (covey_stops_t *self)
{
    size_t cursor = 0;
    stop_t *stop;
    while ((stop = covey_table_next (&self->agents, &cursor))) {
        for (size_t i = 0; i < stop->parked.count; i++) {
            covey_lane_item_t item = s_take (self, &stop->parked, i);
            covey_parcel_drop (&item.parcel);
        }
        s_free_stop (stop);
    }
    covey_table_deinit (&self->agents);
}

covey_err_t
covey_stops_stop (covey_stops_t *self, covey_slice_t agent_id)
{
    if (covey_stops_has (self, agent_id))
        return COVEY_OK;
    if (self->agents.count >= COVEY_STOPS_MAX)
        return COVEY_LIMIT;
    stop_t *stop = covey_mem_new (sizeof *stop);
    stop->id = covey_mem_dup (agent_id.text, agent_id.size);
    stop->id_size = agent_id.size;
    covey_fifo_init (&stop->parked, sizeof (covey_lane_item_t));
    covey_table_put (&self->agents, stop->id, stop->id_size, stop);
    return COVEY_OK;
}

/*  Last first, each in front of its lane.                                   */
static void
s_release (covey_stops_t *self, stop_t *stop, covey_lanes_t *lanes)
{
    for (size_t i = stop->parked.count; i-- > 0;) {
        covey_lane_item_t item = s_take (self, &stop->parked, i);
        covey_lanes_put_back (lanes, &item);
    }
    covey_fifo_deinit (&stop->parked);
    covey_fifo_init (&stop->parked, sizeof (covey_lane_item_t));
}

static void
s_go (covey_stops_t *self, stop_t *stop, covey_lanes_t *lanes)
{
    s_release (self, stop, lanes);
    s_free_stop (stop);
}

void
covey_stops_go (covey_stops_t *self, covey_slice_t agent_id,
                covey_lanes_t *lanes)
{
    stop_t *stop =
        covey_table_remove (&self->agents, agent_id.text, agent_id.size);
    if (stop)
        s_go (self, stop, lanes);
}

void
covey_stops_go_all (covey_stops_t *self, covey_lanes_t *lanes)
{
    size_t cursor = 0;
    stop_t *stop;
    while ((stop = covey_table_next (&self->agents, &cursor)))
        s_go (self, stop, lanes);
    covey_table_deinit (&self->agents);
}

bool
covey_stops_has (const covey_stops_t *self, covey_slice_t agent_id)
{
    return covey_table_get (&self->agents, agent_id.text, agent_id.size) !=
           NULL;
}

/*  Whom an item is for; empty: no agent.                                    */
static covey_slice_t
s_target (const covey_lane_item_t *item)
{
    const covey_parcel_t *parcel = item->parcel;
    if (item->kind == COVEY_ITEM_EVENT)
        return parcel->view.first_target;
    if (item->kind == COVEY_ITEM_EVENT_FOR)
        return (covey_slice_t){.text = (const char *)parcel->bytes + 1,
                               .size = parcel->bytes[0]};
    if (item->kind == COVEY_ITEM_EVENT_TRACKED)
        return (covey_slice_t){.text = (const char *)parcel->bytes + 2,
                               .size = parcel->bytes[1]};
    return (covey_slice_t){0};
}

bool
covey_stops_park (covey_stops_t *self, const covey_lane_item_t *item,
                  covey_lanes_t *lanes)
{
    if (!self->agents.count)
        return false;
    covey_slice_t target = s_target (item);
    stop_t *stop =
        target.size ? covey_table_get (&self->agents, target.text, target.size)
                    : NULL;
    if (!stop || stop->overflown)
        return false;
    if (self->count >= self->events_max ||
        self->bytes + item->parcel->size > self->bytes_max) {
        stop->overflown = true;
        covey_lanes_put_back (lanes, item);
        s_release (self, stop, lanes);
        return true;
    }
    *(covey_lane_item_t *)covey_fifo_push (&stop->parked) = *item;
    self->count++;
    self->bytes += item->parcel->size;
    return true;
}

size_t
covey_stops_take_back (covey_stops_t *self, covey_lanes_take_fn *take,
                       void *arg)
{
    size_t taken = 0, cursor = 0;
    stop_t *stop;
    while ((stop = covey_table_next (&self->agents, &cursor)))
        for (size_t i = stop->parked.count; i > 0; i--) {
            covey_lane_item_t item = s_take (self, &stop->parked, 0);
            covey_fifo_pop (&stop->parked);
            if (take (arg, &item)) {
                covey_parcel_drop (&item.parcel);
                taken++;
                continue;
            }
            *(covey_lane_item_t *)covey_fifo_push (&stop->parked) = item;
            self->count++;
            self->bytes += item.parcel->size;
        }
    return taken;
}
