#!/usr/bin/env bash
# bench/run.sh [--quick] [--native] [--only PART[,PART]] [--rounds N]
#
# Builds Trunkline and its peers in release mode, runs them interleaved under the load generator and writes
# bench/results/<date>.md (and the single runs beside it, .jsonl). About an hour, on a machine that does
# nothing else. Needs two CPUs: the server has CPU 1, the load generator CPU 0.
#
# --quick   2 short rounds, to see that everything works; the tables go to stdout and are not worth keeping
# --native  builds ours and theirs with target-cpu=native; without it, both for the baseline of the target
# --only    of the parts that README.md names, such as echo or fanout; the report is named for them
# --rounds  more of them (5) tell apart what is close
#
# Peers that are no Rust are fetched and built where npm and Go are there, and left out with a line where not;
# CENTRIFUGO names a binary of Centrifugo to take instead.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
CENTRIFUGO_VERSION=v6.9.1

# Now: the report that is written at the end may be one of the files that belong to it.
commit=$(git describe --always --dirty --abbrev=12 --exclude '*' 2> /dev/null || echo unknown)
rounds=5 secs=1 quick='' flags='' only=''
while [ $# -gt 0 ]; do
    case $1 in
        --quick) quick=1 rounds=2 secs=0.3 ;;
        --native) flags='-C target-cpu=native' ;;
        --only) only=${2:?"--only needs the names of parts"}; shift ;;
        --rounds) rounds=${2:?"--rounds needs a number"}; shift ;;
        *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
