#!/usr/bin/env bash
# Licences, duplicates and sources of all crates by deny.toml; their known vulnerabilities too where the
# database of those can be reached, which is on GitHub. Uses the cargo-deny that is installed, or builds one, which
# takes some minutes the first time.
set -euo pipefail
. "$(dirname "$0")/common.sh"

version=0.20.2
tools=${XDG_CACHE_HOME:-$HOME/.cache}/trunkline/cargo-deny-$version
export PATH=$PATH:$tools/bin
if ! command -v cargo-deny > /dev/null; then
    # A target directory of its own: cargo install would otherwise fill ours with its dependencies.
    CARGO_TARGET_DIR=$tools/target cargo install --quiet --locked --root "$tools" --version "$version" cargo-deny
    rm -rf "$tools/target"
fi

checks=(bans licenses sources)
if cargo deny fetch db 2> /dev/null; then
    checks+=(advisories)
else
    echo 'SKIP: advisories, for their database (github.com/RustSec/advisory-db) cannot be reached'
fi
cargo deny check "${checks[@]}"
