#!/bin/bash
# Coordinators as an operator has them: from one to three to five and back while
# tasks are submitted, with leaders that are killed or stand still, a majority
# that is lost and comes back, a disk that is lost, and all restarted. Whatever
# was acknowledged is there at the end, once.
set -u
. "$(dirname "$0")/../support/mesh.sh"
declare -A pid data
mesh=coord-$$

node() { # name, options
    local name=$1
    shift
    support_up "$name" --mesh "$mesh" --log-level info "$@" || support_end
    pid[$name]=$up_pid data[$name]=$up_data
}
again() { # name: after it died
    local roles=coordinator
    [ "$1" = a ] && roles=coordinator,persister
    node "$1" --join "$join" --roles $roles
}
die() { # name: without a word
    kill -KILL "${pid[$1]}"
    wait "${pid[$1]}" 2>/dev/null
}
ask() { # node, method, params
    covey request coordinator "$2" "$3" --data "${data[$1]}" --timeout "${4:-15s}"
}
look() { python3 -c 'import json, sys
v = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"; }
list() { covey coordinator list --data "${data[$1]}" --json; }
voters() { # as a node sees them
    ask "$1" mesh.coordinator '{}' 3s | look '" ".join(sorted(v["members"]))'
}
leader() { ask "$1" mesh.coordinator '{}' 3s | look 'v.get("leader", "")'; }
voters_are() { [ "$(voters "$1")" = "$2" ]; }
leads_another() { # node that is asked, who led
    local now
    now=$(leader "$1") && [ -n "$now" ] && [ "$now" != "$2" ]
}
submit() { # node, id, timeout
    ask "$1" task.submit "{\"taskId\":\"$2\",\"taskType\":\"x\"}" "${3:-15s}"
}
acked() { wc -l <"$support_dir/acked"; }
grew() { [ "$(acked)" -gt "$1" ]; }
ms() { echo $(($(date +%s%N) / 1000000)); }

# One task after the other, from a node that stays; who is acknowledged is noted.
load() {
    local i=0
    while [ -e "$support_dir/load" ]; do
        i=$((i + 1))
        submit host "L$i" 20s >/dev/null 2>>"$support_dir/load.err" && echo "L$i" >>"$support_dir/acked"
    done
}
all_there() { # node: every acknowledged one is there, once
    covey task list --limit 1000 --data "${data[$1]}" --json | python3 -c '
import json, sys
there = [json.loads(line)["id"] for line in sys.stdin]
acked = open(sys.argv[1]).read().split()
lost = [i for i in acked if there.count(i) != 1]
print(len(acked), "acknowledged,", len(lost), "not there:", lost[:5])
sys.exit(1 if lost or not acked else 0)' "$support_dir/acked"
}

node a
join=$up_endpoint
for name in b c d e; do node "$name" --join "$join"; done
node host --join "$join" --roles none
is "one founds the log" "a" "$(voters a)"
spares() { [ "$(list a | grep -c '"role":"spare"')" = 4 ]; }
ok "those that join are spares" support_until spares

: >"$support_dir/acked"
touch "$support_dir/load"
load &
loader=$!
ok "tasks are taken" support_until grew 5

# ---- growing, under load
ok "add b" covey coordinator add b --data "${data[a]}"
ok "add c, asked elsewhere" covey coordinator add c --data "${data[e]}"
is "three" "a b c" "$(voters a)"
ok "add d" covey coordinator add d --data "${data[a]}"
ok "add e" covey coordinator add e --data "${data[b]}"
for name in a b c d e host; do
    ok "$name sees five" support_until voters_are "$name" "a b c d e"
    is "quorum on $name" 3 "$(covey status --json --data "${data[$name]}" | look 'v["coordinator"]["quorum"]')"
done
before=$(acked)
ok "tasks are taken by five" support_until grew "$before"

# ---- wrong input: one line, nothing changes
refused() { # what, words, command
    local what=$1 words=$2
    shift 2
    if "$@" >"$support_dir/out" 2>"$support_dir/err"; then fail "$what: not refused"; fi
    ok "$what says why" grep -q "$words" "$support_dir/err"
    is "$what: one line" 1 "$(wc -l <"$support_dir/err")"
}
refused "a node that nobody knows" "no node \"bb\"" covey coordinator add bb --data "${data[a]}"
refused "a voter added" "voter already" covey coordinator add b --data "${data[a]}"
refused "a node without coordinator" "runs no coordinator" covey coordinator add host --data "${data[a]}"
refused "who is no member" "no member" covey coordinator remove host --data "${data[a]}"
refused "no voter to lead" "no voter" covey coordinator transfer host --data "${data[a]}"
refused "no name" "NODE" covey coordinator add --data "${data[a]}"
refused "an odd level" "linearizable" covey coordinator list --consistency strong --data "${data[a]}"
is "nothing changed" "a b c d e" "$(voters a)"

# ---- the leader is killed
for round in 1 2; do
    who=$(leader host)
    before=$(acked) began=$(ms)
    die "$who"
    if support_until grew "$((before + 1))"; then
        pass
        echo "killed $who: the next task after $(($(ms) - began)) ms"
    else
        fail "nobody took over for $who" "$(tail -3 "$support_dir/load.err")"
    fi
    join=
    for name in a b c d e; do
        [ "$name" = "$who" ] || join=$(covey status --json --data "${data[$name]}" | look 'v["endpoint"]')
    done
    again "$who"
    ok "$who is back" support_until voters_are "$who" "a b c d e"
done

# ---- the leader stands still
who=$(leader host)
before=$(acked) began=$(ms)
kill -STOP "${pid[$who]}"
if support_until grew "$((before + 1))"; then
    pass
    echo "stopped $who: the next task after $(($(ms) - began)) ms"
else
    fail "nobody took over for $who, which stands still"
fi
kill -CONT "${pid[$who]}"
ok "$who finds that another one leads" support_until leads_another "$who" "$who"

# ---- shrinking, the leader among them
who=$(leader host)
ok "transfer" covey coordinator transfer --data "${data[host]}"
ok "another one leads" support_until leads_another host "$who"
for name in e d; do
    ok "remove $name" covey coordinator remove "$name" --data "${data[host]}" --timeout 30s
done
ok "three again" support_until voters_are host "a b c"
if [ "$(leader host)" != a ]; then
    ok "a leads" covey coordinator transfer a --data "${data[host]}" --timeout 40s
fi
before=$(acked)
ok "tasks are taken by three" support_until grew "$before"
rm "$support_dir/load"
wait "$loader"
ok "nothing was lost" all_there host
cat "$support_dir/ok.out"

# ---- no majority: the others stand still, and their nodes are not failed yet
ok "b leads" covey coordinator transfer b --data "${data[host]}"
ok "a knows" support_until leads_another a a
kill -STOP "${pid[b]}" "${pid[c]}"
ok "who is left answers stale reads in time" ask a task.list '{"consistency":"stale"}' 5s
refused "a command then" "no coordinator leads: 2 of the 3" ask a task.submit '{"taskType":"x"}' 3s
covey claim check x --data "${data[a]}" --timeout 3s >"$support_dir/out" 2>&1
is "nobody can tell whether something is claimed" 3 $?
kill -CONT "${pid[b]}" "${pid[c]}"
ok "they go on" submit a after-standstill
ok "a leads again" covey coordinator transfer a --data "${data[host]}" --timeout 40s

# ---- no majority: they are gone
join=$(covey status --json --data "${data[a]}" | look 'v["endpoint"]')
die b
die c
began=$(ms)
if submit a alone 3s >"$support_dir/out" 2>"$support_dir/err"; then fail "one of three decided"; fi
took=$(($(ms) - began))
ok "refused within the timeout ($took ms)" [ "$took" -lt 5000 ]
ok "it says what is missing" grep -q "no coordinator leads: 2 of the 3 are needed" "$support_dir/err"
ok "the journal goes on" covey publish --wait stored --data "${data[host]}" \
    - <<<'{"type":"system:info","data":{"component":"c","message":"m"}}'
ok "so do stale reads" covey coordinator list --consistency stale --data "${data[a]}"
ask a task.list '{"consistency":"stale","limit":1}' >"$support_dir/out"
ok "which say how old they are" grep -q '"age":' "$support_dir/out"

# ---- a majority again, and one that lost its log
again b
ok "it goes on" submit a after-majority
id_of_c() { list a | sed -n 's/.*"id":"\([0-9a-f]*\)","node":"c".*/\1/p'; }
former=$(id_of_c)
rm -f "${data[c]}"/control.db*
again c
replaced() {
    local now
    now=$(list a | grep '"node":"c"' | grep '"role":"voter"' | sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p')
    [ -n "$now" ] && [ "$now" != "$former" ]
}
ok "who lost its log votes under another id" support_until replaced
is "in place of itself" "a b c" "$(voters a)"

# ---- all of them restarted
for name in a b c; do support_down "${pid[$name]}"; done
join=$(covey status --json --data "${data[host]}" | look 'v["endpoint"]')
for name in a b c; do again "$name"; done
ok "all restarted" submit a after-restart
ok "nothing was lost by that" all_there a

# ---- back to one
ok "remove b" covey coordinator remove b --data "${data[host]}" --timeout 30s
ok "remove c" covey coordinator remove c --data "${data[host]}" --timeout 30s
is "one" "a" "$(voters a)"
refused "the only one" "only voter" covey coordinator remove a --data "${data[a]}"
refused "nobody else to lead" "no other voter" covey coordinator transfer --data "${data[a]}"
ok "it decides alone" submit host last
ok "and has everything" all_there a
support_end
