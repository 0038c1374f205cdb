#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the table of docs/requirements.md anew: what examines each requirement, and what tests have shown of it.

    requirements.py UNHYBRID [--check]

What examines it comes from the program. A requirement is covered when tests through the binary show each of its checks fail, pass and
unknown; which these are is read from the tests' data: violations and decoys of fixtures/orgs/fabrikam/changes.yaml, the truth of the
organisations, and the checks that a lost source never makes unknown (tests/integration/test_org_truth.py shows that all others become so).
"""
import json
import os
import re
import subprocess
import sys

import yaml

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(TOP, "docs", "requirements.md")
ORGS = os.path.join(TOP, "fixtures", "orgs")
HEAD = "| id | what has to be true | class | examined by | shown by tests |\n|---|---|---|---|---|\n"
ROW = re.compile(r"^\| (P-\d\d) \| (.*?) \| (blocker|warning|info) \|.*\|$")
# What no lost source makes unknown.
NEVER_UNKNOWN = {"freshness.observation": "it is fresh and complete, or it is not"}


def load(*path):
    with open(os.path.join(ORGS, *path), encoding="utf-8") as text:
        return yaml.safe_load(text)


def listed(program):
    """[(check, [requirement])] in the program's order."""
    done = subprocess.run([program, "checks", "list", "--format", "json"], capture_output=True, check=True, timeout=60)
    return [(check["id"], check["requirement"]) for check in json.loads(done.stdout)["checks"]]


def shown(checks):
    """{check: {"fail", "pass", "unknown"}}"""
    changes, contoso, fabrikam = load("fabrikam", "changes.yaml"), load("contoso", "truth.yaml"), load("fabrikam", "truth.yaml")
    failing = {case["check"] for case in changes["violations"]} | {finding["check"] for finding in contoso["findings"]}
    bad = {entry["check"] for entry in fabrikam["findings"] + fabrikam["unknown"]}
    passing = {check for check in checks if check not in bad} | {case["check"] for case in changes["decoys"]}
    stated = {"relay.traffic", "sync.version", "tools.in-use"}     # pass once people have stated it (test_one_change.py)
    return {check: {word for word, true in (("fail", check in failing), ("pass", check in passing | stated),
                                            ("unknown", check not in NEVER_UNKNOWN)) if true} for check in checks}


def words(checks, marks):
    if not checks:
        return ""
    lacking = {}
    for check in checks:
        for word in ("fail", "pass", "unknown"):
            if word not in marks[check]:
                lacking.setdefault(word, []).append(f"`{check}`")
    if not lacking:
        return "covered"
    return "not shown: " + "; ".join(f"{word} of {', '.join(names)}" for word, names in lacking.items())


def page(text, program):
    """The page with its table made anew."""
    rows = listed(program)
    marks = shown([check for check, _ in rows])
    lines, out, table = text.split("\n"), [], False
    for line in lines:
        if line.startswith("| id | what has to be true"):
            out += HEAD.rstrip("\n").split("\n")
            table = True
            continue
        if table and line.startswith("|---"):
            continue
        found = ROW.match(line)
        table = table and found is not None
        if found:
            id_, what, class_ = found.groups()
            own = [check for check, ids in rows if id_ in ids]
            cells = [", ".join(f"`{check}`" for check in own), words(own, marks)]
            line = f"| {id_} | {what} | {class_} | " + " | ".join(cells) + " |"
            line = line.replace("|  |", "| |")
        out.append(line)
    return "\n".join(out)


def main():
    with open(PAGE, encoding="utf-8") as text:
        before = text.read()
    after = page(before, sys.argv[1])
    if sys.argv[2:] == ["--check"]:
        return 0 if after == before else 1
    with open(PAGE, "w", encoding="utf-8") as out:
        out.write(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
