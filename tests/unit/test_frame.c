/*  Frames, their headers and the topics of broadcasts.                      */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/prng.h"
#include "proto/frame.h"

static covey_buf_t
s_new (void)
{
    covey_buf_t buf;
    covey_buf_init (&buf, COVEY_FRAME_MAX);
    return buf;
}

/*  A DELIVER with three items, one of them empty.                           */
static covey_buf_t
s_deliver (void)
{
    uint32_t counts[] = {1, 0, 1}, handles[] = {7, 300};
    Covey__Wire__Deliver header = COVEY__WIRE__DELIVER__INIT;
    header.first_seq = 5;
    header.n_handle_counts = 3;
    header.handle_counts = counts;
    header.n_handles = 2;
    header.handles = handles;
    covey_buf_t buf = s_new ();
    assert_int_equal (
        covey_frame_begin (&buf, COVEY_FRAME_DELIVER, &header.base), COVEY_OK);
    assert_int_equal (covey_frame_add (&buf, "one", 3), COVEY_OK);
    assert_int_equal (covey_frame_add (&buf, NULL, 0), COVEY_OK);
    assert_int_equal (covey_frame_add (&buf, "three", 5), COVEY_OK);
    return buf;
}

static void
test_layout_is_the_documented_one (void **state)
{
    (void)state;
    Covey__Wire__Ping ping = COVEY__WIRE__PING__INIT;
    ping.token = 5;
    covey_buf_t buf = s_new ();
    assert_int_equal (covey_frame_begin (&buf, COVEY_FRAME_PING, &ping.base),
                      COVEY_OK);
    assert_int_equal (covey_frame_add (&buf, "ab", 2), COVEY_OK);
    static const uint8_t expected[] = {0x06, 1, 2, 0, 0, 0,   0x08,
                                       5,    2, 0, 0, 0, 'a', 'b'};
    assert_int_equal (buf.size, sizeof expected);
    assert_memory_equal (buf.data, expected, sizeof expected);
    covey_buf_deinit (&buf);
}

static void
test_what_was_written_is_read (void **state)
{
    (void)state;
    covey_buf_t buf = s_deliver ();
    covey_frame_t frame;
    assert_int_equal (covey_frame_parse (buf.data, buf.size, &frame), COVEY_OK);
    assert_int_equal (frame.kind, COVEY_FRAME_DELIVER);
    ProtobufCMessage *message = covey_wire_unpack (
        &covey__wire__deliver__descriptor, frame.header, frame.header_size);
    assert_non_null (message);
    const Covey__Wire__Deliver *header = (Covey__Wire__Deliver *)message;
    assert_int_equal (header->first_seq, 5);
    assert_int_equal (header->n_handle_counts, 3);
    assert_int_equal (header->handles[1], 300);
    protobuf_c_message_free_unpacked (message, NULL);
    static const char *const items[] = {"one", "", "three"};
    const uint8_t *item;
    size_t size;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal (covey_frame_next (&frame, &item, &size), COVEY_OK);
        assert_int_equal (size, strlen (items[i]));
        assert_memory_equal (item, items[i], size);
    }
    assert_int_equal (covey_frame_next (&frame, &item, &size), COVEY_NOTFOUND);
    assert_int_equal (covey_frame_next (&frame, &item, &size), COVEY_NOTFOUND);
    covey_buf_deinit (&buf);
}

static void
test_frame_without_header_and_items (void **state)
{
    (void)state;
    covey_buf_t buf = s_new ();
    assert_int_equal (covey_frame_begin (&buf, COVEY_FRAME_VIEW, NULL),
                      COVEY_OK);
    assert_int_equal (buf.size, COVEY_FRAME_PREFIX);
    covey_frame_t frame;
    assert_int_equal (covey_frame_parse (buf.data, buf.size, &frame), COVEY_OK);
    assert_int_equal (frame.header_size, 0);
    assert_int_equal (frame.items_size, 0);
    covey_buf_deinit (&buf);
}

static void
test_every_truncation_is_refused_or_ends_in_an_item (void **state)
{
    (void)state;
    covey_buf_t buf = s_deliver ();
    for (size_t size = 0; size < buf.size; size++) {
        uint8_t *copy = malloc (size ? size : 1);
        assert_non_null (copy);
        memcpy (copy, buf.data, size);
        covey_frame_t frame;
        covey_err_t code = covey_frame_parse (copy, size, &frame);
        const uint8_t *item;
        size_t item_size, items = 0;
        if (code == COVEY_OK) {
            while ((code = covey_frame_next (&frame, &item, &item_size)) ==
                   COVEY_OK)
                items++;
            assert_true (items < 3);
            if (code != COVEY_MALFORMED) /* cut between two items */
                assert_int_equal (code, COVEY_NOTFOUND);
        } else
            assert_int_equal (code, COVEY_MALFORMED);
        free (copy);
    }
    covey_buf_deinit (&buf);
}

