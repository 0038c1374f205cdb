# SPDX-License-Identifier: Apache-2.0
"""setup-log: what stopped Exchange Setup is found, with its objects, and translated; a file that is no such log is told
from one. Recorded logs are read where they are (UNHYBRID_SHARED_DATA); the rows that they lack are written here in their
form."""
import glob
import json
import os
import re

import jsonschema
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RECORDED = os.path.join(os.environ.get("UNHYBRID_SHARED_DATA") or "", "setup-logs")
with open(os.path.join(ROOT, "docs", "schema", "setup-log.schema.json")) as f:
    SCHEMA = json.load(f)

# Rules, by their token: requirement, and whether they stop an uninstall or belong to installing.
RULES = {
    "UnwillingToRemoveMailboxDatabase": ("U-01", "blocks"), "ServerIsSourceForSendConnector": ("U-02", "blocks"),
    "ServerIsGroupExpansionServer": ("U-03", "blocks"), "ServerIsDynamicGroupExpansionServer": ("U-03", "blocks"),
    "MessagesInQueue": ("U-04", "warns"), "CannotUninstallDelegatedServer": ("U-05", "blocks"),
    "InterruptedUninstallNotContinued": ("U-06", "blocks"), "OffLineABServerDeleted": ("U-07", "install-time"),
    "VoiceMessagesInQueue": ("U-08", "warns"), "SendConnectorException": ("U-09", "blocks"),
    "ProcessNeedsToBeClosedOnUninstall": ("U-10", "blocks"), "ProcessNeedsToBeClosedOnUpgrade": ("U-10", "blocks"),
    "RebootPending": ("U-11", "blocks"), "PendingRebootWindowsComponents": ("U-11", "blocks"),
    "UpdateNeedsReboot": ("U-11", "blocks"), "GlobalServerInstall": ("U-12", "blocks"), "LoggedOntoDomain": ("U-12", "blocks"),
    "CannotAccessAD": ("U-12", "blocks"), "IsHybridObjectFoundOnPremises": ("U-15", "install-time"),
    "HybridIsEnabledAndTenantVersionIsNotUpgraded": ("U-15", "install-time"),
}
# Messages: what stands in the log, the requirement, the objects that have to be named.
MESSAGES = [
    ("This mailbox database contains one or more mailboxes, mailbox plans, archive mailboxes, public folder mailboxes or arbitration mailboxes.", "U-01", []),
    ("The certificate with thumbprint AB12 can't be removed: it is tagged with following Send Connectors : Outbound.", "U-02", []),
    ("An error occurred: 1007 AccessDenied: Access Denied.", "", []),
    ('Federation certificate with the thumbprint "0123ABCD" cannot be found.', "", ["0123ABCD"]),
    ("Federation certificate with the thumbprint 0123ABCD cannot be found.", "", ["0123ABCD"]),
    ("The parameter 'roles' is not valid for current operation 'Uninstall'.", "", []),
    ("The operation couldn't be performed because object 'EX01' couldn't be found on 'dc01.contoso.com'.", "", ["EX01", "dc01.contoso.com"]),
    ("Insufficient permissions to remove the server.", "U-05", []),
    ("ExchangeManagedAttributesUpdateNotAllowed", "P-08", []),
    ("550 5.7.64 TenantAttribution; Relay Access Denied", "P-14", []),
    ("450 4.4.317 Cannot connect to remote server [Message=SubjectMismatch]", "", []),
    ("454 4.7.5 Certificate validation failure", "", []),
    ("550 5.7.51 TenantInboundAttribution; There is a partner connector configured", "", []),
    ("MaxUriReached", "", []),
    ("Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException: Couldn't find object", "", []),
    ("HCW8019 The hybrid configuration is wrong", "", []), ("HCW8021 The hybrid configuration is wrong", "", []),
    ("HCW8022 The hybrid configuration is wrong", "", []), ("HCW8023 The hybrid configuration is wrong", "", []),
    ("HCW8011 Multiple send connectors", "", []),
    ("The operation on mailbox failed because the object is being synchronized from your on-premises organization.", "P-05", []),
    ("Failed to sync the ArchiveGuid 00000000-0000-0000-0000-000000000000", "P-02", []),
    ("ConflictingObject: PublicFolder_4f6a1c", "O-21", ["4f6a1c"]),
    ("Couldn't remove the health mailbox accounts of the database.", "U-17", []),
]


