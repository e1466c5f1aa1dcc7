/*  interface - which of this host's network interfaces a node uses

    Role      pure core: the choice, and the error that lists what there is to
              choose from; node_interface.c reads the list
    Limits    COVEY_INTERFACES_MAX addresses; IPv4 only: beacons are broadcasts
*/
#ifndef COVEY_INTERFACE_H_INCLUDED
#define COVEY_INTERFACE_H_INCLUDED

#include "base/err.h"

#define COVEY_INTERFACES_MAX 64
#define COVEY_IPV4_SIZE 16

/*  One address of an interface that is up.                                  */
typedef struct {
    char name[32];
    int index; /* the kernel's                                                */
    char address[COVEY_IPV4_SIZE];
    char broadcast[COVEY_IPV4_SIZE]; /* "": it has none                       */
    bool is_loopback;
} covey_interface_t;

typedef struct {
    const char *host;         /* to listen on; NULL: not said                 */
    const char *const *names; /* that were chosen                             */
    size_t name_count;
    bool has_advertise; /* what others are told does not depend on it         */
    bool needs_broadcast;
} covey_interface_wish_t;

/*  Is that "every address of this host"?                                    */
bool covey_interface_is_any (const char *host);
/*  Leave what fits at the front of `list`, in the order of the names; without
    names those of the host's address, or the only one. There may be none, if
    no broadcast is needed. INVALID: the line says what there is.             */
covey_err_t covey_interface_choose (covey_interface_t *list, size_t *count_p,
                                    const covey_interface_wish_t *wish,
                                    covey_errbuf_t *err);

/* node_interface.c: of this host, now.                                      */
size_t covey_interface_list (covey_interface_t list[COVEY_INTERFACES_MAX]);

#endif
