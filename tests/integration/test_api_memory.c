/*  Shared memory through nodes: several agents, watches while writers race */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/support_api.h"

#define WRITERS 3
#define WATCHERS 4
#define ROUNDS 80 /* of all writers, on one key, less than its history */
#define KEYS 5
#define FILLERS 60 /* between the third key and the fourth: many pages */

static covey_testmesh_t *mesh;
static covey_agent_t *writers[WRITERS];
static covey_agent_t *watchers[WATCHERS];
static support_log_t *shared;

static int
s_setup (void **state)
{
    (void)state;
    char id[16];
    shared = support_log_new ();
    expect_ok (covey_testmesh_new (2, SUPPORT_WAIT_MS, &mesh));
    for (size_t i = 0; i < WRITERS; i++) {
        snprintf (id, sizeof id, "w%zu", i);
        writers[i] = covey_testmesh_agent (mesh, i % 2, id, "writer");
        assert_non_null (writers[i]);
    }
    for (size_t i = 0; i < WATCHERS; i++) {
        snprintf (id, sizeof id, "r%zu", i);
        watchers[i] = covey_testmesh_agent (mesh, i % 2, id, "reader");
        assert_non_null (watchers[i]);
    }
    covey_agent_on_event (watchers[1], support_log_handler, shared);
    expect_ok (covey_testmesh_start (mesh, SUPPORT_WAIT_MS));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    covey_testmesh_destroy (&mesh);
    support_log_destroy (&shared);
    return 0;
}

static void
s_put (covey_agent_t *agent, const char *key, const char *text,
       const covey_memory_options_t *options, uint64_t *revision_p)
{
    expect_ok (covey_memory_put (agent, key, COVEY_CONTENT_TEXT, text,
                                 strlen (text), options, SUPPORT_WAIT_MS,
                                 revision_p));
}

/* ------------------------------------------------------------------------ */

static void
what_one_stores_another_reads (void **state)
{
    (void)state;
    const char *const tags[] = {"plan", "draft"};
    const covey_memory_options_t options = {
        .tags = tags, .tag_count = 2, .ttl_ms = 3600000, .create = true};
    const char bytes[] = "\0\xff\x01";
    uint64_t revision = 0;
    expect_ok (covey_memory_put (writers[0], "t1/bytes", COVEY_CONTENT_BINARY,
                                 bytes, 3, &options, SUPPORT_WAIT_MS,
                                 &revision));
    assert_true (revision > 0);
    covey_memory_value_t *value = NULL;
    expect_ok (covey_memory_get (writers[1], "t1/bytes", NULL, SUPPORT_WAIT_MS,
                                 &value));
    const covey_memory_info_t *info = covey_memory_value_info (value);
    assert_string_equal (info->key, "t1/bytes");
    assert_int_equal (info->size, 3);
    assert_memory_equal (info->value, bytes, 3);
    assert_int_equal (info->content, COVEY_CONTENT_BINARY);
    assert_int_equal (info->revision, revision);
    assert_string_equal (info->owner, "w0");
    assert_string_equal (info->author, "w0");
    assert_string_equal (info->access_level, "read");
    assert_int_equal (info->tag_count, 2);
    assert_string_equal (info->tags[0], "draft");
    assert_true (info->expires_us > info->written_us);
    assert_non_null (info->causation_id);
    covey_memory_value_destroy (&value);
    assert_null (value);
    static const char *const levels[] = {"stale", "default", "linearizable"};
    for (int i = 0; i < 3; i++) {
        expect_ok (covey_memory_get (writers[0], "t1/bytes", levels[i],
                                     SUPPORT_WAIT_MS, &value));
        assert_int_equal (covey_memory_value_info (value)->revision, revision);
        covey_memory_value_destroy (&value);
    }
    expect_code (covey_memory_get (writers[0], "t1/bytes", "fresh",
                                   SUPPORT_WAIT_MS, &value),
                 INVALID);
    expect_code (covey_memory_put (writers[1], "t1/bytes", COVEY_CONTENT_TEXT,
                                   "x", 1, NULL, SUPPORT_WAIT_MS, NULL),
                 DENIED);
    expect_code (covey_memory_put (writers[0], "t1/bytes", COVEY_CONTENT_TEXT,
                                   "x", 1, &options, SUPPORT_WAIT_MS, NULL),
                 EXISTS);
    expect_code (
        covey_memory_get (writers[1], "t1/none", NULL, SUPPORT_WAIT_MS, &value),
        NOTFOUND);
    expect_code (covey_memory_delete (writers[0], "t1/bytes", revision + 1,
                                      SUPPORT_WAIT_MS),
                 CONFLICT);
    expect_ok (covey_memory_delete (writers[0], "t1/bytes", revision,
                                    SUPPORT_WAIT_MS));
    expect_code (
        covey_memory_delete (writers[0], "t1/bytes", 0, SUPPORT_WAIT_MS),
        NOTFOUND);
    char *huge = calloc (1, 65537);
    assert_non_null (huge);
    expect_code (covey_memory_put (writers[0], "t1/huge", COVEY_CONTENT_BINARY,
                                   huge, 65537, NULL, SUPPORT_WAIT_MS, NULL),
                 LIMIT);
    expect_ok (covey_memory_put (writers[0], "t1/huge", COVEY_CONTENT_BINARY,
                                 huge, 65536, NULL, SUPPORT_WAIT_MS, NULL));
    free (huge);
    const covey_memory_options_t wrong = {.access_level = "root"};
    expect_code (covey_memory_put (writers[0], "t1/x", COVEY_CONTENT_TEXT, "x",
                                   1, &wrong, SUPPORT_WAIT_MS, NULL),
                 INVALID);
}

