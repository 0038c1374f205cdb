# SPDX-License-Identifier: Apache-2.0
"""What the cleanup's tests rest on: the simulators refuse what the services refuse, log what they change, lag behind on demand,
are put back as they were; and the person of `dev lab operator` runs what stands in a text, and nothing else."""
import base64
import os
import re
import subprocess
import time

import ldap
import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from conftest import TOP
from fixtures.lab import powershell, snapshot, written
from fixtures.lab.cloudsim import cmdlets as cloud_cmdlets
from fixtures.lab.exchangesim import executor, nouns, writes
from fixtures.lab.lab import Lab
from fixtures.lab.person import Failed, Person
from fixtures.lab.powershell import Command, NotUnderstood, Switch

HYBRID = "5d0f1c3a-8e7b-4d2a-b1c6-0f0000000003"
ORGANISATION = "7a1c2e4f-5b6d-4c3a-9e8f-0f0000000002"
AGENT = "c2e8a4d6-1b3f-4a5c-8d7e-0f0000000031"
SHELL, ONLINE = "in Exchange Management Shell on FABEX01", "in Exchange Online PowerShell"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    lab = Lab("fabrikam", str(tmp_path_factory.mktemp("lab") / "fabrikam"))
    lab.up(("directory", "cloud"), exchange="basic")
    lab.clean = snapshot.take(lab)
    yield lab
    lab.down()


@pytest.fixture
def lab(running):
    """As after the start."""
    yield running
    snapshot.restore(running, running.clean)


@pytest.fixture
def person(lab, tmp_path):
    return Person(lab, str(tmp_path / "fabrikam.case"))


def refused(run, text, where=""):
    with pytest.raises(Failed) as failed:
        run(text, where)
    return str(failed.value)


# ---- what the writers may send

def header(name):
    """{cmdlet: [parameters]} of an executor's table."""
    with open(os.path.join(TOP, "engine", "executors", name), encoding="utf-8") as text:
        rows = re.sub(r"/\*.*?\*/", "", text.read(), flags=re.DOTALL)
    quoted = r'((?:"[^"]*"\s*)+)'
    found = re.findall(r'\{"(\w+-\w+)",\s*(true|false),\s*(?:true|false),\s*' + quoted + r",\s*" + quoted, rows)
    out = {name: [one.split(":")[0] for one in "".join(re.findall('"([^"]*)"', taken)).split()] + (["Identity"] if identity == "true" else [])
           for name, identity, _, taken in found}
    assert len(out) == len(re.findall(r'\{"\w+-\w+"', rows))
    return out


def test_every_cmdlet_of_the_writers_is_served():
    table = executor.load_table()
    for name, parameters in header("exchange_server_cmdlets.h").items():
        verb, _, noun = name.partition("-")
        assert {one.lower() for one in parameters} <= set(table[name.lower()].parameters), name
        assert (verb, noun) in writes.SPECIAL or noun in {"Remove": nouns.NOUNS, "Set": writes.SETS, "New": writes.NEW, "Add": writes.NEW}[verb], name
    for name, parameters in header("exchange_online_cmdlets.h").items():
        assert set(parameters) <= set(cloud_cmdlets.TABLE[name]), name


# ---- the state as a whole

def test_a_snapshot_shows_what_changed_and_puts_it_back(lab, person):
    person.run("Set-SendConnector 'To our cloud and Tailspin' -AddressSpaces 'smtp:tailspin.mail.onmicrosoft.com;1'\n"
               "Remove-HybridConfiguration -Confirm:$false\nRemove-OrganizationRelationship 'Former partner'", SHELL)
    person.run("Remove-InboundConnector 'From the payroll service'", ONLINE)
    rows = snapshot.differences(lab.clean, snapshot.take(lab))
    told = {(side, kind, name.split(",")[0].removeprefix("cn=").removeprefix("CN="), how) for side, kind, name, how, _ in rows}
    assert told == {("on-premises", "msExchRoutingSMTPConnector", "To our cloud and Tailspin", "changed"),
                    ("on-premises", "msExchCoexistenceRelationship", "Hybrid Configuration", "removed"),
                    ("on-premises", "msExchFedSharingRelationship", "Former partner", "removed"),
                    ("cloud", "InboundConnector", "From the payroll service", "removed")}
    assert {name for *_, changed in rows for name in changed} == {"routingList", "whenChanged"}
    snapshot.restore(lab, lab.clean)
    assert snapshot.differences(lab.clean, snapshot.take(lab)) == [] and written.of(lab) == []


