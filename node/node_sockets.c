#include "node/hub.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <czmq.h>

#include "base/str.h"

#define SEND_HWM 1000
#define RECEIVE_HWM 1000
#define LINGER_MS 500
#define BACKLOG 1024
#define HANDSHAKE_MS 2000
#define UNACKED_MS 3000 /* by TCP, then the connection is given up          */
#define IDLE_S 2        /* then TCP asks whether the other end is there     */
#define ASK_S 1
#define ASKS 3
#define RECONNECT_MS 100
#define RECONNECT_JITTER_MS 100
#define RECONNECT_MAX_MS 2000
#define CONNECT_TIMEOUT_MS 3000
#define BIND_TRIES 20
#define BIND_PAUSE_MS 20

static void
s_set_int (void *socket, int option, int value)
{
    int rc = zmq_setsockopt (socket, option, &value, sizeof value);
    assert (rc == 0);
    (void)rc;
}

/*  Every socket gets its limits before it binds or connects.                */
static void *
s_socket (int type)
{
    void *socket = zsys_socket (type, __FILE__, __LINE__);
    if (!socket)
        return NULL;
    int64_t max = COVEY_FRAME_MAX + COVEY_TOPIC_SIZE;
    int rc = zmq_setsockopt (socket, ZMQ_MAXMSGSIZE, &max, sizeof max);
    assert (rc == 0);
    (void)rc;
    s_set_int (socket, ZMQ_LINGER, LINGER_MS);
    s_set_int (socket, ZMQ_SNDHWM, SEND_HWM);
    s_set_int (socket, ZMQ_RCVHWM, RECEIVE_HWM);
    s_set_int (socket, ZMQ_IPV6, 1);
    s_set_int (socket, ZMQ_BACKLOG, BACKLOG);
    s_set_int (socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    /* The kernel finds dead connections. ZeroMQ's own heartbeats search all its
       timers for each message: with a thousand connections that is all its
       thread does. */
    s_set_int (socket, ZMQ_TCP_MAXRT, UNACKED_MS);
    s_set_int (socket, ZMQ_TCP_KEEPALIVE, 1);
    s_set_int (socket, ZMQ_TCP_KEEPALIVE_IDLE, IDLE_S);
    s_set_int (socket, ZMQ_TCP_KEEPALIVE_INTVL, ASK_S);
    s_set_int (socket, ZMQ_TCP_KEEPALIVE_CNT, ASKS);
    if (type == ZMQ_ROUTER) {
        s_set_int (socket, ZMQ_ROUTER_MANDATORY, 1);
        s_set_int (socket, ZMQ_ROUTER_HANDOVER, 1);
    }
    return socket;
}

void
covey_hub_close_socket (void **socket_p)
{
    if (*socket_p)
        zsys_close (*socket_p, __FILE__, __LINE__);
    *socket_p = NULL;
}

static void
s_set_reconnect (covey_hub_t *self, void *socket)
{
    s_set_int (socket, ZMQ_RECONNECT_IVL,
               RECONNECT_MS +
                   (int)covey_prng_below (&self->prng, RECONNECT_JITTER_MS));
    s_set_int (socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    /* TCP itself would try a lost SYN again after up to a minute. */
    s_set_int (socket, ZMQ_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS);
}

/* ------------------------------------------------------------------------ */
/*  Binding                                                                  */

static covey_err_t
s_bind (void *socket, const char *endpoint, const char *what,
        const char *advice, covey_errbuf_t *err)
{
    /* A socket of this process that was just closed needs a moment to go. */
    for (int i = 0; i < BIND_TRIES; i++) {
        if (zmq_bind (socket, endpoint) == 0)
            return COVEY_OK;
        if (errno != EADDRINUSE)
            break;
        zclock_sleep (BIND_PAUSE_MS);
    }
    if (errno != EADDRINUSE)
        advice = "choose an address of this host, as 127.0.0.1 or 0.0.0.0";
    return covey_fail (err, COVEY_IO, "cannot listen on %s for %s: %s; %s",
                       endpoint, what, zmq_strerror (errno), advice);
}

/*  The bound port of a tcp socket.                                          */
static int
s_bound_port (void *socket)
{
    char text[COVEY_HUB_ADDRESS_MAX] = "";
    size_t size = sizeof text;
    if (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, text, &size) != 0)
        return 0;
    const char *colon = strrchr (text, ':');
    int64_t port = 0;
    if (!colon || !covey_str_to_int (colon + 1, 1, 65535, &port))
        return 0;
    return (int)port;
}

/*  IPv6 literals are written in brackets.                                   */
static void
s_write_address (char *to, size_t size, const char *host, int port)
{
    bool bare_v6 = strchr (host, ':') && host[0] != '[';
    snprintf (to, size, bare_v6 ? "[%s]:%d" : "%s:%d", host, port);
}

/*  Where a peer's HOST:PORT is connected to.                                */
static void
s_peer_endpoint (const covey_hub_t *self, const char *address,
                 char endpoint[COVEY_HUB_ADDRESS_MAX + 16])
{
    snprintf (endpoint, COVEY_HUB_ADDRESS_MAX + 16, "%s%s",
              self->config.inproc ? "inproc://peer-" : "tcp://", address);
}

static covey_err_t
s_bind_peers (covey_hub_t *self, covey_errbuf_t *err)
{
    const char *host = self->config.host;
    char address[COVEY_HUB_ADDRESS_MAX], own[COVEY_NAME_MAX];
    char endpoint[COVEY_HUB_ADDRESS_MAX + 16];
    const char *advice = "is another node running there? choose another port "
                         "or address";
    const struct {
        void *socket;
        int port;
        const char *what;
        char *advertised;
    } binds[] = {
        {self->router, self->config.port, "nodes", self->endpoint},
        {self->pub, self->config.pub_port, "broadcasts", self->pub_endpoint}};
    covey_str_copy (own, sizeof own, host);
    if (self->config.advertise)
        covey_str_copy (own, sizeof own, self->config.advertise);
    else if (covey_interface_is_any (host))
        covey_str_copy (own, sizeof own,
                        self->config.interface_count
                            ? self->config.interfaces[0].address
                            : "127.0.0.1");
    for (size_t i = 0; i < 2; i++) {
        s_write_address (address, sizeof address, host, binds[i].port);
        snprintf (endpoint, sizeof endpoint, "tcp://%s", address);
        covey_err_t code =
            s_bind (binds[i].socket, endpoint, binds[i].what, advice, err);
        if (code)
            return code;
        s_write_address (binds[i].advertised, COVEY_HUB_ADDRESS_MAX, own,
                         s_bound_port (binds[i].socket));
        if (!self->config.inproc)
            continue;
        s_peer_endpoint (self, binds[i].advertised, endpoint);
        code = s_bind (binds[i].socket, endpoint, binds[i].what, advice, err);
        if (code)
            return code;
    }
    return COVEY_OK;
}

/*  A socket file that nobody listens on any more is removed.                */
static covey_err_t
s_clear_ipc (const char *path, covey_errbuf_t *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!covey_str_copy (address.sun_path, sizeof address.sun_path, path))
        return covey_fail (err, COVEY_LIMIT,
                           "socket path %s has %zu bytes, at most %zu are "
                           "possible: choose a shorter data folder",
                           path, strlen (path), sizeof address.sun_path - 1);
    struct stat info;
    if (lstat (path, &info) != 0)
        return COVEY_OK;
    if (!S_ISSOCK (info.st_mode))
        return covey_fail (err, COVEY_EXISTS,
                           "%s exists and is not a socket: remove it or choose "
                           "another path",
                           path);
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return covey_fail (err, COVEY_IO, "cannot make a socket: %s",
                           strerror (errno));
    bool alive = connect (fd, (struct sockaddr *)&address, sizeof address) == 0;
    close (fd);
    if (alive)
        return covey_fail (err, COVEY_BUSY,
                           "another process listens on %s: stop it or choose "
                           "another data folder",
                           path);
    if (unlink (path) != 0)
        return covey_fail (err, COVEY_IO, "cannot remove the old socket %s: %s",
                           path, strerror (errno));
    return COVEY_OK;
}

