#!/bin/bash
# Two hosts on a LAN, made of network namespaces: nodes that are given no
# address find each other; a host with two interfaces asks which one.
# shellcheck disable=SC2154 # set by tests/support/mesh.sh
. "${COVEY_SOURCE:?}/tests/support/mesh.sh"
dir=$support_dir
a=covey-a-$$ b=covey-b-$$

if ! ip netns add "$a" 2>"$dir/err" || ! ip netns add "$b" 2>>"$dir/err"; then
    ip netns del "$a" 2>/dev/null
    echo "skipped: no right to make network namespaces: $(head -1 "$dir/err")"
    exit 77
fi
cleanup() {
    support_cleanup
    ip netns del "$a"
    ip netns del "$b"
}
trap cleanup EXIT
in_a() { ip netns exec "$a" "$@"; }
in_b() { ip netns exec "$b" "$@"; }
network() {
    ip link add lan0 netns "$a" type veth peer name lan0 netns "$b" &&
        ip link add dmz0 netns "$b" type veth peer name dmz1 netns "$b" &&
        in_a ip addr add 10.77.0.1/24 brd + dev lan0 && in_a ip link set lan0 up &&
        in_b ip addr add 10.77.0.2/24 brd + dev lan0 && in_b ip link set lan0 up &&
        in_b ip addr add 10.78.0.2/24 brd + dev dmz0 && in_b ip link set dmz0 up &&
        in_a ip link set lo up && in_b ip link set lo up && in_b ip link set dmz1 up
}
if ! network 2>"$dir/err"; then
    echo "skipped: no virtual network here: $(head -1 "$dir/err")"
    exit 77
fi
nodes() {
    covey nodes --data "$dir/$1" --json 2>/dev/null |
        python3 -c 'import json, sys
print(*sorted(v["endpoint"] for v in map(json.loads, sys.stdin) if v["state"] == "alive"))'
}
sees() { [ "$(nodes "$1")" = "$2" ]; }

# ---- which one?
for args in "--listen 0.0.0.0" "--listen *:0 --beacon" "--interface wifi9"; do
    # shellcheck disable=SC2086 # words
    in_b timeout 10 "$COVEY_BIN" up --memory $args >"$dir/out" 2>"$dir/err"
    is "$args" "2 1 yes" "$? $(wc -l <"$dir/err") $(grep -qF 'lan0 10.77.0.2, dmz0 10.78.0.2' "$dir/err" && echo yes)"
done

# ---- nobody is told an address
# Without the functions: the pid must be that of the node itself.
ip netns exec "$a" "$COVEY_BIN" up --data "$dir/a" --interface lan0 --beacon >"$dir/a.out" 2>&1 &
support_pids+=($!)
ip netns exec "$b" "$COVEY_BIN" up --data "$dir/b" --interface lan0 --beacon --roles none >"$dir/b.out" 2>&1 &
support_pids+=($!)
both="10.77.0.1:7400 10.77.0.2:7400"
ok "the first node finds the second" support_until sees a "$both"
ok "the second node finds the first" support_until sees b "$both"

# ---- on two interfaces, the first is told to others
ip netns exec "$b" "$COVEY_BIN" up --data "$dir/c" --listen 0.0.0.0:7500 --interface lan0,dmz0 --beacon --roles none >"$dir/c.out" 2>&1 &
support_pids+=($!)
all="$both 10.77.0.2:7500"
ok "the third node is found" support_until sees a "$all"
ok "the third node finds the others" support_until sees c "$all"
[ "$support_failed" -eq 0 ] || head -5 "$dir"/?.out >&2
support_end
