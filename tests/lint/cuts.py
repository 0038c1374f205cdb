#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Text that people read is cut at the end of a character, for half a one is no UTF-8: no precision cuts it (UH_HEAD does), and in
what makes texts for plans and findings no snprintf whose result nobody looks at (uh_print does). Prints what does otherwise."""
import re
import sys

from tree import files, read, report

PRECISION = re.compile(r"%[-+ #0]*\d*\.\d+s")
UNSEEN = re.compile(r"\(void\)v?snprintf\(")
TEXTS = ("checks/", "cleanup/", "engine/plan/")


def fault(path, line):
    if PRECISION.search(line):
        return 'a precision cuts characters: "%.*s" with UH_HEAD(text, bytes)'
    return "what does not fit is cut within a character: uh_print()" if path.startswith(TEXTS) and UNSEEN.search(line) else None


def faults(top):
    for path in files(top, ".c", ".h"):
        if not path.startswith(("engine/", "checks/", "cleanup/")):
            continue
        for number, line in enumerate(read(top, path).splitlines(), 1):
            found = fault(path, line)
            if found:
                yield f"{path}:{number}: {found}"


if __name__ == "__main__":
    sys.exit(report(faults(sys.argv[1])))
