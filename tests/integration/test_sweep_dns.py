# SPDX-License-Identifier: Apache-2.0
"""What DNS still says of the server after it is gone: planned as changes of zones that a person makes, and done only when every name server
of the view shows it. The lab's NSD is real; its person edits the zone files from the text of the actions, and has them read again.
Inside, a wildcard answers for every name that has no record of its own.
"""
import json
import os

import pytest
import yaml

from fixtures.lab import person, uninstall, zones
from fixtures.lab.dns_responder import Between
from fixtures.lab.lab import Lab
from test_cleanup import Place
from test_cli import schema
from test_sweep_end import Swept

STEPS = "dns-autodiscover,dns-mail-exchanger,dns-sender-policy,dns-federation-proof,dns-host"
SPF, PROOF = "v=spf1 include:spf.protection.outlook.com", "Yg3/" * 21 + "Yg=="
LEFT = {"public": ['-fabrikam.com. IN TXT "%s -all"' % SPF, '+fabrikam.com. IN TXT "%s ip4:203.0.113.60 -all"' % SPF, '+fabrikam.com. IN TXT "%s"' % PROOF,
                   '+fabrikam.com. IN TXT "MS=ms12345678"', "+fabrikam.com. IN MX 20 mail.fabrikam.com.",
                   "+_autodiscover._tcp.fabrikam.com. IN SRV 0 0 443 mail.fabrikam.com.", "+www.fabrikam.com. IN A 203.0.113.60"],
        "internal": ["-autodiscover.fabrikam.com. IN CNAME autodiscover.outlook.com.", "+autodiscover.fabrikam.com. IN A 10.1.0.11", "+*.fabrikam.com. IN A 10.1.9.9"]}
UNMADE = "unhybrid-nobody-made-this-name-q7x2.fabrikam.com"    # the name that is asked to see what a wildcard answers
CHANGES = {"internal": {"-autodiscover.fabrikam.com. IN A 10.1.0.11", "+autodiscover.fabrikam.com. IN CNAME autodiscover.outlook.com.",
                        "-fabex01.fabrikam.com. IN A 10.1.0.11", "-mail.fabrikam.com. IN A 10.1.0.11"},
           "public": {"-_autodiscover._tcp.fabrikam.com. IN SRV 0 0 443 mail.fabrikam.com.", "-fabrikam.com. IN MX 20 mail.fabrikam.com.",
                      '-fabrikam.com. IN TXT "%s ip4:203.0.113.60 -all"' % SPF, '+fabrikam.com. IN TXT "%s -all"' % SPF,
                      '-fabrikam.com. IN TXT "%s"' % PROOF, "-mail.fabrikam.com. IN A 203.0.113.60"}}


@pytest.fixture(scope="module")
def gone(tmp_path_factory, unhybrid):
    """A case that began while the server was there; then it went, and left its traces in DNS."""
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("sweep-dns") / "fabrikam"))
    lab.up(exchange="basic")
    case = tmp_path_factory.mktemp("case") / "fabrikam.case"
    place = Place(lab, unhybrid, case)
    place.attest()
    done = place.run("cleanup", "--yes=irreversible", "--only", "soft-disable,hybrid-configuration")
    assert done.returncode == 0, done.stderr
    for view, lines in LEFT.items():
        zones.edit(lab, view, lines)
    uninstall.play(lab, "server-only", ("server-members",), force=True)
    place = Swept(lab, unhybrid, case)
    place.attest()
    yield place
    lab.down()


def planned(place, *arguments):
    return json.loads(place.run("sweep", "--dry-run", "--format", "json", "--only", STEPS, *arguments).stdout)["actions"]


def changes(actions):
    out = {}
    for one in actions:
        view = next(m["value"] for m in one["subject"]["match"] if m["name"] == "View")
        out.setdefault(view, set()).update(line for line in one["commands"].splitlines() if line[0] in "+-")
    return out


def test_what_is_left_is_planned_exactly(gone):
    assert changes(planned(gone)) == CHANGES
    asked = [a for a in planned(gone) if a.get("approval")]
    assert [a["step"] for a in asked] == ["dns-federation-proof"], "what the journal knows to be a server's is not asked about"
    table = gone.run("sweep", "--dry-run", "-v", "--only", STEPS).stdout
    assert '-fabrikam.com. IN TXT "%s ip4:203.0.113.60 -all"' % SPF in table and "dig +norecurse mail.fabrikam.com. A" in table


