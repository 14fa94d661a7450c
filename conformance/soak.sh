#!/usr/bin/env bash
# conformance/soak.sh SCENARIO [--secs N]
#
# Long and rough runs of the server on real sockets, one scenario each, as release builds. Each ends with a table of
# what was wanted and what was seen, which goes to conformance/reports/soak/SCENARIO.md. Part of the conformance crate, for
# it drives the server with our own client.
#
#   churn    clients come, publish, recover and go while others stay; an hour, or --secs
#   storm    10 000 clients lose their server to kill -9 and come back at once, twice; a minute
#   stuck    a tenth of the subscribers never read; three minutes
#   hostile  slow, silent, flooding and broken peers; a minute and a half
#   disk     the disk is full, and then is not; half a minute
#
# TRUNKLINE names a command to use instead of one that is built; SOAK_OUT a folder for the table instead of reports.
set -euo pipefail
cd "$(dirname "$0")/.."
scenario=${1:-}
case $scenario in
    churn|storm|stuck|hostile|disk) ;;
    *) sed -n '2,16s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

# 10 000 connections, and some room; each end has a process of its own.
ulimit -n "$(ulimit -H -n)"
# What a full disk says where it is a limit of the process: an error, not a signal.
trap '' XFSZ

TARGET=${CARGO_TARGET_DIR:-$PWD/target}
if [ -z "${TRUNKLINE:-}" ]; then
    cargo build --locked --release -p trunkline-cli
    TRUNKLINE=$TARGET/release/trunkline
fi
cargo build --locked --release -p trunkline-conformance --bin soak
TRUNKLINE=$(realpath "$TRUNKLINE")
table=$(mktemp)
trap 'rm -f "$table"' EXIT
export TRUNKLINE SOAK_CONFIG=$PWD/conformance/soak.toml SOAK_REPORT=$table

status=0
"$TARGET/release/soak" "$@" || status=$?
out=${SOAK_OUT:-conformance/reports/soak}
mkdir -p "$out"
{
    echo "# Soak: $scenario"
    echo
    # A tree with changes is no commit: say so in the report.
    echo "Written by \`conformance/soak.sh $*\` on $(date -u +%F); the server as of commit" \
        "\`$(git describe --always --dirty --abbrev=12 --exclude '*' 2> /dev/null || echo unknown)\`, a release build" \
        "with $(rustc --version | cut -d' ' -f1-2), on $(nproc) CPUs and Linux $(uname -r | cut -d- -f1)."
    echo
    cat "$table"
} > "$out/$scenario.md"
echo "soak: report in $out/$scenario.md"
exit "$status"
