/*  Properties that hold for every type and any content: bytes and JSON give
    back what went in, and nothing that comes from outside can break them.    */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/event.h"
#include "proto/event_class.h"
#include "proto/json.h"

enum { SEEDS = 200, SEEDS_DAMAGE = 60 };

static const int s_types[] = {
#define COVEY_X(number, name, wire) number,
    COVEY_EVENT_MAP (COVEY_X)
#undef COVEY_X
};
enum { TYPES = sizeof s_types / sizeof *s_types };

#define FAIL_SEED(type, seed, ...)                                  \
    do {                                                            \
        print_error ("%s, seed %u: ", covey_event_type_name (type), \
                     (unsigned)(seed));                             \
        print_error (__VA_ARGS__);                                  \
        print_error ("; covey_error: %s\n", covey_error ());        \
        fail ();                                                    \
    } while (0)

static covey_event_t *
s_random (int type, unsigned seed)
{
    covey_prng_t prng;
    covey_prng_init (&prng, (uint64_t)seed * 1000 + (uint64_t)type);
    static const int efforts[] = {1, 10, 60, 100};
    covey_event_t *event = covey_event_random (type, &prng, efforts[seed % 4]);
    assert_non_null (event);
    return event;
}

/*  Packed in parts, byte for byte what protobuf-c makes of the whole.       */
static void
s_check_bytes (const covey_event_t *event, int type, unsigned seed,
               const uint8_t *data, size_t size)
{
    uint8_t *whole = malloc (size + 1);
    assert_non_null (whole);
    assert_int_equal (covey__v1__event__get_packed_size (event->message), size);
    assert_int_equal (covey__v1__event__pack (event->message, whole), size);
    if (memcmp (whole, data, size) != 0)
        FAIL_SEED (type, seed, "packed otherwise than by protobuf-c");
    free (whole);
}

static void
s_bytes_and_json (int type, unsigned seed)
{
    covey_event_t *event = s_random (type, seed), *back = NULL, *again = NULL;
    if (covey_event_validate (event) != COVEY_OK)
        FAIL_SEED (type, seed, "not valid");
    uint8_t *data;
    size_t size;
    assert_int_equal (covey_event_encode (event, &data, &size), COVEY_OK);
    s_check_bytes (event, type, seed, data, size);
    if (covey_event_decode (data, size, &back) != COVEY_OK)
        FAIL_SEED (type, seed, "not decoded");
    if (!covey_event_equal (event, back))
        FAIL_SEED (type, seed, "differs after decode");
    char *json = covey_event_to_json (back);
    if (!json)
        FAIL_SEED (type, seed, "no JSON");
    if (!covey_json_is_valid (json, strlen (json)))
        FAIL_SEED (type, seed, "not JSON: %.300s", json);
    if (strchr (json, '\n'))
        FAIL_SEED (type, seed, "more than a line: %.300s", json);
    if (covey_event_from_json (json, strlen (json), &again) != COVEY_OK)
        FAIL_SEED (type, seed, "not read: %.3000s", json);
    if (!covey_event_equal (event, again))
        FAIL_SEED (type, seed, "differs after JSON: %.3000s", json);
    char *twice = covey_event_to_json (again);
    assert_non_null (twice);
    if (strcmp (json, twice) != 0)
        FAIL_SEED (type, seed, "JSON differs: %.3000s\n%.3000s", json, twice);
    covey_free (twice);
    covey_free (json);
    covey_free (data);
    covey_event_destroy (&event);
    covey_event_destroy (&back);
    covey_event_destroy (&again);
}

static void
test_every_type_survives_bytes_and_json (void **state)
{
    (void)state;
    for (int i = 0; i < TYPES; i++)
        for (unsigned seed = 0; seed < SEEDS; seed++)
            s_bytes_and_json (s_types[i], seed);
}

/*  Bytes of a random event with more behind them.                           */
static uint8_t *
s_with (int type, unsigned seed, const void *more, size_t more_size,
        size_t *size_p)
{
    covey_event_t *event = s_random (type, seed);
    uint8_t *data;
    size_t size;
    assert_int_equal (covey_event_encode (event, &data, &size), COVEY_OK);
    covey_event_destroy (&event);
    uint8_t *longer = malloc (size + more_size);
    assert_non_null (longer);
    memcpy (longer, data, size);
    memcpy (longer + size, more, more_size);
    covey_free (data);
    *size_p = size + more_size;
    return longer;
}

/*  Decode, go through JSON, encode: what comes out decodes to the same event
    as what went in. Returns the event.                                       */
