# SPDX-License-Identifier: Apache-2.0
"""The source exchange-server against the simulated Exchange Server: what a healthy one gives, and that whatever goes
wrong makes a set partial or failed, with the reason, and never empty."""
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
import urllib.request

import pytest
import yaml

from conftest import TOP
from exchange_client import Connection, Session
from fixtures.lab import certificates
from fixtures.lab.lab import ACCOUNTS

OBSERVE = os.path.join(os.environ.get("BUILD_DIR") or os.path.join(TOP, "build"), "tests", "integration", "drivers", "exchange_observe")
LIMIT = 60
COMPLETE, PARTIAL, FAILED = "complete", "partial", "failed"
REFUSED, TIMEOUT = 2, 3
FULL = "?serializationLevel=Full"


# ---- what is asked

def calls():
    """(noun, listing, flags) of the table in the source."""
    with open(os.path.join(TOP, "engine", "sources", "exchange_server_calls.h"), encoding="utf-8") as text:
        found = re.findall(r'\{"(\w+)", "(\w*)", ([A-Z_0-9 |]+)\}', text.read())
    expand = {"RECIPIENTS": ["UNLIMITED", "FOREST", "FROM_DC"], "0": []}
    return [(noun, listing, [one for flag in flags.split("|") for one in expand.get(flag.strip(), [flag.strip()])])
            for noun, listing, flags in found]


def test_only_cmdlets_and_parameters_that_exist():
    """Of the public reference, as the simulator has it (Exchange 2016, 2019 and SE)."""
    parameters = {"PINNED": "DomainController", "UNLIMITED": "ResultSize", "FROM_DC": "ReadFromDomainController", "UM": None, "FOREST": None,
                  "AD_ONLY": "ADPropertiesOnly", "BYPASS_OWNER": "BypassOwnerCheck", "EACH_SERVER": "Server"}
    with open(os.path.join(TOP, "fixtures", "lab", "exchangesim", "cmdlets.tsv"), encoding="utf-8") as rows:
        known = {row.split("\t")[0]: {one.split(":")[0] for one in row.rstrip("\n").split("\t")[1].split()}
                 for row in rows if not row.startswith("#") and "\t" in row}
    assert len(calls()) > 50
    for noun, listing, flags in calls():
        wanted = {parameters[flag] for flag in flags} | {listing}
        assert wanted - {None, ""} <= known[f"Get-{noun}"], (noun, wanted - known[f"Get-{noun}"])
    assert "ViewEntireForest" in known["Set-ADServerSettings"]


def test_sets_of_the_source():
    """What is named where the server cannot be asked is what is asked, but for Unified Messaging."""
    with open(os.path.join(TOP, "engine", "sources", "exchange_server.c"), encoding="utf-8") as text:
        joined = "".join(re.findall(r'"([^"]*)"', re.search(r"\.sets =(.*?)\.after", text.read(), re.S).group(1)))
    assert joined.split() == [f"on-premises:{noun}" + (f"/{listing}" if listing else "") for noun, listing, flags in calls() if "UM" not in flags]


# ---- a server, and one observation of it

class Observed:
    def __init__(self, done, facts):
        self.code, self.message = done.returncode, done.stderr
        self.db = sqlite3.connect(facts)
        self.db.row_factory = sqlite3.Row

    def rows(self, sql, *args):
        return [dict(row) for row in self.db.execute(sql, args)]

    def sets(self):
        return {row["name"] + (":" + row["part"] if row["part"] else ""): row
                for row in self.rows("SELECT * FROM t_set WHERE source = 'exchange-server'")}

    def states(self):
        return {name: row["state"] for name, row in self.sets().items()}

    def source(self):
        return self.rows("SELECT * FROM t_source WHERE id = 'exchange-server'")[0]

    def objects(self, kind):
        return [json.loads(row["json"]) for row in self.rows("SELECT json FROM t_object WHERE kind = ? ORDER BY name", kind)]


