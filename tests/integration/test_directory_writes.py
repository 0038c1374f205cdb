# SPDX-License-Identifier: Apache-2.0
"""The directory executor: what it deletes, edits and brings back, and what it leaves alone. Against slapd, and where a
network namespace can be had against a real Active Directory, where a deletion leaves a tombstone."""
import json
import os
import subprocess
import uuid

import ldap
import pytest
import yaml

from conftest import TOP
from fixtures.lab import certificates
from fixtures.lab.lab import Lab
from test_samba import can_have_namespaces

BUILD = os.environ.get("BUILD_DIR") or os.environ.get("MESON_BUILD_ROOT") or os.path.join(TOP, "build")
DRIVER = os.path.join(BUILD, "tests", "integration", "drivers", "directory_write")
SERVICES = "CN=Services,CN=Configuration,DC=fabrikam,DC=com"
EXCHANGE = "CN=Microsoft Exchange," + SERVICES
POINTER = "CN=Microsoft Exchange Online,CN=Microsoft Exchange Autodiscover," + SERVICES
EVERY_PART = ("1.2.840.113556.1.4.801", True, bytes([0x30, 3, 2, 1, 7]))  # of a security descriptor: owner, group, DACL
PROTECTED = "(D;;SDDT;;;WD)"  # what "protect from accidental deletion" sets


class Writes:
    """One lab, its directory read with python-ldap, changed by the driver."""

    def __init__(self, lab):
        self.lab, self.ad = lab, lab.ad == "samba"
        self.path = lab.path("writes.yaml")
        self.set()

    def set(self, **operator):
        content = self.lab.configuration()
        content["operator"]["directory"] = {**content["operator"]["directory"], **operator}
        certificates.write_private(self.path, yaml.safe_dump(content))

    def run(self, *words):
        command = [DRIVER, self.path, *words]
        done = subprocess.run(self.lab.inside(command, "admin") if self.ad else command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def ask(self, **question):
        """A program that shares no code with ours: another hand."""
        user = self.lab.configuration()["operator"]["directory"]
        command = ["/usr/bin/python3", __file__, json.dumps({"url": user.get("url") or self.lab.configuration()["directory"]["url"],
                   "user": user["user"], "password": self.lab.path("ad-admin.pass"), **question})]
        return json.loads(subprocess.run(self.lab.inside(command, "admin") if self.ad else command, capture_output=True, text=True,
                                         timeout=60, check=True).stdout)

    def read(self, dn, filter="(objectClass=*)", scope="base", deleted=False):
        """[(dn, attributes)]"""
        return [(entry, {name: [bytes.fromhex(value) for value in values] for name, values in attributes.items()})
                for entry, attributes in self.ask(dn=dn, filter=filter, scope=scope, deleted=deleted)]

    def guid(self, dn):
        return str(uuid.UUID(bytes_le=self.read(dn)[0][1]["objectGUID"][0]))

    def new(self, dn, object_class, **attributes):
        """A new object: by the executor itself where the directory gives it a GUID."""
        if not self.ad:
            guid = uuid.uuid4()
            self.ask(dn=dn, add={"objectClass": [object_class.encode().hex()], "objectGUID": [guid.bytes_le.hex()],
                                 **{name: [value.encode().hex()] for name, value in attributes.items()}})
            return str(guid)
        words = [f"give=objectClass:{object_class}"] + [f"give={name}:{value}" for name, value in attributes.items()]
        made = self.run("add", "-", dn, object_class, *words)
        assert made["outcome"] == "applied", made
        return self.guid(dn)


def reader(options):
    """What Writes.read() runs."""
    scopes = {"base": ldap.SCOPE_BASE, "subtree": ldap.SCOPE_SUBTREE}
    ldap.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_NEVER)
    connection = ldap.initialize(options["url"])
    with open(options["password"], encoding="utf-8") as text:
        connection.simple_bind_s(options["user"], text.read().strip())
    if "add" in options:
        connection.add_s(options["dn"], [(name, [bytes.fromhex(value) for value in values]) for name, values in options["add"].items()])
        print("[]")
        return
    if "modify" in options:
        changes = [(ldap.MOD_REPLACE, name, [bytes.fromhex(value) for value in values]) for name, values in options["modify"].items()]
        controls = [ldap.controls.RequestControl(*EVERY_PART)] if "nTSecurityDescriptor" in options["modify"] else []
        connection.modify_ext_s(options["dn"], changes, serverctrls=controls)
        print("[]")
        return
    if "descriptor" in options:
        found = connection.search_ext_s(options["dn"], ldap.SCOPE_BASE, attrlist=["nTSecurityDescriptor"],
                                        serverctrls=[ldap.controls.RequestControl(*EVERY_PART)])
        print(json.dumps(found[0][1]["nTSecurityDescriptor"][0].hex()))
        return
    controls = [ldap.controls.RequestControl("1.2.840.113556.1.4.417", True)] if options["deleted"] else []
    try:
        found = connection.search_ext_s(options["dn"], scopes[options["scope"]], options["filter"], serverctrls=controls)
    except ldap.NO_SUCH_OBJECT:
        found = []
    print(json.dumps([[dn, {name: [value.hex() for value in values] for name, values in attributes.items()}] for dn, attributes in found if dn]))


