# SPDX-License-Identifier: Apache-2.0
"""The worlds that Setup may leave, in a real Active Directory: what the sweep deletes there becomes a tombstone, links to it go by
themselves, and what is protected stays.

The lab's Exchange Server and Samba exclude each other, so Setup goes before any cleanup here, and the sweep finds all of it.
"""
import json
import os
import re
import shutil
import subprocess

import ldap
import pytest

from conftest import AUDIT_SECONDS, TOP
from fixtures.lab import namespace, snapshot, uninstall, written
from fixtures.lab.errand import where_it_is
from fixtures.lab.lab import Lab
from test_samba import can_have_namespaces
from test_sweep_directory import MAILBOX, Swept
from test_worlds import (AUTODISCOVER, BY_ITSELF, EVERYWHERE, EXCHANGE, LINKS, NAMES, NO_MAILBOX, World as Walked, before_setup,
                         lead_to, monitoring_again, named_and_approved)

pytestmark = pytest.mark.skipif(not can_have_namespaces(), reason="a network namespace needs root, and a kernel that lets it")
ROOT = "dc=fabrikam,dc=com"
PROLOGUE = """import json, ldap, sys
from ldap.controls import LDAPControl
from fixtures.lab import uninstall
from fixtures.lab.lab import Lab
lab = Lab("fabrikam", sys.argv[1], ad="samba")
link = uninstall.connect(lab)
"""
# Mailboxes of the system are disabled, as Disable-Mailbox does it; then the server goes, with what goes in this world.
PLAY = PROLOGUE + """
found = link.search_ext_s("DC=fabrikam,DC=com", ldap.SCOPE_SUBTREE, "(&(objectClass=user)(|(cn=SystemMailbox{*)(cn=HealthMailbox*)"
                          "(cn=FederatedEmail*)(cn=Migration.*)))")
for dn, values in found:
    if dn:
        link.modify_s(dn, [(ldap.MOD_DELETE, name, None) for name in values if name.lower().startswith("msexch") or name.lower() in sys.argv[4:]])
link.unbind_s()
print(json.dumps(uninstall.play(lab, sys.argv[2], [kind for kind in sys.argv[3].split(",") if kind], force=True)))
"""
LIST = PROLOGUE + """
forest = uninstall.Forest(link, True)
live = {dn: {name: sorted(value.hex() for value in values) for name, values in held.items()} for dn, (_, held) in forest.objects.items()}
dead = {}
for context in forest.contexts:
    if "dnszones" in context.lower() or context.lower().startswith("cn=schema"):
        continue
    for dn, held in link.search_ext_s(context, ldap.SCOPE_SUBTREE, "(isDeleted=TRUE)", serverctrls=[LDAPControl("1.2.840.113556.1.4.417", True)]):
        if dn:
            dead[held["objectGUID"][0].hex()] = dn
print(json.dumps({"live": live, "dead": dead}))
"""
MOVES = {"whenchanged", "usnchanged", "dscorepropagationdata"}


class World(Swept):
    def python(self, script, *arguments):
        done = subprocess.run(self.lab.inside(["/usr/bin/python3", "-c", script, self.lab.directory, *arguments], "admin"), check=False,
                              capture_output=True, text=True, cwd=TOP, timeout=AUDIT_SECONDS)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    def attest(self):
        """Its people look once more, now that Setup has run."""
        with open(self.lab.path("attestations.yaml"), "w", encoding="utf-8") as statements:
            statements.write("# Of this test.\n")
        self.run("audit")
        self.unhybrid.attest(self.lab.path("fabrikam.yaml"), self.case, self.lab.attestations())

    def forest(self):
        return self.python(LIST)

    def finish(self, done):
        """A person runs what is shown, where the lab is."""
        for _ in range(3):
            if done.returncode != 3:
                break
            command = ["/usr/bin/python3", os.path.join(TOP, "fixtures", "lab", "lab.py"), "operator", "fabrikam", "--once", "--program", self.unhybrid.path,
                       "--case", self.case]
            played = subprocess.run(["/usr/bin/env", "UNHYBRID_LAB=" + os.path.dirname(self.lab.directory), *self.lab.inside(command, "audit")], check=False,
                                    capture_output=True, text=True, timeout=AUDIT_SECONDS)
            assert played.returncode == 0, played.stderr
            done = self.run("resume", "--yes=irreversible")
        return done


