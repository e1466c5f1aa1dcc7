# Three coordinators in network namespaces under load, and at random: kill -9 of
# one, of the leader, of two, of all; SIGSTOP; cuts in both directions and in one.
# Clients on other nodes log all that they asked and were told; a checker reads
# the logs: nothing acknowledged is lost, nothing done twice, no read is stale.
#   CHAOS_ROUNDS=200 for more of it; COVEY_SEED=N repeats the choices
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1
# shellcheck source=tests/support/netns.sh
. "$COVEY_SOURCE/tests/support/netns.sh"
rounds=${CHAOS_ROUNDS:-6}
export COVEY_SEED="${COVEY_SEED:-$RANDOM}"
RANDOM=$COVEY_SEED
coordinators="1 2 3"
keepers="4 5" # the journal is at node 4, clients are at both; nothing happens to them

netns_open 5
chaos_node() {
    case $1 in
        [123]) netns_node "$1" --roles coordinator ;;
        4) netns_node 4 --roles persister ;;
        *) netns_node "$1" --roles none ;;
    esac
}
at_5() { "$covey" "$@" --data "${node_data[5]}"; }
for i in $coordinators $keepers; do chaos_node "$i"; done
check "one mesh" until_true 30 node_is 5 nodes.alive 5
for i in 2 3; do
    check "node $i becomes a coordinator" at_5 coordinator add "node$i" --timeout 30s
done

# Clients that ask from now on
chaos_clients() {
    local answer
    mkfifo "$dir/clients$1.in" "$dir/clients$1.out"
    bound "$bin/test_commands" "ipc://${node_data[$1]}/agents.sock" "n$1" "$dir/clients$1.log" 8 "$RANDOM" \
        <"$dir/clients$1.in" >"$dir/clients$1.out" 2>>"$dir/commands$1.log" &
    agent_pid[$1]=$!
    exec {agent_in[$1]}>"$dir/clients$1.in" {agent_out[$1]}<"$dir/clients$1.out"
    read -r -t 30 -u "${agent_out[$1]}" answer
    check "clients of node $1 are ready" equal "$answer" ready
}
for i in $keepers; do chaos_clients "$i"; done
for i in $keepers; do agent_do "$i" go >/dev/null; done

done_by_now() {
    local words
    read -r -a words <<<"$(agent_do "$1" counts)"
    echo "${words[1]}"
}
goes_on() { # at both nodes: the clients there, each of them and more than once
    [ "$(done_by_now 4)" -gt $((before[4] + 30)) ] && [ "$(done_by_now 5)" -gt $((before[5] + 30)) ]
}
leader() { at_5 status --timeout 5s --json | field coordinator.leader | tr -dc 0-9; }
mark() { agent_do 5 mark "$1" >/dev/null; }
kill_node() {
    kill -KILL "${node_pid[$1]}"
    wait "${node_pid[$1]}" 2>/dev/null
}
a_while() { read -r -t "$((RANDOM % 3)).$((RANDOM % 10))" <>"$dir/never"; }
cut_off() { # cut_off VICTIM hears|both NODE...: what it hears of them, or also what it says
    local victim=$1 what=$2 other
    shift 2
    for other in "$@"; do
        [ "$other" = "$victim" ] && continue
        netns_cut "$other" "$victim"
        [ "$what" = hears ] || netns_cut "$victim" "$other"
    done
}

fault() {
    local victim=$((RANDOM % 3 + 1)) kind=$((RANDOM % 9)) led i
    led=$(leader)
    [ $((RANDOM % 2)) = 0 ] && victim=${led:-$victim}
    [ "$kind" -lt 2 ] && victim=${led:-$victim}
    echo "round $round: $kind at node $victim, led by ${led:-nobody}" >>"$dir/faults.log"
    case $kind in
        [012]) # one
            kill_node "$victim"
            [ "$victim" = "$led" ] && mark "leader killed"
            a_while
            chaos_node "$victim"
            ;;
        3)
            kill -STOP "${node_pid[victim]}"
            a_while
            kill -CONT "${node_pid[victim]}"
            ;;
        [456]) # from everybody; from everybody in one direction; from coordinators only
            # shellcheck disable=SC2086 # they are lists
            case $kind in
                4) cut_off "$victim" both $coordinators $keepers ;;
                5) cut_off "$victim" hears $coordinators $keepers ;;
                6) cut_off "$victim" both $coordinators ;;
            esac
            a_while
            netns_heal
            ;;
        7) # two: there is no majority until they are back
            for i in $coordinators; do [ "$i" = "$victim" ] || kill_node "$i"; done
            for i in $coordinators; do [ "$i" = "$victim" ] || chaos_node "$i"; done
            ;;
        8)
            for i in $coordinators; do kill_node "$i"; done
            for i in $coordinators; do chaos_node "$i"; done
            ;;
    esac
}
before=()
for ((round = 1; round <= rounds; round++)); do
    fault
    for i in $keepers; do before[i]=$(done_by_now "$i"); done
    check "round $round: it goes on" until_true 30 goes_on
    [ "$failed" = 0 ] || break
done

for i in $keepers; do check "clients of node $i are quiet" equal "$(agent_do "$i" quiet)" quiet; done
no_task_is_open() {
    local state
    for state in queued assigned accepted started; do
        [ -z "$(at_5 task list --state "$state" --limit 1 --consistency linearizable --json || echo error)" ] || return
    done
}
check "no task is left" until_true 60 no_task_is_open
finals() {
    local key
    for key in count{0..4} value{0..4}; do
        at_5 memory get "$key" --consistency linearizable --json
    done | python3 -c 'import json,sys
for line in sys.stdin:
    entry = json.loads(line)
    print(entry["key"], entry["revision"], entry["value"])'
    at_5 events --type task:completed --limit 0 --timeout 5m --json |
        python3 -c 'import collections,json,sys
for task, n in collections.Counter(json.loads(line)["data"]["taskId"] for line in sys.stdin).items():
    print("task", task, n)'
}
finals >"$dir/final"
python3 "$COVEY_SOURCE/tests/support/check_commands.py" "$dir/final" "$dir"/clients?.log >"$dir/verdict"
check "nothing lost, nothing twice, nothing stale" equal $? 0
cat "$dir/verdict"
for i in $keepers; do
    echo end >&"${agent_in[$i]}"
    check "clients of node $i end well" wait "${agent_pid[$i]}"
done
[ "$failed" = 0 ] || echo "COVEY_SEED=$COVEY_SEED repeats the choices"
[ "$failed" = 0 ] || [ -z "${CHAOS_KEEP:-}" ] || cp -r "$dir" "$CHAOS_KEEP"
finish
