#!/bin/bash
# A coordinator and nobody who stores: when the outbox is full, questions are
# answered, commands are refused in a line that says why, and leases are renewed.
# When a persister comes it goes on by itself, and all facts are in the journal.
# shellcheck disable=SC2154,SC2317 # set by tests/support/support.sh; called by name
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1

at() { COVEY_ENDPOINT=$node_one "$covey" "$@"; }
tasks() { # FROM TO: a batch
    seq -s, -f '{"taskId":"t%.0f","taskType":"x","requiredCapabilities":["nobody"]}' "$1" "$2" | sed 's/.*/[&]/'
}
tries=0
is_refused() {
    tries=$((tries + 1))
    ! at task submit --type x --id "extra$tries" --timeout 5s 2>"$dir/refusal" && grep -q 'no persister' "$dir/refusal"
}
says() { at request coordinator mesh.coordinator '{}' --timeout 5s | field "$1"; }
is_above() { [ "$(says "$1")" -gt "$2" ]; }
stored() { # how many tasks the journal has
    "$covey" events --journal "$dir/two" --type task:submitted --limit 0 --json |
        python3 -c 'import json, sys; print(len({json.loads(line)["data"]["taskId"] for line in sys.stdin}))'
}
stored_are() { [ "$(stored)" = "$1" ]; }

start_node one --roles coordinator --outbox-events 64
node_one=$node_session join=$node_endpoint
mkfifo "$dir/go"
at claim acquire --name branch:main --ttl 6s -- sh -c "read -r _ <'$dir/go'" >"$dir/claim.log" 2>&1 &
claim=$!
is_held() { matches "$(at claim list --state held --json)" '*branch:main*'; }
check "a claim is held" until_true 20 is_held
check "tasks are taken" at task batch - < <(tasks 1 700)
check "more of them" at task batch - < <(tasks 701 1400)
check "a command is refused, and why" until_true 30 is_refused
check "in one line" equal "$(wc -l <"$dir/refusal")" 1
check "which says what to do" grep -q 'start a node with --roles persister' "$dir/refusal"
check "questions are answered" matches "$(at task show t1400 --json --timeout 5s)" '*"t1400"*'
check "lists, too" equal "$(at task list --limit 5 --json --timeout 5s | wc -l)" 5
check "what was refused is not there" matches "$(at task show "extra$tries" 2>&1)" '*no task*'
check "refusals are counted" is_above refusedFacts 0
check "nothing was dropped" equal "$(says factsDropped)" 0
check "claims are renewed" is_held

start_node two --roles persister --join "$join"
check "commands are taken again" until_true 30 at task submit --type x --id last --timeout 5s
check "all that was decided is in the journal" until_true 30 stored_are $((1400 + tries))
echo >"$dir/go"
check "the claim was held all the time" wait "$claim"
check "nothing was dropped at all" equal "$(says factsDropped)" 0
finish
