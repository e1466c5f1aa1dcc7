#include "coordinator/glob.h"

#include <string.h>

#include "base/str.h"

#define CHAR_MAX_CODE 0x10ffff

/* ---- the product of two automata
 * ---------------------------------------------- */

/*  A sequence of steps: each matches one thing, or, as a star, any number.   */
typedef struct {
    const void *a, *b;
    size_t a_count, b_count;
    bool (*is_star) (const void *steps, size_t i);
    bool (*meet) (const void *a, size_t i, const void *b, size_t j);
} s_product_t;

#define STEPS_MAX (COVEY_GLOB_SEGMENT_MAX + 1)

/*  Is there a sequence that both match? Every move goes forward in one of the
    two, so one sweep over the pairs of positions finds all that can be reached;
    a star stays where it is while the other side moves.                      */
static bool
s_meet (const s_product_t *p)
{
    bool rows[2][STEPS_MAX + 1] = {{false}};
    rows[0][0] = true;
    for (size_t i = 0; i <= p->a_count; i++) {
        bool *row = rows[i & 1], *next = rows[~i & 1];
        memset (next, 0, sizeof rows[0]);
        bool star_a = i < p->a_count && p->is_star (p->a, i);
        for (size_t j = 0; j <= p->b_count; j++) {
            if (!row[j])
                continue;
            bool star_b = j < p->b_count && p->is_star (p->b, j);
            bool both =
                i < p->a_count && j < p->b_count && p->meet (p->a, i, p->b, j);
            if (j < p->b_count && (star_b || (star_a && both)))
                row[j + 1] = true;
            if (i < p->a_count && (star_a || (star_b && both)))
                next[j] = true;
            if (both)
                next[j + 1] = true;
        }
    }
    return rows[p->a_count & 1][p->b_count];
}

/* ---- characters
 * ----------------------------------------------------------------- */

typedef enum { STEP_CHAR, STEP_ANY, STEP_STAR, STEP_SET } s_kind_t;

typedef struct {
    s_kind_t kind;
    uint32_t code;    /* of a character                                       */
    const char *from; /* of a set: behind the bracket and the "!"             */
    const char *to;   /* its closing bracket                                  */
    bool others;      /* [!...]                                               */
} s_step_t;

/*  The character at `*at_p`, which goes behind it. The text is UTF-8.        */
static uint32_t
s_char (const char **at_p)
{
    const unsigned char *p = (const unsigned char *)*at_p;
    size_t more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
    uint32_t code = more ? *p & (0x3fu >> more) : *p;
    for (size_t i = 1; i <= more; i++)
        code = code << 6 | (p[i] & 0x3fu);
    *at_p += more + 1;
    return code;
}

/*  The next range of a set.                                                  */
static void
s_range (const char **at_p, const char *to, uint32_t *low, uint32_t *high)
{
    if (**at_p == '\\')
        (*at_p)++;
    *low = *high = s_char (at_p);
    if (to - *at_p < 2 || **at_p != '-')
        return;
    (*at_p)++;
    if (**at_p == '\\')
        (*at_p)++;
    *high = s_char (at_p);
}

static bool
s_has (const s_step_t *step, uint32_t code)
{
    bool found = false;
    switch (step->kind) {
        case STEP_CHAR:
            return step->code == code;
        case STEP_ANY:
        case STEP_STAR:
            return code != '/';
        case STEP_SET:
            break;
    }
    for (const char *at = step->from; at < step->to && !found;) {
        uint32_t low, high;
        s_range (&at, step->to, &low, &high);
        found = low <= code && code <= high;
    }
    return found != step->others && code != '/';
}

static bool
s_is_char (uint32_t code)
{
    return code && code <= CHAR_MAX_CODE && code != '/' &&
           !(code >= 0xd800 && code <= 0xdfff);
}

static bool
s_both_have (const s_step_t *a, const s_step_t *b, uint32_t code)
{
    return s_is_char (code) && s_has (a, code) && s_has (b, code);
}

/*  The smallest character that both sets have begins a range of one of them, or
    follows one, or is the first of all, or follows what is no character.     */
