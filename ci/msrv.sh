#!/usr/bin/env bash
# Whether the minimum version of Rust in Cargo.toml can be true, as far as one newer toolchain can tell: no
# crate that we need asks for a later one, and nothing of the standard library is used that came later. The
# latter is clippy's `incompatible_msrv`, an error in our Cargo.toml, so that ci/clippy.sh holds it too; what it
# cannot see is new syntax.
set -euo pipefail
. "$(dirname "$0")/common.sh"
need python3 python3

cargo metadata --locked --all-features --format-version 1 | python3 -c '
import json, sys

def version(text):
    return (tuple(int(part) for part in text.split(".")) + (0, 0))[:3]

packages = json.load(sys.stdin)["packages"]
ours = next(package["rust_version"] for package in packages if package["name"] == "trunkline")
says = [package for package in packages if package["rust_version"]]
late = [package for package in says if version(package["rust_version"]) > version(ours)]
for package in late:
    print("{name} {version} needs Rust {rust_version}".format(**package))
print(f"Rust {ours}: {len(late)} of {len(packages)} crates need a later one, {len(packages) - len(says)} do not say")
sys.exit(bool(late))'
cargo clippy --quiet --locked --workspace --all-features
