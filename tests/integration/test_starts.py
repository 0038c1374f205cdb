# SPDX-License-Identifier: Apache-2.0
"""The places that people really start from: `status` says which of them it sees and by what, and the cleanup or the sweep does what may
be done there, to its end, and nothing else. Each is made of fabrikam as it is, and undone again.
"""
import contextlib
import hashlib
import json
import os
import re

import ldap
import pytest
import yaml

from conftest import TOP
from fixtures.lab import change, snapshot, uninstall, written
from fixtures.lab.lab import Lab
from test_cleanup import REMOVED, Place, finish, writing_requests
from test_cli import schema

COMPUTER = "CN=FABEX01,CN=Computers,DC=fabrikam,DC=com"
EMT = "CN=Recipient Management EMT,CN=Users,DC=fabrikam,DC=com"
ORGANIZATION = "7a1c2e4f-5b6d-4c3a-9e8f-0f0000000002"
H = "5d0f1c3a-8e7b-4d2a-b1c6-0f0000000003"
HYBRID = "CN=Hybrid Configuration,CN=Hybrid Configuration,CN=Fabrikam,CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=fabrikam,DC=com"
EXCHANGE = "cn=microsoft exchange,cn=services,cn=configuration,dc=fabrikam,dc=com"
LABS, OTHER_FOREST = "7a1c2e4f-5b6d-4c3a-9e8f-0f00000000aa", "6e1f2d4b-9f8c-4e3b-a2d7-0f00000000aa"
ALONE = {f"exchange_online/{kind}/{name}": None for kind, name in (   # nobody else in the tenant
    ("OnPremisesOrganization", LABS), ("InboundConnector", f"Inbound from {OTHER_FOREST}"), ("OutboundConnector", f"Outbound to {OTHER_FOREST}"),
    ("OrganizationRelationship", f"O365 to On-premises - {OTHER_FOREST}"), ("IntraOrganizationConnector", f"HybridIOC - {OTHER_FOREST}"),
    ("MigrationEndpoint", "Hybrid Migration Endpoint - labs"))}
PRINCIPAL = "graph/servicePrincipals/Office 365 Exchange Online/keyCredentials+"
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


def whose(plan, step):
    """{name: (owner, reason)} of what the step looked at in the tenant."""
    return {o["name"]: (o["owner"], o["reason"]) for o in steps(plan)[step]["objects"] if o["side"] == "cloud"}


def acted_on(plan):
    return {(action["subject"]["kind"], action["subject"]["name"]) for action in plan["actions"]}


def gone_from(place):
    """{(kind, name)} that the tenant does not have any more."""
    return {(kind, name) for side, kind, name, how, _ in snapshot.differences(place.before, snapshot.take(place.lab)) if side == "cloud" and how == "removed"}


@contextlib.contextmanager
def tenant(place, change_):
    """The tenant with other objects, for as long as it lasts."""
    with change.Organisation(place.lab).changed({"cloud": change_}):
        place.before = snapshot.take(place.lab)
        yield


def add_emt(lab):
    """The group of those who manage recipients with the tools alone."""
    with directory(lab) as link:
        link.add_s(EMT, [("objectClass", [b"group"]), ("cn", [b"Recipient Management EMT"]), ("sAMAccountName", [b"Recipient Management EMT"]),
                         ("objectGUID", [b"0123456789abcdef"]), ("groupType", [b"-2147483646"])])


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
    place.without_server()
    with directory(place.lab) as link:
        link.modify_s(COMPUTER, [(ldap.MOD_REPLACE, "dNSHostName", [b"fabex01.corp.fabrikam.com"])])
    assert "ghost-server" not in place.starts(), "an account of its short name is there: it may live"
    with directory(place.lab) as link:
        link.delete_s(COMPUTER)
    found = place.starts()
    assert "FABEX01" in found["ghost-server"][0] and "server-gone" in found and "server" not in found, found
    add_emt(place.lab)
    assert "Recipient Management EMT" in place.starts()["management-tools"][0], "also when no server is left"
    with directory(place.lab) as link:
        link.delete_s(EMT)
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
    add_emt(place.lab)
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


