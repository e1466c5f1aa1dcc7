#include "persist/reader_actor.h"

#include <assert.h>
#include <czmq.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"

/*  A job crosses as a pointer. The socket orders what both threads see of it;
    the counter says so in C as well, for tools that do not know sockets.     */
struct covey_reader_actor {
    atomic_uint handovers;
    covey_journal_t *journal; /* the thread's, but for interrupt              */
    zactor_t *actor;
    size_t jobs; /* with the thread, or done and not taken                    */
};

static void
s_run (zsock_t *pipe, void *arg)
{
    covey_reader_actor_t *self = arg;
    zsock_signal (pipe, 0);
    for (;;) {
        zframe_t *frame = zframe_recv (pipe);
        if (!frame)
            break;
        covey_job_t *job = NULL;
        bool is_job = zframe_size (frame) == sizeof (covey_job_t *);
        if (is_job)
            memcpy (&job, zframe_data (frame), sizeof (covey_job_t *));
        zframe_destroy (&frame);
        if (!is_job) /* $TERM */
            break;
        atomic_fetch_add (&self->handovers, 1);
        covey_job_run (job, self->journal);
        atomic_fetch_add (&self->handovers, 1);
        zmq_send (zsock_resolve (pipe), &job, sizeof (covey_job_t *), 0);
    }
}

covey_err_t
covey_reader_actor_new (const char *path, covey_reader_actor_t **actor_p,
                        covey_errbuf_t *err)
{
    covey_reader_actor_t *self = covey_mem_new (sizeof *self);
    atomic_init (&self->handovers, 0);
    covey_err_t rc =
        covey_journal_open (path, COVEY_JOURNAL_READ, &self->journal, err);
    if (rc == COVEY_OK) {
        self->actor = zactor_new (s_run, self);
        if (!self->actor)
            rc = covey_fail (err, COVEY_NOMEM, "no thread for the reader");
    }
    if (rc != COVEY_OK)
        covey_reader_actor_destroy (&self);
    else
        *actor_p = self;
    return rc;
}

void *
covey_reader_actor_socket (covey_reader_actor_t *self)
{
    return zsock_resolve (self->actor);
}

covey_err_t
covey_reader_actor_run (covey_reader_actor_t *self, covey_job_t **job_p)
{
    if (self->jobs == COVEY_READER_JOBS_MAX)
        return COVEY_EAGAIN;
    void *socket = covey_reader_actor_socket (self);
    atomic_fetch_add (&self->handovers, 1);
    if (zmq_send (socket, job_p, sizeof (covey_job_t *), ZMQ_DONTWAIT) < 0)
        return COVEY_EAGAIN;
    self->jobs++;
    *job_p = NULL;
    return COVEY_OK;
}

static covey_job_t *
s_take (covey_reader_actor_t *self, int flags)
{
    covey_job_t *job = NULL;
    int size = zmq_recv (covey_reader_actor_socket (self), &job,
                         sizeof (covey_job_t *), flags);
    if (size < 0)
        return NULL;
    assert (size == sizeof (covey_job_t *) && self->jobs > 0);
    atomic_fetch_add (&self->handovers, 1);
    self->jobs--;
    return job;
}

covey_job_t *
covey_reader_actor_take (covey_reader_actor_t *self)
{
    return s_take (self, ZMQ_DONTWAIT);
}

void
covey_reader_actor_destroy (covey_reader_actor_t **self_p)
{
    covey_reader_actor_t *self = *self_p;
    if (!self)
        return;
    if (self->actor) {
        covey_journal_interrupt (self->journal);
        while (self->jobs) {
            covey_job_t *job = s_take (self, 0);
            if (!job)
                break; /* the context is gone, and the thread with it */
            covey_job_destroy (&job);
        }
        zactor_destroy (&self->actor);
    }
    covey_journal_close (&self->journal);
    free (self);
    *self_p = NULL;
}
