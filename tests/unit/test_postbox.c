/*  postbox: what is on its way to the node, and what of it is there          */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/postbox.h"
#include "proto/event.h"

/*  A session that is never opened takes everything and answers nothing: the
    verdicts are the test's.                                                  */
typedef struct {
    covey_session_t *session;
    covey_postbox_t box;
    uint64_t tickets;
} fixture_t;

static void
s_send (void *arg, const covey_buf_t *frame)
{
    (void)arg;
    (void)frame;
}

static void
s_opened (void *arg, const Covey__Wire__Welcome *welcome)
{
    (void)arg;
    (void)welcome;
}

static void
s_closed (void *arg, covey_err_t code, const char *text, bool final)
{
    (void)arg;
    (void)code;
    (void)text;
    (void) final;
}

static void
s_event (void *arg, const void *data, size_t size, const uint32_t *handles,
         size_t count)
{
    (void)arg;
    (void)data;
    (void)size;
    (void)handles;
    (void)count;
}

static void
s_refused (void *arg, uint64_t ticket, covey_err_t code, const char *text)
{
    (void)arg;
    (void)ticket;
    (void)code;
    (void)text;
}

static void
s_reached (void *arg, uint64_t ticket, covey_level_t level, int64_t offset)
{
    (void)arg;
    (void)ticket;
    (void)level;
    (void)offset;
}

static void
s_init (fixture_t *self)
{
    uint8_t id[16] = {1};
    Covey__Wire__Hello hello = COVEY__WIRE__HELLO__INIT;
    hello.agent_id = "coordinator";
    covey_session_callbacks_t callbacks = {.send = s_send,
                                           .opened = s_opened,
                                           .closed = s_closed,
                                           .event = s_event,
                                           .refused = s_refused,
                                           .reached = s_reached};
    memset (self, 0, sizeof *self);
    self->session = covey_session_new (&hello, id, &callbacks);
    assert_non_null (self->session);
    covey_postbox_init (&self->box);
}

static void
s_deinit (fixture_t *self)
{
    covey_postbox_deinit (&self->box);
    covey_session_destroy (&self->session);
}

static void
s_put (fixture_t *self, uint64_t index, const char *targets)
{
    covey_errbuf_t err;
    covey_event_t *event = covey_event_new (COVEY_EVENT_SYSTEM_INFO);
    assert_int_equal (covey_event_set_source (event, "coordinator"), 0);
    assert_int_equal (covey_event_set_str (event, "component", "c"), 0);
    assert_int_equal (covey_event_set_str (event, "message", "m"), 0);
    for (; *targets; targets++) {
        char id[2] = {*targets, '\0'};
        assert_int_equal (covey_event_add_target (event, id), 0);
    }
    if (covey_postbox_put (&self->box, event, index, &err))
        fail_msg ("%s", err.text);
    covey_event_destroy (&event);
}

static void
test_what_has_its_verdict_is_announced (void **state)
{
    (void)state;
    fixture_t f;
    s_init (&f);
    assert_int_equal (covey_postbox_announced (&f.box, 9), 9);
    s_put (&f, 3, "");
    s_put (&f, 0, "a"); /* an answer: it goes first */
    s_put (&f, 5, "");
    assert_int_equal (covey_postbox_announced (&f.box, 9), 2);
    covey_postbox_pump (&f.box, f.session, 0);
    assert_int_equal (covey_session_unsent (f.session), 3);
    assert_false (covey_postbox_verdict (&f.box, 2, COVEY_OK, "", 0));
    assert_int_equal (covey_postbox_announced (&f.box, 9), 4);
    assert_false (covey_postbox_verdict (&f.box, 3, COVEY_OK, "", 0));
    assert_int_equal (covey_postbox_announced (&f.box, 9), 9);
    assert_false (covey_postbox_is_empty (&f.box));
    assert_false (covey_postbox_verdict (&f.box, 1, COVEY_NOAGENT, "", 0));
    assert_true (covey_postbox_is_empty (&f.box));
    s_deinit (&f);
}

