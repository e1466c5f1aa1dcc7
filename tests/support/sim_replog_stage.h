/*  sim_replog_stage - a cluster of simulated coordinators in the hands of a
    script: which messages arrive, who stands for election, who crashes

    Role      between sim_replog_scripts.c and sim_replog; sim_replog_stage.c
              knows the kinds of messages, and that is all it knows of the
   engine Waiting   virtual time; what does not happen is no error, the script
   goes on: what is broken is for sim_replog_ledger to say
*/
#ifndef SIM_REPLOG_STAGE_H_INCLUDED
#define SIM_REPLOG_STAGE_H_INCLUDED

#include "coordinator/replog_wire.h"
#include "tests/support/sim_replog.h"

#define STAGE_ALL 0xffffffffu
#define STAGE_KIND(kind) (1u << (kind))
#define STAGE_KEPT_MAX 512

typedef struct {
    size_t from, to, size;
    uint8_t *data;
} stage_kept_t;

typedef struct {
    sim_replog_t *sim;
    /* by kind, from and to                                                   */
    uint32_t drop[SIM_REPLOG_PLACES][SIM_REPLOG_PLACES];
    uint32_t keep[SIM_REPLOG_PLACES][SIM_REPLOG_PLACES];
    uint32_t copy[SIM_REPLOG_PLACES][SIM_REPLOG_PLACES];
    stage_kept_t kept[STAGE_KEPT_MAX];
    size_t kept_count;
    bool empty[SIM_REPLOG_PLACES]
              [SIM_REPLOG_PLACES]; /* appends carry nothing */
    bool ballots_lost; /* questions before an election pass, elections do not */
    uint64_t term;    /* what is_elected compares with                        */
    size_t candidate; /* nobody else gets votes; NOBODY: everybody may        */
} stage_t;

typedef bool (stage_is_fn) (stage_t *stage, size_t place);

/*  Nothing passes between a and b.                                          */
void stage_cut (stage_t *stage, size_t a, size_t b, bool cut);
/*  `place` and all others.                                                  */
void stage_isolate (stage_t *stage, size_t place, bool cut);
/*  The kinds from a to b: kept back until stage_release; or they arrive, and a
    copy is kept; or lost.                                                    */
void stage_keep (stage_t *stage, size_t from, size_t to, uint32_t kinds);
void stage_copy (stage_t *stage, size_t from, size_t to, uint32_t kinds);
void stage_drop (stage_t *stage, size_t from, size_t to, uint32_t kinds);
/*  Everything that was kept back arrives, `times` times.                    */
void stage_release (stage_t *stage, int times);
/*  Or only what `from` said, once.                                          */
void stage_release_of (stage_t *stage, size_t from);
/*  Only the oldest of them.                                                 */
void stage_trickle (stage_t *stage);
void stage_forget (stage_t *stage);

/*  Run until it is so, at most so long. */
bool stage_until (stage_t *stage, stage_is_fn *is, size_t place, int64_t ms);
void stage_run (stage_t *stage, int64_t ms);
/*  Its disk has this index.                                                 */
bool stage_until_last (stage_t *stage, size_t place, uint64_t index,
                       int64_t ms);
/*  stage_has_kept: something that `place` said.                             */
stage_is_fn stage_leads, stage_is_elected, stage_has_kept, stage_is_idle,
    stage_has_snapshot;
/*  Nobody else may ask for votes: it leads already, or has stored something in
    a new term of its own.                                                    */
bool stage_elect (stage_t *stage, size_t place);
/*  New commands for the leader there, one by one or together.               */
void stage_ask (stage_t *stage, size_t place, int times);
void stage_ask_together (stage_t *stage, size_t place, int times);
/*  SIGSTOP, and then first of all it gets its messages.                     */
void stage_pause (stage_t *stage, size_t place, int64_t ms);
void stage_crash (stage_t *stage, size_t place);
void stage_start (stage_t *stage, size_t place);
uint64_t stage_last (const stage_t *stage, size_t place);
/*  Changes of members by the one at `leader`; errors are the engine's right. */
covey_err_t stage_add (stage_t *stage, size_t leader, size_t place);
covey_err_t stage_promote (stage_t *stage, size_t leader, size_t place);
covey_err_t stage_remove (stage_t *stage, size_t leader, size_t place);

void stage_open (stage_t *stage, const sim_replog_config_t *config,
                 uint64_t seed, const sim_slips_t *slips, size_t voters);
void stage_close (stage_t *stage);

#endif