static void
test_lengths_past_the_end_are_malformed (void **state)
{
    (void)state;
    covey_frame_t frame;
    const uint8_t *item;
    size_t size;
    assert_int_equal (
        covey_frame_parse ("\x06\x01\xff\xff\xff\xff\0\0", 8, &frame),
        COVEY_MALFORMED);
    assert_int_equal (covey_frame_parse ("\x06\x01\x03\0\0\0\0\0", 8, &frame),
                      COVEY_MALFORMED);
    assert_int_equal (
        covey_frame_parse ("\x06\x01\0\0\0\0\xff\xff\xff\xff", 10, &frame),
        COVEY_OK);
    assert_int_equal (covey_frame_next (&frame, &item, &size), COVEY_MALFORMED);
    assert_int_equal (covey_frame_parse ("\x06\x01\0\0\0\0\0\0\0", 9, &frame),
                      COVEY_OK);
    assert_int_equal (covey_frame_next (&frame, &item, &size), COVEY_MALFORMED);
}

static void
test_another_version_is_told_apart_from_garbage (void **state)
{
    (void)state;
    covey_frame_t frame;
    assert_int_equal (covey_frame_parse ("\x01\x02", 2, &frame), COVEY_VERSION);
    assert_int_equal (covey_frame_parse ("\x01\0\0\0\0\0", 6, &frame),
                      COVEY_VERSION);
    assert_int_equal (covey_frame_parse ("\x01", 1, &frame), COVEY_MALFORMED);
    assert_int_equal (covey_frame_parse ("\x01\x01\0\0\0", 5, &frame),
                      COVEY_MALFORMED);
    assert_int_equal (covey_frame_parse ("\x01\x01\0\0\0\0", 6, &frame),
                      COVEY_OK);
}

static void
test_add_past_the_limit_leaves_the_frame_as_it_was (void **state)
{
    (void)state;
    covey_buf_t buf;
    covey_buf_init (&buf, 16);
    assert_int_equal (covey_frame_begin (&buf, COVEY_FRAME_VIEW, NULL),
                      COVEY_OK);
    assert_int_equal (covey_frame_add (&buf, "123456", 6), COVEY_OK);
    assert_int_equal (buf.size, 16);
    assert_int_equal (covey_frame_add (&buf, "", 0), COVEY_LIMIT);
    assert_int_equal (buf.size, 16);
    covey_buf_deinit (&buf);
    covey_buf_init (&buf, 7);
    Covey__Wire__Ping ping = COVEY__WIRE__PING__INIT;
    assert_int_equal (covey_frame_begin (&buf, COVEY_FRAME_PING, &ping.base),
                      COVEY_LIMIT);
    assert_int_equal (buf.size, 0);
    covey_buf_deinit (&buf);
}

static void
test_largest_event_fits_into_a_frame (void **state)
{
    (void)state;
    char *event = calloc (1, COVEY_EVENT_MAX);
    assert_non_null (event);
    Covey__Wire__Publish header = COVEY__WIRE__PUBLISH__INIT;
    header.first_seq = UINT64_MAX;
    covey_buf_t buf = s_new ();
    assert_int_equal (
        covey_frame_begin (&buf, COVEY_FRAME_PUBLISH, &header.base), COVEY_OK);
    assert_int_equal (covey_frame_add (&buf, event, COVEY_EVENT_MAX), COVEY_OK);
    covey_buf_deinit (&buf);
    free (event);
}

/* -- headers -------------------------------------------------------------- */

static void
test_header_that_lacks_a_required_field_is_refused (void **state)
{
    (void)state;
    assert_null (covey_wire_unpack (&covey__wire__ping__descriptor, "", 0));
    assert_null (covey_wire_unpack (&covey__wire__ping__descriptor, "\x08", 1));
}

static void
test_header_with_text_that_is_not_utf8_is_refused (void **state)
{
    (void)state;
    Covey__Wire__AgentInfo agent = COVEY__WIRE__AGENT_INFO__INIT;
    Covey__Wire__AgentInfo *agents[] = {&agent};
    Covey__Wire__View view = COVEY__WIRE__VIEW__INIT;
    char *tags[] = {"fine", "caf\xc3\xa9", "\xff"};
    agent.agent_id = "a";
    agent.tags = tags;
    view.n_agents = 1;
    view.agents = agents;
    for (size_t count = 2; count <= 3; count++) {
        uint8_t bytes[256];
        agent.n_tags = count;
        size_t size = covey__wire__view__pack (&view, bytes);
        ProtobufCMessage *message =
            covey_wire_unpack (&covey__wire__view__descriptor, bytes, size);
        assert_int_equal (message != NULL, count == 2);
        if (message)
            protobuf_c_message_free_unpacked (message, NULL);
    }
}

/*  Two bytes of an empty text, again and again: each costs the decoder a record
    of some 40 bytes, though only the last one stays.                         */