KEYS = [key["key"] for one in change.load(type("", (), {"source": os.path.join(TOP, "fixtures", "orgs", "fabrikam")}), "cloud")["graph"]["servicePrincipals"]
        if one["displayName"] == "Office 365 Exchange Online" for key in one["keyCredentials"] if key["keyId"].endswith("0003")]
EARLIER = "3d2c1b0a-9f8e-4d7c-8b6a-0f00000000e1"


@pytest.mark.parametrize("others", [{}, ALONE], ids=["beside another forest", "alone"])
def test_an_earlier_organisation_of_the_same_domains(place, others):
    """Exchange was installed anew: what the tenant has is the deployment of the organisation before, under its GUID. Whether that one
    still lives nothing here tells: what it names stays, what both name is undetermined, and once a person took it away, the rest is told
    by where it leads."""
    with tenant(place, {**others, f"exchange_online/OnPremisesOrganization/{ORGANIZATION}/OrganizationGuid": EARLIER}):
        found = place.starts()
        said = " | ".join(found["leftovers"])
        assert f"has another organisation's GUID {EARLIER}, and all its domains are accepted here: fabrikam.com, fabrikam.net" in said, said
        assert "Remove-OnPremisesOrganization" in said and "no OnPremisesOrganization in the tenant has this organisation's GUID" in " ".join(found["half-done"])
        place.attest()
        plan = place.plan()
        for step, name in (("cloud-connector", f"Inbound from {H}"), ("cloud-connector", f"Outbound to {H}"),
                           ("organization-relationship", f"O365 to On-premises - {H}")):
            assert whose(plan, step)[name] == ("other-forest", "another forest's OnPremisesOrganization names it"), whose(plan, step)
        assert whose(plan, "on-premises-organization")[ORGANIZATION][0] == "other-forest"
        for step, name in (("availability-address-space", "fabrikam.com"), ("remote-domain", "Hybrid Domain - fabrikam.com")):
            owner, reason = whose(plan, step)[name]
            assert owner == "unknown" and "the OnPremisesOrganization of another GUID names it too" in reason, (step, owner, reason)
            assert steps(plan)[step]["state"] == "unknown" and name in steps(plan)[step]["why"]
        left = {("InboundConnector", f"Inbound from {H}"), ("OutboundConnector", f"Outbound to {H}"), ("AvailabilityAddressSpace", "fabrikam.com"),
                ("OrganizationRelationship", f"O365 to On-premises - {H}"), ("RemoteDomain", "Hybrid Domain - fabrikam.com"), ("OnPremisesOrganization", ORGANIZATION)}
        assert not acted_on(plan) & left
        place.run("cleanup", "--yes=irreversible")
        assert not gone_from(place) & left
        cloud(place.lab, "Remove-OnPremisesOrganization", Identity=ORGANIZATION)
        assert not [one for one in place.starts().get("leftovers", []) if EARLIER in one]
        plan = place.plan("--replan")
        assert {("InboundConnector", f"Inbound from {H}"), ("OutboundConnector", f"Outbound to {H}"),
                ("OrganizationRelationship", f"O365 to On-premises - {H}"), ("AvailabilityAddressSpace", "fabrikam.com")} <= acted_on(plan)


AGENT, OLD_AGENT, FALSE_AGENT = "c2e8a4d6-1b3f-4a5c-8d7e-0f0000000031", "c2e8a4d6-1b3f-4a5c-8d7e-0f0000000051", "c2e8a4d6-1b3f-4a5c-8d7e-0f0000000061"


