# Helpers of the shell tests: counting, waiting with a deadline, a node.
#   . "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1
set -u
covey=${COVEY_BIN:?is set by ctest}
passed=0
failed=0
pids=""
dir=$(mktemp -d "${TMPDIR:-/tmp}/covey-test.XXXXXX") || exit 1
# shellcheck source=tests/support/sanitizers.sh
. "${COVEY_SOURCE:?is set by ctest}/tests/support/sanitizers.sh" || exit 1
sanitizers_watch "$dir"

# check WHAT COMMAND...: passes when the command does
check() {
    local what=$1
    shift
    if "$@" >"$dir/check.out" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $what"
    else
        failed=$((failed + 1))
        echo "FAILED  $what: $*"
        sed 's/^/        /' "$dir/check.out"
    fi
}

# equal GOT WANTED
equal() {
    [ "$1" = "$2" ] || { printf 'got    "%s"\nwanted "%s"\n' "$1" "$2"; return 1; }
}

# matches TEXT PATTERN (of the shell)
matches() {
    # shellcheck disable=SC2254 # it is a pattern
    case $1 in $2) ;; *) printf 'got    "%s"\nwanted "%s"\n' "$1" "$2"; return 1 ;; esac
}

# until_true SECONDS COMMAND...: tries until it succeeds
until_true() {
    local end=$((SECONDS + $1))
    shift
    while [ $SECONDS -lt "$end" ]; do
        "$@" >/dev/null 2>&1 && return
        read -r -t 0.05 <>"$dir/never"
    done
    "$@" >/dev/null 2>&1
}

# field PATH <JSON: what is there, strings bare, "" for nothing
field() {
    python3 -c '
import json, sys
try:
    value = json.loads(sys.stdin.read())
except ValueError:
    value = None
for key in sys.argv[1].split("."):
    if isinstance(value, list):
        value = value[int(key)] if int(key) < len(value) else None
    elif isinstance(value, dict):
        value = value.get(key)
    else:
        value = None
print("" if value is None else value if isinstance(value, str) else json.dumps(value))' "$1"
}

# start_node NAME [options]: sets node_pid, node_data, node_endpoint, node_session
start_node() {
    local name=$1 word
    shift
    node_data=$dir/$name
    mkfifo "$dir/$name.ready"
    "$covey" up --config /dev/null --name "$name" --listen 127.0.0.1:0 \
        --data "$node_data" --ready-fd 9 "$@" 9<>"$dir/$name.ready" >>"$dir/$name.log" 2>&1 &
    node_pid=$!
    pids="$pids $node_pid"
    if ! { read -r -t 30 word node_endpoint node_session && [ "$word" = ready ]; } <>"$dir/$name.ready"; then
        echo "FAILED  $name did not start:"
        finish 1
    fi
    rm -f "$dir/$name.ready"
}

# stop PID: SIGTERM, and its exit status
stop() {
    kill -TERM "$1" 2>/dev/null
    wait "$1"
}

finish() {
    local pid log
    trap - EXIT
    for pid in $pids; do
        kill -TERM "$pid" 2>/dev/null
    done
    for pid in $pids; do
        wait "$pid" 2>/dev/null
    done
    [ "${1:-0}" -eq 0 ] || failed=$((failed + 1))
    sanitizers_are_silent || failed=$((failed + 1))
    if [ "$failed" -gt 0 ]; then
        for log in "$dir"/*.log; do
            [ -s "$log" ] && { echo "---- $(basename "$log")"; tail -20 "$log"; }
        done
    fi
    rm -rf "$dir"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit $?
}
trap 'finish 1' EXIT
trap 'exit 1' INT TERM HUP
mkfifo "$dir/never"
# Settings of whoever runs the tests must not reach them.
for variable in $(compgen -e COVEY_ | grep -vE '^COVEY_(BIN|SOURCE|BUILD|SANITIZE|SEED)$'); do
    unset "$variable"
done
