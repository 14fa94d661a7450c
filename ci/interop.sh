#!/usr/bin/env bash
# Other WebSocket libraries in both roles, Chromium, nginx and HAProxy.
set -euo pipefail
. "$(dirname "$0")/common.sh"
export PATH=$PATH:/usr/sbin
need python3 python3
need node nodejs
need npm npm
need openssl openssl
need nginx nginx-light
need haproxy haproxy
CHROMIUM=$(ci/chromium.sh)
export CHROMIUM

exec conformance/interop.sh --no-report