[ "$(nproc)" -ge 2 ] || { echo 'bench: needs two CPUs' >&2; exit 1; }
known=$(cd bench && python3 -c 'import workloads; print(*workloads.PARTS)')
read -ra parts <<< "${only:+${only//,/ }}"
[ ${#parts[@]} -gt 0 ] || read -ra parts <<< "$known"
for part in "${parts[@]}"; do
    [[ " $known " == *" $part "* ]] || { echo "bench: no part is called $part; there are: $known" >&2; exit 2; }
done

if [ -n "${CARGO_TARGET_DIR:-}" ]; then
    mkdir -p "$CARGO_TARGET_DIR"
    CARGO_TARGET_DIR=$(cd "$CARGO_TARGET_DIR" && pwd)
    export CARGO_TARGET_DIR
fi
others=${CARGO_TARGET_DIR:-$ROOT/bench/target}/others
# Set here, so that a user's own flags cannot favour one side's build.
export RUSTFLAGS=$flags
cargo build --release --locked -p trunkline-cli -p echo-ours
cargo build --release --locked --manifest-path bench/Cargo.toml

# Servers in other languages. One that cannot be had is skipped by `compare`, which says so.
mkdir -p "$others"
if command -v npm > /dev/null && [ ! -d "$others/node_modules/ws" ]; then
    cp bench/peers/node/package*.json "$others/"
    (cd "$others" && npm ci --silent --no-audit --no-fund) || echo 'bench: npm could not fetch ws' >&2
fi
if [ -z "${CENTRIFUGO:-}" ] && ! command -v centrifugo > /dev/null && [ ! -x "$others/centrifugo" ] && command -v go > /dev/null; then
    GOBIN=$others go install "github.com/centrifugal/centrifugo/v6@$CENTRIFUGO_VERSION" || echo 'bench: Go could not build Centrifugo' >&2
fi

# Ten thousand connections: both sides hold as many sockets.
ulimit -Sn "$(ulimit -Hn)"
[ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge 10100 ] || { echo 'bench: needs 10100 open files (ulimit -Hn)' >&2; exit 1; }

if [ -n "$quick" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    results=$work/results.jsonl
else
    mkdir -p bench/results
    results=$ROOT/bench/results/$(date -u +%F)${only:+-${only//,/-}}.jsonl
    rm -f "$results"
fi

failed=0
for part in "${parts[@]}"; do
    bench/compare --part "$part" --out "$results" --rounds "$rounds" --secs "$secs" || failed=1
done
[ -s "$results" ] || { echo 'bench: nothing was measured' >&2; exit 1; }

# version CRATE: which one the peers were built with. The last of several: an older one is what another peer, such
# as axum, brings with it.
version() { awk -v crate="\"$1\"" '$1 == "name" { found = $3 == crate } found && $1 == "version" { gsub(/"/, "", $3); v = $3 } END { print v }' bench/Cargo.lock; }

# others: peers that are no Rust, with their versions, of those that were measured.
others() {
    local centrifugo=${CENTRIFUGO:-$(command -v centrifugo || echo "$others/centrifugo")}
    if grep -q '"label": "centrifugo' "$results"; then
        # One that `go install` has built says 0.0.0; Go knows better.
        local built
        built=$(go version -m "$centrifugo" 2> /dev/null | awk '$1 == "mod" { print $3 }') || true
        "$centrifugo" version | sed "s/v0\.0\.0/${built:-v0.0.0}/"
    fi
    grep -q '"label": "ws-topics' "$results" && echo "ws $(sed -n 's/.*"ws": "\(.*\)".*/\1/p' bench/peers/node/package.json) on node $(node --version)"
    true
}

report() {
    echo "# Trunkline and its peers, $(date -u +%F)"
    echo
    echo "Written by \`bench/run.sh${quick:+ --quick}${flags:+ --native}${only:+ --only $only}\`: $rounds rounds of $secs s, servers interleaved."
    echo
    echo "- Trunkline at commit \`$commit\`"
    local crate peers=
    for crate in tokio tokio-tungstenite axum fastwebsockets tokio-websockets yawc sockudo-ws web-socket soketto; do
        peers+="${peers:+, }$crate $(version "$crate")"
    done
    echo "- $peers"
    others | sed 's/^/- /'
    echo "- $(rustc --version); release builds, ours and theirs alike with RUSTFLAGS=\"$flags\""
    echo "- $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) CPUs, Linux $(uname -r)$(grep -q '^flags.* hypervisor' /proc/cpuinfo && echo ', virtual machine' || true)"
    cat <<'TEXT'

Read with care:

- One server thread on one CPU and the load on another, over loopback: what is measured is what the library adds to
  the kernel's own work, not what a network would show.
- Judge by CPU time per message and its ratio to the floor: `raw-epoll`, an echo of bytes that knows nothing of
  WebSocket; `raw-fanout`, which writes a finished frame to each subscriber; `raw-gather`, which writes up to 16 of
  them at once. Messages per second say little where the server is not busy all the time (`server busy` below 0.95).
- Ratios are medians of same-round ratios. A difference smaller than the spread (`min..max`) is none.
- `tuned` peers run with the settings that their authors, or we, found fastest. `fastwebsockets`, `yawc` and
  `web-socket` stand behind a minimal HTTP upgrade of ours.
- `web-socket` and `soketto` do not check that text is UTF-8; all the others do.
- In fan-out every subscriber's stream is checked: `lost` counts gaps, doubles and connections that were closed. `ws-topics` and the floors have no sessions, no rights and no JSON to look at.
TEXT
    local svg
    for svg in "${charts[@]}"; do
        printf '\n![%s](%s)\n' "$(sed -n 's/.*aria-label="\([^"]*\)".*/\1/p' "$svg")" "$(basename "$svg")"
    done
    bench/summarise "$results"
}

drawn=$(bench/chart "$results" --out "${results%.jsonl}") || failed=1
mapfile -t charts < <(printf '%s' "$drawn")
if [ -n "$quick" ]; then
    report
else
    report > "${results%.jsonl}.md"
    echo "bench: wrote bench/results/$(basename "${results%.jsonl}.md")"
fi
[ "$failed" -eq 0 ] || { echo 'bench: some runs failed, see above' >&2; exit 1; }
