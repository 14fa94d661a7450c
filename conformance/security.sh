#!/usr/bin/env bash
# conformance/security.sh [--markdown] [SEC-XX...]
#
# Runs the tests that specs/security.md names, and no others, and prints its rows with what came of each: ok, FAILED,
# or what the row waits for. With ids or their beginnings (SEC-FR, SEC-HB-01) it does so for those rows. Needs Rust
# and Python 3; some minutes, most of which go into building.
#
# --markdown prints a table of Markdown. The last line counts rows; exits 1 if one failed.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 conformance/security/table.py "$@"
