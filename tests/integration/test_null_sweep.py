# SPDX-License-Identifier: Apache-2.0
"""What a check reads and did not get makes it unknown, and it names the object; nothing missing ever leaves a pass.

What each check reads is found out, not written down: facts_reads stands between the judge and SQLite and notes the columns that the
statements name and the properties that they ask for. Fabrikam is observed once. Each value is then taken away on one object after the
other, until the checks that read it are unknown for it. Where an object's other values decide already, it has to be one where they do
not: fabrikam plus the decoys of test_checks. What never makes its check unknown stands below, with the reason why that is right.
"""
import collections
import contextlib
import json
import re
import shutil
import sqlite3
import subprocess
import uuid

import pytest

from test_checks import DRIVERS, SPECS, Missing, fill, flat

WAYS = {"refused": 2, "timeout": 3, "not-asked": 4}
NO_ANSWER = {"refused": "refused", "timeout": "timeout", "not-asked": "servfail"}    # of a question about DNS
VIEWS = {"local_recipient": "directory_recipient", "synced_recipient": "exchange_recipient"}
NAMES = {"name", "mail", "identity", "guid", "primary_address", "user_principal_name"}   # who a recipient is, not how it is
ORGANISATION = ("set", "source", "observation")     # rows about the observation itself: fabrikam has its own


def is_name(value):
    return "." in value and value.split(".")[1] in NAMES


