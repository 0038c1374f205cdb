# SPDX-License-Identifier: Apache-2.0
"""The directory as a source: everything that slapd's contoso holds arrives as facts, with honest sets; and what each set
says when the directory hides things, breaks off, or lies elsewhere."""
import json
import os
import random
import sqlite3
import struct
import subprocess
import sys
import uuid

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from fixtures.lab import certificates, slapd  # noqa: E402
from fixtures.lab.ldap_responder import Responder  # noqa: E402
from fixtures.orgs import ldif  # noqa: E402
from fixtures.orgs.forest import Forest  # noqa: E402

BUILD = os.environ.get("BUILD_DIR") or os.environ.get("MESON_BUILD_ROOT") or os.path.join(ROOT, "build")
OBSERVE = os.path.join(BUILD, "tests", "integration", "drivers", "directory_observe")
LIMIT = 120
NONE, REFUSED, TIMEOUT, NOT_ASKED = 1, 2, 3, 4


class Facts:
    def __init__(self, path, exit_code, said):
        self.db = sqlite3.connect(path)
        self.exit_code, self.said = exit_code, said

    def sets(self, name=None):
        rows = self.db.execute(
            "SELECT name, part, state, answer, objects, why FROM t_set WHERE source = 'directory'").fetchall()
        return {(n, part): (state, answer, objects, why)
                 for n, part, state, answer, objects, why in rows if name in (None, n)}

    def objects(self, kind):
        rows = self.db.execute("SELECT name, json FROM t_object WHERE source = 'directory' AND kind = ?", (kind,))
        return [(name, json.loads(text)) for name, text in rows]

    def column(self, name):
        """{dn: (value, state)}"""
        rows = self.db.execute(f"SELECT dn, {name}, {name}_state FROM t_directory_recipient")
        return {dn.lower(): (value, state) for dn, value, state in rows}


@pytest.fixture
def observe(tmp_path):
    count = [0]

    def run(url, user, password, *options, plain=True):
        count[0] += 1
        secret = tmp_path / f"secret{count[0]}"
        secret.write_text(password + "\n")
        secret.chmod(0o600)
        path = str(tmp_path / f"facts{count[0]}.db")
        how = ["-s", "plain"] if plain else []
        done = subprocess.run([OBSERVE, *how, "-u", user, "-p", str(secret), *options, url, path],
                              capture_output=True, text=True, timeout=LIMIT, check=False)
        assert done.returncode in (0, 65, 69, 77, 78), done.stderr
        return Facts(path, done.returncode, done.stderr)

    return run


# ---- slapd

@pytest.fixture(scope="module")
def contoso(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("contoso"))
    forest = Forest.load(os.path.join(ROOT, "fixtures", "orgs", "contoso"))
    authority = certificates.Authority(directory)
    tls = (authority.path, *authority.issue("dc01", "dc01.contoso.com", ["127.0.0.1", "dc01.contoso.com"]))
    certificates.Authority(str(tmp_path_factory.mktemp("other")))
    accounts = {who: (f"CN=svc-{who},CN=Users,{forest.root}", f"pw-{who}") for who in ("audit", "weak")}
    server = slapd.Slapd(os.path.join(directory, "slapd"), forest.contexts, accounts, "dc01.contoso.com", tls=tls)
    server.configure()
    for context in forest.contexts:
        server.load(context, forest.ldif(context))
    server.start()
    server.forest, server.authority = forest, authority.path
    yield server
    server.stop()


@pytest.fixture
def seen(contoso, observe):
    return observe(
    f"ldaps://127.0.0.1:{contoso.tls_port}",
    *contoso.accounts["audit"],
    "-c",
    contoso.authority,
     plain=False)


RECIPIENT = {
    a.lower() for a in (
        "mailNickname",
        "proxyAddresses",
        "mail",
        "targetAddress",
        "homeMDB",
        "msExchHomeServerName",
        "msExchMailboxGuid",
        "msExchRecipientTypeDetails",
        "msExchRecipientDisplayType",
        "msExchArchiveDatabaseLink",
        "msExchArchiveGUID",
        "msExchRemoteRecipientType",
         "msExchMailboxMoveStatus")}
CLASSES = {"publicFolder", "msExchDynamicDistributionList"}


def expected_recipients(forest):
    """{dn: attributes} of every entry that is or could be a recipient, from the data itself."""
    domains = [c for c in forest.contexts if "Configuration" not in c]
    found = {}
    for context, dn, attributes in forest.entries():
        held = {n.lower() for n, v in attributes.items() if v is not None and v != []}
        if context in domains and (held & RECIPIENT or CLASSES & set(attributes["objectClass"])):
            found[dn.lower()] = {n.lower(): v for n, v in attributes.items()}
    return found


