#!/usr/bin/env bash
# Lints, as errors, in everything that is built: examples, tests and benches too.
set -euo pipefail
. "$(dirname "$0")/common.sh"

cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
# With features off there is less to use, and other lints speak up.
for features in '' client server client,server; do
    cargo clippy --locked -p trunkline --no-default-features --features "$features" -- -D warnings
done