@pytest.fixture(scope="module", params=["slapd", "samba"])
def writes(request, tmp_path_factory):
    if request.param == "samba" and not can_have_namespaces():
        pytest.skip("a network namespace needs root, and a kernel that lets it")
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp(request.param) / "fabrikam"), **({"ad": "samba"} if request.param == "samba" else {}))
    lab.up()
    yield Writes(lab)
    lab.down()


def test_deletes_one_object_once(writes):
    guid = writes.new("CN=Gone," + EXCHANGE, "msExchContainer")
    done = writes.run("delete", guid, "CN=Gone," + EXCHANGE, "msExchContainer")
    assert (done["outcome"], done["objects"]) == ("applied", 1)
    assert writes.read("CN=Gone," + EXCHANGE) == []
    again = writes.run("delete", guid, "CN=Gone," + EXCHANGE, "msExchContainer")
    assert (again["outcome"], again["not_found"], again["objects"]) == ("not-sent", True, 0)


def test_a_tree_goes_only_as_it_was_listed(writes):
    top, child, leaf = "CN=Top," + EXCHANGE, "CN=Child,CN=Top," + EXCHANGE, "CN=a\\,b,CN=Child,CN=Top," + EXCHANGE
    guids = [writes.new(dn, "msExchContainer") for dn in (top, child, leaf)]
    some = writes.run("delete", guids[0], top, "msExchContainer", "below=" + guids[1])
    assert some["outcome"] == "not-sent" and "not listed" in some["error"] and "plan again" in some["remedy"]
    assert len(writes.read(top, scope="subtree")) == 3
    done = writes.run("delete", guids[0], top, "msExchContainer", "below=" + guids[1], "below=" + guids[2], f"below={uuid.uuid4()}")
    assert (done["outcome"], done["objects"]) == ("applied", 3)
    assert writes.read(top) == []


def test_what_is_not_as_it_was_said_is_left_alone(writes):
    dn = "CN=Mine," + EXCHANGE
    guid = writes.new(dn, "msExchContainer")
    other = writes.run("delete", guid, dn, "serviceConnectionPoint")
    assert other["outcome"] == "not-sent" and "it is a msExchContainer" in other["error"]
    moved = writes.run("delete", guid, "CN=Elsewhere," + EXCHANGE, "msExchContainer")
    assert moved["outcome"] == "not-sent" and "moved to" in moved["error"]
    assert writes.run("delete", guid, dn.replace("CN=", "cn="), "msexchcontainer")["outcome"] == "applied"


