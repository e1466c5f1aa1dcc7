/*  reader_actor - a second thread with a connection of its own, so that a long
    query never holds up a commit

    Commands  covey_job_t * to run; the same pointer comes back when it is done
    Limits    COVEY_READER_JOBS_MAX jobs at a time
*/
#ifndef COVEY_READER_ACTOR_H_INCLUDED
#define COVEY_READER_ACTOR_H_INCLUDED

#include "persist/job.h"

#define COVEY_READER_JOBS_MAX 512

typedef struct covey_reader_actor covey_reader_actor_t;

/*  `path` of a journal that exists.                                         */
covey_err_t covey_reader_actor_new (const char *path,
                                    covey_reader_actor_t **actor_p,
                                    covey_errbuf_t *err);
/*  Ends what runs, and destroys the jobs that are still with it.            */
void covey_reader_actor_destroy (covey_reader_actor_t **self_p);

/*  EAGAIN: too many run; the job stays the caller's. Else it is consumed.   */
covey_err_t covey_reader_actor_run (covey_reader_actor_t *self,
                                    covey_job_t **job_p);
/*  A job that is done, or NULL when none is.                                */
covey_job_t *covey_reader_actor_take (covey_reader_actor_t *self);
/*  Readable when one is done, for zmq_poll.                                 */
void *covey_reader_actor_socket (covey_reader_actor_t *self);

#endif
