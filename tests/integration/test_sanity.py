# SPDX-License-Identifier: Apache-2.0
"""The sanity gate on small facts: an organisation that fits together passes, and each sign that something is hidden makes
its check unknown and names the right. Nothing here is ever a finding. test_silent_sources.py does the same with accounts.
"""
import pytest

import test_checks
from test_checks import DB, MISSING, REMOTE, WAYS, a_set, ad, cloud, dns, ex, fill, flat, guid, judge, local, obj

pytestmark = test_checks.pytestmark
CHECKS = ("sanity.attributes", "sanity.organization", "sanity.domains", "sanity.recipients")
LOCAL_SETS = ("Domain", "Recipient", "ExchangeServer", "ReceiveConnector", "MailboxDatabase", "WebServicesVirtualDirectory", "AcceptedDomain",
              "SendConnector", "RemoteDomain")
CLOUD_SETS = ("Mailbox", "Recipient", "AcceptedDomain", "GraphDomain", "GraphOrganization")
ALAN, ALAN_MAILBOX = "2e4c6a8d-3f51-4b02-9c7a-000000000001", "3d5e7f9a-4a62-4c03-ad8b-000000000001"


def sound():
    """{name: row}: a small organisation that fits together; tests take one thing away."""
    remote = dict(recipient_type_details=REMOTE, remote_recipient_type=4, account_control=512)
    return {
        "sets": [a_set("on-premises:" + s, source="directory") for s in LOCAL_SETS] + [a_set("cloud:" + s) for s in CLOUD_SETS],
        "domain": obj("Domain", "contoso.com", {"DnsRoot": "contoso.com"}, identity="DC=contoso,DC=com"),
        "server": obj("ExchangeServer", "EX01", {"Fqdn": "ex01.contoso.com", "Domain": "contoso.com", "ServerRole": "Mailbox", "ServerRoleBits": 16423,
                                                 "IsMailboxServer": True, "IsEdgeServer": False}),
        "receive": obj("ReceiveConnector", "Default EX01", {"Bindings": ["0.0.0.0:25"], "RemoteIPRanges": ["0.0.0.0-255.255.255.255"],
                                                            "AuthMechanism": "Tls, Integrated"}),
        "database": obj("MailboxDatabase", "DB01", {"Server": "EX01"}),
        "web": obj("WebServicesVirtualDirectory", "EWS", {}),
        "accepted": obj("AcceptedDomain", "contoso.com", {"DomainName": "contoso.com", "Default": True, "DomainType": "Authoritative"}),
        "accepted2": obj("AcceptedDomain", "contoso.net", {"DomainName": "contoso.net", "Default": False, "DomainType": "Authoritative"}),
        "send": obj("SendConnector", "Out", {"AddressSpaces": ["SMTP:*;1"]}),
        "formats": obj("RemoteDomain", "Default", {"DomainName": "*"}),
        "system": ad("system@contoso.com", recipient_type_details=8388608, home_mdb=DB, account_control=514),
        "alan": ad("alan@contoso.com", **remote, external_id="User_" + ALAN, target_address="SMTP:alan@contoso.mail.onmicrosoft.com"),
        "ada": ad("ada@contoso.com", **remote, mailbox_guid=ALAN_MAILBOX, target_address="SMTP:ada@contoso.mail.onmicrosoft.com",
                  archive_guid=guid(), archive_status=1),
        "emmy": ad("emmy@contoso.com", **remote, target_address="SMTP:emmy@contoso.mail.onmicrosoft.com"),
        "cloud.alan": ex("alan@contoso.com", external_id=ALAN, is_dir_synced=True),
        "cloud.ada": ex("a.lovelace@contoso.com", exchange_guid=ALAN_MAILBOX, is_dir_synced=True),
        "cloud.emmy": ex("Emmy@CONTOSO.com", external_id=guid(), is_dir_synced=True),
        "cloud.own": ex("never.synced@contoso.com"),
        "cloud.folder": ex("folder@contoso.com", "MailPublicFolder", is_dir_synced=True),
        "cloud.accepted": cloud("AcceptedDomain", "contoso.com", {"DomainName": "CONTOSO.com"}),
        "cloud.accepted2": cloud("AcceptedDomain", "contoso.onmicrosoft.com", {"DomainName": "contoso.onmicrosoft.com"}),
        "graph": cloud("GraphDomain", "contoso.com", {"isVerified": True, "supportedServices": ["Email", "Intune"]}),
        "graph2": cloud("GraphDomain", "contoso.onmicrosoft.com", {"isVerified": True, "supportedServices": ["Email"]}),
        "graph3": cloud("GraphDomain", "unverified.example", {"isVerified": False, "supportedServices": ["Email"]}),
        "graph4": cloud("GraphDomain", "web.contoso.com", {"isVerified": True, "supportedServices": []}),
        "tenant": cloud("GraphOrganization", "Contoso", {"verifiedDomains": [{"name": "contoso.com"}, {"name": "contoso.onmicrosoft.com"}]}),
        "dns": [dns("contoso.com", role, "contoso.com", "TXT", ["v=spf1 -all"]) for role in ("spf", "dmarc", "mta-sts", "tls-rpt")],
    }


