/*  The golden frames of proto/vectors: what is described is written to these
    bytes, and these bytes are read as what is described. With the path of the
    file as argument the program writes it anew instead.                      */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "proto/event.h"
#include "proto/frame.h"
#include "proto/json.h"
#include "proto/swim.pb-c.h"

static const ProtobufCMessageDescriptor *const s_headers[] = {
    &covey__wire__hello__descriptor,
    &covey__wire__publish__descriptor,
    &covey__wire__subscribe__descriptor,
    &covey__wire__unsubscribe__descriptor,
    &covey__wire__deliver_ack__descriptor,
    &covey__wire__ping__descriptor,
    &covey__wire__bye__descriptor,
    &covey__wire__flow__descriptor,
    &covey__wire__welcome__descriptor,
    &covey__wire__refused__descriptor,
    &covey__wire__receipt__descriptor,
    &covey__wire__subscribed__descriptor,
    &covey__wire__deliver__descriptor,
    &covey__wire__ended__descriptor,
    &covey__wire__undelivered__descriptor,
    &covey__wire__gap__descriptor,
    &covey__wire__heard__descriptor,
    &covey__wire__draining__descriptor,
    &covey__wire__peer_hello__descriptor,
    &covey__wire__heartbeat__descriptor,
    &covey__wire__data__descriptor,
    &covey__wire__journal_ack__descriptor,
    &covey__wire__control__descriptor,
    &covey__wire__service_state__descriptor,
    &covey__swim__message__descriptor,
};

static const ProtobufCMessageDescriptor *
s_header (const json_t *vector)
{
    const char *name = json_string_value (json_object_get (vector, "message"));
    assert_non_null (name);
    for (size_t i = 0; i < sizeof s_headers / sizeof s_headers[0]; i++)
        if (strcmp (s_headers[i]->short_name, name) == 0)
            return s_headers[i];
    fail_msg ("no header is called %s", name);
    return NULL;
}

static json_t *
s_hex (const uint8_t *bytes, size_t size)
{
    covey_buf_t text;
    covey_buf_init (&text, 2 * size + 1);
    for (size_t i = 0; i < size; i++)
        covey_buf_printf (&text, "%02x", bytes[i]);
    json_t *hex = json_stringn (size ? (const char *)text.data : "", text.size);
    covey_buf_deinit (&text);
    return hex;
}

static void
s_from_hex (covey_buf_t *bytes, const char *hex)
{
    unsigned byte;
    covey_buf_init (bytes, COVEY_FRAME_MAX);
    for (; *hex; hex += 2) {
        assert_int_equal (sscanf (hex, "%2x", &byte), 1);
        covey_buf_putc (bytes, (char)byte);
    }
}

static void
s_add_hex (covey_buf_t *frame, const char *hex)
{
    covey_buf_t item;
    s_from_hex (&item, hex);
    assert_int_equal (covey_frame_add (frame, item.data, item.size), COVEY_OK);
    covey_buf_deinit (&item);
}

static void
s_add_event (covey_buf_t *frame, const json_t *json)
{
    char *text = json_dumps (json, JSON_COMPACT);
    covey_event_t *event = NULL;
    assert_int_equal (covey_event_from_json (text, strlen (text), &event),
                      COVEY_OK);
    free (text);
    covey_buf_t item;
    covey_buf_init (&item, COVEY_EVENT_MAX);
    assert_int_equal (covey_event_pack (event, &item, NULL), COVEY_OK);
    assert_int_equal (covey_frame_add (frame, item.data, item.size), COVEY_OK);
    covey_buf_deinit (&item);
    covey_event_destroy (&event);
}

/*  The frame that a vector describes.                                       */
static void
s_write (const json_t *vector, covey_buf_t *frame)
{
    char *text = json_dumps (json_object_get (vector, "header"), JSON_COMPACT);
    ProtobufCMessage *header;
    covey_errbuf_t err;
    if (covey_json_read (s_header (vector), text, strlen (text), &header, &err))
        fail_msg ("%s: %s", text, err.text);
    free (text);
    int kind = (int)json_integer_value (json_object_get (vector, "kind"));
    covey_buf_init (frame, COVEY_FRAME_MAX);
    assert_int_equal (
        covey_frame_begin (frame, (covey_frame_kind_t)kind, header), COVEY_OK);
    protobuf_c_message_free_unpacked (header, NULL);
    size_t i;
    const json_t *item;
    json_array_foreach (json_object_get (vector, "items"), i, item)
    {
        if (json_is_string (item))
            s_add_hex (frame, json_string_value (item));
        else
            s_add_event (frame, item);
    }
}

static json_t *
s_read_header (const covey_frame_t *frame,
               const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *header =
        covey_wire_unpack (descriptor, frame->header, frame->header_size);
    assert_non_null (header);
    covey_buf_t text;
    covey_buf_init (&text, COVEY_FRAME_MAX);
    assert_int_equal (covey_json_write (header, &text), COVEY_OK);
    protobuf_c_message_free_unpacked (header, NULL);
    json_t *json = json_loadb ((const char *)text.data, text.size, 0, NULL);
    covey_buf_deinit (&text);
    return json;
}