class Facts:
    """A facts file that is changed in place and judged. A row is (table, number)."""

    def __init__(self, path):
        self.path = path
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")
        self.db.execute("DROP INDEX exchange_recipient_guid")  # of fabrikam's rows, no two show one object; of added ones some do
        self.now = self.db.execute("SELECT ended_at FROM t_observation").fetchone()[0]
        self.columns = {table: [name for _, name, *_ in self.db.execute(f"PRAGMA table_info(t_{table})")]
                        for table in ("directory_recipient", "exchange_recipient", "object", "dns", "setting")}

    def rows(self, tables=("directory_recipient", "exchange_recipient", "object", "dns")):
        return [(table, fact) for table in tables for fact, in self.db.execute(f"SELECT fact FROM t_{table}")]

    def get(self, row, *columns):
        return self.db.execute(f"SELECT {', '.join(columns)} FROM t_{row[0]} WHERE fact = ?", (row[1],)).fetchone()

    def put(self, row, **values):
        self.db.execute(f"UPDATE t_{row[0]} SET {', '.join(name + ' = ?' for name in values)} WHERE fact = ?", (*values.values(), row[1]))

    def asked(self, table):
        return [name for name in self.columns[table] if name + "_state" in self.columns[table]]

    def _stored(self, table, given):
        """The columns of a row as facts_make would write them."""
        out = {}
        for name, value in given.items():
            state = 0
            if value is None or isinstance(value, dict) and "answer" in value:
                value, state = None, 1 if value is None else WAYS[value["answer"]]
            elif isinstance(value, (list, dict)):
                value = json.dumps(value)
            elif name.endswith("guid") and table != "object" and re.fullmatch(r"[0-9a-fA-F-]{36}", str(value)):
                value = uuid.UUID(value).bytes_le
            out[name] = value
            if name + "_state" in self.columns[table]:
                out[name + "_state"] = state
        return out

    @contextlib.contextmanager
    def with_rows(self, lines):
        """Rows in the notation of test_checks, beside those of the organisation; its objects of the same kind are put aside."""
        lines = [line for line in lines if line["table"] not in ORGANISATION]
        kinds = {(line["row"]["side"], line["row"]["kind"]) for line in lines if line["table"] == "object"}
        aside = [self.db.execute("SELECT * FROM t_object WHERE side = ? AND kind = ?", kind).fetchall() for kind in kinds]
        added = []
        self.db.execute("DROP INDEX IF EXISTS exchange_recipient_guid")     # two listings of these rows may show one object
        self.db.executemany("DELETE FROM t_object WHERE side = ? AND kind = ?", kinds)
        for line in lines:
            values = self._stored(line["table"], line["row"])
            cursor = self.db.execute(f"INSERT INTO t_{line['table']}({', '.join(values)}) VALUES({', '.join('?' * len(values))})",
                                     list(values.values()))
            added.append((line["table"], cursor.lastrowid))
        try:
            yield added
        finally:
            for table, fact in added:
                self.db.execute(f"DELETE FROM t_{table} WHERE fact = ?", (fact,))
            for row in [row for rows in aside for row in rows]:
                self.db.execute(f"INSERT INTO t_object VALUES({', '.join('?' * len(row))})", row)

    @contextlib.contextmanager
    def without(self, row, value, way):
        """The row, with one value not obtained."""
        table, name = row[0], re.split(r"[.:]", value)[-1]
        if table == "dns":  # one role of a domain is told by several questions: all of them fail
            place = self.get(row, "view", "domain", "role")
            before = self.db.execute("SELECT outcome, answers, fact FROM t_dns WHERE view = ? AND domain = ? AND role = ?", place).fetchall()
            self.db.execute("UPDATE t_dns SET outcome = ?, answers = '[]' WHERE view = ? AND domain = ? AND role = ?", (NO_ANSWER[way], *place))
            try:
                yield
            finally:
                self.db.executemany("UPDATE t_dns SET outcome = ?, answers = ? WHERE fact = ?", before)
            return
        if table == "object":
            before = {"json": self.get(row, "json")[0]}
            left = {key: v for key, v in json.loads(before["json"]).items() if key.lower() != name.lower()}
            after = {"json": json.dumps(left if way == "not-asked" else {**left, name: {"@answer": way}})}
        else:
            before = dict(zip((name, name + "_state"), self.get(row, name, name + "_state")))
            after = {name: None, name + "_state": WAYS[way]}
        self.put(row, **after)
        try:
            yield
        finally:
            self.put(row, **before)

    def judge(self, checks):
        """{check: (status, {(key, object)} that cannot be judged, how many violate or cannot be judged, what the whole of it lacks)}"""
        out = subprocess.run([DRIVERS / "facts_judge", self.path, str(self.now), *sorted(checks)], capture_output=True, check=True, timeout=60)
        lines = [json.loads(line) for line in out.stdout.splitlines()]
        return {line["id"]: (line["status"], {(u["key"].lower(), u["object"].lower()) for u in line["unjudged"]},
                             len(line["findings"]) + len(line["unjudged"]), str(line["unknown"]))
                for line in lines if line.get("id") in checks}

    def names(self, row):
        """What a report may call the object."""
        table = row[0]
        if table == "directory_recipient":
            guid, *texts = self.get(row, "guid", "mail", "name", "dn")
        elif table == "exchange_recipient":
            guid, *texts = self.get(row, "guid", "primary_address", "user_principal_name", "name", "identity")
        elif table == "dns":
            return {self.get(row, "domain")[0].lower()}
        else:
            return {str(v).lower() for v in self.get(row, "guid", "name", "identity") if v} | {
                str(json.loads(self.get(row, "json")[0]).get("DomainName", "")).lower()} - {""}
        return {t.lower() for t in texts if t} | ({str(uuid.UUID(bytes_le=guid))} if guid and len(guid) == 16 else set())


class Reads:
    """What each check reads, as values: "table.column", "Kind:Property", "dns:view:role"."""

    def __init__(self, facts):
        out = subprocess.run([DRIVERS / "facts_reads", facts.path], capture_output=True, check=True, timeout=120).stdout
        kinds = collections.defaultdict(set)
        for kind, text in facts.db.execute("SELECT kind, json FROM t_object"):
            kinds[text].add(kind)
        self.seen, self.named, self.columns = {}, {}, {}
        for line in map(json.loads, out.splitlines()):
            columns = [name.split(".") for name in line["columns"]]
            self.columns[line["id"]] = {f"{VIEWS.get(view, view)}.{column}" for view, column in columns}
            self.seen[line["id"]] = {f"{kind}:{name}" for text, name in line["properties"] for kind in kinds[text]}
            self.named[line["id"]] = {name for sql in line["sql"] for name in re.findall(r"prop(?:_list|_json)?\((?:\w+\.)?json, '(\w+)'\)", sql)}
        self.checks = list(self.columns)

    def values(self, facts, row, check):
        """The values of this row that the check may read."""
        table = row[0]
        if table == "dns":
            return {"dns:" + ":".join(facts.get(row, "view", "role"))} if "dns.outcome" in self.columns[check] else set()
        if table == "object":
            kind, text = facts.get(row, "kind", "json")
            here = {name.lower() for name in json.loads(text)}
            asked = self.named[check] | {name for kind_, name in (value.split(":", 1) for value in self.seen[check]) if kind_ == kind}
            return {f"{kind}:{name}" for name in asked if name.lower() in here}
        return {v for v in self.columns[check] & {f"{table}.{column}" for column in facts.asked(table)} if not is_name(v)}

    def required(self, facts, check):
        asked = {f"{table}.{column}" for table in ("directory_recipient", "exchange_recipient") for column in facts.asked(table)}
        return {v for v in self.columns[check] & asked if not is_name(v)} | self.seen[check] | {f"*:{name}" for name in self.named[check]}


