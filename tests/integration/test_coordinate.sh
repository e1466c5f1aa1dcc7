# covey coordinate: agents whose work is done by commands, the four strategies,
# and participants that are killed
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1

start_node node
export COVEY_ENDPOINT=$node_session

# What each agent does. A step whose agent finds the file $dir/hold.AGENT.STEP waits
# until $dir/go is there, a minute at most: somebody wants to kill it meanwhile.
cat >"$dir/work.py" <<'PY'
import json, os, sys, time
me, step = os.environ["COVEY_AGENT_ID"], os.environ["COVEY_STEP"]
scratch = os.environ["SCRATCH"]
task = json.load(sys.stdin)
assert task["step"] == step and task["coordinationId"] == os.environ["COVEY_COORDINATION_ID"]
open(f"{scratch}/began.{me}.{step}", "w").close()
end = time.monotonic() + 60
while os.path.exists(f"{scratch}/hold.{me}.{step}") and not os.path.exists(f"{scratch}/go"):
    assert time.monotonic() < end, "nobody let it go on"
    time.sleep(0.05)
if step == "work" and task["strategy"] == "sequential":
    print(json.dumps(task.get("previous", []) + [me]))
elif step == "work" and task["strategy"] == "consensus":
    print(json.dumps({"best": "blue" if me != "w3" else "red"}))
elif step == "work":
    print(json.dumps({"by": me, "seed": task["input"]["seed"]}))
elif step == "split":
    print("\n".join(str(n) for n in range(1, 6)))
elif step == "part":
    print(int(task["part"]) ** 2)
elif step == "merge":
    print(sum(r["result"] for r in task["results"]))
elif step == "vote":
    print(next(r["number"] for r in task["results"] if r["result"]["best"] == "blue"))
PY
export SCRATCH=$dir

# agent ID [options]: in the background; the coordinator knows it when it returns
agent() {
    local id=$1
    shift
    "$covey" agent run --id "$id" --type worker --cap team --grace 3s "$@" -- python3 "$dir/work.py" >>"$dir/$id.log" 2>&1 &
    agent_pid=$!
    pids="$pids $agent_pid"
    until_true 30 is_ready "$id" || check "$id is ready" false
}
is_ready() {
    "$covey" request coordinator mesh.registry | grep -q "\"id\":\"$1\",[^{}]*\"state\":\"ready\""
}
coordinate() {
    "$covey" coordinate "an objective" --cap team --json --wait --timeout 120s "$@"
}
completions() {
    "$covey" events --type coordination:complete --correlation "$1" --json | grep -c .
}

declare -A pid_of
for id in w1 w2 w3; do
    agent $id
    pid_of[$id]=$agent_pid
done
agent alone --solo

# ---- the four strategies ----------------------------------------------------
view=$(coordinate -s sequential --min 3 --id seq)
check "sequential: success" equal "$(echo "$view" | field success)" true
check "sequential: each got the result before it" equal \
    "$(echo "$view" | field result)" "$(echo "$view" | field participants)"
check "sequential: three took part" equal "$(echo "$view" | field result | tr -cd w)" www
check "sequential: one completion" equal "$(completions seq)" 1

view=$(coordinate -s parallel --min 3 --input '{"seed":7}')
check "parallel: a result of each" equal \
    "$(echo "$view" | field result | tr -d ' ' | grep -o '"by":"w.","seed":7' | sort | tr -d '\n')" \
    '"by":"w1","seed":7"by":"w2","seed":7"by":"w3","seed":7'

view=$(coordinate -s hierarchical --min 3 --leader w2)
check "hierarchical: split, worked on, merged" equal "$(echo "$view" | field result)" 55
check "hierarchical: the named one leads" equal "$(echo "$view" | field leader)" w2

view=$(coordinate -s consensus --min 3 --id vote)
check "consensus: the result that was voted for" equal "$(echo "$view" | field result.best)" blue
check "consensus: two of them came to it" equal "$(echo "$view" | field votes.0.agents | tr -cd w)" ww
check "consensus: updates were told" test \
    "$("$covey" events --type coordination:update --correlation vote --json | grep -c completing)" -ge 1

# ---- who takes no part, and too few -----------------------------------------
"$covey" coordinate x --cap team --min 4 --gather-timeout 2s --wait --json >"$dir/few.json"
check "too few: exit 1" equal $? 1
check "too few: the code" equal "$(field code <"$dir/few.json")" TOO_FEW_AGENTS
check "too few: the reason counts" matches "$(field reason <"$dir/few.json")" \
    "4 asked, 3 accepted, 1 rejected, *at least 4 are needed"