def proxied(number, app, name, page):
    """An application behind Application Proxy, as its principal."""
    return {"id": f"5a000000-1b2c-4d3e-8f40-0f00000000{number}", "appId": app, "displayName": name, "servicePrincipalType": "Application", "homepage": page,
            "tags": ["WindowsAzureActiveDirectoryOnPremApp", "WindowsAzureActiveDirectoryIntegratedApp"]}


AGENTS = {"graph/servicePrincipals+": [
    proxied(51, OLD_AGENT, "Some application", f"https://{OLD_AGENT}.resource.mailboxmigration.his.msappproxy.net/"),
    proxied(61, FALSE_AGENT, "Microsoft Exchange Hybrid Agent", "https://timesheets-fabrikam.msappproxy.net/")]}


def test_applications_of_the_hybrid_agent_that_were_left_behind(place):
    """An agent registered anew leaves the application of the one before. Where it leads says what it is, not its name; whose it is
    nothing tells: it stays, and where nobody else uses the tenant the step says that it cannot tell."""
    with tenant(place, {**ALONE, **AGENTS}):
        found = place.starts()
        assert any("the application Some application behind Application Proxy is a Hybrid Agent's, and nothing leads through it" in one
                   for one in found["leftovers"]), found
        assert "Microsoft Exchange Hybrid Agent" not in json.dumps(found) and "Intranet" not in json.dumps(found)
        place.attest()
        plan = place.plan()
        agents = whose(plan, "hybrid-agent")
        assert agents["Some application"] == ("unknown", "it is a Hybrid Agent, and nothing told led through it: whose it is, nothing says")
        assert agents["Microsoft Exchange Hybrid Agent"] == agents["Intranet"] == ("tenant", "it is behind Application Proxy, and no Hybrid Agent")
        assert steps(plan)["hybrid-agent"]["state"] == "unknown" and "Some application" in steps(plan)["hybrid-agent"]["why"]
        assert "GraphProxyPrincipal" not in {kind for kind, _ in acted_on(plan)}
    with tenant(place, AGENTS):
        assert "leftovers" not in place.starts(), "it may be the other forest's"
        place.attest()
        plan = place.plan()
        assert whose(plan, "hybrid-agent")["Some application"] == ("other-forest", "it is a Hybrid Agent, but nothing of this organisation led through it")
        assert {name for kind, name in acted_on(plan) if kind == "GraphProxyPrincipal"} == {AGENT}


def test_credentials_of_no_certificate_that_is_there(place):
    """In force, and no certificate's that anything tells; one has the name and the end of the auth certificate. They go only when a
    person says of the very one that it is nobody's."""
    keys = [{"customKeyIdentifier": "A" * 40, "displayName": "CN=Microsoft Exchange Server Auth Certificate", "keyId": "7b000000-1b2c-4d3e-8f40-0f00000000b1",
             "startDateTime": "2024-06-01T00:00:00Z", "endDateTime": "2029-06-01T00:00:00Z", "type": "AsymmetricX509Cert", "usage": "Verify", "key": KEYS[0]},
            {"customKeyIdentifier": None, "displayName": "CN=old", "keyId": "7b000000-1b2c-4d3e-8f40-0f00000000b2", "startDateTime": "2018-06-01T00:00:00Z",
             "endDateTime": "2020-06-01T00:00:00Z", "type": "AsymmetricX509Cert", "usage": "Verify", "key": KEYS[0]}]
    with tenant(place, {**ALONE, PRINCIPAL: keys}):
        said = [one for one in place.starts()["leftovers"] if "credential" in one]
        for end in ("00b1", "00aa", "00b2", "0003"):
            assert any(f"{end}), which is no auth certificate's that is known here" in one for one in said), (end, said)
        assert not [one for one in said if "0001)" in one or "0002)" in one], "these are this organisation's"
        place.attest()
        plan = place.plan()
        assert whose(plan, "service-principal-credential")["Office 365 Exchange Online"] == ("shared", "it is Microsoft's and stays; only credentials go")
        asked = {a["part"][-4:]: a["approval"] for a in plan["actions"] if a["step"] == "service-principal-credential" and a.get("part")}
        assert set(asked) == {"00aa", "00b1"}, asked
        assert "its name" not in asked["00b1"], "its certificate was told, and is another: name and end say nothing then"
        (first,) = [a for a in plan["actions"] if a["step"] == "service-principal-credential" and not a.get("part")]
        assert {key["key_id"][-4:]: key["reason"] for key in first["graph"]["keys"]} == {"0001": "ours", "0002": "ours", "0003": "expired", "00b2": "expired"}
        approve = next(a["id"] for a in plan["actions"] if a.get("part", "").endswith("00b1"))
        done = finish(place, place.run("cleanup", "--yes=irreversible", "--approve", approve))
        assert done.returncode == 0, done.stderr
        (principal,) = [one for one in snapshot.take(place.lab)["cloud"]["graph"]["servicePrincipals"] if one["displayName"] == "Office 365 Exchange Online"]
        assert [key["keyId"][-4:] for key in principal["keyCredentials"]] == ["00aa"], "nobody said so of this one"


