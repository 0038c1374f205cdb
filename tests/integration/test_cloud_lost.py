# SPDX-License-Identifier: Apache-2.0
"""The program itself when the cloud is down, silent, wrong, busy without end, wants a person, or is slow when somebody
presses Ctrl-C: it ends soon, says why, and keeps what it saw."""
import contextlib
import glob
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import time

import pytest

from test_cloud import APP, Tenant, organization

PAUSE = "25"                # percent of the program's own pauses and patience
REFUSED_SECONDS = 12        # 10 for the service, the rest for a busy machine
SILENT_SECONDS = 20         # a quarter of the time for connecting, and the machine
STOP_SECONDS = 3
SHOWN_SECONDS = 30


class Audit:
    def __init__(self, unhybrid, configuration, directory, pause=PAUSE):
        self.case = os.path.join(directory, f"{os.path.basename(configuration)}.case")
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [unhybrid.path, "-c", configuration, "-C", self.case, "--no-progress", "audit", "--format", "json"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
            env=dict(os.environ, UNHYBRID_PAUSE_PERCENT=pause))

    def end(self, timeout=120):
        """-> (exit status, seconds, what it said on stderr)"""
        try:
            self.out, said = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, time.monotonic() - self.began, said

    def report(self):
        return json.loads(self.out)

    def rows(self, sql):
        with contextlib.closing(sqlite3.connect(max(glob.glob(os.path.join(self.case, "**", "facts-*.db"), recursive=True), key=os.path.getmtime))) as db:
            return db.execute(sql).fetchall()

    def states(self):
        return dict(self.rows("SELECT name, state FROM t_set WHERE side = 'cloud' AND state <> 'not-configured'"))


@pytest.fixture(scope="module")
def tenant(tmp_path_factory):
    made = Tenant(tmp_path_factory.mktemp("tenant"), org=organization())
    yield made
    made.cloud.stop()


@pytest.fixture(autouse=True)
def as_after_the_start(tenant):
    tenant.control("POST", "reset", {})


@contextlib.contextmanager
def closed():
    """A port where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"https://127.0.0.1:{held.getsockname()[1]}"


@contextlib.contextmanager
def silent():
    """Takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"


SERVICES = {"all": ("login", "graph", "exchange_online"), "login": ("login",), "graph": ("graph",), "exchange": ("exchange_online",)}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("how, seconds", [(closed, REFUSED_SECONDS), (silent, SILENT_SECONDS)], ids=["refused", "silent"])
def test_a_service_that_is_not_there(tenant, unhybrid, tmp_path, service, how, seconds):
    with how() as url:
        audit = Audit(unhybrid, tenant.configure(**{name: url for name in SERVICES[service]}), str(tmp_path), pause="100" if how is closed else PAUSE)
        status, took, said = audit.end()
    assert took < seconds, said
    other = {"graph": "AcceptedDomain", "exchange": "GraphDomain"}.get(service)
    assert status in ((1, 2) if other else (69,)), said
    states = audit.states()
    assert states["GraphDomain"] == ("complete" if other == "GraphDomain" else "failed")
    assert states["AcceptedDomain"] == ("complete" if other == "AcceptedDomain" else "failed")
    assert url.split("//")[1] in said


def test_a_name_that_does_not_exist(tenant, unhybrid, tmp_path):
    status, took, said = Audit(unhybrid, tenant.configure(endpoint="https://nobody.invalid"), str(tmp_path), pause="100").end()
    assert status == 69 and took < REFUSED_SECONDS, said
    assert "nobody.invalid" in said


def test_a_wrong_certificate_is_tried_once(tenant, unhybrid, tmp_path):
    right = tenant.info["ca_file"]
    tenant.info["ca_file"] = "/etc/ssl/certs/ca-certificates.crt"
    try:
        path = tenant.configure()
    finally:
        tenant.info["ca_file"] = right
    before = tenant.control("GET", "counters")
    audit = Audit(unhybrid, path, str(tmp_path), pause="100")
    status, took, said = audit.end()
    assert status == 69 and took < REFUSED_SECONDS, said
    assert "TLS" in said and "endpoints.ca_file" in said
    assert tenant.control("GET", "counters").get("requests", 0) - before.get("requests", 0) <= 1


def test_a_refused_login_is_not_repeated(tenant, unhybrid, tmp_path):
    wrong = {"client_id": "66666666-7777-4888-8999-ffffffffffff", "secret_file": tenant.info["apps"][0]["secret_file"]}
    status, took, said = Audit(unhybrid, tenant.configure(credentials=wrong), str(tmp_path), pause="100").end()
    assert status == 77 and took < REFUSED_SECONDS, said
    assert "AADSTS700016" in said
    log = tenant.log()
    log = log["requests"] if isinstance(log, dict) else log
    assert sum(entry["path"].endswith("/token") for entry in log) == 2, "one for each source"


