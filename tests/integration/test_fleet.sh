# A fleet of three coordinators, five nodes and a dozen agents: short tasks, and
# agents that are killed on the way. Every task has exactly one accepted result,
# and the journal has them all. bench_fleet does it in full size.
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1

balanced() {
    BENCH_FLEET_TASKS=3000 BENCH_FLEET_NODES=5 BENCH_FLEET_COORDINATORS=3 BENCH_FLEET_AGENTS=12 BENCH_FLEET_KILLS=4 \
        timeout 280 "${COVEY_BUILD:?is set by ctest}/bin/test_fleet" >"$dir/figures" 2>&1
    local code=$?
    cat "$dir/figures"
    [ $code -eq 0 ]
}
figure() { awk -v name="$1" '$1 == name { print int($2) }' "$dir/figures"; }
check "the accounts balance" balanced
check "as many agents were killed as were meant to be" equal "$(figure fleet.killed)" 4
check "the journal has every result" equal "$(figure fleet.results_in_journal)" 3000
cat "$dir/figures"
finish