def test_every_set_is_complete(seen):
    assert seen.exit_code == 0 and not seen.said
    shown = {name: s[0] for (name, _), s in seen.sets().items()}
    assert shown.pop("MonitoringPermission") == "not-configured", "this directory has no access control lists"
    assert set(shown.values()) == {"complete"}
    assert len({name for name, _ in seen.sets()}) == 39


def test_every_recipient_arrives_with_every_value(contoso, seen):
    expected = expected_recipients(contoso.forest)
    for column, attribute in (("mail", "mail"), ("alias", "mailNickname"), ("home_mdb", "homeMDB"), ("target_address", "targetAddress"),
                              ("archive_database", "msExchArchiveDatabaseLink"), ("recipient_type_details", "msExchRecipientTypeDetails"),
                              ("remote_recipient_type", "msExchRemoteRecipientType"), ("move_status", "msExchMailboxMoveStatus"),
                              ("mailbox_guid", "msExchMailboxGuid"), ("archive_guid", "msExchArchiveGUID"),
                              ("consistency_guid", "mS-DS-ConsistencyGuid"), ("account_control", "userAccountControl"),
                              ("external_id", "msDS-ExternalDirectoryObjectId"), ("litigation_hold", "msExchLitigationHoldDate")):
        got = seen.column(column)
        assert set(got) == set(expected)
        for dn, attributes in expected.items():
            value = attributes.get(attribute.lower())
            value = value[0] if isinstance(value, list) and value else value
            if value is None or value == []:
                assert got[dn] == (None, NONE), (dn, column)
            elif isinstance(value, (bytes, int)):
                assert got[dn] == (value, 0), (dn, column)
            else:
                assert got[dn] == (str(value), 0), (dn, column)
    addresses = seen.column("addresses")
    for dn, attributes in expected.items():
        value = attributes.get("proxyaddresses")
        assert (json.loads(addresses[dn][0]) if addresses[dn][0] else []) == (value or [])
    custom = seen.column("custom_attributes")
    for dn, attributes in expected.items():
        values = [attributes.get(f"extensionattribute{n}", "") for n in range(1, 16)]
        while values and not values[-1]:
            values.pop()
        assert custom[dn] == ((json.dumps(values, separators=(",", ":"), ensure_ascii=False), 0) if values else (None, NONE)), dn
    assert ('["R&D","","","","","","\\"Plant 4\\"","","","","","","","","4711"]', 0) in custom.values()
    guids = {dn.lower(): guid for dn, guid in seen.db.execute("SELECT dn, guid FROM t_directory_recipient")}
    assert all(guids[dn] == attributes["objectguid"] for dn, attributes in expected.items())


def test_objects_speak_exchange(contoso, seen):
    servers = dict(seen.objects("ExchangeServer"))
    assert set(servers) == {s["name"] for s in contoso.forest.spec["servers"]}
    assert servers["EX01"]["AdminDisplayVersion"] == "Version 15.2 (Build 1544.4)" and servers["EX01"]["Fqdn"] == "ex01.contoso.com"
    assert {n for n, _ in seen.objects("ExchangeComputer")} == {"EX01", "EX02"}, "the ghost has no computer account"
    connectors = dict(seen.objects("ReceiveConnector"))
    assert connectors["Anonymous Relay"]["AnyRecipientFor"] == [
        "S-1-5-7"] and connectors["Anonymous Relay"]["Server"] == "EX01"
    assert "S-1-5-7" in connectors["Scanner Relay"]["AnyRecipientFor"], "all extended rights hold this one"
    assert "ExternalAuthoritative" in connectors["ERP Relay"]["AuthMechanism"]
    assert "S-1-5-7" not in connectors["Ticket System"]["AnyRecipientFor"], "denied before it is granted"
    assert "S-1-5-7" not in connectors["Default Frontend EX01"]["AnyRecipientFor"]
    (_, hybrid), = seen.objects("HybridConfiguration")
    assert hybrid["CentralizedTransport"] is True and hybrid["SendingTransportServers"] == ["EX01", "EX02"]
    rules = dict(seen.objects("JournalRule"))
    assert (rules["Everything to accounts"]["JournalEmailAddress"], rules["Everything to accounts"]["Enabled"]) == ("Accounts@Contoso.com", True)
    assert rules["Old journal"]["Enabled"] is False
    assert {n for n, _ in seen.objects("ManagementToolsGroup")} == {"Recipient Management EMT"}
    (_, well_known), = seen.objects("ExchangeContainer")
    assert len(well_known["OtherWellKnownObjects"]) == 11
    sends = dict(seen.objects("SendConnector"))
    assert sends["Internet Smart Host"]["SourceTransportServers"] == ["EX01", "EX02"]
    assert {n for n, _ in seen.objects("Domain")} == {"contoso.com", "emea.contoso.com"}
    (_, group), = seen.objects("DatabaseAvailabilityGroup")
    assert group["Servers"] == ["EX01", "EX02"]