def test_references_to_what_is_gone(place):
    """Links to deleted groups, an organisation in the tenant that names what is not there, a URL of an agent that is unregistered, and an
    override for an application that no server names. Each is said; links that lead to something stay."""
    container = "CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=fabrikam,DC=com"
    with directory(place.lab) as link:
        (_, held), = link.search_s(container, ldap.SCOPE_BASE, attrlist=["otherWellKnownObjects"])
        known = held["otherWellKnownObjects"]
        group = next(value for value in known if b"CN=Public Folder Management," in value)
        head, _, dn = group.decode().rpartition(":")
        link.delete_s(dn)
        gone = f"{head}:CN=Public Folder Management\\0ADEL:0f0e0d0c-0b0a-4908-8706-050403020100,CN=Deleted Objects,DC=fabrikam,DC=com".encode()
        link.modify_s(container, [(ldap.MOD_REPLACE, "otherWellKnownObjects", [gone if value == group else value for value in known])])
    server(place.lab, "Set-AuthServer", Identity=f"EvoSts - {H}", ApplicationIdentifier=None)
    with tenant(place, {f"graph/servicePrincipals/{AGENT}": None, f"exchange_online/OrganizationRelationship/O365 to On-premises - {H}": None}):
        found = place.starts()
        said = " | ".join(found["leftovers"])
        for words in ("otherWellKnownObjects of Microsoft Exchange still points to 1 group that was deleted",
                      f"lead through the Hybrid Agent {AGENT}, and the tenant has no application of it",
                      "EnableExchangeHybrid3PAppFeature tells servers to call by a dedicated application, and no authorization server names one"):
            assert words in said, (words, said)
        assert f"names the organization relationship O365 to On-premises - {H}, and it is not there" in " | ".join(found["half-done"])
        place.attest()
        plan = place.plan()
        assert any(AGENT in note and "not in the tenant any more" in note for note in steps(plan)["hybrid-agent"]["notes"])
        assert ("SettingOverride", "EnableExchangeHybrid3PAppFeature") in acted_on(plan)
        (owner, reason), = [(o["owner"], o["reason"]) for o in steps(plan)["well-known-object"]["objects"]]
        assert owner == "shared" and "1 of its links lead to deleted groups" in reason, (owner, reason)


OURS, THEIRS = "8C397043FAD2EED71433C26B07CE8AA41AC5EF9A", "FD5701366E2CAB2F3730217A0DD95CAB4467F8D1"


def credentials(lab):
    (one,) = [one for one in snapshot.take(lab)["cloud"]["graph"]["servicePrincipals"] if one["displayName"] == "Office 365 Exchange Online"]
    return {key["keyId"][-4:] for key in one["keyCredentials"]}


