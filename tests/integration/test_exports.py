# SPDX-License-Identifier: Apache-2.0
"""Exported files: what a file holds becomes facts, what it lacks makes its set partial, and nothing secret is kept."""
import json
import os
import sqlite3
import subprocess
import xml.etree.ElementTree as ET

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD_DIR") or os.environ.get("MESON_BUILD_ROOT") or os.path.join(ROOT, "build")
OBSERVE = os.path.join(BUILD, "tests", "integration", "drivers", "export_observe")
SHARED = os.environ.get("UNHYBRID_SHARED_DATA")
NAMESPACE = "http://schemas.microsoft.com/powershell/2004/04"
LIMIT = 120
# The auth certificate of fixtures/orgs/fabrikam.
FABRIKAM_AUTH = ("MIIBajCCARCgAwIBAgIUN8dIKV3Q68tARIMuzEgNsukccd0wCgYIKoZIzj0EAwIwNTEzMDEGA1UEAwwqTWljcm9zb2Z0IEV4Y2hhbmdlIFNlcn"
                 "ZlciBBdXRoIENlcnRpZmljYXRlMB4XDTI0MDYwMTAwMDAwMFoXDTI5MDYwMTAwMDAwMFowNTEzMDEGA1UEAwwqTWljcm9zb2Z0IEV4Y2hhbmdl"
                 "IFNlcnZlciBBdXRoIENlcnRpZmljYXRlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1ns8UxxgLoZLC+tcxKHnc+TXpkIJengcOghWxouYmP"
                 "swS3j+ioaO09RBEuAZNzpxM3G+8OBSM6D2Hx0TOjF8/jAKBggqhkjOPQQDAgNIADBFAiB9j68obp+N3Q6/KO8dr8ghe/VXYPFEsNNIqYFdvsbR"
                 "kgIhAKFHFi24tceijGsS8BkZJfRs+USj2GqHQe8+iiHgsCQ+")


class Run:
    """The files of one directory, read as one side; the facts that came out."""

    def __init__(self, tmp_path, files, cloud=False, directory=None):
        self.cloud = cloud
        self.dir = directory or str(tmp_path / "exports")
        os.makedirs(self.dir, exist_ok=True)
        for name, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            with open(os.path.join(self.dir, name), "wb") as f:
                f.write(data)
        section = "exchange_online" if cloud else "exchange"
        config, self.facts = tmp_path / "unhybrid.yaml", tmp_path / "facts.db"
        config.write_text(f"organization: contoso\n{section}:\n  export: {json.dumps(self.dir)}\n")
        if self.facts.exists():
            self.facts.unlink()
        done = subprocess.run([OBSERVE, config, self.facts], capture_output=True, text=True, timeout=LIMIT)
        self.code, self.message = done.returncode, done.stderr
        self.db = sqlite3.connect(self.facts)
        self.db.row_factory = sqlite3.Row

    def rows(self, sql, *args):
        return [dict(r) for r in self.db.execute(sql, args)]

    def sets(self):
        return {(r["name"] + (":" + r["part"] if r["part"] else "")): r
                for r in self.rows("SELECT * FROM t_set WHERE state <> 'not-configured'")}

    def objects(self, kind):
        return [json.loads(r["json"]) for r in self.rows("SELECT json FROM t_object WHERE kind = ? ORDER BY rowid", kind)]

    def notices(self):
        return [r["text"] for r in self.rows("SELECT text FROM t_notice")]

    def everything(self):
        with open(self.facts, "rb") as f:
            return f.read()


def clixml(*objects):
    return f'<Objs Version="1.1.0.1" xmlns="{NAMESPACE}">{"".join(objects)}</Objs>'


def connector(i, extra=""):
    return (f'<Obj RefId="{i}"><TN RefId="{i}"><T>SendConnector</T></TN><ToString>C{i}</ToString><Props>'
            f'<S N="Name">C{i}</S><S N="Identity">C{i}</S><B N="Enabled">true</B>{extra}</Props></Obj>')