def sockets(directory, names):
    return [name for name in names if not os.path.isfile(os.path.join(directory, name)) and not os.path.isdir(os.path.join(directory, name))]


def put_by(place, kept):
    """A copy of a run directory whose domain controller is stopped, or of a case."""
    shutil.copytree(place, kept, symlinks=True, ignore=sockets)


def put_back(kept, place):
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(kept, place, symlinks=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("worlds-samba") / "fabrikam"), ad="samba")
    lab.up()
    namespace.stop(lab._holder())
    put_by(lab.directory, lab.directory + ".made")
    yield lab
    lab.down()


@pytest.fixture
def world(made, unhybrid, tmp_path):
    put_back(made.directory + ".made", made.directory)
    lab = Lab("fabrikam", made.directory, ad="samba")
    lab.up()
    place = World(lab, unhybrid, tmp_path / "fabrikam.case")
    yield place
    namespace.stop(lab._holder())


def difference(before, after):
    """-> DNs that are gone, {DN: attributes that changed}."""
    gone, changed = set(before["live"]) - set(after["live"]), {}
    assert set(after["live"]) <= set(before["live"])
    for dn, held in after["live"].items():
        old = before["live"][dn]
        moved = {name for name in set(held) | set(old) if held.get(name) != old.get(name)} - MOVES
        if moved:
            changed[dn] = moved
    return gone, changed


HYBRID = "5d0f1c3a-8e7b-4d2a-b1c6-0f0000000003"
ORGANIZATION = f"cn=fabrikam,cn=microsoft exchange,cn=services,cn=configuration,{ROOT}"
MONITORING = f"cn=healthmailbox4f980920be1d509f84c0ec30c26b73ac,cn=monitoring mailboxes,cn=microsoft exchange system objects,{ROOT}"
ACCOUNTS = {f"cn={name},cn=users,{ROOT}" for name in (
    "discoverysearchmailbox {d919ba05-46a6-415f-80ad-7e09334bb852}", "federatedemail.4c1f4d8b-8179-4148-93bf-00a95fa1e042",
    "migration.8f3e7716-2011-43e4-96b1-aba62d229136", "systemmailbox{1f05a927-3be2-4fb9-aa03-b59fe3b56f4c}",
    "systemmailbox{2ce34405-31be-455d-89d7-a7c7da7a0daa}", "systemmailbox{8cc370d3-822a-4ab8-a926-bb94bd0641a9}",
    "systemmailbox{d0e409a0-af9b-4720-92fe-aac869b0d201}", "systemmailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}",
    "systemmailbox{e0dc1c29-89c3-4034-b678-e6c29d823ed9}")}
WIZARDS = {f"{name},{ORGANIZATION}" for name in (   # what its cmdlets make, and `--leave-behind hybrid-objects` keeps
    "cn=hybrid configuration,cn=hybrid configuration", "cn=fabrikam.mail.onmicrosoft.com,cn=availability configuration",
    f"cn=hybridioc - {HYBRID},cn=intra organization connectors", f"cn=on-premises to o365 - {HYBRID},cn=federation",
    f"cn=outbound to office 365 - {HYBRID},cn=connections,cn=exchange routing group (dwbgzmfd01qnbjr),cn=routing groups,"
    "cn=exchange administrative group (fydibohf23spdlt),cn=administrative groups",
    f"cn=acs - {HYBRID},cn=auth servers,cn=auth configuration", f"cn=evosts - {HYBRID},cn=auth servers,cn=auth configuration",
    "cn=microsoft federation gateway,cn=federation trusts")}