def every(rows, table, change):
    for row in flat(rows.values()):
        if row["table"] == table:
            change(row["row"])


def blank(column, value=None):
    """The attribute is visible on no recipient."""
    return lambda rows: every(rows, "directory_recipient", lambda row: row.update({column: value}))


def lose(kind, name, value=None, of=None):
    """A property of configuration objects that LDAP left out: of all of a kind, or of one."""
    def change(row):
        if row["kind"] == kind and row["side"] == "on-premises" and (of is None or row["name"] == of):
            row["json"][name] = value
    return lambda rows: every(rows, "object", change)


def drop(*names):
    return lambda rows: [rows.pop(name) for name in names]


def put(**more):
    return lambda rows: rows.update(more)


RIGHT = "needs Read on every object and attribute"
SIGNS = [
    ("sanity.attributes", "on-premises:Recipient/msExchRecipientTypeDetails", blank("recipient_type_details"), RIGHT),
    ("sanity.attributes", "on-premises:Recipient/mailNickname", blank("alias"), RIGHT),
    ("sanity.attributes", "on-premises:Recipient/proxyAddresses", blank("addresses"), RIGHT),
    ("sanity.attributes", "on-premises:Recipient/mail", blank("mail"), RIGHT),
    ("sanity.attributes", "on-premises:Recipient/homeMDB", blank("home_mdb"), RIGHT),
    ("sanity.attributes", "on-premises:Recipient/targetAddress", blank("target_address"), RIGHT),
    ("sanity.attributes", "on-premises:Recipient/msExchRemoteRecipientType", blank("remote_recipient_type"), RIGHT),
    ("sanity.attributes", "on-premises:Recipient/userAccountControl", blank("account_control"), RIGHT),
    ("sanity.attributes", "on-premises:Recipient/msExchArchiveStatus", blank("archive_status"), RIGHT),
    # Of one domain only, beside one that shows it.
    ("sanity.attributes", "on-premises:Recipient/msExchRecipientTypeDetails",
     put(far=ad("far@contoso.com", domain="DC=emea,DC=contoso,DC=com")), "DC=emea,DC=contoso,DC=com"),
    ("sanity.attributes", "on-premises:ExchangeServer/networkAddress", lose("ExchangeServer", "Fqdn"), RIGHT),
    ("sanity.attributes", "on-premises:ExchangeServer/msExchCurrentServerRoles", lose("ExchangeServer", "ServerRoleBits"), RIGHT),
    ("sanity.attributes", "on-premises:AcceptedDomain/msExchAcceptedDomainName", lose("AcceptedDomain", "DomainName", of="contoso.net"), "1 of 2"),
    ("sanity.attributes", "on-premises:AcceptedDomain/msExchAcceptedDomainFlags", lose("AcceptedDomain", "Default", False), RIGHT),
    ("sanity.attributes", "on-premises:ReceiveConnector/msExchSmtpReceiveBindings", lose("ReceiveConnector", "Bindings"), RIGHT),
    ("sanity.attributes", "on-premises:ReceiveConnector/msExchSmtpReceiveRemoteIPRanges", lose("ReceiveConnector", "RemoteIPRanges"), RIGHT),
    ("sanity.attributes", "on-premises:ReceiveConnector/msExchSMTPReceiveInboundSecurityFlag", lose("ReceiveConnector", "AuthMechanism", "None"), RIGHT),
    ("sanity.attributes", "on-premises:SendConnector/routingList", lose("SendConnector", "AddressSpaces"), RIGHT),
    ("sanity.attributes", "on-premises:RemoteDomain/domainName", lose("RemoteDomain", "DomainName"), RIGHT),
    ("sanity.attributes", "on-premises:MailboxDatabase/msExchOwningServer", lose("MailboxDatabase", "Server"), RIGHT),
    ("sanity.organization", "on-premises:ExchangeServer", drop("server"), RIGHT),
    ("sanity.organization", "on-premises:ReceiveConnector", drop("receive"), RIGHT),
    ("sanity.organization", "on-premises:MailboxDatabase", drop("database"), RIGHT),
    ("sanity.organization", "on-premises:WebServicesVirtualDirectory", drop("web"), RIGHT),
    ("sanity.organization", "on-premises:Recipient", drop("system", "alan", "ada", "emmy"), RIGHT),
    ("sanity.organization", "on-premises:Recipient/system", drop("system"), RIGHT),
    ("sanity.domains", "cloud:AcceptedDomain", lambda rows: rows["cloud.accepted"]["row"]["json"].update(DomainName="other.example"), "Global Reader"),
    ("sanity.domains", "cloud:AcceptedDomain/Graph", drop("cloud.accepted2"), "contoso.onmicrosoft.com"),
    ("sanity.domains", "cloud:GraphDomain", drop("graph"), "Domain.Read.All"),
    ("sanity.domains", "on-premises:Domain", lose("ExchangeServer", "Domain", "emea.contoso.com"), "CN=Partitions"),
    ("sanity.domains", "dns:public", lambda rows: every(rows, "dns", lambda row: row.update(outcome="nxdomain", answers=[])), "does not resolve"),
    ("sanity.recipients", "on-premises:Recipient/synchronised", drop("alan"), "alan@contoso.com"),
    ("sanity.recipients", "on-premises:Recipient/synchronised", drop("ada", "emmy"), "2 recipients"),
    ("sanity.recipients", "cloud:Mailbox", drop("cloud.alan", "cloud.ada", "cloud.emmy"), "3 remote mailboxes"),
    ("sanity.recipients", "on-premises:Recipient/exported", put(hidden=local("hidden@contoso.com")), "hidden@contoso.com"),
    ("sanity.recipients", "on-premises:RemoteMailbox", put(sets2=[a_set("on-premises:RemoteMailbox", source="exchange-export")]), "ViewEntireForest"),
]