@pytest.mark.parametrize("dn,object_class", [
    ("CN=Alan Turing,CN=Users,DC=fabrikam,DC=com", "user"), ("CN=Users,DC=fabrikam,DC=com", "container"), ("DC=fabrikam,DC=com", "domainDNS"),
    ("CN=Domain Admins,CN=Users,DC=fabrikam,DC=com", "group"), ("CN=x,CN=Schema,CN=Configuration,DC=fabrikam,DC=com", "msExchContainer"),
    ("CN=HealthMailbox1,CN=Users,DC=fabrikam,DC=com", "computer"), (SERVICES, "container"),
    ("CN=x\\,CN=Microsoft Exchange\\,CN=Services\\,CN=Configuration,CN=Users,DC=fabrikam,DC=com", "msExchContainer")])
def test_never_touched(writes, dn, object_class):
    there = "\\," not in dn  # else it is no place at all, and reading it an error
    before = there and writes.read(dn)
    done = writes.run("delete", str(uuid.UUID(int=7)), dn, object_class)
    assert done["outcome"] == "not-sent" and "never touched" in done["error"] and (there and writes.read(dn)) == before


def test_edits_only_what_may_be_edited(writes):
    guid = writes.guid(POINTER)
    refused = writes.run("modify", guid, POINTER, "serviceConnectionPoint", "put=description:x")
    assert refused["outcome"] == "not-sent" and "never edited" in refused["error"]
    before = writes.read(POINTER)[0][1]["keywords"]
    assert writes.run("modify", guid, POINTER, "serviceConnectionPoint", "give=keywords:extra")["outcome"] == "applied"
    assert sorted(writes.read(POINTER)[0][1]["keywords"]) == sorted(before + [b"extra"])
    assert writes.run("modify", guid, POINTER, "serviceConnectionPoint", "take=keywords:extra")["outcome"] == "applied"
    assert sorted(writes.read(POINTER)[0][1]["keywords"]) == sorted(before)
    failed = writes.run("modify", guid, POINTER, "serviceConnectionPoint", "take=keywords:extra")
    assert failed["outcome"] == "failed" and "LDAP 16" in failed["error"]


def test_nothing_in_the_clear(writes):
    """Reading is possible there on loopback, writing is not."""
    if writes.ad:
        pytest.skip("Samba takes no simple bind in the clear at all")
    port = writes.lab.state["directory"]["port"]
    writes.set(url=f"ldap://127.0.0.1:{port}", security="plain")
    try:
        done = writes.run("delete", writes.guid(POINTER), POINTER, "serviceConnectionPoint")
    finally:
        writes.set()
    assert done["outcome"] == "not-sent" and "without TLS or sealing" in done["error"] and writes.read(POINTER)


def test_a_deleted_object_comes_back_with_its_guid(writes):
    if not writes.ad:
        pytest.skip("slapd keeps no tombstones")
    dn = "CN=Back," + EXCHANGE
    guid = writes.new(dn, "serviceConnectionPoint", keywords="one")
    sid = writes.read(dn)[0][1]["objectGUID"]
    assert writes.run("delete", guid, dn, "serviceConnectionPoint")["outcome"] == "applied"
    assert writes.read(dn) == []
    assert writes.run("reanimate", guid, dn, "serviceConnectionPoint", "put=keywords:one")["outcome"] == "applied"
    back = writes.read(dn)[0][1]
    assert back["objectGUID"] == sid and back["keywords"] == [b"one"]
    there = writes.run("reanimate", guid, dn, "serviceConnectionPoint")
    assert there["outcome"] == "not-sent" and "not deleted" in there["error"]


