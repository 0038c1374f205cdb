# SPDX-License-Identifier: Apache-2.0
"""Fabrikam is ready. With exactly one violation it is blocked by exactly that; with a decoy it stays ready.

The cases are fixtures/orgs/fabrikam/changes.yaml. Each change is made in the running lab, audited through the binary, and taken back;
what no organisation shows is changed in the facts of an audit.
"""
import contextlib
import fnmatch
import glob
import json
import os
import shutil
import sqlite3
import time

import pytest
import yaml

from conftest import TOP
from fixtures.lab import certificates
from fixtures.lab.change import Organisation

ORG = os.path.join(TOP, "fixtures", "orgs", "fabrikam")
PARTS = ("directory", "cloud", "dns")
UNTIL = "2099-01-01T00:00:00Z"


def load(name):
    with open(os.path.join(ORG, name), encoding="utf-8") as text:
        return yaml.safe_load(text)


CHANGES = load("changes.yaml")
STATED = load("attestations.yaml")


def title(case):
    return f"{case['check']}:{case.get('object') or case['why']}"


class Fabrikam:
    """The organisation, its people's statements, and what an audit of it says."""

    def __init__(self, lab, program, scratch):
        self.lab, self.program, self.scratch, self.runs = lab, program, scratch, 0
        self.organisation = Organisation(lab)
        self.stated = None     # the file of what was stated of the unchanged organisation
        self.status, self.report = self.audit({})
        self.stated = self._statements(self.runs)

    def _statements(self, run):
        return os.path.join(self.scratch, f"{run}.attestations.yaml")

    def _run(self, *arguments):
        return self.program.run("-c", self.lab.path("stated.yaml"), "-C", os.path.join(self.scratch, f"{self.runs}.case"), *arguments)

    def _configure(self, settings, statements):
        configuration = self.lab.configuration()
        for section, values in settings.items():
            configuration.setdefault(section, {}).update(values)
        configuration["attestations"] = statements
        certificates.write_private(self.lab.path("stated.yaml"), yaml.safe_dump(configuration))

    def _judged(self, *arguments):
        done = self._run(*arguments, "audit", "--format", "json")
        report = json.loads(done.stdout)
        assert [s["detail"] for s in report["sources"] if s["state"] not in ("complete", "not-configured")] == [], done.stderr
        return done.returncode, report

    def audit(self, settings):
        """Judged with what was stated; where that has lapsed with what it rests on, people look again and state it anew."""
        self.runs += 1
        self._configure(settings, self.stated or self._statements(self.runs))
        status, report = self._judged("--no-progress")
        asked = {what["fact"] for check in report["checks"] if check["status"] == "unknown" for what in check["attest"]}
        if not asked:
            return status, report
        self._configure(settings, self._statements(self.runs))
        for fact in STATED:
            done = self._run("attest", "add", fact["fact"], fact["value"], "--approver", "Joan Clarke", "--until", UNTIL)
            assert done.returncode == 0 or fact["fact"] not in asked, done.stderr
        done = self._run("audit", "--offline", "--format", "json")
        return done.returncode, json.loads(done.stdout)


    def judge_changed(self, case):
        """The facts of the first audit, with other values, judged again."""
        self.runs += 1
        folder = os.path.join(self.scratch, f"{self.runs}.case")
        shutil.copytree(os.path.join(self.scratch, "1.case"), folder)
        statements = self._statements(self.runs)
        shutil.copy(self.stated, statements)
        self._configure({}, statements)
        facts, = glob.glob(os.path.join(folder, "facts-*.db"))
        change_facts(facts, case)
        if "state" in case:
            done = self._run("attest", "add", case["state"]["fact"], case["state"]["value"], "--approver", "Joan Clarke", "--until", UNTIL)
            assert done.returncode == 0, done.stderr
        return json.loads(self._run("audit", "--offline", "--format", "json").stdout)


def change_facts(path, case):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for name, value in case.get("observation", {}).items():
            db.execute(f"UPDATE t_observation SET {name} = ?", (value + int(time.time()) if name.endswith("_at") else value,))
        if "set" in case:
            side, kind = case["set"].split(":")
            db.execute("DELETE FROM t_set WHERE side = ? AND name = ?", (side, kind))
            db.execute("INSERT INTO t_set(source, side, name, part, state, answer, objects, why, observed_at)"
                       " SELECT 'graph', ?, ?, '', 'complete', 0, ?, '', ended_at FROM t_observation", (side, kind, len(case["objects"])))
            for number, properties in enumerate(case["objects"]):
                db.execute("INSERT INTO t_object(source, side, kind, listing, identity, name, guid, json) VALUES('graph', ?, ?, '', ?, ?, '', ?)",
                           (side, kind, str(number), properties["machineName"], json.dumps(properties)))


