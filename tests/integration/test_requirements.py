# SPDX-License-Identifier: Apache-2.0
"""docs/requirements.md and the program say the same: which requirements there are, how grave, and what examines them."""
import json
import os
import re
import subprocess

import pytest

from conftest import TOP


def documented():
    """{id: (class, [check])} of the P table."""
    with open(os.path.join(TOP, "docs", "requirements.md"), encoding="utf-8") as page:
        rows = re.findall(r"^\| (P-\d\d) \| \S.* \| (blocker|warning|info) \|(.*?)\|[^|]*\|$", page.read(), re.M)
    return {id_: (class_, [word.strip().strip("`") for word in checks.split(",") if word.strip()]) for id_, class_, checks in rows}


@pytest.fixture(scope="module")
def listed(unhybrid):
    done = unhybrid.run("checks", "list", "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_requirement():
    """P-01 to P-30, in order, as grave as in the program."""
    with open(os.path.join(TOP, "engine", "rules", "requirements.c"), encoding="utf-8") as code:
        graveness = re.findall(r'\{"(P-\d\d)", ".*", UH_(\w+), GUIDE\}', code.read())
    assert [id_ for id_, _ in graveness] == [f"P-{n:02d}" for n in range(1, 31)]
    assert [(id_, class_) for id_, (class_, _) in documented().items()] == [(id_, word.lower()) for id_, word in graveness]


def test_what_the_gate_asks_for_stands_with_the_cleanup(listed):
    """A check of the gate alone belongs to a step of the cleanup, and the page names it there."""
    with open(os.path.join(TOP, "docs", "requirements.md"), encoding="utf-8") as page:
        cleanup = page.read().partition("## C: ")[2].partition("\n## ")[0]
    gate = [check for check in listed["checks"] if check["purposes"] == ["gate"]]
    assert {check["id"] for check in gate} == {"cleanup.backup", "cleanup.observation-window"}
    for check in gate:
        assert f"`{check['id']}`" in cleanup and all(f"| {id_} |" in cleanup for id_ in check["requirement"]), check


def test_examined_by(listed):
    """The column names exactly the checks of the program, in its order."""
    examined = {id_: [] for id_ in documented()}
    for check in listed["checks"]:
        assert check["requirement"], check
        for id_ in check["requirement"]:
            if check["purposes"] not in (["gate"], ["uninstall"]) and not id_.startswith("O-"):
                examined[id_].append(check["id"])
    assert {id_: checks for id_, (_, checks) in documented().items()} == examined


def test_every_part_of_the_cleanup_has_its_steps(unhybrid):
    """C-00 to C-12 and what is swept, in order; each of C names its steps, and each step of these stands at its own."""
    with open(os.path.join(TOP, "docs", "requirements.md"), encoding="utf-8") as page:
        rows = re.findall(r"^\| (C-\d\d|O-A?\d+) \| [^|]+ \| ([^|]*) \|$", page.read(), re.M)
    done = unhybrid.run("steps", "list", "--format", "json")
    steps = {step["id"]: step["requirement"] for step in json.loads(done.stdout)["steps"] if step["requirement"][0] in "CO"}
    assert [id_ for id_, _ in rows] == [f"C-{n:02d}" for n in range(13)] + [f"O-{n:02d}" for n in range(1, 22)] + [f"O-A{n}" for n in range(1, 14)]
    named = [(id_, word) for id_, words in rows for word in re.findall(r"(?<!check )`([a-z-]+)`", words)]
    # What remains in Exchange Online is removed by the steps before the uninstall, and stands at both.
    assert {word: id_ for id_, word in named if id_[0] == "C" or steps[word][0] == "O"} == steps
    assert all("`" in words for id_, words in rows if id_[0] == "C")


def test_every_part_of_the_uninstall_is_examined_or_done(unhybrid, listed):
    """U-01 to U-19, in order; what only Setup itself sees, or another check examines, is said."""
    with open(os.path.join(TOP, "docs", "requirements.md"), encoding="utf-8") as page:
        rows = re.findall(r"^\| (U-\d\d) \| [^|]+ \|([^|]*)\|([^|]*)\|$", page.read(), re.M)
    assert [id_ for id_, _, _ in rows] == [f"U-{n:02d}" for n in range(1, 20)]
    own = {(id_, check["id"]) for check in listed["checks"] if check["purposes"] == ["uninstall"] for id_ in check["requirement"]}
    assert own and own <= {(id_, word) for id_, checks, _ in rows for word in re.findall(r"`([a-z.-]+)`", checks)}
    done = unhybrid.run("steps", "list", "--format", "json")
    steps = {(step["requirement"], step["id"]) for step in json.loads(done.stdout)["steps"] if step["requirement"].startswith("U-")}
    assert steps == {(id_, word) for id_, _, words in rows for word in re.findall(r"`([a-z-]+)`", words)}
    assert all(checks.strip() or words.strip() for _, checks, words in rows)


def test_the_page_is_what_the_generator_makes(unhybrid):
    """What is called covered is what the tests' data say."""
    done = subprocess.run(["/usr/bin/python3", os.path.join(TOP, "tests", "requirements.py"), unhybrid.path, "--check"], check=False, timeout=120)
    assert done.returncode == 0, "./dev requirements"


def test_not_examined(listed):
    """What no check examines is listed as that, with its class."""
    assert [(row["requirement"], row["severity"]) for row in listed["not_examined"]] == \
        [(id_, class_) for id_, (class_, checks) in documented().items() if not checks]


def test_every_blocker_is_examined(labs, unhybrid):
    """In an audit each blocker is there by its checks; one without any would be an unknown of its own."""
    assert [id_ for id_, (class_, checks) in documented().items() if class_ == "blocker" and not checks] == []
    _, report, _ = unhybrid.audit(labs("fabrikam").write_configuration())
    assert [check["id"] for check in report["checks"] if check["id"].startswith("requirement.")] == []
    blockers = {id_ for id_, (class_, _) in documented().items() if class_ == "blocker"}
    assert {id_ for check in report["checks"] for id_ in check["requirement"]} >= blockers
