# SPDX-License-Identifier: Apache-2.0
"""`unhybrid diff` through the program: facts written row by row, two audits of a lab, and files that are none."""
import json
import os
import re
import shutil
import subprocess
import time

import jsonschema
import pytest

import test_checks
from conftest import TOP
from test_checks import DB, DRIVERS, REMOTE, a_set, ad, cloud, dns, ex, flat, obj, observation
from test_silent_sources import cloud as simulator, lab  # noqa: F401  (fixtures)

pytestmark = test_checks.pytestmark
DAY = 86400
STEERING = re.compile("[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]")   # what a terminal obeys
EMPTY = {"new": 0, "gone": 0, "changed": 0, "not-seen": 0, "not-seen-before": 0}

with open(os.path.join(TOP, "docs", "schema", "diff.schema.json"), encoding="utf-8") as _text:
    SCHEMA = json.load(_text)
jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.fixture
def make(tmp_path):
    """make(name, rows, at=0, **observation): a facts file. Observed at `at` seconds after another."""
    def facts(name, rows, at=0, sets=(), **about):
        path = tmp_path / f"facts-{name}.db"
        about = {"started_at": test_checks.NOW - 120 + at, "ended_at": test_checks.NOW - 60 + at, **about}
        lines = [observation(**about), *sets, *flat(rows)]
        for line in lines:
            if line["table"] == "set":
                line["row"]["observed_at"] = test_checks.NOW - 60 + at
        text = "\n".join(json.dumps(line) for line in lines) + "\n"
        subprocess.run([DRIVERS / "facts_make", path], input=text.encode(), check=True, timeout=120)
        return path
    return facts


