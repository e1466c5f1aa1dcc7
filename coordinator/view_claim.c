/*  What callers see of claims.                                               */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/view.h"
#include "proto/json.h"

/*  Obstacles that are shown; the rest stand behind these.                    */
#define OBSTACLES_MAX 16

typedef struct {
    Covey__Control__ClaimObstacle items[OBSTACLES_MAX];
    Covey__Control__ClaimObstacle *list[OBSTACLES_MAX];
    size_t count;
} s_obstacles_t;

static void
s_fill_obstacles (const covey_claim_obstacle_t *from, size_t count,
                  s_obstacles_t *to)
{
    to->count = 0;
    for (size_t i = 0; i < count && i < OBSTACLES_MAX; i++) {
        const covey_claim_entry_t *claim = from[i].claim;
        Covey__Control__ClaimObstacle *item = &to->items[i];
        covey__control__claim_obstacle__init (item);
        item->claim_id = claim->id;
        item->holder = claim->holder;
        item->state = (char *)covey_claim_state_name (claim->state);
        item->has_shared = claim->shared;
        item->shared = claim->shared;
        item->resource = from[i].resource->text;
        item->has_until = claim->state == COVEY_CLAIM_HELD;
        item->until = claim->timer.due_us;
        item->purpose = claim->purpose;
        item->task_id = claim->task_id;
        to->list[to->count++] = item;
    }
}

static void
s_fill_times (const covey_claim_entry_t *claim, Covey__Control__ClaimView *view)
{
    view->has_ttl = true;
    view->ttl = claim->ttl_ms;
    view->has_asked_at = true;
    view->asked_at = claim->asked_us;
    view->has_held_at = claim->token != 0;
    view->held_at = claim->held_us;
    view->has_lease_ends_at = claim->state == COVEY_CLAIM_HELD;
    view->lease_ends_at = claim->timer.due_us;
    view->has_wait_ends_at = claim->state == COVEY_CLAIM_WAITING;
    view->wait_ends_at = claim->wait_end_us;
    view->has_ended_at = !covey_claim_is_live (claim);
    view->ended_at = claim->ended_us;
}

static covey_err_t
s_claim (const covey_state_t *state, const covey_claim_entry_t *claim,
         covey_buf_t *to)
{
    Covey__Control__ClaimView view;
    covey__control__claim_view__init (&view);
    view.id = claim->id;
    view.state = (char *)covey_claim_state_name (claim->state);
    view.holder = claim->holder;
    view.has_shared = true;
    view.shared = claim->shared;
    view.has_fencing_token = claim->token != 0;
    view.fencing_token = claim->token;
    view.purpose = claim->purpose;
    view.task_id = claim->task_id;
    view.reason = claim->reason;
    s_fill_times (claim, &view);
    char **texts = covey_mem_new (2 * claim->count * sizeof *texts);
    view.paths = texts;
    view.names = texts + claim->count;
    for (size_t i = 0; i < claim->count; i++)
        if (claim->resources[i].is_path)
            view.paths[view.n_paths++] = claim->resources[i].text;
        else
            view.names[view.n_names++] = claim->resources[i].text;
    s_obstacles_t obstacles = {.count = 0};
    if (claim->state == COVEY_CLAIM_WAITING) {
        covey_claim_obstacle_t *list;
        size_t count =
            covey_claims_obstacles (&state->claims, claim, false, &list);
        s_fill_obstacles (list, count, &obstacles);
        free (list);
    }
    view.n_waits_for = obstacles.count;
    view.waits_for = obstacles.list;
    covey_err_t code = covey_json_write (&view.base, to);
    free (texts);
    return code;
}

covey_err_t
covey_state_claim (const covey_state_t *self, const char *claim_id,
                   covey_buf_t *to, covey_errbuf_t *err)
{
    const covey_claim_entry_t *claim =
        covey_claims_find (&self->claims, claim_id);
    if (!claim)
        return covey_fail (err, COVEY_NOTFOUND, "no claim %s", claim_id);
    return s_claim (self, claim, to);
}

/* ---- lists
 * --------------------------------------------------------------------- */

static int
s_key_seq (const void *key, const void *item)
{
    const uint64_t *seq = key;
    const covey_claim_entry_t *claim = item;
    return *seq < claim->seq ? -1 : *seq > claim->seq;
}

