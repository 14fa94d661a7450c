#!/usr/bin/env bash
# fuzz/long.sh [--hours H] [--at-once N] [TARGET...]
#
# Runs fuzz targets (all) for H hours (1), N at once (all), and writes conformance/reports/fuzzing.md. Inputs that reach
# new code are kept in ~/.cache/trunkline/fuzz, or in FUZZ_CORPUS, so that runs add up. What breaks a target is kept in
# fuzz/artifacts; it ends that target alone. A signal ends all of them, and the report tells what was done until then.
#
# Exits 1 if a target was broken. Needs a nightly toolchain.
set -euo pipefail
. "$(dirname "$0")/../ci/common.sh"
hours=1 at_once= targets=()
while [ $# -gt 0 ]; do
    case $1 in
        --hours)   hours=${2:?} ; shift 2 ;;
        --at-once) at_once=${2:?} ; shift 2 ;;
        -*)        sed -n '2,8s/^# \{0,1\}//p' fuzz/long.sh >&2; exit 2 ;;
        *)         targets+=("$1") ; shift ;;
    esac
done
. fuzz/common.sh
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)
at_once=${at_once:-${#targets[@]}}
seconds=$(awk -v hours="$hours" 'BEGIN { printf "%d", hours * 3600 }')
corpora=${FUZZ_CORPUS:-${XDG_CACHE_HOME:-$HOME/.cache}/trunkline/fuzz}
commit=$(git describe --always --dirty --abbrev=12 --exclude '*' 2> /dev/null || echo unknown)
build
for target in "${targets[@]}"; do
    [ -x "$(program "$target")" ] || { echo "fuzz: there is no target $target" >&2; exit 2; }
done
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# is_slow TARGET INPUT: whether the input takes 10 s of a processor. libFuzzer asks the clock on the wall, which goes on
# for a process that is stopped or waits for its turn.
is_slow() {
    local TIMEFORMAT='cpu %U %S'
    # The limit is for an input that takes for ever.
    { time (ulimit -t 20; "$(program "$1")" -timeout=0 "$2"); } 2>&1 | awk '/^cpu / { taken = $2 + $3 } END { exit taken < 10 }'
}

# run TARGET: until its time is over, something breaks it or a signal comes; goes on after a timeout that was none.
run() {
    local target=$1 log=$out/$1.log started=$SECONDS left=$seconds status=0 running= stopped= input
    trap 'stopped=yes; kill $running 2> /dev/null || true' TERM
    mkdir -p "$corpora/$target"
    while [ "$left" -gt 0 ] && [ -z "$stopped" ]; do
        fuzz "$target" "$left" "$corpora/$target"
        "${command[@]}" >> "$log" 2>&1 &
        running=$!
        # A signal ends the first wait early; the program then says what it did and ends.
        status=0; wait "$running" || status=$?
        while kill -0 "$running" 2> /dev/null; do status=0; wait "$running" || status=$?; done
        left=$((seconds - (SECONDS - started)))
        [ "$status" -eq 70 ] || break
        input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
        if is_slow "$target" "$input"; then break; fi
        rm "$input"
        status=0
    done
    # The second line of `times` is of the children: the program. A pipe would have children of its own.
    { echo "wall $((SECONDS - started))"; times; echo "status $status"; } >> "$log"
}

# row TARGET: its line of the table.
row() {
    awk -v target="$1" '
        function clock(s) { return sprintf("%d:%02d:%02d", s / 3600, s % 3600 / 60, s % 60) }
        function seconds(text,  part) { split(text, part, /[ms]/); return part[1] * 60 + part[2] }
        / cov: / { for (i = 1; i < NF; i++) last[$i] = $(i + 1); split(last["corp:"], kept, "/") }
        /^stat::number_of_executed_units:/ { runs += $2 }
        /Test unit written to / { found = $NF; sub(/.*\//, "", found) }
        /^wall / { wall = $2 }
        /^[0-9]+m[0-9.]+s [0-9]+m[0-9.]+s$/ { cpu = seconds($1) + seconds($2) }
        /^status / { broken = $2 != 0 && $2 != 72 }
        END {
            rate = cpu > 0 ? runs / cpu : 0
            what = broken ? (found ? "`" found "`" : "ended with an error") : "none"
            printf "| `%s` | %s | %s | %d | %d | %d | %d | %d | %s |\n", target, clock(wall), clock(cpu), runs, rate,
                last["cov:"], last["ft:"], kept[1], what
            exit broken
        }' "$out/$1.log"
}

workers=()
trap '[ ${#workers[@]} -eq 0 ] || kill "${workers[@]}" 2> /dev/null || true; stopped=yes' INT TERM HUP
stopped= ran=()
for target in "${targets[@]}"; do
    while [ -z "$stopped" ] && [ "$(jobs -pr | wc -l)" -ge "$at_once" ]; do wait -n || true; done
    [ -z "$stopped" ] || break
    run "$target" &
    workers+=($!) ran+=("$target")
done
# A signal ends wait early, too.
while [ -n "$(jobs -pr)" ]; do wait || true; done

status=0
: > "$out/rows"
for target in "${ran[@]}"; do
    row "$target" >> "$out/rows" && continue
    status=1
    echo "fuzz: $target failed:" >&2
    { grep -a -A 12 'panicked at' "$out/$target.log" || tail -n 60 "$out/$target.log"; } >&2
done
report=conformance/reports/fuzzing.md
{
    cat << TEXT
# Fuzzing

Written by \`fuzz/long.sh\` on $(date -u +%F), as of commit \`$commit\`; for $hours h${stopped:+, but ended before by a signal}.

- $(rustc +nightly --version), cargo-fuzz $version, AddressSanitizer, debug assertions and overflow checks
- $(nproc) CPUs, $at_once targets at once beside other work: the time of the processors is what counts

| target | on the wall | of a processor | executions | a second of a processor | edges | features | inputs kept | found |
|---|---:|---:|---:|---:|---:|---:|---:|---|
TEXT
    cat "$out/rows"
    cat << 'TEXT'

[What each target checks](../../fuzz/README.md). *Edges* are places in the code that were reached, *features* are those
with how often, both as libFuzzer counts them, in everything that the target links. *Inputs kept* are those of this run and of
those before it. *Found* is an input that broke a rule of the target, crashed, took 10 s of a processor or 2 GiB.
TEXT
} > "$report.new"
mv "$report.new" "$report"
cat "$report"
exit "$status"
