#!/usr/bin/env bash
# Prints the path of a Chromium: the one that CHROMIUM names, one that is installed, Debian's where apt may
# install it, or else one from npm, which needs no rights and goes to ~/.cache/trunkline. Fails where none is to be had.
set -euo pipefail
cd "$(dirname "$0")/.."

for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
    if [ -n "$name" ] && command -v "$name"; then exit; fi
done

if [ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null; then
    echo 'ci: installing chromium' >&2
    # Reactions are emoji, and a picture of a chat should show them.
    if apt-get -q update >&2 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install chromium fonts-noto-color-emoji >&2; then
        command -v chromium && exit
    fi
fi

# Built for machines that have little else: it comes with what it is linked to. Its own installer is for one cloud.
version=153.0.0
sha512=8e2196a92bcf31dbb8f8ff538a562a011ef21063c41c8371fa50af13f36a34efc41d8cc5ff1d615222394fa8a8548b7b744cbb9fcf1bcb24f4be4f9d9ec810c0
place=${XDG_CACHE_HOME:-$HOME/.cache}/trunkline/chromium-$version
if [ ! -x "$place/chromium" ]; then
    [ "$(uname -sm)" = 'Linux x86_64' ] || { echo "ci: npm has no Chromium for $(uname -sm)" >&2; exit 1; }
    echo "ci: fetching Chromium $version from npm" >&2
    new=$place.$$
    trap 'rm -rf "$new"' EXIT
    mkdir -p "$new"
    (
        cd "$new"
        npm pack --silent "@sparticuz/chromium@$version" > /dev/null
        echo "$sha512  sparticuz-chromium-$version.tgz" | sha512sum --check --status
        tar -xzf "sparticuz-chromium-$version.tgz" --strip-components 1
        node -e '
            const { readFileSync, writeFileSync } = require("fs");
            for (const name of process.argv.slice(1)) {
                writeFileSync(name, require("zlib").brotliDecompressSync(readFileSync(`bin/${name}.br`)));
            }' chromium al2023.tar fonts.tar
        tar -xf al2023.tar
        tar -xf fonts.tar
        mv chromium chromium-bin
        rm -r bin ./*.tar ./*.tgz
        cat > chromium << 'EOF'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
[ -d /etc/fonts ] || export FONTCONFIG_PATH="$here"
LD_LIBRARY_PATH=$here/lib exec "$here/chromium-bin" "$@"
EOF
        chmod +x chromium chromium-bin
    ) >&2
    mkdir -p "$(dirname "$place")"
    mv -T "$new" "$place"
fi
echo "$place/chromium"
