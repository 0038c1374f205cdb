# SPDX-License-Identifier: Apache-2.0
"""The writers for the cloud against the simulator: whatever becomes of the answer, a change is never made twice, and what
the writer says of it is true."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from test_cloud import BUILD, ROOT, Tenant

WRITE = os.path.join(BUILD, "tests", "integration", "drivers", "cloud_write")
CMDLETS = os.path.join(ROOT, "fixtures", "lab", "cloudsim", "cmdlets.tsv")
APP = "66666666-7777-4888-8999-00000000000b"
SECONDS = 60
DENIED, UNAVAILABLE, CONFIG, INTERRUPTED, INTERNAL = 77, 69, 78, 130, 70


def organization():
    return {
        "tenant": {"id": "11111111-2222-4333-8444-0c0000000001", "initial_domain": "contoso.onmicrosoft.com"},
        "apps": [{"client_id": APP, "secret": "operator", "wids": ["Exchange Administrator"],
                  "roles": ["Exchange.ManageAsApp", "Application.ReadWrite.All"]}],
        "exchange_online": {
            "AcceptedDomain": [{"Name": "contoso.com", "DomainType": "InternalRelay", "Default": True}],
            "InboundConnector": [{"Name": "Inbound from 1", "ConnectorType": "OnPremises", "ConnectorSource": "HybridWizard"},
                                 {"Name": "Gateway", "ConnectorType": "Partner"}],
            "OutboundConnector": [{"Name": "Outbound to 1", "RecipientDomains": ["contoso.com"], "Enabled": True}],
            "OrganizationRelationship": [{"Name": "O365 to On-premises", "DomainNames": ["contoso.com"], "Enabled": True}]}}


class Writing(Tenant):
    def operator(self, **credentials):
        credentials = credentials or {"client_id": APP, "secret_file": self.info["apps"][0]["secret_file"]}
        path = self.configure(credentials=credentials)
        with open(path, encoding="utf-8") as given:
            text = given.read()
        with open(path, "w", encoding="utf-8") as out:  # the reading account is left out: only the operator's may be used
            out.write(re.sub(r"^credentials:\n((?:  .*\n)+)", lambda m: "operator:\n  credentials:\n" + re.sub("(?m)^", "  ", m.group(1).rstrip("\n")) + "\n",
                             text, flags=re.M))
        return path

    def start(self, *words, config=None, dry=False, pause="2"):
        return subprocess.Popen([WRITE, *(["--dry"] if dry else []), config or self.operator(), *map(str, words)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ, UNHYBRID_PAUSE_PERCENT=pause))

    def change(self, *words, **how):
        """-> Done"""
        running = self.start(*words, **how)
        out, err = running.communicate(timeout=SECONDS)
        assert not err, err
        return Done(running.returncode, [json.loads(line) for line in out.splitlines()])

    def rows(self, noun):
        return {row["Name"]: row for row in self.control("GET", "state")["exchange_online"].get(noun, [])}

    def guid(self, noun, name):
        return self.rows(noun)[name]["Guid"]

    def writes(self):
        return self.log("?writes=1")

    def executed(self):
        return [entry for entry in self.writes() if entry["executed"]]


class Done:
    def __init__(self, code, said):
        self.code, self.said = code, said
        self.results = [one for one in said if "outcome" in one]
        self.error = next((one for one in said if one.get("error")), None)
        self.objects = [one["object"] for one in said if "object" in one]

    @property
    def outcome(self):
        return self.results[-1]["outcome"]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    tenant = Writing(tmp_path_factory.mktemp("cloud-writes"), org=organization())
    yield tenant
    tenant.cloud.stop()


@pytest.fixture
def tenant(running):
    running.control("POST", "reset", {})
    return running


# ---- the sign-in

class Asked:
    """One session, which makes the same change whenever it is asked to."""

    def __init__(self, tenant, *words):
        self.tenant = tenant
        self.running = subprocess.Popen([WRITE, "--asked", tenant.operator(), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=dict(os.environ, UNHYBRID_PAUSE_PERCENT="2"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.running.stdin.close()
        self.running.wait(SECONDS)
        self.running.stdout.close()

    def again(self):
        """-> (what became of the change, the error or None)."""
        self.running.stdin.write("\n")
        self.running.stdin.flush()
        result = json.loads(self.running.stdout.readline())
        return result["outcome"], None if result["outcome"] == "applied" else json.loads(self.running.stdout.readline())

    def tokens(self):
        return len([entry for entry in self.tenant.log() if entry["path"].endswith("/token")])


@pytest.mark.parametrize("fault, error", [({"fault": "aadsts", "args": {"code": 7000215}}, DENIED), ({"fault": "unavailable"}, UNAVAILABLE)])
def test_a_sign_in_that_was_refused_is_tried_anew(tenant, fault, error):
    """Not for each wish at once, and not never again: what was mended meanwhile is found, by the same process."""
    with Asked(tenant, "Set-OutboundConnector", tenant.guid("OutboundConnector", "Outbound to 1"), "Comment=new") as asked:
        tenant.faults([{"match": {"service": "token"}, **fault}])
        outcome, said = asked.again()
        assert outcome == "not-sent" and said["exit"] == error, said
        before = asked.tokens()
        outcome, said = asked.again()
        assert outcome == "not-sent" and said["exit"] == error and asked.tokens() == before, "at once it is not asked again"
        tenant.control("DELETE", "faults")
        until = time.monotonic() + SECONDS
        while outcome != "applied" and time.monotonic() < until:
            outcome, said = asked.again()
        assert outcome == "applied" and asked.tokens() == before + 1, said
    assert tenant.rows("OutboundConnector")["Outbound to 1"]["Comment"] == "new"


def test_a_token_that_was_taken_away(tenant):
    """Revoked in the middle of a session (the challenge may say `claims`): a new one is asked for, once, and the change is made once."""
    with Asked(tenant, "Set-OutboundConnector", tenant.guid("OutboundConnector", "Outbound to 1"), "Comment=new") as asked:
        assert asked.again() == ("applied", None)
        before = asked.tokens()
        for _ in range(2):
            tenant.faults([{"match": {"cmdlet": "Set-*"}, "fault": "unauthorized", "args": {"claims": True}, "times": 1}])
            assert asked.again() == ("applied", None)
        assert asked.tokens() == before + 2
    assert len([entry for entry in tenant.executed() if entry.get("cmdlet") == "Set-OutboundConnector"]) == 3


# ---- the list

def listed():
    """(cmdlet, by GUID, parameters) of the table in the source."""
    with open(os.path.join(ROOT, "engine", "executors", "exchange_online_cmdlets.h"), encoding="utf-8") as text:
        rows = re.findall(r'\{"(\w+-\w+)",\s*(true|false),\s*(true|false),\s*"([^"]*)",\s*((?:"[^"]*"\s*)+),\s*"([^"]+)"\}', text.read())
    return [(name, by_guid == "true", dc == "true", needs.split(), "".join(re.findall(r'"([^"]*)"', parameters)).split(), role)
            for name, by_guid, dc, needs, parameters, role in rows]


def letter(kind):
    plain = kind.rsplit(".", 1)[-1]
    if plain in ("SwitchParameter", "Boolean", "Int32"):
        return plain[0].lower()
    return "l" if kind.endswith("[]") or plain == "MultiValuedProperty" else "t"


def reference():
    """The public reference: the facts file that the environment names, with those of Exchange Online, else the simulator's."""
    path = os.environ.get("UNHYBRID_CMDLETS")
    with open(path or CMDLETS, encoding="utf-8") as rows:
        fields = [row.rstrip("\n").split("\t") for row in rows if not row.startswith("#") and "\t" in row]
    if not path:
        return {row[0]: dict(one.split(":", 1) for one in row[1].split()) for row in fields}
    split = {row[0]: [one.split(":") for one in row[2].split()] for row in fields if len(row) > 2 and "O" in row[1]}
    return {name: {one[0]: one[1] for one in parameters if len(one) == 3 and "O" in one[2]} for name, parameters in split.items()}