def test_secrets_are_neither_asked_for_nor_kept(contoso, seen):
    asked = [line for line in contoso.operations() if "SRCH attr=" in line]
    assert asked and not [line for line in asked if "assword" in line.lower() or "secret" in line.lower()
                                                                            or "privcert" in line.lower()]
    assert not [line for line in asked if line.endswith("attr=*")]
    dump = "\n".join(seen.db.iterdump())
    assert "lab-secret" not in dump and "pw-audit" not in dump


def test_start_tls_and_a_wrong_authority(contoso, observe, tmp_path):
    url = f"ldap://127.0.0.1:{contoso.port}"
    assert observe(url, *contoso.accounts["audit"], "-c", contoso.authority, plain=False).exit_code == 0
    other = certificates.Authority(str(tmp_path))
    for scheme, port in (("ldap", contoso.port), ("ldaps", contoso.tls_port)):
        facts = observe(f"{scheme}://127.0.0.1:{port}", *contoso.accounts["audit"], "-c", other.path, plain=False)
        assert facts.exit_code == 69 and "ca_file" in facts.said
        assert {s[0] for s in facts.sets().values()} == {"failed"}
    # The right authority, but the certificate names another host.
    facts = observe(f"ldaps://127.0.0.2:{contoso.tls_port}", *
    contoso.accounts["audit"], "-c", contoso.authority, plain=False)
    assert facts.exit_code == 69


def test_a_login_that_is_refused(contoso, observe):
    facts = observe(f"ldap://127.0.0.1:{contoso.port}", contoso.accounts["audit"][0], "wrong")
    assert facts.exit_code == 77 and "wrong" not in facts.said.split(";")[0]
    assert {(s[0], s[1]) for s in facts.sets().values()} == {("failed", REFUSED)}


def test_an_account_that_sees_nothing(contoso, observe):
    """Missing rights look like an empty directory; they must not become one."""
    facts = observe(f"ldap://127.0.0.1:{contoso.port}", *contoso.accounts["weak"])
    assert facts.exit_code == 77 and "rights" in facts.said
    assert {(s[0], s[1]) for s in facts.sets().values()} == {("failed", REFUSED)} and len(facts.sets()) == 39


def test_single_sets(contoso, observe):
    facts = observe(f"ldap://127.0.0.1:{contoso.port}", *contoso.accounts["audit"], "-o", "on-premises:SendConnector")
    assert {name for name, _ in facts.sets()} == {"SendConnector"} and len(facts.objects("SendConnector")) == 3
    assert not facts.db.execute("SELECT count(*) FROM t_directory_recipient").fetchone()[0]


# ---- a scripted server

ROOT_DN = "DC=fabrikam,DC=com"
CONFIGURATION = "CN=Configuration," + ROOT_DN
SCHEMA = "CN=Schema," + CONFIGURATION
ORGANIZATION = "CN=Fabrikam,CN=Microsoft Exchange,CN=Services," + CONFIGURATION
VERSION = "CN=ms-Exch-Schema-Version-Pt," + SCHEMA
RBAC = "CN=RBAC," + ORGANIZATION
CHILD = "DC=emea," + ROOT_DN
USERS = 30
CONTAINERS = ("Databases", "Database Availability Groups", "Connections", "Hybrid Configuration", "Federation Trusts", "Auth Configuration",
              "Global Settings", "Availability Configuration", "Recipient Policies", "Rules")


def guid(name):
    return "hex:" + uuid.uuid5(uuid.NAMESPACE_DNS, name).bytes_le.hex()


