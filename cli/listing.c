#include "cli/listing.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/text.h"
#include "proto/json.h"
#include "proto/json_scan.h"

#define COLUMNS_MAX 12
#define CELL_MAX 65536
#define WATCH_MS 1000

/*  The list at `member` of the result, or the result itself when it is one;
    an empty slice when there is none.                                        */
static covey_slice_t
s_find_list (const char *json, const char *member)
{
    covey_slice_t value = covey_json_trim (json, strlen (json));
    if (value.size && *value.text == '{' && member)
        value = covey_json_get (value, member);
    if (value.size && *value.text == '[')
        return value;
    return (covey_slice_t){NULL, 0};
}

/*  "a.b" goes inside. An empty slice: it is not there, or null.             */
static covey_slice_t
s_lookup (covey_slice_t object, const char *key)
{
    char name[64];
    const char *dot;
    while ((dot = strchr (key, '.')) && object.size) {
        snprintf (name, sizeof name, "%.*s", (int)(dot - key), key);
        object = *object.text == '{' ? covey_json_get (object, name)
                                     : (covey_slice_t){NULL, 0};
        key = dot + 1;
    }
    if (object.size && *object.text == '{')
        object = covey_json_get (object, key);
    else
        object = (covey_slice_t){NULL, 0};
    if (object.size && *object.text == 'n')
        object = (covey_slice_t){NULL, 0};
    return object;
}

/* ------------------------------------------------------------------------ */
/*  Cells                                                                     */

typedef struct {
    char *text[COLUMNS_MAX];
} row_t;

typedef struct {
    const covey_column_t *columns;
    size_t column_count;
    row_t *rows;
    size_t count;
    int64_t now_us;
} grid_t;

/*  Text of others on one line, without what a terminal would obey.          */
static void
s_append_clean (covey_buf_t *buf, const char *text, size_t size)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + size;
    for (; p < end; p++) {
        bool is_c1 = *p == 0xc2 && p + 1 < end && p[1] >= 0x80 && p[1] <= 0x9f;
        if (*p < 0x20 || *p == 0x7f || is_c1)
            covey_buf_putc (buf, *p == '\n' ? ' ' : '?');
        else
            covey_buf_putc (buf, (char)*p);
        p += is_c1;
    }
}

static void
s_append_string (covey_buf_t *buf, covey_slice_t value)
{
    size_t size;
    char *text = covey_json_text (value, &size);
    s_append_clean (buf, text ? text : "", text ? size : 0);
    free (text);
}

/*  A string without quotes, a list with commas, anything else as it is.     */
static void
s_append_value (covey_buf_t *buf, covey_slice_t value)
{
    if (covey_json_is_string (value)) {
        s_append_string (buf, value);
        return;
    }
    if (*value.text != '[') {
        s_append_clean (buf, value.text, value.size);
        return;
    }
    covey_slice_t item;
    for (bool more = false; covey_json_next (&value, NULL, &item);
         more = true) {
        covey_buf_puts (buf, more ? "," : "");
        if (covey_json_is_string (item))
            s_append_string (buf, item);
        else
            s_append_clean (buf, item.text, item.size);
    }
}

static double
s_number (covey_slice_t value)
{
    char text[64];
    snprintf (text, sizeof text, "%.*s", (int)value.size,
              value.size ? value.text : "");
    return strtod (text, NULL);
}

/*  Agents and their weights, as covey swarm form takes them.                */
static bool
s_append_members (covey_buf_t *buf, covey_slice_t value)
{
    covey_slice_t item, rest = value;
    if (*value.text != '[' || !covey_json_next (&rest, NULL, &item) ||
        *item.text != '{' || !covey_json_get (item, "agentId").size)
        return false;
    for (bool more = false; covey_json_next (&value, NULL, &item);
         more = true) {
        covey_slice_t vote = covey_json_get (item, "vote");
        covey_slice_t weight = covey_json_get (item, "weight");
        covey_buf_puts (buf, more ? "," : "");
        s_append_value (buf, covey_json_get (item, "agentId"));
        if (vote.size) {
            covey_buf_putc (buf, ' ');
            s_append_value (buf, vote);
        } else if (weight.size && s_number (weight) != 1.0)
            covey_buf_printf (buf, ":%g", s_number (weight));
    }
    return true;
}

