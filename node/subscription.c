#include "node/subscription.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/mem.h"
#include "base/table.h"

#define TYPE_MAX 0xffff /* topics have two bytes for it */

/*  A sorted list of texts.                                                  */
typedef struct {
    char **texts;
    size_t count;
} text_set_t;

typedef struct {
    void *owner;
    uint32_t handle;
    bool observe;
    uint32_t priorities; /* bit set; 0: all                                   */
    int *types;
    size_t type_count; /* 0: all                                              */
    text_set_t sources;
    text_set_t targets;
    text_set_t correlation_ids;
    text_set_t session_ids;
    text_set_t tags; /* all must be there                                     */
} subscription_t;

/*  Subscriptions that want one type; type 0 has those that want all.        */
typedef struct {
    int type;
    subscription_t **list;
    size_t count;
    size_t capacity;
    size_t observers;
} bucket_t;

typedef struct {
    void *owner;
    subscription_t **list;
    size_t count;
    size_t capacity;
} owner_t;

struct covey_subscriptions {
    covey_subscription_need_fn *need;
    void *arg;
    covey_table_t buckets; /* type -> bucket_t                                */
    covey_table_t owners;  /* owner -> owner_t                                */
    size_t count;
};

covey_subscriptions_t *
covey_subscriptions_new (covey_subscription_need_fn *need, void *arg)
{
    assert (need);
    covey_subscriptions_t *self = covey_mem_new (sizeof *self);
    self->need = need;
    self->arg = arg;
    covey_table_init (&self->buckets);
    covey_table_init (&self->owners);
    return self;
}

/* ------------------------------------------------------------------------ */
/*  Sets of texts                                                            */

static int
s_compare (const void *a, const void *b)
{
    return strcmp (*(char *const *)a, *(char *const *)b);
}

static void
s_set_init (text_set_t *set, char **texts, size_t count)
{
    set->count = count;
    set->texts = covey_mem_new (count * sizeof *set->texts);
    for (size_t i = 0; i < count; i++)
        set->texts[i] = covey_str_dup (texts[i]);
    if (count)
        qsort (set->texts, count, sizeof *set->texts, s_compare);
}

static void
s_set_deinit (text_set_t *set)
{
    for (size_t i = 0; i < set->count; i++)
        free (set->texts[i]);
    free (set->texts);
}

static bool
s_set_has (const text_set_t *set, covey_slice_t slice)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const char *text = set->texts[middle];
        int order = strncmp (text, slice.text ? slice.text : "", slice.size);
        if (order == 0 && text[slice.size] != '\0')
            order = 1;
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* ------------------------------------------------------------------------ */
/*  One subscription                                                         */

static void
s_free_one (subscription_t *one)
{
    free (one->types);
    s_set_deinit (&one->sources);
    s_set_deinit (&one->targets);
    s_set_deinit (&one->correlation_ids);
    s_set_deinit (&one->session_ids);
    s_set_deinit (&one->tags);
    free (one);
}

static bool
s_matches (const subscription_t *one, const covey_peek_t *event)
{
    if (one->priorities &&
        (event->priority > 31 ||
         !(one->priorities & (UINT32_C (1) << event->priority))))
        return false;
    if (one->sources.count && !s_set_has (&one->sources, event->source))
        return false;
    if (one->correlation_ids.count &&
        !s_set_has (&one->correlation_ids, event->correlation_id))
        return false;
    if (one->session_ids.count &&
        !s_set_has (&one->session_ids, event->session_id))
        return false;
    for (size_t i = 0; i < one->tags.count; i++)
        if (!covey_peek_has_tag (event, one->tags.texts[i]))
            return false;
    if (!one->targets.count)
        return true;
    for (uint32_t i = 0; i < event->target_count; i++)
        if (s_set_has (&one->targets, covey_peek_target (event, i)))
            return true;
    return false;
}

