# SPDX-License-Identifier: Apache-2.0
"""The command line: what it says when it is used wrongly, its exit codes, its files, its lock."""
import fcntl
import json
import os
import re
import signal
import socket
import stat
import subprocess
import time

import jsonschema
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD_DIR") or os.environ.get("MESON_BUILD_ROOT") or os.path.join(ROOT, "build")
UNHYBRID = os.environ.get("UNHYBRID") or os.path.join(BUILD, "engine", "cli", "unhybrid")
FACTS_MAKE = os.path.join(BUILD, "tests", "integration", "drivers", "facts_make")
ENVIRON = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")} | {"LC_ALL": "C.UTF-8"}
COMMANDS = ["audit", "report", "status", "checks", "waive", "attest"]


def run(*args, cwd=None, **kw):
    return subprocess.run([UNHYBRID, *map(str, args)], cwd=cwd, env=ENVIRON, timeout=120, text=True,
                          stdout=kw.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, **kw)


def schema(name):
    with open(os.path.join(ROOT, "docs", "schema", name + ".schema.json"), encoding="utf-8") as f:
        loaded = json.load(f)
    jsonschema.Draft202012Validator.check_schema(loaded)
    return jsonschema.Draft202012Validator(loaded)


def refused_port():
    """A port on loopback where nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write(path, text, mode=0o600):
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def directory_config(tmp_path, port):
    write(tmp_path / "ad.pass", "secret\n")
    return write(tmp_path / "unhybrid.yaml", f"""
organization: contoso
tenant: contoso.onmicrosoft.com
directory:
  url: ldap://127.0.0.1:{port}
  security: plain
  bind: simple
  user: CONTOSO\\audit
  password_file: ad.pass
