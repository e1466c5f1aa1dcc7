#include "proto/json_scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "proto/json.h"

/* ------------------------------------------------------------------------ */
/*  Checking                                                                  */

typedef struct {
    const char *at;
    const char *end;
    const char *problem; /* what is wrong at `at`; NULL: nothing so far      */
} s_scan_t;

static bool
s_fail (s_scan_t *self, const char *at, const char *problem)
{
    self->at = at;
    self->problem = problem;
    return false;
}

static bool
s_is_space (char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool
s_is_digit (char c)
{
    return c >= '0' && c <= '9';
}

static void
s_space (s_scan_t *self)
{
    while (self->at < self->end && s_is_space (*self->at))
        self->at++;
}

/*  The next character, or a NUL at the end (which no rule accepts).         */
static char
s_peek (const s_scan_t *self)
{
    if (self->at == self->end)
        return '\0';
    return *self->at;
}

static bool
s_digits (s_scan_t *self)
{
    if (!s_is_digit (s_peek (self)))
        return s_fail (self, self->at, "a digit is missing");
    while (s_is_digit (s_peek (self)))
        self->at++;
    return true;
}

static bool
s_number (s_scan_t *self)
{
    if (s_peek (self) == '-')
        self->at++;
    if (s_peek (self) == '0') {
        self->at++;
        if (s_is_digit (s_peek (self)))
            return s_fail (self, self->at, "a number starts with 0");
    } else if (!s_digits (self))
        return false;
    if (s_peek (self) == '.') {
        self->at++;
        if (!s_digits (self))
            return false;
    }
    if (s_peek (self) == 'e' || s_peek (self) == 'E') {
        self->at++;
        if (s_peek (self) == '+' || s_peek (self) == '-')
            self->at++;
        return s_digits (self);
    }
    return true;
}

/*  Four hexadecimal digits, or -1.                                          */
static int
s_hex4 (const char *at, const char *end)
{
    int value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = s_is_digit (c)         ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

static bool
s_is_high (int unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool
s_is_low (int unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

/*  Behind a backslash.                                                      */
static bool
s_escape (s_scan_t *self)
{
    const char *start = self->at - 1;
    char c = s_peek (self);
    if (c && strchr ("\"\\/bfnrt", c)) {
        self->at++;
        return true;
    }
    if (c != 'u')
        return s_fail (self, start, "unknown escape");
    int unit = s_hex4 (self->at + 1, self->end);
    if (unit < 0)
        return s_fail (self, start, "\\u needs four hexadecimal digits");
    if (unit == 0)
        return s_fail (self, start, "\\u0000 is not allowed");
    self->at += 5;
    if (s_is_low (unit))
        return s_fail (self, start, "half of a surrogate pair");
    if (s_is_high (unit)) {
        if (self->end - self->at < 6 || self->at[0] != '\\' ||
            self->at[1] != 'u' || !s_is_low (s_hex4 (self->at + 2, self->end)))
            return s_fail (self, start, "half of a surrogate pair");
        self->at += 6;
    }
    return true;
}

static bool
s_string (s_scan_t *self)
{
    const char *start = self->at++;
    while (self->at < self->end) {
        unsigned char c = (unsigned char)*self->at;
        if (c == '"') {
            self->at++;
            return true;
        }
        if (c < 0x20)
            return s_fail (self, self->at, "control character in a string");
        if (c == '\\') {
            self->at++;
            if (!s_escape (self))
                return false;
        } else if (c < 0x80)
            self->at++;
        else {
            const char *run = self->at;
            while (self->at < self->end && (unsigned char)*self->at >= 0x80)
                self->at++;
            if (!covey_str_is_utf8 (run, (size_t)(self->at - run)))
                return s_fail (self, run, "not UTF-8");
        }
    }
    return s_fail (self, start, "the string does not end");
}

static bool
s_word (s_scan_t *self, const char *word)
{
    size_t size = strlen (word);
    if ((size_t)(self->end - self->at) < size ||
        memcmp (self->at, word, size) != 0)
        return s_fail (self, self->at, "a value is expected");
    self->at += size;
    return true;
}

static bool
s_scalar (s_scan_t *self)
{
    switch (s_peek (self)) {
        case '"':
            return s_string (self);
        case 't':
            return s_word (self, "true");
        case 'f':
            return s_word (self, "false");
        case 'n':
            return s_word (self, "null");
        default:
            if (s_peek (self) == '-' || s_is_digit (s_peek (self)))
                return s_number (self);
            return s_fail (self, self->at,
                           self->at < self->end ? "a value is expected"
                                                : "the text ends too early");
    }
}

static bool
s_key (s_scan_t *self)
{
    s_space (self);
    if (s_peek (self) != '"')
        return s_fail (self, self->at, "a key in double quotes is expected");
    if (!s_string (self))
        return false;
    s_space (self);
    if (s_peek (self) != ':')
        return s_fail (self, self->at, "':' is expected");
    self->at++;
    return true;
}

/*  One value; without recursion, `open` remembers the brackets.             */
static bool
s_value (s_scan_t *self, unsigned max_depth)
{
    char open[2 * COVEY_JSON_DEPTH_MAX];
    unsigned depth = 0;
    for (;;) {
        s_space (self);
        char c = s_peek (self);
        bool opened = c == '{' || c == '[';
        if (opened) {
            if (depth == max_depth || depth == sizeof open)
                return s_fail (self, self->at, "nested too deeply");
            open[depth++] = c;
            self->at++;
            s_space (self);
        } else if (!s_scalar (self))
            return false;
        /* Behind a value or an opening bracket: close what ends here. */
        while (depth) {
            char close = open[depth - 1] == '{' ? '}' : ']';
            s_space (self);
            if (s_peek (self) == close) {
                self->at++;
                depth--;
                opened = false;
                continue;
            }
            if (opened)
                break;
            if (s_peek (self) != ',')
                return s_fail (self, self->at,
                               close == '}' ? "',' or '}' is expected"
                                            : "',' or ']' is expected");
            self->at++;
            break;
        }
        if (!depth)
            return true;
        if (open[depth - 1] == '{' && !s_key (self))
            return false;
    }
}

static bool
s_text (s_scan_t *self, unsigned max_depth)
{
    if (!s_value (self, max_depth))
        return false;
    s_space (self);
    if (self->at < self->end)
        return s_fail (self, self->at, "something follows the value");
    return true;
}

bool
covey_json_is_valid (const void *json, size_t size)
{
    if (!size)
        return false;
    s_scan_t scan = {json, (const char *)json + size, NULL};
    return s_text (&scan, COVEY_JSON_DEPTH_MAX);
}

void
covey_json_place (const char *json, const char *at, size_t *line_p,
                  size_t *column_p)
{
    const char *line_start = json;
    *line_p = 1;
    for (const char *p = json; p < at; p++)
        if (*p == '\n') {
            ++*line_p;
            line_start = p + 1;
        }
    *column_p = (size_t)(at - line_start) + 1;
}

covey_err_t
covey_json_check (const char *json, size_t size, unsigned depth,
                  const char *what, covey_errbuf_t *err)
{
    if (!size)
        return covey_fail (err, COVEY_MALFORMED, "%s is empty, not JSON", what);
    s_scan_t scan = {json, json + size, NULL};
    if (s_text (&scan, depth))
        return COVEY_OK;
    size_t line, column;
    covey_json_place (json, scan.at, &line, &column);
    return covey_fail (err, COVEY_MALFORMED,
                       "%s is not JSON: line %zu, column %zu: %s", what, line,
                       column, scan.problem);
}

/* ------------------------------------------------------------------------ */
/*  Walking text that was checked                                             */

covey_slice_t
covey_json_trim (const char *json, size_t size)
{
    while (size && s_is_space (*json)) {
        json++;
        size--;
    }
    while (size && s_is_space (json[size - 1]))
        size--;
    return (covey_slice_t){json, size};
}

/*  Behind the string that starts at `at`.                                   */
static const char *
s_skip_string (const char *at)
{
    for (at++; *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at + 1;
}

static const char *
s_skip_value (const char *at, const char *end)
{
    unsigned depth = 0;
    while (at < end) {
        if (*at == '"')
            at = s_skip_string (at);
        else {
            if (!depth && (*at == ',' || *at == '}' || *at == ']'))
                break;
            depth += *at == '{' || *at == '[';
            depth -= *at == '}' || *at == ']';
            at++;
        }
    }
    return at;
}

bool
covey_json_next (covey_slice_t *rest, covey_slice_t *key, covey_slice_t *value)
{
    const char *at = rest->text, *end = at + rest->size;
    /* At the opening bracket, or at the comma in front of the next one. */
    bool is_object = key != NULL;
    at++;
    while (at < end && s_is_space (*at))
        at++;
    if (at >= end || *at == '}' || *at == ']')
        return false;
    if (is_object) {
        const char *behind = s_skip_string (at);
        *key = (covey_slice_t){at, (size_t)(behind - at)};
        for (at = behind; *at != ':'; at++)
            ;
        at++;
    }
    const char *behind = s_skip_value (at, end);
    *value = covey_json_trim (at, (size_t)(behind - at));
    *rest = (covey_slice_t){behind, (size_t)(end - behind)};
    return true;
}

bool
covey_json_is_string (covey_slice_t value)
{
    return *value.text == '"';
}

bool
covey_json_key_is (covey_slice_t key, const char *name)
{
    return key.size == strlen (name) + 2 &&
           memcmp (key.text + 1, name, key.size - 2) == 0;
}

covey_slice_t
covey_json_get (covey_slice_t object, const char *name)
{
    covey_slice_t key, value;
    while (covey_json_next (&object, &key, &value))
        if (covey_json_key_is (key, name))
            return value;
    return (covey_slice_t){NULL, 0};
}

void
covey_json_squeeze (const char *json, size_t size, covey_buf_t *to)
{
    const char *at = json, *end = json + size;
    while (at < end) {
        const char *start = at;
        while (at < end && !s_is_space (*at))
            at = *at == '"' ? s_skip_string (at) : at + 1;
        (void)covey_buf_append (to, start, (size_t)(at - start));
        while (at < end && s_is_space (*at))
            at++;
    }
}

static char *
s_put_utf8 (char *to, unsigned code)
{
    if (code < 0x80)
        *to++ = (char)code;
    else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/*  Decode the escape whose letter is at `at`; returns what is behind it.    */
static const char *
s_put_escape (const char *at, const char *end, char **to)
{
    static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const char *letter = strchr (letters, *at);
    if (letter) {
        *(*to)++ = bytes[letter - letters];
        return at + 1;
    }
    int unit = s_hex4 (at + 1, end);
    at += 5;
    unsigned code = (unsigned)unit;
    if (s_is_high (unit)) {
        int low = s_hex4 (at + 2, end);
        code = 0x10000 + ((code - 0xd800) << 10) + ((unsigned)low - 0xdc00);
        at += 6;
    }
    *to = s_put_utf8 (*to, code);
    return at;
}

char *
covey_json_text (covey_slice_t string, size_t *size_p)
{
    /* No escape is shorter than what it stands for. */
    char *text = malloc (string.size);
    if (!text)
        return NULL;
    const char *at = string.text + 1, *end = string.text + string.size - 1;
    char *to = text;
    while (at < end) {
        if (*at == '\\')
            at = s_put_escape (at + 1, end, &to);
        else
            *to++ = *at++;
    }
    *to = '\0';
    if (size_p)
        *size_p = (size_t)(to - text);
    return text;
}
