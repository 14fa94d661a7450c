#!/usr/bin/env bash
# Centrifugo's SDKs for JavaScript, Python, Rust and Go against `trunkline serve`.
set -euo pipefail
. "$(dirname "$0")/common.sh"
need python3 python3
need node nodejs
need npm npm

exec conformance/sdks.sh
