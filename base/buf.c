#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
covey_buf_init (covey_buf_t *self, size_t max)
{
    assert (max > 0);
    memset (self, 0, sizeof *self);
    self->max = max;
}

void
covey_buf_deinit (covey_buf_t *self)
{
    free (self->data);
    memset (self, 0, sizeof *self);
}

void
covey_buf_clear (covey_buf_t *self)
{
    self->size = 0;
    self->failed = false;
}

uint8_t *
covey_buf_extend (covey_buf_t *self, size_t size)
{
    if (size > self->max || self->size > self->max - size) {
        self->failed = true;
        return NULL;
    }
    /* One spare byte, so that steal can terminate in place. */
    size_t need = self->size + size + 1;
    if (need > self->capacity) {
        size_t capacity = self->capacity ? self->capacity * 2 : 256;
        if (capacity < need)
            capacity = need;
        uint8_t *data = realloc (self->data, capacity);
        if (!data) {
            self->failed = true;
            return NULL;
        }
        self->data = data;
        self->capacity = capacity;
    }
    uint8_t *room = self->data + self->size;
    self->size += size;
    return room;
}

covey_err_t
covey_buf_append (covey_buf_t *self, const void *data, size_t size)
{
    uint8_t *room = covey_buf_extend (self, size);
    if (!room)
        return COVEY_LIMIT;
    if (size)
        memcpy (room, data, size);
    return COVEY_OK;
}

void
covey_buf_puts (covey_buf_t *self, const char *text)
{
    (void)covey_buf_append (self, text, strlen (text)); /* see `failed` */
}

void
covey_buf_putc (covey_buf_t *self, char c)
{
    (void)covey_buf_append (self, &c, 1); /* see `failed` */
}

void
covey_buf_printf (covey_buf_t *self, const char *fmt, ...)
{
    va_list args, again;
    va_start (args, fmt);
    va_copy (again, args);
    char small[256];
    int size = vsnprintf (small, sizeof small, fmt, args);
    va_end (args);
    if (size >= 0 && (size_t)size < sizeof small)
        (void)covey_buf_append (self, small, (size_t)size);
    else if (size >= 0) {
        char *large = malloc ((size_t)size + 1);
        if (large) {
            vsnprintf (large, (size_t)size + 1, fmt, again);
            (void)covey_buf_append (self, large, (size_t)size);
            free (large);
        } else
            self->failed = true;
    }
    va_end (again);
}

char *
covey_buf_steal (covey_buf_t *self)
{
    if (self->failed || (!self->data && !covey_buf_extend (self, 0)))
        return NULL;
    char *text = (char *)self->data;
    text[self->size] = '\0';
    self->data = NULL;
    self->size = self->capacity = 0;
    return text;
}
