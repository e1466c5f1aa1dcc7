/*  runtime - what is set up once per process                                 */

#include <czmq.h>
#include <pthread.h>

#include "api/agent_i.h"
#include "base/clock.h"

static pthread_once_t s_once = PTHREAD_ONCE_INIT;

static void
s_init (void)
{
    /* Signals belong to the program, not to a library in it. */
    zsys_handler_set (NULL);
    /* As many sockets as ZeroMQ can have; no effect, and no harm, in a program
       that made some before. */
    zmq_ctx_set (zsys_init (), ZMQ_MAX_SOCKETS, (int)zsys_socket_limit ());
}

void
covey_i_runtime_init (void)
{
    pthread_once (&s_once, s_init);
}

int64_t
covey_i_deadline (int timeout_ms)
{
    return covey_clock_mono_ms () + (timeout_ms > 0 ? timeout_ms : 0);
}

bool
covey_i_thread_start (pthread_t *thread, size_t stack_size,
                      void *(*main) (void *), void *arg)
{
    pthread_attr_t attr;
    sigset_t all, before;
    pthread_attr_init (&attr);
    if (stack_size)
        pthread_attr_setstacksize (&attr, stack_size);
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    int rc = pthread_create (thread, &attr, main, arg);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    pthread_attr_destroy (&attr);
    return rc == 0;
}
