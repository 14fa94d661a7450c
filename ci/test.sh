#!/usr/bin/env bash
# All tests, with examples built and doc tests run; goes on after a failure so that all of them are seen.
set -euo pipefail
. "$(dirname "$0")/common.sh"

cargo test --locked --workspace --all-features --no-fail-fast
