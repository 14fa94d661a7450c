#!/usr/bin/env python3
"""summary.py RESULTS [--skipped N] [--report VERSIONS]: what came of a run of ../interop.sh.

RESULTS has a line for each case: peer, role, case, verdict, reason. Ends with the line "N passed, N failed", or
writes the report with --report. Exits with 1 if a case failed or there is none.
"""

import argparse
import sys
from collections import defaultdict

HEADING = "# Other libraries, browsers and proxies"

EXPLANATION = """\
*Role* is the other side's; ours is the other one. *Cannot* names the cases that the peer has no way to take part in,
by its own account: [the cases](../src/bin/interop/cases) say what each asks for."""


def read(path):
    """The outcomes of each run, in the order in which they came."""
    runs = defaultdict(dict)
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            peer, role, case, verdict, why = line.rstrip("\n").split("\t")
            runs[peer, role][case] = (verdict, why)
    return runs


def count(runs, verdict):
    return sum(outcome[0] == verdict for cases in runs.values() for outcome in cases.values())


def names(cases, verdict):
    return [case for case, outcome in cases.items() if outcome[0] == verdict]


def write_report(runs, versions, total):
    print(HEADING, "", versions.read().rstrip("\n"), "", EXPLANATION, "", sep="\n")
    print("| peer | role | ok | failed | cannot |")
    print("|---|---|---:|---:|---|")
    for (peer, role), cases in runs.items():
        passed, failed, unable = (names(cases, verdict) for verdict in ("ok", "FAILED", "unable"))
        print(f"| {peer} | {role} | {len(passed)} | {len(failed)} | {', '.join(unable)} |")
    failures = [
        f"- {peer}, {role}, {case}: {why}"
        for (peer, role), cases in runs.items()
        for case, (verdict, why) in cases.items()
        if verdict == "FAILED"
    ]
    if failures:
        print("", "**Not a pass:**", "", *failures, sep="\n")
    print("", total, sep="\n")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("results")
    arguments.add_argument("--skipped", type=int, default=0)
    arguments.add_argument("--report", type=argparse.FileType("r", encoding="utf-8"))
    arguments = arguments.parse_args()

    runs = read(arguments.results)
    passed, failed = count(runs, "ok"), count(runs, "FAILED")
    total = f"{passed} passed, {failed} failed"
    if arguments.skipped:
        total += f", {arguments.skipped} skipped"
    if arguments.report:
        write_report(runs, arguments.report, total)
    else:
        print(total)
    return 0 if passed and not failed else 1


sys.exit(main())
