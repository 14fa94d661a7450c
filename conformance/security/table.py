#!/usr/bin/env python3
"""table.py [--markdown] [SEC-XX...]

Prints specs/security.md with what came of its tests. See conformance/security.sh.
"""
import re
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULT = re.compile(r"^test (?:\S*::)?(\w+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)", re.M)


class Row:
    def __init__(self, line):
        self.id, self.input, self.expected, self.words = (cell.strip() for cell in line.strip().strip("|").split("|"))
        self.tests = re.findall(r"`([^`]*)`", self.words)

    def got(self, results):
        """The worst of what its tests gave; a row without a test says what it waits for."""
        if not self.tests:
            return self.words
        outcomes = [outcome for test in self.tests for outcome in results.get(test) or ["NOT RUN"]]
        wrong = [it for it in outcomes if it != "ok"]
        waits = self.words.startswith("waits for")
        return wrong[0] if wrong else re.split(r"[.:]", self.words)[0] if waits else "ok"


def rows(wanted):
    lines = (ROOT / "specs/security.md").read_text().splitlines()
    found = [Row(line) for line in lines if line.startswith("| SEC-")]
    return [row for row in found if not wanted or any(row.id.startswith(it) for it in wanted)]


def places(tests):
    """Which tests are where: package to (arguments that name its targets, names of tests)."""
    found = defaultdict(lambda: (set(), set()))
    files = [*ROOT.glob("crates/*/src/**/*.rs"), *ROOT.glob("crates/*/tests/**/*.rs"), *ROOT.glob("conformance/tests/*.rs")]
    for file in files:
        names = tests.intersection(re.findall(r"fn (\w+)\(", file.read_text()))
        if not names:
            continue
        path = file.relative_to(ROOT).parts
        crate, rest = (path[1], path[2:]) if path[0] == "crates" else ("trunkline-conformance", path[1:])
        if rest[0] == "tests":
            target = ("--test", rest[1].removesuffix(".rs"))
        else:
            target = ("--lib",) if (ROOT / path[0] / path[1] / "src/lib.rs").exists() else ("--bins",)
        found[crate][0].add(target)
        found[crate][1].update(names)
    return found


def run(crate, targets, names):
    """What the tests of a crate gave, by name; one name may be that of several tests."""
    command = ["cargo", "test", "--locked", "-p", crate, "--all-features", "--no-fail-fast", *sum(sorted(targets), ())]
    print(f"{crate}: {len(names)} tests", file=sys.stderr, flush=True)
    done = subprocess.run([*command, "--", *sorted(names)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    results = defaultdict(list)
    for name, outcome in RESULT.findall(done.stdout):
        results[name].append(outcome)
    if done.returncode and not any("FAILED" in it for it in results.values()):
        sys.exit(f"{crate}: {' '.join(command)} failed before it ran a test")
    if done.returncode:
        print(done.stdout, file=sys.stderr)
    return results


def plain(table):
    widths = (10, 46, 42, 30)
    for row in table:
        wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(row, widths)]
        for i in range(max(map(len, wrapped))):
            cells = [it[i] if i < len(it) else "" for it in wrapped]
            print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())


def markdown(table):
    print("| id | input | expected | got |\n|---|---|---|---|")
    for row in table:
        print(f"| {' | '.join(row)} |")


def main():
    wanted = [it for it in sys.argv[1:] if it != "--markdown"]
    table = rows(wanted)
    if not table:
        sys.exit("no such row in specs/security.md")
    results = defaultdict(list)
    for crate, (targets, names) in sorted(places({test for row in table for test in row.tests}).items()):
        for name, outcomes in run(crate, targets, names).items():
            results[name] += outcomes
    shown = [(row.id, row.input, row.expected, row.got(results)) for row in table]
    (markdown if "--markdown" in sys.argv else plain)(shown)
    ok = sum(got == "ok" for *_, got in shown)
    failed = sum(got in ("FAILED", "NOT RUN", "ignored") for *_, got in shown)
    print(f"\n{ok} passed, {failed} failed, {len(shown) - ok - failed} waiting; {sum(map(len, results.values()))} tests")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
