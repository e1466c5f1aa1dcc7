#!/bin/bash
# Every command against a mesh of two nodes; the shapes that scripts rely on.
# shellcheck disable=SC2154,SC2016,SC2317 # set by tests/support/mesh.sh; calls by name
. "${COVEY_SOURCE:?}/tests/support/mesh.sh"
dir=$support_dir

# Every line of stdin is a JSON object with these keys (a.b goes inside);
# prints how many lines there were.
keys() {
    python3 -c '
import json, sys
count = 0
for line in sys.stdin:
    value = json.loads(line)
    assert isinstance(value, dict), line
    for key in sys.argv[1:]:
        at = value
        for part in key.split("."):
            assert part in at, key + " is missing in " + line
            at = at[part]
    count += 1
print(count)' "$@"
}
# The value of an expression over v, the list of the objects on stdin.
look() {
    python3 -c '
import json, sys
v = [json.loads(line) for line in sys.stdin]
print(eval(sys.argv[1]))' "$1"
}
# has WHAT KEYS COUNT ARGS...: exit 0, that many objects, these keys.
has() {
    local what=$1 names=$2 count=$3 code
    shift 3
    covey "$@" --json >"$dir/json" 2>"$dir/err"
    code=$?
    # shellcheck disable=SC2086 # a list of keys
    is "$what: covey $*" "0 $count" "$code $(keys $names <"$dir/json" 2>&1 | tail -1)"
    [ $code -eq 0 ] || cat "$dir/err" >&2
}
code_of() {
    "$@" >"$dir/out" 2>"$dir/err"
    echo $?
}
now_ms() { local t=${EPOCHREALTIME/./}; echo $((t / 1000)); }

