#include "cli/text.h"

#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/*  The code point at *p, which moves behind it; a byte that is not UTF-8
    counts as one column.                                                     */
static uint32_t
s_next (const unsigned char **p)
{
    const unsigned char *s = *p;
    int more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : 0;
    uint32_t point = more == 3   ? s[0] & 7u
                     : more == 2 ? s[0] & 15u
                     : more == 1 ? s[0] & 31u
                                 : s[0];
    int i = 1;
    for (; i <= more && (s[i] & 0xc0) == 0x80; i++)
        point = point << 6 | (s[i] & 63u);
    *p = s + i;
    return point;
}

static bool
s_is_in (const uint32_t (*ranges)[2], size_t count, uint32_t point)
{
    for (size_t i = 0; i < count; i++)
        if (point >= ranges[i][0] && point <= ranges[i][1])
            return true;
    return false;
}

static size_t
s_point_width (uint32_t point)
{
    static const uint32_t none[][2] = {
        {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},
        {0x610, 0x61a},   {0x64b, 0x65f},   {0x200b, 0x200f},
        {0x202a, 0x202e}, {0x2060, 0x2064}, {0x20d0, 0x20ff},
        {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef}};
    static const uint32_t wide[][2] = {
        {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
        {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
        {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
        {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
        {0x20000, 0x3fffd}};
    if (point < 0x300)
        return 1;
    if (s_is_in (none, sizeof none / sizeof *none, point))
        return 0;
    return s_is_in (wide, sizeof wide / sizeof *wide, point) ? 2 : 1;
}

size_t
covey_text_width (const char *text)
{
    size_t width = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p;)
        width += s_point_width (s_next (&p));
    return width;
}

size_t
covey_text_fit (const char *text, size_t columns)
{
    const unsigned char *start = (const unsigned char *)text, *p = start;
    size_t width = 0;
    while (*p) {
        const unsigned char *before = p;
        width += s_point_width (s_next (&p));
        if (width > columns)
            return (size_t)(before - start);
    }
    return (size_t)(p - start);
}

size_t
covey_text_terminal_width (void)
{
    struct winsize size;
    if (!isatty (STDOUT_FILENO) || ioctl (STDOUT_FILENO, TIOCGWINSZ, &size))
        return 0;
    return size.ws_col;
}

void
covey_text_age (int64_t now_us, int64_t wall_us, char text[24])
{
    int64_t seconds = (now_us - wall_us) / 1000000;
    if (seconds < 0)
        seconds = 0;
    if (seconds < 120)
        snprintf (text, 24, "%llds", (long long)seconds);
    else if (seconds < 7200)
        snprintf (text, 24, "%lldm", (long long)(seconds / 60));
    else if (seconds < 172800)
        snprintf (text, 24, "%lldh", (long long)(seconds / 3600));
    else
        snprintf (text, 24, "%lldd", (long long)(seconds / 86400));
}

void
covey_text_time (int64_t now_us, int64_t wall_us, char text[40])
{
    time_t now = (time_t)(now_us / 1000000);
    time_t then = (time_t)(wall_us / 1000000);
    struct tm today, day;
    if (!localtime_r (&now, &today) || !localtime_r (&then, &day)) {
        snprintf (text, 40, "-");
        return;
    }
    bool is_today =
        day.tm_year == today.tm_year && day.tm_yday == today.tm_yday;
    size_t size =
        strftime (text, 40, is_today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &day);
    if (is_today && size)
        snprintf (text + size, 40 - size, ".%03d",
                  (int)(wall_us / 1000 % 1000));
}

const char *
covey_text_bold (const covey_cli_t *cli)
{
    return cli->colour ? "\033[1m" : "";
}

const char *
covey_text_plain (const covey_cli_t *cli)
{
    return cli->colour ? "\033[0m" : "";
}

static bool
s_is_one_of (const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp (word, *words) == 0)
            return true;
    return false;
}

const char *
covey_text_state_colour (const covey_cli_t *cli, const char *state)
{
    static const char *const good[] = {"alive",    "ready",  "idle",
                                       "accepted", "active", "completed",
                                       "approve",  NULL};
    static const char *const bad[] = {"failed", "lost",   "parked", "rejected",
                                      "vetoed", "reject", NULL};
    static const char *const busy[] = {"suspected", "stalled", "busy",
                                       "started",   "open",    "noQuorum",
                                       "expired",   NULL};
    if (!cli->colour)
        return "";
    if (s_is_one_of (state, good))
        return "\033[32m";
    if (s_is_one_of (state, bad))
        return "\033[31m";
    return s_is_one_of (state, busy) ? "\033[33m" : "";
}
