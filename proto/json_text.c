/*  Text around JSON: quoting, compacting, base64.                           */
#include <string.h>

#include "base/str.h"
#include "proto/json.h"
#include "proto/json_scan.h"

covey_err_t
covey_json_compact (const char *json, size_t size, covey_buf_t *to,
                    covey_errbuf_t *err)
{
    covey_err_t rc =
        covey_json_check (json, size, COVEY_JSON_DEPTH_MAX, "the text", err);
    if (rc != COVEY_OK)
        return rc;
    size_t before = to->size;
    covey_json_squeeze (json, size, to);
    if (!to->failed)
        return COVEY_OK;
    to->size = before;
    return covey_fail (err, COVEY_LIMIT,
                       "JSON of %zu bytes does not fit into %zu", size,
                       to->max);
}

/*  Length of the well-formed sequence at `at`, 0 if there is none.          */
static size_t
s_sequence (const char *at, const char *end)
{
    unsigned char lead = (unsigned char)*at;
    size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if ((size_t)(end - at) < size || !covey_str_is_utf8 (at, size))
        return 0;
    return size;
}

static void
s_quote_special (covey_buf_t *to, char c)
{
    static const char letters[] = "\"\\bfnrt", bytes[] = "\"\\\b\f\n\r\t";
    const char *byte = c ? strchr (bytes, c) : NULL;
    if (byte) {
        covey_buf_putc (to, '\\');
        covey_buf_putc (to, letters[byte - bytes]);
    } else
        covey_buf_printf (to, "\\u%04x", (unsigned)(unsigned char)c);
}

void
covey_json_quote (covey_buf_t *to, const char *text, size_t size)
{
    const char *at = text, *end = text + size;
    covey_buf_putc (to, '"');
    while (at < end) {
        const char *run = at;
        size_t length = 1;
        while (at < end && (unsigned char)*at >= 0x20 && *at != '"' &&
               *at != '\\') {
            length = (unsigned char)*at < 0x80 ? 1 : s_sequence (at, end);
            if (!length)
                break;
            at += length;
        }
        (void)covey_buf_append (to, run, (size_t)(at - run));
        if (at == end)
            break;
        /* What is not UTF-8 becomes U+FFFD, so that the result always is. */
        if (!length)
            covey_buf_puts (to, "\xef\xbf\xbd");
        else
            s_quote_special (to, *at);
        at++;
    }
    covey_buf_putc (to, '"');
}

static const char s_base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
covey_base64_write (const void *data, size_t size, covey_buf_t *to)
{
    const uint8_t *from = data;
    char *room = (char *)covey_buf_extend (to, (size + 2) / 3 * 4);
    if (!room)
        return;
    for (; size >= 3; size -= 3, from += 3) {
        *room++ = s_base64[from[0] >> 2];
        *room++ = s_base64[(from[0] & 3) << 4 | from[1] >> 4];
        *room++ = s_base64[(from[1] & 15) << 2 | from[2] >> 6];
        *room++ = s_base64[from[2] & 63];
    }
    if (!size)
        return;
    unsigned second = size == 2 ? from[1] : 0;
    *room++ = s_base64[from[0] >> 2];
    *room++ = s_base64[(from[0] & 3u) << 4 | second >> 4];
    *room++ = s_base64[(second & 15) << 2];
    *room = '=';
    if (size == 1)
        room[-1] = '=';
}

static int
s_base64_value (char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
covey_base64_read (const char *text, size_t size, covey_buf_t *to)
{
    if (size % 4)
        return false;
    for (size_t i = 0; i < size; i += 4) {
        int pad = 0;
        if (i + 4 == size)
            pad = (text[i + 3] == '=') +
                  (text[i + 3] == '=' && text[i + 2] == '=');
        unsigned group = 0;
        for (int j = 0; j < 4 - pad; j++) {
            int value = s_base64_value (text[i + (size_t)j]);
            if (value < 0)
                return false;
            group |= (unsigned)value << (18 - 6 * j);
        }
        uint8_t bytes[3] = {(uint8_t)(group >> 16), (uint8_t)(group >> 8),
                            (uint8_t)group};
        /* Bits behind the last byte must be zero. */
        if ((pad == 1 && bytes[2]) || (pad == 2 && (bytes[1] || bytes[2])))
            return false;
        if (covey_buf_append (to, bytes, (size_t)(3 - pad)) != COVEY_OK)
            return false;
    }
    return true;
}