static covey_err_t
s_bind_sessions (covey_hub_t *self, covey_errbuf_t *err)
{
    /* The same name after a restart: agents find their node again by it. */
    snprintf (self->inproc, sizeof self->inproc, "inproc://covey-%s",
              self->id_text);
    covey_err_t code = s_bind (self->local, self->inproc, "agents",
                               "a node with this id runs already", err);
    for (size_t i = 0; i < self->config.session_count && !code; i++) {
        const char *endpoint = self->config.sessions[i];
        if (!self->sessions && !(self->sessions = s_socket (ZMQ_ROUTER)))
            return covey_fail (err, COVEY_IO, "cannot make a socket: %s",
                               zmq_strerror (errno));
        if (strncmp (endpoint, "ipc://", 6) == 0)
            code = s_clear_ipc (endpoint + 6, err);
        if (!code)
            code = s_bind (self->sessions, endpoint, "agents",
                           "choose another path or port", err);
        if (!code && i == 0) {
            size_t size = sizeof self->session_endpoint;
            if (zmq_getsockopt (self->sessions, ZMQ_LAST_ENDPOINT,
                                self->session_endpoint, &size) != 0)
                covey_str_copy (self->session_endpoint,
                                sizeof self->session_endpoint, endpoint);
        }
    }
    return code;
}