def test_only_cmdlets_and_parameters_that_exist():
    table, known = listed(), reference()
    assert len(table) == 28 and len({row[0] for row in table}) == 28
    for name, by_guid, dc, needs, parameters, role in table:
        if name not in known and not os.environ.get("UNHYBRID_CMDLETS"):
            continue  # the simulator does not serve it
        names = dict(one.split(":") for one in parameters)
        assert len(names) == len(parameters) and role and not dc
        assert set(needs) <= set(names), name
        for one, kind in names.items():
            assert one in known[name], (name, one)
            assert kind == letter(known[name][one]), (name, one)
            assert not re.search("credential|password|secret|keyfile|oauthcode", one, re.I), (name, one)
        assert "Confirm" in known[name], "the writer says it"
        if by_guid:
            assert "Identity" in known[name], name


def test_the_list_is_closed():
    names = {row[0] for row in listed()}
    assert {name.split("-")[0] for name in names} == {"Add", "New", "Remove", "Set"}
    for never in ("Remove-AcceptedDomain", "Remove-Mailbox", "Disable-Mailbox", "Enable-OrganizationCustomization", "Remove-PartnerApplication",
                  "Remove-TransportRule", "Set-Mailbox", "New-MigrationEndpoint"):
        assert never not in names


# ---- what is sent

