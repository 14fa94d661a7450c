# shellcheck shell=bash
# Read by ci/fuzz.sh and fuzz/long.sh with "." after ci/common.sh: builds the fuzz targets, and runs one of them.

# Without this, rustup would try to download a toolchain that is not there.
export RUSTUP_AUTO_INSTALL=0
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

# build: builds all targets before any runs, so that one which does not compile fails at once.
build() { cargo +nightly fuzz build; }

# fuzz TARGET SECONDS CORPUS: makes `command` the one that runs TARGET for SECONDS from CORPUS, where it keeps what it
# finds on the way, and from the inputs kept in fuzz/corpus. What breaks it goes to fuzz/artifacts. An input that takes
# 10 s is a failure, like one that takes 2 GiB. It exits with 0 at the end of the time, 72 at a signal, 70 at a timeout.
fuzz() {
    local target=$1
    mkdir -p "fuzz/artifacts/$target"
    # Not by way of cargo, which would stand between us and its signals and times.
    command=("$(program "$target")" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
        -artifact_prefix="fuzz/artifacts/$target/")
    if [ -e "fuzz/dict/$target.dict" ]; then command+=(-dict="fuzz/dict/$target.dict"); fi
    # libFuzzer writes to the first directory that it is given and only reads the others.
    command+=("$3")
    if [ -d "fuzz/corpus/$target" ]; then command+=("fuzz/corpus/$target"); fi
}

# program TARGET: where its program is.
program() { echo "${CARGO_TARGET_DIR:-fuzz/target}/$(rustc -vV | sed -n 's/^host: //p')/release/$1"; }
