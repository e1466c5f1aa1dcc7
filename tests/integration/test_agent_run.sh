# covey agent run: a command becomes an agent
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1

start_node node
export COVEY_ENDPOINT=$node_session

# agent ID TYPE [options] -- COMMAND...: in the background, ready when it returns
agent() {
    local id=$1
    "$covey" agent run --id "$id" --type "$2" "${@:3}" >"$dir/$id.log" 2>&1 &
    agent_pid=$!
    pids="$pids $agent_pid"
    until_true 30 is_ready "$id" || check "$id is ready" false
}
is_ready() {
    "$covey" request coordinator mesh.registry | grep -q "\"id\":\"$1\",[^{}]*\"state\":\"ready\""
}
# task TYPE INPUT [options]: submits, waits, prints the task
task() {
    "$covey" task submit --type "$1" --agent-type "$1" --input "$2" --json --wait --wait-timeout 60s "${@:3}"
}
submit() {
    "$covey" task submit --type "$1" --agent-type "$1" --input "$2" --json "${@:3}" | field id
}
state_is() {
    [ "$("$covey" task show "$1" --json | field state)" = "$2" ]
}

# ---- what it becomes: JSON, text, binary ------------------------------------
agent cat cat -- cat
view=$(task cat '{"a":[1,2.5,"x"],"b":9007199254740993}')
check "JSON in, JSON out" equal "$(echo "$view" | field result)" '{"a": [1, 2.5, "x"], "b": 9007199254740993}'
check "it is completed" equal "$(echo "$view" | field state)" completed
check "by that agent" equal "$(echo "$view" | field agent)" cat
agent text text -- tr -d '"'
view=$(task text '"hello wörld"')
check "output that is text" equal "$(echo "$view" | field result)" 'hello wörld'

agent json json -- echo '"quoted"'
check "output that is a JSON string" equal "$(task json null | field result.data)" quoted

agent bytes bytes -- printf '\377\000\001'
view=$(task bytes null)
check "neither JSON nor text: binary" equal "$(echo "$view" | field result.contentType)" binary
check "every byte of it" equal "$(echo "$view" | field result.base64)$(echo "$view" | field result.data)" /wAB

agent empty empty -- true
view=$(task empty null)
check "no output: empty text, completed" equal "$(echo "$view" | field state)$(echo "$view" | field result)" completed