static void
test_what_found_no_room_is_sent_again_after_a_while (void **state)
{
    (void)state;
    fixture_t f;
    s_init (&f);
    s_put (&f, 1, "");
    covey_postbox_pump (&f.box, f.session, 0);
    assert_false (covey_postbox_verdict (&f.box, 1, COVEY_EAGAIN, "", 1000));
    assert_int_equal (covey_postbox_announced (&f.box, 1), 0);
    covey_postbox_pump (&f.box, f.session, 1000 + COVEY_POSTBOX_RETRY_MS - 1);
    assert_int_equal (covey_session_unsent (f.session), 1);
    covey_postbox_pump (&f.box, f.session, 1000 + COVEY_POSTBOX_RETRY_MS);
    assert_int_equal (covey_session_unsent (f.session), 2);
    assert_false (covey_postbox_verdict (&f.box, 2, COVEY_OK, "", 2000));
    assert_int_equal (covey_postbox_announced (&f.box, 1), 1);
    s_deinit (&f);
}

static void
test_a_fact_for_several_goes_to_each_alone_when_one_is_missing (void **state)
{
    (void)state;
    fixture_t f;
    s_init (&f);
    s_put (&f, 1, "abc");
    covey_postbox_pump (&f.box, f.session, 0);
    assert_false (covey_postbox_verdict (&f.box, 1, COVEY_NOAGENT, "", 0));
    covey_postbox_pump (&f.box, f.session, 0);
    assert_int_equal (covey_session_unsent (f.session), 4);
    assert_int_equal (covey_postbox_announced (&f.box, 1), 0);
    /* two get it, the third is gone: no news */
    assert_false (covey_postbox_verdict (&f.box, 2, COVEY_OK, "", 0));
    assert_false (covey_postbox_verdict (&f.box, 3, COVEY_NOAGENT, "", 0));
    assert_false (covey_postbox_verdict (&f.box, 4, COVEY_OK, "", 0));
    assert_true (covey_postbox_is_empty (&f.box));
    assert_int_equal (covey_postbox_announced (&f.box, 1), 1);
    s_deinit (&f);
}

static void
test_what_is_refused_for_good_is_told_and_lost (void **state)
{
    (void)state;
    fixture_t f;
    s_init (&f);
    s_put (&f, 1, "");
    covey_postbox_pump (&f.box, f.session, 0);
    assert_true (covey_postbox_verdict (&f.box, 1, COVEY_INVALID, "", 0));
    assert_int_equal (f.box.lost, 1);
    assert_int_equal (covey_postbox_announced (&f.box, 1), 1);
    assert_false (
        covey_postbox_verdict (&f.box, 1, COVEY_OK, "", 0)); /* twice */
    s_deinit (&f);
}

static void
test_a_new_session_gets_all_that_the_old_one_had (void **state)
{
    (void)state;
    fixture_t f, g;
    s_init (&f);
    s_init (&g);
    for (uint64_t i = 1; i <= 5; i++)
        s_put (&f, i, "");
    covey_postbox_pump (&f.box, f.session, 0);
    assert_false (covey_postbox_verdict (&f.box, 1, COVEY_OK, "", 0));
    covey_postbox_recall (&f.box);
    s_put (&f, 6, "");
    covey_postbox_pump (&f.box, g.session, 0);
    assert_int_equal (covey_session_unsent (g.session), 5);
    for (uint64_t ticket = 1; ticket <= 5; ticket++) {
        assert_int_equal (covey_postbox_announced (&f.box, 6), ticket);
        assert_false (covey_postbox_verdict (&f.box, ticket, COVEY_OK, "", 0));
    }
    assert_int_equal (covey_postbox_announced (&f.box, 6), 6);
    s_deinit (&g);
    s_deinit (&f);
}

static void
test_too_many_waiting_ones_are_a_backlog (void **state)
{
    (void)state;
    fixture_t f;
    s_init (&f);
    for (int i = 0; i < COVEY_POSTBOX_BACKLOG; i++) {
        assert_false (covey_postbox_has_backlog (&f.box));
        s_put (&f, 1, "");
    }
    assert_true (covey_postbox_has_backlog (&f.box));
    covey_postbox_pump (&f.box, f.session, 0);
    assert_false (covey_postbox_has_backlog (&f.box));
    s_deinit (&f);
}

