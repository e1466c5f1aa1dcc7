/*  The reader of payloads: inline where the value tells what it is, else as an
    object that names its content type.                                       */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "proto/event.pb-c.h"
#include "proto/json.h"
#include "proto/json_reader.h"
#include "proto/pb.h"

/*  Bytes for the payload from a value of the given content type.            */
static covey_err_t
s_fill_payload (const covey_json_reader_t *self,
                const ProtobufCFieldDescriptor *field,
                Covey__V1__Payload *payload, int content, covey_slice_t value)
{
    if (content != COVEY_CONTENT_JSON && !covey_json_is_string (value))
        return covey_json_wrong_kind (self, field, value, "a string");
    covey_buf_t bytes;
    covey_buf_init (&bytes, value.size + 1);
    covey_err_t rc = COVEY_OK;
    size_t size = 0;
    char *text = NULL;
    if (content == COVEY_CONTENT_JSON) {
        if (covey_json_is_valid (value.text, value.size))
            covey_json_squeeze (value.text, value.size, &bytes);
        else
            rc = covey_json_fail (self, COVEY_MALFORMED, value.text,
                                  "the payload is nested deeper than %d",
                                  COVEY_JSON_DEPTH_MAX);
    } else if (!(text = covey_json_text (value, &size)))
        rc = covey_json_no_memory (self);
    else if (content == COVEY_CONTENT_BINARY) {
        if (!covey_base64_read (text, size, &bytes))
            rc = covey_json_bad_value (self, field, value, "base64");
    } else
        (void)covey_buf_append (&bytes, text, size); /* it fits */
    free (text);
    const void *data = bytes.data ? (const void *)bytes.data : "";
    if (rc == COVEY_OK &&
        (bytes.failed ||
         !covey_pb_set_bytes (&payload->data, data, bytes.size)))
        rc = covey_json_no_memory (self);
    payload->has_data = rc == COVEY_OK;
    covey_buf_deinit (&bytes);
    return rc;
}

static covey_err_t
s_read_content_type (const covey_json_reader_t *self,
                     const ProtobufCFieldDescriptor *field,
                     Covey__V1__Payload *payload, covey_slice_t value)
{
    int content = 0;
    char *text =
        covey_json_is_string (value) ? covey_json_text (value, NULL) : NULL;
    bool none = text && strcmp (text, "none") == 0;
    bool good =
        none ||
        (text && covey_json_enum_value (&covey__v1__content_type__descriptor,
                                        text, &content));
    free (text);
    if (!good)
        return covey_json_bad_value (
            self, field, value,
            "as its contentType one of text, json, binary, "
            "command");
    payload->has_content_type = !none;
    payload->content_type = (Covey__V1__ContentType)content;
    return COVEY_OK;
}

static covey_err_t
s_read_wrapped (const covey_json_reader_t *self,
                const ProtobufCFieldDescriptor *field,
                Covey__V1__Payload *payload, covey_slice_t object)
{
    covey_slice_t key, value;
    unsigned seen = 0;
    covey_err_t rc = s_read_content_type (
        self, field, payload, covey_json_get (object, "contentType"));
    while (rc == COVEY_OK && covey_json_next (&object, &key, &value)) {
        unsigned bit;
        if (covey_json_key_is (key, "contentType"))
            bit = 1;
        else if (covey_json_key_is (key, "data")) {
            bit = 2;
            int content = (int)payload->content_type;
            if (!payload->has_content_type || content < COVEY_CONTENT_TEXT ||
                content > COVEY_CONTENT_COMMAND)
                return covey_json_fail (self, COVEY_INVALID, key.text,
                                        "a payload of this contentType has "
                                        "\"base64\", not \"data\"");
            if (!(seen & bit))
                rc = s_fill_payload (self, field, payload, content, value);
        } else if (covey_json_key_is (key, "base64")) {
            bit = 2;
            if (!(seen & bit))
                rc = s_fill_payload (self, field, payload, COVEY_CONTENT_BINARY,
                                     value);
        } else if (covey_json_key_is (key, COVEY_JSON_UNKNOWN)) {
            bit = 4;
            rc = covey_json_read_unknown (self, &payload->base, value);
        } else
            return covey_json_fail (
                self, COVEY_INVALID, key.text,
                "a payload with contentType has no key %.*s; it has data or "
                "base64",
                key.size > 60 ? 60 : (int)key.size, key.text);
        if (seen & bit)
            return covey_json_fail (self, COVEY_INVALID, key.text,
                                    "%.*s comes twice", (int)key.size,
                                    key.text);
        seen |= bit;
    }
    return rc;
}

covey_err_t
covey_json_read_payload (const covey_json_reader_t *self,
                         const ProtobufCFieldDescriptor *field,
                         covey_slice_t value, int sibling, void *member)
{
    Covey__V1__Payload *payload =
        (Covey__V1__Payload *)covey_pb_new (&covey__v1__payload__descriptor);
    if (!payload)
        return covey_json_no_memory (self);
    *(Covey__V1__Payload **)member = payload;
    if (*value.text == '{' && covey_json_get (value, "contentType").text)
        return s_read_wrapped (self, field, payload, value);
    int content = COVEY_CONTENT_JSON;
    if (covey_json_is_string (value))
        content = sibling >= 0 ? sibling : COVEY_CONTENT_TEXT;
    if (content > COVEY_CONTENT_COMMAND)
        return covey_json_bad_value (self, field, value,
                                     "an object with contentType and base64");
    payload->has_content_type = true;
    payload->content_type = (Covey__V1__ContentType)content;
    return s_fill_payload (self, field, payload, content, value);
}
