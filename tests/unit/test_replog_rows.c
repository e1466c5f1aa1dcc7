/*  replog_rows: entries in rows of the store, appended, cut at both ends and
    lost in crashes, beside a model; and what their sums tell apart           */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/prng.h"
#include "coordinator/replog_rows.h"
#include "tests/support/support_dir.h"

#define MODEL_MAX 1000

static char s_dir[SUPPORT_DIR_SIZE], s_path[96];

/*  What the store has to have: the entries from `first` on.                  */
typedef struct {
    covey_prng_t prng;
    covey_replog_store_t *store;
    uint64_t first, next;
    uint64_t terms[MODEL_MAX];
    uint64_t read; /* next one to be read                                     */
} s_model_t;

static covey_replog_store_t *
s_open (void)
{
    covey_replog_store_t *store = NULL;
    covey_errbuf_t err = {""};
    if (covey_replog_store_sqlite (s_path, &store, &err))
        fail_msg ("%s", err.text);
    return store;
}

static size_t
s_fill (uint64_t index, uint64_t term, char text[2000])
{
    size_t size = (size_t)(index * 7919 + term * 104729) % 2000;
    memset (text, (int)('a' + (index + term) % 26), size);
    return size;
}

static covey_err_t
s_on_model_entry (void *arg, const covey_replog_entry_t *entry,
                  covey_errbuf_t *err)
{
    s_model_t *model = arg;
    char text[2000];
    (void)err;
    assert_int_equal (entry->index, model->read);
    assert_int_equal (entry->term, model->terms[entry->index]);
    assert_int_equal (entry->kind, entry->index % 3);
    assert_int_equal (entry->size, s_fill (entry->index, entry->term, text));
    assert_memory_equal (entry->data, text, entry->size);
    model->read++;
    return COVEY_OK;
}

static covey_err_t
s_on_any_meta (void *arg, const covey_replog_meta_t *meta, covey_errbuf_t *err)
{
    (void)arg;
    (void)meta;
    (void)err;
    return COVEY_OK;
}

static void
s_expect_model (s_model_t *model)
{
    covey_errbuf_t err = {""};
    covey_replog_reader_t reader = {
        .arg = model, .meta = s_on_any_meta, .entry = s_on_model_entry};
    model->read = model->first;
    if (model->store->klass->read (model->store, &reader, &err))
        fail_msg ("%s", err.text);
    assert_int_equal (model->read, model->next);
}

static void
s_append_some (s_model_t *model, uint64_t term)
{
    covey_errbuf_t err;
    uint64_t count = covey_prng_below (&model->prng, 40);
    for (; count > 0 && model->next < MODEL_MAX; count--) {
        char text[2000];
        covey_replog_entry_t entry = {.index = model->next,
                                      .term = term,
                                      .kind = (uint8_t)(model->next % 3),
                                      .data = text};
        entry.size = s_fill (entry.index, term, text);
        assert_int_equal (
            model->store->klass->append (model->store, &entry, &err), COVEY_OK);
        model->terms[model->next++] = term;
    }
}

/*  One of all that can be done to entries.                                   */
static void
s_change (s_model_t *model, uint64_t turn)
{
    covey_errbuf_t err;
    bool more;
    const covey_replog_store_class_t *klass = model->store->klass;
    uint64_t count = model->next - model->first;
    uint64_t cut = model->first + covey_prng_below (&model->prng, count + 1);
    switch (covey_prng_below (&model->prng, 8)) {
        case 0:
            assert_int_equal (klass->truncate (model->store, cut, &err),
                              COVEY_OK);
            model->next = cut;
            break;
        case 1:
            assert_int_equal (klass->drop_head (model->store, cut, &more, &err),
                              COVEY_OK);
            assert_false (more);
            model->first = cut;
            break;
        case 2:
            s_expect_model (model);
            break;
        default:
            s_append_some (model, turn);
    }
}

static void
s_play_rows (uint64_t seed)
{
    s_model_t *model = covey_mem_new (sizeof *model), *kept;
    kept = covey_mem_new (sizeof *kept);
    model->first = model->next = 1;
    model->store = s_open ();
    covey_errbuf_t err;
    covey_prng_init (&model->prng, seed);
    *kept = *model;
    for (uint64_t turn = 1; turn <= 150 && model->next < MODEL_MAX; turn++) {
        s_change (model, turn);
        if (covey_prng_below (&model->prng, 2) == 0) {
            assert_int_equal (model->store->klass->commit (model->store, &err),
                              COVEY_OK);
            *kept = *model;
        }
        if (covey_prng_below (&model->prng, 10) == 0) {
            model->store->klass->close (&model->store);
            kept->prng = model->prng;
            *model = *kept;
            model->store = s_open ();
            s_expect_model (model);
        }
    }
    s_expect_model (model);
    model->store->klass->close (&model->store);
    free (model);
    free (kept);
    unlink (s_path);
}

static void
test_entries_are_cut_wherever_they_are (void **state)
{
    (void)state;
    support_dir_make (s_dir);
    snprintf (s_path, sizeof s_path, "%s/control.db", s_dir);
    for (uint64_t seed = 1; seed <= 4; seed++)
        s_play_rows (seed);
    support_dir_remove (s_dir);
}

/*  Whatever changes in one word, or in the size.                            */
static void
test_sums_tell_what_differs (void **state)
{
    (void)state;
    uint8_t bytes[40] = {0};
    uint64_t numbers[] = {7, 0, 1};
    for (size_t size = 0; size <= sizeof bytes; size++) {
        uint64_t sum = covey_replog_sum (numbers, 3, bytes, size);
        assert_true (sum == covey_replog_sum (numbers, 3, bytes, size));
        if (size < sizeof bytes)
            assert_true (sum != covey_replog_sum (numbers, 3, bytes, size + 1));
        for (size_t i = 0; i < size * 8; i++) {
            bytes[i / 8] ^= (uint8_t)(1 << i % 8);
            assert_true (sum != covey_replog_sum (numbers, 3, bytes, size));
            bytes[i / 8] ^= (uint8_t)(1 << i % 8);
        }
        for (size_t i = 0; i < 3; i++) {
            numbers[i]++;
            assert_true (sum != covey_replog_sum (numbers, 3, bytes, size));
            numbers[i]--;
        }
    }
}

/*  What is on disks stays readable: the layout and the sum do not change
    without another format.                                                   */
static void
test_a_row_is_what_it_was (void **state)
{
    (void)state;
    covey_buf_t row;
    covey_buf_init (&row, 1000);
    covey_replog_entry_t entry = {
        .index = 258, .term = 3, .kind = 2, .data = "123456789", .size = 9};
    covey_replog_row_add (&row, &entry);
    static const uint8_t expected[] = {
        3,    0,   0,   0,    0,    0,    0,    0,    2,    9,
        0,    0,   0,   0x3e, 0xd2, 0x8e, 0x15, 0x0c, 0xdb, 0xa9,
        0x87, '1', '2', '3',  '4',  '5',  '6',  '7',  '8',  '9'};
    assert_int_equal (row.size, sizeof expected);
    assert_memory_equal (row.data, expected, sizeof expected);
    covey_buf_deinit (&row);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_entries_are_cut_wherever_they_are),
        cmocka_unit_test (test_sums_tell_what_differs),
        cmocka_unit_test (test_a_row_is_what_it_was),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