static json_t *
s_read_item (const uint8_t *item, size_t size)
{
    covey_event_t *event;
    covey_errbuf_t err;
    if (covey_event_unpack (item, size, &event, &err) != COVEY_OK)
        return s_hex (item, size);
    char *text = covey_event_to_json (event);
    json_t *json = json_loads (text, 0, NULL);
    covey_free (text);
    covey_event_destroy (&event);
    return json;
}

/*  The vector that a frame says, under the name and header of `like`.       */
static json_t *
s_read (const covey_buf_t *bytes, const json_t *like)
{
    covey_frame_t frame;
    assert_int_equal (covey_frame_parse (bytes->data, bytes->size, &frame),
                      COVEY_OK);
    json_t *header = s_read_header (&frame, s_header (like));
    json_t *items = json_array ();
    const uint8_t *item;
    size_t size;
    while (covey_frame_next (&frame, &item, &size) == COVEY_OK)
        json_array_append_new (items, s_read_item (item, size));
    return json_pack ("{s:O,s:i,s:O,s:o,s:o,s:o}", "name",
                      json_object_get (like, "name"), "kind", frame.kind,
                      "message", json_object_get (like, "message"), "header",
                      header, "items", items, "bytes",
                      s_hex (bytes->data, bytes->size));
}

static json_t *
s_load (void)
{
    const char *source = getenv ("COVEY_SOURCE");
    if (!source)
        return NULL;
    char path[1024];
    (void)snprintf (path, sizeof path, "%s/proto/vectors/frames.json", source);
    return json_load_file (path, 0, NULL);
}

static void
test_descriptions_are_written_to_these_bytes (void **state)
{
    json_t *vectors = *state;
    size_t i;
    const json_t *vector;
    json_array_foreach (vectors, i, vector)
    {
        covey_buf_t frame;
        s_write (vector, &frame);
        json_t *hex = s_hex (frame.data, frame.size);
        assert_string_equal (
            json_string_value (hex),
            json_string_value (json_object_get (vector, "bytes")));
        json_decref (hex);
        covey_buf_deinit (&frame);
    }
}

static void
test_bytes_are_read_as_described (void **state)
{
    json_t *vectors = *state;
    size_t i;
    const json_t *vector;
    json_array_foreach (vectors, i, vector)
    {
        covey_buf_t frame;
        s_from_hex (&frame,
                    json_string_value (json_object_get (vector, "bytes")));
        json_t *found = s_read (&frame, vector);
        char *expected = json_dumps (vector, JSON_SORT_KEYS);
        char *actual = json_dumps (found, JSON_SORT_KEYS);
        assert_string_equal (actual, expected);
        free (expected);
        free (actual);
        json_decref (found);
        covey_buf_deinit (&frame);
    }
}

static void
test_every_session_frame_has_a_vector (void **state)
{
    static const uint8_t ranges[][2] = {
        {COVEY_FRAME_HELLO, COVEY_FRAME_FLOW},
        {COVEY_FRAME_WELCOME, COVEY_FRAME_DRAINING}};
    for (int kind = 0; kind < 0x20; kind++) {
        bool expected = (kind >= ranges[0][0] && kind <= ranges[0][1]) ||
                        (kind >= ranges[1][0] && kind <= ranges[1][1]);
        bool found = false;
        size_t i;
        const json_t *vector;
        json_array_foreach ((json_t *)*state, i, vector)
        {
            if (json_integer_value (json_object_get (vector, "kind")) == kind)
                found = true;
        }
        assert_int_equal (found, expected);
    }
}

/*  One vector a line, so that a change shows as one.                        */
static int
s_rewrite (const char *path)
{
    json_t *vectors = json_load_file (path, 0, NULL);
    FILE *file = vectors ? fopen (path, "w") : NULL;
    if (!file) {
        json_decref (vectors);
        return 1;
    }
    size_t i;
    const json_t *vector;
    json_array_foreach (vectors, i, vector)
    {
        covey_buf_t frame;
        s_write (vector, &frame);
        json_t *full = s_read (&frame, vector);
        (void)fputs (i ? ",\n" : "[\n", file);
        (void)json_dumpf (full, file, JSON_COMPACT);
        json_decref (full);
        covey_buf_deinit (&frame);
    }
    (void)fputs ("\n]\n", file);
    json_decref (vectors);
    return fclose (file) ? 1 : 0;
}

int
main (int argc, char **argv)
{
    if (argc > 1)
        return s_rewrite (argv[1]);
    json_t *vectors = s_load ();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate (test_descriptions_are_written_to_these_bytes,
                                   vectors),
        cmocka_unit_test_prestate (test_bytes_are_read_as_described, vectors),
        cmocka_unit_test_prestate (test_every_session_frame_has_a_vector,
                                   vectors),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    json_decref (vectors);
    return failed;
}