covey_err_t
covey_hub_open_sockets (covey_hub_t *self, covey_errbuf_t *err)
{
    self->router = s_socket (ZMQ_ROUTER);
    self->pub = s_socket (ZMQ_XPUB); /* it tells who subscribes to what      */
    self->sub = s_socket (ZMQ_SUB);
    self->local = s_socket (ZMQ_ROUTER);
    if (!self->router || !self->pub || !self->sub || !self->local)
        return covey_fail (err, COVEY_IO, "cannot make a socket: %s",
                           zmq_strerror (errno));
    s_set_reconnect (self, self->sub);
    covey_err_t code = s_bind_peers (self, err);
    if (!code)
        code = s_bind_sessions (self, err);
    if (!code)
        code = covey_hub_open_beacon (self, err);
    if (!code)
        code = covey_hub_open_poll (self, err);
    return code;
}

/*  ZeroMQ closes later, in a thread of its own, and removes the socket file
    then: a node that starts on the same folder meanwhile would lose its own. */
static void
s_await_removal (const char *path)
{
    struct stat info;
    for (int i = 0; i < BIND_TRIES && lstat (path, &info) == 0; i++)
        zclock_sleep (BIND_PAUSE_MS);
}

void
covey_hub_close_sockets (covey_hub_t *self)
{
    covey_hub_close_poll (self);
    covey_hub_close_socket (&self->router);
    covey_hub_close_socket (&self->pub);
    covey_hub_close_socket (&self->sub);
    covey_hub_close_socket (&self->local);
    covey_hub_close_socket (&self->sessions);
    covey_hub_close_beacon (self);
    for (size_t i = 0; i < self->config.session_count; i++)
        if (strncmp (self->config.sessions[i], "ipc://", 6) == 0)
            s_await_removal (self->config.sessions[i] + 6);
}

/*  A DEALER to one peer; its routing id is random, so that a restarted node is
    never taken for its predecessor.                                          */
void *
covey_hub_dial (covey_hub_t *self, const char *address)
{
    void *socket = s_socket (ZMQ_DEALER);
    if (!socket)
        return NULL;
    uint8_t route[16] = {'C'};
    for (size_t i = 1; i < sizeof route; i++)
        route[i] = (uint8_t)covey_prng_below (&self->prng, 256);
    int rc = zmq_setsockopt (socket, ZMQ_ROUTING_ID, route, sizeof route);
    assert (rc == 0);
    (void)rc;
    s_set_int (socket, ZMQ_IMMEDIATE, 1);
    s_set_reconnect (self, socket);
    char endpoint[COVEY_HUB_ADDRESS_MAX + 16];
    s_peer_endpoint (self, address, endpoint);
    if (zmq_connect (socket, endpoint) != 0)
        covey_hub_close_socket (&socket);
    return socket;
}

/* ------------------------------------------------------------------------ */
/*  Messages                                                                 */

static covey_err_t
s_send_error (void)
{
    return errno == EHOSTUNREACH ? COVEY_UNREACHABLE : COVEY_EAGAIN;
}

covey_err_t
covey_hub_send (void *socket, const void *data, size_t size)
{
    if (zmq_send (socket, data, size, ZMQ_DONTWAIT) < 0)
        return s_send_error ();
    return COVEY_OK;
}

