/*  Filters on the directory of agents.                                      */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "node/finder.h"

static char *s_capabilities[] = {"count", "shout"};
static char *s_tags[] = {"eu"};
static covey_directory_entry_t s_ann = {.id = "ann",
                                        .type = "worker",
                                        .name = "Ann",
                                        .service = "",
                                        .capabilities = s_capabilities,
                                        .capability_count = 2,
                                        .tags = s_tags,
                                        .tag_count = 1,
                                        .node_id = {7}};

static void
test_every_part_must_match (void **state)
{
    (void)state;
    char *shout[] = {"shout", "count"}, *sing[] = {"shout", "sing"};
    char *us[] = {"us"}, *calm[] = {"busy", "ready"}, *busy[] = {"busy"};
    const uint8_t here[16] = {7}, there[16] = {8};
    const struct {
        covey_finder_t finder;
        bool selects;
    } rows[] = {
        {{0}, true},
        {{.id = "ann"}, true},
        {{.id = "bob"}, false},
        {{.type = "worker"}, true},
        {{.type = "work"}, false},
        {{.capabilities = shout, .capability_count = 2}, true},
        {{.capabilities = sing, .capability_count = 2}, false},
        {{.tags = s_tags, .tag_count = 1}, true},
        {{.tags = us, .tag_count = 1}, false},
        {{.states = calm, .state_count = 2}, true},
        {{.states = busy, .state_count = 1}, false},
        {{.node_id = here}, true},
        {{.node_id = there}, false},
        {{.after = "anm"}, true},
        {{.after = "ann"}, false},
        {{.id = "ann", .type = "other"}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal (covey_finder_selects (&rows[i].finder, &s_ann),
                          rows[i].selects);
}

static void
test_clients_and_services_only_when_asked_for (void **state)
{
    (void)state;
    covey_directory_entry_t client = s_ann, service = s_ann;
    client.client = true;
    service.service = "persister";
    covey_finder_t finder = {.all = false};
    assert_false (covey_finder_selects (&finder, &client));
    assert_false (covey_finder_selects (&finder, &service));
    finder.all = true;
    assert_true (covey_finder_selects (&finder, &client));
    assert_true (covey_finder_selects (&finder, &service));
}

static void
test_states_have_names (void **state)
{
    (void)state;
    assert_string_equal (
        covey_finder_state_name (COVEY__WIRE__AGENT_STATE__AGENT_STATE_STALLED),
        "stalled");
    assert_string_equal (covey_finder_state_name ((Covey__Wire__AgentState)99),
                         "unknown");
    assert_true (covey_finder_is_state ("terminated"));
    assert_false (covey_finder_is_state ("unknown"));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_every_part_must_match),
        cmocka_unit_test (test_clients_and_services_only_when_asked_for),
        cmocka_unit_test (test_states_have_names),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
