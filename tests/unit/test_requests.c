#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node/requests.h"
#include "proto/event.h"

static const uint8_t session[16] = {7};

/*  A packed request or response and its view.                                */
typedef struct {
    covey_buf_t packed;
    covey_peek_t view;
} packed_t;

static void
s_pack (packed_t *self, covey_event_t *event)
{
    covey_errbuf_t err;
    assert_non_null (event);
    covey_buf_init (&self->packed, COVEY_EVENT_MAX);
    assert_int_equal (covey_event_pack (event, &self->packed, &err), COVEY_OK);
    assert_int_equal (
        covey_peek (self->packed.data, self->packed.size, &self->view),
        COVEY_OK);
    covey_event_destroy (&event);
}

static void
s_ask (covey_requests_t *requests, const char *source, const char *id,
       int64_t until_ms)
{
    packed_t packed;
    s_pack (&packed, covey_event_request (source, "bob", id, "m", NULL, 1000));
    covey_requests_add (requests, &packed.view, session, until_ms);
    covey_buf_deinit (&packed.packed);
}

static void
s_answer (covey_requests_t *requests, const char *to, const char *id)
{
    packed_t packed;
    covey_event_t *request =
        covey_event_request (to, "bob", id, "m", NULL, 1000);
    s_pack (&packed,
            covey_event_response (request, "bob", COVEY_CONTENT_JSON, "1", 1));
    uint8_t event_id[16];
    (void)covey_requests_answered (requests, to, &packed.view, event_id);
    covey_event_destroy (&request);
    covey_buf_deinit (&packed.packed);
}

static bool
s_all (void *arg, const covey_request_t *request)
{
    char *names = arg;
    size_t size = strlen (names);
    assert_memory_equal (request->session_id, session, 16);
    assert_string_equal (request->target, "bob");
    snprintf (names + size, 200 - size, "%s/%s ", request->source,
              request->request_id);
    return true;
}

static bool
s_none (void *arg, const covey_request_t *request)
{
    (void)request;
    ++*(int *)arg;
    return false;
}

static void
answered_request_is_forgotten_and_others_stay (void **state)
{
    (void)state;
    covey_requests_t *requests = covey_requests_new ();
    s_ask (requests, "ann", "1", 100);
    s_ask (requests, "ann", "2", 100);
    s_ask (requests, "cat", "1", 100);
    s_ask (requests, "cat", "1", 100);
    assert_int_equal (covey_requests_count (requests), 3);
    s_answer (requests, "ann", "1");
    s_answer (requests, "ann", "9");
    s_answer (requests, "dan", "2");
    char names[200] = "";
    covey_requests_sweep (requests, 0, s_all, names);
    assert_string_equal (names, "ann/2 cat/1 ");
    /* Told once, and remembered for that until they are over. */
    covey_requests_sweep (requests, 0, s_all, names);
    assert_string_equal (names, "ann/2 cat/1 ");
    assert_int_equal (covey_requests_count (requests), 2);
    covey_requests_sweep (requests, 100, s_all, names);
    assert_int_equal (covey_requests_count (requests), 0);
    covey_requests_destroy (&requests);
}

static void
asker_is_told_once_in_whichever_way (void **state)
{
    (void)state;
    covey_requests_t *requests = covey_requests_new ();
    covey_slice_t ann = {.text = "ann", .size = 3};
    s_ask (requests, "ann", "1", 100);
    assert_true (covey_requests_tell (requests, ann, "unknown"));
    assert_true (covey_requests_tell (requests, ann, "1"));
    assert_false (covey_requests_tell (requests, ann, "1"));
    int asked = 0;
    covey_requests_sweep (requests, 0, s_none, &asked);
    assert_int_equal (asked, 0);
    covey_requests_destroy (&requests);
}

static void
request_is_forgotten_after_its_time_without_a_word (void **state)
{
    (void)state;
    covey_requests_t *requests = covey_requests_new ();
    s_ask (requests, "ann", "1", 100);
    s_ask (requests, "ann", "2", 200);
    int asked = 0;
    covey_requests_sweep (requests, 100, s_none, &asked);
    assert_int_equal (asked, 1);
    assert_int_equal (covey_requests_count (requests), 1);
    covey_requests_destroy (&requests);
}

static void
oldest_makes_room_at_the_bound (void **state)
{
    (void)state;
    covey_requests_t *requests = covey_requests_new ();
    char id[16];
    for (int i = 0; i <= COVEY_REQUESTS_MAX; i++) {
        snprintf (id, sizeof id, "%d", i);
        s_ask (requests, "ann", id, 100);
    }
    assert_int_equal (covey_requests_count (requests), COVEY_REQUESTS_MAX);
    assert_int_equal (covey_requests_forgotten (requests), 1);
    s_answer (requests, "ann", "0");
    assert_int_equal (covey_requests_count (requests), COVEY_REQUESTS_MAX);
    s_answer (requests, "ann", "1");
    assert_int_equal (covey_requests_count (requests), COVEY_REQUESTS_MAX - 1);
    covey_requests_destroy (&requests);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (answered_request_is_forgotten_and_others_stay),
        cmocka_unit_test (asker_is_told_once_in_whichever_way),
        cmocka_unit_test (request_is_forgotten_after_its_time_without_a_word),
        cmocka_unit_test (oldest_makes_room_at_the_bound),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
