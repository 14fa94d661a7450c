#!/usr/bin/env python3
"""summary.py OUTDIR... [--strict] [--complete] [--expect N] [--markdown]

Sums up the reports that run-server-cases.sh or run-client-cases.sh left in OUTDIR: counts per verdict, every
case that is neither OK nor INFORMATIONAL, and a closing line "N passed, N failed". Several OUTDIRs (one run
split into groups of cases) are summed up as one.

A case fails where its behaviour or its closing handshake is anything but OK, INFORMATIONAL or NON-STRICT, and
where it should have been run and was not. --strict makes NON-STRICT a failure. --expect N: fail unless exactly
N cases were run. --complete checks only that no case is missing and prints nothing where that is so. --markdown
prints a table of verdicts per group of cases, and judges nothing.
Exits 1 where a case failed, 2 where there is nothing to read.
"""
import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path

GOOD = {"OK", "INFORMATIONAL"}
ORDER = ["OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", "FAILED",
         "WRONG CODE", "UNCLEAN", "FAILED BY CLIENT", "NO_CLOSE", "NOT RUN"]


def case_key(case):
    return [int(part) for part in case.split(".")]


def one_line(text, limit=300):
    text = " ".join(str(text).replace("<br/>", " ").replace("<br>", " ").split())
    return text if len(text) <= limit else text[: limit - 4] + " ..."


def counts(counter):
    names = [n for n in ORDER if n in counter] + sorted(n for n in counter if n not in ORDER)
    return ", ".join(f"{n} {counter[n]}" for n in names) or "none"


def markdown(agents):
    for agent in sorted(agents):
        cases = agents[agent]
        verdicts = Counter((case.split(".")[0], verdict["behavior"]) for case, verdict in cases.items())
        columns = [name for name in ORDER if any(name == seen for _, seen in verdicts)]
        print(f"### {agent}\n\n| cases | run | " + " | ".join(columns) + " |\n|---|---:|" + "---:|" * len(columns))
        for group in sorted({group for group, _ in verdicts}, key=int):
            row = [verdicts[group, column] for column in columns]
            print(f"| {group}.* | {sum(row)} | " + " | ".join(map(str, row)) + " |")
        totals = [sum(n for (_, seen), n in verdicts.items() if seen == column) for column in columns]
        print(f"| **all** | **{sum(totals)}** | " + " | ".join(f"**{n}**" for n in totals) + " |")
        closing = counts(Counter(verdict["behaviorClose"] for verdict in cases.values()))
        print(f"\nClosing handshakes: {closing}.\n")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[0], description=__doc__.split("\n\n", 1)[1],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outdir", type=Path, nargs="+")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--complete", action="store_true")
    parser.add_argument("--expect", type=int)
    parser.add_argument("--markdown", action="store_true")
    args = parser.parse_args()

    agents = {}
    missing = 0
    for outdir in args.outdir:
        try:
            index = json.loads((outdir / "index.json").read_text())
        except (OSError, ValueError) as error:
            print(f"summary: no reports: {error}", file=sys.stderr)
            return 2
        try:
            expected = json.loads((outdir / "expected.json").read_text())
        except (OSError, ValueError):
            expected = []
        for agent, cases in (index or {"(no agent)": {}}).items():
            all_cases = agents.setdefault(agent, {})
            for case, verdict in cases.items():
                all_cases[case] = dict(verdict, outdir=outdir)
            absent = sorted(set(expected) - set(cases), key=case_key)
            for case in absent:
                all_cases.setdefault(case, {"behavior": "NOT RUN", "behaviorClose": "NOT RUN"})
            if absent:
                missing += len(absent)
                print(f"summary: {agent}: {len(cases)} of {len(expected)} cases were run; "
                      f"first missing: {absent[0]}", file=sys.stderr)
    if args.complete:
        return 1 if missing else 0
    if args.markdown:
        markdown(agents)
        return 0

    passed = failed = 0
    accepted = GOOD if args.strict else GOOD | {"NON-STRICT"}
    for agent in sorted(agents):
        cases = agents[agent]
        print(f"{agent}: {sum(c['behavior'] != 'NOT RUN' for c in cases.values())} cases run")
        print("  behavior:      " + counts(Counter(c["behavior"] for c in cases.values())))
        print("  behaviorClose: " + counts(Counter(c["behaviorClose"] for c in cases.values())))
        groups = {}
        for case in cases:
            groups.setdefault(case.split(".")[0], []).append(case)
        for group in sorted(groups, key=int):
            print(f"    {group + '.*':5} {len(groups[group]):4}  "
                  + counts(Counter(cases[c]["behavior"] for c in groups[group])))

        not_run = []
        for case in sorted(cases, key=case_key):
            verdict = cases[case]
            if verdict["behavior"] in accepted and verdict["behaviorClose"] in accepted:
                passed += 1
            else:
                failed += 1
            if verdict["behavior"] in GOOD and verdict["behaviorClose"] in GOOD:
                continue
            if verdict["behavior"] == "NOT RUN":
                not_run.append(case)
                continue
            print(f"\n  {case}: {verdict['behavior']} / close {verdict['behaviorClose']}")
            try:
                report = json.loads((verdict["outdir"] / verdict["reportfile"]).read_text())
            except (KeyError, OSError, ValueError):
                continue
            print(f"    case:     {one_line(report.get('description', ''))}")
            print(f"    expected: {one_line(report.get('expectation', ''))}")
            print(f"    result:   {one_line(report.get('result', ''))}")
            print(f"    close:    {one_line(report.get('resultClose', ''))} "
                  f"(remote code {report.get('remoteCloseCode')})")

        if not_run:
            print(f"\n  {len(not_run)} cases were not run: " + " ".join(not_run[:20]) + (" ..." if not_run[20:] else ""))

    if args.expect is not None and passed + failed != args.expect:
        print(f"\n{passed + failed} cases were run where {args.expect} were expected")
        failed += abs(args.expect - passed - failed)
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, e.g. head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)
