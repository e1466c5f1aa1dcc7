/*  Params of roles.                                                          */
#include "coordinator/check_impl.h"
#include "coordinator/roles.h"

covey_err_t
covey_check_role_claim (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__RoleClaim *p =
        (const Covey__Control__RoleClaim *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "role", p->role);
    covey_check_agent (&c, "node", p->node);
    covey_check_name (&c, "name", p->name);
    if (p->has_ttl)
        covey_check_range (&c, "ttl", p->ttl, COVEY_ROLE_TTL_MIN_MS,
                           COVEY_ROLE_TTL_MAX_MS);
    return c.code;
}

covey_err_t
covey_check_role_release (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__RoleRelease *p =
        (const Covey__Control__RoleRelease *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "role", p->role);
    covey_check_agent (&c, "node", p->node);
    return c.code;
}
