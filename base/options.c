#include "base/options.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"

/*  How much of a value is repeated in a message.                            */
#define SHOWN_MAX 80

typedef struct {
    char **items; /* one; a LIST may have more                                */
    size_t count;
    int64_t number;  /* FLAG, INT, SIZE, MS: the last item's value           */
    bool has_number; /* false: nothing was set, `number` means nothing       */
    covey_opt_origin_t origin;
    int line; /* in the file, when it came from there                         */
} value_t;

struct covey_options {
    const covey_opt_t *table;
    size_t size;
    value_t *values; /* one per entry of the table                            */
    char **positional;
    size_t positional_count;
    size_t positional_behind; /* of those, behind "--"                        */
    char *path;       /* of the file that was parsed last                    */
    char origin[320]; /* what origin_text returned                           */
};

/*  Where a value comes from while it is being parsed.                       */
typedef struct {
    covey_opt_origin_t origin;
    int line;
    const char *where; /* "--listen", "COVEY_LISTEN", "covey.conf line 3: x"  */
} source_t;

static bool
s_is_end (const covey_opt_t *opt)
{
    return !opt->flag && !opt->letter && !opt->env && !opt->key;
}

static void
s_clear (value_t *value)
{
    for (size_t i = 0; i < value->count; i++)
        free (value->items[i]);
    free (value->items);
    *value = (value_t){0};
}