bool
covey_hub_can_send (void *socket)
{
    uint32_t events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt (socket, ZMQ_EVENTS, &events, &size) == 0 &&
           (events & ZMQ_POLLOUT);
}

covey_err_t
covey_hub_send_to (covey_hub_t *self, void *socket, const uint8_t *route,
                   size_t route_size, const void *data, size_t size)
{
    covey_hub_used (self, socket);
    if (zmq_send (socket, route, route_size, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return s_send_error ();
    if (zmq_send (socket, data, size, ZMQ_DONTWAIT) < 0)
        return s_send_error ();
    return COVEY_OK;
}

void
covey_hub_send_broadcast (covey_hub_t *self, const uint8_t *topic,
                          size_t topic_size, const covey_buf_t *frame,
                          const covey_buf_t *items)
{
    zmq_msg_t message;
    size_t size = topic_size + frame->size + (items ? items->size : 0);
    if (zmq_msg_init_size (&message, size) != 0)
        return; /* lost on the way: the receiver will notice and ask          */
    uint8_t *to = zmq_msg_data (&message);
    memcpy (to, topic, topic_size);
    memcpy (to + topic_size, frame->data, frame->size);
    if (items && items->size)
        memcpy (to + topic_size + frame->size, items->data, items->size);
    covey_hub_used (self, self->pub);
    if (zmq_msg_send (&message, self->pub, ZMQ_DONTWAIT) < 0)
        zmq_msg_close (&message);
}

void
covey_hub_subscribe (covey_hub_t *self, const uint8_t *topic, size_t size,
                     bool on)
{
    int rc = zmq_setsockopt (self->sub, on ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE,
                             topic, size);
    assert (rc == 0);
    (void)rc;
}

covey_err_t
covey_hub_hear (covey_hub_t *self, const char *address)
{
    char endpoint[COVEY_HUB_ADDRESS_MAX + 16];
    s_peer_endpoint (self, address, endpoint);
    covey_hub_used (self, self->sub);
    return zmq_connect (self->sub, endpoint) == 0 ? COVEY_OK : COVEY_IO;
}

void
covey_hub_unhear (covey_hub_t *self, const char *address)
{
    char endpoint[COVEY_HUB_ADDRESS_MAX + 16];
    s_peer_endpoint (self, address, endpoint);
    covey_hub_used (self, self->sub);
    (void)zmq_disconnect (self->sub, endpoint); /* gone is gone              */
}

/*  The rest of a message with more parts than agreed.                       */
static void
s_skip_parts (void *socket)
{
    int more = 1;
    size_t size = sizeof more;
    while (more) {
        zmq_msg_t part;
        zmq_msg_init (&part);
        if (zmq_msg_recv (&part, socket, ZMQ_DONTWAIT) < 0 ||
            zmq_getsockopt (socket, ZMQ_RCVMORE, &more, &size) != 0)
            more = 0;
        zmq_msg_close (&part);
    }
}

bool
covey_hub_receive (covey_hub_t *self, void *socket, bool routed,
                   covey_hub_message_fn *fn)
{
    zmq_msg_t route, body;
    zmq_msg_init (&route);
    zmq_msg_init (&body);
    bool got = true, good = true;
    if (routed) {
        got = zmq_msg_recv (&route, socket, ZMQ_DONTWAIT) >= 0;
        good = got && zmq_msg_more (&route);
    }
    if (good) {
        got = zmq_msg_recv (&body, socket, ZMQ_DONTWAIT) >= 0;
        good = got;
    }
    if (good && zmq_msg_more (&body)) {
        s_skip_parts (socket);
        good = false;
    }
    if (good)
        fn (self, socket, zmq_msg_data (&route), zmq_msg_size (&route),
            zmq_msg_data (&body), zmq_msg_size (&body));
    else if (got)
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
    else if (errno == ETERM)
        self->ended = true;
    zmq_msg_close (&route);
    zmq_msg_close (&body);
    return got;
}

bool
covey_hub_drain (covey_hub_t *self, void *socket, bool routed,
                 covey_hub_message_fn *fn)
{
    for (int i = 0; i < COVEY_HUB_DRAIN_MAX; i++)
        if (!covey_hub_receive (self, socket, routed, fn))
            return false;
    return true;
}
