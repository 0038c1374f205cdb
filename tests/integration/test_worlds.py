# SPDX-License-Identifier: Apache-2.0
"""Fabrikam from the cleanup to the end of the sweep, in each world that Setup may leave (`./dev lab uninstall --world`): what is gone,
exactly, what is changed, and that all else is as it was, byte for byte. Nobody knows which of these worlds is the real one.

The cleanup and the uninstall's own steps are the same for all of them and run once; each world begins from a copy of what they left.
"""
import collections
import json
import os
import pathlib
import re
import shutil
import uuid

import ldap
import pytest

from fixtures.lab import person, snapshot, uninstall, written, zones
from fixtures.lab.errand import where_it_is
from fixtures.lab.lab import Lab
from terminal import Terminal
from test_cleanup import CHANGED, REMOVED, Place, finish
from test_cli import schema
from test_journal import tamper
from test_uninstall import ALL, OTHERS, remove_connector

ROOT = "dc=fabrikam,dc=com"
EXCHANGE = f"cn=microsoft exchange,cn=services,cn=configuration,{ROOT}"
ORGANIZATION = f"cn=fabrikam,{EXCHANGE}"
AUTODISCOVER = f"cn=microsoft exchange autodiscover,cn=services,cn=configuration,{ROOT}"
SYSTEM_OBJECTS = f"cn=microsoft exchange system objects,{ROOT}"
DATABASE = "CN=FDB01,CN=Databases,CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups,CN=Fabrikam,CN=Microsoft Exchange"
NO_MAILBOX = {"homeMDB", "msExchMailboxGuid", "msExchHomeServerName", "msExchMailboxSecurityDescriptor"}
ACCOUNTS = {f"cn={name},cn=users,{ROOT}" for name in (
    "discoverysearchmailbox {d919ba05-46a6-415f-80ad-7e09334bb852}", "federatedemail.4c1f4d8b-8179-4148-93bf-00a95fa1e042",
    "migration.8f3e7716-2011-43e4-96b1-aba62d229136", "systemmailbox{1f05a927-3be2-4fb9-aa03-b59fe3b56f4c}",
    "systemmailbox{2ce34405-31be-455d-89d7-a7c7da7a0daa}", "systemmailbox{8cc370d3-822a-4ab8-a926-bb94bd0641a9}",
    "systemmailbox{d0e409a0-af9b-4720-92fe-aac869b0d201}", "systemmailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}",
    "systemmailbox{e0dc1c29-89c3-4034-b678-e6c29d823ed9}")}
ENDPOINT, HOLDER = "Hybrid Migration Endpoint - EWS (Default Web Site)", "7a1c2e4f-5b6d-4c3a-9e8f-0f0000000002"
IN_THE_CLOUD = {("cloud", "MigrationEndpoint", ENDPOINT), ("cloud", "OnPremisesOrganization", HOLDER)}
PRINCIPAL = "Office 365 Exchange Online"
# Addresses of the server. What else DNS says of mail and Autodiscover has led to Exchange Online since long.
IN_DNS = {("internal", "fabex01.fabrikam.com.", "A", ("10.1.0.11",)), ("internal", "mail.fabrikam.com.", "A", ("10.1.0.11",)),
          ("public", "mail.fabrikam.com.", "A", ("203.0.113.60",))}
EVERYWHERE = IN_THE_CLOUD | IN_DNS
BY_ITSELF = {"whenChanged", "uSNChanged", "dSCorePropagationData", "lastLogon", "logonCount"}   # but for the first in a real Active Directory alone
NAMES = {("cloud", PRINCIPAL): {"servicePrincipalNames"}}
LINKS = {("on-premises", EXCHANGE): {"otherWellKnownObjects"}}
GROUPS = {f"cn={name},ou=microsoft exchange security groups,{ROOT}" for name in (
    "delegated setup", "discovery management", "exchange servers", "exchange trusted subsystem", "exchange windows permissions",
    "managed availability servers", "organization management", "public folder management", "recipient management", "server management",
    "view-only organization management")}
