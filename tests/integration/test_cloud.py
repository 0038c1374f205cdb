# SPDX-License-Identifier: Apache-2.0
"""The cloud's sources against the simulator: whatever the service does, nothing that was cut short counts as complete,
nothing that was seen is lost, and nothing is counted twice."""
import json
import math
import os
import sqlite3
import ssl
import subprocess
import sys
import urllib.request

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from fixtures.lab import cloud as lab  # noqa: E402

BUILD = os.environ.get("BUILD_DIR") or os.environ.get("MESON_BUILD_ROOT") or os.path.join(ROOT, "build")
OBSERVE = os.path.join(BUILD, "tests", "integration", "drivers", "cloud_observe")
APP = "66666666-7777-4888-8999-000000000000"
LIMIT = 240
MAILBOXES = 2300
REQUESTS_BESIDE_PAGES = 100     # whatever the size
RECOVERABLE_SEEDS = range(1, 9)

CONFIGURATION = {
    "AcceptedDomain": [{"Name": "contoso.com", "Default": True}, {"Name": "contoso.onmicrosoft.com", "InitialDomain": True}],
    "InboundConnector": [{"Name": "Inbound from 1", "ConnectorType": "OnPremises", "ConnectorSource": "HybridWizard"}],
    "OutboundConnector": [
        {"Name": "Plain", "ConnectorType": "OnPremises"},
        {"Name": "Rule scoped", "ConnectorType": "OnPremises", "IsTransportRuleScoped": True},
        {"Name": "Test mode", "ConnectorType": "OnPremises", "TestMode": True},
        {"Name": "Both", "ConnectorType": "OnPremises", "IsTransportRuleScoped": True, "TestMode": True}],
    "OnPremisesOrganization": [{"Name": "org"}],
    "OrganizationRelationship": [{"Name": "O365 to On-premises", "DomainNames": ["contoso.com"]}],
}


def organization(mailboxes=3, others=2, **simulator):
    names = ["Ada", "Ærøskøbing", "Ωμέγα", "山田太郎", "x'; DROP--", "-like '*'"]
    return {
        "tenant": {"id": "11111111-2222-4333-8444-0c0000000001", "initial_domain": "contoso.onmicrosoft.com"},
        "apps": [{"client_id": APP, "secret": "lab-secret", "certificate": "generated", "managed_identity": True,
                  "federated": {"issuer": "https://issuer.example", "subject": "system:serviceaccount:unhybrid:audit"},
                  "wids": ["Global Reader"],
                  "roles": ["Exchange.ManageAsApp", "Organization.Read.All", "Domain.Read.All", "User.Read.All",
                            "Application.Read.All", "OnPremDirectorySynchronization.Read.All", "Synchronization.Read.All"]}],
        "people": [{"upn": "admin@contoso.com", "wids": ["Global Reader"],
                    "scopes": ["Exchange.Manage", "Organization.Read.All", "Domain.Read.All", "User.Read.All",
                               "Application.Read.All", "OnPremDirectorySynchronization.Read.All", "Synchronization.Read.All",
                               "Policy.Read.HybridAuthentication"]}],
        "exchange_online": dict(
            CONFIGURATION,
            Mailbox=[{"DisplayName": names[i % len(names)], "Alias": f"{'abcxyz019_ä'[i % 11]}{i}",
                      "PrimarySmtpAddress": f"u{i}@contoso.com", "IsDirSynced": True, "IsExchangeCloudManaged": i % 3 == 0}
                     for i in range(mailboxes)],
            DistributionGroup=[{"DisplayName": f"Group {i}", "PrimarySmtpAddress": f"g{i}@contoso.com"} for i in range(others)],
            **{"Mailbox/SoftDeletedMailbox": [{"DisplayName": "Gone", "PrimarySmtpAddress": "gone@contoso.com"}]}),
        "graph": {
            "organization": [{"displayName": "Contoso", "onPremisesSyncEnabled": True}],
            "domains": [{"id": "contoso.com", "isDefault": True}, {"id": "contoso.onmicrosoft.com", "isInitial": True}],
            "onPremisesSynchronization": {"features": {"blockSoftMatchEnabled": True}},
            "users": [{"userPrincipalName": f"user{i}@contoso.com"} for i in range(30)] + [
                {"userPrincipalName": "bad@contoso.com",
                 "onPremisesProvisioningErrors": [{"category": "PropertyConflict", "value": "SMTP:x@y"}]}],
            "servicePrincipals": [{"appId": "00000002-0000-0ff1-ce00-000000000000", "displayName": "Office 365 Exchange Online",
                                   "keyCredentials": [{"key": "MIIDdata", "type": "AsymmetricX509Cert", "usage": "Verify"}]}]},
        "simulator": simulator,
    }


