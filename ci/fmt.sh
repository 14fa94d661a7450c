#!/usr/bin/env bash
# Formatting, of the workspace and of those that stand apart from it.
set -euo pipefail
. "$(dirname "$0")/common.sh"

for manifest in Cargo.toml bench/Cargo.toml fuzz/Cargo.toml docs/coming-from/Cargo.toml \
    conformance/interop/tungstenite/Cargo.toml conformance/sdks/rust/Cargo.toml; do
    [ ! -e "$manifest" ] || cargo fmt --manifest-path "$manifest" --all --check -- --color never
done
