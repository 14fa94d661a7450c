#!/usr/bin/env bash
# Centrifugo's SDKs for JavaScript, Python and Rust against `trunkline serve`.
set -euo pipefail
. "$(dirname "$0")/common.sh"
need python3 python3
need node nodejs
need npm npm

exec conformance/sdks.sh
