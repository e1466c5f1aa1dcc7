# Four nodes in network namespaces with a bad network; one is killed and started
# anew at once, another one after all gave it up. What does not concern their
# agents is not touched by it: nothing lost, twice or out of order. What does
# may have been in the memory of the node that died; it comes once at most.
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1
. "$COVEY_SOURCE/tests/support/netns.sh"
nodes="1 2 3 4"

netns_open 4
netns_link delay=10 jitter=5 loss=0.01 duplicate=0.01
netns_mesh $nodes
netns_traffic 20
check "traffic starts" until_true 20 netns_received 400

kill -KILL "${node_pid[2]}"
wait "${node_pid[2]}" 2>/dev/null
netns_node 2
check "one mesh again after a quick restart" until_true 30 netns_whole

kill -KILL "${node_pid[3]}"
wait "${node_pid[3]}" 2>/dev/null
given_up() { every_node 1 2 4 -- nodes.failed 1; }
check "all give up a node that stays away" until_true 40 given_up
netns_node 3
check "one mesh again after a late restart" until_true 30 netns_whole
before=$(netns_count)
check "and traffic goes on" until_true 20 netns_received $((before + 400))

netns_check --unsure agent2 --unsure agent3
finish
