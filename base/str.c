#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
covey_str_copy (char *to, size_t to_size, const char *from)
{
    size_t size = strlen (from);
    size_t fit = size < to_size ? size : to_size - 1;
    memcpy (to, from, fit);
    to[fit] = '\0';
    return fit == size;
}

char *
covey_str_dup (const char *text)
{
    if (!text)
        return NULL;
    char *copy = strdup (text);
    if (!copy)
        abort ();
    return copy;
}

/*  Length of the sequence that starts with `lead` and the range of its second
    byte; 0 for a byte that cannot start one (RFC 3629, section 4).           */
static int
s_utf8_lead (uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead < 0x80)
        return lead ? 1 : 0;
    if (lead < 0xc2)
        return 0;
    if (lead < 0xe0)
        return 2;
    if (lead < 0xf0) {
        if (lead == 0xe0)
            *low = 0xa0;
        if (lead == 0xed)
            *high = 0x9f;
        return 3;
    }
    if (lead > 0xf4)
        return 0;
    if (lead == 0xf0)
        *low = 0x90;
    if (lead == 0xf4)
        *high = 0x8f;
    return 4;
}

/*  The end of the ASCII without NUL that can be seen in steps of 8 bytes.   */
static const uint8_t *
s_skip_ascii (const uint8_t *p, const uint8_t *end)
{
    const uint64_t ones = UINT64_C (0x0101010101010101);
    uint64_t word;
    for (; end - p >= 8; p += 8) {
        memcpy (&word, p, 8);
        /* A zero byte borrows; the high bit is set by it or was before. */
        if (((word - ones) | word) & ones << 7)
            break;
    }
    return p;
}

bool
covey_str_is_utf8 (const void *data, size_t size)
{
    if (!size)
        return true; /* data may be NULL */
    const uint8_t *p = data, *end = p + size;
    p = s_skip_ascii (p, end);
    while (p < end) {
        uint8_t low, high;
        int length = s_utf8_lead (*p, &low, &high);
        if (length == 0 || end - p < length)
            return false;
        if (length > 1 && (p[1] < low || p[1] > high))
            return false;
        for (int i = 2; i < length; i++)
            if (p[i] < 0x80 || p[i] > 0xbf)
                return false;
        p += length;
    }
    return true;
}

bool
covey_str_is_agent_id (const char *text, size_t size)
{
    if (size == 0 || size > COVEY_AGENT_ID_MAX)
        return false;
    /* A bit for each good byte: -./0-9: below 64, @A-Z_a-z above. */
    static const uint64_t good[4] = {UINT64_C (0x07ffe00000000000),
                                     UINT64_C (0x07fffffe87ffffff), 0, 0};
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)text[i];
        if (!(good[c / 64] >> c % 64 & 1))
            return false;
    }
    return true;
}

/*  Damerau-Levenshtein (optimal string alignment) over three rows.          */
size_t
covey_str_distance (const char *a, const char *b, size_t max)
{
    enum { WIDTH = 64 };
    size_t na = strlen (a), nb = strlen (b);
    if (na >= WIDTH || nb >= WIDTH || (na > nb ? na - nb : nb - na) > max)
        return max + 1;
    size_t rows[3][WIDTH];
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *now = rows[i % 3], *up = rows[(i + 2) % 3];
        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);
            if (up[j] + 1 < best)
                best = up[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1] && rows[(i + 1) % 3][j - 2] + 1 < best)
                best = rows[(i + 1) % 3][j - 2] + 1;
            now[j] = best;
        }
    }
    size_t distance = rows[na % 3][nb];
    return distance > max ? max + 1 : distance;
}

const char *
covey_str_nearest (const char *word,
                   const char *(*next) (const void *arg, size_t i),
                   const void *arg)
{
    size_t limit = strlen (word) <= 3 ? 1 : 2;
    const char *best = NULL;
    const char *candidate;
    for (size_t i = 0; (candidate = next (arg, i)); i++) {
        size_t distance = covey_str_distance (word, candidate, limit);
        if (distance <= limit) {
            best = candidate;
            if (distance == 0)
                break;
            limit = distance - 1;
        }
    }
    return best;
}

bool
covey_str_to_int (const char *text, int64_t min, int64_t max, int64_t *value_p)
{
    if (!text || (*text != '-' && (*text < '0' || *text > '9')))
        return false;
    char *end;
    errno = 0;
    long long value = strtoll (text, &end, 10);
    if (errno || end == text || *end || value < min || value > max)
        return false;
    *value_p = value;
    return true;
}

