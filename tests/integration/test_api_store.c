/*  Receipts, queries, statistics and following, live and from the folder     */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "tests/support/support_api.h"
#include "tests/support/support_dir.h"

static char folder[SUPPORT_DIR_SIZE];
static covey_node_t *node;
static covey_agent_t *agent;

static int
s_setup (void **state)
{
    (void)state;
    support_dir_make (folder);
    node = covey_node_new ("store");
    expect_ok (covey_node_set (node, "listen", "127.0.0.1:0"));
    expect_ok (covey_node_set (node, "data", folder));
    expect_ok (covey_node_start (node, SUPPORT_WAIT_MS));
    agent = covey_agent_new ("writer", "worker");
    expect_ok (covey_agent_attach (agent, node, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_start (agent));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    covey_agent_destroy (&agent);
    covey_node_destroy (&node);
    support_dir_remove (folder);
    return 0;
}

static covey_event_t *
s_note (const char *tag, int number)
{
    char text[16];
    snprintf (text, sizeof text, "%d", number);
    covey_event_t *event = covey_event_new (COVEY_EVENT_SYSTEM_INFO);
    expect_ok (covey_event_set_str (event, "component", "test"));
    expect_ok (covey_event_set_str (event, "message", text));
    expect_ok (covey_event_add_tag (event, tag));
    return event;
}

typedef struct {
    int numbers[5000];
    int64_t offsets[5000];
    int count;
} rows_t;

static covey_err_t
s_collect_event (const covey_event_t *event, void *arg)
{
    rows_t *rows = arg;
    rows->offsets[rows->count] = covey_event_offset (event);
    rows->numbers[rows->count++] =
        (int)strtol (covey_event_str (event, "message"), NULL, 10);
    return COVEY_OK;
}

static covey_err_t
s_collect (covey_agent_t *self, const covey_event_t *event, void *arg)
{
    (void)self;
    return s_collect_event (event, arg);
}

static void
receipt_names_the_level_and_the_offset (void **state)
{
    (void)state;
    covey_event_t *event = s_note ("receipt", 1);
    uint8_t id[16];
    memcpy (id, covey_event_id (event), 16);
    covey_receipt_t receipt;
    expect_ok (covey_agent_publish (agent, &event, COVEY_LEVEL_STORED,
                                    SUPPORT_WAIT_MS, &receipt));
    assert_true (receipt.level >= COVEY_LEVEL_STORED);
    assert_true (receipt.offset > 0);
    assert_memory_equal (receipt.id, id, 16);

    const uint8_t (*ids)[16] = (const uint8_t (*)[16])id;
    covey_filter_t filter = {.ids = ids, .id_count = 1};
    rows_t *rows = calloc (1, sizeof *rows);
    expect_ok (
        covey_agent_query (agent, &filter, SUPPORT_WAIT_MS, s_collect, rows));
    assert_int_equal (rows->count, 1);
    assert_int_equal (rows->offsets[0], receipt.offset);
    free (rows);
}

static covey_err_t
s_count_up (covey_agent_t *self, const covey_event_t *event, void *arg)
{
    (void)self;
    (void)event;
    ++*(int *)arg;
    return COVEY_OK;
}

/*  What the operator does not want kept is neither stored nor waits for it,
    and nothing promises that it were.                                        */
static void
type_that_is_not_kept_has_no_receipt (void **state)
{
    (void)state;
    covey_node_t *other = covey_node_new ("forgetful");
    expect_ok (covey_node_set (other, "listen", "127.0.0.1:0"));
    expect_ok (covey_node_set (other, "persist-all", "false"));
    expect_ok (covey_node_set (other, "persist-types", "task:progress"));
    expect_ok (covey_node_start (other, SUPPORT_WAIT_MS));
    covey_agent_t *teller = covey_agent_new ("teller", "worker");
    expect_ok (covey_agent_attach (teller, other, SUPPORT_WAIT_MS));
    covey_event_t *event = s_note ("n", 1);
    expect_code (covey_agent_publish (teller, &event, COVEY_LEVEL_STORED,
                                      SUPPORT_WAIT_MS, NULL),
                 INVALID);
    assert_non_null (strstr (covey_error (), "persist-types"));
    event = s_note ("n", 2);
    expect_ok (covey_agent_publish (teller, &event, COVEY_LEVEL_ACCEPTED,
                                    SUPPORT_WAIT_MS, NULL));
    event = covey_event_new (COVEY_EVENT_TASK_PROGRESS);
    expect_ok (covey_event_set_str (event, "taskId", "t"));
    expect_ok (covey_event_set_num (event, "progress", 50));
    expect_ok (covey_event_set_str (event, "status", "half"));
    covey_receipt_t receipt;
    expect_ok (covey_agent_publish (teller, &event, COVEY_LEVEL_STORED,
                                    SUPPORT_WAIT_MS, &receipt));
    const char *sources[] = {"teller"};
    covey_filter_t filter = {.sources = sources, .source_count = 1};
    int kept = 0;
    expect_ok (covey_agent_query (teller, &filter, SUPPORT_WAIT_MS, s_count_up,
                                  &kept));
    assert_int_equal (kept, 1);
    covey_agent_destroy (&teller);
    covey_node_destroy (&other);
}

static void
query_pages_through_any_number (void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        covey_event_t *event = s_note ("pages", i);
        expect_ok (covey_agent_post (agent, &event));
    }
    expect_ok (covey_agent_flush (agent, COVEY_LEVEL_STORED, SUPPORT_WAIT_MS));
    const char *tags[] = {"pages"};
    covey_filter_t filter = {.tags = tags, .tag_count = 1, .limit = 10000};
    rows_t *rows = calloc (1, sizeof *rows);
    expect_ok (
        covey_agent_query (agent, &filter, SUPPORT_WAIT_MS, s_collect, rows));
    assert_int_equal (rows->count, 3000);
    for (int i = 0; i < 3000; i++)
        assert_int_equal (rows->numbers[i], i);

    rows->count = 0;
    filter.newest_first = true;
    filter.limit = 2500;
    filter.skip = 10;
    expect_ok (
        covey_agent_query (agent, &filter, SUPPORT_WAIT_MS, s_collect, rows));
    assert_int_equal (rows->count, 2500);
    assert_int_equal (rows->numbers[0], 2989);
    assert_int_equal (rows->numbers[2499], 490);

    rows->count = 0;
    filter = (covey_filter_t){.tags = tags, .tag_count = 1};
    expect_ok (
        covey_agent_query (agent, &filter, SUPPORT_WAIT_MS, s_collect, rows));
    assert_int_equal (rows->count, 100);
    free (rows);
}