OPT_IN = "organization-container,security-group,system-objects-container,autodiscover-container"


class World(Place):
    """The lab after the cleanup, where each test plays Setup once more."""

    def __init__(self, lab, unhybrid, case):
        super().__init__(lab, unhybrid, case)
        self.ready = self.kept = self.played = self.seen = None
        self.clean, self.gone, self.wrote = [], set(), 0

    def state(self):
        return {**snapshot.take(self.lab, server=False), "dns": zones.records(self.lab)}

    def clean_up(self):
        """From the audit to where only Setup is left."""
        self.lab.clean = snapshot.take(self.lab)
        self.attest()
        done = finish(self, self.run("cleanup", "--yes=irreversible"))
        assert done.returncode == 0, done.stderr
        remove_connector(self.lab)
        done = self.run("cleanup", "--yes=irreversible", *ALL)
        assert done.returncode == 3 and len(self.status()["waiting"]) == 1, done.stderr
        self.clean = snapshot.differences(self.lab.clean, snapshot.take(self.lab))

    def keep(self):
        self.ready, self.kept = self.state(), self.case + ".kept"
        shutil.copytree(self.case, self.kept)
        shutil.copy(self.lab.path("attestations.yaml"), self.kept)

    def go_back(self):
        snapshot.go_back(self.lab, self.ready)
        zones.go_back(self.lab, self.ready["dns"])
        shutil.rmtree(self.case)
        shutil.copytree(self.kept, self.case)
        shutil.move(os.path.join(self.case, "attestations.yaml"), self.lab.path("attestations.yaml"))
        assert self.told(self.ready) == (set(), {})
        self.wrote = len(written.of(self.lab))

    def play(self, world, *leave_behind):
        """Setup runs; the program sees that it did, and the cleanup is at its end."""
        self.gone = {uninstall.normal(dn) for dn in uninstall.play(self.lab, world, leave_behind)}
        done = self.run("resume", "--yes=irreversible", *ALL)
        assert done.returncode == 0 and "U-05.1 verified" in done.stderr, done.stderr
        assert self.status()["waiting"] == []
        self.played = self.state()

    def told(self, before):
        """What is gone and what is changed since: two lists."""
        self.seen = self.state()
        return self.compared(before, self.seen)

    def compared(self, before, now):
        """Nothing is ever made."""
        gone, changed = before["dns"] - now["dns"], {}
        assert now["dns"] <= before["dns"]
        for side, kind, name, how, properties in snapshot.differences(before, now):
            name = uninstall.normal(name) if side == "on-premises" else name
            assert how in ("removed", "changed"), (side, kind, name, how)
            if how == "removed":
                gone.add(name if side == "on-premises" else (side, kind, name))
            else:
                changed[side, name] = set(properties)
        return gone, changed

    def sweep(self, *arguments):
        """To its end."""
        done = self.swept(*arguments)
        assert done.returncode == 0, done.stderr
        return done

    def swept(self, *arguments):
        """As far as it goes when a person takes out of the zones what is shown."""
        done = self.run("sweep", "--yes=irreversible", *arguments)
        someone = person.Person(self.lab, self.case)
        while done.returncode == 3 and someone.serve(self.program.path, self.configuration, True):
            done = self.run("resume", "--yes=irreversible")
        return done

    def state_fact(self, fact, *more):
        done = self.run("attest", "add", fact, "yes", *more, "--approver", "Test", "--days", "2")
        assert done.returncode == 0, done.stderr

    def after(self):
        return json.loads(self.run("audit", "--purpose", "after", "--format", "json").stdout)

    def nothing_left(self):
        """A second sweep does nothing to what was told last, and all is well without the server."""
        before = self.seen
        again = self.sweep()
        assert written.deleted_twice(written.of(self.lab)[self.wrote:]) == []
        assert "Nothing to do" in again.stdout and self.told(before) == (set(), {})
        report = self.after()
        said = json.loads(self.run("status", "--format", "json").stdout)["last"]
        assert (said["verdict"], said["purpose"]) == ("ready", "after"), said
        assert report["verdict"] == "ready", [(c["id"], c["status"]) for c in report["checks"] if c["status"] not in ("pass", "not-applicable")]


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory, unhybrid):
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("worlds") / "fabrikam"))
    lab.up(exchange="basic")
    try:
        place = World(lab, unhybrid, tmp_path_factory.mktemp("case") / "fabrikam.case")
        place.clean_up()
        place.keep()
        yield place
    finally:
        lab.down()


