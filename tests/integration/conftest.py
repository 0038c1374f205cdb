# SPDX-License-Identifier: Apache-2.0
"""Labs, started once for the whole run, and the program under test.

UNHYBRID names the binary; without it, the one in build/. LDAP, DNS and HTTPS are real servers on free ports.
"""
import glob
import json
import os
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP)

from fixtures.lab import process  # noqa: E402
from fixtures.lab.lab import Lab, state_facts  # noqa: E402

process.BOUND = True  # a killed test run leaves nothing running

AUDIT_SECONDS = 300  # a dead service is tried again for a while
# Files are shared out to the cores in this order: what lasts minutes comes first, so that no core waits for another's at the end.
LONGEST = ("test_one_change", "test_worlds_samba", "test_worlds", "test_promises", "test_sweep_directory", "test_starts", "test_cleanup",
           "test_uninstall", "test_fault_sweep", "test_undo")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


class Program:
    """unhybrid, run for a test in a case directory of its own."""

    def __init__(self, path, scratch):
        self.path, self.scratch, self.runs = path, scratch, 0

    def run(self, *arguments, timeout=AUDIT_SECONDS, lab=None):
        """lab: where it runs, with a ticket of the audit's account; None: here."""
        command = [self.path, *map(str, arguments)]
        return subprocess.run(lab.inside(command) if lab else command, timeout=timeout, check=False, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")

    def audit(self, configuration):
        """-> (exit status, report, what it said on stderr)."""
        self.runs += 1
        case = os.path.join(self.scratch, f"{self.runs}.case")
        done = self.run("-c", configuration, "-C", case, "--no-progress", "audit", "--format", "json")
        try:
            report = json.loads(done.stdout)
        except ValueError:
            pytest.fail(f"exit {done.returncode} and no report: {done.stdout[:500]} {done.stderr[:3000]}")
        return done.returncode, report, done.stderr

    def facts(self):
        """The path of what the last audit observed."""
        return max(glob.glob(os.path.join(self.scratch, f"{self.runs}.case", "facts-*.db")), key=os.path.getmtime)


    def attest(self, configuration, case, facts):
        """States each fact of an organisation's attestations.yaml on the evidence of the case's newest observation, into the
        file that the configuration names."""
        return list(state_facts(self.path, configuration, facts, case))


@pytest.fixture(scope="session")
def unhybrid(tmp_path_factory):
    path = os.environ.get("UNHYBRID") or os.path.join(os.environ.get("BUILD_DIR") or os.path.join(TOP, "build"),
                                                       "engine", "cli", "unhybrid")
    if not os.path.exists(path):
        pytest.fail(f"{path} is not built (./dev build)")
    return Program(os.path.abspath(path), str(tmp_path_factory.mktemp("cases")))


@pytest.fixture(scope="session")
def labs(tmp_path_factory):
    """labs("contoso"): the running lab of an organisation. Who stops a part of one starts it again."""
    running = {}

    def get(name):
        if name not in running:
            running[name] = Lab(name, str(tmp_path_factory.mktemp("lab") / name))
            running[name].up()
        return running[name]

    yield get
    for lab in running.values():
        lab.down()
