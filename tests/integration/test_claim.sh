#!/bin/bash
# covey claim between real nodes: who gets what, what hooks see, and that a
# command stops before anybody else can have its claim, also when the
# coordinator stands still.
# shellcheck disable=SC2154,SC2317 # set by tests/support/support.sh; called by name
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1

at() {
    local session=$1
    shift
    COVEY_ENDPOINT=$session "$covey" "$@"
}
# runs CODE PATTERN COMMAND...: exit code, and all that it says on one line
runs() {
    local code=$1 pattern=$2 said
    shift 2
    said=$("$@" 2>&1)
    equal $? "$code" && matches "${said//$'\n'/ }" "$pattern"
}
has_lines() { [ "$(wc -l <"$1" 2>/dev/null || echo 0)" -ge "$2" ]; }
ended() { ! kill -0 "$1" 2>/dev/null; }

start_node one
s1=$node_session one=$node_pid
start_node two --roles none --join "$node_endpoint"
s2=$node_session

# ---- who gets what
check "acquire" runs 0 '*held*ann*src/parser/\*\**' at "$s2" claim acquire src/parser/ --as ann --purpose "split it"
check "refused, told by whom" runs 1 "*src/parser/\*\* is held by ann until *: split it*" \
    at "$s1" claim acquire 'src/**/*.c' --as bob
check "check: held by another" runs 1 'covey claim check: src/parser/\*\* is held by ann until *: split it' \
    at "$s1" claim check src/parser/lex.c --as bob
check "check: mine" runs 0 '' at "$s1" claim check src/parser/lex.c --as ann
check "check: mine by COVEY_AGENT_ID" runs 0 '' env COVEY_AGENT_ID=ann COVEY_ENDPOINT="$s1" "$covey" claim check src/parser/lex.c
check "check: free" runs 0 '' at "$s1" claim check src/other.c --as bob
check "check --json" runs 1 '*"free":false*"holder":"ann"*' at "$s1" claim check src/parser/x --as bob --json
check "a name" runs 0 '*held*port:80*' at "$s1" claim acquire --name port:80 --as bob --json
check "list" runs 0 '*ann*src/parser/*bob*port:80*' at "$s1" claim list
check "list of what meets a path" runs 0 '*ann*' at "$s1" claims src/parser/lex.c
check "list of others" runs 0 'no claims' at "$s1" claims doc/
check "wait in vain" runs 4 '*it waited for 300 ms: src/parser/\*\* is held by ann until *Z: split it' \
    at "$s1" claim acquire src/parser/a --as bob --wait 300
check "a circle is refused" runs 1 '*ann would wait for bob (port:80), who waits for ann (*' bash -c '
    export COVEY_ENDPOINT=$1
    "$2" claim acquire src/parser/a --as bob --wait 60s >/dev/null 2>&1 &
    end=$((SECONDS + 30))
    until "$2" claims --state waiting --json 2>/dev/null | grep -q bob || [ $SECONDS -ge $end ]; do sleep 0.05; done
    "$2" claim acquire --name port:80 --as ann --wait 5s
    code=$?; kill %1; exit $code' _ "$s1" "$covey"
check "release of another's is denied" runs 1 "*bob has no claim on src/parser/*" at "$s1" claim release src/parser/ --as bob
check "force needs a reason" runs 2 '*--force: needs --reason*' at "$s1" claim release src/parser/ --force
check "force" runs 0 '*released*' at "$s1" claim release src/parser/ --force --reason "ann is away"
check "release" runs 0 '*released*' at "$s1" claim release --name port:80 --as bob
check "release of nothing" runs 1 '*bob has no claim on port:80*' at "$s1" claim release --name port:80 --as bob
check "it is all in the journal" runs 0 '*ann is away*' at "$s1" events --type claim:released --json

# ---- wrong input
for args in "acquire" "acquire -- true" "acquire a/../b" "acquire a[" "acquire x --ttl 10" "acquire x --as b,c" \
    "check" "release" "renew" "acquire x --wait -1" "list --state gone"; do
    # shellcheck disable=SC2086 # words
    check "wrong: claim $args" runs 2 'covey claim*' at "$s1" claim $args
done
check "no node" runs 3 '*no node answers*' "$covey" claim check x --endpoint ipc:///nowhere/x.sock
check "names with brackets" runs 0 '*held*' at "$s1" claim acquire --literal 'app/[id].tsx' --as ann
check "they mean themselves" runs 1 '*is held by ann*' at "$s1" claim check --literal 'app/[id].tsx' --as bob
check "and nothing else" runs 0 '' at "$s1" claim check app/i.tsx --as bob

# ---- a git hook
mkdir "$dir/repo" && cd "$dir/repo" || exit 1
git init -q . 2>/dev/null && git config user.email a@b.c && git config user.name a
cat >.git/hooks/pre-commit <<'HOOK'
#!/bin/sh
git diff --cached --name-only -z | xargs -0 -r covey claim check --literal --
HOOK
chmod +x .git/hooks/pre-commit
mkdir bin app && ln -s "$covey" bin/covey && echo x >'app/[id].tsx' && echo y >y && git add app y
commit() { COVEY_ENDPOINT=$s1 COVEY_AGENT_ID=$1 PATH=$PWD/bin:$PATH git commit -qm x; }
check "a commit of what another has is refused" runs 1 '*is held by ann*' commit bob
check "one of what is mine is not" runs 0 '' commit ann
cd "$dir" || exit 1

# ---- while a command runs
check "exit code of the command" runs 7 '' at "$s2" claim acquire x -- sh -c 'exit 7'
check "it is released then" runs 0 '' at "$s2" claim check x --as bob
# shellcheck disable=SC2016 # for the inner shell
check "the command knows its claim" runs 0 'id [0-9]*' at "$s2" claim acquire x -- \
    sh -c 'test ${#COVEY_CLAIM_ID} = 36 && echo "id $COVEY_CLAIM_FENCING_TOKEN"'
check "no such command" runs 127 '*' at "$s2" claim acquire x -- ./nothing-here
check "two of one user keep each other off" runs 1 '*x is held by *' \
    at "$s2" claim acquire x -- "$covey" claim acquire x --endpoint "$s2" -- true

# Writes the time until it is stopped; ignores SIGTERM, so only SIGKILL does.
worker() { at "$s2" claim acquire work --as "$1" --ttl 2s --wait 60s -- bash -c "
    trap '' TERM
    while :; do echo \${EPOCHREALTIME/[.,]/}; read -r -t 0.02 <>'$dir/never'; done >'$dir/$1.times'"; }
worker first >"$dir/first.out" 2>&1 &
first=$!
check "it runs" until_true 20 has_lines "$dir/first.times" 5
# The coordinator stands still: nobody can renew, so it has to end by itself.
kill -STOP "$one"
check "it ends by itself" until_true 20 ended "$first"
wait "$first"
check "it says so" equal "$? $(grep -c 'the claim was lost' "$dir/first.out")" "1 1"
worker second >"$dir/second.out" 2>&1 &
second=$!
kill -CONT "$one"
check "the next one has it" until_true 30 has_lines "$dir/second.times" 5
check "they never overlapped" [ "$(tail -1 "$dir/first.times")" -lt "$(head -1 "$dir/second.times")" ]
# Taken away: it is told, and ends.
check "forced" runs 0 '*released*' at "$s1" claim release work --force --reason "enough now"
check "it ends" until_true 20 ended "$second"
wait "$second"
check "and says why" matches "$(cat "$dir/second.out")" '*the claim was lost*'
finish
