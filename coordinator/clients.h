/*  clients - every request is executed at most once: (client, request) to the
    answer it got

    Role      pure core. A repeated request gets its first verdict; what it
              shows is the object as it is now
    Floor     what was forgotten must not be taken for new. Ids that grow with
              time (UUIDv7, as this library makes them) tell: a client's floor
              is the largest id whose answer was dropped, and for a client that
              was forgotten the log time until which any of those was heard. A
              request at or below the floor is refused. Other ids cannot be
              told; who makes them keeps repeats within the window
    Limits    COVEY_CLIENT_WINDOW requests per client, COVEY_CLIENTS_MAX
              clients, COVEY_CLIENT_ANSWERS_MAX answers; a client that is
              silent for COVEY_CLIENT_IDLE_US of log time is forgotten, and the
              one silent longest when there are too many
*/
#ifndef COVEY_CLIENTS_H_INCLUDED
#define COVEY_CLIENTS_H_INCLUDED

#include "base/id.h"
#include "coordinator/tree.h"

#define COVEY_CLIENT_WINDOW 1024
#define COVEY_CLIENTS_MAX 10000
#define COVEY_CLIENT_ANSWERS_MAX 262144
#define COVEY_CLIENT_IDLE_US 3600000000 /* an hour */

/*  What an answer shows; the numbers are in snapshots.                      */
typedef enum {
    COVEY_SHOW_NOTHING,
    COVEY_SHOW_TASK,
    COVEY_SHOW_SWARM,
    COVEY_SHOW_VOTE,
    COVEY_SHOW_MEMORY,       /* id: the revision, a blank, the key            */
    COVEY_SHOW_MEMORY_VALUE, /* the same, with its value                      */
    COVEY_SHOW_BATCH,   /* id: number of the first task, blank, how many   */
    COVEY_SHOW_COUNTER, /* id: the revision, the sum, the key            */
    COVEY_SHOW_SCHEDULE,
    COVEY_SHOW_CLAIM = 16,
    COVEY_SHOW_ROLE = 17,
    COVEY_SHOW_SESSION = 24,
    COVEY_SHOW_LIMITS = 28,
    COVEY_SHOW_BALLOT = 36 /* the vote that it was cast in                    */
} covey_show_t;

/*  An id of what is shown has at most so many bytes.                        */
#define COVEY_SHOW_ID_MAX (COVEY_NAME_MAX + 48)

typedef struct {
    covey_err_t code;
    covey_show_t show;
    char *id;   /* of what it shows, or NULL                                  */
    char *text; /* of a refusal, or NULL                                      */
} covey_answer_t;

typedef struct {
    uint64_t hash; /* of the request id                                       */
    char *request_id;
    covey_answer_t answer;
} covey_verdict_t;

typedef struct {
    covey_link_t by_id;
    covey_link_t by_use;
    char *id;
    int64_t used_us;
    covey_id_t floor;  /* not above it: forgotten                             */
    covey_id_t newest; /* above it: not there, so nothing is looked for       */
    covey_verdict_t *verdicts; /* a ring once it is full                      */
    size_t count;
    size_t capacity;
    size_t oldest;
} covey_client_t;

typedef struct {
    covey_tree_t clients; /* by id                                            */
    covey_tree_t by_use;  /* longest silent first                             */
    size_t answer_count;
    int64_t forgotten_us; /* when one that was forgotten was last heard; 0    */
} covey_clients_t;

typedef enum {
    COVEY_REQUEST_NEW,
    COVEY_REQUEST_ANSWERED,
    COVEY_REQUEST_FORGOTTEN /* or new: nobody can tell any more               */
} covey_request_t;

void covey_clients_init (covey_clients_t *self);
void covey_clients_deinit (covey_clients_t *self);
/*  Forget who was silent too long.                                          */
void covey_clients_expire (covey_clients_t *self, int64_t now_us);
/*  `*answer_p` is set for ANSWERED.                                         */
covey_request_t covey_clients_look (const covey_clients_t *self,
                                    const char *client_id,
                                    const char *request_id,
                                    const covey_answer_t **answer_p);
/*  Keep an answer (its texts are copied).                                   */
void covey_clients_keep (covey_clients_t *self, const char *client_id,
                         const char *request_id, const covey_answer_t *answer,
                         int64_t now_us);
/*  As it was saved: 16 bytes.                                               */
void covey_clients_set_floor (covey_clients_t *self, const char *client_id,
                              const uint8_t *floor);

#endif