static covey_err_t
s_check (const Covey__Wire__Subscribe *subscribe, covey_errbuf_t *err)
{
    if (subscribe->handle == 0)
        return covey_fail (err, COVEY_INVALID,
                           "subscription handle is 0, must be larger");
    const size_t counts[] = {
        subscribe->n_types,       subscribe->n_sources,
        subscribe->n_targets,     subscribe->n_correlation_ids,
        subscribe->n_session_ids, subscribe->n_tags,
        subscribe->n_priorities};
    const char *const names[] = {"types",          "sources",    "targets",
                                 "correlationIds", "sessionIds", "tags",
                                 "priorities"};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (counts[i] > COVEY_LIST_MAX)
            return covey_fail (err, COVEY_LIMIT,
                               "filter %s has %zu entries, at most %d are "
                               "allowed",
                               names[i], counts[i], COVEY_LIST_MAX);
    for (size_t i = 0; i < subscribe->n_types; i++)
        if (subscribe->types[i] == 0 || subscribe->types[i] > TYPE_MAX)
            return covey_fail (err, COVEY_INVALID,
                               "filter type %u is not an event type",
                               subscribe->types[i]);
    for (size_t i = 0; i < subscribe->n_priorities; i++)
        if (subscribe->priorities[i] > COVEY_PRIORITY_CRITICAL)
            return covey_fail (err, COVEY_INVALID,
                               "filter priority %u is not a priority",
                               subscribe->priorities[i]);
    return COVEY_OK;
}