# ---- kill -9 ----------------------------------------------------------------
# A participant: who is in reserve takes over.
agent w4
pid_of[w4]=$agent_pid
touch "$dir/hold.w1.work" "$dir/hold.w2.work" "$dir/hold.w3.work" "$dir/hold.w4.work"
rm -f "$dir"/began.*
"$covey" coordinate "survive" --cap team -s parallel --min 2 --id kill1 --input '{"seed":1}' --json >/dev/null
two_began() {
    [ "$(find "$dir" -name 'began.*.work' | wc -l)" -ge 2 ]
}
until_true 30 two_began || check "kill: two work" false
victim=$("$covey" coordinate show kill1 --json | field participants.0)
kill -9 "${pid_of[$victim]}"
rm -f "$dir"/hold.*.work
view=$("$covey" coordinate show kill1 --json --wait --wait-timeout 60s)
check "kill a participant: success all the same" equal "$(echo "$view" | field success)" true
check "kill a participant: it was replaced" equal "$(echo "$view" | field replaced)" 1
check "kill a participant: it has no part in it" test \
    "$(echo "$view" | field participants | grep -c "\"$victim\"")" = 0
check "kill a participant: one completion" equal "$(completions kill1)" 1

# The leader, while it merges: another one merges, the parts are not done again.
agent "$victim"
agent boss
boss_pid=$agent_pid
touch "$dir/hold.boss.merge"
rm -f "$dir"/began.*
"$covey" coordinate "survive" --cap team -s hierarchical --min 3 --max 5 --leader boss --id kill2 --json >/dev/null
until_true 30 test -e "$dir/began.boss.merge" || check "kill: the leader merges" false
kill -9 "$boss_pid"
view=$("$covey" coordinate show kill2 --json --wait --wait-timeout 60s)
check "kill the leader: success all the same" equal "$(echo "$view" | field result)" 55
check "kill the leader: another one led on" test "$(echo "$view" | field leader)" != boss
check "kill the leader: five parts were done once" equal \
    "$("$covey" events --type task:completed --correlation kill2 --json | grep -c .)" 7
touch "$dir/go"

# ---- list, pause, resume, cancel --------------------------------------------
rm -f "$dir/go"
touch "$dir/hold.w1.work" "$dir/hold.w2.work" "$dir/hold.w3.work" "$dir/hold.w4.work"
"$covey" coordinate "to be cancelled" --cap team -s sequential --min 2 --id stop --json >/dev/null
is_state() {
    [ "$("$covey" coordinate show "$1" --json | field state)" = "$2" ]
}
until_true 30 is_state stop active || check "stop: active" false
check "pause" equal "$("$covey" coordinate pause stop --json | field state)" paused
check "list by state" equal "$("$covey" coordinations --state paused --json | field id)" stop
check "resume" equal "$("$covey" coordinate resume stop --json | field state)" active
check "cancel" equal "$("$covey" coordinate cancel stop --reason enough --json | field code)" CANCELLED
check "the reason is told" matches "$("$covey" coordinate show stop --json | field reason)" "cancelled by *: enough"
check "its step is cancelled" equal "$("$covey" task list --state cancelled --json | grep -c '"type":"coordination"')" 1
"$covey" coordinate list >"$dir/list.out"
check "a table for people" grep -q "^stop  *sequential  *completed" "$dir/list.out"
touch "$dir/go"

# ---- wrong input ------------------------------------------------------------
# wrong EXIT TEXT ARGS...: one line on standard error, nothing on standard output
wrong() {
    local code=$1 text=$2
    shift 2
    "$covey" coordinate "$@" >"$dir/out" 2>"$dir/err"
    equal "$?" "$code" && equal "$(cat "$dir/out")" "" && equal "$(grep -c . "$dir/err")" 1 && grep -q -e "$text" "$dir/err"
}
check "no objective" wrong 2 "OBJECTIVE"
check "an empty one" wrong 2 "is empty" ""
check "an unknown strategy" wrong 2 "chaos" x -s chaos
check "min above max" wrong 2 "above --max 2" x --min 3 --max 2
check "too many" wrong 2 "65" x --max 65
check "a leader for others" wrong 2 "hierarchical" x --leader w1
check "a vote for others" wrong 2 "consensus" x --voting majority
check "a quorum for others" wrong 2 "voting quorum" x -s consensus --quorum 2
check "one agent in a hierarchy" wrong 2 "at least 2 agents" x -s hierarchical --min 1
check "input that is no JSON" wrong 2 "input" x --input '{"a":'
check "an id that is taken" wrong 1 "exists already" x --id seq
check "a session that is not there" wrong 1 "no coordination nix" show nix
check "cancelled twice" wrong 1 "is over" cancel stop
check "nothing was begun by that" equal "$("$covey" coordinations --state forming --json)" ""

finish
