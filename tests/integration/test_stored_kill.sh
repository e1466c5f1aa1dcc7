#!/bin/bash
# "stored" means stored: the process that keeps the journal is killed with
# SIGKILL while events are published to it, from its own node and from another.
# After the restart every acknowledged id is there, and none twice.
set -u
. "$(dirname "$0")/../support/mesh.sh"
rounds=${COVEY_ROUNDS:-6}
echo "seed ${COVEY_SEED:=$RANDOM}"
RANDOM=$COVEY_SEED

events() { # count, name: one event a line
    local i
    for ((i = 0; i < $1; i++)); do
        printf '{"type":"system:info","data":{"component":"%s","message":"%d"}}\n' "$2" "$i"
    done
}

# Receipts of level stored, as they come, until the input ends or one is late.
publish() { # data folder, file of receipts, name, how long one may take
    events 4000 "$3" | "$COVEY_BIN" publish --data "$1" --wait stored --timeout "$4" --json - \
        >"$2" 2>"$2.err" &
}

id_of() { sed -n 's/.*"id":"\([^"]*\)".*/\1/p' "$1"; }

support_up journal --roles coordinator,persister
journal_pid=$up_pid journal_data=$up_data journal_endpoint=$up_endpoint
support_up other --join "$journal_endpoint"
other_data=$up_data

for ((round = 0; round < rounds; round++)); do
    publish "$journal_data" "$support_dir/local.$round" "local-$round" 2s
    local_pid=$!
    publish "$other_data" "$support_dir/remote.$round" "remote-$round" 20s
    remote_pid=$!
    # Not before both have receipts, then at a random number of them.
    want=$((20 + RANDOM % 400))
    enough() { [ "$(cat "$support_dir/local.$round" "$support_dir/remote.$round" | wc -l)" -ge $want ] &&
        [ -s "$support_dir/remote.$round" ] && [ -s "$support_dir/local.$round" ]; }
    if support_until enough; then pass; else fail "round $round: no receipts in time" "$(cat "$support_dir"/*."$round".err)"; fi
    kill -KILL "$journal_pid"
    wait "$journal_pid" 2>/dev/null
    wait "$local_pid" 2>/dev/null
    "$COVEY_BIN" up --name journal --data "$journal_data" --listen "$journal_endpoint" \
        --roles coordinator,persister >"$support_dir/journal.out" 2>&1 &
    journal_pid=$!
    support_pids+=("$journal_pid")
    wait "$remote_pid" 2>/dev/null
done
if support_until covey status --data "$journal_data"; then pass; else fail "the journal's node is back"; fi

cat "$support_dir"/local.* "$support_dir"/remote.* >"$support_dir/receipts"
grep '"level":"stored"' "$support_dir/receipts" >"$support_dir/stored"
id_of "$support_dir/stored" | sort >"$support_dir/acknowledged"
support_timeout=60 covey events --data "$journal_data" --limit 0 --type system:info --json |
    grep '"component":"\(local\|remote\)-' >"$support_dir/events"
id_of "$support_dir/events" | sort >"$support_dir/found"
acknowledged=$(wc -l <"$support_dir/acknowledged")
echo "$acknowledged events acknowledged as stored over $rounds kills, $(wc -l <"$support_dir/found") found"
if [ "$acknowledged" -ge $((rounds * 20)) ]; then pass; else fail "too few receipts: $acknowledged"; fi
is "acknowledged and not in the journal" "" \
    "$(comm -23 "$support_dir/acknowledged" "$support_dir/found" | head -3)"
is "twice in the journal" "" "$(uniq -d "$support_dir/found" | head -3)"
is "offsets that come twice" "" \
    "$(sed -n 's/.*"offset":\([0-9]*\).*/\1/p' "$support_dir/events" | sort -n | uniq -d | head -3)"
support_end
