# SPDX-License-Identifier: Apache-2.0
"""DNS through the real resolver and the real source: against NSD, and against a server that misbehaves on demand."""
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from fixtures.lab import nsd  # noqa: E402
from fixtures.lab.dns_responder import Between, Responder  # noqa: E402

BUILD = os.environ.get("BUILD_DIR") or os.environ.get("MESON_BUILD_ROOT") or os.path.join(ROOT, "build")
ASK = os.path.join(BUILD, "tests", "integration", "drivers", "dns_ask")
SOURCE = os.path.join(BUILD, "tests", "integration", "drivers", "dns_source")
LIMIT = 120
UNMADE = "unhybrid-nobody-made-this-name-q7x2"   # asked beside a name that was found: only a wildcard answers

LONG = " ".join(f'"{i:02}{"x" * 198}"' for i in range(40))   # 8000 bytes of TXT: UDP cannot carry them

PUBLIC = {
    ".": [],
    "contoso.com": [
        "@ MX 10 contoso-com.mail.protection.outlook.com.", "@ MX 20 mail", "mail A 203.0.113.25",
        "mail AAAA 2001:db8::25", "@ A 203.0.113.80", "autodiscover CNAME autodiscover.outlook.com.",
        "_autodiscover._tcp SRV 0 1 443 mail",
        '@ TXT "v=spf1 include:spf.protection.outlook.com" " ip4:203.0.113.0/24 -all"', '@ TXT "MS=ms123"',
        "selector1._domainkey CNAME selector1-contoso-com._domainkey.contoso.onmicrosoft.com.",
        '_dmarc TXT "v=DMARC1; p=reject"', '_mta-sts TXT "v=STSv1; id=1"',
        '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:a@b"',
        f"long TXT {LONG}", "odd CNAME a\\.b\\027c.example.",
        "c1 CNAME c2", "c2 CNAME c3", "c3 A 203.0.113.3"],
    "circle.example": ['@ TXT "v=spf1 include:a.circle.example -all"', 'a TXT "v=spf1 include:b.circle.example ~all"',
                       'b TXT "v=spf1 redirect=a.circle.example"'],
    "many.example": ['@ TXT "v=spf1 include:i0.many.example -all"'] +
                    [f'i{i} TXT "v=spf1 include:i{i + 1}.many.example -all"' for i in range(15)],
    "shared.example": ["@ MX 10 mail.contoso.com."],
    "null.example": ["@ MX 0 .", "_autodiscover._tcp SRV 0 0 0 ."],
    "outlook.com": ["autodiscover A 192.0.2.9", 'spf.protection TXT "v=spf1 ip4:192.0.2.0/24 -all"',
                    "contoso-com.mail.protection A 192.0.2.77"],
    "wild.example": ["@ MX 10 mail", "* A 203.0.113.7", "* AAAA 2001:db8::7", "mail A 203.0.113.25", "own CNAME mail", "ex.deep A 203.0.113.26"],
    "contoso.onmicrosoft.com": ['selector1-contoso-com._domainkey TXT "v=DKIM1; p=AAAA"'],
}
INTERNAL = {"contoso.com": ["@ MX 5 ex01", "ex01 A 10.0.0.5", "autodiscover A 10.0.0.5"]}


