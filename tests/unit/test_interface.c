#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "node/interface.h"

static const covey_interface_t s_host[] = {
    {"lo", 1, "127.0.0.1", "127.255.255.255", true},
    {"eth0", 2, "10.0.0.5", "10.0.0.255", false},
    {"eth0", 2, "10.0.1.5", "10.0.1.255", false},
    {"wlan0", 3, "192.168.1.5", "192.168.1.255", false},
    {"tun0", 4, "10.8.0.2", "", false}};

static covey_interface_t list[COVEY_INTERFACES_MAX];
static size_t count;
static covey_errbuf_t err;

/*  Of the first `size` interfaces above.                                    */
static covey_err_t
s_choose (size_t size, covey_interface_wish_t wish)
{
    memcpy (list, s_host, size * sizeof *list);
    count = size;
    err.text[0] = '\0';
    return covey_interface_choose (list, &count, &wish, &err);
}

static void
address_chooses_its_interface (void **state)
{
    (void)state;
    assert_int_equal (
        s_choose (5, (covey_interface_wish_t){.host = "192.168.1.5"}),
        COVEY_OK);
    assert_int_equal (count, 1);
    assert_string_equal (list[0].name, "wlan0");
    assert_int_equal (
        s_choose (5, (covey_interface_wish_t){.host = "10.0.1.5",
                                              .needs_broadcast = true}),
        COVEY_OK);
    assert_string_equal (list[0].broadcast, "10.0.1.255");
    assert_int_equal (
        s_choose (5, (covey_interface_wish_t){.host = "localhost"}), COVEY_OK);
    assert_true (list[0].is_loopback);
    assert_int_equal (
        s_choose (5, (covey_interface_wish_t){.host = "host.example"}),
        COVEY_OK);
    assert_int_equal (count, 0);
}

static void
every_address_of_one_interface_is_a_choice (void **state)
{
    (void)state;
    assert_int_equal (s_choose (3, (covey_interface_wish_t){.host = "0.0.0.0"}),
                      COVEY_OK);
    assert_int_equal (count, 1);
    assert_string_equal (list[0].address, "10.0.0.5");
    assert_int_equal (s_choose (1, (covey_interface_wish_t){.host = "*"}),
                      COVEY_OK);
    assert_int_equal (count, 0);
}

static void
several_interfaces_without_a_choice_are_listed (void **state)
{
    (void)state;
    assert_int_equal (s_choose (5, (covey_interface_wish_t){.host = "0.0.0.0"}),
                      COVEY_INVALID);
    assert_non_null (
        strstr (err.text, "eth0 10.0.0.5, wlan0 192.168.1.5, tun0 10.8.0.2"));
    assert_non_null (strstr (err.text, "--interface"));
    assert_null (strstr (err.text, "127.0.0.1"));
    assert_int_equal (
        s_choose (5, (covey_interface_wish_t){.host = "0.0.0.0",
                                              .has_advertise = true}),
        COVEY_OK);
    assert_int_equal (count, 3);
}

static void
names_choose_in_their_order (void **state)
{
    (void)state;
    static const char *const names[] = {"wlan0", "eth0"};
    covey_interface_wish_t wish = {.names = names, .name_count = 2};
    assert_int_equal (s_choose (5, wish), COVEY_OK);
    assert_int_equal (count, 2);
    assert_string_equal (list[0].address, "192.168.1.5");
    assert_string_equal (list[1].address, "10.0.0.5");
    wish.host = "10.0.1.5"; /* then only that one                             */
    assert_int_equal (s_choose (5, wish), COVEY_OK);
    assert_int_equal (count, 1);
    assert_string_equal (list[0].address, "10.0.1.5");
    wish.host = "10.8.0.2";
    assert_int_equal (s_choose (5, wish), COVEY_INVALID);
    assert_non_null (strstr (err.text, "10.8.0.2 is no address"));
}

static void
unknown_name_lists_what_there_is (void **state)
{
    (void)state;
    static const char *const names[] = {"eth9"};
    covey_interface_wish_t wish = {.names = names, .name_count = 1};
    assert_int_equal (s_choose (2, wish), COVEY_INVALID);
    assert_non_null (strstr (err.text, "\"eth9\""));
    assert_non_null (strstr (err.text, "lo 127.0.0.1, eth0 10.0.0.5"));
    assert_int_equal (s_choose (0, wish), COVEY_INVALID);
    assert_non_null (strstr (err.text, "there are: none"));
}

static void
beacon_needs_a_broadcast_address (void **state)
{
    (void)state;
    assert_int_equal (
        s_choose (5, (covey_interface_wish_t){.host = "10.8.0.2",
                                              .needs_broadcast = true}),
        COVEY_INVALID);
    assert_non_null (strstr (err.text, "beacon"));
    assert_int_equal (
        s_choose (5, (covey_interface_wish_t){.host = "host.example",
                                              .needs_broadcast = true}),
        COVEY_INVALID);
    assert_int_equal (
        s_choose (5, (covey_interface_wish_t){.host = "127.0.0.1",
                                              .needs_broadcast = true}),
        COVEY_OK);
}

static void
long_lists_are_cut (void **state)
{
    (void)state;
    for (size_t i = 0; i < COVEY_INTERFACES_MAX; i++)
        list[i] = s_host[1];
    for (size_t i = 0; i < COVEY_INTERFACES_MAX; i++)
        list[i].name[3] = (char)('0' + i);
    count = COVEY_INTERFACES_MAX;
    covey_interface_wish_t wish = {.host = "::"};
    assert_int_equal (covey_interface_choose (list, &count, &wish, &err),
                      COVEY_INVALID);
    assert_true (strlen (err.text) < sizeof err.text - 1);
    assert_int_equal (count, COVEY_INTERFACES_MAX);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (address_chooses_its_interface),
        cmocka_unit_test (every_address_of_one_interface_is_a_choice),
        cmocka_unit_test (several_interfaces_without_a_choice_are_listed),
        cmocka_unit_test (names_choose_in_their_order),
        cmocka_unit_test (unknown_name_lists_what_there_is),
        cmocka_unit_test (beacon_needs_a_broadcast_address),
        cmocka_unit_test (long_lists_are_cut),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
