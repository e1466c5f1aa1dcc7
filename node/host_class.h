/*  host_class - the inside of node/host.h, for its three files

    host.c          who it is, the connection, the verdicts on publishes
    host_deliver.c  what waits for the agent
    host_flush.c    frames to the agent
*/
#ifndef COVEY_HOST_CLASS_H_INCLUDED
#define COVEY_HOST_CLASS_H_INCLUDED

#include "node/fifo.h"
#include "node/host.h"

#define COVEY_HOST_FRAME_HANDLES 4096 /* in one Deliver frame */

typedef struct {
    covey_parcel_t *parcel;
    uint32_t *handles; /* NULL: none                                          */
    uint32_t handle_count;
    uint8_t track; /* what is still to be reported (covey_track_t)            */
} covey_host_delivery_t;

typedef struct {
    uint64_t seq;
    covey_err_t code;
    char *text;
    bool has_known;
    covey_host_known_t known;
} covey_host_refusal_t;

typedef struct {
    uint8_t *data;
    size_t size;
} covey_host_frame_t;

struct covey_host {
    covey_host_config_t config;
    covey_host_stats_t stats;
    uint64_t number;
    char *agent_id;
    char *service;
    uint8_t session_id[16];
    bool client;
    /* the connection                                                         */
    bool attached;
    uint8_t *route;
    size_t route_size;
    uint32_t window;
    bool paused;
    int64_t heard_ms;
    int64_t grace_ms;
    covey_host_clocks_t clocks;
    /* from the agent                                                         */
    bool started; /* the first publish is here                                */
    uint64_t offered_seq;
    uint64_t verdict_seq;
    bool receipt_due;  /* with the next flush                                 */
    bool receipt_late; /* or with deliveries, or when the host is hurried     */
    uint64_t receipted_seq;
    bool patient; /* the frame in work                                        */
    covey_fifo_t refusals; /* also those told, while the agent may not know   */
    size_t refusals_sent;
    covey_fifo_t held;
    size_t held_bytes;
    /* to the agent                                                           */
    covey_fifo_t flight;  /* numbered from acked + 1                          */
    covey_fifo_t waiting; /* not numbered yet                                 */
    size_t flight_sent;   /* of flight, in this attachment                    */
    uint64_t acked;
    uint64_t arrived; /* those up to here were reported as heard              */
    covey_fifo_t reports;
    size_t bytes;
    bool stopped; /* other nodes are told to send no more                     */
    covey_notices_t notices;
    covey_fifo_t frames; /* of any other kind; sent once */
    bool touched;
    uint32_t *matches;
    size_t match_count;
    size_t match_capacity;
};

/*  host.c                                                                   */
void covey_host_fill_refusal (const covey_host_refusal_t *from,
                              Covey__Wire__Refusal *to);
/*  host_deliver.c: forget the first of `flight` or `waiting`.               */
void covey_host_pop_delivery (covey_host_t *self, covey_fifo_t *fifo);
void covey_host_pop_frame (covey_host_t *self);

#endif
