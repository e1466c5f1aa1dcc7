/*  view - what callers see, as JSON                                          */
#ifndef COVEY_VIEW_H_INCLUDED
#define COVEY_VIEW_H_INCLUDED

#include "coordinator/state_impl.h"

#define COVEY_VIEW_LIST_BYTES (768u << 10)
/*  A larger result is not shown: its base64 would not fit into an answer.   */
#define COVEY_VIEW_RESULT_MAX (700u << 10)

covey_err_t covey_view_schedule (const covey_schedule_t *schedule,
                                 bool with_task, covey_buf_t *to);
/*  The tasks of a batch that are still kept.                                */
covey_err_t covey_view_batch (const covey_state_t *state, const char *id,
                              covey_buf_t *to);
covey_err_t covey_view_task (const covey_state_t *state,
                             const covey_task_t *task, bool with_result,
                             covey_buf_t *to);
covey_err_t covey_view_role (const covey_state_t *state, const char *name,
                             covey_buf_t *to);
/*  Structs and the array of pointers to them, in one piece each.            */
typedef struct {
    Covey__Control__WeightedMember *items;
    Covey__Control__WeightedMember **list;
} covey_view_members_t;

covey_view_members_t covey_view_members_new (size_t count);
void covey_view_members_set (covey_view_members_t *members, size_t i,
                             const char *agent_id, uint64_t weight);
void covey_view_members_free (covey_view_members_t *members);
/*  INVALID: a state that is asked for, and neither of the two.              */
covey_err_t covey_view_check_state (const char *state, const char *one,
                                    const char *other, covey_errbuf_t *err);

covey_err_t covey_view_swarm (const covey_swarm_t *swarm, covey_buf_t *to);
/*  The ballots of a vote that count; what the messages have belongs to the
   vote. Reasons are shown as long as they have `reasons_max` bytes in all. */
typedef struct {
    Covey__V1__CountedVote **list;
    size_t count;
    struct covey_shown_ballot *items;
} covey_view_ballots_t;

covey_view_ballots_t covey_view_ballots_new (const covey_proposal_t *vote,
                                             size_t reasons_max);
void covey_view_ballots_free (covey_view_ballots_t *self);

/*  How much of a vote is shown.                                             */
typedef enum {
    COVEY_VIEW_COUNT,   /* how it stands                                      */
    COVEY_VIEW_BALLOTS, /* and the ballots that count                         */
    COVEY_VIEW_WHOLE    /* and question and electorate                        */
} covey_view_depth_t;
covey_err_t covey_view_vote (const covey_proposal_t *vote,
                             covey_view_depth_t depth, covey_buf_t *to);

/*  The version that an answer shows: COVEY_SHOW_MEMORY and those behind it.  */
covey_err_t covey_view_memory (const covey_state_t *state, covey_show_t show,
                               const char *id, covey_buf_t *to);

/*  {"outcome": ..., "reason": ...} of a decision that is not the proposal
    itself; NULL when it is, or when there is none. The caller frees it.      */
char *covey_view_decision (const covey_proposal_t *vote);

/*  `whole`: with result, agents and steps.                                  */
covey_err_t covey_view_coordination (const covey_coordination_entry_t *entry,
                                     bool whole, covey_buf_t *to);

/*  A list under a name: begin, has_room before each item, end.              */
typedef struct {
    covey_buf_t *to;
    uint32_t limit;
    uint32_t count;
    bool more;
} covey_view_list_t;

void covey_view_list_begin (covey_view_list_t *self, const char *name,
                            uint32_t limit, covey_buf_t *to);
bool covey_view_list_has_room (covey_view_list_t *self);
covey_err_t covey_view_list_end (covey_view_list_t *self, const char *last);

#endif