class Tenant:
    def __init__(self, tmp_path, **how):
        self.dir = str(tmp_path)
        self.cloud = lab.start(run_dir=os.path.join(self.dir, "lab"), **how)
        self.info = self.cloud.info
        self.runs = 0
        self.changed = False

    def control(self, method, path, body=None):
        self.changed = self.changed or (method, path) == ("POST", "state")
        request = urllib.request.Request(self.info["url"] + "/_control/" + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        context = ssl.create_default_context(cafile=self.info["ca_file"])
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def faults(self, faults):
        self.control("POST", "faults", faults)

    def configure(self, credentials=None, tenant=None, endpoint=None, **endpoints):
        """Writes a configuration. endpoint: of all services; login=, graph=, exchange_online=: of one. -> path"""
        self.runs += 1
        app = self.info["apps"][0]
        if credentials is None:
            credentials = {"client_id": APP, "certificate": app["certificate"]}
        url = endpoint or self.info["url"]
        lines = ["organization: contoso", "tenant: " + (tenant or self.info["tenant"]), "credentials:"]
        lines += [f"  {k}: {json.dumps(v)}" for k, v in credentials.items()]
        lines += ["endpoints:"] + [f"  {k}: {endpoints.get(k, url)}" for k in ("login", "graph", "exchange_online")]
        lines += ["  ca_file: " + self.info["ca_file"], ""]
        path = os.path.join(self.dir, f"unhybrid-{self.runs}.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write("\n".join(lines))
        return path

    def observe(self, *sets, env=None, wait=True, **how):
        """Runs the sources. -> Facts"""
        path = self.configure(**how)
        facts = os.path.join(self.dir, f"facts-{self.runs}.db")
        environment = dict(os.environ, UNHYBRID_PAUSE_PERCENT="2", **(env or {}))
        process = subprocess.Popen([OBSERVE, path, facts, *sets], stderr=subprocess.PIPE, text=True, env=environment)
        if not wait:
            return process, facts
        _, said = process.communicate(timeout=LIMIT)
        assert process.returncode == 0, said
        return Facts(facts, said)

    def log(self, query=""):
        return self.control("GET", "log" + query)


class Facts:
    def __init__(self, path, said):
        self.said = said
        self.db = sqlite3.connect(path)
        assert self.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"

    def set(self, name):
        """(worst state, why) of a set's parts."""
        rows = self.db.execute("SELECT state, answer, why FROM t_set WHERE side = 'cloud' AND name = ? AND state <> 'not-configured'",
                               (name,)).fetchall()
        assert rows, name
        order = ["complete", "partial", "failed"]
        return max(rows, key=lambda r: order.index(r[0]))

    def state(self, name):
        return self.set(name)[0]

    def states(self):
        return {name: self.state(name) for (name,) in self.db.execute(
            "SELECT DISTINCT name FROM t_set WHERE side = 'cloud' AND state <> 'not-configured'")}

    def addresses(self, kind="Mailbox", listing=""):
        rows = [r[0] for r in self.db.execute("SELECT primary_address FROM t_exchange_recipient WHERE kind = ? AND listing = ?",
                                              (kind, listing))]
        assert len(rows) == len(set(rows)), "counted twice"
        return set(rows)

    def objects(self, kind):
        return [json.loads(r[0]) for r in self.db.execute("SELECT json FROM t_object WHERE kind = ?", (kind,))]

    def notices(self):
        return [r[0] for r in self.db.execute("SELECT text FROM t_notice")]


@pytest.fixture(scope="module")
def simulators(tmp_path_factory):
    """Started once for each kind of tenant; a test finds its own as after the start."""
    running = {}

    def get(how):
        key = json.dumps(how, sort_keys=True)
        if key not in running:
            running[key] = Tenant(tmp_path_factory.mktemp("tenant"), **how)
        one = running[key]
        one.control("POST", "reset", {} if one.changed else {"keep": ["state"]})
        one.changed = False
        return one
    yield get
    for one in running.values():
        one.cloud.stop()


@pytest.fixture
def tenant(simulators):
    def start(**how):
        if not set(how) & {"org", "generate", "org_dir"}:
            how = {"org": organization(**how)}
        return simulators(how)
    return start


def everyone(n):
    return {f"u{i}@contoso.com" for i in range(n)}


# ---- what a healthy tenant gives ----

def test_everything_is_read(tenant):
    t = tenant()
    facts = t.observe()
    assert set(facts.states().values()) == {"complete"}, [(n, facts.set(n)) for n, s in facts.states().items() if s != "complete"]
    assert facts.addresses() == everyone(3)
    assert facts.addresses("Recipient") == {"g0@contoso.com", "g1@contoso.com"}
    assert facts.addresses("Mailbox", "SoftDeletedMailbox") == {"gone@contoso.com"}
    assert facts.db.execute("SELECT count(*) FROM t_exchange_recipient WHERE kind='Mailbox' AND listing='' AND "
                            "is_cloud_managed_state = 0 AND is_cloud_managed = 1").fetchone()[0] == 1
    assert len(facts.objects("AcceptedDomain")) == 2
    assert not any("@" in name for kind in ("AcceptedDomain", "InboundConnector", "OrganizationConfig")
                   for o in facts.objects(kind) for name in o), "type sidecars are no properties"
    assert facts.objects("GraphOrganization")[0]["onPremisesSyncEnabled"] is True
    assert {d["id"] for d in facts.objects("GraphDomain")} == {"contoso.com", "contoso.onmicrosoft.com"}
    assert [u["userPrincipalName"] for u in facts.objects("GraphProvisioningError")] == ["bad@contoso.com"]
    principal = facts.objects("GraphServicePrincipal")[0]
    assert principal["keyCredentials"] and all("key" not in k for k in principal["keyCredentials"])
    assert facts.objects("GraphDirectorySynchronization")[0]["features"]["blockSoftMatchEnabled"] is True
    counters = t.control("GET", "log?writes=1")
    assert not (counters["requests"] if isinstance(counters, dict) else counters), "an audit writes nothing"


def test_applications_that_matter(tenant):
    """Named as the dedicated one, asking for its role, or behind the proxy; the others of a tenant are not kept. No key."""
    t = tenant()
    role = [{"resourceAppId": "00000002-0000-0ff1-ce00-000000000000", "resourceAccess": [{"id": "dc890d15-9560-4a4c-9b7f-a736ec74ec40", "type": "Role"}]}]
    proxy = ["WindowsAzureActiveDirectoryOnPremApp"]
    key = {"keyId": "7b000000-1b2c-4d3e-8f40-000000000001", "type": "AsymmetricX509Cert", "usage": "Verify", "key": "TUlJQg=="}

    def one(n, name, **more):
        return {"id": f"5c000000-1b2c-4d3e-8f40-{n:012d}", "appId": f"9c4d2e1f-6a7b-4c8d-9e0f-{n:012d}", "displayName": name, **more}
    held = t.control("GET", "state")["graph"]["servicePrincipals"]
    t.control("POST", "state", {"graph": {
        "applications": [one(1, "ExchangeServerApp-x", keyCredentials=[key]), one(2, "Backup", requiredResourceAccess=role),
                         one(3, "agent", tags=proxy), *(one(n, "Other") for n in range(4, 1300))],
        "servicePrincipals": held + [one(13, "agent", tags=proxy, homepage="https://x.msappproxy.net/"), one(14, "Other", tags=["HideApp"])]}})
    facts = t.observe("cloud:GraphApplication", "cloud:GraphProxyPrincipal")
    assert set(facts.states().values()) == {"complete"}, facts.states()
    assert [a["displayName"] for a in facts.objects("GraphApplication")] == ["ExchangeServerApp-x", "Backup", "agent"]
    assert [p["homepage"] for p in facts.objects("GraphProxyPrincipal")] == ["https://x.msappproxy.net/"]
    assert "key" not in facts.objects("GraphApplication")[0]["keyCredentials"][0]


def test_custom_attributes_keep_their_numbers(tenant):
    """The first element is number 1; what one of them does not tell is null, not empty; all of them untold is no value."""
    t = tenant()
    custom = {"CustomAttribute2": "Łódź", "CustomAttribute15": "a,\"b\""}
    t.control("POST", "state", {"edit": {"Mailbox": {
        "u0@contoso.com": custom, "u1@contoso.com": {"CustomAttribute2": "x", "CustomAttribute1": "<absent>"},
        "u2@contoso.com": {f"CustomAttribute{n}": "<absent>" for n in range(1, 16)}}}})
    facts = t.observe("cloud:Mailbox")
    rows = dict((address, (text, state)) for address, text, state in
                facts.db.execute("SELECT primary_address, custom_attributes, custom_attributes_state FROM t_exchange_recipient WHERE listing = ''"))
    assert rows == {"u0@contoso.com": (json.dumps(["", "Łódź", *[""] * 12, "a,\"b\""], ensure_ascii=False, separators=(",", ":")), 0),
                    "u1@contoso.com": ('[null,"x"]', 0), "u2@contoso.com": (None, 4)}
    guids = facts.db.execute("SELECT count(*) FROM t_exchange_recipient WHERE exchange_guid_state = 0 AND windows_address = primary_address AND listing = ''")
    assert guids.fetchone()[0] == 3


# ---- Cloud Sync ----

WRITEBACK, CLOUD_SYNC, OTHER = "Entra2ADExchangeOnlineAttributeWriteback", "1a4721b3-e57f-4451-ae87-ef078703ec94", "0a0a0a0a-1111-4222-8333-444444444444"


def principal(n, template=CLOUD_SYNC, name="contoso.local"):
    return {"id": f"5a000000-1b2c-4d3e-8f40-{n:012x}", "appId": f"5b000000-1b2c-4d3e-8f40-{n:012x}", "displayName": name, "applicationTemplateId": template}


def sync_state(t, principals, jobs):
    held = t.control("GET", "state")["graph"]["servicePrincipals"][:1]
    t.control("POST", "state", {"graph": {"servicePrincipals": held + principals, "synchronizationJobs": jobs}})


def test_writeback_job_is_read_with_its_mappings(tenant):
    t = tenant()
    one = principal(1)
    last = {"state": "Succeeded", "timeBegan": "2026-11-22T18:00:00Z", "timeEnded": "2026-11-22T18:02:00Z"}
    sync_state(t, [one, principal(2, OTHER, "Payroll")], {one["id"]: [{"templateId": WRITEBACK, "status": {"lastSuccessfulExecution": last}},
                                                                       {"templateId": "AD2AADPasswordHash"}]})
    facts = t.observe("cloud:GraphSynchronizationJob", "cloud:GraphProvisioningAgent")
    assert facts.state("GraphSynchronizationJob") == "complete"
    jobs = {j["templateId"]: j for j in facts.objects("GraphSynchronizationJob")}
    assert set(jobs) == {WRITEBACK, "AD2AADPasswordHash"}
    assert jobs[WRITEBACK]["servicePrincipal"] == "contoso.local" and jobs[WRITEBACK]["status"]["lastSuccessfulExecution"] == last
    assert "mail: [WindowsEmailAddress]" in jobs[WRITEBACK]["attributeMappings"] and len(jobs[WRITEBACK]["attributeMappings"]) == 24
    assert "attributeMappings" not in jobs["AD2AADPasswordHash"]
    # The job is known: no other application is asked. Agents are shown to people only: nobody asks in vain.
    log = [r["path"] for r in t.control("GET", "log?service=graph")]
    assert not [path for path in log if "000000000002/synchronization" in path or "onPremisesPublishing" in path], log
    assert facts.db.execute("SELECT state, objects FROM t_set WHERE name = 'GraphProvisioningAgent'").fetchall() == [("not-configured", 0)]


def test_writeback_job_of_an_unknown_application(tenant):
    """The templates are known from the field: where they show no such job every gallery application is asked."""
    t = tenant()
    others = [principal(n, OTHER, f"App {n}") for n in range(10, 35)]
    sync_state(t, [principal(1), *others, dict(principal(40), applicationTemplateId=None)], {
        others[-1]["id"]: [{"templateId": WRITEBACK.upper()}, {"templateId": "scim"}], others[0]["id"]: [{"templateId": "scim"}], others[1]["id"]: [{"templateId": "Entra2ADNew"}]})
    facts = t.observe("cloud:GraphSynchronizationJob")
    assert facts.state("GraphSynchronizationJob") == "complete"
    assert {(j["templateId"], j["servicePrincipal"]) for j in facts.objects("GraphSynchronizationJob")} == {(WRITEBACK.upper(), "App 34"), ("Entra2ADNew", "App 11")}
    # An application that answers that it has no such thing is no gap; one that refuses, or is cut off, is.
    t.faults([{"match": {"service": "graph", "path": "00000000000a/synch"}, "fault": "status", "args": {
        "status": 404, "body": '{"error": {"code": "Request_ResourceNotFound", "message": "no"}}'}}])
    assert t.observe("cloud:GraphSynchronizationJob").state("GraphSynchronizationJob") == "complete"
    t.faults([{"match": {"service": "graph", "path": "00000000000c/synch"}, "fault": "forbidden"}])
    facts = t.observe("cloud:GraphSynchronizationJob")
    assert facts.state("GraphSynchronizationJob") == "partial" and "Synchronization.Read.All" in facts.set("GraphSynchronizationJob")[-1]


def test_jobs_without_the_right(tenant):
    """No gallery application, no job: complete without the right. One of Cloud Sync that may not be read: not known."""
    t = tenant()
    t.control("POST", "state", {"apps": {APP: {"roles": ["Exchange.ManageAsApp", "Application.Read.All"]}}})
    sync_state(t, [], {})
    assert t.observe("cloud:GraphSynchronizationJob").state("GraphSynchronizationJob") == "complete"
    sync_state(t, [principal(1)], {principal(1)["id"]: [{"templateId": WRITEBACK}]})
    facts = t.observe("cloud:GraphSynchronizationJob")
    assert facts.state("GraphSynchronizationJob") == "failed" and facts.objects("GraphSynchronizationJob") == []
    t.control("POST", "state", {"apps": {APP: {"roles": ["Exchange.ManageAsApp", "Synchronization.Read.All"]}}})
    facts = t.observe("cloud:GraphSynchronizationJob")
    assert facts.state("GraphSynchronizationJob") == "failed" and "Application.Read.All" in facts.set("GraphSynchronizationJob")[-1]


@pytest.mark.parametrize("fault", ["batch_missing", "invalid_json", "status"])
def test_jobs_that_never_came(tenant, fault):
    t = tenant()
    sync_state(t, [principal(1)], {principal(1)["id"]: [{"templateId": WRITEBACK}]})
    t.faults([{"match": {"service": "graph", "path": "batch"}, "fault": fault, "args": {"status": 500} if fault == "status" else {}}])
    facts = t.observe("cloud:GraphSynchronizationJob")
    assert facts.state("GraphSynchronizationJob") == "failed" and facts.objects("GraphSynchronizationJob") == []


def test_mappings_that_are_not_told(tenant):
    """The job stands, its mappings are not known: an empty list would say that nothing is mapped."""
    t = tenant()
    sync_state(t, [principal(1)], {principal(1)["id"]: [{"templateId": WRITEBACK}]})
    t.faults([{"match": {"service": "graph", "path": "/schema"}, "fault": "forbidden"}])
    facts = t.observe("cloud:GraphSynchronizationJob")
    assert facts.state("GraphSynchronizationJob") == "complete"
    assert ["attributeMappings" in j for j in facts.objects("GraphSynchronizationJob")] == [False]


def test_outbound_connectors_are_the_union_of_four_calls(tenant):
    facts = tenant().observe("cloud:OutboundConnector")
    rows = dict(facts.db.execute("SELECT name, listing FROM t_object WHERE kind = 'OutboundConnector'").fetchall())
    assert set(rows) == {"Plain", "Rule scoped", "Test mode", "Both"}
    assert rows["Both"] == "IncludeTestModeConnectors,IsTransportRuleScoped"
    assert facts.db.execute("SELECT count(*) FROM t_set WHERE name = 'OutboundConnector'").fetchone()[0] == 4


def test_one_of_the_four_calls_refused(tenant):
    t = tenant()
    t.faults([{"match": {"cmdlet": "Get-OutboundConnector", "parameters": {"IsTransportRuleScoped": "true"}}, "fault": "forbidden"}])
    facts = t.observe("cloud:OutboundConnector")
    assert facts.state("OutboundConnector") == "failed"
    assert {o["Name"] for o in facts.objects("OutboundConnector")} == {"Plain", "Test mode"}


@pytest.mark.parametrize("way", ["secret_file", "certificate", "federated_token_file", "managed_identity", "device_code"])
def test_five_ways_to_sign_in(tenant, way):
    t = tenant()
    app = t.info["apps"][0]
    env = {}
    credentials = {"client_id": APP}
    if way == "device_code":
        t.control("POST", "state", {"knobs": {"device_code_polls": 1, "device_code_interval": 1}})
        credentials[way] = True
    elif way == "managed_identity":
        env = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": t.info["imds_url"]}
        credentials[way] = True
    else:
        credentials[way] = app[way]
    t.control("POST", "state", {"graph": {"onPremisesPublishingProfiles": {"provisioning": {"agents": [
        {"id": "6c000000-0000-4000-8000-000000000001", "machineName": "SYNC01.contoso.com", "status": "active"}]}}}})
    facts = t.observe("cloud:AcceptedDomain", "cloud:GraphDomain", "cloud:GraphProvisioningAgent", credentials=credentials, env=env)
    assert facts.state("AcceptedDomain") == "complete", facts.set("AcceptedDomain")
    assert facts.state("GraphDomain") == "complete", facts.set("GraphDomain")
    if way == "device_code":
        assert facts.said.count("sign in at") == 1, "a person signs in once for all sources"
        assert facts.state("GraphProvisioningAgent") == "complete"
    assert [a["machineName"] for a in facts.objects("GraphProvisioningAgent")] == (["SYNC01.contoso.com"] if way == "device_code" else [])


def test_a_domain_names_the_tenant(tenant):
    t = tenant()
    facts = t.observe("cloud:AcceptedDomain", tenant="contoso.onmicrosoft.com")
    assert facts.state("AcceptedDomain") == "complete", facts.set("AcceptedDomain")
    assert all(t.info["tenant"] in r["path"] for r in entries(t) if "InvokeCommand" in r["path"])


def entries(t, query=""):
    log = t.log(query)
    return log["requests"] if isinstance(log, dict) else log


# ---- pages, cursors, parts ----

def test_many_pages_in_parts(tenant):
    t = tenant(mailboxes=MAILBOXES)
    facts = t.observe("cloud:Mailbox")
    assert facts.state("Mailbox") == "complete", facts.set("Mailbox")
    assert facts.addresses() == everyone(MAILBOXES)


def test_small_tenants_cost_one_request_for_each_listing(tenant):
    t = tenant(mailboxes=900)
    t.observe("cloud:Mailbox")
    assert sum("InvokeCommand" in r["path"] for r in entries(t)) == 1


@pytest.mark.parametrize("affinity", ["backend", "none"])
def test_cursors_lead_back(tenant, affinity):
    t = tenant(mailboxes=1500, cursor_affinity=affinity)
    facts = t.observe("cloud:Mailbox")
    assert facts.state("Mailbox") == "complete"
    assert facts.addresses() == everyone(1500)


def test_cursors_that_are_always_refused(tenant):
    """B2: parts below one page need no cursor; what does is never called complete."""
    t = tenant(mailboxes=MAILBOXES, cursor_affinity="refuse")
    facts = t.observe("cloud:Mailbox")
    assert facts.addresses() == everyone(MAILBOXES) or facts.state("Mailbox") != "complete"
    assert facts.state("Mailbox") == "complete"
    t.faults([{"match": {"cmdlet": "Get-AcceptedDomain"}, "fault": "truncate", "args": {"rows": 1, "nextlink": True}}])
    facts = t.observe("cloud:AcceptedDomain")
    assert facts.state("AcceptedDomain") == "partial"
    assert len(facts.objects("AcceptedDomain")) == 1


def test_cursor_refused_once(tenant):
    t = tenant(mailboxes=1500)
    t.faults([{"match": {"cmdlet": "Get-Mailbox", "page": "next"}, "fault": "cursor_refused", "times": 1}])
    facts = t.observe("cloud:Mailbox")
    assert facts.state("Mailbox") == "complete"
    assert facts.addresses() == everyone(1500)


@pytest.mark.parametrize("args", [{"rows": 1, "nextlink": False, "warning": True}])
def test_truncated_page_looks_healthy(tenant, args):
    """B1"""
    t = tenant()
    t.faults([{"match": {"cmdlet": "Get-Mailbox"}, "fault": "truncate", "args": args}])
    facts = t.observe("cloud:Mailbox")
    assert facts.state("Mailbox") == "partial"
    assert len(facts.addresses()) == 1


def test_truncated_page_with_a_link_is_drained(tenant):
    t = tenant()
    t.faults([{"match": {"cmdlet": "Get-Mailbox", "page": "first"}, "fault": "truncate",
               "args": {"rows": 1, "nextlink": True, "warning": True}}])
    facts = t.observe("cloud:Mailbox")
    assert facts.state("Mailbox") == "complete", facts.set("Mailbox")
    assert facts.addresses() == everyone(3)


@pytest.mark.parametrize("fault", ["foreign_link", "loop_link"])
@pytest.mark.parametrize("name", ["Mailbox", "GraphDomain"])
def test_links_that_lead_nowhere(tenant, fault, name):
    t = tenant(mailboxes=1500)
    match = {"cmdlet": "Get-Mailbox"} if name == "Mailbox" else {"service": "graph", "path": "domains"}
    t.faults([{"match": match, "fault": fault, "args": {"rows": 1}}])
    facts = t.observe("cloud:" + name)
    if name == "Mailbox":
        assert facts.state(name) == "partial", facts.set(name)
        assert facts.addresses()


def test_an_object_on_two_pages_counts_once(tenant):
    t = tenant(mailboxes=1500)
    t.faults([{"match": {"cmdlet": "Get-Mailbox"}, "fault": "duplicate"}])
    facts = t.observe("cloud:Mailbox")
    assert facts.addresses() == everyone(1500)


def test_empty_pages_are_not_the_end(tenant):
    """B18"""
    t = tenant(graph_empty_pages=True, graph_page_size=5)
    facts = t.observe("cloud:GraphProvisioningError", "cloud:GraphDomain")
    assert facts.state("GraphProvisioningError") == "complete"
    assert len(facts.objects("GraphProvisioningError")) == 1
    assert len(facts.objects("GraphDomain")) == 2


def test_users_with_errors_where_graph_does_not_filter_on_them(tenant):
    t = tenant()
    t.faults([{"match": {"service": "graph", "path": "filter=(on|service)"}, "fault": "status", "args": {
        "status": 400, "body": json.dumps({"error": {"code": "Request_UnsupportedQuery", "message": "no"}})}}])
    facts = t.observe("cloud:GraphProvisioningError")
    assert facts.state("GraphProvisioningError") == "complete", facts.set("GraphProvisioningError")
    assert [u["userPrincipalName"] for u in facts.objects("GraphProvisioningError")] == ["bad@contoso.com"]
    t.faults([{"match": {"service": "graph", "path": "users"}, "fault": "forbidden"}])
    assert t.observe("cloud:GraphProvisioningError").state("GraphProvisioningError") == "failed"


def test_filters_that_are_not_understood(tenant):
    """Without parts, and without the prefilter of Get-Recipient, everything is still read."""
    t = tenant(mailboxes=MAILBOXES)
    t.faults([{"match": {"cmdlet": cmdlet, "parameters": {"Filter": "-"}}, "fault": "exception", "args": {
        "type": "Microsoft.Exchange.AdminApi.CommandInvocation.ParameterTransformationException", "status": 400}}
        for cmdlet in ("Get-Mailbox", "Get-Recipient")])
    facts = t.observe("cloud:Mailbox", "cloud:Recipient")
    assert facts.state("Mailbox") == facts.state("Recipient") == "complete"
    assert facts.addresses() == everyone(MAILBOXES)
    assert facts.addresses("Recipient") == {"g0@contoso.com", "g1@contoso.com"}


# ---- refusals ----

@pytest.mark.parametrize("body", ["nul", "html", "json"])
def test_a_refused_cmdlet_fails_alone(tenant, body):
    """B3, B15"""
    t = tenant()
    t.faults([{"match": {"cmdlet": "Get-MigrationBatch"}, "fault": "forbidden", "args": {"body": body}}])
    facts = t.observe()
    state, answer, why = facts.set("MigrationBatch")
    assert (state, answer) == ("failed", 2)
    assert "Global Reader" in why or "role" in why
    others = facts.states()
    del others["MigrationBatch"]
    assert set(others.values()) == {"complete"}


def test_a_right_that_the_account_lacks(tenant):
    org = organization()
    org["apps"][0]["cmdlets_denied"] = ["Get-JournalRule"]
    t = tenant(org=org)
    state, answer, why = t.observe("cloud:JournalRule").set("JournalRule")
    assert (state, answer) == ("failed", 2)
    assert "Journaling" in why


def test_graph_refuses_a_permission(tenant):
    org = organization()
    org["apps"][0]["roles"].remove("Domain.Read.All")
    t = tenant(org=org)
    facts = t.observe("cloud:GraphDomain", "cloud:GraphOrganization")
    state, answer, why = facts.set("GraphDomain")
    assert (state, answer) == ("failed", 1 + 1)
    assert "Domain.Read.All" in why
    assert facts.state("GraphOrganization") == "complete"


def test_what_no_application_may_read(tenant):
    """The synchronisation's settings are for signed-in people: refused to an application, they are a notice and no gap."""
    org = organization()
    org["apps"][0]["roles"].remove("OnPremDirectorySynchronization.Read.All")
    t = tenant(org=org)
    facts = t.observe("cloud:GraphDirectorySynchronization", "cloud:GraphDomain")
    assert "GraphDirectorySynchronization" not in facts.states()
    assert any("OnPremDirectorySynchronization.Read.All" in text for (text,) in facts.db.execute("SELECT text FROM t_notice"))
    assert facts.state("GraphDomain") == "complete"


@pytest.mark.parametrize("code", [7000222, 700016, 90002, 53003, 50076])
def test_tokens_refused_by_number(tenant, code):
    t = tenant()
    t.faults([{"match": {"service": "token"}, "fault": "aadsts", "args": {"code": code}}])
    facts = t.observe("cloud:Mailbox", "cloud:GraphDomain")
    for name in ("Mailbox", "GraphDomain"):
        state, answer, why = facts.set(name)
        assert (state, answer) == ("failed", 2)
        assert f"AADSTS{code}" in why
    assert "lab-secret" not in " ".join(str(r) for r in facts.db.execute("SELECT * FROM t_set"))


def test_a_certificate_just_rotated(tenant):
    """B14"""
    t = tenant()
    t.faults([{"match": {"service": "token"}, "fault": "aadsts", "args": {"code": 700027}, "times": 3}])
    assert t.observe("cloud:AcceptedDomain").state("AcceptedDomain") == "complete"


def test_not_found_of_a_listing_is_not_none(tenant):
    t = tenant()
    t.faults([{"match": {"cmdlet": "Get-OrganizationRelationship"}, "fault": "not_found"}])
    assert t.observe("cloud:OrganizationRelationship").state("OrganizationRelationship") == "failed"


@pytest.mark.parametrize("fault", ["adminapi_errors", "confirmation"])
def test_success_that_hides_a_failure(tenant, fault):
    """B6, as it concerns reads"""
    t = tenant()
    t.faults([{"match": {"cmdlet": "Get-AcceptedDomain"}, "fault": fault}])
    assert t.observe("cloud:AcceptedDomain").state("AcceptedDomain") != "complete"


# ---- disturbances that pass ----

@pytest.mark.parametrize("fault, args", [
    ("transient_400", {}), ("exception", {"type": "Microsoft.Exchange.Data.Storage.ServerBusyException", "status": 400}),
    ("concurrency", {}), ("concurrency", {"status": 500}), ("reset", {}), ("cut", {"fraction": 0.5}), ("cut", {"bytes": 10}),
    ("gzip_mismatch", {"mode": "label"}), ("gzip_mismatch", {"mode": "body"}), ("invalid_json", {"mode": "cut"}),
    ("invalid_json", {"mode": "garbage"}), ("unauthorized", {}), ("unavailable", {"seconds": 0.2, "form": "fraction"}),
    ("throttle", {"seconds": 0.3, "form": "fraction"}), ("throttle", {"seconds": 1, "form": "integer"}),
    ("throttle", {"seconds": 2, "form": "date"}), ("throttle", {"form": "none"}), ("slow", {"seconds": 1})])
def test_a_disturbance_that_passes(tenant, fault, args):
    """B4, B5, B13, B16, B23, B24"""
    t = tenant(mailboxes=1200)
    t.faults([{"match": {"cmdlet": "Get-Mailbox"}, "fault": fault, "args": args, "times": 2}])
    facts = t.observe("cloud:Mailbox")
    if fault != "unauthorized":     # twice in one request is once more than it is asked again
        assert facts.state("Mailbox") == "complete", facts.set("Mailbox")
    if facts.state("Mailbox") == "complete":
        assert facts.addresses() == everyone(1200)
    assert not t.control("GET", "counters").get("violations"), "came back before Retry-After was over"


@pytest.mark.parametrize("fault, args", [
    ("cut", {"fraction": 0.9}), ("invalid_json", {"mode": "cut"}), ("transient_400", {}), ("reset", {}),
    ("invalid_json", {"mode": "trailing"}), ("invalid_json", {"mode": "html"})])
def test_a_disturbance_that_stays(tenant, fault, args):
    """What came before the disturbance is kept, what did not come is never called complete."""
    t = tenant(mailboxes=1500)
    t.faults([{"match": {"cmdlet": "Get-Mailbox", "page": "next"}, "fault": fault, "args": args}])
    facts = t.observe("cloud:Mailbox")
    assert facts.state("Mailbox") == "partial", facts.set("Mailbox")
    assert len(facts.addresses()) >= 1000


def test_tokens_are_refused_during_a_long_listing(tenant):
    """B13: dropped once, asked again once."""
    t = tenant(mailboxes=MAILBOXES)
    t.faults([{"match": {"cmdlet": "Get-Mailbox", "parameters": {"Filter": f"Alias -like '{letter}*'"}, "nth": 1},
               "fault": "unauthorized", "args": {"revoke": False}} for letter in "abx9"])
    facts = t.observe("cloud:Mailbox")
    assert facts.state("Mailbox") == "complete", facts.set("Mailbox")
    assert facts.addresses() == everyone(MAILBOXES)


def test_tokens_are_renewed_before_they_end(tenant):
    t = tenant(mailboxes=MAILBOXES, token_lifetime=200)     # below the five minutes that must be left
    facts = t.observe("cloud:Mailbox")
    assert facts.state("Mailbox") == "complete", facts.set("Mailbox")
    pages = sum("InvokeCommand" in r["path"] for r in entries(t))
    assert sum(r["path"].endswith("/token") for r in entries(t)) >= pages


def test_single_items_of_a_batch(tenant):
    """B20"""
    t = tenant()
    t.faults([{"match": {"service": "graph", "path": "batch"}, "fault": "batch_throttle", "args": {"count": 2, "seconds": 1}, "times": 1}])
    facts = t.observe("cloud:GraphOrganization", "cloud:GraphDomain", "cloud:GraphServicePrincipal",
                      "cloud:GraphDirectorySynchronization")
    assert set(facts.states().values()) == {"complete"}, facts.states()
    t.faults([{"match": {"service": "graph", "path": "batch"}, "fault": "batch_missing"}])
    facts = t.observe("cloud:GraphOrganization", "cloud:GraphDomain", "cloud:GraphDirectorySynchronization")
    missing = [n for n, s in facts.states().items() if s != "complete"]
    for name in ("GraphOrganization", "GraphDomain", "GraphDirectorySynchronization"):
        assert (name in missing) == (not facts.objects(name))


def test_redirect_to_the_region(tenant):
    """B21: the bearer goes to hosts of the service only, and it does go there."""
    t = tenant()
    port = t.info["url"].rsplit(":", 1)[1]
    t.control("POST", "state", {"knobs": {"regional_redirect": "127.0.0.1:446"}})
    facts = t.observe("cloud:AcceptedDomain")
    assert facts.state("AcceptedDomain") == "complete", facts.set("AcceptedDomain")
    t.control("POST", "state", {"knobs": {"regional_redirect": "127.0.0.1.evil.example:" + port}})
    assert t.observe("cloud:AcceptedDomain").state("AcceptedDomain") == "complete"


def test_a_redirect_in_the_middle(tenant):
    t = tenant(mailboxes=1500)
    t.faults([{"match": {"cmdlet": "Get-Mailbox"}, "fault": "redirect", "times": 1}])
    facts = t.observe("cloud:Mailbox")
    assert facts.state("Mailbox") == "complete", facts.set("Mailbox")
    t.faults([{"match": {"cmdlet": "Get-Mailbox"}, "fault": "redirect", "args": {"host": "evil.example"}}])
    assert t.observe("cloud:Mailbox").state("Mailbox") == "failed"


def test_a_wrong_certificate_is_refused(tenant, tmp_path):
    t = tenant()
    other = lab.start(run_dir=str(tmp_path / "other"), org=organization())
    try:
        t.info["ca_file"], right = other.info["ca_file"], t.info["ca_file"]
        state, _, why = t.observe("cloud:Mailbox").set("Mailbox")
        t.info["ca_file"] = right
    finally:
        other.stop()
    assert state == "failed"
    assert "TLS" in why


@pytest.mark.parametrize("seed", RECOVERABLE_SEEDS)
def test_whatever_passes_loses_nothing(tenant, seed):
    t = tenant(mailboxes=1200)
    t.faults({"seed": seed, "rate": 0.15, "requests": 1000, "patience": 1, "args": {
        "throttle": {"seconds": 0.2, "form": "fraction"}, "unavailable": {"seconds": 0.2, "form": "fraction"},
        "slow": {"seconds": 0.2}, "delay": {"seconds": 0.1}}})
    facts = t.observe()
    assert facts.addresses() <= everyone(1200)
    if facts.state("Mailbox") == "complete":
        assert facts.addresses() == everyone(1200)
    for name in ("AcceptedDomain", "OutboundConnector", "GraphDomain"):
        if facts.state(name) == "complete":
            assert len(facts.objects(name)) == {"AcceptedDomain": 2, "OutboundConnector": 4, "GraphDomain": 2}[name]
    assert set(facts.states().values()) == {"complete"}, [(n, facts.set(n)) for n, s in facts.states().items() if s != "complete"]


@pytest.mark.parametrize("seed", range(100, 106))
def test_whatever_happens_complete_means_complete(tenant, seed):
    kinds = ["cut", "truncate", "cursor_refused", "forbidden", "adminapi_errors", "not_found", "invalid_json", "empty_page",
             "duplicate", "loop_link", "foreign_link", "status", "exception", "redirect", "batch_missing", "reset"]
    t = tenant(mailboxes=1200)
    t.faults({"seed": seed, "rate": 0.3, "requests": 1000, "recoverable": False, "kinds": kinds, "patience": 9})
    facts = t.observe()
    assert facts.addresses() <= everyone(1200)
    if facts.state("Mailbox") == "complete":
        assert facts.addresses() == everyone(1200)
    for name, n in {"AcceptedDomain": 2, "OutboundConnector": 4, "GraphDomain": 2, "InboundConnector": 1}.items():
        if facts.state(name) == "complete":
            assert len(facts.objects(name)) == n


# ---- how many requests ----

@pytest.mark.parametrize("n", [0, 1000, 1001, 20000])
def test_requests_grow_with_pages_only(tenant, n):
    t = tenant(generate={"mailboxes": n}) if n else tenant(mailboxes=0)
    facts = t.observe()
    # A tenant without one mailbox is a tenant that shows none.
    assert facts.state("Mailbox") == ("complete" if n else "failed"), facts.set("Mailbox")
    assert len(facts.addresses()) == n
    requests = len(entries(t))
    assert requests <= math.ceil(n / 1000) + REQUESTS_BESIDE_PAGES, requests
    said = facts.db.execute("SELECT sum(requests) FROM t_source WHERE id IN ('graph', 'exchange-online')").fetchone()[0]
    assert said == requests
