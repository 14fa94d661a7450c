#!/usr/bin/env bash
# fuzz.sh [SECONDS]: runs every fuzz target for SECONDS each (30), from the inputs kept in fuzz/corpus. What it
# finds on the way is thrown away; what breaks a target is kept in fuzz/artifacts.
# Skips where there is no nightly toolchain: libFuzzer's instrumentation needs one.
set -euo pipefail
. "$(dirname "$0")/common.sh"
seconds=${1:-30}

# Without this, rustup would try to download a toolchain that is not there.
export RUSTUP_AUTO_INSTALL=0
if [ ! -e fuzz/Cargo.toml ]; then
    echo 'SKIP: there is no fuzz/'
    exit 0
fi
if ! cargo +nightly --version 2> /dev/null; then
    echo 'SKIP: no nightly toolchain, which fuzzing needs (rustup toolchain install nightly)'
    exit 0
fi

need c++ build-essential   # libFuzzer is C++
version=0.13.2
tools=${XDG_CACHE_HOME:-$HOME/.cache}/trunkline/cargo-fuzz-$version
if [ ! -x "$tools/bin/cargo-fuzz" ]; then
    # A target directory of its own: cargo install would otherwise fill ours with its dependencies.
    CARGO_TARGET_DIR=$tools/target cargo install --quiet --locked --root "$tools" --version "$version" cargo-fuzz
    rm -rf "$tools/target"
fi
export PATH=$tools/bin:$PATH

targets=$(cargo +nightly fuzz list)
[ -n "$targets" ] || { echo 'fuzz/ has no targets' >&2; exit 1; }
# All are built before any runs: a target that does not compile fails the step at once.
cargo +nightly fuzz build
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
for target in $targets; do
    echo "fuzz: $target for $seconds s"
    # libFuzzer writes to the first directory that it is given and only reads the others.
    mkdir "$scratch/$target"
    dirs=("$scratch/$target")
    if [ -d "fuzz/corpus/$target" ]; then dirs+=("fuzz/corpus/$target"); fi
    # An input that takes 10 s is a failure, like one that takes 2 GiB.
    options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1)
    if [ -e "fuzz/dict/$target.dict" ]; then options+=(-dict="fuzz/dict/$target.dict"); fi
    if ! cargo +nightly fuzz run "$target" "${dirs[@]}" -- "${options[@]}" > "$log" 2>&1; then
        grep -a -A 12 'panicked at' "$log" || true
        tail -n 60 "$log"
        echo "fuzz: $target failed" >&2
        exit 1
    fi
    # What was done, without thousands of progress lines.
    grep -E '^(stat::(number_of_executed_units|average_exec_per_sec)|Done)' "$log" || true
done