def ask(servers, questions, *options):
    """Returns {(name, type): reply} and the stats."""
    servers = [servers] if isinstance(servers, str) else list(servers)
    text = "".join(f"{name} {kind}\n" for name, kind in questions)
    done = subprocess.run([ASK, *options, *servers], input=text, capture_output=True, text=True, timeout=LIMIT,
                          check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {(r["name"], r["type"]): r for r in lines[:-1]}, lines[-1]["stats"]


def outcome(servers, name, kind="A", *options):
    replies, _ = ask(servers, [(name, kind)], *options)
    return replies[name, kind]["outcome"]


def observe(tmp_path, domains, public="-", internal="-", *options):
    """Runs the source; returns its rows, sets {name: ..}, notices and the last line."""
    facts = str(tmp_path / f"facts-{time.monotonic_ns()}.db")
    done = subprocess.run([SOURCE, *options, facts, public, internal], input="\n".join(domains) + "\n", text=True,
                          capture_output=True, timeout=LIMIT, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    db = sqlite3.connect(facts)
    db.row_factory = sqlite3.Row
    rows = [dict(r, answers=json.loads(r["answers"])) for r in db.execute("SELECT * FROM t_dns")]
    db.close()
    return (rows, {x["set"]: x for x in lines if "set" in x}, [x["notice"] for x in lines if "notice" in x], lines[-1])


def pick(rows, **where):
    return [r for r in rows if all(r[k] == v for k, v in where.items())]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    run = tmp_path_factory.mktemp("nsd")
    yield nsd.start_zones({"public": PUBLIC, "internal": INTERNAL}, run)
    nsd.stop(run)


# ---- the resolver against NSD ----

def test_records_and_absence(servers):
    """Every type comes back whole; nxdomain, nodata and refused are three things."""
    replies, _ = ask(servers["public"], [
        ("contoso.com", "MX"), ("mail.contoso.com", "AAAA"), ("_autodiscover._tcp.contoso.com", "SRV"),
        ("contoso.com", "TXT"), ("autodiscover.contoso.com", "CNAME"), ("nope.contoso.com", "A"),
        ("nowhere.test", "A"), ("mail.contoso.com", "MX"), ("odd.contoso.com", "CNAME")])
    mx = {(a["preference"], a["exchange"]) for a in replies["contoso.com", "MX"]["answers"]}
    assert mx == {(10, "contoso-com.mail.protection.outlook.com"), (20, "mail.contoso.com")}
    assert replies["mail.contoso.com", "AAAA"]["answers"][0]["address"] == "2001:db8::25"
    assert replies["_autodiscover._tcp.contoso.com", "SRV"]["answers"][0] == {
        "name": "_autodiscover._tcp.contoso.com", "type": "SRV", "ttl": 300, "priority": 0, "weight": 1, "port": 443,
        "target": "mail.contoso.com"}
    assert "v=spf1 include:spf.protection.outlook.com ip4:203.0.113.0/24 -all" in {
        a["text"] for a in replies["contoso.com", "TXT"]["answers"]}
    assert replies["odd.contoso.com", "CNAME"]["answers"][0]["target"] == "a\\.b\\027c.example"
    assert replies["nope.contoso.com", "A"]["outcome"] == "nxdomain"
    assert replies["nowhere.test", "A"]["outcome"] == "nxdomain"
    assert replies["mail.contoso.com", "MX"]["outcome"] == "nodata"
    assert outcome(servers["internal"], "nowhere.test") == "refused"


def test_aliases(servers):
    replies, _ = ask(servers["public"], [("c1.contoso.com", "A"), ("autodiscover.contoso.com", "A")])
    answers = replies["c1.contoso.com", "A"]["answers"]
    assert [a["type"] for a in answers] == ["CNAME", "CNAME", "A"]
    answers = replies["autodiscover.contoso.com", "A"]["answers"]
    assert [a.get("target", a.get("address")) for a in answers] == ["autodiscover.outlook.com", "192.0.2.9"]


def test_long_answer_over_tcp(servers):
    """What UDP cannot carry comes whole over TCP."""
    replies, stats = ask(servers["public"], [("long.contoso.com", "TXT")])
    reply = replies["long.contoso.com", "TXT"]
    assert reply["outcome"] == "answer" and len(reply["answers"][0]["text"]) == 8000 and stats["over_tcp"] == 1


def test_names_that_cannot_be_asked(servers):
    replies, stats = ask(servers["public"], [("a..b", "A"), ("x" * 64 + ".test", "A"), ("contoso.com", "MX")])
    assert replies["a..b", "A"]["outcome"] == "malformed"
    assert replies["x" * 64 + ".test", "A"]["outcome"] == "malformed"
    assert replies["contoso.com", "MX"]["outcome"] == "answer" and stats["sent"] == 1


# ---- the resolver against a server that misbehaves ----

FAST = ("-t", "100", "-n", "3")   # a round is 0.7 s


@pytest.mark.parametrize("rule,expected", [
    ("servfail", "servfail"), ("refused", "refused"), ("nxdomain", "nxdomain"), ("nodata", "nodata"),
    ("formerr", "servfail"), ("referral", "refused"), ("garbage", "malformed"), ("loop", "malformed"),
    ("alias_circle", "malformed"), ("silent", "timeout"), ("wrong_id", "timeout"), ("noise", "timeout"),
    ("wrong_question", "timeout")])
def test_each_outcome(rule, expected):
    """One bad name among good ones: its outcome is its own, and the good ones are answered."""
    with Responder({rule: ["bad.test"]}) as server:
        replies, _ = ask(server.address, [("good.test", "A"), ("bad.test", "A"), ("fine.test", "MX")], *FAST)
    assert replies["bad.test", "A"]["outcome"] == expected
    assert replies["good.test", "A"]["outcome"] == replies["fine.test", "MX"]["outcome"] == "answer"
    assert (replies["bad.test", "A"]["answers"] == [])


def test_truncated():
    """TC is asked again over TCP; only where that fails the outcome is truncated."""
    with Responder({"truncate": True}) as server:
        replies, _ = ask(server.address, [("x.test", "TXT"), ("y.test", "TXT")], *FAST)
        assert {r["outcome"] for r in replies.values()} == {"answer"}
        assert ("x.test", "TXT", "tcp") in server.seen
    with Responder({"truncate": ["x.test"], "no_tcp": True}) as server:
        replies, _ = ask(server.address, [("x.test", "TXT"), ("y.test", "TXT")], *FAST)
        assert replies["x.test", "TXT"]["outcome"] == "truncated" and replies["x.test", "TXT"]["detail"]
        assert replies["y.test", "TXT"]["outcome"] == "answer"


def test_server_without_edns():
    with Responder({"no_edns": True}) as server:
        replies, stats = ask(server.address, [(f"n{i}.test", "A") for i in range(300)], *FAST)
    assert {r["outcome"] for r in replies.values()} == {"answer"} and len(replies) == 300
    assert stats["sent"] < 500, "EDNS0 is given up for the server, not anew for each name"


def test_lossy_server_is_slow_not_dead():
    """30 % loss: every question is answered in the end, and the window has shrunk meanwhile."""
    with Responder({"drop": 30}) as server:
        replies, stats = ask(server.address, [(f"n{i}.test", "A") for i in range(300)], "-t", "100", "-n", "5")
    assert stats["answer"] == 300 and stats["unreachable"] == 0 and stats["timeout"] == 0
    assert stats["window_lowest"] < 64 and stats["lost"] > 30


def test_window_grows_again():
    """The window shrinks while 60 % are lost, and is whole again after enough good seconds."""
    with Responder({"drop": 60, "drop_first": 400, "delay": 20}) as server:
        _, stats = ask(server.address, [(f"n{i}.test", "A") for i in range(10000)], "-t", "60", "-n", "6")
    assert stats["window_lowest"] <= 32 and stats["window_regrown"] == 64 and stats["answer"] == 10000


def test_aliases_are_asked_on():
    """An alias without its end is no answer and no absence: the end is asked for, and what it says counts."""
    alias = {"a.test": "b.test", "b.test": "good.test", "gone.test": "nope.test", "x.test": "y.test"}
    alias["y.test"] = "x.test"
    alias |= {f"h{i}.test": f"h{i + 1}.test" for i in range(20)}
    with Responder({"alias": alias, "nxdomain": ["nope.test"]}) as server:
        replies, _ = ask(server.address, [(n, "A") for n in ("a.test", "gone.test", "x.test", "h0.test")], *FAST)
        assert outcome(server.address, "a.test", "CNAME") == "answer"
    got = [a.get("target", a.get("address")) for a in replies["a.test", "A"]["answers"]]
    assert got == ["b.test", "good.test", "192.0.2.1"] and replies["a.test", "A"]["outcome"] == "answer"
    assert replies["gone.test", "A"]["outcome"] == "nxdomain"
    assert [a["target"] for a in replies["gone.test", "A"]["answers"]] == ["nope.test"]
    assert replies["x.test", "A"]["outcome"] == replies["h0.test", "A"]["outcome"] == "malformed"


def test_slow_answers_count():
    """An answer that comes after the first timeout is an answer, not a loss."""
    with Responder({"delay": 250}) as server:
        replies, _ = ask(server.address, [(f"n{i}.test", "A") for i in range(20)], "-t", "100", "-n", "4")
    assert {r["outcome"] for r in replies.values()} == {"answer"}


def test_dead_server_costs_one_budget():
    """A server that swallows everything: one round for all the names, then unreachable; no name is called missing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        hole.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{hole.getsockname()[1]}"
        start = time.monotonic()
        replies, stats = ask(address, [(f"n{i}.test", "A") for i in range(2000)], *FAST)
        took = time.monotonic() - start
    assert took < 2 * 0.7 + 1, took
    assert {r["outcome"] for r in replies.values()} == {"timeout", "unreachable"} and len(replies) == 2000
    assert stats["timeout"] <= 64 and stats["sent"] <= 64


def test_port_closed_is_unreachable():
    port = nsd.free_port("127.0.0.1")
    start = time.monotonic()
    replies, _ = ask(f"127.0.0.1:{port}", [(f"n{i}.test", "A") for i in range(500)], *FAST)
    assert {r["outcome"] for r in replies.values()} == {"unreachable"} and time.monotonic() - start < 5


def test_second_server_stands_in(servers):
    """Dead, failing or refusing first server: the second one's answer, and its address in the reply."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        hole.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{hole.getsockname()[1]}"
        many = [(f"n{i}.test", "A") for i in range(500)]
        replies, stats = ask([dead, servers["public"]], [("contoso.com", "MX")] + many, *FAST)
    assert replies["contoso.com", "MX"]["server"] == servers["public"] and stats["nxdomain"] == 500
    with Responder({"servfail": True}) as server:
        replies, _ = ask([server.address, servers["public"]], [("contoso.com", "MX")], *FAST)
        assert replies["contoso.com", "MX"]["outcome"] == "answer"
        replies, _ = ask([server.address, dead], [("contoso.com", "MX")], *FAST)
        assert replies["contoso.com", "MX"]["outcome"] == "servfail", "what was said counts more than silence"
        assert replies["contoso.com", "MX"]["server"] == server.address


def test_ipv6_server():
    try:
        server = Responder(host="::1")
    except OSError:
        pytest.skip("no IPv6 on loopback")
    with server:
        replies, _ = ask(server.address, [("x.test", "A")], *FAST)
    assert replies["x.test", "A"]["outcome"] == "answer" and replies["x.test", "A"]["server"] == server.address


def test_never_more_than_the_window():
    """With answers held back, the server sees no more than 64 questions."""
    with Responder({"silent": True}) as server:
        ask(server.address, [(f"n{i}.test", "A") for i in range(500)], "-t", "100", "-n", "1")
        assert len({name for name, _, _ in server.seen}) <= 64


# ---- the source ----

def test_source_public_and_internal(servers, tmp_path):
    rows, sets, notices, _ = observe(tmp_path, ["contoso.com", "contoso.onmicrosoft.com"], servers["public"],
                                     servers["internal"])
    assert sets["dns:public"]["state"] == sets["dns:internal"]["state"] == "complete" and not notices
    public = pick(rows, view="public")
    assert {r["domain"] for r in rows} == {"contoso.com"}
    asked = {(r["role"], r["name"], r["type"]) for r in public}
    d, o = "contoso.com", "contoso-com.mail.protection.outlook.com"
    assert asked == {
        ("mx", d, "MX"), ("exchanger", o, "A"), ("exchanger", o, "AAAA"), ("exchanger", f"mail.{d}", "A"),
        ("exchanger", f"mail.{d}", "AAAA"), ("autodiscover", f"autodiscover.{d}", "CNAME"),
        ("autodiscover", f"autodiscover.{d}", "A"), ("autodiscover", f"autodiscover.{d}", "AAAA"),
        ("autodiscover-srv", f"_autodiscover._tcp.{d}", "SRV"), ("autodiscover-srv-target", f"mail.{d}", "A"),
        ("autodiscover-srv-target", f"mail.{d}", "AAAA"), ("root", d, "A"), ("root", d, "AAAA"), ("spf", d, "TXT"),
        ("spf-include", "spf.protection.outlook.com", "TXT"), ("dkim1", f"selector1._domainkey.{d}", "CNAME"),
        ("dkim1", f"selector1._domainkey.{d}", "TXT"), ("dkim2", f"selector2._domainkey.{d}", "CNAME"),
        ("dkim2", f"selector2._domainkey.{d}", "TXT"), ("dmarc", f"_dmarc.{d}", "TXT"),
        ("mta-sts", f"_mta-sts.{d}", "TXT"), ("tls-rpt", f"_smtp._tls.{d}", "TXT"), ("wildcard", f"{UNMADE}.{d}", "CNAME"),
        ("wildcard", f"{UNMADE}.{d}", "A"), ("wildcard", f"{UNMADE}._tcp.{d}", "SRV")}
    assert {r["outcome"] for r in pick(public, role="wildcard")} == {"nxdomain"}
    assert len(public) == len(asked), "one row a question"
    dkim = pick(public, role="dkim1", type="TXT")[0]
    assert [a["type"] for a in dkim["answers"]] == ["CNAME", "TXT"]
    assert pick(public, role="dkim2", type="CNAME")[0]["outcome"] == "nxdomain"
    assert pick(rows, view="internal", role="mx")[0]["answers"][0]["exchange"] == "ex01.contoso.com"
    assert all(r["server"] == servers[r["view"]] for r in rows)


def test_source_spf_walks(servers, tmp_path):
    """A circle ends and is told; more than ten lookups are told and not asked."""
    rows, sets, _, _ = observe(tmp_path, ["circle.example", "many.example"], servers["public"])
    circle = pick(rows, domain="circle.example")
    assert "circle" in pick(circle, role="spf")[0]["detail"]
    assert {r["name"] for r in pick(circle, role="spf-include")} == {"a.circle.example", "b.circle.example"}
    many = pick(rows, domain="many.example")
    assert "more than 10" in pick(many, role="spf")[0]["detail"]
    assert len(pick(many, role="spf-include")) == 10
    assert sets["dns:public"]["state"] == "complete"
    assert sets["dns:internal"]["state"] == "not-configured" and sets["dns:internal"]["answer"] == "not-asked"


def test_source_null_targets_are_not_asked(servers, tmp_path):
    rows, _, _, _ = observe(tmp_path, ["null.example"], servers["public"])
    assert pick(rows, role="mx")[0]["answers"][0]["exchange"] == "."
    assert not pick(rows, role="exchanger") and not pick(rows, role="autodiscover-srv-target")


def test_source_shared_questions_once(tmp_path):
    """What domains share is asked once a view and written for each."""
    with Responder() as server:   # answers MX with mail.<name>, so that two spellings of one domain share it
        rows, _, _, _ = observe(tmp_path, [f"d{i}.test" for i in range(5)], server.address)
        count = len(server.seen)
        assert len(set(server.seen)) == count, "no question twice"
    assert len(pick(rows, role="exchanger")) == 10
    zones = {f"s{i}.test": ["@ MX 10 mx.shared.test.",
                            '@ TXT "v=spf1 include:spf.shared.test -all"'] for i in range(40)}
    zones["shared.test"] = ["mx A 192.0.2.1", 'spf TXT "v=spf1 -all"']
    run = tmp_path / "run"
    try:
        address = nsd.start_zones({"public": zones}, run)["public"]
        rows, sets, _, last = observe(tmp_path, [f"s{i}.test" for i in range(40)], address)
    finally:
        nsd.stop(run)
    assert len(pick(rows, role="exchanger", name="mx.shared.test", type="A", outcome="answer")) == 40
    assert len(pick(rows, role="spf-include", name="spf.shared.test", outcome="answer")) == 40
    assert last["requests"] == 40 * 15 + 3 and sets["dns:public"]["objects"] == len(rows) == 40 * 18


def test_source_wildcards_and_incomplete_list(servers, tmp_path):
    rows, sets, notices, _ = observe(tmp_path, ["*.contoso.com", "contoso.com", "*"], servers["public"], "-", "-i")
    assert len(pick(rows, role="mx")) == 1 and len(notices) == 2
    assert sets["dns:public"]["state"] == "partial" and "accepted domains" in sets["dns:public"]["why"]


def test_source_each_failure_stays_itself(tmp_path):
    rules = {"servfail": ["a.test"], "refused": ["_dmarc.a.test"], "nxdomain": ["_mta-sts.a.test"],
             "nodata": ["_smtp._tls.a.test"], "garbage": ["autodiscover.a.test"]}
    with Responder(rules) as server:
        rows, sets, _, _ = observe(tmp_path, ["a.test"], server.address)
    outcomes = {r["role"]: r["outcome"] for r in rows if r["type"] != "AAAA"}
    assert (outcomes["mx"], outcomes["dmarc"], outcomes["mta-sts"], outcomes["tls-rpt"], outcomes["autodiscover"]) == (
        "servfail", "refused", "nxdomain", "nodata", "malformed")
    assert sets["dns:public"]["state"] == "complete", "every question was asked; the rows say what came of it"


def test_source_dead_view(servers, tmp_path):
    """A view whose server is gone fails; the other view is whole."""
    port = nsd.free_port("127.0.0.1")
    rows, sets, _, _ = observe(tmp_path, ["contoso.com"], servers["public"], f"127.0.0.1:{port}")
    assert sets["dns:internal"]["state"] == "failed" and sets["dns:internal"]["answer"] == "timeout"
    assert sets["dns:public"]["state"] == "complete"
    assert {r["outcome"] for r in pick(rows, view="internal")} == {"unreachable"}


def test_source_stops_soon(tmp_path):
    with Responder({"silent": True}) as server:
        start = time.monotonic()
        _, sets, _, _ = observe(tmp_path, ["a.test", "b.test"], server.address, "-", "-s", "0.5")
        assert time.monotonic() - start < 3
    assert sets["dns:public"]["state"] == "partial" and "interrupted" in sets["dns:public"]["why"]


# ---- wildcards ----

def test_source_asks_what_a_wildcard_answers(servers, tmp_path):
    """Beside each name that was found, of the type that was found; once for all names of one parent."""
    hosts = [f"{name}.wild.example" for name in ("mail", "own", "none", "ex.deep")]
    with Between(servers["public"], {}) as server:
        rows, sets, _, _ = observe(tmp_path, ["wild.example"], server.address, "-", *[word for host in hosts for word in ("-H", host)])
        asked = [(name, kind) for name, kind, _ in server.seen if name.startswith(UNMADE)]
    shallow, deep = f"{UNMADE}.wild.example", f"{UNMADE}.deep.wild.example"
    assert sorted(asked) == sorted([(shallow, "A"), (shallow, "AAAA"), (shallow, "CNAME"), (deep, "A")]), "no question twice"
    told = {(r["name"], r["type"]): (r["outcome"], [a["address"] for a in r["answers"]]) for r in pick(rows, role="wildcard")}
    assert told == {(shallow, "A"): ("answer", ["203.0.113.7"]), (shallow, "AAAA"): ("answer", ["2001:db8::7"]), (shallow, "CNAME"): ("nodata", []),
                    (deep, "A"): ("nxdomain", [])}, "RFC 4592: the name of a deeper record ends the wildcard"
    assert {r["domain"] for r in pick(rows, role="wildcard")} == {"wild.example", *hosts} and sets["dns:public"]["state"] == "complete"
    assert pick(rows, role="host", name="none.wild.example", type="A")[0]["answers"][0]["address"] == "203.0.113.7"


def test_source_wildcard_that_is_not_told(servers, tmp_path):
    """Neither a wildcard nor none: the row says how it went."""
    for rule in ("refused", "servfail"):
        with Between(servers["public"], {rule: [UNMADE + ".wild.example"]}) as server:
            rows, sets, _, _ = observe(tmp_path, [], server.address, "-", "-H", "mail.wild.example")
        assert [(r["type"], r["outcome"]) for r in pick(rows, role="wildcard")] == [("A", rule)] and sets["dns:public"]["state"] == "complete"
        assert pick(rows, role="host", type="A")[0]["outcome"] == "answer"


def test_question_asks_every_server_for_the_wildcard(servers, tmp_path):
    """And it is no part of the question: one that does not tell it has answered all the same."""
    with Between(servers["public"], {"refused": [UNMADE + ".wild.example"]}) as server:
        both = f"{servers['public']},{server.address}"
        for name, wanted in (("none", 2), ("mail", 2)):
            rows, sets, _, _ = observe(tmp_path, [], both, "-", "-q", f"public/{name}.wild.example/A")
            assert sets["dns:DnsRecord"]["state"] == "complete" and len(pick(rows, role="question", outcome="answer")) == wanted
            assert {(r["server"], r["outcome"]) for r in pick(rows, role="wildcard")} == {(servers["public"], "answer"), (server.address, "refused")}
        rows, _, _, _ = observe(tmp_path, [], both, "-", "-q", "public/wild.example/MX")
        assert not pick(rows, role="wildcard") and len(rows) == 2, "no more than is needed"
