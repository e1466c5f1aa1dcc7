/*  Repairs of broadcasts for peers that missed some: from the replay ring; what
    is out of it from the outbox, or else from the persister's journal, by the
    ids that the ring remembers. One question per peer is under way at a time:
    a peer has one gap with this publisher at a time.                         */
#include "node/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "proto/event.h"
#include "proto/store.pb-c.h"

#define REPAIR_BYTES 1048576
#define REPAIR_EVENTS 4096
#define ERRAND_IDS 256 /* in one question */
#define ERRAND_MS 3000 /* the peer waits COVEY_INTAKE_WAIT_MS for an answer */

struct covey_hub_errand {
    char id[32]; /* of the request                                            */
    int64_t until_ms;
    uint32_t topic;
    uint64_t first; /* what the peer asked for                                */
    uint64_t last;
    uint64_t from; /* number of traces[0]                                     */
    covey_replay_trace_t traces[ERRAND_IDS];
    size_t count;
    /* by trace: what was found, borrowed while an answer is written          */
    ProtobufCBinaryData found[ERRAND_IDS];
};

/* ------------------------------------------------------------------------ */
/*  Answers                                                                  */

static void
s_answer (covey_hub_peer_t *peer, const Covey__Wire__Repair *repair)
{
    covey_hub_t *self = peer->hub;
    self->counters.repairs_served++;
    if (!peer->link ||
        covey_hub_push_raw (peer, COVEY_ITEM_REPAIR, &repair->base) != COVEY_OK)
        covey_hub_drop (self, COVEY_DROP_LINK_FULL);
}

static bool
s_add (Covey__Wire__Repair *repair, const void *bytes, size_t size,
       size_t *total)
{
    if (repair->n_events == REPAIR_EVENTS ||
        (repair->n_events && *total + size > REPAIR_BYTES))
        return false;
    repair->events[repair->n_events].data = (uint8_t *)bytes;
    repair->events[repair->n_events++].len = size;
    *total += size;
    return true;
}

/*  What the ring has of [first, last].                                      */
static void
s_answer_from_ring (covey_hub_peer_t *peer, uint32_t topic, uint64_t first,
                    uint64_t last)
{
    covey_hub_t *self = peer->hub;
    Covey__Wire__Repair repair = COVEY__WIRE__REPAIR__INIT;
    repair.topic = topic;
    repair.first = first;
    repair.last = last;
    repair.events = covey_mem_new (REPAIR_EVENTS * sizeof *repair.events);
    uint64_t from, to;
    size_t total = 0;
    if (covey_replay_range (self->replay, topic, first, last, &from, &to)) {
        repair.have_first = from;
        for (uint64_t seq = from; seq <= to; seq++) {
            const covey_parcel_t *parcel =
                covey_replay_get (self->replay, topic, seq);
            if (!s_add (&repair, parcel->bytes, parcel->size, &total))
                break;
            repair.have_last = seq;
        }
    }
    s_answer (peer, &repair);
    free (repair.events);
}

/*  The first run of what was found; the peer asks for the rest, and knows that
    what is before the run is lost. False: nothing was found.                 */
static bool
s_answer_from_journal (covey_hub_peer_t *peer,
                       const struct covey_hub_errand *errand)
{
    Covey__Wire__Repair repair = COVEY__WIRE__REPAIR__INIT;
    repair.topic = errand->topic;
    repair.first = errand->first;
    repair.last = errand->last;
    ProtobufCBinaryData events[ERRAND_IDS];
    repair.events = events;
    size_t at = 0, total = 0;
    while (at < errand->count && !errand->found[at].data)
        at++;
    if (at == errand->count)
        return false;
    repair.have_first = errand->from + at;
    for (; at < errand->count && errand->found[at].data; at++)
        if (!s_add (&repair, errand->found[at].data, errand->found[at].len,
                    &total))
            break;
    repair.have_last = repair.have_first + repair.n_events - 1;
    peer->hub->counters.repairs_stored += repair.n_events;
    s_answer (peer, &repair);
    return true;
}

/* ------------------------------------------------------------------------ */
/*  Questions to the persister                                               */

void
covey_hub_drop_errand (covey_hub_peer_t *peer)
{
    free (peer->errand);
    peer->errand = NULL;
}

static char *
s_params (const struct covey_hub_errand *errand)
{
    covey_buf_t json;
    covey_buf_init (&json, ERRAND_IDS * 40 + 64);
    covey_buf_printf (&json, "{\"limit\":%zu,\"ids\":[", errand->count);
    for (size_t i = 0; i < errand->count; i++) {
        char id[37];
        covey_id_text (errand->traces[i].id, id);
        covey_buf_printf (&json, "%s\"%s\"", i ? "," : "", id);
    }
    covey_buf_puts (&json, "]}");
    char *text = json.failed ? NULL : covey_buf_steal (&json);
    covey_buf_deinit (&json);
    return text;
}

static bool
s_ask (covey_hub_t *self, struct covey_hub_errand *errand)
{
    snprintf (errand->id, sizeof errand->id, "repair-%llx",
              (unsigned long long)covey_prng_next (&self->prng));
    errand->until_ms = self->now_ms + ERRAND_MS;
    char *params = s_params (errand);
    if (!params)
        return false;
    covey_event_t *request =
        covey_event_request (self->source, COVEY_SERVICE_PERSISTER, errand->id,
                             "mesh.events", params, ERRAND_MS);
    free (params);
    return request && covey_hub_publish_event (self, &request) == COVEY_OK;
}