class Sweep:
    """Takes values away until each check has become unknown for each value that it reads."""

    def __init__(self, facts):
        self.facts, self.reads = facts, Reads(facts)
        self.base = facts.judge(set(self.reads.checks))
        self.proved = collections.defaultdict(set)      # {check: {value}}
        self.elsewhere = collections.defaultdict(set)   # the same where the check names another object than the one that lacks it
        self.whole = collections.defaultdict(set)       # values without which the check is unknown as a whole, and names no object

    def note(self, check, value, how):
        values = {value, "*:" + value.split(":")[1]} if ":" in value and not value.startswith("dns:") else {value}
        getattr(self, how)[check] |= values

    def unknown_for(self, row, value, way, checks, base):
        """{check: how} of the checks that become unknown: "proved" where they name the row."""
        names = self.facts.names(row)
        with self.facts.without(row, value, way):
            judged = self.facts.judge(checks)
        new = {check: unjudged - base[check][1] for check, (status, unjudged, *_) in judged.items() if status in ("unknown", base[check][0])}
        how = {check: "proved" if any({key, object_} & names or any(n in key for n in names) for key, object_ in objects) else "elsewhere"
               for check, objects in new.items() if objects}
        return how | {check: "whole" for check, (status, _, _, lacks) in judged.items()
                      if check not in how and status == "unknown" and (base[check][0] != "unknown" or APPLIES in lacks and APPLIES not in base[check][3])}

    def take_away(self, row, base, checks):
        wanted = collections.defaultdict(set)
        for check in checks:
            for value in self.reads.values(self.facts, row, check):
                if value not in self.proved[check] and not (check.startswith(WHOLE) and value in self.whole[check]):
                    wanted[value].add(check)
        for value, readers in wanted.items():
            for way in WAYS:
                readers = readers and self.unknown_for(row, value, way, set(readers), base)
            for check, how in dict(readers).items():
                self.note(check, value, how)

    def organisation(self):
        for row in self.facts.rows():
            self.take_away(row, self.base, self.reads.checks)

    def decoys(self, check):
        """Fabrikam with what the check must not find, where the values decide that are covered by others in fabrikam itself."""
        for lines in SPECS[check].clean.values():
            lines = list(flat([SPECS[check].also, lines]))
            with self.facts.with_rows(lines) as rows:
                base = self.facts.judge({check})
                for row in rows:
                    if row[0] != "setting":
                        self.take_away(row, base, [check])

    def hand_written(self, check):
        """Rows of test_checks that lack one value: they say which other values leave it to that one."""
        for lines, _ in SPECS[check].unjudged:
            lines = list(flat([SPECS[check].also, lines]))
            holes = [(line["table"], line["row"].get("kind"), key) for line in lines
                     for holder in (line["row"], line["row"]["json"] if line["table"] == "object" else {})
                     for key, value in holder.items() if isinstance(value, Missing)]
            if len(holes) != 1 or holes[0][0] == "dns":
                continue
            table, kind, key = holes[0]
            value = f"{kind}:{key}" if table == "object" else f"{table}.{key}"
            if value in self.proved[check]:
                continue
            judged = []
            for way in WAYS:
                with self.facts.with_rows(fill(lines, way)):
                    judged.append(self.facts.judge({check})[check])
            if all(status in ("unknown", self.base[check][0]) and unjudged - self.base[check][1] for status, unjudged, *_ in judged):
                self.note(check, value, "proved")

    def vanished(self, check):
        """Values without which a violation is neither one any more nor an object that cannot be judged."""
        for lines, _ in SPECS[check].violated:
            with self.facts.with_rows(fill(list(flat([SPECS[check].also, lines])), "refused")) as rows:
                status, _, count, _ = self.facts.judge({check})[check]
                for row in rows if status == "fail" else ():
                    for value in self.reads.values(self.facts, row, check) if row[0] != "setting" else ():
                        with self.facts.without(row, value, "refused"):
                            after = self.facts.judge({check})[check]
                        if after[0] not in ("fail", "unknown") or after[0] == "fail" and after[2] < count:
                            yield f"{check} {value} of {sorted(self.facts.names(row))}: {status}, {count} objects, then {after[0]}, {after[2]}"


