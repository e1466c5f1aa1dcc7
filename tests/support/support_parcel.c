#include "tests/support/support_parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "proto/event.h"

covey_parcel_t *
support_parcel (covey_event_t *event)
{
    covey_buf_t packed;
    covey_errbuf_t err;
    assert_non_null (event);
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    if (covey_event_pack (event, &packed, &err))
        fail_msg ("pack: %s", err.text);
    covey_parcel_t *parcel =
        covey_parcel_new (packed.data, packed.size, NULL, 0);
    assert_non_null (parcel);
    covey_buf_deinit (&packed);
    covey_event_destroy (&event);
    return parcel;
}

covey_parcel_t *
support_parcel_message (const char *source, const char *target)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_MESSAGE_SENT);
    assert_non_null (event);
    assert_int_equal (covey_event_set_source (event, source), COVEY_OK);
    if (target)
        assert_int_equal (covey_event_add_target (event, target), COVEY_OK);
    assert_int_equal (covey_event_set_str (event, "messageId", "m"), COVEY_OK);
    assert_int_equal (
        covey_event_set_payload (event, "content", COVEY_CONTENT_TEXT, "x", 1),
        COVEY_OK);
    return support_parcel (event);
}

covey_parcel_t *
support_parcel_raw (const char *text)
{
    return covey_parcel_new_raw (text, strlen (text));
}
