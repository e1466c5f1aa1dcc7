#!/bin/bash
# The shared memory at the command line: shapes, exit codes, wrong input, and a
# watch that lives through a restart of the node.
# shellcheck disable=SC2154,SC2016,SC2317 # set by tests/support/mesh.sh; calls by name
. "${COVEY_SOURCE:?}/tests/support/mesh.sh"
dir=$support_dir

# The value of an expression over v, the list of the objects on stdin.
look() {
    python3 -c '
import json, sys
v = [json.loads(line) for line in sys.stdin]
print(eval(sys.argv[1]))' "$1"
}
code_of() {
    "$@" >"$dir/out" 2>"$dir/err"
    echo $?
}
# refused CODE WORDS ARGS...: that exit code, one line with WORDS (separated by
# |), nothing on stdout.
refused() {
    local code=$1 words=$2 got word ok=yes
    shift 2
    got=$(code_of covey memory "$@" </dev/null)
    [ "$got" = "$code" ] && [ "$(wc -l <"$dir/err")" = 1 ] && [ ! -s "$dir/out" ] || ok=no
    local IFS='|'
    for word in $words; do
        grep -qF -- "$word" "$dir/err" || ok="no: $word"
    done
    is "memory $*: exit $code, $words" yes "$ok"
    [ "$ok" = yes ] || echo "exit $got: $(cat "$dir/out" "$dir/err")" >&2
}

# ---- without a node
refused 2 'missing|KEY' put
refused 2 'missing|VALUE' put k
refused 2 '--ttl|soon' put k v --ttl soon
refused 2 '--ttl|0' put k v --ttl 0
refused 2 '--history|65' put k v --history 65
refused 2 '--level|root|admin' put k v --level root
refused 2 '--content|yaml' put k v --content yaml
refused 2 'the value|line 1, column' put k '{' --content json
refused 2 '--revision|--create' put k v --create --revision 3
refused 2 '--revision|0' put k v --revision 0
refused 2 '--as|a b' put k v --as 'a b'
refused 2 'nofile' put k "@$dir/nofile"
refused 2 '--by|many' incr k --by many
refused 2 '--revision|--announce' get k --revision 1 --announce
refused 2 '--consistency|fresh|stale' get k --consistency fresh
refused 2 '--after|soon' watch --after soon
refused 2 'too many' list a b
refused 3 'covey up' get k
refused 3 'covey up' watch

# ---- with one
support_up alpha || support_end
node=$up_pid
export COVEY_DATA=$up_data
put() { covey memory put "$@" --json; }

is "put" "['plans/a', 1, 'read', 'operator', ['draft', 'plan'], 0]" \
    "$(put plans/a '{"n": 1.10}' --tag plan,draft | look '[v[0][k] for k in ("key", "revision", "accessLevel", "owner", "tags", "previous")]')"
is "get prints the value" '{"n":1.10}' "$(covey memory get plans/a)"
is "get --json has the shape that scripts rely on" \
    "['plans/a', {'n': 1.1}, 1, 'read', 'operator', True, ['draft', 'plan']]" \
    "$(covey memory get plans/a --json | look '[v[0]["key"], v[0]["value"], v[0]["revision"], v[0]["accessLevel"], v[0]["owner"], "expiresAt" not in v[0], v[0]["tags"]]')"
is "a text stays a text" '"hello"' "$(put t/text hello >"$dir/out" && covey memory get t/text --json | look 'json.dumps(v[0]["value"])')"
is "what looks like JSON is JSON, unless it is told" "[5, '5']" \
    "$(put t/n 5 >"$dir/out" && put t/s 5 --content text >"$dir/out" && for k in t/n t/s; do covey memory get $k --json; done | look '[r["value"] for r in v]')"
head -c 1000 /dev/urandom >"$dir/random"
is "bytes of a file come back" 0 "$(put t/bytes "@$dir/random" >"$dir/out" && covey memory get t/bytes >"$dir/back" && code_of cmp "$dir/random" "$dir/back")"
is "standard input" "from a pipe" "$(echo 'from a pipe' | put t/pipe - >"$dir/out" && covey memory get t/pipe)"
refused 1 'has a value already|revision 1' put plans/a x --create
refused 1 'is at revision 1|9 was expected' put plans/a x --revision 9
refused 1 'no key nothing' get nothing
refused 1 'no key nothing' delete nothing
refused 1 'no key nothing' share nothing
refused 1 'no key nothing' history nothing
refused 1 'revision 7 of key plans/a' get plans/a --revision 7
refused 5 'belongs to operator|read|bob' put plans/a x --as bob
refused 5 'bob' delete plans/a --as bob
refused 5 'bob' share plans/a --level write --as bob
refused 1 'nobody' share plans/a --to nobody
head -c 65537 /dev/zero | tr '\0' x >"$dir/large"
refused 2 '65537 bytes|65536' put t/large "@$dir/large"
is "an agent acts as itself" "['ann', 'ann']" \
    "$(COVEY_AGENT_ID=ann put t/ann 1 --level write | look '[v[0]["owner"], v[0]["author"]]')"
