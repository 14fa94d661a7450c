#!/usr/bin/env bash
# Lints, as errors, in everything that is built: examples, tests and benches too.
set -euo pipefail
. "$(dirname "$0")/common.sh"

cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