# Rows that only recorded logs (below) show.
RECORDED_ALONE = [
    'Failed to mount database "DB1". Error: x', "The mount operation is being prevented for database 'DB1' because its database file at 'x' is missing, but",
    "Database is mandatory on UserMailbox.", "The object a/b has been corrupted, and it's in an inconsistent state.", "Unable to set shared config DC.",
    "UPN value provided for addition/modification is not unique forest-wide.", "Couldn't remove product with code 1. The installation source for",
    "Installing product x.msi failed. Fatal error during installation.", "The installation source for this product is not available.",
    'Exception calling "Reverse" with "1" argument(s)',
]


def line(text, second=0, depth=1):
    return f"[03/08/2026 20:21:{second:02d}.0785] [{depth}] {text}"


def log(*lines, product="Microsoft Exchange Server 2019"):
    head = ["*" * 46, f"Starting {product} Setup", "*" * 46, "Local time zone: (UTC+00:00).", "Setup version: 15.2.1544.4.",
            "Command Line Parameter Name='mode', Value='Uninstall'."]
    return [line(text, depth=0) for text in head] + list(lines)


def tail(failed=True):
    return [line("The Exchange Server setup operation " + ("didn't complete.  More details can be found in ExchangeSetup.log."
                                                           if failed else "completed successfully."), 50, 0), line("End of Setup", 51, 0)]


def write(tmp_path, lines, encoding="utf-8"):
    path = tmp_path / "ExchangeSetup.log"
    path.write_bytes("\r\n".join(list(lines) + [""]).encode(encoding))
    return path


def read(unhybrid, path, code, *options):
    done = unhybrid.run("setup-log", "--format", "json", *options, path)
    assert done.returncode == code, done.stderr
    report = json.loads(done.stdout)
    jsonschema.validate(report, SCHEMA)
    return report


@pytest.mark.parametrize("rule", sorted(RULES))
def test_each_rule(unhybrid, tmp_path, rule):
    requirement, kind = RULES[rule]
    text = f"What Setup says of {rule}."
    path = write(tmp_path, log(line(f"Failed [Rule:{rule}] [Message:{text}]"), line(f"[REQUIRED] {text}"), *tail()))
    found, = read(unhybrid, path, 1)["findings"]
    assert (found["rule"], found["required"], found["message"]) == (rule, True, text)
    assert (found["translation"]["requirement"], found["translation"]["kind"]) == (requirement, kind)


@pytest.mark.parametrize("text,requirement,objects", MESSAGES)
def test_each_message(unhybrid, tmp_path, text, requirement, objects):
    path = write(tmp_path, log(line("Beginning processing Remove-Thing", depth=2), line(f"[ERROR] {text}", 1, 2), *tail()))
    found, = read(unhybrid, path, 1)["findings"]
    assert found["translation"] and found["translation"]["requirement"] == requirement
    assert found["objects"] == objects and found["cmdlet"] == "Remove-Thing"


SERVER = 'Evaluated [Setting:ComputerNameDnsFullyQualified] [HasException:False] [Value:"ex01.contoso.com"] [ParentValue:""]'


@pytest.mark.parametrize("object_,mode,server,requirement", [
    ("EX01", "Uninstall", SERVER, "U-16"), ("ex01.CONTOSO.com", "uninstall", SERVER, "U-16"),
    ("Default Role Assignment Policy", "Uninstall", SERVER, ""), ("DC01", "Uninstall", SERVER, ""), ("EX0", "Uninstall", SERVER, ""),
    ("EX011", "Uninstall", SERVER, ""), ("EX01", "Install", SERVER, ""), ("EX01", "Uninstall", "Nothing of the server.", "")])
def test_the_defect_of_january_2023(unhybrid, tmp_path, object_, mode, server, requirement):
    """It is the run's own server that an uninstall does not find; of anything else nothing says what is the cause. The server may
    be told after the error."""
    error = line(f"[ERROR] The operation couldn't be performed because object '{object_}' couldn't be found on 'dc01.contoso.com'.")
    for lines in ([line(server), error], [error, line(server)]):
        path = write(tmp_path, [text.replace("'Uninstall'", f"'{mode}'") for text in log(*lines, *tail())])
        found, = read(unhybrid, path, 1)["findings"]
        assert found["translation"]["requirement"] == requirement and found["objects"] == [object_, "dc01.contoso.com"]
        assert ("June 2023" in found["translation"]["remedy"]) == (requirement == "U-16")


def test_every_row_of_the_table_is_tested():
    with open(os.path.join(ROOT, "engine", "setup", "translations.c")) as source:
        table = source.read()
    assert [rule for rule in RULES if f'"{rule}"' not in table] == []
    texts = [text for text, _, _ in MESSAGES] + RECORDED_ALONE
    rows = re.findall(r'{NULL,\s*"((?:[^"\\]|\\.)*)"', table) + re.findall(r'HCW\("(\w+)"\)', table)
    assert len(rows) > 30
    for row in rows:
        pattern = ".*".join(re.escape(piece) for piece in row.replace('\\"', '"').split("%"))
        assert any(re.search(pattern, text, re.IGNORECASE) for text in texts), row


