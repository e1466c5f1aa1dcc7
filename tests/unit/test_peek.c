/*  The envelope of packed events, read without unpacking.                   */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/prng.h"
#include "proto/event.h"
#include "proto/event.pb-c.h"
#include "proto/peek.h"

static uint8_t s_id[16] = {1, 2,  3,  4,  5,  6,  7,  8,
                           9, 10, 11, 12, 13, 14, 15, 16};
static uint8_t s_origin[16] = {0xff, 0xfe};

typedef struct {
    uint8_t bytes[2048];
    size_t size;
    covey_peek_t view;
} sample_t;

/*  A message:sent with every field of the envelope.                         */
static void
s_full (sample_t *self)
{
    Covey__V1__Event event = COVEY__V1__EVENT__INIT;
    Covey__V1__Message message = COVEY__V1__MESSAGE__INIT;
    Covey__V1__Payload payload = COVEY__V1__PAYLOAD__INIT;
    Covey__V1__MetadataEntry entry = COVEY__V1__METADATA_ENTRY__INIT;
    Covey__V1__MetadataEntry *metadata[] = {&entry};
    char *targets[] = {"b", "worker-7", "c"};
    char *tags[] = {"red", "green"};
    entry.key = "k";
    entry.value = "v";
    message.message_id = "m-1";
    message.content = &payload;
    payload.has_data = true;
    payload.data.data = (uint8_t *)"hello";
    payload.data.len = 5;
    event.has_id = event.has_causation_id = event.has_origin = true;
    event.id.data = event.causation_id.data = s_id;
    event.origin.data = s_origin;
    event.id.len = event.causation_id.len = event.origin.len = 16;
    event.source = "worker-1";
    event.n_target = 3;
    event.target = targets;
    event.has_timestamp = event.has_hlc = event.has_priority = true;
    event.timestamp = 1795000000000000;
    event.hlc = 0x0123456789abcdef;
    event.correlation_id = "corr";
    event.session_id = "sess";
    event.priority = COVEY__V1__PRIORITY__CRITICAL;
    event.data_case = COVEY__V1__EVENT__DATA_MESSAGE_SENT;
    event.message_sent = &message;
    event.has_ttl_ms = event.has_origin_seq = true;
    event.ttl_ms = 300000;
    event.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692-01";
    event.n_tags = 2;
    event.tags = tags;
    event.n_metadata = 1;
    event.metadata = metadata;
    event.origin_seq = UINT64_MAX;
    assert_true (covey__v1__event__get_packed_size (&event) <=
                 sizeof self->bytes);
    self->size = covey__v1__event__pack (&event, self->bytes);
    assert_int_equal (covey_peek (self->bytes, self->size, &self->view),
                      COVEY_OK);
}

static void
test_peek_reads_every_envelope_field (void **state)
{
    (void)state;
    sample_t sample;
    s_full (&sample);
    const covey_peek_t *view = &sample.view;
    assert_ptr_equal (view->bytes, sample.bytes);
    assert_int_equal (view->size, sample.size);
    assert_int_equal (view->type, COVEY_EVENT_MESSAGE_SENT);
    assert_memory_equal (view->id, s_id, 16);
    assert_true (covey_slice_equal (view->source, "worker-1"));
    assert_int_equal (view->target_count, 3);
    assert_true (covey_slice_equal (view->first_target, "b"));
    assert_true (view->timestamp_us == 1795000000000000);
    assert_true (view->hlc == 0x0123456789abcdef);
    assert_true (covey_slice_equal (view->correlation_id, "corr"));
    assert_true (covey_slice_equal (view->session_id, "sess"));
    assert_int_equal (view->priority, COVEY_PRIORITY_CRITICAL);
    assert_int_equal (view->ttl_ms, 300000);
    assert_int_equal (view->tag_count, 2);
    assert_memory_equal (view->origin, s_origin, 16);
    assert_true (view->origin_seq == UINT64_MAX);
    Covey__V1__Message *message = covey__v1__message__unpack (
        NULL, view->data.size, (const uint8_t *)view->data.text);
    assert_non_null (message);
    assert_string_equal (message->message_id, "m-1");
    covey__v1__message__free_unpacked (message, NULL);
}

static void
test_peek_of_nothing_has_defaults (void **state)
{
    (void)state;
    covey_peek_t view;
    assert_int_equal (covey_peek (NULL, 0, &view), COVEY_OK);
    assert_int_equal (view.type, 0);
    assert_null (view.id);
    assert_null (view.origin);
    assert_int_equal (view.priority, COVEY_PRIORITY_NORMAL);
    assert_int_equal (view.target_count, 0);
    assert_false (covey_peek_has_target (&view, ""));
    assert_false (covey_peek_has_tag (&view, ""));
    assert_int_equal (covey_peek_target (&view, 0).size, 0);
}

