/*  audit - does a peer hold the agents of this node as they are?

    Role      pure core: from what the peer says with its heartbeats, whether it
              gets all of them again. Changes are told over the reliable link;
              this finds what went wrong all the same, whatever it was
    Time      now_ms: monotonic milliseconds, supplied by the caller

    A digest of the present version that differs shows a fault at once. An older
    version may only be late: it counts when it stays the same for
    COVEY_AUDIT_LATE_MS. After a repair the next one waits, longer every time
    until the peer agrees once.
*/
#ifndef COVEY_AUDIT_H_INCLUDED
#define COVEY_AUDIT_H_INCLUDED

#include <stdbool.h>
#include <stdint.h>

#define COVEY_AUDIT_LATE_MS 3000
#define COVEY_AUDIT_PAUSE_MS 2000
#define COVEY_AUDIT_PAUSE_MAX_MS 60000

typedef struct {
    bool differs;      /* with the last heartbeat                             */
    uint64_t version;  /* that the peer said then                             */
    int64_t since_ms;  /* and has been saying                                 */
    int64_t pause_ms;  /* after the next repair                               */
    int64_t repair_ms; /* not before                                          */
} covey_audit_t;

typedef struct {
    uint64_t version;
    uint64_t digest;
} covey_audit_state_t;

void covey_audit_init (covey_audit_t *self);
/*  The peer says it has `theirs`; this node has `ours`. True: repair.       */
bool covey_audit_judge (covey_audit_t *self, const covey_audit_state_t *theirs,
                        const covey_audit_state_t *ours, int64_t now_ms);

#endif
