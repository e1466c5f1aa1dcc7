/*  replog_fault - places where tests can plant a fault

    Role      COVEY_FAULT (NAME) stands where a slip would break a promise; it
   is 0 in the product. Compiled with COVEY_PLANT_FAULTS it asks
              covey_replog_fault, which the simulator defines and sets: what it
              does not find then, it would not find in a mistake of ours either
    Names     one per guard (docs/decisions/014), and other places
*/
#ifndef COVEY_REPLOG_FAULT_H_INCLUDED
#define COVEY_REPLOG_FAULT_H_INCLUDED

/*  Numbered from 1.                                                          */
#define COVEY_REPLOG_FAULTS(X)                                                \
    X (NO_G1_ORDER, "what was promised leaves before the commit")             \
    X (NO_G2_BARRIER, "a new leader counts copies of older terms")            \
    X (NO_G3_ACK, "acknowledges beyond what was compared")                    \
    X (NO_G3_COMMIT, "commits beyond what was compared")                      \
    X (NO_G4_VOTE, "votes twice in a term")                                   \
    X (NO_G5_BATCH, "many batches in flight")                                 \
    X (NO_G6_OWN_TERM, "a leader obeys another one of its term")              \
    X (NO_G7_TRIM, "appends again what a snapshot holds")                     \
    X (NO_G8_RELOAD, "the library rolls members back itself")                 \
    X (NO_G9_TERM, "a sole voter leads without a new term")                   \
    X (NO_G10_MEMBERS, "a snapshot holds members not committed")              \
    X (NO_G11_PREVOTE, "a refused pre-vote echoes the asker's term")          \
    X (NO_G11_VOTE, "who does not see itself as voter does not vote")         \
    X (NO_G12_SEND, "an answer to nobody stops the member")                   \
    X (VOTE_LOG_CHECK, "votes for a candidate with an older log")             \
    X (VOTE_NOT_STORED, "a vote is not written")                              \
    X (TERM_NOT_STORED, "a term is not written")                              \
    X (APPEND_NOT_STORED, "acknowledges an entry that is not written")        \
    X (TRUNCATE_NOT_STORED, "what was truncated comes back")                  \
    X (READ_NO_QUORUM, "reads without asking anybody")                        \
    X (READ_OLD_ROUND, "an answer to an earlier question confirms a read")    \
    X (READ_BEFORE_OWN, "reads before an entry of the own term is applied")   \
    X (READ_ANY_TERM, "confirms a leader of an older term")                   \
    X (MEMBERS_BEFORE_OWN, "changes members before an entry of the own term") \
    X (SNAPSHOT_KEEPS_TAIL, "entries that conflict survive a snapshot")       \
    X (SNAPSHOT_INDEX, "a snapshot names the entry before its last")          \
    X (SNAPSHOT_CUT, "the log is cut before the snapshot is written")         \
    X (SNAPSHOT_SLICE, "a snapshot counts before its last slice")             \
    X (SNAPSHOT_FORGET, "a start forgets the snapshot that it took")          \
    X (APPLY_TWICE, "a reload applies again")                                 \
    X (TICKET_OF_OTHER, "another leader's entry ends our ticket")

#ifdef COVEY_PLANT_FAULTS
#define COVEY_REPLOG_FAULT_NAME(name, text) COVEY_FAULT_##name,
enum {
    COVEY_FAULT_NONE,
    COVEY_REPLOG_FAULTS (COVEY_REPLOG_FAULT_NAME) COVEY_FAULT_COUNT
};
#undef COVEY_REPLOG_FAULT_NAME
extern int covey_replog_fault;
#define COVEY_FAULT(name) (covey_replog_fault == COVEY_FAULT_##name)
#else
#define COVEY_FAULT(name) 0
#endif

#endif
