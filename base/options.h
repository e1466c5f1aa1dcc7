/*  options - one table drives flags, environment, configuration file, defaults,
    checks, --help, man page and completion

    Role      pure but for reading the environment and the file, which the
              caller passes in
    Order     call, flag, environment, file, default: the first that is set
              wins, whatever is parsed first; a stronger origin replaces a
              LIST, the same one appends to it; the origin of each value is
              remembered
    Memory    aborts when memory is exhausted
    Limits    COVEY_LIST_MAX values of a LIST
*/
#ifndef COVEY_OPTIONS_H_INCLUDED
#define COVEY_OPTIONS_H_INCLUDED

#include "base/err.h"

typedef enum {
    COVEY_OPT_FLAG,   /* present or not; "true"/"false" in a file             */
    COVEY_OPT_INT,    /* within [min, max]                                    */
    COVEY_OPT_SIZE,   /* bytes, with k, m, g (1024)                           */
    COVEY_OPT_MS,     /* duration: 250, 250ms, 5s, 2m, 1h                     */
    COVEY_OPT_TEXT,   /* at most max bytes (0: COVEY_NAME_MAX)                */
    COVEY_OPT_LIST,   /* TEXT that may be repeated or separated by commas     */
    COVEY_OPT_CHOICE, /* one of `choices`, separated by '|'                   */
    COVEY_OPT_TIME    /* RFC 3339, a day, "now", or an age: 10m, 2h, 7d       */
} covey_opt_kind_t;

typedef struct {
    const char *flag;      /* "listen" for --listen; NULL: no option          */
    const char *env;       /* "COVEY_LISTEN" or NULL                          */
    const char *key;       /* what others call it: in covey.conf "listen", in
                              the params of a method "agentType"; or NULL     */
    covey_opt_kind_t kind; /* of its value                                    */
    char letter;           /* 'n' for -n, or 0                                */
    bool secret;           /* never printed                                   */
    const char *def;       /* default as text, or NULL                        */
    int64_t min, max;      /* INT, SIZE, MS: bounds, none when both are 0;
                              TEXT, LIST: max bytes, and min > 0: not empty   */
    const char *choices;   /* CHOICE                                          */
    const char *value;     /* how help names the value: "HOST:PORT"           */
    const char *doc;       /* one line                                        */
} covey_opt_t;             /* a table ends with an entry of zeros             */

typedef enum {
    COVEY_FROM_NOTHING,
    COVEY_FROM_DEFAULT,
    COVEY_FROM_FILE,
    COVEY_FROM_ENV,
    COVEY_FROM_FLAG,
    COVEY_FROM_CALL /* covey_node_set                                         */
} covey_opt_origin_t;

typedef struct covey_options covey_options_t;

/*  Values for a table; the table is borrowed for the object's life.         */
covey_options_t *covey_options_new (const covey_opt_t *table);
void covey_options_destroy (covey_options_t **self_p);

/*  Each checks kind and bounds; INVALID with one line that names the setting,
    its value, where it came from and what is allowed; an unknown name gets the
    nearest match.
    parse_args: argv[0..argc) without program and command names; what is not an
    option is kept as positional; "--" ends options and everything behind it is
    positional; `--flag=value`, `--flag value`, `-f value`, `--no-flag`.
    parse_env: an empty variable counts as not set.                           */
covey_err_t covey_options_parse_args (covey_options_t *self, int argc,
                                      char **argv, covey_errbuf_t *err);
covey_err_t covey_options_parse_env (covey_options_t *self,
                                     const char *(*get) (const char *name),
                                     covey_errbuf_t *err);
/*  `key = value` lines, '#' comments, a value may be in double quotes; errors
    name file and line.                                                       */
covey_err_t covey_options_parse_file (covey_options_t *self, const char *path,
                                      const char *text, covey_errbuf_t *err);
/*  By key (or flag), as covey_node_set does.                                */
covey_err_t covey_options_set (covey_options_t *self, const char *key,
                               const char *value, covey_opt_origin_t origin,
                               covey_errbuf_t *err);

/*  By flag name, or key where there is no flag; asserts that the table has
 * it.*/
bool covey_options_is_set (const covey_options_t *self, const char *name);
bool covey_options_flag (const covey_options_t *self, const char *name);
int64_t covey_options_int (const covey_options_t *self, const char *name);
/*  Text or NULL; for LIST the last one.                                     */
const char *covey_options_text (const covey_options_t *self, const char *name);
size_t covey_options_count (const covey_options_t *self, const char *name);
const char *covey_options_item (const covey_options_t *self, const char *name,
                                size_t index);
covey_opt_origin_t covey_options_origin (const covey_options_t *self,
                                         const char *name);
size_t covey_options_positional_count (const covey_options_t *self);
/*  How many of them stand before "--"; all of them when there is none.      */
size_t covey_options_positional_before (const covey_options_t *self);
const char *covey_options_positional (const covey_options_t *self,
                                      size_t index);
/*  Microseconds since the epoch of a TIME value, given the present.         */
int64_t covey_options_time (const covey_options_t *self, const char *name,
                            int64_t now_us);

/*  "COVEY_LISTEN", "--listen", "covey.conf line 3", ... for messages; valid
    until the next call.                                                      */
const char *covey_options_origin_text (const covey_options_t *self,
                                       const char *name);

#endif
