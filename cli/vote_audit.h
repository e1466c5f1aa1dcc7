/*  vote_audit - recounts a vote from its stored events, one line of JSON each

    Role      needs nothing but the lines: no mesh, no clock. It opens the
              question again, casts every ballot again, and says for each line
              what differs from what the rules make of those before
    Sums      an export ends with a line that has the SHA-256 of every other one
*/
#ifndef COVEY_VOTE_AUDIT_H_INCLUDED
#define COVEY_VOTE_AUDIT_H_INCLUDED

#include <jansson.h>

#include "base/err.h"

typedef struct covey_vote_audit covey_vote_audit_t;

covey_vote_audit_t *covey_vote_audit_new (void);
void covey_vote_audit_destroy (covey_vote_audit_t **self_p);
/*  The next line, without its line feed.                                    */
void covey_vote_audit_line (covey_vote_audit_t *self, const char *line,
                            size_t size);
/*  After the last line: {"id", "outcome", "reason", "ballots", "counted",
    "unsigned", "lines", "verified", "faults": [{"line", "what"}]}, which
   belongs to the caller. `wants_sums`: the lines must end with their sums. */
json_t *covey_vote_audit_end (covey_vote_audit_t *self, bool wants_sums);

/*  The line of sums of all lines so far; the caller frees it.               */
char *covey_vote_audit_sums (const covey_vote_audit_t *self);

#endif
