/*  roles - what one node does for all: who does it, and who would be next

    Role      pure core: a table of roles, each with its seats. The first seat
              is the holder's, the others stand by, in the order of asking
    Lease     a seat lasts until its lease ends; asking again renews it. A
              holder that does not renew loses the role to the first who stands
              by, and keeps it as long as nobody does: a job that one node does
              badly is better done than not
    Epoch     of a holder: the log index at which it was designated, so larger
              than those of all holders before
    Memory    owns its entries
    Limits    COVEY_ROLES_MAX roles, COVEY_ROLE_SEATS_MAX seats each
*/
#ifndef COVEY_ROLES_H_INCLUDED
#define COVEY_ROLES_H_INCLUDED

#include "base/err.h"
#include "coordinator/timers.h"

#define COVEY_ROLES_MAX 256
#define COVEY_ROLE_SEATS_MAX 16
#define COVEY_ROLE_TTL_MS 6000
#define COVEY_ROLE_TTL_MIN_MS 1000
#define COVEY_ROLE_TTL_MAX_MS 86400000

typedef struct {
    char *node;  /* an id                                                     */
    char *label; /* its name for people, or NULL                              */
    int64_t ttl_ms;
    int64_t ends_us;
} covey_role_seat_t;

typedef struct {
    covey_link_t by_name;
    covey_timer_t timer; /* the first end of a lease that changes something   */
    char *name;
    uint64_t epoch;
    int64_t since_us; /* of the epoch                                         */
    covey_role_seat_t seats[COVEY_ROLE_SEATS_MAX];
    size_t count; /* at least one                                             */
} covey_role_entry_t;

typedef struct {
    covey_tree_t by_name;
} covey_roles_t;

void covey_roles_init (covey_roles_t *self);
void covey_roles_deinit (covey_roles_t *self);
covey_role_entry_t *covey_roles_find (const covey_roles_t *self,
                                      const char *name);
/*  A role of nobody; it must get a seat.                                     */
covey_role_entry_t *covey_roles_add (covey_roles_t *self, const char *name);
/*  Its timer must be disarmed.                                               */
void covey_roles_remove (covey_roles_t *self, covey_role_entry_t *entry);

/*  The seat of a node, or SIZE_MAX.                                          */
size_t covey_role_seat (const covey_role_entry_t *self, const char *node);
/*  At the end; there must be room.                                           */
void covey_role_sit (covey_role_entry_t *self, const char *node,
                     const char *label, int64_t ttl_ms, int64_t ends_us);
void covey_role_rise (covey_role_entry_t *self, size_t seat);
/*  Those who stand by and did not renew leave; and so does the holder, if
    somebody is left. True: there is a new holder.                            */
bool covey_role_expire (covey_role_entry_t *self, int64_t now_us);
/*  When expire would change something; INT64_MAX: never.                     */
int64_t covey_role_next_us (const covey_role_entry_t *self);

#endif
