# SPDX-License-Identifier: Apache-2.0
"""The world of a cleanup: one object looked at again, the gate, changes through the executors. Against the lab, through a small
driver (drivers/world_drive.c) that does what the cleanup does."""
import glob
import json
import os
import sqlite3
import subprocess
import urllib.request

import pytest

from cloud_client import Client
from conftest import TOP
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
        return sorted(glob.glob(os.path.join(self.case, "facts-*.db")))[-1]

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


def test_files_count_where_they_belong_and_are_not_empty(org):
    guid, _ = org.guid("SendConnector")
    exports = os.path.join(org.case, "exports")
    os.makedirs(exports, exist_ok=True)
    for name, text in (("federation.pfx", "x"), ("empty.pfx", "")):
        with open(os.path.join(exports, name), "w", encoding="utf-8") as out:
            out.write(text)
    os.symlink("/etc/passwd", os.path.join(exports, "link.pfx"))
    with org.world() as world:
        answer, _ = world.look("after", "on-premises", "SendConnector", guid, "file:federation.pfx", "file:empty.pfx", "file:link.pfx",
                               "file:../case.yaml", "file:none.pfx")
    assert answer["image"]["files"] == {"federation.pfx": 1}


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


def test_a_dry_world_sends_nothing(org):
    guid, _ = org.guid("SendConnector")
    org.exchange("DELETE", "log")
    with org.world("dry") as world:
        assert world("change", "exchange-server", "Remove-SendConnector", guid)["outcome"] == "recorded"
        assert world("change", "exchange-online", "Remove-OutboundConnector", org.guid("OutboundConnector", "cloud")[0])["outcome"] == "recorded"
    assert org.exchange("GET", "log") == []