/*  Which states are meant; -1: those that live.                              */
static covey_err_t
s_state_number (const char *name, int *state_p, covey_errbuf_t *err)
{
    *state_p = -1;
    if (!name)
        return COVEY_OK;
    for (int i = COVEY_CLAIM_WAITING; i <= COVEY_CLAIM_EXPIRED; i++)
        if (strcmp (name, covey_claim_state_name ((covey_claim_state_t)i)) == 0)
            *state_p = i;
    return *state_p >= 0 ? COVEY_OK
                         : covey_fail (err, COVEY_INVALID,
                                       "state \"%s\" is none of waiting, held, "
                                       "released, expired",
                                       name);
}

static covey_err_t
s_list (const covey_state_t *self, const Covey__Control__ClaimQuery *query,
        const covey_claim_entry_t *like, covey_buf_t *to, covey_errbuf_t *err)
{
    int state;
    covey_err_t code = s_state_number (query->state, &state, err);
    if (code)
        return code;
    uint64_t after = 0;
    if (query->after) {
        const covey_claim_entry_t *claim =
            covey_claims_find (&self->claims, query->after);
        if (!claim)
            return covey_fail (err, COVEY_NOTFOUND,
                               "no claim %s to go on after", query->after);
        after = claim->seq;
    }
    const covey_tree_t *tree =
        state == COVEY_CLAIM_RELEASED || state == COVEY_CLAIM_EXPIRED
            ? &self->claims.ended
            : &self->claims.live;
    covey_view_list_t list;
    covey_view_list_begin (&list, "claims", query->has_limit ? query->limit : 0,
                           to);
    const char *last = NULL;
    for (covey_claim_entry_t *e = covey_tree_after (tree, &after, s_key_seq);
         e && !code; e = covey_tree_next (tree, e)) {
        if ((state >= 0 && (int)e->state != state) ||
            (query->holder && strcmp (e->holder, query->holder) != 0) ||
            (like && !covey_claims_meet (e, like)))
            continue;
        if (!covey_view_list_has_room (&list))
            break;
        last = e->id;
        code = s_claim (self, e, to);
    }
    return code ? code : covey_view_list_end (&list, last);
}

covey_err_t
covey_state_claims (const covey_state_t *self,
                    const Covey__Control__ClaimQuery *query, covey_buf_t *to,
                    covey_errbuf_t *err)
{
    covey_claim_entry_t *like = NULL;
    if (query->n_paths + query->n_names)
        like =
            covey_state_make_claim ("", "", false, query->paths, query->n_paths,
                                    query->names, query->n_names);
    covey_err_t code = s_list (self, query, like, to, err);
    covey_claim_entry_destroy (&like);
    return code;
}

/* ---- check
 * --------------------------------------------------------------------- */

covey_err_t
covey_state_check_claim (const covey_state_t *self, const char *caller,
                         const Covey__Control__ClaimCheck *check,
                         covey_buf_t *to, covey_errbuf_t *err)
{
    (void)err;
    const char *holder = check->holder ? check->holder : caller;
    covey_claim_entry_t *like = covey_state_make_claim (
        "", holder, check->has_shared && check->shared, check->paths,
        check->n_paths, check->names, check->n_names);
    covey_claim_obstacle_t *list;
    size_t count = covey_claims_obstacles (&self->claims, like, false, &list);
    Covey__Control__ClaimVerdict verdict = COVEY__CONTROL__CLAIM_VERDICT__INIT;
    verdict.free = true;
    for (size_t i = 0; i < count; i++)
        if (list[i].claim->state == COVEY_CLAIM_HELD)
            verdict.free = false;
    verdict.mine = false;
    for (covey_claim_entry_t *e = covey_claims_of (&self->claims, holder);
         e && !verdict.mine; e = covey_claims_of_next (&self->claims, e))
        verdict.mine =
            e->state == COVEY_CLAIM_HELD && covey_claims_meet (e, like);
    s_obstacles_t others;
    s_fill_obstacles (list, count, &others);
    verdict.n_others = others.count;
    verdict.others = others.list;
    covey_err_t code = covey_json_write (&verdict.base, to);
    free (list);
    covey_claim_entry_destroy (&like);
    return code;
}
