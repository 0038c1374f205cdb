# SPDX-License-Identifier: Apache-2.0
"""What the LDAP reader says when a server misbehaves: a part is never called the whole, and what was seen is kept."""
import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from fixtures.lab.ldap_responder import Responder  # noqa: E402

BUILD = os.environ.get("BUILD_DIR") or os.environ.get("MESON_BUILD_ROOT") or os.path.join(ROOT, "build")
READ = os.path.join(BUILD, "tests", "integration", "drivers", "ldap_read")
BASE = "DC=contoso,DC=com"
USERS = 25
LIMIT = 60


def entries(users=USERS, **more):
    data = {BASE: {"objectClass": ["top", "domainDNS"]}}
    for i in range(users):
        data[f"CN=User {i:03},{BASE}"] = {
    "objectClass": [
        "top",
        "user"],
        "cn": f"User {i:03}",
         "mail": f"u{i}@contoso.com"}
    data.update(more)
    return data


@pytest.fixture
def password(tmp_path):
    path = tmp_path / "pass"
    path.write_text("secret\n")
    path.chmod(0o600)
    return str(path)


def run(url, password, *options, base=BASE, query="(objectClass=user)", attributes=("mail",)):
    command = [READ, *options, url, "reader", password, base, query, *attributes]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return lines[:-1], lines[-1]


def read(password, script, *options, **query):
    """(entries, how it ended, the server)"""
    script.setdefault("entries", entries())
    with Responder(script) as server:
        found, end = run(server.url, password, *options, **query)
        return found, end, server


def test_pages_are_joined(password):
    found, end, server = read(password, {}, "-p", "10")
    assert end["result"] == 0 and end["pages"] == 3 and len(found) == USERS
    assert [s["size"] for s in server.searches()] == [10, 10, 10]
    assert [e["mail"]["values"][0] for e in found] == [f"u{i}@contoso.com" for i in range(USERS)]


