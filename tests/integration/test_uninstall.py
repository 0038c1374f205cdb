# SPDX-License-Identifier: Apache-2.0
"""The uninstall: after the cleanup, with approvals, in the documented order, past the checks that Setup would make; Setup itself is
played by `dev lab uninstall`, and believed only when Active Directory shows no server any more."""
import glob
import json
import os
import re
import sqlite3
import subprocess

import pytest

from fixtures.lab import snapshot, uninstall, written
from fixtures.lab.lab import Lab
from terminal import Terminal
from test_cleanup import Place, finish
from test_lab_uninstall import COMPUTER
from test_world import DRIVER, World, of

STEPS = ["monitoring-mailbox", "arbitration-mailbox", "mailbox-database", "setup"]
ALL = ["--approve", "monitoring-mailbox,audit-log-mailbox,arbitration-mailbox,mailbox-database,setup"]
LEFT = ["--approve", "audit-log-mailbox,arbitration-mailbox,mailbox-database,setup"]   # the monitoring mailbox goes at a terminal
OTHERS = "To our cloud and Tailspin"
ARBITRATION = ("SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}", "Migration.8f3e7716-2011-43e4-96b1-aba62d229136")


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory, unhybrid):
    """A lab after its cleanup; the uninstall's tests go on from there, in order."""
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("uninstall") / "fabrikam"))
    lab.up(exchange="basic")
    place = Place(lab, unhybrid, tmp_path_factory.mktemp("case") / "fabrikam.case")
    place.attest()
    place.plan_before = place.plan()
    done = finish(place, place.run("cleanup", "--yes=irreversible"))
    assert done.returncode == 0, done.stderr
    yield place
    lab.down()


def system_mailboxes(lab):
    return [dn for dn, values in snapshot.directory(lab).items() if "homeMDB" in values]


def steps(plan):
    return {step["id"]: step for step in plan["steps"]}


def test_nothing_is_planned_before_the_cleanup_is_done(cleaned):
    found = steps(cleaned.plan_before)
    assert not [action for action in cleaned.plan_before["actions"] if action["phase"] == "uninstall"]
    for name in STEPS:
        assert found[name]["state"] == "skipped" and "waits for the cleanup" in found[name]["why"], found[name]


def test_unattended_without_approval_nothing_is_done(cleaned):
    before = snapshot.directory(cleaned.lab)
    done = cleaned.run("cleanup", "--yes=irreversible")
    assert done.returncode == 0, done.stderr
    assert "what a person has to approve" in done.stdout and "arbitration-mailbox/" in done.stdout
    assert snapshot.directory(cleaned.lab) == before
    plan = cleaned.plan()
    kinds = [(action["step"], action["executor"]) for action in plan["actions"] if action["phase"] == "uninstall"]
    assert [step for step, _ in dict.fromkeys(kinds)] == ["monitoring-mailbox", "audit-log-mailbox", "arbitration-mailbox", "mailbox-database",
                                                         "setup"]
    assert all(action["approval"] for action in plan["actions"])
    assert [executor for step, executor in kinds if step == "setup"] == ["operator"]
    waits = cleaned.status()["approval"]
    assert {row["action"] for row in waits} == {action["id"] for action in plan["actions"] if action["approval"]}
    assert any("point of no return" in row["question"] for row in waits)
    screen = cleaned.run("status").stdout
    assert "wait for a person's approval" in screen and ",mailbox-database,setup" in screen, screen


def test_what_setup_would_refuse_is_named_before_anything_goes(cleaned):
    """The connector that is shared with others stays in the cleanup, and stands in Setup's way."""
    before = snapshot.directory(cleaned.lab)
    done = cleaned.run("cleanup", "--yes=irreversible", *ALL)
    assert done.returncode == 1, done.stderr
    assert snapshot.directory(cleaned.lab) == before
    # No report judges it: the gate itself says what, where, and both ways out.
    said = " ".join(done.stderr.split())
    assert f"- {OTHERS}: This connector names a server" in said and f"Remove-SendConnector -Identity '{OTHERS}'" in said, done.stderr
    assert "To do: Remove the connector: the last server has no other" in said and "unhybrid report" not in said, done.stderr
    key = re.search(r"unhybrid waive add (\S+) --reason", done.stderr).group(1)
    assert key.startswith("setup.connector/on-premises/")
    taken = cleaned.run("waive", "add", key, "--reason", "it goes tonight", "--approver", "Grace Hopper", "--days", "1")
    assert taken.returncode == 0, taken.stderr
    with World([DRIVER, cleaned.configuration, cleaned.case, facts_files(cleaned)[-1]]) as world:
        assert of(world("gate", "setup.connector"))["setup.connector"]["status"] == "waived"
    assert cleaned.run("waive", "withdraw", key).returncode == 0


