#!/usr/bin/env python3
"""Judges the captured machines with the corpus' own script, and holds the list of exceptions to it.

usage: corpus.py RUN.PY AGENT FIXTURES AREA...

A case fails the run unless tests/corpus-exceptions.txt names it with a reason; an exception that passes
fails the run too, and so does one that names no case. The last line counts cases.
"""
import os
import re
import subprocess
import sys

EXCEPTIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus-exceptions.txt")


def exceptions(areas):
    """Names of the cases that cannot pass, each with its reason."""
    found = {}
    name = None
    with open(EXCEPTIONS, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            if line[0].isspace():
                if name is None:
                    sys.exit(f"{EXCEPTIONS}:{number}: a reason without a case")
                found[name] = (found[name] + " " + text).strip()
            else:
                name = text
                found[name] = ""
    without = [name for name, reason in found.items() if not reason]
    if without:
        sys.exit(f"{EXCEPTIONS}: no reason is given for: {', '.join(without)}")
    return {name: reason for name, reason in found.items() if name.split("/")[0] in areas}


def main():
    script, agent, fixtures, *areas = sys.argv[1:]
    run = subprocess.run(
        [sys.executable, script, "--agent", agent, "--fixtures", fixtures, *areas],
        stdout=subprocess.PIPE,
        text=True,
    )
    count = re.search(r"^corpus: (\d+) passed, (\d+) failed$", run.stdout, re.M)
    if not count:
        print(run.stdout)
        sys.exit(f"{script} did not count its cases (exit {run.returncode})")
    passed, failed = int(count[1]), int(count[2])
    complaints = {}
    for line in run.stdout.splitlines():
        said = re.match(r"FAIL (\S+)  (.*)", line)
        if said:
            complaints.setdefault(said[1], []).append(said[2])
    if len(complaints) != failed:
        sys.exit(f"{script} counted {failed} failures and named {len(complaints)}")
    known = exceptions(areas)
    wrong = [f"{name}: {line}" for name, said in complaints.items() if name not in known for line in said]
    stale = []
    for name in known:
        if not os.path.isdir(os.path.join(fixtures, name)):
            stale.append(f"{name}: is an exception, and there is no such case")
        elif name not in complaints:
            stale.append(f"{name}: is an exception, and passes: take it off the list")
    for area in areas:
        there = re.search(rf"^{re.escape(area)} +(\d+) passed, +(\d+) failed$", run.stdout, re.M)
        if there:
            print(f"{area:<12} {int(there[1]):3} passed, {int(there[2]):3} failed")
        else:
            stale.append(f"{area}: no case was judged")
    for line in wrong + stale:
        print("FAIL", line)
    for name, reason in known.items():
        if name in complaints:
            print(f"exception: {name}: {reason}")
    unexpected = len([name for name in complaints if name not in known]) + len(stale)
    # An exception that holds is neither a pass nor a failure: the list above names it.
    print(f"count: {passed} passed, {unexpected} failed, 0 skipped")
    sys.exit(1 if unexpected else 0)


if __name__ == "__main__":
    main()
