/*  swarm: members, versions, and who leads when leaders come and go          */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "swarm/swarm.h"

static covey_err_t
s_form (const char *members, const char *leader, covey_swarm_t **swarm_p,
        covey_errbuf_t *err)
{
    covey_swarm_member_t list[8];
    memset (list, 0, sizeof list);
    size_t count = 0;
    for (const char *m = members; *m; m++) {
        list[count].agent_id[0] = *m;
        list[count++].weight = COVEY_WEIGHT_ONE;
    }
    static const char *const tags[] = {"red", "fast"};
    covey_swarm_args_t args = {.id = "s1",
                               .objective = "review",
                               .strategy = "majority",
                               .creator = "cli-1",
                               .leader = leader,
                               .members = list,
                               .member_count = count,
                               .tags = tags,
                               .tag_count = 2,
                               .formed_us = 100};
    return covey_swarm_new (&args, swarm_p, err);
}

/*  `arg` is the text of the agents that are there.                          */
static bool
s_is_up (const void *arg, const char *agent_id)
{
    return strchr (arg, agent_id[0]) != NULL;
}

static void
test_the_first_member_leads_unless_one_is_named (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_swarm_t *s = NULL;
    assert_int_equal (s_form ("abc", NULL, &s, &err), COVEY_OK);
    assert_string_equal (covey_swarm_leader (s), "a");
    covey_swarm_destroy (&s);
    assert_int_equal (s_form ("abc", "b", &s, &err), COVEY_OK);
    assert_string_equal (covey_swarm_leader (s), "b");
    covey_swarm_destroy (&s);
    assert_int_equal (s_form ("", NULL, &s, &err), COVEY_OK);
    assert_null (covey_swarm_leader (s));
    covey_swarm_destroy (&s);
}

static void
test_a_leader_outside_and_a_member_twice_are_refused (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_swarm_t *s = NULL;
    assert_int_equal (s_form ("abc", "z", &s, &err), COVEY_INVALID);
    assert_non_null (strstr (err.text, "leader z"));
    assert_int_equal (s_form ("aba", NULL, &s, &err), COVEY_INVALID);
    assert_non_null (strstr (err.text, "twice"));
    assert_null (s);
}

static void
test_each_change_of_members_is_a_new_version (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_swarm_t *s = NULL;
    covey_swarm_join_t what;
    assert_int_equal (s_form ("ab", NULL, &s, &err), COVEY_OK);
    assert_int_equal (covey_swarm_version (s), 1);
    assert_int_equal (covey_swarm_add (s, "c", 2500000, 200, &what, &err), 0);
    assert_int_equal (what, COVEY_SWARM_JOINED);
    assert_int_equal (covey_swarm_version (s), 2);
    assert_int_equal (covey_swarm_add (s, "c", 0, 300, &what, &err), 0);
    assert_int_equal (what, COVEY_SWARM_SAME);
    assert_int_equal (covey_swarm_version (s), 2);
    assert_int_equal (covey_swarm_add (s, "c", 1, 300, &what, &err), 0);
    assert_int_equal (what, COVEY_SWARM_WEIGHED);
    assert_int_equal (covey_swarm_find (s, "c")->weight, 1);
    assert_int_equal (covey_swarm_find (s, "c")->joined_us, 200);
    assert_int_equal (covey_swarm_remove (s, "b", &err), 0);
    assert_int_equal (covey_swarm_version (s), 4);
    assert_int_equal (covey_swarm_member_count (s), 2);
    assert_int_equal (covey_swarm_remove (s, "b", &err), COVEY_NOTFOUND);
    covey_swarm_destroy (&s);
}

static void
test_a_lost_leader_is_replaced_by_the_longest_lived_that_is_there (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_swarm_t *s = NULL;
    assert_int_equal (s_form ("abcd", NULL, &s, &err), COVEY_OK);
    assert_false (covey_swarm_elect (s, s_is_up, "abcd"));
    covey_swarm_set_leader_lost (s, true);
    assert_true (covey_swarm_elect (s, s_is_up, "cd"));
    assert_string_equal (covey_swarm_leader (s), "c");
    /* a comes back: the present leader stays */
    assert_false (covey_swarm_elect (s, s_is_up, "acd"));
    assert_string_equal (covey_swarm_leader (s), "c");
    covey_swarm_destroy (&s);
}

