#!/bin/bash
# What clients see of coordinators that change: requests that wait for nobody
# (covey_agent_ask), a watch of the shared memory and the commands, while the
# leader is killed, a spare takes a lost one's place, a leader is drained, one
# that comes late gets a snapshot, and no majority is left.
# shellcheck disable=SC2154 # set by tests/support/mesh.sh
. "${COVEY_SOURCE:?is set by ctest}/tests/support/mesh.sh"
set -u
support_until_s=120 # the machine may be busy
declare -A pid data endpoint
mesh=failover-$$

node() { # name, options: with the folder that it had before
    local name=$1
    shift
    support_up "$name" --mesh "$mesh" --replace-after 2s "$@" || support_end
    pid[$name]=$up_pid data[$name]=$up_data endpoint[$name]=$up_endpoint session=$up_session
}
die() {
    kill -KILL "${pid[$1]}"
    wait "${pid[$1]}" 2>/dev/null
}
member() { # of the coordinator's status at a node, of what it knows itself
    covey request coordinator mesh.coordinator '{}' --data "${data[$1]}" | python3 -c '
import json, sys
value = json.load(sys.stdin).get(sys.argv[1], "")
print(" ".join(sorted(value)) if isinstance(value, list) else value)' "$2"
}
voters_are() { [ "$(member "$1" members)" = "$2" ]; }
leads() { [ "$(member "$1" leader)" = "$2" ]; }
leader_of() { # of the log as a node sees it, once it does
    support_until eval '[ -n "$(member '"$1"' leader)" ]'
    member "$1" leader
}
at_host() { covey "$@" --data "${data[host]}" --timeout 60s; }

# ---- three, two spares, a node with none; all clients are there
node a
join=$up_endpoint
for name in b c d; do node $name --join "$join" --roles coordinator; done
node host --join "$join" --roles none
host_session=$session
ok "add b" at_host coordinator add b
ok "add c" at_host coordinator add c
ok "three" support_until voters_are host "a b c"

mkfifo "$support_dir/commands" "$support_dir/counts"
"$COVEY_BUILD/bin/test_asker" "$host_session" count 32 \
    <"$support_dir/commands" >"$support_dir/counts" 2>"$support_dir/asker.err" &
asker=$!
support_pids+=("$asker")
exec {commands}>"$support_dir/commands" {counts}<"$support_dir/counts"
read -r -t 60 -u "$counts" line
is "the asker is ready" ready "${line:-}"
asked() { # what it says to a command
    local said
    echo "$1" >&"$commands"
    read -r -t 120 -u "$counts" said && echo "$said"
}
answered() { local -a said; read -r -a said <<<"$(asked counts)"; echo "${said[0]}"; }
more_than() { [ "$(answered)" -gt "$1" ]; }
# New requests are answered: more than were under way.
goes_on() {
    local before
    before=$(answered)
    ok "requests are answered $1" support_until more_than $((before + 64))
}

"$COVEY_BIN" memory watch w/ --json --data "${data[host]}" >"$support_dir/watch" 2>"$support_dir/watch.err" &
watch=$!
support_pids+=("$watch")
synced() { grep -q '"synced"' "$support_dir/watch"; }
ok "the watch has its snapshot" support_until synced
writes=0
write() { # when; the watch sees it
    writes=$((writes + 1))
    ok "a write $1" at_host memory put "w/$writes" "$writes" --as writer
    seen() { grep -q "\"key\":\"w/$writes\"" "$support_dir/watch"; }
    ok "is seen by the watch" support_until seen
}
goes_on "by three"
write "with three"

# ---- the leader is killed; a spare takes its place
who=$(leader_of host)
[ "$who" = a ] && { # it has the journal, too
    ok "b leads" at_host coordinator transfer b
    ok "says host" support_until leads host b
    who=b
}
die "$who"
goes_on "after $who was killed"
write "after $who was killed"
left=$(printf '%s\n' a b c d | grep -v "$who" | tr '\n' ' ')
left=${left% }
ok "the spare votes in its place: $left" support_until voters_are host "$left"
write "with the spare"
node "$who" --join "$join" --roles coordinator
is_spare() { at_host coordinator list --json | grep "\"node\":\"$1\"" | grep -q '"role":"spare"'; }
ok "who comes back is a spare" support_until is_spare "$who"
ok "and the voters are the others" voters_are host "$left"

