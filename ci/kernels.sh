#!/usr/bin/env bash
# ci/kernels.sh [--write]
#
# Counts the instructions of the parts that every message passes, against the budgets in bench/kernels/budgets: a
# regression shows on any machine, however busy. Needs Valgrind; where it cannot be had, says so and counts nothing.
set -euo pipefail
. "$(dirname "$0")/common.sh"

if ! (need valgrind valgrind) || ! valgrind --version > /dev/null 2>&1; then
    echo 'kernels: skipped: Valgrind is not here and could not be installed'
    echo '0 passed, 0 failed, 1 skipped'
    exit 0
fi
# Flags of whoever calls would count something else than what is shipped.
RUSTFLAGS='' cargo build --release --locked -p kernels
bench/kernels/count "${CARGO_TARGET_DIR:-target}/release/kernels" "$@"