@pytest.mark.parametrize("check", CHECKS)
def test_a_sound_organisation_passes(tmp_path, check):
    """No false alarm, and the same for values that were not obtained: those are other checks' business."""
    assert judge(tmp_path, check, list(sound().values())).status == "pass"


@pytest.mark.parametrize("check, set_, change, word", SIGNS, ids=[f"{s[1]}-{i}" for i, s in enumerate(SIGNS)])
def test_a_sign_that_something_is_hidden(tmp_path, check, set_, change, word):
    rows = sound()
    change(rows)
    result = judge(tmp_path, check, list(rows.values()))
    assert result.status == "unknown" and result.found == [] and set_ in result.lacking, result
    assert word in next(u["why"] for u in result.line["unknown"] if u["set"] == set_), result


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("column", ["home_mdb", "alias", "addresses", "mail", "target_address", "recipient_type_details"])
def test_what_was_refused_is_not_hidden(tmp_path, column, way):
    """A value that is known not to have been obtained makes the checks that read it unknown; it is no sign of more."""
    rows = sound()
    blank(column, MISSING)(rows)
    result = judge(tmp_path, "sanity.attributes", fill(list(flat(rows.values())), way))
    assert result.lacking == [] and result.found == [], result


def untold(name, *properties):
    """Nobody told these values of an object."""
    def change(rows):
        holder = rows[name]["row"]
        for value in properties:
            (holder["json"] if value in holder.get("json", {}) else holder)[value] = MISSING
    return change


def both(*changes):
    return lambda rows: [change(rows) for change in changes]


