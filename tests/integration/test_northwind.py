# SPDX-License-Identifier: Apache-2.0
"""Northwind's names are hostile and its objects damaged: nothing of them reaches a terminal, a JSON string or a command unescaped.

The outputs are taken apart again by readers of their own (below) and compared with the data. The report is the same whatever the
locale and the time zone, and decisions do not change with the language that a service speaks.
"""
import json
import os
import re
import subprocess
import unicodedata

import pytest
import yaml

from conftest import TOP
from fixtures.lab.change import control
from test_checks import DRIVERS

ORG = os.path.join(TOP, "fixtures", "orgs", "northwind")
QUOTES = "'\u2018\u2019\u201a\u201b"     # each ends a single-quoted string of PowerShell, two of them stand for one
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
# What the program's own commands are made of, outside of quotes.
PLAIN = re.compile(r"[A-Za-z0-9 ,;.\-$()]*\Z")


def strings(value):
    """Every string of the organisation's files, as the facts hold it: a NUL is U+FFFD there."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from strings(key)
            yield from strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from strings(member)
    elif isinstance(value, str):
        yield value.replace("\0", "\ufffd")


@pytest.fixture(scope="module")
def names():
    found = set()
    for part in ("directory", "cloud"):
        with open(os.path.join(ORG, part + ".yaml"), encoding="utf-8") as text:
            found |= set(strings(yaml.safe_load(text)))
    return found


@pytest.fixture(scope="module")
def audited(labs, unhybrid):
    """-> (configuration, case, the report)"""
    configuration = labs("northwind").write_configuration()
    status, report, said = unhybrid.audit(configuration)
    assert (status, report["verdict"]) == (1, "blocked"), said
    case = os.path.join(unhybrid.scratch, f"{unhybrid.runs}.case")
    return configuration, case, report


def printed(unhybrid, audited, *arguments, environment=None):
    done = subprocess.run([unhybrid.path, "-c", audited[0], "-C", audited[1], *arguments], capture_output=True, timeout=120, check=False,
                          env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL)
    assert done.returncode == 1, done.stderr
    return done.stdout


def hidden(character):
    """Moves the cursor, changes direction, or cannot be seen."""
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co")


# ---- a terminal

@pytest.mark.parametrize("colour", ["always", "never"])
def test_no_byte_steers_a_terminal(unhybrid, audited, colour):
    out = printed(unhybrid, audited, "--color", colour, "report", "-v")
    assert (b"\x1b" in out) is (colour == "always")
    text = COLOUR.sub(b"", out).decode("utf-8")     # all of it is UTF-8
    assert {c for c in text if hidden(c)} <= {"\n"}
    for shown in ("\\x1b[2J", "\\x0a", "\\x0d", "\\x9b31m", "\\u202e", "\\u200b", "o'brien@northwind.example", "日本語"):
        assert shown in text, shown


def test_what_is_said_while_observing(unhybrid, labs):
    """Warnings, source details and progress go to stderr: they hold names too."""
    configuration = labs("northwind").write_configuration()
    done = subprocess.run([unhybrid.path, "-c", configuration, "-C", os.path.join(unhybrid.scratch, "said.case"), "-v", "audit"], capture_output=True,
                          timeout=120, check=False, stdin=subprocess.DEVNULL)
    for out in (done.stdout, done.stderr):
        assert {c for c in COLOUR.sub(b"", out).decode("utf-8") if hidden(c)} <= {"\n"}


# ---- JSON

def test_no_byte_breaks_a_json_string(unhybrid, audited, names):
    out = printed(unhybrid, audited, "report", "--format", "json")
    text = out.decode("utf-8")
    assert {c for c in text if hidden(c)} <= {"\n"}, "a terminal that shows the JSON is not steered either"
    report = json.loads(text)
    assert report["checks"] == audited[2]["checks"]
    own = {"observation", "organization", "fabrikam", "northwind", "cloud-managed mailboxes", "cloud sync"}
    unknown = [finding["object"] for check in report["checks"] for finding in check["findings"]
               if check["id"].split(".")[0] not in ("dns", "autodiscover", "freshness", "sanity", "server", "sync", "tools", "writeback") and
               finding["object"] not in names and finding["object"].lower() not in own and "Mailbox" not in finding["object"]]
    assert [name for name in unknown if not name.startswith(("Migration.", "FederatedEmail", "EWS"))] == []
    found = {finding["object"] for check in report["checks"] for finding in check["findings"]}
    for name in ("new\nline@northwind.example", "esc\x1b[2J@northwind.example", "c1\x9b31m@northwind.example", "annex\u202efdp.exe@northwind.example",
                 "andr\u00e9@northwind.example", "andre\u0301@northwind.example", "\u212aelvin@northwind.example", "jörg@bücher.example", "sales\ufffdx@northwind.example",
                 "two\nlines", "Rule\r\nSet-Mailbox", "<script>alert(1)</script>@northwind.example"):
        assert name in found, name


# ---- PowerShell

def taken_apart(command):
    """-> (what stands outside of quotes, [the strings]); a tokenizer of its own for single-quoted strings."""
    plain, found, at = "", [], 0
    while at < len(command):
        if command[at] not in QUOTES:
            plain += command[at]
            at += 1
            continue
        value, at = "", at + 1
        while True:
            assert at < len(command), f"a string does not end: {command}"
            if command[at] not in QUOTES:
                value += command[at]
                at += 1
            elif at + 1 < len(command) and command[at + 1] in QUOTES:
                value += command[at]
                at += 2
            else:
                at += 1
                break
        found.append(value)
    return plain, found


def test_the_tokenizer_reads_as_powershell_does():
    assert taken_apart("Get-X 'a''b' 'c\u2019\u2019d' \u2018e\u201b") == ("Get-X   ", ["a'b", "c\u2019d", "e"])
    with pytest.raises(AssertionError):
        taken_apart("Get-X 'a'b'")


def test_no_name_leaves_its_quotes(audited, names):
    """Each command is the program's own words and strings that are names of the organisation, or GUIDs, as a whole."""
    own = {"OnPremises", "/onPremisesSyncBehavior", '{"isCloudManaged": true}', "mail.northwind.example", "northwind.mail.onmicrosoft.com"}
    commands = [command for check in audited[2]["checks"] for command in check["remedy"]["commands"]]
    strings_seen = set()
    for command in commands:
        plain, found = taken_apart(command)
        assert PLAIN.match(plain), command
        for text in found:
            assert not any(hidden(c) for c in text) and "\ufffd" not in text, command
            whole = text in names or GUID.match(text) or text in own or text.startswith("/v1.0/") or text.split("\\")[-1] in names
            assert whole, (text, command)
        strings_seen |= set(found)
    for name in ("o'brien@northwind.example", "a‘b’c‚d‛e@northwind.example", "x'; Remove-Mailbox ada; '@northwind.example", "$(Stop-Computer)@northwind.example",
                 "`n`whoami`@northwind.example", "-confirm@northwind.example", "Rule'\"`; $(x)", "In'; Remove-Mailbox * #", "=cmd|'/C calc'!A0"):
        assert name in strings_seen, name
    assert any(GUID.match(text) for text in strings_seen), "names that cannot be written are named by GUID"


