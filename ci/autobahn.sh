#!/usr/bin/env bash
# The Autobahn test suite against our server and our client, without most of its slow cases.
set -euo pipefail
. "$(dirname "$0")/common.sh"
need python3 python3

exec conformance/autobahn.sh --quick
