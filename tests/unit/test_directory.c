#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/directory.h"

static const uint8_t s_one[16] = {1}, s_two[16] = {2};

static covey_err_t
s_put (covey_directory_t *directory, const char *id, const uint8_t node[16],
       int64_t attached_us, const char *service, bool client)
{
    Covey__Wire__AgentInfo info = COVEY__WIRE__AGENT_INFO__INIT;
    char *capabilities[] = {(char *)"c1", (char *)"c2"};
    info.agent_id = (char *)id;
    info.type = (char *)"worker";
    info.capabilities = capabilities;
    info.n_capabilities = 2;
    info.has_node_id = true;
    info.node_id.data = (uint8_t *)node;
    info.node_id.len = 16;
    info.attached_us = attached_us;
    info.service = (char *)service;
    info.client = client;
    return covey_directory_put (directory, &info, NULL);
}

static const covey_directory_entry_t *
s_find (const covey_directory_t *directory, const char *id)
{
    return covey_directory_find (directory, id, strlen (id));
}

static int
s_setup (void **state)
{
    *state = covey_directory_new ();
    return 0;
}

static int
s_teardown (void **state)
{
    covey_directory_t *directory = *state;
    covey_directory_destroy (&directory);
    return 0;
}

static void
test_agents_are_found_by_id (void **state)
{
    covey_directory_t *directory = *state;
    assert_null (s_find (directory, "a"));
    assert_int_equal (s_put (directory, "a", s_one, 1, NULL, false), COVEY_OK);
    assert_int_equal (s_put (directory, "c", s_one, 1, NULL, true), COVEY_OK);
    const covey_directory_entry_t *entry = s_find (directory, "a");
    assert_non_null (entry);
    assert_string_equal (entry->type, "worker");
    assert_int_equal (entry->capability_count, 2);
    assert_int_equal (covey_directory_agents (directory, NULL), 1);
    assert_int_equal (covey_directory_agents (directory, s_two), 0);
    Covey__Wire__AgentInfo info;
    covey_directory_info (entry, &info);
    assert_string_equal (info.agent_id, "a");
    assert_string_equal (info.capabilities[1], "c2");
}

static void
test_later_session_wins_whoever_speaks_first (void **state)
{
    covey_directory_t *directory = *state;
    assert_int_equal (s_put (directory, "a", s_one, 10, NULL, false), COVEY_OK);
    assert_int_equal (s_put (directory, "a", s_two, 9, NULL, false),
                      COVEY_EXISTS);
    assert_int_equal (s_put (directory, "a", s_two, 11, NULL, false), COVEY_OK);
    assert_memory_equal (s_find (directory, "a")->node_id, s_two, 16);
    /* The same instant: every node decides alike. */
    assert_int_equal (s_put (directory, "a", s_one, 11, NULL, false),
                      COVEY_EXISTS);
    assert_int_equal (covey_directory_agents (directory, NULL), 1);
}

static void
test_only_the_host_takes_an_agent_out (void **state)
{
    covey_directory_t *directory = *state;
    assert_int_equal (s_put (directory, "a", s_one, 1, NULL, false), COVEY_OK);
    assert_false (covey_directory_remove (directory, "a", 1, s_two));
    assert_true (covey_directory_remove (directory, "a", 1, s_one));
    assert_null (s_find (directory, "a"));
    assert_int_equal (covey_directory_agents (directory, NULL), 0);
}

static void
test_service_with_the_smallest_node_id_is_used (void **state)
{
    covey_directory_t *directory = *state;
    assert_int_equal (
        s_put (directory, "coordinator", s_two, 1, "coordinator", false),
        COVEY_OK);
    assert_int_equal (
        s_put (directory, "coordinator", s_one, 2, "coordinator", false),
        COVEY_OK);
    assert_memory_equal (s_find (directory, "coordinator")->node_id, s_one, 16);
    assert_null (s_find (directory, "persister"));
    assert_non_null (
        covey_directory_service_on (directory, "coordinator", s_two));
    assert_int_equal (covey_directory_agents (directory, NULL), 0);
    assert_true (covey_directory_remove (directory, "coordinator", 11, s_one));
    assert_memory_equal (s_find (directory, "coordinator")->node_id, s_two, 16);
}

static void
test_service_with_the_highest_rank_is_used (void **state)
{
    covey_directory_t *directory = *state;
    assert_int_equal (
        s_put (directory, "coordinator", s_one, 1, "coordinator", false),
        COVEY_OK);
    assert_int_equal (
        s_put (directory, "coordinator", s_two, 1, "coordinator", false),
        COVEY_OK);
    uint64_t version = covey_directory_version (directory);
    uint64_t digest = covey_directory_digest (directory, s_two);
    assert_true (
        covey_directory_set_rank (directory, "coordinator", s_two, 7, 5));
    assert_memory_equal (s_find (directory, "coordinator")->node_id, s_two, 16);
    assert_true (covey_directory_version (directory) > version);
    assert_true (covey_directory_digest (directory, s_two) != digest);
    /* Twice the same says nothing; a clock that stands still hides nothing. */
    assert_false (
        covey_directory_set_rank (directory, "coordinator", s_two, 7, 6));
    digest = covey_directory_digest (directory, s_two);
    assert_true (
        covey_directory_set_rank (directory, "coordinator", s_two, 8, 5));
    assert_true (covey_directory_digest (directory, s_two) != digest);
    assert_false (
        covey_directory_set_rank (directory, "persister", s_two, 1, 6));
    /* Others hear of it, and of a rank that they were told. */
    Covey__Wire__AgentInfo info;
    covey_directory_info (s_find (directory, "coordinator"), &info);
    assert_int_equal (info.rank, 8);
    assert_true (
        covey_directory_set_rank (directory, "coordinator", s_one, 9, 6));
    version = covey_directory_version (directory);
    assert_int_equal (
        s_put (directory, "coordinator", s_one, 1, "coordinator", false),
        COVEY_OK);
    assert_true (covey_directory_version (directory) > version);
    assert_memory_equal (s_find (directory, "coordinator")->node_id, s_two, 16);
    assert_true (covey_directory_remove (directory, "coordinator", 11, s_two));
    assert_memory_equal (s_find (directory, "coordinator")->node_id, s_one, 16);
}