static covey_err_t
s_count (covey_agent_t *agent, const covey_memory_info_t *info, void *arg)
{
    (void)agent;
    (void)info;
    ++*(size_t *)arg;
    return COVEY_OK;
}

static covey_err_t
s_stop (covey_agent_t *agent, const covey_memory_info_t *info, void *arg)
{
    (void)agent;
    (void)arg;
    assert_non_null (info->value);
    return COVEY_CANCELED;
}

static void
lists_go_over_many_pages_and_histories_over_versions (void **state)
{
    (void)state;
    char key[32], *big = malloc (20000);
    assert_non_null (big);
    memset (big, 'x', 20000);
    const char *const tag = "big";
    const covey_memory_options_t options = {.tags = &tag, .tag_count = 1};
    for (int i = 0; i < 50; i++) {
        snprintf (key, sizeof key, "t2/%02d", i);
        expect_ok (covey_memory_put (writers[0], key, COVEY_CONTENT_TEXT, big,
                                     20000, i % 2 ? &options : NULL,
                                     SUPPORT_WAIT_MS, NULL));
    }
    free (big);
    covey_memory_query_t query = {.prefix = "t2/"};
    size_t count = 0;
    expect_ok (covey_memory_list (writers[1], &query, SUPPORT_WAIT_MS, s_count,
                                  &count));
    assert_int_equal (count, 50);
    count = 0;
    query.tag = "big";
    query.limit = 20;
    expect_ok (covey_memory_list (writers[1], &query, SUPPORT_WAIT_MS, s_count,
                                  &count));
    assert_int_equal (count, 20);
    assert_int_equal (
        covey_memory_list (writers[1], &query, SUPPORT_WAIT_MS, s_stop, NULL),
        COVEY_CANCELED);
    for (int i = 0; i < 20; i++)
        s_put (writers[0], "t2/many", "x", NULL, NULL);
    count = 0;
    expect_ok (covey_memory_history (writers[1], "t2/many", SUPPORT_WAIT_MS,
                                     s_count, &count));
    assert_int_equal (count, 8);
}

static void *
s_count_up (void *arg)
{
    for (int i = 0; i < 50; i++)
        if (covey_memory_incr (arg, "t3/n", 1, INT64_MIN, 149, NULL,
                               SUPPORT_WAIT_MS, NULL))
            return (void *)(uintptr_t)(i + 1);
    return NULL;
}

static void
counters_lose_nothing_between_agents (void **state)
{
    (void)state;
    pthread_t threads[WRITERS];
    int failed = 0;
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal (
            pthread_create (&threads[i], NULL, s_count_up, writers[i]), 0);
    for (size_t i = 0; i < WRITERS; i++) {
        void *result = NULL;
        pthread_join (threads[i], &result);
        failed += result != NULL;
    }
    int64_t value = 0;
    /* 150 of them, and the last one was one too many */
    assert_int_equal (failed, 1);
    expect_ok (covey_memory_incr (writers[0], "t3/n", 0, INT64_MIN, INT64_MAX,
                                  NULL, SUPPORT_WAIT_MS, &value));
    assert_int_equal (value, 149);
}

