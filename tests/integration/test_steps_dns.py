# SPDX-License-Identifier: Apache-2.0
"""The steps that find what DNS still says of servers that are gone, on small facts: which records go, exactly, as a zone file has them, and
what stays whatever its name is. Zones are written here as lines; what the source would have been told of them is made from these.
"""
import json
import subprocess

import pytest

from test_steps_trust import BASE as HYBRID_BASE, DRIVERS, NOW, OTHERS, TENANT, _numbers, obj, pytestmark  # noqa: F401

BASE = [row for row in HYBRID_BASE if row["row"]["kind"] != "ExchangeServer"]
MX, SPF = "contoso-com.mail.protection.outlook.com", "v=spf1 include:spf.protection.outlook.com"
HOSTS, OLD = ["ex01.contoso.com", "mail.contoso.com"], ["203.0.113.60", "10.1.0.11", "2001:db8::60"]
KNOWN = {"server-host": HOSTS, "server-address": OLD, "hybrid-domain": ["contoso.com"]}
NAMES_ALONE = {"server-host": HOSTS, "hybrid-domain": ["contoso.com"]}
STEPS = ["dns-autodiscover", "dns-mail-exchanger", "dns-sender-policy", "dns-federation-proof", "dns-host"]
UNMADE = "unhybrid-nobody-made-this-name-q7x2"    # what the source asks beside a name: only a wildcard answers
MADE = ("autodiscover", "autodiscover-srv", "host")
FIELD = {"A": "address", "AAAA": "address", "CNAME": "target", "TXT": "text"}


class Zone:
    """{name: [(type, value)]}; MX values "10 host", SRV values "0 0 443 host", "*.name" a wildcard. fails: questions that nobody answers."""

    def __init__(self, records, fails=()):
        self.records, self.fails = records, set(fails)

    def at(self, name):
        """The records of a name, or of the wildcard below what is there of it (RFC 4592); None: there is no such name."""
        while name not in self.records and not any(one.endswith("." + name) for one in self.records):
            name = name.partition(".")[2]
            if not name:
                return None
            if "*." + name in self.records:
                return self.records["*." + name]
            if name in self.records or any(one.endswith("." + name) for one in self.records):
                return None
        return self.records.get(name, [])

    def answer(self, name, type_):
        found, seen = [], set()
        while name not in seen:
            seen.add(name)
            here = self.at(name) or []
            own = [(kind, value) for kind, value in here if kind == type_]
            alias = [value for kind, value in here if kind == "CNAME" and type_ != "CNAME"]
            found += [record(name, kind, value) for kind, value in own or ([("CNAME", alias[0])] if alias else [])]
            if own or not alias:
                break
            name = alias[0]
        return found

    def row(self, view, domain, role, name, type_):
        if (name, type_) in self.fails:
            outcome, answers = "timeout", []
        else:
            answers = self.answer(name, type_)
            told = any(one["type"] == type_ for one in answers)
            outcome = "answer" if told else "nodata" if answers or self.at(name) is not None else "nxdomain"
        return {"table": "dns", "row": dict(view=view, server="192.0.2.53:53", domain=domain, role=role, name=name, type=type_, outcome=outcome,
                                            answers=answers, detail="")}

    def rows(self, view, domains, hosts):
        rows = []
        for d in domains:
            asked = [("mx", d, ["MX"]), ("autodiscover", "autodiscover." + d, ["CNAME", "A", "AAAA"]), ("autodiscover-srv", "_autodiscover._tcp." + d, ["SRV"]),
                     ("root", d, ["A", "AAAA"]), ("spf", d, ["TXT"])]
            rows += [self.row(view, d, role, name, type_) for role, name, types in asked for type_ in types]
            for role, name, field in (("exchanger", d, "MX"), ("autodiscover-srv-target", "_autodiscover._tcp." + d, "SRV")):
                for one in self.answer(name, field):
                    target = one["exchange" if field == "MX" else "target"]
                    rows += [self.row(view, d, role, target, type_) for type_ in ("A", "AAAA")]
            for text in [one["text"] for one in self.answer(d, "TXT") if one["text"].startswith("v=spf1")]:
                rows += [self.row(view, d, "spf-include", word[8:], "TXT") for word in text.split() if word.startswith("include:")]
        rows += [self.row(view, host, "host", host, type_) for host in hosts for type_ in ("CNAME", "A", "AAAA")]
        found = [one["row"] for one in rows if one["row"]["role"] in MADE and one["row"]["outcome"] == "answer"]
        return rows + [self.row(view, one["domain"], "wildcard", UNMADE + "." + one["name"].partition(".")[2], one["type"]) for one in found]