# ---- what never makes its check unknown, and why that is right ----

CLASS = "class only excuses an object whose recipient type nobody told; with the class missing too nothing excuses it"
SHOWN = "only shown, in the message or as evidence"
SHARED = "stands in SQL that two checks share, and the other one uses it"
EXCEPTIONS = {
    CLASS: {"mailbox.hidden-reference directory_recipient.class", "mailbox.hold directory_recipient.class", "mailbox.site directory_recipient.class",
            "mailbox.discovery directory_recipient.class", "mailbox.system directory_recipient.class", "archive.on-premises directory_recipient.class",
            "public-folder.on-premises directory_recipient.class", "soa.default-early directory_recipient.class",
            "routing.relay-recipients directory_recipient.class", "routing.address directory_recipient.class",
            "migration.move-request directory_recipient.class", "um.in-use directory_recipient.class", "forest.tenant directory_recipient.class"},
    "the type stands in for the class where nobody told that one": {
        "public-folder.mail-enabled directory_recipient.recipient_type_details", "soa.dynamic-group directory_recipient.recipient_type_details"},
    SHOWN: {"mailbox.on-premises exchange_recipient.database_name", "mailbox.hidden-reference directory_recipient.account_control",
            "mailbox.site directory_recipient.home_mdb", "mailbox.site exchange_recipient.database_name",
            "mailbox.discovery directory_recipient.home_mdb", "mailbox.discovery exchange_recipient.database_name",
            "mailbox.system directory_recipient.home_mdb", "mailbox.system exchange_recipient.database_name",
            "archive.on-premises directory_recipient.archive_guid", "archive.on-premises directory_recipient.recipient_type_details",
            "archive.provisioning-error *:mail", "archive.provisioning-error *:userPrincipalName",
            "public-folder.on-premises directory_recipient.home_mdb", "public-folder.on-premises exchange_recipient.database_name",
            "dns.dkim *:Status", "routing.centralized *:SmartHosts", "routing.accepted-domain *:DomainName", "routing.unverified-domain *:DomainType",
            "routing.send-connector *:SmartHosts", "routing.outbound-connector *:SmartHosts", "relay.receive-connector *:RemoteIPRanges", "relay.inbound-connector *:TlsSenderCertificateName",
            "migration.move-request directory_recipient.move_batch", "migration.move-request *:BatchName", "um.in-use *:Address", "um.in-use *:Extensions",
            "journal.target *:Recipient", "journal.target *:Scope", "edge.subscription *:Fqdn", "edge.subscription *:Site",
            "edge.subscription *:SourceTransportServers", "sync.rejected *:mail", "sync.rejected *:userPrincipalName", "tools.in-use *:Members",
            "sharing.known *:AccessMethod", "sharing.known *:Enabled", "sharing.known *:OrganizationName",
            "forest.organization *:OrganizationName", "forest.object *:OrganizationName", "forest.other *:OrganizationName", "parity.rule *:Priority",
            *(f"writeback.{name} *:id" for name in ("job", "last-run", "mapping")), "writeback.job *:servicePrincipal",
            "writeback.mapping *:servicePrincipal", *(f"left.permission *:{name}" for name in ("Denied", "Entries", "Object", "Rights", "Trustee")),
            *(f"left.organization *:{name}" for name in ("HybridDomains", "OrganizationGuid", "OrganizationName"))},
    "any move request is a violation, whatever its status": {"migration.move-request *:Status", "migration.move-request *:MoveStatus"},
    "only for the command that is offered": {
        "mailbox.on-premises *:DomainName", "mailbox.on-premises *:EndpointType", "mailbox.on-premises *:RemoteServer",
        "soa.group exchange_recipient.external_id", "soa.contact exchange_recipient.external_id", "soa.mail-user exchange_recipient.external_id",
        "migration.mrs-proxy directory_recipient.recipient_type_details"},
    "another property says the same; only both missing leave it open": {
        "soa.default-early *:MoveStatus", "server.last *:IsEdgeServer", "server.last *:IsMailboxServer", "server.ghost *:IsEdgeServer",
        "server.ghost *:IsMailboxServer", "um.in-use *:IsEdgeServer", "edge.subscription *:IsEdgeServer",
        *(f"left.credential *:{name}CertificateThumbprint" for name in ("Current", "Next", "Previous"))},
    "counted: one mailbox matters only where the limit is that near, as it is in test_checks": {
        "writeback.limit exchange_recipient.is_cloud_managed", "writeback.limit exchange_recipient.is_dir_synced"},
    "looked for on all objects of a domain or a kind: what one was not told of is no sign that it is hidden on all": {
        *(f"sanity.attributes directory_recipient.{name}" for name in (
            "account_control", "addresses", "alias", "archive_database", "archive_guid", "archive_status", "class", "home_mdb",
            "recipient_type_details", "remote_recipient_type", "target_address")),
        *(f"sanity.attributes {name}" for name in (
            "AcceptedDomain:Default", "AcceptedDomain:DomainName", "ExchangeServer:Fqdn", "ExchangeServer:ServerRoleBits", "MailboxDatabase:Server",
            "ReceiveConnector:AuthMechanism", "ReceiveConnector:Bindings", "ReceiveConnector:RemoteIPRanges", "RemoteDomain:DomainName",
            "SendConnector:AddressSpaces")),
        "sanity.organization directory_recipient.recipient_type_details"},
    "matters only where something else is missing, as it is in test_sanity": {
        "sanity.organization ExchangeServer:IsMailboxServer", "sanity.domains ExchangeServer:IsEdgeServer", "sanity.domains GraphDomain:isVerified",
        "sanity.domains GraphDomain:supportedServices", "sanity.recipients directory_recipient.external_id",
        "sanity.recipients exchange_recipient.external_id", "sanity.recipients exchange_recipient.exchange_guid"},
    "decides who has to be on both sides; where nobody told it the check of that recipient is unknown": {
        "sanity.recipients exchange_recipient.is_dir_synced", "sanity.recipients exchange_recipient.recipient_type_details",
        "sanity.recipients directory_recipient.recipient_type_details"},
    "the type excuses Exchange's own monitoring mailboxes; where nobody told it nothing excuses a mailbox": {
        "setup.mailbox directory_recipient.recipient_type_details"},
    "a signing configuration is named after its domain": {"dns.dkim *:Domain"},
    "of an entry of the directory every attribute was asked for; one that is not there is not set": {"left.computer-account *:member"},
    "an accepted domain is named after its domain": {"left.federation *:DomainName"},
    SHARED: {"relay.receive-connector *:Bindings", "relay.receive-connector *:TransportRole", "relay.custom-connector *:AnyRecipientFor",
             "journal.target *:JournalingReportNdrTo", "journal.undeliverable *:Enabled", "journal.undeliverable *:JournalEmailAddress",
             *(f"writeback.object {value}" for value in (
                 "directory_recipient.recipient_type_details", "directory_recipient.custom_attributes", "exchange_recipient.recipient_type_details",
                 "exchange_recipient.custom_attributes", "exchange_recipient.addresses", "exchange_recipient.windows_address")),
             "forest.organization *:HybridDomains", *(f"forest.other *:{name}" for name in (
                 "ConnectorSource", "DomainName", "HybridDomains", "InboundConnector", "OrganizationRelationship", "OutboundConnector"))},
}
# Checks about what the sources show, or that a person has to state then: they are unknown as a whole, and name a set and a right.
WHOLE = ("sanity.", "setup.build")
# Checks that judge one object by others, and name the one that they judge.
ELSEWHERE = {
    "the organisation is judged by all its mailboxes and migrations": {"soa.default-early"},
    "an address is judged by the tenant's domains": {"routing.address"},
    "a target is judged by the recipient that has its address": {"journal.target", "journal.undeliverable"},
}
# Checks about other objects than the one that says whether they apply: they are unknown as a whole.
APPLIES = "whether this check applies could not be told"
WHETHER = {"whether attributes are written back rests on the jobs; writeback.job names the one": {
    f"writeback.{name} *:templateId" for name in ("agent", "limit", "object", "attributes")}}
