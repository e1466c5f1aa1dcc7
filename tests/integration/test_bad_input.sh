#!/bin/bash
# Bad input: for each case the exit code, exactly one line on stderr that has
# the given words, nothing on stdout, and no longer than 5 s.
# shellcheck disable=SC2154 # set by tests/support/mesh.sh
. "${COVEY_SOURCE:?}/tests/support/mesh.sh"
set -f # words and JSON are not patterns

# refused CODE WORDS ARGS...: WORDS are separated by |.
refused() {
    local code=$1 words=$2 start end got lines word ok=yes
    shift 2
    start=${EPOCHREALTIME/./}
    support_timeout=10 covey "$@" >"$support_dir/out" 2>"$support_dir/err" <"${stdin:-/dev/null}"
    got=$?
    end=${EPOCHREALTIME/./}
    lines=$(wc -l <"$support_dir/err")
    [ $got -eq "$code" ] && [ "$lines" -eq 1 ] && [ ! -s "$support_dir/out" ] &&
        [ $((end - start)) -lt 5000000 ] || ok=no
    local IFS='|'
    for word in $words; do
        grep -qF -- "$word" "$support_dir/err" || ok="no: \"$word\" is missing"
    done
    if [ "$ok" = yes ]; then
        pass
        [ -z "${COVEY_TEST_VERBOSE:-}" ] || cat "$support_dir/err"
    else
        fail "covey $*" "expected: exit $code, one line with $words ($ok)" \
            "     got: exit $got, $lines lines, $(((end - start) / 1000)) ms, $(wc -c <"$support_dir/out") bytes on stdout" \
            "          $(head -c 600 "$support_dir/err")"
    fi
}

dir=$support_dir
long=$(printf 'x%.0s' {1..300})
huge=$(printf 'x%.0s' {1..100000})

# Commands and options
refused 2 'stats' stat
refused 2 'bogus|covey help' bogus
refused 2 'tasks' taskss
refused 2 'task submit' task sumbit
refused 2 'which one' task
refused 2 'no command' --json
refused 2 'did you mean' help evnts
refused 2 '--jsno|--json' status --jsno
refused 2 '-Z' status -Z
refused 2 '--lisen|--listen' up --lisen 127.0.0.1:0
refused 2 '--listen|needs a value' up --listen
refused 2 '--timeout|needs a value' status --timeout --json
refused 2 '--timeout|soon|duration' status --timeout soon
refused 2 '--timeout|0|from 1' status --timeout 0
refused 2 'extra|too many' nodes extra
refused 2 'missing|AGENT TEXT' send bob
refused 2 'missing|AGENT METHOD' request bob
refused 2 'missing' vote cast
refused 2 'zsh|bash' help --completion zsh
refused 2 '--json|maybe|true or false' status --json=maybe

# Every command: an option that nobody knows, a bound, an argument that is no
# text, one too many.
while read -r name; do
    # shellcheck disable=SC2086 # words
    refused 2 '--no-such-option' $name --no-such-option
done < <(covey help | sed -n 's/^  \([a-z]\+\( [a-z]\+\)*\)  .*/\1/p')
for name in 'task list' tasks 'task schedule list' 'swarm list' swarms 'vote list' votes 'coordinate list' \
    coordinations 'claim list' claims 'memory list' 'memory namespaces' roles registry; do
    # shellcheck disable=SC2086 # words
    {
        refused 2 '--limit|0|1 to 1000' $name --limit 0
        refused 2 '--after|empty' $name --after ''
        refused 2 '--consistency|fresh|linearizable' $name --consistency fresh
    }
done
bytes=$'a\xff'
for name in 'task show' 'task cancel' 'task retry' 'task pause' 'task resume' 'task schedule show' 'task schedule pause' \
    'task schedule resume' 'task schedule delete' 'swarm form' 'swarm show' 'swarm disband' 'vote show' 'vote withdraw' \
    'coordinate' 'coordinate show' 'coordinate cancel' 'coordinate pause' 'coordinate resume' 'claim acquire' \
    'claim release' 'claim check' 'claim list' 'claim show' 'claim renew' 'memory get' 'memory incr' 'memory delete' \
    'memory share' 'memory list' 'memory history' 'memory watch' outcome 'coordinator add' 'coordinator remove' \
    'coordinator transfer' drain limits; do
    # shellcheck disable=SC2086 # words
    refused 2 'UTF-8' $name "$bytes"
done
refused 2 'UTF-8' memory put "$bytes" 1
refused 2 'UTF-8' send "$bytes" hello
refused 2 '--as|UTF-8' memory put k 1 --as "$bytes"
refused 2 '--id|UTF-8' task submit --type t --id "$bytes"
for name in status nodes agents tasks swarms votes coordinations roles registry 'coordinator list' 'memory namespaces'; do
    # shellcheck disable=SC2086 # words
    refused 2 'one argument too many' $name extra