def record(name, type_, value):
    out = {"name": name, "type": type_, "ttl": 300}
    if type_ == "MX":
        out["preference"], out["exchange"] = int(value.split()[0]), value.split()[1]
    elif type_ == "SRV":
        words = value.split()
        out.update(priority=int(words[0]), weight=int(words[1]), port=int(words[2]), target=words[3])
    else:
        out[FIELD[type_]] = value
    return out


CLEAN = {"contoso.com": [("MX", "10 " + MX), ("TXT", SPF + " -all"), ("TXT", "MS=ms12345678")],
         "autodiscover.contoso.com": [("CNAME", "autodiscover.outlook.com")], "autodiscover.outlook.com": [("A", "52.96.0.1")], MX: [("A", "52.101.0.1")]}


def zone(**views):
    return views


class Made:
    def __init__(self, document):
        (self.step,) = document["steps"]
        self.state, self.why, self.actions = self.step["state"], self.step["why"], document["actions"]
        self.owners = {o["name"]: o["owner"] for o in self.step["objects"]}
        self.reasons = {o["name"]: o["reason"] for o in self.step["objects"]}

    def changes(self):
        """What a person changes in a zone: {view: lines}."""
        out = {}
        for a in self.actions:
            view = {m["name"]: m["value"] for m in a["subject"]["match"]}["View"]
            out.setdefault(view, []).extend(line for line in a["commands"].splitlines() if line[0] in "+-")
        return out

    def verbs(self):
        return [a["verb"] for a in self.actions]

    def __repr__(self):
        return json.dumps([self.step, self.actions], indent=1)