# ---- a leader is drained: it hands over before it goes
was=$(leader_of host)
[ "$was" = a ] && {
    for was in $left; do [ "$was" = a ] || break; done
    ok "$was leads" at_host coordinator transfer "$was"
    ok "says host" support_until leads host "$was"
}
ok "drain $was" at_host drain "$was"
wait "${pid[$was]}"
is "it ends in order" 0 $?
goes_on "after $was was drained"
write "after $was was drained"
now=$(leader_of host)
is "another one leads" another "$([ "$now" != "$was" ] && echo another || echo "$now")"
# the spare takes that place, too
left=$(printf '%s\n' a b c d | grep -v "$was" | tr '\n' ' ')
left=${left% }
ok "and the spare votes for it: $left" support_until voters_are host "$left"

# ---- one that comes late gets a snapshot: the log begins behind what it has
taken() { [ "$(member "$(leader_of host)" snapshotIndex)" -gt 2100 ]; }
support_until_s=240 ok "the log was cut" support_until taken
node late --join "$join" --roles coordinator
ok "add the late one" at_host coordinator add late --timeout 120s
installed() { at_host coordinator list --json | grep '"node":"late"' | grep -q '"installed":[1-9]'; }
ok "it got a snapshot, and says so" support_until installed
caught_up() {
    local there
    there=$(covey memory get count --consistency stale --data "${data[late]}") && [ "$there" -ge "$1" ]
}
ok "and what came after it" support_until caught_up "$(answered)"
ok "remove it" at_host coordinator remove late
ok "three again" support_until voters_are host "$left"

# ---- no majority: nothing is decided, stale reads and messages go on
ok "something to show" at_host task submit --type x --id t1 --cap none
ok "a swarm" at_host swarm form s1 --member m1
ok "a vote" at_host vote propose s1 1 --id v1 --timeout 1h
ok "a session" at_host coordinate meet --cap none --gather-timeout 1h --id c1
ok "a claim" at_host claim acquire src/ --as m1
ok "a schedule" at_host task schedule add z1 --every 1h --type x
claim=$(at_host claims --json | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')
applied() { covey task show t1 --consistency stale --data "${data[a]}" && covey task schedule show z1 --consistency stale --data "${data[a]}"; }
ok "a knows them" support_until applied
gone=()
for name in $left; do
    [ "$name" = a ] || { die "$name"; gone+=("$name"); }
done
alone() { # what a says while it is alone
    covey "$@" --consistency stale --json --data "${data[a]}" >"$support_dir/out" 2>"$support_dir/err" &&
        [ "$(grep -c '"age":' "$support_dir/out")" -ge 1 ]
}
for command in "task show t1" "task list" "tasks" "task schedule show z1" "task schedule list" "swarm show s1" \
    "swarm list" "swarms" "vote show v1" "vote list" "votes" "coordinate show c1" "coordinate list" coordinations \
    "claim show $claim" "claim list" claims "claim check doc/" "memory get count" "memory list" "memory history w/1" \
    "memory namespaces" limits "outcome nothing" "coordinator list"; do
    # shellcheck disable=SC2086 # words
    ok "alone, stale: $command" alone $command
done
ok "roles, stale" covey roles --consistency stale --data "${data[a]}"
refused() {
    covey "$@" --data "${data[a]}" --timeout 1s >/dev/null 2>"$support_dir/err"
    is "alone: $* is refused" "1 1" "$? $(grep -c 'covey' "$support_dir/err")"
}
refused memory put w/none 0
refused memory get count
refused memory get count --consistency linearizable
refused coordinator list --consistency linearizable
ok "the journal goes on" at_host publish --wait stored - <<<'{"type":"system:info","data":{"component":"c","message":"m"}}'
for name in "${gone[@]}"; do node "$name" --join "$join" --roles coordinator; done
goes_on "by a majority that is back"
write "by a majority that is back"

# ---- the accounts
last=$(asked end)
read -r answers failures code <<<"$last"
is "no request failed" "0 -" "$failures $code"
wait "$asker"
is "the asker ends in order" 0 $?
is "each was carried out once" "$answers" "$(at_host memory get count --consistency linearizable)"
echo "$answers requests"
kill -INT "$watch"
wait "$watch"
is "the watch ends in order" 0 $?
is "each write was seen once, in order" "$(seq "$writes" | sed 's|^|w/|' | tr '\n' ' ')" \
    "$(sed -n 's/.*"key":"\([^"]*\)".*/\1/p' "$support_dir/watch" | tr '\n' ' ')"
support_end
