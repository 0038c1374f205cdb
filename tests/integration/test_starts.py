# SPDX-License-Identifier: Apache-2.0
"""The places that people really start from: `status` says which of them it sees and by what, and the cleanup or the sweep does what may
be done there, to its end, and nothing else. Each is made of fabrikam as it is, and undone again.
"""
import contextlib
import json
import os
import re

import ldap
import pytest
import yaml

from fixtures.lab import change, snapshot, uninstall, written
from fixtures.lab.lab import Lab
from test_cleanup import Place, finish

COMPUTER = "CN=FABEX01,CN=Computers,DC=fabrikam,DC=com"
ORGANIZATION = "7a1c2e4f-5b6d-4c3a-9e8f-0f0000000002"
H = "5d0f1c3a-8e7b-4d2a-b1c6-0f0000000003"
HYBRID = "CN=Hybrid Configuration,CN=Hybrid Configuration,CN=Fabrikam,CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=fabrikam,DC=com"
EXCHANGE = "cn=microsoft exchange,cn=services,cn=configuration,dc=fabrikam,dc=com"
NEVER = {"setup", "mailbox-database", "arbitration-mailbox", "monitoring-mailbox", "audit-log-mailbox", "security-group", "system-account",
         "organization-container", "system-objects-container", "hybrid-object", "service-connection-point"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("starts") / "fabrikam"))
    lab.up(exchange="basic")
    lab.clean = snapshot.take(lab)
    yield lab
    lab.down()


class Start(Place):
    def starts(self):
        """{id: evidence}, as `status` tells it; the terminal's form says the same."""
        self.run("audit")
        said = self.status()["start"]
        screen = self.run("status", "-v").stdout
        for point in said:
            assert f"{point['id']}: {point['text']}" in screen and point["next"] in screen, screen
            assert all(evidence in screen for evidence in point["evidence"]), screen
        return {point["id"]: point["evidence"] for point in said}

    def without_server(self):
        """Its configuration names no Exchange Server any more, as a person leaves it out once that is gone."""
        with open(self.configuration, encoding="utf-8") as text:
            settings = yaml.safe_load(text)
        del settings["exchange"], settings["operator"]["exchange"]
        self.configuration = self.lab.path("after.yaml")
        with open(self.configuration, "w", encoding="utf-8") as text:
            yaml.safe_dump(settings, text)

    def state(self, *rows):
        for fact, value, *object_ in rows:
            done = self.run("attest", "add", fact, value, *(["--object", object_[0]] if object_ else []), "--approver", "Test", "--days", "2")
            assert done.returncode == 0 or "already" in done.stderr, (fact, done.stderr)


@pytest.fixture
def place(running, unhybrid, tmp_path):
    yield Start(running, unhybrid, tmp_path / "fabrikam.case")
    snapshot.restore(running, running.clean)


@contextlib.contextmanager
def directory(lab):
    link = uninstall.connect(lab)
    try:
        yield link
    finally:
        link.unbind_s()


def cloud(lab, cmdlet, **parameters):
    answer = snapshot.cloud(lab, "run", {"cmdlet": cmdlet, "parameters": dict(parameters, Confirm=False)})
    assert answer["status"] < 300, answer


def server(lab, cmdlet, **parameters):
    answer = snapshot.exchange(lab, "run", {"cmdlet": cmdlet, "parameters": dict(parameters, Confirm=False)})
    assert not answer["errors"], answer


def steps(plan):
    return {step["id"]: step for step in plan["steps"]}


def names(lab):
    return {uninstall.normal(dn) for dn in snapshot.directory(lab)}


# ---- a server, and a whole deployment

def test_an_ordinary_start(place):
    found = place.starts()
    assert set(found) == {"server"} and "fabex01.fabrikam.com" in found["server"][0] and "cmdlets were answered" in found["server"][0], found


def test_nothing_is_concluded_from_what_was_not_read(place):
    """Without the right to see the directory nothing is gone, no ghost is seen, and it is said what could not be looked at."""
    with open(place.configuration, encoding="utf-8") as text:
        settings = yaml.safe_load(text)
    settings["directory"].update(user=place.lab.state["directory"]["users"]["weak"], password_file=place.lab.path("ad-weak.pass"))
    del settings["exchange"], settings["operator"]["exchange"]
    place.configuration = place.lab.path("weak.yaml")
    with open(place.configuration, "w", encoding="utf-8") as text:
        yaml.safe_dump(settings, text)
    found = place.starts()
    assert set(found) == {"unknown"} and any("on-premises:ExchangeServer" in one for one in found["unknown"]), found


# ---- the server is gone, or only listed

