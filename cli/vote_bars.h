/*  vote_bars - a vote for people: who stands where as bars, turnout, deadline
 */
#ifndef COVEY_VOTE_BARS_H_INCLUDED
#define COVEY_VOTE_BARS_H_INCLUDED

#include "cli/cli.h"

/*  `json` is the answer of swarm.proposal.                                  */
void covey_vote_bars (covey_cli_t *cli, const char *json);

#endif
