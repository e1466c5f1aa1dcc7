/*  index: beside a sorted array, with keys that make it hard: long prefixes
   that are shared, keys inside keys, bytes above 127, the empty key */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/prng.h"
#include "coordinator/index.h"

#define KEY_MAX 120
#define MODEL_MAX 20000

typedef struct {
    int number;
    char key[KEY_MAX];
} s_item_t;

/*  What the index has to say, in order.                                      */
typedef struct {
    covey_prng_t prng;
    covey_index_t index;
    s_item_t *items[MODEL_MAX];
    size_t count;
} s_model_t;

static s_model_t *
s_new_model (uint64_t seed)
{
    s_model_t *self = covey_mem_new (sizeof *self);
    covey_prng_init (&self->prng, seed);
    covey_index_init (&self->index, offsetof (s_item_t, key));
    return self;
}

static size_t
s_below (s_model_t *self, size_t bound)
{
    return (size_t)covey_prng_below (&self->prng, bound);
}

/*  Keys that are before this one; is it the next?                            */
static size_t
s_place (const s_model_t *self, const char *key, bool *found_p)
{
    size_t low = 0, high = self->count;
    *found_p = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp (key, self->items[middle]->key);
        if (order == 0)
            *found_p = true;
        if (order <= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static const s_item_t *
s_at (const s_model_t *self, size_t at)
{
    return at < self->count ? self->items[at] : NULL;
}

static void
s_check_around (s_model_t *self, const char *key)
{
    bool found;
    size_t at = s_place (self, key, &found);
    assert_ptr_equal (covey_index_from (&self->index, key), s_at (self, at));
    assert_ptr_equal (covey_index_after (&self->index, key),
                      s_at (self, at + found));
}

static void
s_check_all (s_model_t *self)
{
    const s_item_t *item = covey_index_first (&self->index);
    assert_int_equal (self->index.count, self->count);
    for (size_t i = 0; i < self->count; i++) {
        assert_ptr_equal (item, self->items[i]);
        item = covey_index_next (&self->index, item);
    }
    assert_null (item);
    assert_int_equal (self->count == 0, self->index.root == NULL);
}

static void
s_insert (s_model_t *self, const char *key)
{
    bool found;
    size_t at = s_place (self, key, &found);
    s_item_t *item = covey_mem_new (sizeof *item);
    snprintf (item->key, sizeof item->key, "%s", key);
    assert_int_equal (covey_index_insert (&self->index, item), !found);
    if (found) {
        free (item);
        return;
    }
    assert_true (self->count < MODEL_MAX);
    memmove (&self->items[at + 1], &self->items[at],
             (self->count - at) * sizeof *self->items);
    self->items[at] = item;
    self->count++;
}

static void
s_remove (s_model_t *self, size_t at)
{
    s_item_t *item = self->items[at];
    covey_index_remove (&self->index, item);
    self->count--;
    memmove (&self->items[at], &self->items[at + 1],
             (self->count - at) * sizeof *self->items);
    free (item);
}

static void
s_end (s_model_t *self)
{
    while (self->count)
        s_remove (self, s_below (self, self->count));
    s_check_all (self);
    free (self);
}

/* ---- keys -------------------------------------------------------------------
 */

/*  As the shared memory has them.                                            */
static void
s_counted (s_model_t *self, char key[KEY_MAX])
{
    snprintf (key, KEY_MAX, "bench/%03zu/%08zu", s_below (self, 8),
              s_below (self, 3000));
}

/*  Few letters, so that many are the beginning of others; and the empty one. */
static void
s_nested (s_model_t *self, char key[KEY_MAX])
{
    static const char letters[] = {'a', 'b', '\x7f', '\x80', '\xff'};
    size_t size = s_below (self, 14);
    for (size_t i = 0; i < size; i++)
        key[i] = letters[s_below (self, sizeof letters)];
    key[size] = '\0';
}

/*  A few long stems, and what differs is far behind.                         */
static void
s_stemmed (s_model_t *self, char key[KEY_MAX])
{
    size_t stem = s_below (self, 4) * 30, size = s_below (self, 6);
    memset (key, 'x', stem);
    for (size_t i = 0; i < size; i++)
        key[stem + i] = (char)(1 + s_below (self, 255));
    key[stem + size] = '\0';
}

typedef void (s_key_fn) (s_model_t *self, char key[KEY_MAX]);
static s_key_fn *const s_kinds[] = {s_counted, s_nested, s_stemmed};

/* ---- tests ------------------------------------------------------------------
 */

/*  Grows to some thousand items, shrinks, grows, until it is empty.          */
static void
s_play (uint64_t seed, s_key_fn *make)
{
    s_model_t *model = s_new_model (seed);
    char key[KEY_MAX];
    for (int turn = 0; turn < 12000; turn++) {
        bool grows = turn % 6000 < 4000;
        make (model, key);
        s_check_around (model, key);
        if (s_below (model, 10) < (grows ? 8 : 1) || !model->count)
            s_insert (model, key);
        else
            s_remove (model, s_below (model, model->count));
        if (turn % 1000 == 0)
            s_check_all (model);
    }
    s_check_all (model);
    s_end (model);
}

static void
test_it_says_what_a_sorted_array_says (void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        for (size_t kind = 0; kind < sizeof s_kinds / sizeof *s_kinds; kind++)
            s_play (seed * 10 + kind, s_kinds[kind]);
}

static void
test_keys_may_come_and_go_in_any_order (void **state)
{
    (void)state;
    /* up or down; taken from the front, from the end, from the middle */
    for (int order = 0; order < 6; order++) {
        s_model_t *model = s_new_model (7);
        for (int i = 0; i < 5000; i++) {
            char key[KEY_MAX];
            snprintf (key, sizeof key, "k/%06d", order % 2 ? i : 5000 - i);
            s_insert (model, key);
        }
        s_check_all (model);
        while (model->count > 10)
            s_remove (model, order < 2   ? 0
                             : order < 4 ? model->count - 1
                                         : model->count / 2);
        s_check_all (model);
        s_end (model);
    }
}

static void
test_an_empty_one_says_so (void **state)
{
    (void)state;
    s_model_t *model = s_new_model (1);
    s_check_all (model);
    s_check_around (model, "");
    s_check_around (model, "a");
    s_insert (model, "");
    s_insert (model, "");
    s_check_around (model, "");
    s_check_around (model, "a");
    assert_int_equal (model->index.count, 1);
    s_end (model);
}

/*  Nothing but the order of calls decides about its shape, and what it takes
    is given back: the sanitizer looks.                                       */
static void
test_an_item_can_come_back (void **state)
{
    (void)state;
    s_model_t *model = s_new_model (1);
    for (int i = 0; i < 200; i++) {
        char key[KEY_MAX];
        snprintf (key, sizeof key, "key/%d", i);
        s_insert (model, key);
    }
    for (size_t i = 0; i < 200; i++) {
        s_item_t *item = model->items[i];
        covey_index_remove (&model->index, item);
        assert_ptr_equal (covey_index_from (&model->index, item->key),
                          s_at (model, i + 1));
        assert_true (covey_index_insert (&model->index, item));
        assert_false (covey_index_insert (&model->index, item));
    }
    s_check_all (model);
    s_end (model);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_it_says_what_a_sorted_array_says),
        cmocka_unit_test (test_keys_may_come_and_go_in_any_order),
        cmocka_unit_test (test_an_empty_one_says_so),
        cmocka_unit_test (test_an_item_can_come_back),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
