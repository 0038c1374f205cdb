# SPDX-License-Identifier: Apache-2.0
"""`unhybrid cleanup`, `resume` and `undo` against the simulated organisations, unattended."""
import fcntl
import glob
import json
import os
import pathlib
import re
import stat
import subprocess

import pytest

from conftest import TOP
from fixtures.lab import snapshot, written
from fixtures.lab.lab import Lab
from test_cli import schema
from test_journal import tamper

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
        plan = json.loads(done.stdout)
        schema("plan").validate(plan)
        return plan

    def journal(self):
        return json.loads(self.run("journal", "export").stdout)["records"]


def writing_requests(lab):
    """Requests that would write, also those that changed nothing. Set-ADServerSettings says what a session sees."""
    rows = [("cloud", row.get("cmdlet") or row.get("path")) for row in snapshot.cloud(lab, "log?writes=1")]
    return rows + [("on-premises", row["cmdlet"]) for row in snapshot.exchange(lab, "log")
                   if row.get("cmdlet") and not re.match("(Get|Test|Export)-|Set-ADServerSettings$", row["cmdlet"])]


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


def finish(place, done):
    """A person runs what is shown, then it goes on, until nothing waits."""
    for _ in range(5):
        if done.returncode != 3:
            return done
        assert [one for one in place.status()["waiting"] if one["for"] == "operator"], done.stderr
        play = subprocess.run(["/usr/bin/python3", os.path.join(TOP, "fixtures", "lab", "lab.py"), "operator", "fabrikam", "--once",
                               "--program", place.program.path, "--case", place.case], check=False, capture_output=True, text=True,
                              env={**os.environ, "UNHYBRID_LAB": os.path.dirname(place.lab.directory)})
        assert play.returncode == 0, play.stderr
        done = place.run("resume", "--yes=irreversible")
    return done


H = "5d0f1c3a-8e7b-4d2a-b1c6-0f0000000003"   # of the hybrid configuration, in the names that the wizard gave
AGENT, APPLICATION = "c2e8a4d6-1b3f-4a5c-8d7e-0f0000000031", "ExchangeServerApp-7a1c2e4f-5b6d-4c3a-9e8f-0f0000000002"
REMOVED = {
    ("cloud", "AvailabilityAddressSpace", "fabrikam.com"), ("cloud", "InboundConnector", f"Inbound from {H}"),
    ("cloud", "IntraOrganizationConnector", f"HybridIOC - {H}"), ("cloud", "OrganizationRelationship", f"O365 to On-premises - {H}"),
    ("cloud", "OutboundConnector", f"Outbound to {H}"), ("cloud", "OutboundConnector", "Outbound to 5d0f1c3a-8e7b-4d2a-b1c6-0f0000000013"),
    ("cloud", "RemoteDomain", "Hybrid Domain - fabrikam.com"), ("cloud", "applications", APPLICATION), ("cloud", "applications", AGENT),
    ("cloud", "servicePrincipals", APPLICATION), ("cloud", "servicePrincipals", AGENT), ("on-premises", "certificate", "Federation"),
    ("on-premises", "msExchAuthAuthServer", f"EvoSts - {H}"), ("on-premises", "msExchAuthAuthServer", f"ACS - {H}"),
    ("on-premises", "msExchAvailabilityAddressSpace", "fabrikam.mail.onmicrosoft.com"),
    ("on-premises", "msExchCoexistenceRelationship", "Hybrid Configuration"), ("on-premises", "msExchConfigSettings", "EnableExchangeHybrid3PAppFeature"),
    ("on-premises", "msExchDomainContentConfig", "Hybrid Domain - fabrikam.onmicrosoft.com"),
    ("on-premises", "msExchDomainContentConfig", "Hybrid Domain - fabrikam.mail.onmicrosoft.com"),
    ("on-premises", "msExchFedSharingRelationship", f"On-premises to O365 - {H}"), ("on-premises", "msExchFedTrust", "Microsoft Federation Gateway"),
    ("on-premises", "msExchIntraOrganizationConnector", f"HybridIOC - {H}"), ("on-premises", "msExchRoutingSMTPConnector", f"Outbound to Office 365 - {H}")}
