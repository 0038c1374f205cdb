# SPDX-License-Identifier: Apache-2.0
"""A person is led through the cleanup of fabrikam at a terminal: what is asked, what is done, what is left."""
import re
import subprocess

import pytest

from fixtures.lab import snapshot, written
from fixtures.lab.lab import Lab
from terminal import Terminal
from test_cleanup import Place

QUESTION = r"yes, skip, details or stop\? "
TYPE = r"Type (.*) to go on, anything else to think again: "
END = r"Head of the journal: ([0-9a-f]{64})"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("lab") / "fabrikam"))
    lab.up(exchange="basic")
    lab.clean = snapshot.take(lab)
    yield lab
    lab.down()


@pytest.fixture
def place(running, unhybrid, tmp_path):
    place = Place(running, unhybrid, tmp_path / "fabrikam.case")
    place.attest()
    yield place
    snapshot.restore(running, running.clean)


def start(place, *arguments):
    return Terminal([place.program.path, "-c", place.configuration, "-C", place.case, *arguments])


def states(place):
    said = {}
    for record in place.journal():
        if record["action"]:
            said[record["action"]] = record["record"]
    return said


def test_led_through(place):
    """Details, skip with a reason, a typed name, Ctrl-C; resume goes on where it stopped."""
    with start(place, "cleanup", "--until", "organization-relationship") as terminal:
        terminal.expect("Before it begins")
        terminal.answer(QUESTION, "details")
        assert "IntraOrganizationConnector" in terminal.before and "Set-IntraOrganizationConnector" in terminal.before
        terminal.expect('"observed_at"')
        terminal.answer(QUESTION, "yes")
        terminal.expect("=> .*verified")
        terminal.answer(QUESTION, "skip")
        terminal.answer("Why is it skipped", "free/busy is still used")
        terminal.expect("=> .*skipped")
        terminal.expect(QUESTION)
        terminal.interrupt()
        terminal.expect(END)
        assert terminal.wait() == 130
    assert len(written.of(place.lab)) == 1
    said = states(place)
    assert sorted(said.values()) == ["skipped", "verified"]
    with start(place, "resume") as terminal:
        terminal.answer(QUESTION, "stop")
        terminal.expect(END)
        assert terminal.wait() == 3
    assert len(written.of(place.lab)) == 1 and states(place) == said
    assert place.status()["cleanup"]["plan"]["state"] == "open"


def test_nothing_is_done_without_a_yes(place):
    with start(place, "cleanup") as terminal:
        for answer in ("", "no", "y e s", "details"):
            terminal.answer(QUESTION, answer)
        terminal.answer(QUESTION, "stop")
        assert terminal.wait() == 3
    assert written.of(place.lab) == []


def answer_all(terminal):
    """Says yes to everything, types what has to be typed; the words that were typed."""
    typed = []
    while True:
        found = terminal.expect(f"{QUESTION}|{TYPE}|{END}", 120)
        if found.group(2):
            return typed
        if found.group(1):
            typed.append(found.group(1))
        terminal.answer("", found.group(1) or "yes")


def test_everything_said_yes_to(place):
    with start(place, "cleanup", "--until", "federation-trust") as terminal:
        typed = answer_all(terminal)
        assert terminal.wait() == 0, terminal.screen[-3000:]
    assert typed == ["Microsoft Federation Gateway"], "what cannot be undone wants more than a yes"
    assert set(states(place).values()) == {"verified"}
    assert not re.search("[\u202a-\u202e\x07]", terminal.screen)


def test_without_a_terminal(place):
    for command in (["cleanup"], ["resume"], ["undo", "C-00.1"]):
        done = subprocess.run([place.program.path, "-c", place.configuration, "-C", place.case, *command], check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 64 and "no terminal" in done.stderr