def plan(tmp_path, step, public=None, internal=None, anchors=KNOWN, rows=(), lacking=(), domains=("contoso.com",), settings=(), fails=(), base=BASE):
    path = tmp_path / f"facts-{next(_numbers)}.db"
    hosts = anchors.get("server-host", [])
    lines = [{"table": "observation", "row": dict(organization="contoso", tenant=TENANT, program="0", host="lab", started_at=NOW - 120,
                                                  ended_at=NOW - 60, interrupted=0)}, *base, *rows]
    lines += [{"table": "setting", "row": dict(name=name, position=0, value=value)} for name, value in settings]
    for view, records in (("public", public), ("internal", internal)):
        lines += Zone({**CLEAN, **(records or {})}, fails).rows(view, domains, hosts)
    for side, short in (("dns", "public"), ("dns", "internal"), ("on-premises", "ExchangeServer"), ("on-premises", "AcceptedDomain"), ("cloud", "AcceptedDomain")):
        bad = f"{side}:{short}" in lacking
        lines.append({"table": "set", "row": dict(source="lab", side=side, name=short, part="", state="partial" if bad else "complete",
                                                  answer=3 if bad else 0, objects=1, why="", observed_at=NOW - 60)})
    subprocess.run([DRIVERS / "facts_make", path], input="\n".join(map(json.dumps, lines)).encode(), check=True, timeout=60)
    done = subprocess.run([DRIVERS / "facts_plan", path, step, str(NOW), json.dumps(anchors)], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return Made(json.loads(done.stdout))


# ---- what holds of every step

LEFT = {"contoso.com": [("MX", "10 " + MX), ("MX", "20 mail.contoso.com"), ("TXT", SPF + " ip4:203.0.113.60 -all"), ("TXT", "A" * 86 + "==")],
        "autodiscover.contoso.com": [("A", "203.0.113.60")], "mail.contoso.com": [("A", "203.0.113.60")]}
FEDERATED = {**KNOWN, "federated-domain": ["contoso.com"]}


@pytest.mark.parametrize("step", STEPS)
def test_each_finds_what_is_left(tmp_path, step):
    assert plan(tmp_path, step, LEFT, anchors=FEDERATED).state == "actions"
    assert plan(tmp_path, step, anchors=FEDERATED).state == "nothing", "and nothing where nothing is left"


@pytest.mark.parametrize("step", STEPS)
def test_while_a_server_is_there_nothing_goes(tmp_path, step):
    made = plan(tmp_path, step, LEFT, anchors=FEDERATED, rows=[obj("ExchangeServer", "EX01", Fqdn="ex01.contoso.com")])
    assert made.state == "skipped" and not made.actions and "EX01" in made.why


@pytest.mark.parametrize("step", STEPS)
def test_what_was_not_asked_is_not_acted_on(tmp_path, step):
    for view in ("public", "internal"):
        made = plan(tmp_path, step, LEFT, anchors=FEDERATED, lacking=["dns:" + view])
        assert made.state == "unknown" and "dns:" + view in made.why and not made.actions


@pytest.mark.parametrize("step,question", [("dns-autodiscover", ("autodiscover.contoso.com", "A")), ("dns-autodiscover", ("_autodiscover._tcp.contoso.com", "SRV")),
                                           ("dns-mail-exchanger", ("contoso.com", "MX")), ("dns-mail-exchanger", ("mail.contoso.com", "A")),
                                           ("dns-sender-policy", ("contoso.com", "TXT")), ("dns-federation-proof", ("contoso.com", "TXT")),
                                           ("dns-host", ("mail.contoso.com", "AAAA"))])
def test_a_question_without_an_answer_is_unknown(tmp_path, step, question):
    made = plan(tmp_path, step, LEFT, anchors=FEDERATED, fails=[question])
    assert made.state == "unknown" and not made.actions and question[0] in made.why, made


@pytest.mark.parametrize("step", STEPS)
def test_another_forests_domain_is_no_concern(tmp_path, step):
    records = {name.replace("contoso.com", "labs.example"): [(kind, value) for kind, value in held] for name, held in LEFT.items() if "mail." not in name}
    anchors = {**FEDERATED, "federated-domain": ["contoso.com", "labs.example"]}
    made = plan(tmp_path, step, records, anchors=anchors, domains=("contoso.com", "labs.example"), rows=OTHERS)
    assert not made.actions and set(made.owners.values()) <= {"other-forest"}, made


# ---- hosts

def test_hosts(tmp_path):
    public = {"mail.contoso.com": [("A", "203.0.113.60"), ("AAAA", "2001:db8::60")], "ex01.contoso.com": [("CNAME", "mail.contoso.com")],
              "www.contoso.com": [("A", "203.0.113.60")]}
    internal = {"ex01.contoso.com": [("A", "10.1.0.11")]}
    made = plan(tmp_path, "dns-host", public, internal)
    assert made.changes() == {"public": ["-ex01.contoso.com. IN CNAME mail.contoso.com.", "-mail.contoso.com. IN A 203.0.113.60",
                                         "-mail.contoso.com. IN AAAA 2001:db8::60"], "internal": ["-ex01.contoso.com. IN A 10.1.0.11"]}
    assert set(made.verbs()) == {"remove"} and not any(a.get("approval") for a in made.actions)
    assert {a["executor"] for a in made.actions} == {"operator"} and made.verbs() == ["remove"] * 4
    assert all(a["expect"] == [{"what": "absent", "property": "Records", "type": "texts", "value": [a["commands"].splitlines()[0].split()[-1]]}] for a in made.actions)
    assert "dig +norecurse mail.contoso.com. AAAA" in made.actions[-1]["commands"] and "public view" in made.actions[-1]["where"], made


def test_a_name_that_leads_elsewhere_by_now_is_somebody_elses(tmp_path):
    made = plan(tmp_path, "dns-host", {"mail.contoso.com": [("A", "198.51.100.7")], "ex01.contoso.com": [("CNAME", "mail.tailspin.example")],
                                       "mail.tailspin.example": [("A", "198.51.100.9")]})
    assert not made.actions and made.owners == {"mail.contoso.com": "tenant", "ex01.contoso.com": "tenant"} and "198.51.100.7" in made.reasons["mail.contoso.com"], made


def test_of_several_addresses_those_of_the_servers_go(tmp_path):
    made = plan(tmp_path, "dns-host", {"mail.contoso.com": [("A", "198.51.100.7"), ("A", "203.0.113.60")]})
    assert made.changes() == {"public": ["-mail.contoso.com. IN A 203.0.113.60"]} and made.verbs() == ["reduce"] and made.owners == {"mail.contoso.com": "shared"}
    assert made.actions[0]["expect"] == [{"what": "lacks", "property": "Records", "type": "text", "value": "203.0.113.60"}], made


def test_no_observation_from_before(tmp_path):
    """What the servers' addresses were nobody knows: a person decides about each."""
    public = {"mail.contoso.com": [("A", "203.0.113.60")], "ex01.contoso.com": [("CNAME", "autodiscover.outlook.com")]}
    made = plan(tmp_path, "dns-host", public, anchors=NAMES_ALONE)
    assert made.changes() == {"public": ["-mail.contoso.com. IN A 203.0.113.60"]} and "203.0.113.60" in made.actions[0]["approval"], made
    assert made.owners["ex01.contoso.com"] == "tenant" and "Exchange Online" in made.reasons["ex01.contoso.com"]
    # On the premises, by a server's name, but at an address that none was seen to have.
    made = plan(tmp_path, "dns-host", {"mail.contoso.com": [("A", "203.0.113.99")]}, settings=[("mail_flow.onprem_networks", "203.0.113.0/24")])
    assert len(made.actions) == 1 and made.actions[0]["approval"], made


def test_the_smart_host_of_the_hybrid_configuration_may_be_a_gateway(tmp_path):
    """A filter that stays, and is named in no setting: only a host that a server's own objects tell is a server's."""
    def planned(*rows):
        asked = [Zone({"filter.contoso.com": [("A", "203.0.113.25")]}).row("public", "filter.contoso.com", "host", "filter.contoso.com", type_)
                 for type_ in ("CNAME", "A", "AAAA")]
        smart = obj("HybridConfiguration", "Hybrid Configuration", source="directory", OnPremisesSmartHost="filter.contoso.com")
        spf = {"contoso.com": [("TXT", SPF + " ip4:203.0.113.25 -all")]}
        return [plan(tmp_path, step, spf, anchors={"hybrid-domain": ["contoso.com"]}, rows=[smart, *asked, *rows]).changes() for step in ("dns-host", "dns-sender-policy")]
    assert planned() == [{}, {}]
    url = obj("OwaVirtualDirectory", "owa", source="directory", ExternalUrl="https://filter.contoso.com/owa")
    assert planned(url)[0] == {"public": ["-filter.contoso.com. IN A 203.0.113.25"]}


def test_names_that_something_needs_stay(tmp_path):
    mail_alone = {"contoso.com": [("MX", "10 mail.contoso.com")], "mail.contoso.com": [("A", "203.0.113.60")]}
    made = plan(tmp_path, "dns-host", mail_alone)
    assert not made.actions and "contoso.com" in made.reasons["mail.contoso.com"] and "dns.mx" in made.reasons["mail.contoso.com"]
    assert not plan(tmp_path, "dns-host", {"mail.contoso.com": [("A", "203.0.113.60")]}, settings=[("mail_flow.gateways", "mail.contoso.com")]).actions
    domain = {**KNOWN, "server-host": ["contoso.com"]}
    made = plan(tmp_path, "dns-host", {"contoso.com": [("A", "203.0.113.60")]}, anchors=domain)
    assert not made.actions and made.owners == {"contoso.com": "tenant"}, made


# ---- wildcards

def test_a_name_that_a_wildcard_answers_for_has_nothing_to_go(tmp_path):
    """Of a record of its own that says the same nothing could be seen, before or after: it stays too."""
    for own in ({}, {"mail.contoso.com": [("A", "203.0.113.60")]}):
        made = plan(tmp_path, "dns-host", {"*.contoso.com": [("A", "203.0.113.60")], **own})
        assert made.state == "nothing" and made.owners["mail.contoso.com"] == "tenant", made
        assert "a wildcard (*.contoso.com" in made.reasons["mail.contoso.com"] and "leads to 203.0.113.60, by which servers that are gone were reached" in made.reasons["mail.contoso.com"]
    made = plan(tmp_path, "dns-host", {"*.contoso.com": [("CNAME", "www.contoso.com")], "www.contoso.com": [("A", "203.0.113.60")]})
    assert made.state == "nothing" and "a wildcard" in made.reasons["ex01.contoso.com"], made
    made = plan(tmp_path, "dns-host", {"*.contoso.com": [("A", "198.51.100.7")]})
    assert made.state == "nothing" and "leads to 198.51.100.7" in made.reasons["ex01.contoso.com"] and "are gone" not in made.reasons["ex01.contoso.com"], made
    made = plan(tmp_path, "dns-host", {"*.contoso.com": [("A", "203.0.113.60")]}, anchors=NAMES_ALONE)
    assert made.state == "nothing" and "look yourself" in made.reasons["mail.contoso.com"], made


def test_a_record_beside_a_wildcard_goes(tmp_path):
    made = plan(tmp_path, "dns-host", {"*.contoso.com": [("A", "198.51.100.7"), ("AAAA", "2001:db8::7")], "mail.contoso.com": [("A", "203.0.113.60")]},
                {"*.contoso.com": [("A", "10.1.0.11")], "mail.contoso.com": [("A", "10.1.0.11"), ("A", "203.0.113.60")]})
    assert made.changes() == {"public": ["-mail.contoso.com. IN A 203.0.113.60"], "internal": ["-mail.contoso.com. IN A 10.1.0.11", "-mail.contoso.com. IN A 203.0.113.60"]}, made
    why = {a["subject"]["match"][0]["value"]: a["why"] for a in made.actions}
    assert why["public"].endswith("or one above it) answers: A 198.51.100.7") and why["internal"].endswith("answers: A 10.1.0.11, which has to change too"), why
    made = plan(tmp_path, "dns-host", {"*.contoso.com": [("CNAME", "www.contoso.com")], "mail.contoso.com": [("A", "203.0.113.60")]})
    assert made.changes()["public"] == ["-mail.contoso.com. IN A 203.0.113.60"] and made.actions[0]["why"].endswith("answers: CNAME www.contoso.com."), made


def test_a_wildcard_below_another_parent_says_nothing(tmp_path):
    made = plan(tmp_path, "dns-host", {"*.labs.contoso.com": [("A", "203.0.113.60")], "mail.contoso.com": [("A", "203.0.113.60")]})
    assert made.changes()["public"] == ["-mail.contoso.com. IN A 203.0.113.60"] and "wildcard" not in made.actions[0]["why"], made


def test_a_wildcard_that_was_not_told_is_not_there_and_not_none(tmp_path):
    """As if it had not been asked; and a person reads that it was not told."""
    for zone_ in ({"*.contoso.com": [("A", "203.0.113.60")]}, {"mail.contoso.com": [("A", "203.0.113.60")]}):
        made = plan(tmp_path, "dns-host", zone_, fails=[(UNMADE + ".contoso.com", "A")])
        whose = [a for a in made.actions if a["subject"]["name"] == "mail.contoso.com"]
        assert len(whose) == 1 and whose[0]["why"].endswith("whether a wildcard answers without it was not told (timeout)"), made


def test_autodiscover_below_a_wildcard(tmp_path):
    made = plan(tmp_path, "dns-autodiscover", {"*.contoso.com": [("CNAME", "mail.contoso.com")], "mail.contoso.com": [("A", "203.0.113.60")], "autodiscover.contoso.com": [("A", "203.0.113.60")]},
                {"*.fabrikam.com": [("A", "203.0.113.60")], "*._tcp.fabrikam.com": [("SRV", "0 0 443 mail.contoso.com")], "mail.contoso.com": [("A", "203.0.113.60")]},
                domains=("contoso.com", "fabrikam.com"))
    assert list(made.changes()) == ["public"] and "answers: CNAME mail.contoso.com." in made.actions[0]["why"], made
    assert made.owners["autodiscover.fabrikam.com"] == made.owners["_autodiscover._tcp.fabrikam.com"] == "tenant", made
    assert "with a record of its own for Exchange Online" in made.reasons["autodiscover.fabrikam.com"], made
    assert "a wildcard (*._tcp.fabrikam.com" in made.reasons["_autodiscover._tcp.fabrikam.com"], made


# ---- mail exchangers

def test_mail_exchangers(tmp_path):
    public = {"contoso.com": [("MX", "10 " + MX), ("MX", "20 mail.contoso.com"), ("MX", "30 backup.provider.example"), ("MX", "40 old.contoso.com")],
              "mail.contoso.com": [("A", "203.0.113.60")], "backup.provider.example": [("A", "192.0.2.8")], "old.contoso.com": [("A", "203.0.113.60")]}
    made = plan(tmp_path, "dns-mail-exchanger", public)
    assert made.changes() == {"public": ["-contoso.com. IN MX 20 mail.contoso.com.", "-contoso.com. IN MX 40 old.contoso.com."]} and made.verbs() == ["reduce"]
    # A server's name without an address waits for mail just so; another's does not concern us.
    made = plan(tmp_path, "dns-mail-exchanger", {"contoso.com": [("MX", "10 " + MX), ("MX", "20 ex01.contoso.com"), ("MX", "30 lost.provider.example")]})
    assert made.changes() == {"public": ["-contoso.com. IN MX 20 ex01.contoso.com."]}, made


def test_the_only_exchanger_stays(tmp_path):
    made = plan(tmp_path, "dns-mail-exchanger", {"contoso.com": [("MX", "10 mail.contoso.com")], "mail.contoso.com": [("A", "203.0.113.60")]})
    assert not made.actions and made.owners == {"contoso.com": "tenant"} and "dns.mx" in made.reasons["contoso.com"], made
    assert plan(tmp_path, "dns-mail-exchanger", {"contoso.com": [("MX", "0 .")]}).state == "nothing"


# ---- autodiscover

def test_autodiscover(tmp_path):
    public = {"autodiscover.contoso.com": [("A", "203.0.113.60"), ("AAAA", "2001:db8::60")],
              "_autodiscover._tcp.contoso.com": [("SRV", "0 0 443 mail.contoso.com")], "mail.contoso.com": [("A", "203.0.113.60")]}
    internal = {"autodiscover.contoso.com": [("CNAME", "ex01.contoso.com")], "ex01.contoso.com": [("A", "10.1.0.11")]}
    made = plan(tmp_path, "dns-autodiscover", public, internal)
    assert made.changes() == {
        "internal": ["-autodiscover.contoso.com. IN CNAME ex01.contoso.com.", "+autodiscover.contoso.com. IN CNAME autodiscover.outlook.com."],
        "public": ["-autodiscover.contoso.com. IN A 203.0.113.60", "+autodiscover.contoso.com. IN CNAME autodiscover.outlook.com.",
                   "-autodiscover.contoso.com. IN AAAA 2001:db8::60", "-_autodiscover._tcp.contoso.com. IN SRV 0 0 443 mail.contoso.com."]}, made
    assert made.verbs() == ["reduce", "remove", "remove", "remove"]
    made = plan(tmp_path, "dns-autodiscover", {"_autodiscover._tcp.contoso.com": [("SRV", "0 0 443 mail.contoso.com"), ("SRV", "5 0 443 autodiscover.provider.example")],
                                               "mail.contoso.com": [("A", "203.0.113.60")], "autodiscover.provider.example": [("A", "192.0.2.8")]})
    assert made.changes() == {"public": ["-_autodiscover._tcp.contoso.com. IN SRV 0 0 443 mail.contoso.com."]} and made.verbs() == ["reduce"], made


@pytest.mark.parametrize("records", [{"autodiscover.contoso.com": [("A", "192.0.2.8")]}, {"autodiscover.contoso.com": [("CNAME", "autodiscover.provider.example")]},
                                     {"_autodiscover._tcp.contoso.com": [("SRV", "0 0 0 .")]},
                                     {"_autodiscover._tcp.contoso.com": [("SRV", "0 0 443 autodiscover.outlook.com")]}])
def test_autodiscover_that_leads_elsewhere_stays(tmp_path, records):
    assert plan(tmp_path, "dns-autodiscover", records).state == "nothing"


def test_another_cloud_has_another_name(tmp_path):
    made = plan(tmp_path, "dns-autodiscover", {"autodiscover.contoso.com": [("A", "203.0.113.60")]}, anchors={**KNOWN, "tenant-initial-domain": ["contoso.onmicrosoft.us"]})
    assert made.changes() == {"public": ["-autodiscover.contoso.com. IN A 203.0.113.60"]}, made


# ---- SPF

def spf(text, **more):
    return {"contoso.com": [("MX", "10 " + MX), ("TXT", text), ("TXT", "MS=ms12345678")], "mail.contoso.com": [("A", "203.0.113.60")], **more}


def test_spf(tmp_path):
    old = SPF + " ip4:203.0.113.60 ?ip4:203.0.113.60/32 ip6:2001:0db8::0060 +a:mail.contoso.com mx -all"
    made = plan(tmp_path, "dns-sender-policy", spf(old))
    assert made.changes() == {"public": [f'-contoso.com. IN TXT "{old}"', f'+contoso.com. IN TXT "{SPF} mx -all"']} and made.verbs() == ["reduce"], made
    assert {e["value"] for e in made.actions[0]["expect"]} == {"ip4:203.0.113.60", "?ip4:203.0.113.60/32", "ip6:2001:0db8::0060", "+a:mail.contoso.com"}
    assert {(e["what"], e["property"]) for e in made.actions[0]["expect"]} == {("lacks", "Terms")}


def test_spf_that_is_only_shown(tmp_path):
    relay = {"relay.contoso.com": [("A", "203.0.113.60")]}
    settings = [("mail_flow.onprem_networks", "203.0.113.0/24")]
    for text, more, word in ((SPF + " ip4:203.0.113.0/24 -all", {}, "203.0.113.0/24"), (SPF + " ip4:203.0.113.7 -all", {}, "203.0.113.7"),
                             (SPF + " ip4:203.0.113.60 -all", {"contoso.com": [("MX", "10 relay.contoso.com"), ("TXT", SPF + " ip4:203.0.113.60 -all")], **relay}, None)):
        anchors = KNOWN if word else {**KNOWN, "server-host": []}
        made = plan(tmp_path, "dns-sender-policy", {**spf(text), **more}, settings=settings, anchors=anchors)
        if word:
            assert not made.actions and made.owners == {"contoso.com": "tenant"} and word in made.reasons["contoso.com"], made
    made = plan(tmp_path, "dns-sender-policy", {"contoso.com": [("MX", "10 " + MX), ("TXT", SPF + " ip4:203.0.113.60 -all"), ("TXT", "v=spf1 -all")]})
    assert not made.actions and "2 SPF records" in made.reasons["contoso.com"], made
    assert plan(tmp_path, "dns-sender-policy", spf(SPF + " ip4:192.0.2.1 ip6:2001:db8::61 a:www.contoso.com -all")).state == "nothing"


def test_an_address_that_a_relay_has_too_stays(tmp_path):
    """Behind one address of a firewall: a server's name led there, and a gateway that stays still does."""
    public = {"contoso.com": [("MX", "10 relay.contoso.com"), ("TXT", SPF + " ip4:203.0.113.60 ip4:10.1.0.11 -all")], "relay.contoso.com": [("A", "203.0.113.60")]}
    made = plan(tmp_path, "dns-sender-policy", public, settings=[("mail_flow.gateways", "relay.contoso.com")])
    assert made.changes()["public"][1] == f'+contoso.com. IN TXT "{SPF} ip4:203.0.113.60 -all"' and "ip4:203.0.113.60" in made.reasons["contoso.com"], made


def test_an_included_record_of_ours_and_a_long_one(tmp_path):
    long = SPF + " " + " ".join(f"include:sender{i}.example.net" for i in range(12)) + ' exp="quoted\\text" ip4:203.0.113.60 -all'
    made = plan(tmp_path, "dns-sender-policy", {"contoso.com": [("MX", "10 " + MX), ("TXT", "v=spf1 include:_spf.contoso.com -all")], "_spf.contoso.com": [("TXT", long)]})
    (minus, plus) = made.changes()["public"]
    assert minus.startswith('-_spf.contoso.com. IN TXT "v=spf1') and '" "' in minus and '\\"quoted\\\\text\\"' in minus and "203.0.113.60" not in plus, made


def test_no_observation_from_before_asks_about_spf(tmp_path):
    made = plan(tmp_path, "dns-sender-policy", spf(SPF + " ip4:203.0.113.60 -all"), anchors=NAMES_ALONE, settings=[("mail_flow.onprem_networks", "203.0.113.0/24")])
    assert len(made.actions) == 1 and "203.0.113.60" in made.actions[0]["approval"], made


# ---- federation

def test_proofs(tmp_path):
    proof, other = "Yg3/" * 21 + "Yg==", "b" * 44
    public = {"contoso.com": [("MX", "10 " + MX), *[("TXT", text) for text in (proof, other, SPF + " -all", "MS=ms12345678", "google-site-verification=" + "a" * 43,
                                                                              "a" * 36, "x" * 41, "=" * 44)]]}
    made = plan(tmp_path, "dns-federation-proof", public, anchors=FEDERATED)
    assert made.changes() == {"public": [f'-contoso.com. IN TXT "{proof}"', f'-contoso.com. IN TXT "{other}"']}, made
    assert made.verbs() == ["reduce"] and proof in made.actions[0]["approval"] and other in made.actions[0]["approval"]
    assert plan(tmp_path, "dns-federation-proof", public, anchors=KNOWN).state == "nothing", "the domain was not registered"


# ---- anchors

def learnt(tmp_path, records, rows=()):
    path = tmp_path / f"anchors-{next(_numbers)}.db"
    lines = [{"table": "observation", "row": dict(organization="contoso", tenant=TENANT, program="0", host="lab", started_at=NOW - 120, ended_at=NOW - 60,
                                                  interrupted=0)}, *BASE, *rows, *Zone(records).rows("public", ["contoso.com"], HOSTS)]
    subprocess.run([DRIVERS / "facts_make", path], input="\n".join(map(json.dumps, lines)).encode(), check=True, timeout=60)
    done = subprocess.run([DRIVERS / "facts_plan", path, "dns-host", str(NOW), json.dumps({"server-host": HOSTS})], capture_output=True, timeout=60, check=True)
    return json.loads(done.stdout)["anchors"].get("server-address", [])


def test_what_a_wildcard_answers_is_no_servers_address(tmp_path):
    """ex01 has no record of its own outside: what the wildcard leads to serves something else, and is never to go with the server."""
    server = [obj("ExchangeServer", "EX01", Fqdn="ex01.contoso.com")]
    for everything in ([("A", "198.51.100.7")], [("CNAME", "www.contoso.com")]):
        records = {"*.contoso.com": everything, "www.contoso.com": [("A", "198.51.100.7")], "mail.contoso.com": [("A", "203.0.113.60")]}
        assert learnt(tmp_path, records, server) == ["203.0.113.60"], everything
    alias = {"mail.contoso.com": [("CNAME", "gw.contoso.com")], "gw.contoso.com": [("A", "203.0.113.60")]}
    assert learnt(tmp_path, alias, server) == ["203.0.113.60"], "an alias of its own is the server's"


def test_addresses_are_learnt_while_a_server_is_there_and_never_after(tmp_path):
    """The names that lead elsewhere by now do not make that the servers' address."""
    server = obj("ExchangeServer", "EX01", Fqdn="ex01.contoso.com")
    for rows, want in (([server], ["203.0.113.60"]), ([], [])):
        records = {"ex01.contoso.com": [("A", "203.0.113.60")], "mail.contoso.com": [("CNAME", "autodiscover.outlook.com")], "autodiscover.outlook.com": [("A", "52.96.0.1")]}
        assert learnt(tmp_path, records, rows) == want