static void
sharing_reaches_those_who_are_named (void **state)
{
    (void)state;
    s_put (writers[0], "t4/k", "secret", NULL, NULL);
    const char *const targets[] = {"r1"};
    expect_ok (covey_memory_share (writers[0], "t4/k", targets, 1, "write",
                                   SUPPORT_WAIT_MS));
    assert_true (support_log_wait (shared, 1, SUPPORT_WAIT_MS));
    const covey_event_t *event = support_log_event (shared, 0);
    assert_int_equal (covey_event_type (event), COVEY_EVENT_MEMORY_SHARED);
    assert_string_equal (covey_event_source (event), "w0");
    assert_string_equal (covey_event_payload (event, "value", NULL, NULL),
                         "secret");
    assert_string_equal (covey_event_str (event, "accessLevel"), "write");
    s_put (writers[1], "t4/k", "mine", NULL, NULL);
    const char *const nobody[] = {"r1", "nobody"};
    expect_code (covey_memory_share (writers[0], "t4/k", nobody, 2, NULL,
                                     SUPPORT_WAIT_MS),
                 NOAGENT);
}

/* ------------------------------------------------------------------------ */
/*  Watching                                                                  */

static const covey_memory_change_t *
s_next (covey_memory_watch_t *watch)
{
    const covey_memory_change_t *change = NULL;
    expect_ok (covey_memory_watch_next (watch, SUPPORT_WAIT_MS, &change));
    return change;
}

static void
an_empty_watch_is_synced_and_tells_ends_by_time (void **state)
{
    (void)state;
    covey_memory_watch_t *watch = NULL;
    const covey_memory_query_t query = {.prefix = "t5/"};
    expect_ok (
        covey_memory_watch_new (watchers[0], &query, SUPPORT_WAIT_MS, &watch));
    const covey_memory_change_t *change = s_next (watch);
    assert_int_equal (change->kind, COVEY_CHANGE_SYNCED);
    assert_null (change->info);
    expect_code (covey_memory_watch_next (watch, 50, &change), TIMEOUT);
    uint64_t revision = 0;
    s_put (writers[0], "t5/k", "stays", NULL, &revision);
    s_put (writers[0], "t6/k", "not this", NULL, NULL);
    change = s_next (watch);
    assert_int_equal (change->kind, COVEY_CHANGE_STORED);
    assert_false (change->is_initial);
    assert_string_equal (change->info->value, "stays");
    assert_int_equal (change->revision, revision);
    const covey_memory_options_t options = {.ttl_ms = 1};
    s_put (writers[0], "t5/k", "short", &options, &revision);
    change = s_next (watch);
    if (change->kind == COVEY_CHANGE_STORED) /* it may be gone already        */
        change = s_next (watch);
    assert_int_equal (change->kind, COVEY_CHANGE_DELETED);
    assert_string_equal (change->info->reason, "expired");
    assert_int_equal (change->info->previous, revision);
    covey_memory_watch_destroy (&watch);
    assert_null (watch);
}

static void
a_tag_is_followed_until_it_is_taken_away (void **state)
{
    (void)state;
    const char *const tag = "t7-hot";
    const covey_memory_options_t tagged = {.tags = &tag, .tag_count = 1};
    s_put (writers[0], "t7/a", "1", &tagged, NULL);
    s_put (writers[0], "t7/b", "1", NULL, NULL);
    covey_memory_watch_t *watch = NULL;
    const covey_memory_query_t query = {.tag = tag};
    expect_ok (
        covey_memory_watch_new (watchers[1], &query, SUPPORT_WAIT_MS, &watch));
    const covey_memory_change_t *change = s_next (watch);
    assert_string_equal (change->info->key, "t7/a");
    assert_true (change->is_initial);
    assert_int_equal (s_next (watch)->kind, COVEY_CHANGE_SYNCED);
    s_put (writers[0], "t7/b", "2", &tagged, NULL);
    assert_string_equal (s_next (watch)->info->key, "t7/b");
    s_put (writers[0], "t7/a", "2", NULL, NULL);
    change = s_next (watch);
    assert_int_equal (change->kind, COVEY_CHANGE_UNTAGGED);
    assert_string_equal (change->info->key, "t7/a");
    s_put (writers[0], "t7/a", "3", NULL, NULL);
    expect_ok (covey_memory_delete (writers[0], "t7/b", 0, SUPPORT_WAIT_MS));
    change = s_next (watch);
    assert_int_equal (change->kind, COVEY_CHANGE_DELETED);
    uint64_t revision = change->revision;
    covey_memory_watch_destroy (&watch);
    /* another one goes on from there */
    s_put (writers[0], "t7/c", "1", &tagged, NULL);
    const covey_memory_query_t later = {.tag = tag, .after = revision};
    expect_ok (
        covey_memory_watch_new (watchers[1], &later, SUPPORT_WAIT_MS, &watch));
    change = s_next (watch);
    assert_string_equal (change->info->key, "t7/c");
    assert_false (change->is_initial);
    covey_memory_watch_destroy (&watch);
}