# What could be the thing that is missing does not stand for it.
UNTOLD = [
    ("sanity.organization", "on-premises:ReceiveConnector", both(drop("receive"), untold("server", "IsMailboxServer", "ServerRole"))),
    ("sanity.domains", "cloud:AcceptedDomain", untold("cloud.accepted", "DomainName")),
    ("sanity.domains", "cloud:AcceptedDomain", both(untold("accepted", "DomainName"), drop("accepted2"))),
    ("sanity.domains", "cloud:AcceptedDomain/Graph", untold("cloud.accepted2", "DomainName")),
    ("sanity.domains", "cloud:AcceptedDomain/Graph", untold("graph3", "isVerified")),
    ("sanity.domains", "cloud:AcceptedDomain/Graph", untold("graph4", "supportedServices")),
    ("sanity.domains", "cloud:GraphOrganization/verifiedDomains", untold("tenant", "verifiedDomains")),
    ("sanity.domains", "on-premises:Domain", untold("server", "Domain")),
    ("sanity.domains", "on-premises:Domain", untold("domain", "DnsRoot")),
    ("sanity.recipients", "on-premises:Recipient/synchronised", both(drop("alan"), untold("cloud.alan", "external_id"))),
    ("sanity.recipients", "on-premises:Recipient/synchronised", untold("alan", "external_id", "addresses")),
    ("sanity.recipients", "on-premises:Recipient/synchronised", untold("ada", "mailbox_guid")),
    ("sanity.recipients", "on-premises:Recipient/synchronised", untold("cloud.ada", "exchange_guid")),
    ("sanity.recipients", "on-premises:Recipient/synchronised", untold("cloud.emmy", "primary_address")),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("check, set_, change", UNTOLD, ids=[f"{s[1]}-{i}" for i, s in enumerate(UNTOLD)])
def test_what_nobody_told_is_no_proof(tmp_path, check, set_, change, way):
    rows = sound()
    change(rows)
    result = judge(tmp_path, check, fill(list(flat(rows.values())), way))
    assert result.status == "unknown" and result.found == [] and set_ in result.lacking, result


@pytest.mark.parametrize("kind, check", [("Recipient", "sanity.recipients"), ("AcceptedDomain", "sanity.domains"), ("ReceiveConnector", "sanity.organization"),
                                         ("ExchangeServer", "sanity.attributes")])
def test_nothing_read_is_no_pass(tmp_path, kind, check):
    rows = sound()
    for state in ("failed", "partial", "not-configured"):
        rows["sets"] = [s for s in rows["sets"] if (s["row"]["side"], s["row"]["name"]) != ("on-premises", kind)]
        rows["sets"].append(a_set("on-premises:" + kind, state, source="directory"))
        assert judge(tmp_path, check, list(rows.values())).status == "unknown"


def exported():
    """The same organisation from exports of both sides alone."""
    rows = {name: row for name, row in sound().items() if not (isinstance(row, dict) and row["table"] == "directory_recipient")
            and name != "domain" and not name.startswith("graph") and name != "tenant"}
    for row in flat(rows.values()):
        if row["table"] == "object" and row["row"]["side"] == "on-premises":
            row["row"]["source"] = "exchange-export"
    names = [s for s in LOCAL_SETS if s not in ("Domain", "Recipient")] + ["Mailbox", "Mailbox/Arbitration", "RemoteMailbox"]
    rows["sets"] = [a_set("on-premises:" + s, source="exchange-export") for s in names]
    rows["sets"] += [a_set("cloud:" + s, source="exchange-online-export") for s in ("Mailbox", "AcceptedDomain")]
    rows["system"] = local("system@contoso.com", recipient_type_details="ArbitrationMailbox", listing="Arbitration")
    rows["remote"] = local("alan@contoso.com", "RemoteMailbox", recipient_type_details="RemoteUserMailbox")
    return rows


@pytest.mark.parametrize("check", CHECKS)
def test_exports_alone_can_pass(tmp_path, check):
    assert judge(tmp_path, check, list(exported().values())).status == "pass"


def test_exports_of_nobody(tmp_path):
    rows = exported()
    drop("system", "remote")(rows)
    result = judge(tmp_path, "sanity.organization", list(rows.values()))
    assert result.status == "unknown" and "on-premises:Mailbox" in result.lacking and "ViewEntireForest" in str(result)


def test_a_name_is_told_as_text(tmp_path):
    """What names such a recipient comes from a directory."""
    rows = sound()
    rows["hidden"] = ex("x\u202e\x1b[31m'@contoso.com", is_dir_synced=True, external_id=guid())
    result = judge(tmp_path, "sanity.recipients", list(rows.values()))
    assert result.lacking == ["on-premises:Recipient/synchronised"]