MORE = {f"{name},cn=global settings,{ORGANIZATION}" for name in (
    "cn=enableexchangehybrid3pappfeature,cn=setting overrides", "cn=hybrid domain - fabrikam.onmicrosoft.com,cn=internet message formats",
    "cn=hybrid domain - fabrikam.mail.onmicrosoft.com,cn=internet message formats")}
MIGRATION = next(dn for dn in ACCOUNTS if dn.startswith("cn=migration"))
GROUP = f"cn=everybody,ou=people,{ROOT}"
JOIN = PROLOGUE + """
link.modify_s(sys.argv[2], [(ldap.MOD_ADD, "member", [sys.argv[3].encode()])])
"""
# "Protect from accidental deletion": nobody may delete the object, nor what stands in its container.
PROTECT = """import sys
import ldb
from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_pack
from samba.param import LoadParm
from samba.samdb import SamDB
lp = LoadParm()
lp.load(sys.argv[1] + "/samba/etc/smb.conf")
sam = SamDB(session_info=system_session(), lp=lp)
sid = security.dom_sid(sam.get_domain_sid())
for dn, sddl in zip(sys.argv[2::2], sys.argv[3::2]):
    change = ldb.Message(ldb.Dn(sam, dn))
    change["nTSecurityDescriptor"] = ldb.MessageElement(ndr_pack(security.descriptor.from_sddl(sddl, sid)), ldb.FLAG_MOD_REPLACE, "nTSecurityDescriptor")
    sam.modify(change)
"""
ALLOWED = "O:DAG:DAD:P(A;;GA;;;DA)(A;;GR;;;AU)"
PROTECTED, CONTAINER = ALLOWED.replace("P(", "P(D;;SDDT;;;WD)(", 1), ALLOWED.replace("P(", "P(D;;DC;;;WD)(", 1)


@where_it_is
def join(lab, group, member):
    link = snapshot.connect(lab)
    link.modify_s(group, [(ldap.MOD_ADD, "member", [member.encode()])])
    link.unbind_s()


@where_it_is
def protect(lab, dn, on):
    """What the consoles of Active Directory do: nobody may delete the object, nor what stands in its container."""
    from samba.auth import system_session   # only in there: these bindings load into Debian's interpreter alone
    from samba.dcerpc import security
    from samba.ndr import ndr_pack, ndr_unpack
    from samba.param import LoadParm
    from samba.samdb import SamDB
    import ldb
    parameters = LoadParm()
    parameters.load(lab.path("samba", "etc", "smb.conf"))
    sam = SamDB(session_info=system_session(), lp=parameters)
    sid = security.dom_sid(sam.get_domain_sid())
    for one, ace in ((dn, "(D;;SDDT;;;WD)"), (dn.split(",", 1)[1], "(D;;DC;;;WD)")):
        held = sam.search(base=one, scope=ldb.SCOPE_BASE, attrs=["nTSecurityDescriptor"])[0]["nTSecurityDescriptor"][0]
        text = ndr_unpack(security.descriptor, held).as_sddl(sid)
        text = re.sub(r"D:[A-Z]*", lambda found: found[0] + ace, text, 1) if on else text.replace(ace, "", 1)
        change = ldb.Message(ldb.Dn(sam, one))
        change["nTSecurityDescriptor"] = ldb.MessageElement(ndr_pack(security.descriptor.from_sddl(text, sid)), ldb.FLAG_MOD_REPLACE, "nTSecurityDescriptor")
        sam.modify(change)


def tombstones(before, after, gone):
    """Each that is gone lies among the deleted objects, under its GUID."""
    guids = {before["live"][dn]["objectguid"][0] for dn in gone}
    assert guids == set(after["dead"]) - set(before["dead"])
    assert all("\\0ADEL:" in after["dead"][guid] for guid in guids)