@pytest.mark.parametrize("fault, args", [("throttle", {"seconds": 1}), ("unavailable", {}), ("unavailable", {"seconds": 1})])
def test_a_storm_ends(tenant, unhybrid, tmp_path, fault, args):
    """A service that only says "later" is left at last, and the others are still read."""
    tenant.faults([{"match": {"service": "exchange"}, "fault": fault, "args": args}])
    audit = Audit(unhybrid, tenant.configure(), str(tmp_path), pause="1")
    status, took, said = audit.end()
    assert status in (1, 2) and took < 40, said
    states = audit.states()
    assert states["AcceptedDomain"] == "failed" and states["GraphDomain"] == "complete"
    assert not tenant.control("GET", "counters").get("violations"), "came back before Retry-After was over"


# ---- device code ----

def device(tenant, polls):
    tenant.control("POST", "state", {"knobs": {"device_code_polls": polls, "device_code_interval": 1}})
    return tenant.configure(credentials={"client_id": APP, "device_code": True})


def said_so_far(audit):
    """Up to the line that tells where to sign in."""
    os.set_blocking(audit.process.stderr.fileno(), True)
    for line in audit.process.stderr:
        if "enter the code" in line:
            return line
    return ""


@pytest.mark.parametrize("action", ["approve", "decline"])
def test_a_person_signs_in(tenant, unhybrid, tmp_path, action):
    """The page and the code are told; who signs in there is waited for, who declines is not asked again."""
    audit = Audit(unhybrid, device(tenant, -1), str(tmp_path))
    line = said_so_far(audit)
    code = re.search(r"enter the code (\w+)", line)
    assert code and "https://microsoft.com/devicelogin" in line
    assert tenant.control("POST", "device", {"action": action, "user_code": code.group(1)}) is not None
    status, _, said = audit.end()
    assert "enter the code" not in said, "once for all sources"
    assert status in ((1, 2) if action == "approve" else (77,)), said
    assert set(audit.states().values()) == ({"complete"} if action == "approve" else {"failed"}), audit.states()


def test_what_a_service_says_to_a_person_is_shown_harmlessly(tenant, unhybrid, tmp_path):
    path = device(tenant, 0)
    body = {"device_code": "x", "user_code": "AB\x1b[2J", "verification_uri": "https://login.example/\u202egpj", "interval": 1,
            "expires_in": 60, "message": "\x1b]0;owned\x07" + "m" * 5000}
    tenant.faults([{"match": {"service": "token", "path": "devicecode"}, "fault": "status",
                    "args": {"status": 200, "body": json.dumps(body), "content_type": "application/json"}}])
    status, _, said = Audit(unhybrid, path, str(tmp_path)).end()
    assert status == 77, said
    assert "enter the code AB\\x1b[2J" in said and "https://login.example/\\u202egpj" in said
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", said)


# ---- Ctrl-C ----

def wait_for(condition, what):
    deadline = time.monotonic() + SHOWN_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_stopped_in_the_middle_of_a_listing(unhybrid, tmp_path):
    """Ctrl-C while a page comes byte by byte: soon over, and what came before is kept as partial."""
    tenant = Tenant(tmp_path, org=organization(mailboxes=1500))
    try:
        tenant.faults([{"match": {"cmdlet": "Get-Mailbox", "page": "next"}, "fault": "slow", "args": {"seconds": 600}}])
        audit = Audit(unhybrid, tenant.configure(), str(tmp_path))
        wait_for(lambda: any(f["hits"] for f in tenant.control("GET", "faults")["faults"]), "the second page is asked for")
        audit.process.send_signal(signal.SIGINT)
        stopped = time.monotonic()
        status, _, said = audit.end(30)
        assert time.monotonic() - stopped < STOP_SECONDS
        assert status == 130, said
        assert len(audit.rows("SELECT 1 FROM t_exchange_recipient WHERE kind = 'Mailbox'")) >= 1000
        assert audit.states()["Mailbox"] == "partial"
        assert audit.rows("SELECT interrupted FROM t_observation") == [(1,)]
    finally:
        tenant.cloud.stop()


@pytest.mark.parametrize("service", ["login", "exchange_online"])
def test_stopped_while_nobody_answers(tenant, unhybrid, tmp_path, service):
    with silent() as url:
        audit = Audit(unhybrid, tenant.configure(**{service: url}), str(tmp_path), pause="100")
        time.sleep(1)   # whenever it is stopped, it is soon over
        audit.process.send_signal(signal.SIGINT)
        stopped = time.monotonic()
        status, _, said = audit.end(60)
    assert status == 130, said
    assert time.monotonic() - stopped < STOP_SECONDS
