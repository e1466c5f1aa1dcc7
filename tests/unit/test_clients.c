/*  clients: once, and what cannot be told any more is not done again         */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_control.h"
#include "base/id.h"
#include "coordinator/clients.h"

#define HOUR_MS INT64_C (3600000)

typedef struct {
    support_control_t c;
    covey_idgen_t ids;
    char id[37]; /* the last one made                                         */
} s_mesh_t;

static s_mesh_t *
s_new (void)
{
    s_mesh_t *mesh = calloc (1, sizeof *mesh);
    assert_non_null (mesh);
    support_control_init (&mesh->c, NULL);
    covey_idgen_init (&mesh->ids, 1);
    return mesh;
}

/*  Every test ends here: a replay of its log comes to the same state.       */
static void
s_end (s_mesh_t *mesh)
{
    assert_true (covey_state_digest (mesh->c.state) ==
                 support_replay (&mesh->c));
    support_control_deinit (&mesh->c);
    free (mesh);
}

static const char *
s_id (s_mesh_t *mesh)
{
    covey_id_text (covey_idgen_next (&mesh->ids, mesh->c.now_us).bytes,
                   mesh->id);
    return mesh->id;
}

static covey_err_t
s_form (s_mesh_t *mesh, const char *client, const char *request)
{
    return support_call_as (&mesh->c, client, request, "swarm.form", "{}");
}

static void
s_assert_outcome (s_mesh_t *mesh, const char *client, const char *request,
                  const char *state, const char *code)
{
    support_call (&mesh->c, "asker", "mesh.outcome",
                  "{\"requestId\":\"%s\",\"client\":\"%s\"}", request, client);
    assert_string_equal (support_reply (&mesh->c, "state"), state);
    assert_string_equal (support_reply (&mesh->c, "code"), code);
}

static void
test_an_outcome_can_be_asked_for (void **state)
{
    (void)state;
    s_mesh_t *mesh = s_new ();
    support_control_t *c = &mesh->c;
    assert_int_equal (
        support_call_as (c, "ann", "r1", "swarm.form", "{\"swarmId\":\"s1\"}"),
        COVEY_OK);
    assert_int_equal (
        support_call_as (c, "ann", "r2", "swarm.form", "{\"swarmId\":\"s1\"}"),
        COVEY_EXISTS);
    s_assert_outcome (mesh, "ann", "r1", "done", "");
    assert_string_equal (support_reply (c, "shows"), "swarm");
    assert_string_equal (support_reply (c, "id"), "s1");
    s_assert_outcome (mesh, "ann", "r2", "refused", "EXISTS");
    assert_non_null (strstr (support_reply (c, "message"), "s1 exists"));
    s_assert_outcome (mesh, "ann", "r3", "unknown", "NOTFOUND");
    s_assert_outcome (mesh, "bob", "r1", "unknown", "NOTFOUND");
    /* who asks for itself names nobody */
    support_call (c, "ann", "mesh.outcome", "{\"requestId\":\"r1\"}");
    assert_string_equal (support_reply (c, "state"), "done");
    assert_int_equal (support_call (c, "ann", "mesh.outcome", "{}"),
                      COVEY_INVALID);
    s_end (mesh);
}

