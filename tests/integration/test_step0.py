# SPDX-License-Identifier: Apache-2.0
"""Step 0: the export that stands before anything is deleted. It is whole or it is not there, holds every row of the facts
and no secret, and what is changed in it afterwards shows.

The facts are small and written row by row with facts_make.
"""
import base64
import hashlib
import json
import os
import pathlib
import re
import stat
import subprocess

import jsonschema
import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD_DIR") or TOP / "build")
DRIVERS = BUILD / "tests" / "integration" / "drivers"
SOURCE = (TOP / "engine" / "plan" / "export.c").read_text(encoding="utf-8")
PLANTED = "planted-value-that-is-nobody's"
NOW = 1_800_000_000
HOSTILE = "Zo\u00eb \u202etxt.exe\" \\ \x1b[2J\n: <"


def required():
    """The sets as the source lists them, side by side."""
    block = SOURCE[SOURCE.index("} required[] = {"):SOURCE.index("not_exported[]")]
    out = []
    for side, text in re.findall(r'\{"(on-premises|cloud)",\s*((?:"[^"]*"\s*)+)\}', block):
        out += [(side, kind) for kind in "".join(re.findall(r'"([^"]*)"', text)).split()]
    return out


REQUIRED = required()


def certificate(scratch):
    """A certificate's bytes."""
    key, pem, der = (str(scratch / name) for name in ("k.pem", "c.pem", "c.der"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", pem, "-subj", "/CN=Federation",
                    "-days", "30"], check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-in", pem, "-outform", "DER", "-out", der], check=True, capture_output=True)
    return pathlib.Path(der).read_bytes()


def put(kind, name, properties, side="on-premises", source="exchange-server"):
    return {"table": "object", "row": {"source": source, "side": side, "kind": kind, "listing": "", "identity": name, "name": name,
                                       "guid": "00000000-0000-4000-8000-000000000001", "json": properties}}


def recipient(number, **values):
    row = {"domain": "DC=x", "via": "dc", "guid": f"00000000-0000-4000-8000-{number:012x}", "dn": f"CN=u{number},DC=x"}
    return {"table": "directory_recipient", "row": {**row, **values}}


class Facts:
    def __init__(self, tmp_path):
        self.directory = tmp_path
        self.case = tmp_path / "x.case"
        self.case.mkdir(mode=0o700)
        self.bytes = certificate(tmp_path)
        raw = base64.b64encode(self.bytes).decode()
        self.rows = [
            {"table": "observation", "row": {"organization": "northwind", "tenant": "t", "program": "0", "host": "h", "started_at": NOW,
                                             "ended_at": NOW + 1}},
            put("SendConnector", HOSTILE, {"Name": HOSTILE, "AddressSpaces": ["smtp:*;1"], "SmartHosts": {"@answer": "refused"},
                                           "AuthenticationCredential": {"Password": PLANTED, "UserName": "u"}}),
            put("SendConnector", "second", {"Name": "second", "Deep": [{"sharedSecret": PLANTED, "Kept": 1}]}, source="directory"),
            put("GraphServicePrincipal", "Exchange Online", {
                "keyCredentials": [{"keyId": "1", "thumbprint": "AB", "privateKey": PLANTED}],
                "passwordCredentials": [{"keyId": "2", "secretText": PLANTED}]}, side="cloud", source="graph"),
            put("ExchangeCertificate", "EX01", {"RawData": raw, "Thumbprint": "x"}),
            put("ExchangeCertificate", "EX02", {"RawData": raw, "Thumbprint": "x"}),
            put("ExchangeCertificate", "EX03", {"RawData": "bm90IGEgY2VydA==", "Thumbprint": "y"}),
            put("TransportRule", "a rule of Exchange Server", {"Name": "r"}),
            recipient(1, mail="ada@x.example", addresses=["SMTP:ada@x.example", "X500:/o=Org/cn=ada"], alias="ada", target_address=None,
                      legacy_dn="/o=Org/ou=G/cn=ada", recipient_type_details=2147483648, account_control=None, mailbox_guid=None,
                      custom_attributes=["", "two"]),
            recipient(2, dn=f"CN={HOSTILE},DC=x", mail={"answer": "refused"}, alias=HOSTILE, addresses=None),
        ]
        self.sets = {name: ("exchange-server" if name[0] == "on-premises" else "exchange-online", "complete", "", 0) for name in REQUIRED}
        self.more_sets = []

    def write(self, name="facts-1.db"):
        path = self.directory / name
        rows = list(self.rows)
        for (side, kind), (source, state, why, answer) in [*self.sets.items(), *self.more_sets]:
            rows.append({"table": "set", "row": {"source": source, "side": side, "name": kind, "part": "", "state": state, "answer": answer,
                                                 "objects": 1, "why": why, "observed_at": NOW}})
        text = "".join(json.dumps(row) + "\n" for row in rows)
        subprocess.run([DRIVERS / "facts_make", path], input=text.encode(), check=True, timeout=60)
        return path

    def export(self, path):
        return subprocess.run([DRIVERS / "step0_export", path, self.case], capture_output=True, text=True, timeout=60, check=False)

    @property
    def step0(self):
        return self.case / "exports" / "step-0"


@pytest.fixture
def facts(tmp_path):
    return Facts(tmp_path)


def verify(directory):
    return subprocess.run([DRIVERS / "step0_export", "verify", directory], capture_output=True, text=True, timeout=60, check=False)


def ldif(path):
    """[(dn, {attribute: [values]}, comments)]"""
    out = []
    for block in path.read_text(encoding="ascii").split("\n\n")[1:]:
        values, comments = {}, []
        for line in block.strip("\n").split("\n"):
            if line.startswith("#"):
                comments.append(line)
                continue
            name, _, value = line.partition(":")
            value = base64.b64decode(value[2:]) if value.startswith(": ") else value[1:].encode()
            values.setdefault(name, []).append(value)
        out.append((values.pop("dn")[0].decode(), values, comments))
    return out


def test_required_is_the_guides_list():
    """Every configuration kind of both sides that the clean-up touches is among them."""
    for kind in ("HybridConfiguration", "IntraOrganizationConnector", "SendConnector", "ReceiveConnector", "OrganizationRelationship", "FederationTrust",
                 "ExchangeCertificate", "AuthServer", "AuthConfig", "SettingOverride", "AvailabilityAddressSpace", "RemoteDomain", "Recipient",
                 "OrganizationConfig", "AcceptedDomain", "WebServicesVirtualDirectory"):
        assert ("on-premises", kind) in REQUIRED
    for kind in ("OnPremisesOrganization", "InboundConnector", "OutboundConnector", "OrganizationRelationship", "IntraOrganizationConnector",
                 "MigrationEndpoint", "GraphServicePrincipal"):
        assert ("cloud", kind) in REQUIRED


def test_export(facts):
    done = facts.export(facts.write())
    assert done.returncode == 0, done.stderr
    manifest_path = facts.step0 / "MANIFEST.json"
    manifest = json.loads(manifest_path.read_text())
    jsonschema.Draft202012Validator(json.loads((TOP / "docs" / "schema" / "export-manifest.schema.json").read_text())).validate(manifest)
    assert done.stdout.strip() == hashlib.sha256(manifest_path.read_bytes()).hexdigest()
    assert manifest["organization"] == "northwind" and manifest["facts"] == "facts-1.db"
    assert manifest["facts_sha256"] == hashlib.sha256((facts.directory / "facts-1.db").read_bytes()).hexdigest()
    # Each set of the guide has its file, and what else the facts hold of configuration is there too.
    entries = {(f["side"], f["kind"]): f for f in manifest["files"]}
    assert set(REQUIRED) <= set(entries) and ("on-premises", "TransportRule") in entries
    assert entries["on-premises", "TransportRule"]["state"] == "not-complete" and not entries["on-premises", "TransportRule"]["required"]
    assert entries["on-premises", "SendConnector"]["rows"] == 2 and entries["cloud", "InboundConnector"]["rows"] == 0
    assert entries["on-premises", "Recipient"]["rows"] == 2
    for entry in manifest["files"]:
        content = (facts.step0 / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"] and len(content) == entry["bytes"]
    # Rows are as observed; "not obtained" stays what it is.
    rows = json.loads((facts.step0 / "on-premises-SendConnector.json").read_text())["rows"]
    assert [row["source"] for row in rows] == ["exchange-server", "directory"]
    assert rows[0]["name"] == HOSTILE and rows[0]["properties"] == {"Name": HOSTILE, "AddressSpaces": ["smtp:*;1"], "SmartHosts": {"@answer": "refused"}}
    assert rows[1]["properties"]["Deep"] == [{"Kept": 1}]
    principal = json.loads((facts.step0 / "cloud-GraphServicePrincipal.json").read_text())["rows"][0]["properties"]
    assert principal == {"keyCredentials": [{"keyId": "1", "thumbprint": "AB"}]}
    # The certificate, once, byte for byte; the row that is none is counted.
    thumbprint = hashlib.sha1(facts.bytes).hexdigest().upper()
    assert os.listdir(facts.step0 / "certificates") == [f"{thumbprint}.cer"]
    assert (facts.step0 / "certificates" / f"{thumbprint}.cer").read_bytes() == facts.bytes
    assert manifest["certificates_without_bytes"] == 1
    # Nobody else reads it, no secret stands in it, and nothing steers a terminal.
    for path in [facts.step0, *facts.step0.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
        if path.suffix in (".json", ".ldif"):
            assert PLANTED not in path.read_text() and "\x1b" not in path.read_text() and "\u202e" not in path.read_text()
    assert os.listdir(facts.case / "exports") == ["step-0"]
    assert verify(facts.step0).stdout == done.stdout


def test_recipients(facts):
    assert facts.export(facts.write()).returncode == 0
    path = facts.step0 / "on-premises-recipients.ldif"
    head = path.read_text().split("\n\n")[0]
    assert head.startswith("version: 1\n#") and "legacyExchangeDN" in head and "no backup" in head
    (dn1, one, comments1), (dn2, two, comments2) = ldif(path)
    assert dn1 == "CN=u1,DC=x" and one["mail"] == [b"ada@x.example"] and one["mailNickname"] == [b"ada"]
    assert one["proxyAddresses"] == [b"SMTP:ada@x.example", b"X500:/o=Org/cn=ada"] and one["legacyExchangeDN"] == [b"/o=Org/ou=G/cn=ada"]
    assert one["msExchRecipientTypeDetails"] == [b"2147483648"] and one["extensionAttribute2"] == [b"two"]
    assert len(one["objectGUID"][0]) == 16
    # None is no line, and is not 0; not obtained is said.
    assert not {"targetAddress", "userAccountControl", "msExchMailboxGuid", "extensionAttribute1"} & set(one)
    assert "targetAddress" not in comments1[0] and "homeMDB" in comments1[0]  # homeMDB was never asked for
    assert dn2 == f"CN={HOSTILE},DC=x" and two["mailNickname"] == [HOSTILE.encode()] and "mail" not in two
    assert " mail" in comments2[0] and "proxyAddresses" not in comments2[0]


@pytest.mark.parametrize("state,answer", [("partial", 3), ("failed", 2), ("not-configured", 4), (None, 0)])
def test_incomplete_set(facts, state, answer):
    """A set that was not read in full, or not at all, stops the cleanup before anything is written, and is named."""
    name = ("cloud", "InboundConnector")
    if state:
        facts.sets[name] = ("exchange-online", state, "somebody said no", answer)
    else:
        del facts.sets[name]
    done = facts.export(facts.write())
    assert done.returncode == 69 and "cloud:InboundConnector" in done.stderr and not done.stdout
    assert ("somebody said no" in done.stderr) == bool(state)
    assert not (facts.case / "exports").exists()


def test_set_from_another_source(facts):
    """Of several sources the best counts; a set that the service says it does not have is no lack."""
    facts.sets["on-premises", "EdgeSubscription"] = ("exchange-server", "failed", "no such cmdlet here", 1)
    facts.sets["on-premises", "SendConnector"] = ("exchange-server", "partial", "broke off", 3)
    path = facts.write("without.db")
    done = facts.export(path)
    assert done.returncode == 69 and "on-premises:SendConnector (exchange-server partial: broke off)" in done.stderr and "EdgeSubscription" not in done.stderr
    facts.more_sets.append((("on-premises", "SendConnector"), ("directory", "complete", "", 0)))
    assert facts.export(facts.write("with.db")).returncode == 0


def test_observation_cut_off(facts):
    facts.rows[0]["row"]["ended_at"] = 0
    done = facts.export(facts.write())
    assert done.returncode == 65 and "cut off" in done.stderr and not facts.step0.exists()


def test_again(facts):
    """The same facts: the same export, compared and not written anew. Others: beside it; the first is what it was."""
    path = facts.write()
    first = facts.export(path)
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in facts.step0.rglob("*") if p.is_file()}
    assert facts.export(path).stdout == first.stdout
    assert os.listdir(facts.case / "exports") == ["step-0"]
    facts.rows.append(put("SendConnector", "third", {}))
    second = facts.export(facts.write("facts-2.db"))
    assert second.returncode == 0 and second.stdout != first.stdout
    assert sorted(os.listdir(facts.case / "exports")) == ["step-0", "step-0-2"]
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in facts.step0.rglob("*") if p.is_file()} == before


def test_leftovers(facts):
    """What a run left that was killed does not get into an export."""
    partial = facts.case / "exports" / "step-0.partial" / "certificates"
    partial.mkdir(parents=True)
    (partial / "OLD.cer").write_bytes(b"old")
    (partial.parent / "cloud-Old.json").write_text("{")
    assert facts.export(facts.write()).returncode == 0
    assert not list(facts.step0.rglob("*O[Ll][Dd]*")) and os.listdir(facts.case / "exports") == ["step-0"]


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "row"])
def test_damage_shows(facts, damage):
    path = facts.write()
    assert facts.export(path).returncode == 0
    victim = facts.step0 / "on-premises-SendConnector.json"
    content = victim.read_bytes()
    if damage == "changed":
        victim.write_bytes(content.replace(b"second", b"sECOND", 1))
    elif damage == "cut":
        victim.write_bytes(content[:-20])
    elif damage == "gone":
        victim.unlink()
    else:  # with a manifest that was made to fit: the rows are counted
        lines = content.split(b"\n")
        victim.write_bytes(b"\n".join(lines[:2] + lines[3:]))
        manifest = json.loads((facts.step0 / "MANIFEST.json").read_text())
        entry = next(f for f in manifest["files"] if f["file"] == victim.name)
        entry.update(sha256=hashlib.sha256(victim.read_bytes()).hexdigest(), bytes=victim.stat().st_size)
        (facts.step0 / "MANIFEST.json").write_text(json.dumps(manifest))
    done = verify(facts.step0)
    assert done.returncode == 65 and victim.name in done.stderr
    again = facts.export(path)  # these facts were exported already, and what is there is not that
    assert again.returncode == 65 and victim.name in again.stderr
