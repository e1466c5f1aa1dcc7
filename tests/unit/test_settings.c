#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "api/settings.h"

static covey_settings_t settings;
static covey_errbuf_t err;

/*  Check a node with `settings` as NAME, VALUE, ..., NULL.                   */
static covey_err_t
s_check (const char *const *pairs)
{
    covey_options_t *options = covey_options_new (covey_node_settings ());
    for (; *pairs; pairs += 2)
        assert_int_equal (covey_options_set (options, pairs[0], pairs[1],
                                             COVEY_FROM_CALL, &err),
                          COVEY_OK);
    covey_err_t rc = covey_settings_check (options, &settings, &err);
    covey_options_destroy (&options);
    return rc;
}

#define CHECK(...) s_check ((const char *const[]){__VA_ARGS__, NULL})

static void
defaults_make_a_first_node (void **state)
{
    (void)state;
    assert_int_equal (CHECK ("mesh", "m"), COVEY_OK);
    assert_string_equal (settings.host, "127.0.0.1");
    assert_int_equal (settings.port, 7400);
    assert_int_equal (settings.pub_port, 7401);
    assert_string_equal (settings.session_tcp, "");
    assert_true (settings.is_coordinator && settings.is_persister);
}

static void
node_that_joins_is_a_spare_coordinator_unless_told_otherwise (void **state)
{
    (void)state;
    assert_int_equal (CHECK ("join", "10.0.0.1:7400"), COVEY_OK);
    assert_true (settings.is_coordinator && !settings.is_persister);
    assert_int_equal (CHECK ("join", "10.0.0.1", "roles", "none"), COVEY_OK);
    assert_false (settings.is_coordinator || settings.is_persister);
    assert_int_equal (CHECK ("join", "10.0.0.1", "roles", "persister"),
                      COVEY_OK);
    assert_true (settings.is_persister && !settings.is_coordinator);
    assert_int_equal (CHECK ("roles", "none"), COVEY_OK);
    assert_false (settings.is_coordinator || settings.is_persister);
}

static void
addresses_are_split_into_host_and_port (void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        int port;
    } good[] = {{"10.0.0.1", "10.0.0.1", 1},
                {"10.0.0.1:5", "10.0.0.1", 5},
                {"host:65535", "host", 65535},
                {"[::1]:9", "::1", 9},
                {"[::1]", "::1", 1},
                {"fe80::1", "fe80::1", 1},
                {"*:0", "*", 0}};
    static const char *const bad[] = {"",        ":5",    "h:",   "h:x",
                                      "h:65536", "h:-1",  "[::1", "[::1]x",
                                      "[]:5",    "a b:5", "h/x:5"};
    char host[64];
    int port;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true (
            covey_settings_address (good[i].text, 1, host, sizeof host, &port));
        assert_string_equal (host, good[i].host);
        assert_int_equal (port, good[i].port);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false (
            covey_settings_address (bad[i], 1, host, sizeof host, &port));
    assert_false (covey_settings_address ("12345678", 1, host, 8, &port));
}

static void
port_zero_and_explicit_ports_are_kept (void **state)
{
    (void)state;
    assert_int_equal (CHECK ("listen", "127.0.0.1:0"), COVEY_OK);
    assert_int_equal (settings.port, 0);
    assert_int_equal (settings.pub_port, 0);
    assert_int_equal (CHECK ("listen", "[::]:10", "pub-port", "20"), COVEY_OK);
    assert_string_equal (settings.host, "::");
    assert_int_equal (settings.pub_port, 20);
    assert_int_equal (CHECK ("session-tcp", "::1"), COVEY_OK);
    assert_string_equal (settings.session_tcp, "tcp://[::1]:7402");
}