class Server:
    def __init__(self, lab, scratch):
        self.lab, self.scratch, self.n = lab, scratch, 0
        self.info = lab.state["exchange"]["info"]
        self.environment = dict(os.environ, **lab.krb5_environment())

    def control(self, name, body=None, method=None):
        request = urllib.request.Request(self.info["control"] + name, None if body is None else json.dumps(body).encode(), method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def fault(self, kind, cmdlet=None, verb=None, times=1, args=None, **match):
        match.update({k: v for k, v in (("cmdlet", cmdlet), ("verb", verb)) if v})
        self.control("faults", [{"match": match, "fault": kind, "times": times, "args": args or {}}])

    def configuration(self, **changes):
        self.n += 1
        path = self.lab.path(f"exchange-{self.n}.yaml")
        section = dict(self.lab.exchange_section(**{k: changes.pop(k) for k in ("who", "auth", "tls") if k in changes}), **changes)
        certificates.write_private(path, yaml.safe_dump({"organization": self.lab.name, "exchange": section}))
        return path, os.path.join(self.scratch, f"{self.n}.db")

    def observe(self, *sets, **changes):
        path, facts = self.configuration(**changes)
        done = subprocess.run([OBSERVE, path, facts, *sets], capture_output=True, text=True, timeout=LIMIT, env=self.environment, check=False)
        assert self.control("shells") == [], "a shell was left behind"
        return Observed(done, facts)

    @contextlib.contextmanager
    def session(self, who="audit"):
        """A session of a client that shares no code with unhybrid."""
        name = f"{ACCOUNTS[who][0]}@{self.lab.state['kdc']['realm']}"
        with Connection(self.info["url"] + FULL, name, self.lab.state["passwords"][who],
                        krb5_config=self.environment["KRB5_CONFIG"]) as connection, Session(connection) as session:
            yield session

    def cmdlets(self):
        return [entry["cmdlet"] for entry in self.control("log?kind=cmdlet")]


@pytest.fixture(scope="module")
def running(labs, tmp_path_factory):
    lab = labs("contoso")
    lab.start_exchange()
    return Server(lab, str(tmp_path_factory.mktemp("exchange-server")))


@pytest.fixture
def server(running):
    running.control("reset", {})
    running.control("log", method="DELETE")
    yield running
    running.control("reset", {})


# ---- a healthy server

@pytest.mark.parametrize("name", ["contoso", "fabrikam"])
def test_truth_holds(name, labs, unhybrid, monkeypatch):
    """With the server asked as well, an audit finds what it finds without: more sources that agree."""
    lab = labs(name)
    lab.start_exchange()
    monkeypatch.setenv("KRB5_CONFIG", lab.krb5_environment()["KRB5_CONFIG"])
    plain = lab.write_configuration()
    _, before, _ = unhybrid.audit(plain)
    configuration = dict(lab.configuration(), exchange=lab.exchange_section())
    path = lab.path("with-exchange.yaml")
    certificates.write_private(path, yaml.safe_dump(configuration))
    _, after, said = unhybrid.audit(path)
    states = {source["id"]: (source["state"], source["detail"]) for source in after["sources"]}
    assert states["exchange-server"] == ("complete", ""), said
    assert [(c["id"], c["status"], sorted(f["key"] for f in c["findings"]), c.get("unknown")) for c in before["checks"]] == [
        (c["id"], c["status"], sorted(f["key"] for f in c["findings"]), c.get("unknown")) for c in after["checks"]]
    assert before["verdict"] == after["verdict"]


def test_everything_is_read(server):
    """As many objects as another client is given; every set complete; nothing but reading, everything on one controller."""
    seen = server.observe()
    assert seen.code == 0, seen.message
    assert set(seen.states().values()) == {COMPLETE}
    asked = {noun + (f"/{listing}" if listing else "") for noun, listing, _ in calls()}
    assert {name.split(":")[0] for name in seen.sets()} == asked
    log = server.control("log?kind=cmdlet")
    assert all(entry["cmdlet"].startswith("Get-") or entry["cmdlet"] == "Set-ADServerSettings" for entry in log)
    controllers = {entry["parameters"]["DomainController"] for entry in log if "DomainController" in entry["parameters"]}
    assert len(controllers) == 1
    with server.session() as session:
        session.run("Set-ADServerSettings", {"ViewEntireForest": True})
        for noun, count in (("SendConnector", None), ("ReceiveConnector", None), ("AcceptedDomain", 8), ("ExchangeServer", 4)):
            names = sorted(one["Name"] for one in session.run(f"Get-{noun}").output)
            assert names == sorted(row["Name"] for row in seen.objects(noun)) and count in (None, len(names))
        for noun, listing in (("Mailbox", ""), ("RemoteMailbox", ""), ("Mailbox", "Arbitration"), ("MailContact", "")):
            given = dict({"ResultSize": "Unlimited"}, **({listing: True} if listing else {}))
            guids = {str(one["Guid"]) for one in session.run(f"Get-{noun}", given).output}
            rows = seen.rows("SELECT lower(hex(guid)) AS guid FROM t_exchange_recipient WHERE kind = ? AND listing = ?", noun, listing)
            assert guids and {ad_order(guid) for guid in guids} == {row["guid"] for row in rows}, noun
    assert {row["name"] for row in seen.rows("SELECT name FROM t_object WHERE kind = 'UMIPGateway'")}   # one server is 2016
    assert seen.source()["requests"] > 100


def ad_order(guid):
    first, second, third, *rest = guid.split("-")
    turn = ["".join(reversed(re.findall("..", one))) for one in (first, second, third)]
    return "".join(turn + rest)


def test_both_shapes_give_the_same_facts(server):
    """With and without full serialisation: the same recipients, and the same of connectors."""
    sets = ["on-premises:Mailbox", "on-premises:SendConnector", "on-premises:ReceiveConnector"]
    columns = "guid, primary_address, addresses, recipient_type_details, database_name, exchange_guid, archive_guid, litigation_hold"
    full, flat = server.observe(*sets), server.observe(*sets, url=server.info["url"] + "?serializationLevel=None")
    assert set(full.states().values()) == set(flat.states().values()) == {COMPLETE}
    query = f"SELECT {columns} FROM t_exchange_recipient ORDER BY guid"
    assert full.rows(query) == flat.rows(query) != []
    for kind, names in (("SendConnector", ("Name", "SmartHosts", "AddressSpaces", "TlsDomain", "CloudServicesMailEnabled", "MaxMessageSize")),
                        ("ReceiveConnector", ("Name", "Bindings", "RemoteIPRanges", "Enabled", "Server"))):
        assert [[one[name] for name in names] for one in full.objects(kind)] == [[one[name] for name in names] for one in flat.objects(kind)]


@pytest.mark.parametrize("knobs", [{"fragment_size": 150}, {"fragments_per_receive": 1}, {"fragments_per_stream": 5, "fragment_size": 400},
                                   {"protocol": "2.1"}, {"protocol": "2.2"}, {"language": "de-DE"},
                                   {"pool_warning": "Hallo\x1b[31m"}, {"spaced_boundary": False}, {"affinity": True}])
def test_habits_of_servers(server, knobs):
    server.control("knobs", knobs)
    seen = server.observe("on-premises:Mailbox", "on-premises:AcceptedDomain")
    assert seen.states() == {"Mailbox": COMPLETE, "AcceptedDomain": COMPLETE}, seen.sets()
    assert [row["objects"] for row in seen.sets().values()] == [8, 13]
    notices = [row["text"] for row in seen.rows("SELECT text FROM t_notice")]
    assert notices == (["the session says: Hallo\\x1b[31m"] if "pool_warning" in knobs else [])


@pytest.mark.parametrize("auth, tls", [("kerberos", True), ("basic", True)])
def test_over_https(server, auth, tls):
    assert server.observe("on-premises:AcceptedDomain", auth=auth, tls=tls).states() == {"AcceptedDomain": COMPLETE}


# ---- rights

def test_cmdlets_missing(server):
    """What no role of the account holds does not exist for it: refused, never empty. The others go on."""
    server.control("roles", {"svc-unhybrid": {"without": ["Get-SendConnector", "Get-Mailbox", "Get-HybridConfiguration"],
                                              "without_parameters": {"Get-RemoteMailbox": ["ResultSize"]}}})
    seen = server.observe()
    refused = {name: row for name, row in seen.sets().items() if row["state"] != COMPLETE}
    assert set(refused) == {"SendConnector", "HybridConfiguration", "RemoteMailbox", "Mailbox", "Mailbox/Arbitration", "Mailbox/Archive",
                            "Mailbox/AuditLog", "Mailbox/AuxAuditLog", "Mailbox/Monitoring", "Mailbox/PublicFolder"}
    assert {(row["state"], row["answer"]) for row in refused.values()} == {(FAILED, REFUSED)}
    assert "View-Only Organization Management" in refused["SendConnector"]["why"]
    assert seen.source()["state"] == PARTIAL


def test_other_domains_not_seen(server):
    """Without Set-ADServerSettings only the server's own domain is listed: recipients are a part, configuration is whole."""
    server.control("roles", {"svc-unhybrid": {"without": ["Set-ADServerSettings"]}})
    seen = server.observe("on-premises:Mailbox", "on-premises:SendConnector", "on-premises:MoveRequest")
    assert seen.states() == {"Mailbox": PARTIAL, "SendConnector": COMPLETE, "MoveRequest": PARTIAL}
    assert 0 < seen.sets()["Mailbox"]["objects"] < 13
    assert seen.sets()["Mailbox"]["answer"] == REFUSED and "whole forest" in seen.sets()["Mailbox"]["why"]


def test_no_role_at_all(server):
    seen = server.observe(who="weak")
    assert seen.code == 77, seen.message
    assert set(seen.states().values()) == {FAILED} and len(seen.sets()) > 50
    assert seen.source()["state"] == FAILED


def test_wrong_password(server):
    certificates.write_private(server.lab.path("wrong.pass"), "not-the-password\n")
    seen = server.observe(password_file="wrong.pass")
    assert seen.code == 77 and set(seen.states().values()) == {FAILED}


# ---- what goes wrong

@pytest.mark.parametrize("kind", ["gap", "repeat", "bad_length", "bad_xml", "no_end", "zero_object"])
def test_damaged_stream(server, kind):
    """After three mailboxes: those are kept, the set is a part, and the next cmdlet is asked in a new session."""
    server.control("knobs", {"fragment_size": 1000})
    server.fault(kind, cmdlet="Get-Mailbox", args={"after": 3})
    seen = server.observe("on-premises:Mailbox", "on-premises:MailContact", "on-premises:AcceptedDomain")
    assert seen.states() == {"Mailbox": PARTIAL, "MailContact": COMPLETE, "AcceptedDomain": COMPLETE}, seen.sets()
    row = seen.sets()["Mailbox"]
    left = 12 if kind == "no_end" else 3   # an object without its end is seen to be one at the command's end
    assert row["answer"] == TIMEOUT and row["objects"] == left
    assert len(seen.rows("SELECT 1 FROM t_exchange_recipient WHERE kind = 'Mailbox'")) == left
    assert re.search(r"byte \d+ of the server's stream|middle of an object|without saying", row["why"]), row["why"]
    assert server.cmdlets().count("Set-ADServerSettings") == 2


@pytest.mark.parametrize("kind, args, state, answer, said", [
    ("error_after", {}, PARTIAL, 4, "ADTransientException|failed"),
    ("error", {"terminating": True}, FAILED, 4, "failed"),
    ("silent_failure", {}, FAILED, 4, "does not say why"),
    ("prompt", {}, FAILED, 4, "interact|question"),
    ("not_recognized", {}, FAILED, REFUSED, "not recognized"),
    ("warning", {"text": "There are more results available than are currently displayed."}, PARTIAL, 4, "there is more"),
    ("warning", {"text": "A warning that means nothing."}, COMPLETE, 0, "^$"),
    ("progress", {}, COMPLETE, 0, "^$"),
    ("verbose", {}, COMPLETE, 0, "^$"),
    ("unknown_message", {}, COMPLETE, 0, "^$"),
    ("sleep", {"seconds": 1.5}, COMPLETE, 0, "^$"),
])
def test_cmdlet_goes_wrong(server, kind, args, state, answer, said):
    server.fault(kind, cmdlet="Get-Mailbox", args=args)
    seen = server.observe("on-premises:AcceptedDomain", "on-premises:Mailbox", "on-premises:MailContact")
    assert seen.states() == {"AcceptedDomain": COMPLETE, "Mailbox": state, "MailContact": COMPLETE}, seen.sets()
    row = seen.sets()["Mailbox"]
    assert row["answer"] == answer and re.search(said, row["why"]), row["why"]
    assert (row["objects"] > 0) == (state != FAILED)
    if kind == "warning" and state == COMPLETE:
        assert [r["text"] for r in seen.rows("SELECT text FROM t_notice")] == ["Get-Mailbox: A warning that means nothing."]


def test_session_lost(server):
    """The server drops the shell in the middle of a listing; some of the objects may have arrived."""
    server.fault("broken_after", cmdlet="Get-Mailbox", args={"objects": 3})
    seen = server.observe("on-premises:AcceptedDomain", "on-premises:Mailbox", "on-premises:MailContact")
    assert seen.states() in [{"AcceptedDomain": COMPLETE, "Mailbox": state, "MailContact": COMPLETE} for state in (PARTIAL, FAILED)]
    row = seen.sets()["Mailbox"]
    assert row["answer"] == TIMEOUT and row["objects"] <= 3 and (row["objects"] > 0) == (row["state"] == PARTIAL) and row["why"]


def test_answers_lost(server):
    """No answer to a Receive, however often it is asked again: the session is given up. The next one is sound."""
    server.observe("on-premises:AcceptedDomain")
    log = server.control("log")
    begin = [entry.get("cmdlet") for entry in log].index("Get-AcceptedDomain")
    server.fault("reset", verb="Receive", times=3, after=sum(entry.get("verb") == "Receive" for entry in log[:begin]))
    seen = server.observe("on-premises:AcceptedDomain", "on-premises:MailContact", "on-premises:Mailbox")
    assert seen.states() == {"AcceptedDomain": FAILED, "MailContact": COMPLETE, "Mailbox": COMPLETE}, seen.sets()
    assert seen.sets()["AcceptedDomain"]["answer"] == TIMEOUT
    assert server.cmdlets().count("Set-ADServerSettings") == 3, "one of the first observation, two of this one"


def test_nothing_to_tell_yet(server):
    """A slow cmdlet: the server answers several Receives with its time-out."""
    server.fault("timeout", verb="Receive", times=4, after=3)
    assert server.observe("on-premises:Mailbox").states() == {"Mailbox": COMPLETE}


def test_a_server_that_never_ends(server, monkeypatch):
    """Nothing to tell, for ever: all cmdlets together have an end, and what was not asked says why."""
    monkeypatch.setitem(server.environment, "UNHYBRID_EXCHANGE_SERVER_SECONDS", "4")
    server.fault("sleep", cmdlet="Get-Mailbox*", times=None, args={"seconds": 600})
    began = time.monotonic()
    seen = server.observe()
    assert time.monotonic() - began < 40
    sets = seen.sets()
    assert sets["OrganizationConfig"]["state"] == COMPLETE
    late = {name: row for name, row in sets.items() if row["state"] == FAILED and row["answer"] == TIMEOUT}
    assert "MoveRequest" in late and "took too long" in late["MoveRequest"]["why"]


def test_session_lost_again_and_again(server):
    """A session that breaks is replaced a few times, then the rest is failed for that reason."""
    server.fault("broken_after", cmdlet="Get-*Connector", times=None)
    seen = server.observe()
    states = seen.sets()
    assert states["OrganizationConfig"]["state"] == COMPLETE and states["Mailbox"]["state"] == FAILED
    assert "broke 4 times" in states["Mailbox"]["why"]
    assert COMPLETE not in {states[name]["state"] for name in ("SendConnector", "ReceiveConnector", "IntraOrganizationConnector")}


def test_shells_all_taken(server):
    """The account's sessions are used up: the source waits until one is free."""
    server.control("knobs", {"max_shells": 1})
    with server.session() as session:
        session.run("Get-AcceptedDomain")
        path, facts = server.configuration()
        with subprocess.Popen([OBSERVE, path, facts, "on-premises:AcceptedDomain"], env=server.environment) as observing:
            for _ in range(200):
                if [e for e in server.control("log") if e.get("verb") == "Create" and e["kind"] != "cmdlet"][1:]:
                    break
                time.sleep(0.05)
            assert observing.poll() is None
            server.control("shells", method="DELETE")
            assert observing.wait(LIMIT) == 0
    assert Observed(subprocess.CompletedProcess([], 0, "", ""), facts).states() == {"AcceptedDomain": COMPLETE}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped(server, number):
    """Ctrl-C in the middle of a slow cmdlet: the shell is deleted at once, what was seen is kept, the rest says why."""
    server.fault("sleep", cmdlet="Get-SendConnector", args={"seconds": 50})
    path, facts = server.configuration()
    with subprocess.Popen([OBSERVE, path, facts], env=server.environment, stderr=subprocess.PIPE, text=True) as observing:
        for _ in range(400):
            if "Get-SendConnector" in server.cmdlets():
                break
            time.sleep(0.05)
        began = time.monotonic()
        observing.send_signal(number)
        said = observing.communicate(timeout=LIMIT)[1]
        assert time.monotonic() - began < 5
    assert observing.returncode == 130, said
    assert server.control("shells") == []
    seen = Observed(subprocess.CompletedProcess([], 130, "", said), facts)
    assert seen.states()["OrganizationConfig"] == COMPLETE
    assert seen.states()["SendConnector"] == seen.states()["Mailbox"] == FAILED
    assert {row["answer"] for row in seen.sets().values() if row["state"] == FAILED} == {TIMEOUT}


def test_nobody_there(server):
    seen = server.observe(url="http://localhost:1/PowerShell/")
    assert seen.code == 69 and set(seen.states().values()) == {FAILED}
