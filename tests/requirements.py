#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of docs/requirements.md anew: what examines each requirement, and what tests have shown of it; which steps carry out
what the cleanup does.

    requirements.py UNHYBRID [--check]

What examines it comes from the program. A requirement is covered when tests through the binary show each of its checks fail, pass and
unknown; of a check that never fails, as the program says, pass and unknown. Which these are is read from the tests' data:
violations, decoys and changed facts of fixtures/orgs/fabrikam/changes.yaml, what is stated there, the truth of the organisations, and the
checks that a lost source never makes unknown (tests/integration/test_org_truth.py shows that all others become so).
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
CLEANUP_HEAD = "| id | what is done | by the steps |\n|---|---|---|"
UNINSTALL_ROW = re.compile(r"^\| (U-\d\d) \| ([^|]*?) \|.*$")
# What examines a part of the uninstall beside checks of its own.
ELSEWHERE = {"U-07": "`unhybrid setup-log` explains it", "U-08": "`um.in-use`", "U-12": "`unhybrid setup-log` explains it",
             "U-13": "`server.dag`", "U-14": "`migration.batch`, `migration.move-request`", "U-15": "`unhybrid setup-log` explains it"}
CLEANUP_ROW = re.compile(r"^\| (C-\d\d|O-\d\d|O-A\d+) \| ([^|]*?) \|.*$")
# What is left in Exchange Online is what the steps before the uninstall remove there.
SWEPT_AS_BEFORE = {"O-01": ["cloud-connector"], "O-02": ["cloud-connector"], "O-03": ["organization-relationship"], "O-04": ["intra-organization-connector"],
                   "O-05": ["on-premises-organization"], "O-06": ["migration-endpoint"], "O-07": ["service-principal-credential"],
                   "O-08": ["dedicated-application"], "O-10": ["hybrid-agent"], "O-11": ["accepted-domain-type"], "O-12": ["public-folders-remote"],
                   "O-13": ["availability-address-space"], "O-15": ["centralized-mail", "cloud-connector"]}
NEVER = "Never fail, whatever they see, but pass or are unknown:"
# What no lost source makes unknown.
NEVER_UNKNOWN = {"freshness.observation": "whatever was read, it is known when"}


def load(*path):
    with open(os.path.join(ORGS, *path), encoding="utf-8") as text:
        return yaml.safe_load(text)


def listed(program):
    """The checks, as the program lists them."""
    done = subprocess.run([program, "checks", "list", "--format", "json"], capture_output=True, check=True, timeout=60)
    return json.loads(done.stdout)["checks"]


def steps(program):
    """{requirement: [step, as the table has it]}, in the order of the steps."""
    done = subprocess.run([program, "steps", "list", "--format", "json"], capture_output=True, check=True, timeout=60)
    found = {}
    for step in json.loads(done.stdout)["steps"]:
        found.setdefault(step["requirement"], []).append(f"`{step['id']}`" + (" (where it is named)" if step["opt_in"] else ""))
    return found


def steps_of(carried_out, id_):
    return ", ".join(carried_out.get(id_, []) + [f"`{step}`" for step in SWEPT_AS_BEFORE.get(id_, [])]) or "-"


def shown(listing):
    """{check: those of "fail", "pass", "unknown" that tests show, or that it never is}"""
    checks = [check["id"] for check in listing]
    changes, contoso, fabrikam = load("fabrikam", "changes.yaml"), load("contoso", "truth.yaml"), load("fabrikam", "truth.yaml")
    failing = {case["check"] for case in changes["violations"]} | {finding["check"] for finding in contoso["findings"]}
    bad = {entry["check"] for entry in fabrikam["findings"] + fabrikam["unknown"]}
    passing = {check for check in checks if check not in bad} | {case["check"] for case in changes["decoys"]}
    facts = {fact["fact"] for fact in load("fabrikam", "attestations.yaml")}
    stated = {check["id"] for check in listing if facts & {fact["fact"] for fact in check["attests"]}}
    failing |= {check["id"] for check in listing if not check["fails"]}
    changed = {(case["check"], case["status"]) for case in changes["facts"]}
    return {check: {word for word, true in (("fail", check in failing), ("pass", check in passing | stated), ("unknown", check not in NEVER_UNKNOWN))
                    if true or (check, word) in changed} for check in checks}


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
    listing = listed(program)
    rows = [(check["id"], check["requirement"]) for check in listing]
    marks = shown(listing)
    gates = ", ".join(f"`{check['id']}`" for check in listing if not check["fails"] and check["purposes"] not in (["gate"], ["uninstall"]))
    carried_out = steps(program)
    for check, ids in rows:
        for id_ in ids:
            if id_.startswith("O-"):
                carried_out.setdefault(id_, []).append(f"check `{check}`")
    lines, out, table = text.split("\n"), [], False
    for line in lines:
        if line.startswith("| id | what has to be true"):
            out += HEAD.rstrip("\n").split("\n")
            table = True
            continue
        if line.startswith(NEVER):
            line = f"{NEVER} {gates}."
        if line.startswith("| id | what is done"):
            out += CLEANUP_HEAD.split("\n")
            table = True
            continue
        if table and line.startswith("|---"):
            continue
        done = CLEANUP_ROW.match(line)
        if done:
            line = f"| {done.group(1)} | {done.group(2)} | {steps_of(carried_out, done.group(1))} |"
        asked = UNINSTALL_ROW.match(line)
        if asked:
            id_, what = asked.groups()
            own = ", ".join(f"`{check}`" for check, ids in rows if id_ in ids) or ELSEWHERE.get(id_, "")
            line = f"| {id_} | {what} | {own} | " + ", ".join(carried_out.get(id_, [])) + " |"
            line = line.replace("|  |", "| |")
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