# Checks of entries of the directory, which are read whole: they have no value that was not obtained.
ENTRIES = {"left.computer-account"}
# Questions about DNS that no check rests on in fabrikam.
QUESTIONS = {
    "senders of other organisations read the public view alone": {f"dns:internal:{role}" for role in (
        "spf", "spf-include", "dkim1", "dkim2", "dmarc", "mta-sts", "tls-rpt")},
    "asked, and kept for people: no check judges the policy": {"dns:public:dmarc", "dns:public:tls-rpt"},
    "Microsoft's own record is not followed": {"dns:public:spf-include"},
    "the domain's own address counts where there is no MX record": {"dns:internal:root"},
    "steps of the sweep go by them, no check does": {"dns:public:host", "dns:internal:host"},
    "beside a finding it tells another remedy; steps of the sweep go by it": {"dns:public:wildcard", "dns:internal:wildcard"},
}


def excepted(by_reason=None):
    by_reason = EXCEPTIONS if by_reason is None else by_reason
    return {check: {entry.split(" ", 1)[1] for entries in by_reason.values() for entry in entries if entry.split(" ", 1)[0] == check}
            for check in {entry.split(" ", 1)[0] for entries in by_reason.values() for entry in entries}}


def unproved(sweep, check):
    if check.startswith(WHOLE):
        return sweep.reads.required(sweep.facts, check) - sweep.whole[check]
    elsewhere = sweep.elsewhere[check] if check in set().union(*ELSEWHERE.values()) else set()
    whole = {value for value in sweep.whole[check] if is_excepted(value, excepted(WHETHER).get(check, ()))}
    return sweep.reads.required(sweep.facts, check) - sweep.proved[check] - elsewhere - whole


