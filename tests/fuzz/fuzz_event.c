/*  Bytes -> event; what decodes must come back from bytes and from JSON.    */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/event.h"
#include "proto/peek.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
s_require (bool good, const char *what)
{
    if (good)
        return;
    fprintf (stderr, "%s: %s\n", what, covey_error ());
    abort ();
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    covey_event_t *event = NULL, *again = NULL, *back = NULL;
    if (covey_event_decode (data, size, &event) != COVEY_OK)
        return 0;
    covey_peek_t view;
    s_require (covey_peek (data, size, &view) == COVEY_OK, "peek");
    s_require (view.type == covey_event_type (event), "peek's type");
    s_require (covey_event_validate (event) == COVEY_OK, "validate");
    uint8_t *packed;
    size_t packed_size;
    s_require (covey_event_encode (event, &packed, &packed_size) == COVEY_OK,
               "encode");
    s_require (covey_event_decode (packed, packed_size, &again) == COVEY_OK,
               "decode again");
    s_require (covey_event_equal (event, again), "equal after bytes");
    char *json = covey_event_to_json (event);
    s_require (json, "to JSON");
    s_require (covey_event_from_json (json, strlen (json), &back) == COVEY_OK,
               "from JSON");
    s_require (covey_event_equal (event, back), "equal after JSON");
    covey_free (json);
    covey_free (packed);
    covey_event_destroy (&event);
    covey_event_destroy (&again);
    covey_event_destroy (&back);
    return 0;
}