static void
a_watch_from_a_revision_that_never_was_begins_anew (void **state)
{
    (void)state;
    s_put (writers[0], "t8/k", "1", NULL, NULL);
    covey_memory_watch_t *watch = NULL;
    const covey_memory_query_t query = {.prefix = "t8/", .after = 1000000};
    expect_ok (
        covey_memory_watch_new (watchers[0], &query, SUPPORT_WAIT_MS, &watch));
    assert_int_equal (s_next (watch)->kind, COVEY_CHANGE_RESTARTED);
    assert_string_equal (s_next (watch)->info->key, "t8/k");
    assert_int_equal (s_next (watch)->kind, COVEY_CHANGE_SYNCED);
    /* it also survives that somebody ends all subscriptions of its agent */
    expect_ok (covey_agent_unsubscribe_all (watchers[0]));
    s_put (writers[0], "t8/k", "2", NULL, NULL);
    assert_string_equal (s_next (watch)->info->value, "2");
    covey_memory_watch_destroy (&watch);
}

/*  Writers race over a few keys, each with the whole history kept; watchers
    begin somewhere in between and must see, key by key, an unbroken chain of
    revisions from their snapshot to the last write.                          */
typedef struct {
    covey_agent_t *agent;
    int number;
    char error[512];
    uint64_t last[KEYS]; /* of each key, as it knows it; 0: no value          */
    bool is_live[KEYS];
    size_t fillers;
    uint64_t synced; /* revision of the snapshot                              */
} s_race_t;

static void *
s_write (void *arg)
{
    s_race_t *race = arg;
    const covey_memory_options_t options = {.history = 64,
                                            .access_level = "admin"};
    for (int i = 0; i < ROUNDS; i++) {
        char key[32], value[32];
        snprintf (key, sizeof key, "race/%d", (i * 7 + race->number) % KEYS);
        snprintf (value, sizeof value, "%d.%d", race->number, i);
        covey_err_t rc =
            i % 11 == 10
                ? covey_memory_delete (race->agent, key, 0, SUPPORT_WAIT_MS)
                : covey_memory_put (race->agent, key, COVEY_CONTENT_TEXT, value,
                                    strlen (value), &options, SUPPORT_WAIT_MS,
                                    NULL);
        if (rc && rc != COVEY_NOTFOUND) {
            snprintf (race->error, sizeof race->error, "%s: %s", key,
                      covey_error ());
            break;
        }
    }
    return NULL;
}

/*  What comes must go on from what is known. A deletion drops the versions
    before it, so only there may some be missing.                             */
static bool
s_follow (s_race_t *race, const covey_memory_change_t *change, bool is_synced)
{
    const covey_memory_info_t *info = change->info;
    if (info->key[strlen ("race/0")]) {
        race->fillers++;
        return change->is_initial;
    }
    int key = info->key[strlen ("race/")] - '0';
    bool is_deleted = change->kind == COVEY_CHANGE_DELETED;
    bool fits =
        change->is_initial != is_synced && info->revision > race->last[key] &&
        (change->is_initial
             ? race->last[key] == 0 && !is_deleted
             : info->previous == race->last[key] || is_deleted ||
                   (race->last[key] == 0 && info->previous <= race->synced));
    if (!fits)
        snprintf (race->error, sizeof race->error,
                  "%s of %s at %llu, before %llu: known is %llu, %s",
                  covey_change_kind_name ((int)change->kind), info->key,
                  (unsigned long long)info->revision,
                  (unsigned long long)info->previous,
                  (unsigned long long)race->last[key],
                  is_synced ? "synced" : "in the snapshot");
    race->last[key] = info->revision;
    race->is_live[key] = !is_deleted;
    return fits;
}

