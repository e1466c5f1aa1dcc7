/*  Events for a node that is gone: back to their senders, or in doubt.

    What was sent and not acknowledged may have arrived. It is kept for a while,
    because the node may come back, and a new incarnation gets it again; when
    that one finds nobody to give it to, the former one may have, and so the
    sender is told that it may have arrived.                                  */
#include "node/hub.h"

#include <string.h>

#include "base/str.h"
#include "proto/event.h"

typedef struct {
    covey_hub_t *hub;
    bool all; /* else only requests                                           */
    const char *node;
} returns_t;

/*  The event in an item, and for whom it is; NULL: there is none. `*inner_p` is
    to be dropped.                                                            */
static const covey_parcel_t *
s_event (const covey_lane_item_t *item, covey_slice_t *target,
         covey_parcel_t **inner_p)
{
    const covey_parcel_t *parcel = item->parcel;
    *inner_p = NULL;
    if (item->kind == COVEY_ITEM_EVENT) {
        *target = parcel->view.first_target;
        return parcel;
    }
    if (item->kind == COVEY_ITEM_EVENT_FOR) {
        size_t skip = 1 + (size_t)parcel->bytes[0];
        *target = (covey_slice_t){.text = (const char *)parcel->bytes + 1,
                                  .size = parcel->bytes[0]};
        *inner_p = covey_parcel_new (parcel->bytes + skip, parcel->size - skip,
                                     NULL, 0);
    } else if (item->kind == COVEY_ITEM_EVENT_TRACKED)
        *inner_p = covey_hub_open_tracked (parcel->bytes, parcel->size, target);
    return *inner_p;
}

static bool
s_has_event (const covey_lane_item_t *item)
{
    return item->kind == COVEY_ITEM_EVENT ||
           item->kind == COVEY_ITEM_EVENT_FOR ||
           item->kind == COVEY_ITEM_EVENT_TRACKED;
}

/*  Its node is away. Only what never left is known not to have arrived; of a
    request nobody waits to know: it gets no answer.                          */
static void
s_return (const returns_t *returns, const covey_parcel_t *event,
          covey_slice_t target, bool was_sent)
{
    if (was_sent && event->view.type != COVEY_EVENT_REQUEST)
        covey_hub_undelivered (returns->hub, event, target, COVEY_TIMEOUT,
                               "node %s is gone and did not acknowledge this "
                               "event: it may have arrived",
                               returns->node);
    else
        covey_hub_undelivered (returns->hub, event, target, COVEY_NOAGENT,
                               "node %s is gone before it took this event",
                               returns->node);
}

static bool
s_take_back (void *arg, const covey_lane_item_t *item)
{
    const returns_t *returns = arg;
    covey_parcel_t *inner;
    covey_slice_t target;
    if (!s_has_event (item))
        return returns->all;
    const covey_parcel_t *event = s_event (item, &target, &inner);
    bool take =
        !event || returns->all || event->view.type == COVEY_EVENT_REQUEST;
    if (event && take) {
        covey_hub_drop (returns->hub, COVEY_DROP_PEER_FAILED);
        s_return (returns, event, target, item->was_sent);
    }
    covey_parcel_drop (&inner);
    return take;
}

void
covey_hub_return_events (covey_hub_peer_t *peer, bool all)
{
    returns_t returns = {
        .hub = peer->hub, .all = all, .node = peer->peer->name};
    if (peer->link)
        covey_link_take_back (peer->link, s_take_back, &returns);
}

/* ------------------------------------------------------------------------ */
/*  Doubts                                                                    */

static uint64_t
s_key (covey_slice_t target)
{
    return covey_str_hash (target.text, target.size);
}

/*  Takes nothing.                                                            */
static bool
s_doubt (void *arg, const covey_lane_item_t *item)
{
    covey_hub_t *self = arg;
    covey_parcel_t *inner = NULL;
    covey_slice_t target;
    const covey_parcel_t *event = item->was_sent && s_has_event (item)
                                      ? s_event (item, &target, &inner)
                                      : NULL;
    if (event)
        covey_recent_add (self->doubts, &event->view, s_key (target));
    covey_parcel_drop (&inner);
    return false;
}

void
covey_hub_doubt_events (covey_hub_peer_t *peer)
{
    covey_link_take_back (peer->link, s_doubt, peer->hub);
}

bool
covey_hub_is_in_doubt (covey_hub_t *self, covey_slice_t source,
                       const Covey__Wire__Undelivered *notice)
{
    covey_peek_t event = {.source = source};
    covey_slice_t target = {.text = notice->target,
                            .size = strlen (notice->target)};
    if (notice->code != COVEY_NOAGENT || notice->event_id.len != 16 ||
        notice->request_id)
        return false;
    event.id = notice->event_id.data;
    return covey_recent_has (self->doubts, &event, s_key (target));
}
