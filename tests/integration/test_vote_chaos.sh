#!/bin/bash
# Fifty voters at five nodes, three of them coordinators. In the middle of each
# vote the leader is killed with -9, and the voters of its node with nobody to
# talk to; another one leads, the node comes back, and there is one decision, the
# right one: of all acknowledged ballots, known to every member, and recounted
# from the journal.
#   VOTE_ROUNDS=20 for more of it; COVEY_SEED=N repeats who votes when
# shellcheck disable=SC2154 # set by tests/support/mesh.sh
. "${COVEY_SOURCE:?is set by ctest}/tests/support/mesh.sh"
set -u
support_until_s=120 # the machine may be busy
rounds=${VOTE_ROUNDS:-2}
export COVEY_SEED="${COVEY_SEED:-$RANDOM}"
voters=50
mesh=votes-$$
names=(a b c d e)
declare -A pid data roles number=([a]=0 [b]=1 [c]=2 [d]=3 [e]=4)
roles=([a]=coordinator [b]=coordinator [c]=coordinator [d]=persister [e]=none)

node() { # name, options: where it was before, if it was
    local name=$1
    shift
    support_up "$name" --mesh "$mesh" --replace-after 10m --roles "${roles[$name]}" "$@" || support_end
    pid[$name]=$up_pid data[$name]=$up_data
}
status() { # of the coordinators, as a node sees them
    covey request coordinator mesh.coordinator '{}' --data "${data[$1]}" | python3 -c '
import json, sys
value = json.load(sys.stdin).get(sys.argv[1], "")
print(" ".join(sorted(value)) if isinstance(value, list) else value)' "$2"
}
members_are() { [ "$(status e members)" = "$1" ]; }
somebody_leads() { leader=$(status e leader) && [ -n "$leader" ]; }
agents_are() { [ "$(covey agents --data "${data[e]}" --json | grep -c '"voter')" = "$1" ]; }

node a --listen 127.0.0.1:0
join=$up_endpoint
for name in b c d e; do node $name --join "$join"; done
join=$up_endpoint # nothing happens to e
for name in b c; do ok "add $name" covey coordinator add $name --data "${data[e]}" --timeout 60s; done
ok "three coordinators" support_until members_are "a b c"

mkfifo "$support_dir/commands" "$support_dir/answers"
endpoints=()
for name in "${names[@]}"; do endpoints+=("ipc://${data[$name]}/agents.sock"); done
"$COVEY_BUILD/bin/test_voters" "$support_dir" $voters "${endpoints[@]}" \
    <"$support_dir/commands" >"$support_dir/answers" 2>"$support_dir/voters.err" &
program=$!
support_pids+=("$program")
exec {commands}>"$support_dir/commands" {answers}<"$support_dir/answers"
answer() { # what it says next
    local line=
    read -r -t 150 -u "$answers" line
    echo "$line"
}
tell() {
    echo "$1" >&"$commands"
    answer
}
is "the voters are ready" ready "$(answer)"
ok "all are there" support_until agents_are $voters
is "a swarm" formed "$(tell form)"

for ((round = 1; round <= rounds; round++)); do
    outcome=accepted
    [ $((round % 2)) = 1 ] || outcome=rejected
    support_until somebody_leads || fail "round $round: nobody leads"
    victim=$leader
    is "round $round: the vote begins" kill "$(tell "ask vote-$round $outcome")"
    kill -KILL "${pid[$victim]}"
    wait "${pid[$victim]}" 2>/dev/null
    echo "killed ${number[$victim]}" >&"$commands"
    node "$victim" --join "$join"
    said=$(answer)
    case $said in
        "decided vote-$round "*) pass ;;
        *) fail "round $round, $victim killed" "$said" "$(tail -5 "$support_dir/voters.err")" ;;
    esac
    verified() { covey vote verify "vote-$round" --data "${data[d]}" >"$support_dir/report" 2>&1; }
    if support_until verified; then pass; else fail "round $round is recounted" "$(cat "$support_dir/report")"; fi
    case $(cat "$support_dir/report") in
        "verified: $outcome, "*) pass ;;
        *) fail "round $round must be $outcome" "$(cat "$support_dir/report")" ;;
    esac
    echo "round $round: $victim killed; $said ballots acknowledged; $(head -1 "$support_dir/report")"
    [ "$support_failed" = 0 ] || break
    ok "round $round: all are back" support_until agents_are $voters
done
echo "ms from the last needed ballot until every member knew, p50 p99 max: $(tell times)"
echo end >&"$commands"
ok "the voters end well" wait "$program"
[ "$support_failed" = 0 ] || echo "COVEY_SEED=$COVEY_SEED repeats who votes when"
support_end