# ---- damaged objects

def test_no_damaged_object_vanishes(unhybrid, audited):
    """What is missing, of a wrong kind or leads nowhere is found, or cannot be judged; and twins are two."""
    facts = next(os.path.join(audited[1], name) for name in sorted(os.listdir(audited[1])) if name.endswith(".db"))
    out = subprocess.run([DRIVERS / "facts_judge", facts], capture_output=True, check=True, timeout=60).stdout
    checks = {line["id"]: line for line in map(json.loads, out.splitlines()) if "id" in line}
    found = {(id_, finding["object"]) for id_, line in checks.items() for finding in line["findings"]}
    unjudged = {(id_, one["object"]) for id_, line in checks.items() for one in line["unjudged"]}
    assert {("mailbox.on-premises", "No mail"), ("mailbox.hidden-reference", "dangling@northwind.example"), ("routing.address", "notarget@northwind.example"),
            ("routing.address", "wrongtarget@northwind.example"), ("mailbox.hold", "dated@northwind.example"),
            ("mailbox.on-premises", "sales\ufffdx@northwind.example"), ("soa.mailbox", "impossible@northwind.example")} <= found
    assert {("soa.mailbox", "wrong@northwind.example"), ("soa.mailbox", "missing@northwind.example"), ("routing.outbound-connector", "Dangling")} <= unjudged
    assert checks["sync.recent"]["status"] == "unknown", "a date without a zone is no time"
    on_premises = checks["mailbox.on-premises"]["findings"]
    assert len({finding["key"] for finding in on_premises}) == len(on_premises)
    assert {"andr\u00e9@northwind.example", "andre\u0301@northwind.example", "twin@northwind.example", "twin.two@northwind.example"} <= {f["object"] for f in on_premises}


