#!/usr/bin/env bash
# Documentation without a warning, private items included: a broken link there misleads us too.
set -euo pipefail
. "$(dirname "$0")/common.sh"

RUSTDOCFLAGS=-Dwarnings cargo doc --locked --workspace --all-features --no-deps --document-private-items
