/*  Nodes that find each other by beacons alone, on the loopback interface    */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "node/beacon.h"
#include "tests/support/support_api.h"

static struct sockaddr_in s_beacons; /* where they go                         */
static char s_port[8];

/*  A UDP port that nobody has.                                               */
static int
s_take_port (void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket (AF_INET, SOCK_DGRAM, 0);
    assert_int_equal (bind (fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal (getsockname (fd, (struct sockaddr *)&address, &size), 0);
    snprintf (s_port, sizeof s_port, "%d", ntohs (address.sin_port));
    s_beacons = address;
    assert_int_equal (
        inet_pton (AF_INET, "127.255.255.255", &s_beacons.sin_addr), 1);
    close (fd);
    return 0;
}

static covey_node_t *
s_start (const char *name, const char *mesh, const char *roles)
{
    covey_node_t *node = covey_node_new (name);
    expect_ok (covey_node_set (node, "listen", "127.0.0.1:0"));
    expect_ok (covey_node_set (node, "mesh", mesh));
    expect_ok (covey_node_set (node, "beacon", "true"));
    expect_ok (covey_node_set (node, "beaconPort", s_port));
    expect_ok (covey_node_set (node, "roles", roles));
    expect_ok (covey_node_start (node, SUPPORT_WAIT_MS));
    return node;
}

static json_int_t
s_counter (covey_node_t *node, const char *name)
{
    char *text = covey_node_status (node, SUPPORT_WAIT_MS);
    assert_non_null (text);
    json_t *status = json_loads (text, 0, NULL);
    json_t *value =
        json_object_get (json_object_get (status, "counters"), name);
    assert_true (json_is_integer (value));
    json_int_t number = json_integer_value (value);
    json_decref (status);
    free (text);
    return number;
}

static void
s_wait_counter (covey_node_t *node, const char *name, json_int_t least)
{
    int64_t until_ms = support_now_ms () + SUPPORT_WAIT_MS;
    while (s_counter (node, name) < least)
        if (support_now_ms () > until_ms)
            fail_msg ("%s is %lld, not %lld", name,
                      (long long)s_counter (node, name), (long long)least);
}

static void
s_send (const void *data, size_t size)
{
    int fd = socket (AF_INET, SOCK_DGRAM, 0), on = 1;
    assert_int_equal (setsockopt (fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on),
                      0);
    assert_int_equal (sendto (fd, data, size, 0, (struct sockaddr *)&s_beacons,
                              sizeof s_beacons),
                      size);
    close (fd);
}

static void
nodes_of_one_mesh_find_each_other (void **state)
{
    (void)state;
    covey_node_t *first = s_start ("first", "found", "coordinator");
    covey_node_t *other = s_start ("other", "elsewhere", "none");
    covey_node_t *second = s_start ("second", "found", "none");
    covey_node_t *third = s_start ("third", "found", "none");
    expect_ok (covey_node_wait_nodes (first, 3, SUPPORT_WAIT_MS));
    expect_ok (covey_node_wait_nodes (second, 3, SUPPORT_WAIT_MS));
    expect_ok (covey_node_wait_nodes (third, 3, SUPPORT_WAIT_MS));
    s_wait_counter (first, "beaconsSent", 1);
    s_wait_counter (first, "beaconsReceived", 1);
    s_wait_counter (first, "beaconsForeign", 1);
    s_wait_counter (other, "beaconsForeign", 3);
    expect_code (covey_node_wait_nodes (other, 2, 0), TIMEOUT);
    assert_int_equal (s_counter (other, "beaconsReceived"), 0);
    assert_int_equal (s_counter (other, "hellosReceived"), 0);
    covey_node_destroy (&third);
    covey_node_destroy (&second);
    covey_node_destroy (&other);
    covey_node_destroy (&first);
}

static void
node_that_was_started_anew_is_found_again (void **state)
{
    (void)state;
    covey_node_t *first = s_start ("first", "again", "none");
    for (int round = 0; round < 2; round++) {
        covey_node_t *second = s_start ("second", "again", "none");
        expect_ok (covey_node_wait_nodes (first, 2, SUPPORT_WAIT_MS));
        expect_ok (covey_node_wait_nodes (second, 2, SUPPORT_WAIT_MS));
        covey_node_destroy (&second);
    }
    covey_node_destroy (&first);
}

static void
floods_and_garbage_are_counted_and_do_no_harm (void **state)
{
    (void)state;
    covey_node_t *first = s_start ("first", "flooded", "none");
    s_send ("nonsense", 8);
    char large[COVEY_BEACON_SIZE_MAX + 1] = "CVYB\1";
    s_send (large, sizeof large);
    s_wait_counter (first, "beaconsMalformed", 2);
    covey_beacon_word_t word = {.epoch = 1, .port = 9, .mesh = "flooded"};
    for (int i = 1; i <= 1000; i++) {
        uint8_t data[COVEY_BEACON_SIZE_MAX];
        memcpy (word.node_id, &i, sizeof i);
        word.port = 1 + i % 500; /* one contact for each address              */
        s_send (data, covey_beacon_encode (&word, data));
    }
    s_wait_counter (first, "beaconsThrottled", 1);
    covey_node_t *second = s_start ("second", "flooded", "none");
    expect_ok (covey_node_wait_nodes (first, 2, SUPPORT_WAIT_MS));
    covey_node_destroy (&second);
    covey_node_destroy (&first);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (nodes_of_one_mesh_find_each_other, s_take_port),
        cmocka_unit_test_setup (node_that_was_started_anew_is_found_again,
                                s_take_port),
        cmocka_unit_test_setup (floods_and_garbage_are_counted_and_do_no_harm,
                                s_take_port),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