# ---- the same everywhere

@pytest.fixture(scope="module")
def german(tmp_path_factory):
    """A German locale in a private directory."""
    folder = tmp_path_factory.mktemp("locale")
    subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", folder / "de_DE.UTF-8"], check=True, capture_output=True, timeout=60)
    return {"LOCPATH": str(folder), "LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8", "LANGUAGE": "de", "TZ": "Europe/Berlin"}


def test_report_does_not_depend_on_locale_and_time_zone(unhybrid, audited, german):
    plain = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
    for arguments in (["report", "--format", "json"], ["report", "-v"]):
        one = printed(unhybrid, audited, *arguments, environment=plain)
        assert printed(unhybrid, audited, *arguments, environment=german) == one
    # Columns are counted by the locale's idea of a character's width: without UTF-8 lines may break elsewhere, JSON has no lines.
    one = printed(unhybrid, audited, "report", "--format", "json", environment=plain)
    assert printed(unhybrid, audited, "report", "--format", "json", environment={"LC_ALL": "POSIX", "TZ": "Asia/Kathmandu"}) == one


def test_an_audit_does_not_depend_on_locale_and_time_zone(unhybrid, audited, german):
    case = os.path.join(unhybrid.scratch, "german.case")
    done = subprocess.run([unhybrid.path, "-c", audited[0], "-C", case, "--no-progress", "audit", "--format", "json"], capture_output=True, timeout=120,
                          check=False, env={**os.environ, **german}, stdin=subprocess.DEVNULL)
    assert json.loads(done.stdout)["checks"] == audited[2]["checks"]


# ---- a service that speaks German

@pytest.mark.parametrize("cmdlet", ["Get-MigrationBatch", "Get-Mailbox", "Get-InboundConnector"])
def test_decisions_rest_on_codes_and_not_on_sentences(unhybrid, labs, cmdlet):
    """The same error in two languages: the same sets are lacking, for the same reason, and no check differs."""
    lab, seen = labs("northwind"), []
    for message in ("Access is denied because the operation timed out.", "Der Vorgang wurde nicht ausgeführt: Zugriff verweigert, Zeitüberschreitung \x1b[31m."):
        control(lab, "faults", [{"match": {"service": "exchange", "cmdlet": cmdlet}, "fault": "exception", "args": {"message": message}}])
        try:
            status, report, said = unhybrid.audit(lab.write_configuration())
        finally:
            control(lab, "reset", {"keep": ["state", "tokens"]})
        assert not any(hidden(c) for c in said if c != "\n")
        seen.append((status, report["verdict"], [(s["id"], s["state"]) for s in report["sources"]],
                     [(c["id"], c["status"], c["count"], [(u["set"], u["state"], u["objects"]) for u in c["unknown"]]) for c in report["checks"]]))
    assert seen[0] == seen[1]
    assert any(status == "unknown" for _, status, _, _ in seen[0][3])