@pytest.fixture
def place(cleaned):
    cleaned.go_back()
    return cleaned


def short(name):
    return re.sub("^(?i:cn)=", "", name.split(",", 1)[0])


def before_setup(clean):
    """What the cleanup took, and what the uninstall does before Setup: mailboxes, databases, and the connector that a person removed."""
    gone, changed = set(), collections.defaultdict(set)
    for side, kind, name, how, properties in clean:
        if how == "removed":
            gone.add((side, kind, short(name)))
        else:
            assert how == "changed"
            changed[side, short(name)] |= set(properties) - BY_ITSELF
    shared = ("on-premises", "msExchRoutingSMTPConnector", OTHERS)
    more = gone - REMOVED
    assert REMOVED <= gone and shared in more
    assert {one for one in more - {shared} if not one[2].startswith("HealthMailbox")} == {
        ("on-premises", "msExchPrivateMDB", "FDB01"), ("on-premises", "msExchMDBCopy", "FABEX01")}, more
    expected = {key: value for key, value in CHANGED.items() if key != ("on-premises", OTHERS)}
    accounts = {key: value for key, value in changed.items() if value and key not in expected}
    assert {key: set(value) for key, value in changed.items() if key in expected} == expected
    assert {key[1].lower() for key in accounts} <= {short(dn).lower() for dn in ACCOUNTS}, accounts
    assert all("homeMDB" in value for value in accounts.values())


def test_before_setup(cleaned):
    before_setup(cleaned.clean)


@where_it_is
def lead_to(lab, url):
    """The server's service connection point names an address again; without one it would lead nobody anywhere."""
    link = snapshot.connect(lab)
    try:
        (dn, _), = link.search_s("CN=Services,CN=Configuration,DC=fabrikam,DC=com", ldap.SCOPE_SUBTREE, "(&(objectClass=serviceConnectionPoint)(cn=FABEX01))")
        link.modify_s(dn, [(ldap.MOD_REPLACE, "serviceBindingInformation", [url.encode()])])
    finally:
        link.unbind_s()


def test_the_server_alone(place):
    """What Microsoft's documentation says. Behind stay the service connection point, names of services and a membership."""
    lead_to(place.lab, "https://mail.fabrikam.com/Autodiscover/Autodiscover.xml")
    place.play("server-only", "scp", "service-principal-names", "server-members")
    point = f"cn=fabex01,{AUTODISCOVER}"
    assert point in {uninstall.normal(dn) for dn in place.played["directory"]}
    blocked = place.after()
    assert blocked["verdict"] == "blocked" and {c["id"] for c in blocked["checks"] if c["status"] == "fail"} == {"autodiscover.scp"}
    place.sweep()
    assert place.told(place.played) == (ACCOUNTS | {point} | EVERYWHERE, NAMES)
    place.nothing_left()