@pytest.fixture
def untold(place):
    """No server, no journal, and the auth configuration in Active Directory has no thumbprint any more."""
    with directory(place.lab) as link:
        uninstall.uninstall(link, "server-only", force=True)
        (auth,) = [dn for dn, held in snapshot.directory(place.lab).items() if b"msExchAuthAuthConfig" in held["objectClass"]]
        link.modify_s(auth, [(ldap.MOD_DELETE, name, None) for name in snapshot.directory(place.lab)[auth] if "Thumbprint" in name])
    place.without_server()
    return place


def sweep_plan(place, *arguments):
    done = place.run("sweep", "--dry-run", "--format", "json", *arguments)
    assert done.returncode in (0, 1, 2), done.stderr
    plan = json.loads(done.stdout)
    schema("plan").validate(plan)
    return plan


def test_whose_a_credential_is_a_person_may_state(untold):
    """Nothing tells the auth certificate any more: no credential goes, and it is said how to state whose it is. What is stated is in the
    plan and in the journal, with who did."""
    untold.attest()
    plan = sweep_plan(untold)
    owner, reason = whose(plan, "service-principal-credential")["Office 365 Exchange Online"]
    assert owner == "unknown" and "no thumbprint" in reason and "left.credential" in reason, reason
    assert not [a for a in plan["actions"] if a["step"] == "service-principal-credential"]
    check = next(one for one in json.loads(untold.run("audit", "--purpose", "after", "--format", "json").stdout)["checks"] if one["id"] == "left.credential")
    assert check["status"] == "unknown" and {one["object"] for one in check["attest"]} >= {OURS, THEIRS}, check
    refused = untold.run("attest", "add", "left.credential", "yes", "--object", "0" * 40, "--approver", "Test", "--days", "2")
    assert refused.returncode == 64 and "there is no credential" in refused.stderr, refused.stderr
    untold.state(("left.credential", "yes", OURS), ("left.credential", "no", THEIRS))
    untold.state(("sanity.attribute", "yes", "homeMDB"), ("cleanup.backup", "yes"), ("cleanup.observation-window", "yes"))
    plan = sweep_plan(untold)
    assert plan["anchors"]["auth-certificate"] == [OURS] and plan["anchors"]["auth-certificate-stated"] == [f"{OURS} Test"], plan["anchors"]
    assert plan["anchors"]["other-certificate-stated"] == [f"{THEIRS} Test"]
    notes = steps(plan)["service-principal-credential"]["notes"]
    assert any(f"{OURS} is one of this organisation's: stated by Test" in note for note in notes) and any(f"{THEIRS} is none" in note for note in notes), notes
    first, other = [a for a in plan["actions"] if a["step"] == "service-principal-credential"]
    assert "stated by Test" in first["why"] and {key["key_id"][-4:]: key["reason"] for key in first["graph"]["keys"]} == {
        "0001": "ours", "0002": "expired", "0003": "expired"}
    assert other["part"].endswith("00aa") and other["approval"]
    done = untold.run("sweep", "--yes=irreversible", "--until", "service-principal-credential")
    assert done.returncode == 0, done.stderr
    assert credentials(untold.lab) == {"00aa"}, done.stderr + done.stdout
    (anchors,) = [one["image"] for one in untold.journal() if one["record"] == "anchor"]
    assert anchors["auth-certificate-stated"] == [f"{OURS} Test"], anchors
    # It is not remembered as if it had been seen.
    plan = sweep_plan(untold, "--replan")
    assert "auth-certificate" not in plan["anchors"] and "auth-certificate-stated" not in plan["anchors"]


