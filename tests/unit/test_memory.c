/*  memory: the store against a list of everything that was ever written      */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "coordinator/memory.h"

#define SEEDS 100
#define STEPS 400
#define KEYS 12
#define ENDED_MAX 3

static const covey_memory_limits_t s_wide = {.entries_max = 1000,
                                             .bytes_max = 1u << 30,
                                             .space_entries_max = 1000,
                                             .space_bytes_max = 1u << 30,
                                             .ended_max = ENDED_MAX};

/* ---- the model: every write, nothing is ever forgotten ----------------------
 */

typedef struct {
    char key[16];
    char value[16];
    char tags[2][4];
    size_t tag_count;
    bool is_stored;
    uint32_t history; /* of the key, from then on                             */
} s_model_write_t;

typedef struct {
    covey_memory_t memory;
    s_model_write_t writes[STEPS + 1]; /* by revision                         */
    uint64_t revision;
    covey_prng_t prng;
} s_run_t;

static bool
s_has_tag (const s_model_write_t *write, const char *tag)
{
    for (size_t i = 0; write->is_stored && i < write->tag_count; i++)
        if (strcmp (write->tags[i], tag) == 0)
            return true;
    return false;
}

/*  The last write of a key at a revision; 0: none.                          */
static uint64_t
s_last (const s_run_t *run, const char *key, uint64_t at)
{
    while (at && strcmp (run->writes[at].key, key) != 0)
        at--;
    return at;
}

static void
s_step (s_run_t *run)
{
    static const char *const spaces[] = {"", "a/", "b/", "ab/"};
    s_model_write_t *w = &run->writes[run->revision + 1];
    memset (w, 0, sizeof *w);
    snprintf (w->key, sizeof w->key, "%sk%u",
              spaces[covey_prng_below (&run->prng, 4)],
              (unsigned)covey_prng_below (&run->prng, KEYS / 4));
    uint64_t last = s_last (run, w->key, run->revision);
    bool is_live = last && run->writes[last].is_stored;
    w->is_stored = !is_live || covey_prng_below (&run->prng, 4) != 0;
    w->history = last ? run->writes[last].history : COVEY_MEMORY_HISTORY;
    covey_memory_write_t write = {
        .kind = w->is_stored ? COVEY_MEMORY_IS_STORED : COVEY_MEMORY_IS_DELETED,
        .owner = "ann",
        .author = "bob",
        .at_us = (int64_t)run->revision};
    char *tags[2];
    if (w->is_stored) {
        snprintf (w->value, sizeof w->value, "v%u", (unsigned)run->revision);
        w->tag_count = covey_prng_below (&run->prng, 3);
        for (size_t i = 0; i < w->tag_count; i++) {
            snprintf (w->tags[i], sizeof w->tags[i], "t%u",
                      (unsigned)covey_prng_below (&run->prng, 3));
            tags[i] = w->tags[i];
        }
        if (covey_prng_below (&run->prng, 5) == 0)
            w->history = write.history =
                1 + (uint32_t)covey_prng_below (&run->prng, 4);
        write.data = w->value;
        write.size = strlen (w->value);
        write.tags = tags;
        write.tag_count = w->tag_count;
    }
    assert_int_equal (
        covey_memory_check_room (&run->memory, w->key, &write, &s_wide, NULL),
        COVEY_OK);
    const covey_memory_version_t *v =
        covey_memory_write (&run->memory, w->key, &write);
    assert_int_equal (v->revision, ++run->revision);
    assert_int_equal (v->previous > 0 ? v->previous : last, last);
    covey_memory_trim (&run->memory, ENDED_MAX);
}

/* ---- what must hold ---------------------------------------------------------
 */

static void
s_check_list (const s_run_t *run, const char *prefix, const char *tag)
{
    const covey_memory_entry_t *entry =
        covey_memory_after (&run->memory, prefix, tag, NULL);
    size_t listed = 0, expected = 0;
    const char *last = "";
    for (; entry; listed++) {
        assert_true (listed == 0 || strcmp (last, entry->key) < 0);
        last = entry->key;
        uint64_t at = s_last (run, entry->key, run->revision);
        assert_int_equal (entry->latest->revision, at);
        assert_memory_equal (entry->latest->data, run->writes[at].value,
                             entry->latest->size);
        entry = covey_memory_next (&run->memory, entry, prefix, tag);
    }
    for (uint64_t r = 1; r <= run->revision; r++) {
        const s_model_write_t *w = &run->writes[r];
        expected += s_last (run, w->key, run->revision) == r && w->is_stored &&
                    strncmp (w->key, prefix, strlen (prefix)) == 0 &&
                    (!tag || s_has_tag (w, tag));
    }
    assert_int_equal (listed, expected);
}

