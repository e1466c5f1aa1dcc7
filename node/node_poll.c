/*  What the node's thread sleeps on.

    zmq_poll asks every socket for its events, twice per sleep, and each answer
    is two system calls. Here an epoll instance watches the sockets' own file
    descriptors, and only sockets that have something are touched. Such a
    descriptor is an edge: it tells that commands wait for the socket, and any
    call on the socket may take them. So a socket is read to its end once it was
    told of, and looked at again after anything else was done with it. */
#include "node/hub.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <zmq.h>

covey_err_t
covey_hub_open_poll (covey_hub_t *self, covey_errbuf_t *err)
{
    self->poll_fd = epoll_create1 (EPOLL_CLOEXEC);
    if (self->poll_fd < 0)
        return covey_fail (err, COVEY_LIMIT,
                           "no file descriptor is free; raise ulimit -n");
    return COVEY_OK;
}

void
covey_hub_close_poll (covey_hub_t *self)
{
    if (self->poll_fd >= 0)
        close (self->poll_fd);
    self->poll_fd = -1;
}

static void
s_watch (covey_hub_t *self, int fd, const covey_hub_input_t *input)
{
    assert (self->input_count < COVEY_HUB_INPUTS);
    covey_hub_input_t *slot = &self->inputs[self->input_count++];
    *slot = *input;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = slot};
    int rc = epoll_ctl (self->poll_fd, EPOLL_CTL_ADD, fd, &event);
    assert (rc == 0); /* both descriptors are ours                            */
    (void)rc;
}

void
covey_hub_watch (covey_hub_t *self, void *socket, bool routed,
                 covey_hub_message_fn *fn)
{
    int fd = -1;
    size_t size = sizeof fd;
    if (!socket || zmq_getsockopt (socket, ZMQ_FD, &fd, &size) != 0)
        return;
    /* What came before the watch began is not told any more: so it is hot. */
    s_watch (self, fd,
             &(covey_hub_input_t){
                 .socket = socket, .routed = routed, .fn = fn, .hot = true});
}

void
covey_hub_watch_fd (covey_hub_t *self, int fd, void (*fn) (covey_hub_t *self))
{
    s_watch (self, fd, &(covey_hub_input_t){.fd_fn = fn});
}

void
covey_hub_used (covey_hub_t *self, const void *socket)
{
    for (size_t i = 0; i < self->input_count; i++)
        if (self->inputs[i].socket == socket)
            self->inputs[i].used = true;
}

static bool
s_has_input (void *socket)
{
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt (socket, ZMQ_EVENTS, &events, &size) == 0 &&
           (events & ZMQ_POLLIN);
}

/*  Did anything that was done with a socket swallow its wake-up? After a tick
    all of them are asked, so that a use that somebody forgot to report costs
    milliseconds and not a message.                                           */
static bool
s_look_again (covey_hub_t *self)
{
    bool any = false, all = self->looked_ms != self->tick_ms;
    self->looked_ms = self->tick_ms;
    for (size_t i = 0; i < self->input_count; i++) {
        covey_hub_input_t *input = &self->inputs[i];
        if (!input->hot && input->socket && (input->used || all))
            input->hot = s_has_input (input->socket);
        input->used = false;
        any = any || input->hot;
    }
    return any;
}

void
covey_hub_sleep (covey_hub_t *self, int wait_ms)
{
    struct epoll_event events[COVEY_HUB_INPUTS];
    if (s_look_again (self))
        wait_ms = 0;
    int count = epoll_wait (self->poll_fd, events, COVEY_HUB_INPUTS, wait_ms);
    for (int i = 0; i < count; i++)
        ((covey_hub_input_t *)events[i].data.ptr)->hot = true;
}

void
covey_hub_read_inputs (covey_hub_t *self)
{
    for (size_t i = 0; i < self->input_count && !self->ended; i++) {
        covey_hub_input_t *input = &self->inputs[i];
        if (input->hot && !input->socket) {
            input->hot = false;
            input->fd_fn (self);
        } else if (input->hot)
            input->hot =
                covey_hub_drain (self, input->socket, input->routed, input->fn);
    }
}