def test_a_help_address_names_the_rule(unhybrid, tmp_path):
    """Where the line with the token was cut off, Setup's own address tells it."""
    path = write(tmp_path, log(line("[REQUIRED] A restart is pending."), line("Help URL: http://x/ms.exch.setupreadiness.RebootPending.aspx"), *tail()))
    found, = read(unhybrid, path, 1)["findings"]
    assert (found["rule"], found["translation"]["requirement"]) == ("RebootPending", "U-11")


def test_what_is_not_known_is_said_so(unhybrid, tmp_path):
    path = write(tmp_path, log(line("Failed [Rule:NeverHeardOf] [Message:Something.]"), line("[REQUIRED] Something."), line("[WARNING] Noise."), *tail()))
    found, = read(unhybrid, path, 1)["findings"]
    assert found["rule"] == "NeverHeardOf" and found["translation"] is None
    assert "nothing more is known" in unhybrid.run("setup-log", path).stdout


def test_the_last_run_counts(unhybrid, tmp_path):
    first = log(line("[ERROR] MaxUriReached"), *tail())
    path = write(tmp_path, first + log(*tail(failed=False)))
    report = read(unhybrid, path, 0)
    assert (report["outcome"], report["runs"], report["line"], report["findings"]) == ("done", 2, len(first) + 2, [])
    assert read(unhybrid, path, 1, "--run", "1")["findings"][0]["message"] == "MaxUriReached"
    assert unhybrid.run("setup-log", "--run", "3", path).returncode == 64
    assert "does not prove" in unhybrid.run("setup-log", path).stdout


def test_a_log_that_breaks_off(unhybrid, tmp_path):
    assert read(unhybrid, write(tmp_path, log(line("Beginning processing Remove-Thing"))), 2)["outcome"] == "unfinished"


def test_a_run_that_was_cancelled(unhybrid, tmp_path):
    """It ended, said neither that it failed nor that it is done, and is not taken for done."""
    path = write(tmp_path, log(line("Beginning processing Remove-Thing"), line("End of Setup", 51, 0)))
    report = read(unhybrid, path, 2)
    assert (report["outcome"], report["ended"]) == ("unfinished", "03/08/2026 20:21:51.0785")
    assert "may have been cancelled" in unhybrid.run("setup-log", path).stdout and "came to its end" not in unhybrid.run("setup-log", path).stdout
    path = write(tmp_path, log(line("[ERROR] MaxUriReached"), line("End of Setup", 51, 0)))
    assert read(unhybrid, path, 1)["outcome"] == "failed"


REQUIRED = [line("Failed [Rule:RebootPending] [Message:A restart is pending.]"), line("[REQUIRED] A restart is pending.")]


@pytest.mark.parametrize("lines,outcome", [
    (REQUIRED + tail(failed=False), "done"), (REQUIRED + tail(), "failed"), (REQUIRED + [line("End of Setup", 51, 0)], "failed"),
    (tail(failed=False)[:1] + REQUIRED + [line("End of Setup", 51, 0)], "failed"),
    ([line("Setup is stopping now because of one or more critical errors.")] + tail(failed=False), "done"),
    (tail(failed=False)[:1] + tail(), "failed")])
