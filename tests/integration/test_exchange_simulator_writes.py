# SPDX-License-Identifier: Apache-2.0
"""Every writing cmdlet of the simulated Exchange Server changes the directory, looked at over LDAP beside it."""
import hashlib

import ldap
import pytest

from test_exchange_simulator import FULL, Server, running, server  # noqa: F401 (fixtures)

HYBRID = "5d0f1c3a-8e7b-4d2a-b1c6-0c0000000003"
TENANT = "contoso.mail.onmicrosoft.com"
QUIET = {"Confirm": False}


class Directory:
    def __init__(self, lab):
        self.link = ldap.initialize(f"ldap://127.0.0.1:{lab.state['directory']['port']}")
        self.link.simple_bind_s(lab.state["directory"]["users"]["admin"], lab.state["passwords"]["admin"])

    def find(self, text):
        """{attribute in lower case: values} of each object that the filter names, below the configuration."""
        found = self.link.search_s("CN=Configuration,DC=contoso,DC=com", ldap.SCOPE_SUBTREE, text)
        return [{name.lower(): [one.decode("utf-8", "replace") for one in values] for name, values in row.items()} for _, row in found]

    def value(self, text, attribute):
        (row,) = self.find(text)
        return row.get(attribute.lower(), [])


@pytest.fixture(scope="module")
def directory(running):  # noqa: F811
    return Directory(running.lab)


@pytest.fixture
def admin(server):  # noqa: F811
    with server.session("admin") as session:
        yield session


def done(result):
    assert result.state == 4 and not result.errors and not result.calls, result.errors or result.failure
    return result


def refused(result):
    """The error's identity. Nothing may have been written."""
    assert len(result.errors) == 1, result.failure
    return result.errors[0]["FullyQualifiedErrorId"]


# name, filter of the object, cmdlet, parameters, attribute, values after
CHANGES = [
    ("send connector off", "(cn=Partner Adatum)", "Set-SendConnector", {"Identity": "Partner Adatum", "Enabled": True}, "msExchSmtpSendEnabled", []),
    ("send connector on", "(cn=Internet Smart Host)", "Set-SendConnector", {"Identity": "Internet Smart Host", "Enabled": False},
     "msExchSmtpSendEnabled", ["FALSE"]),
    ("spaces", "(cn=Partner Adatum)", "Set-SendConnector", {"Identity": "Partner Adatum", "AddressSpaces": ["SMTP:a.example;1", "SMTP:b.example;2"]},
     "routingList", ["SMTP:a.example;1", "SMTP:b.example;2"]),
    ("add and remove", "(cn=Partner Adatum)", "Set-SendConnector",
     {"Identity": "Partner Adatum", "AddressSpaces": {"Add": "SMTP:c.example;1", "Remove": "SMTP:a.example;1"}}, "routingList",
     ["SMTP:b.example;2", "SMTP:c.example;1"]),
    ("receive certificate", "(cn=Default Frontend EX01)", "Set-ReceiveConnector",
     {"Identity": "EX01\\Default Frontend EX01", "TlsCertificateName": None, "TlsDomainCapabilities": None}, "msExchSmtpTLSCertificate", []),
    ("capabilities", "(cn=Default Frontend EX02)", "Set-ReceiveConnector", {"Identity": "EX02\\Default Frontend EX02", "TlsDomainCapabilities": None},
     "msExchSmtpReceiveTlsDomainCapabilities", []),
    ("connector of organisations", f"(cn=HybridIOC - {HYBRID})", "Set-IntraOrganizationConnector",
     {"Identity": f"HybridIOC - {HYBRID}", "Enabled": False}, "msExchFedIsEnabled", ["FALSE"]),
    ("relationship", "(cn=Adatum)", "Set-OrganizationRelationship", {"Identity": "Adatum", "Enabled": False}, "msExchFedIsEnabled", ["FALSE"]),
    ("accepted domain", "(cn=legacy.contoso.com)", "Set-AcceptedDomain", {"Identity": "legacy.contoso.com", "DomainType": "Authoritative"},
     "msExchAcceptedDomainFlags", ["8"]),
    ("partner application", "(cn=Exchange Online)", "Set-PartnerApplication", {"Identity": "Exchange Online", "Enabled": False},
     "msExchAuthFlags", ["2"]),
    ("authorisation server", f"(cn=ACS - {HYBRID})", "Set-AuthServer", {"Identity": f"ACS - {HYBRID}", "IsDefaultAuthorizationEndpoint": True},
     "msExchAuthFlags", ["3"]),
    ("MRS proxy", "(&(cn=EWS (Default Web Site))(msExchInternalHostName=https://ex01*))", "Set-WebServicesVirtualDirectory",
     {"Identity": "EX01\\EWS (Default Web Site)", "MRSProxyEnabled": False}, "msExchMRSProxyFlags", ["0"]),
    ("service point", "(&(objectClass=serviceConnectionPoint)(cn=EX01))", "Set-ClientAccessService",
     {"Identity": "EX01", "AutoDiscoverServiceInternalUri": None}, "serviceBindingInformation", []),
    ("federated organisation", "(objectClass=msExchFedOrgId)", "Set-FederatedOrganizationIdentifier", {"Enabled": False}, "msExchFedIsEnabled",
     ["FALSE"]),
]


