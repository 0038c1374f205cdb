# SPDX-License-Identifier: Apache-2.0
"""What a person at a terminal is asked before an action, and what counts as an answer: one made up action, without a lab. The whole
run is in test_guided.py."""
import os
import re
import time

import pytest

from terminal import Terminal
from test_cli import BUILD

ASK = os.path.join(BUILD, "tests", "integration", "drivers", "guide_ask")
QUESTION = r"yes, skip, details or stop\? "
HOSTILE = "evil\x1b[2J\u202ename"


def ask(*arguments):
    return Terminal([ASK, *arguments])


def test_what_is_shown():
    with ask() as terminal:
        terminal.expect(QUESTION)
        shown = terminal.before
        for text in ('disable SendConnector "Outbound to Office 365"', "on-premises, 03020100-0000", "hybrid: CloudServicesMailEnabled",
                     "It carries mail", "no longer goes that way", "Set-SendConnector", "Enabled: true", "AddressSpaces: smtp:x.mail"):
            assert text in shown, shown
        assert shown.index("Enabled: true") < shown.index("AddressSpaces"), "what the action changes comes first"
        terminal.send("details")
        terminal.expect(QUESTION)
        assert '"observed_at"' in terminal.before and "send-connector/disable/03020100" in terminal.before
        terminal.answer("", "yes")
        terminal.expect("CHOICE yes\n")


@pytest.mark.parametrize("answers, choice", [
    (["y"], "yes"),
    (["YES"], "yes"),
    (["", "s", "yess", "perhaps", "no", "yes"], "yes"),   # neither nothing nor anything unclear is a yes
    (["st"], "stop"),
    (["details", "stop"], "stop"),
])
def test_answers(answers, choice):
    with ask() as terminal:
        for answer in answers:
            terminal.answer(QUESTION, answer)
        terminal.expect(f"CHOICE {choice}\n")
        assert terminal.wait() == 0


def test_skipping_wants_a_reason():
    with ask() as terminal:
        terminal.answer(QUESTION, "skip")
        terminal.answer("Why is it skipped", "")
        terminal.answer(QUESTION, "sk")
        terminal.answer("Why is it skipped", "  the partner still uses it ")
        terminal.expect("CHOICE skip: the partner still uses it\n")


def test_what_cannot_be_undone_wants_the_name():
    with ask("irreversible", "name=Outbound to Office 365") as terminal:
        terminal.answer(QUESTION, "yes")
        assert "cannot be undone" in terminal.before
        for wrong in ("yes", "outbound to office 365", ""):
            terminal.answer(r"Type Outbound to Office 365 to go on", wrong)
            terminal.answer(QUESTION, "yes")
        terminal.answer(r"Type Outbound to Office 365 to go on", "Outbound to Office 365")
        terminal.expect("CHOICE yes\n")


@pytest.mark.parametrize("name", [HOSTILE, "", " ", "x" * 100, "trailing "])
def test_a_name_that_cannot_be_typed_gives_way_to_a_word(name):
    with ask("irreversible", "name=" + name) as terminal:
        terminal.answer(QUESTION, "yes")
        terminal.answer("Type disable to go on", "disable")
        terminal.expect("CHOICE yes\n")
        assert not re.search("[\x1b\u202e\x07\x80-\x9f]", terminal.screen)


def test_an_approval_is_a_question_of_its_own():
    with ask("irreversible", "approval=Is this key nobody's?") as terminal:
        terminal.answer(QUESTION, "yes")
        terminal.answer(r"Is this key nobody's\?\n.*Type approve", "approve")
        terminal.answer("Type Outbound to Office 365 to go on", "Outbound to Office 365")
        terminal.expect("CHOICE yes\n")


def test_a_change_by_somebody_else_is_told_and_wants_the_name():
    with ask("note=somebody else has changed it: Enabled: true -> false") as terminal:
        terminal.answer(QUESTION, "yes")
        assert "somebody else has changed it" in terminal.before
        terminal.answer("Type Outbound to Office 365", "Outbound to Office 365")
        terminal.expect("CHOICE yes\n")


def test_ctrl_c_stops():
    with ask() as terminal:
        terminal.expect(QUESTION)
        terminal.interrupt()
        terminal.expect(r"CHOICE stop \(Ctrl-C\)\n")
        assert terminal.wait() == 0
    with ask("irreversible") as terminal:
        terminal.answer(QUESTION, "yes")
        terminal.expect("Type ")
        terminal.interrupt()
        terminal.expect(r"CHOICE stop \(Ctrl-C\)\n")


def test_what_was_typed_before_the_question_is_no_answer():
    with ask() as terminal:
        terminal.send("yes")
        terminal.expect(QUESTION)
        time.sleep(0.3)
        assert not terminal.ended()
        terminal.answer("", "stop")
        terminal.expect("CHOICE stop\n")


def test_end_of_input_is_no_answer():
    with ask() as terminal:
        terminal.expect(QUESTION)
        os.write(terminal.fd, b"\x04")   # Ctrl-D
        terminal.expect("CHOICE gone\n")