/*  As when nobody stores: facts find no room, answers do.                    */
static void
test_answers_pass_facts_that_are_refused (void **state)
{
    (void)state;
    fixture_t f;
    s_init (&f);
    for (uint64_t i = 1; i <= 3; i++)
        s_put (&f, i, "");
    covey_postbox_pump (&f.box, f.session, 0);
    for (uint64_t ticket = 1; ticket <= 3; ticket++)
        assert_false (covey_postbox_verdict (&f.box, ticket, COVEY_EAGAIN,
                                             "no persister", 1000));
    s_put (&f, 0, "a");
    covey_postbox_pump (&f.box, f.session, 1000);
    assert_int_equal (covey_session_unsent (f.session), 4);
    assert_false (covey_postbox_verdict (&f.box, 4, COVEY_OK, NULL, 1000));
    assert_string_equal (f.box.why.text, "no persister");
    /* one is tried, the first; then twice as many */
    covey_postbox_pump (&f.box, f.session, 2000);
    assert_int_equal (covey_session_unsent (f.session), 5);
    assert_false (covey_postbox_verdict (&f.box, 5, COVEY_OK, NULL, 2000));
    assert_int_equal (covey_postbox_announced (&f.box, 3), 1);
    covey_postbox_pump (&f.box, f.session, 2000);
    assert_int_equal (covey_session_unsent (f.session), 7);
    assert_false (covey_postbox_verdict (&f.box, 6, COVEY_OK, NULL, 2000));
    assert_int_equal (covey_postbox_announced (&f.box, 3), 2);
    assert_false (covey_postbox_verdict (&f.box, 7, COVEY_OK, NULL, 2000));
    assert_int_equal (covey_postbox_announced (&f.box, 3), 3);
    s_deinit (&f);
}

static void
test_a_backlog_that_nobody_takes_is_stuck (void **state)
{
    (void)state;
    fixture_t f;
    s_init (&f);
    for (uint64_t i = 0; i <= COVEY_POSTBOX_BACKLOG; i++)
        s_put (&f, i + 1, "");
    assert_false (covey_postbox_is_stuck (&f.box, 100000)); /* nobody refused */
    covey_postbox_pump (&f.box, f.session, 0);
    assert_false (covey_postbox_verdict (&f.box, 1, COVEY_EAGAIN, "full", 500));
    assert_false (covey_postbox_has_backlog (&f.box)); /* the others may go */
    covey_postbox_recall (&f.box);
    assert_false (covey_postbox_is_stuck (&f.box, 500));
    int64_t then_ms = 500 + COVEY_POSTBOX_STUCK_MS;
    assert_true (covey_postbox_is_stuck (&f.box, then_ms));
    assert_int_equal (covey_postbox_next_ms (&f.box),
                      500 + COVEY_POSTBOX_RETRY_MS);
    covey_postbox_pump (&f.box, f.session, then_ms);
    assert_int_equal (covey_postbox_next_ms (&f.box), INT64_MAX);
    uint64_t ticket = COVEY_POSTBOX_BACKLOG + 1;
    assert_false (
        covey_postbox_verdict (&f.box, ticket, COVEY_OK, NULL, then_ms));
    assert_false (covey_postbox_is_stuck (&f.box, then_ms));
    s_deinit (&f);
}

static void
test_an_event_against_the_contract_is_refused_by_name (void **state)
{
    (void)state;
    fixture_t f;
    covey_errbuf_t err = {""};
    s_init (&f);
    covey_event_t *event = covey_event_new (COVEY_EVENT_SYSTEM_INFO);
    assert_int_not_equal (covey_postbox_put (&f.box, event, 1, &err), COVEY_OK);
    assert_string_not_equal (err.text, "");
    assert_true (covey_postbox_is_empty (&f.box));
    covey_event_destroy (&event);
    s_deinit (&f);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_what_has_its_verdict_is_announced),
        cmocka_unit_test (test_what_found_no_room_is_sent_again_after_a_while),
        cmocka_unit_test (
            test_a_fact_for_several_goes_to_each_alone_when_one_is_missing),
        cmocka_unit_test (test_what_is_refused_for_good_is_told_and_lost),
        cmocka_unit_test (test_a_new_session_gets_all_that_the_old_one_had),
        cmocka_unit_test (test_too_many_waiting_ones_are_a_backlog),
        cmocka_unit_test (test_answers_pass_facts_that_are_refused),
        cmocka_unit_test (test_a_backlog_that_nobody_takes_is_stuck),
        cmocka_unit_test (
            test_an_event_against_the_contract_is_refused_by_name),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
