# SPDX-License-Identifier: Apache-2.0
"""Sources that answer, and do not tell all: through the program, against Fabrikam, where nothing is wrong.

Each case takes one thing away from what a source shows, without any error from it. The gate has to notice (a check of
the freshness or sanity family that is known otherwise is unknown), and to name the right that is missing. Directory:
accounts of slapd that read everything but one attribute or subtree. Cloud: the simulator's faults and changes of the
tenant. DNS: resolvers that know nothing.
"""
import json
import os
import re
import ssl
import subprocess
import urllib.request

import pytest
import yaml

from conftest import TOP
from fixtures.lab import certificates, slapd
from fixtures.lab.dns_responder import Responder
from test_org_truth import changed, truth_of, unknown_in

NAME, ROOT = "fabrikam", "DC=fabrikam,DC=com"
CONFIGURATION = "CN=Configuration," + ROOT
ORGANIZATION = "CN=Fabrikam,CN=Microsoft Exchange,CN=Services," + CONFIGURATION
GROUP = "CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups," + ORGANIZATION
PASSWORD = "silent-Example-1"
READ, DIRECTORY = "needs Read on every object and attribute", "insufficient directory rights"
GATE = ("sanity.", "freshness.")

# name: (what slapd hides from the account, the check that notices, words of the reason)
HIDDEN = {
    "type": ("attrs=msExchRecipientTypeDetails", "sanity.attributes", "msExchRecipientTypeDetails", READ),
    "alias": ("attrs=mailNickname", "sanity.attributes", "mailNickname", READ),
    "addresses": ("attrs=proxyAddresses", "sanity.attributes", "proxyAddresses", READ),
    "database": ("attrs=homeMDB", "sanity.attributes", "homeMDB", READ),
    "target": ("attrs=targetAddress", "sanity.attributes", "targetAddress", READ),
    "exchange": ("attrs=msExchRecipientTypeDetails,msExchRecipientDisplayType,msExchRemoteRecipientType,msExchMailboxGuid,msExchArchiveGUID,"
                 "msExchArchiveStatus", "sanity.attributes", "msExchRecipientTypeDetails", READ),
    "connector-auth": ("attrs=msExchSMTPReceiveInboundSecurityFlag", "sanity.attributes", "msExchSMTPReceiveInboundSecurityFlag", READ),
    "connector-ranges": ("attrs=msExchSmtpReceiveRemoteIPRanges", "sanity.attributes", "msExchSmtpReceiveRemoteIPRanges", READ),
    "domain-flags": ("attrs=msExchAcceptedDomainFlags", "sanity.attributes", "msExchAcceptedDomainFlags", READ),
    "address-spaces": ("attrs=routingList", "sanity.attributes", "routingList", READ),
    "server-name": ("attrs=networkAddress", "sanity.attributes", "networkAddress", READ),
    "objectGUID": ("attrs=objectGUID", "freshness.completeness", "hide their class or GUID", DIRECTORY),
    "people": (f'dn.subtree="OU=People,{ROOT}"', "sanity.recipients", "synchronised", READ),
    "one-person": (f'dn.exact="CN=Alan Turing,OU=People,{ROOT}"', "sanity.recipients", "alan.turing@fabrikam.com", READ),
    "users": (f'dn.subtree="CN=Users,{ROOT}"', "sanity.organization", "system mailboxes", READ),
    "domain": (f'dn.children="{ROOT}"', "freshness.completeness", "not one account of the domain", DIRECTORY),
    "connectors": (f'dn.subtree="CN=SMTP Receive Connectors,CN=Protocols,CN=FABEX01,CN=Servers,{GROUP}"', "freshness.completeness",
                   "CN=SMTP Receive Connectors", DIRECTORY),
    "each-connector": (f'dn.children="CN=SMTP Receive Connectors,CN=Protocols,CN=FABEX01,CN=Servers,{GROUP}"', "sanity.organization",
                       "receive connector", READ),
    "servers": (f'dn.subtree="CN=Servers,{GROUP}"', "freshness.completeness", "CN=Servers", DIRECTORY),
    "databases": (f'dn.subtree="CN=Databases,{GROUP}"', "freshness.completeness", "CN=Databases", DIRECTORY),
    "hybrid": (f'dn.subtree="CN=Hybrid Configuration,{ORGANIZATION}"', "freshness.completeness", "CN=Hybrid Configuration", DIRECTORY),
    "send": (f'dn.children="CN=Routing Groups,{GROUP}"', "freshness.completeness", "CN=Connections", DIRECTORY),
    "accepted": (f'dn.subtree="CN=Accepted Domains,CN=Transport Settings,{ORGANIZATION}"', "freshness.completeness", "accepted domain", DIRECTORY),
    "organization": (f'dn.subtree="{ORGANIZATION}"', "freshness.completeness", "no Exchange organisation", DIRECTORY),
    "partitions": (f'dn.exact="CN=Enterprise Configuration,CN=Partitions,{CONFIGURATION}"', "freshness.completeness", "CN=Partitions", DIRECTORY),
    "schema": (f'dn.subtree="CN=Schema,{CONFIGURATION}"', "freshness.completeness", "schema", DIRECTORY),
    "schema-version": (f'dn.exact="CN=ms-Exch-Schema-Version-Pt,CN=Schema,{CONFIGURATION}"', "freshness.completeness", "not extended for Exchange",
                       "domain controller of the forest"),
}