def small_forest(child=None, users=USERS, contexts=None):
    """The least that an organisation has. child: dnsRoot of a second domain."""
    found = {
    "": {
        "configurationNamingContext": CONFIGURATION,
        "schemaNamingContext": SCHEMA,
        "defaultNamingContext": ROOT_DN,
        "namingContexts": contexts or [
            ROOT_DN,
            CONFIGURATION,
             SCHEMA]}}

    def add(dn, *classes, **more):
        found[dn] = {"objectClass": ["top", *classes],
            "objectGUID": guid(dn), **{k.replace("__", "-"): v for k, v in more.items()}}

    add(ROOT_DN, "domainDNS")
    add(CONFIGURATION, "configuration")
    add(SCHEMA, "dMD")
    add(VERSION, "attributeSchema", rangeUpper=17003)
    add("CN=Partitions," + CONFIGURATION, "crossRefContainer")
    add("CN=FABRIKAM,CN=Partitions," + CONFIGURATION, "crossRef", nCName=ROOT_DN,
        dnsRoot="fabrikam.com", systemFlags=3, nETBIOSName="FABRIKAM")
    if child:
        add("CN=EMEA,CN=Partitions," + CONFIGURATION, "crossRef",
            nCName=CHILD, dnsRoot=child, systemFlags=3, nETBIOSName="EMEA")
    add("CN=Zones,CN=Partitions," +
    CONFIGURATION, "crossRef", nCName="DC=DomainDnsZones," +
     ROOT_DN, dnsRoot="x.fabrikam.com", systemFlags=5)
    for name, context in (("Enterprise Configuration", CONFIGURATION), ("Enterprise Schema", SCHEMA)):
        add(f"CN={name},CN=Partitions,{CONFIGURATION}", "crossRef", nCName=context, dnsRoot="fabrikam.com", systemFlags=1)
    add("CN=Services," + CONFIGURATION, "container")
    add(ORGANIZATION, "container", "msExchOrganizationContainer", objectVersion=16763)
    add(RBAC, "container")
    for name in CONTAINERS:
        add(f"CN={name},{ORGANIZATION}", "container", cn=name)
    add("CN=Federation," + ORGANIZATION, "msExchFedOrgId", cn="Federation")
    add("CN=Transport Settings," + ORGANIZATION, "msExchTransportSettings")
    add("CN=Default,CN=Internet Message Formats," + ORGANIZATION, "msExchDomainContentConfig", domainName="*")
    add("CN=fabrikam.com,CN=Accepted Domains," + ORGANIZATION, "msExchAcceptedDomain",
        msExchAcceptedDomainName="fabrikam.com", msExchAcceptedDomainFlags=12)
    server = "CN=EX01,CN=Servers,CN=Group," + ORGANIZATION
    add(server, "server", "msExchExchangeServer", msExchCurrentServerRoles=16423,
        networkAddress=["ncacn_ip_tcp:ex01.fabrikam.com"])
    add("CN=Out,CN=Connections," + ORGANIZATION, "msExchConnector",
        "mailGateway", "msExchRoutingSMTPConnector", routingList="SMTP:*;1")
    add("CN=Relay,CN=Protocols," + server, "msExchSmtpReceiveConnector", msExchSMTPReceiveInboundSecurityFlag=1)
    add("CN=EX01,CN=Computers," + ROOT_DN, "user", "computer", dNSHostName="ex01.fabrikam.com", userAccountControl=4096)
    for i in range(users):
        add(f"CN=User {i:03},CN=Users,{ROOT_DN}",
    "user",
    cn=f"User {i:03}",
    mail=f"u{i}@fabrikam.com",
    mailNickname=f"u{i}",
    msExchArchiveStatus=1,
    proxyAddresses=[f"SMTP:u{i}@fabrikam.com",
     f"smtp:u{i}@old.example"])
    return found


def child_forest():
    found = {"": small_forest()[""], CHILD: {"objectClass": ["top", "domainDNS"], "objectGUID": guid(CHILD)}}
    for i in range(5):
        found[f"CN=Far {i},{CHILD}"] = {
    "objectClass": [
        "top",
        "user"],
        "objectGUID": guid(f"far{i}"),
        "cn": f"Far {i}",
         "mail": f"f{i}@fabrikam.com"}
    return found


def ask(observe, script, *options, **how):
    with Responder(script, **how) as server:
        facts = observe(server.url, "CN=audit", "secret", *options)
        facts.server = server
        return facts


RECIPIENTS = ("Recipient", ROOT_DN)


def test_the_small_forest_is_complete(observe):
    facts = ask(observe, {"entries": small_forest()})
    assert {s[0] for s in facts.sets().values()} == {"complete"}, facts.sets()
    assert facts.sets()[RECIPIENTS][2] == USERS
    assert facts.column("archive_status")[f"cn=user 000,cn=users,{ROOT_DN}".lower()] == (1, 0)
    assert [s["security"] for s in facts.server.searches() if "msExchSmtpReceiveConnector" in s["filter"]] == [4]