def test_of_many_in_the_way_some_are_named_and_none_steers_the_terminal(cleaned):
    names = [f"To \u202eelpoep {i}" for i in range(6)]
    for name in names:
        in_the_shell(cleaned.lab, f"New-SendConnector -Name '{name}' -AddressSpaces 'many.example' -SourceTransportServers 'FABEX01'\n")
    try:
        for log in ((), ("--log-format", "json")):
            done = cleaned.run(*log, "cleanup", "--yes=irreversible", "--replan", *ALL)
            assert done.returncode == 1 and "\u202e" not in done.stderr, done.stderr
            if not log:
                assert done.stderr.count("unhybrid waive add setup.connector/") == 5 and "and 2 more" in done.stderr, done.stderr
                assert "To \\u202eelpoep" in done.stderr, done.stderr
        gates = [event["in_the_way"] for event in map(json.loads, done.stderr.splitlines()) if event.get("in_the_way")]
        found = next(check for check in gates[-1] if check["check"] == "setup.connector")
        assert len(found["findings"]) == 5 and found["more"] == 2 and found["remedy"].startswith("Remove the connector")
        assert {*map(type, (f["command"] for f in found["findings"]))} == {str} and len({f["key"] for f in found["findings"]}) == 5
    finally:
        for name in names:
            in_the_shell(cleaned.lab, f"Remove-SendConnector -Identity '{name}' -Confirm:$false\n")


def test_what_is_approved_does_not_overtake_what_is_not(cleaned):
    """One name forgotten: cmdlets rest on the arbitration mailboxes, and the databases hold the others."""
    remove_connector(cleaned.lab)
    before = snapshot.directory(cleaned.lab)
    for approved in ("mailbox-database", "arbitration-mailbox,mailbox-database"):
        done = cleaned.run("cleanup", "--yes=irreversible", "--replan", "--approve", approved)
        assert done.returncode == 0, done.stderr
        assert "it follows monitoring-mailbox/" in done.stderr and "which nobody has approved" in done.stderr, done.stderr
    assert snapshot.directory(cleaned.lab) == before and len(system_mailboxes(cleaned.lab)) == 9


def in_the_shell(lab, commands):
    done = subprocess.run(["/usr/bin/python3", os.path.join(os.path.dirname(uninstall.__file__), "lab.py"), "operator", "fabrikam", "--stdin",
                           "--where", "in Exchange Management Shell on FABEX01"], input=commands,
                          capture_output=True, text=True, check=False, env={**os.environ, "UNHYBRID_LAB": os.path.dirname(lab.directory)})
    assert done.returncode == 0, done.stderr


def remove_connector(lab):
    """A person does it, in the Exchange Management Shell."""
    in_the_shell(lab, f"Remove-SendConnector -Identity '{OTHERS}' -Confirm:$false\n")


QUESTION, APPROVE = r"yes, skip, details or stop\? ", r"Type approve to go on, anything else to think again: "


def guided(place, *arguments):
    return Terminal([place.program.path, "-c", place.configuration, "-C", place.case, "cleanup", "--replan", *arguments])


def test_at_a_terminal_without_a_stated_backup_nothing_is_asked(cleaned):
    """The gate stands before the first question: nobody is led up to the point of no return without a backup of Active Directory."""
    before = snapshot.directory(cleaned.lab)
    with open(cleaned.lab.path("attestations.yaml"), encoding="utf-8") as text:
        stated = text.read()
    withdrawn = cleaned.run("attest", "withdraw", "cleanup.backup")
    assert withdrawn.returncode == 0, withdrawn.stderr
    with guided(cleaned) as terminal:
        terminal.expect("cleanup.backup")
        terminal.expect("To do: Make a system-state backup")
        terminal.expect("unhybrid attest add cleanup.backup yes")
        assert terminal.wait() == 2, terminal.screen[-3000:]
    assert "yes, skip" not in terminal.screen and snapshot.directory(cleaned.lab) == before
    with open(cleaned.lab.path("attestations.yaml"), "w", encoding="utf-8") as text:
        text.write(stated)


def test_at_a_terminal_the_point_of_no_return_wants_a_typed_word(cleaned):
    """A yes is not enough; another word than the one that is asked for does nothing, and the question comes again."""
    before, mailboxes = snapshot.directory(cleaned.lab), len(system_mailboxes(cleaned.lab))
    with guided(cleaned, "--only", "monitoring-mailbox") as terminal:
        terminal.answer(QUESTION, "yes", 120)
        terminal.expect("point of no return")
        for word in ("yes", "Approve", ""):
            terminal.answer(APPROVE, word)
            terminal.expect("That is something else; nothing was done")
            assert snapshot.directory(cleaned.lab) == before
            terminal.answer(QUESTION, "yes")
        terminal.answer(APPROVE, "no")
        terminal.answer(QUESTION, "skip")
        terminal.answer("Why is it skipped", "the backup is looked at once more")
        terminal.expect("=> .*skipped")
        assert terminal.wait() == 0, terminal.screen[-3000:]
    assert snapshot.directory(cleaned.lab) == before
    with guided(cleaned, "--only", "monitoring-mailbox") as terminal:
        terminal.answer(QUESTION, "yes", 120)
        terminal.answer(APPROVE, "approve")
        terminal.expect("=> .*verified", 120)
        assert terminal.wait() == 0, terminal.screen[-3000:]
    assert len(system_mailboxes(cleaned.lab)) == mailboxes - 1, "one was approved, and one is gone"


