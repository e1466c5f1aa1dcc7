# Nodes of shell tests run in the background, and their logs go with the test:
# what a sanitizer says of them is kept apart, and fails the test.
#   sanitizers_watch DIR      reports go to files there from now on
#   sanitizers_are_silent     prints what came; fails if anything did

sanitizers_watch() {
    sanitizer_reports=$1/sanitizer
    export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=$sanitizer_reports"
    export UBSAN_OPTIONS="${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}log_path=$sanitizer_reports"
    export TSAN_OPTIONS="${TSAN_OPTIONS:+$TSAN_OPTIONS:}log_path=$sanitizer_reports"
}

sanitizers_are_silent() {
    local report silent=0
    for report in "$sanitizer_reports".*; do
        [ -s "$report" ] || continue
        silent=1
        head -60 "$report" >&2
    done
    return $silent
}
