#!/bin/bash
# Nodes as processes: who dies, who sleeps, who is started again without a word
# of joining, who belongs to another mesh. With the times of a real network.
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1

# at SESSION COMMAND...
at() {
    local session=$1
    shift
    COVEY_ENDPOINT=$session "$covey" "$@"
}

# of SESSION NAME KEY: what that node says of the one with the name
of() {
    at "$1" nodes --json 2>/dev/null | python3 -c '
import json, sys
for node in map(json.loads, sys.stdin):
    if node["name"] == sys.argv[1]:
        print(node.get(sys.argv[2], ""))' "$2" "$3"
}
node() { start_node "$@" --log-level warn; }
is_of() { equal "$(of "$1" "$2" "$3")" "$4"; }
grew() { [ "$(of "$1" "$2" incarnation)" -gt 1 ]; }
counted() { [ "$(at "$1" status --json | field "counters.$2")" -ge "$3" ]; }
stored() { equal "$(at "$s1" events --type "$1" --json | wc -l)" "$2"; }

node one
s1=$node_session first=$node_endpoint
node two --join "$first"
s2=$node_session two=$node_pid
node three --join "$first"
three=$node_pid
for name in one two three; do
    check "one sees $name" until_true 20 is_of "$s1" $name state alive
    check "two sees $name" until_true 20 is_of "$s2" $name state alive
done
check "each joining is announced once" until_true 20 stored node:joined 2

# ---- killed
began=${EPOCHREALTIME/./}
kill -9 "$three"
wait "$three" 2>/dev/null
check "one knows that three failed" until_true 20 is_of "$s1" three state failed
check "two knows that three failed" until_true 20 is_of "$s2" three state failed
echo "        failed everywhere $(((${EPOCHREALTIME/./} - began) / 1000)) ms after kill -9"
check "it says by whom" matches "$(of "$s1" three accuser)" '*-*-*-*-*'
check "and at what health" matches "$(of "$s1" three accuserHealth)" '[0-9]'
check "one event says so" until_true 20 stored node:failed 1

# ---- asleep
kill -STOP "$two"
check "a node that sleeps is suspected" until_true 30 counted "$s1" suspicions 2
check "then failed" until_true 30 is_of "$s1" two state failed
kill -CONT "$two"
check "and is back when it wakes" until_true 30 is_of "$s1" two state alive
check "because it refuted" grew "$s1" two
check "as it knows itself" until_true 20 counted "$s2" refutations 1
check "that was a false alarm" counted "$s1" falseAlarms 1
check "they say that it is back" until_true 20 stored node:recovered 1

# ---- started again, joining nobody
known() { grep -qxF "$first" "$dir/two/peers"; }
check "two wrote down whom it met" until_true 20 known
stop "$two"
check "leaving is not failing" until_true 20 is_of "$s1" two state left
check "and is announced once" until_true 20 stored node:left 1
node two
s2=$node_session two=$node_pid
check "two finds one again" until_true 20 is_of "$s2" one state alive
check "one sees two again" until_true 20 is_of "$s1" two state alive
check "two is a spare coordinator, and no second persister" is_of "$s2" two roles "['coordinator']"
stop "$two"
echo "garbage" >"$dir/two/peers"
node two --roles none
s2=$node_session
check "a damaged file is ignored" is_of "$s2" two state alive
check "with one line" equal "$(grep -c 'peers_file_ignored.*line 1' "$dir/two.log")" 1
check "and nobody is met" is_of "$s2" one state ""

# ---- another mesh
node foreign --mesh other --join "$first" --roles none
check "the one counts the refusal" until_true 20 counted "$s1" hellosRefused 1
check "the other, too" until_true 20 counted "$node_session" hellosRefusedByPeers 1
check "the one says why" until_true 20 grep -q 'peer_refused.*node of mesh .*other.* cannot join mesh .*covey' "$dir/one.log"
check "the other, too" until_true 20 grep -q 'refused_by_peer.*node of mesh .*other.* cannot join mesh .*covey' "$dir/foreign.log"
check "it is not among the nodes" is_of "$s1" foreign state ""
finish
