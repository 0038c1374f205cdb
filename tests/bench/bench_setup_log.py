#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A long log of Exchange Setup: 500 MB as UTF-8 and as UTF-16, read by `unhybrid setup-log`, against `wc -l` and against
`grep -c ERROR` of the UTF-8 file in the same run. Prints one JSON line for each figure.

    bench_setup_log.py BUILD_DIR [MEGABYTES]          default 500
limit: seconds for 500 MB, and KiB of memory.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

MEGABYTES = int(sys.argv[2]) if len(sys.argv) > 2 else 500
PROGRAM = os.path.join(sys.argv[1], "engine", "cli", "unhybrid")
RUNS, SECONDS, MEMORY_KIB = 3, 3.0, 24 * 1024
STAMP = "[03/08/2026 20:21:50.0785] [1] "


def lines():
    yield STAMP + "Starting Microsoft Exchange Server 2019 Setup"
    body = [STAMP + f"Evaluated [Rule:Rule{i}] [HasException:False] [Value:\"False\"] [ParentValue:\"<NULL>\"] [Thread:{i % 30}] [Duration:00:00:00]"
            for i in range(60)] + ["   at Microsoft.Exchange.Something.Deep(Object value, Int32 number)"] * 4 \
        + [STAMP + "Beginning processing Get-Thing", STAMP + "[WARNING] Service checkpoint has not progressed."]
    while True:
        yield from body


def write(path, encoding):
    size, wanted = 0, MEGABYTES * 1000 * 1000
    with open(path, "wb") as f:
        if encoding != "utf-8":
            f.write(b"\xff\xfe")
        block, source = [], lines()
        while size < wanted:
            block = "".join(next(source) + "\r\n" for _ in range(2000)).encode(encoding)
            f.write(block)
            size += len(block)
        f.write("".join(line + "\r\n" for line in (STAMP + "[ERROR] object 'EX01' couldn't be found on 'dc01'", STAMP + "End of Setup")).encode(encoding))
    return size


def timed(command):
    best, usage = None, 0
    for _ in range(RUNS):
        begun = time.monotonic()
        done = subprocess.Popen(command, stdout=subprocess.PIPE)
        out = done.stdout.read()
        _, status, used = os.wait4(done.pid, 0)
        seconds = time.monotonic() - begun
        best, usage = min(best or seconds, seconds), max(usage, used.ru_maxrss)
    return best, usage, out, os.waitstatus_to_exitcode(status)


def main():
    failed = False
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
        for encoding in ("utf-8", "utf-16-le"):
            path = os.path.join(folder, "setup.log")
            size = write(path, encoding)
            seconds, memory, out, code = timed([PROGRAM, "setup-log", "--format", "json", path])
            assert code == 1 and json.loads(out)["findings"][0]["objects"] == ["EX01", "dc01"], out
            peers = {} if encoding != "utf-8" else {"wc": timed(["wc", "-l", path])[0], "grep": timed(["grep", "-c", "ERROR", path])[0]}
            limit = SECONDS * size / 500e6
            failed |= seconds > limit or memory > MEMORY_KIB
            print(json.dumps({"bench": "setup-log", "encoding": encoding, "bytes": size, "seconds": round(seconds, 2), "limit": round(limit, 2), "kib": memory,
                              "limit_kib": MEMORY_KIB, **{f"ratio_to_{name}": round(seconds / peer, 2) for name, peer in peers.items()}}), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
