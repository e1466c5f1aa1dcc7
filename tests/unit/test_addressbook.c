#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node/addressbook.h"

static void
test_what_is_written_is_read (void **state)
{
    (void)state;
    covey_addressbook_t book, again;
    covey_errbuf_t err;
    covey_addressbook_init (&book, "my mesh", "coordinator,persister");
    covey_addressbook_add (&book, "10.0.0.1:7400");
    covey_addressbook_add (&book, "[fe80::1]:7400");
    covey_addressbook_add (&book, "10.0.0.1:7400"); /* is there               */
    covey_addressbook_add (&book, "no port");
    covey_addressbook_add (&book, "host:0");
    covey_addressbook_add (&book, "two words:1");
    assert_int_equal (book.count, 2);
    covey_buf_t text;
    covey_buf_init (&text, COVEY_ADDRESSBOOK_BYTES_MAX);
    covey_addressbook_write (&book, &text);
    assert_int_equal (covey_addressbook_read (&again, (const char *)text.data,
                                              text.size, &err),
                      COVEY_OK);
    assert_string_equal (again.mesh, "my mesh");
    assert_string_equal (again.roles, "coordinator,persister");
    assert_int_equal (again.count, 2);
    assert_string_equal (again.addresses[1], "[fe80::1]:7400");
    /* Any part of it is noticed. */
    for (size_t size = 0; size < text.size; size++)
        assert_int_equal (covey_addressbook_read (
                              &again, (const char *)text.data, size, &err),
                          COVEY_CORRUPT);
    covey_buf_deinit (&text);
}

static void
test_the_first_ones_stay (void **state)
{
    (void)state;
    covey_addressbook_t book, again;
    covey_errbuf_t err;
    char address[COVEY_ADDRESSBOOK_ADDRESS_MAX + 2];
    covey_addressbook_init (&book, "m", "");
    for (int i = 0; i < 2 * COVEY_ADDRESSBOOK_MAX; i++) {
        memset (address, 'h', sizeof address);
        snprintf (address + 250, sizeof address - 250, ":%d", 1000 + i);
        covey_addressbook_add (&book, address);
    }
    memset (address, 'h', sizeof address);
    snprintf (address + sizeof address - 3, 3, ":1"); /* one too long         */
    covey_addressbook_add (&book, address);
    assert_int_equal (book.count, COVEY_ADDRESSBOOK_MAX);
    assert_non_null (strstr (book.addresses[0], ":1000"));
    covey_buf_t text; /* the largest one fits the file                        */
    covey_buf_init (&text, COVEY_ADDRESSBOOK_BYTES_MAX - 1);
    covey_addressbook_write (&book, &text);
    assert_false (text.failed);
    assert_int_equal (covey_addressbook_read (&again, (const char *)text.data,
                                              text.size, &err),
                      COVEY_OK);
    assert_int_equal (again.count, COVEY_ADDRESSBOOK_MAX);
    covey_buf_deinit (&text);
}

static void
test_damage_is_named (void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *named;
    } rows[] = {
        {"", "end"},
        {"end\n", "line 1"},
        {"garbage\n", "line 1"},
        {"# x\nmesh m\nhost:1\nend\n", "line 3"},
        {"mesh m\nroles \nhost\nend\n", "line 3"},
        {"mesh m\nroles \nhost:99999\nend\n", "line 3"},
        {"mesh m\nroles \nhost:1\nend\nmore\n", "line 4"},
        {"mesh m\nroles \nhost:1\n", "end"},
        {"mesh m\nroles \n\xff\xfe:1\nend\n", "end"},
    };
    covey_addressbook_t book;
    covey_errbuf_t err;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal (covey_addressbook_read (&book, rows[i].text,
                                                  strlen (rows[i].text), &err),
                          COVEY_CORRUPT);
        if (!strstr (err.text, rows[i].named))
            fail_msg ("row %zu: %s", i, err.text);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_what_is_written_is_read),
        cmocka_unit_test (test_the_first_ones_stay),
        cmocka_unit_test (test_damage_is_named),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
