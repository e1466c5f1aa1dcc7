#!/bin/bash
# covey agent run hears that its task is to be paused or cancelled, ends its
# command, gives the task back, and the next attempt knows how far it was.
# shellcheck disable=SC2154,SC2016 # set by tests/support/support.sh; for an inner shell
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1

start_node node
export COVEY_ENDPOINT=$node_session dir

# agent TYPE [options] -- COMMAND...: in the background
agent() {
    "$covey" agent run --id "$1" --type "$1" "${@:2}" >"$dir/$1.log" 2>&1 &
    pids="$pids $!"
}
submit() { "$covey" task submit --type "$1" --agent-type "$1" --json "${@:2}" | field id; }
shown() { "$covey" task show "$1" --json | field "$2"; }
shows() { equal "$(shown "$1" "$2")" "$3"; }

# ---- pause: SIGTERM, details, yield, and on from there ------------------------
# It notes that SIGTERM came, and says where it was.
agent polite -- sh -c 'echo "[$COVEY_TASK_DETAILS]" >>"$dir/began"
    [ -n "$COVEY_TASK_DETAILS" ] && { echo "went on"; exit 0; }
    trap "echo term >>$dir/signals; echo %details {\\\"page\\\":7} >&2; exit 1" TERM
    echo "%details {\"page\":3}" >&2
    : >"$dir/runs"; for _ in $(seq 1200); do sleep 0.05; done'
id=$(submit polite)
check "it runs" until_true 30 test -e "$dir/runs"
check "its details are reported at once" until_true 30 shows "$id" details.page 3
check "pause" "$covey" task pause "$id"
check "paused" until_true 30 shows "$id" state paused
check "its command got SIGTERM" equal "$(cat "$dir/signals")" term
check "with its last word" shows "$id" details.page 7
check "it did not fail" shows "$id" error ''
check "resume" "$covey" task resume "$id"
check "it is completed" until_true 30 shows "$id" state completed
check "by what went on" shows "$id" result 'went on'
check "the details came to the second attempt only" equal "$(cat "$dir/began")" '[]
[{"page":7}]'

# ---- a command that is done anyway ----------------------------------------------
agent done -- sh -c 'trap "echo all of it; exit 0" TERM
    : >"$dir/done"; for _ in $(seq 1200); do sleep 0.05; done'
id=$(submit done)
until_true 30 test -e "$dir/done"
"$covey" task cancel "$id" --grace 1m >/dev/null
check "exit status 0 completes it even so" until_true 30 shows "$id" state completed

# ---- cancel with a grace ----------------------------------------------------------
agent deaf --stop-grace 300ms -- sh -c 'trap "" TERM; : >"$dir/deaf"; for _ in $(seq 1200); do sleep 0.05; done'
id=$(submit deaf --lease 1s)
until_true 30 test -e "$dir/deaf"
check "cancel" "$covey" task cancel "$id" --grace 10m
check "SIGKILL ends who does not hear, and it is cancelled" until_true 30 shows "$id" state cancelled
rm "$dir/deaf"
id=$(submit deaf)
check "the agent has its slot back" until_true 30 test -e "$dir/deaf"
"$covey" task cancel "$id" >/dev/null

check "a wrong grace" matches "$("$covey" agent run --id a --type t --stop-grace -1 -- true 2>&1)" '*--stop-grace*'

finish
