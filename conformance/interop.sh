#!/usr/bin/env bash
# conformance/interop.sh [--no-report]
#
# Runs our library against the WebSocket libraries that others use, each as server and as client, against
# Chromium, and through nginx and HAProxy as docs/deploy configures them. Needs Rust, Node 20,
# Python 3.11, a Chromium, which CHROMIUM may name, and Debian's nginx, haproxy and openssl; the peers in Go are
# skipped where there is no Go. Writes what came of it to conformance/reports/interop.md; about four minutes on two cores.
#
# --no-report leaves that file alone: this is what CI runs.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
HERE=$ROOT/conformance/interop
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
case $TARGET in /*) ;; *) TARGET=$ROOT/$TARGET ;; esac
export INTEROP_HOME=${INTEROP_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/trunkline/interop}
export PATH=$PATH:/usr/sbin:/usr/local/go/bin PYTHONDONTWRITEBYTECODE=1

# No run takes more than 40 s on two idle cores; each case has a limit of its own.
RUN_TIMEOUT=300

die() { printf 'interop: %s\n' "$*" >&2; exit 1; }

case ${1:-} in
    '')          REPORT=$ROOT/conformance/reports/interop.md ;;
    --no-report) REPORT= ;;
    *)           sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

CHROMIUM=$(command -v "${CHROMIUM:-chromium}") || die 'no chromium: CHROMIUM may name one'
export CHROMIUM
for command in cargo node npm python3 nginx haproxy openssl; do
    command -v "$command" > /dev/null || die "no $command: see the first lines of this script"
done
node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || a == 20 && b >= 18 ? 0 : 1)' \
    || die "Node $(node --version) is too old: 20.18 or later is needed"

conformance/install.sh "$HERE" "$INTEROP_HOME"
cargo build --locked --release -p trunkline-cli -p trunkline-conformance
CARGO_TARGET_DIR=$TARGET/interop-tungstenite \
    cargo build --locked --manifest-path "$HERE/tungstenite/Cargo.toml"

OUT=$TARGET/interop
RESULTS=$OUT/results.tsv
rm -rf "$OUT"
mkdir -p "$OUT/tls" "$OUT/tmp"
: > "$RESULTS"
# Profiles of browsers, too, are gone with the next run even if this one is killed.
export TMPDIR=$OUT/tmp
cp "$HERE"/node/*.js "$INTEROP_HOME/node/"

INTEROP=$TARGET/release/interop
PYTHON=$INTEROP_HOME/python/bin/python

# Each peer is a command to which its role is added.
peer() {
    case $1 in
        trunkline)           command=("$TARGET/release/interop-peer") ;;
        tokio-tungstenite)   command=("$TARGET/interop-tungstenite/debug/interop-tungstenite") ;;
        ws|undici|chromium)  command=(node "$INTEROP_HOME/node/$1.js") ;;
        websockets|aiohttp|curl_cffi) command=("$PYTHON" "$HERE/python/peer_$1.py") ;;
        coder|gorilla)       command=("$OUT/go-peers" "$1") ;;
    esac
}

# run PEER WAY...: one peer in one role. What ends early is a failure, however many cases it had passed.
run() {
    local name=$1 status=0
    peer "$name"
    shift
    timeout -k 10 "$RUN_TIMEOUT" "$INTEROP" "$@" "$RESULTS" "${command[@]}" || status=$?
    # 1 is a case that failed, and is in the results.
    [ "$status" -le 1 ] || printf '%s\t%s\tthe run\tFAILED\tended with %s\n' "$name" "${*:1:2}" "$status" >> "$RESULTS"
    [ "$status" -eq 0 ] || failed=1
}

# Whatever ends this script ends what it started.
stop() {
    local running
    mapfile -t running < <(jobs -pr)
    [ ${#running[@]} -eq 0 ] || kill "${running[@]}" 2> /dev/null || true
    wait
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

# said FILE PATTERN: waits for a line that a program writes once it listens, and gives what follows PATTERN in it.
said() {
    local url
    for _ in $(seq 200); do
        url=$(sed -n "s#^$2##p" "$1")
        [ -z "$url" ] || { echo "$url"; return; }
        sleep 0.1
    done
    die "nothing listens: $(cat "$1")"
}

failed=0 skipped=0

for role in server client; do
    run trunkline $role
    run tokio-tungstenite $role
    run ws $role
    run websockets $role
    run aiohttp $role
done
run undici client
run curl_cffi client
run chromium client

# coder/websocket asks for 1.23.
go_minor=$(go version 2> /dev/null | sed -nE 's/^go version go1\.([0-9]+).*/\1/p' || true)
if [ "${go_minor:-0}" -ge 23 ]; then
    (cd "$HERE/go" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly go build -o "$OUT/go-peers" .)
    for role in server client; do
        run coder $role
        run gorilla $role
    done