is "and others write where they may" "['ann', 'operator']" "$(put t/ann 2 | look '[v[0]["owner"], v[0]["author"]]')"
is "the owner gives it away" "bob" "$(covey memory share t/ann --owner bob --as ann --json | look 'v[0]["owner"]')"
is "counting" "5 3" "$(covey memory incr seats --by 5) $(covey memory incr seats --by -2 --min 0)"
refused 1 'is 3|below the minimum of 0' incr seats --by -4 --min 0
refused 1 'no whole number' incr plans/a
is "history, the newest first" "[None, 2, 1]" "$(covey memory history t/ann --json | look '[r.get("value") if r["owner"] != "bob" else None for r in v]')"
is "list with a prefix" "['t/ann', 't/bytes', 't/n', 't/pipe', 't/s', 't/text']" "$(covey memory list t/ --json | look '[r["key"] for r in v]')"
is "list with a tag and values" "[{'n': 1.1}]" "$(covey memory list --tag plan --values --json | look '[r["value"] for r in v]')"
is "list in pages" "['t/n', 't/pipe']" "$(covey memory list t/ --limit 2 --after t/bytes --json | look '[r["key"] for r in v]')"
is "a table for people" "KEY REVISION SIZE LEVEL OWNER WRITTEN TAGS VALUE" "$(covey memory list | head -1 | tr -s ' ' | sed 's/ $//')"
for level in stale default linearizable; do
    is "a $level read" "hello" "$(covey memory get t/text --consistency $level)"
    is "a $level list" 6 "$(covey memory list t/ --consistency $level --json | wc -l)"
done
covey memory get t/text --consistency stale >/dev/null 2>"$support_dir/age"
is "how old it is goes to stderr" 1 "$(grep -Ec '^covey memory get: as of [0-9]+ ms ago$' "$support_dir/age")"
is "namespaces" "['', 'plans', 't']" "$(covey memory namespaces --json | look '[r["name"] for r in v]')"
is "deleted" "deleted" "$(covey memory delete t/n --json | look 'v[0]["reason"]')"
is "a read that is told" "['memory:retrieved', 't/s']" \
    "$(covey memory get t/s --announce >"$dir/out" && covey events --type memory:retrieved --json | look '[v[0]["type"], v[0]["data"]["memoryKey"]]')"

# ---- a watch, also while the node is away
"$COVEY_BIN" memory watch t/ --tag none --json >"$dir/empty" &
empty=$!
"$COVEY_BIN" memory watch w/ --json >"$dir/watch" 2>"$dir/watch.err" &
watch=$!
has() { grep -q "$1" "$2"; }
ok "an empty watch is synced" support_until has '"change":"synced"' "$dir/empty"
ok "the watch is synced" support_until has '"change":"synced"' "$dir/watch"
put w/1 one >"$dir/out"
ok "a value is told" support_until has '"value":"one"' "$dir/watch"
put w/1 brief --ttl 1ms >"$dir/out"
ok "the end of a value is told" support_until has '"reason":"expired"' "$dir/watch"
support_down "$node"
support_up alpha || support_end
is "values are there after a restart" "hello" "$(covey memory get t/text)"
put w/2 two >"$dir/out"
ok "the watch goes on" support_until has '"value":"two"' "$dir/watch"
covey memory delete w/2 >"$dir/out"
ok "a deletion is told" support_until has '"reason":"deleted"' "$dir/watch"
kill $watch
wait $watch
is "a watch that is told to end does" 0 $?
# The brief value may have been gone before anybody looked.
grep -v '"value":"brief"' "$dir/watch" >"$dir/seen"
is "the watch saw all, once" \
    "[('synced', None), ('stored', 'w/1'), ('deleted', 'w/1'), ('stored', 'w/2'), ('deleted', 'w/2')]" \
    "$(look '[(r["change"], r.get("key")) for r in v]' <"$dir/seen")"
kill "$empty" 2>/dev/null
wait "$empty" 2>/dev/null
is "a watch goes on behind a revision" "w/2" \
    "$(covey memory watch w/ --after "$(look 'v[2]["revision"]' <"$dir/seen")" --limit 1 --json | look 'v[0]["key"]')"
is "a watch that nothing comes to" 4 "$(code_of covey memory watch w/ --limit 9 --timeout 300ms)"
is "what was told of it" "['memory:stored', 'memory:deleted']" \
    "$(covey events --type memory:stored,memory:deleted --json | look '[r["type"] for r in v if r["data"]["memoryKey"] == "w/2"]')"
support_end
