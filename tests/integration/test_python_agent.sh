#!/bin/bash
# shellcheck disable=SC2317 # functions are called by others
# An agent that shares no code with us, in Python by docs/protocol.md, is one
# like any other: it answers, works, votes and sees what it subscribed to.
python=/usr/bin/python3
if ! $python -c 'import zmq, google.protobuf' 2>/dev/null || ! command -v protoc >/dev/null; then
    echo "SKIP: needs python3-zmq, python3-protobuf and protobuf-compiler"
    exit 77
fi
# shellcheck source=tests/support/mesh.sh
. "${COVEY_SOURCE:?is set by ctest}/tests/support/mesh.sh"
agent_log=$support_dir/agent.log
logged() { grep -q -- "$1" "$agent_log"; }
said() { # what, a line of the agent's
    if support_until logged "$2"; then pass; else fail "$1" "$(cat "$agent_log")"; fi
}
# start_agent ENDPOINT: sets agent_pid
start_agent() {
    PYTHONPATH=$support_dir/pb PYTHONDONTWRITEBYTECODE=1 \
        $python "$COVEY_SOURCE/examples/agent.py" "$1" py memory:stored >"$agent_log" 2>&1 &
    agent_pid=$!
    support_pids+=("$agent_pid")
}

mkdir "$support_dir/pb"
ok "the classes are made" protoc --proto_path="$COVEY_SOURCE" --python_out="$support_dir/pb" \
    proto/event.proto proto/wire.proto

# Its codec and ours agree on the golden frames.
check_vectors() {
    PYTHONPATH=$support_dir/pb:$COVEY_SOURCE/examples PYTHONDONTWRITEBYTECODE=1 $python - "$COVEY_SOURCE/proto/vectors/frames.json" <<'PY'
import json, sys, agent
for vector in json.load(open(sys.argv[1])):
    if vector["kind"] == 0x28:  # swim.proto: agents do not speak it
        continue
    data, message = bytes.fromhex(vector["bytes"]), getattr(agent.wire, vector["message"])
    agent.FROM_NODE[vector["kind"]] = message
    header, items = agent.unpack(data)
    assert len(items) == len(vector["items"]), vector["name"]
    events = [agent.pb.Event.FromString(item).SerializeToString() if isinstance(text, dict) else item
              for item, text in zip(items, vector["items"])]
    assert agent.pack(vector["kind"], header, events) == data, vector["name"]
PY
}
ok "the golden frames" check_vectors

support_up alpha || exit 1
export COVEY_ENDPOINT=$up_session
start_agent "$up_session"

said "it registers" '^open: node alpha$'
said "its subscription is live" '^subscribed: live$'
said "its event is in the journal" '^stored: [0-9]'

is "a request gets its answer" '"pong"' "$(covey request py ping)"
error=$(covey request py sing 2>&1)
is "an unknown method gets a refusal" 1 $?
case $error in *NOTFOUND*) pass ;; *) fail "the refusal has its code" "$error" ;; esac

view=$(covey task submit --type py --input '"three small words"' --wait --json)
is "a task is completed" 0 $?
case $view in
    *'"state":"completed","agent":"py"'*'"result":{"words":3}'*) pass ;;
    *) fail "by the agent, with its result" "$view" ;;
esac
said "it was told so" '^task completed$'

ok "a swarm" covey swarm form pythons --member py
view=$(covey vote propose pythons '{"merge":"branch-7"}' --timeout 10s --wait --json)
is "its vote decides" 0 $?
case $view in *'"outcome":"accepted"'*'"agentId":"py","vote":"approve"'*) pass ;; *) fail "the ballot counts" "$view" ;; esac
said "it was told so" '^vote decided$'

view=$(covey coordinate "count words" --agent-type python --wait --json)
is "it takes part in a coordination" 0 $?
case $view in *'"result":[{"agentId":"py","result":{"words":'*) pass ;; *) fail "its step has a result" "$view" ;; esac

echo '{"type":"memory:stored","data":{"memoryKey":"k","revision":1,"size":2,"accessLevel":"read"}}' >"$support_dir/event"
ok "an event is published" covey publish "$support_dir/event"
said "it sees what it subscribed to" '^saw: memory_stored from '

group() { # CAPABILITY
    PYTHONPATH=$support_dir/pb PYTHONDONTWRITEBYTECODE=1 \
        $python "$COVEY_SOURCE/examples/group.py" "$up_session" boss "$1" 10 2>&1
}
"$COVEY_BIN" agent run --id w1 --type w --cap resize -- cat >"$support_dir/w1.out" 2>&1 &
support_pids+=("$!")
"$COVEY_BIN" agent run --id w2 --type w --cap resize -- cat >"$support_dir/w2.out" 2>&1 &
support_pids+=("$!")
workers() { [ "$(covey agents --json | grep -c '"resize"')" = 2 ]; }
ok "two that can resize" support_until workers
is "each message is accepted for one of a group" "10 accepted, 0 refused" "$(group resize | tail -1)"
shared() { [ "$(covey events --type message:sent --target w1 --target w2 --json | wc -l)" = 10 ]; }
ok "and has one of them as its target" support_until shared
case $(group fly | tail -1) in
    "0 accepted, 10 refused"*fly*) pass ;;
    *) fail "a group of nobody is refused" "$(group fly)" ;;
esac

support_down "$up_pid"
support_up alpha || exit 1
back() { [ "$(grep -c '^open: node alpha$' "$agent_log")" = 2 ]; }
if support_until back; then pass; else fail "it finds its node again" "$(cat "$agent_log")"; fi
is "and answers" '"pong"' "$(covey request py ping)"

kill "$agent_pid"
wait "$agent_pid"
is "it ends when it is asked to" 0 $?
gone() { ! covey agents --json | grep -q '"id":"py"'; }
if support_until gone; then pass; else fail "and says goodbye"; fi
support_end
