/*  sim_replog_scripts - what is rare, played on purpose: the known ways in
   which a replicated log goes wrong

    Role      each script brings a cluster of simulated coordinators to the
   point where a promise could break, and beyond; afterwards they must come to
   rest. Played with a few seeds each, since timers are random
*/
#ifndef SIM_REPLOG_SCRIPTS_H_INCLUDED
#define SIM_REPLOG_SCRIPTS_H_INCLUDED

#include "tests/support/sim_replog.h"

size_t sim_script_count (void);
const char *sim_script_name (size_t script);
/*  False: a promise was broken, `why` says which and by which seed.          */
bool sim_script_play (size_t script, const sim_slips_t *slips, char *why,
                      size_t why_size);

#endif
