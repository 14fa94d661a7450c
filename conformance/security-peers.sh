#!/usr/bin/env bash
# conformance/security-peers.sh [--no-report]
#
# Feeds the same bytes, whole and in pieces, to an echo server of ours and to those of tokio-tungstenite, ws and
# websockets: inputs that the RFCs say must be refused, and some that must be taken. Counts who answered, by class of
# input, and writes conformance/reports/security-peers.md. Each is as its own documentation has an echo, with default
# settings. Needs Rust, Node 20 and Python 3.11; about two minutes, and some to install them.
#
# --no-report prints the table and leaves that file alone. Exits 3 if ours was not right everywhere.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
case $TARGET in /*) ;; *) TARGET=$ROOT/$TARGET ;; esac
export INTEROP_HOME=${INTEROP_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/trunkline/interop} PYTHONDONTWRITEBYTECODE=1
HERE=$ROOT/conformance/security
OUT=$TARGET/security-peers

case ${1:-} in
    '')          REPORT=$ROOT/conformance/reports/security-peers.md ;;
    --no-report) REPORT= ;;
    *)           sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

conformance/install.sh conformance/interop "$INTEROP_HOME"
cargo build --locked -p trunkline-cli
CARGO_TARGET_DIR=$TARGET/interop-tungstenite \
    cargo build --locked --manifest-path conformance/interop/tungstenite/Cargo.toml --bin echo-tungstenite
rm -rf "$OUT"
mkdir -p "$OUT"
# Node looks for packages beside the file.
cp "$HERE/echo-ws.js" "$INTEROP_HOME/node/"

# Whatever ends this script ends what it started.
servers=()
stop() {
    [ ${#servers[@]} -eq 0 ] || kill "${servers[@]}" 2> /dev/null || true
    wait
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

# start NAME COMMAND...: adds NAME and the URL that it prints to what is asked.
asked=()
start() {
    local name=$1 url=
    "${@:2}" > "$OUT/$name.out" 2> "$OUT/$name.err" &
    servers+=($!)
    for _ in $(seq 100); do
        url=$(grep -o 'ws://127.0.0.1:[0-9]*' "$OUT/$name.out" || true)
        [ -z "$url" ] || break
        sleep 0.1
    done
    [ -n "$url" ] || { echo "security-peers: $name does not listen: $(cat "$OUT/$name.err")" >&2; exit 1; }
    asked+=("$name" "$url")
}
start trunkline "$TARGET/debug/trunkline" echo --listen 127.0.0.1:0
start tokio-tungstenite "$TARGET/interop-tungstenite/debug/echo-tungstenite"
start ws node "$INTEROP_HOME/node/echo-ws.js"
start websockets "$INTEROP_HOME/python/bin/python" "$HERE/echo_websockets.py"

status=0
python3 "$HERE/peers.py" "${asked[@]}" > "$OUT/table.md" || status=$?
# 3: counted, and ours was not right everywhere.
[ "$status" -eq 0 ] || [ "$status" -eq 3 ] || exit "$status"
cat "$OUT/table.md"
[ -n "$REPORT" ] || exit "$status"

version() { sed -nE "$1" "$2" | head -1; }
{
    cat << TEXT
# The same bytes at other servers

Written by \`conformance/security-peers.sh\` on $(date -u +%F); the library as of commit \`$(
        git describe --always --dirty --abbrev=12 --exclude '*' 2> /dev/null || echo unknown)\`.

- trunkline $(version 's/^version = "(.*)"/\1/p' Cargo.toml), tokio-tungstenite $(
        grep -A1 'name = "tokio-tungstenite"' conformance/interop/tungstenite/Cargo.lock | sed -n 's/version = "\(.*\)"/\1/p'), ws $(
        version 's/.*"ws": "(.*)".*/\1/p' conformance/interop/node/package.json), websockets $(
        version 's/^websockets==(.*)/\1/p' conformance/interop/python/requirements.in)
- $(rustc --version); Node $(node --version); $(python3 --version); $(nproc) CPUs

[The inputs](../security/inputs.py) are those that RFC 6455, 9110 and 9112 say a server must or should refuse, and some
that it must take; each is sent whole, in two pieces, and byte by byte where it is short. Limits, origins and deadlines are
a server's own business, and not compared; nor is what the RFCs ask of the sender alone. Every server is an echo with
default settings, as its own documentation has one.

*Right*: a status or a close code names the fault before the connection ends; for good input: it was taken, or a close
was answered with its code. In parentheses what was not: *other*, an answer that names another fault; *silent*, the end
of the connection without an answer; *taken*, accepted or not answered for two seconds.

TEXT
    cat "$OUT/table.md"
    cat << 'TEXT'

**Silent is not unsafe.** A server that ends the connection without a word has refused the input; the peer only does
not learn why. tokio-tungstenite leaves that word to its caller by design: \`accept_async\` gives an error and \`next\`
another one, and an application that wants to answer can. Its column is what the calls alone do.

**Taken is not always a mistake.** A server may be lenient on purpose, for clients that it knows, and one that stands on
an HTTP server leaves the head of a request to that. Which inputs a server took is for its maintainers, and not told here.
TEXT
} | sed 's/\\`/`/g' > "$REPORT.new"
mv "$REPORT.new" "$REPORT"
echo "security-peers: report in conformance/reports/security-peers.md"
exit "$status"
