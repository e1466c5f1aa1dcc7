#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

struct covey_log {
    int fd;
    covey_log_level_t level;
};

static const char *const s_levels[] = {"error", "warn", "info", "debug"};

covey_log_t *
covey_log_new (int fd, covey_log_level_t level)
{
    covey_log_t *self = malloc (sizeof *self);
    if (self) {
        self->fd = fd;
        self->level = level;
    }
    return self;
}

void
covey_log_destroy (covey_log_t **self_p)
{
    free (*self_p);
    *self_p = NULL;
}

void
covey_log_write (covey_log_t *self, covey_log_level_t level,
                 const char *component, const char *event, const char *fmt, ...)
{
    if (!self || level > self->level)
        return;
    char line[2048], when[40];
    covey_str_time (covey_clock_wall_us () / 1000 * 1000, when);
    int n = snprintf (line, sizeof line - 1, "%s %s %s %s ", when,
                      s_levels[level], component, event);
    size_t used = n > 0 ? (size_t)n : 0;
    va_list args;
    va_start (args, fmt);
    vsnprintf (line + used, sizeof line - 1 - used, fmt, args);
    va_end (args);
    used = strlen (line);
    line[used++] = '\n';
    /* A log that cannot be written has nobody left to tell. */
    ssize_t written = write (self->fd, line, used);
    (void)written;
}

bool
covey_log_parse_level (const char *text, covey_log_level_t *level_p)
{
    for (int i = 0; i < 4; i++)
        if (strcmp (text, s_levels[i]) == 0) {
            *level_p = (covey_log_level_t)i;
            return true;
        }
    return false;
}

const char *
covey_log_quote (covey_log_quoted_t *to, const char *text)
{
    char *p = to->text, *end = to->text + sizeof to->text - 4;
    *p++ = '"';
    for (; *text && p < end; text++) {
        if (*text == '"' || *text == '\\')
            *p++ = '\\';
        char c = *text;
        if ((unsigned char)c < 0x20)
            c = ' ';
        *p++ = c;
    }
    *p++ = '"';
    *p = '\0';
    return to->text;
}