static void
test_small_header_cannot_take_much_memory (void **state)
{
    (void)state;
    size_t count = 500000;
    uint8_t *bytes = malloc (count * 2);
    assert_non_null (bytes);
    for (size_t i = 0; i < count; i++) {
        bytes[2 * i] = 0x12; /* PeerRefuse.text */
        bytes[2 * i + 1] = 0;
    }
    bytes[0] = 0x08; /* PeerRefuse.code, so that nothing is missing */
    ProtobufCMessage *greedy = protobuf_c_message_unpack (
        &covey__wire__peer_refuse__descriptor, NULL, count * 2, bytes);
    assert_non_null (greedy);
    protobuf_c_message_free_unpacked (greedy, NULL);
    assert_null (covey_wire_unpack (&covey__wire__peer_refuse__descriptor,
                                    bytes, count * 2));
    free (bytes);
}

static void
test_honest_large_headers_fit_under_the_cap (void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    Covey__Wire__AgentInfo *agents = calloc (COUNT, sizeof *agents);
    Covey__Wire__AgentInfo **list = calloc (COUNT, sizeof *list);
    char *capabilities[] = {"count", "write", "x"};
    assert_true (agents && list);
    for (size_t i = 0; i < COUNT; i++) {
        covey__wire__agent_info__init (&agents[i]);
        list[i] = &agents[i];
        agents[i].agent_id = "worker-00001";
        agents[i].type = "worker";
        agents[i].name = "worker-worker-00001";
        agents[i].n_capabilities = 3;
        agents[i].capabilities = capabilities;
    }
    Covey__Wire__View view = COVEY__WIRE__VIEW__INIT;
    view.n_agents = COUNT;
    view.agents = list;
    size_t size = covey__wire__view__get_packed_size (&view);
    uint8_t *bytes = malloc (size);
    assert_non_null (bytes);
    covey__wire__view__pack (&view, bytes);
    ProtobufCMessage *message =
        covey_wire_unpack (&covey__wire__view__descriptor, bytes, size);
    assert_non_null (message);
    assert_int_equal (((Covey__Wire__View *)message)->n_agents, COUNT);
    protobuf_c_message_free_unpacked (message, NULL);
    free (bytes);
    free (list);
    free (agents);
}

static void
test_topics_sort_types_and_classes_apart (void **state)
{
    (void)state;
    uint8_t topic[COVEY_TOPIC_SIZE];
    covey_topic_event (topic, 'E', COVEY_EVENT_BROADCAST);
    assert_memory_equal (topic, "E\0\x20", 3);
    covey_topic_event (topic, 'T', 499);
    assert_memory_equal (topic, "T\x01\xf3", 3);
}

static void
test_bit_flips_never_read_outside (void **state)
{
    (void)state;
    covey_buf_t buf = s_deliver ();
    covey_prng_t prng;
    covey_prng_init (&prng, 3);
    for (int round = 0; round < 20000; round++) {
        uint8_t *copy = malloc (buf.size);
        assert_non_null (copy);
        memcpy (copy, buf.data, buf.size);
        for (int flips = 0; flips < 3; flips++)
            copy[covey_prng_below (&prng, buf.size)] ^=
                (uint8_t)(1u << covey_prng_below (&prng, 8));
        covey_frame_t frame;
        if (covey_frame_parse (copy, buf.size, &frame) == COVEY_OK) {
            const uint8_t *item;
            size_t size;
            while (covey_frame_next (&frame, &item, &size) == COVEY_OK)
                assert_true (item + size <= copy + buf.size);
            ProtobufCMessage *message =
                covey_wire_unpack (&covey__wire__deliver__descriptor,
                                   frame.header, frame.header_size);
            if (message)
                protobuf_c_message_free_unpacked (message, NULL);
        }
        free (copy);
    }
    covey_buf_deinit (&buf);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_layout_is_the_documented_one),
        cmocka_unit_test (test_what_was_written_is_read),
        cmocka_unit_test (test_frame_without_header_and_items),
        cmocka_unit_test (test_every_truncation_is_refused_or_ends_in_an_item),
        cmocka_unit_test (test_lengths_past_the_end_are_malformed),
        cmocka_unit_test (test_another_version_is_told_apart_from_garbage),
        cmocka_unit_test (test_add_past_the_limit_leaves_the_frame_as_it_was),
        cmocka_unit_test (test_largest_event_fits_into_a_frame),
        cmocka_unit_test (test_header_that_lacks_a_required_field_is_refused),
        cmocka_unit_test (test_header_with_text_that_is_not_utf8_is_refused),
        cmocka_unit_test (test_small_header_cannot_take_much_memory),
        cmocka_unit_test (test_honest_large_headers_fit_under_the_cap),
        cmocka_unit_test (test_topics_sort_types_and_classes_apart),
        cmocka_unit_test (test_bit_flips_never_read_outside),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
