# SPDX-License-Identifier: Apache-2.0
"""The directory executor in a forest of several domains: each change is sent to a controller that holds its object, and where none can be asked
that is said, and never that the object is not there: an undo would make it anew."""
import json
import os
import random
import subprocess
import uuid

import ldap
import pytest
import yaml

from conftest import TOP
from fixtures.lab import certificates
from fixtures.lab.ldap_responder import Responder
from fixtures.lab.slapd import Slapd, account_ldif

BUILD = os.environ.get("BUILD_DIR") or os.environ.get("MESON_BUILD_ROOT") or os.path.join(TOP, "build")
DRIVER = os.path.join(BUILD, "tests", "integration", "drivers", "directory_write")
ROOT, CHILD, WRONG, LOST = "DC=fabrikam,DC=com", "DC=emea,DC=fabrikam,DC=com", "DC=apac,DC=fabrikam,DC=com", "DC=lost,DC=fabrikam,DC=com"
CONFIGURATION = "CN=Configuration," + ROOT
PARTITIONS = "CN=Partitions," + CONFIGURATION
SYSTEM = "CN=Microsoft Exchange System Objects,"
USERS = "CN=Users," + ROOT
OPERATOR = "CN=admin," + USERS
PASSWORD = "Aa1-not-a-secret"
EXCHANGE = "CN=Microsoft Exchange,CN=Services," + CONFIGURATION
THING = "publicFolder"  # a class that may be deleted among the system objects
SHOW_DELETED = "1.2.840.113556.1.4.417"


def entry(dn, *classes, **attributes):
    lines = [f"dn: {dn}", "objectClass: top", *(f"objectClass: {name}" for name in classes)]
    return "\n".join(lines + [f"{name}: {value}" for name, value in attributes.items()]) + "\n\n"


def load(server, context, *entries):
    loader = server.open_loader(context)
    loader.stdin.write("".join(entries).encode())
    server.close_loader(loader)


def write_configuration(path, url, **more):
    certificates.write_private(os.path.join(os.path.dirname(path), "admin.pass"), PASSWORD + "\n")
    directory = {"url": url, "bind": "simple", "user": OPERATOR, "password_file": "admin.pass", **more}
    certificates.write_private(path, yaml.safe_dump({"organization": "fabrikam", "operator": {"directory": directory}}))


