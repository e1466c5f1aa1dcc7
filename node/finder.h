/*  finder - which agents of the directory are meant

    Role      pure core: a filter by id, type, capabilities, tags, state and
              node, and the word for each state
    Memory    the filter borrows its texts
*/
#ifndef COVEY_FINDER_H_INCLUDED
#define COVEY_FINDER_H_INCLUDED

#include "node/directory.h"

/*  What is not given does not restrict.                                     */
typedef struct {
    bool all;                  /* clients and services, too                  */
    const char *id;            /* NULL: any                                  */
    const char *type;          /* NULL: any                                  */
    char *const *capabilities; /* all of them                                */
    size_t capability_count;
    char *const *tags; /* all of them                                         */
    size_t tag_count;
    char *const *states; /* one of them, by name                              */
    size_t state_count;
    const uint8_t *node_id; /* [16] or NULL                                   */
    const char *after;      /* ids behind this one, in the order of bytes     */
} covey_finder_t;

bool covey_finder_selects (const covey_finder_t *self,
                           const covey_directory_entry_t *entry);
/*  "ready", ...; "unknown" for a state of a newer version.                  */
const char *covey_finder_state_name (Covey__Wire__AgentState state);
bool covey_finder_is_state (const char *name);

#endif
