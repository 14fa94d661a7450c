#!/usr/bin/env bash
# All tests, with examples built and doc tests run; goes on after a failure so that all of them are seen.
set -euo pipefail
. "$(dirname "$0")/common.sh"

status=0
cargo test --locked --workspace --all-features --no-fail-fast || status=$?
# The pages for those who come from other libraries, theirs and ours: a workspace of its own.
cargo test --locked --manifest-path docs/coming-from/Cargo.toml --no-fail-fast || status=$?
exit "$status"
