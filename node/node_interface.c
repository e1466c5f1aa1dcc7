/*  The addresses of this host.                                              */
#include "node/interface.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"

#define LOOPBACK_BROADCAST "127.255.255.255"

static void
s_write_ipv4 (char to[COVEY_IPV4_SIZE], const struct sockaddr *from)
{
    struct sockaddr_in address;
    memcpy (&address, from, sizeof address);
    if (!inet_ntop (AF_INET, &address.sin_addr, to, COVEY_IPV4_SIZE))
        to[0] = '\0';
}

size_t
covey_interface_list (covey_interface_t list[COVEY_INTERFACES_MAX])
{
    struct ifaddrs *all = NULL;
    size_t count = 0;
    if (getifaddrs (&all) != 0)
        return 0;
    for (const struct ifaddrs *at = all; at && count < COVEY_INTERFACES_MAX;
         at = at->ifa_next) {
        if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET ||
            !(at->ifa_flags & IFF_UP))
            continue;
        covey_interface_t *one = &list[count++];
        *one = (covey_interface_t){.index = (int)if_nametoindex (at->ifa_name),
                                   .is_loopback =
                                       (at->ifa_flags & IFF_LOOPBACK) != 0};
        covey_str_copy (one->name, sizeof one->name, at->ifa_name);
        s_write_ipv4 (one->address, at->ifa_addr);
        if (one->is_loopback) /* it has a broadcast address, and does not say */
            covey_str_copy (one->broadcast, sizeof one->broadcast,
                            LOOPBACK_BROADCAST);
        else if ((at->ifa_flags & IFF_BROADCAST) && at->ifa_broadaddr)
            s_write_ipv4 (one->broadcast, at->ifa_broadaddr);
    }
    freeifaddrs (all);
    return count;
}