def drive(path, *words):
    """What came of each change; one executor for all."""
    done = subprocess.run([DRIVER, path, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class Forest:
    """Two controllers: one of the root domain, with the configuration, and one of a child domain alone."""

    def __init__(self, directory):
        os.makedirs(directory)
        self.path = os.path.join(directory, "domains.yaml")
        authority = certificates.Authority(directory)
        tls = (authority.path, *authority.issue("dc", "dc01", ["127.0.0.1"]))
        account = {"admin": (OPERATOR, PASSWORD)}
        self.near = Slapd(os.path.join(directory, "near"), [ROOT, CONFIGURATION], account, "dc01.fabrikam.com", tls)
        self.far = Slapd(os.path.join(directory, "far"), [CHILD, USERS], account, "dc01.emea.fabrikam.com", tls)
        for server in (self.near, self.far):
            server.configure()
        users = entry(USERS, "container") + account_ldif(OPERATOR, "admin", PASSWORD)
        load(self.near, ROOT, entry(ROOT, "domainDNS"), users)
        load(self.near, CONFIGURATION, entry(CONFIGURATION, "configuration"), entry(PARTITIONS, "crossRefContainer"),
             entry("CN=Services," + CONFIGURATION, "container"), entry(EXCHANGE, "msExchConfigurationContainer"))
        load(self.far, CHILD, entry(CHILD, "domainDNS"), entry(SYSTEM + CHILD, "msExchSystemObjectsContainer"))
        load(self.far, USERS, users)
        for server in (self.near, self.far):
            server.start()
        self.cross_ref("EMEA", CHILD, self.far.tls_port)
        self.cross_ref("APAC", WRONG, self.near.tls_port)
        write_configuration(self.path, f"ldaps://127.0.0.1:{self.near.tls_port}", ca_file="ca.pem")

    def connection(self, server):
        link = ldap.initialize(f"ldap://127.0.0.1:{server.port}")
        link.simple_bind_s(OPERATOR, PASSWORD)
        return link

    def cross_ref(self, name, domain, port):
        values = {"objectClass": ["crossRef"], "nCName": [domain], "dnsRoot": [f"127.0.0.1:{port}"], "systemFlags": ["3"]}
        self.connection(self.near).add_s(f"CN={name},{PARTITIONS}", [(key, [v.encode() for v in value]) for key, value in values.items()])

    def new(self, server, dn, object_class, **attributes):
        guid = uuid.uuid4()
        self.connection(server).add_s(dn, [("objectClass", [object_class.encode()]), ("objectGUID", [guid.bytes_le]),
                                           *((key, [value.encode()]) for key, value in attributes.items())])
        return str(guid)

    def logins(self):
        return [sum(" BIND dn=" in line and "method=128" in line for line in server.operations()) for server in (self.near, self.far)]

    def read(self, server, dn):
        try:
            return self.connection(server).search_s(dn, ldap.SCOPE_BASE)[0][1]
        except ldap.NO_SUCH_OBJECT:
            return None

    def run(self, *words):
        one, = drive(self.path, *words)
        return one


@pytest.fixture(scope="module")
def forest(tmp_path_factory):
    forest = Forest(str(tmp_path_factory.mktemp("domains") / "forest"))
    yield forest
    forest.near.stop()
    forest.far.stop()


def test_another_domains_object_is_changed_there(forest):
    dn = "CN=Pointer," + SYSTEM + CHILD
    guid = forest.new(forest.far, dn, "serviceConnectionPoint", keywords="one")
    done = forest.run("modify", guid, dn, "serviceConnectionPoint", "put=keywords:two")
    assert (done["outcome"], done["server"]) == ("applied", "dc01.emea.fabrikam.com"), done
    assert forest.read(forest.far, dn)["keywords"] == [b"two"]


def test_another_domains_object_is_deleted_there(forest):
    """A system account of Setup's, and the container with what is in it."""
    account = "CN=SystemMailbox{1f05a927-3be2-4fb9-aa03-b59fe3b56f4c}," + SYSTEM + CHILD
    guid = forest.new(forest.far, account, "user")
    done = forest.run("delete", guid, account, "user")
    assert (done["outcome"], done["objects"]) == ("applied", 1) and forest.read(forest.far, account) is None
    gone = forest.run("delete", guid, account, "user")
    assert (gone["outcome"], gone["not_found"]) == ("not-sent", True), "who holds the domain may say so"


def test_the_configured_one_and_the_others_take_turns(forest):
    """One executor, one connection to each: what stands in the configuration is changed at the configured controller."""
    near, far = "CN=Near," + EXCHANGE, "CN=Far," + SYSTEM + CHILD
    guids = forest.new(forest.near, near, "msExchContainer"), forest.new(forest.far, far, "serviceConnectionPoint", keywords="one")
    before = forest.logins()
    done = drive(forest.path, "modify", guids[1], far, "serviceConnectionPoint", "put=keywords:two", "--", "delete", guids[0], near, "msExchContainer",
                 "--", "modify", guids[1], far, "serviceConnectionPoint", "take=keywords:two")
    assert [one["outcome"] for one in done] == ["applied"] * 3, done
    assert [one["server"] for one in done] == ["dc01.emea.fabrikam.com", "dc01.fabrikam.com", "dc01.emea.fabrikam.com"]
    assert [now - then for now, then in zip(forest.logins(), before)] == [1, 1]


@pytest.mark.parametrize("action", ["delete", "reanimate", "add", "link"])
def test_a_domain_that_cannot_be_reached_is_named(forest, action):
    """Not "it is not there", which would let an undo make it anew; nor is it made at the wrong controller."""
    dn = "CN=Unreached," + SYSTEM + CHILD
    edits = ("put=keywords:one",) if action == "link" else ("give=objectClass:publicFolder",) if action == "add" else ()
    forest.far.stop()
    try:
        done = forest.run(action, "-" if action == "add" else str(uuid.uuid4()), dn, THING, *edits)
    finally:
        forest.far.start(forest.far.port, forest.far.tls_port)
    assert (done["outcome"], done["not_found"], done["objects"]) == ("not-sent", False, 0), done
    assert CHILD in done["error"] and "not there" not in done["error"]
    assert f"ldaps://127.0.0.1:{forest.far.tls_port}" in done["where"] and "operator.directory" in done["remedy"]


@pytest.mark.parametrize("action", ["delete", "reanimate"])
def test_who_does_not_hold_the_domain_is_refused(forest, action):
    done = forest.run(action, str(uuid.uuid4()), "CN=x," + SYSTEM + WRONG, THING)
    assert (done["outcome"], done["not_found"]) == ("not-sent", False), done
    assert WRONG in done["error"] and "does not hold it" in done["error"] and str(forest.near.tls_port) in done["where"]


def test_a_domain_that_nothing_tells_of(forest):
    done = forest.run("delete", str(uuid.uuid4()), "CN=x," + SYSTEM + LOST, THING)
    assert (done["outcome"], done["not_found"]) == ("not-sent", False), done
    assert LOST in done["error"] and "crossRef" in done["error"] and done["remedy"]


# ---- scripted servers: what slapd does not do

def guid_hex(guid):
    return "hex:" + uuid.UUID(guid).bytes_le.hex()


class Scripted:
    """A Responder as the configured controller. Reading in the clear is possible on loopback, writing never."""

    def __init__(self, tmp_path, entries, domain=ROOT, contexts=(ROOT, CONFIGURATION), controls=(SHOW_DELETED,), faults=(), **how):
        root = {"namingContexts": list(contexts), "defaultNamingContext": domain, "configurationNamingContext": CONFIGURATION,
                "supportedControl": list(controls) or ["1.2.3"], "dnsHostName": "dc." + domain}
        self.server = Responder({"entries": {"": root, **entries}, "faults": list(faults)}, **how)
        self.path = str(tmp_path / "scripted.yaml")
        write_configuration(self.path, self.server.url, security="plain")

    def objects(self):
        """The searches for objects by their GUID."""
        return [s for s in self.server.searches() if s["base"].startswith("<GUID=")]


def cross_refs(port):
    return {f"CN=EMEA,{PARTITIONS}": {"objectClass": ["crossRef"], "nCName": [CHILD], "dnsRoot": [f"127.0.0.1:{port}"]}}


def deleted_objects(context):
    return {"CN=Deleted Objects," + context: {"objectClass": ["top", "container"], "isDeleted": True}}


def test_a_catalogues_part_of_a_domain_is_not_the_domain(tmp_path):
    """A global catalogue may name every domain among what it holds."""
    far = Scripted(tmp_path, deleted_objects(CHILD), domain=CHILD, contexts=(CONFIGURATION, CHILD))
    near = Scripted(tmp_path, cross_refs(far.server.port), contexts=(ROOT, CONFIGURATION, CHILD))
    done, = drive(near.path, "reanimate", str(uuid.uuid4()), "CN=x," + SYSTEM + CHILD, THING)
    assert done["not_found"] and done["server"] == "dc." + CHILD, done
    assert not near.objects() and len(far.objects()) == 1


def test_a_catalogues_part_is_no_controller_of_the_domain(tmp_path):
    other = Scripted(tmp_path, {}, contexts=(ROOT, CONFIGURATION, CHILD))
    near = Scripted(tmp_path, cross_refs(other.server.port))
    done, = drive(near.path, "reanimate", str(uuid.uuid4()), "CN=x," + SYSTEM + CHILD, THING)
    assert (done["outcome"], done["not_found"]) == ("not-sent", False) and "does not hold it" in done["error"], done


def test_a_childs_controller_has_the_configuration_and_not_the_root_domain(tmp_path):
    near = Scripted(tmp_path, {}, domain=CHILD, contexts=(CONFIGURATION, CHILD))
    configuration, root = drive(near.path, "delete", str(uuid.uuid4()), "CN=x," + EXCHANGE, "msExchContainer",
                                "--", "delete", str(uuid.uuid4()), "CN=x," + SYSTEM + ROOT, THING)
    assert configuration["not_found"] and configuration["server"] == "dc." + CHILD
    assert (root["outcome"], root["not_found"]) == ("not-sent", False) and f"the domain {ROOT}" in root["error"], root


def test_a_connection_that_broke_is_opened_again(tmp_path):
    far = Scripted(tmp_path, {}, domain=CHILD, contexts=(CONFIGURATION, CHILD),
                   faults=[{"attribute": "objectGUID", "reset": True, "times": 1}])
    near = Scripted(tmp_path, cross_refs(far.server.port))
    change = ("delete", str(uuid.uuid4()), "CN=x," + SYSTEM + CHILD, THING)
    first, second = drive(near.path, *change, "--", *change)
    assert (first["outcome"], first["not_found"]) == ("not-sent", False), first
    assert second["not_found"] and second["server"] == "dc." + CHILD, second


@pytest.mark.parametrize("domain", [ROOT, CHILD])
def test_a_connection_that_was_closed_while_idle_costs_no_change(tmp_path, domain):
    """The controllers close it after the first change, as Active Directory does after a quarter of an hour."""
    closes = [{"attribute": "objectGUID", "close": True, "times": 1}]
    far = Scripted(tmp_path, {}, domain=CHILD, contexts=(CONFIGURATION, CHILD), faults=closes if domain == CHILD else [])
    near = Scripted(tmp_path, cross_refs(far.server.port), faults=closes if domain == ROOT else [])
    change = ("delete", str(uuid.uuid4()), "CN=x," + SYSTEM + domain, THING)
    first, second = drive(near.path, *change, "--", *change)
    assert first["not_found"] and second["not_found"] and second["server"] == "dc." + domain, second


def test_a_global_catalogue_is_not_asked_to_change_anything(tmp_path):
    host = "127.%d.%d.%d" % tuple(random.randrange(1, 255) for _ in range(3))
    catalogue = Scripted(tmp_path, {}, host=host, port=3268)
    done, = drive(catalogue.path, "delete", str(uuid.uuid4()), "CN=x," + SYSTEM + ROOT, THING)
    assert (done["outcome"], done["not_found"]) == ("not-sent", False) and "global catalogue" in done["error"], done
    assert "operator.directory.url" in done["remedy"] and not catalogue.server.searches()


def test_an_object_that_does_not_show_its_guid_is_not_gone(tmp_path):
    dn, guid = "CN=x," + SYSTEM + ROOT, str(uuid.uuid4())
    near = Scripted(tmp_path, {ROOT: {"objectClass": ["domainDNS"]}, CONFIGURATION: {"objectClass": ["configuration"]},
                               dn: {"objectClass": ["top", THING], "objectGUID": [guid_hex(guid)]}}, controls=(),
                    faults=[{"attribute": "objectGUID", "hide": ["objectGUID"]}])
    done, = drive(near.path, "delete", guid, dn, THING)
    assert (done["outcome"], done["not_found"]) == ("not-sent", False) and "in full" in done["error"], done


@pytest.mark.parametrize("context,place", [(ROOT, SYSTEM + ROOT), (CONFIGURATION, EXCHANGE)])
def test_a_tombstone_that_could_not_be_seen_is_not_gone(tmp_path, context, place):
    """Deleted objects are shown to administrators alone, and each part of the directory has its own."""
    change = ("reanimate", str(uuid.uuid4()), "CN=x," + place, "msExchContainer")
    other = deleted_objects(CONFIGURATION if context == ROOT else ROOT)
    unseen, = drive(Scripted(tmp_path, other).path, *change)
    assert (unseen["outcome"], unseen["not_found"]) == ("not-sent", False) and "cannot be seen" in unseen["error"], unseen
    assert "CN=Deleted Objects," + context in unseen["remedy"]
    hidden, = drive(Scripted(tmp_path, deleted_objects(context), faults=[{"base": "CN=Deleted Objects," + context, "hide": ["objectClass"]}]).path, *change)
    assert not hidden["not_found"] and "cannot be seen" in hidden["error"], hidden
    seen, = drive(Scripted(tmp_path, deleted_objects(context)).path, *change)
    assert seen["not_found"], seen
