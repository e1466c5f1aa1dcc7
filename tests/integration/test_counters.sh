#!/bin/bash
# Every key that mesh.status prints of counters is explained in docs/counters.md,
# and nothing else is.
# shellcheck disable=SC2154 # set by tests/support/mesh.sh
. "${COVEY_SOURCE:?}/tests/support/mesh.sh"
support_up one
covey status --data "$up_data" --json >"$support_dir/status.json"
python3 - "$support_dir/status.json" "$COVEY_SOURCE/docs/counters.md" >"$support_dir/out" <<'PY'
import json, re, sys
status = json.load(open(sys.argv[1]))
text = open(sys.argv[2]).read()
parts = re.split(r"^## ", text, flags=re.M)
documented = {part.split("`")[1]: set(re.findall(r"`(\w+)`", "".join(
    line.split("|")[1] for line in part.splitlines() if line.startswith("| `"))))
    for part in parts if part.startswith("`")}
for section in ("dropped", "counters"):
    for key in sorted(set(status[section]) ^ documented[section]):
        print(section, key)
print(*sorted(status["queueTime"]))
PY
is "docs/counters.md" "held link outbox session" "$(cat "$support_dir/out")"
support_end
