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

metadata = json.load(sys.stdin)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}

def needed(member):
    """What a crate is built of, tests aside."""
    found, ahead = set(), [member]
    while ahead:
        for dependency in nodes[ahead.pop()]["deps"]:
            is_built = any(kind["kind"] != "dev" for kind in dependency["dep_kinds"])
            if is_built and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                ahead.append(dependency["pkg"])
    return [packages[it] for it in found]

failed = False
for member in map(packages.get, metadata["workspace_members"]):
    crates = needed(member["id"])
    says = [crate for crate in crates if crate["rust_version"]]
    late = [crate for crate in says if version(crate["rust_version"]) > version(member["rust_version"])]
    for crate in late:
        print("{name} {version} needs Rust {rust_version}".format(**crate))
    print("{name}: Rust {rust_version},".format(**member),
          f"{len(late)} of {len(crates)} crates need a later one, {len(crates) - len(says)} do not say")
    failed |= bool(late)
sys.exit(failed)'
cargo clippy --quiet --locked --workspace --all-features