# ---- without a node
is "version" "covey $(covey version --json | look 'v[0]["version"]')" "$(covey version)"
is "--version" "$(covey version)" "$(covey --version)"
covey help >"$dir/help"
for name in $(grep -oE '^  [a-z]+( [a-z]+){0,2}' "$dir/help" | tr ' ' _ | sed 's/^__//'); do
    name=${name//_/ }
    covey help "$name" >"$dir/one" 2>&1
    is "help $name" "0 covey $name:" "$? $(grep -oE '^covey [a-z ]+:' "$dir/one")"
    is "man page of $name" 0 "$(code_of covey help --man "$name")"
done
is "help of a group" 0 "$(code_of covey task --help)"
# complete WORDS...: what bash offers for the last of them
complete_words() {
    # shellcheck disable=SC1090 # made by the command
    (
        . <(covey help --completion bash)
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _covey
        echo "${COMPREPLY[*]}"
    )
}
is "completion of a command" "status stats" "$(complete_words covey sta)"
is "completion of a subcommand" "submit" "$(complete_words covey task su)"
is "completion of an option" "--priority" "$(complete_words covey task submit --type x --prio)"
covey help --markdown >"$dir/configuration.md"
is "docs/configuration.md is what the table says" "" \
    "$(diff "$dir/configuration.md" "$COVEY_SOURCE/docs/configuration.md" 2>&1 | head -20)"
printf 'mesh = test # ours\nlisten = 127.0.0.1:0\n' >"$dir/covey.conf"
COVEY_HEARTBEAT=400ms covey up --check --json --config "$dir/covey.conf" --name n1 >"$dir/check"
is "up --check: origins" "['covey.conf line 1', 'COVEY_HEARTBEAT', '--name', 'default']" \
    "$(look '[[r["origin"].split("/")[-1] for r in v if r["key"] == k][0] for k in ("mesh", "heartbeat", "name", "batchSize")]' <"$dir/check")"
is "output to a reader that left" 0 "$(code_of bash -c '"$COVEY_BIN" help | true; exit ${PIPESTATUS[0]}')"

# ---- two nodes
start=$(now_ms)
support_up alpha || support_end
took=$(($(now_ms) - start))
ok "up alone took $took ms" [ "$took" -lt "${COVEY_UP_MS:-2000}" ]
alpha=$up_pid alpha_endpoint=$up_endpoint alpha_data=$up_data
for word in "$up_endpoint" "$up_data" "covey status" "covey agent run" "covey up --join"; do
    ok "the banner has no $word" grep -qF -- "$word" "$dir/alpha.out"
done
support_up beta --join "$alpha_endpoint" || support_end
beta=$up_pid beta_data=$up_data beta_session=$up_session
export COVEY_DATA=$alpha_data

two_alive() { [ "$(covey status --json | look 'v[0]["nodes"]["alive"]')" = 2 ]; }
ok "both nodes are alive" support_until two_alive
has status "mesh node version nodes.alive nodes.suspected nodes.failed nodes.left agents
    coordinator.leader coordinator.term coordinator.members coordinator.quorum
    persister.primary persister.offset persister.outbox dropped" 1 status
has nodes "id name endpoint state roles version agents" 2 nodes
is "nodes have their names" "['alpha', 'beta']" "$(look 'sorted(r["name"] for r in v)' <"$dir/json")"
has agents "" 0 agents
is "a table for people" 0 "$(code_of covey nodes)"
is "its titles" "NAME STATE ENDPOINT" "$(head -1 "$dir/out" | tr -s ' ' | cut -d' ' -f1-3)"
is "status for people" 0 "$(code_of covey status)"
is "the endpoint option" 0 "$(code_of covey status --endpoint "$beta_session")"
is "COVEY_ENDPOINT" 0 "$(COVEY_ENDPOINT=$beta_session code_of env -u COVEY_DATA "$COVEY_BIN" status)"
is "the option is stronger than the variable" 0 \
    "$(COVEY_ENDPOINT=ipc:///nowhere code_of covey status --data "$beta_data")"

# ---- events: of a type that the mesh itself does not publish
error='{"type":"system:error","tags":["t1"],"data":{"component":"cli","message":"hello","details":{"n":1.10,"big":12345678901234567890}}}'
printf '%s\n\n%s\n' "$error" "$error" >"$dir/events"
has "publish a file" "id level offset" 2 publish --wait stored "$dir/events"
is "stored" "['stored', 'stored']" "$(look '[r["level"] for r in v]' <"$dir/json")"
id=$(look 'v[0]["id"]' <"$dir/json")
offset=$(look 'v[0]["offset"]' <"$dir/json")
is "publish from standard input" 0 "$(code_of covey publish <<<"$error")"
mkfifo "$dir/events.fifo"
warning=${error/system:error/system:warning}
printf '%s\n%s\n' "${warning/t1/t2}" "${warning/t1/t2}" >"$dir/events.fifo" &
has "publish a pipe" "id level offset" 2 publish "$dir/events.fifo"
printf '%s\n{"type":}\n%s\n' "$error" "$error" >"$dir/broken"
is "standard input up to the bad line" 2 "$(code_of covey publish --json --wait stored <"$dir/broken")"
is "one receipt before it" 1 "$(keys id level offset <"$dir/out")"
ok "says how far it came" grep -q 'line 2.*the 1 before it' "$dir/err"
has "events by id" "id type source timestamp data.message offset" 1 events --id "$id"
is "the same offset" "$offset" "$(look 'v[0]["offset"]' <"$dir/json")"
ok "payload digits are kept" grep -q '"n":1.10,"big":12345678901234567890' "$dir/json"
count_is() { [ "$(covey events --json --type "$1" --limit 0 | wc -l)" = "$2" ]; }
ok "four events are stored" support_until count_is system:error 4
has "events by tag" offset 4 events --type system:error --tag t1
has "events: the newest two, oldest first" offset 2 events --type system:error --limit 2
last=$(look 'v[1]["offset"]' <"$dir/json")
is "in order" True "$(look 'v[0]["offset"] < v[1]["offset"]' <"$dir/json")"
has "events: newest first" offset 2 events --type system:error --limit 2 --newest-first
is "the last one on top" "$last" "$(look 'v[0]["offset"]' <"$dir/json")"
has "events after an offset" offset 3 events --type system:error --after "$offset"
has "events by text" offset 4 events --text hello --type system:error
has "events since" offset 4 events --type system:error --since 1h
has "events until" offset 0 events --type system:error --until 1h
is "events for people" 0 "$(code_of covey events --type system:error)"
ok "a line shows type and data" grep -q 'system:error.*hello' "$dir/out"
has "events by way of the other node" offset 4 events --type system:error --data "$beta_data"
has "stats" "type count" 1 stats --type system:error
is "counted" 4 "$(look 'v[0]["count"]' <"$dir/json")"
has "stats by day" "day count" 1 stats --type system:error --group-by day
has "aggregates" "type count firstSeen lastSeen sources" 1 aggregates --type system:error --min-count 4
has "aggregates above the count" type 0 aggregates --type system:error --min-count 5

# ---- subscribe
has "subscribe from an offset" "id offset" 2 subscribe --type system:error --from "$offset" --limit 2 --timeout 10s
has "subscribe from an id" "id offset" 4 subscribe --type system:error --from "$id" --limit 4 --timeout 10s
has "subscribe from an age" "id offset" 4 subscribe --type system:error --from 1h --limit 4 --timeout 10s
"$COVEY_BIN" subscribe --json --type system:alert >"$dir/live" 2>"$dir/live.err" &
live=$!
support_pids+=("$live")
alert='{"type":"system:alert","data":{"component":"cli","message":"now"}}'
published=0
# A live subscription starts with the next event: publish until one is seen.
seen_live() {
    published=$((published + 1))
    covey publish --wait stored <<<"$alert" >/dev/null
    [ -s "$dir/live" ]
}
ok "subscribe shows what comes" support_until seen_live
kill -INT "$live"
wait "$live"
is "subscribe ends in order" 0 $?
is "each once" True "$(look 'len(v) == len({r["id"] for r in v}) and len(v) <= '"$published" <"$dir/live")"

# ---- how long things waited: for an agent that stands still
"$COVEY_BIN" agent run --id still --type still -- cat >"$dir/still" 2>&1 &
still=$!
support_pids+=("$still")
there() { [ "$(covey agents --json --id still | wc -l)" = 1 ]; }
ok "the agent is there" support_until there
kill -STOP "$still"
message='{"type":"message:sent","target":["still"],"data":{"messageId":"m","contentType":"text","content":"x"}}'
for _ in {1..1500}; do echo "$message"; done | covey publish >/dev/null
queued() { [ "$(covey status --json | look 'v[0]["counters"]["sessionQueue"]')" -ge 1500 ]; }
ok "messages wait for it" support_until queued
began=$(now_ms)
waited_enough() { [ $(($(now_ms) - began)) -ge 200 ]; }
ok "long enough for a line" support_until waited_enough
kill -CONT "$still"
told() { covey status | grep -Eq '^waited +session [0-9]{3,} ms \(p99, the slowest\)(, [a-z]+ [0-9]+){3}$'; }
ok "queue times in one line, the slowest first" support_until told
kill "$still"
wait "$still" 2>/dev/null
gone() { ! there; }
ok "the agent left" support_until gone

# ---- messages: an agent that answers is the coordinator itself
has "request" "" 1 request coordinator mesh.coordinator
is "request with a refusal" 1 "$(code_of covey request coordinator no.such.method --json)"
is "says code and message" "['code', 'message']" "$(look 'sorted(v[0])' <"$dir/err")"
has "broadcast" "id level offset" 1 broadcast news '{"n":1}' --wait stored
has "broadcast to some" "id level" 1 broadcast news '{"n":2}' --type worker --cap x --tag y --swarm s --wait stored
has "broadcasts are stored" "data.topic data.content data.scope" 2 events --type broadcast
is "their scopes" "['custom', 'global']" "$(look 'sorted(r["data"]["scope"] for r in v)' <"$dir/json")"
# A client is a target like any other agent while it is there.
"$COVEY_BIN" subscribe --type system:error >"$dir/idle" 2>&1 &
idle=$!
support_pids+=("$idle")
covey request node mesh.agents --json >"$dir/json" || fail "request to the node"
kill "$idle"
wait "$idle" 2>/dev/null

# ---- tasks
has "task submit" "id type state attempt" 1 task submit --type count --id t1 --cap none --input '{"file":"a","n":1.10}' \
    --priority high --description 'count it' --attempts 3 --lease 10s --key k1
is "queued" queued "$(look 'v[0]["state"]' <"$dir/json")"
has "task submit again with the same key" id 1 task submit --type count --cap none --key k1
is "is the same task" t1 "$(look 'v[0]["id"]' <"$dir/json")"
has "task submit after another" id 1 task submit --type merge --id t2 --after t1 --deadline 1h
has "task show" "id type state priority" 1 task show t1
has "task list" "id type state" 2 task list
has "tasks" "id type state" 2 tasks
has "task list by type" id 1 task list --type merge
has "task list by state" id 0 task list --state completed
is "tasks for people" 0 "$(code_of covey tasks)"
has "a stale list says its age in each line" "age id" 2 task list --consistency stale
is "and once to people" 1 "$(covey tasks --consistency stale | grep -Ec '^as of [0-9]+ ms ago$')"
is "a fresh one does not" 0 "$(covey tasks | grep -c '^as of')"
has "a stale answer" "age id state" 1 task show t1 --consistency stale
is "to people" 1 "$(covey task show t1 --consistency stale | grep -Ec '^as of [0-9]+ ms ago$')"
has "a list in parts" id 1 tasks --limit 1
is "where it goes on is told" 1 "$(covey tasks --limit 1 | grep -c '^there are more: --after t1$')"
has "it goes on there" id 1 tasks --limit 1 --after t1
is "a level does not go with waiting" 2 "$(code_of covey task show t1 --wait --consistency stale)"
is "task show for people" 0 "$(code_of covey task show t1)"
is "task show --wait meets its deadline" 4 "$(code_of covey task show t1 --wait --wait-timeout 200ms)"
has "task cancel" "id state" 1 task cancel t1 --reason enough
is "cancelled" cancelled "$(look 'v[0]["state"]' <"$dir/json")"
is "task show --wait: not completed" 1 "$(code_of covey task show t1 --wait)"
is "task retry: not of a cancelled one" 1 "$(code_of covey task retry t1)"
is "outcome of a request that never was" "unknown NOTFOUND" \
    "$(covey outcome never --json | look 'v[0]["state"] + " " + v[0]["code"]')"
is "limits are set" "77777 True" \
    "$(covey limits tasks=77777 --json | look 'str(v[0]["limits"]["tasks"]) + " " + str("tasks" in v[0]["used"])')"
is "limits are shown" 1 "$(covey limits | grep -c '^tasks  *77777 ')"
is "limits: no number" 2 "$(code_of covey limits tasks=many)"
is "limits: no such name" 2 "$(code_of covey limits task=5)"
is "outcome: an agent id is one" 2 "$(code_of covey outcome never --client 'no agent')"
support_until count_is task:submitted 2
has "the submissions are events" data.input.n 1 events --type task:submitted --text '"a"'
ok "input digits are kept" grep -q 1.10 "$dir/json"

"$COVEY_BIN" agent run --id w1 --type w --cap work --tag t -- cat >"$dir/w1.out" 2>&1 &
worker=$!
support_pids+=("$worker")
has_agents() { [ "$(covey agents --json | wc -l)" = "$1" ]; }
ok "the agent is there" support_until has_agents 1
has agents "id type name state since node capabilities tags" 1 agents
is "three clocks" "['lastActive', 'leaseEnd', 'nodeHeard', 'sessionHeard']" \
    "$(look 'sorted(set(v[0]) & {"nodeHeard", "sessionHeard", "leaseEnd", "lastActive"})' <"$dir/json")"
has "agents with a capability" id 1 agents --type w --cap work --tag t --state ready --id w1
has "agents with another" id 0 agents --cap work --cap play
is "agents of a node that is not there" 1 "$(code_of covey agents --node nowhere)"
is "agents in a state that is not there" 2 "$(code_of covey agents --state asleep)"
is "agents for people" 0 "$(code_of covey agents)"
has "task submit --wait" "id state agent result" 1 task submit --type echo --cap work --input '{"n":1.10}' --wait
is "the result's digits" '{"n":1.10}' "$(sed 's/.*"result":\({[^}]*}\).*/\1/' "$dir/json")"
has "send" "id level offset" 1 send w1 'hello there' --wait stored
has "send from standard input" id 1 send w1 - --content json <<<'{"a":1}'
has "messages are stored" "data.content target" 2 events --type message:sent --target w1
has "send to one of a group" "id level offset" 1 send --type w --cap work 'hello group'
has "the member is its target" target 3 events --type message:sent --target w1
is "send to a group of nobody" 1 "$(code_of covey send --cap none hello)"
is "send to an agent and a group" 2 "$(code_of covey send w1 hello --cap work)"
has "request --all" "agent error.code" 1 request --all --tag t no.such.method
is "and the sums" '{"asked":1,"heard":1,"answered":0,"failed":1,"unreachable":0,"end":"all"}' "$(cat "$dir/err")"
has "request --all, the node's own agents" agent 1 request --all no.such.method --max 1 --stall 5s
is "request to one of a group" 1 "$(code_of covey request --cap work no.such.method)"
is "request --all of nobody" 1 "$(code_of covey request --all --cap none ping)"
is "--stall without --all" 2 "$(code_of covey request w1 ping --stall 1s)"
kill "$worker"
wait "$worker"
"$COVEY_BIN" agent run --id w2 --type w --cap fail -- false >"$dir/w2.out" 2>&1 &
support_pids+=("$!")
is "a task that fails" 1 "$(code_of covey task submit --type f --id t3 --cap fail --attempts 1 --wait)"
has "task retry" "id state" 1 task retry t3

# ---- swarms and votes
has "swarm form" "id objective members state" 1 swarm form s1 --member a1 --member a2:2 --member a3 --objective agree --leader a1
has "swarm join" "members" 1 swarm join s1 a4:1.5
has "swarm leave" "members" 1 swarm leave s1 a4 --reason finished
has "swarm show" "id objective leader members state" 1 swarm show s1
is "members and weights" "[('a1', 1), ('a2', 2), ('a3', 1)]" \
    "$(look 'sorted((m["agentId"], m["weight"]) for m in v[0]["members"])' <"$dir/json")"
has "swarm list" "id state members" 1 swarm list
has "swarms" "id state members" 1 swarms
is "swarms for people" 0 "$(code_of covey swarms)"
has "vote propose" "id swarm strategy state" 1 vote propose s1 '{"merge":true}' --strategy majority --timeout 60s --id v1
has "vote cast" "id state" 1 vote cast v1 approve --as a1 --reason fine
COVEY_AGENT_ID=a2 has "vote cast by COVEY_AGENT_ID" "id state" 1 vote cast v1 approve
has "vote propose with options" "id rule optionCounts" 1 vote propose s1 '"which?"' --option red --option blue --quorum 1/2 --id v2o --timeout 60s
has "vote cast of an option, signed" "id unsignedBallots" 1 vote cast v2o --option red --as a3 --key "$dir/ballot.key"
is "the key is its owner's alone" 600 "$(stat -c %a "$dir/ballot.key")"
is "who has a key signs" 5 "$(code_of covey vote cast v2o --option blue --as a3)"
has "a vote with options is decided" "option outcome" 1 vote cast v2o --option red --as a1
has "vote show" "id swarm strategy state outcome decision consensus turnout votes" 1 vote show v1
is "accepted" "decided accepted True" "$(look '"%s %s %s" % (v[0]["state"], v[0]["outcome"], v[0]["consensus"])' <"$dir/json")"
is "vote show --wait" 0 "$(code_of covey vote show v1 --wait)"
is "an expired vote has no consensus" 6 "$(code_of covey vote propose s1 1 --strategy unanimous --timeout 300ms --wait --json)"
has "vote propose weighted" id 1 vote propose s1 2 --strategy weighted --id v3 --timeout 60s
has "vote propose quorum" id 1 vote propose s1 3 --strategy quorum --quorum 2 --id v4 --timeout 60s
has "vote withdraw" "id state outcome" 1 vote withdraw v4 --reason mistake
has "vote list" "id swarm strategy state" 5 vote list
has "votes by state" id 1 votes --state open
is "votes for people" 0 "$(code_of covey votes)"
has "swarm disband" "id state" 1 swarm disband s1 --reason finished

# ---- watching
"$COVEY_BIN" task list --watch --json >"$dir/watch" 2>"$dir/watch.err" &
watch=$!
support_pids+=("$watch")
grew() { [ "$(wc -l <"$dir/watch")" -ge "$1" ]; }
ok "--watch shows the list" support_until grew 2
covey task submit --type count --id t9 --cap none >/dev/null
seen_t9() { grep -q '"t9"' "$dir/watch"; }
ok "--watch shows a change" support_until seen_t9
kill -TERM "$watch"
wait "$watch"
is "--watch ends in order" 0 $?

# ---- the end
support_down "$beta"
is "beta ends in order" 0 $?
left() { [ "$(covey nodes --json | look '[r["state"] for r in v if r["name"] == "beta"]')" = "['left']" ]; }
ok "alpha knows that beta left" support_until left
total=$(covey events --json --limit 0 | wc -l)
support_down "$alpha"
is "alpha ends in order" 0 $?
stopped=$(covey events --json --limit 0 --data "$alpha_data" | wc -l)
ok "a stopped mesh shows its $total events: $stopped" [ "$stopped" -ge "$total" ]
has "stats of a stopped mesh" "type count" 1 stats --type system:error
has "aggregates of a stopped mesh" "type count firstSeen" 1 aggregates --type system:error
has "events of a stopped mesh" "offset" 4 events --type system:error --tag t1
is "but nobody answers there" 3 "$(code_of covey status)"
support_up alpha2 --data "$alpha_data" || support_end
has "all is there after a restart" offset 4 events --type system:error --tag t1 --data "$alpha_data"
has "tasks too" "id state" 5 task list --data "$alpha_data"
support_end