def test_whom_deleted_objects_are_not_shown_is_not_told_that_none_is_left(writes):
    """Or an undo by an account with too few rights in that domain would make everything anew."""
    if not writes.ad:
        pytest.skip("slapd keeps no tombstones")
    dn = "CN=Unseen," + EXCHANGE
    guid = writes.new(dn, "serviceConnectionPoint", keywords="one")
    assert writes.run("delete", guid, dn, "serviceConnectionPoint")["outcome"] == "applied"
    writes.set(user=writes.lab.state["directory"]["users"]["audit"], password_file="ad-audit.pass")
    try:
        unseen = writes.run("reanimate", guid, dn, "serviceConnectionPoint", "put=keywords:one")
    finally:
        writes.set()
    assert (unseen["outcome"], unseen["not_found"]) == ("not-sent", False) and "cannot be seen" in unseen["error"], unseen
    never = writes.run("reanimate", str(uuid.uuid4()), dn, "serviceConnectionPoint")
    assert never["not_found"], never
    assert writes.run("reanimate", guid, dn, "serviceConnectionPoint", "put=keywords:one")["outcome"] == "applied"


def descriptor_of(sddl, domain):
    """Hex of a security descriptor as the directory takes it."""
    script = ("import sys\nfrom samba.dcerpc import security\nfrom samba.ndr import ndr_pack\n"
              "print(ndr_pack(security.descriptor.from_sddl(sys.argv[1], security.dom_sid(sys.argv[2]))).hex())")
    return subprocess.run(["/usr/bin/python3", "-c", script, sddl, domain], capture_output=True, text=True, check=True).stdout.strip()


class HalfBack:
    """An object of Active Directory that was deleted, and brought back by the first of an undo's two requests: its attributes are there, and its
    security descriptor is another than the one it had at first."""

    def __init__(self, writes, name):
        self.writes, self.dn = writes, f"CN={name},{EXCHANGE}"
        self.guid = writes.new(self.dn, "serviceConnectionPoint", keywords="one")
        sid = writes.read("DC=fabrikam,DC=com")[0][1]["objectSid"][0]
        domain = "S-1-5-" + "-".join(str(int.from_bytes(sid[8 + i:12 + i], "little")) for i in range(0, len(sid) - 8, 4))
        self.theirs = descriptor_of("O:DAG:DAD:P(A;;GA;;;DA)(A;;GA;;;SY)(A;;RP;;;BA)", domain)
        self.write(nTSecurityDescriptor=descriptor_of("O:DAG:DAD:P(A;;GA;;;DA)(A;;GA;;;SY)(A;;RP;;;WD)", domain))
        self.wanted = self.descriptor()
        self.write(nTSecurityDescriptor=descriptor_of("O:DAG:DAD:P(A;;GA;;;DA)(A;;GA;;;SY)", domain))
        assert writes.run("delete", self.guid, self.dn, "serviceConnectionPoint")["outcome"] == "applied"
        assert writes.run("reanimate", self.guid, self.dn, "serviceConnectionPoint", "put=keywords:one")["outcome"] == "applied"
        assert self.descriptor() != self.wanted

    def descriptor(self):
        return self.writes.ask(dn=self.dn, descriptor=True)

    def write(self, **attributes):
        self.writes.ask(dn=self.dn, modify={name: [value] for name, value in attributes.items()})

    def finish(self):
        return self.writes.run("finish", self.guid, self.dn, "serviceConnectionPoint", "put=keywords:one", f"bytes=nTSecurityDescriptor:{self.wanted}")


def test_what_is_half_back_is_finished(writes):
    """Once: a second try finds it done, and one after somebody else's change leaves that alone."""
    if not writes.ad:
        pytest.skip("slapd keeps no tombstones")
    half = HalfBack(writes, "Half")
    assert half.finish()["outcome"] == "applied" and half.descriptor() == half.wanted
    again = half.finish()
    assert again["outcome"] == "applied" and half.descriptor() == half.wanted
    half.write(nTSecurityDescriptor=half.theirs)
    later = half.finish()
    assert later["outcome"] == "not-sent" and "since written nTSecurityDescriptor" in later["error"] and "exports" in later["remedy"]


