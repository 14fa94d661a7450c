#!/usr/bin/env bash
# Checks each library with no features, with each feature alone and with all of them.
set -euo pipefail
. "$(dirname "$0")/common.sh"
need python3 python3

# features CRATE: its features, one per line; "default" is what the other steps build.
features() {
    cargo metadata --locked --no-deps --format-version 1 | python3 -c '
import json, sys
[package] = [p for p in json.load(sys.stdin)["packages"] if p["name"] == sys.argv[1]]
print("\n".join(sorted(set(package["features"]) - {"default"})))' "$1"
}

for crate in trunkline-proto trunkline; do
    names=$(features "$crate")
    for feature in '' $names; do
        echo "$crate: ${feature:-no features}"
        cargo check --quiet --locked -p "$crate" --no-default-features --features "$feature"
    done
    echo "$crate: all features"
    cargo check --quiet --locked -p "$crate" --all-features
done
