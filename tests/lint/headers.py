#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every file of ours says its licence in the first lines, is no longer than the house allows, and holds no word that
marks unfinished work and no path of a machine that it was written on. Prints what is wrong, one line each; exit 1 when
anything is."""
import re
import sys

from tree import files, read, report

CODE = (".c", ".h", ".py", ".build", ".sh", ".in", ".yaml", ".yml")
WITHOUT_ENDING = ("dev", ".ci/run")
DATA = ("docs/", "tests/fuzz/corpus/", "tests/unit/data/", "fixtures/small/", "fixtures/packs/")  # inputs, as they came
MAX_LINES = 750
LONG = ("fixtures/", "tests/")           # data and tests may be longer
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|st" r"ubs?)\b|not impl" r"emented", re.IGNORECASE)
MACHINE = re.compile(r"/wor" r"k/(wt|main|shared)\b|\.\./sha" r"red/|/tmp/bu" r"ild\b|/ho" r"me/\w+/(src|git|unhybrid)\b")
INPUTS = DATA[1:]                        # documents are ours and are read too


def faults(top):
    for path in files(top):
        ours = path.endswith(CODE) or path in WITHOUT_ENDING
        if path.startswith(INPUTS) or not (ours or path.endswith(".md")):
            continue
        text = read(top, path)
        for number, line in enumerate(text.splitlines(), 1):
            if UNFINISHED.search(line):
                yield f"{path}:{number}: unfinished: {line.strip()[:60]}"
            if MACHINE.search(line):
                yield f"{path}:{number}: a path of one machine: {line.strip()[:60]}"
        if path.startswith("docs/") or not ours:
            continue
        if "SPDX-License-Identifier: Apache-2.0" not in text[:300] and text.strip():
            yield f"{path}: no SPDX line at the top"
        if path.endswith((".c", ".h")) and not path.startswith(LONG) and text.count("\n") > MAX_LINES:
            yield f"{path}: {text.count(chr(10))} lines, {MAX_LINES} at most"


if __name__ == "__main__":
    sys.exit(report(faults(sys.argv[1])))
