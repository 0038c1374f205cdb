# SPDX-License-Identifier: Apache-2.0
"""A NUL inside a name shortens it nowhere: what is offered as a command never names another object.

Who reads "Sales\0; the rest" as a C string has another, real name: "Sales". Each carrier of exported data brings such names.
"""
import json
import sqlite3

import pytest

from test_exports import clixml

GUID = "6f9619ff-8b86-4d11-b42d-00c04fc964{:02x}"
SHOWN = "Sales\ufffd; the rest"


def connector(number):
    return {"Name": "Sales\0; the rest", "Identity": "Sales\0; the rest", "Guid": GUID.format(number), "Enabled": True,
            "AddressSpaces": ["smtp:*\0.example;1"], "SmartHosts": ["a\0b.example"]}


def mailbox(number):
    return {"DisplayName": "Sales\0; the rest", "PrimarySmtpAddress": "sales\0x@contoso.com", "Guid": GUID.format(number), "IsDirSynced": True,
            "EmailAddresses": ["SMTP:sales\0x@contoso.com"], "RecipientTypeDetails": "UserMailbox", "IsExchangeCloudManaged": False}


def as_json(*objects):
    """One nested value as well: it is kept as the text that came."""
    return json.dumps([{**o, "Nested": {"deep": "a\0b\\u0000"}} for o in objects])


def as_clixml(*objects):
    def text(value):
        return value.replace("\0", "_x0000_")

    def element(name, value):
        if isinstance(value, bool):
            return f'<B N="{name}">{str(value).lower()}</B>'
        if isinstance(value, list):
            return f'<Obj N="{name}" RefId="{name}"><LST>{"".join(f"<S>{text(v)}</S>" for v in value)}</LST></Obj>'
        return f'<S N="{name}">{text(value)}</S>'
    return clixml(*(f'<Obj RefId="{i}"><Props>{"".join(element(*p) for p in o.items())}</Props></Obj>' for i, o in enumerate(objects)))


@pytest.mark.parametrize("suffix,encode", [("json", as_json), ("xml", as_clixml)])
def test_names_are_whole_or_the_guid(tmp_path, unhybrid, suffix, encode):
    for side, files in (("onprem", {"SendConnector": [connector(1)]}), ("cloud", {"Mailbox": [mailbox(2)]})):
        (tmp_path / side).mkdir()
        for noun, objects in files.items():
            (tmp_path / side / f"Get-{noun}.{suffix}").write_text(encode(*objects))
    configuration = tmp_path / "contoso.yaml"
    configuration.write_text("organization: contoso\nexchange: {export: onprem}\nexchange_online: {export: cloud}\n")
    _, report, _ = unhybrid.audit(str(configuration))
    found = {check["id"]: check for check in report["checks"] if check["findings"]}
    send, soa = found["routing.send-connector"], found["soa.mailbox"]
    assert send["findings"][0]["object"] == SHOWN and soa["findings"][0]["object"] == "sales\ufffdx@contoso.com"
    assert send["findings"][0]["evidence"]["AddressSpaces"] == ["smtp:*\ufffd.example;1"]
    assert send["remedy"]["commands"] == [f"Set-SendConnector -Identity '{GUID.format(1)}' -Enabled $false"]
    assert soa["remedy"]["commands"] == [f"Set-Mailbox -Identity '{GUID.format(2)}' -IsExchangeCloudManaged $true"]
    with sqlite3.connect(unhybrid.facts()) as db:
        name, identity, stored = db.execute("SELECT name, identity, json FROM t_object WHERE kind = 'SendConnector'").fetchone()
        assert (name, identity) == (SHOWN, SHOWN)
        assert json.loads(stored)["SmartHosts"] == ["a\ufffdb.example"]
        if suffix == "json":
            assert json.loads(stored)["Nested"] == {"deep": "a\ufffdb\\u0000"}
        assert db.execute("SELECT name, addresses FROM t_exchange_recipient").fetchone() == (SHOWN, '["SMTP:sales\ufffdx@contoso.com"]')


def test_a_guid_with_a_tail_is_none(tmp_path, unhybrid):
    """The tail behind the NUL belongs to the value: what stands there is no GUID, and stands for no object."""
    (tmp_path / "cloud").mkdir()
    (tmp_path / "cloud" / "Get-Mailbox.xml").write_text(as_clixml({**mailbox(3), "Guid": GUID.format(3) + "\0tail"}))
    (tmp_path / "contoso.yaml").write_text("organization: contoso\nexchange_online: {export: cloud}\n")
    _, report, _ = unhybrid.audit(str(tmp_path / "contoso.yaml"))
    soa = next(check for check in report["checks"] if check["id"] == "soa.mailbox")
    assert soa["findings"][0]["object"] == "sales\ufffdx@contoso.com" and soa["remedy"]["commands"] == []