# ---- what the command sees --------------------------------------------------
agent env env -- sh -c 'env | grep ^COVEY_ | sort'
view=$(task env null --description 'two
lines' --priority high)
id=$(echo "$view" | field id)
result=$(echo "$view" | field result)
for want in "COVEY_AGENT_ID=env" "COVEY_AGENT_TYPE=env" "COVEY_ENDPOINT=$node_session" \
    "COVEY_TASK_ATTEMPT=1" "COVEY_TASK_ID=$id" "COVEY_TASK_TYPE=env" "COVEY_TASK_PRIORITY=high" \
    "COVEY_TASK_FENCING_TOKEN=$(echo "$view" | field fencingToken)" \
    "COVEY_TASK_CORRELATION_ID=$(echo "$view" | field correlationId)" 'COVEY_TASK_DESCRIPTION=two'; do
    check "environment: ${want%%=*}" matches "$result" "*$want*"
done

# ---- progress and failure ---------------------------------------------------
agent steps steps -- sh -c 'echo "10% first" >&2; echo "a remark" >&2; echo "100%" >&2; echo "101% no" >&2; echo done'
view=$(task steps null)
check "completed after progress" equal "$(echo "$view" | field state)" completed
said=$("$covey" events --type task:progress --correlation "$(echo "$view" | field correlationId)" --json |
    python3 -c 'import json,sys; print([(e["data"]["progress"], e["data"]["status"]) for e in map(json.loads, sys.stdin)])')
check "NN% lines are progress" equal "$said" "[(10, 'first'), (100, 'running')]"
check "other lines pass through" grep -q "^$(echo "$view" | field id): a remark$" "$dir/steps.log"
check "101% is another line" grep -q ": 101% no$" "$dir/steps.log"

agent fails fails -- sh -c 'echo "first line" >&2; echo "the reason" >&2; exit 3'
view=$(task fails null --attempts 1)
check "another exit status fails the task" matches "$(echo "$view" | field state)" '[fp]a*ed'
check "its last line is the error" equal "$(echo "$view" | field error)" 'the reason'
check "its status is the code" equal "$(echo "$view" | field errorCode)" EXIT_3
view=$(task fails null --attempts 2)
check "a failure is retried" equal "$(echo "$view" | field attempt)" 2

agent silent silent -- sh -c 'exit 4'
check "failure without a word" equal "$(task silent null --attempts 1 | field error)" 'exit status 4'
agent killed killed -- sh -c 'echo "before the end" >&2; kill -9 $$'
view=$(task killed null --attempts 1)
check "a signal is named" matches "$(echo "$view" | field error)" '*SIGKILL*'

agent large large -- head -c 1048577 /dev/zero
view=$(task large null --attempts 3)
check "too large a result fails" equal "$(echo "$view" | field errorCode)" RESULT_TOO_LARGE
check "and is not tried again" equal "$(echo "$view" | field attempt)" 1
agent big big -- sh -c 'head -c 900000 /dev/zero | tr "\0" x'
check "900,000 bytes are well" equal "$(task big null | field state)" completed

# ---- both ways at once ------------------------------------------------------
python3 -c 'print("\"" + "x" * 900000 + "\"")' >"$dir/input.json"
view=$(task text "@$dir/input.json")
check "large input to a command that answers while it reads" equal "$(echo "$view" | field state)" completed
large=$(echo "$view" | field correlationId)
agent blind blind -- sh -c 'exec <&-; echo ok'
view=$(task blind "@$dir/input.json")
check "large input that nobody reads" equal "$(echo "$view" | field result)" ok

# ---- ending a command -------------------------------------------------------
agent sleeper sleeper -- sh -c 'echo $$ >"'"$dir"'/sleeper.pid"; tail -f /dev/null'
id=$(submit sleeper null)
until_true 30 test -s "$dir/sleeper.pid"
sleeper=$(cat "$dir/sleeper.pid")
check "its process group runs" kill -0 -- "-$sleeper"
"$covey" task cancel "$id" --reason "not wanted" >/dev/null
gone() { ! kill -0 -- "-$sleeper"; }
check "a cancelled task's command is ended" until_true 10 gone
check "the task stays cancelled" equal "$("$covey" task show "$id" --json | field state)" cancelled
rm "$dir/sleeper.pid"
id=$(submit sleeper null --attempts 3)
until_true 30 test -s "$dir/sleeper.pid"
sleeper=$(cat "$dir/sleeper.pid")
start=$SECONDS
stop "$agent_pid"
check "SIGTERM ends the agent well" equal $? 0
check "within five seconds" test $((SECONDS - start)) -le 6
check "its command is ended" until_true 5 gone
check "its task is handed back" until_true 10 state_is "$id" queued
"$covey" task cancel "$id" >/dev/null

# ---- slots ------------------------------------------------------------------
# Each of the two waits for the other: only at once can they end.
meet="timeout --foreground 60 sh -c 'until [ \$(ls $dir/meet.* | wc -l) -ge 2 ]; do sleep 0.02; done'"
agent two two --slots 2 -- sh -c ": >$dir/meet.\$COVEY_TASK_ID; $meet && echo met"
first=$(submit two null)
second=$(submit two null)
check "two slots work at once" until_true 30 state_is "$first" completed
check "both of them" until_true 30 state_is "$second" completed

# ---- lease ------------------------------------------------------------------
released="timeout --foreground 60 sh -c 'until [ -e $dir/release ]; do sleep 0.05; done'"
agent slow slow -- sh -c "$released && echo done"
id=$(submit slow null --lease 600ms)
correlation=$("$covey" task show "$id" --json | field correlationId)
renewed() { [ "$("$covey" events --type task:progress --correlation "$correlation" --json | wc -l)" -ge 6 ]; }
check "a report at a third of the lease" until_true 30 renewed
: >"$dir/release"
check "so the task ends where it began" until_true 30 state_is "$id" completed
check "in its first attempt" equal "$("$covey" task show "$id" --json | field attempt)" 1

# ---- votes ------------------------------------------------------------------
agent yes voter --vote-command 'cat >"'"$dir"'/proposal"; echo "for $COVEY_SWARM_ID"; echo more' -- true
agent no voter --vote-command 'exit 1' -- true
agent maybe voter --vote-command 'exit 2' --unsigned -- true
agent broken voter --vote-command 'echo "cannot say" >&2; exit 9' -- true
"$covey" swarm form team --member yes --member no --member maybe --member broken >/dev/null
# Four ballots are needed and one never comes: it stays open.
vote=$("$covey" vote propose team '{"what":"lunch"}' --strategy quorum --quorum 4 --timeout 60s --json | field id)
ballots() { "$covey" vote show "$vote" --json; }
three() { [ "$(ballots | field votes | grep -o agentId | wc -l)" = 3 ]; }
check "three ballots" until_true 30 three
check "exit 0 approves with the first line" matches "$(ballots)" '*"agentId":"yes","vote":"approve"*"for team"*'
check "its ballot is signed" matches "$(ballots)" '*"agentId":"yes","vote":"approve"*"signature":*'
check "by a key for its owner alone" equal "$(stat -c %a "$node_data/ballot-keys/yes.key")" 600
check "exit 1 rejects" matches "$(ballots)" '*"agentId":"no","vote":"reject"*'
check "who does not want to sign has no key" [ ! -e "$node_data/ballot-keys/maybe.key" ]
check "exit 2 abstains" matches "$(ballots)" '*"agentId":"maybe","vote":"abstain"*'
check "the proposal comes on standard input" equal "$(cat "$dir/proposal")" '{"what":"lunch"}'
check "a vote command that fails casts nothing" until_true 10 grep -q "cannot say" "$dir/broken.log"

# ---- the node goes and comes back -------------------------------------------
stop "$node_pid"
check "agents outlive their node" kill -0 "$agent_pid"
check "all of a large result is stored" equal "$("$covey" events --data "$node_data" --type task:completed \
    --correlation "$large" --json | field data.result | wc -c)" 900001
start_node node
check "they attach again" until_true 30 is_ready text
check "and work on" equal "$(task text '"again"' | field result)" again

# ---- what is wrong at the start ---------------------------------------------
# refused EXIT PATTERN ARGS...: that exit status and one line that matches
refused() {
    local code=$1 pattern=$2 text got
    shift 2
    text=$(timeout 30 "$covey" agent run "$@" 2>&1 </dev/null)
    got=$?
    equal "$got" "$code" && equal "$(echo "$text" | wc -l)" 1 && matches "$text" "$pattern"
}
check "no such command" refused 2 '*covey-no-such*PATH*' --id a --type t -- covey-no-such
check "no command" refused 2 '*missing*' --id a --type t
check "no id" refused 2 '*--id*' --type t -- cat
check "a bad id" refused 2 '*"a b"*' --id 'a b' --type t -- cat
check "too many slots" refused 2 '*slots*65*' --id a --type t --slots 65 -- cat
check "no node there" refused 3 '*no node*' --id a --type t --endpoint "ipc://$dir/none" -- cat

finish