def test_a_word_against_what_was_observed(untold):
    """The auth configuration is seen again, or the journal has it: a plan is refused with both, and nothing is sent."""
    untold.attest()
    check = next(one for one in json.loads(untold.run("audit", "--purpose", "after", "--format", "json").stdout)["checks"] if one["id"] == "left.credential")
    objects = [one["object"] for one in check["attest"]]
    untold.state(*(("left.credential", "no", one) for one in objects))
    plan = sweep_plan(untold)
    assert {a.get("part", "")[-4:] for a in plan["actions"] if a["step"] == "service-principal-credential"} == {"", "0001", "00aa"}, "all are somebody's: known too"
    for one in objects:
        assert untold.run("attest", "withdraw", "left.credential", "--object", one).returncode == 0
    untold.state(("left.credential", "yes", THEIRS))
    assert sweep_plan(untold)["anchors"]["auth-certificate"] == [THEIRS]
    with directory(untold.lab) as link:
        dn, held = next((dn, held) for dn, held in untold.lab.clean["directory"].items() if b"msExchAuthAuthConfig" in held["objectClass"])
        link.modify_s(dn, [(ldap.MOD_ADD, name, values) for name, values in held.items() if "Thumbprint" in name])
    done = untold.run("sweep", "--yes=irreversible")
    assert done.returncode == 65 and OURS in done.stderr and THEIRS in done.stderr and "Test states that" in done.stderr, done.stderr
    assert writing_requests(untold.lab) == [] and "attest withdraw left.credential" in done.stderr
    assert untold.run("status").returncode == 0
    refused = untold.run("attest", "add", "left.credential", "no", "--object", OURS, "--approver", "Test", "--days", "2")
    assert refused.returncode == 65 and "observed otherwise (yes)" in refused.stderr, refused.stderr


# ---- the whole organisation is gone, and nobody wrote down which it was

@pytest.fixture
def unnamed(place):
    """The container of the organisation went with the server, and the case is fresh."""
    with directory(place.lab) as link:
        uninstall.uninstall(link, "organisation", force=True)
    place.without_server()
    place.attest()
    place.state(("cleanup.backup", "yes"), ("cleanup.observation-window", "yes"), ("sanity.attribute", "yes", "homeMDB"))
    place.before = snapshot.take(place.lab)
    return place


def left(place, check):
    done = place.run("audit", "--purpose", "after", "--format", "json")
    assert done.returncode in (0, 1, 2), done.stderr
    return next(one for one in json.loads(done.stdout)["checks"] if one["id"] == check)


def refused_guid(place, *guids, code):
    """Stated, all of them; a sweep does nothing, and says why."""
    for guid in guids:
        place.state(("left.organization", "yes", guid))
    done = place.run("sweep", "--yes=irreversible")
    assert done.returncode == code and writing_requests(place.lab) == [], done.stderr
    for guid in guids:
        assert place.run("attest", "withdraw", "left.organization", "--object", guid).returncode == 0
    return done.stderr


