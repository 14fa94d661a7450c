#!/bin/sh
# run-server-cases.sh WS_URL OUTDIR [CASES...]
#
# Runs the suite's fuzzing client against a WebSocket echo server and writes the reports into OUTDIR.
# CASES are patterns such as '1.*' '9.7.1' (quote them); all cases by default.
#
#   AUTOBAHN_HOME     where install.sh put the suite
#   AUTOBAHN_AGENT    the name of the server in the reports (default: server)
#   AUTOBAHN_EXCLUDE  patterns to leave out, e.g. "9.* 12.* 13.*"
#
# Exits 0 where every case was run (whatever the verdicts: see summary.py), 1 where the run stopped early.
set -euf
[ $# -ge 2 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/common.sh"

URL=$1
shift
prepare "$1"
shift
[ $# -gt 0 ] || set -- '*'
cases=$(json_list "$@")
# shellcheck disable=SC2086 # several words; set -f keeps them from being taken for file names
exclude=$(json_list ${AUTOBAHN_EXCLUDE:-})
rm -f "$OUT/expected.json"

cat > "$OUT/spec.json" <<SPEC
{
  "outdir": "$OUT",
  "servers": [{"url": "$URL", "agent": "${AUTOBAHN_AGENT:-server}"}],
  "cases": $cases,
  "exclude-cases": $exclude
}
SPEC

started=$(date +%s)
child=
trap '[ -z "$child" ] || kill "$child" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM HUP
"$AUTOBAHN_HOME/bin/python27" "$HERE/fuzz.py" client "$OUT/spec.json" > "$OUT/wstest.log" 2>&1 &
child=$!
rc=0
wait "$child" || rc=$?
child=
took=$(($(date +%s) - started))
if [ "$rc" -ne 0 ]; then
    tail -n 5 "$OUT/wstest.log" >&2
    die "the fuzzing client ended with status $rc"
fi
python3 "$HERE/summary.py" "$OUT" --complete || { grep 'failed (' "$OUT/wstest.log" >&2 || true; exit 1; }
say "done in ${took} s; reports in $OUT"
