#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Durable records of the journal a second, beside a bare loop of 4 KiB writes with fdatasync in the same run.

    bench_journal.py BUILD [RECORDS]

To reach: at least 0.15 of the bare loop's rate, at most 5 syncs a record. Run it on a real disk: the working directory's.
"""
import os
import subprocess
import sys
import tempfile

RATE, SYNCS = 0.15, 5.0


def main():
    build, records = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    with tempfile.TemporaryDirectory(dir=build) as directory:
        done = subprocess.run([os.path.join(build, "tests", "crash", "sync_rate"), directory, str(records)], check=True, capture_output=True, text=True)
    per_second, bare, syncs = (float(word) for word in done.stdout.split())
    print(f"journal     {per_second:9.1f} records/s\nfdatasync   {bare:9.1f} blocks/s\nratio       {per_second / bare:9.2f}   (to reach: {RATE})\n"
          f"syncs       {syncs:9.2f}   a record (at most: {SYNCS})")
    return 0 if per_second >= RATE * bare and syncs <= SYNCS else 1


if __name__ == "__main__":
    sys.exit(main())
