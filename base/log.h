/*  log - one sink for what the daemon has to say: logfmt lines on stderr

    Role      shells and cli only; cores return errors and effects
    Threads   any; a line is written with one write call
    Format    2026-11-23T12:00:00.000Z warn node peer_refused peer=1.2.3.4:7400
              reason="mesh \"a\" is not \"b\""
*/
#ifndef COVEY_LOG_H_INCLUDED
#define COVEY_LOG_H_INCLUDED

#include "base/err.h"

typedef enum {
    COVEY_LOG_ERROR,
    COVEY_LOG_WARN,
    COVEY_LOG_INFO,
    COVEY_LOG_DEBUG
} covey_log_level_t;

/*  A log belongs to a node; NULL is silent. Borrowed by the actors that get
    it, destroyed by who made it after they ended.                            */
typedef struct covey_log covey_log_t;

/*  `fd` stays the caller's.                                                 */
covey_log_t *covey_log_new (int fd, covey_log_level_t level);
void covey_log_destroy (covey_log_t **self_p);
/*  `event` is a fixed name in snake_case; `fmt` makes the key=value pairs; a
    value with spaces goes through covey_log_quote. At most 2,000 bytes.      */
void covey_log_write (covey_log_t *self, covey_log_level_t level,
                      const char *component, const char *event, const char *fmt,
                      ...) __attribute__ ((format (printf, 5, 6)));
bool covey_log_parse_level (const char *text, covey_log_level_t *level_p);

typedef struct {
    char text[600];
} covey_log_quoted_t;
/*  `text` in double quotes with escapes, cut to fit.                        */
const char *covey_log_quote (covey_log_quoted_t *to, const char *text);

#endif
