# covey swarm task: to all members, to any one, split, by vote, with agents that
# are processes and some that are killed; and what becomes of a killed member
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1

start_node node
export COVEY_ENDPOINT=$node_session

# What each member does. One that finds the file $dir/hold.AGENT waits until $dir/go
# is there, a minute at most: somebody wants to kill it meanwhile.
cat >"$dir/work.py" <<'PY'
import json, os, sys, time
me, step = os.environ["COVEY_AGENT_ID"], os.environ["COVEY_STEP"]
scratch = os.environ["SCRATCH"]
task = json.load(sys.stdin)
assert task["swarm"] == "crew"
open(f"{scratch}/began.{me}", "w").close()
end = time.monotonic() + 60
while os.path.exists(f"{scratch}/hold.{me}") and not os.path.exists(f"{scratch}/go"):
    assert time.monotonic() < end, "nobody let it go on"
    time.sleep(0.05)
if step == "part":
    print(int(task["part"]) ** 2)
elif step == "vote":
    print(next(r["number"] for r in task["results"] if r["result"].strip() == "tea"))
elif task["strategy"] == "consensus":
    print("coffee" if me == "w3" else "tea")
else:
    print(json.dumps({"by": me, "seed": task["input"]["seed"]}))
PY
export SCRATCH=$dir

declare -A pid_of
agent() {
    "$covey" agent run --id "$1" --type worker --grace 3s -- python3 "$dir/work.py" >>"$dir/$1.log" 2>&1 &
    pid_of[$1]=$!
    pids="$pids $!"
    until_true 30 is_ready "$1" || check "$1 is ready" false
}
is_ready() {
    "$covey" request coordinator mesh.registry | grep -q "\"id\":\"$1\",[^{}]*\"state\":\"ready\""
}
task() {
    "$covey" swarm task crew "an objective" --json --wait --timeout 120s "$@"
}
for id in w1 w2 w3 stranger; do agent $id; done
"$covey" swarm form crew --member w1 --member w2 --member w3 --member-lease 2s >/dev/null

# ---- the four modes ---------------------------------------------------------
view=$(task --input '{"seed":7}' --id all)
check "all: success" equal "$(echo "$view" | field success)" true
check "all: a result of each member, and of nobody else" equal \
    "$(echo "$view" | field result | tr -d ' ' | grep -o '"by":"[a-z0-9]*","seed":7' | sort | tr -d '\n')" \
    '"by":"w1","seed":7"by":"w2","seed":7"by":"w3","seed":7'
assigned() {
    "$covey" events --type swarm:task:assigned --correlation "$1" --json | grep -c '"swarmId":"crew"'
}
check "all: each assignment is told" until_true 10 equal "$(assigned all)" 3
check "all: its end is told once" equal \
    "$("$covey" events --type coordination:complete --correlation all --json | grep -c .)" 1

view=$(task --mode any --input '{"seed":1}')
check "any: one member did it" matches "$(echo "$view" | field result.by)" "w[123]"

view=$(task --mode split --input '[1,2,3,4,5]')
check "split: the results come in order" equal \
    "$(echo "$view" | field result | grep -o '"result": *[0-9]*' | tr -dc '0-9\n' | tr '\n' ' ')" "1 4 9 16 25 "
printf '6\n7\n' >"$dir/parts"
view=$(task --mode split --input "@$dir/parts")
check "split: lines are parts, too" equal \
    "$(echo "$view" | field result | grep -o '"result": *[0-9]*' | tr -dc '0-9\n' | tr '\n' ' ')" "36 49 "

view=$(task --mode vote)
check "vote: the result that was chosen" matches "$(echo "$view" | field result)" "tea*"
check "vote: listed as a session of the swarm" matches "$("$covey" coordinations)" "*crew*"

# ---- kill -9 ----------------------------------------------------------------
# w1 is the longest-lived member, so it leads; it dies with a part of the work.
rm -f "$dir"/began.*
touch "$dir/hold.w1"
"$covey" swarm task crew survive --mode split --input '[1,2,3,4]' --id kill --json >/dev/null
until_true 30 test -e "$dir/began.w1" || check "kill: it works" false
kill -9 "${pid_of[w1]}"
view=$("$covey" coordinate show kill --json --wait --wait-timeout 60s)
check "kill a member: its part went to another one" equal \
    "$(echo "$view" | field result | grep -o '"result": *[0-9]*' | tr -dc '0-9\n' | tr '\n' ' ')" "1 4 9 16 "
check "kill the leader: the next longest-lived member leads" equal \
    "$("$covey" swarm show crew --json | field leader)" w2
news() {
    "$covey" events --type system:info --correlation crew --json | grep -q '"leader":"w2"'
}
check "kill the leader: everybody is told" until_true 10 news
has_left() {
    "$covey" events --type swarm:left --correlation crew --json | grep '"agentId":"w1"' | grep -q 'lost: not back within 2000 ms'
}
check "kill a member: it leaves when its lease is over" until_true 30 has_left
check "kill a member: it is none any more" test \
    "$("$covey" swarm show crew --json | grep -c '"agentId":"w1"')" = 0

# Any: the one that works on it dies, another one goes on.
rm -f "$dir"/began.*
touch "$dir/hold.w2" "$dir/hold.w3"
"$covey" swarm task crew survive --mode any --input '{"seed":3}' --id kill2 --json >/dev/null
began() { [ -n "$(find "$dir" -name 'began.*')" ]; }
until_true 30 began || check "kill: one works" false
victim=$(basename "$dir"/began.*)
victim=${victim#began.}
kill -9 "${pid_of[$victim]}"
touch "$dir/go"
view=$("$covey" coordinate show kill2 --json --wait --wait-timeout 60s)
check "any: another member goes on" matches "$(echo "$view" | field result.by)" "w[23]"
check "any: not the one that died" test "$(echo "$view" | field result.by)" != "$victim"

# ---- wrong input ------------------------------------------------------------
# wrong EXIT TEXT ARGS...: one line on standard error, nothing on standard output
wrong() {
    local code=$1 text=$2
    shift 2
    "$covey" swarm task "$@" >"$dir/out" 2>"$dir/err"
    equal "$?" "$code" && equal "$(cat "$dir/out")" "" && equal "$(grep -c . "$dir/err")" 1 && grep -q -e "$text" "$dir/err"
}
check "no objective" wrong 2 "OBJECTIVE" crew
check "an empty one" wrong 2 "is empty" crew ""
check "an unknown mode" wrong 2 "chaos" crew x --mode chaos
check "no parts" wrong 2 "list of parts" crew x --mode split
check "parts that are none" wrong 2 "no list of 1 to 256 parts" crew x --mode split --input 7
check "a vote for others" wrong 2 "mode vote" crew x --voting majority
check "a policy for any" wrong 2 "mode any" crew x --mode any --on-failure fail
check "a swarm that is not there" wrong 1 "no swarm nix" nix x
check "nobody can do it" wrong 1 "offers what is asked" crew x --cap fly
check "an id that is taken" wrong 1 "exists already" crew x --id all

finish