static bool
s_is_fraction (covey_slice_t value)
{
    return value.size < 64 && !covey_json_is_string (value) &&
           (memchr (value.text, '.', value.size) ||
            memchr (value.text, 'e', value.size));
}

/*  Instants as ages or local times; false: it is none.                      */
static bool
s_append_instant (covey_buf_t *buf, const grid_t *grid, covey_cell_kind_t kind,
                  covey_slice_t value)
{
    if ((kind != COVEY_CELL_AGE && kind != COVEY_CELL_TIME) ||
        !covey_json_is_string (value))
        return false;
    int64_t instant;
    char shown[40];
    char *text = covey_json_text (value, NULL);
    bool good = text && covey_str_parse_time (text, &instant);
    free (text);
    if (!good)
        return false;
    if (kind == COVEY_CELL_AGE)
        covey_text_age (grid->now_us, instant, shown);
    else
        covey_text_time (grid->now_us, instant, shown);
    covey_buf_puts (buf, shown);
    return true;
}

static char *
s_cell (const grid_t *grid, const covey_column_t *column, covey_slice_t object)
{
    covey_slice_t value = s_lookup (object, column->key);
    if (!value.size)
        return covey_str_dup ("-");
    covey_buf_t buf;
    covey_buf_init (&buf, CELL_MAX);
    if (column->kind == COVEY_CELL_NUMBER && s_is_fraction (value))
        covey_buf_printf (&buf, "%.6g", s_number (value));
    else if (!s_append_instant (&buf, grid, column->kind, value) &&
             !s_append_members (&buf, value))
        s_append_value (&buf, value);
    char *cell = buf.size ? covey_buf_steal (&buf) : covey_str_dup ("-");
    covey_buf_deinit (&buf);
    return cell ? cell : covey_str_dup ("(too long)");
}

static void
s_add_row (grid_t *grid, covey_slice_t object)
{
    row_t *rows = realloc (grid->rows, (grid->count + 1) * sizeof *rows);
    if (!rows)
        abort ();
    grid->rows = rows;
    row_t *row = &rows[grid->count++];
    for (size_t i = 0; i < grid->column_count; i++)
        row->text[i] = s_cell (grid, &grid->columns[i], object);
}

static void
s_put_padding (size_t width)
{
    for (; width > 0; width--)
        putchar_unlocked (' ');
}

static void
s_put_row (covey_cli_t *cli, const grid_t *grid, const row_t *row,
           const size_t *widths, size_t terminal)
{
    size_t used = 0;
    for (size_t i = 0; i < grid->column_count; i++) {
        const covey_column_t *column = &grid->columns[i];
        const char *text = row->text[i];
        bool is_last = i + 1 == grid->column_count;
        size_t width = covey_text_width (text);
        size_t bytes = strlen (text);
        if (is_last && terminal > used && width > terminal - used)
            bytes = covey_text_fit (text, terminal - used);
        if (column->kind == COVEY_CELL_NUMBER)
            s_put_padding (widths[i] - width);
        const char *colour = column->kind == COVEY_CELL_STATE
                                 ? covey_text_state_colour (cli, text)
                                 : "";
        fputs (colour, stdout);
        fwrite (text, 1, bytes, stdout);
        fputs (*colour ? covey_text_plain (cli) : "", stdout);
        if (!is_last) {
            if (column->kind != COVEY_CELL_NUMBER)
                s_put_padding (widths[i] - width);
            fputs ("  ", stdout);
        }
        used += widths[i] + 2;
    }
    putchar ('\n');
}

