#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

const char *
covey_err_name (int code)
{
    switch (code) {
#define COVEY_X(value, name, text) \
    case value:                    \
        return #name;
        COVEY_ERROR_MAP (COVEY_X)
#undef COVEY_X
    }
    return "UNKNOWN";
}

const char *
covey_err_text (int code)
{
    switch (code) {
#define COVEY_X(value, name, text) \
    case value:                    \
        return text;
        COVEY_ERROR_MAP (COVEY_X)
#undef COVEY_X
    }
    return "unknown error";
}

covey_err_t
covey_vfail (covey_errbuf_t *err, covey_err_t code, const char *fmt,
             va_list args)
{
    if (!err)
        return code;
    /* By way of a copy: an argument may be the old text itself. */
    char text[sizeof err->text];
    vsnprintf (text, sizeof text, fmt, args);
    size_t i = 0;
    for (; text[i]; i++) {
        err->text[i] = text[i];
        if ((unsigned char)text[i] < 0x20)
            err->text[i] = ' ';
    }
    err->text[i] = '\0';
    return code;
}

covey_err_t
covey_fail (covey_errbuf_t *err, covey_err_t code, const char *fmt, ...)
{
    va_list args;
    va_start (args, fmt);
    covey_vfail (err, code, fmt, args);
    va_end (args);
    return code;
}

/*  The one mutable object with static storage: like errno, one per thread.  */
static _Thread_local covey_errbuf_t s_last;

covey_errbuf_t *
covey_errbuf (void)
{
    return &s_last;
}

const char *
covey_error (void)
{
    return s_last.text;
}

void
covey_free (void *memory)
{
    free (memory);
}

const char *
covey_version (void)
{
    return COVEY_VERSION_TEXT;
}
