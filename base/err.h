/*  err - results and the one line that explains a failure

    Role      every fallible function returns covey_err_t (covey.h has the
              list); those that know more than the code take a covey_errbuf_t
    Threads   an errbuf belongs to its caller; the public API keeps one per
              thread behind covey_error ()
*/
#ifndef COVEY_ERR_H_INCLUDED
#define COVEY_ERR_H_INCLUDED

#include <stdarg.h>

#include "covey.h"

/*  One line: what failed, with which value, why, what to do.                */
typedef struct {
    char text[512];
} covey_errbuf_t;

/*  Write the line and return `code`, so that a check is one statement:
        return covey_fail (err, COVEY_LIMIT, "name has %zu bytes, ...", n);
    `err` may be NULL. Line feeds and control bytes become spaces.            */
covey_err_t covey_fail (covey_errbuf_t *err, covey_err_t code, const char *fmt,
                        ...) __attribute__ ((format (printf, 3, 4)));
covey_err_t covey_vfail (covey_errbuf_t *err, covey_err_t code, const char *fmt,
                         va_list args) __attribute__ ((format (printf, 3, 0)));

/*  This thread's buffer behind covey_error (), for the public API only.     */
covey_errbuf_t *covey_errbuf (void);

#endif