def test_the_later_word_counts(unhybrid, tmp_path, lines, outcome):
    """What was required is mended, and looked at anew, in one run of Setup."""
    report = read(unhybrid, write(tmp_path, log(*lines)), {"done": 0, "failed": 1}[outcome])
    assert report["outcome"] == outcome
    assert [f["rule"] for f in report["findings"]] == (["RebootPending"] if REQUIRED[0] in lines else [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(unhybrid, tmp_path, encoding):
    text = "object 'Größe-\U0001f4a5' couldn't be found on 'dc.example'"
    path = write(tmp_path, log(line(f"[ERROR] {text}"), *tail()), encoding)
    found, = read(unhybrid, path, 1)["findings"]
    assert found["objects"] == ["Größe-\U0001f4a5", "dc.example"]


def test_told_once(unhybrid, tmp_path):
    """By the cmdlet, by the task, and in the script that is quoted: one error, its stack left out."""
    text = "Couldn't remove product with code 1234. The installation source for this product is not available."
    script = [line('[ERROR] The following error was generated when "$error.Clear();', 2), "   uninstall-MsiPackage",
              f'   " was run: "Microsoft.Exchange.TaskException: {text} ---> System.Exception: x', "   at Microsoft.Exchange.X()"]
    path = write(tmp_path, log(line(f"[ERROR] {text}", 1, 2), *script, line(f"[ERROR] {text}", 3), "   at Microsoft.Exchange.Y()", *tail()))
    found, = read(unhybrid, path, 1)["findings"]
    assert (found["message"], found["times"], found["objects"]) == (text, 2, ["1234"])


def test_an_error_without_words_hides_no_other(unhybrid, tmp_path):
    path = write(tmp_path, log(line("[ERROR] "), line("[ERROR] MaxUriReached"), line("[ERROR] "), line("[ERROR] Another thing."), *tail()))
    found = [(one["message"], one["times"]) for one in read(unhybrid, path, 1)["findings"]]
    assert found == [("", 2), ("MaxUriReached", 1), ("Another thing.", 1)]


def test_hostile_names(unhybrid, tmp_path):
    path = write(tmp_path, log(line("[ERROR] object 'a\x1b[2Jb\u202e' couldn't be found on 'dc'"), *tail()))
    done = unhybrid.run("setup-log", path)
    assert "\x1b" not in done.stdout and "\u202e" not in done.stdout and "\\x1b" in done.stdout


def test_a_line_without_end(unhybrid, tmp_path):
    """Longer than what is kept: cut, and what follows is read."""
    path = write(tmp_path, log(line("[ERROR] " + "x" * 3_000_000), line("[ERROR] MaxUriReached"), *tail()))
    report = read(unhybrid, path, 1)
    assert [len(found["message"]) for found in report["findings"]] == [2048, 13]


@pytest.mark.parametrize("content", [b"", b"hello\n" * 50, b"\x00\x01\x02" * 999, b"PK\x03\x04", "[03/08/2026] no\r\n".encode("utf-16")])
def test_no_such_log(unhybrid, tmp_path, content):
    path = tmp_path / "x.log"
    path.write_bytes(content)
    done = unhybrid.run("setup-log", path)
    assert done.returncode == 65 and str(path) in done.stderr and "ExchangeSetup.log" in done.stderr


def test_cannot_be_read(unhybrid, tmp_path):
    for path in (tmp_path / "none", tmp_path):   # input, as any other file that is given: no service is missing
        done = unhybrid.run("setup-log", path)
        assert done.returncode == 65 and "cannot be read" in done.stderr and str(path) in done.stderr
    assert unhybrid.run("setup-log").returncode == 64


# What was read in the recorded logs by hand: outcome, rules or the beginning of a message, and an object.
EXPECTED = {
    "Arbitration_UPN": ("failed", "An Active Directory Constraint Violation", "SoloORG/Users/SystemMailbox{e0dc1c29-89c3-4034-b678-e6c29d823ed9}"),
    "Fail_In_Child": ("failed", "AdInitErrorRule", ""), "Failed_Mount_Database": ("failed", "Failed to mount database", "ExSvr1 - DB1"),
    "MSI_1": ("failed", "Couldn't remove product", "8466eaed-7024-4aee-9d13-f3a55b98d114"),
    "MSI_3": ("unfinished", "Installing product", "C:\\ExchangeCU23\\exchangeserver.msi"),
    "Missing_HomeMdb": ("failed", "Database is mandatory", "SoloORG.COM/Users/DiscoverySearchMailbox {D919BA05-46A6-415f-80AD-7E09334BB852}"),
    "NoPerm": ("failed", "GlobalServerInstall", ""), "NoSuitableDC": ("failed", "Unable to set shared config DC", ""),
    "Reboot_Pending": ("failed", "PendingRebootWindowsComponents", ""), "ServiceControl_Reverse": ("failed", "Exception calling", ""),
}


@pytest.mark.skipif(not os.path.isdir(RECORDED), reason="UNHYBRID_SHARED_DATA names no folder with recorded logs")
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_recorded(unhybrid, name):
    outcome, what, named = EXPECTED[name]
    report = read(unhybrid, os.path.join(RECORDED, f"ExchangeSetup_{name}.log"), 2 if outcome == "unfinished" else 1)
    assert report["outcome"] == outcome and report["product"].startswith("Microsoft Exchange Server 201") and report["server"]
    found = [f for f in report["findings"] if f["rule"] == what or f["message"].startswith(what)]
    assert found and found[0]["translation"]
    assert named == "" or named in found[0]["objects"] + [found[0]["during"]]


@pytest.mark.skipif(not os.path.isdir(RECORDED), reason="UNHYBRID_SHARED_DATA names no folder with recorded logs")
def test_every_recorded_log_has_a_test():
    assert {os.path.basename(path)[len("ExchangeSetup_"):-4] for path in glob.glob(RECORDED + "/*.log")} == set(EXPECTED)
