#!/usr/bin/env python3
"""peers.py servers NAME URL [NAME URL]...
peers.py clients NAME COMMAND [NAME COMMAND]...

Feeds the same inputs to echo servers at the URLs, or to clients that the commands start, each with a URL behind it, and
prints a table in Markdown: how many of each class each of them answered. Only counts are kept. See
conformance/security-peers.sh.

Each input is sent whole, byte by byte where it is short, and in two random pieces (from a seed). An answer counts as
*right* if the status or the close code names the fault, before the connection ends; as *other* if it is another one;
as *silent* if the connection ends without one; as *taken* if the input was accepted or nothing happened for a while.
"""
import shlex
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import clients  # noqa: E402
import servers  # noqa: E402
from wire import ways  # noqa: E402

# As many connections at once; clients keep as many open.
AT_ONCE = 16
OUTCOMES = ["right", "other", "silent", "taken"]


def judge(got, answers):
    if got == "cannot":
        return got
    if answers == "taken":
        return "right" if got == "taken" else "silent" if got in ("silent", "refused") else "other"
    return "right" if got in answers else got if got in ("taken", "silent") else "other"


def count(classes, peer):
    """How many inputs of each class were answered in which way."""
    counts = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for name, ask, rows in classes:
            todo = [(ask, data, answers, way) for data, answers in rows for way in ways(data)]
            counts[name] = Counter(pool.map(lambda it: judge(it[0](peer, it[1], it[3]), it[2]), todo))
    return counts


def count_client(command):
    port = clients.Port()
    client = subprocess.Popen([*shlex.split(command), port.url, str(AT_ONCE)])
    try:
        return count(clients.classes(), port)
    finally:
        client.kill()
        client.wait()


def cell(counter):
    if set(counter) == {"cannot"}:
        return "cannot"
    others = ", ".join(f"{counter[it]} {it}" for it in OUTCOMES[1:] if counter[it])
    return f"{counter['right']}" + (f" ({others})" if others else "")


def main():
    role, names, peers = sys.argv[1], sys.argv[2::2], sys.argv[3::2]
    found = [count(servers.classes(), it) if role == "servers" else count_client(it) for it in peers]
    print(f"| class | inputs | {' | '.join(names)} |\n|---|---:|{'---|' * len(names)}")
    for name in found[0]:
        print(f"| {name} | {found[0][name].total()} | {' | '.join(cell(it[name]) for it in found)} |")
    sums = [sum(it.values(), Counter()) for it in found]
    print(f"| all | {sums[0].total()} | {' | '.join(cell(it) for it in sums)} |")
    # Ours is the first, and has to be right everywhere.
    sys.exit(0 if sums[0]["right"] == sums[0].total() else 3)


if __name__ == "__main__":
    main()