static void
contradictions_are_named (void **state)
{
    (void)state;
    assert_int_equal (CHECK ("listen", "h:65535"), COVEY_INVALID);
    assert_non_null (strstr (err.text, "pub-port"));
    assert_int_equal (CHECK ("listen", "h:10", "pub-port", "10"),
                      COVEY_INVALID);
    assert_int_equal (CHECK ("join", "h:0"), COVEY_INVALID);
    assert_non_null (strstr (err.text, "h:0"));
    assert_int_equal (CHECK ("roles", "none", "roles", "persister"),
                      COVEY_INVALID);
    assert_int_equal (CHECK ("roles", "king"), COVEY_INVALID);
    assert_non_null (strstr (err.text, "king"));
    assert_int_equal (CHECK ("persist-types", "task:done"), COVEY_INVALID);
    assert_int_equal (CHECK ("probe-timeout", "1s"), COVEY_INVALID);
    assert_int_equal (CHECK ("probe-interval", "400"), COVEY_INVALID);
}

static void
persist_types_become_numbers (void **state)
{
    (void)state;
    assert_int_equal (CHECK ("persist-types", "task:completed,request"),
                      COVEY_OK);
    assert_int_equal (settings.persist_type_count, 2);
    assert_int_equal (settings.persist_types[0], COVEY_EVENT_TASK_COMPLETED);
    assert_int_equal (settings.persist_types[1], COVEY_EVENT_REQUEST);
}

static covey_err_t
s_choose (const char *const *pairs)
{
    static const covey_interface_t host[] = {
        {"lo", 1, "127.0.0.1", "127.255.255.255", true},
        {"eth0", 2, "10.0.0.5", "10.0.0.255", false},
        {"wlan0", 3, "192.168.1.5", "192.168.1.255", false}};
    covey_options_t *options = covey_options_new (covey_node_settings ());
    for (; *pairs; pairs += 2)
        assert_int_equal (covey_options_set (options, pairs[0], pairs[1],
                                             COVEY_FROM_CALL, &err),
                          COVEY_OK);
    covey_err_t rc = covey_settings_check (options, &settings, &err);
    assert_int_equal (rc, COVEY_OK);
    rc = covey_settings_choose (options, host, 3, &settings, &err);
    covey_options_destroy (&options);
    return rc;
}

#define CHOOSE(...) s_choose ((const char *const[]){__VA_ARGS__, NULL})

static void
interface_gives_the_address (void **state)
{
    (void)state;
    assert_int_equal (CHOOSE ("mesh", "m"), COVEY_OK);
    assert_string_equal (settings.host, "127.0.0.1");
    assert_int_equal (settings.beacon_port, 0);
    assert_int_equal (CHOOSE ("interface", "eth0", "beacon", "true"), COVEY_OK);
    assert_string_equal (settings.host, "10.0.0.5");
    assert_int_equal (settings.port, 7400);
    assert_int_equal (settings.beacon_port, 7403);
    assert_int_equal (CHOOSE ("interface", "wlan0,eth0"), COVEY_OK);
    assert_string_equal (settings.host, "0.0.0.0");
    assert_string_equal (settings.interfaces[0].name, "wlan0");
    assert_int_equal (settings.interface_count, 2);
    assert_int_equal (CHOOSE ("interface", "eth0", "listen", "*:1"), COVEY_OK);
    assert_string_equal (settings.host, "*");
    assert_int_equal (settings.interface_count, 1);
    assert_int_equal (CHOOSE ("interface", "eth0", "listen", "127.0.0.1"),
                      COVEY_INVALID);
    assert_int_equal (CHOOSE ("listen", "0.0.0.0"), COVEY_INVALID);
    assert_int_equal (CHOOSE ("listen", "0.0.0.0", "advertise", "h"), COVEY_OK);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (defaults_make_a_first_node),
        cmocka_unit_test (
            node_that_joins_is_a_spare_coordinator_unless_told_otherwise),
        cmocka_unit_test (addresses_are_split_into_host_and_port),
        cmocka_unit_test (port_zero_and_explicit_ports_are_kept),
        cmocka_unit_test (contradictions_are_named),
        cmocka_unit_test (persist_types_become_numbers),
        cmocka_unit_test (interface_gives_the_address),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
