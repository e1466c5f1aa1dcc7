# A mesh of real processes, each node in a network namespace of its own, with a
# network between them that misbehaves as it is told. After support.sh.
#   netns_open N        the relay and N namespaces; skips the test (77) where the
#                       machine lacks the right
#   netns_node I [...]  `covey up` as node I: node_pid[I], node_data[I]
#   netns_agent I       an agent with traffic at node I (test_traffic)
#   netns_link K=V ...  delay, jitter, loss, ... from now on (relay.c has them)
#   netns_cut A B       what A sends does not reach B; netns_heal ends all cuts
bin=${COVEY_BUILD:?is set by ctest}/bin
node_pid=() node_data=() agent_pid=() agent_in=() agent_out=()

netns_skip() {
    echo "SKIP: $1: this test needs root, /dev/net/tun and nftables"
    trap - EXIT
    rm -rf "$dir"
    exit 77
}

# For the background: a command that ends with this script, however it ends.
bound() { exec setpriv --pdeathsig KILL "$@"; }

netns_open() {
    local word seed
    command -v nft >/dev/null || netns_skip "there is no nft"
    mkfifo "$dir/relay.in" "$dir/relay.out"
    bound "$bin/test_relay" "$1" <"$dir/relay.in" >"$dir/relay.out" 2>>"$dir/relay.log" &
    exec 6>"$dir/relay.in" 7<"$dir/relay.out"
    read -r -t 20 -u 7 -a relay
    [ "${relay[0]:-}" = ready ] || netns_skip "${relay[*]:1}"
    echo "seed ${relay[1]} (COVEY_SEED=${relay[1]} repeats the network's draws)"
    netns_in 1 nft list ruleset >"$dir/nft.out" 2>&1 || netns_skip "$(head -1 "$dir/nft.out")"
}

# netns_in I COMMAND...: in the namespace of node I, in place of this shell
netns_exec() {
    local number=$1
    shift
    exec nsenter --net="/proc/${relay[2]}/fd/${relay[$((number + 2))]}" "$@"
}
netns_in() { (netns_exec "$@"); }

netns_relay() {
    local answer
    echo "$*" >&6
    read -r -t 20 -u 7 answer && case $answer in error*) false ;; esac
    echo "$answer"
}
netns_link() { netns_relay link "$@" >/dev/null || check "the relay takes $*" false; }

netns_cut() {
    netns_in "$2" nft -f - <<<"add table inet fault
        add chain inet fault in { type filter hook input priority 0; }
        add rule inet fault in ip saddr 10.77.0.$1 counter drop"
}
netns_heal() {
    local i
    for ((i = 1; i < ${#relay[@]} - 2; i++)); do
        netns_in "$i" nft flush ruleset
    done
}

netns_node() {
    local number=$1 word ready=$dir/node$1.ready join=(--join 10.77.0.1:7400)
    shift
    [ "$number" -gt 1 ] || join=(--roles coordinator,persister)
    case " $* " in *" --roles "*) [ "$number" -gt 1 ] || join=() ;; esac
    node_data[number]=$dir/node$number
    mkfifo "$ready"
    netns_exec "$number" setpriv --pdeathsig KILL "$covey" up --config /dev/null --name "node$number" \
        --listen "10.77.0.$number:7400" "${join[@]}" --data "${node_data[number]}" \
        --ready-fd 9 "$@" 9<>"$ready" >>"$dir/node$number.log" 2>&1 &
    node_pid[number]=$!
    pids="$pids $!"
    read -r -t 30 word _ <>"$ready"
    rm -f "$ready"
    check "node $number is ready" equal "${word:-}" ready
}

# node_is I PATH VALUE: what its status says
node_is() { equal "$("$covey" status --data "${node_data[$1]}" --json | field "$2")" "$3"; }
# every_node I... -- PATH VALUE
every_node() {
    local numbers=() number
    while [ "$1" != -- ]; do numbers+=("$1"); shift; done
    for number in "${numbers[@]}"; do node_is "$number" "$2" "$3" || return; done
}

netns_agent() {
    local number=$1 answer
    shift
    mkfifo "$dir/agent$number.in" "$dir/agent$number.out"
    bound "$bin/test_traffic" "ipc://${node_data[number]}/agents.sock" "agent$number" \
        "$dir/agent$number.events" "$@" <"$dir/agent$number.in" >"$dir/agent$number.out" 2>>"$dir/agent$number.log" &
    agent_pid[number]=$!
    exec {agent_in[number]}>"$dir/agent$number.in" {agent_out[number]}<"$dir/agent$number.out"
    pids="$pids $!"
    read -r -t 30 -u "${agent_out[number]}" answer
    check "agent $number is ready" equal "$answer" ready
}

# netns_mesh I...: a node and an agent each, until all know all
netns_mesh() {
    local i j
    netns_nodes=("$@")
    for i in "$@"; do netns_node "$i"; done
    for i in "$@"; do
        netns_agent "$i" $(for j in "$@"; do [ "$j" = "$i" ] || echo "agent$j"; done)
    done
    check "every node can route to every agent" until_true 40 netns_whole
}
netns_whole() {
    every_node "${netns_nodes[@]}" -- nodes.alive ${#netns_nodes[@]} &&
        every_node "${netns_nodes[@]}" -- agents ${#netns_nodes[@]}
}

# netns_traffic MS: each agent sends to each other one every MS ms, at most
netns_traffic() {
    local i
    for i in "${netns_nodes[@]}"; do agent_do "$i" go "$1" >/dev/null; done
}
# How many targeted events were received so far; is it so many?
netns_count() {
    local i sum=0 words
    for i in "${netns_nodes[@]}"; do
        read -r -a words <<<"$(agent_do "$i" counts)"
        sum=$((sum + words[1]))
    done
    echo "$sum"
}
netns_received() { [ "$(netns_count)" -ge "$1" ]; }

# netns_check [OPTIONS]: ends the traffic, waits for what is under way, and reads
# all logs (check_traffic.py)
netns_check() {
    local i names=()
    for i in "${netns_nodes[@]}"; do
        check "agent $i is quiet" equal "$(agent_do "$i" quiet)" quiet
        names+=("$("$covey" status --data "${node_data[$i]}" --json | field node.id)=agent$i")
    done
    netns_checked() {
        python3 "$COVEY_SOURCE/tests/support/check_traffic.py" "$@" "${names[@]}" "$dir"/agent?.events >"$dir/verdict"
    }
    until_true 30 netns_checked "$@" # what is lost may come yet, what is wrong stays
    for i in "${netns_nodes[@]}"; do
        echo end >&"${agent_in[$i]}"
        check "agent $i ends well" wait "${agent_pid[$i]}"
    done
    netns_checked "$@"
    check "nothing lost, twice or out of order" equal "$(sed '$d' "$dir/verdict")" ""
    tail -1 "$dir/verdict"
    netns_relay counts
    for i in "${netns_nodes[@]}"; do check "node $i ends well" stop "${node_pid[$i]}"; done
}

# agent_do I WORDS...: what it answers
agent_do() {
    local number=$1 answer
    shift
    echo "$*" >&"${agent_in[number]}"
    read -r -t 90 -u "${agent_out[number]}" answer
    echo "$answer"
}
