#!/bin/bash
# Who heard the question of a vote: members on several nodes, one that is not
# there, a leader that is killed in between; what is told is what the log knows,
# and a decision that tells something else does not verify.
# shellcheck disable=SC2154 # set by tests/support/mesh.sh
. "$COVEY_SOURCE/tests/support/mesh.sh" || exit 1
dir=$support_dir
declare -A pid data
node() { # name, options
    local name=$1
    shift
    support_up "$name" --mesh "heard-$$" "$@" || support_end
    pid[$name]=$up_pid data[$name]=$up_data
}
look() { python3 -c 'import json, sys
v = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"; }

node a --roles coordinator,persister
join=$up_endpoint
node b --join "$join" --roles coordinator
node c --join "$join" --roles coordinator
node host --join "$join" --roles none
export COVEY_DATA=${data[host]}
spares() { [ "$(covey coordinator list --json | grep -c '"role":"spare"')" = 2 ]; }
ok "two stand by" support_until spares
ok "add b" covey coordinator add b
ok "add c" covey coordinator add c
ok "b leads" covey coordinator transfer b

# ann is where votes are asked for, bob elsewhere; neither answers by itself.
members=(ann:host bob:a)
for one in "${members[@]}"; do
    "$COVEY_BIN" agent run --id "${one%:*}" --type voter --data "${data[${one#*:}]}" -- cat >"$dir/${one%:*}.out" 2>&1 &
    support_pids+=("$!")
done
two_are_there() { [ "$(covey agents --json | grep -c voter)" = 2 ]; }
ok "two members are there" support_until two_are_there
ok "a swarm" covey swarm form s --member ann --member bob --member ghost
ok "a question" covey vote propose s '"go?"' --id q --timeout 10m

heard() { covey vote show q --json | look '" ".join(v.get("heard", []))'; }
heard_is() { [ "$(heard)" = "$1" ]; }
ok "who is there has heard it" support_until heard_is "ann bob"
is "nobody has answered" "0 2" "$(covey vote show q --json | look 'str(v["turnout"]["cast"]) + " " + str(v["turnout"]["heard"])')"
ok "people see it" grep -q '^heard  *2 of 3 members; not ghost$' <(covey vote show q)

kill -KILL "${pid[b]}"
wait "${pid[b]}" 2>/dev/null
support_until_s=30
ok "another leader knows it" support_until heard_is "ann bob"
cast() { covey vote cast q "$2" --as "$1"; }
ok "ann votes" support_until cast ann approve
ok "the one that is not there votes by hand" support_until cast ghost approve
is "who votes has heard it" "ann bob ghost" "$(heard)"
is_stored() { covey events --type swarm:consensus:reached --json | grep -q '"consensusId":"q"'; }
ok "it is decided" support_until is_stored
is "the decision tells it" "ann bob ghost" \
    "$(covey events --type swarm:consensus:reached --json | look '" ".join(v["data"]["heard"])')"

# ---- the audit
ok "it verifies" covey vote verify q
if covey vote export q >"$dir/q.jsonl" 2>"$dir/err"; then pass; else fail "an export" "$(cat "$dir/err")"; fi
ok "the export verifies" covey vote verify --file "$dir/q.jsonl"
# Sums made anew: what the rules make is found all the same.
forge() { # what the decision says of who heard it
    python3 - "$dir/q.jsonl" "$dir/forged.jsonl" "$1" <<'PY'
import hashlib, json, sys
lines = open(sys.argv[1], encoding="utf-8").read().splitlines()
out = []
for line in lines[:-1]:
    event = json.loads(line)
    if event["type"] == "swarm:consensus:reached":
        event["data"]["heard"] = sys.argv[3].split()
        line = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
    out.append(line)
sums = [hashlib.sha256(line.encode()).hexdigest() for line in out]
last = json.loads(lines[-1])
last["sums"] = sums
out.append(json.dumps(last, separators=(",", ":")))
open(sys.argv[2], "w", encoding="utf-8").write("\n".join(out) + "\n")
PY
}
found() { ! covey vote verify --file "$dir/forged.jsonl" >"$dir/report" 2>&1 && grep -q "$1" "$dir/report"; }
forge "bob ghost"
ok "a voter that heard nothing is found" found "ann did not hear the question"
forge "ann bob eve ghost"
ok "a stranger that heard it is found" found '"eve" heard the question'

support_end
