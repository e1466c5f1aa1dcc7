/*  caretaker - keeps the number of voters that the operator wanted

    Role      pure core, asked by the leader: looks at the members of the log
              and at the spares, and says the next single change, if any
    Rules     1. a learner that is there and has caught up becomes a voter
              2. a voter or learner whose node came back with another member id
                 (its disk was lost) is removed, and the new one added
              3. an odd number of voters one of which has been silent for
                 `replace_ms`: a spare is added, so that they are even
              4. an even number of them one of which has been silent for so
                 long: that one is removed. So a lost voter is replaced by
                 adding first, and nothing needs to be remembered when the
                 leader changes in between
              5. a learner that has been silent for so long is removed
    Safety    nobody is removed unless a majority of those that stay is there;
              this member is never removed
    Growth    the number of voters is the operator's: spares are only used in
              place of somebody
*/
#ifndef COVEY_CARETAKER_H_INCLUDED
#define COVEY_CARETAKER_H_INCLUDED

#include "coordinator/replog.h"

#define COVEY_CARETAKER_CAUGHT_UP 256 /* entries that a learner may lack */
#define COVEY_CARETAKER_SPARES_MAX 64

typedef struct {
    uint64_t member_id;
    covey_id_t node_id;
    covey_replog_role_t role;
    uint64_t match;
    int64_t silent_ms; /* since it was heard, or since this one leads         */
    bool is_self;
} covey_caretaker_member_t;

/*  A coordinator that is alive and in no log.                               */
typedef struct {
    uint64_t member_id;
    covey_id_t node_id;
} covey_caretaker_spare_t;

typedef struct {
    const covey_caretaker_member_t *members;
    size_t member_count;
    const covey_caretaker_spare_t *spares;
    size_t spare_count;
    uint64_t last_index; /* of the leader's log                               */
    int64_t alive_ms;    /* who was heard less long ago is there              */
    int64_t replace_ms;  /* 0: lost voters are not replaced                   */
} covey_caretaker_view_t;

typedef enum {
    COVEY_CARETAKER_REST,
    COVEY_CARETAKER_ADD,
    COVEY_CARETAKER_PROMOTE,
    COVEY_CARETAKER_REMOVE
} covey_caretaker_act_t;

typedef struct {
    covey_caretaker_act_t act;
    uint64_t member_id;
    covey_id_t node_id;
    const char *why; /* static                                                */
} covey_caretaker_step_t;

typedef struct {
    /* who is to be added when the one before it is out                       */
    bool has_successor;
    covey_caretaker_spare_t successor;
} covey_caretaker_t;

void covey_caretaker_init (covey_caretaker_t *self);
void covey_caretaker_next (covey_caretaker_t *self,
                           const covey_caretaker_view_t *view,
                           covey_caretaker_step_t *step);

size_t covey_caretaker_voters (const covey_caretaker_view_t *view);
/*  May this one go? STATE says why not.                                     */
covey_err_t covey_caretaker_may_remove (const covey_caretaker_view_t *view,
                                        uint64_t member_id,
                                        covey_errbuf_t *err);

#endif