static covey_err_t
s_stop_at_third (covey_agent_t *self, const covey_event_t *event, void *arg)
{
    (void)self;
    (void)event;
    return ++*(int *)arg == 3 ? COVEY_CANCELED : COVEY_OK;
}

static void
error_of_the_callback_ends_the_query (void **state)
{
    (void)state;
    int calls = 0;
    covey_filter_t filter = {.limit = 100};
    assert_int_equal (covey_agent_query (agent, &filter, SUPPORT_WAIT_MS,
                                         s_stop_at_third, &calls),
                      COVEY_CANCELED);
    assert_int_equal (calls, 3);
}

static void
follow_waits_for_the_next_event (void **state)
{
    (void)state;
    const char *tags[] = {"follow"};
    covey_event_t *event = s_note ("other", 0);
    covey_receipt_t receipt;
    expect_ok (covey_agent_publish (agent, &event, COVEY_LEVEL_STORED,
                                    SUPPORT_WAIT_MS, &receipt));
    covey_filter_t filter = {
        .tags = tags, .tag_count = 1, .after_offset = receipt.offset};
    rows_t *rows = calloc (1, sizeof *rows);
    int64_t offset = -1;
    expect_code (
        covey_agent_follow (agent, &filter, 50, s_collect, rows, &offset),
        TIMEOUT);
    for (int i = 0; i < 3; i++) {
        event = s_note ("follow", i);
        expect_ok (covey_agent_post (agent, &event));
        expect_ok (covey_agent_follow (agent, &filter, SUPPORT_WAIT_MS,
                                       s_collect, rows, &offset));
        assert_int_equal (rows->count, i + 1);
        assert_int_equal (rows->numbers[i], i);
        assert_true (offset >= rows->offsets[i]);
        filter.after_offset = offset;
    }
    free (rows);
}

static long long
s_count_of (const char *json, const char *key, const char *value)
{
    json_t *rows = json_loads (json, 0, NULL);
    assert_true (json_is_array (rows));
    long long count = -1;
    size_t i;
    json_t *row;
    json_array_foreach (rows, i, row)
    {
        const char *text = json_string_value (json_object_get (row, key));
        if (text && strcmp (text, value) == 0)
            count = json_integer_value (json_object_get (row, "count"));
    }
    json_decref (rows);
    return count;
}