/*  What is kept of a key: its last versions since it was deleted.           */
static void
s_check_history (const s_run_t *run, const covey_memory_entry_t *entry)
{
    uint64_t r = run->revision;
    uint32_t count = 0;
    for (const covey_memory_version_t *v = entry->latest; v; v = v->older) {
        r = s_last (run, entry->key, r);
        assert_int_equal (v->revision, r);
        assert_int_equal (v->kind == COVEY_MEMORY_IS_STORED,
                          run->writes[r].is_stored);
        assert_ptr_equal (covey_memory_at (entry, r), v);
        count++;
        r--;
    }
    assert_int_equal (count, entry->versions);
    assert_true (count <= entry->history || count == 1);
}

/*  A follower that begins anywhere behind the floor, and knows what was there
    then, knows what is there now.                                            */
static void
s_check_follower (s_run_t *run, const char *prefix, const char *tag)
{
    uint64_t floor = run->memory.floor;
    if (tag && run->memory.tag_floor > floor)
        floor = run->memory.tag_floor;
    uint64_t from =
        floor + covey_prng_below (&run->prng, run->revision - floor + 1);
    bool knows[STEPS + 1] = {false}; /* by revision                           */
    for (uint64_t r = 1; r <= from; r++) {
        const s_model_write_t *w = &run->writes[r];
        knows[r] = s_last (run, w->key, from) == r && w->is_stored &&
                   strncmp (w->key, prefix, strlen (prefix)) == 0 &&
                   (!tag || s_has_tag (w, tag));
    }
    const covey_memory_version_t *v =
        covey_memory_change_after (&run->memory, from);
    for (uint64_t last = from; v;
         v = covey_memory_change_after (&run->memory, last)) {
        assert_true (v->revision > last);
        last = v->revision;
        if (!covey_memory_concerns (v, prefix, tag))
            continue;
        for (uint64_t r = 1; r < last; r++)
            if (strcmp (run->writes[r].key, v->entry->key) == 0)
                knows[r] = false;
        knows[last] = v->kind == COVEY_MEMORY_IS_STORED &&
                      (!tag || covey_texts_has (&v->tags, tag));
    }
    for (uint64_t r = 1; r <= run->revision; r++) {
        const s_model_write_t *w = &run->writes[r];
        bool is = s_last (run, w->key, run->revision) == r && w->is_stored &&
                  strncmp (w->key, prefix, strlen (prefix)) == 0 &&
                  (!tag || s_has_tag (w, tag));
        if (is != knows[r])
            fail_msg ("revision %u of %s: %d is known as %d (from %u)",
                      (unsigned)r, w->key, is, knows[r], (unsigned)from);
    }
}

static void
s_check_totals (const s_run_t *run)
{
    size_t bytes = 0, entries = 0, kept = 0;
    const covey_tree_t *spaces = &run->memory.spaces;
    for (const covey_memory_space_t *s = covey_tree_first (spaces); s;
         s = covey_tree_next (spaces, s)) {
        bytes += s->bytes;
        entries += s->entries;
        kept += s->kept;
    }
    assert_int_equal (bytes, run->memory.bytes);
    assert_int_equal (entries, run->memory.entries.count);
    assert_int_equal (kept, entries + run->memory.ended.count);
    assert_int_equal (kept, run->memory.by_key.count);
    assert_true (run->memory.ended.count <= ENDED_MAX);
    size_t sum = 0;
    for (const covey_memory_version_t *v =
             covey_memory_change_after (&run->memory, 0);
         v; v = covey_memory_change_after (&run->memory, v->revision))
        sum += v->bytes;
    assert_int_equal (sum, bytes);
}

static void
test_lists_histories_and_followers_agree_with_all_writes (void **state)
{
    (void)state;
    static const char *const prefixes[] = {"", "a", "a/", "a/k1", "k", "zz"};
    static const char *const tags[] = {NULL, "t0", "t1", "t9"};
    s_run_t *run = calloc (1, sizeof *run);
    assert_non_null (run);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        memset (run, 0, sizeof *run);
        covey_prng_init (&run->prng, seed);
        covey_memory_init (&run->memory);
        for (int i = 0; i < STEPS; i++) {
            s_step (run);
            s_check_list (run, prefixes[i % 6], tags[i / 6 % 4]);
            s_check_follower (run, prefixes[i % 6], tags[i / 6 % 4]);
            const covey_memory_entry_t *entry = covey_memory_find_any (
                &run->memory, run->writes[run->revision].key);
            s_check_history (run, entry);
        }
        s_check_totals (run);
        covey_memory_deinit (&run->memory);
        assert_int_equal (run->memory.bytes, 0);
        assert_int_equal (run->memory.spaces.count, 0);
    }
    free (run);
}