/*  What follows the digits of a size or duration; 0: not a unit.            */
static int64_t
s_unit (covey_opt_kind_t kind, const char *text)
{
    static const struct {
        const char *name;
        int64_t factor;
    } sizes[] = {{"", 1},          {"k", 1024},    {"K", 1024},
                 {"m", 1048576},   {"M", 1048576}, {"g", 1073741824},
                 {"G", 1073741824}},
      times[] = {{"", 1},      {"ms", 1},      {"s", 1000},
                 {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    if (kind == COVEY_OPT_SIZE) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            if (strcmp (text, sizes[i].name) == 0)
                return sizes[i].factor;
        return 0;
    }
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (strcmp (text, times[i].name) == 0)
            return times[i].factor;
    return 0;
}

/*  Digits and a unit, without overflow.                                     */
static bool
s_scaled (covey_opt_kind_t kind, const char *text, int64_t *value_p)
{
    size_t digits = strspn (text, "0123456789");
    char number[20];
    if (digits == 0 || digits >= sizeof number)
        return false;
    memcpy (number, text, digits);
    number[digits] = '\0';
    int64_t factor = s_unit (kind, text + digits);
    int64_t value;
    if (!factor || !covey_str_to_int (number, 0, INT64_MAX / factor, &value))
        return false;
    *value_p = value * factor;
    return true;
}

/*  An instant in microseconds: RFC 3339, a day, "now" or an age.            */
static bool
s_instant (const char *text, int64_t now_us, int64_t *value_p)
{
    int64_t age_ms;
    if (strcmp (text, "now") == 0) {
        *value_p = now_us;
        return true;
    }
    if (strlen (text) == strlen ("2026-11-23")) {
        char day[32];
        snprintf (day, sizeof day, "%sT00:00:00Z", text);
        if (covey_str_parse_time (day, value_p))
            return true;
    }
    if (covey_str_parse_time (text, value_p))
        return true;
    /*  An age has a unit: a bare number would be a guess.                   */
    if (!*text || strchr ("0123456789", text[strlen (text) - 1]) ||
        !s_scaled (COVEY_OPT_MS, text, &age_ms) || age_ms > INT64_MAX / 1000)
        return false;
    *value_p = now_us - age_ms * 1000;
    return true;
}

static bool
s_flag_value (const char *text, int64_t *value_p)
{
    static const char *const words[] = {"false", "true", "no", "yes",
                                        "off",   "on",   "0",  "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp (text, words[i]) == 0) {
            *value_p = (int64_t)(i % 2);
            return true;
        }
    return false;
}

static bool
s_is_choice (const char *choices, const char *text)
{
    size_t size = strlen (text);
    for (const char *p = choices; p; p = strchr (p, '|')) {
        if (*p == '|')
            p++;
        if (strcspn (p, "|") == size && memcmp (p, text, size) == 0)
            return true;
    }
    return false;
}

static covey_err_t
s_refuse (const covey_opt_t *opt, const source_t *source, const char *text,
          const char *why, covey_errbuf_t *err)
{
    size_t size = strlen (text);
    if (opt->secret)
        return covey_fail (err, COVEY_INVALID, "%s: (hidden): %s",
                           source->where, why);
    return covey_fail (err, COVEY_INVALID, "%s: \"%.*s%s\": %s", source->where,
                       SHOWN_MAX, text, size > SHOWN_MAX ? "..." : "", why);
}

static bool
s_is_bounded (const covey_opt_t *opt)
{
    return opt->min != 0 || opt->max != 0;
}

static covey_err_t
s_check_number (const covey_opt_t *opt, const source_t *source,
                const char *text, int64_t *value_p, covey_errbuf_t *err)
{
    const char *kind = opt->kind == COVEY_OPT_INT    ? "a whole number"
                       : opt->kind == COVEY_OPT_SIZE ? "a size (512, 64k, 8m, "
                                                       "1g)"
                                                     : "a duration (250ms, 5s, "
                                                       "2m, 1h)";
    bool good = opt->kind == COVEY_OPT_INT
                    ? covey_str_to_int (text, INT64_MIN, INT64_MAX, value_p)
                    : s_scaled (opt->kind, text, value_p);
    if (good &&
        (!s_is_bounded (opt) || (*value_p >= opt->min && *value_p <= opt->max)))
        return COVEY_OK;
    char why[160];
    const char *unit = opt->kind == COVEY_OPT_INT    ? ""
                       : opt->kind == COVEY_OPT_SIZE ? " bytes"
                                                     : " ms";
    int n = snprintf (why, sizeof why, "must be %s", kind);
    if (s_is_bounded (opt))
        snprintf (why + n, sizeof why - (size_t)n, " from %lld to %lld%s",
                  (long long)opt->min, (long long)opt->max, unit);
    return s_refuse (opt, source, text, why, err);
}

static covey_err_t
s_check_text (const covey_opt_t *opt, const source_t *source, const char *text,
              covey_errbuf_t *err)
{
    size_t size = strlen (text);
    size_t max = opt->max ? (size_t)opt->max : COVEY_NAME_MAX;
    char why[120];
    if (size > max) {
        snprintf (why, sizeof why, "has %zu bytes, at most %zu are allowed",
                  size, max);
        return s_refuse (opt, source, text, why, err);
    }
    if (!covey_str_is_utf8 (text, size))
        return s_refuse (opt, source, "", "is not valid UTF-8", err);
    if (size == 0 && (opt->kind == COVEY_OPT_LIST || opt->min > 0))
        return s_refuse (opt, source, text, "must not be empty", err);
    return COVEY_OK;
}

static covey_err_t
s_check (const covey_opt_t *opt, const source_t *source, const char *text,
         int64_t *number_p, covey_errbuf_t *err)
{
    char why[512];
    int64_t instant;
    *number_p = 0;
    switch (opt->kind) {
        case COVEY_OPT_FLAG:
            if (s_flag_value (text, number_p))
                return COVEY_OK;
            return s_refuse (opt, source, text, "must be true or false", err);
        case COVEY_OPT_INT:
        case COVEY_OPT_SIZE:
        case COVEY_OPT_MS:
            return s_check_number (opt, source, text, number_p, err);
        case COVEY_OPT_CHOICE:
            if (s_is_choice (opt->choices, text))
                return COVEY_OK;
            snprintf (why, sizeof why, "must be one of %s", opt->choices);
            return s_refuse (opt, source, text, why, err);
        case COVEY_OPT_TIME:
            if (s_instant (text, 0, &instant))
                return COVEY_OK;
            return s_refuse (opt, source, text,
                             "must be a time (2026-11-23T12:00:00Z), a day "
                             "(2026-11-23), now, or an age (10m, 2h, 7d)",
                             err);
        case COVEY_OPT_TEXT:
        case COVEY_OPT_LIST:
            break;
    }
    return s_check_text (opt, source, text, err);
}

static covey_err_t
s_add_item (const covey_opt_t *opt, value_t *value, const source_t *source,
            char *text, covey_errbuf_t *err)
{
    int64_t number;
    covey_err_t rc = s_check (opt, source, text, &number, err);
    if (rc == COVEY_OK && value->count == COVEY_LIST_MAX)
        rc = covey_fail (err, COVEY_INVALID, "%s: more than %d values",
                         source->where, COVEY_LIST_MAX);
    if (rc) {
        free (text);
        return rc;
    }
    char **items = realloc (value->items, (value->count + 1) * sizeof *items);
    if (!items)
        abort ();
    items[value->count++] = text;
    value->items = items;
    value->number = number;
    value->has_number = true;
    return COVEY_OK;
}

/*  A LIST splits at commas; blanks around an item do not belong to it.      */
static covey_err_t
s_add_items (const covey_opt_t *opt, value_t *value, const source_t *source,
             const char *text, covey_errbuf_t *err)
{
    for (const char *p = text;; p++) {
        size_t size = strcspn (p, ",");
        const char *end = p + size, *last = end;
        while (p < end && *p == ' ')
            p++;
        while (last > p && last[-1] == ' ')
            last--;
        char *item = strndup (p, (size_t)(last - p));
        if (!item)
            abort ();
        covey_err_t rc = s_add_item (opt, value, source, item, err);
        if (rc)
            return rc;
        p = end;
        if (!*p)
            return COVEY_OK;
    }
}

/*  A stronger origin replaces, a weaker one is checked and forgotten, the same
    one replaces or, for a LIST, goes on.                                     */
static covey_err_t
s_assign (covey_options_t *self, size_t index, const source_t *source,
          const char *text, covey_errbuf_t *err)
{
    const covey_opt_t *opt = &self->table[index];
    value_t *value = &self->values[index];
    value_t fresh = {.origin = source->origin, .line = source->line};
    bool goes_on =
        opt->kind == COVEY_OPT_LIST && value->origin == source->origin;
    if (goes_on)
        return s_add_items (opt, value, source, text, err);
    covey_err_t rc =
        opt->kind == COVEY_OPT_LIST
            ? s_add_items (opt, &fresh, source, text, err)
            : s_add_item (opt, &fresh, source, covey_str_dup (text), err);
    if (rc || value->origin > source->origin) {
        s_clear (&fresh);
        return rc;
    }
    s_clear (value);
    *value = fresh;
    return COVEY_OK;
}

covey_options_t *
covey_options_new (const covey_opt_t *table)
{
    covey_options_t *self = calloc (1, sizeof *self);
    if (!self)
        abort ();
    self->table = table;
    while (!s_is_end (&table[self->size]))
        self->size++;
    self->values = calloc (self->size + 1, sizeof *self->values);
    if (!self->values)
        abort ();
    source_t source = {.origin = COVEY_FROM_DEFAULT, .where = "default"};
    for (size_t i = 0; i < self->size; i++) {
        if (!table[i].def)
            continue;
        covey_err_t rc = s_assign (self, i, &source, table[i].def, NULL);
        assert (rc == COVEY_OK); /* the table contradicts itself              */
        (void)rc;
    }
    return self;
}

void
covey_options_destroy (covey_options_t **self_p)
{
    covey_options_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->size; i++)
        s_clear (&self->values[i]);
    for (size_t i = 0; i < self->positional_count; i++)
        free (self->positional[i]);
    free (self->values);
    free (self->positional);
    free (self->path);
    free (self);
    *self_p = NULL;
}