done
refused 2 '--consistency|--wait' task show t --wait --consistency stale
refused 2 '--consistency|setting' limits tasks=5 --consistency stale
refused 2 '--consistency|--announce' memory get k --announce --consistency stale
refused 2 '--id|PATH' claim release a --id c
refused 2 '--create|--revision' memory put k 1 --create --revision 2
refused 2 '--ttl' memory put k 1 --ttl 0
refused 2 '--min|--max' coordinate x --min 3 --max 2
refused 2 '--every|--cron' task schedule add s --type t
refused 2 'NAME=NUMBER' limits tasks

# Values
refused 2 '--type|task:complete|task:completed' events --type task:complete
refused 2 '--type|nonsense' subscribe --type nonsense
refused 2 '--priority|urgent|critical' events --priority urgent
refused 2 '--id|123|event id' events --id 123
refused 2 '--since|yesterday|age' events --since yesterday
refused 2 '--until|--since' events --since now --until 1h
refused 2 '--limit|-1' events --limit -1
refused 2 '--limit|many' events --limit many
refused 2 '--source|300|256' events --source "$long"
refused 2 '--text|100000|4096' events --text "$huge"
refused 2 '--group-by|colour|source' stats --group-by colour
refused 2 '--min-count' aggregates --min-count -5
refused 2 '--wait|eternal|stored' publish --wait eternal
refused 2 'AGENT|b b' send 'b b' hello
refused 2 'AGENT|bytes' request "$long" ping
refused 2 '--content|xml|json' send bob hello --content xml
refused 2 'TEXT|line 1, column' send bob '{"a"' --content json
refused 2 'JSON|line 1, column 9' broadcast news '{"a": 1,}'
refused 2 'topic|300|256' broadcast "$long" 1
refused 2 'JSON|line 1, column' request bob ping '{a:1}'
refused 2 'JSON|line 2, column' request bob ping $'{"a":1,\n"b"}'
refused 2 'nofile|opened' request bob ping @"$dir/nofile"
refused 2 '--type|missing' task submit
refused 2 '--input|line 1, column' task submit --type t --input '[1,'
refused 2 '--input|column 1' task submit --type t --input NaN
refused 2 'none.json|opened' task submit --type t --input @none.json
refused 2 '--priority|urgent|critical' task submit --type t --priority urgent
refused 2 '--lease|1ms' task submit --type t --lease 1ms
refused 2 '--state|odd|queued' task list --state odd
refused 2 '--member|a:0|above 0' swarm form s --member a:0
refused 2 '--member|a b' swarm form s --member 'a b'
refused 2 'AGENT|WEIGHT' swarm join s 'x y'
refused 2 '--strategy|dictator|majority' vote propose s 1 --strategy dictator
refused 2 '--quorum|missing' vote propose s 1 --strategy quorum
refused 2 '--quorum|many|share' vote propose s 1 --quorum many
refused 2 '--threshold|3/2|at most 1' vote propose s 1 --threshold 3/2
refused 2 '--threshold|>1/1|never' vote propose s 1 --threshold '>1/1'
refused 2 '--tie|coin|leader' vote propose s 1 --tie coin
refused 2 '--option|2 to 16|not 1' vote propose s 1 --option red
refused 2 '--ranked|--option' vote propose s 1 --ranked
refused 2 'approve|--option' vote cast v --as bob
refused 2 'approve|nothing else' vote cast v approve --option red --as bob
refused 2 '--quorum|0' vote propose s 1 --strategy quorum --quorum 0
refused 2 'JSON|line 1, column' vote propose s '{'
refused 2 'maybe|approve' vote cast v maybe --as bob
refused 2 '--as' vote cast v approve
refused 2 '--endpoint|http' status --endpoint http://localhost
refused 2 '--endpoint|HOST:PORT' status --endpoint tcp://localhost

# Files of events
printf '{"type":"system:info","data":{"component":"x","message":"m"}}\n{"type":]\n' >"$dir/malformed"
printf '\n{"type":"task:bogus","data":{}}\n' >"$dir/unknown"
printf '{"type":"system:info","data":{"component":"x"}}\n' >"$dir/incomplete"
printf '{"type":"system:info","data":{"component":"%s","message":"m"}}\n' "$long" >"$dir/long"
printf '{"type":"system:info","tgas":[],"data":{"component":"x","message":"m"}}\n' >"$dir/misspelt"
head -c 4300000 /dev/zero | tr '\0' ' ' >"$dir/line"
refused 2 'malformed: line 2, column 9|nothing was published' publish "$dir/malformed"
refused 2 'unknown: line 2, column|task:bogus' publish "$dir/unknown"
refused 2 'incomplete: line 1|message' publish "$dir/incomplete"
refused 2 'long: line 1|component|300' publish "$dir/long"
refused 2 'misspelt: line 1|tgas|tags' publish "$dir/misspelt"
refused 2 'line: a line has more than' publish "$dir/line"
refused 2 'nofile|opened' publish "$dir/nofile"
refused 2 "$dir|directory" publish "$dir"