def classified(gone, name, view):
    """Owner and reason of a name's records in a view, as the plan shows them."""
    plan = json.loads(gone.run("sweep", "--dry-run", "--format", "json", "--only", STEPS).stdout)
    return {(one["owner"], one["reason"]) for step in plan["steps"] for one in step["objects"] if one["name"] == name and f"the {view} view" in one["reason"]}


def test_what_a_wildcard_answers_is_no_record_that_is_left(gone):
    """Outside nobody made a record of fabex01; a wildcard leads there all the same, and mail's own record cannot be told from it."""
    zones.edit(gone.lab, "public", ["+*.fabrikam.com. IN A 203.0.113.60"])
    try:
        public = changes(planned(gone))["public"]
        assert public == CHANGES["public"] - {"-mail.fabrikam.com. IN A 203.0.113.60"}
        for name in ("fabex01.fabrikam.com", "mail.fabrikam.com"):
            ((owner, reason),) = classified(gone, name, "public")
            assert owner == "tenant" and "a wildcard (*.fabrikam.com" in reason and "203.0.113.60, by which servers that are gone were reached" in reason
    finally:
        zones.edit(gone.lab, "public", ["-*.fabrikam.com. IN A 203.0.113.60"])


def test_autodiscover_by_a_wildcard_is_mended_by_a_record_of_its_own(gone):
    """The finding stays: a client goes there. What it says is another remedy."""
    def found():
        report = json.loads(gone.run("audit", "--purpose", "after", "--format", "json").stdout)
        (check,) = [c for c in report["checks"] if c["id"] == "autodiscover.dns"]
        return {one["object"]: one for one in check["findings"] if "internal:" in one["key"]}["fabrikam.com"]
    own = found()
    assert "10.1.0.11" in own["message"] and "wildcard" not in own["message"] and "wildcard" not in own["evidence"]
    zones.edit(gone.lab, "internal", ["-autodiscover.fabrikam.com. IN A 10.1.0.11"])
    try:
        by_wildcard = found()
        assert "10.1.9.9" in by_wildcard["message"] and "an alias of its own" in by_wildcard["message"] and by_wildcard["evidence"]["wildcard"] == "*.fabrikam.com"
        assert by_wildcard["key"] == own["key"]
    finally:
        zones.edit(gone.lab, "internal", ["+autodiscover.fabrikam.com. IN A 10.1.0.11"])


def configured(gone, tmp_path, **servers):
    with open(gone.configuration, encoding="utf-8") as text:
        settings = yaml.safe_load(text)
    settings["dns"].update(servers)
    settings["attestations"] = gone.lab.path("attestations.yaml")
    path = gone.lab.path(f"dns-{tmp_path.name}.yaml")
    with open(path, "w", encoding="utf-8") as text:
        yaml.safe_dump(settings, text)
    return path


def test_name_servers_that_disagree_decide_nothing(gone, tmp_path, unhybrid):
    """Two servers of one view: the second, the internal one, has other addresses, and then none that answers."""
    public, internal = gone.lab.state["dns"]["servers"]["public"], gone.lab.state["dns"]["servers"]["internal"]
    for second, word in ((internal, "disagree"), ("127.0.0.1:1", "unreachable")):
        path = configured(gone, tmp_path, public=[public, second])
        done = unhybrid.run("-c", path, "-C", gone.case, "--no-progress", "sweep", "--dry-run", "--only", STEPS)
        assert done.returncode == 3 and word in done.stderr and "_autodiscover._tcp.fabrikam.com" in done.stderr, done.stderr[-2000:]


