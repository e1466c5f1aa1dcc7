/*  Two nodes whose every connection breaks again and again under load: what is
    targeted comes once and in order, broadcasts come or are announced as lost.
    As test_netns.sh, for machines without root.                              */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/sim_net.h"
#include "tests/support/support_api.h"
#include "tests/support/support_proxy.h"

#define CUTS 200
#define AHEAD_MAX 500 /* events that may be on their way */
#define LEAST 2000    /* events each way: with less the run shows nothing */
#define LOAD_MS 120000
#define DRAIN_MS 60000

typedef struct side side_t;
struct side {
    covey_agent_t *agent;
    const side_t *other;
    const char *to;
    pthread_t thread;
    support_proxy_t *proxy;
    uint64_t sent, cast; /* accepted                                        */
    uint64_t refused;    /* and tried again                                 */
    /* what this one received of the other, in its dispatching thread         */
    _Atomic uint64_t got, heard, announced;
    _Atomic uint64_t wrong, told;
    uint64_t last, last_heard;
};

static uint64_t
s_number (const covey_event_t *event)
{
    return strtoull (support_content (event), NULL, 10);
}

static covey_err_t
s_on_message (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    side_t *self = arg;
    uint64_t number = s_number (event);
    self->wrong += number != self->last + 1;
    self->last = number;
    self->got++;
    return COVEY_OK;
}

static covey_err_t
s_on_broadcast (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    side_t *self = arg;
    if (strcmp (covey_event_source (event), covey_agent_id (agent)) == 0)
        return COVEY_OK;
    uint64_t number = s_number (event);
    self->wrong += number <= self->last_heard;
    self->last_heard = number;
    self->heard++;
    return COVEY_OK;
}

static void
s_on_notice (covey_agent_t *agent, const covey_notice_t *notice, void *arg)
{
    (void)agent;
    side_t *self = arg;
    if (notice->kind == COVEY_NOTICE_GAP)
        self->announced += strtoull (notice->text, NULL, 10);
    self->told += notice->kind == COVEY_NOTICE_UNDELIVERED;
}

static void
s_pause (void)
{
    (void)poll (NULL, 0, 1);
}

static covey_err_t
s_send (side_t *self, bool broadcast, uint64_t number)
{
    char text[32];
    snprintf (text, sizeof text, "%" PRIu64, number);
    size_t size = strlen (text);
    covey_err_t code =
        broadcast
            ? covey_agent_broadcast (self->agent, "load", COVEY_CONTENT_TEXT,
                                     text, size, NULL, DRAIN_MS)
            : covey_agent_send (self->agent, self->to, COVEY_CONTENT_TEXT, text,
                                size, DRAIN_MS);
    self->refused += code != COVEY_OK;
    return code;
}

/*  A refusal means that nothing happened: the same again, soon.              */
static void *
s_load (void *arg)
{
    side_t *self = arg;
    int64_t until_ms = support_now_ms () + LOAD_MS;
    while (support_proxy_cuts (self->proxy) < CUTS &&
           support_now_ms () < until_ms) {
        if (self->sent - self->other->got >= AHEAD_MAX)
            s_pause ();
        else if (s_send (self, false, self->sent + 1) != COVEY_OK)
            s_pause ();
        else if (++self->sent % 8 == 0 &&
                 s_send (self, true, self->cast + 1) == COVEY_OK)
            self->cast++;
    }
    return NULL;
}

/* ------------------------------------------------------------------------ */

/*  Behind the proxy: it listens where others look for this node.             */
static covey_node_t *
s_node (support_proxy_t *proxy, const char *name, const char *address,
        char *join)
{
    char text[64];
    covey_node_t *node = covey_node_new (name);
    int port = support_proxy_listen (proxy, address);
    snprintf (text, sizeof text, "127.0.0.1:%d", port);
    expect_ok (covey_node_set (node, "listen", text));
    snprintf (text, sizeof text, "%d", support_proxy_listen (proxy, address));
    expect_ok (covey_node_set (node, "pubPort", text));
    expect_ok (covey_node_set (node, "advertise", address));
    if (*join)
        expect_ok (covey_node_set (node, "join", join));
    else
        snprintf (join, 64, "%s:%d", address, port);
    return node;
}

