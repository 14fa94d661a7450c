#!/usr/bin/env bash
# Everything that is checked before a change is merged, in the order that fails fastest; stops at the
# first step that fails. The last line counts tests and cases: "N passed, N failed", and what was skipped.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM HUP
passed=0 failed=0 skipped=0 status=0

for step in fmt clippy docs msrv test features crates deny web sdks browsers autobahn interop kernels fuzz; do
    printf '\n== %s\n' "$step"
    started=$SECONDS
    "ci/$step.sh" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    printf '== %s: %s after %s s\n' "$step" "$([ "$status" -eq 0 ] && echo ok || echo FAILED)" "$((SECONDS - started))"

    # Lines of cargo test ("test result: ok. 3 passed; 0 failed; ...") and of summary.py
    # ("3 passed, 0 failed" or "3 passed, 0 failed, 1 skipped").
    read -r p f s < <(sed -nE 's/^(test result: [A-Za-z]+\. )?([0-9]+) passed[;,] ([0-9]+) failed(;.*|, ([0-9]+) skipped)?$/\2 \3 \5/p' "$log" \
        | awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }')
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    if [ "$status" -ne 0 ]; then
        # A step that failed without a count, such as clippy, is one failure.
        [ "$failed" -gt 0 ] || failed=1
        break
    fi
done

printf '\n%s passed, %s failed%s\n' "$passed" "$failed" "$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
exit "$status"
