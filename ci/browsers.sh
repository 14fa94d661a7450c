#!/usr/bin/env bash
# Two tabs for each demo in Chromium, and the dashboard; the server is killed with -9 in the middle.
# CENTRIFUGO=path/to/centrifugo runs the same pages against Centrifugo instead, with Redis.
set -euo pipefail
. "$(dirname "$0")/common.sh"
need npm npm
[ -z "${CENTRIFUGO:-}" ] || need redis-server redis-server

if ! CHROMIUM=$(ci/chromium.sh); then
    echo 'SKIP: no Chromium, neither installed, nor from Debian, nor from npm; CHROMIUM may name one'
    echo "0 passed, 0 failed, $(cat web/tests/*.test.ts | grep -c '^test(') skipped"
    exit
fi
export CHROMIUM

(cd web && npm ci --no-audit --no-fund && npm run --silent build)
[ -n "${CENTRIFUGO:-}" ] || cargo build --locked -p trunkline-cli

report=$(mktemp)
trap 'rm -f "$report"' EXIT
status=0
(cd web && npm run --silent test:browsers -- --reporter=default --reporter=json --outputFile.json="$report") || status=$?
node -e 'const r = JSON.parse(require("fs").readFileSync(process.argv[1]));
    console.log(`${r.numPassedTests} passed, ${r.numFailedTests} failed`)' "$report"
exit "$status"