else
    echo 'SKIP: coder/websocket and gorilla/websocket, for there is no Go of 1.23 or later'
    skipped=2
fi

# A certificate for this machine, by an authority that only the clients below have heard of.
(
    cd "$OUT/tls"
    new=(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2)
    "${new[@]}" -subj '/CN=interop CA' -keyout ca.key -out ca.pem
    "${new[@]}" -subj /CN=127.0.0.1 -CA ca.pem -CAkey ca.key -addext basicConstraints=critical,CA:FALSE \
        -addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout key.pem -out cert.pem
    cat cert.pem key.pem > both.pem
) 2> "$OUT/openssl.err" || die "no certificate: $(cat "$OUT/openssl.err")"
export SSL_CERT_FILE=$OUT/tls/ca.pem NODE_EXTRA_CA_CERTS=$OUT/tls/ca.pem

for proxy in nginx haproxy; do
    for peer in trunkline ws websockets chromium; do
        run "$peer" through $proxy "$OUT/tls"
    done
done

# page URL WAY: the page of trunkline echo.
page() {
    timeout -k 10 "$RUN_TIMEOUT" node "$INTEROP_HOME/node/page.js" "$1" "$2" "$RESULTS" \
        || { failed=1; printf 'Chromium\tpage %s\tthe run\tFAILED\tsee above\n' "$2" >> "$RESULTS"; }
}
"$TARGET/release/trunkline" echo --listen 127.0.0.1:0 --compression --page > "$OUT/echo.out" &
url=$(said "$OUT/echo.out" 'try it at *')
page "$url" directly
for proxy in nginx haproxy; do
    # Runs for as long as its standard input is open.
    sleep "$RUN_TIMEOUT" | "$INTEROP" proxy $proxy "$OUT/tls" "$(sed -E 's#^http://([^/]*)/$#\1#' <<< "$url")" \
        > "$OUT/$proxy.out" &
    name=$proxy
    [ $proxy = nginx ] || name=HAProxy
    page "$(said "$OUT/$proxy.out" $'listening\t')/" "through $name"
done

versions() {
    # A tree with changes is no commit: say so in the report.
    echo "Written by \`conformance/interop.sh\` on $(date -u +%F); the library as of commit" \
        "\`$(git describe --always --dirty --abbrev=12 --exclude '*' 2> /dev/null || echo unknown)\`."
    echo
    echo "- $(rustc --version); Node $(node --version); $(python3 --version); $(go version 2> /dev/null | sed 's/^go version go/Go /' || echo no Go)"
    echo "- $(nginx -v 2>&1 | sed 's/.*: //'), $(haproxy -v | sed -nE '1s/^(HAProxy) version ([^ ]*).*/\1 \2/p')," \
        "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)"
    echo "- \`trunkline\` and the cases in release builds, on $(nproc) CPUs"
}

if [ -n "$REPORT" ]; then
    versions > "$OUT/versions.md"
    "$HERE/summary.py" "$RESULTS" --skipped "$skipped" --report "$OUT/versions.md" > "$REPORT.new" || failed=1
    mv "$REPORT.new" "$REPORT"
    echo "interop: report in conformance/reports/interop.md"
fi
stop
"$HERE/summary.py" "$RESULTS" --skipped "$skipped" || failed=1
exit "$failed"
