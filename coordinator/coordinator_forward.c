/*  From coordinator to coordinator: what is for the leader goes there, and what
    the log says to its other members.

    A request that is passed on is kept until the leader says that it has it.
    What happens then is the leader's: it answers the caller itself. Should it
    lead no more before that, it passes the request on in turn; should it be
    gone, the caller's node tells the caller, who asks again under the same id.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/coordinator_impl.h"
#include "proto/event.h"

void
covey_coordinator_say (covey_coordinator_t *self, const covey_id_t *node_id,
                       covey_control_kind_t kind, const void *data, size_t size)
{
    if (!self->session)
        return;
    uint8_t *item = covey_mem_new (size + 1);
    item[0] = (uint8_t)kind;
    memcpy (item + 1, data, size);
    Covey__Wire__Control header = COVEY__WIRE__CONTROL__INIT;
    header.node_id.data = (uint8_t *)node_id->bytes;
    header.node_id.len = sizeof node_id->bytes;
    covey_session_send_item (self->session, COVEY_FRAME_CONTROL, &header.base,
                             item, size + 1);
    free (item);
}

/* ---- what waits -------------------------------------------------------------
 */

const covey_id_t *
covey_coordinator_leader (const covey_coordinator_t *self)
{
    const covey_id_t *leader =
        self->replog ? covey_replog_leader (self->replog) : NULL;
    if (!leader &&
        !(self->replog && covey_coordinator_is_member (
                              self, covey_replog_member_id (self->replog)))) {
        /* One that is in no log goes by what its node says. */
        const covey_fellow_t *fellow = covey_fellows_in_charge (&self->fellows);
        leader = fellow && fellow->rank ? &fellow->node_id : NULL;
    }
    if (leader && covey_id_equal (leader->bytes, self->node_id.bytes))
        return NULL;
    return leader;
}

void
covey_coordinator_seek (covey_coordinator_t *self)
{
    bool is_missing =
        self->replog && !self->leads && !covey_replog_leader (self->replog) &&
        covey_coordinator_is_member (self,
                                     covey_replog_member_id (self->replog));
    if (!is_missing)
        self->leaderless_ms = 0;
    else if (!self->leaderless_ms)
        self->leaderless_ms = self->now_ms;
    bool stands_in =
        is_missing &&
        self->now_ms - self->leaderless_ms >=
            (self->election_ms ? self->election_ms : COVEY_REPLOG_ELECTION_MS);
    if (stands_in == self->stands_in)
        return;
    self->stands_in = stands_in;
    covey_coordinator_tell_rank (self);
}

void
covey_coordinator_wait (covey_coordinator_t *self,
                        covey_coordinator_item_t *item)
{
    item->send_ms = self->now_ms;
    covey_line_push (&self->waiting, item);
}

static void
s_pass_on (covey_coordinator_t *self, covey_coordinator_item_t *item,
           const covey_id_t *leader)
{
    covey_buf_t packed;
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    if (covey_event_pack (item->request, &packed, NULL) == COVEY_OK)
        covey_coordinator_say (self, leader, COVEY_CONTROL_REQUEST, packed.data,
                               packed.size);
    covey_buf_deinit (&packed);
    item->send_ms = self->now_ms + COVEY_COORDINATOR_RESEND_MS;
}

static void
s_give_up (covey_coordinator_t *self, covey_coordinator_item_t *item)
{
    char text[512];
    char members[96] = "no coordinator leads";
    size_t voters = covey_coordinator_voters (self);
    if (voters > 1)
        snprintf (members, sizeof members,
                  "no coordinator leads: %zu of the %zu are needed",
                  voters / 2 + 1, voters);
    if (covey_coordinator_is_in_charge (self))
        snprintf (members, sizeof members,
                  covey_postbox_has_backlog (&self->postbox)
                      ? "what was decided before is not told yet"
                      : "the coordinator has no room");
    else if (covey_coordinator_leader (self))
        snprintf (members, sizeof members,
                  "the coordinator that leads does not answer");
    snprintf (text, sizeof text, "%s%s", members,
              item->uncertain ? "; it is not known whether this was done: ask "
                                "again with the same request id"
                              : "; nothing was done, ask again");
    self->counters.refused++;
    covey_coordinator_refuse (self, item,
                              covey_coordinator_is_in_charge (self)
                                  ? COVEY_EAGAIN
                                  : COVEY_NOCOORDINATOR,
                              text);
}