def test_a_schema_without_exchange(observe):
    entries = small_forest()
    del entries[VERSION]
    facts = ask(observe, {"entries": entries})
    assert facts.exit_code == 65 and "not extended" in facts.said
    assert {s[0] for s in facts.sets().values()} == {"failed"} and len(facts.sets()) == 39


@pytest.mark.parametrize("hidden, word",
    [(lambda dn,
    e: dn == ORGANIZATION,
    "organisation"),
    (lambda dn,
    e: dn == RBAC,
    "RBAC"),
    (lambda dn,
    e: "msExchAcceptedDomain" in e["objectClass"],
     "accepted domain")])
def test_what_must_be_seen(observe, hidden, word):
    """An account that misses one of the proofs cannot say "none" of anything in the configuration."""
    entries = {dn: e for dn, e in small_forest().items() if not dn or not hidden(dn, e)}
    facts = ask(observe, {"entries": entries})
    sets = facts.sets()
    for (name, part), (state, answer, objects, why) in sets.items():
        if name in ("Recipient", "Domain", "ExchangeComputer", "ManagementToolsGroup", "ExpandedGroup", "MonitoringPermission"):
            continue
        assert state == (
    "partial" if objects else "failed") and answer == REFUSED and "rights" in why and word in why, name
    assert sets[RECIPIENTS][0] == "complete" and sets[("Domain", "")][0] == "complete"


@pytest.mark.parametrize("name, kinds", [("Databases", ("MailboxDatabase", "PublicFolderDatabase")), ("Hybrid Configuration", ("HybridConfiguration",)),
                                         ("Rules", ("TransportRule", "JournalRule"))])
def test_a_hidden_container(observe, name, kinds):
    """Nothing stands there, or nothing may be seen there: only a container that is seen tells which."""
    entries = small_forest()
    del entries[f"CN={name},{ORGANIZATION}"]
    sets = ask(observe, {"entries": entries}).sets()
    for kind in kinds:
        state, answer, objects, why = sets[(kind, "")]
        assert (state, answer, objects) == ("failed", REFUSED, 0) and f"CN={name}" in why and "rights" in why
    assert {kind for (kind, _), s in sets.items() if s[0] != "complete"} == set(kinds)


def test_a_hidden_cross_reference(observe):
    """The server holds a domain that no crossRef names: there may be more of them."""
    sets = ask(observe, {"entries": small_forest(contexts=[ROOT_DN, CHILD, CONFIGURATION, SCHEMA])}).sets()
    state, answer, objects, why = sets[("Domain", "")]
    assert (state, answer, objects) == ("partial", REFUSED, 1) and CHILD in why and "CN=Partitions" in why
    assert sets[("Recipient", "")][:2] == ("failed", REFUSED) and sets[RECIPIENTS][0] == "complete"


@pytest.mark.parametrize("visible", [True, False])
def test_a_domain_without_recipients(observe, visible):
    """It has none, or the account sees none: krbtgt stands in every domain."""
    entries = small_forest(users=0)
    if visible:
        entries["CN=krbtgt,CN=Users," + ROOT_DN] = {"objectClass": ["top", "user"], "objectGUID": guid("krbtgt"), "sAMAccountName": "krbtgt"}
    state, answer, objects, why = ask(observe, {"entries": entries}).sets()[RECIPIENTS]
    assert (state, objects) == (("complete", 0) if visible else ("failed", 0))
    assert visible or answer == REFUSED and "rights" in why


def test_a_domain_without_recipients_that_breaks_off(observe):
    """Whether there are accounts could not be asked: that is a server that did not answer, not a right that is missing."""
    faults = [{"filter": "krbtgt", "reset": True}]
    state, answer, objects, why = ask(observe, {"entries": small_forest(users=0), "faults": faults}).sets()[RECIPIENTS]
    assert (state, answer, objects) == ("failed", TIMEOUT, 0) and "rights" not in why


def test_a_hidden_object_version(observe):
    entries = small_forest()
    del entries[ORGANIZATION]["objectVersion"]
    facts = ask(observe, {"entries": entries})
    assert facts.sets()[
    ("SendConnector", "")][0] == "partial" and "objectVersion" in facts.sets()[
        ("SendConnector", "")][3]


