#!/usr/bin/env bash
# The dashboard and the demo pages: format, types, unit tests, build, and what the lock file may hold.
set -euo pipefail
. "$(dirname "$0")/common.sh"
need npm npm
cd web

npm ci --no-audit --no-fund
npm run --silent format:check
npm run --silent check

# The lock names no other registry than npm's, so that it installs anywhere.
if grep '"resolved"' package-lock.json | grep -v 'https://registry.npmjs.org/'; then
    echo "ci: package-lock.json names a registry of one machine" >&2
    exit 1
fi

report=$(mktemp)
trap 'rm -f "$report"' EXIT
status=0
npm run --silent test -- --reporter=default --reporter=json --outputFile.json="$report" || status=$?
node -e 'const r = JSON.parse(require("fs").readFileSync(process.argv[1]));
    console.log(`${r.numPassedTests} passed, ${r.numFailedTests} failed`)' "$report"
[ "$status" -eq 0 ] || exit "$status"

npm run --silent build
