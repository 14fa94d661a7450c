#!/usr/bin/env bash
# conformance/security-peers.sh [--no-report]
#
# Feeds the same bytes, whole and in pieces, to an echo server and to clients of ours and to those of
# tokio-tungstenite, ws and websockets: inputs that the RFCs say must be refused, and some that must be taken. Counts who
# answered, by class of input, and writes conformance/reports/security-peers.md. Each is as its own documentation has an
# echo, with default settings, and with compression if it has that. Needs Rust, Node 20 and Python 3.11; about four
# minutes, and some to install them.
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
    *)           sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

conformance/install.sh conformance/interop "$INTEROP_HOME"
cargo build --locked -p trunkline-cli -p trunkline-conformance --bin trunkline --bin echo-client
CARGO_TARGET_DIR=$TARGET/interop-tungstenite \
    cargo build --locked --manifest-path conformance/interop/tungstenite/Cargo.toml --bins
rm -rf "$OUT"
mkdir -p "$OUT"
# Node looks for packages beside the file.
cp "$HERE"/{echo,client}-ws.js "$INTEROP_HOME/node/"

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
start trunkline "$TARGET/debug/trunkline" echo --compression --listen 127.0.0.1:0
start tokio-tungstenite "$TARGET/interop-tungstenite/debug/echo-tungstenite"
start ws node "$INTEROP_HOME/node/echo-ws.js"
start websockets "$INTEROP_HOME/python/bin/python" "$HERE/echo_websockets.py"

# count ROLE PEER...: prints a table, and keeps it.
status=0
count() {
    local counted=0
    python3 "$HERE/peers.py" "$@" > "$OUT/$1.md" || counted=$?
    # 3: counted, and ours was not right everywhere.
    [ "$counted" -eq 0 ] || [ "$counted" -eq 3 ] || exit "$counted"
    [ "$counted" -eq 0 ] || status=$counted
    cat "$OUT/$1.md"
}
count servers "${asked[@]}"
count clients trunkline "$TARGET/debug/echo-client" \
    tokio-tungstenite "$TARGET/interop-tungstenite/debug/client-tungstenite" \
    ws "node $INTEROP_HOME/node/client-ws.js" \
    websockets "$INTEROP_HOME/python/bin/python $HERE/client_websockets.py"
[ -n "$REPORT" ] || exit "$status"

version() { sed -nE "$1" "$2" | head -1; }
{
    cat << TEXT
# The same bytes at other libraries

Written by \`conformance/security-peers.sh\` on $(date -u +%F); the library as of commit \`$(
        git describe --always --dirty --abbrev=12 --exclude '*' 2> /dev/null || echo unknown)\`.

- trunkline $(version 's/^version = "(.*)"/\1/p' Cargo.toml), tokio-tungstenite $(
        grep -A1 'name = "tokio-tungstenite"' conformance/interop/tungstenite/Cargo.lock | sed -n 's/version = "\(.*\)"/\1/p'), ws $(
        version 's/.*"ws": "(.*)".*/\1/p' conformance/interop/node/package.json), websockets $(
        version 's/^websockets==(.*)/\1/p' conformance/interop/python/requirements.in)
- $(rustc --version); Node $(node --version); $(python3 --version); $(nproc) CPUs

[The frames](../security/inputs.py), [requests](../security/heads_of_clients.py) and
[answers](../security/heads_of_servers.py) are those that RFC 6455, 7692, 9110 and 9112 say must or should be refused, and
some that must be taken; each is sent whole, in two pieces, and byte by byte where it is short. Limits, origins and
deadlines are a peer's own business, and not compared, but for two: a message that inflates to 200 MiB, and a head of
16 MiB without an end. Nor is what the RFCs ask of the sender alone. Every peer is an echo with default settings, as its
own documentation has one, with compression switched on where it has that.

*Right*: a status or a close code names the fault before the connection ends; for good input: it was taken, or a close
was answered with its code. In parentheses what was not: *other*, an answer that names another fault; *silent*, the end
of the connection without an answer; *taken*, accepted or not answered for five seconds, a minute for bombs. *Cannot*: it does not
compress.

## Servers

TEXT
    cat "$OUT/servers.md"
    cat << 'TEXT'

## Clients

A client that fails in a handshake has nobody to tell it to but its caller: *right* is the end of the connection before
its first message.

TEXT
    cat "$OUT/clients.md"
    cat << 'TEXT'

## How to read it

**Silent is not unsafe.** A peer that ends the connection without a word has refused the input; the other end only does
not learn why. tokio-tungstenite leaves that word to its caller by design: `accept_async` gives an error and `next`
another one, and an application that wants to answer can. Its columns are what the calls alone do.

**Taken is not always a mistake.** A peer may be lenient on purpose, for others that it knows, and one that stands on
an HTTP library leaves heads to that. Which inputs a peer took is for its maintainers, and not told here.
TEXT
} > "$REPORT.new"
mv "$REPORT.new" "$REPORT"
echo "security-peers: report in conformance/reports/security-peers.md"
exit "$status"
