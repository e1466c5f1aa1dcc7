/*  listing - JSON of the mesh as a table, as JSON lines, again and again

    Role      every command that shows something: it fetches JSON text and
              says which columns people see; --json shows the text itself,
              untouched, one object a line. Of a stale answer its `age` is
              told: in each line of JSON, or once below the table
*/
#ifndef COVEY_LISTING_H_INCLUDED
#define COVEY_LISTING_H_INCLUDED

#include "cli/cli.h"

typedef enum {
    COVEY_CELL_TEXT,   /* also lists: their items with commas between         */
    COVEY_CELL_NUMBER, /* to the right                                        */
    COVEY_CELL_STATE,  /* coloured                                            */
    COVEY_CELL_AGE,    /* of an instant                                       */
    COVEY_CELL_TIME    /* an instant, local                                   */
} covey_cell_kind_t;

typedef struct {
    const char *title;
    const char *key; /* "state", "turnout.cast"                               */
    covey_cell_kind_t kind;
} covey_column_t; /* a list of them ends with an entry of zeros             */

typedef struct {
    /*  JSON text that the caller frees with covey_free.                     */
    covey_err_t (*fetch) (covey_cli_t *cli, char **json_p);
    const char *member; /* the list within the result, unless it is one      */
    const covey_column_t *columns;
    const char *empty; /* "no agents": what people read instead of nothing    */
    /*  Instead of member, columns, empty: the result is one object, and this
        shows it to people.                                                   */
    void (*print) (covey_cli_t *cli, const char *json);
} covey_listing_t;

/*  Fetch and show, with --watch until a signal; the exit code.              */
int covey_listing_run (covey_cli_t *cli, const covey_listing_t *listing);

/*  What was fetched already, once. Frees it.                                */
void covey_listing_put (covey_cli_t *cli, const covey_listing_t *listing,
                        char **json_p);

/*  One object: as it is with --json, else "key  value" lines. Frees it.     */
void covey_listing_show (covey_cli_t *cli, char **json_p);

/*  A member of an object ("a.b" goes inside): a string's text, anything else as
    JSON; NULL: it is not there. The caller frees it.                         */
char *covey_listing_text (const char *json, const char *key);

#endif