CHANGED = {   # what is shared loses the deployment's part and nothing else
    ("cloud", "Office 365 Exchange Online"): {"keyCredentials"}, ("on-premises", "fabrikam.net"): {"msExchFedAcceptedDomainLink"},
    ("on-premises", "fabrikam.com"): {"msExchFedAcceptedDomainLink"}, ("on-premises", "Exchange Online"): {"msExchAuthFlags"},
    ("on-premises", "Federation"): {"msExchFedAccountNamespace", "msExchFedDelegationTrust", "msExchFedIsEnabled"},
    ("on-premises", "To our cloud and Tailspin"): {"routingList"},
    ("cloud", "7a1c2e4f-5b6d-4c3a-9e8f-0f0000000002"): {"InboundConnector", "OutboundConnector", "OrganizationRelationship"},   # links to what went
    ("on-premises", "Default Frontend FABEX01"): {"msExchSmtpReceiveTlsDomainCapabilities", "msExchSmtpTLSCertificate"}}


def nothing_else_changed(lab):
    """Byte for byte: partners', other forests' and shared objects, recipients, and whatever else is not in the lists above."""
    removed, changed = set(), {}
    for side, kind, name, how, properties in snapshot.differences(lab.clean, snapshot.take(lab)):
        short = re.sub("^(?i:cn)=", "", name.split(",", 1)[0])
        moved = set(properties) - {"whenChanged", "onPremisesLastSyncDateTime"}
        if how == "changed" and moved:
            changed[side, short] = moved
        elif how != "changed":
            removed.add((side, kind, short) if how == "removed" else (how, side, kind, short))
    assert removed == REMOVED and changed == CHANGED


def test_end_to_end(place):
    place.attest()
    done = finish(place, place.run("cleanup", "--yes=irreversible"))
    assert done.returncode == 0, done.stderr
    assert written.deleted_twice(written.of(place.lab)) == []
    said = place.status()
    assert said["cleanup"]["plan"]["state"] == "finished" and said["in_doubt"] == [] and said["waiting"] == []
    later = [one["requirement"] for one in said["after_uninstall"]]
    assert [one for one in later if one.startswith("C-")] == ["C-11", "C-12"]
    waits = {one["step"]: {row["name"] for row in one["objects"] if row["owner"] == "hybrid"} for one in said["after_uninstall"]}
    assert waits["migration-endpoint"] and waits["on-premises-organization"] and waits["system-account"], "what waits is shown, object by object"
    records = place.journal()
    begun = [r["action"] for r in records if r["record"] == "begun"]
    assert len(begun) == len(set(begun)) > 30
    assert all(r["image_bytes"] for r in records if r["record"] == "begun" and "/remove/" in r["action"])
    exported = glob.glob(os.path.join(place.case, "exports", "before-*.json"))
    assert {stat.S_IMODE(os.stat(path).st_mode) for path in exported} == {0o600}
    assert {json.load(open(path, encoding="utf-8"))["action"] for path in exported} == {
        r["action"] for r in records if r["record"] == "begun" and r["image_bytes"]}
    assert os.path.exists(os.path.join(place.case, "exports", "step-0", "MANIFEST.json"))
    nothing_else_changed(place.lab)
    changed = len(written.of(place.lab))
    again = place.run("cleanup", "--yes=irreversible")
    assert (again.returncode, "Nothing to do" in again.stdout) == (0, True), again.stdout + again.stderr
    assert len(written.of(place.lab)) == changed


def test_contoso_is_refused(labs, unhybrid, tmp_path):
    place = Place(labs("contoso"), unhybrid, tmp_path / "contoso.case")
    done = place.run("cleanup", "--dry-run")
    assert done.returncode == 1 and "Gate: closed" in done.stderr and "mailbox.on-premises" in done.stderr, done
    assert not os.path.exists(os.path.join(place.case, "journal.db"))