def mailbox(i):
    return (f'<Obj RefId="{i}"><Props><S N="DisplayName">User {i}</S><G N="Guid">00000000-0000-0000-0000-{i:012x}</G>'
            f'<S N="PrimarySmtpAddress">u{i}@contoso.com</S>'
            f'<Obj N="EmailAddresses" RefId="e{i}"><LST><S>SMTP:u{i}@contoso.com</S><S>smtp:x{i}@contoso.com</S></LST></Obj>'
            f'<Obj N="RecipientTypeDetails" RefId="t{i}"><ToString>UserMailbox</ToString><I64>1</I64></Obj>'
            f'<Obj N="Database" RefId="d{i}"><ToString>DB1</ToString><Props><S N="DistinguishedName">CN=DB1</S></Props></Obj>'
            f'<S N="CustomAttribute10">C{i}</S><Nil N="CustomAttribute1"/><S N="CustomAttribute11"></S>'
            f'<B N="LitigationHoldEnabled">false</B><Nil N="ArchiveGuid"/></Props></Obj>')


# ---- recorded files of a real server ----

EXPECTED = {"AcceptedDomain": 3, "AuthConfig": 1, "ExchangeCertificate": 3, "ExchangeServer": 1, "MailboxServer": 1,
            "OrganizationConfig": 1, "OwaVirtualDirectory": 1, "SendConnector": 1, "ServerComponentState": 35,
            "WebServicesVirtualDirectory": 1}
NOT_CMDLETS = ["GetDynamicDistributionGroupPfMailboxes.xml", "GetExchangeProtocolContainer.xml", "GetExchangeServer2.xml",
               "GetExchangeServerADInformation.xml", "GetSendConnectorConfiguredToRelayToM365.xml"]


def unescape(text):
    out, i = [], 0
    while i < len(text):
        if text[i] == "_" and text[i + 1:i + 2] in "xX" and text[i + 6:i + 7] == "_":
            try:
                out.append(chr(int(text[i + 2:i + 6], 16)))
                i += 7
                continue
            except ValueError:
                pass
        out.append(text[i])
        i += 1
    return "".join(out)


def plain(value):
    """A property's value as an independent reading of the format has it; None for null, ... for what is not compared."""
    tag = value.tag.split("}")[1]
    if tag == "Nil":
        return None
    if tag == "B":
        return value.text == "true"
    if tag in ("I32", "U32", "I64", "U64", "I16", "U16", "By"):
        return int(value.text)
    if tag == "S":
        return unescape(value.text or "")
    if tag in ("G", "DT", "Version", "URI", "BA"):
        return value.text or ""
    if tag == "Obj":
        items = value.find(f"{{{NAMESPACE}}}LST")
        said = value.find(f"{{{NAMESPACE}}}ToString")
        if said is not None:
            return unescape(said.text or "")
        if items is not None and all(i.tag.endswith("}S") for i in items):
            return [unescape(i.text or "") for i in items]
    return ...


@pytest.mark.skipif(not SHARED, reason="UNHYBRID_SHARED_DATA names no folder with recorded files")
def test_recorded_files(tmp_path):
    directory = os.path.join(SHARED, "clixml")
    run = Run(tmp_path, {}, directory=directory)
    assert run.code == 0, run.message
    assert {k: (v["state"], v["objects"]) for k, v in run.sets().items()} == {k: ("complete", n) for k, n in EXPECTED.items()}
    notices = run.notices()
    assert len(notices) == len(NOT_CMDLETS)
    for name in NOT_CMDLETS:
        assert any(n.startswith(name + " is not read") for n in notices), name
    compared = 0
    for kind, count in EXPECTED.items():
        top = ET.parse(os.path.join(directory, f"Get{kind}.xml")).getroot()
        assert len(top) == count
        stored = run.objects(kind)
        for element, got in zip(top, stored):
            props = element.find(f"{{{NAMESPACE}}}Props")
            for value in props if props is not None else []:
                name, want = value.get("N"), plain(value)
                if want is ... or "Credential" in name or "Password" in name:
                    continue
                assert got[name] == want, (kind, name)
                compared += 1
    assert compared > 400
    assert b"SerializationData" not in run.everything()


# ---- what becomes of an object ----

