/*  Commands about the mesh itself.                                           */
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

/*  Limits are a person's business, as an agent's task it would be its own
    judge.                                                                    */
covey_err_t
covey_state_on_limits (covey_state_t *self,
                       const Covey__Control__MeshLimits *wanted)
{
    const char *caller = covey_state_caller (self);
    if (covey_registry_find_up (&self->registry, caller))
        return covey_fail (self->err, COVEY_DENIED,
                           "agent %s cannot set the mesh's limits: a person "
                           "does, with covey limits",
                           caller);
    covey_limits_set (&self->limits, wanted);
    covey_fact_limits (self);
    self->show = COVEY_SHOW_LIMITS;
    return COVEY_OK;
}
