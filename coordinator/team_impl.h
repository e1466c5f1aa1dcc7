/*  team_impl - inside a team; for team*.c and view_coordination.c only       */
#ifndef COVEY_TEAM_IMPL_H_INCLUDED
#define COVEY_TEAM_IMPL_H_INCLUDED

#include "coordinator/team.h"
#include "proto/control.pb-c.h"
#include "proto/json_scan.h"

/*  team.c: has the seat an agent that can do something?                     */
bool covey_team_is_held (const covey_team_t *self, size_t seat);
/*  A seat's agent is out; somebody else gets the seat, or the session
    ends, or the seat stays empty and its steps are up to the strategy.       */
void covey_team_unseat (covey_team_t *self, int seat, const char *reason);

/*  team_steps.c: the steps that a team begins with; those of an empty seat; and
    what follows when something is done, or will not be.                      */
void covey_team_plan (covey_team_t *self);
void covey_team_give_back (covey_team_t *self, int seat, const char *reason);
void covey_team_advance (covey_team_t *self);
void covey_team_succeed (covey_team_t *self, const covey_blob_t *result);
covey_step_t *covey_team_add_step (covey_team_t *self, covey_step_kind_t kind,
                                   int seat, uint32_t number);
/*  Has the agent of a seat something to do, or will it have?                */
bool covey_team_is_needed (const covey_team_t *self, int seat);
/*  Are all steps of this kind over?                                         */
bool covey_team_is_over (const covey_team_t *self, covey_step_kind_t kind);

/*  team_vote.c: what the participants came to, equal results once. The one
    that most came to is the first, among equals that of the first seat.      */
typedef struct {
    const covey_step_t *step; /* of the first that came to it           */
    const covey_step_t *authors[COVEY_TEAM_AGENTS_MAX];
    uint32_t author_count;
    uint32_t votes;
    uint64_t weight; /* of these                                              */
} covey_choice_t;

/*  Who may choose, and who chose none.                                      */
typedef struct {
    uint32_t voters, abstained;
    uint64_t weight, abstained_weight;
} covey_turnout_t;

/*  `choices` has room for COVEY_TEAM_AGENTS_MAX; how many there are.        */
size_t covey_team_choices (const covey_team_t *self, covey_choice_t *choices);
/*  Counts votes into `choices`. False: it came to no vote.                  */
bool covey_team_count_votes (const covey_team_t *self, covey_choice_t *choices,
                             size_t count, covey_turnout_t *turnout);
/*  All votes are in, or will not come.                                      */
void covey_team_tally (covey_team_t *self);

/*  team_text.c */
void covey_team_payload (const covey_blob_t *blob, Covey__V1__Payload *payload);
/*  [{"agentId":…,"result":…},…] of the steps of a kind.                     */
covey_err_t covey_team_list (const covey_team_t *self, covey_step_kind_t kind,
                             covey_buf_t *to);
/*  The parts that a split came to; 0: it is no list of 1 to
    COVEY_TEAM_PARTS_MAX parts. `slices` has room for that many.              */
size_t covey_team_parts (const covey_blob_t *split, covey_slice_t *slices);
bool covey_team_is_json (const covey_blob_t *blob);
/*  A text or a JSON value without white space around it.                    */
covey_slice_t covey_team_trim (const covey_blob_t *blob);

#endif