def test_the_server_is_gone(place):
    with directory(place.lab) as link:
        uninstall.uninstall(link, "server-only", force=True)
    place.without_server()
    found = place.starts()
    assert "lists no Exchange server" in found["server-gone"][0] and not {"server", "ghost-server", "half-done"} & set(found), found
    plan = json.loads(place.run("sweep", "--dry-run", "--format", "json").stdout)
    assert {action["executor"] for action in plan["actions"]} <= {"exchange-online", "graph", "directory", "operator"}
    assert not [action for action in plan["actions"] if action["phase"] == "uninstall"], "Setup is not asked for"


def test_a_ghost_is_no_server(place):
    """The machine and its account are gone, its object is not: the cloud is cleaned, Active Directory not before the object went."""
    with directory(place.lab) as link:
        link.delete_s(COMPUTER)
    place.without_server()
    found = place.starts()
    assert "FABEX01" in found["ghost-server"][0] and "server-gone" in found and "server" not in found, found
    place.attest()
    place.state(("cleanup.backup", "yes"), ("cleanup.observation-window", "yes"))
    before = names(place.lab)
    done = place.run("sweep", "--yes=irreversible")
    assert done.returncode == 3, done.stderr
    assert names(place.lab) == before, "nothing of the directory goes while the object is there"
    gone = {(kind, name) for side, kind, name, how, _ in snapshot.differences(place.lab.clean, snapshot.take(place.lab))
            if side == "cloud" and how == "removed"}
    assert ("InboundConnector", f"Inbound from {H}") in gone and ("OnPremisesOrganization", ORGANIZATION) in gone, gone
    assert os.path.exists(os.path.join(place.case, "exports", "step-0", "MANIFEST.json")), "exported before anything went"
    plan = json.loads(place.run("cleanup", "--dry-run", "--replan", "--format", "json").stdout)
    assert steps(plan)["hybrid-object"]["state"] == "blocked" and "CN=FABEX01" in steps(plan)["hybrid-object"]["why"].replace("cn=", "CN=")
    # A person deletes it, as server.ghost says.
    with directory(place.lab) as link:
        forest = uninstall.Forest(link, False)
        going = [dn for one in uninstall.Organisation(forest).servers for dn in forest.tree(one)]
        forest.delete(going, [])
    assert set(place.starts()) & {"ghost-server", "server-gone"} == {"server-gone"}
    before = names(place.lab)
    place.attest()
    place.state(("cleanup.backup", "yes"), ("cleanup.observation-window", "yes"))
    done = place.run("sweep", "--yes=irreversible", "--replan")
    left = before - names(place.lab)
    assert any(dn.startswith("cn=hybrid configuration,") for dn in left), done.stderr


def test_a_ghost_beside_the_last_server(place):
    """It does not count, and what follows is planned as for the one that lives."""
    ghost = {"directory": {"servers+": [{"name": "FABEX09", "version": "15.1.2507.6", "site": "Main", "computer": False, "connectors": False}]}}
    with change.Organisation(place.lab).changed(ghost):
        found = place.starts()
        assert "FABEX09" in found["ghost-server"][0] and len(found["server"]) == 1 and "FABEX01" in found["server"][0], found
        plan = place.plan()
        assert "FABEX01 is still there" in steps(plan)["hybrid-object"]["why"], steps(plan)["hybrid-object"]
        assert plan["actions"] and {action["executor"] for action in plan["actions"]} > {"exchange-server"}


def test_a_server_that_may_be_dead(place):
    """Its account is there: it counts. That it is disabled, or silent for months, is said, with what to do."""
    with directory(place.lab) as link:
        link.modify_s(COMPUTER, [(ldap.MOD_REPLACE, "userAccountControl", [b"4098"])])
    found = place.starts()
    assert set(found) == {"server"}, "it answers: it lives, whatever its account says"
    place.without_server()
    found = place.starts()
    assert "is disabled" in found["silent-server"][0] and not {"server", "server-gone", "ghost-server"} & set(found), found
    old = str((1_700_000_000 + 11644473600) * 10_000_000).encode()
    with directory(place.lab) as link:
        link.modify_s(COMPUTER, [(ldap.MOD_REPLACE, "userAccountControl", [b"4096"]), (ldap.MOD_REPLACE, "lastLogonTimestamp", [old])])
    assert "2023-11-14" in place.starts()["silent-server"][0]
    assert place.run("sweep", "--dry-run").returncode == 1, "while it may live nothing is swept up"


# ---- the management tools

