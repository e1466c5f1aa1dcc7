#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "covey.h"

/*  The numbers that Event keeps for types (event.proto).                    */
#define TYPE_FIRST 10
#define TYPE_LAST 499

static const struct {
    int number;
    const char *name;
} s_types[] = {
#define COVEY_X(number, name, wire) {number, wire},
    COVEY_EVENT_MAP (COVEY_X)
#undef COVEY_X
};

const char *
covey_event_type_name (int type)
{
    switch (type) {
#define COVEY_X(number, name, wire) \
    case number:                    \
        return wire;
        COVEY_EVENT_MAP (COVEY_X)
#undef COVEY_X
    }
    return NULL;
}

int
covey_event_type_number (const char *wire_name)
{
    static const char unknown[] = "unknown:";
    if (!wire_name)
        return COVEY_EVENT_NONE;
    for (size_t i = 0; i < sizeof s_types / sizeof s_types[0]; i++)
        if (strcmp (s_types[i].name, wire_name) == 0)
            return s_types[i].number;
    /* Also for a number that this version knows: what an older one wrote down
       as unknown is still the same type. */
    int64_t number;
    if (strncmp (wire_name, unknown, sizeof unknown - 1) == 0 &&
        covey_str_to_int (wire_name + sizeof unknown - 1, TYPE_FIRST, TYPE_LAST,
                          &number))
        return (int)number;
    return COVEY_EVENT_NONE;
}

const char *
covey_level_name (int level)
{
    static const char *const names[] = {
        [COVEY_LEVEL_NONE] = "none",
        [COVEY_LEVEL_ACCEPTED] = "accepted",
        [COVEY_LEVEL_OUTBOX] = "outbox",
        [COVEY_LEVEL_STORED] = "stored",
        [COVEY_LEVEL_REPLICATED] = "replicated",
        [COVEY_LEVEL_SYNCED] = "synced",
    };
    if (level < COVEY_LEVEL_NONE || level > COVEY_LEVEL_SYNCED)
        return "unknown";
    return names[level];
}
