# SPDX-License-Identifier: Apache-2.0
"""Waivers and attestations: what each is worth, what is wrong with each and where, and the commands that write them.

A waiver hides no unknown, an attestation turns no observed failure into a pass, and both stand in every report.
Fabrikam's own attestations make its audit ready; without any one of them it is undetermined.
"""
import datetime
import fcntl
import json
import os
import pathlib
import re
import shlex
import stat
import subprocess

import pytest
import yaml

from conftest import TOP
from test_cli import ENVIRON, FACTS_MAKE, UNHYBRID, run, schema, write

OBSERVED = 1795374060  # 2026-11-22T19:01:00Z
GUID = "00000000-0000-0000-0000-0000000000%02x"
KEY = "soa.mailbox/cloud/" + GUID
LONG = "2099-01-01T00:00:00Z"
NOTHING = "sha256:" + 64 * "0"


def mailbox(i, managed=False, kind="UserMailbox"):
    return {"table": "exchange_recipient", "row": {
        "side": "cloud", "source": "exchange-online", "kind": "Mailbox", "guid": GUID % i, "name": f"Ada {i}", "identity": f"Ada {i}",
        "primary_address": f"ada{i}@contoso.com", "recipient_type_details": kind, "is_dir_synced": True, "is_cloud_managed": managed}}


def a_set(name, state="complete"):
    side, name = name.split(":")
    return {"table": "set", "row": {"source": "directory" if side == "on-premises" else "exchange-online", "side": side, "name": name,
                                    "state": state, "observed_at": OBSERVED - 10, "why": "because"}}


def thing(kind, name, properties):
    return {"table": "object", "row": {"source": "directory", "side": "on-premises", "kind": kind, "listing": "", "identity": name,
                                       "name": name, "guid": "", "json": properties}}


def connector(name, **properties):
    return thing("ReceiveConnector", name, {"Enabled": True, "Bindings": ["0.0.0.0:25", "[::]:25"], "RemoteIPRanges": ["10.0.0.0/8"],
                                            **properties})


BASE = [a_set("cloud:Mailbox"), a_set("on-premises:ReceiveConnector"), mailbox(1), mailbox(2), mailbox(3, managed=True),
        connector("Default Frontend EX01")]


class Case:
    """A case with observations that were written row by row, and a configuration that names both files."""

    def __init__(self, folder):
        self.folder, self.made = folder, 0
        self.waivers, self.attestations = folder / "waivers.yaml", folder / "attestations.yaml"
        self.configure()
        self.case = folder / "contoso.case"
        self.case.mkdir(mode=0o700)
        write(self.case / "case.yaml", "format: 1\norganization: contoso\n")

    def configure(self, **more):
        settings = {"organization": "contoso", "tenant": "contoso.onmicrosoft.com", "waivers": "waivers.yaml",
                    "attestations": "attestations.yaml", **more}
        write(self.folder / "unhybrid.yaml", yaml.safe_dump({k: v for k, v in settings.items() if v}))

    def observe(self, rows=tuple(BASE), tenant="contoso.onmicrosoft.com"):
        self.made += 1
        head = {"table": "observation", "row": {"organization": "contoso", "tenant": tenant, "program": "0", "started_at": OBSERVED - 60,
                                                "ended_at": OBSERVED}}
        path = self.case / ("facts-20261122T190100Z%s.db" % ("" if self.made == 1 else f"-{self.made}"))
        subprocess.run([FACTS_MAKE, path], input="".join(json.dumps(row) + "\n" for row in [head, *rows]), text=True, check=True, timeout=60)
        return self

    def run(self, *arguments, **more):
        return run(*arguments, cwd=self.folder, **more)

    def report(self, *arguments):
        done = self.run("report", "--format", "json", *arguments)
        assert done.returncode in (0, 1, 2), done.stderr
        report = json.loads(done.stdout)
        schema("report").validate(report)
        return report

    def check(self, id_):
        return next(check for check in self.report()["checks"] if check["id"] == id_)

    def waive(self, key, *more, until=LONG):
        return self.run("waive", "add", key, "--reason", "it may stay", "--approver", "Grace Hopper", "--until", until, *more)

    def attest(self, fact, value, *more, until=LONG):
        return self.run("attest", "add", fact, value, "--approver", "Grace Hopper", "--until", until, *more)

    def listed(self, kind):
        done = self.run("waive" if kind == "waivers" else "attest", "list", "--format", "json")
        assert done.returncode == 0, done.stderr
        listed = json.loads(done.stdout)
        schema(kind).validate(listed)
        return listed[kind]

    def evidence(self, key=KEY % 1):
        """What a waiver of this finding accepts, from the program itself."""
        done = self.run("waive", "add", key, "--reason", "x", "--approver", "x", "--until", LONG)
        assert done.returncode == 0, done.stderr
        evidence = self.listed("waivers")[-1]["evidence"]
        self.waivers.unlink()
        return evidence


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path).observe()


def ok(done):
    assert done.returncode == 0, done.stderr
    return done


# ---- what a waiver does ----

def test_a_waived_finding_stands_in_the_report_and_does_not_count(case):
    before = case.check("soa.mailbox")
    assert (before["status"], before["count"], before["waived"]) == ("fail", 2, 0)
    ok(case.waive(KEY % 1))
    one = case.check("soa.mailbox")
    assert (one["status"], one["count"], one["waived"]) == ("fail", 2, 1)
    waived = {f["key"]: f.get("waiver") for f in one["findings"]}
    assert waived == {KEY % 1: {"reason": "it may stay", "approver": "Grace Hopper", "until": LONG}, KEY % 2: None}
    assert [c for c in one["remedy"]["commands"] if "ada1@" in c] == [] and any("ada2@" in c for c in one["remedy"]["commands"])
    assert case.report()["verdict"] == "blocked"
    ok(case.waive(KEY % 2))
    report = case.report()
    both = next(check for check in report["checks"] if check["id"] == "soa.mailbox")
    assert (both["status"], both["count"], both["waived"], both["unknown"]) == ("waived", 2, 2, [])
    assert report["summary"]["waived"] == 1 and report["verdict"] == "undetermined"  # nothing else was observed
    shown = case.run("report").stdout
    assert "Waived" in shown and "waived by Grace Hopper until 2099-01-01T00:00:00Z: it may stay" in shown
    assert shown.count("waiver " + KEY % 1) == 1
    assert case.run("status").returncode == 0 and "undetermined" in case.run("status").stdout
    # Judged as of today the set is stale: waived as before, and unknown.
    case.run("audit", "--offline", "--format", "json", "-o", "today.json")
    today = next(c for c in json.loads((case.folder / "today.json").read_text())["checks"] if c["id"] == "soa.mailbox")
    assert (today["status"], today["waived"], today["unknown"][0]["state"]) == ("unknown", 2, "stale")


