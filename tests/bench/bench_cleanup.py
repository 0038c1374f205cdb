#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole cleanup of large organisations, through the program: fabrikam's lab with so many mailboxes more.

    bench_cleanup.py BUILD [MAILBOXES ...]       default 0 2000 20000 200000

For each size: an audit, what its people state, `cleanup --dry-run`, `cleanup --yes=irreversible`, the person who runs what is
shown, `resume` until nothing is left. Measured: the seconds of each, peak memory of any, and how often all recipients were read, as
the simulators' and slapd's logs say: by cleanup and resume, and by all of it. One JSON line for each figure; the table stands on
stderr. Exit code 1: a figure is over its limit. 200,000 mailboxes take ten minutes or more, most of them the simulators'.
"""
import collections
import json
import os
import shutil
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from bench_audit import measured  # noqa: E402
from fixtures.lab import process, snapshot  # noqa: E402
from fixtures.lab.lab import state_facts  # noqa: E402
from fixtures.lab.large import LargeLab  # noqa: E402
from fixtures.lab.person import Person  # noqa: E402

SIZES = (0, 2000, 20000, 200000)
DRAINS, MEMORY_MIB, MEMORY_SPREAD = 3, 64, 1.25
SECONDS = 30   # fabrikam as it is: cleanup and resume together
ROUNDS = 5
DONE, WORK_LEFT = 0, 3
process.BOUND = True


def tell(n, metric, value, unit, limit=None):
    print(json.dumps({"bench": "cleanup", "n": n, "metric": metric, "value": round(value, 3), "unit": unit, "limit": limit}), flush=True)
    print(f"  {n:>8} {metric:20} {value:12.3f} {unit:8} {'' if limit is None else limit:>8}", file=sys.stderr)
    return limit is None or value <= limit


class Run:
    """One organisation and its case."""

    def __init__(self, binary, lab, case):
        self.binary, self.lab, self.case = binary, lab, case
        self.configuration = lab.path(lab.name + ".yaml")
        self.peak, self.seconds, self.counts = 0, {}, []

    def call(self, *words):
        """-> exit code; the seconds are added up by command."""
        seconds, peak, _, code, self.said = measured([self.binary, "-c", self.configuration, "-C", self.case, "--no-progress", *words])
        name = "dry_run" if "--dry-run" in words else words[0]
        self.peak = max(self.peak, peak)
        self.seconds[name] = self.seconds.get(name, 0) + seconds
        self.counts.append((name, snapshot.drains(self.lab)))
        return code

    def drains(self, *names):
        """How often the listing that was read most was read, by these commands."""
        total, before = collections.Counter(), collections.Counter()
        for name, counted in self.counts:
            if name in names:
                total += counted - before
            before = counted
        return max(total.values(), default=0)

    def expect(self, code, *allowed):
        if code not in allowed:
            raise SystemExit(f"ended with {code}: {self.said[-2000:]}")
        return code

    def cleanup(self):
        """All of it, to its end."""
        self.expect(self.call("audit"), 0, 2)
        began = time.monotonic()
        list(state_facts(self.binary, self.configuration, self.lab.attestations(), self.case))
        self.seconds["attest"] = time.monotonic() - began
        self.expect(self.call("cleanup", "--dry-run"), DONE)
        code = self.expect(self.call("cleanup", "--yes=irreversible"), DONE, WORK_LEFT)
        for _ in range(ROUNDS):
            if code == DONE:
                return
            Person(self.lab, self.case).serve(self.binary, self.configuration, True)
            code = self.expect(self.call("resume", "--yes=irreversible"), DONE, WORK_LEFT)
        raise SystemExit(f"not done after {ROUNDS} times: {self.said[-2000:]}")


def one(binary, size, memory):
    directory = tempfile.mkdtemp(prefix="unhybrid-bench-")
    lab = LargeLab(size, os.path.join(directory, "lab"))
    try:
        began = time.monotonic()
        lab.up(exchange="basic")
        tell(size, "load", time.monotonic() - began, "s")
        run = Run(binary, lab, os.path.join(directory, "bench.case"))
        run.cleanup()
        for command, seconds in run.seconds.items():
            tell(size, command, seconds, "s")
        memory[size] = run.peak / 1024
        spent, drains = run.seconds["cleanup"] + run.seconds.get("resume", 0), run.drains("cleanup", "resume")
        return all([tell(size, "seconds", spent, "s", None if size else SECONDS), tell(size, "drains", drains, "times", DRAINS), drains >= 1,
                    tell(size, "drains_of_all", run.drains("audit", "dry_run", "cleanup", "resume"), "times", DRAINS),
                    tell(size, "peak_memory", memory[size], "MiB", MEMORY_MIB)])
    finally:
        lab.down()
        shutil.rmtree(directory, ignore_errors=True)


def main():
    binary = os.path.join(os.path.abspath(sys.argv[1]), "engine", "cli", "unhybrid")
    memory = {}
    held = [one(binary, size, memory) for size in [int(text) for text in sys.argv[2:]] or SIZES]
    if len(memory) > 1:
        held.append(tell(0, "memory_spread", max(memory.values()) / min(memory.values()), "ratio", MEMORY_SPREAD))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