def test_recipients_and_objects(tmp_path):
    run = Run(tmp_path, {"Get-Mailbox.xml": clixml(*(mailbox(i) for i in range(1, 4))),
                         "Get-Mailbox.Archive.xml": clixml(mailbox(2)),
                         "GetSendConnector.xml": clixml(connector(1), connector(2))})
    assert run.code == 0, run.message
    assert {k: (v["state"], v["objects"], v["side"]) for k, v in run.sets().items()} == {
        "Mailbox": ("complete", 3, "on-premises"), "Mailbox/Archive": ("complete", 1, "on-premises"),
        "SendConnector": ("complete", 2, "on-premises")}
    rows = run.rows("SELECT * FROM exchange_recipient WHERE listing = '' ORDER BY primary_address")
    assert [r["primary_address"] for r in rows] == ["u1@contoso.com", "u2@contoso.com", "u3@contoso.com"]
    assert json.loads(rows[0]["addresses"]) == ["SMTP:u1@contoso.com", "smtp:x1@contoso.com"]
    assert rows[0]["recipient_type_details"] == "UserMailbox"
    assert rows[0]["database_name"] == "DB1"
    assert rows[0]["litigation_hold"] == 0
    # Ten is told, one and eleven are empty, of the others nothing is known.
    assert json.loads(rows[0]["custom_attributes"]) == ["", *[None] * 8, "C1", "", *[None] * 4]
    assert rows[0]["archive_guid"] == b""            # null: there is none
    assert rows[0]["user_principal_name"] is None    # not in the file: not obtained
    assert run.rows("SELECT count(*) AS n FROM exchange_recipient WHERE listing = 'Archive'")[0]["n"] == 1
    assert run.objects("SendConnector")[1] == {"Name": "C2", "Identity": "C2", "Enabled": True}


def test_a_certificate_is_told_in_words(tmp_path):
    """Exchange gives its bytes alone where the session keeps types; what it says in words stays as it said it."""
    raw = FABRIKAM_AUTH
    run = Run(tmp_path, {"Get-ExchangeCertificate.xml": clixml(
        f'<Obj RefId="0"><ToString>[Subject]</ToString><Props><BA N="RawData">{raw}</BA></Props></Obj>',
        f'<Obj RefId="1"><Props><S N="Thumbprint">AB</S><S N="Subject">CN=as told</S><BA N="RawData">{raw}</BA></Props></Obj>',
        '<Obj RefId="2"><Props><BA N="RawData">AAAA</BA></Props></Obj>')})
    assert run.code == 0, run.message
    auth = "CN=Microsoft Exchange Server Auth Certificate"
    words = {"Thumbprint": "8C397043FAD2EED71433C26B07CE8AA41AC5EF9A", "Subject": auth, "Issuer": auth,
             "SerialNumber": "37C748295DD0EBCB4044832ECC480DB2E91C71DD", "NotBefore": "2024-06-01T00:00:00Z",
             "NotAfter": "2029-06-01T00:00:00Z"}
    first, second, broken = run.objects("ExchangeCertificate")
    assert first == dict(words, RawData=raw)
    assert second == dict(words, RawData=raw, Thumbprint="AB", Subject="CN=as told")
    assert broken == {"RawData": "AAAA"}