/* ------------------------------------------------------------------------ */
/*  Names                                                                     */

static const char *
s_next_flag (const void *arg, size_t i)
{
    const covey_options_t *self = arg;
    if (i >= self->size)
        return NULL;
    return self->table[i].flag ? self->table[i].flag : "";
}

static const char *
s_next_key (const void *arg, size_t i)
{
    const covey_options_t *self = arg;
    if (i >= self->size)
        return NULL;
    return self->table[i].key ? self->table[i].key : "";
}

static bool
s_find_flag (const covey_options_t *self, const char *name, size_t size,
             size_t *index_p)
{
    for (size_t i = 0; i < self->size; i++) {
        const char *flag = self->table[i].flag;
        if (flag && strlen (flag) == size && memcmp (flag, name, size) == 0) {
            *index_p = i;
            return true;
        }
    }
    return false;
}

static bool
s_find_letter (const covey_options_t *self, char letter, size_t *index_p)
{
    for (size_t i = 0; i < self->size; i++)
        if (self->table[i].letter == letter) {
            *index_p = i;
            return true;
        }
    return false;
}

static bool
s_find_key (const covey_options_t *self, const char *key, size_t *index_p)
{
    for (size_t i = 0; i < self->size; i++)
        if (self->table[i].key && strcmp (self->table[i].key, key) == 0) {
            *index_p = i;
            return true;
        }
    return false;
}

