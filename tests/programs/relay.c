/*  relay - a network that misbehaves, for real processes on one machine

    Role      makes N network namespaces, each with one TUN device, and carries
              the packets between them through the simulator's network
              (sim_net), whose clock is the real one here: seeded delay,
              jitter, loss, reordering, duplication
    Memory    PACKETS_MAX packets under way, what exceeds that is counted
    Output    "ready SEED PID FD..." once the namespaces are there, then one
              line for each command. /proc/PID/fd/FD is a namespace, for
              nsenter --net; it ends with the relay and the processes in it, so
              that nothing is left behind, however a test ends

    Node I has the address 10.77.0.I in namespace I, from 1. Nothing of it can
    be seen or reached from outside.

        link delay=30 jitter=10 loss=0.02 duplicate=0 reorder=0 reorderBy=0
              ms and shares; 30 with jitter 10 is anything from 20 to 40. What
              is not named becomes 0
        counts
              "counts sent=... delivered=... ..."

    The end of the input ends it. Exit status 77: the machine lacks the right
    or the device, one line says which.                                       */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/sim_net.h"

#define NODES_MAX 32
#define PACKETS_MAX 65536 /* under way */
#define PACKET_MAX 2048
#define READ_MAX 64         /* packets of one node at a time */
#define NETWORK 0x0a4d0000u /* 10.77.0.0 */
#define SKIP 77

typedef struct {
    size_t size;
    uint8_t bytes[];
} packet_t;

typedef struct {
    size_t count;
    int tuns[NODES_MAX];
    sim_net_t *net;
    int64_t start_ns;
    size_t under_way;
    uint64_t overflow; /* more than PACKETS_MAX under way                     */
    uint64_t stray;    /* for nobody here: the kernel's own multicasts        */
    uint64_t refused;  /* by the TUN device                                   */
} relay_t;

/* ------------------------------------------------------------------------ */
/*  Namespaces                                                                */

static noreturn void
s_skip (const char *what, const char *why)
{
    printf ("skip %s: %s\n", what, why);
    exit (SKIP);
}

/*  An interface of the namespace that this thread is in: its address when it
    has one, and up.                                                          */
static void
s_bring_up (const char *name, uint32_t address)
{
    int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {0};
    snprintf (request.ifr_name, sizeof request.ifr_name, "%s", name);
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl (address)};
    memcpy (&request.ifr_addr, &in, sizeof in);
    bool well = fd >= 0 && (!address || ioctl (fd, SIOCSIFADDR, &request) == 0);
    in.sin_addr.s_addr = htonl (0xffffff00u);
    memcpy (&request.ifr_netmask, &in, sizeof in);
    well = well && (!address || ioctl (fd, SIOCSIFNETMASK, &request) == 0);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (!well || ioctl (fd, SIOCSIFFLAGS, &request) != 0)
        s_skip (name, strerror (errno));
    close (fd);
}

static int
s_open_tun (uint32_t address)
{
    int fd = open ("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        s_skip ("/dev/net/tun", strerror (errno));
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    snprintf (request.ifr_name, sizeof request.ifr_name, "mesh0");
    if (ioctl (fd, TUNSETIFF, &request) != 0)
        s_skip ("a TUN device", strerror (errno));
    s_bring_up ("lo", 0);
    s_bring_up ("mesh0", address);
    return fd;
}

static void
s_open_namespaces (relay_t *self, int *namespaces)
{
    int home = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < self->count; i++) {
        if (unshare (CLONE_NEWNET) != 0)
            s_skip ("a network namespace", strerror (errno));
        namespaces[i] = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        self->tuns[i] = s_open_tun (NETWORK + (uint32_t)i + 1);
    }
    if (home < 0 || setns (home, CLONE_NEWNET) != 0)
        s_skip ("the way back to the own namespace", strerror (errno));
    close (home);
}

/* ------------------------------------------------------------------------ */
/*  Packets                                                                   */

static void
s_run (relay_t *self)
{
    sim_net_run (self->net, (covey_clock_mono_ns () - self->start_ns) / 1000);
}

static void
s_on_deliver (void *arg, size_t node, size_t from, const void *message,
              int64_t now_us)
{
    relay_t *self = arg;
    const packet_t *packet = message;
    (void)from;
    (void)now_us;
    if (write (self->tuns[node], packet->bytes, packet->size) < 0)
        self->refused++;
}

static void
s_on_release (void *arg, void *message)
{
    relay_t *self = arg;
    self->under_way--;
    free (message);
}

static void
s_on_packet (relay_t *self, size_t from, const uint8_t *bytes, size_t size)
{
    uint32_t to = 0;
    if (size >= 20 && bytes[0] >> 4 == 4) {
        memcpy (&to, bytes + 16, sizeof to);
        to = ntohl (to) - NETWORK - 1;
    } else
        to = UINT32_MAX;
    if (to >= self->count || to == from) {
        self->stray++;
        return;
    }
    if (self->under_way == PACKETS_MAX) {
        self->overflow++;
        return;
    }
    packet_t *packet = covey_mem_new (sizeof *packet + size);
    packet->size = size;
    memcpy (packet->bytes, bytes, size);
    self->under_way++;
    sim_net_send (self->net, from, to, packet);
}

