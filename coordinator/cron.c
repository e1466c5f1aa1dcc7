#include "coordinator/cron.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DAY_S 86400
#define LAST_YEAR 9999
#define MONTHS_MAX (12 * 41) /* 29 February on one weekday, over 2100 */

typedef struct {
    const char *name;
    unsigned min, max;
    const char *names; /* of three letters each, from `min` on; or NULL       */
} s_field_t;

static const s_field_t s_fields[6] = {
    {"second", 0, 59, NULL},
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day", 1, 31, NULL},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"weekday", 0, 7, "sunmontuewedthufrisat"},
};

/* ---- parsing ----------------------------------------------------------------
 */

/*  Whatever the case, and whatever the locale of who embeds this: replicas must
    agree.                                                                    */
static bool
s_is_name (const char *at, const char *name)
{
    for (size_t i = 0; i < 3; i++)
        if ((at[i] | 0x20) != name[i]) /* never so at the end of the text     */
            return false;
    return true;
}

static bool
s_value (const s_field_t *field, const char **at_p, unsigned *value_p)
{
    const char *at = *at_p;
    unsigned value = 0;
    if (isdigit ((unsigned char)*at)) {
        for (; isdigit ((unsigned char)*at) && value < 1000; at++)
            value = value * 10 + (unsigned)(*at - '0');
    } else {
        size_t count = field->names ? strlen (field->names) / 3 : 0;
        size_t i = 0;
        while (i < count && !s_is_name (at, field->names + 3 * i))
            i++;
        if (i == count)
            return false;
        value = field->min + (unsigned)i;
        at += 3;
    }
    *at_p = at;
    *value_p = value;
    return value >= field->min && value <= field->max;
}

static bool
s_number (const char **at_p, unsigned *value_p)
{
    unsigned value = 0;
    const char *at = *at_p;
    for (; isdigit ((unsigned char)*at) && value < 1000; at++)
        value = value * 10 + (unsigned)(*at - '0');
    bool good = at != *at_p && value > 0;
    *at_p = at;
    *value_p = value;
    return good;
}

/*  One part of a list.                                                      */
static bool
s_range (const s_field_t *field, const char **at_p, uint64_t *bits)
{
    unsigned from = field->min, to = field->max, step = 1;
    bool single = false;
    if (field->max == 7)
        to = 6; /* `*` of weekdays: Sunday once */
    if (**at_p == '*')
        (*at_p)++;
    else {
        if (!s_value (field, at_p, &from))
            return false;
        single = **at_p != '-';
        to = from;
        if (!single) {
            (*at_p)++;
            if (!s_value (field, at_p, &to) || to < from)
                return false;
        }
    }
    if (**at_p == '/') {
        (*at_p)++;
        if (!s_number (at_p, &step))
            return false;
        if (single)
            to = field->max;
    }
    for (unsigned i = from; i <= to; i += step)
        *bits |= UINT64_C (1) << i;
    return true;
}

static covey_err_t
s_parse_field (const s_field_t *field, const char **at_p, uint64_t *bits,
               covey_errbuf_t *err)
{
    const char *text = *at_p;
    size_t size = strcspn (text, " \t");
    *bits = 0;
    bool good = size > 0 && s_range (field, at_p, bits);
    while (good && **at_p == ',') {
        (*at_p)++;
        good = s_range (field, at_p, bits);
    }
    if (!good || *at_p != text + size)
        return covey_fail (err, COVEY_INVALID,
                           "cron: %s \"%.*s\" is none: a list of *, N or N-M, "
                           "each with or without /STEP, from %u to %u%s",
                           field->name, (int)(size < 40 ? size : 40), text,
                           field->min, field->max,
                           field->names ? " or three letters of a name" : "");
    *at_p += strspn (*at_p, " \t");
    return COVEY_OK;
}