static void
test_targets_and_tags_by_index_and_by_text (void **state)
{
    (void)state;
    sample_t sample;
    s_full (&sample);
    const covey_peek_t *view = &sample.view;
    assert_true (covey_slice_equal (covey_peek_target (view, 0), "b"));
    assert_true (covey_slice_equal (covey_peek_target (view, 1), "worker-7"));
    assert_true (covey_slice_equal (covey_peek_target (view, 2), "c"));
    assert_null (covey_peek_target (view, 3).text);
    assert_true (covey_slice_equal (covey_peek_tag (view, 1), "green"));
    assert_null (covey_peek_tag (view, 2).text);
    assert_true (covey_peek_has_target (view, "worker-7"));
    assert_false (covey_peek_has_target (view, "worker-"));
    assert_false (covey_peek_has_target (view, "worker-77"));
    assert_true (covey_peek_has_tag (view, "red"));
    assert_false (covey_peek_has_tag (view, "blue"));
}

static void
test_appended_origin_wins_over_the_publishers (void **state)
{
    (void)state;
    sample_t sample;
    s_full (&sample);
    static const uint64_t seqs[] = {0, 1, 127, 128, 1u << 31, UINT64_MAX};
    for (size_t i = 0; i < sizeof seqs / sizeof seqs[0]; i++) {
        covey_buf_t packed;
        covey_peek_t view;
        covey_buf_init (&packed, COVEY_EVENT_MAX);
        assert_int_equal (covey_buf_append (&packed, sample.bytes, sample.size),
                          COVEY_OK);
        assert_int_equal (covey_event_append_origin (&packed, s_id, seqs[i]),
                          COVEY_OK);
        assert_true (packed.size <= sample.size + COVEY_ORIGIN_SIZE_MAX);
        assert_int_equal (covey_peek (packed.data, packed.size, &view),
                          COVEY_OK);
        assert_memory_equal (view.origin, s_id, 16);
        assert_true (view.origin_seq == seqs[i]);
        Covey__V1__Event *event =
            covey__v1__event__unpack (NULL, packed.size, packed.data);
        assert_non_null (event);
        assert_int_equal (event->origin.len, 16);
        assert_memory_equal (event->origin.data, s_id, 16);
        assert_true (event->origin_seq == seqs[i]);
        covey__v1__event__free_unpacked (event, NULL);
        covey_buf_deinit (&packed);
    }
}

static void
test_append_origin_respects_the_limit_of_the_buffer (void **state)
{
    (void)state;
    covey_buf_t packed;
    covey_buf_init (&packed, 20);
    assert_int_equal (covey_event_append_origin (&packed, s_id, 1),
                      COVEY_LIMIT);
    assert_int_equal (packed.size, 0);
    covey_buf_deinit (&packed);
}

static covey_err_t
s_peek (const char *bytes, size_t size)
{
    covey_peek_t view;
    return covey_peek (bytes, size, &view);
}
#define PEEK(literal) s_peek (literal, sizeof (literal) - 1)

