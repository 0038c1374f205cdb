# SPDX-License-Identifier: Apache-2.0
"""`unhybrid cleanup`, `resume` and `undo` against the simulated organisations, unattended."""
import glob
import json
import os
import re
import stat
import subprocess

import pytest

from fixtures.lab import snapshot, written
from fixtures.lab.lab import Lab
from test_cli import schema

LONG = 600


class Place:
    """A lab, and a case of its own in it."""

    def __init__(self, lab, unhybrid, case):
        self.lab, self.program, self.case = lab, unhybrid, str(case)
        self.configuration = lab.path(lab.name + ".yaml")

    def run(self, *arguments, timeout=LONG):
        return self.program.run("-c", self.configuration, "-C", self.case, "--no-progress", *arguments, timeout=timeout)

    def status(self):
        done = self.run("status", "--format", "json")
        said = json.loads(done.stdout)
        schema("status").validate(said)
        return said

    def attest(self):
        """Its people state what they know, on the evidence of this case; what they stated before is gone."""
        with open(self.lab.path("attestations.yaml"), "w", encoding="utf-8") as statements:
            statements.write("# Of this test.\n")
        self.run("audit")
        return self.program.attest(self.configuration, self.case, self.lab.attestations())

    def plan(self, *arguments):
        done = self.run("cleanup", "--dry-run", "--format", "json", *arguments)
        assert done.returncode in (0, 1, 2), done.stderr
        return json.loads(done.stdout)

    def journal(self):
        return json.loads(self.run("journal", "export").stdout)["records"]


def writing_requests(lab):
    """Requests that would write, also those that changed nothing."""
    rows = [("cloud", row.get("cmdlet") or row.get("path")) for row in snapshot.cloud(lab, "log?writes=1")]
    return rows + [("on-premises", row["cmdlet"]) for row in snapshot.exchange(lab, "log")
                   if row.get("cmdlet") and not re.match("(Get|Test|Export)-", row["cmdlet"])]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("lab") / "fabrikam"))
    lab.up(exchange="basic")
    lab.clean = snapshot.take(lab)
    yield lab
    lab.down()


@pytest.fixture
def place(running, unhybrid, tmp_path):
    yield Place(running, unhybrid, tmp_path / "fabrikam.case")
    snapshot.restore(running, running.clean)


def steps_in_order(plan):
    order = []
    for action in plan["actions"]:
        if action["step"] not in order:
            order.append(action["step"])
    return order


def test_dry_run(place):
    place.attest()
    before = snapshot.take(place.lab)
    done = place.run("cleanup", "--dry-run")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "nothing that writes was sent" in done.stderr
    assert writing_requests(place.lab) == [] and written.of(place.lab) == []
    assert snapshot.differences(before, snapshot.take(place.lab)) == []
    assert not os.path.exists(os.path.join(place.case, "journal.db"))
    order = steps_in_order(place.plan())
    listed = [step["id"] for step in json.loads(place.run("steps", "list", "--format", "json").stdout)["steps"]]
    assert order == [step for step in listed if step in order] and len(order) > 8


def test_end_to_end(place):
    place.attest()
    done = place.run("cleanup", "--yes=irreversible", "--operator-timeout", "0")
    for _ in range(5):   # a person runs what is shown, then it goes on
        if done.returncode != 3:
            break
        waiting = [one for one in place.status()["waiting"] if one["for"] == "operator"]
        assert waiting, done.stderr
        play = subprocess.run(["/usr/bin/python3", "fixtures/lab/lab.py", "operator", "fabrikam", "--once", "--program",
                               place.program.path, "--case", place.case], check=False, capture_output=True, text=True,
                              env={**os.environ, "UNHYBRID_LAB": os.path.dirname(place.lab.directory)})
        assert play.returncode == 0, play.stderr
        done = place.run("resume", "--yes=irreversible")
    assert done.returncode == 0, done.stderr
    assert written.deleted_twice(written.of(place.lab)) == []
    said = place.status()
    assert said["cleanup"]["plan"]["state"] == "finished" and said["in_doubt"] == [] and said["waiting"] == []
    records = place.journal()
    begun = [r["action"] for r in records if r["record"] == "begun"]
    assert all(r["image_bytes"] for r in records if r["record"] == "begun" and "operator" not in r["action"])
    assert len(begun) == len(set(begun)) > 20
    exported = glob.glob(os.path.join(place.case, "exports", "before-*.json"))
    assert {stat.S_IMODE(os.stat(path).st_mode) for path in exported} == {0o600}
    again = place.run("cleanup", "--yes=irreversible")
    assert (again.returncode, "Nothing to do" in again.stdout) == (0, True), again.stdout + again.stderr


def test_contoso_is_refused(labs, unhybrid, tmp_path):
    place = Place(labs("contoso"), unhybrid, tmp_path / "contoso.case")
    done = place.run("cleanup", "--dry-run")
    assert done.returncode == 1 and "Gate: closed" in done.stderr and "mailbox.on-premises" in done.stderr, done
    done = place.run("cleanup", "--yes=irreversible")
    assert done.returncode in (1, 78) and not written.of(place.lab)