def test_objects_that_hide_their_identity(observe):
    entries = small_forest()
    del entries[f"CN=User 003,CN=Users,{ROOT_DN}"]["objectGUID"]
    facts = ask(observe, {"entries": entries})
    state, answer, objects, why = facts.sets()[RECIPIENTS]
    assert (state, answer, objects) == ("partial", REFUSED, USERS) and "rights" in why
    dn = f"cn=user 003,cn=users,{ROOT_DN}".lower()
    assert facts.column("home_mdb")[dn] == (None, REFUSED), "absent on such an object is not none"
    assert facts.column("mail")[dn] == ("u3@fabrikam.com", 0)
    assert facts.column("home_mdb")[dn.replace("003", "004")] == (None, NONE)


@pytest.mark.parametrize("fault, answer", [({"code": 51}, TIMEOUT), ({"code": 4, "after": 7},
                         REFUSED), ({"code": 3, "after": 7}, TIMEOUT), ({"cut": True, "after": 7}, TIMEOUT)])
def test_recipients_that_break_off(observe, fault, answer):
    facts = ask(observe, {"entries": small_forest(), "max_page": 10,
                "faults": [dict(fault, filter="mailNickname", page=2)]})
    state, got, objects, _ = facts.sets()[RECIPIENTS]
    assert state == "partial" and got == answer and objects == 10 + fault.get("after", 0)
    assert len(facts.column("mail")) == objects, "what was seen is kept"
    assert facts.sets()[("ExchangeServer", "")][0] == "complete"


def test_a_lost_connection_loses_one_set(observe):
    facts = ask(observe, {"entries": small_forest(), "faults": [
                {"filter": "msExchRoutingSMTPConnector", "reset": True}]})
    sets = facts.sets()
    assert sets[("SendConnector", "")][:2] == ("failed", TIMEOUT)
    assert {s[0] for (name, _), s in sets.items() if name != "SendConnector"} == {"complete"}
    assert all(s["bound"] for s in facts.server.searches()), "nobody searches without a login: AD looks empty then"


def test_a_server_that_loses_every_connection(observe):
    facts = ask(observe, {"entries": small_forest(), "faults": [{"base": ORGANIZATION, "reset": True}]})
    assert "complete" not in {s[0] for (name, _), s in facts.sets().items() if name not in (
        "Domain", "Recipient", "ExchangeComputer", "ManagementToolsGroup", "ExpandedGroup", "MonitoringPermission",
        "AutodiscoverServiceConnectionPoint")}
    assert facts.sets()[RECIPIENTS][0] == "complete"


def test_values_that_could_not_all_be_read(observe):
    entries = small_forest()
    entries[f"CN=User 001,CN=Users,{ROOT_DN}"]["proxyAddresses"] = [f"smtp:a{i}@fabrikam.com" for i in range(50)]
    script = {"entries": entries, "max_values": 20, "faults": [{"attribute": "proxyAddresses;range=40", "code": 50}]}
    facts = ask(observe, script)
    assert facts.sets()[RECIPIENTS][0] == "partial"
    assert facts.column("addresses")[f"cn=user 001,cn=users,{ROOT_DN}".lower()] == (None, TIMEOUT)
    facts = ask(observe, {"entries": entries, "max_values": 20})
    assert len(json.loads(facts.column("addresses")[f"cn=user 001,cn=users,{ROOT_DN}".lower()][0])) == 50
    assert facts.sets()[RECIPIENTS][0] == "complete"


def test_references(observe):
    known = f"ldap://x.fabrikam.com/DC=DomainDnsZones,{ROOT_DN}"
    facts = ask(observe, {"entries": small_forest(), "faults": [{"filter": "mailNickname", "references": [known]}]})
    assert facts.sets()[RECIPIENTS][0] == "complete", "a partition of this forest is read by itself, or holds no recipients"
    facts = ask(observe, {"entries": small_forest(), "faults": [
                {"filter": "mailNickname", "references": [known, "ldap://nowhere.invalid/DC=other"]}]})
    state, answer, _, why = facts.sets()[RECIPIENTS]
    assert (state, answer) == ("partial", NOT_ASKED) and "nowhere.invalid" in why


def test_a_connector_without_readable_rights(observe):
    facts = ask(observe, {"entries": small_forest()})
    (_, relay), = facts.objects("ReceiveConnector")
    assert "AnyRecipientFor" not in relay and "AnonymousCanSubmit" not in relay and relay["AuthMechanism"] == "Tls"


DOMAIN_SID = "S-1-5-21-1-2-3"
GROUP_SID = DOMAIN_SID + "-1118"
GROUP = f"CN=Exchange Servers,OU=Microsoft Exchange Security Groups,{ROOT_DN}"
DELETE, DELETE_TREE, READ = 0x10000, 0x40, 0x10
ALLOWED, DENIED, DENIED_OBJECT = 0, 1, 6
BELOW, INHERITED = 0x02, 0x10


