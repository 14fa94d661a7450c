#!/bin/sh
# run-client-cases.sh OUTDIR [CASES...] -- COMMAND...
#
# Starts the suite's fuzzing server on a free loopback port, runs COMMAND, stops the server and leaves the
# reports in OUTDIR. CASES are patterns such as '1.*' '9.7.1' (quote them); all cases by default.
#
# COMMAND finds the server's address in AUTOBAHN_URL (ws://...) and its own name in AUTOBAHN_AGENT. It must
#   1. connect to $AUTOBAHN_URL/getCaseCount and read the one message: the number N of cases
#   2. for i in 1..N connect to $AUTOBAHN_URL/runCase?case=$i&agent=$AUTOBAHN_AGENT and echo every message
#      back in kind (text as text, binary as binary) until the connection is closed
#   3. connect to $AUTOBAHN_URL/updateReports?agent=$AUTOBAHN_AGENT (reports are written without it too)
#
#   AUTOBAHN_HOME     where install.sh put the suite
#   AUTOBAHN_AGENT    the name of the client in the reports (default: client)
#   AUTOBAHN_EXCLUDE  patterns to leave out, e.g. "9.* 12.* 13.*"
#
# Exits 0 where every case was run (whatever the verdicts: see summary.py), with COMMAND's status where that
# is not 0, and 1 where COMMAND left cases out.
set -euf
[ $# -ge 3 ] || { sed -n '2,19s/^# \{0,1\}//p' "$0" >&2; exit 2; }
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/common.sh"

prepare "$1"
shift
patterns=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    patterns="$patterns $1"
    shift
done
[ $# -ge 2 ] || die "no COMMAND: give it after --"
shift
# shellcheck disable=SC2086 # several words; set -f keeps them from being taken for file names
cases=$(json_list ${patterns:-'*'})
# shellcheck disable=SC2086 # several words, as above
exclude=$(json_list ${AUTOBAHN_EXCLUDE:-})
rm -f "$OUT/expected.json" "$OUT/url"

cat > "$OUT/spec.json" <<SPEC
{
  "url": "ws://127.0.0.1:9001",
  "outdir": "$OUT",
  "cases": $cases,
  "exclude-cases": $exclude
}
SPEC

server=
client=
stop() {
    for pid in $client $server; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    client=
    server=
}
trap stop EXIT
trap 'exit 130' INT TERM HUP
"$AUTOBAHN_HOME/bin/python27" "$HERE/fuzz.py" server "$OUT/spec.json" "$OUT/url" > "$OUT/wstest.log" 2>&1 &
server=$!
n=0
until [ -s "$OUT/url" ]; do
    kill -0 "$server" 2>/dev/null || { tail -n 5 "$OUT/wstest.log" >&2; server=; die "the fuzzing server did not start"; }
    n=$((n + 1))
    [ "$n" -lt 300 ] || die "the fuzzing server did not start within 30 s"
    sleep 0.1
done
AUTOBAHN_URL=$(cat "$OUT/url")
AUTOBAHN_AGENT=${AUTOBAHN_AGENT:-client}
export AUTOBAHN_URL AUTOBAHN_AGENT

started=$(date +%s)
rc=0
"$@" &
client=$!
wait "$client" || rc=$?
client=
stop
took=$(($(date +%s) - started))
[ "$rc" -eq 0 ] || { say "the client ended with status $rc after ${took} s"; exit "$rc"; }
python3 "$HERE/summary.py" "$OUT" --complete || exit 1
say "done in ${took} s; reports in $OUT"
