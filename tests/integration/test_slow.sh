# An agent that reads nothing under full load: every broadcast that it misses is
# announced to it, targeted events wait, and the others get everything. The
# figures are those of bench_slow; here only the accounts count.
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1

# balanced STOP SECONDS
balanced() {
    BENCH_SLOW_STOP=$1 BENCH_SLOW_S=$2 BENCH_SLOW_QUEUE=4096 timeout 200 "${COVEY_BUILD:?is set by ctest}/bin/test_slow" >"$dir/figures" 2>&1
    local code=$?
    cat "$dir/figures"
    [ $code -eq 0 ] && grep -q '(slow): .* + [1-9][0-9]* announced' "$dir/figures"
}
check "an agent that has paused for 3 s" balanced 0 3
cat "$dir/figures"
check "an agent whose process is stopped for 2 s" balanced 1 2
cat "$dir/figures"
finish