static void
test_malformed_bytes_are_refused (void **state)
{
    (void)state;
    assert_int_equal (PEEK ("\x00"), COVEY_MALFORMED); /* field number 0 */
    assert_int_equal (PEEK ("\x20"), COVEY_MALFORMED); /* no value */
    assert_int_equal (PEEK ("\x20\x80"), COVEY_MALFORMED);
    assert_int_equal (PEEK ("\x12\x05"
                            "abcd"),
                      COVEY_MALFORMED);
    assert_int_equal (PEEK ("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                      COVEY_MALFORMED); /* length 2^64 - 1 */
    assert_int_equal (PEEK ("\x29\0\0\0\0\0\0\0"), COVEY_MALFORMED);
    assert_int_equal (PEEK ("\x13\x14"), COVEY_MALFORMED); /* a group */
    assert_int_equal (PEEK ("\x16"), COVEY_MALFORMED);     /* wire type 6 */
    assert_int_equal (PEEK ("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                      COVEY_OK); /* ten bytes: the longest varint */
    assert_int_equal (PEEK ("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"),
                      COVEY_MALFORMED); /* eleven */
    assert_int_equal (PEEK ("\xa0\x80\x80\x80\x00\x01"), COVEY_OK);
    assert_int_equal (PEEK ("\xa0\x80\x80\x80\x80\x00\x01"), COVEY_MALFORMED);
    assert_int_equal (PEEK ("\xa0\x80\x80\x80\x10\x01"), COVEY_MALFORMED);
}

static void
test_wrong_wire_types_and_sizes_are_refused (void **state)
{
    (void)state;
    assert_int_equal (PEEK ("\x0a\x0f"
                            "123456789012345"),
                      COVEY_MALFORMED);
    assert_int_equal (PEEK ("\x0a\x10"
                            "1234567890123456"),
                      COVEY_OK);
    assert_int_equal (PEEK ("\x0a\x11"
                            "12345678901234567"),
                      COVEY_MALFORMED);
    assert_int_equal (PEEK ("\x10\x01"), COVEY_MALFORMED); /* source */
    assert_int_equal (PEEK ("\x18\x01"), COVEY_MALFORMED); /* target */
    assert_int_equal (PEEK ("\x22\x01"
                            "x"),
                      COVEY_MALFORMED);                    /* timestamp */
    assert_int_equal (PEEK ("\x28\x01"), COVEY_MALFORMED); /* hlc */
    assert_int_equal (PEEK ("\x3a\x01"
                            "x"),
                      COVEY_MALFORMED);                    /* causation */
    assert_int_equal (PEEK ("\x50\x01"), COVEY_MALFORMED); /* agent_spawned */
    assert_int_equal (PEEK ("\xb8\x17\x01"), COVEY_MALFORMED);  /* type 375 */
    assert_int_equal (PEEK ("\xc2\x1f\x01x"), COVEY_MALFORMED); /* origin */
}

static void
test_types_and_fields_of_a_newer_version_pass (void **state)
{
    (void)state;
    covey_peek_t view;
    assert_int_equal (covey_peek ("\xba\x17\x01x", 4, &view), COVEY_OK);
    assert_int_equal (view.type, 375);
    assert_true (covey_slice_equal (view.data, "x"));
    assert_int_equal (covey_peek ("\xd0\x1f\x07", 3, &view), COVEY_OK);
    assert_int_equal (view.type, 0); /* field 506 is not a type */
}

static void
test_slice_copy_terminates_and_reports_a_cut (void **state)
{
    (void)state;
    char text[4];
    assert_true (covey_slice_copy ((covey_slice_t){"abc", 3}, text, 4));
    assert_string_equal (text, "abc");
    assert_false (covey_slice_copy ((covey_slice_t){"abcd", 4}, text, 4));
    assert_string_equal (text, "abc");
    assert_true (covey_slice_copy ((covey_slice_t){NULL, 0}, text, 4));
    assert_string_equal (text, "");
}

/*  Exact heap copies, so that a sanitizer sees a read past the end.         */
static void
test_truncations_and_bit_flips_never_read_outside (void **state)
{
    (void)state;
    sample_t sample;
    s_full (&sample);
    covey_prng_t prng;
    covey_prng_init (&prng, 7);
    unsigned refused = 0;
    for (size_t round = 0; round < 20000; round++) {
        size_t size = round <= sample.size
                          ? round
                          : covey_prng_below (&prng, sample.size + 1);
        uint8_t *copy = malloc (size ? size : 1);
        assert_non_null (copy);
        memcpy (copy, sample.bytes, size);
        for (uint64_t flips = covey_prng_below (&prng, 4); size && flips;
             flips--)
            copy[covey_prng_below (&prng, size)] ^=
                (uint8_t)(1u << covey_prng_below (&prng, 8));
        covey_peek_t view;
        if (covey_peek (copy, size, &view) == COVEY_OK) {
            for (uint32_t i = 0; i <= view.target_count && i < 8; i++)
                assert_true (covey_peek_target (&view, i).size <= size);
            covey_peek_has_tag (&view, "green");
            covey_peek_has_target (&view, "c");
        } else
            refused++;
        free (copy);
    }
    assert_true (refused > 1000);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_peek_reads_every_envelope_field),
        cmocka_unit_test (test_peek_of_nothing_has_defaults),
        cmocka_unit_test (test_targets_and_tags_by_index_and_by_text),
        cmocka_unit_test (test_appended_origin_wins_over_the_publishers),
        cmocka_unit_test (test_append_origin_respects_the_limit_of_the_buffer),
        cmocka_unit_test (test_malformed_bytes_are_refused),
        cmocka_unit_test (test_wrong_wire_types_and_sizes_are_refused),
        cmocka_unit_test (test_types_and_fields_of_a_newer_version_pass),
        cmocka_unit_test (test_slice_copy_terminates_and_reports_a_cut),
        cmocka_unit_test (test_truncations_and_bit_flips_never_read_outside),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
