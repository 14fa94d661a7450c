#!/usr/bin/env bash
# install.sh FOLDER DEST: fetches what FOLDER/node and FOLDER/python name from npm and PyPI, each as pinned in its lock
# file, into DEST/node and DEST/python. Does nothing where they are there already. What is in Go and Rust is built by
# those who run it; Chromium and the proxies are Debian's.
set -euo pipefail
FROM=$(cd "$1" && pwd)
DEST=$2
mkdir -p "$DEST"

say() { printf '%s: %s\n' "$(basename "$FROM")" "$*" >&2; }

# have WHAT LOCKFILE: whether WHAT was installed from this very lock file.
have() { [ -e "$DEST/$1.lock" ] && cmp -s "$2" "$DEST/$1.lock"; }

if ! have node "$FROM/node/package-lock.json"; then
    say 'installing what comes from npm'
    rm -rf "$DEST/node"
    mkdir "$DEST/node"
    cp "$FROM"/node/package{,-lock}.json "$DEST/node"
    # No package's scripts run; playwright-core would not download a browser even if they did.
    (cd "$DEST/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    cp "$FROM/node/package-lock.json" "$DEST/node.lock"
fi

if ! have python "$FROM/python/requirements.txt"; then
    say 'installing what comes from PyPI'
    rm -rf "$DEST/python"
    if ! python3 -m venv "$DEST/python" > /dev/null 2>&1; then
        say 'installing python3-venv'
        apt-get -q update >&2
        DEBIAN_FRONTEND=noninteractive apt-get -q -y install python3-venv >&2
        rm -rf "$DEST/python"
        python3 -m venv "$DEST/python"
    fi
    "$DEST/python/bin/pip" --disable-pip-version-check -q install \
        --require-hashes --only-binary :all: -r "$FROM/python/requirements.txt" >&2
    cp "$FROM/python/requirements.txt" "$DEST/python.lock"
fi