static void
s_open (side_t *self, covey_node_t *node, support_proxy_t *proxy,
        const char *id, const char *to)
{
    self->to = to;
    self->proxy = proxy;
    self->agent = covey_agent_new (id, "side");
    covey_agent_on_message (self->agent, s_on_message, self);
    covey_agent_on_broadcast (self->agent, s_on_broadcast, self);
    covey_agent_on_notice (self->agent, s_on_notice, self);
    expect_ok (covey_agent_attach (self->agent, node, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_start (self->agent));
}

static bool
s_is_through (const side_t *from, const side_t *to)
{
    return to->got >= from->sent && to->heard + to->announced >= from->cast;
}

static void
s_check (const char *what, const side_t *from, const side_t *to)
{
    print_message ("%s: %" PRIu64 " sent, %" PRIu64 " received, %" PRIu64
                   " wrong, %" PRIu64 " told; %" PRIu64 " broadcasts, %" PRIu64
                   " received, %" PRIu64 " announced; %" PRIu64
                   " refused and tried again\n",
                   what, from->sent, to->got, to->wrong, from->told, from->cast,
                   to->heard, to->announced, from->refused);
    assert_true (from->sent >= LEAST);
    assert_int_equal (to->wrong, 0);
    assert_int_equal (from->told, 0);
    assert_int_equal (to->got, from->sent);
    assert_int_equal (to->heard + to->announced, from->cast);
}

static void
test_connections_that_break_lose_nothing (void **state)
{
    (void)state;
    support_proxy_t *proxy = support_proxy_new (sim_seed ("cuts", 1));
    char join[64] = "";
    covey_node_t *nodes[2];
    nodes[0] = s_node (proxy, "alpha", "127.0.0.2", join);
    nodes[1] = s_node (proxy, "beta", "127.0.0.3", join);
    support_proxy_start (proxy);
    for (int i = 0; i < 2; i++)
        expect_ok (covey_node_start (nodes[i], SUPPORT_WAIT_MS));
    for (int i = 0; i < 2; i++)
        expect_ok (covey_node_wait_nodes (nodes[i], 2, SUPPORT_WAIT_MS));
    side_t sides[2] = {{.other = &sides[1]}, {.other = &sides[0]}};
    s_open (&sides[0], nodes[0], proxy, "a", "b");
    s_open (&sides[1], nodes[1], proxy, "b", "a");
    for (int i = 0; i < 2; i++)
        expect_ok (covey_node_wait_agents (nodes[i], 2, SUPPORT_WAIT_MS));
    for (int i = 0; i < 2; i++)
        assert_int_equal (
            pthread_create (&sides[i].thread, NULL, s_load, &sides[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join (sides[i].thread, NULL);
    support_proxy_calm (proxy);
    int64_t until_ms = support_now_ms () + DRAIN_MS;
    while (!(s_is_through (&sides[0], &sides[1]) &&
             s_is_through (&sides[1], &sides[0])) &&
           support_now_ms () < until_ms)
        s_pause ();
    print_message ("%zu cuts, %zu stalls\n", support_proxy_cuts (proxy),
                   support_proxy_stalls (proxy));
    assert_true (support_proxy_cuts (proxy) >= CUTS);
    s_check ("a to b", &sides[0], &sides[1]);
    s_check ("b to a", &sides[1], &sides[0]);
    for (int i = 0; i < 2; i++)
        covey_agent_destroy (&sides[i].agent);
    for (int i = 0; i < 2; i++)
        covey_node_destroy (&nodes[i]);
    support_proxy_destroy (&proxy);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_connections_that_break_lose_nothing),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
