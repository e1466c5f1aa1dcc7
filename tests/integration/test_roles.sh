#!/bin/bash
# Two persisters: one is in charge; when it is killed the other takes over, and
# what was published meanwhile is stored there. One that stood still meanwhile
# acknowledges nothing any more. What both have stored can be read.
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
topics_in() { # DIR: of broadcasts in that journal
    "$covey" events --journal "$1" --type broadcast --json | python3 -c '
import json, sys
print(*[json.loads(line)["data"]["topic"] for line in sys.stdin])'
}
publish() { # TOPIC: stored, or not within 30 s
    echo "{\"type\":\"broadcast\",\"data\":{\"topic\":\"$1\",\"content\":1,\"scope\":\"global\"}}" |
        at "$s1" publish --wait stored --timeout 30s --json
}

start_node one --roles coordinator
one=$node_pid
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
two=$node_pid two_endpoint=$node_endpoint
check "two is back and stands by" until_true 30 holds "three \['two'\] [0-9]*"
check "three is in charge still" until_true 30 primary_is three
check "events are stored" publish after
check "both journals can be read: two's" matches "$(topics_in "$dir/two")" 'before*'
check "and three's" matches "$(topics_in "$dir/three")" 'meanwhile after'

# it stands still for longer than its lease, and then finds that it was replaced
kill -STOP "$three"
check "what is published then is stored" publish still
check "by two" until_true 30 primary_is two
kill -CONT "$three"
check "three stands by" until_true 30 holds "two \['three'\] [0-9]*"
check "two is in charge still" until_true 30 primary_is two
check "three acknowledged nothing more" matches "$(topics_in "$dir/three")" 'meanwhile after'

# a coordinator that is away for a while costs nobody the role
epoch=$(holder | sed 's/.* //')
kill -KILL "$one"
wait "$one" 2>/dev/null
start_node one --roles coordinator --join "$two_endpoint"
s1=$node_session
check "the role stays where it was" until_true 30 holds "two \['three'\] $epoch"
check "and events are stored" publish away

# a goodbye hands over at once
stop "$two"
check "three takes over" until_true 30 holds 'three \[\] [0-9]*'
check "and stores" publish last
finish
