# SPDX-License-Identifier: Apache-2.0
"""The steps after the uninstall on small facts: what of Active Directory and of Exchange Online's principal goes, exactly, and what
stays whatever it is called. Facts are written row by row and planned with facts_plan, one step at a time, as in test_steps_trust.py.
"""
import json
import subprocess

import pytest

from test_steps_trust import BASE as HYBRID_BASE, DRIVERS, EXO, LABS, NOW, OTHERS, Plan, TENANT, _numbers, auth_server, cloud, guid, obj, pytestmark  # noqa: F401

CFG, DOM = "CN=Configuration,DC=contoso,DC=com", "DC=contoso,DC=com"
SERVICES = f"CN=Services,{CFG}"
EXCHANGE, ORGANIZATION = f"CN=Microsoft Exchange,{SERVICES}", f"CN=Contoso,CN=Microsoft Exchange,{SERVICES}"
POINTER = f"CN=Microsoft Exchange Autodiscover,{SERVICES}"
GROUPS, SYSTEM = f"OU=Microsoft Exchange Security Groups,{DOM}", f"CN=Microsoft Exchange System Objects,{DOM}"
URL, LEADS = "77378F46-2C66-4aa9-A6A6-3E7A48B19596", "67661d7F-8FC4-4fa7-BFAC-E1D7794C1F68"
AFTER = ["service-connection-point", "hybrid-object", "system-account", "well-known-object", "system-objects-container", "security-group",
         "organization-container", "autodiscover-container"]
OPT_IN = {"system-objects-container", "security-group", "organization-container", "autodiscover-container"}
BASE = [row for row in HYBRID_BASE if row["row"]["kind"] != "ExchangeServer"]
SETS = """on-premises:DirectoryEntry on-premises:ExchangeServer on-premises:HybridConfiguration on-premises:SettingOverride
 on-premises:IntraOrganizationConnector cloud:IntraOrganizationConnector on-premises:OrganizationRelationship cloud:OrganizationRelationship
 on-premises:SendConnector on-premises:AvailabilityAddressSpace cloud:AvailabilityAddressSpace on-premises:RemoteDomain cloud:RemoteDomain
 on-premises:AcceptedDomain cloud:AcceptedDomain cloud:OnPremisesOrganization cloud:GraphServicePrincipal
 on-premises:AuthServer on-premises:FederationTrust on-premises:FederatedOrganizationIdentifier""".split()


def entry(dn, class_, area="configuration", id_=None, **attributes):
    context = CFG if dn.endswith(CFG) else DOM
    return {"table": "directory_entry", "row": {"area": area, "context": context, "guid": id_ or guid(), "dn": dn, "class": class_, "json": attributes}}