""")


# One blocker is violated by a mailbox with a hostile name; one cloud mailbox cannot be judged.
HOSTILE = "Ada \u2019; Remove-Mailbox * #\u202e\x1b[2J"
FACTS = [
    {"table": "observation", "row": {"organization": "contoso", "tenant": "contoso.onmicrosoft.com", "program": "0",
                                     "started_at": 1795374000, "ended_at": 1795374060}},
    {"table": "source", "row": {"id": "exchange-online", "state": "partial", "objects": 3, "milliseconds": 1900,
                                "detail": "timed out\x1b[2J"}},
    {"table": "set", "row": {"source": "exchange-online", "side": "cloud", "name": "Mailbox", "state": "complete",
                             "observed_at": 1795374050}},
] + [
    {"table": "exchange_recipient", "row": {
        "side": "cloud", "source": "exchange-online", "kind": "Mailbox",
        "guid": f"00000000-0000-0000-0000-0000000000{i:02x}", "name": HOSTILE, "identity": HOSTILE,
        "primary_address": f"ada{i}@contoso.com", "recipient_type_details": "UserMailbox", "is_dir_synced": True,
        "is_cloud_managed": {"answer": "refused"} if i == 0 else False}} for i in range(9)
]


@pytest.fixture
def facts(tmp_path):
    path = tmp_path / "facts-20261122T190100Z.db"
    subprocess.run([FACTS_MAKE, path], input="".join(json.dumps(row) + "\n" for row in FACTS), text=True, check=True,
                   timeout=60)
    return path


@pytest.fixture
def case(tmp_path, facts):
    """A case with one observation, made without an audit."""
    folder = tmp_path / "contoso.case"
    folder.mkdir(mode=0o700)
    write(folder / "case.yaml", "format: 1\norganization: contoso\n")
    facts.rename(folder / facts.name)
    return folder


# ---- help, version, usage ----

def test_version_and_help():
    assert re.fullmatch(r"unhybrid \d+\.\d+\.\d+\S*\n", run("--version").stdout)
    overall = run("--help")
    assert overall.returncode == 0 and overall.stderr == ""
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", overall.stdout, re.M)
        for args in ([command, "--help"], [command, "-h"], ["-v", command, "--help"]):
            shown = run(*args)
            assert shown.returncode == 0 and shown.stderr == ""
            assert shown.stdout.startswith(f"Usage: unhybrid [OPTIONS] {command}")
        for line in shown.stdout.splitlines() + overall.stdout.splitlines():
            assert len(line) <= 80 or line.startswith("Usage:"), line


@pytest.mark.parametrize("args, says", [
    ([], "a command is missing"),
    (["audti"], "did you mean audit?"),
    (["swept"], "there is no command 'swept'"),
    (["--colour", "never", "audit"], "did you mean --color?"),
    (["--color", "blue", "audit"], "auto, always or never"),
    (["--log-format", "xml", "audit"], "text or json"),
    (["-v", "-q", "status"], "exclude each other"),
    (["audit", "--formt", "json"], "did you mean --format?"),
    (["audit", "-z"], "unknown option '-z'"),
    (["audit", "--format"], "needs a value"),
    (["audit", "-o"], "needs a value"),
    (["audit", "--offline=yes"], "takes no value"),
    (["audit", "now"], "'now' is too much"),
    (["audit", "--purpose", "during"], "before or after"),
    (["audit", "--limit", "0"], "a number from 1"),
    (["audit", "--limit", "many"], "a number from 1"),
    (["audit", "--only", ""], "empty entry"),
    (["audit", "--only", "soa.mailbox,,dns.mx"], "empty entry"),
    (["audit"], "no configuration"),
    (["report"], "no configuration"),
    (["status"], "no configuration"),
    (["status", "--format", "xml"], "terminal and json"),
    (["checks"], "list or explain"),
    (["checks", "lst"], "did you mean list?"),
    (["checks", "explain"], "the id of one check"),
    (["checks", "explain", "soa.mailbx"], "did you mean soa.mailbox?"),
    (["checks", "list", "soa"], "takes no 'soa'"),
    (["report", "--facts", "x.db", "--format", "jsn"], "did you mean json?"),
    (["report", "--facts", "x.db", "--format", "json,terminal"], "-o DIR"),
    (["report", "--facts", "x.db", "--format", "json,json"], "given twice"),
    (["undo", "--yes=irreversible", "C-01.1"], "unhybrid: undo: --yes takes nothing or =new-object"),
])
def test_usage_errors(tmp_path, args, says):
    """64, on standard error, with what is wrong and how to get help; nothing is left behind."""
    done = run(*args, cwd=tmp_path)
    assert done.returncode == 64, done
    assert says in done.stderr and done.stdout == ""
    assert "--help` says how" in done.stderr or "-c FILE" in done.stderr
    assert os.listdir(tmp_path) == []


def test_usage_error_as_json(tmp_path):
    done = run("--log-format", "json", "audit", "--bogus", cwd=tmp_path)
    record = json.loads(done.stderr)
    assert done.returncode == record["exit_code"] == 64
    assert record["level"] == "error" and record["organization"] is None and "--bogus" in record["message"]


def test_unknown_checks_are_told_by_name(tmp_path):
    write(tmp_path / "unhybrid.yaml", "organization: contoso\n")
    done = run("audit", "--only", "soa.mailbx", cwd=tmp_path)
    assert done.returncode == 64 and "did you mean soa.mailbox?" in done.stderr
    assert run("audit", "--skip", "requirement.P-99", cwd=tmp_path).returncode == 64
    assert not (tmp_path / "contoso.case").exists()


# ---- configuration and case ----

def test_configuration_errors_name_file_and_line(tmp_path):
    write(tmp_path / "bad.yaml", "organization: contoso\ndirectry:\n  url: x\n")
    done = run("--log-format", "json", "-c", "bad.yaml", "audit", cwd=tmp_path)
    record = json.loads(done.stderr)
    assert done.returncode == 78 and record["where"].endswith("bad.yaml:2")
    assert os.listdir(tmp_path) == ["bad.yaml"]
    assert run("-c", "missing.yaml", "audit", cwd=tmp_path).returncode == 78


def test_nothing_configured(tmp_path):
    write(tmp_path / "unhybrid.yaml", "organization: contoso\n")
    done = run("audit", cwd=tmp_path)
    assert done.returncode == 78 and "names no source" in done.stderr
    assert done.stdout.startswith("contoso: ") and "ready" not in done.stdout.splitlines()[0]
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in [tmp_path / "contoso.case", *(tmp_path / "contoso.case").iterdir()]}
    assert modes.pop("contoso.case") == 0o700 and modes.pop("reports") == 0o700
    assert set(modes.values()) == {0o600}


def test_nothing_could_be_observed(tmp_path):
    """A directory that is down: 69; what failed is said first, in the report and in the record."""
    directory_config(tmp_path, refused_port())
    done = run("--log-format", "json", "audit", "--format", "json", cwd=tmp_path)
    records = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 69 and records[-1]["exit_code"] == 69
    assert {r["organization"] for r in records} == {"contoso"}
    assert {r["tenant"] for r in records} == {"contoso.onmicrosoft.com"}
    report = json.loads(done.stdout)
    schema("report").validate(report)
    assert report["verdict"] == "undetermined"
    assert {s["id"]: s["state"] for s in report["sources"]}["directory"] == "failed"
    assert "secret" not in done.stdout + done.stderr


def test_foreign_directory_is_no_case(tmp_path):
    write(tmp_path / "unhybrid.yaml", "organization: contoso\n")
    home = tmp_path / "home"
    home.mkdir()
    write(home / "letter.txt", "dear")
    done = run("-C", home, "audit", cwd=tmp_path)
    assert done.returncode == 78 and "no case and not empty" in done.stderr
    assert os.listdir(home) == ["letter.txt"]


def test_case_of_another_organization(tmp_path, case):
    write(tmp_path / "unhybrid.yaml", "organization: fabrikam\n")
    done = run("-C", case, "audit", cwd=tmp_path)
    assert done.returncode == 78 and "contoso" in done.stderr


def test_lock_names_the_holder(tmp_path, case):
    write(tmp_path / "unhybrid.yaml", "organization: contoso\n")
    with open(case / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("pid: 4711\nuser: ada\nhost: admin01\ncommand: cleanup\nsince: 2026-11-22T19:00:00Z\n")
        lock.flush()
        done = run("audit", cwd=tmp_path)
        assert done.returncode == 75
        for part in ("4711", "ada", "admin01", "cleanup", "2026-11-22T19:00:00Z"):
            assert part in done.stderr
        assert run("report", cwd=tmp_path).returncode == 1  # reading needs no lock
        assert run("status", cwd=tmp_path).returncode == 0
    assert run("audit", "--offline", cwd=tmp_path).returncode in (1, 2)  # and goes when the holder goes


def test_two_processes_and_interrupt(tmp_path):
    """The second gets 75 and the first's pid; Ctrl-C on the first keeps the facts and exits 130."""
    with socket.socket() as silent:  # takes connections and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        directory_config(tmp_path, silent.getsockname()[1])
        first = subprocess.Popen([UNHYBRID, "audit"], cwd=tmp_path, env=ENVIRON, text=True, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            silent.settimeout(30)
            peer, _ = silent.accept()
            second = run("audit", cwd=tmp_path)
            assert second.returncode == 75 and f"process {first.pid} " in second.stderr
            first.send_signal(signal.SIGINT)
            out, err = first.communicate(timeout=60)
            peer.close()
        finally:
            first.kill()
            first.wait()
    assert first.returncode == 130, (out, err)
    kept = [p.name for p in (tmp_path / "contoso.case").glob("facts-*.db")]
    assert len(kept) == 1 and kept[0] in err
    done = run("report", "--format", "json", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert done.returncode in (1, 2) and report["interrupted"] is True
    schema("report").validate(report)


# ---- judging again ----

def test_offline_without_observation(tmp_path):
    write(tmp_path / "unhybrid.yaml", "organization: contoso\n")
    assert run("audit", "--offline", cwd=tmp_path).returncode == 65
    (tmp_path / "contoso.case").mkdir()
    write(tmp_path / "contoso.case" / "case.yaml", "format: 1\norganization: contoso\n")
    done = run("audit", "--offline", cwd=tmp_path)
    assert done.returncode == 65 and "no observation" in done.stderr
    assert run("report", cwd=tmp_path).returncode == 65
    assert run("status", cwd=tmp_path).returncode == 0


def test_report_is_repeatable_and_valid(facts, tmp_path):
    """The same facts give the same bytes, in JSON that the schema takes, with every object in it."""
    first = run("report", "--facts", facts, "--format", "json", cwd=tmp_path)
    assert first.returncode == 1 and first.stderr == ""
    assert first.stdout == run("report", "--facts", facts, "--format", "json", cwd=tmp_path).stdout
    report = json.loads(first.stdout)
    schema("report").validate(report)
    assert report["organization"] == "contoso" and report["observed_at"] == report["judged_at"] == "2026-11-22T19:01:00Z"
    check = {c["id"]: c for c in report["checks"]}["soa.mailbox"]
    assert check["count"] == len(check["findings"]) == 8 and check["complete"] is False
    unjudged = [u for u in check["unknown"] if u["state"] == "unjudged"]
    assert sum(len(u["object_keys"]) for u in unjudged) == 1
    assert sum(report["summary"].values()) == len(report["checks"])
    for character in ("\x1b", "\u202e"):
        assert character not in first.stdout
    for command in check["remedy"]["commands"]:  # the hostile name is not in a command: the GUID is
        assert "Remove-Mailbox *" not in command


def test_limit_cuts_json_only_when_asked(facts, tmp_path):
    report = json.loads(run("report", "--facts", facts, "--format", "json", "--limit", "2", cwd=tmp_path).stdout)
    schema("report").validate(report)
    check = {c["id"]: c for c in report["checks"]}["soa.mailbox"]
    assert check["count"] == 8 and len(check["findings"]) == 2


def test_terminal_report(facts, tmp_path):
    plain = run("report", "--facts", facts, cwd=tmp_path)
    assert plain.returncode == 1
    assert plain.stdout.splitlines()[0].startswith("contoso: blocked.")
    assert "exchange-online partial" in plain.stdout and "and 3 more" in plain.stdout
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", plain.stdout)
    colored = run("--color", "always", "report", "--facts", facts, cwd=tmp_path)
    assert "\x1b[" in colored.stdout and "\x1b[2J" not in colored.stdout
    quiet = run("-q", "report", "--facts", facts, cwd=tmp_path)
    assert quiet.stdout == plain.stdout.splitlines()[0] + "\n"
    assert "and 3 more" not in run("-v", "report", "--facts", facts, cwd=tmp_path).stdout


def test_facts_that_are_none(tmp_path):
    for name, data in (("text.db", b"no database"), ("empty.db", b"")):
        (tmp_path / name).write_bytes(data)
        done = run("report", "--facts", name, cwd=tmp_path)
        assert done.returncode == 65 and name in done.stderr, done
    assert run("report", "--facts", "missing.db", cwd=tmp_path).returncode == 65


def test_status(tmp_path, case):
    write(tmp_path / "unhybrid.yaml", "organization: contoso\n")
    shown = run("status", cwd=tmp_path).stdout
    assert "blocked" in shown and "facts-20261122T190100Z.db" in shown
    for args in (["status", "--format", "json"], ["-C", case, "status", "--format", "json"]):
        done = run(*args, cwd=tmp_path)
        status = json.loads(done.stdout)
        schema("status").validate(status)
        assert done.returncode == 0 and status["last"]["verdict"] == "blocked"
        assert status["organization"] == "contoso" and status["tenant"] == "contoso.onmicrosoft.com"
    write(case / "facts-20991122T190100Z.db", "torn")
    status = json.loads(run("status", "--format", "json", cwd=tmp_path).stdout)
    schema("status").validate(status)
    assert "error" in status["last"] and status["observations"] == 2


def test_checks_list(tmp_path):
    listed = json.loads(run("checks", "list", "--format", "json", cwd=tmp_path).stdout)
    schema("checks").validate(listed)
    shown = run("checks", "list", cwd=tmp_path).stdout
    assert all(check["id"] in shown for check in listed["checks"])
    for check in {c["id"].split(".")[0]: c for c in listed["checks"]}.values():  # one of each family
        explained = run("checks", "explain", check["id"], cwd=tmp_path)
        assert explained.returncode == 0 and check["title"].split()[0] in explained.stdout


# ---- where reports go ----

def test_output_files(facts, tmp_path):
    one = run("report", "--facts", facts, "--format", "json", "-o", "r.json", cwd=tmp_path)
    assert one.returncode == 1 and one.stdout.startswith("contoso: blocked.")
    schema("report").validate(json.loads((tmp_path / "r.json").read_text()))
    assert stat.S_IMODE((tmp_path / "r.json").stat().st_mode) == 0o600
    two = run("-q", "report", "--facts", facts, "--format", "json,terminal", "-o", "out", cwd=tmp_path)
    assert two.returncode == 1 and two.stdout == ""
    assert sorted(os.listdir(tmp_path / "out")) == ["report.json", "report.txt"]
    assert run("report", "--facts", facts, "--format", "json,terminal", "-o", "r.json", cwd=tmp_path).returncode == 64
    assert run("report", "--facts", facts, "-o", "out/", cwd=tmp_path).returncode == 1


def test_output_that_cannot_be_written(facts, tmp_path):
    """73, told before anything is observed, and no torn file."""
    directory_config(tmp_path, refused_port())
    for place in ("/proc/none/r.json", tmp_path / "unhybrid.yaml" / "x"):
        done = run("audit", "--format", "json", "-o", place, cwd=tmp_path)
        assert done.returncode == 73, done
        assert not list((tmp_path / "contoso.case").glob("facts-*"))
    assert run("report", "--facts", facts, "--format", "json", "-o", "/dev/full", cwd=tmp_path).returncode == 73
    with open("/dev/full", "w", encoding="utf-8") as full:
        for args in (["report", "--facts", facts], ["report", "--facts", facts, "--format", "json"], ["checks", "list"],
                     ["--help"]):
            done = run(*args, cwd=tmp_path, stdout=full)
            assert done.returncode == 73 and done.stderr.count("\n") <= 2, (args, done)
    assert not [n for n in os.listdir(tmp_path) if n.endswith(".tmp")]


def test_reader_that_goes_away(facts, tmp_path):
    """`unhybrid report | head` is no error."""
    reader, writer = os.pipe()
    os.close(reader)
    done = run("report", "--facts", facts, cwd=tmp_path, stdout=writer)
    os.close(writer)
    assert done.returncode == 1 and done.stderr == ""


def test_audit_keeps_its_report(tmp_path):
    directory_config(tmp_path, refused_port())
    run("audit", cwd=tmp_path)
    run("audit", cwd=tmp_path)
    case = tmp_path / "contoso.case"
    facts = sorted(p.name for p in case.glob("facts-*.db"))
    assert len(facts) == 2
    reports = sorted(p.name for p in (case / "reports").iterdir())
    assert reports == sorted(f"report-{name[6:-3]}.{e}" for name in facts for e in ("json", "txt"))
    for path in (case / "reports").glob("*.json"):
        schema("report").validate(json.loads(path.read_text()))


def test_progress_only_on_a_terminal(tmp_path):
    directory_config(tmp_path, refused_port())
    assert "\r" not in run("audit", cwd=tmp_path).stderr