@pytest.mark.parametrize("gap", [
    [mailbox(4, managed={"answer": "refused"})],
    [a_set("cloud:Mailbox", "partial")],
], ids=["an object that cannot be judged", "a set that is not complete"])
def test_a_waiver_hides_no_unknown(case, gap):
    rows = [row for row in BASE if row["table"] != "set" or gap[0]["table"] != "set" or row["row"]["name"] != "Mailbox"] + gap
    case.observe(rows)
    ok(case.waive(KEY % 1))
    assert case.check("soa.mailbox")["status"] == "fail"
    ok(case.waive(KEY % 2))
    check = case.check("soa.mailbox")
    assert (check["status"], check["count"], check["waived"]) == ("unknown", 2, 2) and check["unknown"]
    assert case.report()["verdict"] == "undetermined"
    shown = case.run("report").stdout
    assert "Undecided blockers" in shown and "waived by Grace Hopper" in shown


def test_a_waiver_holds_from_its_first_second_to_before_its_last(case):
    evidence = case.evidence()
    for from_, until, state in [("2026-11-22T19:01:00Z", "2026-11-22T19:01:01Z", "counts"),
                                ("2026-11-22T20:01:00+01:00", "2026-11-22T20:01:01+01:00", "counts"),
                                ("2026-11-22T19:00:00Z", "2026-11-22T19:01:00Z", "expired"),
                                ("2026-11-22T19:01:01Z", "2026-11-22T19:02:00Z", "future"),
                                ("2026-11-22T23:01:00+05:00", "2026-11-22T23:01:00+04:00", "expired")]:
        write(case.waivers, waiver(KEY % 1, evidence, from_=from_, until=until))
        assert case.report()["waivers"][0]["state"] == state, (from_, until)


def test_a_waiver_lapses_with_its_evidence_and_not_with_the_next_observation(case):
    ok(case.waive(KEY % 1))
    case.observe()
    assert case.report()["waivers"][0]["state"] == "counts"
    case.observe([row for row in BASE if row != mailbox(1)] + [mailbox(1, kind="SharedMailbox")])
    report = case.report()
    assert report["waivers"][0]["state"] == "lapsed"
    assert any(n["source"] == "waivers" and "lapsed" in n["text"] and "waivers.yaml:2:" in n["text"] for n in report["notices"])
    assert next(c for c in report["checks"] if c["id"] == "soa.mailbox")["waived"] == 0


# ---- what an attestation does ----