static bool
s_sets_meet (const s_step_t *a, const s_step_t *b)
{
    if (s_both_have (a, b, 1) || s_both_have (a, b, '/' + 1) ||
        s_both_have (a, b, 0xe000))
        return true;
    const s_step_t *const sets[] = {a, b};
    for (size_t i = 0; i < 2; i++)
        for (const char *at = sets[i]->from; at && at < sets[i]->to;) {
            uint32_t low, high;
            s_range (&at, sets[i]->to, &low, &high);
            if (s_both_have (a, b, low) || s_both_have (a, b, high + 1))
                return true;
        }
    return false;
}

static bool
s_is_star_step (const void *steps, size_t i)
{
    return ((const s_step_t *)steps)[i].kind == STEP_STAR;
}

static bool
s_steps_meet (const void *a, size_t i, const void *b, size_t j)
{
    const s_step_t *x = (const s_step_t *)a + i, *y = (const s_step_t *)b + j;
    if (x->kind == STEP_CHAR)
        return s_has (y, x->code);
    if (y->kind == STEP_CHAR)
        return s_has (x, y->code);
    if (x->kind == STEP_SET || y->kind == STEP_SET)
        return s_sets_meet (x, y);
    return true;
}

/*  The closing bracket of a set that begins behind `at` (the opening one), or
    NULL. A closing one in first place is a member, as is one behind "\".     */
static const char *
s_set_end (const char *at, const char *end)
{
    at++;
    if (at < end && (*at == '!' || *at == '^'))
        at++;
    if (at < end && *at == ']')
        at++;
    for (; at < end; at++) {
        if (*at == ']')
            return at;
        if (*at == '\\')
            at++;
    }
    return NULL;
}

static size_t
s_steps (const char *at, const char *end, s_step_t *steps)
{
    size_t count = 0;
    while (at < end) {
        s_step_t *step = &steps[count++];
        *step = (s_step_t){.kind = STEP_CHAR};
        if (*at == '*' || *at == '?')
            step->kind = *at++ == '*' ? STEP_STAR : STEP_ANY;
        else if (*at == '[') {
            step->kind = STEP_SET;
            step->to = s_set_end (at, end);
            step->from = at + 1;
            step->others = *step->from == '!' || *step->from == '^';
            step->from += step->others;
            at = step->to + 1;
        } else {
            if (*at == '\\')
                at++;
            step->code = s_char (&at);
        }
    }
    return count;
}

/* ---- segments
 * ------------------------------------------------------------------- */

typedef struct {
    const char *at;
    const char *end;
    bool plain; /* no special character                                       */
} s_segment_t;

static size_t
s_segments (const char *glob, s_segment_t *segments)
{
    size_t count = 0;
    for (const char *at = glob;; at++) {
        s_segment_t *segment = &segments[count++];
        segment->at = at;
        at += strcspn (at, "/");
        segment->end = at;
        size_t size = (size_t)(at - segment->at);
        segment->plain = strcspn (segment->at, "*?[\\") >= size;
        if (!*at)
            return count;
    }
}

static bool
s_is_deep (const void *segments, size_t i)
{
    const s_segment_t *segment = (const s_segment_t *)segments + i;
    return segment->end - segment->at == 2 && segment->at[0] == '*' &&
           segment->at[1] == '*';
}

static bool
s_segments_meet (const void *a, size_t i, const void *b, size_t j)
{
    const s_segment_t *x = (const s_segment_t *)a + i;
    const s_segment_t *y = (const s_segment_t *)b + j;
    size_t size = (size_t)(x->end - x->at);
    if (x->plain && y->plain)
        return size == (size_t)(y->end - y->at) &&
               memcmp (x->at, y->at, size) == 0;
    s_step_t x_steps[STEPS_MAX], y_steps[STEPS_MAX];
    const s_product_t product = {.a = x_steps,
                                 .b = y_steps,
                                 .a_count = s_steps (x->at, x->end, x_steps),
                                 .b_count = s_steps (y->at, y->end, y_steps),
                                 .is_star = s_is_star_step,
                                 .meet = s_steps_meet};
    return s_meet (&product);
}

bool
covey_glob_overlap (const char *a, const char *b)
{
    if ((*a == '/') != (*b == '/'))
        return false;
    s_segment_t x[COVEY_GLOB_SEGMENTS_MAX + 1], y[COVEY_GLOB_SEGMENTS_MAX + 1];
    const s_product_t product = {.a = x,
                                 .b = y,
                                 .a_count = s_segments (a + (*a == '/'), x),
                                 .b_count = s_segments (b + (*b == '/'), y),
                                 .is_star = s_is_deep,
                                 .meet = s_segments_meet};
    return s_meet (&product);
}

