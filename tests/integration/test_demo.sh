# covey demo: real work on real files, checked by an independent recount
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1
export TMPDIR=$dir

# ---- a folder with all that files can be ------------------------------------
input=$dir/input
mkdir -p "$input/sub/deep er" "$input/.git" "$input/build" "$input/sub/build"
for i in $(seq 1 20); do
    seq 1 $((i * 7)) >"$input/numbers-$i.txt"
    seq -s ' ' 1 "$i" >"$input/sub/line $i.c"
done
for i in $(seq 1 8); do
    head -c $((i * 3000)) /dev/urandom >"$input/sub/deep er/random-$i.bin"
    : >"$input/empty-$i"
done
printf 'no line feed at the end' >"$input/unfinished.txt"
printf 'one\ntwo\n' >"$input/with
line feed.txt"
printf 'three four\n' >"$input/it's \"quoted\" \$HOME \`date\`.txt"
printf 'five' >"$input/  spaces  "
printf 'six\n' >"$input/-n.txt"
printf 'seven\n' >"$input/"$'latin-\xe9.txt'
printf 'a\tb\vc d\fe\r\nf\n' >"$input/white space.tsv"
printf '\0\0\n' >"$input/nul.dat"
printf 'ä ö ü\n' >"$input/ümlaut.txt"
printf 'kept\n' >"$input/sub/build/kept.txt"
printf 'hidden\n' >"$input/.hidden"
printf 'odd\n' >"$input/odd.ext\"\\"
printf 'not counted\n' | tee "$input/.git/config" >"$input/build/object.o"
ln -s /etc/passwd "$input/link"
mkfifo "$input/fifo"

# ---- the demo ---------------------------------------------------------------
# A recount under the same locale: what a word is depends on it.
"$covey" demo --input "$input" --json >"$dir/report.json" 2>"$dir/demo.log"
check "exit status 0" equal $? 0
report() { field "$1" <"$dir/report.json"; }
[ -s "$dir/report.json" ] || finish 1

# ---- the recount ------------------------------------------------------------
(cd "$input" && find . -type f -not -path './.git/*' -not -path './build/*' -print0 |
    while IFS= read -r -d '' path; do
        read -r lines words bytes _ < <(wc -lwc <"$path")
        read -r sum _ < <(sha256sum <"$path")
        printf '%s %s %s %s %s\0' "$lines" "$words" "$bytes" "$sum" "${path#./}"
    done) | sort -z >"$dir/recount"
python3 - "$dir/report.json" >"$dir/rows" <<'PYTHON'
import json, sys, urllib.parse
rows = []
for file in json.load(open(sys.argv[1]))["files"]:
    path = file["path"].encode()
    if file.get("pathEncoded"):
        path = urllib.parse.unquote_to_bytes(file["path"])
    rows.append(b"%d %d %d %s %s\0" % (file["lines"], file["words"], file["bytes"],
                                       file["sha256"].encode(), path))
sys.stdout.buffer.write(b"".join(rows))
PYTHON
sort -z "$dir/rows" >"$dir/reported"
check "every file, line, word, byte and hash as counted by hand" cmp "$dir/recount" "$dir/reported"
files=$(tr -cd '\0' <"$dir/recount" | wc -c)
check "all the files" test "$files" -ge 67
totals=$(tr '\n\0' ' \n' <"$dir/recount" | awk '{ l += $1; w += $2; b += $3 } END { print NR, l, w, b }')
check "the totals" equal "$(report totals.files) $(report totals.lines) $(report totals.words) $(report totals.bytes)" "$totals"

by_extension() { # of the recount
    python3 - "$dir/recount" <<'PYTHON'
import sys
sums = {}
for row in open(sys.argv[1], "rb").read().split(b"\0")[:-1]:
    lines, words, size, _, path = row.split(b" ", 4)
    name = path.rsplit(b"/", 1)[-1]
    stem, dot, end = name.rpartition(b".")
    end = b"." + end if stem and dot and end else b"(none)"
    if b'"' in end:
        end = b"(other)"
    total = sums.setdefault(end.decode(), [0, 0, 0, 0])
    for i, value in enumerate((1, int(lines), int(words), int(size))):
        total[i] += value
for end in sorted(sums):
    print(end, *sums[end])
PYTHON
}
reported_by_extension() {
    python3 - "$dir/report.json" <<'PYTHON'
import json, sys
for row in sorted(json.load(open(sys.argv[1]))["extensions"], key=lambda r: r["extension"]):
    print(row["extension"], row["files"], row["lines"], row["words"], row["bytes"])
PYTHON
}
check "the counts per extension" equal "$(reported_by_extension)" "$(by_extension)"

