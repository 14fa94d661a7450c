#!/usr/bin/env bash
# conformance/sdks.sh
#
# Runs Centrifugo's SDKs, unchanged and as the registries have them, against `trunkline serve`: what an
# application does with them, in JSON and in Protobuf. Needs Rust, Node 20 and Python 3.11; the SDK for Go
# is skipped where there is no Go of 1.25. About a minute and a half on two cores, once it is built. TRUNKLINE names a command to use instead of one that is built.
set -euo pipefail
cd "$(dirname "$0")/.."
HERE=$PWD/conformance/sdks
export SDKS_HOME=${SDKS_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/trunkline/sdks}
export SERVER_CONFIG=$HERE/server.toml PYTHONDONTWRITEBYTECODE=1
export PATH=$PATH:/usr/local/go/bin

conformance/install.sh "$HERE" "$SDKS_HOME"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
if [ -z "${TRUNKLINE:-}" ]; then
    cargo build --locked -p trunkline-cli
    TRUNKLINE=$CARGO_TARGET_DIR/debug/trunkline
fi
TRUNKLINE=$(realpath "$TRUNKLINE")
export TRUNKLINE

# Built before the clock of its suite runs.
RUST=(--locked --manifest-path "$HERE/rust/Cargo.toml" --test tokio_centrifuge)
export CARGO_TARGET_DIR=$CARGO_TARGET_DIR/sdks-rust
cargo test --no-run "${RUST[@]}"

LOG=$(mktemp)
trap 'rm -f "$LOG"' EXIT
trap 'exit 130' INT TERM HUP
status=0

# A suite that stops before its closing line has failed.
echo '-- centrifuge, from npm'
cp "$HERE"/node/*.js "$SDKS_HOME/node/"
(cd "$SDKS_HOME/node" && timeout -k 10 300 node --test --test-reporter=tap centrifuge.test.js) > "$LOG" || status=1
grep -E '^ *(not )?ok |^ +error: ' "$LOG" || status=1
# A test that its suite has not come to is cancelled, and is a failure here.
awk '/^# pass /{ passed = $3 } /^# (fail|cancelled) /{ failed += $3 } END { print passed + 0 " passed, " failed + 0 " failed" }' "$LOG"

echo '-- centrifuge-python, from PyPI'
timeout -k 10 300 "$SDKS_HOME/python/bin/python" "$HERE/python/test_centrifuge.py" || status=1

echo '-- tokio-centrifuge, from crates.io'
timeout -k 10 300 cargo test "${RUST[@]}" || status=1

echo "-- centrifuge-go, from Go's proxy"
go_minor=$(go version 2> /dev/null | sed -nE 's/^go version go1\.([0-9]+).*/\1/p' || true)
if [ "${go_minor:-0}" -ge 25 ]; then
    # Built before its clock runs, too.
    (cd "$HERE/go" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly go test -c -o "$SDKS_HOME/go.test" .)
    timeout -k 10 300 "$SDKS_HOME/go.test" -test.v > "$LOG" || status=1
    # The cases are below the two tests; one that began and did not end is a failure.
    grep -E '^ *--- |^ +[a-z_]+\.go:' "$LOG" || status=1
    awk '/^=== RUN .*\// { ran++ } /^ +--- PASS: / { passed++ } END { print passed + 0 " passed, " ran - passed " failed" }' "$LOG"
else
    echo 'SKIP: centrifuge-go, for there is no Go of 1.25 or later'
    echo "0 passed, 0 failed, $((2 * $(grep -c '^	{"' "$HERE/go/centrifuge_test.go") + 1)) skipped"
fi
exit "$status"
