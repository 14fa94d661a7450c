#!/usr/bin/env bash
# bench/run.sh [--quick] [--native]
#
# Builds our echo server and its peers in release mode, runs them interleaved under the load generator and writes
# bench/results/<date>.md (and the single runs beside it, .jsonl). About 20 minutes, on a machine that does
# nothing else. Needs two CPUs: the server has CPU 1, the load generator CPU 0.
#
# --quick   2 short rounds, to see that everything works; the tables go to stdout and are not worth keeping
# --native  builds ours and theirs with target-cpu=native; without it, both for the baseline of the target
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD

rounds=5 secs=1 quick='' flags=''
for arg in "$@"; do
    case $arg in
        --quick) quick=1 rounds=2 secs=0.3 ;;
        --native) flags='-C target-cpu=native' ;;
        *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
[ "$(nproc)" -ge 2 ] || { echo 'bench: needs two CPUs' >&2; exit 1; }

if [ -n "${CARGO_TARGET_DIR:-}" ]; then
    mkdir -p "$CARGO_TARGET_DIR"
    CARGO_TARGET_DIR=$(cd "$CARGO_TARGET_DIR" && pwd)
    export CARGO_TARGET_DIR
fi
# Set here, so that a user's own flags cannot favour one side's build.
export RUSTFLAGS=$flags
cargo build --release --locked -p trunkline-cli
cargo build --release --locked --manifest-path bench/Cargo.toml

# idle-10k: both sides hold ten thousand sockets.
ulimit -Sn "$(ulimit -Hn)"
[ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge 10100 ] || { echo 'bench: needs 10100 open files (ulimit -Hn)' >&2; exit 1; }

if [ -n "$quick" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    results=$work/results.jsonl
else
    mkdir -p bench/results
    results=$ROOT/bench/results/$(date -u +%F).jsonl
    rm -f "$results"
fi

failed=0
bench/compare --out "$results" --rounds "$rounds" --secs "$secs" \
    --servers raw-epoll,raw-tokio,tokio-tungstenite,tokio-tungstenite-tuned,axum,fastwebsockets,tokio-websockets,yawc,yawc-tuned,sockudo-ws,web-socket,soketto,trunkline \
    --workloads pp-64x32,pipe-16x64x32,pipe-16x32x1k,large-8x64k-bin,large-8x64k-utf8,huge-4x1m,idle-10k \
    || failed=1
[ -s "$results" ] || { echo 'bench: nothing was measured' >&2; exit 1; }

# version CRATE: which one the peers were built with. The last of several: an older one is what another peer, such
# as axum, brings with it.
version() { awk -v crate="\"$1\"" '$1 == "name" { found = $3 == crate } found && $1 == "version" { gsub(/"/, "", $3); v = $3 } END { print v }' bench/Cargo.lock; }

report() {
    echo "# Echo servers compared, $(date -u +%F)"
    echo
    echo "Written by \`bench/run.sh${quick:+ --quick}${flags:+ --native}\`: $rounds rounds of $secs s, servers interleaved."
    echo
    echo "- Trunkline at commit \`$(git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null || echo unknown)\`"
    local crate peers=
    for crate in tokio tokio-tungstenite axum fastwebsockets tokio-websockets yawc sockudo-ws web-socket soketto; do
        peers+="${peers:+, }$crate $(version "$crate")"
    done
    echo "- $peers"
    echo "- $(rustc --version); release builds, ours and theirs alike with RUSTFLAGS=\"$flags\""
    echo "- $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) CPUs, Linux $(uname -r)$(grep -q '^flags.* hypervisor' /proc/cpuinfo && echo ', virtual machine' || true)"
    cat <<'TEXT'

Read with care:

- One server thread on one CPU and the load on another, over loopback: what is measured is what the library adds to
  the kernel's own work, not what a network would show.
- Judge by CPU time per message and its ratio to `raw-epoll`, an echo of bytes that knows nothing of WebSocket;
  messages per second say little where the server is not busy all the time (`server busy` below 0.95).
- Ratios are medians of same-round ratios. A difference smaller than the spread (`min..max`) is none.
- `tuned` peers run with the settings that their authors, or we, found fastest. `fastwebsockets`, `yawc` and
  `web-socket` stand behind a minimal HTTP upgrade of ours.
- `web-socket` and `soketto` do not check that text is UTF-8; all the others do.
TEXT
    bench/summarise "$results"
}

if [ -n "$quick" ]; then
    report
else
    report > "${results%.jsonl}.md"
    echo "bench: wrote bench/results/$(basename "${results%.jsonl}.md")"
fi
[ "$failed" -eq 0 ] || { echo 'bench: some runs failed, see above' >&2; exit 1; }