def plan(tmp_path, step, *rows, lacking=(), base=BASE, anchors=None, named=True):
    path = tmp_path / f"facts-{next(_numbers)}.db"
    lines = [{"table": "observation", "row": dict(organization="contoso", tenant=TENANT, program="0", host="lab", started_at=NOW - 120,
                                                  ended_at=NOW - 60, interrupted=0)}, *base, *rows]
    for name in SETS:
        side, _, short = name.partition(":")
        lines.append({"table": "set", "row": dict(source="lab", side=side, name=short, part="", state="partial" if name in lacking else "complete",
                                                  answer=3 if name in lacking else 0, objects=1, why="", observed_at=NOW - 60)})
    subprocess.run([DRIVERS / "facts_make", path], input="\n".join(map(json.dumps, lines)).encode(), check=True, timeout=60)
    done = subprocess.run([DRIVERS / "facts_plan", path, step, str(NOW), json.dumps(anchors or {}), *(["named"] if named else [])],
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return Plan(json.loads(done.stdout))


def dns(made):
    """What is deleted, and how many objects go with each."""
    return {a["directory"]["dn"]: len(a["directory"]["below"]) for a in made.actions if a["directory"]["action"] == "delete"}


def scp(name, keyword, binding, where=None, **more):
    dn = f"CN={name},{where}" if where else f"CN={name},CN=Autodiscover,CN=Protocols,CN={name},CN=Servers,CN=AG,CN=Administrative Groups,{ORGANIZATION}"
    return entry(dn, "serviceConnectionPoint", keywords=[keyword, "Site=Berlin"], serviceBindingInformation=[binding], **more)


ORG_ENTRIES = [entry(EXCHANGE, "msExchConfigurationContainer"), entry(ORGANIZATION, "msExchOrganizationContainer"),
               entry(POINTER, "container")]


# ---- what holds of every step

def everything():
    """One object at least for each of the steps."""
    return [*ORG_ENTRIES, scp("EX01", URL, "https://mail.contoso.com/autodiscover/autodiscover.xml"),
            entry(f"CN=Exchange Servers,{GROUPS}", "group", "security-groups"), entry(SYSTEM, "msExchSystemObjectsContainer", "system-objects"),
            entry(f"CN=SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}},CN=Users,{DOM}", "user", "accounts", userAccountControl=["514"])]


@pytest.mark.parametrize("step", AFTER)
def test_while_a_server_is_there_nothing_goes(tmp_path, step):
    server = obj("ExchangeServer", "EX01", IsEdgeServer=False)
    made = plan(tmp_path, step, *everything(), server)
    assert made.state == "skipped" and "EX01" in made.why and not made.actions, made
    # Its object alone is left, which no list of servers shows: a role's settings, or one that is half deleted.
    for class_ in ("msExchExchangeServer", "msExchExchangeTransportServer"):
        ghost = entry(f"CN=EX02,CN=Servers,CN=AG,CN=Administrative Groups,{ORGANIZATION}", class_)
        made = plan(tmp_path, step, *everything(), ghost)
        assert made.state == "blocked" and "CN=EX02" in made.why and not made.actions, made


@pytest.mark.parametrize("step", AFTER)
def test_what_was_not_read_in_full_is_not_acted_on(tmp_path, step):
    made = plan(tmp_path, step, *everything(), lacking=["on-premises:DirectoryEntry"])
    assert made.state == "unknown" and "on-premises:DirectoryEntry" in made.why and not made.actions, made
    made = plan(tmp_path, step, *everything(), lacking=["on-premises:ExchangeServer"])
    assert made.state == "skipped" and not made.actions, made


@pytest.mark.parametrize("step", AFTER)
def test_an_empty_directory_is_a_normal_state(tmp_path, step):
    made = plan(tmp_path, step)
    assert made.state == "nothing", made


@pytest.mark.parametrize("step", AFTER)
def test_what_nobody_can_tell_the_use_of_is_left_unless_it_is_named(tmp_path, step):
    rows = everything() if step != "autodiscover-container" else [entry(POINTER, "container")]
    rows += [entry(f"CN=Hybrid Configuration,CN=Hybrid Configuration,{ORGANIZATION}", "msExchCoexistenceRelationship", id_=HYBRID["row"]["guid"]), HYBRID,
             entry(EXCHANGE, "msExchConfigurationContainer", otherWellKnownObjects=[GONE] if step == "well-known-object" else [])]
    made = plan(tmp_path, step, *rows, named=False)
    if step in OPT_IN:
        assert made.state == "skipped" and f"--only {step}" in made.why and not made.actions, made
        made = plan(tmp_path, step, *rows)
        assert made.state == "actions" and all(a["approval"] for a in made.actions), made
    else:
        assert made.state == "actions" and not any(a.get("approval") for a in made.actions), made
    assert {a["executor"] for a in made.actions} == {"directory"} and {a["reversible"] for a in made.actions} == {"yes"}, made


# ---- service connection points

def test_service_connection_points(tmp_path):
    rows = [*ORG_ENTRIES, scp("EX01", URL.lower(), "https://mail.contoso.com/autodiscover/autodiscover.xml"),
            scp("Microsoft Exchange Online", LEADS, "https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc", POINTER),
            scp("labs.example", LEADS, "LDAP://dc.labs.example", POINTER),
            scp("EX09", URL, "https://mail.labs.example/autodiscover/autodiscover.xml", POINTER),
            scp("Printer", "11111111-2222-4333-8444-555555555555", "x", f"CN=Somebody,{ORGANIZATION}"),
            # Called as what it is not: its place is another's, with the real place in its name.
            scp("EX66", URL, "https://x.example/", f"CN=x\\,CN=Microsoft Exchange\\,CN=Services,CN=Other,{SERVICES}")]
    # The same entry is read again among the connection points: it is one object.
    rows.append({"table": "directory_entry", "row": dict(rows[3]["row"], area="connection-points")})
    made = plan(tmp_path, "service-connection-point", *rows)
    assert {dn.split(",")[0]: n for dn, n in dns(made).items()} == {"CN=EX01": 0}, made
    assert "mail.contoso.com" in made.actions[0]["why"] and made.actions[0]["directory"]["class"] == "serviceConnectionPoint"
    owners = {name.split(",")[0]: owner for name, owner in made.owners.items()}
    assert owners == {"CN=EX01": "hybrid", "CN=Microsoft Exchange Online": "tenant", "CN=labs.example": "other-forest", "CN=EX09": "other-forest",
                      "CN=Printer": "tenant", "CN=EX66": "other-forest"}, owners
    # One that somebody put elsewhere: it leads to one of the servers, or only into a domain of this organisation.
    moved = scp("EX01", URL, "https://mail.contoso.com/autodiscover/autodiscover.xml", POINTER)
    (action,) = plan(tmp_path, "service-connection-point", moved, anchors={"server-host": ["mail.contoso.com"]}).actions
    assert not action.get("approval"), action
    (action,) = plan(tmp_path, "service-connection-point", moved).actions
    assert "put there by a person" in action["approval"], action
    other = scp("EX01", URL, "https://mail.notcontoso.com/autodiscover/autodiscover.xml", POINTER)
    assert plan(tmp_path, "service-connection-point", other).state == "nothing"
    untold = entry(f"CN=EX02,CN=Autodiscover,CN=Protocols,{ORGANIZATION}", "serviceConnectionPoint", serviceBindingInformation=["x"])
    assert plan(tmp_path, "service-connection-point", *rows, untold).state == "unknown"


def test_the_container_of_pointers_stays_with_the_organisation(tmp_path):
    pointer = scp("Microsoft Exchange Online", LEADS, "https://autodiscover-s.outlook.com/", POINTER)
    made = plan(tmp_path, "autodiscover-container", *ORG_ENTRIES, pointer)
    assert made.state == "nothing" and made.owners == {POINTER: "tenant"}, made
    made = plan(tmp_path, "autodiscover-container", ORG_ENTRIES[2], pointer)
    assert dns(made) == {POINTER: 1} and made.actions[0]["directory"]["below"] == [pointer["row"]["guid"]], made
    for other in (scp("labs.example", LEADS, "LDAP://dc.labs.example", POINTER), entry(f"CN=x,{POINTER}", "container")):
        made = plan(tmp_path, "autodiscover-container", ORG_ENTRIES[2], pointer, other)
        assert made.state == "nothing" and made.owners == {POINTER: "other-forest"}, made


# ---- accounts

def account(name, where=f"CN=Users,{DOM}", control="514", area="accounts", **more):
    return entry(f"CN={name},{where}", "user", area, userAccountControl=[control], **more)


MONITORING = f"CN=Monitoring Mailboxes,{SYSTEM}"
SETUPS = [account("SystemMailbox{1f05a927-89c0-4725-adca-4527114196a1}"), account("SystemMailbox{BB558C35-97F1-4CB9-8FF7-D53741DC928C}"),
          account("Migration.8f3e7716-2011-43e4-96b1-aba62d229136"), account("FederatedEmail.4c1f4d8b-8179-4148-93bf-00a95fa1e042"),
          account("DiscoverySearchMailbox {D919BA05-46A6-415f-80AD-7E09334BB852}"),
          account("SystemMailbox{0c5d7a55-2a0e-4d7b-9b6a-5a3a2e1f0c11}", SYSTEM, area="system-objects"),
          account("HealthMailbox" + "0123456789abcdef" * 2, MONITORING, "66048", "system-objects")]


def test_accounts_that_setup_made(tmp_path):
    child = entry(f"CN=ExchangeActiveSyncDevices,{SETUPS[-1]['row']['dn']}", "msExchActiveSyncDevices", "system-objects")
    made = plan(tmp_path, "system-account", *SETUPS, child)
    assert dns(made) == {row["row"]["dn"]: int(row is SETUPS[-1]) for row in SETUPS}, made
    assert not any(a.get("approval") for a in made.actions), "a monitoring account is enabled by nature"


@pytest.mark.parametrize("attribute", ["homeMDB", "msExchMailboxGuid", "msExchHomeServerName", "msExchArchiveGUID", "msExchArchiveDatabaseLink"])
def test_accounts_that_still_are_mailboxes_stay(tmp_path, attribute):
    value = [{"bytes": 16, "mark": "0" * 16}] if attribute.endswith("GUID") or attribute.endswith("Guid") else ["x"]
    rows = [dict(r, row=dict(r["row"], json=dict(r["row"]["json"], **{attribute: value}))) for r in SETUPS]
    made = plan(tmp_path, "system-account", *rows)
    assert made.state == "nothing" and set(made.owners.values()) == {"server"} and all(attribute in why for why in made.reasons.values()), made


def test_accounts_that_are_called_so(tmp_path):
    made = plan(tmp_path, "system-account", account("Migration.Team"), account("HealthMailbox of the clinic"), account("SystemMailbox{x}"),
                account("FederatedEmail.4c1f4d8b-8179-4148-93bf-00a95fa1e043"), account("HealthMailbox" + "g" * 32),
                entry(f"CN=SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}},CN=Computers,{DOM}", "computer", "accounts"))
    assert made.state == "nothing" and set(made.owners.values()) == {"tenant"} and len(made.owners) == 5, made
    # Enabled: somebody may use it.
    made = plan(tmp_path, "system-account", account("SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}", control="512"))
    assert "enabled" in made.actions[0]["approval"], made


# ---- groups, and links to them

GONE = r"B:32:A7D2016C83F003458132789EEB127B84:CN=Exchange Servers\0ADEL:4f1c0000-0000-4000-8000-000000000001,CN=Deleted Objects,DC=contoso,DC=com"
LIVE = f"B:32:EA876A58DB6DD04C9006939818F800EB:CN=Trusted by us,{GROUPS}"
FOREIGN = f"B:32:00000000000000000000000000000000:CN=DEL:x,{GROUPS}"


def test_links_to_deleted_groups(tmp_path):
    made = plan(tmp_path, "well-known-object", entry(EXCHANGE, "msExchConfigurationContainer", otherWellKnownObjects=[GONE, LIVE, FOREIGN]),
                entry(f"CN=Other,{SERVICES}", "msExchConfigurationContainer", otherWellKnownObjects=[GONE]))
    (action,) = made.actions
    assert action["verb"] == "reduce" and action["directory"]["dn"] == EXCHANGE, action
    assert action["directory"]["edits"] == [{"type": "replace", "attribute": "otherWellKnownObjects", "values": [LIVE, FOREIGN]}], action
    assert [e["value"] for e in action["expect"]] == [GONE], action
    (action,) = plan(tmp_path, "well-known-object", entry(EXCHANGE, "msExchConfigurationContainer", otherWellKnownObjects=[GONE])).actions
    assert action["directory"]["edits"] == [{"type": "replace", "attribute": "otherWellKnownObjects", "values": []}], action
    for links in ([LIVE, FOREIGN], []):
        assert plan(tmp_path, "well-known-object", entry(EXCHANGE, "msExchConfigurationContainer", otherWellKnownObjects=links)).state == "nothing"
    unread = entry(EXCHANGE, "msExchConfigurationContainer", otherWellKnownObjects=[GONE, {"bytes": 9000, "mark": "0" * 16}])
    assert plan(tmp_path, "well-known-object", unread).state == "unknown"


def group(name, members=0):
    return entry(f"CN={name},{GROUPS}", "group", "security-groups", **({"member": [f"CN=m{i},{DOM}" for i in range(members)]} if members else {}))


def test_security_groups(tmp_path):
    container = entry(EXCHANGE, "msExchConfigurationContainer", otherWellKnownObjects=[LIVE, FOREIGN, GONE])
    rows = [entry(GROUPS, "organizationalUnit", "security-groups"), group("Trusted by us", 2), group("Exchange Servers"), group("Help Desk of the town")]
    made = plan(tmp_path, "security-group", container, *rows)
    # The link tells, whatever the name; one that is only called so may be somebody's own.
    assert dns(made) == {f"CN=Trusted by us,{GROUPS}": 0} and "has 2 members" in made.actions[0]["approval"], made
    made = plan(tmp_path, "security-group", *rows)
    assert dns(made) == {f"CN=Exchange Servers,{GROUPS}": 0} and made.owners[f"CN=Help Desk of the town,{GROUPS}"] == "tenant", made


# ---- containers

def test_the_container_of_system_objects(tmp_path):
    inside = [entry(MONITORING, "container", "system-objects"), SETUPS[-1], entry(f"CN=Exchange Install Domain Servers,{SYSTEM}", "group", "system-objects")]
    root = entry(SYSTEM, "msExchSystemObjectsContainer", "system-objects")
    made = plan(tmp_path, "system-objects-container", root, *inside)
    assert dns(made) == {SYSTEM: 3} and sorted(made.actions[0]["directory"]["below"]) == sorted(r["row"]["guid"] for r in inside), made
    for stays in (entry(f"CN=News,{SYSTEM}", "publicFolder", "system-objects", mail=["news@contoso.com"]), entry(f"CN=x,{SYSTEM}", "contact", "system-objects"),
                  entry(f"CN=somebody,{SYSTEM}", "user", "system-objects"), entry(f"CN=Ours,{SYSTEM}", "group", "system-objects"),
                  account("HealthMailbox" + "f" * 32, MONITORING, area="system-objects", homeMDB=["CN=DB"])):
        made = plan(tmp_path, "system-objects-container", root, *inside, stays)
        assert made.state == "nothing" and stays["row"]["dn"] in made.reasons[SYSTEM], made


def test_the_organisation(tmp_path):
    below = [entry(f"CN=c{i},{ORGANIZATION}", "msExchContainer") for i in range(300)] + [entry(f"CN=a\\,b,CN=c1,{ORGANIZATION}", "msExchPolicy")]
    # Names that SQL would take for patterns, and a neighbour whose name ends in the organisation's.
    near = [entry(f"CN=My Contoso,{EXCHANGE}", "container"), entry(f"CN=x,CN=C_ntoso,{EXCHANGE}", "container")]
    made = plan(tmp_path, "organization-container", *ORG_ENTRIES, *below, *near)
    assert dns(made) == {ORGANIZATION: 301} and set(made.actions[0]["directory"]["below"]) == {r["row"]["guid"] for r in below}, made.notes
    assert any("300 of msExchContainer" in n and "1 of msExchPolicy" in n for n in made.notes), made.notes
    second = entry(f"CN=Second,{EXCHANGE}", "msExchOrganizationContainer")
    assert plan(tmp_path, "organization-container", *ORG_ENTRIES, second).state == "unknown"
    assert plan(tmp_path, "organization-container", *ORG_ENTRIES, entry(f"CN=x,{ORGANIZATION}", "contact")).state == "nothing"


# ---- hybrid objects

HYBRID = obj("HybridConfiguration", "Hybrid Configuration", source="directory", Domains=["contoso.com"])


def test_hybrid_objects_that_survived(tmp_path):
    spaces = {"Outbound": (["smtp:contoso.mail.onmicrosoft.com;1"], "hybrid"), "Both": (["smtp:contoso.mail.onmicrosoft.com;1", "smtp:adatum.example;1"], "server"),
              "To Adatum": (["smtp:adatum.example;1"], "server")}
    rows = [*ORG_ENTRIES, HYBRID, entry(f"CN=Hybrid Configuration,CN=Hybrid Configuration,{ORGANIZATION}", "msExchCoexistenceRelationship", id_=HYBRID["row"]["guid"])]
    for name, (space, _) in spaces.items():
        rows.append(obj("SendConnector", name, source="directory", AddressSpaces=space, CloudServicesMailEnabled=False, TlsDomain=""))
        rows.append(entry(f"CN={name},CN=Connections,{ORGANIZATION}", "msExchRoutingSMTPConnector", id_=rows[-1]["row"]["guid"]))
    for name, domains in (("ours", ["contoso.mail.onmicrosoft.com"]), ("Labs", ["labs.example"])):
        rows.append(obj("IntraOrganizationConnector", name, source="directory", TargetAddressDomains=domains, Enabled=True, DiscoveryEndpoint="https://x.example/"))
        rows.append(entry(f"CN={name},{ORGANIZATION}", "msExchIntraOrganizationConnector", id_=rows[-1]["row"]["guid"]))
    # In Exchange Online: not this step's.
    rows.append(cloud("IntraOrganizationConnector", "HybridIOC", TargetAddressDomains=["contoso.com"], Enabled=True, DiscoveryEndpoint="https://mail.contoso.com/"))
    made = plan(tmp_path, "hybrid-object", *rows, *OTHERS)
    assert set(dns(made)) == {rows[4]["row"]["dn"], f"CN=Outbound,CN=Connections,{ORGANIZATION}", f"CN=ours,{ORGANIZATION}"}, made
    assert "no cmdlet is left" in made.reasons[f"CN=Both,CN=Connections,{ORGANIZATION}"]
    assert {name: made.owners[f"CN={name},CN=Connections,{ORGANIZATION}"] for name in spaces} == {name: owner for name, (_, owner) in spaces.items()}


def test_what_the_servers_trusted_microsoft_by(tmp_path):
    """Told as before the uninstall; in Active Directory the type is a number, and the metadata's host tells."""
    acs = f"https://accounts.accesscontrol.windows.net/{TENANT}/metadata/json/1"
    rows = [auth_server("EvoSts", 4, source="directory"), auth_server("ACS", 1, "", acs, source="directory"),
            auth_server("Other tenant", 4, LABS, f"https://login.windows.net/{LABS}/federationmetadata.xml", source="directory"),
            auth_server("AD FS", 5, None, "https://sts.contoso.com/federationmetadata.xml", source="directory"),
            obj("FederationTrust", "Gateway", source="directory"), obj("FederationTrust", "Another", source="directory")]
    link = obj("FederatedOrganizationIdentifier", "Federation", source="directory", AccountNamespace="FYDIBOHF25SPDLT.contoso.com",
               DelegationTrustLink=f"CN=Gateway,CN=Federation Trusts,{ORGANIZATION}", Enabled=True)
    entries = [entry(f"CN={row['row']['name']},CN=Kept,{ORGANIZATION}", "msExchAuthAuthServer", id_=row["row"]["guid"]) for row in rows]
    entries[4]["row"]["class"] = entries[5]["row"]["class"] = "msExchFedTrust"
    rows[4]["row"]["identity"] = f"CN=Gateway,CN=Federation Trusts,{ORGANIZATION}"
    made = plan(tmp_path, "hybrid-object", *ORG_ENTRIES, *entries, *rows, link)
    assert {dn.split(",")[0] for dn in dns(made)} == {"CN=EvoSts", "CN=ACS", "CN=Gateway"}, made
    assert {dn.split(",")[0]: owner for dn, owner in made.owners.items()} == {
        "CN=EvoSts": "hybrid", "CN=ACS": "hybrid", "CN=Gateway": "hybrid", "CN=Other tenant": "partner", "CN=AD FS": "server", "CN=Another": "partner"}
    # Which trust is the federated organisation's nobody could read: none of the two goes.
    del link["row"]["json"]["DelegationTrustLink"]
    assert plan(tmp_path, "hybrid-object", *ORG_ENTRIES, *entries, *rows, link).state == "unknown"


# ---- names of Exchange Online's principal

def principal(*names, **more):
    return obj("GraphServicePrincipal", "Office 365 Exchange Online", "cloud", **dict({"appId": EXO, "keyCredentials": [], "servicePrincipalNames": list(names)}, **more))


NAMES = ["https://outlook.office365.com/", EXO, "Microsoft.Exchange", "https://mail.contoso.com/", "https://autodiscover.contoso.com/", "https://MAIL.labs.example/",
         "https://ex01.corp.contoso.com", "exchangeMDB/ex01.corp.contoso.com", "https://mail.contoso.com/owa/", "https://mail.contoso.com:444/", "https://old.contoso.com/", "https://notcontoso.com/"]


def test_names_of_hosts_that_are_gone(tmp_path):
    anchors = {"server-host": ["mail.contoso.com", "ex01.corp.contoso.com"]}
    made = plan(tmp_path, "service-principal-name", principal(*NAMES), *OTHERS, anchors=anchors)
    ours, asked = made.actions
    assert sorted(ours["graph"]["names"]) == ["https://autodiscover.contoso.com/", "https://ex01.corp.contoso.com", "https://mail.contoso.com/"], ours
    assert not ours.get("approval") and {e["value"] for e in ours["expect"]} == set(ours["graph"]["names"])
    assert asked["graph"]["names"] == ["https://old.contoso.com/"] and "old.contoso.com" in asked["approval"], asked
    assert "labs.example" in made.reasons["Office 365 Exchange Online"], made
    # Nobody knows the hosts any more: a person is asked of each but autodiscover.
    made = plan(tmp_path, "service-principal-name", principal(*NAMES), *OTHERS)
    assert [(a["graph"]["names"], bool(a.get("approval"))) for a in made.actions] == [
        (["https://autodiscover.contoso.com/"], False), (["https://mail.contoso.com/"], True), (["https://ex01.corp.contoso.com"], True),
        (["https://old.contoso.com/"], True)], made
    assert plan(tmp_path, "service-principal-name", principal(*NAMES[:3])).state == "nothing"
    untold = principal()
    del untold["row"]["json"]["servicePrincipalNames"]
    assert plan(tmp_path, "service-principal-name", untold).state == "unknown"
    assert LABS, "the other forest's organisation stands in OTHERS"


def test_names_in_a_domain_that_another_forest_has_too(tmp_path):
    """Its servers may be behind the very host by which ours were reached; a domain that only ends alike says nothing."""
    anchors = {"server-host": ["mail.contoso.com", "mail.contoso.net"]}
    rows = [principal("https://mail.contoso.com/", "https://autodiscover.contoso.com/", "https://old.contoso.com/", "https://mail.contoso.net/"),
            obj("AcceptedDomain", "contoso.net", DomainName="contoso.net")]
    for domains, taken in ((["contoso.com"], ["https://mail.contoso.net/"]), (["contoso.com", "contoso.net"], []), (["labs.example", "toso.com"], None)):
        other = cloud("OnPremisesOrganization", "Labs", OrganizationGuid=LABS, HybridDomains=domains)
        made = plan(tmp_path, "service-principal-name", *rows, other, anchors=anchors)
        if taken is None:
            assert [sorted(a["graph"]["names"]) for a in made.actions] == [
                ["https://autodiscover.contoso.com/", "https://mail.contoso.com/", "https://mail.contoso.net/"], ["https://old.contoso.com/"]], made
            continue
        assert [a["graph"]["names"] for a in made.actions] == [taken] * bool(taken), made
        assert all(name in made.reasons["Office 365 Exchange Online"] for name in ("mail.contoso.com", "autodiscover.contoso.com", "old.contoso.com")), made


# ---- steps of before the uninstall, once there is no server

BOTH = [obj("AvailabilityAddressSpace", "here", source="directory", ForestName="contoso.mail.onmicrosoft.com", AccessMethod="InternalProxy"),
        cloud("AvailabilityAddressSpace", "there", ForestName="contoso.com", AccessMethod="InternalProxy")]


def test_without_a_server_the_cloud_goes_on(tmp_path):
    """Nobody can run its cmdlets; what they would have changed is named, and Exchange Online's part is planned."""
    made = plan(tmp_path, "availability-address-space", *BOTH)
    assert [(a["executor"], a["subject"]["name"]) for a in made.actions] == [("exchange-online", "there")], made
    assert made.owners == {"here": "hybrid", "there": "hybrid"} and any("here is still in Active Directory" in n for n in made.notes), made
    made = plan(tmp_path, "availability-address-space", *BOTH, base=HYBRID_BASE)
    assert sorted(a["executor"] for a in made.actions) == ["exchange-online", "exchange-server"], made
    # Whether there is a server is not known: the plan is the one for a server.
    made = plan(tmp_path, "availability-address-space", *BOTH, lacking=["on-premises:ExchangeServer"])
    assert sorted(a["executor"] for a in made.actions) == ["exchange-online", "exchange-server"], made


def test_what_stood_on_servers_went_with_them(tmp_path):
    """No source can show it any more, and none has to; what stands in the organisation has to be seen all the same."""
    for step in ("mrs-proxy", "receive-connector"):
        assert plan(tmp_path, step, base=HYBRID_BASE).state == "unknown", "no such set was read"
        assert plan(tmp_path, step).state == "nothing"
    made = plan(tmp_path, "availability-address-space", *BOTH, lacking=["on-premises:AvailabilityAddressSpace"])
    assert made.state == "unknown" and not made.actions, made
