/*  support_proxy - connections that break and stand still, on loopback

    Role      forwards what comes to HOST:PORT to 127.0.0.1:PORT; each
              connection is cut after a random time, half of the cuts with a
              reset that takes along what was under way; now and then one
              stands still for a while. All of it drawn from one seed
    Threads   one of its own
    Limits    PROXY_LINES_MAX connections at a time

    A node that listens on 127.0.0.1 and advertises another loopback address is
    reached through the proxy by all others.
*/
#ifndef SUPPORT_PROXY_H_INCLUDED
#define SUPPORT_PROXY_H_INCLUDED

#include <stddef.h>
#include <stdint.h>

typedef struct support_proxy support_proxy_t;

support_proxy_t *support_proxy_new (uint64_t seed);
void support_proxy_destroy (support_proxy_t **self_p);

/*  Before start: one more port, any that is free, which it returns.         */
int support_proxy_listen (support_proxy_t *self, const char *host);
void support_proxy_start (support_proxy_t *self);
/*  So far.                                                                  */
size_t support_proxy_cuts (support_proxy_t *self);
size_t support_proxy_stalls (support_proxy_t *self);
/*  From now on it only forwards.                                            */
void support_proxy_calm (support_proxy_t *self);

#endif