@where_it_is
def monitoring_again(lab, before, names):
    """Managed availability made mailboxes of its own anew before Setup stopped it; the database that they were in is gone.
    before: the directory when it had some."""
    link = snapshot.connect(lab)
    try:
        for dn, values in before.items():
            if not dn.lower().startswith("cn=healthmailbox") or f",{SYSTEM_OBJECTS}" not in uninstall.normal(dn):
                continue
            for name, without in names.items():
                made = {key: held for key, held in values.items() if key.lower().startswith("msexch") and key not in without}
                made.update({key: values[key] for key in ("objectClass", "displayName", "mailNickname", "legacyExchangeDN") if key in values})
                own = {} if lab.ad == "samba" else {"objectGUID": [uuid.uuid4().bytes], "whenCreated": values["whenCreated"]}
                link.add_s(f"CN={name},{dn.split(',', 1)[1]}", list({**made, **own, "cn": [name.encode()]}.items()))
            return
        raise AssertionError("fabrikam has no monitoring mailbox")
    finally:
        link.unbind_s()


def test_what_lies_between(place):
    """The organisation and the groups go with the server, but for objects that the wizard's cmdlets made. What monitoring made anew is
    a mailbox still, or none."""
    mailbox, account = "HealthMailbox" + 32 * "a", "HealthMailbox" + 32 * "b"
    monitoring_again(place.lab, place.lab.clean["directory"], {mailbox: set(), account: NO_MAILBOX})
    place.play("between", "hybrid-objects", "health-mailboxes")
    kept = {uninstall.normal(dn) for dn in place.played["directory"]}
    assert f"cn=former partner,cn=federation,{ORGANIZATION}" in kept and f"cn=accepted domains,cn=transport settings,{ORGANIZATION}" not in kept
    place.sweep()
    swept = f"cn={account.lower()},cn=monitoring mailboxes,{SYSTEM_OBJECTS}"
    assert place.told(place.played) == (ACCOUNTS | {swept} | EVERYWHERE, {**NAMES, **LINKS})
    # One object is a mailbox of a database that is nowhere: an attribute may be hidden, and a person says that it is not.
    assert [c["id"] for c in place.after()["checks"] if c["status"] == "unknown" and c["severity"] == "blocker"] == ["sanity.attributes"]
    place.state_fact("sanity.attribute", "--object", "homeMDB")
    place.nothing_left()


def test_the_whole_organisation(place):
    """Nothing of Exchange's is left but a pointer: whose is what in the cloud, the journal tells."""
    place.play("organisation")
    assert not any(uninstall.below(dn, EXCHANGE) for dn in map(uninstall.normal, place.played["directory"]))
    place.sweep()
    assert place.told(place.played) == (EVERYWHERE, NAMES)
    place.nothing_left()


def left(report):
    return {check["id"]: check for check in report["checks"] if check["id"] in ("left.credential", "left.organization")}


def test_what_the_journal_knows_is_known_to_whoever_judges(place, tmp_path):
    """Nothing but the journal tells the auth certificates and the organisation any more: audit and status know them, and a word against
    it does not count. A journal that is damaged tells nothing."""
    place.play("organisation")
    fresh = World(place.lab, place.program, tmp_path / "fresh.case")
    assert {check["status"] for check in left(fresh.after()).values()} == {"unknown"}, "nothing else tells them"
    assert {check["status"] for check in left(place.after()).values()} == {"pass"}
    assert left(place.status()["left"]) == {}, "settled"
    theirs = "FD5701366E2CAB2F3730217A0DD95CAB4467F8D1"
    for fact, object_, told in (("left.organization", HOLDER[:-2] + "aa", HOLDER), ("left.credential", theirs, "no")):
        refused = place.run("attest", "add", fact, "yes", "--object", object_, "--approver", "Test", "--days", "2")
        assert refused.returncode == 65 and told in refused.stderr, refused.stderr
    tamper(pathlib.Path(place.case), "UPDATE record SET body = '{}' WHERE seq = 9")
    done = place.run("audit", "--purpose", "after", "--format", "json")
    assert done.returncode == 65 and "record 9" in done.stderr, done.stderr
    report = json.loads(done.stdout)
    schema("report").validate(report)
    for check in left(report).values():
        assert check["status"] == "unknown" and any("record 9" in one["why"] for one in check["unknown"]), check
    said = left(place.status()["left"])
    assert set(said) == {"left.credential", "left.organization"}
    assert all(any("record 9" in one["why"] for one in check["not_seen"]) for check in said.values()), said
    refused = place.run("attest", "add", "left.credential", "yes", "--object", theirs, "--approver", "Test", "--days", "2")
    assert refused.returncode == 65 and "record 9" in refused.stderr, refused.stderr


