#!/usr/bin/env bash
# Everything that is checked before a change is merged, in the order that fails fastest; stops at the
# first step that fails. The last line counts tests and Autobahn cases: "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM HUP
passed=0 failed=0 status=0

for step in fmt clippy test docs features crates autobahn fuzz; do
    printf '\n== %s\n' "$step"
    started=$SECONDS
    "ci/$step.sh" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    printf '== %s: %s after %s s\n' "$step" "$([ "$status" -eq 0 ] && echo ok || echo FAILED)" "$((SECONDS - started))"

    # Lines of cargo test ("test result: ok. 3 passed; 0 failed; ...") and of summary.py ("3 passed, 0 failed").
    read -r p f < <(sed -nE 's/^(test result: [A-Za-z]+\. )?([0-9]+) passed[;,] ([0-9]+) failed(;.*)?$/\2 \3/p' "$log" \
        | awk '{ p += $1; f += $2 } END { print p + 0, f + 0 }')
    passed=$((passed + p)) failed=$((failed + f))
    if [ "$status" -ne 0 ]; then
        # A step that failed without a count, such as clippy, is one failure.
        [ "$failed" -gt 0 ] || failed=1
        break
    fi
done

printf '\n%s passed, %s failed\n' "$passed" "$failed"
exit "$status"
