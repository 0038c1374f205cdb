# SPDX-License-Identifier: Apache-2.0
"""steps list and explain: the order holds what each step says it follows, and nothing is named that is not there."""
import json
import os

import jsonschema
import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PHASES = ["before-uninstall", "uninstall", "after-uninstall"]


def schema(name):
    with open(os.path.join(TOP, "docs", "schema", name + ".schema.json"), encoding="utf-8") as text:
        loaded = json.load(text)
    jsonschema.Draft202012Validator.check_schema(loaded)
    return jsonschema.Draft202012Validator(loaded)


@pytest.fixture(scope="module")
def steps(unhybrid):
    done = unhybrid.run("steps", "list", "--format", "json")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    schema("steps").validate(listed)
    return listed["steps"]


def test_order(steps):
    """Each step comes after all that it follows, and no phase begins before the one before it has ended."""
    seen = set()
    for step in steps:
        assert {f["step"] for f in step["follows"]} <= seen, step["id"]
        assert step["id"] not in seen
        seen.add(step["id"])
    phases = [PHASES.index(step["phase"]) for step in steps]
    assert phases == sorted(phases)


def test_what_steps_name_exists(steps, unhybrid):
    """The checks that a step asks for are checks of this program, and its requirement is one of the catalogue."""
    checks = json.loads(unhybrid.run("checks", "list", "--format", "json").stdout)
    known = {check["id"] for check in checks["checks"]}
    for step in steps:
        assert set(step["checks"]) <= known, step["id"]
    with open(os.path.join(TOP, "docs", "requirements.md"), encoding="utf-8") as text:
        requirements = text.read()
    for step in steps:
        assert step["requirement"] in requirements


def test_list_and_explain(steps, unhybrid):
    shown = unhybrid.run("steps", "list").stdout
    lines = shown.splitlines()
    assert [line.split()[0] for line in lines] == [step["id"] for step in steps]
    for step, line in zip(steps, lines):
        assert step["requirement"] in line and step["phase"] in line and f"undo: {step['undo']}" in line
        text = " ".join(unhybrid.run("steps", "explain", step["id"]).stdout.split())
        for part in [step["title"], step["effect"], step["explain"], step["undo_limits"], *step["needs"], *step["checks"],
                     *(f["reason"] for f in step["follows"])]:
            assert " ".join(part.split()) in text, (step["id"], part)
        one = json.loads(unhybrid.run("steps", "explain", step["id"], "--format", "json").stdout)
        schema("steps").validate(one)
        assert one["steps"] == [step]


def test_usage(steps, unhybrid):
    for step in steps[:1]:
        done = unhybrid.run("steps", "explain", step["id"][:-1])
        assert done.returncode == 64 and f"did you mean {step['id']}?" in done.stderr and not done.stdout
    for arguments, says in [(["explain", "zzzzzzzzzzzz"], "there is no step"), (["explain"], "the id of one step"), ([], "say list"),
                            (["lst"], "did you mean list?"), (["list", "x"], "takes no 'x'"), (["list", "--format", "dot"], "terminal and json")]:
        done = unhybrid.run("steps", *arguments)
        assert done.returncode == 64 and says in done.stderr and not done.stdout, arguments