def test_json_and_clixml_give_the_same(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    one = {"DisplayName": "User 1", "Guid": "00000000-0000-0000-0000-000000000001", "PrimarySmtpAddress": "u1@contoso.com",
           "EmailAddresses": ["SMTP:u1@contoso.com", "smtp:x1@contoso.com"], "RecipientTypeDetails": "UserMailbox",
           "CustomAttribute10": "C1", "CustomAttribute1": None, "CustomAttribute11": "",
           "Database": "DB1", "LitigationHoldEnabled": False, "ArchiveGuid": None}
    runs = [Run(tmp_path / "a", {"Get-Mailbox.xml": clixml(mailbox(1))}),
            Run(tmp_path / "b", {"Get-Mailbox.json": json.dumps([one])}),
            Run(tmp_path / "c", {"Get-Mailbox.json": json.dumps({"@odata.context": "x", "value": [one]}, indent=1)})]
    seen = [r.rows("SELECT * FROM exchange_recipient") for r in runs]
    for rows in seen:
        for row in rows:
            row.pop("fact", None)
    assert len(seen[0]) == 1
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("json_file", [False, True])
def test_encodings(tmp_path, encoding, json_file):
    name = "Zoë 山田 \U0001f600"
    if json_file:
        files = {"Get-SendConnector.json": json.dumps([{"Name": name}], ensure_ascii=False).encode(encoding)}
    else:
        text = clixml(f'<Obj RefId="0"><Props><S N="Name">{name}</S></Props></Obj>')
        files = {"Get-SendConnector.xml": text.encode(encoding)}
    run = Run(tmp_path, files)
    assert run.sets()["SendConnector"]["state"] == "complete", run.sets()
    assert run.objects("SendConnector") == [{"Name": name}]


def test_single_json_object(tmp_path):
    run = Run(tmp_path, {"Get-OrganizationConfig.json": json.dumps({"Name": "contoso", "PublicFoldersEnabled": "Local"}),
                         "Get-SendConnector.json": json.dumps({"what": "is this"})})
    assert run.objects("OrganizationConfig") == [{"Name": "contoso", "PublicFoldersEnabled": "Local"}]
    assert run.sets()["OrganizationConfig"]["state"] == "complete"
    assert run.sets()["SendConnector"]["state"] == "partial"


def test_empty_is_none(tmp_path):
    run = Run(tmp_path, {"Get-SendConnector.xml": clixml(), "Get-Mailbox.json": "[]", "Get-MoveRequest.xml": clixml("<Nil/>"),
                         "Get-ReceiveConnector.json": '{"value": []}'})
    assert {k: (v["state"], v["objects"]) for k, v in run.sets().items()} == {
        k: ("complete", 0) for k in ("SendConnector", "Mailbox", "MoveRequest", "ReceiveConnector")}


def test_one_list_of_all(tmp_path):
    listed = f'<Obj RefId="l"><LST>{connector(1)}{connector(2)}</LST></Obj>'
    run = Run(tmp_path, {"Get-SendConnector.xml": clixml(listed)})
    assert [o["Name"] for o in run.objects("SendConnector")] == ["C1", "C2"]


def test_nested_values(tmp_path):
    extra = ('<Obj N="Restriction" RefId="r"><Props><S N="Kind">x</S><Obj N="Inner" RefId="i"><Props><I32 N="Depth">2</I32>'
             '<S N="ApiPassword">hunter2</S></Props></Obj><SS N="Key">hunter2</SS></Props></Obj>'
             '<Obj N="Map" RefId="m"><DCT><En><S N="Key">a</S><S N="Value">1</S></En><En><S N="Key">ClientSecret</S>'
             '<S N="Value">hunter2</S></En></DCT></Obj><Obj N="One" RefId="o"><LST><S>only</S></LST></Obj>'
             '<Ref N="Lost" RefId="nowhere"/><Ref N="Same" RefId="r"/>')
    run = Run(tmp_path, {"Get-SendConnector.xml": clixml(connector(1, extra))})
    got = run.objects("SendConnector")[0]
    assert got["Restriction"] == {"Kind": "x", "Inner": {"Depth": 2}} == got["Same"]
    assert got["Map"] == {"a": "1"}
    assert got["One"] == ["only"]
    assert got["Lost"] == {"@answer": "not-asked"}   # not obtained, which prop() gives as NULL
    assert b"hunter2" not in run.everything()


def test_secrets_are_never_stored(tmp_path):
    extra = ('<S N="ProxyPassword">hunter2</S><Obj N="AuthenticationCredential" RefId="c"><ToString>hunter2</ToString></Obj>'
             '<SS N="Secure">hunter2</SS><BA N="SerializationData">hunter2</BA><S N="msExchFedOrgPrivCertificate">hunter2</S>'
             '<S N="PrivateKey">hunter2</S>')
    data = [{"Name": "x", "SharedSecret": "hunter2", "List": [{"Password": "hunter2", "Open": 1}],
             "Passwords": ["hunter2"], "Nested": {"a": {"clientSecret": {"value": "hunter2"}}, "b": 2}}]
    run = Run(tmp_path, {"Get-SendConnector.xml": clixml(connector(1, extra)), "Get-ReceiveConnector.json": json.dumps(data)})
    assert run.code == 0
    assert b"hunter2" not in run.everything()
    assert run.objects("ReceiveConnector") == [{"Name": "x", "List": [{"Open": 1}], "Nested": {"a": {}, "b": 2}}]


# ---- what is lacking ----

def test_truncated_files(tmp_path):
    xml = clixml(*("\n" + connector(i) for i in range(1, 11)))
    value = json.dumps([{"Name": f"C{i}"} for i in range(10)], indent=1)
    run = Run(tmp_path, {"Get-SendConnector.xml": xml[:xml.index('<Obj RefId="8"') + 40],
                         "Get-ReceiveConnector.json": value[:value.index('"C7"')],
                         "Get-AcceptedDomain.xml": clixml(connector(1))})
    sets = run.sets()
    assert (sets["SendConnector"]["state"], sets["SendConnector"]["objects"]) == ("partial", 7)
    assert "Get-SendConnector.xml: line 9" in sets["SendConnector"]["why"]
    assert "cut off" in sets["SendConnector"]["why"]
    assert (sets["ReceiveConnector"]["state"], sets["ReceiveConnector"]["objects"]) == ("partial", 7)
    assert "Get-ReceiveConnector.json: line " in sets["ReceiveConnector"]["why"]
    assert sets["AcceptedDomain"]["state"] == "complete"
    assert len(run.objects("SendConnector")) == 7
    assert len(run.objects("ReceiveConnector")) == 7
    assert run.rows("SELECT state FROM t_source WHERE id = 'exchange-export'")[0]["state"] == "partial"


@pytest.mark.parametrize("text", [
    "", "hello", "<html/>", '<!DOCTYPE Objs [<!ENTITY a "b">]><Objs><S>&a;</S></Objs>', "\x00\x01\x02", "{}", "<Objs><Obj>"])
def test_broken_files_are_never_complete(tmp_path, text):
    run = Run(tmp_path, {"Get-SendConnector.xml": text, "Get-ReceiveConnector.json": text})
    assert run.sets()["SendConnector"]["state"] == "partial"
    assert run.sets()["ReceiveConnector"]["state"] == "partial"
    assert "Get-SendConnector.xml: " in run.sets()["SendConnector"]["why"]


def test_every_cut_is_noticed(tmp_path):
    """Wherever a file is cut, its set is not complete, and the objects before the cut are there."""
    xml, value = clixml(connector(1), connector(2)), json.dumps({"@odata.context": "x", "value": [{"Name": "C1"}, {"Name": "C2"}]})
    run = None
    for i in range(0, max(len(xml), len(value)) - 1, 7):
        run = Run(tmp_path, {"Get-SendConnector.xml": xml[:min(i, len(xml) - 1)],
                             "Get-ReceiveConnector.json": value[:min(i, len(value) - 1)]})
        assert run.sets()["SendConnector"]["state"] == "partial", i
        assert run.sets()["ReceiveConnector"]["state"] == "partial", i
    assert len(run.objects("SendConnector")) == 2


def test_pages_and_warnings(tmp_path):
    more = "There are more results available than are currently displayed. To view them, increase the value for the ResultSize parameter."
    run = Run(tmp_path, {
        "Get-Mailbox.json": json.dumps({"value": [{"DisplayName": "a"}], "@odata.nextLink": "https://x/"}),
        "Get-Recipient.json": json.dumps({"value": [], "@adminapi.warnings": [more]}),
        "Get-MoveRequest.json": json.dumps({"value": [], "@adminapi.warnings": ["A harmless one."]}),
        "Get-AcceptedDomain.json": json.dumps({"error": {"code": "Forbidden", "message": "no"}}),
        "Get-InboundConnector.xml": clixml('<S S="Error">Access is denied._x000A_</S>'),
        "Get-TransportRule.xml": clixml(f'<S S="Warning">{more}</S>', connector(1)),
        "Get-RemoteDomain.xml": clixml("<S>just text</S>"),
    }, cloud=True)
    sets = run.sets()
    assert "nextLink" in sets["Mailbox"]["why"] and sets["Mailbox"]["state"] == "partial" and sets["Mailbox"]["objects"] == 1
    assert sets["Recipient"]["state"] == "partial" and "more results" in sets["Recipient"]["why"]
    assert sets["MoveRequest"]["state"] == "complete"
    assert any("A harmless one." in n for n in run.notices())
    assert sets["AcceptedDomain"]["state"] == "partial"
    assert sets["InboundConnector"]["state"] == "partial" and "Access is denied" in sets["InboundConnector"]["why"]
    assert sets["TransportRule"]["state"] == "partial" and sets["TransportRule"]["objects"] == 1
    assert sets["RemoteDomain"]["state"] == "partial" and "no objects" in sets["RemoteDomain"]["why"]


@pytest.mark.parametrize("name,count,state", [
    ("Get-Mailbox.xml", 1000, "partial"), ("Get-Mailbox.xml", 999, "complete"), ("Get-Mailbox.xml", 1001, "complete"),
    ("Get-Mailbox.Unlimited.xml", 1000, "complete"), ("Get-SendConnector.xml", 1000, "complete")])
def test_exactly_1000(tmp_path, name, count, state):
    run = Run(tmp_path, {name: clixml(*(mailbox(i) for i in range(count)))})
    one = run.sets()["SendConnector" if "Send" in name else "Mailbox"]
    assert (one["state"], one["objects"]) == (state, count)
    assert ("exactly 1000" in one["why"]) == (state == "partial")


def test_two_files_for_one_cmdlet(tmp_path):
    run = Run(tmp_path, {"Get-SendConnector.xml": clixml(), "GetSendConnector.json": "[]", "Get-Mailbox.xml": clixml()})
    assert run.code == 65
    assert "Get-SendConnector.xml" in run.message and "GetSendConnector.json" in run.message
    assert all(s["state"] == "failed" for s in run.sets().values())
    assert run.sets()["SendConnector"]["objects"] == 0


def test_other_names_are_listed(tmp_path):
    os.makedirs(tmp_path / "exports" / "Get-Mailbox.Archive.xml")
    run = Run(tmp_path, {"readme.txt": "x", "Get-Nonsense.xml": clixml(), "Get-InboundConnector.xml": clixml(),
                         "Get-Mailbox.xml": clixml(), ".hidden": "x", "a\x1b[31mb.xml": "x"})
    assert set(run.sets()) == {"Mailbox", "Mailbox/Archive"}
    assert run.sets()["Mailbox/Archive"]["state"] == "failed"
    assert "not a regular file" in run.sets()["Mailbox/Archive"]["why"]
    notices = "\n".join(run.notices())
    for name in ("readme.txt", "Get-Nonsense.xml", "Get-InboundConnector.xml"):
        assert f"{name} is not read" in notices
    assert ".hidden" not in notices and "\x1b" not in notices


def test_directory_missing(tmp_path):
    os.makedirs(tmp_path / "exports")
    run = Run(tmp_path, {}, directory=str(tmp_path / "exports"))
    assert run.code == 0 and run.sets() == {}
    os.rmdir(tmp_path / "exports")
    config = tmp_path / "unhybrid.yaml"
    done = subprocess.run([OBSERVE, config, tmp_path / "two.db"], capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 65
    assert str(tmp_path / "exports") in done.stderr


def test_outbound_connector_needs_four_calls(tmp_path):
    files = {"Get-OutboundConnector.json": '[{"Name": "a"}]',
             "Get-OutboundConnector.IncludeTestModeConnectors.json": "[]",
             "Get-OutboundConnector.IsTransportRuleScoped.json": "[]"}
    run = Run(tmp_path, files, cloud=True)
    assert {k: v["state"] for k, v in run.sets().items()} == {
        "OutboundConnector": "complete", "OutboundConnector:IncludeTestModeConnectors": "complete",
        "OutboundConnector:IsTransportRuleScoped": "complete",
        "OutboundConnector:IncludeTestModeConnectors,IsTransportRuleScoped": "failed"}
    files["Get-OutboundConnector.IsTransportRuleScoped+IncludeTestModeConnectors.json"] = "[]"
    run = Run(tmp_path, files, cloud=True)
    assert {v["state"] for v in run.sets().values()} == {"complete"}


def test_recipient_export_is_not_the_directory(tmp_path):
    run = Run(tmp_path, {"Get-Recipient.xml": clixml(mailbox(1))})
    assert set(run.sets()) == {"Recipient/Export"}


def test_age_is_that_of_the_file(tmp_path):
    run = Run(tmp_path, {"Get-SendConnector.xml": clixml(), "Get-ReceiveConnector.xml": clixml()})
    os.utime(os.path.join(run.dir, "Get-SendConnector.xml"), (1700000000, 1700000000))
    os.utime(os.path.join(run.dir, "Get-ReceiveConnector.xml"), (9999999999, 9999999999))
    run = Run(tmp_path, {})
    assert run.sets()["SendConnector"]["observed_at"] == 1700000000
    assert run.sets()["ReceiveConnector"]["observed_at"] < 9999999999


def test_references_between_objects(tmp_path):
    first = connector(1, '<Obj N="Home" RefId="h"><ToString>MTA</ToString><Props><S N="Dn">CN=MTA</S></Props></Obj>')
    run = Run(tmp_path, {"Get-SendConnector.xml": clixml(first, *(connector(i, '<Ref N="Home" RefId="h"/>') for i in range(2, 50)))})
    assert {o["Home"] for o in run.objects("SendConnector")} == {"MTA"}