static void *
s_watch (void *arg)
{
    s_race_t *race = arg;
    covey_memory_watch_t *watch = NULL;
    const covey_memory_query_t query = {.prefix = "race/"};
    bool is_synced = false, is_over = false;
    covey_err_t rc =
        covey_memory_watch_new (race->agent, &query, SUPPORT_WAIT_MS, &watch);
    while (!rc && !is_over) {
        const covey_memory_change_t *change = NULL;
        rc = covey_memory_watch_next (watch, 3 * SUPPORT_WAIT_MS, &change);
        if (rc)
            break;
        if (change->kind == COVEY_CHANGE_SYNCED) {
            if (is_synced)
                snprintf (race->error, sizeof race->error, "synced twice");
            is_synced = true;
            race->synced = change->revision;
        } else if (!change->info)
            snprintf (race->error, sizeof race->error, "restarted");
        else if (strcmp (change->info->key, "race/end") == 0)
            is_over = true;
        else if (!s_follow (race, change, is_synced))
            break;
    }
    if (rc)
        snprintf (race->error, sizeof race->error, "%s", covey_error ());
    covey_memory_watch_destroy (&watch);
    return NULL;
}

static covey_err_t
s_compare (covey_agent_t *agent, const covey_memory_info_t *info, void *arg)
{
    (void)agent;
    const s_race_t *race = arg;
    if (strlen (info->key) > strlen ("race/0"))
        return COVEY_OK; /* the end, or a filler                              */
    int key = info->key[strlen ("race/")] - '0';
    assert_true (race->is_live[key]);
    assert_int_equal (race->last[key], info->revision);
    return COVEY_OK;
}

static void
watchers_miss_nothing_while_writers_race (void **state)
{
    (void)state;
    pthread_t threads[WRITERS + WATCHERS];
    s_race_t *races = calloc (WRITERS + WATCHERS, sizeof *races);
    assert_non_null (races);
    char key[32], filler[20000];
    memset (filler, 'x', sizeof filler);
    for (int i = 0; i < FILLERS; i++) {
        snprintf (key, sizeof key, "race/2-%02d", i);
        expect_ok (covey_memory_put (writers[0], key, COVEY_CONTENT_TEXT,
                                     filler, sizeof filler, NULL,
                                     SUPPORT_WAIT_MS, NULL));
    }
    for (size_t i = 0; i < WRITERS + WATCHERS; i++) {
        races[i].agent = i < WRITERS ? writers[i] : watchers[i - WRITERS];
        races[i].number = (int)i;
        assert_int_equal (pthread_create (&threads[i], NULL,
                                          i < WRITERS ? s_write : s_watch,
                                          &races[i]),
                          0);
    }
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join (threads[i], NULL);
    s_put (writers[0], "race/end", "", NULL, NULL);
    const covey_memory_query_t query = {.prefix = "race/"};
    for (size_t i = 0; i < WRITERS + WATCHERS; i++) {
        if (i >= WRITERS)
            pthread_join (threads[i], NULL);
        if (*races[i].error)
            fail_msg ("%zu: %s", i, races[i].error);
        if (i < WRITERS)
            continue;
        expect_ok (covey_memory_list (writers[0], &query, SUPPORT_WAIT_MS,
                                      s_compare, &races[i]));
        size_t live = 0, listed = 0;
        for (int k = 0; k < KEYS; k++)
            live += races[i].is_live[k];
        expect_ok (covey_memory_list (writers[0], &query, SUPPORT_WAIT_MS,
                                      s_count, &listed));
        assert_int_equal (listed, live + 1 + FILLERS);
        assert_int_equal (races[i].fillers, FILLERS);
    }
    free (races);
}

static void
names_are_text (void **state)
{
    (void)state;
    expect_code (covey_memory_put (writers[0], "t1/\xff", COVEY_CONTENT_TEXT,
                                   "x", 1, NULL, SUPPORT_WAIT_MS, NULL),
                 INVALID);
    char *json = NULL;
    expect_code (covey_task_show (writers[0], "t\xc3", SUPPORT_WAIT_MS, &json),
                 INVALID);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (what_one_stores_another_reads),
        cmocka_unit_test (names_are_text),
        cmocka_unit_test (lists_go_over_many_pages_and_histories_over_versions),
        cmocka_unit_test (counters_lose_nothing_between_agents),
        cmocka_unit_test (sharing_reaches_those_who_are_named),
        cmocka_unit_test (an_empty_watch_is_synced_and_tells_ends_by_time),
        cmocka_unit_test (a_tag_is_followed_until_it_is_taken_away),
        cmocka_unit_test (a_watch_from_a_revision_that_never_was_begins_anew),
        cmocka_unit_test (watchers_miss_nothing_while_writers_race),
    };
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}
