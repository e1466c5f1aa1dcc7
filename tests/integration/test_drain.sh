#!/bin/bash
# covey drain between real processes: what it prints, what its exit status is,
# and that the node's process ends by itself.
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1

at() {
    local session=$1
    shift
    COVEY_ENDPOINT=$session "$covey" "$@"
}
id_of() { at "$s1" nodes --json | python3 -c '
import json, sys
for node in map(json.loads, sys.stdin):
    if node["name"] == sys.argv[1]:
        print(node["id"])' "$1"; }
is_of() { at "$s1" nodes --json | grep "\"name\":\"$1\"" | grep -q "\"state\":\"$2\""; }
has() { at "$s1" agents --json | grep -q "\"id\":\"$1\""; }
started() { [ -e "$dir/started" ]; }
ended() { ! kill -0 "$1"; }
# drained CODE SESSION [args]: its output stays in $dir/drained
drained() {
    local code=$1 session=$2
    shift 2
    at "$session" drain "$@" >"$dir/drained" 2>&1
    equal $? "$code"
}

start_node one
s1=$node_session first=$node_endpoint
start_node two --roles none --join "$first"
s2=$node_session two=$node_pid
start_node three --roles none --join "$first"
three=$node_pid
for name in two three; do
    check "one knows $name" until_true 30 is_of $name alive
done

check "a node that is not there" drained 1 "$s1" nobody
check "says so" matches "$(cat "$dir/drained")" '*nobody: no node*covey nodes*'
check "a time that is none" drained 2 "$s1" two --timeout soon

# ---- with a task that ends in time
# An agent's command waits for $dir/go, a minute at most.
until_go="timeout --foreground 60 sh -c 'until [ -e $dir/go ]; do sleep 0.1; done'"
COVEY_ENDPOINT=$s2 "$covey" agent run --id worker --type shell -- \
    sh -c "touch '$dir/started'; $until_go; cat" 2>"$dir/worker.err" &
worker=$!
pids="$pids $worker"
check "the worker is there" until_true 30 has worker
task=$(at "$s1" task submit --type shell --agent-type shell --input '"x"' --json | field id)
check "it is at work" until_true 30 started
{ drained 0 "$s1" two --timeout 60000 && touch "$dir/was_drained"; } &
drain=$!
check "the agent is told" until_true 30 grep -q "draining" "$dir/worker.err"
check "others are refused" until_true 30 sh -c \
    "COVEY_ENDPOINT='$s2' '$covey' agent run --id late --type shell --timeout 300 -- cat 2>&1 | grep -q 'is draining'"
touch "$dir/go"
wait "$drain"
check "the drain ends well" test -e "$dir/was_drained"
check "and says what was done" matches "$(cat "$dir/drained")" 'node two leaves: 1 events finished, 0 left*'
wait "$two"
check "its process ends with 0" equal $? 0
check "the task is done" until_true 30 sh -c \
    "COVEY_ENDPOINT='$s1' '$covey' task show $task --json | grep -q '\"state\":\"completed\"'"
check "others know that it left" until_true 30 is_of two left
kill -TERM "$worker" 2>/dev/null

# ---- with one that does not, by id and with its own session
rm "$dir/go" "$dir/started"
COVEY_DATA=$node_data COVEY_ENDPOINT='' "$covey" agent run --data "$node_data" --id stuck --type mud -- \
    sh -c "touch '$dir/started'; $until_go" 2>/dev/null &
pids="$pids $!"
check "the stuck one is there" until_true 30 has stuck
at "$s1" task submit --type mud --agent-type mud --json >/dev/null
check "and at work" until_true 30 started
check "what is left makes it fail" drained 1 "$s1" "$(id_of three)" --timeout 300 --json
check "and is counted" equal "$(field unfinished <"$dir/drained")" 1
wait "$three"
check "the node leaves all the same, with 0" equal $? 0
touch "$dir/go"

# ---- itself
check "the node that is asked" drained 0 "$s1"
finish
