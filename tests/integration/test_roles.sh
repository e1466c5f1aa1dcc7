#!/bin/bash
# Two persisters: one is in charge; when it is killed the other takes over, and
# what was published meanwhile is stored there.
# shellcheck disable=SC2154,SC2317 # set by tests/support/support.sh; called by name
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1

at() {
    local session=$1
    shift
    COVEY_ENDPOINT=$session "$covey" "$@"
}
status_of() { at "$s1" status --json --timeout 2s | field "$1"; }
holder() { at "$s1" roles --json --timeout 2s | python3 -c '
import json, sys
for role in map(json.loads, sys.stdin):
    if role["role"] == "persister":
        print(role["name"], [s["name"] for s in role.get("standbys", [])], role["epoch"])'; }
holds() { matches "$(holder)" "$1"; }
primary_is() { [ "$(status_of persister.primary)" = "$1" ]; }
publish() { # TOPIC: stored, or not within 30 s
    echo "{\"type\":\"broadcast\",\"data\":{\"topic\":\"$1\",\"content\":1,\"scope\":\"global\"}}" |
        at "$s1" publish --wait stored --timeout 30s --json
}

start_node one --roles coordinator
s1=$node_session join=$node_endpoint
start_node two --roles persister --join "$join"
two=$node_pid
check "two is in charge" until_true 30 holds 'two \[\] [0-9]*'
start_node three --roles persister --join "$join"
three=$node_pid
check "three stands by" until_true 30 holds "two \['three'\] [0-9]*"
epoch=$(holder | sed 's/.* //')
check "status says so" until_true 30 primary_is two
check "an event is stored" publish before
check "by two" [ "$(status_of persister.epoch)" = "$epoch" ]

kill -KILL "$two"
wait "$two" 2>/dev/null
check "what is published meanwhile is stored" publish meanwhile
check "by three" until_true 30 primary_is three
check "under a larger epoch" [ "$(holder | sed 's/.* //')" -gt "$epoch" ]
check "it is in its journal" matches "$(at "$s1" events --type broadcast --json | tr '\n' ' ')" '*meanwhile*'

start_node two --roles persister --join "$join"
check "two is back and stands by" until_true 30 holds "three \['two'\] [0-9]*"
check "three is in charge still" until_true 30 primary_is three
check "events are stored" publish after
# a goodbye hands over at once
stop "$three"
check "two takes over" until_true 30 holds 'two \[\] [0-9]*'
check "and stores" publish last
finish