def test_one_object_by_its_guid(tenant):
    guid = tenant.guid("InboundConnector", "Inbound from 1")
    done = tenant.change("Remove-InboundConnector", guid)
    assert (done.code, done.outcome) == (0, "applied")
    assert done.results[0]["request_id"] and done.results[0]["server"]
    sent, = tenant.writes()
    assert sent["parameters"] == {"Identity": guid, "Confirm": False} and sent["executed"] and sent["client_id"] == APP
    assert set(tenant.rows("InboundConnector")) == {"Gateway"}


def test_values_of_every_type(tenant):
    guid = tenant.guid("OutboundConnector", "Outbound to 1")
    done = tenant.change("Set-OutboundConnector", guid, "Enabled=false", "RecipientDomains=[contoso.com,a.example]", "Comment=it's \"x\" Ω", "TlsDomain=null")
    assert done.code == 0, done.said
    sent, = tenant.writes()
    assert sent["parameters"] == {"Identity": guid, "Enabled": False, "RecipientDomains": ["contoso.com", "a.example"], "Comment": "it's \"x\" Ω",
                                  "TlsDomain": None, "Confirm": False}
    row = tenant.rows("OutboundConnector")["Outbound to 1"]
    assert row["Enabled"] is False and row["RecipientDomains"] == ["contoso.com", "a.example"] and row["Comment"] == "it's \"x\" Ω"


def test_a_new_object_is_told(tenant):
    done = tenant.change("New-OrganizationRelationship", "-", "Name=Partner", "DomainNames=[partner.example]", "Enabled=true")
    assert done.code == 0 and done.results[0]["objects"] == 1
    assert done.objects[0]["Guid"] == tenant.guid("OrganizationRelationship", "Partner")


@pytest.mark.parametrize("words", [("Remove-AcceptedDomain", "GUID"), ("Get-InboundConnector", "GUID"), ("Enable-OrganizationCustomization", "-"),
                                   ("Remove-InboundConnector", "-"), ("Remove-InboundConnector", "GUID", "Confirm=true"),
                                   ("Set-OutboundConnector", "GUID", "WhatIf=true"), ("Set-OutboundConnector", "GUID", "Enabled=yes"),
                                   ("Set-OutboundConnector", "GUID", "Nonsense=1"), ("New-OnPremisesOrganization", "-", "Name=x")])