def diff(unhybrid, *arguments):
    done = unhybrid.run("diff", "--format", "json", *arguments)
    assert done.returncode in (0, 1), done.stderr
    assert not STEERING.search(done.stdout), STEERING.findall(done.stdout)
    told = json.loads(done.stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    assert told["differences"] == (done.returncode == 1)
    return told


def changes(told, part="objects"):
    return sorted((o["change"], o["object"]) for o in told[part])


SETS = ("on-premises:Recipient", "on-premises:ExchangeServer", "cloud:Mailbox", "cloud:OrganizationConfig")


def sets(**states):
    """Complete, but those named; 'source' as the rows of test_checks have it."""
    out = []
    for name in SETS:
        source = "directory" if name.startswith("on-premises") else "exchange-online"
        state = states.get(name.split(":")[1], "complete")
        out.append(a_set(name, state, source=source, why="" if state == "complete" else "broken off", answer=0 if state == "complete" else 3))
    return out


def people():
    return {"ada": ad("ada@contoso.com", recipient_type_details=1, home_mdb=DB), "alan": ad("alan@contoso.com", recipient_type_details=REMOTE),
            "grace": ex("grace@contoso.com", is_dir_synced=True, is_cloud_managed=False), "max": ex("max@contoso.com"),
            "ex01": obj("ExchangeServer", "EX01", {"Fqdn": "ex01.contoso.com", "ServerRole": "Mailbox"}),
            "config": cloud("OrganizationConfig", "contoso", {"PublicFoldersEnabled": "Local"})}


# ---- what differs ----

def test_the_same_is_no_difference(make, unhybrid):
    rows = people()
    told = diff(unhybrid, make("old", rows.values(), sets=sets()), make("new", rows.values(), at=DAY, sets=sets()))
    assert not told["differences"] and told["summary"] == {
        "checks": 0, "sets": 0, "findings": EMPTY, "objects": EMPTY, "recipients_that_lost_an_attribute": 0,
        "recipients_no_longer_or_deleted": 0}
    assert told["old"]["observed_at"] < told["new"]["observed_at"]


def test_new_gone_changed(make, unhybrid):
    rows = people()
    old = make("old", rows.values(), sets=sets())
    rows["alan"]["row"].update(target_address="SMTP:alan@contoso.mail.onmicrosoft.com", addresses=["SMTP:alan@contoso.com", "smtp:a@contoso.com"])
    rows["grace"]["row"].update(is_cloud_managed=True)
    rows["ex01"]["row"]["json"].update(ServerRole="Mailbox, ClientAccess", Site="Main")
    del rows["ada"], rows["max"]
    rows["emmy"] = ad("emmy@contoso.com", recipient_type_details=4, home_mdb=DB)
    rows["ex02"] = obj("ExchangeServer", "EX02", {"Fqdn": "ex02.contoso.com"})
    told = diff(unhybrid, old, make("new", rows.values(), at=60, sets=sets()))
    assert changes(told) == [("changed", "EX01"), ("changed", "alan@contoso.com"), ("changed", "grace@contoso.com"), ("gone", "ada@contoso.com"),
                             ("gone", "max@contoso.com"), ("new", "EX02"), ("new", "emmy@contoso.com")]
    by_name = {o["object"]: o["properties"] for o in told["objects"]}
    assert by_name["alan@contoso.com"] == {"target_address": {"old": None, "new": "SMTP:alan@contoso.mail.onmicrosoft.com"},
                                           "addresses": {"old": ["SMTP:alan@contoso.com"], "new": ["SMTP:alan@contoso.com", "smtp:a@contoso.com"]}}
    assert by_name["grace@contoso.com"] == {"is_cloud_managed": {"old": 0, "new": 1}}
    assert by_name["EX01"] == {"ServerRole": {"old": "Mailbox", "new": "Mailbox, ClientAccess"},
                               "Site": {"old": {"@answer": "not-asked"}, "new": "Main"}}
    found = {(f["change"], f["check"], f["object"]) for f in told["findings"]}
    assert {("gone", "mailbox.on-premises", "ada@contoso.com"), ("new", "mailbox.on-premises", "emmy@contoso.com"),
            ("gone", "soa.mailbox", "grace@contoso.com")} <= found
    statuses = {c["id"]: (c["old"]["status"], c["new"]["status"]) for c in told["checks"]}
    assert statuses["soa.mailbox"] == ("fail", "pass") and "mailbox.on-premises" not in statuses
    assert told["summary"]["objects"] == {**EMPTY, "new": 2, "gone": 2, "changed": 3}


def test_a_finding_that_says_something_else(make, unhybrid):
    rows = people()
    old = make("old", rows.values(), sets=sets())
    rows["ada"]["row"].update(home_mdb=DB.replace("DB01", "DB02"))
    told = diff(unhybrid, old, make("new", rows.values(), at=60, sets=sets()))
    finding = next(f for f in told["findings"] if f["check"] == "mailbox.on-premises")
    assert finding["change"] == "changed" and "DB01" in finding["old"]["message"] and "DB02" in finding["new"]["message"]
    assert finding["old"]["evidence"] != finding["new"]["evidence"]


def test_a_verdict_that_differs(make, unhybrid):
    rows = people()
    old = make("old", rows.values(), sets=sets())
    del rows["ada"], rows["grace"]
    told = diff(unhybrid, old, make("new", rows.values(), at=60, sets=sets()))
    assert (told["old"]["verdict"], told["new"]["verdict"]) == ("blocked", "undetermined")


VOLATILE = {"WhenChanged": "2026-11-22", "LastLogonTimestamp": "133", "onPremisesLastSyncDateTime": "2026-11-22T18:40:00Z", "RunspaceId": "a",
            "status": {"code": "Active", "lastExecution": {"timeEnded": "a"}}}


def test_what_changes_by_itself(make, unhybrid):
    rows = people()
    rows["config"]["row"]["json"].update(VOLATILE)
    old = make("old", rows.values(), sets=sets())
    rows["config"]["row"]["json"].update({name: "later" for name in VOLATILE if name != "status"},
                                         status={"code": "Active", "lastExecution": {"timeEnded": "b"}})
    assert not diff(unhybrid, old, make("new", rows.values(), at=60, sets=sets()))["differences"]
    rows["config"]["row"]["json"]["status"]["code"] = "Quarantine"
    told = diff(unhybrid, old, make("quarantine", rows.values(), at=60, sets=sets()))
    assert list(told["objects"][0]["properties"]) == ["status"]


@pytest.mark.parametrize("after, change", [
    (dict(answers=["contoso-com.mail.protection.outlook.com", "mail.contoso.com"]), None),
    (dict(answers=["mail.contoso.com"]), "changed"), (dict(outcome="nxdomain"), "changed"), (dict(outcome="timeout"), "not-seen")])
def test_dns(make, unhybrid, after, change):
    """Order, times to live and who answered are no difference; a question without an answer was not seen."""
    def mx(answers=(), ttl=300, server="192.0.2.53:53", **more):
        row = dns("contoso.com", "mx", "contoso.com", "MX", answers, **more)
        row["row"]["server"] = server
        for record in row["row"]["answers"]:
            record["ttl"] = ttl
        return row
    complete = [a_set("dns:public", source="dns")]
    old = make("old", [mx(["mail.contoso.com", "contoso-com.mail.protection.outlook.com"])], sets=complete)
    told = diff(unhybrid, old, make("new", [mx(**after, ttl=17, server="192.0.2.99:53")], at=60, sets=complete))
    assert [o["change"] for o in told["objects"]] == ([change] if change else [])


# ---- what was not seen ----

@pytest.mark.parametrize("state", ["partial", "failed", "not-configured"])
def test_not_seen_is_not_gone(make, unhybrid, state):
    rows = people()
    old = make("old", rows.values(), sets=sets())
    del rows["ada"], rows["max"], rows["ex01"], rows["grace"]
    told = diff(unhybrid, old, make("new", rows.values(), at=60, sets=sets(Recipient=state, Mailbox=state)))
    assert changes(told) == [("gone", "EX01"), ("not-seen", "ada@contoso.com"), ("not-seen", "grace@contoso.com"), ("not-seen", "max@contoso.com")]
    found = {(f["change"], f["check"]) for f in told["findings"] if f["object"] in ("ada@contoso.com", "grace@contoso.com")}
    assert {("not-seen", "mailbox.on-premises"), ("not-seen", "soa.mailbox")} <= found and "gone" not in {c for c, _ in found}
    assert {(s["set"], s["old"], s["new"]) for s in told["sets"]} == {("Recipient", "complete", state), ("Mailbox", "complete", state)}
    back = diff(unhybrid, make("partial", rows.values(), sets=sets(Recipient=state, Mailbox=state)), old)
    assert changes(back) == [("new", "EX01")] + [("not-seen-before", f"{n}@contoso.com") for n in ("ada", "grace", "max")]
    assert "new" not in {f["change"] for f in back["findings"] if f["check"] in ("mailbox.on-premises", "soa.mailbox")}


def test_an_observation_that_was_cut_off(make, unhybrid):
    """Its sets were never reported."""
    rows = people()
    old = make("old", rows.values(), sets=sets())
    told = diff(unhybrid, old, make("new", [], at=60, ended_at=0))
    assert {o["change"] for o in told["objects"]} == {"not-seen"} and len(told["objects"]) == len(rows)
    assert "gone" not in {f["change"] for f in told["findings"]}
    assert told["new"]["interrupted"]


@pytest.mark.parametrize("way", ["refused", "timeout", "not-asked"])
def test_a_value_that_was_not_obtained(make, unhybrid, way):
    rows = people()
    old = make("old", rows.values(), sets=sets())
    rows["ada"]["row"]["home_mdb"] = rows["grace"]["row"]["is_cloud_managed"] = {"answer": way}
    new = make("new", rows.values(), at=60, sets=sets())
    told = diff(unhybrid, old, new)
    assert changes(told) == [("not-seen", "ada@contoso.com"), ("not-seen", "grace@contoso.com")]
    assert told["objects"][1]["properties"]["is_cloud_managed" if told["objects"][1]["side"] == "cloud" else "home_mdb"]["new"] == {"@answer": way}
    assert ("not-seen", "grace@contoso.com") in changes(told, "findings"), "an object that cannot be judged keeps its finding"
    assert {o["change"] for o in diff(unhybrid, new, old)["objects"]} == {"not-seen-before"}


# ---- recipients, by two snapshots ----

ARBITRATION, MONITORING, AUDIT_LOG, DISCOVERY = 1 << 23, 1 << 39, 1 << 42, 1 << 29


def marked(recipient, context="DC=contoso,DC=com", **marks):
    """What a snapshot keeps of a recipient."""
    row = recipient["row"]
    return {"table": "directory_entry", "row": {"area": "recipients", "context": context, "guid": row["guid"], "dn": row["dn"], "class": "user",
                                                "json": marks or {"mail": "00" * 8, "legacyExchangeDN": "11" * 8}}}


def snapshot_sets(*contexts, state="complete"):
    return sets() + [a_set("on-premises:RecipientMark", state, source="directory", part=context) for context in contexts or ("DC=contoso,DC=com",)]


def alarms(told):
    return sorted((o["change"], o["object"].split(",")[0]) for o in told["objects"] if o["alarm"])


def summary_of(told):
    return told["summary"]["recipients_that_lost_an_attribute"], told["summary"]["recipients_no_longer_or_deleted"]


def test_a_recipient_that_lost_everything_is_an_alarm(make, unhybrid):
    """It is as if the account were gone, and only an alarm says that it may not be."""
    kept, part, lost, untyped = (ad(f"{n}@contoso.com", recipient_type_details=REMOTE) for n in ("kept", "part", "lost", "untyped"))
    untyped["row"]["recipient_type_details"] = {"answer": "refused"}
    system = [ad(f"{name}@contoso.com", recipient_type_details=bits)
              for name, bits in (("arbitration", ARBITRATION), ("monitoring", MONITORING), ("audit", AUDIT_LOG), ("discovery", DISCOVERY))]
    people = [kept, part, lost, untyped, *system]
    old = make("old", people + [marked(one) for one in people], sets=snapshot_sets())
    rest = [kept, part, marked(kept), marked(part, mail="00" * 8)]
    new = make("new", rest, at=60, sets=snapshot_sets())
    told = diff(unhybrid, old, new)
    assert alarms(told) == [("changed", "CN=part"), ("gone", "CN=lost"), ("gone", "CN=untyped")] and summary_of(told) == (1, 2)
    assert {"CN=" + n for n in ("arbitration", "monitoring", "audit", "discovery")} <= {o["object"].split(",")[0] for o in told["objects"] if o["change"] == "gone"}
    shown = unhybrid.run("diff", "--limit", "1", old, new).stdout.split("ALARM: ")
    assert "1 recipients have lost" in shown[1] and "CN=part" in shown[1] and "CN=lost" in shown[2] and "and 1 more" in shown[2]
    assert shown[2].startswith("2 recipients are none any more, or were deleted")
    quiet = unhybrid.run("-q", "diff", old, new).stdout.splitlines()
    assert [line.startswith("ALARM: ") for line in quiet] == [True, True, False]
    assert summary_of(diff(unhybrid, new, old)) == (0, 0), "one that is new has lost nothing"


@pytest.mark.parametrize("state", ["partial", "failed", "not-configured"])
def test_a_recipient_that_was_not_seen_is_no_alarm(make, unhybrid, state):
    one = ad("one@contoso.com", recipient_type_details=REMOTE)
    told = diff(unhybrid, make("old", [one, marked(one)], sets=snapshot_sets()), make("new", [one], at=60, sets=snapshot_sets(state=state)))
    assert alarms(told) == [] and summary_of(told) == (0, 0) and [o["change"] for o in told["objects"]] == ["not-seen"]


def test_a_recipient_that_moved_to_another_domain_is_no_alarm(make, unhybrid):
    domains = "DC=contoso,DC=com", "DC=sub,DC=contoso,DC=com"
    one = ad("one@contoso.com", recipient_type_details=REMOTE)
    old = make("old", [one, marked(one)], sets=snapshot_sets(*domains))
    told = diff(unhybrid, old, make("new", [one, marked(one, domains[1])], at=60, sets=snapshot_sets(*domains)))
    assert summary_of(told) == (0, 0) and sorted(o["change"] for o in told["objects"]) == ["gone", "new"]


# ---- names ----

HOSTILE = ["O’Brien'; Remove-Mailbox ada; '@contoso.com", "x\u202e\u2066@contoso.com", "a\x1b[31m\x07\n\r@contoso.com", "<script>\"&@contoso.com",
           "$(reboot)`@contoso.com", "=cmd|' /C calc'!A0@contoso.com", "%s%n@contoso.com", "\x85\x9b2J@contoso.com", "ü" * 400 + "@contoso.com"]


def test_hostile_names(make, unhybrid):
    """They come out of JSON as they were, and reach a terminal as visible characters."""
    rows = [ad(name, recipient_type_details=1, home_mdb=DB) for name in HOSTILE]
    rows += [obj("ExchangeServer", name, {name: name}) for name in HOSTILE]
    old = make("old", rows, sets=sets())
    for row in rows:
        row["row"].update({"alias": row["row"].get("mail")} if row["table"] == "directory_recipient" else {"json": {row["row"]["name"]: "x"}})
    new = make("new", rows, at=60, sets=sets())
    told = diff(unhybrid, old, new)
    assert sorted(o["object"] for o in told["objects"]) == sorted(HOSTILE * 2)
    shown = unhybrid.run("diff", "-v", old, new).stdout
    assert not STEERING.search(shown), STEERING.findall(shown)
    assert "\\x1b[31m" in shown and "\\u202e" in shown


# ---- how it is called ----

def test_files_that_are_none(make, unhybrid, tmp_path):
    facts = make("old", people().values(), sets=sets())
    (tmp_path / "text.db").write_text("no facts")
    shutil.copy(facts, tmp_path / "later.db")
    subprocess.run(["sqlite3", tmp_path / "later.db", "PRAGMA user_version = 99"], check=True)
    for other in ("text.db", "missing.db", "later.db"):
        for pair in ((facts, tmp_path / other), (tmp_path / other, facts)):
            done = unhybrid.run("diff", *pair)
            assert done.returncode == 65 and other in done.stderr and done.stdout == "", done.stderr
    assert not (tmp_path / "missing.db").exists()


def test_another_organisation_is_refused(make, unhybrid):
    old = make("old", [])
    for name, about in (("other", {"organization": "fabrikam"}), ("tenant", {"tenant": "11111111-2222-4333-8444-000000000009"})):
        done = unhybrid.run("diff", old, make(name, [], **about))
        assert done.returncode == 65 and "two organisations" in done.stderr and list(about.values())[0] in done.stderr
    assert unhybrid.run("diff", old, make("unnamed", [], tenant="")).returncode in (0, 1)


def test_usage(unhybrid, make, tmp_path):
    facts = make("old", [])
    for wrong in ((facts,), (facts, facts, facts), ("--format", "html", facts, facts), ("--limit", "0", facts, facts)):
        assert unhybrid.run("diff", *wrong).returncode == 64
    assert unhybrid.run("-C", tmp_path / "none", "diff").returncode == 65


def test_limit_and_terminal(make, unhybrid):
    rows = [ad(f"p{i}@contoso.com", recipient_type_details=1, home_mdb=DB) for i in range(12)]
    old, new = make("old", [], sets=sets()), make("new", rows, at=60, sets=sets())
    assert len(diff(unhybrid, "--limit", "3", old, new)["objects"]) == 3 and len(diff(unhybrid, old, new)["objects"]) == 12
    shown = unhybrid.run("diff", old, new).stdout
    assert "New objects" in shown and "and 7 more" in shown and shown.count("p1@contoso.com") >= 1
    assert "more" not in unhybrid.run("diff", "-v", old, new).stdout
    assert len(unhybrid.run("-q", "diff", old, new).stdout.splitlines()) == 1


def test_two_audits_of_a_lab(lab, simulator, unhybrid, tmp_path):  # noqa: F811
    """The two newest of the case, by themselves and by name; what the re-check before the removal shows."""
    configuration, case = lab.write_configuration(), tmp_path / "fabrikam.case"
    audit = lambda: unhybrid.run("-c", configuration, "-C", case, "--no-progress", "-q", "audit")
    audit()
    done = unhybrid.run("-C", case, "diff")
    assert done.returncode == 65 and "one observation" in done.stderr
    audit()
    done = unhybrid.run("-c", configuration, "-C", case, "diff")
    assert done.returncode == 0, done.stdout
    simulator("state", {"edit": {"Mailbox": {"alan.turing@fabrikam.com": {"IsExchangeCloudManaged": False}}}, "remove": {"TransportRule": ["Disclaimer"]}})
    audit()
    told = diff(unhybrid, "-C", case)
    lost = "Disclaimer", "alan.turing@fabrikam.com"   # the rule stands on premises alone then
    assert changes(told, "findings") == [("new", name) for name in lost]
    assert changes(told) == [("changed", "alan.turing@fabrikam.com"), ("gone", "Disclaimer")]
    names = sorted((n for n in os.listdir(case) if n.startswith("facts-")), key=lambda n: os.path.getmtime(case / n))
    assert changes(diff(unhybrid, "-C", case, names[0], names[1])) == []
    assert changes(diff(unhybrid, "-C", case, names[-1], names[0]), "findings") == [("gone", name) for name in lost]


def high_water(pid):
    """Peak memory in KiB. (A child's rusage would begin at its parent's.)"""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)


def test_memory_does_not_grow(make, unhybrid):
    """What SQLite caches, whatever the size: these files alone are larger."""
    rows = [ad(f"p{i}@contoso.com", recipient_type_details=REMOTE, home_server="/o=Contoso/ou=Servers/cn=" + "x" * 1500) for i in range(20000)]
    old = make("old", rows, sets=sets())
    for row in rows[::10]:
        row["row"]["alias"] = "changed"
    new = make("new", rows, at=60, sets=sets())
    most = 0
    with subprocess.Popen([unhybrid.path, "diff", "-q", old, new], stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            most = max(most, high_water(process.pid))
            time.sleep(0.005)
        assert process.returncode == 1 and "2000 objects" in process.stdout.read()
    assert os.path.getsize(old) > 32 * 1024 * 1024 and 0 < most < 36 * 1024, most
