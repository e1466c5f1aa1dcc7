/*  json_scan - walks JSON text in place

    Role      pure; one scanner behind checking, compacting and reading. It
   keeps values as slices of the text, so that a payload comes out with the
   digits and escapes that its author wrote Memory    slices point into the
   text; nothing is allocated but by _text Flow      covey_json_check once over
   the whole text; the other functions rely on text that passed it
*/
#ifndef COVEY_JSON_SCAN_H_INCLUDED
#define COVEY_JSON_SCAN_H_INCLUDED

#include "base/buf.h"
#include "proto/peek.h"

/*  One JSON value (RFC 8259) in UTF-8, nested at most `depth` deep, without
    \u0000 and half surrogate pairs. MALFORMED with line, column and `what`, the
    name of the text.                                                         */
covey_err_t covey_json_check (const char *json, size_t size, unsigned depth,
                              const char *what, covey_errbuf_t *err);

/*  The value without the white space around it.                             */
covey_slice_t covey_json_trim (const char *json, size_t size);

/*  Step through an object or an array: start with the value's slice; false at
    the end. The key keeps its quotes.                                        */
bool covey_json_next (covey_slice_t *rest, covey_slice_t *key,
                      covey_slice_t *value);

/*  Is the key (with its quotes) this name? Escapes in it are not looked into.
 */
bool covey_json_key_is (covey_slice_t key, const char *name);
/*  The value of an object's first member of that name; empty when it has none.
 */
covey_slice_t covey_json_get (covey_slice_t object, const char *name);
bool covey_json_is_string (covey_slice_t value);

/*  Append without white space between tokens.                               */
void covey_json_squeeze (const char *json, size_t size, covey_buf_t *to);

/*  A string value as text, its size in `size_p`; NULL without memory. The
    caller frees it.                                                          */
char *covey_json_text (covey_slice_t string, size_t *size_p);

/*  Line and column of a place in the text, from 1; columns are bytes.       */
void covey_json_place (const char *json, const char *at, size_t *line_p,
                       size_t *column_p);

/*  Base64 (RFC 4648, section 4), with padding; decode is strict: false for
    anything that encode would not write.                                     */
void covey_base64_write (const void *data, size_t size, covey_buf_t *to);
bool covey_base64_read (const char *text, size_t size, covey_buf_t *to);

#endif