/* ---- bounds -----------------------------------------------------------------
 */

static covey_err_t
s_put (covey_memory_t *memory, const covey_memory_limits_t *limits,
       const char *key, size_t size, covey_errbuf_t *err)
{
    char *value = calloc (1, size + 1);
    assert_non_null (value);
    covey_memory_write_t write = {
        .owner = "ann", .author = "ann", .data = value, .size = size};
    covey_err_t code =
        covey_memory_check_room (memory, key, &write, limits, err);
    if (!code)
        covey_memory_write (memory, key, &write);
    free (value);
    return code;
}

static void
test_totals_are_bounded_in_all_and_in_each_namespace (void **state)
{
    (void)state;
    covey_memory_t memory;
    covey_errbuf_t err;
    covey_memory_limits_t limits = {.entries_max = 3,
                                    .bytes_max = 20000,
                                    .space_entries_max = 2,
                                    .space_bytes_max = 12000,
                                    .ended_max = 10};
    covey_memory_init (&memory);
    assert_int_equal (s_put (&memory, &limits, "a/1", 1, &err), COVEY_OK);
    assert_int_equal (s_put (&memory, &limits, "a/2", 1, &err), COVEY_OK);
    assert_int_equal (s_put (&memory, &limits, "a/3", 1, &err), COVEY_LIMIT);
    assert_non_null (strstr (err.text, "namespace \"a\" has 2 keys"));
    assert_int_equal (s_put (&memory, &limits, "b", 1, &err), COVEY_OK);
    assert_int_equal (s_put (&memory, &limits, "c", 1, &err), COVEY_LIMIT);
    assert_non_null (strstr (err.text, "memoryEntries is 3"));
    /* the same key again, up to the bytes of its namespace, then of all */
    assert_int_equal (s_put (&memory, &limits, "a/1", 5000, &err), COVEY_OK);
    assert_int_equal (s_put (&memory, &limits, "a/1", 6000, &err), COVEY_LIMIT);
    assert_non_null (strstr (err.text, "namespaceBytes is 12000"));
    assert_int_equal (s_put (&memory, &limits, "b", 11000, &err), COVEY_OK);
    assert_int_equal (s_put (&memory, &limits, "a/2", 3000, &err), COVEY_LIMIT);
    assert_non_null (strstr (err.text, "memoryBytes is 20000"));
    /* what a write pushes out of the history makes room for it */
    for (int i = 0; i < COVEY_MEMORY_HISTORY; i++)
        assert_int_equal (s_put (&memory, &limits, "a/2", 1, &err), COVEY_OK);
    size_t bytes = limits.bytes_max = memory.bytes;
    for (int i = 0; i < 100; i++)
        assert_int_equal (s_put (&memory, &limits, "a/2", 1, &err), COVEY_OK);
    assert_int_equal (memory.bytes, bytes);
    covey_memory_deinit (&memory);
}

static void
test_a_saved_version_must_fit_to_those_before_it (void **state)
{
    (void)state;
    covey_memory_t memory;
    covey_memory_init (&memory);
    covey_memory_write_t write = {.owner = "ann", .author = "ann"};
    assert_non_null (
        covey_memory_restore (&memory, "k", &write, 5, 3, NULL, 0));
    assert_null (covey_memory_restore (&memory, "k", &write, 5, 5, NULL, 0));
    assert_null (covey_memory_restore (&memory, "k", &write, 7, 4, NULL, 0));
    assert_null (covey_memory_restore (&memory, "j", &write, 5, 0, NULL, 0));
    assert_non_null (
        covey_memory_restore (&memory, "k", &write, 7, 5, NULL, 0));
    assert_int_equal (covey_memory_find (&memory, "k")->versions, 2);
    covey_memory_deinit (&memory);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (
            test_lists_histories_and_followers_agree_with_all_writes),
        cmocka_unit_test (test_totals_are_bounded_in_all_and_in_each_namespace),
        cmocka_unit_test (test_a_saved_version_must_fit_to_those_before_it),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