def not_done_where_the_wildcard_is_not_told(gone, tmp_path, unhybrid):
    """A name server that does not say what a wildcard answers has only shown that the name answers; two of them, that one did."""
    internal = gone.lab.state["dns"]["servers"]["internal"]
    for rule in ("refused", "servfail"):
        with Between(internal, {rule: [UNMADE]}) as server:
            path = configured(gone, tmp_path, internal=[internal, server.address])
            done = unhybrid.run("-c", path, "-C", gone.case, "--no-progress", "resume", "--yes")
            assert (UNMADE, "A", "udp") in server.seen
        waiting = [row["action"] for row in gone.status()["waiting"]]
        assert done.returncode == 3 and len(waiting) == 1 and "View=internal,Name=fabex01" in waiting[0], (waiting, done.stderr[-2000:])


def not_done_while_it_leads_there(gone):
    """The record is gone, and the wildcard has its address by now."""
    zones.edit(gone.lab, "internal", ["-*.fabrikam.com. IN A 10.1.9.9", "+*.fabrikam.com. IN A 10.1.0.11"])
    assert gone.run("resume", "--yes").returncode == 3 and len(gone.status()["waiting"]) == 1
    zones.edit(gone.lab, "internal", ["-*.fabrikam.com. IN A 10.1.0.11", "+*.fabrikam.com. IN A 10.1.9.9"])


def not_done_where_somebody_changed_it(gone):
    """Neither the wildcard's answer nor what was to go: somebody uses the name."""
    zones.edit(gone.lab, "internal", ["+fabex01.fabrikam.com. IN A 10.7.7.7"])
    done = gone.run("resume", "--yes")
    assert done.returncode == 3 and len(gone.status()["waiting"]) == 1
    zones.edit(gone.lab, "internal", ["-fabex01.fabrikam.com. IN A 10.7.7.7"])


def test_done_is_what_resolving_shows(gone, tmp_path, unhybrid):
    approve = [a["id"] for a in planned(gone) if a.get("approval")]
    done = gone.run("sweep", "--yes", "--only", STEPS, "--approve", approve[0])
    assert done.returncode == 3 and "a person has to do dns-autodiscover" in done.stderr, done.stderr[-3000:]
    waiting = [row["action"] for row in gone.status()["waiting"]]
    assert len(waiting) == 5 and not any("dns-host" in one for one in waiting), "hosts wait for what leads to them"
    assert gone.run("resume", "--yes").returncode == 3 and [row["action"] for row in gone.status()["waiting"]] == waiting, "nobody has done anything yet"
    someone = person.Person(gone.lab, gone.case)
    assert someone.serve(gone.program.path, gone.configuration, True) == 5
    zones.edit(gone.lab, "internal", ["-mail.fabrikam.com. IN A 10.1.0.11"])
    done = gone.run("resume", "--yes")
    assert done.returncode == 3 and done.stderr.count("it was seen to be done") == 5, done.stderr[-3000:]
    assert done.stderr.count("it was not there") == 1, "before its turn came; what the wildcard answers by now is nothing that somebody changed"
    assert someone.serve(gone.program.path, gone.configuration, True) == 2
    not_done_where_the_wildcard_is_not_told(gone, tmp_path, unhybrid)
    not_done_while_it_leads_there(gone)
    not_done_where_somebody_changed_it(gone)
    done = gone.run("resume", "--yes")
    assert done.returncode == 0, done.stderr[-3000:]
    assert planned(gone) == [], "and nothing is left for a second sweep"
    back = next(r["action"] for r in gone.journal() if r["record"] == "verified" and "fabex01" in r["action"])
    undo = gone.run("undo", back, "--yes")
    assert undo.returncode == 3 and "Into the zone again: fabex01.fabrikam.com. IN A 10.1.0.11" in undo.stderr, undo.stderr
    zones.edit(gone.lab, "internal", ["+fabex01.fabrikam.com. IN A 10.1.0.11"])
    undo = gone.run("undo", back, "--yes")
    assert undo.returncode == 0, undo.stderr
    zones.edit(gone.lab, "internal", ["-fabex01.fabrikam.com. IN A 10.1.0.11"])


