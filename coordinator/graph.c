#include "coordinator/graph.h"

#include <stdlib.h>

#include "base/mem.h"

/*  Every node that is left waits for one that is left: follow that until a node
    comes back.                                                               */
static void
s_cycle (size_t count, const covey_graph_edge_t *edges, size_t edge_count,
         const size_t *waits, size_t *order, size_t *cycle_p)
{
    size_t *next = covey_mem_new (count * sizeof *next);
    size_t *place = covey_mem_new (count * sizeof *place); /* 0: not yet */
    size_t at = 0;
    for (size_t i = edge_count; i; i--)
        if (waits[edges[i - 1].waiter] && waits[edges[i - 1].on])
            next[edges[i - 1].waiter] = edges[i - 1].on;
    while (!waits[at])
        at++;
    size_t steps = 0;
    for (; !place[at]; at = next[at])
        place[at] = ++steps;
    size_t first = at, size = 0;
    do {
        order[size++] = at;
        at = next[at];
    } while (at != first);
    *cycle_p = size;
    free (place);
    free (next);
}

bool
covey_graph_sort (size_t count, const covey_graph_edge_t *edges,
                  size_t edge_count, size_t *order, size_t *cycle_p)
{
    /* edges by what they wait for: the ones of `on` begin at first[on] */
    size_t *waits = covey_mem_new (count * sizeof *waits);
    size_t *first = covey_mem_new ((count + 2) * sizeof *first);
    size_t *waiters = covey_mem_new (edge_count * sizeof *waiters);
    for (size_t i = 0; i < edge_count; i++) {
        waits[edges[i].waiter]++;
        first[edges[i].on + 2]++;
    }
    for (size_t i = 2; i < count + 2; i++)
        first[i] += first[i - 1];
    for (size_t i = 0; i < edge_count; i++)
        waiters[first[edges[i].on + 1]++] = edges[i].waiter;
    size_t done = 0, sorted = 0;
    for (size_t i = 0; i < count; i++)
        if (!waits[i])
            order[sorted++] = i;
    for (; done < sorted; done++) {
        size_t on = order[done];
        for (size_t i = first[on]; i < first[on + 1]; i++)
            if (--waits[waiters[i]] == 0)
                order[sorted++] = waiters[i];
    }
    if (sorted < count)
        s_cycle (count, edges, edge_count, waits, order, cycle_p);
    free (waiters);
    free (first);
    free (waits);
    return sorted == count;
}
