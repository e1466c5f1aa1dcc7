/*  graph - an order in which tasks that wait for each other can run

    Role      pure; Kahn's algorithm (1962), linear in nodes and edges
    Order     the first in the list that can go goes first, so that the same
              graph gives the same order
*/
#ifndef COVEY_GRAPH_H_INCLUDED
#define COVEY_GRAPH_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    size_t waiter; /* waits for `on`                                          */
    size_t on;
} covey_graph_edge_t;

/*  `order` gets all nodes, each behind those that it waits for. False: there is
    a cycle; `order` then begins with its nodes, each waiting for the next and
    the last for the first, and `*cycle_p` is their number.                   */
bool covey_graph_sort (size_t count, const covey_graph_edge_t *edges,
                       size_t edge_count, size_t *order, size_t *cycle_p);

#endif
