# SPDX-License-Identifier: Apache-2.0
"""The world of a cleanup: one object looked at again, the gate, changes through the executors. Against the lab, through a small
driver (drivers/world_drive.c) that does what the cleanup does."""
import datetime
import glob
import json
import os
import shutil
import sqlite3
import subprocess
import urllib.request

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from cloud_client import Client
from conftest import TOP
from fixtures.lab import certificates
from fixtures.lab.change import Organisation
from fixtures.lab.lab import Lab

BUILD = os.environ.get("BUILD") or os.environ.get("BUILD_DIR") or os.path.join(TOP, "build")
DRIVER = os.path.join(BUILD, "tests", "integration", "drivers", "world_drive")


class Fabrikam:
    def __init__(self, lab, program, case):
        self.lab, self.program, self.case = lab, program, case
        self.configuration = lab.path("fabrikam.yaml")
        self.audit()
        list(program.attest(self.configuration, case, lab.attestations()))

    def audit(self):
        done = self.program.run("-c", self.configuration, "-C", self.case, "--no-progress", "audit", "--format", "json")
        return json.loads(done.stdout)

    def facts(self):
        return max(glob.glob(os.path.join(self.case, "facts-*.db")), key=os.path.getmtime)

    def guid(self, kind, side="on-premises", source=None):
        with sqlite3.connect(self.facts()) as db:
            sql = "SELECT guid, name FROM t_object WHERE side = ? AND kind = ? AND (? IS NULL OR source = ?) ORDER BY fact"
            return db.execute(sql, (side, kind, source, source)).fetchone()

    def world(self, *more, facts=None):
        return World([DRIVER, self.configuration, self.case, facts or self.facts(), *more])

    def exchange(self, method, name, body=None):
        data = None if body is None else json.dumps(body).encode()
        url = self.lab.state["exchange"]["info"]["control"] + name
        with urllib.request.urlopen(urllib.request.Request(url, method=method, data=data), timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def cmdlets(self, **filters):
        query = "&".join(f"{key}={value}" for key, value in {"kind": "cmdlet", **filters}.items())
        return [line["cmdlet"] for line in self.exchange("GET", "log?" + query)]

    def cloud(self, method, name, body=None):
        return Client(self.lab.state["cloud"]["info"]).control(name, body, method)


class World:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0

    def __call__(self, *words):
        self.process.stdin.write("\t".join(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def look(self, path, side, kind, which, *expected):
        answer = self("look", path, side, kind, which, *(expected or ["absent"]))
        assert "error" not in answer, answer
        return answer, [row["source"] for row in answer["image"]["rows"]]


@pytest.fixture(scope="module")
def org(tmp_path_factory, unhybrid):
    folder = tmp_path_factory.mktemp("world")
    lab = Lab("fabrikam", str(folder / "lab"))
    lab.up(exchange="basic")
    yield Fabrikam(lab, unhybrid, str(folder / "case"))
    lab.down()


def test_before_the_richest_source_and_nobody_else_is_asked(org):
    guid, name = org.guid("SendConnector")
    org.exchange("DELETE", "log")
    with org.world() as world:
        answer, sources = world.look("before", "on-premises", "SendConnector", guid.upper())
        row = answer["image"]["rows"][0]
        assert (answer["seen"], sources, row["name"], row["guid"].lower()) == ("there", ["exchange-server"], name, guid)
        assert row["json"]["AddressSpaces"], "the image has what a person needs to put the connector back"
    assert org.cmdlets() == ["Set-ADServerSettings", "Get-SendConnector"]
    assert glob.glob(os.path.join(org.case, ".run-*")) == [], "what was looked at is not left lying"


def test_afterwards_active_directory_is_asked(org):
    """Whether something is gone is asked of the directory, which no cmdlet stands before; values of both."""
    guid, _ = org.guid("SendConnector")
    with org.world() as world:
        org.exchange("DELETE", "log")
        assert world.look("after", "on-premises", "SendConnector", guid)[1] == ["directory"]
        assert org.cmdlets() == []
        assert world.look("after", "on-premises", "SendConnector", guid, "Enabled")[1] == ["exchange-server", "directory"]
        assert world.look("after", "cloud", "OutboundConnector", org.guid("OutboundConnector", "cloud")[0])[1] == ["exchange-online"]


def test_an_object_that_the_directory_never_showed_is_asked_of_the_server_too(org):
    """An object that the directory's filter may not know would look removed from the beginning."""
    with org.world() as world:
        org.exchange("DELETE", "log")
        answer, _ = world.look("after", "on-premises", "SendConnector", "00000000-0000-4000-8000-00000000abcd")
        assert answer["seen"] == "absent" and "Get-SendConnector" in org.cmdlets()


def test_without_a_guid_properties_tell_which(org):
    with org.world() as world:
        answer, _ = world.look("before", "on-premises", "ExchangeCertificate", "Subject=CN=nobody.example")
        assert answer["seen"] == "absent"
        with sqlite3.connect(org.facts()) as db:
            prints = [json.loads(text)["Thumbprint"] for text, in db.execute("SELECT json FROM t_object WHERE kind = 'ExchangeCertificate'")]
        answer, _ = world.look("before", "on-premises", "ExchangeCertificate", "Thumbprint=" + prints[0].lower())
        assert answer["seen"] == "there" and len(answer["image"]["rows"]) == 1
        answer, _ = world.look("before", "on-premises", "ExchangeCertificate", "NotThere=x")
        assert answer["seen"] == "absent"
        found = world("find", "on-premises", "ExchangeCertificate", "Thumbprint", prints[0])
        assert found["seen"] == "there"
        answer, _ = world.look("before", "on-premises", "ExchangeCertificate", "Server=fabex01.fabrikam.com")
        assert answer["seen"] == "unknown" and "objects of the kind" in answer["why"], "several are not one"


def test_what_could_not_be_read_is_not_absent(org):
    guid, _ = org.guid("SendConnector")
    org.exchange("POST", "faults", [{"match": {"cmdlet": "Get-SendConnector"}, "fault": "error", "times": 9,
                                     "args": {"identity": "X,Y", "text": "no", "category": 7}}])
    try:
        with org.world() as world:
            answer, _ = world.look("before", "on-premises", "SendConnector", guid)
            assert answer["seen"] == "unknown" and "SendConnector of exchange-server" in answer["why"]
            assert world.look("after", "on-premises", "SendConnector", guid)[0]["seen"] == "there", "the directory still shows it"
    finally:
        org.exchange("DELETE", "faults")


def pfx():
    """A certificate and its key under a password, as Export-ExchangeCertificate gives them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Federation")]), datetime.datetime(2026, 1, 1)
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
                   .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=3000)).sign(key, hashes.SHA256()))
    return pkcs12.serialize_key_and_certificates(b"x", key, certificate, None, serialization.BestAvailableEncryption(b"secret"))


def without_mac(whole):
    """PFX ::= SEQUENCE { version, authSafe, macData OPTIONAL }, all lengths of two bytes but the version's."""
    assert whole[:2] == b"\x30\x82" and whole[4:7] == b"\x02\x01\x03" and whole[7:9] == b"\x30\x82"
    inner = whole[4:11 + int.from_bytes(whole[9:11], "big")]
    return b"\x30\x82" + len(inner).to_bytes(2, "big") + inner


def test_files_count_where_they_belong_and_are_whole(org):
    """What is taken for the only copy of a private key, before the key is removed, is one; else it says what is wrong with it."""
    guid, _ = org.guid("SendConnector")
    exports = os.path.join(org.case, "exports")
    os.makedirs(exports, exist_ok=True)
    whole = pfx()
    files = {"federation.pfx": whole, "LOUD.PFX": whole, "note.txt": b"x", "empty.pfx": b"", "text.pfx": b"this is the exported key\n",
             "cut.pfx": whole[:-1], "head.pfx": whole[:20], "more.pfx": whole + b"\n", "open.pfx": without_mac(whole),
             "certificate.pfx": whole[4:], "large.pfx": whole + bytes(1 << 20)}
    for name, content in files.items():
        with open(os.path.join(exports, name), "wb") as out:
            out.write(content)
    os.symlink(os.path.join(exports, "federation.pfx"), os.path.join(exports, "link.pfx"))
    os.mkdir(os.path.join(exports, "folder.pfx"))
    asked = [*files, "link.pfx", "folder.pfx", "../case.yaml", "none.pfx"]
    told = {}
    with org.world() as world:
        for name in asked:
            told.update(world.look("after", "on-premises", "SendConnector", guid, "file:" + name)[0]["image"].get("files", {}))
    size = len(whole)
    assert {name: one for name, one in told.items() if isinstance(one, int)} == {"federation.pfx": size, "LOUD.PFX": size, "note.txt": 1}
    wrong = {name: one for name, one in told.items() if isinstance(one, str)}
    says = {"empty.pfx": "empty", "text.pfx": "no PKCS#12", "cut.pfx": "not all of one", "head.pfx": "not all of one", "more.pfx": "follows", "open.pfx": "MAC",
            "certificate.pfx": "no PKCS#12", "large.pfx": "1 MiB", "link.pfx": "cannot be read", "folder.pfx": "no plain file"}
    assert wrong.keys() == says.keys() and all(says[name] in one for name, one in wrong.items()), wrong


def test_a_change_is_sent_to_the_controller_that_was_looked_at_and_seen(org):
    guid, _ = org.guid("SendConnector")
    with org.world() as world:
        world.look("before", "on-premises", "SendConnector", guid)
        done = world("change", "exchange-server", "Set-SendConnector", guid, "Enabled=false")
        assert (done["outcome"], done["domain_controller"]) == ("applied", "dc01.fabrikam.com")
        answer, _ = world.look("after", "on-premises", "SendConnector", guid, "Enabled")
        assert [row["json"]["Enabled"] for row in answer["image"]["rows"]] == [False, False]
        assert world("change", "exchange-server", "Set-SendConnector", guid, "Enabled=true")["outcome"] == "applied"
        cloud, _ = org.guid("OutboundConnector", "cloud")
        assert world("change", "exchange-online", "Set-OutboundConnector", cloud, "Comment=seen")["outcome"] == "applied"
        answer, _ = world.look("after", "cloud", "OutboundConnector", cloud, "Comment")
        assert answer["image"]["rows"][0]["json"]["Comment"] == "seen"


def test_a_run_signs_in_once(org):
    """Not for each look anew: with a person who signs in by device code nobody could work like that."""
    guid, _ = org.guid("OutboundConnector", "cloud")
    principal, _ = org.guid("GraphServicePrincipal", "cloud")

    def tokens():
        return len([line for line in org.cloud("GET", "log") if line["path"].endswith("/token")])

    with org.world() as world:
        org.cloud("POST", "reset", {"keep": ["state", "tokens", "faults"]})
        for _ in range(3):
            assert world.look("before", "cloud", "OutboundConnector", guid)[0]["seen"] == "there"
            assert world.look("before", "cloud", "GraphServicePrincipal", principal)[0]["seen"] == "there"
        assert tokens() == 2, "one for each service"
    org.cloud("POST", "faults", [{"match": {"service": "token", "first": 1}, "fault": "aadsts", "args": {"code": 7000215}, "times": 1}])
    try:
        with org.world() as world:
            answer, _ = world.look("before", "cloud", "OutboundConnector", guid)
            assert answer["seen"] == "unknown" and "7000215" in answer["why"]
            assert world.look("before", "cloud", "OutboundConnector", guid)[0]["seen"] == "there", "one failure is not the run's"
    finally:
        org.cloud("DELETE", "faults")


def test_a_dry_world_sends_nothing(org):
    guid, _ = org.guid("SendConnector")
    org.exchange("DELETE", "log")
    with org.world("dry") as world:
        assert world("change", "exchange-server", "Remove-SendConnector", guid)["outcome"] == "recorded"
        assert world("change", "exchange-online", "Remove-OutboundConnector", org.guid("OutboundConnector", "cloud")[0])["outcome"] == "recorded"
    assert org.exchange("GET", "log") == []


# ---- the gate ----

def drained(org):
    """How often recipients were listed since the logs were emptied: of Exchange Server and of Exchange Online."""
    cloud = [line["cmdlet"] for line in org.cloud("GET", "log?cmdlet=Get-MailPublicFolder")]
    return len([c for c in org.cmdlets() if c == "Get-RemoteMailbox"]), len(cloud)


def age(org, seconds, grows=True, folder=None):
    """A copy of the newest observation that is so much older: all of it, or what is no recipient alone."""
    path = os.path.join(folder, f"aged-{seconds}-{grows}.db")
    shutil.copy(org.facts(), path)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE t_observation SET started_at = started_at - ?, ended_at = ended_at - ?", (seconds, seconds))
        recipients = "('Recipient', 'RemoteMailbox', 'MailUser', 'MailContact', 'DistributionGroup', 'DynamicDistributionGroup', " \
                     "'MailPublicFolder', 'SiteMailbox', 'UMMailbox', 'GraphProvisioningError')"
        db.execute(f"UPDATE t_set SET observed_at = observed_at - ? WHERE ? OR NOT (name IN {recipients} OR name LIKE 'Mailbox%')", (seconds, grows))
    return path


def of(answer):
    return {check["id"]: check for check in answer["checks"]}


def test_the_gate_of_an_organisation_that_is_ready(org, tmp_path):
    """An observation of a moment ago is not made again; the gate's own two checks are among its checks."""
    org.exchange("DELETE", "log")
    org.audit()
    with org.world("now") as world:
        org.exchange("DELETE", "log")
        answer = world("gate", "-")
        assert answer["verdict"] == "ready", [c for c in answer["checks"] if c["status"] in ("fail", "unknown")]
        assert of(answer)["cleanup.backup"]["status"] == of(answer)["cleanup.observation-window"]["status"] == "pass"
        assert all(check["before"] == check["status"] for check in answer["checks"])
        assert org.exchange("GET", "log") == [], "nobody is asked twice"
        assert world("gate", "-")["verdict"] == "ready"
        assert "Get-SendConnector" in org.cmdlets() and "Get-RemoteMailbox" not in org.cmdlets(), "but later in the run"
    for more, facts in (["now"], age(org, 1200, True, tmp_path)), ([], None):
        org.exchange("DELETE", "log")
        with org.world(*more, facts=facts) as world:
            assert world("gate", "-")["verdict"] == "ready"
        assert "Get-SendConnector" in org.cmdlets() and "Get-RemoteMailbox" not in org.cmdlets(), "an older one, or another run's"


PRINTERS = {"Name": "Printers", "ConnectorType": "OnPremises", "ConnectorSource": "AdminUI", "SenderIPAddresses": ["203.0.113.40"]}
CONTOSO = {"name": "Contoso", "domains": ["contoso.example"], "target": "contoso.example"}


def test_the_gate_sees_what_changed_since_and_drains_no_recipients(org):
    """On both sides, right after an observation that did not see it; and the difference is told."""
    org.audit()
    checks = "relay.inbound-connector,sharing.partner,mailbox.on-premises,dns.mx"
    with org.world() as world:
        org.exchange("DELETE", "log")
        org.cloud("POST", "reset", {"keep": ["state", "tokens", "faults"]})
        assert world("gate", checks)["verdict"] == "ready"
        with Organisation(org.lab).changed({"cloud": {"exchange_online/InboundConnector+": [PRINTERS]}, "directory": {"organization_relationships+": [CONTOSO]}}):
            answer = of(world("gate", checks))
        assert answer.keys() == set(checks.split(","))
        assert {id_: (check["before"], check["status"]) for id_, check in answer.items()} == {
            "relay.inbound-connector": ("pass", "fail"), "sharing.partner": ("pass", "fail"), "mailbox.on-premises": ("pass", "pass"), "dns.mx": ("pass", "pass")}
        assert answer["relay.inbound-connector"]["detail"].startswith("Printers: ") and answer["sharing.partner"]["detail"].startswith("Contoso: ")
        assert world("gate", checks)["verdict"] == "ready", "what is gone again is gone"
        assert drained(org) == (0, 0)
    assert glob.glob(os.path.join(org.case, ".run-*")) == []


def test_before_a_step_only_what_its_checks_need_is_observed(org):
    """Not everything for each of a dozen steps; and what a check learns while it runs is asked for too."""
    org.audit()

    def asked(world, checks):
        org.exchange("DELETE", "log")
        org.cloud("POST", "reset", {"keep": ["state", "tokens", "faults"]})
        answer = of(world("gate", checks))
        assert {check["status"] for check in answer.values()} == {"pass"}, answer
        return {c for c in org.cmdlets() if c.startswith("Get-")}, {line["cmdlet"] for line in org.cloud("GET", "log") if (line.get("cmdlet") or "").startswith("Get-")}

    with org.world("now") as world:
        assert asked(world, "relay.receive-connector") == ({"Get-ReceiveConnector"}, set())
        assert asked(world, "mailbox.on-premises") == (set(), set()), "recipients are the run's"
        assert asked(world, "routing.send-connector")[0] == {"Get-SendConnector", "Get-ForeignConnector", "Get-DeliveryAgentConnector"}
        assert asked(world, "dns.mx") == ({"Get-AcceptedDomain"}, {"Get-AcceptedDomain"})
        assert "Get-OrganizationConfig" in asked(world, "sanity.domains")[0], "all configuration"


def test_recipients_are_observed_again_before_what_cannot_be_undone_when_they_are_old(org, tmp_path):
    org.audit()
    old = age(org, 2 * 3600, True, tmp_path)
    files = len(glob.glob(os.path.join(org.case, "facts-*.db")))
    with org.world(facts=old) as world:
        org.exchange("DELETE", "log")
        org.cloud("POST", "reset", {"keep": ["state", "tokens", "faults"]})
        assert world("gate", "mailbox.on-premises")["verdict"] == "ready"
        assert drained(org) == (0, 0), "what can be undone is content with two hours"
        for _ in range(3):
            assert world("gate", "mailbox.on-premises", "irreversible")["verdict"] == "ready"
        assert drained(org) == (1, 1), "once, and then they are fresh"
    assert len(glob.glob(os.path.join(org.case, "facts-*.db"))) == files + 1


def test_recipients_whose_reading_takes_longer_than_they_may_be_old(org, tmp_path):
    """Two hours for a fresh_for of one: what the run has just read is not read again before each action, and an hour later it is."""
    org.audit()
    for ended, drains in ((600, 0), (3700, 1)):
        facts = age(org, ended, False, tmp_path)
        with sqlite3.connect(facts) as db:
            db.execute("UPDATE t_set SET observed_at = observed_at - 7200")
        with org.world(facts=facts) as world:
            org.exchange("DELETE", "log")
            org.cloud("POST", "reset", {"keep": ["state", "tokens", "faults"]})
            assert world("gate", "mailbox.on-premises", "irreversible")["verdict"] == "ready"
            assert drained(org) == (drains, drains), ended


def test_a_backup_stated_long_ago_and_a_window_nobody_stated(org):
    """Each of the two facts is asked for by itself, and the gate stays shut without it."""
    with open(org.configuration, encoding="utf-8") as text:
        configuration = yaml.safe_load(text)
    stated = org.lab.path(configuration["attestations"])
    with open(stated, encoding="utf-8") as text:
        whole = text.read()
    entries = yaml.safe_load(whole)
    try:
        for fact in ("cleanup.backup", "cleanup.observation-window"):
            rest = {"attestations": [e for e in entries["attestations"] if e["fact"] != fact]}
            certificates.write_private(stated, yaml.safe_dump(rest))
            with org.world() as world:
                answer = world("gate", "-")
            assert answer["verdict"] == "undetermined" and of(answer)[fact]["status"] == "unknown" and "nobody stated" in of(answer)[fact]["detail"]
        old = [dict(e, **{"from": "2026-01-01T00:00:00Z"}) if e["fact"] == "cleanup.backup" else e for e in entries["attestations"]]
        certificates.write_private(stated, yaml.safe_dump({"attestations": old}))
        with org.world() as world:
            answer = of(world("gate", "cleanup.backup"))["cleanup.backup"]
        assert answer["status"] == "unknown" and "counts for 7" in answer["detail"]
        # What `attest add --days 7` stated before an observation pause of seven days.
        ended = [dict(e, **{"from": "2026-01-01T00:00:00Z", "until": "2026-01-08T00:00:00Z"}) if e["fact"] == "cleanup.backup" else e
                 for e in entries["attestations"]]
        certificates.write_private(stated, yaml.safe_dump({"attestations": ended}))
        with org.world() as world:
            answer = of(world("gate", "cleanup.backup"))["cleanup.backup"]
        assert answer["status"] == "unknown" and "has ended" in answer["detail"]
    finally:
        certificates.write_private(stated, whole)


def test_a_fresh_statement_is_fresh_however_old_the_observation_is(org, tmp_path):
    """After a pause of a week: what `attest add` wrote a moment ago opens the gate of the cleanup, and of the uninstall."""
    case, asked = str(tmp_path / "case"), ("cleanup.backup", "setup.queue")
    os.mkdir(case, 0o700)
    shutil.copy(os.path.join(org.case, "case.yaml"), case)
    facts = shutil.copy(org.facts(), case)
    with sqlite3.connect(facts) as db:
        db.execute("UPDATE t_observation SET started_at = started_at - 691200, ended_at = ended_at - 691200")
        db.execute("UPDATE t_set SET observed_at = observed_at - 691200")
    stated = org.lab.path("attestations.yaml")
    with open(stated, encoding="utf-8") as text:
        whole = text.read()
    try:
        for fact in asked:
            for verb in (("withdraw", fact), ("add", fact, "yes", "--approver", "Grace Hopper", "--days", "30")):
                done = org.program.run("-c", org.configuration, "-C", case, "attest", *verb)
                assert done.returncode == 0, done.stderr
        done = org.program.run("-c", org.configuration, "-C", case, "--no-progress", "cleanup", "--dry-run")
        assert "before it begins" in done.stderr and "cleanup.backup" not in done.stderr, done.stderr
        with World([DRIVER, org.configuration, case, facts]) as world:
            answer = of(world("gate", ",".join(asked)))
        assert {fact: (answer[fact]["status"], answer[fact]["before"]) for fact in asked} == dict.fromkeys(asked, ("pass", "pass"))
    finally:
        certificates.write_private(stated, whole)


def test_who_waits_needs_no_statement(org, tmp_path):
    """With a pause the cleanup watches by itself."""
    with open(org.configuration, encoding="utf-8") as text:
        configuration = yaml.safe_load(text)
    configuration["pauses"] = {"observe": "7d"}
    path = org.lab.path("waits.yaml")
    certificates.write_private(path, yaml.safe_dump({key: value for key, value in configuration.items() if key != "attestations"}))
    with World([DRIVER, path, str(tmp_path / "case"), "-"]) as world:
        answer = of(world("gate", "cleanup.observation-window,cleanup.backup"))
    assert answer["cleanup.observation-window"]["status"] == "pass" and answer["cleanup.backup"]["status"] == "unknown"


def test_a_check_that_there_is_not_is_a_bug_of_the_step(org):
    with org.world() as world:
        assert world("gate", "mailbox.nothing")["exit"] == 70


def test_how_long_things_take(org):
    with org.world() as world:
        answer = world("settles")
    assert (answer["directory"], answer["cloud"]) == (3, 5)


# ---- what the cleanup takes away, kind by kind ----

KINDS = [("on-premises", kind) for kind in (
    "HybridConfiguration", "IntraOrganizationConnector", "SendConnector", "ReceiveConnector", "OrganizationRelationship", "AvailabilityAddressSpace",
    "RemoteDomain", "FederationTrust", "FederatedOrganizationIdentifier", "AuthServer", "AuthConfig", "PartnerApplication", "SettingOverride",
    "AcceptedDomain", "WebServicesVirtualDirectory")] + [("cloud", kind) for kind in (
        "IntraOrganizationConnector", "InboundConnector", "OutboundConnector", "OrganizationRelationship", "AvailabilityAddressSpace", "RemoteDomain",
        "MigrationEndpoint", "OnPremisesOrganization", "AcceptedDomain", "GraphServicePrincipal", "GraphApplication", "GraphProxyPrincipal")]


@pytest.mark.parametrize("side,kind", KINDS)
def test_every_kind_is_looked_at_by_guid(org, side, kind):
    """There before and afterwards, by the very GUID that the plan has; and one that is not there is absent, not unknown."""
    with sqlite3.connect(org.facts()) as db:
        guids = [guid for guid, in db.execute("SELECT DISTINCT guid FROM t_object WHERE side = ? AND kind = ?", (side, kind))]
    assert guids and all(guids)
    with org.world() as world:
        for guid in guids:
            for path, expected in (("before", "absent"), ("after", "absent"), ("after", "Name")):
                answer, sources = world.look(path, side, kind, guid, expected)
                assert answer["seen"] == "there" and sources, (path, answer)
        for path in ("before", "after"):
            answer, _ = world.look(path, side, kind, "00000000-0000-4000-8000-00000000abcd")
            assert (answer["seen"], answer["why"]) == ("absent", ""), path


def cleaned(org, world):
    """The cleanup by hand, in its order; yields after each step what was done."""
    with sqlite3.connect(org.facts()) as db:
        rows = db.execute("SELECT DISTINCT kind, side, guid, name FROM t_object WHERE guid <> ''").fetchall()
        federated = json.loads(db.execute("SELECT json FROM t_object WHERE kind = 'FederatedOrganizationIdentifier' AND source = 'exchange-server'").fetchone()[0])
        prints = {json.loads(text)["Subject"]: json.loads(text)["Thumbprint"] for text, in db.execute("SELECT json FROM t_object WHERE kind = 'ExchangeCertificate'")}

    def change(side, cmdlet, guid, *arguments):
        done = world("change", "exchange-server" if side == "on-premises" else "exchange-online", cmdlet, guid, *arguments)
        assert done.get("outcome") == "applied", (cmdlet, done)

    def each(verb, kind, side, beginning, *arguments):
        found = [guid for kind_, side_, guid, name in rows if (kind_, side_) == (kind, side) and name.startswith(beginning) and not name.endswith("00aa")]
        assert found, (kind, beginning)
        for guid in found:
            change(side, f"{verb}-{kind}", guid, *arguments)

    each("Set", "SendConnector", "on-premises", "Outbound to", "Enabled=false")
    for kind, side in (("OutboundConnector", "cloud"), ("InboundConnector", "cloud"), ("OrganizationRelationship", "on-premises")):
        each("Set", kind, side, "On-premises to" if side == "on-premises" else kind[:-9] + (" from 5d0f" if kind[0] == "I" else " to 5d0f"), "Enabled=false")
    yield "disabled"
    change("on-premises", "Remove-HybridConfiguration", "-")
    yield "hybrid configuration"
    for side in ("on-premises", "cloud"):
        each("Remove", "IntraOrganizationConnector", side, "HybridIOC")
    yield "intra-organization connectors"
    each("Remove", "SendConnector", "on-premises", "Outbound to")
    yield "send connector"
    each("Remove", "InboundConnector", "cloud", "Inbound from 5d0f")
    each("Remove", "OutboundConnector", "cloud", "Outbound to 5d0f")
    yield "connectors in the cloud"
    each("Remove", "OrganizationRelationship", "on-premises", "On-premises to")
    each("Remove", "OrganizationRelationship", "cloud", "O365 to")
    yield "relationships"
    each("Remove", "AvailabilityAddressSpace", "on-premises", "fabrikam")
    each("Remove", "RemoteDomain", "on-premises", "Hybrid Domain")
    each("Remove", "RemoteDomain", "cloud", "Hybrid Domain")
    yield "leftovers"
    last = ("fabrikam.com", federated["AccountNamespace"])   # the domain of the account namespace takes that with it
    for domain in [domain for domain in federated["Domains"] if domain not in last] + [last[0]]:
        change("on-premises", "Remove-FederatedDomain", "-", "DomainName=" + domain, "Force=true")
    yield "federated domains"
    each("Remove", "FederationTrust", "on-premises", "")
    change("on-premises", "Remove-ExchangeCertificate", "-", "Thumbprint=" + next(p for s, p in prints.items() if s.lower() == "cn=federation"),
           "Server=fabex01.fabrikam.com")
    yield "federation trust and its certificate"
    client = Client(org.lab.state["cloud"]["info"], 1)
    principal = next(guid for kind, _, guid, _ in rows if kind == "GraphServicePrincipal")
    assert client.graph("PATCH", "/v1.0/servicePrincipals/" + principal, {"keyCredentials": []}).status == 204
    for guid in [guid for kind, _, guid, name in rows if kind == "GraphApplication" and name != "Intranet"]:
        assert client.graph("DELETE", "/v1.0/applications/" + guid).status == 204
    each("Remove", "SettingOverride", "on-premises", "EnableExchangeHybrid")
    for name in ("ACS", "EvoSts"):
        each("Remove", "AuthServer", "on-premises", name)
    yield "credentials, applications, authorization servers"


def test_the_gate_stays_open_while_the_cleanup_goes_on(org):
    """A check that reads what the cleanup took away must not stop it half-way. Comes last: the organisation is gone then."""
    org.audit()
    with org.world() as world:
        assert world("gate", "-")["verdict"] == "ready"
        steps = []
        for step in cleaned(org, world):
            answer = world("gate", "-")
            worse = [c for c in answer["checks"] if c["status"] in ("fail", "unknown") and c["before"] not in ("fail", "unknown")]
            assert (answer["verdict"], worse) == ("ready", []), step
            steps.append(step)
        assert len(steps) == 10
    assert org.audit()["verdict"] == "ready", "and to an audit that observes everything anew"