@pytest.mark.parametrize("dry", [False, True])
def test_what_is_wrong_never_leaves(tenant, words, dry):
    guid = tenant.guid("InboundConnector", "Gateway")
    done = tenant.change(*[guid if word == "GUID" else word for word in words], dry=dry)
    assert (done.code, done.outcome) == (INTERNAL, "not-sent") and tenant.log() == []


def test_a_dry_run_records_and_sends_nothing(tenant):
    guid = tenant.guid("InboundConnector", "Inbound from 1")
    done = tenant.change("Set-InboundConnector", guid, "Enabled=false", "+", "Remove-InboundConnector", guid, dry=True)
    assert done.code == 0 and [one["outcome"] for one in done.results] == ["recorded"] * 2
    assert [(one["cmdlet"], one["guid"], one["arguments"]) for one in done.said if "cmdlet" in one] == [
        ("Set-InboundConnector", guid, {"Enabled": False}), ("Remove-InboundConnector", guid, {})]
    assert tenant.log() == [], "no request at all, no token either"


def test_only_the_operators_account(tenant):
    """The account for reading is none that writes."""
    done = tenant.change("Remove-InboundConnector", tenant.guid("InboundConnector", "Gateway"), config=tenant.configure(credentials={"client_id": APP, "secret_file": tenant.info["apps"][0]["secret_file"]}))
    assert done.code == CONFIG and "operator.credentials" in done.error["remedy"] and tenant.log() == []


# ---- what became of it

# fault, its arguments -> the outcome, whether it was carried out
FAULTS = [
    ("reset", {}, "unknown", False),
    ("reset", {"after": True}, "unknown", True),
    ("cut", {"bytes": 30}, "unknown", True),
    ("invalid_json", {"mode": "html"}, "unknown", True),
    ("invalid_json", {"mode": "cut"}, "unknown", True),
    ("unavailable", {"seconds": 1}, "unknown", False),
    ("unavailable", {"status": 504}, "unknown", False),
    ("status", {"status": 502, "body": "<html>"}, "unknown", False),
    ("transient_400", {}, "unknown", False),
    ("redirect", {"port": 1}, "unknown", False),
    ("exception", {"status": 429, "type": "Microsoft.Exchange.Data.Directory.OverBudgetException"}, "unknown", False),
    ("confirmation", {}, "failed", False),
    ("adminapi_errors", {}, "failed", True),
    ("warning", {"message": "The command completed successfully but no settings of 'x' have been modified."}, "failed", True),
    ("warning", {"message": "The change takes a while."}, "applied", True),
    ("exception", {}, "failed", False),
    ("concurrency", {}, "failed", False),
    ("delay", {"seconds": 1}, "applied", True),
    ("gzip_mismatch", {"mode": "label"}, "unknown", True),
]


@pytest.mark.parametrize("fault, args, outcome, carried_out", FAULTS)
def test_faults(tenant, fault, args, outcome, carried_out):
    """One request, whatever comes back; the connection has been used before, by reading which cmdlets the account may run."""
    guid = tenant.guid("OrganizationRelationship", "O365 to On-premises")
    tenant.control("POST", "state", {"knobs": {"write_answer": "200"}})
    tenant.faults([{"match": {"cmdlet": "Remove-*"}, "fault": fault, "args": args}])
    done = tenant.change("Remove-OrganizationRelationship", guid)
    assert len(tenant.writes()) == 1 and tenant.writes()[0]["fault"] == fault
    assert len(tenant.executed()) == carried_out and (not tenant.rows("OrganizationRelationship")) is carried_out
    assert done.outcome == outcome, done.said
    assert done.code == (0 if outcome == "applied" else UNAVAILABLE)
    if outcome == "unknown":
        assert done.error["remedy"].startswith("look at the object"), done.error
    if fault == "confirmation":
        assert "confirmation" in done.results[0]["message"]