@pytest.mark.parametrize("kind, links", [("organization", True), ("well-known-objects", True), ("security-groups", False),
                                         ("system-objects", False), ("system-accounts", False)])
def test_the_whole_organisation_but(place, kind, links):
    place.play("organisation", kind)
    place.sweep()
    gone = EVERYWHERE | (ACCOUNTS if kind == "system-accounts" else set())
    assert place.told(place.played) == (gone, {**NAMES, **(LINKS if links else {})})
    place.nothing_left()


# ---- the other forest, and whoever else is in the tenant

OTHER = "6e1f2d4b-9f8c-4e3b-a2d7-0f00000000aa"
OF_THE_OTHER_FOREST = {("InboundConnector", f"Inbound from {OTHER}"), ("OutboundConnector", f"Outbound to {OTHER}"),
                       ("OrganizationRelationship", f"O365 to On-premises - {OTHER}"), ("IntraOrganizationConnector", f"HybridIOC - {OTHER}"),
                       ("OnPremisesOrganization", "7a1c2e4f-5b6d-4c3a-9e8f-0f00000000aa"), ("MigrationEndpoint", "Hybrid Migration Endpoint - labs")}


def named(state, kind, name):
    return next(json.dumps(row, sort_keys=True) for row in state["cloud"]["exchange_online"][kind] if row["Name"] == name)


def principal(state):
    return next(row for row in state["cloud"]["graph"]["servicePrincipals"] if row["displayName"] == PRINCIPAL)


def test_a_second_forest_in_the_tenant_loses_nothing(place):
    """Its connectors, relationship and endpoint, the credential that its servers sign with, and their names."""
    place.play("server-only")
    plan = json.loads(place.run("sweep", "--dry-run", "--format", "json").stdout)
    theirs = {(o["kind"], o["name"]) for s in plan["steps"] for o in s["objects"] if o["owner"] == "other-forest"}
    assert theirs == OF_THE_OTHER_FOREST
    assert not {a["subject"]["name"] for a in plan["actions"]} & {name for _, name in OF_THE_OTHER_FOREST}
    place.sweep()
    now = place.state()
    for kind, name in OF_THE_OTHER_FOREST:
        assert named(now, kind, name) == named(place.played, kind, name)
    before, after = principal(place.played), principal(now)
    assert [key["keyId"] for key in after["keyCredentials"]] == ["7b000000-1b2c-4d3e-8f40-0f00000000aa"]
    assert after["keyCredentials"] == before["keyCredentials"]
    assert set(before["servicePrincipalNames"]) - set(after["servicePrincipalNames"]) == {"https://mail.fabrikam.com/",
                                                                                         "https://autodiscover.fabrikam.com/"}
    assert "https://mail.labs.example/" in after["servicePrincipalNames"]


def another_server(place, name, *, ghost):
    """Of an object that FABEX01 has: a second server, whose computer is there or not."""
    link = snapshot.connect(place.lab)
    try:
        held = snapshot.directory(place.lab)
        for kind, first in (("Servers", "msExchExchangeServer"), *(() if ghost else (("Computers", "computer"),))):
            dn = next(one for one in held if uninstall.normal(one).startswith(f"cn=fabex01,cn={kind.lower()},"))
            values = {key: value for key, value in held[dn].items() if key not in ("objectGUID", "objectSid", "cn", "name", "sAMAccountName", "dNSHostName")}
            assert first.encode() in values["objectClass"]
            link.add_s(dn.replace("FABEX01", name).replace("fabex01", name), [*values.items(), ("cn", [name.encode()]), ("objectGUID", [uuid.uuid4().bytes])])
    finally:
        link.unbind_s()


