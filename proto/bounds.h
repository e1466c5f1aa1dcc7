/*  bounds - which bound holds for which field of an event

    One table for the checker, its test and docs/limits.md. A field that is not
    listed has the bound of its kind:

        string    COVEY_NAME_MAX bytes        bytes     COVEY_NAME_MAX
        list      COVEY_LIST_MAX entries      double    finite
        string    always UTF-8 without NUL (RFC 3629)
*/
#ifndef COVEY_BOUNDS_H_INCLUDED
#define COVEY_BOUNDS_H_INCLUDED

/*  Class and what it demands; a class is for strings, bytes or numbers.     */
#define COVEY_BOUND_MAP(X)                                                   \
    X (NONE, "the bound of the field's kind")                                \
    X (AGENT_ID, "string: 1..COVEY_AGENT_ID_MAX bytes of [A-Za-z0-9._:@/-]") \
    X (TEXT, "string: COVEY_TEXT_MAX bytes")                                 \
    X (ID, "bytes: 16")                                                      \
    X (PAYLOAD, "bytes: COVEY_PAYLOAD_MAX")                                  \
    X (PERCENT, "number: 0..100")                                            \
    X (POSITIVE, "number: 1 or more")                                        \
    X (NOT_NEGATIVE, "number: 0 or more")

typedef enum {
#define COVEY_X(name, text) COVEY_BOUND_##name,
    COVEY_BOUND_MAP (COVEY_X)
#undef COVEY_X
} covey_bound_t;

/*  Field (as in event.proto, in any message that has it) and class; sorted by
    name, as bytes. Strings with these names are bounded; a message or an enum
    of the same name is not meant (Response.error, MemoryDeleted.reason).     */
#define COVEY_FIELD_BOUND_MAP(X)    \
    X (agent_id, AGENT_ID)          \
    X (assignees, AGENT_ID)         \
    X (attempt, POSITIVE)           \
    X (available_capacity, PERCENT) \
    X (by, AGENT_ID)                \
    X (causation_id, ID)            \
    X (data, PAYLOAD)               \
    X (description, TEXT)           \
    X (error, TEXT)                 \
    X (held_by, AGENT_ID)           \
    X (holder, AGENT_ID)            \
    X (id, ID)                      \
    X (initial_members, AGENT_ID)   \
    X (leader, AGENT_ID)            \
    X (message, TEXT)               \
    X (objective, TEXT)             \
    X (origin, ID)                  \
    X (parent_id, AGENT_ID)         \
    X (participants, AGENT_ID)      \
    X (paths, TEXT)                 \
    X (progress, PERCENT)           \
    X (reason, TEXT)                \
    X (refusal, TEXT)               \
    X (source, AGENT_ID)            \
    X (status, TEXT)                \
    X (target, AGENT_ID)            \
    X (timeout, NOT_NEGATIVE)       \
    X (value, TEXT)

#endif