# Nobody there
refused 3 'agents.sock|default|covey up' status
refused 3 "$dir/none|--data|covey up" nodes --data "$dir/none"
refused 3 'tcp://127.0.0.1:1|--endpoint|covey up' agents --endpoint tcp://127.0.0.1:1
COVEY_ENDPOINT=ipc://$dir/nowhere refused 3 'nowhere|COVEY_ENDPOINT' status
refused 3 "$dir/none|--data" events --data "$dir/none"
refused 3 "$dir/none|--data" stats --data "$dir/none"
refused 3 'covey up' subscribe
refused 3 'covey up' task list --watch
refused 3 'covey up' send bob hello
refused 3 'covey up' vote show v1

# A node that cannot start
printf 'listen = 127.0.0.1:0\nlisten = 127.0.0.1:0\n' >"$dir/twice.conf"
printf '# mesh\nmesh covey\n' >"$dir/noequals.conf"
printf '\n\nlisen = 127.0.0.1:0\n' >"$dir/key.conf"
printf 'heartbeat = fast\n' >"$dir/value.conf"
printf 'mesh = "a\n' >"$dir/quote.conf"
refused 2 'twice.conf line 2|line 1' up --config "$dir/twice.conf"
refused 2 'noequals.conf line 2|=' up --config "$dir/noequals.conf"
refused 2 'key.conf line 3|lisen|listen' up --config "$dir/key.conf"
refused 2 'value.conf line 1|heartbeat|fast' up --config "$dir/value.conf"
refused 2 'quote.conf line 1|quote' up --config "$dir/quote.conf"
refused 2 'nofile|opened' up --config "$dir/nofile"
refused 2 'listen|70000' up --listen 127.0.0.1:70000
COVEY_LISTEN='a b' refused 2 'listen|COVEY_LISTEN|a b' up
refused 2 'join|nobody' up --join 'nobody:x'
refused 2 'roles|king|coordinator' up --roles king
refused 2 'persist-types|task:bogus' up --persist-types task:bogus
refused 2 'probe-timeout|probe-interval' up --probe-interval 1s --probe-timeout 1s
refused 2 '--ready-fd|77' up --ready-fd 77
refused 2 '--memory|data' up --memory --data "$dir/x"
refused 2 'name|300' up --name "$long"
: >"$dir/file"
refused 1 "$dir/file" up --listen 127.0.0.1:0 --data "$dir/file"
refused 1 "$dir/file/sub" up --listen 127.0.0.1:0 --data "$dir/file/sub"
refused 1 '/proc/covey' up --listen 127.0.0.1:0 --data /proc/covey
refused 1 '192.0.2.1' up --listen 192.0.2.1:0 --data "$dir/addr"

# With a node
if support_up alpha; then
    data=$up_data port=${up_endpoint##*:}
    refused 1 "$port" up --listen "127.0.0.1:$port" --data "$dir/other"
    refused 1 "$data" up --listen 127.0.0.1:0 --data "$data"
    refused 1 'nobody' send nobody hello --data "$data"
    refused 1 'nobody' request nobody ping --data "$data"
    refused 1 '{"code":"NOAGENT"' request nobody ping --json --data "$data"
    refused 1 't-none' task show t-none --data "$data"
    refused 1 't-none' task cancel t-none --data "$data"
    refused 1 't-none' task retry t-none --data "$data"
    refused 1 't-none' task submit --type t --after t-none --data "$data"
    refused 1 's-none' swarm show s-none --data "$data"
    refused 1 's-none' swarm join s-none bob --data "$data"
    refused 1 's-none' swarm leave s-none bob --data "$data"
    refused 1 's-none' swarm disband s-none --data "$data"
    refused 1 's-none' vote propose s-none 1 --data "$data"
    refused 1 'v-none' vote show v-none --data "$data"
    refused 1 'v-none' vote cast v-none approve --as bob --data "$data"
    refused 1 '--from|no such event' subscribe --from 01890a5d-ac96-774b-bcce-b302099a8057 --data "$data"
    refused 2 '--from|someday' subscribe --from someday --data "$data"
    refused 4 '--timeout|0 of 1' subscribe --limit 1 --timeout 200ms --type system:alert --data "$data"
    printf '{"type":' >"$dir/half"
    stdin=$dir/half refused 2 'standard input: line 1, column' publish --data "$data"
    printf '{"type":"system:info","data":{"component":"x","message":"y"}}\n' >"$dir/good"
    for level in replicated synced; do
        stdin=$dir/good refused 2 "line 1: level $level|stored|nothing was published" publish --wait "$level" --data "$data"
    done
    printf 'not json' >"$dir/text"
    stdin=$dir/text refused 2 'JSON|line 1, column' request coordinator task.list - --data "$data"
    support_down "$up_pid"
    is "the node ends in order" 0 $?
    is "the node said nothing" "" "$(cat "$dir/alpha.err")"
fi
support_end