def test_on_the_management_tools_way_the_deployment_goes_and_the_server_stays(place):
    place.attest()
    place.run("attest", "withdraw", "tools.in-use")
    with directory(place.lab) as link:
        link.add_s("CN=Recipient Management EMT,CN=Users,DC=fabrikam,DC=com",
                   [("objectClass", [b"group"]), ("cn", [b"Recipient Management EMT"]), ("sAMAccountName", [b"Recipient Management EMT"]),
                    ("objectGUID", [b"0123456789abcdef"]), ("groupType", [b"-2147483646"])])
    found = place.starts()
    assert "Recipient Management EMT" in found["management-tools"][0], found
    assert place.run("report").returncode == 1 and place.status()["last"]["verdict"] == "shutdown-only"
    before = names(place.lab)
    plan = place.plan()
    never = {name for name, step in steps(plan).items() if step["state"] == "skipped" and step["why"].startswith("never, while")}
    assert never >= NEVER, never
    assert steps(plan)["security-group"]["objects"] and steps(plan)["setup"]["objects"], "what stays is shown"
    done = finish(place, place.run("cleanup", "--yes=irreversible"))
    assert done.returncode == 0, done.stderr
    done = finish(place, place.run("cleanup", "--yes=irreversible"))
    assert done.returncode == 0, done.stderr
    removed = {(side, kind) for side, kind, _, how, _ in snapshot.differences(place.lab.clean, snapshot.take(place.lab)) if how == "removed"}
    assert {("on-premises", "msExchCoexistenceRelationship"), ("on-premises", "msExchFedTrust"), ("cloud", "InboundConnector"),
            ("cloud", "MigrationEndpoint")} <= removed, removed
    gone = before - names(place.lab)
    classes = {dn.split(",")[1] for dn in gone}
    assert all(dn.endswith(EXCHANGE) for dn in gone) and not classes & {"cn=servers", "cn=databases", "ou=microsoft exchange security groups"}, gone
    with directory(place.lab) as link:
        assert uninstall.Organisation(uninstall.Forest(link, False)).alive(), "the server's object stays"
    done = place.run("sweep", "--yes=irreversible")
    assert done.returncode == 1 and "never uninstalled" in done.stderr, done.stderr


# ---- half done by hand

def test_what_somebody_removed_by_hand_counts_as_done(place):
    """No journal; the objects that named the others are gone on both sides. The rest goes, nobody else's does."""
    cloud(place.lab, "Remove-IntraOrganizationConnector", Identity=f"HybridIOC - {H}")
    cloud(place.lab, "Remove-OnPremisesOrganization", Identity=ORGANIZATION)
    with directory(place.lab) as link:
        link.delete_s(HYBRID)
    found = place.starts()
    said = " | ".join(found["half-done"])
    for words in ("the hybrid configuration is not there", "no OnPremisesOrganization in the tenant has this organisation's GUID",
                  f"the intra-organization connector HybridIOC - {H} is on premises"):
        assert words in said, said
    place.attest()
    plan = place.plan()
    assert steps(plan)["hybrid-configuration"]["state"] == "nothing"
    wanted = {step: state["why"] for step, state in steps(plan).items() if state["state"] in ("unknown", "blocked")}
    assert not wanted, wanted
    done = finish(place, place.run("cleanup", "--yes=irreversible"))
    assert done.returncode == 0, done.stderr
    told = snapshot.differences(place.lab.clean, snapshot.take(place.lab))
    gone = {(side, kind, re.sub("^(?i:cn)=", "", name.split(",", 1)[0])) for side, kind, name, how, _ in told if how == "removed"}
    assert {("cloud", "InboundConnector", f"Inbound from {H}"), ("cloud", "OutboundConnector", f"Outbound to {H}"),
            ("cloud", "OrganizationRelationship", f"O365 to On-premises - {H}"),
            ("on-premises", "msExchRoutingSMTPConnector", f"Outbound to Office 365 - {H}")} <= gone, gone
    assert not [row for row in gone if "6e1f2d4b" in row[2]], "the other forest's"
    assert written.deleted_twice(written.of(place.lab)) == []


# ---- what others left

def test_what_another_tool_left_is_named(place):
    """A connector that somebody switched off; the dedicated application deleted by its own script, which leaves the servers' side; and
    an organisation of the same domains under another GUID."""
    cloud(place.lab, "Set-OutboundConnector", Identity=f"Outbound to {H}", Enabled=False)
    applications = [one for one in snapshot.cloud(place.lab, "snapshot")["graph"]["applications"] if one["displayName"].startswith("ExchangeServerApp-")]
    for one in applications:
        answer = snapshot.cloud(place.lab, "run", {"method": "DELETE", "path": f"/v1.0/applications/{one['id']}", "body": None})
        assert answer["status"] < 300, answer
    found = place.starts()
    said = " | ".join(found["leftovers"])
    assert f"OutboundConnector Outbound to {H} (Exchange Online) is the deployment's, and switched off" in said, said
    assert f"names the application {applications[0]['appId']}, which the tenant does not have" in said, said
    assert "half-done" not in found, found