static void
stats_and_aggregates_count_what_is_stored (void **state)
{
    (void)state;
    for (int i = 0; i < 7; i++) {
        covey_event_t *event = covey_event_new (COVEY_EVENT_SYSTEM_ALERT);
        expect_ok (covey_event_set_str (event, "component", "test"));
        expect_ok (covey_event_set_str (event, "message", "m"));
        expect_ok (covey_agent_publish (agent, &event, COVEY_LEVEL_STORED,
                                        SUPPORT_WAIT_MS, NULL));
    }
    char *json = NULL;
    covey_filter_t filter = {.group_by = "type"};
    expect_ok (
        covey_agent_store_stats (agent, &filter, SUPPORT_WAIT_MS, &json));
    assert_int_equal (s_count_of (json, "type", "system:alert"), 7);
    covey_free (json);
    int type = COVEY_EVENT_SYSTEM_ALERT;
    filter =
        (covey_filter_t){.group_by = "source", .types = &type, .type_count = 1};
    expect_ok (
        covey_agent_store_stats (agent, &filter, SUPPORT_WAIT_MS, &json));
    assert_int_equal (s_count_of (json, "source", "writer"), 7);
    covey_free (json);
    filter = (covey_filter_t){.types = &type, .type_count = 1};
    expect_ok (
        covey_agent_store_aggregates (agent, &filter, SUPPORT_WAIT_MS, &json));
    assert_int_equal (s_count_of (json, "type", "system:alert"), 7);
    assert_non_null (strstr (json, "firstSeen"));
    covey_free (json);
    filter.group_by = "colour";
    covey_err_t rc =
        covey_agent_store_stats (agent, &filter, SUPPORT_WAIT_MS, &json);
    assert_int_equal (rc, COVEY_INVALID);
}

static void
events_can_be_marked_and_deleted (void **state)
{
    (void)state;
    covey_event_t *event = s_note ("mark", 1);
    covey_receipt_t receipt;
    expect_ok (covey_agent_publish (agent, &event, COVEY_LEVEL_STORED,
                                    SUPPORT_WAIT_MS, &receipt));
    expect_ok (covey_agent_store_mark (agent, receipt.id, SUPPORT_WAIT_MS));
    uint8_t nothing[16] = {1};
    expect_code (covey_agent_store_mark (agent, nothing, SUPPORT_WAIT_MS),
                 NOTFOUND);
    int64_t count = -1;
    expect_ok (
        covey_agent_store_delete (agent, 1, false, SUPPORT_WAIT_MS, &count));
    assert_int_equal (count, 0);
}

static void
folder_of_a_running_and_of_a_stopped_node_can_be_read (void **state)
{
    (void)state;
    covey_event_t *event = s_note ("offline", 42);
    expect_ok (covey_agent_publish (agent, &event, COVEY_LEVEL_STORED,
                                    SUPPORT_WAIT_MS, NULL));
    const char *tags[] = {"offline"};
    covey_filter_t filter = {.tags = tags, .tag_count = 1};
    rows_t *rows = calloc (1, sizeof *rows);
    for (int i = 0; i < 2; i++) {
        covey_store_t *store = NULL;
        rows->count = 0;
        expect_ok (covey_store_open (folder, &store));
        expect_ok (covey_store_query (store, &filter, s_collect_event, rows));
        assert_int_equal (rows->count, 1);
        assert_int_equal (rows->numbers[0], 42);
        char *json = NULL;
        covey_filter_t all = {.group_by = "type"};
        expect_ok (covey_store_stats (store, &all, &json));
        assert_true (s_count_of (json, "type", "system:info") > 0);
        covey_free (json);
        expect_ok (covey_store_aggregates (store, &all, &json));
        assert_true (s_count_of (json, "type", "system:info") > 0);
        covey_free (json);
        covey_store_destroy (&store);
        if (i == 0) {
            covey_agent_destroy (&agent);
            expect_ok (covey_node_stop (node, SUPPORT_WAIT_MS));
        }
    }
    free (rows);
    covey_store_t *none = NULL;
    expect_code (covey_store_open ("/nonexistent/folder", &none), NOTFOUND);
    assert_null (none);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (receipt_names_the_level_and_the_offset),
        cmocka_unit_test (type_that_is_not_kept_has_no_receipt),
        cmocka_unit_test (query_pages_through_any_number),
        cmocka_unit_test (error_of_the_callback_ends_the_query),
        cmocka_unit_test (follow_waits_for_the_next_event),
        cmocka_unit_test (stats_and_aggregates_count_what_is_stored),
        cmocka_unit_test (events_can_be_marked_and_deleted),
        cmocka_unit_test (
            folder_of_a_running_and_of_a_stopped_node_can_be_read),
    };
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}