static void
test_what_left_the_window_is_refused_and_not_done_again (void **state)
{
    (void)state;
    s_mesh_t *mesh = s_new ();
    char first[37], second[37];
    memcpy (first, s_id (mesh), sizeof first);
    memcpy (second, s_id (mesh), sizeof second);
    const char *skipped = "018bcfe5-6800-7000-8000-000000000000";
    assert_int_equal (s_form (mesh, "ann", first), COVEY_OK);
    assert_int_equal (s_form (mesh, "ann", second), COVEY_OK);
    for (int i = 2; i < COVEY_CLIENT_WINDOW; i++)
        assert_int_equal (s_form (mesh, "ann", s_id (mesh)), COVEY_OK);
    /* all of them are known: none is done again */
    size_t formed = COVEY_CLIENT_WINDOW;
    assert_int_equal (s_form (mesh, "ann", first), COVEY_OK);
    assert_int_equal (support_fact_count (&mesh->c, COVEY_EVENT_SWARM_FORMED),
                      0);
    /* one more, and the first is gone; the second is not */
    assert_int_equal (s_form (mesh, "ann", s_id (mesh)), COVEY_OK);
    formed++;
    assert_int_equal (s_form (mesh, "ann", first), COVEY_FORGOTTEN);
    assert_non_null (strstr (mesh->c.err.text, first));
    assert_int_equal (s_form (mesh, "ann", second), COVEY_OK);
    assert_int_equal (support_fact_count (&mesh->c, COVEY_EVENT_SWARM_FORMED),
                      0);
    s_assert_outcome (mesh, "ann", first, "unknown", "FORGOTTEN");
    s_assert_outcome (mesh, "ann", second, "done", "");
    /* older than all: it may have been there; but nobody knows such of bob */
    assert_int_equal (s_form (mesh, "ann", skipped), COVEY_FORGOTTEN);
    assert_int_equal (s_form (mesh, "bob", skipped), COVEY_OK);
    /* an id that does not tell its time cannot be refused */
    assert_int_equal (s_form (mesh, "ann", "r1"), COVEY_OK);
    formed += 2;
    Covey__Control__CoordinatorStatus status =
        COVEY__CONTROL__COORDINATOR_STATUS__INIT;
    covey_state_status (mesh->c.state, &status);
    assert_int_equal (status.swarms, formed);
    s_end (mesh);
}

static void
test_a_forgotten_client_is_not_taken_for_a_new_one (void **state)
{
    (void)state;
    s_mesh_t *mesh = s_new ();
    char old[37], other[37];
    memcpy (old, s_id (mesh), sizeof old);
    assert_int_equal (s_form (mesh, "ann", old), COVEY_OK);
    support_tick (&mesh->c, 10);
    memcpy (other, s_id (mesh), sizeof other);
    support_tick (&mesh->c, HOUR_MS - 20);
    assert_int_equal (s_form (mesh, "ann", old), COVEY_OK);
    assert_int_equal (mesh->c.effects.fact_count, 0);
    support_tick (&mesh->c, 20); /* an hour of silence */
    assert_int_equal (s_form (mesh, "ann", old), COVEY_FORGOTTEN);
    s_assert_outcome (mesh, "ann", old, "unknown", "FORGOTTEN");
    /* what is younger than that goes on, and does not open the door again */
    assert_int_equal (s_form (mesh, "ann", other), COVEY_OK);
    assert_int_equal (s_form (mesh, "ann", s_id (mesh)), COVEY_OK);
    assert_int_equal (s_form (mesh, "ann", old), COVEY_FORGOTTEN);
    s_assert_outcome (mesh, "ann", other, "done", "");
    s_end (mesh);
}

static void
test_too_many_clients_forget_the_longest_silent (void **state)
{
    (void)state;
    covey_clients_t clients;
    covey_idgen_t ids;
    covey_answer_t answer = {.code = COVEY_OK};
    const covey_answer_t *known = NULL;
    char first[37], id[37], name[16];
    int64_t now_us = INT64_C (1700000000000000);
    covey_clients_init (&clients);
    covey_idgen_init (&ids, 1);
    for (int i = 0; i <= COVEY_CLIENTS_MAX; i++, now_us += 1000) {
        snprintf (name, sizeof name, "c%d", i);
        covey_id_text (covey_idgen_next (&ids, now_us).bytes, id);
        if (i == 0)
            memcpy (first, id, sizeof first);
        assert_int_equal (covey_clients_look (&clients, name, id, &known),
                          COVEY_REQUEST_NEW);
        covey_clients_keep (&clients, name, id, &answer, now_us);
        assert_true (clients.clients.count <= COVEY_CLIENTS_MAX);
    }
    assert_int_equal (covey_clients_look (&clients, "c0", first, &known),
                      COVEY_REQUEST_FORGOTTEN);
    assert_int_equal (covey_clients_look (&clients, name, id, &known),
                      COVEY_REQUEST_ANSWERED);
    assert_int_equal (covey_clients_look (&clients, "c0", id, &known),
                      COVEY_REQUEST_NEW);
    covey_clients_deinit (&clients);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_an_outcome_can_be_asked_for),
        cmocka_unit_test (
            test_what_left_the_window_is_refused_and_not_done_again),
        cmocka_unit_test (test_a_forgotten_client_is_not_taken_for_a_new_one),
        cmocka_unit_test (test_too_many_clients_forget_the_longest_silent),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