static int
s_compare_int (const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static subscription_t *
s_make (void *owner, const Covey__Wire__Subscribe *from)
{
    subscription_t *one = covey_mem_new (sizeof *one);
    one->owner = owner;
    one->handle = from->handle;
    one->observe = from->observe || from->n_targets > 0;
    one->types = covey_mem_new (from->n_types * sizeof *one->types);
    for (size_t i = 0; i < from->n_types; i++)
        one->types[i] = (int)from->types[i];
    if (from->n_types)
        qsort (one->types, from->n_types, sizeof *one->types, s_compare_int);
    for (size_t i = 0; i < from->n_types; i++)
        if (i == 0 || one->types[i] != one->types[one->type_count - 1])
            one->types[one->type_count++] = one->types[i];
    for (size_t i = 0; i < from->n_priorities; i++)
        one->priorities |= UINT32_C (1) << from->priorities[i];
    s_set_init (&one->sources, from->sources, from->n_sources);
    s_set_init (&one->targets, from->targets, from->n_targets);
    s_set_init (&one->correlation_ids, from->correlation_ids,
                from->n_correlation_ids);
    s_set_init (&one->session_ids, from->session_ids, from->n_session_ids);
    s_set_init (&one->tags, from->tags, from->n_tags);
    return one;
}

/* ------------------------------------------------------------------------ */
/*  Lists                                                                    */

static void
s_list_add (subscription_t ***list_p, size_t *count, size_t *capacity,
            subscription_t *one)
{
    *list_p = covey_mem_room (*list_p, *count, capacity, sizeof **list_p);
    (*list_p)[(*count)++] = one;
}

static void
s_list_remove (subscription_t **list, size_t *count, const subscription_t *one)
{
    for (size_t i = 0; i < *count; i++)
        if (list[i] == one) {
            memmove (&list[i], &list[i + 1], (*count - i - 1) * sizeof list[0]);
            (*count)--;
            return;
        }
}

static bucket_t *
s_bucket (const covey_subscriptions_t *self, int type)
{
    return covey_table_get (&self->buckets, &type, sizeof type);
}

static void
s_bucket_add (covey_subscriptions_t *self, int type, subscription_t *one)
{
    bucket_t *bucket = s_bucket (self, type);
    if (!bucket) {
        bucket = covey_mem_new (sizeof *bucket);
        bucket->type = type;
        covey_table_put (&self->buckets, &bucket->type, sizeof bucket->type,
                         bucket);
    }
    s_list_add (&bucket->list, &bucket->count, &bucket->capacity, one);
    if (bucket->count == 1)
        self->need (self->arg, 'E', type, true);
    if (one->observe && ++bucket->observers == 1)
        self->need (self->arg, 'T', type, true);
}

static void
s_bucket_remove (covey_subscriptions_t *self, int type,
                 const subscription_t *one)
{
    bucket_t *bucket = s_bucket (self, type);
    s_list_remove (bucket->list, &bucket->count, one);
    if (one->observe && --bucket->observers == 0)
        self->need (self->arg, 'T', type, false);
    if (bucket->count)
        return;
    self->need (self->arg, 'E', type, false);
    covey_table_remove (&self->buckets, &type, sizeof type);
    free (bucket->list);
    free (bucket);
}

static void
s_index (covey_subscriptions_t *self, subscription_t *one)
{
    if (!one->type_count)
        s_bucket_add (self, 0, one);
    for (size_t i = 0; i < one->type_count; i++)
        s_bucket_add (self, one->types[i], one);
    self->count++;
}

static void
s_unindex (covey_subscriptions_t *self, const subscription_t *one)
{
    if (!one->type_count)
        s_bucket_remove (self, 0, one);
    for (size_t i = 0; i < one->type_count; i++)
        s_bucket_remove (self, one->types[i], one);
    self->count--;
}

static owner_t *
s_owner (const covey_subscriptions_t *self, const void *owner)
{
    return covey_table_get (&self->owners, &owner, sizeof owner);
}

/* ------------------------------------------------------------------------ */

void
covey_subscriptions_destroy (covey_subscriptions_t **self_p)
{
    covey_subscriptions_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    size_t cursor = 0;
    owner_t *owner;
    while ((owner = covey_table_next (&self->owners, &cursor))) {
        for (size_t i = 0; i < owner->count; i++)
            s_free_one (owner->list[i]);
        free (owner->list);
        free (owner);
    }
    cursor = 0;
    bucket_t *bucket;
    while ((bucket = covey_table_next (&self->buckets, &cursor))) {
        free (bucket->list);
        free (bucket);
    }
    covey_table_deinit (&self->owners);
    covey_table_deinit (&self->buckets);
    free (self);
}

static bool
s_has_handle (const owner_t *owner, uint32_t handle)
{
    for (size_t i = 0; i < owner->count; i++)
        if (owner->list[i]->handle == handle)
            return true;
    return false;
}

covey_err_t
covey_subscriptions_add (covey_subscriptions_t *self, void *owner_ptr,
                         const Covey__Wire__Subscribe *subscribe,
                         covey_errbuf_t *err)
{
    assert (owner_ptr);
    covey_err_t result = s_check (subscribe, err);
    if (result)
        return result;
    owner_t *owner = s_owner (self, owner_ptr);
    if (owner && owner->count >= COVEY_SUBSCRIPTION_MAX &&
        !s_has_handle (owner, subscribe->handle))
        return covey_fail (err, COVEY_LIMIT,
                           "%zu subscriptions, at most %d are allowed per "
                           "agent",
                           owner->count, COVEY_SUBSCRIPTION_MAX);
    subscription_t *one = s_make (owner_ptr, subscribe);
    s_index (self, one); /* first, so that needs do not flicker               */
    covey_subscriptions_remove (self, owner_ptr, subscribe->handle);
    owner = s_owner (self, owner_ptr);
    if (!owner) {
        owner = covey_mem_new (sizeof *owner);
        owner->owner = owner_ptr;
        covey_table_put (&self->owners, &owner->owner, sizeof owner->owner,
                         owner);
    }
    s_list_add (&owner->list, &owner->count, &owner->capacity, one);
    return COVEY_OK;
}

static void
s_drop_owner (covey_subscriptions_t *self, owner_t *owner)
{
    covey_table_remove (&self->owners, &owner->owner, sizeof owner->owner);
    free (owner->list);
    free (owner);
}

void
covey_subscriptions_remove (covey_subscriptions_t *self, void *owner_ptr,
                            uint32_t handle)
{
    owner_t *owner = s_owner (self, owner_ptr);
    for (size_t i = 0; owner && i < owner->count; i++) {
        subscription_t *one = owner->list[i];
        if (one->handle != handle)
            continue;
        s_unindex (self, one);
        s_list_remove (owner->list, &owner->count, one);
        s_free_one (one);
        if (!owner->count)
            s_drop_owner (self, owner);
        return;
    }
}

static bool
s_is_among (uint32_t handle, const uint32_t *handles, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (handles[i] == handle)
            return true;
    return false;
}

void
covey_subscriptions_remove_others (covey_subscriptions_t *self, void *owner_ptr,
                                   const uint32_t *handles, size_t count)
{
    const owner_t *owner = s_owner (self, owner_ptr);
    size_t i = owner ? owner->count : 0;
    /* From the end: the last removal takes the owner along. */
    while (i-- > 0) {
        uint32_t handle = owner->list[i]->handle;
        if (!s_is_among (handle, handles, count))
            covey_subscriptions_remove (self, owner_ptr, handle);
    }
}

void
covey_subscriptions_remove_all (covey_subscriptions_t *self, void *owner_ptr)
{
    owner_t *owner = s_owner (self, owner_ptr);
    if (!owner)
        return;
    for (size_t i = 0; i < owner->count; i++) {
        s_unindex (self, owner->list[i]);
        s_free_one (owner->list[i]);
    }
    s_drop_owner (self, owner);
}

size_t
covey_subscriptions_count (const covey_subscriptions_t *self)
{
    return self->count;
}

static void
s_match_bucket (const bucket_t *bucket, const covey_peek_t *event,
                bool observers, covey_subscription_fn *fn, void *arg)
{
    if (!bucket || (observers && !bucket->observers))
        return;
    for (size_t i = 0; i < bucket->count; i++) {
        const subscription_t *one = bucket->list[i];
        if ((!observers || one->observe) && s_matches (one, event))
            fn (arg, one->owner, one->handle);
    }
}

void
covey_subscriptions_match (const covey_subscriptions_t *self,
                           const covey_peek_t *event, bool observers,
                           covey_subscription_fn *fn, void *arg)
{
    if (!self->count)
        return;
    s_match_bucket (s_bucket (self, event->type), event, observers, fn, arg);
    s_match_bucket (s_bucket (self, 0), event, observers, fn, arg);
}

static void
s_each_in_bucket (const bucket_t *bucket, bool observers,
                  covey_subscription_fn *fn, void *arg)
{
    for (size_t i = 0; bucket && i < bucket->count; i++)
        if (!observers || bucket->list[i]->observe)
            fn (arg, bucket->list[i]->owner, bucket->list[i]->handle);
}

void
covey_subscriptions_interested (const covey_subscriptions_t *self, int type,
                                bool observers, covey_subscription_fn *fn,
                                void *arg)
{
    s_each_in_bucket (s_bucket (self, type), observers, fn, arg);
    s_each_in_bucket (s_bucket (self, 0), observers, fn, arg);
}

static bool
s_wants_type (const subscription_t *one, int type)
{
    if (!one->type_count)
        return true;
    return bsearch (&type, one->types, one->type_count, sizeof type,
                    s_compare_int) != NULL;
}

void
covey_subscriptions_match_owner (const covey_subscriptions_t *self,
                                 const void *owner_ptr,
                                 const covey_peek_t *event,
                                 covey_subscription_fn *fn, void *arg)
{
    const owner_t *owner = self->count ? s_owner (self, owner_ptr) : NULL;
    for (size_t i = 0; owner && i < owner->count; i++) {
        const subscription_t *one = owner->list[i];
        if (s_wants_type (one, event->type) && s_matches (one, event))
            fn (arg, one->owner, one->handle);
    }
}
