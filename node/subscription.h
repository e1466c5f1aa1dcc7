/*  subscription - who on this node wants which events

    Role      pure core: the subscriptions of all sessions, indexed by type, so
              that one event is held against few of them
    Memory    filters are copied
    Limits    COVEY_SUBSCRIPTION_MAX per owner; lists of at most COVEY_LIST_MAX
*/
#ifndef COVEY_SUBSCRIPTION_H_INCLUDED
#define COVEY_SUBSCRIPTION_H_INCLUDED

#include "base/err.h"
#include "proto/peek.h"
#include "proto/wire.pb-c.h"

#define COVEY_SUBSCRIPTION_MAX 1024

typedef struct covey_subscriptions covey_subscriptions_t;

/*  The node's needs follow from the subscriptions: `need` says that a topic
    begins or ends to matter. `type` 0: all types of that class ('E' or 'T'). */
typedef void (covey_subscription_need_fn) (void *arg, char class_byte, int type,
                                           bool needed);

covey_subscriptions_t *
covey_subscriptions_new (covey_subscription_need_fn *need, void *arg);
void covey_subscriptions_destroy (covey_subscriptions_t **self_p);

/*  `owner` is the session; a handle it used before is replaced. INVALID: the
    handle is 0 or a value is out of range; LIMIT: a list or the owner has too
    many entries.                                                             */
covey_err_t covey_subscriptions_add (covey_subscriptions_t *self, void *owner,
                                     const Covey__Wire__Subscribe *subscribe,
                                     covey_errbuf_t *err);
void covey_subscriptions_remove (covey_subscriptions_t *self, void *owner,
                                 uint32_t handle);
/*  All but those with these handles.                                        */
void covey_subscriptions_remove_others (covey_subscriptions_t *self,
                                        void *owner, const uint32_t *handles,
                                        size_t count);
void covey_subscriptions_remove_all (covey_subscriptions_t *self, void *owner);
size_t covey_subscriptions_count (const covey_subscriptions_t *self);

/*  `fn` for every subscription that the event matches; those of one owner do
    not necessarily come together. `observers`: only those that observe.      */
typedef void (covey_subscription_fn) (void *arg, void *owner, uint32_t handle);
void covey_subscriptions_match (const covey_subscriptions_t *self,
                                const covey_peek_t *event, bool observers,
                                covey_subscription_fn *fn, void *arg);
/*  The same for one owner; for an event that is targeted at it.             */
void covey_subscriptions_match_owner (const covey_subscriptions_t *self,
                                      const void *owner,
                                      const covey_peek_t *event,
                                      covey_subscription_fn *fn, void *arg);
/*  All that want events of the type, whatever else they filter by.          */
void covey_subscriptions_interested (const covey_subscriptions_t *self,
                                     int type, bool observers,
                                     covey_subscription_fn *fn, void *arg);

#endif
