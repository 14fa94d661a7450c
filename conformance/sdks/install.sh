#!/usr/bin/env bash
# install.sh: fetches the SDKs that come from npm and PyPI, each as pinned in its lock file, into
# SDKS_HOME (by default ~/.cache/trunkline/sdks). Does nothing where they are there already.
# The SDK for Rust is built by sdks.sh.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
DEST=${SDKS_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/trunkline/sdks}
mkdir -p "$DEST"

say() { printf 'sdks: %s\n' "$*" >&2; }

# have WHAT LOCKFILE: whether WHAT was installed from this very lock file.
have() { [ -e "$DEST/$1.lock" ] && cmp -s "$2" "$DEST/$1.lock"; }

if ! have node "$HERE/node/package-lock.json"; then
    say 'installing the SDK from npm'
    rm -rf "$DEST/node"
    mkdir "$DEST/node"
    cp "$HERE"/node/package{,-lock}.json "$DEST/node"
    # No package's scripts run.
    (cd "$DEST/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    cp "$HERE/node/package-lock.json" "$DEST/node.lock"
fi

if ! have python "$HERE/python/requirements.txt"; then
    say 'installing the SDK from PyPI'
    rm -rf "$DEST/python"
    if ! python3 -m venv "$DEST/python" > /dev/null 2>&1; then
        say 'installing python3-venv'
        apt-get -q update >&2
        DEBIAN_FRONTEND=noninteractive apt-get -q -y install python3-venv >&2
        rm -rf "$DEST/python"
        python3 -m venv "$DEST/python"
    fi
    "$DEST/python/bin/pip" --disable-pip-version-check -q install \
        --require-hashes --only-binary :all: -r "$HERE/python/requirements.txt" >&2
    cp "$HERE/python/requirements.txt" "$DEST/python.lock"
fi