void
covey_coordinator_forward (covey_coordinator_t *self)
{
    const covey_id_t *leader = covey_coordinator_leader (self);
    for (size_t left = self->waiting.count; left; left--) {
        covey_coordinator_item_t *item = covey_line_pop (&self->waiting);
        if (self->now_ms >= item->deadline_ms)
            s_give_up (self, item);
        else if (covey_coordinator_is_in_charge (self))
            covey_coordinator_route (self, item);
        else {
            if (leader && self->now_ms >= item->send_ms)
                s_pass_on (self, item, leader);
            covey_line_push (&self->waiting, item);
        }
    }
}

/* ---- what comes -------------------------------------------------------------
 */

/*  Somebody thinks that this one leads. If it does not, or has no room, it
    keeps silent: the other one says it again, and maybe to somebody else.    */
static void
s_on_request (covey_coordinator_t *self, const covey_id_t *from,
              const uint8_t *data, size_t size)
{
    covey_errbuf_t err;
    covey_event_t *request = NULL;
    if (!covey_coordinator_is_in_charge (self) ||
        covey_postbox_has_answers (&self->postbox) ||
        self->waiting.count >= COVEY_COORDINATOR_WAITING_MAX ||
        covey_event_check (data, size, &err) ||
        covey_event_unpack (data, size, &request, &err))
        return;
    if (covey_event_type (request) != COVEY_EVENT_REQUEST) {
        covey_event_destroy (&request);
        return;
    }
    covey_coordinator_say (self, from, COVEY_CONTROL_TAKEN,
                           covey_event_id (request), 16);
    covey_coordinator_take (self, request);
}

static void
s_on_taken (covey_coordinator_t *self, const uint8_t *event_id, size_t size)
{
    for (size_t left = size == 16 ? self->waiting.count : 0; left; left--) {
        covey_coordinator_item_t *item = covey_line_pop (&self->waiting);
        if (memcmp (covey_event_id (item->request), event_id, 16) == 0) {
            self->counters.forwarded++;
            covey_coordinator_item_destroy (&item);
        } else
            covey_line_push (&self->waiting, item);
    }
}

static void
s_on_bytes (covey_coordinator_t *self, const covey_id_t *from,
            const uint8_t *data, size_t size)
{
    switch (data[0]) {
        case COVEY_CONTROL_LOG:
            /* One that is not well-formed is counted there. */
            if (self->replog)
                (void)covey_replog_receive (self->replog, self->now_ms,
                                            data + 1, size - 1);
            return;
        case COVEY_CONTROL_REQUEST:
            s_on_request (self, from, data + 1, size - 1);
            return;
        case COVEY_CONTROL_TAKEN:
            s_on_taken (self, data + 1, size - 1);
            return;
        case COVEY_CONTROL_PRESENCE:
            covey_coordinator_heard (self, from, data + 1, size - 1);
            return;
        case COVEY_CONTROL_DISMISSAL:
            covey_coordinator_dismissed (self, data + 1, size - 1);
            return;
        case COVEY_CONTROL_HEIR:
            covey_coordinator_heir_named (self, from, data + 1, size - 1);
            return;
        default:
            return; /* of a newer version                                     */
    }
}

void
covey_coordinator_on_control (covey_coordinator_t *self,
                              const covey_frame_t *frame)
{
    Covey__Wire__Control *header = (Covey__Wire__Control *)covey_wire_unpack (
        &covey__wire__control__descriptor, frame->header, frame->header_size);
    covey_frame_t rest = *frame;
    const uint8_t *item;
    size_t size;
    if (header && header->node_id.len == sizeof (covey_id_t) &&
        covey_frame_next (&rest, &item, &size) == COVEY_OK && size) {
        covey_id_t from;
        memcpy (&from, header->node_id.data, sizeof from);
        s_on_bytes (self, &from, item, size);
    }
    if (header)
        protobuf_c_message_free_unpacked (&header->base, NULL);
}