def is_excepted(value, entries):
    return value in entries or "*:" + value.split(":")[-1] in entries


@pytest.fixture(scope="module")
def sweep(labs, unhybrid, tmp_path_factory):
    unhybrid.audit(labs("fabrikam").write_configuration())
    path = str(tmp_path_factory.mktemp("sweep") / "facts.db")
    shutil.copy(unhybrid.facts(), path)
    made = Sweep(Facts(path))
    made.organisation()
    for check in made.reads.checks:
        if check in SPECS and check not in ENTRIES:
            made.decoys(check)
            made.hand_written(check)
    return made


def test_every_check_is_swept(sweep, unhybrid):
    listed = [check["id"] for check in json.loads(unhybrid.run("checks", "list", "--format", "json").stdout)["checks"]]
    assert listed == sweep.reads.checks


def test_every_missing_value_makes_its_check_unknown(sweep):
    """Each value that a check reads, refused, timed out and not asked, on an object where it counts: unknown, and named."""
    left = {f"{check} {value}" for check in sweep.reads.checks for value in unproved(sweep, check)
            if not is_excepted(value, excepted().get(check, ()))}
    assert sorted(left) == [], "\n".join(sorted(left))


def test_exceptions_are_needed(sweep):
    """What stands among the exceptions is read, and does not make its check unknown."""
    for check, values in excepted().items():
        assert values <= sweep.reads.required(sweep.facts, check), check
        assert values <= unproved(sweep, check), check
    for check, values in excepted(WHETHER).items():
        assert values <= sweep.whole[check] - sweep.proved[check], check
    for check in set().union(*ELSEWHERE.values()):
        assert sweep.elsewhere[check] - sweep.proved[check], check


def test_every_question_about_dns_counts(sweep):
    """A question that is asked and not answered makes some check unknown, or it need not be asked."""
    silent = collections.defaultdict(bool)
    for row in sweep.facts.rows(["dns"]):
        value = "dns:" + ":".join(sweep.facts.get(row, "view", "role"))
        readers = {check for check in sweep.reads.checks if "dns.outcome" in sweep.reads.columns[check]}
        silent[value] = silent[value] or bool(sweep.unknown_for(row, value, "timeout", readers, sweep.base))
    assert {value for value, counts in silent.items() if not counts} == set().union(*QUESTIONS.values())


def test_no_violation_vanishes(sweep):
    """A violation that lacks a value is still one, or cannot be judged."""
    assert [line for check in sweep.reads.checks if check in SPECS and check not in ENTRIES
            for line in sweep.vanished(check)] == []