@pytest.mark.parametrize("filter_, cmdlet, parameters, attribute, after", [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_set(server, admin, directory, filter_, cmdlet, parameters, attribute, after):  # noqa: F811
    filter_ = filter_.replace("EWS (Default Web Site)", "EWS \\28Default Web Site\\29")
    before = directory.value(filter_, attribute)
    done(admin.run(cmdlet, parameters))
    assert sorted(directory.value(filter_, attribute)) == sorted(after) != sorted(before)
    (entry,) = server.log(cmdlet=cmdlet, executed="true")
    assert entry["changed"][0]["how"] == "modified" and attribute in entry["changed"][0]["values"]


# filter of the object, cmdlet, name of its parameter, its value; "guid": the object's GUID as Get- gives it
REMOVALS = [
    ("(objectClass=msExchCoexistenceRelationship)", "Remove-HybridConfiguration", None, None),
    (f"(cn=HybridIOC - {HYBRID})", "Remove-IntraOrganizationConnector", "Identity", "guid"),
    (f"(cn=Outbound to Office 365 - {HYBRID})", "Remove-SendConnector", "Identity", "guid"),
    ("(cn=Scanner Relay)", "Remove-ReceiveConnector", "Identity", "EX02\\Scanner Relay"),
    (f"(cn=On-premises to O365 - {HYBRID})", "Remove-OrganizationRelationship", "Identity", "guid"),
    ("(&(objectClass=msExchAvailabilityAddressSpace)(cn=%s))" % TENANT, "Remove-AvailabilityAddressSpace", "Identity", TENANT),
    (f"(cn=Hybrid Domain - {TENANT})", "Remove-RemoteDomain", "Identity", f"Hybrid Domain - {TENANT}"),
    (f"(cn=EvoSts - {HYBRID})", "Remove-AuthServer", "Identity", "guid"),
    ("(cn=EnableExchangeHybrid3PAppFeature)", "Remove-SettingOverride", "Identity", "guid"),
    ("(cn=Exchange Online)", "Remove-PartnerApplication", "Identity", "Exchange Online"),
    ("(&(objectClass=msExchAcceptedDomain)(cn=contoso-events.com))", "Remove-AcceptedDomain", "Identity", "contoso-events.com"),
    ("(cn=Fax Gateway)", "Remove-ForeignConnector", "Identity", "Fax Gateway"),
]


@pytest.mark.parametrize("filter_, cmdlet, name, value", REMOVALS, ids=[row[1] for row in REMOVALS])
def test_remove(server, admin, directory, filter_, cmdlet, name, value):  # noqa: F811
    """There, then gone, deleted once. A second time it is not found."""
    (row,) = directory.find(filter_)
    if value == "guid":
        listed = admin.run(cmdlet.replace("Remove", "Get")).output
        value = next(one["Guid"] for one in listed if one["Name"] == row["cn"][0])
    parameters = dict(QUIET, **({name: value} if name else {}))
    done(admin.run(cmdlet, parameters))
    assert directory.find(filter_) == []
    assert "ManagementObjectNotFoundException" in refused(admin.run(cmdlet, parameters))
    entries = server.log(cmdlet=cmdlet, executed="true")
    assert [change["how"] for entry in entries for change in entry["changed"]] == ["deleted"]


# cmdlet, parameters, the noun's Get, a property and its value
CREATIONS = [
    ("New-IntraOrganizationConnector", {"Name": "Again", "DiscoveryEndpoint": "https://a.example/x.svc", "TargetAddressDomains": [TENANT]},
     "TargetAddressDomains", [TENANT]),
    ("New-SendConnector", {"Name": "Again out", "AddressSpaces": [f"smtp:{TENANT};1"], "SourceTransportServers": ["EX01"],
                           "TlsDomain": "mail.protection.outlook.com", "RequireTLS": True, "CloudServicesMailEnabled": True},
     "CloudServicesMailEnabled", True),
    ("New-OrganizationRelationship", {"Name": "Again related", "DomainNames": [TENANT], "MailboxMoveEnabled": True}, "MailboxMoveEnabled", True),
    ("New-AcceptedDomain", {"Name": "again.example", "DomainName": "again.example", "DomainType": "InternalRelay"}, "DomainType", "InternalRelay"),
    ("New-RemoteDomain", {"Name": "Again remote", "DomainName": "again.example"}, "DomainName", "again.example"),
    ("New-AuthServer", {"Name": "Again auth", "AuthMetadataUrl": "https://a.example/json/1", "Type": "AzureAD"}, "Type", "AzureAD"),
    ("New-SettingOverride", {"Name": "Again set", "Component": "Global", "Section": "Any", "Parameters": ["Enabled=true"], "Reason": "<test>"},
     "Parameters", ["Enabled=true"]),
    ("New-HybridConfiguration", {"Features": ["FreeBusy", "Photos"], "Domains": ["contoso.com"]}, "Features", ["FreeBusy", "Photos"]),
    ("Add-AvailabilityAddressSpace", {"ForestName": "again.example", "AccessMethod": "InternalProxy"}, "AccessMethod", "InternalProxy"),
]


@pytest.mark.parametrize("cmdlet, parameters, name, value", CREATIONS, ids=[row[0] for row in CREATIONS])
def test_create_what_was_removed(server, admin, cmdlet, parameters, name, value):  # noqa: F811
    """After the removals above: what an undo needs."""
    (made,) = done(admin.run(cmdlet, dict(QUIET, **parameters))).output
    assert made[name] == value
    listed = admin.run("Get-" + cmdlet.partition("-")[2]).output
    assert [one[name] for one in listed if one["Guid"] == made["Guid"]] == [value]
    assert "ADObjectAlreadyExistsException" in refused(admin.run(cmdlet, dict(QUIET, **parameters)))


# ---- what no attribute holds, names, and nothing to do

def test_settings_without_an_attribute_are_kept(server, admin):  # noqa: F811
    done(admin.run("Set-RemoteDomain", {"Identity": "Default", "TargetDeliveryDomain": True, "AllowedOOFType": "None"}))
    (shown,) = admin.run("Get-RemoteDomain", {"Identity": "Default"}).output
    assert shown["TargetDeliveryDomain"] is True and shown["AllowedOOFType"] == "None"
    again = done(admin.run("Set-RemoteDomain", {"Identity": "Default", "TargetDeliveryDomain": True}))
    assert len(again.warnings) == 1 and len(server.log(cmdlet="Set-RemoteDomain", executed="true")) == 1


def test_a_guid_outlives_the_name(server, admin):  # noqa: F811
    (made,) = done(admin.run("New-RemoteDomain", {"Name": "Before", "DomainName": "renamed.example"})).output
    done(admin.run("Set-RemoteDomain", {"Identity": "Before", "Name": "After, with a comma"}))
    (shown,) = admin.run("Get-RemoteDomain", {"Identity": made["Guid"]}).output
    assert shown["Name"] == "After, with a comma" and refused(admin.run("Get-RemoteDomain", {"Identity": "Before"}))
    done(admin.run("Remove-RemoteDomain", dict(QUIET, Identity=made["Guid"])))


# ---- mailboxes and their databases

def test_the_last_mailboxes_and_their_database(server, admin):  # noqa: F811
    """A database goes when nothing refers to it any more: not the hidden references either, that no list shows."""
    done(admin.run("Set-ADServerSettings", {"ViewEntireForest": True}))
    lists = [{}, {"Arbitration": True}, {"AuditLog": True}, {"AuxAuditLog": True}, {"Monitoring": True}, {"PublicFolder": True}]
    rows = [(listing, one) for listing in lists
            for one in admin.run("Get-Mailbox", dict(listing, Database="DB02", ResultSize="Unlimited")).output]
    assert len(rows) > 5
    for listing, mailbox in rows:
        done(admin.run("Disable-Mailbox", dict({k: True for k in listing if k in ("Arbitration", "PublicFolder")}, Confirm=False,
                                               Identity=mailbox["Guid"])))
    blocked = refused(admin.run("Remove-MailboxDatabase", dict(QUIET, Identity="DB02")))
    assert "AssociatedUserMailboxExist" in blocked
    for hidden in ("Warehouse Kiosk", "SystemMailbox{5e0fb1d2-7c34-4a8e-9a53-6b1c2d3e4f50}"):
        done(admin.run("Remove-Mailbox", dict(QUIET, Identity=hidden)))
    archived = [one for one in admin.run("Get-Mailbox", {"Archive": True, "ResultSize": "Unlimited"}).output if one["ArchiveDatabase"] == "DB02"]
    for mailbox in archived:
        done(admin.run("Disable-Mailbox", dict(QUIET, Identity=mailbox["Guid"], Archive=True)))
    done(admin.run("Remove-MailboxDatabase", dict(QUIET, Identity="DB02")))
    assert [one["Name"] for one in admin.run("Get-MailboxDatabase").output] == ["DB01"]


def test_arbitration_mailboxes_need_their_switches(server, admin):  # noqa: F811
    box = {"Identity": "SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}", "Confirm": False}
    assert "ManagementObjectNotFound" in refused(admin.run("Disable-Mailbox", box))
    assert "RecipientTask" in refused(admin.run("Disable-Mailbox", dict(box, Arbitration=True)))
    done(admin.run("Disable-Mailbox", dict(box, Arbitration=True, DisableArbitrationMailboxWithOABsAllowed=True)))
    assert box["Identity"] not in [one["Name"] for one in admin.run("Get-Mailbox", {"Arbitration": True}).output]


def test_a_move_request_is_cleared(server, admin):  # noqa: F811
    before = {one["Name"]: one["Status"] for one in admin.run("Get-MoveRequest").output}
    assert before["Dorothy Vaughan"] == "Completed"
    done(admin.run("Remove-MoveRequest", dict(QUIET, Identity="Dorothy Vaughan")))
    assert set(before) - {one["Name"] for one in admin.run("Get-MoveRequest").output} == {"Dorothy Vaughan"}


# ---- what stands in the way of what

def test_the_default_domain_stays(server, admin):  # noqa: F811
    assert "CannotRemoveDefaultAcceptedDomain" in refused(admin.run("Remove-AcceptedDomain", dict(QUIET, Identity="contoso.com")))
    assert "DomainIsReferenced" in refused(admin.run("Remove-AcceptedDomain", dict(QUIET, Identity=TENANT)))
    assert server.log(executed="true") == []


def test_federation_ends_in_order(server, admin, directory):  # noqa: F811
    """Domains before the namespace, the namespace before the trust, the trust before its certificate."""
    done(admin.run("Add-FederatedDomain", dict(QUIET, DomainName="contoso.net")))
    certificate = next(one for one in admin.run("Get-ExchangeCertificate", {"Server": "EX01"}).output if one["Subject"] == "CN=Federation")
    trust, namespace = {"Identity": "Microsoft Federation Gateway"}, "FYDIBOHF25SPDLT.contoso.com"
    by_thumbprint = {"Thumbprint": certificate["Thumbprint"], "Server": "EX01"}
    (listed,) = admin.run("Get-FederatedOrganizationIdentifier", {"IncludeExtendedDomainInfo": True}).output
    assert listed["Domains"] == [namespace, "contoso.net"]
    assert refused(admin.run("Remove-ExchangeCertificate", dict(QUIET, **by_thumbprint)))
    assert "TrustInUse" in refused(admin.run("Remove-FederationTrust", dict(QUIET, **trust)))
    assert "CannotRemoveAccountNamespace" in refused(admin.run("Remove-FederatedDomain", dict(QUIET, DomainName=namespace)))
    done(admin.run("Remove-FederatedDomain", dict(QUIET, DomainName="contoso.net")))
    server.control("store", {"federation_release_fails": True})
    assert "LiveDomainServices" in refused(admin.run("Remove-FederatedDomain", dict(QUIET, DomainName=namespace)))
    assert directory.value("(objectClass=msExchFedOrgId)", "msExchFedAccountNamespace") == [namespace]
    done(admin.run("Remove-FederatedDomain", dict(QUIET, DomainName=namespace, Force=True)))
    assert directory.value("(objectClass=msExchFedOrgId)", "msExchFedAccountNamespace") == []
    done(admin.run("Remove-FederationTrust", dict(QUIET, **trust)))
    assert directory.find("(objectClass=msExchFedTrust)") == []
    assert directory.value("(objectClass=msExchFedOrgId)", "msExchFedDelegationTrust") == []
    done(admin.run("Remove-ExchangeCertificate", dict(QUIET, **by_thumbprint)))
    assert "CN=Federation" not in [one["Subject"] for one in admin.run("Get-ExchangeCertificate", {"Server": "EX01"}).output]
    server.control("store", method="DELETE")


def test_a_certificate_in_use_stays(server, admin):  # noqa: F811
    """A send connector that names it, then nobody: by GUID and thumbprint, on the server that is meant."""
    made = {"Name": "Uses it", "AddressSpaces": ["SMTP:uses.example;1"]}
    (connector,) = done(admin.run("New-SendConnector", dict(QUIET, **made))).output
    identifier = "<I>CN=Example Issuing CA, O=Example<S>CN=mail.contoso.com"
    done(admin.run("Set-SendConnector", {"Identity": connector["Guid"], "TlsCertificateName": identifier}))
    rows = admin.run("Get-ExchangeCertificate", {"Server": "EX02"}).output
    wanted = next(one for one in rows if one["Subject"] == "CN=mail.contoso.com")
    chosen = dict(QUIET, Thumbprint=wanted["Thumbprint"], Server="EX02")
    result = admin.run("Remove-ExchangeCertificate", chosen)
    assert refused(result) and "tagged with following Send Connectors : Uses it" in result.errors[0]["Exception"]["Message"]
    default = next(one for one in rows if one["Subject"] == "CN=EX02")
    assert refused(admin.run("Remove-ExchangeCertificate", dict(chosen, Thumbprint=default["Thumbprint"])))
    done(admin.run("Set-SendConnector", {"Identity": connector["Guid"], "TlsCertificateName": None}))
    done(admin.run("Remove-ExchangeCertificate", chosen))
    assert len(admin.run("Get-ExchangeCertificate", {"Server": "EX02"}).output) == len(rows) - 1
    assert refused(admin.run("Remove-ExchangeCertificate", chosen))
    server.control("store", method="DELETE")


def test_certificates_hold_what_a_reader_needs(server):  # noqa: F811
    """With full serialisation only the DER bytes; the text forms' thumbprint is their hash."""
    with server.session(query=FULL) as session:
        full = session.run("Get-ExchangeCertificate").output
    with server.session() as session:
        flat = session.run("Get-ExchangeCertificate").output
    assert [hashlib.sha1(one["RawData"]).hexdigest().upper() for one in full] == [one["Thumbprint"] for one in flat]
    assert all("Thumbprint" not in one for one in full)


def test_what_is_not_in_the_directory(server, admin):  # noqa: F811
    done(admin.run("Set-OrganizationConfig", {"PublicFoldersEnabled": "None"}))
    assert admin.run("Get-OrganizationConfig").output[0]["PublicFoldersEnabled"] == "None"
    done(admin.run("Set-ServerComponentState", {"Identity": "EX01", "Component": "HubTransport", "Requester": "Maintenance", "State": "Draining"}))
    states = {one["Component"]: one["State"] for one in admin.run("Get-ServerComponentState", {"Identity": "EX01"}).output}
    assert states["HubTransport"] == "Draining" and states["ServerWideOffline"] == "Active"
    server.control("store", method="DELETE")
    assert admin.run("Get-OrganizationConfig").output[0]["PublicFoldersEnabled"] == "Local"


def test_a_write_that_has_no_effect(server, admin, directory):  # noqa: F811
    """The server says it did, and the log says that nothing was written."""
    server.control("faults", [{"match": {"writes": True}, "fault": "no_effect"}])
    done(admin.run("Set-SendConnector", {"Identity": "Partner Adatum", "Enabled": False}))
    assert directory.value("(cn=Partner Adatum)", "msExchSmtpSendEnabled") == [] and server.log(executed="true") == []


def test_the_directory_is_lost(server, admin):  # noqa: F811
    server.lab.stop_part("directory")
    try:
        assert "ADTransientException" in refused(admin.run("Get-SendConnector"))
    finally:
        server.lab.start_part("directory")
    assert admin.run("Get-SendConnector").output


def test_the_authentication_certificate_is_one_of_theirs(server, admin):  # noqa: F811
    (auth,) = admin.run("Get-AuthConfig").output
    rows = admin.run("Get-ExchangeCertificate", {"Thumbprint": auth["CurrentCertificateThumbprint"]}).output
    assert [one["Subject"] for one in rows] == ["CN=Microsoft Exchange Server Auth Certificate"]