size_t
covey_glob_stem (const char *glob)
{
    size_t special = strcspn (glob, "*?[\\");
    if (!glob[special])
        return special;
    while (special && glob[special] != '/')
        special--;
    return special;
}

/* ---- reading
 * -------------------------------------------------------------------- */

/*  The set whose opening bracket is at `*at_p`, which goes to its closing one.
 */
static covey_err_t
s_check_set (const char *text, const char **at_p, const char *end,
             covey_errbuf_t *err)
{
    const char *to = s_set_end (*at_p, end);
    if (!to)
        return covey_fail (err, COVEY_INVALID,
                           "path \"%.200s\": a \"[\" is not closed; write "
                           "\\[ for the character itself",
                           text);
    const char *at = *at_p + 1;
    at += *at == '!' || *at == '^';
    while (at < to) {
        uint32_t low, high;
        s_range (&at, to, &low, &high);
        if (low > high)
            return covey_fail (err, COVEY_INVALID,
                               "path \"%.200s\": a range in brackets runs "
                               "backwards",
                               text);
    }
    *at_p = to;
    return COVEY_OK;
}

static covey_err_t
s_check_segment (const char *text, const char *at, const char *end,
                 covey_errbuf_t *err)
{
    if (end - at > COVEY_GLOB_SEGMENT_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "path \"%.200s\": a part between slashes has %td "
                           "bytes, at most %d are allowed",
                           text, end - at, COVEY_GLOB_SEGMENT_MAX);
    if (end - at == 2 && at[0] == '.' && at[1] == '.')
        return covey_fail (err, COVEY_INVALID,
                           "path \"%.200s\": \"..\" is not followed; write it "
                           "from the root that all share",
                           text);
    for (; at < end; at++) {
        if (*at == '\\' && at + 1 == end)
            return covey_fail (err, COVEY_INVALID,
                               "path \"%.200s\": nothing follows a \"\\\"",
                               text);
        if (*at == '\\')
            at++;
        else if (*at == '[') {
            covey_err_t code = s_check_set (text, &at, end, err);
            if (code)
                return code;
        }
    }
    return COVEY_OK;
}

/*  Append a segment; false: no room.                                        */
static bool
s_put (char *glob, size_t *size_p, const char *at, size_t size)
{
    size_t slash = *size_p > 0 && glob[*size_p - 1] != '/';
    if (*size_p + slash + size > COVEY_GLOB_MAX)
        return false;
    if (slash)
        glob[(*size_p)++] = '/';
    memcpy (glob + *size_p, at, size);
    *size_p += size;
    return true;
}

static covey_err_t
s_fail_long (const char *text, covey_errbuf_t *err)
{
    return covey_fail (err, COVEY_LIMIT,
                       "path \"%.60s...\": at most %d bytes and %d parts are "
                       "allowed",
                       text, COVEY_GLOB_MAX, COVEY_GLOB_SEGMENTS_MAX);
}

covey_err_t
covey_glob_read (const char *text, char glob[COVEY_GLOB_MAX + 1],
                 covey_errbuf_t *err)
{
    size_t size = 0, count = 0;
    bool is_open = false;
    if (*text == '/')
        glob[size++] = '/';
    for (const char *at = text; *at;) {
        const char *end = at + strcspn (at, "/");
        bool skip = end == at || (end - at == 1 && *at == '.');
        covey_err_t code =
            skip ? COVEY_OK : s_check_segment (text, at, end, err);
        if (code)
            return code;
        if (!skip && (++count > COVEY_GLOB_SEGMENTS_MAX ||
                      !s_put (glob, &size, at, (size_t)(end - at))))
            return s_fail_long (text, err);
        is_open = *end == '/' || (skip && end - at == 1);
        at = *end ? end + 1 : end;
    }
    if (!*text)
        return covey_fail (err, COVEY_INVALID,
                           "a path is empty; write ** for everything");
    if (is_open &&
        (++count > COVEY_GLOB_SEGMENTS_MAX || !s_put (glob, &size, "**", 2)))
        return s_fail_long (text, err);
    glob[size] = '\0';
    return COVEY_OK;
}
