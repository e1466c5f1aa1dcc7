/*  graph: orders that can run, and cycles that are cycles                    */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "coordinator/graph.h"

#define NODES 40
#define EDGES 120

static void
test_an_order_is_kept_and_a_cycle_is_named (void **state)
{
    (void)state;
    const covey_graph_edge_t edges[] = {{0, 2}, {2, 3}, {1, 3}, {3, 4}};
    size_t order[5], cycle = 0;
    assert_true (covey_graph_sort (5, edges, 4, order, &cycle));
    const size_t wanted[] = {4, 3, 2, 1, 0};
    assert_memory_equal (order, wanted, sizeof wanted);
    const covey_graph_edge_t loop[] = {{0, 1}, {1, 2}, {2, 3}, {3, 1}, {4, 0}};
    assert_false (covey_graph_sort (5, loop, 5, order, &cycle));
    assert_int_equal (cycle, 3);
    const size_t round[] = {1, 2, 3};
    assert_memory_equal (order, round, sizeof round);
    const covey_graph_edge_t self[] = {{2, 2}};
    assert_false (covey_graph_sort (3, self, 1, order, &cycle));
    assert_int_equal (cycle, 1);
    assert_int_equal (order[0], 2);
    assert_true (covey_graph_sort (0, NULL, 0, order, &cycle));
}

static int
s_has (const covey_graph_edge_t *edges, size_t waiter, size_t on)
{
    for (size_t i = 0; i < EDGES; i++)
        if (edges[i].waiter == waiter && edges[i].on == on)
            return 1;
    return 0;
}

static void
test_random_graphs (void **state)
{
    (void)state;
    size_t sorted = 0;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        covey_prng_t prng;
        covey_graph_edge_t edges[EDGES];
        size_t order[NODES], place[NODES], cycle = 0;
        covey_prng_init (&prng, seed);
        for (size_t i = 0; i < EDGES; i++) {
            size_t a = covey_prng_below (&prng, NODES);
            size_t b = covey_prng_below (&prng, NODES);
            bool back = seed % 2 && covey_prng_below (&prng, 60) == 0;
            edges[i] = (a > b) != back ? (covey_graph_edge_t){a, b}
                                       : (covey_graph_edge_t){b, a};
            if (a == b)
                edges[i] = (covey_graph_edge_t){1, 0};
        }
        if (covey_graph_sort (NODES, edges, EDGES, order, &cycle)) {
            sorted++;
            for (size_t i = 0; i < NODES; i++)
                place[order[i]] = i;
            for (size_t i = 0; i < EDGES; i++)
                assert_true (place[edges[i].waiter] > place[edges[i].on]);
            continue;
        }
        assert_true (seed % 2 && cycle >= 1);
        for (size_t i = 0; i < cycle; i++)
            assert_true (s_has (edges, order[i], order[(i + 1) % cycle]));
    }
    assert_in_range (sorted, 1000, 1999);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_an_order_is_kept_and_a_cycle_is_named),
        cmocka_unit_test (test_random_graphs),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