def test_the_server_alone_without_a_cleanup(world):
    """An account is protected: it stays, with the right that is missing, and the rest goes; another was in a group, and is in none."""
    world.python(PLAY, "server-only", "scp", *MAILBOX)
    world.python(JOIN, GROUP, MIGRATION)
    container = MONITORING.split(",", 1)[1]
    world.python(PROTECT, MONITORING, PROTECTED, container, CONTAINER)
    world.attest()
    before = world.forest()
    done = world.finish(world.run("sweep", "--yes=irreversible"))
    assert done.returncode == 3 and "LDAP 50" in done.stderr and "protected" in done.stderr, done.stderr
    between, gone = world.forest(), ACCOUNTS | WIZARDS | MORE
    assert "1 failed, 1 left" in done.stderr, done.stderr
    assert difference(before, between) == (gone, {GROUP: {"member"}})
    world.python(PROTECT, MONITORING, ALLOWED, container, ALLOWED)
    # What was changed by a third hand is not deleted on a plan that was made before.
    done = world.run("resume", "--yes=irreversible")
    assert done.returncode == 3 and "somebody else has changed it since it was begun: nTSecurityDescriptor" in done.stderr, done.stderr
    assert difference(between, world.forest()) == (set(), {})
    done = world.run("sweep", "--yes=irreversible", "--replan")
    assert done.returncode == 0, done.stderr
    after, gone = world.forest(), gone | {MONITORING}
    assert difference(between, after)[0] == {MONITORING}
    tombstones(before, after, gone)
    again = world.run("sweep", "--yes=irreversible")
    assert again.returncode == 0 and "Nothing to do" in again.stdout, again.stderr
    assert difference(after, world.forest()) == (set(), {})


def test_what_lies_between_without_a_cleanup(world):
    """The groups are tombstones, and the links to them lead there. What is left of the organisation goes by name alone."""
    world.python(PLAY, "between", "hybrid-objects", *MAILBOX)
    world.attest()
    before = world.forest()
    links = before["live"][ORGANIZATION.split(",", 1)[1]]["otherwellknownobjects"]
    assert len(links) == 11 and all(b"\\0ADEL:" in bytes.fromhex(one) for one in links)
    done = world.finish(world.run("sweep", "--yes=irreversible"))
    assert done.returncode == 0, done.stderr
    after = world.forest()
    gone = ACCOUNTS | {MONITORING} | WIZARDS
    assert difference(before, after) == (gone, {ORGANIZATION.split(",", 1)[1]: {"otherwellknownobjects"}})
    tombstones(before, after, gone)
    done = world.run("sweep", "--yes=irreversible", "--only", "organization-container", "--approve", "organization-container")
    assert done.returncode == 0, done.stderr
    last = world.forest()
    rest = {dn for dn in after["live"] if dn == ORGANIZATION or dn.endswith("," + ORGANIZATION)}
    assert len(rest) > 5 and difference(after, last) == (rest, {})
    tombstones(after, last, rest)


# ---- from the cleanup to the end

def in_directory(state):
    return {uninstall.normal(dn): values["objectGUID"][0] for dn, values in state["directory"].items()}


class Walk(Walked):
    """What test_worlds.py does with slapd's directory, in a real one."""

    def run(self, *arguments, timeout=600):
        return self.program.run("-c", self.configuration, "-C", self.case, "--no-progress", *arguments, timeout=timeout, lab=self.lab)

    def compared(self, before, now):
        """What is gone lies among the deleted objects, each under its GUID, and nothing else came there."""
        gone, changed = super().compared(before, now)
        lost = set(in_directory(before).values()) - set(in_directory(now).values())
        tombstones = {guid: dn for guid, dn in now["deleted"].items() if guid not in before["deleted"]}
        assert set(tombstones) == lost and all("\\0ADEL:" in dn for dn in tombstones.values())
        return gone, {key: value - BY_ITSELF for key, value in changed.items() if value - BY_ITSELF}

    def keep(self):
        self.ready = self.state()
        namespace.stop(self.lab._holder())
        put_by(self.lab.directory, self.lab.directory + ".cleaned")
        put_by(self.case, self.case + ".cleaned")

    def go_back(self):
        namespace.stop(self.lab._holder())
        for place in (self.lab.directory, self.case):
            put_back(place + ".cleaned", place)
        self.lab.up(exchange="kerberos")
        snapshot.cloud(self.lab, "restore", self.ready["cloud"])
        assert self.told(self.ready) == (set(), {})
        self.wrote = len(written.of(self.lab))


