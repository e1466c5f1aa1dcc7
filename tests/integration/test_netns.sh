# Five nodes in five network namespaces with a bad network between them: 2 %
# loss, 30 ms +/- 10 ms delay, a partition, a node that stands still, a cut in
# one direction. Nothing targeted is lost, comes twice or out of order; every
# broadcast comes or is announced as lost.
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1
. "$COVEY_SOURCE/tests/support/netns.sh"
nodes="1 2 3 4 5"
partition_s=${COVEY_PARTITION_S:-20} pause_s=${COVEY_PAUSE_S:-10}
period_ms=20 # between two events of one agent to another, at least
least=20     # events per second in all: with less the run shows nothing

lasts() { # SECONDS: how long a fault is, by design
    read -r -t "$1" <>"$dir/never"
}
phase() { echo "[$((SECONDS - began)) s] $*"; }

netns_open 5
netns_link delay=30 jitter=10 loss=0.02
began=$SECONDS
netns_mesh $nodes

# load PHASE: the run is invalid without traffic
load() {
    local now=$SECONDS count rate
    count=$(netns_count)
    rate=$(((count - count_before) / (now > time_before ? now - time_before : 1)))
    phase "$1: $rate targeted events/s"
    check "traffic while $1 (else the run shows nothing)" test $rate -ge $least
    count_before=$count time_before=$now
}
count_before=0 time_before=$SECONDS
netns_traffic $period_ms
check "traffic starts" until_true 20 netns_received 500
load "the network is only bad"

for a in 1 2; do for b in 3 4 5; do netns_cut $a $b; netns_cut $b $a; done; done
lasts "$partition_s"
load "1 and 2 are cut off from 3, 4 and 5"
netns_heal
check "one mesh again after the partition" until_true 30 netns_whole
phase "healed"

kill -STOP "${node_pid[3]}"
lasts "$pause_s"
load "node 3 stands still"
kill -CONT "${node_pid[3]}"
check "one mesh again after the pause" until_true 30 netns_whole
phase "node 3 goes on"

netns_cut 4 2
netns_cut 4 1
lasts $((partition_s / 3))
load "1 and 2 do not hear 4"
netns_heal
check "one mesh again after the one-way cut" until_true 30 netns_whole
phase "healed"

netns_check
phase "done"
finish
