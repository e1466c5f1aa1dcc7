/*  JSON -> event; what is read must come back from JSON, and from bytes when it
    is valid. The checker and the compactor see every input as well.          */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/event.h"
#include "proto/json.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
s_require (bool good, const char *what)
{
    if (good)
        return;
    fprintf (stderr, "%s: %s\n", what, covey_error ());
    abort ();
}

static void
s_compact (const char *json, size_t size)
{
    covey_buf_t once, twice;
    covey_buf_init (&once, size + 1);
    covey_buf_init (&twice, size + 1);
    bool good = covey_json_compact (json, size, &once, NULL) == COVEY_OK;
    s_require (good == covey_json_is_valid (json, size), "valid");
    if (good) {
        const char *text = (const char *)once.data;
        s_require (covey_json_compact (text, once.size, &twice, NULL) ==
                       COVEY_OK,
                   "compact again");
        s_require (once.size == twice.size &&
                       memcmp (once.data, twice.data, once.size) == 0,
                   "compact twice is compact");
    }
    covey_buf_deinit (&once);
    covey_buf_deinit (&twice);
}

static void
s_through_bytes (const covey_event_t *event)
{
    uint8_t *packed;
    size_t size;
    covey_event_t *back = NULL;
    s_require (covey_event_encode (event, &packed, &size) == COVEY_OK,
               "encode");
    s_require (covey_event_decode (packed, size, &back) == COVEY_OK, "decode");
    s_require (covey_event_equal (event, back), "equal after bytes");
    covey_free (packed);
    covey_event_destroy (&back);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    const char *json = (const char *)data;
    s_compact (json, size);
    covey_event_t *event = NULL, *back = NULL;
    if (covey_event_from_json (json, size, &event) != COVEY_OK)
        return 0;
    char *text = covey_event_to_json (event);
    s_require (text, "to JSON");
    s_require (covey_event_from_json (text, strlen (text), &back) == COVEY_OK,
               "from JSON");
    s_require (covey_event_equal (event, back), "equal after JSON");
    if (covey_event_validate (event) == COVEY_OK)
        s_through_bytes (event);
    covey_free (text);
    covey_event_destroy (&event);
    covey_event_destroy (&back);
    return 0;
}