@pytest.mark.parametrize("arguments, code, said", [
    (["--only", "send-conector"], 64, "did you mean send-connector?"),
    (["--until", "hybrid-configuraton"], 64, "did you mean hybrid-configuration?"),
    (["--only", "send-connector,,"], 64, "empty entry"),
    (["--dry-run", "--yes"], 64, "exclude each other"),
    (["--yes=maybe"], 64, "=irreversible"),
    ([], 64, "no terminal"),
    (["--dry-run", "--approve", "C-01.1"], 64, "goes with --yes"),
    (["--yes", "--approve", "C-99.1"], 64, "there is no action 'C-99.1'"),
    (["--dry-run", "--operator-timeout", "soon"], 64, "a duration"),
    (["--dry-run", "--format", "tabel"], 64, "did you mean table?"),
    (["--dry-run", "--plan", "p.json", "--only", "send-connector"], 64, "neither --only nor --until"),
    (["--dry-run", "--plan", "p.json"], 65, "p.json"),
    (["--dry-run", "now"], 64, "'now' is too much"),
])
def test_usage(place, arguments, code, said):
    done = place.run("cleanup", *arguments)
    assert done.returncode == code and said in done.stderr, done
    assert not os.path.exists(os.path.join(place.case, "journal.db"))


UNTIL = ["--until", "hybrid-configuration"]   # the flags, and the first removal


def test_a_saved_plan(place, tmp_path):
    """It is applied exactly, once; edited, of another case, carried out or stale it is refused, with the reason."""
    place.attest()
    plan = tmp_path / "plan.json"
    assert place.run("cleanup", "--dry-run", *UNTIL, "--save-plan", plan).returncode == 0
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    document = json.loads(plan.read_text(encoding="utf-8"))
    edited = tmp_path / "edited.json"
    document["actions"].pop()
    edited.write_text(json.dumps(document), encoding="utf-8")
    done = place.run("cleanup", "--yes", "--plan", edited)
    assert done.returncode == 65 and "edited.json" in done.stderr and written.of(place.lab) == [], done
    done = of_tenant(place, "11111111-2222-4333-8444-0f00000000ff", "cleanup", "--yes", "--plan", plan)
    assert done.returncode == 65 and "another organisation or tenant" in done.stderr and written.of(place.lab) == [], done
    assert document["tenant"] != document["tenant"].upper()
    done = of_tenant(place, document["tenant"].upper(), "cleanup", "--dry-run", "--plan", plan)
    assert "another organisation or tenant" not in done.stderr, done
    done = place.run("cleanup", "--yes", "--plan", plan)
    assert done.returncode == 0, done.stderr
    assert not os.path.exists(os.path.join(place.case, "plans")), "it was named: nothing is saved again"
    assert len(written.of(place.lab)) == len(json.loads(plan.read_text(encoding="utf-8"))["actions"])
    done = place.run("cleanup", "--yes", "--plan", plan)
    assert done.returncode == 65 and "carried out already" in done.stderr, done


def of_tenant(place, tenant, *arguments):
    """The same case, by a configuration that names another tenant."""
    other = pathlib.Path(place.lab.path("of-tenant.yaml"))
    text = pathlib.Path(place.configuration).read_text(encoding="utf-8")
    other.write_text(re.sub("(?m)^tenant: .*$", f"tenant: {tenant}", text), encoding="utf-8")
    assert f"tenant: {tenant}" in other.read_text(encoding="utf-8")
    try:
        return place.program.run("-c", other, "-C", place.case, "--no-progress", *arguments, timeout=LONG)
    finally:
        other.unlink()


def test_a_plan_with_nothing_to_do_is_saved(place, tmp_path):
    """Whoever asked for the file finds it, with nothing in it, and it can be carried out."""
    place.attest()
    whole = place.plan()
    empty = next(step["id"] for step in whole["steps"] if step["state"] == "nothing")
    plan = tmp_path / "plan.json"
    plan.write_text("an old one")
    done = place.run("cleanup", "--dry-run", "--only", empty, "--save-plan", plan)
    assert done.returncode == 0 and "Nothing to do" in done.stdout, done
    assert json.loads(plan.read_text(encoding="utf-8"))["actions"] == []
    done = place.run("cleanup", "--yes", "--plan", plan)
    assert done.returncode == 0 and "Nothing to do" in done.stdout and written.of(place.lab) == [], done


def test_a_stale_plan(place, tmp_path):
    place.attest()
    plan = tmp_path / "plan.json"
    assert place.run("cleanup", "--dry-run", *UNTIL, "--save-plan", plan).returncode == 0
    snapshot.exchange(place.lab, "run", {"cmdlet": "Remove-HybridConfiguration", "parameters": {"Confirm": False}})
    done = place.run("cleanup", "--dry-run", "--plan", plan)
    assert "this has moved" in done.stderr and "HybridConfiguration" in done.stderr, done
    before = len(written.of(place.lab))
    done = place.run("cleanup", "--yes", "--plan", plan)
    assert done.returncode == 65 and "stale" in done.stderr and len(written.of(place.lab)) == before, done