def test_what_somebody_wrote_since_is_left_alone(writes):
    if not writes.ad:
        pytest.skip("slapd keeps no tombstones")
    half = HalfBack(writes, "Theirs")
    half.write(nTSecurityDescriptor=half.theirs)
    left, theirs = half.finish(), half.descriptor()
    assert left["outcome"] == "not-sent" and "since written nTSecurityDescriptor" in left["error"] and theirs != half.wanted
    other = HalfBack(writes, "Their keywords")
    other.write(keywords=b"theirs".hex())
    before, left = other.descriptor(), other.finish()
    assert left["outcome"] == "not-sent" and "not as it is to be in keywords" in left["error"]
    assert other.descriptor() == before and writes.read(other.dn)[0][1]["keywords"] == [b"theirs"]


def test_a_new_object_is_recognised_by_what_it_was_given(writes):
    """What an add left, whose answer was lost, is told from somebody's; and what is linked to it is theirs where they linked something."""
    dn = "CN=Made," + EXCHANGE
    guid = writes.new(dn, "serviceConnectionPoint", keywords="one")
    finish = ("finish", guid, dn, "serviceConnectionPoint")
    assert writes.run(*finish, "give=keywords:one")["outcome"] == "applied"
    other = writes.run(*finish, "give=keywords:two")
    assert other["outcome"] == "not-sent" and "not as it is to be in keywords" in other["error"]
    lacking = writes.run(*finish, "give=serviceClassName:none")
    assert lacking["outcome"] == "not-sent" and "serviceClassName" not in writes.read(dn)[0][1]
    link = ("link", guid, dn, "serviceConnectionPoint")
    assert writes.run(*link, "put=serviceClassName:one")["outcome"] == "applied"
    assert writes.run(*link, "put=serviceClassName:one")["outcome"] == "applied"
    left = writes.run(*link, "put=serviceClassName:two")
    assert left["outcome"] == "not-sent" and writes.read(dn)[0][1]["serviceClassName"] == [b"one"]
    assert writes.run("delete", *finish[1:])["outcome"] == "applied"


def test_a_protected_object_names_the_right(writes):
    """The server's own words, the object, and which right is missing."""
    if not writes.ad:
        pytest.skip("slapd has no such rights")
    dn = "CN=Protected," + EXCHANGE
    guid = writes.new(dn, "msExchContainer")
    script = ("import sys\nfrom samba.samdb import SamDB\nfrom samba.auth import system_session\nfrom samba.param import LoadParm\nimport ldb\n"
              "lp = LoadParm(); lp.load(sys.argv[1])\n"
              "sam = SamDB(session_info=system_session(), lp=lp)\nfrom samba.ndr import ndr_pack\nfrom samba.dcerpc import security\n"
              "sid = security.dom_sid(sam.get_domain_sid())\n"
              "def protect(dn, sddl):\n"
              "    m = ldb.Message(ldb.Dn(sam, dn)); m['nTSecurityDescriptor'] = ldb.MessageElement(ndr_pack(security.descriptor.from_sddl(sddl, sid)), ldb.FLAG_MOD_REPLACE, 'nTSecurityDescriptor'); sam.modify(m)\n"
              "protect(sys.argv[2], 'O:DAG:DAD:P' + sys.argv[3] + '(A;;GA;;;DA)')\n"
              "protect(sys.argv[4], 'O:DAG:DAD:P(D;;DC;;;WD)(A;;GA;;;DA)')\n")
    subprocess.run(writes.lab.inside(["/usr/bin/python3", "-c", script, writes.lab.path("samba", "etc", "smb.conf"), dn, PROTECTED, EXCHANGE], "admin"), check=True)
    done = writes.run("delete", guid, dn, "msExchContainer")
    assert done["outcome"] == "failed" and done["refused"] and "LDAP 50" in done["error"], done
    assert "Delete" in done["remedy"] and "protected" in done["remedy"] and done["where"] == dn
    assert writes.read(dn)


if __name__ == "__main__":
    import sys
    reader(json.loads(sys.argv[1]))
