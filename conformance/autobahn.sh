#!/usr/bin/env bash
# conformance/autobahn.sh [--quick]
#
# Runs the Autobahn test suite against our server and our client, both built in release mode with
# compression on. No case is left out, and NON-STRICT counts as a failure. Writes the verdicts to
# conformance/reports/autobahn.md; 10 to 20 minutes on two cores.
#
# --quick leaves out most of 12.* and 13.* (permessage-deflate, where a case can take seconds),
# writes no report, and takes about three minutes: this is what CI runs.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
HERE=$ROOT/conformance
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
export AUTOBAHN_HOME=${AUTOBAHN_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/trunkline/autobahn}
# The suite's largest message, 9.*.6, has 16 MiB; this is what it needs and no more.
MESSAGE_BYTES_MAX=16777216

die() { printf 'autobahn: %s\n' "$*" >&2; exit 1; }

# One process of the suite per line. 12.* and 13.* keep its interpreter busy with zlib, the rest
# mostly waits; more processes than this only take time from each other and from the 1 s that the
# suite allows for a closing handshake.
EVERYTHING=(
    '1.* 2.* 3.* 4.* 5.* 6.* 7.* 9.* 10.* 12.1.* 12.2.* 13.1.*'
    '12.3.* 12.4.* 12.5.* 13.2.*'
    '13.3.* 13.4.* 13.5.* 13.6.* 13.7.*'
)
EVERYTHING_CASES=517

# Each subcategory of 12.* and 13.* is one kind of data or one set of parameters, each last number
# one size of message and of fragment: every subcategory, and small, large and fragmented messages.
SAMPLE='12.1.1 12.1.10 12.1.11 12.2.5 12.2.17 12.3.6 12.3.13 12.4.4 12.4.9 12.5.12 12.5.18
        13.1.1 13.1.11 13.2.4 13.2.18 13.3.2 13.3.12 13.4.5 13.4.16 13.5.3 13.5.10 13.6.6 13.6.14 13.7.1 13.7.11 13.7.18'
QUICK=(
    '1.* 2.* 3.* 4.* 5.* 6.* 7.* 9.* 10.*'
    "$SAMPLE"
)
# shellcheck disable=SC2086 # counts the words
QUICK_CASES=$((301 + $(set -- $SAMPLE; echo $#)))

case ${1:-} in
    '')      GROUPS_OF_CASES=("${EVERYTHING[@]}") EXPECT=$EVERYTHING_CASES REPORT=$HERE/reports/autobahn.md ;;
    --quick) GROUPS_OF_CASES=("${QUICK[@]}") EXPECT=$QUICK_CASES REPORT= ;;
    *)       sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

cargo build --release -p trunkline-cli -p trunkline-conformance
case $TARGET in /*) ;; *) TARGET=$ROOT/$TARGET ;; esac
TRUNKLINE=$TARGET/release/trunkline
CLIENT=$TARGET/release/autobahn-client
OUT=$TARGET/autobahn
[ -x "$TRUNKLINE" ] || die "no $TRUNKLINE after the build"
[ -x "$CLIENT" ] || die "no $CLIENT after the build"
"$HERE/autobahn/install.sh"

# Whatever ends this script ends what it started; the scripts below end their own children.
stop() {
    local running
    mapfile -t running < <(jobs -pr)
    [ ${#running[@]} -eq 0 ] || kill "${running[@]}" 2>/dev/null || true
    wait
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

rm -rf "$OUT"
mkdir -p "$OUT"

# start_server: leaves the address of a fresh server in $url.
start_server() {
    "$TRUNKLINE" echo --listen 127.0.0.1:0 --compression --max-message "$MESSAGE_BYTES_MAX" \
        > "$OUT/server.out" 2> "$OUT/server.err" &
    server=$!
    url=
    for _ in $(seq 100); do
        url=$(sed -n 's#^listening on \(ws://[^ ]*\)$#\1#p' "$OUT/server.out")
        [ -z "$url" ] || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$OUT/server.err" >&2
    die "the server did not say where it listens"
}

# run_role ROLE: all groups of cases at the same time; $outdirs has one folder per group.
run_role() {
    role=$1
    outdirs=()
    local runs=() group run failed=0
    for group in "${!GROUPS_OF_CASES[@]}"; do
        local outdir=$OUT/$role-$group cases
        read -r -d '' -a cases <<< "${GROUPS_OF_CASES[$group]}" || true
        outdirs+=("$outdir")
        # The limit is for a testee that hangs: the suite's own limits do not end a client that never connects.
        if [ "$role" = server ]; then
            AUTOBAHN_AGENT=trunkline-server timeout 3600 \
                "$HERE/autobahn/run-server-cases.sh" "$url" "$outdir" "${cases[@]}" &
        else
            AUTOBAHN_AGENT=trunkline-client timeout 3600 \
                "$HERE/autobahn/run-client-cases.sh" "$outdir" "${cases[@]}" -- "$CLIENT" &
        fi
        runs+=($!)
    done
    for run in "${runs[@]}"; do
        wait "$run" || failed=1
    done
    [ "$failed" -eq 0 ] || printf 'autobahn: a run of the %s cases stopped early\n' "$role" >&2
    "$HERE/autobahn/summary.py" --strict --expect "$EXPECT" "${outdirs[@]}" || failed=1
    return "$failed"
}

failed=
start_server
run_role server || failed+=' server'
server_outdirs=("${outdirs[@]}")
kill -0 "$server" 2>/dev/null || { cat "$OUT/server.err" >&2; failed+=' (which has crashed)'; }
stop
run_role client || failed+=' client'
client_outdirs=("${outdirs[@]}")

if [ -n "$REPORT" ]; then
    mkdir -p "$(dirname "$REPORT")"
    # A tree with changes is no commit: say so in the report.
    commit=$(git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null || echo unknown)
    {
        echo '# Autobahn test suite'
        echo
        echo "Written by \`conformance/autobahn.sh\` on $(date -u +%F); the library as of commit \`$commit\`."
        echo
        echo "- autobahntestsuite $("$AUTOBAHN_HOME/bin/wstest" -a | sed -n 's/^AutobahnTestSuite //p')," \
            "unmodified, on Python $("$AUTOBAHN_HOME/bin/python27" -c 'import platform; print(platform.python_version())')"
        echo "- $(rustc --version)"
        echo "- \`trunkline echo --compression --max-message $MESSAGE_BYTES_MAX\` and \`autobahn-client\`, release builds"
        echo "- all $EVERYTHING_CASES cases in each role, none excluded"
        echo
        echo 'INFORMATIONAL is the only verdict that 7.1.6, 7.13.1 and 7.13.2 have.'
        echo
        "$HERE/autobahn/summary.py" --markdown "${server_outdirs[@]}" "${client_outdirs[@]}"
        [ -z "$failed" ] || echo "**Not a pass:**$failed."
    } > "$REPORT.new"
    sed -i -e '${/^$/d}' "$REPORT.new"
    mv "$REPORT.new" "$REPORT"
    echo "autobahn: report in conformance/reports/autobahn.md"
fi
[ -z "$failed" ] || die "failed:$failed"
