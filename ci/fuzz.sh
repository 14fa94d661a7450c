#!/usr/bin/env bash
# fuzz.sh [SECONDS]: runs every fuzz target for SECONDS each (30), from the inputs kept in fuzz/corpus. What it
# finds on the way is thrown away; what breaks a target is kept in fuzz/artifacts. fuzz/long.sh is the one for hours.
# Skips where there is no nightly toolchain: libFuzzer's instrumentation needs one.
set -euo pipefail
. "$(dirname "$0")/common.sh"
seconds=${1:-30}

if [ ! -e fuzz/Cargo.toml ]; then
    echo 'SKIP: there is no fuzz/'
    exit 0
fi
. fuzz/common.sh
targets=$(cargo +nightly fuzz list)
[ -n "$targets" ] || { echo 'fuzz/ has no targets' >&2; exit 1; }
build
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
for target in $targets; do
    echo "fuzz: $target for $seconds s"
    mkdir "$scratch/$target"
    fuzz "$target" "$seconds" "$scratch/$target"
    if ! "${command[@]}" > "$log" 2>&1; then
        grep -a -A 12 'panicked at' "$log" || true
        tail -n 60 "$log"
        echo "fuzz: $target failed" >&2
        exit 1
    fi
    # What was done, without thousands of progress lines.
    grep -aE '^(stat::(number_of_executed_units|average_exec_per_sec)|Done)' "$log" || true
done
