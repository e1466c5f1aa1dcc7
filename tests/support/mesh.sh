#!/bin/bash
# shellcheck disable=SC2034 # the variables are for who sources it
# Shell tests of the command: a scratch folder, nodes that end with the test,
# checks that count. A script sources this file and ends with support_end.

: "${COVEY_BIN:?is the path of the covey command}"
export HOME
support_dir=$(mktemp -d "${TMPDIR:-/tmp}/covey.XXXXXX")
HOME=$support_dir/home
mkdir "$HOME"
unset COVEY_ENDPOINT COVEY_DATA COVEY_JOIN XDG_STATE_HOME XDG_CONFIG_HOME
# shellcheck source=tests/support/sanitizers.sh
. "${COVEY_SOURCE:?is set by ctest}/tests/support/sanitizers.sh" || exit 1
sanitizers_watch "$support_dir"
support_pids=()
support_passed=0
support_failed=0

support_stop() {
    local pid
    for pid in "${support_pids[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${support_pids[@]}"; do wait "$pid" 2>/dev/null; done
    support_pids=()
}
support_cleanup() {
    support_stop
    rm -rf "$support_dir"
}
trap support_cleanup EXIT
trap 'exit 1' INT TERM

# covey, within a deadline: a hang is a failure, not a stuck test.
covey() { timeout -k 2 "${support_timeout:-20}" "$COVEY_BIN" "$@"; }

pass() { support_passed=$((support_passed + 1)); }
fail() {
    support_failed=$((support_failed + 1))
    printf 'FAILED: %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '    %s\n' "$@" >&2
}
is() { # what, expected, actual
    if [ "$2" = "$3" ]; then pass; else fail "$1" "expected: $2" "     got: $3"; fi
}

ok() { # what, a command that succeeds
    local what=$1
    shift
    if "$@" >"$support_dir/ok.out" 2>&1; then pass; else fail "$what: $*" "$(head -c 2000 "$support_dir/ok.out")"; fi
}

# Waits up to 10 s (support_until_s) until a command succeeds.
support_until() {
    local end=$((SECONDS + ${support_until_s:-10}))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

# support_up NAME ARGS...: a node with its data in $support_dir/NAME. Sets
# up_pid, up_endpoint (HOST:PORT), up_session, up_data.
support_up() {
    local name=$1 fifo=$support_dir/$1.ready line
    shift
    up_data=$support_dir/$name
    mkfifo "$fifo"
    "$COVEY_BIN" up --name "$name" --data "$up_data" --listen 127.0.0.1:0 \
        --ready-fd 9 "$@" 9<>"$fifo" >"$support_dir/$name.out" 2>"$support_dir/$name.err" &
    up_pid=$!
    support_pids+=("$up_pid")
    # Opened for both, the pipe neither blocks here nor ends with the node.
    exec 8<>"$fifo"
    local end=$((SECONDS + 20)) found=no
    while [ $found = no ] && [ $SECONDS -lt $end ] && kill -0 "$up_pid" 2>/dev/null; do
        read -r -t 0.2 -u 8 line && found=yes
    done
    exec 8>&-
    if [ $found = no ]; then
        fail "covey up $name: not ready in time" "$(cat "$support_dir/$name.err")"
        return 1
    fi
    rm "$fifo"
    read -r _ up_endpoint up_session <<<"$line"
}

# Ends a node and gives its exit code.
support_down() {
    local code
    kill "$1"
    wait "$1"
    code=$?
    return $code
}

support_end() {
    support_stop
    sanitizers_are_silent || fail "a sanitizer reported the above"
    printf '%d passed, %d failed\n' "$support_passed" "$support_failed"
    [ "$support_failed" -eq 0 ]
    exit
}