def test_what_serves_something_else_is_untouched(gone):
    """After the person's edits the zones are as they were made, but for the lines of the plan."""
    held = {}
    for view in ("public", "internal"):
        with open(zones.files(gone.lab, view)["fabrikam.com"], encoding="utf-8") as text:
            held[view] = {zones.parsed(line, "fabrikam.com.") for line in text} - {None}
    with open(gone.lab.source + "/dns.yaml", encoding="utf-8") as text:
        made = yaml.safe_load(text)
    for view in held:
        wanted = {zones.parsed(line, "fabrikam.com.") for line in made[view]["fabrikam.com"]}
        wanted |= {zones.parsed(line[1:], ".") for line in LEFT[view] if line[0] == "+"}
        wanted -= {zones.parsed(line[1:], ".") for line in CHANGES[view] if line[0] == "-"}
        wanted |= {zones.parsed(line[1:], ".") for line in CHANGES[view] if line[0] == "+"}
        assert {one for one in held[view] if one[1] not in ("SOA", "NS")} == wanted


def documents(gone):
    """The same for programs: in the plan's JSON and HTML, and in status. It is no part of the plan, which can be handed back."""
    path = os.path.join(gone.case, "..", "left.json")
    one = ("sweep", "--dry-run", "--only", "well-known-object")
    done = gone.run(*one, "--format", "json", "-o", path)
    assert done.returncode in (0, 3), done.stderr
    with open(path, encoding="utf-8") as text:
        plan = json.load(text)
    schema("plan").validate(plan)
    told = {check["id"]: check for check in plan["left"]["checks"]}
    assert plan["left"]["settled"] == 3 and "left.federation" not in told and told["left.witness"]["status"] == "unknown"
    found = told["left.computer-account"]
    assert found["status"] == "fail" and found["count"] == len(found["findings"]) == 1 and found["findings"][0]["object"].startswith("CN=FABEX01,CN=Computers")
    assert "Get-ADSyncToolsAadObject" in told["left.public-folder"]["attest"][0]["how"]
    again = gone.run("sweep", "--dry-run", "--format", "json", "--plan", path)
    assert json.loads(again.stdout)["id"] == plan["id"], again.stderr
    del plan["left"]
    bare = json.loads(gone.run("cleanup", "--dry-run", "--format", "json").stdout)
    assert "left" not in bare
    with open(path, "w", encoding="utf-8") as text:
        json.dump(plan, text)
    assert gone.run("sweep", "--dry-run", "--plan", path).returncode in (0, 3), "its id is that of the plan alone"
    page = gone.run(*one, "--format", "html").stdout
    assert "A person looks at" in page and "left.computer-account" in page and "CN=FABEX01,CN=Computers" in page and "1 found" in page
    said = gone.status()
    assert {check["id"] for check in said["left"]["checks"]} == set(told) and said["left"]["settled"] == 3
    assert "1 found (left.computer-account)" in " ".join(gone.run("status").stdout.partition("A person looks at")[2].split())


def test_what_a_person_looks_at_stands_below_the_plan(gone):
    """Found, not known, or stated; nothing of it decides anything."""
    def section(*arguments):
        done = gone.run("sweep", "--dry-run", "--only", "well-known-object", *arguments)
        assert done.returncode in (0, 3), done.stderr
        return " ".join(done.stdout.partition("A person looks at")[2].split())

    told = section()
    assert "O-A8 No account has the rights of an Exchange server: 1 found (left.computer-account) - CN=FABEX01,CN=Computers" in told
    for requirement in ("O-A9", "O-17", "O-18", "O-19", "O-20", "O-21", "O-A11", "O-A13"):
        assert requirement + " " in told
    assert "O-14" not in told and "3 more are settled" in told and "selection" not in told, "federation is as in every tenant"
    assert "Get-ADSyncToolsAadObject -SyncObjectType PublicFolder" in section("-v") and "Get-ADSyncToolsAadObject" not in told
    documents(gone)
    gone.attest()
    assert gone.run("attest", "add", "left.witness", "yes", "--approver", "Test", "--days", "2").returncode == 0
    assert "left.witness" not in section() and "4 more are settled" in section()
    assert "A person looks at" not in gone.run("cleanup", "--dry-run").stdout + gone.run("-q", "sweep", "--dry-run").stdout
    report = json.loads(gone.run("audit", "--purpose", "after", "--format", "json").stdout)
    assert {c["severity"] for c in report["checks"] if c["id"].startswith("left.")} == {"info"} and report["verdict"] == "ready"