/*  A name that the program itself asks for: it is there.                    */
static size_t
s_index (const covey_options_t *self, const char *name)
{
    size_t index = 0;
    bool found = s_find_flag (self, name, strlen (name), &index) ||
                 s_find_key (self, name, &index);
    assert (found);
    (void)found;
    return index;
}

/* ------------------------------------------------------------------------ */
/*  Command line                                                              */

static void
s_keep_positional (covey_options_t *self, const char *text)
{
    char **list =
        realloc (self->positional, (self->positional_count + 1) * sizeof *list);
    if (!list)
        abort ();
    list[self->positional_count++] = covey_str_dup (text);
    self->positional = list;
}

static covey_err_t
s_unknown_flag (const covey_options_t *self, const char *arg, size_t size,
                covey_errbuf_t *err)
{
    char name[64] = "";
    if (size > 2 && size - 2 < sizeof name && arg[1] == '-') {
        memcpy (name, arg + 2, size - 2);
        name[size - 2] = '\0';
    }
    const char *near =
        *name ? covey_str_nearest (name, s_next_flag, self) : NULL;
    if (near && *near)
        return covey_fail (
            err, COVEY_INVALID, "%.*s: unknown option; did you mean --%s?",
            (int)(size < SHOWN_MAX ? size : SHOWN_MAX), arg, near);
    return covey_fail (err, COVEY_INVALID,
                       "%.*s: unknown option; --help lists all",
                       (int)(size < SHOWN_MAX ? size : SHOWN_MAX), arg);
}

/*  One option at argv[*i]; *i moves over its value.                         */
static covey_err_t
s_parse_option (covey_options_t *self, int argc, char **argv, int *i,
                covey_errbuf_t *err)
{
    const char *arg = argv[*i];
    const char *value = NULL;
    size_t size = strlen (arg), index;
    bool found, off = false;
    if (arg[1] == '-') {
        value = strchr (arg, '=');
        if (value)
            size = (size_t)(value++ - arg);
        found = s_find_flag (self, arg + 2, size - 2, &index);
        if (!found && size > 5 && memcmp (arg, "--no-", 5) == 0)
            found = off = s_find_flag (self, arg + 5, size - 5, &index) &&
                          self->table[index].kind == COVEY_OPT_FLAG && !value;
    } else
        found = size == 2 && s_find_letter (self, arg[1], &index);
    if (!found)
        return s_unknown_flag (self, arg, size, err);

    const covey_opt_t *opt = &self->table[index];
    char where[64];
    snprintf (where, sizeof where, "%.*s", (int)size, arg);
    if (!value && opt->kind == COVEY_OPT_FLAG)
        value = off ? "false" : "true";
    if (!value) {
        /*  A following option is not a value; --x=--y says so explicitly.   */
        if (*i + 1 >= argc || strncmp (argv[*i + 1], "--", 2) == 0)
            return covey_fail (err, COVEY_INVALID, "%s: needs a value: %s %s",
                               where, where, opt->value ? opt->value : "VALUE");
        value = argv[++*i];
    }
    source_t source = {.origin = COVEY_FROM_FLAG, .where = where};
    return s_assign (self, index, &source, value, err);
}

