#!/usr/bin/env bash
# Documentation without a warning, private items included: a broken link there misleads us too.
set -euo pipefail
. "$(dirname "$0")/common.sh"

export RUSTDOCFLAGS=-Dwarnings
# The library and the command are both called trunkline and want the same page: the library comes last and keeps it.
for kind in --bins --lib; do
    cargo doc --locked --workspace "$kind" --all-features --no-deps --document-private-items
done
