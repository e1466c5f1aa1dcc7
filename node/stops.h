/*  stops - agents of the peer that take nothing for now, and what waits for
    them

    Role      pure core, part of a link: an item whose turn has come but whose
              agent is stopped is parked here, out of the way of all others;
              when the agent goes on, what was parked goes back in front of the
              lanes, so that order is kept
    Memory    parked items hold their parcels
    Limits    COVEY_STOPS_MAX agents; events_max and bytes_max parked for all of
              them together: the agent whose item exceeds that is still stopped
              for publishers, but what was accepted for it goes on its way, and
              the peer takes it into its reserve or returns it
*/
#ifndef COVEY_STOPS_H_INCLUDED
#define COVEY_STOPS_H_INCLUDED

#include "base/table.h"
#include "node/lanes.h"

#define COVEY_STOPS_MAX 4096

typedef struct {
    size_t events_max;
    size_t bytes_max;
    covey_table_t agents; /* id -> stop                                       */
    size_t count;         /* parked                                           */
    size_t bytes;
} covey_stops_t;

void covey_stops_init (covey_stops_t *self, size_t events_max,
                       size_t bytes_max);
void covey_stops_deinit (covey_stops_t *self);

/*  Stop an agent. LIMIT: too many are; this one is treated as if it was not. */
covey_err_t covey_stops_stop (covey_stops_t *self, covey_slice_t agent_id);
/*  It, or each of them, goes on.                                            */
void covey_stops_go (covey_stops_t *self, covey_slice_t agent_id,
                     covey_lanes_t *lanes);
void covey_stops_go_all (covey_stops_t *self, covey_lanes_t *lanes);
bool covey_stops_has (const covey_stops_t *self, covey_slice_t agent_id);

/*  Keep an item that was taken from the lanes; false: it may go.            */
bool covey_stops_park (covey_stops_t *self, const covey_lane_item_t *item,
                       covey_lanes_t *lanes);
/*  As covey_lanes_take_back.                                                */
size_t covey_stops_take_back (covey_stops_t *self, covey_lanes_take_fn *take,
                              void *arg);

#endif
