/*  Params of claims.                                                         */
#include <string.h>

#include "coordinator/check_impl.h"
#include "coordinator/claims.h"
#include "coordinator/glob.h"

static void
s_resources (covey_check_t *c, char *const *paths, size_t path_count,
             char *const *names, size_t name_count, bool needed)
{
    if (c->code)
        return;
    if (path_count + name_count > COVEY_CLAIM_RESOURCES_MAX)
        c->code =
            covey_fail (c->err, COVEY_LIMIT,
                        "paths and names have %zu entries, at most %d "
                        "are allowed",
                        path_count + name_count, COVEY_CLAIM_RESOURCES_MAX);
    else if (needed && path_count + name_count == 0)
        c->code = covey_fail (c->err, COVEY_INVALID,
                              "nothing is named: give paths or names");
    char glob[COVEY_GLOB_MAX + 1];
    for (size_t i = 0; i < path_count && !c->code; i++)
        c->code = covey_glob_read (paths[i], glob, c->err);
    covey_check_names (c, "names", names, name_count);
}

covey_err_t
covey_check_claim_acquire (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__ClaimAcquire *p =
        (const Covey__Control__ClaimAcquire *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "claimId", p->claim_id);
    s_resources (&c, p->paths, p->n_paths, p->names, p->n_names, true);
    if (p->has_ttl)
        covey_check_range (&c, "ttl", p->ttl, COVEY_CLAIM_TTL_MIN_MS,
                           COVEY_CLAIM_TTL_MAX_MS);
    if (p->has_wait)
        covey_check_range (&c, "wait", p->wait, 0, COVEY_CLAIM_WAIT_MAX_MS);
    covey_check_agent (&c, "holder", p->holder);
    covey_check_text (&c, "purpose", p->purpose, COVEY_NAME_MAX);
    covey_check_name (&c, "taskId", p->task_id);
    return c.code;
}

covey_err_t
covey_check_claim_renew (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__ClaimRenew *p =
        (const Covey__Control__ClaimRenew *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "claimId", p->claim_id);
    if (p->has_ttl)
        covey_check_range (&c, "ttl", p->ttl, COVEY_CLAIM_TTL_MIN_MS,
                           COVEY_CLAIM_TTL_MAX_MS);
    return c.code;
}

covey_err_t
covey_check_claim_release (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__ClaimRelease *p =
        (const Covey__Control__ClaimRelease *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "claimId", p->claim_id);
    s_resources (&c, p->paths, p->n_paths, p->names, p->n_names, !p->claim_id);
    covey_check_agent (&c, "holder", p->holder);
    covey_check_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    if (!c.code && p->claim_id && p->n_paths + p->n_names)
        return covey_fail (err, COVEY_INVALID,
                           "claimId and paths or names are given: one of them "
                           "says which claim is meant");
    if (!c.code && p->has_force && p->force && !(p->reason && *p->reason))
        return covey_fail (err, COVEY_INVALID,
                           "force takes a claim from its holder: give the "
                           "reason that the holder is told");
    return c.code;
}

covey_err_t
covey_check_claim_ref (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "claimId",
                      ((const Covey__Control__ClaimRef *)params)->claim_id);
    return c.code;
}

covey_err_t
covey_check_claim_check (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__ClaimCheck *p =
        (const Covey__Control__ClaimCheck *)params;
    covey_check_t c = {COVEY_OK, err};
    s_resources (&c, p->paths, p->n_paths, p->names, p->n_names, true);
    covey_check_agent (&c, "holder", p->holder);
    return c.code;
}

covey_err_t
covey_check_claim_query (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__ClaimQuery *p =
        (const Covey__Control__ClaimQuery *)params;
    covey_check_t c = {COVEY_OK, err};
    s_resources (&c, p->paths, p->n_paths, p->names, p->n_names, false);
    covey_check_agent (&c, "holder", p->holder);
    covey_check_name (&c, "after", p->after);
    return c.code;
}
