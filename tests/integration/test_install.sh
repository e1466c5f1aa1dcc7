#!/bin/bash
# Install into an empty prefix and build the examples against it, once with
# pkg-config and once with find_package(Covey); each of them runs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

cmake --install "$COVEY_BUILD" --prefix "$prefix" > "$work/install.log"

# A sanitized libcovey needs the sanitizer's runtime in the program too.
flags=""
if [ -n "${COVEY_SANITIZE:-}" ]; then
    flags="-fsanitize=$COVEY_SANITIZE"
fi
cc=$(sed -n 's/^CMAKE_C_COMPILER:[^=]*=//p' "$COVEY_BUILD/CMakeCache.txt")

pc=$(find "$prefix" -name covey.pc)
export PKG_CONFIG_PATH=${pc%/covey.pc}
libdir=$(pkg-config --variable=libdir covey)
version=$(pkg-config --modversion covey)
export LD_LIBRARY_PATH=$libdir

for name in agent own_loop mesh_test; do
    # shellcheck disable=SC2046,SC2086
    "$cc" -std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Werror $flags \
        -o "$work/$name" "$COVEY_SOURCE/examples/$name.c" \
        $(pkg-config --cflags --libs covey)
    "$work/$name" > "$work/$name.log"
done
grep -q 'answer: {"text":"hello"}' "$work/agent.log"
echo "pkg-config: covey $version, three examples built and ran"

cmake -S "$COVEY_SOURCE/examples/installed" -B "$work/build" \
    -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_C_FLAGS="$flags" > "$work/configure.log"
cmake --build "$work/build" > "$work/build.log"
for name in agent own_loop mesh_test; do
    "$work/build/$name" > "$work/$name.log"
done
grep -q '9 agents answered' "$work/mesh_test.log"
echo "find_package: three examples built and ran"

# The headers of the prefix are enough: no czmq or protobuf-c type is in them.
printf '#include <covey.h>\nint main (void) { return 0; }\n' > "$work/alone.c"
"$cc" -std=c11 -Wall -Wextra -Wpedantic -Werror -I "$prefix/include" \
    -fsyntax-only "$work/alone.c"
"$prefix/bin/covey" version > "$work/version.log"
grep -q "$version" "$work/version.log"
for page in covey covey-up covey-agent-run covey-vote-propose; do
    grep -q '^\.TH' "$prefix/share/man/man1/$page.1"
done
grep -q complete "$prefix/share/bash-completion/completions/covey"
echo "the installed command runs and has its man pages"
