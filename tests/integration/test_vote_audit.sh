#!/bin/bash
# Votes that are recounted: every one that was taken verifies, from the node,
# from the journal of a node that is gone and from its export; and whatever is
# changed in an export is found, also by who makes its sums anew.
# shellcheck disable=SC2154 # set by tests/support/mesh.sh
. "$COVEY_SOURCE/tests/support/mesh.sh" || exit 1
dir=$support_dir
support_up one || exit 1
export COVEY_DATA=$up_data

members=()
for id in ann bob cid; do
    "$COVEY_BIN" agent run --id $id --type voter -- cat >"$dir/$id.out" 2>&1 &
    support_pids+=("$!")
    members+=(--member "$id:2.5")
done
three_are_there() { [ "$(covey agents --json | grep -c voter)" = 3 ]; }
support_until three_are_there || fail "agents"
ok "a swarm" covey swarm form s "${members[@]}" --leader ann

propose() { ok "propose $1" covey vote propose s '{"merge": [1.5, "ü"]}' --id "$@"; }
cast() { covey vote cast "$@" >"$dir/cast.out" 2>&1; }
decided() { covey vote show "$1" --json | grep -q '"state":"decided"'; }

propose signed --timeout 60s --veto cid --threshold 2/3 --quorum 1/2
cast signed reject --as ann --key "$dir/ann.key" --reason 'not yet'
cast signed approve --as ann --key "$dir/ann.key" --reason 'now'
cast signed approve --as dan
cast signed approve --as bob
cast signed approve --as cid --key "$dir/cid.key"
propose ranked --timeout 60s --option red --option blue --option 'light grey' --ranked --tie leader --strategy weighted
cast ranked --option blue --option 'light grey' --as ann --key "$dir/ann.key"
cast ranked --option red --as bob
cast ranked abstain --as cid --key "$dir/cid.key"
propose late --timeout 300ms --no-change
cast late approve --as bob
propose back --timeout 60s
ok "withdraw" covey vote withdraw back --reason 'no need'
propose vetoed --timeout 60s --veto bob
cast vetoed reject --as bob
votes="signed ranked late back vetoed"
for vote in $votes; do support_until decided $vote || fail "$vote is not decided"; done
is_stored() { covey events --type swarm:consensus:reached --json | grep -q "\"consensusId\":\"$1\""; }
for vote in $votes; do support_until is_stored $vote || fail "$vote is not stored"; done

verify() { # what, then arguments of verify
    local what=$1
    shift
    if covey vote verify "$@" >"$dir/report" 2>&1; then pass; else fail "$what" "$(cat "$dir/report")"; fi
}
for vote in $votes; do
    verify "$vote verifies" $vote
    ok "export $vote" covey vote export $vote
    cp "$dir/ok.out" "$dir/$vote.export"
done
is "two signed ballots, one not" 'verified: accepted, 4 ballots, 3 of them count, 1 of these are not signed' "$(covey vote verify signed)"
covey vote show ranked >"$dir/bars"
is "bars" '  blue          ##########....................     2.5  ann (signed)' "$(grep "^  blue" "$dir/bars")"
is "turnout" 'turnout  3 of 3 members, 100%; 1 ballots are not signed' "$(grep turnout "$dir/bars")"
is "a vote that is none" 1 "$(covey vote verify none >"$dir/out" 2>&1; echo $?)"
is "no vote and no file" 2 "$(covey vote verify >"$dir/out" 2>&1; echo $?)"
support_stop
for vote in $votes; do
    verify "$vote verifies from the journal" $vote
    verify "$vote verifies from its export" --file "$dir/$vote.export" --data "$dir/nowhere"
done

cat >"$dir/tamper.py" <<'PY'
"""Changes exports; each change must be found. With sums that fit, it must be
found by recounting."""
import copy
import hashlib
import json
import os
import random
import subprocess
import sys

folder, votes, rounds = sys.argv[1], sys.argv[2].split(), int(sys.argv[3])
covey = os.environ['COVEY_BIN']