def test_nothing_is_swept_while_an_object_of_a_server_is_left(place):
    """The computer of the second server is gone since long, and Setup cannot be run there: its object is one all the same."""
    another_server(place, "FABEX02", ghost=True)
    uninstall.play(place.lab, "server-only")
    before = place.state()
    for arguments in (["--dry-run"], ["--yes=irreversible"], ["--yes=irreversible", "--only", "security-group", "--approve", "security-group"]):
        done = place.run("sweep", "--replan", *arguments)
        assert done.returncode == 1 and "FABEX02 is still there" in done.stderr, done.stderr
    assert place.told(before) == (set(), {})


# ---- what is told differently: only by name, and with a person's word

def tree(place, base):
    return {dn for dn in map(uninstall.normal, place.played["directory"]) if uninstall.below(dn, base)}


def test_what_is_told_differently_is_reported_only(place):
    """Nor is it enough to approve it, or to name it."""
    place.play("server-only")
    place.sweep()
    before = place.state()
    plan = json.loads(place.run("sweep", "--dry-run", "--format", "json").stdout)
    told = {step["id"]: step["why"] for step in plan["steps"] if step["state"] == "skipped"}
    assert told == {name: f"is done only where it is named: --only {name}" for name in
                    ("organization-container", "security-group", "system-objects-container")}
    for arguments in ([], ["--approve", OPT_IN], ["--only", OPT_IN], ["--only", "security-group", "--approve", "organization-container"]):
        done = place.run("sweep", "--yes=irreversible", *arguments)
        assert done.returncode in (0, 64), done.stderr
        assert place.told(before) == (set(), {}), arguments


def test_named_and_approved_it_goes(place):
    """The container of Autodiscover comes after the organisation: the next sweep may take it. (A real directory also shows the links
    that the groups leave behind: test_worlds_samba.py.)"""
    place.play("server-only")
    place.sweep()
    named_and_approved(place)
    place.nothing_left()


def named_and_approved(place, changed=None):
    """changed: what a directory that keeps links itself does with those to the groups."""
    before = place.state()
    place.sweep("--only", OPT_IN, "--approve", OPT_IN)
    gone = GROUPS | tree(place, ORGANIZATION) | tree(place, SYSTEM_OBJECTS)
    assert len(tree(place, ORGANIZATION)) > 50
    assert place.told(before) == (gone, changed or {})
    before = place.seen
    place.sweep("--only", "autodiscover-container", "--approve", "autodiscover-container")
    assert place.told(before) == (tree(place, AUTODISCOVER), {})


def test_at_a_terminal_a_word_is_typed(place):
    place.play("server-only")
    place.sweep()
    before = place.state()
    command = [place.program.path, "-c", place.configuration, "-C", place.case, "sweep", "--only", "organization-container"]
    with Terminal(command) as terminal:
        terminal.answer(r"yes, skip, details or stop\? ", "yes")
        terminal.answer("Type approve to go on, anything else to think again: ", "yes")
        terminal.answer(r"yes, skip, details or stop\? ", "stop")
        assert terminal.wait() == 3
    assert "below it are 70 objects" in terminal.screen and place.told(before) == (set(), {})
    with Terminal([*command[:5], "resume"]) as terminal:
        terminal.answer(r"yes, skip, details or stop\? ", "yes")
        terminal.answer("Type approve to go on, anything else to think again: ", "approve")
        terminal.expect("=> .*verified")
        assert terminal.wait() == 0, terminal.screen[-3000:]
    assert place.told(before) == (tree(place, ORGANIZATION), {})
