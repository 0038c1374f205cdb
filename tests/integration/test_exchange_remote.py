# SPDX-License-Identifier: Apache-2.0
"""Remote PowerShell to the simulated Exchange Server, by the program's own client and executor: every way of signing in,
what can be read on the wire, what a bad network or server does to it, that sessions never stay behind, and that a write
is never sent twice. The server and its KDC share no code with the client."""
import copy
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request

import pytest
import yaml

from conftest import TOP
from fixtures.lab import process
from fixtures.lab.lab import Lab
from recording_proxy import RecordingProxy

DRIVERS = os.path.join(os.environ.get("BUILD_DIR") or os.path.join(TOP, "build"), "tests", "integration", "drivers")
RUN = os.path.join(DRIVERS, "exchange_run")
SECONDS = 60
AT_ONCE = 5     # on a machine with other things to do; the cmdlet itself would take 40
DENIED, UNAVAILABLE, CONFIG, INTERRUPTED, DATA = 77, 69, 78, 130, 65
PARTNER = "Partner Adatum"


class Exchange:
    """A lab with directory, KDC and Exchange Server, and our client."""

    def __init__(self, lab, scratch):
        self.lab, self.scratch, self.info, self.files = lab, scratch, lab.state["exchange"]["info"], 0
        self.environment = dict(os.environ, **lab.krb5_environment(), KRB5CCNAME="FILE:/nonexistent/ccache")

    def control(self, name, body=None, method=None):
        request = urllib.request.Request(self.info["control"] + name, None if body is None else json.dumps(body).encode(), method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def log(self, **wanted):
        return self.control("log?" + "&".join(f"{name}={value}" for name, value in wanted.items()))

    def verbs(self):
        return [entry["verb"] for entry in self.log(kind="request")]

    def configuration(self, auth="kerberos", tls=False, port=None, **changed):
        """The path of a configuration for the reading and the operator's account."""
        sections = {}
        for who in ("audit", "admin"):
            section = self.lab.exchange_section(who, auth, tls)
            for key in ("password_file", "ca_file"):
                if key in section:
                    section[key] = self.lab.path(section[key])
            if port:
                section["url"] = section["url"].replace(str(self.info["tls_port" if tls else "port"]), str(port))
            section.update(copy.deepcopy(changed))
            sections[who] = {key: value for key, value in section.items() if value is not None}
        self.files += 1
        path = os.path.join(self.scratch, f"{self.files}.yaml")
        with open(path, "w", encoding="utf-8") as out:
            yaml.safe_dump({"organization": "contoso", "exchange": sections["audit"], "operator": {"exchange": sections["admin"]}}, out)
        return path

    def start(self, *arguments, **environment):
        return subprocess.Popen([RUN, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=dict(self.environment, **environment))

    def run(self, *arguments, **environment):
        """-> (exit status, what it said: a list of JSON objects)"""
        running = self.start(*arguments, **environment)
        out, err = running.communicate(timeout=SECONDS)
        assert not err, err
        return running.returncode, [json.loads(line) for line in out.splitlines()]

    def ticket(self, *options):
        """kinit of the reading account into a file; returns KRB5CCNAME."""
        section = self.lab.exchange_section("audit")
        self.files += 1
        name = "FILE:" + os.path.join(self.scratch, f"{self.files}.ccache")
        with open(self.lab.path(section["password_file"]), encoding="utf-8") as password:
            subprocess.run(["kinit", "-c", name, *options, section["user"]], input=password.read(), check=True, text=True,
                           stdout=subprocess.DEVNULL, env=self.environment)
        return name


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    if not shutil.which("kinit"):
        pytest.fail("kinit is not installed (./dev setup)")
    lab = Lab("contoso", str(tmp_path_factory.mktemp("exchange-server") / "contoso"))
    lab.up(("directory",), exchange=True)
    yield Exchange(lab, str(tmp_path_factory.mktemp("configurations")))
    lab.down()


@pytest.fixture
def exchange(running):
    running.control("reset", {})
    running.control("log", method="DELETE")
    return running


def names(said):
    return [one["Name"] for one in said if "object" in one and one["object"] is True]


def error(said):
    found = [one for one in said if one.get("error")]
    assert len(found) == 1, said
    return found[0]


def outcome(said):
    return [one["outcome"] for one in said if "outcome" in one][-1]


def clock(seconds):
    """The environment of a program that believes in another time."""
    return {"LD_PRELOAD": os.path.join(DRIVERS, "clock_shift.so"), "CLOCK_SHIFT": str(seconds)}


def guid_of(exchange, name):
    status, said = exchange.run(exchange.configuration(), "Get-SendConnector")
    assert status == 0, said
    return [one["Guid"] for one in said if one.get("Name") == name][0]


# ---- signing in, and what can be read on the wire

@pytest.mark.parametrize("schemes, tls", [(["Kerberos"], False), (["Negotiate"], False), (["NTLM", "Kerberos", "Negotiate"], False),
                                          (["Kerberos"], True), (["Negotiate"], True)])
def test_kerberos_every_way(exchange, schemes, tls):
    """The same eight domains, over one connection and one sign-in. Over http a recording proxy sees none of it, over
    https the sign-in is bound to the channel (the server refuses it otherwise)."""
    exchange.control("knobs", {"schemes": schemes})
    with RecordingProxy(exchange.info["tls_port" if tls else "port"]) as proxy:
        status, said = exchange.run(exchange.configuration(tls=tls, port=proxy.port), "Get-AcceptedDomain", "+", "Get-SendConnector")
        wire = proxy.wire()
    assert status == 0, said
    assert len(names(said)) == 8 + 3 and said[-1] == {"sign_ins": 1} and proxy.connections == 1
    for secret in (b"Envelope", b"contoso.com</", b"AcceptedDomain", b"rsp:", b"RunspacePool", b"CREATE_PIPELINE", b"UnVuc3BhY2"):
        assert secret not in wire
    if not tls:
        assert wire.count(b"--Encrypted Boundary--") > 5, "our messages"
        assert wire.count(b"-- Encrypted Boundary--") > 5, "the server's"
        kind = b"Kerberos" if "Kerberos" in schemes else b"SPNEGO"
        assert b"application/HTTP-" + kind + b"-session-encrypted" in wire
    assert exchange.verbs()[0] == "Create" and exchange.verbs()[-1] == "Delete"
    assert [entry["scheme"] for entry in exchange.log(kind="signed-in")] == ["kerberos" if "Kerberos" in schemes else "negotiate"]
    assert exchange.control("shells") == []


def test_basic_over_https(exchange):
    status, said = exchange.run(exchange.configuration("basic"), "Get-AcceptedDomain")
    assert status == 0 and len(names(said)) == 8, said
    assert exchange.log(kind="signed-in") == [], "no Kerberos"


def test_basic_over_http_is_refused_before_anybody_is_asked(exchange):
    status, said = exchange.run(exchange.configuration("basic", url=exchange.info["url"]), "Get-AcceptedDomain")
    assert status == CONFIG and "in the clear" in error(said)["what"]
    assert exchange.control("log") == []


def test_ticket_cache_and_keytab(exchange):
    """Without a password: the caller's own ticket; or a keytab with the user's key."""
    status, said = exchange.run(exchange.configuration(user=None, password_file=None), "Get-AcceptedDomain",
                                KRB5CCNAME=exchange.ticket())
    assert status == 0 and len(names(said)) == 8, said
    kdc, user = exchange.lab.state["kdc"], exchange.lab.exchange_section()["user"]
    keytab = os.path.join(exchange.scratch, "user.keytab")
    tool = subprocess.run(["kadmin.local", "-r", kdc["realm"], "ktadd", "-norandkey", "-k", keytab, user], capture_output=True, text=True,
                          check=False, env=dict(exchange.environment, PATH=os.environ["PATH"] + ":/usr/sbin",
                                                KRB5_KDC_PROFILE=os.path.join(os.path.dirname(kdc["krb5_config"]), "kdc.conf")))
    assert os.path.exists(keytab), tool.stderr
    os.chmod(keytab, 0o600)
    status, said = exchange.run(exchange.configuration(password_file=None, keytab=keytab), "Get-AcceptedDomain")
    assert status == 0 and len(names(said)) == 8, said


def test_what_is_wrong_with_the_sign_in(exchange, tmp_path):
    """Each tells what it is and what to do, and ends as a matter of permission."""
    wrong = tmp_path / "wrong.pass"
    wrong.touch(mode=0o600)
    wrong.write_text("not-the-password\n", encoding="ascii")
    nobody = exchange.lab.exchange_section()["user"].replace("@", "-nobody@")
    other = exchange.info["url"].replace("localhost", "ex09.localhost")
    for configuration, what, remedy in [
            (exchange.configuration(password_file=str(wrong)), "password or key is wrong", "check the account"),
            (exchange.configuration(user=nobody), "knows no such account", "name@REALM"),
            (exchange.configuration(user=None, password_file=None), "there is no Kerberos ticket", "kinit"),
            (exchange.configuration("basic", password_file=str(wrong)), "does not accept the sign-in", "check user and password"),
            (exchange.configuration(url=other), "no such service name", "setspn")]:
        status, said = exchange.run(configuration, "Get-AcceptedDomain")
        assert status == DENIED and what in error(said)["what"] and remedy in error(said)["remedy"], said
        assert error(said)["answer"] == "refused" and "not-the-password" not in str(said)
    assert exchange.log(kind="request") == []


def test_expired_ticket(exchange):
    status, said = exchange.run(exchange.configuration(user=None, password_file=None), "Get-AcceptedDomain",
                                KRB5CCNAME=exchange.ticket("-l", "10m"), **clock(1200))
    assert status == DENIED and "has expired" in error(said)["what"] and "kinit" in error(said)["remedy"], said


def test_clock_skew(exchange):
    """Our clock is an hour late, and the library may not take the KDC's word for the time instead."""
    late = os.path.join(exchange.scratch, "late.conf")
    with open(exchange.lab.state["kdc"]["krb5_config"], encoding="utf-8") as config, open(late, "w", encoding="utf-8") as out:
        out.write(config.read().replace("[libdefaults]\n", "[libdefaults]\n kdc_timesync = 0\n"))
    status, said = exchange.run(exchange.configuration(user=None, password_file=None), "Get-AcceptedDomain", KRB5_CONFIG=late,
                                KRB5CCNAME=exchange.ticket(), **clock(-3600))
    assert status == DENIED and "clock" in error(said)["what"] and "set the clock" in error(said)["remedy"], said


def test_kdc_is_down(exchange):
    exchange.lab.stop_part("kdc")
    try:
        status, said = exchange.run(exchange.configuration(), "Get-AcceptedDomain")
    finally:
        exchange.lab.start_part("kdc")
    assert status == UNAVAILABLE and "KDC" in error(said)["what"] and error(said)["answer"] == "timeout", said


def test_account_without_roles(exchange):
    exchange.control("roles", {exchange.lab.exchange_section()["user"]: {"role": None}})
    status, said = exchange.run(exchange.configuration(), "Get-AcceptedDomain")
    assert status == DENIED and error(said)["answer"] == "refused" and "management role" in error(said)["remedy"], said


# ---- how it travels

def test_tiny_fragments(exchange):
    status, whole = exchange.run(exchange.configuration(), "Get-SendConnector")
    exchange.control("knobs", {"fragment_size": 150, "fragments_per_receive": 10})
    status, said = exchange.run(exchange.configuration(), "Get-SendConnector")
    assert status == 0 and names(said) == names(whole) and len(names(said)) == 3
    assert exchange.verbs().count("Receive") > 10


def test_cookie_is_kept(exchange):
    exchange.control("knobs", {"affinity": True})
    status, said = exchange.run(exchange.configuration(), "Get-AcceptedDomain")
    assert status == 0 and len(names(said)) == 8, said


@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_older_protocol(exchange, version):
    exchange.control("knobs", {"protocol": version})
    status, said = exchange.run(exchange.configuration(), "Get-AcceptedDomain")
    assert status == 0 and len(names(said)) == 8 and said[0]["protocol"] == version, said


def test_slow_cmdlet_is_polled(exchange):
    """The server has nothing to tell for a while, says so, and is asked again."""
    exchange.control("faults", [{"match": {"cmdlet": "Get-AcceptedDomain"}, "fault": "sleep", "args": {"seconds": 2.2}}])
    status, said = exchange.run("--operation-ms", 500, exchange.configuration(), "Get-AcceptedDomain")
    assert status == 0 and len(names(said)) == 8, said
    assert len([entry for entry in exchange.log(kind="request", verb="Receive") if entry.get("code") == 2150858793]) >= 3


def test_opening_that_times_out(exchange):
    """The session may come into being all the same: it is deleted."""
    exchange.control("faults", [{"match": {"verb": "Create"}, "fault": "timeout"}])
    status, said = exchange.run(exchange.configuration(), "Get-AcceptedDomain")
    assert status == UNAVAILABLE and error(said)["answer"] == "timeout", said
    assert exchange.verbs() == ["Create", "Delete"]


def test_cmdlet_has_a_deadline(exchange):
    exchange.control("faults", [{"match": {"cmdlet": "Get-AcceptedDomain"}, "fault": "sleep", "args": {"seconds": 50}}])
    began = time.monotonic()
    status, said = exchange.run("--limit-ms", 1000, "--operation-ms", 1000, exchange.configuration(), "Get-AcceptedDomain")
    assert status == UNAVAILABLE and error(said)["answer"] == "timeout" and outcome(said) == "stopped", said
    assert time.monotonic() - began < 20
    assert exchange.verbs()[-1] == "Delete" and exchange.control("shells") == []


def test_connection_lost_between_requests(exchange):
    """Idle connections are closed by servers: nothing had been sent, so a new one is signed in, and the shell goes on."""
    with RecordingProxy(exchange.info["port"]) as proxy:
        running = exchange.start("--pause-ms", 2000, exchange.configuration(port=proxy.port), "Get-AcceptedDomain", "+", "Get-SendConnector")
        process.wait_for(lambda: exchange.verbs().count("Signal") == 1, 10, "the first cmdlet is over")
        time.sleep(0.2)  # its answer arrives
        proxy.cut()
        out, _ = running.communicate(timeout=SECONDS)
    said = [json.loads(line) for line in out.splitlines()]
    assert running.returncode == 0 and len(names(said)) == 8 + 3, said
    assert said[-1] == {"sign_ins": 2} and exchange.verbs().count("Command") == 2


def test_ticket_that_ends_soon(exchange):
    """A session is replaced before it ends: new connection, new sign-in, the same shell."""
    status, said = exchange.run(exchange.configuration(user=None, password_file=None), "Get-AcceptedDomain",
                                KRB5CCNAME=exchange.ticket("-l", "90s"))
    assert status == 0 and len(names(said)) == 8 and said[-1]["sign_ins"] > 1, said
    assert exchange.verbs().count("Create") == 1


def test_session_lost_at_the_server(exchange):
    """A 401 in the middle of reading: a new sign-in, and the same Receive once more."""
    exchange.control("faults", [{"match": {"verb": "Receive", "nth": 2}, "fault": "unauthorized"}])
    status, said = exchange.run(exchange.configuration(), "Get-AcceptedDomain")
    assert status == 0 and len(names(said)) == 8 and said[-1] == {"sign_ins": 2}, said


@pytest.mark.parametrize("receive", [2, 3, 4])
def test_lost_answer_with_data(exchange, receive):
    """The server has given something away that never arrived: the rest is no whole listing, however well it ends."""
    exchange.control("knobs", {"fragment_size": 400, "fragments_per_receive": 10})
    exchange.control("faults", [{"match": {"verb": "Receive", "nth": receive}, "fault": "reset_after"}])
    status, said = exchange.run(exchange.configuration(), "Get-SendConnector")
    assert status == UNAVAILABLE and "was lost" in error(said)["what"] and outcome(said) != "done", said
    assert exchange.verbs().count("Receive") == receive + 1 and exchange.control("shells") == []


# ---- what a server may not do

@pytest.mark.parametrize("fault, verb, statuses, what", [
    ({"fault": "unsealed"}, "Command", {DENIED}, "not encrypted"),
    ({"fault": "garbled"}, "Command", {DENIED, DATA}, ""),
    ({"fault": "wrong_relation"}, "Command", {DATA}, "belongs to another request"),
    ({"fault": "not_xml"}, "Command", {DATA}, "not well-formed"),
    ({"fault": "huge", "args": {"bytes": 20 << 20}}, "Command", {DATA}, "larger than"),
    ({"fault": "content_type"}, "Command", {UNAVAILABLE}, "not SOAP"),
    ({"fault": "cut"}, "Command", {UNAVAILABLE}, ""),
    ({"fault": "reset"}, "Command", {UNAVAILABLE}, ""),
    ({"fault": "status", "args": {"status": 503}}, "Command", {UNAVAILABLE}, "not running"),
    ({"fault": "status", "args": {"status": 403}}, "Create", {DENIED}, "refuses access"),
    ({"fault": "redirect", "args": {"location": "http://127.0.0.1:1/PowerShell/"}}, "Create", {UNAVAILABLE}, "redirects to http://127.0.0.1:1/"),
    ({"fault": "wsman_redirect"}, "Create", {UNAVAILABLE}, "redirects to https://other.example/PowerShell/"),
    ({"fault": "wsman", "args": {"code": 5, "text": "Access is denied."}}, "Create", {DENIED}, "refuses access"),
    ({"fault": "shell_lost"}, "Command", {UNAVAILABLE}, "not there any more"),
])
def test_misbehaving_server(exchange, fault, verb, statuses, what):
    """Every one is an error that names it, never a result; and the shell is deleted where there is one."""
    exchange.control("faults", [dict(fault, match={"verb": verb, "nth": 1})])
    status, said = exchange.run(exchange.configuration(), "Get-AcceptedDomain")
    assert status in statuses and what in error(said)["what"] and error(said)["where"], said
    assert names(said) == [] and exchange.control("shells") == []


@pytest.mark.parametrize("kind", ["redirect", "wsman_redirect"])
def test_redirects(exchange, kind):
    """To the same host it is followed, to another where the configuration names it, and no more than five in a row."""
    authority = exchange.lab.path("exchange", "ca.pem")
    secure, other = exchange.info["tls_url"], exchange.info["url"].replace("localhost", "ex09.localhost")

    def redirect(to, **match):
        exchange.control("faults", method="DELETE")
        exchange.control("log", method="DELETE")
        exchange.control("faults", [{"match": {"verb": "Create", **match}, "fault": kind, "args": {"location": to}}])

    redirect(secure, nth=1)
    status, said = exchange.run(exchange.configuration(ca_file=authority), "Get-AcceptedDomain")
    assert status == 0 and len(names(said)) == 8, said
    assert [entry["tls"] for entry in exchange.log(kind="request", verb="Create")] == [False, True]
    redirect(other)
    status, said = exchange.run(exchange.configuration(), "Get-AcceptedDomain")
    assert status == UNAVAILABLE and "is not followed" in error(said)["what"] and "redirect_hosts" in error(said)["remedy"], said
    status, said = exchange.run(exchange.configuration(redirect_hosts=["EX09.localhost"]), "Get-AcceptedDomain")
    assert status == DENIED and "HTTP/ex09.localhost" in error(said)["what"], "followed, and no such SPN: %s" % said
    redirect(exchange.info["url"])
    status, said = exchange.run(exchange.configuration(), "Get-AcceptedDomain")
    assert status == UNAVAILABLE and "redirects" in error(said)["what"] and exchange.verbs().count("Create") == 6, said
    redirect(exchange.info["url"], nth=1)
    status, said = exchange.run(exchange.configuration(tls=True), "Get-AcceptedDomain")
    assert status == UNAVAILABLE and "from https to http://" in error(said)["what"], said
    assert exchange.control("shells") == []


def test_wrong_path(exchange):
    status, said = exchange.run(exchange.configuration(url=exchange.info["url"].replace("PowerShell", "wsman")), "Get-AcceptedDomain")
    assert status == CONFIG and "no remote PowerShell" in error(said)["what"] and "/PowerShell/" in error(said)["remedy"], said


# ---- sessions do not stay behind

@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_deletes_at_once(exchange, number):
    exchange.control("faults", [{"match": {"cmdlet": "Get-AcceptedDomain"}, "fault": "sleep", "args": {"seconds": 40}}])
    running = exchange.start(exchange.configuration(), "Get-AcceptedDomain")
    process.wait_for(lambda: "Command" in exchange.verbs() and exchange.verbs()[-1] == "Receive", 10, "the cmdlet runs")
    running.send_signal(number)
    stopped = time.time()
    out, _ = running.communicate(timeout=SECONDS)
    assert running.returncode == INTERRUPTED, out
    deleted = exchange.log(kind="request", verb="Delete")
    assert len(deleted) == 1 and deleted[0]["time"] - stopped < AT_ONCE
    assert exchange.control("shells") == []


def test_after_a_kill_the_next_run_waits_for_the_limit(exchange):
    """The shell of a killed run counts until the server ends it; the next run is put off, and gets in then."""
    exchange.control("knobs", {"max_shells": 1, "idle_seconds": 4})
    exchange.control("faults", [{"match": {"cmdlet": "Get-AcceptedDomain"}, "fault": "sleep", "args": {"seconds": 40}, "times": 1}])
    running = exchange.start(exchange.configuration(), "Get-AcceptedDomain")
    process.wait_for(lambda: "Command" in exchange.verbs(), 10, "the cmdlet runs")
    running.kill()
    running.communicate()
    assert len(exchange.control("shells")) == 1
    status, said = exchange.run(exchange.configuration(), "Get-AcceptedDomain")
    assert status == 0 and len(names(said)) == 8, said
    assert 2 <= exchange.verbs().count("Create") <= 6, "put off with pauses"


def test_limit_that_does_not_go_away(exchange):
    exchange.control("knobs", {"max_shells": 0})
    status, said = exchange.run("--open-ms", 3000, exchange.configuration(), "Get-AcceptedDomain")
    assert status == UNAVAILABLE and "opens no further session" in error(said)["what"] and "killed run" in error(said)["remedy"], said
    assert error(said)["request_id"] or "AuthZ" in error(said)["what"]


# ---- writing: the operator's account, one object by its GUID, once

def commands(exchange, cmdlet):
    return [entry for entry in exchange.log(kind="cmdlet") if entry["cmdlet"] == cmdlet]


def test_a_change(exchange):
    """The connector is gone, by its GUID, without a question, at the pinned domain controller."""
    guid = guid_of(exchange, PARTNER)
    status, said = exchange.run("--write", "--dc", "dc01.contoso.com", exchange.configuration(), "Set-SendConnector", guid, "Enabled=false",
                                "Comment=it's \u00e4 test", "SmartHosts=[a.example,b.example]")
    assert status == 0 and outcome(said) == "applied", said
    sent = commands(exchange, "Set-SendConnector")[0]["parameters"]
    assert sent["Identity"] == guid and sent["Confirm"] is False and sent["DomainController"] == "dc01.contoso.com"
    assert sent["Enabled"] is False and sent["Comment"] == "it's \u00e4 test" and sent["SmartHosts"] == ["a.example", "b.example"]
    assert "WhatIf" not in sent
    status, said = exchange.run("--write", exchange.configuration(), "Remove-SendConnector", guid)
    assert status == 0 and outcome(said) == "applied", said
    status, said = exchange.run(exchange.configuration(), "Get-SendConnector")
    assert PARTNER not in names(said) and len(names(said)) == 2
    status, said = exchange.run("--write", exchange.configuration(), "Remove-SendConnector", guid)
    told = [one for one in said if "not_found" in one][0]
    assert status != 0 and told["outcome"] == "failed" and told["not_found"] and told["category"] == "ObjectNotFound"
    assert told["reason"] == "ManagementObjectNotFoundException" and told["request_id"] in told["identity"]


def test_a_dry_run_asks_nobody(exchange):
    status, said = exchange.run("--dry", exchange.configuration(), "Remove-HybridConfiguration", "-")
    assert status == 0 and outcome(said) == "recorded"
    assert said[-1] == {"cmdlet": "Remove-HybridConfiguration", "guid": None, "name": "-", "arguments": {}}
    assert exchange.control("log") == []


@pytest.mark.parametrize("arguments", [("Remove-SendConnector", PARTNER), ("Remove-SendConnector", "-"), ("Remove-RemoteMailbox", "x"),
                                       ("Remove-HybridConfiguration", "-", "WhatIf=true")])
def test_what_the_writer_refuses_reaches_nobody(exchange, arguments):
    status, said = exchange.run("--write", exchange.configuration(), *arguments)
    assert status == 70 and outcome(said) == "not-sent"
    assert exchange.control("log") == []


@pytest.mark.parametrize("fault", [
    {"match": {"verb": "Command", "nth": 2}, "fault": "reset"},
    {"match": {"verb": "Command", "nth": 2}, "fault": "reset_after"},
    {"match": {"verb": "Command", "nth": 2}, "fault": "cut"},
    {"match": {"verb": "Command", "nth": 2}, "fault": "unauthorized"},
    {"match": {"verb": "Receive", "after": 2}, "fault": "reset_after"},
    {"match": {"cmdlet": "Remove-HybridConfiguration"}, "fault": "broken_after", "args": {"objects": 0}},
])
def test_a_lost_answer_is_never_repeated(exchange, fault):
    """The first Command is Set-ADServerSettings, the second the write: however its answer is lost, it is sent once, and
    what became of it is not known."""
    exchange.control("faults", [fault])
    status, said = exchange.run("--write", exchange.configuration(), "Remove-HybridConfiguration", "-")
    assert status != 0 and outcome(said) == "unknown" and "look at the object" in error(said)["remedy"], said
    assert exchange.verbs().count("Command") == 2
    assert exchange.control("shells") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_write_is_stopped_in_order(exchange, number):
    """The answer that is under way is waited for, then the cmdlet is stopped; where it stood is not known."""
    exchange.control("faults", [{"match": {"cmdlet": "Remove-HybridConfiguration"}, "fault": "sleep", "args": {"seconds": 40}}])
    running = exchange.start("--write", "--operation-ms", 500, exchange.configuration(), "Remove-HybridConfiguration", "-")
    process.wait_for(lambda: commands(exchange, "Remove-HybridConfiguration"), 10, "the write runs")
    running.send_signal(number)
    stopped = time.time()
    out, _ = running.communicate(timeout=SECONDS)
    said = [json.loads(line) for line in out.splitlines()]
    assert running.returncode == INTERRUPTED and outcome(said) == "unknown" and "look at the object" in error(said)["remedy"], said
    assert "powershell/signal/crtl_c" in [entry.get("code") for entry in exchange.log(kind="request", verb="Signal")]
    deleted = exchange.log(kind="request", verb="Delete")
    assert len(deleted) == 1 and deleted[0]["time"] - stopped < AT_ONCE and exchange.control("shells") == []


def test_an_account_that_may_not(exchange):
    admin = exchange.lab.exchange_section("admin")["user"]
    exchange.control("roles", {admin: {"without": ["Remove-HybridConfiguration"]}})
    status, said = exchange.run("--write", exchange.configuration(), "Remove-HybridConfiguration", "-")
    told = [one for one in said if "refused" in one][0]
    assert status == DENIED and told["outcome"] == "failed" and told["refused"] and error(said)["answer"] == "refused", said


def test_a_question_is_refused(exchange):
    """Whatever it asks, no value is invented; the write has failed then."""
    exchange.control("faults", [{"match": {"cmdlet": "Remove-HybridConfiguration"}, "fault": "prompt"}])
    status, said = exchange.run("--write", exchange.configuration(), "Remove-HybridConfiguration", "-")
    assert status != 0 and outcome(said) == "failed", said
