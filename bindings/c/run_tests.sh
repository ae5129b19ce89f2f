#!/bin/sh
# The C face as C programs meet it: the example and the tests of the interface, compiled as C11 and as C++17 without a
# warning, run against the library that is shipped, then under valgrind; and the library without its server.
set -eu
cd "$(dirname "$0")/../.."

fail() {
    echo "bindings/c: $*" >&2
    exit 1
}

# A compiler for each language, and valgrind; on a Debian machine they can be installed here.
missing=
command -v cc >/dev/null || missing="$missing gcc libc6-dev"
command -v c++ >/dev/null || missing="$missing g++"
command -v valgrind >/dev/null || missing="$missing valgrind"
if [ -n "$missing" ]; then
    command -v apt-get >/dev/null || fail "these are needed and cannot be installed here:$missing"
    [ "$(id -u)" = 0 ] || fail "these are needed, and only root can install them:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing
fi

build=target/c
strict="-Wall -Wextra -Werror -pedantic -O1 -g -pthread -Iinclude"
mkdir -p "$build"

# compile FOLDER: both programs in both languages, against the library in that folder.
compile() {
    ln -sf libwalras.so "$1/libwalras.so.1"
    for program in example test_abi; do
        # shellcheck disable=SC2086
        cc -std=c11 $strict "bindings/c/$program.c" "$1/libwalras.so" -o "$build/$program"
        # shellcheck disable=SC2086
        c++ -std=c++17 $strict -x c++ "bindings/c/$program.c" -x none "$1/libwalras.so" -o "$build/$program-cpp"
    done
}

# One thread after the other, as fairly as a kernel does it; by itself valgrind may let one go on for as long as it likes.
memcheck() {
    valgrind --quiet --fair-sched=yes --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect,possible \
        --errors-for-leak-kinds=definite,indirect,possible "$@" ||
        fail "valgrind objects to $*"
}

cargo rustc --quiet --release --locked --lib --crate-type cdylib
cp -f target/release/libwalras.so "$build/libwalras.so"
compile "$build"
export LD_LIBRARY_PATH="$PWD/$build"
for program in example example-cpp; do
    "$build/$program" >"$build/out" 2>/dev/null
    diff bindings/c/example.out "$build/out" || fail "$program prints something else than bindings/c/example.out"
done
"$build/test_abi" 1000
"$build/test_abi-cpp" 10
memcheck "$build/example" >"$build/out" 2>&1
memcheck "$build/test_abi" 20 without-fork

# Without the server: no sockets, no TLS, nothing of tokio, and everything else the same.
bare=target/no-server
if cargo tree --locked --no-default-features --features ffi --edges normal --prefix none |
    grep -E '^(tokio|hyper|axum|rustls|socket2|tungstenite|aws-lc) ?'; then
    fail "the library without its server depends on the above"
fi
cargo rustc --quiet --locked --no-default-features --features ffi --lib --crate-type cdylib --target-dir "$bare"
mkdir -p "$build/bare"
cp -f "$bare/debug/libwalras.so" "$build/bare/libwalras.so"
ln -sf libwalras.so "$build/bare/libwalras.so.1"
LD_LIBRARY_PATH="$PWD/$build/bare" "$build/example" >"$build/out"
sed 's/^clients may connect$/this library has no server/' bindings/c/example.out | diff - "$build/out" ||
    fail "without its server the library does something else"
LD_LIBRARY_PATH="$PWD/$build/bare" "$build/test_abi" 10
echo "bindings/c: all well"
