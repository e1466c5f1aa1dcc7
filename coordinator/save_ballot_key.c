/*  Saved: the keys by which agents sign their ballots.                       */
#include <string.h>

#include "base/str.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"

void
covey_state_save_ballot_keys (const covey_state_t *self, covey_saver_t *to)
{
    for (covey_key_entry_t *e = covey_tree_first (&self->ballot_keys); e;
         e = covey_tree_next (&self->ballot_keys, e)) {
        Covey__Snapshot__BallotKey message = COVEY__SNAPSHOT__BALLOT_KEY__INIT;
        message.agent_id = e->agent_id;
        message.public_key =
            (ProtobufCBinaryData){sizeof e->public_key, e->public_key};
        Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
        record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_BALLOT_KEY;
        record.ballot_key = &message;
        covey_saver_put (to, &record);
    }
}

covey_err_t
covey_state_load_ballot_key (covey_state_t *self,
                             const Covey__Snapshot__Record *record,
                             covey_errbuf_t *err)
{
    const Covey__Snapshot__BallotKey *from = record->ballot_key;
    if (from->public_key.len != COVEY_PUBLIC_KEY_SIZE ||
        !covey_str_is_agent_id (from->agent_id, strlen (from->agent_id)) ||
        covey_state_find_ballot_key (self, from->agent_id))
        return covey_fail (err, COVEY_CORRUPT,
                           "the snapshot is damaged: key of %.140s",
                           from->agent_id);
    covey_state_add_ballot_key (self, from->agent_id, from->public_key.data);
    return COVEY_OK;
}