static void
s_put_grid (covey_cli_t *cli, const grid_t *grid)
{
    size_t widths[COLUMNS_MAX] = {0};
    row_t titles;
    for (size_t i = 0; i < grid->column_count; i++) {
        titles.text[i] = covey_str_dup (grid->columns[i].title);
        widths[i] = covey_text_width (titles.text[i]);
        for (size_t r = 0; r < grid->count; r++) {
            size_t width = covey_text_width (grid->rows[r].text[i]);
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    size_t terminal = covey_text_terminal_width ();
    fputs (covey_text_bold (cli), stdout);
    s_put_row (cli, grid, &titles, widths, terminal);
    fputs (covey_text_plain (cli), stdout);
    for (size_t r = 0; r < grid->count; r++)
        s_put_row (cli, grid, &grid->rows[r], widths, terminal);
    for (size_t i = 0; i < grid->column_count; i++)
        free (titles.text[i]);
}

static void
s_put_table (covey_cli_t *cli, const covey_listing_t *listing, const char *json)
{
    grid_t grid = {.columns = listing->columns,
                   .now_us = covey_clock_wall_us ()};
    while (grid.column_count < COLUMNS_MAX &&
           listing->columns[grid.column_count].title)
        grid.column_count++;
    covey_slice_t list = s_find_list (json, listing->member), object;
    while (list.size && covey_json_next (&list, NULL, &object))
        s_add_row (&grid, object);
    if (grid.count)
        s_put_grid (cli, &grid);
    else
        puts (listing->empty);
    for (size_t r = 0; r < grid.count; r++)
        for (size_t i = 0; i < grid.column_count; i++)
            free (grid.rows[r].text[i]);
    free (grid.rows);
}

/*  A member of the answer itself: its `age`, or `next`. Empty: there is none.
 */
static covey_slice_t
s_about (const char *json, const char *key)
{
    covey_slice_t answer = covey_json_trim (json, strlen (json));
    if (!answer.size || *answer.text != '{')
        return (covey_slice_t){NULL, 0};
    return covey_json_get (answer, key);
}

/*  What people have to know about the whole: it is not from now, or not all. */
static void
s_put_about (covey_cli_t *cli, const char *json)
{
    covey_slice_t age = s_about (json, "age"), next = s_about (json, "next");
    if (age.size)
        printf ("as of %.*s ms ago\n", (int)age.size, age.text);
    char *id = next.size && covey_json_is_string (next)
                   ? covey_json_text (next, NULL)
                   : NULL;
    if (id) {
        fputs ("there are more: --after ", stdout);
        covey_cli_put_text (cli, id);
        putchar ('\n');
    }
    free (id);
}

/*  {"a":1} of an answer that is 12 ms old: {"age":12,"a":1}.                 */
static void
s_put_line (covey_cli_t *cli, covey_slice_t age, covey_slice_t object)
{
    covey_buf_t line;
    if (!age.size || *object.text != '{') {
        covey_cli_put_json (cli, object.text, object.size);
        return;
    }
    covey_buf_init (&line, object.size + age.size + 16);
    covey_buf_printf (&line, "{\"age\":%.*s%s", (int)age.size, age.text,
                      object.size > 2 ? "," : "");
    (void)covey_buf_append (&line, object.text + 1, object.size - 1);
    covey_cli_put_json (cli, (const char *)line.data, line.size);
    covey_buf_deinit (&line);
}

static void
s_put (covey_cli_t *cli, const covey_listing_t *listing, const char *json)
{
    if (!cli->json) {
        if (listing->print)
            listing->print (cli, json);
        else
            s_put_table (cli, listing, json);
        s_put_about (cli, json);
        return;
    }
    if (listing->print) {
        covey_cli_put_json (cli, json, strlen (json));
        return;
    }
    covey_slice_t list = s_find_list (json, listing->member), object;
    covey_slice_t age = s_about (json, "age");
    while (list.size && covey_json_next (&list, NULL, &object))
        s_put_line (cli, age, object);
}

/*  Is there something to show that was not in the last answer? Its age alone is
    nothing.                                                                  */
static bool
s_is_news (const covey_listing_t *listing, const char *last, const char *json)
{
    if (!last)
        return true;
    covey_slice_t before = s_find_list (last, listing->member);
    covey_slice_t now = s_find_list (json, listing->member);
    if (!before.size || !now.size)
        return strcmp (last, json) != 0;
    return before.size != now.size ||
           memcmp (before.text, now.text, now.size) != 0;
}

int
covey_listing_run (covey_cli_t *cli, const covey_listing_t *listing)
{
    bool is_watching = (cli->command->needs & COVEY_CLI_WATCH) &&
                       covey_cli_flag (cli, "watch");
    bool is_screen = is_watching && !cli->json && covey_text_terminal_width ();
    char *last = NULL;
    int exit_code = COVEY_EXIT_OK;
    do {
        char *json = NULL;
        covey_err_t rc = listing->fetch (cli, &json);
        if (rc == COVEY_OK)
            rc = covey_json_check (json, strlen (json), COVEY_JSON_DEPTH_MAX,
                                   "the answer", covey_errbuf ());
        if (rc) {
            exit_code = covey_cli_fail_rc (cli, rc, "");
            covey_free (json);
            break;
        }
        if (is_screen)
            fputs ("\033[H\033[2J", stdout);
        if (is_screen || s_is_news (listing, last, json))
            s_put (cli, listing, json);
        covey_free (last);
        last = json;
    } while (is_watching && covey_cli_flush (cli) &&
             !covey_cli_is_stopped (cli, WATCH_MS));
    covey_free (last);
    return exit_code;
}

/*  All but the member whose value is at `skip`.                              */
static void
s_put_fields (covey_slice_t object, const char *skip)
{
    covey_slice_t rest = object, key, value;
    size_t width = 0;
    while (covey_json_next (&rest, &key, &value))
        width = key.size - 2 > width ? key.size - 2 : width;
    while (covey_json_next (&object, &key, &value)) {
        if (value.text == skip)
            continue;
        covey_buf_t buf;
        covey_buf_init (&buf, COVEY_EVENT_MAX);
        if (!s_append_members (&buf, value))
            s_append_value (&buf, value);
        char *text = covey_buf_steal (&buf);
        printf ("%-*.*s  %s\n", (int)width, (int)(key.size - 2), key.text + 1,
                text ? text : "");
        free (text);
        covey_buf_deinit (&buf);
    }
}

void
covey_listing_put (covey_cli_t *cli, const covey_listing_t *listing,
                   char **json_p)
{
    char *json = *json_p;
    if (covey_json_check (json, strlen (json), COVEY_JSON_DEPTH_MAX, "",
                          NULL) == COVEY_OK)
        s_put (cli, listing, json);
    covey_free (json);
    *json_p = NULL;
}

void
covey_listing_show (covey_cli_t *cli, char **json_p)
{
    char *json = *json_p;
    size_t size = strlen (json);
    bool is_good = covey_json_check (json, size, COVEY_JSON_DEPTH_MAX, "",
                                     NULL) == COVEY_OK;
    covey_slice_t object =
        is_good ? covey_json_trim (json, size) : (covey_slice_t){NULL, 0};
    if (!cli->json && object.size && *object.text == '{') {
        covey_slice_t age = covey_json_get (object, "age");
        s_put_fields (object, age.text);
        if (age.size)
            printf ("as of %.*s ms ago\n", (int)age.size, age.text);
    } else
        covey_cli_put_json (cli, json, size);
    covey_free (json);
    *json_p = NULL;
}

char *
covey_listing_text (const char *json, const char *key)
{
    size_t size = strlen (json);
    if (covey_json_check (json, size, COVEY_JSON_DEPTH_MAX, "", NULL))
        return NULL;
    covey_slice_t value = s_lookup (covey_json_trim (json, size), key);
    if (!value.size)
        return NULL;
    if (covey_json_is_string (value))
        return covey_json_text (value, NULL);
    char *text = strndup (value.text, value.size);
    if (!text)
        abort ();
    return text;
}
