#!/bin/bash
# Every `c` block in README.md and docs/ compiles with warnings as errors (those
# whose main takes no arguments are run); the `sh` blocks of a page are run, in
# order, in an empty folder. Links between pages lead somewhere.
set -u
source_dir=$COVEY_SOURCE build=$COVEY_BUILD
export PATH=$build/bin:$PATH
work=$(mktemp -d)
passed=0 failed=0
ok() { passed=$((passed + 1)); echo "ok   $1"; }
bad() { failed=$((failed + 1)); echo "FAIL $1"; [ -f "${2:-}" ] && sed 's/^/     /' "$2"; }
trap 'rm -rf "$work"' EXIT
cd "$source_dir" || exit 2

python3 - "$work" README.md docs/*.md docs/decisions/*.md <<'PY'
import os, re, sys
work, pages = sys.argv[1], sys.argv[2:]
for page in pages:
    stem = page.replace("/", "_")[:-3]
    lang, block, counts = None, [], {}
    for line in open(page):
        fence = re.match(r"^```(\S*)", line)
        if fence and lang is None:
            lang, block = fence.group(1) or "none", []
        elif fence:
            counts[lang] = counts.get(lang, 0) + 1
            if lang == "c":
                open(f"{work}/{stem}_{counts[lang]}.c", "w").writelines(block)
            elif lang == "sh":
                with open(f"{work}/{stem}.sh", "a") as f:
                    f.writelines(block)
            lang = None
        elif lang is not None:
            block.append(line)
    if lang is not None:
        print(f"{page}: a code block does not end")
    text = re.sub(r"```.*?```", "", open(page).read(), flags=re.S)
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" in link:
            continue
        if not os.path.exists(os.path.join(os.path.dirname(page), link)):
            open(f"{work}/broken", "a").write(f"{page}: {link}\n")
PY
if [ -f "$work/broken" ]; then bad "links" "$work/broken"; else ok "links"; fi

flags="-std=c11 -Wall -Wextra -Wpedantic -Werror -I$source_dir/include"
link="-L$build/lib -lcovey -Wl,-rpath,$build/lib"
[ -n "${COVEY_SANITIZE:-}" ] && flags="$flags -fsanitize=$COVEY_SANITIZE"
compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
for block in "$work"/*.c; do
    [ -e "$block" ] || continue
    name=$(basename "$block" .c)
    # shellcheck disable=SC2086 # flags are words
    if "$compiler" $flags "$block" -o "$work/$name" $link >"$work/log" 2>&1; then
        ok "$name compiles"
    else
        bad "$name does not compile" "$work/log"
        continue
    fi
    if grep -q 'main (void)' "$block"; then
        if timeout 60 "$work/$name" >"$work/log" 2>&1; then
            ok "$name runs"
        else
            bad "$name ends with $?" "$work/log"
        fi
    fi
done

for script in "$work"/*.sh; do
    [ -e "$script" ] || continue
    name=$(basename "$script" .sh)
    mkdir "$work/$name.d"
    # Background jobs of the page end with it, by their own process ids.
    {
        echo 'set -eu; trap '\''kill $(jobs -p) 2>/dev/null; wait'\'' EXIT'
        cat "$script"
    } >"$work/run"
    if (cd "$work/$name.d" && timeout 120 bash -x "$work/run") >"$work/log" 2>&1 </dev/null; then
        ok "$name: its commands work"
    else
        bad "$name: a command fails" "$work/log"
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