def test_the_uninstall(cleaned):
    lab = cleaned.lab
    written_before = len(written.of(lab))
    done = cleaned.run("cleanup", "--yes=irreversible", "--replan", *LEFT)
    assert done.returncode == 3, done.stderr + done.stdout    # Setup waits for a person
    assert system_mailboxes(lab) == []
    people = snapshot.directory(lab)
    assert all(any(dn.lower().startswith(f"cn={name}".lower()) for dn in people) for name in ARBITRATION), "disabled, the accounts stay"
    assert not any("healthmailbox" in dn.lower() for dn in people)
    rows = written.of(lab)[written_before:]
    assert written.deleted_twice(rows) == []
    waiting = cleaned.status()["waiting"]
    assert len(waiting) == 1 and waiting[0]["action"].startswith("setup/remove/")
    assert "Setup.exe /mode:Uninstall /IAcceptExchangeServerLicenseTerms_DiagnosticDataOFF" in waiting[0]["commands"]
    assert "/Roles" not in waiting[0]["commands"] and "unhybrid setup-log" in waiting[0]["commands"]


def facts_files(place):
    return sorted(glob.glob(os.path.join(place.case, "facts-*.db")), key=os.path.getmtime)   # names of one second sort otherwise


def test_right_before_setup_everything_is_in_a_snapshot(cleaned):
    newest = sqlite3.connect(f"file:{facts_files(cleaned)[-1]}?mode=ro", uri=True)
    try:
        areas = dict(newest.execute("SELECT area, count(*) FROM t_directory_entry GROUP BY area"))
        assert areas["recipients"] >= 10 and areas["configuration"] > 50
        # It is the state after the databases went, and before the server did.
        kinds = dict(newest.execute("SELECT kind, count(*) FROM t_object WHERE side = 'on-premises' AND source = 'directory' GROUP BY kind"))
        assert kinds["ExchangeServer"] == 1 and "MailboxDatabase" not in kinds
    finally:
        newest.close()


def test_an_audit_before_setup_names_the_cleanups_own_doing(cleaned):
    """What the steps took away looks like a lacking right; the reason says both, and the run goes on without the audit."""
    audited = json.loads(cleaned.run("audit", "--format", "json").stdout)
    check = next(check for check in audited["checks"] if check["id"] == "sanity.organization")
    why = {row["set"]: row["why"] for row in check["unknown"]}
    assert "disabled the arbitration mailboxes for the uninstall that is expected" in why["on-premises:Recipient/system"]
    assert "removed the databases for the uninstall that is expected" in why["on-premises:MailboxDatabase"]
    assert "unhybrid resume" in check["remedy"]["text"]


def test_setup_is_not_believed_but_seen(cleaned):
    waits = cleaned.run("resume", "--yes=irreversible", *LEFT)
    assert waits.returncode == 3, waits.stderr
    before = facts_files(cleaned)[-1]
    gone = uninstall.play(cleaned.lab, "server-only")
    assert any("cn=fabex01,cn=servers" in uninstall.normal(dn) for dn in gone)
    done = cleaned.run("resume", "--yes=irreversible", *LEFT)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Next: `unhybrid sweep --dry-run`" in done.stderr, done.stderr
    said = cleaned.status()
    assert said["waiting"] == [] and said["cleanup"]["plan"]["state"] == "finished", said
    cleaned.run("audit", "--snapshot")
    assert cleaned.status()["last"]["purpose"] == "after", "what has to be true before the uninstall is no question any more"
    difference = cleaned.run("diff", os.path.basename(before), os.path.basename(facts_files(cleaned)[-1]), "--format", "json")
    assert "FABEX01" in difference.stdout, difference.stderr
    assert snapshot.directory(cleaned.lab).keys() & {COMPUTER, COMPUTER.replace("CN=", "cn=").replace("DC=", "dc=")}


def test_what_was_disabled_comes_back_by_a_person(cleaned):
    ids = [row["action"] for row in cleaned.journal() if (row.get("action") or "").startswith("arbitration-mailbox/")]
    done = cleaned.run("undo", ids[0], "--yes")
    assert "Enable-Mailbox" in done.stderr + done.stdout and "-Arbitration" in done.stderr + done.stdout


def test_databases_cannot_be_put_back(cleaned):
    ids = [row["action"] for row in cleaned.journal() if (row.get("action") or "").startswith("mailbox-database/")]
    done = cleaned.run("undo", ids[0], "--yes")
    assert done.returncode != 0 and json.dumps(done.stderr).find("files") > 0