covey_err_t
covey_options_parse_args (covey_options_t *self, int argc, char **argv,
                          covey_errbuf_t *err)
{
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (strcmp (arg, "--") == 0) {
            self->positional_behind = (size_t)(argc - i - 1);
            while (++i < argc)
                s_keep_positional (self, argv[i]);
            break;
        }
        if (arg[0] != '-' || arg[1] == '\0') {
            s_keep_positional (self, arg);
            continue;
        }
        covey_err_t rc = s_parse_option (self, argc, argv, &i, err);
        if (rc)
            return rc;
    }
    return COVEY_OK;
}

/* ------------------------------------------------------------------------ */
/*  Environment, file, calls                                                  */

covey_err_t
covey_options_parse_env (covey_options_t *self,
                         const char *(*get) (const char *name),
                         covey_errbuf_t *err)
{
    for (size_t i = 0; i < self->size; i++) {
        const char *name = self->table[i].env;
        const char *text = name ? get (name) : NULL;
        if (!text || !*text)
            continue;
        source_t source = {.origin = COVEY_FROM_ENV, .where = name};
        covey_err_t rc = s_assign (self, i, &source, text, err);
        if (rc)
            return rc;
    }
    return COVEY_OK;
}

static char *
s_skip_blanks (char *p)
{
    return p + strspn (p, " \t\r");
}

static void
s_trim_end (char *p)
{
    size_t size = strlen (p);
    while (size && strchr (" \t\r", p[size - 1]))
        p[--size] = '\0';
}

/*  Takes the quotes and escapes out of a value, in place. NULL, or what is
    wrong.                                                                    */
static const char *
s_unquote (char *p)
{
    char *to = p;
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        *to++ = *p;
    }
    if (!*p)
        return "the closing quote is missing";
    p = s_skip_blanks (p + 1);
    if (*p && *p != '#')
        return "there is text behind the closing quote";
    *to = '\0';
    return NULL;
}

static covey_err_t
s_assign_line (covey_options_t *self, int line, const char *key,
               const char *text, covey_errbuf_t *err)
{
    size_t index;
    if (!s_find_key (self, key, &index)) {
        const char *near = covey_str_nearest (key, s_next_key, self);
        return covey_fail (
            err, COVEY_INVALID, "%s line %d: \"%.*s\": unknown setting%s%s%s",
            self->path, line, SHOWN_MAX, key,
            near && *near ? "; did you mean " : "", near && *near ? near : "",
            near && *near ? "?" : "; covey help up lists all");
    }
    const value_t *value = &self->values[index];
    if (value->origin == COVEY_FROM_FILE &&
        self->table[index].kind != COVEY_OPT_LIST)
        return covey_fail (err, COVEY_INVALID,
                           "%s line %d: \"%s\": set already on line %d; "
                           "remove one of them",
                           self->path, line, key, value->line);
    char where[400];
    snprintf (where, sizeof where, "%s line %d: %s", self->path, line, key);
    source_t source = {COVEY_FROM_FILE, line, where};
    return s_assign (self, index, &source, text, err);
}

/*  `text` is one line, which is changed on the way.                         */
static covey_err_t
s_parse_line (covey_options_t *self, int line, char *text, covey_errbuf_t *err)
{
    char *key = s_skip_blanks (text);
    if (!*key || *key == '#')
        return COVEY_OK;
    char *value = strchr (key, '=');
    if (!value)
        return covey_fail (err, COVEY_INVALID,
                           "%s line %d: \"%.*s\": no '=' in it; write key = "
                           "value",
                           self->path, line, SHOWN_MAX, key);
    *value++ = '\0';
    s_trim_end (key);
    value = s_skip_blanks (value);
    if (*value == '"') {
        const char *wrong = s_unquote (value);
        if (wrong)
            return covey_fail (err, COVEY_INVALID, "%s line %d: %.*s: %s",
                               self->path, line, SHOWN_MAX, key, wrong);
    } else {
        /*  '#' starts a comment at the value's start and behind a blank.    */
        for (char *p = value; *p; p++)
            if (*p == '#' && (p == value || p[-1] == ' ' || p[-1] == '\t')) {
                *p = '\0';
                break;
            }
        s_trim_end (value);
    }
    return s_assign_line (self, line, key, value, err);
}

