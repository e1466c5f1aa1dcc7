/*  The persister of a simulated mesh: acknowledges what comes in sequence, and
    keeps the packed events by id. What it has survives its node.             */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/event.h"
#include "proto/json.h"
#include "proto/store.pb-c.h"
#include "tests/support/sim_mesh.h"

#define ORIGINS_MAX 64

typedef struct {
    uint8_t origin[16];
    uint64_t seq;
} sim_origin_t;

typedef struct {
    covey_table_t events; /* id -> packed                                     */
    covey_fifo_t order;   /* of covey_parcel_t *                              */
    sim_origin_t origins[ORIGINS_MAX];
    size_t origin_count;
} sim_store_t;

void
sim_store_open (sim_mesh_agent_t *agent)
{
    sim_store_t *self = covey_mem_new (sizeof *self);
    covey_table_init (&self->events);
    covey_fifo_init (&self->order, sizeof (covey_parcel_t *));
    agent->store = self;
}

void
sim_store_close (sim_mesh_agent_t *agent)
{
    sim_store_t *self = agent->store;
    if (!self)
        return;
    for (size_t i = 0; i < self->order.count; i++)
        covey_parcel_drop ((covey_parcel_t **)covey_fifo_at (&self->order, i));
    covey_fifo_deinit (&self->order);
    covey_table_deinit (&self->events);
    free (self);
    agent->store = NULL;
}

static sim_origin_t *
s_origin (sim_store_t *self, const uint8_t origin[16])
{
    for (size_t i = 0; i < self->origin_count; i++)
        if (memcmp (self->origins[i].origin, origin, 16) == 0)
            return &self->origins[i];
    sim_origin_t *one = &self->origins[self->origin_count++];
    memcpy (one->origin, origin, 16);
    return one;
}

static void
s_keep (sim_store_t *self, const uint8_t *data, size_t size)
{
    covey_parcel_t *parcel = covey_parcel_new (data, size, NULL, 0);
    if (!parcel || covey_table_get (&self->events, parcel->view.id, 16)) {
        covey_parcel_drop (&parcel);
        return;
    }
    covey_table_put (&self->events, parcel->view.id, 16, parcel);
    *(covey_parcel_t **)covey_fifo_push (&self->order) = parcel;
}

void
sim_store_on_frame (sim_mesh_agent_t *agent, const covey_frame_t *frame)
{
    sim_store_t *self = agent->store;
    if (frame->kind != COVEY_FRAME_JOURNAL)
        return;
    Covey__Wire__Journal *journal = (Covey__Wire__Journal *)covey_wire_unpack (
        &covey__wire__journal__descriptor, frame->header, frame->header_size);
    sim_origin_t *origin = s_origin (self, journal->origin.data);
    Covey__Wire__JournalAck ack = COVEY__WIRE__JOURNAL_ACK__INIT;
    covey_frame_t items = *frame;
    const uint8_t *item;
    size_t size;
    uint64_t seq = journal->first_seq;
    for (; covey_frame_next (&items, &item, &size) == COVEY_OK; seq++) {
        if (seq != origin->seq + 1)
            continue;
        s_keep (self, item, size);
        origin->seq = seq;
    }
    ack.origin = journal->origin;
    ack.seq = origin->seq;
    ack.has_expect = journal->first_seq > origin->seq + 1;
    ack.expect = origin->seq + 1;
    covey_session_send_frame (agent->session, COVEY_FRAME_JOURNAL_ACK,
                              &ack.base);
    protobuf_c_message_free_unpacked (&journal->base, NULL);
}

bool
sim_store_has (const sim_mesh_t *mesh, const uint8_t id[16])
{
    const sim_mesh_agent_t *agent = &mesh->agents[mesh->config.agents];
    const sim_store_t *self = agent->store;
    return self && covey_table_get (&self->events, id, 16) != NULL;
}

/*  mesh.events by ids, in the order in which they were stored.              */
static void
s_answer (sim_mesh_agent_t *agent, const sim_store_t *self,
          const covey_event_t *request, const Covey__Store__EventQuery *query)
{
    Covey__Store__EventRow rows[256], *list[256];
    Covey__Store__EventPage page = COVEY__STORE__EVENT_PAGE__INIT;
    page.rows = list;
    for (size_t i = 0; i < query->n_ids && i < 256; i++) {
        uint8_t id[16];
        const covey_parcel_t *parcel =
            covey_id_parse (query->ids[i], id) == COVEY_OK
                ? covey_table_get (&self->events, id, 16)
                : NULL;
        if (!parcel)
            continue;
        Covey__Store__EventRow *row = &rows[page.n_rows];
        covey__store__event_row__init (row);
        row->event.data = (uint8_t *)parcel->bytes;
        row->event.len = parcel->size;
        list[page.n_rows++] = row;
    }
    size_t size = protobuf_c_message_get_packed_size (&page.base);
    uint8_t *packed = covey_mem_new (size);
    protobuf_c_message_pack (&page.base, packed);
    covey_event_t *response = covey_event_response (
        request, COVEY_SERVICE_PERSISTER, COVEY_CONTENT_BINARY, packed, size);
    covey_buf_t event;
    uint64_t ticket;
    covey_buf_init (&event, COVEY_EVENT_MAX);
    if (response && covey_event_pack (response, &event, NULL) == COVEY_OK)
        (void)covey_session_publish (agent->session, event.data, event.size,
                                     COVEY_LEVEL_ACCEPTED, 0, &ticket);
    covey_buf_deinit (&event);
    covey_event_destroy (&response);
    free (packed);
}

void
sim_store_on_request (sim_mesh_agent_t *agent, const void *data, size_t size)
{
    const sim_store_t *self = agent->store;
    covey_event_t *request = NULL;
    ProtobufCMessage *params = NULL;
    covey_content_t content;
    covey_errbuf_t err;
    if (covey_event_unpack (data, size, &request, &err) != COVEY_OK)
        return;
    size_t json_size;
    const char *json =
        covey_event_payload (request, "params", &content, &json_size);
    if (json && covey_json_read (&covey__store__event_query__descriptor, json,
                                 json_size, &params, &err) == COVEY_OK) {
        s_answer (agent, self, request, (Covey__Store__EventQuery *)params);
        protobuf_c_message_free_unpacked (params, NULL);
    }
    covey_event_destroy (&request);
}
