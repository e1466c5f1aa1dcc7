/*  The event class: life, envelope, bytes.                                  */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/event.h"

static covey_event_t *
s_task (void)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_TASK_ACCEPTED);
    assert_non_null (event);
    assert_int_equal (covey_event_set_source (event, "worker-1"), COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "taskId", "t1"), COVEY_OK);
    return event;
}

static void
test_new_has_id_time_and_type (void **state)
{
    (void)state;
    covey_event_t *event = s_task ();
    assert_int_equal (covey_event_type (event), COVEY_EVENT_TASK_ACCEPTED);
    assert_false (covey_id_is_zero (covey_event_id (event)));
    assert_true (covey_event_timestamp_us (event) > 1600000000000000);
    assert_int_equal (covey_event_priority (event), COVEY_PRIORITY_NORMAL);
    assert_int_equal (covey_event_offset (event), -1);
    assert_string_equal (covey_event_session_id (event), "");
    assert_null (covey_event_causation_id (event));
    char *json = covey_event_to_json (event);
    covey_event_t *back = NULL;
    if (covey_event_from_json (json, strlen (json), &back) != COVEY_OK)
        fail_msg ("%s", covey_error ());
    assert_true (covey_event_equal (event, back));
    covey_event_destroy (&back);
    covey_free (json);
    covey_event_destroy (&event);
    assert_null (event);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_new_has_id_time_and_type)};
    return cmocka_run_group_tests (tests, NULL, NULL);
}