@pytest.fixture(scope="module")
def cleaned(made, unhybrid, tmp_path_factory):
    put_back(made.directory + ".made", made.directory)
    lab = Lab("fabrikam", made.directory, ad="samba")
    lab.up(exchange="kerberos")
    place = Walk(lab, unhybrid, tmp_path_factory.mktemp("case") / "fabrikam.case")
    place.clean_up()
    place.keep()
    return place


@pytest.fixture
def place(cleaned):
    cleaned.go_back()
    return cleaned


def test_before_setup(cleaned):
    """Sharing, connectors, mailboxes and databases, through Exchange's own cmdlets."""
    before_setup(cleaned.clean)


def test_the_server_alone(place):
    """An account is protected, and stays until somebody lets it go; it is in a group, and then in none."""
    lead_to(place.lab, "https://mail.fabrikam.com/Autodiscover/Autodiscover.xml")
    join(place.lab, GROUP, MIGRATION)
    protect(place.lab, MIGRATION, True)
    place.play("server-only", "scp", "service-principal-names", "server-members")
    point = f"cn=fabex01,{AUTODISCOVER}"
    blocked = place.after()
    assert blocked["verdict"] == "blocked" and {c["id"] for c in blocked["checks"] if c["status"] == "fail"} == {"autodiscover.scp"}
    done = place.swept()
    assert done.returncode == 3 and "1 failed" in done.stderr and "protected" in done.stderr, done.stderr
    assert place.told(place.played) == ((ACCOUNTS - {MIGRATION}) | {point} | EVERYWHERE, NAMES)
    protect(place.lab, MIGRATION, False)
    before = place.state()
    place.sweep("--replan")
    assert place.told(before) == ({MIGRATION}, {("on-premises", GROUP): {"member"}})
    place.nothing_left()


def test_named_and_approved_it_goes(place):
    """Whoever was in the groups, the account that audits too, is in none. What the container says of them now leads to their tombstones,
    which the next sweep sees."""
    place.play("server-only")
    place.sweep()
    named_and_approved(place, {**LINKS, ("on-premises", f"cn=svc-unhybrid,cn=users,{ROOT}"): {"memberOf"}})
    before = place.seen
    place.sweep()
    assert place.told(before) == (set(), LINKS)
    place.nothing_left()


def test_what_lies_between(place):
    """The groups are gone, and what the container says of them points to their tombstones. What monitoring made anew is no mailbox."""
    account = "HealthMailbox" + 32 * "b"
    monitoring_again(place.lab, place.lab.clean["directory"], {account: NO_MAILBOX})
    place.play("between", "hybrid-objects", "health-mailboxes")
    place.sweep()
    swept = f"cn={account.lower()},{MONITORING.split(',', 1)[1]}"
    assert place.told(place.played) == (ACCOUNTS | {swept} | EVERYWHERE, {**NAMES, **LINKS})
    place.nothing_left()


def test_the_whole_organisation(place):
    """Whose is what in the tenant, the journal tells."""
    place.play("organisation")
    assert not any(uninstall.below(dn, EXCHANGE) for dn in in_directory(place.played))
    place.sweep()
    assert place.told(place.played) == (EVERYWHERE, NAMES)
    place.nothing_left()


@pytest.mark.parametrize("kinds, gone, changed", [(("organization", "system-accounts"), ACCOUNTS, LINKS),
                                                  (("security-groups", "system-objects", "well-known-objects"), set(), {})])
def test_the_whole_organisation_but(place, kinds, gone, changed):
    place.play("organisation", *kinds)
    place.sweep()
    assert place.told(place.played) == (gone | EVERYWHERE, {**NAMES, **changed})
    place.nothing_left()