# ---- the accident and the vote ----------------------------------------------
check "one node was killed" equal "$(report killed.node)" node-3
check "it is dead" test ! -e "/proc/$(report killed.pid)"
check "while its agents worked" matches "$(report killed.tasksUnderWay.0.id)" '*-*'
check "another agent finished that" test "$(report killed.tasksUnderWay.0.attempt)" -ge 2
check "no task is lost" equal "$(report lost)" 0
check "the vote is decided" equal "$(report vote.state)" decided
check "for the report" equal "$(report vote.outcome)$(report vote.consensus)" acceptedtrue
check "a voter counted files again" matches "$(report vote.votes.0.reason)" 'counted * files again*'
check "latency is measured" matches "$(report latency.submissionToCompletion.p99)" '[0-9]*'

# ---- what stays -------------------------------------------------------------
data=$(report data)
check "the data folder is kept" test -f "$data/journal.db"
count() { "$covey" events --data "$data" --type "$1" --limit 10000 --json | wc -l; }
check "events on the stopped mesh: one completion per task" \
    equal "$(count task:completed)" "$((files + $(report extensions | grep -o '"extension"' | wc -l)))"
check "the lost node is in them" test "$(count node:failed)" -ge 1
check "and so are its two agents, once each" equal "$(count agent:lost)" 2
check "stats on the stopped mesh say what the report says" \
    equal "$("$covey" stats --data "$data" --json | python3 -c '
import json, sys
print(json.dumps({r["type"]: r["count"] for r in map(json.loads, sys.stdin)}, sort_keys=True))')" \
    "$(python3 -c 'import json,sys; print(json.dumps(json.load(open(sys.argv[1]))["events"], sort_keys=True))' "$dir/report.json")"
left() { for f in /proc/[0-9]*/cmdline; do tr '\0' ' ' 2>/dev/null <"$f" | grep -F "$dir/covey-demo"; done; true; }
check "no process is left" equal "$(left)" ""

# ---- for people -------------------------------------------------------------
"$covey" demo --nodes 2 --agents 3 --input "$input/sub" --clean >"$dir/text" 2>"$dir/text.log"
check "two nodes and three agents do, too" equal $? 0
for want in 'extension *files' 'total' 'Vote: accepted' 'Killed: node-2' 'task:completed' 'p99'; do
    check "the report has: $want" grep -q -- "$want" "$dir/text"
done
check "--clean leaves nothing" equal "$(find "$dir" -maxdepth 1 -name 'covey-demo.*' | wc -l)" 1
"$covey" demo --nodes 1 --agents 1 --input "$input/sub" --clean --quiet >"$dir/text" 2>"$dir/quiet.log"
check "so do one node and one agent" equal $? 0
check "where no node can be killed" grep -q "No node was killed" "$dir/text"
check "--quiet says nothing beside" equal "$(cat "$dir/quiet.log")" ""

# ---- an interruption --------------------------------------------------------
"$covey" demo --input "$input" >"$dir/text" 2>"$dir/interrupted.log" &
demo=$!
until_true 30 grep -q "agents are ready" "$dir/interrupted.log"
kill -INT "$demo"
wait "$demo"
check "SIGINT ends it with status 1" equal $? 1
check "and takes its processes along" equal "$(left)" ""

# ---- what is wrong at the start ---------------------------------------------
refused() {
    local pattern=$1 text got
    shift
    text=$(timeout 30 "$covey" demo "$@" 2>&1 </dev/null)
    got=$?
    equal "$got" 2 && equal "$(echo "$text" | wc -l)" 1 && matches "$text" "$pattern"
}
mkdir "$dir/nothing"
check "a folder that is not there" refused '*no-such*' --input "$dir/no-such"
check "a file instead of a folder" refused '*not a folder*' --input "$input/nul.dat"
check "a folder without files" refused '*no regular file*' --input "$dir/nothing"
check "no nodes" refused '*nodes*0*' --nodes 0
check "too many nodes" refused '*nodes*17*' --nodes 17
check "too many agents" refused '*agents*65*' --agents 65
check "an argument too many" refused '*x*' x

finish