def test_each_change_is_logged_with_its_object(lab, person):
    person.run("Remove-AuthServer 'Own ADFS'", SHELL)
    person.run("Remove-RemoteDomain 'To Adatum'\nSet-RemoteDomain 'Default' -TNEFEnabled $true", ONLINE)
    rows = [(row["side"], row["by"], row["how"], row["values"]) for row in written.of(lab)]
    assert rows[:2] == [("on-premises", "Remove-AuthServer", "deleted", []), ("cloud", "Remove-RemoteDomain", "deleted", [])]
    assert rows[2][:3] == ("cloud", "Set-RemoteDomain", "modified") and "TNEFEnabled" in rows[2][3]
    assert all(re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", row["object"]) for row in written.of(lab))
    assert written.deleted_twice(written.of(lab)) == []
    assert written.deleted_twice(written.of(lab) + written.of(lab)[:1]) != []


def test_a_second_removal_finds_nothing(lab, person):
    for text, where in (("Remove-AuthServer 'Own ADFS'", SHELL), ("Remove-RemoteDomain 'To Adatum'", ONLINE)):
        person.run(text, where)
        assert "ManagementObjectNotFoundException" in refused(person.run, text, where)
    assert len(written.of(lab)) == 2


def test_drains_of_recipients_are_counted(lab, unhybrid):
    """Each audit reads all recipients once, from every place; looking at one is no drain."""
    snapshot.restore(lab, lab.clean)
    for times in (1, 2):
        unhybrid.audit(lab.path("fabrikam.yaml"))
        counted = snapshot.drains(lab)
        assert set(counted.values()) == {times}
        assert {"cloud Get-Mailbox {}", "on-premises Get-Mailbox {}", "directory dc=fabrikam,dc=com"} <= set(counted)
    snapshot.exchange(lab, "run", {"cmdlet": "Get-Mailbox", "parameters": {"Identity": "nobody@fabrikam.com"}})
    snapshot.cloud(lab, "run", {"cmdlet": "Get-Mailbox", "parameters": {"Identity": "sales@fabrikam.com"}})
    assert snapshot.drains(lab) == counted


# ---- lag

def connector(lab):
    """What LDAP shows of the hybrid send connector: whether it is there, and whether it is switched off."""
    link = snapshot.connect(lab)
    found = link.search_s("CN=Configuration,DC=fabrikam,DC=com", ldap.SCOPE_SUBTREE, f"(cn=Outbound to Office 365 - {HYBRID})")
    link.unbind_s()
    return [row.get("msExchSmtpSendEnabled") for _, row in found]


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_ldap_lags_behind_the_cmdlets(lab, person):
    snapshot.exchange(lab, "knobs", {"replication_lag": 0.6})
    name = f"Outbound to Office 365 - {HYBRID}"
    person.run(f"Set-SendConnector '{name}' -Enabled $false", SHELL)
    (shown,) = [snapshot.exchange(lab, "run", {"cmdlet": "Get-SendConnector", "parameters": {"Identity": name}})["output"]]
    assert shown[0]["Enabled"] is False and connector(lab) == [None]
    until(lambda: connector(lab) == [[b"FALSE"]])
    person.run(f"Remove-SendConnector '{name}'", SHELL)
    assert "ManagementObjectNotFoundException" in refused(person.run, f"Remove-SendConnector '{name}'", SHELL)
    assert connector(lab) == [[b"FALSE"]]
    until(lambda: connector(lab) == [])
    assert [row["how"] for row in written.of(lab)] == ["modified", "deleted"]


def test_the_cloud_lags_behind_its_writes(lab, person):
    """A write lands on one of three domain controllers; reads are served by any."""
    snapshot.cloud(lab, "state", {"knobs": {"replication_lag": 1.0, "graph_lag": 1.0}})
    person.run("Remove-RemoteDomain 'To Adatum'", ONLINE)

    def seen():
        rows = snapshot.cloud(lab, "run", {"cmdlet": "Get-RemoteDomain", "parameters": {}})["value"]["value"]
        return any(row["Name"] == "To Adatum" for row in rows)
    assert {seen() for _ in range(60)} == {True, False}
    until(lambda: not any(seen() for _ in range(20)))


# ---- what depends on what

def test_federation_is_taken_apart_in_its_order(lab, person):
    assert "can't be removed while domains are federated" in refused(person.run, "Remove-FederationTrust 'Microsoft Federation Gateway'")
    assert "can't be removed while other domains are federated" in refused(person.run, "Remove-FederatedDomain -DomainName fabrikam.com")
    federation = next(row for row in snapshot.exchange(lab, "store", {})["certificates"] if row["subject"] == "CN=Federation")
    remove = f"Remove-ExchangeCertificate -Thumbprint {federation['thumbprint']} -Server FABEX01"
    assert "used by a federation trust" in refused(person.run, remove)
    person.run("Remove-FederatedDomain -DomainName fabrikam.net\nRemove-FederatedDomain -DomainName fabrikam.com\n"
               "Remove-FederationTrust 'Microsoft Federation Gateway'\n" + remove)
    assert [row["by"] for row in written.of(lab) if row["how"] == "deleted"] == ["Remove-FederationTrust", "Remove-ExchangeCertificate"]


def test_an_expired_federation_certificate_needs_force(lab, person):
    rows = snapshot.exchange(lab, "store", {})["certificates"]
    row = next(row for row in rows if row["subject"] == "CN=Federation")
    from fixtures.lab.exchangesim.local_state import make_certificate
    row["raw"] = base64.b64encode(make_certificate("CN=Federation", days=-1, key=row["key"])).decode()
    snapshot.exchange(lab, "store", {"certificates": rows})
    assert "1007 AccessDenied" in refused(person.run, "Remove-FederatedDomain -DomainName fabrikam.net")
    person.run("Remove-FederatedDomain -DomainName fabrikam.net -Force")


def test_a_certificate_that_a_connector_names_stays(lab, person):
    row = next(row for row in snapshot.exchange(lab, "store", {})["certificates"] if row["subject"] == "CN=mail.fabrikam.com")
    remove = f"Remove-ExchangeCertificate -Thumbprint {row['thumbprint']} -Server FABEX01 -Confirm:$false"
    assert "tagged with following Send Connectors" in refused(person.run, remove)
    person.run(f"Set-SendConnector 'Outbound to Office 365 - {HYBRID}' -TlsCertificateName $null\n" + remove)


def test_an_endpoint_with_a_batch_stays(lab, person):
    remove = "Remove-MigrationEndpoint 'Hybrid Migration Endpoint - labs'"
    snapshot.cloud(lab, "state", {"add": {"MigrationBatch": [{"Name": "Wave 1", "Status": "Synced", "SourceEndpoint": "Hybrid Migration Endpoint - labs"}]}})
    assert "in use by the batch 'Wave 1'" in refused(person.run, remove)
    snapshot.cloud(lab, "state", {"remove": {"MigrationBatch": ["Wave 1"]}})
    person.run(remove)


def test_an_organisation_needs_its_connectors(lab, person):
    """Removed and made again: another GUID of its own, the same organisation's."""
    inbound, outbound = f"Inbound from {HYBRID}", f"Outbound to {HYBRID}"
    again = (f"New-OnPremisesOrganization -Name '{ORGANISATION}' -HybridDomains fabrikam.com,fabrikam.net -InboundConnector '{inbound}'"
             f" -OutboundConnector '{outbound}' -OrganizationGuid {ORGANISATION} -OrganizationName Fabrikam")
    before = snapshot.cloud(lab, "run", {"cmdlet": "Get-OnPremisesOrganization", "parameters": {}})["value"]["value"]
    assert "already exists" in refused(person.run, again)
    person.run(f"Remove-OnPremisesOrganization {ORGANISATION}\nRemove-OutboundConnector '{outbound}'", ONLINE)
    assert f"'{outbound}' couldn't be found" in refused(person.run, again)
    person.run(f"New-OutboundConnector -Name '{outbound}' -ConnectorType OnPremises -SmartHosts mail.fabrikam.com\n" + again)
    after = snapshot.cloud(lab, "run", {"cmdlet": "Get-OnPremisesOrganization", "parameters": {}})["value"]["value"]
    one, other = ({row["OrganizationGuid"]: row for row in rows}[ORGANISATION] for rows in (before, after))
    assert one["Guid"] != other["Guid"] and one["HybridDomains"] == other["HybridDomains"] == ["fabrikam.com", "fabrikam.net"]


@pytest.mark.parametrize("where", (SHELL, ONLINE))
def test_a_domain_is_in_one_relationship_only(lab, person, where):
    assert "adatum.example' already exists in the organization relationship" in refused(
        person.run, "New-OrganizationRelationship -Name Again -DomainNames other.example,Adatum.example", where)
    person.run("New-OrganizationRelationship -Name Again -DomainNames other.example", where)
    assert "already exists in" in refused(person.run, "Set-OrganizationRelationship Again -DomainNames adatum.example", where)


def test_a_dehydrated_organisation_refuses(lab, person):
    snapshot.cloud(lab, "state", {"edit": {"OrganizationConfig": {"fabrikam.onmicrosoft.com": {"IsDehydrated": True}}}})
    assert "InvalidOperationInDehydratedContext" in refused(person.run, "Remove-RemoteDomain 'To Adatum'", ONLINE)
    assert written.of(lab) == []


# ---- the text

def test_text_as_powershell_reads_it():
    statements = powershell.parse(
        "# a comment; not run\nRemove-X -Identity 'It''s ‘‘one''; Remove-Y' -Confirm:$false # why\n"
        "Set-Y a.b -List 'x', \"y`\"z\",3 -Empty $null `\n  -Also @('q') -More @{Remove='a';Add=@('b','c')} -Force; Get-Z")
    assert statements == [
        Command("Remove-X", [("Identity", "It's ‘one'; Remove-Y"), ("Confirm", False)]),
        Command("Set-Y", [(None, "a.b"), ("List", ["x", 'y"z', 3]), ("Empty", None), ("Also", ["q"]), ("More", {"Remove": "a", "Add": ["b", "c"]}),
                          ("Force", Switch)]),
        Command("Get-Z", [])]


@pytest.mark.parametrize("text", (
    "Remove-X 'open", 'Remove-X "$name"', "Get-X | Remove-X", "Remove-X > file", "rm -rf /", "& Remove-X", "if ($true) { Remove-X }", "Remove-X )",
    "Remove-X {1}", "$x.Y = 3", "Remove-X -A:", "Remove-X.exe", "Remove-X -List 'a',", "[IO.File]::WriteAllBytes('a'", "Remove-X 'a' 'b'$c"))
def test_what_is_not_understood_is_an_error(text):
    with pytest.raises(NotUnderstood):
        powershell.parse(text)


@pytest.mark.parametrize("text, where", (
    ("Remove-Everything", SHELL), ("Remove-OrganizationRelationship Adatum", ""), ("Remove-OrganizationRelationship Adatum", "somewhere"),
    ("[IO.File]::Delete('a')", SHELL), ("Import-Module 'C:\\Other.psm1'", SHELL), ("Remove-HybridApplication -Name x", "")))
def test_nothing_runs_where_a_part_is_not_understood(lab, person, text, where):
    with pytest.raises((NotUnderstood, Failed)):
        person.run("Remove-AuthServer 'Own ADFS'\n" + text if where == SHELL and "Module" not in text else text, where)
    assert written.of(lab) == []


def test_a_certificate_with_its_key_is_exported(lab, person):
    row = next(row for row in snapshot.exchange(lab, "store", {})["certificates"] if row["subject"] == "CN=Federation")
    person.run("$password = Read-Host -AsSecureString 'Password of the PFX file'\n"
               f"$pfx = Export-ExchangeCertificate -Thumbprint {row['thumbprint']} -Server FABEX01 -BinaryEncoded -Password $password\n"
               f"[IO.File]::WriteAllBytes('C:\\Temp\\{row['thumbprint']}.pfx', $pfx.FileData)", SHELL)
    path = os.path.join(person.case, "exports", row["thumbprint"] + ".pfx")
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open(path, "rb") as pfx:
        key, certificate, _ = pkcs12.load_key_and_certificates(pfx.read(), b"lab-pfx-password")
    assert key is not None and certificate.fingerprint(certificate.signature_hash_algorithm) is not None
    auth = next(row for row in snapshot.exchange(lab, "store", {})["certificates"] if "Auth Certificate" in row["subject"])
    assert "isn't exportable" in refused(person.run, f"Export-ExchangeCertificate -Thumbprint {auth['thumbprint']} -BinaryEncoded -Password x")


def test_the_hybrid_agent_is_removed(lab, person):
    module = 'Import-Module "$env:ProgramFiles\\Microsoft Hybrid Service\\HybridManagement.psm1"\n'
    assert "not loaded" in refused(person.run, f"Remove-HybridApplication -appId {AGENT} -Credential (Get-Credential)")
    person.run(module + f"Remove-HybridApplication -appId {AGENT} -Credential (Get-Credential)")
    assert [(row["kind"], row["name"], row["how"]) for row in written.of(lab)] == [("applications", AGENT, "deleted"), ("servicePrincipals", AGENT, "deleted")]
    assert "no application of a Hybrid Agent" in refused(
        person.run, module + "Remove-HybridApplication -appId 9c4d2e1f-6a7b-4c8d-9e0f-0f0000000021 -UserPrincipalName admin@fabrikam.com")


def test_the_command_line(lab):
    """dev lab operator: what it did on stdout; what it did not understand on stderr, exit 1."""
    environment = dict(os.environ, UNHYBRID_LAB=os.path.dirname(lab.directory))

    def dev(text):
        return subprocess.run([os.path.join(TOP, "dev"), "lab", "operator", "fabrikam", "--stdin", "--where", ONLINE], input=text, text=True,
                              capture_output=True, check=False, env=environment)
    done = dev("Remove-RemoteDomain -Identity 'To Adatum'\n")
    assert (done.returncode, done.stdout) == (0, "cloud: Remove-RemoteDomain -Identity 'To Adatum'\n"), done.stderr
    done = dev("Remove-RemoteDomain 'To Adatum' | Out-Null\n")
    assert done.returncode == 1 and "a pipeline or redirection" in done.stderr