def test_which_organisation_it_is_a_person_may_state(unnamed):
    """Nothing tells the GUID: nothing goes, and every organisation of the tenant is listed for a person to choose. By a person's word this
    organisation's objects go, to the last, and no other forest's."""
    done = unnamed.run("sweep", "--dry-run", "--format", "json")
    assert done.returncode == 65 and "checks explain left.organization" in done.stderr, done.stderr
    step = steps(json.loads(done.stdout))["on-premises-organization"]
    assert step["state"] == "blocked" and "attest add left.organization yes --object GUID" in step["why"], step
    check = left(unnamed, "left.organization")
    assert check["status"] == "unknown" and {one["object"] for one in check["attest"]} == {ORGANIZATION, LABS}, check
    candidates = {f"OrganizationGuid {ORGANIZATION}, OrganizationName Fabrikam, HybridDomains fabrikam.com, fabrikam.net",
                  f"OrganizationGuid {LABS}, OrganizationName Fabrikam, HybridDomains labs.example"}
    assert {example["object"] for one in check["unknown"] for example in one["examples"]} == candidates, check["unknown"]
    screen = " ".join(unnamed.run("sweep", "--dry-run", "-v").stdout.partition("A person looks at")[2].split())
    assert all(one in screen for one in candidates) and f"unhybrid attest add left.organization yes --object {ORGANIZATION}" in screen, screen
    unnamed.state(("left.organization", "yes", "{" + ORGANIZATION.upper() + "}"), ("left.credential", "yes", OURS), ("left.credential", "no", THEIRS))
    check = left(unnamed, "left.organization")
    assert check["status"] == "pass", check
    plan = sweep_plan(unnamed)
    assert plan["anchors"]["organization-guid"] == [ORGANIZATION] and plan["anchors"]["organization-guid-stated"] == [f"{ORGANIZATION} Test"], plan["anchors"]
    assert plan["anchors"]["other-organization"] == [LABS]
    assert any(f"{ORGANIZATION}: stated by Test" in note for note in steps(plan)["on-premises-organization"]["notes"])
    assert plan["actions"] and all(f"{ORGANIZATION} is stated by Test" in action["why"] for action in plan["actions"] if action["subject"]["side"] == "cloud")
    assert not [action for action in plan["actions"] if "labs" in json.dumps(action["subject"]) or action["subject"]["name"].endswith("00aa")]
    done = finish(unnamed, unnamed.run("sweep", "--yes=irreversible"))
    assert done.returncode == 0, done.stderr
    gone = {(kind, name) for kind, name in gone_from(unnamed)}
    assert gone == {(kind, name) for side, kind, name in REMOVED if side == "cloud"} | {
        ("OnPremisesOrganization", ORGANIZATION), ("MigrationEndpoint", "Hybrid Migration Endpoint - EWS (Default Web Site)")}
    (anchors,) = [one["image"] for one in unnamed.journal() if one["record"] == "anchor"]
    assert anchors["organization-guid-stated"] == [f"{ORGANIZATION} Test"], anchors
    for one in (OURS, THEIRS):   # its evidence went with the credential
        assert unnamed.run("attest", "withdraw", "left.credential", "--object", one).returncode == 0
    unnamed.run("audit")
    unnamed.state(("left.credential", "no", THEIRS))
    again = unnamed.run("sweep", "--yes=irreversible")
    assert again.returncode == 0 and "Nothing to do" in again.stdout, again.stderr + again.stdout
    # It is not remembered as if it had been seen, and neither is what was told apart by it.
    assert unnamed.run("attest", "withdraw", "left.organization", "--object", "{" + ORGANIZATION.upper() + "}").returncode == 0
    assert left(unnamed, "left.organization")["status"] == "unknown", "the journal has it by his word alone"
    unnamed.state(("left.organization", "yes", LABS))
    anchors = sweep_plan(unnamed)["anchors"]
    assert anchors["organization-guid"] == [LABS] and anchors["hybrid-domain"] == ["labs.example"] and "other-organization" not in anchors, anchors


def test_a_guid_that_cannot_be_this_organisation_s(unnamed):
    """One that the tenant does not have, two, and none at all."""
    refused = unnamed.run("attest", "add", "left.organization", "yes", "--object", "Fabrikam", "--approver", "Test", "--days", "2")
    assert refused.returncode == 64 and "is no GUID" in refused.stderr, refused.stderr
    assert ORGANIZATION in (said := refused_guid(unnamed, ORGANIZATION, LABS, code=65)) and LABS in said and "attest withdraw left.organization" in said, said
    nobody = "7a1c2e4f-5b6d-4c3a-9e8f-0f00000000dd"
    unnamed.state(("left.organization", "yes", nobody))
    plan = sweep_plan(unnamed)
    assert any(f"has the GUID {nobody}" in note for note in steps(plan)["on-premises-organization"]["notes"]), "it is said"
    assert set(plan["anchors"]["other-organization"]) == {ORGANIZATION, LABS}
    assert not {kind for kind, _ in acted_on(plan)} & {"OnPremisesOrganization", "InboundConnector", "OutboundConnector", "GraphApplication"}