def ace(kind, flags, mask, sid):
    """An entry of an access control list (MS-DTYP 2.4.4)."""
    body = struct.pack("<I", mask) + (struct.pack("<I", 1) + bytes(range(16)) if kind == DENIED_OBJECT else b"") + ldif.sid_bytes(sid)
    return struct.pack("<BBH", kind, flags, len(body) + 4) + body


def descriptor(*aces, present=True):
    acl = struct.pack("<BBHHH", 4, 0, 8 + sum(map(len, aces)), len(aces), 0) + b"".join(aces)
    return "hex:" + (struct.pack("<BBHIIII", 1, 0, 0x8004 if present else 0x8000, 0, 0, 0, 20 if present else 0) + acl).hex()


def monitoring(domain, security):
    values = {"objectClass": ["top", "container"], "objectGUID": guid("monitoring" + domain)}
    return {f"CN=Monitoring Mailboxes,CN=Microsoft Exchange System Objects,{domain}": {**values, **({"nTSecurityDescriptor": security} if security else {})}}


def with_groups(entries):
    for dn, sid in ((GROUP, GROUP_SID), (f"CN=Exchange Servers,CN=Users,{ROOT_DN}", DOMAIN_SID + "-1200")):
        entries[dn] = {"objectClass": ["top", "group"], "objectGUID": guid(dn), "objectSid": "hex:" + ldif.sid_bytes(sid).hex()}
    return entries


@pytest.mark.parametrize("linked", [False, True])
def test_who_is_denied_to_delete_monitoring_mailboxes(observe, linked):
    """Entries of Exchange Servers that speak of deleting, where one of them denies it; what Windows knows itself is none of it. A SID that
    nobody tells is kept without a name, and so is a group that may be Exchange Servers by another name: the container of the
    organisations tells who is, and without its link nobody knows."""
    untold, other = "S-1-5-21-9-9-9-500", DOMAIN_SID + "-1200"
    security = descriptor(ace(DENIED, 0, DELETE, "S-1-1-0"), ace(DENIED, 0, DELETE_TREE, other), ace(ALLOWED, BELOW, DELETE_TREE, other),
                          ace(ALLOWED, BELOW, READ, GROUP_SID), ace(ALLOWED, BELOW, DELETE_TREE | READ, GROUP_SID), ace(DENIED_OBJECT, BELOW | INHERITED, DELETE, GROUP_SID),
                          ace(DENIED, 0, READ, GROUP_SID), ace(DENIED, 0, DELETE, untold), ace(ALLOWED, 0, DELETE, DOMAIN_SID + "-1300"))
    entries = {**with_groups(small_forest()), **monitoring(ROOT_DN, security)}
    if linked:
        container = "CN=Microsoft Exchange,CN=Services," + CONFIGURATION
        entries[container] = {"objectClass": ["top", "container"], "objectGUID": guid(container), "otherWellKnownObjects": [f"B:32:A7D2016C83F003458132789EEB127B84:{GROUP}"]}
    facts = ask(observe, {"entries": entries})
    found = sorted((o["Place"], o["Trustee"], o.get("Name"), o["Denied"], o["Inherited"], o["Below"], o["Rights"]) for _, o in facts.objects("MonitoringPermission"))
    maybe = [] if linked else [(2, other, None, True, False, False, ["DeleteTree"]), (3, other, None, False, False, True, ["DeleteTree"])]
    assert found == maybe + [(5, GROUP_SID, GROUP, False, False, True, ["ReadProperty", "DeleteTree"]), (6, GROUP_SID, GROUP, True, True, True, ["Delete"]),
                             (8, untold, None, True, False, False, ["Delete"])]
    assert facts.sets()[("MonitoringPermission", ROOT_DN)][:3] == ("complete", 0, len(found))
    assert [s["security"] for s in facts.server.searches() if s["base"].startswith("CN=Monitoring")] == [4]


@pytest.mark.parametrize("security", [None, descriptor(present=False), descriptor(ace(DENIED, 0, DELETE, GROUP_SID))[:-8], "hex:00"])
def test_an_access_control_list_that_is_not_shown(observe, security):
    facts = ask(observe, {"entries": {**with_groups(small_forest()), **monitoring(ROOT_DN, security)}})
    state, answer, objects, why = facts.sets()[("MonitoringPermission", ROOT_DN)]
    assert (state, answer, objects) == ("not-configured", REFUSED, 0) and "CN=Monitoring Mailboxes" in why
    assert not facts.objects("MonitoringPermission")