static void
s_read_packets (relay_t *self, size_t from)
{
    uint8_t bytes[PACKET_MAX];
    for (int i = 0; i < READ_MAX; i++) {
        ssize_t size = read (self->tuns[from], bytes, sizeof bytes);
        if (size <= 0)
            return;
        s_on_packet (self, from, bytes, (size_t)size);
    }
}

/* ------------------------------------------------------------------------ */
/*  Commands                                                                  */

static void
s_print_counts (const relay_t *self)
{
    const sim_stats_t *stats = sim_net_stats (self->net);
    printf ("counts sent=%" PRIu64 " delivered=%" PRIu64 " lost=%" PRIu64
            " duplicated=%" PRIu64 " underWay=%zu overflow=%" PRIu64
            " refused=%" PRIu64 " stray=%" PRIu64 "\n",
            stats->sent, stats->delivered, stats->lost, stats->duplicated,
            self->under_way, self->overflow, self->refused, self->stray);
}

static bool
s_set_link (relay_t *self, char *words)
{
    static const char *const names[] = {"delay",     "jitter",  "loss",
                                        "duplicate", "reorder", "reorderBy"};
    enum { DELAY, JITTER, LOSS, DUPLICATE, REORDER, REORDER_BY, NAMES };
    double values[NAMES] = {0};
    char *rest;
    for (char *word = strtok_r (words, " ", &rest); word;
         word = strtok_r (NULL, " ", &rest)) {
        char *equals = strchr (word, '='), *end;
        if (!equals)
            return false;
        *equals = '\0';
        size_t i = 0;
        while (i < NAMES && strcmp (names[i], word) != 0)
            i++;
        if (i == NAMES)
            return false;
        values[i] = strtod (equals + 1, &end);
        if (end == equals + 1 || *end || !(values[i] >= 0))
            return false;
    }
    if (values[JITTER] > values[DELAY])
        return false;
    sim_link_t link = {.delay_us =
                           (int64_t)((values[DELAY] - values[JITTER]) * SIM_MS),
                       .jitter_us = (int64_t)(2 * values[JITTER] * SIM_MS),
                       .loss = values[LOSS],
                       .duplicate = values[DUPLICATE],
                       .reorder = values[REORDER],
                       .reorder_us = (int64_t)(values[REORDER_BY] * SIM_MS)};
    sim_net_set_link (self->net, &link);
    return true;
}

static void
s_on_command (relay_t *self, char *line)
{
    if (strcmp (line, "counts") == 0)
        s_print_counts (self);
    else if (strncmp (line, "link ", 5) == 0 && s_set_link (self, line + 5))
        printf ("ok\n");
    else
        printf ("error \"%s\" is no command, or its values are not allowed\n",
                line);
    fflush (stdout);
}

/*  False: the input ended.                                                   */
static bool
s_read_commands (relay_t *self)
{
    static char text[1024];
    static size_t used;
    ssize_t size = read (STDIN_FILENO, text + used, sizeof text - 1 - used);
    if (size <= 0)
        return false;
    used += (size_t)size;
    char *end;
    while ((end = memchr (text, '\n', used))) {
        *end = '\0';
        s_on_command (self, text);
        used -= (size_t)(end + 1 - text);
        memmove (text, end + 1, used);
    }
    return used < sizeof text - 1;
}

/* ------------------------------------------------------------------------ */

static void
s_serve (relay_t *self)
{
    struct pollfd fds[NODES_MAX + 1] = {
        [0] = {.fd = STDIN_FILENO, .events = POLLIN}};
    for (size_t i = 0; i < self->count; i++)
        fds[i + 1] = (struct pollfd){.fd = self->tuns[i], .events = POLLIN};
    for (;;) {
        /* A millisecond is little beside what the network is made to take. */
        int timeout_ms = self->under_way ? 1 : -1;
        int ready = poll (fds, (nfds_t)self->count + 1, timeout_ms);
        if (ready < 0 && errno != EINTR)
            return;
        s_run (self);
        for (size_t i = 0; i < self->count; i++)
            if (fds[i + 1].revents)
                s_read_packets (self, i);
        s_run (self); /* what has no delay at all */
        if (fds[0].revents && !s_read_commands (self))
            return;
    }
}

int
main (int argc, char **argv)
{
    relay_t self = {.count = argc > 1 ? strtoul (argv[1], NULL, 10) : 0};
    int namespaces[NODES_MAX];
    if (self.count < 2 || self.count > NODES_MAX) {
        fprintf (stderr, "usage: relay NODES (2 to %d)\n", NODES_MAX);
        return 2;
    }
    signal (SIGPIPE, SIG_IGN); /* the counts of one whose reader is gone */
    s_open_namespaces (&self, namespaces);
    const char *text = getenv ("COVEY_SEED");
    uint64_t seed = text ? strtoull (text, NULL, 0) : covey_clock_seed ();
    sim_callbacks_t callbacks = {
        .arg = &self, .deliver = s_on_deliver, .release = s_on_release};
    self.net = sim_net_new (self.count, seed, &callbacks);
    sim_net_set_link (self.net, &(sim_link_t){0});
    self.start_ns = covey_clock_mono_ns ();
    printf ("ready %" PRIu64 " %d", seed, (int)getpid ());
    for (size_t i = 0; i < self.count; i++)
        printf (" %d", namespaces[i]);
    printf ("\n");
    fflush (stdout);
    s_serve (&self);
    s_print_counts (&self);
    sim_net_destroy (&self.net);
    return 0;
}
