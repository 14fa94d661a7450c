#!/usr/bin/env bash
# Counts the crates that a program gets with the library, the library's own two included: each one is
# code to audit and to compile. Those of other platforms and of tests do not count.
set -euo pipefail
. "$(dirname "$0")/common.sh"

# budget MAX FLAGS...: fails if the library with these features needs more than MAX crates.
budget() {
    local max=$1 crates count
    shift
    crates=$(cargo tree --locked -p trunkline "$@" --edges normal,build --prefix none --no-dedupe | sed 's/ (.*//' | sort -u)
    count=$(wc -l <<< "$crates")
    echo "trunkline ${*:-with its default features}: $count crates of at most $max"
    if [ "$count" -gt "$max" ]; then
        printf '%s\n' "$crates" >&2
        return 1
    fi
}

budget 45
budget 20 --no-default-features --features client
