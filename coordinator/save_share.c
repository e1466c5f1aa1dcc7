/*  Saved: whose turn it is at each priority.                                 */
#include <string.h>

#include "coordinator/save.h"
#include "coordinator/state_impl.h"

static void
s_put (uint32_t priority, const char *key, uint64_t time, bool ready,
       covey_saver_t *to)
{
    Covey__Snapshot__Share message = COVEY__SNAPSHOT__SHARE__INIT;
    message.priority = priority;
    message.key = (char *)(uintptr_t)key;
    message.time = time;
    message.ready = ready;
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_SHARE;
    record.share = &message;
    covey_saver_put (to, &record);
}

void
covey_state_save_shares (const covey_state_t *self, covey_saver_t *to)
{
    const covey_shares_t *shares = &self->scheduler.shares;
    for (uint32_t i = 0; i < COVEY_SHARE_PRIORITIES; i++)
        if (shares->now[i])
            s_put (i, NULL, shares->now[i], false, to);
    for (const covey_share_t *share = covey_tree_first (&shares->all); share;
         share = covey_tree_next (&shares->all, share))
        s_put (share->priority, share->key, share->time, share->ready > 0, to);
}

covey_err_t
covey_state_load_share (covey_state_t *self,
                        const Covey__Snapshot__Record *record,
                        covey_errbuf_t *err)
{
    const Covey__Snapshot__Share *from = record->share;
    covey_shares_t *shares = &self->scheduler.shares;
    bool good =
        from->priority < COVEY_SHARE_PRIORITIES && from->time <= UINT64_MAX / 2;
    if (good && !from->key)
        shares->now[from->priority] = from->time;
    else if (good)
        good = covey_shares_restore (shares, from->priority, from->key,
                                     from->time, from->ready) != NULL;
    return good ? COVEY_OK
                : covey_fail (err, COVEY_CORRUPT,
                              "the snapshot is damaged: a share at priority %u",
                              from->priority);
}