def test_a_list_that_could_not_be_read(observe):
    facts = ask(observe, {"entries": {**with_groups(small_forest()), **monitoring(ROOT_DN, descriptor())},
                          "faults": [{"base": f"CN=Monitoring Mailboxes,CN=Microsoft Exchange System Objects,{ROOT_DN}", "reset": True}]})
    assert facts.sets()[("MonitoringPermission", ROOT_DN)][:2] == ("failed", TIMEOUT)


def test_the_group_of_another_domains_entry_is_known_to_the_roots_controller(observe):
    denied = descriptor(ace(DENIED, BELOW, DELETE, GROUP_SID))
    with Responder({"entries": {**child_forest(), **monitoring(CHILD, denied)}}) as far:
        facts = ask(observe, {"entries": with_groups(small_forest(child=f"127.0.0.1:{far.port}"))})
    (_, entry), = facts.objects("MonitoringPermission")
    assert entry["Name"] == GROUP and entry["Object"].endswith(CHILD)
    assert facts.sets()[("MonitoringPermission", CHILD)][:3] == ("complete", 0, 1)
    assert facts.sets()[("MonitoringPermission", ROOT_DN)][:3] == ("complete", 0, 0), "a domain without the container"


def test_another_domain_has_its_own_server(observe):
    with Responder({"entries": child_forest()}) as far:
        facts = ask(observe, {"entries": small_forest(child=f"127.0.0.1:{far.port}")})
    assert facts.sets()[("Recipient", CHILD)][:3] == ("complete", 0, 5)
    assert {via for via, in facts.db.execute("SELECT DISTINCT via FROM t_directory_recipient")} == {"dc"}


def free_loopback():
    """An address of this machine on which the well-known ports are free."""
    return "127.%d.%d.%d" % tuple(random.randrange(1, 255) for _ in range(3))


def test_a_domain_that_cannot_be_reached(observe):
    facts = ask(observe, {"entries": small_forest(child="127.0.0.1:1")}, host=free_loopback())
    state, answer, objects, why = facts.sets()[("Recipient", CHILD)]
    assert (state, answer, objects) == ("failed", TIMEOUT, 0) and "127.0.0.1:1" in why
    assert facts.sets()[RECIPIENTS][0] == "complete"
    assert facts.sets()[("ExchangeComputer", CHILD)][0] == "failed"


def test_a_domain_that_only_the_catalogue_knows(observe):
    host = free_loopback()
    with Responder({"entries": child_forest()}, host=host, port=3268) as catalogue:
        facts = ask(observe, {"entries": small_forest(child="127.0.0.1:1")}, host=host)
        asked = catalogue.searches(filter="")
    state, answer, objects, why = facts.sets()[("Recipient", CHILD)]
    assert (state, answer, objects) == ("partial", NOT_ASKED, 5) and "global catalogue" in why and "127.0.0.1:1" in why
    far = f"cn=far 0,{CHILD}".lower()
    assert facts.column("archive_guid")[far] == (None, NOT_ASKED) and facts.column("home_mdb")[far] == (None, NONE)
    assert facts.column("mail")[far] == ("f0@fabrikam.com", 0)
    assert not [s for s in asked if "msExchArchiveGUID" in s["attributes"] or "msExchArchive" in s["filter"]]


def test_a_global_catalogue_is_asked_for_what_it_holds(observe):
    host = free_loopback()
    facts = ask(observe, {"entries": small_forest()}, host=host, port=3268)
    assert facts.sets()[RECIPIENTS][:3] == ("partial", NOT_ASKED, USERS)
    assert {s for _, s in facts.column("archive_status").values()} == {NOT_ASKED}
    assert facts.sets()[("ExchangeServer", "")][0] == "complete", "the configuration is whole on every controller"


def test_no_list_of_domains(observe):
    entries = {dn: e for dn, e in small_forest().items(
    ) if "crossRef" not in e["objectClass" if dn else "namingContexts"]}
    facts = ask(observe, {"entries": entries})
    assert facts.sets()[("Domain", "")][:2] == ("failed", REFUSED)
    assert facts.sets()[("Recipient", "")][0] == "failed" and facts.sets()[RECIPIENTS][2] == USERS


def test_no_directory_at_all(observe):
    facts = ask(observe, {"entries": {"": {"namingContexts": ["o=other"]}}})
    assert facts.exit_code == 65 and "no Active Directory" in facts.said