static covey_event_t *
s_through_json (const uint8_t *data, size_t size)
{
    covey_event_t *event = NULL, *back = NULL, *again = NULL;
    if (covey_event_decode (data, size, &event) != COVEY_OK)
        fail_msg ("%s", covey_error ());
    covey_event_t *copy = covey_event_dup (event);
    assert_true (covey_event_equal (event, copy));
    covey_event_destroy (&copy);
    char *json = covey_event_to_json (event);
    assert_non_null (json);
    if (covey_event_from_json (json, strlen (json), &back) != COVEY_OK)
        fail_msg ("%s: %s", covey_error (), json);
    assert_true (covey_event_equal (event, back));
    uint8_t *packed;
    size_t packed_size;
    assert_int_equal (covey_event_encode (back, &packed, &packed_size),
                      COVEY_OK);
    assert_int_equal (covey_event_decode (packed, packed_size, &again),
                      COVEY_OK);
    assert_true (covey_event_equal (event, again));
    covey_free (packed);
    covey_free (json);
    covey_event_destroy (&event);
    covey_event_destroy (&back);
    return again;
}

static bool
s_has (const uint8_t *data, size_t size, const void *part, size_t part_size)
{
    return memmem (data, size, part, part_size);
}

static void
test_unknown_fields_of_the_envelope_survive (void **state)
{
    (void)state;
    /* 600: varint 5; 601: bytes "abc"; 602: fixed64; 603: fixed32 */
    static const uint8_t more[] = {
        0xc0, 0x25, 5, 0xca, 0x25, 3, 'a',  'b',  'c', 0xd1, 0x25, 1, 2,
        3,    4,    5, 6,    7,    8, 0xdd, 0x25, 9,   8,    7,    6};
    for (int i = 0; i < TYPES; i++) {
        size_t size;
        uint8_t *data = s_with (s_types[i], 2, more, sizeof more, &size);
        covey_event_t *event = s_through_json (data, size);
        uint8_t *packed;
        size_t packed_size;
        assert_int_equal (covey_event_encode (event, &packed, &packed_size),
                          COVEY_OK);
        assert_true (s_has (packed, packed_size, more, sizeof more));
        covey_free (packed);
        free (data);
        covey_event_destroy (&event);
    }
}

/*  An event of a type that does not exist yet: 17, data {field 1: "hello"}.  */
static const uint8_t s_newer[] = {
    0x0a, 16, 1,    2,  3,   4,    5,   6,   7,    8,    9,    10, 11,
    12,   13, 14,   15, 16,  0x12, 1,   'a', 0x20, 0x80, 0x80, 1,  0x8a,
    0x01, 7,  0x0a, 5,  'h', 'e',  'l', 'l', 'o',  0xc0, 0x25, 5};

static void
test_unknown_type_survives (void **state)
{
    (void)state;
    covey_event_t *event = s_through_json (s_newer, sizeof s_newer);
    assert_int_equal (covey_event_type (event), 17);
    char *json = covey_event_to_json (event);
    assert_non_null (strstr (json, "\"type\":\"unknown:17\""));
    assert_non_null (strstr (json, "\"data\":{\"raw\":\"CgVoZWxsbw==\"}"));
    assert_non_null (strstr (json, "\"$unknown\":\"wCUF\""));
    uint8_t *packed;
    size_t size;
    assert_int_equal (covey_event_encode (event, &packed, &size), COVEY_OK);
    assert_int_equal (size, sizeof s_newer);
    assert_true (s_has (packed, size, s_newer + 25, 10));
    assert_int_equal (covey_event_validate (event), COVEY_OK);
    covey_free (packed);
    covey_free (json);
    covey_event_destroy (&event);
}

static void
test_unknown_fields_and_values_of_data_survive (void **state)
{
    (void)state;
    /* message:sent { 1: "m", 2: { 1: 9 (content type), 2: "x", 7: 1 },
       3: 77 (content type), 4: "", 9: "new" } */
    static const uint8_t data[] = {
        0x0a, 16, 1,    2,  3,    4,    5,    6,    7,   8,    9,  10,
        11,   12, 13,   14, 15,   16,   0x12, 1,    'a', 0x20, 5,  0xf2,
        0x01, 21, 0x0a, 1,  'm',  0x12, 7,    0x08, 9,   0x12, 1,  'x',
        0x38, 1,  0x18, 77, 0x22, 0,    0x4a, 3,    'n', 'e',  'w'};
    covey_event_t *event = s_through_json (data, sizeof data);
    char *json = covey_event_to_json (event);
    const char *expected =
        "\"data\":{\"messageId\":\"m\",\"content\":{\"contentType\":"
        "\"unknown:9\",\"base64\":\"eA==\",\"$unknown\":\"OAE=\"},"
        "\"contentType\":\"unknown:77\",\"replyTo\":\"\","
        "\"$unknown\":\"SgNuZXc=\"}}";
    assert_non_null (strstr (json, expected));
    assert_string_equal (covey_event_str (event, "contentType"), "unknown:77");
    uint8_t *packed;
    size_t size;
    assert_int_equal (covey_event_encode (event, &packed, &size), COVEY_OK);
    assert_int_equal (size, sizeof data);
    assert_memory_equal (packed, data, size);
    covey_free (packed);
    covey_free (json);
    covey_event_destroy (&event);
}