static void
s_count (void *arg, const covey_directory_entry_t *entry)
{
    (void)entry;
    (*(size_t *)arg)++;
}

static void
test_node_takes_all_its_agents_along (void **state)
{
    covey_directory_t *directory = *state;
    for (int i = 0; i < 100; i++) {
        char id[16];
        snprintf (id, sizeof id, "a%d", i);
        assert_int_equal (
            s_put (directory, id, i % 3 ? s_one : s_two, 1, NULL, false),
            COVEY_OK);
    }
    assert_int_equal (
        s_put (directory, "persister", s_one, 1, "persister", false), COVEY_OK);
    size_t told = 0;
    assert_int_equal (
        covey_directory_remove_node (directory, s_one, s_count, &told), 67);
    assert_int_equal (told, 67);
    assert_int_equal (covey_directory_agents (directory, NULL), 34);
    assert_int_equal (covey_directory_agents (directory, s_two), 34);
    assert_null (s_find (directory, "persister"));
    told = 0;
    covey_directory_each (directory, s_count, &told);
    assert_int_equal (told, 34);
}

static void
test_unusable_entries_are_refused (void **state)
{
    covey_directory_t *directory = *state;
    Covey__Wire__AgentInfo info = COVEY__WIRE__AGENT_INFO__INIT;
    info.agent_id = (char *)"a";
    assert_int_equal (covey_directory_put (directory, &info, NULL),
                      COVEY_INVALID);
    assert_int_equal (s_put (directory, "not allowed", s_one, 1, NULL, false),
                      COVEY_INVALID);
    assert_int_equal (s_put (directory, "", s_one, 1, NULL, false),
                      COVEY_INVALID);
}

static void
s_count_gone (void *arg, const covey_directory_entry_t *entry)
{
    (void)entry;
    ++*(size_t *)arg;
}

static void
test_snapshot_removes_whom_it_does_not_name (void **state)
{
    covey_directory_t *directory = *state;
    size_t gone = 0;
    s_put (directory, "a", s_one, 1, NULL, false);
    s_put (directory, "b", s_one, 1, NULL, false);
    s_put (directory, "c", s_two, 1, NULL, false);
    s_put (directory, "persister", s_one, 1, "persister", false);
    covey_directory_begin (directory, s_one);
    s_put (directory, "b", s_one, 1, NULL, false);
    /* its sender was interrupted: the second one counts                      */
    covey_directory_begin (directory, s_one);
    s_put (directory, "a", s_one, 1, NULL, false);
    assert_non_null (s_find (directory, "b")); /* until the end               */
    assert_int_equal (
        covey_directory_end (directory, s_one, s_count_gone, &gone), 2);
    assert_int_equal (gone, 2);
    assert_non_null (s_find (directory, "a"));
    assert_null (s_find (directory, "b"));
    assert_non_null (s_find (directory, "c"));
    assert_null (s_find (directory, "persister"));
}

static void
test_digest_is_that_of_what_is_held (void **state)
{
    covey_directory_t *directory = *state;
    covey_directory_t *other = covey_directory_new ();
    assert_int_equal (covey_directory_digest (directory, s_one), 0);
    s_put (directory, "a", s_one, 1, NULL, false);
    uint64_t with_a = covey_directory_digest (directory, s_one);
    s_put (directory, "b", s_one, 1, NULL, false);
    s_put (directory, "c", s_two, 1, NULL, false);
    s_put (other, "b", s_one, 1, NULL, false);
    s_put (other, "a", s_one, 1, NULL, false);
    uint64_t with_both = covey_directory_digest (directory, s_one);
    assert_true (with_a != with_both);
    assert_true (with_both == covey_directory_digest (other, s_one));
    /* another session                                                        */
    s_put (other, "b", s_one, 2, NULL, false);
    assert_true (with_both != covey_directory_digest (other, s_one));
    /* another node took it                                                   */
    s_put (directory, "b", s_two, 2, NULL, false);
    assert_true (with_a == covey_directory_digest (directory, s_one));
    /* a change in place                                                      */
    covey_directory_entry_t *entry = covey_directory_find (directory, "a", 1);
    entry->state = COVEY__WIRE__AGENT_STATE__AGENT_STATE_BUSY;
    covey_directory_touch (directory, s_one);
    assert_true (with_a != covey_directory_digest (directory, s_one));
    assert_true (covey_directory_remove (directory, "a", 1, s_one));
    assert_int_equal (covey_directory_digest (directory, s_one), 0);
    covey_directory_destroy (&other);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_agents_are_found_by_id),
        CASE (test_later_session_wins_whoever_speaks_first),
        CASE (test_only_the_host_takes_an_agent_out),
        CASE (test_service_with_the_smallest_node_id_is_used),
        CASE (test_service_with_the_highest_rank_is_used),
        CASE (test_node_takes_all_its_agents_along),
        CASE (test_unusable_entries_are_refused),
        CASE (test_snapshot_removes_whom_it_does_not_name),
        CASE (test_digest_is_that_of_what_is_held),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