def kinds(tenant, service):
    """Every kind of fault that the simulator knows for a service, once, with what keeps it short."""
    short = {"stall": {"seconds": 0.3}, "slow": {"seconds": 0.3}, "delay": {"seconds": 0.3}, "throttle": {"seconds": 0.2}, "huge": {"bytes": 9 << 20}}
    found = sorted(kind for kind, about in tenant.control("GET", "kinds").items() if service in about["services"])
    assert len(found) > 10
    return [{"fault": kind, "args": short.get(kind, {}), "times": 1} for kind in found]


def judge(fault, done, executed):
    """What must hold whatever happens."""
    assert executed <= 1, (fault, "done twice")
    if done.outcome == "applied":
        assert executed == 1 and done.code == 0, (fault, done.said)
    else:
        assert done.code != 0 and done.error["what"], (fault, done.said)
    if done.outcome == "not-sent":
        assert executed == 0, (fault, done.said)


def test_every_kind_of_fault(tenant):
    for fault in kinds(tenant, "exchange"):
        tenant.control("POST", "reset", {})
        tenant.faults([dict(fault, match={"cmdlet": "Set-*"})])
        done = tenant.change("Set-OrganizationRelationship", tenant.guid("OrganizationRelationship", "O365 to On-premises"), "Enabled=false")
        assert any(entry["fault"] == fault["fault"] for entry in tenant.writes()), fault
        judge(fault, done, len(tenant.executed()))


@pytest.mark.parametrize("fault, args", [("throttle", {"seconds": 1}), ("throttle", {"seconds": 0.3}), ("throttle", {"form": "date", "seconds": 1}),
                                         ("throttle", {"form": "none"}), ("unauthorized", {}), ("unauthorized", {"revoke": False})])
def test_turned_away_and_sent_again(tenant, fault, args):
    """Throttled at the door, or with a token that is over: proven not to be carried out, so it is sent again, not too early."""
    guid = tenant.guid("OrganizationRelationship", "O365 to On-premises")
    tenant.faults([{"match": {"cmdlet": "Remove-*"}, "fault": fault, "args": args, "times": 1}])
    done = tenant.change("Remove-OrganizationRelationship", guid)
    assert (done.code, done.outcome) == (0, "applied"), done.said
    assert [entry["executed"] for entry in tenant.writes()] == [False, True]
    assert tenant.control("GET", "counters")["retry_after_violations"] == 0


def test_a_token_that_is_never_accepted(tenant):
    tenant.faults([{"match": {"cmdlet": "Remove-*"}, "fault": "unauthorized"}])
    done = tenant.change("Remove-InboundConnector", tenant.guid("InboundConnector", "Gateway"))
    assert done.code == DENIED and done.results[0]["refused"] and len(tenant.writes()) == 2 and not tenant.executed()


def test_throttled_for_longer_than_anybody_waits(tenant):
    tenant.faults([{"match": {"cmdlet": "Remove-*"}, "fault": "throttle", "args": {"seconds": 3600}}])
    done = tenant.change("Remove-InboundConnector", tenant.guid("InboundConnector", "Gateway"))
    assert (done.code, done.outcome) == (UNAVAILABLE, "not-sent") and "wait" in done.error["remedy"] and len(tenant.writes()) == 1


def test_stopped_while_it_waits(tenant):
    tenant.faults([{"match": {"cmdlet": "Remove-*"}, "fault": "throttle", "args": {"seconds": 300}}])
    running = tenant.start("Remove-InboundConnector", tenant.guid("InboundConnector", "Gateway"))
    while not tenant.writes():
        time.sleep(0.05)
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=SECONDS)
    assert running.returncode == INTERRUPTED and time.monotonic() - began < 3
    assert json.loads(out.splitlines()[0])["outcome"] == "not-sent"


