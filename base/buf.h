/*  buf - a byte buffer that grows up to a limit

    Memory    init/deinit (embedded); data belongs to the buffer until steal
    Limits    every buffer names its maximum at init; an append past it fails
              with LIMIT and leaves the content as it was
*/
#ifndef COVEY_BUF_H_INCLUDED
#define COVEY_BUF_H_INCLUDED

#include "base/err.h"

typedef struct {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t max;
    bool failed; /* an append since init or clear did not fit                 */
} covey_buf_t;

void covey_buf_init (covey_buf_t *self, size_t max);
void covey_buf_deinit (covey_buf_t *self);
/*  Forget the content, keep the memory.                                     */
void covey_buf_clear (covey_buf_t *self);
covey_err_t covey_buf_append (covey_buf_t *self, const void *data, size_t size);
/*  Text helpers, for sequences whose result is checked once at the end by
    `failed`.                                                                 */
void covey_buf_puts (covey_buf_t *self, const char *text);
void covey_buf_putc (covey_buf_t *self, char c);
void covey_buf_printf (covey_buf_t *self, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));
/*  Room for `size` more bytes, to be written by the caller; NULL: LIMIT.    */
uint8_t *covey_buf_extend (covey_buf_t *self, size_t size);
/*  The content as a NUL-terminated string of the caller's; the buffer is
    empty afterwards. NULL when an append failed.                             */
char *covey_buf_steal (covey_buf_t *self);

#endif
