# SPDX-License-Identifier: Apache-2.0
"""docs/cleanup.md names steps, commands, options and configuration keys: each is there, and no step is left out."""
import json
import os
import re

import pytest
import yaml

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture(scope="module")
def text():
    with open(os.path.join(TOP, "docs", "cleanup.md"), encoding="utf-8") as page:
        return page.read()


def test_steps(text, unhybrid):
    """The table is the order of a cleanup: ids and requirements as the program has them."""
    listed = json.loads(unhybrid.run("steps", "list", "--format", "json").stdout)["steps"]
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| ([PCUO]-\d\d|O-A\d+) \|", text, re.M)
    assert rows == [(step["id"], step["requirement"]) for step in listed]


def test_commands_and_options(text, unhybrid):
    """Each command is one of the program's, and its help knows each option that stands beside it."""
    uses = re.findall(r"unhybrid ([a-z-]+)([^`\n#]*)", text)
    assert {"audit", "cleanup", "status", "resume", "undo", "attest", "steps"} <= {command for command, _ in uses}
    for command, rest in uses:
        shown = unhybrid.run(command, "--help")
        assert shown.returncode == 0, command
        for option in re.findall(r"(?<!\S)(--[a-z-]+|-[a-z])\b", rest):
            assert re.search(rf"(?<!\S){option}\b", shown.stdout), (command, option)
    told = unhybrid.run("cleanup", "--help").stdout
    for option in re.findall(r"`(--[a-z-]+)", text):
        assert option in told, option


def test_configuration_and_facts(text, unhybrid):
    with open(os.path.join(TOP, "docs", "example.yaml"), encoding="utf-8") as example:
        keys = yaml.safe_load(example)
    for key in ("operator", "fresh_for", "replication"):
        assert f"`{key}" in text and key in keys
    assert "`pauses.observe`" in text and "observe" in keys["pauses"]
    checks = json.loads(unhybrid.run("checks", "list", "--format", "json").stdout)["checks"]
    facts = {attest["fact"] for check in checks for attest in check["attests"]}
    assert {fact for fact in re.findall(r"cleanup\.[a-z-]+", text) if fact != "cleanup.md"} <= facts