def test_a_guid_against_what_was_observed(unnamed):
    """Active Directory tells which organisation this is, after all: another forest's is refused, with both named, and nothing is sent."""
    unnamed.state(("left.organization", "yes", LABS))
    snapshot.restore(unnamed.lab, unnamed.lab.clean)
    with directory(unnamed.lab) as link:
        uninstall.uninstall(link, "server-only", force=True)
    done = unnamed.run("sweep", "--yes=irreversible")
    assert done.returncode == 65 and ORGANIZATION in done.stderr and LABS in done.stderr and "Test states that" in done.stderr, done.stderr
    assert writing_requests(unnamed.lab) == [] and "attest withdraw left.organization" in done.stderr
    assert unnamed.run("status").returncode == 0
    assert unnamed.run("attest", "withdraw", "left.organization", "--object", LABS).returncode == 0
    refused = unnamed.run("attest", "add", "left.organization", "yes", "--object", LABS, "--approver", "Test", "--days", "2")
    assert refused.returncode == 65 and ORGANIZATION in refused.stderr, refused.stderr
    assert left(unnamed, "left.organization")["status"] == "pass"
    unnamed.state(("left.organization", "yes", ORGANIZATION.upper()))
    plan = sweep_plan(unnamed)
    assert plan["anchors"]["organization-guid"] == [ORGANIZATION] and "organization-guid-stated" not in plan["anchors"], "it is told without him"


# ---- nothing goes before it is exported

def test_a_sweep_of_a_fresh_case_exports_first(place):
    """No journal, no earlier cleanup: step 0 is exported and read back before anything is sent, and its manifest stands in the journal.
    Where it cannot be written nothing is sent."""
    with directory(place.lab) as link:
        uninstall.uninstall(link, "server-only", force=True)
    place.without_server()
    place.attest()
    place.state(("cleanup.backup", "yes"), ("cleanup.observation-window", "yes"), ("sanity.attribute", "yes", "homeMDB"))
    exports = os.path.join(place.case, "exports")
    with open(exports, "w", encoding="utf-8") as in_the_way:
        in_the_way.write("no directory")
    done = place.run("sweep", "--yes=irreversible", "--until", "intra-organization-connector")
    assert done.returncode == 73 and exports in done.stderr, done.stderr
    assert writing_requests(place.lab) == [] and place.journal() == []
    os.unlink(exports)
    done = place.run("sweep", "--yes=irreversible", "--until", "intra-organization-connector")
    assert done.returncode == 0 and writing_requests(place.lab), done.stderr
    with open(os.path.join(exports, "step-0", "MANIFEST.json"), "rb") as manifest:
        exported = hashlib.sha256(manifest.read()).hexdigest()
    records = place.journal()
    (anchors,) = [one for one in records if one["record"] == "anchor"]
    assert anchors["body"]["manifest"] == exported
    assert anchors["seq"] < min(one["seq"] for one in records if one["record"] == "begun")


def test_a_gate_that_was_shut_lets_nothing_go_without_an_export(place):
    """The observation did not see the migrations: nothing is exported, and nothing begun. The next run sees them, and exports first."""
    place.attest()
    snapshot.cloud(place.lab, "faults", {"match": {"cmdlet": "Get-MigrationBatch"}, "fault": "forbidden", "times": 1})
    done = place.run("cleanup", "--yes=irreversible", "--until", "hybrid-configuration")
    assert done.returncode == 2 and "Gate: undetermined" in done.stderr and "migration.batch" in done.stderr, done.stderr
    assert writing_requests(place.lab) == [] and place.journal() == []
    assert not os.path.exists(os.path.join(place.case, "exports", "step-0"))
    done = place.run("cleanup", "--yes=irreversible", "--until", "hybrid-configuration")
    assert os.path.exists(os.path.join(place.case, "exports", "step-0", "MANIFEST.json")) and writing_requests(place.lab), done.stderr
    (anchors,) = [one for one in place.journal() if one["record"] == "anchor"]
    assert len(anchors["body"]["manifest"]) == 64
