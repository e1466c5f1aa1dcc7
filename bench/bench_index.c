/*  Ordered containers of the control plane over keys as clients choose them:
    tree.h, where each item is a node, and index.h. Each client counts its own
    keys up, all clients in turn; then all are looked up and taken out in an
    order that has nothing to do with that.                                   */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/prng.h"
#include "bench/bench.h"
#include "coordinator/index.h"
#include "coordinator/tree.h"

#define CLIENTS 64

typedef struct {
    covey_link_t link;
    char key[24];
    char rest[200]; /* what else an entry of the shared memory has            */
} s_item_t;

static int
s_by_key (const void *a, const void *b)
{
    return strcmp (((const s_item_t *)a)->key, ((const s_item_t *)b)->key);
}

static int
s_key_item (const void *key, const void *item)
{
    return strcmp (key, ((const s_item_t *)item)->key);
}

/*  CPU time: other work on the machine does not count.                      */
static void
s_print (const char *kind, size_t count, const char *what, double start_us)
{
    char name[64];
    snprintf (name, sizeof name, "index.%s.%zu.%s", kind, count, what);
    bench_print (name,
                 (bench_cpu_us (getpid ()) - start_us) * 1e3 / (double)count,
                 "ns");
}

static void
s_tree (s_item_t **made, s_item_t **shuffled, size_t count)
{
    covey_tree_t tree;
    covey_tree_init (&tree, offsetof (s_item_t, link), s_by_key);
    double start_us = bench_cpu_us (getpid ());
    for (size_t i = 0; i < count; i++)
        covey_tree_insert (&tree, made[i]);
    s_print ("tree", count, "insert", start_us);
    start_us = bench_cpu_us (getpid ());
    for (size_t i = 0; i < count; i++)
        if (!covey_tree_find (&tree, shuffled[i]->key, s_key_item))
            bench_die ("tree", "a key is not there");
    s_print ("tree", count, "find", start_us);
    start_us = bench_cpu_us (getpid ());
    for (size_t i = 0; i < count; i++)
        covey_tree_remove (&tree, shuffled[i]);
    s_print ("tree", count, "remove", start_us);
}

static void
s_index (s_item_t **made, s_item_t **shuffled, size_t count)
{
    covey_index_t index;
    covey_index_init (&index, offsetof (s_item_t, key));
    double start_us = bench_cpu_us (getpid ());
    for (size_t i = 0; i < count; i++)
        covey_index_insert (&index, made[i]);
    s_print ("index", count, "insert", start_us);
    start_us = bench_cpu_us (getpid ());
    for (size_t i = 0; i < count; i++)
        if (covey_index_from (&index, shuffled[i]->key) != shuffled[i])
            bench_die ("index", "a key is not there");
    s_print ("index", count, "find", start_us);
    start_us = bench_cpu_us (getpid ());
    for (size_t i = 0; i < count; i++)
        covey_index_remove (&index, shuffled[i]);
    s_print ("index", count, "remove", start_us);
}

static void
s_measure (size_t count)
{
    s_item_t **made = covey_mem_new (count * sizeof *made);
    s_item_t **shuffled = covey_mem_new (count * sizeof *shuffled);
    covey_prng_t prng;
    covey_prng_init (&prng, 1);
    for (size_t i = 0; i < count; i++) {
        made[i] = covey_mem_new (sizeof **made);
        snprintf (made[i]->key, sizeof made[i]->key, "bench/%03zu/%08zu",
                  i % CLIENTS, i / CLIENTS);
        size_t other = (size_t)covey_prng_below (&prng, i + 1);
        shuffled[i] = shuffled[other];
        shuffled[other] = made[i];
    }
    s_tree (made, shuffled, count);
    s_index (made, shuffled, count);
    for (size_t i = 0; i < count; i++)
        free (made[i]);
    free (made);
    free (shuffled);
}

int
main (void)
{
    s_measure (1000);
    s_measure (40000);
    s_measure (1000000);
    return 0;
}