static const char *
s_macro (const char *text)
{
    static const char *const macros[][2] = {
        {"@yearly", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
        {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},
        {"@hourly", "0 * * * *"},
    };
    for (size_t i = 0; i < sizeof macros / sizeof *macros; i++)
        if (strcmp (text, macros[i][0]) == 0)
            return macros[i][1];
    return text;
}

static size_t
s_count_words (const char *at)
{
    size_t count = 0;
    for (at += strspn (at, " \t"); *at; at += strspn (at, " \t")) {
        count++;
        at += strcspn (at, " \t");
    }
    return count;
}

covey_err_t
covey_cron_parse (const char *text, covey_cron_t *cron, covey_errbuf_t *err)
{
    covey_cron_t made = {.seconds = 1};
    uint64_t *const bits[6] = {&made.seconds, &made.minutes, &made.hours,
                               &made.days,    &made.months,  &made.weekdays};
    const char *at = s_macro (text);
    size_t words = s_count_words (at);
    if (words != 5 && words != 6)
        return covey_fail (err, COVEY_INVALID,
                           "cron \"%.80s\" has %zu fields: give minute, hour, "
                           "day, month and weekday, and before them the second "
                           "if you want, or @daily and the like",
                           text, words);
    at += strspn (at, " \t");
    for (size_t i = 6 - words; i < 6; i++) {
        made.any_day |= i == 3 && *at == '*';
        made.any_weekday |= i == 5 && *at == '*';
        covey_err_t code = s_parse_field (&s_fields[i], &at, bits[i], err);
        if (code)
            return code;
    }
    made.weekdays = (made.weekdays | made.weekdays >> 7) & 0x7f;
    if (covey_cron_next_us (&made, 0) == INT64_MAX)
        return covey_fail (err, COVEY_INVALID,
                           "cron \"%.80s\": there is no such day", text);
    *cron = made;
    return COVEY_OK;
}

/* ---- the calendar -----------------------------------------------------------
 */

/*  Days from 1970-01-01 to the first of a month (Hinnant, "chrono-compatible
    low-level date algorithms"): years begin in March, so that the odd day is at
    their end.                                                                */
static int64_t
s_days_until (int64_t year, int64_t month)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400, of_era = y % 400;
    int64_t m = (month + 9) % 12;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
           (153 * m + 2) / 5 - 719468;
}

static void
s_month_of (int64_t days, int64_t *year_p, int64_t *month_p)
{
    int64_t year = 1970 + days / 366, month = 1;
    while (s_days_until (year + 1, 1) <= days)
        year++;
    while (month < 12 && s_days_until (year, month + 1) <= days)
        month++;
    *year_p = year;
    *month_p = month;
}

/*  Bits of the days of a month that are meant; `first` is its first day.    */
static uint64_t
s_days_of (const covey_cron_t *self, int64_t first, int64_t size)
{
    unsigned weekday = (unsigned)((first + 4) % 7); /* 1970 began on Thursday */
    uint64_t by_weekday = 0;
    for (int64_t day = 1; day <= size; day++, weekday = (weekday + 1) % 7)
        if (self->weekdays >> weekday & 1)
            by_weekday |= UINT64_C (1) << day;
    uint64_t by_day = self->days & ((UINT64_C (2) << size) - 2);
    if (self->any_day || self->any_weekday)
        return by_day & by_weekday;
    return by_day | by_weekday;
}

/*  The first bit at or behind `from`; false: there is none.                 */
static bool
s_bit_from (uint64_t bits, unsigned from, unsigned *at_p)
{
    uint64_t rest = from < 64 ? bits >> from << from : 0;
    if (!rest)
        return false;
    unsigned at = 0;
    while (!(rest >> at & 1))
        at++;
    *at_p = at;
    return true;
}

/*  The first second of a day at or behind `from`; -1: none.                 */
static int64_t
s_time_of_day (const covey_cron_t *self, int64_t from)
{
    unsigned h = (unsigned)(from / 3600), m = (unsigned)(from / 60 % 60);
    unsigned s = (unsigned)(from % 60), hour = 0, minute = 0, second = 0;
    if (!s_bit_from (self->hours, h, &hour))
        return -1;
    if (hour == h && s_bit_from (self->minutes, m, &minute)) {
        if (minute == m && s_bit_from (self->seconds, s, &second))
            return hour * 3600 + minute * 60 + second;
        if (minute > m || s_bit_from (self->minutes, m + 1, &minute)) {
            (void)s_bit_from (self->seconds, 0, &second);
            return hour * 3600 + minute * 60 + second;
        }
    }
    if (hour == h && !s_bit_from (self->hours, h + 1, &hour))
        return -1;
    (void)s_bit_from (self->minutes, 0, &minute);
    (void)s_bit_from (self->seconds, 0, &second);
    return hour * 3600 + minute * 60 + second;
}

int64_t
covey_cron_next_us (const covey_cron_t *self, int64_t after_us)
{
    int64_t from = (after_us < 0 ? -1 : after_us / 1000000) + 1, year, month;
    int64_t today = from / DAY_S;
    s_month_of (today, &year, &month);
    for (int i = 0; i < MONTHS_MAX && year <= LAST_YEAR; i++) {
        int64_t first = s_days_until (year, month);
        int64_t next_year = month == 12 ? year + 1 : year;
        int64_t next_month = month == 12 ? 1 : month + 1;
        int64_t size = s_days_until (next_year, next_month) - first;
        unsigned day = 1;
        uint64_t days =
            self->months >> month & 1 ? s_days_of (self, first, size) : 0;
        if (today >= first)
            day = (unsigned)(today - first) + 1;
        while (s_bit_from (days, day, &day)) {
            int64_t date = first + day - 1;
            int64_t time =
                s_time_of_day (self, date == today ? from % DAY_S : 0);
            if (time >= 0)
                return (date * DAY_S + time) * 1000000;
            day++;
        }
        year = next_year;
        month = next_month;
    }
    return INT64_MAX;
}