def test_next_page_is_asked_before_this_one_is_handed_over(password):
    """While the server takes a second for page 2, page 1 has been printed already."""
    with Responder({"entries": entries(), "faults": [{"page": 2, "delay": 2}]}) as server:
        child = subprocess.Popen([READ, "-p", "20", server.url, "reader", password, BASE, "(objectClass=user)", "mail"],
                                 stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        started = time.monotonic()
        while not server.searches(page=2):  # sent already, but the server's thread has to take it
            assert time.monotonic() - started < 1, "asked before the first entry was handed over"
            time.sleep(0.01)
        for _ in range(19):
            child.stdout.readline()
        assert time.monotonic() - started < 1
        rest, _ = child.communicate(timeout=LIMIT)
        assert json.loads(rest.splitlines()[-1])["result"] == 0


@pytest.mark.parametrize("code, answer, word",
    [(3,
    "timeout",
    "time limit"),
    (4,
    "refused",
    "size limit"),
    (11,
    "refused",
    "administrative limit"),
    (50,
    "refused",
    "may not read"),
    (80,
    "timeout",
     "LDAP 80")])
def test_a_limit_in_the_middle_is_no_end(password, code, answer, word):
    found, end, _ = read(password, {"faults": [{"page": 2, "code": code, "after": 3}]}, "-p", "10")
    assert end["result"] == -1 and end["answer"] == answer and word in end["what"]
    assert len(found) == 13, "what was seen is handed over"


@pytest.mark.parametrize("code", [51, 52])
def test_busy_is_tried_again_and_nothing_comes_twice(password, code):
    found, end, server = read(password, {"faults": [{"page": 2, "code": code, "after": 4, "times": 2}]}, "-p", "10")
    assert end["result"] == 0 and len(found) == USERS
    assert len({e["dn"] for e in found}) == USERS
    assert [s["page"] for s in server.searches()] == [1, 2, 2, 2, 3]


def test_busy_for_ever_ends(password):
    started = time.monotonic()
    found, end, server = read(password, {"faults": [{"page": 2, "code": 51}]}, "-p", "10")
    assert end["result"] == -1 and end["answer"] == "timeout" and "busy" in end["what"] and end["remedy"]
    assert len(found) == 10 and len(server.searches(page=2)) == 4
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("fault", [{"cut": True, "after": 4}, {"cut": True,
                         "after": 0}, {"reset": True}, {"cut": True, "after": 99}])
def test_cut_off(password, fault):
    found, end, _ = read(password, {"faults": [dict(fault, page=2)]}, "-p", "10")
    assert end["result"] == -1 and end["answer"] == "timeout" and end["class"] == 3
    assert len(found) == 10 + min(fault.get("after", 0), 10)


def test_silence_ends(password):
    started = time.monotonic()
    found, end, _ = read(password, {"faults": [{"page": 2, "hang": True, "after": 5}]}, "-p", "10", "-t", "2")
    assert end["result"] == -1 and end["answer"] == "timeout" and "in time" in end["what"]
    assert len(found) == 15 and time.monotonic() - started < 8


def test_slow_is_not_silent(password):
    found, end, _ = read(password, {"faults": [{"trickle": 0.15}]}, "-t", "1")
    assert end["result"] == 0 and len(found) == USERS


def test_silence_before_login(password):
    """A server that accepts and says nothing is left after the operation's time; here it closes after two seconds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def accept():
            sock, _ = listener.accept()
            time.sleep(2)
            sock.close()
        threading.Thread(target=accept, daemon=True).start()
        _, end = run(f"ldap://127.0.0.1:{listener.getsockname()[1]}", password)
    assert end["result"] == -1 and end["answer"] == "timeout"


def test_the_same_cookie_twice(password):
    found, end, server = read(password, {"faults": [{"same_cookie": True}]}, "-p", "10")
    assert end["result"] == -1 and "cookie twice" in end["what"] and len(server.searches()) <= 3
    assert len(found) <= USERS


def test_the_same_page_twice(password):
    found, end, _ = read(password, {"faults": [{"page": 2, "repeat": True}]}, "-p", "10")
    assert end["result"] == -1 and "page twice" in end["what"]
    assert len({e["dn"] for e in found}) == len(found), "no entry is handed over twice"


def test_a_refused_cookie(password):
    found, end, _ = read(
        password, {"faults": [{"page": 2, "code": 53, "text": "00000057: LdapErr: DSID-0C0907B5"}]}, "-p", "10")
    assert end["result"] == -1 and len(found) == 10 and "00000057" in end["what"]


def test_references_are_told_not_followed(password):
    url = "ldap://nowhere.invalid/DC=ForestDnsZones,DC=contoso,DC=com"
    found, end, _ = read(password, {"faults": [{"references": [url]}]})
    assert end["result"] == 0 and end["references"] == [url] and len(found) == USERS


def test_a_referral_is_an_error(password):
    found, end, _ = read(
        password, {"faults": [{"refer": "ldap://nowhere.invalid/", "after": 0}], "entries": entries(0)})
    assert end["result"] == -1 and "does not hold" in end["what"] and not found


def test_no_such_base(password):
    _, end, _ = read(password, {}, "-s", "base", base="CN=Nothing," + BASE)
    assert end["result"] == 1


MANY = [f"smtp:alias{i}@contoso.com" for i in range(3701)]


def many():
    return entries(3, **{f"CN=Many,{BASE}": {"objectClass": ["user"], "cn": "Many", "proxyAddresses": MANY}})


def test_ranges_are_joined(password):
    found, end, server = read(password, {"entries": many(), "max_values": 1500}, attributes=["cn", "proxyAddresses"])
    one = next(e for e in found if e["cn"]["values"] == ["Many"])
    assert end["result"] == 0 and one["proxyAddresses"] == {"truncated": False, "values": MANY}
    assert [
    s["attributes"] for s in server.searches(
        scope="base")] == [
            ["proxyAddresses;range=1500-*"],
             ["proxyAddresses;range=3000-*"]]


def test_whole_attributes_need_no_ranges(password):
    found, end, server = read(password, {"entries": many()}, attributes=["cn", "proxyAddresses"])
    assert end["result"] == 0 and any(e.get("proxyAddresses", {}).get("values") == MANY for e in found)
    assert len(server.searches()) == 1


@pytest.mark.parametrize("fault",
    [{"code": 51},
    {"code": 50},
    {"stuck_range": True},
    {"cut": True},
     {"hide": ["proxyAddresses"]}])
def test_a_range_that_cannot_be_read(password, fault):
    script = {"entries": many(), "max_values": 1500, "faults": [dict(fault, attribute="proxyAddresses;range=3000")]}
    if fault.get("stuck_range"):
        script["faults"][0]["attribute"] = "proxyAddresses;range=1500"
    found, end, _ = read(password, script, attributes=["cn", "proxyAddresses"])
    one = next(e for e in found if e["cn"]["values"] == ["Many"])
    assert one["proxyAddresses"]["truncated"] and one["proxyAddresses"]["values"] == MANY[:len(
        one["proxyAddresses"]["values"])]
    assert end["result"] == -1 and end["damaged"] == 1, "an entry with values missing makes the search incomplete"


@pytest.mark.parametrize("data", ["3084ffffffff", "00" * 64, "300c02010364070403636e3d3001", "30820000",
                                  "300602010264010000", "30840200000002010264840000000000"])
def test_garbage(password, data):
    _, end, _ = read(password, {"faults": [{"garbage": data, "page": 1}]}, "-t", "2")
    assert end["result"] == -1 and end["answer"] == "timeout"


@pytest.mark.parametrize("text, word",
    [("data 52e, v1db1",
    "wrong user name or password"),
    ("data 533, v1db1",
    "disabled"),
    ("data 775, v1db1",
    "locked"),
    ("data 532, v1db1",
    "expired"),
    ("",
     "refused")])
def test_a_refused_login(password, text, word):
    text = text and f"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, {text}"
    _, end, _ = read(password, {"bind": {"code": 49, "text": text}})
    assert end["result"] == -1 and end["answer"] == "refused" and end["class"] == 7 and word in end["what"] and end["remedy"]
    assert "secret" not in json.dumps(end)


def test_signing_is_demanded(password):
    _, end, _ = read(password, {"bind": {"code": 8, "text": "00002028: LdapErr: DSID-0C090259"}})
    assert end["answer"] == "refused" and "ldaps://" in end["remedy"]


def test_nobody_listens(password):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    _, end = run(f"ldap://127.0.0.1:{port}", password)
    assert end["result"] == - \
        1 and end["answer"] == "timeout" and end["class"] == 3 and end["where"] == f"127.0.0.1:{port}"