covey_err_t
covey_options_parse_file (covey_options_t *self, const char *path,
                          const char *text, covey_errbuf_t *err)
{
    free (self->path);
    self->path = covey_str_dup (path);
    int line = 1;
    for (const char *p = text; *p; line++) {
        size_t size = strcspn (p, "\n");
        char *copy = strndup (p, size);
        if (!copy)
            abort ();
        covey_err_t rc = s_parse_line (self, line, copy, err);
        free (copy);
        if (rc)
            return rc;
        p += size;
        if (*p)
            p++;
    }
    return COVEY_OK;
}

covey_err_t
covey_options_set (covey_options_t *self, const char *key, const char *value,
                   covey_opt_origin_t origin, covey_errbuf_t *err)
{
    size_t index;
    if (!s_find_key (self, key, &index) &&
        !s_find_flag (self, key, strlen (key), &index)) {
        const char *near = covey_str_nearest (key, s_next_key, self);
        if (near && *near)
            return covey_fail (err, COVEY_INVALID,
                               "%.*s: unknown setting; did you mean %s?",
                               SHOWN_MAX, key, near);
        return covey_fail (err, COVEY_INVALID, "%.*s: unknown setting",
                           SHOWN_MAX, key);
    }
    source_t source = {.origin = origin, .where = key};
    return s_assign (self, index, &source, value, err);
}

/* ------------------------------------------------------------------------ */
/*  Values                                                                    */

bool
covey_options_is_set (const covey_options_t *self, const char *name)
{
    return self->values[s_index (self, name)].origin > COVEY_FROM_DEFAULT;
}

bool
covey_options_flag (const covey_options_t *self, const char *name)
{
    return covey_options_int (self, name) != 0;
}

int64_t
covey_options_int (const covey_options_t *self, const char *name)
{
    const value_t *value = &self->values[s_index (self, name)];
    return value->has_number ? value->number : 0;
}

const char *
covey_options_text (const covey_options_t *self, const char *name)
{
    const value_t *value = &self->values[s_index (self, name)];
    return value->count ? value->items[value->count - 1] : NULL;
}

size_t
covey_options_count (const covey_options_t *self, const char *name)
{
    return self->values[s_index (self, name)].count;
}

const char *
covey_options_item (const covey_options_t *self, const char *name, size_t index)
{
    const value_t *value = &self->values[s_index (self, name)];
    return index < value->count ? value->items[index] : NULL;
}

covey_opt_origin_t
covey_options_origin (const covey_options_t *self, const char *name)
{
    return self->values[s_index (self, name)].origin;
}

size_t
covey_options_positional_before (const covey_options_t *self)
{
    return self->positional_count - self->positional_behind;
}

size_t
covey_options_positional_count (const covey_options_t *self)
{
    return self->positional_count;
}

const char *
covey_options_positional (const covey_options_t *self, size_t index)
{
    return index < self->positional_count ? self->positional[index] : NULL;
}

int64_t
covey_options_time (const covey_options_t *self, const char *name,
                    int64_t now_us)
{
    const char *text = covey_options_text (self, name);
    int64_t value = 0;
    if (text && !s_instant (text, now_us, &value))
        value = 0; /* unreachable: checked when it was set                    */
    return value;
}

const char *
covey_options_origin_text (const covey_options_t *self, const char *name)
{
    size_t index = s_index (self, name);
    const value_t *value = &self->values[index];
    /*  The buffer is the object's; only its text changes.                   */
    char *text = ((covey_options_t *)self)->origin;
    size_t size = sizeof self->origin;
    switch (value->origin) {
        case COVEY_FROM_NOTHING:
            return "not set";
        case COVEY_FROM_DEFAULT:
            return "default";
        case COVEY_FROM_FILE:
            snprintf (text, size, "%s line %d", self->path, value->line);
            return text;
        case COVEY_FROM_ENV:
            return self->table[index].env;
        case COVEY_FROM_FLAG:
            snprintf (text, size, "--%s", self->table[index].flag);
            return text;
        case COVEY_FROM_CALL:
            break;
    }
    return "covey_node_set";
}
