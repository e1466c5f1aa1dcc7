/*  Saved: the limits of the mesh.                                            */
#include "coordinator/limits.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"

void
covey_state_save_limits (const covey_state_t *self, covey_saver_t *to)
{
    Covey__Control__MeshLimits limits = COVEY__CONTROL__MESH_LIMITS__INIT;
    covey_limits_show (&self->limits, &limits);
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_LIMITS;
    record.limits = &limits;
    covey_saver_put (to, &record);
}

covey_err_t
covey_state_load_limits (covey_state_t *self,
                         const Covey__Snapshot__Record *record,
                         covey_errbuf_t *err)
{
    covey_errbuf_t why;
    if (covey_limits_check (record->limits, &why))
        return covey_fail (err, COVEY_CORRUPT, "the snapshot is damaged: %s",
                           why.text);
    covey_limits_set (&self->limits, record->limits);
    return COVEY_OK;
}