def test_what_is_not_agreed_to_is_left_and_resume_goes_on(place):
    """--yes does not cover what cannot be undone; cleanup says `resume` while a plan is open; the plan is saved and named."""
    place.attest()
    done = place.run("cleanup", "--yes")
    assert done.returncode == 3 and "--yes=irreversible" in done.stderr, done.stderr
    saved = re.search(r"is saved as (\S+)", done.stderr).group(1)
    assert saved == glob.glob(os.path.join(place.case, "plans", "plan-*.json"))[0]
    done = place.run("cleanup", "--yes=irreversible")
    assert done.returncode == 3 and "unhybrid resume" in done.stderr, done
    done = place.run("cleanup", "--dry-run")
    assert done.returncode == 3 and "unhybrid resume" in done.stderr, done


def test_undo(place):
    """By number and by id; a typo names the nearest; what is back is as it was but for what a new object must have new."""
    place.attest()
    assert place.run("cleanup", "--yes", *UNTIL).returncode == 0
    done = place.run("undo", "C-01.9", "--yes")
    assert done.returncode == 64 and "did you mean" in done.stderr, done
    before = len(written.of(place.lab))
    done = place.run("undo", "C-01.1", "--dry-run")
    assert done.returncode == 0 and len(written.of(place.lab)) == before, done
    assert "New-HybridConfiguration" in done.stderr, "it says what would be sent"
    done = place.run("undo", "C-01.1", "--yes")
    assert done.returncode == 0, done.stderr
    for number in range(1, 20):
        done = place.run("undo", f"C-00.{number}", "--yes")
        if done.returncode == 64:
            break
        assert done.returncode == 0, done.stderr
    rows = snapshot.differences(place.lab.clean, snapshot.take(place.lab))
    told = {(side, kind, how) for side, kind, _, how, _ in rows if how != "changed"}
    assert {kind for _, kind, how in told} <= {"msExchCoexistenceRelationship"}, rows
    for _, _, name, how, changed in rows:
        assert how != "changed" or all(re.match("when|uSN|onPremisesLastSync", key, re.IGNORECASE) for key in changed), (name, changed)


def test_two_operators(place):
    os.makedirs(place.case, mode=0o700)
    place.run("audit")
    with open(os.path.join(place.case, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("pid: 4711\nuser: ada\nhost: admin01\ncommand: cleanup\nsince: 2026-11-22T19:00:00Z\n")
        lock.flush()
        for command in (["cleanup", "--dry-run"], ["resume", "--yes"], ["undo", "C-00.1", "--yes"]):
            done = place.run(*command)
            assert done.returncode == 75 and "ada" in done.stderr and "admin01" in done.stderr, done
        assert place.run("status").returncode == 0, "who only reads needs no lock"


def test_damaged_journal(place):
    place.attest()
    assert place.run("cleanup", "--yes", *UNTIL, "--only", "soft-disable").returncode == 0
    tamper(pathlib.Path(place.case), "UPDATE record SET body = '{}' WHERE seq = 9")
    before = len(written.of(place.lab))
    for command in (["cleanup", "--yes"], ["cleanup", "--dry-run"], ["resume", "--yes"], ["undo", "C-00.1", "--yes"], ["status"]):
        done = place.run(*command)
        assert done.returncode == 65 and "record 9" in done.stderr + done.stdout and "in doubt: soft-disable" in done.stderr, done
    assert len(written.of(place.lab)) == before


def test_events_as_json(place):
    place.attest()
    done = place.run("--log-format", "json", "cleanup", "--yes", *UNTIL, "--format", "json")
    plan = json.loads(done.stdout)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 0 and all(event["organization"] == "fabrikam" and event["tenant"] for event in events)
    results = [event for event in events if event.get("event") == "result"]
    assert [event["action"] for event in results] == [action["id"] for action in plan["actions"]]
    assert {event["state"] for event in results} == {"verified"}
    end = events[-1]
    assert (end["event"], end["exit_code"], end["left"], end["done"]) == ("end", 0, 0, len(results))
    assert end["head"] == place.status()["cleanup"]["head"]["hash"]