def test_stopped_while_it_is_carried_out(tenant):
    tenant.faults([{"match": {"cmdlet": "Remove-*"}, "fault": "delay", "args": {"seconds": 30}}])
    running = tenant.start("Remove-InboundConnector", tenant.guid("InboundConnector", "Gateway"))
    while "Gateway" in tenant.rows("InboundConnector"):
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=SECONDS)
    assert running.returncode == INTERRUPTED and json.loads(out.splitlines()[0])["outcome"] == "unknown"


def test_refused_with_the_role_that_is_missing(tenant):
    tenant.control("POST", "state", {"apps": {APP: {"cmdlets_denied": ["Remove-InboundConnector"]}}})
    done = tenant.change("Remove-InboundConnector", tenant.guid("InboundConnector", "Gateway"))
    assert (done.code, done.outcome) == (DENIED, "failed") and done.results[0]["refused"]
    assert '"Remote and Accepted Domains"' in done.error["remedy"] and done.error["where"]
    tenant.control("POST", "reset", {})
    tenant.faults([{"match": {"cmdlet": "Remove-*"}, "fault": "forbidden"}])
    done = tenant.change("Remove-InboundConnector", tenant.guid("InboundConnector", "Gateway"))
    assert done.results[0]["refused"] and "can take hours" in done.error["remedy"], "its list of cmdlets has it"


def test_an_organisation_that_was_never_customised(tenant):
    tenant.control("POST", "state", {"edit": {"OrganizationConfig": {"contoso.onmicrosoft.com": {"IsDehydrated": True}}}})
    done = tenant.change("Remove-InboundConnector", tenant.guid("InboundConnector", "Gateway"))
    assert (done.code, done.outcome) == (UNAVAILABLE, "failed") and done.results[0]["dehydrated"]
    assert "Enable-OrganizationCustomization" in done.error["remedy"]
    assert [entry["cmdlet"] for entry in tenant.writes()] == ["Remove-InboundConnector"], "never run by itself"


def test_an_object_that_is_not_there(tenant):
    guid = tenant.guid("InboundConnector", "Gateway")
    assert tenant.change("Remove-InboundConnector", guid).code == 0
    done = tenant.change("Remove-InboundConnector", guid)
    assert (done.code, done.outcome) == (UNAVAILABLE, "failed") and done.results[0]["not_found"] and not done.results[0]["refused"]


def test_the_token_is_over_in_the_middle(tenant):
    """Two changes in one session; between them the token ends."""
    one, two = tenant.guid("InboundConnector", "Gateway"), tenant.guid("InboundConnector", "Inbound from 1")
    tenant.faults([{"match": {"cmdlet": "Remove-*", "nth": 2}, "fault": "unauthorized"}])
    done = tenant.change("Remove-InboundConnector", one, "+", "Remove-InboundConnector", two)
    assert [result["outcome"] for result in done.results] == ["applied", "applied"]
    assert [entry["executed"] for entry in tenant.writes()] == [True, False, True] and not tenant.rows("InboundConnector")


def test_replication_lags(tenant):
    """What one domain controller does not see yet is not there: told as not found, never as done, and not sent again."""
    tenant.control("POST", "state", {"knobs": {"replication_lag": 60}})
    done = tenant.change("New-OrganizationRelationship", "-", "Name=New", "DomainNames=[new.example]")
    guid = done.objects[0]["Guid"]
    outcomes = []
    for _ in range(20):
        done = tenant.change("Set-OrganizationRelationship", guid, "Enabled=false")
        outcomes.append((done.outcome, done.results[0]["not_found"]))
        if len(set(outcomes)) > 1:
            break
    assert set(outcomes) <= {("applied", False), ("failed", True)} and ("failed", True) in outcomes
    assert len(tenant.executed()) == 1 + outcomes.count(("applied", False))
