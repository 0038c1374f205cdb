# SPDX-License-Identifier: Apache-2.0
"""Snapshots of Active Directory: nothing is read without being asked for, two of the same directory are equal, and what an
uninstall takes, leaves and changes shows; a recipient that lost an attribute is an alarm."""
import glob
import json
import os
import sqlite3

import ldap
import pytest

from fixtures.lab.lab import Lab

EXCHANGE = "CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=fabrikam,DC=com"
SECRET = "Pa55-planted-in-the-directory"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("snapshot") / "fabrikam"))
    lab.up()
    yield lab
    lab.down()


@pytest.fixture()
def admin(lab):
    directory = lab.state["directory"]
    connection = ldap.initialize(f"ldap://127.0.0.1:{directory['port']}")
    with open(lab.path("ad-admin.pass"), encoding="utf-8") as text:
        connection.simple_bind_s(directory["users"]["admin"], text.read().strip())
    return connection


def audit(unhybrid, lab, case, *options):
    done = unhybrid.run("-c", lab.path("fabrikam.yaml"), "-C", case, "-q", "audit", *options)
    assert done.returncode in (0, 2), done.stderr
    return max(glob.glob(os.path.join(case, "facts-*.db")), key=os.path.getmtime)   # names of one second sort otherwise


def diff(unhybrid, case, code, *facts):
    done = unhybrid.run("-C", case, "diff", "--format", "json", *facts)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def entries(facts):
    with sqlite3.connect(facts) as db:
        return db.execute("SELECT area, dn, class, json FROM directory_entry").fetchall()


def test_only_where_it_is_asked_for(unhybrid, lab, tmp_path):
    case = str(tmp_path / "x.case")
    facts = audit(unhybrid, lab, case)
    assert entries(facts) == []
    with sqlite3.connect(facts) as db:
        assert db.execute("SELECT count(*) FROM \"set\" WHERE name IN ('DirectoryEntry', 'RecipientMark')").fetchone() == (0,)
    assert unhybrid.run("-C", case, "-c", lab.path("fabrikam.yaml"), "audit", "--snapshot", "--offline").returncode == 64


def test_all_areas_and_nothing_secret(unhybrid, lab, admin, tmp_path):
    server = f"CN=FABEX01,CN=Servers,CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups,CN=Fabrikam,{EXCHANGE}"
    trust = admin.search_s(EXCHANGE, ldap.SCOPE_SUBTREE, "(objectClass=msExchFedTrust)", ["cn"])[0][0]
    admin.modify_s(trust, [(ldap.MOD_REPLACE, "msExchFedOrgPrivCertificate", [SECRET.encode()])])
    facts = audit(unhybrid, lab, str(tmp_path / "x.case"), "--snapshot")
    found = entries(facts)
    assert {row[0] for row in found} == {"configuration", "connection-points", "security-groups", "system-objects", "accounts", "recipients"}
    assert any(dn.lower() == server.lower() for _, dn, _, _ in found)
    with open(facts, "rb") as raw:
        content = raw.read()
    assert SECRET.encode() not in content
    for area, _, _, text in found:  # of recipients marks alone
        if area == "recipients":
            assert all(isinstance(value, str) and len(value) == 16 for value in json.loads(text).values())
        else:
            assert all(isinstance(value, list) for value in json.loads(text).values())


def test_what_changed_shows(unhybrid, lab, admin, tmp_path):
    case = str(tmp_path / "x.case")
    before = audit(unhybrid, lab, case, "--snapshot")
    same = audit(unhybrid, lab, case, "--snapshot")
    assert [d for d in diff(unhybrid, case, 0, before, same)["objects"] if "/" in d["kind"]] == []
    turing = admin.search_s("DC=fabrikam,DC=com", ldap.SCOPE_SUBTREE, "(mail=alan.turing@fabrikam.com)", ["cn"])[0][0]
    clarke = admin.search_s("DC=fabrikam,DC=com", ldap.SCOPE_SUBTREE, "(mail=joan.clarke@fabrikam.com)", ["proxyAddresses"])[0]
    connector = admin.search_s(EXCHANGE, ldap.SCOPE_SUBTREE, "(objectClass=msExchRoutingSMTPConnector)", ["cn"])[0][0]
    admin.modify_s(turing, [(ldap.MOD_DELETE, "msExchRecipientTypeDetails", None)])
    admin.modify_s(clarke[0], [(ldap.MOD_REPLACE, "proxyAddresses", list(reversed(clarke[1]["proxyAddresses"])))])
    admin.delete_s(connector)
    after = audit(unhybrid, lab, case, "--snapshot")
    report = diff(unhybrid, case, 1, before, after)
    ours = {(d["kind"], d["object"].lower()): d for d in report["objects"] if "/" in d["kind"]}
    gone = ours.pop(("configuration/msExchRoutingSMTPConnector", connector.lower()))
    assert gone["change"] == "gone"
    (kind, dn), lost = ours.popitem()
    assert not ours and kind.startswith("recipients/") and dn == turing.lower()  # an order of values is no difference
    assert lost["properties"]["msExchRecipientTypeDetails"]["new"] is None
    assert report["summary"]["recipients_that_lost_an_attribute"] == 1
    assert "ALARM: 1 recipients" in unhybrid.run("-C", case, "diff", before, after).stdout
    assert report["summary"]["recipients_no_longer_or_deleted"] == 0
    plain = audit(unhybrid, lab, case)  # without a snapshot nothing is gone: it was not seen
    assert {d["change"] for d in diff(unhybrid, case, 1, before, plain)["objects"] if "/" in d["kind"]} == {"not-seen"}


def test_a_recipient_that_lost_everything(unhybrid, lab, admin, tmp_path):
    """The account stays, and falls out of what the snapshot asks for; so does a system mailbox that was disabled on purpose."""
    case = str(tmp_path / "x.case")
    clarke = admin.search_s("DC=fabrikam,DC=com", ldap.SCOPE_SUBTREE, "(mail=joan.clarke@fabrikam.com)")[0]
    system = admin.search_s("DC=fabrikam,DC=com", ldap.SCOPE_SUBTREE, f"(msExchRecipientTypeDetails={1 << 23})")[0]
    before = audit(unhybrid, lab, case, "--snapshot")
    for dn, attributes in (clarke, system):
        mail = [name for name in attributes if name.lower().startswith(("msexch", "legacyexchange", "proxyaddresses", "mail", "targetaddress", "homem"))]
        admin.modify_s(dn, [(ldap.MOD_DELETE, name, None) for name in mail])
    after = audit(unhybrid, lab, case, "--snapshot")
    report = diff(unhybrid, case, 1, before, after)
    gone = {d["object"].lower(): d["alarm"] for d in report["objects"] if d["change"] == "gone" and d["kind"].startswith("recipients/")}
    assert gone == {clarke[0].lower(): True, system[0].lower(): False}
    assert report["summary"]["recipients_no_longer_or_deleted"] == 1 and report["summary"]["recipients_that_lost_an_attribute"] == 0
    alarm = unhybrid.run("-C", case, "diff", before, after).stdout.split("ALARM: ")[1]
    assert alarm.startswith("1 recipients are none any more") and clarke[0].lower() in alarm.lower()
