/*  The beacon's socket: one for all chosen interfaces. It is bound to every
    address because broadcasts do not arrive at others, and says of each
    datagram on which interface it came.                                      */
#include "node/hub.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"

typedef union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE (sizeof (struct in_pktinfo))];
} beacon_control_t;

static covey_err_t
s_open (covey_hub_t *self, covey_errbuf_t *err)
{
    int port = self->config.beacon_port, on = 1;
    struct sockaddr_in any = {.sin_family = AF_INET,
                              .sin_port = htons ((uint16_t)port),
                              .sin_addr = {htonl (INADDR_ANY)}};
    int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    self->beacon_fd = fd;
    /* Several nodes of one host hear the same port.                          */
    if (fd >= 0 &&
        setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        setsockopt (fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0 &&
        setsockopt (fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0 &&
        bind (fd, (struct sockaddr *)&any, sizeof any) == 0)
        return COVEY_OK;
    return covey_fail (err, COVEY_IO,
                       "cannot listen on UDP port %d for beacons: %s; choose "
                       "another beacon-port, or use join instead",
                       port, strerror (errno));
}

covey_err_t
covey_hub_open_beacon (covey_hub_t *self, covey_errbuf_t *err)
{
    int64_t port = 0;
    const char *colon = strrchr (self->endpoint, ':');
    if (!self->config.beacon_port || !colon ||
        !covey_str_to_int (colon + 1, 1, 65535, &port))
        return COVEY_OK;
    covey_beacon_word_t own = {.epoch = self->epoch, .port = (int)port};
    memcpy (own.node_id, self->config.node_id.bytes, 16);
    covey_str_copy (own.mesh, sizeof own.mesh, self->config.mesh);
    self->beacon = covey_beacon_new (&own, covey_prng_next (&self->prng));
    return s_open (self, err);
}

void
covey_hub_close_beacon (covey_hub_t *self)
{
    if (self->beacon && self->beacon_fd >= 0)
        close (self->beacon_fd);
    covey_beacon_destroy (&self->beacon);
}

/* ------------------------------------------------------------------------ */

/*  From the interface's own address: that is where the others find us.      */
static bool
s_send (const covey_hub_t *self, const covey_interface_t *interface,
        const uint8_t *data, size_t size)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port =
                                 htons ((uint16_t)self->config.beacon_port)};
    struct in_pktinfo info = {.ipi_ifindex = interface->index};
    if (inet_pton (AF_INET, interface->broadcast, &to.sin_addr) != 1 ||
        inet_pton (AF_INET, interface->address, &info.ipi_spec_dst) != 1)
        return false;
    beacon_control_t control;
    memset (&control, 0, sizeof control);
    struct iovec part = {.iov_base = (void *)data, .iov_len = size};
    struct msghdr message = {.msg_name = &to,
                             .msg_namelen = sizeof to,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *head = CMSG_FIRSTHDR (&message);
    head->cmsg_level = IPPROTO_IP;
    head->cmsg_type = IP_PKTINFO;
    head->cmsg_len = CMSG_LEN (sizeof info);
    memcpy (CMSG_DATA (head), &info, sizeof info);
    return sendmsg (self->beacon_fd, &message, 0) == (ssize_t)size;
}

void
covey_hub_tick_beacon (covey_hub_t *self)
{
    uint8_t data[COVEY_BEACON_SIZE_MAX];
    if (!self->beacon || self->stopping ||
        !covey_beacon_is_due (self->beacon, self->now_ms))
        return;
    size_t size = covey_beacon_write (self->beacon, data);
    for (size_t i = 0; i < self->config.interface_count; i++) {
        const covey_interface_t *interface = &self->config.interfaces[i];
        if (!interface->broadcast[0])
            continue;
        bool good = s_send (self, interface, data, size);
        covey_beacon_sent (self->beacon, good);
        if (!good && covey_beacon_stats (self->beacon)->unsent == 1)
            covey_log_write (self->config.log, COVEY_LOG_WARN, "node",
                             "beacon_unsent", "interface=%s errno=%d",
                             interface->name, errno);
    }
}

/* ------------------------------------------------------------------------ */

/*  0: it does not say.                                                      */
static int
s_interface_of (struct msghdr *message)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR (message); at;
         at = CMSG_NXTHDR (message, at))
        if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy (&info, CMSG_DATA (at), sizeof info);
            return info.ipi_ifindex;
        }
    return 0;
}

static bool
s_is_chosen (const covey_hub_t *self, int index)
{
    for (size_t i = 0; i < self->config.interface_count; i++)
        if (self->config.interfaces[i].index == index)
            return true;
    return false;
}

static void
s_on_datagram (covey_hub_t *self, const uint8_t *data, size_t size,
               const struct sockaddr_in *from)
{
    covey_beacon_word_t word;
    char host[INET_ADDRSTRLEN], address[COVEY_HUB_ADDRESS_MAX];
    if (covey_beacon_receive (self->beacon, data, size, &word) != COVEY_OK ||
        !inet_ntop (AF_INET, &from->sin_addr, host, sizeof host))
        return;
    snprintf (address, sizeof address, "%s:%d", host, word.port);
    if (!covey_membership_wants (self->membership, word.node_id, word.epoch,
                                 address) ||
        !covey_beacon_admit (self->beacon, &word, self->now_ms))
        return;
    if (!covey_membership_hint (self->membership, address, self->now_ms))
        covey_beacon_refused (self->beacon);
}

void
covey_hub_on_beacon (covey_hub_t *self)
{
    for (int i = 0; i < COVEY_HUB_DRAIN_MAX; i++) {
        uint8_t data[COVEY_BEACON_SIZE_MAX + 1]; /* longer ones are malformed */
        struct sockaddr_in from;
        beacon_control_t control;
        struct iovec part = {.iov_base = data, .iov_len = sizeof data};
        struct msghdr message = {.msg_name = &from,
                                 .msg_namelen = sizeof from,
                                 .msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof control.bytes};
        ssize_t size = recvmsg (self->beacon_fd, &message, MSG_DONTWAIT);
        if (size < 0)
            return;
        if (!self->stopping && message.msg_namelen == sizeof from &&
            s_is_chosen (self, s_interface_of (&message)))
            s_on_datagram (self, data, (size_t)size, &from);
    }
    /* What is left wakes the loop again: this descriptor tells it each time. */
}