/*  What was not handed over to the persister yet is in the outbox.          */
static bool
s_find_in_outbox (const covey_hub_t *self, struct covey_hub_errand *errand)
{
    bool all = true;
    for (size_t i = 0; i < errand->count; i++) {
        const covey_parcel_t *parcel =
            covey_outbox_get (self->outbox, errand->traces[i].origin_seq);
        errand->found[i] = (ProtobufCBinaryData){0};
        if (parcel && parcel->view.id &&
            covey_id_equal (parcel->view.id, errand->traces[i].id))
            errand->found[i] = (ProtobufCBinaryData){
                .data = (uint8_t *)parcel->bytes, .len = parcel->size};
        else
            all = false;
    }
    return all;
}

/*  From number `from` on. False: the journal cannot help.                   */
static bool
s_run_errand (covey_hub_peer_t *peer, uint32_t topic, uint64_t first,
              uint64_t last, uint64_t from)
{
    covey_hub_t *self = peer->hub;
    covey_hub_drop_errand (peer);
    struct covey_hub_errand *errand = covey_mem_new (sizeof *errand);
    errand->topic = topic;
    errand->first = first;
    errand->last = last;
    errand->count =
        covey_replay_trail (self->replay, topic, from, last, errand->traces,
                            ERRAND_IDS, &errand->from);
    bool under_way = false;
    bool done = errand->count && s_find_in_outbox (self, errand) &&
                s_answer_from_journal (peer, errand);
    if (!done && errand->count && self->has_persister)
        under_way = s_ask (self, errand);
    /* A persister here may have answered meanwhile? It has a thread of its
       own: not before this returns. */
    if (under_way)
        peer->errand = errand;
    else
        free (errand);
    return done || under_way;
}

void
covey_hub_serve_repair (covey_hub_t *self, covey_hub_peer_t *peer,
                        const uint8_t *data, size_t size)
{
    Covey__Wire__RepairRequest *request =
        (Covey__Wire__RepairRequest *)covey_wire_unpack (
            &covey__wire__repair_request__descriptor, data, size);
    if (!request) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    uint64_t from = 0, to;
    bool here = covey_replay_range (self->replay, request->topic,
                                    request->first, request->last, &from, &to);
    if ((here && from == request->first) ||
        !s_run_errand (peer, request->topic, request->first, request->last,
                       request->first))
        s_answer_from_ring (peer, request->topic, request->first,
                            request->last);
    protobuf_c_message_free_unpacked (&request->base, NULL);
}

/* ------------------------------------------------------------------------ */
/*  The persister's answers                                                  */

static covey_hub_peer_t *
s_find_errand (const covey_hub_t *self, const char *request_id)
{
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        covey_hub_peer_t *peer =
            covey_membership_at (self->membership, i)->shell;
        if (peer && peer->errand && strcmp (peer->errand->id, request_id) == 0)
            return peer;
    }
    return NULL;
}

/*  Rows that came in parts are too large for a repair.                      */
static void
s_take_rows (struct covey_hub_errand *errand,
             const Covey__Store__EventPage *page)
{
    for (size_t r = 0; r < page->n_rows; r++) {
        const Covey__Store__EventRow *row = page->rows[r];
        covey_peek_t view;
        if (row->has_event_size ||
            covey_peek (row->event.data, row->event.len, &view) != COVEY_OK ||
            !view.id)
            continue;
        for (size_t i = 0; i < errand->count; i++)
            if (!errand->found[i].data &&
                covey_id_equal (errand->traces[i].id, view.id))
                errand->found[i] = row->event;
    }
}

/*  With or without rows: answer the peer, or go on behind what is lost.     */
static void
s_finish_errand (covey_hub_peer_t *peer, const Covey__Store__EventPage *page)
{
    covey_hub_t *self = peer->hub;
    struct covey_hub_errand *errand = peer->errand;
    peer->errand = NULL;
    (void)s_find_in_outbox (self, errand);
    if (page)
        s_take_rows (errand, page);
    uint64_t next = errand->from + errand->count;
    if (!s_answer_from_journal (peer, errand) &&
        !(page && next <= errand->last &&
          s_run_errand (peer, errand->topic, errand->first, errand->last,
                        next)))
        s_answer_from_ring (peer, errand->topic, errand->first, errand->last);
    free (errand);
}

void
covey_hub_on_rows (covey_hub_t *self, const covey_event_t *response)
{
    covey_hub_peer_t *peer =
        s_find_errand (self, covey_event_str (response, "requestId"));
    if (!peer)
        return; /* too late, or the peer is gone                              */
    covey_content_t content;
    size_t size;
    const char *result =
        covey_event_payload (response, "result", &content, &size);
    Covey__Store__EventPage *page = NULL;
    if (covey_event_bool (response, "success") && result &&
        content == COVEY_CONTENT_BINARY)
        page = (Covey__Store__EventPage *)covey_wire_unpack (
            &covey__store__event_page__descriptor, result, size);
    s_finish_errand (peer, page);
    if (page)
        protobuf_c_message_free_unpacked (&page->base, NULL);
}

void
covey_hub_tick_errand (covey_hub_peer_t *peer)
{
    if (peer->errand && peer->hub->now_ms >= peer->errand->until_ms)
        s_finish_errand (peer, NULL);
}