def account(name):
    return f"CN=silent-{name},CN=Users,{ROOT}"


def narrowed(configuration):
    """slapd.conf with a rule for each account, before those that say what others may read."""
    rules = []
    # The configuration lies below the domain; hidden with it, it would be another case.
    rules.append(f'access to dn.subtree="{CONFIGURATION}" by dn.exact="{account("domain")}" read by * break\n')
    for name, (what, *_) in HIDDEN.items():
        rules.append(f'access to {what} by dn.exact="{account(name)}" none by * break\n')
    rules.append(f'access to * by dn.regex="^cn=silent-[^,]+,cn=users,{ROOT.lower()}$" read by * break\n')
    return re.sub(r"^access to \* by dn", "".join(rules).replace("\\", "\\\\") + "access to * by dn", configuration, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def lab(labs):
    """Fabrikam, whose directory also has the narrowed accounts; as it was afterwards."""
    lab = labs(NAME)
    path = lab.path("slapd", "slapd.conf")
    with open(path, encoding="utf-8") as text:
        before = text.read()

    def restart(configuration):
        lab.stop_part("directory")
        with open(path, "w", encoding="utf-8") as out:
            out.write(configuration)
        lab.start_part("directory")

    def manage(tool, *arguments, entries):
        admin = lab.state["directory"]["users"]["admin"]
        subprocess.run([tool, "-x", "-H", f"ldap://127.0.0.1:{lab.state['directory']['port']}", "-D", admin, "-w", lab.state["passwords"]["admin"],
                        *arguments], input=entries, text=True, check=True, stdout=subprocess.DEVNULL, timeout=60)

    restart(narrowed(before))
    certificates.write_private(lab.path("silent.pass"), PASSWORD + "\n")
    manage("ldapadd", entries="".join(slapd.account_ldif(account(name), "silent-" + name, PASSWORD) for name in HIDDEN))
    try:
        yield lab
    finally:
        manage("ldapdelete", *map(account, HIDDEN), entries="")
        restart(before)
        lab.write_configuration()


def noticed(unhybrid, configuration, check, *words):
    """Audits; the check, which is known otherwise, is unknown and says why. Nothing is ever ready."""
    status, report, said = unhybrid.audit(configuration)
    assert report["verdict"] == ("undetermined" if status == 2 else "blocked") and status in (1, 2), said
    usual = {entry["check"] for entry in truth_of(NAME)["unknown"]}
    assert check not in usual and check in unknown_in(report), {i for i in unknown_in(report) - usual if i.startswith(GATE)}
    found = next(c for c in report["checks"] if c["id"] == check)
    reasons = "\n".join([u["why"] for u in found["unknown"]] + [f"{e['object']}: {e['why']}" for u in found["unknown"] for e in u.get("examples", ())])
    for word in words:
        assert word in reasons, reasons
    return report


def test_nothing_is_hidden(lab, unhybrid):
    """The gate is quiet where all is seen."""
    _, report, _ = unhybrid.audit(lab.write_configuration())
    assert {check["id"]: check["status"] for check in report["checks"] if check["id"].startswith(GATE) and check["status"] != "pass"} == {}


@pytest.mark.parametrize("name", HIDDEN)
def test_an_account_that_reads_a_part(name, lab, unhybrid):
    _, check, *words = HIDDEN[name]
    with changed(lab, lambda c: c["directory"].update(user=account(name), password_file="silent.pass")) as configuration:
        noticed(unhybrid, configuration, check, *words)


# ---- the cloud ----

GLOBAL_READER = "Global Reader"
FAULTS = {
    "every list": ([{"match": {"service": "exchange"}, "fault": "no_rows"}], "freshness.completeness", GLOBAL_READER, "not one object"),
    "all of the cloud": ([{"match": {"service": "*"}, "fault": "no_rows"}], "freshness.completeness", GLOBAL_READER, "Domain.Read.All"),
    **{noun: ([{"match": {"cmdlet": "Get-" + noun}, "fault": "no_rows"}], "freshness.completeness", noun, GLOBAL_READER)
       for noun in ("Mailbox", "AcceptedDomain", "RemoteDomain", "TransportConfig", "OrganizationConfig")},
    "Graph's lists": ([{"match": {"service": "graph"}, "fault": "no_rows"}], "freshness.completeness", "Organization.Read.All", "Domain.Read.All",
                      "Application.Read.All"),
    "one parameter": ([{"match": {"cmdlet": "Get-OutboundConnector", "parameters": {"IncludeTestModeConnectors": "true"}}, "fault": "exception",
                        "args": {"type": "System.Management.Automation.ParameterBindingException",
                                 "message": "A parameter cannot be found that matches parameter name 'IncludeTestModeConnectors'."}}],
                      "freshness.completeness", "OutboundConnector", GLOBAL_READER),
}
with open(os.path.join(TOP, "fixtures", "orgs", NAME, "cloud.yaml"), encoding="utf-8") as _text:
    APP = yaml.safe_load(_text)["apps"][0]
# What the tenant shows of itself: a list with rows, and not with all.
PARTS = {
    "a domain": ({"remove": {"AcceptedDomain": ["fabrikam.net"]}}, "sanity.domains", "fabrikam.net", GLOBAL_READER),
    "another tenant": ({"exchange_online": {"AcceptedDomain": [{"Name": "other.onmicrosoft.com", "InitialDomain": True}]}}, "sanity.domains",
                       "no accepted domain is the same", "fabrikam.com"),
    "no role for a cmdlet": ({"apps": {APP["client_id"]: {"cmdlets_denied": ["Get-InboundConnector"]}}}, "freshness.completeness", "InboundConnector",
                             "View-Only Configuration"),
    "no directory role": ({"apps": {APP["client_id"]: {"wids": []}}}, "freshness.completeness", "AcceptedDomain", GLOBAL_READER),
    "one permission": ({"apps": {APP["client_id"]: {"roles": [r for r in APP["roles"] if r != "Domain.Read.All"]}}}, "freshness.completeness", "GraphDomain",
                       "Domain.Read.All"),
    "most mailboxes": ({"exchange_online": {"Mailbox": [{"DisplayName": "Max", "PrimarySmtpAddress": "max.newman@fabrikam.com"}]}},
                       "sanity.recipients", "7 remote mailboxes", GLOBAL_READER),
}


@pytest.fixture
def cloud(lab):
    info = lab.state["cloud"]["info"]
    context = ssl.create_default_context(cafile=info["ca_file"])

    def control(path, body):
        request = urllib.request.Request(info["url"] + "/_control/" + path, method="POST", data=json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    control("reset", {})
    yield control
    control("reset", {})


@pytest.mark.parametrize("name", FAULTS)
def test_a_tenant_that_shows_nothing(name, lab, cloud, unhybrid, monkeypatch):
    monkeypatch.setenv("UNHYBRID_PAUSE_PERCENT", "1")
    faults, check, *words = FAULTS[name]
    cloud("faults", faults)
    noticed(unhybrid, lab.write_configuration(), check, *words)


@pytest.mark.parametrize("name", PARTS)
def test_a_tenant_that_shows_a_part(name, lab, cloud, unhybrid):
    change, check, *words = PARTS[name]
    cloud("state", change)
    noticed(unhybrid, lab.write_configuration(), check, *words)


# ---- DNS ----

@pytest.mark.parametrize("view", ["public", "internal"])
def test_a_resolver_that_knows_nothing(view, lab, unhybrid):
    """A resolver without a way to the Internet says of every name that it does not exist."""
    with Responder({"nxdomain": True}) as server:
        with changed(lab, lambda c: c["dns"].update({view: [server.address]})) as configuration:
            noticed(unhybrid, configuration, "sanity.domains", "does not resolve names of the Internet")


# ---- what an operator may state ----

def test_what_is_attested_is_quiet_again(lab, unhybrid, tmp_path):
    """A sign that has a reason can be attested, for just this one."""
    def how(configuration):
        configuration["directory"].update(user=account("users"), password_file="silent.pass")
        configuration["attestations"] = "silent-attestations.yaml"

    def status():
        done = unhybrid.run("-c", configuration, "-C", tmp_path / "case", "report", "--format", "json")
        return next(c["status"] for c in json.loads(done.stdout)["checks"] if c["id"] == "sanity.organization")

    with changed(lab, how) as configuration:
        certificates.write_private(lab.path("silent-attestations.yaml"), "attestations: []\n")
        assert unhybrid.run("-c", configuration, "-C", tmp_path / "case", "--no-progress", "audit").returncode == 2
        assert status() == "unknown"
        for object_, then in (("on-premises:ReceiveConnector", "unknown"), ("on-premises:Recipient/system", "pass")):
            done = unhybrid.run("-c", configuration, "-C", tmp_path / "case", "attest", "add", "sanity.nothing-there", "yes", "--object", object_,
                                "--approver", "Joan Clarke", "--days", "30")
            assert done.returncode == 0, done.stderr
            assert status() == then
    os.unlink(lab.path("silent-attestations.yaml"))
