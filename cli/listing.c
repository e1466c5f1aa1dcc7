#include "cli/listing.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/text.h"

#define COLUMNS_MAX 12
#define CELL_MAX 65536
#define WATCH_MS 1000
#define LOAD_FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK)

/* ------------------------------------------------------------------------ */
/*  Slices: the text of each object, as it was sent                           */

static const char *
s_skip_blanks (const char *p)
{
    return p + strspn (p, " \t\r\n");
}

/*  Behind the JSON value at `p`, or NULL. `value_p` may be NULL.            */
static const char *
s_value_end (const char *p, json_t **value_p)
{
    json_error_t error;
    json_t *value = json_loadb (p, strlen (p), LOAD_FLAGS, &error);
    if (!value)
        return NULL;
    if (value_p)
        *value_p = value;
    else
        json_decref (value);
    return p + error.position;
}

/*  The list at `member` of the object `json`, or `json` itself when it has to
    be the list; NULL when there is none.                                     */
static const char *
s_find_list (const char *json, const char *member)
{
    const char *p = s_skip_blanks (json);
    if (!member)
        return *p == '[' ? p : NULL;
    if (*p != '{')
        return NULL;
    for (p = s_skip_blanks (p + 1); *p == '"';) {
        json_t *key;
        p = s_value_end (p, &key);
        if (!p)
            return NULL;
        bool found = strcmp (json_string_value (key), member) == 0;
        json_decref (key);
        p = s_skip_blanks (p);
        if (*p != ':')
            return NULL;
        p = s_skip_blanks (p + 1);
        if (found)
            return *p == '[' ? p : NULL;
        p = s_value_end (p, NULL);
        if (!p)
            return NULL;
        p = s_skip_blanks (p);
        if (*p == ',')
            p = s_skip_blanks (p + 1);
    }
    return NULL;
}

/*  The next element of a list: *p is behind '[' or an element. Its value goes
    to `value_p`, its text is what is returned, `*p` stands behind it.        */
static const char *
s_next_element (const char **p, json_t **value_p)
{
    const char *start = s_skip_blanks (*p);
    if (*start == ',')
        start = s_skip_blanks (start + 1);
    if (*start == ']' || !*start)
        return NULL;
    const char *end = s_value_end (start, value_p);
    if (!end)
        return NULL;
    *p = end;
    return start;
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

static json_t *
s_lookup (json_t *object, const char *key)
{
    char name[64];
    const char *dot = strchr (key, '.');
    if (!dot)
        return json_object_get (object, key);
    snprintf (name, sizeof name, "%.*s", (int)(dot - key), key);
    return s_lookup (json_object_get (object, name), dot + 1);
}

/*  Text of others on one line, without what a terminal would obey.          */
static void
s_append_clean (covey_buf_t *buf, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7f)
            covey_buf_putc (buf, *p == '\n' ? ' ' : '?');
        else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
            covey_buf_putc (buf, '?');
            p++;
        } else
            covey_buf_putc (buf, (char)*p);
    }
}

static void
s_append_value (covey_buf_t *buf, json_t *value)
{
    if (json_is_string (value)) {
        s_append_clean (buf, json_string_value (value));
        return;
    }
    if (json_is_array (value)) {
        size_t i;
        json_t *item;
        json_array_foreach (value, i, item)
        {
            covey_buf_puts (buf, i ? "," : "");
            s_append_value (buf, item);
        }
        return;
    }
    if (json_is_real (value)) {
        covey_buf_printf (buf, "%.6g", json_real_value (value));
        return;
    }
    char *text = json_dumps (value, JSON_COMPACT | JSON_ENCODE_ANY);
    covey_buf_puts (buf, text ? text : "");
    free (text);
}

/*  An agent and its weight, as covey swarm form takes it.                   */
static bool
s_append_member (covey_buf_t *buf, json_t *value)
{
    if (!json_is_array (value) ||
        !json_object_get (json_array_get (value, 0), "agentId"))
        return false;
    size_t i;
    json_t *item;
    json_array_foreach (value, i, item)
    {
        covey_buf_puts (buf, i ? "," : "");
        s_append_value (buf, json_object_get (item, "agentId"));
        json_t *weight = json_object_get (item, "weight");
        if (weight && json_number_value (weight) != 1.0)
            covey_buf_printf (buf, ":%g", json_number_value (weight));
    }
    return true;
}

static char *
s_cell (const grid_t *grid, const covey_column_t *column, json_t *object)
{
    json_t *value = s_lookup (object, column->key);
    if (!value || json_is_null (value))
        return covey_str_dup ("-");
    int64_t instant;
    char text[40];
    bool is_instant =
        (column->kind == COVEY_CELL_AGE || column->kind == COVEY_CELL_TIME) &&
        json_is_string (value) &&
        covey_str_parse_time (json_string_value (value), &instant);
    if (is_instant) {
        if (column->kind == COVEY_CELL_AGE)
            covey_text_age (grid->now_us, instant, text);
        else
            covey_text_time (grid->now_us, instant, text);
        return covey_str_dup (text);
    }
    covey_buf_t buf;
    covey_buf_init (&buf, CELL_MAX);
    if (!s_append_member (&buf, value))
        s_append_value (&buf, value);
    char *cell = buf.size ? covey_buf_steal (&buf) : covey_str_dup ("-");
    covey_buf_deinit (&buf);
    return cell ? cell : covey_str_dup ("(too long)");
}

static void
s_add_row (grid_t *grid, json_t *object)
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
    const char *p = s_find_list (json, listing->member);
    json_t *object;
    if (p)
        for (p++; s_next_element (&p, &object); json_decref (object))
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

static void
s_put (covey_cli_t *cli, const covey_listing_t *listing, const char *json)
{
    if (!cli->json) {
        if (listing->print)
            listing->print (cli, json);
        else
            s_put_table (cli, listing, json);
        return;
    }
    const char *p = s_find_list (json, listing->member);
    if (!p) {
        /*  An absent list is an empty one; a result of its own is one line. */
        if (!listing->columns)
            covey_cli_put_json (cli, json, strlen (json));
        return;
    }
    const char *start;
    for (p++; (start = s_next_element (&p, NULL));)
        covey_cli_put_json (cli, start, (size_t)(p - start));
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
        if (rc) {
            exit_code = covey_cli_fail_rc (cli, rc, "");
            break;
        }
        if (is_screen)
            fputs ("\033[H\033[2J", stdout);
        if (is_screen || !last || strcmp (last, json) != 0)
            s_put (cli, listing, json);
        covey_free (last);
        last = json;
    } while (is_watching && covey_cli_flush (cli) &&
             !covey_cli_is_stopped (cli, WATCH_MS));
    covey_free (last);
    return exit_code;
}

void
covey_listing_show (covey_cli_t *cli, char **json_p)
{
    json_t *object = NULL;
    if (cli->json || !s_value_end (*json_p, &object) ||
        !json_is_object (object))
        covey_cli_put_json (cli, *json_p, strlen (*json_p));
    else {
        size_t width = 0;
        const char *key;
        json_t *value;
        json_object_foreach (object, key, value) width =
            strlen (key) > width ? strlen (key) : width;
        json_object_foreach (object, key, value)
        {
            covey_buf_t buf;
            covey_buf_init (&buf, COVEY_EVENT_MAX);
            if (!s_append_member (&buf, value))
                s_append_value (&buf, value);
            char *text = covey_buf_steal (&buf);
            printf ("%-*s  %s\n", (int)width, key, text ? text : "");
            free (text);
            covey_buf_deinit (&buf);
        }
    }
    json_decref (object);
    covey_free (*json_p);
    *json_p = NULL;
}