def findings(report):
    return {f"{check['id']} {finding['side']} {finding['object'].lower()}" for check in report["checks"] for finding in check["findings"]}


def unknown(report):
    return {check["id"] for check in report["checks"] if check["status"] == "unknown"}


def severity(report, id_):
    return next(check["severity"] for check in report["checks"] if check["id"] == id_)


@pytest.fixture(scope="module")
def fabrikam(labs, unhybrid, tmp_path_factory):
    return Fabrikam(labs("fabrikam"), unhybrid, str(tmp_path_factory.mktemp("changes")))


def audit_with(fabrikam, case):
    with fabrikam.organisation.changed({part: case.get(part) for part in PARTS}):
        return fabrikam.audit(case.get("settings") or {})


def came_along(new, case):
    """The findings that cannot but come with it."""
    patterns = [entry.replace(" ", " * ", 1).replace("%", "*").lower() for entry in case.get("also", ())]
    assert all(fnmatch.filter(new, pattern) for pattern in patterns), (patterns, new)
    return {finding for finding in new if any(fnmatch.fnmatchcase(finding, pattern) for pattern in patterns)}


def blocks(report, new):
    return any(severity(report, finding.split(" ", 1)[0]) == "blocker" for finding in new)


def test_fabrikam_is_ready(fabrikam):
    open_ = {id_ for id_ in unknown(fabrikam.report) if severity(fabrikam.report, id_) == "blocker"}
    unexamined = {id_ for id_ in open_ if id_.startswith("requirement.")}    # what no check of this version knows of
    assert open_ == unexamined
    assert (fabrikam.report["verdict"], fabrikam.status) == (("undetermined", 2) if unexamined else ("ready", 0))


@pytest.mark.parametrize("case", CHANGES["violations"], ids=title)
def test_one_violation(fabrikam, case):
    """Exactly that finding, and exit 1 where it blocks."""
    status, report = audit_with(fabrikam, case)
    new = findings(report) - findings(fabrikam.report)
    wanted = f"{case['check']} {case['side']} {case['object'].lower()}"
    assert wanted in new
    assert new - came_along(new, case) == {wanted}
    assert findings(fabrikam.report) <= findings(report)
    assert unknown(report) == unknown(fabrikam.report) | set(case.get("unknown", ()))
    better = "unknown" not in case and not blocks(report, new)
    assert (report["verdict"], status) == ((fabrikam.report["verdict"], fabrikam.status) if better else
                                           (case.get("verdict", "blocked"), 1) if blocks(report, new) else ("undetermined", 2))


@pytest.mark.parametrize("case", CHANGES["decoys"], ids=title)
def test_one_decoy(fabrikam, case):
    """It is not found, and all stays as it was."""
    status, report = audit_with(fabrikam, case)
    new = findings(report) - findings(fabrikam.report)
    assert new == came_along(new, case)
    assert not any(finding.startswith(case["check"] + " ") for finding in new)
    assert unknown(report) == unknown(fabrikam.report)
    assert (report["verdict"], status) == (("blocked", 1) if blocks(report, new) else (fabrikam.report["verdict"], fabrikam.status))


@pytest.mark.parametrize("case", CHANGES["facts"], ids=title)
def test_one_change_of_the_facts(fabrikam, case):
    """The check says that, and nothing but what is judged with it changes."""
    after, before = ({check["id"]: check for check in report["checks"]} for report in (fabrikam.judge_changed(case), fabrikam.report))
    assert after[case["check"]]["status"] == case["status"] and after[case["check"]] != before[case["check"]]
    others = [{id_: check["status"] for id_, check in checks.items() if id_ != case["check"]} for checks in (after, before)]
    assert case["check"].startswith("freshness.") or others[0] == others[1]


def test_all_is_as_before(fabrikam):
    """Each change was taken back."""
    status, report = fabrikam.audit({})
    assert (status, report["checks"]) == (fabrikam.status, fabrikam.report["checks"])


@pytest.mark.parametrize("kind", ["violation", "decoy"])
def test_every_check_has_one(unhybrid, kind):
    checks = {check["id"] for check in json.loads(unhybrid.run("checks", "list", "--format", "json").stdout)["checks"]}
    covered = {case["check"] for case in CHANGES[kind + "s"]}
    without = set(CHANGES["without"][kind])
    assert checks - covered == without
    assert not covered & without