static void
test_a_lost_leader_is_kept_while_nobody_else_is_there (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_swarm_t *s = NULL;
    assert_int_equal (s_form ("ab", NULL, &s, &err), COVEY_OK);
    covey_swarm_set_leader_lost (s, true);
    assert_false (covey_swarm_elect (s, s_is_up, ""));
    assert_string_equal (covey_swarm_leader (s), "a");
    assert_true (covey_swarm_is_leader_lost (s));
    assert_true (covey_swarm_elect (s, s_is_up, "b"));
    assert_string_equal (covey_swarm_leader (s), "b");
    covey_swarm_destroy (&s);
}

static void
test_a_leader_that_leaves_is_replaced_at_once (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_swarm_t *s = NULL;
    assert_int_equal (s_form ("abc", "b", &s, &err), COVEY_OK);
    assert_int_equal (covey_swarm_remove (s, "b", &err), COVEY_OK);
    assert_null (covey_swarm_leader (s));
    assert_true (covey_swarm_elect (s, s_is_up, "c"));
    assert_string_equal (covey_swarm_leader (s), "c");
    assert_int_equal (covey_swarm_remove (s, "c", &err), COVEY_OK);
    assert_true (covey_swarm_elect (s, s_is_up, ""));
    assert_string_equal (covey_swarm_leader (s), "a");
    assert_int_equal (covey_swarm_remove (s, "a", &err), COVEY_OK);
    assert_false (covey_swarm_elect (s, s_is_up, ""));
    assert_null (covey_swarm_leader (s));
    covey_swarm_destroy (&s);
}

static void
test_a_disbanded_swarm_changes_no_more (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_swarm_t *s = NULL;
    covey_swarm_join_t what;
    assert_int_equal (s_form ("ab", NULL, &s, &err), COVEY_OK);
    assert_int_equal (covey_swarm_end (s, 500, &err), COVEY_OK);
    assert_true (covey_swarm_is_disbanded (s));
    assert_int_equal (covey_swarm_disbanded_us (s), 500);
    assert_int_equal (covey_swarm_add (s, "c", 0, 600, &what, &err),
                      COVEY_STATE);
    assert_int_equal (covey_swarm_remove (s, "a", &err), COVEY_STATE);
    assert_int_equal (covey_swarm_end (s, 700, &err), COVEY_STATE);
    assert_int_equal (covey_swarm_member_count (s), 2);
    covey_swarm_destroy (&s);
}

static void
test_the_thousand_and_twenty_fifth_member_is_refused (void **state)
{
    (void)state;
    covey_errbuf_t err;
    covey_swarm_t *s = NULL;
    covey_swarm_join_t what;
    assert_int_equal (s_form ("", NULL, &s, &err), COVEY_OK);
    for (int i = 0; i < COVEY_VOTERS_MAX; i++) {
        char id[16];
        snprintf (id, sizeof id, "m%d", i);
        assert_int_equal (covey_swarm_add (s, id, 0, i, &what, &err), 0);
    }
    assert_int_equal (covey_swarm_add (s, "extra", 0, 0, &what, &err),
                      COVEY_LIMIT);
    assert_string_equal (covey_swarm_leader (s), "m0");
    covey_swarm_destroy (&s);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_the_first_member_leads_unless_one_is_named),
        cmocka_unit_test (test_a_leader_outside_and_a_member_twice_are_refused),
        cmocka_unit_test (test_each_change_of_members_is_a_new_version),
        cmocka_unit_test (
            test_a_lost_leader_is_replaced_by_the_longest_lived_that_is_there),
        cmocka_unit_test (
            test_a_lost_leader_is_kept_while_nobody_else_is_there),
        cmocka_unit_test (test_a_leader_that_leaves_is_replaced_at_once),
        cmocka_unit_test (test_a_disbanded_swarm_changes_no_more),
        cmocka_unit_test (test_the_thousand_and_twenty_fifth_member_is_refused),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
