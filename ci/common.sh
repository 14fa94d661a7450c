# shellcheck shell=bash
# Read by every script of this folder with "."; sets up what each step needs.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
export CARGO_TERM_COLOR=never
# On a clean clone nothing is built twice: what a second build would reuse takes gigabytes for nothing.
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0

# A new HOME hides the toolchains from rustup's proxies; they are still beside the proxies themselves.
if ! cargo --version > /dev/null 2>&1; then
    beside=$(dirname "$(dirname "$(command -v cargo || echo /nowhere/bin/cargo)")")
    for place in "$beside/../.rustup" "$beside/rustup" "$beside/../rustup"; do
        if [ -z "${RUSTUP_HOME:-}" ] && [ -d "$place/toolchains" ]; then
            export RUSTUP_HOME=$place
        fi
    done
    cargo --version || { echo "ci: no working cargo: install Rust 1.89 or later" >&2; exit 1; }
fi

# need COMMAND PACKAGE: installs a Debian package where its command is missing.
need() {
    command -v "$1" > /dev/null && return
    echo "ci: installing $2, which has $1" >&2
    apt-get -q update >&2 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install "$2" >&2
}
need cc build-essential   # rustc links with it
