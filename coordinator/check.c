#include "coordinator/check_impl.h"

#include <string.h>

#include "base/str.h"
#include "coordinator/task.h"
#include "swarm/rule.h"

void
covey_check_text (covey_check_t *c, const char *field, const char *value,
                  size_t max)
{
    if (c->code || !value)
        return;
    size_t size = strlen (value);
    if (size > max)
        c->code = covey_fail (c->err, COVEY_LIMIT,
                              "%s has %zu bytes, at most %zu are allowed",
                              field, size, max);
}

void
covey_check_name (covey_check_t *c, const char *field, const char *value)
{
    covey_check_text (c, field, value, COVEY_NAME_MAX);
    if (!c->code && value && !*value)
        c->code = covey_fail (c->err, COVEY_INVALID, "%s is empty", field);
}

void
covey_check_agent (covey_check_t *c, const char *field, const char *value)
{
    if (c->code || !value)
        return;
    if (!covey_str_is_agent_id (value, strlen (value)))
        c->code = covey_fail (c->err, COVEY_INVALID,
                              "%s \"%.140s\" is not an agent id: 1 to %d bytes "
                              "of letters, digits and . _ : @ / -",
                              field, value, COVEY_AGENT_ID_MAX);
}

void
covey_check_names (covey_check_t *c, const char *field, char *const *items,
                   size_t count)
{
    if (!c->code && count > COVEY_LIST_MAX)
        c->code = covey_fail (c->err, COVEY_LIMIT,
                              "%s has %zu entries, at most %d are allowed",
                              field, count, COVEY_LIST_MAX);
    for (size_t i = 0; i < count && !c->code; i++)
        covey_check_name (c, field, items[i]);
}

void
covey_check_payload (covey_check_t *c, const char *field,
                     const Covey__V1__Payload *value)
{
    if (c->code || !value)
        return;
    if (value->data.len > COVEY_PAYLOAD_MAX)
        c->code = covey_fail (c->err, COVEY_LIMIT,
                              "%s has %zu bytes, at most %d are allowed", field,
                              value->data.len, COVEY_PAYLOAD_MAX);
}

void
covey_check_range (covey_check_t *c, const char *field, int64_t value,
                   int64_t min, int64_t max)
{
    if (!c->code && (value < min || value > max))
        c->code = covey_fail (c->err, COVEY_INVALID,
                              "%s is %lld, allowed are %lld to %lld", field,
                              (long long)value, (long long)min, (long long)max);
}

void
covey_check_real (covey_check_t *c, const char *field, double value, double min,
                  double max)
{
    if (!c->code && !(value >= min && value <= max))
        c->code =
            covey_fail (c->err, COVEY_INVALID, "%s is %g, allowed are %g to %g",
                        field, value, min, max);
}

static void
s_weight (covey_check_t *c, protobuf_c_boolean has, double value)
{
    uint64_t micro;
    if (!c->code && has)
        c->code = covey_weight_from (value, &micro, c->err);
}

covey_err_t
covey_check_swarm_form (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__SwarmForm *p =
        (const Covey__Control__SwarmForm *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "swarmId", p->swarm_id);
    covey_check_text (&c, "objective", p->objective, COVEY_TEXT_MAX);
    covey_check_name (&c, "strategy", p->strategy);
    covey_check_agent (&c, "leader", p->leader);
    if (p->n_members > COVEY_VOTERS_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "members has %zu entries, at most %d are allowed",
                           p->n_members, COVEY_VOTERS_MAX);
    for (size_t i = 0; i < p->n_members; i++) {
        covey_check_agent (&c, "members.agentId", p->members[i]->agent_id);
        s_weight (&c, p->members[i]->has_weight, p->members[i]->weight);
    }
    covey_check_names (&c, "tags", p->tags, p->n_tags);
    if (p->has_member_lease && p->member_lease != 0)
        covey_check_range (&c, "memberLease", p->member_lease,
                           COVEY_TASK_LEASE_MIN_MS, COVEY_TASK_LEASE_MAX_MS);
    return c.code;
}

covey_err_t
covey_check_swarm_member (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__SwarmMember *p =
        (const Covey__Control__SwarmMember *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "swarmId", p->swarm_id);
    covey_check_agent (&c, "agentId", p->agent_id);
    s_weight (&c, p->has_weight, p->weight);
    covey_check_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    return c.code;
}

covey_err_t
covey_check_swarm_ref (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__SwarmRef *p =
        (const Covey__Control__SwarmRef *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "swarmId", p->swarm_id);
    covey_check_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    return c.code;
}