def test_the_report_says_what_to_state_and_its_command_does_it(case):
    check = case.check("relay.traffic")
    assert check["status"] == "unknown" and len(check["attest"]) == 1
    what = check["attest"][0]
    assert what["fact"] == "relay.no-traffic" and what["values"] == ["yes"] and "logs" in what["how"] and what["question"].endswith("?")
    shown = case.run("report").stdout
    assert what["command"] in shown and "How to find out:" in shown
    explained = case.run("checks", "explain", "relay.traffic").stdout
    assert "relay.no-traffic" in explained and what["how"].split()[0] in explained
    environment = {**ENVIRON, "USER": "grace", "PATH": os.path.dirname(UNHYBRID) + ":" + os.environ["PATH"]}
    done = subprocess.run(["sh", "-c", what["command"]], cwd=case.folder, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    check = case.check("relay.traffic")
    assert (check["status"], check["attest"], check["unknown"]) == ("pass", [], [])
    stated = case.report()["attestations"]
    assert [(s["fact"], s["value"], s["approver"], s["state"], s["check"]) for s in stated] == \
        [("relay.no-traffic", "yes", "grace", "counts", "relay.traffic")]
    assert stated[0]["from"] == "2026-11-22T19:01:00Z"  # since the observation that it rests on
    assert "attestation relay.no-traffic = yes (grace, until" in case.run("report").stdout


@pytest.mark.parametrize("change, state", [
    ([], "counts"),
    ([mailbox(9)], "counts"),
    ([connector("New")], "lapsed"),
    ([connector("Old", Enabled=False)], "lapsed"),
    ([a_set("on-premises:ReceiveConnector", "partial")], "unverified"),
], ids=["nothing", "a mailbox", "a connector", "a connector that is off", "the connectors not all read"])
def test_an_attestation_lapses_with_what_it_rests_on(case, change, state):
    ok(case.attest("relay.no-traffic", "yes"))
    case.observe([*BASE, *change])
    report = case.report()
    assert report["attestations"][0]["state"] == state
    assert next(c for c in report["checks"] if c["id"] == "relay.traffic")["status"] == ("pass" if state == "counts" else "unknown")
    assert any(n["source"] == "attestations" for n in report["notices"]) is (state != "counts")


def test_an_attestation_rests_on_values_not_on_their_order_and_on_the_tenant(case):
    ok(case.attest("relay.no-traffic", "yes"))
    rest = [row for row in BASE if row["table"] != "object"]
    case.observe([*rest, connector("Default Frontend EX01", Bindings=["[::]:25", "0.0.0.0:25"])])
    assert case.report()["attestations"][0]["state"] == "counts"
    case.observe([*rest, connector("Default Frontend EX01", RemoteIPRanges=["10.0.0.0/8", "192.0.2.7"])])
    assert case.report()["attestations"][0]["state"] == "lapsed"
    case.observe(tenant="fabrikam.onmicrosoft.com")
    assert case.report()["attestations"][0]["state"] == "lapsed"



def test_who_is_accounted_for_does_not_cover_who_comes_later(case):
    """sanity.recipients: three ways in which only one source shows somebody, and the statement rests on all of them."""
    def remote(i):
        return {"table": "directory_recipient", "row": {"domain": "DC=contoso,DC=com", "via": "dc", "guid": GUID % i, "dn": f"CN=Ada {i},DC=contoso,DC=com",
                                                        "class": "user", "recipient_type_details": 2147483648}}

    listed = {"table": "set", "row": {**a_set("on-premises:RemoteMailbox")["row"], "source": "exchange-server"}}
    rows = [*BASE, a_set("on-premises:Recipient"), listed, remote(20)]
    case.observe(rows)
    ok(case.attest("sanity.recipients", "yes"))
    assert case.report()["attestations"][0]["state"] == "counts"
    case.observe([*rows, remote(21)])
    assert case.report()["attestations"][0]["state"] == "lapsed"


PLUGIN = """
#include <unhybrid/check.h>
#define ROWS(violated) "SELECT " violated " AS violated, name AS key, 'thing' AS kind, name AS object, 'seen' AS message,"\
  " json_object('Bad', prop_json(json, 'Bad')) AS evidence FROM object"
static const struct uh_rule seen[] = {{"on-premises", "on-premises:Thing", ROWS("prop(json, 'Bad')") " WHERE kind = 'Thing'"}, {0}};
static const struct uh_attestable nothing[] = {{.fact = "plugin.nothing", .question = "Is there nothing?", .how = "Look.", .values = "yes|no"}, {0}};
static const struct uh_rule version[] = {{"on-premises", "on-premises:Engine",
  "SELECT coalesce(prop(json, 'Version'), (SELECT value FROM attestation WHERE fact = 'plugin.version' AND attestation.object = name)) < '2'"
  " AS violated, name AS key, 'engine' AS kind, name AS object, 'old' AS message, json_object('Version', prop(json, 'Version')) AS evidence"
  " FROM object WHERE kind = 'Engine'"}, {0}};
static const struct uh_attestable versions[] = {{.fact = "plugin.version", .question = "Which version is it?", .how = "Look at it.",
  .object = "engine", .observed = "SELECT name AS object, prop(json, 'Version') AS value FROM object WHERE kind = 'Engine'",
  .basis = "SELECT name FROM object WHERE kind = 'Engine'", .basis_needs = "on-premises:Engine"}, {0}};
static const struct uh_check checks[] = {
  {.id = "plugin.blind", .title = "There is no thing", .severity = UH_BLOCKER, .purposes = UH_BEFORE, .requirements = "P-02", .rules = seen,
   .blind_spot = "some things hide", .attests = nothing, .remedy = "None.", .reference = "", .explain = "A test."},
  {.id = "plugin.engine", .title = "Every engine is new", .severity = UH_BLOCKER, .purposes = UH_BEFORE, .requirements = "P-02", .rules = version,
   .attests = versions, .remedy = "None.", .reference = "", .explain = "A test."}, {0}};
UH_CHECK_MODULE(blind, checks);
"""
HOSTILE = "en'gine; $(reboot) \u202e\x1b[2J\"#: \\"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """A module with a blind spot behind rules, and a value that some engines do not tell."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "blind.c").write_text(PLUGIN)
    subprocess.run(["cc", "-shared", "-fPIC", "-DUNHYBRID_PLUGIN", "-I", os.path.join(TOP, "engine", "include"), "-o",
                    str(folder / "blind.so"), str(folder / "blind.c")], check=True)
    (folder / "blind.so").chmod(0o700)
    return str(folder / "blind.so")


THINGS = [*BASE, a_set("on-premises:Thing"), a_set("on-premises:Engine")]


def test_an_attestation_never_turns_an_observed_failure_into_a_pass(case, plugin):
    case.configure(rules=[plugin])
    case.observe([*THINGS, thing("Thing", "good", {"Bad": False})])
    assert case.check("plugin.blind")["status"] == "unknown"
    ok(case.attest("plugin.nothing", "no"))  # said, and no reason to pass
    assert case.check("plugin.blind")["status"] == "unknown" and case.report()["attestations"][0]["state"] == "counts"
    ok(case.run("attest", "withdraw", "plugin.nothing"))
    ok(case.attest("plugin.nothing", "yes"))
    assert case.check("plugin.blind")["status"] == "pass"
    case.observe([*THINGS, thing("Thing", "bad", {"Bad": True})])
    report = case.report()
    assert next(c for c in report["checks"] if c["id"] == "plugin.blind")["status"] == "fail"
    assert report["attestations"][0]["state"] == "contradicted" and "plugin.blind" in report["attestations"][0]["why"]
    # Waived is not unseen: the blind spot stays open.
    ok(case.waive("plugin.blind/on-premises/bad"))
    check = case.check("plugin.blind")
    assert (check["status"], check["waived"]) == ("unknown", 1) and check["unknown"][0]["set"] == "check:blind-spot"
    case.attestations.unlink()
    refused = case.attest("plugin.nothing", "yes")
    assert refused.returncode == 65 and "observed otherwise" in refused.stderr and not case.attestations.exists()
    # What cannot be judged is no gap that the fact fills.
    case.waivers.unlink()
    case.observe([*THINGS, thing("Thing", "silent", {})])
    ok(case.attest("plugin.nothing", "yes"))
    assert case.check("plugin.blind")["status"] == "unknown" and case.check("plugin.blind")["attest"] == []


def test_an_attestation_fills_a_value_that_no_source_gave(case, plugin):
    case.configure(rules=[plugin])
    case.observe([*THINGS, thing("Engine", "told", {"Version": "3"}), thing("Engine", "silent", {}), thing("Engine", HOSTILE, {})])
    check = case.check("plugin.engine")
    assert check["status"] == "unknown"
    assert sorted(a["object"] for a in check["attest"]) == sorted([HOSTILE, "silent"])  # the one that told is not asked for
    for what in check["attest"]:
        assert what["values"] == [] and " VALUE " in what["command"]
    ok(case.attest("plugin.version", "2.5", "--object", "silent"))
    assert [a["object"] for a in case.check("plugin.engine")["attest"]] == [HOSTILE]
    ok(case.attest("plugin.version", "1.9", "--object", HOSTILE))
    check = case.check("plugin.engine")
    assert check["status"] == "fail" and [f["object"] for f in check["findings"]] == [HOSTILE]  # what is stated is judged, not believed
    again = case.attest("plugin.version", "2.0", "--object", "silent")
    ok(case.run(*shlex.split(re.search("withdraw it first: unhybrid (.*)", again.stderr)[1])))   # as it is told, object and all
    ok(case.attest("plugin.version", "2.5", "--object", "silent"))
    again = case.attest("plugin.version", "2.0", "--object", HOSTILE)
    assert "withdraw it first: `unhybrid attest list` shows it, on line " in again.stderr   # no shell would take what a terminal shows
    ok(case.run("attest", "withdraw", "plugin.version", "--object", HOSTILE))
    ok(case.attest("plugin.version", "2.0", "--object", HOSTILE))
    assert case.check("plugin.engine")["status"] == "pass"
    refused = case.attest("plugin.version", "4", "--object", "told")
    assert refused.returncode == 65 and "observed otherwise (3)" in refused.stderr
    assert case.attest("plugin.version", "4", "--object", "other").returncode == 64
    assert case.attest("plugin.version", "4").returncode == 64
    # The engine tells it now, and otherwise.
    case.observe([*THINGS, thing("Engine", "told", {"Version": "3"}), thing("Engine", "silent", {"Version": "1"}), thing("Engine", HOSTILE, {})])
    report = case.report()
    assert {s["object"]: s["state"] for s in report["attestations"]} == {"silent": "contradicted", HOSTILE: "counts"}
    assert next(c for c in report["checks"] if c["id"] == "plugin.engine")["status"] == "fail"
    case.observe([*THINGS, thing("Engine", "told", {"Version": "3"}), thing("Engine", HOSTILE, {})])
    assert {s["object"]: s["state"] for s in case.report()["attestations"]} == {"silent": "unmatched", HOSTILE: "lapsed"}


# ---- what is wrong with an entry, and where ----

def waiver(key=KEY % 1, evidence=NOTHING, from_="2026-11-01T00:00:00Z", until=LONG, reason="it may stay", approver="Grace", head=True):
    lines = {"finding": key, "reason": reason, "approver": approver, "from": from_, "until": until, "evidence": evidence}
    text = "".join(f"    {name}: {json.dumps(value)}\n" for name, value in lines.items() if value is not None)
    return ("waivers:\n" if head else "") + "  -" + text[3:]


def attestation(fact="relay.no-traffic", value="yes", evidence=NOTHING, from_="2026-11-01T00:00:00Z", until=LONG, object_=None,
                approver="Grace", head=True):
    lines = {"fact": fact, "object": object_, "value": value, "approver": approver, "from": from_, "until": until, "evidence": evidence}
    text = "".join(f"    {name}: {json.dumps(v)}\n" for name, v in lines.items() if v is not None)
    return ("attestations:\n" if head else "") + "  -" + text[3:]


REFUSED = {
    "no YAML": ("waivers: [\n", 2, "not valid YAML"),
    "another key": ("waiver: []\n", 1, 'one key, "waivers"'),
    "the other kind": (attestation(), 1, 'unknown key "attestations"'),
    "no list": ("waivers: yes\n", 1, "has to be a list"),
    "an entry that is none": ("waivers:\n  - soa.mailbox\n", 2, "a section of keys"),
    "a key that is unknown": (waiver().replace("reason:", "reson:"), 3, 'unknown key "reson" in a waiver'),
    "a key twice": (waiver() + "    reason: again\n", 8, "reason stands twice"),
    "a list for text": (waiver().replace('"it may stay"', "[it, may]"), 3, "reason has to be text"),
    "a NUL": (waiver(reason="a\0b"), 3, "reason has to be text"),
    "no approver": (waiver(approver=None), 2, "names no approver"),
    "a blank approver": (waiver(approver="  "), 4, "names no approver"),
    "no reason": (waiver(reason=None), 2, "has no reason"),
    "no finding": (waiver(key=None), 2, "has no finding"),
    "no until": (waiver(until=None), 2, "has no until"),
    "no evidence": (waiver(evidence=None), 2, "what evidence it accepted"),
    "evidence that is none": (waiver(evidence="sha256:00"), 7, "64 hexadecimal digits"),
    "no zone": (waiver(until="2026-12-01T00:00:00"), 6, "until says no time zone"),
    "no time": (waiver(from_="tomorrow"), 5, "from is no time"),
    "a day": (waiver(from_="2026-11-01"), 5, "from"),
    "from after until": (waiver(from_="2026-12-02T00:00:00+01:00", until="2026-12-01T23:00:00Z"), 6, "until is not after from"),
    "two documents": (waiver() + "---\n" + waiver(), 9, "more than one YAML document"),
    "the second entry": (waiver() + "# more\n" + waiver(head=False, approver=None), 9, "names no approver"),
    "no UTF-8": (b"waivers:\n  - reason: \xff\n", None, "not UTF-8"),
}


@pytest.mark.parametrize("text, line, said", REFUSED.values(), ids=REFUSED.keys())
def test_an_entry_of_the_wrong_shape_is_refused_with_its_place(case, text, line, said):
    case.waivers.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = case.run("report")
    assert done.returncode == 78, done
    assert said in done.stderr and ("waivers.yaml" + (f":{line}:" if line else ":")) in done.stderr


def test_every_command_refuses_it_before_it_does_anything(case):
    write(case.waivers, waiver(approver=None))
    before = case.waivers.read_bytes()
    for command in (["report"], ["audit", "--offline"], ["audit"], ["status"], ["waive", "list"], ["waive", "withdraw", KEY % 1]):
        done = case.run(*command)
        assert done.returncode == 78 and "waivers.yaml:2:" in done.stderr, (command, done)
    assert len(list(case.case.glob("facts-*"))) == 1  # nothing was observed
    assert case.waive(KEY % 1).returncode == 78 and case.waivers.read_bytes() == before


def test_an_attestation_of_the_wrong_shape_is_refused_too(case):
    for text, line, said in [(attestation(value=None), 2, "has no value"), (attestation(approver=""), 4, "names no approver"),
                             (attestation() + "    reason: x\n", 8, 'unknown key "reason" in an attestation'),
                             (attestation(until="2026-12-01T00:00:00"), 6, "says no time zone"),
                             ("attestations:\n" + 4097 * "  - {}\n", 2, "more than 4096 attestations"),
                             ("#" * (1024 * 1024 + 1), None, "larger than 1 MiB")]:
        write(case.attestations, text)
        done = case.run("report")
        assert done.returncode == 78 and said in done.stderr and ("attestations.yaml" + (f":{line}:" if line else ":")) in done.stderr, done


def test_files_that_hold_nothing(case):
    for text in ("", "# nothing yet\n", "waivers:\n", "waivers: []\n", "waivers:   # none\n"):
        write(case.waivers, text)
        assert case.report()["waivers"] == []
        assert case.listed("waivers") == []
        ok(case.waive(KEY % 1))
        assert case.report()["waivers"][0]["state"] == "counts"
        for part in text.split("#")[1:]:
            assert part.strip() in case.waivers.read_text()
    case.waivers.unlink()
    notices = [n["text"] for n in case.report()["notices"] if n["source"] == "configuration"]
    assert any("waivers.yaml" in text and "there is no file" in text for text in notices)  # a slip in its name would show


WORTHLESS_WAIVERS = {
    "expired": (dict(until="2026-11-02T00:00:00+02:00"), "expired", "it held until 2026-11-01T22:00:00Z"),
    "future": (dict(from_="2098-12-01T00:00:00-05:00"), "future", "it holds from 2098-12-01T05:00:00Z on"),
    "lapsed": (dict(evidence=NOTHING), "lapsed", "has changed"),
    "no such finding": (dict(key=KEY % 99), "unmatched", "there is no such finding"),
    "a finding that is solved": (dict(key=KEY % 3), "unmatched", "there is no such finding"),
    "the wrong side": (dict(key=(KEY % 1).replace("cloud", "on-premises")), "unmatched", "there is no such finding"),
    "no key": (dict(key="soa.mailbox"), "unmatched", "check/side/object"),
    "no such check": (dict(key=(KEY % 1).replace("mailbox", "mailbx")), "unmatched", 'no check "soa.mailbx"; did you mean "soa.mailbox"?'),
    "a requirement": (dict(key="requirement.P-08/cloud/x"), "unmatched", 'no check "requirement.P-08"'),
    "no check of this purpose": (dict(key="nothing.like.it/cloud/x"), "unmatched", 'no check "nothing.like.it"'),
}


@pytest.mark.parametrize("change, state, said", WORTHLESS_WAIVERS.values(), ids=WORTHLESS_WAIVERS.keys())
def test_a_waiver_that_does_not_count_says_why_and_where(case, change, state, said):
    entry = {"evidence": case.evidence(), **change}
    write(case.waivers, "# accepted\n\n" + waiver(**entry))
    report = case.report()
    stated = report["waivers"][0]
    assert (stated["state"], stated["line"], stated["file"]) == (state, 4, str(case.waivers)) and said in stated["why"]
    assert [n for n in report["notices"] if n["source"] == "waivers" and "waivers.yaml:4:" in n["text"] and said in n["text"]]
    assert next(c for c in report["checks"] if c["id"] == "soa.mailbox")["waived"] == 0
    shown = " ".join(case.run("report").stdout.split())
    assert f"does not count, {state}: " in shown and "waivers.yaml:4)" in shown
    assert case.listed("waivers")[0]["state"] == state
    assert said in case.run("waive", "list").stdout


def test_the_same_waived_twice(case):
    evidence = case.evidence()
    write(case.waivers, waiver(evidence=NOTHING) + waiver(evidence=evidence, head=False) + waiver(evidence=evidence, head=False, reason="again"))
    assert [w["state"] for w in case.report()["waivers"]] == ["lapsed", "duplicate", "counts"]  # what counts comes last
    duplicate = next(w for w in case.report()["waivers"] if w["state"] == "duplicate")
    assert duplicate["line"] == 14 and "line 8 accepts the same" in duplicate["why"]
    assert case.check("soa.mailbox")["waived"] == 1
    # One after the other is no duplicate.
    write(case.waivers, waiver(evidence=evidence, until="2026-11-22T19:00:00Z") +
          waiver(evidence=evidence, from_="2026-11-22T19:00:00Z", head=False))
    assert sorted(w["state"] for w in case.report()["waivers"]) == ["counts", "expired"]


def test_a_check_that_was_left_out(case):
    ok(case.waive(KEY % 1))
    case.run("audit", "--offline", "--only", "relay.traffic", "--format", "json", "-o", "only.json")
    report = json.loads((case.folder / "only.json").read_text())
    schema("report").validate(report)
    assert report["waivers"][0]["state"] == "not-judged"


WORTHLESS_ATTESTATIONS = {
    "expired": (dict(until="2026-11-02T00:00:00Z"), "expired", "it held until"),
    "future": (dict(from_="2026-12-01T00:00:00Z"), "future", "it holds from"),
    "lapsed": (dict(evidence=NOTHING), "lapsed", "has changed since"),
    "no such fact": (dict(fact="relay.no-trafic"), "unmatched", 'no fact "relay.no-trafic" that may be stated; did you mean "relay.no-traffic"?'),
    "nothing like it": (dict(fact="weather"), "unmatched", 'no fact "weather"'),
    "a check's name": (dict(fact="soa.mailbox"), "unmatched", 'no fact "soa.mailbox"'),
    "another value": (dict(value="no"), "refused", 'does not take the value "no": it takes yes'),
    "an object": (dict(object_="EX01"), "unmatched", "about the whole organisation"),
}


@pytest.mark.parametrize("change, state, said", WORTHLESS_ATTESTATIONS.values(), ids=WORTHLESS_ATTESTATIONS.keys())
def test_an_attestation_that_does_not_count_says_why_and_where(case, change, state, said):
    ok(case.attest("relay.no-traffic", "yes"))
    evidence = case.report()["attestations"][0]["evidence"]
    write(case.attestations, "\n" + attestation(**{"evidence": evidence, **change}))
    report = case.report()
    stated = report["attestations"][0]
    assert (stated["state"], stated["line"]) == (state, 3) and said in stated["why"]
    assert [n for n in report["notices"] if n["source"] == "attestations" and "attestations.yaml:3:" in n["text"] and said in n["text"]]
    assert next(c for c in report["checks"] if c["id"] == "relay.traffic")["status"] == "unknown"
    assert f"does not count, {state}: " in " ".join(case.run("report").stdout.split())


def test_stated_twice(case, plugin):
    ok(case.attest("relay.no-traffic", "yes"))
    evidence = case.report()["attestations"][0]["evidence"]
    write(case.attestations, attestation(evidence=evidence) + attestation(evidence=evidence, head=False))
    assert sorted(a["state"] for a in case.report()["attestations"]) == ["counts", "duplicate"]
    assert case.check("relay.traffic")["status"] == "pass"
    # Two that say different things say nothing.
    case.configure(rules=[plugin])
    case.observe(THINGS)
    case.attestations.unlink()
    ok(case.attest("plugin.nothing", "yes"))
    evidence = case.report()["attestations"][0]["evidence"]
    write(case.attestations, attestation("plugin.nothing", "yes", evidence) + attestation("plugin.nothing", "no", evidence, head=False))
    assert [a["state"] for a in case.report()["attestations"]] == ["duplicate", "duplicate"]
    assert case.check("plugin.blind")["status"] == "unknown"


# ---- the commands ----

TEXTS = ["plain", "it's \"quoted\"", "a: b # c", "- x", "{a: b}", "*alias &anchor !tag %x @y `z`", "line\nbreak\r\n\ttab", "\u202eevil\u2028\x1b[2J\x85",
         "\ufeff\ufffd\U0001f4ec \U000e0041", "\\n \\", "~", "null", " spaces ", "\u65e5\u672c\u8a9e", "\ufffe\uffff\U0010ffff", "\\ud83d\\udcec"]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_come_back_as_they_were(case, text):
    ok(case.run("waive", "add", KEY % 1, "--reason", text, "--approver", text, "--until", LONG))
    report = case.report()
    assert [(w["reason"], w["approver"], w["state"]) for w in report["waivers"]] == [(text, text, "counts")]
    assert yaml.safe_load(case.waivers.read_text())["waivers"][0]["reason"] == text  # as another reader reads it
    for shown in (case.run("report").stdout, case.run("waive", "list").stdout, case.run("waive", "list", "--format", "json").stdout):
        assert not any(character in shown for character in "\x1b\u202e\u2028\x85\r\t")


FILE = """# Waivers of Contoso.
# Agreed with the auditors, see the minutes.

waivers:
  # the scanner in the cellar
  - finding: {key1}      # its mailbox
    reason: >-
      The scanner
      is replaced in spring.
    approver: 'Ada'
    from: 2026-11-01T00:00:00+01:00
    until: 2027-04-01T00:00:00+02:00
    evidence: {evidence}

  # others follow
# end
"""


def test_a_file_keeps_its_comments_and_order(case):
    write(case.waivers, FILE.format(key1=KEY % 1, evidence=case.evidence()), mode=0o640)
    before = case.waivers.read_text()
    ok(case.waive(KEY % 2))
    after = case.waivers.read_text()
    assert [line for line in before.splitlines() if line not in after.splitlines()] == []
    new = after.splitlines()
    start = new.index(f'  - finding: "{KEY % 2}"')
    assert "\n".join(new[:start] + new[start + 6:]) + "\n" == before
    assert stat.S_IMODE(case.waivers.stat().st_mode) == 0o640
    assert [w["state"] for w in case.report()["waivers"]] == ["counts", "counts"]
    assert "line 6" in case.run("waive", "list").stdout
    ok(case.run("waive", "withdraw", KEY % 2))
    assert case.waivers.read_text() == before
    done = ok(case.run("waive", "withdraw", KEY % 1))
    assert "line 6" in done.stdout
    assert case.waivers.read_text() == before[:before.index("  - finding")] + before[before.index("\n  # others"):]
    assert case.report()["waivers"] == []
    assert sorted(os.listdir(case.folder)) == ["contoso.case", "unhybrid.yaml", "waivers.yaml"]  # no lock, nothing half-made


@pytest.mark.parametrize("text", [
    "waivers:\n- {entry}\n- {other}\n", "waivers:\r\n  - {entry}\r\n", "waivers:\n    - {entry}", "# \u2028 \x85\nwaivers:\n  - {entry}\n  - {other}\n",
    "\ufeffwaivers:\n  - {entry}\n", "---\nwaivers:\n  - {entry}\n", "waivers:\n  - {entry}\n\n\n#\n",
], ids=["dashes at the margin", "CRLF", "no end of line", "odd line breaks", "byte order mark", "document start", "blank lines"])
def test_shapes_that_a_person_may_write(case, text):
    entry = {"finding": KEY % 1, "reason": "x", "approver": "y", "from": "2026-11-01T00:00:00Z", "until": LONG, "evidence": NOTHING}
    one, other = (json.dumps({**entry, "finding": key}) for key in (KEY % 1, KEY % 7))
    text = text.replace("{entry}", one).replace("{other}", other)
    case.waivers.write_bytes(text.encode())
    ok(case.waive(KEY % 2))
    assert [w["finding"] for w in case.listed("waivers")][-1] == KEY % 2
    ok(case.run("waive", "withdraw", KEY % 2))
    kept = case.waivers.read_bytes().decode()
    assert kept in (text, text + "\n")
    ok(case.run("waive", "withdraw", KEY % 1))
    assert KEY % 1 not in case.waivers.read_text()


@pytest.mark.parametrize("text", ["waivers: [{entry}]\n", "{waivers: [{entry}]}\n", "waivers: [\n  ]\n", "{}\n", "--- # x\n...\n"])
def test_a_shape_that_is_not_understood_is_refused_and_left_alone(case, text):
    entry = json.dumps({"finding": KEY % 1, "reason": "x", "approver": "y", "from": "2026-11-01T00:00:00Z", "until": LONG, "evidence": NOTHING})
    write(case.waivers, text.replace("{entry}", entry))
    before = case.waivers.read_text()
    done = case.waive(KEY % 2)
    if done.returncode == 0:
        assert [w["finding"] for w in case.listed("waivers")][-1] == KEY % 2
    else:
        assert done.returncode == 65 and "waivers.yaml" in done.stderr and case.waivers.read_text() == before


def test_the_link_stays_a_link(case):
    elsewhere = case.folder / "shared"
    elsewhere.mkdir()
    write(elsewhere / "w.yaml", "# shared\n")
    case.waivers.symlink_to("shared/w.yaml")
    ok(case.waive(KEY % 1))
    assert case.waivers.is_symlink() and (elsewhere / "w.yaml").read_text().startswith("# shared\nwaivers:\n")
    assert os.listdir(elsewhere) == ["w.yaml"]


def test_a_new_file_is_private(case):
    ok(case.attest("relay.no-traffic", "yes", "--note", "90 days of logs"))
    assert stat.S_IMODE(case.attestations.stat().st_mode) == 0o600
    assert case.report()["attestations"][0]["note"] == "90 days of logs"


def test_a_file_that_is_write_protected_stays_as_it_is(case):
    write(case.waivers, "waivers: []\n", mode=0o400)
    done = case.waive(KEY % 1)
    assert done.returncode == 73 and "write-protected" in done.stderr and "waivers.yaml" in done.stderr
    assert case.waivers.read_text() == "waivers: []\n"
    case.waivers.unlink()
    case.configure(waivers="missing/waivers.yaml")
    assert case.waive(KEY % 1).returncode == 73
    case.configure(waivers="contoso.case")
    assert case.waive(KEY % 1).returncode == 78  # a directory


def test_many_writers_lose_nothing(case):
    case.observe([*BASE, *(mailbox(i) for i in range(16, 28))])
    command = [UNHYBRID, "waive", "add", "--reason", "x", "--approver", "y", "--until", LONG]
    running = [subprocess.Popen([*command, KEY % i], cwd=case.folder, env=ENVIRON, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
               for i in range(16, 28)]
    said = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0] * len(running), said
    assert {w["finding"] for w in case.report()["waivers"] if w["state"] == "counts"} == {KEY % i for i in range(16, 28)}
    assert not list(case.folder.glob(".*"))


def test_a_second_writer_is_refused_after_a_while(case):
    with open(case.folder / ".waivers.yaml.lock", "w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = case.waive(KEY % 1)
    assert done.returncode == 75 and "another process changes this file" in done.stderr
    assert not case.waivers.exists()
    ok(case.waive(KEY % 1))  # a lock that nobody holds is no obstacle


def test_what_is_there_already(case):
    ok(case.waive(KEY % 1))
    again = case.waive(KEY % 1)
    assert again.returncode == 65 and "waivers.yaml:2:" in again.stderr and "withdraw it first" in again.stderr
    ok(case.run(*shlex.split(re.search("withdraw it first: unhybrid (.*)", again.stderr)[1])))   # as it is told
    ok(case.waive(KEY % 1))
    none = case.run("waive", "withdraw", KEY % 2)
    assert none.returncode == 65 and "there is no waiver" in none.stderr
    write(case.waivers, waiver(until="2026-11-02T00:00:00Z") + waiver(head=False))
    two = case.run("waive", "withdraw", KEY % 1)
    assert two.returncode == 65 and "lines 2, 8" in two.stderr
    ok(case.run("waive", "withdraw", KEY % 1, "--line", "8"))
    assert [w["until"] for w in case.report()["waivers"]] == ["2026-11-02T00:00:00Z"]
    # What has expired is no obstacle.
    ok(case.waive(KEY % 1))


@pytest.mark.parametrize("arguments, code, said", [
    (["waive"], 64, "say add, list or withdraw"),
    (["waive", "ad"], 64, "did you mean add?"),
    (["waive", "add"], 64, "needs the finding's KEY"),
    (["waive", "add", "k", "--approver", "x", "--days", "3"], 64, "--reason is missing"),
    (["waive", "add", "k", "--reason", "x", "--days", "3"], 64, "--approver (the person who answers for it) is missing"),
    (["waive", "add", "k", "--reason", "x", "--approver", " ", "--days", "3"], 64, "--approver"),
    (["waive", "add", "k", "--reason", b"\xff", "--approver", "x", "--days", "3"], 64, "not UTF-8"),
    (["waive", "add", "k", "--reason", "x" * 4097, "--approver", "x", "--days", "3"], 64, "longer than 4096"),
    (["waive", "add", "k", "--reason", "x", "--approver", "x"], 64, "--until TIME or --days N"),
    (["waive", "add", "k", "--reason", "x", "--approver", "x", "--days", "3", "--until", LONG], 64, "--until TIME or --days N"),
    (["waive", "add", "k", "--reason", "x", "--approver", "x", "--days", "0"], 64, "a number from 1"),
    (["waive", "add", "k", "--reason", "x", "--approver", "x", "--days", "99999"], 64, "at most 36500"),
    (["waive", "add", "k", "--reason", "x", "--approver", "x", "--until", "2098-01-01T00:00:00"], 64, "says no time zone"),
    (["waive", "add", "k", "--reason", "x", "--approver", "x", "--until", "soon"], 64, "is no time"),
    (["waive", "add", "k", "--reason", "x", "--approver", "x", "--until", "2020-01-01T00:00:00Z"], 64, "expired already"),
    (["waive", "add", "k", "--reason", "x", "--approver", "x", "--until", LONG, "--from", "2099-01-01T01:00:00+01:00"], 64, "not after --from"),
    (["waive", "add", "soa.mailbx/cloud/x", "--reason", "x", "--approver", "x", "--until", LONG], 64, "did you mean soa.mailbox"),
    (["waive", "add", "soa.mailbox", "--reason", "x", "--approver", "x", "--until", LONG], 65, "no finding soa.mailbox"),
    (["waive", "add", KEY % 3, "--reason", "x", "--approver", "x", "--until", LONG], 65, "no finding"),
    (["waive", "list", "x"], 64, "too much"),
    (["waive", "list", "--format", "xml"], 64, "formats terminal and json"),
    (["waive", "list", "--reason", "x"], 64, "none of the options of add"),
    (["waive", "withdraw", "k", "--format", "json"], 64, "takes no --format"),
    (["waive", "withdraw", "k", "--approver", "x"], 64, "none of the options of add"),
    (["waive", "add", "k", "--object", "x"], 64, "unknown"),
    (["attest", "add", "relay.no-traffic"], 64, "the FACT and its VALUE"),
    (["attest", "add", "relay.no-trafic", "yes", "--approver", "x", "--days", "3"], 64, 'did you mean "relay.no-traffic"?'),
    (["attest", "add", "relay.no-traffic", "no", "--approver", "x", "--days", "3"], 64, "it takes yes"),
    (["attest", "add", "relay.no-traffic", "yes", "--object", "EX01", "--approver", "x", "--days", "3"], 64, "whole organisation"),
    (["attest", "withdraw", "relay.no-traffic"], 65, "there is no attestation"),
])
def test_commands_used_wrongly(case, arguments, code, said):
    done = subprocess.run([UNHYBRID.encode(), *(a if isinstance(a, bytes) else a.encode() for a in arguments)], cwd=case.folder, env=ENVIRON,
                          check=False, capture_output=True, text=True, errors="replace", timeout=60)
    assert (done.returncode, said in done.stderr) == (code, True), done
    assert not case.waivers.exists() and not case.attestations.exists()


def test_a_configuration_that_names_no_file(case):
    case.configure(waivers=None, attestations=None)
    for arguments in (["waive", "list"], ["attest", "add", "relay.no-traffic", "yes", "--approver", "x", "--days", "3"]):
        done = case.run(*arguments)
        assert done.returncode == 78 and "names no file" in done.stderr and ".yaml" in done.stderr
    report = case.report()
    assert report["waivers"] == report["attestations"] == []


def test_nothing_was_observed_yet(tmp_path):
    case = Case(tmp_path)
    done = case.waive(KEY % 1)
    assert done.returncode == 65 and "no observation" in done.stderr
    write(case.waivers, waiver(until="2026-01-02T00:00:00Z", from_="2026-01-01T00:00:00Z") + waiver(head=False))
    assert [w["state"] for w in case.listed("waivers")] == ["expired", "not-judged"]
    assert case.run("attest", "list").stdout == "There are no attestations.\n"


def test_facts_that_lack_what_it_rests_on(case):
    case.observe([row for row in BASE if row["table"] != "set"])
    done = case.attest("relay.no-traffic", "yes")
    assert done.returncode == 65 and "not observed in full: on-premises:ReceiveConnector" in done.stderr


SERVER = thing("ExchangeServer", "EX01", {})
OF_THE_MOMENT = [("cleanup.backup", 7), ("setup.queue", 1), ("cleanup.observation-window", None)]


def now(days=0):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("fact,days", OF_THE_MOMENT)
def test_what_is_of_the_moment_holds_from_now(case, fact, days):
    """Whoever states it has not looked at the observation, which may be older than the statement may become."""
    case.observe([*BASE, a_set("on-premises:ExchangeServer"), SERVER])
    earliest = now()
    done = ok(case.attest(fact, "yes"))
    stated = case.listed("attestations")[0]
    assert earliest <= stated["from"] <= now() and stated["state"] == "counts"
    assert f"from {stated['from']} until " in done.stdout
    ends = LONG if days is None else (datetime.datetime.fromisoformat(stated["from"].replace("Z", "+00:00")) +
                                      datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert f"until {ends}, on the evidence observed 2026-11-22T19:01:00Z" in done.stdout
    assert case.report()["attestations"][0]["state"] == "future" and "after what is judged" in case.report()["attestations"][0]["why"]
    again = case.attest(fact, "yes")
    assert again.returncode == 65 and f"of the same already, until {ends}" in again.stderr


def test_what_is_of_the_moment_is_bound_to_what_it_rests_on(case):
    case.observe([*BASE, a_set("on-premises:ExchangeServer"), SERVER])
    ok(case.attest("setup.queue", "yes"))
    case.observe([*BASE, a_set("on-premises:ExchangeServer"), SERVER, thing("ExchangeServer", "EX02", {})])
    assert case.listed("attestations")[0]["state"] == "lapsed"


@pytest.mark.parametrize("fact,days", OF_THE_MOMENT[:2])
def test_what_has_grown_old_is_in_nobodys_way(case, fact, days):
    """Its end in the file is far away, and it counts for a week or a day."""
    case.observe([*BASE, a_set("on-premises:ExchangeServer"), SERVER])
    ok(case.attest(fact, "yes"))
    evidence = case.listed("attestations")[0]["evidence"]
    for age, state in ((days - 0.01, "counts"), (days + 0.01, "expired")):
        write(case.attestations, attestation(fact=fact, evidence=evidence, from_=now(-age)))
        assert case.listed("attestations")[0]["state"] == state, age
        assert case.attest(fact, "yes").returncode == (65 if state == "counts" else 0)
    assert [one["state"] for one in case.listed("attestations")] == ["expired", "counts"]
    case.observe()  # without the server: nothing to compare with, the old one stays what it is
    assert case.listed("attestations")[0]["state"] == "expired" and "does not for longer" in case.listed("attestations")[0]["why"]


def test_what_an_observation_bears_on_holds_from_it(case):
    ok(case.attest("relay.no-traffic", "yes"))
    assert case.listed("attestations")[0]["from"] == "2026-11-22T19:01:00Z" and case.report()["attestations"][0]["state"] == "counts"


# ---- an organisation and its people ----

def test_fabrikam_with_its_attestations(labs, unhybrid, tmp_path):
    """Ready with all of them; undetermined without any one, and then the report says what to state and how to find out."""
    lab = labs("fabrikam")
    configuration = lab.write_configuration()
    folder, written = tmp_path / "fabrikam.case", pathlib.Path(lab.path("attestations.yaml"))
    before = written.read_text()

    def go(*arguments):
        return unhybrid.run("-c", configuration, "-C", folder, "--no-progress", *arguments)

    def judged():
        done = go("report", "--format", "json")
        report = json.loads(done.stdout)
        schema("report").validate(report)
        unknown = {c["id"]: c for c in report["checks"] if c["severity"] == "blocker" and c["status"] == "unknown"}
        return done.returncode, report, unknown

    try:
        assert go("audit", "-q").returncode == 2
        facts = lab.attestations()
        assert facts
        unhybrid.attest(configuration, folder, facts)
        code, report, unknown = judged()
        # What is of the moment was stated after the observation, and the gate alone asks for it.
        later = {f["fact"] for f in facts if "asked" in f}
        assert later and {a["fact"]: a["state"] for a in report["attestations"] if a["state"] != "counts"} == dict.fromkeys(later, "future")
        assert len(report["attestations"]) == len(facts) and unknown == {}
        assert (code, report["verdict"]) == (0, "ready")
        assert go("audit", "-q").returncode == code  # observed anew: they still count
        for fact in facts:
            if "asked" in fact:  # by a gate, see test_world.py and test_uninstall.py
                continue
            place = ["--object", fact["object"]] if "object" in fact else []
            assert go("attest", "withdraw", fact["fact"], *place).returncode == 0
            code, report, without = judged()
            assert (code, report["verdict"]) == (2, "undetermined")
            opened = [c for id_, c in without.items() if id_ not in unknown]
            asked = [a for c in opened for a in c["attest"] if a["fact"] == fact["fact"] and a.get("object") == fact.get("object")]
            assert asked and all(a["question"] and len(a["how"]) > 20 and fact["fact"] in a["command"] for a in asked), fact
            unhybrid.attest(configuration, folder, [fact])
        assert judged()[2].keys() == unknown.keys()
    finally:
        written.write_text(before)


@pytest.mark.parametrize("fact,value,verdict,check", [
    ("tools.in-use", "yes", "shutdown-only", "tools.in-use"),      # the way out is another one: power off, never uninstall
    ("sync.version", "2.5.79.0", "blocked", "sync.version"),
    ("sync.version", "the newest", "undetermined", None)])
def test_fabrikam_states_something_else(labs, unhybrid, tmp_path, fact, value, verdict, check):
    """What a person states may stand in the way too, as what is observed does; what nobody understands is no answer."""
    lab = labs("fabrikam")
    configuration, folder, written = lab.write_configuration(), tmp_path / "fabrikam.case", pathlib.Path(lab.path("attestations.yaml"))
    before = written.read_text()
    try:
        assert unhybrid.run("-c", configuration, "-C", folder, "--no-progress", "audit", "-q").returncode == 2
        unhybrid.attest(configuration, folder, [{**one, "value": value} if one["fact"] == fact else one for one in lab.attestations()])
        done = unhybrid.run("-c", configuration, "-C", folder, "--no-progress", "report", "--format", "json")
        report = json.loads(done.stdout)
        schema("report").validate(report)
        assert (report["verdict"], done.returncode) == (verdict, 2 if verdict == "undetermined" else 1)
        assert [c["id"] for c in report["checks"] if c["severity"] == "blocker" and c["status"] == "fail"] == ([check] if check else [])
        assert {a["state"] for a in report["attestations"] if not a["fact"].startswith(("cleanup.", "setup."))} == {"counts"}
        text = unhybrid.run("-c", configuration, "-C", folder, "--no-progress", "report").stdout
        assert f"fabrikam: {verdict}." in text and f"Verdict: {verdict}." in text
    finally:
        written.write_text(before)