/*  Whatever decode makes of damaged bytes, the result must be whole.        */
static void
s_feed (const uint8_t *data, size_t size)
{
    /* An exact copy, so that a sanitizer sees the first byte past it. */
    uint8_t *copy = malloc (size ? size : 1);
    assert_non_null (copy);
    memcpy (copy, data, size);
    covey_event_t *event = NULL;
    if (covey_event_decode (copy, size, &event) == COVEY_OK) {
        covey_event_t *back = s_through_json (copy, size);
        assert_true (covey_event_equal (event, back));
        covey_event_destroy (&back);
        covey_event_destroy (&event);
    } else
        assert_true (*covey_error () != '\0');
    free (copy);
}

static void
test_truncated_bytes_are_refused_or_whole (void **state)
{
    (void)state;
    for (int i = 0; i < TYPES; i++) {
        size_t size;
        uint8_t *data = s_with (s_types[i], 1, "", 0, &size);
        for (size_t cut = 0; cut < size && cut < 3000; cut++)
            s_feed (data, cut);
        free (data);
    }
}

static void
test_flipped_bits_are_refused_or_whole (void **state)
{
    (void)state;
    covey_prng_t prng;
    covey_prng_init (&prng, 7);
    for (int i = 0; i < TYPES; i++)
        for (unsigned seed = 0; seed < SEEDS_DAMAGE; seed++) {
            size_t size;
            uint8_t *data = s_with (s_types[i], seed % 8, "", 0, &size);
            for (uint64_t n = 1 + covey_prng_below (&prng, 4); n > 0; n--)
                data[covey_prng_below (&prng, size)] ^=
                    (uint8_t)(1 << covey_prng_below (&prng, 8));
            s_feed (data, size);
            free (data);
        }
}

static void
test_damaged_json_is_refused_or_whole (void **state)
{
    (void)state;
    static const char odd[] = "\"\\{}[]:,0-.eEtfn u\x80\xff\x01";
    covey_prng_t prng;
    covey_prng_init (&prng, 8);
    for (int i = 0; i < TYPES; i++)
        for (unsigned seed = 0; seed < SEEDS_DAMAGE; seed++) {
            covey_event_t *event = s_random (s_types[i], seed % 2), *back;
            char *json = covey_event_to_json (event);
            size_t size = strlen (json);
            for (uint64_t n = 1 + covey_prng_below (&prng, 3); n > 0; n--)
                json[covey_prng_below (&prng, size)] =
                    odd[covey_prng_below (&prng, sizeof odd - 1)];
            if (seed % 3 == 0)
                size = covey_prng_below (&prng, size);
            if (covey_event_from_json (json, size, &back) == COVEY_OK) {
                char *text = covey_event_to_json (back);
                assert_non_null (text);
                covey_free (text);
                covey_event_destroy (&back);
            }
            covey_free (json);
            covey_event_destroy (&event);
        }
}

static void
test_random_events_repeat_by_seed (void **state)
{
    (void)state;
    covey_event_t *a = s_random (COVEY_EVENT_TASK_SUBMITTED, 5);
    covey_event_t *b = s_random (COVEY_EVENT_TASK_SUBMITTED, 5);
    covey_event_t *c = s_random (COVEY_EVENT_TASK_SUBMITTED, 9);
    assert_true (covey_event_equal (a, b));
    assert_false (covey_event_equal (a, c));
    covey_event_destroy (&a);
    covey_event_destroy (&b);
    covey_event_destroy (&c);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_every_type_survives_bytes_and_json),
        cmocka_unit_test (test_unknown_fields_of_the_envelope_survive),
        cmocka_unit_test (test_unknown_type_survives),
        cmocka_unit_test (test_unknown_fields_and_values_of_data_survive),
        cmocka_unit_test (test_truncated_bytes_are_refused_or_whole),
        cmocka_unit_test (test_flipped_bits_are_refused_or_whole),
        cmocka_unit_test (test_damaged_json_is_refused_or_whole),
        cmocka_unit_test (test_random_events_repeat_by_seed)};
    return cmocka_run_group_tests (tests, NULL, NULL);
}