/*  Days of the civil calendar, after Howard Hinnant's "chrono-Compatible
    Low-Level Date Algorithms" (days_from_civil, civil_from_days).            */
static int64_t
s_days (int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void
s_civil (int64_t days, int64_t *y, int64_t *m, int64_t *d)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = yoe + era * 400 + (*m <= 2);
}

/*  RFC 3339 has four digits for the year: times before 0000 or after 9999 are
    shown as that bound.                                                      */
#define TIME_MIN_US (-62167219200000000)
#define TIME_MAX_US 253402300799999999

void
covey_str_time (int64_t wall_us, char text[40])
{
    if (wall_us < TIME_MIN_US)
        wall_us = TIME_MIN_US;
    if (wall_us > TIME_MAX_US)
        wall_us = TIME_MAX_US;
    int64_t us = wall_us % 1000000, s = wall_us / 1000000;
    if (us < 0) {
        us += 1000000;
        s--;
    }
    int64_t day = s / 86400, rest = s % 86400;
    if (rest < 0) {
        rest += 86400;
        day--;
    }
    int64_t y, m, d;
    s_civil (day, &y, &m, &d);
    int n = snprintf (text, 40, "%04d-%02d-%02dT%02d:%02d:%02d.", (int)y,
                      (int)m, (int)d, (int)(rest / 3600), (int)(rest / 60 % 60),
                      (int)(rest % 60));
    if (us % 1000)
        snprintf (text + n, 40 - (size_t)n, "%06dZ", (int)us);
    else
        snprintf (text + n, 40 - (size_t)n, "%03dZ", (int)(us / 1000));
}

/*  `digits` decimal digits at *p within [min, max]; *p moves behind them.   */
static bool
s_digits (const char **p, int digits, int64_t min, int64_t max, int64_t *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        *value = *value * 10 + (**p - '0');
    }
    return *value >= min && *value <= max;
}

static bool
s_char (const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static bool
s_fraction (const char **p, int64_t *us)
{
    *us = 0;
    if (**p != '.')
        return true;
    (*p)++;
    int64_t unit = 100000;
    const char *start = *p;
    for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
        *us += (**p - '0') * unit;
    return *p > start;
}

static bool
s_offset (const char **p, int64_t *seconds)
{
    *seconds = 0;
    if (**p == 'Z' || **p == 'z') {
        (*p)++;
        return true;
    }
    int sign = **p == '+' ? 1 : **p == '-' ? -1 : 0;
    if (!sign)
        return false;
    (*p)++;
    int64_t h, m;
    if (!s_digits (p, 2, 0, 23, &h) || !s_char (p, ':') ||
        !s_digits (p, 2, 0, 59, &m))
        return false;
    *seconds = sign * (h * 3600 + m * 60);
    return true;
}

bool
covey_str_parse_time (const char *text, int64_t *wall_us_p)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30,
                                     31, 31, 30, 31, 30, 31};
    const char *p = text;
    int64_t y, mo, d, h, mi, s, us, offset;
    if (!s_digits (&p, 4, 0, 9999, &y) || !s_char (&p, '-') ||
        !s_digits (&p, 2, 1, 12, &mo) || !s_char (&p, '-') ||
        !s_digits (&p, 2, 1, month_days[mo - 1], &d))
        return false;
    if (mo == 2 && d == 29 && (y % 4 || (y % 100 == 0 && y % 400)))
        return false;
    if (*p != 'T' && *p != 't' && *p != ' ')
        return false;
    p++;
    if (!s_digits (&p, 2, 0, 23, &h) || !s_char (&p, ':') ||
        !s_digits (&p, 2, 0, 59, &mi) || !s_char (&p, ':') ||
        !s_digits (&p, 2, 0, 60, &s) || !s_fraction (&p, &us) ||
        !s_offset (&p, &offset) || *p)
        return false;
    int64_t seconds = s_days (y, mo, d) * 86400 + h * 3600 + mi * 60 + s;
    *wall_us_p = (seconds - offset) * 1000000 + us;
    return true;
}

uint64_t
covey_str_hash (const void *data, size_t size)
{
    const uint8_t *p = data;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ p[i]) * 0x100000001b3u;
    return hash;
}