def verify(text):
    done = subprocess.run([covey, 'vote', 'verify', '--file', '-'], input=text,
                          capture_output=True)
    return done.returncode, done.stdout.decode(errors='replace')


def check(text, what):
    code, said = verify(text)
    if code != 1 or 'line ' not in said:
        sys.exit(f'not found ({code}): {what}\n{said}')


def dump(lines):
    rows = [json.dumps(line, separators=(',', ':'), ensure_ascii=False)
            for line in lines]
    sums = [hashlib.sha256(row.encode()).hexdigest() for row in rows]
    rows.append('{"export":"covey.vote.1","sums":%s}' %
                json.dumps(sums, separators=(',', ':')))
    return '\n'.join(rows).encode() + b'\n'


def other(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if value in ('approve', 'reject', 'abstain'):
        return 'reject' if value == 'approve' else 'approve'
    if value in ('accepted', 'rejected', 'expired', 'vetoed', 'withdrawn'):
        return 'rejected' if value == 'accepted' else 'accepted'
    if value in ('counted', 'aside'):
        return 'aside' if value == 'counted' else 'counted'
    if value[:2] == '20' and value[-1] == 'Z':  # a time
        return value[:2] + ('3' if value[2] != '3' else '4') + value[3:]
    last = {'A': 'B', 'a': 'b', 'd': 'e', '=': '='}.get(value[:1], 'a')
    return last + value[1:]


def places(node, path=()):
    """Every single value in the data of an event."""
    if isinstance(node, dict):
        for key in node:
            yield from places(node[key], path + (key,))
    elif isinstance(node, list):
        for index in range(len(node)):
            yield from places(node[index], path + (index,))
    else:
        yield path


def change(lines, number, path):
    lines = copy.deepcopy(lines)
    node = lines[number]['data']
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = other(node[path[-1]])
    return lines


def is_told_only(event, path):
    """What no rule makes: refused ballots and why they were, what was left of
    the time, and when exactly a deadline was noticed or a question taken back."""
    data = event['data']
    if path[0] == 'decidedAt':
        return data['outcome'] in ('expired', 'withdrawn', 'noQuorum')
    return path[0] == 'timeout' or data.get('accepted') is False


rng = random.Random(4)
bytes_changed = values_changed = 0
for vote in votes:
    text = open(f'{folder}/{vote}.export', 'rb').read()
    code, said = verify(text)
    if code:
        sys.exit(f'{vote}: {said}')
    for _ in range(rounds // len(votes)):
        at = rng.randrange(len(text))
        byte = rng.choice([b for b in range(256) if b != text[at]])
        check(text[:at] + bytes([byte]) + text[at + 1:],
              f'{vote}: byte {at}: {text[max(0, at - 30):at + 30]} to {byte}')
        bytes_changed += 1
    lines = [json.loads(line) for line in text.decode().splitlines()[:-1]]
    if verify(dump(lines))[0]:
        sys.exit(f'{vote}: sums made anew are refused: {verify(dump(lines))[1]}')
    for number, event in enumerate(lines):
        for path in places(event['data']):
            if not is_told_only(event, path):
                check(dump(change(lines, number, path)),
                      f'{vote}: line {number + 1}: {path}')
                values_changed += 1
    counted = [i for i, e in enumerate(lines)
               if e['type'] != 'swarm:vote:cast' or e['data']['accepted']]
    for number in counted[:-1]:
        check(dump(lines[:number] + lines[number + 1:]),
              f'{vote}: without line {number + 1}')
    for number in counted:
        if number:
            check(dump(lines[:number + 1] + lines[number:]),
                  f'{vote}: line {number + 1} twice')
    check(text[:text.rindex(b'\n', 0, -1) + 1], f'{vote}: without sums')
print(f'{bytes_changed} bytes and {values_changed} values changed: all found')
PY
rounds=1000
[ -n "$COVEY_SANITIZE" ] && rounds=100
python3 "$dir/tamper.py" "$dir" "$votes" $rounds >"$dir/tamper.out" 2>&1
is "changes are found" 0 $?
cat "$dir/tamper.out"
support_end
