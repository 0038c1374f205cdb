#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Functions stay small: lines and depth of nesting. clang-format's layout is relied on: a function's opening brace ends
a line that starts in column 0, its closing brace stands alone in column 0. Prints what is too long or too deep."""
import re
import sys

from tree import files, read, report

MAX_LINES = 80
MAX_DEPTH = 5     # indentation steps inside a function
INDENT = 2
TABLE = re.compile(r"^(static |const |struct |enum |union )*.*=\s*\{$|^(struct|enum|union)\b[^()]*\{$|^typedef\b")


def functions(text):
    """(first line, name, lines of the body) of each function."""
    name, start, body = None, 0, []
    for number, line in enumerate(text.splitlines(), 1):
        if name is None:
            if line[:1].strip() and line.endswith("{") and "(" in line and not TABLE.match(line):
                found = re.search(r"(\w+)\s*\(", line)
                name, start, body = found.group(1) if found else "?", number, []
            elif line == "{":
                name, start, body = "?", number, []
            elif line.startswith(" ") and line.endswith(") {") and start != number:
                name, start, body = "?", number, []
        elif line.startswith("}"):
            yield start, name, body
            name = None
        else:
            body.append(line)


def faults(top):
    for path in files(top, ".c"):
        if path.startswith(("fixtures/", "tests/")):
            continue
        for start, name, body in functions(read(top, path)):
            if len(body) > MAX_LINES:
                yield f"{path}:{start}: {name}: {len(body)} lines, {MAX_LINES} at most"
            code = [line for line in body if line.strip().startswith(("if ", "if(", "for ", "while ", "do ", "switch "))]
            depth = max(((len(line) - len(line.lstrip())) // INDENT for line in code), default=0)
            if depth > MAX_DEPTH:
                yield f"{path}:{start}: {name}: nested {depth} deep, {MAX_DEPTH} at most"


if __name__ == "__main__":
    sys.exit(report(faults(sys.argv[1])))
